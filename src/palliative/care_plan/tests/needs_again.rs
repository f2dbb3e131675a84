//! Social needs that come back after a person has ended what was asked for, and those that a person has denied.

use serde_json::Value;
use serde_json::json;

use super::LOINC;
use super::apply;
use super::enrolled;
use super::observed;
use super::rows::answer;
use super::rows::condition;
use crate::fhir::Resource;
use crate::palliative::enrollment::tests::World;

const ITEMS: [(&str, &str); 4] = [
    ("Condition", "d4-food-referral/need"),
    ("ServiceRequest", "d4-food-referral/request"),
    ("Goal", "d4-food"),
    ("Task", "d4-food-referral"),
];

/// Somebody who was asked for food, and everything that came of it ended on a day.
fn seen_to(ended: &str) -> World {
    let mut world = enrolled();
    world.put(answer("88122-7", "LA28397-0"));
    apply(&mut world);
    let resolved = json!({ "coding": [{ "code": "resolved",
        "system": "http://terminology.hl7.org/CodeSystem/condition-clinical" }] });
    let ends = [
        ("clinicalStatus", resolved),
        ("status", json!("completed")),
        ("lifecycleStatus", json!("completed")),
    ];
    for ((ty, action), (element, value)) in
        ITEMS.into_iter().zip(ends.into_iter().chain([("status", json!("completed"))]))
    {
        let name = super::name(&world, ty, action);
        world.set(&name, element, value);
        world.set(&name, "meta", json!({ "versionId": "2", "lastUpdated": ended }));
    }
    world
}

fn food_again(world: &mut World, day: &str) {
    let positive =
        json!({ "valueCodeableConcept": { "coding": [{ "system": LOINC, "code": "LA28397-0" }] } });
    world.put(observed("again", (LOINC, "88122-7"), day, positive));
}

/// What the template has made of the items of food, by type.
fn items(world: &World) -> Vec<usize> {
    let of = |ty: &str| {
        let ours = |one: &&Resource| one.value()["identifier"].to_string().contains("d4-food");
        world.resources.values().filter(|one| one.ty().name() == ty).filter(ours).count()
    };
    ITEMS.map(|(ty, _)| of(ty)).to_vec()
}

#[test]
fn a_need_that_comes_back_is_a_new_concern_with_a_new_request_goal_and_task_once() {
    let mut world = seen_to("2026-02-20T10:00:00Z");
    world.today = "2026-03-10".to_owned();
    let plan = apply(&mut world);
    assert_eq!(items(&world), [1, 1, 1, 1], "nothing has been answered since");
    assert!(plan.skipped.iter().any(|(action, _)| action == "d4-food-referral/need"), "{:?}", plan.skipped);
    food_again(&mut world, "2026-03-09");
    apply(&mut world);
    assert_eq!(items(&world), [2, 2, 2, 2]);
    let again = |world: &World, ty: &str, action: &str| {
        let name = super::name(world, ty, &format!("{action}/Observation/again"));
        (name.clone(), world.resources[&name].value().clone())
    };
    let (need, _) = again(&world, "Condition", "d4-food-referral/need");
    let (asked, request) = again(&world, "ServiceRequest", "d4-food-referral/request");
    assert_eq!(request["reasonReference"][0]["reference"], json!(need));
    let (goal, made) = again(&world, "Goal", "d4-food");
    assert_eq!(request["supportingInfo"], json!([{ "reference": goal }]));
    assert!(made["addresses"].to_string().contains(&need), "{made}");
    let (task, made) = again(&world, "Task", "d4-food-referral");
    assert_eq!((&made["basedOn"][0]["reference"], &made["status"]), (&json!(asked), &json!("requested")));
    assert!(apply(&mut world).drafts.is_empty(), "once");
    // also when its parts come to their ends one by one
    for (name, element) in [(&task, "status"), (&asked, "status"), (&goal, "lifecycleStatus")] {
        world.set(name, element, json!("completed"));
        world.set(name, "meta", json!({ "versionId": "2", "lastUpdated": "2026-03-09T20:00:00Z" }));
        apply(&mut world);
    }
    assert_eq!(items(&world), [2, 2, 2, 2]);
}

#[test]
fn a_need_that_comes_back_is_the_open_concern_that_somebody_has_written_since() {
    let mut world = seen_to("2026-02-20T10:00:00Z");
    world.today = "2026-03-10".to_owned();
    food_again(&mut world, "2026-03-09");
    world.put(condition("R69"));
    world.set("Condition/problem", "category", food());
    apply(&mut world);
    assert_eq!(items(&world)[..2], [1, 2], "no second concern, and help with it");
    let request = super::name(&world, "ServiceRequest", "d4-food-referral/request/Observation/again");
    let reason = &world.resources[&request].value()["reasonReference"][0]["reference"];
    assert_eq!(reason, "Condition/problem");
}

fn food() -> Value {
    json!([{ "coding": [{ "code": "food-insecurity",
        "system": "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes" }] }])
}

#[test]
fn a_concern_that_a_person_wrote_and_refuted_is_not_written_against_until_a_later_answer() {
    for (ended, concerns) in [("2026-01-14T20:00:00Z", 0), ("2026-01-12T20:00:00Z", 1)] {
        let mut world = enrolled();
        world.put(answer("88122-7", "LA28397-0"));
        world.put(condition("R69"));
        world.set("Condition/problem", "category", food());
        world.set("Condition/problem", "verificationStatus", json!({ "coding": [{ "code": "refuted" }] }));
        world.set("Condition/problem", "meta", json!({ "versionId": "1", "lastUpdated": ended }));
        apply(&mut world);
        assert_eq!(items(&world)[..2], [concerns, concerns], "{ended}");
    }
}

#[test]
fn a_concern_and_a_request_that_were_labelled_since_are_neither_told_nor_named() {
    for (ty, action) in &ITEMS[..2] {
        let mut world = enrolled();
        world.put(answer("88122-7", "LA28397-0"));
        apply(&mut world);
        let name = super::name(&world, ty, action);
        world.set(&name, "meta", json!({ "versionId": "2", "security": [{ "code": "R" }] }));
        // what is made anew names others than before
        for (ty, action) in [("Task", "d4-food-referral"), ("Goal", "d4-food"), ("CarePlan", "plan")] {
            let other = super::name(&world, ty, action);
            world.resources.remove(&other);
        }
        let plan = apply(&mut world);
        assert!(plan.needs.iter().all(|one| one.name != name), "{name}");
        let named = plan.drafts.iter().any(|one| one.resource.value().to_string().contains(&name));
        assert!(!named, "{name} in {:?}", plan.drafts);
        assert_eq!(items(&world)[..2], [1, 1]);
    }
}
