//! `$validate`: what R4 and profiles find wrong with a resource, and whether a write of it would be accepted.
//! <https://hl7.org/fhir/R4/resource-operation-validate.html>

use serde_json::Value;

use crate::access::Action;
use crate::app::Answer;
use crate::app::Change;
use crate::app::ChangeAction;
use crate::app::Session;
use crate::app::change::Demand;
use crate::app::change::Target;
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
/// `Invalid` where there is nothing to validate or the mode is unknown; `NotFound` and `Unprocessable` where the
/// profile that is asked for is not there, or is none; `Unavailable` where the database is.
pub fn run(session: &Session, call: Call) -> Result<Answer, Failure> {
    let (ty, id) =
        call.target.as_ref().ok_or_else(|| refuse("$validate is called on a type or an instance."))?;
    let mode = Mode::of(&call, id.as_deref())?;
    let profile = call.parameters.text("profile");
    if mode == Mode::Profile && profile.is_none() {
        return Err(refuse("The mode profile needs the parameter `profile`.")
            .code("required")
            .at(at("profile")));
    }
    let (mut issues, mut advice) = (Vec::new(), Vec::new());
    match (resource(session, &call)?, mode) {
        (Some(resource), _) => {
            issues = session.judge(resource.value(), profile)?;
            issues.extend(against_url(&resource, *ty, id.as_deref(), mode));
            if issues.iter().all(|issue| issue.severity != Severity::Error) {
                issues.extend(rehearsed(session, mode, (&resource, id.as_deref()))?);
                advice = shape::advice(&session.app().definitions.shapes, resource.value());
            }
        }
        (None, Mode::Delete) => issues.extend(rehearsed_delete(session, *ty, id.as_deref())?),
        (None, Mode::Any | Mode::Create | Mode::Update | Mode::Profile) => return Err(missing_resource()),
    }
    if issues.iter().all(|issue| issue.severity == Severity::Information) {
        issues.insert(0, fine(mode, profile));
    }
    // What R4 only recommends makes nothing less fine, and is of no use to whom errors keep busy.
    if issues.iter().all(|issue| issue.severity != Severity::Error) {
        issues.extend(advice);
    }
    Ok(Answer::value(outcome(&issues)))
}

/// What the resource is to be validated for. <https://hl7.org/fhir/R4/valueset-resource-validation-mode.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Any,
    Create,
    Update,
    Delete,
    Profile,
}

impl Mode {
    fn of(call: &Call, id: Option<&str>) -> Result<Self, Failure> {
        let mode = match call.parameters.text("mode") {
            None => return Ok(Self::Any),
            Some("create") => Self::Create,
            Some("update") => Self::Update,
            Some("delete") => Self::Delete,
            Some("profile") => Self::Profile,
            Some(_) => {
                return Err(refuse("`mode` is create, update, delete or profile.").at(at("mode")));
            }
        };
        if id.is_none() && mode == Self::Delete {
            return Err(refuse("The mode delete is asked for on an instance.").at(at("mode")));
        }
        Ok(mode)
    }
}

/// The resource that is sent, else the one that is stored; none is needed to delete.
fn resource(session: &Session, call: &Call) -> Result<Option<Resource>, Failure> {
    let is_delete = call.parameters.text("mode") == Some("delete");
    match (call.parameters.resource("resource"), &call.target) {
        _ if is_delete => Ok(None),
        (Some(sent), _) => Ok(Some(sent.clone())),
        (None, Some((ty, Some(id)))) => Ok(Some(Resource::from_value(session.read(*ty, id)?.value()?)?)),
        (None, Some((_, None)) | None) => Ok(None),
    }
}

fn against_url(resource: &Resource, ty: ResourceType, id: Option<&str>, mode: Mode) -> Vec<Issue> {
    let own = resource.ty();
    let mut issues = Vec::new();
    if own != ty {
        let text = format!("The URL is that of {ty}, the resource is a {own}; send it to its own type.");
        issues.push(Issue::error("invalid", text).at(format!("{own}.resourceType")));
    }
    if mode == Mode::Update && (resource.id().is_none() || id.is_some_and(|id| resource.id() != Some(id))) {
        let text = "An update needs the id of the URL in the resource; set it.";
        issues.push(Issue::error("invalid", text).at(format!("{own}.id")));
    }
    issues
}

/// What a create or update with the resource would be refused for.
fn rehearsed(
    session: &Session,
    mode: Mode,
    (resource, id): (&Resource, Option<&str>),
) -> Result<Vec<Issue>, Failure> {
    let resource = resource.clone();
    let change = match (mode, id.or(resource.id()).map(str::to_owned)) {
        (Mode::Create, _) => ChangeAction::create(resource),
        (Mode::Update, Some(id)) => ChangeAction::update(resource, id, None),
        (Mode::Update, None) | (Mode::Any | Mode::Profile | Mode::Delete, _) => return Ok(Vec::new()),
    };
    refused(session.rehearse(&[Change::client(change)]))
}

fn rehearsed_delete(session: &Session, ty: ResourceType, id: Option<&str>) -> Result<Vec<Issue>, Failure> {
    let id = id.unwrap_or_default().to_owned();
    if let Err(failure) = session.require(Action::Delete, ty) {
        return refused(Err(failure));
    }
    let delete = ChangeAction::Delete { ty, target: Target::Id(id), demand: Demand::Nothing };
    refused(session.rehearse(&[Change::client(delete)]))
}

/// The reasons for which a write would be refused; what keeps it from being tried at all is no such reason.
fn refused(rehearsed: Result<(), Failure>) -> Result<Vec<Issue>, Failure> {
    match rehearsed {
        Ok(()) => Ok(Vec::new()),
        Err(failure) if failure.status() >= 500 => Err(failure),
        Err(failure) => Ok(failure.issues),
    }
}

fn fine(mode: Mode, profile: Option<&str>) -> Issue {
    let text = match (mode, profile) {
        (Mode::Create, _) => "All OK: the resource is valid, and a create of it would be accepted.",
        (Mode::Update, _) => "All OK: the resource is valid, and the update would be accepted.",
        (Mode::Delete, _) => "All OK: the delete would be accepted.",
        (Mode::Any | Mode::Profile, Some(_)) => "All OK: the resource conforms to R4 and to the profile.",
        (Mode::Any | Mode::Profile, None) => {
            "All OK: the resource conforms to R4 and to the profiles that it claims."
        }
    };
    Issue { severity: Severity::Information, ..Issue::error("informational", text) }
}

/// The answer for a body that cannot be read as a resource at all: that, too, has been found out.
pub fn unreadable(session: &Session, body: &Result<Value, Failure>) -> Option<Answer> {
    match body {
        Err(failure) if failure.reason == Reason::Structure => Some(Answer::value(failure.outcome())),
        Err(_) => None,
        Ok(value) => {
            let is_resource =
                |value: &Value| value["resourceType"].as_str().and_then(ResourceType::parse).is_some();
            let parameters = value["parameter"].as_array().filter(|_| value["resourceType"] == "Parameters");
            let mut named = parameters.into_iter().flatten().filter(|one| one["name"] == "resource");
            let given = named.find_map(|one| one.get("resource")).unwrap_or(value);
            if is_resource(given) {
                return None;
            }
            Some(Answer::value(outcome(&session.judge(given, None).ok()?)))
        }
    }
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
