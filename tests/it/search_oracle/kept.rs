//! What is kept from a patient: what is labelled so, and what says how long a clinician thinks that there is left, how a
//! caregiver is, or that there is abuse (T-36, T-29). <https://hl7.org/fhir/R4/security-labels.html>

use serde_json::Value;

/// Codes of this service that say such.
const OWN: [&str; 10] = [
    "caregiver-strain-attested",
    "hospice-disease-guideline",
    "program-risk-score",
    "program-risk-tier",
    "prognosis-6m",
    "surprise-question-12m",
    "zbi-12",
    "zbi-22",
    "zbi-4",
    "zbi-6",
];

/// Whether it is. The data has such codes in observations and conditions alone.
pub fn is_kept(resource: &Value) -> bool {
    let labels = resource.pointer("/meta/security").and_then(Value::as_array);
    let is_labelled = labels.is_some_and(|labels| labels.iter().any(|label| label["code"] == "NOPAT"));
    let is_finding = resource["resourceType"] == "Observation" || resource["resourceType"] == "Condition";
    is_labelled || (is_finding && says(resource))
}

fn says(value: &Value) -> bool {
    match value {
        Value::Array(all) => all.iter().any(says),
        Value::Object(members) => {
            let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default();
            let (system, code) = (text("system"), text("code"));
            let is_own = system.ends_with("/CodeSystem/palliative-observation") && OWN.contains(&code);
            let is_abuse = system == "http://hl7.org/fhir/sid/icd-10-cm"
                && (code.starts_with("T74") || code.starts_with("T76"));
            is_own || is_abuse || members.values().any(says)
        }
        _ => false,
    }
}
