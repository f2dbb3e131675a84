//! What a client sends, by its `Content-Type`. <https://hl7.org/fhir/R4/http.html#mime-type>

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::CONTENT_TYPE;

use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::http::binary::Received;
use crate::http::negotiate::media_type;
use crate::interactions::PatchFormat;

/// What a body is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// JSON.
    Json,
    /// XML.
    Xml,
    /// A form, as searches are posted.
    Form,
    /// A patch.
    Patch(PatchFormat),
    /// What a Binary holds.
    Content(Received),
}

/// What the body is, by its `Content-Type`; JSON where there is none.
///
/// # Errors
/// `MediaType` for anything that is not read here.
pub fn sent(request: &HttpRequest) -> Result<Sent, Failure> {
    let refused = |text: &str| Err(Failure::new(Reason::MediaType, text));
    let patching = request.method() == Method::PATCH;
    let Some(header) = request.headers().get(CONTENT_TYPE) else {
        return Ok(if patching { Sent::Patch(PatchFormat::Unnamed) } else { Sent::Json });
    };
    let Some(sent) = header.to_str().ok().and_then(media_type) else {
        return refused("The Content-Type cannot be read: send application/fhir+json or fhir+xml.");
    };
    if !sent.utf8 {
        return refused("Only UTF-8 is read here: send the body in it.");
    }
    if !sent.r4 {
        return refused("Only FHIR R4 (fhirVersion=4.0) is read here.");
    }
    if let Some(format) = PatchFormat::named(&sent.name).filter(|_| patching) {
        return Ok(Sent::Patch(format));
    }
    match sent.name.as_str() {
        "application/fhir+json" | "application/json" | "text/json" => Ok(Sent::Json),
        "application/fhir+xml" | "application/xml" | "text/xml" => Ok(Sent::Xml),
        "application/x-www-form-urlencoded" if is_search(request.path()) => Ok(Sent::Form),
        "application/x-www-form-urlencoded" => {
            refused("A form is read at …/_search alone: send application/fhir+json.")
        }
        _ if patching => {
            refused("A patch is application/json-patch+json, merge-patch+json, fhir+json or fhir+xml.")
        }
        _ if is_search(request.path()) => refused("A search is sent as application/x-www-form-urlencoded."),
        _ => refused("This Content-Type is not read here: send application/fhir+json or fhir+xml."),
    }
}

fn is_search(path: &str) -> bool {
    path.trim_end_matches('/').ends_with("/_search")
}
