//! `$validate`: what R4 finds wrong with a resource. <https://hl7.org/fhir/R4/resource-operation-validate.html>

use crate::app::Answer;
use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::Issue;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::Severity;
use crate::fhir::outcome::outcome;
use crate::fhir::shape;
use crate::operations::Call;

/// Every problem of the resource that is sent or, on an instance, of the one that is stored. The answer is 200, valid
/// or not: what was asked for has been found out.
///
/// # Errors
/// `Invalid` where there is nothing to validate, or a profile or mode is asked for that is not known here.
pub fn run(session: &Session, call: Call) -> Result<Answer, Failure> {
    let (ty, id) =
        call.target.as_ref().ok_or_else(|| refuse("$validate is called on a type or an instance."))?;
    check_profile(&call, *ty)?;
    let mode = Mode::of(&call, id.as_deref())?;
    if mode == Mode::Delete {
        return Ok(Answer::value(outcome(&[fine("The resource can be deleted.")])));
    }
    let stored = match (call.parameters.resource("resource"), id) {
        (Some(_), _) => None,
        (None, Some(id)) => Some(Resource::from_value(session.read(*ty, id)?.value()?)?),
        (None, None) => return Err(missing_resource()),
    };
    let resource =
        stored.as_ref().or_else(|| call.parameters.resource("resource")).ok_or_else(missing_resource)?;
    let mut issues = shape::validate(&session.app().definitions.shapes, resource.value());
    issues.extend(against_url(resource, *ty, id.as_deref(), mode));
    if issues.is_empty() {
        issues.push(fine("The resource is valid R4."));
    }
    Ok(Answer::value(outcome(&issues)))
}

/// What the resource is to be validated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Any,
    Create,
    Update,
    Delete,
}

impl Mode {
    fn of(call: &Call, id: Option<&str>) -> Result<Self, Failure> {
        let mode = match call.parameters.text("mode") {
            None => return Ok(Self::Any),
            Some("create") => Self::Create,
            Some("update") => Self::Update,
            Some("delete") => Self::Delete,
            Some(_) => return Err(refuse("`mode` is create, update or delete.").at(at("mode"))),
        };
        if id.is_none() && mode == Self::Delete {
            return Err(refuse("The mode delete is asked for on an instance.").at(at("mode")));
        }
        Ok(mode)
    }
}

fn check_profile(call: &Call, ty: ResourceType) -> Result<(), Failure> {
    let own = format!("http://hl7.org/fhir/StructureDefinition/{ty}");
    match call.parameters.text("profile") {
        None => Ok(()),
        Some(profile) if profile.split('|').next() == Some(own.as_str()) => Ok(()),
        Some(_) => {
            let text = format!("Only R4's own definition is known here as a profile: {own}.");
            Err(Failure::new(Reason::NotSupported, text).at(at("profile")))
        }
    }
}

fn against_url(resource: &Resource, ty: ResourceType, id: Option<&str>, mode: Mode) -> Vec<Issue> {
    let own = resource.ty();
    let mut issues = Vec::new();
    if own != ty {
        let text = format!("The URL is that of {ty}, the resource is a {own}.");
        issues.push(Issue::error("invalid", text).at(format!("{own}.resourceType")));
    }
    if mode == Mode::Update && (resource.id().is_none() || id.is_some_and(|id| resource.id() != Some(id))) {
        let text = "An update needs the id of the URL in the resource.";
        issues.push(Issue::error("invalid", text).at(format!("{own}.id")));
    }
    issues
}

fn fine(text: &str) -> Issue {
    Issue { severity: Severity::Information, ..Issue::error("informational", text) }
}

fn missing_resource() -> Failure {
    refuse("Send the resource that is to be validated, as the body or as the parameter `resource`.")
        .code("required")
        .at(at("resource"))
}

fn refuse(text: &str) -> Failure {
    Failure::new(Reason::Invalid, text)
}

fn at(name: &str) -> String {
    format!("Parameters.parameter.where(name='{name}')")
}
