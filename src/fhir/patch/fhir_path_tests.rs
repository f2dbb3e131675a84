//! What a FHIRPath patch makes of a resource: the cases that HL7 publishes for R4, in short, and others.
//! <https://github.com/FHIR/fhir-test-cases/blob/master/r4/patch/fhir-path-tests.xml>

use serde_json::json;

use super::*;
use crate::definitions::Definitions;
use crate::fhir::path::Budget;

/// An operation: its type, its path, and its further parts, each with its value as Parameters have it.
fn op(ty: &str, path: &str, parts: Value) -> Value {
    let mut all =
        vec![json!({ "name": "type", "valueCode": ty }), json!({ "name": "path", "valueString": path })];
    for (name, value) in parts.as_object().expect("parts by their names") {
        let mut part = value.clone();
        part["name"] = name.as_str().into();
        all.push(part);
    }
    json!({ "name": "operation", "part": all })
}

fn apply(resource: &Value, operations: &[Value]) -> Result<Value, Failure> {
    let shapes = &Definitions::shared().expect("the definitions load").shapes;
    let mut parameters = json!({ "resourceType": "Parameters" });
    if !operations.is_empty() {
        parameters["parameter"] = operations.into();
    }
    Ok(Patch::parameters(shapes, &parameters)?
        .apply(shapes, resource.clone(), &mut Budget::default())?
        .into_value())
}

fn patient(members: Value) -> Value {
    let mut patient = json!({ "resourceType": "Patient" });
    patient.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
    patient
}

fn identifiers(numbers: &[u32]) -> Value {
    let all: Vec<Value> = numbers.iter().map(|number| identifier(*number)).collect();
    patient(json!({ "identifier": all }))
}

fn identifier(number: u32) -> Value {
    json!({ "system": "http://example.org", "value": format!("value {number}") })
}

fn moved(source: u32, destination: u32) -> Value {
    let parts =
        json!({ "source": { "valueInteger": source }, "destination": { "valueInteger": destination } });
    op("move", "Patient.identifier", parts)
}

fn inserted(index: u32, number: u32) -> Value {
    let parts =
        json!({ "index": { "valueInteger": index }, "value": { "valueIdentifier": identifier(number) } });
    op("insert", "Patient.identifier", parts)
}

#[test]
fn single_elements_are_added_replaced_and_deleted() {
    let born = |date: &str| patient(json!({ "birthDate": date }));
    let contact = |text: Option<&str>, gender: Option<&str>| {
        let mut contact = json!({});
        if let Some(text) = text {
            contact["name"] = json!({ "text": text });
        }
        if let Some(gender) = gender {
            contact["gender"] = gender.into();
        }
        patient(json!({ "contact": [contact] }))
    };
    let value = |name: &str, value: &str| json!({ "value": { name: value } });
    let add = |name: &str, value: Value| json!({ "name": { "valueString": name }, "value": value });
    let none = patient(json!({}));
    let married = |id: &str, text: &str| patient(json!({ "maritalStatus": { "id": id, "text": text } }));
    let named = json!({ "part": [{ "name": "name", "valueHumanName": { "text": "a name" } }] });
    #[rustfmt::skip]
    let cases = [
        (born("1920-01-01"), vec![], born("1920-01-01")),
        (born("1920-01-01"), vec![op("replace", "Patient.birthDate", value("valueDate", "1930-01-01"))], born("1930-01-01")),
        (born("1920-01-01"), vec![op("delete", "Patient.birthDate", json!({}))], none.clone()),
        (none.clone(), vec![op("delete", "Patient.birthDate", json!({}))], none.clone()),
        (none.clone(), vec![op("add", "Patient", add("birthDate", json!({ "valueDate": "1930-01-01" })))], born("1930-01-01")),
        (contact(Some("a name"), Some("male")), vec![op("replace", "Patient.contact[0].gender", value("valueCode", "female"))],
            contact(Some("a name"), Some("female"))),
        (contact(Some("a name"), Some("male")), vec![op("replace", "Patient.contact[0].name.text", value("valueString", "the name"))],
            contact(Some("the name"), Some("male"))),
        (contact(Some("a name"), Some("male")), vec![op("delete", "Patient.contact[0].gender", json!({}))],
            contact(Some("a name"), None)),
        (contact(Some("a name"), Some("male")), vec![op("delete", "Patient.contact[0].name.text", json!({}))],
            contact(None, Some("male"))),
        (contact(Some("a name"), None), vec![op("add", "Patient.contact[0]", add("gender", json!({ "valueCode": "male" })))],
            contact(Some("a name"), Some("male"))),
        (none.clone(), vec![op("add", "Patient", add("maritalStatus", json!({ "valueCodeableConcept": { "id": "1", "text": "married" } })))],
            married("1", "married")),
        (married("1", "married"), vec![op("replace", "Patient.maritalStatus", json!({ "value": { "valueCodeableConcept": { "id": "2", "text": "not married" } } }))],
            married("2", "not married")),
        (married("1", "married"), vec![op("delete", "Patient.maritalStatus", json!({}))], none.clone()),
        (none.clone(), vec![op("add", "Patient", add("contact", named))], contact(Some("a name"), None)),
        (contact(Some("a name"), None), vec![op("delete", "Patient.contact[0]", json!({}))], none.clone()),
        (none, vec![op("add", "Patient", add("identifier", json!({ "valueIdentifier": identifier(3) })))], identifiers(&[3])),
    ];
    for (resource, operations, expected) in cases {
        assert_eq!(apply(&resource, &operations).expect("it fits"), expected, "{operations:?}");
    }
}

#[test]
fn lists_are_filled_emptied_and_put_in_another_order() {
    let delete = |index: u32| op("delete", &format!("Patient.identifier[{index}]"), json!({}));
    let value = |index: u32, text: &str| {
        let value = json!({ "value": { "valueString": text } });
        op("replace", &format!("Patient.identifier[{index}].value"), value)
    };
    let cases: Vec<(&[u32], Vec<Value>, &[u32])> = vec![
        (&[1, 2], vec![], &[1, 2]),
        (&[1, 2], vec![value(0, "value 2"), value(1, "value 1")], &[2, 1]),
        (&[1, 2], vec![inserted(2, 3)], &[1, 2, 3]),
        (&[1, 2], vec![inserted(1, 3)], &[1, 3, 2]),
        (&[1, 2], vec![inserted(0, 3)], &[3, 1, 2]),
        (&[1, 2, 3], vec![delete(0)], &[2, 3]),
        (&[1, 2, 3], vec![delete(1)], &[1, 3]),
        (&[1, 2, 3], vec![delete(2)], &[1, 2]),
        (&[1, 2, 3, 4], vec![moved(3, 1)], &[1, 4, 2, 3]),
        (&[1, 2, 3, 4], vec![moved(3, 0)], &[4, 1, 2, 3]),
        (&[1, 2, 3, 4], vec![moved(3, 2)], &[1, 2, 4, 3]),
        (&[1, 2, 3, 4], vec![moved(0, 3)], &[2, 3, 4, 1]),
        (&[1, 2, 3, 4], vec![moved(1, 0), moved(2, 1)], &[2, 3, 1, 4]),
        (&[1, 2, 3, 4], vec![moved(3, 0), moved(3, 1), moved(3, 2)], &[4, 3, 2, 1]),
    ];
    for (before, operations, after) in cases {
        let patched = apply(&identifiers(before), &operations).expect("it fits");
        assert_eq!(patched, identifiers(after), "{operations:?}");
    }
    let last = op("delete", "Patient.identifier.where(value = 'value 1')", json!({}));
    assert_eq!(apply(&identifiers(&[1]), &[last]).expect("it fits"), patient(json!({})));
}

#[test]
fn a_choice_takes_the_name_of_its_type() {
    let observation = |value: Value| {
        let mut observation =
            json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" } });
        observation.as_object_mut().expect("an object").extend(value.as_object().expect("an object").clone());
        observation
    };
    let quantity = json!({ "value": 1, "unit": "kg" });
    let given = json!({ "valueQuantity": quantity });
    let add =
        |name: &str| op("add", "Observation", json!({ "name": { "valueString": name }, "value": given }));
    let expected = observation(json!({ "valueQuantity": quantity }));
    for name in ["value", "valueQuantity"] {
        assert_eq!(apply(&observation(json!({})), &[add(name)]).expect("it fits"), expected, "{name}");
    }
    let text = observation(json!({ "valueString": "x", "_valueString": { "id": "i" } }));
    let replace = op("replace", "Observation.value", json!({ "value": given }));
    assert_eq!(apply(&text, &[replace]).expect("it fits"), expected);
    assert!(apply(&text, &[add("value")]).is_err(), "there is one of another type");
    let delete = op("delete", "Observation.value", json!({}));
    assert_eq!(apply(&text, &[delete]).expect("it fits"), observation(json!({})));
    let extension = json!({ "name": { "valueString": "extension" }, "value": { "part": [
        { "name": "url", "valueUri": "http://example.org/x" }, { "name": "value", "valueCode": "y" }] } });
    let extended = apply(&observation(json!({})), &[op("add", "Observation", extension)]).expect("it fits");
    assert_eq!(extended["extension"], json!([{ "url": "http://example.org/x", "valueCode": "y" }]));
}

#[test]
fn what_stands_beside_a_primitive_goes_with_it() {
    let names =
        |given: Value, beside: Value| patient(json!({ "name": [{ "given": given, "_given": beside }] }));
    let before = names(json!(["a", "b", null]), json!([null, { "id": "of-b" }, { "id": "of-c" }]));
    let swap = json!({ "source": { "valueInteger": 2 }, "destination": { "valueInteger": 0 } });
    let after = names(json!([null, "a", "b"]), json!([{ "id": "of-c" }, null, { "id": "of-b" }]));
    assert_eq!(apply(&before, &[op("move", "Patient.name.given", swap)]).expect("it fits"), after);
    let insert = json!({ "index": { "valueInteger": 1 },
        "value": { "valueString": "z", "_valueString": { "id": "of-z" } } });
    let after = names(
        json!(["a", "z", "b", null]),
        json!([null, { "id": "of-z" }, { "id": "of-b" }, { "id": "of-c" }]),
    );
    assert_eq!(apply(&before, &[op("insert", "Patient.name.given", insert)]).expect("it fits"), after);
    let after = patient(json!({ "name": [{ "given": ["a", null], "_given": [null, { "id": "of-c" }] }] }));
    assert_eq!(apply(&before, &[op("delete", "Patient.name.given[1]", json!({}))]).expect("it fits"), after);
    // an extension of a primitive, made and taken away again
    let born = patient(json!({ "birthDate": "1950-01-01" }));
    let extension = json!({ "url": "http://example.org/x", "valueCode": "y" });
    let parts =
        json!([{ "name": "url", "valueUri": "http://example.org/x" }, { "name": "value", "valueCode": "y" }]);
    let add = json!({ "name": { "valueString": "extension" }, "value": { "part": parts } });
    let extended = apply(&born, &[op("add", "Patient.birthDate", add)]).expect("it fits");
    assert_eq!(extended["_birthDate"], json!({ "extension": [extension] }));
    let delete = op("delete", "Patient.birthDate.extension", json!({}));
    assert_eq!(apply(&extended, &[delete]).expect("it fits"), born);
    let replace = op("replace", "Patient.birthDate", json!({ "value": { "valueDate": "1951" } }));
    assert_eq!(apply(&extended, &[replace]).expect("it fits"), patient(json!({ "birthDate": "1951" })));
}

#[test]
fn what_does_not_fit_the_resource_is_refused() {
    let resource =
        patient(json!({ "id": "p", "birthDate": "1950", "identifier": [identifier(1), identifier(2)],
        "name": [{ "given": ["a"] }, { "given": ["b"] }] }));
    let text = |value: &str| json!({ "value": { "valueString": value } });
    let add = |name: &str, value: Value| json!({ "name": { "valueString": name }, "value": value });
    let end = add("end", json!({ "valueDate": "2021-12-01" }));
    let cases = [
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
    ];
    for operation in cases {
        let failure = apply(&resource, std::slice::from_ref(&operation)).expect_err(&operation.to_string());
        assert_eq!(failure.status(), 422, "{operation}");
        let expression = failure.issues[0].expression.as_deref();
        assert!(
            matches!(expression, Some("Parameters.parameter[0]" | "Patient.id")),
            "{operation} {expression:?}"
        );
    }
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
