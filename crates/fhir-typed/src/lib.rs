//! The typed model of FHIR R4, behind two plain functions.
//!
//! The model's reading and writing code is generic and very large; every crate that calls it compiles it
//! again. So it is called here alone, through functions without type parameters. Input must already have
//! passed the validation of the service: the model itself checks no cardinality, code or date, and must
//! never see bytes from a client. <https://hl7.org/fhir/R4/resourcelist.html>

use serde_json::Value;

pub use fhirbolt::model::r4::{Resource, resources, types};

/// Reads a validated resource into the typed model.
///
/// # Errors
/// The model's own words, where a value does not have the shape of R4.
pub fn typed(value: Value) -> Result<Resource, String> {
    fhirbolt::json::from_json_value(value, None).map_err(|error| error.to_string())
}

/// Writes a typed resource as FHIR JSON.
///
/// # Errors
/// The model's own words, where a required element was left out.
pub fn value(resource: Resource) -> Result<Value, String> {
    fhirbolt::json::to_json_value(resource, None).map_err(|error| error.to_string())
}
