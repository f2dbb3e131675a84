//! What is to be on record: assessments at the tier's cadence, the person's wishes, and an answer to pain.
//! <https://hl7.org/fhir/R4/observation.html>

use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::Resource;
use crate::fhir::datetime::Micros;
use crate::fhir::datetime::date_in;
use crate::fhir::datetime::span;
use crate::fhir::reference::unversioned;
use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::reading::declined;
use crate::palliative::care_plan::reading::preferences;
use crate::palliative::care_plan::reading::when_observed;
use crate::palliative::enrollment::facts::first_day;
use crate::palliative::enrollment::facts::has_coding;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::name;
use crate::palliative::gaps::Done;
use crate::palliative::gaps::Duty;
use crate::palliative::gaps::Following;
use crate::palliative::gaps::Gap;
use crate::palliative::gaps::Rhythm;
use crate::palliative::gaps::after;
use crate::palliative::record::Concept;
use crate::palliative::record::is_meant;
use crate::palliative::screening::Codes;
use crate::palliative::vocabulary::OBSERVATION_SYSTEM;

/// Days in which pain is to be assessed, and answered.
const TREATED_WITHIN: i64 = 1;
/// From which score of 0 to 10 on pain is to be answered, where the programme does not say.
const ANSWERED_FROM: i64 = 4;
/// From which score on it is to be assessed, where the programme does not say: any pain.
const ASSESSED_FROM: i64 = 1;
/// How many of the seven parts of an assessment of pain are to be told.
const PARTS_OF_ASSESSMENT: usize = 5;

/// The assessments of symptoms, function and the caregiver, the first of each soon after the start.
pub fn assessed(following: &Following, start: Date) -> Vec<Gap> {
    let (row, codes) = (following.intensity, following.assessments);
    let mut wanted = vec![
        ("symptom-overdue", "2", &codes.symptoms, row.reassess_days, "symptoms"),
        ("function-overdue", "2", &codes.function, row.reassess_days, "function"),
    ];
    if !has_no_caregiver(following) {
        let caregiver =
            ("caregiver-not-assessed", "4", &codes.caregiver, row.caregiver_days, "the family caregiver");
        wanted.push(caregiver);
    }
    let duty = |(code, domain, codes, days, what): (&'static str, &'static str, &Codes, i64, &str)| {
        let done = latest(following, |one| codes.has_any(&Concept::read(one.get("code"))));
        let soon = following.planning.case.program.assess_days.unwrap_or(row.assess_days);
        let first = after(start, soon.min(days));
        let due = done.as_ref().map_or(first, |done| after(done.on, days).max(first));
        let words = format!("an assessment of {what} every {days} days");
        Duty { code, domain, rhythm: Rhythm::Again, due, done, words }.on(following.planning.as_of)
    };
    wanted.into_iter().map(duty).collect()
}

/// The person's wishes, or that the person does not want to speak of them.
pub fn wishes(following: &Following, start: Date) -> Option<Gap> {
    let planning = following.planning;
    let told = preferences(planning).into_iter().chain(declined(planning));
    let dated =
        told.filter_map(|(when, one)| Some((span(&when, &planning.case.program.zone)?.low, name(one))));
    let done = dated.max().map(|(at, source)| done(planning, at, source));
    let due = after(start, following.intensity.acp_days);
    let words = format!(
        "a conversation on preferences for treatment within {} days of the start",
        following.intensity.acp_days
    );
    let duty = Duty { code: "acp-preference-missing", domain: "8", rhythm: Rhythm::Once, due, done, words };
    Some(duty.on(following.planning.as_of))
}

/// An answer to the last pain score, where it is positive for the programme: a medicine, an order that names it, or a
/// later lower score.
pub fn pain(following: &Following) -> Option<Gap> {
    let planning = following.planning;
    let scored = in_pain(following, planning.case.program.pain_positive.unwrap_or(ANSWERED_FROM))?;
    let due = after(scored.on, TREATED_WITHIN);
    let orders = planning.case.chart.of("MedicationRequest").chain(planning.case.chart.of("ServiceRequest"));
    let answer = orders.filter(|order| is_answer(following, order, &scored)).find_map(|order| {
        let on = first_day(order.text("/authoredOn")?, planning.case.program)?;
        (on >= scored.on && on <= planning.as_of).then(|| Done { on, source: name(order) })
    });
    let words = format!("an answer to the pain score {} of {}", scored.source, scored.on);
    let rhythm = Rhythm::Once;
    let duty = Duty { code: "pain-positive-untreated", domain: "2", rhythm, due, done: answer, words };
    Some(duty.on(planning.as_of))
}

/// An assessment after the last pain score, where it is positive for the programme: what kind of pain it is, and not how
/// strong alone.
pub fn pain_assessed(following: &Following) -> Option<Gap> {
    let planning = following.planning;
    let scored = in_pain(following, planning.case.program.pain_positive.unwrap_or(ASSESSED_FROM))?;
    let due = after(scored.on, TREATED_WITHIN);
    let is_assessment = |one: &Resource| {
        following.assessments.pain_assessment.has_any(&Concept::read(one.get("code")))
            && told(one) >= PARTS_OF_ASSESSMENT
    };
    let done = latest(following, is_assessment).filter(|done| done.on >= scored.on);
    let words = format!(
        "an assessment of the pain that was scored in {} on {}: {PARTS_OF_ASSESSMENT} of where it is, how strong, what \
         kind, how long, how often, what makes it better or worse, what it keeps from doing",
        scored.source, scored.on
    );
    let rhythm = Rhythm::Once;
    let duty = Duty { code: "pain-not-assessed", domain: "2", rhythm, due, done, words };
    Some(duty.on(planning.as_of))
}

/// How much an assessment tells: its components with a value, and its members.
fn told(assessment: &Resource) -> usize {
    let has_value = |part: &&Value| {
        part.as_object().is_some_and(|part| part.keys().any(|name| name.starts_with("value")))
    };
    list(assessment.get("component")).filter(has_value).count() + list(assessment.get("hasMember")).count()
}

/// From which score on pain is to be answered, on a scale of 0 to 10 and on one of 0 to 4, where 3 (severe) stands for
/// what is 4 to 6, as everywhere in our rules, and nothing above 0 is passed over where any pain counts.
fn positive_from(least: i64) -> (f64, f64) {
    let of_four = match least {
        ..=1 => 1.0,
        2..=3 => 2.0,
        4..=6 => 3.0,
        7.. => 4.0,
    };
    (f64::from(i32::try_from(least).unwrap_or(i32::MAX)), of_four)
}

/// The last pain score, where something is to be done about it; of two instruments on one day, either.
fn in_pain(following: &Following, least: i64) -> Option<Done> {
    let of = |codes: &Codes| latest(following, |one| codes.has_any(&Concept::read(one.get("code"))));
    let (of_ten, of_four) = positive_from(least);
    let scales =
        [(of(&following.assessments.pain), of_ten), (of(&following.assessments.pain_of_four), of_four)];
    let last = scales.iter().filter_map(|(scored, _)| Some(scored.as_ref()?.on)).max()?;
    let is_pain = |scored: &Done, least: f64| {
        let score = following.planning.case.chart.find(&scored.source).and_then(number);
        scored.on == last && score.is_some_and(|score| score >= least)
    };
    scales.into_iter().find_map(|(scored, least)| scored.filter(|scored| is_pain(scored, least)))
}

/// Whether an order is for this pain: a medicine against pain, or one that says so.
fn is_answer(following: &Following, order: &Resource, scored: &Done) -> bool {
    let withdrawn =
        matches!(order.text("/status"), Some("entered-in-error" | "cancelled" | "revoked" | "draft"));
    // An order not to give a medicine leaves the pain as it is.
    if withdrawn || !is_meant(order) {
        return false;
    }
    let medicine = medicine(following, order);
    let against_pain = following.assessments.analgesics.has_any(&medicine)
        || medicine.texts.iter().any(|text| following.assessments.analgesics.is_named_in(text));
    let named = list(order.get("reasonReference"))
        .any(|one| one["reference"].as_str().map(unversioned) == Some(scored.source.as_str()));
    against_pain || named
}

/// What an order is for, where a Medication says so too.
fn medicine(following: &Following, order: &Resource) -> Concept {
    let named = order.text("/medicationReference/reference");
    let contained = named.and_then(|to| to.strip_prefix('#')).and_then(|id| {
        list(order.get("contained")).find(|one| one["id"] == id && one["resourceType"] == "Medication")
    });
    let stored = named.and_then(|to| following.planning.case.chart.find(to));
    let code = contained.map(|one| &one["code"]).or_else(|| stored?.get("code"));
    Concept::read(code.or_else(|| order.get("medicationCodeableConcept")))
}

/// Whether the last word on it is that there is no family caregiver.
fn has_no_caregiver(following: &Following) -> bool {
    let of = |one: &Resource| has_coding(one.get("code"), OBSERVATION_SYSTEM, "caregiver-identified");
    let last = latest(following, of).and_then(|done| following.planning.case.chart.find(&done.source));
    last.is_some_and(|one| one.get("valueBoolean").and_then(Value::as_bool) == Some(false))
}

fn done(planning: &Planning, at: Micros, source: String) -> Done {
    Done { on: date_in(at, &planning.case.program.zone), source }
}

/// The latest final observation of a kind up to the day; of one instant the one with the greatest id.
fn latest(following: &Following, of: impl Fn(&Resource) -> bool) -> Option<Done> {
    let planning = following.planning;
    let all = planning.case.chart.of("Observation").filter(|one| {
        matches!(one.text("/status"), Some("final" | "amended" | "corrected"))
            && one.get("dataAbsentReason").is_none()
            && of(one)
    });
    let dated = all.filter_map(|one| {
        let when = when_observed(one)?;
        let at = span(when, &planning.case.program.zone)?.low;
        (date_in(at, &planning.case.program.zone) <= planning.as_of).then(|| (at, name(one)))
    });
    dated.max().map(|(at, source)| done(planning, at, source))
}

fn number(observation: &Resource) -> Option<f64> {
    let places = ["/valueInteger", "/valueQuantity/value"];
    places.iter().find_map(|place| observation.value().pointer(place)?.as_f64())
}
