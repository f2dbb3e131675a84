//! Days at home: the share of the days of people in a programme that they spent at home.
//! <https://hl7.org/fhir/R4/measure.html>

use crate::palliative::measures::Group;
use crate::palliative::measures::Measure;
use crate::palliative::measures::Population;
use crate::palliative::measures::Score;
use crate::palliative::measures::course::Course;

const POPULATIONS: [Population; 4] = [
    Population { code: "initial-population", count: |course| course.enrolled },
    Population { code: "denominator-exclusion", count: |course| course.untold + course.resident },
    Population { code: "denominator", count: Course::person_days },
    Population { code: "numerator", count: Course::home },
];

/// Days at home in a year of a person, in a hundred days, and of each person.
pub(super) const MEASURE: Measure = Measure {
    id: "days-at-home",
    groups: &[
        Group { code: "days-per-person-year", populations: &POPULATIONS, score: Score::DaysOfYear },
        Group { code: "percent", populations: &POPULATIONS, score: Score::Percent },
        Group { code: "each-person", populations: &EACH, score: Score::OfEachPerson },
    ],
};

/// From so many days on a person's own share says something.
pub(super) const ENOUGH_DAYS: i64 = 30;

const EACH: [Population; 2] = [
    Population { code: "initial-population", count: |course| i64::from(course.person_days() > 0) },
    Population { code: "measure-population", count: |course| i64::from(course.person_days() >= ENOUGH_DAYS) },
];
