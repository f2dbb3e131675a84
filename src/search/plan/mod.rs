//! The plan of a search: SQL that both databases run as index walks. <https://hl7.org/fhir/R4/search.html>
//!
//! The page is found by row numbers alone, and only its rows are joined with their bodies. A search begins with
//! its narrowest condition (see [`driver`]). Where that one may be met by many, SQL itself counts the first few
//! thousand: if there are more, it walks the type from the newest row and tests each; if not, it collects and sorts
//! them. Neither database's planner is trusted to know this. SQLite has no statistics: with them it plans a statement
//! again for every value that is bound, which took half of the time of `CarePlan?patient=` (processor time of 300 µs
//! against 140). PostgreSQL keeps one plan for all values; no condition on a row may become a join whose order it
//! chooses (see `scope::END`).
//!
//! How many resources a whole type has is kept by triggers, in a table that is as short as there are types.
//!
//! What the caller may not see is part of every statement, of the total and of each step of a chain.

mod beyond;
mod by_index;
mod canonical;
mod closure;
mod compartment;
mod contained;
mod daily;
mod driver;
mod edge;
mod either;
mod explain;
mod gate;
mod include;
mod key;
mod links;
mod listed;
mod mistakes;
mod newest;
mod order;
mod record;
mod record_links;
pub mod record_query;
mod row;
mod rows;
mod scope;
mod several;
mod sift;
mod span;
mod steps;
mod tree;
mod tried;

pub use explain::Beginning;
pub use explain::Course;
pub use explain::Probe;
pub use explain::beginnings;
pub use include::Hop;
pub use include::include_plan;
pub use listed::MOST_LISTED;
pub use record::record_plan;

use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::search::page::Edge;
use crate::search::parameter::Parameters;
use crate::search::plan::driver::Driver;
use crate::search::plan::driver::Start;
use crate::search::plan::rows::Search;
use crate::search::plan::scope::Seen;
use crate::search::query::Query;
use crate::search::query::Summary;
use crate::search::query::Total;
use crate::search::restriction::Restriction;
use crate::search::sql::Sql;

/// The statements of a search.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The page: rid, type, id, version, updated, body, then each sort key as text. It asks for one row more than
    /// the page has, which tells whether there is a next page; for none where the total alone is wanted.
    pub page: Sql,
    /// The total: one row with one integer.
    pub total: Option<Sql>,
    /// How many rows the list of each long chain has, one row with one integer each: before the page is asked for, none
    /// may have more than [`MOST_LISTED`].
    pub lists: Vec<Sql>,
    /// How many sort keys a row of the page carries.
    pub sort_keys: usize,
    /// How many rows the page has at most.
    pub limit: u32,
}

/// How many values a statement binds at most: SQLite takes 32,766 and PostgreSQL 65,535.
const MOST_BINDS: usize = 30_000;

/// How long a statement is at most, with all that it binds.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// How many values a statement binds that is worth keeping prepared: one that binds more is long, and like few others.
/// A month and a class take some 200, each day of the month one of them or two: planned anew each time, such a search
/// takes four times as long.
const MOST_BINDS_KEPT: usize = 224;

/// Plans a search within what the caller may see.
///
/// # Errors
/// `Invalid` for what no database would carry out, or not in reasonable time, and for a position of another order.
pub fn plan(parameters: &Parameters, query: &Query, restriction: &Restriction) -> Result<Plan, Failure> {
    let limit = if query.summary == Summary::Count { 0 } else { query.count };
    let each: Vec<Search> = searches(Seen { parameters, restriction }, query).collect();
    let sort_keys = each.first().map_or(0, |search| search.ordering().width());
    in_order(query, sort_keys)?;
    let is_narrow = |search: &Search| search.driver.as_ref().is_some_and(Driver::is_narrow);
    let wanted = match query.total {
        Total::None => limit == 0,
        Total::Estimate | Total::Accurate => true,
        Total::Default => limit == 0 || each.iter().all(is_narrow),
    };
    Ok(Plan {
        page: affordable(several::page(&each, limit))?,
        total: wanted.then(|| affordable(several::total(&each))).transpose()?,
        lists: listed::lists(&Seen { parameters, restriction }, query)
            .into_iter()
            .map(affordable)
            .collect::<Result<_, _>>()?,
        sort_keys,
        limit,
    })
}

/// A link to a page of another order, such as one that an earlier version of the service gave, says nothing of this one.
fn in_order(query: &Query, sort_keys: usize) -> Result<(), Failure> {
    match &query.edge {
        Some(Edge::After(position) | Edge::Before(position)) if position.keys.len() != sort_keys => {
            let text =
                "The page link belongs to another order of the matches; start again with the search itself.";
            Err(Failure::new(Reason::Invalid, text))
        }
        Some(_) | None => Ok(()),
    }
}

/// The search on each type, with where it begins.
fn searches<'a>(seen: Seen<'a>, query: &'a Query) -> impl Iterator<Item = Search<'a>> {
    // Several types have several indexes, and share but the keys that were asked for.
    let is_by_one_key = query.sort.len() == 1 && query.also.is_empty() && !query.is_inside;
    query.of_each_type().map(move |query| {
        let driver = driver::narrowest(&seen, query);
        // What is few is collected, and its order needs no more than what was asked for. Whom the caller may see changes
        // nothing: one more patient, and the link to the next page would be of another order.
        let asked = is_by_one_key.then(|| narrowest_asked(&seen, query)).flatten();
        let is_told_apart = is_by_one_key && asked.as_ref().is_none_or(Driver::may_be_many);
        Search { seen, query, driver, without: Vec::new(), is_told_apart }
    })
}

/// The narrowest of the conditions that were asked for, whatever the caller may see.
fn narrowest_asked(seen: &Seen, query: &Query) -> Option<Driver> {
    let asked = driver::candidates(seen, query).filter(|(start, _)| *start != Start::Visible);
    asked.map(|(_, driver)| driver).min_by_key(|driver| driver.width)
}

/// Whatever a statement is put together from, its size is known before it is run.
fn affordable(sql: Sql) -> Result<Sql, Failure> {
    let binds = sql.binds();
    if binds > MOST_BINDS || sql.bytes() > MOST_BYTES {
        let text = "The search asks for more than can be looked up at once; name fewer types, values and conditions, \
                    and in chains the type that is meant, as in `subject:Patient.name`.";
        return Err(Failure::new(Reason::Invalid, text).code("too-costly"));
    }
    Ok(if binds > MOST_BINDS_KEPT { sql.volatile() } else { sql })
}
