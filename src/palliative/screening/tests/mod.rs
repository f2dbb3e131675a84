//! Tests of screening: each criterion with a case for, a case against and one that does not tell; the test vectors
//! and the traps of the clinical design. Here stand the facts of which they are made.

mod cases;
mod closed;
mod criteria;
mod documents;
mod facts;
mod homes;
mod kinds;
mod kinds_of_dates;
mod kinds_of_trend;
mod kinds_of_values;
mod marks;
mod outcomes;
mod social;
mod stages;
mod told;
mod vectors;

use std::sync::OnceLock;

use jiff::tz::TimeZone;
use serde_json::Value;
use serde_json::json;

use super::*;
use crate::definitions::Definitions;
use crate::fhir::Resource;

const AS_OF: &str = "2025-12-01";
const ADULT: &str = "https://comfrey.health/fhir/PlanDefinition/RS-CA-ADULT";
const KELLEY: &str = "https://comfrey.health/fhir/PlanDefinition/RS-KELLEY-B";
const LOCAL: &str = "https://comfrey.health/fhir/CodeSystem/palliative-observation";
const ICD: &str = "http://hl7.org/fhir/sid/icd-10-cm";
const SCT: &str = "http://snomed.info/sct";
const LOINC: &str = "http://loinc.org";

const GENERAL: [&str; 5] = [
    "advanced-decline",
    "surprise-question-12m",
    "max-therapy-reached",
    "agrees-alternative-to-ed",
    "agrees-acp",
];

fn rule_sets() -> &'static RuleSets {
    static SETS: OnceLock<RuleSets> = OnceLock::new();
    SETS.get_or_init(|| RuleSets::compile(&Definitions::shared().unwrap()).unwrap())
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

fn record(facts: &[Value]) -> PatientRecord {
    let named = facts.iter().enumerate().map(|(at, fact)| {
        let mut fact = fact.clone();
        if fact.get("id").is_none() {
            fact["id"] = json!(format!("r{at}"));
        }
        Resource::from_value(fact).unwrap()
    });
    PatientRecord::new("p", named.collect(), &TimeZone::get("America/Los_Angeles").unwrap())
}

fn screen_on<'a>(set: &str, facts: &[Value], as_of: &str) -> Screening<'a> {
    let record = record(facts);
    let situation =
        Situation { record: &record, as_of: date(as_of), attestation_valid_days: 90, lines_of_business: &[] };
    rule_sets().find(set).unwrap().screen(&situation)
}

fn screen<'a>(set: &str, facts: &[Value]) -> Screening<'a> {
    screen_on(set, facts, AS_OF)
}

fn finding(screening: &Screening, id: &str) -> Finding {
    screening.results.iter().find(|result| result.criterion.id == id).unwrap().finding.clone()
}

fn state(set: &str, id: &str, facts: &[Value]) -> State {
    finding(&screen(set, facts), id).state
}

fn missing(screening: &Screening) -> Vec<String> {
    screening.missing.iter().map(|at| screening.results[*at].criterion.id.clone()).collect()
}

fn with(mut base: Value, more: Value) -> Value {
    base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    base
}

fn patient(birth: &str) -> Value {
    json!({ "resourceType": "Patient", "id": "p", "birthDate": birth })
}

/// A patient of 70 whose encounters are complete from 2020 on.
fn with_feed() -> Value {
    with(
        patient("1955-01-01"),
        json!({ "extension": [{
        "url": crate::palliative::record::FEED_EXTENSION, "valuePeriod": { "start": "2020-01-01" } }] }),
    )
}

fn condition(system: &str, code: &str) -> Value {
    json!({ "resourceType": "Condition", "code": { "coding": [{ "system": system, "code": code }] },
        "clinicalStatus": { "coding": [{ "code": "active" }] }, "subject": { "reference": "Patient/p" },
        "recordedDate": "2024-01-10" })
}

fn other_condition() -> Value {
    condition(ICD, "M17.0")
}

fn observation(code: &str, date: &str, value: Value) -> Value {
    let system =
        if code.contains('-') && code.starts_with(|c: char| c.is_ascii_digit()) { LOINC } else { LOCAL };
    let base = json!({ "resourceType": "Observation", "status": "final", "effectiveDateTime": date,
        "code": { "coding": [{ "system": system, "code": code }] }, "subject": { "reference": "Patient/p" } });
    with(base, value)
}

fn quantity(value: f64, unit: &str) -> Value {
    json!({ "valueQuantity": { "value": value, "system": "http://unitsofmeasure.org", "code": unit, "unit": unit } })
}

fn attestation(code: &str, value: Value) -> Value {
    with(observation(code, "2025-11-01", value), json!({ "performer": [{ "reference": "Practitioner/d" }] }))
}

fn yes(code: &str) -> Value {
    attestation(code, json!({ "valueBoolean": true }))
}

fn no(code: &str) -> Value {
    attestation(code, json!({ "valueBoolean": false }))
}

fn encounter(class: &str, start: &str, end: &str) -> Value {
    json!({ "resourceType": "Encounter", "status": "finished", "class": { "code": class,
        "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode" },
        "period": { "start": start, "end": end }, "subject": { "reference": "Patient/p" } })
}

fn because(icd: &str) -> Value {
    json!({ "reasonCode": [{ "coding": [{ "system": ICD, "code": icd }] }] })
}

fn admission() -> Value {
    encounter("IMP", "2025-10-01T10:00:00-07:00", "2025-10-05T10:00:00-07:00")
}

fn hospice_flag() -> Value {
    json!({ "resourceType": "Flag", "status": "active", "subject": { "reference": "Patient/p" },
        "period": { "start": "2025-11-15" },
        "code": { "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/palliative-flag",
                               "code": "hospice-election" }] } })
}

fn concept(system: &str, code: &str) -> Value {
    json!({ "valueCodeableConcept": { "coding": [{ "system": system, "code": code }] } })
}

/// Vector V-RULE-1: 70 years, heart failure with reduced ejection fraction, NYHA III, ejection fraction 25, all
/// attestations, one admission.
fn vector() -> Vec<Value> {
    let mut facts = vec![
        patient("1955-01-01"),
        condition(SCT, "703272007"),
        observation("88020-3", "2025-09-01", concept(LOINC, "LA28406-9")),
        with(observation("10230-1", "2025-09-02", quantity(25.0, "%")), json!({ "id": "ef" })),
        admission(),
    ];
    facts.extend(GENERAL.map(yes));
    facts
}

fn without(facts: &[Value], code: &str) -> Vec<Value> {
    facts.iter().filter(|fact| fact.pointer("/code/coding/0/code") != Some(&json!(code))).cloned().collect()
}

/// A rule set of one criterion, in the words of its parameters.
fn one_rule(parameters: Value) -> std::result::Result<RuleSet, String> {
    read_rule(parameters, Reading::Written)
}

fn read_rule(parameters: Value, reading: Reading) -> std::result::Result<RuleSet, String> {
    let inner: Vec<Value> = parameters
        .as_array()
        .unwrap()
        .iter()
        .map(|parameter| {
            let (name, rest) = (parameter[0].clone(), parameter[1].clone());
            with(json!({ "url": name }), rest)
        })
        .collect();
    let plan = json!({ "url": "https://example.org/PlanDefinition/x", "version": "1", "title": "x", "status": "active",
        "action": [{ "id": "criteria",
            "condition": [{ "kind": "applicability", "expression": { "language": "text/cql", "expression": "`c`" } }],
            "action": [{ "id": "c", "title": "a value", "description": "A sentence.", "extension": [{
                "url": "https://comfrey.health/fhir/StructureDefinition/criterion", "extension": inner }] }] }] });
    let definitions = Definitions::shared().unwrap();
    rule_set(&plan, &definitions, reading).map_err(|problems| problem::in_one_line(&problems))
}

fn state_of(parameters: Value, facts: &[Value]) -> State {
    let set = one_rule(parameters).unwrap();
    let record = record(facts);
    let situation =
        Situation { record: &record, as_of: date(AS_OF), attestation_valid_days: 90, lines_of_business: &[] };
    finding(&set.screen(&situation), "c").state
}

fn kind(kind: &str) -> Value {
    json!(["kind", { "valueCode": kind }])
}

fn value_set(name: &str, id: &str) -> Value {
    json!([name, { "valueCanonical": format!("https://comfrey.health/fhir/ValueSet/{id}") }])
}

fn days(name: &str, days: i64) -> Value {
    json!([name, { "valueInteger": days }])
}

/// A second Patient resource of no consequence would be a mistake: a feed may stand on a Coverage instead.
fn with_feed_later() -> Value {
    json!({ "resourceType": "Coverage", "extension": [{
        "url": crate::palliative::record::FEED_EXTENSION, "valuePeriod": { "start": "2020-01-01" } }] })
}
