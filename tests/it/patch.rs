//! patch over HTTP and in Bundles. <https://hl7.org/fhir/R4/http.html#patch>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;

const JSON_PATCH: &str = "application/json-patch+json";
const MERGE_PATCH: &str = "application/merge-patch+json";

fn patient() -> Value {
    json!({ "resourceType": "Patient", "id": "p", "active": true, "birthDate": "1950-01-01",
        "identifier": [{ "system": "urn:mrn", "value": "1" }], "name": [{ "family": "Ash" }] })
}

fn patch(client: &Client, content_type: &str, document: &Value) -> Reply {
    client.request("PATCH", "/Patient/p").body(content_type, document.to_string()).send()
}

#[test]
fn each_content_type_has_its_kind_of_patch() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient());
    let operations = json!([{ "op": "replace", "path": "/gender", "value": "male" }]);
    let add = json!([{ "op": "add", "path": "/gender", "value": "female" }]);
    let merge = |date: &str| json!({ "birthDate": date });
    for (number, (content_type, document, element, expected)) in [
        (JSON_PATCH, add, "gender", json!("female")),
        ("application/json", operations, "gender", json!("male")),
        (MERGE_PATCH, merge("1951"), "birthDate", json!("1951")),
        ("application/json", merge("1952"), "birthDate", json!("1952")),
        ("text/json; charset=utf-8", merge("1953"), "birthDate", json!("1953")),
        ("APPLICATION/MERGE-PATCH+JSON", json!({ "birthDate": null }), "birthDate", Value::Null),
    ]
    .into_iter()
    .enumerate()
    {
        let reply = patch(&clinician, content_type, &document).expect(200);
        assert_eq!(reply.json()[element], expected, "{content_type}");
        assert_eq!(reply.header("etag"), Some(format!("W/\"{}\"", number + 2).as_str()));
        assert!(reply.header("last-modified").is_some());
        assert_eq!(clinician.get("/Patient/p").expect(200).json(), reply.json());
    }
    let history = clinician.get("/Patient/p/_history").expect(200).json();
    assert_eq!(history["total"], 7);
}

/// A FHIRPath patch that puts a date in the place of the birth date.
fn born(date: &str) -> Value {
    json!({ "resourceType": "Parameters", "parameter": [{ "name": "operation", "part": [
        { "name": "type", "valueCode": "replace" },
        { "name": "path", "valueString": "Patient.birthDate" },
        { "name": "value", "valueDate": date },
    ] }] })
}

#[test]
fn a_parameters_resource_is_a_fhirpath_patch_in_any_format() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient());
    let date = || clinician.get("/Patient/p").expect(200).json()["birthDate"].clone();
    for (content_type, expected) in [("application/fhir+json", "1960"), ("application/json", "1961")] {
        patch(&clinician, content_type, &born(expected)).expect(200);
        assert_eq!(date(), expected, "{content_type}");
    }
    let xml = "<Parameters xmlns=\"http://hl7.org/fhir\"><parameter><name value=\"operation\"/>\
        <part><name value=\"type\"/><valueCode value=\"replace\"/></part>\
        <part><name value=\"path\"/><valueString value=\"Patient.birthDate\"/></part>\
        <part><name value=\"value\"/><valueDate value=\"1962\"/></part></parameter></Parameters>";
    clinician.request("PATCH", "/Patient/p").body("application/fhir+xml", xml).send().expect(200);
    assert_eq!(date(), "1962");
    for kind in ["transaction", "batch"] {
        let year = if kind == "batch" { "1963" } else { "1964" };
        let entry = json!({ "resource": born(year), "request": { "method": "PATCH", "url": "Patient/p" } });
        let bundle = json!({ "resourceType": "Bundle", "type": kind, "entry": [entry] });
        let answer = clinician.post("", &bundle).expect(200).json();
        assert_eq!(answer["entry"][0]["response"]["status"], "200 OK", "{answer}");
        assert_eq!(date(), year);
    }
    let wrong = patch(&clinician, "application/fhir+json", &born("1999-02-30")).expect(422);
    assert_eq!(wrong.expressions(), ["Parameters.parameter[0].part[2].valueDate"]);
    let mut missing = born("1965");
    missing["parameter"][0]["part"][1]["valueString"] = "Patient.gender".into();
    let reply = patch(&clinician, "application/fhir+json", &missing).expect_issue(422, "processing");
    assert_eq!(reply.expressions(), ["Parameters.parameter[0]"]);
    patch(&clinician, "application/fhir+json", &patient()).expect_issue(400, "invalid");
    patch(&clinician, "application/fhir+json", &json!([])).expect(400);
    assert_eq!(date(), "1963");
}

#[test]
fn what_is_no_patch_of_the_kind_is_refused() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient());
    for (content_type, document, status) in [
        (JSON_PATCH, "{}", 400),
        (JSON_PATCH, "[1]", 400),
        (JSON_PATCH, "[", 400),
        (MERGE_PATCH, "[]", 400),
        (MERGE_PATCH, "\"x\"", 400),
        ("application/json", "3", 400),
        ("text/plain", "[]", 415),
        ("application/x-www-form-urlencoded", "a=b", 415),
        ("application/json-patch+json; charset=latin1", "[]", 415),
    ] {
        let reply = clinician.request("PATCH", "/Patient/p").body(content_type, document).send();
        assert_eq!(reply.status, status, "{content_type} {document} {}", reply.text());
    }
    clinician.request("PATCH", "/Patient/p").send().expect(400);
    // a patch is for PATCH alone
    let operations = json!([{ "op": "remove", "path": "/active" }]).to_string();
    clinician.request("PUT", "/Patient/p").body(JSON_PATCH, operations.clone()).send().expect(415);
    clinician.request("POST", "/Patient").body(MERGE_PATCH, operations).send().expect(415);
    assert_eq!(clinician.get("/Patient/p").expect(200).header("etag"), Some("W/\"1\""));
}

#[test]
fn what_does_not_fit_or_would_not_be_valid_changes_nothing() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient());
    for (content_type, document, expression) in [
        (JSON_PATCH, json!([{ "op": "test", "path": "/active", "value": false }]), "Patient.active"),
        (JSON_PATCH, json!([{ "op": "remove", "path": "/gender" }]), "Patient.gender"),
        (JSON_PATCH, json!([{ "op": "replace", "path": "/id", "value": "q" }]), "Patient.id"),
        (JSON_PATCH, json!([{ "op": "add", "path": "/nothing", "value": 1 }]), "Patient.nothing"),
        (
            JSON_PATCH,
            json!([{ "op": "add", "path": "/birthDate", "value": "1999-02-30" }]),
            "Patient.birthDate",
        ),
        (MERGE_PATCH, json!({ "resourceType": "Group" }), "Patient.resourceType"),
        (MERGE_PATCH, json!({ "gender": "none" }), "Patient.gender"),
        (MERGE_PATCH, json!({ "name": { "family": "x" } }), "Patient.name"),
    ] {
        let reply = patch(&clinician, content_type, &document).expect(422);
        assert_eq!(reply.expressions(), [expression], "{document}");
    }
    assert_eq!(clinician.get("/Patient/p").expect(200).header("etag"), Some("W/\"1\""));
}

#[test]
fn what_is_not_there_is_not_patched() {
    let app = TestApp::new();
    let clinician = app.clinician();
    patch(&clinician, MERGE_PATCH, &json!({ "active": true })).expect_issue(404, "not-found");
    clinician.store(&patient());
    clinician.delete("/Patient/p").expect(204);
    patch(&clinician, MERGE_PATCH, &json!({ "active": true })).expect_issue(410, "deleted");
    let by_search = clinician.request("PATCH", "/Patient?identifier=urn:mrn|1");
    by_search.body(MERGE_PATCH, "{\"active\":true}").send().expect_issue(404, "not-found");
}

#[test]
fn if_match_demands_the_current_version() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient());
    let patch_if = |tag: &str| {
        let call = clinician.request("PATCH", "/Patient/p").header("if-match", tag);
        call.body(MERGE_PATCH, "{\"gender\":\"other\"}").send()
    };
    patch_if("W/\"2\"").expect_issue(412, "conflict");
    patch_if("nonsense").expect_issue(400, "invalid");
    patch_if("W/\"1\"").expect(200);
    patch_if("W/\"1\"").expect_issue(412, "conflict");
    patch_if("*").expect(200);
}

#[test]
fn a_patch_by_a_search_is_one_of_the_only_match() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient());
    let by = |query: &str| {
        let call = clinician.request("PATCH", &format!("/Patient?{query}"));
        call.body(MERGE_PATCH, "{\"gender\":\"other\"}").send()
    };
    assert_eq!(by("identifier=urn:mrn|1").expect(200).json()["id"], "p");
    clinician.post("/Patient", &patient()).expect(201);
    by("identifier=urn:mrn|1").expect_issue(412, "multiple-matches");
    by("").expect(400);
    by("nonsense=1").expect(400);
}

fn binary(content_type: &str, document: &Value) -> Value {
    json!({ "resourceType": "Binary", "contentType": content_type, "data": STANDARD.encode(document.to_string()) })
}

#[test]
fn in_a_bundle_a_json_patch_goes_as_a_binary() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let entry = |url: &str, resource: Value| json!({ "resource": resource, "request": { "method": "PATCH", "url": url } });
    for kind in ["transaction", "batch"] {
        clinician.store(&patient());
        let send = |entry: Value| {
            clinician.post("", &json!({ "resourceType": "Bundle", "type": kind, "entry": [entry] }))
        };
        let status = |reply: Reply| match reply.status {
            200 => {
                reply.json()["entry"][0]["response"]["status"].as_str().unwrap()[..3].parse::<u16>().unwrap()
            }
            status => status,
        };
        let operations = json!([{ "op": "add", "path": "/gender", "value": "female" }]);
        assert_eq!(status(send(entry("Patient/p", binary(JSON_PATCH, &operations)))), 200, "{kind}");
        let merge = json!({ "active": false });
        let by_search = entry("Patient?identifier=urn:mrn|1", binary(MERGE_PATCH, &merge));
        assert_eq!(status(send(by_search)), 200, "{kind}");
        let now = clinician.get("/Patient/p").expect(200).json();
        assert_eq!((&now["gender"], &now["active"]), (&json!("female"), &json!(false)), "{kind}");
        for (wrong, expected) in [
            (binary("text/plain", &operations), 415),
            (json!({ "resourceType": "Binary", "contentType": JSON_PATCH, "data": "W10" }), 400),
            (json!({ "resourceType": "Binary", "contentType": JSON_PATCH }), 400),
            (binary(JSON_PATCH, &json!([{ "op": "test", "path": "/active", "value": true }])), 422),
            (binary(JSON_PATCH, &json!([{ "op": "add", "path": "/nothing", "value": 1 }])), 422),
        ] {
            assert_eq!(status(send(entry("Patient/p", wrong.clone()))), expected, "{kind} {wrong}");
        }
    }
}

#[test]
fn the_state_of_an_episode_is_not_patched() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient());
    let state = json!([{ "url": "https://comfrey.health/fhir/StructureDefinition/enrollment-state",
        "valueCoding": { "system": "https://comfrey.health/fhir/CodeSystem/enrollment-state", "code": "enrolled" } }]);
    clinician.store(&json!({ "resourceType": "EpisodeOfCare", "id": "e", "status": "planned",
        "patient": { "reference": "Patient/p" } }));
    let merge = json!({ "extension": state });
    for (content_type, document) in [
        (MERGE_PATCH, merge.clone()),
        (JSON_PATCH, json!([{ "op": "add", "path": "/extension", "value": merge["extension"] }])),
    ] {
        let call = clinician.request("PATCH", "/EpisodeOfCare/e").body(content_type, document.to_string());
        call.send().expect_issue(422, "business-rule");
        let entry = json!({ "resource": binary(content_type, &document),
            "request": { "method": "PATCH", "url": "EpisodeOfCare/e" } });
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry] });
        clinician.post("", &bundle).expect_issue(422, "business-rule");
    }
    assert_eq!(clinician.get("/EpisodeOfCare/e").expect(200).header("etag"), Some("W/\"1\""));
}

#[test]
fn patch_upon_patch_does_not_make_a_resource_that_could_not_be_sent() {
    let app = TestApp::with(|config| config.max_body = 8 * 1024);
    let clinician = app.clinician();
    clinician
        .store(&json!({ "resourceType": "Patient", "id": "p", "name": [{ "text": "x".repeat(3_000) }] }));
    let name = json!({ "text": "x".repeat(3_000) });
    let add = |path: &str| json!([{ "op": "add", "path": path, "value": name }]);
    let operation = json!({ "resourceType": "Parameters", "parameter": [{ "name": "operation", "part": [
        { "name": "type", "valueCode": "add" }, { "name": "path", "valueString": "Patient" },
        { "name": "name", "valueString": "name" }, { "name": "value", "valueHumanName": name }] }] });
    let merge = json!({ "address": [{ "text": "x".repeat(3_000) }] });
    let send = |content_type, document: &Value| {
        clinician.request("PATCH", "/Patient/p").body(content_type, document.to_string()).send()
    };
    send(JSON_PATCH, &add("/name/-")).expect(200);
    for (content_type, document) in
        [(JSON_PATCH, &add("/name/-")), ("application/fhir+json", &operation), (MERGE_PATCH, &merge)]
    {
        send(content_type, document).expect_issue(422, "too-costly");
    }
    assert_eq!(clinician.get("/Patient/p").expect(200).header("etag"), Some("W/\"2\""));
    send(JSON_PATCH, &json!([{ "op": "remove", "path": "/name/0" }])).expect(200);
}
