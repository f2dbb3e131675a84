//! A search sorted first by a date, a text, a code or a URI, such as the latest observations of a kind or a roster by
//! family name: a walk of the index of that parameter, which ends when the page is full, with the resources that have
//! none after it. Further keys are worked out for the rows that are walked alone: both databases sort what has the
//! same first key, block by block. With the one key alone nothing is sorted (see [`order`](super::order)). Numbers have no such walk, for their keys are compared as text gives them back.

use crate::search::parameter::Kind;
use crate::search::plan::driver::Driver;
use crate::search::plan::driver::Found;
use crate::search::plan::driver::Width;
use crate::search::plan::key::Columns;
use crate::search::plan::order::Ordering;
use crate::search::plan::rows::Search;
use crate::search::plan::scope::Scope;
use crate::search::plan::scope::any;
use crate::search::query::Order;
use crate::search::query::Rows;
use crate::search::query::Test;
use crate::search::sql::Sql;

/// An index with the order of the first key.
#[derive(Clone, Copy)]
struct Index {
    param: i64,
    columns: Columns,
    order: Order,
}

impl Index {
    fn of(ordering: &Ordering) -> Option<Self> {
        let (kind, param, order) = ordering.leading()?;
        Some(Self { param, columns: Columns::of(kind, order)?, order })
    }

    /// The rows of the parameter that have a key.
    fn rows(&self, alias: &'static str) -> Sql {
        let sql = Sql::of(alias, []).push(".param = ?", [self.param.into()]);
        let Columns { key, filter, .. } = self.columns;
        if filter.is_empty() {
            return sql;
        }
        sql.push(" AND ", []).push(alias, []).push(".", []).push(key, []).push(filter, [])
    }
}

/// The matches in the order of their first key; none where no index has that order.
pub(super) fn walk(search: &Search, ordering: &Ordering, asked: i64) -> Option<Sql> {
    let index = Index::of(ordering)?;
    let with = ordering.page(with_key(search, ordering, &index), asked);
    let without = ordering.page_of_missing(without_key(search, ordering, &index), asked);
    let (first, second) = ordering.in_turn(with, without);
    // The rest is looked for only where the first part does not fill the page: else it would be a search for nothing.
    let both = Sql::of("WITH first AS MATERIALIZED (", []).append(first);
    let both = both.push(
        ") SELECT u.* FROM (SELECT first.* FROM first UNION ALL SELECT b.* FROM (SELECT c.* FROM (",
        [],
    );
    let rest = ") c LIMIT (SELECT CASE WHEN count(*) < ? THEN ? ELSE 0 END FROM first)) b) u ORDER BY ";
    let both = both.append(second).push(rest, [asked.into(), asked.into()]);
    Some(both.append(ordering.by("u")).limit(asked))
}

/// Those with a key, each by the one of its rows that counts.
fn with_key(search: &Search, ordering: &Ordering, index: &Index) -> Sql {
    let sign = match index.order {
        Order::Ascending => " < d0.",
        Order::Descending => " > d0.",
    };
    let column = |of: &'static str, name: &'static str| Sql::of(of, []).push(name, []);
    let beats = |name: &'static str| column("y.", name).push(sign, []).push(name, []);
    let Columns { table, key, second, .. } = index.columns;
    let filter = index.rows("d0").push(" AND NOT EXISTS (SELECT 1 FROM ", []).push(table, []);
    let filter = filter.push(" y WHERE y.rid = d0.rid AND ", []).append(index.rows("y")).push(" AND (", []);
    let filter = filter.append(beats(key));
    let filter = match second {
        None => filter,
        Some(second) => {
            let same = column("y.", key).push(" = ", []).append(column("d0.", key));
            filter.push(" OR (", []).append(same).push(" AND ", []).append(beats(second)).push(")", [])
        }
    };
    let from = Sql::default().push(table, []).push(" d0", []);
    let filter = filter.push("))", []);
    // What is asked of the key itself is asked of its row: where that fails, nothing is looked up. The sign keeps SQLite
    // from another index, whose rows it would have to sort.
    let of_key = asked_of_key(search, index);
    let filter = match of_key {
        Some((_, rows)) => filter.either(" AND +(", " AND (").append(any(&rows.any)).push(")", []),
        None => filter,
    };
    let criterion = of_key.map(|(at, _)| at);
    let driver = Driver { criterion, ..Driver::of((from, filter), Width::All, Found::Once) };
    let needs_row = search.seen.needs_row(search.query) || ordering.needs_row();
    let scope = if needs_row { Scope::row(0) } else { Scope::found(0) };
    let keys = Sql::of(", ", []).append(column("d0.", key)).push(" AS k0", []);
    let keys = match second.filter(|_| ordering.in_index() > 1) {
        Some(second) => keys.push(", ", []).append(column("d0.", second)).push(" AS k1", []),
        None => keys,
    };
    search.begun(&driver, keys.append(ordering.further_keys(&scope)), &scope)
}

/// The criterion that asks for the dates by which is sorted, where a resource has one at most: its place, and its rows.
fn asked_of_key<'a>(search: &'a Search, index: &Index) -> Option<(usize, &'a Rows)> {
    let parameter = search.seen.parameters.by_number(index.param)?;
    if parameter.kind != Kind::Date || !parameter.is_single {
        return None;
    }
    search.query.criteria.iter().enumerate().find_map(|(at, criterion)| {
        let Test::Index(rows) = &criterion.test else { return None };
        let is_key = rows.param == index.param && rows.also.is_none() && !criterion.negated;
        is_key.then_some((at, rows))
    })
}

/// Those without.
fn without_key(search: &Search, ordering: &Ordering, index: &Index) -> Sql {
    let scope = Scope::row(0);
    let has = Sql::of(" AND NOT EXISTS (SELECT 1 FROM ", []).push(index.columns.table, []);
    let has = has.push(" x WHERE x.rid = r0.rid AND ", []).append(index.rows("x")).push(")", []);
    search.walked(ordering.further_keys(&scope)).append(has)
}
