//! `$palliative-gaps`: what is due for a patient in a palliative programme, what was missed, and what was done in
//! time. <https://hl7.org/fhir/us/davinci-deqm/gaps-in-care-reporting.html>

use crate::app::Answer;
use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::parameters::Output;
use crate::operations::Call;
use crate::operations::submitted::as_of;
use crate::operations::submitted::reader;
use crate::palliative::care_plan::Planning;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::coded;
use crate::palliative::enrollment::facts::name;
use crate::palliative::enrollment::facts::program_of;
use crate::palliative::enrollment::facts::state_of;
use crate::palliative::enrollment::request::refused;
use crate::palliative::enrollment::state::State;
use crate::palliative::gaps::Following;
use crate::palliative::gaps::Gap;
use crate::palliative::gaps::Status;
use crate::palliative::gaps::gaps;
use crate::palliative::program::Program;
use crate::palliative::screening::report::Reader;
use crate::palliative::vocabulary::TEMPLATE;

/// The types that gaps are found in beside those of every decision.
const READ: [&str; 5] = ["Condition", "Encounter", "MedicationRequest", "Observation", "RelatedPerson"];
/// The types that the caller must be allowed to read: what is told of them is no more than a search would tell.
const TOLD: [&str; 9] = [
    "CarePlan",
    "CareTeam",
    "Encounter",
    "EpisodeOfCare",
    "Goal",
    "MedicationRequest",
    "Observation",
    "RelatedPerson",
    "ServiceRequest",
];
/// The gap whose evidence is about the caregiver and not the patient.
const ABOUT_CAREGIVER: &str = "caregiver-not-assessed";

/// Tells the gaps of a patient's open episode.
///
/// # Errors
/// 403 without the scopes for all that is read; 404 for an unknown patient or programme, and where there is no open
/// episode; 400 for an unknown status, and where there are several episodes and no programme is named; 422
/// `date-range` for a day that has not come.
pub fn run(session: &Session, call: Call) -> Result<Answer, Failure> {
    session.require_reading(&TOLD)?;
    let wanted = wanted(&call)?;
    let patient = patient_id(session, &call)?;
    let episode = episode(session, &call, &patient)?;
    let program = session.program_of(&episode)?;
    let as_of = as_of(session, &call.parameters, &program)?;
    let algorithm = session.app().risk.of(&program)?;
    let template = session.app().care_plans.find(TEMPLATE);
    let template = template.ok_or_else(|| Failure::internal("the care-plan template is not defined"))?;
    let chart = session.chart(&patient, &READ)?;
    let actor = session.actor();
    let case = Case {
        program: &program,
        episode: &episode,
        chart: &chart,
        actor: &actor,
        now: session.now(),
        rule_sets: &[],
    };
    let assessments = &session.app().assessments;
    let planning = Planning { case: &case, template, algorithm, assessments, as_of };
    let (tier, intensity) = (planning.tier(), planning.intensity());
    let found = gaps(&Following { planning: &planning, intensity, assessments });
    let mut output = Output::new().reference("episode", name(&episode));
    if let Some(tier) = tier {
        output = output.value("tier", "code", tier.code());
    }
    let reader = reader(session);
    let told = found.iter().filter(|gap| wanted.contains(&gap.status));
    let output = told.fold(output, |output, gap| output.part("gap", part(gap, reader)));
    Ok(Answer::value(output.into_value()))
}

/// The statuses that are asked for: open gaps where none is named.
fn wanted(call: &Call) -> Result<Vec<Status>, Failure> {
    let parse = |code: &str| {
        Status::parse(code).ok_or_else(|| {
            let known = Status::ALL.map(Status::code).join(", ");
            refused("status", format!("`{code}` is no status of a gap; use one of {known}."))
        })
    };
    let named: Vec<Status> = call.parameters.texts("status").map(parse).collect::<Result<_, _>>()?;
    Ok(if named.is_empty() { vec![Status::Open] } else { named })
}

fn patient_id(session: &Session, call: &Call) -> Result<String, Failure> {
    let Some((ty, Some(id))) = call.target.as_ref() else {
        return Err(Failure::new(Reason::Invalid, "Call this operation on a Patient."));
    };
    session.subject(*ty, id)?;
    Ok(id.clone())
}

/// The patient's open episode: in the programme that is named, else the only one.
fn episode(session: &Session, call: &Call, patient: &str) -> Result<Resource, Failure> {
    let named = call.parameters.reference("program").map(|to| session.program(to)).transpose()?;
    let reference = named.as_ref().map(Program::reference);
    let types: Vec<ResourceType> = ResourceType::parse("EpisodeOfCare").into_iter().collect();
    let mut open = Vec::new();
    for one in session.compartment(patient, &types)? {
        let resource = Resource::from_value(one.value()?)?;
        let ours = reference.is_none() || program_of(&resource) == reference.as_deref();
        if ours && program_of(&resource).is_some() && state_of(&resource).is_some_and(State::is_open) {
            open.push(resource);
        }
    }
    match (open.pop(), open.is_empty()) {
        (Some(one), true) => Ok(one),
        (None, _) => Err(coded(
            Reason::NotFound,
            "episode-not-found",
            "The patient has no open episode in this palliative programme; nothing is due.",
        )),
        (Some(_), false) => Err(refused(
            "program",
            "The patient has several open episodes; name the programme in `program`.".to_owned(),
        )),
    }
}

/// A gap as it is told. A caregiver's answers are about another person, and no patient is pointed to them.
fn part(gap: &Gap, reader: Reader) -> Output {
    let mut output = Output::new()
        .value("code", "code", gap.code)
        .value("domain", "code", gap.domain.as_str())
        .value("status", "code", gap.status.code());
    if let Some(due) = gap.due {
        output = output.value("dueDate", "date", due.to_string());
    }
    output = output.value("text", "string", gap.text.as_str());
    match &gap.evidence {
        Some(evidence) if reader == Reader::Team || gap.code != ABOUT_CAREGIVER => {
            output.reference("evidence", evidence)
        }
        _ => output,
    }
}
