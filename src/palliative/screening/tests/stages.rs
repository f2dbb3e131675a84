//! The stage of a cancer, and the diagnoses that count without one.

use super::*;
use crate::definitions::CANONICAL;

#[test]
fn t45_a_leukaemia_or_metastasis_needs_no_stage() {
    for (system, code) in [(ICD, "C92.00"), (ICD, "C78.7"), (SCT, "94260004"), (SCT, "93143009")] {
        assert_eq!(state(ADULT, "ca-stage34-or-heme", &[condition(system, code)]), State::Met, "{code}");
        assert_eq!(state(ADULT, "dx-cancer", &[condition(system, code)]), State::Met, "{code}");
    }
    for text in ["Stage IIIA", "clinical stage IV", "4"] {
        let fact = observation("21902-2", "2019-01-01", json!({ "valueCodeableConcept": { "text": text } }));
        assert_eq!(state(ADULT, "ca-stage34-or-heme", &[fact]), State::Met, "{text}");
    }
    for (system, code) in [(SCT, "92691004"), (SCT, "126906006"), (ICD, "D05.1"), (ICD, "C44.91")] {
        assert_eq!(
            state(ADULT, "dx-cancer", &[condition(system, code)]),
            State::NotMet,
            "{code} is not malignant, or skin"
        );
    }
}

#[test]
fn t45_a_lymphoma_goes_by_its_stage_once_one_is_on_file() {
    let of = |system: &str, code: &str, stage: Option<Value>| {
        let facts: Vec<_> = stage.into_iter().chain([condition(system, code)]).collect();
        state(ADULT, "ca-stage34-or-heme", &facts)
    };
    let stage = |text: &str| {
        observation("21902-2", "2019-01-01", json!({ "valueCodeableConcept": { "text": text } }))
    };
    let known = [("Stage I", State::NotMet), ("Stage IIB", State::NotMet), ("Stage III", State::Met)];
    for (system, code) in [(ICD, "C83.30"), (ICD, "C81.90"), (ICD, "C90.00"), (SCT, "118600007")] {
        assert_eq!(of(system, code, None), State::Met, "{code} without a stage");
        for (text, expected) in known {
            assert_eq!(of(system, code, Some(stage(text))), expected, "{code}, {text}");
        }
        assert_eq!(
            of(system, code, Some(stage("to be discussed"))),
            State::Unknown,
            "{code}: it does not tell"
        );
        let later = with(stage("Stage I"), json!({ "effectiveDateTime": "2026-12-01" }));
        assert_eq!(of(system, code, Some(later)), State::Met, "{code}: none was on file by then");
        let draft = with(stage("Stage I"), json!({ "status": "preliminary" }));
        assert_eq!(of(system, code, Some(draft)), State::Met, "{code}: a draft is no stage");
    }
    for (system, code) in [(ICD, "C91.10"), (ICD, "C90.10"), (ICD, "C78.7"), (SCT, "92814006")] {
        assert_eq!(of(system, code, Some(stage("Stage I"))), State::Met, "{code} needs no stage");
    }
    // of the model of care choices, which names advanced cancer, likewise
    let choices = format!("{CANONICAL}/PlanDefinition/RS-MCCM");
    let facts = |text: &str| [stage(text), condition(ICD, "C83.30")];
    for (text, expected) in known {
        assert_eq!(state(&choices, "ca-stage34-or-heme", &facts(text)), expected, "{text}");
    }
    let before = format!("{choices}|2017");
    assert_eq!(state(&before, "ca-stage34-or-heme", &facts("Stage I")), State::Met, "as it was");
    assert_eq!(of(ICD, "C18.9", Some(stage("Stage I"))), State::NotMet);
    assert_eq!(of(ICD, "C18.9", None), State::Unknown, "a solid tumour without a stage");
    assert_eq!(state(ADULT, "ca-stage34-or-heme", &[stage("Stage I"), other_condition()]), State::NotMet);
    let first = format!("{ADULT}|APL18-020-r1");
    let early = [stage("Stage I"), condition(ICD, "C83.30")];
    assert_eq!(
        state(&first, "ca-stage34-or-heme", &early),
        State::Met,
        "the edition before keeps its meaning"
    );
}
