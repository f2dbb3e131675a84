//! A plan that is there already: what the template has added is put into it, all else is left.
//! <https://hl7.org/fhir/R4/careplan.html>

use serde_json::Value;
use serde_json::json;

use crate::fhir::resource::Resource;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::version;
use crate::palliative::enrollment::state::State;

/// The plan that is there, with what the template has added since. All else in it is a person's own.
pub fn renewed(stored: &Resource, made: &Resource, state: State) -> (Resource, Option<Place>) {
    let mut plan = stored.clone();
    let known = |list_name: &str, pointer: &str, one: &Value| {
        list(stored.get(list_name)).any(|own| own.pointer(pointer) == one.pointer(pointer))
    };
    let is_new_activity = |one: &&Value| match one.get("reference") {
        Some(_) => !known("activity", "/reference/reference", one),
        None => !known("activity", "/detail/description", one),
    };
    let goals: Vec<Value> =
        list(made.get("goal")).filter(|one| !known("goal", "/reference", one)).cloned().collect();
    // Where no goal is new the template has nothing new, and an activity that is gone was taken out by a person.
    let activities: Vec<Value> = if goals.is_empty() {
        Vec::new()
    } else {
        list(made.get("activity")).filter(is_new_activity).cloned().collect()
    };
    let starts = stored.text("/status") == Some("draft") && status_of(state) == "active";
    if goals.is_empty() && !starts {
        return (plan, None);
    }
    for (name, added) in [("goal", goals), ("activity", activities)] {
        let all: Vec<Value> = list(stored.get(name)).cloned().chain(added).collect();
        if !all.is_empty() {
            plan.object_mut().insert(name.to_owned(), Value::Array(all));
        }
    }
    if starts {
        plan.object_mut().insert("status".to_owned(), json!("active"));
    }
    plan.object_mut().insert("text".to_owned(), made.get("text").cloned().unwrap_or_default());
    (plan, Some(Place::Existing(version(stored))))
}

/// `CarePlan.status` in a state of the enrolment.
pub fn status_of(state: State) -> &'static str {
    match state {
        State::Enrolled => "active",
        State::OnHold => "on-hold",
        _ => "draft",
    }
}
