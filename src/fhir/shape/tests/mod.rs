//! Validation judged as a client sees it: what is sent, and every issue that comes back.

mod bounds;
mod connections;
mod content;
mod form;
mod invariants;

use serde_json::Value;
use serde_json::json;
use std::sync::LazyLock;

use super::*;

static SHAPES: LazyLock<Shapes> = LazyLock::new(|| {
    let lines = |text: &str| -> Vec<Value> {
        text.lines().map(|line| serde_json::from_str(line).expect("a definition a line")).collect()
    };
    let structures = lines(include_str!("../../../definitions/r4/structures.ndjson"));
    let value_sets = lines(include_str!("../../../definitions/r4/value-sets.ndjson"));
    Shapes::compile(structures.iter(), value_sets.iter()).expect("R4 compiles")
});

/// The issue codes and expressions, sorted.
fn issues(resource: &Value) -> Vec<(String, String)> {
    let mut found: Vec<_> = validate(&SHAPES, resource)
        .into_iter()
        .map(|issue| (issue.code.to_owned(), issue.expression.expect("every issue says where")))
        .collect();
    found.sort();
    found
}

/// Holds cases of a resource and the issues expected, as `code expression`.
fn hold(cases: &[(Value, &[&str])]) {
    for (resource, expected) in cases {
        let found: Vec<String> = issues(resource).iter().map(|(code, at)| format!("{code} {at}")).collect();
        let mut expected: Vec<&str> = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "{resource}");
    }
}

fn patient(rest: Value) -> Value {
    let mut patient = json!({ "resourceType": "Patient" });
    let members = rest.as_object().expect("an object").clone();
    patient.as_object_mut().expect("an object").extend(members);
    patient
}

fn observation(rest: Value) -> Value {
    let mut observation =
        json!({ "resourceType": "Observation", "status": "final", "code": { "text": "a" } });
    let members = rest.as_object().expect("an object").clone();
    observation.as_object_mut().expect("an object").extend(members);
    observation
}
