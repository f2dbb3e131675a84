//! The dates that a stay takes up. <https://hl7.org/fhir/R4/encounter-definitions.html#Encounter.period>
//!
//! The day of admission counts and that of discharge does not, as in a census at midnight; a stay of one day is one day,
//! and who dies in a stay was away on that day too. A stay without an end is no stay for ever: one that is finished is
//! its first day, one that goes on reaches as far as anything is known.

use jiff::civil::Date;

use crate::palliative::measures::conventions::Side;
use crate::palliative::screening::encounter_kind::EncounterKind;
use crate::palliative::screening::stays::Event;
use crate::palliative::time_line::Days;
use crate::palliative::time_line::Stretch;
use crate::palliative::time_line::day_after;
use crate::palliative::time_line::day_before;

/// After so many days in a nursing facility a person lives there.
const RESIDENT_AFTER: i64 = 100;

/// The events of one person, with what their dates turn on.
#[derive(Clone, Debug)]
pub struct Stays {
    /// What happened, in the order of its start.
    pub events: Vec<Event>,
    /// The day of death, where it is known.
    pub died_on: Option<Date>,
    /// What the day of discharge counts as.
    pub discharge_day: Side,
}

impl Stays {
    /// The days that one of them takes up.
    pub fn dates(&self, event: &Event) -> Option<Stretch> {
        let (first, last) = event.days?;
        let died = event.died || self.died_on == Some(last);
        let leaves = event.left == Some(last) && last > first && !died;
        let last = if leaves && self.discharge_day == Side::Home { day_before(last) } else { last };
        Stretch::new(first, last)
    }

    /// The days of all stays of these kinds, each once.
    pub fn days(&self, kinds: &[EncounterKind]) -> Days {
        let of_kind = self.events.iter().filter(|event| kinds.contains(&event.kind));
        Days::of(of_kind.filter_map(|event| self.dates(event)))
    }

    /// The first days of what happened of a kind and led to nothing else.
    pub fn alone(&self, kind: EncounterKind) -> impl Iterator<Item = Date> {
        let alone = self.events.iter().filter(move |event| event.kind == kind && !event.absorbed);
        alone.filter_map(|event| event.days).map(|(first, _)| first)
    }

    /// The admissions to acute care. Hospital care at home that follows a stay in hospital goes on with it.
    pub fn admissions(&self) -> impl Iterator<Item = &Event> {
        let follows = |event: &Event| {
            let first = event.days.map(|(first, _)| first);
            self.events.iter().filter(|other| other.kind == EncounterKind::Inpatient).any(|other| {
                let bounds = other.days.and_then(|(from, to)| Stretch::new(from, day_after(to)));
                bounds.zip(first).is_some_and(|(bounds, first)| bounds.contains(first))
            })
        };
        let admissions = self.events.iter().filter(|event| event.kind.is_admission());
        admissions.filter(move |event| event.kind != EncounterKind::HospitalAtHome || !follows(event))
    }

    /// The days on which the person lived in a nursing home by what stays tell: where the place is one, and in a nursing
    /// facility from the day after the hundredth on.
    pub fn resident(&self) -> Days {
        let long = self.days(&[EncounterKind::SkilledNursing]);
        let after = |stay: Stretch| {
            let settled = jiff::Span::new().try_days(RESIDENT_AFTER).ok()?;
            Stretch::new(stay.first.checked_add(settled).ok()?, stay.last)
        };
        Days::of(long.stretches().filter_map(after)).or(&self.days(&[EncounterKind::Residence]))
    }
}
