//! Invariants of data types, each in an extension that has a value of the type.
//! <https://hl7.org/fhir/R4/datatypes.html>

use super::*;

/// A patient with an extension, which has these members beside its URL.
fn extension(members: Value) -> Value {
    json!({ "extension": [with(&json!({ "url": "http://a.org" }), members)] })
}

fn value(name: &str, value: Value) -> Value {
    let mut members = json!({});
    members[name] = value;
    extension(members)
}

fn repeat(members: Value) -> Value {
    value("valueTiming", json!({ "repeat": members }))
}

/// A broken invariant with its place below the extension.
fn at(key: &str, name: &str) -> String {
    format!("{key} Patient.extension[0].{name}")
}

/// Holds a valid patient against such extensions, and the invariants that each breaks.
fn hold_extensions(cases: Vec<(Value, Vec<String>)>) {
    let patient = json!({ "resourceType": "Patient", "gender": "other" });
    assert_eq!(broken(&patient), Vec::<String>::new());
    for (members, mut keys) in cases {
        let mut found = broken(&with(&patient, members.clone()));
        found.sort();
        keys.sort();
        assert_eq!(found, keys, "{members}");
    }
}

#[test]
fn data_types_keep_their_invariants() {
    let cases: Vec<(Value, Vec<String>)> = vec![
        (extension(json!({})), vec!["ext-1 Patient.extension[0]".to_owned()]),
        (value("valueQuantity", json!({ "value": 1, "code": "mg" })), vec![at("qty-3", "valueQuantity")]),
        (
            value("valueDuration", json!({ "value": 1, "code": "h" })),
            vec![at("qty-3", "valueDuration"), at("drt-1", "valueDuration")],
        ),
        (
            value("valueAge", json!({ "value": -1, "system": "http://unitsofmeasure.org", "code": "a" })),
            vec![at("age-1", "valueAge")],
        ),
        (
            value("valueCount", json!({ "value": 1.5, "system": "http://unitsofmeasure.org", "code": "1" })),
            vec![at("cnt-3", "valueCount")],
        ),
        (value("valueDistance", json!({ "value": 1 })), vec![at("dis-1", "valueDistance")]),
        (
            value("valueRange", json!({ "low": { "value": 2 }, "high": { "value": 1 } })),
            vec![at("rng-2", "valueRange")],
        ),
        (
            value(
                "valueRange",
                json!({ "low": { "value": 2, "unit": "a" }, "high": { "value": 1, "unit": "b" } }),
            ),
            vec![],
        ),
        (
            value("valueRange", json!({ "low": { "value": 1, "comparator": "<" } })),
            vec![at("sqty-1", "valueRange.low")],
        ),
        (value("valueRatio", json!({ "numerator": { "value": 1 } })), vec![at("rat-1", "valueRatio")]),
        (
            value("valuePeriod", json!({ "start": "2026-02-02", "end": "2026-02-01" })),
            vec![at("per-1", "valuePeriod")],
        ),
        (value("valuePeriod", json!({ "start": "2026-02-02", "end": "2026-02" })), vec![]),
        (value("valueContactPoint", json!({ "value": "1" })), vec![at("cpt-2", "valueContactPoint")]),
        (value("valueAttachment", json!({ "data": "AAAA" })), vec![at("att-1", "valueAttachment")]),
        (value("valueExpression", json!({ "language": "text/cql" })), vec![at("exp-1", "valueExpression")]),
        (value("valueString", json!("a")), vec![]),
        (
            value("valueTriggerDefinition", json!({ "type": "named-event" })),
            vec![at("trd-3", "valueTriggerDefinition")],
        ),
        (value("valueHumanName", json!({ "id": "a" })), vec![at("ele-1", "valueHumanName")]),
    ];
    hold_extensions(cases);
}

#[test]
fn triggers_and_requirements_of_data_keep_their_invariants() {
    let cases: Vec<(Value, Vec<String>)> = vec![
        (
            value(
                "valueTriggerDefinition",
                json!({ "type": "data-added", "condition": { "language": "text/cql", "expression": "a" } }),
            ),
            vec![at("trd-2", "valueTriggerDefinition"), at("trd-3", "valueTriggerDefinition")],
        ),
        (
            value(
                "valueTriggerDefinition",
                json!({ "type": "data-added", "data": [{ "type": "Patient" }], "timingDate": "2026" }),
            ),
            vec![at("trd-1", "valueTriggerDefinition")],
        ),
        (
            value(
                "valueDataRequirement",
                json!({ "type": "Patient", "codeFilter": [{ "path": "a", "searchParam": "b" }] }),
            ),
            vec![at("drq-1", "valueDataRequirement.codeFilter[0]")],
        ),
        (
            value(
                "valueDataRequirement",
                json!({ "type": "Patient", "dateFilter": [{ "valuePeriod": { "start": "2026" } }] }),
            ),
            vec![at("drq-2", "valueDataRequirement.dateFilter[0]")],
        ),
    ];
    hold_extensions(cases);
}

#[test]
fn timings_keep_their_invariants() {
    let cases: Vec<(Value, Vec<String>)> = vec![
        (repeat(json!({ "duration": 1 })), vec![at("tim-1", "valueTiming.repeat")]),
        (repeat(json!({ "period": 1 })), vec![at("tim-2", "valueTiming.repeat")]),
        (repeat(json!({ "duration": -1, "durationUnit": "h" })), vec![at("tim-4", "valueTiming.repeat")]),
        (repeat(json!({ "period": -0.5, "periodUnit": "h" })), vec![at("tim-5", "valueTiming.repeat")]),
        (repeat(json!({ "periodMax": 1 })), vec![at("tim-6", "valueTiming.repeat")]),
        (repeat(json!({ "durationMax": 1 })), vec![at("tim-7", "valueTiming.repeat")]),
        (repeat(json!({ "countMax": 1 })), vec![at("tim-8", "valueTiming.repeat")]),
        (repeat(json!({ "offset": 1 })), vec![at("tim-9", "valueTiming.repeat")]),
        (repeat(json!({ "offset": 1, "when": ["C"] })), vec![at("tim-9", "valueTiming.repeat")]),
        (repeat(json!({ "offset": 1, "when": ["AC"] })), vec![]),
        (
            repeat(json!({ "timeOfDay": ["10:00:00"], "when": ["AC"] })),
            vec![at("tim-10", "valueTiming.repeat")],
        ),
    ];
    hold_extensions(cases);
}
