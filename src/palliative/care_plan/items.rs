//! The Goals and Tasks of a plan: made once for each action of the template, found again by their identifier.
//! <https://hl7.org/fhir/R4/goal.html>
//!
//! What a person has edited stays as it is. It is recognised by a digest of what the template wrote, kept on the
//! goal: where the goal's content no longer has that digest, somebody changed it.

use fhir_typed::Resource as Typed;
use fhir_typed::resources::Goal;
use fhir_typed::resources::GoalStart;
use fhir_typed::resources::GoalTarget;
use fhir_typed::resources::GoalTargetDetail;
use fhir_typed::resources::GoalTargetDue;
use fhir_typed::resources::Task;
use fhir_typed::resources::TaskRestriction;
use fhir_typed::types::CodeableConcept;
use fhir_typed::types::Identifier;
use fhir_typed::types::Quantity;
use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::Value;
use serde_json::json;

use crate::fhir::outcome::Failure;
use crate::fhir::resource::Resource;
use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::template::Activity;
use crate::palliative::care_plan::template::Row;
use crate::palliative::element::code_value;
use crate::palliative::element::coding;
use crate::palliative::element::concept;
use crate::palliative::element::extension;
use crate::palliative::element::period;
use crate::palliative::element::reference;
use crate::palliative::element::words;
use crate::palliative::element::written;
use crate::palliative::enrollment::companions::task;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::version;
use crate::palliative::enrollment::refer::concept_of;
use crate::palliative::vocabulary::DOMAIN_EXTENSION;
use crate::palliative::vocabulary::DOMAIN_SYSTEM;
use crate::palliative::vocabulary::TEMPLATE_DIGEST_EXTENSION;
use crate::palliative::vocabulary::TEMPLATE_ITEM_SYSTEM;

const ACHIEVEMENT: &str = "http://terminology.hl7.org/CodeSystem/goal-achievement";

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
    format!("{}/{}/{action}", planning.case.episode.id().unwrap_or_default(), planning.template.id)
}

/// The identifier of what an action makes for an episode.
pub fn identifier(planning: &Planning, action: &str) -> Identifier {
    Identifier {
        system: Some(TEMPLATE_ITEM_SYSTEM.into()),
        value: Some(identifier_value(planning, action).into()),
        ..Identifier::default()
    }
}

/// What an action made before, if it did.
pub fn existing<'a>(planning: &Planning<'a>, ty: &'a str, action: &str) -> Option<&'a Resource> {
    let value = identifier_value(planning, action);
    let ours = |one: &Value| {
        let text = |name: &str| one.get(name).and_then(Value::as_str);
        text("system") == Some(TEMPLATE_ITEM_SYSTEM) && text("value") == Some(value.as_str())
    };
    planning.case.chart.of(ty).find(|resource| list(resource.get("identifier")).any(ours))
}

/// A new item: written unless somebody else was faster.
pub fn new_place(planning: &Planning, name: &str, action: &str) -> Place {
    let query = format!("identifier={TEMPLATE_ITEM_SYSTEM}|{}", identifier_value(planning, action));
    Place::NewUnless(name.to_owned(), query)
}

/// The goal of a row: made, found, found edited, or brought up to the template.
///
/// # Errors
/// `Internal` where a required element is missing.
pub fn goal(
    planning: &Planning,
    row: &Row,
    (start, tier): (Date, Option<&str>),
    name: String,
) -> Result<Found, Failure> {
    let made = made_goal(planning, row, start, tier)?;
    let Some(stored) = existing(planning, "Goal", &row.id) else {
        let item = Item::Write(made.clone(), new_place(planning, &name, &row.id));
        return Ok(Found { name, resource: made, item });
    };
    let name = crate::palliative::enrollment::facts::name(stored);
    let kept =
        extension_of(stored, TEMPLATE_DIGEST_EXTENSION).and_then(|one| one.get("valueString")?.as_str());
    if kept != Some(digest(stored).as_str()) {
        return Ok(Found { name, resource: stored.clone(), item: Item::Edited });
    }
    if digest(stored) == digest(&made) {
        return Ok(Found { name, resource: stored.clone(), item: Item::Same });
    }
    let mut renewed = stored.clone();
    for element in CONTENT {
        match made.get(element) {
            Some(value) => renewed.object_mut().insert(element.to_owned(), value.clone()),
            None => renewed.object_mut().remove(element),
        };
    }
    keep_digest(&mut renewed);
    let item = Item::Write(renewed.clone(), Place::Existing(version(stored)));
    Ok(Found { name, resource: renewed, item })
}

fn made_goal(planning: &Planning, row: &Row, start: Date, tier: Option<&str>) -> Result<Resource, Failure> {
    let goal = Goal {
        identifier: vec![identifier(planning, &row.id)],
        extension: vec![domain(&row.domain)],
        lifecycle_status: "active".into(),
        achievement_status: Some(concept(ACHIEVEMENT, "in-progress", "In Progress")),
        category: row.goal.category.iter().map(concept_of).collect(),
        description: words(&row.goal.text),
        subject: reference(planning.case.patient()),
        start: Some(GoalStart::Date(start.to_string().into())),
        target: target(row, start, tier).into_iter().collect(),
        ..Goal::default()
    };
    let mut made = written(Typed::Goal(Box::new(goal)))?;
    keep_digest(&mut made);
    Ok(made)
}

fn target(row: &Row, start: Date, tier: Option<&str>) -> Option<GoalTarget> {
    let due = row.goal.due_days(tier).and_then(|days| start.checked_add(days.days()).ok());
    let measure = row.goal.measure.as_ref().map(|measure| Box::new(concept_of(measure)));
    let detail = row.goal.detail.as_ref().and_then(|(name, value)| match name.as_str() {
        "detailQuantity" => Some(GoalTargetDetail::Quantity(Box::new(quantity(value)))),
        "detailCodeableConcept" => Some(GoalTargetDetail::CodeableConcept(Box::new(concept_of(value)))),
        _ => None,
    });
    if due.is_none() && measure.is_none() {
        return None;
    }
    Some(GoalTarget {
        measure,
        detail,
        due: due.map(|due| GoalTargetDue::Date(due.to_string().into())),
        ..GoalTarget::default()
    })
}

fn quantity(value: &Value) -> Quantity {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    Quantity {
        value: value.get("value").map(|number| number.to_string().into()),
        comparator: text("comparator").map(Into::into),
        unit: text("unit").map(Into::into),
        system: text("system").map(Into::into),
        code: text("code").map(Into::into),
        ..Quantity::default()
    }
}

/// The Task that an activity becomes.
///
/// # Errors
/// `Internal` where a required element is missing.
pub fn work(
    planning: &Planning,
    (row, activity): (&Row, &Activity),
    start: Date,
    name: String,
) -> Result<Option<Found>, Failure> {
    let Some(code) = &activity.task else { return Ok(None) };
    if let Some(stored) = existing(planning, "Task", &activity.id) {
        let name = crate::palliative::enrollment::facts::name(stored);
        return Ok(Some(Found { name, resource: stored.clone(), item: Item::Same }));
    }
    let due = activity.due.and_then(|days| start.checked_add(days.days()).ok());
    let made = Task {
        identifier: vec![identifier(planning, &activity.id)],
        description: Some(activity.text.as_str().into()),
        extension: vec![domain(&row.domain)],
        restriction: due.map(|due| TaskRestriction {
            period: Some(period(Some(start), Some(due))),
            ..Default::default()
        }),
        ..task(planning.case, &planning.case.episode_name(), code, "")
    };
    let made = written(Typed::Task(Box::new(made)))?;
    let item = Item::Write(made.clone(), new_place(planning, &name, &activity.id));
    Ok(Some(Found { name, resource: made, item }))
}

/// The domain as an extension.
pub fn domain(code: &str) -> fhir_typed::types::Extension {
    extension(DOMAIN_EXTENSION, code_value(coding(DOMAIN_SYSTEM, code, "")))
}

/// The code of an activity.
pub fn activity_code(activity: &Activity) -> Option<Box<CodeableConcept>> {
    activity.code.as_ref().map(|code| Box::new(concept_of(code)))
}

/// The elements of a goal that come from the template.
const CONTENT: [&str; 3] = ["category", "description", "target"];

/// FNV-1a over the content that came from the template: short, the same on every machine, and no secret.
fn digest(goal: &Resource) -> String {
    let content: Vec<Value> =
        CONTENT.iter().map(|name| goal.get(name).cloned().unwrap_or_default()).collect();
    let text = Value::Array(content).to_string();
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

fn keep_digest(goal: &mut Resource) {
    let digest = digest(goal);
    let mut extensions: Vec<Value> = list(goal.get("extension"))
        .filter(|one| one.get("url").and_then(Value::as_str) != Some(TEMPLATE_DIGEST_EXTENSION))
        .cloned()
        .collect();
    extensions.push(json!({ "url": TEMPLATE_DIGEST_EXTENSION, "valueString": digest }));
    goal.object_mut().insert("extension".into(), Value::Array(extensions));
}
