//! Codes of senders, read as ours by the ConceptMaps that a programme names (T-48). <https://hl7.org/fhir/R4/conceptmap.html>

use std::time::Duration;

use diesel::Connection;
use diesel::PgConnection;
use diesel::connection::SimpleConnection;
use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::database::Database;

const MAP: &str = include_str!("../data/concept-map.json");
const MAP_URL: &str = "https://example.org/ConceptMap/flowsheet";
const OWN: &str = "urn:hospital:flowsheet";
const SETTINGS: &str = "https://comfrey.health/fhir/StructureDefinition/palliative-program-settings";
const RULES: &str = "https://example.org/PlanDefinition/pain";
const LOCAL: &str = "https://comfrey.health/fhir/CodeSystem/palliative-observation";

fn map() -> Value {
    serde_json::from_str(MAP).unwrap()
}

/// A rule set for people with pain of 7 or more, by our own code.
fn rules() -> Value {
    let parameters = json!([{ "url": "kind", "valueCode": "observation" },
        { "url": "code", "valueCoding": { "system": LOCAL, "code": "esas-pain" } },
        { "url": "op", "valueCode": "ge" }, { "url": "value", "valueDecimal": 7 }, { "url": "unit", "valueCode": "{score}" },
        { "url": "lookbackDays", "valueInteger": 90 }]);
    json!({ "resourceType": "PlanDefinition", "id": "pain", "url": RULES, "version": "1", "title": "Pain", "status": "active",
        "topic": [{ "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/rule-set-kind", "code": "screening" }] }],
        "action": [{ "id": "criteria",
            "condition": [{ "kind": "applicability", "expression": { "language": "text/cql", "expression": "`pain`" } }],
            "action": [{ "id": "pain", "title": "Pain", "description": "Pain was rated 7 or more.",
                "extension": [{ "url": "https://comfrey.health/fhir/StructureDefinition/criterion", "extension": parameters }] }] }] })
}

fn programme(clinician: &Client, id: &str, further: &Value) {
    let mut settings = vec![json!({ "url": "ruleSet", "valueCanonical": RULES })];
    settings.extend(further.as_array().unwrap().clone());
    clinician.store(&json!({ "resourceType": "HealthcareService", "id": id, "name": id,
        "providedBy": { "reference": "Organization/default" },
        "extension": [{ "url": SETTINGS, "extension": settings }] }));
}

fn score(id: &str, code: &str, value: i64) -> Value {
    json!({ "resourceType": "Observation", "id": id, "status": "final",
        "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "survey" }] }],
        "subject": { "reference": "Patient/p" }, "effectiveDateTime": "2026-02-20",
        "code": { "coding": [{ "system": OWN, "code": code, "display": "As the hospital has it" }] },
        "valueQuantity": { "value": value, "unit": "score", "system": "http://unitsofmeasure.org", "code": "{score}" } })
}

/// A patient with pain in the hospital's own code, and programmes that read it and do not.
fn server() -> TestApp {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "Patient", "id": "p", "birthDate": "1950-01-01" }));
    clinician.store(&rules());
    clinician.store(&map());
    programme(&clinician, "plain", &json!([]));
    programme(&clinician, "mapped", &json!([{ "url": "conceptMap", "valueCanonical": MAP_URL }]));
    clinician.store(&score("o", "PAIN", 8));
    app
}

fn screened(client: &Client, program: &str) -> Value {
    client
        .get(&format!("/Patient/p/$palliative-screen?program=HealthcareService/{program}"))
        .expect(200)
        .json()
}

fn outcome(answer: &Value) -> &str {
    let parts = answer["parameter"][0]["part"].as_array().unwrap();
    parts.iter().find(|part| part["name"] == "outcome").unwrap()["valueCode"].as_str().unwrap()
}

/// The unmapped codes, each with how many and the latest.
fn unmapped(answer: &Value) -> Vec<(String, i64, String)> {
    let all = answer["parameter"].as_array().unwrap().iter().filter(|one| one["name"] == "unmapped");
    let told = all.map(|one| {
        let part = |name: &str| {
            let parts = one["part"].as_array().unwrap();
            parts.iter().find(|part| part["name"] == name).cloned().unwrap_or_default()
        };
        let code = part("code")["valueCoding"]["code"].as_str().unwrap_or_default().to_owned();
        let evidence =
            part("evidence")["valueReference"]["reference"].as_str().unwrap_or_default().to_owned();
        (code, part("count")["valueInteger"].as_i64().unwrap(), evidence)
    });
    told.collect()
}

fn found(clinician: &Client, program: &str) -> bool {
    let path = format!("/$palliative-identify?program=HealthcareService/{program}&outcomes=eligible");
    clinician.get(&path).expect(200).text().contains("Patient/p")
}

#[test]
fn t_48_a_local_code_is_read_by_the_map_that_the_programme_names() {
    let app = server();
    let clinician = app.clinician();
    assert_eq!(outcome(&screened(&clinician, "plain")), "indeterminate");
    let mapped = screened(&clinician, "mapped");
    assert_eq!(outcome(&mapped), "eligible");
    assert!(mapped.to_string().contains("Observation/o"), "the evidence is what was sent");
    assert!(found(&clinician, "mapped") && !found(&clinician, "plain"));
    // what is stored stays as it was
    let stored = clinician.get("/Observation/o").expect(200).json();
    assert_eq!(stored["code"]["coding"].as_array().unwrap().len(), 1);
    // the tier rests on it too
    let path = |program: &str| format!("/Patient/p/$palliative-stratify?program=HealthcareService/{program}");
    let told = |program: &str| clinician.get(&path(program)).expect(200).text();
    assert!(told("mapped").contains("Observation/o") && !told("plain").contains("Observation/o"));
}

#[test]
fn t_48_a_map_that_changes_changes_what_is_found() {
    let app = server();
    let clinician = app.clinician();
    assert!(found(&clinician, "mapped"));
    let mut inexact = map();
    inexact["group"][0]["element"][0]["target"][0]["equivalence"] = json!("wider");
    clinician.put("/ConceptMap/flowsheet", &inexact).expect(200);
    assert!(!found(&clinician, "mapped"));
    assert_eq!(outcome(&screened(&clinician, "mapped")), "indeterminate");
    clinician.put("/ConceptMap/flowsheet", &map()).expect(200);
    assert!(found(&clinician, "mapped"));
    // one that has gone is told of, and nothing is taken for not being so
    clinician.delete("/ConceptMap/flowsheet").expect(204);
    assert!(!found(&clinician, "mapped"));
    let answer = screened(&clinician, "mapped");
    assert_eq!(outcome(&answer), "indeterminate");
    let missing = json!({ "name": "conceptMapMissing", "valueCanonical": MAP_URL });
    assert!(answer["parameter"].as_array().unwrap().contains(&missing), "{answer}");
    // another map concerns nobody and changes nothing
    let mut other = map();
    (other["id"], other["url"]) = (json!("other"), json!("https://example.org/ConceptMap/other"));
    clinician.store(&other);
    assert!(!found(&clinician, "mapped"));
}

#[test]
fn t_48_codes_of_surveys_that_no_rule_reads_are_told() {
    let app = server();
    let clinician = app.clinician();
    assert_eq!(
        unmapped(&screened(&clinician, "plain")),
        [("PAIN".to_owned(), 1, "Observation/o".to_owned())]
    );
    assert_eq!(unmapped(&screened(&clinician, "mapped")), []);
    clinician.store(&score("distress", "DISTRESS", 5));
    let mut later = score("later", "DISTRESS", 6);
    later["effectiveDateTime"] = json!("2026-02-21");
    clinician.store(&later);
    // these are none of it: no survey, not final, our own code, one without a value
    let mut vital = score("vital", "HR", 80);
    vital["category"][0]["coding"][0]["code"] = json!("vital-signs");
    let mut draft = score("draft", "HR", 80);
    draft["status"] = json!("preliminary");
    let mut ours = score("ours", "pps", 80);
    ours["code"]["coding"][0]["system"] = json!(LOCAL);
    let mut panel = score("panel", "PANEL", 1);
    panel.as_object_mut().unwrap().remove("valueQuantity");
    for one in [vital, draft, ours, panel] {
        clinician.store(&one);
    }
    let told = unmapped(&screened(&clinician, "mapped"));
    assert_eq!(told, [("DISTRESS".to_owned(), 2, "Observation/later".to_owned())]);
    // before it was observed there was nothing to tell
    let path = "/Patient/p/$palliative-screen?program=HealthcareService/mapped&asOf=2026-02-20";
    let then = unmapped(&clinician.get(path).expect(200).json());
    assert_eq!(then, [("DISTRESS".to_owned(), 1, "Observation/distress".to_owned())]);
    // a security label keeps name and code, not that there is something
    let mut labelled = score("later", "SECRET", 6);
    labelled["meta"] = json!({ "security": [{ "code": "R",
        "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality" }] });
    clinician.store(&labelled);
    let answer = screened(&clinician, "mapped");
    assert!(!answer.to_string().contains("SECRET"), "{answer}");
    assert_eq!(unmapped(&answer).len(), 2);
    // who may not read observations learns nothing
    let path = "/Patient/p/$palliative-screen?program=HealthcareService/mapped";
    app.with_scope("user/Patient.rs user/Condition.rs").get(path).expect_issue(403, "forbidden");
    app.patient("other").get(path).expect(404);
}

#[test]
fn t_48_gaps_and_plans_read_by_the_maps_too() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&map());
    let episode = crate::programme::enrolled(&clinician, "p");
    clinician.store(&score("o", "PAIN", 8));
    let told = |path: &str| clinician.get(path).expect(200).text().contains("Observation/o");
    let gaps = "/Patient/p/$palliative-gaps?status=open-gap&status=closed-gap&status=prospective-gap";
    let plan = || {
        let drafted = clinician.post(
            &format!("/EpisodeOfCare/{episode}/$palliative-careplan"),
            &json!({ "resourceType": "Parameters" }),
        );
        drafted.expect(200).text().contains("Observation/o")
    };
    assert!(!told(gaps) && !plan());
    let mut programme = clinician.get("/HealthcareService/default").expect(200).json();
    let settings = programme["extension"][0]["extension"].as_array_mut().unwrap();
    settings.push(json!({ "url": "conceptMap", "valueCanonical": format!("{MAP_URL}|1") }));
    clinician.put("/HealthcareService/default", &programme).expect(200);
    assert!(told(gaps) && plan());
}

#[test]
fn t_48_a_plan_reads_a_code_by_the_maps_once_as_a_screening_does() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = crate::programme::enrolled(&clinician, "p");
    let step = |from: (&str, &str), to: (&str, &str)| {
        json!({ "source": from.0, "target": to.0, "element": [{ "code": from.1,
            "target": [{ "code": to.1, "equivalence": "equivalent" }] }] })
    };
    let mut chained = map();
    chained["group"] = json!([
        step((OWN, "PAIN"), ("urn:hospital:second", "P")),
        step(("urn:hospital:second", "P"), (LOCAL, "esas-pain")),
    ]);
    clinician.store(&chained);
    let mut programme = clinician.get("/HealthcareService/default").expect(200).json();
    let settings = programme["extension"][0]["extension"].as_array_mut().unwrap();
    settings.push(json!({ "url": "conceptMap", "valueCanonical": MAP_URL }));
    clinician.put("/HealthcareService/default", &programme).expect(200);
    let has_pain = || {
        let mode =
            json!({ "resourceType": "Parameters", "parameter": [{ "name": "mode", "valueCode": "draft" }] });
        let path = format!("/EpisodeOfCare/{episode}/$palliative-careplan");
        let skipped = clinician.post(&path, &mode).expect(200).json();
        let all = skipped["parameter"].as_array().unwrap().iter();
        !all.filter(|one| one["name"] == "skipped").any(|one| one["part"][0]["valueCode"] == "d2-pain")
    };
    clinician.store(&score("o", "PAIN", 8));
    assert!(!has_pain(), "one code is led to another, and that not further");
    let mut second = score("o", "P", 8);
    second["code"]["coding"][0]["system"] = json!("urn:hospital:second");
    clinician.store(&second);
    assert!(has_pain());
}

#[test]
fn t_48_the_codes_of_diagnoses_are_read_by_the_map_too() {
    let app = server();
    let clinician = app.clinician();
    let mut plan = rules();
    (plan["id"], plan["url"]) = (json!("lung"), json!("https://example.org/PlanDefinition/lung"));
    plan["action"][0]["action"][0]["extension"][0]["extension"] = json!([{ "url": "kind", "valueCode": "condition" },
        { "url": "valueSet", "valueCanonical": "https://comfrey.health/fhir/ValueSet/vs-copd" }]);
    clinician.store(&plan);
    let mut own = map();
    (own["id"], own["url"]) = (json!("diagnoses"), json!("https://example.org/ConceptMap/diagnoses"));
    own["group"] = json!([{ "source": OWN, "target": "http://hl7.org/fhir/sid/icd-10-cm", "element": [
        { "code": "LUNG", "target": [{ "code": "J44.9", "equivalence": "equivalent" }] }] }]);
    clinician.store(&own);
    clinician.store(
        &json!({ "resourceType": "Condition", "id": "c", "subject": { "reference": "Patient/p" },
        "clinicalStatus": { "coding": [{ "code": "active",
            "system": "http://terminology.hl7.org/CodeSystem/condition-clinical" }] },
        "code": { "coding": [{ "system": OWN, "code": "LUNG" }] } }),
    );
    let named = json!([{ "url": "conceptMap", "valueCanonical": own["url"] }]);
    for (id, further, expected) in [("raw", json!([]), "not-eligible"), ("read", named, "eligible")] {
        let mut settings = vec![json!({ "url": "ruleSet", "valueCanonical": plan["url"] })];
        settings.extend(further.as_array().unwrap().clone());
        clinician.store(&json!({ "resourceType": "HealthcareService", "id": id, "name": id,
            "providedBy": { "reference": "Organization/default" },
            "extension": [{ "url": SETTINGS, "extension": settings }] }));
        assert_eq!(outcome(&screened(&clinician, id)), expected, "{id}");
        assert_eq!(found(&clinician, id), expected == "eligible", "{id}");
    }
    let stored = clinician.get("/Condition/c").expect(200).json();
    assert_eq!(stored["code"]["coding"].as_array().unwrap().len(), 1, "what is stored stays as it was sent");
}

#[test]
fn a_map_whose_url_is_escaped_in_json_is_seen_to_change_too() {
    let app = server();
    let clinician = app.clinician();
    let mut own = map();
    (own["id"], own["url"]) = (json!("quoted"), json!("https://example.org/ConceptMap/\"quoted\""));
    clinician.store(&own);
    programme(&clinician, "quoted", &json!([{ "url": "conceptMap", "valueCanonical": own["url"] }]));
    assert!(outcome(&screened(&clinician, "quoted")) == "eligible" && found(&clinician, "quoted"));
    own["group"][0]["element"][0]["target"][0]["equivalence"] = json!("wider");
    clinician.put("/ConceptMap/quoted", &own).expect(200);
    assert_eq!(outcome(&screened(&clinician, "quoted")), "indeterminate");
    assert!(!found(&clinician, "quoted"));
}

/// A write of a map looks whether a programme names it, and one of a programme raises the number of the rules: of two at
/// once, one must see the other. SQLite has one writer at a time.
#[test]
fn a_map_waits_for_a_programme_that_is_stored_in_the_same_moment() {
    let database = Database::fresh();
    if !database.is_postgres() {
        return;
    }
    let app = TestApp::on(&database);
    let clinician = app.clinician();
    let mut programme = PgConnection::establish(database.url()).unwrap();
    programme.batch_execute("BEGIN; UPDATE finding_rules SET number = number + 1").unwrap();
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| clinician.put("/ConceptMap/flowsheet", &map()).status);
        std::thread::sleep(Duration::from_secs(1));
        let is_early = writing.is_finished();
        programme.batch_execute("COMMIT").unwrap();
        assert_eq!((is_early, writing.join().unwrap()), (false, 201));
    });
}

#[test]
fn t_48_a_plan_shows_what_is_on_file_in_the_codes_of_its_sender() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = crate::programme::enrolled(&clinician, "p");
    let mut own = map();
    own["group"] = json!([{ "source": OWN, "target": "http://hl7.org/fhir/sid/icd-10-cm", "element": [
        { "code": "HUNGER", "target": [{ "code": "Z59.41", "equivalence": "equivalent" }] }] }]);
    clinician.store(&own);
    let mut programme = clinician.get("/HealthcareService/default").expect(200).json();
    let settings = programme["extension"][0]["extension"].as_array_mut().unwrap();
    settings.push(json!({ "url": "conceptMap", "valueCanonical": MAP_URL }));
    clinician.put("/HealthcareService/default", &programme).expect(200);
    clinician.store(
        &json!({ "resourceType": "Condition", "id": "c", "subject": { "reference": "Patient/p" },
        "clinicalStatus": { "coding": [{ "code": "active",
            "system": "http://terminology.hl7.org/CodeSystem/condition-clinical" }] },
        "recordedDate": "2026-02-20", "code": { "coding": [{ "system": OWN, "code": "HUNGER", "display": "Hunger" }] } }),
    );
    for mode in ["draft", "apply"] {
        let body =
            json!({ "resourceType": "Parameters", "parameter": [{ "name": "mode", "valueCode": mode }] });
        let told =
            clinician.post(&format!("/EpisodeOfCare/{episode}/$palliative-careplan"), &body).expect(200);
        let told = told.json();
        let needs = told["parameter"].as_array().unwrap().iter().filter(|one| one["name"] == "needs");
        let concern = needs.map(|one| &one["resource"]).find(|one| one["id"] == "c");
        let concern = concern.unwrap_or_else(|| panic!("the map makes it a need: {told}"));
        assert_eq!(concern, &clinician.get("/Condition/c").expect(200).json(), "{mode}");
    }
    let path = format!("/EpisodeOfCare/{episode}/$palliative-careplan");
    app.patient("other").post(&path, &json!({ "resourceType": "Parameters" })).expect(404);
}
