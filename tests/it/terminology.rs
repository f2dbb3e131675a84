//! `$expand`, `$validate-code` and `$lookup` over what is stored, our own definitions and R4's.
//! <https://hl7.org/fhir/R4/terminology-service.html>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;

const GENDERS: &str = "http://hl7.org/fhir/administrative-gender";

fn animals(app: &TestApp) -> Client {
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "CodeSystem", "id": "animals", "url": "urn:animals", "version": "2",
        "name": "Animals", "status": "active", "content": "complete", "concept": [
            { "code": "mammal", "display": "Mammal", "property": [{ "code": "notSelectable", "valueBoolean": true }],
              "concept": [
                { "code": "cat", "display": "House cat", "definition": "It purrs.",
                  "designation": [{ "language": "nl", "value": "Huiskat" },
                      { "use": { "system": "urn:use", "code": "pet-name" }, "value": "Puss" }],
                  "property": [{ "code": "legs", "valueInteger": 4 }] },
                { "code": "dog", "display": "Dog" } ] },
            { "code": "dodo", "display": "Dodo", "property": [{ "code": "inactive", "valueBoolean": true }] } ],
        "property": [{ "code": "legs", "type": "integer" }, { "code": "inactive", "type": "boolean" },
            { "code": "notSelectable", "type": "boolean" }] }));
    clinician.store(&json!({ "resourceType": "ValueSet", "id": "all", "url": "urn:all", "version": "1",
        "name": "All", "status": "active", "compose": { "include": [{ "system": "urn:animals" }] } }));
    clinician
}

fn codes(reply: &Reply) -> Vec<String> {
    let set = reply.json();
    let contains = set["expansion"]["contains"].as_array().cloned().unwrap_or_default();
    contains.iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect()
}

fn parameters(list: Value) -> Value {
    json!({ "resourceType": "Parameters", "parameter": list })
}

/// The value of an output parameter.
fn out(reply: &Reply, name: &str) -> Value {
    let all = reply.json();
    let own = all["parameter"].as_array().unwrap().iter().find(|one| one["name"] == name).cloned();
    let own = own.unwrap_or_default();
    let value = own.as_object().and_then(|own| own.iter().find(|(key, _)| key.starts_with("value")));
    value.map(|(_, value)| value.clone()).unwrap_or_default()
}

#[test]
fn a_value_set_is_expanded_by_url_by_id_and_as_it_is_sent() {
    let app = TestApp::new();
    let clinician = animals(&app);
    let inline = json!({ "resourceType": "ValueSet", "status": "draft",
        "compose": { "include": [{ "valueSet": ["urn:all"] }], "exclude": [{ "system": "urn:animals",
            "concept": [{ "code": "dodo" }] }] } });
    let cases = [
        (clinician.get("/ValueSet/$expand?url=urn:all"), &["mammal", "cat", "dog", "dodo"][..]),
        (clinician.get("/ValueSet/$expand?url=urn:all&valueSetVersion=1"), &["mammal", "cat", "dog", "dodo"]),
        (clinician.get("/ValueSet/$expand?url=urn:all%7C1&activeOnly=true"), &["mammal", "cat", "dog"]),
        (clinician.get("/ValueSet/all/$expand?excludeNotForUI=true"), &["cat", "dog", "dodo"]),
        (clinician.get("/ValueSet/all/$expand?filter=hou"), &["cat"]),
        (clinician.get("/ValueSet/all/$expand?filter=huis&displayLanguage=nl"), &["cat"]),
        (clinician.get("/ValueSet/all/$expand?offset=1&count=2"), &["cat", "dog"]),
        (clinician.get("/ValueSet/all/$expand?offset=9"), &[]),
        (
            clinician
                .post("/ValueSet/$expand", &parameters(json!([{ "name": "valueSet", "resource": inline }]))),
            &["mammal", "cat", "dog"],
        ),
        // R4's own
        (
            clinician.get("/ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender"),
            &["male", "female", "other", "unknown"],
        ),
        // ours, which nobody has stored
        (clinician.get("/ValueSet/vs-nursing-home-resident/$expand?count=0"), &[]),
    ];
    for (reply, expected) in cases {
        let reply = reply.expect(200);
        assert_eq!(codes(&reply), expected, "{}", reply.text());
        let checked = clinician.post("/ValueSet/$validate", &reply.json()).expect(200).json();
        assert_eq!(checked["issue"][0]["severity"], "information", "{checked}");
    }
    let whole =
        clinician.get("/ValueSet/all/$expand?offset=1&count=1&includeDesignations=true").expect(200).json();
    assert_eq!(whole["expansion"]["total"], 4);
    assert_eq!(whole["expansion"]["offset"], 1);
    assert_eq!(whole.get("compose"), None);
    assert_eq!(whole["expansion"]["contains"][0]["designation"].as_array().unwrap().len(), 2);
    let told = whole["expansion"]["parameter"].as_array().unwrap();
    assert!(told.contains(&json!({ "name": "count", "valueInteger": 1 })), "{told:?}");
    assert!(told.contains(&json!({ "name": "version", "valueUri": "urn:animals|2" })), "{told:?}");
    let words = |query: &str| {
        let set = clinician.get(&format!("/ValueSet/all/$expand?filter=cat&{query}")).expect(200).json();
        set["expansion"]["contains"][0].clone()
    };
    assert_eq!(words("designation=nl")["designation"], json!([{ "language": "nl", "value": "Huiskat" }]));
    assert_eq!(words("designation=urn:use%7Cpet-name")["designation"][0]["value"], "Puss");
    assert_eq!(words("activeOnly=false").get("designation"), None);
    clinician.get("/ValueSet/all/$expand?filter=a&filter=b").expect_issue(400, "invalid");
    let kept = clinician.get("/ValueSet/all/$expand?includeDefinition=true").expect(200).json();
    assert_eq!(kept["compose"]["include"][0]["system"], "urn:animals");
}

#[test]
fn a_stored_definition_goes_before_r4s_and_the_active_one_before_others() {
    let app = TestApp::new();
    let clinician = animals(&app);
    let url = "http://hl7.org/fhir/ValueSet/administrative-gender";
    let own = |id: &str, status: &str, version: &str| {
        json!({ "resourceType": "ValueSet", "id": id, "url": url, "version": version, "status": status,
            "compose": { "include": [{ "system": GENDERS, "concept": [{ "code": version }] }] } })
    };
    clinician.store(&own("one", "active", "female"));
    clinician.store(&own("two", "draft", "male"));
    assert_eq!(codes(&clinician.get(&format!("/ValueSet/$expand?url={url}")).expect(200)), ["female"]);
    let second = clinician.get(&format!("/ValueSet/$expand?url={url}&valueSetVersion=male")).expect(200);
    assert_eq!(codes(&second), ["male"]);
    let r4 = clinician.get(&format!("/ValueSet/$expand?url={url}%7C4.0.1")).expect(200);
    assert_eq!(codes(&r4).len(), 4);
    clinician.get(&format!("/ValueSet/$expand?url={url}%7C9")).expect_issue(404, "not-found");
}

#[test]
fn a_definition_without_a_version_is_the_latest_edition_and_not_the_last_written() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let set = |id: &str, status: &str, (version, code): (&str, &str)| {
        json!({ "resourceType": "ValueSet", "id": id, "url": "urn:editions", "version": version, "status": status,
            "compose": { "include": [{ "system": GENDERS, "concept": [{ "code": code }] }] } })
    };
    let expanded = |query: &str| {
        codes(&clinician.get(&format!("/ValueSet/$expand?url=urn:editions{query}")).expect(200))
    };
    clinician.store(&set("ten", "active", ("10", "male")));
    clinician.store(&set("nine", "active", ("9", "female")));
    assert_eq!(expanded(""), ["male"], "written first, and the later edition");
    assert_eq!(
        (expanded("&valueSetVersion=9"), expanded("%7C9")),
        (vec!["female".to_owned()], vec!["female".to_owned()])
    );
    clinician.store(&set("eleven", "draft", ("11", "other")));
    assert_eq!(expanded(""), ["male"], "what is in use comes first");
    clinician.store(&set("ten", "retired", ("10", "male")));
    assert_eq!(expanded(""), ["female"]);
    app.with_scope("system/Patient.rs").get("/ValueSet/$expand?url=urn:editions").expect(403);
}

#[test]
fn what_an_expansion_cannot_be_is_refused() {
    let app = TestApp::new();
    let clinician = animals(&app);
    clinician
        .store(&json!({ "resourceType": "ValueSet", "id": "snomed", "url": "urn:snomed", "status": "active",
        "compose": { "include": [{ "system": "http://snomed.info/sct" }] } }));
    clinician
        .store(&json!({ "resourceType": "ValueSet", "id": "ring", "url": "urn:ring", "status": "active",
        "compose": { "include": [{ "valueSet": ["urn:ring"] }] } }));
    for (path, status, code) in [
        ("/ValueSet/$expand", 400, "required"),
        ("/ValueSet/$expand?url=urn:none", 404, "not-found"),
        ("/ValueSet/none/$expand", 404, "not-found"),
        ("/ValueSet/all/$expand?url=urn:all", 400, "invalid"),
        ("/ValueSet/all/$expand?valueSetVersion=1", 400, "invalid"),
        ("/ValueSet/all/$expand?count=-1", 400, "invalid"),
        ("/ValueSet/all/$expand?offset=x", 400, "invalid"),
        ("/ValueSet/all/$expand?date=2020", 400, "invalid"),
        ("/ValueSet/all/$expand?context=x", 400, "invalid"),
        ("/ValueSet/snomed/$expand", 422, "not-supported"),
        ("/ValueSet/ring/$expand", 422, "invalid"),
        ("/CodeSystem/animals/$expand", 404, "not-supported"),
        ("/CodeSystem/$lookup", 400, "required"),
        ("/CodeSystem/$lookup?code=cat", 400, "required"),
        ("/CodeSystem/$lookup?code=cat&system=urn:none", 404, "not-found"),
        ("/CodeSystem/$lookup?code=unicorn&system=urn:animals", 404, "not-found"),
        ("/CodeSystem/$lookup?code=cat&system=urn:animals&version=1", 404, "not-found"),
        ("/CodeSystem/animals/$lookup?code=cat", 404, "not-supported"),
        ("/ValueSet/all/$validate-code", 400, "required"),
        ("/ValueSet/all/$validate-code?code=cat", 400, "required"),
        ("/ValueSet/$validate-code?code=cat&system=urn:animals", 400, "required"),
        ("/ValueSet/snomed/$validate-code?code=1&system=http://snomed.info/sct", 422, "not-supported"),
        ("/CodeSystem/$validate-code?code=cat", 400, "required"),
        ("/CodeSystem/$validate-code?code=cat&url=urn:none", 404, "not-found"),
        ("/CodeSystem/animals/$validate-code?code=cat&version=1", 404, "not-found"),
        ("/CodeSystem/animals/$validate-code", 400, "required"),
    ] {
        clinician.get(path).expect_issue(status, code);
    }
    let both = json!([{ "name": "code", "valueCode": "cat" }, { "name": "coding", "valueCoding": { "code": "cat" } }]);
    clinician.post("/ValueSet/all/$validate-code", &parameters(both)).expect_issue(400, "invalid");
    let astray = json!([{ "name": "display", "valueString": "Cat" }, { "name": "coding", "valueCoding": { "code": "cat" } }]);
    clinician.post("/ValueSet/all/$validate-code", &parameters(astray)).expect_issue(400, "invalid");
}

#[test]
fn a_code_is_judged_with_its_display() {
    let app = TestApp::new();
    let clinician = animals(&app);
    let cat = "code=cat&system=urn:animals";
    for (path, result, message) in [
        (format!("/ValueSet/all/$validate-code?{cat}"), true, ""),
        (format!("/ValueSet/$validate-code?url=urn:all&{cat}&display=house%20CAT"), true, ""),
        (format!("/ValueSet/$validate-code?url=urn:all&{cat}&display=Huiskat"), true, ""),
        (format!("/ValueSet/$validate-code?url=urn:all&{cat}&display=Dog"), false, "`House cat`"),
        (format!("/ValueSet/all/$validate-code?{cat}&systemVersion=2"), true, ""),
        (format!("/ValueSet/all/$validate-code?{cat}&systemVersion=1"), false, "version 2"),
        (
            "/ValueSet/all/$validate-code?code=cat&system=urn:other".into(),
            false,
            "not in the value set urn:all",
        ),
        (
            "/ValueSet/all/$validate-code?code=unicorn&system=urn:animals".into(),
            false,
            "not in the value set",
        ),
        ("/ValueSet/all/$validate-code?code=mammal&system=urn:animals".into(), false, "groups other codes"),
        ("/ValueSet/all/$validate-code?code=mammal&system=urn:animals&abstract=true".into(), true, ""),
        ("/ValueSet/all/$validate-code?code=dodo&system=urn:animals".into(), true, "no longer"),
        ("/CodeSystem/$validate-code?url=urn:animals&code=cat".into(), true, ""),
        ("/CodeSystem/animals/$validate-code?code=unicorn".into(), false, "has no code"),
        (format!("/CodeSystem/$validate-code?url={GENDERS}&code=male&display=Male"), true, ""),
        (format!("/CodeSystem/$validate-code?url={GENDERS}&code=MALE"), false, "has no code"),
        (
            "/CodeSystem/$validate-code?url=https://comfrey.health/fhir/CodeSystem/risk-tier&code=nope"
                .into(),
            false,
            "no code",
        ),
    ] {
        let reply = clinician.get(&path).expect(200);
        assert_eq!(out(&reply, "result"), result, "{path} {}", reply.text());
        let said = out(&reply, "message");
        let said = said.as_str().unwrap_or_default();
        assert!(said.contains(message) && said.is_empty() == message.is_empty(), "{path} {said}");
    }
    let reply = clinician.get(&format!("/ValueSet/all/$validate-code?{cat}&displayLanguage=nl")).expect(200);
    assert_eq!(out(&reply, "display"), "Huiskat");
    for (value, result) in [
        (
            json!({ "name": "coding", "valueCoding": { "system": "urn:animals", "code": "dog", "display": "Dog" } }),
            true,
        ),
        (json!({ "name": "coding", "valueCoding": { "code": "dog" } }), false),
        (
            json!({ "name": "codeableConcept", "valueCodeableConcept": { "coding": [
            { "system": "urn:animals", "code": "unicorn" }, { "system": "urn:animals", "code": "dog" }] } }),
            true,
        ),
        (json!({ "name": "codeableConcept", "valueCodeableConcept": { "text": "a dog" } }), false),
    ] {
        let reply = clinician.post("/ValueSet/all/$validate-code", &parameters(json!([value]))).expect(200);
        assert_eq!(out(&reply, "result"), result, "{value}");
    }
}

#[test]
fn a_code_is_looked_up_with_its_words_and_its_place() {
    let app = TestApp::new();
    let clinician = animals(&app);
    let reply = clinician.get("/CodeSystem/$lookup?code=cat&system=urn:animals").expect(200);
    for (name, value) in [("name", "Animals"), ("version", "2"), ("display", "House cat")] {
        assert_eq!(out(&reply, name), value);
    }
    let said = reply.text();
    for part in [
        r#"{"name":"code","valueCode":"definition"},{"name":"value","valueString":"It purrs."}"#,
        r#"{"name":"code","valueCode":"parent"},{"name":"value","valueCode":"mammal"},{"name":"description","valueString":"Mammal"}"#,
        r#"{"name":"code","valueCode":"legs"},{"name":"value","valueInteger":4}"#,
        r#"{"name":"language","valueCode":"nl"},{"name":"value","valueString":"Huiskat"}"#,
    ] {
        assert!(said.contains(part), "{part} {said}");
    }
    let some = clinician
        .get("/CodeSystem/$lookup?code=cat&system=urn:animals&property=legs&property=lang.nl")
        .expect(200);
    assert!(some.text().contains("legs") && some.text().contains("Huiskat"));
    assert!(
        !some.text().contains("purrs") && !some.text().contains("Puss") && !some.text().contains("mammal")
    );
    let coding = json!([{ "name": "coding", "valueCoding": { "system": GENDERS, "code": "male" } }]);
    let reply = clinician.post("/CodeSystem/$lookup", &parameters(coding)).expect(200);
    assert_eq!(out(&reply, "display"), "Male");
    let dutch =
        clinician.get("/CodeSystem/$lookup?code=cat&system=urn:animals&displayLanguage=nl").expect(200);
    assert_eq!(out(&dutch, "display"), "Huiskat");
    let wrapped = parameters(json!([{ "name": "resource", "resource": dutch.json() }]));
    let checked = clinician.post("/Parameters/$validate", &wrapped).expect(200).json();
    assert_eq!(checked["issue"][0]["severity"], "information", "{checked}");
}

#[test]
fn terminology_takes_the_scope_to_read_its_type() {
    let app = TestApp::new();
    animals(&app);
    for (path, ty) in [
        ("/ValueSet/$expand?url=urn:all", "ValueSet"),
        ("/ValueSet/all/$expand", "ValueSet"),
        ("/ValueSet/all/$validate-code?code=cat&system=urn:animals", "ValueSet"),
        ("/CodeSystem/$lookup?code=cat&system=urn:animals", "CodeSystem"),
        ("/CodeSystem/animals/$validate-code?code=cat", "CodeSystem"),
    ] {
        app.anonymous().get(path).expect_issue(401, "login");
        app.stranger().get(path).expect_issue(403, "forbidden");
        app.with_scope("user/Patient.rs").get(path).expect_issue(403, "forbidden");
        app.with_scope("user/ValueSet.rs user/CodeSystem.rs").get(path).expect(200);
        app.patient("anyone").get(path).expect(200);
        // what is stored of another type shows only to one who may search it
        let reply = app.with_scope(&format!("user/{ty}.rs")).get(path);
        assert_eq!(reply.status, if ty == "ValueSet" { 422 } else { 200 }, "{path} {}", reply.text());
    }
}

const SNOMED: &str = "http://snomed.info/sct";

/// The animals in two versions, and value sets that name one of them, or none.
fn editions(app: &TestApp) -> Client {
    let clinician = animals(app);
    let of_animals = |more: Value| {
        let mut include = json!({ "system": "urn:animals" });
        include.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        include
    };
    let set = |id: &str, include: Value| {
        json!({ "resourceType": "ValueSet", "id": id, "url": format!("urn:{id}"), "status": "active",
            "compose": { "include": include } })
    };
    for resource in [
        json!({ "resourceType": "CodeSystem", "id": "first", "url": "urn:animals", "version": "1", "status": "retired",
            "content": "complete", "concept": [{ "code": "cat" }, { "code": "quagga" }] }),
        set("pinned", json!([of_animals(json!({ "version": "2" }))])),
        set("above", json!([{ "valueSet": ["urn:pinned"] }])),
        set("listed", json!([of_animals(json!({ "concept": [{ "code": "cat" }] }))])),
        set("both", json!([of_animals(json!({ "concept": [{ "code": "cat" }, { "code": "dog" }] }))])),
        set("mixed", json!([of_animals(json!({})), { "system": GENDERS }])),
        set(
            "clinical",
            json!([{ "system": SNOMED }, { "system": GENDERS, "concept": [{ "code": "male" }] }]),
        ),
    ] {
        clinician.store(&resource);
    }
    clinician
}

#[test]
fn an_expansion_is_of_the_versions_that_are_asked_for() {
    let app = TestApp::new();
    let clinician = editions(&app);
    let (first, second) = (&["cat", "quagga"][..], &["mammal", "cat", "dog", "dodo"][..]);
    let genders = &["male", "female", "other", "unknown"][..];
    let both = [second, genders].concat();
    for (set, query, expected) in [
        ("all", "system-version=urn:animals%7C1", first),
        ("all", "system-version=urn:animals%7C2", second),
        ("all", "system-version=urn:other%7C1", second),
        ("all", "check-system-version=urn:animals%7C1", first),
        ("all", "check-system-version=urn:animals%7C1&system-version=urn:animals%7C2", first),
        ("pinned", "system-version=urn:animals%7C1", second),
        ("pinned", "check-system-version=urn:animals%7C2", second),
        ("pinned", "force-system-version=urn:animals%7C1", first),
        ("pinned", "force-system-version=urn:animals%7C1&check-system-version=urn:animals%7C2", first),
        ("above", "force-system-version=urn:animals%7C1", first),
        ("listed", "system-version=urn:animals%7C1", &["cat"]),
        // a code that is listed is none of a version that does not have it
        ("both", "system-version=urn:animals%7C1", &["cat"]),
        ("both", "force-system-version=urn:animals%7C1", &["cat"]),
        ("both", "force-system-version=urn:animals%7C2", &["cat", "dog"]),
        ("both", "exclude-system=urn:animals%7C1", &["cat", "dog"]),
        ("mixed", "exclude-system=urn:animals", genders),
        ("mixed", "exclude-system=urn:animals%7C2", genders),
        ("mixed", "exclude-system=urn:animals%7C1", &both),
        ("mixed", &format!("exclude-system=urn:animals&exclude-system={GENDERS}"), &[]),
        ("pinned", "exclude-system=urn:animals%7C2", &[]),
        ("above", "exclude-system=urn:animals", &[]),
        // one version is left out of what the expansion is made of, not of what the set had in mind
        ("pinned", "force-system-version=urn:animals%7C1&exclude-system=urn:animals%7C2", first),
        ("pinned", "force-system-version=urn:animals%7C1&exclude-system=urn:animals%7C1", &[]),
        ("pinned", "check-system-version=urn:animals%7C1&exclude-system=urn:animals%7C2", &[]),
        ("all", "system-version=urn:animals%7C9&exclude-system=urn:animals%7C9", &[]),
        // nobody needs to hold what is left out, in whatever version
        ("clinical", &format!("exclude-system={SNOMED}&force-system-version={SNOMED}%7C2024"), &["male"]),
    ] {
        let reply = clinician.get(&format!("/ValueSet/{set}/$expand?{query}")).expect(200);
        assert_eq!(codes(&reply), expected, "{set} {query}");
    }
    let reply = clinician.get("/ValueSet/listed/$expand?system-version=urn:animals%7C1").expect(200).json();
    assert_eq!(
        reply["expansion"]["parameter"],
        json!([{ "name": "system-version", "valueUri": "urn:animals|1" },
            { "name": "version", "valueUri": "urn:animals|1" }])
    );
    assert_eq!(reply["expansion"]["contains"][0]["version"], "1");
}

#[test]
fn a_version_that_cannot_be_had_is_refused_and_not_passed_over() {
    let app = TestApp::new();
    let clinician = editions(&app);
    for (set, query, status, code, at) in [
        ("pinned", "check-system-version=urn:animals%7C1", 422, "business-rule", "check-system-version"),
        ("above", "check-system-version=urn:animals%7C1", 422, "business-rule", "check-system-version"),
        ("all", "system-version=urn:animals%7C9", 422, "not-supported", ""),
        ("listed", "system-version=urn:animals%7C9", 422, "not-supported", ""),
        ("pinned", "force-system-version=urn:animals%7C9", 422, "not-supported", ""),
        ("clinical", "exclude-system=urn:animals", 422, "not-supported", ""),
        ("all", "system-version=urn:animals", 400, "invalid", "Parameters"),
        ("all", "system-version=urn:animals%7C", 400, "invalid", "Parameters"),
        ("all", "force-system-version=%7C2", 400, "invalid", "Parameters"),
        ("all", "exclude-system=%7C2", 400, "invalid", "Parameters"),
        (
            "all",
            "system-version=urn:animals%7C1&system-version=urn:animals%7C2",
            400,
            "invalid",
            "Parameters",
        ),
    ] {
        let reply = clinician.get(&format!("/ValueSet/{set}/$expand?{query}"));
        let reply = reply.expect_issue(status, code);
        assert_eq!(at.is_empty(), reply.expressions().is_empty(), "{set} {query}");
        assert!(reply.expressions().iter().all(|own| own.contains(at)), "{:?}", reply.expressions());
    }
    // what a set has brought ready made cannot be made anew
    let ready = json!({ "resourceType": "ValueSet", "status": "active", "expansion": { "timestamp": "2026-01-01",
        "contains": [{ "system": "urn:animals", "version": "2", "code": "cat" },
            { "system": "urn:other", "version": "5", "code": "x" }] } });
    let ask = |name: &str, value: &str| {
        let list =
            json!([{ "name": "valueSet", "resource": ready }, { "name": name, "valueCanonical": value }]);
        clinician.post("/ValueSet/$expand", &parameters(list))
    };
    ask("force-system-version", "urn:animals|1").expect_issue(422, "business-rule");
    ask("check-system-version", "urn:animals|1").expect_issue(422, "business-rule");
    assert_eq!(codes(&ask("force-system-version", "urn:animals|2").expect(200)), ["cat", "x"]);
    assert_eq!(codes(&ask("exclude-system", "urn:animals|2").expect(200)), ["x"]);
    let both = json!([{ "name": "valueSet", "resource": ready },
        { "name": "force-system-version", "valueCanonical": "urn:animals|1" },
        { "name": "exclude-system", "valueCanonical": "urn:animals|2" }]);
    clinician.post("/ValueSet/$expand", &parameters(both)).expect_issue(422, "business-rule");
    assert_eq!(codes(&ask("exclude-system", "urn:animals|1").expect(200)), ["cat", "x"]);
    // who may not see code systems has none of any version
    let narrow = app.with_scope("user/ValueSet.rs");
    narrow.get("/ValueSet/listed/$expand").expect(200);
    narrow.get("/ValueSet/listed/$expand?system-version=urn:animals%7C1").expect_issue(422, "not-supported");
    app.stranger().get("/ValueSet/all/$expand?exclude-system=urn:animals").expect_issue(403, "forbidden");
}

#[test]
fn many_versions_and_systems_are_looked_up_at_once() {
    let app = TestApp::new();
    let clinician = editions(&app);
    let mut given = vec![json!({ "name": "url", "valueUri": "urn:all" })];
    // Were each compared with each, nobody would wait for the answer.
    for number in 0..60_000 {
        given.push(json!({ "name": "system-version", "valueCanonical": "a|1" }));
        given.push(json!({ "name": "check-system-version", "valueCanonical": format!("urn:s{number}|1") }));
        given.push(json!({ "name": "exclude-system", "valueCanonical": format!("urn:s{number}") }));
    }
    let reply = clinician.post("/ValueSet/$expand", &parameters(Value::Array(given))).expect(200);
    assert_eq!(codes(&reply), ["mammal", "cat", "dog", "dodo"]);
}
