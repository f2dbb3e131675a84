//! One connection to either database.

use std::collections::HashSet;
use std::time::Duration;
use std::time::Instant;

use diesel::Connection;
use diesel::ConnectionError;
use diesel::connection::SimpleConnection;
use diesel::deserialize::QueryableByName;
use diesel::pg::Pg;
use diesel::pg::PgConnection;
use diesel::query_dsl::methods::ExecuteDsl;
use diesel::query_dsl::methods::LoadQuery;
use diesel::result::QueryResult;
use diesel::sql_types::Text;
use diesel::sql_types::Untyped;
use diesel::sqlite::Sqlite;
use diesel::sqlite::SqliteConnection;

use crate::search::sql::Rows;
use crate::search::sql::Sql;
use crate::store::deadline::Deadline;
use crate::store::fault::in_known_words;
use crate::store::fault::is_locked;
use crate::store::fault::is_lost;
use crate::store::fault::is_nameless;
use crate::store::plans::Plans;
use crate::store::plans::Session;
use crate::store::target::Target;

/// The database's own client.
enum Link {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// How many different statements a connection keeps prepared before another takes its place: the client library
/// forgets none, and the shapes of searches are as many as there are ways to combine parameters.
const MOST_STATEMENTS: usize = 1_000;

/// A connection that remembers whether it is broken, and how many different statements it has seen.
pub struct Conn {
    /// None where it is lent, so that whoever has only its place is refused.
    link: Option<Link>,
    broken: bool,
    /// Whether the server's messages are English, by which a few kinds of error are told apart.
    pub(super) is_plain: bool,
    statements: HashSet<u64>,
    /// When SQLite's statements are broken off.
    deadline: Deadline,
    /// How PostgreSQL plans.
    pub(super) session: Session,
}

/// Settings of each SQLite connection. `synchronous=FULL`: what was answered survives a loss of power. The file is not
/// mapped into memory: each connection would map all of it, and reads of what its pages hold take no longer so.
const SQLITE_SETTINGS: &str = "\
    PRAGMA busy_timeout=30000; PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; \
    PRAGMA foreign_keys=ON; PRAGMA mmap_size=0; PRAGMA cache_size=-4096; PRAGMA temp_store=MEMORY; \
    PRAGMA wal_autocheckpoint=4000; PRAGMA journal_size_limit=268435456;";

/// Settings of each PostgreSQL session; which plans it uses changes with what is asked, see [`plans`](super::plans).
const POSTGRES_SETTINGS: &str = "\
    SET timezone='UTC'; SET application_name='comfrey'; SET statement_timeout='60s'; \
    SET idle_in_transaction_session_timeout='60s'; SET plan_cache_mode='force_generic_plan'; SET jit='off'; \
    SET client_min_messages='warning'; SET bytea_output='hex';";

/// Asks the server for English messages. The client library shows no SQLSTATE, so that a few kinds of error, such as
/// a deadlock, are known by their words alone. Not every role may ask for it; then nothing is changed, nothing is
/// logged by the server, and [`Conn::is_plain`] says what the words are worth.
const ENGLISH: &str = "DO 'BEGIN PERFORM set_config(''lc_messages'', ''C'', false); \
                       EXCEPTION WHEN insufficient_privilege THEN NULL; END'";

/// What a connection that only reads adds: nothing can be changed, and all statements see the same state.
const SQLITE_READING: &str =
    "PRAGMA busy_timeout=30000; PRAGMA mmap_size=1073741824; PRAGMA query_only=ON; BEGIN";
const POSTGRES_READING: &str = "SET statement_timeout=0; SET idle_in_transaction_session_timeout=0; \
                                BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

impl Conn {
    /// Connects and sets the session up.
    pub(crate) fn open(target: &Target) -> Result<Self, ConnectionError> {
        target.keep_private();
        Self::set_up(target, SQLITE_SETTINGS, "")
    }

    /// Connects to what is there, to read one state of it.
    pub(crate) fn open_to_read(target: &Target) -> Result<Self, ConnectionError> {
        Self::set_up(target, SQLITE_READING, POSTGRES_READING)
    }

    /// What stands in the place of a connection that is lent: it refuses all that it is asked for.
    pub(crate) fn lent() -> Self {
        Self::of(None)
    }

    fn of(link: Option<Link>) -> Self {
        let (statements, deadline, session) = (HashSet::new(), Deadline::new(), Session::new());
        Self { link, broken: false, is_plain: true, statements, deadline, session }
    }

    /// Two that open a new file at once both set its journal, and one of them SQLite refuses without waiting.
    fn batch_when_free(&mut self, text: &str) -> QueryResult<()> {
        let mut tries = 250;
        loop {
            match self.batch(text) {
                Err(error) if tries > 0 && is_locked(&error) => tries -= 1,
                done => return done,
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn set_up(target: &Target, sqlite: &str, postgres: &str) -> Result<Self, ConnectionError> {
        let link = match target {
            Target::Sqlite(path) => Link::Sqlite(SqliteConnection::establish(path)?),
            Target::Postgres(url) => Link::Postgres(PgConnection::establish(url)?),
        };
        let mut conn = Self::of(Some(link));
        let failed = ConnectionError::CouldntSetupConfiguration;
        if let Some(Link::Sqlite(link)) = &conn.link {
            conn.deadline.watch(link).map_err(failed)?;
        }
        if conn.is_sqlite() {
            return conn.batch_when_free(sqlite).map_err(failed).map(|()| conn);
        }
        conn.batch(POSTGRES_SETTINGS).map_err(failed)?;
        conn.batch(ENGLISH).map_err(failed)?;
        let language = Sql::of("SELECT current_setting('lc_messages')", []);
        let language = conn.load::<(Text,), (String,)>(language).map_err(failed)?;
        conn.is_plain = language.first().is_none_or(|(name,)| is_english(name));
        if !postgres.is_empty() {
            conn.batch(postgres).map_err(failed)?;
        }
        Ok(conn)
    }

    /// Whether the database's messages are in English, so that their words tell kinds of errors apart.
    pub(crate) fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Whether it holds so many prepared statements that another should take its place.
    pub(crate) fn is_worn(&self) -> bool {
        self.statements.len() > MOST_STATEMENTS
    }

    /// Whether this is SQLite.
    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self.link, Some(Link::Sqlite(_)))
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
        self.begin(&sql);
        let query = sql.rows::<ST>();
        let result = match self.link() {
            Ok(Link::Sqlite(link)) => query.internal_load(link).and_then(Iterator::collect),
            Ok(Link::Postgres(link)) => query.internal_load(link).and_then(Iterator::collect),
            Err(lent) => Err(lent),
        };
        self.note(result)
    }

    /// The rows of a query whose number of columns only the query knows.
    pub(crate) fn load_rows<T>(&mut self, sql: Sql) -> QueryResult<Vec<T>>
    where
        T: QueryableByName<Sqlite> + QueryableByName<Pg> + 'static,
    {
        self.begin(&sql);
        let query = sql.rows::<Untyped>();
        let result = match self.link() {
            Ok(Link::Sqlite(link)) => {
                LoadQuery::<SqliteConnection, T>::internal_load(query, link).and_then(Iterator::collect)
            }
            Ok(Link::Postgres(link)) => {
                LoadQuery::<PgConnection, T>::internal_load(query, link).and_then(Iterator::collect)
            }
            Err(lent) => Err(lent),
        };
        self.note(result)
    }

    /// Carries out a statement; the number of rows that it touched.
    pub(crate) fn execute(&mut self, sql: Sql) -> QueryResult<usize> {
        self.begin(&sql);
        let result = match self.link() {
            Ok(Link::Sqlite(link)) => ExecuteDsl::execute(sql, link),
            Ok(Link::Postgres(link)) => ExecuteDsl::execute(sql, link),
            Err(lent) => Err(lent),
        };
        self.note(result)
    }

    /// Carries out fixed text, such as `BEGIN`.
    pub(crate) fn batch(&mut self, text: &str) -> QueryResult<()> {
        self.deadline.begin();
        self.session.heard(text);
        let result = match self.link() {
            Ok(Link::Sqlite(link)) => link.batch_execute(text),
            Ok(Link::Postgres(link)) => link.batch_execute(text),
            Err(lent) => Err(lent),
        };
        if result.is_err() {
            self.session.failed();
        }
        self.note(result)
    }

    /// Works with the database's own client.
    ///
    /// # Errors
    /// Only where the connection is lent.
    pub(crate) fn with_link<T>(
        &mut self,
        sqlite: impl FnOnce(&mut SqliteConnection) -> T,
        postgres: impl FnOnce(&mut PgConnection) -> T,
    ) -> QueryResult<T> {
        match self.link()? {
            Link::Sqlite(link) => Ok(sqlite(link)),
            Link::Postgres(link) => Ok(postgres(link)),
        }
    }

    fn link(&mut self) -> QueryResult<&mut Link> {
        self.link.as_mut().ok_or(diesel::result::Error::BrokenTransactionManager)
    }

    /// From now on all statements together may go on until then, on PostgreSQL each for so long, and only in the
    /// transaction in hand; or each for as long as any.
    pub(crate) fn hurry(&mut self, until: Option<Instant>) -> QueryResult<()> {
        if let Some(until) = until.filter(|_| !self.is_sqlite()) {
            let left = until.saturating_duration_since(Instant::now()).as_millis().max(1);
            self.batch(&format!("SET LOCAL statement_timeout={left}"))?;
        }
        // Only now: where the server has refused it, the connection goes back to others without it.
        self.deadline.until = until;
        Ok(())
    }

    fn begin(&mut self, sql: &Sql) {
        let kept = sql.prepared(self.is_sqlite());
        self.plan(if kept.is_some() { Plans::Kept } else { Plans::Own });
        self.statements.extend(kept);
        self.deadline.begin();
    }

    fn note<T>(&mut self, result: QueryResult<T>) -> QueryResult<T> {
        let Err(error) = result else { return result };
        let spent = self.deadline.spent();
        self.broken |= is_lost(&error) || (is_nameless(&error) && !self.answers());
        Err(in_known_words(error, self.is_plain || self.broken, spent))
    }

    /// How long each of its statements may take from now on.
    pub(crate) fn limit(&mut self, longest: Duration) -> QueryResult<()> {
        if longest == self.deadline.longest {
            return Ok(());
        }
        self.deadline.longest = longest;
        if self.is_sqlite() {
            return Ok(());
        }
        self.batch(&format!("SET statement_timeout={}", longest.as_millis()))
    }

    /// Whether the server still answers after an error that says nothing in words known here. Such an error ends the
    /// transaction, so that giving it up takes nothing away.
    fn answers(&mut self) -> bool {
        self.session.heard("ROLLBACK");
        match self.link() {
            Ok(Link::Sqlite(_)) => true,
            Ok(Link::Postgres(link)) => link.batch_execute("ROLLBACK").is_ok(),
            Err(_) => false,
        }
    }
}

/// Whether messages of this locale are in English.
fn is_english(locale: &str) -> bool {
    locale.is_empty()
        || ["C", "POSIX", "en"].iter().any(|plain| {
            locale.strip_prefix(plain).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '_']))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_the_database_has_not_taken_is_not_kept() {
        let mut conn = Conn::lent();
        assert!(conn.hurry(Some(Instant::now())).is_err(), "it has nobody to tell");
        assert_eq!(conn.deadline.until, None);
    }
}
