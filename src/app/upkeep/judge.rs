//! Whether earlier versions are kept from the patient, of those that were replaced before each had a mark: they are kept
//! until they have been looked at here, a few at a time, beside everything else. A mark that is missing is made by a
//! reindexing.
//! <https://hl7.org/fhir/R4/security-labels.html>

use serde_json::Value;

use crate::app::App;
use crate::fhir::Failure;
use crate::palliative::not_for_patient::was_not_for_patient;
use crate::store::Fault;
use crate::store::Stored;
use crate::store::history::judged;
use crate::store::survey;

/// How many versions are looked at in one go: few, as each may be as large as a request.
const TOGETHER: i64 = 32;

impl App {
    /// Looks at some of the versions of which it is not known yet, and says at how many. What cannot be read stays kept.
    ///
    /// # Errors
    /// What the database fails with; what was found until then stays found.
    pub fn judge_versions(&self) -> Result<usize, Failure> {
        let versions = self.db.read(|conn| Ok(judged::open(conn, TOGETHER)?))?;
        let count = versions.len();
        let found: Vec<_> = versions.iter().map(|stored| (at(stored), self.verdict(stored))).collect();
        if count > 0 {
            let write = self.db.write(move |conn| {
                for (at, verdict) in &found {
                    match verdict {
                        Verdict::Told => judged::tell(conn, *at)?,
                        Verdict::Kept => judged::keep(conn, *at)?,
                        Verdict::AsBefore => judged::follow(conn, *at)?,
                    }
                }
                Ok(())
            });
            write.map_err(Fault::into_failure)?;
        }
        Ok(count)
    }

    /// Keeps each version that says what is kept and has lost the mark by which it is, or never had one: an instance of an
    /// older version of the service that still writes beside this one makes none.
    ///
    /// # Errors
    /// What the database fails with; what was marked until then stays marked.
    pub(super) fn mark_versions(&self) -> Result<(), Failure> {
        let (mut after, mut kept_last) = ((i64::MIN, i64::MIN), (i64::MIN, i64::MIN));
        loop {
            let (versions, last, marked) = self.db.read(|conn| {
                let (versions, last) = survey::earlier(conn, after)?;
                let marked = last.map(|last| survey::kept(conn, (after, last))).transpose()?;
                Ok((versions, last, marked.unwrap_or_default()))
            })?;
            let Some(last) = last else { return Ok(()) };
            let mut lost = Vec::new();
            for stored in &versions {
                let at = at(stored);
                let is_kept = match self.verdict(stored) {
                    Verdict::Told => false,
                    Verdict::Kept => true,
                    Verdict::AsBefore => kept_last == (stored.rid, stored.version - 1),
                };
                if is_kept || marked.contains(&at) {
                    kept_last = at;
                    lost.extend((!marked.contains(&at)).then_some(at));
                }
            }
            if !lost.is_empty() {
                let write = self.db.write(move |conn| Ok(judged::mark(conn, &lost)?));
                write.map_err(Fault::into_failure)?;
            }
            after = last;
        }
    }

    fn verdict(&self, stored: &Stored) -> Verdict {
        if stored.deleted {
            return Verdict::AsBefore;
        }
        let is_kept = |value: &Value| was_not_for_patient(stored.ty.name(), value, &self.restricted);
        match stored.value() {
            Ok(value) if !is_kept(&value) => Verdict::Told,
            Ok(_) | Err(_) => Verdict::Kept,
        }
    }
}

/// What becomes of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The patient may be told it.
    Told,
    /// It is kept from the patient.
    Kept,
    /// A deletion: as the version before it.
    AsBefore,
}

/// The number of the resource, and of the version.
fn at(stored: &Stored) -> (i64, i64) {
    (stored.rid, stored.version)
}
