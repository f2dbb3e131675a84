//! A request's body, as the resource that it must be. <https://hl7.org/fhir/R4/http.html#mime-type>

use serde_json::Value;

use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::json;
use crate::interactions::request::Body;

/// The JSON of a body.
///
/// # Errors
/// `Structure` where there is none or it is no JSON; `MediaType` for a form.
pub fn value(body: Option<Body>) -> Result<Value, Failure> {
    match body {
        Some(Body::Json(bytes)) => json::parse(&bytes),
        Some(Body::Resource(value)) => Ok(value),
        Some(Body::Broken(failure)) => Err(failure),
        Some(Body::Form(_)) => Err(Failure::new(
            Reason::MediaType,
            "A form is read by a search alone; send a resource as application/fhir+json.",
        )),
        Some(Body::Patch(..)) => Err(Failure::new(
            Reason::MediaType,
            "A patch is read by PATCH alone; send a resource as application/fhir+json.",
        )),
        None => Err(Failure::new(Reason::Structure, "The request has no body; send a FHIR R4 resource.")),
    }
}

/// The resource of a body that is sent to the URL of a type.
///
/// # Errors
/// As [`value`]; `Structure` where it is no resource, or one of another type.
pub fn resource(ty: ResourceType, body: Option<Body>) -> Result<Resource, Failure> {
    let resource = Resource::from_value(value(body)?)?;
    if resource.ty() == ty {
        return Ok(resource);
    }
    let text = format!("The URL is that of {ty}, the body is a {}; send it to its own type.", resource.ty());
    Err(Failure::new(Reason::Structure, text).code("invalid").at(format!("{}.resourceType", resource.ty())))
}
