//! `$palliative-gaps` on a Group over HTTP: who is told of, what of them, and who is refused.

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;
use crate::programme::enrolled;

const PATH: &str = "/Group/g/$palliative-gaps";
const READ: [&str; 11] = [
    "CarePlan",
    "CareTeam",
    "Encounter",
    "EpisodeOfCare",
    "Goal",
    "Group",
    "MedicationRequest",
    "Observation",
    "Patient",
    "RelatedPerson",
    "ServiceRequest",
];

/// Patients who were referred on these days, to these programmes.
fn referred(clinician: &Client, list: &[(&str, &str, &str)]) {
    clinician.store(&json!({ "resourceType": "Practitioner", "id": "doctor" }));
    for (id, day, program) in list {
        clinician.store(&json!({ "resourceType": "Patient", "id": id, "birthDate": "1953-06-01" }));
        let given = json!({ "resourceType": "Parameters", "parameter": [
            { "name": "program", "valueReference": { "reference": format!("HealthcareService/{program}") } },
            { "name": "requester", "valueReference": { "reference": "Practitioner/doctor" } },
            { "name": "source", "valueCode": "clinician" },
            { "name": "receivedDate", "valueDate": day }] });
        clinician.post(&format!("/Patient/{id}/$palliative-refer"), &given).expect(201);
    }
}

fn group(clinician: &Client, members: Value) {
    clinician.store(&json!({ "resourceType": "Group", "id": "g", "type": "person", "actual": true,
        "member": members }));
}

fn member(id: &str) -> Value {
    json!({ "entity": { "reference": format!("Patient/{id}") } })
}

fn number(reply: &Reply, name: &str) -> i64 {
    let list = reply.json()["parameter"].as_array().cloned().unwrap_or_default();
    list.iter().find(|one| one["name"] == name).unwrap()["valueInteger"].as_i64().unwrap()
}

/// Of each patient's part: whom it is about, and what it says of its gaps, all but the references.
fn told(reply: &Reply) -> Vec<(String, Vec<Value>)> {
    let list = reply.json()["parameter"].as_array().cloned().unwrap_or_default();
    let about = |one: &Value| {
        let parts = one["part"].as_array().unwrap().clone();
        let patient = parts[0]["valueReference"]["reference"].as_str().unwrap().to_owned();
        assert!(parts[1]["valueReference"]["reference"].as_str().unwrap().starts_with("EpisodeOfCare/"));
        let gaps = parts.into_iter().filter(|part| part["name"] == "gap").map(|gap| gap["part"].clone());
        (patient, gaps.collect())
    };
    list.iter().filter(|one| one["name"] == "patient").map(about).collect()
}

fn whom(reply: &Reply) -> String {
    told(reply).into_iter().map(|(patient, _)| patient.replace("Patient/", "")).collect::<Vec<_>>().join(" ")
}

#[test]
fn each_member_with_an_open_episode_is_told_of_as_alone() {
    let app = TestApp::new();
    let clinician = app.clinician();
    referred(
        &clinician,
        &[("a", "2026-02-10", "default"), ("b", "2026-02-25", "default"), ("c", "2026-02-01", "default")],
    );
    clinician.store(&json!({ "resourceType": "Patient", "id": "d" }));
    let mut left = member("c");
    left["period"] = json!({ "end": "2026-02-28" });
    group(&clinician, json!([member("b"), member("a"), member("d"), left, member("nobody")]));
    let statuses = "status=open-gap&status=prospective-gap&status=closed-gap";
    let reply = clinician.get(&format!("{PATH}?{statuses}")).expect(200);
    assert_eq!((number(&reply, "members"), number(&reply, "followed")), (4, 2));
    assert_eq!(whom(&reply), "a b");
    for (patient, gaps) in told(&reply) {
        let alone = clinician.get(&format!("/{patient}/$palliative-gaps?{statuses}")).expect(200).json();
        let own: Vec<Value> = alone["parameter"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["name"] == "gap")
            .map(|gap| gap["part"].clone())
            .collect();
        assert_eq!(gaps, own, "{patient}");
        assert_eq!(gaps.len(), 1);
    }
    // Where nothing is said only what is open is told: b's first contact is not due yet.
    let open: Vec<usize> =
        told(&clinician.get(PATH).expect(200)).iter().map(|(_, gaps)| gaps.len()).collect();
    assert_eq!(open, [1, 0]);
    let of_type = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "group", "valueReference": { "reference": "Group/g" } }] });
    assert_eq!(
        clinician.post("/Group/$palliative-gaps", &of_type).expect(200).text(),
        clinician.post(PATH, &json!({ "resourceType": "Parameters" })).expect(200).text()
    );
    let earlier = clinician.get(&format!("{PATH}?asOf=2026-02-20")).expect(200);
    assert_eq!((whom(&earlier).as_str(), number(&earlier, "members")), ("a b c", 5));
}

#[test]
fn those_who_are_served_are_told_of_with_their_own_plan_scores_and_reviews_as_alone() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let statuses = "status=open-gap&status=prospective-gap&status=closed-gap";
    let whole = |reply: &Reply| {
        let list = reply.json()["parameter"].as_array().cloned().unwrap_or_default();
        list.into_iter().filter(|one| one["name"] == "gap").map(|gap| gap["part"].clone()).collect::<Vec<_>>()
    };
    for (id, day) in [("a", "2026-02-26"), ("b", "2026-02-27")] {
        let episode = enrolled(&clinician, id);
        clinician
            .post(
                &format!("/EpisodeOfCare/{episode}/$palliative-careplan"),
                &json!({
            "resourceType": "Parameters", "parameter": [{ "name": "mode", "valueCode": "apply" }] }),
            )
            .expect(200);
        clinician.store(
            &json!({ "resourceType": "Observation", "id": format!("{id}-pain"), "status": "final",
            "subject": { "reference": format!("Patient/{id}") }, "effectiveDateTime": day, "valueInteger": 8,
            "code": { "coding": [{ "code": "esas-pain",
                "system": "https://comfrey.health/fhir/CodeSystem/palliative-observation" }] } }),
        );
        let mut patient = clinician.get(&format!("/Patient/{id}")).expect(200).json();
        patient["birthDate"] = "2008-05-20".into();
        clinician.put(&format!("/Patient/{id}"), &patient).expect(200);
        // done for b alone
        clinician.store(&json!({ "resourceType": "Task", "id": format!("{id}-review"), "intent": "order",
            "status": if id == "b" { "completed" } else { "in-progress" }, "lastModified": "2026-03-01T09:00:00Z",
            "for": { "reference": format!("Patient/{id}") }, "code": { "coding": [{ "code": "proxy-review",
                "system": "https://comfrey.health/fhir/CodeSystem/palliative-task" }] } }));
    }
    group(&clinician, json!([member("b"), member("a")]));
    let together = told(&clinician.get(&format!("{PATH}?{statuses}")).expect(200));
    assert_eq!(together.len(), 2);
    for (patient, gaps) in &together {
        let alone = clinician.get(&format!("/{patient}/$palliative-gaps?{statuses}")).expect(200);
        assert_eq!(*gaps, whole(&alone), "{patient}");
        let text = json!(gaps).to_string();
        let id = patient.trim_start_matches("Patient/");
        for known in [format!("Observation/{id}-pain"), "plan-overdue".to_owned(), "CarePlan/".to_owned()] {
            assert!(text.contains(&known), "{known}: {text}");
        }
        assert_eq!(text.contains(&format!("Task/{id}-review")), id == "b", "{text}");
    }
    // one who may not read Tasks is told that it was done, and no more
    let scopes = READ.map(|ty| format!("system/{ty}.rs")).join(" ");
    let reply = app.with_scope(&scopes).get(&format!("{PATH}?status=closed-gap")).expect(200);
    assert!(
        reply.text().contains("proxy-review-overdue") && !reply.text().contains("Task/"),
        "{}",
        reply.text()
    );
}

#[test]
fn a_programme_that_is_named_is_the_only_one_that_is_told_of() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "HealthcareService", "id": "second", "active": true,
        "providedBy": { "reference": "Organization/default" },
        "extension": [{ "url": "https://comfrey.health/fhir/StructureDefinition/palliative-program-settings",
            "extension": [{ "url": "tz", "valueString": "Asia/Tokyo" }] }] }));
    referred(&clinician, &[("a", "2026-02-10", "default"), ("b", "2026-02-10", "second")]);
    group(&clinician, json!([member("a"), member("b")]));
    assert_eq!(whom(&clinician.get(PATH).expect(200)), "a b");
    for (program, expected) in [("default", "a"), ("second", "b")] {
        let reply = clinician.get(&format!("{PATH}?program=HealthcareService/{program}")).expect(200);
        assert_eq!((whom(&reply).as_str(), number(&reply, "followed")), (expected, 1));
    }
}

#[test]
fn an_episode_whose_gaps_cannot_be_told_says_why_and_keeps_no_other_back() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for (id, settings) in [
        ("gone", json!([{ "url": "tz", "valueString": "America/New_York" }])),
        ("west", json!([{ "url": "tz", "valueString": "Pacific/Pago_Pago" }])),
    ] {
        clinician.store(&json!({ "resourceType": "HealthcareService", "id": id, "active": true,
            "providedBy": { "reference": "Organization/default" },
            "extension": [{ "url": "https://comfrey.health/fhir/StructureDefinition/palliative-program-settings",
                "extension": settings }] }));
    }
    referred(
        &clinician,
        &[("a", "2026-02-10", "gone"), ("b", "2026-02-10", "default"), ("c", "2026-02-10", "west")],
    );
    clinician.delete("/HealthcareService/gone").expect(204);
    group(&clinician, json!([member("a"), member("b"), member("c")]));
    let gaps = |reply: &Reply| told(reply).into_iter().map(|(_, gaps)| gaps.len()).collect::<Vec<_>>();
    let reply = clinician.get(PATH).expect(200);
    assert_eq!(
        (whom(&reply).as_str(), number(&reply, "followed"), gaps(&reply)),
        ("a b c", 3, vec![0, 1, 1])
    );
    let list = reply.json()["parameter"].as_array().cloned().unwrap_or_default();
    let problems: Vec<Value> = list
        .iter()
        .filter(|one| one["name"] == "patient")
        .flat_map(|one| one["part"].as_array().unwrap().clone())
        .filter(|part| part["name"] == "problem")
        .collect();
    assert_eq!(problems.len(), 1);
    assert!(problems[0]["valueString"].as_str().unwrap().contains("HealthcareService/gone"), "{problems:?}");
    // The day has come by the clocks of the programme that is asked about, though not everywhere: at 09:00 UTC it is
    // the day before in the west.
    app.clock().set(crate::app::START + 21 * 3_600_000_000);
    let today = clinician.get(&format!("{PATH}?asOf=2026-03-02")).expect(200);
    assert_eq!(gaps(&today), [0, 1, 1]);
    clinician.get(&format!("{PATH}?asOf=2026-03-03")).expect_issue(422, "business-rule");
}

#[test]
fn only_gaps_that_a_measure_counts_are_told_where_one_is_named() {
    let app = TestApp::new();
    let clinician = app.clinician();
    referred(&clinician, &[("a", "2026-02-10", "default")]);
    group(&clinician, json!([member("a")]));
    let canonical = "https://comfrey.health/fhir/Measure/acp-documented";
    for measure in [canonical.to_owned(), format!("{canonical}|1.0.0")] {
        let measure = measure.replace('|', "%7C");
        let reply = clinician.get(&format!("{PATH}?measure={measure}")).expect(200);
        assert_eq!(told(&reply), [("Patient/a".to_owned(), vec![])], "a first contact is no such gap");
        clinician.get(&format!("/Patient/a/$palliative-gaps?measure={measure}")).expect(200);
    }
    for path in [PATH, "/Patient/a/$palliative-gaps"] {
        let refused = clinician.get(&format!("{path}?measure=x")).expect_issue(422, "invalid");
        assert!(refused.text().contains(canonical), "those that are known are named");
    }
}

#[test]
fn what_is_no_roster_or_too_large_is_refused() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.get("/Group/none/$palliative-gaps").expect_issue(404, "not-found");
    clinician.get("/Group/$palliative-gaps").expect_issue(400, "invalid");
    clinician.get("/Group/$palliative-gaps?group=Patient/a").expect_issue(400, "invalid");
    clinician.get("/Group/$palliative-gaps?group=Group/none").expect_issue(404, "not-found");
    clinician.get("/Patient/$palliative-gaps").expect(404);
    group(&clinician, json!([member("a")]));
    clinician.get(&format!("{PATH}?group=Group/g")).expect_issue(400, "invalid");
    clinician.get(&format!("{PATH}?status=late")).expect(400);
    clinician.get(&format!("{PATH}?asOf=2026-03-09")).expect_issue(422, "business-rule");
    clinician.get(&format!("{PATH}?program=HealthcareService/none")).expect_issue(404, "not-found");
    group(&clinician, (0..1001).map(|id| member(&format!("p{id}"))).collect());
    clinician.get(PATH).expect_issue(413, "too-costly");
    clinician.store(&json!({ "resourceType": "Group", "id": "g", "type": "person", "actual": false }));
    clinician.get(PATH).expect(422);
    clinician.store(&json!({ "resourceType": "Group", "id": "g", "type": "device", "actual": true }));
    clinician.get(PATH).expect(422);
}

#[test]
fn only_those_who_may_read_all_of_it_of_all_patients_are_told() {
    let app = TestApp::new();
    let clinician = app.clinician();
    referred(&clinician, &[("a", "2026-02-10", "default")]);
    group(&clinician, json!([member("a")]));
    app.anonymous().get(PATH).expect(401);
    app.stranger().get(PATH).expect(403);
    app.patient("a").get(PATH).expect(403);
    app.patient("b").get(PATH).expect(403);
    app.patient("a").get("/Group/$palliative-gaps?group=Group/g").expect_issue(403, "forbidden");
    let without = |left_out: &str| {
        let scopes = READ.iter().filter(|ty| **ty != left_out).map(|ty| format!("system/{ty}.rs"));
        app.with_scope(&scopes.collect::<Vec<_>>().join(" ")).get(PATH)
    };
    for ty in READ {
        without(ty).expect_issue(403, "forbidden");
    }
    assert_eq!(whom(&without("").expect(200)), "a");
    assert_eq!(whom(&app.partner().get(PATH).expect(200)), "a");
}

fn urgent(clinician: &Client, patient: &str) {
    clinician.store(
        &json!({ "resourceType": "Task", "id": format!("{patient}-check"), "status": "requested",
        "intent": "order", "priority": "urgent", "for": { "reference": format!("Patient/{patient}") },
        "authoredOn": "2026-02-20T10:00:00-08:00", "code": { "coding": [{ "code": "safety-check",
            "system": "https://comfrey.health/fhir/CodeSystem/palliative-task" }] } }),
    );
}

/// Asks for the tasks of the Group.
fn asked(client: &Client, further: &[Value]) -> Reply {
    let create = json!({ "name": "createTasks", "valueBoolean": true });
    let given: Vec<Value> = [create].into_iter().chain(further.iter().cloned()).collect();
    client.post(PATH, &json!({ "resourceType": "Parameters", "parameter": given }))
}

/// The tasks that an answer names.
fn named(reply: &Reply) -> Vec<String> {
    let list = reply.json()["parameter"].as_array().cloned().unwrap_or_default();
    let tasks = list.iter().filter(|one| one["name"] == "task");
    let mut all: Vec<String> =
        tasks.map(|one| one["valueReference"]["reference"].as_str().unwrap().to_owned()).collect();
    all.sort();
    all
}

#[test]
fn the_tasks_of_all_members_are_asked_for_at_once_each_once_and_one_event_says_so() {
    let app = TestApp::new();
    let clinician = app.clinician();
    referred(
        &clinician,
        &[("a", "2026-02-10", "default"), ("b", "2026-02-25", "default"), ("c", "2026-02-01", "default")],
    );
    group(&clinician, json!([member("a"), member("b")]));
    assert_eq!(named(&asked(&clinician, &[]).expect(200)), Vec::<String>::new());
    for id in ["a", "b", "c"] {
        urgent(&clinician, id);
    }
    // what was asked for one of them alone is not asked for again
    let alone = json!({ "resourceType": "Parameters", "parameter": [{ "name": "createTasks", "valueBoolean": true }] });
    clinician.post("/Patient/a/$palliative-gaps", &alone).expect(200);
    let escalations = |patient: &str| {
        clinician.get(&format!("/Task?patient=Patient/{patient}&code=escalation")).expect(200).references()
    };
    let of_a = escalations("a");
    let events = || {
        let found = clinician.get("/AuditEvent?subtype=palliative-gaps&_sort=_lastUpdated").expect(200);
        found.resources()
    };
    assert_eq!((of_a.len(), events().len()), (1, 1));
    let first = named(&asked(&clinician, &[]).expect(200));
    let mut both = [of_a.clone(), escalations("b")].concat();
    both.sort();
    assert_eq!((&first, both.len()), (&both, 2), "of those who are members, and of no one else");
    assert_eq!(escalations("c"), Vec::<String>::new());
    let again = asked(
        &clinician,
        &[json!({ "name": "program",
        "valueReference": { "reference": "HealthcareService/default" } })],
    );
    assert_eq!(named(&again.expect(200)), both, "asked for again, there are no more");
    // one event for what was new, which names the tasks and nobody
    let found = events();
    assert_eq!(found.len(), 2, "where nothing is written there is nothing to record");
    let about: Vec<&str> = found[1]["entity"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["what"]["reference"].as_str().unwrap())
        .collect();
    assert_eq!(about, ["Group/g", escalations("b")[0].as_str()]);
    assert_eq!(found[1]["entity"][1]["detail"][0]["valueString"], "createTasks");
    let task = clinician.get(&format!("/{}", escalations("b")[0])).expect(200).json();
    assert_eq!(task["meta"]["lastUpdated"], found[1]["meta"]["lastUpdated"], "written together");
    // it stands in nobody's compartment; what is about one person alone stands in theirs
    let own =
        |patient: &str| app.patient(patient).get("/AuditEvent?subtype=palliative-gaps").expect(200).ids();
    assert_eq!((own("a").len(), own("b").len()), (1, 0));
}

#[test]
fn only_those_who_may_read_and_create_the_tasks_of_all_patients_ask_for_them() {
    let app = TestApp::new();
    let clinician = app.clinician();
    referred(&clinician, &[("a", "2026-02-10", "default")]);
    urgent(&clinician, "a");
    group(&clinician, json!([member("a")]));
    let reading = READ.map(|ty| format!("system/{ty}.rs")).join(" ");
    for scopes in ["", "system/Task.rs", "system/Task.c", "patient/Task.cruds"] {
        asked(&app.with_scope(&format!("{reading} {scopes}")), &[]).expect_issue(403, "forbidden");
    }
    asked(&app.anonymous(), &[]).expect(401);
    asked(&app.stranger(), &[]).expect(403);
    asked(&app.patient("a"), &[]).expect(403);
    let family =
        app.with_claims(json!({ "sub": "f", "scope": "system/*.cruds", "fhirUser": "RelatedPerson/f" }));
    asked(&family, &[]).expect_issue(403, "forbidden");
    clinician.get(&format!("{PATH}?createTasks=true")).expect(405);
    let before = json!({ "name": "asOf", "valueDate": "2026-02-20" });
    asked(&clinician, &[before]).expect_issue(422, "business-rule");
    assert_eq!(clinician.get("/Task?code=escalation").expect(200).ids(), Vec::<String>::new());
    let may = app.with_scope(&format!("{reading} system/Task.crs"));
    assert_eq!(named(&asked(&may, &[]).expect(200)).len(), 1);
    // sent again under the same key it is the same answer
    urgent(&clinician, "a");
    let keyed = || {
        let body = json!({ "resourceType": "Parameters", "parameter": [{ "name": "createTasks", "valueBoolean": true }] });
        clinician.request("POST", PATH).header("idempotency-key", "k").json(&body).send().expect(200)
    };
    assert_eq!(keyed().text(), keyed().text());
    assert_eq!(keyed().header("idempotency-replayed"), Some("true"));
}

#[test]
fn of_many_tasks_200_are_asked_for_at_once_and_the_rest_with_the_next_calls() {
    let app = TestApp::new();
    let clinician = app.clinician();
    referred(&clinician, &[("a", "2026-02-10", "default"), ("b", "2026-02-10", "default")]);
    group(&clinician, json!([member("a"), member("b"), member("a")]));
    let check = |number: usize| {
        let patient = ["a", "b"][number % 2];
        json!({ "request": { "method": "POST", "url": "Task" }, "resource": { "resourceType": "Task",
            "status": "requested", "intent": "order", "for": { "reference": format!("Patient/{patient}") },
            "authoredOn": "2026-02-20T10:00:00-08:00", "code": { "coding": [{ "code": "safety-check",
                "system": "https://comfrey.health/fhir/CodeSystem/palliative-task" }] } } })
    };
    let entries: Vec<Value> = (0..205).map(check).collect();
    let all = json!({ "resourceType": "Bundle", "type": "batch", "entry": entries });
    clinician.post("/", &all).expect(200);
    let there = || {
        let found = clinician.get("/Task?code=escalation&_summary=count").expect(200).json();
        found["total"].as_i64().unwrap()
    };
    let first = asked(&clinician, &[]).expect(200);
    assert_eq!((named(&first).len(), number(&first, "tasksLeft"), there()), (200, 5, 200));
    let second = asked(&clinician, &[]).expect(200);
    assert_eq!((named(&second).len(), there()), (205, 205));
    assert!(!second.text().contains("tasksLeft"), "{}", second.text());
    assert_eq!(named(&asked(&clinician, &[]).expect(200)), named(&second), "each once");
    let events = clinician.get("/AuditEvent?subtype=palliative-gaps&_summary=count").expect(200).json();
    assert_eq!(events["total"], 2);
}

#[test]
fn what_was_asked_for_one_and_stands_with_another_now_is_asked_for_again() {
    let app = TestApp::new();
    let clinician = app.clinician();
    referred(&clinician, &[("a", "2026-02-10", "default"), ("b", "2026-02-10", "default")]);
    group(&clinician, json!([member("a"), member("b")]));
    urgent(&clinician, "a");
    let first = named(&asked(&clinician, &[]).expect(200));
    let path = format!("/{}", first[0]);
    let mut moved = clinician.get(&path).expect(200).json();
    moved["for"]["reference"] = "Patient/b".into();
    clinician.put(&path, &moved).expect(200);
    let again = named(&asked(&clinician, &[]).expect(200));
    assert_eq!(again.len(), 1);
    assert_ne!(again, first, "nobody was asked to see to a's");
    let task = clinician.get(&format!("/{}", again[0])).expect(200).json();
    assert_eq!(task["for"]["reference"], "Patient/a");
}
