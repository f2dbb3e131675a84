//! `$palliative-gaps` of a Group: what is due for each member in a palliative programme, what was missed, and what was
//! done in time. <https://hl7.org/fhir/us/davinci-deqm/gaps-in-care-reporting.html>

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::access::Action;
use crate::app::Answer;
use crate::app::Session;
use crate::app::audit::Deed;
use crate::app::programme::changes;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::parameters::Input;
use crate::fhir::parameters::Output;
use crate::fhir::reference::Reference;
use crate::operations::Call;
use crate::operations::palliative_gaps;
use crate::operations::palliative_gaps::READ;
use crate::operations::palliative_gaps::TOLD;
use crate::operations::palliative_gaps::Wanted;
use crate::operations::palliative_gaps::as_of_today;
use crate::operations::palliative_gaps::is_open;
use crate::operations::palliative_gaps::may_ask;
use crate::operations::palliative_gaps::of_episode;
use crate::operations::palliative_gaps::tasks_of;
use crate::operations::submitted::as_of;
use crate::palliative::enrollment::companions::task_among;
use crate::palliative::enrollment::drafts::Drafts;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::enrollment::facts::name;
use crate::palliative::enrollment::facts::program_of;
use crate::palliative::enrollment::request::refused;
use crate::palliative::gaps::tasks::ask;
use crate::palliative::gaps::tasks::identity;
use crate::palliative::program::Program;

/// How many tasks are asked for at once: each is looked for before it is made.
const MOST_TASKS: usize = 200;

/// Tells the gaps of all members of a Group who have an open episode. Where those of an episode cannot be told, because
/// its programme is not here or is set up wrongly, the reason is told in their place, and of the others all.
///
/// # Errors
/// 403 for one who may not read all that is read, of all patients; 404 for an unknown Group or programme; 400 for an
/// unknown status; 413 `too-costly` for more people than one request may be about; 422 for a Group that is no roster of
/// patients, for an unknown measure, and `date-range` for a day that has not come; with `createTasks` 405 for GET, 403 for
/// one who may not read and create the Tasks of all patients, and 422 for another day than today.
pub fn run(session: &Session, call: Call) -> Result<Answer, Failure> {
    session.require_reading_all(&TOLD)?;
    session.require_reading_all(&["Patient"])?;
    let wanted = Wanted::read(session, &call)?;
    let group = group_id(session, &call)?;
    let wants_tasks = wants_tasks(session, &call)?;
    let named = call.parameters.reference("program");
    let program = session.screening_program(named)?;
    let day = as_of(session, &call.parameters, &program)?;
    if wants_tasks {
        as_of_today(session, (&program, day))?;
    }
    let members = session.members_of(&group, &program, day)?;
    let only = named.map(|_| program.reference());
    let asked = call.parameters.day("asOf")?;
    let reference = program.reference();
    let known = BTreeMap::from([(reference.clone(), Ok((program, day)))]);
    let mut programs = Programs { session, asked, wants_tasks, known };
    let (mut told, mut work) = (Output::new(), Work::default());
    let mut followed: BTreeSet<String> = BTreeSet::new();
    session.each_chart(&members, &READ, &mut |patient, chart| {
        for episode in chart.of("EpisodeOfCare").filter(|one| is_open(one, only.as_deref())) {
            let part = Output::new().reference("patient", format!("Patient/{patient}"));
            let part = part.and(gaps(&mut programs, (episode, &chart), &wanted, &mut work)?);
            told = std::mem::take(&mut told).part("patient", part);
            followed.insert(patient.to_owned());
        }
        let own = |task| Some(((patient.to_owned(), identity(task)?.to_owned()), name(task)));
        work.there.extend(chart.of("Task").filter_map(own));
        Ok(())
    })?;
    let output =
        Output::new().value("members", "integer", members.len()).value("followed", "integer", followed.len());
    let output = output.and(told);
    if !wants_tasks {
        return Ok(Answer::value(output.into_value()));
    }
    let deed = Deed { group: Some(format!("Group/{group}")), ..Deed::default() };
    work.write(session, &call, Deed { program: only.map(|_| reference), ..deed }, output)
}

/// Whether a call creates tasks; no other changes anything.
pub fn writes(given: &Input) -> bool {
    palliative_gaps::writes(given)
}

/// Whether tasks are to be created, by one who may for all patients.
fn wants_tasks(session: &Session, call: &Call) -> Result<bool, Failure> {
    if !writes(&call.parameters) {
        return Ok(false);
    }
    session.require_reading_all(&["Task"])?;
    session.require_all(Action::Create, "Task")?;
    may_ask(session, call)?;
    Ok(true)
}

/// The work that the gaps ask for.
#[derive(Default)]
struct Work {
    /// That of all members.
    drafts: Drafts,
    /// The tasks that are there, by whose they are and what they are found again by.
    there: BTreeMap<(String, String), String>,
}

impl Work {
    /// Asks for what nobody has asked for yet, what is urgent first, in one write with its record; tells of all tasks.
    fn write(self, session: &Session, call: &Call, deed: Deed, told: Output) -> Result<Answer, Failure> {
        let (mut new, mut output) = (Vec::new(), told);
        for draft in self.drafts.into_list() {
            match key(&draft.resource).and_then(|own| self.there.get(&own)) {
                Some(task) => output = output.reference("task", task),
                None => new.push(draft),
            }
        }
        new.sort_by_key(|draft| draft.resource.text("/priority") != Some("urgent"));
        let left = new.len().saturating_sub(MOST_TASKS);
        new.truncate(MOST_TASKS);
        if left > 0 {
            output = output.value("tasksLeft", "integer", left);
        }
        if new.is_empty() && call.once.is_none() {
            return Ok(Answer::value(output.into_value()));
        }
        let Deed { operation, tasks, decision, .. } = Deed::asking(call.operation, &new);
        let deed = Deed { operation, tasks, decision, ..deed };
        session.write_once(call.once.as_ref(), session.audited(changes(&new), &deed)?, move |written| {
            let made = tasks_of(written).fold(output.clone(), |output, task| output.reference("task", task));
            Ok(Answer::value(made.into_value()))
        })
    }
}

/// Whose a task is, and by what it is found again.
fn key(task: &Resource) -> Option<(String, String)> {
    let patient = task.text("/for/reference")?.strip_prefix("Patient/")?;
    Some((patient.to_owned(), identity(task)?.to_owned()))
}

/// The programmes of the episodes, each with the day that is asked about there, or why there is none to be had.
struct Programs<'a> {
    session: &'a Session,
    asked: Option<Date>,
    wants_tasks: bool,
    known: BTreeMap<String, Result<(Program, Date), Failure>>,
}

impl Programs<'_> {
    fn of(&mut self, episode: &Resource) -> &Result<(Program, Date), Failure> {
        let reference = program_of(episode).unwrap_or_default();
        let (session, asked, wants_tasks) = (self.session, self.asked, self.wants_tasks);
        self.known.entry(reference.to_owned()).or_insert_with(|| {
            let program = session.program_of(episode)?;
            let day = asked.unwrap_or_else(|| session.today_in(&program));
            if wants_tasks {
                as_of_today(session, (&program, day))?;
            }
            Ok((program, day))
        })
    }
}

/// An episode with its gaps, for which the work is added, or with the reason for which they cannot be told.
fn gaps(
    programs: &mut Programs,
    (episode, chart): (&Resource, &Chart),
    wanted: &Wanted,
    work: &mut Work,
) -> Result<Output, Failure> {
    let (session, wants_tasks) = (programs.session, programs.wants_tasks);
    let found = match programs.of(episode) {
        Ok((program, day)) => {
            of_episode(session, (episode, chart), (program, *day), wanted).and_then(|(output, gaps)| {
                let enrollment = task_among(chart.of("Task"), &name(episode));
                if wants_tasks {
                    ask(&mut work.drafts, (episode, enrollment), (program, &gaps), session.now())?;
                }
                Ok(output)
            })
        }
        Err(failure) => Err(failure.clone()),
    };
    match found {
        Ok(output) => Ok(output),
        Err(failure) if is_of_programme(&failure) => {
            let why: Vec<&str> = failure.issues.iter().map(|issue| issue.text.as_str()).collect();
            Ok(Output::new().reference("episode", name(episode)).value("problem", "string", why.join(" ")))
        }
        Err(failure) => Err(failure),
    }
}

/// Whether it is the programme that is at fault, and not the database or the service.
fn is_of_programme(failure: &Failure) -> bool {
    matches!(failure.reason, Reason::NotFound | Reason::Unprocessable | Reason::BusinessRule)
}

/// The Group's id: the instance, or on the type the parameter.
fn group_id(session: &Session, call: &Call) -> Result<String, Failure> {
    let instance = call.target.as_ref().and_then(|(_, id)| id.clone());
    let named = call.parameters.reference("group");
    let at_fault = |text: &str| refused("group", text.to_owned());
    match (instance, named) {
        (Some(id), None) => Ok(id),
        (Some(_), Some(_)) => Err(at_fault("Leave `group` out where the URL names the Group.")),
        (None, None) => Err(at_fault("Name the Group in `group`, or call this on one.")),
        (None, Some(named)) => {
            let local = Reference::parse_under(named, session.base_url()).local();
            let group = local.filter(|local| local.ty.name() == "Group");
            let id = group.map(|local| local.id.to_owned());
            id.ok_or_else(|| at_fault("`group` is a reference such as Group/1."))
        }
    }
}
