//! Which ServiceRequests may stand for a referral, and which of them a refusal revokes.
//! <https://hl7.org/fhir/R4/servicerequest.html>

use super::*;
use crate::palliative::enrollment::facts::name;
use crate::palliative::enrollment::request::Wanted;
use crate::palliative::vocabulary::SNOMED;

fn order(id: &str, patient: &str, code: &str) -> Value {
    json!({ "resourceType": "ServiceRequest", "id": id, "status": "active", "intent": "order",
        "code": { "coding": [{ "system": SNOMED, "code": code }] },
        "subject": { "reference": format!("Patient/{patient}") } })
}

fn with_orders() -> World {
    let mut world = World::new();
    world.put(order("blood", "p", "396550006"));
    world.put(order("theirs", "q", "306237005"));
    world.put(order("palliative", "p", "306237005"));
    world
}

fn naming(to: &str) -> Referral {
    Referral { service_request: Some(Wanted::Reference(to.into())), ..referral() }
}

#[test]
fn a_refusal_revokes_the_referrals_of_the_person_and_no_other_order_that_the_episode_names() {
    let mut world = with_orders();
    world.refer(&referral()).unwrap();
    world.refer(&naming("ServiceRequest/palliative")).unwrap();
    world.act(&determined(Outcome::Eligible)).unwrap();
    let episode = name(world.episode());
    let mut named = world.resources[&episode].value()["referralRequest"].clone();
    let drafted = named[0]["reference"].as_str().unwrap().to_owned();
    for other in ["ServiceRequest/blood", "ServiceRequest/theirs"] {
        named.as_array_mut().unwrap().push(json!({ "reference": other }));
    }
    world.set(&episode, "referralRequest", named);
    world.act(&on(Action::Decline, "2026-01-15", "declined-not-ready")).unwrap();
    let status = |name: &str| world.resources[name].text("/status").unwrap().to_owned();
    for (name, now) in [
        (drafted.as_str(), "revoked"),
        ("ServiceRequest/palliative", "revoked"),
        ("ServiceRequest/blood", "active"),
        ("ServiceRequest/theirs", "active"),
    ] {
        assert_eq!(status(name), now, "{name}");
    }
}

#[test]
fn what_is_sent_as_a_referral_is_known_as_one_and_revoked_as_one() {
    let mut world = World::new();
    let sent = Resource::from_value(order("ignored", "p", "396550006")).unwrap();
    let sent = Referral { service_request: Some(Wanted::New(sent)), ..referral() };
    world.refer(&sent).unwrap();
    world.act(&determined(Outcome::Eligible)).unwrap();
    world.act(&on(Action::Decline, "2026-01-15", "declined-not-ready")).unwrap();
    let stored = world.resources.values().find(|one| one.ty().name() == "ServiceRequest").unwrap();
    assert_eq!(stored.text("/status"), Some("revoked"));
    let mut wrong = referral();
    wrong.service_request = Some(Wanted::New(world.resources["CareTeam/team"].clone()));
    assert_eq!(World::new().refer(&wrong).unwrap_err().status(), 422);
}

#[test]
fn only_a_referral_to_palliative_care_of_the_person_may_be_named_as_one() {
    for (to, status) in [
        ("ServiceRequest/blood", 422),
        ("CareTeam/team", 422),
        ("ServiceRequest/theirs", 400),
        ("ServiceRequest/nothing", 400),
    ] {
        let mut world = with_orders();
        let refused = world.refer(&naming(to)).unwrap_err();
        assert_eq!((refused.status(), codes(&refused)), (status, vec!["bad-parameter".to_owned()]), "{to}");
        let at = "Parameters.parameter.where(name='serviceRequest')";
        assert_eq!(refused.issues[0].expression.as_deref(), Some(at), "{to}");
        assert!(world.episode_in("prog").is_none());
    }
    for code in ["306237005", "306288008", "713281006"] {
        let mut world = with_orders();
        world.put(order("palliative", "p", code));
        world.refer(&naming("ServiceRequest/palliative")).unwrap();
    }
}

#[test]
fn an_episode_that_names_a_version_of_the_patient_is_decided_upon_as_that_patients() {
    let mut world = World::new();
    world.refer(&referral()).unwrap();
    let episode = name(world.episode());
    world.set(&episode, "patient", json!({ "reference": "Patient/p/_history/3" }));
    assert_eq!(world.with_case(world.episode(), |case| case.patient().to_owned()), "Patient/p");
    world.act(&determined(Outcome::Eligible)).unwrap();
    world.act(&agreed()).unwrap();
    world.enroll(&wish()).unwrap();
    assert_eq!(world.state(), "enrolled");
}
