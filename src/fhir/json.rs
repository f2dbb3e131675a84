//! Bytes to a value tree, guarded. <https://hl7.org/fhir/R4/json.html>

use serde_json::Value;

use crate::fhir::Failure;
use crate::fhir::Reason;

/// Parses a JSON body.
///
/// # Errors
/// `Structure` that says where and why.
pub fn parse(bytes: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(bytes)
        .map_err(|cause| Failure::new(Reason::Structure, format!("The body is not JSON: {cause}.")))
}
