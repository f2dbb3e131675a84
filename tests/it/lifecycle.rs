//! The whole enrolment lifecycle over HTTP: every state is reached, in each every action is tried, and a request that
//! is sent again is carried out once. <https://hl7.org/fhir/R4/episodeofcare.html>

use comfrey::palliative::enrollment::state::State;
use comfrey::palliative::enrollment::table::Action;
use comfrey::palliative::enrollment::table::allowed;
use comfrey::palliative::vocabulary::EPISODE_EXTENSIONS;
use serde_json::Value;
use serde_json::json;

use crate::app::START;
use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;
use crate::programme::REASON;
use crate::programme::act;
use crate::programme::agreed;
use crate::programme::because as dated;
use crate::programme::consented;
use crate::programme::enrolled;
use crate::programme::parameters;
use crate::programme::part;
use crate::programme::person;
use crate::programme::refer;
use crate::programme::state;
use crate::programme::wish;

fn director(app: &TestApp) -> Client {
    app.with_claims(json!({ "sub": "d", "scope": "user/*.cruds", "roles": ["program-director"],
        "fhirUser": "Practitioner/director" }))
}

fn outreach(times: usize) -> Value {
    let one = json!({ "name": "outreach", "part": [
        { "name": "method", "valueCode": "phone" },
        { "name": "by", "valueReference": { "reference": "Practitioner/gp" } },
        { "name": "date", "valueDate": "2026-03-01" }] });
    Value::Array(vec![one; times])
}

fn with(mut list: Value, more: Value) -> Value {
    list.as_array_mut().unwrap().extend(more.as_array().unwrap().iter().cloned());
    list
}

fn eligible(client: &Client, id: &str) -> String {
    person(client, id);
    let episode = refer(client, id);
    act(client, &episode, "determine", json!([])).expect(200);
    episode
}

/// A programme whose only rule set does not take those in hospice, and a person who is.
fn not_eligible(client: &Client, id: &str) -> String {
    let settings = json!([{ "url": "ruleSet",
        "valueCanonical": "https://comfrey.health/fhir/PlanDefinition/RS-CA-ADULT" }]);
    client.store(
        &json!({ "resourceType": "HealthcareService", "id": "strict", "active": true, "extension": [{
        "url": "https://comfrey.health/fhir/StructureDefinition/palliative-program-settings",
        "extension": settings }] }),
    );
    person(client, id);
    let mut body = crate::programme::referral();
    body["parameter"][0]["valueReference"]["reference"] = json!("HealthcareService/strict");
    let reply = client.post(&format!("/Patient/{id}/$palliative-refer"), &body).expect(201);
    let episode = part(&reply, "episode")["id"].as_str().unwrap().to_owned();
    client.store(&json!({ "resourceType": "Flag", "id": format!("{id}-hospice"), "status": "active",
        "code": { "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/palliative-flag", "code": "hospice-election" }] },
        "subject": { "reference": format!("Patient/{id}") }, "period": { "start": "2026-02-01" } }));
    act(client, &episode, "determine", json!([])).expect(200);
    episode
}

fn transferred(client: &Client, id: &str) -> String {
    let settings = "https://comfrey.health/fhir/StructureDefinition/palliative-program-settings";
    client.store(&json!({ "resourceType": "HealthcareService", "id": "next", "active": true,
        "extension": [{ "url": settings, "extension": [{ "url": "tz", "valueString": "America/Los_Angeles" }] }] }));
    let to =
        json!([{ "name": "targetProgram", "valueReference": { "reference": "HealthcareService/next" } }]);
    after(client, enrolled(client, id), "transfer", with(dated("transferred-program"), to))
}

fn after(client: &Client, episode: String, action: &str, more: Value) -> String {
    act(client, &episode, action, more).expect(200);
    episode
}

/// Brings a person into a state by nothing but the operations; the id of the episode.
fn reach(client: &Client, wanted: State) -> String {
    let id = wanted.code();
    let elected =
        json!([{ "name": "hospice", "part": [{ "name": "effectiveDate", "valueDate": "2026-03-02" }] }]);
    match wanted {
        State::Referred => {
            person(client, id);
            refer(client, id)
        }
        State::Screening => {
            person(client, id);
            let episode = refer(client, id);
            after(client, episode, "screen", json!([]))
        }
        State::Eligible => eligible(client, id),
        State::NotEligible => not_eligible(client, id),
        State::Offered => after(client, eligible(client, id), "offer", outreach(1)),
        State::Declined => after(client, eligible(client, id), "decline", dated("declined-cost")),
        State::Consented => consented(client, id),
        State::Waitlisted => after(client, consented(client, id), "waitlist", json!([])),
        State::Enrolled => enrolled(client, id),
        State::OnHold => after(client, enrolled(client, id), "hold", dated("hold-travel")),
        State::TransferredOut => transferred(client, id),
        State::Graduated => after(client, enrolled(client, id), "graduate", dated("graduated-improved")),
        State::Discharged => after(client, enrolled(client, id), "discharge", dated("coverage-lost")),
        State::HospiceElected => after(client, enrolled(client, id), "hospice-elect", elected),
        State::Deceased => after(client, enrolled(client, id), "death", dated("deceased")),
        State::Lapsed => {
            let given = with(dated("unable-to-contact"), outreach(3));
            after(client, eligible(client, id), "lapse", given)
        }
        State::EnteredInError => after(client, eligible(client, id), "void", dated("duplicate")),
    }
}

#[test]
fn every_state_is_reached_and_in_each_what_the_table_does_not_list_is_refused_with_what_it_does() {
    let app = TestApp::new();
    let client = director(&app);
    for at in State::all() {
        let id = reach(&client, at);
        let path = format!("/EpisodeOfCare/{id}");
        let before = client.get(&path).expect(200).json();
        assert_eq!(state(&before), at.code());
        let possible: Vec<&str> = allowed(at).into_iter().map(Action::code).collect();
        let dry = json!([{ "name": "dryRun", "valueBoolean": true },
            { "name": "effectiveDate", "valueDate": "2026-02-28" }]);
        for action in Action::all().filter(|action| *action != Action::Refer) {
            let reply = if action == Action::Enroll {
                let mut body = wish(at.code());
                body["parameter"][0]["valueDate"] = json!("2026-03-03");
                body["parameter"].as_array_mut().unwrap().push(dry[0].clone());
                client.post(&format!("{path}/$palliative-enroll"), &body)
            } else {
                act(&client, &id, action.code(), dry.clone())
            };
            let pair = format!("{} {}: {}", at.code(), action.code(), reply.text());
            let refused = reply.status == 409 && reply.details() == ["invalid-transition"];
            assert_eq!(refused, !possible.contains(&action.code()), "{pair}");
            if refused {
                assert_eq!(told(&reply), possible, "{pair}");
            }
        }
        assert_eq!(client.get(&path).expect(200).json(), before, "{}", at.code());
        is_referred_again(&client, at);
    }
}

/// A referral opens another episode where the last one has closed, but not for one who died or is in hospice still.
fn is_referred_again(client: &Client, at: State) {
    let mut body = crate::programme::referral();
    body["parameter"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "name": "rejectDuplicate", "valueBoolean": true }));
    let reply = client.post(&format!("/Patient/{}/$palliative-refer", at.code()), &body);
    let expected = match at {
        State::Deceased => (422, "deceased"),
        State::HospiceElected | State::NotEligible => (422, "hospice-active"),
        open if open.is_open() => (409, "already-open"),
        _ => (201, ""),
    };
    assert_eq!(reply.status, expected.0, "{} {}", at.code(), reply.text());
    if expected.0 != 201 {
        assert_eq!(reply.details(), [expected.1], "{}", at.code());
    }
}

/// The actions that a refusal says would be possible.
fn told(refusal: &Reply) -> Vec<String> {
    let issue = refusal.json()["issue"][0].clone();
    let list = issue["extension"].as_array().cloned().unwrap_or_default();
    list.iter().map(|one| one["valueCode"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_state_is_not_changed_by_plain_writes_and_the_refusal_names_the_operations() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = enrolled(&clinician, "p");
    let path = format!("/EpisodeOfCare/{id}");
    let stored = clinician.get(&path).expect(200).json();
    let at =
        stored["extension"].as_array().unwrap().iter().position(|one| !one["valueCoding"].is_null()).unwrap();
    let mut changed = [stored.clone(), stored.clone(), stored.clone(), stored.clone()];
    changed[0]["extension"][at]["valueCoding"]["code"] = json!("discharged");
    changed[1]["status"] = json!("finished");
    changed[2]["period"]["end"] = json!("2026-03-02");
    changed[3]["extension"].as_array_mut().unwrap().remove(at);
    for body in &changed {
        let merge =
            json!({ "extension": body["extension"], "status": body["status"], "period": body["period"] });
        let patch = clinician.request("PATCH", &path).body("application/merge-patch+json", merge.to_string());
        let entry =
            json!({ "resource": body, "request": { "method": "PUT", "url": path.trim_start_matches('/') } });
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry] });
        for reply in [clinician.put(&path, body), patch.send(), clinician.post("", &bundle)] {
            let text = reply.expect_issue(422, "business-rule").text();
            assert!(
                text.contains("$palliative-transition") && text.contains("$palliative-disenroll"),
                "{text}"
            );
        }
    }
    assert_eq!(clinician.get(&path).expect(200).json(), stored);
    // Nor is anything that an operation keeps in an extension: made, changed or taken away.
    for url in EPISODE_EXTENSIONS {
        let own = |one: &Value| one["url"] == url;
        let mut with = stored.clone();
        let extensions = with["extension"].as_array_mut().unwrap();
        let there = extensions.iter().any(own);
        extensions.retain(|one| !own(one));
        if !there {
            extensions.push(json!({ "url": url, "valueString": "x" }));
        }
        let reply = clinician.put(&path, &with);
        // Of what is not there the wrong type may be told first.
        assert!(matches!(reply.status, 400 | 422), "{url} {}", reply.text());
        let merge = json!({ "extension": with["extension"] });
        let patch = clinician.request("PATCH", &path).body("application/merge-patch+json", merge.to_string());
        if there {
            let at = format!("EpisodeOfCare.extension.where(url='{url}')");
            for reply in [reply, patch.send(), clinician.put(&format!("/EpisodeOfCare?_id={id}"), &with)] {
                let reply = reply.expect_issue(422, "business-rule");
                assert_eq!(reply.json()["issue"][0]["expression"][0], at);
            }
        }
    }
    let added = [
        ("enrolled-days", json!({ "valueInteger": 0 })),
        ("end-date", json!({ "valueDate": "2026-03-02" })),
        ("attributed-pcmh", json!({ "valueReference": { "reference": "Organization/o" } })),
    ];
    for (name, value) in added {
        let mut with = stored.clone();
        let mut one = json!({ "url": format!("https://comfrey.health/fhir/StructureDefinition/{name}") });
        one.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        with["extension"].as_array_mut().unwrap().push(one);
        clinician.put(&path, &with).expect_issue(422, "business-rule");
    }
    assert_eq!(clinician.get(&path).expect(200).json(), stored);
    // What is no part of the state may be written by anyone who may write, in whichever order the rest is sent.
    let mut other = stored;
    other["extension"].as_array_mut().unwrap().reverse();
    other["careManager"] = json!({ "reference": "Practitioner/other" });
    clinician.put(&path, &other).expect(200);
}

fn keyed(client: &Client, path: &str, (key, body): (&str, &Value)) -> Reply {
    client.request("POST", path).header("Idempotency-Key", key).json(body).send()
}

fn ending(reason: &str) -> Value {
    parameters(json!([{ "name": "endDate", "valueDate": "2026-03-01" },
        { "name": "reason", "valueCoding": { "system": REASON, "code": reason } },
        { "name": "initiatedBy", "valueCode": "patient" }]))
}

fn action(action: &str, more: Value) -> Value {
    parameters(with(json!([{ "name": "action", "valueCode": action }]), more))
}

#[test]
fn a_key_replays_the_first_answer_whatever_has_become_of_the_episode() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = consented(&clinician, "p");
    let path = |operation: &str| format!("/EpisodeOfCare/{id}/$palliative-{operation}");
    let steps = [
        ("one", path("transition"), action("waitlist", json!([]))),
        ("two", path("enroll"), wish("p")),
        ("three", path("transition"), action("hold", dated("hold-travel"))),
        ("four", path("disenroll"), ending("moved-out-of-area")),
    ];
    let firsts: Vec<Value> = steps
        .iter()
        .map(|(key, path, body)| {
            let first = keyed(&clinician, path, (key, body)).expect(200);
            assert_eq!(first.header("idempotency-replayed"), None);
            first.json()
        })
        .collect();
    let version =
        clinician.get(&format!("/EpisodeOfCare/{id}")).expect(200).json()["meta"]["versionId"].clone();
    for ((key, path, body), first) in steps.iter().zip(&firsts) {
        let again = keyed(&clinician, path, (key, body)).expect(200);
        assert_eq!((again.header("idempotency-replayed"), &again.json()), (Some("true"), first), "{key}");
        let other = keyed(&clinician, path, (key, &action("death", dated("deceased"))));
        assert_eq!(other.expect_issue(422, "business-rule").details(), ["idempotency-mismatch"], "{key}");
    }
    let now = clinician.get(&format!("/EpisodeOfCare/{id}")).expect(200).json();
    assert_eq!(now["meta"]["versionId"], version);
    // A key is its caller's own.
    let stranger = app.with_claims(json!({ "sub": "other", "scope": "user/*.cruds" }));
    assert_eq!(
        keyed(&stranger, &steps[0].1, ("one", &steps[0].2)).expect(409).details(),
        ["invalid-transition"]
    );
}

#[test]
fn a_key_shows_nothing_to_a_token_whose_scopes_were_cut_and_does_nothing_twice_for_others() {
    let app = TestApp::new();
    let with = |scope: &str| app.with_claims(json!({ "sub": "d", "client_id": "ehr", "scope": scope }));
    let whole = with("user/*.cruds");
    person(&whole, "p");
    let refer = "/Patient/p/$palliative-refer";
    let referral = crate::programme::referral();
    keyed(&whole, refer, ("r", &referral)).expect(201);
    let episode = consented(&whole, "q");
    let enroll = format!("/EpisodeOfCare/{episode}/$palliative-enroll");
    let first = keyed(&whole, &enroll, ("e", &wish("q"))).expect(200).json();
    let cuts = ["user/Patient.r user/EpisodeOfCare.r", "user/*.rs"];
    for cut in cuts {
        keyed(&with(cut), refer, ("r", &referral)).expect_issue(403, "forbidden");
    }
    // What is enough for the request is still not what its answer was made for.
    for other in ["user/*.cruds system/*.rs", cuts[0], cuts[1]] {
        let reply = keyed(&with(other), &enroll, ("e", &wish("q"))).expect_issue(422, "business-rule");
        assert_eq!(reply.details(), ["idempotency-mismatch"], "{other}");
    }
    let reply = keyed(&with("user/*.cruds system/*.rs"), refer, ("r", &referral));
    assert_eq!(reply.expect_issue(422, "business-rule").details(), ["idempotency-mismatch"]);
    assert_eq!(whole.get("/ServiceRequest?patient=Patient/p").expect(200).resources().len(), 1);
    let again = keyed(&whole, &enroll, ("e", &wish("q"))).expect(200);
    assert_eq!((again.header("idempotency-replayed"), again.json()), (Some("true"), first));
}

#[test]
fn a_key_is_kept_for_a_day_and_what_changed_nothing_is_kept_as_well() {
    const HOUR: i64 = 3_600_000_000;
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = enrolled(&clinician, "p");
    let path = format!("/EpisodeOfCare/{id}/$palliative-enroll");
    // The same start again changes nothing; by its key it stays so when the person has left.
    let first = keyed(&clinician, &path, ("k", &wish("p"))).expect(200).json();
    clinician
        .post(&format!("/EpisodeOfCare/{id}/$palliative-disenroll"), &ending("coverage-lost"))
        .expect(200);
    app.clock().set(START + 23 * HOUR);
    let clinician = app.clinician();
    let again = keyed(&clinician, &path, ("k", &wish("p"))).expect(200);
    assert_eq!((again.header("idempotency-replayed"), again.json()), (Some("true"), first));
    app.clock().set(START + 25 * HOUR);
    let clinician = app.clinician();
    assert_eq!(keyed(&clinician, &path, ("k", &wish("p"))).expect(409).details(), ["invalid-transition"]);
}

#[test]
fn what_was_refused_may_be_sent_again_under_its_key() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = eligible(&clinician, "p");
    let path = format!("/EpisodeOfCare/{id}/$palliative-transition");
    let waitlist = action("waitlist", json!([]));
    keyed(&clinician, &path, ("k", &waitlist)).expect(409);
    act(&clinician, &id, "consent", agreed("p")).expect(200);
    let done = keyed(&clinician, &path, ("k", &waitlist)).expect(200);
    assert_eq!(done.header("idempotency-replayed"), None);
    for key in ["", &"k".repeat(129)] {
        keyed(&clinician, &path, (key, &waitlist)).expect(400);
    }
}

#[test]
fn a_programme_may_want_the_version_with_every_change() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let settings = json!([{ "url": "strictConcurrency", "valueBoolean": true }]);
    clinician.store(
        &json!({ "resourceType": "HealthcareService", "id": "exact", "active": true, "extension": [{
        "url": "https://comfrey.health/fhir/StructureDefinition/palliative-program-settings",
        "extension": settings }] }),
    );
    person(&clinician, "p");
    let mut body = crate::programme::referral();
    body["parameter"][0]["valueReference"]["reference"] = json!("HealthcareService/exact");
    let reply = clinician.post("/Patient/p/$palliative-refer", &body).expect(201);
    let id = part(&reply, "episode")["id"].as_str().unwrap().to_owned();
    let path = format!("/EpisodeOfCare/{id}/$palliative-transition");
    let screen = action("screen", json!([]));
    assert_eq!(clinician.post(&path, &screen).expect(428).details(), ["if-match-required"]);
    clinician.request("POST", &path).header("If-Match", "W/\"1\"").json(&screen).send().expect(200);
}

#[test]
fn t54_nothing_enrols_or_ends_by_itself() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let ids = [eligible(&clinician, "p"), enrolled(&clinician, "q")];
    let before = ids.each_ref().map(|id| clinician.get(&format!("/EpisodeOfCare/{id}")).expect(200).json());
    for person in ["p", "q"] {
        let subject = json!({ "reference": format!("Patient/{person}") });
        let mut consent = crate::programme::agreement(person);
        clinician.store(&consent);
        consent["status"] = json!("inactive");
        clinician.store(&consent);
        let mut coverage = crate::programme::coverage(person);
        coverage["status"] = json!("cancelled");
        clinician.store(&coverage);
        clinician.store(&json!({ "resourceType": "Flag", "id": format!("{person}-f"), "status": "active", "subject": subject,
            "code": { "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/palliative-flag",
                "code": "hospice-election" }] }, "period": { "start": "2026-02-28" } }));
        clinician.store(&json!({ "resourceType": "Patient", "id": person, "birthDate": "1950-05-01",
            "deceasedDateTime": "2026-03-01" }));
        let path = format!("/Patient/{person}/$palliative-screen");
        clinician.post(&path, &parameters(json!([{ "name": "record", "valueBoolean": true }]))).expect(200);
    }
    let after = ids.each_ref().map(|id| clinician.get(&format!("/EpisodeOfCare/{id}")).expect(200).json());
    assert_eq!(before, after);
}
