//! Offers, answers, waiting and screening before the service starts. <https://hl7.org/fhir/R4/episodeofcare.html>

use super::*;

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
    let mut excluded = determined(Outcome::Excluded);
    excluded.evidence.as_mut().unwrap().outside = Some(Outside::Hospice);
    world.act(&excluded).unwrap();
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
fn why_somebody_is_not_eligible_is_what_the_screening_says_of_it() {
    for (outcome, outside, expected) in [
        (Outcome::NotEligible, None, "not-eligible-criteria"),
        (Outcome::NotEligible, Some(Outside::Age), "not-eligible-age"),
        (Outcome::NotEligible, Some(Outside::Coverage), "not-eligible-coverage"),
        (Outcome::Excluded, None, "not-eligible-criteria"),
        (Outcome::Excluded, Some(Outside::Hospice), "not-eligible-hospice"),
    ] {
        let mut world = World::new();
        world.refer(&referral()).unwrap();
        world.act(&request(Action::Screen)).unwrap();
        let mut asked = determined(outcome);
        asked.evidence.as_mut().unwrap().outside = outside;
        world.act(&asked).unwrap();
        assert_eq!(task(&world)["statusReason"]["coding"][0]["code"], expected);
    }
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
