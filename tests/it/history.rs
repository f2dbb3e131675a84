//! The history of a resource over HTTP. <https://hl7.org/fhir/R4/http.html#history>

use serde_json::Value;
use serde_json::json;

use crate::app::START;
use crate::app::TestApp;
use crate::client::Client;

/// Five versions, ten seconds apart: a create, two updates, a delete, an update.
fn five(app: &TestApp) {
    let clinician = app.clinician();
    for step in 0..5 {
        app.clock().set(START + step * 10_000_000);
        match step {
            3 => clinician.delete("/Patient/p").expect(204),
            _ => clinician.put("/Patient/p", &json!({ "resourceType": "Patient", "id": "p" })),
        };
    }
}

fn versions(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    entries.iter().map(|entry| entry["response"]["etag"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn versions_come_newest_first_with_how_they_came_to_be() {
    let app = TestApp::new();
    five(&app);
    let bundle = app.clinician().get("/Patient/p/_history").expect(200).json();
    assert_eq!((&bundle["type"], &bundle["total"]), (&json!("history"), &json!(5)));
    let expected = ["W/\"5\"", "W/\"4\"", "W/\"3\"", "W/\"2\"", "W/\"1\""];
    assert_eq!(versions(&bundle), expected);
    let deletion = &bundle["entry"][1];
    assert!(deletion.get("resource").is_none());
    assert_eq!(deletion["request"], json!({ "method": "DELETE", "url": "Patient/p" }));
    assert_eq!(deletion["response"]["status"], "204 No Content");
    let first = &bundle["entry"][4];
    assert_eq!(first["request"], json!({ "method": "PUT", "url": "Patient/p" }));
    assert_eq!(first["response"]["status"], "201 Created");
    assert_eq!(first["response"]["lastModified"], "2026-03-01T12:00:00.000Z");
    assert_eq!(first["fullUrl"], app.url("/fhir/Patient/p"));
    assert_eq!(first["resource"]["meta"]["versionId"], "1");
}

#[test]
fn a_created_resource_has_a_post_in_its_history() {
    let app = TestApp::new();
    let id = app.clinician().store(&json!({ "resourceType": "Patient" }))["id"].as_str().unwrap().to_owned();
    let bundle = app.clinician().get(&format!("/Patient/{id}/_history")).expect(200).json();
    assert_eq!(bundle["entry"][0]["request"], json!({ "method": "POST", "url": "Patient" }));
}

#[test]
fn pages_follow_one_another_without_gap_or_double() {
    let app = TestApp::new();
    five(&app);
    let clinician = app.clinician();
    let mut url = Some("/Patient/p/_history?_count=2".to_owned());
    let mut all = Vec::new();
    while let Some(page) = url {
        let reply = clinician.get(&page).expect(200);
        all.push(versions(&reply.json()));
        url = reply.link("next");
    }
    assert_eq!(all, [vec!["W/\"5\"", "W/\"4\""], vec!["W/\"3\"", "W/\"2\""], vec!["W/\"1\""]]);
}

#[test]
fn since_leaves_older_versions_out() {
    let app = TestApp::new();
    five(&app);
    let bundle = app.clinician().get("/Patient/p/_history?_since=2026-03-01T12:00:20Z").expect(200).json();
    assert_eq!(versions(&bundle), ["W/\"5\"", "W/\"4\"", "W/\"3\""]);
    assert_eq!(bundle["total"], 3);
}

#[test]
fn what_a_history_cannot_be_asked_is_refused() {
    let app = TestApp::new();
    five(&app);
    for query in [
        "_count=x",
        "_count=-1",
        "_since=soon",
        "_at=2026-13",
        "_sort=-x",
        "_total=some",
        "_summary=all",
        "_elements=nope",
        "_summary=text&_elements=name",
        "_since=2026&_since=2027",
        "name=x",
    ] {
        for path in ["/Patient/p/_history", "/Patient/_history", "/_history"] {
            let refused = app.clinician().get(&format!("{path}?{query}")).expect_issue(400, "invalid");
            let names: Vec<&str> = query.split('&').map(|pair| pair.split_once('=').unwrap().0).collect();
            let at = refused.expressions().remove(0);
            assert!(names.iter().any(|name| at == format!("http.{name}")), "{path}?{query}: {at}");
        }
    }
    let lenient = app.clinician().request("GET", "/Patient/p/_history?name=x");
    lenient.header("Prefer", "handling=lenient").send().expect(200);
    let large = app.clinician().get("/Patient/p/_history?_count=99999999999").expect(200);
    assert!(large.link("self").unwrap().ends_with("_count=1000"), "{}", large.text());
    app.clinician().get("/Patient/never/_history").expect_issue(404, "not-found");
    app.patient("other").get("/Patient/p/_history").expect_issue(404, "not-found");
    app.stranger().get("/Patient/p/_history").expect_issue(403, "forbidden");
}

#[test]
fn versions_of_another_patients_time_neither_show_nor_count() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for subject in ["a", "b", "a", "b", "b"] {
        let subject = format!("Patient/{subject}");
        clinician.store(&json!({ "resourceType": "Goal", "id": "g", "lifecycleStatus": "active",
            "description": { "text": "To be at home" }, "subject": { "reference": subject } }));
    }
    let first = app.patient("b").get("/Goal/g/_history?_count=2").expect(200);
    assert_eq!(
        (versions(&first.json()), &first.json()["total"]),
        (vec!["W/\"5\"".into(), "W/\"4\"".into()], &json!(3))
    );
    let second = app.patient("b").get(&first.link("next").unwrap()).expect(200);
    assert_eq!((versions(&second.json()), second.link("next")), (vec!["W/\"2\"".to_owned()], None));
    app.patient("a").get("/Goal/g/_history").expect_issue(404, "not-found");
    app.patient("b").get("/Goal/g/_history/1").expect_issue(404, "not-found");
}

/// Ten resources of three types in eleven versions, all of them at one time but the first and the last.
fn many(app: &TestApp) {
    let clinician = app.clinician();
    for at in 0..4 {
        clinician.store(&json!({ "resourceType": "Patient", "id": format!("p{at}") }));
        app.clock().set(START + 1_000_000);
        clinician
            .store(&json!({ "resourceType": "Organization", "id": format!("o{at}"), "name": "Hospice" }));
    }
    clinician.store(&json!({ "resourceType": "Location", "id": "l" }));
    clinician.store(&json!({ "resourceType": "Location", "id": "l" }));
    app.clock().set(START + 9_000_000);
    clinician.delete("/Patient/p0").expect(204);
}

/// `Type/id/version` of every entry.
fn places(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let place = |entry: &Value| {
        let url = entry["fullUrl"].as_str().unwrap().rsplitn(3, '/').collect::<Vec<_>>();
        let version = entry["response"]["etag"].as_str().unwrap().replace(['W', '/', '"'], "");
        format!("{}/{}/{version}", url[1], url[0])
    };
    entries.iter().map(place).collect()
}

/// All pages from this one on, each with its entries.
fn pages(caller: &Client, path: &str) -> Vec<Vec<String>> {
    let (mut url, mut all) = (Some(path.to_owned()), Vec::new());
    while let Some(page) = url {
        let reply = caller.get(&page).expect(200);
        all.push(places(&reply.json()));
        url = reply.link("next");
    }
    all
}

/// Whether a version is one of the service's own definitions, which everybody may read.
fn is_definition(place: &str) -> bool {
    let (ty, _) = place.split_once('/').unwrap();
    ty.ends_with("Definition") || ["CodeSystem", "Measure", "ValueSet"].contains(&ty)
}

#[test]
fn a_type_and_the_whole_service_have_a_history() {
    let app = TestApp::new();
    many(&app);
    let clinician = app.clinician();
    let of_type = clinician.get("/Patient/_history").expect(200).json();
    assert_eq!((&of_type["type"], &of_type["total"]), (&json!("history"), &json!(5)));
    assert_eq!(
        places(&of_type),
        ["Patient/p0/2", "Patient/p3/1", "Patient/p2/1", "Patient/p1/1", "Patient/p0/1"]
    );
    assert_eq!(of_type["entry"][0]["request"], json!({ "method": "DELETE", "url": "Patient/p0" }));
    assert!(of_type["entry"][0].get("resource").is_none());
    for count in [1, 2, 3, 7, 50] {
        for order in ["-_lastUpdated", "_lastUpdated"] {
            let mut all = pages(&clinician, &format!("/_history?_count={count}&_sort={order}")).concat();
            // the definitions and programmes of the service itself are the first
            all.retain(|place| !place.contains("default") && !is_definition(place));
            assert_eq!(all.len(), 11, "{count} {order}: {all:?}");
            let ends = (all.first().unwrap().as_str(), all.last().unwrap().as_str());
            let expected = ("Patient/p0/2", "Patient/p0/1");
            assert_eq!(ends, if order == "_lastUpdated" { (expected.1, expected.0) } else { expected });
            all.sort();
            all.dedup();
            assert_eq!(all.len(), 11, "{count} {order}");
        }
    }
}

#[test]
fn previous_leads_back_the_way_that_next_led() {
    let app = TestApp::new();
    many(&app);
    let clinician = app.clinician();
    for path in [
        "/_history?_count=3",
        "/Patient/_history?_count=2&_sort=_lastUpdated",
        "/Location/l/_history?_count=1",
    ] {
        let (mut forth, mut urls) = (Vec::new(), vec![path.to_owned()]);
        loop {
            let reply = clinician.get(urls.last().unwrap()).expect(200);
            forth.push(places(&reply.json()));
            assert_eq!(reply.link("previous").is_some(), urls.len() > 1, "{path}");
            assert_eq!(
                reply.link("first").map(|url| url.ends_with("_lastUpdated") || url.contains("_count=")),
                Some(true)
            );
            let Some(next) = reply.link("next") else { break };
            urls.push(next);
        }
        assert!(forth.len() > 1, "{path}");
        let mut reply = clinician.get(urls.last().unwrap());
        for expected in forth.iter().rev().skip(1) {
            reply = clinician.get(&reply.link("previous").expect(path)).expect(200);
            assert_eq!(&places(&reply.json()), expected, "{path}");
            let again = clinician.get(&reply.link("self").unwrap()).expect(200);
            assert_eq!(&places(&again.json()), expected, "{path}");
        }
        assert_eq!(reply.link("previous"), None, "{path}");
        assert!(reply.link("next").is_some(), "{path}");
    }
}

#[test]
fn the_total_is_there_where_it_is_asked_for_or_costs_nothing() {
    let app = TestApp::new();
    many(&app);
    for (query, total, entries) in [
        ("/Patient/_history", json!(5), 5),
        ("/Patient/_history?_count=2", Value::Null, 2),
        ("/Patient/_history?_count=2&_total=accurate", json!(5), 2),
        ("/Patient/_history?_total=none", Value::Null, 5),
        ("/Patient/_history?_count=0", json!(5), 0),
        ("/Patient/_history?_summary=count", json!(5), 0),
        ("/Patient/_history?_summary=count&_since=2026-03-01T12:00:09Z", json!(1), 0),
        ("/Location/l/_history?_count=1", json!(2), 1),
        ("/Location/_history?_total=estimate&_at=2026-03-01T12:00:00Z", json!(0), 0),
        ("/Device/_history", json!(0), 0),
    ] {
        let bundle = app.clinician().get(query).expect(200).json();
        assert_eq!((&bundle["total"], places(&bundle).len()), (&total, entries), "{query}");
    }
}

#[test]
fn at_shows_what_was_current_then() {
    let app = TestApp::new();
    five(&app);
    // versions at :00, :10, :20, deleted at :30, back at :40
    for (at, expected) in [
        ("2026-03-01T12:00:05Z", &["1"][..]),
        ("2026-03-01T12:00:10Z", &["2"]),
        ("2026-03-01T12:00:09Z", &["1"]),
        ("2026-03-01T12:00:35Z", &[]),
        ("2026-03-01T12:00:30Z", &["4"]),
        ("2026-03-01T12:01", &["5"]),
        ("2026-03-01T12:00", &["5", "4", "3", "2", "1"]),
        ("2026-03-01T13:00:05%2B01:00", &["1"]),
        ("2026-03-01T13:00:05+01:00", &["1"]),
        ("2027", &["5"]),
        ("2025", &[]),
        ("2026-03", &["5", "4", "3", "2", "1"]),
    ] {
        let expected: Vec<String> = expected.iter().map(|version| format!("W/\"{version}\"")).collect();
        for path in ["/Patient/p/_history", "/Patient/_history"] {
            let bundle = app.clinician().get(&format!("{path}?_at={at}")).expect(200).json();
            assert_eq!(versions(&bundle), expected, "{path} {at}");
            assert_eq!(bundle["total"], expected.len(), "{path} {at}");
        }
    }
    let zoned =
        TestApp::with(|config| config.time_zone = jiff::tz::TimeZone::get("America/New_York").unwrap());
    five(&zoned);
    // 12:00 in UTC is 07:00 in New York
    let bundle = zoned.clinician().get("/Patient/p/_history?_at=2026-03-01T07:00:05").expect(200).json();
    assert_eq!(versions(&bundle), ["W/\"1\""]);
}

#[test]
fn a_part_of_each_version_is_marked_as_one() {
    let app = TestApp::new();
    many(&app);
    let clinician = app.clinician();
    for (path, kept) in [
        ("/Organization/o1/_history?_elements=name", true),
        ("/Organization/_history?_elements=Organization.name", true),
        ("/_history?_elements=name", true),
        ("/_history?_elements=Organization.active", false),
        ("/Organization/o1/_history?_summary=text", false),
    ] {
        let all = clinician.get(path).expect(200).resources();
        let organization = all.iter().find(|one| one["id"] == "o1").unwrap();
        assert_eq!(organization["meta"]["tag"][0]["code"], "SUBSETTED", "{path}");
        assert_eq!(organization.get("name").is_some(), kept, "{path}");
    }
}

#[test]
fn a_page_link_is_of_its_own_history_and_whole() {
    let app = TestApp::new();
    many(&app);
    let clinician = app.clinician();
    let next = clinician.get("/_history?_count=2").link("next").unwrap();
    assert!(!next.contains("2026") && !next.contains("Patient"), "{next}");
    let cursor = next.split_once("_cursor=").unwrap().1.to_owned();
    let mut changed = cursor.clone();
    changed.replace_range(20..21, if &cursor[20..21] == "A" { "B" } else { "A" });
    let of_search = clinician.get("/Patient?_count=1").link("next").unwrap();
    for url in [
        next.replace(&cursor, &changed),
        next.replace(&cursor, "AAAA"),
        next.replace(&cursor, of_search.split_once("_cursor=").unwrap().1),
        next.replace("/_history", "/Patient/_history"),
        next.replace("/_history", "/Location/l/_history"),
        format!("{next}&_count=5"),
        of_search.replace(of_search.split_once("_cursor=").unwrap().1, &cursor),
    ] {
        clinician.get(&url).expect_issue(400, "invalid");
    }
}

#[test]
fn a_patients_token_shows_the_versions_of_their_own_compartment_alone() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let goal = |id: &str, patient: &str| {
        json!({ "resourceType": "Goal", "id": id, "lifecycleStatus": "active",
            "description": { "text": format!("of {patient}") }, "subject": { "reference": format!("Patient/{patient}") } })
    };
    for patient in ["a", "b"] {
        clinician
            .store(&json!({ "resourceType": "Patient", "id": patient, "name": [{ "family": patient }] }));
    }
    clinician.store(&json!({ "resourceType": "Organization", "id": "unknown-to-them", "name": "Elsewhere" }));
    clinician.store(&goal("own", "a"));
    clinician.store(&goal("own", "a"));
    clinician.delete("/Goal/own").expect(204);
    clinician.store(&goal("others", "b"));
    clinician.delete("/Goal/others").expect(204);
    // filed under the wrong patient, and corrected; then the other way
    clinician.store(&goal("misfiled", "a"));
    clinician.store(&goal("misfiled", "b"));
    clinician.store(&goal("found", "b"));
    clinician.store(&goal("found", "a"));
    // deleted, and back as somebody else's
    clinician.store(&goal("reused", "a"));
    clinician.delete("/Goal/reused").expect(204);
    clinician.store(&goal("reused", "b"));
    let (anna, own) = (app.patient("a"), ["Goal/found/2", "Goal/own/3", "Goal/own/2", "Goal/own/1"]);
    assert_eq!(places(&anna.get("/Goal/_history?_total=accurate").expect(200).json()), own);
    assert_eq!(anna.get("/Goal/_history?_summary=count").expect(200).json()["total"], 4);
    assert_eq!(pages(&anna, "/Goal/_history?_count=1").concat(), own);
    let all = pages(&anna, "/_history?_count=2").concat();
    assert_eq!(all[..4], own);
    let theirs = |place: &String| {
        is_definition(place)
            || ["Goal/own", "Goal/found/2", "Patient/a/"].iter().any(|known| place.starts_with(known))
    };
    assert!(all.iter().all(theirs) && all.contains(&"Patient/a/1".into()), "{all:?}");
    let text = anna.get("/_history?_count=100").expect(200).text();
    assert!(!text.contains("\"of b\"") && !text.contains("Elsewhere"), "{text}");
    // a deletion is told to whom it was about
    anna.get("/Goal/own").expect_issue(410, "deleted");
    let versions = ["Goal/own/3", "Goal/own/2", "Goal/own/1"];
    assert_eq!(places(&anna.get("/Goal/own/_history").expect(200).json()), versions);
    anna.get("/Goal/own/_history/1").expect(200);
    for other in ["others", "misfiled", "reused"] {
        for below in ["", "/_history", "/_history/1"] {
            anna.get(&format!("/Goal/{other}{below}")).expect_issue(404, "not-found");
        }
    }
    anna.get("/Goal/found/_history/1").expect_issue(404, "not-found");
    assert_eq!(places(&anna.get("/Goal/found/_history").expect(200).json()), ["Goal/found/2"]);
    // a page link is for the one who asked, and shows what that person's token allows now
    let link = clinician.get("/Goal/_history?_count=1").link("next").unwrap();
    let held = app.with_claims(json!({ "sub": "clinician-1", "scope": "patient/*.rs", "patient": "a" }));
    assert_eq!(pages(&held, &link).concat(), own);
    anna.get(&link).expect_issue(400, "invalid");
}

#[test]
fn the_history_of_a_type_or_of_all_takes_the_scope_to_search() {
    let app = TestApp::new();
    many(&app);
    for (scope, of_type, of_all) in [
        ("user/Patient.s", 200, 200),
        ("user/Patient.r", 403, 403),
        ("user/Patient.read", 200, 200),
        ("system/Organization.rs", 403, 200),
        ("user/*.cud", 403, 403),
        ("patient/Patient.rs", 403, 403),
    ] {
        let caller = app.with_scope(scope);
        assert_eq!(caller.get("/Patient/_history").status, of_type, "{scope}");
        assert_eq!(caller.get("/_history").status, of_all, "{scope}");
    }
    let all = pages(&app.with_scope("user/Location.s"), "/_history").concat();
    assert_eq!(all, ["Location/l/2", "Location/l/1"]);
    app.anonymous().get("/_history").expect_issue(401, "login");
}

#[test]
fn pages_neither_repeat_nor_skip_while_others_write() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for at in 0..40 {
        clinician.store(&json!({ "resourceType": "Patient", "id": format!("p{}", at % 8) }));
    }
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for writer in 0..3 {
            let (app, stop) = (&app, &stop);
            scope.spawn(move || {
                let clinician = app.clinician();
                for at in 0.. {
                    if stop.load(std::sync::atomic::Ordering::Relaxed) {
                        break;
                    }
                    app.clock().set(START + 1_000_000 + at * 1_000);
                    clinician.store(
                        &json!({ "resourceType": "Patient", "id": format!("p{}", (at + writer) % 8) }),
                    );
                    clinician.store(
                        &json!({ "resourceType": "Organization", "id": format!("o{at}"), "name": "New" }),
                    );
                }
            });
        }
        for round in 0..6 {
            let path = ["/Patient/_history?_count=3", "/_history?_count=7"][round % 2];
            let known: Vec<String> =
                (0..8).flat_map(|id| (1..=5).map(move |v| format!("Patient/p{id}/{v}"))).collect();
            let mut all = pages(&clinician, path).concat();
            let shown = all.len();
            all.sort();
            all.dedup();
            assert_eq!(all.len(), shown, "nothing twice: {path}");
            assert!(known.iter().all(|place| all.binary_search(place).is_ok()), "all of it: {path}");
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
