//! One connection to either database, chosen by the URL's scheme.
//!
//! diesel's `MultiConnection` tries every backend in turn and swallows their errors, so a mistyped PostgreSQL URL
//! becomes an SQLite file; here the scheme alone decides.

use diesel::Connection;
use diesel::ConnectionError;
use diesel::connection::SimpleConnection;
use diesel::deserialize::QueryableByName;
use diesel::pg::Pg;
use diesel::pg::PgConnection;
use diesel::query_dsl::methods::ExecuteDsl;
use diesel::query_dsl::methods::LoadQuery;
use diesel::result::DatabaseErrorKind;
use diesel::result::Error;
use diesel::result::QueryResult;
use diesel::sql_types::Untyped;
use diesel::sqlite::Sqlite;
use diesel::sqlite::SqliteConnection;

use crate::search::sql::Rows;
use crate::search::sql::Sql;

/// Where the data lives.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// A file, or a named memory database of this process.
    Sqlite(String),
    /// A server.
    Postgres(String),
}

impl Target {
    /// Reads a database URL.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(url.to_owned()));
        }
        let Some(path) = url.strip_prefix("sqlite:") else {
            return Err(
                "The database URL is none that is known; it must be sqlite:PATH, sqlite::memory: or a postgres:// URL."
                    .into(),
            );
        };
        match path.strip_prefix("//").unwrap_or(path) {
            "" => Err("The database URL names no file; use sqlite:PATH or sqlite::memory: instead.".into()),
            // SQLite's memory VFS shares a database of this name among the connections of the process, with
            // proper locks, which the older shared cache has not.
            ":memory:" => Ok(Self::Sqlite(format!("file:/comfrey-{}?vfs=memdb", uuid::Uuid::new_v4()))),
            path => Ok(Self::Sqlite(path.to_owned())),
        }
    }

    /// Whether the database is part of this process.
    pub(crate) fn is_embedded(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }
}

/// The database's own client.
enum Link {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// A connection that remembers whether it is broken.
pub struct Conn {
    link: Link,
    broken: bool,
}

/// Settings of each SQLite connection. `synchronous=FULL`: what was answered survives a loss of power.
const SQLITE_SETTINGS: &str = "\
    PRAGMA busy_timeout=30000; PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; \
    PRAGMA foreign_keys=ON; PRAGMA mmap_size=1073741824; PRAGMA cache_size=-8192; PRAGMA temp_store=MEMORY; \
    PRAGMA wal_autocheckpoint=4000; PRAGMA journal_size_limit=268435456;";

/// Settings of each PostgreSQL session. Plans are chosen by the server (`auto`): the statements of single rows
/// profit from generic plans, and searches of several criteria are not prepared at all.
const POSTGRES_SETTINGS: &str = "\
    SET timezone='UTC'; SET application_name='comfrey'; SET statement_timeout='60s'; \
    SET idle_in_transaction_session_timeout='60s'; SET plan_cache_mode='auto'; SET jit='off'; \
    SET client_min_messages='warning'; SET bytea_output='hex';";

impl Conn {
    /// Connects and sets the session up.
    pub(crate) fn open(target: &Target) -> Result<Self, ConnectionError> {
        let link = match target {
            Target::Sqlite(path) => {
                keep_private(path);
                let mut link = SqliteConnection::establish(path)?;
                link.batch_execute(SQLITE_SETTINGS).map_err(ConnectionError::CouldntSetupConfiguration)?;
                Link::Sqlite(link)
            }
            Target::Postgres(url) => {
                let mut link = PgConnection::establish(url)?;
                link.batch_execute(POSTGRES_SETTINGS).map_err(ConnectionError::CouldntSetupConfiguration)?;
                Link::Postgres(link)
            }
        };
        Ok(Self { link, broken: false })
    }

    /// Whether this is SQLite.
    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self.link, Link::Sqlite(_))
    }

    /// Whether the connection is of no more use.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// The rows of a query, each column by its position.
    pub(crate) fn load<ST, T>(&mut self, sql: Sql) -> QueryResult<Vec<T>>
    where
        Rows<ST>: for<'q> LoadQuery<'q, SqliteConnection, T> + for<'q> LoadQuery<'q, PgConnection, T>,
    {
        let query = sql.rows::<ST>();
        let result = match &mut self.link {
            Link::Sqlite(link) => query.internal_load(link).and_then(Iterator::collect),
            Link::Postgres(link) => query.internal_load(link).and_then(Iterator::collect),
        };
        self.note(result)
    }

    /// The rows of a query whose number of columns only the query knows.
    pub(crate) fn load_rows<T>(&mut self, sql: Sql) -> QueryResult<Vec<T>>
    where
        T: QueryableByName<Sqlite> + QueryableByName<Pg> + 'static,
    {
        let query = sql.rows::<Untyped>();
        let result = match &mut self.link {
            Link::Sqlite(link) => {
                LoadQuery::<SqliteConnection, T>::internal_load(query, link).and_then(Iterator::collect)
            }
            Link::Postgres(link) => {
                LoadQuery::<PgConnection, T>::internal_load(query, link).and_then(Iterator::collect)
            }
        };
        self.note(result)
    }

    /// Carries out a statement; the number of rows that it touched.
    pub(crate) fn execute(&mut self, sql: Sql) -> QueryResult<usize> {
        let result = match &mut self.link {
            Link::Sqlite(link) => ExecuteDsl::execute(sql, link),
            Link::Postgres(link) => ExecuteDsl::execute(sql, link),
        };
        self.note(result)
    }

    /// Carries out fixed text, such as `BEGIN`.
    pub(crate) fn batch(&mut self, text: &str) -> QueryResult<()> {
        let result = match &mut self.link {
            Link::Sqlite(link) => link.batch_execute(text),
            Link::Postgres(link) => link.batch_execute(text),
        };
        self.note(result)
    }

    /// Runs the pending migrations with the database's own client.
    pub(crate) fn with_link<T>(
        &mut self,
        sqlite: impl FnOnce(&mut SqliteConnection) -> T,
        postgres: impl FnOnce(&mut PgConnection) -> T,
    ) -> T {
        match &mut self.link {
            Link::Sqlite(link) => sqlite(link),
            Link::Postgres(link) => postgres(link),
        }
    }

    fn note<T>(&mut self, result: QueryResult<T>) -> QueryResult<T> {
        if let Err(error) = &result {
            self.broken |= is_lost(error);
        }
        result
    }
}

/// A new database file is for its owner's eyes only; SQLite gives its log the same rights. Where the file cannot
/// be made, opening it says why.
fn keep_private(path: &str) {
    if path.starts_with("file:") {
        return;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).ok();
}

/// Whether the error says that the connection is gone.
pub(crate) fn is_lost(error: &Error) -> bool {
    match error {
        Error::BrokenTransactionManager => true,
        Error::DatabaseError(
            DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
            _,
        ) => true,
        Error::DatabaseError(DatabaseErrorKind::Unknown, details) => {
            let text = details.message();
            [
                "terminating connection",
                "server closed the connection",
                "no connection to the server",
                "shutting down",
            ]
            .iter()
            .any(|sign| text.contains(sign))
        }
        _ => false,
    }
}

/// Makes connections for the pool.
pub(crate) struct Manager(pub(crate) Target);

impl r2d2::ManageConnection for Manager {
    type Connection = Conn;
    type Error = ConnectionError;

    fn connect(&self) -> Result<Conn, ConnectionError> {
        Conn::open(&self.0)
    }

    fn is_valid(&self, conn: &mut Conn) -> Result<(), ConnectionError> {
        conn.batch("SELECT 1").map_err(ConnectionError::CouldntSetupConfiguration)
    }

    /// A connection that comes back while its thread panics may stand in the middle of a transaction.
    fn has_broken(&self, conn: &mut Conn) -> bool {
        conn.is_broken() || std::thread::panicking()
    }
}
