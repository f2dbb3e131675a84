//! Searches on several types at once, and in compartments. <https://hl7.org/fhir/R4/http.html#search>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;

/// Two patients, each with a stay, a condition that was found in it, a goal and a plan; the doctor of both; a group.
fn records(app: &TestApp) -> Client {
    let clinician = app.clinician();
    let reference = |to: &str| json!({ "reference": to });
    clinician
        .store(&json!({ "resourceType": "Practitioner", "id": "doctor", "name": [{ "family": "House" }] }));
    for (at, id) in ["a", "b"].into_iter().enumerate() {
        let subject = reference(&format!("Patient/{id}"));
        let tag = json!({ "tag": [{ "system": "urn:t", "code": id }] });
        for resource in [
            json!({ "resourceType": "Patient", "id": id, "meta": tag, "generalPractitioner": [reference("Practitioner/doctor")] }),
            json!({ "resourceType": "Encounter", "id": format!("e{id}"), "status": "finished", "class": { "code": "IMP" },
                "subject": subject, "participant": [{ "individual": reference("Practitioner/doctor") }] }),
            json!({ "resourceType": "Condition", "id": format!("c{id}"), "subject": subject, "recordedDate": format!("2026-01-0{}", at + 1),
                "encounter": reference(&format!("Encounter/e{id}")), "code": { "text": "Pain" } }),
            json!({ "resourceType": "Goal", "id": format!("g{id}"), "meta": tag, "lifecycleStatus": "active", "subject": subject,
                "description": { "text": "To be at home" }, "startDate": format!("2026-02-0{}", at + 1) }),
            json!({ "resourceType": "CarePlan", "id": format!("p{id}"), "status": "active", "intent": "plan",
                "subject": subject, "encounter": reference(&format!("Encounter/e{id}")), "goal": [reference(&format!("Goal/g{id}"))] }),
        ] {
            clinician.store(&resource);
        }
    }
    let item = |to: &str| json!({ "item": reference(to) });
    clinician.store(&json!({ "resourceType": "List", "id": "some", "status": "current", "mode": "working",
        "text": { "status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">Told</div>" },
        "entry": [item("Goal/ga"), item("Condition/cb")] }));
    clinician.store(
        &json!({ "resourceType": "Binary", "id": "told", "contentType": "text/plain", "data": "dG9sZA==" }),
    );
    let member = |id: &str| json!({ "entity": reference(&format!("Patient/{id}")) });
    clinician.store(&json!({ "resourceType": "Group", "id": "both", "type": "person", "actual": true,
        "member": [member("a"), member("b")] }));
    clinician
}

fn check(client: &Client, table: &[(&str, &[&str])]) {
    for (search, expected) in table {
        let mut found = client.get(search).expect(200).references();
        found.sort();
        assert_eq!(found, *expected, "{search}");
    }
}

#[test]
fn several_types_are_searched_by_what_all_of_them_have() {
    let app = TestApp::new();
    let clinician = records(&app);
    check(
        &clinician,
        &[
            ("?_type=Condition,Goal&patient=a", &["Condition/ca", "Goal/ga"]),
            ("?_type=Goal,Condition,Goal&subject=Patient/b", &["Condition/cb", "Goal/gb"]),
            ("?_type=Goal&lifecycle-status=active", &["Goal/ga", "Goal/gb"]),
            ("?_type=Condition,CarePlan&encounter=ea", &["CarePlan/pa", "Condition/ca"]),
            ("?_type=Condition,Encounter&patient:Patient._tag=urn:t|a", &["Condition/ca", "Encounter/ea"]),
            ("?_tag=urn:t|a", &["Goal/ga", "Patient/a"]),
            ("?_id=a,ca,doctor,none", &["Condition/ca", "Patient/a", "Practitioner/doctor"]),
            ("?_id=none", &[]),
            ("?_type=Group,Flag", &["Group/both"]),
            ("?_list=some", &["Condition/cb", "Goal/ga"]),
            ("?_list=some&_id=ga", &["Goal/ga"]),
            ("/Patient/a/*?_list=some", &["Goal/ga"]),
            ("?_text=told", &["List/some"]),
            ("?_type=&_text=told&_lastUpdated:missing=false", &["List/some"]),
            ("/Patient/a/*?_text=told", &[]),
            (
                "?_type=Condition,CarePlan&patient=a&_include=CarePlan:goal",
                &["CarePlan/pa", "Condition/ca", "Goal/ga"],
            ),
            (
                "?_type=Condition,Patient&_id=ca&_revinclude=Encounter:diagnosis&_include=*",
                &["Condition/ca", "Encounter/ea", "Patient/a"],
            ),
        ],
    );
    let form = clinician.request("POST", "/_search?_type=Condition,Goal");
    let form = form.body("application/x-www-form-urlencoded", "patient=a&_sort=_id").send();
    assert_eq!(form.expect(200).references(), ["Condition/ca", "Goal/ga"]);
    let count = clinician.get("?_type=Condition,Goal,Flag&_summary=count").expect(200).json();
    assert_eq!((&count["total"], count.get("entry")), (&json!(4), None));
    assert_eq!(clinician.get("?_type=Condition,Goal&patient=a").expect(200).json()["total"], 2);
}

#[test]
fn pages_of_several_types_have_one_order() {
    let app = TestApp::new();
    let clinician = records(&app);
    let newest_first = ["Goal/gb", "Condition/cb", "Goal/ga", "Condition/ca"];
    let by_id = ["Condition/ca", "Condition/cb", "Goal/ga", "Goal/gb"];
    for (order, expected) in [
        ("", newest_first),
        ("&_sort=-_lastUpdated", newest_first),
        ("&_sort=_id", by_id),
        ("&_sort=subject,_id", ["Condition/ca", "Goal/ga", "Condition/cb", "Goal/gb"]),
    ] {
        let mut url = format!("?_type=Condition,Goal&_count=3{order}");
        let first = clinician.get(&url).expect(200);
        assert!(first.link("self").unwrap().starts_with(&app.url("/fhir?_type=Condition,Goal&")));
        url = first.link("next").unwrap();
        let second = clinician.get(&url).expect(200);
        assert_eq!([first.references(), second.references()].concat(), expected, "{order}");
        assert_eq!(second.link("next"), None);
        let back = clinician.get(&second.link("previous").unwrap()).expect(200);
        assert_eq!(back.references(), first.references(), "{order}");
        clinician.get(&url.replace("/fhir?", "/fhir/Goal?")).expect_issue(400, "invalid");
    }
    let all = clinician.get("?_count=5").expect(200);
    let next = clinician.get(&all.link("next").unwrap()).expect(200);
    assert_eq!((all.references().len(), next.references().len()), (5, 5));
}

#[test]
fn what_not_every_type_has_is_refused() {
    let app = TestApp::new();
    let clinician = records(&app);
    for (search, code, expression) in [
        ("?_type=Condition,Goal&clinical-status=active", "not-supported", "http.clinical-status"),
        ("?patient=a", "not-supported", "http.patient"),
        ("?patient=", "not-supported", "http.patient"),
        ("?_filter=_id%20eq%20a", "not-supported", "http._filter"),
        ("?_has:List:item:status=current", "not-supported", "http._has:List:item:status"),
        ("?_sort=patient", "not-supported", "http._sort"),
        ("?_type=Condition,Nothing", "invalid", "http._type"),
        ("?_type=Condition&_type=Goal", "invalid", "http._type"),
        ("?_type=Condition,Observation&_sort=code,value-string", "not-supported", "http._sort"),
        ("?_type=Condition,Goal&_include=Observation:subject", "invalid", "http._include"),
        ("?_type=Condition,Goal&_tag:nope=x", "not-supported", "http._tag:nope"),
    ] {
        let reply = clinician.get(search).expect_issue(400, code);
        assert_eq!(reply.expressions(), [expression], "{search}");
    }
    clinician.get("/Goal?_type=Goal").expect_issue(400, "not-supported");
    let lenient = |search: &str| clinician.request("GET", search).header("prefer", "handling=lenient").send();
    let reply = lenient("?_type=Condition,Goal&patient=a&clinical-status=active&nope=1").expect(200);
    assert_eq!(reply.ids(), ["ca", "ga"]);
    let outcome: &Value = &reply.resources()[2];
    assert_eq!(outcome["issue"].as_array().unwrap().len(), 2, "{outcome}");
    assert!(!reply.link("self").unwrap().contains("clinical-status"));
    assert_eq!(lenient("?_id=a&patient=b").expect(200).ids(), ["a"]);
}

#[test]
fn each_kind_of_compartment_has_what_refers_to_it() {
    let app = TestApp::new();
    let clinician = records(&app);
    check(
        &clinician,
        &[
            ("/Encounter/ea/Condition", &["Condition/ca"]),
            ("/Encounter/ea/Encounter", &["Encounter/ea"]),
            ("/Encounter/ea/CarePlan?status=active", &["CarePlan/pa"]),
            ("/Encounter/none/Condition", &[]),
            ("/Encounter/eb/*", &["CarePlan/pb", "Condition/cb", "Encounter/eb"]),
            ("/Practitioner/doctor/Encounter", &["Encounter/ea", "Encounter/eb"]),
            ("/Practitioner/doctor/Patient", &["Patient/a", "Patient/b"]),
            ("/Practitioner/doctor/*?_type=Practitioner,Patient&_tag=urn:t|a", &["Patient/a"]),
            ("/Practitioner/doctor/*?_type=Practitioner,Patient&_id=doctor", &["Practitioner/doctor"]),
            ("/Device/d/Observation", &[]),
            (
                "/Patient/a/*",
                &["CarePlan/pa", "Condition/ca", "Encounter/ea", "Goal/ga", "Group/both", "Patient/a"],
            ),
            ("/Patient/a/*?_type=Goal,Condition&_id=ga", &["Goal/ga"]),
            ("/Patient/b/Patient", &["Patient/b"]),
            ("/Patient/b/Group", &["Group/both"]),
        ],
    );
    let page = clinician.get("/Patient/a/*?_count=4&_sort=_id").expect(200);
    let next = page.link("next").unwrap();
    assert!(next.starts_with(&app.url("/fhir/Patient/a/*?")), "{next}");
    assert_eq!(clinician.get(&next).expect(200).references().len(), 2);
    clinician.get(&next.replace("/a/", "/b/")).expect_issue(400, "invalid");
    let form = clinician.request("POST", "/Patient/a/_search");
    let form = form.body("application/x-www-form-urlencoded", "_type=Goal%2CCondition").send();
    assert_eq!(form.expect(200).ids(), ["ca", "ga"]);
    clinician.get("/Patient/a/Practitioner").expect_issue(404, "not-found");
    clinician.get("/Encounter/ea/Goal").expect_issue(404, "not-found");
    clinician.get("/Patient/a/*?_type=Practitioner").expect_issue(400, "invalid");
    clinician.get("/Goal/ga/Condition").expect_issue(404, "not-found");
    clinician.delete("/Encounter/ea");
    assert_eq!(clinician.get("/Encounter/ea/Encounter").expect(200).ids(), [""; 0]);
}

#[test]
fn nobody_finds_in_several_types_or_a_compartment_what_they_may_not_see() {
    let app = TestApp::new();
    let clinician = records(&app);
    // A condition of b that was noted in the stay of a.
    clinician
        .store(&json!({ "resourceType": "Condition", "id": "odd", "subject": { "reference": "Patient/b" },
        "encounter": { "reference": "Encounter/ea" } }));
    let own = app.patient("a");
    check(
        &own,
        &[
            ("?_type=Condition,Goal", &["Condition/ca", "Goal/ga"]),
            ("?_type=Condition,Goal&patient=b", &[]),
            ("?_type=Condition,Goal&_revinclude=CarePlan:*", &["CarePlan/pa", "Condition/ca", "Goal/ga"]),
            ("?_id=a,b,ca,cb", &["Condition/ca", "Patient/a"]),
            // The list is nobody's own, so that neither it nor what it names is theirs to know.
            ("?_list=some", &[]),
            ("/Patient/a/*?_list=some", &[]),
            ("?_text=told", &[]),
            ("/Encounter/ea/*", &["CarePlan/pa", "Condition/ca", "Encounter/ea"]),
            ("/Encounter/eb/*", &[]),
            ("/Encounter/eb/Encounter", &[]),
            ("/Practitioner/doctor/Patient", &["Patient/a"]),
            ("/Patient/b/*", &[]),
            ("/Patient/b/Goal", &[]),
        ],
    );
    assert_eq!(own.get("?_type=Condition,Goal&_summary=count").expect(200).json()["total"], 2);
    assert_eq!(own.get("/Patient/b/*?_summary=count").expect(200).json()["total"], 0);
    // What the scopes do not name is refused where it is named, and left out where it is not.
    let some = app.with_scope("user/Goal.rs");
    some.get("?_type=Condition,Goal").expect_issue(403, "forbidden");
    some.get("/Patient/a/Condition").expect_issue(403, "forbidden");
    check(&some, &[("?_id=ca,ga", &["Goal/ga"]), ("/Patient/a/*", &["Goal/ga"])]);
    for path in [
        "?_type=Condition",
        "?_id=a",
        "?_list=some",
        "?_text=told",
        "/Patient/a/*",
        "/Encounter/ea/Condition",
    ] {
        app.stranger().get(path).expect_issue(403, "forbidden");
        app.anonymous().get(path).expect_issue(401, "login");
    }
    let form = |client: &Client, path: &str| {
        let call = client.request("POST", path);
        call.body("application/x-www-form-urlencoded", "_type=Condition").send()
    };
    assert_eq!(form(&own, "/_search").expect(200).ids(), ["ca"]);
    assert_eq!(form(&own, "/Patient/b/_search").expect(200).ids(), [""; 0]);
    form(&app.stranger(), "/_search").expect_issue(403, "forbidden");
    form(&app.anonymous(), "/_search").expect_issue(401, "login");
}
