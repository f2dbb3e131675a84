//! A search sorted by one date alone, such as the latest observations of a kind: a walk of the date's index, which
//! ends when the page is full, with the resources that have no date after it.

use crate::search::parameter::Kind;
use crate::search::plan::driver::Driver;
use crate::search::plan::order::Ordering;
use crate::search::plan::rows::Search;
use crate::search::plan::scope::Scope;
use crate::search::plan::scope::has_row;
use crate::search::query::Order;
use crate::search::query::Rows;
use crate::search::sql::Sql;

/// The matches in the order of their date; none where another order is asked for.
pub(super) fn walk(search: &Search, ordering: &Ordering, asked: i64) -> Option<Sql> {
    let (param, order) = ordering.single_date()?;
    let dated = || ordering.page(dated(search, param, order), asked);
    let undated = ordering.page_of_missing(undated(search, param), asked);
    // The rest is looked for only where the dated ones do not fill the page: else it would be a search for nothing.
    let rest = Sql::of("SELECT c.* FROM (", [])
        .append(undated)
        .push(
            ") c LIMIT (SELECT CASE WHEN count(*) < ? THEN ? ELSE 0 END FROM (",
            [asked.into(), asked.into()],
        )
        .append(dated())
        .push(") g)", []);
    let both = Sql::of("SELECT a.* FROM (", []).append(dated()).push(") a UNION ALL SELECT b.* FROM (", []);
    let both = Sql::of("SELECT u.* FROM (", []).append(both).append(rest).push(") b) u ORDER BY ", []);
    Some(both.append(ordering.by("u")).push(" LIMIT ?", [asked.into()]))
}

/// Those with a date, each by the one of its dates that counts.
fn dated(search: &Search, param: i64, order: Order) -> Sql {
    let (key, further) = match order {
        Order::Ascending => (", d0.low AS k0", "y.low < d0.low OR (y.low = d0.low AND y.high < d0.high)"),
        Order::Descending => (", d0.high AS k0", "y.high > d0.high OR (y.high = d0.high AND y.low > d0.low)"),
    };
    let filter = Sql::of(
        "d0.param = ? AND NOT EXISTS (SELECT 1 FROM idx_date y WHERE y.rid = d0.rid AND y.param = ? AND (",
        [param.into(), param.into()],
    );
    let driver = Driver::once(Sql::of("idx_date d0", []), filter.push(further, []).push("))", []));
    let scope = if search.seen.needs_row(search.query) { Scope::row(0) } else { Scope::found(0) };
    search.begun(&driver, Sql::of(key, []), &scope)
}

/// Those without.
fn undated(search: &Search, param: i64) -> Sql {
    let any = Rows { kind: Kind::Date, param, any: Vec::new() };
    search.walked(Sql::default()).push(" AND NOT ", []).append(has_row(&any, &Scope::row(0)))
}
