//! The history of a resource over HTTP. <https://hl7.org/fhir/R4/http.html#history>

use serde_json::Value;
use serde_json::json;

use crate::app::START;
use crate::app::TestApp;

/// Five versions, ten seconds apart: a create, two updates, a delete, an update.
fn five(app: &TestApp) {
    let clinician = app.clinician();
    for step in 0..5 {
        app.clock().set(START + step * 10_000_000);
        match step {
            3 => clinician.delete("/Patient/p").expect(204),
            _ => clinician.put("/Patient/p", &json!({ "resourceType": "Patient", "id": "p" })),
        };
    }
}

fn versions(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    entries.iter().map(|entry| entry["response"]["etag"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn versions_come_newest_first_with_how_they_came_to_be() {
    let app = TestApp::new();
    five(&app);
    let bundle = app.clinician().get("/Patient/p/_history").expect(200).json();
    assert_eq!((&bundle["type"], &bundle["total"]), (&json!("history"), &json!(5)));
    let expected = ["W/\"5\"", "W/\"4\"", "W/\"3\"", "W/\"2\"", "W/\"1\""];
    assert_eq!(versions(&bundle), expected);
    let deletion = &bundle["entry"][1];
    assert!(deletion.get("resource").is_none());
    assert_eq!(deletion["request"], json!({ "method": "DELETE", "url": "Patient/p" }));
    assert_eq!(deletion["response"]["status"], "204 No Content");
    let first = &bundle["entry"][4];
    assert_eq!(first["request"], json!({ "method": "PUT", "url": "Patient/p" }));
    assert_eq!(first["response"]["status"], "201 Created");
    assert_eq!(first["response"]["lastModified"], "2026-03-01T12:00:00.000Z");
    assert_eq!(first["fullUrl"], app.url("/fhir/Patient/p"));
    assert_eq!(first["resource"]["meta"]["versionId"], "1");
}

#[test]
fn a_created_resource_has_a_post_in_its_history() {
    let app = TestApp::new();
    let id = app.clinician().store(&json!({ "resourceType": "Patient" }))["id"].as_str().unwrap().to_owned();
    let bundle = app.clinician().get(&format!("/Patient/{id}/_history")).expect(200).json();
    assert_eq!(bundle["entry"][0]["request"], json!({ "method": "POST", "url": "Patient" }));
}

#[test]
fn pages_follow_one_another_without_gap_or_double() {
    let app = TestApp::new();
    five(&app);
    let clinician = app.clinician();
    let mut url = Some("/Patient/p/_history?_count=2".to_owned());
    let mut all = Vec::new();
    while let Some(page) = url {
        let reply = clinician.get(&page).expect(200);
        all.push(versions(&reply.json()));
        url = reply.link("next");
    }
    assert_eq!(all, [vec!["W/\"5\"", "W/\"4\""], vec!["W/\"3\"", "W/\"2\""], vec!["W/\"1\""]]);
}

#[test]
fn since_leaves_older_versions_out() {
    let app = TestApp::new();
    five(&app);
    let bundle = app.clinician().get("/Patient/p/_history?_since=2026-03-01T12:00:20Z").expect(200).json();
    assert_eq!(versions(&bundle), ["W/\"5\"", "W/\"4\"", "W/\"3\""]);
    assert_eq!(bundle["total"], 3);
}

#[test]
fn what_a_history_cannot_be_asked_is_refused() {
    let app = TestApp::new();
    five(&app);
    for query in ["_count=x", "_since=soon", "_sort=-x", "name=x"] {
        app.clinician().get(&format!("/Patient/p/_history?{query}")).expect_issue(400, "invalid");
    }
    let large = app.clinician().get("/Patient/p/_history?_count=99999999999").expect(200);
    assert!(large.link("self").unwrap().ends_with("_count=1000"), "{}", large.text());
    app.clinician().get("/Patient/never/_history").expect_issue(404, "not-found");
    app.patient("other").get("/Patient/p/_history").expect_issue(404, "not-found");
    app.stranger().get("/Patient/p/_history").expect_issue(403, "forbidden");
}

#[test]
fn versions_of_another_patients_time_neither_show_nor_count() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for subject in ["a", "b", "a", "b", "b"] {
        let subject = format!("Patient/{subject}");
        clinician.store(&json!({ "resourceType": "Goal", "id": "g", "lifecycleStatus": "active",
            "description": { "text": "To be at home" }, "subject": { "reference": subject } }));
    }
    let first = app.patient("b").get("/Goal/g/_history?_count=2").expect(200);
    assert_eq!(
        (versions(&first.json()), &first.json()["total"]),
        (vec!["W/\"5\"".into(), "W/\"4\"".into()], &json!(3))
    );
    let second = app.patient("b").get(&first.link("next").unwrap()).expect(200);
    assert_eq!((versions(&second.json()), second.link("next")), (vec!["W/\"2\"".to_owned()], None));
    app.patient("a").get("/Goal/g/_history").expect_issue(404, "not-found");
    app.patient("b").get("/Goal/g/_history/1").expect_issue(404, "not-found");
}
