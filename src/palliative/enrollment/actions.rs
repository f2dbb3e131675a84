//! What each action does, beyond what all have in common. <https://hl7.org/fhir/R4/episodeofcare.html>

use fhir_typed::Resource as Typed;
use fhir_typed::resources::EpisodeOfCareDiagnosis;
use fhir_typed::types::Extension;
use fhir_typed::types::ExtensionValue;
use jiff::civil::Date;

use crate::fhir::outcome::Failure;
use crate::palliative::element::complex;
use crate::palliative::element::concept;
use crate::palliative::element::date_value;
use crate::palliative::element::extension;
use crate::palliative::element::plain_code;
use crate::palliative::element::reference;
use crate::palliative::element::reference_value;
use crate::palliative::element::string_value;
use crate::palliative::enrollment::closing;
use crate::palliative::enrollment::companions::Deed;
use crate::palliative::enrollment::companions::enrollment_task;
use crate::palliative::enrollment::companions::provenance;
use crate::palliative::enrollment::companions::task;
use crate::palliative::enrollment::death;
use crate::palliative::enrollment::drafts::Drafts;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::election;
use crate::palliative::enrollment::episode::Episode;
use crate::palliative::enrollment::episode::opened;
use crate::palliative::enrollment::evidence::Evidence;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::name;
use crate::palliative::enrollment::qualifying::qualify;
use crate::palliative::enrollment::qualifying::qualifying;
use crate::palliative::enrollment::reasons::reason;
use crate::palliative::enrollment::request::Outreach;
use crate::palliative::enrollment::request::Request;
use crate::palliative::enrollment::requested;
use crate::palliative::enrollment::state::State;
use crate::palliative::enrollment::table::Action;
use crate::palliative::enrollment::transition::Beside;
use crate::palliative::enrollment::transition::Change;
use crate::palliative::enrollment::transition::amend;
use crate::palliative::enrollment::undoing;
use crate::palliative::program::Program;
use crate::palliative::screening::Outcome;
use crate::palliative::screening::recorded::Outside;
use crate::palliative::vocabulary::AUTHORIZATION_EXTENSION;
use crate::palliative::vocabulary::CONSENT_EXTENSION;
use crate::palliative::vocabulary::DEATH_PLACE_EXTENSION;
use crate::palliative::vocabulary::DIAGNOSIS_ROLE_SYSTEM;
use crate::palliative::vocabulary::EVIDENCE_EXTENSION;
use crate::palliative::vocabulary::EXPECTED_EXTENSION;
use crate::palliative::vocabulary::INITIATED_BY_EXTENSION;
use crate::palliative::vocabulary::OFFER_EXPIRES_EXTENSION;
use crate::palliative::vocabulary::OUTREACH_EXTENSION;
use crate::palliative::vocabulary::RECEIVED_EXTENSION;
use crate::palliative::vocabulary::TRANSFERRED_FROM_EXTENSION;
use jiff::ToSpan;

/// The code of the task that a graduation leaves to the medical home.
pub const FOLLOW_UP: &str = "pcmh-follow-up";

/// Does what the action does, on the episode and in further drafts.
///
/// # Errors
/// `Internal` where a stored resource cannot be read.
pub fn apply(
    case: &Case,
    request: &Request,
    (stored, drafts): (&mut Episode, &mut Drafts),
    beside: Beside,
) -> Result<Change, Failure> {
    let on = request.date.unwrap_or(case.today());
    let mut change = Change {
        to: case.state()?,
        on,
        last_day: None,
        reasons: request.reason_concepts(),
        note: request.note.clone(),
    };
    if change.reasons.is_empty() {
        change.reasons.extend(usual_reason(request.action).map(reason));
    }
    note_inputs(stored, request);
    match request.action {
        Action::Screen => {
            change.to = State::Screening;
            record(request, drafts);
        }
        Action::Determine => determine(request, (stored, drafts), &mut change),
        Action::Offer => offer(case, request, stored, &mut change),
        Action::Decline => decline(case, drafts, &mut change),
        Action::Consent => change.to = State::Consented,
        Action::Lapse => change.to = State::Lapsed,
        Action::Waitlist => change.to = State::Waitlisted,
        Action::Hold => change.to = State::OnHold,
        Action::Resume => change.to = State::Enrolled,
        Action::Transfer => {
            transfer(case, (stored, drafts), beside, &mut change)?;
            record(request, drafts);
        }
        Action::Graduate => {
            change.to = State::Graduated;
            record(request, drafts);
            follow_up(case, drafts, (FOLLOW_UP, "Follow up in the medical home after palliative care"))?;
        }
        Action::Discharge => {
            change.to = State::Discharged;
            record(request, drafts);
        }
        Action::HospiceElect => election::elect(case, request, drafts, &mut change)?,
        Action::Death => {
            change.to = State::Deceased;
            follow_up(case, drafts, ("bereavement-follow-up", "Follow up with the family in bereavement"))?;
            death::tell(case, drafts, change.on)?;
        }
        Action::Void => change.to = State::EnteredInError,
        Action::Undo => undoing::undo(case, stored, drafts, &mut change)?,
        Action::Refer | Action::Enroll => {
            return Err(Failure::internal("refer and enroll have rules of their own"));
        }
    }
    Ok(change)
}

/// The reason that goes without saying.
pub fn usual_reason(action: Action) -> Option<&'static str> {
    match action {
        Action::HospiceElect => Some("hospice-election"),
        Action::Death => Some("deceased"),
        _ => None,
    }
}

/// Keeps on the episode what came with the request.
fn note_inputs(stored: &mut Episode, request: &Request) {
    stored.remove(EXPECTED_EXTENSION);
    let reference = |to: &String| reference_value(to);
    let kept = [
        request.expected.map(|date| extension(EXPECTED_EXTENSION, date_value(date))),
        request.consent.as_ref().map(|to| extension(CONSENT_EXTENSION, reference(to))),
        request.authorization.as_ref().map(|to| extension(AUTHORIZATION_EXTENSION, reference(to))),
        request.place.as_ref().map(|place| extension(DEATH_PLACE_EXTENSION, string_value(place))),
        request
            .initiated_by
            .as_ref()
            .or(request.decided_by.as_ref())
            .map(|who| extension(INITIATED_BY_EXTENSION, plain_code(who))),
    ];
    for one in kept.into_iter().flatten().chain(request.kept.iter().cloned()) {
        stored.set(one);
    }
    request.outreach.iter().map(outreach).for_each(|one| stored.add(one));
}

fn outreach(attempt: &Outreach) -> Extension {
    let mut parts = vec![
        extension("method", plain_code(&attempt.method)),
        extension("by", reference_value(&attempt.by)),
        extension("date", date_value(attempt.date)),
    ];
    parts.extend(attempt.language.as_ref().map(|language| extension("language", plain_code(language))));
    let used = attempt.interpreter_used;
    parts.extend(used.map(|used| extension("interpreterUsed", ExtensionValue::Boolean(used.into()))));
    complex(OUTREACH_EXTENSION, parts)
}

/// Keeps the screening that was made for this request; its name among the drafts.
fn record(request: &Request, drafts: &mut Drafts) -> Option<String> {
    let guidance = request.guidance.clone()?;
    let name = drafts.name();
    drafts.push(guidance, Place::New(name.clone()));
    Some(name)
}

fn determine(request: &Request, (stored, drafts): (&mut Episode, &mut Drafts), change: &mut Change) {
    let Some(mut evidence) = request.evidence.clone() else { return };
    if let Some(made) = record(request, drafts) {
        evidence.result = made;
    }
    stored.set(evidence.freeze());
    let (to, why) = match evidence.outcome {
        Outcome::Eligible => {
            qualify(stored, &evidence.conditions);
            (State::Eligible, None)
        }
        Outcome::Excluded | Outcome::NotEligible | Outcome::Indeterminate | Outcome::ScreenPositive => {
            let why = match evidence.outside {
                Some(Outside::Hospice) => "not-eligible-hospice",
                Some(Outside::Age) => "not-eligible-age",
                Some(Outside::Coverage) => "not-eligible-coverage",
                None => "not-eligible-criteria",
            };
            (State::NotEligible, Some(why))
        }
    };
    change.to = to;
    if change.reasons.is_empty() {
        change.reasons.extend(why.map(reason));
    }
}

fn offer(case: &Case, request: &Request, stored: &mut Episode, change: &mut Change) {
    let last = request.outreach.iter().map(|one| one.date).max().unwrap_or(change.on);
    let expires = last.checked_add(case.program.offer_expires_days.days()).unwrap_or(last);
    stored.set(extension(OFFER_EXPIRES_EXTENSION, date_value(expires)));
    change.to = State::Offered;
}

fn transfer(
    case: &Case,
    (stored, drafts): (&Episode, &mut Drafts),
    beside: Beside,
    change: &mut Change,
) -> Result<(), Failure> {
    change.to = State::TransferredOut;
    change.last_day = Some(change.on.yesterday().unwrap_or(change.on));
    let Some(target) = beside.target else { return Ok(()) };
    let state = if target.accepts_consent { State::Consented } else { State::Offered };
    continued(case, stored, (target, state, change.on), drafts)
}

fn decline(case: &Case, drafts: &mut Drafts, change: &mut Change) {
    change.to = State::Declined;
    for request in requested::active(case) {
        amend(drafts, closing::closed(case, request, (change.to, "revoked")));
    }
}

fn follow_up(case: &Case, drafts: &mut Drafts, (code, words): (&str, &str)) -> Result<(), Failure> {
    drafts.add(Typed::Task(Box::new(task(case, &case.episode_name(), code, words)))).map(|_| ())
}

/// The episode with which another programme goes on after a transfer.
fn continued(
    case: &Case,
    stored: &Episode,
    (target, state, on): (&Program, State, Date),
    drafts: &mut Drafts,
) -> Result<(), Failure> {
    let there = Case { program: target, ..case.clone() };
    let mut next = opened(target, case.patient(), state, on);
    next.referral_request = stored.referral_requests().map(|to| *reference(to)).collect();
    next.extension.push(extension(TRANSFERRED_FROM_EXTENSION, reference_value(&case.episode_name())));
    next.extension.push(extension(RECEIVED_EXTENSION, date_value(on)));
    let consent = stored.text(CONSENT_EXTENSION).filter(|_| state == State::Consented);
    next.extension.extend(consent.map(|to| extension(CONSENT_EXTENSION, reference_value(to))));
    let evidence = stored.stored_extension(EVIDENCE_EXTENSION).and_then(Evidence::thaw);
    next.extension.extend(evidence.map(|evidence| evidence.freeze()));
    let diagnosis = |to: String| EpisodeOfCareDiagnosis {
        condition: reference(&to),
        role: Some(concept(DIAGNOSIS_ROLE_SYSTEM, "qualifying", "Qualifying diagnosis")),
        ..EpisodeOfCareDiagnosis::default()
    };
    next.diagnosis = qualifying(case.episode.value()).into_iter().map(diagnosis).collect();
    let next = drafts.add(Typed::EpisodeOfCare(Box::new(next)))?;
    let task = drafts.add(Typed::Task(Box::new(enrollment_task(&there, &next, state))))?;
    let targets = vec![next, task, name(case.episode)];
    let deed = Deed { action: Action::Transfer.code(), on, reasons: Vec::new(), targets };
    drafts.add(Typed::Provenance(Box::new(provenance(&there, deed)))).map(|_| ())
}
