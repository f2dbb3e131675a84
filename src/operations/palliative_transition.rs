//! `$palliative-transition`: one action of the enrolment lifecycle. <https://hl7.org/fhir/R4/episodeofcare.html>

use crate::app::Answer;
use crate::app::Session;
use crate::app::programme::until_current;
use crate::fhir::Failure;
use crate::operations::Call;
use crate::operations::moved;
use crate::operations::opened::Opened;
use crate::operations::opened::named;
use crate::palliative::enrollment::evidence::Evidence;
use crate::palliative::enrollment::evidence::rank;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::parameter;
use crate::palliative::enrollment::request::Request;
use crate::palliative::enrollment::request::refused;
use crate::palliative::enrollment::table::Action;
use crate::palliative::enrollment::transition;
use crate::palliative::enrollment::transition::Beside;
use crate::palliative::program::Program;
use crate::palliative::screening::report;

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
    let opened = Opened::of(session, call, (named(session, call)?, &[]))?;
    let case = opened.case();
    let request = &with_evidence(session, call, &case, request)?;
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
    moved::write(session, call, decision, &opened.episode)
}

/// `screen` records a screening that is made now with the programme's rule sets, and with it what is missing.
/// `determine` rests on the screening that is named, or on one that is made now.
fn with_evidence(session: &Session, call: &Call, case: &Case, request: &Request) -> Result<Request, Failure> {
    let mut request = request.clone();
    if !matches!(request.action, Action::Screen | Action::Determine) {
        return Ok(request);
    }
    let patient = case.patient().strip_prefix("Patient/").unwrap_or_default();
    let named = call.parameters.reference("screenResult");
    if let Some(named) = named.filter(|_| request.action == Action::Determine) {
        let recorded = case.chart.find(named).and_then(report::recorded);
        let own = recorded.filter(|recorded| recorded.patient == case.patient());
        let recorded = own.ok_or_else(|| {
            refused("screenResult", format!("{named} is not a recorded screening of this patient."))
        })?;
        request.evidence = Some(Evidence::recorded(recorded, named));
        return Ok(request);
    }
    let subject = session.screening_subject(patient, case.program)?;
    let situation = subject.situation();
    let rule_sets = session.rule_sets(&[], case.program)?;
    let screenings = rule_sets.iter().map(|set| set.screen(&situation));
    if let Some(best) = screenings.min_by_key(|screening| rank(screening.outcome)) {
        let response = report::guidance_response(&best, patient, subject.as_of, session.now())?;
        request.evidence = report::recorded(&response).map(|recorded| Evidence::recorded(recorded, ""));
        request.guidance = Some(response);
    }
    Ok(request)
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
