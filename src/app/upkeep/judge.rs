//! Whether earlier versions are kept from the patient, of those that were replaced before each had a mark: they are kept
//! until they have been looked at here, a few at a time, beside everything else.
//! <https://hl7.org/fhir/R4/security-labels.html>

use serde_json::Value;

use crate::app::App;
use crate::fhir::Failure;
use crate::palliative::not_for_patient::was_not_for_patient;
use crate::store::Fault;
use crate::store::Stored;
use crate::store::history::judged;

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
