//! delete and conditional delete. <https://hl7.org/fhir/R4/http.html#delete>

use crate::app::Change;
use crate::app::ChangeAction;
use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::ResourceType;
use crate::interactions::conditions;
use crate::interactions::conditions::Write;
use crate::interactions::published;
use crate::interactions::request::Request;

/// The change that a delete asks for: of a resource, or of what the URL's search finds. Once more, or of one that
/// never was, it is answered alike.
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
