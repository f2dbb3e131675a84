//! A database of its own for each test: an SQLite file or a PostgreSQL database, copied from a migrated one.

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use diesel::Connection;
use diesel::PgConnection;
use diesel::RunQueryDsl;
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
                let file = folder.path().join("test.db");
                std::fs::write(&file, file_template()).unwrap();
                let url = format!("sqlite:{}", file.display());
                Self::Sqlite { url, _folder: folder }
            }
        }
    }

    /// A database without a table.
    pub fn empty() -> Self {
        if let Ok(server) = std::env::var(SERVER) {
            return Self::copy(server, "template0");
        }
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        Self::Sqlite { url, _folder: folder }
    }

    /// Whether this is a server and no file.
    pub fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres { .. })
    }

    /// Its URL, as the settings take it.
    pub fn url(&self) -> &str {
        match self {
            Self::Sqlite { url, .. } | Self::Postgres { url, .. } => url,
        }
    }

    fn postgres(server: String) -> Self {
        let template = template(&server);
        Self::copy(server, template)
    }

    fn copy(server: String, template: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // A database can be copied only while nobody is connected to it, so one copies at a time.
        static COPYING: Mutex<()> = Mutex::new(());
        let name = format!("comfrey_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
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

/// The file that the others are copies of, made once by the server's own start.
fn file_template() -> &'static [u8] {
    static TEMPLATE: OnceLock<Vec<u8>> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let (file, copy) = (folder.path().join("made.db"), folder.path().join("copy.db"));
        crate::app::migrate(&format!("sqlite:{}", file.display()));
        // A copy of its own, because what was written last may stand beside the file.
        tamper(&format!("sqlite:{}", file.display()), &format!("VACUUM INTO '{}'", copy.display()));
        std::fs::read(copy).unwrap()
    })
}

fn with_database(server: &str, name: &str) -> String {
    let (base, options) = server.split_once('?').map_or((server, None), |(base, rest)| (base, Some(rest)));
    let scheme = base.find("://").map_or(0, |at| at + 3);
    let end = base[scheme..].find('/').map_or(base.len(), |at| scheme + at);
    let options = options.map(|options| format!("?{options}")).unwrap_or_default();
    format!("{}/{name}{options}", &base[..end])
}

/// A PostgreSQL server of a test's own, which it may stop and start; on the machine of the other tests' server.
pub struct OwnServer {
    programs: String,
    folder: tempfile::TempDir,
    port: u16,
}

impl OwnServer {
    /// A running server, where the tests run on PostgreSQL.
    pub fn start() -> Option<Self> {
        std::env::var(SERVER).ok()?;
        let programs = std::env::var("COMFREY_TEST_POSTGRES_BIN").expect(
            "COMFREY_TEST_POSTGRES_BIN names the folder of PostgreSQL's programs, as `./test` sets it",
        );
        let folder = tempfile::tempdir().unwrap();
        let port = lasting_port();
        let server = Self { programs, folder, port };
        if server.is_root() {
            assert!(
                Command::new("chown").arg("postgres").arg(server.folder.path()).status().unwrap().success()
            );
        }
        let options = ["-U", "comfrey", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"];
        server.run("initdb", &options);
        server.go();
        Some(server)
    }

    /// The URL of its one database.
    pub fn url(&self) -> String {
        format!("postgres://comfrey@127.0.0.1:{}/postgres", self.port)
    }

    /// Stops it, and whoever is connected loses the connection.
    pub fn stop(&self) {
        self.run("pg_ctl", &["-m", "fast", "-w", "stop"]);
    }

    /// Starts it again.
    pub fn go(&self) {
        let folder = self.folder.path().display();
        let settings = format!("-p {} -k {folder} -c listen_addresses=127.0.0.1", self.port);
        let log = format!("{folder}/log");
        self.run("pg_ctl", &["-w", "-t", "60", "-l", &log, "-o", &settings, "start"]);
    }

    /// Stops it in this way and starts it again.
    pub fn restart(&self, how: &str) {
        self.run("pg_ctl", &["-m", how, "-w", "stop"]);
        self.go();
    }

    fn is_root(&self) -> bool {
        std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
    }

    /// PostgreSQL refuses to run as root, so root hands it to the account that its package made.
    fn run(&self, program: &str, arguments: &[&str]) {
        assert!(self.try_run(program, arguments), "{program} {arguments:?}");
    }

    fn try_run(&self, program: &str, arguments: &[&str]) -> bool {
        let path = format!("{}/{program}", self.programs);
        let data = format!("{}/data", self.folder.path().display());
        let mut command = if self.is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", &path]);
            command
        } else {
            Command::new(path)
        };
        command.args(["-D", &data]).args(arguments).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        self.try_run("pg_ctl", &["-m", "immediate", "stop"]);
    }
}

/// A port that stays free while the server that has it is stopped: the system hands out those from 32768 on to whoever
/// asks for any, and the other tests ask all the time.
fn lasting_port() -> u16 {
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (first..first + 2_000).find(is_free).expect("a port is free")
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

/// What a query for one number finds behind the server's back.
pub fn number(url: &str, query: &str) -> i64 {
    let found = texts(url, &format!("SELECT CAST(({query}) AS VARCHAR(30)) AS text"));
    found[0].parse().unwrap()
}

/// What a query for one column, called `text`, finds behind the server's back.
pub fn texts(url: &str, query: &str) -> Vec<String> {
    let query = diesel::sql_query(query);
    let rows: Vec<Text> = match url.strip_prefix("sqlite:") {
        Some(path) => {
            let mut on = SqliteConnection::establish(path).unwrap();
            on.batch_execute("PRAGMA busy_timeout=30000").unwrap();
            query.load(&mut on).unwrap()
        }
        None => query.load(&mut PgConnection::establish(url).unwrap()).unwrap(),
    };
    rows.into_iter().map(|row| row.text).collect()
}

/// The tables of the search index, of which each row names its resource by `rid`.
pub fn index_tables(url: &str) -> Vec<String> {
    let query = match url.starts_with("sqlite:") {
        true => {
            "SELECT name AS text FROM sqlite_master WHERE type = 'table' AND name LIKE 'idx\\_%' ESCAPE '\\'"
        }
        false => "SELECT CAST(tablename AS TEXT) AS text FROM pg_tables WHERE tablename LIKE 'idx\\_%'",
    };
    let tables = texts(url, query);
    assert!(tables.len() >= 10, "{tables:?}");
    tables
}

#[derive(diesel::QueryableByName)]
struct Text {
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
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
