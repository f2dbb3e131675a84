//! Kept findings: whoever asks is told what an evaluation at that moment would say.

use serde_json::Value;
use serde_json::json;

use super::*;
use crate::app::findings::Among;
use crate::app::findings::Budget;
use crate::app::findings::Current;
use crate::app::findings::Question;
use crate::app::findings::Suppressed;
use crate::palliative::screening::Outcome;

const ALL: [Outcome; 5] = [
    Outcome::Eligible,
    Outcome::ScreenPositive,
    Outcome::Indeterminate,
    Outcome::Excluded,
    Outcome::NotEligible,
];

fn asked(session: &Session, suppressed: Suppressed) -> Current {
    let question = Question {
        program: "default",
        rule_sets: &[],
        among: Among::Everybody,
        outcomes: &ALL,
        suppressed,
        after: None,
        count: 1_000,
    };
    let now = Session::system(session.app.clone());
    now.current_findings(&question, Budget::ALL).unwrap().expect("the programme is kept for")
}

fn put(session: &Session, value: Value) {
    let id = value["id"].as_str().unwrap().to_owned();
    update(session, resource(value), &id, None).unwrap();
}

fn heart_failure(patient: &str) -> Value {
    json!({ "resourceType": "Condition", "id": format!("{patient}-hf"),
        "subject": { "reference": format!("Patient/{patient}") },
        "clinicalStatus": { "coding": [{ "code": "active",
            "system": "http://terminology.hl7.org/CodeSystem/condition-clinical" }] },
        "code": { "coding": [{ "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I50.22" }] } })
}

fn stay(patient: &str) -> Value {
    json!({ "resourceType": "Encounter", "id": format!("{patient}-stay"), "status": "finished",
        "subject": { "reference": format!("Patient/{patient}") },
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP" },
        "period": { "start": "2025-12-01T10:00:00-08:00", "end": "2025-12-05T10:00:00-08:00" } })
}

#[test]
fn a_reader_right_after_a_write_sees_it() {
    on_each_app(|session| {
        assert_eq!(asked(&session, Suppressed::LeftOut), Current::default());
        put(&session, json!({ "resourceType": "Patient", "id": "a", "birthDate": "1950-05-01" }));
        let outcome = |session: &Session| {
            let current = asked(session, Suppressed::Listed);
            assert_eq!((current.candidates.len(), current.pending), (1, 0));
            (current.candidates[0].outcome, current.counts.no_data)
        };
        assert_eq!(outcome(&session), (Outcome::Indeterminate, 1));
        put(&session, heart_failure("a"));
        assert_eq!(outcome(&session), (Outcome::Indeterminate, 0));
        put(&session, stay("a"));
        assert_eq!(outcome(&session), (Outcome::Eligible, 0));
        delete(&session, ty("Condition"), "a-hf", None).unwrap();
        assert_eq!(outcome(&session), (Outcome::Indeterminate, 0));
        delete(&session, ty("Patient"), "a", None).unwrap();
        assert_eq!(asked(&session, Suppressed::Listed), Current::default());
    });
}
