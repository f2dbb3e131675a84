//! What the rules read of many patients at once: a few queries for hundreds of them, and none for each.
//! <https://hl7.org/fhir/R4/compartmentdefinition-patient.html>
//!
//! How much is on file is counted first, by the indexes alone, and more than one request may read is
//! refused before any of it is read. They are read a piece at a time, each in one state of the database.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::app::Session;
use crate::app::pieces::pieces;
use crate::app::programme::belongs_to;
use crate::app::programme::chart_types;
use crate::app::screening::named_by;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::palliative::enrollment::facts::Chart;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::findings::read;
use crate::store::payment;
use crate::store::roster;

/// How many people, and how many resources of theirs, one request may be about.
const MOST_PEOPLE: usize = 1000;
const MOST_RESOURCES: usize = 250_000;

/// What is read beside the compartments, which do not hold it.
const BESIDE: &str = "Task";

impl Session {
    /// What stands in the compartments of these patients who are here, and their Tasks: one after the other in the order
    /// of their ids. The caller must be one who may read of all patients.
    ///
    /// # Errors
    /// 413 `too-costly` for more than one request may read; what `each` fails with, and the database.
    pub fn each_chart(
        &self,
        patients: &[String],
        further: &[&str],
        each: &mut dyn FnMut(&str, Chart) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if patients.len() > MOST_PEOPLE {
            return Err(too_costly(patients.len(), "people"));
        }
        let types = chart_types(further);
        let mut live =
            self.app.db.read(|conn| Ok(roster::patients(conn, Some(patients), MOST_PEOPLE + 1)?))?;
        live.sort_unstable();
        let on_file = self.app.db.read(|conn| on_file(conn, &live, &types))?;
        check(on_file.values().sum())?;
        for piece in pieces(&live, &on_file) {
            let charts = self.app.db.snapshot(|conn| charts(conn, piece, (&types, self.base_url())))?;
            for (id, resources) in charts {
                each(&id, Chart::new(resources))?;
            }
        }
        Ok(())
    }
}

/// How many resources there are to read of each.
fn on_file(
    conn: &mut Conn,
    patients: &[String],
    types: &[ResourceType],
) -> Result<BTreeMap<String, usize>, Fault> {
    let mut all = BTreeMap::new();
    let beside = roster::about(conn, patients, beside())?;
    for (id, count) in roster::resources(conn, patients, types)?.into_iter().chain(beside) {
        *all.entry(id).or_default() += usize::try_from(count).unwrap_or_default();
    }
    Ok(all)
}

/// The resources of a piece, of each patient.
fn charts(
    conn: &mut Conn,
    patients: &[String],
    (types, base_url): (&[ResourceType], &str),
) -> Result<BTreeMap<String, Vec<Resource>>, Fault> {
    let mut all: BTreeMap<String, Vec<Resource>> =
        patients.iter().map(|id| (id.clone(), Vec::new())).collect();
    for row in read::compartments(conn, patients, types)? {
        let resource = Resource::from_value(row.stored.value()?)?;
        if belongs_to(&resource, &row.patient, base_url) {
            all.entry(row.patient).or_default().push(resource);
        }
    }
    for row in read::about(conn, patients, beside())? {
        let resource = Resource::from_value(row.stored.value()?)?;
        all.entry(row.patient).or_default().push(resource);
    }
    let medicines = medicines(conn, &named_by(all.values().flatten(), base_url))?;
    for resources in all.values_mut() {
        let named = named_by(resources.iter(), base_url);
        let own = medicines
            .iter()
            .filter(|one| named.iter().any(|(ty, id)| one.ty() == *ty && one.id() == Some(id)));
        resources.extend(own.cloned().collect::<Vec<_>>());
    }
    Ok(all)
}

/// The medicines and devices of these names, which stand in no compartment: a query for each type of them.
pub(super) fn medicines(
    conn: &mut Conn,
    named: &BTreeSet<(ResourceType, String)>,
) -> Result<Vec<Resource>, Fault> {
    let mut by_type: BTreeMap<ResourceType, Vec<String>> = BTreeMap::new();
    for (ty, id) in named {
        by_type.entry(*ty).or_default().push(id.clone());
    }
    let mut all = Vec::new();
    for (ty, ids) in by_type {
        for stored in payment::named(conn, ty, &ids)? {
            all.push(Resource::from_value(stored.value()?)?);
        }
    }
    Ok(all)
}

fn beside() -> ResourceType {
    ResourceType::parse(BESIDE).expect("Task is a type of R4")
}

/// Refuses more than one request may read.
fn check(resources: usize) -> Result<(), Failure> {
    if resources > MOST_RESOURCES { Err(too_costly(resources, "resources")) } else { Ok(()) }
}

fn too_costly(count: usize, what: &str) -> Failure {
    let text = format!(
        "One request is about at most {MOST_PEOPLE} people with {MOST_RESOURCES} resources, and these are {count} \
         {what}; name a Group of fewer people."
    );
    Failure::new(Reason::TooLarge, text).code("too-costly")
}

#[cfg(test)]
mod tests {
    use super::MOST_RESOURCES;
    use super::check;

    #[test]
    fn so_much_is_read_for_one_request_and_no_more() {
        assert!(check(MOST_RESOURCES).is_ok());
        let refused = check(MOST_RESOURCES + 1).unwrap_err();
        assert_eq!((refused.status(), refused.issues[0].code), (413, "too-costly"));
    }
}
