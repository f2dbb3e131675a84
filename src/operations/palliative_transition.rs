//! `$palliative-transition`: one action of the enrolment lifecycle. <https://hl7.org/fhir/R4/episodeofcare.html>

use crate::app::Answer;
use crate::app::Session;
use crate::app::programme::until_current;
use crate::fhir::Failure;
use crate::fhir::parameters::Output;
use crate::operations::Call;
use crate::operations::moved;
use crate::operations::opened::Opened;
use crate::operations::opened::named;
use crate::operations::screened::screened;
use crate::palliative::enrollment::episode::Episode;
use crate::palliative::enrollment::facts::parameter;
use crate::palliative::enrollment::request::Request;
use crate::palliative::enrollment::state::State;
use crate::palliative::enrollment::table::Action;
use crate::palliative::enrollment::transition;
use crate::palliative::enrollment::transition::Beside;
use crate::palliative::program::Program;

/// Does one action, or with `dryRun` says what it would do.
///
/// # Errors
/// 409 `invalid-transition` with the actions that are possible; 400 for missing inputs; 422 with every rule that
/// does not hold; 412 and 428 about `If-Match`.
pub fn run(session: &Session, call: Call) -> Result<Answer, Failure> {
    let request = Request::read(&call.parameters)?;
    until_current(call.if_match, || attempt(session, &call, &request))
}

fn attempt(session: &Session, call: &Call, request: &Request) -> Result<Answer, Failure> {
    let mut opened = Opened::of(session, call, (named(session, call)?, &[]))?;
    for named in request.authorization.iter().chain(&request.attested_by) {
        session.add_to_chart(&mut opened.chart, named);
    }
    if request.action == Action::Undo {
        session.add_deeds(&mut opened.chart, &opened.episode)?;
    }
    let case = opened.case();
    let request = &opened.at_home(session, screened(session, &case, request)?)?;
    let target = target(session, request)?;
    let paid_month = match request.action == Action::Void {
        true => session.paid_month(case.episode.id().unwrap_or_default())?,
        false => None,
    };
    let beside = Beside {
        target: target.as_ref(),
        enrolled: enrolled(session, &opened.program, request)?,
        paid_month: paid_month.as_deref(),
    };
    let decision = transition::decide(&case, request, beside)?;
    if let Some(patient) = case.patient().strip_prefix("Patient/") {
        one_open(session, (patient, &opened), (request, target.as_ref()))?;
    }
    moved::write(session, call, decision, (&opened.episode, Output::new()))
}

/// Refuses what would open a second episode of a person in a programme under another record: a transfer into it, or the
/// undoing of an ending in it.
fn one_open(
    session: &Session,
    (patient, opened): (&str, &Opened),
    (request, target): (&Request, Option<&Program>),
) -> Result<(), Failure> {
    if let Some(target) = target {
        let refused = |failure: Failure| failure.at(parameter("targetProgram"));
        return session.require_one_episode(patient, target).map_err(refused);
    }
    let opens = || Episode::of(&opened.episode).previous().is_some_and(State::is_open);
    if request.action == Action::Undo && opens() {
        return session.require_one_episode(patient, &opened.program);
    }
    Ok(())
}

fn target(session: &Session, request: &Request) -> Result<Option<Program>, Failure> {
    let wanted = request.target_program.as_deref().filter(|_| request.action == Action::Transfer);
    wanted
        .map(|reference| session.program(reference).map_err(|failure| failure.at(parameter("targetProgram"))))
        .transpose()
}

/// How many people the programme has now, where that matters.
fn enrolled(session: &Session, program: &Program, request: &Request) -> Result<Option<i64>, Failure> {
    if request.action != Action::Waitlist || program.capacity.is_none() {
        return Ok(None);
    }
    session.count_enrolled(program).map(Some)
}
