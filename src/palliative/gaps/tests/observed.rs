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
fn t_66_a_personal_care_plan_on_file_is_a_document_and_no_preference() {
    let mut world = enrolled();
    world.put(json!({ "resourceType": "DocumentReference", "id": "plan", "status": "current", "docStatus": "final",
        "subject": { "reference": "Patient/p" }, "date": "2026-01-20T10:00:00Z", "content": [{ "attachment": { "title": "What matters to me" } }],
        "type": { "coding": [{ "system": LOINC, "code": "81334-5" }] } }));
    let found = found(&world, Tier::Three, "2026-02-20");
    assert_eq!(state(&found, "acp-preference-missing"), is(Status::Open, "2026-02-14"));
    assert!(found.iter().any(|gap| gap.code == "plan-missing"), "nor is it the plan of care");
}

#[test]
fn positive_pain_is_to_be_answered_within_a_day() {
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
    // A Medication may say what was ordered, by itself or within the order.
    let morphine =
        json!({ "resourceType": "Medication", "id": "tablets", "code": { "text": "Morphine 10 mg tablet" } });
    for inside in [false, true] {
        let mut world = enrolled();
        world.put(pain(4));
        let mut named = order("", "2026-02-01");
        named.as_object_mut().unwrap().remove("medicationCodeableConcept");
        let to = if inside { "#tablets" } else { "Medication/tablets" };
        named["medicationReference"] = json!({ "reference": to });
        if inside {
            named["contained"] = json!([morphine]);
        }
        world.put(named);
        if !inside {
            assert_eq!(state(&found(&world, Tier::Three, "2026-02-05"), code).unwrap().0, Status::Open);
            world.put(morphine.clone());
        }
        assert_eq!(state(&found(&world, Tier::Three, "2026-02-05"), code).unwrap().0, Status::Closed);
    }
}

#[test]
fn an_order_not_to_give_a_medicine_and_a_mere_proposal_leave_the_pain_as_it_is() {
    let code = "pain-positive-untreated";
    let mut world = enrolled();
    world.put(observed("pain", (LOINC, "72514-3"), "2026-02-01", json!({ "valueInteger": 4 })));
    for (element, value, expected) in [
        ("doNotPerform", json!(true), Status::Open),
        ("doNotPerform", json!(false), Status::Closed),
        ("intent", json!("proposal"), Status::Open),
        ("intent", json!("plan"), Status::Closed),
        ("status", json!("entered-in-error"), Status::Open),
    ] {
        let mut other = json!({ "resourceType": "MedicationRequest", "id": "m", "status": "active", "intent": "order",
            "subject": { "reference": "Patient/p" }, "authoredOn": "2026-02-01",
            "medicationCodeableConcept": { "text": "Morphine 10 mg tablet" } });
        other[element] = value.clone();
        world.put(other);
        let state = state(&found(&world, Tier::Three, "2026-02-05"), code).unwrap().0;
        assert_eq!(state, expected, "{element} {value}");
    }
}

#[test]
fn severe_pain_on_the_ipos_is_to_be_answered_too_until_a_later_score_is_lower() {
    let code = "pain-positive-untreated";
    let pain = |id: &str, coding: (&str, &str), on: &str, value: i64| {
        observed(id, coding, on, json!({ "valueInteger": value }))
    };
    let ipos = (OBSERVATION_SYSTEM, "ipos-pain");
    let mut world = enrolled();
    world.put(pain("one", ipos, "2026-02-01", 2));
    assert_eq!(state(&found(&world, Tier::Three, "2026-02-05"), code), None);
    world.put(pain("one", ipos, "2026-02-01", 3));
    assert_eq!(state(&found(&world, Tier::Three, "2026-02-05"), code), is(Status::Open, "2026-02-02"));
    world.put(pain("two", (LOINC, "72514-3"), "2026-02-03", 3));
    assert_eq!(state(&found(&world, Tier::Three, "2026-02-05"), code), None, "3 of 10 is mild");
    world.put(pain("two", (LOINC, "72514-3"), "2026-02-03", 4));
    assert_eq!(state(&found(&world, Tier::Three, "2026-02-05"), code), is(Status::Open, "2026-02-04"));
}

#[test]
fn from_which_score_pain_is_to_be_answered_the_programme_says_and_else_it_is_4_of_10_or_3_of_4() {
    let code = "pain-positive-untreated";
    let (ten, four) = ((LOINC, "72514-3"), (OBSERVATION_SYSTEM, "ipos-pain"));
    for (least, coding, positive) in [
        (None, ten, 4),
        (None, four, 3),
        (Some(1), ten, 1),
        (Some(1), four, 1),
        (Some(3), four, 2),
        (Some(4), ten, 4),
        (Some(6), four, 3),
        (Some(7), four, 4),
    ] {
        let mut world = enrolled();
        world.program.pain_positive = least;
        for (value, expected) in [(positive - 1, None), (positive, is(Status::Open, "2026-02-02"))] {
            world.put(observed("pain", coding, "2026-02-01", json!({ "valueInteger": value })));
            let found = found(&world, Tier::Three, "2026-02-05");
            assert_eq!(state(&found, code), expected, "{least:?} {coding:?} {value}");
        }
    }
}

#[test]
fn pain_is_to_be_assessed_within_a_day_whatever_is_done_against_it() {
    let code = "pain-not-assessed";
    let pain =
        |value: i64| observed("pain", (LOINC, "72514-3"), "2026-02-01", json!({ "valueInteger": value }));
    let mut world = enrolled();
    assert_eq!(state(&found(&world, Tier::Three, "2026-02-05"), code), None);
    world.put(pain(0));
    assert_eq!(state(&found(&world, Tier::Three, "2026-02-05"), code), None);
    // any pain counts, unless the programme says from which score on
    world.put(pain(1));
    assert_eq!(state(&found(&world, Tier::Three, "2026-02-02"), code), is(Status::Prospective, "2026-02-02"));
    assert_eq!(state(&found(&world, Tier::Three, "2026-02-03"), code), is(Status::Open, "2026-02-02"));
    world.program.pain_positive = Some(2);
    assert_eq!(state(&found(&world, Tier::Three, "2026-02-03"), code), None);
    world.put(pain(2));
    let assessment = |on: &str, parts: usize, members: usize| {
        let part = |at: usize| json!({ "code": { "text": format!("part {at}") }, "valueString": "dull" });
        let silent = json!({ "code": { "text": "where" }, "dataAbsentReason": { "text": "not asked" } });
        let mut one = observed("assessed", (LOINC, "38212-7"), on, json!({}));
        one["component"] = (0..parts).map(part).chain([silent]).collect();
        if members > 0 {
            one["hasMember"] =
                (0..members).map(|at| json!({ "reference": format!("Observation/m{at}") })).collect();
        }
        one
    };
    for (on, parts, members, expected) in [
        ("2026-02-02", 5, 0, Status::Closed),
        ("2026-02-01", 2, 3, Status::Closed),
        ("2026-02-02", 4, 0, Status::Open),
        ("2026-01-31", 7, 0, Status::Open),
    ] {
        world.put(assessment(on, parts, members));
        let state = state(&found(&world, Tier::Three, "2026-02-05"), code).unwrap();
        assert_eq!(state.0, expected, "{on} {parts} {members}");
    }
    // another score says nothing of what kind of pain it is
    world.put(observed("again", (LOINC, "72514-3"), "2026-02-02", json!({ "valueInteger": 5 })));
    assert_eq!(state(&found(&world, Tier::Three, "2026-02-05"), code), is(Status::Open, "2026-02-03"));
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
