//! The real binary: its commands, exit codes, and what it says where it refuses.

use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::sync::mpsc::Receiver;

use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::database::tamper;
use crate::programme::person;
use crate::programme::refer;

/// The binary in a folder of its own, with none of the settings of the environment.
fn comfrey(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_comfrey"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("COMFREY_")) {
        command.env_remove(name);
    }
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    comfrey(folder, arguments).output().expect("the binary starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A server in the background, killed when dropped.
struct Running {
    child: Child,
    lines: Vec<String>,
    more: Receiver<String>,
}

impl Running {
    /// Reads what it says until a line holds these words.
    fn until(mut command: Command, words: &str) -> Self {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let out = BufReader::new(child.stdout.take().unwrap());
        let err = BufReader::new(child.stderr.take().unwrap());
        let (give, take) = std::sync::mpsc::channel();
        for stream in [Box::new(out) as Box<dyn BufRead + Send>, Box::new(err)] {
            let give = give.clone();
            std::thread::spawn(move || {
                stream.lines().map_while(Result::ok).try_for_each(|line| give.send(line))
            });
        }
        drop(give);
        let mut lines = Vec::new();
        while !lines.last().is_some_and(|line: &String| line.contains(words)) {
            let line = take.recv_timeout(std::time::Duration::from_secs(180));
            lines.push(line.unwrap_or_else(|_| panic!("{words:?} is not in {lines:#?}")));
        }
        Self { child, lines, more: take }
    }

    /// `http://127.0.0.1:port` out of what it said.
    fn origin(&self) -> String {
        let line = self.lines.iter().find(|line| line.contains("http://127.0.0.1:")).unwrap();
        let start = line.find("http://").unwrap();
        let port = &line[start + "http://127.0.0.1:".len()..];
        let digits = port.find(|c: char| !c.is_ascii_digit()).unwrap_or(port.len());
        line[start..start + "http://127.0.0.1:".len() + digits].to_owned()
    }

    /// Asks it to end; gives its exit code and all that it said.
    fn stop(mut self) -> (Option<i32>, Vec<String>) {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let code = self.child.wait().unwrap().code();
        let mut lines = std::mem::take(&mut self.lines);
        lines.extend(self.more.iter());
        (code, lines)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn wrong_settings_end_in_one_line_and_with_2() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, words) in [
        (&[][..], "COMFREY_JWKS, COMFREY_ISSUER, COMFREY_AUDIENCE"),
        (&["--auth", "off", "--listen", "0.0.0.0:0"], "COMFREY_AUTH=off"),
        (&["--auth", "maybe"], "required, dev, off"),
        (&["--max-body", "much"], "16MB"),
        (&["--database-url", "mysql://u:secret@h/d"], "sqlite:PATH"),
        (&["migrate", "--database-url", "postgres://u:secret@h/d?sslmode=require"], "postgres-tls"),
        (&["--time-zone", "Mars"], "IANA"),
        (&["--tls-cert", "c.pem", "--auth", "off"], "COMFREY_TLS_KEY"),
        (&["--tls-cert", "/dev/null", "--tls-key", "/dev/null", "--auth", "off"], "COMFREY_TLS_CERT"),
        (&["--log", "loud"], "COMFREY_LOG"),
        (&["frobnicate"], "frobnicate"),
        (&["import"], "PATH"),
        (&["token", "--scope", "user/*.rs"], "COMFREY_AUTH=dev"),
        (&["token", "--auth", "dev", "--scope", "everything"], "everything"),
        (&["token", "--auth", "dev", "--scope", "patient/*.rs"], "--patient"),
    ] {
        let output = run(folder.path(), arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?} {said}");
        assert!(said.contains(words) && said.lines().count() == 1, "{arguments:?} {said}");
        assert!(!said.contains("secret"), "{said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    let output = comfrey(folder.path(), &["migrate"]).env("COMFREY_LISTN", "x").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("COMFREY_LISTN"), "{}", text(&output.stderr));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a refused start leaves nothing behind");
}

#[test]
fn work_that_fails_ends_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for arguments in [
        &["--auth", "off", "--listen", &address][..],
        &["migrate", "--database-url", "sqlite:/no/such/folder/c.db"],
        &["import", "/no/such/file.json"],
    ] {
        let output = run(folder.path(), arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?} {said}");
        assert!(said.contains("comfrey: "), "{arguments:?} {said}");
    }
}

#[test]
fn every_command_explains_itself() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["serve", "demo", "import", "migrate", "reindex", "check", "health", "token", "openapi"] {
        let output = run(folder.path(), &[command, "--help"]);
        assert_eq!(output.status.code(), Some(0), "{command}");
        let said = text(&output.stdout);
        for setting in ["COMFREY_LISTEN", "COMFREY_DATABASE_URL", "COMFREY_AUTH", "COMFREY_MAX_BODY"] {
            assert!(said.contains(setting), "{command} {said}");
        }
    }
}

#[test]
fn migrate_says_what_it_ran() {
    let folder = tempfile::tempdir().unwrap();
    let first = text(&run(folder.path(), &["migrate"]).stdout);
    assert!(first.starts_with("ran "), "{first}");
    let second = text(&run(folder.path(), &["migrate"]).stdout);
    assert!(second.starts_with("nothing to run"), "{second}");
}

#[test]
fn openapi_prints_the_published_document() {
    let folder = tempfile::tempdir().unwrap();
    let printed = text(&run(folder.path(), &["openapi"]).stdout);
    let published =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/comfrey.json")).unwrap();
    assert!(printed.trim() == published.trim(), "run `comfrey openapi > openapi/comfrey.json`");
}

#[test]
fn a_development_token_opens_a_development_server_as_far_as_its_scope() {
    let folder = tempfile::tempdir().unwrap();
    let serve = comfrey(folder.path(), &["serve", "--auth", "dev", "--listen", "127.0.0.1:0"]);
    let server = Running::until(serve, "serving on");
    let with_token = |scope: &str| {
        let made = run(folder.path(), &["token", "--auth", "dev", "--scope", scope, "--subject", "me"]);
        assert!(made.status.success(), "{}", text(&made.stderr));
        let token = text(&made.stdout).trim().to_owned();
        Client::new(&server.origin(), Some(std::sync::Arc::new(move || token.clone())))
    };
    let writer = with_token("user/Patient.cruds");
    writer.store(&json!({ "resourceType": "Patient", "id": "p" }));
    with_token("user/Patient.rs").get("/Patient/p").expect(200);
    with_token("user/Goal.rs").get("/Patient/p").expect(403);
    Client::new(&server.origin(), None).get("/Patient/p").expect(401);
    assert_eq!(server.stop().0, Some(0));
}

#[test]
fn a_log_line_names_neither_people_nor_what_was_asked_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let serve =
        comfrey(folder.path(), &["serve", "--auth", "off", "--listen", "127.0.0.1:0", "--log", "trace"]);
    let server = Running::until(serve, "serving on");
    let anyone = Client::new(&server.origin(), None);
    anyone.store(
        &json!({ "resourceType": "Patient", "id": "secret-id", "name": [{ "family": "Secretname" }] }),
    );
    anyone.get("/Patient?name=Secretname").expect(200);
    anyone
        .request("GET", "/Patient/secret-id")
        .header("Authorization", "Bearer secret-token")
        .send()
        .expect(200);
    anyone.get("/Patient/secret-id/_history").expect(200);
    let later = anyone.request("GET", "/Patient/secret-id/$everything").header("Prefer", "respond-async");
    let later = later.send().expect(202).header("content-location").unwrap().to_owned();
    let mut asked = 1;
    while anyone.get(&later).status == 202 {
        asked += 1;
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    anyone.get("/Secretname/secret-id").expect(404);
    anyone.request("GET", &format!("{}/Secretname", server.origin())).send().expect(404);
    let (code, lines) = server.stop();
    assert_eq!(code, Some(0));
    let requests = lines.iter().filter(|line| line.contains("comfrey::http request request_id=")).count();
    assert_eq!(requests, 7 + asked, "{lines:#?}");
    let id = later.rsplit('/').next().unwrap();
    assert!(
        lines.iter().any(|line| line.contains("a request that was taken on is done status=200")),
        "{lines:#?}"
    );
    assert!(!lines.iter().any(|line| line.contains(id)), "{lines:#?}");
    assert!(
        lines.iter().any(|line| line.contains("interaction=search resource=Patient status=200")),
        "{lines:#?}"
    );
    assert!(!lines.iter().any(|line| line.to_lowercase().contains("secret")), "{lines:#?}");
}

#[test]
fn the_demo_shows_what_it_promises_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let temporary = folder.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let mut demo = comfrey(folder.path(), &["demo", "--listen", "127.0.0.1:0"]);
    demo.env("TMPDIR", &temporary);
    let server = Running::until(demo, "icd-10");
    let calls: Vec<_> = server.lines.iter().filter_map(|line| line.split_once("curl -s '")).collect();
    assert_eq!(calls.len(), 3, "{:#?}", server.lines);
    let anyone = Client::new(&server.origin(), None);
    for (_, url) in calls {
        anyone.get(url.trim_end_matches('\'')).expect(200);
    }
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 1);
    let origin = server.origin();
    let address = origin.strip_prefix("http://").unwrap();
    let healthy = || run(folder.path(), &["health", "--listen", address]);
    assert_eq!(healthy().status.code(), Some(0), "{}", text(&healthy().stderr));
    assert_eq!(server.stop().0, Some(0));
    let gone = healthy();
    assert_eq!(gone.status.code(), Some(1));
    assert!(text(&gone.stderr).contains(address) && text(&gone.stderr).lines().count() == 1);
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
}

#[test]
fn a_server_with_a_certificate_is_asked_for_its_health_by_https() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| format!("{}/tests/data/tls/{name}", env!("CARGO_MANIFEST_DIR"));
    let (cert, key) = (file("server.pem"), file("server-key.pem"));
    let settings = ["--tls-cert", &cert, "--tls-key", &key, "--auth", "off", "--listen", "127.0.0.1:0"];
    let server = Running::until(comfrey(folder.path(), &settings), "serving on");
    let line = server.lines.iter().find(|line| line.contains("https://")).expect("it serves HTTPS");
    let address = line.split("https://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let asked = run(folder.path(), &["health", "--listen", &address, "--tls-cert", &cert, "--tls-key", &key]);
    assert_eq!(asked.status.code(), Some(0), "{}", text(&asked.stderr));
    assert_eq!(run(folder.path(), &["health", "--listen", &address]).status.code(), Some(1));
}

/// What `comfrey check` says of a database: its exit code and its lines.
fn checked(url: &str) -> (Option<i32>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["check", "--database-url", url]);
    let said = text(&output.stdout) + &text(&output.stderr);
    (output.status.code(), said.lines().map(str::to_owned).collect())
}

/// A patient with history, a deleted one, goals, and an episode of the programme.
fn some_resources(app: &TestApp) {
    let clinician = app.clinician();
    for active in [true, false] {
        clinician.store(&json!({ "resourceType": "Patient", "id": "p", "active": active,
            "name": [{ "family": "Ash" }], "identifier": [{ "system": "urn:mrn", "value": "1" }] }));
    }
    clinician.store(&json!({ "resourceType": "Patient", "id": "gone" }));
    clinician.delete("/Patient/gone").expect(204);
    for id in ["g", "h", "h"] {
        clinician.store(&json!({ "resourceType": "Goal", "id": id, "lifecycleStatus": "active",
            "startDate": "2026-01-02", "description": { "text": "to be home" },
            "subject": { "reference": "Patient/p" } }));
    }
    for text in ["to know", "not to know"] {
        clinician.store(&json!({ "resourceType": "Goal", "id": "labelled", "lifecycleStatus": "active",
            "meta": { "security": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "NOPAT" }] },
            "description": { "text": text }, "subject": { "reference": "Patient/p" } }));
    }
    clinician.store(&json!({ "resourceType": "Observation", "id": "o", "status": "final",
        "code": { "text": "weight" }, "subject": { "reference": "Patient/p" },
        "valueQuantity": { "value": 60.5, "unit": "kg" } }));
    person(&clinician, "ill");
    refer(&clinician, "ill");
}

#[test]
fn check_finds_nothing_in_a_sound_database_and_changes_nothing() {
    let app = TestApp::new();
    some_resources(&app);
    let url = &app.app().config.database_url;
    let (code, lines) = checked(url);
    assert_eq!(code, Some(0), "{lines:#?}");
    assert!(lines.last().unwrap().contains(" 0 differences"), "{lines:#?}");
    assert_eq!(lines.len(), 1, "{lines:#?}");
}

#[test]
fn check_names_what_differs_and_reindex_mends_what_is_index() {
    let app = TestApp::new();
    some_resources(&app);
    let url = &app.app().config.database_url;
    let of = |id: &str| format!("(SELECT rid FROM resource WHERE id = '{id}')");
    let harm = [
        (format!("DELETE FROM idx_token WHERE rid = {}", of("p")), "Patient/p version 2: `idx_token` lacks"),
        (
            format!("INSERT INTO idx_string VALUES (1, 'secretname', 'x', {})", of("p")),
            "`idx_string` lacks 0 and has 1",
        ),
        (
            format!("UPDATE idx_date SET low = low - 1 WHERE rid = {}", of("g")),
            "`idx_date` lacks 1 and has 1 too many (search parameters: start-date)",
        ),
        (format!("UPDATE idx_compartment SET type = 3 WHERE rid = {}", of("h")), "Goal/h version 2: has "),
        (
            "INSERT INTO idx_uri VALUES (1, 'x', 987654)".to_owned(),
            "number 987654 is not there, but has search index rows",
        ),
        ("UPDATE episode SET state = 'enrolled'".to_owned(), "has another row in `episode`"),
        (
            "INSERT INTO episode (rid, patient, program, state, open) VALUES (987655, 'p', 'x', 'active', 1)"
                .to_owned(),
            "number 987655 is not there, but has an episode row",
        ),
        (
            format!("INSERT INTO idx_reference VALUES (1, 1, 'x', {})", of("gone")),
            "Patient/gone version 2: `idx_reference` lacks 0 and has 1",
        ),
        (
            format!("INSERT INTO live SELECT type, 999, 5 FROM resource WHERE rid = {}", of("p")),
            "resources of Patient, but there are",
        ),
        (
            format!("DELETE FROM live WHERE type = (SELECT type FROM resource WHERE rid = {})", of("g")),
            "`live` counts 0 resources of Goal, but there are",
        ),
        (
            "DELETE FROM not_for_patient".to_owned(),
            "Goal/labelled version 2: is told to the patient, from whom it is to be kept",
        ),
    ];
    for (statement, _) in &harm {
        tamper(url, statement);
    }
    let (code, lines) = checked(url);
    assert_eq!(code, Some(1), "{lines:#?}");
    for (statement, words) in &harm {
        assert!(lines.iter().any(|line| line.contains(words)), "{statement}: {words:?} is not in {lines:#?}");
    }
    assert!(!lines.iter().any(|line| line.contains("secretname")), "{lines:#?}");
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["reindex", "--database-url", url]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let (code, lines) = checked(url);
    assert_eq!(code, Some(0), "{lines:#?}");
    assert_eq!(app.clinician().get("/Patient?identifier=urn:mrn|1").expect(200).ids(), ["p"]);
}

#[test]
fn check_reports_content_and_history_that_no_index_can_mend() {
    let app = TestApp::new();
    some_resources(&app);
    let url = &app.app().config.database_url;
    let bytes = |text: &str| match url.starts_with("sqlite:") {
        true => format!("CAST('{text}' AS BLOB)"),
        false => format!("convert_to('{text}', 'UTF8')"),
    };
    let now = |id: &str| app.clinician().get(id).expect(200).text();
    let wrong_code = now("/Goal/g").replace("\"active\"", "\"secretcode\"");
    let harm = [
        (format!("UPDATE resource SET body = {} WHERE id = 'g'", bytes(&wrong_code)), "Goal/g version 1: is not valid: Goal.lifecycleStatus"),
        (format!("UPDATE resource SET body = {} WHERE id = 'h'", bytes("{\"id\":")), "Goal/h version 2: is no JSON"),
        (format!("UPDATE resource SET body = {} WHERE id = 'o'", bytes(&now("/Goal/g"))), "Observation/o version 1: has the type, id, version or time of another"),
        ("DELETE FROM history WHERE version = 1 AND rid = (SELECT rid FROM resource WHERE id = 'p')".to_owned(), "Patient/p version 2: has no history"),
        ("INSERT INTO history_compartment (patient, type, rid, version) SELECT 'other', type, rid, 1 FROM resource WHERE id = 'h'".to_owned(), "Goal/h version 1: stands in the history of a patient to whom it does not belong"),
        ("INSERT INTO history_compartment (patient, type, rid, version) SELECT 'p', type, rid, 7 FROM resource WHERE id = 'o'".to_owned(), "has history under a type or version that it has not"),
        ("INSERT INTO history (rid, version, updated, method, deleted, body, type) SELECT 987656, 1, updated, method, deleted, body, type FROM history LIMIT 1".to_owned(), "number 987656 is not there, but has a history"),
        ("DELETE FROM history_not_for_patient".to_owned(), "Goal/labelled version 1: is told to the patient, from whom it is to be kept"),
        ("UPDATE history SET updated = updated + 99000000 WHERE rid = (SELECT rid FROM resource WHERE id = 'gone')".to_owned(), "Patient/gone version 2: is not younger"),
    ];
    for (statement, _) in &harm {
        tamper(url, statement);
    }
    let (code, lines) = checked(url);
    assert_eq!(code, Some(1), "{lines:#?}");
    for (statement, words) in &harm {
        assert!(lines.iter().any(|line| line.contains(words)), "{statement}: {words:?} is not in {lines:#?}");
    }
    assert!(!lines.iter().any(|line| line.contains("secretcode")), "{lines:#?}");
}

#[test]
fn a_server_on_an_index_of_older_rules_says_so_and_makes_it_anew() {
    let app = TestApp::new();
    let url = &app.app().config.database_url;
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["serve", "--auth", "off", "--listen", "127.0.0.1:0", "--database-url", url];
    let warns = |words: &str| {
        let mut server = Running::until(comfrey(folder.path(), &arguments), "serving on");
        Client::new(&server.origin(), None).get("/metadata").expect(200);
        while !server.lines.iter().any(|line| line.contains(words)) {
            server.lines.push(server.more.recv_timeout(std::time::Duration::from_secs(180)).expect(words));
        }
        let (code, lines) = server.stop();
        assert_eq!(code, Some(0), "{lines:#?}");
        lines.iter().any(|line| line.contains("WARN") && line.contains("another version's rules"))
    };
    let (serves, renewed) = ("serving on", "the search index is by this version's rules");
    assert!(!warns(serves), "a new database is indexed by this version's rules");
    // The third rules' rows are made the fourth's by a migration; the fifth have rows that no migration can make.
    let again = "DELETE FROM __diesel_schema_migrations WHERE version = '20261122000056'";
    for before in [1_000, 4, 3, 2] {
        tamper(url, &format!("UPDATE index_rules SET number = {before}, tried = 0"));
        tamper(url, again);
        assert!(warns(renewed), "{before}");
        assert!(!warns(serves), "{before}: it is done once");
    }
    // What cannot be mended is told once, and is no reason to begin again at each start.
    app.clinician().store(&json!({ "resourceType": "Patient", "id": "torn" }));
    tamper(url, "UPDATE resource SET body = substr(body, 1, 1) WHERE id = 'torn'");
    tamper(url, "UPDATE index_rules SET number = 2, tried = 0");
    assert!(warns("the index rows of 1 resources could not be mended"));
    assert!(!warns(serves), "it was tried");
}

#[test]
fn reindex_goes_on_while_others_write() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let goal = |id: &str, status: &str| {
        json!({ "resourceType": "Goal", "id": id, "lifecycleStatus": status, "description": { "text": "x" },
            "subject": { "reference": "Patient/p" } })
    };
    let entry = |id: String| json!({ "resource": goal(&id, "active"), "request": { "method": "PUT", "url": format!("Goal/{id}") } });
    let all: Vec<_> = (0..700).map(|at| entry(format!("g{at}"))).collect();
    clinician.post("", &json!({ "resourceType": "Bundle", "type": "transaction", "entry": all })).expect(200);
    let url = &app.app().config.database_url;
    tamper(url, "DELETE FROM idx_token; DELETE FROM idx_compartment; DELETE FROM live");
    assert_eq!(clinician.get("/Goal?lifecycle-status=active").expect(200).ids().len(), 0);
    let folder = tempfile::tempdir().unwrap();
    let mut reindex = Ended(comfrey(folder.path(), &["reindex", "--database-url", url]).spawn().unwrap());
    for at in 0.. {
        clinician.store(&goal(&format!("g{}", at * 37 % 700), "on-hold"));
        clinician.store(&goal(&format!("n{at}"), "active"));
        if let Some(status) = reindex.0.try_wait().unwrap() {
            assert!(status.success());
            break;
        }
    }
    let (code, lines) = checked(url);
    assert_eq!(code, Some(0), "{lines:#?}");
}

/// Ends a process that a failed test would leave behind.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
