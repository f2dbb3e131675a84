//! read and vread over HTTP. <https://hl7.org/fhir/R4/http.html#read>

use serde_json::json;

use crate::app::TestApp;

fn patient() -> serde_json::Value {
    json!({ "resourceType": "Patient", "id": "p", "active": true, "birthDate": "1950-01-02",
        "name": [{ "family": "Marsh" }], "text": { "status": "generated",
        "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">Marsh</div>" } })
}

#[test]
fn a_resource_comes_back_as_it_was_sent_with_its_version_and_date() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.put("/Patient/p", &patient()).expect(201);
    let reply = clinician.get("/Patient/p").expect(200);
    assert_eq!(reply.header("etag"), Some("W/\"1\""));
    assert_eq!(reply.header("last-modified"), Some("Sun, 01 Mar 2026 12:00:00 GMT"));
    assert!(reply.header("content-type").is_some_and(|ty| ty.starts_with("application/fhir+json")));
    let mut read = reply.json();
    assert_eq!(read["meta"], json!({ "versionId": "1", "lastUpdated": "2026-03-01T12:00:00.000Z" }));
    read.as_object_mut().unwrap().remove("meta");
    assert_eq!(read, patient());
    let head = clinician.request("HEAD", "/Patient/p").send().expect(200);
    assert_eq!((head.header("etag"), head.body.len()), (Some("W/\"1\""), 0));
}

#[test]
fn decimals_keep_their_precision() {
    let app = TestApp::new();
    let body = r#"{"resourceType":"Observation","id":"o","status":"final","code":{"text":"weight"},
        "valueQuantity":{"value":1.10}}"#;
    app.clinician().request("PUT", "/Observation/o").body("application/fhir+json", body).send().expect(201);
    assert!(app.clinician().get("/Observation/o").expect(200).text().contains("1.10"));
}

#[test]
fn what_the_client_has_already_is_not_sent_again() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.put("/Patient/p", &patient()).expect(201);
    for (name, value, status) in [
        ("if-none-match", "W/\"1\"", 304),
        ("if-none-match", "*", 304),
        ("if-none-match", "W/\"9\"", 200),
        ("if-none-match", "nonsense", 400),
        ("if-modified-since", "Sun, 01 Mar 2026 12:00:00 GMT", 304),
        ("if-modified-since", "Sun, 01 Mar 2026 11:59:59 GMT", 200),
    ] {
        let reply = clinician.request("GET", "/Patient/p").header(name, value).send();
        assert_eq!(reply.status, status, "{name}: {value}");
        if status == 304 {
            assert_eq!((reply.header("etag"), reply.body.len()), (Some("W/\"1\""), 0));
        }
    }
}

#[test]
fn each_version_is_read_by_its_number() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.put("/Patient/p", &patient()).expect(201);
    let mut second = patient();
    second["active"] = false.into();
    clinician.put("/Patient/p", &second).expect(200);
    clinician.delete("/Patient/p").expect(204);
    let first = clinician.get("/Patient/p/_history/1").expect(200);
    assert_eq!((first.json()["active"].clone(), first.header("etag")), (json!(true), Some("W/\"1\"")));
    assert_eq!(clinician.get("/Patient/p/_history/2").expect(200).json()["active"], json!(false));
    let gone = clinician.get("/Patient/p/_history/3").expect_issue(410, "deleted");
    assert_eq!(gone.header("etag"), Some("W/\"3\""));
    clinician.get("/Patient/p/_history/4").expect_issue(404, "not-found");
    clinician.get("/Patient/p/_history/x").expect_issue(404, "not-found");
}

#[test]
fn what_is_not_there_is_told_from_what_is_deleted() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.get("/Patient/p").expect_issue(404, "not-found");
    clinician.get("/Nothing/p").expect_issue(404, "not-found");
    clinician.get("/Patient/a_b").expect_issue(404, "not-found");
    clinician.put("/Patient/p", &patient()).expect(201);
    clinician.delete("/Patient/p").expect(204);
    let gone = clinician.get("/Patient/p").expect_issue(410, "deleted");
    assert_eq!(gone.header("etag"), Some("W/\"2\""));
}

#[test]
fn a_method_that_is_not_offered_is_refused_with_those_that_are() {
    let app = TestApp::new();
    let reply = app.clinician().request("POST", "/Patient/p").send().expect_issue(405, "not-supported");
    assert_eq!(reply.header("allow"), Some("GET, HEAD, PUT, PATCH, DELETE, OPTIONS"));
}

#[test]
fn a_part_of_a_resource_is_marked_as_one() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.put("/Patient/p", &patient()).expect(201);
    for (query, gone, kept) in [
        ("_summary=text", "name", "text"),
        ("_summary=data", "text", "name"),
        ("_summary=true", "text", "birthDate"),
        ("_elements=name", "birthDate", "name"),
    ] {
        let reply = clinician.get(&format!("/Patient/p?{query}")).expect(200).json();
        assert_eq!(reply["meta"]["tag"][0]["code"], "SUBSETTED", "{query}");
        assert!(reply.get(gone).is_none() && reply.get(kept).is_some(), "{query}: {reply}");
    }
    clinician.get("/Patient/p?_elements=nope").expect_issue(400, "invalid");
    clinician.get("/Patient/p?_elements=name&_summary=text").expect_issue(400, "invalid");
    clinician.get("/Patient/p/_history/1?_elements=Patient.name").expect(200);
    // what is not whole does not become the whole
    let part = clinician.get("/Patient/p?_elements=name").expect(200).json();
    let refused = clinician.put("/Patient/p", &part).expect_issue(422, "invalid");
    assert_eq!(refused.expressions(), ["Patient.meta.tag[0]"]);
    let entry = json!({ "resource": part, "request": { "method": "PUT", "url": "Patient/p" } });
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry] });
    clinician.post("/", &bundle).expect_issue(422, "invalid");
    assert_eq!(clinician.get("/Patient/p").header("etag"), Some("W/\"1\""));
    let refused = clinician.get("/Patient/p?name=x").expect_issue(400, "invalid");
    assert_eq!(refused.expressions(), ["http.name"]);
}

#[test]
fn another_patients_resource_is_as_if_it_were_not_there() {
    let app = TestApp::new();
    app.clinician().put("/Patient/p", &patient()).expect(201);
    app.patient("p").get("/Patient/p").expect(200);
    app.patient("other").get("/Patient/p").expect_issue(404, "not-found");
    app.patient("other").get("/Patient/p/_history/1").expect_issue(404, "not-found");
    app.stranger().get("/Patient/p").expect_issue(403, "forbidden");
    app.anonymous().get("/Patient/p").expect_issue(401, "login");
}

#[test]
fn our_definitions_are_read_under_their_ids() {
    let app = TestApp::new();
    let reply = app.clinician().get("/OperationDefinition/validate").expect(200).json();
    assert_eq!((&reply["resourceType"], &reply["code"]), (&json!("OperationDefinition"), &json!("validate")));
    app.stranger().get("/OperationDefinition/validate").expect_issue(403, "forbidden");
    app.clinician().put("/OperationDefinition/validate", &reply).expect_issue(409, "conflict");
    app.clinician().delete("/OperationDefinition/validate").expect_issue(409, "conflict");
}
