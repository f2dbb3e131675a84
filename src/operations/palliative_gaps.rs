//! `$palliative-gaps`: what is due for a patient in a palliative programme, what was missed, and what was done in time.
//! <https://hl7.org/fhir/us/davinci-deqm/gaps-in-care-reporting.html>

use jiff::civil::Date;

use crate::app::Answer;
use crate::app::Session;
use crate::app::Written;
use crate::app::audit::Deed;
use crate::app::programme::changes;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::parameters::Input;
use crate::fhir::parameters::Output;
use crate::operations::Call;
use crate::operations::gap_told::may_see;
use crate::operations::gap_told::part;
use crate::operations::submitted::as_of;
use crate::operations::submitted::reader;
use crate::operations::submitted::require_post;
use crate::palliative::care_plan::Planning;
use crate::palliative::enrollment::companions::task_among;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::enrollment::facts::Side;
use crate::palliative::enrollment::facts::coded;
use crate::palliative::enrollment::facts::name;
use crate::palliative::enrollment::facts::parameter;
use crate::palliative::enrollment::facts::program_of;
use crate::palliative::enrollment::facts::state_of;
use crate::palliative::enrollment::request::refused;
use crate::palliative::enrollment::state::State;
use crate::palliative::gaps::Following;
use crate::palliative::gaps::Gap;
use crate::palliative::gaps::Status;
use crate::palliative::gaps::gaps;
use crate::palliative::gaps::measures::Measures;
use crate::palliative::gaps::tasks::tasks;
use crate::palliative::gaps::urgent::tells_of_task;
use crate::palliative::program::Program;
use crate::palliative::screening::report::Reader;

/// The types that gaps are found in beside those of every decision.
pub(super) const READ: [&str; 5] =
    ["Condition", "Encounter", "MedicationRequest", "Observation", "RelatedPerson"];
/// The types that the caller must be allowed to read: what is told of them is no more than a search would tell.
pub(super) const TOLD: [&str; 9] = [
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

/// Tells the gaps of a patient's open episode.
///
/// # Errors
/// 403 without the scopes for all that is read; 404 for an unknown patient or programme, and where there is no open
/// episode; 400 for an unknown status, and where there are several episodes and no programme is named; 422 for an unknown
/// measure, and `date-range` for a day that has not come; with `createTasks` 405 for GET, 403 for one who is held to a
/// patient's own data or may not create a Task, and 422 for another day than today.
pub fn run(session: &Session, call: Call) -> Result<Answer, Failure> {
    session.require_reading(&TOLD)?;
    let wanted = Wanted::read(session, &call)?;
    let patient = patient_id(session, &call)?;
    let episode = episode(session, &call, &patient)?;
    let program = session.program_of(&episode)?;
    let as_of = as_of(session, &call.parameters, &program)?;
    let chart = session.chart(&patient, &READ)?;
    let (output, gaps) = of_episode(session, (&episode, &chart), (&program, as_of), &wanted)?;
    if !wants_tasks(session, &call, (&program, as_of))? {
        return Ok(Answer::value(output.into_value()));
    }
    let enrollment = task_among(chart.of("Task"), &name(&episode));
    let drafts = tasks((&episode, enrollment), &program, &gaps, session.now())?;
    let deed = Deed { decision: Vec::new(), ..Deed::within(call.operation, &episode, "") };
    let Deed { tasks, decision, .. } = Deed::asking(call.operation, &drafts);
    let changes = session.audited(changes(&drafts), &Deed { tasks, decision, ..deed })?;
    session.write_once(call.once.as_ref(), changes, move |written| {
        let output = tasks_of(written).fold(output.clone(), |output, task| output.reference("task", task));
        Ok(Answer::value(output.into_value()))
    })
}

/// The tasks among what was written, or was there.
pub(super) fn tasks_of(written: &[Written]) -> impl Iterator<Item = String> {
    let tasks = written.iter().map(|one| &one.stored).filter(|stored| stored.ty.name() == "Task");
    tasks.map(|stored| format!("{}/{}", stored.ty, stored.id))
}

/// Whether a call creates tasks; no other changes anything.
pub fn writes(given: &Input) -> bool {
    given.boolean("createTasks") == Some(true)
}

/// Whether tasks are to be created, by one who may.
fn wants_tasks(session: &Session, call: &Call, (program, as_of): (&Program, Date)) -> Result<bool, Failure> {
    if !writes(&call.parameters) {
        return Ok(false);
    }
    // Which tasks are asked for tells which are open.
    session.require_reading(&["Task"])?;
    may_ask(session, call)?;
    as_of_today(session, (program, as_of))?;
    Ok(true)
}

/// Refuses to ask for tasks as of another day than the programme's today.
pub(super) fn as_of_today(session: &Session, (program, as_of): (&Program, Date)) -> Result<(), Failure> {
    if as_of == session.today_in(program) {
        return Ok(());
    }
    let text = "Tasks are asked for as of today; leave `asOf` or `createTasks` out.";
    Err(coded(Reason::BusinessRule, "date-range", text).at(parameter("asOf")))
}

/// Refuses to ask for tasks with GET, or for one who acts for a patient.
pub(super) fn may_ask(session: &Session, call: &Call) -> Result<(), Failure> {
    require_post(call, "createTasks")?;
    if session.actor().side == Side::Patient {
        let text = "The team asks for reviews, and the access token is held to a patient's own data.";
        return Err(Failure::new(Reason::Forbidden, text));
    }
    Ok(())
}

/// What is asked for.
pub(super) struct Wanted {
    statuses: Vec<Status>,
    /// All measures that count gaps.
    measures: Measures,
    /// Those that are asked about; all gaps where there is none.
    only: Vec<String>,
    reader: Reader,
}

impl Wanted {
    /// Reads it.
    ///
    /// # Errors
    /// 400 for an unknown status; 422 for an unknown measure.
    pub(super) fn read(session: &Session, call: &Call) -> Result<Self, Failure> {
        let measures = Measures::of(&session.app().definitions);
        let known = |canonical: &str| {
            measures.find(canonical).map(str::to_owned).ok_or_else(|| {
                let known: Vec<&str> = measures.all().into_iter().collect();
                let text = format!("No gap is counted by {canonical}; use one of {}.", known.join(", "));
                coded(Reason::Unprocessable, "bad-parameter", text).at(parameter("measure"))
            })
        };
        let only = call.parameters.texts("measure").map(known).collect::<Result<_, _>>()?;
        Ok(Self { statuses: statuses(call)?, measures, only, reader: reader(session) })
    }

    fn has(&self, gap: &Gap) -> bool {
        let counted = self.measures.of_gap(gap.code);
        let asked = self.only.is_empty() || counted.iter().any(|measure| self.only.contains(measure));
        asked && self.statuses.contains(&gap.status)
    }
}

/// The episode, its tier, and those of its gaps that are asked for; and all of them.
pub(super) fn of_episode(
    session: &Session,
    (episode, chart): (&Resource, &Chart),
    (program, as_of): (&Program, Date),
    wanted: &Wanted,
) -> Result<(Output, Vec<Gap>), Failure> {
    let algorithm = session.app().risk.of(program)?;
    let template = &session.app().care_plans.of(program)?;
    let actor = session.actor();
    let mapped = program.maps.applied_to(chart);
    let chart = mapped.as_ref().unwrap_or(chart);
    let case = Case { program, episode, chart, actor: &actor, now: session.now(), rule_sets: &[] };
    let assessments = &session.app().assessments;
    let planning = Planning { case: &case, template, algorithm, assessments, as_of };
    let (tier, intensity) = (planning.tier(), planning.intensity());
    let found = gaps(&Following { planning: &planning, intensity, assessments });
    let mut output = Output::new().reference("episode", name(episode));
    if let Some(tier) = tier {
        output = output.value("tier", "code", tier.code());
    }
    let shown = |gap: &Gap| gap.evidence.as_deref().is_none_or(|to| may_see(session, to, case.patient()));
    let told = found.iter().filter(|gap| wanted.has(gap) && (shown(gap) || !tells_of_task(gap)));
    let output = told.fold(output, |output, gap| {
        let unseen = || Gap { evidence: None, last: None, ..gap.clone() };
        let gap = if shown(gap) { gap.clone() } else { unseen() };
        output.part("gap", part(&gap, &wanted.measures, wanted.reader))
    });
    Ok((output, found))
}

/// The statuses that are asked for: open gaps where none is named.
fn statuses(call: &Call) -> Result<Vec<Status>, Failure> {
    let parse = |code: &str| {
        Status::parse(code).ok_or_else(|| {
            let known = Status::ALL.map(Status::code).join(", ");
            refused("status", format!("`{code}` is no status of a gap; use one of {known}."))
        })
    };
    let named: Vec<Status> = call.parameters.texts("status").map(parse).collect::<Result<_, _>>()?;
    Ok(if named.is_empty() { vec![Status::Open] } else { named })
}

/// Whether an episode is open, of the programme that is named or of any.
pub(super) fn is_open(episode: &Resource, program: Option<&str>) -> bool {
    let ours = program.is_none() || program_of(episode) == program;
    ours && program_of(episode).is_some() && state_of(episode).is_some_and(State::is_open)
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
        if is_open(&resource, reference.as_deref()) {
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
