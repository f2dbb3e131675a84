//! How long the lists are that a search makes of its long chains, which is counted before any is made.
//! <https://hl7.org/fhir/R4/search.html#chaining>
//!
//! A list holds all that leads to the end of its chain (see [`closure`](super::closure)), which in a dense record is all
//! there is of a type, once for each place in the chain. Neither database bounds it: it would be made until the time is up,
//! in the memory of the service or of the server.

use crate::fhir::ResourceType;
use crate::search::plan::closure::Closure;
use crate::search::plan::closure::Course;
use crate::search::plan::closure::Ends;
use crate::search::plan::scope::END;
use crate::search::plan::scope::Scope;
use crate::search::plan::scope::Seen;
use crate::search::plan::steps::Arm;
use crate::search::query::Criterion;
use crate::search::query::Query;
use crate::search::query::Test;
use crate::search::sql::Sql;

/// How many rows the list of a chain may have: they take some MB, and each leads on by a few look-ups.
pub const MOST_LISTED: i64 = 30_000;

/// For each list that a search makes, how many rows it has, counted no further than one more than it may have.
pub(super) fn lists(seen: &Seen, query: &Query) -> Vec<Sql> {
    let mut all = Vec::new();
    for query in query.of_each_type() {
        query.criteria.iter().for_each(|criterion| of(seen, query.ty, criterion, &mut all));
    }
    all
}

/// The lists of a criterion.
fn of(seen: &Seen, ty: ResourceType, criterion: &Criterion, all: &mut Vec<Sql>) {
    match &criterion.test {
        Test::All(parts) | Test::Any(parts) => parts.iter().for_each(|part| of(seen, ty, part, all)),
        Test::Chain(..) | Test::Has(..) if Course::of(ty, criterion).is_listed() => {
            if let Some(list) = Closure::of(seen, ty, criterion, Ends::All) {
                all.push(list.bounded(MOST_LISTED));
                at_the_end(seen, criterion, all);
            }
        }
        Test::Chain(..) | Test::Has(..) => {}
        Test::Id(_) | Test::Updated(_) | Test::Index(_) | Test::Tree(_) | Test::Words(_) => {}
    }
}

/// The lists of what is asked where a chain ends.
fn at_the_end(seen: &Seen, criterion: &Criterion, all: &mut Vec<Sql>) {
    let mut on = |ty: ResourceType, inner: &Criterion| match &inner.test {
        Test::Chain(..) | Test::Has(..) if !inner.negated => at_the_end(seen, inner, all),
        _ => of(seen, ty, inner, all),
    };
    match &criterion.test {
        Test::Chain(_, types) => types.iter().for_each(|(ty, inner)| on(*ty, inner)),
        Test::Has(source, _, inner) => on(*source, inner),
        Test::All(_) | Test::Any(_) => {}
        Test::Id(_) | Test::Updated(_) | Test::Index(_) | Test::Tree(_) | Test::Words(_) => {}
    }
}

/// These rows, in parentheses, and no more than so many.
pub(super) fn at_most(rows: &Sql, most: i64) -> Sql {
    Sql::of("(", []).append(rows.clone()).limit(most).push(")", [])
}

/// What the caller may see of the rows at an end, which are resources of the type, and what is contained: a list that is
/// refused for its length would tell how many others there are.
pub(super) fn visible(
    seen: &Seen,
    ty: ResourceType,
    [own, beside]: [Option<Sql>; 2],
) -> impl Iterator<Item = Sql> {
    let left = |rows: Sql, of: &'static str, visible: Option<Sql>| {
        let Some(visible) = visible else { return rows };
        let sql =
            Sql::of("SELECT e.rid FROM (", []).append(rows).push(") e WHERE EXISTS (SELECT 1 FROM ", []);
        sql.push(of, []).push(" r0 WHERE r0.rid = e.rid AND ", []).append(visible).push(END, [])
    };
    let own = own.map(|rows| left(rows, "resource", seen.visible(ty, &Scope::row(0))));
    let container = || seen.visible_container(&Scope::inside(0));
    let beside = beside.map(|rows| left(rows, "contained", container()));
    own.into_iter().chain(beside)
}

/// What leads to rows of the type, left to those that the caller may see: what is hidden must not make a list longer.
pub(super) fn narrowed(seen: &Seen, ty: ResourceType, arm: Arm) -> Arm {
    // High enough that no alias of the search around it is meant.
    let (own, inside) = (Scope::row(70), Scope::inside(71));
    let Some(contained) = seen.visible_container(&inside) else { return arm };
    let row = |table: &'static str, scope: &Scope, visible: Sql| {
        let sql = Sql::of("EXISTS (SELECT 1 FROM ", []).push(table, []).name(scope.alias.clone());
        let sql = sql.push(" WHERE ", []).append(scope.column("rid")).push(" = ", []).push(arm.found, []);
        sql.push(" AND ", []).append(visible).push(END, [])
    };
    let of_own = match seen.visible(ty, &own) {
        Some(visible) => row("resource ", &own, visible),
        None => Sql::of("", []).push(arm.found, []).push(" > 0", []),
    };
    let holds = arm.holds.clone().push(" AND (", []).append(of_own).push(" OR ", []);
    Arm { holds: holds.append(row("contained ", &inside, contained)).push(")", []), ..arm }
}
