//! What follows from orders on resuscitation: a Flag for all to see while one not to try is in force, and a Task where
//! orders contradict one another. <https://hl7.org/fhir/R4/flag.html>
//!
//! The Flag is named by the order that it rests on. So a Flag that a person has taken down stays down, and a new order
//! raises a new one.

use fhir_typed::Resource as Typed;
use fhir_typed::resources::Flag;
use fhir_typed::resources::Task;
use serde_json::Value;
use serde_json::json;

use crate::fhir::outcome::Failure;
use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::items::existing;
use crate::palliative::care_plan::items::identifier;
use crate::palliative::care_plan::items::identifier_value;
use crate::palliative::care_plan::items::new_place;
use crate::palliative::care_plan::wishes::Wishes;
use crate::palliative::element::written;
use crate::palliative::enrollment::companions::flag;
use crate::palliative::enrollment::companions::task;
use crate::palliative::enrollment::drafts::Draft;
use crate::palliative::enrollment::drafts::Drafts;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::facts::has_coding;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::version;
use crate::palliative::vocabulary::FLAG_SYSTEM;
use crate::palliative::vocabulary::TEMPLATE_ITEM_SYSTEM;

const FLAG: &str = "dnr-on-file";
const CONFLICT: &str = "code-status-conflict";

/// What is to be written.
///
/// # Errors
/// `Internal` where a required element is missing.
pub fn drafts(planning: &Planning, wishes: &Wishes, names: &mut Drafts) -> Result<Vec<Draft>, Failure> {
    let mut drafts = Vec::new();
    drafts.extend(raised(planning, wishes, names)?);
    drafts.extend(lowered(planning, wishes));
    drafts.extend(conflict(planning, wishes, names)?);
    Ok(drafts)
}

fn action(source: &str) -> String {
    format!("{FLAG}/{source}")
}

fn raised(planning: &Planning, wishes: &Wishes, names: &mut Drafts) -> Result<Option<Draft>, Failure> {
    let Some(order) = wishes.not_for_resuscitation() else { return Ok(None) };
    let action = action(&order.source);
    let stands =
        planning.case.chart.of("Flag").any(|one| {
            one.text("/status") == Some("active") && has_coding(one.get("code"), FLAG_SYSTEM, FLAG)
        });
    if stands || existing(planning, "Flag", &action).is_some() {
        return Ok(None);
    }
    let made = Flag {
        identifier: vec![identifier(planning, &action)],
        ..flag(planning.case, FLAG, "Do-not-resuscitate order on file", order.on)
    };
    let name = names.name();
    let place = new_place(planning, &name, &action);
    Ok(Some(Draft { resource: written(Typed::Flag(Box::new(made)))?, place }))
}

/// The Flags of ours whose order is no longer in force.
fn lowered(planning: &Planning, wishes: &Wishes) -> Vec<Draft> {
    let current =
        wishes.not_for_resuscitation().map(|order| identifier_value(planning, &action(&order.source)));
    let ours = identifier_value(planning, FLAG);
    let value = |one: &Value| {
        let own = one["system"] == TEMPLATE_ITEM_SYSTEM;
        one["value"].as_str().filter(|_| own).map(str::to_owned)
    };
    let mut drafts = Vec::new();
    for one in planning.case.chart.of("Flag").filter(|one| one.text("/status") == Some("active")) {
        let named = list(one.get("identifier")).find_map(value);
        let lapsed = named.is_some_and(|named| named.starts_with(&ours) && Some(&named) != current.as_ref());
        if lapsed {
            let mut resource = one.clone();
            let object = resource.object_mut();
            object.insert("status".to_owned(), json!("inactive"));
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
