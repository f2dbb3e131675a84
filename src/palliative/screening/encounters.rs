//! Criteria on how often a person was in hospital. <https://hl7.org/fhir/R4/encounter.html>
//!
//! What is on file is a lower bound: a hospital need not have told. So enough events meet a criterion, and too
//! few fail it only where encounters are known to be complete in the whole window, by the `encounter-feed`
//! extension of the Patient or of a Coverage; otherwise too few is unknown. Coverage alone proves no feed, and
//! neither do claims on file: one claim does not tell that the others came.
//!
//! An event counts if at least one of its days lies in the window.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::Date;
use serde_json::Value;

use crate::palliative::record::PatientRecord;
use crate::palliative::screening::encounter_kind::EncounterCodes;
use crate::palliative::screening::encounter_kind::EncounterKind;
use crate::palliative::screening::finding::Finding;
use crate::palliative::screening::finding::Window;
use crate::palliative::screening::logic::State;
use crate::palliative::screening::stays::Event;
use crate::palliative::screening::stays::events;
use crate::palliative::screening::value_set::Codes;

/// What is hospital care of any kind.
const HOSPITAL: [EncounterKind; 3] =
    [EncounterKind::Inpatient, EncounterKind::Observation, EncounterKind::Emergency];

/// What a criterion counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncounterClass {
    /// Admissions that nobody planned.
    InpatientUnplanned,
    /// Admissions.
    InpatientAny,
    /// Emergency visits.
    Emergency,
    /// Emergency visits that led to no stay.
    EmergencyTreatAndRelease,
    /// Stays for observation that led to no admission.
    Observation,
    /// Admissions, stays for observation and emergency visits, each chain of them once.
    HospitalAny,
    /// Visits.
    Outpatient,
}

/// A criterion on how often something happened.
#[derive(Clone, Debug)]
pub struct EncounterRule {
    /// What is counted.
    pub classes: Vec<EncounterClass>,
    /// In how many days up to the screening.
    pub window_days: i64,
    /// How often it must have happened.
    pub min: usize,
    /// For which reasons; none for any.
    pub reasons: Option<Codes>,
    /// Whether an admission counts as unplanned where nothing tells: so that people are found, rather than
    /// missed. A measure would set it to false.
    pub unclear_is_unplanned: bool,
    /// The codes by which the kind of an encounter is told.
    pub codes: Arc<EncounterCodes>,
}

impl EncounterClass {
    /// The class with this code.
    pub fn parse(code: &str) -> Option<Self> {
        Some(match code {
            "inpatient-unplanned" => Self::InpatientUnplanned,
            "inpatient-any" => Self::InpatientAny,
            "ed" => Self::Emergency,
            "ed-treat-release" => Self::EmergencyTreatAndRelease,
            "observation" => Self::Observation,
            "hospital-any" => Self::HospitalAny,
            "outpatient" => Self::Outpatient,
            _ => return None,
        })
    }

    fn holds(self, event: &Event) -> bool {
        let alone = !event.absorbed;
        match self {
            Self::InpatientUnplanned | Self::InpatientAny => event.kind == EncounterKind::Inpatient,
            Self::Emergency => event.kind == EncounterKind::Emergency,
            Self::EmergencyTreatAndRelease => event.kind == EncounterKind::Emergency && alone,
            Self::Observation => event.kind == EncounterKind::Observation && alone,
            Self::HospitalAny => HOSPITAL.contains(&event.kind) && alone,
            Self::Outpatient => event.kind == EncounterKind::Outpatient,
        }
    }
}

impl EncounterRule {
    /// Evaluates it on a day.
    pub fn evaluate(&self, record: &PatientRecord, as_of: Date) -> Finding {
        let window = Window::back(Some(self.window_days), as_of);
        let events = events(record, &self.codes, self.reasons.as_ref(), as_of);
        let counted: Vec<_> = events.iter().map(|event| (event, self.count(event, &window))).collect();
        let of = |state| counted.iter().filter(move |(_, one)| *one == state).map(|(event, _)| *event);
        let (sure, unsure) = (of(State::Met).count(), of(State::Unknown).count());
        let from = window.from.unwrap_or(as_of);
        let complete = record.feed_covers(from, as_of);
        let finding = if sure >= self.min {
            Finding::of(State::Met)
        } else if complete && sure + unsure < self.min {
            Finding::of(State::NotMet)
        } else if sure + unsure >= self.min {
            let sources: Vec<_> =
                of(State::Unknown).flat_map(|event| event.sources.iter().cloned()).collect();
            Finding::unknown(format!("the date, status or reason of {}", sources.join(", ")))
        } else {
            Finding::unknown(format!("all encounters from {from} to {as_of}, by a feed that is complete"))
        };
        let finding = Finding {
            evidence: of(State::Met).flat_map(|event| event.sources.iter().cloned()).collect(),
            value: Some(("valueInteger".to_owned(), Value::from(sure))),
            date: of(State::Met).filter_map(|event| event.days).map(|(first, _)| first).max(),
            ..finding
        };
        finding.within(window).changing(self.changes(record, &events, &window))
    }

    /// Whether an event counts: it is of a class, for a reason, in the window.
    fn count(&self, event: &Event, window: &Window) -> State {
        let classes = self.classes.iter().filter(|class| class.holds(event));
        let of_class = classes.map(|class| self.is_unplanned_if_asked(*class, event)).reduce(State::or);
        let took_place = if event.sure { State::Met } else { State::Unknown };
        of_class.unwrap_or(State::NotMet).and(event.reason).and(took_place).and(in_window(event, window))
    }

    fn is_unplanned_if_asked(&self, class: EncounterClass, event: &Event) -> State {
        match (class, event.unplanned) {
            (EncounterClass::InpatientUnplanned, State::Unknown) if self.unclear_is_unplanned => State::Met,
            (EncounterClass::InpatientUnplanned, unplanned) => unplanned,
            _ => State::Met,
        }
    }

    fn changes(&self, record: &PatientRecord, events: &[Event], window: &Window) -> BTreeSet<Date> {
        let leaving =
            events.iter().filter_map(|event| event.days).chain(events.iter().filter_map(|e| e.sure_days));
        let mut changes: BTreeSet<_> =
            leaving.flat_map(|(first, last)| window.changes(first, last)).collect();
        for encounter in &record.encounters {
            let later = |date: Date| (date > window.to).then_some(date);
            changes.extend(encounter.start.as_ref().and_then(|start| later(start.first)));
            changes.extend(encounter.start.as_ref().and_then(|start| later(start.last)));
            changes.extend(encounter.end.as_ref().and_then(|end| later(end.first)));
            changes.extend(encounter.end.as_ref().and_then(|end| later(end.last)));
        }
        changes.extend(super::feed_changes(record, window));
        changes
    }
}

fn in_window(event: &Event, window: &Window) -> State {
    let meets = |days: (Date, Date)| days.0 <= window.to && window.from.is_none_or(|from| days.1 >= from);
    match (event.sure_days, event.days) {
        (Some(sure), _) if meets(sure) => State::Met,
        (_, Some(possible)) if !meets(possible) => State::NotMet,
        _ => State::Unknown,
    }
}
