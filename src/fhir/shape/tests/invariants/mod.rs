//! R4's invariants, each with a resource that keeps it and one that breaks it.
//! <https://hl7.org/fhir/R4/conformance-rules.html#constraints>

mod administrative;
mod clinical;
mod data_types;
mod wholes;

use serde_json::Value;
use serde_json::json;

use crate::definitions::Definitions;
use crate::fhir::Severity;
use crate::fhir::shape::advice;
use crate::fhir::shape::validate;

/// The keys of the invariants that a resource breaks, with their places; it must have no other problem.
fn broken(resource: &Value) -> Vec<String> {
    let definitions = Definitions::shared().expect("the definitions load");
    let issues = validate(&definitions.shapes, resource);
    issues
        .iter()
        .map(|issue| {
            assert_eq!(issue.code, "invariant", "{issue:?} in {resource}");
            let key = issue.text.rsplit_once('(').and_then(|(_, key)| key.split_once(')'));
            let key = key.map_or("", |(key, _)| key);
            format!("{key} {}", issue.expression.as_deref().unwrap_or_default())
        })
        .collect()
}

/// A resource with members added; null takes one away.
fn with(resource: &Value, members: Value) -> Value {
    let mut resource = resource.clone();
    let map = resource.as_object_mut().expect("an object");
    for (name, value) in members.as_object().expect("an object").clone() {
        match value {
            Value::Null => drop(map.shift_remove(&name)),
            value => drop(map.insert(name, value)),
        }
    }
    resource
}

/// Holds a valid resource against changes of it, and the invariants that each breaks.
fn hold(valid: &Value, cases: &[(Value, &[&str])]) {
    assert_eq!(broken(valid), Vec::<String>::new(), "{valid}");
    for (members, keys) in cases {
        assert_eq!(broken(&with(valid, members.clone())), *keys, "{members}");
    }
}

fn coded(system: &str, code: &str) -> Value {
    json!({ "coding": [{ "system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code }] })
}

fn display() -> Value {
    json!({ "display": "a" })
}
