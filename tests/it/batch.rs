//! batch over HTTP. <https://hl7.org/fhir/R4/http.html#transaction>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;

fn batch(entries: &Value) -> Value {
    json!({ "resourceType": "Bundle", "type": "batch", "entry": entries })
}

fn patient(id: &str) -> Value {
    json!({ "resourceType": "Patient", "id": id })
}

#[test]
fn each_entry_is_answered_as_if_it_had_come_alone() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient("p"));
    let entries = [
        ("GET", "Patient/p", None),
        ("GET", "Patient/none", None),
        ("GET", "Nothing/1", None),
        ("PUT", "Patient/q", Some(patient("q"))),
        ("PUT", "Patient/q", Some(patient("other"))),
        ("POST", "Patient", Some(json!({ "resourceType": "Patient", "birthDate": "never" }))),
        ("DELETE", "Patient/q", None),
        ("GET", "Patient/q", None),
        ("GET", "Patient/q/_history", None),
        ("GET", "metadata", None),
        ("GET", "Patient?nope=1", None),
        ("POST", "Patient/$validate", Some(patient("r"))),
        ("POST", "Patient/$nothing", Some(patient("r"))),
        ("PATCH", "Patient/p", None),
        ("POST", "", Some(json!({ "resourceType": "Bundle", "type": "batch" }))),
    ];
    let all: Vec<Value> = entries
        .iter()
        .map(|(method, url, resource)| match resource {
            Some(resource) => json!({ "resource": resource, "request": { "method": method, "url": url } }),
            None => json!({ "request": { "method": method, "url": url } }),
        })
        .collect();
    // The last one's url would be empty, which R4 does not allow; a slash is the base URL too.
    let mut all = all;
    all[14]["request"]["url"] = "/".into();
    let answer = clinician.post("", &batch(&json!(all))).expect(200).json();
    assert_eq!(answer["type"], "batch-response");
    let statuses: Vec<&str> = answer["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["response"]["status"].as_str().unwrap().split(' ').next().unwrap())
        .collect();
    let expected = [
        "200", "404", "404", "201", "400", "422", "204", "410", "200", "200", "400", "200", "404", "400",
        "400",
    ];
    assert_eq!(statuses, expected, "{answer}");
    let entry = |at: usize| &answer["entry"][at];
    assert_eq!(entry(0)["resource"]["id"], "p");
    assert_eq!(entry(0)["response"]["etag"], "W/\"1\"");
    assert_eq!(entry(1)["response"]["status"], "404 Not Found");
    assert_eq!(entry(1)["response"]["outcome"]["issue"][0]["code"], "not-found");
    assert_eq!(entry(3)["response"]["location"], app.url("/fhir/Patient/q/_history/1"));
    assert_eq!(entry(5)["response"]["outcome"]["issue"][0]["expression"][0], "Patient.birthDate");
    assert_eq!(entry(7)["response"]["etag"], "W/\"2\"");
    assert_eq!(entry(9)["resource"]["resourceType"], "CapabilityStatement");
    assert_eq!(entry(11)["resource"]["resourceType"], "OperationOutcome");
}

#[test]
fn conditions_of_an_entry_are_those_of_a_request() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient("p"));
    let entries = json!([
        { "request": { "method": "GET", "url": "Patient/p", "ifNoneMatch": "W/\"1\"" } },
        { "request": { "method": "GET", "url": "Patient/p", "ifModifiedSince": "2026-03-01T12:00:00Z" } },
        { "request": { "method": "DELETE", "url": "Patient/p", "ifMatch": "W/\"3\"" } },
        { "request": { "method": "POST", "url": "Patient", "ifNoneExist": "_id=p" }, "resource": patient("x") },
    ]);
    let answer = clinician.post("", &batch(&entries)).expect(200).json();
    let status = |at: usize| answer["entry"][at]["response"]["status"].as_str().unwrap().to_owned();
    assert_eq!(
        [status(0), status(1), status(2), status(3)],
        ["304 Not Modified", "304 Not Modified", "412 Precondition Failed", "200 OK"]
    );
}

#[test]
fn each_entry_takes_its_own_scope() {
    let app = TestApp::new();
    app.clinician().store(&patient("p"));
    app.clinician().store(&patient("q"));
    let entries = json!([
        { "request": { "method": "GET", "url": "Patient/p" } },
        { "request": { "method": "GET", "url": "Patient/q" } },
        { "request": { "method": "DELETE", "url": "Patient/p" } },
    ]);
    let answer = app.patient("p").post("", &batch(&entries)).expect(200).json();
    let status = |at: usize| answer["entry"][at]["response"]["status"].as_str().unwrap().to_owned();
    assert_eq!([status(0), status(1), status(2)], ["200 OK", "404 Not Found", "403 Forbidden"]);
}

fn statuses(answer: &Value) -> Vec<String> {
    let entries = answer["entry"].as_array().unwrap().iter();
    entries
        .map(|entry| entry["response"]["status"].as_str().unwrap().split(' ').next().unwrap().to_owned())
        .collect()
}

fn put(resource: &Value) -> Value {
    let url = format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
    json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
}

#[test]
fn an_entry_that_refers_to_what_another_makes_is_refused_alone() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient("p"));
    let urn = "urn:uuid:11111111-1111-4111-8111-111111111111";
    let elsewhere = "http://source.example/fhir";
    let goal = |subject: &str| {
        json!({ "resourceType": "Goal", "lifecycleStatus": "active", "description": { "text": "x" },
            "subject": { "reference": subject }, "addresses": [{ "reference": "Condition/1" }] })
    };
    let post = |full_url: &str, resource: Value| {
        let url = resource["resourceType"].clone();
        json!({ "fullUrl": full_url, "resource": resource, "request": { "method": "POST", "url": url } })
    };
    let entries = json!([
        post(urn, patient("x")),
        post(&format!("{elsewhere}/Patient/1"), patient("y")),
        post("urn:uuid:22222222-2222-4222-8222-222222222222", goal(urn)),
        post(&format!("{elsewhere}/Goal/2"), goal("Patient/1")),
        post(&format!("{elsewhere}/Goal/3"), goal(&format!("{elsewhere}/Patient/1"))),
        post(&format!("{elsewhere}/Goal/4"), goal("Patient/p")),
        post(
            "urn:uuid:33333333-3333-4333-8333-333333333333",
            goal("urn:uuid:44444444-4444-4444-8444-444444444444")
        ),
    ]);
    let answer = clinician.post("", &batch(&entries)).expect(200).json();
    assert_eq!(statuses(&answer), ["201", "201", "400", "400", "400", "201", "201"], "{answer}");
    for at in [2, 3, 4] {
        let issue = &answer["entry"][at]["response"]["outcome"]["issue"][0];
        assert_eq!(issue["expression"][0], "Goal.subject.reference", "{answer}");
    }
    assert_eq!(clinician.get("/Goal?_summary=count").expect(200).json()["total"], 2);
}

#[test]
fn what_is_put_is_referred_to_only_where_it_is_there_already() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for id in ["there", "gone"] {
        clinician.store(&patient(id));
    }
    clinician.delete("/Patient/gone").expect(204);
    let goal = |id: &str, subject: &str| {
        put(
            &json!({ "resourceType": "Goal", "id": id, "lifecycleStatus": "active", "description": { "text": "x" },
            "subject": { "reference": subject } }),
        )
    };
    let mut elsewhere = put(&patient("other"));
    elsewhere["fullUrl"] = "http://source.example/fhir/Patient/9".into();
    let entries = json!([
        put(&patient("new")),
        put(&patient("there")),
        put(&patient("gone")),
        elsewhere,
        goal("a", "Patient/new"),
        goal("b", &app.url("/fhir/Patient/new")),
        goal("c", "Patient/new/_history/1"),
        goal("d", "Patient/gone"),
        goal("e", "http://source.example/fhir/Patient/9"),
        goal("f", "Patient/there"),
        goal("g", "Patient/elsewhere"),
    ]);
    let answer = clinician.post("", &batch(&entries)).expect(200).json();
    let expected = ["201", "200", "200", "201", "400", "400", "400", "400", "400", "201", "201"];
    assert_eq!(statuses(&answer), expected, "{answer}");
    let issue = &answer["entry"][4]["response"]["outcome"]["issue"][0];
    assert_eq!(issue["expression"][0], "Goal.subject.reference");
    // a resource that the caller may not see is to them one that is not there
    let own = app.with_claims(json!({ "sub": "u", "scope": "patient/*.cruds", "patient": "there" }));
    let answer =
        own.post("", &batch(&json!([put(&patient("other")), goal("h", "Patient/other")]))).expect(200);
    let unknown =
        own.post("", &batch(&json!([put(&patient("never")), goal("h", "Patient/never")]))).expect(200);
    assert_eq!(statuses(&answer.json())[1], statuses(&unknown.json())[1]);
}

#[test]
fn writes_that_follow_one_another_see_one_another_and_fail_alone() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let named =
        |id: &str, name: &str| json!({ "resourceType": "Patient", "id": id, "name": [{ "family": name }] });
    let mut stale = put(&named("p", "third"));
    stale["request"]["ifMatch"] = "W/\"1\"".into();
    let mut fresh = put(&named("p", "fourth"));
    fresh["request"]["ifMatch"] = "W/\"2\"".into();
    let once = |value: &str| {
        json!({ "request": { "method": "POST", "url": "Patient", "ifNoneExist": format!("identifier=urn:mrn|{value}") },
            "resource": { "resourceType": "Patient", "identifier": [{ "system": "urn:mrn", "value": value }] } })
    };
    let entries = json!([
        put(&named("p", "first")),
        put(&named("p", "second")),
        stale,
        { "resource": { "resourceType": "Patient", "gender": "wrong" }, "request": { "method": "POST", "url": "Patient" } },
        fresh,
        once("1"),
        once("1"),
        { "request": { "method": "DELETE", "url": "Patient/never" } },
        { "request": { "method": "GET", "url": "Patient/p" } },
        { "request": { "method": "HEAD", "url": "Patient/p" } },
        put(&named("q", "last")),
    ]);
    let answer = clinician.post("", &batch(&entries)).expect(200).json();
    let expected = ["201", "200", "412", "422", "200", "201", "200", "204", "200", "200", "201"];
    assert_eq!(statuses(&answer), expected, "{answer}");
    assert_eq!(answer["entry"][8]["resource"]["name"][0]["family"], "fourth");
    assert_eq!(answer["entry"][8]["response"]["etag"], "W/\"3\"");
    assert!(answer["entry"][9].get("resource").is_none(), "HEAD has no body");
    assert_eq!(answer["entry"][9]["response"]["etag"], "W/\"3\"");
    let location = |at: usize| answer["entry"][at]["response"]["location"].clone();
    assert_eq!(location(5), location(6), "the second finds what the first made");
}

#[test]
fn batches_over_the_same_resources_in_opposite_orders_are_all_carried_out() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let ids: Vec<String> = (0..10).map(|at| format!("r{at}")).collect();
    let forwards = json!(ids.iter().map(|id| put(&patient(id))).collect::<Vec<_>>());
    let backwards = json!(ids.iter().rev().map(|id| put(&patient(id))).collect::<Vec<_>>());
    std::thread::scope(|scope| {
        for at in 0..8 {
            let (clinician, entries) = (&clinician, if at % 2 == 0 { &forwards } else { &backwards });
            scope.spawn(move || {
                for _ in 0..4 {
                    let answer = clinician.post("", &batch(entries)).expect(200).json();
                    assert!(
                        statuses(&answer).iter().all(|status| status == "200" || status == "201"),
                        "{answer}"
                    );
                }
            });
        }
    });
    for id in ids {
        assert_eq!(clinician.get(&format!("/Patient/{id}")).expect(200).header("etag"), Some("W/\"32\""));
    }
}

#[test]
fn what_an_entry_may_not_see_or_write_stays_out_of_a_shared_commit() {
    let app = TestApp::new();
    app.clinician().store(&patient("p"));
    app.clinician().store(&patient("q"));
    let own = app.with_claims(json!({ "sub": "u", "scope": "patient/*.cruds", "patient": "p" }));
    let goal = |id: &str, subject: &str| {
        put(
            &json!({ "resourceType": "Goal", "id": id, "lifecycleStatus": "active", "description": { "text": "x" },
            "subject": { "reference": subject } }),
        )
    };
    let entries = json!([goal("a", "Patient/p"), goal("b", "Patient/q"), goal("c", "Patient/p")]);
    app.clinician().post("", &batch(&json!([goal("a", "Patient/p"), goal("c", "Patient/q")]))).expect(200);
    let answer = own.post("", &batch(&entries)).expect(200).json();
    assert_eq!(statuses(&answer), ["200", "403", "404"], "{answer}");
    app.anonymous().post("", &batch(&entries)).expect_issue(401, "login");
    app.clinician().get("/Goal/b").expect(404);
    assert_eq!(app.clinician().get("/Goal/c").expect(200).header("etag"), Some("W/\"1\""));
}
