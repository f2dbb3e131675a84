//! The versions of one resource, newest first. <https://hl7.org/fhir/R4/http.html#history>

use crate::app::Answer;
use crate::app::HistoryPage;
use crate::app::Session;
use crate::app::Stored;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::fhir::bundle::Entry;
use crate::fhir::bundle::Head;
use crate::fhir::bundle::Response;
use crate::fhir::bundle::Writer;
use crate::fhir::datetime;
use crate::fhir::form;
use crate::interactions::request::Request;

/// The versions of a resource, deletions among them, a page at a time.
///
/// # Errors
/// `NotFound` where there never was one that the caller may see; `Invalid` for a wrong parameter.
pub fn history(session: &Session, ty: ResourceType, id: &str, request: &Request) -> Result<Answer, Failure> {
    let asked = Asked::parse(session, &request.query)?;
    let page = HistoryPage { count: asked.count + 1, before: asked.before, since: asked.since };
    let (mut versions, total) = session.history(ty, id, page)?;
    let count = usize::try_from(asked.count).unwrap_or(usize::MAX);
    let has_more = versions.len() > count;
    versions.truncate(count);
    let url = format!("{}/{ty}/{id}/_history", session.base_url());
    let mut links = vec![("self", asked.url(&url, asked.before)), ("first", asked.url(&url, None))];
    if let Some(last) = versions.last().filter(|_| has_more) {
        links.push(("next", asked.url(&url, Some(last.version))));
    }
    let mut bundle = Writer::begin(&Head { kind: "history", total: Some(total), links });
    for version in &versions {
        bundle.entry(&entry(session, version));
    }
    Ok(Answer::bytes(bundle.end()))
}

/// What a history is asked for.
struct Asked {
    count: u32,
    since: Option<datetime::Micros>,
    since_text: Option<String>,
    before: Option<i64>,
}

impl Asked {
    fn parse(session: &Session, query: &str) -> Result<Self, Failure> {
        let context = session.context();
        let mut asked = Self { count: context.default_count, since: None, since_text: None, before: None };
        for (name, value) in form::pairs(query)? {
            match name.as_str() {
                "_count" => {
                    asked.count =
                        u32::try_from(number(&name, &value)?).unwrap_or(u32::MAX).min(context.max_count)
                }
                "_before" => asked.before = Some(number(&name, &value)?),
                "_since" => {
                    let span = datetime::span(&value, session.zone());
                    asked.since = Some(span.ok_or_else(|| wrong("`_since` must be an instant."))?.low);
                    asked.since_text = Some(value);
                }
                "_format" | "_pretty" => {}
                _ => {
                    return Err(wrong(
                        "The history of a resource is asked for by `_count` and `_since` alone.",
                    ));
                }
            }
        }
        Ok(asked)
    }

    fn url(&self, url: &str, before: Option<i64>) -> String {
        let mut url = format!("{url}?_count={}", self.count);
        if let Some(since) = &self.since_text {
            url = format!("{url}&_since={}", form::encoded(since));
        }
        before.map_or_else(|| url.clone(), |before| format!("{url}&_before={before}"))
    }
}

fn number(name: &str, value: &str) -> Result<i64, Failure> {
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    // What is too long for a number is larger than any that there is.
    is_number
        .then(|| value.parse().unwrap_or(i64::MAX))
        .ok_or_else(|| wrong(&format!("`{name}` must be a whole number.")))
}

fn wrong(text: &str) -> Failure {
    Failure::new(Reason::Invalid, text)
}

fn entry<'a>(session: &Session, version: &'a Stored) -> Entry<'a> {
    let place = format!("{}/{}", version.ty, version.id);
    let (status, url) = match version.method.name() {
        "POST" => (201, version.ty.name().to_owned()),
        "DELETE" => (204, place.clone()),
        _ if version.version == 1 => (201, place.clone()),
        _ => (200, place.clone()),
    };
    Entry {
        full_url: Some(format!("{}/{place}", session.base_url())),
        resource: (!version.deleted).then_some(version.body.as_slice()),
        request: Some((version.method.name(), url)),
        response: Some(Response {
            status,
            version: Some(version.version),
            last_modified: Some(datetime::instant(version.updated)),
            ..Response::default()
        }),
        ..Entry::default()
    }
}
