//! Tests of the whole language on small resources, with R4's own shapes.

mod bounds;
mod constraints;
mod language;
mod places;

use serde_json::json;
use std::sync::Arc;

use super::*;
use crate::definitions::Definitions;

fn definitions() -> Arc<Definitions> {
    Definitions::shared().expect("the definitions load")
}

/// What an expression gives, each item as JSON or text.
fn found(expression: &str, resource: &Value) -> Result<Vec<String>, String> {
    let definitions = definitions();
    let compiled = Expression::compile(expression)?;
    let scope = Scope::of(resource);
    let start = [Item::Node(scope.context)];
    let frame = Frame { this: &start, index: 0, total: &[] };
    let items =
        Evaluator::new(&definitions.shapes, scope, Budget::default()).evaluate(&compiled.tree, frame)?;
    Ok(items
        .iter()
        .map(|item| match (item, item.system()) {
            (_, Some(value)) => value.to_text().into_owned(),
            (Item::Node(node), None) => node.value().map_or("no value".to_owned(), Value::to_string),
            (Item::Value(_), None) => unreachable!("a value is a value"),
        })
        .collect())
}

fn patient() -> Value {
    json!({
        "resourceType": "Patient", "id": "p", "active": true, "gender": "female",
        "birthDate": "1950-03-02", "_birthDate": { "extension": [{ "url": "http://a.org/time", "valueDateTime": "1950-03-02T04:05:06Z" }] },
        "contained": [{ "resourceType": "Organization", "id": "o", "name": "Home" }],
        "extension": [{ "url": "http://a.org/race", "extension": [{ "url": "code", "valueCode": "x" }] }],
        "name": [
            { "use": "official", "family": "Lovelace", "given": ["Ada", "Augusta"], "_given": [null, { "id": "g" }] },
            { "use": "nickname", "given": ["Ada"] },
            { "_family": { "extension": [{ "url": "http://a.org/unknown", "valueBoolean": true }] } },
        ],
        "telecom": [{ "system": "phone", "value": "1", "rank": 2 }, { "system": "email", "value": "a@b", "rank": 1 }],
        "multipleBirthInteger": 2,
        "managingOrganization": { "reference": "#o" },
        "generalPractitioner": [{ "reference": "Practitioner/9" }],
    })
}

fn observation(value: (&str, Value)) -> Value {
    let mut observation = json!({ "resourceType": "Observation", "status": "final",
        "code": { "coding": [{ "system": "http://loinc.org", "code": "1" }] },
        "component": [{ "code": { "coding": [{ "system": "http://loinc.org", "code": "2" }] }, "valueQuantity": { "value": 5.0 } }] });
    observation[value.0] = value.1;
    observation
}

fn constraint(expression: &str, resource: &Value) -> Result<Option<bool>, String> {
    let definitions = definitions();
    holds(&Expression::compile(expression)?, &definitions.shapes, Scope::of(resource), &mut Budget::default())
}
