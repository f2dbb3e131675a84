//! Runs what a search was planned to be. <https://hl7.org/fhir/R4/search.html>

use std::time::Duration;
use std::time::Instant;

use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::sql_types::Binary;

use crate::fhir::ResourceType;
use crate::search::sql::Sql;
use crate::store::connection::Conn;
use crate::store::explain::Step;
use crate::store::explain::steps;
use crate::store::explain::text;
use crate::store::stored::Hit;
use crate::store::survey::Span;

/// How many bytes of the resources in which others stand are read at once.
const MOST_BYTES: i64 = 8 * 1024 * 1024;

/// A connection on which a search runs, and, where that is asked for, what it has run.
pub(crate) struct Searcher<'a> {
    conn: &'a mut Conn,
    ran: Option<Vec<Ran>>,
}

/// What a statement of a search is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The matches of the page.
    Page,
    /// How many there are in all.
    Total,
    /// What goes with them.
    Include,
    /// Whether many meet a condition.
    Probe,
}

/// A statement that was run.
struct Ran {
    purpose: Purpose,
    sql: Sql,
    rows: usize,
    time: Duration,
}

/// A statement that was run, and how the database goes about it.
#[derive(Clone, Debug)]
pub struct Statement {
    /// What it is for.
    pub purpose: Purpose,
    /// The SQL, with a placeholder for every value.
    pub sql: String,
    /// How many values it binds.
    pub binds: usize,
    /// How many rows it gave.
    pub rows: usize,
    /// How long it took, with the reading of its rows.
    pub time: Duration,
    /// The database's plan, step by step.
    pub plan: Vec<Step>,
}

impl<'a> Searcher<'a> {
    /// One that runs what it is given.
    pub(crate) fn of(conn: &'a mut Conn) -> Self {
        Self { conn, ran: None }
    }

    /// One that remembers it as well.
    pub(crate) fn noting(conn: &'a mut Conn) -> Self {
        Self { conn, ran: Some(Vec::new()) }
    }

    /// The rows of a plan, in their order.
    pub(crate) fn hits(&mut self, purpose: Purpose, query: Sql) -> QueryResult<Vec<Hit>> {
        self.run(purpose, query, hits, Vec::len)
    }

    /// Resources by their numbers, in parts whose bodies together are small, or of one alone.
    pub(crate) fn in_parts(&mut self, rids: &[i64]) -> QueryResult<Vec<Vec<i64>>> {
        let columns = "SELECT rid, CAST(coalesce(length(body), 0) AS BIGINT) FROM resource WHERE ";
        let load = |conn: &mut Conn, sql| conn.load::<(BigInt, BigInt), (i64, i64)>(sql);
        let query = self.of_these(columns, rids);
        let lengths = self.run(Purpose::Page, query, load, Vec::len)?;
        let (mut parts, mut bytes): (Vec<Vec<i64>>, i64) = (Vec::new(), 0);
        for (rid, length) in lengths {
            bytes += length;
            match parts.last_mut() {
                Some(part) if bytes <= MOST_BYTES => part.push(rid),
                Some(_) | None => {
                    parts.push(vec![rid]);
                    bytes = length;
                }
            }
        }
        Ok(parts)
    }

    /// The bodies of resources by their numbers.
    pub(crate) fn bodies(&mut self, rids: &[i64]) -> QueryResult<Vec<(i64, Vec<u8>)>> {
        let query = self.of_these("SELECT rid, body FROM resource WHERE body IS NOT NULL AND ", rids);
        let load = |conn: &mut Conn, sql| conn.load::<(BigInt, Binary), (i64, Vec<u8>)>(sql);
        self.run(Purpose::Page, query, load, Vec::len)
    }

    fn of_these(&self, columns: &'static str, rids: &[i64]) -> Sql {
        let these = Span::These(rids.to_vec()).holds(self.conn, "rid");
        Sql::of(columns, []).append(these).push(" ORDER BY rid", []).volatile()
    }

    /// The number that a counting plan gives.
    pub(crate) fn count(&mut self, purpose: Purpose, query: Sql) -> QueryResult<i64> {
        self.run(purpose, query, count, |_| 1)
    }

    fn run<T>(
        &mut self,
        purpose: Purpose,
        query: Sql,
        run: impl FnOnce(&mut Conn, Sql) -> QueryResult<T>,
        rows: impl FnOnce(&T) -> usize,
    ) -> QueryResult<T> {
        let Some(ran) = &mut self.ran else { return run(self.conn, query) };
        let sql = query.clone();
        let begun = Instant::now();
        let result = run(self.conn, query)?;
        ran.push(Ran { purpose, sql, rows: rows(&result), time: begun.elapsed() });
        Ok(result)
    }

    /// What it has run so far, in that order, with the database's plan for each.
    pub(crate) fn statements(self) -> QueryResult<Vec<Statement>> {
        let conn = self.conn;
        let each = self.ran.into_iter().flatten().map(|Ran { purpose, sql, rows, time }| {
            let text = text(conn, &sql)?;
            Ok(Statement { purpose, sql: text, binds: sql.binds(), rows, time, plan: steps(conn, sql)? })
        });
        each.collect()
    }
}

/// The rows of a plan, in their order.
pub(crate) fn hits(conn: &mut Conn, query: Sql) -> QueryResult<Vec<Hit>> {
    conn.load_rows(query)
}

/// The number that a counting plan gives.
pub(crate) fn count(conn: &mut Conn, query: Sql) -> QueryResult<i64> {
    Ok(conn.load::<(BigInt,), (i64,)>(query)?.first().map_or(0, |row| row.0))
}

/// The types of which anything was ever stored, or stands in anything. It steps from one type to the next in the index of
/// identities, and so looks at one row for each.
pub(crate) fn types(conn: &mut Conn) -> QueryResult<Vec<ResourceType>> {
    let mut found = Vec::new();
    for table in ["resource", "contained"] {
        let of = |sql: Sql, text: &'static str| sql.push(table, []).push(text, []);
        let sql = of(Sql::of("WITH RECURSIVE t(n) AS (SELECT min(r.type) FROM ", []), " r UNION ALL ");
        let sql = of(sql.push("SELECT (SELECT min(r.type) FROM ", []), " r WHERE r.type > t.n) FROM t ");
        let sql = sql.push("WHERE t.n IS NOT NULL) SELECT t.n FROM t WHERE t.n IS NOT NULL", []);
        let numbers = conn.load::<(BigInt,), (i64,)>(sql)?;
        found.extend(numbers.into_iter().filter_map(|(number,)| ResourceType::from_number(number)));
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}
