//! update, update-as-create and conditional update. <https://hl7.org/fhir/R4/http.html#update>

use crate::app::Change;
use crate::app::ChangeAction;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::interactions::body;
use crate::interactions::conditions;
use crate::interactions::conditions::Write;
use crate::interactions::request::Request;

/// The change that an update asks for: a new version, or the first one under an id that the client chose; without an
/// id of the one resource that the URL's search finds, or of a new one where it finds none.
///
/// # Errors
/// `Structure` for a body that is no resource of the type; `Invalid` for an id that is missing or another.
pub fn change(ty: ResourceType, id: Option<String>, request: Request) -> Result<Change, Failure> {
    let demand = conditions::demand(Write::Update, &request.conditions)?;
    let target = conditions::target(id.clone(), &request)?;
    let resource = body::resource(ty, request.body)?;
    if let Some(id) = &id {
        check_id(&resource, id)?;
    }
    Ok(Change::client(ChangeAction::Update { resource, target, demand }))
}

fn check_id(resource: &Resource, id: &str) -> Result<(), Failure> {
    let text = match resource.id() {
        Some(own) if own == id => return Ok(()),
        Some(_) => format!("The resource's id is not that of the URL, which is `{id}`; make them equal."),
        None => format!("The resource has no id; it must be that of the URL, `{id}`."),
    };
    Err(Failure::new(Reason::Invalid, text).at(format!("{}.id", resource.ty())))
}
