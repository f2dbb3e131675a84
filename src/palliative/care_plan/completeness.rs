//! What a complete plan would still need, item by item. <https://hl7.org/fhir/R4/careplan.html>

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::resource::Resource;
use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::items::Found;
use crate::palliative::care_plan::items::referred;
use crate::palliative::care_plan::reading::declined;
use crate::palliative::care_plan::reading::is_in_own_words;
use crate::palliative::care_plan::reading::is_open;
use crate::palliative::care_plan::reading::observed;
use crate::palliative::care_plan::reading::preferences;
use crate::palliative::care_plan::reading::stands;
use crate::palliative::care_plan::team;
use crate::palliative::enrollment::episode::Episode;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::facts::codings;
use crate::palliative::enrollment::facts::covers;
use crate::palliative::enrollment::facts::first_day;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::guards;
use crate::palliative::record::Concept;
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

/// Observations that say whether there is a family caregiver.
const CAREGIVER: [&str; 2] = ["caregiver-identified", "95613-6"];

/// What the plan lacks; with goals that are made now, and not stored yet, as they would be.
pub fn gaps(planning: &Planning, plan: Option<&Resource>, made: &[Found]) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let plan = plan.filter(|plan| counts(planning, plan));
    let goals = plan.map(|plan| goals_of(planning, plan, made)).unwrap_or_default();
    match plan {
        None => gaps
            .push(gap(("1", "plan-missing", "error"), "There is no palliative care plan for this episode.")),
        Some(plan) => in_plan(planning, plan, &goals, &mut gaps),
    }
    in_record(planning, &goals, &mut gaps);
    in_team(planning, &mut gaps);
    gaps
}

/// Whether a plan is one to go by on the day: one that was revoked or entered in error never is, and one that is
/// completed only until its end.
pub fn counts(planning: &Planning, plan: &Resource) -> bool {
    match plan.text("/status") {
        Some("revoked" | "entered-in-error") => false,
        Some("completed") => {
            let period = plan.get("period");
            let ends = period.is_some_and(|period| period.get("end").is_some());
            ends && covers(period, planning.as_of, planning.case.program)
        }
        _ => true,
    }
}

/// The goals that the plan names and that still count.
fn goals_of<'a>(planning: &Planning<'a>, plan: &Resource, made: &'a [Found]) -> Vec<&'a Resource> {
    let names = list(plan.get("goal")).filter_map(|goal| goal.get("reference")?.as_str());
    names.filter_map(|name| referred(planning, made, name)).filter(|goal| is_open(goal)).collect()
}

fn in_plan(planning: &Planning, plan: &Resource, goals: &[&Resource], gaps: &mut Vec<Gap>) {
    if !goals.iter().any(|goal| is_in_own_words(goal)) {
        let text = "No goal of the plan that is still open is in the person's own words; write one, say who \
                    expressed it, and apply the plan.";
        gaps.push(gap(("1", "goal-own-words-missing", "error"), text));
    }
    for domain in ["1", "2", "3", "4", "5", "6", "7", "8"] {
        let served = |activity: &Value| is_of_domain(activity, domain) && stands(planning, activity);
        let served = list(plan.get("activity")).any(served);
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

fn in_record(planning: &Planning, goals: &[&Resource], gaps: &mut Vec<Gap>) {
    let recorded = !preferences(planning).is_empty() || !declined(planning).is_empty();
    if !recorded && !is_planned(planning, goals) {
        let text = "No preference for treatment is recorded, none is declined, and none is due in time.";
        gaps.push(gap(("8", "acp-preference-missing", "warning"), text));
    }
    let days = planning.intensity().reassess_days;
    let first = planning.as_of.saturating_sub(days.days());
    let symptoms = |one: &Resource| planning.assessments.symptoms.has_any(&Concept::read(one.get("code")));
    if latest(planning, symptoms).is_none_or(|day| day < first) {
        let text = format!("Symptoms were not assessed within {days} days.");
        gaps.push(gap(("2", "symptom-assessment-overdue", "warning"), &text));
    }
    let in_use = |one: &Resource| one.get("active").and_then(Value::as_bool) != Some(false);
    let is_there =
        |one: &Resource| in_use(one) && covers(one.get("period"), planning.as_of, planning.case.program);
    let caregiver = planning.case.chart.of("RelatedPerson").any(is_there);
    let identified = |one: &Resource| codings(one.get("code")).any(|(_, code)| CAREGIVER.contains(&code));
    if latest(planning, identified).is_none() && !caregiver {
        let text = "It is not known whether there is a family caregiver.";
        gaps.push(gap(("4", "caregiver-unknown", "warning"), text));
    }
}

/// Whether a goal on wishes is due that has not passed, and no later than the tier allows.
fn is_planned(planning: &Planning, goals: &[&Resource]) -> bool {
    let start = Episode::of(planning.case.episode).start().unwrap_or(planning.as_of);
    let last = start.saturating_add(planning.intensity().acp_days.days());
    let in_time = |due: Date| due >= planning.as_of && due <= last;
    goals.iter().any(|goal| is_of_domain(goal.value(), "8") && due(goal).is_some_and(in_time))
}

fn in_team(planning: &Planning, gaps: &mut Vec<Gap>) {
    let case = planning.case;
    if !case.program.phone_all_day {
        let text = "The programme's HealthcareService has no telephone that is answered all day, every day.";
        gaps.push(gap(("1", "contact-24-7-missing", "error"), text));
    }
    let manager = team::teams(case).find_map(|team| guards::manager(team, (planning.as_of, case.program)));
    if case.episode.get("careManager").is_none() && manager.is_none() {
        let text = "Neither the episode's careManager nor its team names a responsible clinician.";
        gaps.push(gap(("1", "responsible-clinician-missing", "error"), text));
    }
    let patient = case.chart.find(case.patient());
    if patient.is_none_or(|patient| list(patient.get("generalPractitioner")).next().is_none()) {
        gaps.push(gap(("1", "pcp-missing", "warning"), "The patient's generalPractitioner is not named."));
    }
    for role in team::missing_roles(planning).iter().filter(|role| *role != "pcp") {
        let text = format!("The tier asks for a {role}, and nobody in the team has that role.");
        gaps.push(gap(("1", "team-role-missing", "warning"), &text));
    }
}

fn gap((domain, code, severity): (&str, &'static str, &'static str), text: &str) -> Gap {
    Gap { domain: domain.to_owned(), code, severity, text: text.to_owned() }
}

/// Whether a goal or an activity is of a domain.
pub fn is_of_domain(element: &Value, domain: &str) -> bool {
    list(element.get("extension")).any(|one| {
        one.get("url").and_then(Value::as_str) == Some(DOMAIN_EXTENSION)
            && one.pointer("/valueCoding/code").and_then(Value::as_str) == Some(domain)
    })
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

/// The last day on which one of these was observed. One without a value says that it was not.
fn latest(planning: &Planning, of: impl Fn(&Resource) -> bool) -> Option<Date> {
    let found = observed(planning, |one| of(one) && one.get("dataAbsentReason").is_none());
    found.iter().filter_map(|(when, _)| first_day(when, planning.case.program)).max()
}
