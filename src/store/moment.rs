//! The time of a write, and up to which time all writes are seen. <https://hl7.org/fhir/R4/http.html#history>
//!
//! Each write takes a time that is later than that of any before it, in microseconds, whatever the clocks of several
//! servers say. On SQLite one write follows another, so that versions come to be seen in the order of their times. On
//! PostgreSQL writes run side by side and a later time may be seen first. There a write says that it is under way
//! before it takes its time, by a lock that everyone sees at once. Who reads the newest time, and then which writes are
//! under way, knows up to which time nothing can be missing: what says so later takes a later time.

use std::time::Duration;
use std::time::Instant;

use diesel::result::QueryResult;
use diesel::sql_types::BigInt;

use crate::fhir::Failure;
use crate::fhir::datetime::Micros;
use crate::search::sql::Sql;
use crate::store::Db;
use crate::store::connection::Conn;
use crate::store::lent;

/// How long a reader waits for writes that are under way, before it leaves out what is as new as they are.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long between two looks at them; few writes take longer.
const PAUSE: Duration = Duration::from_millis(3);
/// A clock that is further behind the newest write than this is wrong, or another one is.
const TOLERANCE: Micros = 60_000_000;

/// What a write begins with.
pub(crate) struct Begun {
    /// Its time.
    pub(crate) at: Micros,
    /// The number of the set of search parameters (see `parameter_set`) after the write showed itself under way: who
    /// changes them and then waits for the writes under way knows that all others go by the new set.
    pub(crate) parameters: i64,
}

/// Takes the time of the running write: not before `now`, and later than that of every other write.
pub(crate) fn take(conn: &mut Conn, now: Micros, later_than: Option<Micros>) -> QueryResult<Begun> {
    // The versions of one resource differ by what is shown of their times, which is milliseconds.
    let least = later_than.map_or(now, |before| now.max(before + 1_000));
    let query = if conn.is_sqlite() {
        "UPDATE moment SET at = max(at + 1, ?) RETURNING at, (SELECT s.number FROM parameter_set s)"
    } else {
        "SELECT moment_take(?), parameter_set_number()"
    };
    let taken = conn.load::<(BigInt, BigInt), (i64, i64)>(Sql::of(query, [least.into()]))?;
    let (taken, parameters) = *taken.first().ok_or(diesel::result::Error::NotFound)?;
    if taken > now + TOLERANCE {
        log::warn!("this server's clock is behind the newest write by {} s", (taken - now) / 1_000_000);
    }
    Ok(Begun { at: taken, parameters })
}

/// Waits until every write has ended that is under way now.
pub(crate) fn all_ended(db: &Db) -> Result<(), Failure> {
    if db.is_embedded() {
        return Ok(());
    }
    let last = db.read(|conn| Ok(number(conn, Sql::of("SELECT moment_last()", []))?))?;
    while db.read(|conn| Ok(number(conn, under_way(last))?))? != NONE {
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// The time up to which every write is seen by a statement that begins after this; none where all that is seen at all
/// is seen in its order. Waits a little for writes that are under way.
pub(crate) fn settled(db: &Db) -> Result<Option<Micros>, Failure> {
    if db.is_embedded() {
        return Ok(None);
    }
    // That a write is under way or has ended is seen at once, also by who looks at the state before it.
    if let Some(look) = lent::looking() {
        return Ok(look.settled);
    }
    let last = db.read(|conn| Ok(number(conn, Sql::of("SELECT moment_last()", []))?))?;
    let began = Instant::now();
    loop {
        let first = db.read(|conn| Ok(number(conn, under_way(last))?))?;
        if first == NONE {
            return Ok(Some(last));
        }
        if began.elapsed() > PATIENCE {
            return Ok(Some(first - 1));
        }
        std::thread::sleep(PAUSE);
    }
}

/// The same without waiting.
pub(crate) fn settled_now(db: &Db) -> Result<Option<Micros>, Failure> {
    if db.is_embedded() {
        return Ok(None);
    }
    let last = db.read(|conn| Ok(number(conn, Sql::of("SELECT moment_last()", []))?))?;
    let first = db.read(|conn| Ok(number(conn, under_way(last))?))?;
    Ok(Some(if first == NONE { last } else { first - 1 }))
}

/// Stands for no write under way.
const NONE: i64 = -1;

/// The lower bound of the times of all writes under way that may have a time up to this one. Who reads within a write
/// sees that one, and does not wait for it.
fn under_way(last: Micros) -> Sql {
    Sql::of(
        "SELECT coalesce(min(w.bound), -1) FROM (SELECT (l.classid::bigint << 32 | l.objid::bigint) & \
         4503599627370495 AS bound FROM pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 1 \
         AND l.classid::bigint >> 20 = 1021 AND l.pid <> pg_backend_pid() AND l.database = (SELECT d.oid FROM pg_database d \
         WHERE d.datname = current_database())) w WHERE w.bound <= ?",
        [last.into()],
    )
}

fn number(conn: &mut Conn, query: Sql) -> QueryResult<i64> {
    let row = conn.load::<(BigInt,), (i64,)>(query)?;
    row.first().map(|row| row.0).ok_or(diesel::result::Error::NotFound)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::mpsc;

    use super::*;
    use crate::store::fresh::on_each;
    use crate::store::fresh::on_postgres;

    #[test]
    fn each_write_takes_a_later_time_whatever_its_clock_says() {
        on_each(|url| {
            let (one, other) = (Db::open(url, 8).unwrap(), Db::open(url, 8).unwrap());
            let at = |db: &Db, now, before| db.write(move |conn| Ok(take(conn, now, before)?.at)).unwrap();
            assert_eq!(at(&one, 5_000_000, None), 5_000_000);
            assert_eq!(at(&other, 4_000_000, None), 5_000_001, "a clock that is behind");
            assert_eq!(at(&one, 5_000_000, Some(5_000_001)), 5_001_001, "the next version");
            let all: BTreeSet<i64> = std::thread::scope(|scope| {
                let many = |db: Db| move || (0..25).map(|_| at(&db, 0, None)).collect::<Vec<_>>();
                let threads: Vec<_> =
                    (0..4).flat_map(|_| [&one, &other]).map(|db| scope.spawn(many(db.clone()))).collect();
                threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(all.into_iter().collect::<Vec<_>>(), (5_001_002..5_001_202).collect::<Vec<_>>());
        });
    }

    #[test]
    fn what_is_as_new_as_a_write_under_way_is_not_settled() {
        on_postgres(|url| {
            let db = Db::open(url, 8).unwrap();
            let at = |now| db.write(move |conn| Ok(take(conn, now, None)?.at)).unwrap();
            at(1_000_000);
            assert_eq!(settled(&db).unwrap(), Some(1_000_000));
            let ((ready, is_ready), (release, released)) = (mpsc::channel(), mpsc::channel::<()>());
            let held = db.clone();
            let writer = std::thread::spawn(move || {
                held.write(move |conn| {
                    let taken = take(conn, 2_000_000, None)?.at;
                    ready.send(taken).unwrap();
                    released.recv().ok();
                    Ok(())
                })
            });
            assert_eq!(is_ready.recv().unwrap(), 2_000_000);
            at(3_000_000);
            assert_eq!(settled(&db).unwrap(), Some(1_000_000), "nothing after the one before it");
            release.send(()).unwrap();
            writer.join().unwrap().unwrap();
            assert_eq!(settled(&db).unwrap(), Some(3_000_000));
        });
    }
}
