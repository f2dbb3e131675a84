//! What a FHIRPath patch makes of a resource. <https://hl7.org/fhir/R4/fhirpatch.html>

use super::*;

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
