//! delete and conditional delete. <https://hl7.org/fhir/R4/http.html#delete>

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

/// Deletes a resource, or what the URL's search finds; once more, or one that never was, is answered alike.
///
/// # Errors
/// `Precondition` where `If-Match` names another version; `Forbidden`; `MultipleMatches` where the search finds more
/// than may be deleted at once.
pub fn delete(
    session: &Session,
    ty: ResourceType,
    id: Option<String>,
    request: &Request,
) -> Result<Answer, Failure> {
    written::one(session, change(session, ty, id, request)?, request.prefer)
}

/// The change that a delete asks for.
///
/// # Errors
/// `Invalid` for an `If-Match` that is no entity tag; `Conflict` for a definition of our own.
pub fn change(
    session: &Session,
    ty: ResourceType,
    id: Option<String>,
    request: &Request,
) -> Result<Change, Failure> {
    if let Some(id) = &id {
        published::check_free(session, ty, id)?;
    }
    let demand = conditions::demand(Write::Change, &request.conditions)?;
    let target = conditions::target(id, request)?;
    Ok(Change::client(ChangeAction::Delete { ty, target, demand }))
}
