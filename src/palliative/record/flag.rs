//! What is in force about a person for a period. <https://hl7.org/fhir/R4/flag.html>

use jiff::tz::TimeZone;

use crate::fhir::Resource;
use crate::palliative::record::Concept;
use crate::palliative::record::Moment;
use crate::palliative::record::source;
use crate::palliative::vocabulary::FLAG_SYSTEM;

/// A dated statement about the patient that is in force for a period: a Flag.
#[derive(Clone, Debug)]
pub struct Flag {
    /// `Flag/<id>`; empty where it is not to be named.
    pub source: String,
    /// What it says.
    pub code: Concept,
    /// `active`, `inactive` or `entered-in-error`.
    pub status: String,
    /// From when.
    pub start: Option<Moment>,
    /// Until when, inclusive.
    pub end: Option<Moment>,
}

impl Flag {
    /// Reads one.
    pub fn read(resource: &Resource, zone: &TimeZone) -> Self {
        let moment = |pointer| resource.text(pointer).and_then(|text| Moment::read(text, zone));
        Self {
            source: source(resource),
            code: Concept::read(resource.get("code")),
            status: resource.text("/status").unwrap_or_default().to_owned(),
            start: moment("/period/start"),
            end: moment("/period/end"),
        }
    }

    /// Whether it says that hospice was elected.
    pub fn is_election(&self) -> bool {
        self.code.has(FLAG_SYSTEM, "hospice-election")
    }
}
