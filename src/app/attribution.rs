//! What tells to which medical home a patient belongs: general practitioners, their roles, and the programme's attribution
//! list. It is read whoever asks, as all that a decision about an episode rests on.
//! <https://hl7.org/fhir/R4/practitionerrole.html>

use jiff::civil::Date;

use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::form::encoded;
use crate::fhir::reference::Reference;
use crate::palliative::enrollment::attribution::Candidate;
use crate::palliative::enrollment::attribution::Why;
use crate::palliative::enrollment::attribution::add;
use crate::palliative::enrollment::attribution::attribute;
use crate::palliative::enrollment::attribution::is_held;
use crate::palliative::enrollment::attribution::listed;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::guards::is_medical_home;
use crate::palliative::program::Program;

impl Session {
    /// The medical homes that a patient's general practitioners lead to on a day.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub fn sites_of(
        &self,
        patient: &Resource,
        (on, program): (Date, &Program),
    ) -> Result<Vec<Candidate>, Failure> {
        let mut candidates = Vec::new();
        for one in list(patient.get("generalPractitioner")) {
            let Some(to) = one.get("reference").and_then(serde_json::Value::as_str) else { continue };
            self.lead(&mut candidates, to, (on, program))?;
        }
        // Not every organization is a medical home, and none is attributed that is none on the day.
        let mut homes = Vec::new();
        for candidate in candidates {
            let local = Reference::parse(&candidate.site).local();
            let site = local.map(|local| self.filed(local.ty, local.id)).transpose()?.flatten();
            let is_home = |site: &Resource| {
                site.get("active").and_then(serde_json::Value::as_bool) != Some(false)
                    && is_medical_home(site, on, program)
            };
            if site.as_ref().is_some_and(is_home) {
                homes.push(candidate);
            }
        }
        Ok(homes)
    }

    /// The medical home to which a patient is attributed on a day, and why; none where nothing tells which. The visits are
    /// read only where nothing else tells.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub fn home_on(
        &self,
        (patient, chart): (&str, &Chart),
        on: (Date, &Program),
    ) -> Result<Option<(String, Why)>, Failure> {
        let Some(person) = chart.find(patient) else { return Ok(None) };
        let sites = self.sites_of(person, on)?;
        let several = sites.len() > 1;
        let listed = if several { self.attributed_by_list(patient, on)? } else { None }.unwrap_or_default();
        let among = |chart: &Chart| {
            attribute(&sites, &listed, (chart, on.0, on.1)).map(|(site, why)| (site.to_owned(), why))
        };
        let found = among(chart);
        if found.is_some() || !several {
            return Ok(found);
        }
        let id = patient.strip_prefix("Patient/").unwrap_or_default();
        Ok(among(&self.chart(id, &["Encounter"])?))
    }

    /// Adds the sites that a general practitioner, or whom a list names, leads to on a day.
    fn lead(
        &self,
        candidates: &mut Vec<Candidate>,
        to: &str,
        (on, program): (Date, &Program),
    ) -> Result<(), Failure> {
        let Some(local) = Reference::parse_under(to, self.base_url()).local() else { return Ok(()) };
        let name = format!("{}/{}", local.ty, local.id);
        let roles = match local.ty.name() {
            "Organization" => {
                add(candidates, &name, &[]);
                Vec::new()
            }
            "PractitionerRole" => self.filed(local.ty, local.id)?.into_iter().collect(),
            "Practitioner" => self.roles_of(&name)?,
            _ => Vec::new(),
        };
        for role in roles.iter().filter(|role| is_held(role, on, program)) {
            self.add_role(candidates, role);
        }
        Ok(())
    }

    /// Adds the site of a role with who holds it. An organization that is only described within the role, or is of
    /// another service, is no site here.
    fn add_role(&self, candidates: &mut Vec<Candidate>, role: &Resource) {
        let local = |place: &str| {
            let local = Reference::parse_under(role.text(place)?, self.base_url()).local()?;
            Some((local.ty.name(), format!("{}/{}", local.ty, local.id)))
        };
        let site = local("/organization/reference").filter(|(ty, _)| *ty == "Organization");
        let Some((_, site)) = site else { return };
        let own = format!("{}/{}", role.ty(), role.id().unwrap_or_default());
        let holder = local("/practitioner/reference").map(|(_, name)| name);
        let providers: Vec<&str> = holder.as_deref().into_iter().chain([own.as_str()]).collect();
        add(candidates, &site, &providers);
    }

    /// To whom the programme's attribution list attributes a patient on a day: whom it names, and the sites where that
    /// one works on the day; none where the list that the programme names is not here.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub fn attributed_by_list(
        &self,
        patient: &str,
        (on, program): (Date, &Program),
    ) -> Result<Option<Vec<String>>, Failure> {
        let Some(to) = program.attribution_group.as_deref() else { return Ok(Some(Vec::new())) };
        let Some(local) = Reference::parse_under(to, self.base_url()).local() else { return Ok(None) };
        let Some(group) = self.filed(local.ty, local.id)? else { return Ok(None) };
        let Some(provider) = listed(&group, patient, on, program) else { return Ok(Some(Vec::new())) };
        let mut sites = Vec::new();
        self.lead(&mut sites, provider, (on, program))?;
        let local = Reference::parse_under(provider, self.base_url()).local();
        let own = local.map(|local| format!("{}/{}", local.ty, local.id));
        Ok(Some(own.into_iter().chain(sites.into_iter().map(|one| one.site)).collect()))
    }

    /// A resource, whoever asks; none where there is none.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub fn filed(&self, ty: ResourceType, id: &str) -> Result<Option<Resource>, Failure> {
        match self.as_service().read(ty, id) {
            Ok(stored) => Ok(Some(Resource::from_value(stored.value()?)?)),
            Err(failure) if matches!(failure.reason, Reason::NotFound | Reason::Deleted) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    fn roles_of(&self, practitioner: &str) -> Result<Vec<Resource>, Failure> {
        let ty = ResourceType::parse("PractitionerRole").expect("PractitionerRole is a type of R4");
        let found = self.as_service().find(ty, &format!("practitioner={}", encoded(practitioner)))?;
        found.iter().map(|one| Resource::from_value(one.value()?)).collect()
    }
}
