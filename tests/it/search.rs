//! search over HTTP: the Bundle, its links, and who sees what. <https://hl7.org/fhir/R4/http.html#search>

use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;

/// Two patients, and goals of theirs: g0, g2, g4 of `a`, g1, g3 of `b`.
fn five_goals(app: &TestApp) -> Client {
    let clinician = app.clinician();
    for id in ["a", "b"] {
        clinician.store(
            &json!({ "resourceType": "Patient", "id": id, "name": [{ "family": format!("Moss {id}") }] }),
        );
    }
    for at in 0..5 {
        let subject = format!("Patient/{}", ["a", "b"][at % 2]);
        clinician.store(
            &json!({ "resourceType": "Goal", "id": format!("g{at}"), "lifecycleStatus": "active",
            "description": { "text": "To be at home" }, "subject": { "reference": subject },
            "startDate": format!("2026-01-0{}", at + 1) }),
        );
    }
    clinician
}

fn modes(bundle: &Value) -> Vec<&str> {
    bundle["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["search"]["mode"].as_str().unwrap())
        .collect()
}

#[test]
fn what_matches_comes_with_its_url_and_why_it_is_there() {
    let app = TestApp::new();
    let clinician = five_goals(&app);
    let reply = clinician.get("/Goal?patient=a&_include=Goal:patient").expect(200);
    let bundle = reply.json();
    assert_eq!(bundle["type"], "searchset");
    assert_eq!(modes(&bundle), ["match", "match", "match", "include"]);
    assert_eq!(reply.ids(), ["a", "g0", "g2", "g4"]);
    let first = &bundle["entry"][0];
    let id = first["resource"]["id"].as_str().unwrap();
    assert_eq!(first["fullUrl"], app.url(&format!("/fhir/Goal/{id}")));
    assert_eq!(clinician.get("/Goal?patient=nobody").expect(200).json().get("entry"), None);
    assert!(reply.link("self").unwrap().starts_with(&app.url("/fhir/Goal?")));
}

#[test]
fn a_search_is_sent_as_a_form_too() {
    let app = TestApp::new();
    let clinician = five_goals(&app);
    let form = |path: &str, form: &str| {
        let call = clinician.request("POST", path);
        call.body("application/x-www-form-urlencoded", form.to_owned()).send()
    };
    assert_eq!(form("/Goal/_search", "patient=Patient%2Fa").expect(200).ids(), ["g0", "g2", "g4"]);
    assert_eq!(form("/Goal/_search?patient=a", "_id=g0,g1").expect(200).ids(), ["g0"]);
    assert_eq!(form("/Patient/b/Goal/_search", "").expect(200).ids(), ["g1", "g3"]);
    clinician.post("/Goal/_search", &json!({})).expect(415);
}

#[test]
fn a_compartment_is_searched_by_its_path() {
    let app = TestApp::new();
    let clinician = five_goals(&app);
    assert_eq!(clinician.get("/Patient/b/Goal").expect(200).ids(), ["g1", "g3"]);
    let page = clinician.get("/Patient/a/Goal?_count=2&_sort=start-date").expect(200);
    assert_eq!(page.references(), ["Goal/g0", "Goal/g2"]);
    let next = page.link("next").unwrap();
    assert!(next.starts_with(&app.url("/fhir/Patient/a/Goal?")));
    assert_eq!(clinician.get(&next).expect(200).references(), ["Goal/g4"]);
}

#[test]
fn pages_follow_one_another_without_gap_or_double_while_others_write() {
    let app = TestApp::new();
    let clinician = five_goals(&app);
    for sort in ["", "&_sort=-start-date", "&_sort=_lastUpdated", "&_sort=-_id"] {
        let mut url = Some(format!("/Goal?_count=2&patient=a,b{sort}"));
        let (mut all, mut pages) = (Vec::new(), 0);
        while let Some(page) = url {
            let reply = clinician.get(&page).expect(200);
            let found = reply.references();
            assert!(!found.is_empty(), "no page is empty");
            all.extend(found);
            pages += 1;
            url = reply.link("next");
            if pages == 1 {
                clinician.store(&json!({ "resourceType": "Goal", "id": "late", "lifecycleStatus": "active",
                    "description": { "text": "x" }, "subject": { "reference": "Patient/none" } }));
            }
        }
        assert_eq!(pages, 3, "{sort}");
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 5, "{sort}: {all:?}");
        assert_eq!(all.len(), 5, "{sort}: {all:?}");
    }
}

#[test]
fn a_page_link_shows_nothing_and_cannot_be_changed() {
    let app = TestApp::new();
    let clinician = five_goals(&app);
    let next = clinician.get("/Goal?patient=a&_count=1").expect(200).link("next").unwrap();
    assert!(!next.contains("patient"), "{next}");
    clinician.get(&format!("{next}x")).expect_issue(400, "invalid");
    clinician.get(&format!("{next}&patient=b")).expect_issue(400, "invalid");
    clinician.get(&next.replace("/Goal?", "/Condition?")).expect_issue(400, "invalid");
    // It is for the one who searched.
    app.patient("b").get(&next).expect_issue(400, "invalid");
    app.anonymous().get(&next).expect_issue(401, "login");
}

#[test]
fn the_total_is_given_as_it_is_asked_for() {
    let app = TestApp::new();
    let clinician = five_goals(&app);
    let count = clinician.get("/Goal?patient=a&_summary=count").expect(200).json();
    assert_eq!((&count["total"], count.get("entry")), (&json!(3), None));
    let zero = clinician.get("/Goal?patient=a&_count=0").expect(200).json();
    assert_eq!((&zero["total"], zero.get("entry")), (&json!(3), None));
    assert_eq!(clinician.get("/Goal?_count=1&_total=accurate").expect(200).json()["total"], 5);
    assert!(clinician.get("/Goal?_count=1&_total=none").expect(200).json().get("total").is_none());
}

#[test]
fn a_part_of_each_match_is_marked_as_one() {
    let app = TestApp::new();
    let clinician = five_goals(&app);
    let goal = &clinician.get("/Goal?_id=g0&_elements=startDate").expect(200).resources()[0];
    assert!(goal.get("startDate").is_some() && goal.get("description").is_some(), "{goal}");
    assert_eq!(goal["meta"]["tag"][0]["code"], "SUBSETTED");
    let patient = &clinician.get("/Patient?_id=a&_summary=true").expect(200).resources()[0];
    assert_eq!(patient["meta"]["tag"][0]["code"], "SUBSETTED");
}

#[test]
fn what_a_search_does_not_know_is_refused_or_named() {
    let app = TestApp::new();
    let clinician = five_goals(&app);
    for query in [
        "nope=1",
        "patient:nope=1",
        "start-date=soon",
        "_include=Goal:nope",
        "_sort=nope",
        "_count=x",
        "_elements=nope",
        "_summary=true&_elements=note",
    ] {
        let reply = clinician.get(&format!("/Goal?{query}"));
        assert_eq!(reply.status, 400, "{query}: {}", reply.text());
    }
    let reply =
        clinician.request("GET", "/Goal?nope=1&patient=a").header("prefer", "handling=lenient").send();
    let bundle = reply.expect(200).json();
    assert_eq!(modes(&bundle), ["match", "match", "match", "outcome"]);
    let outcome = &bundle["entry"][3]["resource"];
    assert!(bundle["entry"][3]["fullUrl"].as_str().unwrap().starts_with("urn:uuid:"), "{bundle}");
    assert_eq!(
        (&outcome["resourceType"], &outcome["issue"][0]["severity"]),
        (&json!("OperationOutcome"), &json!("warning"))
    );
    let link = bundle["link"].as_array().unwrap().iter().find(|link| link["relation"] == "self").unwrap();
    assert!(!link["url"].as_str().unwrap().contains("nope"), "{link}");
    let lenient = |search: &str| clinician.request("GET", search).header("prefer", "handling=lenient").send();
    let reply = lenient("/Goal?patient=a&_include=CarePlan:goal&_include=Goal:nope").expect(200);
    assert_eq!(reply.ids(), ["g0", "g2", "g4"]);
    assert_eq!(reply.resources()[3]["issue"].as_array().unwrap().len(), 2);
    lenient("/Goal?start-date=soon").expect_issue(400, "invalid");
    // What is known and has no value is no mistake.
    let reply = clinician.get("/Goal?patient=b&lifecycle-status=&_sort=").expect(200);
    assert_eq!(reply.ids(), ["g1", "g3"]);
    assert!(!reply.link("self").unwrap().contains("status"), "{}", reply.text());
}

#[test]
fn a_patient_sees_their_own_compartment_alone() {
    let app = TestApp::new();
    five_goals(&app);
    let own = app.patient("b");
    assert_eq!(own.get("/Goal").expect(200).ids(), ["g1", "g3"]);
    assert_eq!(own.get("/Goal?_total=accurate").expect(200).json()["total"], 2);
    assert_eq!(own.get("/Patient?_revinclude=Goal:patient").expect(200).ids(), ["b", "g1", "g3"]);
    assert_eq!(own.get("/Goal?patient=a").expect(200).ids(), [""; 0]);
    assert_eq!(own.get("/Patient/a/Goal").expect(200).ids(), [""; 0]);
    app.stranger().get("/Goal").expect_issue(403, "forbidden");
    app.anonymous().get("/Goal").expect_issue(401, "login");
}
