//! What the changes of a write come to, decided for each against the version that is there, which is locked.
//! <https://hl7.org/fhir/R4/http.html#concurrency>

use serde_json::Value;

use crate::app::change::Demand;
use crate::app::change::WriteOutcome;
use crate::app::content::Content;
use crate::app::defined;
use crate::app::findings::marks::Marks;
use crate::app::guard;
use crate::app::own_identifiers;
use crate::app::own_record;
use crate::app::prepare::Batch;
use crate::app::prepare::Prepared;
use crate::app::prepare::Work;
use crate::app::session::not_found;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::datetime::Micros;
use crate::palliative::not_for_patient::is_not_for_patient;
use crate::search::IndexRows;
use crate::search::Visible;
use crate::search::rows;
use crate::store::Defines;
use crate::store::EpisodeRow;
use crate::store::Fault;
use crate::store::Method;
use crate::store::Stored;
use crate::store::index::Entries;

/// Where an outcome's version stands.
pub(crate) enum Place {
    /// Among the first versions, under the name of its change.
    Inserted,
    /// Among the later versions, at this place.
    Replaced(usize),
    /// It is none that was written.
    AsItWas(Stored),
}

/// What the changes come to, table by table.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) now: Micros,
    /// In the order of the changes.
    pub(crate) outcomes: Vec<(WriteOutcome, Place)>,
    /// First versions.
    pub(crate) inserted: Vec<Stored>,
    /// Later versions, deletions among them.
    pub(crate) replaced: Vec<Stored>,
    /// Index rows to add to later versions.
    pub(crate) added: Entries,
    /// Index rows that later versions have no more.
    pub(crate) removed: Entries,
    /// Resources that lose all index rows.
    pub(crate) cleared: Vec<i64>,
    /// Episodes of later versions, or that they are none any more.
    pub(crate) episodes: Vec<(i64, Option<EpisodeRow>)>,
    /// The episodes for which care plans of later versions hold, or that they hold for none any more.
    pub(crate) plans: Vec<(i64, Option<String>)>,
    /// Search parameters that later versions define, or no more.
    pub(crate) defines: Vec<(i64, Defines)>,
    /// Later versions that are kept from the patient from now on, or no more.
    pub(crate) not_for_patient: Vec<(i64, bool)>,
    /// Whose kept findings may be others from now on.
    pub(crate) marks: Marks,
}

impl Tally {
    /// Nothing yet, at this time, which is later than that of any version that is there.
    pub(crate) fn begin(now: Micros) -> Self {
        Self { now, ..Self::default() }
    }

    /// Adds what a change comes to where this is the current version.
    pub(crate) fn take(
        &mut self,
        batch: &Batch,
        change: &Prepared,
        current: Option<&Stored>,
    ) -> Result<(), Fault> {
        match (&change.work, current) {
            (Work::Keep, Some(current)) if !current.deleted => {
                self.outcomes.push((WriteOutcome::Unchanged, Place::AsItWas(current.clone())));
            }
            // A patch is made of a version that is there; what is gone since shows when it is prepared again.
            (Work::Keep, _) | (Work::Patch { .. }, None) => return Err(Fault::Stale),
            (Work::Nothing, _) => {
                self.outcomes.push((WriteOutcome::AlreadyDeleted, Place::AsItWas(never(change))));
            }
            (Work::Create(_), Some(_)) => {
                let text = format!("{}/{} exists already.", change.ty, change.id);
                return Err(Failure::new(Reason::Conflict, text).code("duplicate").into());
            }
            (Work::Create(content), None) => {
                own_record::may_link(&change.visible, (None, content.links.as_ref()))?;
                self.insert(change, content, Method::Post);
            }
            (Work::Update { content, demand, may_create }, None) => {
                // Whether there is one that the caller may not see shows no difference, whatever is demanded of it.
                if !may_create {
                    return Err(not_found(change.ty, &change.id).into());
                }
                demand.check(None)?;
                guard::may_make(change.origin, change.ty, content.derived.as_ref())?;
                own_identifiers::may_have((change.origin, change.ty), None, &content.identifiers)?;
                self.insert(change, content, Method::Put);
            }
            (Work::Update { content, demand, .. }, Some(current)) => {
                let old = open(batch, change, current)?;
                // What follows from the others was worked out from this version, and nobody asked for it.
                if change.change >= batch.asked && demand.check(Some(current)).is_err() {
                    return Err(Fault::Stale);
                }
                demand.check(Some(current))?;
                self.update(batch, change, (content, current, &old))?;
            }
            (Work::Patch { content, base, demand }, Some(current)) => {
                let old = open(batch, change, current)?;
                demand.check(Some(current))?;
                if current.version != *base {
                    return Err(Fault::Stale);
                }
                self.update(batch, change, (content, current, &old))?;
            }
            (Work::Delete { demand }, current) => self.delete(batch, change, (demand, current))?,
        }
        Ok(())
    }

    fn insert(&mut self, change: &Prepared, content: &Content, method: Method) {
        self.outcomes.push((WriteOutcome::Created, Place::Inserted));
        let body = content.bytes.of_version(1, self.now);
        self.marks.note(change.ty, &change.id, (&content.rows, &body));
        self.inserted.push(Stored {
            ty: change.ty,
            id: change.id.clone(),
            version: 1,
            updated: self.now,
            deleted: false,
            method,
            body,
            rid: 0,
        });
    }

    fn update(
        &mut self,
        batch: &Batch,
        change: &Prepared,
        (content, current, old): (&Content, &Stored, &Old),
    ) -> Result<(), Failure> {
        guard::may_change(change.origin, change.ty, (old.derived.as_ref(), content.derived.as_ref()))?;
        let links = own_record::links(change.ty, &old.value);
        own_record::may_link(&change.visible, (links.as_ref(), content.links.as_ref()))?;
        own_identifiers::may_have((change.origin, change.ty), Some(&old.value), &content.identifiers)?;
        if batch.skip_unchanged && !current.deleted && content.is_that_of(current, &old.value) {
            self.outcomes.push((WriteOutcome::Unchanged, Place::AsItWas(current.clone())));
            return Ok(());
        }
        let version = current.version + 1;
        self.outcomes.push((WriteOutcome::Updated, Place::Replaced(self.replaced.len())));
        self.added.add((change.ty, current.rid), &content.rows, &old.rows);
        self.removed.add((change.ty, current.rid), &old.rows, &content.rows);
        if change.ty.name() == "EpisodeOfCare" {
            self.episodes.push((current.rid, content.episode.clone()));
        }
        if change.ty.name() == "CarePlan" {
            self.plans.push((current.rid, content.plan.as_ref().map(|plan| plan.episode.clone())));
        }
        // What was deleted stays as it was for whoever follows its history.
        if current.deleted || old.not_for_patient != content.not_for_patient {
            self.not_for_patient.push((current.rid, content.not_for_patient));
        }
        let body = content.bytes.of_version(version, self.now);
        self.marks.note(change.ty, &change.id, (&old.rows, &current.body));
        self.marks.note(change.ty, &change.id, (&content.rows, &body));
        if defined::is_definition(change.ty) {
            let new: Value = serde_json::from_slice(&body).unwrap_or_default();
            self.defines.push((current.rid, defined::change(&content.defines, (&old.value, &new))));
        }
        self.replaced.push(Stored {
            version,
            updated: self.now,
            deleted: false,
            method: Method::Put,
            body,
            ..current.clone_identity()
        });
        Ok(())
    }

    fn delete(
        &mut self,
        batch: &Batch,
        change: &Prepared,
        (demand, current): (&Demand, Option<&Stored>),
    ) -> Result<(), Failure> {
        let Some(current) = current else {
            if change.visible != Visible::All {
                return Err(not_found(change.ty, &change.id));
            }
            demand.check(None)?;
            self.outcomes.push((WriteOutcome::AlreadyDeleted, Place::AsItWas(never(change))));
            return Ok(());
        };
        let old = open(batch, change, current)?;
        demand.check(Some(current))?;
        if current.deleted {
            self.outcomes.push((WriteOutcome::AlreadyDeleted, Place::AsItWas(current.clone())));
            return Ok(());
        }
        guard::may_change(change.origin, change.ty, (old.derived.as_ref(), None))?;
        self.outcomes.push((WriteOutcome::Deleted, Place::Replaced(self.replaced.len())));
        self.cleared.push(current.rid);
        self.marks.note(change.ty, &change.id, (&old.rows, &current.body));
        if change.ty.name() == "EpisodeOfCare" {
            self.episodes.push((current.rid, None));
        }
        if change.ty.name() == "CarePlan" {
            self.plans.push((current.rid, None));
        }
        if defined::is_definition(change.ty) {
            self.defines.push((current.rid, Defines::Now(Vec::new())));
        }
        self.replaced.push(Stored {
            version: current.version + 1,
            updated: self.now,
            deleted: true,
            method: Method::Delete,
            ..current.clone_identity()
        });
        Ok(())
    }
}

/// What a change needs to know of the version before it.
struct Old {
    value: Value,
    rows: IndexRows,
    derived: Option<Value>,
    not_for_patient: bool,
}

/// What the current version is, as far as a change depends on it; nothing of it for one that may not see it.
fn open(batch: &Batch, change: &Prepared, current: &Stored) -> Result<Old, Failure> {
    let value = if current.deleted { Value::Null } else { current.value()? };
    let rows = rows(&batch.set.parameters, &value, &batch.zone);
    let not_for_patient = is_not_for_patient(change.ty.name(), &value, &batch.restricted);
    let is_seen = !not_for_patient || matches!(change.visible, Visible::All | Visible::Whole(_));
    if !(is_seen && guard::is_inside(&change.visible, &rows.patients)) {
        return Err(not_found(change.ty, &change.id));
    }
    own_record::stays_apart(&change.visible, change.ty, &rows.patients)?;
    Ok(Old { derived: guard::derived(change.ty, &value), rows, value, not_for_patient })
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
