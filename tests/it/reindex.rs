//! Deleting, and making the index anew while the server serves: whatever is answered is found at once, what is deleted
//! is not, and nothing of it stays in the index. <https://hl7.org/fhir/R4/http.html#delete>

use std::process::Child;
use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::crash::check;
use crate::crash::comfrey;
use crate::database::index_tables;
use crate::database::number;

/// What no writer touches.
const STEADY: usize = 60;
const OTHERS: usize = 600;
const WRITERS: usize = 4;

fn goal(id: &str, mark: &str) -> Value {
    json!({ "resourceType": "Goal", "id": id, "lifecycleStatus": "active", "startDate": "2026-02-01",
        "description": { "text": format!("word{mark}") }, "identifier": [{ "system": "urn:mark", "value": mark }],
        "subject": { "reference": format!("Patient/{mark}") } })
}

fn store_all(client: &Client, goals: &[Value]) {
    let entry = |goal: &Value| {
        let url = format!("Goal/{}", goal["id"].as_str().unwrap());
        json!({ "resource": goal, "request": { "method": "PUT", "url": url } })
    };
    let entries: Vec<Value> = goals.iter().map(entry).collect();
    client
        .post("", &json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries }))
        .expect(200);
}

/// How many are found by each kind of index row that a mark gives.
#[track_caller]
fn is_found(client: &Client, mark: &str, count: usize) {
    for search in [
        format!("identifier=urn:mark|{mark}"),
        format!("patient={mark}"),
        format!("start-date=2026-02-01&identifier={mark}"),
        format!("_content=word{mark}"),
    ] {
        let found = client.get(&format!("/Goal?{search}&_count=1000")).expect(200).ids().len();
        assert_eq!(found, count, "{search}");
    }
    let counted = client.get(&format!("/Goal?patient={mark}&_summary=count")).expect(200).json();
    assert_eq!(counted["total"], count, "{mark}");
}

/// One goal comes, changes, is deleted, comes again and is deleted.
fn come_and_go(client: &Client, writer: usize, round: usize) {
    let (id, before, after) =
        (format!("w{writer}n{round}"), format!("before{writer}n{round}"), format!("after{writer}n{round}"));
    client.store(&goal(&id, &before));
    is_found(client, &before, 1);
    client.store(&goal(&id, &after));
    is_found(client, &before, 0);
    is_found(client, &after, 1);
    client.delete(&format!("/Goal/{id}")).expect(204);
    client.get(&format!("/Goal/{id}")).expect(410);
    is_found(client, &after, 0);
    client.store(&goal(&id, &before));
    is_found(client, &before, 1);
    client.delete(&format!("/Goal/{id}")).expect(204);
    is_found(client, &before, 0);
}

/// All pages of what no writer touches, each of it once.
fn walk(client: &Client) {
    let mut link = Some("/Goal?identifier=urn:mark|steady&_count=17".to_owned());
    let mut seen = Vec::new();
    while let Some(next) = link {
        let page = client.get(&next).expect(200);
        seen.extend(page.ids());
        link = page.link("next");
    }
    seen.sort();
    let mut all: Vec<String> = (0..STEADY).map(|at| format!("steady{at}")).collect();
    all.sort();
    assert_eq!(seen, all);
}

/// `comfrey reindex` as a process of its own; its end is waited for even where the test fails.
struct Reindex(Child);

impl Reindex {
    fn start(url: &str) -> Self {
        Self(comfrey(&["reindex", "--database-url", url]).stdout(Stdio::null()).spawn().unwrap())
    }

    fn succeeds(mut self) {
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Reindex {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The rows of every index table that belong to deleted resources.
fn rows_of_deleted(url: &str) -> Vec<String> {
    let mut tables = index_tables(url);
    tables.push("episode".to_owned());
    let deleted = "(SELECT rid FROM resource WHERE deleted = 1)";
    assert!(number(url, &format!("SELECT count(*) FROM {deleted} AS gone")) > 0);
    let count = |table: &str, rid: &str| {
        number(url, &format!("SELECT count(*) FROM {table} WHERE {rid} IN {deleted}"))
    };
    let mut left: Vec<String> = tables.into_iter().filter(|table| count(table, "rid") > 0).collect();
    if url.starts_with("sqlite:") && count("full_text", "rowid") > 0 {
        left.push("full_text".to_owned());
    }
    left
}

#[test]
fn searches_stay_right_while_the_index_is_made_anew_and_the_deleted_leaves_no_row() {
    let app = TestApp::new();
    let (clinician, url) = (app.clinician(), app.app().config.database_url.clone());
    store_all(&clinician, &(0..STEADY).map(|at| goal(&format!("steady{at}"), "steady")).collect::<Vec<_>>());
    store_all(&clinician, &(0..OTHERS).map(|at| goal(&format!("other{at}"), "other")).collect::<Vec<_>>());
    let (stop, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let (clinician, stop, rounds) = (&clinician, &stop, &rounds);
        let writer = |writer: usize| {
            move || {
                for round in 0.. {
                    come_and_go(clinician, writer, round);
                    rounds.fetch_add(1, Ordering::Relaxed);
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                }
            }
        };
        let mut work: Vec<_> = (0..WRITERS).map(|number| scope.spawn(writer(number))).collect();
        work.push(scope.spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                is_found(clinician, "steady", STEADY);
                walk(clinician);
            }
        }));
        let two_at_once = [Reindex::start(&url), Reindex::start(&url)];
        two_at_once.into_iter().for_each(Reindex::succeeds);
        Reindex::start(&url).succeeds();
        stop.store(true, Ordering::Relaxed);
        work.into_iter().for_each(|one| one.join().unwrap());
    });
    assert!(rounds.load(Ordering::Relaxed) >= WRITERS);
    is_found(&clinician, "steady", STEADY);
    assert_eq!(rows_of_deleted(&url), [""; 0]);
    check(&url);
}

#[test]
fn each_way_to_delete_leaves_no_row_of_the_index() {
    let app = TestApp::new();
    let (clinician, url) = (app.clinician(), app.app().config.database_url.clone());
    let goals: Vec<Value> = (0..5).map(|at| goal(&format!("g{at}"), &format!("m{at}"))).collect();
    store_all(&clinician, &goals);
    let mut patched = goals[0].clone();
    patched["identifier"][0]["value"] = json!("again");
    clinician.store(&patched);
    clinician.delete("/Goal/g0").expect(204);
    clinician.delete("/Goal?identifier=urn:mark|m1").expect(204);
    for (ty, id) in [("transaction", "g2"), ("batch", "g3")] {
        let entry = json!({ "request": { "method": "DELETE", "url": format!("Goal/{id}") } });
        clinician.post("", &json!({ "resourceType": "Bundle", "type": ty, "entry": [entry] })).expect(200);
    }
    assert_eq!(rows_of_deleted(&url), [""; 0]);
    assert_eq!(clinician.get("/Goal").expect(200).ids(), ["g4"]);
    is_found(&clinician, "m4", 1);
    check(&url);
}
