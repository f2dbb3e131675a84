//! One database, a server that is busy with it, and further processes that check it and load into it meanwhile: nobody
//! finds it locked, nothing fails and nothing is lost. <https://www.sqlite.org/wal.html>

use std::process::Output;
use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use reqwest::blocking::Client;
use serde_json::Value;
use serde_json::json;

use crate::crash::Running;
use crate::crash::check;
use crate::crash::comfrey;
use crate::crash::http;
use crate::crash::send;
use crate::database::Database;

const WRITERS: usize = 16;
const READERS: usize = 16;
/// How many rounds of writing each writer goes through.
const ROUNDS: usize = 4;
/// How many files are loaded meanwhile, each with so many resources.
const FILES: usize = 3;
const IN_A_FILE: usize = 60;

fn goal(id: &str, mark: &str) -> Value {
    json!({ "resourceType": "Goal", "id": id, "lifecycleStatus": "active", "description": { "text": "home" },
        "identifier": [{ "system": "urn:mark", "value": mark }], "subject": { "reference": format!("Patient/{id}") } })
}

/// Sends it and insists on success; what came back.
#[track_caller]
fn done(http: &Client, method: &str, url: &str, body: Option<&Value>) -> Value {
    let reply = send(http, method, url, body).expect("the server answers");
    let (status, text) = (reply.status().as_u16(), reply.text().unwrap());
    assert!((200..300).contains(&status), "{method} {url}: {status} {text}");
    serde_json::from_str(&text).unwrap_or_default()
}

fn total(http: &Client, url: &str) -> u64 {
    done(http, "GET", url, None)["total"].as_u64().unwrap()
}

/// A new resource, a further version, a transaction, and a search that sees them.
fn write(http: &Client, base: &str, writer: usize) {
    for round in 0..ROUNDS {
        let (mark, lasting) = (format!("w{writer}n{round}"), format!("lasting{writer}"));
        done(http, "PUT", &format!("{base}/Goal/{mark}"), Some(&goal(&mark, &mark)));
        done(http, "PUT", &format!("{base}/Goal/{lasting}"), Some(&goal(&lasting, &mark)));
        let put = |id: String| json!({ "resource": goal(&id, &mark), "request": { "method": "PUT", "url": format!("Goal/{id}") } });
        let entries: Vec<Value> = (0..5).map(|at| put(format!("t{mark}at{at}"))).collect();
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
        done(http, "POST", base, Some(&bundle));
        let found = total(http, &format!("{base}/Goal?identifier=urn:mark|{mark}&_summary=count"));
        assert_eq!(found, 7, "all that was answered is found");
    }
}

/// Reads and searches until told to stop.
fn read(http: &Client, base: &str, (stop, reads): (&AtomicBool, &AtomicUsize)) {
    while !stop.load(Ordering::Relaxed) {
        for path in ["Goal/first", "Goal?lifecycle-status=active&_count=50", "Goal/_history?_count=20"] {
            done(http, "GET", &format!("{base}/{path}"), None);
            reads.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Insists on the end with 0, and on not a word of a lock.
fn is_fine(output: &Output) -> String {
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && !said.contains("locked") && !said.contains("busy"), "{said}");
    said
}

/// Loads files and checks the database, each as a process of its own, at the same time.
fn load_and_check(database: &Database) {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..FILES {
        let file = folder.path().join(format!("{number}.ndjson"));
        let lines: String =
            (0..IN_A_FILE).map(|at| format!("{}\n", goal(&format!("f{number}l{at}"), "file"))).collect();
        std::fs::write(&file, lines).unwrap();
        let file = file.display().to_string();
        let start = |arguments: &[&str]| {
            let mut command = comfrey(&[arguments, &["--database-url", database.url()]].concat());
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let processes = [start(&["import", &file]), start(&["check"])];
        let [imported, checked] = processes.map(|process| is_fine(&process.wait_with_output().unwrap()));
        assert!(imported.contains(&format!("{IN_A_FILE} stored, 0 there already, 0 refused")), "{imported}");
        assert!(checked.contains(" 0 differences"), "{checked}");
    }
}

#[test]
fn a_busy_server_and_other_processes_share_a_database_and_nothing_is_lost() {
    let (database, http) = (Database::fresh(), http());
    let server = Running::start(database.url());
    done(&http, "PUT", &format!("{}/Goal/first", server.base), Some(&goal("first", "first")));
    let (stop, reads) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let (http, base, around) = (&http, server.base.as_str(), (&stop, &reads));
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(move || read(http, base, around))).collect();
        let writers: Vec<_> =
            (0..WRITERS).map(|writer| scope.spawn(move || write(http, base, writer))).collect();
        let loaded = scope.spawn(|| load_and_check(&database));
        let ends: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        let loaded = loaded.join();
        stop.store(true, Ordering::Relaxed);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        ends.into_iter().chain([loaded]).for_each(|end| end.unwrap());
    });
    assert!(reads.load(Ordering::Relaxed) >= READERS * 3, "each of the readers came to read");
    let count = |search: &str| total(&http, &format!("{}/Goal?{search}_summary=count", server.base));
    let written = WRITERS * ROUNDS * 6 + WRITERS + 1;
    assert_eq!(count(""), (written + FILES * IN_A_FILE) as u64);
    assert_eq!(count("identifier=urn:mark|file&"), (FILES * IN_A_FILE) as u64);
    for writer in 0..WRITERS {
        let last = done(&http, "GET", &format!("{}/Goal/lasting{writer}", server.base), None);
        assert_eq!(last["meta"]["versionId"], ROUNDS.to_string(), "one version a write");
    }
    check(database.url());
}
