//! The kinds of criteria on values that are found again, on coverage, on Flags and on ages.

use super::*;

fn states(rule: &Value, cases: &[(State, Vec<Value>)]) {
    for (at, (state, facts)) in cases.iter().enumerate() {
        assert_eq!(state_of(rule.clone(), facts), *state, "case {at}: {rule}");
    }
}

#[test]
fn a_value_that_is_found_again_counts_so_many_days_apart() {
    let esas = |date: &str, value: i64| observation("esas-pain", date, json!({ "valueInteger": value }));
    let code = json!(["code", { "valueCoding": { "system": LOCAL, "code": "esas-pain" } }]);
    let rule = json!([kind("observationCount"), code, ["op", { "valueCode": "ge" }], ["value", { "valueDecimal": 7 }],
        ["unitOptional", { "valueBoolean": true }], days("lookbackDays", 90), days("min", 2), days("apartDays", 14)]);
    states(
        &rule,
        &[
            (State::Met, vec![esas("2025-11-01", 7), esas("2025-11-15", 8)]),
            (State::Met, vec![esas("2025-11-01", 9), esas("2025-11-08", 9), esas("2025-11-15", 9)]),
            (State::NotMet, vec![esas("2025-11-01", 9), esas("2025-11-15", 3)]),
            (State::NotMet, vec![esas("2025-11-01", 9), esas("2025-11-10", 9), esas("2025-11-15", 3)]),
            (State::Unknown, vec![]),
            (State::Unknown, vec![esas("2025-11-01", 9)]),
            (State::Unknown, vec![esas("2025-11-01", 9), esas("2025-11-14", 9)]),
            (State::Unknown, vec![esas("2025-08-01", 9), esas("2025-11-15", 9)]),
            (State::Unknown, vec![esas("2025-11", 9), esas("2025-10-01", 9)]),
        ],
    );
}

#[test]
fn coverage_is_of_a_line_continuous_and_first() {
    let covered = |payer: &str, status: &str, period: Value| {
        json!({ "resourceType": "Coverage", "status": status, "beneficiary": { "reference": "Patient/p" },
            "type": { "coding": [{ "system": "https://nahdo.org/sopt", "code": payer }] }, "period": period })
    };
    let since = |start: &str| json!({ "start": start });
    let from_to = |start: &str, end: &str| json!({ "start": start, "end": end });
    let first = |order: i64, coverage: Value| with(coverage, json!({ "order": order }));
    let rule = |more: Value| {
        let mut rule = vec![kind("coverage"), json!(["lob", { "valueCode": "medicare-ffs" }])];
        rule.extend(more.as_array().unwrap().clone());
        Value::Array(rule)
    };
    let ffs = |period: Value| covered("12", "active", period);
    let other = || covered("51", "active", since("2020-01-01"));
    let on_the_day = rule(json!([]));
    states(
        &on_the_day,
        &[
            (State::Met, vec![ffs(since("2025-12-01"))]),
            (State::Met, vec![ffs(json!({}))]),
            (State::NotMet, vec![covered("12", "cancelled", from_to("2025-01-01", "2025-12-31"))]),
            (State::NotMet, vec![other()]),
            (State::NotMet, vec![ffs(from_to("2025-01-01", "2025-11-30"))]),
            (State::NotMet, vec![ffs(since("2025-12-02"))]),
            (State::NotMet, vec![covered("12", "entered-in-error", since("2020-01-01"))]),
            (State::Unknown, vec![]),
            (State::Unknown, vec![covered("9999", "active", since("2020-01-01"))]),
            (State::Unknown, vec![ffs(since("2025-12"))]),
        ],
    );
    let for_a_year = rule(json!([days("continuousDays", 365)]));
    states(
        &for_a_year,
        &[
            (State::Met, vec![ffs(since("2024-12-02"))]),
            (State::Met, vec![ffs(from_to("2024-01-01", "2025-06-30")), ffs(since("2025-07-01"))]),
            (State::NotMet, vec![ffs(since("2024-12-03"))]),
            (State::NotMet, vec![ffs(from_to("2024-01-01", "2025-06-30")), ffs(since("2025-07-02"))]),
            (State::Unknown, vec![ffs(json!({}))]),
        ],
    );
    let primary = rule(json!([["primary", { "valueBoolean": true }]]));
    let year = || since("2020-01-01");
    states(
        &primary,
        &[
            (State::Met, vec![ffs(year())]),
            (State::Met, vec![first(1, ffs(year())), first(2, other())]),
            (State::NotMet, vec![first(2, ffs(year())), first(1, other())]),
            (State::Unknown, vec![ffs(year()), other()]),
        ],
    );
}

#[test]
fn a_flag_must_be_in_force_or_must_not() {
    let rule = |active: bool| json!([kind("flag"), ["code", { "valueCode": "hospice-election" }], ["active", { "valueBoolean": active }]]);
    let partial = with(hospice_flag(), json!({ "period": { "start": "2025-12" } }));
    let cases = |met: State, not_met: State| {
        [(met, vec![hospice_flag()]), (not_met, vec![]), (State::Unknown, vec![partial.clone()])]
    };
    states(&rule(true), &cases(State::Met, State::NotMet));
    states(&rule(false), &cases(State::NotMet, State::Met));
}

#[test]
fn t53_the_day_on_which_a_hospice_election_ends_is_no_day_of_hospice() {
    let rule = json!([kind("flag"), ["code", { "valueCode": "hospice-election" }]]);
    let until = |end: &str| {
        vec![with(
            hospice_flag(),
            json!({ "status": "inactive", "period": { "start": "2025-11-15", "end": end } }),
        )]
    };
    let cases = [
        ("2025-12-02", State::Met),
        ("2025-12-01", State::NotMet),
        ("2025-11-30", State::NotMet),
        ("2025-12", State::Unknown),
    ];
    for (end, expected) in cases {
        states(&rule, &[(expected, until(end))]);
    }
}

#[test]
fn t67_a_coverage_that_was_cancelled_before_its_end_does_not_stand_until_it() {
    let rule = json!([kind("coverage")]);
    let cancelled = |end: &str, written: Value| {
        vec![json!({ "resourceType": "Coverage", "status": "cancelled", "meta": written,
            "period": { "start": "2025-01-01", "end": end } })]
    };
    let written = |on: &str| json!({ "lastUpdated": format!("{on}T18:00:00Z") });
    states(
        &rule,
        &[
            (State::NotMet, cancelled("2026-06-30", written("2025-12-01"))),
            (State::NotMet, cancelled("2026-06-30", written("2025-11-01"))),
            (State::NotMet, cancelled("2026-06-30", json!({}))),
            (State::Unknown, cancelled("2026-06-30", written("2025-12-02"))),
            (State::Met, cancelled("2025-12-31", written("2025-12-31"))),
            (State::Met, cancelled("2025-12-31", written("2026-02-01"))),
            (State::NotMet, cancelled("2025-11-30", written("2025-11-30"))),
        ],
    );
}

#[test]
fn a_score_that_may_be_on_another_scale_does_not_tell() {
    let rule = json!([kind("observation"), ["code", { "valueCoding": { "system": LOINC, "code": "96761-2" } }],
        ["op", { "valueCode": "le" }], ["value", { "valueDecimal": 60.0 }], ["unit", { "valueCode": "{score}" }],
        ["otherScaleTo", { "valueDecimal": 20.0 }]]);
    let barthel = |value: f64| vec![observation("96761-2", "2025-06-01", quantity(value, "{score}"))];
    states(
        &rule,
        &[
            (State::Met, barthel(60.0)),
            (State::Met, barthel(25.0)),
            (State::NotMet, barthel(65.0)),
            (State::Unknown, barthel(20.0)),
            (State::Unknown, barthel(5.0)),
        ],
    );
    let found = finding(
        &screen("https://comfrey.health/fhir/PlanDefinition/RS-SPICT", &barthel(18.0)),
        "barthel-le60",
    );
    assert_eq!(found.state, State::Unknown, "18 of 20 is no severe dependence");
    assert!(found.missing[0].contains("reason: scale"), "{:?}", found.missing);
}

#[test]
fn an_age_is_in_its_range() {
    let rule = json!([kind("age"), days("min", 66), days("max", 80)]);
    states(
        &rule,
        &[
            (State::Met, vec![patient("1959-12-01")]),
            (State::Met, vec![patient("1944-12-02")]),
            (State::NotMet, vec![patient("1959-12-02")]),
            (State::NotMet, vec![patient("1944-12-01")]),
            (State::Unknown, vec![patient("1959")]),
            (State::Unknown, vec![json!({ "resourceType": "Patient", "id": "p" })]),
        ],
    );
}

#[test]
fn a_unit_of_the_same_dimension_is_compared() {
    let rule = json!([kind("observation"), ["code", { "valueCoding": { "system": LOINC, "code": "1751-7" } }],
        ["op", { "valueCode": "lt" }], ["value", { "valueDecimal": 3.0 }], ["unit", { "valueCode": "g/dL" }]]);
    let albumin = |value: f64, unit: &str| vec![observation("1751-7", "2025-06-01", quantity(value, unit))];
    states(
        &rule,
        &[
            (State::Met, albumin(29.0, "g/L")),
            (State::NotMet, albumin(30.0, "g/L")),
            (State::Unknown, albumin(0.4, "mmol/L")),
        ],
    );
}
