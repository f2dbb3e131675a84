//! When a statement of SQLite is broken off. <https://www.sqlite.org/c3ref/interrupt.html>
//!
//! PostgreSQL ends a statement itself (`statement_timeout`). SQLite would do so by a progress handler or an interrupt
//! from another thread, but the client library offers neither, nor its handle, and `unsafe` is forbidden here. What it
//! does offer is a function of our own in SQL, and one that fails ends its statement. So searches ask for the time
//! wherever their rows may be many (see `Sql::in_time`), about once in 64 rows: a walk of a whole type takes 7 % longer
//! for it, a search that finds its few rows by an index no longer, and no plan is another. It is not asked between the
//! rows of one resource or of a page, of which there are few, nor while what was found is sorted, nor in the short
//! statements that find things by their number.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use diesel::result::QueryResult;
use diesel::serialize::IsNull;
use diesel::serialize::Output;
use diesel::serialize::Result;
use diesel::serialize::ToSql;
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;
use diesel::sqlite::SqliteConnection;

/// How long a statement may take, on either database, where nothing else is said.
pub(crate) const LONGEST: Duration = Duration::from_secs(60);
/// By how much less time a statement may seem to have had when a server broke it off: it counts whole milliseconds.
const ABOUT: Duration = Duration::from_millis(20);

/// By which it is known that a statement was broken off.
pub(super) const WORDS: &str = "the statement went on for too long";

diesel::define_sql_function! {
    /// One, or the end of the statement.
    fn in_time() -> BigInt;
}

/// The time of one connection's statements.
#[derive(Debug)]
pub(super) struct Deadline {
    shared: Arc<Shared>,
    /// How long each may take.
    pub(super) longest: Duration,
    /// Until when all of them together may go on.
    pub(super) until: Option<Instant>,
    /// When the statement in hand began, and how long it may take.
    own: (Instant, Duration),
}

#[derive(Debug)]
struct Shared {
    /// From when on the other is counted.
    began: Instant,
    /// When the statement in hand has taken too long, in microseconds.
    late: AtomicU64,
}

impl Deadline {
    /// One that no statement has met.
    pub(super) fn new() -> Self {
        let shared = Shared { began: Instant::now(), late: AtomicU64::new(u64::MAX) };
        Self { shared: Arc::new(shared), longest: LONGEST, until: None, own: (Instant::now(), LONGEST) }
    }

    /// Teaches a connection the function that ends statements.
    pub(super) fn watch(&self, link: &SqliteConnection) -> QueryResult<()> {
        let shared = Arc::clone(&self.shared);
        in_time_utils::register_nondeterministic_impl(link, move || InTime(shared.is_late()))
    }

    /// A statement begins.
    pub(super) fn begin(&mut self) {
        let now = Instant::now();
        let left = self.until.map_or(self.longest, |until| until.saturating_duration_since(now));
        let most = left.min(self.longest);
        self.own = (now, most);
        let late = now + most;
        self.shared.late.store(micros(late.duration_since(self.shared.began)), Ordering::Relaxed);
    }

    /// How long the statement in hand has taken, where that is as long as it may. So it is known that a server broke it
    /// off, in whichever language it says so.
    pub(super) fn spent(&self) -> Option<Duration> {
        let (began, most) = self.own;
        let spent = began.elapsed();
        (spent + ABOUT >= most).then_some(spent)
    }
}

impl Shared {
    fn is_late(&self) -> bool {
        micros(self.began.elapsed()) > self.late.load(Ordering::Relaxed)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// What the function gives: whether it is late.
#[derive(Debug)]
struct InTime(bool);

impl ToSql<BigInt, Sqlite> for InTime {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> Result {
        if self.0 {
            return Err(WORDS.into());
        }
        out.set_value(1_i64);
        Ok(IsNull::No)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::Failure;
    use crate::search::sql::Sql;
    use crate::store::Conn;
    use crate::store::Db;
    use crate::store::Fault;
    use crate::store::fresh::on_each;
    use crate::store::fresh::on_postgres;
    use crate::store::lent::lend;
    use crate::store::matches::count;
    use crate::store::target::Target;

    /// Counts pairs of many rows: minutes of work, of which nothing is left out because it is empty.
    fn long(conn: &mut Conn) -> std::result::Result<i64, Fault> {
        let rows = "WITH RECURSIVE n(rid) AS (SELECT 1 UNION ALL SELECT rid + 1 FROM n WHERE rid < 200000) ";
        let sql = Sql::of(rows, []).push("SELECT count(*) FROM n a CROSS JOIN n b WHERE ", []);
        let pairs = sql.in_time("b").push("a.rid <> b.rid AND b.rid % 7 = 3", []);
        Ok(count(conn, pairs)?)
    }

    fn refused(result: std::result::Result<i64, Failure>) -> (u16, &'static str) {
        let failure = result.unwrap_err();
        (failure.status(), failure.issues[0].code)
    }

    #[test]
    fn a_long_statement_is_broken_off_and_the_next_is_not() {
        on_each(|url| {
            let db = Db::open(url, 1).unwrap();
            let began = Instant::now();
            let done = db.snapshot(|conn| {
                conn.hurry(Some(Instant::now() + Duration::from_millis(200)))?;
                let done = long(conn);
                conn.hurry(None).ok();
                done
            });
            assert_eq!(refused(done), (503, "timeout"));
            assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
            let one = |conn: &mut Conn| Ok(count(conn, Sql::of("SELECT count(*) FROM secret", []))?);
            assert_eq!(db.snapshot(one), Ok(0));
        });
    }

    #[test]
    fn a_long_statement_among_the_reads_of_a_write_ends_the_whole_in_its_time() {
        on_each(|url| {
            let db = Db::open(url, 2).unwrap();
            let reader = db.clone();
            let began = Instant::now();
            let fault =
                db.write(move |conn| lend(conn, Duration::from_millis(300), || reader.snapshot(long)));
            assert_eq!(refused(fault.map_err(Fault::into_failure)), (413, "too-costly"));
            assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        });
    }

    /// Fails after a while in the words of a server that speaks German.
    /// Outside of a transaction the server itself has another limit.
    fn in_german(conn: &mut Conn, limit: Duration, code: &str) -> (u16, &'static str) {
        let text = format!(
            "DO $$ BEGIN PERFORM pg_sleep(0.2); RAISE EXCEPTION USING MESSAGE = 'storniere Anfrage', ERRCODE = '{code}'; END $$"
        );
        conn.hurry(Some(Instant::now() + limit)).unwrap();
        let fault: Fault = conn.batch(&text).unwrap_err().into();
        let failure = fault.into_failure();
        (failure.status(), failure.issues[0].code)
    }

    #[test]
    fn what_a_server_says_in_another_language_is_told_by_the_time() {
        on_postgres(|url| {
            Db::migrate(url).unwrap();
            let mut conn = Conn::open(&Target::parse(url).unwrap()).unwrap();
            let short = Duration::from_millis(150);
            assert_eq!(in_german(&mut conn, short, "57014").0, 500, "it speaks English");
            conn.is_plain = false;
            assert_eq!(in_german(&mut conn, short, "57014"), (503, "timeout"));
            assert_eq!(in_german(&mut conn, Duration::from_secs(50), "53200"), (503, "transient"));
            assert_eq!(count(&mut conn, Sql::of("SELECT count(*) FROM secret", [])), Ok(0));
        });
    }
}
