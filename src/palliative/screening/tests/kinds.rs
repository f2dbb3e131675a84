//! Each kind of criterion with a case for, a case against and one that does not tell.

use super::*;
use crate::palliative::record::CLAIMS_EXTENSION;

/// A rule, and facts under which it is met, not met and unknown.
pub(super) struct Kind {
    pub(super) rule: Value,
    pub(super) met: Vec<Vec<Value>>,
    pub(super) not_met: Vec<Vec<Value>>,
    pub(super) unknown: Vec<Vec<Value>>,
}

pub(super) fn check(kind: Kind) {
    for (cases, state) in
        [(&kind.met, State::Met), (&kind.not_met, State::NotMet), (&kind.unknown, State::Unknown)]
    {
        for (at, facts) in cases.iter().enumerate() {
            assert_eq!(state_of(kind.rule.clone(), facts), state, "case {at} of {state:?}: {}", kind.rule);
        }
    }
}

fn with_claims(from: &str) -> Value {
    let feed = json!([{ "url": CLAIMS_EXTENSION, "valuePeriod": { "start": from } }]);
    with(patient("1955-01-01"), json!({ "extension": feed }))
}

/// A resource about a condition's code, which stands for any code that a value set can hold.
fn coded(ty: &str, status: &str, code: &str, more: Value) -> Value {
    let concept = json!({ "coding": [{ "system": ICD, "code": code }] });
    let element = match ty {
        "DeviceRequest" => "codeCodeableConcept",
        "MedicationStatement" => "medicationCodeableConcept",
        "DocumentReference" => "type",
        _ => "code",
    };
    with(
        json!({ "resourceType": ty, "status": status, element: concept, "subject": { "reference": "Patient/p" } }),
        more,
    )
}

pub(super) fn rule(name: &str, more: Value) -> Value {
    let mut rule = vec![kind(name)];
    rule.extend(more.as_array().unwrap().clone());
    Value::Array(rule)
}

fn copd() -> Value {
    value_set("valueSet", "vs-copd")
}

#[test]
fn procedures_are_counted_as_far_as_claims_tell() {
    let done =
        |status: &str, date: &str| coded("Procedure", status, "J44.9", json!({ "performedDateTime": date }));
    let two = || vec![done("completed", "2025-11-01"), done("completed", "2025-10-01")];
    let with_patient = |mut facts: Vec<Value>, from: &str| {
        facts.push(with_claims(from));
        facts
    };
    check(Kind {
        rule: rule("procedureCount", json!([copd(), days("windowDays", 90), days("min", 2)])),
        met: vec![two(), vec![done("completed", "2025-09-02"), done("in-progress", "2025-12-01")]],
        not_met: vec![
            with_patient(vec![], "2020-01-01"),
            with_patient(vec![done("completed", "2025-11-01")], "2025-09-02"),
            with_patient(vec![done("completed", "2025-11-01"), done("not-done", "2025-11-02")], "2020-01-01"),
            with_patient(
                vec![done("completed", "2025-11-01"), done("completed", "2025-09-01")],
                "2020-01-01",
            ),
            with_patient(
                vec![done("completed", "2025-11-01"), done("completed", "2025-12-02")],
                "2020-01-01",
            ),
        ],
        unknown: vec![
            vec![],
            vec![done("completed", "2025-11-01"), with_feed()],
            with_patient(vec![done("completed", "2025-11-01")], "2025-09-03"),
            with_patient(vec![done("completed", "2025-11-01"), done("unknown", "2025-11-02")], "2020-01-01"),
            with_patient(vec![done("completed", "2025-11-01"), done("completed", "2025")], "2020-01-01"),
        ],
    });
}

#[test]
fn a_device_is_in_use_while_its_order_or_its_use_stands() {
    let ordered = |status: &str, more: Value| {
        coded(
            "DeviceRequest",
            status,
            "J44.9",
            with(json!({ "intent": "order", "authoredOn": "2025-01-01" }), more),
        )
    };
    let used = json!({ "resourceType": "DeviceUseStatement", "status": "active", "recordedOn": "2025-11-01",
        "subject": { "reference": "Patient/p" }, "device": { "reference": "#d" },
        "contained": [{ "resourceType": "Device", "id": "d", "type": { "coding": [{ "system": ICD, "code": "J44.9" }] } }] });
    let stored = with(used.clone(), json!({ "contained": [], "device": { "reference": "Device/d" } }));
    let device = json!({ "resourceType": "Device", "id": "d", "type": { "coding": [{ "system": ICD, "code": "J43.0" }] } });
    check(Kind {
        rule: rule("deviceUse", json!([copd(), days("windowDays", 30)])),
        met: vec![
            vec![ordered("active", json!({}))],
            vec![ordered("completed", json!({ "authoredOn": "2025-11-20" }))],
            vec![used.clone()],
            vec![stored.clone(), device],
            vec![coded("Procedure", "completed", "J44.9", json!({ "performedDateTime": "2025-11-20" }))],
        ],
        not_met: vec![
            vec![with_claims("2025-01-01")],
            vec![with_claims("2025-01-01"), ordered("completed", json!({}))],
            vec![with_claims("2025-01-01"), ordered("revoked", json!({}))],
            vec![with_claims("2025-01-01"), ordered("active", json!({ "intent": "proposal" }))],
        ],
        unknown: vec![vec![], vec![stored], vec![with_feed()], vec![ordered("on-hold", json!({}))]],
    });
}

#[test]
fn a_request_of_the_patient_counts_and_one_that_was_taken_back_is_none() {
    let asked = |status: &str, by: &str| {
        let more = json!({ "intent": "order", "authoredOn": "2025-11-01", "requester": { "reference": by } });
        coded("ServiceRequest", status, "J44.9", more)
    };
    check(Kind {
        rule: rule(
            "request",
            json!([copd(), days("windowDays", 365), ["byPatient", { "valueBoolean": true }]]),
        ),
        met: vec![vec![asked("active", "Patient/p")], vec![asked("completed", "RelatedPerson/x")]],
        not_met: vec![vec![asked("revoked", "Patient/p")]],
        unknown: vec![
            vec![],
            vec![asked("active", "Practitioner/d")],
            vec![asked("entered-in-error", "Patient/p")],
            vec![coded(
                "ServiceRequest",
                "active",
                "J44.9",
                json!({ "intent": "order", "authoredOn": "2025-11-01" }),
            )],
        ],
    });
}

#[test]
fn a_document_is_on_file_or_it_is_not() {
    let document = |status: &str, more: Value| coded("DocumentReference", status, "J44.9", more);
    check(Kind {
        rule: rule("document", json!([copd()])),
        met: vec![
            vec![document("current", json!({}))],
            vec![document("current", json!({ "docStatus": "final", "date": "2020-01-01T00:00:00Z" }))],
            vec![
                json!({ "resourceType": "Consent", "status": "active", "patient": { "reference": "Patient/p" },
                "category": [{ "coding": [{ "system": ICD, "code": "J44.9" }] }] }),
            ],
        ],
        not_met: vec![
            vec![],
            vec![document("superseded", json!({}))],
            vec![document("entered-in-error", json!({}))],
            vec![document("current", json!({ "date": "2026-01-01T00:00:00Z" }))],
        ],
        unknown: vec![vec![document("current", json!({ "docStatus": "preliminary" }))]],
    });
}

#[test]
fn a_medicine_is_taken_until_it_is_ended() {
    let taken = |status: &str, more: Value| coded("MedicationStatement", status, "J44.9", more);
    let until = |end: &str| json!({ "effectivePeriod": { "start": "2025-01-01", "end": end } });
    check(Kind {
        rule: rule("medicationActive", json!([copd()])),
        met: vec![
            vec![taken("active", json!({}))],
            vec![taken("active", until("2025-12-01"))],
            vec![taken("stopped", until("2025-12-01"))],
        ],
        not_met: vec![
            vec![taken("active", until("2025-11-30"))],
            vec![taken("stopped", json!({}))],
            vec![taken("active", json!({ "effectiveDateTime": "2026-01-01" }))],
            vec![with_claims("2025-12-01")],
        ],
        unknown: vec![vec![], vec![taken("on-hold", json!({}))], vec![taken("entered-in-error", json!({}))]],
    });
    check(Kind {
        rule: rule("medicationActive", json!([copd(), days("windowDays", 30), days("min", 2)])),
        met: vec![vec![taken("active", json!({})), taken("completed", until("2025-11-15"))]],
        not_met: vec![vec![taken("active", json!({})), taken("completed", until("2025-10-15"))]],
        unknown: vec![vec![taken("active", json!({}))]],
    });
}

#[test]
fn days_in_a_setting_add_up() {
    let stay = |start: &str, end: &str| {
        let of_type = json!({ "type": [{ "coding": [{ "system": SCT, "code": "449411000124106" }] }] });
        with(encounter("IMP", start, end), of_type)
    };
    let home = |start: &str, end: &str| encounter("HH", start, end);
    check(Kind {
        rule: rule(
            "stay",
            json!([["setting", { "valueCode": "snf" }], days("minDays", 30), days("windowDays", 365)]),
        ),
        met: vec![
            vec![stay("2025-03-01", "2025-03-31")],
            vec![stay("2025-03-01", "2025-03-21"), stay("2025-05-01", "2025-05-11")],
            vec![stay("2024-01-01", "2024-12-31")],
            vec![with(stay("2025-11-02", "2025-12-20"), json!({ "status": "in-progress" }))],
            vec![with(
                stay("2025-11-02", "2025-12-20"),
                json!({ "status": "in-progress", "period": { "start": "2025-11-02" } }),
            )],
        ],
        not_met: vec![
            vec![with_feed()],
            vec![with_feed(), stay("2025-03-01", "2025-03-30")],
            vec![with_feed(), stay("2025-11-02", "2025-12-01")],
            vec![with_feed(), stay("2025-03-01", "2025-03-21"), stay("2025-03-05", "2025-03-15")],
            vec![with_feed(), home("2025-03-01", "2025-06-01")],
            vec![with_feed(), stay("2024-01-01", "2024-12-30")],
        ],
        unknown: vec![
            vec![],
            vec![stay("2025-03-01", "2025-03-30")],
            vec![with_feed(), stay("2025-03-01", "2025-03")],
            vec![with_feed(), with(stay("2025-03-01", "2025-04-30"), json!({ "status": "unknown" }))],
        ],
    });
    check(Kind {
        rule: rule(
            "stay",
            json!([["setting", { "valueCode": "home-health" }], days("minDays", 2), days("windowDays", 365)]),
        ),
        met: vec![vec![home("2025-03-01", "2025-03-02")]],
        not_met: vec![vec![with_feed(), home("2025-03-01", "2025-03-01")]],
        unknown: vec![vec![home("2025-03-01", "2025-03-01")]],
    });
}
