//! The screening that a decision about an episode rests on: one that was recorded, or one that is made now and kept with
//! the decision. <https://hl7.org/fhir/R4/guidanceresponse.html>

use crate::app::Session;
use crate::fhir::Failure;
use crate::palliative::enrollment::evidence::Evidence;
use crate::palliative::enrollment::evidence::rank;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::parameter;
use crate::palliative::enrollment::leaving::is_aged_out;
use crate::palliative::enrollment::leaving::unattested;
use crate::palliative::enrollment::request::Request;
use crate::palliative::enrollment::request::refused;
use crate::palliative::enrollment::table::Action;
use crate::palliative::screening::Outcome;
use crate::palliative::screening::RuleSet;
use crate::palliative::screening::recorded;
use crate::palliative::screening::recorded::Outside;
use crate::palliative::screening::recorded::Recorded;
use crate::palliative::screening::report;

/// What holds for those who have grown out of a programme for children.
const FOR_ADULTS: &str = "https://comfrey.health/fhir/PlanDefinition/RS-CA-ADULT";

/// The request with the screening that its action needs. `screen` records one that is made by the programme's rule sets
/// or the ones that are named, for today or the day that is named. `determine` rests on the one that is named, or on one
/// that is made now. One who leaves for the age is screened as an adult first.
///
/// # Errors
/// 400 where `screenResult` is no screening of this patient; 404 for a rule set that is not here.
pub(super) fn screened(session: &Session, case: &Case, request: &Request) -> Result<Request, Failure> {
    let mut request = request.clone();
    match request.action {
        Action::Determine => {
            if let Some(named) = request.screen_result.clone() {
                request.evidence = Some(recorded(session, case, &named)?);
                return Ok(request);
            }
        }
        Action::Screen => {}
        Action::Graduate => return leaving(session, case, request),
        Action::Discharge | Action::Transfer if is_aged_out(&request) => {
            request.rule_sets = vec![FOR_ADULTS.to_owned()];
            let made = made(session, case, &request)?;
            return Ok(Request { rule_sets: Vec::new(), evidence: None, ..made });
        }
        Action::Refer
        | Action::Offer
        | Action::Decline
        | Action::Consent
        | Action::Lapse
        | Action::Waitlist
        | Action::Enroll
        | Action::Hold
        | Action::Resume
        | Action::Transfer
        | Action::Discharge
        | Action::HospiceElect
        | Action::Death
        | Action::Void
        | Action::Undo => return Ok(request),
    }
    made(session, case, &request)
}

/// One who leaves as the aims are reached: by the screening that is named, or, where nobody attests that they are, by one
/// that is made now by the programme's rule set for leaving.
fn leaving(session: &Session, case: &Case, mut request: Request) -> Result<Request, Failure> {
    let Some(rule_set) = case.program.exit_rule_set.clone() else { return Ok(request) };
    if let Some(named) = request.screen_result.clone() {
        request.evidence = Some(recorded(session, case, &named)?);
        return Ok(request);
    }
    if unattested(case, &request).is_none() {
        return Ok(request);
    }
    let made = made(session, case, &Request { rule_sets: vec![rule_set], ..request })?;
    Ok(Request { rule_sets: Vec::new(), ..made })
}

fn recorded(session: &Session, case: &Case, named: &str) -> Result<Evidence, Failure> {
    let recorded = case.chart.find(named).and_then(recorded::recorded);
    let own = recorded.filter(|recorded| recorded.patient == case.patient());
    let recorded = own.ok_or_else(|| {
        refused("screenResult", format!("{named} is not a recorded screening of this patient."))
    })?;
    let rule_set = session.rule_set(&recorded.rule_set)?;
    Ok(Evidence::recorded(explained(recorded, rule_set.as_deref()), named))
}

/// A screening with what excludes said, where the rule set knows it: what is kept of a criterion does not tell its kind.
fn explained(recorded: Recorded, rule_set: Option<&RuleSet>) -> Recorded {
    if recorded.outcome != Outcome::Excluded {
        return recorded;
    }
    let for_hospice = rule_set.is_some_and(|set| set.excludes_for_hospice(&recorded.met));
    Recorded { outside: if for_hospice { Some(Outside::Hospice) } else { None }, ..recorded }
}

fn made(session: &Session, case: &Case, request: &Request) -> Result<Request, Failure> {
    let patient = case.patient().strip_prefix("Patient/").unwrap_or_default();
    let today = case.today();
    // What is decided rests on what is known now; what is screened is told as of its own day.
    let day = if request.action == Action::Determine { None } else { request.as_of.or(request.date) };
    let as_of = day.unwrap_or(today).min(today);
    let named: Vec<&str> = request.rule_sets.iter().map(String::as_str).collect();
    let rule_sets = session.rule_sets(&named, case.program).map_err(|failure| match named.is_empty() {
        true => failure,
        false => failure.at(parameter("ruleSet")),
    })?;
    // What the caller chooses to ask about a person is told to those who may read it; what the programme asks is a part
    // of its own decision.
    if request.action == Action::Screen && !(named.is_empty() && request.as_of.is_none()) {
        session.require_screening_by(&rule_sets)?;
    }
    let subject = session.screening_subject(patient, case.program, (&rule_sets, as_of))?;
    let situation = subject.situation();
    let screenings = rule_sets.iter().map(|set| set.screen(&situation));
    let mut request = request.clone();
    // Of several that say no, the one that is for the person says why: that a rule set for children is not for an adult is
    // no reason where another one is.
    if let Some(best) = screenings.min_by_key(|screening| (rank(screening.outcome), screening.outside())) {
        let response = report::guidance_response(&best, patient, subject.as_of, session.now())?;
        let recorded = recorded::recorded(&response).map(|recorded| explained(recorded, Some(best.rule_set)));
        request.evidence = recorded.map(|recorded| Evidence::recorded(recorded, ""));
        request.guidance = Some(response);
    }
    Ok(request)
}
