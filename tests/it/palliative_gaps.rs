//! `$palliative-gaps` over HTTP. The rules themselves are tested where they stand.

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;
use crate::programme::enrolled;

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

/// Asks for the tasks of reviews; the references of those that there are now.
fn asked(client: &Client, further: Value) -> Reply {
    let mut given = vec![json!({ "name": "createTasks", "valueBoolean": true })];
    given.extend(further.as_array().unwrap().clone());
    client.post(PATH, &json!({ "resourceType": "Parameters", "parameter": given }))
}

#[test]
fn a_review_is_asked_for_once_for_its_day_and_only_by_those_who_may() {
    let app = TestApp::new();
    let clinician = app.clinician();
    referred(&clinician);
    let none = asked(&clinician, json!([])).expect(200);
    assert!(!none.text().contains("Task/"), "one of 72 has no such review");
    clinician.get(&format!("{PATH}?createTasks=true")).expect(405);
    asked(&clinician, json!([{ "name": "asOf", "valueDate": "2026-02-20" }]))
        .expect_issue(422, "business-rule");
    asked(&app.anonymous(), json!([])).expect(401);
    asked(&app.stranger(), json!([])).expect(403);
    asked(&app.patient("q"), json!([])).expect(404);
    let own = app.with_claims(json!({ "sub": "user-of-p", "scope": "launch/patient patient/*.cruds",
        "patient": "p", "fhirUser": "Patient/p" }));
    asked(&own, json!([])).expect_issue(403, "forbidden");
    // An urgent task that nobody has done is told of to those who may read it, and escalated once.
    clinician.store(&json!({ "resourceType": "Task", "id": "check", "status": "requested", "intent": "order",
        "priority": "urgent", "for": { "reference": "Patient/p" }, "authoredOn": "2026-02-20T10:00:00-08:00",
        "code": { "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/palliative-task", "code": "safety-check" }] } }));
    let told = |client: &Client| {
        gaps(&client.get(PATH).expect(200)).iter().any(|gap| gap.0 == "urgent-task-overdue")
    };
    let scopes = READ.map(|ty| format!("system/{ty}.rs")).join(" ");
    assert!(told(&clinician) && told(&app.with_scope(&format!("{scopes} system/Task.rs"))));
    assert!(!told(&app.with_scope(&scopes)) && !told(&app.patient("p")));
    for _ in 0..2 {
        asked(&clinician, json!([])).expect(200);
        let escalated = clinician.get("/Task?patient=Patient/p&code=escalation").expect(200).resources();
        assert_eq!(escalated.len(), 1);
        assert_eq!(escalated[0]["partOf"][0]["reference"], "Task/check");
    }
}

#[test]
fn t28_a_task_asks_for_the_review_of_one_who_comes_of_age_and_what_was_done_is_not_asked_for_again() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = enrolled(&clinician, "p");
    let mut patient = clinician.get("/Patient/p").expect(200).json();
    patient["birthDate"] = "2008-05-20".into();
    clinician.put("/Patient/p", &patient).expect(200);
    let first = asked(&clinician, json!([{ "name": "status", "valueCode": "prospective-gap" }])).expect(200);
    assert!(gaps(&first).contains(&(
        "proxy-review-overdue".into(),
        "prospective-gap".into(),
        "2026-05-20".into()
    )));
    let tasks = || {
        let found = clinician.get("/Task?patient=Patient/p").expect(200).resources();
        let of = |task: &Value| task["code"]["coding"][0]["code"] == "proxy-review";
        found.into_iter().filter(of).collect::<Vec<_>>()
    };
    let mut task = tasks().remove(0);
    assert_eq!(task["focus"]["reference"], format!("EpisodeOfCare/{episode}"));
    assert_eq!(task["restriction"]["period"]["end"], "2026-05-20");
    asked(&clinician, json!([])).expect(200);
    assert_eq!(tasks().len(), 1, "once");
    task["status"] = "completed".into();
    task["lastModified"] = "2026-03-01T13:00:00Z".into();
    clinician.put(&format!("/Task/{}", task["id"].as_str().unwrap()), &task).expect(200);
    app.clock().set(1_772_366_400_000_000 + 86_400_000_000);
    let again = asked(&clinician, json!([{ "name": "status", "valueCode": "closed-gap" }])).expect(200);
    assert!(gaps(&again).contains(&(
        "proxy-review-overdue".into(),
        "closed-gap".into(),
        "2026-05-20".into()
    )));
    assert_eq!(tasks().len(), 1, "not the day after it was done");
    // who may not read what closed it is not told of that, nor of its day
    let closed = |client: Client| {
        let reply = client.get(&format!("{PATH}?status=closed-gap")).expect(200);
        assert!(gaps(&reply).iter().any(|gap| gap.0 == "proxy-review-overdue"), "{}", reply.text());
        (reply.text().contains("Task/"), reply.text().contains("Last: 2026-03-01"))
    };
    let scopes = READ.map(|ty| format!("system/{ty}.rs")).join(" ");
    assert_eq!(closed(app.clinician()), (true, true));
    assert_eq!(closed(app.with_scope(&format!("{scopes} system/Task.rs"))), (true, true));
    assert_eq!(closed(app.with_scope(&scopes)), (false, false));
    assert_eq!(closed(app.patient("p")), (false, false), "a patient's own scopes do not reach a Task");
    let without = app.with_scope(&READ.map(|ty| format!("system/{ty}.rs")).join(" "));
    patient["birthDate"] = "2005-05-20".into();
    clinician.put("/Patient/p", &patient).expect(200);
    asked(&without, json!([])).expect_issue(403, "forbidden");
    assert_eq!(
        clinician.get("/Task?patient=Patient/p&code=concurrent-care-review").expect(200).ids().len(),
        0
    );
}
