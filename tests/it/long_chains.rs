//! A chain that comes back to the same people, in a record so dense that its list has no end in sight, is refused before
//! it is made. <https://hl7.org/fhir/R4/search.html#chaining>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;

/// How many people there are, each linked to the next two, the last to the first.
const PEOPLE: usize = 1_900;

/// How many links the chain goes along: all people at each are more than a list may have.
const STEPS: usize = 16;

fn ring() -> Vec<Value> {
    let link = |at: usize| json!({ "type": "seealso", "other": { "reference": format!("Patient/p{}", at % PEOPLE) } });
    let one = |at: usize| {
        let resource = json!({ "resourceType": "Patient", "id": format!("p{at}"), "link": [link(at + 1), link(at + 2)],
            "name": [{ "family": "Ring", "given": [format!("G{at}")] }] });
        json!({ "resource": resource, "request": { "method": "PUT", "url": format!("Patient/p{at}") } })
    };
    (0..PEOPLE).map(one).collect()
}

#[test]
fn a_chain_through_more_than_a_list_may_have_is_refused_with_what_to_do() {
    let app = TestApp::new();
    let client = app.with_scope("system/*.cruds");
    for entries in ring().chunks(300) {
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
        client.post("", &bundle).expect(200);
    }
    let chain = "link:Patient.".repeat(STEPS);
    // From everybody on, however it is asked.
    let dense = [
        format!("/Patient?{chain}family=ring"),
        format!("/Patient?{chain}family=ring&_summary=count"),
        format!("/Patient?{chain}family=ring&given=g7&_sort=birthdate"),
        format!("/Patient?_filter=not%20({chain}family%20eq%20ring)"),
    ];
    for search in &dense {
        let refused = client.get(search);
        assert_eq!(refused.status, 422, "{search} {}", refused.text());
        let issue = &refused.json()["issue"][0];
        assert_eq!(issue["code"], "too-costly", "{issue}");
        assert!(issue["details"]["text"].as_str().unwrap().contains("ask in two searches"), "{issue}");
    }
    let by_chain = client.delete(&format!("/Patient?{chain}family=ring"));
    assert_eq!((by_chain.status, by_chain.json()["issue"][0]["code"].as_str()), (422, Some("too-costly")));
    // From one person on there are few at each step.
    let few = client.get(&format!("/Patient?{chain}given=g400&_total=accurate&_count=5")).expect(200).json();
    assert_eq!(few["total"], STEPS + 1);
    // Who sees but their own record is led nowhere, and told nothing of how many others there are.
    let own = app.patient("p3").get(&format!("/Patient?{chain}family=ring")).expect(200);
    assert_eq!(own.ids(), [""; 0]);
    within_a_write(&client);
}

/// Another entry makes the chain of a condition long, after it was asked: it is counted again where the write is made.
fn within_a_write(client: &Client) {
    let others = (0..PEOPLE)
        .map(|at| json!({ "type": "seealso", "other": { "reference": format!("Patient/p{at}") } }));
    let hub = json!({ "resourceType": "Patient", "id": "hub", "name": [{ "family": "Hub" }], "link": Vec::from_iter(others) });
    let back = "_has:Patient:link:".repeat(STEPS);
    let entries = json!([
        { "resource": { "resourceType": "Patient", "name": [{ "family": "New" }] },
          "request": { "method": "POST", "url": "Patient", "ifNoneExist": format!("{back}family=hub") } },
        { "resource": hub, "request": { "method": "PUT", "url": "Patient/hub" } }
    ]);
    let refused =
        client.post("", &json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries }));
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert_eq!(refused.json()["issue"][0]["code"], "too-costly");
    assert_eq!(client.get("/Patient/hub").status, 404);
}
