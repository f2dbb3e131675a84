//! The vectors of the stratification, and the rules of its score.

mod domains;
mod tiers;
mod told;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use jiff::civil::Date;
use serde_json::Value;
use serde_json::json;

use crate::definitions::Definitions;
use crate::fhir::Resource;
use crate::palliative::findings::by_set;
use crate::palliative::program::Program;
use crate::palliative::record::FEED_EXTENSION;
use crate::palliative::record::PatientRecord;
use crate::palliative::risk::Algorithm;
use crate::palliative::risk::Algorithms;
use crate::palliative::risk::Facts;
use crate::palliative::risk::Status;
use crate::palliative::risk::Stratification;
use crate::palliative::risk::document::Document;
use crate::palliative::risk::kept::Around;
use crate::palliative::risk::report::Report;
use crate::palliative::risk::tier::Earlier;
use crate::palliative::risk::tier::Tier;
use crate::palliative::screening::RuleSets;
use crate::palliative::screening::Situation;
use crate::palliative::screening::document::Terminology;
use crate::palliative::screening::report::Reader;
use crate::palliative::vocabulary::RISK_ALGORITHM;
use crate::palliative::vocabulary::SETTINGS_EXTENSION;

const AS_OF: &str = "2026-01-15";
const LOCAL: &str = "https://comfrey.health/fhir/CodeSystem/palliative-observation";
const LOINC: &str = "http://loinc.org";
const SNOMED: &str = "http://snomed.info/sct";

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

/// A date so many days before the day of the stratification.
fn ago(days: i64) -> String {
    (day(AS_OF) - jiff::Span::new().days(days)).to_string()
}

fn compiled() -> &'static (Algorithms, RuleSets) {
    static COMPILED: OnceLock<(Algorithms, RuleSets)> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let definitions = Definitions::shared().unwrap();
        (Algorithms::compile(&definitions).unwrap(), RuleSets::compile(&definitions).unwrap())
    })
}

fn program(settings: Value) -> Program {
    let service = json!({ "resourceType": "HealthcareService", "id": "prog",
        "extension": [{ "url": SETTINGS_EXTENSION, "extension": settings }] });
    Program::read(&Resource::from_value(service).unwrap()).unwrap()
}

fn algorithm() -> &'static Algorithm {
    compiled().0.find(RISK_ALGORITHM).unwrap()
}

fn patient(birth: &str) -> Value {
    json!({ "resourceType": "Patient", "id": "p", "birthDate": birth })
}

fn with_feed(birth: &str) -> Value {
    let mut patient = patient(birth);
    patient["extension"] = json!([{ "url": FEED_EXTENSION, "valuePeriod": { "start": "2020-01-01" } }]);
    patient
}

fn condition(icd: &str) -> Value {
    json!({ "resourceType": "Condition", "id": format!("c-{icd}"), "subject": { "reference": "Patient/p" },
        "clinicalStatus": { "coding": [{ "code": "active" }] },
        "code": { "coding": [{ "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": icd }] } })
}

fn observed(coding: (&str, &str), days: i64, value: Value) -> Value {
    let mut observation = json!({ "resourceType": "Observation", "id": format!("o-{}-{days}", coding.1),
        "status": "final", "subject": { "reference": "Patient/p" }, "effectiveDateTime": ago(days),
        "performer": [{ "reference": "Practitioner/d" }],
        "code": { "coding": [{ "system": coding.0, "code": coding.1 }] } });
    observation.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
    observation
}

fn number(coding: (&str, &str), days: i64, value: i64) -> Value {
    observed(coding, days, json!({ "valueInteger": value }))
}

fn quantity(coding: (&str, &str), days: i64, value: f64, unit: &str) -> Value {
    let system = "http://unitsofmeasure.org";
    let value = json!({ "value": value, "unit": unit, "system": system, "code": unit });
    observed(coding, days, json!({ "valueQuantity": value }))
}

fn admission(days: i64) -> Value {
    json!({ "resourceType": "Encounter", "id": format!("e-{days}"), "status": "finished",
        "subject": { "reference": "Patient/p" },
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP" },
        "hospitalization": { "admitSource": { "coding": [{ "code": "emd" }] } },
        "period": { "start": ago(days), "end": ago(days - 3) } })
}

fn nyha(class: &str) -> Value {
    let answer = json!({ "coding": [{ "system": LOINC, "code": class }] });
    observed((LOINC, "88020-3"), 30, json!({ "valueCodeableConcept": answer }))
}

fn surprise() -> Value {
    observed((LOCAL, "surprise-question-12m"), 10, json!({ "valueBoolean": true }))
}

fn zarit(value: i64) -> Value {
    let mut one = number((LOCAL, "zbi-12"), 20, value);
    one["focus"] = json!([{ "reference": "RelatedPerson/spouse" }]);
    one
}

/// Section 3.7 without symptoms, caregiver and social needs: V-RISK-2.
fn second() -> Vec<Value> {
    vec![
        patient("1953-06-01"),
        condition("I50.22"),
        condition("J44.9"),
        quantity((LOINC, "10230-1"), 60, 25.0, "%"),
        nyha("LA28406-9"),
        number((LOINC, "89243-0"), 20, 50),
        admission(40),
        admission(150),
        surprise(),
        quantity((LOINC, "29463-7"), 100, 70.0, "kg"),
        quantity((LOINC, "29463-7"), 5, 70.0, "kg"),
        quantity((LOINC, "1751-7"), 15, 3.1, "g/dL"),
    ]
}

fn first() -> Vec<Value> {
    let mut all = second();
    let food = json!({ "valueCodeableConcept": { "coding": [{ "system": LOINC, "code": "LA28397-0" }] } });
    all.extend([
        number((LOCAL, "esas-dyspnea"), 10, 7),
        number((LOCAL, "esas-pain"), 10, 3),
        number((LOCAL, "esas-wellbeing"), 10, 6),
        number((LOINC, "44261-6"), 10, 11),
        zarit(15),
        observed((LOINC, "88122-7"), 30, food),
    ]);
    all
}

fn in_program(facts: Vec<Value>, program: &Program, earlier: &[Earlier]) -> Stratification<'static> {
    let resources = facts.into_iter().map(|one| Resource::from_value(one).unwrap()).collect();
    let record = PatientRecord::new("p", resources, &program.zone);
    let situation =
        Situation { record: &record, as_of: day(AS_OF), attestation_valid_days: 90, lines_of_business: &[] };
    let rule_sets = &compiled().1;
    let entry = program.rule_sets.iter().map(|set| by_set(rule_sets.find(set).unwrap(), &situation));
    algorithm().stratify(&Facts {
        situation: &situation,
        program,
        rule_sets,
        entry: &entry.collect::<Vec<_>>(),
        earlier,
        decided: None,
    })
}

fn of(facts: Vec<Value>) -> Stratification<'static> {
    in_program(facts, &program(json!([])), &[])
}

fn levels(found: &Stratification) -> String {
    let one = |one: &super::domain::Component| match one.value() {
        Some(value) => format!("{}{value}", one.domain),
        None => format!("{}[{},{}]", one.domain, one.low, one.high),
    };
    found.components.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn codes(found: &Stratification) -> Vec<String> {
    found.applied.iter().map(|one| one.code.clone()).collect()
}

fn tasks(found: &Stratification) -> Vec<(String, Option<i64>)> {
    found.tasks.iter().map(|one| (one.code.clone(), one.hours)).collect()
}

/// The level of a domain by its letter, as an interval.
fn level(found: &Stratification, letter: &str) -> (u8, u8) {
    let one = found.components.iter().find(|one| one.domain == letter).unwrap();
    (one.low, one.high)
}

/// The level of a domain for these facts about an adult without anything else.
fn alone(letter: &str, facts: Vec<Value>) -> (u8, u8) {
    level(&of([vec![patient("1950-01-01")], facts].concat()), letter)
}

fn report<'a>(found: &'a Stratification<'a>, program: &'a Program, reader: Reader) -> Report<'a> {
    Report { found, patient: "p", program, reader, now: 1_768_478_400_000_000 }
}

fn around(asked: &BTreeSet<String>) -> Around<'_> {
    Around { episode: None, enrollment: None, stored: &|_| true, asked }
}
