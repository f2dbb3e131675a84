//! What a plan lacks, and when it is reviewed. <https://hl7.org/fhir/R4/careplan.html>

use super::*;

#[test]
fn what_a_plan_lacks_is_open_without_a_day_and_told_once() {
    let world = enrolled();
    let all = found(&world, Tier::Three, "2026-03-01");
    assert_eq!(state(&all, "plan-missing"), is(Status::Open, ""));
    assert_eq!(state(&all, "no-24-7"), is(Status::Open, ""));
    assert_eq!(state(&all, "symptom-assessment-overdue"), None, "told as symptom-overdue");
    assert_eq!(all.iter().filter(|gap| gap.code == "acp-preference-missing").count(), 1);
    let sorted: Vec<_> = all.iter().map(|gap| gap.status).collect();
    assert!(sorted.is_sorted(), "open gaps come first");
}

#[test]
fn a_plan_is_reviewed_by_its_day() {
    let mut world = enrolled();
    crate::palliative::care_plan::tests::apply(&mut world);
    // tier 3: every 60 days
    assert_eq!(
        state(&found(&world, Tier::Three, "2026-03-16"), "plan-overdue"),
        is(Status::Closed, "2026-03-16")
    );
    assert_eq!(
        state(&found(&world, Tier::Three, "2026-03-17"), "plan-overdue"),
        is(Status::Open, "2026-03-16")
    );
    assert_eq!(state(&found(&world, Tier::Three, "2026-03-17"), "plan-missing"), None);
}

#[test]
fn a_plan_that_was_revoked_is_none_and_one_that_is_completed_only_until_its_end() {
    let mut world = enrolled();
    crate::palliative::care_plan::tests::apply(&mut world);
    let plan = world.resources.keys().find(|name| name.starts_with("CarePlan/")).unwrap().clone();
    let missing = |world: &World, day: &str| {
        let found = found(world, Tier::Three, day);
        (state(&found, "plan-missing").is_some(), state(&found, "plan-overdue").is_some())
    };
    assert_eq!(missing(&world, "2026-02-10"), (false, true));
    for status in ["revoked", "entered-in-error"] {
        world.set(&plan, "status", status.into());
        assert_eq!(missing(&world, "2026-02-10"), (true, false), "{status}");
    }
    world.set(&plan, "status", "completed".into());
    world.set(&plan, "period", json!({ "start": "2026-01-15" }));
    assert_eq!(missing(&world, "2026-02-10"), (true, false), "nobody knows until when");
    world.set(&plan, "period", json!({ "start": "2026-01-15", "end": "2026-02-10" }));
    assert_eq!(missing(&world, "2026-02-10"), (false, true), "its last day");
    assert_eq!(missing(&world, "2026-02-11"), (true, false));
}
