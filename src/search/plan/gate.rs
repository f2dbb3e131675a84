//! Which of two ways a page is found, which the database itself decides: it counts the rows of a condition, up to a number.
//! <https://hl7.org/fhir/R4/search.html>
//!
//! Rows of which each leads to one resource of the type (`Patient?_has:Condition:patient:code=`) tell how dense what is
//! searched for stands in a walk. To count them takes 0.04 µs each, in one index, and no more than 2,000 are; to collect one
//! 2 µs where its resource is read, and to test one in a walk as much: of `n` among `all` it tests `asked * all / n`. So they
//! are collected where `n * n <= asked * all`, and either way takes no longer than the root of that. Of 850 among 10,000
//! patients a page of 20 took 1.8 ms by collecting and takes 0.6 by a walk, the same as of 8,500 among 100,000. A test reads
//! the id of the patient in the index that is walked, what refers to it, and the codes of these: with the resource that
//! refers it took 1.15 ms for 320 patients and without 0.5, and with the patient itself, each on a page of its own, 1,175 pages
//! instead of 210. A first page needs no walk where the newest of what refers gives it (see `newest`).

use crate::fhir::ResourceType;
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

/// The same where nothing else is asked and each row leads to one resource: no more than this, and only where a walk is longer.
const FEW_LEADING: i64 = if cfg!(test) { 4 } else { 2_000 };

/// What tells cheaply whether many meet a condition: some rows, and from how many on they are many.
pub(super) struct Gate<'a> {
    pub(super) from: &'a Sql,
    pub(super) filter: &'a Sql,
    pub(super) most: i64,
    /// The type whose walk is the other way, where each of the rows leads to one of it.
    pub(super) walked: Option<ResourceType>,
}

impl<'a> Gate<'a> {
    pub(super) fn of(driver: &'a Driver, is_sifted: bool) -> Self {
        match &driver.probe {
            Some((from, filter)) => Self { from, filter, most: FEW_LINKED, walked: None },
            None => {
                let most = if is_sifted { FEW_SIFTED } else { FEW };
                Self { from: &driver.from, filter: &driver.filter, most, walked: None }
            }
        }
    }

    /// The same where a walk of the type is the other way, and as long as these rows are rare.
    pub(super) fn or_walk(self, ty: ResourceType) -> Self {
        Self { most: FEW_LEADING, walked: Some(ty), ..self }
    }

    /// Whether there are few, as a condition on how many were counted.
    pub(super) fn is_few(&self, asked: i64) -> Sql {
        let few = Sql::of("n <= ?", [self.most.into()]);
        let Some(ty) = self.walked else { return few };
        let all = " AND n * n <= ? * (SELECT coalesce(sum(l.resources), 0) FROM live l WHERE l.type = ?)";
        few.push(all, [asked.into(), ty.number().into()])
    }

    /// The same rows, which are many from another number on.
    pub(super) fn up_to(self, most: i64) -> Self {
        Self { most: most.min(self.most), ..self }
    }

    /// As many of the rows as it takes to know.
    pub(super) fn rows(&self) -> Sql {
        self.some(Sql::of("SELECT 1 AS one FROM ", []))
    }

    fn some(&self, select: Sql) -> Sql {
        let sql = select.append(self.from.clone()).push(" WHERE ", []).in_time("d0");
        sql.append(self.filter.clone()).limit(self.most + 1)
    }
}

/// Counts the first few thousand that meet a condition, and then takes the first of two ways where they are few.
pub(super) fn few_or_many(gate: &Gate, ways: (Sql, Sql), asked: i64) -> Sql {
    // Counted once, though both ways ask for it.
    let count = Sql::of("WITH gate(n) AS MATERIALIZED (SELECT count(*) FROM (", []).append(gate.rows());
    one_of(gate, count.push(") g) ", []), ways, asked)
}

/// The same, with the rows that it counts as `span`, from which the first of the ways may take them.
pub(super) fn few_or_many_listed(gate: &Gate, ways: (Sql, Sql), asked: i64) -> Sql {
    let list = Sql::of("WITH span(rid) AS MATERIALIZED (", []);
    let list = list.append(gate.some(Sql::of("SELECT d0.rid AS rid FROM ", [])));
    let count = list.push("), gate(n) AS MATERIALIZED (SELECT count(*) FROM span) ", []);
    one_of(gate, count, ways, asked)
}

fn one_of(gate: &Gate, count: Sql, (few, many): (Sql, Sql), asked: i64) -> Sql {
    let limit = |[few, many]: [i64; 2]| {
        let sql = Sql::of(" LIMIT (SELECT CASE WHEN ", []).append(gate.is_few(asked));
        sql.push(" THEN ? ELSE ? END FROM gate)", [few.into(), many.into()])
    };
    let few = Sql::of("SELECT a.* FROM (SELECT b.* FROM (", []).append(few).push(") b", []);
    let many = Sql::of("SELECT c.* FROM (SELECT e.* FROM (", []).append(many).push(") e", []);
    let few = few.append(limit([asked, 0])).push(") a UNION ALL ", []);
    count.append(few).append(many).append(limit([0, asked])).push(") c", [])
}
