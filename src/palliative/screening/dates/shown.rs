//! On which date of a window something was shown. <https://hl7.org/fhir/R4/encounter.html>

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::palliative::record::Condition;
use crate::palliative::record::Encounter;
use crate::palliative::record::EncounterStatus;
use crate::palliative::record::Moment;
use crate::palliative::record::PatientRecord;
use crate::palliative::screening::finding::Place;
use crate::palliative::screening::finding::Window;
use crate::palliative::screening::stays;

/// When something was shown.
pub enum Shown {
    /// On one of the days from this to that one. The day before the window stands for all before it.
    Between(Date, Date),
    /// Perhaps: what would tell, and the day on which it was if it was, where that is known.
    Perhaps(String, Option<Date>),
}

impl Shown {
    /// On one of these days, as far as they are of the window.
    fn between(first: Date, last: Date, window: &Window) -> Self {
        let before = window.from.map_or(Date::MIN, |from| from.yesterday().unwrap_or(Date::MIN));
        Self::Between(first.max(before), last.max(before))
    }

    /// The same, if something else holds too.
    pub fn if_told(self, missing: String) -> Self {
        match self {
            Self::Between(first, last) => Self::Perhaps(missing, Some(first).filter(|_| first == last)),
            Self::Perhaps(_, day) => Self::Perhaps(missing, day),
        }
    }
}

/// The encounters that a diagnosis was made in, or that name it as theirs.
pub fn encounters_of<'a>(
    condition: &'a Condition,
    record: &'a PatientRecord,
) -> impl Iterator<Item = &'a Encounter> {
    let id = condition.source.strip_prefix("Condition/").unwrap_or_default();
    let names = move |encounter: &Encounter| {
        let reasons = encounter.reason_conditions.iter().any(|one| one == id);
        reasons || encounter.diagnoses.iter().any(|diagnosis| diagnosis.condition == id)
    };
    let is_own = move |encounter: &Encounter| condition.encounter.as_ref() == Some(&encounter.id);
    record.encounters.iter().filter(move |encounter| is_own(encounter) || names(encounter))
}

/// When an encounter was.
pub fn seen(encounter: &Encounter, window: &Window, changes: &mut BTreeSet<Date>) -> Option<Shown> {
    if encounter.status == EncounterStatus::Void {
        return None;
    }
    let missing = |what: &str| format!("the {what} of {}", encounter.source);
    let perhaps = |what: &str| Some(Shown::Perhaps(missing(what), None));
    if let Some(start) = encounter.start.as_ref().filter(|start| start.first > window.to) {
        changes.extend([start.first, start.last]);
        return None;
    }
    let (possible, sure) = stays::days(encounter, window.to);
    let (Some(possible), Some(sure)) = (possible, sure) else { return perhaps("date") };
    changes.extend(window.changes(possible.0, possible.1));
    changes.extend(window.changes(sure.0, sure.1));
    let reaches = |day: Date| window.from.is_none_or(|from| day >= from);
    if !reaches(possible.1) {
        return None;
    }
    let shown = if sure.0 > window.to || !reaches(sure.1) {
        Shown::Perhaps(missing("exact date"), None)
    } else {
        Shown::between(possible.0, sure.0, window)
    };
    let is_unknown = encounter.status == EncounterStatus::Unknown;
    Some(if is_unknown { shown.if_told(missing("status")) } else { shown })
}

/// When a diagnosis that belongs to no encounter on file was written down.
pub fn said(condition: &Condition, window: &Window, changes: &mut BTreeSet<Date>) -> Option<Shown> {
    let perhaps = |what: &str| Some(Shown::Perhaps(format!("the {what} of {}", condition.source), None));
    let moment = condition.recorded.as_ref().or(condition.onset.as_ref());
    let Some(moment) = moment else { return perhaps("date") };
    changes.extend(window.changes(moment.first, moment.last));
    match window.place(moment) {
        Place::Inside => Some(since(moment, window)),
        Place::Before | Place::After => None,
        Place::Unsure => perhaps("exact date"),
    }
}

/// When something was that is in the window and began then.
pub fn since(start: &Moment, window: &Window) -> Shown {
    Shown::between(start.first, start.last, window)
}
