//! References that lead nowhere: refused where they are new, and no reason to refuse what is about something else where the
//! version that is there has them already. <https://hl7.org/fhir/R4/http.html#trules>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Reply;
use crate::database::tamper;

const BY_SEARCH: &str = "Patient?identifier=urn:mrn|1";
const URN: &str = "urn:uuid:11111111-1111-4111-8111-111111111111";

fn goal(id: &str, subject: &str) -> Value {
    json!({ "resourceType": "Goal", "id": id, "lifecycleStatus": "active", "description": { "text": "To be at home" },
        "subject": { "reference": subject } })
}

fn patient(id: &str) -> Value {
    json!({ "resourceType": "Patient", "id": id, "identifier": [{ "system": "urn:mrn", "value": "1" }] })
}

/// Stores a goal, and gives it behind the server's back a subject that it would be refused with today.
fn with_old(app: &TestApp, id: &str, subject: &str) {
    app.clinician().store(&goal(id, "Patient/placeholder"));
    let url = &app.app().config.database_url;
    let changed = match url.starts_with("sqlite:") {
        true => format!("CAST(replace(CAST(body AS TEXT), 'Patient/placeholder', '{subject}') AS BLOB)"),
        false => {
            format!(
                "convert_to(replace(convert_from(body, 'UTF8'), 'Patient/placeholder', '{subject}'), 'UTF8')"
            )
        }
    };
    tamper(url, &format!("UPDATE resource SET body = {changed} WHERE id = '{id}'"));
    assert_eq!(subject_of(app, id), subject);
}

fn subject_of(app: &TestApp, id: &str) -> String {
    let stored = app.clinician().get(&format!("/Goal/{id}")).expect(200).json();
    stored["subject"]["reference"].as_str().unwrap().to_owned()
}

fn with_note(mut goal: Value) -> Value {
    goal["note"] = json!([{ "text": "Said again on Monday." }]);
    goal
}

fn patch(app: &TestApp, scope: &str, id: &str) -> Reply {
    let merge = json!({ "note": [{ "text": "Said again on Monday." }] });
    let call = app.with_scope(scope).request("PATCH", &format!("/Goal/{id}"));
    call.body("application/merge-patch+json", merge.to_string()).send()
}

fn transaction(entries: &[Value]) -> Value {
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })
}

fn put(resource: &Value) -> Value {
    let url = format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
    json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
}

#[test]
fn what_the_stored_version_says_already_bars_no_other_change() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for (id, subject) in [("a", BY_SEARCH), ("b", "Patient?unknown=1")] {
        with_old(&app, id, subject);
        let changed = with_note(goal(id, subject));
        clinician.put(&format!("/Goal/{id}"), &changed).expect(200);
        patch(&app, "user/*.cruds", id).expect(200);
        clinician.post("", &transaction(&[put(&changed)])).expect(200);
        assert_eq!(subject_of(&app, id), subject);
        // The same words are refused where they are new, also in a further reference of the same resource.
        let status = if subject == BY_SEARCH { 412 } else { 400 };
        clinician.put("/Goal/new", &goal("new", subject)).expect(status);
        let mut other = changed.clone();
        other["expressedBy"] = json!({ "reference": "Patient?identifier=urn:mrn|2" });
        clinician.put(&format!("/Goal/{id}"), &other).expect_issue(412, "not-found");
    }
}

#[test]
fn what_meets_one_resource_by_now_is_resolved_and_what_meets_several_stays() {
    let app = TestApp::new();
    let clinician = app.clinician();
    with_old(&app, "old", BY_SEARCH);
    clinician.store(&patient("a"));
    clinician.store(&patient("b"));
    patch(&app, "user/*.cruds", "old").expect(200);
    assert_eq!(subject_of(&app, "old"), BY_SEARCH);
    clinician.put("/Goal/new", &goal("new", BY_SEARCH)).expect_issue(412, "multiple-matches");
    clinician.delete("/Patient/b").expect(204);
    clinician.post("", &transaction(&[put(&with_note(goal("old", BY_SEARCH)))])).expect(200);
    assert_eq!(subject_of(&app, "old"), "Patient/a");
}

#[test]
fn who_may_not_search_or_read_gets_no_further_by_it() {
    let app = TestApp::new();
    with_old(&app, "old", BY_SEARCH);
    app.clinician().store(&patient("a"));
    // May change the goal and not look for patients: the reference stays as it is.
    patch(&app, "user/Goal.ru", "old").expect(200);
    assert_eq!(subject_of(&app, "old"), BY_SEARCH);
    // May not read the goal: is not told what it says.
    let changed = with_note(goal("old", BY_SEARCH));
    app.with_scope("user/Goal.u").put("/Goal/old", &changed).expect(403);
    app.with_scope("user/Goal.r").put("/Goal/old", &changed).expect(403);
    app.stranger().put("/Goal/old", &changed).expect(403);
}

#[test]
fn the_name_of_something_elsewhere_is_refused_only_where_an_entry_may_be_meant() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient("a"));
    let mut both = goal("both", URN);
    both["expressedBy"] = json!({ "reference": BY_SEARCH });
    clinician.put("/Goal/both", &both).expect(201);
    let stored = clinician.get("/Goal/both").expect(200).json();
    assert_eq!(
        (&stored["subject"]["reference"], &stored["expressedBy"]["reference"]),
        (&json!(URN), &json!("Patient/a"))
    );
    let refused = clinician.post("", &transaction(&[put(&goal("other", URN))])).expect(422);
    assert!(refused.text().contains("no entry of this Bundle"), "{}", refused.text());
    // Stored as it is, it stays so in a transaction too.
    clinician.post("", &transaction(&[put(&with_note(stored))])).expect(200);
    assert_eq!(subject_of(&app, "both"), URN);
}
