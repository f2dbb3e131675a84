//! The parameters that every resource has and that are columns of its own row: `_id` and `_lastUpdated`.
//! <https://hl7.org/fhir/R4/search.html#all>

/// Whether a parameter is a column of the resource and has no rows in the index.
pub(super) fn is_column(code: &str) -> bool {
    matches!(code, "_id" | "_lastUpdated")
}
