//! What is due for a person in the programme: visits and assessments by the cadence of the tier, and what a complete
//! plan still needs. <https://hl7.org/fhir/us/davinci-deqm/gaps-in-care-reporting.html>
//!
//! A gap is open where something was due before the day and was not done, closed where it was done in time, and
//! prospective where it has not been done and is not due yet. Before the service starts only the first contact is due.

mod ages;
pub mod assessments;
mod contacts;
pub mod measures;
mod record;
pub mod tasks;
pub mod urgent;

#[cfg(test)]
mod tests;

use jiff::ToSpan;
use jiff::civil::Date;

use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::completeness;
use crate::palliative::care_plan::plan::find;
use crate::palliative::enrollment::episode::Episode;
use crate::palliative::enrollment::facts::name;
use crate::palliative::gaps::assessments::Assessments;
use crate::palliative::risk::intensity::Intensity;

/// Whether it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It was due and was not done.
    Open,
    /// It is not due yet, and not done.
    Prospective,
    /// It was done in time.
    Closed,
}

/// Something that is, was or will be due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// A code of the system of gaps.
    pub code: &'static str,
    /// The domain of care, 1 to 8.
    pub domain: String,
    /// The last day on which it is in time; none where it always is to be so.
    pub due: Option<Date>,
    /// In words, without what was last done.
    pub text: String,
    /// Whether it was done.
    pub status: Status,
    /// What was last done, as `Type/id`.
    pub evidence: Option<String>,
    /// When that was, where it is told in words.
    pub last: Option<Date>,
}

impl Gap {
    /// In words, with the day on which it was last done, for one who may read what tells of it.
    pub fn told(&self) -> String {
        self.last.map_or_else(|| self.text.clone(), |on| format!("{} Last: {on}.", self.text))
    }
}

/// What gaps are found by.
#[derive(Clone, Copy, Debug)]
pub struct Following<'a> {
    /// The episode, its template and the day.
    pub planning: &'a Planning<'a>,
    /// The care that is recommended for the tier.
    pub intensity: &'a Intensity,
    /// Which observations are which assessment.
    pub assessments: &'a Assessments,
}

/// What was done last.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Done {
    on: Date,
    source: String,
}

/// What of completeness is told here with the day on which it is due.
const TOLD_WITH_A_DAY: [&str; 3] =
    ["acp-preference-missing", "symptom-assessment-overdue", "next-review-missing"];

impl Status {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Open, Self::Prospective, Self::Closed];

    /// The code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Open => "open-gap",
            Self::Prospective => "prospective-gap",
            Self::Closed => "closed-gap",
        }
    }

    /// The status with this code.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }
}

/// All gaps of an episode on a day, open or not: the open ones first, those that are due first before the others.
pub fn gaps(following: &Following) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = contacts::first(following).into_iter().collect();
    gaps.extend(urgent::urgent(following));
    if let Some(start) = Episode::of(following.planning.case.episode).start() {
        gaps.extend(contacts::rhythm(following, start));
        gaps.extend(record::assessed(following, start));
        gaps.extend(record::wishes(following, start));
        gaps.extend(record::pain_assessed(following));
        gaps.extend(record::pain(following));
        gaps.extend(plan(following));
        gaps.extend(ages::reviews(following));
    }
    gaps.sort_by(|a, b| {
        (a.status, a.due.is_none(), a.due, a.code, &a.domain).cmp(&(
            b.status,
            b.due.is_none(),
            b.due,
            b.code,
            &b.domain,
        ))
    });
    gaps
}

/// The review of the plan, and what a complete plan still needs.
fn plan(following: &Following) -> Vec<Gap> {
    let planning = following.planning;
    let stored = find(planning).filter(|plan| completeness::counts(planning, plan));
    let missing = completeness::gaps(planning, stored, &[]);
    let mut gaps: Vec<Gap> = missing
        .into_iter()
        .filter(|gap| !TOLD_WITH_A_DAY.contains(&gap.code))
        .map(|gap| Gap {
            code: if gap.code == "contact-24-7-missing" { "no-24-7" } else { gap.code },
            domain: gap.domain,
            due: None,
            text: gap.text,
            status: Status::Open,
            evidence: None,
            last: None,
        })
        .collect();
    if let Some(stored) = stored {
        let due = completeness::next_review(stored);
        let status = if due.is_some_and(|due| due >= planning.as_of) { Status::Closed } else { Status::Open };
        let text = match (status, due) {
            (Status::Open, None) => "The care plan has no date for its next review; set one.".to_owned(),
            (Status::Open, Some(due)) => format!("The care plan was to be reviewed by {due}."),
            (Status::Closed | Status::Prospective, _) => {
                "The care plan has been reviewed in time.".to_owned()
            }
        };
        gaps.push(Gap {
            code: "plan-overdue",
            domain: "1".to_owned(),
            due,
            text,
            status,
            evidence: Some(name(stored)),
            last: None,
        });
    }
    gaps
}

/// How often something is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rhythm {
    /// Once: late is done too.
    Once,
    /// Again and again, the last time no longer ago than is due.
    Again,
}

/// Something that is due by a day: what was done, and how to say it.
struct Duty {
    code: &'static str,
    domain: &'static str,
    rhythm: Rhythm,
    due: Date,
    done: Option<Done>,
    words: String,
}

impl Duty {
    /// The gap that it is on a day.
    fn on(self, as_of: Date) -> Gap {
        let status = match (&self.done, self.rhythm, self.due >= as_of) {
            (Some(_), Rhythm::Once, _) | (Some(_), Rhythm::Again, true) => Status::Closed,
            (None, _, true) => Status::Prospective,
            (None, _, false) | (Some(_), Rhythm::Again, false) => Status::Open,
        };
        let text = match status {
            Status::Open => format!("Overdue since {}: {}.", self.due, self.words),
            Status::Prospective => format!("Due by {}: {}.", self.due, self.words),
            Status::Closed => match self.rhythm {
                Rhythm::Once => format!("Done: {}.", self.words),
                Rhythm::Again => format!("In time: {}; next by {}.", self.words, self.due),
            },
        };
        Gap {
            code: self.code,
            domain: self.domain.to_owned(),
            due: Some(self.due),
            text,
            status,
            last: self.done.as_ref().map(|done| done.on),
            evidence: self.done.map(|done| done.source),
        }
    }
}

/// So many days after a day.
fn after(day: Date, days: i64) -> Date {
    day.saturating_add(days.days())
}
