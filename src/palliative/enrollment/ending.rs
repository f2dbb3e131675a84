//! What the end of an episode closes beside it.
//! <https://hl7.org/fhir/R4/episodeofcare.html>

use fhir_typed::types::CodeableConcept;
use fhir_typed::types::ExtensionValue;
use jiff::civil::Date;
use serde_json::Map;
use serde_json::Value;

use crate::fhir::resource::Resource;
use crate::palliative::element::date_value;
use crate::palliative::element::extension;
use crate::palliative::enrollment::closing::closed;
use crate::palliative::enrollment::closing::closed_plan;
use crate::palliative::enrollment::closing::is_open;
use crate::palliative::enrollment::closing::with_status;
use crate::palliative::enrollment::companions::is_of_episode;
use crate::palliative::enrollment::companions::task_of;
use crate::palliative::enrollment::death;
use crate::palliative::enrollment::drafts::Drafts;
use crate::palliative::enrollment::episode::Episode;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::codings;
use crate::palliative::enrollment::facts::has_coding;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::state::Ever;
use crate::palliative::enrollment::state::State;
use crate::palliative::enrollment::transition::Change;
use crate::palliative::enrollment::transition::amend;
use crate::palliative::vocabulary::END_DATE_EXTENSION;
use crate::palliative::vocabulary::END_REASON_EXTENSION;
use crate::palliative::vocabulary::ENROLLED_DAYS_EXTENSION;
use crate::palliative::vocabulary::FLAG_SYSTEM;
use crate::palliative::vocabulary::TASK_SYSTEM;
use crate::palliative::vocabulary::TEMPLATE_ITEM_SYSTEM;

/// Ends the episode: its period, its flag, its plans, the tasks about it; what was a mistake, also its team.
pub fn close(case: &Case, stored: &mut Episode, change: &Change, drafts: &mut Drafts) {
    // What was closed before and is found to be a mistake now keeps how it was closed.
    if case.state().is_ok_and(State::is_open) {
        close_episode(stored, change);
    }
    let voided = change.to == State::EnteredInError;
    for flag in enrolled_flags(case) {
        let mut flag = with_status(flag, if voided { "entered-in-error" } else { "inactive" });
        if let (Some(end), Some(period)) = (stored.end(), period_of(&mut flag)) {
            period.insert("end".into(), end.to_string().into());
        }
        amend(drafts, flag);
    }
    let last = stored.end().or(change.last_day).unwrap_or(change.on);
    close_plans(case, (change.to, stored.ever()), last, drafts);
    cancel_tasks(case, change.to, drafts);
    revoke_requests(case, change.to, drafts);
    if voided {
        for team in teams(case).filter(|team| is_open(team)) {
            amend(drafts, closed(case, team, (change.to, "entered-in-error")));
        }
        death::call_off(case, drafts);
        if codes(&change.reasons).any(|code| code == "wrong-patient") {
            withdraw_elections(case, drafts);
        }
    }
}

fn close_episode(stored: &mut Episode, change: &Change) {
    stored.set(extension(END_DATE_EXTENSION, date_value(change.on)));
    if let Some(reason) = change.reasons.first() {
        let value = ExtensionValue::CodeableConcept(Box::new(reason.clone()));
        stored.set(extension(END_REASON_EXTENSION, value));
    }
    let last_day = change.last_day.unwrap_or(change.on);
    if !stored.close_period(last_day) {
        stored.set(extension(ENROLLED_DAYS_EXTENSION, ExtensionValue::Integer(0.into())));
    }
}

fn codes(reasons: &[CodeableConcept]) -> impl Iterator<Item = &str> {
    let codings = reasons.iter().flat_map(|reason| &reason.coding);
    codings.filter_map(|coding| coding.code.as_ref()?.value.as_deref())
}

fn close_plans(case: &Case, (to, ever): (State, Ever), last: Date, drafts: &mut Drafts) {
    let status = match (to == State::EnteredInError, ever) {
        (true, _) => "entered-in-error",
        (false, Ever::Enrolled) => "completed",
        (false, Ever::NotEnrolled) => "revoked",
    };
    let plans = case.chart.of("CarePlan").filter(|plan| is_of_episode(plan, &case.episode_name()));
    for plan in plans.filter(|plan| is_open(plan)) {
        amend(drafts, closed_plan(case, plan, (to, status), last));
    }
}

/// Nobody need do any more what was to be done about the episode; its own task goes by the state.
fn cancel_tasks(case: &Case, to: State, drafts: &mut Drafts) {
    let own = task_of(case).and_then(Resource::id);
    let episode = case.episode_name();
    let about = case.chart.of("Task").filter(|task| {
        task.refers("/focus/reference") == Some(episode.as_str())
            && codings(task.get("code")).any(|(system, _)| system == TASK_SYSTEM)
            && task.id() != own
    });
    for task in about.filter(|task| is_open(task)) {
        amend(drafts, closed(case, task, (to, "cancelled")));
    }
}

/// What the plan has asked others for is asked for no more.
fn revoke_requests(case: &Case, to: State, drafts: &mut Drafts) {
    let status = if to == State::EnteredInError { "entered-in-error" } else { "revoked" };
    let requests = case.chart.of("ServiceRequest").filter(|request| is_open(request));
    for request in requests.filter(|request| is_of_plan(case, request)) {
        amend(drafts, closed(case, request, (to, status)));
    }
}

/// Whether a plan of the episode has made it.
fn is_of_plan(case: &Case, resource: &Resource) -> bool {
    let begin = format!("{}/", case.episode.id().unwrap_or_default());
    let ours = |one: &Value| {
        one["system"] == TEMPLATE_ITEM_SYSTEM
            && one["value"].as_str().is_some_and(|value| value.starts_with(&begin))
    };
    list(resource.get("identifier")).any(ours)
}

/// The period of a flag, to be changed.
pub fn period_of(flag: &mut Resource) -> Option<&mut Map<String, Value>> {
    flag.object_mut().get_mut("period").and_then(Value::as_object_mut)
}

/// The elections that were recorded with this episode fall with it: the person is in no hospice, unless the voiding is
/// undone, which brings them back.
fn withdraw_elections(case: &Case, drafts: &mut Drafts) {
    for flag in elections_recorded(case) {
        amend(drafts, closed(case, flag, (State::EnteredInError, "entered-in-error")));
    }
}

/// The live flags of a hospice election that were made by an action on this episode.
pub fn elections_recorded<'a>(case: &'a Case) -> impl Iterator<Item = &'a Resource> {
    case.chart.of("Flag").filter(|flag| {
        has_coding(flag.get("code"), FLAG_SYSTEM, "hospice-election")
            && is_of_episode(flag, &case.episode_name())
            && flag.text("/status") == Some("active")
    })
}

/// The flags that say that the person is enrolled by this episode, whatever their status.
pub fn enrolled_flags<'a>(case: &'a Case) -> impl Iterator<Item = &'a Resource> {
    case.chart.of("Flag").filter(|flag| {
        has_coding(flag.get("code"), FLAG_SYSTEM, "palliative-enrolled")
            && is_of_episode(flag, &case.episode_name())
    })
}

/// The teams that were made for this episode.
fn teams<'a>(case: &'a Case) -> impl Iterator<Item = &'a Resource> {
    case.chart.of("CareTeam").filter(|team| is_of_episode(team, &case.episode_name()))
}
