//! What the template's actions make, found again by its identifier: episode, template, action.
//! <https://hl7.org/fhir/R4/datatypes.html#Identifier>

use fhir_typed::Resource as Typed;
use fhir_typed::resources::Task;
use fhir_typed::resources::TaskRestriction;
use fhir_typed::types::CodeableConcept;
use fhir_typed::types::Identifier;
use fhir_typed::types::Meta;
use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::form::encoded;
use crate::fhir::outcome::Failure;
use crate::fhir::resource::Resource;
use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::fact::Because;
use crate::palliative::care_plan::template::Activity;
use crate::palliative::care_plan::template::Row;
use crate::palliative::element::code_value;
use crate::palliative::element::coding;
use crate::palliative::element::extension;
use crate::palliative::element::period;
use crate::palliative::element::words;
use crate::palliative::element::written;
use crate::palliative::enrollment::companions::task;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::name as name_of;
use crate::palliative::enrollment::refer::concept_of;
use crate::palliative::vocabulary::DOMAIN_EXTENSION;
use crate::palliative::vocabulary::DOMAIN_SYSTEM;
use crate::palliative::vocabulary::TEMPLATE_ITEM_SYSTEM;

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

/// What a plan refers to by this name: as it was made or found now, else as it is stored.
pub fn referred<'a>(planning: &Planning<'a>, found: &'a [Found], name: &str) -> Option<&'a Resource> {
    let now = found.iter().find(|one| one.name == name).map(|one| &one.resource);
    now.or_else(|| planning.case.chart.find(name))
}

/// A new item: written unless somebody else was faster.
pub fn new_place(planning: &Planning, name: &str, action: &str) -> Place {
    let token = format!("{TEMPLATE_ITEM_SYSTEM}|{}", identifier_value(planning, action));
    Place::NewUnless(name.to_owned(), format!("identifier={}", encoded(&token)))
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
}

/// The Task that an activity becomes, made or found.
///
/// # Errors
/// `Internal` where a required element is missing.
pub fn work(planning: &Planning, work: Work, name: String) -> Result<Found, Failure> {
    let Work { row, activity, since, because } = work;
    if let Some(stored) = existing(planning, "Task", &activity.id) {
        return Ok(Found { name: name_of(stored), resource: stored.clone(), item: Item::Same });
    }
    let due = activity.due.map(|days| since.saturating_add(days.of(planning.intensity()).days()));
    let made = Task {
        identifier: vec![identifier(planning, &activity.id)],
        description: Some(activity.text.as_str().into()),
        extension: vec![domain(&row.domain)],
        reason_code: because_of(because).map(Box::new),
        code: activity.code.as_ref().map(|code| Box::new(concept_of(code))),
        restriction: due.map(|due| TaskRestriction {
            period: Some(period(Some(since), Some(due))),
            ..TaskRestriction::default()
        }),
        ..task(planning.case, &planning.case.episode_name(), "", "")
    };
    let made = written(Typed::Task(Box::new(made)))?;
    let item = Item::Write(made.clone(), new_place(planning, &name, &activity.id));
    Ok(Found { name, resource: made, item })
}

/// Why something belongs to the plan, in words.
pub fn because_of(because: &Because) -> Option<CodeableConcept> {
    (!because.sentences.is_empty()).then(|| *words(&because.sentences.join(" ")))
}

/// The domain as an extension.
pub fn domain(code: &str) -> fhir_typed::types::Extension {
    extension(DOMAIN_EXTENSION, code_value(coding(DOMAIN_SYSTEM, code, "")))
}
