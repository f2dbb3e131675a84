//! What a person of the sample population has, where it was treated, and with what.
//! <https://hl7.org/fhir/R4/condition.html>

use jiff::civil::Date;
use serde_json::Value;
use serde_json::json;

use crate::import::population::archetypes::Contact;
use crate::import::population::archetypes::Medicine;
use crate::import::population::person::Course;
use crate::import::population::person::Person;

const ICD_10: &str = "http://hl7.org/fhir/sid/icd-10-cm";
const SNOMED: &str = "http://snomed.info/sct";
/// The contacts of one kind lie this many days apart.
const APART: i64 = 80;

/// All of them.
pub fn resources(person: &mut Person) -> Vec<Value> {
    let mut all = conditions(person);
    all.extend(encounters(person));
    all.extend(medicines(person));
    if person.course == Course::Late {
        all.extend(devices(person));
    }
    all
}

fn conditions(person: &mut Person) -> Vec<Value> {
    let illness = person.illness;
    let alternatives = person.course_of(&illness.diagnoses).as_slice();
    let codes = person.draw.one_of(alternatives).cloned().unwrap_or_default();
    let condition = |(at, code): (usize, &String)| {
        let recorded = person.day_in([15, 120]);
        // A child's illness began after birth.
        let onset = if illness.child { [130, 360] } else { [200, 2_000] };
        let onset = person.day_in(onset);
        json!({ "resourceType": "Condition", "id": person.own(&format!("condition-{}", at + 1)),
            "clinicalStatus": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-clinical",
                "code": "active" }] },
            "verificationStatus": { "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "confirmed" }] },
            "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-category",
                "code": "problem-list-item" }] }],
            "code": diagnosis(person, code), "subject": person.subject(), "onsetDateTime": onset.to_string(),
            "recordedDate": recorded.to_string(), "recorder": person.doctor() })
    };
    codes.iter().enumerate().map(condition).collect()
}

fn diagnosis(person: &Person, code: &str) -> Value {
    let known = person.from.conditions.get(code);
    let mut codings = vec![json!({ "system": ICD_10, "code": code })];
    if let Some(snomed) = known.and_then(|known| known.snomed.as_deref()) {
        codings.push(json!({ "system": SNOMED, "code": snomed }));
    }
    json!({ "coding": codings, "text": known.map_or(code, |known| known.text.as_str()) })
}

fn encounters(person: &mut Person) -> Vec<Value> {
    let mut all = Vec::new();
    for (kind, contact) in &person.from.contacts {
        let count = person.draw.between(*person.of(&contact.early, &contact.late));
        for at in 0..count {
            let [low, high] = contact.back;
            let day = person.day_in([low + at * APART, high + at * APART]);
            all.push(encounter(person, contact, (format!("{kind}-{}", at + 1), day)));
        }
    }
    all
}

fn encounter(person: &Person, contact: &Contact, (name, day): (String, Date)) -> Value {
    let end = day.at(16, 0, 0, 0).saturating_add(jiff::SignedDuration::from_hours(contact.hours));
    let mut encounter = json!({ "resourceType": "Encounter", "id": person.own(&name), "status": "finished",
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": contact.class },
        "type": [{ "coding": [{ "system": SNOMED, "code": contact.code }], "text": contact.text }],
        "subject": person.subject(), "period": { "start": format!("{day}T16:00:00Z"), "end": format!("{end}Z") } });
    if contact.crisis {
        encounter["reasonCode"] = json!([diagnosis(person, &person.illness.crisis)]);
        encounter["diagnosis"] = json!([{
            "condition": { "reference": format!("Condition/{}", person.own("condition-1")) }, "rank": 1,
            "use": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/diagnosis-role",
                "code": "billing" }] } }]);
    } else {
        encounter["participant"] = json!([{ "individual": person.doctor() }]);
        encounter["serviceProvider"] = json!({ "reference": format!("Organization/{}", person.site.id) });
    }
    if contact.class == "IMP" {
        encounter["hospitalization"] = json!({ "admitSource": { "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/admit-source", "code": "emd" }] } });
    }
    encounter
}

fn medicines(person: &mut Person) -> Vec<Value> {
    let illness = person.illness;
    let late = match person.course {
        Course::Early => &[][..],
        Course::Late => &illness.late_medicines,
    };
    let request = |(at, medicine): (usize, &Medicine)| {
        let authored = person.day_in([10, 70]);
        json!({ "resourceType": "MedicationRequest", "id": person.own(&format!("medicine-{}", at + 1)),
            "status": "active", "intent": "order",
            "medicationCodeableConcept": { "text": medicine.text, "coding": [{
                "system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": medicine.code,
                "display": medicine.text }] },
            "subject": person.subject(), "authoredOn": authored.to_string(), "requester": person.doctor(),
            "dosageInstruction": [{ "text": medicine.dosage }] })
    };
    illness.medicines.iter().chain(late).enumerate().map(request).collect()
}

fn devices(person: &mut Person) -> Vec<Value> {
    let mut all = Vec::new();
    for (at, device) in person.illness.devices.iter().enumerate() {
        let authored = person.day_in([10, 200]);
        all.push(json!({ "resourceType": "DeviceRequest", "id": person.own(&format!("device-{}", at + 1)),
            "status": "active", "intent": "order",
            "codeCodeableConcept": { "text": device.text, "coding": [{
                "system": "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "code": device.code }] },
            "subject": person.subject(), "authoredOn": authored.to_string(), "requester": person.doctor() }));
    }
    all
}
