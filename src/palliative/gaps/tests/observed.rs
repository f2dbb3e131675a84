//! What is asked of the person: wishes, pain, and what was observed when. <https://hl7.org/fhir/R4/careplan.html>

use super::*;

#[test]
fn wishes_are_recorded_declined_or_missing() {
    let code = "acp-preference-missing";
    for (coding, value) in [
        ((LOINC, "75773-2"), json!({ "valueString": "At home" })),
        ((OBSERVATION_SYSTEM, "acp-declined"), json!({ "valueBoolean": true })),
    ] {
        let mut world = enrolled();
        world.put(observed("wish", coding, "2026-03-01", value));
        assert_eq!(state(&found(&world, Tier::Three, "2026-02-20"), code), is(Status::Open, "2026-02-14"));
        assert_eq!(state(&found(&world, Tier::Three, "2026-03-01"), code), is(Status::Closed, "2026-02-14"));
    }
}

#[test]
fn pain_of_four_or_more_is_to_be_answered_within_a_day() {
    let code = "pain-positive-untreated";
    let pain =
        |value: i64| observed("pain", (LOINC, "72514-3"), "2026-02-01", json!({ "valueInteger": value }));
    let mut world = enrolled();
    world.put(pain(3));
    assert_eq!(state(&found(&world, Tier::Three, "2026-02-05"), code), None);
    world.put(pain(4));
    assert_eq!(state(&found(&world, Tier::Three, "2026-02-02"), code), is(Status::Prospective, "2026-02-02"));
    assert_eq!(state(&found(&world, Tier::Three, "2026-02-03"), code), is(Status::Open, "2026-02-02"));
    let order = |medicine: &str, day: &str| {
        json!({ "resourceType": "MedicationRequest", "id": "m", "status": "active", "intent": "order",
            "subject": { "reference": "Patient/p" }, "authoredOn": day,
            "medicationCodeableConcept": { "text": medicine } })
    };
    for (medicine, day, expected) in [
        ("Morphine 10 mg tablet", "2026-02-01", Status::Closed),
        ("Morphine 10 mg tablet", "2026-01-31", Status::Open),
        ("Furosemide 40 mg tablet", "2026-02-01", Status::Open),
    ] {
        world.put(order(medicine, day));
        assert_eq!(
            state(&found(&world, Tier::Three, "2026-02-05"), code).unwrap().0,
            expected,
            "{medicine} {day}"
        );
    }
    world.put(json!({ "resourceType": "ServiceRequest", "id": "s", "status": "active", "intent": "order",
        "subject": { "reference": "Patient/p" }, "authoredOn": "2026-02-02",
        "reasonReference": [{ "reference": "Observation/pain" }] }));
    assert_eq!(state(&found(&world, Tier::Three, "2026-02-05"), code).unwrap().0, Status::Closed);
}

#[test]
fn of_two_pain_scores_of_a_day_the_later_counts_whatever_zone_it_was_written_in() {
    let mut world = enrolled();
    let pain = |id: &str, when: &str, value: i64| {
        observed(id, (LOINC, "72514-3"), when, json!({ "valueInteger": value }))
    };
    world.put(pain("later", "2026-02-01T10:00:00-08:00", 7));
    world.put(pain("earlier", "2026-02-01T17:00:00Z", 2));
    let found = found(&world, Tier::Three, "2026-02-03");
    assert_eq!(state(&found, "pain-positive-untreated"), is(Status::Open, "2026-02-02"));
}

#[test]
fn what_was_observed_at_an_instant_counts_as_done() {
    let mut world = enrolled();
    let mut one = observed("esas", (OBSERVATION_SYSTEM, "esas-nausea"), "", json!({ "valueInteger": 3 }));
    one.as_object_mut().unwrap().remove("effectiveDateTime");
    one["effectiveInstant"] = "2026-01-20T10:00:00.000Z".into();
    world.put(one);
    let found = found(&world, Tier::Three, "2026-02-19");
    assert_eq!(state(&found, "symptom-overdue"), is(Status::Closed, "2026-02-19"));
    assert_eq!(state(&found, "symptom-assessment-overdue"), None);
}
