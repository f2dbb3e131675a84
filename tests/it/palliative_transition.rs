//! `$palliative-transition` over HTTP. The rules themselves are tested where they stand.

use serde_json::json;

use crate::app::TestApp;
use crate::programme::REASON;
use crate::programme::act;
use crate::programme::consented;
use crate::programme::enrolled;
use crate::programme::is_refused_to_others;
use crate::programme::parameters;
use crate::programme::part;
use crate::programme::parts;
use crate::programme::person;
use crate::programme::refer;
use crate::programme::state;

#[test]
fn what_the_state_does_not_allow_is_refused_with_what_it_does() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let id = refer(&clinician, "p");
    let reply = act(&clinician, &id, "resume", json!([])).expect_issue(409, "conflict");
    assert_eq!(reply.details(), ["invalid-transition"]);
    let issue = &reply.json()["issue"][0];
    assert_eq!(issue["diagnostics"], "allowed: screen, determine, lapse, hospice-elect, death, void");
    assert_eq!(issue["extension"].as_array().unwrap().len(), 6);
}

#[test]
fn a_dry_run_checks_and_shows_and_writes_nothing() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let id = refer(&clinician, "p");
    let reply =
        act(&clinician, &id, "screen", json!([{ "name": "dryRun", "valueBoolean": true }])).expect(200);
    assert_eq!(state(&part(&reply, "episode")), "screening");
    assert_eq!(state(&clinician.get(&format!("/EpisodeOfCare/{id}")).expect(200).json()), "referred");
    let reply = act(&clinician, &id, "screen", json!([])).expect(200);
    assert_eq!(part(&reply, "task")["businessStatus"]["coding"][0]["code"], "screening");
    assert_eq!(parts(&reply, "allowedActions"), ["determine", "lapse", "hospice-elect", "death", "void"]);
}

#[test]
fn determine_screens_and_freezes_what_it_found() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let id = refer(&clinician, "p");
    let reply = act(&clinician, &id, "determine", json!([])).expect(200);
    let episode = part(&reply, "episode");
    assert_eq!(state(&episode), "eligible");
    let url = "https://comfrey.health/fhir/StructureDefinition/eligibility-evidence";
    let evidence = episode["extension"].as_array().unwrap().iter().find(|one| one["url"] == url).unwrap();
    let of = |name: &str| {
        evidence["extension"].as_array().unwrap().iter().find(|one| one["url"] == name).unwrap().clone()
    };
    assert!(of("ruleSet")["valueCanonical"].as_str().unwrap().contains("RS-KELLEY-B|"));
    let result = of("result")["valueReference"]["reference"].as_str().unwrap().to_owned();
    let kept = clinician.get(&format!("/{result}")).expect(200).json();
    assert_eq!(kept["resourceType"], "GuidanceResponse");
}

#[test]
fn determine_can_rest_on_a_screening_that_was_recorded() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let id = refer(&clinician, "p");
    let record = parameters(json!([
        { "name": "ruleSet", "valueCanonical": "https://comfrey.health/fhir/PlanDefinition/RS-KELLEY-B" },
        { "name": "record", "valueBoolean": true }]));
    let screened = clinician.post("/Patient/p/$palliative-screen", &record).expect(200);
    let result = part(&screened, "result");
    let kept = result["part"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "guidanceResponse")
        .unwrap()["valueReference"]
        .clone();
    let reply =
        act(&clinician, &id, "determine", json!([{ "name": "screenResult", "valueReference": kept }]))
            .expect(200);
    assert_eq!(state(&part(&reply, "episode")), "eligible");
    person(&clinician, "q");
    let other = refer(&clinician, "q");
    let foreign = json!([{ "name": "screenResult", "valueReference": kept }]);
    assert_eq!(act(&clinician, &other, "determine", foreign).expect(400).details(), ["bad-parameter"]);
}

#[test]
fn one_without_data_stays_in_screening() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "Patient", "id": "p", "birthDate": "1950-05-01" }));
    let id = refer(&clinician, "p");
    act(&clinician, &id, "screen", json!([])).expect(200);
    let reply = act(&clinician, &id, "determine", json!([])).expect_issue(422, "business-rule");
    assert_eq!(reply.details(), ["indeterminate"]);
    assert_eq!(state(&clinician.get(&format!("/EpisodeOfCare/{id}")).expect(200).json()), "screening");
}

#[test]
fn a_version_that_is_no_longer_current_is_refused() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let id = refer(&clinician, "p");
    let screen = parameters(json!([{ "name": "action", "valueCode": "screen" }]));
    let path = format!("/EpisodeOfCare/{id}/$palliative-transition");
    let send =
        |version: &str| clinician.request("POST", &path).header("If-Match", version).json(&screen).send();
    assert_eq!(send("W/\"7\"").expect_issue(412, "conflict").details(), ["version-mismatch"]);
    let reply = send("W/\"1\"").expect(200);
    assert_eq!(part(&reply, "episode")["meta"]["versionId"], "2");
}

#[test]
fn hold_resume_discharge_and_the_same_discharge_again() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = enrolled(&clinician, "p");
    let dated = |reason: &str| {
        json!([{ "name": "effectiveDate", "valueDate": "2026-03-01" },
            { "name": "reason", "valueCoding": { "system": REASON, "code": reason } },
            { "name": "initiatedBy", "valueCode": "patient" }])
    };
    act(&clinician, &id, "hold", dated("hold-travel")).expect(200);
    act(&clinician, &id, "resume", dated("hold-travel")).expect(200);
    assert_eq!(
        act(&clinician, &id, "discharge", dated("hold-travel")).expect(400).details(),
        ["bad-parameter"]
    );
    let reply = act(&clinician, &id, "discharge", dated("moved-out-of-area")).expect(200);
    let episode = part(&reply, "episode");
    assert_eq!((&episode["status"], &episode["period"]["end"]), (&json!("finished"), &json!("2026-03-01")));
    let flags = clinician.get("/Flag?patient=Patient/p").expect(200).resources();
    assert_eq!(flags[0]["status"], "inactive");
    let again = act(&clinician, &id, "discharge", dated("moved-out-of-area")).expect(200);
    assert_eq!(part(&again, "episode")["meta"]["versionId"], episode["meta"]["versionId"]);
}

#[test]
fn a_transfer_opens_the_episode_in_the_other_programme() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(
        &json!({ "resourceType": "HealthcareService", "id": "other", "active": true, "extension": [{
        "url": "https://comfrey.health/fhir/StructureDefinition/palliative-program-settings",
        "extension": [{ "url": "acceptsConsent", "valueBoolean": true }] }] }),
    );
    let id = enrolled(&clinician, "p");
    let to = |program: &str| {
        json!([{ "name": "targetProgram", "valueReference": { "reference": program } },
            { "name": "effectiveDate", "valueDate": "2026-03-05" },
            { "name": "reason", "valueCoding": { "system": REASON, "code": "transferred-program" } }])
    };
    let unknown = act(&clinician, &id, "transfer", to("HealthcareService/nothing")).expect(404);
    assert_eq!(unknown.details(), ["program-not-found"]);
    let reply = act(&clinician, &id, "transfer", to("HealthcareService/other")).expect(200);
    assert_eq!(part(&reply, "episode")["period"]["end"], "2026-03-04");
    let related = parts(&reply, "related");
    let next = related.iter().find(|one| one["resourceType"] == "EpisodeOfCare").unwrap();
    assert_eq!(state(next), "consented");
}

#[test]
fn of_two_at_once_one_decides_and_the_other_hears_the_new_state() {
    let app = TestApp::new();
    let id = consented(&app.clinician(), "p");
    let callers = [app.clinician(), app.clinician(), app.clinician(), app.clinician()];
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = callers
            .iter()
            .map(|caller| scope.spawn(|| act(caller, &id, "waitlist", json!([])).status))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409]);
}

#[test]
fn a_dry_run_shows_nothing_to_one_who_may_not_write_it() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let id = refer(&clinician, "p");
    let dry = || json!([{ "name": "dryRun", "valueBoolean": true }]);
    act(&app.with_scope("user/EpisodeOfCare.cruds"), &id, "screen", dry()).expect(403);
    let enough = "user/EpisodeOfCare.cruds user/Task.cu user/Provenance.c";
    act(&app.with_scope(enough), &id, "screen", dry()).expect(200);
}

#[test]
fn nobody_changes_a_state_without_the_right_to() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let id = refer(&clinician, "p");
    let screen = parameters(json!([{ "name": "action", "valueCode": "screen" }]));
    is_refused_to_others(&app, &format!("/EpisodeOfCare/{id}/$palliative-transition"), &screen);
    let void = json!([{ "name": "reason", "valueCoding": { "system": REASON, "code": "duplicate" } }]);
    act(&clinician, &id, "void", void.clone()).expect(403);
    assert_eq!(state(&clinician.get(&format!("/EpisodeOfCare/{id}")).expect(200).json()), "referred");
    let own = json!({ "sub": "p", "scope": "patient/*.cruds", "patient": "p" });
    let path = format!("/EpisodeOfCare/{id}/$palliative-transition");
    assert_eq!(app.with_claims(own).post(&path, &screen).expect(403).details(), ["scope"]);
    let director = json!({ "sub": "d", "scope": "user/*.cruds", "roles": ["program-director"] });
    let reply = act(&app.with_claims(director), &id, "void", void).expect(200);
    assert_eq!(part(&reply, "episode")["status"], "entered-in-error");
}
