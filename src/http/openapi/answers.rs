//! What each interaction answers, and how it can fail. <https://hl7.org/fhir/R4/http.html#summary>

use utoipa::openapi::Responses;

use crate::fhir::ResourceType;
use crate::http::openapi::responses;
use crate::interactions::route::Kind;

/// How any request for data can fail, whatever it asks for.
const ALWAYS: [&str; 6] =
    ["BadRequest", "Unauthorized", "Forbidden", "NotAcceptable", "TooManyRequests", "Unavailable"];
/// How one that sends a body can fail beside that.
const SENDING: [&str; 2] = ["TooLarge", "UnsupportedMediaType"];

/// The answers to interactions of this kind, with one type or with any.
pub fn of(kind: Kind, ty: Option<ResourceType>) -> Responses {
    let schema = ty.map_or("Resource", ResourceType::name);
    let found = |words: &str| responses::versioned(responses::body(words, schema)).build();
    let stored = |words: &str| responses::located(responses::versioned(responses::written(words, schema)));
    let (made, new) = (|| stored("Made").build(), || stored("The new version").build());
    let bundle = |words: &str| responses::body(words, "Bundle").build();
    let unchanged = || responses::tagged(responses::empty("Not changed")).build();
    let successes = match kind {
        Kind::Capabilities => {
            let words = "The CapabilityStatement, or the TerminologyCapabilities";
            vec![(200, responses::tagged(responses::body(words, "Resource")).build()), (304, unchanged())]
        }
        Kind::Batch => vec![(200, bundle("An entry for each entry, in their order"))],
        Kind::Search | Kind::SystemSearch | Kind::CompartmentSearch => {
            vec![(200, bundle("A `searchset`; its `next` and `previous` links lead to the pages around it"))]
        }
        Kind::Read => vec![(200, found("The resource")), (304, unchanged())],
        Kind::Vread => vec![(200, found("That version")), (304, unchanged())],
        Kind::History | Kind::TypeHistory | Kind::SystemHistory => {
            vec![(200, bundle("A `history`; its `next` and `previous` links lead to the pages around it"))]
        }
        Kind::Create => vec![(201, made()), (200, stored("`If-None-Exist` found this one").build())],
        Kind::Update | Kind::ConditionalUpdate => vec![(200, new()), (201, made())],
        Kind::Patch | Kind::ConditionalPatch => vec![(200, new())],
        Kind::Delete | Kind::ConditionalDelete => {
            let words = "Deleted, now or before, and `Prefer: return=OperationOutcome` asks that it be said";
            let said = responses::tagged(responses::body(words, "OperationOutcome")).build();
            vec![(200, said), (204, responses::tagged(responses::empty("Deleted, now or before")).build())]
        }
        Kind::Operation => Vec::new(),
        Kind::AsyncStatus => vec![
            (
                200,
                responses::body("The answer to what was asked, as it would have come at once", "Resource")
                    .build(),
            ),
            (202, responses::pending(responses::body("Not done yet", "OperationOutcome")).build()),
        ],
        Kind::AsyncCancel => vec![(202, responses::body("Cancelled", "OperationOutcome").build())],
    };
    responses::responses(successes, &failures(kind))
}

fn failures(kind: Kind) -> Vec<&'static str> {
    let own: &[&str] = match kind {
        Kind::Capabilities => return vec!["BadRequest", "NotAcceptable", "TooManyRequests"],
        Kind::Read | Kind::Vread => &["NotFound", "Gone"],
        Kind::History | Kind::TypeHistory | Kind::Search | Kind::CompartmentSearch => &["NotFound"],
        Kind::SystemHistory | Kind::SystemSearch => &[],
        // What was asked may have failed in any way.
        Kind::AsyncStatus => &["NotFound", "Conflict", "Gone", "PreconditionFailed", "Unprocessable"],
        Kind::AsyncCancel => &["NotFound"],
        Kind::Delete | Kind::ConditionalDelete => {
            &["NotFound", "Conflict", "PreconditionFailed", "Unprocessable"]
        }
        Kind::Create
        | Kind::Update
        | Kind::ConditionalUpdate
        | Kind::Patch
        | Kind::ConditionalPatch
        | Kind::Batch
        | Kind::Operation => &["NotFound", "Conflict", "Gone", "PreconditionFailed", "Unprocessable"],
    };
    // A body is read, and may be too much, also where none is asked for.
    ALWAYS.into_iter().chain(SENDING).chain(own.iter().copied()).collect()
}
