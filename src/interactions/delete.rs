//! delete and conditional delete. <https://hl7.org/fhir/R4/http.html#delete>

use crate::app::Change;
use crate::app::ChangeAction;
use crate::fhir::Failure;
use crate::fhir::ResourceType;
use crate::interactions::conditions;
use crate::interactions::conditions::Write;
use crate::interactions::request::Request;

/// The change that a delete asks for: of a resource, or of what the URL's search finds. Once more, or of one that
/// never was, it is answered alike.
///
/// # Errors
/// `Invalid` for an `If-Match` that is no entity tag.
pub fn change(ty: ResourceType, id: Option<String>, request: &Request) -> Result<Change, Failure> {
    let demand = conditions::demand(Write::Change, &request.conditions)?;
    let target = conditions::target(id, request)?;
    Ok(Change::client(ChangeAction::Delete { ty, target, demand }))
}
