//! What the template's actions make, found again by its identifier: episode, template, action.
//! <https://hl7.org/fhir/R4/datatypes.html#Identifier>

use std::collections::BTreeSet;

use fhir_typed::Resource as Typed;
use fhir_typed::resources::Task;
use fhir_typed::resources::TaskRestriction;
use fhir_typed::types::CodeableConcept;
use fhir_typed::types::Identifier;
use fhir_typed::types::Meta;
use fhir_typed::types::Period;
use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::datetime::DAY;
use crate::fhir::datetime::Micros;
use crate::fhir::datetime::end_of_day;
use crate::fhir::datetime::time_in;
use crate::fhir::form::encoded;
use crate::fhir::outcome::Failure;
use crate::fhir::resource::Resource;
use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::fact::Because;
use crate::palliative::care_plan::template::Activity;
use crate::palliative::care_plan::template::Becomes;
use crate::palliative::care_plan::template::Due;
use crate::palliative::care_plan::template::Row;
use crate::palliative::element::code_value;
use crate::palliative::element::coding;
use crate::palliative::element::digest;
use crate::palliative::element::extension;
use crate::palliative::element::period;
use crate::palliative::element::reference;
use crate::palliative::element::words;
use crate::palliative::element::written;
use crate::palliative::enrollment::companions::task;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::name as name_of;
use crate::palliative::enrollment::refer::concept_of;
use crate::palliative::vocabulary::DOMAIN_EXTENSION;
use crate::palliative::vocabulary::DOMAIN_SYSTEM;
use crate::palliative::vocabulary::TEMPLATE_ITEM_SYSTEM;

const HOUR: Micros = DAY / 24;

/// What became of an item of the template.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// It is there, as the template has it.
    Same,
    /// It is there, and a person has edited it.
    Edited,
    /// It is to be written.
    Write(Resource, Place),
}

/// What the template has for an action, made or found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// `Type/id`, or the name under which it is written.
    pub name: String,
    /// The resource.
    pub resource: Resource,
    /// What became of it.
    pub item: Item,
}

/// The value of the identifier of what an action makes for an episode.
pub fn identifier_value(planning: &Planning, action: &str) -> String {
    value_of(planning, &planning.template.id, action)
}

fn value_of(planning: &Planning, template: &str, action: &str) -> String {
    format!("{}/{template}/{action}", planning.case.episode.id().unwrap_or_default())
}

/// The identifier of what an action makes for an episode.
pub fn identifier(planning: &Planning, action: &str) -> Identifier {
    Identifier {
        system: Some(TEMPLATE_ITEM_SYSTEM.into()),
        value: Some(identifier_value(planning, action).into()),
        ..Identifier::default()
    }
}

/// The id of the episode for which an action of a template made this, by its identifier.
pub fn made_for<'a>(resource: &'a Resource, action: &str) -> Option<&'a str> {
    let text = |one: &'a Value, name: &str| one.get(name).and_then(Value::as_str);
    list(resource.get("identifier"))
        .filter(|one| text(one, "system") == Some(TEMPLATE_ITEM_SYSTEM))
        .find_map(|one| text(one, "value")?.strip_suffix(action)?.strip_suffix('/')?.split_once('/'))
        .map(|(episode, _)| episode)
}

/// What an action made before, if it did.
pub fn existing<'a>(planning: &Planning<'a>, ty: &'a str, action: &str) -> Option<&'a Resource> {
    existing_of(planning, &planning.template.id, (ty, action))
}

/// What an action of some template made before, if it did.
pub fn existing_of<'a>(
    planning: &Planning<'a>,
    template: &str,
    (ty, action): (&'a str, &str),
) -> Option<&'a Resource> {
    let value = value_of(planning, template, action);
    let ours = |one: &Value| {
        let text = |name: &str| one.get(name).and_then(Value::as_str);
        text("system") == Some(TEMPLATE_ITEM_SYSTEM) && text("value") == Some(value.as_str())
    };
    planning.case.chart.of(ty).find(|resource| list(resource.get("identifier")).any(ours))
}

/// What a plan refers to by this name: as it was made or found now, else as it is stored.
pub fn referred<'a>(planning: &Planning<'a>, found: &'a [Found], name: &str) -> Option<&'a Resource> {
    let now = found.iter().find(|one| one.name == name).map(|one| &one.resource);
    now.or_else(|| planning.case.chart.find(name))
}

/// A new item: written unless somebody else was faster. What another patient's resource has for an identifier counts for
/// nothing.
pub fn new_place(planning: &Planning, name: &str, action: &str) -> Place {
    let token = format!("{TEMPLATE_ITEM_SYSTEM}|{}", identifier_value(planning, action));
    let patient = planning.case.patient();
    Place::NewUnless(name.to_owned(), format!("identifier={}&patient={patient}", encoded(&token)))
}

/// What is claimed of a resource: that it holds to this profile of US Core.
pub fn claim(profile: &str) -> Box<Meta> {
    let url = format!("http://hl7.org/fhir/us/core/StructureDefinition/{profile}");
    Box::new(Meta { profile: vec![url.into()], ..Meta::default() })
}

/// An activity of a row, from a day on, and why it belongs to the plan.
#[derive(Clone, Copy, Debug)]
pub struct Work<'a> {
    /// The row.
    pub row: &'a Row,
    /// The activity.
    pub activity: &'a Activity,
    /// From when on.
    pub since: Date,
    /// Why.
    pub because: &'a Because,
    /// The request that it carries out.
    pub based_on: Option<&'a str>,
    /// The later answers for which that request was made, after one that had come to its end.
    pub anew: Option<&'a str>,
}

/// The action as which an activity is found again. What is due in hours is asked for by each fact anew: that it was
/// done once says nothing of what has come up since. A fact that may not be named is told from others by a digest.
pub fn asked(work: Work) -> String {
    let Work { activity, because, .. } = work;
    if let Some(answers) = work.anew {
        return format!("{}/{answers}", activity.id);
    }
    let sources = sources(activity, because);
    if sources.is_empty() {
        return activity.id.clone();
    }
    format!("{}/{}", activity.id, sources.join("+"))
}

/// The facts by which an activity is told from others of its kind; none where it is asked for once.
fn sources(activity: &Activity, because: &Because) -> Vec<String> {
    if !matches!(activity.becomes, Becomes::Task) || !is_urgent(activity) {
        return Vec::new();
    }
    let closed = because.hidden.iter().map(|source| digest(source));
    because.evidence.iter().cloned().chain(closed).collect()
}

/// The action of before, among those that a plan had, by which all of the facts were asked for already: together with
/// others that hold no more, or one after the other.
pub fn asked_before<'a>(work: Work, had: &'a BTreeSet<String>) -> Option<&'a str> {
    if work.anew.is_some() {
        return None;
    }
    let by = |source: &String| {
        let mut own =
            had.iter().filter_map(|id| Some((id, id.strip_prefix(&work.activity.id)?.strip_prefix('/')?)));
        own.find(|(_, asked)| asked.split('+').any(|one| one == source)).map(|(id, _)| id.as_str())
    };
    let each: Option<Vec<&str>> = sources(work.activity, work.because).iter().map(by).collect();
    each?.pop()
}

/// Whether it is a matter of hours.
fn is_urgent(activity: &Activity) -> bool {
    matches!(activity.due, Some(Due::Hours(_)))
}

/// What is there, as it is.
pub fn as_it_is(stored: &Resource) -> Found {
    Found { name: name_of(stored), resource: stored.clone(), item: Item::Same }
}

/// Shows what is on file as it was sent: a chart that is read in our codes has more of them than anybody wrote.
pub fn show(all: &mut [Found], as_sent: &Chart) {
    for found in all.iter_mut().filter(|found| !matches!(found.item, Item::Write(..))) {
        if let Some(stored) = as_sent.find(&found.name) {
            found.resource = stored.clone();
        }
    }
}

/// The Task that an activity becomes, made or found.
///
/// # Errors
/// `Internal` where a required element is missing.
pub fn work(planning: &Planning, work: Work, name: String) -> Result<Found, Failure> {
    let Work { row, activity, because, .. } = work;
    let asked = asked(work);
    if let Some(stored) = existing(planning, "Task", &asked) {
        return Ok(as_it_is(stored));
    }
    let made = Task {
        identifier: vec![identifier(planning, &asked)],
        priority: is_urgent(activity).then(|| "urgent".into()),
        description: Some(activity.text.as_str().into()),
        extension: vec![domain(&row.domain)],
        reason_code: because_of(because).map(Box::new),
        code: activity.code.as_ref().map(|code| Box::new(concept_of(code))),
        based_on: work.based_on.map(|to| *reference(to)).into_iter().collect(),
        restriction: within(planning, work)
            .map(|period| TaskRestriction { period: Some(period), ..TaskRestriction::default() }),
        ..task(planning.case, &planning.case.episode_name(), "", "")
    };
    let made = written(Typed::Task(Box::new(made)))?;
    let item = Item::Write(made.clone(), new_place(planning, &name, &asked));
    Ok(Found { name, resource: made, item })
}

/// The time within which an activity is to be done: whole days, or hours from the moment in which it is asked for.
pub fn within(planning: &Planning, work: Work) -> Option<Box<Period>> {
    let hours = match work.activity.due? {
        Due::Days(days) => {
            let last = work.since.saturating_add(days.of(planning.intensity()).days());
            return Some(period(Some(work.since), Some(last)));
        }
        Due::Hours(hours) => hours,
    };
    let (case, zone) = (planning.case, &planning.case.program.zone);
    let begin = if work.since == case.today() {
        case.now
    } else {
        end_of_day(work.since.yesterday().ok()?, zone) + 1
    };
    let text = |at| Some(time_in(at, zone).into());
    let end = begin.saturating_add(hours.saturating_mul(HOUR));
    Some(Box::new(Period { start: text(begin), end: text(end), ..Period::default() }))
}

/// Why something belongs to the plan, in words.
pub fn because_of(because: &Because) -> Option<CodeableConcept> {
    (!because.sentences.is_empty()).then(|| *words(&because.sentences.join(" ")))
}

/// The domain as an extension.
pub fn domain(code: &str) -> fhir_typed::types::Extension {
    extension(DOMAIN_EXTENSION, code_value(coding(DOMAIN_SYSTEM, code, "")))
}
