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
use crate::palliative::enrollment::attribution::add;
use crate::palliative::enrollment::attribution::is_held;
use crate::palliative::enrollment::attribution::listed;
use crate::palliative::enrollment::facts::list;
use crate::palliative::program::Program;

impl Session {
    /// The sites that a patient's general practitioners lead to on a day.
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
            let Some(local) = Reference::parse_under(to, self.base_url()).local() else { continue };
            let name = format!("{}/{}", local.ty, local.id);
            match local.ty.name() {
                "Organization" => add(&mut candidates, &name, &[]),
                "PractitionerRole" => {
                    self.filed(local.ty, local.id)?
                        .iter()
                        .for_each(|role| of_role(&mut candidates, role, (on, program)));
                }
                "Practitioner" => {
                    for role in self.roles_of(&name)? {
                        of_role(&mut candidates, &role, (on, program));
                    }
                }
                _ => {}
            }
        }
        Ok(candidates)
    }

    /// To whom the programme's attribution list attributes a patient on a day.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub fn attributed_by_list(
        &self,
        patient: &str,
        (on, program): (Date, &Program),
    ) -> Result<Option<String>, Failure> {
        let Some(to) = program.attribution_group.as_deref() else { return Ok(None) };
        let Some(local) = Reference::parse_under(to, self.base_url()).local() else { return Ok(None) };
        let group = self.filed(local.ty, local.id)?;
        Ok(group.and_then(|group| listed(&group, patient, on, program).map(str::to_owned)))
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

/// Adds the site of a role that is held on the day, with who holds it.
fn of_role(candidates: &mut Vec<Candidate>, role: &Resource, (on, program): (Date, &Program)) {
    let Some(site) = role.text("/organization/reference").filter(|_| is_held(role, on, program)) else {
        return;
    };
    let own = format!("{}/{}", role.ty(), role.id().unwrap_or_default());
    let providers: Vec<&str> =
        role.text("/practitioner/reference").into_iter().chain([own.as_str()]).collect();
    add(candidates, site, &providers);
}
