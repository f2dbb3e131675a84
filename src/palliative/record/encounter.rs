//! A visit or a stay. <https://hl7.org/fhir/R4/encounter.html>

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::fhir::Resource;
use crate::palliative::record::Coding;
use crate::palliative::record::Concept;
use crate::palliative::record::Moment;
use crate::palliative::record::source;
use crate::palliative::record::target_id;

const DISPOSITION: &str = "http://terminology.hl7.org/CodeSystem/discharge-disposition";
/// The patient discharge status of claims, by its names.
const NUBC: [&str; 2] =
    ["https://www.nubc.org/CodeSystem/PatDischargeStatus", "urn:oid:2.16.840.1.113883.6.301.5"];

/// What an encounter's status says of whether it took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncounterStatus {
    /// It took place.
    Past,
    /// It is going on.
    Current,
    /// Planned, cancelled or written by mistake: it never counts.
    Void,
    /// The status is not known.
    Unknown,
}

/// A diagnosis of an encounter.
#[derive(Clone, Debug)]
pub struct EncounterDiagnosis {
    /// The id of the Condition (or Procedure).
    pub condition: String,
    /// Its place among the diagnoses of its use; 1 is the principal one.
    pub rank: Option<i64>,
}

/// A visit or a stay.
#[derive(Clone, Debug)]
pub struct Encounter {
    /// `Encounter/<id>`.
    pub source: String,
    /// The logical id.
    pub id: String,
    /// Whether it took place.
    pub status: EncounterStatus,
    /// The class.
    pub class: Option<Coding>,
    /// The types.
    pub types: Concept,
    /// When it began.
    pub start: Option<Moment>,
    /// When it ended.
    pub end: Option<Moment>,
    /// From where the patient was admitted.
    pub admit_source: Concept,
    /// The stated reasons.
    pub reasons: Concept,
    /// The ids of the Conditions that are stated as reasons.
    pub reason_conditions: Vec<String>,
    /// The diagnoses.
    pub diagnoses: Vec<EncounterDiagnosis>,
    /// The id of the encounter that this one is a part of.
    pub part_of: Option<String>,
    /// What makes two copies of one encounter alike: identifiers, and class, start and provider.
    pub likeness: Vec<String>,
    /// Whether the patient died in it, as its disposition says.
    pub died: bool,
    /// The ids of the Locations at which it took place.
    pub locations: Vec<String>,
    /// What kinds of place these are, as far as they are at hand: type and physical type.
    pub places: Concept,
}

impl Encounter {
    /// Reads an Encounter.
    pub fn read(resource: &Resource, zone: &TimeZone) -> Self {
        let moment = |pointer| resource.text(pointer).and_then(|text| Moment::read(text, zone));
        let list = |name| resource.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let diagnosis = |entry: &Value| {
            let condition = entry.get("condition").and_then(target_id)?.to_owned();
            Some(EncounterDiagnosis { condition, rank: entry.get("rank").and_then(Value::as_i64) })
        };
        Self {
            source: source(resource),
            id: resource.id().unwrap_or_default().to_owned(),
            status: status(resource.text("/status").unwrap_or_default()),
            class: resource.get("class").and_then(Coding::read),
            types: Concept::read_all(resource.get("type")),
            start: moment("/period/start"),
            end: moment("/period/end"),
            admit_source: Concept::read(resource.value().pointer("/hospitalization/admitSource")),
            reasons: Concept::read_all(resource.get("reasonCode")),
            reason_conditions: list("reasonReference")
                .iter()
                .filter_map(target_id)
                .map(str::to_owned)
                .collect(),
            diagnoses: list("diagnosis").iter().filter_map(diagnosis).collect(),
            part_of: resource.get("partOf").and_then(target_id).map(str::to_owned),
            likeness: likeness(resource),
            died: died(resource),
            locations: places(resource).filter_map(target_id).map(str::to_owned).collect(),
            places: Concept::default(),
        }
    }
}

/// Fills in what kinds of place the Locations are that encounters name.
pub(super) fn resolve(encounters: &mut [Encounter], resources: &[Resource]) {
    let known = resources.iter().filter(|one| one.ty().name() == "Location");
    let known: BTreeMap<&str, &Resource> = known.filter_map(|one| Some((one.id()?, one))).collect();
    for encounter in encounters {
        for location in encounter.locations.iter().filter_map(|id| known.get(id.as_str())) {
            let kinds = Concept::read_all(location.get("type"));
            let physical = location.get("physicalType").map(|one| Concept::read(Some(one)));
            for concept in [kinds].into_iter().chain(physical) {
                encounter.places.codings.extend(concept.codings);
            }
        }
    }
}

/// Where it took place, as references; not where it was only to be.
fn places(resource: &Resource) -> impl Iterator<Item = &Value> {
    let list = resource.get("location").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let meant =
        |entry: &&Value| !matches!(entry.get("status").and_then(Value::as_str), Some("planned" | "reserved"));
    list.iter().filter(meant).filter_map(|entry| entry.get("location"))
}

/// Whether the disposition says that the patient died: R4's code, or those of claims (NUBC).
fn died(resource: &Resource) -> bool {
    let disposition = Concept::read(resource.value().pointer("/hospitalization/dischargeDisposition"));
    disposition.codings.iter().any(|coding| match coding.code.as_str() {
        "exp" => coding.system.is_empty() || coding.system == DISPOSITION,
        "20" | "40" | "41" | "42" => NUBC.contains(&coding.system.as_str()),
        _ => false,
    })
}

fn status(code: &str) -> EncounterStatus {
    match code {
        "planned" | "cancelled" | "entered-in-error" => EncounterStatus::Void,
        "arrived" | "triaged" | "in-progress" | "onleave" => EncounterStatus::Current,
        "finished" => EncounterStatus::Past,
        _ => EncounterStatus::Unknown,
    }
}

fn likeness(resource: &Resource) -> Vec<String> {
    let identifiers = resource.get("identifier").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let named = identifiers.iter().filter_map(|identifier| {
        let value = identifier.get("value")?.as_str()?;
        let system = identifier.get("system")?.as_str()?;
        Some(format!("{system}|{value}"))
    });
    let alike = || {
        let class = resource.text("/class/code")?;
        let start = resource.text("/period/start")?;
        let provider = resource.text("/serviceProvider/reference")?;
        Some(format!("{class} {start} {provider}"))
    };
    named.chain(alike()).collect()
}
