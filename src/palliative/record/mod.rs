//! The facts about one patient that rules read, made from resources once, in the programme's time zone.
//! <https://hl7.org/fhir/R4/patient.html>
//!
//! A record judges nothing: it says what was written down and when. Which facts count, and for how long, is for
//! the rules that read it.

mod act;
mod concept;
mod condition;
mod cover;
mod coverage;
mod encounter;
mod feed;
mod flag;
mod medication;
mod moment;
mod observation;
mod practice;
mod value;

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::fhir::Resource;
use crate::palliative::time_line::Days;

pub use act::Act;
pub use act::ActKind;
pub use act::ActStatus;
pub use concept::Coding;
pub use concept::Concept;
pub use condition::Abatement;
pub use condition::ClinicalStatus;
pub use condition::Condition;
pub use condition::Verification;
pub use cover::covers;
pub use cover::days_covered;
pub use coverage::CoverageSpan;
pub use coverage::says_nothing;
pub use encounter::Encounter;
pub use encounter::EncounterStatus;
pub use feed::CLAIMS_EXTENSION;
pub use feed::FEED_EXTENSION;
pub use feed::Feed;
pub use feed::FeedOf;
pub use flag::Flag;
pub use medication::MedicationUse;
pub use medication::is_meant;
pub use moment::Moment;
pub use observation::Observation;
pub use practice::Lead;
pub use practice::PRACTICE_TYPES;
pub use practice::recognised;
pub use value::Interval;
pub use value::Meaning;
pub use value::Observed;
pub use value::Unit;

/// The types whose resources a record is made from for every screening.
pub const SCREENED_TYPES: [&str; 7] =
    ["Condition", "Coverage", "Encounter", "Flag", "MedicationRequest", "MedicationStatement", "Observation"];

/// The types that only some rule sets ask for.
pub const FURTHER_TYPES: [&str; 6] =
    ["Consent", "DeviceRequest", "DeviceUseStatement", "DocumentReference", "Procedure", "ServiceRequest"];

const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
/// Unrestricted, low, moderate and normal.
const USUAL: [&str; 4] = ["U", "L", "M", "N"];

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
    /// Where the Patient does not say so: the episode that does, as `EpisodeOfCare/id`; empty where it is not to be named.
    pub deceased_by_word_of: Option<String>,
    /// Diagnoses and problems.
    pub conditions: Vec<Condition>,
    /// Measurements, answers and attestations; each component is one of its own.
    pub observations: Vec<Observation>,
    /// Visits and stays.
    pub encounters: Vec<Encounter>,
    /// Medicines ordered or taken.
    pub medications: Vec<MedicationUse>,
    /// What was done, supplied, asked for or written down.
    pub acts: Vec<Act>,
    /// Coverages.
    pub coverages: Vec<CoverageSpan>,
    /// Flags.
    pub flags: Vec<Flag>,
    /// When encounters, or claims, are known to be complete.
    pub feeds: Vec<Feed>,
    /// Where the general practitioners lead.
    pub leads: Vec<Lead>,
    /// The days on which the programme serves the person beside hospice, as whoever reads for one fills in.
    pub beside_hospice: Days,
    /// The codes of senders that the programme's maps make into what is kept from the patient.
    pub restricted: Vec<Coding>,
    /// The resources with a security label, as `Type/id`: they count, and are neither named nor quoted.
    pub labelled: BTreeSet<String>,
}

impl PatientRecord {
    /// Makes the record of a patient: `resources` are those of the patient's compartment, the Patient among
    /// them. Their order does not matter.
    pub fn new(id: &str, mut resources: Vec<Resource>, zone: &TimeZone) -> Self {
        sort(&mut resources);
        Self::of_sorted(id, &resources, zone)
    }

    /// Makes the record of a patient from resources that [`sort`] has put in their order.
    pub fn of_sorted(id: &str, resources: &[Resource], zone: &TimeZone) -> Self {
        let mut record = Self {
            id: id.to_owned(),
            zone: zone.clone(),
            birth: None,
            deceased: Deceased::No,
            deceased_by_word_of: None,
            conditions: Vec::new(),
            observations: Vec::new(),
            encounters: Vec::new(),
            medications: Vec::new(),
            acts: Vec::new(),
            coverages: Vec::new(),
            flags: Vec::new(),
            feeds: Vec::new(),
            leads: practice::leads(resources, zone),
            beside_hospice: Days::default(),
            restricted: Vec::new(),
            labelled: BTreeSet::new(),
        };
        for resource in resources {
            record.add(resource);
        }
        medication::resolve(&mut record.medications, resources);
        act::resolve(&mut record.acts, resources);
        encounter::resolve(&mut record.encounters, resources);
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
        covers(&self.spans_of(&[FeedOf::Encounters, FeedOf::Claims]), from, to)
    }

    /// Whether claims are known to be complete on every day from `from` to `to`.
    pub fn claims_cover(&self, from: Date, to: Date) -> bool {
        covers(&self.spans_of(&[FeedOf::Claims]), from, to)
    }

    fn spans_of(&self, wanted: &[FeedOf]) -> Vec<(Date, Date)> {
        let feeds = self.feeds.iter().filter(|feed| wanted.contains(&feed.of));
        feeds.map(|feed| (feed.from, feed.to.unwrap_or(Date::MAX))).collect()
    }

    fn add(&mut self, resource: &Resource) {
        let zone = self.zone.clone();
        self.feeds.extend(feed::feeds(resource, &zone));
        if is_labelled(resource) {
            self.labelled.insert(source(resource));
        }
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
            "Flag" => self.flags.push(Flag::read(resource, &zone)),
            "Coverage" => self.coverages.push(CoverageSpan::read(resource, &zone)),
            _ => self.acts.extend(Act::read(resource, &zone)),
        }
    }
}

/// Puts resources in the order in which a record is made from them, whatever order they came in.
pub fn sort(resources: &mut [Resource]) {
    resources.sort_by(|a, b| (a.ty(), a.id()).cmp(&(b.ty(), b.id())));
}

/// Whether a resource carries a security label by which it is to be kept closer than others. A label of no more than
/// the usual confidentiality asks for nothing, and neither does that of test data.
pub fn is_labelled(resource: &Resource) -> bool {
    let labels = resource.value().pointer("/meta/security").and_then(Value::as_array);
    let is_usual = |label: &Value| {
        let text = |name: &str| label.get(name).and_then(Value::as_str).unwrap_or_default();
        match text("system") {
            CONFIDENTIALITY => USUAL.contains(&text("code")),
            ACT_REASON => text("code") == "HTEST",
            _ => false,
        }
    };
    labels.into_iter().flatten().any(|label| !is_usual(label))
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

/// The day on which an age is reached: one born on 29 February reaches it on 1 March of other years.
pub fn birthday(birth: Date, age: i32) -> Option<Date> {
    let year = birth.year().checked_add(i16::try_from(age).ok()?)?;
    Date::new(year, birth.month(), birth.day()).or_else(|_| Date::new(year, 3, 1)).ok()
}

/// Whether, and when, a Patient says that the person died.
pub fn deceased(patient: &Resource, zone: &TimeZone) -> Deceased {
    if let Some(moment) = patient.text("/deceasedDateTime").and_then(|text| Moment::read(text, zone)) {
        return Deceased::On(moment);
    }
    match patient.get("deceasedBoolean").and_then(Value::as_bool) {
        Some(true) => Deceased::Undated,
        Some(false) | None => Deceased::No,
    }
}

#[cfg(test)]
mod tests;
