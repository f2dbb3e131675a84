//! A screening and a stratification that are kept: each call once for its key, with the rights for what it writes, and no
//! part of a transaction. <https://hl7.org/fhir/R4/operations.html>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;
use crate::programme::PROGRAM;
use crate::programme::parameters;
use crate::programme::part;
use crate::programme::person;

/// Each operation with the type of what it keeps.
const KEPT: [(&str, &str); 2] =
    [("palliative-screen", "GuidanceResponse"), ("palliative-stratify", "RiskAssessment")];

fn body(more: Value) -> Value {
    let mut list = json!([{ "name": "program", "valueReference": { "reference": PROGRAM } },
        { "name": "record", "valueBoolean": true }]);
    list.as_array_mut().unwrap().extend(more.as_array().unwrap().iter().cloned());
    parameters(list)
}

fn keyed(client: &Client, operation: &str, key: &str, body: &Value) -> Reply {
    let call = client.request("POST", &format!("/Patient/p/${operation}"));
    call.header("Idempotency-Key", key).json(body).send()
}

fn count(client: &Client, ty: &str) -> usize {
    client.get(&format!("/{ty}?patient=Patient/p")).expect(200).resources().len()
}

#[test]
fn what_is_kept_is_kept_once_for_each_key() {
    for (operation, ty) in KEPT {
        let app = TestApp::new();
        let clinician = app.clinician();
        person(&clinician, "p");
        let first = keyed(&clinician, operation, "k", &body(json!([]))).expect(200);
        let (kept, tasks) = (count(&clinician, ty), count(&clinician, "Task"));
        assert!(kept > 0, "{operation}");
        assert_eq!(first.header("idempotency-replayed"), None);
        let again = keyed(&clinician, operation, "k", &body(json!([]))).expect(200);
        assert_eq!((again.json(), again.header("idempotency-replayed")), (first.json(), Some("true")));
        assert!(first.header("x-rule-set").is_some(), "{operation}");
        assert_eq!(again.header("x-rule-set"), first.header("x-rule-set"), "{operation}");
        let other = body(json!([{ "name": "asOf", "valueDate": "2026-02-28" }]));
        keyed(&clinician, operation, "k", &other).expect_issue(422, "business-rule");
        assert_eq!((count(&clinician, ty), count(&clinician, "Task")), (kept, tasks), "{operation}");
        keyed(&clinician, operation, "l", &body(json!([]))).expect(200);
        assert_eq!(count(&clinician, ty), 2 * kept, "{operation}: another key is another call");
    }
}

#[test]
fn of_sixteen_calls_with_one_key_at_once_one_is_carried_out() {
    for (operation, ty) in KEPT {
        let app = TestApp::new();
        person(&app.clinician(), "p");
        let callers: Vec<_> = (0..16).map(|_| app.clinician()).collect();
        let answers: Vec<Value> = std::thread::scope(|scope| {
            let started: Vec<_> = callers
                .iter()
                .map(|caller| {
                    scope.spawn(|| keyed(caller, operation, "k", &body(json!([]))).expect(200).json())
                })
                .collect();
            started.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{operation}");
        let one = TestApp::new();
        person(&one.clinician(), "p");
        one.clinician().post(&format!("/Patient/p/${operation}"), &body(json!([]))).expect(200);
        assert_eq!(count(&app.clinician(), ty), count(&one.clinician(), ty), "{operation}");
    }
}

#[test]
fn keeping_is_no_part_of_a_transaction_and_leaves_nothing_of_it() {
    for (operation, ty) in KEPT {
        let app = TestApp::new();
        let clinician = app.clinician();
        person(&clinician, "p");
        let entry = |body: &Value| {
            json!({ "resource": body,
                "request": { "method": "POST", "url": format!("Patient/p/${operation}") } })
        };
        let note = json!({ "resource": { "resourceType": "Basic", "code": { "text": "x" } },
            "request": { "method": "POST", "url": "Basic" } });
        let bundle = |kind: &str, body: &Value| json!({ "resourceType": "Bundle", "type": kind, "entry": [note.clone(), entry(body)] });
        let refused = clinician.post("/", &bundle("transaction", &body(json!([]))));
        assert!((400..500).contains(&refused.status), "{operation}: {}", refused.text());
        assert!(refused.text().contains("is not part of a transaction"), "{}", refused.text());
        assert_eq!((count(&clinician, ty), clinician.get("/Basic").expect(200).resources().len()), (0, 0));
        let reads = parameters(json!([{ "name": "program", "valueReference": { "reference": PROGRAM } }]));
        clinician.post("/", &bundle("transaction", &reads)).expect(200);
        assert_eq!(count(&clinician, ty), 0);
        clinician.post("/", &bundle("batch", &body(json!([])))).expect(200);
        assert!(count(&clinician, ty) > 0);
    }
}

#[test]
fn keeping_takes_the_rights_for_what_is_written() {
    let read = "user/Patient.rs user/Condition.rs user/Observation.rs user/Flag.rs user/Coverage.rs user/Encounter.rs \
                user/MedicationRequest.rs user/MedicationStatement.rs user/Medication.rs user/Device.rs user/Procedure.rs \
                user/ServiceRequest.rs user/DeviceUseStatement.rs user/DeviceRequest.rs user/AllergyIntolerance.rs \
                user/QuestionnaireResponse.rs user/RelatedPerson.rs user/RiskAssessment.rs user/EpisodeOfCare.rs \
                user/GuidanceResponse.rs user/CarePlan.rs user/Goal.rs user/DocumentReference.rs user/Immunization.rs";
    for (operation, ty) in KEPT {
        let app = TestApp::new();
        let clinician = app.clinician();
        person(&clinician, "p");
        let path = format!("/Patient/p/${operation}");
        for (caller, status, code) in [(app.anonymous(), 401, "login"), (app.stranger(), 403, "forbidden")] {
            caller.post(&path, &body(json!([]))).expect_issue(status, code);
        }
        app.patient("q").post(&path, &body(json!([]))).expect_issue(404, "not-found");
        app.with_scope(read).post(&path, &body(json!([]))).expect_issue(403, "forbidden");
        assert_eq!(count(&clinician, ty), 0, "{operation}");
        // A stratification writes more than its RiskAssessment.
        let may = format!("{read} user/{ty}.c");
        let caller = app.with_scope(&may);
        if operation == "palliative-screen" {
            caller.post(&path, &body(json!([]))).expect(200);
            assert!(count(&clinician, ty) > 0, "{operation}");
        } else {
            caller.post(&path, &body(json!([]))).expect_issue(403, "forbidden");
            assert_eq!(count(&clinician, ty), 0, "{operation}");
        }
    }
}

/// By whichever URL and version a client names what is here, it is the same.
#[test]
fn what_is_named_by_an_absolute_or_versioned_url_of_ours_is_the_same() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let here = |name: &str| app.url(&format!("/fhir/{name}"));
    let referral = crate::programme::referral().to_string().replace(PROGRAM, &here(PROGRAM));
    let referral: Value = serde_json::from_str(&referral).unwrap();
    let referred = clinician.post("/Patient/p/$palliative-refer", &referral).expect(201);
    let episode = part(&referred, "episode")["id"].as_str().unwrap().to_owned();
    let act =
        |action: &str, more: Value| crate::programme::act(&clinician, &episode, action, more).expect(200);
    act("screen", json!([]));
    act("determine", json!([]));
    let mut agreed = crate::programme::agreed("p");
    agreed[0]["valueReference"]["reference"] = json!(here("Consent/p-consent/_history/1"));
    act("consent", agreed);
    let wish = crate::programme::wish("p").to_string();
    let wish = wish.replace("Coverage/p-coverage", &here("Coverage/p-coverage"));
    let wish = wish.replace("CareTeam/p-team", &here("CareTeam/p-team/_history/1"));
    let wish: Value = serde_json::from_str(&wish).unwrap();
    let enrolled = clinician.post(&format!("/EpisodeOfCare/{episode}/$palliative-enroll"), &wish).expect(200);
    assert!(!enrolled.text().contains(&here("")), "what is stored is relative");
    // and the withdrawal of the agreement finds the episode
    let mut consent = crate::programme::agreement("p");
    consent["status"] = json!("inactive");
    clinician.put("/Consent/p-consent", &consent).expect(200);
    let code = "https%3A//comfrey.health/fhir/CodeSystem/palliative-task%7Cconsent-withdrawn";
    assert_eq!(clinician.get(&format!("/Task?code={code}")).expect(200).resources().len(), 1);
    // a task about a version of the episode ends with it
    let task = json!({ "resourceType": "Task", "id": "about", "status": "requested", "intent": "order",
        "code": { "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/palliative-task", "code": "outreach" }] },
        "for": { "reference": "Patient/p" },
        "focus": { "reference": here(&format!("EpisodeOfCare/{episode}/_history/1")) } });
    clinician.store(&task);
    act("discharge", crate::lifecycle_actors::because("patient-request"));
    assert_eq!(clinician.get("/Task/about").expect(200).json()["status"], "cancelled");
}
