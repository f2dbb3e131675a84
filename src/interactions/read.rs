//! read and vread. <https://hl7.org/fhir/R4/http.html#read>

use serde_json::Value;

use crate::access::Action;
use crate::app::Answer;
use crate::app::Body;
use crate::app::Session;
use crate::app::Stored;
use crate::fhir::Failure;
use crate::fhir::ResourceType;
use crate::interactions::conditions;
use crate::interactions::request::Request;
use crate::interactions::subset::Subset;

/// The current version of a resource.
///
/// # Errors
/// `NotFound`, `Deleted`, `Forbidden`; `Invalid` for what the query or a condition has wrong.
pub fn read(session: &Session, ty: ResourceType, id: &str, request: &Request) -> Result<Answer, Failure> {
    let subset = Subset::of_read(ty, &request.query)?;
    if let Some(definition) = published(session, ty, id) {
        session.require(Action::Read, ty)?;
        return Ok(Answer::bytes(subset.apply(definition.to_string().into_bytes())?));
    }
    answer(session.read(ty, id)?, &subset, request)
}

/// One version of a resource.
///
/// # Errors
/// As [`read`]; `Deleted` where that version is the deletion.
pub fn vread(session: &Session, at: (ResourceType, &str, i64), request: &Request) -> Result<Answer, Failure> {
    let (ty, id, version) = at;
    let subset = Subset::of_read(ty, &request.query)?;
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

/// A definition of our own that is published under its id and not stored.
fn published<'a>(session: &'a Session, ty: ResourceType, id: &str) -> Option<&'a Value> {
    let definitions = &session.app().definitions;
    let has_id = |value: &&Value| value.get("id").and_then(Value::as_str) == Some(id);
    match ty.name() {
        "OperationDefinition" => definitions.operations.iter().find(has_id),
        "PlanDefinition" => definitions.plan_definitions.values().find(has_id),
        "ValueSet" => definitions.value_sets.values().find(has_id),
        "CodeSystem" => definitions.code_systems.values().find(has_id),
        _ => None,
    }
}
