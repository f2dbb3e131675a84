//! The versions of one resource, of a type or of all types, by their time. <https://hl7.org/fhir/R4/http.html#history>
//!
//! A version's place in time is when it was written and which resource it is of: no two have the same, and none
//! ever moves. So a page is a walk along the indexes of both tables from such a place on, merged by the database, and
//! what others write meanwhile repeats no version. Types are walked one by one, since a caller who sees a few rare ones
//! would else pass over all that is not theirs.
//!
//! A version is never seen before one with an earlier time: a walk by time ends where the first write under way may
//! still add something ([`moment`](crate::store::moment)). So who has walked to the end, or asks for what is not older
//! than the newest version it has, misses nothing. The history of one resource goes by the versions' numbers, which are
//! given one after another, and shows each at once.
//!
//! A caller who is held to a patient sees a version that stood in the patient's compartment at its time, as long as
//! the resource stands there now, or did when it was deleted: what was filed under the wrong patient and corrected
//! is not shown to somebody whom it was never about. Nor are those versions that are kept from the patient, whatever
//! became of the resource since: each is judged by what it held itself.

pub(crate) mod judged;
mod narrowed;

use diesel::result::QueryResult;
use diesel::sql_types::BigInt;

use crate::fhir::ResourceType;
use crate::fhir::datetime::Micros;
use crate::search::query::Order;
use crate::search::sql::Bind;
use crate::search::sql::Sql;
use crate::store::connection::Conn;
use crate::store::history::narrowed::of_types;
use crate::store::history::narrowed::stood;
use crate::store::resources::Narrow;
use crate::store::stored::Stored;
use crate::store::stored::StoredRow;

/// Which versions, and in which order.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    /// Whose.
    pub(crate) of: Of,
    /// Written at this time or later.
    pub(crate) since: Option<Micros>,
    /// Written at this time or earlier.
    pub(crate) until: Option<Micros>,
    /// Still current at this time, or a deletion of this time or later.
    pub(crate) current_at: Option<Micros>,
    /// By their time.
    pub(crate) order: Order,
    /// Only what comes behind this place in the order.
    pub(crate) after: Option<Place>,
}

/// Whose versions.
#[derive(Clone, Debug)]
pub(crate) enum Of {
    /// Of the resource with this number.
    One(i64, Narrow),
    /// Of these types, as far as each is seen.
    Types(Vec<(Narrow, Vec<ResourceType>)>),
}

/// A version's place in the order: its number among those of one resource, else its time; and its resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The version, or when it was written.
    pub(crate) at: i64,
    /// The resource.
    pub(crate) rid: i64,
}

/// The first versions of a walk.
pub(crate) fn page(conn: &mut Conn, walk: &Walk, count: i64) -> QueryResult<Vec<Stored>> {
    let arms = arms(conn, walk)?;
    if arms.is_empty() {
        return Ok(Vec::new());
    }
    let query = merged(conn, walk, arms, count);
    Ok(conn.load_rows::<StoredRow>(query)?.into_iter().map(|row| row.0).collect())
}

/// The rows of all arms in the walk's order. SQLite merges arms that an index has in this order, and stops when it has
/// enough. PostgreSQL does so only with those that say for themselves how they are ordered and how many are wanted.
fn merged(conn: &Conn, walk: &Walk, arms: Vec<(Table, Sql)>, count: i64) -> Sql {
    let order = match (&walk.of, walk.order) {
        (Of::One(..), Order::Descending) => " ORDER BY 4 DESC",
        (Of::One(..), Order::Ascending) => " ORDER BY 4",
        (Of::Types(_), Order::Descending) => " ORDER BY 5 DESC, 1 DESC",
        (Of::Types(_), Order::Ascending) => " ORDER BY 5, 1",
    };
    let arms = arms.into_iter().map(|(table, from)| {
        let arm = Sql::of(table.columns(), []).append(from);
        if conn.is_sqlite() {
            arm
        } else {
            Sql::of("(", []).append(arm).push(order, []).limit(count).push(")", [])
        }
    });
    let query = Sql::join(arms, " UNION ALL ").push(order, []).limit(count);
    if matches!(walk.of, Of::One(..)) { query.planned() } else { query.volatile() }
}

/// How many versions a walk has, wherever it begins.
pub(crate) fn count(conn: &mut Conn, walk: &Walk) -> QueryResult<i64> {
    let arms = arms(conn, &Walk { after: None, ..walk.clone() })?;
    if arms.is_empty() {
        return Ok(0);
    }
    let arms = arms.into_iter().map(|(_, from)| Sql::of("SELECT 1 AS one", []).append(from));
    let query = Sql::of("SELECT count(*) FROM (", []).append(Sql::join(arms, " UNION ALL ")).push(") v", []);
    Ok(conn.load::<(BigInt,), (i64,)>(query.volatile())?.first().map_or(0, |row| row.0))
}

/// An earlier version than the current one, where it may be seen.
pub(crate) fn earlier(
    conn: &mut Conn,
    rid: i64,
    version: i64,
    narrow: &Narrow,
) -> QueryResult<Option<Stored>> {
    let query = Sql::of(Table::Earlier.columns(), []).push(
        " FROM history h CROSS JOIN resource r WHERE h.rid = ? AND h.version = ? AND r.rid = h.rid",
        [rid.into(), version.into()],
    );
    let query = query.append(stood(narrow)).append(narrow.sql());
    Ok(conn.load_rows::<StoredRow>(query)?.pop().map(|row| row.0))
}

/// The two tables that hold versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    Current,
    Earlier,
}

impl Table {
    fn columns(self) -> &'static str {
        match self {
            Table::Current => "SELECT r.rid, r.type, r.id, r.version, r.updated, r.deleted, r.method, r.body",
            Table::Earlier => "SELECT h.rid, r.type, r.id, h.version, h.updated, h.deleted, h.method, h.body",
        }
    }

    fn column(self, name: &'static str) -> Sql {
        Sql::of(if self == Table::Current { "r." } else { "h." }, []).push(name, [])
    }
}

/// What the statement is put together from: for each table and part of what is asked for, where its rows come from.
fn arms(conn: &mut Conn, walk: &Walk) -> QueryResult<Vec<(Table, Sql)>> {
    let mut arms = Vec::new();
    match &walk.of {
        Of::One(rid, narrow) => arms.extend(of_one(*rid, narrow)),
        Of::Types(groups) => {
            let present = present(conn)?;
            for (narrow, types) in groups {
                let types: Vec<Bind> = types
                    .iter()
                    .map(|ty| ty.number())
                    .filter(|ty| present.contains(ty))
                    .map(Bind::from)
                    .collect();
                if !types.is_empty() {
                    arms.extend(of_types(narrow, types));
                }
            }
        }
    }
    Ok(arms.into_iter().map(|(table, from)| (table, from.append(bounds(walk, table)))).collect())
}

fn of_one(rid: i64, narrow: &Narrow) -> [(Table, Sql); 2] {
    let current = Sql::of(" FROM resource r WHERE r.rid = ?", [rid.into()]).append(narrow.sql());
    let earlier =
        Sql::of(" FROM history h CROSS JOIN resource r WHERE h.rid = ? AND r.rid = h.rid", [rid.into()]);
    [(Table::Current, current), (Table::Earlier, earlier.append(stood(narrow)).append(narrow.sql()))]
}

/// The walk's own conditions.
fn bounds(walk: &Walk, table: Table) -> Sql {
    let number = if table == Table::Current { "r.rid" } else { "(h.rid + h.version)" };
    let mut sql = Sql::of(" AND ", []).in_time_by(number).push("1 = 1", []);
    if let Some(since) = walk.since {
        sql = sql.push(" AND ", []).append(table.column("updated")).push(" >= ?", [since.into()]);
    }
    if let Some(until) = walk.until {
        sql = sql.push(" AND ", []).append(table.column("updated")).push(" <= ?", [until.into()]);
    }
    if let Some(at) = walk.current_at {
        sql = sql.append(was_current(table, at));
    }
    let Some(after) = walk.after else { return sql };
    let key = if matches!(walk.of, Of::One(..)) { "version" } else { "updated" };
    let compared = match walk.order {
        Order::Descending => ") < (?, ?)",
        Order::Ascending => ") > (?, ?)",
    };
    let sql = sql.push(" AND (", []).append(table.column(key)).push(", ", []).append(table.column("rid"));
    sql.push(compared, [after.at.into(), after.rid.into()])
}

/// A version is current until the next one is written; a deletion is something that happens.
fn was_current(table: Table, at: Micros) -> Sql {
    match table {
        Table::Current => Sql::of(" AND (r.deleted = 0 OR r.updated >= ?)", [at.into()]),
        Table::Earlier => Sql::of(
            " AND CASE WHEN h.deleted = 1 THEN h.updated ELSE COALESCE((SELECT n.updated FROM history n \
             WHERE n.rid = h.rid AND n.version = h.version + 1), r.updated) - 1 END >= ?",
            [at.into()],
        ),
    }
}

/// The types of which there is anything, found by one look-up in the index for each.
fn present(conn: &mut Conn) -> QueryResult<Vec<i64>> {
    let query = Sql::of(
        "WITH RECURSIVE present (type) AS (SELECT min(type) FROM resource UNION ALL \
         SELECT (SELECT min(r.type) FROM resource r WHERE r.type > present.type) FROM present \
         WHERE present.type IS NOT NULL) SELECT type FROM present WHERE type IS NOT NULL",
        [],
    );
    Ok(conn.load::<(BigInt,), (i64,)>(query)?.into_iter().map(|row| row.0).collect())
}

#[cfg(test)]
mod tests {
    use diesel::sql_types::Text;

    use super::*;
    use crate::store::Db;
    use crate::store::fresh::on_each;

    /// What the database means to do, a line for each step.
    fn steps(conn: &mut Conn, walk: &Walk) -> Vec<String> {
        let patient = ResourceType::parse("Patient").expect("a type").number();
        let arms = match &walk.of {
            Of::One(rid, narrow) => of_one(*rid, narrow).into(),
            Of::Types(groups) => of_types(&groups[0].0, vec![patient.into(), (patient + 1).into()]),
        };
        let arms = arms.into_iter().map(|(table, from)| (table, from.append(bounds(walk, table)))).collect();
        let query = merged(conn, walk, arms, 21);
        if conn.is_sqlite() {
            let query = Sql::of("EXPLAIN QUERY PLAN ", []).append(query);
            let rows = conn.load::<(BigInt, BigInt, BigInt, Text), (i64, i64, i64, String)>(query);
            return rows.expect("SQLite explains").into_iter().map(|row| row.3).collect();
        }
        // Tables this small it would rather read whole; the question is whether it has another way.
        conn.batch("SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off").unwrap();
        let rows = conn.load::<(Text,), (String,)>(Sql::of("EXPLAIN ", []).append(query));
        rows.expect("PostgreSQL explains").into_iter().map(|row| row.0).collect()
    }

    #[test]
    fn a_page_is_a_walk_along_the_indexes_without_sorting_or_reading_all() {
        let types = Of::Types(vec![(Narrow::All, Vec::new())]);
        on_each(|url| {
            let db = Db::open(url, 2).unwrap();
            for of in [types.clone(), Of::One(7, Narrow::All)] {
                for (order, after) in [
                    (Order::Descending, None),
                    (Order::Descending, Some(Place { at: 9, rid: 7 })),
                    (Order::Ascending, Some(Place { at: 9, rid: 7 })),
                ] {
                    let (since, until) = (Some(1), Some(99));
                    let walk = Walk { of: of.clone(), since, until, current_at: None, order, after };
                    let steps = db.read(|conn| Ok(steps(conn, &walk))).unwrap();
                    let costly = ["SCAN h", "SCAN r", "TEMP B-TREE", "Seq Scan"];
                    let costly = |step: &String| costly.iter().any(|sign| step.contains(sign));
                    // The one current version of a resource PostgreSQL sorts with itself.
                    let sorted =
                        matches!(of, Of::Types(_)) && steps.iter().any(|step| step.contains("Sort  ("));
                    let shown = steps.join("\n");
                    assert!(!steps.iter().any(costly) && !sorted, "{of:?} {order:?} {after:?}\n{shown}");
                    assert!(steps.iter().any(|step| step.to_lowercase().contains("index")), "{shown}");
                }
            }
        });
    }
}
