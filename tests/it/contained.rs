//! Searches for what stands in other resources, as clients see them. <https://hl7.org/fhir/R4/search.html#contained>

use comfrey::app::upkeep::Step;
use comfrey::app::upkeep::check;
use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::database::tamper;

fn medicine(id: &str, code: &str) -> Value {
    json!({ "resourceType": "Medication", "id": id, "status": "active", "code": { "coding": [{ "code": code }] } })
}

fn order(id: &str, patient: &str, inside: &[Value]) -> Value {
    let fragment = |own: &Value| json!({ "reference": format!("#{}", own["id"].as_str().unwrap()) });
    let mut order = json!({ "resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order",
        "subject": { "reference": format!("Patient/{patient}") }, "medicationReference": { "display": "none" } });
    if !inside.is_empty() {
        order["contained"] = inside.into();
        order["supportingInformation"] = inside.iter().map(fragment).collect();
    }
    if let Some(first) = inside.first().filter(|first| first["resourceType"] == "Medication") {
        order["medicationReference"] = fragment(first);
    }
    order
}

fn filled(app: &TestApp) -> Client {
    let clinician = app.clinician();
    for patient in ["ana", "bob"] {
        clinician.store(&json!({ "resourceType": "Patient", "id": patient }));
    }
    clinician.store(&order("r1", "ana", &[medicine("m1", "a")]));
    clinician.store(&order("r2", "bob", &[medicine("m1", "b"), medicine("m2", "a")]));
    clinician.store(&medicine("own", "a"));
    clinician
}

fn full_urls(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().into_iter().flatten();
    let base = |url: &str| url.rsplit_once("/fhir/").unwrap().1.to_owned();
    entries.map(|entry| base(entry["fullUrl"].as_str().unwrap())).collect()
}

/// How many differences `comfrey check` finds, and what it says of them.
fn differences(app: &TestApp) -> Vec<String> {
    let mut said = Vec::new();
    let mut tell = |step: Step<'_>| {
        if let Step::Differs(text) = step {
            said.push(text.to_owned());
        }
    };
    let checked = check(&app.app().config, &mut tell).expect("it can be read");
    assert_eq!(checked.differences, said.len() as u64);
    said
}

#[test]
fn a_contained_match_is_shown_by_its_container_or_by_itself() {
    let app = TestApp::new();
    let clinician = filled(&app);
    let search = |query: &str| clinician.get(&format!("/Medication?{query}")).expect(200).json();
    let bundle = search("code=a&_contained=both&_total=accurate");
    assert_eq!(full_urls(&bundle), ["Medication/own", "MedicationRequest/r2", "MedicationRequest/r1"]);
    assert_eq!(bundle["total"], 3);
    assert!(bundle["entry"].as_array().unwrap().iter().all(|entry| entry["search"]["mode"] == "match"));
    let link = bundle["link"][0]["url"].as_str().unwrap();
    assert!(link.contains("_contained=both"), "{link}");

    let bundle = search("code=a&_contained=true&_containedType=contained&_total=accurate");
    assert_eq!(full_urls(&bundle), ["MedicationRequest/r2#m2", "MedicationRequest/r1#m1"]);
    assert_eq!(bundle["total"], 2);
    assert_eq!(bundle["entry"][0]["resource"], medicine("m2", "a"));
    assert_eq!(bundle["entry"][0]["search"]["mode"], "match");
    assert_eq!(full_urls(&search("code=a")), ["Medication/own"]);
    assert_eq!(search("_contained=true&_summary=count")["total"], 2);
    assert_eq!(search("_contained=true&_containedType=contained&_count=0")["total"], 3);

    let bundle = search("code=a&_contained=true&_containedType=contained&_elements=status");
    assert_eq!(bundle["entry"][1]["resource"]["status"], "active");
    assert!(bundle["entry"][1]["resource"].get("code").is_none(), "{bundle}");
    // The containers are of another type than is searched.
    let bundle = search("code=a&_contained=true&_elements=intent");
    assert_eq!(bundle["entry"][0]["resource"]["intent"], "order");
    let xml =
        clinician.get("/Medication?_contained=true&_containedType=contained&_format=xml").expect(200).text();
    assert!(xml.contains("<fullUrl value=") && xml.contains("/MedicationRequest/r1#m1\""), "{xml}");
    // All types, of which one has matches in others alone.
    clinician.store(&json!({ "resourceType": "Basic", "id": "b", "code": { "text": "x" }, "subject": { "reference": "#s" },
        "contained": [{ "resourceType": "Substance", "id": "s", "code": { "text": "y" } }] }));
    let bundle = clinician.get("/?_id=s&_contained=true&_containedType=contained").expect(200).json();
    assert_eq!(full_urls(&bundle), ["Basic/b#s"]);
    let bundle = clinician.get("/?_type=Medication,Substance&_contained=true&_sort=_id").expect(200).json();
    assert_eq!(full_urls(&bundle), ["MedicationRequest/r1", "MedicationRequest/r2", "Basic/b"]);
}

#[test]
fn pages_of_both_are_gone_through_by_their_links_while_others_write() {
    let app = TestApp::new();
    let clinician = filled(&app);
    for at in 0..9 {
        clinician.store(&order(
            &format!("s{at}"),
            "ana",
            &[medicine("m", "a"), medicine("n", ["a", "b"][at % 2])],
        ));
        clinician.store(&medicine(&format!("t{at}"), "a"));
    }
    for query in [
        "_contained=both",
        "_contained=both&_sort=code",
        "_contained=both&_containedType=contained",
        "_contained=both&_containedType=contained&_sort=-code,_id",
        "_contained=true&_containedType=contained",
    ] {
        let whole = clinician.get(&format!("/Medication?code=a&{query}&_count=100")).expect(200).json();
        let whole = full_urls(&whole);
        let mut next = Some(app.url(&format!("/fhir/Medication?code=a&{query}&_count=4")));
        let (mut found, mut last) = (Vec::new(), None);
        while let Some(url) = next {
            let reply = clinician.get(&url).expect(200);
            found.extend(full_urls(&reply.json()));
            next = reply.link("next");
            last = Some(reply);
            // What is changed without moving is neither repeated nor skipped.
            clinician.store(&order("r1", "ana", &[medicine("m1", "a")]));
        }
        if !query.contains("Updated") {
            assert_eq!(found, whole, "{query}");
        }
        let before = last.unwrap().link("previous").expect("there is a page before the last");
        let before = full_urls(&clinician.get(&before).expect(200).json());
        assert!(before.len() == 4 && before.iter().all(|url| whole.contains(url)), "{query}: {before:?}");
    }
}

#[test]
fn the_index_of_what_is_contained_follows_each_write_and_is_checked_and_mended() {
    let app = TestApp::new();
    let clinician = filled(&app);
    let found =
        |code: &str| clinician.get(&format!("/Medication?code={code}&_contained=true")).expect(200).ids();
    assert_eq!((found("a"), found("b")), (vec!["r1".into(), "r2".into()], vec!["r2".to_owned()]));
    assert_eq!(differences(&app), Vec::<String>::new());
    // Another order, other ids, another type, one less, none, and back again.
    let variants: [&[Value]; 6] = [
        &[medicine("m2", "a"), medicine("m1", "b")],
        &[medicine("x", "b"), medicine("m1", "c")],
        &[json!({ "resourceType": "Organization", "id": "x", "name": "b" }), medicine("m1", "b")],
        &[medicine("m1", "b")],
        &[],
        &[medicine("m1", "b"), medicine("m2", "a")],
    ];
    for (at, inside) in variants.iter().enumerate() {
        clinician.store(&order("r2", "bob", inside));
        assert_eq!(differences(&app), Vec::<String>::new(), "after variant {at}");
    }
    clinician.delete("/MedicationRequest/r1").expect(204);
    assert_eq!((found("a"), differences(&app)), (vec!["r2".to_owned()], Vec::new()));
    clinician.store(&order("r1", "ana", &[medicine("m1", "a")]));

    let url = &app.app().config.database_url;
    let rid = "(SELECT rid FROM resource WHERE id = 'r1')";
    let stray = "-4611686018427387904 + 1035633426432";
    for (statement, words) in [
        (
            "DELETE FROM contained WHERE id = 'm2'".to_owned(),
            "r2 version 7: contained[1]: has another row in `contained`",
        ),
        (
            "DELETE FROM idx_token WHERE rid < 0 AND code = 'b'".into(),
            "contained[0]: `idx_token` lacks 1 and has 0 too many",
        ),
        (
            format!("INSERT INTO idx_uri VALUES (-1, 'x', -4611686018427387904 + {rid} * 1048576)"),
            "r1 version 3: contained[0]: `idx_uri` lacks 0 and has 1",
        ),
        (
            format!("INSERT INTO idx_uri VALUES (-1, 'x', {stray})"),
            "number 987657 is not there, but has search index rows",
        ),
        (
            format!("INSERT INTO contained VALUES ({stray} + 1, 5, 63, 'x')"),
            "number 987657 is not there, but has search index rows",
        ),
        (
            format!("UPDATE contained SET container = 77 WHERE container = {rid}"),
            "r1 version 3: contained[0]: has another row in `contained`",
        ),
    ] {
        tamper(url, &statement);
        let said = differences(&app);
        assert!(said.iter().any(|line| line.contains(words)), "{statement}: {said:#?}");
        app.app().reindex(0, &mut |_| {}).expect("it can be made anew");
        assert_eq!(differences(&app), Vec::<String>::new(), "{statement}");
    }
    assert_eq!((found("a"), found("b")), (vec!["r1".into(), "r2".into()], vec!["r2".to_owned()]));
    tamper(url, "DELETE FROM contained; DELETE FROM idx_token WHERE rid < 0");
    assert_eq!(found("a"), Vec::<String>::new());
    app.app().reindex(0, &mut |_| {}).expect("it can be made anew");
    assert_eq!((found("a"), differences(&app)), (vec!["r1".into(), "r2".to_owned()], Vec::new()));
}

#[test]
fn whoever_may_not_see_the_container_sees_nothing_of_what_stands_in_it() {
    let app = TestApp::new();
    let clinician = filled(&app);
    clinician.store(
        &json!({ "resourceType": "Observation", "id": "o", "status": "final", "code": { "text": "x" },
        "subject": { "reference": "Patient/bob" }, "performer": [{ "reference": "#ana" }],
        "contained": [{ "resourceType": "Patient", "id": "ana", "name": [{ "family": "Ash" }] }] }),
    );
    let medicines = "/Medication?code=a&_contained=both&_total=accurate";
    let ana = app.patient("ana");
    let seen = ana.get(medicines).expect(200);
    assert_eq!((seen.ids(), &seen.json()["total"]), (vec!["r1".to_owned()], &json!(1)));
    for shown in ["container", "contained"] {
        let people = format!("/Patient?_contained=true&_containedType={shown}");
        assert_eq!(ana.get(&people).expect(200).ids(), Vec::<String>::new());
        assert_eq!(clinician.get(&people).expect(200).ids().len(), 1);
    }
    assert_eq!(ana.get("/Observation?performer:Patient.name=ash").expect(200).ids(), Vec::<String>::new());
    assert_eq!(clinician.get("/Observation?performer:Patient.name=ash").expect(200).ids(), ["o"]);

    app.anonymous().get(medicines).expect_issue(401, "login");
    app.stranger().get(medicines).expect_issue(403, "forbidden");
    // The type that is searched is asked for first, and that of the container counts as well.
    app.with_scope("system/MedicationRequest.rs").get(medicines).expect_issue(403, "forbidden");
    let neither = app.with_scope("system/Medication.rs").get(medicines).expect(200);
    assert_eq!((neither.ids(), &neither.json()["total"]), (vec!["own".to_owned()], &json!(1)));
    let both = app.with_scope("system/Medication.rs system/MedicationRequest.rs").get(medicines).expect(200);
    assert_eq!(both.ids(), ["own", "r1", "r2"]);
}

#[test]
fn what_does_not_go_with_contained_resources_is_refused() {
    let app = TestApp::new();
    let clinician = filled(&app);
    for (path, status, code, at) in [
        (
            "/Medication?_contained=true&_include=Medication:manufacturer",
            400,
            "not-supported",
            "http._include",
        ),
        (
            "/Medication?_contained=both&_revinclude=MedicationRequest:medication",
            400,
            "not-supported",
            "http._revinclude",
        ),
        ("/Medication?_contained=both&_text=x", 400, "not-supported", "http._text"),
        ("/Medication?_contained=maybe", 400, "invalid", "http._contained"),
        ("/Medication?_contained:not=true", 400, "not-supported", "http._contained:not"),
        ("/Medication?_containedType=both", 400, "invalid", "http._containedType"),
        ("/Patient/ana/Condition?_contained=true", 400, "not-supported", "http._contained"),
    ] {
        let reply = clinician.get(path).expect_issue(status, code);
        assert_eq!(reply.expressions(), [at], "{path}");
    }
    // A condition on a write has no such parameters.
    for parameter in ["_contained=true", "_containedType=contained"] {
        let delete = format!("/Medication?code=a&{parameter}");
        assert_eq!(clinician.request("DELETE", &delete).send().status, 400, "{parameter}");
    }
    assert_eq!(clinician.get("/Medication/own").expect(200).json()["id"], "own");
}

#[test]
fn what_is_contained_is_found_checked_and_cleared_whatever_number_its_type_has() {
    let app = TestApp::new();
    let clinician = app.clinician();
    // The first of all types, and so the number 0.
    let inside: Vec<Value> = ["a", "b"]
        .map(|id| json!({ "resourceType": "Account", "id": id, "status": "active", "name": "Home" }))
        .into();
    let other = [medicine("a", "a"), medicine("b", "a")];
    clinician.store(&json!({ "resourceType": "Patient", "id": "ana" }));
    let found = |shown: &str| {
        let query = format!("/Account?name=home&_contained=true&_containedType={shown}");
        full_urls(&clinician.get(&query).expect(200).json())
    };
    for _ in 0..2 {
        clinician.store(&order("r", "ana", &inside));
        assert_eq!(found("container"), ["MedicationRequest/r"]);
        assert_eq!(found("contained"), ["MedicationRequest/r#b", "MedicationRequest/r#a"]);
        assert_eq!(differences(&app), Vec::<String>::new());
        clinician.store(&order("r", "ana", &other));
        assert_eq!((found("container"), differences(&app)), (Vec::new(), Vec::new()));
    }
    clinician.store(&order("r", "ana", &inside));
    clinician.delete("/MedicationRequest/r").expect(204);
    assert_eq!((found("container"), differences(&app)), (Vec::new(), Vec::new()));
}

#[test]
fn a_contained_patient_is_found_by_what_it_is_and_opens_no_record() {
    let app = TestApp::new();
    let clinician = filled(&app);
    let own = json!({ "resourceType": "Observation", "id": "own", "status": "final", "code": { "text": "own" },
        "subject": { "reference": "Patient/ana" } });
    clinician.store(&own);
    // Somebody without a record of their own, under the id that another has there.
    let within = json!({ "resourceType": "Patient", "id": "ana", "gender": "female",
        "name": [{ "family": "Unknown" }], "managingOrganization": { "reference": "Organization/clinic" } });
    clinician.store(&json!({ "resourceType": "Organization", "id": "clinic", "name": "Clinic" }));
    clinician.store(
        &json!({ "resourceType": "Observation", "id": "of", "status": "final", "code": { "text": "of" },
        "subject": { "reference": "#ana" }, "contained": [within] }),
    );
    for (search, expected) in [
        ("patient.family=unknown", &["of"][..]),
        ("patient.organization.name=clinic", &["of"]),
        ("patient:missing=false", &["of", "own"]),
        ("patient:missing=true", &[]),
        ("patient=ana", &["own"]),
        ("patient=Patient/ana", &["own"]),
        ("patient=%23ana", &[]),
    ] {
        let search = format!("/Observation?{search}&_total=accurate");
        let found = clinician.get(&search);
        if search.contains("%23") {
            found.expect_issue(400, "invalid");
            continue;
        }
        let found = found.expect(200);
        assert_eq!(found.ids(), expected, "{search}");
        assert_eq!(found.json()["total"], expected.len(), "{search}");
        let theirs: Vec<&str> = expected.iter().copied().filter(|id| *id == "own").collect();
        assert_eq!(app.patient("ana").get(&search).expect(200).ids(), theirs, "{search}");
    }
    assert_eq!(app.patient("ana").get("/Observation/of").status, 404);
    assert_eq!(clinician.get("/Patient/ana/Observation").expect(200).ids(), ["own"]);
}
