//! The form of a resource: which elements it has, and how often.

use super::*;

#[test]
fn a_full_resource_is_valid() {
    let resource = patient(json!({
        "id": "a.B-1",
        "meta": { "versionId": "1", "lastUpdated": "2026-02-28T13:28:17.239+02:00", "profile": ["http://a.org/p"] },
        "text": { "status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Ada</p></div>" },
        "contained": [{ "resourceType": "Organization", "id": "o", "name": "O" }],
        "extension": [{ "url": "http://a.org/e", "valueDecimal": 1.10 }],
        "identifier": [{ "use": "official", "system": "urn:oid:1.2.3", "value": "1", "period": { "start": "2026" } }],
        "active": true,
        "name": [{ "given": ["Ada", null], "_given": [null, { "extension": [{ "url": "http://a.org/e", "valueCode": "x" }] }] }],
        "gender": "female",
        "_birthDate": { "extension": [{ "url": "http://a.org/e", "valueString": "unknown" }] },
        "deceasedDateTime": "2026-02",
        "multipleBirthInteger": 2,
        "photo": [{ "contentType": "image/png", "data": "AAAA AAA=" }],
        "managingOrganization": { "reference": "#o" },
        "generalPractitioner": [{ "reference": "https://a.org/fhir/Practitioner/1", "type": "Practitioner" }],
        "communication": [{ "language": { "coding": [{ "system": "urn:ietf:bcp:47", "code": "en" }] } }]
    }));
    hold(&[(resource, &[])]);
}

#[test]
fn what_is_no_resource_is_refused() {
    hold(&[
        (json!([]), &["structure Resource"]),
        (json!({}), &["structure Resource.resourceType"]),
        (json!({ "resourceType": 1 }), &["structure Resource.resourceType"]),
        (json!({ "resourceType": "Patent" }), &["structure Resource.resourceType"]),
        (json!({ "resourceType": "DomainResource" }), &["structure Resource.resourceType"]),
    ]);
}

#[test]
fn elements_are_those_of_the_type_in_the_json_form_of_the_type() {
    hold(&[
        (
            patient(json!({ "brithDate": "2026", "nmae": [], "zzz": null })),
            &["structure Patient.brithDate", "structure Patient.nmae", "structure Patient.zzz"],
        ),
        (patient(json!({ "resourcetype": "Patient" })), &["structure Patient.resourcetype"]),
        (
            patient(json!({ "name": [{ "resourceType": "HumanName" }] })),
            &["structure Patient.name[0].resourceType"],
        ),
        (
            patient(json!({ "name": { "family": 5 } })),
            &["structure Patient.name", "structure Patient.name.family"],
        ),
        (patient(json!({ "gender": ["male"] })), &["structure Patient.gender"]),
        (patient(json!({ "name": ["Ada"] })), &["structure Patient.name[0]"]),
        (patient(json!({ "active": "true" })), &["structure Patient.active"]),
        (patient(json!({ "multipleBirthInteger": "2" })), &["structure Patient.multipleBirthInteger"]),
        (patient(json!({ "birthDate": 2026 })), &["structure Patient.birthDate"]),
        (patient(json!({ "maritalStatus": "M" })), &["structure Patient.maritalStatus"]),
        (
            patient(json!({ "maritalStatus": {}, "name": [], "id": "" })),
            &["structure Patient.maritalStatus", "structure Patient.name", "value Patient.id"],
        ),
        (
            patient(json!({ "birthDate": null, "name": [null], "contact": null })),
            &["structure Patient.birthDate", "structure Patient.contact", "structure Patient.name[0]"],
        ),
        (patient(json!({ "name": [[{}]] })), &["structure Patient.name[0]"]),
        (
            observation(json!({ "valueQuantity": { "value": "5" } })),
            &["structure Observation.valueQuantity.value"],
        ),
    ]);
}

#[test]
fn names_that_are_nearly_right_are_suggested() {
    let text = |resource: Value| validate(&SHAPES, &resource).remove(0).text;
    assert!(text(patient(json!({ "brithDate": "2026" }))).contains("`birthDate`"));
    assert!(text(observation(json!({ "valueCode": "a" }))).contains("`valueQuantity`"));
    assert!(text(observation(json!({ "value": 1 }))).contains("`valueQuantity`"));
    assert!(text(patient(json!({ "_name": {} }))).contains("remove `_name`"));
    assert!(text(patient(json!({ "favouriteColour": "red" }))).contains("extension"));
}

#[test]
fn required_elements_are_there() {
    hold(&[
        (
            json!({ "resourceType": "Observation" }),
            &["required Observation.code", "required Observation.status"],
        ),
        (
            json!({ "resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": { "display": "a" } }),
            &["required MedicationRequest.medication"],
        ),
        (patient(json!({ "link": [{ "type": "refer" }] })), &["required Patient.link[0].other"]),
        (
            json!({ "resourceType": "Observation", "code": { "text": "a" },
                 "_status": { "extension": [{ "url": "http://a.org/e", "valueCode": "unknown" }] } }),
            &[],
        ),
    ]);
}

#[test]
fn a_choice_is_made_once_and_among_its_types() {
    hold(&[
        (
            observation(json!({ "valueString": "a", "valueInteger": 1 })),
            &["structure Observation.valueInteger"],
        ),
        (observation(json!({ "valueString": "a", "_valueString": { "id": "x" } })), &[]),
        (
            observation(json!({ "valueString": "a", "_valueInteger": { "id": "x" } })),
            &["invariant Observation.valueInteger", "structure Observation.valueInteger"],
        ),
        (observation(json!({ "valueDecimal": 1.5 })), &["structure Observation.valueDecimal"]),
    ]);
}

#[test]
fn the_siblings_of_primitives_match_them() {
    let extension = json!({ "extension": [{ "url": "http://a.org/e", "valueString": "x" }] });
    hold(&[
        (
            patient(json!({ "name": [{ "given": ["A", "B"], "_given": [extension] }] })),
            &["structure Patient.name[0].given"],
        ),
        (
            patient(json!({ "name": [{ "given": ["A", null], "_given": [null, null] }] })),
            &["structure Patient.name[0].given[1]"],
        ),
        (patient(json!({ "name": [{ "given": [null] }] })), &["structure Patient.name[0].given[0]"]),
        (patient(json!({ "name": [{ "_given": [null] }] })), &["structure Patient.name[0].given[0]"]),
        (patient(json!({ "name": [{ "_given": [extension] }] })), &[]),
        (
            patient(json!({ "name": [{ "given": ["A"], "_given": extension }] })),
            &["structure Patient.name[0].given"],
        ),
        (
            patient(json!({ "birthDate": "2026", "_birthDate": [extension] })),
            &["structure Patient.birthDate"],
        ),
        (patient(json!({ "birthDate": "2026", "_birthDate": "x" })), &["structure Patient.birthDate"]),
        (patient(json!({ "birthDate": "2026", "_birthDate": {} })), &["structure Patient.birthDate"]),
        (patient(json!({ "birthDate": "2026", "_birthDate": null })), &["structure Patient.birthDate"]),
        (
            patient(json!({ "birthDate": "2026", "_birthDate": { "value": "x" } })),
            &["structure Patient.birthDate.value"],
        ),
        (
            patient(json!({ "_birthDate": { "extension": [{ "url": "http://a.org/e" }] } })),
            &["invariant Patient.birthDate.extension[0]"],
        ),
        (patient(json!({ "_name": [{ "id": "x" }] })), &["structure Patient._name"]),
        (patient(json!({ "_resourceType": { "id": "x" } })), &["structure Patient._resourceType"]),
    ]);
}

#[test]
fn the_status_tells_a_wrong_shape_from_a_broken_rule() {
    let status = |resource: Value| check(&SHAPES, &resource).expect_err("it is refused").status();
    assert_eq!(status(patient(json!({ "zzz": 1, "gender": "x" }))), 400);
    assert_eq!(status(patient(json!({ "gender": "x" }))), 422);
    assert_eq!(status(json!({ "resourceType": "Observation" })), 422);
    assert!(check(&SHAPES, &patient(json!({ "active": true }))).is_ok());
}
