//! Graduation, transfer, and what an ending closes. <https://hl7.org/fhir/R4/episodeofcare.html>

use super::*;

#[test]
fn a_graduation_asks_the_medical_home_to_follow_up() {
    let mut world = World::new();
    world.enrolled();
    let graduation = on(Action::Graduate, "2026-01-20", "graduated-improved");
    let clinician = world.actor.who.clone();
    for who in ["Organization/plan", "Device/rules"] {
        world.actor.who = crate::palliative::enrollment::facts::Who::Reference(who.into());
        assert_eq!(codes(&world.act(&graduation).unwrap_err()), ["attestation-missing"]);
    }
    world.actor.who = clinician;
    world.act(&graduation).unwrap();
    assert_eq!((world.state(), text(&world, "/period/end")), ("graduated", "2026-01-20"));
    assert!(world.resources.values().any(|one| one.text("/code/coding/0/code") == Some("pcmh-follow-up")));
}

#[test]
fn a_graduation_rests_on_an_attestation_or_on_the_rule_set_by_which_people_leave() {
    const EXIT: &str = "https://example.org/PlanDefinition/exit|1";
    let evidence = |outcome: Outcome, rule_set: &str, as_of: &str| Evidence {
        outcome,
        rule_set: rule_set.to_owned(),
        as_of: as_of.parse().unwrap(),
        result: String::new(),
        missing: Vec::new(),
        conditions: Vec::new(),
        outside: None,
    };
    for (evidence, graduates) in [
        (Some(evidence(Outcome::Eligible, EXIT, "2026-01-20")), true),
        (Some(evidence(Outcome::Eligible, EXIT, "2025-12-21")), true),
        (Some(evidence(Outcome::Eligible, EXIT, "2025-12-20")), false),
        (Some(evidence(Outcome::Indeterminate, EXIT, "2026-01-20")), false),
        (Some(evidence(Outcome::NotEligible, EXIT, "2026-01-20")), false),
        (Some(evidence(Outcome::Eligible, "https://example.org/PlanDefinition/exit|2", "2026-01-20")), false),
        (None, false),
    ] {
        let mut world = World::new();
        world.enrolled();
        world.today = "2026-01-20".into();
        world.program.exit_rule_set = Some(EXIT.to_owned());
        let asked = Request {
            evidence: evidence.clone(),
            ..on(Action::Graduate, "2026-01-20", "graduated-improved")
        };
        let clinician = world.actor.who.clone();
        world.actor.who = crate::palliative::enrollment::facts::Who::Reference("Device/rules".into());
        match world.act(&asked) {
            Ok(_) => assert!(graduates, "{evidence:?}"),
            Err(failure) => {
                assert!(!graduates, "{evidence:?}");
                assert_eq!(codes(&failure), ["attestation-missing"]);
                let place = "Parameters.parameter.where(name='screenResult')";
                assert_eq!(failure.issues[0].expression.as_deref(), Some(place));
                // whatever the screening says, a clinician may attest it
                world.actor.who = clinician;
                world.act(&asked).unwrap();
            }
        }
        assert_eq!(world.state(), "graduated");
    }
    let mut world = World::new();
    world.enrolled();
    let strange = Request {
        screen_result: Some("GuidanceResponse/g".into()),
        ..on(Action::Graduate, "2026-01-15", "graduated-improved")
    };
    assert_eq!(codes(&world.act(&strange).unwrap_err()), ["bad-parameter"], "there is no such rule set");
}

#[test]
fn one_who_acts_for_the_team_names_the_clinician_who_attests_a_graduation() {
    let graduation = |by: Option<&str>| Request {
        attested_by: by.map(str::to_owned),
        ..on(Action::Graduate, "2026-01-20", "graduated-improved")
    };
    let mut world = World::new();
    world.enrolled();
    world.actor.who = crate::palliative::enrollment::facts::Who::Name("backend".into());
    world.put(json!({ "resourceType": "Practitioner", "id": "left", "active": false }));
    world.put(json!({ "resourceType": "Practitioner", "id": "doctor" }));
    world.put(json!({ "resourceType": "Organization", "id": "plan", "name": "Plan" }));
    for (by, place) in [
        (None, None),
        (Some("Practitioner/nobody"), Some("attestedBy")),
        (Some("Practitioner/left"), Some("attestedBy")),
        (Some("Organization/plan"), Some("attestedBy")),
    ] {
        let refused = world.act(&graduation(by)).unwrap_err();
        assert_eq!(codes(&refused), ["attestation-missing"], "{by:?}");
        let place = place.map(|name| format!("Parameters.parameter.where(name='{name}')"));
        assert_eq!(refused.issues[0].expression, place, "{by:?}");
    }
    let untaken = Request {
        attested_by: Some("Practitioner/doctor".into()),
        ..on(Action::Discharge, "2026-01-20", "patient-request")
    };
    assert_eq!(codes(&world.act(&untaken).unwrap_err()), ["bad-parameter"], "other endings need none");
    let decision = world.act(&graduation(Some("Practitioner/doctor"))).unwrap();
    assert_eq!(world.state(), "graduated");
    let record = decision.first("Provenance").unwrap();
    assert_eq!(record.text("/agent/0/who/display"), Some("backend"));
    assert_eq!(
        (record.text("/agent/1/type/coding/0/code"), record.text("/agent/1/who/reference")),
        (Some("attester"), Some("Practitioner/doctor"))
    );
}

#[test]
fn a_transfer_goes_to_an_active_programme_in_which_nothing_is_open() {
    let mut world = World::new();
    world.enrolled();
    let mut handover = on(Action::Transfer, "2026-01-20", "transferred-program");
    handover.target_program = Some("HealthcareService/other".into());
    let none = world.act_beside(&handover, Beside::default()).unwrap_err();
    assert_eq!((none.status(), codes(&none)), (404, vec!["program-not-found".to_owned()]));
    let same = world.program.clone();
    let same = world
        .act_beside(&handover, Beside { target: Some(&same), enrolled: None, paid_month: None })
        .unwrap_err();
    assert_eq!((same.status(), codes(&same)), (422, vec!["bad-parameter".to_owned()]));
    let mut target = programme("other", "America/Phoenix");
    target.active = false;
    let asleep = world
        .act_beside(&handover, Beside { target: Some(&target), enrolled: None, paid_month: None })
        .unwrap_err();
    assert_eq!((asleep.status(), codes(&asleep)), (422, vec!["program-inactive".to_owned()]));
    target.active = true;
    let ended = world
        .act_beside(&handover, Beside { target: Some(&target), enrolled: None, paid_month: None })
        .unwrap();
    let next = world.episode_in("other").unwrap().clone();
    assert_eq!(state_of(&next), Some(State::Offered), "without the agreement to this programme");
    assert_eq!(ended.first("EpisodeOfCare").unwrap().text("/period/end"), Some("2026-01-19"));
    // Undoing it would put the person into both programmes.
    let undo = Request { reasons: vec!["recorded-in-error".into()], ..request(Action::Undo) };
    assert_eq!(codes(&world.act(&undo).unwrap_err()), ["already-open"]);
    let void = Request { reasons: vec!["duplicate".into()], ..request(Action::Void) };
    let mistake = world.with_case(&next, |case| {
        crate::palliative::enrollment::transition::decide(case, &void, Beside::default())
    });
    world.write(&mistake.unwrap());
    world.act(&undo).unwrap();
    assert_eq!((world.state(), text(&world, "/period/end")), ("enrolled", "(nothing)"));
    let next = world.episode_in("other").unwrap();
    let both = world.with_case(next, |case| {
        crate::palliative::enrollment::transition::decide(case, &undo, Beside::default())
    });
    assert_eq!(codes(&both.unwrap_err()), ["already-open"]);
}

#[test]
fn an_ending_cancels_what_was_still_to_be_done_about_the_episode() {
    let mut world = World::new();
    world.enrolled();
    let name = crate::palliative::enrollment::facts::name(world.episode());
    for (id, focus, status) in [
        ("a", name.as_str(), "requested"),
        ("b", name.as_str(), "completed"),
        ("c", "Patient/p", "requested"),
    ] {
        world.put(json!({ "resourceType": "Task", "id": id, "status": status, "intent": "order",
            "code": { "coding": [{ "system": TASK_SYSTEM, "code": "outreach" }] },
            "focus": { "reference": focus }, "for": { "reference": "Patient/p" } }));
    }
    world.act(&on(Action::Graduate, "2026-01-20", "graduated-improved")).unwrap();
    let status = |id: &str| world.resources[&format!("Task/{id}")].text("/status").unwrap();
    assert_eq!([status("a"), status("b"), status("c")], ["cancelled", "completed", "requested"]);
    assert_eq!(task(&world)["status"], "completed");
    let follow_up =
        world.resources.values().find(|one| one.text("/code/coding/0/code") == Some("pcmh-follow-up"));
    assert_eq!(follow_up.unwrap().text("/status"), Some("requested"), "what comes after is still to be done");
}

#[test]
fn a_mistake_takes_its_flag_and_team_along_and_undoing_it_brings_back_how_the_episode_had_ended() {
    let mut world = World::new();
    world.consented();
    let mut sent = wish();
    let mut team = crate::palliative::enrollment::tests::care_team();
    team.as_object_mut().unwrap().remove("id");
    let team = crate::palliative::enrollment::tests::resource(team);
    sent.care_team = Some(crate::palliative::enrollment::request::Wanted::New(team));
    world.enroll(&sent).unwrap();
    world.act(&on(Action::Discharge, "2026-01-20", "moved-out-of-area")).unwrap();
    let ended = world.episode().clone();
    let of = |world: &World, ty: &str| {
        let made = world
            .resources
            .values()
            .find(|one| one.ty().name() == ty && extension_of(one, EPISODE_EXTENSION).is_some());
        made.unwrap().text("/status").unwrap().to_owned()
    };
    let plain = |reason: &str, action| Request { reasons: vec![reason.into()], ..request(action) };
    world.act(&plain("duplicate", Action::Void)).unwrap();
    assert_eq!([of(&world, "Flag"), of(&world, "CareTeam")], ["entered-in-error", "entered-in-error"]);
    assert_eq!(text(&world, "/period/end"), "2026-01-20");
    world.act(&plain("recorded-in-error", Action::Undo)).unwrap();
    assert_eq!([of(&world, "Flag"), of(&world, "CareTeam")], ["inactive", "active"]);
    assert_eq!((world.state(), text(&world, "/period/end")), ("discharged", "2026-01-20"));
    assert_eq!(
        extension_of(world.episode(), END_REASON_EXTENSION),
        extension_of(&ended, END_REASON_EXTENSION)
    );
}

#[test]
fn one_who_cannot_be_reached_was_tried_as_often_as_the_programme_tries() {
    let mut world = World::new();
    world.refer(&referral()).unwrap();
    world.act(&determined(Outcome::Eligible)).unwrap();
    world.act(&offered("2026-01-14")).unwrap();
    world.act(&offered("2026-01-15")).unwrap();
    world.act(&agreed()).unwrap();
    world.enroll(&wish()).unwrap();
    world.today = "2026-01-25".into();
    let tried = |days: &[&str]| days.iter().flat_map(|day| offered(day).outreach).collect::<Vec<_>>();
    let leave = |days: &[&str]| Request {
        outreach: tried(days),
        ..on(Action::Discharge, "2026-01-25", "unable-to-contact")
    };
    assert_eq!(codes(&world.act(&leave(&[])).unwrap_err()), ["attempts"], "those of the offer do not count");
    let hold = on(Action::Hold, "2026-01-20", "hold-contact");
    world.act(&Request { outreach: tried(&["2026-01-20"]), ..hold }).unwrap();
    assert_eq!(codes(&world.act(&leave(&["2026-01-21"])).unwrap_err()), ["attempts"]);
    world.act(&leave(&["2026-01-21", "2026-01-25"])).unwrap();
    assert_eq!(world.state(), "discharged");
}

#[test]
fn an_ending_for_a_cause_says_what_was_tried_and_one_for_the_age_waits_for_it() {
    let mut world = World::new();
    world.program.age_min = None;
    world.set("Patient/p", "birthDate", json!("2005-02-01"));
    world.enrolled();
    let cause = on(Action::Discharge, "2026-01-30", "safety-for-cause");
    assert_eq!(codes(&world.act(&cause).unwrap_err()), ["steps-missing"]);
    let blank = Request { note: Some(" ".into()), ..cause.clone() };
    assert_eq!(codes(&world.act(&blank).unwrap_err()), ["steps-missing"]);
    let early = on(Action::Discharge, "2026-01-30", "aged-out");
    assert_eq!(codes(&world.act(&early).unwrap_err()), ["age"]);
    let mut other = World::new();
    other.program.age_min = None;
    other.set("Patient/p", "birthDate", json!("2005-02-01"));
    other.enrolled();
    other.act(&Request { note: Some("Met with the family twice".into()), ..cause }).unwrap();
    assert_eq!(other.state(), "discharged");
    world.act(&on(Action::Discharge, "2026-01-31", "aged-out")).unwrap();
    assert_eq!(world.state(), "discharged", "the last day before the birthday");
}

#[test]
fn a_death_that_is_told_of_late_says_nothing_about_who_pays_by_now() {
    let mut world = World::new();
    world.enrolled();
    world.today = "2026-01-25".into();
    world.set("Coverage/cov", "period", json!({ "start": "2025-01-01", "end": "2026-01-19" }));
    let mut next = crate::palliative::enrollment::tests::coverage();
    (next["id"], next["period"]) = (json!("next"), json!({ "start": "2026-01-20" }));
    world.put(next);
    let pays = |world: &World| {
        let url = crate::palliative::vocabulary::COVERAGE_HISTORY_EXTENSION;
        let all = world.episode().get("extension").unwrap().as_array().unwrap();
        let entries = all.iter().filter(|one| one["url"] == url);
        entries
            .map(|one| one["extension"][0]["valueReference"]["reference"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    world.act(&on(Action::Hold, "2026-01-22", "hold-travel")).unwrap();
    assert_eq!(pays(&world), ["Coverage/cov", "Coverage/next"]);
    world.act(&on(Action::Death, "2026-01-18", "deceased")).unwrap();
    assert_eq!(pays(&world), ["Coverage/cov", "Coverage/next"]);
}
