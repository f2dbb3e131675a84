//! What reads within a write sees one state of the resources, that of the write. <https://hl7.org/fhir/R4/http.html#trules>
//!
//! An embedded database has one writer at a time, so that nothing changes between two reads. On a server the statements
//! of a write each see what others have committed by then, and have to: a write locks what it is about and reads it
//! again, which in a transaction with one snapshot (REPEATABLE READ) would show it what was there before it waited. So
//! the reads are watched instead: where no other transaction has ended between the first and the last of them, all saw
//! the same. Else they are done again, a few times, and at last with the resources locked against others who write.

use std::time::Duration;
use std::time::Instant;

use diesel::result::QueryResult;
use diesel::sql_types::Text;

use crate::fhir::Failure;
use crate::search::sql::Sql;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::lent::lend;

/// How often it is hoped that nobody else writes meanwhile.
const TRIES: u32 = 3;

/// Reads, perhaps several times, with the connection of a write, each time for so long: see [`lend`].
pub(crate) fn lend_steadily<T>(
    conn: &mut Conn,
    longest: Duration,
    read: impl Fn() -> Result<T, Failure>,
) -> Result<T, Fault> {
    if conn.is_sqlite() {
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
    conn.batch("LOCK TABLE resource IN SHARE ROW EXCLUSIVE MODE")?;
    lend(conn, longest, read)
}

/// Which transactions a statement of now sees, those of the server's other databases among them: that these may have
/// what is read done again costs time and nothing else.
fn seen(conn: &mut Conn) -> QueryResult<Option<String>> {
    let rows = conn.load::<(Text,), (String,)>(Sql::of("SELECT CAST(pg_current_snapshot() AS TEXT)", []))?;
    Ok(rows.into_iter().next().map(|(text,)| text))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering;

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
            let (reader, counted) = (db.clone(), times.clone());
            let done = db.write(move |conn| {
                tables::secret(conn, "written", vec![1])?;
                lend_steadily(conn, LONGEST, || {
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
                    let reader = db.clone();
                    db.write(move |conn| {
                        lend_steadily(conn, LONGEST, || {
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
}
