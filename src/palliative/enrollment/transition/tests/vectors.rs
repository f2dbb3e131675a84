//! The lifecycle's vectors, from referral to transfer and hospice. <https://hl7.org/fhir/R4/episodeofcare.html>

use super::*;

#[test]
fn v_life_1_from_referral_to_enrolment() {
    let mut world = World::new();
    let first = world.refer(&referral()).unwrap();
    assert_eq!(first.drafts.len(), 4, "request, episode, task, provenance");
    assert_eq!((world.state(), text(&world, "/status")), ("referred", "planned"));
    assert_eq!(
        (&task(&world)["status"], &task(&world)["businessStatus"]["coding"][0]["code"]),
        (&json!("requested"), &json!("referred"))
    );
    // the second referral finds the same episode
    world.refer(&referral()).unwrap();
    assert_eq!(world.resources.values().filter(|one| one.ty().name() == "EpisodeOfCare").count(), 1);
    assert_eq!(world.episode().value()["referralRequest"].as_array().unwrap().len(), 2);
    let refused = world.refer(&Referral { duplicate: Duplicate::Reject, ..referral() }).unwrap_err();
    assert_eq!((refused.status(), codes(&refused)), (409, vec!["already-open".to_owned()]));
    world.act(&request(Action::Screen)).unwrap();
    assert_eq!(task(&world)["status"], "in-progress");
    world.act(&determined(Outcome::Eligible)).unwrap();
    assert_eq!(world.state(), "eligible");
    assert!(extension_of(world.episode(), EVIDENCE_EXTENSION).is_some(), "the evidence is frozen");
    let early = world.enroll(&wish()).unwrap_err();
    assert_eq!((early.status(), codes(&early)), (409, vec!["invalid-transition".to_owned()]));
    assert!(early.issues[0].diagnostics.as_ref().unwrap().starts_with("allowed: offer, decline, consent"));
    assert_eq!(early.issues[0].extension.len(), 7);
    world.act(&agreed()).unwrap();
    assert_eq!(world.state(), "consented");
    world.set("Consent/con", "provision", json!({ "period": { "end": "2026-01-14" } }));
    world.set("Coverage/cov", "status", json!("cancelled"));
    let two = world.enroll(&wish()).unwrap_err();
    assert_eq!(
        (two.status(), codes(&two)),
        (422, vec!["consent-invalid".to_owned(), "coverage-inactive".to_owned()])
    );
    world.set("Consent/con", "provision", json!({ "period": { "end": "2026-12-31" } }));
    world.set("Coverage/cov", "status", json!("active"));
    world.enroll(&wish()).unwrap();
    assert_eq!(
        (world.state(), text(&world, "/status"), text(&world, "/period/start")),
        ("enrolled", "active", "2026-01-15")
    );
    assert_eq!(text(&world, "/careManager/reference"), "Practitioner/nurse");
    assert_eq!(task(&world)["status"], "completed");
    let history: Vec<&str> = world.episode().value()["statusHistory"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["extension"][0]["valueCoding"]["code"].as_str().unwrap())
        .collect();
    assert_eq!(history, ["referred", "screening", "eligible", "consented", "enrolled"]);
    assert!(world.enroll(&wish()).unwrap().drafts.is_empty(), "the same start again changes nothing");
}

#[test]
fn v_life_1_from_hold_to_transfer() {
    let mut world = World::new();
    world.enrolled();
    world.today = "2026-02-20".into();
    world.act(&on(Action::Hold, "2026-02-01", "hold-inpatient")).unwrap();
    assert_eq!((world.state(), text(&world, "/status")), ("on-hold", "onhold"));
    world.act(&on(Action::Resume, "2026-02-10", "hold-inpatient")).unwrap();
    assert_eq!((world.state(), text(&world, "/status")), ("enrolled", "active"));
    let mut target = programme("other", "America/Phoenix");
    target.accepts_consent = true;
    let beside = Beside { target: Some(&target), enrolled: None, paid_month: None };
    let mut handover = on(Action::Transfer, "2026-02-15", "transferred-program");
    handover.target_program = Some("HealthcareService/other".into());
    world.act_beside(&handover, beside).unwrap();
    assert_eq!(
        (world.state(), text(&world, "/status"), text(&world, "/period/end")),
        ("transferred-out", "finished", "2026-02-14")
    );
    let next = world.episode_in("other").unwrap();
    assert_eq!(state_of(next), Some(State::Consented));
    assert_eq!(next.text("/statusHistory/0/period/start"), Some("2026-02-15"));
    assert!(
        world.act_beside(&handover, beside).unwrap().drafts.is_empty(),
        "the same ending again changes nothing"
    );
}

#[test]
fn v_life_1_hospice_below_21_goes_on_and_from_21_ends_the_day_before() {
    for (birth, policy, state, end) in [
        ("2005-02-11", HospicePolicy::Concurrent, "enrolled", "(nothing)"),
        ("2005-02-10", HospicePolicy::Concurrent, "hospice-elected", "2026-02-09"),
        ("2005-02-11", HospicePolicy::End, "hospice-elected", "2026-02-09"),
    ] {
        let mut world = World::new();
        world.program.hospice_policy = policy;
        world.set("Patient/p", "birthDate", json!(birth));
        world.enrolled();
        world.today = "2026-02-10".into();
        world.act(&elected("2026-02-10")).unwrap();
        assert_eq!((world.state(), text(&world, "/period/end")), (state, end), "born {birth}");
        let flag = world.resources.values().any(|one| {
            one.ty().name() == "Flag" && one.text("/code/coding/0/code") == Some("hospice-election")
        });
        let review = world
            .resources
            .values()
            .find(|one| one.text("/code/coding/0/code") == Some("concurrent-care-review"));
        assert!(flag);
        assert_eq!(review.is_some(), state == "enrolled");
        let known = review.map(|one| one.text("/identifier/0/value").unwrap_or_default());
        assert!(known.is_none_or(|value| value.ends_with("/hospice-election/2026-02-10")), "{known:?}");
        let again = world.act(&elected("2026-02-10")).unwrap();
        assert!(again.drafts.is_empty(), "t18: the same election again changes nothing, born {birth}");
    }
}

#[test]
fn t20_a_back_dated_election_leaves_no_enrolled_day() {
    let mut world = World::new();
    world.enrolled();
    world.act(&elected("2026-01-05")).unwrap();
    assert_eq!((text(&world, "/period/start"), text(&world, "/period/end")), ("2026-01-15", "2026-01-15"));
    assert_eq!(extension_of(world.episode(), ENROLLED_DAYS_EXTENSION).unwrap()["valueInteger"], 0);
}

#[test]
fn an_adult_comes_back_from_hospice_only_after_it_has_ended() {
    let mut world = World::new();
    world.enrolled();
    world.act(&elected("2026-01-15")).unwrap();
    world.today = "2026-03-01".into();
    let again = Referral { received: "2026-03-01".parse().unwrap(), ..referral() };
    assert_eq!(codes(&world.refer(&again).unwrap_err()), ["hospice-active"]);
    let early = Referral { hospice_end: Some("2026-01-14".parse().unwrap()), ..again.clone() };
    let refused = world.refer(&early).unwrap_err();
    assert_eq!((refused.status(), codes(&refused)), (422, vec!["date-range".to_owned()]), "before it began");
    let at = "Parameters.parameter.where(name='hospiceEnd')";
    assert_eq!(refused.issues[0].expression.as_deref(), Some(at));
    let ended = Referral { hospice_end: Some("2026-02-20".parse().unwrap()), ..again };
    world.refer(&ended).unwrap();
    let flag = world
        .resources
        .values()
        .find(|one| one.text("/code/coding/0/code") == Some("hospice-election"))
        .unwrap();
    assert_eq!((flag.text("/status"), flag.text("/period/end")), (Some("inactive"), Some("2026-02-20")));
}

#[test]
fn a_death_closes_the_episode_on_the_day_and_asks_for_bereavement_care() {
    let mut world = World::new();
    world.enrolled();
    world.today = "2026-02-01".into();
    assert_eq!(codes(&world.act(&on(Action::Death, "2026-02-02", "deceased")).unwrap_err()), ["date-range"]);
    assert_eq!(codes(&world.act(&on(Action::Death, "2026-01-14", "deceased")).unwrap_err()), ["date-range"]);
    world.act(&on(Action::Death, "2026-01-30", "deceased")).unwrap();
    assert_eq!(
        (world.state(), text(&world, "/status"), text(&world, "/period/end")),
        ("deceased", "finished", "2026-01-30")
    );
    let flag = world.resources.values().find(|one| one.ty().name() == "Flag").unwrap();
    assert_eq!((flag.text("/status"), flag.text("/period/end")), (Some("inactive"), Some("2026-01-30")));
    assert!(
        world.resources.values().any(|one| one.text("/code/coding/0/code") == Some("bereavement-follow-up"))
    );
    let of = |code: &str| {
        let found = world.resources.values().find(|one| one.text("/code/coding/0/code") == Some(code));
        found.map(|task| (task.text("/status").unwrap().to_owned(), task.value().clone()))
    };
    let (status, proposal) = of("record-death").unwrap();
    assert_eq!((status.as_str(), &proposal["focus"]["reference"]), ("requested", &json!("Patient/p")));
    assert_eq!(proposal["input"][0]["valueDateTime"], "2026-01-30");
    assert!(of("death-review").is_none(), "there is no other programme");
    assert!(
        world.resources["Patient/p"].get("deceasedDateTime").is_none(),
        "the Patient is another's to change"
    );
    let again = Referral { received: "2026-02-01".parse().unwrap(), ..referral() };
    assert_eq!(codes(&world.refer(&again).unwrap_err()), ["deceased"]);
    // a death that was a mistake takes its proposal along, and the person may be referred
    let void = Request { reasons: vec!["duplicate".into()], ..request(Action::Void) };
    world.act(&void).unwrap();
    let status = |world: &World| {
        let task =
            world.resources.values().find(|one| one.text("/code/coding/0/code") == Some("record-death"));
        task.unwrap().text("/status").unwrap().to_owned()
    };
    assert_eq!(status(&world), "cancelled");
    world.refer(&again).unwrap();
    // one who never started is cancelled
    let mut world = World::new();
    world.refer(&referral()).unwrap();
    world.act(&on(Action::Death, "2026-01-14", "deceased")).unwrap();
    assert_eq!((text(&world, "/status"), &task(&world)["status"]), ("cancelled", &json!("cancelled")));
}

#[test]
fn a_death_in_one_programme_is_seen_by_the_others() {
    let mut world = World::new();
    world.enrolled();
    let mut elsewhere = world.episode().value().clone();
    elsewhere["id"] = json!("elsewhere");
    for extension in elsewhere["extension"].as_array_mut().unwrap() {
        if extension["url"] == crate::palliative::vocabulary::PROGRAM_EXTENSION {
            extension["valueReference"]["reference"] = json!("HealthcareService/other");
        }
    }
    elsewhere["managingOrganization"] = json!({ "reference": "Organization/theirs" });
    world.put(elsewhere);
    world.set("Patient/p", "deceasedBoolean", json!(true));
    world.act(&on(Action::Death, "2026-01-15", "deceased")).unwrap();
    let tasks: Vec<_> = world.resources.values().filter(|one| one.ty().name() == "Task").collect();
    let review = tasks.iter().find(|one| one.text("/code/coding/0/code") == Some("death-review")).unwrap();
    assert_eq!(review.text("/focus/reference"), Some("EpisodeOfCare/elsewhere"));
    assert_eq!(review.text("/owner/reference"), Some("Organization/theirs"));
    assert!(
        tasks.iter().all(|one| one.text("/code/coding/0/code") != Some("record-death")),
        "it is recorded"
    );
    let other = &world.resources["EpisodeOfCare/elsewhere"];
    assert_eq!(state_of(other), Some(State::Enrolled), "t54: it ends only by a person's act");
    world.set("Patient/p", "deceasedBoolean", json!(false));
    let resume = Request { date: Some("2026-01-15".parse().unwrap()), ..request(Action::Resume) };
    let mut held = world.resources["EpisodeOfCare/elsewhere"].clone();
    for extension in held.object_mut()["extension"].as_array_mut().unwrap() {
        if extension["url"] == crate::palliative::vocabulary::STATE_EXTENSION {
            extension["valueCoding"]["code"] = json!("on-hold");
        }
    }
    let refused = world.with_case(&held, |case| {
        crate::palliative::enrollment::transition::decide(case, &resume, Beside::default())
    });
    assert!(codes(&refused.unwrap_err()).contains(&"deceased".to_owned()));
}
