//! Which format a client sends and wants, and what it prefers. <https://hl7.org/fhir/R4/http.html#mime-type>

use actix_web::HttpRequest;
use actix_web::http::header::ACCEPT;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::http::header::HeaderMap;

use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::form;
use crate::interactions::Handling;
use crate::interactions::Prefer;
use crate::interactions::Return;

/// What comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// The `Content-Type`.
    pub media_type: &'static str,
    /// Whether lines are broken and indented, for people.
    pub pretty: bool,
}

/// FHIR's own name for JSON.
pub const FHIR_JSON: Format = Format { media_type: "application/fhir+json; charset=utf-8", pretty: false };
const PLAIN_JSON: Format = Format { media_type: "application/json; charset=utf-8", pretty: false };

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// JSON.
    Json,
    /// A form, as searches are posted.
    Form,
}

/// The query without what is settled here, and the format that it and `Accept` ask for.
///
/// # Errors
/// `NotAcceptable` for formats that are not offered; `Invalid` for a wrong `_pretty`.
pub fn answer_format(request: &HttpRequest) -> Result<(Format, String), Failure> {
    let (mut wanted, mut pretty, mut rest) = (None, false, Vec::new());
    for pair in request.query_string().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = form::percent_decoded(value);
        match name {
            "_format" => wanted = value.or(Some(String::new())),
            "_pretty" => pretty = is_true(value.as_deref())?,
            _ => rest.push(pair),
        }
    }
    let format = match wanted {
        Some(wanted) => named(&wanted).ok_or_else(|| not_offered("_format"))?,
        None => accepted(request.headers())?,
    };
    Ok((Format { pretty, ..format }, rest.join("&")))
}

fn is_true(value: Option<&str>) -> Result<bool, Failure> {
    match value {
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        _ => Err(Failure::new(Reason::Invalid, "`_pretty` is `true` or `false`.")),
    }
}

fn not_offered(name: &str) -> Failure {
    let text = format!("`{name}` asks for a format that is not offered: ask for application/fhir+json.");
    Failure::new(Reason::NotAcceptable, text)
}

/// The format of this name, as `_format` has it: a media type, in which `+` may have become a space, or a short name.
fn named(name: &str) -> Option<Format> {
    if name == "json" { Some(FHIR_JSON) } else { media_type(&name.replace(' ', "+")).and_then(offered) }
}

fn accepted(headers: &HeaderMap) -> Result<Format, Failure> {
    let mut best: Option<(f32, Format)> = None;
    let mut named_any = false;
    for header in headers.get_all(ACCEPT) {
        for range in header.to_str().unwrap_or_default().split(',').filter(|range| !range.trim().is_empty()) {
            named_any = true;
            let Some(range) = media_type(range) else { continue };
            let quality = range.quality;
            if quality > 0.0 && best.is_none_or(|(most, _)| quality > most) {
                best = offered(range).map(|format| (quality, format)).or(best);
            }
        }
    }
    match best {
        Some((_, format)) => Ok(format),
        None if !named_any => Ok(FHIR_JSON),
        None => Err(not_offered("Accept")),
    }
}

/// A media type or range with the parameters that matter here.
struct MediaType {
    name: String,
    quality: f32,
    utf8: bool,
    r4: bool,
}

fn media_type(text: &str) -> Option<MediaType> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next()?.to_ascii_lowercase();
    let mut found = MediaType { name, quality: 1.0, utf8: true, r4: true };
    for parameter in parts {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "q" => found.quality = value.parse().ok().filter(|q| (0.0..=1.0).contains(q))?,
            "charset" => found.utf8 = value.eq_ignore_ascii_case("utf-8"),
            "fhirversion" => found.r4 = matches!(value, "4.0" | "4.0.1"),
            _ => {}
        }
    }
    Some(found)
}

fn offered(range: MediaType) -> Option<Format> {
    if !range.r4 || !range.utf8 {
        return None;
    }
    match range.name.as_str() {
        "application/fhir+json" | "*/*" | "application/*" => Some(FHIR_JSON),
        "application/json" | "text/json" => Some(PLAIN_JSON),
        _ => None,
    }
}

/// What the body is, by its `Content-Type`; JSON where there is none.
///
/// # Errors
/// `MediaType` for anything that is not read here.
pub fn sent(request: &HttpRequest) -> Result<Sent, Failure> {
    let refused = |text: &str| Err(Failure::new(Reason::MediaType, text));
    let Some(header) = request.headers().get(CONTENT_TYPE) else { return Ok(Sent::Json) };
    let Some(sent) = header.to_str().ok().and_then(media_type) else {
        return refused("The Content-Type cannot be read: send application/fhir+json.");
    };
    if !sent.utf8 {
        return refused("Only UTF-8 is read here: send the body in it.");
    }
    if !sent.r4 {
        return refused("Only FHIR R4 (fhirVersion=4.0) is read here.");
    }
    match sent.name.as_str() {
        "application/fhir+json" | "application/json" | "text/json" => Ok(Sent::Json),
        "application/x-www-form-urlencoded" if is_search(request.path()) => Ok(Sent::Form),
        "application/x-www-form-urlencoded" => {
            refused("A form is read at …/_search alone: send application/fhir+json.")
        }
        _ => refused("This Content-Type is not read here: send application/fhir+json."),
    }
}

fn is_search(path: &str) -> bool {
    path.trim_end_matches('/').ends_with("/_search")
}

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

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn format(uri: &str, accept: Option<&str>) -> Result<(&'static str, bool, String), u16> {
        let request = TestRequest::with_uri(uri);
        let request = match accept {
            Some(accept) => request.insert_header((ACCEPT, accept)),
            None => request,
        };
        answer_format(&request.to_http_request())
            .map(|(format, query)| (format.media_type.split(';').next().unwrap(), format.pretty, query))
            .map_err(|failure| failure.status())
    }

    #[test]
    fn the_accept_header_chooses_the_format() {
        let (fhir, plain) = (Ok("application/fhir+json"), Ok("application/json"));
        for (accept, expected) in [
            (None, fhir),
            (Some(""), fhir),
            (Some("*/*"), fhir),
            (Some("application/fhir+json"), fhir),
            (Some("APPLICATION/FHIR+JSON"), fhir),
            (Some("application/json"), plain),
            (Some("text/json"), plain),
            (Some("text/html, application/xhtml+xml, */*;q=0.8"), fhir),
            (Some("application/json;q=0.5, application/fhir+json;q=0.9"), fhir),
            (Some("application/json, application/fhir+json"), plain),
            (Some("application/fhir+xml, application/fhir+json;q=0.1"), fhir),
            (Some("application/fhir+json; fhirVersion=4.0"), fhir),
            (Some("application/fhir+json; fhirVersion=5.0"), Err(406)),
            (Some("application/fhir+json; charset=latin1"), Err(406)),
            (Some("application/fhir+xml"), Err(406)),
            (Some("text/html"), Err(406)),
            (Some("application/fhir+json;q=0"), Err(406)),
            (Some("application/fhir+json;q=x"), Err(406)),
        ] {
            assert_eq!(format("/fhir/Patient/1", accept).map(|found| found.0), expected, "{accept:?}");
        }
    }

    #[test]
    fn the_query_overrides_the_header_and_loses_what_is_settled() {
        let xml = Some("application/fhir+xml");
        for (uri, expected) in [
            ("/x?_format=json&name=a%26b&_pretty=true", Ok(("application/fhir+json", true, "name=a%26b"))),
            ("/x?a=1&_format=application/fhir%2Bjson", Ok(("application/fhir+json", false, "a=1"))),
            ("/x?_format=application/fhir+json", Ok(("application/fhir+json", false, ""))),
            ("/x?_format=text/json&_pretty=false", Ok(("application/json", false, ""))),
            ("/x?_format=xml", Err(406)),
            ("/x?_format=", Err(406)),
            ("/x?_format=%ff", Err(406)),
            ("/x?_format=json&_pretty=1", Err(400)),
        ] {
            let expected = expected.map(|(of, pretty, query)| (of, pretty, query.to_owned()));
            assert_eq!(format(uri, xml), expected, "{uri}");
        }
    }

    #[test]
    fn the_content_type_says_what_is_sent() {
        for (uri, content_type, expected) in [
            ("/fhir/Patient", None, Ok(Sent::Json)),
            ("/fhir/Patient", Some("application/fhir+json"), Ok(Sent::Json)),
            ("/fhir/Patient", Some("application/json; charset=UTF-8"), Ok(Sent::Json)),
            ("/fhir/Patient", Some("application/fhir+json; fhirVersion=4.0"), Ok(Sent::Json)),
            ("/fhir/Patient/_search", Some("application/x-www-form-urlencoded"), Ok(Sent::Form)),
            ("/fhir/Patient", Some("application/x-www-form-urlencoded"), Err(415)),
            ("/fhir/Patient", Some("application/json; charset=iso-8859-1"), Err(415)),
            ("/fhir/Patient", Some("application/fhir+json; fhirVersion=3.0"), Err(415)),
            ("/fhir/Patient", Some("application/fhir+xml"), Err(415)),
            ("/fhir/Patient", Some("text/plain"), Err(415)),
            ("/fhir/Patient", Some("nonsense"), Err(415)),
        ] {
            let request = TestRequest::with_uri(uri);
            let request = match content_type {
                Some(content_type) => request.insert_header((CONTENT_TYPE, content_type)),
                None => request,
            };
            let found = sent(&request.to_http_request()).map_err(|failure| failure.status());
            assert_eq!(found, expected, "{uri} {content_type:?}");
        }
    }

    #[test]
    fn preferences_are_read_from_any_of_their_headers() {
        let request = TestRequest::default()
            .append_header(("prefer", "return=minimal; handling=lenient"))
            .append_header(("prefer", "wait=10, respond-async"))
            .to_http_request();
        let prefer = prefer(request.headers());
        assert_eq!(
            (prefer.return_, prefer.handling, prefer.respond_async),
            (Return::Minimal, Handling::Lenient, true)
        );
    }
}
