//! The keys by which matches are sorted, as columns and as what a position holds of them.
//! <https://hl7.org/fhir/R4/search.html#sort>

use crate::search::kinds;
use crate::search::parameter::Kind;
use crate::search::plan::scope::Scope;
use crate::search::query::Order;
use crate::search::query::Sort;
use crate::search::query::SortBy;
use crate::search::sql::Bind;
use crate::search::sql::Sql;

/// Stands for a missing number; beyond all that measure something.
const BEYOND: f64 = 1e300;

/// What a key's column holds.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Holds {
    /// Instants.
    Integer,
    /// Texts.
    Text,
    /// Numbers.
    Real,
}

/// The key of a row.
pub(super) fn key(sort: &Sort, scope: &Scope) -> Sql {
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
    let counts = match kind {
        // A quantity is sorted by the number that was sent, not by what it is in other units.
        Kind::Quantity => " AND s.system >= 0",
        // A system alone is nothing to sort by.
        Kind::Token => " AND s.code <> ''",
        Kind::String | Kind::Reference | Kind::Date | Kind::Number | Kind::Uri => "",
        Kind::Composite | Kind::Special => "",
    };
    let sql = match sort.joins {
        None => sql.push(" AND s.param = ?", [param.into()]),
        Some(both) => sql.push(" AND s.param IN (?, ?)", both.map(Bind::from)),
    };
    let sql = sql.push(counts, []);
    let sql = sql.push("), ?)", [missing(holds(sort), sort.order)]);
    match holds(sort) {
        // As text it has fewer digits on SQLite than the number itself; so that a position compares with the
        // keys that it came from, all keys go the same way.
        Holds::Real => Sql::of("CAST(CAST(", []).append(sql).push(" AS TEXT) AS DOUBLE PRECISION)", []),
        Holds::Integer | Holds::Text => sql,
    }
}

pub(super) fn holds(sort: &Sort) -> Holds {
    match sort.by {
        SortBy::Updated | SortBy::Parameter(Kind::Date, _) => Holds::Integer,
        SortBy::Parameter(Kind::Number | Kind::Quantity, _) => Holds::Real,
        SortBy::Id | SortBy::Parameter(_, _) => Holds::Text,
    }
}

/// What comes last.
pub(super) fn missing(holds: Holds, order: Order) -> Bind {
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
pub(super) fn bind(holds: Holds, key: &str) -> Bind {
    match holds {
        Holds::Integer => key.parse::<i64>().unwrap_or_default().into(),
        Holds::Text | Holds::Real => key.into(),
    }
}

pub(super) fn bound(holds: Holds, key: &str) -> Sql {
    match holds {
        Holds::Integer | Holds::Text => Sql::of("?", [bind(holds, key)]),
        Holds::Real => Sql::of("CAST(? AS DOUBLE PRECISION)", [bind(holds, key)]),
    }
}
