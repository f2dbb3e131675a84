//! `$palliative-identify`: whom a programme's rule sets find among many people, how many there are of each kind, and who
//! comes first. <https://hl7.org/fhir/R4/clinicalreasoning-module.html>

use std::sync::Arc;

use aws_lc_rs::digest;
use jiff::civil::Date;
use serde_json::Value;
use serde_json::json;

use crate::access::Action;
use crate::app::Answer;
use crate::app::Session;
use crate::app::Stored;
use crate::app::audit::Deed;
use crate::app::identify::Asked;
use crate::app::identify::Identified;
use crate::app::programme::changes;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::bundle::Method;
use crate::fhir::parameters::Given;
use crate::fhir::parameters::Input;
use crate::fhir::parameters::Output;
use crate::fhir::reference::Reference;
use crate::operations::Call;
use crate::operations::submitted::as_of;
use crate::palliative::identify::OUTCOMES;
use crate::palliative::identify::Place;
use crate::palliative::identify::Report;
use crate::palliative::identify::Wanted;
use crate::palliative::identify::tasks;
use crate::palliative::program::Program;
use crate::palliative::screening::Outcome;
use crate::palliative::screening::RuleSet;
use crate::palliative::vocabulary::ERROR_SYSTEM;
use crate::search::page::open_value;
use crate::search::page::seal_value;

/// How many candidates a page has at most, and where nothing is said.
const LARGEST_PAGE: i64 = 1000;

/// The same of a page whose tasks are asked for: each is a write of its own.
const MOST_TASKS: i64 = 200;

/// Says to what a sealed place belongs.
const PURPOSE: &[u8] = b"comfrey candidates 1";

/// Who is listed where nothing is said.
const USUAL: [Outcome; 3] = [Outcome::Eligible, Outcome::ScreenPositive, Outcome::Indeterminate];

/// Whether somebody is asked to look at each candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tasks {
    None,
    Created,
}

/// What is asked for.
struct Request {
    program: Program,
    rule_sets: Vec<Arc<RuleSet>>,
    /// Whether the caller named them.
    named: bool,
    as_of: Date,
    group: Option<String>,
    wanted: Wanted,
    tasks: Tasks,
    /// A digest of all that the list depends on, which its pages have in common.
    of: String,
}

/// Finds the candidates, and with `createTasks` asks somebody to look at each of this page.
///
/// # Errors
/// 403 for one who may not read all that is read, of all patients, or may not create what is to be created; 404 for an
/// unknown Group, programme or rule set; 400 for an unknown outcome, and for a page of another list; 405 for
/// `createTasks` with GET; 413 `too-costly` for more people, candidates or tasks than one request may be about; 422 for a
/// Group that is no roster of patients, and `date-range` for a day that has not come.
pub fn run(session: &Session, call: Call) -> Result<Answer, Failure> {
    let request = read(session, &call)?;
    let found = find(session, &request)?;
    let told = told(session, &request, &found);
    let drafts = match request.tasks {
        Tasks::None => return Ok(Answer::value(told.into_value())),
        Tasks::Created => {
            let names: Vec<String> = request.rule_sets.iter().map(|set| set.canonical()).collect();
            tasks(&request.program, &names, &found.people, session.now())?
        }
    };
    if drafts.is_empty() && call.once.is_none() {
        return Ok(Answer::value(told.into_value()));
    }
    let deed = Deed {
        group: request.group.as_ref().map(|id| format!("Group/{id}")),
        program: Some(request.program.reference()),
        ..Deed::asking(call.operation, &drafts)
    };
    let changes = session.audited(changes(&drafts), &deed)?;
    session.write_once(call.once.as_ref(), changes, move |written| {
        let tasks = written.iter().map(|one| &one.stored).filter(|stored| stored.ty.name() == "Task");
        let output = tasks.fold(told.clone(), |output, task| output.reference("task", name(task)));
        Ok(Answer::value(output.into_value()))
    })
}

/// Refuses what can be refused before anybody is looked at.
///
/// # Errors
/// As [`run`].
pub fn check(session: &Session, call: &Call) -> Result<(), Failure> {
    let request = read(session, call)?;
    members(session, &request).map(drop)
}

/// Whether a call creates tasks; no other changes anything.
pub fn writes(given: &Input) -> bool {
    given.boolean("createTasks") == Some(true)
}

fn name(stored: &Stored) -> String {
    format!("{}/{}", stored.ty, stored.id)
}

/// Whether tasks are to be created, by one who may.
fn wants_tasks(session: &Session, call: &Call) -> Result<Tasks, Failure> {
    if !writes(&call.parameters) {
        return Ok(Tasks::None);
    }
    if call.method != Method::Post {
        let text = "With `createTasks=true` this operation is called with POST.";
        let mut failure = Failure::new(Reason::MethodNotAllowed, text);
        failure.allow = Some("POST".to_owned());
        return Err(failure);
    }
    session.require_all(Action::Create, "Task")?;
    Ok(Tasks::Created)
}

fn read(session: &Session, call: &Call) -> Result<Request, Failure> {
    let tasks = wants_tasks(session, call)?;
    session.require_findings()?;
    let given = &call.parameters;
    let group = group(session, call)?;
    let program = session.screening_program(given.reference("program"))?;
    let named: Vec<&str> = given.texts("ruleSet").collect();
    let rule_sets = session.rule_sets(&named, &program)?;
    let as_of = as_of(session, given, &program)?;
    let outcomes = outcomes(call)?;
    let everybody = given.boolean("includeAll") == Some(true);
    let limit = limit(call, tasks)?;
    let names: Vec<String> = rule_sets.iter().map(|set| set.canonical()).collect();
    let codes: Vec<&str> = outcomes.iter().map(|outcome| outcome.code()).collect();
    let about = json!([program.id, names, as_of.to_string(), group, codes, everybody]).to_string();
    let digest = digest::digest(&digest::SHA256, about.as_bytes());
    let of = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let after = after(session, call, &of)?;
    let wanted = Wanted { outcomes, everybody, after, limit };
    Ok(Request { program, rule_sets, named: !named.is_empty(), as_of, group, wanted, tasks, of })
}

/// The Group's id: the instance, or on the system the parameter.
fn group(session: &Session, call: &Call) -> Result<Option<String>, Failure> {
    let instance = call.target.as_ref().and_then(|(_, id)| id.clone());
    let Some(given) = call.parameters.one("group") else { return Ok(instance) };
    if instance.is_some() {
        return Err(bad(given, "Leave `group` out where the URL names the Group."));
    }
    let reference = given.reference().unwrap_or_default();
    let local = Reference::parse_under(reference, session.base_url()).local();
    let group = local.filter(|local| local.ty.name() == "Group");
    let id = group.map(|local| local.id.to_owned());
    id.map(Some).ok_or_else(|| bad(given, "`group` is a reference such as Group/1."))
}

/// The outcomes that are listed, each once and in one order, however they were named.
fn outcomes(call: &Call) -> Result<Vec<Outcome>, Failure> {
    let mut named = Vec::new();
    for given in call.parameters.all("outcomes") {
        let outcome = given.text().and_then(Outcome::parse).ok_or_else(|| {
            let known = OUTCOMES.map(Outcome::code).join(", ");
            bad(given, &format!("This is no outcome; use one of {known}."))
        })?;
        named.push(outcome);
    }
    let wanted = if named.is_empty() { &USUAL[..] } else { &named[..] };
    Ok(OUTCOMES.into_iter().filter(|outcome| wanted.contains(outcome)).collect())
}

fn limit(call: &Call, tasks: Tasks) -> Result<usize, Failure> {
    let (most, text) = match tasks {
        Tasks::None => (LARGEST_PAGE, "A page has at most"),
        Tasks::Created => (MOST_TASKS, "Tasks are created for at once at most"),
    };
    let limit = call.parameters.integer("limit").unwrap_or(most);
    if limit > most {
        let text =
            format!("{text} {most} candidates; give a `limit` of {most} or less, and go on with `after`.");
        return Err(too_costly(call, "limit", text));
    }
    Ok(usize::try_from(limit).unwrap_or_default())
}

fn too_costly(call: &Call, name: &str, text: String) -> Failure {
    let failure = Failure::new(Reason::TooLarge, text).code("too-costly");
    match call.parameters.one(name) {
        Some(given) => failure.at(given.at.clone()),
        None => failure,
    }
}

/// The place after which the page begins, which the page before it gave.
fn after(session: &Session, call: &Call, of: &str) -> Result<Option<Place>, Failure> {
    let Some(given) = call.parameters.one("after") else { return Ok(None) };
    let sealed = open_value(&session.seal(), PURPOSE, given.text().unwrap_or_default());
    let place = sealed.as_ref().and_then(Value::as_array).and_then(|parts| match parts.as_slice() {
        [own, number, id] if own == of => {
            Some(Place { number: number.as_i64()?, id: id.as_str()?.to_owned() })
        }
        _ => None,
    });
    place.map(Some).ok_or_else(|| {
        let text = "`after` is not the `next` of a page of this list, asked by you with the same parameters on the same \
                    day; begin again without it.";
        bad(given, text)
    })
}

fn bad(given: &Given, text: &str) -> Failure {
    Failure::new(Reason::Invalid, text).coded(ERROR_SYSTEM, "bad-parameter").at(given.at.clone())
}

/// The ids of the members of the Group, where one is named.
fn members(session: &Session, request: &Request) -> Result<Option<Vec<String>>, Failure> {
    let group = request.group.as_ref();
    group.map(|group| session.members_of(group, &request.program, request.as_of)).transpose()
}

fn find(session: &Session, request: &Request) -> Result<Identified, Failure> {
    let members = members(session, request)?;
    session.identify(&Asked {
        program: &request.program,
        rule_sets: &request.rule_sets,
        named: request.named,
        as_of: request.as_of,
        members: members.as_deref(),
        wanted: &request.wanted,
    })
}

fn told(session: &Session, request: &Request, found: &Identified) -> Output {
    let group = request.group.as_ref().map(|id| format!("Group/{id}"));
    let report = Report {
        program: &request.program,
        as_of: request.as_of,
        group: group.as_deref(),
        counts: &found.counts,
        people: &found.people,
    };
    let output = Output::new()
        .part("summary", report.summary())
        .resource("candidates", report.list())
        .resource("report", report.measure_report());
    match &found.next {
        Some(next) => {
            let place = json!([request.of, next.number, next.id]);
            output.value("next", "string", seal_value(&session.seal(), PURPOSE, &place))
        }
        None => output,
    }
}
