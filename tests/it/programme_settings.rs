//! The settings of a programme: the example has every one of them and is taken as it stands, the README tells of each, and
//! a wrong one is refused with its place. <https://hl7.org/fhir/R4/healthcareservice.html>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::programme::part;

const EXAMPLE: &str = include_str!("../data/programme.json");
const MAP: &str = include_str!("../data/concept-map.json");
const README: &str = include_str!("../../README.md");
const PATH: &str = "/HealthcareService/every-setting";

fn example() -> Value {
    serde_json::from_str(EXAMPLE).unwrap()
}

/// A server that has the ConceptMap which the example names.
fn server() -> TestApp {
    let app = TestApp::new();
    app.clinician().store(&serde_json::from_str(MAP).unwrap());
    app
}

fn names(service: &Value) -> Vec<String> {
    let settings = service["extension"][0]["extension"].as_array().unwrap();
    settings.iter().map(|one| one["url"].as_str().unwrap().to_owned()).collect()
}

/// The README's rows of settings: the name, how many there may be, and what it says.
fn rows() -> Vec<(&'static str, &'static str, &'static str)> {
    let table = README.split("| Setting | Type | At most |").nth(1).unwrap().split("\n\n").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        (cells[0].trim_end_matches('`'), cells[2], cells[3])
    })
    .collect()
}

#[test]
fn the_example_has_every_setting_that_is_told_of_and_is_read_back_as_it_was_written() {
    let app = server();
    let clinician = app.clinician();
    let told: Vec<&str> = rows().iter().map(|row| row.0).collect();
    assert_eq!(names(&example()), told);
    clinician.put(PATH, &example()).expect(201);
    let mut read = clinician.get(PATH).expect(200).json();
    read.as_object_mut().unwrap().remove("meta");
    assert_eq!(read, example());
    // and it is a programme that people are referred to
    clinician.store(&json!({ "resourceType": "Patient", "id": "p", "birthDate": "1950-05-01" }));
    let referral = crate::programme::referral().to_string();
    let referral = referral.replace(crate::programme::PROGRAM, PATH.trim_start_matches('/'));
    let referral: Value = serde_json::from_str(&referral).unwrap();
    let referred = clinician.post("/Patient/p/$palliative-refer", &referral).expect(201);
    assert!(part(&referred, "episode").to_string().contains("HealthcareService/every-setting"));
}

#[test]
fn every_setting_is_told_of_with_what_holds_without_it() {
    for (name, most, says) in rows() {
        assert!(says.contains("Default: "), "{name}: {says}");
        assert!(["1", "*"].contains(&most), "{name}: {most}");
    }
}

#[test]
fn each_wrong_setting_is_refused_with_its_place_and_nothing_is_stored() {
    let app = server();
    let clinician = app.clinician();
    for (at, name) in names(&example()).into_iter().enumerate() {
        let mut wrong = example();
        // no setting is an instant
        wrong["extension"][0]["extension"][at] =
            json!({ "url": name, "valueInstant": "2026-03-01T00:00:00Z" });
        let refused = clinician.put(PATH, &wrong);
        assert_eq!(refused.status, 422, "{name}: {}", refused.text());
        let place = format!("HealthcareService.extension[0].extension[{at}]");
        assert!(
            refused.expressions().iter().any(|one| one.starts_with(&place)),
            "{name}: {:?}",
            refused.expressions()
        );
    }
    // of the right kind, and no value of the setting
    for (name, value) in [
        ("tz", json!({ "valueString": "Mars/Olympus" })),
        ("hospicePolicy", json!({ "valueCode": "maybe" })),
        ("monthRule", json!({ "valueCode": "x" })),
        ("tierRule", json!({ "valueCode": "lowest" })),
        ("maxAttempts", json!({ "valueInteger": -1 })),
        ("retroLimitDays", json!({ "valueInteger": 100_001 })),
        ("payTable", json!({ "extension": [{ "url": "class", "valueCode": "year" }] })),
        ("colour", json!({ "valueCode": "green" })),
        ("lobAllowed", json!({ "valueCode": "medicaid" })),
        ("concurrentLob", json!({ "valueCode": "va" })),
        ("concurrentLob", json!({ "valueCode": "medicaid-mc" })),
        ("concurrentLob", json!({ "valueCode": "dual-snp" })),
        ("concurrentLob", json!({ "valueCode": "other" })),
        ("setting", json!({ "valueCode": "moon" })),
        ("requiredRole", json!({ "valueString": "rn|magician" })),
        ("requiredRole", json!({ "valueString": "none|rn" })),
        (
            "tierRole",
            json!({ "extension": [{ "url": "tier", "valueCode": "tier-5" }, { "url": "role", "valueString": "rn" }] }),
        ),
        (
            "tierRole",
            json!({ "extension": [{ "url": "tier", "valueCode": "tier-4" }, { "url": "role", "valueString": "magician" }] }),
        ),
        ("tierRole", json!({ "extension": [{ "url": "tier", "valueCode": "tier-4" }] })),
        ("exitRuleSet", json!({ "valueCanonical": "https://comfrey.health/fhir/PlanDefinition/RS-NEED" })),
        ("exitRuleSet", json!({ "valueCanonical": "https://comfrey.health/fhir/PlanDefinition/RS-NEED|99" })),
        ("riskAlgorithm", json!({ "valueCanonical": "https://example.org/PlanDefinition/own" })),
        ("exclusiveWith", json!({ "valueReference": { "reference": "Organization/default" } })),
        ("exclusiveWith", json!({ "valueReference": { "reference": "HealthcareService/every-setting" } })),
        ("ruleSet", json!({ "valueCanonical": "https://example.org/PlanDefinition/none" })),
        ("attributionGroup", json!({ "valueReference": { "reference": "Patient/p" } })),
        ("attributionGroup", json!({ "valueReference": { "reference": "https://other.example/Group/atr" } })),
        ("dischargeDay", json!({ "valueCode": "exclude" })),
        ("hospitalAtHome", json!({ "valueCode": "hospital" })),
        ("gipHospice", json!({ "valueCode": "exclude" })),
        ("nfResident", json!({ "valueCode": "nowhere" })),
        ("runoutDays", json!({ "valueInteger": -1 })),
        ("losConvention", json!({ "valueCode": "inclusive" })),
        ("suppressN", json!({ "valueInteger": 11 })),
        ("referenceGroup", json!({ "valueCode": "largest" })),
        ("cardSuppressionDays", json!({ "valueInteger": 30 })),
        ("usCoreVersion", json!({ "valueCode": "6.1.0" })),
        ("painPositive", json!({ "valueInteger": 0 })),
        ("painPositive", json!({ "valueInteger": 11 })),
        ("conceptMap", json!({ "valueCanonical": "https://example.org/ConceptMap/none" })),
        ("conceptMap", json!({ "valueCanonical": "https://example.org/ConceptMap/flowsheet|2" })),
        ("ruleSet", json!({ "valueCanonical": "https://comfrey.health/fhir/PlanDefinition/RS-KELLEY-B|0" })),
    ] {
        let at = names(&example()).iter().position(|known| known == name).unwrap_or_default();
        let mut wrong = example();
        let mut setting = value.clone();
        setting["url"] = name.into();
        wrong["extension"][0]["extension"][at] = setting;
        let refused = clinician.put(PATH, &wrong);
        let place = format!("HealthcareService.extension[0].extension[{at}]");
        assert_eq!(refused.status, 422, "{name} {value}: {}", refused.text());
        assert!(refused.expressions().iter().any(|one| one.starts_with(&place)), "{name} {value}");
    }
    clinician.get(PATH).expect(404);
    for (caller, status, code) in [(app.anonymous(), 401, "login"), (app.patient("p"), 403, "forbidden")] {
        caller.put(PATH, &example()).expect_issue(status, code);
    }
}

#[test]
fn a_programme_is_stored_with_the_rule_set_that_comes_with_it_and_not_before() {
    let app = server();
    let clinician = app.clinician();
    let url = "https://example.org/PlanDefinition/lung";
    let mut programme = example();
    programme["extension"][0]["extension"][1]["valueCanonical"] = json!(format!("{url}|1"));
    programme["extension"][0]["extension"][19]["valueCode"] = json!("home");
    let rules = |status: &str| {
        json!({ "resourceType": "PlanDefinition", "id": "lung", "url": url, "version": "1", "title": "Lung", "status": status,
            "topic": [{ "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/rule-set-kind", "code": "screening" }] }],
            "action": [{ "id": "criteria",
                "condition": [{ "kind": "applicability", "expression": { "language": "text/cql", "expression": "`copd`" } }],
                "action": [{ "id": "copd", "title": "COPD", "description": "The patient has the disease.",
                    "extension": [{ "url": "https://comfrey.health/fhir/StructureDefinition/criterion", "extension": [
                        { "url": "kind", "valueCode": "condition" },
                        { "url": "valueSet", "valueCanonical": "https://comfrey.health/fhir/ValueSet/vs-copd" }] }] }] }] })
    };
    // the programme first, so that its rule set is only there when all is written
    let together = |status: &str| {
        json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
            { "resource": programme, "request": { "method": "PUT", "url": "HealthcareService/every-setting" } },
            { "resource": rules(status), "request": { "method": "PUT", "url": "PlanDefinition/lung" } }] })
    };
    let place = "HealthcareService.extension[0].extension[1]";
    assert_eq!(clinician.put(PATH, &programme).expect_issue(422, "business-rule").expressions(), [place]);
    let reply = clinician.post("/", &together("draft")).expect_issue(422, "business-rule");
    assert_eq!(reply.expressions(), [place.replace("HealthcareService", "Bundle.entry[0].resource")]);
    clinician.get("/PlanDefinition/lung").expect(404);
    clinician.post("/", &together("active")).expect(200);
    clinician.put(PATH, &programme).expect(200);
}
