//! What names the criteria of a conditional request. <https://hl7.org/fhir/R4/http.html#ccreate>

use crate::search::fold::bounded;
use crate::search::query::Query;

/// The criteria of a query in one spelling for all that mean the same, whatever their order: the unique key of
/// a conditional request.
pub fn conditional_key(query: &Query) -> String {
    let mut criteria: Vec<&str> =
        query.criteria.iter().map(|criterion| criterion.canonical.as_str()).collect();
    criteria.sort_unstable();
    criteria.dedup();
    bounded(&format!("{}?{}", query.ty, criteria.join("&")))
}
