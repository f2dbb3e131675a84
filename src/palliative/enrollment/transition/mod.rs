//! A change of state: whether it may be, and everything that it writes. <https://hl7.org/fhir/R4/episodeofcare.html>
//!
//! Rules propose and people act: nothing here enrols or discharges anybody by itself.

use fhir_typed::Resource as Typed;
use fhir_typed::types::CodeableConcept;
use jiff::civil::Date;
use serde_json::Value;
use serde_json::json;

use crate::fhir::outcome::Failure;
use crate::fhir::outcome::Reason;
use crate::fhir::resource::Resource;
use crate::palliative::enrollment::actions;
use crate::palliative::enrollment::checks;
use crate::palliative::enrollment::companions::Deed;
use crate::palliative::enrollment::companions::keep_task;
use crate::palliative::enrollment::companions::provenance;
use crate::palliative::enrollment::companions::task_of;
use crate::palliative::enrollment::coverage_history;
use crate::palliative::enrollment::drafts::Decision;
use crate::palliative::enrollment::drafts::Draft;
use crate::palliative::enrollment::drafts::Drafts;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::election;
use crate::palliative::enrollment::ending;
use crate::palliative::enrollment::episode::Episode;
use crate::palliative::enrollment::facts::Actor;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::Side;
use crate::palliative::enrollment::facts::coded;
use crate::palliative::enrollment::facts::name;
use crate::palliative::enrollment::facts::version;
use crate::palliative::enrollment::home_history;
use crate::palliative::enrollment::inputs;
use crate::palliative::enrollment::request::Request;
use crate::palliative::enrollment::state::State;
use crate::palliative::enrollment::table::Action;
use crate::palliative::enrollment::table::Actor as Role;
use crate::palliative::enrollment::table::Transition;
use crate::palliative::enrollment::table::allowed;
use crate::palliative::enrollment::table::transition;
use crate::palliative::program::Program;
use crate::palliative::vocabulary::ALLOWED_EXTENSION;
use crate::palliative::vocabulary::END_DATE_EXTENSION;
use crate::palliative::vocabulary::END_REASON_EXTENSION;

/// What somebody did who takes part in something.
const PARTICIPANT_TYPE: &str = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";

/// What some actions read beside the patient's own resources.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside<'a> {
    /// The programme that is to take over.
    pub target: Option<&'a Program>,
    /// How many are enrolled, where the programme has a limit.
    pub enrolled: Option<i64>,
    /// The first month for which a kept run of payable months has something payable, where the episode is to be voided.
    pub paid_month: Option<&'a str>,
}

/// What an action did to the episode.
#[derive(Clone, Debug)]
pub struct Change {
    /// The state that follows.
    pub to: State,
    /// From which day on.
    pub on: Date,
    /// The last enrolled day, where the action ends the episode.
    pub last_day: Option<Date>,
    /// Why.
    pub reasons: Vec<CodeableConcept>,
    /// A remark for the task.
    pub note: Option<String>,
}

/// Decides on a change of state.
///
/// # Errors
/// 409 where the table has no such transition, 403 where the actor may not, 400 where an input is missing, 422
/// with every guard that does not hold.
pub fn decide(case: &Case, request: &Request, beside: Beside) -> Result<Decision, Failure> {
    let state = case.state()?;
    let stored = Episode::of(case.episode);
    if is_repeated(case, &stored, request)? {
        return Ok(Decision::nothing(state));
    }
    let row = transition(state, request.action).ok_or_else(|| impossible(state, request.action))?;
    permit(case.actor, row)?;
    request.check(row)?;
    let mut issues = inputs::untaken(request);
    issues.extend(inputs::dates(case, &stored, request));
    issues.extend(checks::guard(case, &stored, request, beside)?);
    if !issues.is_empty() {
        return Err(Failure::of(Reason::BusinessRule, issues));
    }
    carry_out(case, request, stored, beside)
}

fn carry_out(
    case: &Case,
    request: &Request,
    mut stored: Episode,
    beside: Beside,
) -> Result<Decision, Failure> {
    let before = case.state()?;
    let mut drafts = Drafts::default();
    let change = actions::apply(case, request, (&mut stored, &mut drafts), beside)?;
    if change.to != before {
        stored.change_state(change.to, change.on);
    }
    // What an undone voiding leads back to was closed before, and stays as it was closed then.
    if !change.to.is_open() && request.action != Action::Undo {
        ending::close(case, &mut stored, &change, &mut drafts);
    }
    if let Some((site, why)) = &request.home {
        home_history::follow(case.episode, &mut stored, (site, *why), change.on);
    }
    let mut decision = finish(case, stored, (request.action, change), drafts)?;
    if let Some(clinician) = &request.attested_by {
        attest(&mut decision, clinician);
    }
    Ok(decision)
}

/// Names in the record who has attested what was decided, beside the one who has entered it.
fn attest(decision: &mut Decision, clinician: &str) {
    let records = decision.drafts.iter_mut().filter(|draft| draft.resource.ty().name() == "Provenance");
    for record in records {
        let attester = json!({ "type": { "coding": [{ "system": PARTICIPANT_TYPE, "code": "attester" }] },
            "who": { "reference": clinician } });
        if let Some(agents) = record.resource.object_mut().get_mut("agent").and_then(Value::as_array_mut) {
            agents.push(attester);
        }
    }
}

/// Writes the episode, its task and who did it.
///
/// # Errors
/// `Internal` where a stored resource cannot be read.
pub fn finish(
    case: &Case,
    mut stored: Episode,
    (action, change): (Action, Change),
    mut drafts: Drafts,
) -> Result<Decision, Failure> {
    // What is undone is as if it had not been, and notes nothing.
    if !matches!(action, Action::Enroll | Action::Undo) {
        coverage_history::follow(case, &mut stored, change.on);
    }
    let ever = stored.ever();
    drafts.push(stored.into_resource()?, Place::Existing(version(case.episode)));
    keep_task(case, &mut drafts, ever, &change)?;
    let mut targets = vec![case.episode_name()];
    targets.extend(task_of(case).map(name));
    let deed = Deed { action: action.code(), on: change.on, reasons: change.reasons, targets };
    drafts.add(Typed::Provenance(Box::new(provenance(case, deed))))?;
    let mut list = drafts.into_list();
    list.sort_by_key(|draft| rank(case, draft));
    Ok(Decision { state: change.to, drafts: list, warnings: Vec::new() })
}

/// The episode first, then its task, then the rest as it came.
fn rank(case: &Case, draft: &Draft) -> u8 {
    let resource = &draft.resource;
    let of_this = resource.refers("/focus/reference") == Some(case.episode_name().as_str());
    match resource.ty().name() {
        "EpisodeOfCare" if resource.id() == case.episode.id() => 0,
        "Task" if of_this && resource.get("businessStatus").is_some() => 1,
        _ => 2,
    }
}

/// 409: the table has no such transition. Says what would be possible.
pub fn impossible(state: State, action: Action) -> Failure {
    let codes: Vec<&str> = allowed(state).into_iter().map(Action::code).collect();
    let mut failure = coded(
        Reason::Conflict,
        "invalid-transition",
        format!("{} is not possible from state {}.", action.code(), state.code()),
    );
    if let Some(issue) = failure.issues.first_mut() {
        issue.diagnostics = Some(format!("allowed: {}", codes.join(", ")));
        issue.extension =
            codes.iter().map(|code| json!({ "url": ALLOWED_EXTENSION, "valueCode": code })).collect();
    }
    failure
}

/// 403, unless the row is the actor's to do.
///
/// # Errors
/// `Forbidden`
pub fn permit(actor: &Actor, row: &Transition) -> Result<(), Failure> {
    let refuse = |text: &str| Err(coded(Reason::Forbidden, "scope", text));
    if row.actors == [Role::Director] && !actor.is_director() {
        return refuse("Only one with the role `program-director` may do this.");
    }
    if actor.side == Side::Patient && !row.actors.is_empty() && !row.actors.contains(&Role::Patient) {
        return refuse("This is for the care team to do, not for the patient's own access.");
    }
    Ok(())
}

/// The same ending told twice is told once: nothing more is written. So is an election that ends nothing.
fn is_repeated(case: &Case, stored: &Episode, request: &Request) -> Result<bool, Failure> {
    let state = case.state()?;
    let ends = match request.action {
        Action::Decline => state == State::Declined,
        Action::Lapse => state == State::Lapsed,
        Action::Transfer => state == State::TransferredOut,
        Action::Graduate => state == State::Graduated,
        Action::Discharge => state == State::Discharged,
        Action::HospiceElect if state.is_open() => {
            return Ok(request.date.is_some_and(|date| election::is_recorded(case, date)));
        }
        Action::HospiceElect => state == State::HospiceElected,
        Action::Death => state == State::Deceased,
        Action::Refer
        | Action::Screen
        | Action::Determine
        | Action::Offer
        | Action::Consent
        | Action::Waitlist
        | Action::Enroll
        | Action::Hold
        | Action::Resume
        | Action::Void
        | Action::Undo => false,
    };
    let on = stored.date(END_DATE_EXTENSION);
    let code = request.reasons.first().map(String::as_str).or(actions::usual_reason(request.action));
    let why = stored.text(END_REASON_EXTENSION);
    Ok(ends && code.is_some() && code == why && (request.date.is_none() || request.date == on))
}

/// Writes a stored resource with a change made to its JSON.
pub fn amend(drafts: &mut Drafts, resource: Resource) {
    let read = version(&resource);
    drafts.push(resource, Place::Existing(read));
}

#[cfg(test)]
mod tests;
