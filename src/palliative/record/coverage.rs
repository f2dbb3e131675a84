//! A Coverage: of which line of business, from when to when. <https://hl7.org/fhir/R4/coverage.html>

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::fhir::Resource;
use crate::palliative::enrollment::coverage::line_of_business;
use crate::palliative::record::Moment;
use crate::palliative::record::source;

/// A Coverage.
#[derive(Clone, Debug)]
pub struct CoverageSpan {
    /// `Coverage/<id>`.
    pub source: String,
    /// The line of business; none where nothing tells it, or where it may stand for any.
    pub line: Option<&'static str>,
    /// Whether it stands: it is active, or it was until its end.
    pub stands: bool,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// The day on which it was last written.
    pub written: Option<Date>,
    /// From when.
    pub start: Option<Moment>,
    /// Until when.
    pub end: Option<Moment>,
    /// Its place among the patient's coverages: 1 pays first.
    pub order: Option<i64>,
}

impl CoverageSpan {
    /// Reads a Coverage.
    pub fn read(resource: &Resource, zone: &TimeZone) -> Self {
        let moment = |pointer| resource.text(pointer).and_then(|text| Moment::read(text, zone));
        let end = moment("/period/end");
        let stands = match resource.text("/status") {
            Some("active") => true,
            Some("cancelled") => end.is_some(),
            _ => false,
        };
        Self {
            source: source(resource),
            line: line_of_business(resource).filter(|line| !says_nothing(line)),
            stands,
            cancelled: resource.text("/status") == Some("cancelled"),
            written: moment("/meta/lastUpdated").map(|written| written.first),
            start: moment("/period/start"),
            end,
            order: resource.get("order").and_then(Value::as_i64),
        }
    }

    /// Whether it counts on the days of its period, by what is known on a day: it is active, or it was cancelled when its
    /// end had come. One that was cancelled without an end, or before it, was in force until nobody knows when.
    pub fn counts(&self, known: Date) -> bool {
        self.stands && !self.is_cut_short(known)
    }

    /// Whether it was cancelled before its end: R4 does not say when. What was only submitted has no day on which it was
    /// written, so that the day stands for it on which it is known.
    pub fn is_cut_short(&self, known: Date) -> bool {
        let written = self.written.unwrap_or(known);
        self.cancelled && self.end.as_ref().is_some_and(|end| end.last > written)
    }
}

/// Whether a line of business may stand for any other, so that nothing follows from it.
pub fn says_nothing(line: &str) -> bool {
    matches!(line, "other" | "unknown" | "managed-care-unspecified")
}
