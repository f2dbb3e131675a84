//! read and vread. <https://hl7.org/fhir/R4/http.html#read>

use crate::app::Answer;
use crate::app::Body;
use crate::app::Session;
use crate::app::Stored;
use crate::fhir::Failure;
use crate::fhir::ResourceType;
use crate::interactions::conditions;
use crate::interactions::request::Request;
use crate::interactions::subset;
use crate::interactions::subset::Subset;

/// The current version of a resource.
///
/// # Errors
/// `NotFound`, `Deleted`, `Forbidden`; `Invalid` for what the query or a condition has wrong.
pub fn read(session: &Session, ty: ResourceType, id: &str, request: &Request) -> Result<Answer, Failure> {
    let subset = subset::of_read(ty, request)?;
    answer(session.read(ty, id)?, &subset, request)
}

/// One version of a resource.
///
/// # Errors
/// As [`read`]; `Deleted` where that version is the deletion.
pub fn vread(session: &Session, at: (ResourceType, &str, i64), request: &Request) -> Result<Answer, Failure> {
    let (ty, id, version) = at;
    let subset = subset::of_read(ty, request)?;
    answer(session.vread(ty, id, version)?, &subset, request)
}

fn answer(stored: Stored, subset: &Subset, request: &Request) -> Result<Answer, Failure> {
    let (version, updated) = (Some(stored.version), Some(stored.updated));
    let headers = Answer { version, updated, ..Answer::empty(304) };
    if conditions::is_unchanged(&request.conditions, stored.version, stored.updated)? {
        return Ok(headers);
    }
    Ok(Answer { status: 200, body: Body::Stored(subset.apply(stored.body)?), ..headers })
}
