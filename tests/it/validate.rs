//! `$validate`, and what every operation has in common. <https://hl7.org/fhir/R4/operations.html>

use serde_json::json;

use crate::app::TestApp;

#[test]
fn every_problem_is_listed_and_the_answer_is_200() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let body = json!({ "resourceType": "Patient", "birthDate": "never", "nope": 1 });
    let reply = clinician.post("/Patient/$validate", &body).expect(200);
    let mut expressions = reply.expressions();
    expressions.sort();
    assert_eq!(expressions, ["Patient.birthDate", "Patient.nope"]);
    let parameters = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "mode", "valueCode": "create" }, { "name": "resource", "resource": body } ] });
    assert_eq!(clinician.post("/Patient/%24validate", &parameters).expect(200).expressions().len(), 2);
    let fine =
        clinician.post("/Patient/$validate?mode=create", &json!({ "resourceType": "Patient" })).expect(200);
    assert_eq!(fine.json()["issue"][0]["severity"], "information");
    let other = clinician.post("/Goal/$validate", &json!({ "resourceType": "Patient" })).expect(200);
    assert_eq!(other.expressions(), ["Patient.resourceType"]);
}

#[test]
fn a_stored_resource_is_validated_where_it_is() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "Patient", "id": "p" }));
    let reply = clinician.get("/Patient/p/$validate").expect(200);
    assert_eq!(reply.json()["issue"][0]["severity"], "information");
    clinician.get("/Patient/none/$validate").expect_issue(404, "not-found");
    app.patient("other").get("/Patient/p/$validate").expect_issue(404, "not-found");
    app.stranger().get("/Patient/p/$validate").expect_issue(403, "forbidden");
    app.anonymous().get("/Patient/p/$validate").expect_issue(401, "login");
}

#[test]
fn what_an_operation_is_given_must_fit_its_definition() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let send = |parameter: serde_json::Value| {
        let body = json!({ "resourceType": "Parameters", "parameter": parameter });
        clinician.post("/Patient/$validate", &body)
    };
    let missing = send(json!([{ "name": "mode", "valueCode": "create" }])).expect_issue(400, "required");
    assert_eq!(missing.details(), ["missing-parameter"]);
    let unknown = send(json!([{ "name": "nope", "valueCode": "x" }])).expect_issue(400, "invalid");
    assert_eq!(unknown.details(), ["bad-parameter"]);
    assert_eq!(unknown.expressions(), ["Parameters.parameter[0]"]);
    send(json!([{ "name": "mode", "valueString": "create" }])).expect_issue(400, "invalid");
    send(json!([{ "name": "mode", "valueCode": "guess" }])).expect_issue(400, "invalid");
    clinician.get("/Patient/$validate?nope=1").expect_issue(400, "invalid");
}

#[test]
fn an_operation_is_called_where_and_how_its_definition_says() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.get("/$validate").expect_issue(404, "not-supported");
    clinician.get("/Patient/$nothing").expect_issue(404, "not-supported");
    let reply = clinician.put("/Patient/$validate", &json!({})).expect(405);
    assert_eq!(reply.header("allow"), Some("GET, HEAD, POST"));
}
