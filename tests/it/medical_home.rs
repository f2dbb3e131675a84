//! Rules that ask whether a person belongs to a medical home: what they say follows the directory, for whoever may ask.
//! <https://hl7.org/fhir/R4/practitionerrole.html>

use serde_json::Value;
use serde_json::json;

use crate::app::START;
use crate::app::TestApp;
use crate::client::Client;
use crate::palliative_identify::READ;
use crate::programme::parts;

const OPEN: &str = "https://comfrey.health/fhir/PlanDefinition/RS-NY-3GI-OPEN";
const OURS: &str = "https://comfrey.health/fhir/StructureDefinition";
const DAY: i64 = 86_400_000_000;

fn reference(to: &str) -> Value {
    json!({ "reference": to })
}

fn site(status: &str) -> Value {
    json!({ "resourceType": "Organization", "id": "north", "name": "North",
        "extension": [{ "url": format!("{OURS}/pcmh-recognition"), "extension": [
            { "url": "program", "valueCode": "ncqa-pcmh" }, { "url": "status", "valueCode": status }] }] })
}

/// A person with an unmet need whose general practitioner works at a recognised place.
fn person(clinician: &Client) {
    clinician.store(&site("achieved"));
    clinician.store(&json!({ "resourceType": "Practitioner", "id": "a", "name": [{ "family": "A" }] }));
    clinician.store(&json!({ "resourceType": "PractitionerRole", "id": "a-north",
        "practitioner": reference("Practitioner/a"), "organization": reference("Organization/north") }));
    clinician.store(&json!({ "resourceType": "Patient", "id": "p", "birthDate": "1950-01-01",
        "generalPractitioner": [reference("Practitioner/a")] }));
    clinician.store(&json!({ "resourceType": "Observation", "id": "need", "status": "final",
        "subject": reference("Patient/p"), "performer": [reference("Practitioner/a")],
        "effectiveDateTime": "2026-02-20", "valueBoolean": true, "code": { "coding": [{ "code": "unmet-need",
            "system": "https://comfrey.health/fhir/CodeSystem/palliative-observation" }] } }));
}

/// What is said of the rules as a whole, and of the medical home, with what shows it.
fn said(client: &Client, query: &str) -> (String, String, Vec<String>) {
    let reply = client.get(&format!("/Patient/p/$palliative-screen?ruleSet={OPEN}{query}")).expect(200);
    told(&parts(&reply, "result")[0])
}

fn told(result: &Value) -> (String, String, Vec<String>) {
    let of = |parts: &Value, name: &str| -> Vec<Value> {
        parts.as_array().unwrap().iter().filter(|one| one["name"] == name).cloned().collect()
    };
    let code = |one: &Value| one["valueCode"].as_str().unwrap().to_owned();
    let home = of(&result["part"], "criterion").into_iter().map(|one| one["part"].clone());
    let home = home.into_iter().find(|one| code(&of(one, "id")[0]) == "medical-home").unwrap();
    let evidence = of(&home, "evidence");
    let evidence = evidence.iter().map(|one| one["valueReference"]["reference"].as_str().unwrap().to_owned());
    (code(&of(&result["part"], "outcome")[0]), code(&of(&home, "state")[0]), evidence.collect())
}

fn is(outcome: &str, state: &str, evidence: &[&str]) -> (String, String, Vec<String>) {
    (outcome.to_owned(), state.to_owned(), evidence.iter().map(|one| (*one).to_owned()).collect())
}

#[test]
fn who_belongs_to_a_medical_home_is_told_to_whoever_may_ask_and_follows_the_directory() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician);
    let met = is("eligible", "met", &["Organization/north", "PractitionerRole/a-north"]);
    assert_eq!(said(&clinician, ""), met);
    // nobody's answer turns on how much of the directory they may read
    let narrow = app.with_scope(&READ.map(|ty| format!("system/{ty}.rs")).join(" "));
    narrow.get("/Organization/north").expect_issue(403, "forbidden");
    assert_eq!(said(&narrow, ""), met);
    assert_eq!(said(&app.patient("p"), "").1, "met");
    let path = format!("/Patient/p/$palliative-screen?ruleSet={OPEN}");
    app.patient("q").get(&path).expect(404);
    app.anonymous().get(&path).expect(401);
    app.with_scope("system/Patient.rs").get(&path).expect_issue(403, "forbidden");
    // a recognition that is lost, on the day on which that was stored and not before
    app.clock().set(START + 3 * DAY);
    clinician.put("/Organization/north", &site("expired")).expect(200);
    let lost = is("not-eligible", "not-met", &["Organization/north", "PractitionerRole/a-north"]);
    assert_eq!(said(&clinician, ""), lost);
    assert_eq!(said(&clinician, "&asOf=2026-03-01&known=recorded"), met);
    assert_eq!(said(&clinician, "&asOf=2026-03-01"), lost);
    // a place where nobody is known to work tells nothing
    clinician.delete("/PractitionerRole/a-north").expect(204);
    assert_eq!(said(&clinician, ""), is("indeterminate", "unknown", &[]));
}

#[test]
fn a_place_that_is_sent_along_counts_as_if_it_was_stored() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician);
    let patient = json!({ "resourceType": "Patient", "id": "p", "birthDate": "1950-01-01",
        "generalPractitioner": [reference("urn:uuid:6f1f2d1c-7a9b-4a3e-9f9e-0d6c3f1b2a01")] });
    let mut place = site("in-process");
    place.as_object_mut().unwrap().remove("id");
    let sent = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "ruleSet", "valueCanonical": OPEN },
        { "name": "resource", "resource": { "resourceType": "Bundle", "type": "collection", "entry": [
            { "resource": patient },
            { "fullUrl": "urn:uuid:6f1f2d1c-7a9b-4a3e-9f9e-0d6c3f1b2a01", "resource": place }] } }] });
    let reply = clinician.post("/Patient/p/$palliative-screen", &sent).expect(200);
    let (outcome, state, evidence) = told(&parts(&reply, "result")[0]);
    assert_eq!((outcome.as_str(), state.as_str(), evidence.len()), ("eligible", "met", 1));
}

#[test]
fn who_is_found_for_a_programme_follows_the_directory() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician);
    clinician.store(&json!({ "resourceType": "HealthcareService", "id": "homes", "name": "Homes",
        "providedBy": reference("Organization/default"),
        "extension": [{ "url": format!("{OURS}/palliative-program-settings"),
            "extension": [{ "url": "ruleSet", "valueCanonical": OPEN }] }] }));
    let found = || {
        let reply = clinician.get("/$palliative-identify?program=HealthcareService/homes").expect(200);
        reply.text().contains("Patient/p")
    };
    assert!(found());
    clinician.put("/Organization/north", &site("expired")).expect(200);
    assert!(!found(), "the place is none any more");
    clinician.store(&json!({ "resourceType": "Organization", "id": "south", "name": "South",
        "extension": site("in-process")["extension"] }));
    let works = |place: &str| {
        clinician.store(&json!({ "resourceType": "PractitionerRole", "id": "a-north",
            "practitioner": reference("Practitioner/a"), "organization": reference(place) }));
    };
    works("Organization/south");
    assert!(found(), "who is named works elsewhere");
    works("Organization/north");
    assert!(!found());
    clinician.put("/Organization/north", &site("achieved")).expect(200);
    assert!(found());
    clinician.delete("/PractitionerRole/a-north").expect(204);
    let summary = || {
        let reply = clinician.get("/$palliative-identify?program=HealthcareService/homes").expect(200);
        let parts = parts(&reply, "summary")[0]["part"].as_array().unwrap().clone();
        let of = |name: &str| parts.iter().find(|one| one["name"] == name).unwrap()["valueInteger"].as_i64();
        (of("eligible"), of("indeterminate"))
    };
    assert_eq!(summary(), (Some(0), Some(1)), "where that one works is not known");
}
