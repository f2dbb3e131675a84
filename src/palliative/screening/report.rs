//! A screening as it is told: a Parameters part for the caller, and a GuidanceResponse that is kept.
//! <https://hl7.org/fhir/R4/guidanceresponse.html>
//!
//! A criterion that is restricted tells what a clinician thinks of the time that is left. It is left out of what
//! a patient reads, and of what is kept. What the rules say as a whole is left out of what a patient reads where it turns
//! on such a criterion, as it would tell that one; it is kept, where no patient's own token reaches. Evidence with a security label is told to
//! nobody but as a restricted item: what is told here would not carry the label.

use jiff::civil::Date;
use serde_json::Value;
use serde_json::json;

use crate::fhir::Resource;
use crate::fhir::datetime::Micros;
use crate::fhir::datetime::instant;
use crate::fhir::parameters::Output;
use crate::palliative::code_maps::Unmapped;
use crate::palliative::screening::CriterionResult;
use crate::palliative::screening::Outcome;
use crate::palliative::screening::Screening;
use crate::palliative::screening::Signal;
use crate::palliative::screening::Whole;
use crate::palliative::screening::Window;
use crate::palliative::screening::finding::RESTRICTED_ITEM;

/// The outcome of a screening, on its GuidanceResponse.
pub const OUTCOME_EXTENSION: &str = "https://comfrey.health/fhir/StructureDefinition/screen-outcome";
/// The day that was asked about, on its GuidanceResponse.
pub const AS_OF_EXTENSION: &str = "https://comfrey.health/fhir/StructureDefinition/screen-as-of";

/// Why something is not told to a patient.
pub const WITHHELD: &str = "What a clinician thinks of the time that is left, and what a caregiver has said of themselves, is \
    not told here; the care team can talk about it.";

/// What is said beside it where the outcome is left out too.
const UNTOLD: &str = "What these rules say as a whole turns on that, and is not told here either.";

const NEXT_STEP_SYSTEM: &str = "https://comfrey.health/fhir/CodeSystem/next-step";

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The care team: everything.
    Team,
    /// The patient, or whoever acts with the patient's own rights: nothing that is restricted.
    Patient,
}

/// The parts of a result.
pub fn result(screening: &Screening, reader: Reader) -> Output {
    details(screening, reader, &told(screening, reader))
}

/// What a reader is told of the whole.
fn told(screening: &Screening, reader: Reader) -> Whole {
    match reader {
        Reader::Team => screening.whole(),
        Reader::Patient => screening.whole_for_patient(),
    }
}

fn details(screening: &Screening, reader: Reader, whole: &Whole) -> Output {
    let mut output = Output::new().value("ruleSet", "canonical", screening.rule_set.canonical());
    if let Some(outcome) = whole.outcome {
        output = output.value("outcome", "code", outcome.code());
    }
    let told = |result: &&CriterionResult| reader == Reader::Team || !result.finding.restricted;
    let output = screening
        .results
        .iter()
        .filter(told)
        .fold(output, |output, result| output.part("criterion", criterion(result)));
    // What is left out is said to be, with the reason: nobody should take this for all there is.
    let withheld = screening.results.iter().any(|result| !told(&result));
    let why = if whole.outcome.is_some() { WITHHELD.to_owned() } else { format!("{WITHHELD} {UNTOLD}") };
    let output = if withheld { output.value("withheld", "string", why) } else { output };
    let missing = whole.missing.iter().map(|at| &screening.results[*at]);
    missing
        .filter(told)
        .fold(output, |output, result| output.value("missing", "code", result.criterion.id.as_str()))
}

fn criterion(result: &CriterionResult) -> Output {
    let CriterionResult { criterion, finding } = result;
    let mut output = Output::new()
        .value("id", "code", criterion.id.as_str())
        .value("state", "code", finding.state.code())
        .value("text", "string", criterion.sentence.as_str());
    for evidence in &finding.evidence {
        output = output.reference("evidence", evidence);
    }
    if finding.is_withheld() {
        output = output.value("evidence", "Reference", json!({ "display": RESTRICTED_ITEM }));
    }
    if let Some((element, value)) = &finding.value {
        let ty = element.strip_prefix("value").unwrap_or(element);
        output = output.value("value", ty, value.clone());
    }
    if let Some(date) = finding.date {
        output = output.value("date", "date", date.to_string());
    }
    if let Some(window) = finding.window {
        output = output.value("window", "Period", period(window));
    }
    finding.missing.iter().fold(output, |output, missing| output.value("missing", "string", missing.as_str()))
}

fn period(window: Window) -> Value {
    match window.from {
        Some(from) => json!({ "start": from.to_string(), "end": window.to.to_string() }),
        None => json!({ "end": window.to.to_string() }),
    }
}

/// What the screenings lead to, as Codings: a referral where one is eligible, data and attestations where they are
/// among the few facts that are missing. What is kept from the reader leads to nothing that is told.
pub fn next_steps(screenings: &[Screening], reader: Reader) -> Vec<Value> {
    let wholes: Vec<(&Screening, Whole)> = screenings.iter().map(|one| (one, told(one, reader))).collect();
    let says = |outcome: Outcome| wholes.iter().filter(move |(_, whole)| whole.outcome == Some(outcome));
    let eligible = says(Outcome::Eligible).next().is_some();
    let missing = || wholes.iter().flat_map(|(one, whole)| whole.missing.iter().map(|at| &one.results[*at]));
    let data = missing().any(|result| !result.criterion.is_attestation());
    let attestation = missing().any(|result| result.criterion.is_attestation());
    let mut led: Vec<Value> = Vec::new();
    for step in says(Outcome::ScreenPositive).filter_map(|(one, _)| one.rule_set.leads_to.clone()) {
        if !led.contains(&step) {
            led.push(step);
        }
    }
    let all_told = wholes.iter().all(|(_, whole)| whole.outcome.is_some());
    let nothing = all_told && !(eligible || data || attestation) && led.is_empty();
    [
        (eligible, "refer", "Refer"),
        (data, "collect-data", "Collect data"),
        (attestation, "attest", "Attest"),
        (nothing, "none", "None"),
    ]
    .into_iter()
    .filter(|(applies, ..)| *applies)
    .map(|(_, code, display)| json!({ "system": NEXT_STEP_SYSTEM, "code": code, "display": display }))
    .chain(led)
    .collect()
}

/// A need signal as a CodeableConcept.
fn signal(signal: &Signal) -> Value {
    let text = &signal.text;
    match &signal.coding {
        Some(coding) => json!({ "coding": [coding], "text": text }),
        None => json!({ "text": text }),
    }
}

/// A code of surveys that no rule reads, with the latest observation that has it.
pub fn unmapped(one: &Unmapped) -> Output {
    let mut output = Output::new();
    if let Some(code) = &one.code {
        let system = (!code.system.is_empty()).then_some(&code.system);
        let mut coding = json!({ "code": code.code });
        if let Some(system) = system {
            coding["system"] = json!(system);
        }
        output = output.value("code", "Coding", coding);
    }
    if let Some(text) = &one.text {
        output = output.value("text", "string", text.as_str());
    }
    output = output.value("count", "integer", one.count);
    match &one.source {
        Some(source) => output.reference("evidence", source),
        None => output.value("evidence", "Reference", json!({ "display": RESTRICTED_ITEM })),
    }
}

/// The signals that a reader is told.
pub fn signals(signals: &[Signal], reader: Reader) -> Vec<Value> {
    signals.iter().filter(|one| reader == Reader::Team || !one.restricted).map(signal).collect()
}

/// The GuidanceResponse that records a screening.
///
/// # Errors
/// Only by a fault of ours, as for [`Resource::from_value`].
pub fn guidance_response(
    screening: &Screening,
    patient: &str,
    as_of: Date,
    now: Micros,
) -> Result<Resource, crate::fhir::Failure> {
    let mut details = details(screening, Reader::Patient, &screening.whole()).into_value();
    details["id"] = json!("result");
    let status = if screening.outcome == Outcome::Indeterminate { "data-required" } else { "success" };
    Resource::from_value(json!({
        "resourceType": "GuidanceResponse",
        "contained": [details],
        "extension": [
            { "url": OUTCOME_EXTENSION, "valueCode": screening.outcome.code() },
            { "url": AS_OF_EXTENSION, "valueDate": as_of.to_string() },
        ],
        "moduleCanonical": screening.rule_set.canonical(),
        "status": status,
        "subject": { "reference": format!("Patient/{patient}") },
        "occurrenceDateTime": instant(now),
        "outputParameters": { "reference": "#result" },
    }))
}
