//! `$palliative-stratify` over HTTP. The rules themselves are tested where they stand.

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;
use crate::programme::referral;

const LOCAL: &str = "https://comfrey.health/fhir/CodeSystem/palliative-observation";
const LOINC: &str = "http://loinc.org";
const TIER_EXTENSION: &str = "https://comfrey.health/fhir/StructureDefinition/risk-tier";
const READ: &str = "system/Patient.rs system/Condition.rs system/Observation.rs system/Flag.rs system/Coverage.rs \
                    system/Encounter.rs system/MedicationRequest.rs system/MedicationStatement.rs";

fn observation(id: &str, coding: (&str, &str), value: Value) -> Value {
    let mut observation = json!({ "resourceType": "Observation", "id": id, "status": "final",
        "subject": { "reference": "Patient/p" }, "effectiveDateTime": "2026-02-20",
        "performer": [{ "reference": "Practitioner/doctor" }],
        "code": { "coding": [{ "system": coding.0, "code": coding.1 }] } });
    observation.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
    observation
}

fn condition(id: &str, icd: &str) -> Value {
    json!({ "resourceType": "Condition", "id": id, "subject": { "reference": "Patient/p" },
        "clinicalStatus": { "coding": [{ "code": "active",
            "system": "http://terminology.hl7.org/CodeSystem/condition-clinical" }] },
        "code": { "coding": [{ "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": icd }] } })
}

fn admission(id: &str, day: &str) -> Value {
    json!({ "resourceType": "Encounter", "id": id, "status": "finished",
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP" },
        "subject": { "reference": "Patient/p" },
        "period": { "start": format!("{day}T10:00:00-08:00"), "end": format!("{day}T20:00:00-08:00") } })
}

/// V-RISK-2 on the day of the test's clock.
fn second() -> Vec<Value> {
    let percent = json!({ "value": 25.0, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%" });
    let nyha = json!({ "valueCodeableConcept": { "coding": [{ "system": LOINC, "code": "LA28406-9" }] } });
    vec![
        json!({ "resourceType": "Practitioner", "id": "doctor" }),
        json!({ "resourceType": "Patient", "id": "p", "birthDate": "1953-06-01" }),
        condition("hf", "I50.22"),
        condition("copd", "J44.9"),
        observation("ef", (LOINC, "10230-1"), json!({ "valueQuantity": percent })),
        observation("nyha", (LOINC, "88020-3"), nyha),
        observation("kps", (LOINC, "89243-0"), json!({ "valueInteger": 50 })),
        admission("stay-1", "2026-01-20"),
        admission("stay-2", "2025-10-02"),
        observation("sq", (LOCAL, "surprise-question-12m"), json!({ "valueBoolean": true })),
    ]
}

/// What V-RISK-1 adds.
fn more() -> Vec<Value> {
    let food = json!({ "valueCodeableConcept": { "coding": [{ "system": LOINC, "code": "LA28397-0" }] } });
    let mut zarit = observation("zbi", (LOCAL, "zbi-12"), json!({ "valueInteger": 15 }));
    zarit["focus"] = json!([{ "reference": "RelatedPerson/spouse" }]);
    vec![
        observation("dyspnea", (LOCAL, "esas-dyspnea"), json!({ "valueInteger": 7 })),
        observation("pain", (LOCAL, "esas-pain"), json!({ "valueInteger": 3 })),
        observation("phq", (LOINC, "44261-6"), json!({ "valueInteger": 11 })),
        json!({ "resourceType": "RelatedPerson", "id": "spouse", "patient": { "reference": "Patient/p" } }),
        zarit,
        observation("food", (LOINC, "88122-7"), food),
    ]
}

fn store(client: &Client, facts: &[Value]) {
    facts.iter().for_each(|fact| {
        client.store(fact);
    });
}

fn stratify(client: &Client, given: Value) -> Reply {
    let body = match given.as_array().is_some_and(Vec::is_empty) {
        true => json!({ "resourceType": "Parameters" }),
        false => json!({ "resourceType": "Parameters", "parameter": given }),
    };
    client.post("/Patient/p/$palliative-stratify", &body)
}

fn record() -> Value {
    json!([{ "name": "record", "valueBoolean": true }])
}

fn all(reply: &Reply, name: &str) -> Vec<Value> {
    let body = reply.json();
    let list = body["parameter"].as_array().cloned().unwrap_or_default();
    list.into_iter().filter(|one| one["name"] == name).collect()
}

fn one(reply: &Reply, name: &str) -> Value {
    let mut found = all(reply, name);
    assert_eq!(found.len(), 1, "{name} in {}", reply.json());
    found.remove(0)
}

/// Tier, status, and the score's ends.
fn summary(reply: &Reply) -> (String, String, i64, i64) {
    let code = |name| one(reply, name)["valueCode"].as_str().unwrap().to_owned();
    let number = |name| one(reply, name)["valueInteger"].as_i64().unwrap();
    (code("tier"), code("status"), number("scoreMin"), number("scoreMax"))
}

fn expected(tier: &str, status: &str, min: i64, max: i64) -> (String, String, i64, i64) {
    (tier.to_owned(), status.to_owned(), min, max)
}

fn part(parameter: &Value, name: &str) -> Option<Value> {
    parameter["part"].as_array()?.iter().find(|part| part["name"] == name).cloned()
}

#[test]
fn v_risk_2_is_preliminary_and_says_what_to_collect() {
    let app = TestApp::new();
    let clinician = app.clinician();
    store(&clinician, &second());
    let reply = stratify(&clinician, json!([])).expect(200);
    assert_eq!(summary(&reply), expected("tier-3", "preliminary", 9, 15));
    assert!(all(&reply, "score").is_empty());
    let letters: Vec<Value> =
        all(&reply, "collect").iter().map(|one| one["valueCoding"]["code"].clone()).collect();
    assert_eq!(letters, ["D", "E"]);
    let components = all(&reply, "component");
    assert_eq!(components.len(), 6);
    assert_eq!(part(&components[0], "value").unwrap()["valueInteger"], 3);
    assert!(
        part(&components[0], "reason").unwrap()["valueString"]
            .as_str()
            .unwrap()
            .contains("heart failure limb")
    );
    assert!(part(&components[3], "value").is_none());
    assert_eq!(part(&components[3], "reason").unwrap()["valueString"], "no symptom score in 30 days");
    assert_eq!(part(&one(&reply, "intensity"), "contactsPer30d").unwrap()["valueDecimal"].to_string(), "2.0");
    let assessment = &one(&reply, "riskAssessment")["resource"];
    assert_eq!((&assessment["status"], &assessment["id"]), (&json!("preliminary"), &Value::Null));
    let by_get = clinician.get("/Patient/p/$palliative-stratify?asOf=2026-03-01").expect(200);
    assert_eq!(by_get.text(), reply.text(), "the same facts give the same bytes");
    assert_eq!(clinician.get("/RiskAssessment?subject=Patient/p").expect(200).ids().len(), 0);
}

#[test]
fn v_risk_1_with_the_rest_submitted_is_final() {
    let app = TestApp::new();
    let clinician = app.clinician();
    store(&clinician, &second());
    let entries: Vec<Value> = more().into_iter().map(|one| json!({ "resource": one })).collect();
    let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": entries });
    let given = json!([{ "name": "resource", "resource": bundle }]);
    let reply = stratify(&clinician, given).expect(200);
    assert_eq!(summary(&reply), expected("tier-4", "final", 14, 14));
    assert_eq!(one(&reply, "score")["valueInteger"], 14);
    assert!(all(&reply, "applied").is_empty() && all(&reply, "collect").is_empty());
    let action = one(&reply, "action");
    assert_eq!(part(&action, "code").unwrap()["valueCode"], "urgent-symptom-contact");
    assert_eq!(part(&action, "hours").unwrap()["valueInteger"], 24);
    clinician.get("/Observation/dyspnea").expect(404);
    let other = json!({ "resourceType": "Bundle", "type": "collection",
        "entry": [{ "resource": { "resourceType": "Patient", "id": "q" } }] });
    stratify(&clinician, json!([{ "name": "resource", "resource": other }])).expect(422);
}

/// A referral, so that there is an open episode; its id.
fn referred(clinician: &Client) -> String {
    let given = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "program", "valueReference": { "reference": "HealthcareService/default" } },
        { "name": "requester", "valueReference": { "reference": "Practitioner/doctor" } },
        { "name": "source", "valueCode": "clinician" },
        { "name": "receivedDate", "valueDate": "2026-02-25" }] });
    let reply = clinician.post("/Patient/p/$palliative-refer", &given).expect(201);
    one(&reply, "episode")["resource"]["id"].as_str().unwrap().to_owned()
}

fn tier_on(clinician: &Client, episode: &str) -> Option<Value> {
    let stored = clinician.get(&format!("/EpisodeOfCare/{episode}")).expect(200).json();
    stored["extension"].as_array()?.iter().find(|one| one["url"] == TIER_EXTENSION).cloned()
}

#[test]
fn a_recorded_stratification_is_kept_in_all_its_places_and_each_task_is_asked_for_once() {
    let app = TestApp::new();
    let clinician = app.clinician();
    store(&clinician, &[second(), more()].concat());
    let episode = referred(&clinician);
    assert_eq!(tier_on(&clinician, &episode), None);
    let reply = stratify(&clinician, record()).expect(200);
    let assessment = one(&reply, "riskAssessment")["resource"].clone();
    let stored =
        clinician.get(&format!("/RiskAssessment/{}", assessment["id"].as_str().unwrap())).expect(200);
    assert_eq!(stored.json(), assessment);
    assert_eq!(assessment["prediction"][0]["qualitativeRisk"]["coding"][0]["code"], "tier-4");
    assert!(!stored.text().contains("surprise") && !stored.text().contains("Observation/sq"), "t36");
    let code = |code: &str| format!("/Observation?patient=Patient/p&code={LOCAL}%7C{code}");
    let score = clinician.get(&code("program-risk-score")).expect(200).resources().remove(0);
    assert_eq!((&score["valueInteger"], score["component"].as_array().unwrap().len()), (&json!(14), 6));
    let derived = score["derivedFrom"].to_string();
    assert!(derived.contains("Observation/ef") && !derived.contains("Condition"));
    let tier = clinician.get(&code("program-risk-tier")).expect(200).resources().remove(0);
    assert_eq!(tier["valueCodeableConcept"]["coding"][0]["code"], "tier-4");
    let on = tier_on(&clinician, &episode).unwrap();
    assert_eq!(
        (&on["extension"][0]["valueCode"], &on["extension"][1]["valueDate"]),
        (&json!("tier-4"), &json!("2026-03-01"))
    );
    let urgent = || {
        let tasks = clinician.get("/Task?patient=Patient/p").expect(200).resources();
        let of = |task: &&Value| task["code"]["coding"][0]["code"] == "urgent-symptom-contact";
        tasks.iter().filter(of).cloned().collect::<Vec<_>>()
    };
    assert_eq!(urgent().len(), 1);
    assert_eq!(urgent()[0]["restriction"]["period"]["end"], "2026-03-02T12:00:00.000Z");
    assert_eq!(urgent()[0]["reasonReference"]["reference"], "Observation/dyspnea");
    let all_tasks = clinician.get("/Task?patient=Patient/p").expect(200).resources();
    let enrolment =
        all_tasks.iter().find(|task| task["code"]["coding"][0]["code"] == "palliative-enrollment");
    let enrolment = format!("Task/{}", enrolment.unwrap()["id"].as_str().unwrap());
    assert_eq!(
        urgent()[0]["partOf"][0]["reference"],
        enrolment.as_str(),
        "it is a part of the enrolment's work"
    );
    stratify(&clinician, record()).expect(200);
    assert_eq!(urgent().len(), 1, "the same fact asks once");
    assert_eq!(clinician.get("/RiskAssessment?subject=Patient/p").expect(200).ids().len(), 2);
}

#[test]
fn a_version_of_the_episode_that_is_no_longer_current_is_refused_also_where_the_patient_is_named() {
    let app = TestApp::new();
    let clinician = app.clinician();
    store(&clinician, &[second(), more()].concat());
    let send = |path: &str, body: &Value, version: &str| {
        clinician.request("POST", path).header("If-Match", version).json(body).send()
    };
    let tier = |version: &str| {
        send("/Patient/p/$palliative-stratify", &crate::programme::parameters(record()), version)
    };
    let again = |version: &str| send("/Patient/p/$palliative-refer", &referral(), version);
    let refused = |reply: Reply| {
        assert_eq!(reply.expect_issue(412, "conflict").details(), ["version-mismatch"]);
    };
    // Nothing is open yet.
    refused(tier("W/\"1\""));
    refused(again("W/\"1\""));
    let episode = referred(&clinician);
    let path = format!("/EpisodeOfCare/{episode}");
    let version =
        || clinician.get(&path).expect(200).json()["meta"]["versionId"].as_str().unwrap().to_owned();
    refused(tier("W/\"7\""));
    refused(again("W/\"7\""));
    assert_eq!((version().as_str(), tier_on(&clinician, &episode)), ("1", None));
    tier("W/\"1\"").expect(200);
    assert_eq!(version(), "2");
    refused(tier("W/\"1\""));
    // Any version will do, whatever that of the Patient is; of several none is told to be the current one.
    again("*").expect(200);
    tier("*").expect(200);
    tier("W/\"1\", W/\"2\"").expect_issue(400, "invalid");
    again(&format!("W/\"{}\"", version())).expect(200);
    // What is only told changes nothing.
    send("/Patient/p/$palliative-stratify", &json!({ "resourceType": "Parameters" }), "W/\"7\"").expect(200);
}

#[test]
fn a_tier_that_was_recorded_is_kept_until_two_lower_ones_thirty_days_apart() {
    let app = TestApp::new();
    let clinician = app.clinician();
    store(&clinician, &[second(), more()].concat());
    stratify(&clinician, record()).expect(200);
    let day = |days: i64| app.clock().set(1_772_366_400_000_000 + days * 86_400_000_000);
    let applied =
        |reply: &Reply| all(reply, "applied").iter().map(|one| one["valueCode"].clone()).collect::<Vec<_>>();
    day(40);
    let reply = stratify(&clinician, record()).expect(200);
    assert_eq!(summary(&reply).0, "tier-4", "symptoms are past their window, the tier is kept");
    assert_eq!(one(&reply, "computedTier")["valueCode"], "tier-3");
    assert_eq!(applied(&reply), ["hysteresis"]);
    day(69);
    assert_eq!(summary(&stratify(&clinician, json!([])).expect(200)).0, "tier-4");
    day(70);
    let reply = stratify(&clinician, json!([])).expect(200);
    assert_eq!((summary(&reply).0.as_str(), applied(&reply)), ("tier-3", vec![]));
}

#[test]
fn a_new_tier_stands_on_the_episode_beside_the_one_of_earlier_days() {
    let app = TestApp::new();
    let clinician = app.clinician();
    store(&clinician, &second());
    let episode = referred(&clinician);
    stratify(&clinician, record()).expect(200);
    store(&clinician, &more());
    app.clock().set(1_772_366_400_000_000 + 2 * 86_400_000_000);
    stratify(&clinician, record()).expect(200);
    let stored = clinician.get(&format!("/EpisodeOfCare/{episode}")).expect(200).json();
    let extensions = stored["extension"].as_array().unwrap();
    let tiers: Vec<(&Value, &Value)> = extensions
        .iter()
        .filter(|one| one["url"] == TIER_EXTENSION)
        .map(|one| (&one["extension"][0]["valueCode"], &one["extension"][1]["valueDate"]))
        .collect();
    let (first, then) = (json!("2026-03-01"), json!("2026-03-03"));
    assert_eq!(tiers, [(&json!("tier-3"), &first), (&json!("tier-4"), &then)]);
    let tier = |day: &str| {
        let status = clinician.get(&format!("/Patient/p/$palliative-status?asOf={day}")).expect(200);
        part(&one(&status, "program"), "tier").unwrap()
    };
    assert_eq!(tier("2026-03-02")["valueCode"], "tier-3");
    assert_eq!(tier("2026-03-03")["valueCode"], "tier-4");
}

#[test]
fn what_was_only_submitted_is_not_kept() {
    let app = TestApp::new();
    let clinician = app.clinician();
    store(&clinician, &second());
    let entries: Vec<Value> = more().into_iter().map(|one| json!({ "resource": one })).collect();
    let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": entries });
    let given =
        json!([{ "name": "record", "valueBoolean": true }, { "name": "resource", "resource": bundle }]);
    let refused = stratify(&clinician, given).expect_issue(400, "invalid");
    assert_eq!(refused.expressions(), ["Parameters.parameter[1]"]);
    assert_eq!(clinician.get("/RiskAssessment?subject=Patient/p").expect(200).ids().len(), 0);
}

#[test]
fn no_client_writes_what_only_a_stratification_makes_but_may_take_it_back() {
    let app = TestApp::new();
    let clinician = app.clinician();
    store(&clinician, &second());
    let reply = stratify(&clinician, record()).expect(200);
    let mut kept = one(&reply, "riskAssessment")["resource"].clone();
    let path = format!("/RiskAssessment/{}", kept["id"].as_str().unwrap());
    let mut copy = kept.clone();
    copy.as_object_mut().unwrap().remove("id");
    clinician.post("/RiskAssessment", &copy).expect_issue(422, "business-rule");
    kept["prediction"][0]["qualitativeRisk"]["coding"][0]["code"] = "tier-4".into();
    clinician.put(&path, &kept).expect_issue(422, "business-rule");
    let mut kept = one(&reply, "riskAssessment")["resource"].clone();
    kept["status"] = "entered-in-error".into();
    clinician.put(&path, &kept).expect(200);
    let own = json!({ "resourceType": "RiskAssessment", "status": "final", "subject": { "reference": "Patient/p" } });
    clinician.post("/RiskAssessment", &own).expect(201);
}

#[test]
fn what_cannot_be_stratified_is_refused() {
    let app = TestApp::new();
    let clinician = app.clinician();
    store(&clinician, &second());
    let code = |reply: &Reply| reply.json()["issue"][0]["details"]["coding"][0]["code"].clone();
    let future = json!([{ "name": "asOf", "valueDate": "2026-03-02" }]);
    assert_eq!(code(&stratify(&clinician, future).expect_issue(422, "business-rule")), "date-range");
    let program = json!([{ "name": "program", "valueReference": { "reference": "HealthcareService/none" } }]);
    assert_eq!(code(&stratify(&clinician, program).expect_issue(404, "not-found")), "program-not-found");
    let unknown = clinician.post("/Patient/q/$palliative-stratify", &json!({ "resourceType": "Parameters" }));
    unknown.expect_issue(404, "not-found");
    clinician.get("/Patient/p/$palliative-stratify?colour=blue").expect(400);
    clinician.get("/Patient/$palliative-stratify").expect(404);
    let refused = clinician.get("/Patient/p/$palliative-stratify?record=true").expect(405);
    assert_eq!(refused.header("allow"), Some("POST, OPTIONS"));
    clinician.store(&json!({ "resourceType": "Patient", "id": "p", "birthDate": "1953-06-01",
        "deceasedDateTime": "2026-02-27" }));
    assert_eq!(code(&stratify(&clinician, json!([])).expect_issue(422, "business-rule")), "deceased");
    let before = json!([{ "name": "asOf", "valueDate": "2026-02-26" }]);
    stratify(&clinician, before).expect(200);
}

#[test]
fn only_those_who_may_read_all_of_it_stratify_and_only_those_who_may_write_it_record() {
    let app = TestApp::new();
    store(&app.clinician(), &second());
    let path = "/Patient/p/$palliative-stratify";
    app.anonymous().get(path).expect(401);
    app.stranger().get(path).expect(403);
    app.with_scope(READ).get(path).expect_issue(403, "forbidden");
    let reading = format!("{READ} system/RiskAssessment.rs system/EpisodeOfCare.rs");
    let reader = app.with_scope(&reading);
    assert_eq!(summary(&reader.get(path).expect(200)), expected("tier-3", "preliminary", 9, 15));
    stratify(&reader, record()).expect_issue(403, "forbidden");
    stratify(&app.with_scope(&format!("{reading} system/RiskAssessment.c")), record())
        .expect_issue(403, "forbidden");
    app.patient("q").get(path).expect(404);
    stratify(&app.patient("q"), record()).expect(404);
    let none = app.clinician().get("/RiskAssessment?subject=Patient/p").expect(200);
    assert_eq!(none.ids().len(), 0, "nothing was half-written");
}

#[test]
fn t36_a_patient_does_not_read_what_a_clinician_thinks_of_the_time_that_is_left() {
    let app = TestApp::new();
    store(&app.clinician(), &second());
    let patient = app.patient("p").get("/Patient/p/$palliative-stratify").expect(200);
    assert!(!patient.text().contains("surprise"));
    // the score turns on it, and so does the tier: what the patient says beside it would tell which it is
    let names: Vec<Value> =
        patient.json()["parameter"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert!(names.iter().all(|name| name != "tier" && name != "scoreMin"), "{names:?}");
    let team = app.clinician().get("/Patient/p/$palliative-stratify").expect(200);
    assert!(team.text().contains("would not be surprised"));
}

#[test]
fn what_the_rule_sets_of_the_floors_read_must_be_readable() {
    let app = TestApp::new();
    let clinician = app.clinician();
    store(&clinician, &second());
    clinician.store(&json!({ "resourceType": "HealthcareService", "id": "special", "name": "Special",
        "providedBy": { "reference": "Organization/default" },
        "extension": [{ "url": "https://comfrey.health/fhir/StructureDefinition/palliative-program-settings",
            "extension": [{ "url": "specialist", "valueBoolean": true },
                { "url": "ruleSet", "valueCanonical": "https://comfrey.health/fhir/PlanDefinition/RS-NY-3GI-OPEN" }] }] }));
    let given =
        json!([{ "name": "program", "valueReference": { "reference": "HealthcareService/special" } }]);
    let with = |more: &str| app.with_scope(&format!("{READ} system/RiskAssessment.rs {more}"));
    stratify(&with(""), given.clone()).expect_issue(403, "forbidden");
    stratify(&with(""), json!([])).expect(200);
    stratify(&with("system/Consent.rs system/DocumentReference.rs"), given).expect(200);
}

#[test]
fn a_second_severe_symptom_beside_one_that_goes_on_asks_for_a_contact_of_its_own() {
    let app = TestApp::new();
    let clinician = app.clinician();
    store(&clinician, &second());
    clinician.store(&observation("pain", (LOCAL, "esas-pain"), json!({ "valueInteger": 8 })));
    let urgent = || {
        let tasks = clinician.get("/Task?patient=Patient/p").expect(200).resources();
        let of = |task: &&Value| task["code"]["coding"][0]["code"] == "urgent-symptom-contact";
        let mut why: Vec<String> = tasks
            .iter()
            .filter(of)
            .map(|task| task["reasonReference"]["reference"].as_str().unwrap().to_owned())
            .collect();
        why.sort();
        why
    };
    stratify(&clinician, record()).expect(200);
    assert_eq!(urgent(), ["Observation/pain"]);
    // no client's task has the identifier by which one is found again
    let value = |id: &str| format!("p/urgent-symptom-contact/Observation/{id}");
    let system = clinician.get("/Task?patient=Patient/p").expect(200).resources();
    let system = system.iter().find_map(|task| {
        let own = task["identifier"][0]["value"] == value("pain").as_str();
        own.then(|| task["identifier"][0]["system"].clone())
    });
    clinician.store(&json!({ "resourceType": "Patient", "id": "q" }));
    let theirs = json!({ "resourceType": "Task", "id": "theirs", "status": "completed", "intent": "order",
        "identifier": [{ "system": system.unwrap(), "value": value("dyspnea") }],
        "for": { "reference": "Patient/q" } });
    clinician.put("/Task/theirs", &theirs).expect_issue(422, "business-rule");
    clinician.store(&observation("dyspnea", (LOCAL, "esas-dyspnea"), json!({ "valueInteger": 9 })));
    stratify(&clinician, record()).expect(200);
    assert_eq!(urgent(), ["Observation/dyspnea", "Observation/pain"]);
    clinician.store(&observation("nausea", (LOCAL, "esas-nausea"), json!({ "valueInteger": 7 })));
    stratify(&clinician, record()).expect(200);
    assert_eq!(urgent().len(), 3, "one that is due later asks too");
    stratify(&clinician, record()).expect(200);
    assert_eq!(urgent().len(), 3);
}
