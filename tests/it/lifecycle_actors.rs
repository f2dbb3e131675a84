//! Who may do which action of the enrolment's table, and what an action that is the patient's own may write.
//! <https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;
use crate::programme::REASON;
use crate::programme::act;
use crate::programme::agreed;
pub use crate::programme::because;
use crate::programme::consented;
use crate::programme::enrolled;
use crate::programme::parameters;
use crate::programme::part;
use crate::programme::parts;
use crate::programme::person;
use crate::programme::refer;
use crate::programme::referral;
use crate::programme::state;
use crate::programme::wish;

/// Who may do an action, beside the director of the programme.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Team,
    TeamAndPatient,
    Nobody,
}
use Who::{Nobody, Team, TeamAndPatient};

/// The token of a patient's app with these scopes.
pub fn own(app: &TestApp, id: &str, scope: &str) -> Client {
    let claims = json!({ "sub": id, "scope": scope, "patient": id, "fhirUser": format!("Patient/{id}") });
    app.with_claims(claims)
}

/// The least that a patient's decision about an episode takes.
pub const DECIDES: &str = "patient/EpisodeOfCare.ru";
/// The least that a patient's referral of themselves takes.
pub const REFERS: &str = "patient/Patient.r patient/EpisodeOfCare.cru";

/// A referral by the patient.
pub fn own_referral(id: &str) -> Value {
    let mut body = referral();
    body["parameter"][1]["valueReference"]["reference"] = json!(format!("Patient/{id}"));
    body["parameter"][2]["valueCode"] = json!("self");
    body
}

fn elected() -> Value {
    json!([{ "name": "hospice", "part": [{ "name": "effectiveDate", "valueDate": "2026-03-01" }] }])
}

fn outreach() -> Value {
    json!([{ "name": "outreach", "part": [{ "name": "method", "valueCode": "phone" },
        { "name": "by", "valueReference": { "reference": "Practitioner/nurse" } },
        { "name": "date", "valueDate": "2026-03-01" }] }])
}

pub fn transfer() -> Value {
    let mut inputs = because("transferred-program");
    let target =
        json!({ "name": "targetProgram", "valueReference": { "reference": "HealthcareService/other" } });
    inputs.as_array_mut().unwrap().push(target);
    inputs
}

pub fn eligible(client: &Client, id: &str) -> String {
    person(client, id);
    let episode = refer(client, id);
    act(client, &episode, "determine", json!([])).expect(200);
    episode
}

/// An episode in each state from which the actions below are tried, of a patient who is named like the state.
fn episodes(client: &Client) -> Vec<(&'static str, String)> {
    client.store(
        &json!({ "resourceType": "HealthcareService", "id": "other", "active": true, "extension": [{
        "url": "https://comfrey.health/fhir/StructureDefinition/palliative-program-settings",
        "extension": [{ "url": "acceptsConsent", "valueBoolean": true }] }] }),
    );
    person(client, "referred");
    let held = enrolled(client, "on-hold");
    act(client, &held, "hold", because("hold-travel")).expect(200);
    let ended = enrolled(client, "discharged");
    act(client, &ended, "discharge", because("moved-out-of-area")).expect(200);
    vec![
        ("referred", refer(client, "referred")),
        ("eligible", eligible(client, "eligible")),
        ("consented", consented(client, "consented")),
        ("enrolled", enrolled(client, "enrolled")),
        ("on-hold", held),
        ("discharged", ended),
    ]
}

/// The state to begin from, the action, its inputs and who may do it. `enroll` has an operation of its own.
fn actions() -> Vec<(&'static str, &'static str, Value, Who)> {
    vec![
        ("referred", "screen", json!([]), Team),
        ("referred", "determine", json!([]), Team),
        ("referred", "lapse", because("unable-to-contact"), Team),
        ("referred", "hospice-elect", elected(), TeamAndPatient),
        ("referred", "death", because("deceased"), Team),
        ("referred", "void", because("duplicate"), Nobody),
        ("eligible", "offer", outreach(), Team),
        ("eligible", "decline", because("declined-not-ready"), TeamAndPatient),
        ("eligible", "consent", agreed("eligible"), TeamAndPatient),
        ("consented", "waitlist", json!([]), Team),
        ("consented", "discharge", because("patient-request"), TeamAndPatient),
        ("consented", "enroll", json!([]), Team),
        ("enrolled", "hold", because("hold-travel"), Team),
        ("enrolled", "transfer", transfer(), Team),
        ("enrolled", "graduate", because("graduated-improved"), Team),
        ("enrolled", "discharge", because("patient-request"), TeamAndPatient),
        ("enrolled", "hospice-elect", elected(), TeamAndPatient),
        ("on-hold", "resume", because("hold-travel"), Team),
        ("discharged", "undo", because("recorded-in-error"), Nobody),
    ]
}

/// Tries an action without writing.
fn dry(client: &Client, (state, id): (&str, &str), action: &str, inputs: &Value) -> Reply {
    let only = json!({ "name": "dryRun", "valueBoolean": true });
    if action == "enroll" {
        let mut body = wish(state);
        body["parameter"].as_array_mut().unwrap().push(only);
        return client.post(&format!("/EpisodeOfCare/{id}/$palliative-enroll"), &body);
    }
    let mut inputs = inputs.clone();
    inputs.as_array_mut().unwrap().push(only);
    act(client, id, action, inputs)
}

#[test]
fn each_action_is_open_to_those_whom_the_table_names_and_to_nobody_else() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episodes = episodes(&clinician);
    let roles = json!({ "sub": "d", "scope": "user/*.cruds", "roles": ["program-director"] });
    let director = app.with_claims(roles);
    for (begin, action, inputs, who) in actions() {
        let id = &episodes.iter().find(|(state, _)| *state == begin).unwrap().1;
        let at = (begin, id.as_str());
        let on_the_whole = |reply: &Reply| {
            // What the guards say is another matter than who asks.
            let passed = matches!(reply.status, 200 | 422);
            assert!(passed || reply.status == 403, "{begin} {action}: {} {}", reply.status, reply.text());
            passed
        };
        assert!(on_the_whole(&dry(&director, at, action, &inputs)), "{begin} {action}");
        assert_eq!(on_the_whole(&dry(&clinician, at, action, &inputs)), who != Nobody, "{begin} {action}");
        for scope in [DECIDES, "patient/*.cruds"] {
            let reply = dry(&own(&app, begin, scope), at, action, &inputs);
            assert_eq!(on_the_whole(&reply), who == TeamAndPatient, "{begin} {action} {scope}");
            if who != TeamAndPatient {
                assert_eq!(reply.details(), ["scope"], "{begin} {action}");
            }
        }
        dry(&own(&app, begin, "patient/*.rs"), at, action, &inputs).expect_issue(403, "forbidden");
        dry(&own(&app, begin, "patient/EpisodeOfCare.u"), at, action, &inputs).expect(403);
        dry(&own(&app, "somebody", "patient/*.cruds"), at, action, &inputs).expect_issue(404, "not-found");
        dry(&app.anonymous(), at, action, &inputs).expect(401);
    }
    for (begin, id) in episodes {
        let stored = clinician.get(&format!("/EpisodeOfCare/{id}")).expect(200).json();
        assert_eq!(state(&stored), begin, "a rehearsal leaves everything as it was");
    }
}

#[test]
fn one_who_reads_everybody_and_writes_for_one_is_held_to_that_one() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = eligible(&clinician, "p");
    let mixed = app.with_claims(json!({ "sub": "q", "patient": "q", "fhirUser": "Practitioner/of-q",
        "scope": "user/EpisodeOfCare.rs user/Patient.rs patient/EpisodeOfCare.cu" }));
    let decline = because("declined-not-ready");
    dry(&mixed, ("p", &id), "decline", &decline).expect_issue(403, "forbidden");
    let refused = act(&mixed, &id, "decline", decline);
    assert!(matches!(refused.status, 403 | 404), "{} {}", refused.status, refused.text());
    let refused = mixed.post("/Patient/p/$palliative-refer", &referral());
    assert!(matches!(refused.status, 403 | 404), "{} {}", refused.status, refused.text());
    assert_eq!(state(&clinician.get(&format!("/EpisodeOfCare/{id}")).expect(200).json()), "eligible");
    assert_eq!(clinician.get("/ServiceRequest?patient=Patient/p").expect(200).resources().len(), 1);
}

#[test]
fn what_a_patient_decides_is_written_whole_and_told_as_far_as_the_token_reads() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for (id, begin, action, inputs) in [
        ("a", eligible as fn(&Client, &str) -> String, "decline", because("declined-not-ready")),
        ("b", eligible, "consent", agreed("b")),
        ("c", enrolled, "discharge", because("patient-request")),
        ("d", enrolled, "hospice-elect", elected()),
    ] {
        let episode = begin(&clinician, id);
        let held = own(&app, id, DECIDES);
        let reply = act(&held, &episode, action, inputs).expect(200);
        assert!(parts(&reply, "task").is_empty() && parts(&reply, "related").is_empty(), "{}", reply.text());
        let now = state(&part(&reply, "episode"));
        let tasks = clinician.get(&format!("/Task?focus=EpisodeOfCare/{episode}")).expect(200).resources();
        let work = tasks.iter().find(|task| task.get("businessStatus").is_some()).unwrap();
        assert_eq!(work["businessStatus"]["coding"][0]["code"], now.as_str(), "{action}");
        let who =
            clinician.get(&format!("/Provenance?target=EpisodeOfCare/{episode}")).expect(200).resources();
        let by_patient =
            |one: &Value| one["agent"][0]["who"]["reference"] == format!("Patient/{id}").as_str();
        assert_eq!(who.iter().filter(|one| by_patient(one)).count(), 1, "{action}: {who:?}");
        // The right to decide is no right to write what the decision writes.
        let name = format!("/Task/{}", work["id"].as_str().unwrap());
        held.get(&name).expect(403);
        held.put(&name, work).expect(403);
        held.delete(&name).expect(403);
        own(&app, id, "patient/*.cruds").put(&name, work).expect(403);
        held.post("/Provenance", &who[0]).expect(403);
    }
    let flags = clinician.get("/Flag?patient=Patient/d").expect(200).resources();
    let election = |flag: &&Value| flag["code"]["coding"][0]["code"] == "hospice-election";
    assert_eq!(flags.iter().filter(election).count(), 1);
    let referrals = clinician.get("/ServiceRequest?patient=Patient/a").expect(200).resources();
    assert!(referrals.iter().all(|one| one["status"] == "revoked"), "{referrals:?}");
}

#[test]
fn a_patient_who_may_read_more_is_told_more_but_never_of_tasks() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = enrolled(&clinician, "p");
    let body = parameters(json!([
        { "name": "endDate", "valueDate": "2026-03-01" },
        { "name": "reason", "valueCoding": { "system": REASON, "code": "patient-request" } },
        { "name": "initiatedBy", "valueCode": "patient" } ]));
    let held = own(&app, "p", "patient/EpisodeOfCare.ru patient/Flag.r");
    let reply = held.post(&format!("/EpisodeOfCare/{episode}/$palliative-disenroll"), &body).expect(200);
    assert_eq!(state(&part(&reply, "episode")), "discharged");
    let told: Vec<_> =
        parts(&reply, "related").iter().map(|one| one["resourceType"].as_str().unwrap().to_owned()).collect();
    assert!(!told.is_empty() && told.iter().all(|ty| ty == "Flag"), "{told:?}");
    assert!(parts(&reply, "task").is_empty());
}

#[test]
fn a_patient_refers_themselves_with_a_right_to_their_own_episodes_alone() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let path = "/Patient/p/$palliative-refer";
    for scope in ["patient/Patient.r patient/EpisodeOfCare.ru", "patient/*.rs"] {
        own(&app, "p", scope).post(path, &own_referral("p")).expect_issue(403, "forbidden");
    }
    own(&app, "somebody", "patient/*.cruds").post(path, &own_referral("p")).expect_issue(404, "not-found");
    assert!(clinician.get("/EpisodeOfCare").expect(200).resources().is_empty());
    let held = own(&app, "p", REFERS);
    let reply = held.post(path, &own_referral("p")).expect(201);
    assert!(parts(&reply, "task").is_empty(), "{}", reply.text());
    assert_eq!(state(&part(&reply, "episode")), "referred");
    for (ty, count) in [("Task", 1), ("ServiceRequest", 1), ("Provenance", 1)] {
        assert_eq!(clinician.get(&format!("/{ty}")).expect(200).resources().len(), count, "{ty}");
    }
    held.post(path, &own_referral("p")).expect(200);
    held.get("/ServiceRequest?patient=Patient/p").expect(403);
}

#[test]
fn what_a_patient_sends_along_is_stored_only_where_the_token_may_store_it() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let mut body = own_referral("p");
    body["parameter"].as_array_mut().unwrap().push(json!({ "name": "serviceRequest", "resource": {
        "resourceType": "ServiceRequest", "status": "active", "intent": "order",
        "subject": { "reference": "Patient/p" } } }));
    let path = "/Patient/p/$palliative-refer";
    own(&app, "p", REFERS).post(path, &body).expect_issue(403, "forbidden");
    for ty in ["EpisodeOfCare", "ServiceRequest", "Task", "Provenance"] {
        assert!(clinician.get(&format!("/{ty}")).expect(200).resources().is_empty(), "{ty}");
    }
    let more = format!("{REFERS} patient/ServiceRequest.c");
    own(&app, "p", &more).post(path, &body).expect(201);
}

#[test]
fn the_team_still_needs_the_scopes_of_all_that_it_writes() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = eligible(&clinician, "p");
    let decline = because("declined-not-ready");
    act(&app.with_scope("user/EpisodeOfCare.ru"), &id, "decline", decline.clone()).expect(403);
    let enough = "user/EpisodeOfCare.ru user/Task.u user/Provenance.c user/ServiceRequest.u";
    act(&app.with_scope(enough), &id, "decline", decline).expect(200);
}
