//! The kind of criterion that counts dates of service, with cases for, against and that do not tell.

use super::kinds::Kind;
use super::kinds::check;
use super::kinds::rule;
use super::*;
use crate::palliative::record::CLAIMS_EXTENSION;

fn two_dates(more: Value) -> Value {
    let own = json!([value_set("conditionSet", "vs-copd"), days("windowDays", 90), days("min", 2)]);
    rule(
        "serviceDates",
        Value::Array([own.as_array().unwrap().clone(), more.as_array().unwrap().clone()].concat()),
    )
}

fn with_claims(from: &str) -> Value {
    let feed = json!([{ "url": CLAIMS_EXTENSION, "valuePeriod": { "start": from } }]);
    with(patient("1955-01-01"), json!({ "extension": feed }))
}

fn visit(id: &str, date: &str) -> Value {
    with(encounter("AMB", date, date), json!({ "id": id }))
}

/// A diagnosis of an encounter.
fn made_in(visit: &str, icd: &str, more: Value) -> Value {
    let mut made = condition(ICD, icd);
    made.as_object_mut().unwrap().remove("clinicalStatus");
    let own = json!({ "encounter": { "reference": format!("Encounter/{visit}") } });
    with(with(made, own), more)
}

/// Diagnoses of two visits on their dates.
fn diagnosed(first: (&str, Value), second: (&str, Value)) -> Vec<Value> {
    vec![
        visit("a", first.0),
        visit("b", second.0),
        made_in("a", "J44.9", first.1),
        made_in("b", "J43.9", second.1),
    ]
}

fn visited(date: &str) -> Value {
    with(encounter("AMB", date, date), because("J44.9"))
}

#[test]
fn dates_of_diagnoses_are_counted_each_once() {
    let twice = |first: &str, second: &str| diagnosed((first, json!({})), (second, json!({})));
    let apart = |more: (Value, Value)| diagnosed(("2025-11-01", more.0), ("2025-10-01", more.1));
    let once = || vec![visit("a", "2025-11-01"), made_in("a", "J44.9", json!({}))];
    let and = |mut facts: Vec<Value>, more: Value| {
        facts.push(more);
        facts
    };
    let healed = json!({ "clinicalStatus": { "coding": [{ "code": "resolved" }] } });
    let provisional = json!({ "verificationStatus": { "coding": [{ "code": "provisional" }] } });
    let refuted = json!({ "verificationStatus": { "coding": [{ "code": "refuted" }] } });
    let named = json!({ "diagnosis": [{ "condition": { "reference": "Condition/c" } }] });
    check(Kind {
        rule: two_dates(json!([])),
        met: vec![
            twice("2025-11-01", "2025-11-02"),
            twice("2025-09-02", "2025-12-01"),
            vec![visited("2025-11-01"), visited("2025-10-01")],
            and(once(), visited("2025-10-01")),
            apart((healed.clone(), healed)),
            vec![
                with(condition(ICD, "J44.9"), json!({ "id": "c" })),
                with(visit("a", "2025-11-01"), named.clone()),
                with(visit("b", "2025-10-01"), named),
            ],
        ],
        not_met: vec![
            vec![other_condition()],
            and(once(), with_feed()),
            and(twice("2025-11-01", "2025-11-01"), with_claims("2020-01-01")),
            and(twice("2025-11-01", "2025-09-01"), with_claims("2025-09-02")),
            and(and(once(), visited("2025-12-02")), with_claims("2020-01-01")),
            and(and(once(), with(visited("2025-10-01"), json!({ "status": "cancelled" }))), with_feed()),
            and(apart((json!({}), refuted)), with_feed()),
        ],
        unknown: vec![
            vec![],
            once(),
            and(once(), other_condition()),
            twice("2025-11-01", "2025-11-01"),
            and(once(), with_claims("2025-09-03")),
            and(and(once(), visited("2025")), with_claims("2020-01-01")),
            and(and(once(), with(visited("2025-10-01"), json!({ "status": "unknown" }))), with_feed()),
            and(apart((json!({}), provisional)), with_feed()),
        ],
    });
}

#[test]
fn services_and_devices_count_beside_diagnoses() {
    let coding = |code: &str| json!([{ "system": ICD, "code": code }]);
    let service = |date: &str| {
        json!({ "resourceType": "Procedure", "status": "completed", "performedDateTime": date,
            "code": { "coding": coding("I50.9") }, "subject": { "reference": "Patient/p" } })
    };
    let device = |status: &str, date: &str| {
        json!({ "resourceType": "DeviceRequest", "status": status, "intent": "order", "authoredOn": date,
            "codeCodeableConcept": { "coding": coding("N18.6") }, "subject": { "reference": "Patient/p" } })
    };
    let of_type =
        |date: &str| with(encounter("HH", date, date), json!({ "type": [{ "coding": coding("I50.9") }] }));
    let all = || with_claims("2020-01-01");
    check(Kind {
        rule: two_dates(json!([
            value_set("serviceSet", "vs-heart-failure"),
            value_set("deviceSet", "vs-ckd5-esrd")
        ])),
        met: vec![
            vec![visited("2025-11-01"), service("2025-10-01")],
            vec![visited("2025-11-01"), of_type("2025-10-01")],
            vec![service("2025-11-01"), device("completed", "2025-10-01")],
            // in use from before the window on, it is one more date
            vec![service("2025-09-02"), device("active", "2024-01-01")],
        ],
        not_met: vec![
            vec![all()],
            vec![all(), visited("2025-11-01"), service("2025-11-01"), device("completed", "2025-11-01")],
            vec![all(), service("2025-11-01"), device("completed", "2024-01-01")],
            vec![all(), device("active", "2024-01-01"), device("active", "2024-02-01")],
            vec![all(), service("2025-11-01"), device("revoked", "2025-10-01")],
        ],
        unknown: vec![
            vec![other_condition()],
            vec![with_feed(), visited("2025-11-01")],
            vec![all(), service("2025-11-01"), device("on-hold", "2025-10-01")],
            vec![all(), service("2025-10"), service("2025-10")],
        ],
    });
}

#[test]
fn a_stay_or_the_problem_list_is_enough_where_the_rule_says_so() {
    let code = |name: &str, code: &str| json!([name, { "valueCode": code }]);
    let stay = || with(admission(), because("J44.9"));
    let mut unstated = condition(ICD, "J44.9");
    unstated.as_object_mut().unwrap().remove("clinicalStatus");
    check(Kind {
        rule: two_dates(
            json!([code("sufficientClass", "inpatient-any"), ["problemListSuffices", { "valueBoolean": true }]]),
        ),
        met: vec![
            vec![stay()],
            vec![with(admission(), json!({ "id": "a" })), made_in("a", "J44.9", json!({}))],
            vec![condition(ICD, "J44.9")],
        ],
        not_met: vec![
            vec![with_feed(), visited("2025-11-01")],
            vec![
                with_feed(),
                with(
                    condition(ICD, "J44.9"),
                    json!({ "clinicalStatus": { "coding": [{ "code": "resolved" }] } }),
                ),
            ],
        ],
        unknown: vec![
            vec![with_feed(), with(stay(), json!({ "status": "unknown" }))],
            vec![with_feed(), unstated],
        ],
    });
    // else they count as one date, if they are of the window
    let without = |facts: Vec<Value>| state_of(two_dates(json!([])), &facts);
    assert_eq!(without(vec![stay(), with_feed()]), State::NotMet);
    assert_eq!(without(vec![condition(ICD, "J44.9"), with_feed()]), State::NotMet);
    for (wrong, at) in [
        (two_dates(json!([code("sufficientClass", "hospital-any")])), "extension[4]"),
        (rule("serviceDates", json!([days("windowDays", 90), days("min", 2)])), "conditionSet"),
        (rule("serviceDates", json!([value_set("conditionSet", "vs-copd"), days("min", 2)])), "windowDays"),
        (rule("serviceDates", json!([value_set("conditionSet", "vs-copd"), days("windowDays", 9)])), "`min`"),
    ] {
        let told = one_rule(wrong).unwrap_err();
        assert!(told.contains(at), "{told}");
    }
}

#[test]
fn it_changes_on_the_day_on_which_a_date_leaves_the_window() {
    let set = one_rule(two_dates(json!([]))).unwrap();
    let facts = [visited("2025-11-01"), visited("2025-10-01"), with_claims("2020-01-01")];
    let on = |day: &str| {
        let record = record(&facts);
        let as_of = date(day);
        let situation =
            Situation { record: &record, as_of, attestation_valid_days: 90, lines_of_business: &[] };
        let screening = set.screen(&situation);
        (finding(&screening, "c").state, screening.next_change)
    };
    assert_eq!(on("2025-10-31"), (State::NotMet, Some(date("2025-11-01"))), "one is still to come");
    assert_eq!(on("2025-12-30"), (State::Met, Some(date("2025-12-31"))));
    assert_eq!(on("2025-12-31").0, State::NotMet);
}

#[test]
fn an_encounter_is_of_one_date_and_partial_dates_are_two_where_they_cannot_be_one() {
    let provisional = json!({ "verificationStatus": { "coding": [{ "code": "provisional" }] } });
    let all = || with_claims("2020-01-01");
    let of_one = |visit: Value, more: Value| {
        vec![all(), visit, made_in("a", "J44.9", json!({})), made_in("a", "J43.9", more)]
    };
    let unsure = with(visit("a", "2025-10-01"), json!({ "status": "unknown" }));
    check(Kind {
        rule: two_dates(json!([])),
        met: vec![
            vec![visited("2025-10"), visited("2025-11-01")],
            vec![visited("2025-10"), visited("2025-11")],
        ],
        not_met: vec![
            of_one(visit("a", "2025-10"), json!({})),
            of_one(visit("a", "2025-11-01"), provisional),
            of_one(unsure, json!({})),
        ],
        unknown: vec![vec![all(), visited("2025-10"), visited("2025-10-03")]],
    });
}

#[test]
fn the_date_of_an_encounter_is_told_with_the_encounter_and_not_where_that_is_closed() {
    let set = one_rule(two_dates(json!([]))).unwrap();
    let label = json!({ "meta": { "security": [{ "code": "PSY",
        "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode" }] } });
    let on = |visit: Value| {
        let record = record(&[visit, made_in("a", "J44.9", json!({})), visited("2025-10-01")]);
        let as_of = date("2025-12-01");
        let situation =
            Situation { record: &record, as_of, attestation_valid_days: 90, lines_of_business: &[] };
        finding(&set.screen(&situation), "c").clone()
    };
    let open = on(visit("a", "2025-11-01"));
    assert_eq!(open.date, Some(date("2025-11-01")));
    assert!(open.evidence.iter().any(|one| one == "Encounter/a"), "{open:?}");
    let closed = on(with(visit("a", "2025-11-01"), label));
    assert_eq!((closed.state, closed.date, &closed.value), (State::Met, None, &None));
    assert!(closed.is_withheld() && !closed.evidence.iter().any(|one| one == "Encounter/a"), "{closed:?}");
}

#[test]
fn nothing_changes_before_the_day_that_is_told() {
    let code = |name: &str, code: &str| json!([name, { "valueCode": code }]);
    let coding = |code: &str| json!({ "coding": [{ "system": ICD, "code": code }] });
    let rule = two_dates(json!([
        value_set("serviceSet", "vs-heart-failure"),
        value_set("deviceSet", "vs-ckd5-esrd"),
        code("sufficientClass", "inpatient-any"),
        ["problemListSuffices", { "valueBoolean": true }]
    ]));
    let dates_alone = two_dates(json!([]));
    let over = json!({ "abatementDateTime": "2025-12" });
    let facts = [
        with_claims("2025-09-20"),
        visited("2025-10"),
        visited("2025-11-03"),
        with(visited("2025-12"), json!({ "status": "unknown" })),
        with(encounter("IMP", "2025-08-20", "2025-10-10"), because("J44.9")),
        with(condition(ICD, "J44.9"), over),
        json!({ "resourceType": "Procedure", "status": "completed", "subject": { "reference": "Patient/p" },
            "performedPeriod": { "start": "2025-07", "end": "2025-09-10" }, "code": coding("I50.9") }),
        json!({ "resourceType": "DeviceRequest", "status": "active", "intent": "order", "authoredOn": "2025-10-20",
            "codeCodeableConcept": coding("N18.6"), "subject": { "reference": "Patient/p" } }),
    ];
    let sets = [rule, dates_alone].map(|rule| one_rule(rule).unwrap());
    for (set, kept) in sets.iter().flat_map(|set| (0..256).map(move |kept| (set, kept))) {
        let chosen: Vec<Value> = facts
            .iter()
            .enumerate()
            .filter(|(at, _)| kept & (1 << at) != 0)
            .map(|(_, fact)| fact.clone())
            .collect();
        let record = record(&chosen);
        let on = |as_of: Date| {
            let situation =
                Situation { record: &record, as_of, attestation_valid_days: 90, lines_of_business: &[] };
            let screening = set.screen(&situation);
            (finding(&screening, "c").state, screening.next_change)
        };
        let mut day = date("2025-09-01");
        let mut told = on(day);
        while day < date("2026-04-01") {
            day = day.tomorrow().unwrap();
            let now = on(day);
            if told.1.is_some_and(|change| change <= day) {
                told = now;
            }
            assert_eq!(now.0, told.0, "{kept:b} on {day}");
        }
    }
}
