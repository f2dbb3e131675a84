//! Crises: emergency visits, admissions that nobody planned, days of acute care, and stays for observation, in a
//! thousand months of people. <https://hl7.org/fhir/R4/measure.html>
//!
//! Days as a resident of a nursing home count here: a crisis takes people away from there as well.

use crate::palliative::measures::Group;
use crate::palliative::measures::Measure;
use crate::palliative::measures::Population;
use crate::palliative::measures::Score;
use crate::palliative::measures::course::Course;

/// A group of a thousand months of people.
const fn group(code: &'static str, populations: &'static [Population; 4]) -> Group {
    Group { code, populations, score: Score::ThousandMonths }
}

/// The populations whose numerator is this.
const fn populations(count: fn(&Course) -> i64) -> [Population; 4] {
    [
        Population { code: "initial-population", count: |course| course.enrolled },
        Population { code: "denominator-exclusion", count: |course| course.untold },
        Population { code: "denominator", count: |course| course.at_risk },
        Population { code: "numerator", count },
    ]
}

const EMERGENCY: [Population; 4] = populations(|course| course.emergency);
const UNPLANNED: [Population; 4] = populations(|course| course.unplanned);
const ACUTE: [Population; 4] = populations(|course| course.acute);
const OBSERVATION: [Population; 4] = populations(|course| course.observation);
const CRISES: [Population; 4] = populations(Course::crises);

/// Emergency visits that led to no stay.
pub(super) const TREAT_AND_RELEASE: Measure =
    Measure { id: "ed-treat-and-release", groups: &[group("visits", &EMERGENCY)] };

/// Admissions that nobody planned.
pub(super) const UNPLANNED_ADMISSIONS: Measure =
    Measure { id: "unplanned-admissions", groups: &[group("admissions", &UNPLANNED)] };

/// Days of acute care.
pub(super) const ACUTE_DAYS: Measure = Measure { id: "acute-days", groups: &[group("days", &ACUTE)] };

/// Stays for observation, and all that is a crisis.
pub(super) const CRISIS_EVENTS: Measure = Measure {
    id: "crisis-events",
    groups: &[group("observation-stays", &OBSERVATION), group("crisis-events", &CRISES)],
};
