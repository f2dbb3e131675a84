//! delete. <https://hl7.org/fhir/R4/http.html#delete>

use crate::app::Answer;
use crate::app::Change;
use crate::app::ChangeAction;
use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::ResourceType;
use crate::interactions::conditions;
use crate::interactions::conditions::Write;
use crate::interactions::published;
use crate::interactions::request::Request;
use crate::interactions::written;

/// Deletes a resource; once more, or one that never was, is answered alike.
///
/// # Errors
/// `Precondition` where `If-Match` names another version; `Forbidden`.
pub fn delete(session: &Session, ty: ResourceType, id: String, request: &Request) -> Result<Answer, Failure> {
    written::one(session, change(session, ty, id, request)?, request.prefer)
}

/// The change that a delete asks for.
///
/// # Errors
/// `Invalid` for an `If-Match` that is no entity tag; `Conflict` for a definition of our own.
pub fn change(session: &Session, ty: ResourceType, id: String, request: &Request) -> Result<Change, Failure> {
    published::check_free(session, ty, &id)?;
    conditions::only(Write::Change, &request.conditions)?;
    let if_match = conditions::if_match(session, (ty, &id), &request.conditions)?;
    Ok(Change::client(ChangeAction::Delete { ty, id, if_match }))
}
