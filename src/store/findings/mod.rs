//! Kept findings: what rule sets say of every patient for every programme, and who is to be evaluated anew.
//! <https://hl7.org/fhir/R4/clinicalreasoning-module.html>
//!
//! A write leaves a mark for each patient whom it concerns, in its own transaction. Marks are rows of their own, under
//! the time of the write, so that writers never wait for one another, and an evaluation takes away exactly the marks
//! that it saw together with the record: what it has not seen stays marked. Of two that evaluate a patient at once the
//! first to write wins, by the stamp; the other writes nothing, and who was marked meanwhile is due still.

pub(crate) mod counted;
pub(crate) mod due;
pub(crate) mod kept;
pub(crate) mod page;
pub(crate) mod read;

/// Stands for a change that never comes by itself.
pub(crate) const NEVER: i64 = i64::MAX;

/// The outcomes by their numbers in the tables: the best first.
pub(crate) const OUTCOMES: i64 = 5;
/// The number of the outcome of those of whom facts are missing.
pub(crate) const INDETERMINATE: i64 = 2;
/// The number of the outcome that [`finding_set`](kept) leaves out.
pub(crate) const NOT_ELIGIBLE: i64 = OUTCOMES - 1;

/// What is kept of a patient for a programme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProgramRow {
    /// The programme's id.
    pub(crate) program: String,
    /// The outcome over the programme's own rule sets: the best, by its number.
    pub(crate) outcome: i64,
    /// How few facts are missing for it, where it is not settled.
    pub(crate) missing: i64,
    /// The tier, from 1; 0 for none.
    pub(crate) tier: i64,
    /// The least and the greatest score.
    pub(crate) score: (i64, i64),
    /// Whether nothing is on file that rules could read.
    pub(crate) no_data: bool,
    /// Why the patient is no candidate, as bits; 0 for one who is.
    pub(crate) suppressed: i64,
    /// What the rule sets say, by their numbers: outcome and how many facts are missing.
    pub(crate) sets: Vec<(i64, i64, i64)>,
}

impl ProgramRow {
    /// Orders candidates, the smallest first: a higher tier, then a higher score.
    pub(crate) fn place(&self) -> i64 {
        (9 - self.tier) * 1_000 + 999 - self.score.0
    }
}
