//! One line of a run: what a month of an episode, or the assessment before it, comes to for one who pays, and from what.
//! <https://hl7.org/fhir/R4/parameters.html>

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::palliative::payment::coverage::Cover;
use crate::palliative::payment::policy::Class;
use crate::palliative::payment::policy::Money;

/// What one unit is in the whole numbers in which units are kept: ten thousand parts.
pub const UNIT: i64 = 10_000;

/// Why a month with eligible days is paid nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unmet {
    /// The first of the month is no eligible day.
    NotOnTheFirst,
    /// There are fewer than fifteen eligible days.
    TooFewDays,
    /// There was no contact in the month.
    NoContact,
    /// The one unit of the month stands in the line of another that pays for days of it.
    InAnotherLine,
}

impl Unmet {
    /// The code.
    pub fn code(self) -> &'static str {
        match self {
            Unmet::NotOnTheFirst => "not-on-the-first",
            Unmet::TooFewDays => "too-few-days",
            Unmet::NoContact => "no-contact",
            Unmet::InAnotherLine => "in-another-line",
        }
    }
}

/// Eligible days that follow one another, with who pays for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The first day.
    pub first: String,
    /// The last day.
    pub last: String,
    /// Who pays.
    pub cover: Cover,
}

/// What identifies a line: of two runs, the lines with the same key are about the same.
pub type Key<'a> = (&'a str, &'a str, &'a str, Class, &'a Cover);

/// One line of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// `Patient/…`
    pub patient: String,
    /// `EpisodeOfCare/…`
    pub episode: String,
    /// The month: `2025-05`.
    pub month: String,
    /// What it is for.
    pub class: Class,
    /// `HealthcareService/…`
    pub program: String,
    /// How many days count.
    pub eligible_days: i64,
    /// How many days the month has.
    pub days_in_month: i64,
    /// The code of the month rule.
    pub rule: String,
    /// How much of a unit is paid, in parts of ten thousand.
    pub unit: i64,
    /// Why none is, though there are eligible days.
    pub unmet: Option<Unmet>,
    /// The tier that it is paid by.
    pub tier: Option<String>,
    /// The days of each tier, in the order in which they began.
    pub tier_days: Vec<(Option<String>, i64)>,
    /// Who pays for its days.
    pub cover: Cover,
    /// The amount, where the programme's table has one.
    pub amount: Option<Money>,
    /// The codes that the payer uses for it.
    pub service_codes: Vec<Value>,
    /// The eligible days.
    pub sources: Vec<Source>,
    /// Whether the month is not over yet.
    pub provisional: bool,
}

impl Line {
    /// What identifies it.
    pub fn key(&self) -> Key<'_> {
        (&self.patient, &self.episode, &self.month, self.class, &self.cover)
    }
}
