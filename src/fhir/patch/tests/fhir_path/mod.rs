//! What a FHIRPath patch makes of a resource: the cases that HL7 publishes for R4, in short, and others.
//! <https://github.com/FHIR/fhir-test-cases/blob/master/r4/patch/fhir-path-tests.xml>

mod changes;
mod refused;

use serde_json::json;

use crate::definitions::Definitions;
use crate::fhir::patch::*;
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
