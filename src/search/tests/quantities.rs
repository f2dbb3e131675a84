//! Quantities: with their precision, across the units of UCUM, and in every shape that R4 has.
//! <https://hl7.org/fhir/R4/search.html#quantity>

use serde_json::Value;
use serde_json::json;

use super::database::Database;
use super::database::query;
use crate::search::Restriction;

const UCUM: &str = "http://unitsofmeasure.org";

fn observation(id: &str, element: &str, value: Value) -> Value {
    let mut observation = json!({ "resourceType": "Observation", "id": id, "status": "final",
        "code": { "coding": [{ "code": "c" }] } });
    observation[element] = value;
    observation
}

fn measured(id: &str, value: Value, code: &str) -> Value {
    observation(id, "valueQuantity", json!({ "value": value, "unit": code, "system": UCUM, "code": code }))
}

/// Each search with the ids that it finds, `{ucum}` standing for UCUM's system.
fn finds(database: &mut Database, table: &[(&str, &[&str])]) {
    for (search, expected) in table {
        let search = search.replace("{ucum}", UCUM);
        let mut found = database.find(&format!("Observation?{search}"));
        found.sort();
        assert_eq!(found, *expected, "{search}");
        let total = database
            .total(&query(&format!("Observation?{search}&_total=accurate")).unwrap(), &Restriction::none());
        assert_eq!(total, Some(i64::try_from(expected.len()).unwrap()), "the total of {search}");
    }
}

/// Searches, and what they find across units.
const COMPARED: &[(&str, &[&str])] = &[
    ("value-quantity=70|{ucum}|kg", &["g69500", "kg70", "lb154"]),
    ("value-quantity=70.0|{ucum}|kg", &["kg70", "lb154"]),
    ("value-quantity=70.00|{ucum}|kg", &["kg70"]),
    ("value-quantity=154.3|{ucum}|[lb_av]", &["kg70", "lb154"]),
    ("value-quantity=154.30|{ucum}|[lb_av]", &["lb154"]),
    ("value-quantity=gt70.5|{ucum}|kg", &["lb156"]),
    ("value-quantity=ge70.5|{ucum}|kg", &["g70500", "lb156"]),
    ("value-quantity=lt69.5|{ucum}|kg", &["less"]),
    ("value-quantity=le69500|{ucum}|g", &["g69500", "less"]),
    ("value-quantity=ne70|{ucum}|kg", &["g70500", "lb156", "less"]),
    ("value-quantity=ap65|{ucum}|kg", &["g69500", "g70500", "kg70", "lb154", "lb156"]),
    ("value-quantity=sa70|{ucum}|kg", &["g70500", "lb156"]),
    ("value-quantity=eb5.5|{ucum}|kg", &["less"]),
    ("value-quantity=100|{ucum}|mg/L", &["mgdl", "mgl"]),
    ("value-quantity=ge10|{ucum}|mg/dL", &["mgdl", "mgl"]),
    ("value-quantity=gt10|{ucum}|mg/dL", &[]),
    ("value-quantity=gt0.1|{ucum}|g/L", &[]),
    ("value-quantity=37.0|{ucum}|Cel", &["c37", "f98"]),
    ("value-quantity=ge98.6|{ucum}|[degF]", &["c37", "f98"]),
    ("value-quantity=310.15|{ucum}|K", &["c37", "f98"]),
    ("value-quantity=5000|{ucum}|[IU]/L", &["iu"]),
    ("value-quantity=5|{ucum}|[arb'U]/mL", &["arb"]),
    ("value-quantity=70|{ucum}|kilo", &["odd"]),
    ("value-quantity=70|urn:u|kg", &["other"]),
    ("value-quantity=70||kg", &["bare", "kg70", "other"]),
    ("value-quantity=70000||g", &[]),
    ("value-quantity=70", &["bare", "cm70", "kg70", "odd", "other"]),
    ("value-quantity=70000", &[]),
    ("value-quantity=70|{ucum}|", &["cm70", "kg70", "odd"]),
    ("value-quantity=70|{ucum}|kg,100|{ucum}|mg/L", &["g69500", "kg70", "lb154", "mgdl", "mgl"]),
    ("code-value-quantity=c$70.0|{ucum}|kg", &["kg70", "lb154"]),
    ("code-value-quantity=c$gt155|{ucum}|[lb_av]", &["g70500", "lb156"]),
    ("code-value-quantity=c$70", &["bare", "cm70", "kg70", "odd", "other"]),
];

#[test]
fn units_of_ucum_compare_within_the_precision_that_is_asked_for() {
    let mut database = Database::of(&[
        measured("kg70", json!(70), "kg"),
        measured("lb154", json!(154.3), "[lb_av]"),
        measured("lb156", json!(156), "[lb_av]"),
        measured("g69500", json!(69500), "g"),
        measured("g70500", json!(70500), "g"),
        measured("cm70", json!(70), "cm"),
        measured("mgdl", json!(10), "mg/dL"),
        measured("mgl", json!(100), "mg/L"),
        measured("f98", json!(98.6), "[degF]"),
        measured("c37", json!(37), "Cel"),
        measured("iu", json!(5), "[iU]/mL"),
        measured("arb", json!(5), "[arb'U]/mL"),
        measured("odd", json!(70), "kilo"),
        observation("bare", "valueQuantity", json!({ "value": 70, "unit": "kg" })),
        observation("other", "valueQuantity", json!({ "value": 70, "system": "urn:u", "code": "kg" })),
        observation(
            "less",
            "valueQuantity",
            json!({ "value": 5, "comparator": "<", "system": UCUM, "code": "kg" }),
        ),
    ]);
    finds(&mut database, COMPARED);
    // The order is that of the numbers as they were sent.
    assert_eq!(
        database.find("Observation?_sort=value-quantity&_count=3"),
        ["less", "iu", "arb"].map(String::from)
    );
}

#[test]
fn ranges_and_samples_are_found_by_their_bounds() {
    let sampled = |data: &str, factor: f64| {
        json!({ "origin": { "value": 1, "system": UCUM, "code": "V" }, "period": 10, "factor": factor,
            "dimensions": 1, "upperLimit": 5, "data": data })
    };
    let years = |value: i64| json!({ "value": value, "system": UCUM, "code": "a" });
    let mut database = Database::of(&[
        observation("wave", "valueSampledData", sampled("1 -2 E 3", 0.1)),
        observation("turned", "valueSampledData", sampled("1 -2 3", -0.1)),
        observation("cut", "valueSampledData", sampled("L 2 3", 0.1)),
        observation("over", "valueSampledData", sampled("U", 0.1)),
        observation("empty", "valueSampledData", sampled("E E", 0.1)),
    ]);
    finds(
        &mut database,
        &[
            ("value-quantity=le0.8", &["cut", "turned"]),
            ("value-quantity=ge0.8|{ucum}|V", &["cut", "over", "turned", "wave"]),
            ("value-quantity=lt800|{ucum}|mV", &["cut", "turned"]),
            ("value-quantity=ge1300|{ucum}|mV", &["over"]),
            ("value-quantity=gt1200|{ucum}|mV", &["cut", "over", "wave"]),
            ("value-quantity=eb1.25", &["turned"]),
            ("value-quantity:missing=false", &["cut", "over", "turned", "wave"]),
            ("value-quantity:missing=true", &["empty"]),
        ],
    );
    let aged = |id: &str, element: &str, value: Value| {
        let mut condition =
            json!({ "resourceType": "Condition", "id": id, "subject": { "reference": "Patient/1" } });
        condition[element] = value;
        condition
    };
    let mut database = Database::of(&[
        aged("at", "onsetAge", years(30)),
        aged("within", "onsetRange", json!({ "low": years(20), "high": years(29) })),
        aged("since", "onsetRange", json!({ "low": years(40) })),
        aged("until", "onsetRange", json!({ "high": years(10) })),
    ]);
    for (search, expected) in [
        ("onset-age=30", vec!["at"]),
        ("onset-age=gt25|{ucum}|a", vec!["at", "since", "within"]),
        ("onset-age=lt15", vec!["until"]),
        ("onset-age=sa29", vec!["at", "since"]),
        ("onset-age=eb240|{ucum}|mo", vec!["until"]),
        ("onset-age=le240|{ucum}|mo", vec!["until"]),
        ("onset-age=gt1000", vec!["since"]),
    ] {
        let mut found = database.find(&format!("Condition?{}", search.replace("{ucum}", UCUM)));
        found.sort();
        assert_eq!(found, expected, "{search}");
    }
}

#[test]
fn a_number_with_all_the_digits_of_its_own_is_found_by_them() {
    let mut database = Database::new();
    database.store(&measured("own", json!(4.921_883_628_615_745_5), "mmol/L"));
    let table: &[(&str, &[&str])] = &[
        ("value-quantity=4.9218836286157455|{ucum}|mmol/L", &["own"]),
        ("value-quantity=4.9218836286157455", &["own"]),
        ("value-quantity=ne4.9218836286157455|{ucum}|mmol/L", &[]),
        ("value-quantity=4.92188362861574|{ucum}|mmol/L", &[]),
    ];
    finds(&mut database, table);
}
