//! Criteria on how many days a person spent in a setting of care. <https://hl7.org/fhir/R4/encounter.html>
//!
//! A night's stay takes up the days from the first to the one before the last, or its only day; care at home takes
//! up each day from the first to the last. As with counts, what is on file is a lower bound unless a feed is
//! complete in the window.

use jiff::civil::Date;
use serde_json::Value;

use crate::palliative::record::EncounterStatus;
use crate::palliative::record::PatientRecord;
use crate::palliative::record::days_covered;
use crate::palliative::screening::finding::Finding;
use crate::palliative::screening::finding::Window;
use crate::palliative::screening::logic::State;
use crate::palliative::screening::stays::days;
use crate::palliative::screening::value_set::Codes;

/// Where the days are spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// A skilled nursing facility.
    SkilledNursing,
    /// A nursing facility.
    NursingFacility,
    /// At home, with home-health care.
    HomeHealth,
}

/// A criterion on how many days were spent in a setting.
#[derive(Clone, Debug)]
pub struct StayRule {
    /// Where.
    pub setting: Setting,
    /// The classes and types of encounter that tell it.
    pub codes: Codes,
    /// How many days.
    pub min_days: i64,
    /// In how many days up to the screening.
    pub window_days: i64,
}

impl Setting {
    /// The setting with this code.
    pub fn parse(code: &str) -> Option<Self> {
        [Self::SkilledNursing, Self::NursingFacility, Self::HomeHealth]
            .into_iter()
            .find(|one| one.code() == code)
    }

    /// The code in rules, by which its value set is called, too.
    pub fn code(self) -> &'static str {
        match self {
            Setting::SkilledNursing => "snf",
            Setting::NursingFacility => "nursing-facility",
            Setting::HomeHealth => "home-health",
        }
    }

    /// The days that a stay from one day to another takes up: the last one is none of a night's stay where the
    /// person left on it, and one where the stay goes on beyond it.
    fn expand(self, (first, last): (Date, Date), left: Option<Date>) -> (Date, Date) {
        match self {
            Setting::SkilledNursing | Setting::NursingFacility if last > first && left == Some(last) => {
                (first, last.yesterday().unwrap_or(last))
            }
            Setting::SkilledNursing | Setting::NursingFacility | Setting::HomeHealth => (first, last),
        }
    }
}

impl StayRule {
    /// Evaluates it on a day.
    pub fn evaluate(&self, record: &PatientRecord, as_of: Date) -> Finding {
        let window = Window::back(Some(self.window_days), as_of);
        let from = window.from.unwrap_or(as_of);
        let (mut sure, mut possible, mut sources) = (Vec::new(), Vec::new(), Vec::new());
        let mut changes = std::collections::BTreeSet::new();
        for encounter in
            record.encounters.iter().filter(|encounter| encounter.status != EncounterStatus::Void)
        {
            let in_setting = self.codes.has_any(&encounter.types)
                || encounter.class.as_ref().is_some_and(|class| self.codes.has(class));
            if !in_setting {
                continue;
            }
            let (may_be, surely) = days(encounter, as_of);
            let known = encounter.status != EncounterStatus::Unknown;
            let end = encounter.end.as_ref();
            let (first_left, last_left) = (end.map(|end| end.first), end.map(|end| end.last));
            let surely = surely.filter(|(first, last)| known && first <= last);
            sure.extend(surely.map(|span| self.setting.expand(span, first_left)));
            possible.extend(may_be.map(|span| self.setting.expand(span, last_left)));
            let inside = may_be.is_none_or(|(first, last)| first <= as_of && last >= from);
            sources.extend(inside.then(|| encounter.source.clone()));
            changes.extend(self.changes(encounter, &window));
        }
        let spent = days_covered(&sure, from, as_of);
        let at_most = days_covered(&possible, from, as_of);
        let finding = if spent >= self.min_days {
            Finding::of(State::Met)
        } else if at_most >= self.min_days {
            Finding::unknown(format!("the exact dates or status of {}", sources.join(", ")))
        } else if record.feed_covers(from, as_of) {
            Finding::of(State::NotMet)
        } else {
            Finding::unknown(format!("all stays from {from} to {as_of}, by a feed that is complete"))
        };
        changes.extend(super::feed_changes(record, &window));
        let value = Some(("valueInteger".to_owned(), Value::from(spent)));
        Finding { evidence: sources, value, ..finding }.within(window).changing(changes)
    }

    /// A stay that goes on adds a day each day, and one that is over loses a day each day once the window moves past
    /// its start; both may change the answer tomorrow.
    fn changes(&self, encounter: &crate::palliative::record::Encounter, window: &Window) -> Vec<Date> {
        let Some(start) = &encounter.start else { return Vec::new() };
        let end = encounter.end.as_ref().map(|end| end.last);
        let goes_on = encounter.status == EncounterStatus::Current && end.is_none_or(|end| end > window.to);
        let last = end.unwrap_or(if goes_on { window.to } else { start.last });
        let gone = window.from.is_some_and(|from| last < from);
        let tomorrow = window.to.tomorrow().ok().filter(|_| !gone && start.first <= window.to);
        let begins = Some(start.first).filter(|first| *first > window.to);
        tomorrow.into_iter().chain(begins).collect()
    }
}
