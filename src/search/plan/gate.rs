//! Which of two ways a page is found, which the database itself decides: it counts the rows of a condition, up to a number.
//! <https://hl7.org/fhir/R4/search.html>

use crate::search::plan::driver::Driver;
use crate::search::sql::Sql;

/// How many rows are collected and sorted rather than found by a walk; few in tests, so that they go both ways.
const FEW: i64 = if cfg!(test) { 4 } else { 4_000 };

/// The same where their numbers alone are sorted: 20,000 take some 6 ms, a walk of a million for a page of 50 of what
/// one in two hundred has some 20.
const FEW_SIFTED: i64 = if cfg!(test) { 4 } else { 20_000 };

/// The same where each row leads on by a reference, which takes three look-ups: 1,000 are collected in about the time
/// in which a walk finds a page of what one in fifty has.
pub(super) const FEW_LINKED: i64 = if cfg!(test) { 4 } else { 1_000 };

/// What tells cheaply whether many meet a condition: some rows, and from how many on they are many.
pub(super) struct Gate<'a> {
    pub(super) from: &'a Sql,
    pub(super) filter: &'a Sql,
    pub(super) most: i64,
}

impl<'a> Gate<'a> {
    pub(super) fn of(driver: &'a Driver, is_sifted: bool) -> Self {
        match &driver.probe {
            Some((from, filter)) => Self { from, filter, most: FEW_LINKED },
            None => {
                let most = if is_sifted { FEW_SIFTED } else { FEW };
                Self { from: &driver.from, filter: &driver.filter, most }
            }
        }
    }

    /// The same rows, which are many from another number on.
    pub(super) fn up_to(self, most: i64) -> Self {
        Self { most: most.min(self.most), ..self }
    }

    /// As many of the rows as it takes to know.
    pub(super) fn rows(&self) -> Sql {
        let sql = Sql::of("SELECT 1 AS one FROM ", []).append(self.from.clone()).push(" WHERE ", []);
        let sql = sql.in_time("d0");
        sql.append(self.filter.clone()).limit(self.most + 1)
    }
}

/// Counts the first few thousand that meet a condition, and then takes the first of two ways where they are few.
pub(super) fn few_or_many(gate: &Gate, (few, many): (Sql, Sql), asked: i64) -> Sql {
    // Counted once, though both ways ask for it.
    let count = Sql::of("WITH gate(n) AS MATERIALIZED (SELECT count(*) FROM (", []).append(gate.rows());
    let limit = |[few, many]: [i64; 2]| {
        Sql::of(
            " LIMIT (SELECT CASE WHEN n <= ? THEN ? ELSE ? END FROM gate)",
            [gate.most.into(), few.into(), many.into()],
        )
    };
    let few = Sql::of("SELECT a.* FROM (SELECT b.* FROM (", []).append(few).push(") b", []);
    let many = Sql::of("SELECT c.* FROM (SELECT e.* FROM (", []).append(many).push(") e", []);
    let few = few.append(limit([asked, 0])).push(") a UNION ALL ", []);
    count.push(") g) ", []).append(few).append(many).append(limit([0, asked])).push(") c", [])
}
