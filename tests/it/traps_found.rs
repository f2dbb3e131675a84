//! Traps of access, of coding and of search that are known by a number, over HTTP.
//! <https://hl7.org/fhir/R4/search.html>

use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::programme::enrolled;
use crate::programme::parameters;
use crate::programme::parts;

/// What another patient's app asks for of somebody's data.
const ELSEWHERE: [&str; 9] = [
    "/Observation/o",
    "/Observation/o/_history",
    "/Observation/o/_history/1",
    "/Observation/_history",
    "/Observation?patient=Patient/p",
    "/Observation?_id=o",
    "/Patient/p/$everything",
    "/Patient/q/$everything",
    "/Provenance?_include=Provenance:target",
];

#[test]
fn t_33_history_versions_and_what_refers_to_it_are_kept_from_others_as_the_resource_is() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for id in ["p", "q"] {
        clinician.store(&json!({ "resourceType": "Patient", "id": id }));
    }
    let mark = "heard-by-nobody-else";
    let said = |text: &str| {
        json!({ "resourceType": "Observation", "id": "o", "status": "final", "code": { "text": "said" },
            "subject": { "reference": "Patient/p" }, "valueString": text })
    };
    clinician.store(&said(mark));
    clinician.store(&said("another word"));
    clinician.store(&json!({ "resourceType": "Provenance", "target": [{ "reference": "Observation/o" }],
        "recorded": "2026-02-01T00:00:00Z", "agent": [{ "who": { "display": mark } }] }));
    let tells = |client: &Client, path: &str| client.get(path).text().contains(mark);
    assert!(tells(&clinician, "/Observation/o/_history"), "it is there to be told");
    assert!(tells(&app.patient("p"), "/Observation/o/_history/1"));
    for caller in [app.patient("q"), app.stranger(), app.anonymous(), app.with_scope("system/Patient.rs")] {
        for path in ELSEWHERE {
            assert!(!tells(&caller, path), "{path}");
        }
    }
}

#[test]
fn t_47_a_code_of_snomed_that_begins_as_another_does_is_another() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let parameters = json!([{ "url": "kind", "valueCode": "condition" },
        { "url": "valueSet", "valueCanonical": "https://comfrey.health/fhir/ValueSet/vs-heart-failure" }]);
    clinician.store(&json!({ "resourceType": "PlanDefinition", "id": "heart", "version": "1", "title": "Heart",
        "url": "https://example.org/PlanDefinition/heart", "status": "active",
        "topic": [{ "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/rule-set-kind", "code": "screening" }] }],
        "action": [{ "id": "criteria",
            "condition": [{ "kind": "applicability", "expression": { "language": "text/cql", "expression": "`hf`" } }],
            "action": [{ "id": "hf", "title": "HF", "description": "Heart failure.",
                "extension": [{ "url": "https://comfrey.health/fhir/StructureDefinition/criterion",
                    "extension": parameters }] }] }] }));
    let icd = "http://hl7.org/fhir/sid/icd-10-cm";
    for (at, (system, code, expected)) in [
        ("http://snomed.info/sct", "84114007", "eligible"),
        ("http://snomed.info/sct", "8411400", "not-eligible"),
        ("http://snomed.info/sct", "841140071000", "not-eligible"),
        (icd, "I50.22", "eligible"),
        (icd, "I51.4", "not-eligible"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("p{at}");
        clinician.store(&json!({ "resourceType": "Patient", "id": id, "birthDate": "1950-01-01" }));
        clinician.store(&json!({ "resourceType": "Condition", "id": format!("c{at}"),
            "subject": { "reference": format!("Patient/{id}") },
            "clinicalStatus": { "coding": [{ "code": "active",
                "system": "http://terminology.hl7.org/CodeSystem/condition-clinical" }] },
            "code": { "coding": [{ "system": system, "code": code }] } }));
        let path = format!(
            "/Patient/{id}/$palliative-screen?ruleSet=https%3A//example.org/PlanDefinition/heart%7C1"
        );
        let told = clinician.get(&path).expect(200).json();
        let outcome = json!({ "name": "outcome", "valueCode": expected });
        assert!(told["parameter"][0]["part"].as_array().unwrap().contains(&outcome), "{code}: {told}");
    }
}

#[test]
fn t_51_a_plan_for_pain_asks_for_an_answer_and_orders_no_medicine() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = enrolled(&clinician, "p");
    clinician.store(&json!({ "resourceType": "Observation", "id": "pain", "status": "final",
        "subject": { "reference": "Patient/p" }, "effectiveDateTime": "2026-02-28", "valueInteger": 8,
        "code": { "coding": [{ "system": "http://loinc.org", "code": "72514-3" }] } }));
    let apply = parameters(json!([{ "name": "mode", "valueCode": "apply" }]));
    let applied =
        clinician.post(&format!("/EpisodeOfCare/{episode}/$palliative-careplan"), &apply).expect(200);
    assert!(parts(&applied, "carePlan")[0].to_string().contains("Pain plan"), "{}", applied.text());
    let record = parameters(json!([{ "name": "record", "valueBoolean": true }]));
    clinician.post("/Patient/p/$palliative-stratify", &record).expect(200);
    let tasks = parameters(json!([{ "name": "createTasks", "valueBoolean": true },
        { "name": "status", "valueCode": "open-gap" }, { "name": "status", "valueCode": "prospective-gap" }]));
    let gaps = clinician.post("/Patient/p/$palliative-gaps", &tasks).expect(200);
    assert!(gaps.text().contains("pain-positive-untreated"), "{}", gaps.text());
    for ty in ["MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense"] {
        assert!(clinician.get(&format!("/{ty}")).expect(200).resources().is_empty(), "{ty}");
    }
}

#[test]
fn t_65_a_reference_is_found_however_it_is_written_and_a_date_by_any_of_its_parts() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "Patient", "id": "p" }));
    clinician.store(&json!({ "resourceType": "Observation", "id": "o", "status": "final",
        "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "survey" }] }],
        "subject": { "reference": "Patient/p" }, "effectiveDateTime": "2026-02-20",
        "code": { "coding": [{ "system": "http://loinc.org", "code": "72514-3" }] } }));
    let ids = |query: &str| clinician.get(&format!("/Observation?{query}")).expect(200).ids();
    let full = app.url("/fhir/Patient/p").replace(':', "%3A");
    for patient in ["p", "Patient/p", full.as_str()] {
        assert_eq!(ids(&format!("patient={patient}&category=survey")), ["o"], "{patient}");
        assert_eq!(
            ids(&format!("patient={patient}&category=vital-signs")),
            Vec::<String>::new(),
            "{patient}"
        );
    }
    for (date, is_found) in [
        ("2026", true),
        ("2026-02", true),
        ("2026-02-20", true),
        ("2026-02-20T10:00:00Z", false),
        ("2026-03", false),
        ("ge2026-02", true),
        ("gt2026-02", false),
        ("lt2026-03", true),
    ] {
        assert_eq!(!ids(&format!("patient=p&date={date}")).is_empty(), is_found, "{date}");
    }
}

#[test]
fn t_70_a_scope_for_a_type_opens_nobody_elses_record_and_no_operation_on_it() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = enrolled(&clinician, "p");
    clinician.store(&json!({ "resourceType": "Patient", "id": "q" }));
    let own = json!({ "sub": "q", "scope": "patient/*.cruds", "patient": "q", "fhirUser": "Patient/q" });
    let own = app.with_claims(own);
    for ty in ["EpisodeOfCare", "Consent", "Coverage", "CareTeam", "Condition", "Encounter", "Flag", "Task"] {
        assert!(
            !clinician.get(&format!("/{ty}?patient=Patient/p")).expect(200).resources().is_empty(),
            "{ty}"
        );
        assert!(own.get(&format!("/{ty}?patient=Patient/p")).resources().is_empty(), "{ty}");
        assert!(own.get(&format!("/{ty}")).resources().is_empty(), "{ty}");
    }
    own.get("/Patient/q").expect(200);
    for path in [
        "/Patient/p/$palliative-status".to_owned(),
        "/Patient/p/$palliative-screen".to_owned(),
        "/Patient/p/$palliative-stratify".to_owned(),
        "/Patient/p/$palliative-gaps".to_owned(),
        format!("/EpisodeOfCare/{episode}"),
    ] {
        clinician.get(&path).expect(200);
        let status = own.get(&path).status;
        assert!(matches!(status, 403 | 404), "{path} {status}");
    }
    let path = format!("/EpisodeOfCare/{episode}/$palliative-careplan");
    let draft = parameters(json!([{ "name": "mode", "valueCode": "draft" }]));
    clinician.post(&path, &draft).expect(200);
    let status = own.post(&path, &draft).status;
    assert!(matches!(status, 403 | 404), "{path} {status}");
}
