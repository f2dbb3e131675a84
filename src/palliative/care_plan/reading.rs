//! What a plan reads of the patient: problems, preferences, words of their own, the language.
//! <https://hl7.org/fhir/R4/patient.html>

use serde_json::Value;

use crate::fhir::datetime::date_in;
use crate::fhir::datetime::span;
use crate::fhir::resource::Resource;
use crate::palliative::care_plan::Planning;
use crate::palliative::enrollment::facts::codings;
use crate::palliative::enrollment::facts::has_coding;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::name;
use crate::palliative::record::Concept;
use crate::palliative::record::is_labelled;
use crate::palliative::screening::Codes;
use crate::palliative::vocabulary::LOINC;
use crate::palliative::vocabulary::OBSERVATION_SYSTEM;

/// Observations that record what a person prefers.
const PREFERENCES: [&str; 4] = ["75773-2", "95541-9", "81378-2", "81380-8"];
/// The statuses of activities, tasks and orders that are not carried out.
const CALLED_OFF: [&str; 6] = ["cancelled", "stopped", "rejected", "failed", "revoked", "entered-in-error"];
/// R4's extension that says on a Patient whether an interpreter is needed.
const INTERPRETER_REQUIRED: &str = "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired";
/// US Core's, with SNOMED CT's yes and no.
const INTERPRETER_NEEDED: &str = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-interpreter-needed";
/// A person's wish not to speak of preferences now.
const DECLINED: &str = "acp-declined";

/// What somebody said in their own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The words.
    pub text: String,
    /// Who said it, as `Type/id`.
    pub by: String,
    /// The observation that has it, as `Type/id`.
    pub source: String,
    /// When, as written.
    pub when: String,
}

/// The language in which the person wants to be spoken to, where that is known.
pub fn preferred_language(planning: &Planning) -> Option<String> {
    let patient = planning.case.chart.find(planning.case.patient())?;
    let spoken: Vec<&Value> = list(patient.get("communication")).collect();
    let preferred = |one: &&&Value| one.get("preferred").and_then(Value::as_bool) == Some(true);
    let one = spoken.iter().find(preferred).or(if spoken.len() == 1 { spoken.first() } else { None })?;
    codings(one.get("language")).next().map(|(_, code)| code.to_owned())
}

/// Whether the person needs an interpreter, where the record says so: who prefers another language may speak this one
/// well enough, and who signs may prefer none (T-58).
pub fn needs_interpreter(planning: &Planning) -> Option<bool> {
    let patient = planning.case.chart.find(planning.case.patient())?;
    let said = |one: &Value| match one["url"].as_str()? {
        INTERPRETER_REQUIRED => one["valueBoolean"].as_bool(),
        INTERPRETER_NEEDED => match one["valueCoding"]["code"].as_str()? {
            "373066001" => Some(true),
            "373067005" => Some(false),
            _ => None,
        },
        _ => None,
    };
    // Where two places say otherwise, somebody has asked for one.
    list(patient.get("extension")).filter_map(said).max()
}

/// The active problems of the problem list; a diagnosis of one visit is none, and one with a security label is not told.
pub fn problems<'a>(planning: &Planning<'a>) -> impl Iterator<Item = &'a Resource> + use<'a> {
    let of_list = |problem: &&Resource| {
        list(problem.get("category")).any(|category| {
            codings(Some(category)).any(|(_, code)| matches!(code, "problem-list-item" | "health-concern"))
        })
    };
    let active = |problem: &&Resource| {
        codings(problem.get("clinicalStatus"))
            .any(|(_, code)| matches!(code, "active" | "recurrence" | "relapse"))
            && !codings(problem.get("verificationStatus"))
                .any(|(_, code)| matches!(code, "refuted" | "entered-in-error"))
    };
    planning.case.chart.of("Condition").filter(of_list).filter(active).filter(|one| !is_labelled(one))
}

/// The final observations of a kind up to the day, the latest first.
pub fn observed<'a>(planning: &Planning<'a>, of: impl Fn(&Resource) -> bool) -> Vec<(String, &'a Resource)> {
    let is_final = |one: &&Resource| matches!(one.text("/status"), Some("final" | "amended" | "corrected"));
    let zone = &planning.case.program.zone;
    let dated = |one: &'a Resource| {
        let when = when_observed(one)?;
        let at = span(when, zone)?.low;
        (date_in(at, zone) <= planning.as_of).then_some((at, when, one))
    };
    let all = planning.case.chart.of("Observation").filter(is_final).filter(|one| of(one));
    let mut found: Vec<_> = all.filter_map(dated).collect();
    found.sort_by(|a, b| (b.0, b.2.id()).cmp(&(a.0, a.2.id())));
    found.into_iter().map(|(_, when, one)| (when.to_owned(), one)).collect()
}

/// When something was observed, as written; of a period, when it began.
pub fn when_observed(one: &Resource) -> Option<&str> {
    let places = ["/effectiveDateTime", "/effectiveInstant", "/effectivePeriod/start"];
    places.iter().find_map(|place| one.text(place))
}

/// The observations that record what the person prefers. One without a value records nothing.
pub fn preferences<'a>(planning: &Planning<'a>) -> Vec<(String, &'a Resource)> {
    let has_value = |one: &Resource| {
        one.value().as_object().is_some_and(|object| object.keys().any(|name| name.starts_with("value")))
    };
    observed(planning, |one| {
        is_about_preferences(one) && one.get("dataAbsentReason").is_none() && has_value(one)
    })
}

/// What an observation says in words.
pub fn words_of(one: &Resource) -> Option<&str> {
    let concept = one.text("/valueCodeableConcept/text");
    let words = one.text("/valueString").or(concept);
    let words = words.or_else(|| one.text("/valueCodeableConcept/coding/0/display"));
    words.map(str::trim).filter(|words| !words.is_empty())
}

/// Whether nobody has marked it as not for everybody's eyes.
pub fn is_open_to_all(resource: &Resource) -> bool {
    resource.value().pointer("/meta/security").is_none()
}

/// The observations that say that the person does not want to speak of preferences.
pub fn declined<'a>(planning: &Planning<'a>) -> Vec<(String, &'a Resource)> {
    observed(planning, |one| {
        let refused = codings(one.get("dataAbsentReason")).any(|(_, code)| code == "asked-declined");
        let not_so = one.get("valueBoolean").and_then(Value::as_bool) == Some(false);
        let declined = has_coding(one.get("code"), OBSERVATION_SYSTEM, DECLINED) && !not_so;
        declined || (is_about_preferences(one) && refused)
    })
}

fn is_about_preferences(one: &Resource) -> bool {
    codings(one.get("code")).any(|(system, code)| system == LOINC && PREFERENCES.contains(&code))
}

/// What the person, or somebody who speaks for the person, last said in one of these observations. What carries a
/// security label is left where it is: a copy of the words would not carry it.
pub fn own_words(planning: &Planning, codes: &Codes) -> Option<Said> {
    let of = |one: &Resource| codes.has_any(&Concept::read(one.get("code")));
    let mut open = observed(planning, of).into_iter().filter(|(_, one)| is_open_to_all(one));
    open.find_map(|(when, one)| {
        let text = words_of(one)?;
        let performers = list(one.get("performer")).filter_map(|by| by.get("reference")?.as_str());
        let own = |by: &&str| by.starts_with("Patient/") || by.starts_with("RelatedPerson/");
        let by = performers.into_iter().find(own).unwrap_or(planning.case.patient());
        let when = when.get(..10).unwrap_or(&when).to_owned();
        Some(Said { text: text.to_owned(), by: by.to_owned(), source: name(one), when })
    })
}

/// Whether a goal is in the words of the person, or of somebody close.
pub fn is_in_own_words(goal: &Resource) -> bool {
    let by = goal.text("/expressedBy/reference").unwrap_or_default();
    by.starts_with("Patient/") || by.starts_with("RelatedPerson/")
}

/// Whether an activity of a plan stands: neither it nor what it refers to has been called off.
pub fn stands(planning: &Planning, activity: &Value) -> bool {
    let named = activity.pointer("/reference/reference").and_then(Value::as_str);
    let referred = named.and_then(|name| planning.case.chart.find(name));
    let own = activity.pointer("/detail/status").and_then(Value::as_str);
    let statuses = own.into_iter().chain(referred.and_then(|one| one.text("/status")));
    !statuses.into_iter().any(|status| CALLED_OFF.contains(&status))
}

/// Whether a goal still counts.
pub fn is_open(goal: &Resource) -> bool {
    matches!(goal.text("/lifecycleStatus"), Some("proposed" | "planned" | "accepted" | "active" | "on-hold"))
}
