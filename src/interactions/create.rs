//! create and conditional create. <https://hl7.org/fhir/R4/http.html#create>

use crate::app::Change;
use crate::app::ChangeAction;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::interactions::body;
use crate::interactions::conditions;
use crate::interactions::conditions::Write;
use crate::interactions::request::Request;

/// The change that a create asks for: a new resource; with `If-None-Exist` only where the search finds none.
///
/// # Errors
/// `Structure` for a body that is no resource of the type; `Invalid` for an empty condition.
pub fn change(ty: ResourceType, request: Request) -> Result<Change, Failure> {
    conditions::no_query(&request)?;
    conditions::demand(Write::Create, &request.conditions)?;
    let if_none_exist = request.conditions.if_none_exist.map(|query| condition(ty, &query)).transpose()?;
    let resource = body::resource(ty, request.body)?;
    Ok(Change::client(ChangeAction::Create { resource, if_none_exist, id: None }))
}

/// The query of `If-None-Exist`; some clients write the type or a question mark before it.
fn condition(ty: ResourceType, text: &str) -> Result<String, Failure> {
    let query = text.trim();
    let query = query.strip_prefix(ty.name()).filter(|rest| rest.starts_with('?')).unwrap_or(query);
    let query = query.strip_prefix('?').unwrap_or(query);
    if query.is_empty() {
        let text = "`If-None-Exist` is empty; give a search such as `identifier=system|value`.";
        return Err(Failure::new(Reason::Invalid, text));
    }
    Ok(query.to_owned())
}
