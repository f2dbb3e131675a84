//! Searches for contained resources. <https://hl7.org/fhir/R4/search.html#contained>
//!
//! They begin, like others, with their narrowest condition, or with all contained resources of the type where no
//! condition can be looked up; what they find is collected and sorted, for few resources contain anything. A container
//! is shown once for all that match in it, so that with sort keys, of which it has the best of its matches, all its
//! matches are put together before a page is taken. A resource in which nothing of the types stands has but its own
//! keys: such are found as in any other search, by a walk in their order where an index has it, so that a page of
//! `both` costs what it costs without contained resources and what there is of these, however large the type.
//! Without sort keys a page takes as many rows of each search as it has.
//!
//! On SQLite and PostgreSQL such a search is a walk of the condition's index with a look-up by number for each row, and
//! of `contained_container` where there is no condition.
//!
//! The caller sees what is contained where they see the container, whatever types the two have.

use crate::search::plan::driver::Driver;
use crate::search::plan::driver::Found;
use crate::search::plan::driver::Width;
use crate::search::plan::gate::Gate;
use crate::search::plan::gate::few_or_many;
use crate::search::plan::order::Ordering;
use crate::search::plan::rows::Search;
use crate::search::plan::scope::END;
use crate::search::plan::scope::Scope;
use crate::search::plan::several::united;
use crate::search::query::Order;
use crate::search::query::Shown;
use crate::search::sql::Sql;

impl Search<'_> {
    /// All matches among contained resources with their keys: the numbers of their containers, or their own. Where much
    /// stands at the end of a chain, what is contained is the less.
    pub(super) fn inside(&self, ordering: &Ordering) -> Sql {
        match &self.driver {
            Some(driver) if driver.probe.is_some() => {
                let ways = (self.inside_from(Some(driver), ordering), self.inside_from(None, ordering));
                few_or_many(&Gate::of(driver, false), ways, i64::MAX)
            }
            driver => self.inside_from(driver.as_ref(), ordering),
        }
    }

    /// The same from the rows of a condition on, or from all that is contained.
    fn inside_from(&self, driver: Option<&Driver>, ordering: &Ordering) -> Sql {
        let scope = Scope::inside(0);
        let is_unique = driver.is_none_or(Driver::is_unique);
        let select = match (self.query.shown, is_unique) {
            (Shown::Container, _) => "SELECT DISTINCT r0.container AS rid",
            (Shown::Contained, false) => "SELECT DISTINCT r0.rid AS rid",
            (Shown::Contained, true) => "SELECT r0.rid AS rid",
        };
        let sql = Sql::of(select, []).append(ordering.keys(&scope)).push(" FROM ", []);
        let Some(driver) = driver else {
            let sql = sql.push("contained r0 WHERE ", []).in_time("r0");
            let of_type = "r0.type = ?";
            return self.filtered(sql.push(of_type, [self.query.ty.number().into()]), &scope, None);
        };
        // The numbers of a parameter are those of all types that have it.
        let sql = sql.append(driver.from.clone()).push(" CROSS JOIN contained r0 WHERE ", []).in_time("d0");
        let joined = "r0.rid = d0.rid AND r0.type = ? AND ";
        let sql = sql.push(joined, [self.query.ty.number().into()]);
        self.filtered(sql.append(driver.filter.clone()), &scope, driver.criterion)
    }

    /// The matches of their own in which something of these types stands, with their keys: few, and begun with.
    fn among_containers(&self, types: &[i64]) -> Sql {
        let ordering = Ordering::of(self.query);
        let from = Sql::of("(SELECT DISTINCT z.container AS rid FROM contained z WHERE z.type IN (", []);
        let from = from.append(numbers(types)).push(")) d0", []);
        let of_type = Sql::of("r0.type = ? AND r0.deleted = 0", [self.query.ty.number().into()]);
        let driver = Driver::of((from, of_type), Width::Owned, Found::Once);
        let scope = Scope::row(0);
        self.begun(&driver, ordering.keys(&scope), &scope)
    }

    /// The same search for those in which nothing of these types stands.
    fn beside_containers(&self, types: &[i64]) -> Search<'_> {
        Search { driver: self.driver.clone(), without: types.to_vec(), ..*self }
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
        return sorted(each, ordering, asked);
    }
    let all = united(each.iter().map(alone));
    let sql = Sql::of(if is_shown_once { "SELECT DISTINCT u.* FROM (" } else { "SELECT u.* FROM (" }, []);
    sql.append(all).push(") u ORDER BY ", []).append(ordering.by("u")).limit(asked)
}

/// The same where a resource has the best keys of all that matches in it.
fn sorted(each: &[Search], ordering: &Ordering, asked: i64) -> Sql {
    let (inside, own): (Vec<&Search>, Vec<&Search>) = each.iter().partition(|search| search.query.is_inside);
    let mut types: Vec<i64> = inside.iter().map(|search| search.query.ty.number()).collect();
    types.dedup();
    let nested = own.iter().map(|search| search.among_containers(&types));
    let matches = inside.iter().map(|search| search.inside(&Ordering::of(search.query))).chain(nested);
    let sql = Sql::of("SELECT g.rid", []).append(ordering.best_keys("g")).push(" FROM (", []);
    let grouped = sql.append(united(matches)).push(") g GROUP BY g.rid", []);
    let plain = own.iter().map(|search| search.beside_containers(&types).rows(asked));
    let all = united(plain.chain([ordering.limited(grouped, asked)]));
    let sql = Sql::of("SELECT u.* FROM (", []).append(all).push(") u ORDER BY ", []);
    sql.append(ordering.by("u")).limit(asked)
}

/// Something of these types stands in the row.
pub(super) fn contains(types: &[i64], scope: &Scope) -> Sql {
    let sql = Sql::of("EXISTS (SELECT 1 FROM contained z WHERE z.type IN (", []).append(numbers(types));
    sql.push(") AND z.container = ", []).append(scope.column("rid")).push(END, [])
}

fn numbers(types: &[i64]) -> Sql {
    Sql::list(types.iter().map(|ty| (*ty).into()).collect())
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
