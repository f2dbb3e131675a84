//! How the database goes about a statement: its own plan, of which only what names tables, indexes, operations and
//! estimates is kept. <https://www.sqlite.org/eqp.html> <https://www.postgresql.org/docs/current/sql-explain.html>
//!
//! PostgreSQL writes the bound values into the conditions of its plan, so that each step is taken apart and its
//! conditions are left behind. SQLite plans a statement before it knows the values.

use std::collections::HashMap;

use diesel::backend::Backend;
use diesel::pg::Pg;
use diesel::query_builder::QueryBuilder;
use diesel::query_builder::QueryFragment;
use diesel::result::Error;
use diesel::result::QueryResult;
use diesel::sql_types::Integer;
use diesel::sql_types::Text;
use diesel::sqlite::Sqlite;
use serde_json::Value;

use crate::search::sql::Sql;
use crate::store::connection::Conn;

/// One step of a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// How deep it stands below the step that it serves.
    pub depth: usize,
    /// What is done; on SQLite with the alias and the index.
    pub operation: String,
    /// The table.
    pub table: Option<String>,
    /// The index.
    pub index: Option<String>,
    /// How many rows the database expects; SQLite expects nothing.
    pub rows: Option<i64>,
    /// What it expects the step to cost, in its own measure.
    pub cost: Option<f64>,
}

/// The text of a statement as this database is sent it: a placeholder for every value.
pub(super) fn text(conn: &Conn, sql: &Sql) -> QueryResult<String> {
    if conn.is_sqlite() { rendered(sql, &Sqlite) } else { rendered(sql, &Pg) }
}

fn rendered<DB: Backend>(sql: &Sql, backend: &DB) -> QueryResult<String>
where
    Sql: QueryFragment<DB>,
    DB::QueryBuilder: Default,
{
    let mut out = DB::QueryBuilder::default();
    sql.to_sql(&mut out, backend)?;
    Ok(out.finish())
}

/// The plan of a statement, which is not run.
pub(super) fn steps(conn: &mut Conn, sql: Sql) -> QueryResult<Vec<Step>> {
    if conn.is_sqlite() {
        let sql = Sql::of("EXPLAIN QUERY PLAN ", []).append(sql).volatile();
        let rows = conn.load::<(Integer, Integer, Integer, Text), (i32, i32, i32, String)>(sql)?;
        return Ok(of_sqlite(rows));
    }
    let sql = Sql::of("EXPLAIN (FORMAT JSON) ", []).append(sql).volatile();
    let rows = conn.load::<(Text,), (String,)>(sql)?;
    let text = rows.first().map_or("", |(text,)| text.as_str());
    let plans: Value = serde_json::from_str(text).map_err(|_| Error::NotFound)?;
    let mut steps = Vec::new();
    if let Some(plan) = plans.pointer("/0/Plan") {
        of_postgres(plan, 0, &mut steps);
    }
    Ok(steps)
}

fn of_sqlite(rows: Vec<(i32, i32, i32, String)>) -> Vec<Step> {
    let mut depths: HashMap<i32, usize> = HashMap::new();
    let step = |(id, parent, _, detail): (i32, i32, i32, String)| {
        let depth = depths.get(&parent).map_or(0, |depth| depth + 1);
        depths.insert(id, depth);
        let index = detail.split_once("INDEX ").and_then(|(_, rest)| rest.split(' ').next());
        let index = index.filter(|name| !name.contains(':')).map(str::to_owned);
        Step { depth, index, operation: detail, ..Step::default() }
    };
    rows.into_iter().map(step).collect()
}

fn of_postgres(plan: &Value, depth: usize, steps: &mut Vec<Step>) {
    let text = |name: &str| plan.get(name).and_then(Value::as_str).map(str::to_owned);
    steps.push(Step {
        depth,
        operation: text("Node Type").unwrap_or_default(),
        table: text("Relation Name"),
        index: text("Index Name"),
        rows: plan.get("Plan Rows").and_then(Value::as_i64),
        cost: plan.get("Total Cost").and_then(Value::as_f64),
    });
    for inner in plan.get("Plans").and_then(Value::as_array).into_iter().flatten() {
        of_postgres(inner, depth + 1, steps);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_a_plan_with_values_only_names_and_numbers_are_kept() {
        let plan = json!({ "Node Type": "Nested Loop", "Plan Rows": 3, "Total Cost": 8.5, "Join Filter": "(x = 'geheim')",
            "Plans": [{ "Node Type": "Index Only Scan", "Relation Name": "idx_token", "Index Name": "idx_token_pkey",
                "Plan Rows": 1, "Total Cost": 4.0, "Index Cond": "((param = 7) AND (code = 'geheim'))" }] });
        let mut steps = Vec::new();
        of_postgres(&plan, 0, &mut steps);
        assert!(!format!("{steps:?}").contains("geheim"));
        assert_eq!((steps[0].depth, steps[0].rows, steps[1].depth), (0, Some(3), 1));
        assert_eq!(steps[1].index.as_deref(), Some("idx_token_pkey"));
    }

    #[test]
    fn sqlites_steps_stand_below_one_another() {
        let rows = vec![
            (2, 0, 0, "CO-ROUTINE q".to_owned()),
            (5, 2, 0, "SEARCH d0 USING COVERING INDEX idx_token_rid (rid=?)".to_owned()),
            (9, 0, 0, "SCAN value VIRTUAL TABLE INDEX 1:".to_owned()),
        ];
        let steps = of_sqlite(rows);
        assert_eq!(steps.iter().map(|step| step.depth).collect::<Vec<_>>(), [0, 1, 0]);
        assert_eq!(steps[1].index.as_deref(), Some("idx_token_rid"));
        assert_eq!(steps[2].index, None);
    }
}
