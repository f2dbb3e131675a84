//! What was to be done within hours. <https://hl7.org/fhir/R4/task.html>

use super::*;
use crate::palliative::gaps::tasks::tasks;
use crate::palliative::gaps::urgent::URGENT;
use crate::palliative::vocabulary::TASK_SYSTEM;

fn task(kind: &str, status: &str, end: Option<&str>) -> Value {
    let mut task = json!({ "resourceType": "Task", "id": kind, "status": status, "intent": "order",
        "priority": "urgent", "for": { "reference": "Patient/p" }, "authoredOn": "2026-01-15T12:00:00-07:00",
        "code": { "coding": [{ "system": TASK_SYSTEM, "code": kind }] } });
    if let Some(end) = end {
        task["restriction"] = json!({ "period": { "end": end } });
    }
    task
}

#[test]
fn t_55_what_nobody_has_taken_on_within_its_hours_is_told_of_and_asked_for_once_more() {
    let mut world = enrolled();
    world.put(task("safety-check", "requested", None));
    let at = |world: &World, day: &str| state(&found(world, Tier::Three, day), URGENT);
    assert_eq!(at(&world, "2026-01-14"), None, "it was not asked for yet");
    assert_eq!(at(&world, "2026-01-15"), is(Status::Prospective, "2026-01-16"));
    assert_eq!(at(&world, "2026-01-16"), is(Status::Open, "2026-01-16"), "24 hours are over at noon");
    for (kind, end, due) in [
        ("safety-check", "2026-01-15T11:00:00-07:00", "2026-01-15"),
        ("urgent-contact", "2026-01-15T11:00:00-07:00", "2026-01-15"),
        ("urgent-symptom-contact", "2026-01-17", "2026-01-17"),
    ] {
        let mut world = enrolled();
        world.put(task(kind, "accepted", Some(end)));
        let expected = if due == "2026-01-15" { Status::Open } else { Status::Prospective };
        assert_eq!(at(&world, "2026-01-15"), is(expected, due), "{kind}");
    }
    let mut unsigned = task("safety-check", "requested", None);
    unsigned.as_object_mut().unwrap().remove("authoredOn");
    for (more, expected) in [
        (json!({ "meta": { "lastUpdated": "2026-01-13T12:00:00-07:00" } }), "2026-01-14"),
        (json!({ "restriction": { "period": { "start": "2026-01-12T12:00:00-07:00" } } }), "2026-01-13"),
        (json!({ "meta": { "versionId": "1" } }), "2026-01-15"),
    ] {
        let mut world = enrolled();
        let mut task = unsigned.clone();
        task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.put(task);
        for (place, value) in more.as_object().unwrap() {
            world.set("Task/safety-check", place, value.clone());
        }
        assert_eq!(at(&world, "2026-01-15"), is(Status::Open, expected), "{more}");
    }
    let gaps = found(&world, Tier::Three, "2026-01-16");
    let drafts = tasks((world.episode(), None), &world.program, &gaps, 0).unwrap();
    let told: Vec<_> = drafts.iter().map(|draft| draft.resource.value()).collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["code"]["coding"][0]["code"], "escalation");
    assert_eq!(
        (&told[0]["priority"], &told[0]["partOf"][0]["reference"]),
        (&json!("urgent"), &json!("Task/safety-check"))
    );
    assert!(told[0]["description"].as_str().unwrap().contains("nobody has taken on"), "{}", told[0]);
    let early = found(&world, Tier::Three, "2026-01-15");
    assert!(
        tasks((world.episode(), None), &world.program, &early, 0).unwrap().is_empty(),
        "it is not overdue"
    );
    for status in ["completed", "cancelled", "rejected", "entered-in-error"] {
        world.put(task("safety-check", status, None));
        assert_eq!(at(&world, "2026-01-20"), None, "{status}");
    }
    let mut elsewhere = task("safety-check", "requested", None);
    elsewhere["focus"] = json!({ "reference": "EpisodeOfCare/other" });
    world.put(elsewhere);
    assert_eq!(at(&world, "2026-01-20"), None, "it is told of where it belongs");
}
