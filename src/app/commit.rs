//! The second half of a write, inside one transaction: conditions and versions are checked again, then versions,
//! history, index rows and episode rows are written, for all changes together.
//! <https://hl7.org/fhir/R4/http.html#concurrency>

use std::collections::HashMap;

use serde_json::Value;

use crate::app::change::Origin;
use crate::app::change::WriteOutcome;
use crate::app::change::Written;
use crate::app::guard;
use crate::app::prepare::Batch;
use crate::app::prepare::Content;
use crate::app::prepare::Prepared;
use crate::app::prepare::Work;
use crate::app::prepare::place;
use crate::app::session::not_found;
use crate::definitions::CANONICAL;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::datetime::Micros;
use crate::search::IndexRows;
use crate::search::Visible;
use crate::search::rows;
use crate::store::Conn;
use crate::store::EpisodeRow;
use crate::store::Fault;
use crate::store::Method;
use crate::store::Stored;
use crate::store::index;
use crate::store::index::Entries;
use crate::store::matches;
use crate::store::resources;
use crate::store::resources::Identity;
use crate::store::tables;

/// Commits a prepared write; the outcomes stand in the order of its changes.
pub(crate) fn commit(conn: &mut Conn, batch: &Batch) -> Result<Vec<Written>, Fault> {
    check_conditions(conn, batch)?;
    let current = current(conn, batch)?;
    let mut tally = Tally { now: batch.clock.now(), ..Tally::default() };
    for change in &batch.changes {
        let before = current.get(&(change.ty, change.id.clone()));
        tally.take(batch, change, before).map_err(|failure| place(failure, &change.at))?;
    }
    tally.write(conn, batch)
}

/// What was found or not found under a condition must still be so; all who ask the same wait for one another.
fn check_conditions(conn: &mut Conn, batch: &Batch) -> Result<(), Fault> {
    let mut conditional: Vec<_> =
        batch.changes.iter().filter_map(|change| Some((change.condition.as_ref()?, change))).collect();
    conditional.sort_by(|one, other| one.0.key.cmp(&other.0.key));
    let now = batch.clock.now();
    for (condition, _) in &conditional {
        tables::lock_condition(conn, &condition.key, now)?;
    }
    for (condition, change) in conditional {
        let hits = matches::hits(conn, condition.plan.page.clone())?;
        let same = match (&change.work, hits.as_slice()) {
            (Work::Found(found), [hit]) => hit.stored.rid == found.rid && hit.stored.version == found.version,
            (Work::Found(_), _) => false,
            (Work::Create(_) | Work::Update { .. } | Work::Delete { .. }, hits) => hits.is_empty(),
        };
        if !same {
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
        .collect();
    let found = resources::lock(conn, &identities)?;
    Ok(found.into_iter().map(|stored| ((stored.ty, stored.id.clone()), stored)).collect())
}

/// Where an outcome's version stands.
enum Place {
    /// Among the first versions, under the name of its change.
    Inserted,
    Replaced(usize),
    AsItWas(Stored),
}

/// What the changes come to, table by table.
#[derive(Default)]
struct Tally {
    now: Micros,
    outcomes: Vec<(WriteOutcome, Place)>,
    /// First versions.
    inserted: Vec<Stored>,
    replaced: Vec<Stored>,
    added: Entries,
    removed: Entries,
    cleared: Vec<i64>,
    episodes: Vec<(i64, Option<EpisodeRow>)>,
}

impl Tally {
    fn take(&mut self, batch: &Batch, change: &Prepared, current: Option<&Stored>) -> Result<(), Failure> {
        match (&change.work, current) {
            (Work::Found(found), _) => {
                self.outcomes.push((WriteOutcome::Unchanged, Place::AsItWas(found.clone())));
            }
            (Work::Create(_), Some(_)) => {
                let text = format!("{}/{} exists already.", change.ty, change.id);
                return Err(Failure::new(Reason::Conflict, text).code("duplicate"));
            }
            (Work::Create(content), None) => self.insert(change, content, Method::Post),
            (Work::Update { content, if_match, may_create }, None) => {
                match_version(*if_match, None)?;
                if !may_create {
                    return Err(not_found(change.ty, &change.id));
                }
                if change.origin == Origin::Client && content.derived.is_some() {
                    return Err(guard::derived_failure());
                }
                self.insert(change, content, Method::Put);
            }
            (Work::Update { content, if_match, .. }, Some(current)) => {
                let old = self.open(batch, change, current)?;
                match_version(*if_match, Some(current.version))?;
                if change.origin == Origin::Client && old.derived != content.derived {
                    return Err(guard::derived_failure());
                }
                self.update(change, content, (current, &old.rows));
            }
            (Work::Delete { if_match }, current) => self.delete(batch, change, (*if_match, current))?,
        }
        Ok(())
    }

    /// What the current version is, as far as a change depends on it; nothing of it for one that may not see it.
    fn open(&self, batch: &Batch, change: &Prepared, current: &Stored) -> Result<Old, Failure> {
        let value = if current.deleted { Value::Null } else { current.value()? };
        let old = rows(&batch.parameters, &value, &batch.zone);
        if !guard::is_inside(&change.visible, &old.patients) {
            return Err(not_found(change.ty, &change.id));
        }
        Ok(Old { derived: guard::derived(change.ty, &value), rows: old })
    }

    fn insert(&mut self, change: &Prepared, content: &Content, method: Method) {
        self.outcomes.push((WriteOutcome::Created, Place::Inserted));
        self.inserted.push(Stored {
            ty: change.ty,
            id: change.id.clone(),
            version: 1,
            updated: self.now,
            deleted: false,
            method,
            body: content.bytes.of_version(1, self.now),
            rid: 0,
        });
    }

    fn update(&mut self, change: &Prepared, content: &Content, (current, old): (&Stored, &IndexRows)) {
        let version = current.version + 1;
        let updated = self.now.max(current.updated + 1_000);
        self.outcomes.push((WriteOutcome::Updated, Place::Replaced(self.replaced.len())));
        self.added.add((change.ty, current.rid), &content.rows, old);
        self.removed.add((change.ty, current.rid), old, &content.rows);
        if change.ty.name() == "EpisodeOfCare" {
            self.episodes.push((current.rid, content.episode.clone()));
        }
        self.replaced.push(Stored {
            version,
            updated,
            deleted: false,
            method: Method::Put,
            body: content.bytes.of_version(version, updated),
            ..current.clone_identity()
        });
    }

    fn delete(
        &mut self,
        batch: &Batch,
        change: &Prepared,
        (if_match, current): (Option<i64>, Option<&Stored>),
    ) -> Result<(), Failure> {
        let Some(current) = current else {
            if change.visible != Visible::All {
                return Err(not_found(change.ty, &change.id));
            }
            match_version(if_match, None)?;
            self.outcomes.push((WriteOutcome::AlreadyDeleted, Place::AsItWas(never(change))));
            return Ok(());
        };
        let old = self.open(batch, change, current)?;
        match_version(if_match, Some(current.version))?;
        if current.deleted {
            self.outcomes.push((WriteOutcome::AlreadyDeleted, Place::AsItWas(current.clone())));
            return Ok(());
        }
        if change.origin == Origin::Client && old.derived.is_some() {
            return Err(guard::derived_failure());
        }
        self.outcomes.push((WriteOutcome::Deleted, Place::Replaced(self.replaced.len())));
        self.cleared.push(current.rid);
        if change.ty.name() == "EpisodeOfCare" {
            self.episodes.push((current.rid, None));
        }
        self.replaced.push(Stored {
            version: current.version + 1,
            updated: self.now.max(current.updated + 1_000),
            deleted: true,
            method: Method::Delete,
            ..current.clone_identity()
        });
        Ok(())
    }

    fn write(mut self, conn: &mut Conn, batch: &Batch) -> Result<Vec<Written>, Fault> {
        // In one order for all, so that two writes that create the same resources do not wait for one another.
        self.inserted.sort_by(|one, other| (one.ty, &one.id).cmp(&(other.ty, &other.id)));
        resources::insert(conn, &mut self.inserted)?;
        for change in &batch.changes {
            let (Work::Create(content) | Work::Update { content, .. }) = &change.work else { continue };
            let Some(stored) = first_version(&self.inserted, change) else { continue };
            self.added.add((stored.ty, stored.rid), &content.rows, &IndexRows::default());
            if let Some(episode) = &content.episode {
                self.episodes.push((stored.rid, Some(episode.clone())));
            }
        }
        resources::replace(conn, &self.replaced)?;
        index::remove(conn, self.removed)?;
        index::clear(conn, &self.cleared)?;
        index::insert(conn, self.added)?;
        // Those that end come first, so that one may end and another begin in the same write.
        self.episodes.sort_by_key(|(_, row)| row.as_ref().is_some_and(|row| row.open));
        for (rid, row) in &self.episodes {
            tables::put_episode(conn, *rid, row.as_ref())?;
        }
        let written = self.outcomes.into_iter().zip(&batch.changes).map(|((outcome, place), change)| {
            let stored = match place {
                Place::Inserted => {
                    first_version(&self.inserted, change).expect("a created resource was inserted").clone()
                }
                Place::Replaced(at) => self.replaced[at].clone(),
                Place::AsItWas(stored) => stored,
            };
            Written { outcome, stored }
        });
        Ok(written.collect())
    }
}

/// What was inserted for a change, among rows that are sorted by type and id.
fn first_version<'a>(inserted: &'a [Stored], change: &Prepared) -> Option<&'a Stored> {
    let at = inserted.binary_search_by(|row| (row.ty, row.id.as_str()).cmp(&(change.ty, change.id.as_str())));
    inserted.get(at.ok()?)
}

/// What a change needs to know of the version before it.
struct Old {
    rows: IndexRows,
    derived: Option<Value>,
}

fn match_version(asked: Option<i64>, current: Option<i64>) -> Result<(), Failure> {
    let Some(asked) = asked.filter(|asked| Some(*asked) != current) else { return Ok(()) };
    let text = match current {
        Some(current) => {
            format!("If-Match asks for version {asked}, the current version is {current}; read it again.")
        }
        None => format!("If-Match asks for version {asked}, but there is no such resource."),
    };
    let system = format!("{CANONICAL}/CodeSystem/palliative-error");
    Err(Failure {
        version: current,
        ..Failure::new(Reason::Precondition, text).coded(system, "version-mismatch")
    })
}

/// The answer to deleting what never was.
fn never(change: &Prepared) -> Stored {
    Stored {
        ty: change.ty,
        id: change.id.clone(),
        version: 0,
        updated: 0,
        deleted: true,
        method: Method::Delete,
        body: Vec::new(),
        rid: 0,
    }
}
