//! What a client prefers. <https://www.rfc-editor.org/rfc/rfc7240>

use actix_web::http::header::HeaderMap;

use crate::interactions::Handling;
use crate::interactions::Prefer;
use crate::interactions::Return;

/// What the client prefers; what is not known is passed over, as RFC 7240 says.
pub fn prefer(headers: &HeaderMap) -> Prefer {
    let mut prefer = Prefer::default();
    let values = headers.get_all("prefer").filter_map(|value| value.to_str().ok());
    for preference in values.flat_map(|value| value.split([',', ';'])) {
        match preference.trim().trim_end_matches('"').replace("=\"", "=").as_str() {
            "return=minimal" => prefer.return_ = Return::Minimal,
            "return=representation" => prefer.return_ = Return::Representation,
            "return=OperationOutcome" => prefer.return_ = Return::OperationOutcome,
            "handling=strict" => prefer.handling = Handling::Strict,
            "handling=lenient" => prefer.handling = Handling::Lenient,
            "respond-async" => prefer.respond_async = true,
            _ => {}
        }
    }
    prefer
}
