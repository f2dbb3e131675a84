//! Bundles, Parameters, resources within resources, and what is only recommended.
//! <https://hl7.org/fhir/R4/bundle.html>

use super::*;

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
}
