//! `$palliative-refer`: opens a person's episode in a palliative care programme.
//! <https://hl7.org/fhir/R4/episodeofcare.html>

use std::collections::HashMap;

use jiff::civil::Date;
use serde_json::Value;

use crate::access::Action;
use crate::app::Answer;
use crate::app::Session;
use crate::app::Written;
use crate::app::audit::Deed;
use crate::app::programme::first_of;
use crate::app::programme::until_current;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::form::encoded;
use crate::fhir::parameters::Given;
use crate::fhir::parameters::Input;
use crate::fhir::parameters::Output;
use crate::fhir::reference::Reference;
use crate::operations::Call;
use crate::palliative::enrollment::drafts::Decision;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::enrollment::facts::coded;
use crate::palliative::enrollment::facts::first_day;
use crate::palliative::enrollment::refer;
use crate::palliative::enrollment::refer::Duplicate;
use crate::palliative::enrollment::refer::Referral;
use crate::palliative::enrollment::request::Wanted;
use crate::palliative::enrollment::request::refused;
use crate::palliative::program::Program;

const SOURCES: [&str; 5] = ["clinician", "self", "caregiver", "algorithm", "payer"];
const URGENCIES: [&str; 3] = ["routine", "urgent", "asap"];

/// Opens an episode, or adds the referral to the one that is open.
///
/// # Errors
/// 404 for an unknown patient or programme; 412 about `If-Match`; 409 `already-open` or `exclusive-program`; 422 with every rule that
/// does not hold.
pub fn run(session: &Session, call: Call) -> Result<Answer, Failure> {
    session.require_reading(&["EpisodeOfCare"])?;
    let patient = patient(session, &call)?;
    let program = session.program(call.parameters.reference("program").unwrap_or_default())?;
    let referral = referral(&call.parameters, &program)?;
    // Of referrals that come at the same moment one opens the episode, and the others find it open.
    until_current(call.if_match, || attempt(session, &call, (&patient, &program, &referral)))
}

fn attempt(
    session: &Session,
    call: &Call,
    (patient, program, referral): (&Resource, &Program, &Referral),
) -> Result<Answer, Failure> {
    let id = patient.id().unwrap_or_default();
    let chart = session.chart(id, &[])?;
    let actor = session.actor();
    let blank = refer::blank(&format!("Patient/{id}"))?;
    // The rules read all episodes; told is one only to a caller who may read this patient's.
    if !session.may_be_told(&blank) {
        let text =
            "The access token does not allow to read this patient's EpisodeOfCare, which the answer shows.";
        return Err(coded(Reason::Forbidden, "scope", text));
    }
    session.require_own(id, referral)?;
    let case =
        Case { program, episode: &blank, chart: &chart, actor: &actor, now: session.now(), rule_sets: &[] };
    let open = refer::open_episode(&case);
    session.check_open(program, open, call.if_match)?;
    match open {
        None => {
            let decision = refer::open(&case, referral)?;
            session.require_one_episode(id, program)?;
            write(session, call, decision, Situation::New)
        }
        Some(open) => {
            let case = Case { episode: open, ..case };
            let decision = refer::add(&case, referral)?;
            write(session, call, decision, Situation::Open(open.clone(), chart.clone()))
        }
    }
}

/// What the referral met.
enum Situation {
    New,
    /// The open episode, and the chart that it was found in.
    Open(Resource, Chart),
}

fn write(
    session: &Session,
    call: &Call,
    decision: Decision,
    situation: Situation,
) -> Result<Answer, Failure> {
    let base_url = session.base_url().to_owned();
    let told = Told { base_url, tasks: session.caller().may(Action::Read, task_type()) };
    let adds = call.parameters.boolean("rejectDuplicate") != Some(true);
    let open = match &situation {
        Situation::New => None,
        Situation::Open(episode, _) => Some(episode),
    };
    let deed = Deed::of(call.operation, &decision, open);
    let changes = session.audited(session.decided(&decision.drafts)?, &deed)?;
    let written =
        session.write_once(call.once.as_ref(), changes, move |written| answer(&told, written, &situation));
    // Somebody else opened the episode in the meantime: it is to be found, and the referral added to it.
    written.map_err(|failure| match failure.reason {
        Reason::Conflict if adds => Failure { reason: Reason::Precondition, ..failure },
        _ => failure,
    })
}

/// What of the answer does not depend on the referral.
struct Told {
    base_url: String,
    /// Whether the caller may read Tasks, and so learn of the episode's.
    tasks: bool,
}

fn answer(told: &Told, written: &[Written], situation: &Situation) -> Result<Answer, Failure> {
    let of = |ty: &str| first_of(written, ty).map(|stored| format!("{ty}/{}", stored.id));
    let base_url = &told.base_url;
    let stored = first_of(written, "EpisodeOfCare");
    let episode = match (situation, &stored) {
        (_, Some(stored)) => stored.value()?,
        (Situation::Open(episode, _), None) => episode.value().clone(),
        (Situation::New, None) => return Err(Failure::internal("a referral wrote no episode")),
    };
    let task = of("Task").or_else(|| match situation {
        Situation::New => None,
        Situation::Open(episode, chart) => task_in(chart, episode),
    });
    let task = task.filter(|_| told.tasks);
    let request = of("ServiceRequest").or_else(|| {
        let list = episode.get("referralRequest")?.as_array()?;
        Some(list.last()?.get("reference")?.as_str()?.to_owned())
    });
    let id = episode.get("id").and_then(|id| id.as_str()).unwrap_or_default().to_owned();
    let version = stored.as_ref().map(|stored| stored.version);
    let mut output = Output::new().resource("episode", episode);
    output = task.into_iter().fold(output, |output, task| output.reference("task", task));
    output = request.into_iter().fold(output, |output, request| output.reference("serviceRequest", request));
    let is_new = matches!(situation, Situation::New);
    Ok(Answer {
        status: if is_new { 201 } else { 200 },
        location: is_new.then(|| format!("{base_url}/EpisodeOfCare/{id}/_history/{}", version.unwrap_or(1))),
        version,
        ..Answer::value(output.into_value())
    })
}

fn task_in(chart: &Chart, episode: &Resource) -> Option<String> {
    let name = format!("EpisodeOfCare/{}", episode.id()?);
    let tasks: HashMap<&str, &Resource> =
        chart.of("Task").filter_map(|task| Some((task.text("/focus/reference")?, task))).collect();
    tasks.get(name.as_str()).and_then(|task| task.id()).map(|id| format!("Task/{id}"))
}

/// The patient: the instance, or on the type the parameter.
fn patient(session: &Session, call: &Call) -> Result<Resource, Failure> {
    match (call.target.as_ref(), call.parameters.one("patient")) {
        (Some((ty, Some(id))), None) => session.subject(*ty, id),
        (Some((_, None)), Some(given)) => named(session, given),
        (Some((_, Some(_))), Some(_)) => {
            Err(refused("patient", "Leave `patient` out where the URL names the patient.".to_owned()))
        }
        _ => Err(refused("patient", "`patient` is missing; name the Patient who is referred.".to_owned())),
    }
}

/// The patient whom a reference names: by id, by a search, or by an identifier.
fn named(session: &Session, given: &Given) -> Result<Resource, Failure> {
    let ty = patient_type();
    match (given.reference(), given.value().and_then(|value| value.get("identifier"))) {
        (Some(reference), _) => match reference.strip_prefix("Patient?") {
            Some(criteria) => session.subject_by(ty, criteria),
            None => {
                let local = Reference::parse_under(reference, session.base_url()).local();
                let id = local.filter(|local| local.ty == ty).map(|local| local.id);
                session.subject(ty, id.ok_or_else(unusable)?)
            }
        },
        (None, Some(identifier)) => {
            let text = |name: &str| identifier.get(name).and_then(Value::as_str);
            let value = text("value").ok_or_else(unusable)?;
            let token = format!("{}|{}", escaped(text("system").unwrap_or_default()), escaped(value));
            session.subject_by(ty, &format!("identifier={}", encoded(&token)))
        }
        (None, None) => Err(unusable()),
    }
}

fn unusable() -> Failure {
    let text = "`patient` is a reference such as Patient/1 or Patient?identifier=system|value, or has an `identifier` \
                with a value.";
    refused("patient", text.to_owned())
}

/// The text as one part of a search value.
fn escaped(text: &str) -> String {
    let special = |letter: char| matches!(letter, '\\' | '|' | ',' | '$');
    text.chars().flat_map(|letter| special(letter).then_some('\\').into_iter().chain([letter])).collect()
}

fn task_type() -> ResourceType {
    ResourceType::parse("Task").expect("Task is a type of R4")
}

fn patient_type() -> ResourceType {
    ResourceType::parse("Patient").expect("Patient is a type of R4")
}

fn referral(given: &Input, program: &Program) -> Result<Referral, Failure> {
    let one_of = |name: &str, allowed: &[&str]| match given.text(name) {
        Some(code) if !allowed.contains(&code) => {
            Err(refused(name, format!("`{code}` is not known; use one of {}.", allowed.join(", "))))
        }
        code => Ok(code.map(str::to_owned)),
    };
    Ok(Referral {
        requester: given.reference("requester").unwrap_or_default().to_owned(),
        source: one_of("source", &SOURCES)?.unwrap_or_default(),
        received: received(given, program)?,
        reasons: given.all("reason").filter_map(|reason| reason.value()).cloned().collect(),
        service_request: Wanted::read(given, "serviceRequest"),
        urgency: one_of("urgency", &URGENCIES)?,
        note: given.text("note").map(str::to_owned),
        language: given.text("language").map(str::to_owned),
        hospice_end: given.day("hospiceEnd")?,
        duplicate: match given.boolean("rejectDuplicate") {
            Some(true) => Duplicate::Reject,
            Some(false) | None => Duplicate::Add,
        },
    })
}

/// The day of the referral where the programme works.
fn received(given: &Input, program: &Program) -> Result<Date, Failure> {
    let text = given.text("receivedDate").filter(|text| text.len() >= 10);
    text.and_then(|text| first_day(text, program)).ok_or_else(|| {
        refused(
            "receivedDate",
            "`receivedDate` is a whole date, such as 2026-02-01, or a dateTime.".to_owned(),
        )
    })
}
