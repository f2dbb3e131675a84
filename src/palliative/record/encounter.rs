//! A visit or a stay. <https://hl7.org/fhir/R4/encounter.html>

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::fhir::Resource;
use crate::palliative::record::Coding;
use crate::palliative::record::Concept;
use crate::palliative::record::Moment;
use crate::palliative::record::source;
use crate::palliative::record::target_id;

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
        }
    }
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
