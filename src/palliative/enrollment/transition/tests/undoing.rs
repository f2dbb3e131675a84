//! The undoing of an ending: whether it may be, and where it leads. <https://hl7.org/fhir/R4/episodeofcare.html>

use super::*;

#[test]
fn an_ending_is_undone_within_30_days_and_the_history_keeps_both() {
    let mut world = World::new();
    world.enrolled();
    world.act(&on(Action::Discharge, "2026-01-15", "moved-out-of-area")).unwrap();
    assert_eq!((world.state(), text(&world, "/period/end")), ("discharged", "2026-01-15"));
    let undo = Request { reasons: vec!["recorded-in-error".into()], ..request(Action::Undo) };
    world.today = "2026-02-15".into();
    assert_eq!(codes(&world.act(&undo).unwrap_err()), ["date-range"]);
    world.today = "2026-02-14".into();
    world.act(&undo).unwrap();
    assert_eq!(
        (world.state(), text(&world, "/status"), text(&world, "/period/end")),
        ("enrolled", "active", "(nothing)")
    );
    assert_eq!(world.episode().value()["statusHistory"].as_array().unwrap().len(), 7);
    assert!(extension_of(world.episode(), END_REASON_EXTENSION).is_none());
    let flag = world.resources.values().find(|one| one.ty().name() == "Flag").unwrap();
    assert_eq!((flag.text("/status"), flag.text("/period/end")), (Some("active"), None));
}

#[test]
fn a_later_episode_stands_in_the_way_of_undoing() {
    let mut world = World::new();
    world.enrolled();
    world.act(&on(Action::Discharge, "2026-01-15", "patient-request")).unwrap();
    let ended = world.episode().clone();
    world.refer(&referral()).unwrap();
    let undo = Request { reasons: vec!["recorded-in-error".into()], ..request(Action::Undo) };
    let refused = world.with_case(&ended, |case| {
        crate::palliative::enrollment::transition::decide(case, &undo, Beside::default())
    });
    assert_eq!(codes(&refused.unwrap_err()), ["already-open"]);
}

#[test]
fn an_undone_election_of_hospice_never_was() {
    let mut world = World::new();
    world.enrolled();
    world.act(&elected("2026-01-16")).unwrap();
    let undo = Request { reasons: vec!["recorded-in-error".into()], ..request(Action::Undo) };
    world.act(&undo).unwrap();
    assert_eq!((world.state(), text(&world, "/period/end")), ("enrolled", "(nothing)"));
    let election =
        world.resources.values().find(|one| one.text("/code/coding/0/code") == Some("hospice-election"));
    assert_eq!(election.unwrap().text("/status"), Some("entered-in-error"));
    world.act(&on(Action::Hold, "2026-01-15", "hold-travel")).unwrap();
    world.act(&Request { date: Some("2026-01-15".parse().unwrap()), ..request(Action::Resume) }).unwrap();
}

fn election(since: &str, end: Option<&str>) -> Value {
    let mut period = json!({ "start": since });
    if let Some(end) = end {
        period["end"] = json!(end);
    }
    json!({ "resourceType": "Flag", "id": "theirs", "status": if end.is_some() { "inactive" } else { "active" },
        "code": { "coding": [{ "system": FLAG_SYSTEM, "code": "hospice-election" }] },
        "subject": { "reference": "Patient/p" }, "period": period })
}

/// Discharged on 1 February, and on 10 February there is an election from elsewhere.
fn discharged_then_elected(since: &str, end: Option<&str>) -> World {
    let mut world = World::new();
    world.enrolled();
    world.today = "2026-02-01".into();
    world.act(&on(Action::Discharge, "2026-02-01", "patient-request")).unwrap();
    world.put(election(since, end));
    world.today = "2026-02-10".into();
    world
}

#[test]
fn undoing_puts_no_adult_into_the_programme_who_is_or_was_in_hospice_since() {
    for end in [None, Some("2026-02-08")] {
        let mut world = discharged_then_elected("2026-02-05", end);
        let refused = world.act(&undo()).unwrap_err();
        assert_eq!((refused.status(), codes(&refused)), (422, vec!["hospice-active".to_owned()]), "{end:?}");
        assert_eq!(world.state(), "discharged");
        world.set("Flag/theirs", "status", json!("entered-in-error"));
        world.act(&undo()).unwrap();
        assert_eq!(world.state(), "enrolled");
    }
    let mut before = discharged_then_elected("2026-01-20", Some("2026-01-25"));
    before.act(&undo()).unwrap();
    let mut child = discharged_then_elected("2026-02-05", None);
    child.set("Patient/p", "birthDate", json!("2010-01-01"));
    child.act(&undo()).unwrap();
}

#[test]
fn an_election_that_was_on_file_before_the_ending_outlasts_its_undoing() {
    let mut world = World::new();
    world.enrolled();
    world.put(election("2026-01-16", None));
    world.act(&elected("2026-01-16")).unwrap();
    assert_eq!(codes(&world.act(&undo()).unwrap_err()), ["hospice-active"]);
    // Nor does one that the same episode recorded earlier, while the person was below 21, fall with the ending.
    let mut world = World::new();
    world.program.hospice_policy = HospicePolicy::Concurrent;
    world.set("Patient/p", "birthDate", json!("2005-02-11"));
    world.enrolled();
    world.today = "2026-02-12".into();
    world.act(&elected("2026-02-10")).unwrap();
    assert_eq!(world.state(), "enrolled");
    world.act(&elected("2026-02-12")).unwrap();
    assert_eq!(world.state(), "hospice-elected");
    assert_eq!(codes(&world.act(&undo()).unwrap_err()), ["hospice-active"]);
}

#[test]
fn undoing_a_mistake_leads_back_to_an_ending_whatever_hospice_there_is() {
    let mut world = discharged_then_elected("2026-02-05", None);
    world.act(&Request { reasons: vec!["duplicate".into()], ..request(Action::Void) }).unwrap();
    world.act(&undo()).unwrap();
    assert_eq!(world.state(), "discharged");
}

#[test]
fn what_was_undone_is_not_undone_to_twice() {
    let mut world = World::new();
    world.enrolled();
    world.act(&on(Action::Discharge, "2026-01-15", "patient-request")).unwrap();
    world.act(&Request { reasons: vec!["duplicate".into()], ..request(Action::Void) }).unwrap();
    world.today = "2026-01-20".into();
    world.act(&undo()).unwrap();
    assert_eq!(world.state(), "discharged");
    let mut late = World::new();
    (late.resources, late.today) = (world.resources.clone(), "2026-02-15".into());
    // The thirty days count from the discharge, not from the day on which the voiding was undone.
    assert_eq!(codes(&late.act(&undo()).unwrap_err()), ["date-range"]);
    world.act(&undo()).unwrap();
    assert_eq!((world.state(), world.episode().text("/status")), ("enrolled", Some("active")));
    let history = world.episode().value()["statusHistory"].as_array().unwrap().len();
    assert_eq!(history, 9, "the history keeps every step");
    assert_eq!(world.act(&undo()).unwrap_err().status(), 409);
}

#[test]
fn a_death_that_was_a_mistake_is_taken_back_though_months_were_paid_and_others_followed() {
    let mut world = World::new();
    world.enrolled();
    let mut elsewhere = world.episode().value().clone();
    elsewhere["id"] = json!("elsewhere");
    for extension in elsewhere["extension"].as_array_mut().unwrap() {
        if extension["url"] == crate::palliative::vocabulary::PROGRAM_EXTENSION {
            extension["valueReference"]["reference"] = json!("HealthcareService/other");
        }
        if extension["url"] == crate::palliative::vocabulary::STATE_EXTENSION {
            extension["valueCoding"]["code"] = json!("deceased");
        }
    }
    world.act(&on(Action::Death, "2026-01-15", "deceased")).unwrap();
    world.put(elsewhere);
    let undo = Request { reasons: vec!["recorded-in-error".into()], ..request(Action::Undo) };
    world.set("Patient/p", "deceasedBoolean", json!(true));
    assert_eq!(codes(&world.act(&undo).unwrap_err()), ["deceased"], "the Patient says so itself");
    world.set("Patient/p", "deceasedBoolean", json!(false));
    let paid = Beside { paid_month: Some("2026-01"), ..Beside::default() };
    world.act_beside(&undo, paid).unwrap();
    assert_eq!((world.state(), text(&world, "/period/end")), ("enrolled", "(nothing)"));
    for code in ["bereavement-follow-up", "record-death"] {
        let task =
            world.resources.values().find(|one| one.text("/code/coding/0/code") == Some(code)).unwrap();
        assert_eq!(task.text("/status"), Some("cancelled"), "{code}");
    }
    // another ending is not undone for one of whom another programme says that they died
    world.act(&on(Action::Discharge, "2026-01-15", "patient-request")).unwrap();
    assert_eq!(codes(&world.act(&undo).unwrap_err()), ["deceased"]);
}

#[test]
fn an_ending_that_was_recorded_late_can_be_undone_for_thirty_days_from_then() {
    let late = |today: &str| {
        let mut world = World::new();
        world.enrolled();
        world.today = "2026-03-10".into();
        world.act(&on(Action::Death, "2026-01-20", "deceased")).unwrap();
        world.today = today.into();
        world.act(&undo()).map(|_| world.state())
    };
    assert_eq!(late("2026-03-10"), Ok("enrolled"));
    assert_eq!(late("2026-04-09"), Ok("enrolled"));
    assert_eq!(codes(&late("2026-04-10").unwrap_err()), ["date-range"]);
}

/// The person in a second programme too, as in the first.
fn in_two_programmes() -> World {
    let mut world = World::new();
    world.enrolled();
    let mut other = world.episode().value().clone();
    other["id"] = json!("elsewhere");
    for extension in other["extension"].as_array_mut().unwrap() {
        if extension["url"] == crate::palliative::vocabulary::PROGRAM_EXTENSION {
            extension["valueReference"]["reference"] = json!("HealthcareService/other");
        }
    }
    world.put(other);
    world
}

fn act_in(world: &mut World, program: &str, request: &Request) {
    let episode = world.episode_in(program).unwrap().clone();
    let decide = |case: &crate::palliative::enrollment::facts::Case| {
        crate::palliative::enrollment::transition::decide(case, request, Beside::default())
    };
    let decision = world.with_case(&episode, decide).unwrap();
    world.write(&decision);
}

fn reviews(world: &World) -> Vec<(String, bool)> {
    let all = world.resources.values().filter(|one| one.text("/code/coding/0/code") == Some("death-review"));
    let marked =
        |one: &Resource| extension_of(one, crate::palliative::vocabulary::CLOSED_EXTENSION).is_some();
    all.map(|one| (one.text("/status").unwrap().to_owned(), marked(one))).collect()
}

#[test]
fn two_deaths_that_were_mistakes_leave_nobody_to_look_at_either_once_both_are_taken_back() {
    let death = on(Action::Death, "2026-01-15", "deceased");
    let told = |status: &str, marked: bool| vec![(status.to_owned(), marked)];
    let mut world = in_two_programmes();
    act_in(&mut world, "prog", &death);
    assert_eq!(reviews(&world), told("requested", false));
    act_in(&mut world, "other", &death);
    assert_eq!(reviews(&world), told("cancelled", true));
    let mut first_stands = World::new();
    first_stands.resources = world.resources.clone();
    act_in(&mut world, "prog", &undo());
    act_in(&mut world, "other", &undo());
    assert_eq!(reviews(&world), told("cancelled", false), "nobody says any more that the person died");
    // While the first death stands, the second programme is asked again.
    act_in(&mut first_stands, "other", &undo());
    assert_eq!(reviews(&first_stands), told("requested", false));
    act_in(&mut first_stands, "prog", &undo());
    assert_eq!(reviews(&first_stands), told("cancelled", false));
}
