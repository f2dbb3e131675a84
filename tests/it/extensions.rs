//! Our own extensions, held to their definitions where a client writes them, and the settings of a programme.

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;

const OURS: &str = "https://comfrey.health/fhir/StructureDefinition";

fn site(status: Value) -> Value {
    json!({ "resourceType": "Organization", "id": "site", "name": "Site", "extension": [
        { "url": format!("{OURS}/pcmh-recognition"), "extension": [
            { "url": "program", "valueCode": "ncqa-pcmh" }, status] }] })
}

#[test]
fn an_extension_of_ours_in_another_form_is_refused_with_its_place() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let good = site(json!({ "url": "status", "valueCode": "achieved" }));
    let bad = site(json!({ "url": "status", "valueString": "achieved" }));
    let place = "Organization.extension[0].extension[1].valueString";
    let refused = clinician.put("/Organization/site", &bad).expect_issue(422, "value");
    assert_eq!(refused.expressions(), [place]);
    clinician.get("/Organization/site").expect(404);
    clinician.put("/Organization/site", &good).expect(201);
    let entry = json!({ "resource": bad, "request": { "method": "PUT", "url": "Organization/site" } });
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry] });
    let refused = clinician.post("/", &bundle).expect_issue(422, "value");
    assert_eq!(
        refused.expressions(),
        [format!("Bundle.entry[0].resource.{}", &place["Organization.".len()..])]
    );
    let patch = json!([{ "op": "replace", "path": "/extension/0/extension/1", "value": { "url": "status",
        "valueString": "achieved" } }]);
    let patched = clinician.request("PATCH", "/Organization/site");
    let patched = patched.body("application/json-patch+json", patch.to_string()).send();
    assert_eq!(patched.expect_issue(422, "value").expressions(), [place]);
    assert_eq!(clinician.get("/Organization/site").expect(200).json()["meta"]["versionId"], "1");
    // others' extensions are none of our business
    let other = json!({ "resourceType": "Organization", "name": "x",
        "extension": [{ "url": "https://example.org/StructureDefinition/pcmh-recognition", "valueString": "x" }] });
    clinician.post("/Organization", &other).expect(201);
}

#[test]
fn one_that_is_unknown_or_stands_elsewhere_is_refused() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for (url, expression) in
        [("encounter-fede", "Patient.extension[0].url"), ("next-review", "Patient.extension[0]")]
    {
        let patient = json!({ "resourceType": "Patient", "extension": [
            { "url": format!("{OURS}/{url}"), "valueDate": "2026-03-01" }] });
        let refused = clinician.post("/Patient", &patient).expect_issue(422, "extension");
        assert_eq!(refused.expressions(), [expression], "{url}");
        let told = clinician.post("/Patient/$validate", &patient).expect(200);
        assert_eq!(told.expressions(), [expression], "{url}");
    }
    assert_eq!(clinician.get("/Patient?_summary=count").json()["total"], 0);
}

#[test]
fn the_settings_of_a_programme_are_refused_with_their_places() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let programme = |settings: Value| {
        json!({ "resourceType": "HealthcareService", "id": "own", "active": true, "name": "Own", "extension": [
            { "url": format!("{OURS}/palliative-program-settings"), "extension": settings }] })
    };
    let place = |at: usize| format!("HealthcareService.extension[0].extension[{at}]");
    let wrong = json!([{ "url": "tz", "valueString": "Mars/Olympus" }, { "url": "selfPay", "valueBoolean": true },
        { "url": "colour", "valueString": "green" }, { "url": "maxAttempts", "valueInteger": -1 }]);
    let refused =
        clinician.put("/HealthcareService/own", &programme(wrong)).expect_issue(422, "business-rule");
    assert_eq!(refused.expressions(), [place(0), place(2), place(3)]);
    let twice =
        json!([{ "url": "tz", "valueString": "UTC" }, { "url": "tz", "valueString": "Europe/Berlin" }]);
    clinician.put("/HealthcareService/own", &programme(twice)).expect_issue(422, "value");
    clinician.get("/HealthcareService/own").expect(404);
    let right = json!([{ "url": "tz", "valueString": "Europe/Berlin" }, { "url": "selfPay", "valueBoolean": true },
        { "url": "payTable", "extension": [{ "url": "class", "valueCode": "month" },
            { "url": "amount", "valueMoney": { "value": 500.00, "currency": "USD" } }] }]);
    clinician.put("/HealthcareService/own", &programme(right)).expect(201);
    clinician.store(&json!({ "resourceType": "HealthcareService", "id": "clinic", "name": "No programme" }));
}
