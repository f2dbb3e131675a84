//! What is kept from the patient whom it is about, and from whoever reads with the patient's rights (T-36, T-29).
//! <https://hl7.org/fhir/R4/security-labels.html>
//!
//! A resource is kept by the label `NOPAT`, which anybody who may write it may give it, and by what it says: any coding
//! of a finding, a component or an answer that is among the restricted codes, whatever other codes stand beside it. The
//! label is the recorded reason for which it is withheld; what is kept by its codes needs none, as the codes say it.

use serde_json::Value;
use serde_json::json;

use crate::palliative::record::Coding;
use crate::palliative::screening::Codes;
use crate::palliative::vocabulary::OBSERVATION_SYSTEM;
use crate::palliative::vocabulary::RISK_METHOD_SYSTEM;

/// The code system of the label.
const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
/// No disclosure to the patient, family or caregivers without the clinician's word.
const LABEL: &str = "NOPAT";
/// The types that say what was found, as opposed to what is asked for or planned.
const FINDINGS: [&str; 10] = [
    "Claim",
    "ClinicalImpression",
    "Condition",
    "DetectedIssue",
    "DiagnosticReport",
    "Encounter",
    "ExplanationOfBenefit",
    "Observation",
    "Procedure",
    "QuestionnaireResponse",
];

/// What was kept before it had the label: tiers and scores of need, and the records of screenings and stratifications, by
/// their type, the element that says what they are, its code system and the codes.
const UNLABELLED: [(&str, &str, &str, &[&str]); 3] = [
    ("Observation", "/code", OBSERVATION_SYSTEM, &["program-risk-score", "program-risk-tier"]),
    ("RiskAssessment", "/method", RISK_METHOD_SYSTEM, &["palliative-risk-v1"]),
    ("AuditEvent", "/subtype", OPERATIONS, &["palliative-screen", "palliative-stratify"]),
];
/// By which the records of operations name them.
const OPERATIONS: &str = "https://comfrey.health/fhir/OperationDefinition";

/// The label of what the service keeps from the patient.
pub fn label() -> Value {
    json!({
        "system": ACT_CODE,
        "code": LABEL,
        "display": "no disclosure to patient, family or caregivers without attending provider's authorization",
    })
}

/// Whether a resource of this type is kept from the patient.
pub fn is_not_for_patient(ty: &str, resource: &Value, restricted: &Codes) -> bool {
    is_labelled(resource) || (FINDINGS.contains(&ty) && says(resource, restricted))
}

/// The same of an earlier version, which may be from before what the service keeps had its label.
pub fn was_not_for_patient(ty: &str, resource: &Value, restricted: &Codes) -> bool {
    let is_own = |(of, place, system, codes): &(&str, &str, &str, &[&str])| {
        *of == ty && resource.pointer(place).is_some_and(|element| names(element, system, codes))
    };
    UNLABELLED.iter().any(is_own) || is_not_for_patient(ty, resource, restricted)
}

/// Whether a coding of an element is one of these.
fn names(element: &Value, system: &str, codes: &[&str]) -> bool {
    match element {
        Value::Array(all) => all.iter().any(|one| names(one, system, codes)),
        Value::Object(members) => {
            let is_one = members.get("system").and_then(Value::as_str) == Some(system)
                && members.get("code").and_then(Value::as_str).is_some_and(|code| codes.contains(&code));
            is_one || members.get("coding").is_some_and(|codings| names(codings, system, codes))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn is_labelled(resource: &Value) -> bool {
    let labels = resource.pointer("/meta/security").and_then(Value::as_array);
    labels.into_iter().flatten().any(|one| one["system"] == ACT_CODE && one["code"] == LABEL)
}

/// Whether any coding, however deep it stands, is among these codes.
fn says(value: &Value, restricted: &Codes) -> bool {
    match value {
        Value::Array(all) => all.iter().any(|one| says(one, restricted)),
        Value::Object(members) => {
            let system = members.get("system").and_then(Value::as_str);
            let is_one = system.is_some_and(|system| restricted.knows_system(system))
                && Coding::read(value).is_some_and(|coding| restricted.has(&coding));
            is_one || members.values().any(|one| says(one, restricted))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::Definitions;
    use crate::palliative::screening::restricted;

    const OWN: &str = "https://comfrey.health/fhir/CodeSystem/palliative-observation";

    #[test]
    fn it_is_kept_by_its_label_and_by_any_of_its_codes() {
        let definitions = Definitions::shared().unwrap();
        let restricted = restricted(&definitions).unwrap();
        let coding = |system: &str, code: &str| json!({ "system": system, "code": code });
        let surprise = || coding(OWN, "surprise-question-12m");
        let icd = |code: &str| coding("http://hl7.org/fhir/sid/icd-10-cm", code);
        let sent = || coding("http://sender.example", "x");
        for (ty, resource, kept) in [
            ("Observation", json!({ "code": { "coding": [surprise()] } }), true),
            ("Observation", json!({ "code": { "coding": [sent(), surprise()] } }), true),
            ("Observation", json!({ "code": { "coding": [sent()] } }), false),
            (
                "Observation",
                json!({ "component": [{ "code": { "coding": [sent()] } },
                { "code": { "coding": [coding(OWN, "zbi-12")] } }] }),
                true,
            ),
            ("Observation", json!({ "valueCodeableConcept": { "coding": [icd("T74.11XA")] } }), true),
            ("Observation", json!({ "code": { "coding": [coding(OWN, "esas-pain")] } }), false),
            (
                "Observation",
                json!({ "code": { "coding": [coding("http://other.example", "zbi-12")] } }),
                false,
            ),
            ("Condition", json!({ "code": { "coding": [icd("T76.01")] } }), true),
            ("Condition", json!({ "code": { "coding": [icd("T75.1")] } }), false),
            (
                "QuestionnaireResponse",
                json!({ "item": [{ "linkId": "1", "item": [{ "linkId": "1.1",
                "answer": [{ "valueCoding": icd("T74.0") }] }] }] }),
                true,
            ),
            // what is planned or asked for says nothing of a finding
            ("ServiceRequest", json!({ "code": { "coding": [coding(OWN, "zbi-12")] } }), false),
            (
                "CarePlan",
                json!({ "activity": [{ "detail": { "code": { "coding": [coding(OWN, "zbi-12")] } } }] }),
                false,
            ),
            ("CarePlan", json!({ "meta": { "security": [label()] } }), true),
            ("Goal", json!({ "meta": { "security": [coding(ACT_CODE, "PSY")] } }), false),
            ("Goal", json!({ "meta": { "tag": [label()] } }), false),
        ] {
            assert_eq!(is_not_for_patient(ty, &resource, &restricted), kept, "{ty} {resource}");
        }
    }
}
