//! What reads within a write sees one state of the resources, that of the write. <https://hl7.org/fhir/R4/http.html#trules>
//!
//! An embedded database has one writer at a time, so that nothing changes between two reads. On a server the statements
//! of a write each see what others have committed by then, and have to: a write locks what it is about and reads it
//! again, which in a transaction with one snapshot (REPEATABLE READ) would show it what was there before it waited. So
//! the reads are watched instead: where no other transaction has ended between the first and the last of them, all saw
//! the same. Else they are done again, a few times, and at last the whole write is begun again with the resources locked
//! against others who write. They are locked before anything else is: two writes that have each changed some of them
//! and then ask for all would wait for one another.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use diesel::result::DatabaseErrorKind;
use diesel::result::Error;
use diesel::result::QueryResult;
use diesel::sql_types::Text;

use crate::fhir::Failure;
use crate::search::sql::Sql;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::lent::lend;

/// How often it is hoped that nobody else writes meanwhile.
const TRIES: u32 = 3;

/// Locks the resources against all who write or are about to, who meanwhile read as before. Whoever has to wait for
/// longer than this holds up the others.
const ALONE: &str = "SET LOCAL lock_timeout='5s'; LOCK TABLE resource IN EXCLUSIVE MODE; \
                     SET LOCAL lock_timeout TO DEFAULT";

/// A write that reads, each time that it is tried.
#[derive(Debug, Default)]
pub(crate) struct Steady {
    /// Whether nobody else may write meanwhile, since somebody did each time before.
    alone: AtomicBool,
}

impl Steady {
    /// Begins a try of the write, before it locks anything.
    pub(crate) fn begin(&self, conn: &mut Conn) -> QueryResult<()> {
        if self.alone.load(Ordering::Relaxed) { conn.batch(ALONE) } else { Ok(()) }
    }

    /// Reads, perhaps several times, with the connection of the write, each time for so long: see [`lend`]. Where
    /// others keep writing, the fault lets the whole be tried again.
    pub(crate) fn lend<T>(
        &self,
        conn: &mut Conn,
        longest: Duration,
        read: impl Fn() -> Result<T, Failure>,
    ) -> Result<T, Fault> {
        if conn.is_sqlite() || self.alone.load(Ordering::Relaxed) {
            return lend(conn, longest, read);
        }
        let began = Instant::now();
        for _ in 0..TRIES {
            let before = seen(conn)?;
            let done = lend(conn, longest, &read)?;
            if seen(conn)? == before {
                return Ok(done);
            }
            // Those who wait for this one have waited long enough.
            if began.elapsed() > longest / 4 {
                break;
            }
        }
        self.alone.store(true, Ordering::Relaxed);
        let words = Box::new("others wrote while a write read".to_owned());
        Err(Fault::Database(Error::DatabaseError(DatabaseErrorKind::SerializationFailure, words)))
    }
}

/// Which transactions a statement of now sees, those of the server's other databases among them: that these may have
/// what is read done again costs time and nothing else.
fn seen(conn: &mut Conn) -> QueryResult<Option<String>> {
    let rows = conn.load::<(Text,), (String,)>(Sql::of("SELECT CAST(pg_current_snapshot() AS TEXT)", []))?;
    Ok(rows.into_iter().next().map(|(text,)| text))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::store::Db;
    use crate::store::fresh::on_each;
    use crate::store::fresh::on_postgres;
    use crate::store::lent::LONGEST;
    use crate::store::matches;
    use crate::store::tables;

    fn resources(db: &Db) -> Result<i64, Failure> {
        db.read(|conn| Ok(matches::count(conn, Sql::of("SELECT count(*) FROM resource", []))?))
    }

    fn add(db: &Db, id: usize) {
        let done = db.write(move |conn| {
            Ok(conn.batch(&format!(
                "INSERT INTO resource (type, id, version, updated, deleted, method) VALUES (1, '{id}', 1, 1, 0, 1)"
            ))?)
        });
        done.unwrap();
    }

    #[test]
    fn what_is_read_is_read_a_few_times_at_most() {
        on_each(|url| {
            let (db, times) = (Db::open(url, 2).unwrap(), std::sync::Arc::new(AtomicUsize::new(0)));
            let (reader, counted, steady) = (db.clone(), times.clone(), Steady::default());
            let done = db.write(move |conn| {
                steady.begin(conn)?;
                tables::secret(conn, "written", vec![1])?;
                steady.lend(conn, LONGEST, || {
                    counted.fetch_add(1, Ordering::SeqCst);
                    resources(&reader)
                })
            });
            // On a server the writes to its other databases disturb too: those of other tests.
            let most = if url.starts_with("postgres") { 4 } else { 1 };
            assert!(done.unwrap() == 0 && (1..=most).contains(&times.load(Ordering::SeqCst)));
        });
    }

    #[test]
    fn reads_of_a_write_agree_with_one_another_however_much_others_write() {
        on_postgres(|url| {
            let db = Db::open(url, 4).unwrap();
            let ended = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let (others, ended) = (db.clone(), &ended);
                let writer = scope.spawn(move || {
                    let mut id = 0;
                    while !ended.load(Ordering::SeqCst) {
                        add(&others, id);
                        id += 1;
                    }
                    id
                });
                let one = || {
                    let (reader, steady) = (db.clone(), Steady::default());
                    db.write(move |conn| {
                        steady.begin(conn)?;
                        steady.lend(conn, LONGEST, || {
                            let first = resources(&reader)?;
                            std::thread::sleep(Duration::from_millis(50));
                            Ok((first, resources(&reader)?))
                        })
                    })
                };
                let pairs: Vec<_> = (0..5).map(|_| one()).collect();
                ended.store(true, Ordering::SeqCst);
                assert!(writer.join().unwrap() > 5, "others wrote in between");
                for pair in pairs {
                    let (first, second) = pair.unwrap();
                    assert_eq!(first, second);
                }
            });
        });
    }

    /// How many circles of transactions that waited for one another the server has ended.
    fn circles(db: &Db) -> i64 {
        let counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
        db.read(|conn| Ok(matches::count(conn, Sql::of(counted, []))?)).unwrap()
    }

    #[test]
    fn writes_that_read_do_not_wait_for_one_another_in_a_circle() {
        on_postgres(|url| {
            let db = Db::open(url, 8).unwrap();
            let ended = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let (db, ended) = (&db, &ended);
                scope.spawn(move || {
                    let mut id = 0;
                    while !ended.load(Ordering::SeqCst) {
                        add(db, id);
                        id += 1;
                    }
                });
                let one = move |who: usize| {
                    let (reader, steady) = (db.clone(), Steady::default());
                    let done = db.write(move |conn| {
                        steady.begin(conn)?;
                        conn.batch(&format!(
                            "INSERT INTO resource (type, id, version, updated, deleted, method) \
                             VALUES (1, 'own{who}', 1, 1, 0, 1)"
                        ))?;
                        steady.lend(conn, LONGEST, || {
                            std::thread::sleep(Duration::from_millis(20));
                            resources(&reader)
                        })
                    });
                    done.unwrap();
                };
                let all: Vec<_> = (0..5)
                    .map(|first| scope.spawn(move || (0..4).for_each(|at| one(first * 4 + at))))
                    .collect();
                all.into_iter().for_each(|one| one.join().unwrap());
                ended.store(true, Ordering::SeqCst);
            });
            // The server counts with some delay.
            std::thread::sleep(Duration::from_secs(2));
            assert_eq!(circles(&db), 0);
        });
    }
}
