//! What a plan had of a template is told apart by the template, and by whether it is a goal or an activity.

use serde_json::Value;
use serde_json::json;

use super::enrolled;
use super::name;
use super::on;
use super::rows::attested;
use super::rows::condition;
use super::template;
use crate::palliative::care_plan::plan::Plan;
use crate::palliative::care_plan::plan::make;
use crate::palliative::care_plan::template::Activity;
use crate::palliative::care_plan::template::Becomes;
use crate::palliative::care_plan::template::Template;
use crate::palliative::enrollment::drafts::Decision;
use crate::palliative::enrollment::state::State;
use crate::palliative::enrollment::tests::World;
use crate::palliative::vocabulary::TEMPLATE_ACTION_EXTENSION;

fn apply(world: &mut World, template: &Template) -> Plan {
    let plan = on(world, template, make).unwrap();
    world.write(&Decision { state: State::Enrolled, drafts: plan.drafts.clone(), warnings: Vec::new() });
    plan
}

fn stored(world: &World) -> Value {
    world.resources[&name(world, "CarePlan", "plan")].value().clone()
}

fn elements(world: &World, id: &str) -> usize {
    let plan = stored(world);
    plan["activity"].as_array().unwrap().iter().filter(|one| one["id"] == id).count()
}

fn has_goal(world: &World, action: &str) -> bool {
    let ends = format!("/{action}");
    let made = |one: &Value| one["value"].as_str().is_some_and(|value| value.ends_with(&ends));
    let goals = world.resources.values().filter(|one| one.ty().name() == "Goal");
    goals.into_iter().any(|one| one.value()["identifier"].as_array().unwrap().iter().any(made))
}

#[test]
fn a_goal_and_an_activity_of_one_name_do_not_stand_for_one_another() {
    let (strain, need) = (attested("caregiver-strain-attested", true), condition("Z59.6"));
    for facts in [[strain.clone(), need.clone()], [need, strain]] {
        let mut world = enrolled();
        for fact in facts {
            world.put(fact);
            apply(&mut world, &template());
        }
        assert!(has_goal(&world, "d4-money"), "the goal of the need");
        assert_eq!(elements(&world, "d4-money"), 1, "the advice for the caregiver");
        assert!(apply(&mut world, &template()).drafts.is_empty());
    }
}

#[test]
fn marks_of_before_keep_their_meaning() {
    let mut world = enrolled();
    world.put(attested("caregiver-strain-attested", true));
    apply(&mut world, &template());
    let name = name(&world, "CarePlan", "plan");
    let mut extensions = stored(&world)["extension"].clone();
    let marks = extensions.as_array_mut().unwrap().iter_mut();
    for one in marks.filter(|one| one["url"] == TEMPLATE_ACTION_EXTENSION) {
        one["valueCode"] = json!(one["valueCode"].as_str().unwrap().rsplit('#').next().unwrap());
    }
    world.set(&name, "extension", extensions);
    assert!(apply(&mut world, &template()).drafts.is_empty());
    // what a person took out then stays out
    let mut activities = stored(&world)["activity"].clone();
    activities.as_array_mut().unwrap().retain(|one| one["id"] != "d2-esas");
    world.set(&name, "activity", activities);
    apply(&mut world, &template());
    assert_eq!(elements(&world, "d2-esas"), 0);
    // and the mark of the advice is none of the goal that has its name
    world.put(condition("Z59.6"));
    apply(&mut world, &template());
    assert!(has_goal(&world, "d4-money"));
    assert_eq!((elements(&world, "d4-money"), elements(&world, "d2-esas")), (1, 0));
}

#[test]
fn what_a_plan_has_of_one_template_says_nothing_of_another() {
    let other = Template { id: "https://example.org/PlanDefinition/own".into(), ..template() };
    let mut world = enrolled();
    apply(&mut world, &template());
    let mut activities = stored(&world)["activity"].clone();
    activities.as_array_mut().unwrap().retain(|one| one["id"] != "d2-esas");
    world.set(&name(&world, "CarePlan", "plan"), "activity", activities);
    apply(&mut world, &other);
    let theirs = "https://example.org/PlanDefinition/own#action#d2-esas";
    assert_eq!((elements(&world, "d2-esas"), elements(&world, theirs)), (0, 1));
    let plan = stored(&world);
    let mut ids: Vec<&Value> = plan["activity"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    let all = ids.len();
    ids.sort_by_key(|id| id.to_string());
    ids.dedup();
    assert_eq!(ids.len(), all, "each element has an id of its own");
    // neither adds anything again
    assert!(apply(&mut world, &other).drafts.is_empty());
    assert!(apply(&mut world, &template()).drafts.is_empty());
}

#[test]
fn marks_of_before_of_two_templates_make_nothing_twice() {
    let mut other = Template { id: "https://example.org/PlanDefinition/own".into(), ..template() };
    let esas = template().rows.into_iter().flat_map(|row| row.activities).find(|one| one.id == "d2-esas");
    let like = |id: &str| Activity {
        id: id.into(),
        text: format!("About the {id}."),
        becomes: Becomes::Detail,
        ..esas.clone().unwrap()
    };
    let row = other.rows.iter_mut().find(|row| row.trigger.is_none()).unwrap();
    let trigger = row.trigger.clone();
    row.activities.extend(["dog", "cat"].map(|id| Activity { trigger: trigger.clone(), ..like(id) }));
    let mut world = enrolled();
    apply(&mut world, &template());
    // as both had written it: the dog is in the plan, and a person has taken out the cat
    let name = name(&world, "CarePlan", "plan");
    let plan = stored(&world);
    let mut extensions = plan["extension"].as_array().unwrap().clone();
    for one in extensions.iter_mut().filter(|one| one["url"] == TEMPLATE_ACTION_EXTENSION) {
        one["valueCode"] = json!(one["valueCode"].as_str().unwrap().rsplit('#').next().unwrap());
    }
    let mark = |id: &str| json!({ "url": TEMPLATE_ACTION_EXTENSION, "valueCode": id });
    extensions.extend([mark("dog"), mark("cat")]);
    let mut activities = plan["activity"].as_array().unwrap().clone();
    let detail = json!({ "status": "not-started", "description": "About the dog." });
    activities.push(json!({ "id": "dog", "detail": detail }));
    world.set(&name, "extension", extensions.into());
    world.set(&name, "activity", activities.into());
    for _ in 0..2 {
        apply(&mut world, &other);
        let all = |id: &str| (elements(&world, id), elements(&world, &format!("{}#action#{id}", other.id)));
        assert_eq!((all("dog"), all("cat")), ((1, 0), (0, 0)));
    }
    assert!(apply(&mut world, &other).drafts.is_empty());
}
