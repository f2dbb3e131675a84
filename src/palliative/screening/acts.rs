//! Criteria on what was done, supplied, asked for or written down. <https://hl7.org/fhir/R4/procedure.html>
//!
//! What makes the absence of one tell anything differs: procedures and devices are on file as far as claims are
//! complete; a request that was not written down may have been made, until one that was is taken back; a document
//! is asked for on file, so that none on file is an answer.

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::palliative::record::Act;
use crate::palliative::record::ActKind;
use crate::palliative::record::ActStatus;
use crate::palliative::record::PatientRecord;
use crate::palliative::screening::finding::Finding;
use crate::palliative::screening::finding::Window;
use crate::palliative::screening::logic::State;
use crate::palliative::screening::value_set::Codes;

/// When too few on file are too few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Always: the file itself is asked about.
    OnFile,
    /// Where claims are complete in the window.
    ByClaims,
    /// Where one was made and taken back.
    IfWithdrawn,
}

/// Who must have asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedBy {
    /// Whoever it was.
    Anyone,
    /// The patient, or one who speaks for the patient.
    Patient,
}

/// A criterion on what was done, supplied, asked for or written down.
#[derive(Clone, Debug)]
pub struct ActRule {
    /// Of which kinds.
    pub kinds: &'static [ActKind],
    /// What it is.
    pub codes: Codes,
    /// What it is called where it is missing.
    pub item: String,
    /// In how many days up to the screening; none for any time.
    pub window_days: Option<i64>,
    /// How often.
    pub min: usize,
    /// Who must have asked for it.
    pub asked_by: AskedBy,
    /// When too few on file are too few.
    pub known: Known,
}

impl ActRule {
    /// Evaluates it on a day.
    pub fn evaluate(&self, record: &PatientRecord, as_of: Date) -> Finding {
        let window = Window::back(self.window_days, as_of);
        let mut changes = BTreeSet::new();
        let (mut sure, mut unsure, mut withdrawn) = (Vec::new(), Vec::new(), Vec::new());
        for act in record.acts.iter().filter(|act| self.concerns(act)) {
            let placed = place(act, &window, &mut changes);
            let counts = placed.and(stands(act)).and(self.is_asked(act));
            match counts {
                State::Met => sure.push(act),
                State::Unknown => unsure.push(act),
                State::NotMet if act.status == ActStatus::Withdrawn && placed != State::NotMet => {
                    withdrawn.push(act);
                }
                State::NotMet => {}
            }
        }
        let too_few = sure.len() + unsure.len() < self.min;
        let finding = if sure.len() >= self.min {
            Finding {
                date: sure.iter().filter_map(|act| act.start.as_ref()).map(|start| start.first).max(),
                ..found(&sure)
            }
        } else if too_few && self.tells(record, &window, &withdrawn) {
            Finding { evidence: sources(&withdrawn), ..Finding::of(State::NotMet) }
        } else if too_few {
            Finding::unknown(self.missing(&window))
        } else {
            let named = sources(&unsure).join(", ");
            Finding {
                evidence: sources(&unsure),
                ..Finding::unknown(format!("{}: the date, status or requester of {named}", self.item))
            }
        };
        if self.known == Known::ByClaims {
            changes.extend(super::feed_changes(record, &window));
        }
        finding.within(window).changing(changes)
    }

    fn concerns(&self, act: &Act) -> bool {
        self.kinds.contains(&act.kind) && act.status != ActStatus::Void && self.codes.has_any(&act.code)
    }

    fn is_asked(&self, act: &Act) -> State {
        match (self.asked_by, act.by_patient) {
            (AskedBy::Anyone, _) | (AskedBy::Patient, Some(true)) => State::Met,
            (AskedBy::Patient, Some(false)) => State::NotMet,
            (AskedBy::Patient, None) => State::Unknown,
        }
    }

    fn tells(&self, record: &PatientRecord, window: &Window, withdrawn: &[&Act]) -> bool {
        match self.known {
            Known::OnFile => true,
            Known::ByClaims => window.from.is_some_and(|from| record.claims_cover(from, window.to)),
            Known::IfWithdrawn => !withdrawn.is_empty(),
        }
    }

    fn missing(&self, window: &Window) -> String {
        match (self.known, window.from) {
            (Known::ByClaims, Some(from)) => {
                format!("{}, or claims from {from} to {} that are complete", self.item, window.to)
            }
            _ => self.item.clone(),
        }
    }
}

fn found(acts: &[&Act]) -> Finding {
    Finding { evidence: sources(acts), ..Finding::of(State::Met) }
}

fn sources(acts: &[&Act]) -> Vec<String> {
    acts.iter().map(|act| act.source.clone()).collect()
}

/// Whether its status says that it was so.
pub(super) fn stands(act: &Act) -> State {
    match act.status {
        ActStatus::Stands => State::Met,
        ActStatus::Withdrawn | ActStatus::Void => State::NotMet,
        ActStatus::Unknown => State::Unknown,
    }
}

/// Whether it was in the window for at least a day.
pub(super) fn place(act: &Act, window: &Window, changes: &mut BTreeSet<Date>) -> State {
    let Some(start) = &act.start else {
        return if window.from.is_none() { State::Met } else { State::Unknown };
    };
    let open = act.goes_on && act.end.is_none();
    let end = act.end.as_ref().unwrap_or(start);
    let (first_end, last_end) = if open { (window.to, window.to) } else { (end.first, end.last) };
    changes.extend(window.changes(start.first, start.last));
    if !open {
        changes.extend(window.changes(end.first, end.last));
    }
    let since = |date: Date| window.from.is_none_or(|from| date >= from);
    if start.last <= window.to && since(first_end.max(start.last)) {
        State::Met
    } else if start.first > window.to || !since(last_end.max(start.last)) {
        State::NotMet
    } else {
        State::Unknown
    }
}
