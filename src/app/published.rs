//! Our own definitions as resources like any other: stored when the service starts, where they are not what is stored
//! already, and changed by nobody else. <https://hl7.org/fhir/R4/resourcelist.html>
//!
//! One digest of all of them tells a start that nothing has changed, so that it costs one row to read. Where they have
//! changed, only those that say something else get a new version, all in one transaction: of two instances that start
//! at once one stores them, and a poller of the history hears of what is new and of nothing else. A definition that
//! this version of the program has no more is retired, because decisions may rest on it, and is then the clients' own.
//! Where a client's own resource stands under the id of a definition that is new, it stays, and stays the client's.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::digest;
use serde_json::Value;

use crate::app::App;
use crate::app::Change;
use crate::app::ChangeAction;
use crate::app::Origin;
use crate::app::Session;
use crate::app::Stored;
use crate::app::Target;
use crate::app::change::Demand;
use crate::app::commit::commit;
use crate::app::rule_document::is_kept;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::palliative::rule_kind::RuleKind;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::published;
use crate::store::published::Name;

/// What is to be stored, and noted of it.
struct Edition {
    /// The digest of all, before and after.
    digests: (String, String),
    changes: Vec<Change>,
    /// The digest of each that changes; none of one that is ours no more.
    notes: Vec<(Name, Option<String>)>,
}

impl App {
    /// Each programme has a fixed id: what is there is left alone, and of two instances that start at once one
    /// stores it and the other finds it.
    ///
    /// # Errors
    /// What the database fails with.
    pub(super) fn store_programmes(self: &Arc<Self>) -> Result<(), Failure> {
        let session = Session::system(self.clone());
        for programme in &self.definitions.programs {
            let resource = Resource::from_value(programme.clone())?;
            let id = programme.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            match session.read(resource.ty(), &id) {
                Err(failure) if failure.reason == Reason::NotFound => {}
                Err(failure) if failure.reason != Reason::Deleted => return Err(failure),
                Ok(_) | Err(_) => continue,
            }
            let create = ChangeAction::Create { resource, if_none_exist: None, id: Some(id) };
            match session.write(vec![Change::programme(create)]) {
                Err(failure) if failure.reason != Reason::Conflict => return Err(failure),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Stores our definitions, as far as others are stored or none.
    ///
    /// # Errors
    /// What the database fails with.
    pub(super) fn store_definitions(self: &Arc<Self>) -> Result<(), Failure> {
        let new = digest_of(self.definitions.published_texts());
        let old = self.db.read(|conn| Ok(published::set(conn)?))?;
        if old == new {
            return Ok(());
        }
        let session = Session::system(self.clone());
        let edition = edition(&session, (old, new))?;
        let (digests, notes) = (edition.digests, edition.notes);
        // They are valid by the program's tests, which is not looked at again at every start.
        session.commit_with(&edition.changes, move |conn, batch| {
            if !published::replace_set(conn, (&digests.0, &digests.1))? {
                return Ok(());
            }
            commit(conn, batch)?;
            note(conn, &notes)
        })
    }
}

fn edition(session: &Session, digests: (String, String)) -> Result<Edition, Failure> {
    let mut stored: BTreeMap<Name, String> =
        session.app.db.read(|conn| Ok(published::all(conn)?))?.into_iter().collect();
    let mut edition = Edition { digests, changes: Vec::new(), notes: Vec::new() };
    for value in session.app().definitions.all_published() {
        let resource = Resource::from_value(value.clone())?;
        let id = resource.id().ok_or_else(|| Failure::internal("a definition of ours has no id"))?.to_owned();
        let name = (resource.ty(), id);
        let digest = digest_of([value.to_string().as_str()]);
        let known = stored.remove(&name);
        if known.is_none() && is_taken(session, &name, value)? {
            let (ty, id) = &name;
            log::warn!(
                "{ty}/{id} is a client's, so that our definition of this name is not stored, but it holds"
            );
            continue;
        }
        if known.is_none_or(|known| known != digest) {
            edition.changes.push(put(resource, &name.1));
            edition.notes.push((name, Some(digest)));
        }
    }
    for name in stored.into_keys() {
        match session.read(name.0, &name.1) {
            Ok(stored) => edition.changes.push(put(retired(stored.value()?)?, &name.1)),
            Err(failure) if matches!(failure.reason, Reason::NotFound | Reason::Deleted) => {}
            Err(failure) => return Err(failure),
        }
        edition.notes.push((name, None));
    }
    Ok(edition)
}

/// Whether something else stands where a definition is to be stored for the first time: what a client stored there
/// before there was this definition is left alone.
fn is_taken(session: &Session, (ty, id): &Name, own: &Value) -> Result<bool, Failure> {
    match session.read(*ty, id) {
        Ok(stored) => Ok(stored.value()?.get("url") != own.get("url")),
        Err(failure) if matches!(failure.reason, Reason::NotFound | Reason::Deleted) => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// Whether a stored resource is a client's, and no definition of ours that is at hand.
pub(crate) fn is_theirs(session: &Session, stored: &Stored) -> bool {
    let own = session.app().definitions.published(stored.ty, &stored.id);
    own.is_none_or(|own| stored.value().is_ok_and(|value| value.get("url") != own.get("url")))
}

fn put(resource: Resource, id: &str) -> Change {
    let (target, demand) = (Target::Id(id.to_owned()), Demand::Nothing);
    Change::programme(ChangeAction::Update { resource, target, demand })
}

fn retired(mut value: Value) -> Result<Resource, Failure> {
    value["status"] = "retired".into();
    Resource::from_value(value)
}

fn note(conn: &mut Conn, notes: &[(Name, Option<String>)]) -> Result<(), Fault> {
    Ok(notes.iter().try_for_each(|(name, digest)| published::put(conn, name, digest.as_deref()))?)
}

fn digest_of<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    texts.into_iter().for_each(|text| context.update(text.as_bytes()));
    context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Refuses a client's change of one of our definitions.
///
/// # Errors
/// `Conflict`.
pub(crate) fn check_free(session: &Session, change: &Change, id: &str) -> Result<(), Failure> {
    let ty = change.action.ty();
    match change.origin {
        Origin::Programme | Origin::Effect => Ok(()),
        Origin::Client if session.app().definitions.published(ty, id).is_none() => Ok(()),
        // What is not noted as stored by us was there before, and is the client's still.
        Origin::Client if !session.app.db.read(|conn| Ok(published::is_noted(conn, (ty, id))?))? => Ok(()),
        Origin::Client => {
            let text = format!("{ty}/{id} is a definition of this server; write under another id.");
            Err(Failure::new(Reason::Conflict, text))
        }
    }
}

/// Refuses a client's resource that has the URL and the version of one of our definitions: what is meant by them would
/// not be told any more. A rule set has no version of a URL of ours, as a later one of ours would have its name.
///
/// # Errors
/// `Conflict`.
pub(crate) fn check_name(
    session: &Session,
    (change, id): (&Change, &str),
    value: &Value,
) -> Result<(), Failure> {
    let (ty, text) = (change.action.ty(), |name: &str| value.get(name).and_then(Value::as_str));
    let (Origin::Client, Some(url)) = (change.origin, text("url")) else { return Ok(()) };
    let own = session.app().definitions.published_as(ty, url);
    let Some(own) = own else { return Ok(()) };
    let is_rule_set = ty.name() == "PlanDefinition" && RuleKind::of(value).is_some();
    if is_rule_set && !is_kept(session, value, id)? {
        let text = format!("{url} names rules of this server; give yours a `url` of your own.");
        return Err(Failure::new(Reason::Conflict, text).at("PlanDefinition.url"));
    }
    if is_rule_set || own.get("version").and_then(Value::as_str) != text("version") {
        return Ok(());
    }
    let text = format!("{url} in this version is a definition of this server; give yours another `version`.");
    Err(Failure::new(Reason::Conflict, text).at(format!("{ty}.version")))
}
