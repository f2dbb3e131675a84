//! What the payment of one person turns on beside coverage: death, hospice, contacts, and the tier of each day.
//! <https://hl7.org/fhir/R4/encounter.html>

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::resource::Resource;
use crate::palliative::enrollment::both_kinds;
use crate::palliative::enrollment::death::days_on;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::enrollment::facts::codings;
use crate::palliative::enrollment::facts::first_day;
use crate::palliative::enrollment::facts::has_coding;
use crate::palliative::enrollment::facts::last_day;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::tiers as on_episode;
use crate::palliative::program::Program;
use crate::palliative::time_line::Days;
use crate::palliative::time_line::Stretch;
use crate::palliative::time_line::day_before;
use crate::palliative::vocabulary::FLAG_SYSTEM;
use crate::palliative::vocabulary::TIER_SYSTEM;

const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
/// The classes of a contact that counts as a service: at home, ambulatory, virtual.
const CONTACTS: [&str; 3] = ["HH", "AMB", "VR"];

/// The last day on which the person was alive as far as it is known for certain; the last of the calendar where
/// nothing says that the person died. None where the person died and no day is known on which they were seen alive.
///
/// Of a partial date the first day that it can mean is taken, and of a death without a date the last contact: a day
/// that may lie after a death is not paid.
pub fn last_alive(chart: &Chart, program: &Program) -> Option<Date> {
    let mut last = last_before_dated_death(chart, program)?;
    let undated = |patient: &&Resource| {
        patient.text("/deceasedDateTime").is_none()
            && patient.get("deceasedBoolean").and_then(Value::as_bool) == Some(true)
    };
    if chart.of("Patient").any(|patient| undated(&patient)) {
        let seen = chart.of("Encounter").filter(|one| one.text("/status") == Some("finished"));
        last = last.min(seen.filter_map(|one| seen_on(one, program)).max()?);
    }
    Some(last)
}

/// The last day of a contact: that of its end where it has one, which may be a day that is not known exactly.
fn seen_on(contact: &Resource, program: &Program) -> Option<Date> {
    let begun = last_day(contact.text("/period/start")?, program)?;
    let over = contact.text("/period/end").and_then(|end| first_day(end, program));
    Some(over.map_or(begun, |over| over.max(begun)))
}

/// The same by those deaths alone that have a date: the last of the calendar where none has one, and none where one
/// cannot be read.
pub fn last_before_dated_death(chart: &Chart, program: &Program) -> Option<Date> {
    // A death that any programme recorded holds for all, also before the Patient says so.
    let mut last = days_on(chart.of("EpisodeOfCare")).min().unwrap_or(Date::MAX);
    for died in chart.of("Patient").filter_map(|patient| patient.text("/deceasedDateTime")) {
        last = last.min(first_day(died, program)?);
    }
    Some(last)
}

/// The patients of whom it is not known on which day they died, though they did.
pub fn deaths_without_a_day<'a>(
    chart: &'a Chart,
    program: &'a Program,
) -> impl Iterator<Item = &'a Resource> {
    chart.of("Patient").filter(|patient| match patient.text("/deceasedDateTime") {
        Some(died) => first_day(died, program) != last_day(died, program),
        None => patient.get("deceasedBoolean").and_then(Value::as_bool) == Some(true),
    })
}

/// The days on which hospice leaves none to an adult here. The day of the election is one, that of a revocation is not.
/// Under the age of 21 both kinds of care go on side by side, and above where the payer allows it.
pub fn hospice(chart: &Chart, program: &Program) -> Days {
    let elections = chart.of("Flag").filter(|flag| {
        let status = flag.text("/status").unwrap_or_default();
        let in_force = status == "active" || (status == "inactive" && flag.text("/period/end").is_some());
        in_force && has_coding(flag.get("code"), FLAG_SYSTEM, "hospice-election")
    });
    let days = Days::of(elections.filter_map(|flag| {
        let first = flag.text("/period/start").and_then(|start| first_day(start, program));
        let last = flag.text("/period/end").and_then(|end| first_day(end, program)).map(day_before);
        Stretch::new(first.unwrap_or(Date::MIN), last.unwrap_or(Date::MAX))
    }));
    let of_an_adult = match grown_up(chart, program) {
        Some(from) => Stretch::new(from, Date::MAX).map_or_else(Days::default, |adult| days.within(adult)),
        None => days,
    };
    of_an_adult.minus(&both_kinds::days_of(chart, program))
}

/// The day on which the person turns 21; none where the date of birth is not known.
fn grown_up(chart: &Chart, program: &Program) -> Option<Date> {
    let birth = chart.of("Patient").find_map(|patient| patient.text("/birthDate"))?;
    let born = first_day(birth, program)?;
    let year = born.year().checked_add(21)?;
    // One who was born on the 29th of February is a year older on the 1st of March.
    Date::new(year, born.month(), born.day()).or_else(|_| Date::new(year, 3, 1)).ok()
}

/// The contacts of an episode's team with the person: whoever of the team was there counts, at home, in a clinic, or
/// by telephone and video. A contact after the death is no contact.
pub struct Contacts {
    days: Vec<Stretch>,
}

impl Contacts {
    /// Finds the contacts of an episode.
    pub fn of(chart: &Chart, episode: &Resource, program: &Program) -> Self {
        let team = team(chart, episode);
        let alive = last_alive(chart, program);
        let counts = |encounter: &&Resource| {
            let class = (
                encounter.text("/class/system").unwrap_or(ACT_CODE),
                encounter.text("/class/code").unwrap_or_default(),
            );
            encounter.text("/status") == Some("finished")
                && class.0 == ACT_CODE
                && CONTACTS.contains(&class.1)
                && takes_part(chart, encounter, &team)
        };
        let day = |encounter: &Resource| {
            let start = encounter.text("/period/start")?;
            Stretch::new(first_day(start, program)?, last_day(start, program)?)
        };
        let days = chart.of("Encounter").filter(counts).filter_map(day);
        Self { days: days.filter(|day| alive.is_some_and(|alive| day.first <= alive)).collect() }
    }

    /// Whether one surely was in these days.
    pub fn any_in(&self, days: Stretch) -> bool {
        self.days.iter().any(|contact| contact.and(days) == Some(*contact))
    }
}

/// The members of an episode's teams and its care manager, as references.
fn team<'a>(chart: &'a Chart, episode: &'a Resource) -> BTreeSet<&'a str> {
    let teams = list(episode.get("team")).filter_map(|team| chart.find(team.get("reference")?.as_str()?));
    let members = teams
        .filter(|team| team.text("/status") != Some("entered-in-error"))
        .flat_map(|team| list(team.get("participant")))
        .filter_map(|participant| participant.pointer("/member/reference")?.as_str());
    let all = members.chain(episode.text("/careManager/reference"));
    let works = |one: &&str| !one.starts_with("Patient/") && !one.starts_with("RelatedPerson/");
    all.filter(works).flat_map(|one| [Some(one), person_of(chart, one)]).flatten().collect()
}

/// Whether one of the team takes part in an encounter, in person or as the organisation that gives the service.
fn takes_part(chart: &Chart, encounter: &Resource, team: &BTreeSet<&str>) -> bool {
    let people = list(encounter.get("participant"))
        .filter_map(|participant| participant.pointer("/individual/reference")?.as_str());
    let mut all = people.chain(encounter.text("/serviceProvider/reference"));
    all.any(|one| team.contains(one) || person_of(chart, one).is_some_and(|person| team.contains(person)))
}

/// The practitioner who has a PractitionerRole.
fn person_of<'a>(chart: &'a Chart, reference: &str) -> Option<&'a str> {
    reference
        .starts_with("PractitionerRole/")
        .then(|| chart.find(reference))??
        .text("/practitioner/reference")
}

/// The tiers of an episode, each with the day since when, in their order. What was put on the episode counts; before
/// the first of that, what was assessed.
pub fn tiers(chart: &Chart, episode: &Resource, program: &Program) -> Vec<(Date, String)> {
    let own: Vec<(Date, String)> =
        on_episode::all(episode).into_iter().map(|(since, tier)| (since, tier.to_owned())).collect();
    let first = own.first().map_or(Date::MAX, |(since, _)| *since);
    let mut all: Vec<(Date, String)> =
        chart.of("RiskAssessment").filter_map(|one| assessed(one, program)).collect();
    all.sort();
    all.retain(|(since, _)| *since < first);
    all.extend(own);
    all
}

/// The day and the tier of a final assessment.
fn assessed(assessment: &Resource, program: &Program) -> Option<(Date, String)> {
    if !matches!(assessment.text("/status"), Some("final" | "amended" | "corrected")) {
        return None;
    }
    let day = first_day(assessment.text("/occurrenceDateTime")?, program)?;
    let tier = list(assessment.get("prediction"))
        .flat_map(|prediction| codings(prediction.get("qualitativeRisk")))
        .find(|(system, _)| *system == TIER_SYSTEM)?;
    Some((day, tier.1.to_owned()))
}
