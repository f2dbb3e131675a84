//! A FHIR date or time as an instant and as a calendar date of the programme's zone, each with the room that a
//! partial date leaves. <https://hl7.org/fhir/R4/datatypes.html#dateTime>

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::fhir::datetime::Micros;
use crate::fhir::datetime::date_in;
use crate::fhir::datetime::span;

/// When something was: no earlier than `first` and no later than `last`, both inclusive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The first instant that it can be.
    pub low: Micros,
    /// The last instant that it can be.
    pub high: Micros,
    /// The first local date that it can be.
    pub first: Date,
    /// The last local date that it can be.
    pub last: Date,
}

impl Moment {
    /// Reads a date, dateTime or instant; text without a zone is read in `zone`, and every date is one of
    /// `zone`, not of the sender's offset.
    pub fn read(text: &str, zone: &TimeZone) -> Option<Self> {
        let span = span(text, zone)?;
        Some(Self {
            low: span.low,
            high: span.high,
            first: date_in(span.low, zone),
            last: date_in(span.high, zone),
        })
    }

    /// From the first possible instant of one to the last possible instant of another.
    #[must_use]
    pub fn to(&self, end: &Self) -> Self {
        Self { low: self.low, high: end.high, first: self.first, last: end.last }
    }

    /// Whether the date is known to the day.
    pub fn is_one_day(&self) -> bool {
        self.first == self.last
    }
}
