//! delete over HTTP. <https://hl7.org/fhir/R4/http.html#delete>

use serde_json::json;

use crate::app::TestApp;

#[test]
fn a_deleted_resource_is_gone_and_may_be_deleted_again() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "Patient", "id": "p" }));
    let reply = clinician.delete("/Patient/p").expect(204);
    assert_eq!((reply.header("etag"), reply.body.len()), (Some("W/\"2\""), 0));
    clinician.delete("/Patient/p").expect(204);
    clinician.delete("/Patient/never-was").expect(204);
    clinician.get("/Patient/p").expect_issue(410, "deleted");
    assert_eq!(clinician.get("/Patient?_id=p").expect(200).ids(), [""; 0]);
    assert_eq!(clinician.get("/Patient/p/_history").expect(200).json()["total"], 2);
}

#[test]
fn if_match_demands_the_current_version() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "Patient", "id": "p" }));
    let delete_if = |tag: &str| clinician.request("DELETE", "/Patient/p").header("if-match", tag).send();
    delete_if("W/\"2\"").expect_issue(412, "conflict");
    delete_if("nonsense").expect_issue(400, "invalid");
    clinician.get("/Patient/p").expect(200);
    delete_if("W/\"1\"").expect(204);
    clinician.get("/Patient/p").expect(410);
}

#[test]
fn deleting_takes_the_scope() {
    let app = TestApp::new();
    app.clinician().store(&json!({ "resourceType": "Patient", "id": "p" }));
    app.partner().delete("/Patient/p").expect_issue(403, "forbidden");
    app.anonymous().delete("/Patient/p").expect_issue(401, "login");
    app.clinician().get("/Patient/p").expect(200);
}
