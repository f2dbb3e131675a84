//! `_filter` over HTTP: beside other parameters, by form, with pages, and for a caller who may not see everything.
//! <https://hl7.org/fhir/R4/search_filter.html>

use comfrey::fhir::form::encoded;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::search_token::zoo;

fn two_people(app: &TestApp) -> Client {
    let clinician = app.clinician();
    for (id, family, born) in [("a", "Moss", "1940-05-06"), ("b", "Mossley", "1950-01-01")] {
        clinician.store(&json!({ "resourceType": "Patient", "id": id, "birthDate": born,
            "name": [{ "family": family }] }));
        clinician.store(&json!({ "resourceType": "Goal", "id": format!("g{id}"), "lifecycleStatus": "active",
            "description": { "text": "To be at home" }, "subject": { "reference": format!("Patient/{id}") } }));
    }
    clinician
}

#[test]
fn a_filter_goes_with_other_parameters_forms_and_pages() {
    let app = TestApp::new();
    let clinician = two_people(&app);
    let ids = |path: &str| clinician.get(path).expect(200).ids();
    assert_eq!(ids("/Patient?_filter=family%20co%20%22oss%22%20and%20birthdate%20lt%201945"), ["a"]);
    assert_eq!(ids("/Goal?lifecycle-status=active&_filter=patient.family%20ew%20ley"), ["gb"]);
    let form = clinician.request("POST", "/Patient/_search");
    let form = form.body("application/x-www-form-urlencoded", "_filter=not+(family+eq+moss)".to_owned());
    assert_eq!(form.send().expect(200).ids(), ["b"]);
    let page = clinician.get("/Patient?_filter=family%20sw%20moss&_count=1").expect(200);
    assert_eq!(page.ids(), ["b"]);
    assert_eq!(clinician.get(&page.link("next").unwrap()).expect(200).ids(), ["a"]);
    let refused = clinician.get("/Patient?_filter=family%20is%20moss").expect_issue(400, "invalid");
    assert_eq!(refused.expressions(), ["http._filter"]);
}

#[test]
fn a_filter_shows_a_patient_nothing_of_another() {
    let app = TestApp::new();
    two_people(&app);
    let patient = app.patient("a");
    let ids = |path: &str| patient.get(path).expect(200).ids();
    assert_eq!(ids("/Patient?_filter=family%20sw%20moss%20or%20_id%20eq%20b"), ["a"]);
    assert_eq!(ids("/Goal?_filter=patient.family%20eq%20mossley"), [] as [&str; 0]);
    assert_eq!(ids("/Goal?_filter=not%20(patient.family%20eq%20mossley)"), ["ga"]);
    app.stranger().get("/Patient?_filter=family%20eq%20moss").expect(403);
    app.anonymous().get("/Patient?_filter=family%20eq%20moss").expect(401);
}

#[test]
fn a_filter_asks_the_terminology() {
    let app = TestApp::new();
    let clinician = zoo(&app);
    let table: &[(&str, &[&str])] = &[
        ("code in urn:cats", &["cat", "kitten"]),
        ("code in urn:cats and not (code eq kitten)", &["cat"]),
        ("code in urn:cats or code eq dodo", &["cat", "dodo", "kitten"]),
        ("code ni urn:all", &["told", "unicorn"]),
        ("code ss urn:animals|cat", &["cat", "kitten"]),
        ("code sb urn:animals|kitten", &["cat", "kitten", "mammal"]),
    ];
    for (filter, expected) in table {
        let path = format!("/Observation?_filter={}", encoded(filter));
        assert_eq!(clinician.get(&path).expect(200).ids(), *expected, "{filter}");
    }
    clinician.get("/Observation?_filter=code%20in%20urn:nowhere").expect_issue(400, "not-found");
}
