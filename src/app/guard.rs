//! What a change must satisfy beyond R4 itself: the caller's compartment, and what only the programme may set.
//! <https://hl7.org/fhir/R4/compartmentdefinition-patient.html>

use serde_json::Map;
use serde_json::Value;

use crate::definitions::CANONICAL;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::palliative::enrollment;
use crate::palliative::enrollment::STATE_EXTENSION;
use crate::palliative::vocabulary::PROGRAM_EXTENSION;
use crate::search::Visible;
use crate::store::EpisodeRow;

/// What of an episode the state machine derives, so that a client may not change it.
const DERIVED: [&str; 4] = ["status", "statusHistory", "type", "patient"];

/// Refuses a resource that would stand outside of the patients to which the caller is held.
pub(crate) fn stays_inside(visible: &Visible, patients: &[String]) -> Result<(), Failure> {
    if is_inside(visible, patients) {
        return Ok(());
    }
    Err(Failure::new(
        Reason::Forbidden,
        "The access token allows this only for resources in its own patient's compartment; refer to that patient.",
    ))
}

/// Whether a resource that stands in these patients' compartments is among what is visible.
pub(crate) fn is_inside(visible: &Visible, patients: &[String]) -> bool {
    match visible {
        Visible::All => true,
        Visible::Nothing => false,
        Visible::Patients(own) => patients.iter().any(|patient| own.contains(patient)),
    }
}

/// The typed row of a programme's episode.
pub(crate) fn episode_row(resource: &Resource) -> Option<EpisodeRow> {
    let row = enrollment::episode_row(resource)?;
    Some(EpisodeRow { patient: row.patient, program: row.program, state: row.state, open: row.open })
}

/// What of an episode only the programme's operations set; none where it is no episode of a programme.
pub(crate) fn derived(ty: ResourceType, value: &Value) -> Option<Value> {
    if ty.name() != "EpisodeOfCare" {
        return None;
    }
    let ours = |extension: &&Value| {
        let url = extension.get("url").and_then(Value::as_str);
        url == Some(STATE_EXTENSION) || url == Some(PROGRAM_EXTENSION)
    };
    let extensions: Vec<Value> = value.get("extension")?.as_array()?.iter().filter(ours).cloned().collect();
    if extensions.is_empty() {
        return None;
    }
    let mut kept = Map::new();
    for name in DERIVED.iter().chain(&["period"]) {
        kept.insert((*name).to_owned(), value.get(name).cloned().unwrap_or_default());
    }
    kept.insert("extension".into(), Value::Array(extensions));
    Some(Value::Object(kept))
}

/// Why a client may not change what the state machine derives.
pub(crate) fn derived_failure() -> Failure {
    Failure::new(
        Reason::BusinessRule,
        "This episode belongs to a palliative programme, whose operations alone set its state, status, period, \
         type and patient; call $palliative-refer, $palliative-transition or $palliative-enroll.",
    )
    .at("EpisodeOfCare.status")
}

/// A second open episode of a patient in a programme.
pub(crate) fn second_episode() -> Failure {
    Failure::new(
        Reason::Conflict,
        "The patient has an open episode in this programme already; continue that one, or end it first.",
    )
    .coded(format!("{CANONICAL}/CodeSystem/palliative-error"), "already-open")
}
