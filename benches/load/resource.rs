//! The generated patients as FHIR JSON: about a kilobyte each, with a narrative, as records from practices have.
//! <https://hl7.org/fhir/R4/resourcelist.html>

use serde_json::Value;
use serde_json::json;

use crate::patient::CARE_PLANS;
use crate::patient::CONDITIONS;
use crate::patient::ENCOUNTERS;
use crate::patient::GOALS;
use crate::patient::OBSERVATIONS;
use crate::patient::OBSERVED;
use crate::patient::PRESCRIPTIONS;
use crate::patient::Patient;
use crate::patient::condition_code;
use crate::patient::date;
use crate::patient::month;

/// Of which system a record number is.
pub const RECORDS: &str = "http://hospital.example.org/mrn";
/// The system of the conditions' codes.
pub const SNOMED: &str = "http://snomed.info/sct";
/// The system of the observations' codes.
pub const LOINC: &str = "http://loinc.org";
/// The system of care plan categories, and the category of all of them.
pub const CATEGORY: (&str, &str) =
    ("http://hl7.org/fhir/us/core/CodeSystem/careplan-category", "assess-plan");
/// Patients that share a practitioner.
const LIST: u64 = 50;

/// What several patients refer to: the organisation, and the practitioners of so many patients.
pub fn shared(patients: u64) -> impl Iterator<Item = Value> {
    let organization = json!({ "resourceType": "Organization", "id": "org", "active": true,
        "name": "Hill House Palliative Care" });
    let practitioner = |at: u64| {
        json!({ "resourceType": "Practitioner", "id": format!("d{at}"), "active": true,
        "name": [{ "family": Patient(at).family(), "given": ["Robin"], "prefix": ["Dr"] }] })
    };
    std::iter::once(organization).chain((0..=patients / LIST).map(practitioner))
}

/// All resources of a patient, itself first.
pub fn all(of: Patient) -> impl Iterator<Item = Value> {
    std::iter::once(patient(of))
        .chain((0..CONDITIONS).map(move |at| condition(of, at)))
        .chain((0..ENCOUNTERS).map(move |at| encounter(of, at)))
        .chain((0..OBSERVATIONS).map(move |at| observation(of, at)))
        .chain((0..GOALS).map(move |at| goal(of, at)))
        .chain((0..CARE_PLANS).map(move |at| care_plan(of, at)))
        .chain((0..PRESCRIPTIONS).map(move |at| prescription(of, at)))
}

/// A transaction that stores these resources, each under its own id.
pub fn transaction(resources: impl Iterator<Item = Value>) -> Value {
    let entries: Vec<Value> = resources
        .map(|resource| {
            let word = |name: &str| resource[name].as_str().unwrap_or_default();
            let url = format!("{}/{}", word("resourceType"), word("id"));
            json!({ "request": { "method": "PUT", "url": url }, "resource": resource })
        })
        .collect();
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })
}

/// A goal that was not generated with the patient.
pub fn further_goal(of: Patient, text: &str) -> Value {
    let mut goal = goal(of, 0);
    if let Some(members) = goal.as_object_mut() {
        members.remove("id");
        members.insert("description".into(), json!({ "text": text }));
    }
    goal
}

/// One of the patient's goals.
pub fn goal(of: Patient, at: u64) -> Value {
    let status = if of.goal_is_active(at) { "active" } else { "completed" };
    let text =
        ["Walk to the garden without stopping for breath", "Pain no more than three of ten", "Sleep at home"];
    let text = text[(at % 3) as usize];
    json!({ "resourceType": "Goal", "id": format!("g{}-{at}", of.0), "text": narrative("Goal", text),
        "lifecycleStatus": status, "achievementStatus": { "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/goal-achievement", "code": "in-progress" }] },
        "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/goal-category",
            "code": "physiotherapy", "display": "Physiotherapy" }] }],
        "description": { "text": text }, "subject": subject(of), "startDate": date(of.pick(10 + at, 1_800)),
        "expressedBy": doctor(of), "note": [{ "text": "Agreed with the patient and the family at the first visit." }] })
}

fn patient(of: Patient) -> Value {
    let (family, given) = (of.family(), ["Ann", "Ben", "Cleo", "Dan"][(of.0 % 4) as usize]);
    let text = format!("{family}, born {}", of.birth_date());
    json!({ "resourceType": "Patient", "id": of.id(), "text": narrative("Patient", &text),
        "identifier": [{ "use": "usual", "system": RECORDS, "value": of.record_number() }], "active": true,
        "name": [{ "use": "official", "family": family, "given": [given] }],
        "telecom": [{ "system": "phone", "value": format!("555-{:07}", of.0), "use": "home" }],
        "gender": if of.0.is_multiple_of(2) { "female" } else { "male" }, "birthDate": of.birth_date(),
        "address": [{ "line": [format!("{} Mill Lane", of.0 % 200)], "city": "Riverton", "state": "MA",
            "postalCode": format!("0{:04}", of.0 % 9_000), "country": "US" }],
        "generalPractitioner": [doctor(of)], "managingOrganization": { "reference": "Organization/org" } })
}

fn condition(of: Patient, at: u64) -> Value {
    let facts = of.condition(at);
    let clinical = if facts.active { "active" } else { "resolved" };
    let name = format!("Disorder number {} of the generated list", facts.code);
    let mut condition = json!({ "resourceType": "Condition", "id": format!("c{}-{at}", of.0),
        "text": narrative("Condition", &name),
        "clinicalStatus": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-clinical",
            "code": clinical }] },
        "verificationStatus": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-ver-status",
            "code": "confirmed" }] },
        "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-category",
            "code": "problem-list-item", "display": "Problem List Item" }] }],
        "code": { "coding": [{ "system": SNOMED, "code": condition_code(facts.code), "display": name }], "text": name },
        "subject": subject(of), "encounter": visit(of, at), "onsetDateTime": date(of.pick(20 + at, 1_800)),
        "recordedDate": date(of.pick(20 + at, 1_800)), "recorder": doctor(of) });
    if !facts.active {
        condition["abatementDateTime"] = "2026-02-01".into();
    }
    condition
}

fn encounter(of: Patient, at: u64) -> Value {
    let facts = of.encounter(at);
    let day = format!("{}{:02}", &month(facts.month)[..8], facts.day);
    json!({ "resourceType": "Encounter", "id": format!("e{}-{at}", of.0),
        "text": narrative("Encounter", &format!("A visit on {day} by the community team")),
        "status": "finished",
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": facts.class },
        "type": [{ "coding": [{ "system": SNOMED, "code": "185349003", "display": "Encounter for check up" }],
            "text": "Encounter for check up" }],
        "subject": subject(of), "participant": [{ "type": [{ "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "PPRF",
            "display": "primary performer" }] }], "individual": doctor(of) }],
        "period": { "start": format!("{day}T09:00:00Z"), "end": format!("{day}T10:30:00Z") },
        "serviceProvider": { "reference": "Organization/org" } })
}

fn observation(of: Patient, at: u64) -> Value {
    let facts = of.observation(at);
    let (code, name, unit, _) = OBSERVED[facts.kind];
    let moment = format!("{}T10:00:00Z", date(facts.day));
    json!({ "resourceType": "Observation", "id": format!("o{}-{at}", of.0),
        "text": narrative("Observation", &format!("{name}: {} {unit}", facts.value)),
        "status": "final", "category": [{ "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs",
            "display": "Vital Signs" }] }],
        "code": { "coding": [{ "system": LOINC, "code": code, "display": name }], "text": name },
        "subject": subject(of), "encounter": visit(of, at), "effectiveDateTime": moment, "issued": moment,
        "performer": [doctor(of)],
        "valueQuantity": { "value": facts.value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit } })
}

fn care_plan(of: Patient, at: u64) -> Value {
    let status = if of.care_plan_is_active(at) { "active" } else { "completed" };
    let goals = if at == 0 { 0..1 } else { 1..GOALS };
    let goals: Vec<Value> =
        goals.map(|goal| json!({ "reference": format!("Goal/g{}-{goal}", of.0) })).collect();
    json!({ "resourceType": "CarePlan", "id": format!("k{}-{at}", of.0),
        "text": narrative("CarePlan", "Comfort first; visits twice a week; the family is taught what to do"),
        "status": status, "intent": "plan",
        "category": [{ "coding": [{ "system": CATEGORY.0, "code": CATEGORY.1 }] }],
        "title": "Palliative care at home", "subject": subject(of),
        "period": { "start": date(of.pick(30 + at, 1_800)) }, "author": doctor(of),
        "addresses": [{ "reference": format!("Condition/c{}-0", of.0) }], "goal": goals,
        "activity": [{ "detail": { "kind": "ServiceRequest", "status": "in-progress",
            "code": { "text": "Visit by the community nurse" }, "scheduledString": "twice a week" } }] })
}

fn prescription(of: Patient, at: u64) -> Value {
    let (code, name) =
        [("7052", "Morphine"), ("6902", "Methylprednisolone"), ("5093", "Haloperidol")][(at % 3) as usize];
    json!({ "resourceType": "MedicationRequest", "id": format!("m{}-{at}", of.0),
        "text": narrative("MedicationRequest", &format!("{name}, when needed")),
        "status": "active", "intent": "order",
        "medicationCodeableConcept": { "coding": [{ "system": "http://www.nlm.nih.gov/research/umls/rxnorm",
            "code": code, "display": name }], "text": name },
        "subject": subject(of), "encounter": visit(of, at), "authoredOn": date(of.pick(40 + at, 1_800)),
        "requester": doctor(of), "dosageInstruction": [{ "text": "One by mouth every four hours when needed",
            "asNeededBoolean": true }] })
}

fn subject(of: Patient) -> Value {
    json!({ "reference": format!("Patient/p{}", of.0) })
}

fn doctor(of: Patient) -> Value {
    json!({ "reference": format!("Practitioner/d{}", of.0 / LIST) })
}

fn visit(of: Patient, at: u64) -> Value {
    json!({ "reference": format!("Encounter/e{}-{}", of.0, at % ENCOUNTERS) })
}

fn narrative(title: &str, text: &str) -> Value {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    json!({ "status": "generated",
        "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><p><b>{title}</b></p><p>{text}.</p></div>") })
}
