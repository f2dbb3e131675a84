//! What can come back, described once and referred to: every failure is an OperationOutcome.
//! <https://hl7.org/fhir/R4/http.html#Status-Codes>

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;
use utoipa::openapi::Content;
use utoipa::openapi::Header;
use utoipa::openapi::Ref;
use utoipa::openapi::RefOr;
use utoipa::openapi::Response;
use utoipa::openapi::ResponseBuilder;
use utoipa::openapi::Responses;
use utoipa::openapi::ResponsesBuilder;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::schema::OneOfBuilder;
use utoipa::openapi::schema::Type;

use crate::fhir::Reason;
use crate::http::openapi::bodies;
use crate::http::openapi::examples;
use crate::http::openapi::schemas::schema_ref;

/// The media type of FHIR as JSON.
pub const FHIR_JSON: &str = "application/fhir+json";
/// The media type of FHIR as XML.
pub const FHIR_XML: &str = "application/fhir+xml";

/// Every failure that a client can meet: what it is called here, its reason, and when it happens.
const FAILURES: [(&str, Reason, &str); 14] = [
    (
        "BadRequest",
        Reason::Structure,
        "Not understood: a wrong parameter, a body that is not JSON or not of R4's shape",
    ),
    ("Unauthorized", Reason::Login, "No valid access token; `WWW-Authenticate` says what is asked for"),
    ("Forbidden", Reason::Forbidden, "The token's scopes do not allow it"),
    ("NotFound", Reason::NotFound, "Nothing by that name that the caller may know of"),
    (
        "MethodNotAllowed",
        Reason::MethodNotAllowed,
        "The path does not have this method; `Allow` names those it has",
    ),
    ("NotAcceptable", Reason::NotAcceptable, "None of the formats in `Accept` is offered"),
    ("Conflict", Reason::Conflict, "It clashes with what is there now"),
    ("Gone", Reason::Deleted, "It was deleted; `ETag` is the version of the deletion"),
    ("PreconditionFailed", Reason::Precondition, "Another version than `If-Match` names, or several matches"),
    ("TooLarge", Reason::TooLarge, "The body is larger than this server takes"),
    ("UnsupportedMediaType", Reason::MediaType, "The body's media type is not one that is read here"),
    (
        "Unprocessable",
        Reason::Unprocessable,
        "The content breaks a rule of R4 or of the programme; every problem is listed",
    ),
    (
        "TooManyRequests",
        Reason::Throttled,
        "The server has as much to do as it can hold; `Retry-After` says when to try again",
    ),
    (
        "Unavailable",
        Reason::Unavailable,
        "The database cannot be reached now; `Retry-After` says when to try again",
    ),
];

/// The failures as components.
pub fn components() -> BTreeMap<String, RefOr<Response>> {
    FAILURES
        .into_iter()
        .map(|(name, reason, words)| (name.to_owned(), failure(reason, words).into()))
        .collect()
}

/// The responses of an operation: what success looks like, and the failures by their component names.
pub fn responses(successes: Vec<(u16, Response)>, failures: &[&str]) -> Responses {
    let mut all = ResponsesBuilder::new();
    for (status, response) in successes {
        all = all.response(status.to_string(), response);
    }
    for (name, reason, _) in FAILURES.iter().filter(|(name, ..)| failures.contains(name)) {
        all = all.response(reason.status().to_string(), Ref::from_response_name(*name));
    }
    all.build()
}

/// An answer with a body of this schema.
pub fn body(words: &str, schema: &str) -> ResponseBuilder {
    let content = Content::builder().schema(Some(schema_ref(schema))).example(Some(examples::answer(schema)));
    let response = ResponseBuilder::new().description(words).content(FHIR_JSON, content.build());
    response.content(FHIR_XML, bodies::xml())
}

/// The answer to a write: a resource of this schema or, where that is asked for, an OperationOutcome; with
/// `Prefer: return=minimal` it has no body.
pub fn written(words: &str, schema: &str) -> ResponseBuilder {
    let either = OneOfBuilder::new().item(schema_ref(schema)).item(schema_ref("OperationOutcome"));
    let content = Content::builder().schema(Some(either)).example(Some(examples::answer(schema)));
    let words = format!("{words}; `Prefer` says whether the body is that, an OperationOutcome or nothing");
    let response = ResponseBuilder::new().description(words).content(FHIR_JSON, content.build());
    response.content(FHIR_XML, bodies::xml())
}

/// An answer without a body.
pub fn empty(words: &str) -> ResponseBuilder {
    ResponseBuilder::new().description(words)
}

/// Adds the header that says which content the answer is.
pub fn tagged(response: ResponseBuilder) -> ResponseBuilder {
    response.header("ETag", header("The same as long as the content is"))
}

/// Adds the headers that say which version the answer is.
pub fn versioned(response: ResponseBuilder) -> ResponseBuilder {
    response
        .header("ETag", header("The version: `W/\"1\"`; give it back in `If-Match`"))
        .header("Last-Modified", header("When this version was made"))
}

/// Adds the header that says where the resource is.
pub fn located(response: ResponseBuilder) -> ResponseBuilder {
    response.header("Location", header("The URL of the version that was made: `…/Patient/1/_history/1`"))
}

/// Adds the header that says where the answer is asked for that is not there yet.
pub fn taken_on(response: ResponseBuilder) -> ResponseBuilder {
    response
        .header("Content-Location", header("Where the answer is asked for: `…/async/{id}`"))
        .header("Preference-Applied", header("`respond-async`"))
}

/// Adds the headers that say how far it is.
pub fn pending(response: ResponseBuilder) -> ResponseBuilder {
    response
        .header("X-Progress", header("How far it is, in words"))
        .header("Retry-After", header("Seconds to wait before asking again"))
}

fn header(words: &str) -> Header {
    let mut header = Header::new(ObjectBuilder::new().schema_type(Type::String));
    header.description = Some(words.to_owned());
    header
}

fn failure(reason: Reason, words: &str) -> Response {
    let content =
        Content::builder().schema(Some(schema_ref("OperationOutcome"))).example(Some(example(reason)));
    let response = ResponseBuilder::new().description(words).content(FHIR_JSON, content.build());
    let response = response.content(FHIR_XML, bodies::xml());
    match reason {
        Reason::Login => {
            response.header("WWW-Authenticate", header("`Bearer`, with what is wrong with the token"))
        }
        Reason::MethodNotAllowed => response.header("Allow", header("The methods that the path has")),
        Reason::Deleted => response.header("ETag", header("The version of the deletion")),
        Reason::Throttled | Reason::Unavailable => response.header("Retry-After", header("Seconds to wait")),
        _ => response,
    }
    .build()
}

fn example(reason: Reason) -> Value {
    json!({ "resourceType": "OperationOutcome", "issue": [
        { "severity": "error", "code": reason.code(), "details": { "text": "A sentence that says what to do." } }
    ] })
}
