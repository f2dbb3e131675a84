//! Answer and Failure to status, headers and bytes. <https://hl7.org/fhir/R4/http.html#return>

use actix_web::HttpMessage;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::HttpResponseBuilder;
use actix_web::http::StatusCode;
use actix_web::http::header::ALLOW;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::http::header::CONTENT_LOCATION;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::http::header::ETAG;
use actix_web::http::header::LAST_MODIFIED;
use actix_web::http::header::LOCATION;
use actix_web::http::header::RETRY_AFTER;
use actix_web::http::header::VARY;
use actix_web::http::header::WWW_AUTHENTICATE;
use actix_web::web;
use serde_json::Value;

use crate::app::answer::Answer;
use crate::app::answer::Body;
use crate::app::answer::Later;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::operation::Parameter;
use crate::fhir::parameters::csv;
use crate::fhir::shape::Shapes;
use crate::fhir::xml;
use crate::fhir::xml::Style;
use crate::http::Served;
use crate::http::binary;
use crate::http::negotiate;
use crate::http::negotiate::FHIR_JSON;
use crate::http::negotiate::Format;
use crate::http::negotiate::Offer;
use crate::http::negotiate::Syntax;

/// An answer with its body as the bytes that go out. What is stored goes out in JSON as it is.
///
/// # Errors
/// `Internal` where what is stored cannot be read.
pub fn worded(answer: Answer, format: Format, shapes: &Shapes) -> Result<Answer, Failure> {
    let body = match answer.body {
        Body::Empty => Body::Empty,
        Body::Stored(bytes) if answer.content.is_some() => Body::Stored(bytes),
        Body::Stored(bytes) if format.syntax == Syntax::Csv => Body::Stored(bytes),
        Body::Stored(bytes) if format.syntax == Syntax::Json && !format.pretty => Body::Stored(bytes),
        Body::Stored(bytes) => {
            let mut value = serde_json::from_slice(&bytes).map_err(Failure::internal)?;
            if format.by_query && format.syntax == Syntax::Xml {
                ask_again(&mut value);
            }
            Body::Stored(written(&value, format, shapes)?)
        }
        Body::Value(value) => Body::Stored(written(&value, format, shapes)?),
    };
    Ok(Answer { body, ..answer })
}

/// The answer with its table in the place of the resource that holds it.
///
/// # Errors
/// `Internal` where the answer is no Parameters resource: a fault of ours.
pub fn tabled(answer: Answer, rows: &Parameter) -> Result<Answer, Failure> {
    let body = match answer.body {
        Body::Empty => Body::Empty,
        Body::Stored(bytes) => Body::Stored(csv::table(&bytes, rows)?),
        Body::Value(value) => Body::Stored(csv::table(value.to_string().as_bytes(), rows)?),
    };
    Ok(Answer { body, ..answer })
}

/// Makes the links to further pages ask for XML, as the URL did that led here; JSON comes without asking.
fn ask_again(bundle: &mut Value) {
    for link in bundle.get_mut("link").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(Value::String(url)) = link.get_mut("url")
            && url.contains("_cursor=")
        {
            url.push_str("&_format=xml");
        }
    }
}

/// The response of an answer that [`worded`] gave.
pub fn answered(answer: Answer, format: Format) -> HttpResponse {
    let mut response = begun(answer.status);
    if let Some(version) = answer.version {
        response.insert_header((ETAG, etag(version)));
    }
    if let Some(tag) = answer.tag {
        response.insert_header((ETAG, tag));
    }
    if let Some(updated) = answer.updated.and_then(http_date) {
        response.insert_header((LAST_MODIFIED, updated));
    }
    if let Some(location) = answer.location {
        response.insert_header((LOCATION, location));
    }
    match answer.later {
        Some(Later::Accepted(url)) => {
            response.insert_header((CONTENT_LOCATION, url));
            response.insert_header(("Preference-Applied", "respond-async"));
        }
        Some(Later::Pending(progress, seconds)) => {
            response.insert_header(("X-Progress", progress)).insert_header((RETRY_AFTER, seconds));
        }
        Some(Later::Done(_) | Later::Cancelled) | None => {}
    }
    if !answer.judged_by.is_empty() {
        let rules: Vec<String> = answer.judged_by.iter().map(|one| in_header(one)).collect();
        response.insert_header(("X-Rule-Set", rules.join(", ")));
    }
    if answer.replayed {
        response.insert_header(("Idempotency-Replayed", "true"));
    }
    match (answer.body, answer.content) {
        (Body::Empty, _) => response.finish(),
        (Body::Stored(bytes), Some(content)) => binary::sent(response, &content, bytes),
        (Body::Stored(bytes), None) => sent(response, format, bytes),
        (Body::Value(value), _) => sent(response, format, value.to_string().into_bytes()),
    }
}

/// The response that words a failure, in the format that the request asks for where that is offered.
pub fn failed(request: &HttpRequest, failure: &Failure) -> HttpResponse {
    let settled = request.extensions().get::<Format>().copied();
    let format = settled
        .or_else(|| negotiate::answer_format(request, Offer::Resources).ok().map(|(format, _)| format));
    let served = request.app_data::<web::Data<Served>>();
    failed_as(failure, format.unwrap_or(FHIR_JSON), served.map(|served| &served.app.definitions.shapes))
}

/// The response that words a failure; in JSON where there are no shapes to write XML by.
fn failed_as(failure: &Failure, format: Format, shapes: Option<&Shapes>) -> HttpResponse {
    let mut response = begun(failure.status());
    if let Some(version) = failure.version {
        response.insert_header((ETAG, etag(version)));
    }
    if let Some(allow) = &failure.allow {
        // Every path answers OPTIONS, whatever else it does.
        response.insert_header((ALLOW, format!("{allow}, OPTIONS")));
    }
    if let Some(challenge) = challenge(failure) {
        response.insert_header((WWW_AUTHENTICATE, challenge));
    }
    if matches!(failure.reason, Reason::Throttled | Reason::Unavailable) {
        response.insert_header((RETRY_AFTER, "2"));
    }
    let outcome = failure.outcome();
    match shapes.and_then(|shapes| written(&outcome, format, shapes).ok()) {
        Some(bytes) => sent(response, format, bytes),
        None => sent(response, FHIR_JSON, outcome.to_string().into_bytes()),
    }
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
    response.insert_header((VARY, "Accept, Accept-Encoding"));
    response
}

fn sent(mut response: HttpResponseBuilder, format: Format, bytes: Vec<u8>) -> HttpResponse {
    response.insert_header((CONTENT_TYPE, format.media_type)).body(bytes)
}

fn written(value: &Value, format: Format, shapes: &Shapes) -> Result<Vec<u8>, Failure> {
    let style = if format.pretty { Style::Pretty } else { Style::Compact };
    match (format.syntax, style) {
        (Syntax::Xml, style) => xml::write(shapes, value, style).map_err(Failure::internal),
        (Syntax::Csv, _) => Err(Failure::internal("what is no table was to be written as one")),
        (Syntax::Json, Style::Pretty) => serde_json::to_vec_pretty(value).map_err(Failure::internal),
        (Syntax::Json, Style::Compact) => serde_json::to_vec(value).map_err(Failure::internal),
    }
}

/// One entry of a list in a header: what would end it or cannot stand there is percent-encoded, and so is the percent
/// sign itself, so that it can be read back. <https://www.rfc-editor.org/rfc/rfc9110#section-5.5>
fn in_header(entry: &str) -> String {
    let mut out = String::with_capacity(entry.len());
    for byte in entry.bytes() {
        match byte {
            b'%' | b',' => out.push_str(&format!("%{byte:02X}")),
            b'!'..=b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
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
    use crate::definitions::Definitions;

    fn header<'a>(response: &'a HttpResponse, name: &str) -> Option<&'a str> {
        response.headers().get(name).map(|value| value.to_str().unwrap())
    }

    fn body(response: HttpResponse) -> Vec<u8> {
        response.into_body().try_into_bytes().ok().unwrap().to_vec()
    }

    fn answered_in(answer: Answer, format: Format) -> HttpResponse {
        let definitions = Definitions::shared().expect("the definitions load");
        answered(worded(answer, format, &definitions.shapes).expect("it is a resource"), format)
    }

    fn answer(body: Body) -> Answer {
        Answer { body, version: Some(3), updated: Some(1_772_366_400_500_000), ..Answer::empty(200) }
    }

    #[test]
    fn stored_bytes_go_out_as_they_are() {
        let bytes = br#"{"resourceType" : "Patient","x":1.10}"#.to_vec();
        let response = answered_in(answer(Body::Stored(bytes.clone())), FHIR_JSON);
        assert_eq!(header(&response, "etag"), Some("W/\"3\""));
        assert_eq!(header(&response, "last-modified"), Some("Sun, 01 Mar 2026 12:00:00 GMT"));
        assert_eq!(header(&response, "content-type"), Some("application/fhir+json; charset=utf-8"));
        assert_eq!(header(&response, "cache-control"), Some("no-store"));
        assert_eq!(body(response), bytes);
    }

    #[test]
    fn the_rules_of_an_answer_are_named_whatever_their_version() {
        for (rules, expected) in [
            (vec![], None),
            (
                vec!["https://a.example/x|1.0", "https://a.example/y|2"],
                Some("https://a.example/x|1.0, https://a.example/y|2"),
            ),
            (
                vec!["https://a.example/x|Entwürfe 1,5 %"],
                Some("https://a.example/x|Entw%C3%BCrfe%201%2C5%20%25"),
            ),
        ] {
            let judged_by = rules.into_iter().map(str::to_owned).collect();
            let response = answered(Answer { judged_by, ..Answer::empty(200) }, FHIR_JSON);
            assert_eq!(header(&response, "x-rule-set"), expected);
        }
    }

    #[test]
    fn pretty_bytes_keep_their_decimals() {
        let stored = Body::Stored(br#"{"resourceType":"Patient","x":1.10}"#.to_vec());
        let response = answered_in(answer(stored), Format { pretty: true, ..FHIR_JSON });
        assert_eq!(body(response), b"{\n  \"resourceType\": \"Patient\",\n  \"x\": 1.10\n}");
    }

    #[test]
    fn xml_is_written_from_what_is_stored() {
        let stored = Body::Stored(br#"{"resourceType":"Patient","active":true,"id":"1"}"#.to_vec());
        let format = Format { media_type: "text/xml", syntax: Syntax::Xml, ..FHIR_JSON };
        let response = answered_in(answer(stored), format);
        assert_eq!(header(&response, "content-type"), Some("text/xml"));
        assert_eq!(header(&response, "vary"), Some("Accept, Accept-Encoding"));
        let text = String::from_utf8(body(response)).unwrap();
        assert!(text.ends_with("<id value=\"1\"/><active value=\"true\"/></Patient>"), "{text}");
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
                "GET, HEAD, OPTIONS",
            ),
        ] {
            let response = failed_as(&failure, FHIR_JSON, None);
            assert_eq!(response.status(), status);
            assert_eq!(header(&response, name), Some(value));
            let outcome: Value = serde_json::from_slice(&body(response)).unwrap();
            assert_eq!(outcome["resourceType"], "OperationOutcome");
        }
    }
}
