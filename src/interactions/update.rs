//! update, and update-as-create. <https://hl7.org/fhir/R4/http.html#update>

use crate::app::Answer;
use crate::app::Change;
use crate::app::ChangeAction;
use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::interactions::body;
use crate::interactions::conditions;
use crate::interactions::conditions::Write;
use crate::interactions::published;
use crate::interactions::request::Request;
use crate::interactions::written;

/// Makes a new version, or the first one under an id that the client chose.
///
/// # Errors
/// What is wrong with the body; `Precondition` where `If-Match` names another version.
pub fn update(session: &Session, ty: ResourceType, id: String, request: Request) -> Result<Answer, Failure> {
    let prefer = request.prefer;
    written::one(session, change(session, ty, id, request)?, prefer)
}

/// The change that an update asks for.
///
/// # Errors
/// `Structure` for a body that is no resource of the type; `Invalid` for an id that is missing or another;
/// `Conflict` for a definition of our own.
pub fn change(session: &Session, ty: ResourceType, id: String, request: Request) -> Result<Change, Failure> {
    published::check_free(session, ty, &id)?;
    conditions::only(Write::Change, &request.conditions)?;
    let resource = body::resource(ty, request.body)?;
    check_id(&resource, &id)?;
    let if_match = conditions::if_match(session, (ty, &id), &request.conditions)?;
    Ok(Change::client(ChangeAction::Update { resource, id, if_match }))
}

fn check_id(resource: &Resource, id: &str) -> Result<(), Failure> {
    let text = match resource.id() {
        Some(own) if own == id => return Ok(()),
        Some(_) => format!("The resource's id is not that of the URL, which is `{id}`; make them equal."),
        None => format!("The resource has no id; it must be that of the URL, `{id}`."),
    };
    Err(Failure::new(Reason::Invalid, text).at(format!("{}.id", resource.ty())))
}
