//! `$palliative-identify` as an entry of a transaction: it sees what the transaction wrote, more people than one thread
//! evaluates among them, and the writer is free afterwards. <https://hl7.org/fhir/R4/http.html#trules>

use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;

/// More than one thread takes by itself.
const PEOPLE: usize = 40;

fn put(resource: &Value) -> Value {
    let url = format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
    json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
}

#[test]
fn people_who_are_due_within_a_transaction_are_evaluated_in_it_and_nobody_waits_for_ever() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let path = "$palliative-identify?program=HealthcareService/default&outcomes=not-eligible";
    let mut entries: Vec<Value> = (0..PEOPLE)
        .map(|at| {
            put(&json!({ "resourceType": "Patient", "id": format!("p{at}"), "birthDate": "1950-01-01" }))
        })
        .collect();
    entries.push(json!({ "request": { "method": "GET", "url": path } }));
    let mut refused = entries.clone();
    refused.push(json!({ "request": { "method": "GET", "url": "Patient/none" } }));
    let bundle =
        |entries: &[Value]| json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
    let (done, ended) = mpsc::channel();
    let (sender, both) = (clinician.clone(), [bundle(&refused), bundle(&entries)]);
    std::thread::spawn(move || {
        let replies = both.map(|bundle| sender.post("/", &bundle));
        assert!(done.send(Box::new(replies)).is_ok(), "somebody waits");
    });
    let [none, all] = *ended.recv_timeout(Duration::from_secs(300)).expect("the writer is not stuck");
    none.expect_issue(404, "not-found");
    let answer = all.expect(200).json();
    let found = answer["entry"][PEOPLE]["resource"].clone();
    assert_eq!(found["resourceType"], "Parameters", "{answer}");
    let counted = |body: &Value| -> Value {
        let parts = body["parameter"].as_array().unwrap();
        parts.iter().find(|part| part["name"] == "summary").unwrap().clone()
    };
    let after = clinician.get(&format!("/{path}")).expect(200).json();
    assert_eq!(counted(&found), counted(&after), "what was read within it is what is there after it");
    assert!(counted(&after).to_string().contains(&PEOPLE.to_string()), "{after}");
}
