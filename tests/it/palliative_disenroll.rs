//! `$palliative-disenroll` over HTTP. The rules themselves are tested where they stand.

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;
use crate::programme::REASON;
use crate::programme::enrolled;
use crate::programme::is_refused_to_others;
use crate::programme::parameters;
use crate::programme::part;
use crate::programme::parts;
use crate::programme::person;
use crate::programme::refer;
use crate::programme::state;

fn ending(day: &str, reason: &str) -> Value {
    parameters(json!([
        { "name": "endDate", "valueDate": day },
        { "name": "reason", "valueCoding": { "system": REASON, "code": reason } },
        { "name": "initiatedBy", "valueCode": "patient" },
        { "name": "destination", "valueReference": { "reference": "Organization/next" } },
    ]))
}

fn end(client: &Client, id: &str, body: &Value) -> Reply {
    client.post(&format!("/EpisodeOfCare/{id}/$palliative-disenroll"), body)
}

#[test]
fn an_ending_closes_the_episode_its_flag_and_its_tasks() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = enrolled(&clinician, "p");
    let reply = end(&clinician, &id, &ending("2026-03-01", "moved-out-of-area")).expect(200);
    let episode = part(&reply, "episode");
    assert_eq!(state(&episode), "discharged");
    assert_eq!((&episode["status"], &episode["period"]["end"]), (&json!("finished"), &json!("2026-03-01")));
    let flags = clinician.get("/Flag?patient=Patient/p").expect(200).resources();
    assert!(flags.iter().all(|flag| flag["status"] == "inactive"), "{flags:?}");
    assert!(parts(&reply, "related").iter().any(|one| one["resourceType"] == "Flag"));
    assert_eq!(parts(&reply, "allowedActions"), ["void", "undo"]);
    let again = end(&clinician, &id, &ending("2026-03-01", "moved-out-of-area")).expect(200);
    assert_eq!(part(&again, "episode")["meta"]["versionId"], episode["meta"]["versionId"]);
    let other = end(&clinician, &id, &ending("2026-03-01", "coverage-lost")).expect_issue(409, "conflict");
    assert_eq!(other.details(), ["invalid-transition"]);
}

#[test]
fn what_cannot_end_or_is_missing_is_refused_and_nothing_is_written() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let id = refer(&clinician, "p");
    let early = end(&clinician, &id, &ending("2026-03-01", "moved-out-of-area")).expect(409);
    assert_eq!(early.details(), ["invalid-transition"]);
    let missing = end(&clinician, &id, &json!({ "resourceType": "Parameters" })).expect(400);
    assert_eq!(missing.details(), ["missing-parameter"; 3]);
    let wrong = end(&clinician, &id, &ending("2026-03-01", "hold-travel")).expect(400);
    assert_eq!(wrong.details(), ["bad-parameter"]);
    let path = format!("/EpisodeOfCare/{id}");
    assert_eq!(clinician.get(&path).expect(200).json()["meta"]["versionId"], "1");
    let id = enrolled(&clinician, "q");
    let mut dry = ending("2026-03-01", "moved-out-of-area");
    dry["parameter"].as_array_mut().unwrap().push(json!({ "name": "dryRun", "valueBoolean": true }));
    assert_eq!(state(&part(&end(&clinician, &id, &dry).expect(200), "episode")), "discharged");
    let late = end(&clinician, &id, &ending("2026-12-31", "moved-out-of-area")).expect(422);
    assert_eq!(late.details(), ["date-range"]);
    let stored = clinician.get(&format!("/EpisodeOfCare/{id}")).expect(200).json();
    assert_eq!(state(&stored), "enrolled");
}

#[test]
fn nobody_ends_an_enrolment_without_the_right_to() {
    let app = TestApp::new();
    let id = enrolled(&app.clinician(), "p");
    let path = format!("/EpisodeOfCare/{id}/$palliative-disenroll");
    is_refused_to_others(&app, &path, &ending("2026-03-01", "moved-out-of-area"));
    let graduation = ending("2026-03-01", "graduated-improved");
    // Whether the aims are reached is for the team to say.
    let own = json!({ "sub": "p", "scope": "patient/*.cruds", "patient": "p" });
    assert_eq!(app.with_claims(own).post(&path, &graduation).expect(403).details(), ["scope"]);
}
