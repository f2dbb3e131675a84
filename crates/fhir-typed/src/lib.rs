//! The typed model of FHIR R4, behind a plain function.
//!
//! The model's reading and writing code is generic and very large; every crate that calls it compiles it
//! again. So it is called here alone, through a function without type parameters. It only writes: what is
//! stored is read as the JSON that it is, since the model checks no cardinality, code or date, and reading it
//! would double what is compiled. <https://hl7.org/fhir/R4/resourcelist.html>

use serde_json::Value;

pub use fhirbolt::model::r4::{Resource, resources, types};

/// Writes a typed resource as FHIR JSON.
///
/// # Errors
/// The model's own words, where a required element was left out.
pub fn value(resource: Resource) -> Result<Value, String> {
    fhirbolt::json::to_json_value(resource, None).map_err(|error| error.to_string())
}
