//! What resources write to the index.

use jiff::tz::TimeZone;
use serde_json::Value;
use serde_json::json;

use super::PARAMETERS;
use crate::fhir::datetime::instant;
use crate::search::fold::system;
use crate::search::rows::IndexRows;
use crate::search::rows::rows;

fn indexed(resource: &Value) -> IndexRows {
    rows(&PARAMETERS, resource, &TimeZone::UTC)
}

fn code_of(number: i64) -> &'static str {
    PARAMETERS.by_number(number).map_or("", |parameter| parameter.code.as_str())
}

fn tokens(rows: &IndexRows, code: &str) -> Vec<(String, i64)> {
    let own = rows.tokens.iter().filter(|row| code_of(row.param) == code);
    own.map(|row| (row.code.clone(), row.system)).collect()
}

fn references(rows: &IndexRows, code: &str) -> Vec<(i64, String)> {
    let own = rows.references.iter().filter(|row| code_of(row.param) == code);
    own.map(|row| (row.target_type, row.target_id.clone())).collect()
}

#[test]
fn a_patient_writes_tokens_texts_and_dates() {
    let rows = indexed(&json!({
        "resourceType": "Patient", "id": "p1", "active": true, "gender": "female", "birthDate": "1940-05",
        "meta": { "tag": [{ "system": "urn:t", "code": "demo" }], "profile": ["http://p"], "source": "urn:s" },
        "identifier": [{ "system": "urn:mrn", "value": "7" }, { "value": "8" }, { "system": "urn:only" }],
        "name": [{ "use": "official", "family": "Nuñez", "given": ["Ana", "María"] }],
        "telecom": [{ "system": "phone", "value": "555", "use": "home" }, { "system": "email", "value": "a@b" }],
        "address": [{ "line": ["1 Main St"], "city": "Tucson", "state": "AZ", "postalCode": "85701" }],
        "deceasedBoolean": false,
    }));
    assert_eq!(
        tokens(&rows, "active"),
        [("true".into(), system(Some("http://hl7.org/fhir/special-values")))]
    );
    assert_eq!(
        tokens(&rows, "gender"),
        [("female".into(), system(Some("http://hl7.org/fhir/administrative-gender")))]
    );
    assert_eq!(
        tokens(&rows, "deceased"),
        [("false".into(), system(Some("http://hl7.org/fhir/special-values")))]
    );
    assert_eq!(tokens(&rows, "_tag"), [("demo".into(), system(Some("urn:t")))]);
    let identifiers =
        [(String::new(), system(Some("urn:only"))), ("7".into(), system(Some("urn:mrn"))), ("8".into(), 0)];
    assert_eq!(tokens(&rows, "identifier"), identifiers);
    assert_eq!(tokens(&rows, "telecom"), [("555".into(), system(Some("home"))), ("a@b".into(), 0)]);
    assert_eq!(tokens(&rows, "phone"), [("555".into(), system(Some("home")))]);
    assert_eq!(tokens(&rows, "_id"), [], "the id is a column");
    let texts = |code: &str| -> Vec<(&str, &str)> {
        let own = rows.strings.iter().filter(|row| code_of(row.param) == code);
        own.map(|row| (row.folded.as_str(), row.exact.as_str())).collect()
    };
    assert_eq!(texts("family"), [("nunez", "Nuñez")]);
    assert_eq!(texts("name"), [("ana", "Ana"), ("maria", "María"), ("nunez", "Nuñez")]);
    // The words that follow in the street begin a match too.
    let mut address = texts("address");
    address.sort_unstable();
    let whole = [("1 main st", "1 Main St"), ("85701", "85701"), ("az", "AZ")];
    assert_eq!(address, [&whole[..], &[("main st", ""), ("st", ""), ("tucson", "Tucson")]].concat());
    let uris = |code: &str| rows.uris.iter().filter(|row| code_of(row.param) == code).count();
    assert_eq!((uris("_profile"), uris("_source")), (1, 1));
    let born = rows.dates.iter().find(|row| code_of(row.param) == "birthdate").unwrap();
    assert_eq!(
        (instant(born.low), instant(born.high)),
        ("1940-05-01T00:00:00.000Z".into(), "1940-05-31T23:59:59.999Z".into())
    );
    assert_eq!(rows.patients, ["p1"]);
}

#[test]
fn references_are_local_elsewhere_or_left_out() {
    let rows = indexed(&json!({
        "resourceType": "Observation", "code": { "coding": [{ "system": "http://loinc.org", "code": "1-1" }], "text": "no token" },
        "subject": { "reference": "Patient/p1/_history/3" },
        "performer": [{ "reference": "https://elsewhere/fhir/Practitioner/2" }, { "reference": "urn:uuid:9" },
            { "reference": "#inside" }, { "identifier": { "system": "urn:npi", "value": "77" } }, { "reference": "Patient/p2" }],
    }));
    let patient = super::ty("Patient").number();
    let versioned = [(-1, "Patient/p1/_history/3".into()), (patient, "p1".into())];
    assert_eq!(references(&rows, "subject"), [], "they stand under `patient`");
    assert_eq!(references(&rows, "patient"), versioned);
    let elsewhere = [
        (-1, "https://elsewhere/fhir/Practitioner/2".into()),
        (-1, "urn:uuid:9".into()),
        (patient, "p2".into()),
    ];
    assert_eq!(references(&rows, "performer"), elsewhere);
    assert_eq!(tokens(&rows, "code"), [("1-1".into(), system(Some("http://loinc.org")))]);
    let performer = PARAMETERS.find(super::ty("Observation"), "performer").unwrap();
    let identifier = rows.tokens.iter().find(|row| row.param == performer.identifier_number).unwrap();
    assert_eq!((identifier.code.as_str(), identifier.system), ("77", system(Some("urn:npi"))));
    assert_eq!(rows.patients, ["p1", "p2"]);
}

#[test]
fn a_canonical_is_found_with_and_without_its_version() {
    let rows = indexed(
        &json!({ "resourceType": "CarePlan", "instantiatesCanonical": ["http://a/PlanDefinition/x|2"] }),
    );
    let expected = [(-1, "http://a/PlanDefinition/x".into()), (-1, "http://a/PlanDefinition/x|2".into())];
    assert_eq!(references(&rows, "instantiates-canonical"), expected);
}

#[test]
fn nobody_stands_in_the_compartment_of_another_patient_through_a_group_or_a_link() {
    let group = json!({ "resourceType": "Group", "member": [{ "entity": { "reference": "Patient/p1" } }] });
    let linked = json!({ "resourceType": "Patient", "id": "p2", "link": [{ "other": { "reference": "Patient/p1" }, "type": "seealso" }] });
    assert!(indexed(&group).patients.is_empty());
    assert_eq!(indexed(&linked).patients, ["p2"]);
}

#[test]
fn dates_of_all_types_are_spans() {
    let span = |resource: &Value, code: &str| {
        let rows = indexed(resource);
        let row = rows.dates.iter().find(|row| code_of(row.param) == code).cloned();
        row.map(|row| (row.low, row.high))
    };
    let open = json!({ "resourceType": "Encounter", "period": { "start": "2024-01-01" } });
    assert_eq!(span(&open, "date"), Some((1_704_067_200_000_000, i64::MAX)));
    let ended = json!({ "resourceType": "Encounter", "period": { "end": "2024-01-01" } });
    assert_eq!(span(&ended, "date"), Some((i64::MIN, 1_704_153_599_999_999)));
    let reversed =
        json!({ "resourceType": "Encounter", "period": { "start": "2024-01-02", "end": "2024-01-01" } });
    assert_eq!(span(&reversed, "date"), None);
    let timing = json!({ "resourceType": "ServiceRequest", "occurrenceTiming": { "event": ["2024-01-03", "2024-01-01"],
        "repeat": { "boundsPeriod": { "start": "2024-01-02", "end": "2024-01-02" } } } });
    assert_eq!(span(&timing, "occurrence"), Some((1_704_067_200_000_000, 1_704_326_399_999_999)));
    let age = json!({ "resourceType": "Condition", "onsetAge": { "value": 50, "unit": "a" } });
    assert_eq!(span(&age, "onset-date"), None);
}

#[test]
fn numbers_and_quantities_keep_their_value_and_unit() {
    let observation = |value: Value| json!({ "resourceType": "Observation", "valueQuantity": value });
    let found = |value: Value| {
        let rows = indexed(&observation(value));
        let own = rows.quantities.iter().filter(|row| code_of(row.param) == "value-quantity");
        own.map(|row| (row.low, row.high, row.system, row.code.clone())).collect::<Vec<_>>()
    };
    let ucum = system(Some("http://unitsofmeasure.org"));
    let weight = json!({ "value": 5.40, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg" });
    assert_eq!(found(weight), [(5.4, 5.4, ucum, "kg".into()), (5400.0, 5400.0, -1, "g".into())]);
    let named = json!({ "value": 5, "unit": "kilo", "system": "http://unitsofmeasure.org", "code": "kg" });
    let both =
        [(5.0, 5.0, 0, "kilo".into()), (5.0, 5.0, ucum, "kg".into()), (5000.0, 5000.0, -1, "g".into())];
    assert_eq!(found(named), both);
    assert_eq!(found(json!({ "value": 5, "comparator": "<" })), [(f64::MIN, 5.0, 0, String::new())]);
    assert_eq!(found(json!({ "unit": "kg" })), []);
    let risk =
        indexed(&json!({ "resourceType": "RiskAssessment", "prediction": [{ "probabilityDecimal": 0.25 },
        { "probabilityRange": { "low": { "value": 0.5 } } }] }));
    let ends: Vec<(f64, f64)> = risk.numbers.iter().map(|row| (row.low, row.high)).collect();
    assert_eq!(ends, [(0.25, 0.25), (0.5, f64::MAX)]);
}

#[test]
fn race_ethnicity_and_gender_identity_of_us_core_are_tokens_with_their_system() {
    let category = |kind: &str, code: &str| {
        json!({ "url": format!("http://hl7.org/fhir/us/core/StructureDefinition/us-core-{kind}"), "extension": [
            { "url": "ombCategory", "valueCoding": { "system": "urn:oid:2.16.840.1.113883.6.238", "code": code } },
            { "url": "text", "valueString": "said" }] })
    };
    let rows = indexed(&json!({ "resourceType": "Patient", "id": "p", "extension": [
        category("race", "2106-3"), category("ethnicity", "2135-2"),
        { "url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-genderIdentity",
            "valueCodeableConcept": { "coding": [{ "system": "http://snomed.info/sct", "code": "446151000124109" }] } }] }));
    let omb = system(Some("urn:oid:2.16.840.1.113883.6.238"));
    assert_eq!(tokens(&rows, "race"), [("2106-3".into(), omb)]);
    assert_eq!(tokens(&rows, "ethnicity"), [("2135-2".into(), omb)]);
    let snomed = system(Some("http://snomed.info/sct"));
    assert_eq!(tokens(&rows, "gender-identity"), [("446151000124109".into(), snomed)]);
}

#[test]
fn a_resource_that_was_made_to_have_many_words_has_no_rows_without_bound() {
    let words = |at: usize| format!("{at} {}", "w ".repeat(40));
    let few = indexed(&json!({ "resourceType": "Patient", "name": [{ "given": [words(0)] }] }));
    assert!(few.strings.iter().filter(|row| row.folded.starts_with("w ")).count() >= 15);
    let given: Vec<String> = (0..3_000).map(words).collect();
    let many = indexed(&json!({ "resourceType": "Patient", "name": [{ "given": given }] }));
    assert!(many.strings.len() < 3 * 3_000 + 10_100, "{}", many.strings.len());
}
