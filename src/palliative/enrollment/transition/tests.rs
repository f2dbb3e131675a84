//! Tests of the whole lifecycle: each transition on a patient in memory, every resource valid R4.

use serde_json::Value;
use serde_json::json;

use crate::fhir::outcome::Failure;
use crate::fhir::resource::Resource;
use crate::palliative::enrollment::drafts::Decision;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::facts::has_coding;
use crate::palliative::enrollment::facts::state_of;
use crate::palliative::enrollment::refer::Duplicate;
use crate::palliative::enrollment::refer::Referral;
use crate::palliative::enrollment::request::Hospice;
use crate::palliative::enrollment::request::Outreach;
use crate::palliative::enrollment::request::Request;
use crate::palliative::enrollment::state::State;
use crate::palliative::enrollment::table::Action;
use crate::palliative::enrollment::table::allowed;
use crate::palliative::enrollment::table::transition as row;
use crate::palliative::enrollment::tests::World;
use crate::palliative::enrollment::tests::agreed;
use crate::palliative::enrollment::tests::codes;
use crate::palliative::enrollment::tests::determined;
use crate::palliative::enrollment::tests::on;
use crate::palliative::enrollment::tests::programme;
use crate::palliative::enrollment::tests::referral;
use crate::palliative::enrollment::tests::request;
use crate::palliative::enrollment::tests::wish;
use crate::palliative::enrollment::transition::Beside;
use crate::palliative::program::HospicePolicy;
use crate::palliative::screening::Outcome;
use crate::palliative::vocabulary::END_REASON_EXTENSION;
use crate::palliative::vocabulary::ENROLLED_DAYS_EXTENSION;
use crate::palliative::vocabulary::EPISODE_EXTENSION;
use crate::palliative::vocabulary::EVIDENCE_EXTENSION;
use crate::palliative::vocabulary::FLAG_SYSTEM;
use crate::palliative::vocabulary::TASK_SYSTEM;

fn text<'a>(world: &'a World, pointer: &str) -> &'a str {
    world.episode().text(pointer).unwrap_or("(nothing)")
}

fn offered(date: &str) -> Request {
    let attempt = Outreach {
        method: "phone".into(),
        by: "Practitioner/dr".into(),
        date: date.parse().unwrap(),
        language: Some("es".into()),
        interpreter_used: Some(true),
    };
    Request { date: Some(attempt.date), outreach: vec![attempt], ..request(Action::Offer) }
}

fn elected(date: &str) -> Request {
    let election =
        Hospice { date: date.parse().unwrap(), organization: Some("Organization/h".into()), document: None };
    Request { date: Some(election.date), hospice: Some(election), ..request(Action::HospiceElect) }
}

fn task(world: &World) -> &Value {
    let task =
        world.resources.values().find(|one| one.ty().name() == "Task" && one.get("businessStatus").is_some());
    task.expect("the enrolment's task").value()
}

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
            .any(|one| one.text("/code/coding/0/code") == Some("concurrent-care-review"));
        assert!(flag);
        assert_eq!(review, state == "enrolled");
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
    // one who never started is cancelled
    let mut world = World::new();
    world.refer(&referral()).unwrap();
    world.act(&on(Action::Death, "2026-01-14", "deceased")).unwrap();
    assert_eq!((text(&world, "/status"), &task(&world)["status"]), ("cancelled", &json!("cancelled")));
}

#[test]
fn an_offer_may_be_repeated_until_the_attempts_are_used_up_and_then_lapses() {
    let mut world = World::new();
    world.refer(&referral()).unwrap();
    world.act(&determined(Outcome::Eligible)).unwrap();
    let lapse = Request { reasons: vec!["unable-to-contact".into()], ..request(Action::Lapse) };
    world.act(&offered("2026-01-13")).unwrap();
    assert_eq!(codes(&world.act(&lapse).unwrap_err()), ["attempts"], "one attempt is not enough");
    world.act(&offered("2026-01-14")).unwrap();
    world.act(&offered("2026-01-15")).unwrap();
    assert_eq!(codes(&world.act(&offered("2026-01-15")).unwrap_err()), ["attempts"]);
    world.act(&lapse).unwrap();
    assert_eq!(
        (world.state(), text(&world, "/status"), &task(&world)["status"]),
        ("lapsed", "cancelled", &json!("failed"))
    );
}

#[test]
fn an_unanswered_offer_lapses_when_it_has_expired() {
    let mut world = World::new();
    world.refer(&referral()).unwrap();
    world.act(&determined(Outcome::Eligible)).unwrap();
    world.act(&offered("2026-01-15")).unwrap();
    let lapse = Request { reasons: vec!["offer-expired".into()], ..request(Action::Lapse) };
    world.today = "2026-02-14".into();
    assert_eq!(codes(&world.act(&lapse).unwrap_err()), ["attempts"], "the last day of the offer");
    world.today = "2026-02-15".into();
    world.act(&lapse).unwrap();
    assert_eq!(world.state(), "lapsed");
}

#[test]
fn a_screening_that_does_not_admit_closes_the_episode_and_one_without_data_leaves_it() {
    let mut world = World::new();
    world.refer(&referral()).unwrap();
    world.act(&request(Action::Screen)).unwrap();
    let unsettled = world.act(&determined(Outcome::Indeterminate)).unwrap_err();
    assert_eq!((unsettled.status(), codes(&unsettled)), (422, vec!["indeterminate".to_owned()]));
    assert!(unsettled.issues[0].text.contains("attestation"), "it says what is missing");
    assert_eq!(world.state(), "screening");
    world.act(&determined(Outcome::Excluded)).unwrap();
    assert_eq!(
        (world.state(), text(&world, "/status"), &task(&world)["status"]),
        ("not-eligible", "cancelled", &json!("rejected"))
    );
    assert_eq!(task(&world)["statusReason"]["coding"][0]["code"], "not-eligible-hospice");
    assert_eq!(
        extension_of(world.episode(), END_REASON_EXTENSION).unwrap()["valueCodeableConcept"]["coding"][0]["code"],
        "not-eligible-hospice"
    );
}

#[test]
fn a_refusal_revokes_the_referral_and_leaves_room_for_another() {
    let mut world = World::new();
    world.refer(&referral()).unwrap();
    world.act(&determined(Outcome::Eligible)).unwrap();
    world.act(&on(Action::Decline, "2026-01-15", "declined-not-ready")).unwrap();
    assert_eq!(world.state(), "declined");
    assert!(
        world
            .resources
            .values()
            .filter(|one| one.ty().name() == "ServiceRequest")
            .all(|one| one.text("/status") == Some("revoked"))
    );
    world.refer(&referral()).unwrap();
    assert_eq!(world.resources.values().filter(|one| one.ty().name() == "EpisodeOfCare").count(), 2);
}

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
fn only_a_director_voids_and_undoes_and_a_patient_does_only_what_is_theirs() {
    let mut world = World::new();
    world.refer(&referral()).unwrap();
    world.actor.roles.clear();
    let void = Request { reasons: vec!["wrong-patient".into()], ..request(Action::Void) };
    assert_eq!(world.act(&void).unwrap_err().status(), 403);
    world.actor.side = crate::palliative::enrollment::facts::Side::Patient;
    assert_eq!(world.act(&request(Action::Screen)).unwrap_err().status(), 403);
    world.actor.side = crate::palliative::enrollment::facts::Side::Team;
    world.act(&determined(Outcome::Eligible)).unwrap();
    world.actor.side = crate::palliative::enrollment::facts::Side::Patient;
    world.act(&agreed()).unwrap();
    world.actor.roles.push("program-director".into());
    world.actor.side = crate::palliative::enrollment::facts::Side::Team;
    world.act(&void).unwrap();
    assert_eq!(
        (world.state(), text(&world, "/status"), &task(&world)["status"]),
        ("entered-in-error", "entered-in-error", &json!("entered-in-error"))
    );
}

#[test]
fn missing_inputs_are_all_named() {
    let mut world = World::new();
    world.enrolled();
    let refused = world.act(&request(Action::Discharge)).unwrap_err();
    assert_eq!((refused.status(), codes(&refused)), (400, vec!["missing-parameter".to_owned(); 3]));
    let wrong = world.act(&on(Action::Discharge, "2026-01-15", "hold-travel")).unwrap_err();
    assert_eq!((wrong.status(), codes(&wrong)), (400, vec!["bad-parameter".to_owned()]));
}

#[test]
fn every_pair_that_the_table_does_not_list_is_refused_whatever_else_is_given() {
    let mut world = World::new();
    world.refer(&referral()).unwrap();
    let name = crate::palliative::enrollment::facts::name(world.episode());
    for state in State::all() {
        let mut episode = world.resources[&name].value().clone();
        episode["extension"][0]["valueCoding"]["code"] = state.code().into();
        world.resources.insert(name.clone(), crate::palliative::enrollment::tests::resource(episode));
        for action in Action::all().filter(|action| !matches!(action, Action::Refer | Action::Enroll)) {
            let result = world.with_case(world.episode(), |case| {
                crate::palliative::enrollment::transition::decide(case, &request(action), Beside::default())
            });
            is_refused_as_the_table_says(result, state, action);
        }
        let late = crate::palliative::enrollment::enroll::Enrollment {
            start: "2026-01-20".parse().unwrap(),
            ..wish()
        };
        let result = world
            .with_case(world.episode(), |case| crate::palliative::enrollment::enroll::decide(case, &late));
        is_refused_as_the_table_says(result, state, Action::Enroll);
    }
}

/// 409 with all that would be possible, just where the table has no row.
fn is_refused_as_the_table_says(result: Result<Decision, Failure>, state: State, action: Action) {
    let refused = result.err().filter(|failure| codes(failure) == ["invalid-transition"]);
    let pair = format!("{} {}", state.code(), action.code());
    assert_eq!(refused.is_some(), row(state, action).is_none(), "{pair}");
    let Some(failure) = refused else { return };
    assert_eq!((failure.status(), failure.issues.len()), (409, 1), "{pair}");
    let named: Vec<&str> =
        failure.issues[0].extension.iter().map(|one| one["valueCode"].as_str().unwrap()).collect();
    let possible: Vec<&str> = allowed(state).into_iter().map(Action::code).collect();
    assert_eq!(named, possible, "{pair}");
    let diagnostics = format!("allowed: {}", possible.join(", "));
    assert_eq!(failure.issues[0].diagnostics.as_deref(), Some(diagnostics.as_str()), "{pair}");
}

#[test]
fn a_full_programme_keeps_a_waiting_list_and_one_with_room_does_not() {
    let mut world = World::new();
    world.program.capacity = Some(2);
    world.consented();
    let beside = |enrolled| Beside { target: None, enrolled: Some(enrolled), paid_month: None };
    assert_eq!(codes(&world.act_beside(&request(Action::Waitlist), beside(1)).unwrap_err()), ["capacity"]);
    world.act_beside(&request(Action::Waitlist), beside(2)).unwrap();
    assert_eq!((world.state(), text(&world, "/status")), ("waitlisted", "waitlist"));
    world.enroll(&wish()).unwrap();
    assert_eq!(world.state(), "enrolled");
}

#[test]
fn a_graduation_asks_the_medical_home_to_follow_up() {
    let mut world = World::new();
    world.enrolled();
    world.act(&on(Action::Graduate, "2026-01-20", "graduated-improved")).unwrap();
    assert_eq!((world.state(), text(&world, "/period/end")), ("graduated", "2026-01-20"));
    assert!(world.resources.values().any(|one| one.text("/code/coding/0/code") == Some("pcmh-follow-up")));
}

#[test]
fn one_who_died_or_is_in_hospice_is_not_resumed() {
    let mut world = World::new();
    world.enrolled();
    world.act(&on(Action::Hold, "2026-01-15", "hold-travel")).unwrap();
    let resume = Request { date: Some("2026-01-15".parse().unwrap()), ..request(Action::Resume) };
    world.set("Patient/p", "deceasedBoolean", json!(true));
    assert_eq!(codes(&world.act(&resume).unwrap_err()), ["deceased"]);
    world.set("Patient/p", "deceasedBoolean", json!(false));
    world.put(json!({ "resourceType": "Flag", "id": "f", "status": "active", "subject": { "reference": "Patient/p" },
        "code": { "coding": [{ "system": FLAG_SYSTEM, "code": "hospice-election" }] }, "period": { "start": "2026-01-10" } }));
    assert_eq!(codes(&world.act(&resume).unwrap_err()), ["hospice-active"]);
    world.resources.remove("Flag/f");
    let early = Request { date: Some("2026-01-14".parse().unwrap()), ..request(Action::Resume) };
    assert_eq!(codes(&world.act(&early).unwrap_err()), ["date-range"], "before the pause began");
    world.act(&resume).unwrap();
}

#[test]
fn an_agreement_is_on_file_and_valid_or_the_person_has_not_agreed() {
    let mut world = World::new();
    world.refer(&referral()).unwrap();
    world.act(&determined(Outcome::Eligible)).unwrap();
    let unknown = Request { consent: Some("Consent/none".into()), ..agreed() };
    assert_eq!(codes(&world.act(&unknown).unwrap_err()), ["consent-missing"]);
    world.set("Consent/con", "status", json!("inactive"));
    assert_eq!(codes(&world.act(&agreed()).unwrap_err()), ["consent-invalid"]);
    assert_eq!(world.state(), "eligible");
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
fn an_enrolment_does_not_overlap_an_earlier_one_in_the_same_programme() {
    let mut world = World::new();
    world.enrolled();
    world.act(&on(Action::Discharge, "2026-01-25", "patient-request")).unwrap();
    let first = crate::palliative::enrollment::facts::name(world.episode());
    world.refer(&referral()).unwrap();
    let name = |world: &World| {
        let mut all = world
            .resources
            .iter()
            .filter(|(name, one)| one.ty().name() == "EpisodeOfCare" && **name != first);
        all.next().unwrap().1.clone()
    };
    for one in [determined(Outcome::Eligible), agreed()] {
        let decision = world.with_case(&name(&world), |case| {
            crate::palliative::enrollment::transition::decide(case, &one, Beside::default())
        });
        world.write(&decision.unwrap());
    }
    for (start, ok) in [("2026-01-15", false), ("2026-01-25", false), ("2026-01-26", true)] {
        let wish =
            crate::palliative::enrollment::enroll::Enrollment { start: start.parse().unwrap(), ..wish() };
        let result =
            world.with_case(&name(&world), |case| crate::palliative::enrollment::enroll::decide(case, &wish));
        assert_eq!(
            result.map(|_| ()).map_err(|failure| codes(&failure)),
            if ok { Ok(()) } else { Err(vec!["date-range".to_owned()]) },
            "{start}"
        );
    }
}

#[test]
fn the_screening_that_a_person_is_taken_up_for_is_recorded() {
    let mut world = World::new();
    world.refer(&referral()).unwrap();
    let made = json!({ "resourceType": "GuidanceResponse", "status": "data-required", "moduleUri": "urn:m",
        "subject": { "reference": "Patient/p" } });
    let made = crate::palliative::enrollment::tests::resource(made);
    let decision = world.act(&Request { guidance: Some(made), ..request(Action::Screen) }).unwrap();
    assert_eq!(decision.first("GuidanceResponse").unwrap().text("/status"), Some("data-required"));
    assert_eq!(world.state(), "screening");
}

fn undo() -> Request {
    Request { reasons: vec!["recorded-in-error".into()], ..request(Action::Undo) }
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

fn about(world: &World, id: &str, status: &str) -> Value {
    let episode = crate::palliative::enrollment::facts::name(world.episode());
    json!({ "resourceType": "Task", "id": id, "status": status, "intent": "order",
        "code": { "coding": [{ "system": TASK_SYSTEM, "code": "outreach" }] },
        "focus": { "reference": episode }, "for": { "reference": "Patient/p" } })
}

/// Enrolled, with a plan that pauses, and with tasks.
fn with_work() -> World {
    let mut world = World::new();
    world.enrolled();
    let episode = crate::palliative::enrollment::facts::name(world.episode());
    world.put(json!({ "resourceType": "CarePlan", "id": "plan", "status": "on-hold", "intent": "plan",
        "subject": { "reference": "Patient/p" },
        "extension": [{ "url": EPISODE_EXTENSION, "valueReference": { "reference": episode } }] }));
    for (id, status) in [("a", "accepted"), ("b", "ready"), ("c", "completed")] {
        world.put(about(&world, id, status));
    }
    world
}

fn statuses<const N: usize>(world: &World, names: [&str; N]) -> [String; N] {
    names.map(|name| world.resources[name].text("/status").unwrap().to_owned())
}

const WORK: [&str; 4] = ["CarePlan/plan", "Task/a", "Task/b", "Task/c"];

#[test]
fn undoing_opens_again_just_what_the_ending_closed_and_nobody_has_changed_since() {
    let mut world = with_work();
    let before = world.resources["CarePlan/plan"].clone();
    world.act(&on(Action::Discharge, "2026-01-15", "patient-request")).unwrap();
    assert_eq!(statuses(&world, WORK), ["completed", "cancelled", "cancelled", "completed"]);
    // Somebody looked at one of the tasks and agreed that it is not to be done.
    world.set("Task/b", "description", json!("No longer wished for."));
    world.set("Task/b", "meta", json!({ "versionId": "3" }));
    world.act(&undo()).unwrap();
    assert_eq!(statuses(&world, WORK), ["on-hold", "accepted", "cancelled", "completed"]);
    let after = &world.resources["CarePlan/plan"];
    assert_eq!(after.get("extension"), before.get("extension"), "the mark goes");
    assert_eq!(world.resources["Task/a"].get("extension"), None);
    // The same once more: an old mark is none of the new ending.
    world.act(&on(Action::Graduate, "2026-01-15", "graduated-improved")).unwrap();
    world.act(&undo()).unwrap();
    assert_eq!(statuses(&world, WORK), ["on-hold", "accepted", "cancelled", "completed"]);
}

#[test]
fn undoing_a_refusal_makes_the_referral_active_again() {
    let mut world = World::new();
    world.refer(&referral()).unwrap();
    world.act(&determined(Outcome::Eligible)).unwrap();
    world.act(&on(Action::Decline, "2026-01-15", "declined-not-ready")).unwrap();
    world.act(&undo()).unwrap();
    assert_eq!(world.state(), "eligible");
    let requests: Vec<_> =
        world.resources.values().filter(|one| one.ty().name() == "ServiceRequest").collect();
    assert_eq!(requests.iter().map(|one| one.text("/status").unwrap()).collect::<Vec<_>>(), ["active"]);
}

#[test]
fn undoing_a_mistake_leaves_closed_what_the_ending_before_it_had_closed() {
    let mut world = with_work();
    world.act(&on(Action::Discharge, "2026-01-15", "patient-request")).unwrap();
    world.put(about(&world, "later", "requested"));
    world.act(&Request { reasons: vec!["duplicate".into()], ..request(Action::Void) }).unwrap();
    assert_eq!(statuses(&world, ["Task/later", "CareTeam/team"]), ["cancelled", "active"]);
    world.act(&undo()).unwrap();
    assert_eq!(statuses(&world, WORK), ["completed", "cancelled", "cancelled", "completed"]);
    assert_eq!(statuses(&world, ["Task/later"]), ["requested"]);
}

#[test]
fn a_mark_brings_back_only_a_status_that_an_ending_closes() {
    let mut world = with_work();
    world.act(&on(Action::Discharge, "2026-01-15", "patient-request")).unwrap();
    for (id, forged) in [("a", "completed"), ("b", "anything")] {
        let mut task = world.resources[&format!("Task/{id}")].value().clone();
        task["extension"][0]["extension"][2]["valueCode"] = json!(forged);
        world.set(&format!("Task/{id}"), "extension", task["extension"].clone());
    }
    world.act(&undo()).unwrap();
    assert_eq!(statuses(&world, WORK), ["on-hold", "cancelled", "cancelled", "completed"]);
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
fn an_undone_graduation_leaves_nothing_to_follow_up() {
    let mut world = World::new();
    world.enrolled();
    let graduate = on(Action::Graduate, "2026-01-15", "graduated-improved");
    let open = |world: &World| {
        let is_open = |one: &&Resource| {
            has_coding(one.get("code"), TASK_SYSTEM, "pcmh-follow-up")
                && one.text("/status") == Some("requested")
        };
        world.resources.values().filter(is_open).count()
    };
    world.act(&graduate).unwrap();
    assert_eq!(open(&world), 1);
    world.act(&undo()).unwrap();
    assert_eq!((world.state(), open(&world)), ("enrolled", 0));
    world.act(&graduate).unwrap();
    assert_eq!(open(&world), 1, "a later graduation asks anew");
    world.act(&Request { reasons: vec!["duplicate".into()], ..request(Action::Void) }).unwrap();
    assert_eq!(open(&world), 0);
    world.act(&undo()).unwrap();
    assert_eq!((world.state(), open(&world)), ("graduated", 1), "the graduation holds again");
}
