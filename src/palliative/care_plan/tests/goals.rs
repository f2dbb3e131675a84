//! Goals that are there already: what makes them due sooner, and whose words they are in.

use serde_json::json;

use super::LOINC;
use super::apply;
use super::enrolled;
use super::name;
use super::observed;
use crate::fhir::resource::Resource;
use crate::palliative::care_plan::goal::as_before;
use crate::palliative::enrollment::tests::World;

const PAIN: (&str, &str) = (LOINC, "72514-3");

fn goal<'a>(world: &'a World, action: &str) -> &'a Resource {
    &world.resources[&name(world, "Goal", action)]
}

/// The day of the goal on pain, with this score today.
fn pain(world: &mut World, day: &str, score: i64) -> String {
    world.today = day.into();
    world.put(observed(&format!("pain-{day}"), PAIN, day, json!({ "valueInteger": score })));
    applied(world, day)
}

fn applied(world: &mut World, day: &str) -> String {
    world.today = day.into();
    apply(world);
    goal(world, "d2-pain").text("/target/0/dueDate").unwrap().to_owned()
}

#[test]
fn pain_that_becomes_severe_is_due_in_48_hours_and_stays_so() {
    let mut world = enrolled();
    assert_eq!(pain(&mut world, "2026-01-20", 5), "2026-01-27");
    assert_eq!(pain(&mut world, "2026-01-21", 8), "2026-01-23");
    assert_eq!(applied(&mut world, "2026-01-22"), "2026-01-23", "it is not put off");
    assert_eq!(pain(&mut world, "2026-01-23", 9), "2026-01-23", "nor by the next score");
    assert_eq!(applied(&mut world, "2026-01-25"), "2026-01-23", "overdue stays overdue");
    // the day had passed when it came up
    assert_eq!(pain(&mut world, "2026-01-26", 4), "2026-01-23");
    assert_eq!(pain(&mut world, "2026-02-10", 7), "2026-02-12");
    assert_eq!(applied(&mut world, "2026-02-11"), "2026-02-12");
}

fn said(world: &mut World, day: &str, words: &str, by: &str) {
    let mut said = observed("said", (LOINC, "75773-2"), day, json!({ "valueString": words }));
    said["performer"] = json!([{ "reference": by }]);
    world.put(said);
}

#[test]
fn whose_words_a_goal_is_in_is_the_persons_to_edit() {
    let mut world = enrolled();
    said(&mut world, "2026-01-10", "No more hospital", "Patient/p");
    apply(&mut world);
    let wishes = name(&world, "Goal", "d8-wishes");
    world.set(&wishes, "expressedBy", json!({ "reference": "RelatedPerson/daughter" }));
    said(&mut world, "2026-01-12", "Home, with the dog", "Patient/p");
    let plan = apply(&mut world);
    assert_eq!(plan.edited().collect::<Vec<_>>(), [wishes.as_str()]);
    let kept = &world.resources[&wishes];
    assert_eq!(kept.text("/expressedBy/reference"), Some("RelatedPerson/daughter"));
    assert_eq!(kept.text("/description/text"), Some("No more hospital"));
}

#[test]
fn words_that_nobody_edited_follow_the_record_with_whose_they_are() {
    let mut world = enrolled();
    apply(&mut world);
    let set_by = |world: &World| goal(world, "d8-wishes").text("/expressedBy/reference").map(str::to_owned);
    assert_eq!(set_by(&world).as_deref(), Some("Practitioner/dr"));
    said(&mut world, "2026-01-10", "No more hospital", "Patient/p");
    apply(&mut world);
    assert_eq!(set_by(&world).as_deref(), Some("Patient/p"));
    said(&mut world, "2026-01-12", "At home", "RelatedPerson/son");
    apply(&mut world);
    assert_eq!(set_by(&world).as_deref(), Some("RelatedPerson/son"));
    assert!(apply(&mut world).drafts.is_empty());
}

#[test]
fn a_goal_with_a_digest_of_before_is_no_edited_one_and_keeps_whose_words_it_is_in() {
    let mut world = enrolled();
    said(&mut world, "2026-01-10", "No more hospital", "Patient/p");
    apply(&mut world);
    let wishes = name(&world, "Goal", "d8-wishes");
    as_before(world.resources.get_mut(&wishes).unwrap());
    let plan = apply(&mut world);
    assert!(plan.drafts.is_empty() && plan.edited().next().is_none());
    world.set(&wishes, "expressedBy", json!({ "reference": "RelatedPerson/daughter" }));
    said(&mut world, "2026-01-12", "Home, with the dog", "Patient/p");
    let plan = apply(&mut world);
    assert_eq!(plan.edited().count(), 0);
    let kept = &world.resources[&wishes];
    assert_eq!(kept.text("/expressedBy/reference"), Some("RelatedPerson/daughter"));
    assert_eq!(kept.text("/description/text"), Some("Home, with the dog"));
}
