//! `$palliative-stratify`: how much palliative care a patient is likely to need: six domains, a score, a tier and the
//! care that is recommended. Never a probability. <https://hl7.org/fhir/R4/riskassessment.html>

use std::collections::BTreeSet;

use crate::app::Answer;
use crate::app::Known;
use crate::app::Session;
use crate::app::programme::changes;
use crate::app::programme::until_current;
use crate::app::screening::Subject;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::operations::Call;
use crate::operations::submitted::Submitted;
use crate::operations::submitted::as_of;
use crate::operations::submitted::known;
use crate::operations::submitted::reader;
use crate::operations::submitted::require_on_record;
use crate::operations::submitted::wants_record;
use crate::palliative::enrollment::facts::coded;
use crate::palliative::enrollment::facts::name;
use crate::palliative::enrollment::facts::program_of;
use crate::palliative::enrollment::facts::state_of;
use crate::palliative::enrollment::state::State;
use crate::palliative::program::Program;
use crate::palliative::risk::Algorithm;
use crate::palliative::risk::Facts;
use crate::palliative::risk::report::Report;
use crate::palliative::risk::tier::Earlier;

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
/// for a day that has not come or, with `known=recorded`, on which the patient was not stored yet, `deceased` for a patient who had died by then; 405 for `record=true` with GET; 400 for it
/// with `resource`.
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
    let floors = algorithm.floor_rule_sets(&program, &session.app().rule_sets);
    session.require_screening_by(&floors)?;
    let as_of = as_of(session, &call.parameters, &program)?;
    let by = known(&call, as_of, &program)?;
    until_current(None, || {
        let stored = session.screened_as(&id, &floors, by)?;
        require_on_record(by, &stored)?;
        let known: BTreeSet<String> = stored.iter().map(name).collect();
        let submitted = Submitted::read(&call.parameters, &id, session.base_url())?;
        let subject = Subject::new(&id, submitted.over(stored), &program, as_of);
        answer(
            session,
            &Asked { subject: &subject, program: &program, algorithm, known: &known, by },
            keeping,
        )
    })
}

/// What is asked: whom, for which programme, by which algorithm, what is stored of the facts, and by what they count.
struct Asked<'a> {
    subject: &'a Subject,
    program: &'a Program,
    algorithm: &'a Algorithm,
    known: &'a BTreeSet<String>,
    by: Known,
}

fn patient_id(session: &Session, call: &Call) -> Result<String, Failure> {
    let Some((ty, Some(id))) = call.target.as_ref() else {
        return Err(Failure::new(Reason::Invalid, "Call this operation on a Patient."));
    };
    session.subject(*ty, id)?;
    Ok(id.clone())
}

fn answer(session: &Session, asked: &Asked, keeping: Keeping) -> Result<Answer, Failure> {
    let Asked { subject, program, algorithm, known, by } = asked;
    if subject.record.deceased_by(subject.as_of) {
        let text = "The patient has died; nobody who has died is stratified.";
        return Err(coded(Reason::BusinessRule, "deceased", text));
    }
    let patient = &subject.record.id;
    let earlier = Earlier::among(&stored(session, patient, ("RiskAssessment", *by))?, program);
    let situation = subject.situation();
    let rule_sets = &session.app().rule_sets;
    let found = algorithm.stratify(&Facts { situation: &situation, program, rule_sets, earlier: &earlier });
    let report = Report { found: &found, patient, program, reader: reader(session), now: session.now() };
    let is_known = |source: &str| known.contains(source);
    let assessment = match keeping {
        Keeping::Told => report.risk_assessment(&is_known)?.value().clone(),
        Keeping::Kept => {
            let episode = open_episode(session, patient, program)?;
            let drafts = report.drafts(episode.as_ref(), &is_known)?;
            let written = session.write(changes(&drafts))?;
            let first = written.first().ok_or_else(|| Failure::internal("nothing was written"))?;
            first.stored.value()?
        }
    };
    Ok(Answer::value(report.told(assessment).into_value()))
}

fn stored(session: &Session, patient: &str, (ty, by): (&str, Known)) -> Result<Vec<Resource>, Failure> {
    let types: Vec<ResourceType> = ResourceType::parse(ty).into_iter().collect();
    let stored = session.compartment_as(patient, &types, by)?;
    stored.iter().map(|one| Resource::from_value(one.value()?)).collect()
}

/// The patient's open episode in the programme.
fn open_episode(session: &Session, patient: &str, program: &Program) -> Result<Option<Resource>, Failure> {
    let reference = program.reference();
    let ours = |episode: &Resource| {
        program_of(episode) == Some(reference.as_str()) && state_of(episode).is_some_and(State::is_open)
    };
    Ok(stored(session, patient, ("EpisodeOfCare", Known::Clinically))?.into_iter().find(ours))
}
