//! batch over HTTP. <https://hl7.org/fhir/R4/http.html#transaction>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;

fn batch(entries: &Value) -> Value {
    json!({ "resourceType": "Bundle", "type": "batch", "entry": entries })
}

fn patient(id: &str) -> Value {
    json!({ "resourceType": "Patient", "id": id })
}

#[test]
fn each_entry_is_answered_as_if_it_had_come_alone() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient("p"));
    let entries = [
        ("GET", "Patient/p", None),
        ("GET", "Patient/none", None),
        ("GET", "Nothing/1", None),
        ("PUT", "Patient/q", Some(patient("q"))),
        ("PUT", "Patient/q", Some(patient("other"))),
        ("POST", "Patient", Some(json!({ "resourceType": "Patient", "birthDate": "never" }))),
        ("DELETE", "Patient/q", None),
        ("GET", "Patient/q", None),
        ("GET", "Patient/q/_history", None),
        ("GET", "metadata", None),
        ("GET", "Patient?nope=1", None),
        ("POST", "Patient/$validate", Some(patient("r"))),
        ("POST", "Patient/$nothing", Some(patient("r"))),
        ("PATCH", "Patient/p", None),
        ("POST", "", Some(json!({ "resourceType": "Bundle", "type": "batch" }))),
    ];
    let all: Vec<Value> = entries
        .iter()
        .map(|(method, url, resource)| match resource {
            Some(resource) => json!({ "resource": resource, "request": { "method": method, "url": url } }),
            None => json!({ "request": { "method": method, "url": url } }),
        })
        .collect();
    // The last one's url would be empty, which R4 does not allow; a slash is the base URL too.
    let mut all = all;
    all[14]["request"]["url"] = "/".into();
    let answer = clinician.post("", &batch(&json!(all))).expect(200).json();
    assert_eq!(answer["type"], "batch-response");
    let statuses: Vec<&str> = answer["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["response"]["status"].as_str().unwrap().split(' ').next().unwrap())
        .collect();
    let expected = [
        "200", "404", "404", "201", "400", "422", "204", "410", "200", "200", "400", "200", "404", "400",
        "400",
    ];
    assert_eq!(statuses, expected, "{answer}");
    let entry = |at: usize| &answer["entry"][at];
    assert_eq!(entry(0)["resource"]["id"], "p");
    assert_eq!(entry(0)["response"]["etag"], "W/\"1\"");
    assert_eq!(entry(1)["response"]["status"], "404 Not Found");
    assert_eq!(entry(1)["response"]["outcome"]["issue"][0]["code"], "not-found");
    assert_eq!(entry(3)["response"]["location"], app.url("/fhir/Patient/q/_history/1"));
    assert_eq!(entry(5)["response"]["outcome"]["issue"][0]["expression"][0], "Patient.birthDate");
    assert_eq!(entry(7)["response"]["etag"], "W/\"2\"");
    assert_eq!(entry(9)["resource"]["resourceType"], "CapabilityStatement");
    assert_eq!(entry(11)["resource"]["resourceType"], "OperationOutcome");
}

#[test]
fn conditions_of_an_entry_are_those_of_a_request() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient("p"));
    let entries = json!([
        { "request": { "method": "GET", "url": "Patient/p", "ifNoneMatch": "W/\"1\"" } },
        { "request": { "method": "GET", "url": "Patient/p", "ifModifiedSince": "2026-03-01T12:00:00Z" } },
        { "request": { "method": "DELETE", "url": "Patient/p", "ifMatch": "W/\"3\"" } },
        { "request": { "method": "POST", "url": "Patient", "ifNoneExist": "_id=p" }, "resource": patient("x") },
    ]);
    let answer = clinician.post("", &batch(&entries)).expect(200).json();
    let status = |at: usize| answer["entry"][at]["response"]["status"].as_str().unwrap().to_owned();
    assert_eq!(
        [status(0), status(1), status(2), status(3)],
        ["304 Not Modified", "304 Not Modified", "412 Precondition Failed", "200 OK"]
    );
}

#[test]
fn each_entry_takes_its_own_scope() {
    let app = TestApp::new();
    app.clinician().store(&patient("p"));
    app.clinician().store(&patient("q"));
    let entries = json!([
        { "request": { "method": "GET", "url": "Patient/p" } },
        { "request": { "method": "GET", "url": "Patient/q" } },
        { "request": { "method": "DELETE", "url": "Patient/p" } },
    ]);
    let answer = app.patient("p").post("", &batch(&entries)).expect(200).json();
    let status = |at: usize| answer["entry"][at]["response"]["status"].as_str().unwrap().to_owned();
    assert_eq!([status(0), status(1), status(2)], ["200 OK", "404 Not Found", "403 Forbidden"]);
}
