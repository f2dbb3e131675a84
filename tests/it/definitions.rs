//! Our own definitions: resources like any other, which clients search and read and do not change.

use comfrey::app::App;
use comfrey::app::Clock;
use comfrey::definitions::Definitions;
use serde_json::Value;
use serde_json::json;

use crate::app::START;
use crate::app::TestApp;
use crate::app::config;
use crate::database::Database;
use crate::database::tamper;

const COPD: &str = "https://comfrey.health/fhir/ValueSet/vs-copd";

#[test]
fn every_definition_is_found_and_read() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let mut counts = std::collections::BTreeMap::new();
    let definitions = Definitions::shared().unwrap();
    for own in definitions.all_published() {
        let (ty, id) = (own["resourceType"].as_str().unwrap(), own["id"].as_str().unwrap());
        *counts.entry(ty).or_insert(0) += 1;
        let mut read = clinician.get(&format!("/{ty}/{id}")).expect(200).json();
        assert_eq!(read["meta"]["versionId"], "1", "{ty}/{id}");
        read.as_object_mut().unwrap().remove("meta");
        assert!(read == *own, "{ty}/{id}");
    }
    for (ty, count) in counts {
        let found = clinician.get(&format!("/{ty}?_summary=count")).expect(200).json();
        assert_eq!(found["total"], count, "{ty}");
    }
}

#[test]
fn definitions_are_searched_like_other_resources() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let system = "https%3A//comfrey.health/fhir/CodeSystem/rule-set-kind";
    for (query, expected) in [
        ("/ValueSet?url=https%3A//comfrey.health/fhir/ValueSet/vs-copd", vec!["vs-copd"]),
        ("/OperationDefinition?code=palliative-screen", vec!["palliative-screen"]),
        (
            "/CodeSystem?url=https%3A//comfrey.health/fhir/CodeSystem/risk-tier&status=active",
            vec!["risk-tier"],
        ),
        (&format!("/PlanDefinition?topic={system}%7Cscreening&_id=RS-GSF"), vec!["RS-GSF"]),
        ("/PlanDefinition?_id=RS-GSF&status=retired", vec![]),
    ] {
        assert_eq!(clinician.get(query).expect(200).ids(), expected, "{query}");
    }
    let found = clinician.get(&format!("/PlanDefinition?topic={system}%7Cscreening&_summary=count")).json();
    assert!(found["total"].as_i64().unwrap() >= 17, "{found}");
    let history = clinician.get("/ValueSet/vs-copd/_history").expect(200).json();
    assert_eq!((&history["total"], &history["entry"][0]["resource"]["url"]), (&json!(1), &json!(COPD)));
    clinician.get("/ValueSet/vs-copd/_history/1").expect(200);
}

#[test]
fn who_may_read_a_type_may_read_and_search_the_definitions() {
    let app = TestApp::new();
    let query = "/ValueSet?url=https%3A//comfrey.health/fhir/ValueSet/vs-copd";
    for caller in [app.partner(), app.patient("p"), app.with_scope("user/ValueSet.rs")] {
        caller.get("/ValueSet/vs-copd").expect(200);
        assert_eq!(caller.get(query).expect(200).ids(), ["vs-copd"]);
    }
    for (caller, status, code) in [(app.anonymous(), 401, "login"), (app.stranger(), 403, "forbidden")] {
        caller.get("/ValueSet/vs-copd").expect_issue(status, code);
        caller.get(query).expect_issue(status, code);
    }
    app.with_scope("user/CodeSystem.rs").get("/ValueSet/vs-copd").expect_issue(403, "forbidden");
}

#[test]
fn nobody_else_changes_a_definition() {
    let app = TestApp::new();
    let all = app.with_scope("system/*.cruds");
    let mut own = all.get("/ValueSet/vs-copd").expect(200).json();
    own["title"] = "Mine".into();
    all.put("/ValueSet/vs-copd", &own).expect_issue(409, "conflict");
    all.delete("/ValueSet/vs-copd").expect_issue(409, "conflict");
    let patch = json!([{ "op": "replace", "path": "/title", "value": "Mine" }]);
    let patched = |path: &str| {
        let call = all.request("PATCH", path);
        call.body("application/json-patch+json", patch.to_string()).send()
    };
    patched("/ValueSet/vs-copd").expect_issue(409, "conflict");
    // nor by a search, in a transaction, in a batch, or by an operation
    let by_search = "ValueSet?url=https%3A//comfrey.health/fhir/ValueSet/vs-copd";
    all.put(&format!("/{by_search}"), &own).expect_issue(409, "conflict");
    all.delete(&format!("/{by_search}")).expect_issue(409, "conflict");
    patched(&format!("/{by_search}")).expect_issue(409, "conflict");
    for (method, url) in [("PUT", "ValueSet/vs-copd"), ("DELETE", "ValueSet/vs-copd"), ("DELETE", by_search)]
    {
        let mut entry = json!({ "request": { "method": method, "url": url } });
        if method == "PUT" {
            entry["resource"] = own.clone();
        }
        let bundle = |kind: &str| json!({ "resourceType": "Bundle", "type": kind, "entry": [entry.clone()] });
        all.post("/", &bundle("transaction")).expect_issue(409, "conflict");
        let batch = all.post("/", &bundle("batch")).expect(200).json();
        assert!(batch["entry"][0]["response"]["status"].as_str().unwrap().starts_with("409"), "{batch}");
    }
    let meta = json!({ "resourceType": "Parameters", "parameter": [{ "name": "meta",
        "valueMeta": { "tag": [{ "system": "urn:x", "code": "y" }] } }] });
    all.post("/ValueSet/vs-copd/$meta-add", &meta).expect_issue(409, "conflict");
    let now = all.get("/ValueSet/vs-copd").expect(200).json();
    assert_eq!((&now["meta"]["versionId"], &now["title"] == "Mine"), (&json!("1"), false));
}

#[test]
fn the_url_and_version_of_a_definition_are_its_own() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let mut own = clinician.get("/ValueSet/vs-copd").expect(200).json();
    own["id"] = "mine".into();
    let refused = clinician.put("/ValueSet/mine", &own).expect_issue(409, "conflict");
    assert_eq!(refused.expressions(), ["ValueSet.version"]);
    clinician.post("/ValueSet", &own).expect_issue(409, "conflict");
    own["version"] = "mine".into();
    clinician.put("/ValueSet/mine", &own).expect(201);
    let other = json!({ "resourceType": "ValueSet", "status": "draft", "url": "urn:other" });
    let create = clinician.request("POST", "/ValueSet").json(&other);
    let kept = create.header("If-None-Exist", "url=https%3A//comfrey.health/fhir/ValueSet/vs-ild").send();
    assert_eq!(kept.expect(200).json()["id"], "vs-ild");
}

fn versions(app: &TestApp, path: &str) -> i64 {
    app.partner().get(&format!("{path}/_history?_count=0")).expect(200).json()["total"].as_i64().unwrap()
}

/// What an earlier edition stored, as far as a start can tell.
fn age(database: &Database, statement: &str) {
    tamper(database.url(), &format!("UPDATE published_set SET digest = 'earlier'; {statement}"));
}

#[test]
fn a_start_stores_what_has_changed_and_nothing_else() {
    let database = Database::fresh();
    let start = || drop(App::open(config(database.url()), Clock::set_to(START)).unwrap());
    start();
    let all = Definitions::shared().unwrap().all_published().count() as i64;
    let count = |app: &TestApp| versions(app, "");
    let served = || TestApp::on(&database);
    let at_first = count(&served());
    assert!(at_first > all, "{at_first}");
    start();
    assert_eq!(count(&served()), at_first, "nothing has changed");
    age(&database, "");
    start();
    assert_eq!(count(&served()), at_first, "another edition with the same content");
    age(&database, "UPDATE published SET digest = 'earlier' WHERE id = 'vs-copd'");
    start();
    assert_eq!(count(&served()), at_first + 1);
    assert_eq!(versions(&served(), "/ValueSet/vs-copd"), 2);
}

#[test]
fn a_definition_that_the_program_has_no_more_is_retired() {
    let database = Database::fresh();
    let app = TestApp::on(&database);
    let gone = json!({ "resourceType": "ValueSet", "id": "vs-gone", "status": "active", "url": "urn:gone" });
    app.clinician().put("/ValueSet/vs-gone", &gone).expect(201);
    drop(app);
    age(&database, "INSERT INTO published SELECT type, 'vs-gone', 'x' FROM published WHERE id = 'vs-copd'");
    let app = TestApp::on(&database);
    let read = app.partner().get("/ValueSet/vs-gone").expect(200).json();
    assert_eq!((&read["status"], &read["meta"]["versionId"]), (&json!("retired"), &json!("2")));
    app.clinician().delete("/ValueSet/vs-gone").expect(204);
    drop(app);
    age(&database, "");
    assert_eq!(versions(&TestApp::on(&database), "/ValueSet/vs-gone"), 3, "it is not ours any more");
}

#[test]
fn instances_that_start_at_once_store_one_edition() {
    let database = Database::fresh();
    age(&database, "DELETE FROM published WHERE id LIKE 'vs-c%'");
    std::thread::scope(|scope| {
        let start = || App::open(config(database.url()), Clock::set_to(START)).map(drop);
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
    });
    let app = TestApp::on(&database);
    assert_eq!(versions(&app, "/ValueSet/vs-copd"), 2);
    assert_eq!(versions(&app, "/ValueSet/vs-ild"), 1);
}

#[test]
fn rule_sets_of_ours_are_used_once_though_they_are_stored() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "Patient", "id": "p", "birthDate": "1955-01-01" }));
    clinician
        .store(&json!({ "resourceType": "HealthcareService", "id": "bare", "active": true, "name": "Bare",
        "identifier": [{ "system": "https://comfrey.health/fhir/program", "value": "bare" }] }));
    let screened =
        clinician.get("/Patient/p/$palliative-screen?program=HealthcareService/bare").expect(200).json();
    let sets: Vec<&Value> = screened["parameter"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|parameter| parameter["part"].as_array())
        .filter_map(|parts| parts.iter().find(|part| part["name"] == "ruleSet"))
        .collect();
    let mut names: Vec<String> = sets.iter().map(|set| set.to_string()).collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert!(all > 10, "{screened}");
    assert_eq!(names.len(), all);
}
