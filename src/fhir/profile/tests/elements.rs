//! How often an element is there, and what it may be.

use super::*;

#[test]
fn an_element_is_there_as_often_as_is_asked_for() {
    let elements = json!([{ "path": "Patient.name", "min": 1, "max": "2" }, { "path": "Patient.name.family", "min": 1 },
                          { "path": "Patient.photo", "max": "0" }]);
    let good = patient(json!({ "name": [{ "family": "A" }, { "_family": { "extension": [] } }] }));
    check(&elements, &good, &patient(json!({})), &["required Patient.name"]);
    let bad =
        patient(json!({ "name": [{ "text": "A" }, { "family": "B" }, { "family": "C" }], "photo": [{}] }));
    check(
        &elements,
        &good,
        &bad,
        &["value Patient.name", "required Patient.name[0].family", "value Patient.photo"],
    );
}

#[test]
fn an_element_that_is_not_there_needs_no_children() {
    let elements = json!([{ "path": "Patient.telecom" }, { "path": "Patient.telecom.system", "min": 1 }]);
    let bad = patient(json!({ "telecom": [{ "system": "phone" }, { "value": "1" }] }));
    check(&elements, &patient(json!({})), &bad, &["required Patient.telecom[1].system"]);
}

#[test]
fn a_base_cardinality_is_left_to_r4() {
    let elements =
        json!([{ "path": "Patient.name", "min": 1, "max": "1", "base": { "min": 1, "max": "1" } }]);
    assert_eq!(errors(&elements, &patient(json!({}))), Vec::<String>::new());
}

#[test]
fn fixed_values_and_patterns_must_be_met() {
    let elements = json!([
        { "path": "Patient.gender", "fixedCode": "female" },
        { "path": "Patient.maritalStatus", "patternCodeableConcept": { "coding": [{ "code": "M" }] } },
        { "path": "Patient.language", "maxLength": 2 },
    ]);
    let good = patient(json!({ "gender": "female", "language": "en",
                               "maritalStatus": { "coding": [{ "code": "M", "display": "Married" }] } }));
    let bad = patient(json!({ "gender": "male", "language": "en-US", "maritalStatus": { "text": "M" } }));
    let wrong = ["value Patient.gender", "value Patient.maritalStatus", "value Patient.language"];
    check(&elements, &good, &bad, &wrong);
}

#[test]
fn a_choice_may_have_the_types_that_are_left() {
    let elements = json!([{ "path": "Patient.deceased[x]", "min": 1, "type": [{ "code": "dateTime" }] }]);
    let good = patient(json!({ "deceasedDateTime": "2026-01-01" }));
    check(&elements, &good, &patient(json!({ "deceasedBoolean": true })), &["value Patient.deceasedBoolean"]);
    check(&elements, &good, &patient(json!({})), &["required Patient.deceased"]);
    let shadow = patient(json!({ "_deceasedDateTime": { "extension": [] } }));
    assert_eq!(errors(&elements, &shadow), Vec::<String>::new());
}

#[test]
fn a_reference_points_to_what_the_profile_says() {
    let target = "http://hl7.org/fhir/StructureDefinition/Organization";
    let elements = json!([{ "path": "Patient.generalPractitioner",
                            "type": [{ "code": "Reference", "targetProfile": [target] }] }]);
    let to = |text: &str| patient(json!({ "generalPractitioner": [{ "reference": text }] }));
    let wrong = ["value Patient.generalPractitioner[0].reference"];
    check(&elements, &to("Organization/1"), &to("Practitioner/1"), &wrong);
    check(&elements, &to("urn:uuid:1"), &to("https://example.org/fhir/Practitioner/1/_history/2"), &wrong);
    let mut inside = to("#o");
    inside["contained"] = json!([{ "resourceType": "PractitionerRole", "id": "o" }]);
    check(&elements, &to("Organization?identifier=1"), &inside, &wrong);
}

#[test]
fn children_of_a_content_reference_are_those_of_the_element_referred_to() {
    let elements = json!([
        { "path": "QuestionnaireResponse.item" },
        { "path": "QuestionnaireResponse.item.text", "min": 1 },
        { "path": "QuestionnaireResponse.item.item", "contentReference": "#QuestionnaireResponse.item" },
    ]);
    let response = |inner: Value| {
        json!({ "resourceType": "QuestionnaireResponse", "item": [{ "text": "a", "item": [{ "text": "b",
                "item": [inner] }] }] })
    };
    let wrong = ["required QuestionnaireResponse.item[0].item[0].item[0].text"];
    check(&elements, &response(json!({ "text": "c" })), &response(json!({ "linkId": "c" })), &wrong);
}
