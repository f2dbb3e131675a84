//! Which format a client sends and wants, and what it prefers. <https://hl7.org/fhir/R4/http.html#mime-type>

use actix_web::HttpRequest;
use actix_web::http::header::ACCEPT;
use actix_web::http::header::HeaderMap;

use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::form;

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// <https://hl7.org/fhir/R4/json.html>
    Json,
    /// <https://hl7.org/fhir/R4/xml.html>
    Xml,
    /// <https://www.rfc-editor.org/rfc/rfc4180>
    Csv,
}

/// What comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// The `Content-Type`.
    pub media_type: &'static str,
    /// What it stands for.
    pub syntax: Syntax,
    /// Whether lines are broken and indented, for people.
    pub pretty: bool,
    /// Whether `_format` asked for it, and not a header: then the links to further pages must ask again.
    pub by_query: bool,
}

/// FHIR's own name for JSON.
pub const FHIR_JSON: Format = json("application/fhir+json; charset=utf-8");

/// A table, where the answer has one.
const CSV: Format = Format { syntax: Syntax::Csv, ..json("text/csv; charset=utf-8; header=present") };

/// What can be had of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// Resources.
    Resources,
    /// Resources, and a table of what they hold.
    Tables,
    /// Resources, and the content of one in whichever format that has: see [`Wish`].
    Content,
}

impl Offer {
    fn formats(self) -> impl Iterator<Item = Format> {
        OFFERED.into_iter().chain((self == Self::Tables).then_some(CSV))
    }
}

/// All that is offered, in the order of preference where a client has none.
const OFFERED: [Format; 6] = [
    FHIR_JSON,
    xml("application/fhir+xml; charset=utf-8"),
    json("application/json; charset=utf-8"),
    xml("application/xml; charset=utf-8"),
    json("text/json; charset=utf-8"),
    xml("text/xml; charset=utf-8"),
];

const fn json(media_type: &'static str) -> Format {
    Format { media_type, syntax: Syntax::Json, pretty: false, by_query: false }
}

const fn xml(media_type: &'static str) -> Format {
    Format { media_type, syntax: Syntax::Xml, pretty: false, by_query: false }
}

impl Format {
    /// The media type without its parameters.
    fn name(&self) -> &'static str {
        self.media_type.split(';').next().unwrap_or_default()
    }
}

/// The query without what is settled here, and the format that it and `Accept` ask for.
///
/// # Errors
/// `NotAcceptable` for formats that are not offered; `Invalid` for a wrong `_pretty`.
pub fn answer_format(request: &HttpRequest, offer: Offer) -> Result<(Format, String), Failure> {
    let mut rest = Vec::new();
    let asked = Asked::of(request.query_string(), &mut rest, offer)?;
    let format = match asked.format {
        Some(format) => format,
        None => match accepted(request.headers(), offer) {
            // What the content is shows only when it is there.
            Err(_) if offer == Offer::Content && rest.is_empty() => FHIR_JSON,
            accepted => accepted?,
        },
    };
    Ok((Format { pretty: asked.pretty.unwrap_or(false), ..format }, rest.join("&")))
}

/// The format that a posted form asks for, else the one given.
///
/// # Errors
/// As [`answer_format`].
pub fn form_format(format: Format, form: &[u8]) -> Result<Format, Failure> {
    let asked = Asked::of(std::str::from_utf8(form).unwrap_or_default(), &mut Vec::new(), Offer::Resources)?;
    let pretty = asked.pretty.unwrap_or(format.pretty);
    Ok(Format { pretty, ..asked.format.unwrap_or(format) })
}

/// What `_format` and `_pretty` say.
#[derive(Default)]
struct Asked {
    format: Option<Format>,
    pretty: Option<bool>,
}

impl Asked {
    fn of<'q>(query: &'q str, rest: &mut Vec<&'q str>, offer: Offer) -> Result<Self, Failure> {
        let mut asked = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "_format" => {
                    let value = form::percent_decoded(value).unwrap_or_default();
                    let format = named(&value, offer).ok_or_else(|| not_offered("_format"))?;
                    asked.format = Some(Format { by_query: true, ..format });
                }
                "_pretty" => asked.pretty = Some(is_true(form::percent_decoded(value).as_deref())?),
                _ => rest.push(pair),
            }
        }
        Ok(asked)
    }
}

fn is_true(value: Option<&str>) -> Result<bool, Failure> {
    match value {
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        _ => Err(Failure::new(Reason::Invalid, "`_pretty` is `true` or `false`.")),
    }
}

/// No format is offered that this asks for.
pub(super) fn not_offered(name: &str) -> Failure {
    let text = format!(
        "`{name}` asks for a format that is not offered: ask for application/fhir+json or application/fhir+xml."
    );
    Failure::new(Reason::NotAcceptable, text)
}

/// The format of this name, as `_format` has it: a media type, in which `+` may have become a space, or a short name.
fn named(name: &str, offer: Offer) -> Option<Format> {
    let name = match name {
        "json" => "application/fhir+json",
        "xml" => "application/fhir+xml",
        "csv" => "text/csv",
        name => name,
    };
    let range = media_type(&name.replace(' ', "+")).filter(MediaType::is_ours)?;
    offer.formats().find(|format| format.name() == range.name)
}

/// The offered format that `Accept` gives the highest quality; of several, what it names first.
fn accepted(headers: &HeaderMap, offer: Offer) -> Result<Format, Failure> {
    let mut parts = accept(headers).peekable();
    if parts.peek().is_none() {
        return Ok(FHIR_JSON);
    }
    let ranges: Vec<MediaType> = parts.filter_map(media_type).filter(MediaType::is_ours).collect();
    best(&ranges, offer).map(|(_, _, format)| format).ok_or_else(|| not_offered("Accept"))
}

fn accept(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(ACCEPT).map(|value| value.to_str().unwrap_or_default());
    values.flat_map(|value| value.split(',')).filter(|part| !part.trim().is_empty())
}

fn best(ranges: &[MediaType], offer: Offer) -> Option<(f32, usize, Format)> {
    let mut best: Option<(f32, usize, Format)> = None;
    for format in offer.formats() {
        let Some((place, quality)) = judged(ranges, format.name()) else { continue };
        let is_better =
            best.is_none_or(|(most, first, _)| quality > most || (quality == most && place < first));
        if quality > 0.0 && is_better {
            best = Some((quality, place, format));
        }
    }
    best
}

/// What `Accept` says of content whose format shows only when it is there.
#[derive(Clone, Debug)]
pub struct Wish(Vec<MediaType>);

impl Wish {
    /// That of a request.
    pub fn of(request: &HttpRequest) -> Self {
        Self(accept(request.headers()).filter_map(media_type).collect())
    }

    /// Whether content of this media type is wished for rather than the resource that holds it.
    ///
    /// # Errors
    /// `NotAcceptable` where neither is.
    pub fn is_for(&self, content: &str) -> Result<bool, Failure> {
        let name = content.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let own = judged(&self.0, &name).filter(|(_, quality)| *quality > 0.0);
        let as_ours = |range: &MediaType| MediaType {
            quality: if range.is_ours() { range.quality } else { 0.0 },
            ..range.clone()
        };
        let ours: Vec<MediaType> = self.0.iter().map(as_ours).collect();
        match (own, best(&ours, Offer::Resources)) {
            (_, None) if self.0.is_empty() => Ok(false),
            (Some((place, quality)), Some((most, first, _))) => {
                Ok(quality > most || (quality == most && place < first))
            }
            (own, None) => own.map(|_| true).ok_or_else(|| not_offered("Accept")),
            (None, Some(_)) => Ok(false),
        }
    }
}

/// The most specific range that a format falls under: its place, and the quality that it gives.
fn judged(ranges: &[MediaType], name: &str) -> Option<(usize, f32)> {
    let breadth = |range: &MediaType| match range.name.strip_suffix("/*") {
        None => (range.name == name).then_some(0),
        Some("*") => Some(2),
        Some(family) => name.split_once('/').is_some_and(|(own, _)| own == family).then_some(1),
    };
    let fitting = ranges.iter().enumerate().filter_map(|(at, range)| Some((breadth(range)?, at)));
    fitting.min().map(|(_, at)| (at, ranges[at].quality))
}

/// A media type or range with the parameters that matter here.
#[derive(Clone, Debug)]
pub(super) struct MediaType {
    pub(super) name: String,
    quality: f32,
    pub(super) utf8: bool,
    pub(super) r4: bool,
}

/// A media type as a header has it.
pub(super) fn media_type(text: &str) -> Option<MediaType> {
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

impl MediaType {
    /// Whether what it asks for beside its name is what there is.
    fn is_ours(&self) -> bool {
        self.r4 && self.utf8
    }
}

/// Whether a resource is sent by this name, which has no parameters.
pub fn is_fhir(name: &str) -> bool {
    OFFERED.iter().any(|format| format.name() == name)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use actix_web::http::header::CONTENT_TYPE;

    use super::*;
    use crate::http::prefer::prefer;
    use crate::http::sent::Sent;
    use crate::http::sent::sent;
    use crate::interactions::Handling;
    use crate::interactions::Return;

    fn format(uri: &str, accept: Option<&str>) -> Result<(&'static str, bool, String), u16> {
        let request = TestRequest::with_uri(uri);
        let request = match accept {
            Some(accept) => request.insert_header((ACCEPT, accept)),
            None => request,
        };
        answer_format(&request.to_http_request(), Offer::Resources)
            .map(|(format, query)| (format.media_type.split(';').next().unwrap(), format.pretty, query))
            .map_err(|failure| failure.status())
    }

    #[test]
    fn the_accept_header_chooses_the_format() {
        let (fhir, plain) = (Ok("application/fhir+json"), Ok("application/json"));
        let (xml, plain_xml) = (Ok("application/fhir+xml"), Ok("application/xml"));
        for (accept, expected) in [
            (None, fhir),
            (Some(""), fhir),
            (Some("*/*"), fhir),
            (Some("application/*"), fhir),
            (Some("text/*"), Ok("text/json")),
            (Some("application/fhir+json"), fhir),
            (Some("APPLICATION/FHIR+JSON"), fhir),
            (Some("application/json"), plain),
            (Some("text/json"), Ok("text/json")),
            (Some("application/fhir+xml"), xml),
            (Some("application/xml"), plain_xml),
            (Some("text/xml;charset=UTF-8"), Ok("text/xml")),
            (Some("text/html, application/xhtml+xml, */*;q=0.8"), fhir),
            (Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), plain_xml),
            (Some("application/json;q=0.5, application/fhir+json;q=0.9"), fhir),
            (Some("application/json, application/fhir+json"), plain),
            (Some("application/fhir+xml, application/fhir+json"), xml),
            (Some("application/fhir+xml, application/fhir+json;q=0.1"), xml),
            (Some("application/fhir+xml;q=0.1, application/fhir+json"), fhir),
            (Some("*/*;q=0.1, application/fhir+xml"), xml),
            (Some("*/*, application/fhir+json;q=0"), xml),
            (Some("application/fhir+json;q=0, application/fhir+xml;q=0, */*;q=0.5"), plain),
            (Some("application/fhir+json; fhirVersion=4.0"), fhir),
            (Some("application/fhir+xml; fhirVersion=4.0"), xml),
            (Some("application/fhir+json; fhirVersion=5.0"), Err(406)),
            (Some("application/fhir+json; charset=latin1"), Err(406)),
            (Some("text/turtle"), Err(406)),
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
            ("/x?_format=xml&_pretty=true", Ok(("application/fhir+xml", true, ""))),
            ("/x?_format=application/xml", Ok(("application/xml", false, ""))),
            ("/x?_format=text/xml", Ok(("text/xml", false, ""))),
            ("/x?a=1", Ok(("application/fhir+xml", false, "a=1"))),
            ("/x?_format=json&name=a%26b&_pretty=true", Ok(("application/fhir+json", true, "name=a%26b"))),
            ("/x?a=1&_format=application/fhir%2Bjson", Ok(("application/fhir+json", false, "a=1"))),
            ("/x?_format=application/fhir+json", Ok(("application/fhir+json", false, ""))),
            ("/x?_format=text/json&_pretty=false", Ok(("text/json", false, ""))),
            ("/x?_format=turtle", Err(406)),
            ("/x?_format=*/*", Err(406)),
            ("/x?_format=", Err(406)),
            ("/x?_format=%ff", Err(406)),
            ("/x?_format=json&_pretty=1", Err(400)),
        ] {
            let expected = expected.map(|(of, pretty, query)| (of, pretty, query.to_owned()));
            assert_eq!(format(uri, xml), expected, "{uri}");
        }
    }

    #[test]
    fn a_table_is_had_only_where_there_is_one() {
        let of = |uri: &str, accept: &str, offer: Offer| {
            let request = TestRequest::with_uri(uri).insert_header((ACCEPT, accept)).to_http_request();
            answer_format(&request, offer)
                .map(|(format, _)| format.syntax)
                .map_err(|failure| failure.status())
        };
        assert_eq!(of("/x", "text/csv", Offer::Tables), Ok(Syntax::Csv));
        assert_eq!(of("/x", "text/csv", Offer::Resources), Err(406));
        assert_eq!(of("/x?_format=csv", "*/*", Offer::Tables), Ok(Syntax::Csv));
        assert_eq!(of("/x?_format=text/csv", "*/*", Offer::Resources), Err(406));
        assert_eq!(of("/x", "*/*", Offer::Tables), Ok(Syntax::Json));
        assert_eq!(of("/x", "text/csv;q=0.5, application/fhir+json", Offer::Tables), Ok(Syntax::Json));
    }

    #[test]
    fn a_posted_form_may_ask_for_a_format_too() {
        let of = |form: &[u8]| {
            form_format(FHIR_JSON, form).map(|found| (found.syntax, found.pretty)).map_err(|one| one.status())
        };
        assert_eq!(of(b"name=a"), Ok((Syntax::Json, false)));
        assert_eq!(of(b"_format=application%2Ffhir%2Bxml&name=a&_pretty=true"), Ok((Syntax::Xml, true)));
        assert_eq!(of(b"_format=html"), Err(406));
        assert_eq!(of(b"\xFF"), Ok((Syntax::Json, false)), "the search refuses it");
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
            ("/fhir/Patient", Some("application/fhir+xml"), Ok(Sent::Xml)),
            ("/fhir/Patient", Some("application/xml; charset=utf-8"), Ok(Sent::Xml)),
            ("/fhir/Patient", Some("text/xml; charset=utf-16"), Err(415)),
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
