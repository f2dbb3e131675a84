//! Two records of one person under which an episode of a programme is opened in the same moment, by a referral, a transfer
//! or the undoing of an ending: one of them opens it (T-17).
//! <https://hl7.org/fhir/R4/patient-definitions.html#Patient.link>
//!
//! Both wait for the least of the ids of the person's records, and look at what is open under the others after they have
//! written themselves. SQLite has one writer at a time.

use crate::app::change::Origin;
use crate::app::persons::open_among;
use crate::app::persons::second;
use crate::app::prepare::Batch;
use crate::app::prepare::Prepared;
use crate::app::prepare::Work;
use crate::store::Conn;
use crate::store::Fault;

impl Prepared {
    /// The patient and the programme for whom an operation writes an open episode; none for any other change. Whether it
    /// was open before is seen where the other records are looked for.
    pub(crate) fn opens(&self) -> Option<(&str, &str)> {
        let (Work::Create(content) | Work::Update { content, .. }) = &self.work else { return None };
        let row = content.episode.as_ref().filter(|row| row.open && self.origin != Origin::Client)?;
        Some((&row.patient, &row.program))
    }
}

/// By what those wait for one another who open an episode for the same person; none for one who has one record.
pub(crate) fn key(change: &Prepared) -> Option<String> {
    let (patient, _) = change.opens()?;
    let first = change.other_records.iter().map(String::as_str).min()?;
    Some(format!("person {}", first.min(patient)))
}

/// Refuses an episode that is opened while one is open in the programme under another record of the person.
pub(crate) fn check(conn: &mut Conn, batch: &Batch) -> Result<(), Fault> {
    for change in &batch.changes {
        let Some((_, program)) = change.opens() else { continue };
        if !open_among(conn, &change.other_records, program)?.is_empty() {
            // Whether the caller may read the other one is not known here.
            return Err(second(&[]).into());
        }
    }
    Ok(())
}
