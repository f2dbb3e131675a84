//! Runs what a search was planned to be. <https://hl7.org/fhir/R4/search.html>

use diesel::result::QueryResult;
use diesel::sql_types::BigInt;

use crate::fhir::ResourceType;
use crate::search::sql::Sql;
use crate::store::connection::Conn;
use crate::store::stored::Hit;

/// The rows of a plan, in their order.
pub(crate) fn hits(conn: &mut Conn, query: Sql) -> QueryResult<Vec<Hit>> {
    conn.load_rows(query)
}

/// The number that a counting plan gives.
pub(crate) fn count(conn: &mut Conn, query: Sql) -> QueryResult<i64> {
    Ok(conn.load::<(BigInt,), (i64,)>(query)?.first().map_or(0, |row| row.0))
}

/// The types of which anything was ever stored. It steps from one type to the next in the index of identities, and so
/// looks at one row for each.
pub(crate) fn types(conn: &mut Conn) -> QueryResult<Vec<ResourceType>> {
    let sql = "WITH RECURSIVE t(n) AS (SELECT min(r.type) FROM resource r UNION ALL \
               SELECT (SELECT min(r.type) FROM resource r WHERE r.type > t.n) FROM t WHERE t.n IS NOT NULL) \
               SELECT t.n FROM t WHERE t.n IS NOT NULL";
    let numbers = conn.load::<(BigInt,), (i64,)>(Sql::of(sql, []))?;
    Ok(numbers.into_iter().filter_map(|(number,)| ResourceType::from_number(number)).collect())
}
