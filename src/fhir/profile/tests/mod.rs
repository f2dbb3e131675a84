//! Each kind of demand, with a case for and one against.

mod bounds;
mod claims;
mod codes;
mod elements;
mod invariants;
mod slices;

use crate::definitions::Definitions;
use crate::fhir::Issue;
use crate::fhir::Severity;
use crate::fhir::profile::Budget;
use crate::fhir::profile::Known;
use crate::fhir::profile::Library;
use crate::fhir::profile::Profile;
use crate::fhir::profile::Subject;
use crate::fhir::profile::validate;
use serde_json::Value;
use serde_json::json;

const URL: &str = "http://example.org/StructureDefinition/own";

fn profile(ty: &str, elements: &Value) -> Value {
    let mut all = vec![json!({ "path": ty })];
    all.extend(elements.as_array().expect("a list").iter().cloned());
    json!({ "resourceType": "StructureDefinition", "url": URL, "name": "Own", "type": ty, "derivation": "constraint",
            "snapshot": { "element": all } })
}

fn issues(definitions: &[Value], resource: &Value) -> Vec<Issue> {
    let value_sets = [json!({ "url": "http://example.org/colours", "compose": { "include": [
        { "system": "urn:colours", "concept": [{ "code": "red" }, { "code": "blue" }] }] } })];
    let library = Library::compile(definitions.iter(), value_sets.iter()).expect("they compile");
    let r4 = Definitions::shared().expect("the definitions load");
    let known = Known::new(&r4.shapes, vec![&library]);
    validate(&known, known.find(URL).expect("it is there"), &Subject::of(resource), &mut Budget::default())
}

/// The errors, as issue code and place.
fn errors(elements: &Value, resource: &Value) -> Vec<String> {
    let ty = resource["resourceType"].as_str().expect("a type");
    found(&issues(&[profile(ty, elements)], resource), Severity::Error)
}

fn found(issues: &[Issue], severity: Severity) -> Vec<String> {
    let of = issues.iter().filter(|issue| issue.severity == severity);
    of.map(|issue| format!("{} {}", issue.code, issue.expression.as_deref().unwrap_or_default())).collect()
}

/// A demand of elements, a resource that meets it, and one that does not with what is then found.
fn check(elements: &Value, good: &Value, bad: &Value, wrong: &[&str]) {
    assert_eq!(errors(elements, good), Vec::<String>::new(), "{good}");
    assert_eq!(errors(elements, bad), wrong, "{bad}");
}

fn patient(mut members: Value) -> Value {
    members["resourceType"] = "Patient".into();
    members
}
