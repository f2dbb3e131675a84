//! Plans made again, and what people, days and tiers do to them in between.

use serde_json::Value;
use serde_json::json;

use super::LOINC;
use super::actions;
use super::activity;
use super::apply;
use super::count;
use super::enrolled;
use super::name;
use super::observed;
use super::on;
use super::score;
use super::template;
use super::tier;
use crate::palliative::care_plan::completeness::next_review;
use crate::palliative::care_plan::plan::make;
use crate::palliative::enrollment::tests::World;
use crate::palliative::enrollment::tests::wish;

#[test]
fn applying_twice_adds_nothing() {
    let mut world = World::new();
    world.enrolled();
    apply(&mut world);
    let before = world.resources.clone();
    world.today = "2026-01-20".into();
    assert!(apply(&mut world).drafts.is_empty());
    assert_eq!(world.resources, before);
}

#[test]
fn a_goal_that_a_person_edited_is_told_and_left_alone() {
    let mut world = World::new();
    world.enrolled();
    apply(&mut world);
    let name = world.resources.iter().find(|(_, one)| one.ty().name() == "Goal").unwrap().0.clone();
    world.set(&name, "description", json!({ "text": "Sit in the garden" }));
    let plan = apply(&mut world);
    assert_eq!(plan.edited().collect::<Vec<_>>(), [name.as_str()]);
    assert_eq!(world.resources[&name].text("/description/text"), Some("Sit in the garden"));
    // progress is no edit
    let other = world.resources.iter().filter(|(_, one)| one.ty().name() == "Goal").nth(1).unwrap().0.clone();
    world.set(&other, "lifecycleStatus", json!("completed"));
    assert_eq!(apply(&mut world).edited().count(), 1);
}

#[test]
fn a_goal_that_nobody_edited_follows_the_template() {
    let mut world = World::new();
    world.enrolled();
    apply(&mut world);
    let mut template = template();
    template.rows[0].goals[0].text = "Somebody answers at any hour.".into();
    let plan = on(&world, &template, |planning, situation| make(planning, situation).unwrap());
    let changed: Vec<_> = plan.drafts.iter().filter(|draft| draft.resource.ty().name() == "Goal").collect();
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0].resource.text("/description/text"), Some("Somebody answers at any hour."));
}

#[test]
fn a_plan_made_before_the_start_becomes_active_with_it() {
    let mut world = World::new();
    world.consented();
    apply(&mut world);
    let status = |world: &World| {
        world
            .resources
            .values()
            .find(|one| one.ty().name() == "CarePlan")
            .unwrap()
            .text("/status")
            .unwrap()
            .to_owned()
    };
    assert_eq!(status(&world), "draft");
    world.enroll(&wish()).unwrap();
    apply(&mut world);
    assert_eq!(status(&world), "active");
    assert_eq!(count(&world, "CarePlan"), 1);
}

#[test]
fn what_has_newly_come_up_is_added_and_nothing_else() {
    let mut world = enrolled();
    apply(&mut world);
    let before = world.resources.clone();
    world.today = "2026-01-20".into();
    world.put(observed("pain", (LOINC, "72514-3"), "2026-01-19", json!({ "valueInteger": 8 })));
    let plan = apply(&mut world);
    assert_eq!(count(&world, "Goal"), before.values().filter(|one| one.ty().name() == "Goal").count() + 1);
    let goal = &world.resources[&name(&world, "Goal", "d2-pain")];
    assert_eq!(goal.text("/startDate"), Some("2026-01-20"));
    assert_eq!(goal.text("/target/0/dueDate"), Some("2026-01-22"), "in 48 hours, for it is 7 or more");
    assert_eq!(goal.value()["addresses"], json!([{ "reference": "Observation/pain" }]));
    assert!(actions(plan.care_plan.value()).contains("d2-pain-plan"));
    let reason = &activity(plan.care_plan.value(), "d2-pain-plan")["detail"]["reasonReference"];
    assert_eq!(*reason, json!([{ "reference": "Observation/pain" }]));
    for (key, old) in before.iter().filter(|(key, _)| !key.starts_with("CarePlan/")) {
        assert_eq!(old, &world.resources[key], "{key}");
    }
    assert!(apply(&mut world).drafts.is_empty());
}

#[test]
fn what_a_person_ended_or_took_out_does_not_come_back() {
    let mut world = enrolled();
    apply(&mut world);
    let goal = name(&world, "Goal", "d5-meaning");
    world.set(&goal, "lifecycleStatus", json!("cancelled"));
    let deleted = name(&world, "Goal", "d6-language");
    world.resources.remove(&deleted);
    let task = name(&world, "Task", "d1-share");
    world.set(&task, "status", json!("cancelled"));
    let plan_name = name(&world, "CarePlan", "plan");
    let mut plan = world.resources[&plan_name].value().clone();
    let kept = |one: &&Value| one["id"] != "d8-order";
    plan["activity"] = plan["activity"].as_array().unwrap().iter().filter(kept).cloned().collect();
    plan["goal"] = plan["goal"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["reference"] != deleted.as_str())
        .cloned()
        .collect();
    world.set(&plan_name, "activity", plan["activity"].clone());
    world.set(&plan_name, "goal", plan["goal"].clone());
    let again = apply(&mut world);
    let written: Vec<_> = again.drafts.iter().map(|draft| draft.resource.ty().name()).collect();
    assert_eq!(written, ["CarePlan", "Provenance"], "the page no longer has what was ended");
    let shared = world.resources[&task].text("/description").unwrap();
    assert!(!again.care_plan.text("/text/div").unwrap().contains(shared));
    let nothing = apply(&mut world);
    assert!(nothing.drafts.is_empty(), "{:#?}", nothing.drafts);
    assert!(again.skipped.iter().any(|(id, reason)| id == "d6-language" && reason.contains("taken it out")));
    // with something new the rest stays out all the same
    world.put(score((LOINC, "72514-3"), 5.0));
    let more = apply(&mut world);
    assert_eq!(more.drafts.iter().filter(|draft| draft.resource.ty().name() == "Goal").count(), 1);
    let stored = world.resources[&plan_name].value();
    assert!(stored["activity"].as_array().unwrap().iter().all(|one| one["id"] != "d8-order"));
}

#[test]
fn a_plan_that_a_person_ended_stays_ended() {
    let mut world = enrolled();
    apply(&mut world);
    let plan = name(&world, "CarePlan", "plan");
    world.set(&plan, "status", json!("revoked"));
    world.put(score((LOINC, "72514-3"), 5.0));
    let again = apply(&mut world);
    assert!(again.drafts.is_empty());
    assert_eq!(again.care_plan.text("/status"), Some("revoked"));
    assert!(again.skipped[0].1.contains("revoked"), "{:?}", again.skipped);
}

#[test]
fn a_change_of_tier_moves_the_review_and_what_is_done_again_and_again() {
    let mut world = enrolled();
    let plan = apply(&mut world);
    let esas =
        |plan: &Value| activity(plan, "d2-esas")["detail"]["scheduledTiming"]["repeat"]["period"].clone();
    let review = |world: &World| {
        let plan = &world.resources[&name(world, "CarePlan", "plan")];
        next_review(plan).unwrap().to_string()
    };
    assert_eq!((review(&world), esas(plan.care_plan.value())), ("2026-03-16".to_owned(), json!(30)));
    world.today = "2026-01-25".into();
    tier(&mut world, "tier-4");
    let plan = apply(&mut world);
    assert_eq!((review(&world), esas(plan.care_plan.value())), ("2026-02-24".to_owned(), json!(14)));
    assert!(apply(&mut world).drafts.is_empty());
    // a day that a person has set stays
    let plan = name(&world, "CarePlan", "plan");
    let mut extensions = world.resources[&plan].value()["extension"].clone();
    for one in extensions.as_array_mut().unwrap().iter_mut().filter(|one| one.get("valueDate").is_some()) {
        one["valueDate"] = json!("2026-02-01");
    }
    world.set(&plan, "extension", extensions);
    tier(&mut world, "tier-2");
    apply(&mut world);
    assert_eq!(review(&world), "2026-02-01");
}

#[test]
fn a_page_that_a_person_wrote_stays() {
    let mut world = enrolled();
    apply(&mut world);
    let plan = name(&world, "CarePlan", "plan");
    let own = json!({ "status": "additional", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>By hand</p></div>" });
    world.set(&plan, "text", own.clone());
    world.put(score((LOINC, "72514-3"), 5.0));
    assert_eq!(apply(&mut world).care_plan.value()["text"], own);
}

#[test]
fn the_page_tells_of_an_order_that_came_and_of_one_that_went() {
    let mut world = enrolled();
    apply(&mut world);
    let order = "Ordered: no resuscitation";
    let stored =
        |world: &World| world.resources[&name(world, "CarePlan", "plan")].value()["text"].to_string();
    assert!(!stored(&world).contains(order));
    world.put(json!({ "resourceType": "ServiceRequest", "id": "dnr", "status": "active", "intent": "order",
        "code": { "coding": [{ "system": "http://snomed.info/sct", "code": "304253006" }] },
        "subject": { "reference": "Patient/p" }, "requester": { "reference": "Practitioner/dr" },
        "authoredOn": "2026-01-14" }));
    assert!(on(&world, &template(), make).unwrap().care_plan.value()["text"].to_string().contains(order));
    apply(&mut world);
    assert!(stored(&world).contains(order));
    assert!(apply(&mut world).drafts.is_empty());
    world.set("ServiceRequest/dnr", "status", json!("revoked"));
    apply(&mut world);
    assert!(!stored(&world).contains(order));
    // a name alone changes the page too, and nothing else
    world.set("Patient/p", "name", json!([{ "text": "Rosa Lind" }]));
    let written: Vec<_> =
        apply(&mut world).drafts.iter().map(|draft| draft.resource.ty().name().to_owned()).collect();
    assert_eq!(written, ["CarePlan", "Provenance"]);
    assert!(stored(&world).contains("Rosa Lind"));
    // what a person has written is left
    let own = json!({ "status": "additional", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>By hand</p></div>" });
    let plan = name(&world, "CarePlan", "plan");
    world.set(&plan, "text", own);
    world.set("Patient/p", "name", json!([{ "text": "Rosa Lindgren" }]));
    assert!(apply(&mut world).drafts.is_empty());
}

#[test]
fn a_discharge_completes_the_plan() {
    let mut world = World::new();
    world.enrolled();
    apply(&mut world);
    let end = crate::palliative::enrollment::tests::on(
        crate::palliative::enrollment::table::Action::Discharge,
        "2026-01-20",
        "moved-out-of-area",
    );
    world.act(&end).unwrap();
    let plan = world.resources.values().find(|one| one.ty().name() == "CarePlan").unwrap();
    assert_eq!(plan.text("/status"), Some("completed"));
}

#[test]
fn thoughts_of_death_that_come_again_ask_for_a_safety_check_again() {
    let mut world = enrolled();
    let item = |id: &str, day: &str| observed(id, (LOINC, "44260-8"), day, json!({ "valueInteger": 1 }));
    let tasks = |world: &World| {
        let of = |one: &&crate::fhir::Resource| one.text("/code/coding/0/code") == Some("safety-check");
        world.resources.values().filter(|one| one.ty().name() == "Task").filter(of).count()
    };
    world.put(item("january", "2026-01-14"));
    apply(&mut world);
    let first = name(&world, "Task", "d3-safety-check/Observation/january");
    world.set(&first, "status", json!("completed"));
    apply(&mut world);
    assert_eq!(tasks(&world), 1, "the same answer asks once");
    world.today = "2026-06-10".into();
    world.put(item("june", "2026-06-09"));
    let plan = apply(&mut world);
    let second = &world.resources[&name(&world, "Task", "d3-safety-check/Observation/june")];
    assert_eq!((second.text("/status"), second.text("/priority")), (Some("requested"), Some("urgent")));
    assert_eq!(tasks(&world), 2);
    let referred: Vec<&Value> = plan.care_plan.value()["activity"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["id"].as_str().is_some_and(|id| id.starts_with("d3-safety-check")))
        .collect();
    assert_eq!(referred.len(), 2);
    assert!(apply(&mut world).drafts.is_empty());
    // One that a person has taken out stays out until there is another answer.
    world.resources.remove(&name(&world, "Task", "d3-safety-check/Observation/june"));
    apply(&mut world);
    assert_eq!(tasks(&world), 1);
}
