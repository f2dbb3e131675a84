//! Around every request: its id, its log line, its count. <https://hl7.org/fhir/R4/http.html#custom>
//!
//! A log line has the method, the interaction and the resource type: never an id, a query, a body or a token, all of
//! which can be health data or a key to it.

use std::cell::RefCell;
use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use actix_web::Error;
use actix_web::HttpMessage;
use actix_web::HttpRequest;
use actix_web::body::EitherBody;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use actix_web::http::header::HeaderName;
use actix_web::http::header::HeaderValue;
use actix_web::http::header::X_CONTENT_TYPE_OPTIONS;
use actix_web::middleware::Next;
use actix_web::web;

use crate::http::Served;
use crate::http::cors;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

thread_local! {
    static CURRENT: RefCell<Option<RequestId>> = const { RefCell::new(None) };
}

/// The name of one request, in its answer and in every log line about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// The id that the client sent, where it is a sane one, or a new one.
    fn of(headers: &HeaderMap) -> Self {
        let sent = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
        let sane = |id: &&str| {
            (1..=64).contains(&id.len())
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        sent.filter(sane).map_or_else(Self::new, |id| Self(id.to_owned()))
    }

    /// One that no other request has, of this process or another. It is a name and no secret, so chance is asked for once.
    fn new() -> Self {
        static PROCESS: LazyLock<u128> = LazyLock::new(|| uuid::Uuid::new_v4().as_u128());
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(uuid::Uuid::from_u128(*PROCESS ^ u128::from(number)).to_string())
    }

    /// The id of this request.
    pub fn current(request: &HttpRequest) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or_else(|| Self::of(request.headers()))
    }

    /// Runs this work so that its log lines carry the id.
    pub fn around<T>(&self, work: impl FnOnce() -> T) -> T {
        let _ended = Ended(CURRENT.replace(Some(self.clone())));
        work()
    }
}

/// Puts back what was there before, also where the work panics.
struct Ended(Option<RequestId>);

impl Drop for Ended {
    fn drop(&mut self) {
        CURRENT.replace(self.0.take());
    }
}

/// The id of the request that this thread works on, for log lines.
pub fn request_id() -> Option<String> {
    CURRENT.with_borrow(|id| id.as_ref().map(|id| id.0.clone()))
}

/// What a request asks for, for its log line.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    /// Such as `read`.
    pub interaction: &'static str,
    /// The resource type, where there is one.
    pub ty: &'static str,
}

/// The middleware.
///
/// # Errors
/// None of its own.
pub async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    let begun = Instant::now();
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let served = request.app_data::<web::Data<Served>>().cloned();
    let mut response = match &served {
        Some(served) if request.method() == Method::OPTIONS => {
            let answer = cors::options(request.request(), &served.app);
            request.into_response(answer).map_into_right_body()
        }
        Some(_) | None => next.call(request).await?.map_into_left_body(),
    };
    headers(response.headers_mut(), &id);
    if let Some(served) = &served {
        let origins = &served.app.config.cors_origins;
        if !origins.is_empty() {
            let asked = response.request().headers().clone();
            cors::add(response.headers_mut(), origins, &asked);
        }
    }
    let took = begun.elapsed();
    if let Some(served) = served {
        served.metrics.count(response.request().method().as_str(), response.status().as_u16(), took);
    }
    id.around(|| log(&response, took));
    Ok(response)
}

fn headers(headers: &mut HeaderMap, id: &RequestId) {
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

fn log<B>(response: &ServiceResponse<B>, took: Duration) {
    let request = response.request();
    let label = request.extensions().get::<Label>().copied();
    if !log::log_enabled!(target: "comfrey::http", log::Level::Info) {
        return;
    }
    // outside FHIR the path is one of a fixed few; an unknown one is not written down
    let path = request.match_pattern().unwrap_or_default();
    let label = label.unwrap_or(Label { interaction: "", ty: "" });
    log::info!(
        target: "comfrey::http",
        method = request.method().as_str(),
        path = path.as_str(),
        interaction = label.interaction,
        resource = label.ty,
        status = response.status().as_u16(),
        micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        "request"
    );
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_sane_request_id_is_taken_over_and_another_replaced() {
        let of = |id: &'static str| {
            let request = TestRequest::default().insert_header(("x-request-id", id)).to_http_request();
            RequestId::of(request.headers()).0
        };
        assert_eq!(of("abc-1.2_3"), "abc-1.2_3");
        for wrong in ["", "a b", "a\tb", "a{b}", "x=1"] {
            assert_ne!(of(wrong), wrong);
            assert_eq!(of(wrong).len(), 36, "{wrong:?}");
            assert_ne!(of(wrong), of(wrong));
        }
    }

    #[test]
    fn log_lines_know_their_request_also_after_a_panic() {
        let id = RequestId("r1".into());
        assert_eq!(id.around(request_id).as_deref(), Some("r1"));
        let panicked = std::panic::catch_unwind(|| id.around(|| panic!("as a handler might")));
        assert!(panicked.is_err());
        assert_eq!(request_id(), None);
    }
}
