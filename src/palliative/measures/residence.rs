//! The days on which a person said to live in a nursing home. <https://loinc.org/71802-3>

use jiff::civil::Date;

use crate::fhir::resource::Resource;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::enrollment::facts::first_day;
use crate::palliative::enrollment::facts::has_coding;
use crate::palliative::measures::kinds::CareKinds;
use crate::palliative::program::Program;
use crate::palliative::record::Concept;
use crate::palliative::time_line::Days;
use crate::palliative::time_line::Stretch;
use crate::palliative::time_line::day_before;
use crate::palliative::vocabulary::LOINC;

/// The question of housing.
pub const HOUSING: &str = "71802-3";

/// The days from each answer that means a nursing home to the next that means something else. That it is not known is no
/// answer, and neither are words without a code.
pub fn resident_days(chart: &Chart, program: &Program, kinds: &CareKinds) -> Days {
    let mut answers: Vec<(Date, bool)> = chart
        .of("Observation")
        .filter(|one| has_coding(one.get("code"), LOINC, HOUSING) && is_final(one))
        .filter_map(|one| Some((day(one, program)?, lives_there(one, kinds)?)))
        .collect();
    // Of two answers of one day the one that means a home of one's own holds: nobody's days are left out in doubt.
    answers.sort_by_key(|(day, resident)| (*day, !resident));
    let mut days = Vec::new();
    let mut since: Option<Date> = None;
    for (day, resident) in answers {
        match (resident, since) {
            (true, None) => since = Some(day),
            (false, Some(first)) => {
                days.extend(Stretch::new(first, day_before(day)).filter(|_| first < day));
                since = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    days.extend(since.and_then(|first| Stretch::new(first, Date::MAX)));
    Days::of(days)
}

fn is_final(observation: &Resource) -> bool {
    matches!(observation.text("/status"), Some("final" | "amended" | "corrected"))
}

fn day(observation: &Resource, program: &Program) -> Option<Date> {
    let when = ["/effectiveDateTime", "/effectiveInstant", "/effectivePeriod/start"];
    first_day(when.into_iter().find_map(|place| observation.text(place))?, program)
}

fn lives_there(observation: &Resource, kinds: &CareKinds) -> Option<bool> {
    let answer = Concept::read(observation.get("valueCodeableConcept"));
    let says_nothing = answer.codings.is_empty() || kinds.no_answer.has_any(&answer);
    (!says_nothing).then(|| kinds.resident.has_any(&answer))
}
