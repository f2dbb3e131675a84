//! `$palliative-careplan`: the care plan of an episode, shown, written or checked.
//! <https://hl7.org/fhir/R4/careplan.html>

use std::borrow::Cow;

use jiff::civil::Date;
use serde_json::Value;

use crate::app::Answer;
use crate::app::Session;
use crate::app::Written;
use crate::app::audit::Deed;
use crate::app::programme::changes;
use crate::app::programme::until_current;
use crate::app::screening::Subject;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::parameters::Output;
use crate::fhir::reference::Reference;
use crate::operations::Call;
use crate::operations::opened::Opened;
use crate::operations::submitted::reader;
use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::completeness::Gap;
use crate::palliative::care_plan::completeness::gaps;
use crate::palliative::care_plan::items::Found;
use crate::palliative::care_plan::items::show;
use crate::palliative::care_plan::plan::Plan;
use crate::palliative::care_plan::plan::find;
use crate::palliative::care_plan::plan::make;
use crate::palliative::care_plan::team::named;
use crate::palliative::enrollment::drafts::Draft;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::enrollment::facts::broken;
use crate::palliative::enrollment::facts::coded;
use crate::palliative::enrollment::facts::parameter;
use crate::palliative::enrollment::facts::state_of;
use crate::palliative::enrollment::patient_of;
use crate::palliative::enrollment::request::refused;
use crate::palliative::enrollment::state::State;
use crate::palliative::screening::report::Reader;

/// The types that a plan reads beside those of every decision.
const READ: [&str; 8] = [
    "Condition",
    "DocumentReference",
    "Encounter",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "Procedure",
    "RelatedPerson",
];
/// The types that the caller must be allowed to read: a plan tells of them, and what it would not see it would take for
/// not being there.
const TOLD: [&str; 13] = [
    "CarePlan",
    "CareTeam",
    "Condition",
    "DocumentReference",
    "Encounter",
    "Flag",
    "Goal",
    "Observation",
    "Patient",
    "Procedure",
    "RelatedPerson",
    "ServiceRequest",
    "Task",
];

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Draft,
    Apply,
    Check,
}

/// Shows, writes or checks the plan.
///
/// # Errors
/// 404 where the episode or the template is not there; 409 where the person has not agreed or the episode is closed.
pub fn run(session: &Session, call: Call) -> Result<Answer, Failure> {
    session.require_reading(&TOLD)?;
    let mode = mode(&call)?;
    until_current(call.if_match, || attempt(session, &call, mode))
}

fn attempt(session: &Session, call: &Call, mode: Mode) -> Result<Answer, Failure> {
    let mut opened = Opened::of(session, call, (episode(session, call)?, &READ))?;
    let wanted = call.parameters.text("template");
    let template = &session.care_plan_template(&opened.program, wanted)?;
    let algorithm = session.app().risk.of(&opened.program)?;
    let assessments = &session.app().assessments;
    let as_of = as_of(call, mode, session.today_in(&opened.program))?;
    let people: Vec<String> = named(&opened.case()).into_iter().map(str::to_owned).collect();
    people.iter().for_each(|one| session.add_to_chart(&mut opened.chart, one));
    if mode == Mode::Apply {
        require_people(session, &opened.chart, &people)?;
    }
    // The facts map codes themselves: made of what was mapped, they would lead one on twice.
    let filed: Vec<Resource> = opened.chart.all().cloned().collect();
    let mapped = opened.program.maps.applied_to(&opened.chart);
    let as_sent = mapped.map(|mapped| std::mem::replace(&mut opened.chart, mapped));
    let case = Case { rule_sets: &[], ..opened.case() };
    let planning = Planning { case: &case, template, algorithm, assessments, as_of };
    let (subject, warnings) = subject(&planning, filed);
    let make = || {
        let mut plan = Plan { warnings: warnings.clone(), ..make(&planning, &subject.situation())? };
        if reader(session) == Reader::Patient {
            plan.withhold();
        }
        as_sent.iter().for_each(|chart| show(&mut plan.needs, chart));
        Ok::<_, Failure>(plan)
    };
    match mode {
        Mode::Check => check(&planning),
        Mode::Draft => {
            let plan = make()?;
            let gaps = gaps(&planning, Some(&plan.care_plan), &plan.goals);
            let told = told(&plan, &[])?;
            Ok(Answer::value(finish(told, &plan, &gaps).into_value()))
        }
        Mode::Apply => apply(session, call, (&planning, make()?)),
    }
}

/// The facts that the template's conditions are judged by: those of the chart, without scores that cannot be, and a
/// sentence for each of these.
fn subject(planning: &Planning, filed: Vec<Resource>) -> (Subject, Vec<String>) {
    let case = planning.case;
    let id = case.patient().strip_prefix("Patient/").unwrap_or_default();
    let mut subject = Subject::new(id, filed, case.program, planning.as_of);
    let (usable, warnings) = planning.algorithm.usable(&subject.record);
    if let Cow::Owned(usable) = usable {
        subject.record = usable;
    }
    (subject, warnings)
}

fn check(planning: &Planning) -> Result<Answer, Failure> {
    let plan = find(planning);
    let mut output = Output::new();
    if let Some(plan) = plan {
        output = output.resource("carePlan", plan.value().clone());
    }
    let gaps = gaps(planning, plan, &[]);
    Ok(Answer::value(with_gaps(output, &gaps).into_value()))
}

fn apply(session: &Session, call: &Call, (planning, plan): (&Planning, Plan)) -> Result<Answer, Failure> {
    let gaps = gaps(planning, Some(&plan.care_plan), &plan.goals);
    if plan.drafts.is_empty() {
        let told = told(&plan, &[])?;
        return Ok(Answer::value(finish(told, &plan, &gaps).into_value()));
    }
    let deed = Deed::within(call.operation, planning.case.episode, "apply");
    let changes = session.audited(changes(&plan.drafts), &deed)?;
    let begins = plan.drafts.iter().any(is_new_plan);
    let written = session.write_once(call.once.as_ref(), changes, move |written| {
        let told = told(&plan, written)?;
        Ok(Answer::value(finish(told, &plan, &gaps).into_value()))
    });
    // Somebody else has made the episode's plan in the meantime: it is to be found, and gone on with.
    written.map_err(|failure| match failure.reason {
        Reason::Conflict if begins => Failure { reason: Reason::Precondition, ..failure },
        _ => failure,
    })
}

fn is_new_plan(draft: &Draft) -> bool {
    draft.resource.ty().name() == "CarePlan" && matches!(draft.place, Place::NewUnless(..))
}

/// Plan, goals and tasks: as written where they were, else as they were found or would be.
fn told(plan: &Plan, written: &[Written]) -> Result<Output, Failure> {
    let as_written = |place: usize| written.get(place).map(|one| one.stored.value()).transpose();
    let drafted = |resource: &Resource| plan.drafts.iter().position(|draft| draft.resource == *resource);
    let now = |resource: &Resource| -> Result<Value, Failure> {
        let stored = drafted(resource).map(as_written).transpose()?.flatten();
        Ok(stored.unwrap_or_else(|| resource.value().clone()))
    };
    let mut output = Output::new().resource("carePlan", now(&plan.care_plan)?);
    let lists: [(&str, &[Found]); 3] =
        [("goals", &plan.goals), ("tasks", &plan.tasks), ("needs", &plan.needs)];
    for (name, list) in lists {
        for found in list {
            output = output.resource(name, now(&found.resource)?);
        }
    }
    if let Some(deed) = written.iter().find(|one| one.stored.ty.name() == "Provenance") {
        output = output.resource("provenance", deed.stored.value()?);
    }
    Ok(output)
}

fn finish(output: Output, plan: &Plan, gaps: &[Gap]) -> Output {
    let output =
        plan.warnings.iter().fold(output, |output, text| output.value("warning", "string", text.as_str()));
    let output = plan.edited().fold(output, |output, name| output.reference("changed", name));
    let output = plan.skipped.iter().fold(output, |output, (action, reason)| {
        let part =
            Output::new().value("action", "code", action.as_str()).value("reason", "string", reason.as_str());
        output.part("skipped", part)
    });
    with_gaps(output, gaps)
}

fn with_gaps(output: Output, gaps: &[Gap]) -> Output {
    gaps.iter().fold(output, |output, gap| {
        let part = Output::new()
            .value("domain", "code", gap.domain.as_str())
            .value("code", "code", gap.code)
            .value("severity", "code", gap.severity)
            .value("text", "string", gap.text.as_str());
        output.part("completeness", part)
    })
}

/// Refuses a caller who may not read those whom the page names: it would be written with their names left out.
fn require_people(session: &Session, chart: &Chart, people: &[String]) -> Result<(), Failure> {
    let unread = people.iter().filter(|one| chart.find(one).is_none());
    let types: Vec<&str> = unread.filter_map(|one| Some(one.split_once('/')?.0)).collect();
    session.require_reading(&types)
}

fn mode(call: &Call) -> Result<Mode, Failure> {
    match call.parameters.text("mode") {
        None | Some("draft") => Ok(Mode::Draft),
        Some("apply") => Ok(Mode::Apply),
        Some("check") => Ok(Mode::Check),
        Some(other) => Err(refused("mode", format!("`{other}` is not a mode; use draft, apply or check."))),
    }
}

fn as_of(call: &Call, mode: Mode, today: Date) -> Result<Date, Failure> {
    let as_of = call.parameters.day("asOf")?.unwrap_or(today);
    let text = if as_of > today {
        format!("{as_of} lies in the future; a plan is shown and judged for today or an earlier day.")
    } else if mode == Mode::Apply && as_of < today {
        format!(
            "{as_of} is past, and what is written is today's; leave `asOf` out to apply the plan, or show that \
             day's with the mode draft."
        )
    } else {
        return Ok(as_of);
    };
    let issue = broken("date-range", text).at(parameter("asOf"));
    Err(Failure::of(Reason::BusinessRule, vec![issue]))
}

/// The episode: the instance, or of a patient the one that is named or the only one that is open.
fn episode(session: &Session, call: &Call) -> Result<Resource, Failure> {
    let named = call.parameters.reference("episode").and_then(|to| Reference::parse(to).local());
    match (call.target.as_ref(), named) {
        (Some((ty, Some(id))), None) if ty.name() == "EpisodeOfCare" => session.subject(*ty, id),
        (Some((ty, _)), Some(_)) if ty.name() == "EpisodeOfCare" => {
            Err(refused("episode", "Leave `episode` out where the URL names the episode.".to_owned()))
        }
        (Some((_, Some(patient))), Some(local)) => {
            let episode = session.subject(local.ty, local.id)?;
            let own = patient_of(&episode) == Some(patient.as_str());
            if own { Ok(episode) } else { Err(no_episode("That episode is not this patient's.")) }
        }
        (Some((ty, Some(patient))), None) => open_episode(session, *ty, patient),
        _ => {
            Err(Failure::new(Reason::Invalid, "Call $palliative-careplan on an EpisodeOfCare or a Patient."))
        }
    }
}

fn open_episode(session: &Session, ty: ResourceType, patient: &str) -> Result<Resource, Failure> {
    session.subject(ty, patient)?;
    let episode = ResourceType::parse("EpisodeOfCare").expect("EpisodeOfCare is a type of R4");
    let stored = session.compartment(patient, &[episode])?;
    let mut open = Vec::new();
    for one in stored {
        let resource = Resource::from_value(one.value()?)?;
        if state_of(&resource).is_some_and(State::is_open) {
            open.push(resource);
        }
    }
    match (open.pop(), open.is_empty()) {
        (Some(one), true) => Ok(one),
        (None, _) => Err(no_episode("The patient has no open episode in a palliative programme.")),
        (Some(_), false) => Err(refused(
            "episode",
            "The patient has several open episodes; name one in `episode`.".to_owned(),
        )),
    }
}

fn no_episode(text: &str) -> Failure {
    coded(Reason::NotFound, "episode-not-found", text)
}
