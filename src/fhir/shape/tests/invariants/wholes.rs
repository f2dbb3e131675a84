//! Bundles, Parameters, resources within resources, and what is only recommended.
//! <https://hl7.org/fhir/R4/bundle.html>

use super::*;
use crate::fhir::path::Expression;
use crate::fhir::shape::Shapes;

#[test]
fn bundles_and_parameters_have_their_shape() {
    let id = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520";
    let patient = json!({ "resourceType": "Patient", "gender": "other" });
    let request = json!({ "method": "POST", "url": "Patient" });
    let entry = json!({ "fullUrl": id, "resource": patient, "request": request });
    hold(
        &json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry] }),
        &[
            (json!({ "total": 1 }), &["bdl-1 Bundle"]),
            (json!({ "entry": [with(&entry, json!({ "search": { "mode": "match" } }))] }), &["bdl-2 Bundle"]),
            (json!({ "entry": [with(&entry, json!({ "request": null }))] }), &["bdl-3 Bundle"]),
            (json!({ "type": "collection" }), &["bdl-3 Bundle"]),
            (
                json!({ "entry": [with(&entry, json!({ "response": { "status": "200" } }))] }),
                &["bdl-4 Bundle"],
            ),
            (json!({ "entry": [entry, entry] }), &["bdl-7 Bundle"]),
            (
                json!({ "entry": [with(&entry, json!({ "fullUrl": "http://a.org/Patient/1/_history/1" }))] }),
                &["bdl-8 Bundle.entry[0]"],
            ),
        ],
    );
    hold(
        &json!({ "resourceType": "Bundle", "type": "collection", "entry": [{ "resource": patient }] }),
        &[
            (json!({ "entry": [{ "fullUrl": id }] }), &["bdl-5 Bundle.entry[0]"]),
            (json!({ "type": "document" }), &["bdl-9 Bundle", "bdl-10 Bundle", "bdl-11 Bundle"]),
            (json!({ "type": "message" }), &["bdl-12 Bundle"]),
        ],
    );
    hold(
        &json!({ "resourceType": "Parameters", "parameter": [{ "name": "a", "part": [{ "name": "b", "valueCode": "c" }] }, { "name": "d", "resource": patient }] }),
        &[
            (json!({ "parameter": [{ "name": "a" }] }), &["inv-1 Parameters.parameter[0]"]),
            (
                json!({ "parameter": [{ "name": "a", "valueCode": "b", "resource": patient }] }),
                &["inv-1 Parameters.parameter[0]"],
            ),
            (
                json!({ "parameter": [{ "name": "a", "part": [{ "name": "b" }] }] }),
                &["inv-1 Parameters.parameter[0].part[0]"],
            ),
        ],
    );
}

#[test]
fn expressions_see_the_resource_in_which_they_stand() {
    // The Bundle's `type` is not that of a Bundle within it, nor a contained resource's code that of its container.
    let inner = json!({ "resourceType": "Bundle", "type": "collection", "entry": [{ "resource": { "resourceType": "Patient", "gender": "other" } }] });
    let outer = json!({ "resourceType": "Bundle", "type": "transaction",
        "entry": [{ "resource": inner, "request": { "method": "POST", "url": "Bundle" } }] });
    assert_eq!(broken(&outer), Vec::<String>::new());
    let code = json!({ "coding": [{ "system": "http://loinc.org", "code": "1" }] });
    let contained = json!({ "resourceType": "Observation", "id": "o", "status": "final", "code": { "text": "a" }, "valueInteger": 1,
        "component": [{ "code": code }] });
    let container = json!({ "resourceType": "Observation", "status": "final", "code": code, "contained": [contained],
        "hasMember": [{ "reference": "#o" }] });
    assert_eq!(broken(&container), Vec::<String>::new());
}

#[test]
fn what_is_recommended_is_said_only_when_asked_for() {
    let definitions = Definitions::shared().expect("the definitions load");
    let patient = json!({ "resourceType": "Patient", "gender": "x" });
    assert_eq!(validate(&definitions.shapes, &patient).len(), 1);
    let warnings = advice(&definitions.shapes, &patient);
    assert_eq!((warnings.len(), warnings[0].severity), (1, Severity::Warning));
    assert!(warnings[0].text.ends_with("(dom-6)."), "{}", warnings[0].text);
    assert_eq!((warnings[0].code, warnings[0].expression.as_deref()), ("invariant", Some("Patient")));
    let condition =
        json!({ "resourceType": "Condition", "subject": display(), "category": [{ "text": "a" }] });
    let keys = |members: Value| {
        let issues = advice(&definitions.shapes, &with(&condition, members));
        let key = |issue: crate::fhir::Issue| issue.text.rsplit_once('(').map(|(_, key)| key.to_owned());
        issues.into_iter().filter_map(key).collect::<Vec<_>>()
    };
    assert_eq!(keys(json!({})), ["con-3).", "dom-6)."]);
    assert_eq!(keys(json!({ "clinicalStatus": coded("condition-clinical", "active") })), ["dom-6)."]);
    assert_eq!(keys(json!({ "category": null })), ["dom-6)."]);
}

#[test]
fn every_invariant_of_r4_can_be_read() {
    let structures = crate::definitions::r4_structures().expect("the definitions load");
    let elements = structures.iter().flat_map(|structure| structure["snapshot"]["element"].as_array());
    let constraints = elements.flatten().filter_map(|element| element["constraint"].as_array()).flatten();
    let mut count = 0;
    for constraint in constraints {
        let text = constraint["expression"].as_str().expect("each has an expression");
        let compiled = Expression::compile(text);
        assert!(compiled.is_ok(), "{}: {compiled:?}", constraint["key"]);
        count += 1;
    }
    assert!(count > 400, "{count}");
}

#[test]
fn an_invariant_that_cannot_be_worked_out_stops_nothing_and_is_told() {
    let mut structures = crate::definitions::r4_structures().expect("the definitions load");
    let basic =
        structures.iter_mut().find(|structure| structure["type"] == "Basic").expect("Basic is a type");
    let rule = |key: &str, expression: &str| json!({ "key": key, "severity": "error", "human": "It holds.", "expression": expression });
    basic["snapshot"]["element"][0]["constraint"] =
        json!([rule("one-1", "identifier.single().exists()"), rule("two-1", "identifier.nothingLikeIt()")]);
    let shapes = Shapes::compile(structures.iter(), [].into_iter()).expect("R4 compiles");
    let basic = json!({ "resourceType": "Basic", "code": { "text": "a" },
        "identifier": [{ "value": "a" }, { "value": "b" }] });
    assert_eq!(validate(&shapes, &basic).len(), 0);
    let mut told: Vec<String> = advice(&shapes, &basic).into_iter().map(|issue| issue.text).collect();
    told.sort();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with("It could not be worked out whether this holds: It holds (one-1)"),
        "{told:?}"
    );
    assert!(told[1].contains("(two-1)"), "{told:?}");
}
