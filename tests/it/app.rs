//! A whole server for a test: fresh database, set clock, real HTTP on a free port, and callers with tokens.
//!
//! `COMFREY_TEST_DATABASE_URL=postgres://…` runs the same tests on PostgreSQL, each in a database of its own.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::mpsc;
use std::thread::JoinHandle;

use actix_web::dev::ServerHandle;
use comfrey::app::App;
use comfrey::app::Clock;
use comfrey::config::Config;
use serde_json::Value;
use serde_json::json;

use crate::client::Client;
use crate::database::Database;
use crate::signer::AUDIENCE;
use crate::signer::ISSUER;
use crate::signer::Signer;

/// The time at which a test begins: 2026-03-01T12:00:00Z, in microseconds.
pub const START: i64 = 1_772_366_400_000_000;

/// A running server of its own; stops, and takes its database along, when dropped.
pub struct TestApp {
    app: Option<Arc<App>>,
    clock: Clock,
    origin: String,
    server: ServerHandle,
    thread: Option<JoinHandle<()>>,
    // last, so that it goes after everything that uses it
    _database: Option<Database>,
}

impl TestApp {
    /// A server with an empty database that asks every caller for a token.
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// A server with other settings: `TestApp::with(|config| config.max_body = 1024)`.
    pub fn with(change: impl FnOnce(&mut Config)) -> Self {
        let database = Database::fresh();
        let mut settings = config(database.url());
        change(&mut settings);
        Self::start(settings, Some(database))
    }

    /// A server on a database of the test's own.
    pub fn on(database: &Database) -> Self {
        Self::start(config(database.url()), None)
    }

    /// A server on the database of this URL.
    pub fn at(database_url: &str) -> Self {
        Self::start(config(database_url), None)
    }

    fn start(settings: Config, database: Option<Database>) -> Self {
        let clock = Clock::set_to(START);
        let app = App::open(settings, clock.clone()).expect("the server opens its database");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (started, handle) = mpsc::channel();
        let served = app.clone();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = comfrey::http::serve(served, listener).expect("the server starts");
                started.send(server.handle()).unwrap();
                server.await.expect("the server runs");
            });
        });
        let server = handle.recv().expect("the server starts");
        Self { app: Some(app), clock, origin, server, thread: Some(thread), _database: database }
    }

    /// The clock that the server goes by: `app.clock().set(micros)`.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What the server runs on, for the few tests that look behind HTTP.
    pub fn app(&self) -> &Arc<App> {
        self.app.as_ref().expect("it is there until the drop")
    }

    /// An absolute URL outside FHIR: `app.url("/health/live")`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// A clinician with an EHR session: `user/*.cruds`.
    pub fn clinician(&self) -> Client {
        self.with_claims(json!({ "sub": "clinician-1", "scope": "openid fhirUser user/*.cruds",
            "fhirUser": "Practitioner/clinician-1" }))
    }

    /// The bearer token of a clinician, for requests that are written by hand.
    pub fn clinician_token(&self) -> String {
        Signer::shared().token(&json!({ "sub": "clinician-1", "scope": "user/*.cruds" }), self.clock.now())
    }

    /// A partner's program: `system/*.rs`.
    pub fn partner(&self) -> Client {
        self.with_claims(json!({ "sub": "partner-1", "client_id": "partner-1", "scope": "system/*.rs" }))
    }

    /// A patient's own app: `patient/*.rs` with that patient in the launch context.
    pub fn patient(&self, id: &str) -> Client {
        self.with_claims(json!({ "sub": format!("user-of-{id}"), "scope": "launch/patient patient/*.rs",
            "patient": id, "fhirUser": format!("Patient/{id}") }))
    }

    /// Somebody with a valid token and no scope.
    pub fn stranger(&self) -> Client {
        self.with_claims(json!({ "sub": "stranger-1" }))
    }

    /// Somebody without a token.
    pub fn anonymous(&self) -> Client {
        Client::new(&self.origin, None)
    }

    /// Somebody with these scopes, and a launch context of no patient.
    pub fn with_scope(&self, scope: &str) -> Client {
        self.with_claims(json!({ "sub": "scoped-1", "client_id": "scoped-1", "scope": scope }))
    }

    /// Somebody with these claims; `iss`, `aud`, `iat` and `exp` are added where they are not given.
    pub fn with_claims(&self, claims: Value) -> Client {
        let clock = self.clock.clone();
        Client::new(&self.origin, Some(Arc::new(move || Signer::shared().token(&claims, clock.now()))))
    }

    /// Somebody who sends these very words as the bearer token.
    pub fn with_token(&self, token: &str) -> Client {
        let token = token.to_owned();
        Client::new(&self.origin, Some(Arc::new(move || token.clone())))
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        drop(self.server.stop(false));
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the server's thread panicked");
        }
        self.app = None;
    }
}

/// Opens a database once, as the server's start does, so that it is migrated.
pub fn migrate(database_url: &str) {
    drop(App::open(config(database_url), Clock::set_to(START)).expect("the server opens its database"));
}

/// What the tests' servers run with: the shared signer is the one whom they trust.
pub fn config(database_url: &str) -> Config {
    static JWKS: OnceLock<(tempfile::TempDir, String)> = OnceLock::new();
    let (_, jwks) = JWKS.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("jwks.json");
        std::fs::write(&file, Signer::shared().jwks().to_string()).unwrap();
        (dir, file.display().to_string())
    });
    Config {
        database_url: database_url.into(),
        issuer: Some(ISSUER.into()),
        audience: Some(AUDIENCE.into()),
        jwks: Some(jwks.clone()),
        workers: Some(2),
        pool: Some(4),
        ..Config::default()
    }
}
