//! An agreement that is withdrawn, by whatever request, while an enrolment rests on it: the same write leaves the task to
//! speak with the person. <https://hl7.org/fhir/R4/consent.html>
//!
//! Who withdraws and who comes to rest on the agreement in the same moment see one another: both lock the Consent before
//! they look. The one who withdraws then asks for the open episodes again, and the one who decides for the agreement
//! itself; where it is not as it was when the write was prepared, the write is prepared anew. The task is an effect: it
//! takes no right to tasks, and the answer does not show it.

use std::collections::HashMap;

use serde_json::Value;

use crate::app::change::Change;
use crate::app::change::Origin;
use crate::app::prepare::Batch;
use crate::app::prepare::Prepared;
use crate::app::prepare::Work;
use crate::app::programme::change;
use crate::app::session::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::reference::Reference;
use crate::palliative::enrollment::episode_row;
use crate::palliative::enrollment::facts::coded;
use crate::palliative::enrollment::patient_of;
use crate::palliative::enrollment::withdrawal::is_withdrawn;
use crate::palliative::enrollment::withdrawal::task;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::Stored;
use crate::store::resources::Identity;
use crate::store::tables;

/// A Consent that a write leaves without agreement, as it was found when the write was prepared.
pub(crate) struct Withdrawal {
    id: String,
    /// The version before; none where there was none.
    version: Option<i64>,
    /// The numbers of the open episodes that rest on it.
    episodes: Vec<i64>,
}

/// The agreements that a prepared write withdraws, and the tasks that follow.
pub(crate) fn withdrawals(
    session: &Session,
    prepared: &[Prepared],
) -> Result<(Vec<Withdrawal>, Vec<Change>), Failure> {
    let (mut withdrawals, mut tasks) = (Vec::new(), Vec::new());
    for one in prepared.iter().filter(|one| leaves_none(one)) {
        let service = session.as_service();
        let before = match service.current(one.ty, &one.id) {
            Ok(before) => Some(before),
            Err(failure) if failure.reason == Reason::NotFound => None,
            Err(failure) => return Err(failure),
        };
        let resting = session.app().db.read(|conn| Ok(tables::resting_on(conn, &one.id)?))?;
        if let Some(before) = before.as_ref().map_or(Ok(None), agreement)? {
            for (_, episode) in &resting {
                let episode = match service.read(episode_of_care(), episode) {
                    Ok(episode) => Resource::from_value(episode.value()?)?,
                    // It was deleted meanwhile, and rests on nothing any more.
                    Err(failure) if matches!(failure.reason, Reason::NotFound | Reason::Deleted) => continue,
                    Err(failure) => return Err(failure),
                };
                // An episode that names another person's agreement does not rest on it.
                if patient_of(&episode).is_some_and(|patient| is_of(&before, patient)) {
                    tasks.push(change(&task(&episode, &one.id, session.now())?).as_effect());
                }
            }
        }
        let episodes = resting.into_iter().map(|(rid, _)| rid).collect();
        withdrawals.push(Withdrawal {
            id: one.id.clone(),
            version: before.map(|before| before.version),
            episodes,
        });
    }
    Ok((withdrawals, tasks))
}

fn episode_of_care() -> ResourceType {
    ResourceType::parse("EpisodeOfCare").expect("EpisodeOfCare is a type of R4")
}

/// What a Consent says, where it is an agreement that holds.
fn agreement(stored: &Stored) -> Result<Option<Value>, Failure> {
    let value = if stored.deleted { Value::Null } else { stored.value()? };
    Ok((!is_withdrawn(&value)).then_some(value))
}

/// Whether a Consent is this patient's.
fn is_of(consent: &Value, patient: &str) -> bool {
    let reference = consent.pointer("/patient/reference").and_then(Value::as_str).map(Reference::parse);
    reference
        .and_then(|reference| reference.local())
        .is_some_and(|local| local.ty.name() == "Patient" && local.id == patient)
}

/// Whether a change leaves a Consent that may have been there as no agreement.
fn leaves_none(prepared: &Prepared) -> bool {
    prepared.ty.name() == "Consent"
        && match &prepared.work {
            Work::Update { content, .. } | Work::Patch { content, .. } => content.withdrawn,
            Work::Delete { .. } => true,
            Work::Create(_) | Work::Keep | Work::Nothing => false,
        }
}

/// The agreements on which open episodes of a write rest: they are locked with what is written.
pub(crate) fn agreements(batch: &Batch) -> impl Iterator<Item = Identity> {
    let consent = ResourceType::parse("Consent").expect("Consent is a type of R4");
    let rows = batch.changes.iter().filter_map(|change| change.work.content()?.episode.as_ref());
    rows.filter(|row| row.open && !row.consent.is_empty()).map(move |row| (consent, row.consent.clone()))
}

/// Looks again, with all of it locked.
pub(crate) fn check(
    conn: &mut Conn,
    batch: &Batch,
    current: &HashMap<Identity, Stored>,
) -> Result<(), Fault> {
    let consent = ResourceType::parse("Consent").expect("Consent is a type of R4");
    for withdrawal in &batch.withdrawals {
        let now = current.get(&(consent, withdrawal.id.clone())).map(|stored| stored.version);
        let resting = tables::resting_on(conn, &withdrawal.id)?;
        if now != withdrawal.version || !resting.iter().map(|(rid, _)| rid).eq(&withdrawal.episodes) {
            return Err(Fault::Stale);
        }
    }
    // A client cannot change on which agreement an episode rests; the programme's operations have seen whose it is.
    for change in batch.changes.iter().filter(|change| change.origin != Origin::Client) {
        let Some(row) = change.work.content().and_then(|content| content.episode.as_ref()) else { continue };
        let named = current.get(&(consent, row.consent.clone())).filter(|_| row.open);
        let Some(named) = named else { continue };
        if agreement(named)?.is_none()
            && rests_anew(current.get(&(change.ty, change.id.clone())), &row.consent)?
        {
            return Err(withdrawn(&named.id).into());
        }
    }
    Ok(())
}

/// Whether an episode has not rested on this agreement before. One that has may go on: about that there is a task.
fn rests_anew(before: Option<&Stored>, consent: &str) -> Result<bool, Failure> {
    let Some(before) = before.filter(|before| !before.deleted) else { return Ok(true) };
    let row = episode_row(&Resource::from_value(before.value()?)?);
    Ok(row.is_none_or(|row| row.consent != consent))
}

/// What was decided upon is not so any more: the decision is made anew, where the caller named no version.
fn withdrawn(id: &str) -> Failure {
    let text = format!("Consent/{id} was withdrawn while this was decided; read it again.");
    coded(Reason::Precondition, "consent-invalid", text)
}
