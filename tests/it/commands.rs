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

use crate::client::Client;

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
            let line = take.recv_timeout(std::time::Duration::from_secs(60));
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
    for command in ["serve", "demo", "import", "migrate", "token", "openapi"] {
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
    anyone.get("/Secretname/secret-id").expect(404);
    anyone.request("GET", &format!("{}/Secretname", server.origin())).send().expect(404);
    let (code, lines) = server.stop();
    assert_eq!(code, Some(0));
    let requests = lines.iter().filter(|line| line.contains("comfrey::http request request_id=")).count();
    assert_eq!(requests, 6, "{lines:#?}");
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
    assert_eq!(server.stop().0, Some(0));
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
}
