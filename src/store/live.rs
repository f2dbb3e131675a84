//! How many live resources each type has, as triggers keep it: whether that is so, and making it so.
//! <https://hl7.org/fhir/R4/search.html#count>
//!
//! One statement sees one state of what is there and of what is kept. What it finds between them stays the same
//! whatever others write meanwhile, because they change both; so it is added, and nobody waits.

use std::fmt;

use diesel::result::QueryResult;
use diesel::sql_types::BigInt;

use crate::fhir::ResourceType;
use crate::search::sql::Sql;
use crate::store::connection::Conn;

/// What is kept and what is there, type by type.
const BOTH: &str = "(SELECT c.type, CAST(sum(c.kept) AS BIGINT) AS kept, CAST(sum(c.there) AS BIGINT) AS there FROM \
                    (SELECT type, 0 AS kept, count(*) AS there FROM resource WHERE deleted = 0 GROUP BY type \
                    UNION ALL SELECT type, resources, 0 FROM live) c GROUP BY c.type) d WHERE d.kept <> d.there";

/// A count that is not right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The number of the type.
    pub(crate) ty: i64,
    /// How many it is said to have.
    pub(crate) kept: i64,
    /// How many it has.
    pub(crate) there: i64,
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match ResourceType::from_number(self.ty) {
            Some(ty) => ty.name().to_owned(),
            None => format!("the type number {}", self.ty),
        };
        write!(out, "`live` counts {} resources of {name}, but there are {}", self.kept, self.there)
    }
}

/// The types whose count is not right.
pub(crate) fn differences(conn: &mut Conn) -> QueryResult<Vec<Difference>> {
    let query =
        Sql::of("SELECT d.type, d.kept, d.there FROM ", []).push(BOTH, []).push(" ORDER BY d.type", []);
    let rows = conn.load::<(BigInt, BigInt, BigInt), (i64, i64, i64)>(query)?.into_iter();
    Ok(rows.map(|(ty, kept, there)| Difference { ty, kept, there }).collect())
}

/// Makes the counts right, in a slot that no other transaction counts in; for how many types it had to.
pub(crate) fn mend(conn: &mut Conn) -> QueryResult<usize> {
    if !conn.is_sqlite() {
        // Of two that find the same difference, one would add it again.
        conn.batch("SELECT pg_advisory_xact_lock(716509, -1)")?;
    }
    conn.execute(
        Sql::of("INSERT INTO live (type, slot, resources) SELECT d.type, -1, d.there - d.kept FROM ", [])
            .push(BOTH, [])
            .push(
                " ON CONFLICT (type, slot) DO UPDATE SET resources = live.resources + excluded.resources",
                [],
            ),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::Db;
    use crate::store::fresh::on_each;
    use crate::store::fresh::on_postgres;
    use crate::store::target::Target;

    fn open(url: &str) -> Conn {
        Conn::open(&Target::parse(url).unwrap()).unwrap()
    }

    fn insert(conn: &mut Conn, ty: i64, id: &str) {
        conn.batch(&format!(
            "INSERT INTO resource (type, id, version, updated, deleted, method) VALUES ({ty}, '{id}', 1, 1, 0, 1)"
        ))
        .unwrap();
    }

    fn number(conn: &mut Conn, query: &'static str) -> i64 {
        conn.load::<(BigInt,), (i64,)>(Sql::of(query, [])).unwrap()[0].0
    }

    /// Takes the database back to before the counts were kept.
    fn forget(conn: &mut Conn) {
        let down = match conn.is_sqlite() {
            true => include_str!("../../migrations/sqlite/2026-11-22-000045_live/down.sql"),
            false => include_str!("../../migrations/postgres/2026-11-22-000045_live/down.sql"),
        };
        conn.batch(down).unwrap();
        conn.batch("DELETE FROM __diesel_schema_migrations WHERE version = '20261122000045'").unwrap();
    }

    #[test]
    fn what_was_deleted_before_there_were_counts_counts_when_it_comes_back() {
        on_each(|url| {
            Db::migrate(url).unwrap();
            let mut conn = open(url);
            forget(&mut conn);
            insert(&mut conn, 1, "a");
            insert(&mut conn, 2, "b");
            conn.batch("UPDATE resource SET deleted = 1 WHERE id = 'a'").unwrap();
            assert_eq!(Db::migrate(url).unwrap().len(), 1);
            conn.batch("UPDATE resource SET deleted = 0 WHERE id = 'a'").unwrap();
            assert_eq!(differences(&mut conn).unwrap(), []);
            assert_eq!(number(&mut conn, "SELECT CAST(sum(resources) AS BIGINT) FROM live"), 2);
        });
    }

    #[test]
    fn counts_that_are_not_right_are_found_and_mended_once() {
        on_each(|url| {
            Db::migrate(url).unwrap();
            let mut conn = open(url);
            for (ty, id) in [(1, "a"), (1, "b"), (2, "c"), (3, "d")] {
                insert(&mut conn, ty, id);
            }
            conn.batch("DELETE FROM live WHERE type = 2; INSERT INTO live VALUES (1, 999, 5), (4, 0, 1)")
                .unwrap();
            let wrong =
                [(1, 7, 2), (2, 0, 1), (4, 1, 0)].map(|(ty, kept, there)| Difference { ty, kept, there });
            assert_eq!(differences(&mut conn).unwrap(), wrong);
            assert_eq!(mend(&mut conn).unwrap(), 3);
            assert_eq!(differences(&mut conn).unwrap(), []);
            assert_eq!(mend(&mut conn).unwrap(), 0);
        });
    }

    #[test]
    fn what_another_server_writes_while_the_counts_are_made_is_counted() {
        on_postgres(|url| {
            Db::migrate(url).unwrap();
            let (mut writer, mut seer) = (open(url), open(url));
            forget(&mut seer);
            writer.batch("BEGIN").unwrap();
            insert(&mut writer, 1, "a");
            std::thread::scope(|scope| {
                let migration = scope.spawn(|| Db::migrate(url).unwrap());
                let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation' AND \
                               database = (SELECT oid FROM pg_database WHERE datname = current_database())";
                while number(&mut seer, waiting) == 0 {
                    assert!(!migration.is_finished(), "it did not wait for the writer");
                    std::thread::sleep(Duration::from_millis(5));
                }
                writer.batch("COMMIT").unwrap();
                migration.join().unwrap();
            });
            assert_eq!(differences(&mut seer).unwrap(), []);
            assert_eq!(number(&mut seer, "SELECT count(*) FROM live"), 1);
        });
    }

    #[test]
    fn writers_of_the_same_types_do_not_wait_for_one_another() {
        on_postgres(|url| {
            Db::migrate(url).unwrap();
            let slot = "SELECT CAST(pg_backend_pid() % 64 AS BIGINT)";
            let mut one = open(url);
            let own = number(&mut one, slot);
            let mut other = open(url);
            while number(&mut other, slot) != own {
                other = open(url);
            }
            for conn in [&mut one, &mut other] {
                conn.batch("BEGIN; SET LOCAL lock_timeout = '5s'").unwrap();
            }
            insert(&mut one, 1, "a");
            insert(&mut other, 2, "b");
            insert(&mut one, 2, "c");
            insert(&mut other, 1, "d");
            other.batch("UPDATE resource SET deleted = 1 WHERE id = 'd'").unwrap();
            one.batch("UPDATE resource SET deleted = 1 WHERE id = 'a'").unwrap();
            for conn in [&mut one, &mut other] {
                conn.batch("COMMIT").unwrap();
            }
            assert_eq!(differences(&mut one).unwrap(), []);
            assert_eq!(number(&mut one, "SELECT CAST(sum(resources) AS BIGINT) FROM live"), 2);
        });
    }
}
