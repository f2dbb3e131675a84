//! Reads by id of many clients at the same moment: each has the answer that it would have alone.
//! <https://hl7.org/fhir/R4/http.html#read>

use std::io::Write;
use std::net::TcpStream;
use std::sync::Barrier;
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;
use crate::database;

fn patient(id: &str) -> serde_json::Value {
    json!({ "resourceType": "Patient", "id": id, "name": [{ "family": format!("of {id}") }] })
}

/// Asks for each of these at once, so often.
fn at_once(asked: &[(Client, &str)], times: usize, check: impl Fn(usize, Reply) + Sync) {
    let start = Barrier::new(asked.len());
    std::thread::scope(|scope| {
        for (at, (client, path)) in asked.iter().enumerate() {
            let (start, check) = (&start, &check);
            scope.spawn(move || {
                start.wait();
                (0..times).for_each(|_| check(at, client.get(path)));
            });
        }
    });
}

#[test]
fn each_of_many_at_once_has_the_answer_that_it_would_have_alone() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for id in ["1", "2", "gone"] {
        clinician.put(&format!("/Patient/{id}"), &patient(id)).expect(201);
    }
    clinician.put("/Patient/2", &patient("2")).expect(200);
    clinician.delete("/Patient/gone").expect(204);
    let (own, other) = (app.patient("1"), app.patient("2"));
    let (goals, stranger, anonymous) = (app.with_scope("system/Goal.rs"), app.stranger(), app.anonymous());
    let asked: [(Client, &str); 16] = [
        (clinician.clone(), "/Patient/1"),
        (clinician.clone(), "/Patient/1"),
        (clinician.clone(), "/Patient/1?_elements=name"),
        (clinician.clone(), "/Patient/2"),
        (clinician.clone(), "/Patient/gone"),
        (clinician.clone(), "/Patient/none"),
        (clinician.clone(), "/Goal/1"),
        (clinician.clone(), "/Patient/1?name=x"),
        (app.partner(), "/Patient/1"),
        (own.clone(), "/Patient/1"),
        (own, "/Patient/2"),
        (other.clone(), "/Patient/2"),
        (other, "/Patient/gone"),
        (goals, "/Patient/1"),
        (stranger, "/Patient/1"),
        (anonymous, "/Patient/1"),
    ];
    let statuses = [200, 200, 200, 200, 410, 404, 404, 400, 200, 200, 404, 200, 404, 403, 403, 401];
    let alone: Vec<Reply> = asked.iter().map(|(client, path)| client.get(path)).collect();
    assert_eq!(alone.iter().map(|reply| reply.status).collect::<Vec<_>>(), statuses);
    at_once(&asked, 30, |at, reply| {
        let (_, path) = &asked[at];
        assert_eq!(reply.status, statuses[at], "{path}");
        assert_eq!(reply.body, alone[at].body, "{path}");
        for name in ["etag", "last-modified", "content-type"] {
            assert_eq!(reply.header(name), alone[at].header(name), "{path}: {name}");
        }
    });
}

#[test]
fn what_a_client_has_written_it_reads_also_among_others() {
    let app = TestApp::new();
    let clinician = app.clinician();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let client = clinician.clone();
            // two write and read the same, so that what each reads is its own version or a later one
            let path = format!("/Patient/{}", writer / 2);
            scope.spawn(move || {
                for _ in 0..12 {
                    let written = client.put(&path, &patient(path.rsplit('/').next().unwrap()));
                    let version = |reply: &Reply| -> i64 {
                        reply.header("etag").unwrap().trim_matches(['W', '/', '"']).parse().unwrap()
                    };
                    let read = client.get(&path).expect(200);
                    assert!(version(&read) >= version(&written), "{path}");
                }
            });
        }
    });
}

/// Sends a read by hand and goes away before its answer.
fn ask_and_go(app: &TestApp) {
    let mut link = TcpStream::connect(app.url("").trim_start_matches("http://")).unwrap();
    let token = app.clinician_token();
    write!(link, "GET /fhir/Patient/1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(50));
}

/// Whether somebody has locked the table.
const LOCKED: &str = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = \
                      current_database() WHERE l.relation = 'resource'::regclass AND l.granted \
                      AND l.mode = 'AccessExclusiveLock'";
/// Has who holds the lock give it back.
const GIVE_BACK: &str = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(100)%' \
                         AND datname = current_database() AND pid <> pg_backend_pid()";

/// What many reads are answered with that are asked for while the table is locked: for so long, or until all are answered.
fn while_locked(app: &TestApp, pause: Option<Duration>) -> Vec<Reply> {
    let url = &app.app().config.database_url;
    let held = "BEGIN; LOCK TABLE resource IN ACCESS EXCLUSIVE MODE; DO $$ BEGIN PERFORM pg_sleep(100); \
                EXCEPTION WHEN query_canceled THEN NULL; END $$; COMMIT";
    let clinician = app.clinician();
    std::thread::scope(|scope| {
        scope.spawn(|| database::tamper(url, held));
        while database::number(url, LOCKED) == 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        ask_and_go(app);
        let reads: Vec<_> = (0..12).map(|_| scope.spawn(|| clinician.get("/Patient/1"))).collect();
        ask_and_go(app);
        let answers = |reads: Vec<ScopedJoinHandle<'_, Reply>>| -> Vec<Reply> {
            reads.into_iter().map(|read| read.join().unwrap()).collect()
        };
        let Some(pause) = pause else {
            let answers = answers(reads);
            database::tamper(url, GIVE_BACK);
            return answers;
        };
        std::thread::sleep(pause);
        database::tamper(url, GIVE_BACK);
        answers(reads)
    })
}

#[test]
fn those_whom_the_server_holds_up_are_answered_and_who_goes_away_harms_no_other() {
    let app = TestApp::with(|config| config.longest_statement = Duration::from_secs(3));
    let clinician = app.clinician();
    clinician.put("/Patient/1", &patient("1")).expect(201);
    // a lock of a table is a server's
    if app.app().is_embedded() {
        return;
    }
    for reply in while_locked(&app, Some(Duration::from_millis(500))) {
        assert_eq!(reply.expect(200).json()["name"][0]["family"], "of 1");
    }
    for reply in while_locked(&app, None) {
        // some wait for a connection meanwhile
        reply.expect(503);
    }
    clinician.get("/Patient/1").expect(200);
}
