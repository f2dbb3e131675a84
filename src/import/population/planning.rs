//! What a person of the sample population has laid down for later: the document, and the Consent that stands for it.
//! <https://hl7.org/fhir/R4/documentreference.html>

use serde_json::Value;
use serde_json::json;

use crate::import::population::archetypes::Document;
use crate::import::population::person::Person;

/// Of how many of a hundred there is something on file, early and late in an illness.
const ON_FILE: [i64; 2] = [22, 55];

/// All of them.
pub fn resources(person: &mut Person) -> Vec<Value> {
    let illness = person.illness;
    let percent = *person.of(&ON_FILE[0], &ON_FILE[1]);
    if illness.child || illness.well || !person.draw.happens(percent) {
        return Vec::new();
    }
    let Some(document) = person.draw.one_of(&person.from.documents) else { return Vec::new() };
    let day = person.day_in([30, 500]).to_string();
    let mut all = vec![file(person, document, &day)];
    if let Some(category) = &document.consent {
        all.push(consent(person, category, &day));
    }
    all
}

fn file(person: &Person, document: &Document, day: &str) -> Value {
    let mut file = json!({ "resourceType": "DocumentReference", "id": person.own("plan"), "status": "current",
        "docStatus": "final",
        "type": { "coding": [{ "system": "http://loinc.org", "code": document.code }], "text": document.text },
        "category": [{ "coding": [{ "system": "http://loinc.org", "code": "42348-3" }],
            "text": "Advance healthcare directives" }],
        "subject": person.subject(), "date": format!("{day}T18:00:00Z"),
        "content": [{ "attachment": { "contentType": "text/plain", "data": document.note, "title": document.text,
            "creation": day } }] });
    if document.signed {
        file["author"] = json!([person.doctor()]);
        file["authenticator"] = person.doctor();
    } else {
        file["author"] = json!([person.subject()]);
    }
    file
}

fn consent(person: &Person, category: &str, day: &str) -> Value {
    json!({ "resourceType": "Consent", "id": person.own("directive"), "status": "active",
        "scope": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "adr" }] },
        "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentcategorycodes",
            "code": category }] }],
        "patient": person.subject(), "dateTime": day, "performer": [person.subject()],
        "organization": [{ "reference": format!("Organization/{}", person.site.id) }],
        "policy": [{ "uri": "https://samples.comfrey.health/advance-directives" }],
        "sourceReference": { "reference": format!("DocumentReference/{}", person.own("plan")) } })
}
