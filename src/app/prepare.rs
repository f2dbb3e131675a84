//! The first half of a write, with no lock held: check, resolve, work out index rows and the bytes to store.
//! <https://hl7.org/fhir/R4/http.html#trules>

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::access::Action;
use crate::app::change::Change;
use crate::app::change::ChangeAction;
use crate::app::change::Origin;
use crate::app::clock::Clock;
use crate::app::guard;
use crate::app::resolve::Condition;
use crate::app::resolve::Links;
use crate::app::resolve::make_relative;
use crate::app::resolve::refers_below;
use crate::app::session::Session;
use crate::fhir::Failure;
use crate::fhir::Issue;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::datetime::Micros;
use crate::fhir::datetime::instant;
use crate::fhir::reference::is_id;
use crate::fhir::shape::check;
use crate::search::IndexRows;
use crate::search::Parameters;
use crate::search::Visible;
use crate::search::rows;
use crate::store::EpisodeRow;
use crate::store::Stored;

/// A write, ready to be committed.
pub(crate) struct Batch {
    pub(crate) changes: Vec<Prepared>,
    pub(crate) parameters: Arc<Parameters>,
    pub(crate) zone: TimeZone,
    pub(crate) clock: Clock,
}

/// One change, ready to be committed.
pub(crate) struct Prepared {
    pub(crate) ty: ResourceType,
    pub(crate) id: String,
    pub(crate) at: String,
    pub(crate) origin: Origin,
    /// What the caller may do this with.
    pub(crate) visible: Visible,
    pub(crate) condition: Option<Condition>,
    /// Whether a resource of this id may be there; not so where the id was made just now.
    pub(crate) may_exist: bool,
    pub(crate) work: Work,
}

/// What is to be done.
pub(crate) enum Work {
    /// Store the first version.
    Create(Content),
    /// Store the next version, or the first where the caller may create.
    Update { content: Content, if_match: Option<i64>, may_create: bool },
    /// Delete.
    Delete { if_match: Option<i64> },
    /// Nothing: the condition found this.
    Found(Stored),
}

/// What is to be stored.
pub(crate) struct Content {
    pub(crate) bytes: Bytes,
    pub(crate) rows: IndexRows,
    pub(crate) episode: Option<EpisodeRow>,
    /// What a client may not change, where the resource has such.
    pub(crate) derived: Option<Value>,
}

/// The JSON to store, with a gap for version and time.
pub(crate) struct Bytes {
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Bytes {
    fn new(resource: &Value, ty: ResourceType, id: &str) -> Self {
        let head = format!(r#"{{"resourceType":"{ty}","id":"{id}","meta":{{"versionId":""#).into_bytes();
        let mut tail = Vec::with_capacity(2_048);
        tail.push(b'"');
        for (name, value) in resource.get("meta").and_then(Value::as_object).into_iter().flatten() {
            if !matches!(name.trim_start_matches('_'), "versionId" | "lastUpdated") {
                member(&mut tail, name, value);
            }
        }
        tail.push(b'}');
        for (name, value) in resource.as_object().into_iter().flatten() {
            if !matches!(name.as_str(), "resourceType" | "id" | "meta") {
                member(&mut tail, name, value);
            }
        }
        tail.push(b'}');
        Self { head, tail }
    }

    /// The complete JSON of this version.
    pub(crate) fn of_version(&self, version: i64, updated: Micros) -> Vec<u8> {
        let gap = format!(r#"{version}","lastUpdated":"{}"#, instant(updated));
        [self.head.as_slice(), gap.as_bytes(), self.tail.as_slice()].concat()
    }
}

fn member(out: &mut Vec<u8>, name: &str, value: &Value) {
    out.push(b',');
    serde_json::to_writer(&mut *out, name).expect("a text is written to memory");
    out.push(b':');
    serde_json::to_writer(&mut *out, value).expect("JSON is written to memory");
}

/// Refuses what is wrong with the changes themselves: scopes first, then every problem of every resource.
pub(crate) fn examine(session: &Session, changes: &[Change]) -> Result<(), Failure> {
    for change in changes {
        session
            .require(action(&change.action), change.action.ty())
            .map_err(|failure| failure.under(&change.at))?;
    }
    let mut issues: Vec<Issue> = Vec::new();
    let mut reason = None;
    for change in changes {
        let (ChangeAction::Create { resource, .. } | ChangeAction::Update { resource, .. }) = &change.action
        else {
            continue;
        };
        if let Err(failure) = check(&session.app().definitions.shapes, resource.value()) {
            let failure = failure.under(&change.at);
            let worse = reason.is_none() || failure.reason == Reason::Structure;
            reason = if worse { Some(failure.reason) } else { reason };
            issues.extend(failure.issues);
        }
    }
    reason.map_or(Ok(()), |reason| Err(Failure::of(reason, issues)))
}

/// Prepares changes that [`examine`] found right.
pub(crate) fn prepare(session: &Session, changes: &[Change]) -> Result<Batch, Failure> {
    let targets = targets(session, changes)?;
    let named = changes.iter().zip(&targets);
    let entries: HashMap<String, String> = named
        .clone()
        .filter_map(|(change, target)| Some((change.full_url.clone()?, format!("{}/{}", target.0, target.1))))
        .collect();
    let mut links = Links::new(session, entries);
    let mut prepared = Vec::with_capacity(changes.len());
    for (change, target) in changes.iter().zip(targets) {
        let one = prepare_one(session, change, target, &mut links);
        prepared.push(one.map_err(|failure| place(failure, &change.at))?);
    }
    let app = session.app();
    Ok(Batch {
        changes: prepared,
        parameters: app.parameters.clone(),
        zone: session.zone().clone(),
        clock: app.clock.clone(),
    })
}

/// Type and id of what a change is about, and the condition under which it creates.
type Target = (ResourceType, String, Option<(Condition, Option<Stored>)>);

fn targets(session: &Session, changes: &[Change]) -> Result<Vec<Target>, Failure> {
    let mut identities = HashSet::new();
    let mut conditions = HashSet::new();
    let mut targets = Vec::with_capacity(changes.len());
    for change in changes {
        let target = target(session, &change.action).map_err(|failure| place(failure, &change.at))?;
        let asked_twice =
            target.2.as_ref().is_some_and(|(condition, _)| !conditions.insert(condition.key.clone()));
        if !identities.insert((target.0, target.1.clone())) || asked_twice {
            let text = "Another entry of the same request is about the same resource; send one of them.";
            return Err(Failure::new(Reason::Invalid, text).at(change.at.as_str()));
        }
        targets.push(target);
    }
    Ok(targets)
}

fn target(session: &Session, action: &ChangeAction) -> Result<Target, Failure> {
    match action {
        ChangeAction::Create { resource, if_none_exist: Some(text), .. } => {
            let condition = session.condition(resource.ty(), text)?;
            let found = session.only_match(&condition)?;
            let id = found.as_ref().map_or_else(new_id, |stored| stored.id.clone());
            Ok((resource.ty(), id, Some((condition, found))))
        }
        ChangeAction::Create { resource, id, .. } => {
            Ok((resource.ty(), id.clone().unwrap_or_else(new_id), None))
        }
        ChangeAction::Update { id, .. } | ChangeAction::Delete { id, .. } if !is_id(id) => {
            Err(Failure::new(Reason::Invalid, "An id has 1 to 64 letters, digits, `-` or `.`."))
        }
        ChangeAction::Update { id, .. } | ChangeAction::Delete { id, .. } => {
            Ok((action.ty(), id.clone(), None))
        }
    }
}

/// Ids begin with the time, so that new rows stand side by side in the index.
fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

fn prepare_one(
    session: &Session,
    change: &Change,
    (ty, id, condition): Target,
    links: &mut Links<'_>,
) -> Result<Prepared, Failure> {
    let caller = session.caller();
    let visible = caller.visible(action(&change.action), ty);
    let (condition, found) = condition.unzip();
    let work = match (&change.action, found.flatten()) {
        (_, Some(found)) => Work::Found(found),
        (ChangeAction::Create { resource, .. }, None) => {
            let content = content(session, change, (resource, &id), links)?;
            guard::stays_inside(&visible, &content.rows.patients)?;
            if change.origin == Origin::Client && content.derived.is_some() {
                return Err(guard::derived_failure());
            }
            Work::Create(content)
        }
        (ChangeAction::Update { resource, if_match, .. }, None) => {
            let content = content(session, change, (resource, &id), links)?;
            guard::stays_inside(&visible, &content.rows.patients)?;
            let may_create = caller.visible(Action::Create, ty) == Visible::All;
            Work::Update { content, if_match: *if_match, may_create }
        }
        (ChangeAction::Delete { if_match, .. }, None) => Work::Delete { if_match: *if_match },
    };
    let may_exist = match (&change.action, &work) {
        (_, Work::Found(_)) => false,
        (ChangeAction::Create { id, .. }, _) => id.is_some(),
        (ChangeAction::Update { .. } | ChangeAction::Delete { .. }, _) => true,
    };
    Ok(Prepared { ty, id, at: change.at.clone(), origin: change.origin, visible, condition, may_exist, work })
}

fn content(
    session: &Session,
    change: &Change,
    (resource, id): (&Resource, &str),
    links: &mut Links<'_>,
) -> Result<Content, Failure> {
    let mut value = Cow::Borrowed(resource.value());
    // Only the entries of a Bundle can refer to one another or by a search.
    if change.full_url.is_some() || change.at.starts_with("Bundle.") {
        links.rewrite(value.to_mut(), change.full_url.as_deref())?;
    }
    if refers_below(&value, session.base_url()) {
        make_relative(session, value.to_mut());
    }
    let ty = resource.ty();
    // A patient stands in its own compartment by its id, which the client's JSON need not have; others are not
    // copied for it.
    if ty.name() == "Patient" && value.get("id").and_then(Value::as_str) != Some(id) {
        value.to_mut().as_object_mut().expect("a resource is an object").insert("id".into(), id.into());
    }
    let episode = if ty.name() == "EpisodeOfCare" {
        guard::episode_row(&Resource::from_value(value.as_ref().clone())?)
    } else {
        None
    };
    Ok(Content {
        bytes: Bytes::new(&value, ty, id),
        rows: rows(&session.app().parameters, &value, session.zone()),
        episode,
        derived: guard::derived(ty, &value),
    })
}

pub(crate) fn action(action: &ChangeAction) -> Action {
    match action {
        ChangeAction::Create { .. } => Action::Create,
        ChangeAction::Update { .. } => Action::Update,
        ChangeAction::Delete { .. } => Action::Delete,
    }
}

/// Says where a failure is: in a Bundle the entry, else what it says itself.
pub(crate) fn place(failure: Failure, at: &str) -> Failure {
    if at.starts_with("Bundle.") { failure.under(at) } else { failure }
}
