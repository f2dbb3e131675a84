//! Adults whose payer lets them be in hospice and in the programme at once. <https://hl7.org/fhir/R4/coverage.html>

use super::*;

const PAYMENT_TYPOLOGY: &str = "https://nahdo.org/sopt";

fn paid_by(id: &str, code: &str) -> Value {
    json!({ "resourceType": "Coverage", "id": id, "status": "active",
        "type": { "coding": [{ "system": PAYMENT_TYPOLOGY, "code": code }] },
        "beneficiary": { "reference": "Patient/p" }, "payor": [{ "reference": "Organization/plan" }],
        "period": { "start": "2025-01-01" } })
}

/// An adult in a programme that serves veterans beside hospice, or would if its setting said so.
fn veteran(policy: HospicePolicy, lines: &[&str]) -> World {
    let mut world = World::new();
    world.program.hospice_policy = policy;
    world.program.concurrent_lines = lines.iter().map(|line| (*line).to_owned()).collect();
    world.program.lines_of_business.clear();
    world.put(paid_by("cov", "32"));
    world
}

fn open_election(from: &str) -> Value {
    json!({ "resourceType": "Flag", "id": "elsewhere", "status": "active", "subject": { "reference": "Patient/p" },
        "code": { "coding": [{ "system": FLAG_SYSTEM, "code": "hospice-election" }] }, "period": { "start": from } })
}

#[test]
fn an_adult_goes_on_beside_hospice_where_the_programme_names_the_payer_of_the_day() {
    let ended = |other: Value, period: Value| {
        let mut other = other;
        other["period"] = period;
        other
    };
    let veterans = ["va-dod-ihs"];
    for (policy, lines, beside, state) in [
        (HospicePolicy::Concurrent, &veterans[..], None, "enrolled"),
        (HospicePolicy::Concurrent, &[], None, "hospice-elected"),
        (HospicePolicy::Concurrent, &["commercial"], None, "hospice-elected"),
        (HospicePolicy::End, &veterans, None, "hospice-elected"),
        (HospicePolicy::Concurrent, &veterans, Some(paid_by("more", "111")), "enrolled"),
        (HospicePolicy::Concurrent, &veterans, Some(paid_by("more", "211")), "hospice-elected"),
        (HospicePolicy::Concurrent, &veterans, Some(paid_by("more", "14")), "hospice-elected"),
        (
            HospicePolicy::Concurrent,
            &veterans,
            Some(ended(paid_by("more", "211"), json!({ "start": "2025-01-01", "end": "2026-02-09" }))),
            "enrolled",
        ),
        (
            HospicePolicy::Concurrent,
            &veterans,
            Some(ended(paid_by("cov", "32"), json!({ "start": "2025-01-01", "end": "2026-02-09" }))),
            "hospice-elected",
        ),
    ] {
        let mut world = veteran(policy, lines);
        world.enrolled();
        world.today = "2026-02-10".into();
        if let Some(beside) = beside.clone() {
            world.put(beside);
        }
        world.act(&elected("2026-02-10")).unwrap();
        assert_eq!(world.state(), state, "{policy:?} {lines:?} {beside:?}");
        let of = |code: &'static str| {
            world.resources.values().filter(move |one| one.text("/code/coding/0/code") == Some(code)).count()
        };
        assert_eq!(
            (of("hospice-election"), of("concurrent-care-review")),
            (1, usize::from(state == "enrolled"))
        );
        assert!(world.act(&elected("2026-02-10")).unwrap().drafts.is_empty(), "again changes nothing");
    }
}

#[test]
fn an_adult_in_hospice_is_enrolled_and_resumed_only_where_the_payer_allows_it() {
    for (lines, free) in [(&["va-dod-ihs"][..], true), (&[], false)] {
        let mut world = veteran(HospicePolicy::Concurrent, lines);
        world.consented();
        world.put(open_election("2026-01-10"));
        let enrolled = world.enroll(&wish());
        assert_eq!(enrolled.as_ref().err().map(codes), (!free).then(|| vec!["hospice-active".to_owned()]));
        let mut world = veteran(HospicePolicy::Concurrent, lines);
        world.enrolled();
        world.act(&on(Action::Hold, "2026-01-15", "hold-travel")).unwrap();
        world.put(open_election("2026-01-10"));
        let resume = Request { date: Some("2026-01-15".parse().unwrap()), ..request(Action::Resume) };
        let resumed = world.act(&resume);
        assert_eq!(resumed.err().as_ref().map(codes), (!free).then(|| vec!["hospice-active".to_owned()]));
    }
}
