//! The second half of a write, inside one transaction: conditions and versions are checked again, then versions,
//! history, index rows and episode rows are written, for all changes together.
//! <https://hl7.org/fhir/R4/http.html#concurrency>
//!
//! What takes part is locked first, in one order for all: the conditions, so that all who ask the same wait for one
//! another, then the resources. Only then are the conditions asked again, so that what meets one stays as it is.

use std::collections::BTreeSet;
use std::collections::HashMap;

use crate::app::aim::Met;
use crate::app::change::WriteOutcome;
use crate::app::change::Written;
use crate::app::defined;
use crate::app::listed;
use crate::app::one_episode;
use crate::app::overlap;
use crate::app::plan_slot;
use crate::app::prepare::Batch;
use crate::app::prepare::Prepared;
use crate::app::prepare::place;
use crate::app::programme_needs;
use crate::app::rule_document;
use crate::app::rule_document::Name;
use crate::app::tally::Place;
use crate::app::tally::Tally;
use crate::app::voided;
use crate::app::withdrawn;
use crate::search::IndexRows;
use crate::store::Conn;
use crate::store::Defines;
use crate::store::Fault;
use crate::store::Stored;
use crate::store::index;
use crate::store::moment;
use crate::store::parameter_set;
use crate::store::resources;
use crate::store::resources::Identity;
use crate::store::tables;

/// Commits a prepared write; the outcomes stand in the order of its changes.
pub(crate) fn commit(conn: &mut Conn, batch: &Batch) -> Result<Vec<Written>, Fault> {
    let conditions: Vec<&Met> = batch.changes.iter().filter_map(|change| change.met.as_ref()).collect();
    lock(conn, &conditions, batch)?;
    let current = current(conn, batch)?;
    check(conn, &conditions)?;
    withdrawn::check(conn, batch, &current)?;
    let before = current.values().map(|stored| stored.updated).max();
    let begun = moment::take(conn, batch.clock.now(), before)?;
    // Rows that were worked out by other parameters would stand in the index for ever.
    if begun.parameters != batch.set.mark.number {
        return Err(Fault::Stale);
    }
    let mut tally = Tally::begin(begun.at);
    for change in &batch.changes {
        let before = current.get(&(change.ty, change.id.clone()));
        tally.take(batch, change, before).map_err(|fault| match fault {
            Fault::Refused(failure) => Fault::Refused(place(failure, &change.at)),
            Fault::Stale | Fault::Database(_) => fault,
        })?;
    }
    let written = write(tally, conn, batch)?;
    overlap::check(conn, batch)?;
    rule_document::are_single(conn, batch)?;
    programme_needs::are_here(conn, batch)?;
    voided::are_unpaid(conn, batch)?;
    one_episode::check(conn, batch)?;
    Ok(written)
}

/// Makes all that write under the same conditions, rule sets of the same name, or the first episode of the same person,
/// wait for one another.
fn lock(conn: &mut Conn, conditions: &[&Met], batch: &Batch) -> Result<(), Fault> {
    let mut keys: Vec<&str> = conditions.iter().map(|met| met.condition.key.as_str()).collect();
    keys.extend(batch.changes.iter().filter_map(rule_document::name_of).map(Name::key));
    let of_persons: Vec<String> = batch.changes.iter().filter_map(one_episode::key).collect();
    keys.extend(of_persons.iter().map(String::as_str));
    keys.sort_unstable();
    let now = batch.clock.now();
    Ok(keys.into_iter().try_for_each(|key| tables::lock_condition(conn, key, now))?)
}

/// What met a condition when the write was prepared must be what meets it now.
fn check(conn: &mut Conn, conditions: &[&Met]) -> Result<(), Fault> {
    for met in conditions {
        let hits = listed::hits(conn, &met.condition.plan)?;
        let mut rids: Vec<i64> = hits.iter().map(|hit| hit.stored.rid).collect();
        rids.sort_unstable();
        if rids != met.rids {
            return Err(Fault::Stale);
        }
    }
    Ok(())
}

/// The current versions of all that may be there already, locked.
fn current(conn: &mut Conn, batch: &Batch) -> Result<HashMap<Identity, Stored>, Fault> {
    let identities: Vec<Identity> = batch
        .changes
        .iter()
        .filter(|change| change.may_exist)
        .map(|change| (change.ty, change.id.clone()))
        .chain(withdrawn::agreements(batch))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let found = resources::lock(conn, &identities)?;
    Ok(found.into_iter().map(|stored| ((stored.ty, stored.id.clone()), stored)).collect())
}

/// Writes what the changes came to, table by table.
fn write(mut tally: Tally, conn: &mut Conn, batch: &Batch) -> Result<Vec<Written>, Fault> {
    // In one order for all, so that two writes that create the same resources do not wait for one another.
    tally.inserted.sort_by(|one, other| (one.ty, &one.id).cmp(&(other.ty, &other.id)));
    resources::insert(conn, &mut tally.inserted)?;
    for change in &batch.changes {
        let Some(content) = change.work.content() else { continue };
        let Some(stored) = first_version(&tally.inserted, change) else { continue };
        tally.added.add((stored.ty, stored.rid), &content.rows, &IndexRows::default());
        if content.not_for_patient {
            tally.not_for_patient.push((stored.rid, true));
        }
        if let Some(episode) = &content.episode {
            tally.episodes.push((stored.rid, Some(episode.clone())));
        }
        if let Some(plan) = &content.plan {
            tally.plans.push((stored.rid, Some(plan.episode.clone())));
        }
        if !content.defines.is_empty() {
            tally.defines.push((stored.rid, Defines::Now(content.defines.clone())));
        }
    }
    resources::replace(conn, &tally.replaced)?;
    index::remove(conn, std::mem::take(&mut tally.removed))?;
    index::clear(conn, &tally.cleared)?;
    index::insert(conn, std::mem::take(&mut tally.added))?;
    tables::keep_from_patient(conn, &tally.not_for_patient)?;
    // Those that end come first, so that one may end and another begin in the same write.
    tally.episodes.sort_by_key(|(_, row)| row.as_ref().is_some_and(|row| row.open));
    for (rid, row) in &tally.episodes {
        tables::put_episode(conn, *rid, row.as_ref())?;
    }
    plan_slot::check(conn, batch)?;
    tally.plans.sort_by_key(|(_, episode)| episode.is_some());
    for (rid, episode) in &tally.plans {
        tables::put_plan(conn, *rid, episode.as_deref())?;
    }
    define(conn, batch, &tally.defines)?;
    tally.marks.put(conn, tally.now)?;
    Ok(written(tally, batch))
}

/// What becomes of the search parameters. A stored one that this version of the program does not understand has no rows
/// of what is written here, so that it is not searched by until they are made.
fn define(conn: &mut Conn, batch: &Batch, defines: &[(i64, Defines)]) -> Result<(), Fault> {
    parameter_set::hold_back(conn, &batch.set.left_out)?;
    defined::put(conn, defines)
}

/// What came of each change that was asked for; one that is about several resources has one answer.
fn written(tally: Tally, batch: &Batch) -> Vec<Written> {
    let mut all: Vec<Written> = Vec::with_capacity(batch.changes.len());
    let mut last = None;
    let asked = batch.changes.iter().filter(|change| change.change < batch.asked);
    for ((outcome, place), change) in tally.outcomes.into_iter().zip(asked) {
        if let Some(written) = all.last_mut().filter(|_| last == Some(change.change)) {
            written.count += 1;
            continue;
        }
        last = Some(change.change);
        let stored = match place {
            Place::Inserted => {
                first_version(&tally.inserted, change).expect("a created resource was inserted").clone()
            }
            Place::Replaced(at) => tally.replaced[at].clone(),
            Place::AsItWas(stored) => stored,
        };
        let nothing = outcome == WriteOutcome::AlreadyDeleted && stored.id.is_empty();
        all.push(Written { outcome, stored, count: usize::from(!nothing), shown: change.shown });
    }
    all
}

/// What was inserted for a change, among rows that are sorted by type and id.
fn first_version<'a>(inserted: &'a [Stored], change: &Prepared) -> Option<&'a Stored> {
    let at = inserted.binary_search_by(|row| (row.ty, row.id.as_str()).cmp(&(change.ty, change.id.as_str())));
    inserted.get(at.ok()?)
}
