//! SearchParameters that clients store. <https://hl7.org/fhir/R4/searchparameter.html>

use std::sync::Arc;
use std::sync::Barrier;

use comfrey::app::App;
use comfrey::app::Session;
use comfrey::app::upkeep;
use comfrey::interactions;
use comfrey::interactions::Body;
use comfrey::interactions::Method;
use comfrey::interactions::Request;
use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::database::Database;
use crate::database::tamper;

/// Where the tests' patients have their shoe size and their favourite nurse.
const SHOE: &str = "http://example.org/shoe";
const NURSE: &str = "http://example.org/nurse";

fn defined(id: &str, (ty, kind): (&str, &str), expression: &str) -> Value {
    json!({ "resourceType": "SearchParameter", "id": id, "url": format!("http://example.org/{id}"), "name": "Own",
        "status": "active", "description": "Our own", "code": id, "base": [ty], "type": kind, "expression": expression })
}

fn shoe() -> Value {
    defined("shoe", ("Patient", "token"), &format!("Patient.extension.where(url='{SHOE}').value as code"))
}

fn patient(id: &str, size: &str) -> Value {
    json!({ "resourceType": "Patient", "id": id, "name": [{ "family": id }], "extension": [
        { "url": SHOE, "valueCode": size },
        { "url": NURSE, "valueReference": { "reference": "Practitioner/n" } }] })
}

fn operator(app: &TestApp) -> Client {
    let operator = app.with_scope("system/*.cruds");
    operator
        .store(&json!({ "resourceType": "Practitioner", "id": "n", "name": [{ "family": "Nightingale" }] }));
    operator
}

fn reindex(app: &Arc<App>) -> u64 {
    app.reindex(0, &mut |_| {}).expect("it can be made anew").mended
}

fn found(client: &Client, search: &str) -> Vec<String> {
    let mut all = client.get(search).expect(200).references();
    all.sort();
    all
}

fn differences(app: &TestApp) -> u64 {
    upkeep::check(&app.app().config, &mut |_| {}).expect("it can be read").differences
}

#[test]
fn a_parameter_finds_what_is_written_after_it_and_what_was_before_it_once_the_index_is_made_anew() {
    let app = TestApp::new();
    let operator = operator(&app);
    operator.store(&patient("before", "42"));
    operator.get("/Patient?shoe=42").expect_issue(400, "not-supported");
    operator.store(&shoe());
    operator.store(&patient("after", "42"));
    operator.store(&patient("small", "36"));
    let reply = operator.get("/Patient?shoe=42").expect_issue(400, "not-supported");
    assert!(reply.text().contains("comfrey reindex"), "{}", reply.text());
    let conditional = operator.request("POST", "/Patient").header("If-None-Exist", "shoe=42");
    conditional.json(&json!({ "resourceType": "Patient" })).send().expect(400);
    assert_eq!(reindex(app.app()), 1, "what was written after it had its rows already");
    for (search, expected) in [
        ("/Patient?shoe=42", &["Patient/after", "Patient/before"][..]),
        ("/Patient?_filter=not (shoe eq 42)", &["Patient/small"]),
        ("/Patient?shoe:missing=false&_sort=shoe", &["Patient/after", "Patient/before", "Patient/small"]),
        ("/Patient?_filter=shoe eq 36", &["Patient/small"]),
    ] {
        assert_eq!(found(&operator, search), expected, "{search}");
    }
    operator.store(&patient("small", "42"));
    assert_eq!(found(&operator, "/Patient?shoe=36"), Vec::<String>::new());
    assert_eq!(found(&operator, "/Patient?shoe=42").len(), 3);
    assert_eq!(differences(&app), 0);
    let statement = operator.get("/metadata").expect(200).text();
    assert!(statement.contains("http://example.org/shoe"), "it is named among the parameters");
    // The words of it may change without its being new.
    let mut worded = shoe();
    worded["description"] = json!("The size of shoes");
    operator.store(&worded);
    assert_eq!(found(&operator, "/Patient?shoe=42").len(), 3);
    assert!(operator.get("/metadata").expect(200).text().contains("The size of shoes"));
    let mut other = shoe();
    other["expression"] = json!("Patient.gender");
    operator.store(&other);
    operator.get("/Patient?shoe=42").expect_issue(400, "not-supported");
    assert!(reindex(app.app()) >= 3, "the rows of the other expression go");
    assert_eq!(found(&operator, "/Patient?shoe=42"), Vec::<String>::new());
}

#[test]
fn a_reference_is_chained_and_included_within_what_the_caller_may_see() {
    let app = TestApp::new();
    let operator = operator(&app);
    let expression = format!("Patient.extension.where(url='{NURSE}').value as Reference");
    let mut nurse = defined("nurse", ("Patient", "reference"), &expression);
    nurse["target"] = json!(["Practitioner"]);
    operator.store(&nurse);
    operator.store(&shoe());
    assert_eq!(reindex(app.app()), 0);
    for id in ["a", "b"] {
        operator.store(&patient(id, "42"));
    }
    let all = ["Patient/a", "Patient/b"];
    assert_eq!(found(&operator, "/Patient?nurse=Practitioner/n"), all);
    assert_eq!(found(&operator, "/Patient?nurse.name=night"), all);
    assert_eq!(found(&operator, "/Practitioner?_has:Patient:nurse:shoe=42"), ["Practitioner/n"]);
    let included = ["Patient/a", "Patient/b", "Practitioner/n"];
    assert_eq!(found(&operator, "/Patient?shoe=42&_include=Patient:nurse"), included);
    assert_eq!(found(&operator, "/Practitioner?_id=n&_revinclude=Patient:nurse"), included);
    let own = app.patient("a");
    assert_eq!(found(&own, "/Patient?shoe=42"), ["Patient/a"]);
    assert_eq!(found(&own, "/Practitioner?_id=n&_revinclude=Patient:nurse"), ["Patient/a", "Practitioner/n"]);
    assert_eq!(own.get("/Patient?shoe=42&_summary=count").expect(200).json()["total"], 1);
}

#[test]
fn no_wildcard_follows_a_reference_that_the_index_is_behind_and_none_is_offered() {
    let app = TestApp::new();
    let operator = operator(&app);
    operator.store(&patient("before", "42"));
    let expression = format!("Patient.extension.where(url='{NURSE}').value as Reference");
    let mut nurse = defined("nurse", ("Patient", "reference"), &expression);
    nurse["target"] = json!(["Practitioner"]);
    operator.store(&nurse);
    operator.store(&patient("after", "42"));
    let wildcards = [
        "/Patient?_id=before,after&_include=*",
        "/Patient?_id=before,after&_include=Patient:*",
        "/Practitioner?_id=n&_revinclude=Patient:*",
    ];
    let offered = |name: &str, ty: &str| {
        let statement = operator.get("/metadata").expect(200).json();
        let all = statement["rest"][0]["resource"].as_array().unwrap().clone();
        let own = all.into_iter().find(|own| own["type"] == ty).unwrap();
        own[name].as_array().unwrap().contains(&json!("Patient:nurse"))
    };
    let of_wildcards = || wildcards.map(|search| found(&operator, search).len());
    assert_eq!(of_wildcards(), [2, 2, 1], "some of them would be followed, and others not");
    assert!(!offered("searchInclude", "Patient") && !offered("searchRevInclude", "Practitioner"));
    assert_eq!(reindex(app.app()), 1);
    assert_eq!(of_wildcards(), [3; 3]);
    assert!(offered("searchInclude", "Patient") && offered("searchRevInclude", "Practitioner"));
}

#[test]
fn what_cannot_be_searched_by_is_refused_with_what_to_do() {
    let app = TestApp::new();
    let operator = operator(&app);
    let with = |name: &str, value: Value| {
        let mut changed = shoe();
        changed[name] = value;
        changed
    };
    for (wrong, at) in [
        (with("expression", json!("Patient.name.first()")), "SearchParameter.expression"),
        (with("expression", json!("Patient.nmae.family")), "SearchParameter.expression"),
        (with("expression", json!("Observation.status")), "SearchParameter.expression"),
        (with("expression", json!(format!("Patient.{}", "a".repeat(1_000)))), "SearchParameter.expression"),
        (with("expression", json!("Patient.birthDate")), "SearchParameter.type"),
        (with("type", json!("quantity")), "SearchParameter.type"),
        (with("type", json!("special")), "SearchParameter.type"),
        (with("code", json!("gender")), "SearchParameter.code"),
        (with("code", json!("_shoe")), "SearchParameter.code"),
        (with("code", json!("shoe:size")), "SearchParameter.code"),
    ] {
        let reply = operator.put("/SearchParameter/shoe", &wrong).expect(422);
        assert_eq!(reply.expressions(), [at], "{}", reply.text());
    }
    let mut without = shoe();
    without.as_object_mut().unwrap().remove("expression");
    operator.put("/SearchParameter/shoe", &without).expect_issue(422, "required");
    operator.get("/SearchParameter/shoe").expect(404);
    // A draft is not searched by, so that it may be anything that R4 allows.
    let mut draft = with("code", json!("gender"));
    draft["status"] = json!("draft");
    operator.store(&draft);
    let patch = json!([{ "op": "replace", "path": "/status", "value": "active" }]);
    let patch = operator
        .request("PATCH", "/SearchParameter/shoe")
        .body("application/json-patch+json", patch.to_string());
    patch.send().expect_issue(422, "duplicate");
    // R4's own may be stored as it is.
    let own = json!({ "resourceType": "SearchParameter", "id": "own", "status": "active", "name": "gender",
        "url": "http://hl7.org/fhir/SearchParameter/individual-gender", "description": "Gender", "code": "gender",
        "base": ["Patient", "Person", "Practitioner", "RelatedPerson"], "type": "token",
        "expression": "Patient.gender | Person.gender | Practitioner.gender | RelatedPerson.gender" });
    operator.store(&own);
    operator.get("/Patient?gender=male").expect(200);
    // One code is one resource's.
    operator.store(&with("code", json!("size")));
    let mut second = with("code", json!("size"));
    second["id"] = json!("second");
    operator.put("/SearchParameter/second", &second).expect_issue(422, "duplicate");
}

#[test]
fn of_two_at_once_with_one_code_one_is_stored() {
    let app = TestApp::new();
    let operator = operator(&app);
    let start = Barrier::new(4);
    let stored = std::thread::scope(|scope| {
        let put = |at: usize| {
            let (operator, start) = (&operator, &start);
            scope.spawn(move || {
                let mut own = shoe();
                own["id"] = json!(format!("shoe-{at}"));
                start.wait();
                operator.put(&format!("/SearchParameter/shoe-{at}"), &own).status
            })
        };
        let threads: Vec<_> = (0..4).map(put).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<u16>>()
    });
    assert_eq!(stored.iter().filter(|status| **status == 201).count(), 1, "{stored:?}");
    assert_eq!(stored.iter().filter(|status| **status == 422).count(), 3, "{stored:?}");
}

#[test]
fn only_a_system_says_by_what_everybody_searches() {
    let app = TestApp::new();
    let operator = operator(&app);
    app.anonymous().put("/SearchParameter/shoe", &shoe()).expect_issue(401, "login");
    let bundle = |method: &str| {
        json!({ "resourceType": "Bundle", "type": "transaction", "entry": [{ "resource": shoe(),
            "request": { "method": method, "url": "SearchParameter/shoe" } }] })
    };
    for refused in
        [app.clinician(), app.patient("a"), app.stranger(), app.with_scope("system/*.rs user/*.cud")]
    {
        refused.put("/SearchParameter/shoe", &shoe()).expect_issue(403, "forbidden");
        refused.post("/SearchParameter", &shoe()).expect_issue(403, "forbidden");
        refused.post("", &bundle("PUT")).expect_issue(403, "forbidden");
    }
    operator.store(&shoe());
    for refused in [app.clinician(), app.patient("a"), app.stranger()] {
        refused.delete("/SearchParameter/shoe").expect_issue(403, "forbidden");
    }
    app.clinician().get("/SearchParameter/shoe").expect(200);
    app.with_scope("system/SearchParameter.u").put("/SearchParameter/shoe", &shoe()).expect(200);
}

#[test]
fn one_that_is_retired_or_deleted_is_gone_at_once_and_its_rows_with_the_next_index() {
    let app = TestApp::new();
    let operator = operator(&app);
    operator.store(&shoe());
    reindex(app.app());
    operator.store(&patient("a", "42"));
    assert_eq!(found(&operator, "/Patient?shoe=42"), ["Patient/a"]);
    let mut retired = shoe();
    retired["status"] = json!("retired");
    operator.store(&retired);
    operator.get("/Patient?shoe=42").expect_issue(400, "not-supported");
    assert!(!operator.get("/metadata").expect(200).text().contains("http://example.org/shoe"));
    assert_eq!((reindex(app.app()), differences(&app)), (1, 0));
    operator.store(&shoe());
    operator.delete("/SearchParameter/shoe").expect(204);
    operator.get("/Patient?shoe=42").expect_issue(400, "not-supported");
    operator.store(&shoe());
    operator.get("/Patient?shoe=42").expect_issue(400, "not-supported");
    reindex(app.app());
    assert_eq!(found(&operator, "/Patient?shoe=42"), ["Patient/a"]);
}

#[test]
fn an_instance_that_does_not_know_of_it_yet_writes_its_rows_all_the_same() {
    let app = TestApp::new();
    let operator = operator(&app);
    let other = App::open(app.app().config.clone(), app.clock().clone()).expect("a second instance");
    let ask = |method: Method, path: &str, query: &str, body: Option<Value>| {
        let session = Session::system(other.clone());
        let request =
            Request { query: query.into(), body: body.map(Body::Resource), ..Request::new(method, path) };
        interactions::perform(&session, request)
            .map(|answer| answer.status)
            .map_err(|failure| failure.status())
    };
    assert_eq!(
        ask(Method::Get, "Patient", "name=a", None),
        Ok(200),
        "it has looked at the parameters just now"
    );
    operator.store(&shoe());
    reindex(app.app());
    assert_eq!(ask(Method::Put, "Patient/b", "", Some(patient("b", "42"))), Ok(201));
    assert_eq!(found(&operator, "/Patient?shoe=42"), ["Patient/b"]);
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    assert_eq!(ask(Method::Get, "Patient", "shoe=42", None), Ok(200), "within a second it knows");
    operator.delete("/SearchParameter/shoe").expect(204);
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    assert_eq!(ask(Method::Get, "Patient", "shoe=42", None), Err(400));
}

#[test]
fn one_that_an_older_version_has_stored_is_entered_by_another_write_of_it_and_by_a_new_index() {
    let app = TestApp::new();
    let operator = operator(&app);
    operator.store(&patient("a", "42"));
    operator.store(&shoe());
    let mut wrong = defined("wrong", ("Patient", "token"), "Patient.name.first()");
    wrong["status"] = json!("draft");
    operator.store(&wrong);
    let forget = || {
        let url = &app.app().config.database_url;
        tamper(url, "DELETE FROM stored_parameter; UPDATE parameter_set SET number = number + 1");
        std::thread::sleep(std::time::Duration::from_millis(1_100));
        let reply = operator.get("/Patient?shoe=42").expect_issue(400, "not-supported").text();
        assert!(reply.contains("is not a search parameter"), "{reply}");
    };
    forget();
    let mut worded = shoe();
    worded["description"] = json!("The size of shoes");
    operator.store(&worded);
    let reply = operator.get("/Patient?shoe=42").expect_issue(400, "not-supported").text();
    assert!(reply.contains("comfrey reindex"), "it is in use, and not everything has its rows: {reply}");
    reindex(app.app());
    assert_eq!(found(&operator, "/Patient?shoe=42"), ["Patient/a"]);
    forget();
    operator.store(&patient("b", "42"));
    reindex(app.app());
    assert_eq!(found(&operator, "/Patient?shoe=42"), ["Patient/a", "Patient/b"]);
    assert_eq!(differences(&app), 0);
    // A definition that cannot be used is told, and keeps nothing else from its place.
    let (mut second, mut lines) = (shoe(), Vec::new());
    second["id"] = json!("second");
    second["status"] = json!("draft");
    operator.store(&second);
    let url = &app.app().config.database_url;
    let active = match url.starts_with("sqlite:") {
        true => "CAST(replace(CAST(body AS TEXT), '\"draft\"', '\"active\"') AS BLOB)",
        false => "convert_to(replace(convert_from(body, 'UTF8'), '\"draft\"', '\"active\"'), 'UTF8')",
    };
    tamper(url, &format!("UPDATE resource SET body = {active} WHERE id IN ('second', 'wrong')"));
    app.app()
        .reindex(0, &mut |step| {
            if let upkeep::Step::Differs(line) = step {
                lines.push(line.to_owned());
            }
        })
        .expect("it can be made anew");
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines.iter().any(|line| line.contains("SearchParameter/second") && line.contains("has this code"))
    );
    assert!(lines.iter().any(|line| line.contains("SearchParameter/wrong") && line.contains("first()")));
    assert_eq!(found(&operator, "/Patient?shoe=42"), ["Patient/a", "Patient/b"]);
}

fn transaction(all: &[Value]) -> Value {
    let entry = |resource: &Value| {
        let url = format!("SearchParameter/{}", resource["id"].as_str().unwrap());
        json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
    };
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": all.iter().map(entry).collect::<Vec<_>>() })
}

#[test]
fn two_may_exchange_their_codes_in_one_transaction() {
    let app = TestApp::new();
    let operator = operator(&app);
    let (mut one, mut other) = (shoe(), shoe());
    (other["id"], other["code"]) = (json!("other"), json!("other"));
    operator.post("", &transaction(&[one.clone(), other.clone()])).expect(200);
    (one["code"], other["code"]) = (json!("other"), json!("shoe"));
    operator.post("", &transaction(&[one.clone(), other.clone()])).expect(200);
    (one["code"], other["code"]) = (json!("shoe"), json!("shoe"));
    operator.post("", &transaction(&[one, other])).expect_issue(422, "duplicate");
}

#[test]
fn a_type_has_no_more_than_it_may_however_they_come() {
    let app = TestApp::new();
    let operator = operator(&app);
    let named = |at: usize| defined(&format!("own-{at}"), ("Patient", "token"), "Patient.gender");
    let all: Vec<Value> = (0..51).map(named).collect();
    operator.post("", &transaction(&all)).expect_issue(422, "too-costly");
    assert_eq!(operator.get("/SearchParameter?_summary=count").expect(200).json()["total"], 0);
    operator.post("", &transaction(&all[..50])).expect(200);
    operator.put("/SearchParameter/own-50", &all[50]).expect_issue(422, "too-costly");
    let mut retired = named(0);
    retired["status"] = json!("retired");
    operator.post("", &transaction(&[all[50].clone(), retired])).expect(200);
    let mut worded = named(1);
    worded["description"] = json!("In other words");
    operator.put("/SearchParameter/own-1", &worded).expect(200);
}

#[test]
fn a_replica_is_searched_by_it_once_it_has_all_rows() {
    let replica = Database::fresh();
    if replica.url().starts_with("sqlite:") {
        return;
    }
    crate::app::migrate(replica.url());
    let app = TestApp::with(|config| config.database_read_url = Some(replica.url().to_owned()));
    let operator = operator(&app);
    operator.store(&shoe());
    reindex(app.app());
    operator.get("/Patient?shoe=42").expect_issue(400, "not-supported");
    tamper(replica.url(), "UPDATE parameter_set SET number = 1, begun = 1, indexed = 1");
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    operator.get("/Patient?shoe=42").expect(200);
}

#[test]
fn an_index_that_was_made_from_the_middle_is_not_called_whole() {
    let app = TestApp::new();
    let operator = operator(&app);
    operator.store(&patient("a", "42"));
    operator.store(&shoe());
    app.app().reindex(1_000_000, &mut |_| {}).expect("there is nothing so late");
    operator.get("/Patient?shoe=42").expect_issue(400, "not-supported");
    reindex(app.app());
    assert_eq!(found(&operator, "/Patient?shoe=42"), ["Patient/a"]);
}
