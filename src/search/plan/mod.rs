//! The plan of a search: SQL that both databases run as index walks. <https://hl7.org/fhir/R4/search.html>
//!
//! The page is found by row numbers alone, and only its rows are joined with their bodies. A search begins with
//! its narrowest condition (see [`driver`]). Where that one may be met by many, SQL itself counts the first few
//! thousand: if there are more, it walks the type from the newest row and tests each; if not, it collects and sorts
//! them. Neither database's planner is trusted to know this: SQLite has no statistics, and PostgreSQL's generic
//! plans know no values.
//!
//! What the caller may not see is part of every statement, of the total and of each step of a chain.

mod driver;
mod order;
mod scope;

use crate::search::parameter::Parameters;
use crate::search::plan::driver::Driver;
use crate::search::plan::order::Ordering;
use crate::search::plan::scope::Scope;
use crate::search::plan::scope::Seen;
use crate::search::query::Include;
use crate::search::query::Query;
use crate::search::query::Summary;
use crate::search::query::Total;
use crate::search::query::Way;
use crate::search::restriction::Restriction;
use crate::search::sql::Sql;

/// How many rows are collected and sorted rather than found by a walk; few in tests, so that they go both ways.
const FEW: i64 = if cfg!(test) { 40 } else { 4_000 };

/// The statements of a search.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The page: rid, type, id, version, updated, body, then each sort key as text. It asks for one row more than
    /// the page has, which tells whether there is a next page; for none where the total alone is wanted.
    pub page: Sql,
    /// The total: one row with one integer.
    pub total: Option<Sql>,
    /// How many sort keys a row of the page carries.
    pub sort_keys: usize,
    /// How many rows the page has at most.
    pub limit: u32,
}

/// Plans a search within what the caller may see.
pub fn plan(parameters: &Parameters, query: &Query, restriction: &Restriction) -> Plan {
    let seen = Seen { parameters, restriction };
    let driver = driver::narrowest(&seen, query);
    let limit = if query.summary == Summary::Count { 0 } else { query.count };
    let wanted = match query.total {
        Total::None => limit == 0,
        Total::Estimate | Total::Accurate => true,
        Total::Default => limit == 0 || driver.as_ref().is_some_and(Driver::is_narrow),
    };
    let search = Search { seen, query, driver };
    Plan {
        page: search.tidy(search.page(limit)),
        total: wanted.then(|| search.tidy(search.total())),
        sort_keys: query.sort.len(),
        limit,
    }
}

/// The resources that go with the rows of a page, in the columns of the page and without sort keys.
pub fn include_plan(
    parameters: &Parameters,
    include: &Include,
    page: &[i64],
    restriction: &Restriction,
) -> Sql {
    let seen = Seen { parameters, restriction };
    if page.is_empty() {
        return Sql::of("SELECT rid, type, id, version, updated, body FROM resource WHERE 1 = 0", []);
    }
    let page = || Sql::list(page.iter().map(|rid| (*rid).into()).collect());
    let row = Scope::row(0);
    let found = match include.way {
        Way::To => Sql::of(
            "SELECT t.rid FROM idx_reference f CROSS JOIN resource t WHERE f.param = ? AND f.rid IN (",
            [include.param.into()],
        )
        .append(page())
        .push(") AND t.type = f.target_type AND t.id = f.target_id", []),
        Way::From => Sql::of(
            "SELECT f.rid FROM resource t CROSS JOIN idx_reference f WHERE f.param = ? AND t.rid IN (",
            [include.param.into()],
        )
        .append(page())
        .push(") AND f.target_type = t.type AND f.target_id = t.id", []),
    };
    let mut sql = Sql::of(
        "SELECT r0.rid, r0.type, r0.id, r0.version, r0.updated, r0.body FROM resource r0 WHERE r0.rid IN (",
        [],
    )
    .append(found)
    .push(") AND r0.deleted = 0", []);
    if let (Way::To, Some(target)) = (include.way, include.target) {
        sql = sql.push(" AND r0.type = ?", [target.number().into()]);
    }
    let visible = match (include.way, include.target) {
        (Way::From, _) => seen.visible(include.source, &row),
        (Way::To, Some(target)) => seen.visible(target, &row),
        (Way::To, None) => seen.visible_any(&seen.targets(include.param), &row),
    };
    if let Some(visible) = visible {
        sql = sql.push(" AND ", []).append(visible);
    }
    sql.push(" ORDER BY r0.rid", []).volatile()
}

/// A search with where it begins.
struct Search<'a> {
    seen: Seen<'a>,
    query: &'a Query,
    driver: Option<Driver>,
}

impl Search<'_> {
    fn page(&self, limit: u32) -> Sql {
        let ordering = Ordering::of(self.query);
        let asked = if limit == 0 { 0 } else { i64::from(limit) + 1 };
        let rows = match (&self.driver, ordering.is_by_row()) {
            (Some(driver), true) if !driver.is_ordered() && driver.may_be_many() => {
                self.seek_or_walk(driver, &ordering, asked)
            }
            (Some(driver), _) => ordering.limited(self.driven(driver, &ordering), asked),
            (None, _) => ordering.limited(self.walked(&ordering), asked),
        };
        let columns = "SELECT r.rid, r.type, r.id, r.version, r.updated, r.body";
        let mut sql = Sql::of(columns, []).append(ordering.shown());
        sql = sql
            .push(" FROM (", [])
            .append(rows)
            .push(") q CROSS JOIN resource r WHERE r.rid = q.rid ORDER BY ", []);
        sql.append(ordering.by("q"))
    }

    fn total(&self) -> Sql {
        let nothing = Ordering::none();
        let rows = match &self.driver {
            Some(driver) => self.driven(driver, &nothing),
            None => self.walked(&nothing),
        };
        Sql::of("SELECT count(*) FROM (", []).append(rows).push(") q", [])
    }

    /// All matches, from the narrowest condition on.
    fn driven(&self, driver: &Driver, ordering: &Ordering) -> Sql {
        let needs_row = self.seen.needs_row(self.query) || ordering.needs_row();
        let scope = if needs_row { Scope::row(0) } else { Scope::found(0) };
        let select =
            if driver.is_unique() { "SELECT d0.rid AS rid" } else { "SELECT DISTINCT d0.rid AS rid" };
        let mut sql = Sql::of(select, []).append(ordering.keys(&scope));
        sql = sql.push(" FROM ", []).append(driver.from.clone());
        if needs_row {
            sql = sql.push(" CROSS JOIN resource r0", []);
        }
        sql = sql.push(" WHERE ", []).append(driver.filter.clone());
        if needs_row {
            sql = sql.push(" AND r0.rid = d0.rid", []);
        }
        self.filtered(sql, &scope, driver.criterion)
    }

    /// All matches, from the rows of the type on.
    fn walked(&self, ordering: &Ordering) -> Sql {
        let scope = Scope::row(0);
        let mut sql = Sql::of("SELECT r0.rid AS rid", []).append(ordering.keys(&scope));
        sql = sql
            .push(" FROM resource r0 WHERE r0.type = ? AND r0.deleted = 0", [self.query.ty.number().into()]);
        self.filtered(sql, &scope, None)
    }

    /// Adds every condition but the one that the search began with.
    fn filtered(&self, mut sql: Sql, scope: &Scope, but: Option<usize>) -> Sql {
        for (at, criterion) in self.query.criteria.iter().enumerate() {
            if Some(at) != but {
                sql = sql.push(" AND ", []).append(self.seen.holds(criterion, scope));
            }
        }
        if let Some(patient) = &self.query.compartment {
            let own = std::slice::from_ref(patient);
            sql = sql.push(" AND ", []).append(scope::in_compartment(own, self.query.ty, scope));
        }
        if let Some(visible) = self.seen.visible(self.query.ty, scope) {
            sql = sql.push(" AND ", []).append(visible);
        }
        sql
    }

    /// Counts the first few thousand that meet the narrowest condition, and then takes one of two ways.
    fn seek_or_walk(&self, driver: &Driver, ordering: &Ordering, asked: i64) -> Sql {
        let gate = |sql: Sql, [few, many]: [i64; 2]| {
            sql.push(
                " LIMIT (SELECT CASE WHEN count(*) <= ? THEN ? ELSE ? END FROM (SELECT 1 AS one FROM ",
                [FEW.into(), few.into(), many.into()],
            )
            .append(driver.from.clone())
            .push(" WHERE ", [])
            .append(driver.filter.clone())
            .push(" LIMIT ?) g)", [(FEW + 1).into()])
        };
        let seek = ordering.limited(self.driven(driver, ordering), asked);
        let walk = ordering.limited(self.walked(ordering), asked);
        let seek = gate(
            Sql::of("SELECT a.rid FROM (SELECT b.rid FROM (", []).append(seek).push(") b", []),
            [asked, 0],
        );
        let walk = gate(
            Sql::of("SELECT c.rid FROM (SELECT e.rid FROM (", []).append(walk).push(") e", []),
            [0, asked],
        );
        seek.push(") a UNION ALL ", []).append(walk).push(") c", [])
    }

    /// Statements with several conditions vary without bound, and are worth a plan for their very values.
    fn tidy(&self, sql: Sql) -> Sql {
        let conditions = self.query.criteria.len() + usize::from(self.query.compartment.is_some());
        if conditions > 1 || !self.query.sort.is_empty() { sql.volatile() } else { sql }
    }
}
