//! Searches for contained resources. <https://hl7.org/fhir/R4/search.html#contained>
//!
//! They begin, like others, with their narrowest condition, or with all contained resources of the type where no
//! condition can be looked up; what they find is collected and sorted, for few resources contain anything. A container
//! is shown once for all that match in it, so that with sort keys, of which it has the best of its matches, all matches
//! are put together before a page is taken. Without them a page takes as many rows of each search as it has.
//!
//! On SQLite and PostgreSQL such a search is a walk of the condition's index with a look-up by number for each row, and
//! of `contained_container` where there is no condition.
//!
//! The caller sees what is contained where they see the container, whatever types the two have.

use crate::search::plan::order::Ordering;
use crate::search::plan::rows::Search;
use crate::search::plan::scope::Scope;
use crate::search::plan::several::united;
use crate::search::query::Order;
use crate::search::query::Shown;
use crate::search::sql::Sql;

impl Search<'_> {
    /// All matches among contained resources with their keys: the numbers of their containers, or their own.
    pub(super) fn inside(&self, ordering: &Ordering) -> Sql {
        let scope = Scope::inside(0);
        let is_unique = self.driver.as_ref().is_none_or(|driver| driver.is_unique());
        let select = match (self.query.shown, is_unique) {
            (Shown::Container, _) => "SELECT DISTINCT r0.container AS rid",
            (Shown::Contained, false) => "SELECT DISTINCT r0.rid AS rid",
            (Shown::Contained, true) => "SELECT r0.rid AS rid",
        };
        let sql = Sql::of(select, []).append(ordering.keys(&scope)).push(" FROM ", []);
        let Some(driver) = &self.driver else {
            let of_type = "contained r0 WHERE r0.type = ?";
            return self.filtered(sql.push(of_type, [self.query.ty.number().into()]), &scope, None);
        };
        // The numbers of a parameter are those of all types that have it.
        let joined = " CROSS JOIN contained r0 WHERE r0.rid = d0.rid AND r0.type = ? AND ";
        let sql = sql.append(driver.from.clone()).push(joined, [self.query.ty.number().into()]);
        self.filtered(sql.append(driver.filter.clone()), &scope, driver.criterion)
    }
}

/// The rows of a page, at most as many as are asked for.
pub(super) fn rows(each: &[Search], ordering: &Ordering, asked: i64) -> Sql {
    // The keys of each search are those of its own type.
    let alone = |search: &Search| {
        let own = Ordering::of(search.query);
        if search.query.is_inside { own.limited(search.inside(&own), asked) } else { search.rows(asked) }
    };
    let is_shown_once = each.iter().any(|search| search.query.shown == Shown::Container);
    if is_shown_once && !ordering.is_by_row() {
        let all = united(each.iter().map(|search| search.every(&Ordering::of(search.query))));
        let sql = Sql::of("SELECT g.rid", []).append(ordering.best_keys("g")).push(" FROM (", []);
        return ordering.limited(sql.append(all).push(") g GROUP BY g.rid", []), asked);
    }
    let all = united(each.iter().map(alone));
    let sql = Sql::of(if is_shown_once { "SELECT DISTINCT u.* FROM (" } else { "SELECT u.* FROM (" }, []);
    sql.append(all).push(") u ORDER BY ", []).append(ordering.by("u")).limit(asked)
}

/// How many matches there are, each container once.
pub(super) fn total(each: &[Search]) -> Sql {
    let all = united(each.iter().map(|search| search.every(&Ordering::none())));
    let sql = Sql::of("SELECT count(*) AS n FROM (SELECT DISTINCT u.rid FROM (", []);
    sql.append(all).push(") u) q", [])
}

impl Ordering<'_> {
    /// The keys of several rows of one resource: the one that comes first.
    fn best_keys(&self, alias: &'static str) -> Sql {
        let each = self.orders().enumerate().map(|(at, order)| {
            let best = match order {
                Order::Ascending => ", min(",
                Order::Descending => ", max(",
            };
            let sql = Sql::of(best, []).push(alias, []).push(".", []).name(format!("k{at}"));
            sql.push(") AS ", []).name(format!("k{at}"))
        });
        Sql::join(each, "")
    }
}
