//! What the rules of enrolment read: the patient's resources, the programme, who acts, and the date.
//! <https://hl7.org/fhir/R4/compartmentdefinition-patient.html>

use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::datetime::Micros;
use crate::fhir::datetime::date_in;
use crate::fhir::datetime::span;
use crate::fhir::outcome::Failure;
use crate::fhir::outcome::Issue;
use crate::fhir::outcome::Reason;
use crate::fhir::reference::unversioned;
use crate::fhir::resource::Resource;
use crate::palliative::enrollment::both_kinds;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::patient_name;
use crate::palliative::enrollment::state::State;
use crate::palliative::program::Program;
use crate::palliative::vocabulary::ERROR_SYSTEM;
use crate::palliative::vocabulary::PROGRAM_EXTENSION;
use crate::palliative::vocabulary::STATE_EXTENSION;

/// Resources that were read for one decision.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    resources: Vec<Resource>,
    elsewhere: Vec<Resource>,
}

impl Chart {
    /// These resources.
    pub fn new(resources: Vec<Resource>) -> Self {
        Self { resources, elsewhere: Vec::new() }
    }

    /// The same, with what other records of the person say, by their links: guards read it, and nothing of it is told or
    /// changed.
    #[must_use]
    pub fn beside(self, elsewhere: Vec<Resource>) -> Self {
        Self { elsewhere, ..self }
    }

    /// Those of a type that stand in other records of the person.
    pub fn elsewhere<'a>(&'a self, ty: &'a str) -> impl Iterator<Item = &'a Resource> {
        self.elsewhere.iter().filter(move |resource| resource.ty().name() == ty)
    }

    /// Adds one, unless it is there.
    pub fn add(&mut self, resource: Resource) {
        if self.find(&name(&resource)).is_none() {
            self.resources.push(resource);
        }
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Resource> {
        self.resources.iter()
    }

    /// Those of a type.
    pub fn of<'a>(&'a self, ty: &'a str) -> impl Iterator<Item = &'a Resource> {
        self.resources.iter().filter(move |resource| resource.ty().name() == ty)
    }

    /// The one that `Type/id` names, whichever version of it.
    pub fn find(&self, reference: &str) -> Option<&Resource> {
        let (ty, id) = unversioned(reference).split_once('/')?;
        self.resources.iter().find(|resource| resource.ty().name() == ty && resource.id() == Some(id))
    }
}

/// Who asks for a change.
#[derive(Clone, Debug)]
pub struct Actor {
    /// A reference to a person, or a name.
    pub who: Who,
    /// The roles that the token names.
    pub roles: Vec<String>,
    /// Whether it is the patient, or one who acts with the patient's own access.
    pub side: Side,
}

/// How the acting person is named.
#[derive(Clone, Debug)]
pub enum Who {
    /// `Practitioner/1`
    Reference(String),
    /// A name without a resource.
    Name(String),
}

/// Which side of care somebody stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The patient or a surrogate.
    Patient,
    /// The team, a payer or a system.
    Team,
}

/// The role that may override, void and undo.
pub const DIRECTOR: &str = "program-director";

impl Actor {
    /// Whether the actor directs the programme.
    pub fn is_director(&self) -> bool {
        self.roles.iter().any(|role| role == DIRECTOR)
    }
}

/// Everything that a decision about one episode reads.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// The programme.
    pub program: &'a Program,
    /// The episode as it stands.
    pub episode: &'a Resource,
    /// The patient and what belongs to the patient.
    pub chart: &'a Chart,
    /// Who acts.
    pub actor: &'a Actor,
    /// When.
    pub now: Micros,
    /// The rule sets that are in force, as `url|version`.
    pub rule_sets: &'a [String],
}

impl Case<'_> {
    /// Today in the programme's zone.
    pub fn today(&self) -> Date {
        date_in(self.now, &self.program.zone)
    }

    /// The fine state.
    ///
    /// # Errors
    /// 404 `episode-not-found` for an episode that belongs to no programme of ours.
    pub fn state(&self) -> Result<State, Failure> {
        state_of(self.episode).ok_or_else(|| {
            coded(
                Reason::NotFound,
                "episode-not-found",
                "This EpisodeOfCare belongs to no palliative programme of ours.",
            )
        })
    }

    /// `Patient/id`; nothing where the episode names no patient of this service, which is refused before a case is made.
    pub fn patient(&self) -> &str {
        patient_name(self.episode).unwrap_or_default()
    }

    /// `EpisodeOfCare/id`
    pub fn episode_name(&self) -> String {
        name(self.episode)
    }

    /// The patient's other open episodes with their programmes, as references.
    pub fn others_open(&self) -> impl Iterator<Item = (&Resource, &str)> {
        self.chart
            .of("EpisodeOfCare")
            .filter(|other| other.id() != self.episode.id())
            .filter(|other| state_of(other).is_some_and(State::is_open))
            .filter_map(|other| Some((other, program_of(other)?)))
    }

    /// The patient's age in whole years on a day.
    pub fn age_on(&self, date: Date) -> Option<i64> {
        age_on(self.chart.find(self.patient())?, date)
    }

    /// The least age in whole years that the person can have on a day: a date of birth may be a year or a month alone.
    pub fn youngest_on(&self, date: Date) -> Option<i64> {
        youngest_on(self.chart.find(self.patient())?, date)
    }

    /// Whether the person has not reached 21, the age at which hospice excludes all else.
    pub fn is_child_on(&self, date: Date) -> bool {
        self.age_on(date).is_some_and(|age| age < 21)
    }

    /// Whether the person may be in hospice and in the programme at once on a day: before 21, and where the payer of an
    /// adult is one of those that the programme names for it.
    pub fn may_have_both_on(&self, date: Date) -> bool {
        self.is_child_on(date) || both_kinds::days_of(self.chart, self.program).contains(date)
    }
}

/// `Type/id`
pub fn name(resource: &Resource) -> String {
    format!("{}/{}", resource.ty(), resource.id().unwrap_or_default())
}

/// The version that was read.
pub fn version(resource: &Resource) -> Option<i64> {
    resource.text("/meta/versionId")?.parse().ok()
}

/// The fine state that an episode carries.
pub fn state_of(episode: &Resource) -> Option<State> {
    State::parse(extension_of(episode, STATE_EXTENSION)?.pointer("/valueCoding/code")?.as_str()?)
}

/// The programme of an episode, as `HealthcareService/id`.
pub fn program_of(episode: &Resource) -> Option<&str> {
    extension_of(episode, PROGRAM_EXTENSION)?.pointer("/valueReference/reference")?.as_str()
}

/// The age in whole years on a day; of those that a partial date of birth leaves open, the greatest.
pub fn age_on(patient: &Resource, date: Date) -> Option<i64> {
    let birth = patient.text("/birthDate")?;
    let born: Date = match birth.len() {
        4 => format!("{birth}-01-01").parse().ok()?,
        7 => format!("{birth}-01").parse().ok()?,
        _ => birth.parse().ok()?,
    };
    Some(years(born, date))
}

/// The least age that a date of birth leaves open.
pub fn youngest_on(patient: &Resource, date: Date) -> Option<i64> {
    let birth = patient.text("/birthDate")?;
    let born: Date = match birth.len() {
        4 => format!("{birth}-12-31").parse().ok()?,
        7 => format!("{birth}-01").parse::<Date>().ok()?.last_of_month(),
        _ => birth.parse().ok()?,
    };
    Some(years(born, date))
}

fn years(born: Date, date: Date) -> i64 {
    let before_birthday = (date.month(), date.day()) < (born.month(), born.day());
    i64::from(date.year()) - i64::from(born.year()) - i64::from(before_birthday)
}

/// The first day of a date or time, in the programme's zone.
pub fn first_day(text: &str, program: &Program) -> Option<Date> {
    Some(date_in(span(text, &program.zone)?.low, &program.zone))
}

/// The last day of a date or time, in the programme's zone.
pub fn last_day(text: &str, program: &Program) -> Option<Date> {
    Some(date_in(span(text, &program.zone)?.high, &program.zone))
}

/// Whether a period covers a day; an open end covers all. None where a bound cannot be read.
pub fn covers(period: Option<&Value>, date: Date, program: &Program) -> bool {
    let bound = |name: &str| period.and_then(|period| period.get(name)).and_then(Value::as_str);
    let starts =
        bound("start").is_none_or(|text| first_day(text, program).is_some_and(|start| start <= date));
    let ends = bound("end").is_none_or(|text| last_day(text, program).is_some_and(|end| date <= end));
    starts && ends
}

/// Whether any coding of the concept is this one.
pub fn has_coding(concept: Option<&Value>, system: &str, code: &str) -> bool {
    codings(concept).any(|(own, value)| own == system && value == code)
}

/// The codings of a concept.
pub fn codings(concept: Option<&Value>) -> impl Iterator<Item = (&str, &str)> {
    list(concept.and_then(|concept| concept.get("coding"))).filter_map(|coding| {
        let system = coding.get("system").and_then(Value::as_str).unwrap_or_default();
        Some((system, coding.get("code")?.as_str()?))
    })
}

/// The entries of a list that may be missing.
pub fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

/// A refusal with one of our error codes.
pub fn coded(reason: Reason, code: &str, text: impl Into<String>) -> Failure {
    Failure::new(reason, text).coded(ERROR_SYSTEM, code)
}

/// A rule that does not hold, with one of our error codes.
pub fn broken(code: &str, text: impl Into<String>) -> Issue {
    Issue::error("business-rule", text).coded(ERROR_SYSTEM, code)
}

/// Where a parameter stands in the request.
pub fn parameter(name: &str) -> String {
    format!("Parameters.parameter.where(name='{name}')")
}
