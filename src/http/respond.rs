//! Answer and Failure to status, headers and bytes. <https://hl7.org/fhir/R4/http.html#return>

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::HttpResponseBuilder;
use actix_web::http::StatusCode;
use actix_web::http::header::ALLOW;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::http::header::ETAG;
use actix_web::http::header::LAST_MODIFIED;
use actix_web::http::header::LOCATION;
use actix_web::http::header::RETRY_AFTER;
use actix_web::http::header::WWW_AUTHENTICATE;
use serde_json::Value;

use crate::app::answer::Answer;
use crate::app::answer::Body;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::http::negotiate;
use crate::http::negotiate::FHIR_JSON;
use crate::http::negotiate::Format;

/// The response that words an answer.
pub fn answered(answer: Answer, format: Format) -> HttpResponse {
    let mut response = begun(answer.status);
    if let Some(version) = answer.version {
        response.insert_header((ETAG, etag(version)));
    }
    if let Some(updated) = answer.updated.and_then(http_date) {
        response.insert_header((LAST_MODIFIED, updated));
    }
    if let Some(location) = answer.location {
        response.insert_header((LOCATION, location));
    }
    if answer.replayed {
        response.insert_header(("Idempotency-Replayed", "true"));
    }
    match (answer.body, format.pretty) {
        (Body::Empty, _) => response.finish(),
        (Body::Stored(bytes), false) => sent(response, format, bytes),
        (Body::Stored(bytes), true) => match serde_json::from_slice::<Value>(&bytes) {
            Ok(value) => sent(response, format, written(&value, format)),
            Err(error) => failed_as(&Failure::internal(error), format),
        },
        (Body::Value(value), _) => sent(response, format, written(&value, format)),
    }
}

/// The response that words a failure, in the format that the request asks for where that is offered.
pub fn failed(request: &HttpRequest, failure: &Failure) -> HttpResponse {
    failed_as(failure, negotiate::answer_format(request).map_or(FHIR_JSON, |(format, _)| format))
}

/// The response that words a failure.
pub fn failed_as(failure: &Failure, format: Format) -> HttpResponse {
    let mut response = begun(failure.status());
    if let Some(version) = failure.version {
        response.insert_header((ETAG, etag(version)));
    }
    if let Some(allow) = &failure.allow {
        response.insert_header((ALLOW, allow.as_str()));
    }
    if let Some(challenge) = challenge(failure) {
        response.insert_header((WWW_AUTHENTICATE, challenge));
    }
    if matches!(failure.reason, Reason::Throttled | Reason::Unavailable) {
        response.insert_header((RETRY_AFTER, "2"));
    }
    sent(response, format, written(&failure.outcome(), format))
}

/// What a client learns about tokens: that one is needed, that this one does not hold, or that its scopes do not
/// suffice. <https://www.rfc-editor.org/rfc/rfc6750#section-3>
fn challenge(failure: &Failure) -> Option<&'static str> {
    let asked = failure.issues.first().is_some_and(|issue| issue.code == "login");
    match failure.reason {
        Reason::Login if asked => Some("Bearer realm=\"comfrey\""),
        Reason::Login => Some("Bearer realm=\"comfrey\", error=\"invalid_token\""),
        Reason::Forbidden => Some("Bearer realm=\"comfrey\", error=\"insufficient_scope\""),
        _ => None,
    }
}

fn begun(status: u16) -> HttpResponseBuilder {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    // health data: neither a proxy nor a browser's disk is to keep it
    response.insert_header((CACHE_CONTROL, "no-store"));
    response
}

fn sent(mut response: HttpResponseBuilder, format: Format, bytes: Vec<u8>) -> HttpResponse {
    response.insert_header((CONTENT_TYPE, format.media_type)).body(bytes)
}

fn written(value: &Value, format: Format) -> Vec<u8> {
    let bytes = if format.pretty { serde_json::to_vec_pretty(value) } else { serde_json::to_vec(value) };
    bytes.expect("a JSON value has text keys alone, and memory does not fail to be written")
}

fn etag(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// Microseconds since 1970 as HTTP writes dates: `Sun, 01 Mar 2026 12:00:00 GMT`.
pub fn http_date(micros: i64) -> Option<String> {
    let date = jiff::Timestamp::from_microsecond(micros).ok()?;
    Some(date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

#[cfg(test)]
mod tests {
    use actix_web::body::MessageBody;

    use super::*;

    fn header<'a>(response: &'a HttpResponse, name: &str) -> Option<&'a str> {
        response.headers().get(name).map(|value| value.to_str().unwrap())
    }

    fn body(response: HttpResponse) -> Vec<u8> {
        response.into_body().try_into_bytes().ok().unwrap().to_vec()
    }

    fn answer(body: Body) -> Answer {
        Answer { body, version: Some(3), updated: Some(1_772_366_400_500_000), ..Answer::empty(200) }
    }

    #[test]
    fn stored_bytes_go_out_as_they_are() {
        let bytes = br#"{"resourceType" : "Patient","x":1.10}"#.to_vec();
        let response = answered(answer(Body::Stored(bytes.clone())), FHIR_JSON);
        assert_eq!(header(&response, "etag"), Some("W/\"3\""));
        assert_eq!(header(&response, "last-modified"), Some("Sun, 01 Mar 2026 12:00:00 GMT"));
        assert_eq!(header(&response, "content-type"), Some("application/fhir+json; charset=utf-8"));
        assert_eq!(header(&response, "cache-control"), Some("no-store"));
        assert_eq!(body(response), bytes);
    }

    #[test]
    fn pretty_bytes_keep_their_decimals() {
        let stored = Body::Stored(br#"{"resourceType":"Patient","x":1.10}"#.to_vec());
        let response = answered(answer(stored), Format { pretty: true, ..FHIR_JSON });
        assert_eq!(body(response), b"{\n  \"resourceType\": \"Patient\",\n  \"x\": 1.10\n}");
    }

    #[test]
    fn failures_carry_the_headers_that_their_status_asks_for() {
        let login = Failure::new(Reason::Login, "x");
        for (failure, status, name, value) in [
            (login.clone(), 401, "www-authenticate", "Bearer realm=\"comfrey\""),
            (
                login.code("unknown"),
                401,
                "www-authenticate",
                "Bearer realm=\"comfrey\", error=\"invalid_token\"",
            ),
            (
                Failure::new(Reason::Forbidden, "x"),
                403,
                "www-authenticate",
                "Bearer realm=\"comfrey\", error=\"insufficient_scope\"",
            ),
            (Failure::new(Reason::Unavailable, "x"), 503, "retry-after", "2"),
            (Failure { version: Some(2), ..Failure::new(Reason::Deleted, "x") }, 410, "etag", "W/\"2\""),
            (
                Failure { allow: Some("GET, HEAD".into()), ..Failure::new(Reason::MethodNotAllowed, "x") },
                405,
                "allow",
                "GET, HEAD",
            ),
        ] {
            let response = failed_as(&failure, FHIR_JSON);
            assert_eq!(response.status(), status);
            assert_eq!(header(&response, name), Some(value));
            let outcome: Value = serde_json::from_slice(&body(response)).unwrap();
            assert_eq!(outcome["resourceType"], "OperationOutcome");
        }
    }
}
