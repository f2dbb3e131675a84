//! update over HTTP. <https://hl7.org/fhir/R4/http.html#update>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;

fn patient(id: &str) -> Value {
    json!({ "resourceType": "Patient", "id": id, "active": true })
}

fn update_if(client: &Client, tag: &str, body: &Value) -> Reply {
    client.request("PUT", "/Patient/p").header("if-match", tag).json(body).send()
}

#[test]
fn an_update_makes_the_next_version_and_creates_where_there_is_none() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let created = clinician.put("/Patient/p", &patient("p")).expect(201);
    assert_eq!(created.header("location"), Some(app.url("/fhir/Patient/p/_history/1").as_str()));
    app.clock().set(app.clock().now() + 5_000_000);
    let updated = clinician.put("/Patient/p", &patient("p")).expect(200);
    assert_eq!(updated.header("etag"), Some("W/\"2\""));
    assert_eq!(updated.header("last-modified"), Some("Sun, 01 Mar 2026 12:00:05 GMT"));
    assert_eq!(updated.header("location"), Some(app.url("/fhir/Patient/p/_history/2").as_str()));
    assert_eq!(updated.json()["meta"]["versionId"], "2");
}

#[test]
fn the_id_of_the_body_must_be_that_of_the_url() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let missing =
        clinician.put("/Patient/p", &json!({ "resourceType": "Patient" })).expect_issue(400, "invalid");
    assert_eq!(missing.expressions(), ["Patient.id"]);
    clinician.put("/Patient/p", &patient("other")).expect_issue(400, "invalid");
    clinician.put("/Patient/p", &json!({ "resourceType": "Goal", "id": "p" })).expect(400);
    clinician.put("/Patient/a_b", &patient("a_b")).expect(404);
    clinician.get("/Patient/p").expect(404);
}

#[test]
fn if_match_demands_the_current_version() {
    let app = TestApp::new();
    let clinician = app.clinician();
    update_if(&clinician, "W/\"1\"", &patient("p")).expect_issue(412, "conflict");
    update_if(&clinician, "*", &patient("p")).expect_issue(412, "conflict");
    clinician.put("/Patient/p", &patient("p")).expect(201);
    update_if(&clinician, "W/\"1\"", &patient("p")).expect(200);
    update_if(&clinician, "\"2\"", &patient("p")).expect(200);
    update_if(&clinician, "W/\"2\"", &patient("p")).expect_issue(412, "conflict");
    update_if(&clinician, "W/\"abc\"", &patient("p")).expect_issue(412, "conflict");
    update_if(&clinician, "2", &patient("p")).expect_issue(400, "invalid");
    update_if(&clinician, "W/\"1\", W/\"3\"", &patient("p")).expect(200);
    update_if(&clinician, "*", &patient("p")).expect(200);
    assert_eq!(clinician.get("/Patient/p").expect(200).header("etag"), Some("W/\"5\""));
}

#[test]
fn of_many_updates_of_one_version_one_is_made() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.put("/Patient/p", &patient("p")).expect(201);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let send = || update_if(&clinician, "W/\"1\"", &patient("p")).status;
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(send)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 412).count(), 15, "{statuses:?}");
}

#[test]
fn plain_updates_at_once_are_all_made() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.put("/Patient/p", &patient("p")).expect(201);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let send = || clinician.put("/Patient/p", &patient("p")).status;
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(send)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(clinician.get("/Patient/p").expect(200).header("etag"), Some("W/\"17\""));
}

#[test]
fn updating_a_deleted_resource_brings_it_back() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.put("/Patient/p", &patient("p")).expect(201);
    clinician.delete("/Patient/p").expect(204);
    let back = clinician.put("/Patient/p", &patient("p"));
    assert!(matches!(back.status, 200 | 201), "{}", back.text());
    assert_eq!(back.header("etag"), Some("W/\"3\""));
    clinician.get("/Patient/p").expect(200);
}

#[test]
fn updating_takes_the_scope_and_stays_in_the_compartment() {
    let app = TestApp::new();
    app.clinician().put("/Patient/p", &patient("p")).expect(201);
    app.partner().put("/Patient/p", &patient("p")).expect_issue(403, "forbidden");
    app.patient("p").put("/Patient/p", &patient("p")).expect_issue(403, "forbidden");
    let other = json!({ "sub": "x", "scope": "patient/*.cruds", "patient": "other" });
    let reply = app.with_claims(other).put("/Patient/p", &patient("p"));
    assert!(matches!(reply.status, 403 | 404), "{} {}", reply.status, reply.text());
    assert_eq!(app.clinician().get("/Patient/p").expect(200).header("etag"), Some("W/\"1\""));
}

#[test]
fn the_answer_to_a_write_may_be_a_part_of_what_is_stored() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let goal = json!({ "resourceType": "Goal", "id": "g", "lifecycleStatus": "active",
        "description": { "text": "To be at home" }, "subject": { "reference": "Patient/p" }, "note": [{ "text": "n" }] });
    let merge = |path: &str| {
        let call =
            clinician.request("PATCH", path).body("application/merge-patch+json", "{\"language\":\"en\"}");
        call.send()
    };
    for (reply, status) in [
        (clinician.put("/Goal/g?_elements=note", &goal), 201),
        (clinician.put("/Goal?_id=g&_elements=note", &goal), 200),
        (clinician.post("/Goal?_elements=note&_pretty=true", &goal), 201),
        (merge("/Goal/g?_elements=note"), 200),
    ] {
        let said = reply.expect(status).json();
        assert_eq!(
            (&said["note"][0]["text"], &said["meta"]["tag"][0]["code"]),
            (&json!("n"), &json!("SUBSETTED"))
        );
        assert_eq!(said.get("language"), None, "{said}");
    }
    // what is stored is whole
    let stored = clinician.get("/Goal/g").expect(200).json();
    assert_eq!((&stored["meta"].get("tag"), &stored["language"]), (&None, &json!("en")));
    clinician.put("/Goal/g?_elements=nope", &goal).expect_issue(400, "invalid");
    clinician.put("/Goal/g?_summary=count", &goal).expect_issue(400, "invalid");
    clinician.put("/Goal/g?code=1", &goal).expect_issue(400, "invalid");
    clinician.delete("/Goal/g?_summary=true").expect_issue(400, "invalid");
    assert_eq!(clinician.get("/Goal/g").expect(200).header("etag"), Some("W/\"3\""));
    let entry =
        |method: &str, url: &str| json!({ "resource": goal, "request": { "method": method, "url": url } });
    for kind in ["batch", "transaction"] {
        let bundle = json!({ "resourceType": "Bundle", "type": kind, "entry": [
            entry("PUT", "Goal/g?_summary=text&_format=json"), entry("POST", "Goal?_format=json&_pretty=false"),
        ] });
        let call = clinician.request("POST", "").header("prefer", "return=representation").json(&bundle);
        let answer = call.send().expect(200).json();
        assert_eq!(answer["entry"][0]["resource"].get("note"), None, "{answer}");
        assert_eq!(answer["entry"][1]["resource"]["note"][0]["text"], "n", "{answer}");
    }
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry("PUT", "Goal/g?_summary=some")] });
    assert_eq!(clinician.post("", &bundle).expect(400).expressions(), ["Bundle.entry[0].request.url"]);
}
