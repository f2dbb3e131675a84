//! The rows of requests that are carried out after they were taken on. <https://hl7.org/fhir/R4/async.html>
//!
//! Who has a job in hand holds it for a while and says again and again that it goes on; all that the holder writes names
//! the holder, so that one who was taken for dead changes nothing any more. On PostgreSQL several processes take jobs at
//! the same time, and each passes over what another is taking. All that is asked walks `job_open`, `job_open_of` or
//! `job_expires`, or is about one key.

use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::sql_types::Binary;
use diesel::sql_types::Text;

use crate::fhir::datetime::Micros;
use crate::search::sql::Sql;
use crate::store::connection::Conn;

/// The part that says what was asked.
const ASKED: i64 = 0;
/// The part that says what came of it.
const RESULT: i64 = 1;

/// What names a job to those who asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JobKey {
    /// Its id.
    pub(crate) id: String,
    /// A digest of person and app.
    pub(crate) owner: String,
    /// A digest of what they may do.
    pub(crate) rights: String,
}

/// Who has a job in hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hold {
    /// The job.
    pub(crate) id: String,
    /// A name that no one else has.
    pub(crate) holder: String,
}

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JobState {
    /// Nobody has begun.
    Waits,
    /// So much of so much is done; of nothing where that is not known.
    Runs(i64, i64),
    /// What came of it.
    Done(Vec<u8>),
}

/// Adds a job with what it asks for.
pub(crate) fn insert(
    conn: &mut Conn,
    key: &JobKey,
    asked: Vec<u8>,
    (at, expires): (Micros, Micros),
) -> QueryResult<()> {
    conn.execute(Sql::of(
        "INSERT INTO job (id, owner, rights, at, state, holder, until, tries, done, total, expires) \
         VALUES (?, ?, ?, ?, 0, '', 0, 0, 0, 0, ?)",
        [
            key.id.as_str().into(),
            key.owner.as_str().into(),
            key.rights.as_str().into(),
            at.into(),
            expires.into(),
        ],
    ))?;
    put_part(conn, &key.id, ASKED, asked)
}

/// How many jobs of these people are not done.
pub(crate) fn open_of(conn: &mut Conn, owner: &str, now: Micros) -> QueryResult<i64> {
    let query = Sql::of(
        "SELECT COUNT(*) FROM job WHERE owner = ? AND state < 2 AND expires > ?",
        [owner.into(), now.into()],
    );
    Ok(conn.load::<(BigInt,), (i64,)>(query)?.pop().map_or(0, |row| row.0))
}

/// When a job was asked for, and how far it is.
pub(crate) fn find(conn: &mut Conn, key: &JobKey, now: Micros) -> QueryResult<Option<(Micros, JobState)>> {
    let query = Sql::of("SELECT at, state, done, total FROM job WHERE ", []).append(is_of(key, now));
    let row = conn.load::<(BigInt, BigInt, BigInt, BigInt), (i64, i64, i64, i64)>(query)?.pop();
    let Some((at, state, done, total)) = row else { return Ok(None) };
    let state = match state {
        0 => JobState::Waits,
        1 => JobState::Runs(done, total),
        // Taken away since the first statement: then it is as if it had never been.
        _ => match part(conn, &key.id, RESULT)? {
            Some(result) => JobState::Done(result),
            None => return Ok(None),
        },
    };
    Ok(Some((at, state)))
}

/// Takes a job away, whatever its state; whether there was one.
pub(crate) fn remove(conn: &mut Conn, key: &JobKey, now: Micros) -> QueryResult<bool> {
    let removed = conn.execute(Sql::of("DELETE FROM job WHERE ", []).append(is_of(key, now)))?;
    if removed == 1 {
        drop_parts(conn, &key.id)?;
    }
    Ok(removed == 1)
}

fn is_of(key: &JobKey, now: Micros) -> Sql {
    Sql::of(
        "id = ? AND owner = ? AND rights = ? AND expires > ?",
        [key.id.as_str().into(), key.owner.as_str().into(), key.rights.as_str().into(), now.into()],
    )
}

/// Whether there is anything to take, to give up or to forget.
pub(crate) fn is_anything_due(conn: &mut Conn, now: Micros) -> QueryResult<bool> {
    let query = Sql::of(
        "SELECT CAST(CASE WHEN EXISTS (SELECT 1 FROM job WHERE state < 2 AND until < ?) \
         OR EXISTS (SELECT 1 FROM job WHERE expires <= ?) THEN 1 ELSE 0 END AS BIGINT)",
        [now.into(), now.into()],
    );
    Ok(conn.load::<(BigInt,), (i64,)>(query)? == [(1,)])
}

/// A job that was taken: its id, when it was asked for, how often it was taken with this time, and what it asks for.
pub(crate) type Taken = (String, Micros, i64, Vec<u8>);

/// Takes the job that has waited longest, or whose holder gave no sign in time, for this holder until then.
pub(crate) fn take(
    conn: &mut Conn,
    (holder, until): (&str, Micros),
    now: Micros,
) -> QueryResult<Option<Taken>> {
    let passing_over = if conn.is_sqlite() { "" } else { " FOR UPDATE SKIP LOCKED" };
    let take = Sql::of(
        "UPDATE job SET state = 1, holder = ?, until = ?, tries = tries + 1 WHERE id = (SELECT id FROM job \
         WHERE state < 2 AND until < ? AND expires > ? ORDER BY at, id LIMIT 1",
        [holder.into(), until.into(), now.into(), now.into()],
    );
    let take = take.push(passing_over, []).push(") RETURNING id, at, tries", []);
    let Some((id, at, tries)) = conn.load::<(Text, BigInt, BigInt), (String, i64, i64)>(take)?.pop() else {
        return Ok(None);
    };
    let asked = part(conn, &id, ASKED)?.unwrap_or_default();
    Ok(Some((id, at, tries, asked)))
}

/// Says that the work goes on and how far it is; false where the job is not this holder's any more.
pub(crate) fn go_on(
    conn: &mut Conn,
    hold: &Hold,
    until: Micros,
    (done, total): (i64, i64),
) -> QueryResult<bool> {
    let update = Sql::of(
        "UPDATE job SET until = ?, done = ?, total = ? WHERE ",
        [until.into(), done.into(), total.into()],
    );
    Ok(conn.execute(update.append(is_held(hold)))? == 1)
}

/// Keeps a job in these hands until the transaction ends; false where it is not in them any more.
pub(crate) fn keep_hold(conn: &mut Conn, hold: &Hold) -> QueryResult<bool> {
    let update = Sql::of("UPDATE job SET until = until WHERE ", []);
    Ok(conn.execute(update.append(is_held(hold)))? == 1)
}

/// Puts a job back as it was before it was taken; with `tries` less one where nothing went wrong.
pub(crate) fn put_back(conn: &mut Conn, hold: &Hold, tries: i64) -> QueryResult<()> {
    let update = Sql::of(
        "UPDATE job SET state = 0, holder = '', until = 0, tries = ?, done = 0, total = 0 WHERE ",
        [tries.into()],
    );
    conn.execute(update.append(is_held(hold))).map(|_| ())
}

/// Keeps what came of a job in the place of what was asked; false where it is not this holder's any more.
pub(crate) fn finish(conn: &mut Conn, hold: &Hold, result: Vec<u8>, expires: Micros) -> QueryResult<bool> {
    let update = Sql::of("UPDATE job SET state = 2, holder = '', expires = ? WHERE ", [expires.into()]);
    let is_done = conn.execute(update.append(is_held(hold)))? == 1;
    if is_done {
        drop_parts(conn, &hold.id)?;
        put_part(conn, &hold.id, RESULT, result)?;
    }
    Ok(is_done)
}

fn is_held(hold: &Hold) -> Sql {
    Sql::of("id = ? AND state = 1 AND holder = ?", [hold.id.as_str().into(), hold.holder.as_str().into()])
}

/// Takes away what has expired.
pub(crate) fn forget(conn: &mut Conn, now: Micros) -> QueryResult<()> {
    let expired = Sql::of("DELETE FROM job WHERE expires <= ? RETURNING id", [now.into()]);
    for (id,) in conn.load::<(Text,), (String,)>(expired)? {
        drop_parts(conn, &id)?;
    }
    Ok(())
}

fn part(conn: &mut Conn, job: &str, part: i64) -> QueryResult<Option<Vec<u8>>> {
    let query = Sql::of("SELECT content FROM job_part WHERE job = ? AND part = ?", [job.into(), part.into()]);
    Ok(conn.load::<(Binary,), (Vec<u8>,)>(query)?.pop().map(|row| row.0))
}

fn put_part(conn: &mut Conn, job: &str, part: i64, content: Vec<u8>) -> QueryResult<()> {
    conn.execute(Sql::of(
        "INSERT INTO job_part (job, part, content) VALUES (?, ?, ?)",
        [job.into(), part.into(), content.into()],
    ))
    .map(|_| ())
}

fn drop_parts(conn: &mut Conn, job: &str) -> QueryResult<()> {
    conn.execute(Sql::of("DELETE FROM job_part WHERE job = ?", [job.into()])).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Db;
    use crate::store::fresh::on_each;

    fn key(id: &str) -> JobKey {
        JobKey { id: id.into(), owner: "one".into(), rights: "all".into() }
    }

    fn hold(id: &str, holder: &str) -> Hold {
        Hold { id: id.into(), holder: holder.into() }
    }

    fn parts(conn: &mut Conn) -> i64 {
        let query = Sql::of("SELECT COUNT(*) FROM job_part", []);
        conn.load::<(BigInt,), (i64,)>(query).unwrap()[0].0
    }

    #[test]
    fn what_is_taken_away_or_has_expired_leaves_nothing_of_what_was_asked_or_answered() {
        on_each(|url| {
            let db = Db::open(url, 2).unwrap();
            db.write(|conn| {
                for (id, at) in [("a", 1), ("b", 2), ("c", 3)] {
                    insert(conn, &key(id), b"asked".to_vec(), (at, at + 100))?;
                }
                assert_eq!((open_of(conn, "one", 10)?, open_of(conn, "two", 10)?), (3, 0));
                assert_eq!(take(conn, ("x", 20), 10)?, Some(("a".into(), 1, 1, b"asked".to_vec())));
                assert!(!finish(conn, &hold("a", "y"), b"no".to_vec(), 200)?, "another's hands");
                assert!(finish(conn, &hold("a", "x"), b"done".to_vec(), 200)?);
                assert_eq!(find(conn, &key("a"), 10)?, Some((1, JobState::Done(b"done".to_vec()))));
                let others = JobKey { rights: "few".into(), ..key("a") };
                assert_eq!(find(conn, &others, 10)?, None);
                assert!(!remove(conn, &others, 10)? && remove(conn, &key("b"), 10)?);
                assert_eq!((parts(conn), open_of(conn, "one", 10)?), (2, 1));
                forget(conn, 103)?;
                assert_eq!((find(conn, &key("c"), 10)?, parts(conn)), (None, 1));
                forget(conn, 200)?;
                assert_eq!(parts(conn), 0);
                Ok(())
            })
            .unwrap();
        });
    }

    #[test]
    fn the_longest_waiting_comes_first_and_what_is_held_comes_again_only_after_its_time() {
        on_each(|url| {
            let db = Db::open(url, 2).unwrap();
            db.write(|conn| {
                for (id, at) in [("late", 5), ("early", 4)] {
                    insert(conn, &key(id), Vec::new(), (at, 1_000))?;
                }
                let id = |taken: Option<Taken>| taken.map(|(id, _, tries, _)| (id, tries));
                assert_eq!(id(take(conn, ("x", 20), 10)?), Some(("early".into(), 1)));
                assert!(go_on(conn, &hold("early", "x"), 40, (3, 9))?);
                assert_eq!(find(conn, &key("early"), 10)?, Some((4, JobState::Runs(3, 9))));
                assert_eq!(id(take(conn, ("y", 50), 30)?), Some(("late".into(), 1)));
                assert_eq!(id(take(conn, ("z", 50), 40)?), None);
                assert!(!is_anything_due(conn, 40)? && is_anything_due(conn, 41)?);
                assert_eq!(id(take(conn, ("z", 60), 41)?), Some(("early".into(), 2)));
                assert!(!go_on(conn, &hold("early", "x"), 99, (4, 9))?, "its first holder has lost it");
                put_back(conn, &hold("early", "x"), 0)?;
                assert_eq!(find(conn, &key("early"), 10)?, Some((4, JobState::Runs(3, 9))));
                put_back(conn, &hold("early", "z"), 1)?;
                assert_eq!(find(conn, &key("early"), 10)?, Some((4, JobState::Waits)));
                Ok(())
            })
            .unwrap();
        });
    }
}
