//! A medicine that was ordered or is taken. <https://hl7.org/fhir/R4/medicationrequest.html>

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::fhir::Resource;
use crate::palliative::record::Concept;
use crate::palliative::record::Moment;
use crate::palliative::record::source;
use crate::palliative::record::target_id;

/// A medicine that was ordered or is taken.
#[derive(Clone, Debug)]
pub struct MedicationUse {
    /// `MedicationRequest/<id>` or `MedicationStatement/<id>`.
    pub source: String,
    /// What it is; empty where only a Medication says so that is not at hand.
    pub medicine: Concept,
    /// `active`, `on-hold`, `completed` and so on.
    pub status: String,
    /// Whether it is meant to be taken: an order not to give a medicine, and a mere proposal, say of none that it is.
    pub is_meant: bool,
    /// From when.
    pub start: Option<Moment>,
    /// Until when.
    pub end: Option<Moment>,
    refers_to: Option<String>,
}

impl MedicationUse {
    /// Reads a MedicationRequest or MedicationStatement.
    pub fn read(resource: &Resource, zone: &TimeZone) -> Self {
        let moment = |pointer| resource.text(pointer).and_then(|text| Moment::read(text, zone));
        let start = ["/authoredOn", "/effectiveDateTime", "/effectivePeriod/start", "/dateAsserted"];
        let reference = resource.get("medicationReference");
        let mut medicine = Concept::read(resource.get("medicationCodeableConcept"));
        if let Some(contained) = reference.and_then(|reference| contained(resource, target_id(reference)?)) {
            medicine = contained;
        }
        Self {
            source: source(resource),
            medicine,
            status: resource.text("/status").unwrap_or_default().to_owned(),
            is_meant: is_meant(resource),
            start: start.iter().find_map(|pointer| moment(pointer)),
            end: moment("/effectivePeriod/end"),
            refers_to: reference.and_then(target_id).map(str::to_owned),
        }
    }
}

/// Whether an order is one to give a medicine; a plan is, as many systems send what people say they take.
pub fn is_meant(order: &Resource) -> bool {
    let refuses = order.get("doNotPerform").and_then(Value::as_bool) == Some(true);
    !refuses && !matches!(order.text("/intent"), Some("proposal" | "option"))
}

/// Fills in the medicines that are named by reference to a Medication among the resources.
pub(super) fn resolve(medications: &mut [MedicationUse], resources: &[Resource]) {
    for medication in medications.iter_mut().filter(|medication| medication.medicine.is_empty()) {
        let found = resources.iter().find(|resource| {
            resource.ty().name() == "Medication" && resource.id() == medication.refers_to.as_deref()
        });
        if let Some(found) = found {
            medication.medicine = Concept::read(found.get("code"));
        }
    }
}

fn contained(resource: &Resource, id: &str) -> Option<Concept> {
    let contained = resource.get("contained")?.as_array()?;
    let medication =
        contained.iter().find(|inner| inner["id"] == id && inner["resourceType"] == "Medication")?;
    Some(Concept::read(medication.get("code")))
}
