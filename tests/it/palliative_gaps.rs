//! `$palliative-gaps` over HTTP. The rules themselves are tested where they stand.

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;

const PATH: &str = "/Patient/p/$palliative-gaps";
const READ: [&str; 10] = [
    "CarePlan",
    "CareTeam",
    "Encounter",
    "EpisodeOfCare",
    "Goal",
    "MedicationRequest",
    "Observation",
    "Patient",
    "RelatedPerson",
    "ServiceRequest",
];

/// A patient who was referred on 10 February 2026, and the id of the episode.
fn referred(clinician: &Client) -> String {
    clinician.store(&json!({ "resourceType": "Practitioner", "id": "doctor" }));
    clinician.store(&json!({ "resourceType": "Patient", "id": "p", "birthDate": "1953-06-01" }));
    let given = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "program", "valueReference": { "reference": "HealthcareService/default" } },
        { "name": "requester", "valueReference": { "reference": "Practitioner/doctor" } },
        { "name": "source", "valueCode": "clinician" },
        { "name": "receivedDate", "valueDate": "2026-02-10" }] });
    let reply = clinician.post("/Patient/p/$palliative-refer", &given).expect(201).json();
    let parameters = reply["parameter"].as_array().unwrap();
    let episode = parameters.iter().find(|one| one["name"] == "episode").unwrap();
    episode["resource"]["id"].as_str().unwrap().to_owned()
}

/// Code, status and due date of each gap.
fn gaps(reply: &Reply) -> Vec<(String, String, String)> {
    let body = reply.json();
    let parts = body["parameter"].as_array().cloned().unwrap_or_default();
    let text = |gap: &Value, name: &str, element: &str| {
        let found = gap["part"].as_array().unwrap().iter().find(|part| part["name"] == name).cloned();
        found.and_then(|part| part[element].as_str().map(str::to_owned)).unwrap_or_default()
    };
    let gap = |gap: &Value| {
        (text(gap, "code", "valueCode"), text(gap, "status", "valueCode"), text(gap, "dueDate", "valueDate"))
    };
    parts.iter().filter(|one| one["name"] == "gap").map(gap).collect()
}

fn first_visit(status: &str, due: &str) -> Vec<(String, String, String)> {
    vec![("first-visit-overdue".to_owned(), status.to_owned(), due.to_owned())]
}

#[test]
fn the_first_contact_is_due_by_the_tier_that_stratification_put_on_the_episode() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = referred(&clinician);
    assert_eq!(
        gaps(&clinician.get(PATH).expect(200)),
        first_visit("open-gap", "2026-02-17"),
        "as for tier 3"
    );
    let record =
        json!({ "resourceType": "Parameters", "parameter": [{ "name": "record", "valueBoolean": true }] });
    clinician.post("/Patient/p/$palliative-stratify", &record).expect(200);
    let reply = clinician.get(PATH).expect(200);
    let told = reply.json();
    let one = |name: &str| {
        told["parameter"].as_array().unwrap().iter().find(|one| one["name"] == name).cloned().unwrap()
    };
    assert_eq!(one("tier")["valueCode"], "tier-1");
    assert_eq!(one("episode")["valueReference"]["reference"], format!("EpisodeOfCare/{episode}"));
    assert!(gaps(&reply).is_empty(), "tier 1 gives 30 days");
    let all = clinician
        .get(&format!("{PATH}?status=open-gap&status=prospective-gap&status=closed-gap"))
        .expect(200);
    assert_eq!(gaps(&all), first_visit("prospective-gap", "2026-03-12"));
    clinician.store(&json!({ "resourceType": "Encounter", "id": "v", "status": "finished",
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH" },
        "subject": { "reference": "Patient/p" }, "serviceProvider": { "reference": "Organization/default" },
        "period": { "start": "2026-02-28", "end": "2026-02-28" } }));
    let closed = clinician.get(&format!("{PATH}?status=closed-gap")).expect(200);
    assert_eq!(gaps(&closed), first_visit("closed-gap", "2026-03-12"));
    assert!(closed.text().contains("Encounter/v"));
    let before = clinician.get(&format!("{PATH}?asOf=2026-02-27")).expect(200);
    assert_eq!(
        gaps(&before),
        first_visit("open-gap", "2026-02-17"),
        "before there was a tier, as for tier 3"
    );
    let by_post = clinician.post(PATH, &json!({ "resourceType": "Parameters" })).expect(200);
    assert_eq!(by_post.text(), clinician.get(PATH).expect(200).text());
}

#[test]
fn what_is_not_there_or_not_understood_is_refused() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let code = |reply: &Reply| reply.json()["issue"][0]["details"]["coding"][0]["code"].clone();
    clinician.store(&json!({ "resourceType": "Patient", "id": "p" }));
    assert_eq!(code(&clinician.get(PATH).expect_issue(404, "not-found")), "episode-not-found");
    referred(&clinician);
    clinician.get("/Patient/q/$palliative-gaps").expect_issue(404, "not-found");
    let program = |to: &str| clinician.get(&format!("{PATH}?program=HealthcareService/{to}"));
    assert_eq!(code(&program("none").expect_issue(404, "not-found")), "program-not-found");
    clinician.store(&json!({ "resourceType": "HealthcareService", "id": "other" }));
    assert_eq!(code(&program("other").expect_issue(404, "not-found")), "episode-not-found");
    assert_eq!(gaps(&program("default").expect(200)).len(), 1);
    clinician.get(&format!("{PATH}?status=late")).expect(400);
    clinician.get(&format!("{PATH}?measure=x")).expect_issue(422, "invalid");
    let future = clinician.get(&format!("{PATH}?asOf=2026-03-02")).expect_issue(422, "business-rule");
    assert_eq!(code(&future), "date-range");
}

#[test]
fn only_those_who_may_read_all_of_it_are_told() {
    let app = TestApp::new();
    referred(&app.clinician());
    app.anonymous().get(PATH).expect(401);
    app.stranger().get(PATH).expect(403);
    let without = |left_out: &str| {
        let scopes = READ.iter().filter(|ty| **ty != left_out).map(|ty| format!("system/{ty}.rs"));
        app.with_scope(&scopes.collect::<Vec<_>>().join(" ")).get(PATH)
    };
    for ty in READ {
        without(ty).expect_issue(403, "forbidden");
    }
    assert_eq!(gaps(&without("").expect(200)).len(), 1);
    app.patient("q").get(PATH).expect(404);
    assert_eq!(gaps(&app.patient("p").get(PATH).expect(200)).len(), 1);
}
