//! The kind of criterion that goes by how a weight falls.

use super::kinds::Kind;
use super::kinds::check;
use super::kinds::rule;
use super::*;

fn weight(date: &str, value: f64, unit: &str) -> Value {
    observation("29463-7", date, quantity(value, unit))
}

fn fall(step: Value) -> Value {
    let code = json!(["code", { "valueCoding": { "system": LOINC, "code": "29463-7" } }]);
    let direction = json!(["direction", { "valueCode": "down" }]);
    rule("trend", json!([code, ["unit", { "valueCode": "kg" }], direction, step, days("windowDays", 183)]))
}

#[test]
fn weight_falls_by_hundredths() {
    check(Kind {
        rule: fall(json!(["minPercent", { "valueDecimal": 5 }])),
        met: vec![
            vec![weight("2025-07-01", 60.0, "kg"), weight("2025-11-01", 57.0, "kg")],
            vec![weight("2025-07-01", 60.0, "kg"), weight("2025-11-01", 125.0, "[lb_av]")],
            vec![
                weight("2025-07-01", 58.0, "kg"),
                weight("2025-08-01", 60.0, "kg"),
                weight("2025-11-01", 57.0, "kg"),
            ],
            vec![
                weight("2025-07-01", 60.0, "kg"),
                weight("2025-08-01", 60.0, "L"),
                weight("2025-11-01", 57.0, "kg"),
            ],
        ],
        not_met: vec![
            vec![weight("2025-07-01", 60.0, "kg"), weight("2025-11-01", 57.1, "kg")],
            vec![weight("2025-07-01", 57.0, "kg"), weight("2025-11-01", 60.0, "kg")],
        ],
        unknown: vec![
            vec![],
            vec![weight("2025-11-01", 57.0, "kg")],
            vec![weight("2025-05-01", 80.0, "kg"), weight("2025-11-01", 57.0, "kg")],
            vec![
                weight("2025-07-01", 60.0, "kg"),
                weight("2025-08-01", 60.0, "L"),
                weight("2025-11-01", 59.0, "kg"),
            ],
            vec![
                weight("2025-07-01", 60.0, "kg"),
                weight("2025-10-01", 57.0, "kg"),
                weight("2025-11-01", 60.0, "L"),
            ],
            vec![
                weight("2025-07-01", 60.0, "kg"),
                weight("2025-10-01", 57.0, "kg"),
                weight("2025-10-01", 60.0, "L"),
            ],
            vec![
                weight("2025-07-01", 60.0, "kg"),
                weight("2025-11-01", 57.0, "kg"),
                weight("2025-11-01", 60.0, "kg"),
            ],
        ],
    });
}

#[test]
fn weight_falls_by_more_than_hundredths_or_by_a_step() {
    check(Kind {
        rule: fall(json!(["overPercent", { "valueDecimal": 10 }])),
        met: vec![vec![weight("2025-07-01", 60.0, "kg"), weight("2025-11-01", 53.9, "kg")]],
        not_met: vec![vec![weight("2025-07-01", 60.0, "kg"), weight("2025-11-01", 54.0, "kg")]],
        unknown: vec![vec![weight("2025-11-01", 54.0, "kg")]],
    });
    check(Kind {
        rule: fall(json!(["minDelta", { "valueDecimal": 3 }])),
        met: vec![vec![weight("2025-07-01", 60.0, "kg"), weight("2025-11-01", 57.0, "kg")]],
        not_met: vec![vec![weight("2025-07-01", 60.0, "kg"), weight("2025-11-01", 57.5, "kg")]],
        unknown: vec![vec![weight("2025-11-01", 57.0, "kg")]],
    });
}
