//! Criteria on medicines that a person takes. <https://hl7.org/fhir/R4/medicationstatement.html>
//!
//! A list of medicines may be incomplete, so that one that is not on it is unknown, unless claims are complete in
//! the window or what is on file says that it was ended.

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::palliative::record::MedicationUse;
use crate::palliative::record::PatientRecord;
use crate::palliative::screening::finding::Finding;
use crate::palliative::screening::finding::Window;
use crate::palliative::screening::logic::State;
use crate::palliative::screening::value_set::Codes;

/// A criterion on medicines that a person takes.
#[derive(Clone, Debug)]
pub struct MedicationRule {
    /// The medicines.
    pub codes: Codes,
    /// What they are called where they are missing.
    pub item: String,
    /// In how many days up to the screening one must have been taken; 0 for the day itself.
    pub window_days: i64,
    /// How many entries there must be.
    pub min: usize,
}

impl MedicationRule {
    /// Evaluates it on a day.
    pub fn evaluate(&self, record: &PatientRecord, as_of: Date) -> Finding {
        let window = Window::back(Some(self.window_days), as_of);
        let mut changes = BTreeSet::new();
        let known: Vec<_> = record.medications.iter().filter(|one| is_of(one, &self.codes)).collect();
        let used = |one: &&&MedicationUse, wanted| use_of(one, &window) == wanted;
        for one in &known {
            changes.extend(changes_of(one, &window));
        }
        changes.extend(super::feed_changes(record, &window));
        let sources = |wanted| -> Vec<String> {
            known.iter().filter(|one| used(one, wanted)).map(|one| one.source.clone()).collect()
        };
        let (taken, unsure) = (sources(State::Met), sources(State::Unknown));
        let complete = window.from.is_some_and(|from| record.claims_cover(from, as_of));
        let finding = if taken.len() >= self.min {
            Finding { evidence: taken, ..Finding::of(State::Met) }
        } else if taken.len() + unsure.len() >= self.min {
            let named = unsure.join(", ");
            Finding {
                evidence: unsure,
                ..Finding::unknown(format!("{}: the status or dates of {named}", self.item))
            }
        } else if complete || known.len() >= self.min {
            Finding { evidence: sources(State::NotMet), ..Finding::of(State::NotMet) }
        } else {
            Finding::unknown(format!("{}: a list of medicines that tells", self.item))
        };
        finding.within(window).changing(changes)
    }
}

/// Whether it is one of the medicines, by code or by name.
pub fn is_of(medication: &MedicationUse, codes: &Codes) -> bool {
    let concept = &medication.medicine;
    medication.is_meant
        && medication.status != "entered-in-error"
        && (codes.has_any(concept) || concept.texts.iter().any(|text| codes.is_named_in(text)))
}

/// Whether it was taken on a day of the window.
fn use_of(medication: &MedicationUse, window: &Window) -> State {
    let begun = medication.start.as_ref().is_none_or(|start| start.first <= window.to);
    let over = medication.end.as_ref().is_some_and(|end| window.from.is_some_and(|from| end.last < from));
    if !begun || over {
        return State::NotMet;
    }
    match medication.status.as_str() {
        "active" => State::Met,
        // What was ended was taken until its end, where that is said.
        "completed" | "stopped" => State::of(medication.end.is_some()),
        "unknown" | "on-hold" => State::Unknown,
        _ => State::NotMet,
    }
}

/// The later days on which that changes by itself.
fn changes_of(medication: &MedicationUse, window: &Window) -> Vec<Date> {
    let start = medication.start.as_ref().map(|start| start.first).filter(|start| *start > window.to);
    let gone = medication.end.as_ref().map(|end| window.changes(end.last, end.last).max());
    start.into_iter().chain(gone.flatten()).collect()
}

/// Those of the medicines that are taken on a day, and when that changes. One that was ended since was taken until its
/// end, where that is said.
pub fn taken_on(record: &PatientRecord, codes: &Codes, day: Date) -> (Vec<String>, Vec<Date>) {
    let window = Window::back(Some(0), day);
    let known = || record.medications.iter().filter(|one| is_of(one, codes));
    let taken = known().filter(|one| use_of(one, &window) == State::Met).map(|one| one.source.clone());
    (taken.collect(), known().flat_map(|one| changes_of(one, &window)).collect())
}
