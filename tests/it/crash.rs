//! The program itself, killed while it writes, and its database taken away under load: what was answered is there,
//! nothing is there by half, and nobody sees a 500.

use std::hash::BuildHasher;
use std::hash::Hasher;
use std::hash::RandomState;
use std::io::BufRead;
use std::io::BufReader;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use reqwest::blocking::Client;
use reqwest::blocking::Response;
use serde_json::Value;
use serde_json::json;

use crate::database::Database;
use crate::database::OwnServer;
use crate::database::tamper;

const WRITERS: usize = 16;
const KILLS: usize = 20;
/// How long something may take that would else never end, on a machine that is busy with much else.
const PATIENCE: Duration = Duration::from_secs(180);

/// The program, serving as a process of its own; killed when dropped.
pub struct Running {
    process: Child,
    /// The URL of its FHIR service.
    pub base: String,
}

impl Running {
    /// Starts it on a database, open to everybody on this machine.
    pub fn start(database: &str) -> Self {
        Self::of(comfrey(&["serve", "--auth", "off", "--listen", "127.0.0.1:0", "--database-url", database]))
    }

    /// Waits until this command serves.
    pub fn of(mut serve: Command) -> Self {
        let mut process = serve.stderr(Stdio::piped()).spawn().expect("the server starts");
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut said = Vec::new();
        let line = lines.find(|line| {
            said.push(line.clone());
            line.contains("serving on http://")
        });
        let line = line.unwrap_or_else(|| panic!("it does not say where it serves: {said:#?}"));
        let base = line.split("serving on ").nth(1).unwrap();
        let base = base.split(|end: char| end == '"' || end.is_whitespace()).next().unwrap().to_owned();
        // Somebody must read on, or the log's pipe fills up and stops the server.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, base }
    }
}

impl Running {
    /// The most memory that it has held since it was last asked to forget that, in bytes.
    pub fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Forgets the most: what it holds now is the least that the next answer can be.
    pub fn forget_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.process.id()), "5").unwrap();
    }
}

impl Drop for Running {
    /// Kills it as `kill -9` does: nothing is flushed or said.
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// The program with these arguments.
pub fn comfrey(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_comfrey"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// A client that waits long. It keeps no connection: one that the server closes for having been idle, just as the next
/// request goes out on it, would look like a server that is gone.
pub fn http() -> Client {
    let builder = Client::builder().timeout(Duration::from_secs(180)).pool_max_idle_per_host(0).no_proxy();
    builder.build().unwrap()
}

/// Sends it; nothing where nobody answers any more.
pub fn send(http: &Client, method: &str, url: &str, body: Option<&Value>) -> Option<Response> {
    let call = http.request(method.parse().unwrap(), url);
    let call = match body {
        Some(body) => call.header("content-type", "application/fhir+json").body(body.to_string()),
        None => call,
    };
    call.send().ok()
}

/// A number below that one.
pub fn random(below: u64) -> u64 {
    RandomState::new().build_hasher().finish() % below
}

/// What was answered: that this version is there with this mark, or that it is the deletion.
struct Acknowledged {
    path: String,
    version: String,
    mark: Option<String>,
}

fn patient(id: &str, mark: &str) -> Value {
    json!({ "resourceType": "Patient", "id": id, "identifier": [{ "system": "urn:mark", "value": mark }] })
}

fn pair(id: &str, mark: &str) -> Value {
    let goal = json!({ "resourceType": "Goal", "id": id, "lifecycleStatus": "active",
        "identifier": [{ "system": "urn:mark", "value": mark }], "description": { "text": "to be home" },
        "subject": { "reference": format!("Patient/{id}") } });
    let put = |resource: Value| {
        let url = format!("{}/{id}", resource["resourceType"].as_str().unwrap());
        json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
    };
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": [put(patient(id, mark)), put(goal)] })
}

/// The version in an ETag such as `W/"3"`.
fn version(etag: &str) -> String {
    etag.trim_start_matches("W/").trim_matches('"').to_owned()
}

/// Creates, updates, transactions and deletes until the server is gone; notes what was answered.
fn write_until_gone(http: &Client, base: &str, name: &str, log: &Mutex<Vec<Acknowledged>>) {
    for at in 0.. {
        let mark = format!("{name}n{at}");
        let lasting = name.split('w').nth(1).map_or_else(String::new, |worker| format!("lasting{worker}"));
        let (id, single) = (format!("p{mark}"), patient(&format!("p{mark}"), &mark));
        let steps: [(&str, String, Option<Value>, &str); 6] = [
            ("PUT", format!("Patient/{id}"), Some(single.clone()), "one"),
            ("POST", "Patient".into(), Some(single), "one"),
            ("PUT", format!("Patient/{lasting}"), Some(patient(&lasting, &mark)), "one"),
            ("POST", String::new(), Some(pair(&format!("t{mark}"), &mark)), "pair"),
            ("DELETE", format!("Patient/{id}"), None, "gone"),
            ("POST", String::new(), Some(pair(&lasting.replace("lasting", "both"), &mark)), "pair"),
        ];
        for (method, path, body, kind) in steps {
            let url = if path.is_empty() { base.to_owned() } else { format!("{base}/{path}") };
            let Some(reply) = send(http, method, &url, body.as_ref()) else { return };
            let status = reply.status().as_u16();
            assert!((200..300).contains(&status), "{method} {path}: {status}");
            let tag = reply.headers().get("etag").map(|tag| version(tag.to_str().unwrap()));
            let place = reply.headers().get("location").map(|place| place.to_str().unwrap().to_owned());
            // An answer of which the end is missing is none.
            let Ok(text) = reply.text() else { return };
            let mark = Some(mark.clone());
            let noted = match kind {
                "gone" => vec![Acknowledged { path, version: tag.unwrap(), mark: None }],
                "pair" => of_bundle(&text, mark),
                _ => {
                    let path = place.map_or(path, |place| in_location(&place));
                    vec![Acknowledged { path, version: tag.unwrap(), mark }]
                }
            };
            log.lock().unwrap().extend(noted);
        }
    }
}

/// `Patient/1` of `http://…/fhir/Patient/1/_history/2`.
fn in_location(place: &str) -> String {
    let parts: Vec<&str> = place.split('/').collect();
    parts[parts.len() - 4..parts.len() - 2].join("/")
}

fn of_bundle(text: &str, mark: Option<String>) -> Vec<Acknowledged> {
    let bundle: Value = serde_json::from_str(text).unwrap();
    let entries = bundle["entry"].as_array().unwrap().iter();
    let noted = entries.map(|entry| Acknowledged {
        path: in_location(entry["response"]["location"].as_str().unwrap()),
        version: version(entry["response"]["etag"].as_str().unwrap()),
        mark: mark.clone(),
    });
    noted.collect()
}

/// The database is sound, as the program itself says.
#[track_caller]
pub fn check(database: &str) {
    let output = comfrey(&["check", "--database-url", database]).output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// Every version that was answered, with its content.
fn all_is_there(http: &Client, base: &str, log: &[Acknowledged]) {
    for one in log {
        let url = format!("{base}/{}/_history/{}", one.path, one.version);
        let reply = send(http, "GET", &url, None).expect("it answers");
        let status = reply.status().as_u16();
        match &one.mark {
            None => assert_eq!(status, 410, "{url}"),
            Some(mark) => {
                assert_eq!(status, 200, "{url}");
                let stored: Value = serde_json::from_str(&reply.text().unwrap()).unwrap();
                assert_eq!(stored["identifier"][0]["value"].as_str(), Some(mark.as_str()), "{url}");
            }
        }
    }
}

/// The same, asked for by many at once: after each of the many starts there is little time.
fn all_is_there_at_once(http: &Client, base: &str, log: &[Acknowledged]) {
    std::thread::scope(|scope| {
        for part in log.chunks(log.len().div_ceil(WRITERS).max(1)) {
            scope.spawn(|| all_is_there(http, base, part));
        }
    });
}

/// Both of a pair, or neither.
fn pairs_are_whole(http: &Client, base: &str) {
    let total = |search: &str| {
        let reply = send(http, "GET", &format!("{base}/{search}_summary=count"), None).unwrap();
        serde_json::from_str::<Value>(&reply.text().unwrap()).unwrap()["total"].as_u64().unwrap()
    };
    let with_goal = total("Patient?_has:Goal:subject:lifecycle-status=active&");
    assert_eq!(with_goal, total("Goal?"), "each goal came with its patient");
}

#[test]
fn what_was_answered_survives_twenty_kills_and_nothing_is_there_by_half() {
    let (database, http) = (Database::fresh(), http());
    let (log, mut asked) = (Mutex::new(Vec::new()), 0);
    for kill in 0..KILLS {
        let server = Running::start(database.url());
        // What was answered before the last kill is there as soon as it serves again, before anybody writes.
        let known = log.lock().unwrap();
        all_is_there_at_once(&http, &server.base, &known[asked..]);
        asked = known.len();
        drop(known);
        std::thread::scope(|scope| {
            for worker in 0..WRITERS {
                let (http, log, base) = (&http, &log, server.base.clone());
                scope.spawn(move || write_until_gone(http, &base, &format!("k{kill}w{worker}"), log));
            }
            // Each time a little into the work, wherever that is.
            let (before, began) = (log.lock().unwrap().len(), Instant::now());
            while log.lock().unwrap().len() < before + 20 && began.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(5));
            }
            std::thread::sleep(Duration::from_millis(random(300)));
            drop(server);
        });
        if kill % 10 == 0 {
            check(database.url());
        }
    }
    check(database.url());
    let log = log.into_inner().unwrap();
    println!("{KILLS} kills, {} versions were answered", log.len());
    assert!(log.len() > KILLS * 10, "{} versions are too few to show anything", log.len());
    let server = Running::start(database.url());
    all_is_there_at_once(&http, &server.base, &log);
    pairs_are_whole(&http, &server.base);
}

/// Writes and reads until told to stop; nobody may see anything but success or an honest 503.
fn use_until(http: &Client, base: &str, worker: usize, (done, seen): (&AtomicBool, &Seen)) {
    for at in 0.. {
        if done.load(Ordering::Relaxed) {
            return;
        }
        let mark = format!("w{worker}n{at}");
        let id = format!("r{mark}");
        let steps = [
            ("PUT", format!("{base}/Patient/{id}"), Some(patient(&id, &mark))),
            ("POST", base.to_owned(), Some(pair(&format!("t{mark}"), &mark))),
            ("GET", format!("{base}/Patient/{id}"), None),
            ("GET", format!("{base}/Patient?identifier=urn:mark|{mark}"), None),
        ];
        for (method, url, body) in steps {
            let reply = send(http, method, &url, body.as_ref()).expect("the server itself goes on");
            let status = reply.status().as_u16();
            match status {
                200 | 201 => {
                    seen.good.fetch_add(1, Ordering::Relaxed);
                    if method == "PUT" {
                        let version = version(reply.headers()["etag"].to_str().unwrap());
                        let path = format!("Patient/{id}");
                        seen.log.lock().unwrap().push(Acknowledged {
                            path,
                            version,
                            mark: Some(mark.clone()),
                        });
                    }
                }
                503 => is_honest(reply, seen),
                // What was refused before cannot be read now.
                404 if method == "GET" => {}
                _ => panic!("{method} {url}: {status} {}", reply.text().unwrap_or_default()),
            }
        }
    }
}

/// What several callers saw.
#[derive(Default)]
struct Seen {
    good: AtomicUsize,
    refused: AtomicUsize,
    log: Mutex<Vec<Acknowledged>>,
}

fn is_honest(reply: Response, seen: &Seen) {
    seen.refused.fetch_add(1, Ordering::Relaxed);
    assert_eq!(reply.status(), 503);
    assert!(reply.headers().contains_key("retry-after"));
    let text = reply.text().unwrap();
    let outcome: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    assert_eq!(outcome["issue"][0]["code"], "transient");
    for word in ["terminating", "FATAL", "connection to server", "administrator"] {
        assert!(!text.contains(word), "{text}");
    }
}

impl Seen {
    /// Waits until so many more have succeeded.
    fn succeed(&self, more: usize) {
        let goal = self.good.load(Ordering::Relaxed) + more;
        let began = Instant::now();
        while self.good.load(Ordering::Relaxed) < goal {
            assert!(began.elapsed() < PATIENCE, "it does not recover");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn a_database_server_that_goes_and_comes_back_is_awaited() {
    let Some(own) = OwnServer::start() else { return };
    let (server, http, seen) = (Running::start(&own.url()), http(), Seen::default());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let (http, base, around) = (&http, &server.base, (&done, &seen));
            scope.spawn(move || use_until(http, base, worker, around));
        }
        for _ in 0..5 {
            seen.succeed(40);
            let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                          WHERE datname = current_database() AND pid <> pg_backend_pid()";
            tamper(&own.url(), others);
        }
        seen.succeed(40);
        own.restart("fast");
        seen.succeed(40);
        own.restart("immediate");
        seen.succeed(40);
        done.store(true, Ordering::Relaxed);
    });
    own.stop();
    let url = format!("{}/Patient/any", server.base);
    is_honest(send(&http, "GET", &url, None).unwrap(), &seen);
    is_honest(send(&http, "PUT", &url, Some(&patient("any", "x"))).unwrap(), &seen);
    let ready = server.base.replace("/fhir", "/health/ready");
    assert_eq!(send(&http, "GET", &ready, None).unwrap().status(), 503);
    own.go();
    let back = Instant::now();
    while send(&http, "PUT", &url, Some(&patient("any", "x"))).unwrap().status() == 503 {
        assert!(back.elapsed() < PATIENCE, "it does not recover");
    }
    let log = seen.log.into_inner().unwrap();
    println!(
        "{} answers, {} of them 503",
        seen.good.load(Ordering::Relaxed),
        seen.refused.load(Ordering::Relaxed)
    );
    all_is_there(&http, &server.base, &log);
    check(&own.url());
}
