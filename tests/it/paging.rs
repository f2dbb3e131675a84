//! The pages of a search: onwards and back, while others write. <https://hl7.org/fhir/R4/http.html#paging>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;

fn goal(at: usize, subject: &str) -> Value {
    let status = ["active", "planned"][at % 2];
    json!({ "resourceType": "Goal", "id": format!("g{at}"), "lifecycleStatus": status,
        "description": { "text": format!("Goal {}", at % 3) }, "subject": { "reference": format!("Patient/{subject}") },
        "startDate": format!("2026-01-{:02}", at / 2 + 1) })
}

/// Seven goals of `a`, and one of `b`.
fn goals(app: &TestApp) -> Client {
    let clinician = app.clinician();
    for id in ["a", "b"] {
        clinician.store(&json!({ "resourceType": "Patient", "id": id }));
    }
    (0..7).for_each(|at| drop(clinician.store(&goal(at, "a"))));
    clinician.store(&goal(7, "b"));
    clinician
}

fn links(reply: &Reply) -> Vec<String> {
    let bundle = reply.json();
    let links = bundle["link"].as_array().expect("a page has links");
    links.iter().map(|link| link["relation"].as_str().unwrap().to_owned()).collect()
}

const ORDERS: [&str; 9] = [
    "",
    "&_sort=start-date",
    "&_sort=-start-date,_id",
    "&_sort=lifecycle-status,-start-date",
    "&_sort=-lifecycle-status",
    "&_sort=_lastUpdated",
    "&_sort=-_id",
    "&_sort=target-date,-start-date",
    "&_sort=-target-date",
];

#[test]
fn pages_lead_on_and_back_over_the_same_resources() {
    let app = TestApp::new();
    let clinician = goals(&app);
    for order in ORDERS {
        let first = clinician.get(&format!("/Goal?patient=a&_count=3{order}")).expect(200);
        assert_eq!(links(&first), ["self", "first", "next"], "{order}");
        let second = clinician.get(&first.link("next").unwrap()).expect(200);
        assert_eq!(links(&second), ["self", "first", "previous", "next"], "{order}");
        let third = clinician.get(&second.link("next").unwrap()).expect(200);
        assert_eq!(links(&third), ["self", "first", "previous"], "{order}");
        assert_eq!([&first, &second, &third].map(|page| page.references().len()), [3, 3, 1], "{order}");
        let back = clinician.get(&third.link("previous").unwrap()).expect(200);
        assert_eq!(back.references(), second.references(), "{order}");
        assert_eq!(links(&back), ["self", "first", "previous", "next"], "{order}");
        assert_eq!(clinician.get(&back.link("next").unwrap()).expect(200).references(), third.references());
        let start = clinician.get(&back.link("previous").unwrap()).expect(200);
        assert_eq!(start.references(), first.references(), "{order}");
        assert_eq!(links(&start), ["self", "first", "next"], "{order}");
        assert_eq!(clinician.get(&third.link("first").unwrap()).expect(200).references(), first.references());
        assert_eq!(clinician.get(&third.link("self").unwrap()).expect(200).references(), third.references());
    }
}

#[test]
fn what_others_write_neither_repeats_nor_hides_anything() {
    let app = TestApp::new();
    let clinician = goals(&app);
    let first = clinician.get("/Goal?patient=a&_count=3").expect(200);
    assert_eq!(first.references(), ["Goal/g6", "Goal/g5", "Goal/g4"]);
    // One more, one that is changed, and one gone from each side of the edge.
    clinician.store(&goal(8, "a"));
    clinician.store(&goal(2, "a"));
    clinician.delete("/Goal/g4").expect(204);
    clinician.delete("/Goal/g1").expect(204);
    let second = clinician.get(&first.link("next").unwrap()).expect(200);
    assert_eq!(second.references(), ["Goal/g3", "Goal/g2", "Goal/g0"]);
    assert_eq!(links(&second), ["self", "first", "previous"]);
    let back = clinician.get(&second.link("previous").unwrap()).expect(200);
    assert_eq!(back.references(), ["Goal/g8", "Goal/g6", "Goal/g5"]);
    assert_eq!(links(&back), ["self", "first", "next"]);
    assert_eq!(clinician.get(&back.link("next").unwrap()).expect(200).references(), second.references());
}

#[test]
fn every_page_has_what_the_first_was_asked_for() {
    let app = TestApp::new();
    let clinician = goals(&app);
    let search = "/Goal?patient=a&_count=3&_elements=startDate&_include=Goal:patient&_total=accurate";
    let first = clinician.get(search).expect(200);
    let second = clinician.get(&first.link("next").unwrap()).expect(200);
    let back = clinician.get(&second.link("previous").unwrap()).expect(200);
    for page in [&first, &second, &back] {
        let (bundle, resources) = (page.json(), page.resources());
        assert_eq!((&bundle["total"], resources.len()), (&json!(7), 4));
        assert_eq!(resources[3]["resourceType"], "Patient");
        assert!(resources[0].get("lifecycleStatus").is_some(), "what is mandatory stays");
        assert_eq!(resources[0]["meta"]["tag"][0]["code"], "SUBSETTED");
    }
    assert_eq!(back.references(), first.references());
    let summary = clinician.get("/Goal?patient=a&_count=3&_summary=true").expect(200);
    let second = clinician.get(&summary.link("next").unwrap()).expect(200);
    assert_eq!(second.resources()[0]["meta"]["tag"][0]["code"], "SUBSETTED");
}

#[test]
fn a_page_link_belongs_to_its_own_search_and_shows_nobody_more() {
    let app = TestApp::new();
    let clinician = goals(&app);
    let first = clinician.get("/Patient/a/Goal?_count=3").expect(200);
    let second = clinician.get(&first.link("next").unwrap()).expect(200);
    for link in [first.link("next").unwrap(), second.link("previous").unwrap()] {
        assert!(!link.contains("patient"), "{link}");
        for other in ["/Patient/b/Goal?", "/Goal?", "/Patient/a/Condition?"] {
            clinician.get(&link.replace("/Patient/a/Goal?", other)).expect_issue(400, "invalid");
        }
        clinician.get(&format!("{link}A")).expect_issue(400, "invalid");
        clinician.get(&format!("{link}&_count=1")).expect_issue(400, "invalid");
        // It holds what was searched for, which is for nobody else to read, whatever they may search.
        for other in [app.patient("b"), app.partner(), app.with_scope("user/*.rs"), app.stranger()] {
            let refused = other.get(&link).expect_issue(400, "invalid");
            assert!(!refused.text().contains("_count=3"), "{}", refused.text());
        }
        app.clinician().get(&link).expect(200);
        app.anonymous().get(&link).expect_issue(401, "login");
    }
    // One's own pages are complete although others' rows lie between.
    clinician.store(&goal(9, "b"));
    let own = app.patient("b").get("/Goal?_count=1").expect(200);
    let second = app.patient("b").get(&own.link("next").unwrap()).expect(200);
    assert_eq!((own.references(), second.references()), (vec!["Goal/g9".into()], vec!["Goal/g7".into()]));
    assert_eq!(links(&second), ["self", "first", "previous"]);
}

#[test]
fn what_begins_with_rows_in_no_order_has_pages_from_the_newest_on() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for at in 0..9 {
        clinician.store(&json!({ "resourceType": "Patient", "id": format!("p{at}") }));
        // Backwards in time, so that no index of dates has the order of the page; every third is of another class.
        clinician.store(&json!({ "resourceType": "Encounter", "id": format!("e{at}"), "status": "finished",
            "class": { "code": if at % 3 == 2 { "IMP" } else { "AMB" } },
            "participant": [{ "individual": { "reference": "Practitioner/d" } }],
            "subject": { "reference": format!("Patient/p{at}") },
            "period": { "start": format!("2026-01-{:02}", 20 - at), "end": format!("2026-01-{:02}", 22 - at) } }));
    }
    clinician.delete("/Patient/p7").expect(204);
    for (search, found) in [
        (
            "/Encounter?date=ge2026-01&date=lt2026-02&class=AMB&_count=2",
            ["e7", "e6", "e4", "e3", "e1", "e0"].as_slice(),
        ),
        (
            "/Encounter?date=ge2026-01&date=lt2026-02&_count=2",
            &["e8", "e7", "e6", "e5", "e4", "e3", "e2", "e1", "e0"],
        ),
        // What is of somebody who is no patient is found by the references to them, and asked of each row again.
        ("/Practitioner/d/Encounter?_count=2", &["e8", "e7", "e6", "e5", "e4", "e3", "e2", "e1", "e0"]),
        ("/Practitioner/d/Encounter?class=AMB&_count=2", &["e7", "e6", "e4", "e3", "e1", "e0"]),
        // A patient who was deleted is found by none of theirs.
        ("/Patient?_has:Encounter:patient:class=AMB&_count=2", &["p6", "p4", "p3", "p1", "p0"]),
        ("/Patient?_has:Encounter:patient:class=AMB&_id:not=p4&_count=2", &["p6", "p3", "p1", "p0"]),
    ] {
        let mut page = clinician.get(&format!("{search}&_total=accurate")).expect(200);
        assert_eq!(page.json()["total"], found.len(), "{search}");
        let mut all = page.references();
        while let Some(next) = page.link("next") {
            page = clinician.get(&next).expect(200);
            all.extend(page.references());
            if let Some(previous) = page.link("previous") {
                let back = clinician.get(&previous).expect(200).references();
                assert_eq!(back, all[all.len() - page.references().len() - 2..][..2], "{search}");
            }
        }
        let ids: Vec<&str> = all.iter().filter_map(|one| one.split('/').nth(1)).collect();
        assert_eq!(ids, found, "{search}");
    }
}
