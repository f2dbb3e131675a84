//! A database of its own for each test: an SQLite file, or a PostgreSQL database copied from a migrated one.

use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use diesel::Connection;
use diesel::PgConnection;
use diesel::SqliteConnection;
use diesel::connection::SimpleConnection;

/// Names the server on which to make databases.
const SERVER: &str = "COMFREY_TEST_DATABASE_URL";

/// Goes when dropped.
pub enum Database {
    /// A file in a folder of its own.
    Sqlite { url: String, _folder: tempfile::TempDir },
    /// A database on the server that the environment names.
    Postgres { url: String, server: String, name: String },
}

impl Database {
    /// An empty database, migrated or about to be.
    pub fn fresh() -> Self {
        match std::env::var(SERVER) {
            Ok(server) => Self::postgres(server),
            Err(_) => {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite:{}", folder.path().join("test.db").display());
                Self::Sqlite { url, _folder: folder }
            }
        }
    }

    /// Its URL, as the settings take it.
    pub fn url(&self) -> &str {
        match self {
            Self::Sqlite { url, .. } | Self::Postgres { url, .. } => url,
        }
    }

    fn postgres(server: String) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // A database can be copied only while nobody is connected to it, so one copies at a time.
        static COPYING: Mutex<()> = Mutex::new(());
        let name = format!("comfrey_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let template = template(&server);
        let alone = COPYING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        run(&server, &format!("CREATE DATABASE {name} TEMPLATE {template}"));
        drop(alone);
        Self::Postgres { url: with_database(&server, &name), server, name }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Self::Postgres { server, name, .. } = self {
            run(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

/// The migrated database that the others are copies of, made once by the server's own start.
fn template(server: &str) -> &'static str {
    static TEMPLATE: OnceLock<String> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let name = format!("comfrey_test_template_{}", std::process::id());
        run(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        run(server, &format!("CREATE DATABASE {name}"));
        crate::app::migrate(&with_database(server, &name));
        name
    })
}

fn with_database(server: &str, name: &str) -> String {
    let (base, options) = server.split_once('?').map_or((server, None), |(base, rest)| (base, Some(rest)));
    let scheme = base.find("://").map_or(0, |at| at + 3);
    let end = base[scheme..].find('/').map_or(base.len(), |at| scheme + at);
    let options = options.map(|options| format!("?{options}")).unwrap_or_default();
    format!("{}/{name}{options}", &base[..end])
}

/// Changes a database behind the server's back.
pub fn tamper(url: &str, statements: &str) {
    match url.strip_prefix("sqlite:") {
        Some(path) => {
            let mut on = SqliteConnection::establish(path).unwrap();
            on.batch_execute(&format!("PRAGMA busy_timeout=30000; {statements}")).unwrap();
        }
        None => PgConnection::establish(url).unwrap().batch_execute(statements).unwrap(),
    }
}

fn run(server: &str, statement: &str) {
    let mut last = String::new();
    // A connection that was just closed may still be seen by the server for a moment.
    for _ in 0..100 {
        let tried = PgConnection::establish(server).map_err(|error| error.to_string());
        match tried.and_then(|mut on| on.batch_execute(statement).map_err(|error| error.to_string())) {
            Ok(()) => return,
            Err(error) => last = error,
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{statement}: {last}");
}
