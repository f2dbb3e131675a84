//! The identifiers by which operations find again what they have made are no client's to give.
//! <https://hl7.org/fhir/R4/datatypes.html#Identifier>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::programme::enrolled;
use crate::programme::parameters;

const SYSTEMS: [&str; 5] = ["care-plan-item", "review-task", "risk-task", "candidate-task", "consent-task"];

fn identifier(system: &str) -> Value {
    json!({ "system": format!("https://comfrey.health/fhir/NamingSystem/{system}"), "value": "default/p/eligible" })
}

fn task(id: Option<&str>, identifiers: &[Value]) -> Value {
    let mut task = json!({ "resourceType": "Task", "status": "completed", "intent": "order",
        "for": { "reference": "Patient/p" }, "identifier": identifiers });
    if let Some(id) = id {
        task["id"] = json!(id);
    }
    if identifiers.is_empty() {
        task.as_object_mut().unwrap().remove("identifier");
    }
    task
}

fn entry(method: &str, url: &str, resource: &Value) -> Value {
    json!({ "request": { "method": method, "url": url }, "resource": resource })
}

fn bundle(kind: &str, entries: &[Value]) -> Value {
    json!({ "resourceType": "Bundle", "type": kind, "entry": entries })
}

fn tasks(client: &Client) -> Vec<Value> {
    client.get("/Task?patient=Patient/p").expect(200).resources()
}

#[test]
fn no_client_gives_a_resource_an_identifier_of_ours_by_whichever_way() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "Patient", "id": "p" }));
    clinician.store(&task(Some("theirs"), &[]));
    let before = tasks(&clinician);
    for system in SYSTEMS {
        let own = task(None, &[json!({ "system": "urn:theirs", "value": "1" }), identifier(system)]);
        let refused = clinician.post("/Task", &own).expect_issue(422, "business-rule");
        let url = format!("https://comfrey.health/fhir/NamingSystem/{system}");
        assert_eq!(refused.expressions(), [format!("Task.identifier.where(system='{url}')")]);
        let says = if system == "consent-task" { "agreement" } else { "$palliative-" };
        assert!(refused.text().contains(says), "{}", refused.text());
        for id in ["theirs", "new"] {
            clinician.put(&format!("/Task/{id}"), &task(Some(id), &[identifier(system)])).expect(422);
        }
        clinician.put("/Task?identifier=urn:theirs|none", &own).expect(422);
        let patch = json!([{ "op": "add", "path": "/identifier", "value": [identifier(system)] }]);
        let patched =
            clinician.request("PATCH", "/Task/theirs").body("application/json-patch+json", patch.to_string());
        patched.send().expect(422);
        let entries = [entry("POST", "Task", &task(None, &[])), entry("POST", "Task", &own)];
        let refused = clinician.post("/", &bundle("transaction", &entries)).expect(422);
        assert!(
            refused.expressions()[0].starts_with("Bundle.entry[1].resource"),
            "{:?}",
            refused.expressions()
        );
        let batch = clinician.post("/", &bundle("batch", &[entry("POST", "Task", &own)])).expect(200).json();
        assert!(batch["entry"][0]["response"]["status"].as_str().unwrap().starts_with("422"), "{batch}");
        let other =
            json!({ "resourceType": "Basic", "code": { "text": "x" }, "identifier": [identifier(system)] });
        clinician.post("/Basic", &other).expect(422);
        let letter = json!({ "resourceType": "DocumentReference", "status": "current",
            "masterIdentifier": identifier(system), "content": [{ "attachment": { "url": "urn:x" } }] });
        clinician.post("/DocumentReference", &letter).expect(422);
    }
    assert_eq!(tasks(&clinician), before, "nothing was written");
    // an identifier of the client's own is nobody else's matter
    let own = json!({ "system": "urn:theirs", "value": "default/p/eligible" });
    clinician.post("/Task", &task(None, &[own])).expect(201);
    // nor is it told before it may be written at all
    app.stranger().post("/Task", &task(None, &[identifier("risk-task")])).expect(403);
}

#[test]
fn what_an_operation_made_is_changed_by_people_and_keeps_its_identifier_or_loses_it() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = enrolled(&clinician, "p");
    let apply = parameters(json!([{ "name": "mode", "valueCode": "apply" }]));
    clinician.post(&format!("/EpisodeOfCare/{episode}/$palliative-careplan"), &apply).expect(200);
    let goal = clinician.get("/Goal?patient=Patient/p").expect(200).resources().remove(0);
    let path = format!("/Goal/{}", goal["id"].as_str().unwrap());
    assert!(goal["identifier"][0]["system"].as_str().unwrap().ends_with("NamingSystem/care-plan-item"));
    let mut changed = goal.clone();
    changed["description"] = json!({ "text": "to see the garden" });
    clinician.put(&path, &changed).expect(200);
    let patch = json!([{ "op": "replace", "path": "/description/text", "value": "to sit in the garden" }]);
    clinician
        .request("PATCH", &path)
        .body("application/json-patch+json", patch.to_string())
        .send()
        .expect(200);
    let mut moved = changed.clone();
    moved["identifier"][0]["value"] = json!("another");
    clinician.put(&path, &moved).expect_issue(422, "business-rule");
    changed.as_object_mut().unwrap().remove("identifier");
    clinician.put(&path, &changed).expect(200);
    clinician.put(&path, &goal).expect_issue(422, "business-rule");
    clinician.delete(&path).expect(204);
}
