//! `$palliative-stratify`: how much palliative care a patient is likely to need: six domains, a score, a tier and the
//! care that is recommended. Never a probability. <https://hl7.org/fhir/R4/riskassessment.html>

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::Date;
use serde_json::Value;

use crate::app::Answer;
use crate::app::Known;
use crate::app::Once;
use crate::app::Session;
use crate::app::audit::Deed;
use crate::app::programme::changes;
use crate::app::programme::until_current;
use crate::app::screening::Subject;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::reference::Reference;
use crate::operations::Call;
use crate::operations::submitted::Submitted;
use crate::operations::submitted::as_of;
use crate::operations::submitted::known;
use crate::operations::submitted::reader;
use crate::operations::submitted::require_on_record;
use crate::operations::submitted::wants_record;
use crate::palliative::enrollment::companions::task_among;
use crate::palliative::enrollment::facts::Side;
use crate::palliative::enrollment::facts::Who;
use crate::palliative::enrollment::facts::coded;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::name;
use crate::palliative::enrollment::facts::program_of;
use crate::palliative::enrollment::facts::state_of;
use crate::palliative::enrollment::state::State;
use crate::palliative::findings::SetFinding;
use crate::palliative::findings::by_set;
use crate::palliative::program::Program;
use crate::palliative::risk::Algorithm;
use crate::palliative::risk::Facts;
use crate::palliative::risk::Stratification;
use crate::palliative::risk::decision::Asking;
use crate::palliative::risk::decision::Decision;
use crate::palliative::risk::decision::in_force;
use crate::palliative::risk::decision::is_clinician;
use crate::palliative::risk::kept::Around;
use crate::palliative::risk::report::Report;
use crate::palliative::risk::tier::Earlier;
use crate::palliative::screening::RuleSet;
use crate::palliative::vocabulary::RISK_TASK_SYSTEM;

/// Whether the answer is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keeping {
    Told,
    Kept,
}

/// Stratifies a patient, and with `record=true` keeps what was found, puts the tier on the open episode of the
/// programme, and asks for the work that follows.
///
/// # Errors
/// 403 without the scopes for all that is read and written; 404 for an unknown patient or programme; 422 `date-range`
/// for a day that has not come or, with `known=recorded`, on which the patient was not stored yet, `deceased` for a patient who had died by then; 405 for `record=true` with GET; 412 about `If-Match`; 400 for it
/// with `resource`, for an `override` without it, and for one that cannot be read; 422 for an `override` of another day
/// than today, for one until a day that is past or too far away, and for one that ends none.
pub fn run(session: &Session, call: Call) -> Result<Answer, Failure> {
    let keeping = if wants_record(&call)? { Keeping::Kept } else { Keeping::Told };
    session.require_screening()?;
    session.require_reading(&["RiskAssessment"])?;
    if keeping == Keeping::Kept {
        session.require_reading(&["EpisodeOfCare"])?;
    }
    let id = patient_id(session, &call)?;
    let program = session.screening_program(call.parameters.reference("program"))?;
    let algorithm = session.app().risk.of(&program)?;
    // What the floors look at is read too, as for the tiers that are kept.
    let entry = session.entry_rule_sets(&program)?;
    let mut floors = algorithm.floor_rule_sets(&session.app().rule_sets);
    floors.extend(entry.iter().cloned());
    session.require_screening_by(&floors)?;
    let as_of = as_of(session, &call.parameters, &program)?;
    let by = known(&call, as_of, &program)?;
    let decision = decision(session, &call, (keeping, as_of, &program, algorithm))?;
    until_current(call.if_match, || {
        let stored = session.screened_as(&id, &floors, by)?;
        require_on_record(by, &stored)?;
        let known: BTreeSet<String> = stored.iter().map(name).collect();
        let submitted = Submitted::read(&call.parameters, &id, session.base_url())?;
        let mut subject = Subject::new(&id, submitted.over(stored), &program, as_of);
        session.hear_elsewhere(&mut subject, by)?;
        answer(
            session,
            &Asked {
                subject: &subject,
                program: &program,
                algorithm,
                entry: &entry,
                known: &known,
                by,
                decision: decision.as_ref(),
                once: call.once.as_ref(),
                if_match: call.if_match,
            },
            keeping,
        )
    })
}

/// What is asked: whom, for which programme, by which algorithm and by which rule sets it admits, what is stored of the
/// facts, by what they count, and what a clinician decides; the key under which it is done once, and from which version of
/// the open episode.
struct Asked<'a> {
    subject: &'a Subject,
    program: &'a Program,
    algorithm: &'a Algorithm,
    entry: &'a [Arc<RuleSet>],
    known: &'a BTreeSet<String>,
    by: Known,
    decision: Option<&'a Decision>,
    once: Option<&'a Once>,
    if_match: Option<i64>,
}

fn patient_id(session: &Session, call: &Call) -> Result<String, Failure> {
    let Some((ty, Some(id))) = call.target.as_ref() else {
        return Err(Failure::new(Reason::Invalid, "Call this operation on a Patient."));
    };
    session.subject(*ty, id)?;
    Ok(id.clone())
}

fn answer(session: &Session, asked: &Asked, keeping: Keeping) -> Result<Answer, Failure> {
    let Asked { subject, program, algorithm, entry, known, by, decision, once, if_match } = *asked;
    if subject.record.deceased_by(subject.as_of) {
        let text = "The patient has died; nobody who has died is stratified.";
        return Err(coded(Reason::BusinessRule, "deceased", text));
    }
    let patient = &subject.record.id;
    let earlier = Earlier::among(&stored(session, patient, ("RiskAssessment", by))?, program);
    require_something_to_end(decision, &earlier, subject.as_of)?;
    let situation = subject.situation();
    let entry: Vec<SetFinding> = entry.iter().map(|set| by_set(set, &situation)).collect();
    let facts = Facts {
        situation: &situation,
        program,
        rule_sets: &session.app().rule_sets,
        entry: &entry,
        earlier: &earlier,
        decided: decision,
    };
    let found = algorithm.stratify(&facts);
    let report = Report { found: &found, patient, program, reader: reader(session), now: session.now() };
    let is_known = |source: &str| known.contains(source);
    let judged_by = vec![algorithm.canonical()];
    if keeping == Keeping::Told {
        let assessment = report.risk_assessment(&is_known)?.value().clone();
        return Ok(Answer { judged_by, ..Answer::value(report.told(assessment).into_value()) });
    }
    let episode = open_episode(session, patient, program)?;
    session.check_open(program, episode.as_ref(), if_match)?;
    let tasks = tasks(session, patient)?;
    let enrollment = episode.as_ref().and_then(|episode| task_among(tasks.iter(), &name(episode))).map(name);
    let asked = identifiers(&tasks);
    let around = Around {
        episode: episode.as_ref(),
        enrollment: enrollment.as_deref(),
        stored: &is_known,
        asked: &asked,
    };
    let drafts = report.drafts(&around)?;
    // Its place is taken by the RiskAssessment as it is stored.
    let told = report.told(Value::Null).into_value();
    let deed = Deed {
        operation: "palliative-stratify",
        patient: format!("Patient/{patient}"),
        program: Some(program.reference()),
        episodes: episode.iter().filter_map(Resource::id).map(|id| format!("EpisodeOfCare/{id}")).collect(),
        decision: vec![decided(&found)],
        ..Deed::default()
    };
    session.write_once(once, session.audited(changes(&drafts), &deed)?, move |written| {
        let first = written.first().ok_or_else(|| Failure::internal("nothing was written"))?;
        let mut told = told.clone();
        if let Some(place) = told.pointer_mut("/parameter/0/resource") {
            *place = first.stored.value()?;
        }
        Ok(Answer { judged_by: judged_by.clone(), ..Answer::value(told) })
    })
}

/// What the record of it tells, which the patient reads: no more than they are told.
fn decided(found: &Stratification) -> (&'static str, String) {
    match found.restricted {
        true => ("action", "record".to_owned()),
        false => ("decision", found.tier.code().to_owned()),
    }
}

/// What a clinician decides about the tier, by one who may.
fn decision(
    session: &Session,
    call: &Call,
    (keeping, as_of, program, algorithm): (Keeping, Date, &Program, &Algorithm),
) -> Result<Option<Decision>, Failure> {
    let Some(given) = call.parameters.one("override") else { return Ok(None) };
    let actor = session.actor();
    if actor.side == Side::Patient {
        let text = "A tier is set by a clinician, and the access token is held to a patient's own data.";
        return Err(Failure::new(Reason::Forbidden, text));
    }
    if keeping == Keeping::Told {
        let text = "An override is kept, with its reason; give `record` true with it.";
        return Err(coded(Reason::Invalid, "bad-parameter", text).at(given.at.clone()));
    }
    let today = session.today_in(program);
    if as_of != today {
        let text = format!("A clinician sets the tier from {today} on; leave `asOf` out.");
        return Err(coded(Reason::BusinessRule, "date-range", text).at(given.at.clone()));
    }
    let caller = match &actor.who {
        Who::Reference(who) if is_clinician(who) => Some(who.as_str()),
        Who::Reference(_) | Who::Name(_) => None,
    };
    let decision = Decision::asked(given, &Asking { algorithm, today, caller })?;
    if caller.is_none() {
        require_known(session, &decision.by).map_err(|failure| failure.at(given.at.clone()))?;
    }
    Ok(Some(decision))
}

/// Refuses a clinician whom nobody knows here.
fn require_known(session: &Session, by: &str) -> Result<(), Failure> {
    let parsed = Reference::parse_under(by, session.base_url());
    let read = parsed.local().map(|local| session.as_service().read(local.ty, local.id));
    if matches!(read, Some(Ok(_))) {
        return Ok(());
    }
    let text = format!("There is no {by} here; store who decided first, or name another in `by`.");
    Err(coded(Reason::BusinessRule, "bad-parameter", text))
}

/// Refuses to end what does not hold.
fn require_something_to_end(
    decision: Option<&Decision>,
    earlier: &[Earlier],
    as_of: Date,
) -> Result<(), Failure> {
    if decision.is_none_or(|one| one.set.is_some()) || in_force(None, earlier, as_of).is_some() {
        return Ok(());
    }
    let text =
        "No tier that a clinician set holds today, so that there is none to end; give a `tier` to set one.";
    let failure = coded(Reason::BusinessRule, "bad-parameter", text);
    Err(failure.at("Parameters.parameter.where(name='override')"))
}

fn stored(session: &Session, patient: &str, (ty, by): (&str, Known)) -> Result<Vec<Resource>, Failure> {
    let types: Vec<ResourceType> = ResourceType::parse(ty).into_iter().collect();
    let stored = session.compartment_as(patient, &types, by)?;
    stored.iter().map(|one| Resource::from_value(one.value()?)).collect()
}

/// All tasks about the patient, whoever may see them: what was asked for is not asked for again.
fn tasks(session: &Session, patient: &str) -> Result<Vec<Resource>, Failure> {
    let Some(ty) = ResourceType::parse("Task") else { return Ok(Vec::new()) };
    let found = session.as_service().find(ty, &format!("patient=Patient/{patient}"))?;
    found.iter().map(|one| Resource::from_value(one.value()?)).collect()
}

/// By what the tasks of earlier stratifications are told from one another.
fn identifiers(tasks: &[Resource]) -> BTreeSet<String> {
    let all = tasks.iter().flat_map(|task| list(task.get("identifier")));
    let own = all.filter(|one| one["system"] == RISK_TASK_SYSTEM);
    own.filter_map(|one| Some(one["value"].as_str()?.to_owned())).collect()
}

/// The patient's open episode in the programme.
fn open_episode(session: &Session, patient: &str, program: &Program) -> Result<Option<Resource>, Failure> {
    let reference = program.reference();
    let ours = |episode: &Resource| {
        program_of(episode) == Some(reference.as_str()) && state_of(episode).is_some_and(State::is_open)
    };
    Ok(stored(session, patient, ("EpisodeOfCare", Known::Clinically))?.into_iter().find(ours))
}
