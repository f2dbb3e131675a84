//! Where general practitioners work, and whether that is a medical home on the day.

use super::cases::Shared;
use super::cases::shared;
use super::*;

fn reference(to: &str) -> Value {
    json!({ "reference": to })
}

/// A general practitioner: the organization `home` itself.
pub(super) fn general_practitioner() -> Value {
    json!({ "generalPractitioner": [reference("Organization/home")] })
}

/// That organization, with a recognition of this status.
pub(super) fn medical_home(status: &str) -> Value {
    recognised(json!([{ "url": "status", "valueCode": status }]))
}

fn recognised(parts: Value) -> Value {
    json!({ "resourceType": "Organization", "id": "home", "extension": [{ "extension": parts,
        "url": crate::palliative::vocabulary::RECOGNITION_EXTENSION }] })
}

fn of(named: &str) -> Value {
    with(patient("1955-01-01"), json!({ "generalPractitioner": [reference(named)] }))
}

fn role(more: Value) -> Value {
    let role = json!({ "resourceType": "PractitionerRole", "id": "role",
        "practitioner": reference("Practitioner/d"), "organization": reference("Organization/home") });
    with(role, more)
}

/// The criterion with facts for it, against it and that do not tell.
pub(super) fn cases() -> Vec<Shared> {
    let at = |site: Value| vec![of("Organization/home"), site];
    vec![shared("medical-home", at(medical_home("achieved")), at(medical_home("expired")), vec![])]
}

fn found(facts: &[Value]) -> Finding {
    let set = one_rule(json!([kind("medicalHome")])).unwrap();
    let record = record(facts);
    let situation =
        Situation { record: &record, as_of: date(AS_OF), attestation_valid_days: 90, lines_of_business: &[] };
    finding(&set.screen(&situation), "c")
}

#[test]
fn who_is_named_leads_to_a_place_by_itself_or_by_roles_that_are_held() {
    let home = || medical_home("in-process");
    let ended = json!({ "period": { "end": "2025-11-30" } });
    for (named, facts, expected) in [
        ("Organization/home", vec![home()], State::Met),
        ("https://here.example/fhir/Organization/home/_history/2", vec![home()], State::Met),
        ("urn:uuid:home", vec![home()], State::Met),
        ("PractitionerRole/role", vec![home(), role(json!({}))], State::Met),
        ("Practitioner/d", vec![home(), role(json!({}))], State::Met),
        // who has left works elsewhere, which nobody has written down
        ("Practitioner/d", vec![home(), role(ended.clone())], State::Unknown),
        ("PractitionerRole/role", vec![home(), role(json!({ "active": false }))], State::Unknown),
        ("Practitioner/d", vec![home(), role(json!({ "period": { "start": "soon" } }))], State::Unknown),
        (
            "Practitioner/d",
            vec![home(), role(json!({ "organization": { "display": "Home" } }))],
            State::Unknown,
        ),
        ("Practitioner/other", vec![home(), role(json!({}))], State::Unknown),
        ("Practitioner/home", vec![home()], State::Unknown),
        ("Organization/other", vec![home()], State::Unknown),
        ("#home", vec![], State::Unknown),
        // a place that is none of ours is none of ours on every day
        ("Organization/home", vec![with(home(), json!({ "active": false }))], State::NotMet),
        ("Organization/home", vec![json!({ "resourceType": "Organization", "id": "home" })], State::NotMet),
    ] {
        let facts = [vec![of(named)], facts].concat();
        assert_eq!(found(&facts).state, expected, "{facts:?}");
    }
    assert_eq!(found(&[patient("1955-01-01")]).missing, ["the patient's general practitioner"]);
    let told = found(&[of("Practitioner/d")]);
    assert_eq!(
        (told.state, told.missing),
        (State::Unknown, vec!["the place where Practitioner/d works".into()])
    );
}

#[test]
fn any_of_several_is_enough_and_what_is_told_are_the_places_that_tell() {
    let both = |second: &str| {
        let named = [reference("Organization/clinic"), reference(second)];
        with(patient("1955-01-01"), json!({ "generalPractitioner": named }))
    };
    let clinic = || json!({ "resourceType": "Organization", "id": "clinic" });
    let all = [both("Practitioner/d"), clinic(), medical_home("achieved"), role(json!({}))];
    let told = found(&all);
    assert_eq!(
        (told.state, told.evidence),
        (State::Met, vec!["Organization/home".into(), "PractitionerRole/role".into()])
    );
    let told = found(&all[..2]);
    assert_eq!((told.state, told.evidence.len()), (State::Unknown, 0));
    let told = found(&[both("Organization/home"), clinic(), medical_home("expired")]);
    assert_eq!((told.state, told.evidence.len()), (State::NotMet, 2));
}

#[test]
fn a_recognition_and_a_role_hold_on_their_days_and_it_is_told_when_that_changes() {
    let at = |site: Value, roles: Vec<Value>| {
        let named = if roles.is_empty() { "Organization/home" } else { "Practitioner/d" };
        let told = found(&[vec![of(named), site], roles].concat());
        (told.state, told.changes.into_iter().next().map(|day| day.to_string()))
    };
    let in_days = |period: Value| {
        recognised(
            json!([{ "url": "status", "valueCode": "achieved" }, { "url": "period", "valuePeriod": period }]),
        )
    };
    let day = |text: &str| Some(text.to_owned());
    assert_eq!(at(in_days(json!({ "end": "2025-12-01" })), vec![]), (State::Met, day("2025-12-02")));
    assert_eq!(at(in_days(json!({ "end": "2025-11-30" })), vec![]), (State::NotMet, None));
    assert_eq!(at(in_days(json!({ "start": "2025-12-02" })), vec![]), (State::NotMet, day("2025-12-02")));
    assert_eq!(at(in_days(json!({ "start": "2026" })), vec![]), (State::NotMet, day("2026-01-01")));
    let held = |period: Value| vec![role(json!({ "period": period }))];
    let home = || medical_home("achieved");
    assert_eq!(at(home(), held(json!({ "end": "2025-12-31" }))), (State::Met, day("2026-01-01")));
    assert_eq!(at(home(), held(json!({ "start": "2025-12-24" }))), (State::Unknown, day("2025-12-24")));
}
