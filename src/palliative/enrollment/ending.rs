//! What the end of an episode closes beside it, and what its undoing opens again.
//! <https://hl7.org/fhir/R4/episodeofcare.html>

use fhir_typed::types::CodeableConcept;
use fhir_typed::types::ExtensionValue;
use serde_json::Map;
use serde_json::Value;

use crate::fhir::datetime::instant;
use crate::fhir::resource::Resource;
use crate::palliative::element::date_value;
use crate::palliative::element::extension;
use crate::palliative::enrollment::companions::is_of_episode;
use crate::palliative::enrollment::companions::task_of;
use crate::palliative::enrollment::drafts::Drafts;
use crate::palliative::enrollment::episode::Episode;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::codings;
use crate::palliative::enrollment::facts::has_coding;
use crate::palliative::enrollment::state::Ever;
use crate::palliative::enrollment::state::State;
use crate::palliative::enrollment::transition::Change;
use crate::palliative::enrollment::transition::amend;
use crate::palliative::vocabulary::END_DATE_EXTENSION;
use crate::palliative::vocabulary::END_REASON_EXTENSION;
use crate::palliative::vocabulary::ENROLLED_DAYS_EXTENSION;
use crate::palliative::vocabulary::FLAG_SYSTEM;
use crate::palliative::vocabulary::TASK_SYSTEM;

/// The statuses of a Task with which somebody may still be busy.
const UNDER_WAY: [&str; 7] =
    ["draft", "requested", "received", "accepted", "ready", "in-progress", "on-hold"];

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
    close_plans(case, (voided, stored.ever()), drafts);
    cancel_tasks(case, drafts);
    if voided {
        for team in teams(case) {
            amend(drafts, with_status(team, "entered-in-error"));
        }
        if codes(&change.reasons).any(|code| code == "wrong-patient") {
            withdraw_election(case, drafts);
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

fn close_plans(case: &Case, (voided, ever): (bool, Ever), drafts: &mut Drafts) {
    let status = match (voided, ever) {
        (true, _) => "entered-in-error",
        (false, Ever::Enrolled) => "completed",
        (false, Ever::NotEnrolled) => "revoked",
    };
    for plan in case.chart.of("CarePlan").filter(|plan| is_of_episode(plan, &case.episode_name())) {
        if matches!(plan.text("/status"), Some("draft" | "active" | "on-hold")) {
            amend(drafts, with_status(plan, status));
        }
    }
}

/// Nobody need do any more what was to be done about the episode; its own task goes by the state.
fn cancel_tasks(case: &Case, drafts: &mut Drafts) {
    let own = task_of(case).and_then(Resource::id);
    let episode = case.episode_name();
    let about = case.chart.of("Task").filter(|task| {
        task.text("/focus/reference") == Some(episode.as_str())
            && codings(task.get("code")).any(|(system, _)| system == TASK_SYSTEM)
            && task.id() != own
    });
    for task in about.filter(|task| task.text("/status").is_some_and(|now| UNDER_WAY.contains(&now))) {
        let mut task = with_status(task, "cancelled");
        task.object_mut().insert("lastModified".into(), instant(case.now).into());
        amend(drafts, task);
    }
}

/// Puts the flag that says that the person is enrolled, and the team, back to what goes with the state that an
/// undone ending leads back to.
pub fn reopen(case: &Case, to: State, drafts: &mut Drafts) {
    let serves = matches!(to, State::Enrolled | State::OnHold);
    for flag in enrolled_flags(case) {
        let mut flag = with_status(flag, if serves { "active" } else { "inactive" });
        if let Some(period) = period_of(&mut flag).filter(|_| serves) {
            period.remove("end");
        }
        amend(drafts, flag);
    }
    for team in teams(case).filter(|team| team.text("/status") == Some("entered-in-error")) {
        amend(drafts, with_status(team, "active"));
    }
}

fn period_of(flag: &mut Resource) -> Option<&mut Map<String, Value>> {
    flag.object_mut().get_mut("period").and_then(Value::as_object_mut)
}

/// An election that was recorded by the ending of this episode falls with it: the person is in no hospice.
pub fn withdraw_election(case: &Case, drafts: &mut Drafts) {
    let made_here = case.chart.of("Flag").filter(|flag| {
        has_coding(flag.get("code"), FLAG_SYSTEM, "hospice-election")
            && is_of_episode(flag, &case.episode_name())
    });
    for flag in made_here.filter(|flag| flag.text("/status") == Some("active")) {
        amend(drafts, with_status(flag, "entered-in-error"));
    }
}

fn with_status(resource: &Resource, status: &str) -> Resource {
    let mut resource = resource.clone();
    resource.object_mut().insert("status".into(), status.into());
    resource
}

/// The flags that say that the person is enrolled by this episode, whatever their status.
fn enrolled_flags<'a>(case: &'a Case) -> impl Iterator<Item = &'a Resource> {
    case.chart.of("Flag").filter(|flag| {
        has_coding(flag.get("code"), FLAG_SYSTEM, "palliative-enrolled")
            && is_of_episode(flag, &case.episode_name())
    })
}

/// The teams that were made for this episode.
fn teams<'a>(case: &'a Case) -> impl Iterator<Item = &'a Resource> {
    case.chart.of("CareTeam").filter(|team| is_of_episode(team, &case.episode_name()))
}
