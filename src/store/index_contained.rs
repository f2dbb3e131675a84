//! What the index holds of resources that stand in others, found by the span of their numbers.
//! <https://hl7.org/fhir/R4/references.html#contained>

use diesel::result::QueryResult;
use diesel::sql_types::BigInt;

use crate::search::contained;
use crate::search::sql::Sql;
use crate::store::connection::Conn;
use crate::store::index::integers;
use crate::store::index_tables::TABLES;
use crate::store::survey::Span;

/// How many resources a statement names at most whose length depends on it.
const TOGETHER: usize = 64;

/// The numbers of what these resources contain.
pub(super) fn of(conn: &mut Conn, rids: &[i64]) -> QueryResult<Vec<i64>> {
    let ends = |rid: &i64| (contained::first(*rid), contained::first(rid.saturating_add(1)));
    if !conn.is_sqlite() {
        let query = Sql::of(
            "SELECT c.rid FROM unnest(CAST(? AS bigint[]), CAST(? AS bigint[])) s (low, high) \
             JOIN contained c ON c.rid >= s.low AND c.rid < s.high",
            [integers(rids.iter().map(|rid| ends(rid).0)), integers(rids.iter().map(|rid| ends(rid).1))],
        );
        return Ok(conn.load::<(BigInt,), (i64,)>(query)?.into_iter().map(|row| row.0).collect());
    }
    let mut found = Vec::new();
    for (low, high) in rids.iter().map(ends) {
        let query =
            Sql::of("SELECT rid FROM contained WHERE rid >= ? AND rid < ?", [low.into(), high.into()]);
        found.extend(conn.load::<(BigInt,), (i64,)>(query)?.into_iter().map(|row| row.0));
    }
    Ok(found)
}

/// Removes whatever stands under the numbers of what these resources contain, though nothing is said to stand there.
pub(crate) fn clear(conn: &mut Conn, rids: &[i64]) -> QueryResult<()> {
    for rids in rids.chunks(TOGETHER) {
        let span = Span::These(rids.to_vec()).of_contained();
        for table in &TABLES {
            let sql = Sql::of("DELETE FROM ", []).push(table.name, []).push(" WHERE ", []);
            conn.execute(sql.append(span.holds(conn, "rid")).volatile())?;
        }
    }
    Ok(())
}
