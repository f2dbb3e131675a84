//! The facts about one patient that rules read, made from resources once, in the programme's time zone.
//! <https://hl7.org/fhir/R4/patient.html>
//!
//! A record judges nothing: it says what was written down and when. Which facts count, and for how long, is for
//! the rules that read it.

mod concept;
mod condition;
mod encounter;
mod medication;
mod moment;
mod observation;
mod value;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::fhir::Resource;

pub use concept::Coding;
pub use concept::Concept;
pub use condition::Abatement;
pub use condition::ClinicalStatus;
pub use condition::Condition;
pub use condition::Verification;
pub use encounter::Encounter;
pub use encounter::EncounterStatus;
pub use medication::MedicationUse;
pub use moment::Moment;
pub use observation::Observation;
pub use value::Interval;
pub use value::Meaning;
pub use value::Observed;
pub use value::Unit;

/// The types whose resources a record is made from for screening.
pub const SCREENED_TYPES: [&str; 7] =
    ["Condition", "Coverage", "Encounter", "Flag", "MedicationRequest", "MedicationStatement", "Observation"];

/// Whether a person has died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deceased {
    /// Nothing says so.
    No,
    /// With a date, which may be partial.
    On(Moment),
    /// Only that it is so.
    Undated,
}

/// A dated statement about the patient that is in force for a period: a Flag.
#[derive(Clone, Debug)]
pub struct Flag {
    /// `Flag/<id>`.
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

/// A period in which all of the patient's encounters reach this service, from claims or admission messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feed {
    /// The first day that it covers.
    pub from: Date,
    /// The last day that it covers; open while it goes on.
    pub to: Option<Date>,
}

/// The facts about one patient.
#[derive(Clone, Debug)]
pub struct PatientRecord {
    /// The patient's logical id.
    pub id: String,
    /// The zone in which all dates are read.
    pub zone: TimeZone,
    /// The date of birth, which may be partial.
    pub birth: Option<Moment>,
    /// Whether, and when, the patient died.
    pub deceased: Deceased,
    /// Diagnoses and problems.
    pub conditions: Vec<Condition>,
    /// Measurements, answers and attestations; each component is one of its own.
    pub observations: Vec<Observation>,
    /// Visits and stays.
    pub encounters: Vec<Encounter>,
    /// Medicines ordered or taken.
    pub medications: Vec<MedicationUse>,
    /// Flags.
    pub flags: Vec<Flag>,
    /// When encounters are known to be complete.
    pub feeds: Vec<Feed>,
}

impl PatientRecord {
    /// Makes the record of a patient: `resources` are those of the patient's compartment, the Patient among
    /// them. Their order does not matter.
    pub fn new(id: &str, resources: Vec<Resource>, zone: &TimeZone) -> Self {
        let mut resources = resources;
        resources.sort_by(|a, b| (a.ty(), a.id()).cmp(&(b.ty(), b.id())));
        let mut record = Self {
            id: id.to_owned(),
            zone: zone.clone(),
            birth: None,
            deceased: Deceased::No,
            conditions: Vec::new(),
            observations: Vec::new(),
            encounters: Vec::new(),
            medications: Vec::new(),
            flags: Vec::new(),
            feeds: Vec::new(),
        };
        for resource in &resources {
            record.add(resource);
        }
        medication::resolve(&mut record.medications, &resources);
        record
    }

    /// The age in completed years on a date: the least and the greatest that it can be, as a date of birth may
    /// be partial. None where it is not known.
    pub fn age_on(&self, date: Date) -> Option<(i32, i32)> {
        let birth = self.birth.as_ref()?;
        Some((years(birth.last, date), years(birth.first, date)))
    }

    /// Whether the patient is known to have died by the end of a date.
    pub fn deceased_by(&self, date: Date) -> bool {
        match &self.deceased {
            Deceased::No => false,
            Deceased::On(moment) => moment.first <= date,
            Deceased::Undated => true,
        }
    }

    /// Whether encounters are known to be complete on every day from `from` to `to`.
    pub fn feed_covers(&self, from: Date, to: Date) -> bool {
        let mut next = from;
        loop {
            let reach =
                self.feeds.iter().filter(|feed| feed.from <= next).map(|feed| feed.to.unwrap_or(Date::MAX));
            let Some(end) = reach.max().filter(|end| *end >= next) else { return false };
            if end >= to {
                return true;
            }
            let Ok(day_after) = end.tomorrow() else { return true };
            next = day_after;
        }
    }

    fn add(&mut self, resource: &Resource) {
        let zone = self.zone.clone();
        self.feeds.extend(feeds(resource, &zone));
        match resource.ty().name() {
            "Patient" => {
                self.birth = resource.text("/birthDate").and_then(|text| Moment::read(text, &zone));
                self.deceased = deceased(resource, &zone);
            }
            "Condition" => self.conditions.push(Condition::read(resource, &zone)),
            "Observation" => self.observations.extend(Observation::read(resource, &zone)),
            "Encounter" => self.encounters.push(Encounter::read(resource, &zone)),
            "MedicationRequest" | "MedicationStatement" => {
                self.medications.push(MedicationUse::read(resource, &zone));
            }
            "Flag" => self.flags.push(flag(resource, &zone)),
            _ => {}
        }
    }
}

/// The name under which a resource is evidence: `Type/id`.
pub fn source(resource: &Resource) -> String {
    format!("{}/{}", resource.ty(), resource.id().unwrap_or("unknown"))
}

/// The id that a Reference points to, whether it is relative, absolute, versioned, a urn or contained.
pub fn target_id(reference: &Value) -> Option<&str> {
    let text = reference.get("reference")?.as_str()?;
    let text = text.split("/_history/").next().unwrap_or(text);
    let text = text.strip_prefix("urn:uuid:").unwrap_or(text);
    text.rsplit(['/', '#']).next().filter(|id| !id.is_empty())
}

fn years(birth: Date, on: Date) -> i32 {
    let before_birthday = (on.month(), on.day()) < (birth.month(), birth.day());
    i32::from(on.year()) - i32::from(birth.year()) - i32::from(before_birthday)
}

fn deceased(patient: &Resource, zone: &TimeZone) -> Deceased {
    if let Some(moment) = patient.text("/deceasedDateTime").and_then(|text| Moment::read(text, zone)) {
        return Deceased::On(moment);
    }
    match patient.get("deceasedBoolean").and_then(Value::as_bool) {
        Some(true) => Deceased::Undated,
        Some(false) | None => Deceased::No,
    }
}

fn flag(resource: &Resource, zone: &TimeZone) -> Flag {
    let moment = |pointer| resource.text(pointer).and_then(|text| Moment::read(text, zone));
    Flag {
        source: source(resource),
        code: Concept::read(resource.get("code")),
        status: resource.text("/status").unwrap_or_default().to_owned(),
        start: moment("/period/start"),
        end: moment("/period/end"),
    }
}

/// The extension that says in which period a source of encounters (claims, or admission messages) is complete
/// for a patient. It stands on the Patient or on a Coverage, with a Period as its value.
pub const FEED_EXTENSION: &str = "https://comfrey.health/fhir/StructureDefinition/encounter-feed";

fn feeds(resource: &Resource, zone: &TimeZone) -> Vec<Feed> {
    if !matches!(resource.ty().name(), "Patient" | "Coverage") {
        return Vec::new();
    }
    let extensions = resource.get("extension").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let feed = |extension: &Value| {
        let period = extension.get("valuePeriod")?;
        let moment =
            |name| period.get(name).and_then(Value::as_str).and_then(|text| Moment::read(text, zone));
        // A feed counts only for days that it surely covers: from the last possible start to the first possible
        // end. Without a start nothing is known; a start that cannot be read is no start.
        let to = match period.get("end") {
            Some(_) => Some(moment("end")?.first),
            None => None,
        };
        Some(Feed { from: moment("start")?.last, to })
    };
    extensions.iter().filter(|extension| extension["url"] == FEED_EXTENSION).filter_map(feed).collect()
}

#[cfg(test)]
mod tests;
