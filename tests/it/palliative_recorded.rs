//! `known=recorded`: what a screening and a stratification of an earlier day say by what was stored by its end.

use serde_json::Value;
use serde_json::json;

use crate::app::START;
use crate::app::TestApp;
use crate::client::Client;

const DAY: i64 = 86_400_000_000;
const KCC: &str = "ruleSet=https%3A//comfrey.health/fhir/PlanDefinition/RS-KCC";

/// A disease that makes a patient eligible by RS-KCC.
fn kidney(id: &str, patient: &str) -> Value {
    json!({ "resourceType": "Condition", "id": id, "subject": { "reference": format!("Patient/{patient}") },
        "onsetDateTime": "2025-01-01",
        "clinicalStatus": { "coding": [{ "code": "active",
            "system": "http://terminology.hl7.org/CodeSystem/condition-clinical" }] },
        "code": { "coding": [{ "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "N18.6" }] } })
}

fn patient(id: &str) -> Value {
    json!({ "resourceType": "Patient", "id": id, "birthDate": "1955-01-01" })
}

fn screened(client: &Client, query: &str) -> String {
    let screened = client.get(&format!("/Patient/p/$palliative-screen?{KCC}&{query}")).expect(200).json();
    let parts = screened["parameter"][0]["part"].as_array().unwrap();
    let outcome = parts.iter().find(|part| part["name"] == "outcome").unwrap();
    outcome["valueCode"].as_str().unwrap().to_owned()
}

/// The test begins on 1 March; in the programme's zone that is eight hours behind.
fn at(app: &TestApp, hours_after_start: i64) {
    app.clock().set(START + hours_after_start * DAY / 24);
}

#[test]
fn evidence_that_was_recorded_later_does_not_count() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient("p"));
    let without = screened(&clinician, "known=recorded");
    at(&app, 24 * 10);
    clinician.store(&kidney("k", "p"));
    let with = screened(&clinician, "known=recorded");
    assert_ne!(without, with);
    for (query, expected) in [
        ("asOf=2026-03-01&known=recorded", &without),
        ("asOf=2026-03-10&known=recorded", &without),
        ("asOf=2026-03-11&known=recorded", &with),
        ("asOf=2026-03-01&known=clinical", &with),
        ("asOf=2026-03-01", &with),
    ] {
        assert_eq!(screened(&clinician, query), *expected, "{query}");
    }
}

#[test]
fn the_day_ends_where_the_programme_works() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient("p"));
    let without = screened(&clinician, "");
    // 07:30 in UTC on the next day is half past eleven at night
    at(&app, 19);
    clinician.store(&kidney("k", "p"));
    at(&app, 24 * 5);
    assert_ne!(screened(&clinician, "asOf=2026-03-01&known=recorded"), without);
    assert_eq!(screened(&clinician, "asOf=2026-02-28&known=clinical"), screened(&clinician, ""));
    let later = TestApp::new();
    later.clinician().store(&patient("p"));
    at(&later, 21);
    later.clinician().store(&kidney("k", "p"));
    at(&later, 24 * 5);
    assert_eq!(screened(&later.clinician(), "asOf=2026-03-01&known=recorded"), without);
}

#[test]
fn what_was_changed_or_deleted_since_counts_as_it_was() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient("p"));
    let without = screened(&clinician, "");
    clinician.store(&kidney("gone", "p"));
    let with = screened(&clinician, "");
    at(&app, 48);
    clinician.delete("/Condition/gone").expect(204);
    at(&app, 96);
    let mut resolved = kidney("gone", "p");
    resolved["verificationStatus"] = json!({ "coding": [{ "code": "entered-in-error",
        "system": "http://terminology.hl7.org/CodeSystem/condition-ver-status" }] });
    resolved.as_object_mut().unwrap().remove("clinicalStatus");
    clinician.put("/Condition/gone", &resolved).expect(200);
    at(&app, 24 * 9);
    for (day, expected) in
        [("2026-03-01", &with), ("2026-03-02", &with), ("2026-03-03", &without), ("2026-03-05", &without)]
    {
        let query = format!("asOf={day}&known=recorded");
        assert_eq!(screened(&clinician, &query), *expected, "{day}");
    }
    assert_eq!(screened(&clinician, "asOf=2026-03-01"), without);
}

#[test]
fn what_was_filed_under_the_wrong_patient_is_not_shown() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient("p"));
    clinician.store(&patient("other"));
    let without = screened(&clinician, "");
    clinician.store(&kidney("k", "p"));
    at(&app, 48);
    clinician.put("/Condition/k", &kidney("k", "other")).expect(200);
    assert_eq!(screened(&clinician, "asOf=2026-03-01&known=recorded"), without);
}

#[test]
fn a_stratification_goes_by_what_was_stored_too() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient("p"));
    let score = |query: &str| {
        let told = clinician.get(&format!("/Patient/p/$palliative-stratify?{query}")).expect(200).json();
        let parameters = told["parameter"].as_array().unwrap();
        parameters.iter().find(|one| one["name"] == "scoreMin").unwrap()["valueInteger"].clone()
    };
    let without = score("");
    at(&app, 48);
    clinician.store(&kidney("k", "p"));
    assert_ne!(score("asOf=2026-03-01"), without);
    assert_eq!(score("asOf=2026-03-01&known=recorded"), without);
    clinician
        .get("/Patient/p/$palliative-stratify?asOf=2026-02-01&known=recorded")
        .expect_issue(422, "business-rule");
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient("p"));
    clinician.store(&patient("other"));
    let path = "/Patient/p/$palliative-screen";
    let early = clinician.get(&format!("{path}?asOf=2026-02-01&known=recorded"));
    assert_eq!(early.expect_issue(422, "business-rule").details(), ["date-range"]);
    clinician.get(&format!("{path}?known=maybe")).expect_issue(400, "invalid");
    let known = json!({ "name": "known", "valueCode": "recorded" });
    let bundle =
        json!({ "name": "resource", "resource": { "resourceType": "Bundle", "type": "collection" } });
    let record = json!({ "name": "record", "valueBoolean": true });
    for further in [bundle, record] {
        let body = json!({ "resourceType": "Parameters", "parameter": [known, further] });
        let refused = clinician.post(path, &body).expect_issue(400, "invalid");
        assert_eq!(refused.expressions(), ["Parameters.parameter[0]"]);
    }
    let asked = format!("{path}?known=recorded");
    app.patient("p").get(&asked).expect(200);
    app.patient("other").get(&asked).expect_issue(404, "not-found");
    app.with_scope("user/Patient.r").get(&asked).expect_issue(403, "forbidden");
    app.stranger().get(&asked).expect_issue(403, "forbidden");
    app.anonymous().get(&asked).expect_issue(401, "login");
}
