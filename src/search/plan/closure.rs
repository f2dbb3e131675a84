//! Long chains as one list: the rows at the end, and step by step what leads to them, each row once for each place in
//! the chain. <https://hl7.org/fhir/R4/search.html#chaining>
//!
//! Row by row, a chain that comes back to the same people is walked anew on each way to them: among twelve who are all
//! linked to one another, eight steps are 430 million ways, and PostgreSQL ended them by the time that a statement has. As
//! a list they are 96 rows. It is made by recursion, which names itself once for each step, so that the statement grows
//! by the same with each; PostgreSQL lets it name itself but once, and so has all steps beside that one place.
//!
//! A list is as long as all that leads to the end, where a walk stops at the first. So a chain that comes back to a type
//! no more than once is a list only where that is short, as its count tells; else it is walked. One that comes back
//! more often is a list always: what it takes grows with what is stored, and not with the ways through it. A chain of
//! few steps is told by what `steps`, `beyond` and `links` have for it.

use crate::fhir::ResourceType;
use crate::search::plan::beyond::within;
use crate::search::plan::driver::Driver;
use crate::search::plan::driver::Found;
use crate::search::plan::driver::Width;
use crate::search::plan::driver::is_single;
use crate::search::plan::gate::FEW_LINKED;
use crate::search::plan::links::of_neighbour;
use crate::search::plan::listed::at_most;
use crate::search::plan::listed::narrowed;
use crate::search::plan::listed::visible;
use crate::search::plan::scope::END;
use crate::search::plan::scope::Scope;
use crate::search::plan::scope::Seen;
use crate::search::plan::scope::joined;
use crate::search::plan::steps::Arm;
use crate::search::plan::steps::MOST_STEPS;
use crate::search::query::Criterion;
use crate::search::query::Test;
use crate::search::sql::Sql;

/// How often a chain may come back to a type that it has been at, and still be walked.
const MOST_RETURNS: usize = 1;

/// How many statements a list may be made of: SQLite takes 500.
const MOST_ARMS: usize = 300;

/// The name of the list in its statement.
const LIST: &str = "w";

/// The place in the chain of the rows that are searched for.
const SEARCHED: usize = 0;

/// Begins with the resources of the type that meet a condition behind more references than `steps` goes along.
pub(super) fn beginning(seen: &Seen, ty: ResourceType, criterion: &Criterion) -> Option<Driver> {
    let course = Course::of(ty, criterion);
    if criterion.negated || course.steps <= MOST_STEPS {
        return None;
    }
    let all = |rows: Sql| (Sql::of("(", []).append(rows).push(") d0", []), Sql::of("1 = 1", []));
    if course.is_listed() {
        let closure = Closure::of(seen, ty, criterion, Ends::All)?;
        return Some(Driver::of(all(closure.rows()), Width::Chained, Found::Once));
    }
    let closure = Closure::of(seen, ty, criterion, Ends::LookedUp)?;
    Some(Driver {
        probe: Some(all(closure.counted())),
        is_distant: true,
        ..Driver::of(all(closure.rows()), Width::Distant.max(closure.width), Found::Once)
    })
}

impl Seen<'_> {
    /// A criterion as a condition on a row of a type, in which long chains that come back are lists made once.
    pub(super) fn meets(&self, ty: ResourceType, criterion: &Criterion, scope: &Scope) -> Sql {
        let each = |parts: &[Criterion], word: &'static str| {
            joined(parts.iter().map(|part| self.meets(ty, part, scope)), word)
        };
        let test = match &criterion.test {
            Test::All(parts) if !parts.is_empty() => each(parts, " AND "),
            Test::Any(parts) => each(parts, " OR "),
            Test::Chain(..) | Test::Has(..) => match self.among(ty, criterion, scope) {
                Some(among) => among,
                None => return self.holds(criterion, scope),
            },
            Test::All(_)
            | Test::Id(_)
            | Test::Updated(_)
            | Test::Index(_)
            | Test::Tree(_)
            | Test::Words(_) => {
                return self.holds(criterion, scope);
            }
        };
        if criterion.negated { Sql::of("NOT ", []).append(test) } else { test }
    }

    /// The row is one of the list. As it is written, PostgreSQL makes a table of it to look up, and no join.
    fn among(&self, ty: ResourceType, criterion: &Criterion, scope: &Scope) -> Option<Sql> {
        let course = Course::of(ty, criterion);
        if !course.is_listed() {
            return None;
        }
        let rows = Closure::of(self, ty, criterion, Ends::All)?.rows();
        let sql = Sql::of("((", []).append(scope.column("rid")).push(" IN (", []);
        Some(sql.append(rows).push(")) IS TRUE)", []))
    }
}

/// Through which types a chain leads.
#[derive(Default)]
pub(super) struct Course {
    steps: usize,
    returns: usize,
}

impl Course {
    /// The longest way, and the one that comes back most often.
    pub(super) fn of(ty: ResourceType, criterion: &Criterion) -> Self {
        let mut course = Self::default();
        course.go(&mut vec![ty], criterion);
        course
    }

    fn go(&mut self, path: &mut Vec<ResourceType>, criterion: &Criterion) {
        let mut on = |ty: ResourceType, inner: &Criterion| {
            path.push(ty);
            self.go(path, inner);
            path.pop();
        };
        match &criterion.test {
            Test::Chain(_, types) => types.iter().for_each(|(ty, inner)| on(*ty, inner)),
            Test::Has(source, _, inner) => on(*source, inner),
            Test::All(parts) | Test::Any(parts) => parts.iter().for_each(|part| self.go(path, part)),
            Test::Id(_) | Test::Updated(_) | Test::Index(_) | Test::Tree(_) | Test::Words(_) => {
                let returns = (0..path.len()).filter(|at| path[..*at].contains(&path[*at])).count();
                self.steps = self.steps.max(path.len() - 1);
                self.returns = self.returns.max(returns);
            }
        }
    }

    /// Whether it is a list however long that is.
    pub(super) fn is_listed(&self) -> bool {
        self.steps > MOST_STEPS && self.returns > MOST_RETURNS
    }
}

/// What a chain may end with.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Ends {
    /// With what an index finds.
    LookedUp,
    /// With anything: where no index finds it, all of the type are tested.
    All,
}

/// The parts of a list.
pub(super) struct Closure {
    /// For each end of the chain its place there and its rows.
    ends: Vec<(usize, Sql)>,
    /// What leads from the rows of one place to those of another.
    arms: Vec<(usize, usize, Arm)>,
    /// How many places there are.
    places: usize,
    /// About how many rows there are at an end.
    width: Width,
    allowed: Ends,
}

impl Closure {
    pub(super) fn of(seen: &Seen, ty: ResourceType, criterion: &Criterion, allowed: Ends) -> Option<Self> {
        let (ends, arms) = (Vec::new(), Vec::new());
        let mut closure = Self { ends, arms, places: SEARCHED + 1, width: Width::Named, allowed };
        closure.grow(seen, (ty, SEARCHED), criterion, &Scope::row(0))?;
        (closure.ends.len() + closure.arms.len() <= MOST_ARMS && !closure.arms.is_empty()).then_some(closure)
    }

    /// Adds what meets a criterion at a place where resources of the type stand.
    fn grow(
        &mut self,
        seen: &Seen,
        (ty, place): (ResourceType, usize),
        criterion: &Criterion,
        scope: &Scope,
    ) -> Option<()> {
        match &criterion.test {
            // Whether the whole must not hold is for whoever asks for the list.
            Test::Chain(..) | Test::Has(..) if criterion.negated && place != SEARCHED => {
                self.end(seen, (ty, place), criterion)
            }
            Test::Chain(param, types) => types.iter().try_for_each(|(target, inner)| {
                let next = self.next();
                self.grow(seen, (*target, next), inner, &Scope::either(0))?;
                let arms = seen.leading(*param, *target, LIST, scope);
                self.arms.extend(arms.into_iter().map(|arm| (next, place, narrowed(seen, ty, arm))));
                Some(())
            }),
            Test::Has(source, param, inner) => {
                let next = self.next();
                self.grow(seen, (*source, next), inner, &Scope::either(0))?;
                let arms = seen.led((ty, *source), *param, LIST);
                self.arms.extend(arms.into_iter().map(|arm| (next, place, narrowed(seen, ty, arm))));
                Some(())
            }
            Test::Id(_)
            | Test::Updated(_)
            | Test::Index(_)
            | Test::Tree(_)
            | Test::Words(_)
            | Test::All(_)
            | Test::Any(_) => self.end(seen, (ty, place), criterion),
        }
    }

    fn next(&mut self) -> usize {
        self.places += 1;
        self.places - 1
    }

    /// Adds the rows that meet a criterion: resources of the type, and what is contained.
    fn end(&mut self, seen: &Seen, (ty, place): (ResourceType, usize), criterion: &Criterion) -> Option<()> {
        let neighbour = of_neighbour(criterion);
        if let Some(own) = within(seen, ty, criterion) {
            let beside = neighbour.as_ref().and_then(|inner| within(seen, ty, inner));
            self.width = self.width.max(own.width);
            let rows = |driver: Driver| {
                let sql = Sql::of("SELECT d0.rid FROM ", []).append(driver.from);
                sql.push(" WHERE ", []).in_time("d0").append(driver.filter)
            };
            // Of several conditions one has found the rows. What is only begun with is asked for all of them again.
            let is_asked = self.allowed == Ends::All && !is_single(criterion);
            let asked = |rows: Sql, of: &'static str, all: Sql| {
                let sql = rows.push(" AND EXISTS (SELECT 1 FROM ", []).push(of, []);
                sql.push(" r0 WHERE r0.rid = d0.rid AND ", []).append(all).push(END, [])
            };
            let own = match rows(own) {
                rows if is_asked => asked(rows, "resource", seen.meets(ty, criterion, &Scope::row(0))),
                rows => rows,
            };
            let beside = match (beside.map(rows), &neighbour) {
                (Some(rows), Some(inner)) if is_asked => {
                    Some(asked(rows, "contained", seen.holds(inner, &Scope::inside(0))))
                }
                (rows, _) => rows,
            };
            self.ends.extend(visible(seen, ty, [Some(own), beside]).map(|rows| (place, rows)));
            return Some(());
        }
        if self.allowed == Ends::LookedUp {
            return None;
        }
        let all = |from: &'static str| Sql::of(from, []).in_time("r0");
        let of_type = "r0.type = ? AND r0.deleted = 0 AND ";
        let own = all("SELECT r0.rid FROM resource r0 WHERE ")
            .push(of_type, [ty.number().into()])
            .append(seen.meets(ty, criterion, &Scope::row(0)));
        let beside = neighbour.map(|inner| {
            all("SELECT r0.rid FROM contained r0 WHERE ")
                .push("r0.type = ? AND ", [ty.number().into()])
                .append(seen.holds(&inner, &Scope::inside(0)))
        });
        self.ends.extend(visible(seen, ty, [Some(own), beside]).map(|rows| (place, rows)));
        Some(())
    }

    /// The rows of the type that is searched, each once.
    fn rows(&self) -> Sql {
        let rows = |rows: &Sql| Sql::of("(", []).append(rows.clone()).push(")", []);
        // The sign keeps SQLite from making an index of the list, which is gone through once.
        let sql = self.list(rows).push("SELECT w.rid FROM w WHERE +w.n = ", []);
        sql.name(SEARCHED.to_string()).volatile()
    }

    /// A row for each in the list, of which no end is made longer than it takes to know that it is long.
    fn counted(&self) -> Sql {
        self.list(|rows| at_most(rows, FEW_LINKED + 1)).push("SELECT w.rid FROM w", []).volatile()
    }

    /// How many rows the list has, counted no further than it takes to know that it is longer than this.
    pub(super) fn bounded(&self, most: i64) -> Sql {
        let list = self.list(|rows| at_most(rows, most + 1)).push("SELECT w.rid FROM w", []).limit(most + 1);
        Sql::of("SELECT count(*) AS n FROM (", []).append(list).push(") g", []).volatile()
    }

    /// `WITH RECURSIVE w(n, rid) AS (…) `: each row with its place.
    fn list(&self, of_end: impl Fn(&Sql) -> Sql) -> Sql {
        let ends = self.ends.iter().map(|(place, rows)| {
            let sql = Sql::of("SELECT ", []).name(place.to_string()).push(" AS n, o.rid AS rid FROM ", []);
            sql.append(of_end(rows)).push(" o", [])
        });
        let mut sql = Sql::of("WITH RECURSIVE w(n, rid) AS (", []).append(Sql::join(ends, " UNION "));
        for (at, (from, to, arm)) in self.arms.iter().enumerate() {
            sql = match at {
                0 => sql
                    .either(" UNION SELECT ", " UNION SELECT e.n, e.rid FROM w CROSS JOIN LATERAL (SELECT "),
                _ => sql.either(" UNION SELECT ", " UNION ALL SELECT "),
            };
            sql = sql.name(to.to_string()).push(" AS n, ", []).push(arm.found, []).push(" AS rid", []);
            sql = sql.either(" FROM w CROSS JOIN ", " FROM ").push(arm.tables, []);
            sql = sql.push(" WHERE w.n = ", []).name(from.to_string());
            sql = sql.push(" AND ", []).append(arm.holds.clone());
        }
        sql.either(") ", " OFFSET 0) e) ")
    }
}
