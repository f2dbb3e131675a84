//! `$palliative-status` over HTTP. What stands on which day is tested where the rules stand.

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::programme::PROGRAM;
use crate::programme::REASON;
use crate::programme::act;
use crate::programme::enrolled;
use crate::programme::person;

/// The parts of each programme, by name.
fn standing(client: &Client, query: &str) -> Vec<Value> {
    let reply = client.get(&format!("/Patient/p/$palliative-status{query}")).expect(200).json();
    reply["parameter"].as_array().cloned().unwrap_or_default()
}

fn of(program: &Value, name: &str) -> Vec<Value> {
    let parts = program["part"].as_array().unwrap().iter().filter(|one| one["name"] == name);
    parts
        .map(|one| one.as_object().unwrap().iter().find(|(key, _)| *key != "name").unwrap().1.clone())
        .collect()
}

#[test]
fn it_tells_of_each_programme_where_the_person_stands() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = enrolled(&clinician, "p");
    let all = standing(&clinician, "");
    assert_eq!(all.len(), 1);
    for (name, value) in [
        ("program", json!({ "reference": PROGRAM })),
        ("state", json!("enrolled")),
        ("episode", json!({ "reference": format!("EpisodeOfCare/{id}") })),
        ("since", json!("2026-03-01")),
        ("tier", json!("tier-3")),
        ("coverage", json!({ "reference": "Coverage/p-coverage" })),
        ("hospice", json!(false)),
    ] {
        assert_eq!(of(&all[0], name), [value], "{name}");
    }
    assert_eq!(of(&all[0], "contacts")[0]["value"], "+1-555-0100");
    let next = ["hold", "transfer", "graduate", "discharge", "hospice-elect", "death"];
    assert_eq!(of(&all[0], "allowedActions"), next);
    let then = standing(&clinician, "?asOf=2026-02-27");
    assert_eq!(of(&then[0], "state"), ["referred"]);
    assert_eq!(of(&then[0], "allowedActions").len(), 0);
    assert_eq!(standing(&clinician, "?asOf=2026-01-01").len(), 0);
    assert_eq!(standing(&clinician, &format!("?program={PROGRAM}")).len(), 1);
    let program = json!({ "resourceType": "HealthcareService", "id": "other", "active": true });
    clinician.store(&program);
    assert_eq!(standing(&clinician, "?program=HealthcareService/other").len(), 0);
}

#[test]
fn a_step_that_is_dated_ahead_is_told_as_to_come_with_what_may_be_done_until_then() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = enrolled(&clinician, "p");
    let hold = json!([{ "name": "reason", "valueCoding": { "system": REASON, "code": "hold-travel" } },
        { "name": "effectiveDate", "valueDate": "2026-03-05" }]);
    act(&clinician, &id, "hold", hold).expect(200);
    let told = standing(&clinician, "").remove(0);
    for (name, value) in [("state", "enrolled"), ("coming", "on-hold"), ("comingSince", "2026-03-05")] {
        assert_eq!(of(&told, name), [value], "{name}");
    }
    let next = ["resume", "transfer", "graduate", "discharge", "hospice-elect", "death"];
    assert_eq!(of(&told, "allowedActions"), next);
    let before = standing(&clinician, "?asOf=2026-02-27").remove(0);
    assert_eq!((of(&before, "coming").len(), of(&before, "allowedActions").len()), (0, 0));
}

#[test]
fn a_programme_that_is_gone_does_not_hide_where_the_person_stands() {
    let app = TestApp::new();
    let clinician = app.clinician();
    enrolled(&clinician, "p");
    clinician.delete(&format!("/{PROGRAM}")).expect(204);
    for query in ["", &format!("?program={PROGRAM}")] {
        let all = standing(&clinician, query);
        assert_eq!(of(&all[0], "state"), ["enrolled"]);
        assert_eq!(of(&all[0], "tier"), ["tier-3"]);
        assert_eq!((of(&all[0], "unresolved").len(), of(&all[0], "hospice").len()), (1, 0));
    }
}

#[test]
fn an_election_shows_and_the_tag_changes_with_the_answer() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = enrolled(&clinician, "p");
    let tag = || {
        let reply = clinician.get("/Patient/p/$palliative-status").expect(200);
        reply.header("ETag").expect("a tag").to_owned()
    };
    let before = tag();
    assert_eq!(before, tag());
    let election =
        json!([{ "name": "hospice", "part": [{ "name": "effectiveDate", "valueDate": "2026-03-01" }] }]);
    act(&clinician, &id, "hospice-elect", election).expect(200);
    assert_ne!(before, tag());
    let all = standing(&clinician, "");
    assert_eq!(
        (of(&all[0], "state"), of(&all[0], "hospice")),
        (vec![json!("hospice-elected")], vec![json!(true)])
    );
}

#[test]
fn what_is_unknown_or_has_not_come_is_refused_and_one_without_an_episode_has_no_part() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    assert_eq!(
        clinician.get("/Patient/p/$palliative-status").expect(200).json(),
        json!({ "resourceType": "Parameters" })
    );
    let nobody = clinician.get("/Patient/nobody/$palliative-status");
    nobody.expect(404);
    let unknown = clinician.get("/Patient/p/$palliative-status?program=HealthcareService/none").expect(404);
    assert_eq!(unknown.details(), ["program-not-found"]);
    enrolled(&clinician, "p");
    let future = clinician.get("/Patient/p/$palliative-status?asOf=2030-01-01").expect(422);
    assert_eq!(future.details(), ["date-range"]);
    clinician.get("/Patient/p/$palliative-status?asOf=2026-02").expect(400);
    // The same of one who has no episode: an empty answer would say that nothing is planned for that day.
    person(&clinician, "none");
    let none = clinician.get("/Patient/none/$palliative-status?asOf=2030-01-01").expect(422);
    assert_eq!(none.details(), ["date-range"]);
    clinician.get("/Patient/none/$palliative-status?asOf=2026-02").expect(400);
    clinician.get("/Patient/p/$palliative-status?colour=green").expect(400);
}

#[test]
fn only_those_who_may_read_episodes_and_flags_learn_of_them() {
    let app = TestApp::new();
    enrolled(&app.clinician(), "p");
    let path = "/Patient/p/$palliative-status";
    app.anonymous().get(path).expect(401);
    app.stranger().get(path).expect(403);
    for scope in ["user/Patient.rs", "user/Patient.rs user/Flag.rs", "user/Patient.rs user/EpisodeOfCare.rs"]
    {
        app.with_scope(scope).get(path).expect(403);
    }
    let enough = "user/Patient.rs user/Flag.rs user/EpisodeOfCare.rs";
    assert_eq!(standing(&app.with_scope(enough), "").len(), 1);
    assert_eq!(standing(&app.patient("p"), "").len(), 1);
    app.patient("other").get(path).expect(404);
}
