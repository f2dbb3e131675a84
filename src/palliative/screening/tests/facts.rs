//! How facts are read: counts, units, dates, statuses, answers.

use super::*;

#[test]
fn t37_a_count_without_a_feed_is_a_lower_bound() {
    assert_eq!(state(KELLEY, "adm12", &[patient("1955-01-01")]), State::Unknown);
    assert_eq!(state(KELLEY, "adm12", &[with_feed()]), State::NotMet);
    assert_eq!(state(KELLEY, "adm12", &[with_feed_later()]), State::NotMet);
    let old = encounter("IMP", "2024-11-20", "2024-11-30");
    assert_eq!(state(KELLEY, "adm12", &[with_feed(), old]), State::NotMet);
    let into_window = encounter("IMP", "2024-11-20", "2024-12-01");
    assert_eq!(state(KELLEY, "adm12", &[with_feed(), into_window]), State::Met);
}

#[test]
fn t8_encounters_that_did_not_take_place_never_count() {
    for status in ["planned", "cancelled", "entered-in-error"] {
        let void = with(admission(), json!({ "status": status }));
        assert_eq!(state(KELLEY, "adm12", &[with_feed(), void]), State::NotMet, "{status}");
    }
    let unclear = with(admission(), json!({ "status": "unknown" }));
    assert_eq!(state(KELLEY, "adm12", &[with_feed(), unclear]), State::Unknown);
    let planned_later = encounter("IMP", "2025-12-05", "2025-12-06");
    assert_eq!(state(KELLEY, "adm12", &[with_feed(), planned_later]), State::NotMet);
}

#[test]
fn a_stay_in_hospice_is_no_admission_to_hospital() {
    let types = json!({ "type": [{ "coding": [{ "system": SCT, "code": "305336008" }] }] });
    assert_eq!(state(KELLEY, "adm12", &[with_feed(), with(admission(), types)]), State::NotMet);
    let by_type = json!({ "class": { "code": "FLD" }, "type": [{ "coding": [{ "system": SCT, "code": "183452005" }] }] });
    assert_eq!(state(KELLEY, "adm12", &[with(admission(), by_type)]), State::Met);
}

#[test]
fn t44_a_range_meets_a_limit_only_as_a_whole() {
    let of = |value: Value| state(ADULT, "chf-ef30", &[observation("10230-1", "2025-11-01", value)]);
    let range = |low: f64, high: f64| {
        let end = |value: f64| json!({ "value": value, "system": "http://unitsofmeasure.org", "code": "%" });
        json!({ "valueRange": { "low": end(low), "high": end(high) } })
    };
    assert_eq!(of(range(20.0, 25.0)), State::Met);
    assert_eq!(of(range(25.0, 30.0)), State::Unknown);
    assert_eq!(of(range(30.0, 35.0)), State::NotMet);
    let compared = |comparator: &str, value: f64| json!({ "valueQuantity": { "value": value, "comparator": comparator, "code": "%" } });
    assert_eq!(of(compared("<", 30.0)), State::Met);
    assert_eq!(of(compared("<=", 30.0)), State::Unknown);
    assert_eq!(of(compared(">=", 30.0)), State::NotMet);
    assert_eq!(of(compared(">", 25.0)), State::Unknown);
    assert_eq!(of(json!({ "valueString": "EF 25-30" })), State::Unknown);
    let samples = json!({ "valueSampledData": { "origin": { "value": 0, "code": "%" }, "period": 1, "dimensions": 1, "data": "22 25 29" } });
    assert_eq!(of(samples), State::Met);
}

#[test]
fn t43_a_wrong_or_missing_unit_does_not_tell() {
    let of =
        |value: Value| finding(&screen(ADULT, &[observation("20152-5", "2025-11-01", value)]), "copd-fev35");
    for value in [
        quantity(1.2, "L"),
        json!({ "valueQuantity": { "value": 30 } }),
        json!({ "valueInteger": 30 }),
        json!({ "valueQuantity": { "value": 30, "system": "https://example.org/units", "code": "%" } }),
    ] {
        let found = of(value.clone());
        assert_eq!(found.state, State::Unknown, "{value}");
        assert!(found.missing[0].contains("reason: unit"), "{:?}", found.missing);
    }
    assert_eq!(of(json!({ "valueQuantity": { "value": 30, "unit": "percent" } })).state, State::Met);
}

#[test]
fn t42_values_grow_stale_and_the_latest_counts() {
    let kps = |date: &str, value: f64| observation("89243-0", date, quantity(value, "{score}"));
    let of = |facts: &[Value]| state(ADULT, "ca-kps70", facts);
    assert_eq!(of(&[kps("2025-09-02", 60.0)]), State::Met);
    assert_eq!(of(&[kps("2025-09-01", 60.0)]), State::Unknown, "91 days old");
    assert_eq!(of(&[kps("2025-10-01", 60.0), kps("2025-11-01", 80.0)]), State::NotMet);
    assert_eq!(of(&[kps("2025-11-01", 60.0), kps("2025-10-01", 80.0)]), State::Met);
    assert_eq!(of(&[kps("2025-11-01", 60.0), kps("2025-12-02", 80.0)]), State::Met, "not yet measured");
    assert_eq!(
        of(&[kps("2025-11-01", 60.0), kps("2025-11-01", 80.0)]),
        State::Unknown,
        "which is the later?"
    );
    let issued = |value: f64, at: &str| with(kps("2025-11-01", value), json!({ "issued": at }));
    assert_eq!(
        of(&[issued(60.0, "2025-11-01T10:00:00Z"), issued(80.0, "2025-11-01T11:00:00Z")]),
        State::NotMet
    );
    assert_eq!(of(&[kps("2025-09", 60.0)]), State::Unknown, "it may be 1 September");
}

#[test]
fn observations_that_are_not_final_or_about_another_do_not_count() {
    let adl = observation("adl-dependence-count", "2025-09-01", json!({ "valueInteger": 3 }));
    for status in ["preliminary", "registered", "cancelled", "entered-in-error", "unknown"] {
        assert_eq!(
            state(KELLEY, "adl", &[with(adl.clone(), json!({ "status": status }))]),
            State::Unknown,
            "{status}"
        );
    }
    for status in ["amended", "corrected"] {
        assert_eq!(
            state(KELLEY, "adl", &[with(adl.clone(), json!({ "status": status }))]),
            State::Met,
            "{status}"
        );
    }
    let of_caregiver = with(adl, json!({ "focus": [{ "reference": "RelatedPerson/r" }] }));
    assert_eq!(state(KELLEY, "adl", &[of_caregiver]), State::Unknown);
}

#[test]
fn only_a_clinician_attests_and_only_for_so_long() {
    let of = |fact: Value| state(ADULT, "g4-max-therapy", &[fact]);
    let by = |performer: &str| {
        with(yes("max-therapy-reached"), json!({ "performer": [{ "reference": performer }] }))
    };
    assert_eq!(of(by("PractitionerRole/1")), State::Met);
    for performer in ["Patient/p", "RelatedPerson/r", "Organization/o"] {
        assert_eq!(of(by(performer)), State::Unknown, "{performer}");
    }
    let on = |date: &str| with(yes("max-therapy-reached"), json!({ "effectiveDateTime": date }));
    assert_eq!(of(on("2025-09-02")), State::Met);
    assert_eq!(of(on("2025-09-01")), State::Unknown);
    assert_eq!(of(attestation("max-therapy-reached", json!({ "valueString": "yes" }))), State::Unknown);
}

#[test]
fn t49_what_is_refuted_or_over_is_no_diagnosis() {
    let of = |more: Value| state(ADULT, "dx-chf", &[with(condition(ICD, "I50.9"), more), other_condition()]);
    let verification = |code: &str| json!({ "verificationStatus": { "coding": [{ "code": code }] } });
    let clinical = |code: &str| json!({ "clinicalStatus": { "coding": [{ "code": code }] } });
    for (more, expected) in [
        (verification("refuted"), State::NotMet),
        (verification("entered-in-error"), State::NotMet),
        (verification("unconfirmed"), State::Unknown),
        (verification("differential"), State::Unknown),
        (verification("confirmed"), State::Met),
        (clinical("recurrence"), State::Met),
        (clinical("relapse"), State::Met),
        (clinical("inactive"), State::NotMet),
        (clinical("remission"), State::NotMet),
        (clinical("resolved"), State::NotMet),
        (json!({ "abatementDateTime": "2025-06-01" }), State::NotMet),
        (json!({ "abatementString": "last summer" }), State::NotMet),
        (json!({ "clinicalStatus": null }), State::Unknown),
        (json!({ "recordedDate": "2026-01-01" }), State::NotMet),
    ] {
        assert_eq!(of(more.clone()), expected, "{more}");
    }
    let family = json!({ "resourceType": "FamilyMemberHistory", "status": "completed",
        "condition": [{ "code": { "coding": [{ "system": ICD, "code": "I50.9" }] } }] });
    assert_eq!(state(ADULT, "dx-chf", &[family, other_condition()]), State::NotMet);
}

#[test]
fn what_ended_later_was_there_before() {
    let ended = json!({ "clinicalStatus": { "coding": [{ "code": "resolved" }] }, "abatementDateTime": "2025-06-01" });
    let facts = [with(condition(ICD, "I50.9"), ended), other_condition()];
    assert_eq!(finding(&screen_on(ADULT, &facts, "2025-05-31"), "dx-chf").state, State::Met);
    assert_eq!(finding(&screen_on(ADULT, &facts, "2025-06-01"), "dx-chf").state, State::NotMet);
}

#[test]
fn a_diagnosis_of_an_encounter_counts_while_the_encounter_is_in_the_look_back() {
    let seen = |start: &str| {
        let visit = with(encounter("AMB", start, start), json!({ "id": "v" }));
        let diagnosis = json!({ "resourceType": "Condition", "encounter": { "reference": "Encounter/v" },
            "category": [{ "coding": [{ "code": "encounter-diagnosis" }] }],
            "code": { "coding": [{ "system": ICD, "code": "R18.8" }] } });
        state(ADULT, "liver-decomp", &[visit, diagnosis])
    };
    assert_eq!(seen("2025-01-10"), State::Met);
    assert_eq!(seen("2024-12-01"), State::Met);
    assert_eq!(seen("2024-11-30"), State::NotMet);
}

#[test]
fn with_no_diagnosis_on_file_a_diagnosis_is_unknown() {
    assert_eq!(state(ADULT, "dx-chf", &[patient("1955-01-01")]), State::Unknown);
    assert_eq!(state(ADULT, "dx-chf", &[with_feed()]), State::NotMet);
    let void = with(
        other_condition(),
        json!({ "verificationStatus": { "coding": [{ "code": "entered-in-error" }] } }),
    );
    assert_eq!(state(ADULT, "dx-chf", &[void]), State::Unknown);
}

#[test]
fn t40_an_inr_under_a_vitamin_k_antagonist_does_not_tell() {
    let inr = observation("6301-6", "2025-11-01", json!({ "valueQuantity": { "value": 2.4 } }));
    assert_eq!(state(ADULT, "liver-inr13", std::slice::from_ref(&inr)), State::Met);
    let medicine = |concept: Value, status: &str| {
        json!({ "resourceType": "MedicationRequest", "status": status, "intent": "order", "authoredOn": "2025-06-01",
            "medicationCodeableConcept": concept })
    };
    let warfarin = || json!({ "coding": [{ "system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "855332" }] });
    for concept in [
        warfarin(),
        json!({ "text": "Warfarin sodium 5 mg tablets" }),
        json!({ "coding": [{ "system": "http://www.whocc.no/atc", "code": "B01AA04" }] }),
    ] {
        let found =
            finding(&screen(ADULT, &[inr.clone(), medicine(concept.clone(), "active")]), "liver-inr13");
        assert_eq!(found.state, State::Unknown, "{concept}");
        assert!(found.missing[0].contains("reason: treatment"));
    }
    assert_eq!(state(ADULT, "liver-inr13", &[inr.clone(), medicine(warfarin(), "stopped")]), State::Met);
    assert_eq!(
        state(ADULT, "liver-inr13", &[inr.clone(), medicine(json!({ "text": "Apixaban" }), "active")]),
        State::Met
    );
    // an order not to give it, and a proposal, say that it is not taken
    for (element, value) in [("doNotPerform", json!(true)), ("intent", json!("proposal"))] {
        let mut order = medicine(warfarin(), "active");
        order[element] = value;
        assert_eq!(state(ADULT, "liver-inr13", &[inr.clone(), order]), State::Met, "{element}");
    }
    // One that was ended since was taken until its end: then it says nothing of what was measured until then.
    let statement = |end: &str| {
        json!({ "resourceType": "MedicationStatement", "status": "stopped", "medicationCodeableConcept": warfarin(),
            "effectivePeriod": { "start": "2025-06-01", "end": end } })
    };
    let measured = inr["effectiveDateTime"].as_str().unwrap()[..10].parse::<jiff::civil::Date>().unwrap();
    for (end, expected) in [
        (measured.yesterday().unwrap(), State::Met),
        (measured, State::Unknown),
        (measured.tomorrow().unwrap(), State::Unknown),
    ] {
        let found = finding(&screen(ADULT, &[inr.clone(), statement(&end.to_string())]), "liver-inr13");
        assert_eq!(found.state, expected, "taken until {end}, measured on {measured}");
        assert_eq!(
            found.missing.iter().any(|one| one.contains("reason: treatment")),
            expected == State::Unknown
        );
    }
}

#[test]
fn nyha_class_is_read_from_codes_and_words() {
    let of = |value: Value| state(ADULT, "chf-nyha3", &[observation("88020-3", "2025-09-01", value)]);
    let words = |text: &str| json!({ "valueCodeableConcept": { "text": text } });
    for value in [
        concept(SCT, "422293003"),
        words("NYHA Class III"),
        json!({ "valueString": "IV" }),
        json!({ "valueInteger": 3 }),
    ] {
        assert_eq!(of(value.clone()), State::Met, "{value}");
    }
    for value in [concept(SCT, "420300004"), words("Class II"), json!({ "valueInteger": 1 })] {
        assert_eq!(of(value.clone()), State::NotMet, "{value}");
    }
    for value in [
        words("Class II-III"),
        json!({ "valueInteger": 7 }),
        json!({ "valueQuantity": { "value": 3, "unit": "kg" } }),
    ] {
        assert_eq!(of(value.clone()), State::Unknown, "{value}");
    }
}
