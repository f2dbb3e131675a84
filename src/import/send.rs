//! Sends resources through the one way in, and says of each what became of it.
//! <https://hl7.org/fhir/R4/http.html#transaction>

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use serde_json::json;

use crate::app::Session;
use crate::app::awaits_another;
use crate::fhir::Failure;
use crate::fhir::ResourceType;
use crate::import::abroad::Abroad;
use crate::import::entry::Batch;
use crate::import::entry::Entry;
use crate::import::report::Refused;
use crate::import::report::Report;
use crate::interactions::Body;
use crate::interactions::Method;
use crate::interactions::Prefer;
use crate::interactions::Request;
use crate::interactions::Return;
use crate::interactions::perform;

/// How often it was tried before; what refers by a search to something that is not there yet waits for the next pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// All is new.
    First,
    /// What waited is tried.
    Further,
    /// It is tried for the last time, since nothing more comes.
    Last,
}

impl Pass {
    fn is_waited_after(self, failure: &Failure) -> bool {
        self != Self::Last && awaits_another(failure)
    }
}

/// Loads what is not there yet.
///
/// What need not stand together is tried together all the same, since one commit for many is what makes an import
/// fast; where that is refused, each is sent by itself.
pub fn send(session: &Session, mut batch: Batch, pass: Pass) -> Report {
    let mut report = Report::default();
    for (place, reason) in std::mem::take(&mut batch.unreadable) {
        report.add(Report::refusal(Refused { file: Arc::clone(&batch.file), place: Some(place), reason }));
    }
    batch.link(&session.app().definitions.shapes);
    batch.narrow();
    let mut apart = Abroad::default();
    if session.base_url().is_empty() && pass == Pass::First {
        // What is sent in one transaction is found by its `fullUrl` there.
        let known = batch.entries.iter().filter_map(Entry::full_url).collect();
        report.abroad = abroad(&batch.entries, &known);
        apart = abroad(&batch.entries, &HashSet::new());
    }
    let (file, is_one) = (batch.file, batch.is_one);
    let (there, new): (Vec<_>, Vec<_>) =
        batch.entries.into_iter().partition(|entry| is_there(session, entry));
    report.unchanged += there.len() as u64;
    if new.is_empty() {
        return report;
    }
    let places: Vec<_> = new.iter().map(|entry| (entry.place.clone(), entry.number)).collect();
    let entries: Vec<_> = new.into_iter().map(Entry::into_json).collect();
    let count = entries.len() as u64;
    // Only what may have to be sent again is kept.
    let again = if is_one { Vec::new() } else { entries.clone() };
    match transaction(session, entries) {
        Ok(()) => report.stored += count,
        Err(failure) if is_one && pass.is_waited_after(&failure) => {
            // It comes again as a whole, with what was there already.
            report.unchanged = 0;
            report.waiting.add_file(&file);
        }
        Err(failure) if is_one => {
            report.not_stored += count;
            let places: Vec<_> = places.into_iter().map(|(place, _)| place).collect();
            report.refused.extend(refusals(&file, &places, &failure));
        }
        Err(_) => {
            report.abroad = apart;
            each(session, (&file, pass), again.into_iter().zip(places).collect(), &mut report);
        }
    }
    report
}

/// An entry with its place in the file, for people, and its number there.
type Placed = (Value, (Option<String>, usize));

/// Sends entries one by one. What waits for another of them is tried again as long as that brings something, each time
/// from the other end: of a chain of which each waits for the next one, all are stored then.
fn each(session: &Session, (file, pass): (&Arc<Path>, Pass), mut entries: Vec<Placed>, report: &mut Report) {
    let mut before = usize::MAX;
    while !entries.is_empty() && entries.len() < before {
        before = entries.len();
        let mut waiting = Vec::new();
        for (entry, (place, number)) in entries {
            match transaction(session, vec![entry.clone()]) {
                Ok(()) => report.stored += 1,
                Err(failure) if pass.is_waited_after(&failure) => waiting.push((entry, (place, number))),
                Err(failure) => {
                    report.not_stored += 1;
                    report.refused.extend(refusals(file, &[place], &failure));
                }
            }
        }
        waiting.reverse();
        entries = waiting;
    }
    entries.iter().for_each(|(_, (_, number))| report.waiting.add(file, *number));
}

fn abroad(entries: &[Entry], known: &HashSet<&str>) -> Abroad {
    let mut found = Abroad::default();
    let resources = entries.iter().filter_map(|entry| entry.resource.as_ref());
    resources.for_each(|resource| found.add(Abroad::of(resource, known)));
    found
}

fn transaction(session: &Session, entries: Vec<Value>) -> Result<(), Failure> {
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
    let prefer = Prefer { return_: Return::Minimal, ..Prefer::default() };
    let request = Request { body: Some(Body::Resource(bundle)), prefer, ..Request::new(Method::Post, "") };
    perform(session, request).map(drop)
}

/// Whether the resource is stored under its address with this very content.
fn is_there(session: &Session, entry: &Entry) -> bool {
    let (Some(address), Some(resource)) = (&entry.address, &entry.resource) else { return false };
    let Some((ty, id)) = address.split_once('/') else { return false };
    let Some(ty) = ResourceType::parse(ty) else { return false };
    let Ok(stored) = session.read(ty, id) else { return false };
    let Ok(stored) = serde_json::from_slice::<Value>(&stored.body) else { return false };
    content(stored) == content(session.resolved(resource.clone()))
}

/// A resource without what the server sets.
fn content(mut resource: Value) -> Value {
    if let Some(object) = resource.as_object_mut() {
        let meta = object.get_mut("meta").and_then(Value::as_object_mut);
        let is_empty = meta.is_some_and(|meta| {
            meta.remove("versionId");
            meta.remove("lastUpdated");
            meta.is_empty()
        });
        if is_empty {
            object.remove("meta");
        }
    }
    resource
}

/// What a failure says, each issue at the place in the file that it is about.
fn refusals(file: &Arc<Path>, places: &[Option<String>], failure: &Failure) -> Vec<Refused> {
    let refused = |issue: &crate::fhir::Issue| {
        let expression = issue.expression.as_deref().unwrap_or_default();
        let (at, inner) = entry_of(expression);
        let place = at.and_then(|at| places.get(at)).cloned().flatten();
        let reason = if inner.is_empty() { issue.text.clone() } else { format!("{inner}: {}", issue.text) };
        Refused { file: Arc::clone(file), place, reason }
    };
    failure.issues.iter().map(refused).collect()
}

/// `Bundle.entry[3].resource.name[0]` is entry 3, and there `name[0]`.
fn entry_of(expression: &str) -> (Option<usize>, &str) {
    let Some(rest) = expression.strip_prefix("Bundle.entry[") else { return (None, expression) };
    let Some((at, inner)) = rest.split_once(']') else { return (None, expression) };
    let inner = inner.strip_prefix(".resource").unwrap_or(inner);
    (at.parse().ok(), inner.trim_start_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::App;
    use crate::app::Clock;
    use crate::config::Auth;
    use crate::config::Config;

    #[test]
    fn an_issue_is_reported_at_its_entry_and_its_element() {
        assert_eq!(entry_of("Bundle.entry[3].resource.name[0].given"), (Some(3), "name[0].given"));
        assert_eq!(entry_of("Bundle.entry[12]"), (Some(12), ""));
        assert_eq!(entry_of("Bundle.type"), (None, "Bundle.type"));
    }

    #[test]
    fn what_the_server_sets_does_not_make_a_difference() {
        let stored =
            json!({ "resourceType": "Patient", "id": "1", "meta": { "versionId": "3", "lastUpdated": "x" } });
        assert_eq!(content(stored), json!({ "resourceType": "Patient", "id": "1" }));
        let tagged = json!({ "meta": { "versionId": "3", "tag": [{ "code": "a" }] } });
        assert_eq!(content(tagged), json!({ "meta": { "tag": [{ "code": "a" }] } }));
    }

    #[test]
    fn what_waits_for_what_comes_after_it_is_stored_in_one_pass() {
        let config = Config { database_url: "sqlite::memory:".into(), auth: Auth::Off, ..Config::default() };
        let session = Session::system(App::open(config, Clock::set_to(1_772_366_400_000_000)).unwrap());
        let stay = |at: usize| {
            json!({ "resourceType": "Encounter", "id": format!("e{at}"), "status": "finished",
                "class": { "code": "IMP" }, "identifier": [{ "system": "urn:n", "value": at.to_string() }],
                "partOf": { "reference": format!("Encounter?identifier=urn:n%7C{}", at + 1) } })
        };
        // The last waits for what never comes, and one is refused, so that nothing is stored together.
        let mut last = stay(20);
        last.as_object_mut().unwrap().remove("partOf");
        let all: Vec<Value> =
            (0..20).map(stay).chain([last, stay(30), json!({ "resourceType": "Encounter" })]).collect();
        let lines = all.iter().enumerate().map(|(at, one)| (at + 1, one.to_string().into_bytes())).collect();
        let file: Arc<Path> = Path::new("stays.ndjson").into();
        let report = send(&session, Batch::of_lines(&file, lines), Pass::First);
        assert_eq!((report.stored, report.waiting.many(), report.not_stored), (21, 1, 1), "{report}");
    }
}
