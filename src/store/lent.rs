//! The connection of a write, lent to what reads in the same transaction. <https://hl7.org/fhir/R4/http.html#trules>
//!
//! Reads take a connection of the pool, which sees nothing of a transaction that is still open. While a write lends its
//! own, all that its thread asks of the database goes there: reads see what was written, and are undone with it. A read
//! may itself keep something (findings that are due); that becomes a part of the transaction, in a savepoint.
//!
//! What is read there may never come to be, so that nothing of it may be kept in memory: see [`is_lent`].
//!
//! On a server each statement sees what others have committed by then, as the statements of the write itself do; that
//! reads see one state is seen to in [`steady`](crate::store::steady).
//!
//! In the same way a connection is lent to what reads several times of one state of the database, where nothing is
//! written: see [`look`]. It holds nobody up, and nothing can be kept with it.
//!
//! While it is read within a write, nobody else writes to an embedded database, and on a server what the write has touched stays
//! locked: so the reads have a time, after which the statement in hand is broken off, each further one is refused, and
//! with it the whole.

use std::cell::Cell;
use std::cell::RefCell;
use std::time::Duration;
use std::time::Instant;

use diesel::result::DatabaseErrorKind;
use diesel::result::Error;

use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::datetime::Micros;
use crate::store::connection::Conn;
use crate::store::fault::Fault;
use crate::store::fault::is_too_long;
use crate::store::fault::unavailable;

thread_local! {
    static LENT: RefCell<Option<Conn>> = const { RefCell::new(None) };
    static STATE: Cell<State> = const { Cell::new(State::Own) };
    static UNTIL: Cell<Option<Instant>> = const { Cell::new(None) };
    static LOOK: Cell<Option<Look>> = const { Cell::new(None) };
}

/// What is read of one state of the database, beside no write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Until when it may go on.
    pub(crate) until: Instant,
    /// The time up to which every write is seen in that state (see [`moment`](crate::store::moment)).
    pub(crate) settled: Option<Micros>,
    /// Whether what would be kept beside it (findings that are due) is left for later, or breaks it off.
    pub(crate) leaves: bool,
}

/// How long what reads within a write may go on.
pub(crate) const LONGEST: Duration = Duration::from_secs(5);

/// How it stands with the connection of this thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// None is lent.
    Own,
    /// One is.
    Lent,
    /// The database has failed on the one that is, so that nobody knows what of the transaction is left.
    Failed {
        /// Whether the same may succeed when it is done again.
        is_passing: bool,
    },
    /// The time for it is over.
    Late,
    /// What reads one state would have kept something.
    Kept,
}

/// Reads with the connection of a write that is not committed yet, for so long. A failure of the database in between is
/// one of the whole, also where what reads has made nothing of it; and so is it to be late.
pub(crate) fn lend<T>(
    conn: &mut Conn,
    longest: Duration,
    read: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Fault> {
    let until = Instant::now().checked_add(longest);
    conn.hurry(until)?;
    let _back = Back::of(conn, until);
    let done = read();
    match STATE.get() {
        State::Failed { is_passing: true } => Err(met_another()),
        // The reader's own refusal says where.
        State::Late => Err(done.err().unwrap_or_else(late).into()),
        State::Failed { is_passing: false } => Err(done.err().unwrap_or_else(failed).into()),
        State::Own | State::Lent | State::Kept => Ok(done?),
    }
}

/// Reads with a connection that sees one state of the database and changes nothing; none where something would have been
/// kept, and is not to be left. To be late, or a failure of the database, is one of the whole.
pub(crate) fn look<T>(
    conn: &mut Conn,
    look: Look,
    read: impl FnOnce() -> Result<T, Failure>,
) -> Result<Option<T>, Fault> {
    conn.hurry(Some(look.until))?;
    LOOK.set(Some(look));
    let _back = Back::of(conn, Some(look.until));
    let done = read();
    match STATE.get() {
        State::Kept => Ok(None),
        State::Late => Err(done.err().unwrap_or_else(late).into()),
        State::Failed { .. } => Err(done.err().unwrap_or_else(failed).into()),
        State::Own | State::Lent => Ok(Some(done?)),
    }
}

/// What this thread reads of one state, where it does.
pub(crate) fn looking() -> Option<Look> {
    LOOK.get()
}

fn failed() -> Failure {
    unavailable("the database failed within a transaction")
}

/// Whether this thread reads what may never come to be.
pub(crate) fn is_lent() -> bool {
    STATE.get() != State::Own
}

/// Works with the connection that is lent to this thread; none where none is, or it is in use.
pub(crate) fn with<T>(work: &mut impl FnMut(&mut Conn) -> Result<T, Fault>) -> Option<Result<T, Fault>> {
    let mut held = Held(Some(LENT.take()?));
    if UNTIL.get().is_some_and(|until| until <= Instant::now()) {
        STATE.set(State::Late);
        return Some(Err(Fault::Refused(late())));
    }
    let done = work(held.0.as_mut()?);
    match done {
        Err(Fault::Database(error)) if is_too_long(&error) => {
            STATE.set(State::Late);
            Some(Err(Fault::Refused(late())))
        }
        Err(fault @ Fault::Database(_)) => {
            STATE.set(State::Failed { is_passing: fault.is_passing() });
            Some(Err(fault))
        }
        done => Some(done),
    }
}

/// Writes with the connection that is lent, in a savepoint of its own: what fails there is undone, and the transaction
/// goes on.
pub(crate) fn write<T>(work: &mut impl FnMut(&mut Conn) -> Result<T, Fault>) -> Result<T, Fault> {
    let in_use = || Err(Fault::Refused(Failure::internal("a read wrote while it read")));
    if LOOK.get().is_some() {
        STATE.set(State::Kept);
        return Err(Fault::Refused(Fault::Stale.into_failure()));
    }
    let mut within = |conn: &mut Conn| {
        conn.transaction("SAVEPOINT lent")?;
        let done = match work(conn) {
            // Where the transaction itself is gone, as after a deadlock, it is that fault which ends the whole.
            Err(fault) if conn.transaction("ROLLBACK TO SAVEPOINT lent").is_err() => return Err(fault),
            done => done,
        };
        conn.transaction("RELEASE SAVEPOINT lent")?;
        Ok(done)
    };
    with(&mut within).map_or_else(in_use, |ended| ended?)
}

/// The reader has the database's own error, and what it makes of that is for a client: a deadlock with another write is
/// for the write to try again.
fn met_another() -> Fault {
    let words = "a read within a write met another write".to_owned();
    Fault::Database(Error::DatabaseError(DatabaseErrorKind::SerializationFailure, Box::new(words)))
}

fn late() -> Failure {
    let text = match LOOK.get() {
        Some(_) => "The reads of this transaction took longer than one may; ask for some of it in another request, or in \
                    a batch."
            .to_owned(),
        None => format!(
            "The reads of this transaction have taken {} s, for which others who write wait; nothing is written. Ask for \
             some of it in another request.",
            LONGEST.as_secs()
        ),
    };
    Failure::new(Reason::TooLarge, text).code("too-costly")
}

/// Gives the connection back to the write, whatever becomes of what reads.
struct Back<'a>(&'a mut Conn);

impl<'a> Back<'a> {
    /// Lends the connection.
    fn of(conn: &'a mut Conn, until: Option<Instant>) -> Self {
        LENT.set(Some(std::mem::replace(conn, Conn::lent())));
        STATE.set(State::Lent);
        UNTIL.set(until);
        Self(conn)
    }
}

impl Drop for Back<'_> {
    fn drop(&mut self) {
        STATE.set(State::Own);
        LOOK.set(None);
        UNTIL.set(None);
        if let Some(own) = LENT.take() {
            *self.0 = own;
        }
        // For SQLite, which has but to be told; a server's time ends with the transaction.
        self.0.hurry(None).ok();
    }
}

/// Puts the connection back where the next read finds it.
struct Held(Option<Conn>);

impl Drop for Held {
    fn drop(&mut self) {
        LENT.set(self.0.take());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::search::sql::Sql;
    use crate::store::Db;
    use crate::store::fresh::on_each;
    use crate::store::matches;
    use crate::store::tables;

    fn count(db: &Db) -> Result<i64, Failure> {
        db.snapshot(|conn| Ok(matches::count(conn, Sql::of("SELECT count(*) FROM secret", []))?))
    }

    fn secret(db: &Db, name: &'static str) -> Result<Vec<u8>, Failure> {
        db.write(move |conn| Ok(tables::secret(conn, name, vec![1])?)).map_err(Fault::into_failure)
    }

    #[test]
    fn what_reads_within_a_write_sees_it_and_is_undone_with_it() {
        on_each(|url| {
            let db = Db::open(url, 2).unwrap();
            let reader = db.clone();
            let write = move |conn: &mut Conn, refused: bool| -> Result<i64, Fault> {
                tables::secret(conn, "written", vec![1])?;
                let seen = lend(conn, LONGEST, || {
                    assert!(is_lent());
                    assert_eq!(secret(&reader, "kept"), Ok(vec![1]));
                    let seen = count(&reader)?;
                    if refused { Err(Failure::new(crate::fhir::Reason::Conflict, "no")) } else { Ok(seen) }
                })?;
                // the connection is the write's own again
                assert_eq!(matches::count(conn, Sql::of("SELECT count(*) FROM secret", []))?, seen);
                Ok(seen)
            };
            let again = write.clone();
            assert_eq!(db.write(move |conn| again(conn, true)).unwrap_err().into_failure().status(), 409);
            assert_eq!(count(&db), Ok(0));
            assert_eq!(db.write(move |conn| write(conn, false)).unwrap(), 2);
            assert_eq!(count(&db), Ok(2));
            assert!(!is_lent());
        });
    }

    #[test]
    fn a_database_that_fails_or_a_panic_within_a_write_leaves_nothing_of_it() {
        on_each(|url| {
            let db = Db::open(url, 2).unwrap();
            let reader = db.clone();
            let fault = db.write(move |conn| {
                tables::secret(conn, "written", vec![1])?;
                lend(conn, LONGEST, || {
                    // the failure is passed over
                    assert!(reader.read(|conn| Ok(conn.batch("SELECT nothing FROM nowhere")?)).is_err());
                    Ok(())
                })
            });
            assert_eq!(fault.unwrap_err().into_failure().status(), 503);
            let panics = db.write(|conn| {
                tables::secret(conn, "written", vec![1])?;
                lend::<()>(conn, LONGEST, || panic!("this read panics"))
            });
            assert_eq!(panics.unwrap_err().into_failure().status(), 500);
            assert_eq!(count(&db), Ok(0));
            assert_eq!(secret(&db, "next"), Ok(vec![1]), "others write as before");
        });
    }

    #[test]
    fn what_reads_within_a_write_for_too_long_is_refused_with_it() {
        on_each(|url| {
            let db = Db::open(url, 2).unwrap();
            let reader = db.clone();
            let write = move |conn: &mut Conn, longest: u64| -> Result<i64, Fault> {
                tables::secret(conn, "written", vec![1])?;
                lend(conn, Duration::from_millis(longest), || {
                    std::thread::sleep(Duration::from_millis(20));
                    // what reads may pass over the refusal
                    Ok(count(&reader).unwrap_or(-1))
                })
            };
            let again = write.clone();
            let failure = db.write(move |conn| again(conn, 1)).unwrap_err().into_failure();
            assert_eq!((failure.status(), failure.issues[0].code), (413, "too-costly"));
            assert_eq!(count(&db), Ok(0));
            assert_eq!(db.write(move |conn| write(conn, 60_000)).unwrap(), 1);
            assert_eq!(count(&db), Ok(1));
        });
    }

    #[test]
    fn a_deadlock_of_what_is_kept_within_a_write_lets_the_whole_be_tried_again() {
        on_each(|url| {
            let db = Db::open(url, 2).unwrap();
            let (reader, tries) = (db.clone(), Arc::new(AtomicUsize::new(0)));
            let tried = tries.clone();
            let done = db.write(move |conn| {
                tables::secret(conn, "written", vec![1])?;
                let first = tried.fetch_add(1, Ordering::SeqCst) == 0;
                lend(conn, LONGEST, || {
                    let kept = reader.write(move |conn| {
                        if !first {
                            return Ok(tables::secret(conn, "kept", vec![1])?);
                        }
                        // so a server ends a transaction that stood in the way of another
                        conn.batch("ROLLBACK")?;
                        let words = Box::new("deadlock detected".to_owned());
                        Err(Fault::Database(Error::DatabaseError(DatabaseErrorKind::Unknown, words)))
                    });
                    kept.map_err(Fault::into_failure)
                })
            });
            if url.starts_with("postgres") {
                assert_eq!(done.unwrap(), [1]);
                assert_eq!((tries.load(Ordering::SeqCst), count(&db)), (2, Ok(2)));
            } else {
                // SQLite has one writer, which meets no other
                assert_eq!((done.unwrap_err().into_failure().status(), count(&db)), (503, Ok(0)));
            }
        });
    }

    #[test]
    fn the_place_of_a_lent_connection_is_none() {
        on_each(|url| {
            let db = Db::open(url, 2).unwrap();
            let mut lent = Conn::lent();
            assert!(tables::secret(&mut lent, "written", vec![1]).is_err());
            assert!(lent.batch("SELECT 1").is_err() && lent.with_link(|_| (), |_| ()).is_err());
            assert_eq!(count(&db), Ok(0));
        });
    }

    #[test]
    fn what_looks_sees_one_state_while_others_write_and_keeps_nothing() {
        on_each(|url| {
            let db = Db::open(url, 4).unwrap();
            let until = || Instant::now() + LONGEST;
            let writer = db.clone();
            let looked = db.look(until(), true, || {
                let first = count(&db)?;
                let other = writer.clone();
                // Another thread writes, and is not held up.
                std::thread::spawn(move || secret(&other, "beside")).join().unwrap()?;
                assert!(is_lent() && looking().is_some_and(|look| look.leaves));
                Ok((first, count(&db)?))
            });
            assert_eq!(looked, Ok(Some((0, 0))));
            assert_eq!((count(&db), is_lent(), looking().is_none()), (Ok(1), false, true));
            // What would be kept is not, whatever the reader makes of it.
            let kept = db.look(until(), false, || Ok(secret(&db, "kept").is_ok()));
            assert_eq!((kept, count(&db)), (Ok(None), Ok(1)));
            assert_eq!(secret(&db, "next"), Ok(vec![1]));
        });
    }

    #[test]
    fn what_looks_for_too_long_or_fails_is_refused_as_a_whole() {
        on_each(|url| {
            let db = Db::open(url, 2).unwrap();
            let late = db.look(Instant::now(), true, || Ok(count(&db).unwrap_or(-1))).unwrap_err();
            assert_eq!((late.status(), late.issues[0].code), (413, "too-costly"));
            assert!(!late.issues[0].text.contains("write"), "{late:?}");
            let failed = db.look(Instant::now() + LONGEST, true, || {
                Ok(db.read(|conn| Ok(conn.batch("SELECT nothing FROM nowhere")?)).is_err())
            });
            assert_eq!(failed.unwrap_err().status(), 503);
            assert_eq!((count(&db), secret(&db, "next")), (Ok(0), Ok(vec![1])));
        });
    }
}
