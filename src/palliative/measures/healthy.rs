//! Healthy days at home: the older form of the measure, which counts every day of the calendar and takes away visits
//! too. <https://www.medpac.gov/>
//!
//! It goes on after death, counts emergency visits and not their days, and takes a day away for each visit of home
//! health, so that more care at home looks worse. It stands beside days at home for comparison alone.

use jiff::civil::Date;

use crate::palliative::measures::away::Stays;
use crate::palliative::screening::encounter_kind::EncounterKind;
use crate::palliative::time_line::Stretch;
use crate::palliative::time_line::day_after;
use crate::palliative::time_line::day_before;

const STAYS: [EncounterKind; 6] = [
    EncounterKind::Inpatient,
    EncounterKind::Psychiatric,
    EncounterKind::Rehabilitation,
    EncounterKind::SkilledNursing,
    EncounterKind::NonAcute,
    EncounterKind::Observation,
];

/// The days of a stretch of the calendar without those after the death, those in hospital, under observation and in a
/// nursing facility, and one for each emergency visit and each visit of home health. It can be negative.
pub fn healthy_days(stays: &Stays, window: Stretch, died_on: Option<Date>) -> i64 {
    let after_death = died_on.and_then(|died| Stretch::new(day_after(died).max(window.first), window.last));
    let in_window = |kind: EncounterKind| stays.alone(kind).filter(|day| window.contains(*day)).count();
    let visits = in_window(EncounterKind::Emergency) + in_window(EncounterKind::HomeVisit);
    let alive = match after_death {
        Some(gone) if gone.first > window.first => Stretch::new(window.first, day_before(gone.first)),
        Some(_) => None,
        None => Some(window),
    };
    let away = alive.map_or(0, |alive| stays.days(&STAYS).within(alive).count());
    window.count() - after_death.map_or(0, Stretch::count) - away - i64::try_from(visits).unwrap_or(i64::MAX)
}
