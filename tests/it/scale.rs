//! What must not grow with the data or with what is asked, and what must show at once.
//! <https://hl7.org/fhir/R4/search.html>

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;

fn observation(id: usize, code: &str) -> Value {
    json!({ "resourceType": "Observation", "id": format!("o{id}"), "status": "final",
        "subject": { "reference": format!("Patient/p{id}") },
        "performer": [{ "reference": format!("Practitioner/d{id}") }],
        "code": { "coding": [{ "system": "http://loinc.org", "code": code }] } })
}

/// How often a statement of each purpose is carried out for a search.
fn statements(operator: &Client, body: &str) -> BTreeMap<String, usize> {
    let search = operator.request("POST", "/Observation/_search");
    let body = format!("{body}&_explain=true");
    let answer = search.body("application/x-www-form-urlencoded", body).send().expect(200).json();
    let mut counted = BTreeMap::new();
    for one in answer["parameter"].as_array().unwrap().iter().filter(|one| one["name"] == "statement") {
        let parts = one["part"].as_array().unwrap();
        let purpose = parts.iter().find(|part| part["name"] == "purpose").unwrap();
        *counted.entry(purpose["valueCode"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert!(!counted.is_empty(), "{answer}");
    counted
}

#[test]
fn a_search_takes_as_many_statements_for_many_matches_as_for_one() {
    let app = TestApp::new();
    let operator = app.with_scope("system/*.cruds");
    for id in 0..30 {
        operator.store(&json!({ "resourceType": "Patient", "id": format!("p{id}") }));
        operator.store(&json!({ "resourceType": "Practitioner", "id": format!("d{id}") }));
        operator.store(&observation(id, "x"));
    }
    for search in [
        "code=x&_include=Observation:subject&_include=Observation:performer",
        "code=x&_include=*",
        "code=x&patient._id=p0,p1,p2,p3&_total=accurate",
        "code=x&_revinclude=Provenance:target",
    ] {
        let one = statements(&operator, &format!("{search}&_count=1"));
        let many = statements(&operator, &format!("{search}&_count=25"));
        // A page that holds all matches tells the total without a statement.
        assert!(
            many.iter().all(|(purpose, count)| one.get(purpose) == Some(count)),
            "{search} {one:?} {many:?}"
        );
    }
}

#[test]
fn hundreds_of_values_are_one_search() {
    let app = TestApp::new();
    let operator = app.with_scope("system/*.cruds");
    for id in 0..3 {
        operator.store(&observation(id, &format!("c{}", id * 200)));
    }
    let values = |count: usize| (0..count).map(|at| format!("http://loinc.org|c{at}")).collect::<Vec<_>>();
    let many = format!("code={}", values(500).join(","));
    let carried_out = statements(&operator, &many);
    assert_eq!(carried_out.get("page"), Some(&1));
    assert!(carried_out.values().sum::<usize>() <= 2, "one more looks how many there are: {carried_out:?}");
    let search = operator.request("POST", "/Observation/_search");
    let found = search.body("application/x-www-form-urlencoded", many).send().expect(200);
    assert_eq!(found.resources().len(), 3);
    let too_many = format!("code={}", values(501).join(","));
    let search = operator.request("POST", "/Observation/_search");
    let refused = search.body("application/x-www-form-urlencoded", too_many).send().expect(400);
    assert_eq!(refused.expressions(), ["http.code"]);
}

#[test]
fn what_was_answered_is_what_the_next_search_finds() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let count =
        |code: &str| clinician.get(&format!("/Observation?code={code}")).expect(200).resources().len();
    for round in 0..12 {
        let (before, after) = (format!("a{round}"), format!("b{round}"));
        assert_eq!(count(&before), 0, "nothing is kept of this search either");
        clinician.store(&observation(round, &before));
        assert_eq!((count(&before), count(&after)), (1, 0));
        clinician.store(&observation(round, &after));
        assert_eq!((count(&before), count(&after)), (0, 1));
        clinician.delete(&format!("/Observation/o{round}")).expect(204);
        assert_eq!((count(&before), count(&after)), (0, 0));
    }
}

#[test]
fn what_is_not_offered_is_refused_in_the_same_way_wherever_it_is_asked_for() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "Patient", "id": "p" }));
    for (path, status, code) in [
        ("/Patient?nope=1", 400, "not-supported"),
        ("/Patient?name:nope=x", 400, "not-supported"),
        ("/Patient?_sort=nope", 400, "not-supported"),
        ("/Patient?_has:Observation:nope:code=1", 400, "not-supported"),
        ("/Patient?_contained=true&_text=x", 400, "not-supported"),
        ("/Patient/$nope", 404, "not-supported"),
        ("/Patient/p/$nope", 404, "not-supported"),
        ("/$nope", 404, "not-supported"),
        ("/Nope", 404, "not-found"),
        ("/Nope/1", 404, "not-found"),
        ("/CodeSystem/$lookup?system=http://loinc.org&code=nope", 404, "not-found"),
        ("/ValueSet/$expand?url=http://example.org/nope", 404, "not-found"),
    ] {
        clinician.get(path).expect_issue(status, code);
    }
}
