//! Where the general practitioners of patients work, many with a few queries: their roles and the organizations, which
//! stand in no compartment. <https://hl7.org/fhir/R4/practitionerrole.html>
//!
//! They are read whoever asks. They are no patient's data, and what a caller may not see of them would make one who
//! belongs to a medical home into one who does not.

use std::collections::BTreeSet;

use crate::app::Known;
use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::reference::Reference;
use crate::palliative::enrollment::facts::list;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::findings::read;
use crate::store::payment;

/// The types that a Patient names as general practitioner.
const NAMED: [&str; 3] = ["Organization", "Practitioner", "PractitionerRole"];

/// What somebody is named by: type and id.
type Name = (ResourceType, String);

/// The roles and organizations to which the general practitioners of each of these Patients lead, in their order.
///
/// # Errors
/// Only what the database fails with.
pub(crate) fn practices<'a>(
    conn: &mut Conn,
    patients: impl Iterator<Item = Option<&'a Resource>>,
    base_url: &str,
) -> Result<Vec<Vec<Resource>>, Fault> {
    let named: Vec<BTreeSet<Name>> =
        patients.map(|one| one.map(|one| general_practitioners(one, base_url)).unwrap_or_default()).collect();
    let of = |name: &str| -> Vec<String> {
        let all: BTreeSet<&String> =
            named.iter().flatten().filter(|(ty, _)| ty.name() == name).map(|(_, id)| id).collect();
        all.into_iter().cloned().collect()
    };
    let roles = roles(conn, (&of("PractitionerRole"), &of("Practitioner")))?;
    let places = roles.iter().filter_map(|role| local(role, "/organization/reference", base_url));
    let places: BTreeSet<String> = places
        .filter(|(ty, _)| ty.name() == "Organization")
        .map(|(_, id)| id)
        .chain(of("Organization"))
        .collect();
    let sites = parsed(payment::named(conn, ty("Organization"), &places.into_iter().collect::<Vec<_>>())?)?;
    let led = |named: &BTreeSet<Name>| {
        let is_named = |one: &Resource| named.contains(&(one.ty(), one.id().unwrap_or_default().to_owned()));
        let holds = |role: &Resource| {
            local(role, "/practitioner/reference", base_url).is_some_and(|holder| named.contains(&holder))
        };
        let own: Vec<&Resource> = roles.iter().filter(|role| is_named(role) || holds(role)).collect();
        let at: BTreeSet<Name> =
            own.iter().filter_map(|role| local(role, "/organization/reference", base_url)).collect();
        let is_at = |site: &Resource| at.contains(&(site.ty(), site.id().unwrap_or_default().to_owned()));
        let sites = sites.iter().filter(|site| is_named(site) || is_at(site));
        sites.chain(own.iter().copied()).cloned().collect()
    };
    Ok(named.iter().map(led).collect())
}

/// Those with one of these ids, and those of these practitioners; each once.
fn roles(conn: &mut Conn, (ids, holders): (&[String], &[String])) -> Result<Vec<Resource>, Fault> {
    let mut all = parsed(payment::named(conn, ty("PractitionerRole"), ids)?)?;
    let leading = (ty("PractitionerRole"), "practitioner", ty("Practitioner"));
    for role in parsed(read::leading(conn, leading, holders)?)? {
        if !all.iter().any(|one| one.id() == role.id()) {
            all.push(role);
        }
    }
    Ok(all)
}

fn general_practitioners(patient: &Resource, base_url: &str) -> BTreeSet<Name> {
    let named = list(patient.get("generalPractitioner"));
    let local = named.filter_map(|one| named_by(one.get("reference")?.as_str()?, base_url));
    local.filter(|(ty, _)| NAMED.contains(&ty.name())).collect()
}

fn local(resource: &Resource, place: &str, base_url: &str) -> Option<Name> {
    named_by(resource.text(place)?, base_url)
}

fn named_by(text: &str, base_url: &str) -> Option<Name> {
    Reference::parse_under(text, base_url).local().map(|local| (local.ty, local.id.to_owned()))
}

fn parsed(stored: Vec<crate::app::Stored>) -> Result<Vec<Resource>, Fault> {
    stored.iter().map(|one| Ok(Resource::from_value(one.value()?)?)).collect()
}

fn ty(name: &str) -> ResourceType {
    ResourceType::parse(name).expect("the callers name types of R4")
}

impl Session {
    /// These resources of a patient with those to which the general practitioners lead, as they are or as they were.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub(in crate::app) fn with_practices(
        &self,
        mut resources: Vec<Resource>,
        known: Known,
    ) -> Result<Vec<Resource>, Failure> {
        let patient = resources.iter().find(|one| one.ty().name() == "Patient");
        let all = self.app.db.read(|conn| practices(conn, std::iter::once(patient), self.base_url()))?;
        for now in all.into_iter().flatten() {
            if known == Known::Clinically {
                resources.push(now);
                continue;
            }
            match self.as_service().read_as(now.ty(), now.id().unwrap_or_default(), known) {
                Ok(stored) => resources.push(Resource::from_value(stored.value()?)?),
                Err(failure) if matches!(failure.reason, Reason::NotFound | Reason::Deleted) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(resources)
    }
}
