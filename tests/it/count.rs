//! How many there are, without what they are. <https://hl7.org/fhir/R4/search.html#count>

use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;

fn count(client: &Client, search: &str) -> u64 {
    let bundle = client.get(search).expect(200).json();
    assert!(bundle.get("entry").is_none(), "{search}: {bundle}");
    bundle["total"].as_u64().unwrap_or_else(|| panic!("{search}: {bundle}"))
}

#[test]
fn the_count_of_a_type_follows_every_write() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let ours = count(&clinician, "/Organization?_summary=count");
    let all = || count(&clinician, "/Organization?_summary=count") - ours;
    let organization = |id: &str| json!({ "resourceType": "Organization", "id": id, "name": id });
    for id in ["a", "b", "c"] {
        clinician.store(&organization(id));
    }
    assert_eq!(all(), 3);
    clinician.put("/Organization/a", &organization("a")).expect(200);
    assert_eq!(all(), 3, "an update adds none");
    clinician.delete("/Organization/a").expect(204);
    clinician.delete("/Organization/a").expect(204);
    assert_eq!(all(), 2, "a deletion counts once");
    clinician.put("/Organization/a", &organization("a"));
    assert_eq!(all(), 3, "one that is brought back counts again");
    assert_eq!(count(&clinician, "/Organization?_count=0"), 3 + ours);

    let entry = |method: &str, id: &str| {
        let mut entry = json!({ "request": { "method": method, "url": format!("Organization/{id}") } });
        if method == "PUT" {
            entry["resource"] = organization(id);
        }
        entry
    };
    let transaction = |entries: Vec<serde_json::Value>| {
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
        clinician.post("/", &bundle)
    };
    transaction(vec![entry("PUT", "d"), entry("PUT", "e"), entry("DELETE", "a"), entry("PUT", "b")])
        .expect(200);
    assert_eq!(all(), 4);
    let mut wrong = entry("PUT", "f");
    wrong["resource"]["active"] = "perhaps".into();
    assert!(transaction(vec![entry("PUT", "g"), wrong]).status >= 400);
    assert_eq!(all(), 4, "a transaction that is refused counts nothing");
}

#[test]
fn a_caller_who_sees_a_part_counts_that_part() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for id in ["a", "b", "c"] {
        clinician.store(&json!({ "resourceType": "Patient", "id": id }));
        let subject = json!({ "reference": format!("Patient/{id}") });
        clinician.store(&json!({ "resourceType": "Goal", "id": id, "lifecycleStatus": "active",
            "description": { "text": "Rest" }, "subject": subject }));
    }
    let goals = "/Goal?_summary=count";
    assert_eq!(count(&clinician, goals), 3);
    assert_eq!(count(&app.patient("a"), goals), 1);
    app.stranger().get(goals).expect(403);
    app.anonymous().get(goals).expect(401);
    let of_one = app.with_scope("user/Patient.rs");
    of_one.get(goals).expect(403);
    assert_eq!(count(&of_one, "/Patient?_summary=count"), 3);
}
