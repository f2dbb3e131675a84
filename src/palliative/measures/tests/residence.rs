//! Answers to the question where somebody lives. <https://loinc.org/71802-3>

use super::traps::housing;
use super::*;

#[test]
fn t_12_that_nobody_knows_where_somebody_lives_ends_no_residence() {
    let resident = |between: Value| {
        let lives =
            [housing("in", "2025-03-01", "160734000"), between, housing("out", "2025-04-01", "160724005")];
        course(&with(person("p", "2025-01-01"), lives)).resident
    };
    let answer = |value: Value| {
        let mut one = housing("between", "2025-03-11", "x");
        one["valueCodeableConcept"] = value;
        one
    };
    let coded = |system: &str, code: &str| answer(json!({ "coding": [{ "system": system, "code": code }] }));
    for between in [
        coded("http://snomed.info/sct", "261665006"),
        coded("http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "UNK"),
        coded("http://terminology.hl7.org/CodeSystem/data-absent-reason", "asked-declined"),
        coded("http://loinc.org", "LA30122-8"),
        answer(json!({ "text": "she would not say" })),
        answer(json!({ "coding": [{ "display": "Unknown" }] })),
    ] {
        assert_eq!(resident(between.clone()), 31, "{between}");
    }
    assert_eq!(resident(coded("http://snomed.info/sct", "160724005")), 10, "an answer ends it");
}
