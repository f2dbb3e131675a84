//! Searches by values that stand together, by quantities in other units and by places, over HTTP: what is found, who
//! sees it, and what an older database needs. <https://hl7.org/fhir/R4/search.html#combining>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::database::tamper;

const UCUM: &str = "http://unitsofmeasure.org";

/// Two patients, each with a blood pressure and a weight, and two places.
fn measured(app: &TestApp) -> Client {
    let clinician = app.clinician();
    let quantity =
        |value: f64, code: &str| json!({ "value": value, "unit": code, "system": UCUM, "code": code });
    let loinc = |code: &str| json!({ "coding": [{ "system": "http://loinc.org", "code": code }] });
    let observation = |id: &str, patient: &str, code: &str, rest: Value| {
        let mut own = json!({ "resourceType": "Observation", "id": id, "status": "final", "code": loinc(code),
            "subject": { "reference": format!("Patient/{patient}") } });
        own.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        clinician.store(&own);
    };
    for (patient, systolic, weight) in [("a", 150.0, (70.0, "kg")), ("b", 110.0, (154.3, "[lb_av]"))] {
        clinician.store(&json!({ "resourceType": "Patient", "id": patient }));
        let component = json!({ "component": [
            { "code": loinc("8480-6"), "valueQuantity": quantity(systolic, "mm[Hg]") },
            { "code": loinc("8462-4"), "valueQuantity": quantity(80.0, "mm[Hg]") }] });
        observation(&format!("bp-{patient}"), patient, "85354-9", component);
        let weight = json!({ "valueQuantity": quantity(weight.0, weight.1) });
        observation(&format!("weight-{patient}"), patient, "29463-7", weight);
    }
    for (id, longitude) in [("near", -118.2), ("far", -100.0)] {
        clinician.store(&json!({ "resourceType": "Location", "id": id, "status": "active", "name": id,
            "position": { "latitude": 34.05, "longitude": longitude } }));
    }
    clinician
}

const SEARCHES: &[(&str, &[&str])] = &[
    ("/Observation?component-code-value-quantity=http://loinc.org|8480-6$gt140", &["bp-a"]),
    (
        "/Observation?combo-code-value-quantity=8480-6$ge110|http://unitsofmeasure.org|mm[Hg]",
        &["bp-a", "bp-b"],
    ),
    ("/Observation?combo-code-value-quantity=8462-4$gt140", &[]),
    ("/Observation?code-value-quantity=29463-7$70.0|http://unitsofmeasure.org|kg", &["weight-a", "weight-b"]),
    ("/Observation?value-quantity=gt70|http://unitsofmeasure.org|kg", &[]),
    ("/Observation?value-quantity=le70000|http://unitsofmeasure.org|g", &["weight-a", "weight-b"]),
    ("/Observation?value-quantity=gt13|http://unitsofmeasure.org|kPa", &[]),
    ("/Observation?component-value-quantity=gt19|http://unitsofmeasure.org|kPa", &["bp-a"]),
    ("/Patient?_has:Observation:patient:component-code-value-quantity=8480-6$lt120", &["b"]),
    ("/Location?near=34.05|-118.25|10|km", &["near"]),
];

fn asked(search: &str) -> String {
    search.replace('|', "%7C").replace('[', "%5B").replace(']', "%5D")
}

#[test]
fn values_are_found_together_across_units_and_near_a_place() {
    let app = TestApp::new();
    let clinician = measured(&app);
    for (search, expected) in SEARCHES {
        assert_eq!(clinician.get(&asked(search)).expect(200).ids(), *expected, "{search}");
    }
    let wrong = clinician.get("/Observation?code-value-quantity=29463-7").expect_issue(400, "invalid");
    assert_eq!(wrong.expressions(), ["http.code-value-quantity"]);
    let wrong =
        clinician.get("/Observation?code-value-quantity:missing=true").expect_issue(400, "not-supported");
    assert_eq!(wrong.expressions(), ["http.code-value-quantity:missing"]);
    clinician.get("/Location?near=here").expect_issue(400, "invalid");
    let statement = clinician.get("/metadata").expect(200).json();
    let types = statement["rest"][0]["resource"].as_array().unwrap();
    for (ty, code, kind) in
        [("Observation", "code-value-quantity", "composite"), ("Location", "near", "special")]
    {
        let own = types.iter().find(|own| own["type"] == ty).unwrap()["searchParam"].as_array().unwrap();
        assert!(own.iter().any(|one| one["name"] == code && one["type"] == kind), "{ty}.{code}");
    }
}

#[test]
fn a_patient_finds_their_own_values_and_who_may_not_search_none() {
    let app = TestApp::new();
    measured(&app);
    let patient = app.patient("b");
    for (search, all) in SEARCHES.iter().filter(|(search, _)| search.starts_with("/Observation")) {
        let own: Vec<&&str> = all.iter().filter(|id| id.ends_with("-b")).collect();
        let reply = patient.get(&format!("{}&_total=accurate", asked(search))).expect(200);
        assert_eq!(reply.ids().iter().collect::<Vec<_>>().len(), own.len(), "{search}");
        assert!(reply.ids().iter().all(|id| id.ends_with("-b")), "{search}");
        assert_eq!(reply.json()["total"], json!(own.len()), "{search}");
        app.stranger().get(&asked(search)).expect_issue(403, "forbidden");
        app.with_scope("user/Goal.rs").get(&asked(search)).expect_issue(403, "forbidden");
        app.anonymous().get(&asked(search)).expect_issue(401, "login");
    }
    let has = "/Patient?_has:Observation:patient:component-code-value-quantity=8480-6$gt140";
    assert!(patient.get(has).expect(200).ids().is_empty());
    app.with_scope("user/Goal.rs").get("/Location?near=34.05%7C-118.25").expect_issue(403, "forbidden");
    app.anonymous().get("/Location?near=34.05%7C-118.25").expect_issue(401, "login");
}

#[test]
fn an_older_database_gets_its_rows_by_reindexing() {
    let app = TestApp::new();
    let clinician = measured(&app);
    let url = &app.app().config.database_url;
    tamper(url, "DELETE FROM idx_composite");
    tamper(url, "DELETE FROM idx_quantity WHERE system < 0");
    let (search, expected) = SEARCHES[1];
    assert!(clinician.get(&asked(search)).expect(200).ids().is_empty());
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_comfrey"))
        .args(["reindex", "--database-url", url])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(clinician.get(&asked(search)).expect(200).ids(), expected);
}
