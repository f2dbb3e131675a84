//! Criteria on diagnoses. <https://hl7.org/fhir/R4/condition.html>
//!
//! Diagnoses are a closed world: where any is on file, or encounters are known to be complete, one that is not
//! there is not had. With no diagnoses at all the answer is unknown.
//!
//! A problem that is said to be active is present on the day, however long ago it was written down, so a
//! look-back does not age it; a look-back decides on diagnoses of an encounter that carry no status.

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::palliative::record::Abatement;
use crate::palliative::record::ClinicalStatus;
use crate::palliative::record::Condition;
use crate::palliative::record::PatientRecord;
use crate::palliative::record::Verification;
use crate::palliative::screening::finding::Finding;
use crate::palliative::screening::finding::Place;
use crate::palliative::screening::finding::Window;
use crate::palliative::screening::logic::State;
use crate::palliative::screening::value_set::Codes;

/// A criterion on diagnoses.
#[derive(Clone, Debug)]
pub struct ConditionRule {
    /// The diagnoses.
    pub codes: Codes,
    /// How far back a diagnosis of an encounter counts; none for any time.
    pub lookback_days: Option<i64>,
    /// In how many different encounters it must have been made, where it is on no problem list.
    pub min_encounters: usize,
}

/// Where no look-back is set, encounters must be known for so long before the absence of a diagnosis among them
/// says anything.
const FEED_DAYS: i64 = 365;

/// Diagnoses that count, and those that may, each with what is missing to tell.
type Sorted<'a> = (Vec<&'a Condition>, Vec<(&'a Condition, String)>);

/// What one condition contributes.
enum Counted {
    Yes,
    No,
    /// It would, once this were known.
    Unsure(String),
}

impl ConditionRule {
    /// Evaluates it on a day.
    pub fn evaluate(&self, record: &PatientRecord, as_of: Date) -> Finding {
        let window = Window::back(self.lookback_days, as_of);
        let mut changes = BTreeSet::new();
        let (counted, unsure) = self.sorted(record, |_| true, (&window, &mut changes));
        let finding = if self.suffices(&counted) {
            found(&counted)
        } else if unsure.is_empty() {
            self.absent(record, as_of, &mut changes)
        } else {
            let evidence = unsure.iter().map(|(condition, _)| condition.source.clone()).collect();
            let missing = unsure.into_iter().map(|(_, missing)| missing).collect();
            Finding { evidence, missing, ..Finding::of(State::Unknown) }
        };
        finding.within(window).changing(changes)
    }

    /// What the problem list says on the day of the window's end: the diagnoses that are present, and those of which that
    /// is not known, each with what is missing to tell.
    pub fn on_the_list<'a>(
        &self,
        record: &'a PatientRecord,
        window: &Window,
        changes: &mut BTreeSet<Date>,
    ) -> Sorted<'a> {
        self.sorted(record, |condition| !condition.of_encounter, (window, changes))
    }

    /// The diagnoses that count, and those that may.
    fn sorted<'a>(
        &self,
        record: &'a PatientRecord,
        of: impl Fn(&Condition) -> bool,
        (window, changes): (&Window, &mut BTreeSet<Date>),
    ) -> Sorted<'a> {
        let (mut counted, mut unsure) = (Vec::new(), Vec::new());
        for condition in record.conditions.iter().filter(|one| self.codes.has_any(&one.code) && of(one)) {
            match self.count(condition, record, window, changes) {
                Counted::Yes => counted.push(condition),
                Counted::No => {}
                Counted::Unsure(missing) => unsure.push((condition, missing)),
            }
        }
        (counted, unsure)
    }

    fn suffices(&self, counted: &[&Condition]) -> bool {
        let encounters: BTreeSet<_> =
            counted.iter().filter_map(|condition| condition.encounter.as_ref()).collect();
        let on_problem_list = counted.iter().any(|condition| !condition.of_encounter);
        on_problem_list || (!counted.is_empty() && encounters.len().max(1) >= self.min_encounters)
    }

    fn count(
        &self,
        condition: &Condition,
        record: &PatientRecord,
        window: &Window,
        changes: &mut BTreeSet<Date>,
    ) -> Counted {
        if condition.verification == Verification::Void {
            return Counted::No;
        }
        if let Some(since) = condition.since().filter(|since| since.first > window.to) {
            changes.insert(since.first);
            return Counted::No;
        }
        let present = match presence(condition, window.to, changes) {
            Presence::Stated(counted) => counted,
            Presence::NotStated if condition.of_encounter => seen_in(condition, record, window, changes),
            Presence::NotStated => Counted::Unsure(format!("the clinicalStatus of {}", condition.source)),
        };
        match present {
            Counted::Yes if condition.verification == Verification::Unconfirmed => {
                Counted::Unsure(format!("confirmation of {}, which is not yet confirmed", condition.source))
            }
            other => other,
        }
    }

    /// What it means that none is on file.
    pub(super) fn absent(
        &self,
        record: &PatientRecord,
        as_of: Date,
        changes: &mut BTreeSet<Date>,
    ) -> Finding {
        let is_known = |condition: &Condition| {
            let known = condition.since().is_none_or(|since| since.first <= as_of);
            condition.verification != Verification::Void && known && !condition.is_social
        };
        let feed_window = Window::back(Some(self.lookback_days.unwrap_or(FEED_DAYS)), as_of);
        for condition in &record.conditions {
            changes.extend(condition.since().map(|since| since.first).filter(|first| *first > as_of));
        }
        changes.extend(super::feed_changes(record, &feed_window));
        let from = feed_window.from.unwrap_or(as_of);
        if record.conditions.iter().any(is_known) || record.feed_covers(from, as_of) {
            return Finding::of(State::NotMet);
        }
        Finding::unknown("any diagnosis on file, such as a problem list")
    }
}

fn found(counted: &[&Condition]) -> Finding {
    let date = counted.iter().filter_map(|condition| condition.since()).map(|since| since.first).max();
    let evidence = counted.iter().map(|condition| condition.source.clone()).collect();
    Finding { evidence, date, ..Finding::of(State::Met) }
}

enum Presence {
    Stated(Counted),
    NotStated,
}

/// Whether the condition is said to be present on the day. One that has ended since was present before.
fn presence(condition: &Condition, as_of: Date, changes: &mut BTreeSet<Date>) -> Presence {
    match (&condition.abatement, condition.clinical_status) {
        (Abatement::On(end), _) if end.last <= as_of => Presence::Stated(Counted::No),
        (Abatement::On(end), _) if end.first > as_of => {
            changes.extend([end.first, end.last]);
            Presence::Stated(Counted::Yes)
        }
        (Abatement::On(end), _) => {
            changes.insert(end.last);
            Presence::Stated(Counted::Unsure(format!("the day on which {} ended", condition.source)))
        }
        (Abatement::Undated, _) | (Abatement::No, Some(ClinicalStatus::Over)) => {
            Presence::Stated(Counted::No)
        }
        (Abatement::No, Some(ClinicalStatus::Active)) => Presence::Stated(Counted::Yes),
        (Abatement::No, None) => Presence::NotStated,
    }
}

/// Whether the encounter that the diagnosis was made in falls in the window.
fn seen_in(
    condition: &Condition,
    record: &PatientRecord,
    window: &Window,
    changes: &mut BTreeSet<Date>,
) -> Counted {
    let encounter =
        record.encounters.iter().find(|encounter| Some(&encounter.id) == condition.encounter.as_ref());
    let moment = encounter
        .and_then(|encounter| encounter.start.as_ref())
        .or(condition.recorded.as_ref())
        .or(condition.onset.as_ref());
    let Some(moment) = moment else {
        return Counted::Unsure(format!("the date of the encounter of {}", condition.source));
    };
    changes.extend(window.changes(moment.first, moment.last));
    match window.place(moment) {
        Place::Inside => Counted::Yes,
        Place::Before | Place::After => Counted::No,
        Place::Unsure => Counted::Unsure(format!("the exact date of the encounter of {}", condition.source)),
    }
}
