//! The levels of the six domains, each by what may be known of it.
//! <https://hl7.org/fhir/R4/riskassessment.html>

use super::*;

#[test]
fn a_the_severity_of_illness_has_its_levels() {
    let oxygen = |flow: f64| quantity((LOINC, "3151-8"), 20, flow, "L/min");
    let stage = |code: &str| {
        let answer = json!({ "text": code });
        observed((LOINC, "21908-9"), 30, json!({ "valueCodeableConcept": answer }))
    };
    for (facts, expected) in [
        (vec![], 0),
        (vec![condition("J44.9")], 0),
        (vec![condition("I50.9")], 1),
        (vec![condition("J44.9"), condition("Z99.81")], 2),
        (vec![condition("I50.9"), condition("F03.90")], 2),
        (vec![condition("I50.9"), nyha("LA28406-9")], 2),
        (vec![nyha("LA28406-9")], 0),
        (vec![condition("N18.6")], 2),
        (vec![condition("K74.60"), condition("K76.7")], 2),
        (vec![condition("C78.0")], 3),
        (vec![condition("C18.9"), stage("Stage III")], 0),
        (vec![condition("C18.9"), stage("Stage IV")], 3),
        (vec![oxygen(2.0)], 0),
        (vec![oxygen(3.0)], 3),
        (vec![condition("I50.9"), nyha("LA28407-7")], 3),
        (vec![number((LOINC, "44760-7"), 10, 20)], 3),
        (vec![number((LOINC, "44760-7"), 10, 19)], 0),
        (vec![condition("F03.90"), number((LOCAL, "fast-stage"), 10, 7)], 3),
        (vec![condition("F03.90"), number((LOCAL, "fast-stage"), 10, 6)], 1),
    ] {
        assert_eq!(alone("A", facts.clone()), (expected, expected), "{facts:?}");
    }
}

#[test]
fn b_function_is_read_from_any_one_scale_and_the_worst_counts() {
    let pps = |value| number((LOCAL, "pps"), 10, value);
    let cfi = |value| observed((LOCAL, "cfi"), 300, json!({ "valueQuantity": { "value": value } }));
    let one = |coding, value| number(coding, 10, value);
    for (facts, expected) in [
        (vec![], (0, 3)),
        (vec![pps(80)], (0, 0)),
        (vec![pps(70)], (1, 1)),
        (vec![pps(60)], (1, 1)),
        (vec![pps(50)], (2, 2)),
        (vec![pps(40)], (2, 2)),
        (vec![pps(30)], (3, 3)),
        (vec![one((SNOMED, "273546003"), 40)], (2, 2)),
        (vec![one((LOINC, "89247-1"), 1)], (0, 0)),
        (vec![one((LOINC, "89247-1"), 2)], (1, 1)),
        (vec![one((SNOMED, "423740007"), 3)], (2, 2)),
        (vec![one((LOINC, "89247-1"), 4)], (3, 3)),
        (vec![one((SNOMED, "763264000"), 4)], (0, 0)),
        (vec![one((SNOMED, "763264000"), 6)], (1, 1)),
        (vec![one((SNOMED, "763264000"), 7)], (2, 2)),
        (vec![one((SNOMED, "763264000"), 8)], (3, 3)),
        (vec![cfi(0.2)], (0, 0)),
        (vec![cfi(0.25)], (1, 1)),
        (vec![cfi(0.35)], (2, 2)),
        (vec![pps(70), one((LOINC, "89247-1"), 3)], (2, 2)),
        (vec![number((LOCAL, "pps"), 91, 30)], (0, 3)),
        (vec![number((SNOMED, "763264000"), 365, 8)], (3, 3)),
    ] {
        assert_eq!(alone("B", facts.clone()), expected, "{facts:?}");
    }
}

#[test]
fn t41_a_score_between_two_steps_is_not_used_and_is_told() {
    let found = of(vec![patient("1950-01-01"), number((LOCAL, "pps"), 10, 35)]);
    assert_eq!(level(&found, "B"), (0, 3));
    assert_eq!(found.warnings, ["Observation/o-pps-10 was not used: its scale goes in steps of 10."]);
    assert!(of(first()).warnings.is_empty());
}

#[test]
fn t52_scales_that_are_not_made_for_children_are_not_read_for_them() {
    let facts = |birth| vec![patient(birth), number((LOINC, "89243-0"), 10, 30), surprise()];
    let (child, adult) = (of(facts("2015-01-01")), of(facts("1950-01-01")));
    assert_eq!((level(&child, "B"), level(&child, "F")), ((0, 3), (0, 3)));
    assert_eq!((level(&adult, "B"), level(&adult, "F")), ((3, 3), (1, 1)));
}

#[test]
fn c_without_a_feed_what_is_known_is_a_lower_bound() {
    let visits = |days: &[i64]| days.iter().map(|days| admission(*days)).collect::<Vec<_>>();
    let known = |facts: Vec<Value>| level(&of([vec![with_feed("1950-01-01")], facts].concat()), "C");
    for (facts, least) in [
        (visits(&[]), 0),
        (visits(&[200]), 1),
        (visits(&[200, 300]), 2),
        (visits(&[40, 150]), 3),
        (visits(&[200, 230, 260, 300]), 3),
        (visits(&[400]), 0),
    ] {
        assert_eq!(known(facts.clone()), (least, least), "with a feed: {facts:?}");
        assert_eq!(alone("C", facts.clone()), (least, 3), "without: {facts:?}");
    }
    let emergency = |days: i64| {
        let mut visit = admission(days);
        visit["class"]["code"] = "EMER".into();
        visit["period"]["end"] = visit["period"]["start"].clone();
        visit
    };
    assert_eq!(known(vec![emergency(100)]), (0, 0));
    assert_eq!(known(vec![emergency(100), emergency(200)]), (1, 1));
}

#[test]
fn d_symptoms_count_by_their_worst_and_mood_adds_one() {
    let item = |name: &str, value| number((LOCAL, name), 10, value);
    let pain = |days, value| number((LOINC, "72514-3"), days, value);
    let mood = |value| number((LOINC, "44261-6"), 10, value);
    for (facts, expected) in [
        (vec![], (0, 3)),
        (vec![item("esas-nausea", 3)], (0, 0)),
        (vec![item("esas-nausea", 4)], (1, 1)),
        (vec![item("esas-nausea", 7)], (2, 2)),
        (vec![item("esas-nausea", 7), item("esas-anxiety", 8)], (2, 2)),
        (vec![item("esas-nausea", 7), item("esas-anxiety", 8), item("esas-other", 9)], (3, 3)),
        (vec![pain(5, 7)], (2, 2)),
        (vec![pain(5, 7), pain(35, 8)], (3, 3)),
        (vec![pain(5, 7), pain(36, 8)], (2, 2)),
        (vec![pain(5, 7), pain(20, 2), pain(30, 8)], (2, 2)),
        (vec![pain(31, 9), pain(40, 9)], (0, 3)),
        (vec![mood(9)], (0, 0)),
        (vec![mood(10)], (1, 1)),
        (vec![mood(10), item("esas-nausea", 5)], (2, 2)),
        (vec![mood(10), pain(5, 7), pain(20, 7)], (3, 3)),
    ] {
        assert_eq!(alone("D", facts.clone()), expected, "{facts:?}");
    }
}

#[test]
fn d_the_items_of_ipos_count_beside_those_of_esas_and_one_symptom_counts_once() {
    let item = |name: &str, value| number((LOCAL, name), 10, value);
    let at = |days, value| number((LOCAL, "ipos-pain"), days, value);
    let at_esas = |days, value| number((LOCAL, "esas-pain"), days, value);
    for (facts, expected) in [
        (vec![item("ipos-nausea", 1)], (0, 0)),
        (vec![item("ipos-nausea", 2)], (1, 1)),
        (vec![item("ipos-mouth", 3)], (2, 2)),
        (vec![item("ipos-item", 2)], (1, 1)),
        (vec![item("ipos-item", 4)], (2, 2)),
        (vec![item("ipos-total", 40)], (0, 3)),
        // both scales: the latest of the two counts, and of one moment the worse
        (vec![item("ipos-pain", 0), at_esas(12, 9)], (0, 0)),
        (vec![item("ipos-pain", 3), at_esas(12, 0)], (2, 2)),
        (vec![at_esas(5, 8), at(20, 4)], (3, 3)),
        (vec![at_esas(5, 2), at(6, 4), at(20, 4)], (0, 0)),
        (vec![item("ipos-nausea", 1), item("esas-nausea", 7)], (2, 2)),
        (vec![item("ipos-nausea", 3), item("esas-nausea", 0)], (2, 2)),
        (vec![item("ipos-nausea", 3), item("esas-nausea", 8), item("ipos-anxiety", 4)], (2, 2)),
        (vec![item("ipos-nausea", 3), item("esas-pain", 8), item("ipos-constipation", 4)], (3, 3)),
        (vec![item("ipos-weakness", 3), item("esas-tiredness", 8), item("esas-pain", 7)], (2, 2)),
        (vec![at(5, 3), at(35, 4)], (3, 3)),
        (vec![at(5, 3), at(36, 4)], (2, 2)),
        (vec![at(5, 3), at(20, 2), at(30, 4)], (2, 2)),
        (vec![at(31, 4)], (0, 3)),
        (vec![number((LOINC, "44261-6"), 10, 10), item("ipos-nausea", 2)], (2, 2)),
    ] {
        assert_eq!(alone("D", facts.clone()), expected, "{facts:?}");
    }
    let urgent = |facts: Vec<Value>| tasks(&of([vec![patient("1953-06-01")], facts].concat()));
    let contact = |hours| vec![("urgent-symptom-contact".to_owned(), Some(hours))];
    assert_eq!(urgent(vec![item("ipos-dyspnea", 3)]), contact(24));
    assert_eq!(urgent(vec![item("ipos-vomiting", 4)]), contact(48));
    assert_eq!(urgent(vec![item("ipos-vomiting", 2)]), vec![]);
}

#[test]
fn e_strain_being_alone_and_social_needs_add_up() {
    let caregiver = |there| observed((LOCAL, "caregiver-identified"), 10, json!({ "valueBoolean": there }));
    let answer = |code: &str| {
        let value = json!({ "valueCodeableConcept": { "coding": [{ "system": LOINC, "code": code }] } });
        observed((LOINC, "88122-7"), 30, value)
    };
    for (facts, expected) in [
        (vec![], (0, 3)),
        (vec![condition("I50.9")], (0, 3)),
        (vec![caregiver(true)], (0, 0)),
        (vec![caregiver(false)], (1, 1)),
        (vec![zarit(12)], (0, 0)),
        (vec![zarit(13)], (1, 1)),
        (vec![answer("LA28398-8")], (0, 0)),
        (vec![answer("LA6729-3")], (1, 1)),
        (vec![condition("Z59.41")], (1, 1)),
        (vec![condition("Z60.2"), zarit(13), answer("LA28397-0")], (3, 3)),
    ] {
        assert_eq!(alone("E", facts.clone()), expected, "{facts:?}");
    }
}

#[test]
fn f_decline_adds_up() {
    let weight = |days, value| quantity((LOINC, "29463-7"), days, value, "kg");
    let albumin = |value| quantity((LOINC, "1751-7"), 10, value, "g/dL");
    let pps = |days, value| number((LOCAL, "pps"), days, value);
    for (facts, expected) in [
        (vec![], (0, 3)),
        (vec![surprise()], (1, 1)),
        (vec![pps(10, 50)], (0, 3)),
        (vec![pps(10, 50), pps(90, 70)], (1, 1)),
        (vec![pps(10, 60), pps(90, 70)], (0, 0)),
        (vec![pps(10, 50), pps(91, 70)], (0, 3)),
        (vec![weight(5, 63.0), weight(183, 70.0)], (1, 1)),
        (vec![weight(5, 63.1), weight(183, 70.0)], (0, 0)),
        (vec![quantity((LOINC, "29463-7"), 5, 138.0, "[lb_av]"), weight(100, 70.0)], (1, 1)),
        (vec![quantity((LOINC, "29463-7"), 5, 150.0, "[lb_av]"), weight(100, 70.0)], (0, 0)),
        (vec![quantity((LOINC, "29463-7"), 5, 138.0, "cm"), weight(100, 70.0)], (0, 3)),
        (vec![albumin(2.5)], (0, 0)),
        (vec![albumin(2.4)], (1, 1)),
        (vec![albumin(2.4), weight(5, 60.0), weight(100, 70.0)], (1, 1)),
        (vec![albumin(2.4), surprise(), pps(10, 50), pps(90, 70)], (3, 3)),
    ] {
        assert_eq!(alone("F", facts.clone()), expected, "{facts:?}");
    }
}

#[test]
fn t52_the_karnofsky_status_of_a_child_says_nothing() {
    let kps = |days, value| number((LOINC, "89243-0"), days, value);
    let facts = |birth: &str| vec![with_feed(birth), condition("C91.00"), kps(60, 80), kps(5, 50)];
    let levels = |birth: &str| ["A", "F"].map(|letter| level(&of(facts(birth)), letter));
    assert_eq!(levels("1970-01-01"), [(3, 3), (1, 1)]);
    assert_eq!(levels("2012-01-01"), [(1, 1), (0, 3)]);
}
