//! transaction over HTTP. <https://hl7.org/fhir/R4/http.html#transaction>

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;
use crate::database::Database;

const PATIENT: &str = "urn:uuid:11111111-1111-4111-8111-111111111111";
const GOAL: &str = "urn:uuid:22222222-2222-4222-8222-222222222222";
const PLAN: &str = "urn:uuid:33333333-3333-4333-8333-333333333333";

fn bundle(entries: &[Value]) -> Value {
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })
}

fn post(full_url: &str, resource: &Value) -> Value {
    let url = resource["resourceType"].as_str().unwrap();
    json!({ "fullUrl": full_url, "resource": resource, "request": { "method": "POST", "url": url } })
}

fn put(resource: &Value) -> Value {
    let url = format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
    json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
}

fn request(method: &str, url: &str) -> Value {
    json!({ "request": { "method": method, "url": url } })
}

fn patient(id: &str) -> Value {
    json!({ "resourceType": "Patient", "id": id, "identifier": [{ "system": "urn:mrn", "value": id }] })
}

fn goal(subject: &str) -> Value {
    json!({ "resourceType": "Goal", "lifecycleStatus": "active", "description": { "text": "To be at home" },
        "subject": { "reference": subject } })
}

fn send(client: &Client, entries: &[Value]) -> Reply {
    client.post("", &bundle(entries))
}

/// `Goal/…` of an entry of the answer.
fn place(answer: &Value, index: usize) -> String {
    let location = answer["entry"][index]["response"]["location"].as_str().unwrap();
    let mut parts: Vec<&str> = location.split('/').rev().skip(2).take(2).collect();
    parts.reverse();
    parts.join("/")
}

#[test]
fn entries_refer_to_one_another_in_a_circle() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let mut plan = json!({ "resourceType": "CarePlan", "status": "active", "intent": "plan",
        "subject": { "reference": PATIENT }, "goal": [{ "reference": GOAL }] });
    let goal = goal(PATIENT);
    plan["text"] = json!({ "status": "generated",
        "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"{GOAL}\">goal</a></div>") });
    plan["replaces"] = json!([{ "reference": PLAN }]);
    let reply = send(&clinician, &[post(PLAN, &plan), post(GOAL, &goal), post(PATIENT, &patient("x"))]);
    let answer = reply.expect(200).json();
    assert_eq!(answer["type"], "transaction-response");
    assert_eq!(answer["entry"][0]["response"]["status"], "201 Created");
    assert_eq!(answer["entry"][0]["response"]["etag"], "W/\"1\"");
    assert!(answer["entry"][0].get("resource").is_none());
    let (plan, goal, patient) = (place(&answer, 0), place(&answer, 1), place(&answer, 2));
    let stored = clinician.get(&format!("/{plan}")).expect(200).json();
    assert_eq!(stored["subject"]["reference"], patient);
    assert_eq!(stored["goal"][0]["reference"], goal);
    assert_eq!(stored["replaces"][0]["reference"], plan);
    assert!(stored["text"]["div"].as_str().unwrap().contains(&format!("href=\"{goal}\"")), "{stored}");
    assert_eq!(clinician.get(&format!("/{goal}")).expect(200).json()["subject"]["reference"], patient);
}

#[test]
fn the_answer_stands_in_the_order_of_the_request_whatever_is_done_first() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient("old"));
    clinician.store(&patient("gone"));
    let entries = [
        request("GET", "Patient/old"),
        put(&patient("old")),
        post(PATIENT, &patient("x")),
        request("DELETE", "Patient/gone"),
        request("GET", "Patient?_id=old"),
    ];
    let answer = send(&clinician, &entries).expect(200).json();
    let statuses: Vec<&str> =
        (0..5).map(|at| answer["entry"][at]["response"]["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["200 OK", "200 OK", "201 Created", "204 No Content", "200 OK"]);
    assert_eq!(answer["entry"][0]["resource"]["meta"]["versionId"], "2", "a read sees what was written");
    assert_eq!(answer["entry"][4]["resource"]["type"], "searchset");
}

#[test]
fn prefer_says_what_the_entries_hold() {
    let app = TestApp::new();
    let prefer = |prefer: &str| {
        let call = app.clinician().request("POST", "").header("prefer", prefer);
        call.json(&bundle(&[put(&patient("p"))])).send().expect(200).json()["entry"][0].clone()
    };
    assert_eq!(prefer("return=representation")["resource"]["id"], "p");
    let outcome = prefer("return=OperationOutcome");
    assert_eq!(outcome["response"]["outcome"]["resourceType"], "OperationOutcome");
    assert!(outcome.get("resource").is_none());
    assert!(prefer("return=minimal").get("resource").is_none());
    // a deletion says it in the same place, and what an operation answers is the entry's resource all the same
    for kind in ["transaction", "batch"] {
        app.clinician().store(&patient("p"));
        let entries = [
            request("DELETE", "Patient/p"),
            json!({ "resource": patient("r"), "request": { "method": "POST", "url": "Patient/$validate" } }),
        ];
        let mut both = bundle(&entries);
        both["type"] = kind.into();
        let call = app.clinician().request("POST", "").header("prefer", "return=OperationOutcome");
        let answer = call.json(&both).send().expect(200).json();
        assert_eq!(answer["entry"][0]["response"]["outcome"]["resourceType"], "OperationOutcome", "{answer}");
        assert_eq!(answer["entry"][0].get("resource"), None, "{answer}");
        assert_eq!(answer["entry"][1]["resource"]["resourceType"], "OperationOutcome", "{answer}");
        assert_eq!(answer["entry"][1]["response"].get("outcome"), None, "{answer}");
    }
}

#[test]
fn one_entry_that_fails_leaves_nothing_written_and_is_named() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient("there"));
    let invalid = json!({ "resourceType": "Patient", "id": "p", "birthDate": "never" });
    let stale = json!({ "resource": patient("there"), "request": { "method": "PUT", "url": "Patient/there",
        "ifMatch": "W/\"7\"" } });
    let mismatch = json!({ "resource": patient("a"), "request": { "method": "PUT", "url": "Patient/b" } });
    let operation =
        json!({ "resource": tagging(), "request": { "method": "POST", "url": "Patient/there/$meta-add" } });
    let cases = [
        (put(&invalid), 422, "Bundle.entry[1].resource.birthDate"),
        (stale, 412, "Bundle.entry[1].resource"),
        (mismatch, 400, "Bundle.entry[1].resource.id"),
        (
            post(GOAL, &goal("urn:uuid:44444444-4444-4444-8444-444444444444")),
            422,
            "Bundle.entry[1].resource.subject.reference",
        ),
        (post(GOAL, &goal("Patient?_id=none")), 412, "Bundle.entry[1].resource.subject.reference"),
        (post(GOAL, &goal("Patient?nope=1")), 400, "Bundle.entry[1].resource.subject.reference"),
        (operation, 400, "Bundle.entry[1].request.url"),
        (request("PATCH", "Patient/there"), 400, "Bundle.entry[1].resource"),
        (request("PUT", "Patient?_id=there"), 400, "Bundle.entry[1].resource"),
        (request("PUT", "Patient/there/_history/1"), 400, "Bundle.entry[1].request.method"),
        (request("GET", "Nothing/1"), 404, "Bundle.entry[1].request.url"),
        (request("GET", "Patient?nope=1"), 400, "Bundle.entry[1].request.url"),
        (request("POST", "Patient"), 400, "Bundle.entry[1].resource"),
        (put(&patient("first")), 400, "Bundle.entry[1].request.url"),
        (request("DELETE", "Patient/first"), 400, "Bundle.entry[1].request.url"),
    ];
    for (entry, status, expression) in cases {
        let reply = send(&clinician, &[put(&patient("first")), entry.clone()]);
        assert!((400..500).contains(&reply.status), "{} for {entry}", reply.status);
        if status > 0 {
            assert_eq!(reply.status, status, "{entry}: {}", reply.text());
        }
        let expressions = reply.expressions();
        assert!(expressions.iter().any(|own| own.starts_with(expression)), "{entry}: {expressions:?}");
        clinician.get("/Patient/first").expect_issue(404, "not-found");
    }
    assert_eq!(clinician.get("/Patient/there").expect(200).header("etag"), Some("W/\"1\""));
}

#[test]
fn what_is_no_transaction_is_refused() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let without_request = json!({ "fullUrl": PATIENT, "resource": patient("p") });
    let same_url = [post(PATIENT, &patient("a")), post(PATIENT, &patient("b"))];
    send(&clinician, &[without_request]).expect_issue(400, "required");
    send(&clinician, &same_url).expect_issue(400, "invalid");
    send(&clinician, &[json!({ "request": { "method": "FETCH", "url": "Patient" } })]).expect(422);
    clinician.post("", &patient("p")).expect_issue(400, "invalid");
    let collection = json!({ "resourceType": "Bundle", "type": "collection" });
    let reply = clinician.post("", &collection).expect_issue(400, "invalid");
    assert_eq!(reply.expressions(), ["Bundle.type"]);
    clinician.post("", &json!({ "resourceType": "Bundle", "type": "transaction", "nope": 1 })).expect(400);
    let empty = clinician.post("", &json!({ "resourceType": "Bundle", "type": "transaction" })).expect(200);
    assert_eq!(empty.json()["type"], "transaction-response");
}

#[test]
fn conditional_references_and_creates_are_resolved() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient("p"));
    let mut if_none = post(PATIENT, &patient("x"));
    if_none["request"]["ifNoneExist"] = "identifier=urn:mrn|p".into();
    let entries = [if_none, post(GOAL, &goal(PATIENT)), post(PLAN, &goal("Patient?identifier=urn:mrn|p"))];
    let answer = send(&clinician, &entries).expect(200).json();
    assert_eq!(answer["entry"][0]["response"]["status"], "200 OK");
    for index in [1, 2] {
        let stored = clinician.get(&format!("/{}", place(&answer, index))).expect(200).json();
        assert_eq!(stored["subject"]["reference"], "Patient/p");
    }
    let none = send(&clinician, &[post(GOAL, &goal("Patient?identifier=urn:mrn|none"))]).expect(412);
    assert!(none.expressions()[0].starts_with("Bundle.entry[0].resource"), "{}", none.text());
    clinician
        .store(&json!({ "resourceType": "Patient", "identifier": [{ "system": "urn:mrn", "value": "p" }] }));
    send(&clinician, &[post(GOAL, &goal("Patient?identifier=urn:mrn|p"))]).expect(412);
}

#[test]
fn a_reference_by_a_search_finds_what_the_transaction_makes_of_the_resources() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let mrn = |id: &str, value: &str| json!({ "resourceType": "Patient", "id": id, "identifier": [{ "system": "urn:mrn", "value": value }] });
    let asked = "Patient?identifier=urn:mrn|1";
    let subject = |answer: &Value, index: usize| {
        let stored = clinician.get(&format!("/{}", place(answer, index))).expect(200).json();
        stored["subject"]["reference"].as_str().unwrap().to_owned()
    };
    let answer =
        send(&clinician, &[post(GOAL, &goal(asked)), post(PATIENT, &mrn("x", "1"))]).expect(200).json();
    let first = place(&answer, 1);
    assert_eq!(subject(&answer, 0), first, "one that is only being made is found");
    let several = [post(GOAL, &goal(asked)), post(PATIENT, &mrn("x", "1"))];
    send(&clinician, &several).expect_issue(412, "multiple-matches");
    let id = first.strip_prefix("Patient/").unwrap();
    let answer = send(&clinician, &[post(GOAL, &goal(asked)), put(&mrn(id, "2")), put(&mrn("b", "1"))]);
    assert_eq!(
        subject(&answer.expect(200).json(), 0),
        "Patient/b",
        "what does not meet it any more is not found"
    );
    let answer =
        send(&clinician, &[post(GOAL, &goal(asked)), request("DELETE", "Patient/b"), put(&mrn("c", "1"))]);
    assert_eq!(subject(&answer.expect(200).json(), 0), "Patient/c", "what is deleted is not found");
    let gone = [post(GOAL, &goal(asked)), request("DELETE", "Patient/c")];
    let reply = send(&clinician, &gone).expect(412);
    assert_eq!(reply.expressions(), ["Bundle.entry[0].resource.subject.reference"]);
}

#[test]
fn a_condition_that_another_entry_comes_to_meet_is_refused() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient("there"));
    let once = |value: &str| {
        let mut entry = post(PATIENT, &patient(value));
        entry["request"]["ifNoneExist"] = format!("identifier=urn:mrn|{value}").into();
        entry
    };
    let by_search = |value: &str| {
        let mut entry = put(&patient(value));
        entry["request"]["url"] = format!("Patient?identifier=urn:mrn|{value}").into();
        entry["resource"].as_object_mut().unwrap().remove("id");
        entry
    };
    let delete = |value: &str| request("DELETE", &format!("Patient?identifier=urn:mrn|{value}"));
    let other = |value: &str| post(GOAL, &patient(value));
    let named = |url: &str, mut entry: Value| {
        entry["fullUrl"] = url.into();
        entry
    };
    for entries in [
        vec![once("new"), other("new")],
        vec![by_search("new"), other("new")],
        vec![once("new"), by_search("new")],
        vec![once("there"), put(&patient("there"))],
        vec![by_search("there"), request("DELETE", "Patient/there")],
        vec![once("there"), delete("there")],
    ] {
        let reply = send(&clinician, &entries);
        let reply = reply.expect_issue(400, "invalid");
        assert!(reply.expressions()[0].starts_with("Bundle.entry["), "{}", reply.text());
        assert_eq!(clinician.get("/Patient?identifier=urn:mrn|new").expect(200).ids(), [""; 0]);
        assert_eq!(clinician.get("/Patient/there").expect(200).header("etag"), Some("W/\"1\""));
    }
    let answer =
        send(&clinician, &[once("a"), named(PLAN, once("b")), other("c"), by_search("d")]).expect(200).json();
    assert_eq!(answer["entry"].as_array().unwrap().len(), 4);
    // Deletes come first, so that what is deleted by a search can be made anew.
    let answer = send(&clinician, &[other("a"), delete("a")]).expect(200).json();
    assert_eq!(answer["entry"][0]["response"]["status"], "201 Created");
    assert_eq!(clinician.get("/Patient?identifier=urn:mrn|a").expect(200).references(), [place(&answer, 0)]);
}

#[test]
fn of_many_equal_transactions_at_once_one_makes_the_patient() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let mut if_none = post(PATIENT, &patient("x"));
    if_none["request"]["ifNoneExist"] = "identifier=urn:mrn|x".into();
    let entries = [if_none, post(GOAL, &goal(PATIENT))];
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(|| send(&clinician, &entries).status)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let patients = clinician.get("/Patient?identifier=urn:mrn|x").expect(200).references();
    assert_eq!(patients.len(), 1);
    let goals = clinician.get(&format!("/Goal?patient={}&_summary=count", patients[0])).expect(200).json();
    assert_eq!(goals["total"], 16);
}

#[test]
fn every_entry_takes_its_own_scope() {
    let app = TestApp::new();
    let goals = app.with_scope("system/Goal.cruds");
    send(&goals, &[post(GOAL, &goal("Patient/p")), put(&patient("p"))]).expect_issue(403, "forbidden");
    send(&goals, &[request("GET", "Patient/p")]).expect_issue(403, "forbidden");
    for history in ["Goal/_history", "Goal/none/_history"] {
        let reply =
            send(&app.with_scope("user/Patient.cruds"), &[put(&patient("new")), request("GET", history)]);
        assert_eq!(reply.expect_issue(403, "forbidden").expressions(), ["Bundle.entry[1].request.url"]);
    }
    let writer = app.with_scope("user/Patient.cu");
    send(&writer, &[put(&patient("new")), request("GET", "_history")]).expect_issue(403, "forbidden");
    app.clinician().get("/Patient/new").expect(404);
    assert_eq!(app.clinician().get("/Goal").expect(200).ids(), [""; 0]);
    send(&app.anonymous(), &[put(&patient("p"))]).expect_issue(401, "login");
}

/// What `$meta-add` takes.
fn tagging() -> Value {
    json!({ "resourceType": "Parameters", "parameter": [{ "name": "meta",
        "valueMeta": { "tag": [{ "system": "urn:tag", "code": "seen" }] } }] })
}

#[test]
fn operations_that_change_nothing_are_part_of_it_and_see_what_it_wrote() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient("there"));
    let mut aim = goal("Patient/new");
    aim["id"] = "aim".into();
    let entries = [
        request("GET", "Patient/new/$everything"),
        json!({ "resource": { "resourceType": "Patient", "birthDate": "never" },
            "request": { "method": "POST", "url": "Patient/$validate" } }),
        request("GET", "CodeSystem/$lookup?system=http://hl7.org/fhir/administrative-gender&code=female"),
        request("GET", "ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender"),
        request("GET", "Patient/there/$meta"),
        put(&patient("new")),
        put(&aim),
    ];
    let answer = send(&clinician, &entries).expect(200).json();
    for at in 0..5 {
        assert_eq!(answer["entry"][at]["response"]["status"], "200 OK", "{at} {answer}");
    }
    let record = answer["entry"][0]["resource"]["entry"].as_array().unwrap();
    let ids: Vec<&str> = record.iter().filter_map(|entry| entry["resource"]["id"].as_str()).collect();
    assert_eq!(ids, ["new", "aim"]);
    assert_eq!(answer["entry"][1]["resource"]["issue"][0]["expression"][0], "Patient.birthDate");
    assert_eq!(answer["entry"][2]["resource"]["resourceType"], "Parameters");
    assert_eq!(answer["entry"][3]["resource"]["expansion"]["contains"].as_array().map(Vec::len), Some(4));
}

#[test]
fn an_operation_that_cannot_be_carried_out_refuses_the_whole() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient("there"));
    clinician.store(&patient("other"));
    let tag =
        json!({ "resource": tagging(), "request": { "method": "POST", "url": "Patient/there/$meta-add" } });
    let everything = || request("GET", "Patient/there/$everything");
    let cases = [
        (app.clinician(), tag, 400),
        (app.clinician(), request("POST", "Patient/there/$palliative-refer"), 400),
        (app.clinician(), request("GET", "Patient/there/$nothing"), 404),
        (app.clinician(), request("DELETE", "Patient/there/$everything"), 400),
        (app.clinician(), request("GET", "Patient/none/$everything"), 404),
        (app.clinician(), request("GET", "Patient/other/$everything"), 410),
        (app.clinician(), request("GET", "Patient/there/$everything?nope=1"), 400),
        (app.clinician(), request("GET", "Patient/new/$everything?nope=1"), 400),
        (app.clinician(), request("GET", "CodeSystem/$lookup?system=urn:none&code=a"), 404),
        (app.with_scope("system/Patient.cud"), everything(), 403),
        (app.with_scope("system/Patient.cud"), request("GET", "Patient/new/$everything"), 403),
    ];
    for (client, entry, status) in cases {
        let entries = [put(&patient("new")), request("DELETE", "Patient/other"), entry.clone()];
        let reply = send(&client, &entries);
        assert_eq!(reply.status, status, "{entry}: {}", reply.text());
        let expressions = reply.expressions();
        assert!(
            expressions.iter().all(|at| at.starts_with("Bundle.entry[2].re")),
            "{entry}: {expressions:?}"
        );
        clinician.get("/Patient/new").expect(404);
        clinician.get("/Patient/other").expect(200);
    }
    let reply = send(&app.patient("other"), &[everything()]);
    assert_eq!(reply.expect_issue(404, "not-found").expressions(), ["Bundle.entry[0].request.url"]);
    send(&app.anonymous(), &[everything()]).expect_issue(401, "login");
}

#[test]
fn a_read_of_what_is_not_there_refuses_the_whole() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient("there"));
    clinician.store(&patient("gone"));
    clinician.delete("/Patient/gone").expect(204);
    let cases = [
        (request("GET", "Patient/none"), 404),
        (request("GET", "Patient/gone"), 410),
        (request("GET", "Patient/there/_history/7"), 404),
        (request("HEAD", "Patient/none"), 404),
        (request("GET", "Patient/other"), 410),
        (request("GET", "Patient/none/_history"), 404),
        (request("GET", "Patient/new/_history/2"), 404),
    ];
    for (entry, status) in cases {
        clinician.store(&patient("other"));
        let reply =
            send(&clinician, &[put(&patient("new")), request("DELETE", "Patient/other"), entry.clone()]);
        let reply = reply.expect(status);
        assert_eq!(reply.expressions(), ["Bundle.entry[2].request.url"], "{entry}");
        clinician.get("/Patient/new").expect(404);
        clinician.get("/Patient/other").expect(200);
    }
    clinician.store(&patient("there"));
    let entries = [put(&patient("there")), request("GET", "Patient/there/_history/99")];
    let reply = send(&clinician, &entries).expect_issue(404, "not-found");
    assert_eq!(reply.expressions(), ["Bundle.entry[1].request.url"]);
    // which resources a search deletes is known as they are deleted
    let sweep = || request("DELETE", "Patient?identifier=urn:mrn|there");
    let reply = send(&clinician, &[sweep(), request("GET", "Patient/there")]);
    assert_eq!(reply.expect_issue(410, "deleted").expressions(), ["Bundle.entry[1].request.url"]);
    clinician.get("/Patient/there").expect(200);
    let reply = send(&clinician, &[sweep(), request("GET", "Patient?_id=there")]).expect(200).json();
    assert_eq!(reply["entry"][1]["resource"]["total"], 0, "{reply}");
    clinician.store(&patient("there"));
    let entries = [
        put(&patient("made")),
        request("GET", "Patient/made/_history"),
        request("GET", "Patient/there/_history"),
        request("GET", "Patient/there/_history/1"),
        request("DELETE", "Patient/there"),
        request("GET", "Patient/made/_history/1"),
        request("GET", "Patient/_history?_count=3"),
    ];
    let answer = send(&clinician, &entries).expect(200).json();
    assert!(answer["entry"][6]["resource"].to_string().contains("Patient/made"), "{answer}");
    for (at, status) in ["201", "200", "200", "200", "204", "200", "200"].iter().enumerate() {
        let got = answer["entry"][at]["response"]["status"].as_str().unwrap();
        assert!(got.starts_with(status), "{at} {answer}");
    }
    let version = clinician.store(&patient("there"))["meta"]["versionId"].as_str().unwrap().to_owned();
    let mut unchanged = request("GET", "Patient/there");
    unchanged["request"]["ifNoneMatch"] = format!("W/\"{version}\"").into();
    let entries =
        [put(&patient("new")), request("GET", "Patient/new"), unchanged, request("HEAD", "Patient/new")];
    let answer = send(&clinician, &entries).expect(200).json();
    assert_eq!(answer["entry"][1]["resource"]["id"], "new");
    assert_eq!(answer["entry"][2]["response"]["status"], "304 Not Modified");
    assert!(answer["entry"][3].get("resource").is_none(), "{answer}");
}

#[test]
fn reads_that_do_not_fit_into_one_answer_refuse_the_whole() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let stored = (0..100).map(|at| {
        put(&json!({ "resourceType": "Basic", "id": format!("b{at}"), "code": { "text": "x".repeat(40_000) } }))
    });
    send(&clinician, &stored.collect::<Vec<_>>()).expect(200);
    let mut entries = vec![put(&patient("new")), request("GET", "Patient/new")];
    entries.extend((0..20).map(|_| request("GET", "Basic?_count=1000")));
    let reply = send(&clinician, &entries).expect_issue(413, "too-costly");
    assert_eq!(reply.expressions(), ["Bundle.entry[18].request.url"]);
    clinician.get("/Patient/new").expect(404);
    entries.truncate(10);
    send(&clinician, &entries).expect(200);
    clinician.get("/Patient/new").expect(200);
}

#[test]
fn reads_that_take_too_long_refuse_the_whole_and_let_others_write() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let stored = (0..400).map(|at| {
        put(&json!({ "resourceType": "Observation", "id": format!("o{at}"), "status": "final",
            "code": { "text": "pain" }, "subject": { "reference": "Patient/long" } }))
    });
    send(&clinician, &[vec![put(&patient("long"))], stored.collect()].concat()).expect(200);
    // Each reads all of it and gives little of it, so that only the time runs out.
    let long = |reads: usize| {
        let mut entries = vec![put(&patient("new"))];
        let read = || request("GET", "Patient/long/$everything?_elements=id");
        entries.extend((0..reads).map(|_| read()));
        entries
    };
    send(&clinician, &long(2)).expect(200);
    clinician.delete("/Patient/new").expect(204);
    let began = Instant::now();
    let (reply, beside) = std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(500));
            app.clinician().put("/Patient/beside", &patient("beside")).expect(201);
            began.elapsed()
        });
        (send(&clinician, &long(500)), other.join().unwrap())
    });
    let reply = reply.expect_issue(413, "too-costly");
    assert!(reply.expressions()[0].starts_with("Bundle.entry["), "{:?}", reply.expressions());
    for took in [began.elapsed(), beside] {
        assert!(took < Duration::from_secs(30), "{took:?}");
    }
    clinician.get("/Patient/new").expect_issue(410, "deleted");
    clinician.get("/Patient/beside").expect(200);
}

#[test]
fn what_reads_within_it_finds_what_it_defines_and_nothing_of_one_that_is_refused() {
    let app = TestApp::new();
    let clinician = app.with_scope("system/*.cruds");
    let set = json!({ "resourceType": "ValueSet", "id": "own", "url": "http://x.example/own", "status": "active",
        "compose": { "include": [{ "system": "urn:s", "concept": [{ "code": "a" }] }] } });
    let parameter = |element: &str| {
        json!({ "resourceType": "SearchParameter", "id": "own", "status": "active",
        "url": "http://x.example/p", "name": "own", "description": "d", "code": "own", "base": ["Patient"],
        "type": "string", "expression": format!("Patient.{element}") })
    };
    let expand = || request("GET", "ValueSet/$expand?url=http://x.example/own");
    let judge = || {
        json!({ "resource": patient("r"),
        "request": { "method": "POST", "url": "Patient/$validate?mode=create" } })
    };
    let entries =
        [put(&set), put(&parameter("name.given")), judge(), expand(), request("GET", "Patient/none")];
    send(&clinician, &entries).expect_issue(404, "not-found");
    clinician.get("/ValueSet/$expand?url=http://x.example/own").expect(404);
    clinician.get("/Patient?own=x").expect(400);
    let by_set = request("GET", "Patient?identifier:in=http://x.example/own");
    let marked = json!({ "resourceType": "Patient", "id": "marked", "identifier": [{ "system": "urn:s", "value": "a" }] });
    send(&clinician, &[by_set.clone(), put(&marked)]).expect_issue(400, "not-found");
    let answer = send(&clinician, &[by_set, put(&set), put(&marked)]).expect(200).json();
    assert_eq!(answer["entry"][0]["resource"]["entry"][0]["resource"]["id"], "marked", "{answer}");
    // the next set of search parameters has the number that the refused one would have had
    let answer =
        send(&clinician, &[put(&set), put(&parameter("name.family")), judge(), expand()]).expect(200).json();
    assert_eq!(answer["entry"][2]["resource"]["issue"][0]["severity"], "information", "{answer}");
    assert_eq!(answer["entry"][3]["resource"]["expansion"]["contains"][0]["code"], "a", "{answer}");
    let named = json!([{ "family": "Elm", "given": ["Ash"] }]);
    clinician.store(&json!({ "resourceType": "Patient", "id": "elm", "name": named }));
    assert_eq!(app.app().reindex(0, &mut |_| {}).expect("it can be made anew").mended, 0);
    assert_eq!(clinician.get("/Patient?own=elm").expect(200).ids(), ["elm"]);
    assert_eq!(clinician.get("/Patient?own=ash").expect(200).ids(), [""; 0]);
}

#[test]
fn every_kind_of_link_is_rewritten_where_r4_says_so() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let elsewhere = "http://source.example/fhir";
    let document = json!({
        "resourceType": "DocumentReference", "status": "current",
        "contained": [{ "resourceType": "Organization", "id": "org", "name": "contained",
            "partOf": { "reference": format!("{elsewhere}/Organization/1") } }],
        "subject": { "reference": "Patient/1" },
        "custodian": { "reference": "#org" },
        "author": [{ "reference": format!("{elsewhere}/Patient/1") }, { "reference": "Practitioner/77" }],
        "extension": [
            { "url": "http://x.example/uri", "valueUri": GOAL },
            { "url": "http://x.example/canonical", "valueCanonical": GOAL },
            { "url": "http://x.example/oid", "valueOid": "urn:oid:1.2.3" },
            { "url": "http://x.example/text", "valueString": GOAL },
            { "url": "http://x.example/ref", "valueReference": { "reference": "urn:oid:1.2.3" } },
            { "url": "http://x.example/uuid", "valueUuid": GOAL },
        ],
        "text": { "status": "generated", "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">\
            <a href=\"{elsewhere}/Patient/1\">p</a><img src=\"{GOAL}\"/><a href=\"#org\">o</a></div>") },
        "content": [{ "attachment": { "url": GOAL } }],
    });
    let entries = [
        post(&format!("{elsewhere}/DocumentReference/9"), &document),
        post(&format!("{elsewhere}/Patient/1"), &patient("1")),
        post(GOAL, &json!({ "resourceType": "Binary", "contentType": "text/plain", "data": "eWVz" })),
        post("urn:oid:1.2.3", &json!({ "resourceType": "Organization", "name": "o" })),
        post(
            &format!("{elsewhere}/Organization/1"),
            &json!({ "resourceType": "Organization", "name": "part" }),
        ),
    ];
    let answer = send(&clinician, &entries).expect(200).json();
    let stored = clinician.get(&format!("/{}", place(&answer, 0))).expect(200).json();
    let (patient, binary, organization) = (place(&answer, 1), place(&answer, 2), place(&answer, 3));
    assert_eq!(stored["subject"]["reference"], patient);
    assert_eq!(stored["author"][0]["reference"], patient);
    assert_eq!(stored["author"][1]["reference"], "Practitioner/77");
    assert_eq!(stored["custodian"]["reference"], "#org");
    assert_eq!(stored["contained"][0]["id"], "org");
    assert_eq!(stored["contained"][0]["partOf"]["reference"], place(&answer, 4));
    assert_eq!(stored["extension"][0]["valueUri"], binary);
    assert_eq!(stored["extension"][1]["valueCanonical"], GOAL, "R4 leaves a canonical as it is");
    assert_eq!(stored["extension"][2]["valueOid"], "urn:oid:1.2.3", "the address of a resource is no OID");
    assert_eq!(stored["extension"][5]["valueUuid"], GOAL, "nor a UUID");
    assert_eq!(stored["extension"][3]["valueString"], GOAL, "a text is no link");
    assert_eq!(stored["extension"][4]["valueReference"]["reference"], organization);
    assert_eq!(stored["content"][0]["attachment"]["url"], binary);
    let div = stored["text"]["div"].as_str().unwrap();
    for part in [format!("href=\"{patient}\""), format!("src=\"{binary}\""), "href=\"#org\"".to_owned()] {
        assert!(div.contains(&part), "{part} is not in {div}");
    }
    clinician.put(&format!("/{}", place(&answer, 0)), &stored).expect(200);
}

#[test]
fn what_a_link_leads_to_is_judged_once_it_is_known() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let mut contained = goal("Patient/1");
    contained["contained"] =
        json!([{ "resourceType": "Condition", "id": "c", "subject": { "reference": PLAN } }]);
    contained["addresses"] = json!([{ "reference": "#c" }]);
    let mut typed = goal(PATIENT);
    typed["subject"]["type"] = "Group".into();
    let mut deep = goal("Patient/1");
    deep["note"] = json!([{ "text": "a", "authorReference": { "reference": PLAN } }]);
    let medication = || post(PLAN, &json!({ "resourceType": "Medication", "code": { "text": "a" } }));
    for (resource, expression) in [
        (goal(PLAN), "subject.reference"),
        (typed, "subject.type"),
        (deep, "note[0].authorReference.reference"),
        (contained, "contained[0].subject.reference"),
    ] {
        let entries = [medication(), post(PATIENT, &patient("x")), post(GOAL, &resource)];
        let reply = send(&clinician, &entries).expect_issue(422, "value");
        assert_eq!(reply.expressions(), [format!("Bundle.entry[2].resource.{expression}")], "{resource}");
    }
    assert_eq!(clinician.get("/Medication").expect(200).json()["total"], 0, "nothing is written by half");
    // where R4 allows any type, or the right one, nothing is said
    let mut fitting = goal(PATIENT);
    fitting["subject"]["type"] = "Patient".into();
    fitting["extension"] =
        json!([{ "url": "http://x.example/any", "valueReference": { "reference": PLAN } }]);
    send(&clinician, &[medication(), post(PATIENT, &patient("x")), post(GOAL, &fitting)]).expect(200);
    // what only looks like a reference below the service stays as it was sent
    let mut strange = goal("Patient/1");
    let url = app.url("/fhir/Patient/a_b");
    strange["extension"] = json!([{ "url": "http://x.example/any", "valueReference": { "reference": url } }]);
    let stored = clinician.post("/Goal", &strange).expect(201).json();
    assert_eq!(stored["extension"][0]["valueReference"]["reference"], url);
}

#[test]
fn searches_of_a_transaction_see_its_writes_although_others_go_to_a_replica() {
    let replica = Database::fresh();
    if replica.url().starts_with("sqlite:") {
        return;
    }
    crate::app::migrate(replica.url());
    let app = TestApp::with(|config| config.database_read_url = Some(replica.url().to_owned()));
    let clinician = app.clinician();
    let answer = send(&clinician, &[put(&patient("p")), request("GET", "Patient?_id=p")]).expect(200).json();
    assert_eq!(answer["entry"][1]["resource"]["total"], 1, "{answer}");
    assert_eq!(clinician.get("/Patient?_id=p").expect(200).ids(), [""; 0], "the replica has not got it");
}

#[test]
fn five_thousand_entries_are_written_together_while_others_read() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient("reader"));
    let seen = |at: usize| format!("urn:uuid:00000000-0000-4000-8000-{at:012}");
    let history = (0..4_999).map(|at| {
        let mut goal = goal(PATIENT);
        goal["identifier"] = json!([{ "system": "urn:goal", "value": at.to_string() }]);
        goal["startDate"] = format!("20{:02}-0{}-1{}", at % 26, at % 9 + 1, at % 9).into();
        goal["expressedBy"] = json!({ "reference": PATIENT });
        goal["note"] = json!([{ "text": format!("As said on visit {at}"), "authorReference": { "reference": PATIENT } }]);
        post(&seen(at), &goal)
    });
    let entries: Vec<Value> = history.chain([post(PATIENT, &patient("x"))]).collect();
    let began = Instant::now();
    let (mut reads, mut slowest) = (0, Duration::ZERO);
    let answer = std::thread::scope(|scope| {
        let writing = scope.spawn(|| send(&clinician, &entries).expect(200).json());
        while !writing.is_finished() {
            let asked = Instant::now();
            clinician.get("/Patient/reader").expect(200);
            let goals = clinician.get("/Goal?_summary=count").expect(200).json()["total"].as_u64().unwrap();
            assert!(goals == 0 || goals == 4_999, "{goals} of them are seen");
            slowest = slowest.max(asked.elapsed());
            reads += 1;
        }
        writing.join().unwrap()
    });
    assert_eq!(answer["entry"].as_array().unwrap().len(), 5_000);
    println!("took {:?}, {reads} pairs of reads beside it, the slowest {slowest:?}", began.elapsed());
    // readers that waited for the write would come through once or twice
    assert!(reads > 10, "{reads} pairs of reads");
    let patient = place(&answer, 4_999);
    let of_patient = clinician.get(&format!("/Goal?subject={patient}&_summary=count")).expect(200).json();
    assert_eq!(of_patient["total"], 4_999);
}

#[test]
fn what_a_transaction_reads_is_of_one_state_while_others_write() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let both = || [put(&patient("a")), put(&patient("b"))];
    send(&clinician, &both()).expect(200);
    let ended = AtomicBool::new(false);
    let (versions, written) = std::thread::scope(|scope| {
        let (app, ended) = (&app, &ended);
        let writer = scope.spawn(move || {
            let clinician = app.clinician();
            let mut written = 0;
            while !ended.load(Ordering::SeqCst) && send(&clinician, &both()).status == 200 {
                written += 1;
            }
            written
        });
        let reads = [put(&patient("c")), request("GET", "Patient/a"), request("GET", "Patient/b")];
        let versions: Vec<Value> = (0..40)
            .map(|_| send(&clinician, &reads))
            .map(|reply| if reply.status == 200 { reply.json() } else { Value::Null })
            .collect();
        ended.store(true, Ordering::SeqCst);
        (versions, writer.join().unwrap())
    });
    assert!(written > 10, "others wrote {written} times");
    for answer in versions {
        let version =
            |at: usize| answer["entry"][at]["resource"]["meta"]["versionId"].as_str().unwrap().to_owned();
        assert_eq!(version(1), version(2));
    }
}
