//! A resource that is marked as a part of itself is not stored: all that was left out of it would be lost.
//! <https://hl7.org/fhir/R4/valueset-common-tags.html>

use serde_json::Value;

use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;

/// What marks a resource that is not whole.
pub const MARK: &str = "SUBSETTED";
/// The code system of the mark.
pub const MARK_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";

/// Refuses to put in the place of a resource what a client has got as a part of one.
///
/// # Errors
/// `Unprocessable` for a resource that is marked as a part.
pub(super) fn check(resource: &Resource) -> Result<(), Failure> {
    let tags = resource.value().pointer("/meta/tag").and_then(Value::as_array).into_iter().flatten();
    let is_mark = |tag: &Value| tag["code"] == MARK && tag["system"] == MARK_SYSTEM;
    let Some(at) = tags.into_iter().position(is_mark) else { return Ok(()) };
    let text = "The resource is marked as a part (SUBSETTED), and storing it would lose the rest; read it whole, \
                change that and send it, or send a patch.";
    Err(Failure::new(Reason::Unprocessable, text).at(format!("{}.meta.tag[{at}]", resource.ty())))
}
