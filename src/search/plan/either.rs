//! With which conditions a search begins that asks for one of several: with all of them, each looked up for itself.
//! <https://hl7.org/fhir/R4/search_filter.html>

use crate::search::plan::driver::Driver;
use crate::search::plan::driver::Found;
use crate::search::plan::driver::of_criterion;
use crate::search::plan::scope::Seen;
use crate::search::query::Criterion;
use crate::search::query::Query;
use crate::search::query::Test;
use crate::search::sql::Sql;

/// What one of several conditions finds.
pub(super) fn either(seen: &Seen, query: &Query, criterion: &Criterion) -> Option<Driver> {
    let drivers = arms(seen, query, criterion)?;
    let width = drivers.iter().map(|driver| driver.width).max()?;
    let is_live = drivers.iter().all(|driver| driver.is_live);
    let each = drivers.into_iter().map(|driver| {
        Sql::of("SELECT d0.rid FROM ", []).append(driver.from).push(" WHERE ", []).append(driver.filter)
    });
    let from = Sql::of("(", []).append(Sql::join(each, " UNION ALL ")).push(") d0", []);
    Some(Driver { is_live, ..Driver::of((from, Sql::of("1 = 1", [])), width, Found::Repeated) })
}

/// Conditions one of which every match meets: for one that joins others, however deep they stand in one another.
fn arms(seen: &Seen, query: &Query, criterion: &Criterion) -> Option<Vec<Driver>> {
    let widest = |arms: &Vec<Driver>| arms.iter().map(|arm| arm.width).max();
    match &criterion.test {
        Test::All(parts) if !criterion.negated => {
            parts.iter().filter_map(|part| arms(seen, query, part)).min_by_key(widest)
        }
        Test::Any(parts) if !criterion.negated => {
            let each: Option<Vec<_>> = parts.iter().map(|part| arms(seen, query, part)).collect();
            Some(each?.into_iter().flatten().collect())
        }
        Test::All(_) | Test::Any(_) => None,
        Test::Id(_)
        | Test::Updated(_)
        | Test::Index(_)
        | Test::Tree(_)
        | Test::Words(_)
        | Test::Chain(..)
        | Test::Has(..) => {
            let driver = of_criterion(seen, query, criterion)?;
            // Its lists must be counted before they are made, and here nothing is counted for each.
            (!driver.is_distant).then(|| vec![driver])
        }
    }
}
