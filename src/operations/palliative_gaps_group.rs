//! `$palliative-gaps` of a Group: what is due for each member in a palliative programme, what was missed, and what was
//! done in time. <https://hl7.org/fhir/us/davinci-deqm/gaps-in-care-reporting.html>

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::app::Answer;
use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::parameters::Output;
use crate::fhir::reference::Reference;
use crate::operations::Call;
use crate::operations::palliative_gaps::READ;
use crate::operations::palliative_gaps::TOLD;
use crate::operations::palliative_gaps::Wanted;
use crate::operations::palliative_gaps::is_open;
use crate::operations::palliative_gaps::of_episode;
use crate::operations::submitted::as_of;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::enrollment::facts::name;
use crate::palliative::enrollment::facts::program_of;
use crate::palliative::enrollment::request::refused;
use crate::palliative::program::Program;

/// Tells the gaps of all members of a Group who have an open episode. Where those of an episode cannot be told, because
/// its programme is not here or is set up wrongly, the reason is told in their place, and of the others all.
///
/// # Errors
/// 403 for one who may not read all that is read, of all patients; 404 for an unknown Group or programme; 400 for an
/// unknown status; 413 `too-costly` for more people than one request may be about; 422 for a Group that is no roster of
/// patients, for an unknown measure, and `date-range` for a day that has not come.
pub fn run(session: &Session, call: Call) -> Result<Answer, Failure> {
    session.require_reading_all(&TOLD)?;
    session.require_reading_all(&["Patient"])?;
    let wanted = Wanted::read(session, &call)?;
    let group = group_id(session, &call)?;
    let named = call.parameters.reference("program");
    let program = session.screening_program(named)?;
    let day = as_of(session, &call.parameters, &program)?;
    let members = session.members_of(&group, &program, day)?;
    let only = named.map(|_| program.reference());
    let asked = call.parameters.day("asOf")?;
    let mut programs =
        Programs { session, asked, known: BTreeMap::from([(program.reference(), Ok((program, day)))]) };
    let mut told = Output::new();
    let mut followed: BTreeSet<String> = BTreeSet::new();
    session.each_chart(&members, &READ, &mut |patient, chart| {
        for episode in chart.of("EpisodeOfCare").filter(|one| is_open(one, only.as_deref())) {
            let part = Output::new().reference("patient", format!("Patient/{patient}"));
            let part = part.and(gaps(&mut programs, (episode, &chart), &wanted)?);
            told = std::mem::take(&mut told).part("patient", part);
            followed.insert(patient.to_owned());
        }
        Ok(())
    })?;
    let output =
        Output::new().value("members", "integer", members.len()).value("followed", "integer", followed.len());
    Ok(Answer::value(output.and(told).into_value()))
}

/// The programmes of the episodes, each with the day that is asked about there, or why there is none to be had.
struct Programs<'a> {
    session: &'a Session,
    asked: Option<Date>,
    known: BTreeMap<String, Result<(Program, Date), Failure>>,
}

impl Programs<'_> {
    fn of(&mut self, episode: &Resource) -> &Result<(Program, Date), Failure> {
        let reference = program_of(episode).unwrap_or_default();
        let (session, asked) = (self.session, self.asked);
        self.known.entry(reference.to_owned()).or_insert_with(|| {
            let program = session.program_of(episode)?;
            let day = asked.unwrap_or_else(|| session.today_in(&program));
            Ok((program, day))
        })
    }
}

/// An episode with its gaps, or with the reason for which they cannot be told.
fn gaps(
    programs: &mut Programs,
    (episode, chart): (&Resource, &Chart),
    wanted: &Wanted,
) -> Result<Output, Failure> {
    let session = programs.session;
    let found = match programs.of(episode) {
        Ok((program, day)) => of_episode(session, (episode, chart), (program, *day), wanted),
        Err(failure) => Err(failure.clone()),
    };
    match found {
        Ok((output, _)) => Ok(output),
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
