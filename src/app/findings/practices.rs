//! Where the general practitioners of patients work, many with a few queries: their roles and the organizations, which
//! stand in no compartment. <https://hl7.org/fhir/R4/practitionerrole.html>
//!
//! They are read whoever asks. They are no patient's data, and what a caller may not see of them would make one who
//! belongs to a medical home into one who does not.

use std::collections::BTreeMap;
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
    let directory = Directory::new(roles, sites, base_url);
    Ok(named.iter().map(|named| directory.led(named)).collect())
}

/// Roles and organizations, by whoever names them: each person looks up what is theirs, however many there are.
struct Directory {
    roles: Vec<Resource>,
    sites: Vec<Resource>,
    /// The roles by their own names and by those of their holders.
    role_of: BTreeMap<Name, Vec<usize>>,
    /// The organizations by their names.
    site_of: BTreeMap<Name, usize>,
    /// Where each role is held.
    place_of: Vec<Option<Name>>,
}

impl Directory {
    fn new(roles: Vec<Resource>, sites: Vec<Resource>, base_url: &str) -> Self {
        let mut role_of: BTreeMap<Name, Vec<usize>> = BTreeMap::new();
        for (at, role) in roles.iter().enumerate() {
            let names = [Some(name_of(role)), local(role, "/practitioner/reference", base_url)];
            names.into_iter().flatten().for_each(|name| role_of.entry(name).or_default().push(at));
        }
        let site_of = sites.iter().enumerate().map(|(at, site)| (name_of(site), at)).collect();
        let place_of = roles.iter().map(|role| local(role, "/organization/reference", base_url)).collect();
        Self { roles, sites, role_of, site_of, place_of }
    }

    /// What these names lead to: the organizations, then the roles, each in their order.
    fn led(&self, named: &BTreeSet<Name>) -> Vec<Resource> {
        let own: BTreeSet<usize> =
            named.iter().filter_map(|name| self.role_of.get(name)).flatten().copied().collect();
        let at = own.iter().filter_map(|role| self.place_of[*role].as_ref());
        let sites: BTreeSet<usize> =
            named.iter().chain(at).filter_map(|name| self.site_of.get(name)).copied().collect();
        let sites = sites.into_iter().map(|site| &self.sites[site]);
        sites.chain(own.into_iter().map(|role| &self.roles[role])).cloned().collect()
    }
}

fn name_of(resource: &Resource) -> Name {
    (resource.ty(), resource.id().unwrap_or_default().to_owned())
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_person_is_led_to_what_their_names_lead_to_however_many_roles_there_are() {
        let all = 2_000;
        let role = |at: usize| {
            let role = json!({ "resourceType": "PractitionerRole", "id": format!("r{at}"),
                "practitioner": { "reference": format!("Practitioner/w{}", at / 2) },
                "organization": { "reference": format!("https://here.example/fhir/Organization/o{}", at % 50) } });
            Resource::from_value(role).unwrap()
        };
        let site = |at: usize| {
            Resource::from_value(json!({ "resourceType": "Organization", "id": format!("o{at}") })).unwrap()
        };
        let directory = Directory::new(
            (0..all).map(role).collect(),
            (0..40).map(site).collect(),
            "https://here.example/fhir",
        );
        let led = |names: &[(&str, &str)]| -> Vec<String> {
            let names = names.iter().map(|(name, id)| (ty(name), (*id).to_owned())).collect();
            directory.led(&names).iter().map(|one| format!("{}/{}", one.ty(), one.id().unwrap())).collect()
        };
        assert_eq!(
            led(&[("Practitioner", "w3")]),
            ["Organization/o6", "Organization/o7", "PractitionerRole/r6", "PractitionerRole/r7"]
        );
        assert_eq!(
            led(&[("PractitionerRole", "r6"), ("Organization", "o6")]),
            ["Organization/o6", "PractitionerRole/r6"]
        );
        assert_eq!(
            led(&[("Practitioner", "w22")]),
            ["PractitionerRole/r44", "PractitionerRole/r45"],
            "no such place"
        );
        assert!(led(&[("Practitioner", "none"), ("Organization", "w3")]).is_empty());
        // The map holds each role twice, and no person's look-up goes through the others.
        assert_eq!(directory.role_of.values().map(Vec::len).max(), Some(2));
        assert_eq!(directory.role_of.values().map(Vec::len).sum::<usize>(), 2 * all);
    }
}
