//! Slices and extensions.

use super::*;

#[test]
fn slices_are_told_by_value_pattern_type_and_existence() {
    let sliced = |kind: &str, path: &str, slice: &Value| {
        let mut elements = vec![json!({ "path": "Patient.identifier", "slicing": {
            "discriminator": [{ "type": kind, "path": path }], "rules": "open" } })];
        elements.extend(slice.as_array().expect("a list").iter().cloned());
        Value::from(elements)
    };
    let own = |more: Value| {
        let mut slice = json!({ "path": "Patient.identifier", "sliceName": "own", "min": 1, "max": "1" });
        slice.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        slice
    };
    let with = |identifiers: Value| patient(json!({ "identifier": identifiers }));
    let by_value = sliced(
        "value",
        "system",
        &json!([own(json!({})), { "path": "Patient.identifier.system", "fixedUri": "urn:own" },
                { "path": "Patient.identifier.value", "min": 1 }]),
    );
    let good = with(json!([{ "system": "urn:other" }, { "system": "urn:own", "value": "1" }]));
    check(&by_value, &good, &with(json!([{ "system": "urn:other" }])), &["required Patient.identifier"]);
    let bad = with(json!([{ "system": "urn:own" }, { "system": "urn:own", "value": "1" }]));
    check(&by_value, &good, &bad, &["required Patient.identifier[0].value", "value Patient.identifier"]);
    let by_pattern =
        sliced("pattern", "$this", &json!([own(json!({ "patternIdentifier": { "system": "urn:own" } }))]));
    check(&by_pattern, &good, &with(json!([{ "value": "1" }])), &["required Patient.identifier"]);
    let by_existence = sliced(
        "exists",
        "period",
        &json!([own(json!({})), { "path": "Patient.identifier.period", "min": 1 }]),
    );
    let dated = with(json!([{ "period": { "start": "2026" } }]));
    check(&by_existence, &dated, &good, &["required Patient.identifier"]);
}

#[test]
fn a_closed_choice_takes_its_slices_only() {
    let elements = json!([
        { "path": "Patient.deceased[x]", "slicing": { "discriminator": [{ "type": "type", "path": "$this" }],
                                                      "rules": "closed" } },
        { "path": "Patient.deceased[x]", "sliceName": "deceasedBoolean", "min": 1, "max": "1",
          "type": [{ "code": "boolean" }] },
    ]);
    let wrong = ["required Patient.deceased", "value Patient.deceasedDateTime"];
    let bad = patient(json!({ "deceasedDateTime": "2026" }));
    check(&elements, &patient(json!({ "deceasedBoolean": false })), &bad, &wrong);
}

#[test]
fn a_slice_of_references_is_told_by_what_they_point_to() {
    let elements = json!([
        { "path": "Patient.generalPractitioner", "slicing": {
            "discriminator": [{ "type": "type", "path": "resolve()" }], "rules": "open" } },
        { "path": "Patient.generalPractitioner", "sliceName": "practice", "min": 1, "max": "1", "type": [{
            "code": "Reference", "targetProfile": ["http://hl7.org/fhir/StructureDefinition/Organization"] }] },
    ]);
    let to = |text: &str| patient(json!({ "generalPractitioner": [{ "reference": text }] }));
    check(&elements, &to("Organization/1"), &to("Practitioner/1"), &["required Patient.generalPractitioner"]);
}

#[test]
fn an_extension_is_judged_by_its_own_definition() {
    let elements = json!([
        { "path": "Patient.extension", "slicing": { "discriminator": [{ "type": "value", "path": "url" }],
                                                    "rules": "open" } },
        { "path": "Patient.extension", "sliceName": "colour", "min": 0, "max": "1",
          "type": [{ "code": "Extension", "profile": ["http://example.org/StructureDefinition/colour|1"] }] },
    ]);
    let mut colour = profile(
        "Extension",
        &json!([
        { "path": "Extension.url", "fixedUri": "http://example.org/StructureDefinition/colour" },
        { "path": "Extension.value[x]", "min": 1, "type": [{ "code": "code" }],
          "binding": { "strength": "required", "valueSet": "http://example.org/colours" } }]),
    );
    colour["url"] = "http://example.org/StructureDefinition/colour".into();
    colour["version"] = "1.2".into();
    let definitions = [profile("Patient", &elements), colour];
    let with = |value: Value| {
        let mut extension = value;
        extension["url"] = "http://example.org/StructureDefinition/colour".into();
        let other = json!({ "url": "urn:other", "valueString": "x" });
        found(&issues(&definitions, &patient(json!({ "extension": [other, extension] }))), Severity::Error)
    };
    assert_eq!(with(json!({ "valueCode": "red" })), Vec::<String>::new());
    assert_eq!(with(json!({ "valueCode": "green" })), ["code-invalid Patient.extension[1].valueCode"]);
    assert_eq!(with(json!({ "valueString": "red" })), ["value Patient.extension[1].valueString"]);
    assert_eq!(with(json!({})), ["required Patient.extension[1].value"]);
}
