//! An episode has one palliative care plan, whoever makes it: the operation goes on with the one that there is, and
//! nobody makes a second by plain requests. <https://hl7.org/fhir/R4/careplan.html>

use comfrey::app::upkeep::Step;
use comfrey::app::upkeep::check;
use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;
use crate::programme::enrolled;
use crate::programme::parameters;
use crate::programme::part;
use crate::programme::parts;

fn apply(client: &Client, episode: &str) -> Reply {
    let mode = parameters(json!([{ "name": "mode", "valueCode": "apply" }]));
    client.post(&format!("/EpisodeOfCare/{episode}/$palliative-careplan"), &mode)
}

/// A plan as a person makes it for an episode.
fn by_hand(id: &str, episode: &str) -> Value {
    json!({ "resourceType": "CarePlan", "id": id, "status": "active", "intent": "plan",
        "title": "What we agreed at the kitchen table",
        "category": [{ "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/palliative-careplan-category",
            "code": "palliative" }] }],
        "extension": [{ "url": "https://comfrey.health/fhir/StructureDefinition/palliative-episode",
            "valueReference": { "reference": format!("EpisodeOfCare/{episode}") } }],
        "subject": { "reference": "Patient/p" } })
}

fn refused(reply: Reply) {
    let reply = reply.expect_issue(409, "conflict");
    let coding = reply.json()["issue"][0]["details"]["coding"][0]["code"].clone();
    assert_eq!((coding, reply.expressions()), (json!("plan-exists"), vec!["CarePlan.status".to_owned()]));
}

fn bundle(kind: &str, entries: &[(&str, String, Value)]) -> Value {
    let entries: Vec<Value> = entries
        .iter()
        .map(|(method, url, resource)| json!({ "request": { "method": method, "url": url }, "resource": resource }))
        .collect();
    json!({ "resourceType": "Bundle", "type": kind, "entry": entries })
}

fn plans(client: &Client) -> Vec<Value> {
    client.get("/CarePlan?patient=Patient/p").expect(200).resources()
}

#[test]
fn a_second_plan_is_refused_by_every_way_of_writing_and_leaves_nothing() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = enrolled(&clinician, "p");
    let own = part(&apply(&clinician, &episode).expect(200), "carePlan");
    let second = by_hand("second", &episode);
    refused(clinician.post("/CarePlan", &second));
    refused(clinician.put("/CarePlan/second", &second));
    // a copy of the plan itself, and one with another version of the episode
    let mut copy = own.clone();
    copy.as_object_mut().unwrap().remove("id");
    clinician.post("/CarePlan", &copy).expect_issue(422, "business-rule");
    copy.as_object_mut().unwrap().remove("identifier");
    refused(clinician.post("/CarePlan", &copy));
    let mut versioned = second.clone();
    versioned["extension"][0]["valueReference"]["reference"] =
        json!(format!("EpisodeOfCare/{episode}/_history/1"));
    refused(clinician.post("/CarePlan", &versioned));
    versioned["extension"][0]["valueReference"]["reference"] =
        json!(app.url(&format!("/fhir/EpisodeOfCare/{episode}")));
    refused(clinician.post("/CarePlan", &versioned));
    let transaction = bundle("transaction", &[("POST", "CarePlan".into(), second.clone())]);
    clinician.post("/", &transaction).expect_issue(409, "conflict");
    let batch = bundle("batch", &[("POST", "CarePlan".into(), second.clone())]);
    let reply = clinician.post("/", &batch).expect(200).json();
    assert!(reply["entry"][0]["response"]["status"].as_str().unwrap().starts_with("409"), "{reply}");
    assert_eq!(plans(&clinician).len(), 1);
    // what was suggested may not become the plan by a patch either
    let mut idea = second.clone();
    idea["intent"] = json!("proposal");
    clinician.put("/CarePlan/second", &idea).expect(201);
    let patch = json!([{ "op": "replace", "path": "/intent", "value": "plan" }]);
    let call = clinician.request("PATCH", "/CarePlan/second");
    refused(call.body("application/json-patch+json", patch.to_string()).send());
    assert_eq!(clinician.get("/CarePlan/second").expect(200).json()["intent"], "proposal");
}

#[test]
fn what_a_person_edits_in_the_plan_is_taken_and_other_plans_are_free() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = enrolled(&clinician, "p");
    let mut own = part(&apply(&clinician, &episode).expect(200), "carePlan");
    let path = format!("/CarePlan/{}", own["id"].as_str().unwrap());
    own["title"] = json!("Plan for the summer");
    own["status"] = json!("on-hold");
    clinician.put(&path, &own).expect(200);
    // a plan of another kind, and one that has ended
    let mut wound = by_hand("wound", &episode);
    wound["category"] = json!([{ "text": "Wound care" }]);
    clinician.put("/CarePlan/wound", &wound).expect(201);
    let mut past = by_hand("past", &episode);
    past["status"] = json!("completed");
    clinician.put("/CarePlan/past", &past).expect(201);
    past["status"] = json!("active");
    refused(clinician.put("/CarePlan/past", &past));
    // one ends and another begins in the same transaction
    own["status"] = json!("revoked");
    let mut next = by_hand("next", &episode);
    next["replaces"] = json!([{ "reference": path.trim_start_matches('/') }]);
    let both = bundle(
        "transaction",
        &[
            ("PUT", "CarePlan/next".into(), next),
            ("PUT", path.trim_start_matches('/').to_owned(), own.clone()),
        ],
    );
    clinician.post("/", &both).expect(200);
    let applied = part(&apply(&clinician, &episode).expect(200), "carePlan");
    assert_eq!(applied["id"], "next");
    own["status"] = json!("active");
    refused(clinician.put(&path, &own));
    // when the one that holds is deleted, the other may hold again
    clinician.delete("/CarePlan/next").expect(204);
    clinician.put(&path, &own).expect(200);
}

/// A plan for an episode that is not its subject's, or that is not there: which of them is not told.
fn foreign(reply: Reply) {
    let reply = reply.expect_issue(422, "business-rule");
    let coding = reply.json()["issue"][0]["details"]["coding"][0]["code"].clone();
    assert_eq!(
        (coding, reply.expressions()),
        (json!("episode-not-found"), vec!["CarePlan.subject".to_owned()])
    );
}

#[test]
fn the_place_of_an_episode_is_taken_by_no_other_patients_plan() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let (own, theirs) = (enrolled(&clinician, "p"), enrolled(&clinician, "q"));
    let patient = app.with_claims(json!({ "sub": "user-of-p", "scope": "launch/patient patient/*.cruds",
        "patient": "p", "fhirUser": "Patient/p" }));
    let applied = apply(&clinician, &own).expect(200);
    let as_for = |value: Value| -> Value {
        let mut copy: Value = serde_json::from_str(&value.to_string().replace(&own, &theirs)).unwrap();
        ["id", "meta", "goal", "activity"]
            .iter()
            .for_each(|name| drop(copy.as_object_mut().unwrap().remove(*name)));
        copy
    };
    let made = as_for(part(&applied, "carePlan"));
    assert!(made["identifier"][0]["value"].as_str().unwrap().starts_with(&theirs));
    let mut nobody = by_hand("x", &theirs);
    nobody["subject"] = json!({ "reference": "Group/all" });
    // by the identifiers of what the programme made nobody gets into its place
    let unnamed = |resource: &Value| {
        let mut resource = resource.clone();
        assert!(resource.as_object_mut().unwrap().remove("identifier").is_some());
        resource
    };
    let named = |resource: &Value| {
        let ty = resource["resourceType"].as_str().unwrap();
        let refused = patient.post(&format!("/{ty}"), resource).expect_issue(422, "business-rule");
        assert!(
            refused.expressions()[0].starts_with(&format!("{ty}.identifier")),
            "{:?}",
            refused.expressions()
        );
    };
    let attempts = || {
        named(&made);
        foreign(patient.post("/CarePlan", &unnamed(&made)));
        for episode in [theirs.as_str(), "another"] {
            foreign(patient.post("/CarePlan", &by_hand("x", episode)));
            foreign(clinician.put("/CarePlan/x", &by_hand("x", episode)));
        }
        foreign(clinician.put("/CarePlan/x", &nobody));
        let batch = bundle("transaction", &[("POST", "CarePlan".into(), by_hand("x", &theirs))]);
        clinician.post("/", &batch).expect_issue(422, "business-rule");
        clinician.get("/CarePlan/x").expect(404);
    };
    attempts();
    // what holds for no episode may be there, and keeps nothing of the other patient's from being made
    let mut ended = made.clone();
    ended["status"] = "revoked".into();
    named(&ended);
    patient.post("/CarePlan", &unnamed(&ended)).expect(201);
    for goal in parts(&applied, "goals").into_iter().map(&as_for) {
        named(&goal);
        patient.post("/Goal", &unnamed(&goal)).expect(201);
    }
    let reply = apply(&clinician, &theirs).expect(200);
    let plan = part(&reply, "carePlan");
    assert_eq!(plan["subject"]["reference"], "Patient/q");
    let goals = parts(&reply, "goals");
    assert!(
        goals.len() == 5 && goals.iter().all(|goal| goal["subject"]["reference"] == "Patient/q"),
        "{goals:?}"
    );
    let deed = part(&reply, "provenance").to_string();
    assert!(deed.contains(&format!("CarePlan/{}", plan["id"].as_str().unwrap())));
    assert_eq!(clinician.get("/CarePlan?patient=Patient/q").expect(200).resources().len(), 1);
    attempts();
}

#[test]
fn applying_goes_on_with_the_plan_that_a_person_has_made() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = enrolled(&clinician, "p");
    let mut mine = by_hand("mine", &episode);
    mine["activity"] = json!([{ "detail": { "status": "in-progress", "description": "Cards on Sundays" } }]);
    mine["text"] =
        json!({ "status": "additional", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">Ours</div>" });
    clinician.put("/CarePlan/mine", &mine).expect(201);
    let applied = apply(&clinician, &episode).expect(200);
    let plan = part(&applied, "carePlan");
    assert_eq!((&plan["id"], &plan["title"]), (&json!("mine"), &mine["title"]));
    assert_eq!(plan["activity"][0]["detail"]["description"], "Cards on Sundays");
    assert!(plan["activity"].as_array().unwrap().len() > 5 && plan["goal"].as_array().unwrap().len() == 5);
    assert_eq!(plan["text"]["div"], mine["text"]["div"], "a person's page stays");
    assert!(plan["extension"].to_string().contains("next-review"));
    let again = part(&apply(&clinician, &episode).expect(200), "carePlan");
    assert_eq!((&again["meta"]["versionId"], &again["identifier"]), (&json!("2"), &plan["identifier"]));
    assert_eq!(plans(&clinician).len(), 1);
}

#[test]
fn of_plans_made_at_once_by_people_and_by_the_template_one_holds() {
    let app = TestApp::new();
    let episode = enrolled(&app.clinician(), "p");
    let callers: Vec<_> = (0..16).map(|_| app.clinician()).collect();
    let taken = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for (number, caller) in callers.iter().enumerate() {
            let (episode, taken) = (&episode, &taken);
            scope.spawn(move || {
                let status = if number % 2 == 0 {
                    apply(caller, episode).expect(200).status
                } else {
                    caller
                        .put(&format!("/CarePlan/h{number}"), &by_hand(&format!("h{number}"), episode))
                        .status
                };
                taken.lock().unwrap().push((number % 2 == 0, status));
            });
        }
    });
    let taken = taken.into_inner().unwrap();
    let by_hand = taken.iter().filter(|(operation, status)| !operation && *status == 201).count();
    assert!(by_hand <= 1 && taken.iter().all(|(_, status)| [200, 201, 409].contains(status)), "{taken:?}");
    let clinician = app.clinician();
    assert_eq!(plans(&clinician).len(), 1);
    assert_eq!(clinician.get("/Goal?patient=Patient/p").expect(200).resources().len(), 5);
}

#[test]
fn two_plans_from_before_there_could_be_but_one_are_both_named_and_keep_no_index_from_being_whole() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = enrolled(&clinician, "p");
    clinician.store(&by_hand("first", &episode));
    let url = app.app().config.database_url.clone();
    crate::database::tamper(&url, "DELETE FROM care_plan");
    clinician.store(&by_hand("second", &episode));
    crate::database::tamper(
        &url,
        "DELETE FROM idx_token WHERE rid = (SELECT rid FROM resource WHERE id = 'first')",
    );
    let found = || clinician.get("/CarePlan?category=palliative").expect(200).ids();
    assert_eq!(found(), ["second"]);
    let both = |lines: &[String]| {
        let names = ["CarePlan/first", "CarePlan/second", &format!("EpisodeOfCare/{episode}")];
        lines.iter().filter(|line| names.iter().all(|name| line.contains(name))).count()
    };
    let mut said = Vec::new();
    let mut tell = |step: Step<'_>| {
        if let Step::Differs(text) = step {
            said.push(text.to_owned());
        }
    };
    let done = app.app().reindex(0, &mut tell).unwrap();
    assert_eq!((done.refused, both(&said)), (0, 1), "{said:?}");
    assert!(app.app().is_index_current().unwrap());
    assert_eq!(found().len(), 2, "its rows are made all the same");
    let mut said = Vec::new();
    let mut tell = |step: Step<'_>| {
        if let Step::Differs(text) = step {
            said.push(text.to_owned());
        }
    };
    let checked = check(&app.app().config, &mut tell).unwrap();
    assert_eq!((checked.differences, both(&said)), (1, 1), "{said:?}");
    // where a person ends one, the other takes the place
    let mut ended = clinician.get("/CarePlan/second").expect(200).json();
    ended["status"] = json!("revoked");
    clinician.put("/CarePlan/second", &ended).expect(200);
    app.app().reindex(0, &mut |_| {}).unwrap();
    assert_eq!(check(&app.app().config, &mut |_| {}).unwrap().differences, 0);
    refused(clinician.post("/CarePlan", &by_hand("third", &episode)));
}
