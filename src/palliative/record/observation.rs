//! A measurement, an answer or an attestation. <https://hl7.org/fhir/R4/observation.html>
//!
//! A component becomes an observation of its own, with the date, status and performers of the whole, so that a
//! rule finds a value whether it was sent alone or in a panel.

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::fhir::Resource;
use crate::fhir::reference::unversioned;
use crate::palliative::record::Concept;
use crate::palliative::record::Moment;
use crate::palliative::record::Observed;
use crate::palliative::record::source;

/// A measurement, an answer or an attestation.
#[derive(Clone, Debug)]
pub struct Observation {
    /// `Observation/<id>`.
    pub source: String,
    /// What was observed.
    pub code: Concept,
    /// Whether the status is one of `final`, `amended`, `corrected`.
    pub is_final: bool,
    /// When; for a period, the whole of it.
    pub effective: Option<Moment>,
    /// When it was made available, which orders those of one moment.
    pub issued: Option<Moment>,
    /// What was found; none where it has no value (an absent value says nothing).
    pub value: Option<Observed>,
    /// Whether a Practitioner or PractitionerRole answers for it.
    pub by_practitioner: bool,
    /// Whether it is about another than the patient, as a caregiver's burden is.
    pub of_another: bool,
    /// Whether it is of the category `survey`: an answer to an instrument.
    pub is_survey: bool,
}

const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";

impl Observation {
    /// Reads an Observation and its components.
    pub fn read(resource: &Resource, zone: &TimeZone) -> Vec<Self> {
        let whole = Self {
            source: source(resource),
            code: Concept::read(resource.get("code")),
            is_final: matches!(resource.text("/status"), Some("final" | "amended" | "corrected")),
            effective: effective(resource, zone),
            issued: resource.text("/issued").and_then(|text| Moment::read(text, zone)),
            value: Observed::read(resource.value()),
            by_practitioner: by_practitioner(resource),
            of_another: of_another(resource),
            is_survey: Concept::read_all(resource.get("category")).has(CATEGORY, "survey"),
        };
        let components = resource.get("component").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let part = |component: &Value| Self {
            code: Concept::read(component.get("code")),
            value: Observed::read(component),
            ..whole.clone()
        };
        let parts: Vec<_> = components.iter().map(part).collect();
        std::iter::once(whole).chain(parts).collect()
    }
}

fn effective(resource: &Resource, zone: &TimeZone) -> Option<Moment> {
    let moment = |pointer| resource.text(pointer).and_then(|text| Moment::read(text, zone));
    if let Some(moment) = moment("/effectiveDateTime").or_else(|| moment("/effectiveInstant")) {
        return Some(moment);
    }
    match (moment("/effectivePeriod/start"), moment("/effectivePeriod/end")) {
        (Some(start), Some(end)) => Some(start.to(&end)),
        (start, end) => start.or(end),
    }
}

fn by_practitioner(resource: &Resource) -> bool {
    let performers = resource.get("performer").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    performers.iter().any(|performer| {
        let of_type = performer.get("type").and_then(Value::as_str).unwrap_or_default();
        let reference = performer.get("reference").and_then(Value::as_str).unwrap_or_default();
        let mut segments = reference.split("/_history/").next().unwrap_or_default().rsplit('/');
        let named = segments.nth(1).unwrap_or_default();
        [of_type, named].iter().any(|name| matches!(*name, "Practitioner" | "PractitionerRole"))
    })
}

fn of_another(resource: &Resource) -> bool {
    let foci = resource.get("focus").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let patient = resource.text("/subject/reference").map(unversioned);
    let about_patient =
        |focus: &Value| focus.get("reference").and_then(Value::as_str).map(unversioned) == patient;
    !foci.is_empty() && !foci.iter().any(about_patient)
}
