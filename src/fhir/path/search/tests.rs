//! Tests of search expressions on small resources.

use serde_json::Value;
use serde_json::json;

use super::Path;

fn found(expression: &str, resource: &Value) -> Vec<(Value, Option<String>)> {
    let path = Path::compile(expression).expect("a supported expression");
    let hits = path.find(resource);
    hits.into_iter().map(|hit| (hit.value.clone(), hit.ty.map(str::to_owned))).collect()
}

fn values(expression: &str, resource: &Value) -> Vec<Value> {
    found(expression, resource).into_iter().map(|(value, _)| value).collect()
}

#[test]
fn each_shape_of_r4_finds_its_values() {
    let resource = json!({
        "resourceType": "Observation", "status": "final",
        "subject": { "reference": "https://elsewhere.example/fhir/Patient/1/_history/3" },
        "performer": [{ "reference": "Practitioner/2" }, { "reference": "urn:uuid:9", "type": "Patient" }, null],
        "valueQuantity": { "value": 5.4 }, "effectiveDateTime": "2024", "valueSetting": "no choice of R4",
        "telecom": [{ "system": "email", "value": "a@b" }, { "system": "phone", "value": "1" }],
        "component": [{ "valueString": "x" }, { "valueInteger": 3 }, {}],
        "entry": [{ "resource": { "id": "first" } }, { "resource": { "id": "second" } }],
    });
    let table: [(&str, Vec<Value>); 14] = [
        ("Observation.status", vec![json!("final")]),
        ("Patient.status", vec![]),
        (
            "Resource.status | Patient.status | Observation.telecom.value",
            vec![json!("final"), json!("a@b"), json!("1")],
        ),
        ("(Observation.value as Quantity)", vec![json!({ "value": 5.4 })]),
        ("Observation.value.as(string)", vec![]),
        ("Observation.effective.as(DateTime)", vec![json!("2024")]),
        ("(Observation.value as Quantity).value", vec![json!(5.4)]),
        ("Observation.value", vec![json!({ "value": 5.4 })]),
        ("Observation.telecom.where(system='email').value", vec![json!("a@b")]),
        ("Observation.entry[1].resource.id", vec![json!("second")]),
        ("Observation.status.exists() and Observation.status != 'final'", vec![json!(false)]),
        ("Observation.status.exists() and Observation.status = 'final'", vec![json!(true)]),
        ("status", vec![json!("final")]),
        ("%resource.status", vec![json!("final")]),
    ];
    for (expression, expected) in table {
        assert_eq!(values(expression, &resource), expected, "{expression}");
    }
    let patients =
        |path: &str| values(&format!("Observation.{path}.where(resolve() is Patient)"), &resource).len();
    assert_eq!((patients("subject"), patients("performer")), (1, 1));
}

#[test]
fn a_choice_element_reports_its_type() {
    let resource = json!({ "resourceType": "Observation", "component": [{ "valueString": "x" }, { "valueInteger": 3 }] });
    let expected = [(json!("x"), Some("String".into())), (json!(3), Some("Integer".into()))];
    assert_eq!(found("Observation.component.value", &resource), expected);
}

#[test]
fn deceased_is_true_for_a_date_and_for_true_alone_and_else_false() {
    let expression = "Patient.deceased.exists() and Patient.deceased != false";
    for (element, value, expected) in [
        ("deceasedDateTime", json!("2024-01-01"), true),
        ("deceasedBoolean", json!(true), true),
        ("deceasedBoolean", json!(false), false),
        ("active", json!(true), false),
    ] {
        let found = values(expression, &json!({ "resourceType": "Patient", element: value }));
        assert_eq!(found, [json!(expected)], "{element}");
    }
}

#[test]
fn an_expression_of_many_types_is_cut_down_to_one() {
    let path = Path::compile("Condition.code | (Observation.value as string) | Observation.code").unwrap();
    assert_eq!(path.for_type("Condition"), Path::compile("Condition.code").ok());
    assert_eq!(
        path.for_type("Observation").unwrap(),
        Path::compile("(Observation.value as string) | Observation.code").unwrap()
    );
    assert_eq!(path.for_type("Patient"), None);
}

#[test]
fn what_is_not_supported_is_refused_with_the_reason() {
    let table = [
        ("Patient.name.first()", "function `first()`"),
        ("Patient.name.where(use = 1)", "a text is expected"),
        ("Patient.name is HumanName", "`is`"),
        ("Patient.", "a name is expected"),
        ("Patient.name)", "`)`"),
        ("Patient.extension('x').value", "function `extension()`"),
        ("$this.name", "variable `$this`"),
        ("Patient.name.where(use='open", "a text is expected"),
        ("", "a path is expected"),
        ("é", "a path is expected"),
    ];
    for (expression, problem) in table {
        let error = Path::compile(expression).expect_err(expression);
        assert!(error.contains(problem), "{expression}: {error}");
    }
    assert!(Path::compile(&"(".repeat(10_000)).is_err(), "nesting must not overflow the stack");
}
