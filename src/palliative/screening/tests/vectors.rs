//! Test vector V-RULE-1.

use super::*;

#[test]
fn v_rule_1_all_that_is_asked_for_is_eligible() {
    let screening = screen(ADULT, &vector());
    assert_eq!(screening.outcome, Outcome::Eligible);
    let ef = finding(&screening, "chf-ef30");
    assert_eq!(
        (ef.state, ef.date, ef.evidence),
        (State::Met, Some(date("2025-09-02")), vec!["Observation/ef".to_owned()])
    );
    assert_eq!(ef.value.unwrap().0, "valueQuantity");
    assert_eq!(ef.window.unwrap().from, Some(date("2023-12-02")));
    assert!(screening.missing.is_empty());
}

#[test]
fn v_rule_1_without_one_attestation_only_that_is_missing() {
    let screening = screen(ADULT, &without(&vector(), "surprise-question-12m"));
    assert_eq!(screening.outcome, Outcome::Indeterminate);
    assert_eq!(missing(&screening), ["g3-death-within-year"]);
    let g3 = finding(&screening, "g3-death-within-year");
    assert_eq!(g3.missing, ["clinician attestation surprise-question-12m (valid 90 d)"]);
}

#[test]
fn v_rule_1_an_adult_who_elected_hospice_is_excluded_and_one_of_19_is_not() {
    let mut facts = vector();
    facts.push(hospice_flag());
    assert_eq!(screen(ADULT, &facts).outcome, Outcome::Excluded);
    facts[0] = patient("2006-06-01");
    assert_eq!(screen(ADULT, &facts).outcome, Outcome::Eligible);
    facts[0] = patient("2004-12-01");
    assert_eq!(screen(ADULT, &facts).outcome, Outcome::Excluded, "21 on this day");
    facts[0] = patient("2004-12-02");
    assert_eq!(screen(ADULT, &facts).outcome, Outcome::Eligible, "21 tomorrow");
}

#[test]
fn v_rule_1_an_ejection_fraction_of_exactly_30_needs_a_comorbidity() {
    let mut facts = without(&vector(), "10230-1");
    facts.push(observation("10230-1", "2025-09-02", quantity(30.0, "%")));
    let screening = screen(ADULT, &facts);
    assert_eq!(screening.outcome, Outcome::Indeterminate);
    assert_eq!(missing(&screening), ["significant-comorbidity"]);
    facts.push(yes("significant-comorbidity"));
    assert_eq!(screen(ADULT, &facts).outcome, Outcome::Eligible);
}
