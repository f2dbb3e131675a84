//! patch and conditional patch. <https://hl7.org/fhir/R4/http.html#patch>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::access::Action;
use crate::app::Change;
use crate::app::ChangeAction;
use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::fhir::json;
use crate::fhir::patch::Patch;
use crate::interactions::body;
use crate::interactions::conditions;
use crate::interactions::conditions::Write;
use crate::interactions::request::Body;
use crate::interactions::request::PatchFormat;
use crate::interactions::request::Request;

/// The change that a patch asks for: a new version out of the current one of a resource, or of the one that the URL's
/// search finds. Without `If-Match` it is made again where another write came between.
///
/// # Errors
/// `Structure` for a body that is no patch; `MediaType`; `Forbidden`.
pub fn change(
    session: &Session,
    ty: ResourceType,
    id: Option<String>,
    request: Request,
) -> Result<Change, Failure> {
    session.require(Action::Update, ty)?;
    let demand = conditions::demand(Write::Change, &request.conditions)?;
    let target = conditions::target(id, &request)?;
    let patch = read(session, ty, request.body)?;
    Ok(Change::client(ChangeAction::Patch { ty, target, patch, demand }))
}

fn read(session: &Session, ty: ResourceType, sent: Option<Body>) -> Result<Patch, Failure> {
    let document = match sent {
        Some(Body::Patch(format, bytes)) => {
            let document = json::parse(&bytes)?;
            // Plain JSON may be FHIR's own, and no resource becomes a Parameters by a merge.
            let is_ours = document["resourceType"] == "Parameters" && ty.name() != "Parameters";
            if format != PatchFormat::Unnamed || !is_ours {
                return of_format(format, document);
            }
            document
        }
        None => return Err(Failure::new(Reason::Structure, "The request has no body; send a patch.")),
        other => body::value(other)?,
    };
    match document["resourceType"].as_str() {
        Some("Parameters") => Patch::parameters(&session.app().definitions.shapes, &document),
        Some("Binary") => of_binary(&document),
        _ => {
            let text = "As FHIR, a patch is a Parameters resource with operations; send others as \
                        application/json-patch+json or application/merge-patch+json.";
            Err(Failure::new(Reason::Structure, text).code("invalid"))
        }
    }
}

fn of_format(format: PatchFormat, document: Value) -> Result<Patch, Failure> {
    match format {
        PatchFormat::Json => Patch::json(document),
        PatchFormat::Merge => Patch::merge(document),
        PatchFormat::Unnamed if document.is_array() => Patch::json(document),
        PatchFormat::Unnamed => Patch::merge(document),
    }
}

/// In a Bundle a JSON Patch goes as a Binary.
fn of_binary(binary: &Value) -> Result<Patch, Failure> {
    let text = |name: &str| binary.get(name).and_then(Value::as_str);
    let name = text("contentType").unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let format = PatchFormat::named(name).ok_or_else(|| {
        let text = "A patch in a Binary has the contentType application/json-patch+json or \
                    application/merge-patch+json.";
        Failure::new(Reason::MediaType, text).at("Binary.contentType")
    })?;
    let data: String = text("data").unwrap_or_default().split_whitespace().collect();
    let bytes = STANDARD.decode(data).map_err(|_| {
        Failure::new(Reason::Structure, "The `data` of the Binary is no base64.").at("Binary.data")
    })?;
    of_format(format, json::parse(&bytes)?)
}
