//! The statements that find the rows of a search: its page and its total.

use crate::search::plan::by_index;
use crate::search::plan::contained;
use crate::search::plan::driver::Driver;
use crate::search::plan::driver::Width;
use crate::search::plan::driver::candidates;
use crate::search::plan::driver::narrowest_near;
use crate::search::plan::gate::Gate;
use crate::search::plan::gate::few_or_many;
use crate::search::plan::order::Ordering;
use crate::search::plan::scope::Scope;
use crate::search::plan::scope::Seen;
use crate::search::query::Query;
use crate::search::restriction::Visible;
use crate::search::sql::Sql;

/// Which way the rows of a page are found.
pub(super) enum Way<'a> {
    /// Those of the narrowest condition, or this walk where they are many.
    Either(&'a Driver, Sql),
    /// Those of the narrowest condition, or what another condition finds where they are many.
    Beside(&'a Driver, Box<Search<'a>>),
    /// Those of the narrowest condition.
    Collect(&'a Driver),
    /// By this walk of the type, or of an index, in the order of the page.
    Walk(Sql),
    /// All of the type, which are then sorted.
    Sort,
}

/// A search with where it begins.
pub(super) struct Search<'a> {
    pub(super) seen: Seen<'a>,
    pub(super) query: &'a Query,
    pub(super) driver: Option<Driver>,
    /// The numbers of types of which its matches must contain nothing.
    pub(super) without: Vec<i64>,
    /// Whether the index of the first key may be walked, so that its rows are told apart as they stand there.
    pub(super) is_told_apart: bool,
}

impl<'a> Search<'a> {
    /// The rows of the page, of which there are as many as are asked for, with their keys.
    pub(super) fn rows(&self, asked: i64) -> Sql {
        let ordering = self.ordering();
        match self.way(&ordering, asked) {
            Way::Either(driver, walk) => self.either(driver, &ordering, walk, asked),
            Way::Beside(driver, other) => self.either(driver, &ordering, other.rows(asked), asked),
            Way::Collect(driver) => self.collected(driver, &ordering, asked),
            Way::Walk(walk) => walk,
            Way::Sort => ordering.limited(self.walked(ordering.keys(&Scope::row(0))), asked),
        }
    }

    /// The order of the page, the same whichever way its rows are found.
    pub(super) fn ordering(&self) -> Ordering<'a> {
        if self.is_told_apart { Ordering::told_apart(self.query) } else { Ordering::of(self.query) }
    }

    /// Which way the rows of the page are found.
    pub(super) fn way(&self, ordering: &Ordering, asked: i64) -> Way<'_> {
        if self.query.is_inside {
            return self.driver.as_ref().map_or(Way::Sort, Way::Collect);
        }
        if let (Some(driver), Some(other)) = (&self.driver, self.otherwise()) {
            return match &other.driver {
                Some(_) => Way::Beside(driver, Box::new(other)),
                None => Way::Either(driver, other.rows(asked)),
            };
        }
        match (&self.driver, self.walk(ordering, asked)) {
            (Some(driver), Some(walk)) if driver.may_be_many() => Way::Either(driver, walk),
            (Some(driver), _) => Way::Collect(driver),
            (None, Some(walk)) => Way::Walk(walk),
            (None, None) => Way::Sort,
        }
    }

    /// The same search from elsewhere on, where many meet the condition with which this one begins. Beside a span of time
    /// that is a code: a span may be as wide as all there is, and a code as rare as one, so that no walk is short for it.
    /// Instead of the end of a long chain it is whatever else the search has to begin with, if anything.
    fn otherwise(&self) -> Option<Search<'a>> {
        let first = self.driver.as_ref()?;
        let driver = if first.is_distant {
            narrowest_near(&self.seen, self.query)
        } else if first.width == Width::Between {
            let mut others = candidates(&self.seen, self.query).map(|(_, driver)| driver);
            Some(others.find(|driver| driver.width == Width::Coded && !driver.is_distant)?)
        } else {
            return None;
        };
        Some(Search { driver, without: self.without.clone(), ..*self })
    }

    /// The matches in their order by walking an index that has it; none where there is no such index, or where
    /// the narrowest condition has them in that order itself.
    fn walk(&self, ordering: &Ordering, asked: i64) -> Option<Sql> {
        match (ordering.is_by_row(), &self.driver) {
            (true, Some(driver)) if driver.is_ordered() => None,
            (true, _) => Some(ordering.limited(self.walked(Sql::default()), asked)),
            // An index of resources has them in this order.
            (false, _) if ordering.is_by_update() => {
                Some(ordering.limited(self.walked(ordering.keys(&Scope::row(0))), asked))
            }
            (false, _) => by_index::walk(self, ordering, asked),
        }
    }

    /// All matches with their keys.
    pub(super) fn every(&self, ordering: &Ordering) -> Sql {
        match &self.driver {
            _ if self.query.is_inside => self.inside(ordering),
            Some(driver) => self.driven(driver, ordering),
            None => self.walked(ordering.keys(&Scope::row(0))),
        }
    }

    pub(super) fn total(&self) -> Sql {
        if self.query.is_inside {
            let rows = Sql::of("SELECT count(*) AS n FROM (", []).append(self.inside(&Ordering::none()));
            return rows.push(") q", []);
        }
        if self.is_whole_type() {
            // The database keeps this count itself: a few rows, where counting would read the whole type.
            return Sql::of(
                "SELECT CAST(coalesce(sum(l.resources), 0) AS BIGINT) AS n FROM live l WHERE l.type = ?",
                [self.query.ty.number().into()],
            );
        }
        if let Some(total) = self.total_but_mistakes() {
            return total;
        }
        Sql::of("SELECT count(*) AS n FROM (", []).append(self.counted()).push(") q", [])
    }

    /// What tells whether the rows of a condition are collected for a page.
    pub(super) fn gate<'d>(&self, driver: &'d Driver, ordering: &Ordering) -> Gate<'d> {
        let gate = Gate::of(driver, self.is_sifted(driver, ordering));
        let is_all = self.query.criteria.len() == 1 && self.query.compartment.is_none();
        // What else is asked, or may be seen, thins a walk, and nothing tells by how much.
        let is_all = is_all && *self.seen.restriction.of(self.query.ty) == Visible::All;
        match driver.referring.is_some() && is_all && ordering.is_by_row() {
            true => gate.or_walk(self.query.ty),
            false => gate,
        }
    }

    /// The page from the rows of a condition.
    pub(super) fn collected(&self, driver: &Driver, ordering: &Ordering, asked: i64) -> Sql {
        match self.is_sifted(driver, ordering) {
            true => self.sifted(driver, ordering, asked),
            false => ordering.limited(self.driven(driver, ordering), asked),
        }
    }

    /// All matches, in no order.
    fn counted(&self) -> Sql {
        let nothing = Ordering::none();
        match (&self.driver, self.otherwise()) {
            (Some(distant), Some(other)) if distant.is_distant => {
                let ways = (self.driven(distant, &nothing), other.counted());
                few_or_many(&Gate::of(distant, false), ways, i64::MAX)
            }
            // All in the span are gone through only where the code is not rare.
            (Some(span), Some(Search { driver: Some(code), .. })) => {
                let ways = (self.driven(&code, &nothing), self.driven(span, &nothing));
                few_or_many(&Gate::of(&code, false), ways, i64::MAX)
            }
            (Some(driver), _) => self.driven(driver, &nothing),
            (None, _) => self.walked(Sql::default()),
        }
    }

    /// Whether every resource of the type matches.
    fn is_whole_type(&self) -> bool {
        let asked = self.query.criteria.is_empty() && self.query.compartment.is_none();
        asked && *self.seen.restriction.of(self.query.ty) == Visible::All
    }

    /// All matches, from the narrowest condition on.
    pub(super) fn driven(&self, driver: &Driver, ordering: &Ordering) -> Sql {
        let scope = self.scope(driver, ordering.needs_row());
        self.begun(driver, ordering.keys(&scope), &scope)
    }

    /// What the conditions are asked of where the search begins with this one: its row, or the resource itself.
    pub(super) fn scope(&self, driver: &Driver, needs_row: bool) -> Scope {
        let needs_row = needs_row || !driver.is_live || self.seen.needs_row(self.query);
        if needs_row { Scope::row(0) } else { Scope::found(0) }
    }

    /// All matches, from the rows of an index on, with these keys.
    pub(super) fn begun(&self, driver: &Driver, keys: Sql, scope: &Scope) -> Sql {
        let select =
            if driver.is_unique() { "SELECT d0.rid AS rid" } else { "SELECT DISTINCT d0.rid AS rid" };
        let sql = Sql::of(select, []).append(keys).push(" FROM ", []).append(driver.from.clone());
        let sql = match scope.is_row() {
            true => sql.push(" CROSS JOIN resource r0 WHERE r0.rid = d0.rid AND ", []),
            false => sql.push(" WHERE ", []),
        };
        let sql = sql.in_time("d0").append(driver.filter.clone()).push(live(driver), []);
        self.filtered(sql, scope, driver.criterion)
    }

    /// All matches, from the rows of the type on, with these keys.
    pub(super) fn walked(&self, keys: Sql) -> Sql {
        let sql = Sql::of("SELECT r0.rid AS rid", []).append(keys);
        let sql = sql.push(" FROM resource r0 WHERE ", []).in_time("r0");
        let of_type = "r0.type = ? AND r0.deleted = 0";
        self.filtered(sql.push(of_type, [self.query.ty.number().into()]), &Scope::row(0), None)
    }

    /// Adds every condition but the one that the search began with.
    pub(super) fn filtered(&self, mut sql: Sql, scope: &Scope, but: Option<usize>) -> Sql {
        for (at, criterion) in self.query.criteria.iter().enumerate() {
            if Some(at) != but {
                sql = sql.push(" AND ", []).append(self.seen.meets(self.query.ty, criterion, scope));
            }
        }
        if let Some(compartment) = &self.query.compartment {
            let inside = self.seen.members(compartment, self.query.ty).holds(scope);
            sql = sql.push(" AND ", []).append(inside);
        }
        if !self.without.is_empty() {
            sql = sql.push(" AND NOT ", []).append(contained::contains(&self.without, scope));
        }
        let visible = match self.query.is_inside {
            true => self.seen.visible_container(scope),
            false => self.seen.visible(self.query.ty, scope),
        };
        if let Some(visible) = visible {
            sql = sql.push(" AND ", []).append(visible);
        }
        sql
    }

    /// Statements with many conditions vary without bound, so that keeping them prepared would gain nothing.
    pub(super) fn tidy(&self, sql: Sql) -> Sql {
        let conditions = self.query.criteria.len() + usize::from(self.query.compartment.is_some());
        let is_walk = !self.driver.as_ref().is_some_and(Driver::is_narrow);
        if conditions > 4 || self.query.sort.len() > 1 {
            sql.volatile()
        } else if !self.query.sort.is_empty() && is_walk {
            sql.planned()
        } else {
            sql
        }
    }
}

/// What is asked of a resource's row where the condition may have found one that is deleted.
pub(super) fn live(driver: &Driver) -> &'static str {
    if driver.is_live { "" } else { " AND r0.deleted = 0" }
}
