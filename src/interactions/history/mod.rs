//! history: the versions of a resource, of a type or of all types, a page at a time.
//! <https://hl7.org/fhir/R4/http.html#history>

mod asked;

use crate::app::Answer;
use crate::app::HistoryFound;
use crate::app::HistoryOf;
use crate::app::HistoryWay;
use crate::app::Session;
use crate::app::Stored;
use crate::fhir::Failure;
use crate::fhir::bundle::Entry;
use crate::fhir::bundle::Head;
use crate::fhir::bundle::Response;
use crate::fhir::bundle::Writer;
use crate::fhir::datetime;
use crate::interactions::history::asked::Asked;
use crate::interactions::request::Request;

/// A page of versions, deletions among them.
///
/// # Errors
/// `NotFound` where there never was such a resource that the caller may see; `Invalid` for a wrong parameter or a
/// page link that is not one of this history's; `Forbidden`.
pub fn history(session: &Session, of: HistoryOf, request: &Request) -> Result<Answer, Failure> {
    let asked = Asked::parse(session, of, request)?;
    let found = session.history(&asked.page)?;
    bundle(session, &asked, &found)
}

/// Checks what a history is asked for without looking it up.
///
/// # Errors
/// As [`history`].
pub fn check(session: &Session, of: HistoryOf, request: &Request) -> Result<(), Failure> {
    Asked::parse(session, of, request).map(|_| ())
}

fn bundle(session: &Session, asked: &Asked, found: &HistoryFound) -> Result<Answer, Failure> {
    let links = links(session, asked, found);
    let mut bundle = Writer::begin(&Head { kind: "history", total: total(asked, found), links });
    for version in &found.versions {
        let resource = (!version.deleted).then(|| asked.subset.apply(version.body.clone())).transpose()?;
        bundle.entry(&entry(session, version, resource.as_deref()));
    }
    Ok(Answer::bytes(bundle.end()))
}

/// The total where it was counted, or where the first page has everything.
fn total(asked: &Asked, found: &HistoryFound) -> Option<i64> {
    let whole = asked.page.from.is_none() && asked.page.count > 0 && !found.more && asked.may_count();
    found.total.or_else(|| i64::try_from(found.versions.len()).ok().filter(|_| whole))
}

fn links(session: &Session, asked: &Asked, found: &HistoryFound) -> Vec<(&'static str, String)> {
    let mut links = vec![("self", asked.own_url(session)), ("first", asked.first_url(session))];
    let way = asked.page.from.map(|from| from.way);
    let (has_previous, has_next) = match way {
        None => (false, found.more),
        Some(HistoryWay::On) => (true, found.more),
        Some(HistoryWay::Back) => (found.more, true),
    };
    if let Some(first) = found.versions.first().filter(|_| has_previous) {
        links.push(("previous", asked.page_url(session, first, HistoryWay::Back)));
    }
    if let Some(last) = found.versions.last().filter(|_| has_next) {
        links.push(("next", asked.page_url(session, last, HistoryWay::On)));
    }
    links
}

fn entry<'a>(session: &Session, version: &Stored, resource: Option<&'a [u8]>) -> Entry<'a> {
    let place = format!("{}/{}", version.ty, version.id);
    let (status, url) = match version.method.name() {
        "POST" => (201, version.ty.name().to_owned()),
        "DELETE" => (204, place.clone()),
        _ if version.version == 1 => (201, place.clone()),
        _ => (200, place.clone()),
    };
    Entry {
        full_url: Some(format!("{}/{place}", session.base_url())),
        resource,
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
