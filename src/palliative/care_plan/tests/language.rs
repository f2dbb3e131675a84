//! Who is spoken to in which language, and who needs an interpreter.

use serde_json::json;

use super::enrolled;
use super::rows::why;

#[test]
fn another_language_than_english_asks_for_an_interpreter() {
    for (language, expected) in [(Some("es"), true), (Some("en-US"), false), (None, false)] {
        let mut world = enrolled();
        if let Some(language) = language {
            let spoken = json!([{ "language": { "coding": [{ "system": "urn:ietf:bcp:47", "code": language }] }, "preferred": true }]);
            world.set("Patient/p", "communication", spoken);
        }
        let why = why(&world, "d6-interpreter");
        assert_eq!(why.is_ok(), expected, "{language:?}");
        assert_eq!(why.is_err_and(|why| why.starts_with("Not known")), language.is_none());
    }
}

#[test]
fn t58_who_prefers_another_language_and_who_needs_an_interpreter_are_two_questions() {
    let required = |needed: bool| json!({ "url": "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired", "valueBoolean": needed });
    let of_us_core = |code: &str| {
        json!({ "url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-interpreter-needed",
            "valueCoding": { "system": "http://snomed.info/sct", "code": code } })
    };
    for (language, said, expected) in [
        ("es", required(false), false),
        ("en", required(true), true),
        ("es", of_us_core("373067005"), false),
        ("en", of_us_core("373066001"), true),
        ("es", of_us_core("261665006"), true),
        ("en", of_us_core("261665006"), false),
    ] {
        let mut world = enrolled();
        let spoken = json!([{ "language": { "coding": [{ "system": "urn:ietf:bcp:47", "code": language }] }, "preferred": true }]);
        world.set("Patient/p", "communication", spoken);
        world.set("Patient/p", "extension", json!([said]));
        assert_eq!(why(&world, "d6-interpreter").is_ok(), expected, "{language} {said}");
    }
    // of two that differ, in whatever order, the one that asks for an interpreter counts
    for said in [[required(false), of_us_core("373066001")], [of_us_core("373066001"), required(false)]] {
        let mut world = enrolled();
        world.set("Patient/p", "extension", json!(said));
        assert!(why(&world, "d6-interpreter").is_ok(), "{said:?}");
    }
    // it is asked for where no language is on file too
    let mut world = enrolled();
    world.set("Patient/p", "extension", json!([required(true)]));
    assert!(why(&world, "d6-interpreter").is_ok());
}
