//! When contacts and visits are due, and which of them count. <https://hl7.org/fhir/R4/careplan.html>

use super::*;

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
fn before_the_service_starts_only_the_first_contact_is_due() {
    let mut world = World::new();
    world.refer(&referral()).unwrap();
    let all = found(&world, Tier::Three, "2026-03-01");
    assert_eq!(all.len(), 1);
    assert_eq!(state(&all, "first-visit-overdue"), is(Status::Open, "2026-01-19"));
    assert!(found(&world, Tier::Three, "2026-01-11").is_empty(), "before the referral");
}

#[test]
fn a_contact_that_names_a_version_of_the_episode_or_the_organisation_counts() {
    for of_episode in [true, false] {
        let mut world = enrolled();
        let mut one = visit("v", "2026-01-16", "HH", "Practitioner/nurse");
        if of_episode {
            let episode = crate::palliative::enrollment::facts::name(world.episode());
            one["episodeOfCare"] = json!([{ "reference": format!("{episode}/_history/2") }]);
            one["serviceProvider"] = json!({ "reference": "Organization/elsewhere" });
        } else {
            one["serviceProvider"] = json!({ "reference": "Organization/org/_history/1" });
        }
        world.put(one);
        let found = found(&world, Tier::Three, "2026-01-18");
        let first = state(&found, "first-visit-overdue").map(|(status, _)| status);
        assert_eq!(first, Some(Status::Closed), "of the episode: {of_episode}");
    }
}

#[test]
fn a_programme_sets_when_the_first_visit_and_assessments_are_due_and_whether_a_video_visit_is_one() {
    let mut world = enrolled();
    world.program.first_visit_days = Some(3);
    world.program.assess_days = Some(5);
    let on = |world: &World, code: &str| state(&found(world, Tier::Three, "2026-01-21"), code);
    assert_eq!(on(&world, "first-visit-overdue"), is(Status::Open, "2026-01-15"));
    assert_eq!(on(&world, "symptom-overdue"), is(Status::Open, "2026-01-20"));
    world.put(visit("video", "2026-01-14", "VR", "Practitioner/nurse"));
    assert_eq!(on(&world, "first-visit-overdue"), is(Status::Closed, "2026-01-15"));
    world.program.in_person_required = true;
    assert_eq!(on(&world, "first-visit-overdue"), is(Status::Open, "2026-01-15"));
    world.put(visit("home", "2026-01-15", "HH", "Practitioner/nurse"));
    assert_eq!(on(&world, "first-visit-overdue"), is(Status::Closed, "2026-01-15"));
}

#[test]
fn t_64_a_virtual_contact_is_one_and_no_visit_whether_it_says_telephone_video_or_neither() {
    let said = |code: &str| json!([{ "coding": [{ "system": "http://snomed.info/sct", "code": code }] }]);
    for kind in [Some(said("185317003")), Some(said("448337001")), None] {
        let mut world = enrolled();
        world.put(visit("home", "2026-01-16", "HH", "Practitioner/nurse"));
        let mut call = visit("call", "2026-02-10", "VR", "Practitioner/nurse");
        if let Some(kind) = &kind {
            call["type"] = kind.clone();
        }
        world.put(call);
        let on = |day: &str, code: &str| state(&found(&world, Tier::Three, day), code);
        assert_eq!(on("2026-02-15", "contact-overdue"), is(Status::Closed, "2026-02-15"), "{kind:?}");
        assert_eq!(on("2026-02-16", "in-person-overdue"), is(Status::Open, "2026-02-15"), "{kind:?}");
    }
}
