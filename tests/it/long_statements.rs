//! Work that goes on for too long on the embedded database is broken off, whatever was asked for, and answered with 503.
//! PostgreSQL ends statements itself. <https://hl7.org/fhir/R4/http.html#Status-Codes>

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;

/// So many that each walk of them is asked for the time: of 300 numbers in a row, some are where it is.
const MANY: usize = 300;

fn put(resource: &Value) -> Value {
    let url = format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
    json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
}

fn store(clinician: &Client, resources: impl Iterator<Item = Value>) {
    let entries: Vec<Value> = resources.map(|resource| put(&resource)).collect();
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
    clinician.post("", &bundle).expect(200);
}

#[test]
fn what_takes_too_long_is_broken_off_and_told_as_such() {
    let app = TestApp::with(|config| {
        config.database_url = "sqlite::memory:".into();
        config.longest_statement = Duration::ZERO;
    });
    let clinician = app.clinician();
    let patient =
        |at: usize| json!({ "resourceType": "Patient", "id": format!("p{at}"), "birthDate": "1950-01-01" });
    store(&clinician, (0..MANY).map(patient));
    let weight = |at: usize| {
        json!({ "resourceType": "Observation", "id": format!("o{at}"), "status": "final",
            "code": { "text": "weight" }, "subject": { "reference": "Patient/p1" } })
    };
    store(&clinician, (0..MANY).map(weight));
    let flag = |at: usize| {
        json!({ "resourceType": "Flag", "id": "f", "status": "active", "code": { "text": format!("{at}") },
            "subject": { "reference": "Patient/p1" } })
    };
    (0..MANY).for_each(|at| _ = clinician.store(&flag(at)));
    for path in [
        "/Patient?birthdate=gt1900-01-01&_count=0",
        "/Patient?birthdate=gt1900-01-01&_count=1000",
        "/Patient/p1/Observation?_count=1000",
        "/Flag/f/_history?_count=500",
        "/Patient/_history?_count=500",
        "/_history?_count=1000",
        "/Patient/p1/$everything",
        "/Patient/p1/$everything?_type=Practitioner",
        "/$palliative-identify?program=HealthcareService/default",
    ] {
        let reply = clinician.get(path).expect_issue(503, "timeout");
        assert!(reply.header("retry-after").is_some(), "{path}");
        let text = reply.json()["issue"][0]["details"]["text"].as_str().unwrap().to_owned();
        assert!(text.contains("longer than it may") && text.contains("Ask for less"), "{path}: {text}");
    }
    // What is found by its number goes on, and so does what is written.
    clinician.get("/Patient/p1").expect(200);
    clinician.put("/Patient/p1", &patient(1)).expect(200);
    clinician.get("/Patient/p1/_history/1").expect(200);
    // Others are not told by it what there is.
    app.stranger().get("/Patient?birthdate=gt1900-01-01").expect(403);
    app.patient("p2").get("/Patient/p1/$everything").expect(404);
}
