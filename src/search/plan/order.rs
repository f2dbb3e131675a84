//! The order of the matches, and where a page begins in it. <https://hl7.org/fhir/R4/search.html#sort>
//!
//! Without `_sort` the newest row comes first, and a row's number never changes, so that nothing is repeated or
//! skipped while others write. A resource with several values is sorted by its smallest upwards and by its
//! largest downwards, one without a value comes last either way: a value beyond all others stands for it, so
//! that keys compare without exceptions for NULL.

use crate::search::kinds;
use crate::search::parameter::Kind;
use crate::search::plan::scope::Scope;
use crate::search::query::Order;
use crate::search::query::Query;
use crate::search::query::Sort;
use crate::search::query::SortBy;
use crate::search::sql::Bind;
use crate::search::sql::Sql;

/// No limit, as a number: a limit keeps SQLite from working out a key again wherever it is named.
const UNLIMITED: i64 = i64::MAX;

/// Stands for a missing number; beyond all that measure something.
const BEYOND: f64 = 1e300;

/// The order of a search.
pub(super) struct Ordering<'a> {
    sort: &'a [Sort],
    after: Option<(&'a [Option<String>], i64)>,
}

/// What a key's column holds.
#[derive(Clone, Copy, PartialEq)]
enum Holds {
    Integer,
    Text,
    Real,
}

impl<'a> Ordering<'a> {
    /// The order that a query asks for.
    pub(super) fn of(query: &'a Query) -> Self {
        // A position from another order has other keys, and is no position here.
        let after = query.after.as_ref().filter(|position| position.keys.len() == query.sort.len());
        Self { sort: &query.sort, after: after.map(|position| (position.keys.as_slice(), position.rid)) }
    }

    /// No order at all, for counting.
    pub(super) fn none() -> Self {
        Self { sort: &[], after: None }
    }

    /// Whether the newest row simply comes first.
    pub(super) fn is_by_row(&self) -> bool {
        self.sort.is_empty()
    }

    /// Whether a key is a column of the resource.
    pub(super) fn needs_row(&self) -> bool {
        self.sort.iter().any(|sort| matches!(sort.by, SortBy::Id | SortBy::Updated))
    }

    /// The keys of a row, each with a comma before it: `k0`, `k1`, …
    pub(super) fn keys(&self, scope: &Scope) -> Sql {
        let each = self.sort.iter().enumerate().map(|(at, sort)| {
            Sql::of(", ", []).append(key(sort, scope)).push(" AS ", []).name(format!("k{at}"))
        });
        Sql::join(each, "")
    }

    /// The keys as the page returns them.
    pub(super) fn shown(&self) -> Sql {
        let each = (0..self.sort.len())
            .map(|at| Sql::of(", CAST(q.", []).name(format!("k{at}")).push(" AS TEXT)", []));
        Sql::join(each, "")
    }

    /// The rows after the position, in order, as many as are asked for.
    pub(super) fn limited(&self, rows: Sql, asked: i64) -> Sql {
        if self.is_by_row() {
            let rows = Sql::of("SELECT m.rid FROM (", []).append(rows).push(") m", []);
            let rows = match self.after {
                Some((_, rid)) => rows.push(" WHERE m.rid < ?", [rid.into()]),
                None => rows,
            };
            return rows.push(" ORDER BY m.rid DESC LIMIT ?", [asked.into()]);
        }
        // A column needs no such care, and its index gives the order.
        let rows = match self.sort {
            [Sort { by: SortBy::Updated | SortBy::Id, .. }] => rows,
            _ => rows.push(" LIMIT ?", [UNLIMITED.into()]),
        };
        self.page(rows, asked)
    }

    /// The same for rows whose keys are columns of an index.
    pub(super) fn page(&self, rows: Sql, asked: i64) -> Sql {
        let rows = Sql::of("SELECT m.* FROM (", []).append(rows).push(") m", []);
        let rows = match self.after {
            Some((keys, rid)) => rows.push(" WHERE ", []).append(self.beyond(0, keys, rid)),
            None => rows,
        };
        rows.push(" ORDER BY ", []).append(self.by("m")).push(" LIMIT ?", [asked.into()])
    }

    /// The same for rows without the one key that there is, which come after all others.
    pub(super) fn page_of_missing(&self, rows: Sql, asked: i64) -> Sql {
        let (Some(sort), order) = (self.sort.first(), self.last()) else { return rows };
        let key = missing(holds(sort), sort.order);
        let rows = Sql::of("SELECT m.rid, ? AS k0 FROM (", [key.clone()]).append(rows).push(") m", []);
        let rows = match self.after {
            Some((keys, rid))
                if keys.first().and_then(Option::as_deref).map(|key| bind(holds(sort), key)) == Some(key) =>
            {
                rows.push(" WHERE m.rid", []).push(sign(order), []).push("?", [rid.into()])
            }
            Some(_) | None => rows,
        };
        rows.push(" ORDER BY m.rid", []).push(way(order), []).push(" LIMIT ?", [asked.into()])
    }

    /// The parameter and the way, where a date is the only key.
    pub(super) fn single_date(&self) -> Option<(i64, Order)> {
        match self.sort {
            [Sort { by: SortBy::Parameter(Kind::Date, param), order }] => Some((*param, *order)),
            _ => None,
        }
    }

    /// What stands after ORDER BY.
    pub(super) fn by(&self, alias: &'static str) -> Sql {
        let each = self.sort.iter().enumerate().map(|(at, sort)| {
            Sql::of(alias, []).push(".", []).name(format!("k{at}")).push(way(sort.order), [])
        });
        let rid = Sql::of(alias, []).push(".rid", []).push(way(self.last()), []);
        Sql::join(each.chain([rid]), ", ")
    }

    /// The way in which rows with the same keys are ordered: that of the first key.
    fn last(&self) -> Order {
        self.sort.first().map_or(Order::Descending, |sort| sort.order)
    }

    /// `k0 > v0 OR (k0 = v0 AND (k1 > v1 OR …))`.
    fn beyond(&self, at: usize, keys: &[Option<String>], rid: i64) -> Sql {
        let (Some(sort), Some(value)) = (self.sort.get(at), keys.get(at)) else {
            return Sql::of("m.rid", []).push(sign(self.last()), []).push("?", [rid.into()]);
        };
        let column = Sql::of("m.", []).name(format!("k{at}"));
        let value = bound(holds(sort), value.as_deref().unwrap_or_default());
        // The first of the two says nothing new; it lets an index begin there.
        Sql::of("(", [])
            .append(column.clone())
            .push(from(sort.order), [])
            .append(value.clone())
            .push(" AND (", [])
            .append(column.clone())
            .push(sign(sort.order), [])
            .append(value.clone())
            .push(" OR (", [])
            .append(column)
            .push(" = ", [])
            .append(value)
            .push(" AND ", [])
            .append(self.beyond(at + 1, keys, rid))
            .push(")))", [])
    }
}

/// The key of a row.
fn key(sort: &Sort, scope: &Scope) -> Sql {
    let (kind, param) = match sort.by {
        SortBy::Updated => return scope.column("updated"),
        SortBy::Id => return scope.column("id"),
        SortBy::Parameter(kind, param) => (kind, param),
    };
    let (table, low, high) = kinds::table(kind);
    let (best, column) = match sort.order {
        Order::Ascending => ("min(s.", low),
        Order::Descending => ("max(s.", high),
    };
    let sql =
        Sql::of("coalesce((SELECT ", []).push(best, []).push(column, []).push(") FROM ", []).push(table, []);
    let sql = sql.push(" s WHERE s.rid = ", []).append(scope.column("rid"));
    // A quantity is sorted by the number that was sent, not by what it is in other units.
    let sent = if kind == Kind::Quantity { " AND s.system >= 0" } else { "" };
    let sql = sql.push(" AND s.param = ?", [param.into()]).push(sent, []);
    let sql = sql.push("), ?)", [missing(holds(sort), sort.order)]);
    match holds(sort) {
        // As text it has fewer digits on SQLite than the number itself; so that a position compares with the
        // keys that it came from, all keys go the same way.
        Holds::Real => Sql::of("CAST(CAST(", []).append(sql).push(" AS TEXT) AS DOUBLE PRECISION)", []),
        Holds::Integer | Holds::Text => sql,
    }
}

fn holds(sort: &Sort) -> Holds {
    match sort.by {
        SortBy::Updated | SortBy::Parameter(Kind::Date, _) => Holds::Integer,
        SortBy::Parameter(Kind::Number | Kind::Quantity, _) => Holds::Real,
        SortBy::Id | SortBy::Parameter(_, _) => Holds::Text,
    }
}

/// What comes last.
fn missing(holds: Holds, order: Order) -> Bind {
    match (holds, order) {
        (Holds::Integer, Order::Ascending) => i64::MAX.into(),
        (Holds::Integer, Order::Descending) => i64::MIN.into(),
        (Holds::Real, Order::Ascending) => BEYOND.into(),
        (Holds::Real, Order::Descending) => (-BEYOND).into(),
        (Holds::Text, Order::Ascending) => char::MAX.to_string().into(),
        (Holds::Text, Order::Descending) => "".into(),
    }
}

/// A key of a position, as what it was; a position is sealed, so that it holds what a page returned.
fn bind(holds: Holds, key: &str) -> Bind {
    match holds {
        Holds::Integer => key.parse::<i64>().unwrap_or_default().into(),
        Holds::Text | Holds::Real => key.into(),
    }
}

fn bound(holds: Holds, key: &str) -> Sql {
    match holds {
        Holds::Integer | Holds::Text => Sql::of("?", [bind(holds, key)]),
        Holds::Real => Sql::of("CAST(? AS DOUBLE PRECISION)", [bind(holds, key)]),
    }
}

fn way(order: Order) -> &'static str {
    match order {
        Order::Ascending => "",
        Order::Descending => " DESC",
    }
}

fn sign(order: Order) -> &'static str {
    match order {
        Order::Ascending => " > ",
        Order::Descending => " < ",
    }
}

fn from(order: Order) -> &'static str {
    match order {
        Order::Ascending => " >= ",
        Order::Descending => " <= ",
    }
}
