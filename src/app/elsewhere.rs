//! What other records of a person tell of a death and of hospice, for many people with a few queries.
//! <https://hl7.org/fhir/R4/patient-definitions.html#Patient.link>
//!
//! Few are linked: who is not costs nothing but the question who refers to them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::app::persons::SAME_PERSON;
use crate::app::persons::persons;
use crate::app::persons::records;
use crate::app::screening::about;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::reference::Reference;
use crate::palliative::findings::links;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::Stored;
use crate::store::payment;

/// What is read of the other records.
const TELLING: [&str; 3] = ["EpisodeOfCare", "Flag", "Patient"];

/// What links say of patients.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// Those whose place another record has taken.
    pub(crate) replaced: BTreeSet<String>,
    /// What the other records of each who has some tell.
    pub(crate) told: BTreeMap<String, Vec<Resource>>,
}

impl Links {
    /// What the links of and to these patients say, who are given by their ids with their Patients.
    ///
    /// # Errors
    /// Only what the database fails with: links that do not come to an end tell nothing.
    pub(crate) fn of(
        conn: &mut Conn,
        patients: &[(&str, Option<&Resource>)],
        base_url: &str,
    ) -> Result<Self, Fault> {
        let mut found = Self::default();
        let is_linking = |patient: &Resource| patient.get("link").is_some();
        let own = patients.iter().filter(|(_, patient)| patient.is_some_and(is_linking));
        let mut linked: BTreeSet<String> = own.map(|(id, _)| (*id).to_owned()).collect();
        let ids: Vec<String> = patients.iter().map(|(id, _)| (*id).to_owned()).collect();
        for stored in payment::linking(conn, &ids)? {
            let Some(other) = readable(&stored) else { continue };
            let to = |ty| links(&other, ty).filter_map(|link| patient_id(link, base_url));
            found.replaced.extend(to("replaces"));
            linked.extend(SAME_PERSON.into_iter().flat_map(to));
        }
        linked.retain(|id| patients.iter().any(|(own, _)| own == id));
        found.told = told(conn, &linked.into_iter().collect::<Vec<_>>(), base_url)?;
        Ok(found)
    }
}

/// One that cannot be read tells nothing: its own evaluation fails, and nobody else's.
fn readable(stored: &Stored) -> Option<Resource> {
    Resource::from_value(stored.value().ok()?).ok()
}

fn patient_id(reference: &str, base_url: &str) -> Option<String> {
    let local = Reference::parse_under(reference, base_url).local()?;
    (local.ty.name() == "Patient").then(|| local.id.to_owned())
}

/// What tells of a death or of hospice in the other records of each of these.
fn told(
    conn: &mut Conn,
    linked: &[String],
    base_url: &str,
) -> Result<BTreeMap<String, Vec<Resource>>, Fault> {
    if linked.is_empty() {
        return Ok(BTreeMap::new());
    }
    let people = match persons(conn, linked, base_url) {
        Ok(people) => people,
        // Of many it may be one whose links do not come to an end: the others are not to suffer by it.
        Err(Fault::Refused(_)) => {
            linked.iter().map(|id| records(conn, id, base_url)).collect::<Result<_, _>>()?
        }
        Err(fault) => return Err(fault),
    };
    let types: Vec<ResourceType> = TELLING.iter().filter_map(|name| ResourceType::parse(name)).collect();
    let all: BTreeSet<String> = people.iter().flatten().cloned().collect();
    let mut of: BTreeMap<String, Vec<Resource>> = BTreeMap::new();
    for stored in payment::compartments(conn, &all.into_iter().collect::<Vec<_>>(), &types)? {
        let Some(one) = readable(&stored) else { continue };
        let whose = about(&one, base_url).map(str::to_owned);
        if let Some(whose) = whose {
            of.entry(whose).or_default().push(one);
        }
    }
    let others = |id: &String| {
        let records = people.iter().find(|records| records.contains(id)).into_iter().flatten();
        let others = records.filter(|other| *other != id).filter_map(|other| of.get(other));
        (id.clone(), others.flatten().cloned().collect())
    };
    Ok(linked.iter().map(others).collect())
}
