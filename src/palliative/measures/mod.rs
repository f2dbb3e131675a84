//! Measures: whether people spend more of their days at home, and how often a crisis takes them away. Each is a Measure
//! among the definitions, whose populations are sentences, and a file here, with the rule of each.
//! <https://hl7.org/fhir/R4/clinicalreasoning-quality-reporting.html>

pub mod away;
mod caveats;
pub mod conventions;
pub mod course;
mod crisis;
mod days_at_home;
pub mod doubts;
pub mod equity;
pub mod healthy;
pub mod kinds;
pub mod report;
pub mod residence;
pub mod score;

use crate::definitions::CANONICAL;
use crate::palliative::measures::course::Course;

/// A measure that is computed here.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// The id of its Measure.
    pub id: &'static str,
    /// Its groups, in the order of those of its Measure.
    pub groups: &'static [Group],
}

/// A group of a measure.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// What its Measure calls it.
    pub code: &'static str,
    /// The rules of its populations, in the order of those of its Measure.
    pub populations: &'static [Population],
    /// How its score is made.
    pub score: Score,
}

/// What of a person's course is in a population.
#[derive(Clone, Copy, Debug)]
pub struct Population {
    /// Its code: <https://hl7.org/fhir/R4/valueset-measure-population.html>
    pub code: &'static str,
    /// How much of it there is.
    pub count: fn(&Course) -> i64,
}

/// How a score is made of a group's counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Score {
    /// Days at home in a year of a person.
    DaysOfYear,
    /// Days at home of a hundred days.
    Percent,
    /// The mean of what each person has, of those with days enough.
    OfEachPerson,
    /// Events or days in a thousand months of people.
    ThousandMonths,
}

/// The measures that are computed here.
pub const MEASURES: [Measure; 5] = [
    days_at_home::MEASURE,
    crisis::TREAT_AND_RELEASE,
    crisis::UNPLANNED_ADMISSIONS,
    crisis::ACUTE_DAYS,
    crisis::CRISIS_EVENTS,
];

impl Measure {
    /// The measure of this id, or of this canonical URL.
    pub fn find(name: &str) -> Option<&'static Self> {
        let id = name.strip_prefix(CANONICAL).and_then(|rest| rest.strip_prefix("/Measure/")).unwrap_or(name);
        MEASURES.iter().find(|measure| measure.id == id)
    }
}

#[cfg(test)]
mod tests;
