//! What a change of state ends with: the drafts are written, and the episode is told with what goes with it.
//! <https://hl7.org/fhir/R4/episodeofcare.html>

use serde_json::Value;

use crate::app::Answer;
use crate::app::Session;
use crate::app::audit::Deed;
use crate::fhir::Failure;
use crate::fhir::Resource;
use crate::fhir::parameters::Output;
use crate::operations::Call;
use crate::palliative::enrollment::drafts::Decision;
use crate::palliative::enrollment::state::State;
use crate::palliative::enrollment::table::allowed;

/// Who did what: it need not be told again.
const RECORDS: [&str; 2] = ["AuditEvent", "Provenance"];

/// Writes what was decided, or with `dryRun` shows it; the episode as it was stands for itself where nothing is written of
/// it, and what is told further comes last.
///
/// # Errors
/// `Forbidden` for one who may not write all of it; what the write fails with.
pub(super) fn write(
    session: &Session,
    call: &Call,
    decision: Decision,
    (episode, further): (&Resource, Output),
) -> Result<Answer, Failure> {
    let dry = call.parameters.boolean("dryRun") == Some(true);
    let state = decision.state;
    session.require_deciding(&decision.drafts)?;
    // What changes nothing is kept too where there is a key for it: later the answer would be another.
    if dry || (decision.drafts.is_empty() && call.once.is_none()) {
        let told = decision.drafts.iter().map(|draft| &draft.resource).filter(|one| session.may_be_told(one));
        let resources = told.map(|one| one.value().clone()).collect();
        return Ok(Answer::value(output(resources, episode, state).and(further).into_value()));
    }
    let deed = Deed::of(call.operation, &decision, Some(episode));
    let changes = session.audited(session.decided(&decision.drafts)?, &deed)?;
    let episode = episode.clone();
    session.write_once(call.once.as_ref(), changes, move |written| {
        let told = written.iter().filter(|one| one.shown);
        let resources = told.map(|one| one.stored.value()).collect::<Result<_, _>>()?;
        let version = written.first().map(|one| one.stored.version);
        let output = output(resources, &episode, state).and(further.clone());
        Ok(Answer { version, ..Answer::value(output.into_value()) })
    })
}

/// The episode and its task come first; who did what need not be told again.
fn output(resources: Vec<Value>, episode: &Resource, state: State) -> Output {
    let is = |resource: &Value, ty: &str| resource.get("resourceType").and_then(Value::as_str) == Some(ty);
    let is_episode =
        |resource: &Value| is(resource, "EpisodeOfCare") && resource.get("id") == episode.get("id");
    let is_task = |resource: &Value| is(resource, "Task") && resource.get("businessStatus").is_some();
    let now = resources.iter().find(|one| is_episode(one)).unwrap_or(episode.value()).clone();
    let mut output = Output::new().resource("episode", now);
    let mut tasks = 0;
    for resource in resources {
        if is_task(&resource) && tasks == 0 {
            tasks += 1;
            output = output.resource("task", resource);
        } else if !is_episode(&resource) && !RECORDS.iter().any(|ty| is(&resource, ty)) {
            output = output.resource("related", resource);
        }
    }
    allowed(state)
        .into_iter()
        .fold(output, |output, action| output.value("allowedActions", "code", action.code()))
}
