//! What is due by the cadences of the tier, and when.

use serde_json::Value;
use serde_json::json;

use super::Following;
use super::Gap;
use super::Status;
use super::assessments::Assessments;
use super::gaps;
use crate::definitions::Definitions;
use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::template::Templates;
use crate::palliative::enrollment::tests::World;
use crate::palliative::enrollment::tests::referral;
use crate::palliative::risk::Algorithms;
use crate::palliative::risk::tier::Tier;
use crate::palliative::vocabulary::OBSERVATION_SYSTEM;

const LOINC: &str = "http://loinc.org";

fn found(world: &World, tier: Tier, day: &str) -> Vec<Gap> {
    let definitions = Definitions::shared().unwrap();
    let assessments = Assessments::compile(&definitions.value_sets).unwrap();
    let algorithms = Algorithms::compile(&definitions).unwrap();
    let algorithm = algorithms.of(&world.program).unwrap();
    let intensity = algorithm.intensity(tier);
    let templates = Templates::compile(&definitions).unwrap();
    let template = templates.find(crate::palliative::vocabulary::TEMPLATE).unwrap();
    world.with_case(world.episode(), |case| {
        let as_of = day.parse().unwrap();
        let planning = Planning { case, template, algorithm, assessments: &assessments, as_of };
        gaps(&Following { planning: &planning, intensity, assessments: &assessments })
    })
}

/// Status and day of a gap.
fn state(found: &[Gap], code: &str) -> Option<(Status, String)> {
    let gap = found.iter().find(|gap| gap.code == code)?;
    Some((gap.status, gap.due.map(|due| due.to_string()).unwrap_or_default()))
}

fn is(status: Status, due: &str) -> Option<(Status, String)> {
    Some((status, due.to_owned()))
}

fn enrolled() -> World {
    let mut world = World::new();
    world.enrolled();
    world
}

fn visit(id: &str, day: &str, class: &str, who: &str) -> Value {
    json!({ "resourceType": "Encounter", "id": id, "status": "finished",
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": class },
        "subject": { "reference": "Patient/p" }, "serviceProvider": { "reference": "Organization/org" },
        "participant": [{ "individual": { "reference": who } }],
        "period": { "start": day, "end": day } })
}

fn observed(id: &str, coding: (&str, &str), day: &str, value: Value) -> Value {
    let mut one = json!({ "resourceType": "Observation", "id": id, "status": "final",
        "subject": { "reference": "Patient/p" }, "effectiveDateTime": day,
        "code": { "coding": [{ "system": coding.0, "code": coding.1 }] } });
    one.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
    one
}

#[test]
fn what_is_due_first_is_due_by_the_tier_and_opens_the_day_after() {
    let world = enrolled();
    for (code, due, day_after) in [
        ("first-visit-overdue", "2026-01-19", "2026-01-20"),
        ("contact-overdue", "2026-02-14", "2026-02-15"),
        ("in-person-overdue", "2026-02-14", "2026-02-15"),
        ("prescriber-visit-overdue", "2026-04-15", "2026-04-16"),
        ("symptom-overdue", "2026-01-30", "2026-01-31"),
        ("function-overdue", "2026-01-30", "2026-01-31"),
        ("caregiver-not-assessed", "2026-01-30", "2026-01-31"),
        ("acp-preference-missing", "2026-02-14", "2026-02-15"),
    ] {
        assert_eq!(state(&found(&world, Tier::Three, due), code), is(Status::Prospective, due), "{code}");
        assert_eq!(state(&found(&world, Tier::Three, day_after), code), is(Status::Open, due), "{code}");
    }
    let generalist = found(&world, Tier::One, "2026-01-15");
    assert_eq!(state(&generalist, "first-visit-overdue"), is(Status::Prospective, "2026-02-11"));
    assert_eq!(state(&generalist, "in-person-overdue"), None, "tier 1 asks for none");
    assert_eq!(state(&generalist, "prescriber-visit-overdue"), None, "as needed");
    assert_eq!(
        state(&found(&world, Tier::Four, "2026-01-15"), "symptom-overdue"),
        is(Status::Prospective, "2026-01-29")
    );
}

#[test]
fn what_was_done_in_time_is_closed_until_the_next_is_due() {
    let mut world = enrolled();
    let score = json!({ "valueInteger": 3 });
    world.put(observed("esas", (OBSERVATION_SYSTEM, "esas-nausea"), "2026-01-20", score.clone()));
    world.put(observed("pps", (OBSERVATION_SYSTEM, "pps"), "2026-01-20", json!({ "valueInteger": 60 })));
    let mut zarit = observed("zbi", (OBSERVATION_SYSTEM, "zbi-12"), "2026-01-20", score);
    zarit["focus"] = json!([{ "reference": "RelatedPerson/spouse" }]);
    world.put(zarit);
    let on = |day: &str, code: &str| state(&found(&world, Tier::Three, day), code);
    assert_eq!(on("2026-02-19", "symptom-overdue"), is(Status::Closed, "2026-02-19"));
    assert_eq!(on("2026-02-20", "symptom-overdue"), is(Status::Open, "2026-02-19"));
    assert_eq!(on("2026-02-19", "function-overdue"), is(Status::Closed, "2026-02-19"));
    assert_eq!(on("2026-04-20", "caregiver-not-assessed"), is(Status::Closed, "2026-04-20"));
    assert_eq!(
        on("2026-01-19", "symptom-overdue"),
        is(Status::Prospective, "2026-01-30"),
        "not done by then"
    );
    world.put(observed(
        "no",
        (OBSERVATION_SYSTEM, "caregiver-identified"),
        "2026-01-21",
        json!({ "valueBoolean": false }),
    ));
    assert_eq!(state(&found(&world, Tier::Three, "2026-02-01"), "caregiver-not-assessed"), None);
}

#[test]
fn contacts_are_those_of_the_programme_as_many_as_the_tier_asks_for() {
    let mut world = enrolled();
    world.put(visit("home", "2026-01-16", "HH", "Practitioner/nurse"));
    let on = |world: &World, day: &str, code: &str| state(&found(world, Tier::Three, day), code);
    assert_eq!(
        on(&world, "2026-06-01", "first-visit-overdue"),
        is(Status::Closed, "2026-01-19"),
        "done once"
    );
    assert_eq!(on(&world, "2026-02-10", "contact-overdue"), is(Status::Prospective, "2026-02-14"));
    world.put(visit("call", "2026-02-10", "VR", "Practitioner/nurse"));
    assert_eq!(on(&world, "2026-02-15", "contact-overdue"), is(Status::Closed, "2026-02-15"));
    assert_eq!(on(&world, "2026-02-16", "contact-overdue"), is(Status::Open, "2026-02-15"));
    assert_eq!(
        on(&world, "2026-02-16", "in-person-overdue"),
        is(Status::Open, "2026-02-15"),
        "a call is none"
    );
    let mut elsewhere = visit("elsewhere", "2026-02-12", "HH", "Practitioner/other");
    elsewhere["serviceProvider"]["reference"] = "Organization/hospital".into();
    world.put(elsewhere);
    let mut cancelled = visit("cancelled", "2026-02-12", "HH", "Practitioner/nurse");
    cancelled["status"] = "cancelled".into();
    world.put(cancelled);
    assert_eq!(on(&world, "2026-02-16", "in-person-overdue"), is(Status::Open, "2026-02-15"));
    let late = World::new();
    let mut late = late;
    late.refer(&referral()).unwrap();
    late.put(visit("late", "2026-03-01", "HH", "Practitioner/nurse"));
    assert_eq!(on(&late, "2026-02-01", "first-visit-overdue"), is(Status::Open, "2026-01-19"));
    assert_eq!(on(&late, "2026-03-01", "first-visit-overdue"), is(Status::Closed, "2026-01-19"));
}

#[test]
fn a_visit_of_a_prescriber_is_one_of_the_team_whose_role_it_is() {
    let mut world = enrolled();
    let member = json!({ "role": [{ "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/palliative-team-role",
        "code": "prescriber" }] }], "member": { "reference": "Practitioner/doctor" } });
    let mut team = world.resources["CareTeam/team"].value()["participant"].clone();
    team.as_array_mut().unwrap().push(member);
    world.set("CareTeam/team", "participant", team);
    world.put(visit("nurse", "2026-04-10", "HH", "Practitioner/nurse"));
    let code = "prescriber-visit-overdue";
    assert_eq!(state(&found(&world, Tier::Three, "2026-04-16"), code), is(Status::Open, "2026-04-15"));
    world.put(visit("doctor", "2026-04-10", "HH", "Practitioner/doctor"));
    assert_eq!(state(&found(&world, Tier::Three, "2026-04-16"), code), is(Status::Closed, "2026-07-09"));
}

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
fn before_the_service_starts_only_the_first_contact_is_due() {
    let mut world = World::new();
    world.refer(&referral()).unwrap();
    let all = found(&world, Tier::Three, "2026-03-01");
    assert_eq!(all.len(), 1);
    assert_eq!(state(&all, "first-visit-overdue"), is(Status::Open, "2026-01-19"));
    assert!(found(&world, Tier::Three, "2026-01-11").is_empty(), "before the referral");
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
