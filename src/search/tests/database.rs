//! A database with the tables of the service, in which plans are run: SQLite in memory, or a schema of its own on
//! the PostgreSQL server that `COMFREY_TEST_DATABASE_URL` names.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::sql_types::Binary;
use diesel::sql_types::Nullable;
use diesel::sql_types::Text;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::DEFINITIONS;
use super::PARAMETERS;
use super::ty;
use crate::fhir::Failure;
use crate::fhir::datetime::span;
use crate::search::Context;
use crate::search::Effort;
use crate::search::IndexRows;
use crate::search::Plan;
use crate::search::Query;
use crate::search::Restriction;
use crate::search::contained;
use crate::search::include_plan;
use crate::search::parse;
use crate::search::plan;
use crate::search::rows;
use crate::search::sql::Bind;
use crate::search::sql::Sql;
use crate::search::text::TextRow;

macro_rules! up {
    ($database:literal, $name:literal) => {
        include_str!(concat!("../../../migrations/", $database, "/2026-11-", $name, "/up.sql"))
    };
}
/// The tables, as the service makes them.
macro_rules! tables {
    ($database:literal) => {
        concat!(
            up!($database, "22-000001_start"),
            up!($database, "22-000040_composite"),
            up!($database, "22-000045_live"),
            up!($database, "22-000047_text"),
            up!($database, "22-000049_speed"),
            up!($database, "22-000058_contained"),
            up!($database, "22-000068_not_for_patient"),
            up!($database, "23-000072_days"),
            up!($database, "24-000074_fewer_days")
        )
    };
}
const SQLITE: &str = tables!("sqlite");
const POSTGRES: &str = tables!("postgres");

/// Now, for queries.
pub(super) const NOW: &str = "2026-01-01T00:00:00Z";

diesel::define_sql_function!(fn in_time() -> BigInt);
static ZONE: TimeZone = TimeZone::UTC;
type Columns = (BigInt, BigInt, Text, BigInt, BigInt, Nullable<Binary>);
pub(super) type Row = (i64, i64, String, i64, i64, Option<Vec<u8>>);

pub(super) fn context() -> Context<'static> {
    Context {
        parameters: &PARAMETERS,
        zone: &ZONE,
        now: span(NOW, &TimeZone::UTC).unwrap().low,
        effort: Effort::of(DEFINITIONS.as_ref()),
        base_url: "https://comfrey.test/fhir",
        lenient: false,
        mistakes: crate::search::Mistakes::Found,
        default_count: 20,
        max_count: 1000,
    }
}

pub(super) fn query(search: &str) -> Result<Query, Failure> {
    let (name, query) = search.split_once('?').unwrap_or((search, ""));
    parse(&context(), ty(name), query)
}

enum Link {
    Sqlite(SqliteConnection),
    Postgres(PgConnection, String),
}
macro_rules! load {
    ($link:expr, $sql:expr, $columns:ty, $row:ty) => {
        match $link {
            Link::Sqlite(link) => $sql.rows::<$columns>().load::<$row>(link).unwrap(),
            Link::Postgres(link, _) => $sql.rows::<$columns>().load::<$row>(link).unwrap(),
        }
    };
}

pub(super) type Keyed = (Row, Vec<Option<String>>);
pub(super) struct Database {
    link: Link,
    next: i64,
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Link::Postgres(link, schema) = &mut self.link {
            link.batch_execute(&format!("ROLLBACK; DROP SCHEMA {schema} CASCADE")).unwrap();
        }
    }
}

impl Database {
    pub(super) fn new() -> Self {
        let link = match std::env::var("COMFREY_TEST_DATABASE_URL") {
            Ok(server) => {
                let mut link = PgConnection::establish(&server).unwrap();
                let schema = format!("search_{}", uuid::Uuid::new_v4().simple());
                let settings = format!("SET search_path = {schema}; SET jit = off;");
                let start = format!("CREATE SCHEMA {schema}; {settings} {POSTGRES}");
                link.batch_execute(&start).unwrap();
                Link::Postgres(link, schema)
            }
            Err(_) => {
                let mut link = SqliteConnection::establish(":memory:").unwrap();
                in_time_utils::register_nondeterministic_impl(&link, || 1_i64).unwrap();
                link.batch_execute(SQLITE).unwrap();
                Link::Sqlite(link)
            }
        };
        Self { link, next: 1 }
    }

    pub(super) fn of(resources: &[Value]) -> Self {
        let mut database = Self::new();
        resources.iter().for_each(|resource| database.store(resource));
        database
    }

    pub(super) fn run_all(&mut self, sql: &str) {
        match &mut self.link {
            Link::Sqlite(link) => link.batch_execute(sql).unwrap(),
            Link::Postgres(link, _) => link.batch_execute(sql).unwrap(),
        }
    }

    fn run(&mut self, sql: Sql) {
        match &mut self.link {
            Link::Sqlite(link) => sql.execute(link).unwrap(),
            Link::Postgres(link, _) => sql.execute(link).unwrap(),
        };
    }

    fn insert<const N: usize>(&mut self, into: &'static str, binds: [Bind; N]) {
        let values = Sql::join(binds.map(|bind| Sql::of("?", [bind])), ", ");
        let sql = Sql::of("INSERT INTO ", []).push(into, []).push(" VALUES (", []);
        self.run(sql.append(values).push(")", []));
    }

    pub(super) fn store(&mut self, resource: &Value) {
        let rid = self.next;
        self.next += 1;
        let number = ty(resource["resourceType"].as_str().unwrap()).number();
        let id = resource["id"].as_str().unwrap();
        let updated =
            resource.pointer("/meta/lastUpdated").and_then(Value::as_str).unwrap_or("2025-01-01T00:00:00Z");
        let updated = span(updated, &TimeZone::UTC).unwrap().low;
        let body = resource.to_string().into_bytes();
        let binds =
            [rid.into(), number.into(), id.into(), 1.into(), updated.into(), 0.into(), 1.into(), body.into()];
        self.insert("resource", binds);
        let rows = rows(&PARAMETERS, resource, &TimeZone::UTC);
        for mut own in rows.contained.iter().cloned() {
            let inside = contained::number(rid, own.place);
            self.insert("contained", [inside.into(), rid.into(), own.ty.unwrap().into(), own.id.into()]);
            own.rows.renumber(contained::param);
            self.store_rows((own.ty.unwrap(), inside), own.rows);
        }
        self.store_rows((number, rid), rows);
    }

    fn store_rows(&mut self, (number, rid): (i64, i64), rows: IndexRows) {
        for row in rows.tokens {
            self.insert("idx_token", [row.param.into(), row.code.into(), row.system.into(), rid.into()]);
        }
        for row in rows.strings {
            self.insert("idx_string", [row.param.into(), row.folded.into(), row.exact.into(), rid.into()]);
        }
        for row in rows.references {
            let binds = [row.param.into(), row.target_type.into(), row.target_id.into(), rid.into()];
            self.insert("idx_reference", binds);
        }
        for row in rows.dates {
            self.insert("idx_date", [row.param.into(), row.low.into(), row.high.into(), rid.into()]);
        }
        for row in rows.numbers {
            self.insert("idx_number", [row.param.into(), row.low.into(), row.high.into(), rid.into()]);
        }
        for row in rows.quantities {
            let binds = [
                row.param.into(),
                row.low.into(),
                row.high.into(),
                row.system.into(),
                row.code.into(),
                rid.into(),
            ];
            self.insert("idx_quantity", binds);
        }
        for row in rows.uris {
            self.insert("idx_uri", [row.param.into(), row.uri.into(), rid.into()]);
        }
        for row in rows.composites {
            let texts =
                [row.param.into(), row.code.into(), row.system.into(), row.code2.into(), row.system2.into()];
            let spans = [row.low, row.high, row.low2, row.high2, row.place, rid].map(Bind::from);
            let values = Sql::join(texts.into_iter().chain(spans).map(|bind| Sql::of("?", [bind])), ", ");
            self.run(Sql::of("INSERT INTO idx_composite VALUES (", []).append(values).push(")", []));
        }
        rows.texts.into_iter().for_each(|row| self.store_words(rid, row));
        for patient in rows.patients {
            self.insert("idx_compartment", [patient.into(), number.into(), rid.into()]);
        }
    }

    fn store_words(&mut self, rid: i64, row: TextRow) {
        match self.link {
            Link::Sqlite(_) => {
                let binds = [rid.into(), Bind::Text(row.narrative), Bind::Text(row.content)];
                self.insert("full_text (rowid, narrative, content)", binds);
            }
            Link::Postgres(..) => self.run(Sql::of(
                "INSERT INTO idx_text VALUES (?, ?, CAST(? AS tsvector))",
                [rid.into(), row.digest.into(), row.vector().into()],
            )),
        }
    }

    /// The rows of a page.
    pub(super) fn rows(&mut self, plan: &Plan) -> Vec<Keyed> {
        let page = plan.page.clone();
        match plan.sort_keys {
            0 => {
                let rows = load!(&mut self.link, page, Columns, Row);
                rows.into_iter().map(|row| (row, Vec::new())).collect()
            }
            1 => {
                type One = (BigInt, BigInt, Text, BigInt, BigInt, Nullable<Binary>, Nullable<Text>);
                type Sorted = (i64, i64, String, i64, i64, Option<Vec<u8>>, Option<String>);
                let rows = load!(&mut self.link, page, One, Sorted);
                rows.into_iter().map(|(a, b, c, d, e, f, key)| ((a, b, c, d, e, f), vec![key])).collect()
            }
            _ => {
                type Two =
                    (BigInt, BigInt, Text, BigInt, BigInt, Nullable<Binary>, Nullable<Text>, Nullable<Text>);
                type Sorted = (i64, i64, String, i64, i64, Option<Vec<u8>>, Option<String>, Option<String>);
                let rows = load!(&mut self.link, page, Two, Sorted);
                rows.into_iter().map(|(a, b, c, d, e, f, k, l)| ((a, b, c, d, e, f), vec![k, l])).collect()
            }
        }
    }

    /// The ids of the first page.
    pub(super) fn ids(&mut self, query: &Query, restriction: &Restriction) -> Vec<String> {
        let plan = plan(&PARAMETERS, query, restriction).unwrap();
        self.rows(&plan).into_iter().take(plan.limit as usize).map(|((_, _, id, ..), _)| id).collect()
    }

    /// The ids that a search finds, for one who may see everything.
    pub(super) fn find(&mut self, search: &str) -> Vec<String> {
        let query = query(search).unwrap_or_else(|failure| panic!("{search}: {failure:?}"));
        self.ids(&query, &Restriction::none())
    }

    /// The total that a plan counts.
    pub(super) fn total(&mut self, query: &Query, restriction: &Restriction) -> Option<i64> {
        plan(&PARAMETERS, query, restriction).unwrap().total.map(|total| self.number(total))
    }

    /// What a statement counts.
    pub(super) fn number(&mut self, sql: Sql) -> i64 {
        load!(&mut self.link, sql, BigInt, i64)[0]
    }

    /// What goes with the matches of a search.
    pub(super) fn included(&mut self, query: &Query, restriction: &Restriction) -> Vec<String> {
        let rows = self.rows(&plan(&PARAMETERS, query, restriction).unwrap());
        let rids: Vec<i64> = rows.iter().map(|((rid, ..), _)| *rid).collect();
        let plans = query.includes.iter().map(|include| {
            include_plan(&PARAMETERS, &crate::search::Hop { include, from: &rids, most: 100 }, restriction)
        });
        let plans = if rids.is_empty() { Vec::new() } else { plans.collect::<Vec<_>>() };
        let mut found = Vec::new();
        for sql in plans {
            let rows = load!(&mut self.link, sql, Columns, Row);
            found.extend(rows.into_iter().map(|(_, number, id, ..)| {
                format!("{}/{id}", crate::fhir::ResourceType::from_number(number).unwrap())
            }));
        }
        found
    }
}
