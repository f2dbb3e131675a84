//! Runs what a search was planned to be. <https://hl7.org/fhir/R4/search.html>

use diesel::result::QueryResult;
use diesel::sql_types::BigInt;

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
