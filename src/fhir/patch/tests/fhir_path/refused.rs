//! What a FHIRPath patch may not do. <https://hl7.org/fhir/R4/fhirpatch.html>

use super::*;

/// Somebody with what the operations below are about.
fn somebody() -> Value {
    patient(json!({ "id": "p", "birthDate": "1950", "identifier": [identifier(1), identifier(2)],
        "name": [{ "given": ["a"] }, { "given": ["b"] }] }))
}

/// Each alone is refused, with its place.
fn none_fits(operations: &[Value]) {
    for operation in operations {
        let failure = apply(&somebody(), std::slice::from_ref(operation)).expect_err(&operation.to_string());
        assert_eq!(failure.status(), 422, "{operation}");
        let expression = failure.issues[0].expression.as_deref();
        assert!(
            matches!(expression, Some("Parameters.parameter[0]" | "Patient.id")),
            "{operation} {expression:?}"
        );
    }
}

#[test]
fn what_is_added_where_it_has_no_place_is_refused() {
    let add = |name: &str, value: Value| json!({ "name": { "valueString": name }, "value": value });
    let end = add("end", json!({ "valueDate": "2021-12-01" }));
    none_fits(&[
        op("add", "Patient.identifier.where(use = 'official').period", end),
        op("add", "Patient.identifier", add("use", json!({ "valueCode": "usual" }))),
        op("add", "Patient", add("birthDate", json!({ "valueDate": "1951" }))),
        op("add", "Patient", add("nothing", json!({ "valueDate": "1951" }))),
        op("add", "Patient", add("deceased", json!({ "valueQuantity": { "value": 1 } }))),
        op("add", "Patient", add("contact", json!({ "part": [{ "name": "nothing", "valueCode": "x" }] }))),
        op(
            "add",
            "Patient",
            add(
                "contact",
                json!({ "part": [{ "name": "gender", "valueCode": "male" },
            { "name": "gender", "valueCode": "male" }] }),
            ),
        ),
        op("add", "Patient", add("birthDate", json!({ "part": [{ "name": "x", "valueCode": "male" }] }))),
        op(
            "add",
            "Patient",
            add("maritalStatus", json!({ "resource": { "resourceType": "Basic", "code": { "text": "x" } } })),
        ),
    ]);
}

#[test]
fn what_does_not_fit_the_resource_is_refused() {
    let text = |value: &str| json!({ "value": { "valueString": value } });
    none_fits(&[
        op("replace", "Patient.gender", text("male")),
        op("replace", "Patient.identifier.value", text("x")),
        op("replace", "Patient", text("x")),
        op("replace", "Patient.id", text("q")),
        op("delete", "Patient.identifier", json!({})),
        op("delete", "Patient", json!({})),
        op("delete", "Patient.id", json!({})),
        inserted(3, 3),
        moved(0, 2),
        moved(2, 0),
        op(
            "insert",
            "Patient.photo",
            json!({ "index": { "valueInteger": 0 }, "value": { "valueAttachment": { "title": "x" } } }),
        ),
        op(
            "move",
            "Patient.name.given",
            json!({ "source": { "valueInteger": 0 }, "destination": { "valueInteger": 1 } }),
        ),
        op(
            "move",
            "Patient.identifier[0]",
            json!({ "source": { "valueInteger": 0 }, "destination": { "valueInteger": 0 } }),
        ),
        op(
            "move",
            "Patient.birthDate",
            json!({ "source": { "valueInteger": 0 }, "destination": { "valueInteger": 0 } }),
        ),
    ]);
}

#[test]
fn what_is_no_patch_is_refused_with_its_place() {
    let resource = patient(json!({}));
    let text = json!({ "value": { "valueString": "x" } });
    let cases = [
        json!({ "name": "other" }),
        json!({ "name": "operation" }),
        json!({ "name": "operation", "part": [{ "name": "path", "valueString": "Patient" }] }),
        op("swap", "Patient", json!({})),
        op("replace", "Patient.gender", json!({})),
        op("replace", "Patient.gender", json!({ "value": {} })),
        op(
            "replace",
            "Patient.gender",
            json!({ "value": { "valueCode": "male" }, "name": { "valueString": "x" } }),
        ),
        op("replace", "Patient.(", text.clone()),
        op("replace", "Patient.nothing()", text.clone()),
        op("add", "Patient", text.clone()),
        op("add", "Patient", json!({ "name": { "valueInteger": 1 }, "value": { "valueString": "x" } })),
        op("insert", "Patient.name", text),
        op(
            "insert",
            "Patient.name",
            json!({ "index": { "valueInteger": -1 }, "value": { "valueString": "x" } }),
        ),
        op("delete", "Patient.name", json!({ "because": { "valueString": "x" } })),
        op("move", "Patient.name", json!({ "source": { "valueInteger": 0 } })),
    ];
    for operation in cases {
        let failure = apply(&resource, std::slice::from_ref(&operation)).expect_err(&operation.to_string());
        assert!([400, 422].contains(&failure.status()), "{operation}");
        let expression = failure.issues[0].expression.as_deref().unwrap_or_default();
        assert!(expression.starts_with("Parameters.parameter[0]"), "{operation} {expression}");
    }
    let mut twice = op("delete", "Patient.name", json!({}));
    let path = twice["part"][1].clone();
    twice["part"].as_array_mut().expect("a list").push(path);
    assert_eq!(apply(&resource, &[twice]).expect_err("it is given twice").status(), 400);
}

#[test]
fn a_patch_neither_nests_nor_works_without_end() {
    let mut contact = json!({ "name": "extension", "part": [{ "name": "url", "valueUri": "x" }] });
    for _ in 0..12 {
        contact = json!({ "name": "extension", "part": [{ "name": "url", "valueUri": "x" }, contact] });
    }
    let deeper = |path: &str| {
        let mut value = contact.clone();
        value["name"] = "value".into();
        json!({ "name": "operation", "part": [{ "name": "type", "valueCode": "add" }, value,
            { "name": "path", "valueString": path }, { "name": "name", "valueString": "extension" }] })
    };
    let once = apply(&patient(json!({})), &[deeper("Patient")]).expect("it fits");
    let deepest = format!("Patient{}", ".extension".repeat(13));
    let failure = apply(&once, &[deeper(&deepest), deeper(&format!("{deepest}{}", ".extension".repeat(13)))]);
    assert_eq!(failure.expect_err("it nests too deep").status(), 422);
    let large = patient(json!({ "name": [{ "text": "x".repeat(600_000) }] }));
    let many = vec![op("delete", "Patient.photo", json!({})); 600];
    assert_eq!(apply(&large, &many).expect_err("it is too much").issues[0].code, "too-costly");
    // Each operation alone may take so much, but not all of them together.
    let costly = "Patient.photo.where(%resource.descendants().select(%resource.descendants()).count() = 0)";
    let resource = patient(json!({ "photo": [{ "title": "x" }], "name": vec![json!({ "text": "x" }); 200] }));
    let operation = op("delete", costly, json!({}));
    apply(&resource, std::slice::from_ref(&operation)).expect("one is fine");
    let failure = apply(&resource, &vec![operation; 100]).expect_err("a hundred are not");
    assert!(format!("{:?}", failure.issues).contains("too many steps"), "{:?}", failure.issues);
    let pattern = op("delete", "Patient.photo.where(title.matches('[a-z]{1,9}'))", json!({}));
    apply(&resource, &vec![pattern.clone(); 32]).expect("so many patterns are fine");
    let failure = apply(&resource, &vec![pattern; 33]).expect_err("more are not");
    assert_eq!(failure.issues[0].code, "too-costly");
}
