//! Who may do what: every route and operation without a token, with a wrong scope, with another patient's token.
//! <https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html>

use comfrey::definitions::Definitions;
use comfrey::fhir::ResourceType;
use comfrey::fhir::bundle::Method;
use comfrey::interactions::route;
use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;

/// A request for each row of the table of routes but the operations, on resources of this type.
fn routes(ty: &str) -> Vec<(&'static str, String)> {
    let rows = route::table().filter(|row| row.kind != route::Kind::Operation);
    rows.map(|row| {
        let path = row.path.replace("{compartment}", "Patient").replace("{type}", ty);
        let path = path.replace("{id}", "b").replace("{version}", "1");
        (row.method.name(), format!("/{path}"))
    })
    .collect()
}

/// A request for each operation at each place where it is called, on instances with this id.
fn operations(id: &str) -> Vec<(&'static str, String)> {
    let definitions = Definitions::shared().expect("the definitions load");
    let mut calls = Vec::new();
    for definition in &definitions.operations {
        let code = definition["code"].as_str().unwrap();
        let types = definition["resource"].as_array().cloned().unwrap_or_else(|| vec![json!("Patient")]);
        let mut places = Vec::new();
        if definition["system"] == true {
            places.push(format!("/${code}"));
        }
        for ty in types
            .iter()
            .map(|ty| ty.as_str().unwrap())
            .map(|ty| if ty == "Resource" { "Patient" } else { ty })
        {
            if definition["type"] == true {
                places.push(format!("/{ty}/${code}"));
            }
            if definition["instance"] == true {
                places.push(format!("/{ty}/{id}/${code}"));
            }
        }
        calls.extend(places.into_iter().map(|place| ("POST", place)));
    }
    assert!(!calls.is_empty());
    calls
}

/// Sends it with a body that fits, so that nothing but access can be what is wrong.
fn call(caller: &Client, method: &str, path: &str) -> Reply {
    let request = caller.request(method, path);
    match (method, path) {
        ("POST", path) if path.ends_with("/_search") => {
            request.body("application/x-www-form-urlencoded", "").send()
        }
        ("POST", "/") => {
            request.json(&transaction(&[("POST", "Patient", json!({ "resourceType": "Patient" }))])).send()
        }
        ("POST" | "PUT", path) if path.contains('$') => {
            request.json(&json!({ "resourceType": "Parameters" })).send()
        }
        ("POST" | "PUT", path) => {
            let mut segments = path.trim_start_matches('/').split('/');
            let mut resource = json!({ "resourceType": segments.next() });
            if let Some(id) = segments.next() {
                resource["id"] = id.into();
            }
            request.json(&resource).send()
        }
        ("PATCH", _) => request.body("application/merge-patch+json", "{\"language\":\"en\"}").send(),
        _ => request.send(),
    }
}

fn transaction(entries: &[(&str, &str, Value)]) -> Value {
    bundle("transaction", entries)
}

fn bundle(kind: &str, entries: &[(&str, &str, Value)]) -> Value {
    let entry = |(method, url, resource): &(&str, &str, Value)| {
        let mut entry = json!({ "request": { "method": method, "url": url } });
        if !resource.is_null() {
            entry["resource"] = resource.clone();
        }
        entry
    };
    json!({ "resourceType": "Bundle", "type": kind, "entry": entries.iter().map(entry).collect::<Vec<_>>() })
}

fn observation(id: &str, patient: &str) -> Value {
    json!({
        "resourceType": "Observation", "id": id, "status": "final",
        "identifier": [{ "system": "urn:lab", "value": id }],
        "code": { "coding": [{ "system": "http://loinc.org", "code": "89243-0" }] },
        "subject": { "reference": format!("Patient/{patient}") },
        "performer": [{ "reference": format!("Practitioner/of-{patient}") }],
        "effectiveDateTime": "2026-02-01"
    })
}

fn patient(id: &str, name: &str) -> Value {
    json!({
        "resourceType": "Patient", "id": id, "name": [{ "family": name }],
        "identifier": [{ "system": "urn:mrn", "value": format!("mrn-{id}") }],
        "managingOrganization": { "reference": "Organization/shared" }
    })
}

/// Two patients with an observation, a condition, an episode and a practitioner each, and an organisation for both.
/// Anna's observation `mixed` names Bruno as its performer.
fn two_patients(app: &TestApp) -> Client {
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "Organization", "id": "shared", "name": "Hospice" }));
    for (id, name) in [("a", "Anna"), ("b", "Bruno")] {
        clinician.store(&patient(id, name));
        clinician.store(&json!({ "resourceType": "Practitioner", "id": format!("of-{id}"),
            "name": [{ "family": format!("Doctor of {name}") }] }));
        clinician.store(&observation(&format!("o{id}"), id));
        clinician.store(&json!({ "resourceType": "Condition", "id": format!("c{id}"),
            "code": { "text": name }, "subject": { "reference": format!("Patient/{id}") } }));
        clinician
            .store(&json!({ "resourceType": "EpisodeOfCare", "id": format!("e{id}"), "status": "planned",
            "patient": { "reference": format!("Patient/{id}") } }));
    }
    clinician.store(&json!({ "resourceType": "Group", "id": "roster", "type": "person", "actual": true,
        "member": [{ "entity": { "reference": "Patient/a" } }, { "entity": { "reference": "Patient/b" } }] }));
    clinician
}

fn patient_with(app: &TestApp, scope: &str) -> Client {
    app.with_claims(json!({ "sub": "anna", "scope": scope, "patient": "a", "fhirUser": "Patient/a" }))
}

#[test]
fn every_route_and_operation_asks_for_a_token() {
    let app = TestApp::new();
    let (nobody, forger) = (app.anonymous(), app.with_token("eyJhbGciOiJub25lIn0.e30."));
    for (method, path) in routes("Patient").into_iter().chain(operations("b")) {
        if path == "/metadata" {
            call(&nobody, method, &path).expect(200);
            continue;
        }
        let reply = call(&nobody, method, &path).expect_issue(401, "login");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer realm=\"comfrey\""), "{method} {path}");
        let reply = call(&forger, method, &path).expect_issue(401, "unknown");
        let challenge = reply.header("www-authenticate").unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{method} {path} {challenge}");
    }
    // what is not there asks for a token as well, so that nothing shows without one
    for path in ["/Nothing", "/Patient/$nothing", "/Patient/a/b/c/d"] {
        assert_eq!(nobody.get(path).status, 401, "{path}");
    }
}

#[test]
fn every_route_refuses_a_token_without_a_scope_for_any_type() {
    let app = TestApp::new();
    let stranger = app.stranger();
    for ty in ResourceType::all() {
        for (method, path) in [
            ("GET", format!("/{ty}")),
            ("GET", format!("/{ty}/b")),
            ("DELETE", format!("/{ty}/b")),
            ("GET", format!("/{ty}/b/_history")),
            ("GET", format!("/{ty}/_history")),
        ] {
            let reply = call(&stranger, method, &path);
            assert_eq!(reply.status, 403, "{method} {path} {}", reply.text());
            assert_eq!(reply.codes(), ["forbidden"], "{method} {path}");
        }
    }
}

#[test]
fn every_route_and_operation_refuses_a_token_without_a_scope() {
    let app = TestApp::new();
    two_patients(&app);
    let other_type = app.with_scope("system/Medication.cruds user/Slot.* launch openid");
    let narrowed = app.with_scope("user/Patient.rs?name=Bruno user/Observation.sr");
    for caller in [app.stranger(), other_type, narrowed] {
        for (method, path) in
            routes("Patient").into_iter().chain(routes("Observation")).chain(operations("b"))
        {
            let reply = call(&caller, method, &path);
            match path.as_str() {
                "/metadata" => {}
                // whose it is decides, and what they may do with any type does not
                "/async/b" => assert_eq!(reply.status, 404, "{method} {path} {}", reply.text()),
                // of all types it shows those that the caller may search
                "/" | "/_search" | "/_history" | "/Patient/b/*" | "/Patient/b/_search"
                    if reply.status == 200 =>
                {
                    assert_eq!(reply.references(), Vec::<String>::new(), "{method} {path}");
                }
                "/$meta" if reply.status == 200 => assert_eq!(reply.json().get("parameter"), None),
                _ => assert_eq!(reply.status, 403, "{method} {path} {}", reply.text()),
            }
        }
    }
}

#[test]
fn every_route_hides_what_is_another_patients() {
    let app = TestApp::new();
    let clinician = two_patients(&app);
    let seen = |path: &str| clinician.get(path).expect(200).header("etag").map(str::to_owned);
    let before = ["/Patient/b", "/Observation/ob"].map(seen);
    let of_observation = routes("Observation").into_iter();
    let of_observation =
        of_observation.map(|(m, path)| (m, path.replace("/Observation/b", "/Observation/ob")));
    let all: Vec<_> = routes("Patient").into_iter().chain(of_observation).collect();
    for anna in [patient_with(&app, "patient/*.cruds"), patient_with(&app, "patient/*.cruds user/*.cruds")] {
        for (method, path) in &all {
            let reply = call(&anna, method, path);
            let (at, text) = (format!("{method} {path} {}", reply.status), reply.text());
            assert!(!text.contains("Bruno") && !text.contains("Patient/b\""), "{at}: {text}");
            let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
            match segments.as_slice() {
                // a search in their compartment finds nothing
                ["Patient", "b", ty, ..] if !["_history", "ob"].contains(ty) => {
                    assert!(
                        matches!(reply.status, 403 | 404) || reply.references().is_empty(),
                        "{at}: {text}"
                    );
                }
                // what is sent is judged before it is looked for
                [_, "b" | "ob"] if *method == "PUT" => {
                    assert!(matches!(reply.status, 403 | 404 | 422), "{at}: {text}");
                }
                [_, "b" | "ob", ..] => assert!(matches!(reply.status, 403 | 404), "{at}: {text}"),
                _ => assert!(reply.status < 500, "{at}: {text}"),
            }
        }
    }
    assert_eq!(["/Patient/b", "/Observation/ob"].map(seen), before);
}

#[test]
fn a_scope_allows_the_actions_that_it_names_and_no_other() {
    let app = TestApp::new();
    let clinician = two_patients(&app);
    for letter in ["c", "r", "u", "d", "s"] {
        let caller = app.with_scope(&format!("user/Observation.{letter}"));
        clinician.store(&observation("ob", "b"));
        for (needs, method, path, body) in [
            ("c", "POST", "/Observation", observation("x", "b")),
            ("r", "GET", "/Observation/ob", Value::Null),
            ("r", "GET", "/Observation/ob/_history/1", Value::Null),
            ("r", "GET", "/Observation/ob/_history", Value::Null),
            ("u", "PUT", "/Observation/ob", observation("ob", "b")),
            ("s", "GET", "/Observation", Value::Null),
            ("s", "GET", "/Observation/_history", Value::Null),
            ("s", "GET", "/_history", Value::Null),
            ("s", "POST", "/Observation/_search", Value::Null),
            ("s", "GET", "/Patient/b/Observation", Value::Null),
            ("d", "DELETE", "/Observation/ob", Value::Null),
        ] {
            let reply = match body {
                Value::Null => call(&caller, method, path),
                body => caller.request(method, path).json(&body).send(),
            };
            let allowed = reply.status < 300;
            assert_eq!(
                allowed,
                needs == letter,
                "{letter}: {method} {path} {} {}",
                reply.status,
                reply.text()
            );
            assert!(allowed || reply.status == 403, "{letter}: {method} {path} {}", reply.status);
        }
    }
    // without `c` an update makes nothing new
    let updater = app.with_scope("user/Observation.u");
    let refused = updater.put("/Observation/new", &observation("new", "b")).status;
    assert!([403, 404].contains(&refused), "{refused}");
    clinician.get("/Observation/new").expect(404);
}

#[test]
fn scopes_of_both_versions_mean_the_same() {
    let app = TestApp::new();
    two_patients(&app);
    for (scope, read, write) in [
        ("user/Observation.read", 200, 403),
        ("user/Observation.rs", 200, 403),
        ("user/*.read", 200, 403),
        ("system/Observation.write", 403, 200),
        ("system/Observation.cud", 403, 200),
        ("user/Observation.*", 200, 200),
        ("system/*.*", 200, 200),
        ("user/Patient.*", 403, 403),
        ("patient/Observation.*", 403, 403),
    ] {
        let caller = app.with_scope(scope);
        assert_eq!(caller.get("/Observation/ob").status, read, "{scope}");
        assert_eq!(caller.get("/Observation?_id=ob").status, read, "{scope}");
        assert_eq!(caller.put("/Observation/ob", &observation("ob", "b")).status, write, "{scope}");
    }
}

#[test]
fn another_patients_resources_do_not_exist() {
    let app = TestApp::new();
    let clinician = two_patients(&app);
    let anna = patient_with(&app, "patient/*.cruds");
    for (own, others) in [
        ("Patient/a", "Patient/b"),
        ("Observation/oa", "Observation/ob"),
        ("Condition/ca", "Condition/cb"),
        ("EpisodeOfCare/ea", "EpisodeOfCare/eb"),
        ("Practitioner/of-a", "Practitioner/of-b"),
    ] {
        for below in ["", "/_history/1", "/_history"] {
            anna.get(&format!("/{own}{below}")).expect(200);
            let ty = others.split('/').next().unwrap();
            let absent = anna.get(&format!("/{ty}/none{below}")).expect_issue(404, "not-found").text();
            let hidden = anna.get(&format!("/{others}{below}")).expect_issue(404, "not-found").text();
            assert_eq!(hidden.replace(others, &format!("{ty}/none")), absent);
        }
    }
    anna.get("/Organization/shared").expect(200);
    // a roster that names her names others too
    anna.get("/Group/roster").expect(403);
    // a deletion shows no more than what was deleted did
    clinician.delete("/Observation/ob").expect(204);
    anna.get("/Observation/ob").expect(404);
    anna.get("/Observation/ob/_history/1").expect(404);
}

#[test]
fn another_patients_resources_are_not_found_by_any_search() {
    let app = TestApp::new();
    let clinician = two_patients(&app);
    let mut mixed = observation("mixed", "a");
    mixed["performer"] = json!([{ "reference": "Patient/b" }]);
    clinician.store(&mixed);
    let anna = patient_with(&app, "patient/*.rs");
    for (path, found) in [
        ("/Patient", &["a"][..]),
        ("/Patient?name=Bruno", &[]),
        ("/Patient?identifier=urn:mrn|mrn-b", &[]),
        ("/Patient?_id=b", &[]),
        ("/Patient?_id=a,b", &["a"]),
        ("/Observation", &["mixed", "oa"]),
        ("/Observation?_sort=-date", &["mixed", "oa"]),
        ("/Observation?patient=b", &[]),
        ("/Observation?subject=Patient/b", &[]),
        ("/Observation?subject:Patient.name=Bruno", &[]),
        ("/Observation?patient.identifier=urn:mrn|mrn-b", &[]),
        // what may be seen must not tell of what may not
        ("/Observation?performer:Patient.name=Bruno", &[]),
        ("/Observation?performer:Practitioner.name=Doctor", &["oa"]),
        ("/Observation?_include=Observation:performer", &["mixed", "oa", "of-a"]),
        (
            "/Observation?_include=Observation:subject&_include=Observation:performer",
            &["a", "mixed", "oa", "of-a"],
        ),
        ("/Organization", &["shared"]),
        ("/Organization?_revinclude=Patient:organization", &["a", "shared"]),
        ("/Practitioner", &["of-a"]),
        ("/Practitioner?name=Doctor&_revinclude=Observation:performer", &["oa", "of-a"]),
        ("/Patient/a/Observation", &["mixed", "oa"]),
        // her own, which names Bruno and so stands in his compartment too
        ("/Patient/b/Observation", &["mixed"]),
        ("/Patient/b/Condition?_id=cb", &[]),
        ("/EpisodeOfCare?patient=a,b", &["ea"]),
    ] {
        let reply = anna.get(path);
        assert_eq!(reply.status, 200, "{path} {}", reply.text());
        assert_eq!(reply.ids(), found, "{path}");
        let shown = json!(reply.resources()).to_string();
        assert!(!shown.contains("Bruno"), "{path} {shown}");
    }
    for (path, total) in [
        ("/Observation?_summary=count", 2),
        ("/Observation?_total=accurate&_count=1", 2),
        ("/Observation?patient=b&_summary=count", 0),
        ("/Observation?performer:Patient.name=Bruno&_summary=count", 0),
        ("/Patient?_summary=count", 1),
        ("/Practitioner?_summary=count", 1),
    ] {
        assert_eq!(anna.get(path).expect(200).json()["total"], total, "{path}");
    }
    let posted =
        anna.request("POST", "/Observation/_search").body("application/x-www-form-urlencoded", "patient=b");
    assert_eq!(posted.send().expect(200).ids(), Vec::<String>::new());
}

#[test]
fn a_page_link_shows_its_bearer_only_their_own() {
    let app = TestApp::new();
    let clinician = two_patients(&app);
    let mut seen = Vec::new();
    let mut link = clinician.get("/Observation?_count=1&_sort=_id").expect(200).link("next");
    assert!(link.is_some(), "two observations are two pages of one");
    // The same person, whose next token is held to one patient: the link is theirs, and shows what they may see now.
    let held = app.with_claims(json!({ "sub": "clinician-1", "scope": "patient/*.rs", "patient": "a" }));
    while let Some(url) = link {
        let reply = held.request("GET", &url).send().expect(200);
        seen.extend(reply.ids());
        link = reply.link("next");
    }
    assert!(!seen.contains(&"ob".to_owned()), "{seen:?}");
    let next = clinician.get("/Observation?_count=1").expect(200).link("next").unwrap();
    app.with_claims(json!({ "sub": "clinician-1" })).get(&next).expect_issue(403, "forbidden");
    // Another person, however much they may search, does not get to read what was searched for.
    app.with_claims(json!({ "sub": "clinician-2", "scope": "user/*.rs" }))
        .get(&next)
        .expect_issue(400, "invalid");
}

#[test]
fn another_patients_resources_cannot_be_written() {
    let app = TestApp::new();
    let clinician = two_patients(&app);
    let anna = patient_with(&app, "patient/*.cruds");
    let before = clinician.get("/Observation/ob").expect(200).body;
    let own_as_b = observation("oa", "b");
    for (method, path, body) in [
        ("POST", "/Observation", observation("x", "b")),
        ("POST", "/Patient", patient("x", "Third")),
        ("PUT", "/Observation/oa", own_as_b),
        ("PUT", "/Observation/ob", observation("ob", "b")),
        ("PUT", "/Observation/ob", observation("ob", "a")),
        ("PUT", "/Patient/b", patient("b", "Mallory")),
        (
            "PUT",
            "/Organization/shared",
            json!({ "resourceType": "Organization", "id": "shared", "name": "Mine" }),
        ),
        ("POST", "/Practitioner", json!({ "resourceType": "Practitioner" })),
        ("POST", "/ValueSet", json!({ "resourceType": "ValueSet", "status": "draft" })),
        ("DELETE", "/Observation/ob", Value::Null),
        ("DELETE", "/Patient/b", Value::Null),
        ("DELETE", "/Organization/shared", Value::Null),
    ] {
        let reply = match body {
            Value::Null => anna.delete(path),
            body => anna.request(method, path).json(&body).send(),
        };
        assert!([403, 404].contains(&reply.status), "{method} {path} {} {}", reply.status, reply.text());
    }
    assert_eq!(clinician.get("/Observation/ob").expect(200).body, before);
    assert_eq!(clinician.get("/Patient?_summary=count").json()["total"], 2);
    assert_eq!(clinician.get("/Observation?_summary=count").json()["total"], 2);
    anna.post("/Observation", &observation("x", "a")).expect(201);
    anna.put("/Observation/oa", &observation("oa", "a")).expect(200);
}

#[test]
fn a_write_shows_its_result_to_those_who_may_read_it_alone() {
    let app = TestApp::new();
    let clinician = two_patients(&app);
    let ob = observation("ob", "b");
    let both = |scope: &str| {
        app.with_claims(
            json!({ "sub": "u", "scope": scope, "patient": "a", "fhirUser": "Practitioner/of-a" }),
        )
    };
    for (scope, own, others) in [
        ("user/Observation.cus", false, false),
        ("user/Observation.write user/Observation.s", false, false),
        ("user/Observation.cuds patient/Observation.r", true, false),
        ("user/Observation.crus", true, true),
    ] {
        let caller = both(scope);
        for prefer in [None, Some("return=representation")] {
            for (id, of, shown) in [("oa", "a", own), ("ob", "b", others)] {
                let sent = |method: &str, path: &str, condition: Option<&str>| {
                    let mut call = caller.request(method, path).json(&observation(id, of));
                    for (name, value) in [("Prefer", prefer), ("If-None-Exist", condition)] {
                        call = if let Some(value) = value { call.header(name, value) } else { call };
                    }
                    call.send()
                };
                let by_identifier = format!("identifier=urn:lab|{id}");
                for (reply, shown) in [
                    (sent("PUT", &format!("/Observation/{id}"), None), shown),
                    (sent("PUT", &format!("/Observation?{by_identifier}"), None), shown),
                    // what is there already is shown to those who may read all that they may search
                    (sent("POST", "/Observation", Some(&by_identifier)), own && others),
                ] {
                    assert_eq!(reply.status, 200, "{scope} {id} {}", reply.text());
                    assert_eq!(!reply.body.is_empty(), shown, "{scope} {id} {}", reply.text());
                    assert!(reply.header("location").is_some() && reply.header("etag").is_some());
                }
            }
        }
        for kind in ["batch", "transaction"] {
            let asked = bundle(
                kind,
                &[("PUT", "Observation/oa", observation("oa", "a")), ("PUT", "Observation/ob", ob.clone())],
            );
            let call = caller.request("POST", "/").header("Prefer", "return=representation").json(&asked);
            let reply = call.send().expect(200).json();
            for (place, shown) in [own, others].into_iter().enumerate() {
                let entry = &reply["entry"][place];
                assert_eq!(entry["resource"].is_object(), shown, "{scope} {kind} {entry}");
                assert!(entry["response"]["status"].as_str().unwrap().starts_with("200"), "{entry}");
            }
        }
    }
    // an outcome says where it is, not what it is
    let writer = both("user/Observation.u");
    let call = writer.request("PUT", "/Observation/ob").header("Prefer", "return=OperationOutcome");
    let said = call.json(&ob).send().expect(200).json();
    assert_eq!(said["resourceType"], "OperationOutcome", "{said}");
    // a patch is made of what is there, and whether it fits tells of that
    for caller in [writer, both("user/Observation.u patient/Observation.r")] {
        let call = caller.request("PATCH", "/Observation/ob").body("application/merge-patch+json", "{}");
        assert!([403, 404].contains(&call.send().status));
    }
    clinician.get("/Observation/ob").expect(200);
}

#[test]
fn a_transaction_reads_no_more_of_what_it_writes_than_its_caller_may() {
    let app = TestApp::new();
    let clinician = two_patients(&app);
    let before = clinician.get("/Observation/ob").expect(200).body;
    let changed = |id: &str, of: &str| {
        let mut changed = observation(id, of);
        changed["status"] = "amended".into();
        ("PUT", if of == "a" { "Observation/oa" } else { "Observation/ob" }, changed)
    };
    let reads = |url: &'static str| ("GET", url, Value::Null);
    let wide = "user/Observation.cuds";
    for (scope, url, status) in [
        (wide, "Observation/ob", 403),
        (wide, "Observation/ob/_history", 403),
        ("user/Observation.cud", "Observation?_id=ob", 403),
        ("user/Observation.cuds patient/Observation.r", "Observation/ob", 404),
        ("user/Observation.cuds patient/Observation.r", "Observation/ob/_history", 404),
        ("user/Observation.cuds patient/Observation.r", "Observation/ob/_history/2", 404),
    ] {
        let caller = app.with_claims(json!({ "sub": "u", "scope": scope, "patient": "a",
            "fhirUser": "Practitioner/of-a" }));
        let reply = caller.post("/", &transaction(&[changed("ob", "b"), reads(url)]));
        assert_eq!(reply.status, status, "{scope} {url} {}", reply.text());
        assert_eq!(reply.expressions(), ["Bundle.entry[1].request.url"], "{scope} {url}");
        assert_eq!(clinician.get("/Observation/ob").expect(200).body, before, "nothing was written");
    }
    let caller = app.with_claims(json!({ "sub": "u", "patient": "a", "fhirUser": "Practitioner/of-a",
        "scope": "user/Observation.cud patient/Observation.rs" }));
    let asked = [changed("oa", "a"), changed("ob", "b"), reads("Observation/oa"), reads("Observation")];
    let reply = caller.post("/", &transaction(&asked)).expect(200).json();
    assert_eq!(reply["entry"][2]["resource"]["status"], "amended", "{reply}");
    let found = reply["entry"][3]["resource"].to_string();
    assert!(found.contains("Observation/oa") && !found.contains("Observation/ob"), "{found}");
    assert_ne!(clinician.get("/Observation/ob").expect(200).body, before);
}

#[test]
fn conditions_do_not_tell_of_another_patients_resources() {
    let app = TestApp::new();
    let clinician = two_patients(&app);
    let anna = patient_with(&app, "patient/*.cruds");
    // a condition that only another patient's observation meets finds none
    let create = anna.request("POST", "/Observation").header("If-None-Exist", "identifier=urn:lab|ob");
    let made = create.json(&observation("x", "a")).send().expect(201).json();
    assert_ne!(made["id"], "ob");
    // a reference by another patient's identifier leads nowhere
    let mut by_identifier = observation("x", "a");
    by_identifier["focus"] = json!([{ "reference": "Patient?identifier=urn:mrn|mrn-b" }]);
    let reply = anna.post("/", &transaction(&[("POST", "Observation", by_identifier)]));
    assert_eq!(reply.status, 412, "{}", reply.text());
    assert_eq!(clinician.get("/Observation?_summary=count").json()["total"], 3);
}

#[test]
fn demands_do_not_tell_of_another_patients_resources() {
    let app = TestApp::new();
    let clinician = two_patients(&app);
    let anna = patient_with(&app, "patient/*.cruds");
    let elsewhere = app
        .with_claims(json!({ "sub": "anna", "scope": "user/Observation.c patient/Observation.ruds",
        "patient": "a", "fhirUser": "Practitioner/of-a" }));
    for (caller, method) in
        [(&anna, "PUT"), (&elsewhere, "PUT"), (&anna, "PATCH"), (&anna, "DELETE"), (&elsewhere, "DELETE")]
    {
        for (header, member, value) in [
            ("if-match", "ifMatch", "W/\"1\""),
            ("if-match", "ifMatch", "W/\"9\""),
            ("if-match", "ifMatch", "*"),
            ("if-none-match", "ifNoneMatch", "*"),
        ] {
            let alone = |id: &str| {
                let request = caller.request(method, &format!("/Observation/{id}")).header(header, value);
                let reply = match method {
                    "PUT" => request.json(&observation(id, "a")).send(),
                    "PATCH" => request.body("application/merge-patch+json", "{\"language\":\"en\"}").send(),
                    _ => request.send(),
                };
                (reply.status, reply.text().replace(&format!("Observation/{id}"), "it"))
            };
            let entry = |id: &str| {
                let body = if method == "PUT" { observation(id, "a") } else { Value::Null };
                let mut bundle = bundle("batch", &[(method, &format!("Observation/{id}"), body)]);
                bundle["entry"][0]["request"][member] = value.into();
                let reply = caller.post("/", &bundle).expect(200);
                let status = reply.json()["entry"][0]["response"]["status"].as_str().unwrap()[..3].to_owned();
                (status.parse::<u16>().unwrap(), reply.text().replace(&format!("Observation/{id}"), "it"))
            };
            let (absent, hidden) = (alone("no"), alone("ob"));
            assert_eq!(absent, hidden, "{method} {header}: {value}");
            assert!([400, 404].contains(&absent.0), "{method} {header}: {value} {absent:?}");
            if method != "PATCH" {
                let (absent, hidden) = (entry("no"), entry("ob"));
                assert_eq!(absent, hidden, "{method} {header}: {value}");
                assert!([400, 404].contains(&absent.0), "{method} {header}: {value} {absent:?}");
            }
        }
    }
    assert_eq!(clinician.get("/Observation?_summary=count").json()["total"], 2);
}

#[test]
fn only_references_that_a_parameter_covers_open_what_is_in_no_compartment() {
    let app = TestApp::new();
    let clinician = two_patients(&app);
    let anna = patient_with(&app, "patient/*.cruds");
    let named = |with: &str| {
        let mut own = observation("x", "a");
        own["extension"] = json!([{ "url": "urn:seen", "valueReference": { "reference": with } }]);
        own
    };
    anna.post("/Observation", &named("Practitioner/of-b")).expect(201);
    anna.get("/Practitioner/of-b").expect_issue(404, "not-found");
    anna.get("/Practitioner/of-b/_history").expect_issue(404, "not-found");
    anna.get("/Practitioner/of-b/_history/1").expect_issue(404, "not-found");
    for path in [
        "/Practitioner",
        "/Practitioner/_history",
        "/_history",
        "/Practitioner?_id=of-b",
        "/Observation?_include=Observation:performer",
        "/Patient/a/$everything",
        "/Patient/$everything",
    ] {
        let reply = anna.get(path).expect(200);
        assert!(!reply.ids().contains(&"of-b".to_owned()), "{path} {}", reply.text());
        assert!(!reply.text().contains("Doctor of Bruno"), "{path} {}", reply.text());
    }
    // whom her own observation names as its performer shows as before
    for path in ["/Practitioner", "/Practitioner/_history", "/Patient/a/$everything"] {
        assert!(anna.get(path).expect(200).ids().contains(&"of-a".to_owned()), "{path}");
    }
    anna.get("/Practitioner/of-a").expect(200);
    // one who sees all has it in the record
    let reply = clinician.get("/Patient/a/$everything").expect(200);
    assert!(reply.ids().contains(&"of-b".to_owned()), "{}", reply.text());
}

#[test]
fn entries_of_a_bundle_get_what_they_would_get_alone() {
    let app = TestApp::new();
    let clinician = two_patients(&app);
    let anna = patient_with(&app, "patient/*.cruds");
    let entries = [
        ("GET", "Patient/a", Value::Null, "200"),
        ("GET", "Patient/b", Value::Null, "404"),
        ("GET", "Observation/ob/_history/1", Value::Null, "404"),
        ("GET", "Group/roster", Value::Null, "403"),
        ("GET", "Observation?patient=b", Value::Null, "200"),
        ("POST", "Observation", observation("x", "b"), "403"),
        ("PUT", "Observation/ob", observation("ob", "b"), "40"),
        ("DELETE", "Observation/ob", Value::Null, "404"),
        ("DELETE", "Organization/shared", Value::Null, "403"),
    ];
    let asked: Vec<_> = entries.iter().map(|(method, url, body, _)| (*method, *url, body.clone())).collect();
    let reply = anna.post("/", &bundle("batch", &asked)).expect(200);
    for ((method, url, _, status), answer) in entries.iter().zip(reply.json()["entry"].as_array().unwrap()) {
        let got = answer["response"]["status"].as_str().unwrap();
        assert!(got.starts_with(status), "{method} {url} {answer}");
    }
    assert!(!reply.text().contains("Bruno"), "{}", reply.text());
    // of a transaction nothing is written where one entry may not be
    for (method, url, body, status) in entries.iter().filter(|entry| entry.0 != "GET") {
        let own = ("POST", "Observation", observation("x", "a"));
        let reply = anna.post("/", &transaction(&[own, (method, url, body.clone())]));
        assert!(reply.status.to_string().starts_with(status), "{method} {url} {}", reply.text());
    }
    let reply = anna.post("/", &transaction(&[("GET", "Observation?patient=b", Value::Null)])).expect(200);
    assert!(!reply.text().contains("\"ob\""), "{}", reply.text());
    assert_eq!(clinician.get("/Observation?_summary=count").json()["total"], 2);
    let stranger = app.stranger().post("/", &bundle("batch", &asked)).expect(200).json();
    for answer in stranger["entry"].as_array().unwrap() {
        assert!(answer["response"]["status"].as_str().unwrap().starts_with("403"), "{answer}");
    }
}

#[test]
fn operations_on_another_patient_find_nobody() {
    let app = TestApp::new();
    let clinician = two_patients(&app);
    let before = clinician.get("/Patient/b/_history").expect(200).json()["total"].clone();
    let anna = patient_with(&app, "patient/*.cruds user/*.cruds");
    for id in ["b", "eb"] {
        for (method, path) in operations(id).into_iter().filter(|(_, path)| path.contains(&format!("/{id}/")))
        {
            for body in [
                json!({ "resourceType": "Parameters" }),
                json!({ "resourceType": "Parameters", "parameter": [
                    { "name": "patient", "valueReference": { "reference": "Patient/b" } }] }),
            ] {
                let reply = anna.request(method, &path).json(&body).send();
                assert!([403, 404].contains(&reply.status), "{path} {} {}", reply.status, reply.text());
            }
        }
    }
    for (method, path) in operations("b").into_iter().filter(|(_, path)| !path.contains("/b/")) {
        let body = json!({ "resourceType": "Parameters", "parameter": [
            { "name": "patient", "valueReference": { "reference": "Patient/b" } }] });
        let reply = anna.request(method, &path).json(&body).send();
        assert!((400..500).contains(&reply.status), "{path} {} {}", reply.status, reply.text());
        assert!(!reply.text().contains("Bruno"), "{path}");
    }
    assert_eq!(clinician.get("/Patient/b/_history").expect(200).json()["total"], before);
    let tasks = clinician.get("/EpisodeOfCare?patient=b&_summary=count").json();
    assert_eq!(tasks["total"], 1);
}

#[test]
fn a_users_scope_reaches_as_far_as_the_user() {
    let app = TestApp::new();
    two_patients(&app);
    for (claims, a, b) in [
        (json!({ "fhirUser": "Practitioner/of-a" }), 200, 200),
        (json!({ "fhirUser": "Practitioner/of-a", "patient": "a" }), 200, 200),
        (json!({ "fhirUser": "Patient/a" }), 200, 404),
        (json!({ "fhirUser": "RelatedPerson/x", "patient": "a" }), 200, 404),
        (json!({ "fhirUser": "RelatedPerson/x" }), 403, 403),
        (json!({ "patient": "a" }), 200, 404),
    ] {
        let mut all = json!({ "sub": "u", "scope": "user/*.rs" });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        let caller = app.with_claims(all);
        assert_eq!(caller.get("/Patient/a").status, a, "{claims}");
        assert_eq!(caller.get("/Patient/b").status, b, "{claims}");
    }
}

#[test]
fn a_token_ends_with_its_time() {
    let app = TestApp::new();
    two_patients(&app);
    let now = app.clock().now() / 1_000_000;
    let caller = app.with_claims(json!({ "sub": "s", "scope": "user/*.rs", "exp": now + 300 }));
    caller.get("/Patient/a").expect(200);
    app.clock().set((now + 359) * 1_000_000);
    caller.get("/Patient/a").expect(200);
    app.clock().set((now + 360) * 1_000_000);
    caller.get("/Patient/a").expect_issue(401, "expired");
}

#[test]
fn head_asks_for_what_get_asks_for() {
    let app = TestApp::new();
    two_patients(&app);
    let rows = route::table().filter(|row| row.method == Method::Get && row.path != "metadata");
    let anna = patient_with(&app, "patient/*.rs");
    for row in rows.filter(|row| row.kind != route::Kind::Operation) {
        let path = row.path.replace("{type}", "Observation").replace("{id}", "ob").replace("{version}", "1");
        for caller in [app.anonymous(), app.stranger(), anna.clone()] {
            let (get, head) =
                (call(&caller, "GET", &format!("/{path}")), call(&caller, "HEAD", &format!("/{path}")));
            assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        }
    }
}

#[test]
fn who_is_held_to_a_patient_writes_in_no_other_record_and_not_whose_record_it_is() {
    let app = TestApp::new();
    let clinician = two_patients(&app);
    let by_anna = |subject: &str| {
        let mut own = observation("x", subject);
        own["performer"] = json!([{ "reference": "Patient/a" }]);
        own
    };
    let filed = clinician.post("/Observation", &by_anna("b")).expect(201).json();
    let place = format!("/Observation/{}", filed["id"].as_str().unwrap());
    let linked = |to: &str| {
        let mut linked = patient("a", "Anna");
        linked["link"] = json!([{ "other": { "reference": to }, "type": "replaces" }]);
        linked
    };
    for user in ["Patient/a", "Practitioner/of-a"] {
        let anna = app.with_claims(
            json!({ "sub": "anna", "scope": "patient/*.cruds", "patient": "a", "fhirUser": user }),
        );
        anna.get(&place).expect(200);
        let mut changed = filed.clone();
        changed["status"] = json!("amended");
        let patch = |path: &str, patch: Value| {
            anna.request("PATCH", path).body("application/json-patch+json", patch.to_string()).send()
        };
        for refused in [
            anna.post("/Observation", &by_anna("b")),
            anna.put(&place, &changed),
            patch(&place, json!([{ "op": "replace", "path": "/status", "value": "amended" }])),
            anna.delete(&place),
            anna.post("/", &transaction(&[("POST", "Observation", by_anna("b"))])),
            anna.post("/Consent", &json!({ "resourceType": "Consent", "status": "active", "patient": { "reference": "Patient/b" },
                "performer": [{ "reference": "Patient/a" }], "policy": [{ "uri": "https://example.org/agreement" }],
                "scope": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "treatment" }] },
                "category": [{ "text": "x" }] })),
        ] {
            refused.expect_issue(403, "forbidden");
        }
        for to in ["Patient/b", "Patient/nobody"] {
            let refused = anna.put("/Patient/a", &linked(to)).expect_issue(403, "forbidden");
            assert_eq!(refused.expressions(), ["Patient.link"], "{user} {to}");
            let link = &linked(to)["link"];
            let add = json!([{ "op": "add", "path": "/link", "value": link }]);
            patch("/Patient/a", add).expect_issue(403, "forbidden");
        }
        let mut new = linked("Patient/a");
        new.as_object_mut().unwrap().remove("id");
        anna.post("/Patient", &new).expect_issue(403, "forbidden");
        anna.post("/Observation", &by_anna("a")).expect(201);
        anna.put("/Patient/a", &patient("a", "Anna")).expect(200);
    }
    // what the care team has linked stays linked, and the rest of it is the patient's to change
    clinician.put("/Patient/a", &linked("Patient/b")).expect(200);
    let anna = patient_with(&app, "patient/*.cruds");
    anna.put("/Patient/a", &patient("a", "Anna")).expect_issue(403, "forbidden");
    let mut moved = linked("Patient/b");
    moved["telecom"] = json!([{ "system": "phone", "value": "1" }]);
    anna.put("/Patient/a", &moved).expect(200);
    assert_eq!(
        clinician.get("/Observation?subject=Patient/b&performer=Patient/a").expect(200).ids().len(),
        1
    );
}
