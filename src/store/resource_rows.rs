//! Versions on their way into PostgreSQL's table `resource`, all of a write in one statement.
//! <https://www.postgresql.org/docs/15/functions-array.html>
//!
//! Each statement is a journey, and what counts the live resources runs once for each: of sixty resources that eleven
//! statements carried, in sizes that stay prepared, and of fifteen that took eight, one is left. There is an array for each
//! column, and the bodies stand one behind another, from which each is cut: bytes in an array would be sent as digits.

use crate::search::sql::Sql;
use crate::store::index::integers;
use crate::store::index::texts;
use crate::store::stored::Stored;

/// How many rows and bytes one statement carries at most.
const MOST: (usize, usize) = (1_000, 8 * 1024 * 1024);

/// How many of the first of these rows, of which there is one at least, go into one statement.
pub(super) fn together<'a>(rows: impl Iterator<Item = &'a Stored>) -> usize {
    let (most, most_bytes) = MOST;
    let sums = rows.take(most).scan(0, |bytes, row| {
        *bytes += row.body.len();
        Some(*bytes)
    });
    sums.take_while(|bytes| *bytes <= most_bytes).count().max(1)
}

/// Stores first versions; the rows of the answer are the number, the type and the id of each.
pub(super) fn insert(rows: &[Stored]) -> Sql {
    let named =
        [integers(rows.iter().map(|row| row.ty.number())), texts(rows.iter().map(|row| row.id.as_str()))];
    let refs: Vec<&Stored> = rows.iter().collect();
    Sql::of(
        "INSERT INTO resource (type, id, version, updated, deleted, method, body) SELECT v.type, v.id, \
             v.version, v.updated, 0, v.method, v.body FROM (SELECT k.*, ",
        [],
    )
    .append(body(&refs))
    .push(" FROM unnest(CAST(? AS bigint[]), CAST(? AS text[]), ", named)
    .append(columns(&refs))
    .push(") k (type, id, version, updated, method, first, length)) v RETURNING rid, type, id", [])
}

/// Puts new versions in the place of the current ones.
pub(super) fn update(rows: &[&Stored]) -> Sql {
    Sql::of(
        "UPDATE resource r SET version = v.version, updated = v.updated, deleted = 0, method = v.method, \
             body = v.body FROM (SELECT k.*, ",
        [],
    )
    .append(body(rows))
    .push(" FROM unnest(CAST(? AS bigint[]), ", [integers(rows.iter().map(|row| row.rid))])
    .append(columns(rows))
    .push(") k (rid, version, updated, method, first, length)) v WHERE r.rid = v.rid", [])
}

/// A row's part of all bodies.
fn body(rows: &[&Stored]) -> Sql {
    let all: Vec<u8> = rows.iter().flat_map(|row| row.body.iter().copied()).collect();
    Sql::of(
        "substring(CAST(? AS bytea) FROM CAST(k.first AS integer) FOR CAST(k.length AS integer)) AS body",
        [all.into()],
    )
}

/// What first and later versions have, and where each body begins, counted from 1, and how long it is.
fn columns(rows: &[&Stored]) -> Sql {
    let bytes = |row: &Stored| i64::try_from(row.body.len()).unwrap_or(i64::MAX);
    let first = rows.iter().scan(1, |next, row| {
        let first = *next;
        *next += bytes(row);
        Some(first)
    });
    let first = integers(first);
    Sql::of(
        "CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[])",
        [
            integers(rows.iter().map(|row| row.version)),
            integers(rows.iter().map(|row| row.updated)),
            integers(rows.iter().map(|row| row.method.number())),
            first,
            integers(rows.iter().map(|row| bytes(row))),
        ],
    )
}

#[cfg(test)]
mod tests {
    use diesel::sql_types::BigInt;

    use super::*;
    use crate::fhir::ResourceType;
    use crate::store::Db;
    use crate::store::Fault;
    use crate::store::Method;
    use crate::store::fresh::on_each;
    use crate::store::resources;
    use crate::store::resources::Narrow;

    fn row(id: &str, body: &[u8]) -> Stored {
        Stored {
            ty: ResourceType::parse("Basic").unwrap(),
            id: id.to_owned(),
            version: 1,
            updated: 5,
            deleted: false,
            method: Method::Post,
            body: body.to_vec(),
            rid: 0,
        }
    }

    /// Bodies of many lengths, with bytes that mean something to whoever reads text.
    fn rows() -> Vec<Stored> {
        let body = |at: usize| "é\\\"{},NULL\0 x".bytes().cycle().take(at * 37 % 5_000).collect::<Vec<u8>>();
        // more than one statement carries
        (0..MOST.0 + 70).map(|at| row(&format!("id-{at}"), &body(at))).collect()
    }

    #[test]
    fn each_has_its_own_body_and_number_however_many_are_written_together() {
        on_each(|url| {
            let db = Db::open(url, 2).unwrap();
            let written = db.write(|conn| {
                let mut rows = rows();
                resources::insert(conn, &mut rows)?;
                Ok(rows)
            });
            let mut written = written.unwrap();
            let there = |one: &Stored| {
                db.read(|conn| Ok(resources::read(conn, one.ty, &one.id, &Narrow::All)?)).unwrap()
            };
            for one in &written {
                assert_eq!(there(one).as_ref(), Some(one), "{}", one.id);
            }
            // each gets the body of another
            let bodies: Vec<Vec<u8>> = written.iter().map(|one| one.body.clone()).rev().collect();
            for (at, (one, body)) in written.iter_mut().zip(bodies).enumerate() {
                (one.version, one.updated, one.method, one.body) = (2, 6 + at as i64, Method::Put, body);
            }
            let again = written.clone();
            db.write(move |conn| Ok(resources::replace(conn, &again)?)).unwrap();
            for one in &written {
                assert_eq!(there(one).as_ref(), Some(one), "{}", one.id);
            }
            let versions = Sql::of("SELECT count(*) FROM history", []);
            let kept = db.read(|conn| Ok(conn.load::<(BigInt,), (i64,)>(versions.clone())?[0].0)).unwrap();
            assert_eq!(kept, i64::try_from(written.len()).unwrap());
        });
    }

    #[test]
    fn one_statement_carries_no_more_than_it_may() {
        let half = vec![b' '; MOST.1 / 2];
        let large = [row("a", &half), row("b", &half), row("c", &[1])];
        assert_eq!(together(large.iter()), 2);
        assert_eq!(
            together([row("d", &vec![b' '; MOST.1 + 1]), row("e", &[])].iter()),
            1,
            "one there always is"
        );
        assert_eq!(together(rows().iter()), MOST.0);
    }

    #[test]
    fn a_name_that_is_taken_refuses_all() {
        on_each(|url| {
            let db = Db::open(url, 2).unwrap();
            let write = |ids: [&'static str; 2]| {
                db.write(move |conn| Ok(resources::insert(conn, &mut ids.map(|id| row(id, b"{}")))?))
            };
            write(["a", "b"]).unwrap();
            assert!(matches!(write(["c", "b"]), Err(Fault::Database(_))));
            let count = Sql::of("SELECT count(*) FROM resource", []);
            let there = db.read(|conn| Ok(conn.load::<(BigInt,), (i64,)>(count.clone())?[0].0)).unwrap();
            assert_eq!(there, 2);
        });
    }
}
