//! Each change of an enrolment, plan that is applied, and screening or tier that is kept leaves one AuditEvent, and what
//! writes nothing leaves none. No client makes, changes or deletes one.
//! <https://hl7.org/fhir/R4/auditevent.html>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::programme::PROGRAM;
use crate::programme::act;
use crate::programme::because;
use crate::programme::consented;
use crate::programme::enrolled;
use crate::programme::parameters;
use crate::programme::person;
use crate::programme::refer;
use crate::programme::wish;

/// The events about a patient, the first first.
fn events(client: &Client, patient: &str) -> Vec<Value> {
    let found = client.get(&format!("/AuditEvent?patient=Patient/{patient}&_count=100")).expect(200);
    let mut events = found.resources();
    events.sort_by_key(|event| event["id"].as_str().unwrap().to_owned());
    events
}

/// What each is about: the operation, and what was decided.
fn told(events: &[Value]) -> Vec<String> {
    let one = |event: &Value| {
        let details = event["entity"].as_array().unwrap().last().unwrap()["detail"].as_array().unwrap();
        let values = details.iter().map(|detail| detail["valueString"].as_str().unwrap());
        let operation = event["subtype"][1]["code"].as_str().unwrap();
        [operation].into_iter().chain(values).collect::<Vec<_>>().join(" ")
    };
    events.iter().map(one).collect()
}

#[test]
fn every_step_of_an_enrolment_is_recorded_once() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = enrolled(&clinician, "p");
    // what is asked for again, changes nothing, is only shown or is refused leaves nothing
    let path = format!("/EpisodeOfCare/{episode}/$palliative-enroll");
    clinician.post(&path, &wish("p")).expect(200);
    act(&clinician, &episode, "hold", json!([{ "name": "dryRun", "valueBoolean": true }]));
    let mode = |mode: &str| parameters(json!([{ "name": "mode", "valueCode": mode }]));
    let plan = format!("/EpisodeOfCare/{episode}/$palliative-careplan");
    for body in [mode("draft"), mode("check"), mode("apply"), mode("apply")] {
        clinician.post(&plan, &body).expect(200);
    }
    act(&clinician, &episode, "screen", json!([])).expect(409);
    let record = |record: bool| parameters(json!([{ "name": "record", "valueBoolean": record }]));
    for operation in ["screen", "stratify"] {
        for kept in [false, true] {
            clinician.post(&format!("/Patient/p/$palliative-{operation}"), &record(kept)).expect(200);
        }
    }
    let events = events(&clinician, "p");
    let told = told(&events);
    assert_eq!(
        told[..6],
        [
            "palliative-refer refer referred",
            "palliative-transition screen screening",
            "palliative-transition determine eligible",
            "palliative-transition consent consented",
            "palliative-enroll enroll enrolled",
            "palliative-careplan apply",
        ],
        "{told:#?}"
    );
    assert!(told[6].starts_with("palliative-screen http"), "{told:#?}");
    // the tier turns on what is kept from the patient, who reads this
    assert_eq!(told[7], "palliative-stratify record");
    assert_eq!(told.len(), 8);
    let entities: Vec<&Value> =
        events[0]["entity"].as_array().unwrap().iter().map(|one| &one["what"]["reference"]).collect();
    assert_eq!(entities, ["Patient/p", PROGRAM, &format!("EpisodeOfCare/{episode}")]);
    let enrolment = &events[4];
    assert_eq!(
        (
            &enrolment["type"]["code"],
            &enrolment["subtype"][0]["code"],
            &enrolment["action"],
            &enrolment["outcome"]
        ),
        (&json!("rest"), &json!("operation"), &json!("E"), &json!("0"))
    );
    let agent = &enrolment["agent"][0];
    assert_eq!(agent["who"]["reference"], "Practitioner/clinician-1");
    // the patient reads it: where the person is named, the login is not
    assert_eq!((&agent["altId"], &agent["requestor"]), (&Value::Null, &json!(true)));
    // searched for as any other
    let path = format!("/AuditEvent?entity=EpisodeOfCare/{episode}&subtype=palliative-enroll&action=E");
    assert_eq!(clinician.get(&path).expect(200).resources(), std::slice::from_ref(enrolment));
}

#[test]
fn an_event_stands_and_falls_with_what_it_records() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = consented(&clinician, "p");
    let before = events(&clinician, "p").len();
    let path = format!("/EpisodeOfCare/{episode}/$palliative-enroll");
    let mut wrong = wish("p");
    wrong["parameter"][1]["valueCode"] = json!("ed");
    clinician.post(&path, &wrong).expect_issue(422, "business-rule");
    let keyed =
        |body: &Value| clinician.request("POST", &path).header("idempotency-key", "k").json(body).send();
    // one request that is sent again, and nobody's scope keeps the record away
    for _ in 0..3 {
        keyed(&wish("p")).expect(200);
    }
    let found = events(&clinician, "p");
    assert_eq!(found.len(), before + 1);
    let written = clinician.get(&format!("/EpisodeOfCare/{episode}")).expect(200).json();
    assert_eq!(found.last().unwrap()["meta"]["lastUpdated"], written["meta"]["lastUpdated"]);
    person(&clinician, "q");
    let narrow = app.with_claims(json!({ "sub": "coordinator", "fhirUser": "Practitioner/c", "scope":
        "user/Patient.rs user/EpisodeOfCare.cruds user/Task.cruds user/ServiceRequest.cruds user/Provenance.cruds \
         user/Flag.cruds user/HealthcareService.rs user/Condition.rs user/Consent.rs user/Coverage.rs user/CareTeam.rs" }));
    narrow.get("/AuditEvent").expect_issue(403, "forbidden");
    refer(&narrow, "q");
    let found = events(&clinician, "q");
    assert_eq!(told(&found), ["palliative-refer refer referred"]);
    assert_eq!(found[0]["agent"][0]["who"]["reference"], "Practitioner/c");
    narrow.get(&format!("/AuditEvent/{}", found[0]["id"].as_str().unwrap())).expect_issue(403, "forbidden");
}

#[test]
fn a_patient_reads_the_events_of_their_own_record_alone() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = refer_one(&clinician, "p");
    for step in ["screen", "determine"] {
        act(&clinician, &episode, step, json!([])).expect(200);
    }
    refer_one(&clinician, "q");
    // one patient acts for another, with the access that the other has given
    let held = json!({ "sub": "otto", "patient": "p", "fhirUser": "Patient/q", "scope": "patient/*.cruds" });
    act(&app.with_claims(held), &episode, "decline", because("declined-not-ready")).expect(200);
    let (own, other) = (app.patient("p"), app.patient("q"));
    let events = |client: &Client| told(&client.get("/AuditEvent").expect(200).resources());
    assert_eq!(events(&own).len(), 4);
    assert_eq!(events(&other), ["palliative-refer refer referred"], "acting is no way into another's record");
    let declined = own.get("/AuditEvent?altid=otto").expect(200).resources();
    assert_eq!(declined[0]["agent"][0]["who"], json!({ "display": "otto" }));
    let path = format!("/AuditEvent/{}", declined[0]["id"].as_str().unwrap());
    own.get(&path).expect(200);
    other.get(&path).expect_issue(404, "not-found");
    app.stranger().get(&path).expect_issue(403, "forbidden");
    app.anonymous().get(&path).expect_issue(401, "login");
    let whole = own.get("/Patient/p/$everything?_type=AuditEvent").expect(200);
    assert_eq!(whole.resources().len(), 4);
}

#[test]
fn t_36_the_record_of_a_screening_tells_a_patient_no_outcome_that_turns_on_what_is_kept_from_them() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let set = |id: &str| format!("https://comfrey.health/fhir/PlanDefinition/{id}");
    let screened = |id: &str| {
        let keep = parameters(json!([{ "name": "record", "valueBoolean": true },
            { "name": "ruleSet", "valueCanonical": set(id) }]));
        clinician.post("/Patient/p/$palliative-screen", &keep).expect(200);
    };
    let answer = |surprised: bool| {
        clinician.store(&json!({ "resourceType": "Observation", "id": "question", "status": "final",
            "subject": { "reference": "Patient/p" }, "effectiveDateTime": "2026-02-27",
            "performer": [{ "reference": "Practitioner/d" }],
            "code": { "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/palliative-observation",
                "code": "surprise-question-12m" }] }, "valueBoolean": surprised }));
    };
    for surprised in [true, false] {
        answer(surprised);
        screened("RS-GSF");
    }
    screened("RS-KELLEY-B");
    let own = app.patient("p").get("/AuditEvent?subtype=palliative-screen").expect(200).resources();
    let mut own = told(&own);
    own.sort_unstable();
    assert_eq!(own.len(), 3);
    assert_eq!(own[0], own[1], "the one answer is not told from the other");
    assert!(own[0].contains("/RS-GSF|") && !own[0].contains("screen-positive"), "{own:?}");
    assert!(own[2].contains("/RS-KELLEY-B|") && own[2].ends_with("eligible"), "{own:?}");
    // the care team finds it with the screening
    let kept = clinician.get("/GuidanceResponse?patient=Patient/p").expect(200).text();
    assert!(kept.contains("screen-positive"), "{kept}");
}

#[test]
fn no_client_makes_changes_or_deletes_the_record_of_an_operation() {
    let app = TestApp::new();
    let clinician = app.clinician();
    refer_one(&clinician, "p");
    let event = events(&clinician, "p").remove(0);
    let path = format!("/AuditEvent/{}", event["id"].as_str().unwrap());
    let own = app.with_claims(
        json!({ "sub": "p", "patient": "p", "fhirUser": "Patient/p", "scope": "patient/*.cruds" }),
    );
    let changed = |name: &str, value: Value| {
        let mut changed = event.clone();
        changed[name] = value;
        changed
    };
    let someone = json!([{ "who": { "reference": "Practitioner/other" }, "requestor": true }]);
    let plain = json!([{ "system": "http://hl7.org/fhir/restful-interaction", "code": "operation" }]);
    let mut forged = changed("agent", someone.clone());
    forged.as_object_mut().unwrap().remove("id");
    for client in [&own, &clinician] {
        client.get(&path).expect(200);
        client.delete(&path).expect_issue(422, "business-rule");
        client.put(&path, &changed("agent", someone.clone())).expect_issue(422, "business-rule");
        client.put(&path, &changed("subtype", plain.clone())).expect_issue(422, "business-rule");
        let reply = client.post("/AuditEvent", &forged).expect_issue(422, "business-rule");
        assert_eq!(reply.expressions(), ["AuditEvent.subtype"]);
        let patch = json!([{ "op": "replace", "path": "/outcome", "value": "8" }]).to_string();
        let patch = client.request("PATCH", &path).body("application/json-patch+json", patch);
        patch.send().expect_issue(422, "business-rule");
        let entry = json!({ "request": { "method": "DELETE", "url": &path[1..] } });
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry] });
        client.post("/", &bundle).expect_issue(422, "business-rule");
    }
    assert_eq!(events(&clinician, "p"), std::slice::from_ref(&event));
    // what clients record of their own is theirs, and never becomes one of these
    let mut theirs = forged.clone();
    theirs["subtype"] = plain;
    let stored = clinician.post("/AuditEvent", &theirs).expect(201).json();
    let path = format!("/AuditEvent/{}", stored["id"].as_str().unwrap());
    let mut turned = stored.clone();
    turned["subtype"] = event["subtype"].clone();
    clinician.put(&path, &turned).expect_issue(422, "business-rule");
    turned["subtype"] = stored["subtype"].clone();
    turned["outcome"] = json!("8");
    clinician.put(&path, &turned).expect(200);
    clinician.delete(&path).expect(204);
}

#[test]
fn whoever_asks_can_be_named() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for (number, user, login, agent) in [
        (0, "Person/7", "ann", json!({ "who": { "display": "ann" }, "altId": "ann", "requestor": true })),
        (
            1,
            "Person/7",
            "a\u{1}b ",
            json!({ "who": { "display": "a b" }, "altId": "a b", "requestor": true }),
        ),
        (
            2,
            "RelatedPerson/7",
            "ann",
            json!({ "who": { "reference": "RelatedPerson/7" }, "requestor": true }),
        ),
        (3, "Patient/p3", "ann", json!({ "who": { "reference": "Patient/p3" }, "requestor": true })),
    ] {
        let id = format!("p{number}");
        person(&clinician, &id);
        let held = app.with_claims(
            json!({ "sub": login, "patient": id, "fhirUser": user, "scope": "patient/*.cruds" }),
        );
        let record = parameters(json!([{ "name": "record", "valueBoolean": true }]));
        held.post(&format!("/Patient/{id}/$palliative-stratify"), &record).expect(200);
        let events = events(&clinician, &id);
        assert_eq!(events.len(), 1, "{user} {login}");
        assert_eq!(events[0]["agent"], json!([agent]));
    }
}

fn refer_one(client: &Client, id: &str) -> String {
    person(client, id);
    refer(client, id)
}
