//! What a complete plan would still need, item by item. <https://hl7.org/fhir/R4/careplan.html>

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::resource::Resource;
use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::reading::preferences;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::facts::codings;
use crate::palliative::enrollment::facts::first_day;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::guards;
use crate::palliative::enrollment::tiers;
use crate::palliative::vocabulary::DOMAIN_EXTENSION;
use crate::palliative::vocabulary::NEXT_REVIEW_EXTENSION;

/// What is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The domain, 1 to 8.
    pub domain: String,
    /// A code of the system of completeness.
    pub code: &'static str,
    /// `error` for what a plan cannot be without, else `warning`.
    pub severity: &'static str,
    /// In words.
    pub text: String,
}

/// Days within which symptoms are assessed, by tier.
const CADENCE: [(&str, i64); 4] = [("tier-1", 180), ("tier-2", 90), ("tier-3", 30), ("tier-4", 14)];
/// The same where no tier is known.
const USUAL_CADENCE: i64 = 30;

/// The panel of symptoms and the pain score.
const SYMPTOMS: [&str; 2] = ["112503-8", "72514-3"];
/// Observations that say whether there is a family caregiver.
const CAREGIVER: [&str; 2] = ["caregiver-identified", "95613-6"];
/// A person's wish not to speak of preferences now.
pub const DECLINED: &str = "acp-declined";

/// What the plan lacks; with goals that are not stored yet, as they would be.
pub fn gaps(planning: &Planning, plan: Option<&Resource>, goals: &[Resource]) -> Vec<Gap> {
    let mut gaps = Vec::new();
    match plan {
        None => gaps
            .push(gap(("1", "plan-missing", "error"), "There is no palliative care plan for this episode.")),
        Some(plan) => in_plan(planning, plan, goals, &mut gaps),
    }
    in_record(planning, goals, &mut gaps);
    in_team(planning, &mut gaps);
    gaps
}

fn in_plan(planning: &Planning, plan: &Resource, goals: &[Resource], gaps: &mut Vec<Gap>) {
    if !goals.iter().any(is_in_own_words) {
        let text = "No goal is in the person's own words; write one and say who expressed it.";
        gaps.push(gap(("1", "goal-own-words-missing", "error"), text));
    }
    for domain in ["1", "2", "3", "4", "5", "6", "7", "8"] {
        let served = list(plan.get("activity")).any(|activity| is_of_domain(activity, domain));
        if !served && !list(plan.get("note")).any(|note| says_no_need(note, domain)) {
            let text =
                format!("Domain {domain} has neither an activity nor a note `no need: domain {domain}`.");
            gaps.push(gap((domain, "domain-activity-missing", "warning"), &text));
        }
    }
    if next_review(plan).is_none_or(|review| review < planning.as_of) {
        gaps.push(gap(
            ("1", "next-review-missing", "error"),
            "The plan has no date for its next review, or it has passed.",
        ));
    }
}

/// The day by which a plan is to be reviewed.
pub fn next_review(plan: &Resource) -> Option<Date> {
    extension_of(plan, NEXT_REVIEW_EXTENSION)?.get("valueDate")?.as_str()?.parse().ok()
}

fn in_record(planning: &Planning, goals: &[Resource], gaps: &mut Vec<Gap>) {
    let declined = latest(planning, &[DECLINED]).is_some();
    let planned =
        goals.iter().any(|goal| is_goal_of(goal, "8") && due(goal).is_some_and(|due| due >= planning.as_of));
    if preferences(planning).next().is_none() && !declined && !planned {
        let text = "No preference for treatment is recorded, none is declined, and none is due.";
        gaps.push(gap(("8", "acp-preference-missing", "warning"), text));
    }
    let tier = tiers::on(planning.case.episode, planning.as_of);
    let days = CADENCE.iter().find(|(own, _)| tier == Some(*own)).map_or(USUAL_CADENCE, |(_, days)| *days);
    let first = planning.as_of.checked_sub(days.days()).unwrap_or(planning.as_of);
    if latest(planning, &SYMPTOMS).is_none_or(|day| day < first) {
        let text = format!("Symptoms were not assessed within {days} days.");
        gaps.push(gap(("2", "symptom-assessment-overdue", "warning"), &text));
    }
    let caregiver = planning.case.chart.of("RelatedPerson").next().is_some();
    if latest(planning, &CAREGIVER).is_none() && !caregiver {
        let text = "It is not known whether there is a family caregiver.";
        gaps.push(gap(("4", "caregiver-unknown", "warning"), text));
    }
}

fn in_team(planning: &Planning, gaps: &mut Vec<Gap>) {
    let case = planning.case;
    if !case.program.phone_all_day {
        let text = "The programme's HealthcareService has no telephone that is answered all day, every day.";
        gaps.push(gap(("1", "contact-24-7-missing", "error"), text));
    }
    let team = case.episode.text("/team/0/reference").and_then(|to| case.chart.find(to));
    if case.episode.get("careManager").is_none() && team.and_then(guards::manager).is_none() {
        let text = "Neither the episode's careManager nor its team names a responsible clinician.";
        gaps.push(gap(("1", "responsible-clinician-missing", "error"), text));
    }
    let patient = case.chart.find(case.patient());
    if patient.is_none_or(|patient| list(patient.get("generalPractitioner")).next().is_none()) {
        gaps.push(gap(("1", "pcp-missing", "warning"), "The patient's generalPractitioner is not named."));
    }
}

fn gap((domain, code, severity): (&str, &'static str, &'static str), text: &str) -> Gap {
    Gap { domain: domain.to_owned(), code, severity, text: text.to_owned() }
}

fn is_in_own_words(goal: &Resource) -> bool {
    let by = goal.text("/expressedBy/reference").unwrap_or_default();
    by.starts_with("Patient/") || by.starts_with("RelatedPerson/")
}

fn is_of_domain(element: &Value, domain: &str) -> bool {
    list(element.get("extension")).any(|one| {
        one.get("url").and_then(Value::as_str) == Some(DOMAIN_EXTENSION)
            && one.pointer("/valueCoding/code").and_then(Value::as_str) == Some(domain)
    })
}

fn is_goal_of(goal: &Resource, domain: &str) -> bool {
    is_of_domain(goal.value(), domain)
}

fn says_no_need(note: &Value, domain: &str) -> bool {
    let text = note.get("text").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    text.contains(&format!("no need: domain {domain}"))
}

fn due(goal: &Resource) -> Option<Date> {
    list(goal.get("target"))
        .filter_map(|target| target.get("dueDate")?.as_str()?.get(..10)?.parse().ok())
        .max()
}

/// The last day on which one of these was observed.
fn latest(planning: &Planning, codes: &[&str]) -> Option<Date> {
    planning
        .case
        .chart
        .of("Observation")
        .filter(|one| matches!(one.text("/status"), Some("final" | "amended" | "corrected")))
        .filter(|one| codings(one.get("code")).any(|(_, code)| codes.contains(&code)))
        .filter_map(|one| one.text("/effectiveDateTime").or(one.text("/effectivePeriod/start")))
        .filter_map(|when| first_day(when, planning.case.program))
        .filter(|day| *day <= planning.as_of)
        .max()
}
