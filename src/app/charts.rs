//! What the rules read of many patients at once: a few queries for hundreds of them, and none for each.
//! <https://hl7.org/fhir/R4/compartmentdefinition-patient.html>
//!
//! How much is on file is counted first, by the index of compartments alone, and more than one request may read is
//! refused before any of it is read. They are read a piece at a time, each in one state of the database.

use std::collections::BTreeMap;

use crate::app::Session;
use crate::app::programme::BESIDE;
use crate::app::programme::belongs_to;
use crate::app::programme::chart_types;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::reference::Reference;
use crate::palliative::enrollment::facts::Chart;
use crate::store::findings::read;
use crate::store::roster;

/// How many people are read at once.
const PEOPLE: usize = 100;

/// How many people, and how many resources of theirs, one request may be about.
const MOST_PEOPLE: usize = 1000;
const MOST_RESOURCES: i64 = 250_000;

impl Session {
    /// What the rules read of each of these patients who are here, as for [`Session::chart`], one after the other in
    /// the order of their ids. The caller must be one who may read of all patients.
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
        let counts = self.app.db.read(|conn| Ok(roster::resources(conn, &live, &types)?))?;
        let on_file: i64 = counts.iter().map(|(_, count)| count).sum();
        if on_file > MOST_RESOURCES {
            return Err(too_costly(usize::try_from(on_file).unwrap_or(usize::MAX), "resources"));
        }
        for piece in live.chunks(PEOPLE) {
            for (id, chart) in self.charts(piece, &types)? {
                each(&id, chart)?;
            }
        }
        Ok(())
    }

    /// The charts of a piece.
    fn charts(
        &self,
        patients: &[String],
        types: &[ResourceType],
    ) -> Result<BTreeMap<String, Chart>, Failure> {
        let mut all: BTreeMap<String, Vec<Resource>> =
            patients.iter().map(|id| (id.clone(), Vec::new())).collect();
        for row in self.app.db.snapshot(|conn| Ok(read::compartments(conn, patients, types)?))? {
            let resource = Resource::from_value(row.stored.value()?)?;
            if belongs_to(&resource, &row.patient, self.base_url()) {
                all.entry(row.patient).or_default().push(resource);
            }
        }
        let named: Vec<String> = patients.iter().map(|id| format!("Patient/{id}")).collect();
        let criteria = format!("patient={}", named.join(","));
        for ty in BESIDE.iter().filter_map(|name| ResourceType::parse(name)) {
            for stored in self.as_service().find(ty, &criteria)? {
                let resource = Resource::from_value(stored.value()?)?;
                let about = ["/for/reference", "/subject/reference"];
                let named = about.iter().find_map(|place| resource.text(place));
                let local = named.and_then(|named| Reference::parse_under(named, self.base_url()).local());
                let patient = local.filter(|local| local.ty.name() == "Patient");
                if let Some(own) = patient.and_then(|local| all.get_mut(local.id)) {
                    own.push(resource);
                }
            }
        }
        Ok(all.into_iter().map(|(id, resources)| (id, Chart::new(resources))).collect())
    }
}

fn too_costly(count: usize, what: &str) -> Failure {
    let text = format!(
        "One request is about at most {MOST_PEOPLE} people with {MOST_RESOURCES} resources, and these are {count} \
         {what}; name a Group of fewer people."
    );
    Failure::new(Reason::TooLarge, text).code("too-costly")
}
