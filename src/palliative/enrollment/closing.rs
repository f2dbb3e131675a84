//! The mark on what was closed with an episode: what undoing needs to open just that again, as it was, and nothing that
//! anybody has changed since. <https://hl7.org/fhir/R4/extensibility.html>

use jiff::civil::Date;
use serde_json::Value;
use serde_json::json;

use crate::fhir::datetime::instant;
use crate::fhir::resource::Resource;
use crate::palliative::enrollment::drafts::Drafts;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::version;
use crate::palliative::enrollment::state::State;
use crate::palliative::enrollment::transition::amend;
use crate::palliative::vocabulary::CLOSED_EXTENSION;

/// What an ending may close, with the statuses in which it does.
const OPEN: [(&str, &[&str]); 5] = [
    ("CarePlan", &["draft", "active", "on-hold"]),
    ("CareTeam", &["proposed", "active", "suspended", "inactive"]),
    ("Flag", &["active"]),
    ("ServiceRequest", &["active"]),
    ("Task", &["draft", "requested", "received", "accepted", "ready", "in-progress", "on-hold"]),
];

/// Whether the resource is one that an ending closes, as it stands.
pub fn is_open(resource: &Resource) -> bool {
    resource.text("/status").is_some_and(|status| is_open_status(resource, status))
}

fn is_open_status(resource: &Resource, status: &str) -> bool {
    let ty = resource.ty().name();
    OPEN.iter().any(|(own, statuses)| *own == ty && statuses.contains(&status))
}

/// The resource with another status.
pub fn with_status(resource: &Resource, status: &str) -> Resource {
    let mut resource = resource.clone();
    resource.object_mut().insert("status".into(), status.into());
    resource
}

/// The resource, closed as the episode comes to its last state, with the mark of it.
pub fn closed(case: &Case, resource: &Resource, (to, status): (State, &str)) -> Resource {
    let before = resource.text("/status").unwrap_or_default();
    let mut closed = touched(case, with_status(resource, status));
    unmark(&mut closed);
    // The mark holds for the version that is being written, and for no later one.
    let next = version(resource).map(|read| (read + 1).to_string());
    let mut parts = vec![
        json!({ "url": "episode", "valueReference": { "reference": case.episode_name() } }),
        json!({ "url": "state", "valueCode": to.code() }),
        json!({ "url": "status", "valueCode": before }),
    ];
    parts.extend(next.map(|next| json!({ "url": "version", "valueId": next })));
    let mark = json!({ "url": CLOSED_EXTENSION, "extension": parts });
    let extensions = closed.object_mut().entry("extension").or_insert_with(|| Value::Array(Vec::new()));
    if let Some(extensions) = extensions.as_array_mut() {
        extensions.push(mark);
    }
    closed
}

/// A plan, closed likewise, with its last day: by its period it would else be found as going on. One to which a person has
/// given an end keeps it.
pub fn closed_plan(case: &Case, plan: &Resource, (to, status): (State, &str), last: Date) -> Resource {
    let mut closed = closed(case, plan, (to, status));
    let object = closed.object_mut();
    let Some(period) = object.get_mut("period").and_then(Value::as_object_mut) else { return closed };
    let Some(start) = period.get("start").and_then(Value::as_str).and_then(|start| start.get(..10)) else {
        return closed;
    };
    if period.contains_key("end") {
        return closed;
    }
    // What was dated back ends before the plan began; no period ends before its start.
    let last = last.to_string().max(start.to_owned());
    period.insert("end".into(), last.clone().into());
    let mut extensions = object.get_mut("extension").and_then(Value::as_array_mut).into_iter().flatten();
    let mark = extensions.rfind(|one| one["url"] == CLOSED_EXTENSION);
    if let Some(parts) = mark.and_then(|mark| mark["extension"].as_array_mut()) {
        parts.push(json!({ "url": "end", "valueDate": last }));
    }
    closed
}

/// Opens again, as it was, what was closed when the episode came to its present state. What nobody asks for any more
/// stays closed, and loses the mark, so that nothing opens it later.
pub fn reopen(case: &Case, drafts: &mut Drafts, is_asked: impl Fn(&Resource) -> bool) {
    for resource in OPEN.iter().flat_map(|(ty, _)| case.chart.of(ty)) {
        if let Some(status) = status_before(case, resource) {
            let status = if is_asked(resource) { Some(status) } else { resource.text("/status") };
            let mut opened = touched(case, with_status(resource, status.unwrap_or_default()));
            if is_open(&opened) {
                take_back_end(resource, &mut opened);
            }
            unmark(&mut opened);
            amend(drafts, opened);
        }
    }
}

/// The status that a resource had before the ending closed it; none where it did not, or where somebody has changed
/// the resource since.
fn status_before<'a>(case: &Case, resource: &'a Resource) -> Option<&'a str> {
    let state = case.state().ok()?;
    let own = part(resource, "episode", "/valueReference/reference") == Some(case.episode_name().as_str())
        && part(resource, "state", "/valueCode") == Some(state.code())
        && part(resource, "version", "/valueId") == resource.text("/meta/versionId");
    part(resource, "status", "/valueCode").filter(|status| own && is_open_status(resource, status))
}

/// What the mark of a resource says.
fn part<'a>(resource: &'a Resource, name: &str, place: &str) -> Option<&'a str> {
    let mark = extension_of(resource, CLOSED_EXTENSION)?;
    let found =
        list(mark.get("extension")).find(|part| part.get("url").and_then(Value::as_str) == Some(name));
    found?.pointer(place)?.as_str()
}

/// The end that the ending gave to a plan goes with it.
fn take_back_end(closed: &Resource, opened: &mut Resource) {
    let given = part(closed, "end", "/valueDate");
    if given.is_none() || given != closed.text("/period/end") {
        return;
    }
    if let Some(period) = opened.object_mut().get_mut("period").and_then(Value::as_object_mut) {
        period.remove("end");
    }
}

/// The resource, marked as changed now where its type says when.
pub fn touched(case: &Case, mut resource: Resource) -> Resource {
    if resource.ty().name() == "Task" {
        resource.object_mut().insert("lastModified".into(), instant(case.now).into());
    }
    resource
}

fn unmark(resource: &mut Resource) {
    let object = resource.object_mut();
    if let Some(extensions) = object.get_mut("extension").and_then(Value::as_array_mut) {
        extensions.retain(|one| one.get("url").and_then(Value::as_str) != Some(CLOSED_EXTENSION));
        // FHIR knows no empty list.
        if extensions.is_empty() {
            object.remove("extension");
        }
    }
}
