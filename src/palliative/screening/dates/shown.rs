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
    /// On this day of the window.
    On(Date),
    /// From before the window into it.
    Before,
    /// In the window, on a day that is not known.
    Sometime,
    /// Perhaps; it would be, once this were known.
    Perhaps(String),
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
    let perhaps = |what: &str| Some(Shown::Perhaps(format!("the {what} of {}", encounter.source)));
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
    if encounter.status == EncounterStatus::Unknown {
        return perhaps("status");
    }
    if sure.0 > window.to || !reaches(sure.1) {
        return perhaps("exact date");
    }
    Some(match (possible.0 == sure.0, reaches(sure.0)) {
        (false, _) => Shown::Sometime,
        (true, true) => Shown::On(sure.0),
        (true, false) => Shown::Before,
    })
}

/// When a diagnosis that belongs to no encounter on file was written down.
pub fn said(condition: &Condition, window: &Window, changes: &mut BTreeSet<Date>) -> Option<Shown> {
    let perhaps = |what: &str| Some(Shown::Perhaps(format!("the {what} of {}", condition.source)));
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
    match window.place(start) {
        Place::Inside if start.is_one_day() => Shown::On(start.first),
        Place::Before => Shown::Before,
        Place::Inside | Place::After | Place::Unsure => Shown::Sometime,
    }
}
