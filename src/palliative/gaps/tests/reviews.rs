//! Reviews that a birthday asks for. <https://hl7.org/fhir/R4/careplan.html>

use super::*;

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
    let task = |id: &str, day: &str| {
        json!({ "resourceType": "Task", "id": id, "status": "completed", "intent": "order",
            "for": { "reference": "Patient/p" }, "executionPeriod": { "end": day }, "code": { "coding": [{
            "system": "https://comfrey.health/fhir/CodeSystem/palliative-task", "code": "concurrent-care-review" }] } })
    };
    world.put(task("at-19", "2026-02-01"));
    assert_eq!(
        on(&world, "2026-07-02"),
        is(Status::Open, "2026-07-01"),
        "that of an election is another one"
    );
    world.put(task("at-20", "2026-06-01"));
    assert_eq!(on(&world, "2026-07-02"), is(Status::Closed, "2026-07-01"));
    assert_eq!(on(&born("1953-06-01"), "2026-07-02"), None);
    let leap = born("2008-02-29");
    assert_eq!(
        state(&found(&leap, Tier::Three, "2026-02-20"), "proxy-review-overdue"),
        is(Status::Prospective, "2026-03-01")
    );
}
