//! Searches that ask the terminology, over HTTP: value sets and code systems that are stored, and who sees them.
//! <https://hl7.org/fhir/R4/search.html#token>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;

/// Two patients with an observation of each animal: even ones of `a`, odd ones of `b`.
pub fn zoo(app: &TestApp) -> Client {
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "CodeSystem", "id": "animals", "url": "urn:animals", "version": "2",
        "name": "Animals", "status": "active", "content": "complete", "concept": [
            { "code": "mammal", "display": "Mammal", "concept": [
                { "code": "cat", "display": "House cat", "concept": [{ "code": "kitten", "display": "Kitten" }] },
                { "code": "dog", "display": "Dog" } ] },
            { "code": "dodo", "display": "Dodo" } ] }));
    let include = |id: &str, compose: Value| {
        clinician.store(
            &json!({ "resourceType": "ValueSet", "id": id, "url": format!("urn:{id}"), "version": "1",
            "name": "Set", "status": "active", "compose": compose }),
        );
    };
    include("all", json!({ "include": [{ "system": "urn:animals" }] }));
    include(
        "cats",
        json!({ "include": [{ "system": "urn:animals",
        "filter": [{ "property": "concept", "op": "is-a", "value": "cat" }] }] }),
    );
    include(
        "others",
        json!({ "include": [{ "valueSet": ["urn:all"] }], "exclude": [{ "valueSet": ["urn:cats"] }] }),
    );
    include("both", json!({ "include": [{ "system": "urn:animals", "valueSet": ["urn:cats"] }] }));
    include("pages", json!({ "include": [{ "system": "urn:pages" }] }));
    for id in ["a", "b"] {
        clinician.store(&json!({ "resourceType": "Patient", "id": id }));
    }
    for (at, code) in ["mammal", "cat", "kitten", "dog", "dodo", "unicorn"].into_iter().enumerate() {
        let subject = format!("Patient/{}", ["a", "b"][at % 2]);
        clinician.store(&json!({ "resourceType": "Observation", "id": code, "status": "final",
            "subject": { "reference": subject }, "code": { "text": format!("A {code}"),
                "coding": [{ "system": "urn:animals", "code": code }, { "system": "urn:pages", "code": "p1" }] } }));
    }
    clinician.store(&json!({ "resourceType": "Observation", "id": "told", "status": "final",
        "subject": { "reference": "Patient/b" }, "code": { "text": "No code at all" } }));
    clinician
}

#[test]
fn stored_value_sets_and_hierarchies_say_what_is_found() {
    let app = TestApp::new();
    let clinician = zoo(&app);
    let animals = ["cat", "dodo", "dog", "kitten", "mammal"];
    let absolute = format!("code:in={}", app.url("/fhir/ValueSet/cats"));
    let table: &[(&str, &[&str])] = &[
        ("code:in=urn:all", &animals),
        ("code:in=urn:all%7C1", &animals),
        ("code:in=ValueSet/all", &animals),
        ("code:in=urn:cats", &["cat", "kitten"]),
        (&absolute, &["cat", "kitten"]),
        ("code:in=urn:others", &["dodo", "dog", "mammal"]),
        ("code:in=urn:both", &["cat", "kitten"]),
        ("code:in=urn:cats&code:below=urn:animals%7Ckitten", &["kitten"]),
        ("code:not-in=urn:all", &["told", "unicorn"]),
        ("code:not-in=urn:cats&patient=a", &["dodo", "mammal"]),
        ("code:below=urn:animals%7Cmammal", &["cat", "dog", "kitten", "mammal"]),
        ("code:below=urn:animals%7Ccat,urn:animals%7Cdodo", &["cat", "dodo", "kitten"]),
        ("code:above=urn:animals%7Ckitten", &["cat", "kitten", "mammal"]),
        ("code:text=a+d", &["dodo", "dog"]),
        ("status:in=http://hl7.org/fhir/ValueSet/observation-status&code=urn:animals%7Ccat", &["cat"]),
        // Nobody holds this system, and all of it is meant.
        ("code:in=urn:pages", &["cat", "dodo", "dog", "kitten", "mammal", "unicorn"]),
    ];
    for (query, expected) in table {
        assert_eq!(clinician.get(&format!("/Observation?{query}")).expect(200).ids(), *expected, "{query}");
    }
    let self_link = clinician.get("/Observation?code:in=urn:cats").expect(200).link("self").unwrap();
    assert!(self_link.contains("code:in=urn:cats"), "{self_link}");
}

#[test]
fn what_the_terminology_cannot_tell_is_refused() {
    let app = TestApp::new();
    let clinician = zoo(&app);
    let many: Vec<Value> = (0..20_001).map(|at| json!({ "code": format!("c{at}") })).collect();
    clinician
        .store(&json!({ "resourceType": "ValueSet", "id": "many", "url": "urn:many", "status": "active",
        "compose": { "include": [{ "system": "urn:animals", "concept": many }] } }));
    for (query, code) in [
        ("code:in=urn:nowhere", "not-found"),
        ("code:in=urn:all%7C2", "not-found"),
        ("code:in=ValueSet/nowhere", "not-found"),
        ("code:in=urn:many", "too-costly"),
        ("code:not-in=urn:many", "too-costly"),
        ("code:below=urn:animals%7Cunicorn", "code-invalid"),
        ("code:below=http://snomed.info/sct%7C1", "not-supported"),
        ("code:above=cat", "invalid"),
        ("identifier:of-type=a%7Cb", "invalid"),
        ("code:of-type=a%7Cb%7Cc", "invalid"),
        ("patient:in=urn:all", "not-supported"),
    ] {
        clinician.get(&format!("/Observation?{query}")).expect_issue(400, code);
    }
}

#[test]
fn the_terminology_opens_nothing_that_is_closed() {
    let app = TestApp::new();
    zoo(&app);
    let own = app.patient("b");
    for (query, expected) in [
        ("code:in=urn:all", &["cat", "dog"][..]),
        ("code:not-in=urn:cats", &["dog", "told", "unicorn"]),
        ("code:below=urn:animals%7Cmammal", &["cat", "dog"]),
        ("code:above=urn:animals%7Ckitten", &["cat"]),
        ("code:text=a+d", &["dog"]),
        ("code:text=a+d&_summary=count", &[]),
    ] {
        assert_eq!(own.get(&format!("/Observation?{query}")).expect(200).ids(), expected, "{query}");
    }
    assert_eq!(own.get("/Observation?code:text=a+d&_summary=count").expect(200).json()["total"], 1);
    assert_eq!(own.get("/Patient?_has:Observation:patient:code:in=urn:all").expect(200).ids(), ["b"]);
    // Whoever may not search value sets does not learn which there are, nor what they hold.
    let narrow = app.with_scope("system/Observation.rs");
    narrow.get("/Observation?code:in=urn:all").expect_issue(400, "not-found");
    narrow.get("/Observation?code:in=ValueSet/all").expect_issue(400, "not-found");
    narrow.get("/Observation?code:below=urn:animals%7Cmammal").expect_issue(400, "not-supported");
    app.stranger().get("/Observation?code:in=urn:all").expect_issue(403, "forbidden");
    app.anonymous().get("/Observation?code:in=urn:all").expect_issue(401, "login");
}

#[test]
fn lists_and_hierarchies_are_searched_by_within_what_the_caller_sees() {
    let app = TestApp::new();
    let clinician = zoo(&app);
    let item = |of: &str| json!({ "item": { "reference": of } });
    clinician.store(&json!({ "resourceType": "List", "id": "mixed", "status": "current", "mode": "working",
        "subject": { "reference": "Patient/a" },
        "entry": [item("Observation/cat"), item("Observation/kitten"), item("Patient/a")] }));
    assert_eq!(clinician.get("/Observation?_list=mixed").expect(200).ids(), ["cat", "kitten"]);
    assert_eq!(clinician.get("/Observation?_list=List/mixed&patient=a").expect(200).ids(), ["kitten"]);
    assert_eq!(clinician.get("/Patient?_list=mixed").expect(200).ids(), ["a"]);
    // The list is one patient's own, and an observation in it another's.
    assert_eq!(app.patient("a").get("/Observation?_list=mixed").expect(200).ids(), ["kitten"]);
    assert_eq!(app.patient("b").get("/Observation?_list=mixed").expect(200).ids(), [""; 0]);
    let narrow = app.with_scope("system/Observation.rs");
    assert_eq!(narrow.get("/Observation?_list=mixed").expect(200).ids(), [""; 0]);
    clinician.get("/Observation?_list=$current-problems").expect_issue(400, "not-supported");
    app.anonymous().get("/Observation?_list=mixed").expect_issue(401, "login");

    for (id, whole) in [("house", None), ("ward", Some("Location/house")), ("bed", Some("Location/ward"))] {
        let mut location = json!({ "resourceType": "Location", "id": id });
        if let Some(whole) = whole {
            location["partOf"] = json!({ "reference": whole });
        }
        clinician.store(&location);
    }
    for (id, patient, place) in [("e1", "a", "ward"), ("e2", "b", "bed")] {
        clinician.store(&json!({ "resourceType": "Encounter", "id": id, "status": "finished",
            "class": { "code": "IMP" }, "subject": { "reference": format!("Patient/{patient}") },
            "location": [{ "location": { "reference": app.url(&format!("/fhir/Location/{place}")) } }] }));
    }
    assert_eq!(clinician.get("/Encounter?location=bed").expect(200).ids(), ["e2"]);
    assert_eq!(clinician.get("/Encounter?location:below=house").expect(200).ids(), ["e1", "e2"]);
    assert_eq!(clinician.get("/Encounter?location:above=bed&patient=a").expect(200).ids(), ["e1"]);
    assert_eq!(app.patient("a").get("/Encounter?location:below=house").expect(200).ids(), ["e1"]);
    assert_eq!(app.patient("b").get("/Encounter?location:below=house").expect(200).ids(), [""; 0]);
    let blind = app.with_scope("system/Encounter.rs");
    assert_eq!(blind.get("/Encounter?location:below=house").expect(200).ids(), [""; 0]);
    clinician.get("/Encounter?subject:below=Patient/a").expect_issue(400, "not-supported");
    app.stranger().get("/Encounter?location:below=house").expect_issue(403, "forbidden");
}
