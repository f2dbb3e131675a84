//! The program itself, killed while it writes: what it had answered is there, and nothing is there by half.

use std::io::BufRead;
use std::io::BufReader;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use reqwest::blocking::Client;
use serde_json::Value;
use serde_json::json;

use crate::database::Database;

struct Running {
    process: Child,
    base: String,
}

impl Running {
    fn start(database: &str) -> Self {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_comfrey"));
        let serve =
            serve.args(["serve", "--auth", "off", "--listen", "127.0.0.1:0", "--database-url", database]);
        let mut process = serve.stderr(Stdio::piped()).spawn().expect("the server starts");
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("serving on http://")).expect("it says where it serves");
        let base = line.split("serving on ").nth(1).unwrap();
        let base = base.split(|end: char| end == '"' || end.is_whitespace()).next().unwrap().to_owned();
        // Somebody must read on, or the log's pipe fills up and stops the server.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, base }
    }
}

impl Drop for Running {
    /// Kills it as `kill -9` does: nothing is flushed or said.
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn bundle(id: &str) -> Value {
    let patient = json!({ "resourceType": "Patient", "id": id, "active": true });
    let goal = json!({ "resourceType": "Goal", "id": id, "lifecycleStatus": "active",
        "description": { "text": "to be home" }, "subject": { "reference": format!("Patient/{id}") } });
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        { "resource": patient, "request": { "method": "PUT", "url": format!("Patient/{id}") } },
        { "resource": goal, "request": { "method": "PUT", "url": format!("Goal/{id}") } },
    ] })
}

/// Sends transactions until the server is gone, and notes which were answered.
fn write_until_gone(http: &Client, base: &str, worker: usize, answered: &Mutex<Vec<String>>) {
    for at in 0.. {
        let id = format!("w{worker}-{at}");
        let sent =
            http.post(base).header("content-type", "application/fhir+json").body(bundle(&id).to_string());
        match sent.send() {
            Ok(reply) if reply.status() == 200 => answered.lock().unwrap().push(id),
            Ok(reply) => panic!("{}: {}", reply.status(), reply.text().unwrap_or_default()),
            Err(_) => return,
        }
    }
}

#[test]
fn what_was_answered_survives_a_kill_and_nothing_is_there_by_half() {
    let database = Database::fresh();
    let http = Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
    let answered = Mutex::new(Vec::new());
    let server = Running::start(database.url());
    std::thread::scope(|scope| {
        let (http, answered) = (&http, &answered);
        for worker in 0..6 {
            let base = server.base.clone();
            scope.spawn(move || write_until_gone(http, &base, worker, answered));
        }
        while answered.lock().unwrap().len() < 60 {
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(server);
    });
    let answered = answered.into_inner().unwrap();
    let server = Running::start(database.url());
    let get = |path: &str| http.get(format!("{}{path}", server.base)).send().unwrap();
    for id in &answered {
        assert_eq!(get(&format!("/Patient/{id}")).status(), 200, "Patient/{id}");
        assert_eq!(get(&format!("/Goal/{id}")).status(), 200, "Goal/{id}");
    }
    let total = |ty: &str| {
        let text = get(&format!("/{ty}?_summary=count")).text().unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["total"].as_u64().unwrap()
    };
    assert_eq!(total("Patient"), total("Goal"));
    assert!(total("Patient") >= answered.len() as u64);
}
