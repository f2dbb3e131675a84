//! A page from the rows of a condition that come in no order, such as those of a span of time: their numbers alone are
//! sorted, and then each is tested, from the newest on, until the page is full. A number costs a step in one index,
//! a test one look-up or several: of the 1,667 encounters of a month some 200 are tested for a page of 50 of one class.
//! <https://hl7.org/fhir/R4/search.html>

use crate::search::plan::driver::Driver;
use crate::search::plan::order::Ordering;
use crate::search::plan::order::UNLIMITED;
use crate::search::plan::rows::Search;
use crate::search::plan::rows::live;
use crate::search::plan::scope::END;
use crate::search::sql::Sql;

impl Search<'_> {
    /// Whether a page that begins with this condition is found so: not where its rows come in the order of the page, or
    /// where that order is another one.
    pub(super) fn is_sifted(&self, driver: &Driver, ordering: &Ordering) -> bool {
        ordering.is_by_row() && !driver.is_ordered() && !self.query.is_inside
    }

    /// The page.
    ///
    /// What is sorted has a limit, so that neither database makes one statement of both: the rows come out as they
    /// were sorted, and PostgreSQL is told that they are to stay so. Grouped, a number that comes several times is told
    /// by the sorting itself; `DISTINCT` would look each up in a list of those that were seen, which takes three times as
    /// long.
    pub(super) fn sifted(&self, driver: &Driver, ordering: &Ordering, asked: i64) -> Sql {
        let all = Sql::of("SELECT d0.rid AS rid FROM ", []).append(driver.from.clone());
        let all = all.push(" WHERE ", []).in_time("d0").append(driver.filter.clone());
        self.tested(driver, ordering, ordering.each_once(all, UNLIMITED), asked)
    }

    /// The first of these numbers, which are rows of a condition in their order, that meet all others.
    pub(super) fn tested(&self, driver: &Driver, ordering: &Ordering, sorted: Sql, asked: i64) -> Sql {
        let page = Sql::of("SELECT d0.rid AS rid FROM (", []).append(sorted).push(") d0 WHERE ", []);
        let page = page.in_time("d0");
        let scope = self.scope(driver, false);
        let page = match scope.is_row() {
            true => {
                let row = "EXISTS (SELECT 1 FROM resource r0 WHERE r0.rid = d0.rid";
                self.filtered(page.push(row, []).push(live(driver), []), &scope, driver.criterion)
                    .push(END, [])
            }
            false => self.filtered(page.push("1 = 1", []), &scope, driver.criterion),
        };
        page.append(ordering.kept()).limit(asked)
    }
}
