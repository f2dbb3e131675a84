//! Updates, patches and deletes of what a search finds. <https://hl7.org/fhir/R4/http.html#cond-update>

use serde_json::Value;
use serde_json::json;

use comfrey::config::ConditionalDelete;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;

fn patient(identifier: &str) -> Value {
    json!({ "resourceType": "Patient", "identifier": [{ "system": "urn:mrn", "value": identifier }] })
}

fn with_id(identifier: &str, id: &str) -> Value {
    let mut patient = patient(identifier);
    patient["id"] = id.into();
    patient
}

/// One request of its own, or as the only entry of a transaction, whose answer is then told in the same words.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Alone,
    InTransaction,
}

fn send(how: How, client: &Client, (method, url): (&str, &str), body: Option<&Value>) -> (u16, Reply) {
    match (how, body) {
        (How::Alone, Some(body)) => {
            let reply = client.request(method, &format!("/{url}")).json(body).send();
            (reply.status, reply)
        }
        (How::Alone, None) => {
            let reply = client.request(method, &format!("/{url}")).send();
            (reply.status, reply)
        }
        (How::InTransaction, body) => {
            let mut entry = json!({ "request": { "method": method, "url": url } });
            if let Some(body) = body {
                entry["resource"] = body.clone();
            }
            let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry] });
            let reply = client.post("", &bundle);
            if reply.status != 200 {
                return (reply.status, reply);
            }
            let status = reply.json()["entry"][0]["response"]["status"].as_str().unwrap()[..3].to_owned();
            (status.parse().unwrap(), reply)
        }
    }
}

#[test]
fn a_conditional_update_writes_the_one_that_its_search_finds_or_a_new_one() {
    for how in [How::Alone, How::InTransaction] {
        let app = TestApp::new();
        let clinician = app.clinician();
        let put = |url: &str, body: &Value| send(how, &clinician, ("PUT", url), Some(body));
        let status = |url: &str, body: &Value| {
            let (status, reply) = put(url, body);
            (status, reply.text())
        };
        let found =
            |identifier: &str| clinician.get(&format!("/Patient?identifier=urn:mrn|{identifier}")).ids();

        assert_eq!(status("Patient?identifier=urn:mrn|1", &patient("1")).0, 201);
        let id = found("1").remove(0);
        assert_eq!(status("Patient?identifier=urn:mrn|1", &patient("1")).0, 200);
        assert_eq!(status("Patient?identifier=urn:mrn%7C1", &with_id("1", &id)).0, 200);
        assert_eq!(clinician.get(&format!("/Patient/{id}")).header("etag"), Some("W/\"3\""), "{how:?}");
        // another id than that of the one that was found
        let (refused, reply) = put("Patient?identifier=urn:mrn|1", &with_id("1", "other"));
        assert_eq!((refused, reply.codes()), (400, vec!["invalid".to_owned()]));
        assert!(reply.expressions()[0].ends_with(".id"), "{}", reply.text());
        // none, and an id of the client's: it is taken where it is free
        assert_eq!(status("Patient?identifier=urn:mrn|2", &with_id("2", "two")).0, 201);
        clinician.get("/Patient/two").expect(200);
        assert_eq!(status("Patient?identifier=urn:mrn|3", &with_id("3", "two")).0, 409);
        clinician.delete("/Patient/two").expect(204);
        assert_eq!(status("Patient?identifier=urn:mrn|2", &with_id("2", "two")).0, 200);
        assert_eq!(clinician.get("/Patient/two").expect(200).header("etag"), Some("W/\"3\""));
        // several
        clinician.post("/Patient", &patient("1")).expect(201);
        let (several, reply) = put("Patient?identifier=urn:mrn|1", &patient("1"));
        assert_eq!((several, reply.codes()), (412, vec!["multiple-matches".to_owned()]), "{how:?}");
        assert_eq!((found("1").len(), found("3").len()), (2, 0));
    }
}

#[test]
fn a_condition_is_never_wider_than_it_was_asked() {
    for how in [How::Alone, How::InTransaction] {
        let app = TestApp::new();
        let clinician = app.clinician();
        clinician.store(&with_id("1", "one"));
        for query in [
            "",
            "nonsense=1",
            "identifier=urn:mrn|1&nonsense=1",
            "identifier=",
            "identifier=urn:mrn|1&active=",
            "identifier=urn:mrn|1&_sort=_id",
            "identifier=urn:mrn|1&_count=5",
            "_total=accurate",
            "_include=Patient:organization",
            "birthdate=never",
            "identifier=%ff",
        ] {
            let url = format!("Patient?{query}");
            let wrong = |method: &str, body: Option<&Value>| {
                let status = send(how, &clinician, (method, &url), body).0;
                assert_eq!(status, 400, "{how:?} {method} {url}");
            };
            wrong("PUT", Some(&patient("1")));
            if how == How::Alone {
                let lenient =
                    clinician.request("PUT", &format!("/{url}")).header("prefer", "handling=lenient");
                lenient.json(&patient("1")).send().expect(400);
            }
            if !query.contains("_count") {
                wrong("DELETE", None);
            }
        }
        for (method, url) in
            [("PUT", "Patient/one?x=1"), ("DELETE", "Patient/one?x=1"), ("POST", "Patient?x=1")]
        {
            let body = Some(with_id("1", "one")).filter(|_| method != "DELETE");
            let (status, reply) = send(how, &clinician, (method, url), body.as_ref());
            assert_eq!(status, 400, "{method} {url} {}", reply.text());
        }
        assert_eq!(clinician.get("/Patient/one").expect(200).header("etag"), Some("W/\"1\""));
        assert_eq!(clinician.get("/Patient?_summary=count").json()["total"], 1);
    }
}

#[test]
fn two_entries_about_one_resource_are_refused_however_each_names_it() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&with_id("1", "one"));
    let entry = |method: &str, url: &str, resource: Value| json!({ "resource": resource, "request": { "method": method, "url": url } });
    let by_id = || entry("PUT", "Patient/one", with_id("1", "one"));
    let by_search = || entry("PUT", "Patient?identifier=urn:mrn|1", patient("1"));
    let create = |identifier: &str| {
        let mut create = entry("POST", "Patient", patient(identifier));
        create["request"]["ifNoneExist"] = format!("identifier=urn:mrn|{identifier}").into();
        create
    };
    let delete = json!({ "request": { "method": "DELETE", "url": "Patient?identifier=urn:mrn|1" } });
    for entries in [
        [by_id(), by_search()],
        [by_search(), by_search()],
        [by_search(), entry("PUT", "Patient?_id=one", patient("1"))],
        [by_search(), create("1")],
        [create("2"), create("2")],
        [entry("PUT", "Patient?identifier=urn%3Amrn%7C2", patient("2")), create("2")],
        [by_id(), delete],
    ] {
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
        let reply = clinician.post("", &bundle).expect_issue(400, "invalid");
        assert!(reply.expressions()[0].starts_with("Bundle.entry["), "{}", reply.text());
    }
    assert_eq!(clinician.get("/Patient/one").expect(200).header("etag"), Some("W/\"1\""));
    assert_eq!(clinician.get("/Patient?_summary=count").json()["total"], 1);
}

#[test]
fn a_conditional_delete_deletes_one_and_refuses_several() {
    for how in [How::Alone, How::InTransaction] {
        let app = TestApp::new();
        let clinician = app.clinician();
        let delete = |url: &str| send(how, &clinician, ("DELETE", url), None).0;
        for (id, identifier) in [("a", "1"), ("b", "2"), ("c", "2")] {
            clinician.store(&with_id(identifier, id));
        }
        assert_eq!(delete("Patient?identifier=urn:mrn|none"), 204);
        assert_eq!(delete("Patient?identifier=urn:mrn|1"), 204);
        assert_eq!(delete("Patient?identifier=urn:mrn|2"), 412);
        assert_eq!(delete("Patient?identifier=urn:mrn|2&_count=2"), 412);
        assert_eq!(delete("Patient?identifier=urn:mrn|2&_id=b"), 204);
        let gone: Vec<u16> = ["a", "b", "c"].map(|id| clinician.get(&format!("/Patient/{id}")).status).into();
        assert_eq!(gone, [410, 410, 200], "{how:?}");
    }
}

#[test]
fn several_are_deleted_where_the_service_is_set_to_allow_it() {
    for how in [How::Alone, How::InTransaction] {
        let app = TestApp::with(|config| config.conditional_delete = ConditionalDelete::Multiple);
        let clinician = app.clinician();
        let delete = |url: &str| send(how, &clinician, ("DELETE", url), None).0;
        let total = || clinician.get("/Patient?_summary=count").json()["total"].clone();
        for at in 0..7 {
            clinician.store(&with_id(if at < 5 { "1" } else { "2" }, &format!("p{at}")));
        }
        assert_eq!(delete("Patient?identifier=urn:mrn|1&_count=4"), 412);
        assert_eq!(delete("Patient?identifier=urn:mrn|1&_count=0"), 400);
        assert_eq!(total(), 7);
        // a version is asked of each that it is about, not of the first alone
        let mut second = with_id("1", "p3");
        second["language"] = "en".into();
        clinician.put("/Patient/p3", &second).expect(200);
        let asked = clinician.request("DELETE", "/Patient?identifier=urn:mrn|1");
        asked.header("if-match", "W/\"1\"").send().expect(412);
        assert_eq!(total(), 7);
        assert_eq!(delete("Patient?identifier=urn:mrn|1&_count=5"), 204);
        assert_eq!(total(), 2);
        let asked = clinician.request("DELETE", "/Patient?identifier=urn:mrn|2");
        let outcome = asked.header("prefer", "return=OperationOutcome").send().expect(200).json();
        assert_eq!(outcome["issue"][0]["details"]["text"], "2 Patient were deleted.");
        assert_eq!(total(), 0);
        let statement = clinician.get("/metadata").json();
        assert_eq!(statement["rest"][0]["resource"][0]["conditionalDelete"], "multiple");
    }
}

#[test]
fn an_update_may_ask_that_there_be_none() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let if_none = |path: &str, tag: &str, body: &Value| {
        clinician.request("PUT", path).header("if-none-match", tag).json(body).send()
    };
    if_none("/Patient/p", "*", &with_id("1", "p")).expect(201);
    if_none("/Patient/p", "*", &with_id("1", "p")).expect_issue(412, "conflict");
    if_none("/Patient/p", "W/\"1\"", &with_id("1", "p")).expect_issue(400, "not-supported");
    if_none("/Patient?identifier=urn:mrn|1", "*", &patient("1")).expect(412);
    if_none("/Patient?identifier=urn:mrn|2", "*", &patient("2")).expect(201);
    clinician.delete("/Patient/p").expect(204);
    if_none("/Patient/p", "*", &with_id("1", "p")).expect(200);
    let entry = json!({ "resource": with_id("1", "p"),
        "request": { "method": "PUT", "url": "Patient/p", "ifNoneMatch": "*" } });
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry] });
    clinician.post("", &bundle).expect(412);
}

#[test]
fn a_condition_beside_a_version_holds_too() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&with_id("1", "p"));
    let send = |method: &str, query: &str, tag: &str| {
        let call = clinician.request(method, &format!("/Patient?identifier=urn:mrn|{query}"));
        let call = call.header("if-match", tag);
        match method {
            "PUT" => call.json(&patient(query)).send(),
            _ => call.send(),
        }
    };
    send("PUT", "1", "W/\"2\"").expect(412);
    send("PUT", "none", "W/\"1\"").expect(412);
    send("PUT", "none", "*").expect(412);
    send("DELETE", "1", "W/\"2\"").expect(412);
    send("DELETE", "none", "W/\"2\"").expect(412);
    send("PUT", "1", "W/\"7\", W/\"1\"").expect(200);
    send("PUT", "1", "*").expect(200);
    send("DELETE", "1", "W/\"3\"").expect(204);
    assert_eq!(clinician.get("/Patient?_summary=count").json()["total"], 0);
}

#[test]
fn a_condition_that_cannot_be_read_stops_the_write() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let create = |lines: &[&[u8]]| {
        let call = clinician.request("POST", "/Patient");
        let call = lines.iter().fold(call, |call, line| call.bytes_header("if-none-exist", line));
        call.json(&json!({ "resourceType": "Patient", "name": [{ "family": "Grün" }] })).send()
    };
    create(&["name:exact=Gr\u{fc}n".as_bytes()]).expect(201);
    create(&["name:exact=Gr\u{fc}n".as_bytes()]).expect(200);
    create(&[b"name:exact=Gr\xfcn"]).expect_issue(400, "invalid");
    // of two lines both hold
    create(&[b"name=gr%C3%BCn", b"active=true"]).expect(201);
    assert_eq!(clinician.get("/Patient?_summary=count").json()["total"], 2);
}

fn observation(identifier: &str, patient: &str) -> Value {
    json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" },
        "identifier": [{ "system": "urn:lab", "value": identifier }],
        "subject": { "reference": format!("Patient/{patient}") } })
}

#[test]
fn each_takes_the_scopes_of_all_that_it_may_come_to() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for id in ["a", "b"] {
        clinician.store(&json!({ "resourceType": "Patient", "id": id }));
    }
    clinician.post("/Observation", &observation("1", "a")).expect(201);
    let put = |scope: &str, identifier: &str| {
        let url = format!("/Observation?identifier=urn:lab|{identifier}");
        app.with_scope(scope).put(&url, &observation(identifier, "a")).status
    };
    for scope in ["user/Observation.u", "user/Observation.s", "user/Observation.crd", "user/Patient.cruds"] {
        assert_eq!(put(scope, "1"), 403, "{scope}");
    }
    assert_eq!(put("user/Observation.us", "1"), 200);
    assert_eq!(
        put("user/Observation.us", "new"),
        403,
        "what is not found is created, which takes that scope"
    );
    assert_eq!(put("user/Observation.cus", "new"), 201);
    let patch = |scope: &str, path: &str| {
        let call = app.with_scope(scope).request("PATCH", path);
        call.body("application/merge-patch+json", "{\"language\":\"en\"}").send().status
    };
    let by_search = "/Observation?identifier=urn:lab|1";
    let id = clinician.get(by_search).ids().remove(0);
    let by_id = format!("/Observation/{id}");
    for scope in ["user/Observation.u", "user/Observation.r", "user/Observation.cds"] {
        assert_eq!((patch(scope, &by_id), patch(scope, by_search)), (403, 403), "{scope}");
    }
    assert_eq!(patch("user/Observation.ru", &by_id), 200);
    assert_eq!(patch("user/Observation.ru", by_search), 403);
    assert_eq!(patch("user/Observation.rus", by_search), 200);
    let delete = |scope: &str| app.with_scope(scope).delete(by_search).status;
    for scope in ["user/Observation.d", "user/Observation.s", "user/Observation.cru"] {
        assert_eq!(delete(scope), 403, "{scope}");
    }
    assert_eq!(delete("user/Observation.ds"), 204);
    assert_eq!(clinician.get(&by_id).status, 410);
}

#[test]
fn another_patients_resources_are_neither_found_nor_written() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for id in ["a", "b"] {
        clinician.store(&json!({ "resourceType": "Patient", "id": id }));
        clinician.post("/Observation", &observation(id, id)).expect(201);
    }
    let theirs = clinician.get("/Observation?identifier=urn:lab|b").resources().remove(0);
    let anna = app.with_claims(json!({ "sub": "anna", "scope": "patient/*.cruds", "patient": "a" }));
    let url = "/Observation?identifier=urn:lab|b";
    let patch = |path: &str| {
        anna.request("PATCH", path)
            .body("application/merge-patch+json", "{\"status\":\"amended\"}")
            .send()
            .status
    };
    assert_eq!(patch(url), 404);
    assert_eq!(patch(&format!("/Observation/{}", theirs["id"].as_str().unwrap())), 404);
    assert_eq!(patch("/Observation?identifier=urn:lab|a"), 200);
    assert_eq!(anna.delete(url).status, 204, "nothing that she may see meets it");
    assert_eq!(anna.put(url, &observation("b", "b")).status, 403);
    assert_eq!(anna.put(url, &observation("b", "a")).status, 201, "one of her own");
    // an id of her choice would tell whether another has it
    let mut chosen = observation("c", "a");
    chosen["id"] = theirs["id"].clone();
    anna.put("/Observation?identifier=urn:lab|c", &chosen).expect_issue(403, "forbidden");
    // her own cannot be moved to another
    let moved = json!({ "subject": { "reference": "Patient/b" } }).to_string();
    let call = anna.request("PATCH", "/Observation?identifier=urn:lab|a");
    assert_eq!(call.body("application/merge-patch+json", moved).send().status, 403);
    let now = clinician.get(&format!("/Observation/{}", theirs["id"].as_str().unwrap())).expect(200).json();
    assert_eq!(now, theirs);
    for (method, path) in [("PUT", url), ("PATCH", url), ("DELETE", url)] {
        let asked = |client: Client| client.request(method, path).json(&observation("b", "b")).send().status;
        assert_eq!((asked(app.anonymous()), asked(app.stranger())), (401, 403), "{method}");
    }
}

#[test]
fn an_update_with_the_same_content_makes_no_new_version_where_that_is_set() {
    let sent = |value: &str| {
        let text = format!(
            "{{\"resourceType\":\"Observation\",\"id\":\"o\",\"status\":\"final\",\"code\":{{\"text\":\"x\"}},\
             \"identifier\":[{{\"value\":\"1\"}}],\"valueQuantity\":{{\"value\":{value}}}}}"
        );
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let version = |reply: Reply| reply.expect(200).header("etag").unwrap().to_owned();
    for (skip, expected) in [
        (false, ["W/\"2\"", "W/\"3\"", "W/\"4\"", "W/\"5\"", "W/\"6\""]),
        (true, ["W/\"1\"", "W/\"1\"", "W/\"1\"", "W/\"1\"", "W/\"2\""]),
    ] {
        let app = TestApp::with(|config| config.skip_unchanged = skip);
        let clinician = app.clinician();
        clinician.put("/Observation/o", &sent("1.10")).expect(201);
        app.clock().set(app.clock().now() + 5_000_000);
        let again = version(clinician.put("/Observation/o", &sent("1.10")));
        let mut turned = sent("1.10");
        let status = turned.as_object_mut().unwrap().shift_remove("status").unwrap();
        turned["status"] = status;
        turned["meta"] = json!({ "versionId": "77", "lastUpdated": "2001-01-01T00:00:00Z" });
        let other_order = version(clinician.put("/Observation/o", &turned));
        let by_search = version(clinician.put("/Observation?identifier=1", &turned));
        let call = clinician.request("PATCH", "/Observation/o");
        let patched = version(call.body("application/merge-patch+json", "{\"status\":\"final\"}").send());
        let other_digits = version(clinician.put("/Observation/o", &sent("1.1")));
        assert_eq!([again, other_order, by_search, patched, other_digits], expected, "{skip}");
        let wrong = clinician.request("PUT", "/Observation/o").header("if-match", "W/\"9\"");
        wrong.json(&sent("1.1")).send().expect(412);
    }
}

#[test]
fn prefer_says_what_a_delete_is_answered_with() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&with_id("1", "p"));
    let delete = |path: &str, prefer: &str| {
        clinician.request("DELETE", path).header("prefer", &format!("return={prefer}")).send()
    };
    let outcome = delete("/Patient/p", "OperationOutcome").expect(200);
    assert_eq!(outcome.header("etag"), Some("W/\"2\""));
    assert_eq!(outcome.json()["issue"][0]["severity"], "information");
    assert_eq!(delete("/Patient/p", "representation").expect(204).body.len(), 0);
    delete("/Patient?identifier=none", "OperationOutcome").expect(200);
    delete("/Patient?identifier=none", "minimal").expect(204);
}

#[test]
fn a_reference_by_a_search_is_resolved_outside_of_a_bundle_too_or_refused() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for (id, identifier) in [("a", "1"), ("b", "2"), ("c", "2")] {
        clinician.store(&with_id(identifier, id));
    }
    let goal = |query: &str| {
        json!({ "resourceType": "Goal", "lifecycleStatus": "active", "description": { "text": "To be at home" },
            "subject": { "reference": format!("Patient?{query}") } })
    };
    let made = clinician.post("/Goal", &goal("identifier=urn:mrn|1")).expect(201).json();
    assert_eq!(made["subject"]["reference"], "Patient/a");
    let url = format!("/Goal/{}", made["id"].as_str().unwrap());
    let mut again = goal("identifier=urn:mrn|1");
    again["id"] = made["id"].clone();
    assert_eq!(clinician.put(&url, &again).expect(200).json()["subject"]["reference"], "Patient/a");
    let patch =
        json!([{ "op": "replace", "path": "/subject/reference", "value": "Patient?identifier=urn:mrn|1" }]);
    let patched =
        clinician.request("PATCH", &url).body("application/json-patch+json", patch.to_string()).send();
    assert_eq!(patched.expect(200).json()["subject"]["reference"], "Patient/a");
    for (query, status, code) in [
        ("identifier=urn:mrn|3", 412, "not-found"),
        ("identifier=urn:mrn|2", 412, "multiple-matches"),
        ("colour=blue", 400, "not-supported"),
        ("", 400, "invalid"),
    ] {
        let refused = clinician.post("/Goal", &goal(query)).expect_issue(status, code);
        assert_eq!(refused.expressions(), ["Goal.subject.reference"], "{query}");
    }
    // Nobody learns so of a patient whom they do not see.
    let blind = app.with_scope("user/Goal.cruds");
    blind.post("/Goal", &goal("identifier=urn:mrn|1")).expect_issue(403, "forbidden");
    let other = app.with_claims(
        json!({ "sub": "user-of-b", "scope": "patient/*.cruds", "patient": "b", "fhirUser": "Patient/b" }),
    );
    other.post("/Goal", &goal("identifier=urn:mrn|1")).expect_issue(412, "not-found");
    assert_eq!(clinician.get("/Goal").expect(200).resources().len(), 1);
}

#[test]
fn a_time_is_no_guard_of_a_version_and_is_not_passed_over() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient("1"));
    let id = clinician.get("/Patient?identifier=urn:mrn|1").ids().remove(0);
    let call = |method: &str| {
        let call = clinician.request(method, &format!("/Patient/{id}"));
        call.header("if-unmodified-since", "Sun, 01 Mar 2020 12:00:00 GMT")
    };
    for method in ["PUT", "PATCH", "DELETE"] {
        let reply = call(method).json(&json!({ "resourceType": "Patient", "id": id })).send();
        assert_eq!(reply.expect_issue(400, "not-supported").expressions(), ["http.If-Unmodified-Since"]);
    }
    // `If-Match` says all that there is to say.
    call("DELETE").header("if-match", "W/\"7\"").send().expect(412);
    call("GET").send().expect(200);
    call("DELETE").header("if-match", "W/\"1\"").send().expect(204);
}
