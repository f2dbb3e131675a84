//! Rule sets that clients store as PlanDefinitions: checked, used, and settled once they are published.

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;

const URL: &str = "https://example.org/PlanDefinition/lung";
const PATH: &str = "/PlanDefinition/lung";

fn criterion(id: &str, parameters: Value) -> Value {
    json!({ "id": id, "title": "COPD", "description": "The patient has the disease.",
        "extension": [{ "url": "https://comfrey.health/fhir/StructureDefinition/criterion", "extension": parameters }] })
}

fn disease(value_set: &str) -> Value {
    criterion(
        "copd",
        json!([{ "url": "kind", "valueCode": "condition" }, { "url": "valueSet", "valueCanonical": value_set }]),
    )
}

/// A rule set for people with chronic obstructive pulmonary disease.
fn lung(status: &str) -> Value {
    json!({ "resourceType": "PlanDefinition", "id": "lung", "url": URL, "version": "1", "title": "Lung", "status": status,
        "topic": [{ "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/rule-set-kind", "code": "screening" }] }],
        "action": [{ "id": "criteria",
            "condition": [{ "kind": "applicability", "expression": { "language": "text/cql", "expression": "`copd`" } }],
            "action": [disease("https://comfrey.health/fhir/ValueSet/vs-copd")] }] })
}

fn with(mut plan: Value, name: &str, value: Value) -> Value {
    plan[name] = value;
    plan
}

fn store_patient(clinician: &Client, icd: &str) {
    clinician.store(&json!({ "resourceType": "Patient", "id": "p", "birthDate": "1955-01-01" }));
    clinician.store(
        &json!({ "resourceType": "Condition", "id": "c", "subject": { "reference": "Patient/p" },
        "clinicalStatus": { "coding": [{ "code": "active",
            "system": "http://terminology.hl7.org/CodeSystem/condition-clinical" }] },
        "code": { "coding": [{ "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": icd }] } }),
    );
}

fn screen(clinician: &Client, rule_set: &str) -> crate::client::Reply {
    let named = rule_set.replace(':', "%3A").replace('|', "%7C");
    clinician.get(&format!("/Patient/p/$palliative-screen?ruleSet={named}"))
}

fn outcome(clinician: &Client, rule_set: &str) -> Value {
    let reply = screen(clinician, rule_set).expect(200).json();
    let parts = reply["parameter"][0]["part"].as_array().unwrap();
    parts.iter().find(|part| part["name"] == "outcome").unwrap()["valueCode"].clone()
}

#[test]
fn a_rule_set_that_is_stored_screens_patients() {
    let app = TestApp::new();
    let clinician = app.clinician();
    store_patient(&clinician, "J44.9");
    clinician.put(PATH, &lung("active")).expect(201);
    assert_eq!(outcome(&clinician, URL), "eligible");
    assert_eq!(outcome(&clinician, &format!("{URL}|1")), "eligible");
    screen(&clinician, &format!("{URL}|2")).expect_issue(404, "not-found");
    let found = clinician.get("/PlanDefinition?url=https%3A//example.org/PlanDefinition/lung").expect(200);
    assert_eq!(found.ids(), ["lung"]);
    // and whoever it admits to a programme of specialist care has the floor of its tiers
    for (id, specialist, tier) in [("plain", false, "tier-1"), ("special", true, "tier-3")] {
        clinician.store(&json!({ "resourceType": "HealthcareService", "id": id, "name": "Lung",
            "extension": [{ "url": "https://comfrey.health/fhir/StructureDefinition/palliative-program-settings",
                "extension": [{ "url": "specialist", "valueBoolean": specialist },
                    { "url": "ruleSet", "valueCanonical": URL }] }] }));
        let path = format!("/Patient/p/$palliative-stratify?program=HealthcareService/{id}");
        let told = clinician.get(&path).expect(200).json();
        let part = |name: &str| {
            told["parameter"].as_array().unwrap().iter().find(|one| one["name"] == name).cloned()
        };
        assert_eq!(part("tier").unwrap()["valueCode"], tier, "{id}");
        assert_eq!(
            part("applied").map(|one| one["valueCode"].clone()),
            specialist.then(|| "floor-specialist".into())
        );
        // nobody is missed where the same is asked of all, whatever rule set is asked about
        for sets in ["", "&ruleSet=https://comfrey.health/fhir/PlanDefinition/RS-KCC"] {
            let path = format!(
                "/$palliative-identify?program=HealthcareService/{id}&outcomes=eligible&outcomes=not-eligible{sets}"
            );
            let found = clinician.get(&path).expect(200);
            assert!(found.text().contains(&format!("\"{tier}\"")), "{id} {sets}: {}", found.text());
        }
    }
}

#[test]
fn a_rule_set_brings_value_sets_of_its_own() {
    let app = TestApp::new();
    let clinician = app.clinician();
    store_patient(&clinician, "E11.9");
    let mut plan = lung("active");
    plan["action"][0]["action"][0] = disease("#own");
    clinician.put(PATH, &plan).expect_issue(422, "invalid");
    plan["contained"] = json!([{ "resourceType": "ValueSet", "id": "own", "status": "active",
        "compose": { "include": [{ "system": "http://hl7.org/fhir/sid/icd-10-cm",
            "filter": [{ "property": "code", "op": "regex", "value": "E11.*" }] }] } }]);
    clinician.put(PATH, &plan).expect(201);
    assert_eq!(outcome(&clinician, URL), "eligible");
}

#[test]
fn a_broken_rule_set_is_refused_with_every_place() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let mut plan = lung("active");
    plan["action"][0]["action"] = json!([
        disease("https://comfrey.health/fhir/ValueSet/vs-none"),
        criterion("x", json!([{ "url": "kind", "valueCode": "horoscope" }])),
        criterion(
            "y",
            json!([{ "url": "kind", "valueCode": "flag" }, { "url": "code", "valueCode": "hospice-election" },
            { "url": "colour", "valueCode": "red" }])
        ),
    ]);
    plan["action"][0]["condition"][0]["expression"]["expression"] = json!("`copd` and `z`");
    plan["extension"] = json!([{ "url": "https://comfrey.health/fhir/StructureDefinition/applies-to", "extension": [
        { "url": "lob", "valueCode": "medicaid-mc" }, { "url": "lob", "valueCode": "medicaid" }] }]);
    plan.as_object_mut().unwrap().remove("version");
    let reply = clinician.put(PATH, &plan).expect(422);
    let extension = |at: usize, inner: usize| {
        format!("PlanDefinition.action[0].action[{at}].extension[0].extension[{inner}]")
    };
    let mut expected =
        vec!["PlanDefinition.version".to_owned(), extension(0, 1), extension(1, 0), extension(2, 2)];
    expected.push("PlanDefinition.action[0].condition[0].expression".to_owned());
    expected.push("PlanDefinition.extension[0].extension[1]".to_owned());
    assert_eq!(reply.expressions(), expected);
    // rules of which only our own are read are not taken
    let mut signals = lung("active");
    signals["topic"][0]["coding"][0]["code"] = json!("need-signals");
    let reply = clinician.put(PATH, &signals).expect_issue(422, "not-supported");
    assert_eq!(reply.expressions(), ["PlanDefinition.topic"]);
    clinician.get(PATH).expect(404);
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        { "resource": plan, "request": { "method": "PUT", "url": "PlanDefinition/lung" } }] });
    let reply = clinician.post("/", &bundle).expect(422);
    assert!(
        reply.expressions()[0].starts_with("Bundle.entry[0].resource.version"),
        "{:?}",
        reply.expressions()
    );
}

#[test]
fn days_and_ages_that_no_date_can_be_reckoned_with_are_refused() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let disease = || {
        json!([{ "url": "kind", "valueCode": "condition" },
        { "url": "valueSet", "valueCanonical": "https://comfrey.health/fhir/ValueSet/vs-copd" }])
    };
    let with = |name: &str, number: i64| {
        let mut plan = lung("active");
        let mut parameters = disease();
        parameters.as_array_mut().unwrap().push(json!({ "url": name, "valueInteger": number }));
        plan["action"][0]["action"][0] = criterion("copd", parameters);
        plan
    };
    for (name, number) in [
        ("lookbackDays", 9_999_999),
        ("lookbackDays", 100_001),
        ("ageMax", 2_147_483_647),
        ("ageMin", 151),
        ("ageMin", -1),
    ] {
        let reply = clinician.put(PATH, &with(name, number)).expect_issue(422, "invalid");
        let place = "PlanDefinition.action[0].action[0].extension[0].extension[2]";
        assert_eq!(reply.expressions(), [place], "{name} {number}");
    }
    clinician.put(PATH, &with("lookbackDays", 100_000)).expect(201);
    clinician
        .put("/PlanDefinition/oldest", &{
            let mut plan = with("ageMax", 150);
            (plan["id"], plan["version"]) = (json!("oldest"), json!("2"));
            plan
        })
        .expect(201);
    store_patient(&clinician, "J44.9");
    assert_eq!(outcome(&clinician, &format!("{URL}|1")), "eligible");
    assert_eq!(outcome(&clinician, &format!("{URL}|2")), "eligible");
}

#[test]
fn a_published_rule_set_is_settled_and_a_draft_is_not() {
    let app = TestApp::new();
    let clinician = app.clinician();
    store_patient(&clinician, "J44.9");
    clinician.put(PATH, &lung("draft")).expect(201);
    screen(&clinician, URL).expect_issue(404, "not-found");
    clinician.put(PATH, &with(lung("draft"), "title", json!("Lungs"))).expect(200);
    clinician.put(PATH, &lung("active")).expect(200);
    for changed in [
        with(lung("active"), "title", json!("Lungs")),
        with(lung("active"), "version", json!("2")),
        with(lung("active"), "topic", json!([{ "text": "none" }])),
        lung("draft"),
    ] {
        clinician.put(PATH, &changed).expect_issue(422, "business-rule");
    }
    clinician.delete(PATH).expect_issue(422, "business-rule");
    assert_eq!(clinician.get(PATH).expect(200).json()["version"], "1");
    clinician.put(PATH, &lung("retired")).expect(200);
    assert_eq!(outcome(&clinician, URL), "eligible", "a decision may still name it");
    let second = with(with(lung("active"), "id", json!("lung-2")), "version", json!("2"));
    clinician.put("/PlanDefinition/lung-2", &second).expect(201);
    let reply = screen(&clinician, URL).expect(200).json();
    assert!(reply.to_string().contains("lung|2"), "the one in use comes first");
}

#[test]
fn a_rule_set_has_a_name_of_its_own() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.put(PATH, &lung("active")).expect(201);
    let copy = with(lung("active"), "id", json!("copy"));
    let reply = clinician.put("/PlanDefinition/copy", &copy).expect_issue(409, "conflict");
    assert_eq!(reply.expressions(), ["PlanDefinition.version"]);
    let ours = json!("https://comfrey.health/fhir/PlanDefinition/RS-KELLEY-B");
    for version in ["1", "77"] {
        let taken = with(with(copy.clone(), "url", ours.clone()), "version", json!(version));
        let reply = clinician.put("/PlanDefinition/copy", &taken).expect_issue(409, "conflict");
        assert_eq!(reply.expressions(), ["PlanDefinition.url"], "{version}");
    }
    let named = with(lung("active"), "id", json!("RS-KELLEY-B"));
    clinician.put("/PlanDefinition/RS-KELLEY-B", &named).expect_issue(409, "conflict");
}

#[test]
fn one_request_stores_no_two_rule_sets_of_one_name() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let entry = |id: &str, version: &str| {
        json!({ "resource": with(with(lung("active"), "id", json!(id)), "version", json!(version)),
            "request": { "method": "PUT", "url": format!("PlanDefinition/{id}") } })
    };
    let send = |entries: Value| {
        clinician.post("", &json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries }))
    };
    let refused = send(json!([entry("one", "1"), entry("two", "1")])).expect_issue(409, "conflict");
    assert!(refused.expressions()[0].starts_with("Bundle.entry["), "{:?}", refused.expressions());
    clinician.get("/PlanDefinition/one").expect(404);
    send(json!([entry("one", "1"), entry("two", "2")])).expect(200);
    // What it said before is its own, and what it no longer says is free.
    clinician.put("/PlanDefinition/one", &entry("one", "1")["resource"]).expect(200);
    clinician
        .put("/PlanDefinition/draft", &with(with(lung("draft"), "id", json!("draft")), "version", json!("3")))
        .expect(201);
    clinician
        .put("/PlanDefinition/draft", &with(with(lung("draft"), "id", json!("draft")), "version", json!("4")))
        .expect(200);
    clinician.put("/PlanDefinition/three", &entry("three", "3")["resource"]).expect(201);
}

#[test]
fn only_one_who_may_write_plan_definitions_stores_rule_sets() {
    let app = TestApp::new();
    let plan = lung("active");
    app.anonymous().put(PATH, &plan).expect(401);
    app.with_scope("user/PlanDefinition.read user/Patient.write")
        .put(PATH, &plan)
        .expect_issue(403, "forbidden");
    app.patient("1").put(PATH, &plan).expect_issue(403, "forbidden");
    app.clinician().get(PATH).expect(404);
    app.with_scope("user/PlanDefinition.write").put(PATH, &plan).expect(201);
}

#[test]
fn the_latest_version_is_meant_whichever_was_written_last() {
    let app = TestApp::new();
    let clinician = app.clinician();
    store_patient(&clinician, "J44.9");
    let edition =
        |id: &str, version: &str| with(with(lung("active"), "id", json!(id)), "version", json!(version));
    let meant = || {
        let reply = screen(&clinician, URL).expect(200).json();
        reply["parameter"][0]["part"][0]["valueCanonical"].as_str().unwrap().to_owned()
    };
    clinician.put("/PlanDefinition/tenth", &edition("tenth", "10")).expect(201);
    assert_eq!(meant(), format!("{URL}|10"));
    clinician.put("/PlanDefinition/ninth", &edition("ninth", "9")).expect(201);
    assert_eq!(meant(), format!("{URL}|10"), "10 is later than 9");
    // its description is mended, and it is an earlier edition still
    let mended = with(edition("ninth", "9"), "description", json!("For people with COPD."));
    clinician.put("/PlanDefinition/ninth", &mended).expect(200);
    assert_eq!(meant(), format!("{URL}|10"));
    clinician
        .put("/PlanDefinition/tenth", &with(edition("tenth", "10"), "status", json!("retired")))
        .expect(200);
    assert_eq!(meant(), format!("{URL}|9"), "one in use comes first");
    for caller in [app.stranger(), app.patient("p")] {
        let stored = caller.put("/PlanDefinition/later", &edition("later", "11"));
        assert_eq!(stored.status, 403, "{}", stored.text());
    }
}
