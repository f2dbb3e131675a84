//! Codes, by the strength of their binding.

use super::*;

#[test]
fn required_codes_are_errors_extensible_ones_warnings_preferred_ones_information() {
    let bound = |strength: &str| {
        json!([{ "path": "Patient.maritalStatus",
                 "binding": { "strength": strength, "valueSet": "http://example.org/colours|1" } }])
    };
    let code = |system: &str, code: &str| {
        patient(json!({ "maritalStatus": { "coding": [{ "system": system, "code": code }] } }))
    };
    let none = patient(json!({ "maritalStatus": { "text": "purple" } }));
    let at = "code-invalid Patient.maritalStatus".to_owned();
    for (strength, severity) in [
        ("required", Severity::Error),
        ("extensible", Severity::Warning),
        ("preferred", Severity::Information),
    ] {
        let issues =
            |resource: &Value| found(&issues(&[profile("Patient", &bound(strength))], resource), severity);
        assert_eq!(issues(&code("urn:colours", "red")), Vec::<String>::new());
        assert_eq!(issues(&code("urn:colours", "green")), std::slice::from_ref(&at), "{strength}");
        assert_eq!(issues(&code("urn:other", "red")), std::slice::from_ref(&at), "{strength}");
        let expected = if strength == "required" { vec![at.clone()] } else { vec![] };
        assert_eq!(issues(&none), expected, "{strength}");
    }
}

#[test]
fn codes_of_a_value_set_that_is_not_at_hand_are_named_as_not_checked() {
    let elements = json!([{ "path": "Patient.gender",
                            "binding": { "strength": "required", "valueSet": "http://example.org/unknown" } }]);
    let issues = issues(&[profile("Patient", &elements)], &patient(json!({ "gender": "male" })));
    assert_eq!(found(&issues, Severity::Error), Vec::<String>::new());
    assert!(issues.iter().any(|issue| issue.text.contains("http://example.org/unknown")), "{issues:?}");
}

#[test]
fn a_binding_of_a_choice_is_about_the_types_that_have_codes() {
    let elements = json!([{ "path": "Observation.value[x]",
                            "binding": { "strength": "required", "valueSet": "http://example.org/colours" } }]);
    let of = |value: Value| {
        let mut observation = json!({ "resourceType": "Observation" });
        observation.as_object_mut().expect("an object").extend(value.as_object().expect("an object").clone());
        observation
    };
    let good =
        of(json!({ "valueQuantity": { "value": 1, "system": "http://unitsofmeasure.org", "code": "kg" } }));
    let bad =
        of(json!({ "valueCodeableConcept": { "coding": [{ "system": "urn:colours", "code": "green" }] } }));
    check(&elements, &good, &bad, &["code-invalid Observation.valueCodeableConcept"]);
    assert_eq!(errors(&elements, &of(json!({ "valueString": "green" }))), Vec::<String>::new());
}
