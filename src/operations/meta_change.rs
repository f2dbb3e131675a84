//! `$meta-add` and `$meta-delete`: profiles, tags and security labels of a resource, added and taken away.
//! <https://hl7.org/fhir/R4/resource-operation-meta-add.html>
//!
//! What a version holds never changes here, so that its ETag, the copies that others keep of it and the history stay
//! true: a change of tags or labels is a new version like any other, with its index rows and in every `_since`, and
//! who changed a security label when can be told for ever. What is there already (or not there any more) is left
//! alone, without a new version. For the same reason earlier versions take no new labels.
//!
//! Labels say who may see a resource, so callers who are held to a patient's compartment may not change them.

use serde_json::Map;
use serde_json::Value;

use crate::access::Action;
use crate::app::Answer;
use crate::app::Change;
use crate::app::ChangeAction;
use crate::app::Session;
use crate::app::Written;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::operations::Call;
use crate::operations::meta::LISTS;
use crate::operations::meta::answer;
use crate::operations::meta::identity;
use crate::search::Visible;

/// How often a change is tried anew where others write the same resource.
const TRIES: u32 = 20;

/// Adds what is not there yet.
///
/// # Errors
/// As [`change`].
pub fn add(session: &Session, call: Call) -> Result<Answer, Failure> {
    change(session, &call, |own, given| {
        let known: Vec<String> = own.iter().map(identity).collect();
        own.extend(given.iter().filter(|item| !known.contains(&identity(item))).cloned());
    })
}

/// Takes away what is there.
///
/// # Errors
/// As [`change`].
pub fn delete(session: &Session, call: Call) -> Result<Answer, Failure> {
    change(session, &call, |own, given| {
        let given: Vec<String> = given.iter().map(identity).collect();
        own.retain(|item| !given.contains(&identity(item)));
    })
}

/// Changes each of the three lists, as a compare-and-swap: where another has written meanwhile, it is done anew on
/// the new version, or refused where `If-Match` asked for the old one.
///
/// # Errors
/// `Forbidden` for one who may not update every resource of the type; `Precondition`; what a write refuses.
fn change(
    session: &Session,
    call: &Call,
    work: impl Fn(&mut Vec<Value>, &[Value]),
) -> Result<Answer, Failure> {
    let Some((ty, Some(id))) = &call.target else {
        return Err(Failure::new(
            Reason::Invalid,
            "The meta of a single resource is changed, on its own URL.",
        ));
    };
    check_access(session, *ty)?;
    let given = call.parameters.one("meta").and_then(|given| given.value()).cloned().unwrap_or_default();
    for _ in 0..TRIES {
        let stored = session.read(*ty, id)?;
        let (resource, meta) = changed(stored.value()?, &given, &work);
        if resource == stored.value()? && call.if_match.is_none_or(|version| version == stored.version) {
            return Ok(Answer {
                version: Some(stored.version),
                updated: Some(stored.updated),
                ..answer(meta)
            });
        }
        let seen = call.if_match.unwrap_or(stored.version);
        let update = ChangeAction::update(Resource::from_value(resource)?, id.as_str(), Some(seen));
        match session.write_once(call.once.as_ref(), vec![Change::client(update)], written) {
            Err(failure) if failure.reason == Reason::Precondition && call.if_match.is_none() => {}
            result => return result,
        }
    }
    let text = format!("{ty}/{id} kept changing meanwhile; send the request again.");
    Err(Failure::new(Reason::Conflict, text))
}

fn check_access(session: &Session, ty: ResourceType) -> Result<(), Failure> {
    session.require(Action::Update, ty)?;
    if session.caller().visible(Action::Update, ty) == Visible::All {
        return Ok(());
    }
    let text = format!(
        "Tags and labels say who may see a resource, so a patient's token does not change them; it takes a scope \
         such as `user/{ty}.u`."
    );
    Err(Failure::new(Reason::Forbidden, text))
}

/// The resource with its lists changed, and its meta.
fn changed(mut resource: Value, given: &Value, work: impl Fn(&mut Vec<Value>, &[Value])) -> (Value, Value) {
    let mut meta = match resource.get_mut("meta").map(Value::take) {
        Some(Value::Object(meta)) => meta,
        Some(_) | None => Map::new(),
    };
    for list in LISTS {
        let Some(given) = given.get(list).and_then(Value::as_array) else { continue };
        let own = meta.get_mut(list).and_then(Value::as_array_mut).map(std::mem::take);
        let mut own = own.unwrap_or_default();
        work(&mut own, given);
        if own.is_empty() {
            drop(meta.shift_remove(list))
        } else {
            drop(meta.insert(list.to_owned(), own.into()))
        }
    }
    let meta = Value::Object(meta);
    resource["meta"] = meta.clone();
    (resource, meta)
}

fn written(written: &[Written]) -> Result<Answer, Failure> {
    let stored =
        &written.first().ok_or_else(|| Failure::internal("a write of one change gave no result"))?.stored;
    let meta = stored.value()?.get("meta").cloned().unwrap_or_default();
    Ok(Answer { version: Some(stored.version), updated: Some(stored.updated), ..answer(meta) })
}
