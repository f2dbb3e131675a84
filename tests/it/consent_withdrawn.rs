//! An agreement that is withdrawn while an enrolment rests on it leaves a task, by whatever way it is withdrawn, and ends
//! nothing by itself. <https://hl7.org/fhir/R4/consent.html>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;
use crate::lifecycle_actors::own;
use crate::programme::act;
use crate::programme::agreed;
use crate::programme::agreement;
use crate::programme::because;
use crate::programme::consented;
use crate::programme::enrolled;
use crate::programme::person;
use crate::programme::refer;
use crate::programme::state;

const CONSENT: &str = "/Consent/p-consent";

fn tasks(client: &Client) -> Vec<Value> {
    let code = "https%3A//comfrey.health/fhir/CodeSystem/palliative-task%7Cconsent-withdrawn";
    client.get(&format!("/Task?patient=Patient/p&code={code}")).expect(200).resources()
}

fn withdrawn() -> Value {
    let mut consent = agreement("p");
    consent["status"] = json!("inactive");
    consent
}

fn patch(client: &Client, body: &Value) -> Reply {
    client.request("PATCH", CONSENT).body("application/json-patch+json", body.to_string()).send()
}

#[test]
fn t26_a_withdrawal_leaves_one_urgent_task_to_the_programme_and_ends_nothing() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = enrolled(&clinician, "p");
    let reply = clinician.put(CONSENT, &withdrawn()).expect(200);
    assert_eq!(reply.json()["resourceType"], "Consent");
    let found = tasks(&clinician);
    assert_eq!(found.len(), 1);
    let (task, stored) = (&found[0], clinician.get(&format!("/EpisodeOfCare/{episode}")).expect(200).json());
    assert_eq!(task["focus"]["reference"], format!("EpisodeOfCare/{episode}"));
    assert_eq!(
        (&task["for"], &task["owner"]),
        (&json!({ "reference": "Patient/p" }), &stored["managingOrganization"])
    );
    assert_eq!((&task["status"], &task["priority"]), (&json!("requested"), &json!("urgent")));
    assert_eq!(task["reasonReference"]["reference"], "Consent/p-consent");
    clinician.post("/Task/$validate", task).expect(200);
    assert_eq!((state(&stored), &stored["status"]), ("enrolled".to_owned(), &json!("active")));
    // said again, in other words, it is the same
    let mut again = withdrawn();
    again["status"] = json!("entered-in-error");
    clinician.put(CONSENT, &again).expect(200);
    clinician.delete(CONSENT).expect(204);
    assert_eq!(tasks(&clinician).len(), 1);
}

/// A request that withdraws the agreement.
type Way<'a> = Box<dyn Fn(&Client) -> Reply + 'a>;

#[test]
fn every_way_of_withdrawing_counts_and_none_else() {
    let denial = json!([{ "op": "add", "path": "/provision", "value": { "type": "deny" } }]);
    let ended = json!([{ "op": "replace", "path": "/status", "value": "rejected" }]);
    let entry =
        json!({ "resource": withdrawn(), "request": { "method": "PUT", "url": "Consent/p-consent" } });
    let bundle = |kind: &str| json!({ "resourceType": "Bundle", "type": kind, "entry": [entry.clone()] });
    let ways: [(&str, Way<'_>); 6] = [
        ("a patch that denies", Box::new(|client| patch(client, &denial).expect(200))),
        ("a patch of the status", Box::new(|client| patch(client, &ended).expect(200))),
        ("a deletion", Box::new(|client| client.delete(CONSENT).expect(204))),
        (
            "a conditional update",
            Box::new(|client| client.put("/Consent?_id=p-consent", &withdrawn()).expect(200)),
        ),
        ("a transaction", Box::new(|client| client.post("/", &bundle("transaction")).expect(200))),
        ("a batch", Box::new(|client| client.post("/", &bundle("batch")).expect(200))),
    ];
    let app = TestApp::new();
    for (name, way) in ways {
        let app = TestApp::new();
        let clinician = app.clinician();
        consented(&clinician, "p");
        way(&clinician);
        assert_eq!(tasks(&clinician).len(), 1, "{name}");
    }
    let clinician = app.clinician();
    consented(&clinician, "p");
    let mut noted = agreement("p");
    noted["organization"] = json!([{ "display": "The plan" }]);
    clinician.put(CONSENT, &noted).expect(200);
    clinician.store(&json!({ "resourceType": "Consent", "id": "privacy", "status": "inactive",
        "scope": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy" }] },
        "category": [{ "text": "Sharing" }], "policy": [{ "uri": "https://example.org/sharing" }],
        "patient": { "reference": "Patient/p" } }));
    assert_eq!(tasks(&clinician).len(), 0, "another consent, and another word in this one, withdraw nothing");
}

#[test]
fn t30_an_agreement_on_which_no_open_episode_rests_is_withdrawn_quietly() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let episode = refer(&clinician, "p");
    clinician.put(CONSENT, &withdrawn()).expect(200);
    assert_eq!(tasks(&clinician).len(), 0, "nobody has agreed by it yet");
    act(&clinician, &episode, "screen", json!([])).expect(200);
    act(&clinician, &episode, "determine", json!([])).expect(200);
    act(&clinician, &episode, "consent", agreed("p")).expect_issue(422, "business-rule");
    clinician.put(CONSENT, &agreement("p")).expect(200);
    act(&clinician, &episode, "consent", agreed("p")).expect(200);
    let ending = crate::lifecycle_actors::because("patient-request");
    act(&clinician, &episode, "discharge", ending).expect(200);
    clinician.put(CONSENT, &withdrawn()).expect(200);
    assert_eq!(tasks(&clinician).len(), 0, "the episode has ended");
}

#[test]
fn the_patient_withdraws_without_a_right_to_tasks_and_is_not_shown_one() {
    let app = TestApp::new();
    let clinician = app.clinician();
    enrolled(&clinician, "p");
    let patient = own(&app, "p", "patient/Consent.ru");
    let reply = patient.put(CONSENT, &withdrawn()).expect(200);
    assert_eq!(reply.json()["resourceType"], "Consent");
    assert_eq!(tasks(&clinician).len(), 1);
    let entry =
        json!({ "resource": agreement("p"), "request": { "method": "PUT", "url": "Consent/p-consent" } });
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry] });
    clinician.put(CONSENT, &agreement("p")).expect(200);
    let answer = patient.post("/", &bundle).expect(200).json();
    assert_eq!(answer["entry"].as_array().unwrap().len(), 1);
    // nobody else withdraws for them
    for (caller, status, code) in [(app.anonymous(), 401, "login"), (app.stranger(), 403, "forbidden")] {
        caller.put(CONSENT, &withdrawn()).expect_issue(status, code);
    }
    own(&app, "q", "patient/Consent.ru").put(CONSENT, &withdrawn()).expect_issue(403, "forbidden");
    assert_eq!(tasks(&clinician).len(), 1);
}

#[test]
fn what_was_done_about_and_is_withdrawn_again_is_asked_for_again() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = enrolled(&clinician, "p");
    clinician.put(CONSENT, &withdrawn()).expect(200);
    let mut task = tasks(&clinician).remove(0);
    task["status"] = json!("completed");
    clinician.put(&format!("/Task/{}", task["id"].as_str().unwrap()), &task).expect(200);
    let mut noted = withdrawn();
    noted["organization"] = json!([{ "display": "The plan" }]);
    clinician.put(CONSENT, &noted).expect(200);
    assert_eq!(tasks(&clinician).len(), 1, "nothing new was said");
    clinician.put(CONSENT, &agreement("p")).expect(200);
    clinician.put(CONSENT, &withdrawn()).expect(200);
    assert_eq!(tasks(&clinician).len(), 2);
    // the end of the enrolment calls off what is still to be done about it
    let ending = crate::lifecycle_actors::because("patient-request");
    act(&clinician, &episode, "discharge", ending).expect(200);
    let statuses: Vec<Value> = tasks(&clinician).iter().map(|task| task["status"].clone()).collect();
    assert!(statuses.contains(&json!("completed")) && statuses.contains(&json!("cancelled")), "{statuses:?}");
}

#[test]
fn of_sixteen_withdrawals_at_once_one_task_is_left() {
    let app = TestApp::new();
    enrolled(&app.clinician(), "p");
    let callers: Vec<_> = (0..16).map(|_| app.clinician()).collect();
    std::thread::scope(|scope| {
        for caller in &callers {
            scope.spawn(|| caller.put(CONSENT, &withdrawn()).expect(200));
        }
    });
    assert_eq!(tasks(&app.clinician()).len(), 1);
}

/// Whichever comes first: an agreement that does not hold enrols nobody, or the task says that it does not any more.
#[test]
fn a_withdrawal_and_the_decision_that_rests_on_the_agreement_see_one_another() {
    for _ in 0..8 {
        let app = TestApp::new();
        let clinician = app.clinician();
        person(&clinician, "p");
        let episode = refer(&clinician, "p");
        act(&clinician, &episode, "screen", json!([])).expect(200);
        act(&clinician, &episode, "determine", json!([])).expect(200);
        let other = app.clinician();
        std::thread::scope(|scope| {
            scope.spawn(|| other.put(CONSENT, &withdrawn()).expect(200));
            scope.spawn(|| act(&clinician, &episode, "consent", agreed("p")));
        });
        let stored = clinician.get(&format!("/EpisodeOfCare/{episode}")).expect(200).json();
        let rests = usize::from(state(&stored) == "consented");
        assert_eq!(tasks(&clinician).len(), rests, "{}", state(&stored));
    }
}

#[test]
fn nobody_stores_copies_of_the_task_and_the_agreement_is_withdrawn() {
    let app = TestApp::new();
    let clinician = app.clinician();
    enrolled(&clinician, "p");
    clinician.put(CONSENT, &withdrawn()).expect(200);
    let mut copy = tasks(&clinician).remove(0);
    copy.as_object_mut().unwrap().remove("id");
    let entry = json!({ "resource": copy, "request": { "method": "POST", "url": "Task" } });
    let copies: Vec<Value> = (0..3).map(|_| entry.clone()).collect();
    clinician
        .post("/", &json!({ "resourceType": "Bundle", "type": "transaction", "entry": copies }))
        .expect_issue(422, "business-rule");
    clinician.put(CONSENT, &agreement("p")).expect(200);
    clinician.put(CONSENT, &withdrawn()).expect(200);
    let open = clinician.get("/Task?patient=Patient/p&status=requested&_summary=count").expect(200).json();
    assert_eq!(open["total"], 1);
}

/// On which agreement an episode rests is the operations' to say; so nobody learns of another person's by naming it.
#[test]
fn of_another_persons_agreement_an_episode_learns_nothing() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = enrolled(&clinician, "p");
    person(&clinician, "q");
    let path = format!("/EpisodeOfCare/{episode}");
    let stored = clinician.get(&path).expect(200).json();
    let name = |consent: &str| {
        let mut named = stored.clone();
        let extensions = named["extension"].as_array_mut().unwrap().iter_mut();
        for extension in extensions.filter(|own| own["url"].as_str().unwrap().ends_with("consent")) {
            extension["valueReference"]["reference"] = json!(format!("Consent/{consent}"));
        }
        clinician.put(&path, &named)
    };
    let mut ended = agreement("q");
    ended["status"] = json!("inactive");
    let answers = [agreement("q"), ended.clone(), agreement("q")].map(|consent| {
        clinician.put("/Consent/q-consent", &consent).expect(200);
        name("q-consent").expect_issue(422, "business-rule").text()
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(name("none").expect(422).text(), answers[0], "whether there is one is not told");
    clinician.put("/Consent/q-consent", &ended).expect(200);
    assert_eq!(tasks(&clinician).len(), 0);
    // What rests on one that was withdrawn since may be changed otherwise.
    clinician.put(CONSENT, &withdrawn()).expect(200);
    name("p-consent").expect(200);
}

#[test]
fn an_ending_that_is_undone_leaves_the_withdrawal_to_be_spoken_of_again() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = enrolled(&clinician, "p");
    let open = || tasks(&clinician).into_iter().filter(|task| task["status"] == "requested").count();
    let director = json!({ "sub": "d", "scope": "user/*.cruds", "roles": ["program-director"] });
    let director = app.with_claims(director);
    let end = || act(&clinician, &episode, "discharge", because("patient-request")).expect(200);
    let undo = || act(&director, &episode, "undo", because("recorded-in-error")).expect(200);
    end();
    clinician.put(CONSENT, &withdrawn()).expect(200);
    assert_eq!(open(), 0, "nothing open rests on it");
    undo();
    assert_eq!(open(), 1);
    end();
    assert_eq!(open(), 0, "the ending has settled it");
    undo();
    assert_eq!(open(), 1, "the same task is open again");
    assert_eq!(tasks(&clinician).len(), 1, "and no second one");
}
