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

/// An index whose rows stand in the order of a key.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    pub(super) table: &'static str,
    /// The column of the key.
    pub(super) key: &'static str,
    /// The column that tells rows with the same key apart, where there is one.
    pub(super) second: Option<&'static str>,
    /// What else of the key's column a row meets that has a key.
    pub(super) filter: &'static str,
}

impl Columns {
    /// Those of a kind; none where no index has its keys in order.
    pub(super) fn of(kind: Kind, order: Order) -> Option<Self> {
        let (table, key, second) = match (kind, order) {
            (Kind::Date, Order::Ascending) => ("idx_date", "low", Some("high")),
            (Kind::Date, Order::Descending) => ("idx_date", "high", Some("low")),
            (Kind::String, _) => ("idx_string", "folded", Some("exact")),
            (Kind::Token, _) => ("idx_token", "code", Some("system")),
            (Kind::Uri, _) => ("idx_uri", "uri", None),
            (Kind::Reference | Kind::Number | Kind::Quantity | Kind::Composite | Kind::Special, _) => {
                return None;
            }
        };
        // A system without a code is nothing to sort by, and downwards an empty text would sort like nothing at all.
        let filter = match (kind, order) {
            (Kind::Date, _) => "",
            (Kind::Token, _) | (_, Order::Descending) => " <> ''",
            (_, Order::Ascending) => "",
        };
        Some(Self { table, key, second, filter })
    }
}

/// The key of a row.
pub(super) fn key(sort: &Sort, scope: &Scope) -> Sql {
    let (kind, param) = match sort.by {
        SortBy::Updated => return scope.column("updated"),
        SortBy::Id => return scope.column("id"),
        SortBy::Parameter(kind, param) => (kind, param),
        SortBy::Second(kind, param) => return second_key(sort, (kind, param), scope),
    };
    let (table, low, high) = kinds::table(kind);
    // The sign keeps SQLite from walking the parameter in the order of its values until it meets the row, which it does
    // where it cannot tell how few rows a resource has: 20 s for a list of 35,000 observations.
    let sql = Sql::of("coalesce((SELECT ", []);
    let sql = match sort.order {
        Order::Ascending => sql.either("min(+s.", "min(s.").push(low, []),
        Order::Descending => sql.either("max(+s.", "max(s.").push(high, []),
    };
    let sql = sql.push(") FROM ", []).push(table, []);
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
        None => sql.append(of_row(param)),
        Some(both) => sql.either(" AND s.param", " AND s.param + 0").push(" IN (?, ?)", both.map(Bind::from)),
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

/// The row of the index is one of the parameter's. The sum keeps PostgreSQL from walking the parameter in the order of its
/// values until it meets the row (see [`Scope::by_row`]).
fn of_row(param: i64) -> Sql {
    Sql::default().either(" AND s.param", " AND s.param + 0").push(" = ?", [param.into()])
}

/// What stands beside the key in the row of the index that gives the key.
fn second_key(sort: &Sort, (kind, param): (Kind, i64), scope: &Scope) -> Sql {
    let missing = missing(holds(sort), sort.order);
    let Some(Columns { table, key, second: Some(second), filter }) = Columns::of(kind, sort.order) else {
        return Sql::of("?", [missing]);
    };
    let sql = Sql::of("coalesce((SELECT s.", []).push(second, []).push(" FROM ", []).push(table, []);
    let sql = sql.push(" s WHERE s.rid = ", []).append(scope.column("rid"));
    let sql = sql.append(of_row(param));
    let sql = match filter {
        "" => sql,
        filter => sql.push(" AND s.", []).push(key, []).push(filter, []),
    };
    let way = match sort.order {
        Order::Ascending => "",
        Order::Descending => " DESC",
    };
    let sql = sql.either(" ORDER BY +s.", " ORDER BY s.").push(key, []).push(way, []);
    let sql = sql.push(", s.", []).push(second, []);
    sql.push(way, []).push(" LIMIT 1), ?)", [missing])
}

/// What tells apart rows with the same key, where the index of that key has more than the number to do so.
pub(super) fn second(sort: &Sort) -> Option<Sort> {
    let Sort { by: SortBy::Parameter(kind, param), order, joins: None } = sort else { return None };
    Columns::of(*kind, *order)?.second?;
    Some(Sort { by: SortBy::Second(*kind, *param), order: *order, joins: None })
}

pub(super) fn holds(sort: &Sort) -> Holds {
    match sort.by {
        // Beside a code stands the number of its system.
        SortBy::Updated | SortBy::Parameter(Kind::Date, _) | SortBy::Second(Kind::Date | Kind::Token, _) => {
            Holds::Integer
        }
        SortBy::Parameter(Kind::Number | Kind::Quantity, _) => Holds::Real,
        SortBy::Id | SortBy::Parameter(_, _) | SortBy::Second(_, _) => Holds::Text,
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
