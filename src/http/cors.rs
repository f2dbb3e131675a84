//! Pages of other origins, and OPTIONS. <https://fetch.spec.whatwg.org/#http-cors-protocol>
//!
//! Tokens are sent by scripts and not by cookies, so an origin that is let in gets no more than the token in its
//! hands allows; which origins these are is set by whoever runs the service, and none are without a word.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::header::ACCESS_CONTROL_ALLOW_HEADERS;
use actix_web::http::header::ACCESS_CONTROL_ALLOW_METHODS;
use actix_web::http::header::ACCESS_CONTROL_ALLOW_ORIGIN;
use actix_web::http::header::ACCESS_CONTROL_EXPOSE_HEADERS;
use actix_web::http::header::ACCESS_CONTROL_MAX_AGE;
use actix_web::http::header::ACCESS_CONTROL_REQUEST_METHOD;
use actix_web::http::header::ALLOW;
use actix_web::http::header::HeaderMap;
use actix_web::http::header::HeaderValue;
use actix_web::http::header::ORIGIN;
use actix_web::http::header::VARY;

use crate::app::App;
use crate::http::respond;
use crate::http::routes::FHIR;
use crate::interactions;

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
const ALLOWED_HEADERS: &str = "Accept, Authorization, Content-Encoding, Content-Type, Idempotency-Key, If-Match, \
                               If-Modified-Since, If-None-Exist, If-None-Match, Prefer, X-Purpose-Of-Use, \
                               X-Request-Id, X-Security-Context";
const EXPOSED_HEADERS: &str = "Allow, Content-Location, ETag, Idempotency-Replayed, Last-Modified, Location, \
                               Preference-Applied, Retry-After, WWW-Authenticate, X-Progress, X-Request-Id, \
                               X-Rule-Set, X-Security-Context";
/// What can only be looked at.
const LOOKING: &str = "GET, HEAD, OPTIONS";

/// The answer to OPTIONS: to a browser's preflight what it may send, else the methods that the path has.
pub fn options(request: &HttpRequest, app: &App) -> HttpResponse {
    let asked = |name| request.headers().contains_key(name);
    let mut response = HttpResponse::NoContent();
    if asked(ORIGIN) && asked(ACCESS_CONTROL_REQUEST_METHOD) {
        response.insert_header((ALLOW, METHODS));
        if allowed(&app.config.cors_origins, request.headers()).is_some() {
            response.insert_header((ACCESS_CONTROL_ALLOW_METHODS, METHODS));
            response.insert_header((ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS));
            response.insert_header((ACCESS_CONTROL_MAX_AGE, "600"));
        }
        return response.finish();
    }
    let path = request.uri().path();
    let below = path.strip_prefix(FHIR).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let Some(below) = below.filter(|rest| !rest.starts_with("/.well-known/")) else {
        return response.insert_header((ALLOW, LOOKING)).finish();
    };
    match interactions::allowed(app, below) {
        Ok(allow) => response.insert_header((ALLOW, allow)).finish(),
        Err(failure) => respond::failed(request, &failure),
    }
}

/// Adds to an answer what lets a page of an allowed origin read it.
pub fn add(answer: &mut HeaderMap, origins: &[String], asked: &HeaderMap) {
    if !origins.is_empty() && !origins.iter().any(|origin| origin == "*") {
        answer.append(VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(origin) = allowed(origins, asked) {
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
    }
}

/// The origin that may read the answer, where the one who asks may.
fn allowed(origins: &[String], asked: &HeaderMap) -> Option<HeaderValue> {
    if origins.iter().any(|origin| origin == "*") {
        return Some(HeaderValue::from_static("*"));
    }
    let asked = asked.get(ORIGIN)?;
    origins.iter().any(|origin| origin.as_bytes() == asked.as_bytes()).then(|| asked.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_origins_that_are_named_may_read() {
        let asked = |origin: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
            headers
        };
        let named = ["https://app.example".to_owned(), "http://localhost:3000".to_owned()];
        for (origins, origin, expected) in [
            (&named[..], "https://app.example", Some("https://app.example")),
            (&named, "http://localhost:3000", Some("http://localhost:3000")),
            (&named, "https://app.example.evil", None),
            (&named, "http://app.example", None),
            (&named, "null", None),
            (&[], "https://app.example", None),
            (&["*".to_owned()], "https://app.example", Some("*")),
        ] {
            let mut answer = HeaderMap::new();
            add(&mut answer, origins, &asked(origin));
            let found = answer.get(ACCESS_CONTROL_ALLOW_ORIGIN).map(|value| value.to_str().unwrap());
            assert_eq!(found, expected, "{origin}");
            assert_eq!(answer.contains_key(VARY), origins == named, "{origin}");
        }
    }
}
