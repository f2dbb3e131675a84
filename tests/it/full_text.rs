//! `_text` and `_content` over HTTP: words of the narrative and of the whole resource, beside all else that a search
//! has. <https://hl7.org/fhir/R4/search.html#content>

use std::process::Command;
use std::process::Output;

use comfrey::fhir::form::encoded;
use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::database::tamper;

fn condition(id: &str, patient: &str, narrative: &str, note: &str) -> Value {
    let div = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{narrative}</div>");
    json!({ "resourceType": "Condition", "id": id, "subject": { "reference": format!("Patient/{patient}") },
        "text": { "status": "additional", "div": div }, "note": [{ "text": note }],
        "recordedDate": format!("2026-01-0{}", id.len()) })
}

/// Two patients with three conditions each of which speaks of cancer; and one goal.
fn two_people(app: &TestApp) -> Client {
    let clinician = app.clinician();
    for id in ["a", "b"] {
        clinician.store(&json!({ "resourceType": "Patient", "id": id, "name": [{ "family": "Moss" }] }));
    }
    clinician.store(&condition("a1", "a", "<p>Cancer of the <b>bone</b></p>", "Pain at night, 7/10"));
    clinician.store(&condition("a22", "a", "Cancer of the liver &amp; lung", "no pain"));
    clinician.store(&condition("b333", "b", "CANCER", "Müller's sign"));
    clinician.store(&json!({ "resourceType": "Goal", "id": "g", "lifecycleStatus": "active",
        "description": { "text": "To live with cancer at home" }, "subject": { "reference": "Patient/b" } }));
    clinician
}

fn at(path: &str, words: &str) -> String {
    format!("{path}{}", encoded(words))
}

fn found(client: &Client, path: &str, words: &str) -> Vec<String> {
    let mut references = client.get(&at(path, words)).expect(200).references();
    references.sort();
    references
}

#[test]
fn words_go_with_everything_else_that_a_search_has() {
    let app = TestApp::new();
    let clinician = two_people(&app);
    let table: &[(&str, &str, &[&str])] = &[
        ("/Condition?_text=", "cancer", &["Condition/a1", "Condition/a22", "Condition/b333"]),
        ("/Condition?_text=", "(bone OR liver) and cancer", &["Condition/a1", "Condition/a22"]),
        ("/Condition?_text=", "cancer -bone", &["Condition/a22", "Condition/b333"]),
        ("/Condition?_text=", "-\"of the\"", &["Condition/b333"]),
        ("/Condition?_text=", "night", &[]),
        ("/Condition?_content=", "night", &["Condition/a1"]),
        ("/Condition?_content=", "pain cancer", &["Condition/a1", "Condition/a22"]),
        ("/Condition?_content=", "mull*", &["Condition/b333"]),
        ("/Condition?patient=b&_text=", "cancer", &["Condition/b333"]),
        ("/Condition?subject:Patient.family=moss&_content=", "\"no pain\"", &["Condition/a22"]),
        (
            "/Condition?_filter=recorded-date%20ge%202026-01-03&_text=",
            "cancer",
            &["Condition/a22", "Condition/b333"],
        ),
        ("/Patient/a/Condition?_text=", "cancer", &["Condition/a1", "Condition/a22"]),
        ("/Condition?_text=bone&_content=", "night", &["Condition/a1"]),
        ("/?_type=Condition,Goal&_content=", "cancer home", &["Goal/g"]),
        ("/?_type=Condition,Goal&_text=", "cancer -liver", &["Condition/a1", "Condition/b333"]),
        ("/?_content=", "mull*", &["Condition/b333"]),
    ];
    for (path, words, expected) in table {
        assert_eq!(found(&clinician, path, words), *expected, "{path}{words}");
    }
    let mut of_all = clinician.get("/?_text=cancer").expect(200).references();
    of_all.sort();
    assert_eq!(of_all, ["Condition/a1", "Condition/a22", "Condition/b333"]);
    let form = clinician.request("POST", "/Condition/_search");
    let form =
        form.body("application/x-www-form-urlencoded", "_text=cancer+-bone&_sort=-recorded-date".to_owned());
    assert_eq!(form.send().expect(200).references(), ["Condition/b333", "Condition/a22"]);
    let only = clinician.get("/Condition?_text=cancer&_summary=count").expect(200).json();
    assert_eq!(only["total"], 3);
    let batch = json!({ "resourceType": "Bundle", "type": "batch",
        "entry": [{ "request": { "method": "GET", "url": "Condition?_text=bone" } }] });
    assert_eq!(clinician.post("/", &batch).expect(200).json()["entry"][0]["resource"]["total"], 1);
}

#[test]
fn pages_have_each_match_once_in_either_direction_and_any_order() {
    let app = TestApp::new();
    let clinician = two_people(&app);
    for (path, expected) in [
        ("/Condition?_text=cancer&_count=1&_total=accurate", ["b333", "a22", "a1"]),
        ("/Condition?_text=cancer&_count=1&_sort=recorded-date", ["a1", "a22", "b333"]),
        ("/Condition?_text=-nothing&_count=1&_sort=-recorded-date", ["b333", "a22", "a1"]),
        ("/Condition?_content=cancer&_count=1&_sort=_id", ["a1", "a22", "b333"]),
    ] {
        let mut page = clinician.get(path).expect(200);
        for (at, id) in expected.iter().enumerate() {
            assert_eq!(page.ids(), [*id], "{path}");
            if at + 1 < expected.len() {
                page = clinician.get(&page.link("next").unwrap()).expect(200);
            }
        }
        assert_eq!(page.link("next"), None, "{path}");
        let back = clinician.get(&page.link("previous").unwrap()).expect(200);
        assert_eq!(back.ids(), [expected[1]], "{path}");
    }
}

#[test]
fn words_come_and_go_with_their_resource() {
    let app = TestApp::new();
    let clinician = two_people(&app);
    clinician.store(&condition("a1", "a", "Fracture of the bone", "Pain at night, 7/10"));
    assert!(found(&clinician, "/Condition?_text=", "cancer bone").is_empty());
    assert_eq!(found(&clinician, "/Condition?_text=", "fracture"), ["Condition/a1"]);
    assert_eq!(found(&clinician, "/Condition?_content=", "night"), ["Condition/a1"]);
    clinician.delete("/Condition/a1").expect(204);
    assert!(found(&clinician, "/Condition?_text=", "fracture").is_empty());
    assert!(found(&clinician, "/Condition?_content=", "-cancer").is_empty());
    clinician.store(&condition("a1", "a", "Back", "again"));
    assert_eq!(found(&clinician, "/Condition?_text=", "back"), ["Condition/a1"]);
    assert_eq!(checked(&app.app().config.database_url).status.code(), Some(0));
}

#[test]
fn words_show_a_patient_nothing_of_another() {
    let app = TestApp::new();
    two_people(&app);
    let patient = app.patient("a");
    let table: &[(&str, &str, &[&str])] = &[
        ("/Condition?_text=", "cancer", &["Condition/a1", "Condition/a22"]),
        ("/Condition?_content=", "muller", &[]),
        ("/Condition?_text=", "-liver", &["Condition/a1"]),
        ("/Condition?_text=", "bone,-liver", &["Condition/a1"]),
        ("/?_type=Condition,Goal&_content=", "cancer", &["Condition/a1", "Condition/a22"]),
        ("/Goal?_content=", "home", &[]),
        ("/Condition?_sort=recorded-date&_content=", "cancer", &["Condition/a1", "Condition/a22"]),
    ];
    for (path, words, expected) in table {
        assert_eq!(found(&patient, path, words), *expected, "{path}{words}");
        let total =
            patient.get(&format!("{}&_summary=count", at(path, words))).expect(200).json()["total"].clone();
        assert_eq!(total, expected.len(), "{path}{words}");
    }
    for name in ["_text", "_content"] {
        app.stranger().get(&format!("/Condition?{name}=cancer")).expect_issue(403, "forbidden");
        app.with_scope("user/Goal.rs")
            .get(&format!("/Condition?{name}=cancer"))
            .expect_issue(403, "forbidden");
        app.anonymous().get(&format!("/Condition?{name}=cancer")).expect_issue(401, "login");
    }
}

#[test]
fn what_asks_for_no_words_is_refused_with_what_to_do() {
    let app = TestApp::new();
    let clinician = two_people(&app);
    for (query, at) in [
        ("_text=%22cancer", "http._text"),
        ("_text=-", "http._text"),
        ("_content=c*", "http._content"),
        ("_content=%26%26", "http._content"),
        ("_content=(cancer", "http._content"),
        ("subject:Patient._text=cancer", "http.subject:Patient._text"),
        ("_has:Provenance:target:_content=x", "http._has:Provenance:target:_content"),
        ("_filter=_text%20co%20cancer", "http._filter"),
    ] {
        let refused = clinician.get(&format!("/Condition?{query}")).expect_issue(400, "invalid");
        assert_eq!(refused.expressions(), [at], "{query}");
    }
    let many: Vec<String> = (0..65).map(|number| format!("word{number}")).collect();
    let refused = clinician.get(&at("/Condition?_text=", &many.join(" "))).expect_issue(400, "invalid");
    assert!(refused.text().contains("64 words"), "{}", refused.text());
}

fn comfrey(command: &str, url: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_comfrey"))
        .args([command, "--database-url", url])
        .output()
        .expect("the binary starts")
}

fn checked(url: &str) -> Output {
    comfrey("check", url)
}

#[test]
fn the_check_sees_that_words_are_missing_or_wrong_and_reindexing_writes_them() {
    let app = TestApp::new();
    let clinician = two_people(&app);
    let url = &app.app().config.database_url;
    let is_sqlite = url.starts_with("sqlite:");
    let rid = |id: &str| format!("(SELECT rid FROM resource WHERE id = '{id}')");
    let (table, key) = if is_sqlite { ("full_text", "rowid") } else { ("idx_text", "rid") };
    tamper(url, &format!("DELETE FROM {table} WHERE {key} = {}", rid("a1")));
    tamper(url, &format!("UPDATE idx_text SET digest = digest + 1 WHERE rid = {}", rid("g")));
    tamper(
        url,
        match is_sqlite {
            true => "INSERT INTO full_text (rowid, narrative, content) VALUES (987656, '', 'secretword')",
            false => "INSERT INTO idx_text VALUES (987656, 1, 'secretword')",
        },
    );
    assert!(found(&clinician, "/Condition?_text=", "bone").is_empty());
    let output = checked(url);
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for line in [
        "Condition/a1 version 1: `idx_text` lacks 1 and has 0 too many",
        "Goal/g version 1: `idx_text` lacks 1 and has 1 too many",
        "number 987656 is not there, but has search index rows",
    ] {
        assert!(said.contains(line), "{line:?} is not in {said}");
    }
    assert!(!said.contains("secretword"), "{said}");
    assert!(comfrey("reindex", url).status.success());
    assert_eq!(found(&clinician, "/Condition?_text=", "bone"), ["Condition/a1"]);
    assert_eq!(checked(url).status.code(), Some(0));
}

#[test]
fn a_server_that_keeps_no_words_says_which_setting_keeps_them() {
    let app = TestApp::with(|config| config.full_text = false);
    let clinician = two_people(&app);
    for name in ["_text", "_content"] {
        let refused = clinician.get(&format!("/Condition?{name}=cancer")).expect_issue(400, "not-supported");
        assert!(refused.text().contains("COMFREY_FULL_TEXT"), "{}", refused.text());
    }
    let stated =
        |app: &TestApp| app.anonymous().get("/metadata").expect(200).text().contains("\"name\":\"_content\"");
    assert!(!stated(&app) && stated(&TestApp::new()));
    // To a server that keeps them, all are missing until they are made.
    let url = &app.app().config.database_url;
    assert_eq!(checked(url).status.code(), Some(1));
    assert!(comfrey("reindex", url).status.success());
    assert_eq!(checked(url).status.code(), Some(0));
}
