//! `Prefer: respond-async`: requests that are taken on, carried out later, asked after and cancelled.
//! <https://hl7.org/fhir/R4/async.html>

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use comfrey::app::App;
use comfrey::app::Clock;
use comfrey::app::PutBack;
use comfrey::jobs::Left;
use comfrey::jobs::Stop;
use comfrey::jobs::requests;
use serde_json::Value;
use serde_json::json;

use crate::app::START;
use crate::app::TestApp;
use crate::app::config;
use crate::client::Client;
use crate::client::Reply;
use crate::crash::Running;
use crate::database::Database;
use crate::programme::enrolled;
use crate::programme::parameters;
use crate::programme::part;

const RUN: &str = "/EpisodeOfCare/$palliative-payment-months";
const RECORD: &str = "/Patient/rose/$everything";
const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

fn march(more: &[Value]) -> Value {
    let mut list = vec![
        json!({ "name": "periodStart", "valueDate": "2026-03-01" }),
        json!({ "name": "periodEnd", "valueDate": "2026-03-31" }),
    ];
    list.extend_from_slice(more);
    parameters(Value::Array(list))
}

/// Rose and Otto, with an observation of each.
fn two_people(app: &TestApp) -> Client {
    let clinician = app.clinician();
    for id in ["rose", "otto"] {
        clinician.store(&json!({ "resourceType": "Patient", "id": id }));
        clinician.store(&json!({ "resourceType": "Observation", "id": format!("of-{id}"), "status": "final",
            "code": { "text": "Pain" }, "subject": { "reference": format!("Patient/{id}") } }));
    }
    clinician
}

fn later(caller: &Client, path: &str) -> Reply {
    caller.request("GET", path).header("Prefer", "respond-async").send()
}

/// The path of a request that was taken on, below the base URL.
#[track_caller]
fn place(taken: &Reply) -> String {
    let url = taken.header("content-location").expect("it says where its answer is asked for");
    let (base, id) = url.split_once("/fhir/async/").expect("it is below the base URL");
    assert!(base.starts_with("http://127.0.0.1:") && id.len() == 32, "{url}");
    format!("/async/{id}")
}

#[track_caller]
fn taken(reply: Reply) -> String {
    let reply = reply.expect(202);
    assert_eq!(reply.codes(), ["informational"]);
    assert_eq!(reply.header("preference-applied"), Some("respond-async"));
    place(&reply)
}

fn step(app: &Arc<App>) -> Left {
    requests::run_next(app, &Stop::default()).expect("the database answers")
}

/// The service once more on the same database, as another process would be.
fn beside(app: &TestApp) -> Arc<App> {
    App::open(config(&app.app().config.database_url), app.clock().clone()).expect("it opens")
}

#[test]
fn a_run_is_taken_on_carried_out_and_its_answer_is_the_one_that_would_have_come_at_once() {
    let app = TestApp::new();
    let clinician = app.clinician();
    enrolled(&clinician, "p");
    let body = march(&[]);
    let at_once = clinician.post(RUN, &body).expect(200);
    let path = taken(clinician.request("POST", RUN).header("Prefer", "respond-async").json(&body).send());

    let waiting = clinician.get(&path).expect(202);
    assert_eq!(
        (waiting.header("x-progress"), waiting.header("retry-after")),
        (Some("It waits for its turn."), Some("1"))
    );
    app.clock().set(START + 60 * SECOND);
    assert_eq!(clinician.get(&path).expect(202).header("retry-after"), Some("15"));
    assert_eq!(step(app.app()), Left::More);
    assert_eq!(step(app.app()), Left::Nothing);

    let done = clinician.get(&path).expect(200);
    assert_eq!(done.json(), at_once.json());
    assert_eq!(done.header("content-type"), Some("application/fhir+json; charset=utf-8"));
    assert_eq!((done.header("x-progress"), done.header("content-location")), (None, None));
    let as_table = clinician.request("GET", &path).header("Accept", "text/csv").send().expect(200);
    let at_once_as_table = clinician.request("POST", RUN).header("Accept", "text/csv").json(&body).send();
    assert_eq!(as_table.text(), at_once_as_table.text());
    let xml = clinician.get(&format!("{path}?_format=xml")).expect(200);
    assert!(xml.text().contains("<Parameters xmlns=\"http://hl7.org/fhir\">"), "{}", xml.text());
    assert_eq!(clinician.request("HEAD", &path).send().expect(200).body.len(), 0);
    clinician.get(&format!("{path}?x=1")).expect_issue(400, "invalid");

    clinician.delete(&path).expect(202);
    clinician.get(&path).expect_issue(404, "not-found");
    clinician.delete(&path).expect_issue(404, "not-found");
}

#[test]
fn what_can_be_refused_at_once_is_and_nothing_is_taken_on() {
    let app = TestApp::new();
    two_people(&app);
    later(&app.anonymous(), RECORD).expect(401);
    later(&app.stranger(), RECORD).expect(403);
    later(&app.patient("otto"), RECORD).expect(404);
    later(&app.clinician(), "/Patient/nobody/$everything").expect(404);
    later(&app.clinician(), &format!("{RECORD}?nope=1")).expect(400);
    later(&app.clinician(), &format!("{RECORD}?start=yesterday")).expect(400);
    let post = |caller: &Client, body: &Value| {
        caller.request("POST", RUN).header("Prefer", "respond-async").json(body).send()
    };
    post(&app.anonymous(), &march(&[])).expect(401);
    post(&app.with_scope("system/*.rs"), &march(&[])).expect(403);
    post(&app.patient("rose"), &march(&[])).expect(403);
    post(&app.clinician(), &parameters(json!([]))).expect(400);
    let unknown = json!({ "name": "previousRun", "valueString": "run-none" });
    post(&app.clinician(), &march(&[unknown])).expect(409);
    let program = json!({ "name": "program", "valueReference": { "reference": "HealthcareService/none" } });
    post(&app.clinician(), &march(&[program])).expect(404);
    later(&app.clinician(), RUN).expect(405);
    assert_eq!(step(app.app()), Left::Nothing);
}

#[test]
fn only_the_same_person_and_app_with_the_same_rights_see_what_was_taken_on() {
    let app = TestApp::new();
    two_people(&app);
    let claims = |subject: &str, client: &str, scope: &str| {
        app.with_claims(json!({ "sub": subject, "client_id": client, "scope": scope }))
    };
    let own = claims("one", "app", "system/*.rs user/Goal.c");
    let path = taken(later(&own, RECORD));
    let others = [
        claims("two", "app", "system/*.rs user/Goal.c"),
        claims("one", "other", "system/*.rs user/Goal.c"),
        claims("one", "app", "system/Patient.rs"),
        claims("one", "app", "system/*.cruds"),
        app.stranger(),
        app.patient("rose"),
        app.clinician(),
    ];
    for done in [false, true] {
        for other in &others {
            other.get(&path).expect_issue(404, "not-found");
            other.delete(&path).expect_issue(404, "not-found");
        }
        app.anonymous().get(&path).expect(401);
        app.anonymous().delete(&path).expect(401);
        own.get(&path).expect(if done { 200 } else { 202 });
        step(app.app());
    }
    // Another token of the same person and app, its scopes in another order.
    claims("one", "app", "user/Goal.c system/*.rs").get(&path).expect(200);
}

#[test]
fn what_is_carried_out_later_shows_what_the_one_who_asked_may_see() {
    let app = TestApp::new();
    two_people(&app);
    let narrow =
        app.with_claims(json!({ "sub": "user-of-rose", "scope": "patient/Patient.rs", "patient": "rose" }));
    let wide = app.patient("rose");
    let (of_narrow, of_wide) = (taken(later(&narrow, RECORD)), taken(later(&wide, RECORD)));
    while step(app.app()) == Left::More {}
    assert_eq!(narrow.get(&of_narrow).expect(200).ids(), ["rose"]);
    assert_eq!(wide.get(&of_wide).expect(200).ids(), ["of-rose", "rose"]);
    narrow.get(&of_wide).expect(404);
    app.patient("otto").get(&of_wide).expect(404);
}

#[test]
fn where_nothing_is_offered_later_the_preference_means_nothing() {
    let app = TestApp::new();
    let clinician = two_people(&app);
    later(&clinician, "/Patient/rose").expect(200);
    later(&clinician, "/Patient").expect(200);
    let body = json!({ "resourceType": "Patient" });
    clinician
        .request("POST", "/Patient/$validate")
        .header("Prefer", "respond-async")
        .json(&body)
        .send()
        .expect(200);
    clinician.request("HEAD", RECORD).header("Prefer", "respond-async").send().expect(200);
    // A Bundle is carried out at once, with all that it holds; and what was taken on is no part of one.
    let path = taken(later(&clinician, RECORD));
    for (kind, entry) in [("batch", "200 OK"), ("transaction", "200 OK")] {
        let get = |url: &str| json!({ "request": { "method": "GET", "url": url } });
        let bundle = |url: &str| json!({ "resourceType": "Bundle", "type": kind, "entry": [get(url)] });
        let send = |url: &str| {
            clinician.request("POST", "").header("Prefer", "respond-async").json(&bundle(url)).send()
        };
        let reply = send("Patient/rose/$everything").expect(200);
        assert_eq!(reply.json()["entry"][0]["response"]["status"], entry);
        let reply = send(path.trim_start_matches('/'));
        let told = if kind == "batch" {
            reply.json()["entry"][0]["response"]["outcome"].clone()
        } else {
            reply.json()
        };
        assert_eq!(told["issue"][0]["code"], "not-supported", "{told}");
    }
}

#[test]
fn a_request_that_fails_later_has_the_status_and_the_outcome_of_its_failure() {
    let app = TestApp::new();
    let clinician = two_people(&app);
    let path = taken(later(&clinician, RECORD));
    clinician.delete("/Observation/of-rose").expect(204);
    clinician.delete("/Patient/rose").expect(204);
    step(app.app());
    clinician.get(&path).expect_issue(410, "deleted");
    let refused =
        clinician.request("GET", &path).header("Accept", "text/csv").send().expect_issue(410, "deleted");
    assert_eq!(refused.header("content-type"), Some("application/fhir+json; charset=utf-8"));
    let path = taken(later(&clinician, "/Patient/otto/$everything"));
    step(app.app());
    clinician.request("GET", &path).header("Accept", "text/csv").send().expect(406);
}

#[test]
fn more_patients_than_one_may_wait_for_are_counted_later() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let many = |count: usize| {
        let one =
            |at| json!({ "name": "patient", "valueReference": { "reference": format!("Patient/p{at}") } });
        march(&(0..count).map(one).collect::<Vec<_>>())
    };
    let send = |count: usize| {
        clinician.request("POST", RUN).header("Prefer", "respond-async").json(&many(count)).send()
    };
    clinician.post(RUN, &many(5_001)).expect_issue(422, "too-costly");
    let path = taken(send(5_001));
    step(app.app());
    // It got as far as looking for them.
    let told = clinician.get(&path).expect(404);
    assert_eq!(told.details(), ["patient-not-found"]);
}

#[test]
fn an_answer_is_there_for_a_day_and_a_request_that_nobody_carries_out_too() {
    let app = TestApp::new();
    let clinician = two_people(&app);
    let done = taken(later(&clinician, RECORD));
    app.clock().set(START + DAY / 2);
    step(app.app());
    let waiting = taken(later(&clinician, RECORD));
    app.clock().set(START + DAY + DAY / 2 - 1_000);
    clinician.get(&done).expect(200);
    clinician.get(&waiting).expect(202);
    app.clock().set(START + DAY + DAY / 2);
    clinician.get(&done).expect(404);
    clinician.get(&waiting).expect(404);
    clinician.delete(&waiting).expect(404);
    assert_eq!(step(app.app()), Left::Nothing, "what has expired is not carried out");
}

#[test]
fn one_caller_has_so_many_open_at_a_time_and_no_more() {
    let app = TestApp::new();
    let clinician = two_people(&app);
    let replies: Vec<Reply> = std::thread::scope(|scope| {
        let send = || scope.spawn(|| later(&clinician, RECORD));
        let all: Vec<_> = (0..24).map(|_| send()).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let (taken_on, refused): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 202);
    assert_eq!((taken_on.len(), refused.len()), (16, 8));
    for reply in refused {
        assert!(reply.expect_issue(429, "throttled").header("retry-after").is_some());
    }
    taken(later(&app.partner(), RECORD));
    clinician.delete(&place(&taken_on[0])).expect(202);
    taken(later(&clinician, RECORD));
    later(&clinician, RECORD).expect(429);
    while step(app.app()) == Left::More {}
    taken(later(&clinician, RECORD));
}

#[test]
fn the_same_key_leads_to_the_same_request() {
    let app = TestApp::new();
    let clinician = app.clinician();
    enrolled(&clinician, "p");
    let send = |body: &Value| {
        let request = clinician.request("POST", RUN).header("Prefer", "respond-async");
        request.header("Idempotency-Key", "march").json(body).send()
    };
    let body = march(&[]);
    let paths: BTreeSet<String> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(|| taken(send(&body)))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(paths.len(), 1, "{paths:?}");
    assert_eq!(step(app.app()), Left::More);
    assert_eq!(step(app.app()), Left::Nothing);
    let again = send(&body).expect(202);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let path = place(&again);
    assert!(paths.contains(&path));
    assert!(part(&clinician.get(&path).expect(200), "runId").is_string());
    assert_eq!(
        send(&march(&[json!({ "name": "includeIntake", "valueBoolean": false })])).expect(422).details(),
        ["idempotency-mismatch"]
    );
    // What only reads is taken on once too.
    two_people(&app);
    let read = || later_with_key(&clinician, RECORD);
    assert_eq!(taken(read()), taken(read()));
}

fn later_with_key(caller: &Client, path: &str) -> Reply {
    caller.request("GET", path).header("Prefer", "respond-async").header("Idempotency-Key", "rose").send()
}

#[test]
fn what_is_cancelled_while_it_is_carried_out_ends_and_leaves_nothing() {
    let app = TestApp::new();
    let clinician = two_people(&app);
    let path = taken(later(&clinician, RECORD));
    let job = app.app().take_job().unwrap().expect("it waits");
    assert_eq!(clinician.get(&path).expect(202).header("x-progress"), Some("It is being carried out."));
    let session = job.session(app.app());
    session.progress(200, 5_000).expect("it goes on");
    assert!(app.app().hold_job(&job).unwrap());
    let progress = clinician.get(&path).expect(202);
    assert_eq!(progress.header("x-progress"), Some("It is being carried out: 200 of 5000."));
    clinician.delete(&path).expect(202);
    assert!(!app.app().hold_job(&job).unwrap(), "its holder learns it");
    job.progress.end();
    session.progress(400, 5_000).expect_err("it does not go on");
    app.app().finish_job(&job, "Patient/rose/$everything", Ok(comfrey::app::Answer::empty(200))).unwrap();
    clinician.get(&path).expect(404);
    assert_eq!(step(app.app()), Left::Nothing);
}

#[test]
fn a_request_is_in_one_pair_of_hands_until_they_are_still_for_too_long() {
    let app = TestApp::new();
    let clinician = two_people(&app);
    let other = beside(&app);
    let path = taken(later(&clinician, RECORD));
    let first = app.app().take_job().unwrap().expect("it waits");
    assert!(other.take_job().unwrap().is_none());
    app.clock().set(START + 10 * SECOND);
    assert!(app.app().hold_job(&first).unwrap());
    app.clock().set(START + 20 * SECOND);
    assert!(other.take_job().unwrap().is_none(), "there was a sign of life");
    app.clock().set(START + 26 * SECOND);
    let second = other.take_job().unwrap().expect("its first holder is gone");
    assert!(!app.app().hold_job(&first).unwrap());
    let answer = |text: &str| Ok(comfrey::app::Answer::value(json!({ "resourceType": "Basic", "id": text })));
    app.app().finish_job(&first, "Patient/rose/$everything", answer("first")).unwrap();
    clinician.get(&path).expect(202);
    other.finish_job(&second, "Patient/rose/$everything", answer("second")).unwrap();
    app.app().finish_job(&first, "Patient/rose/$everything", answer("first")).unwrap();
    assert_eq!(clinician.get(&path).expect(200).json()["id"], "second");
}

#[test]
fn what_ends_its_process_three_times_is_given_up() {
    let app = TestApp::new();
    let clinician = two_people(&app);
    let path = taken(later(&clinician, RECORD));
    for time in 0..3 {
        app.clock().set(START + time * 60 * SECOND);
        assert!(app.app().take_job().unwrap().is_some(), "{time}");
    }
    assert_eq!(step(app.app()), Left::Nothing, "the third holder may be alive");
    app.clock().set(START + 180 * SECOND);
    assert_eq!(step(app.app()), Left::Nothing);
    clinician.get(&path).expect_issue(500, "exception");
}

#[test]
fn a_process_that_ends_in_order_puts_back_what_it_has_in_hand() {
    let app = TestApp::new();
    let clinician = two_people(&app);
    let path = taken(later(&clinician, RECORD));
    for _ in 0..5 {
        let job = app.app().take_job().unwrap().expect("it waits, and no try is lost");
        app.app().put_job_back(&job, PutBack::Ending).unwrap();
    }
    for is_left in [true, true, false] {
        let job = app.app().take_job().unwrap().expect("it waits");
        assert_eq!(job.has_tries_left(), is_left);
        app.app().put_job_back(&job, PutBack::Failed).unwrap();
    }
    step(app.app());
    clinician.get(&path).expect_issue(500, "exception");
}

#[test]
fn of_several_instances_each_takes_what_no_other_has() {
    let app = TestApp::new();
    two_people(&app);
    let callers: Vec<Client> =
        (0..3).map(|at| app.with_claims(json!({ "sub": at.to_string(), "scope": "user/*.rs" }))).collect();
    let paths: Vec<String> =
        (0..14).flat_map(|_| callers.iter().map(|caller| taken(later(caller, RECORD)))).collect();
    let all = paths.len();
    let (instances, ids) = ([beside(&app), beside(&app), beside(&app)], Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for instance in &instances {
            scope.spawn(|| {
                while let Some(job) = instance.take_job().unwrap() {
                    ids.lock().unwrap().push(job.id().to_owned());
                }
            });
        }
    });
    let ids = ids.into_inner().unwrap();
    assert_eq!((ids.len(), ids.iter().collect::<BTreeSet<_>>().len()), (all, all));
}

#[test]
fn what_was_taken_on_outlives_the_process_that_took_it_on_and_the_one_that_carried_it_out() {
    let database = Database::fresh();
    let mut paths = Vec::new();
    {
        let server = Running::start(database.url());
        let anyone = Client::new(server.base.trim_end_matches("/fhir"), None);
        anyone.store(&json!({ "resourceType": "Patient", "id": "rose" }));
        for _ in 0..8 {
            paths.push(taken(later(&anyone, RECORD)));
        }
        // It is killed here, with some of them done and perhaps one in hand.
    }
    let held = {
        let mut settings = config(database.url());
        settings.base_url = None;
        let app = App::open(settings, Clock::system()).expect("it opens");
        app.take_job().unwrap().map(|job| job.id().to_owned())
    };
    let server = Running::start(database.url());
    let anyone = Client::new(server.base.trim_end_matches("/fhir"), None);
    paths.push(taken(later(&anyone, RECORD)));
    let begun = Instant::now();
    for path in &paths {
        let reply = loop {
            let reply = anyone.get(path);
            if reply.status != 202 {
                break reply;
            }
            assert!(begun.elapsed() < Duration::from_secs(100), "{path}: {:?}", reply.header("x-progress"));
            std::thread::sleep(Duration::from_millis(200));
        };
        assert_eq!(reply.expect(200).ids(), ["rose"], "{path} {held:?}");
    }
}
