//! `$meta`, `$meta-add` and `$meta-delete` over HTTP. <https://hl7.org/fhir/R4/resource-operations.html>

use std::sync::Barrier;

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;

fn parameters(meta: Value) -> Value {
    json!({ "resourceType": "Parameters", "parameter": [{ "name": "meta", "valueMeta": meta }] })
}

fn tag(code: &str) -> Value {
    json!({ "system": "urn:tags", "code": code })
}

fn returned(reply: &Value) -> &Value {
    assert_eq!(reply["parameter"][0]["name"], "return", "{reply}");
    &reply["parameter"][0]["valueMeta"]
}

fn observation(id: &str, patient: &str, meta: Value) -> Value {
    json!({ "resourceType": "Observation", "id": id, "meta": meta, "status": "final", "code": { "text": "x" },
        "subject": { "reference": format!("Patient/{patient}") } })
}

#[test]
fn what_is_added_and_taken_away_makes_a_version_that_searches_find() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "Patient", "id": "p", "active": true }));
    let given = parameters(json!({ "tag": [tag("a"), tag("b")], "profile": ["urn:one"], "versionId": "99",
        "security": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R" }] }));
    let reply = clinician.post("/Patient/p/$meta-add", &given).expect(200);
    assert_eq!(reply.header("etag"), Some("W/\"2\""));
    let meta = reply.json();
    let meta = returned(&meta);
    assert_eq!((&meta["versionId"], &meta["tag"]), (&json!("2"), &json!([tag("a"), tag("b")])));
    assert_eq!(clinician.get("/Patient?_tag=urn:tags|a&_security=R&_profile=urn:one").ids(), ["p"]);
    let read = clinician.get("/Patient/p").json();
    assert_eq!((&read["meta"], &read["active"]), (meta, &json!(true)));
    // what is there already makes no version
    clinician.post("/Patient/p/$meta-add", &given).expect(200);
    assert_eq!(clinician.get("/Patient/p").header("etag"), Some("W/\"2\""));
    let taken = parameters(json!({ "tag": [tag("a"), tag("never")], "profile": ["urn:one"] }));
    let reply = clinician.post("/Patient/p/$meta-delete", &taken).expect(200).json();
    assert_eq!(returned(&reply)["tag"], json!([tag("b")]));
    assert!(returned(&reply).get("profile").is_none());
    assert_eq!(clinician.get("/Patient?_tag=urn:tags|a").ids(), Vec::<String>::new());
    assert_eq!(clinician.get("/Patient?_tag=urn:tags|b").ids(), ["p"]);
    clinician.post("/Patient/p/$meta-delete", &taken).expect(200);
    assert_eq!(clinician.get("/Patient/p/_history").json()["total"], 3);
    assert_eq!(clinician.get("/Patient/p/_history/1").json()["meta"].get("tag"), None);
}

#[test]
fn meta_shows_what_there_is_on_each_level() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for (id, code) in [("1", "a"), ("2", "b"), ("3", "b")] {
        clinician.store(&observation(id, "p", json!({ "tag": [tag(code)], "profile": ["urn:observation"] })));
    }
    clinician.store(&json!({ "resourceType": "Organization", "name": "x", "meta": { "tag": [tag("c")] } }));
    let instance = clinician.get("/Observation/1/$meta").expect(200).json();
    assert_eq!(
        (&returned(&instance)["versionId"], &returned(&instance)["tag"]),
        (&json!("1"), &json!([tag("a")]))
    );
    let of_type = clinician.get("/Observation/$meta").expect(200).json();
    let expected = json!({ "profile": ["urn:observation"], "tag": [tag("a"), tag("b")] });
    assert_eq!(returned(&of_type), &expected);
    let of_all = clinician.post("/$meta", &json!({ "resourceType": "Parameters" })).expect(200).json();
    assert_eq!(returned(&of_all)["tag"], json!([tag("a"), tag("b"), tag("c")]));
    assert_eq!(clinician.get("/Device/$meta").expect(200).json(), json!({ "resourceType": "Parameters" }));
    // what is deleted does not occur any more
    clinician.delete("/Observation/1").expect(204);
    let of_type = clinician.get("/Observation/$meta").expect(200).json();
    assert_eq!(returned(&of_type)["tag"], json!([tag("b")]));
}

#[test]
fn a_patients_token_sees_its_own_tags_and_changes_none() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for patient in ["a", "b"] {
        clinician.store(&json!({ "resourceType": "Patient", "id": patient }));
        clinician.store(&observation(&format!("of-{patient}"), patient, json!({ "tag": [tag(patient)] })));
    }
    let anna = app.with_claims(json!({ "sub": "anna", "scope": "patient/*.cruds", "patient": "a" }));
    for path in ["/Observation/$meta", "/$meta"] {
        assert_eq!(returned(&anna.get(path).expect(200).json())["tag"], json!([tag("a")]), "{path}");
    }
    anna.get("/Observation/of-b/$meta").expect_issue(404, "not-found");
    let given = parameters(json!({ "tag": [tag("a")] }));
    for code in ["meta-add", "meta-delete"] {
        anna.post(&format!("/Observation/of-a/${code}"), &given).expect_issue(403, "forbidden");
        anna.post(&format!("/Observation/of-b/${code}"), &given).expect_issue(404, "not-found");
        app.partner().post(&format!("/Observation/of-a/${code}"), &given).expect_issue(403, "forbidden");
        app.with_scope("user/Observation.u").post(&format!("/Observation/of-a/${code}"), &given).expect(403);
        app.with_scope("user/Observation.ru").post(&format!("/Observation/of-a/${code}"), &given).expect(200);
        clinician.post(&format!("/Observation/none/${code}"), &given).expect_issue(404, "not-found");
        clinician.request("GET", &format!("/Observation/of-a/${code}")).send().expect(405);
    }
    app.with_scope("user/Patient.rs").get("/Observation/$meta").expect_issue(403, "forbidden");
    app.stranger().get("/$meta").expect_issue(403, "forbidden");
}

#[test]
fn what_is_no_meta_is_refused_and_a_stale_version_too() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "Patient", "id": "p" }));
    let none = json!({ "resourceType": "Parameters" });
    clinician.post("/Patient/p/$meta-add", &none).expect(400);
    clinician.post("/Patient/p/$meta-add", &parameters(json!({ "tag": "a" }))).expect(400);
    clinician.post("/Patient/p/$meta-add", &parameters(json!({ "nope": [] }))).expect(400);
    let given = parameters(json!({ "tag": [tag("a")] }));
    let stale = clinician.request("POST", "/Patient/p/$meta-add").header("If-Match", "W/\"7\"");
    stale.json(&given).send().expect(412);
    let current = clinician.request("POST", "/Patient/p/$meta-add").header("If-Match", "W/\"1\"");
    current.json(&given).send().expect(200);
    let repeated = clinician.request("POST", "/Patient/p/$meta-add").header("If-Match", "W/\"1\"");
    repeated.json(&given).send().expect(412);
}

#[test]
fn sixteen_at_once_lose_no_tag() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "Patient", "id": "p" }));
    let start = Barrier::new(16);
    std::thread::scope(|scope| {
        for at in 0..16 {
            let (app, start) = (&app, &start);
            scope.spawn(move || {
                let given = parameters(json!({ "tag": [tag(&format!("t{at}"))] }));
                start.wait();
                app.clinician().post("/Patient/p/$meta-add", &given).expect(200);
            });
        }
    });
    let read = clinician.get("/Patient/p").json();
    assert_eq!(read["meta"]["tag"].as_array().unwrap().len(), 16);
    assert_eq!(read["meta"]["versionId"], "17");
}
