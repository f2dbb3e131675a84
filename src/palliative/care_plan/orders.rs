//! What follows from orders on resuscitation: a Flag for all to see while one not to try is in force, and a Task where
//! orders contradict one another. <https://hl7.org/fhir/R4/flag.html>
//!
//! The Flag is named by the order that it rests on, and stands while that order is one of those in force and the latest
//! says not to try. A Flag that a person has taken down stays down; one that was taken down here, which its identifier
//! says, is raised again where its order holds again.

use fhir_typed::Resource as Typed;
use fhir_typed::resources::Flag;
use fhir_typed::resources::Task;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::fhir::outcome::Failure;
use crate::fhir::resource::Resource;
use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::items::existing;
use crate::palliative::care_plan::items::identifier;
use crate::palliative::care_plan::items::identifier_value;
use crate::palliative::care_plan::items::new_place;
use crate::palliative::care_plan::wishes::Resuscitation;
use crate::palliative::care_plan::wishes::Wishes;
use crate::palliative::element::written;
use crate::palliative::enrollment::companions::flag;
use crate::palliative::enrollment::companions::task;
use crate::palliative::enrollment::drafts::Draft;
use crate::palliative::enrollment::drafts::Drafts;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::facts::has_coding;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::name;
use crate::palliative::enrollment::facts::version;
use crate::palliative::vocabulary::FLAG_SYSTEM;
use crate::palliative::vocabulary::TEMPLATE_ITEM_SYSTEM;

const FLAG: &str = "dnr-on-file";
const CONFLICT: &str = "code-status-conflict";
/// The use of the identifier of a Flag that was taken down here, and by nobody.
const OLD: &str = "old";

/// What is to be written.
///
/// # Errors
/// `Internal` where a required element is missing.
pub fn drafts(planning: &Planning, wishes: &Wishes, names: &mut Drafts) -> Result<Vec<Draft>, Failure> {
    let mut drafts = lowered(planning, wishes);
    drafts.extend(raised(planning, wishes, &drafts, names)?);
    drafts.extend(conflict(planning, wishes, names)?);
    Ok(drafts)
}

fn action(source: &str) -> String {
    format!("{FLAG}/{source}")
}

/// The Flag of the latest order, unless one stands that is not lowered now.
fn raised(
    planning: &Planning,
    wishes: &Wishes,
    lowered: &[Draft],
    names: &mut Drafts,
) -> Result<Option<Draft>, Failure> {
    let Some(order) = wishes.not_for_resuscitation() else { return Ok(None) };
    let action = action(&order.source);
    let stands = planning.case.chart.of("Flag").any(|one| {
        one.text("/status") == Some("active")
            && has_coding(one.get("code"), FLAG_SYSTEM, FLAG)
            && !lowered.iter().any(|draft| name(&draft.resource) == name(one))
    });
    if stands {
        return Ok(None);
    }
    if let Some(stored) = existing(planning, "Flag", &action) {
        return Ok(raised_again(stored));
    }
    let made = Flag {
        identifier: vec![identifier(planning, &action)],
        ..flag(planning.case, FLAG, "Do-not-resuscitate order on file", order.on)
    };
    let name = names.name();
    let place = new_place(planning, &name, &action);
    Ok(Some(Draft { resource: written(Typed::Flag(Box::new(made)))?, place }))
}

/// The Flag that was taken down here, up again; none where a person has taken it down.
fn raised_again(stored: &Resource) -> Option<Draft> {
    let ours = |one: &Value| one["system"] == TEMPLATE_ITEM_SYSTEM && one["use"] == OLD;
    if stored.text("/status") != Some("inactive") || !list(stored.get("identifier")).any(ours) {
        return None;
    }
    let mut resource = stored.clone();
    let object = resource.object_mut();
    object.insert("status".to_owned(), json!("active"));
    if let Some(Value::Object(period)) = object.get_mut("period") {
        period.remove("end");
    }
    own_identifiers(object).for_each(|one| drop(one.remove("use")));
    Some(Draft { resource, place: Place::Existing(version(stored)) })
}

fn own_identifiers(flag: &mut Map<String, Value>) -> impl Iterator<Item = &mut Map<String, Value>> {
    let all = flag.get_mut("identifier").and_then(Value::as_array_mut).into_iter().flatten();
    all.filter_map(Value::as_object_mut)
        .filter(|one| one.get("system").is_some_and(|system| system == TEMPLATE_ITEM_SYSTEM))
}

/// The Flags of ours whose order is no longer in force, and all of ours where the latest order says to try.
fn lowered(planning: &Planning, wishes: &Wishes) -> Vec<Draft> {
    let holds = wishes.not_for_resuscitation().is_some();
    let orders = wishes.orders.iter().filter(|order| holds && order.says == Resuscitation::DoNot);
    let in_force: Vec<String> =
        orders.map(|order| identifier_value(planning, &action(&order.source))).collect();
    let ours = identifier_value(planning, &action(""));
    let value = |one: &Value| {
        let own = one["system"] == TEMPLATE_ITEM_SYSTEM;
        one["value"].as_str().filter(|_| own).map(str::to_owned)
    };
    let mut drafts = Vec::new();
    for one in planning.case.chart.of("Flag").filter(|one| one.text("/status") == Some("active")) {
        let named = list(one.get("identifier")).find_map(value);
        let lapsed = named.is_some_and(|named| named.starts_with(&ours) && !in_force.contains(&named));
        if lapsed {
            let mut resource = one.clone();
            let object = resource.object_mut();
            object.insert("status".to_owned(), json!("inactive"));
            own_identifiers(object).for_each(|one| drop(one.insert("use".to_owned(), json!(OLD))));
            if let Some(Value::Object(period)) = object.get_mut("period") {
                period.insert("end".to_owned(), json!(planning.as_of.to_string()));
            }
            drafts.push(Draft { resource, place: Place::Existing(version(one)) });
        }
    }
    drafts
}

fn conflict(planning: &Planning, wishes: &Wishes, names: &mut Drafts) -> Result<Option<Draft>, Failure> {
    if !wishes.contradict() {
        return Ok(None);
    }
    let sources: Vec<&str> = wishes.orders.iter().map(|order| order.source.as_str()).collect();
    let action = format!("{CONFLICT}/{}", sources.join("+"));
    if existing(planning, "Task", &action).is_some() {
        return Ok(None);
    }
    let words = "Orders on resuscitation contradict one another";
    let text = format!(
        "{words}: {}. Settle them with the person, and end the one that does not hold.",
        sources.join(", ")
    );
    let made = Task {
        identifier: vec![identifier(planning, &action)],
        description: Some(text.into()),
        priority: Some("urgent".into()),
        ..task(planning.case, &planning.case.episode_name(), CONFLICT, words)
    };
    let name = names.name();
    let place = new_place(planning, &name, &action);
    Ok(Some(Draft { resource: written(Typed::Task(Box::new(made)))?, place }))
}
