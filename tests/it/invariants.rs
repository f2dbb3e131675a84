//! R4's invariants over HTTP: a write that breaks one is refused whole. <https://hl7.org/fhir/R4/validation.html>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;

/// A condition that is over and said to be active.
fn broken() -> Value {
    let active = json!({ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active" }] });
    json!({ "resourceType": "Condition", "subject": { "reference": "Patient/p" }, "clinicalStatus": active,
        "abatementDateTime": "2026-01-01", "onsetPeriod": { "start": "2026-01-02", "end": "2026-01-01" } })
}

#[test]
fn a_write_that_breaks_invariants_is_refused_with_each_of_them() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "Patient", "id": "p" }));
    let mut with_id = broken();
    with_id["id"] = json!("c");
    for reply in [clinician.post("/Condition", &broken()), clinician.put("/Condition/c", &with_id)] {
        let reply = reply.expect_issue(422, "invariant");
        let mut places = reply.expressions();
        places.sort();
        assert_eq!(places, ["Condition", "Condition.onsetPeriod"]);
        assert!(reply.text().contains("(con-4)") && reply.text().contains("(per-1)"), "{}", reply.text());
    }
    assert_eq!(clinician.get("/Condition").expect(200).json()["total"], 0);
}

#[test]
fn an_entry_that_breaks_an_invariant_stops_its_transaction() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "Patient", "id": "p" }));
    let entry = |resource: Value, ty: &str| json!({ "resource": resource, "request": { "method": "POST", "url": ty } });
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        entry(json!({ "resourceType": "Organization", "name": "Nowhere House" }), "Organization"),
        entry(broken(), "Condition"),
    ] });
    let reply = clinician.post("", &bundle).expect_issue(422, "invariant");
    let places = reply.expressions();
    assert!(places.iter().all(|place| place.starts_with("Bundle.entry[1].resource")), "{places:?}");
    assert_eq!(clinician.get("/Organization?name=Nowhere").expect(200).json()["total"], 0);
}

#[test]
fn what_r4_recommends_is_said_by_validate_and_stops_no_write() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let plain = json!({ "resourceType": "Patient", "gender": "other" });
    clinician.post("/Patient", &plain).expect(201);
    let issues = clinician.post("/Patient/$validate", &plain).expect(200).json()["issue"].clone();
    let warnings: Vec<&Value> =
        issues.as_array().unwrap().iter().filter(|issue| issue["severity"] == "warning").collect();
    assert_eq!(warnings.len(), 1, "{issues}");
    assert!(warnings[0]["details"]["text"].as_str().unwrap().contains("(dom-6)"));
}
