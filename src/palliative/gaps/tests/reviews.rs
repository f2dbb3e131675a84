//! Reviews that a birthday asks for. <https://hl7.org/fhir/R4/careplan.html>

use super::*;
use crate::palliative::enrollment::facts::name;
use crate::palliative::vocabulary::RECEIVED_EXTENSION;
use crate::palliative::vocabulary::REVIEW_TASK_SYSTEM;
use crate::palliative::vocabulary::RISK_TASK_SYSTEM;
use crate::palliative::vocabulary::TEMPLATE_ITEM_SYSTEM;
use crate::palliative::vocabulary::TRANSFERRED_FROM_EXTENSION;

fn born(day: &str) -> World {
    let mut world = enrolled();
    world.set("Patient/p", "birthDate", day.into());
    world
}

#[test]
fn t28_at_18_it_is_looked_at_anew_who_speaks_for_the_person() {
    let code = "proxy-review-overdue";
    let on = |world: &World, day: &str| state(&found(world, Tier::Three, day), code);
    let world = born("2008-07-01");
    assert_eq!(on(&world, "2026-04-01"), None, "91 days before");
    assert_eq!(on(&world, "2026-04-02"), is(Status::Prospective, "2026-07-01"));
    assert_eq!(on(&world, "2026-07-01"), is(Status::Prospective, "2026-07-01"));
    assert_eq!(on(&world, "2026-07-02"), is(Status::Open, "2026-07-01"));
    assert_eq!(on(&born("2008-01-10"), "2026-04-02"), None, "of age when the referral was received");
    assert_eq!(on(&born("2008-01"), "2026-04-02"), None, "the first day of the month");
    let task = |status: &str, day: &str| {
        json!({ "resourceType": "Task", "id": "t", "status": status, "intent": "order",
            "for": { "reference": "Patient/p" }, "lastModified": day, "code": { "coding": [{
            "system": "https://comfrey.health/fhir/CodeSystem/palliative-task", "code": "proxy-review" }] } })
    };
    let agreement = |day: &str, by: &str| {
        json!({ "resourceType": "Consent", "id": "own", "status": "active", "patient": { "reference": "Patient/p" },
            "scope": { "coding": [{ "code": "treatment", "system": "http://terminology.hl7.org/CodeSystem/consentscope" }] },
            "policyRule": { "text": "The agreement to take part" },
            "dateTime": day, "performer": [{ "reference": by }], "category": [{ "coding": [{ "code": "palliative-enrollment",
            "system": "https://comfrey.health/fhir/CodeSystem/palliative-consent-category" }] }] })
    };
    for (one, expected) in [
        (task("completed", "2026-05-01"), Status::Closed),
        (task("completed", "2026-03-01"), Status::Open),
        (task("in-progress", "2026-05-01"), Status::Open),
        (agreement("2026-07-02", "Patient/p"), Status::Closed),
        (agreement("2026-06-30", "Patient/p"), Status::Open),
        (agreement("2026-07-02", "RelatedPerson/mother"), Status::Open),
    ] {
        let mut world = born("2008-07-01");
        world.put(one.clone());
        assert_eq!(on(&world, "2026-07-10"), is(expected, "2026-07-01"), "{one}");
    }
}

#[test]
fn t52_before_21_it_is_looked_at_anew_what_goes_on() {
    let code = "adult-review-overdue";
    let on = |world: &World, day: &str| state(&found(world, Tier::Three, day), code);
    let mut world = born("2005-07-01");
    assert_eq!(on(&world, "2026-04-01"), None);
    assert_eq!(on(&world, "2026-04-02"), is(Status::Prospective, "2026-07-01"));
    assert_eq!(on(&world, "2026-07-02"), is(Status::Open, "2026-07-01"));
    let episode = name(world.episode());
    let id = episode.trim_start_matches("EpisodeOfCare/").to_owned();
    let task = |day: &str, system: &str, value: &str, focus: &str| {
        let mut task = json!({ "resourceType": "Task", "id": "t", "status": "completed", "intent": "order",
            "for": { "reference": "Patient/p" }, "executionPeriod": { "end": day }, "code": { "coding": [{
            "system": "https://comfrey.health/fhir/CodeSystem/palliative-task", "code": "concurrent-care-review" }] } });
        if !focus.is_empty() {
            task["focus"] = json!({ "reference": focus });
        }
        if !system.is_empty() {
            task["identifier"] = json!([{ "system": system, "value": value }]);
        }
        task
    };
    let (review, election) =
        (format!("{id}/concurrent-care-review/2026-07-01"), format!("{id}/hospice-election/2026-06-01"));
    for (task, expected) in [
        (task("2026-06-01", REVIEW_TASK_SYSTEM, &review, &episode), Status::Closed),
        (task("2026-02-01", REVIEW_TASK_SYSTEM, &review, &episode), Status::Open),
        (task("2026-06-01", "https://example.org/tasks", "7", &episode), Status::Closed),
        (task("2026-06-01", "", "", &episode), Status::Closed),
        (task("2026-06-01", "", "", &format!("{episode}/_history/1")), Status::Closed),
        // others of the kind: that of an election, of a stratification and of the plan, and one that says not of what
        (task("2026-06-01", REVIEW_TASK_SYSTEM, &election, &episode), Status::Open),
        (task("2026-06-01", RISK_TASK_SYSTEM, "p/concurrent-care-review/prog", ""), Status::Open),
        (
            task(
                "2026-06-01",
                TEMPLATE_ITEM_SYSTEM,
                &format!("{id}/palliative-careplan/d7-concurrent"),
                &episode,
            ),
            Status::Open,
        ),
        (task("2026-06-01", "", "", ""), Status::Open),
        (task("2026-06-01", "", "", "EpisodeOfCare/another"), Status::Open),
    ] {
        let text = task.to_string();
        world.put(task);
        assert_eq!(on(&world, "2026-07-02"), is(expected, "2026-07-01"), "{text}");
    }
    assert_eq!(on(&born("1953-06-01"), "2026-07-02"), None);
    let leap = born("2008-02-29");
    assert_eq!(
        state(&found(&leap, Tier::Three, "2026-02-20"), "proxy-review-overdue"),
        is(Status::Prospective, "2026-03-01")
    );
}

#[test]
fn a_transfer_loses_no_review_and_asks_for_none_that_was_done() {
    let code = "proxy-review-overdue";
    let on = |world: &World| state(&found(world, Tier::Three, "2026-02-01"), code);
    // of age since 10 January; the episode that there is now began on the 12th
    let mut world = born("2008-01-10");
    let given = world.resources.keys().find(|name| name.starts_with("Consent/")).unwrap().clone();
    world.set(&given, "performer", json!([{ "reference": "RelatedPerson/mother" }]));
    assert_eq!(on(&world), None);
    let before = |from: &str, received: &str| {
        json!({ "resourceType": "EpisodeOfCare", "id": "before", "status": "finished",
            "patient": { "reference": "Patient/p" }, "extension": [
                { "url": RECEIVED_EXTENSION, "valueDate": received },
                { "url": TRANSFERRED_FROM_EXTENSION, "valueReference": { "reference": from } }] })
    };
    let mut extensions = world.episode().get("extension").unwrap().clone();
    extensions.as_array_mut().unwrap().push(
        json!({ "url": TRANSFERRED_FROM_EXTENSION, "valueReference": { "reference": "EpisodeOfCare/before" } }),
    );
    let episode = name(world.episode());
    world.set(&episode, "extension", extensions);
    assert_eq!(on(&world), None, "the first is not on file");
    // in a circle too there is one that is the first
    for from in ["EpisodeOfCare/none", "EpisodeOfCare/before", episode.as_str()] {
        world.put(before(from, "2026-01-11"));
        assert_eq!(on(&world), None, "of age when the first was asked for");
        world.put(before(from, "2025-12-01"));
        assert_eq!(on(&world), is(Status::Open, "2026-01-10"), "{from}");
    }
    world.put(json!({ "resourceType": "Task", "id": "t", "status": "completed", "intent": "order",
        "identifier": [{ "system": REVIEW_TASK_SYSTEM, "value": "before/proxy-review/2026-01-10" }],
        "for": { "reference": "Patient/p" }, "executionPeriod": { "end": "2026-01-09" }, "code": { "coding": [{
        "system": "https://comfrey.health/fhir/CodeSystem/palliative-task", "code": "proxy-review" }] } }));
    assert_eq!(on(&world), is(Status::Closed, "2026-01-10"), "asked for by the first programme");
}
