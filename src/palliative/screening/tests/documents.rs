//! Rule documents: which are found, which are refused, and what their parameters do.

use super::*;
use crate::definitions::CANONICAL;

#[test]
fn a_rule_set_is_found_by_its_canonical() {
    assert!(rule_sets().find(&format!("{ADULT}|APL18-020-r1")).is_some());
    assert!(rule_sets().find(&format!("{ADULT}|APL18-020-r2")).is_some());
    assert!(rule_sets().find(&format!("{ADULT}|2")).is_none());
    assert!(rule_sets().find("RS-CA-ADULT").is_none());
    let active: Vec<_> = rule_sets().active().map(|set| set.canonical()).collect();
    assert_eq!(active.len(), 16, "{active:?}");
    assert!(active.contains(&format!("{KELLEY}|1")));
    let retired = format!("{CANONICAL}/PlanDefinition/RS-MCCM|2017");
    assert!(!active.contains(&retired) && rule_sets().find(&retired).is_some());
    // Of one that is not in use any more, the edition of now is meant likewise.
    let choices = rule_sets().find(retired.split('|').next().unwrap()).unwrap();
    assert_eq!((choices.version.as_str(), choices.active), ("2017.2", false));
    // An edition that decisions may rest on stays when another takes its place; whoever names none gets that of now.
    let of = |version: &str| format!("{CANONICAL}/PlanDefinition/RS-GSF{version}");
    assert_eq!(rule_sets().find(&of("|1")).map(|set| set.canonical()), Some(of("|1")));
    assert_eq!(rule_sets().find(&of("")).map(|set| set.canonical()), Some(of("|2")));
    assert!(!active.contains(&of("|1")) && active.contains(&of("|2")));
    // What a client has under a name of ours is what is meant by it.
    let own = RuleSets::compile(&Definitions::shared().unwrap()).unwrap().beside([of("|2")].into());
    assert!(own.meant(&of("|2")).is_none() && own.meant(&of("")).is_none() && own.meant(&of("|1")).is_some());
    assert!(own.active().all(|set| set.canonical() != of("|2")));
}

#[test]
fn our_definitions_are_valid_fhir() {
    let definitions = Definitions::shared().unwrap();
    let ours = [&definitions.plan_definitions, &definitions.value_sets, &definitions.code_systems];
    for (url, definition) in ours.into_iter().flatten() {
        assert_eq!(crate::fhir::shape::validate(&definitions.shapes, definition), Vec::new(), "{url}");
        let name = url.rsplit('/').next().unwrap().replace('|', "-");
        assert_eq!(definition["id"], name, "{url}");
    }
}

#[test]
fn every_value_set_of_ours_compiles() {
    let definitions = Definitions::shared().unwrap();
    for url in definitions.value_sets.keys() {
        assert!(Codes::compile(url, &definitions.value_sets).is_ok(), "{url}");
    }
}

#[test]
fn t38_a_rule_can_ask_for_diagnoses_of_several_encounters() {
    let rule =
        || json!([kind("condition"), value_set("valueSet", "vs-heart-failure"), days("minEncounters", 2)]);
    let seen = |encounter: &str| {
        with(
            condition(ICD, "I50.9"),
            json!({ "encounter": { "reference": format!("Encounter/{encounter}") } }),
        )
    };
    assert_eq!(state_of(rule(), &[seen("a")]), State::NotMet);
    assert_eq!(state_of(rule(), &[seen("a"), seen("a")]), State::NotMet);
    assert_eq!(state_of(rule(), &[seen("a"), seen("b")]), State::Met);
    assert_eq!(state_of(rule(), &[condition(ICD, "I50.9")]), State::Met, "it is on the problem list");
}

#[test]
fn a_rule_can_pick_the_least_or_the_greatest_value() {
    let rule = |pick: &str, op: &str| {
        json!([kind("observation"), ["code", { "valueCoding": { "system": LOINC, "code": "1751-7" } }],
            ["op", { "valueCode": op }], ["value", { "valueDecimal": 3.0 }], ["unit", { "valueCode": "g/dL" }],
            days("lookbackDays", 365), ["pick", { "valueCode": pick }]])
    };
    let albumin = |date: &str, value: f64| observation("1751-7", date, quantity(value, "g/dL"));
    let facts = [albumin("2025-06-01", 2.5), albumin("2025-11-01", 3.5)];
    assert_eq!(state_of(rule("latest", "lt"), &facts), State::NotMet);
    assert_eq!(state_of(rule("min", "lt"), &facts), State::Met);
    assert_eq!(state_of(rule("max", "lt"), &facts), State::NotMet);
    assert_eq!(state_of(rule("max", "ge"), &facts), State::Met);
    assert_eq!(state_of(rule("min", "ge"), &facts), State::NotMet);
    assert_eq!(state_of(rule("min", "eq"), &[albumin("2025-06-01", 3.0)]), State::Met);
    let in_moles = || observation("1751-7", "2025-07-01", quantity(0.4, "mmol/L"));
    let unclear = [albumin("2025-06-01", 3.5), in_moles()];
    assert_eq!(state_of(rule("min", "lt"), &unclear), State::Unknown, "the other unit may hide a lower one");
    let decided = [albumin("2025-06-01", 2.5), in_moles()];
    assert_eq!(state_of(rule("min", "lt"), &decided), State::Met);
}

#[test]
fn every_class_of_encounter_counts_its_own() {
    let count = |class: &str, min: i64, facts: &[Value]| {
        let rule = json!([kind("encounterCount"), ["class", { "valueCode": class }], days("windowDays", 365), days("min", min)]);
        state_of(rule, facts)
    };
    let visit = |class: &str, start: &str, end: &str| encounter(class, start, end);
    let chain = [
        with_feed(),
        visit("EMER", "2025-06-01T10:00:00Z", "2025-06-01T14:00:00Z"),
        visit("IMP", "2025-06-01T15:00:00Z", "2025-06-04T10:00:00Z"),
        visit("EMER", "2025-08-01T10:00:00Z", "2025-08-01T14:00:00Z"),
        visit("OBSENC", "2025-09-01T10:00:00Z", "2025-09-02T14:00:00Z"),
        visit("AMB", "2025-10-01T10:00:00Z", "2025-10-01T10:30:00Z"),
    ];
    for (class, number) in [
        ("inpatient-any", 1),
        ("inpatient-unplanned", 1),
        ("ed", 2),
        ("ed-treat-release", 1),
        ("observation", 1),
        ("hospital-any", 3),
        ("outpatient", 1),
    ] {
        assert_eq!(count(class, number, &chain), State::Met, "{class}");
        assert_eq!(count(class, number + 1, &chain), State::NotMet, "{class}");
        assert_eq!(count(class, number + 1, &chain[1..]), State::Unknown, "{class} without a feed");
    }
    let elective =
        with(admission(), json!({ "type": [{ "coding": [{ "system": SCT, "code": "8715000" }] }] }));
    assert_eq!(count("inpatient-unplanned", 1, &[with_feed(), elective]), State::NotMet);
}

#[test]
fn t73_whether_an_unclear_admission_was_planned_is_for_the_rule_to_say() {
    let rule = |unclear: Value| {
        let mut rule = json!([kind("encounterCount"), ["class", { "valueCode": "inpatient-unplanned" }],
            days("windowDays", 365), days("min", 1)]);
        rule.as_array_mut().unwrap().extend(unclear.as_array().unwrap().clone());
        rule
    };
    assert_eq!(state_of(rule(json!([])), &[with_feed(), admission()]), State::Met);
    let strict = json!([["unclearIsUnplanned", { "valueBoolean": false }]]);
    assert_eq!(state_of(rule(strict), &[with_feed(), admission()]), State::Unknown);
}

#[test]
fn a_rule_that_cannot_be_understood_is_refused_when_it_is_loaded() {
    let condition = || vec![kind("condition"), value_set("valueSet", "vs-copd")];
    let and = |mut rule: Vec<Value>, more: Value| {
        rule.push(more);
        Value::Array(rule)
    };
    assert!(one_rule(Value::Array(condition())).is_ok());
    for (rule, problem) in [
        (json!([]), "kind"),
        (json!([kind("horoscope")]), "horoscope"),
        (json!([kind("condition")]), "valueSet"),
        (json!([kind("condition"), value_set("valueSet", "vs-none")]), "vs-none"),
        (and(condition(), days("windowDays", 3)), "windowDays"),
        (and(condition(), json!(["minEncounters", { "valueString": "2" }])), "minEncounters"),
        (and(condition(), value_set("valueSet", "vs-ild")), "twice"),
        (
            json!([kind("encounterCount"), ["class", { "valueCode": "spa" }], days("windowDays", 1), days("min", 1)]),
            "spa",
        ),
        (json!([kind("attestation"), ["code", { "valueCode": "unmet-need" }]]), "value"),
        (json!([kind("age")]), "min"),
        (json!([kind("age"), days("min", 60), days("max", 40)]), "Nobody is 60 or older"),
        (
            json!([kind("attestation"), ["code", { "valueCode": "unmet-ned" }], ["value", { "valueBoolean": true }]]),
            "unmet-ned",
        ),
        (and(condition(), json!(["orAttestation", { "valueCode": "unmet-ned" }])), "unmet-ned"),
        (json!([kind("flag"), ["code", { "valueCode": "hospice" }]]), "hospice"),
        (json!([kind("coverage"), ["lob", { "valueCode": "medicaid" }]]), "medicaid"),
        (
            json!([kind("observation"), ["code", { "valueCoding": { "system": LOCAL, "code": "esas-pian" } }],
                ["op", { "valueCode": "ge" }], ["value", { "valueDecimal": 4 }]]),
            "esas-pian",
        ),
        (json!([kind("stay"), ["setting", { "valueCode": "spa" }]]), "setting"),
        (json!([kind("observation")]), "code"),
        (json!([kind("flag")]), "code"),
        (json!([kind("document")]), "valueSet"),
        (json!([kind("coverage"), days("continuousDays", -1)]), "continuousDays"),
        (
            json!([kind("document"), value_set("valueSet", "vs-copd"), ["byPatient", { "valueBoolean": true }]]),
            "byPatient",
        ),
        (
            json!([kind("trend"), ["code", { "valueCoding": { "code": "1" } }], ["direction", { "valueCode": "down" }]]),
            "minDelta",
        ),
        (
            json!([kind("trend"), ["code", { "valueCoding": { "code": "1" } }], ["direction", { "valueCode": "down" }],
                ["minDelta", { "valueDecimal": 1 }], ["unit", { "valueCode": "stone-ish" }], days("windowDays", 1)]),
            "stone-ish",
        ),
    ] {
        let refused = one_rule(rule.clone()).unwrap_err();
        assert!(refused.contains(problem), "{rule}: {refused}");
    }
}

#[test]
fn a_rule_set_that_was_stored_before_a_check_is_used_still_and_meets_nothing_by_it() {
    let code = |code: Value| ["code".into(), json!({ "valueCoding": code })];
    let and = |mut rule: Value, more: &[Value]| {
        rule.as_array_mut().unwrap().extend(more.iter().cloned());
        rule
    };
    let disease = || json!([kind("condition"), value_set("valueSet", "vs-copd")]);
    let yes = json!(["value", { "valueBoolean": true }]);
    for rule in [
        json!([kind("attestation"), ["code", { "valueCode": "our-own" }], yes]),
        and(disease(), &[json!(["orAttestation", { "valueCode": "our-own" }])]),
        json!([kind("flag"), ["code", { "valueCode": "our-own" }]]),
        json!([kind("coverage"), ["lob", { "valueCode": "our-own" }]]),
        and(
            json!([kind("document")]),
            &[value_set("valueSet", "vs-copd"), days("ageMin", 60), days("ageMax", 40)],
        ),
        json!([kind("age"), days("min", 60), days("max", 40)]),
        json!([kind("observation"), code(json!({ "display": "none" })), ["op", { "valueCode": "ge" }],
            ["value", { "valueDecimal": 4 }]]),
        json!([kind("observation"), code(json!({ "system": LOCAL, "code": "our-own" })),
            ["op", { "valueCode": "ge" }], ["value", { "valueDecimal": 4 }]]),
    ] {
        assert!(one_rule(rule.clone()).is_err(), "{rule}");
        let set = read_rule(rule.clone(), Reading::Stored).unwrap_or_else(|wrong| panic!("{rule}: {wrong}"));
        let record = record(&[]);
        let situation = Situation {
            record: &record,
            as_of: date(AS_OF),
            attestation_valid_days: 90,
            lines_of_business: &[],
        };
        assert_ne!(finding(&set.screen(&situation), "c").state, State::Met, "{rule}");
    }
    assert!(read_rule(json!([kind("horoscope")]), Reading::Stored).is_err());
}
