//! create and conditional create over HTTP. <https://hl7.org/fhir/R4/http.html#create>

use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;

fn patient(identifier: &str) -> Value {
    json!({ "resourceType": "Patient", "identifier": [{ "system": "urn:mrn", "value": identifier }] })
}

fn create_if_none(client: &Client, query: &str, body: &Value) -> Reply {
    client.request("POST", "/Patient").header("if-none-exist", query).json(body).send()
}

#[test]
fn a_created_resource_has_an_id_of_ours_and_its_place_in_the_headers() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let mut body = patient("1");
    body["id"] = "chosen-by-the-client".into();
    let reply = clinician.post("/Patient", &body).expect(201);
    let created = reply.json();
    let id = created["id"].as_str().unwrap();
    assert_ne!(id, "chosen-by-the-client");
    let place = app.url(&format!("/fhir/Patient/{id}/_history/1"));
    assert_eq!(reply.header("location"), Some(place.as_str()));
    assert_eq!(reply.header("etag"), Some("W/\"1\""));
    assert_eq!(reply.header("last-modified"), Some("Sun, 01 Mar 2026 12:00:00 GMT"));
    assert_eq!(clinician.get(&place).expect(200).json(), created);
    clinician.get("/Patient/chosen-by-the-client").expect_issue(404, "not-found");
}

#[test]
fn a_reference_by_the_whole_url_is_a_reference_here() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "Patient", "id": "a" }));
    let subject =
        |reference: String| json!({ "resourceType": "Condition", "subject": { "reference": reference } });
    let here = clinician.post("/Condition", &subject(app.url("/fhir/Patient/a"))).expect(201).json();
    assert_eq!(here["subject"]["reference"], "Patient/a");
    let elsewhere = "https://elsewhere.example/fhir/Patient/a";
    let there = clinician.post("/Condition", &subject(elsewhere.into())).expect(201).json();
    assert_eq!(there["subject"]["reference"], elsewhere);
    // by any form of the patient, and for the patient
    let id = here["id"].as_str().unwrap();
    for patient in ["a".into(), "Patient/a".into(), app.url("/fhir/Patient/a")] {
        assert_eq!(clinician.get(&format!("/Condition?patient={patient}")).expect(200).ids(), [id]);
    }
    assert_eq!(app.patient("a").get("/Condition").expect(200).ids(), [id]);
}

#[test]
fn prefer_says_what_comes_back() {
    let app = TestApp::new();
    let prefer = |prefer: &str| {
        let call = app.clinician().request("POST", "/Patient").header("prefer", prefer);
        call.json(&patient("1")).send().expect(201)
    };
    let minimal = prefer("return=minimal");
    assert_eq!((minimal.body.len(), minimal.header("etag")), (0, Some("W/\"1\"")));
    assert_eq!(prefer("return=representation").json()["resourceType"], "Patient");
    let outcome = prefer("return=OperationOutcome").json();
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    assert_eq!(outcome["issue"][0]["severity"], "information");
}

#[test]
fn a_body_that_is_no_resource_of_the_type_is_refused_with_its_place() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let send = |body: &str| {
        clinician.request("POST", "/Patient").body("application/fhir+json", body.to_owned()).send()
    };
    send("{").expect_issue(400, "structure");
    send("[]").expect(400);
    send("").expect(400);
    send("{\"a\":1}").expect(400);
    send("{\"resourceType\":\"Nothing\"}").expect(400);
    send("{\"resourceType\":\"Goal\"}").expect(400);
    let unknown = send("{\"resourceType\":\"Patient\",\"nope\":1}").expect(400);
    assert_eq!(unknown.expressions(), ["Patient.nope"]);
    let date = send("{\"resourceType\":\"Patient\",\"birthDate\":\"1999-02-30\"}").expect(422);
    assert_eq!(date.expressions(), ["Patient.birthDate"]);
    let form = clinician.request("POST", "/Patient").body("application/x-www-form-urlencoded", "a=b").send();
    form.expect(415);
    let csv = clinician.request("POST", "/Patient").body("text/csv", "a,b").send();
    csv.expect(415);
}

#[test]
fn every_problem_is_named_at_once() {
    let app = TestApp::new();
    let body = json!({ "resourceType": "Goal", "lifecycleStatus": "someday", "extra": true, "target": {} });
    let reply = app.clinician().post("/Goal", &body);
    let expressions: BTreeSet<String> = reply.expressions().into_iter().collect();
    assert_eq!(reply.status, 400);
    for expected in ["Goal.lifecycleStatus", "Goal.extra", "Goal.target", "Goal.description", "Goal.subject"]
    {
        assert!(expressions.contains(expected), "{expected} in {expressions:?}");
    }
}

#[test]
fn a_conditional_create_makes_one_only_where_none_is() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let first = create_if_none(&clinician, "identifier=urn:mrn|1", &patient("1")).expect(201);
    let id = first.json()["id"].clone();
    let again = create_if_none(&clinician, "identifier=urn:mrn|1", &patient("1")).expect(200);
    assert_eq!((again.json()["id"].clone(), again.header("etag")), (id, Some("W/\"1\"")));
    clinician.post("/Patient", &patient("1")).expect(201);
    create_if_none(&clinician, "identifier=urn:mrn|1", &patient("1")).expect_issue(412, "multiple-matches");
    create_if_none(&clinician, "identifier=urn:mrn|2", &patient("2")).expect(201);
    create_if_none(&clinician, "", &patient("3")).expect(400);
    create_if_none(&clinician, "nope=3", &patient("3")).expect(400);
}

#[test]
fn of_many_conditional_creates_at_once_one_makes_it() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let replies: Vec<Reply> = std::thread::scope(|scope| {
        let send = || create_if_none(&clinician, "identifier=urn:mrn|race", &patient("race"));
        let threads: Vec<_> = (0..32).map(|_| scope.spawn(send)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let count = |status: u16| replies.iter().filter(|reply| reply.status == status).count();
    assert_eq!(
        (count(201), count(200)),
        (1, 31),
        "{:?}",
        replies.iter().map(|r| r.status).collect::<Vec<_>>()
    );
    let ids: BTreeSet<String> = replies.iter().map(|reply| reply.json()["id"].to_string()).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(clinician.get("/Patient?identifier=urn:mrn|race").expect(200).ids().len(), 1);
}

#[test]
fn creating_takes_the_scope() {
    let app = TestApp::new();
    app.partner().post("/Patient", &patient("1")).expect_issue(403, "forbidden");
    app.anonymous().post("/Patient", &patient("1")).expect_issue(401, "login");
    app.with_scope("system/Patient.c").post("/Patient", &patient("1")).expect(201);
}

#[test]
fn a_condition_that_a_write_does_not_have_is_refused() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let send = |method: &str, path: &str, header: &str| {
        let mut body = patient("1");
        body["id"] = "p".into();
        clinician.request(method, path).header(header, "W/\"1\"").json(&body).send()
    };
    send("POST", "/Patient", "if-none-match").expect_issue(400, "not-supported");
    send("POST", "/Patient", "if-match").expect_issue(400, "not-supported");
    send("PUT", "/Patient/p", "if-none-exist").expect_issue(400, "not-supported");
    send("DELETE", "/Patient/p", "if-modified-since").expect_issue(400, "not-supported");
    clinician.get("/Patient/p").expect(404);
}
