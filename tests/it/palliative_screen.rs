//! `$palliative-screen` over HTTP. The rules themselves are tested where they stand.

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;
use crate::programme::REASON;
use crate::programme::act;
use crate::programme::because;
use crate::programme::refer;

const ADULT: &str = "https://comfrey.health/fhir/PlanDefinition/RS-CA-ADULT";
const KELLEY: &str = "https://comfrey.health/fhir/PlanDefinition/RS-KELLEY-B";
const LOCAL: &str = "https://comfrey.health/fhir/CodeSystem/palliative-observation";
const GENERAL: [&str; 5] = [
    "advanced-decline",
    "surprise-question-12m",
    "max-therapy-reached",
    "agrees-alternative-to-ed",
    "agrees-acp",
];

fn patient(id: &str) -> Value {
    json!({ "resourceType": "Patient", "id": id, "birthDate": "1955-01-01" })
}

fn condition(id: &str, patient: &str, icd: &str) -> Value {
    json!({ "resourceType": "Condition", "id": id, "subject": { "reference": format!("Patient/{patient}") },
        "clinicalStatus": { "coding": [{ "code": "active",
            "system": "http://terminology.hl7.org/CodeSystem/condition-clinical" }] },
        "code": { "coding": [{ "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": icd }] } })
}

fn observation(id: &str, patient: &str, coding: (&str, &str), value: Value) -> Value {
    let mut observation = json!({ "resourceType": "Observation", "id": id, "status": "final",
        "subject": { "reference": format!("Patient/{patient}") }, "effectiveDateTime": "2026-02-01",
        "code": { "coding": [{ "system": coding.0, "code": coding.1 }] } });
    observation.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
    observation
}

fn ejection_fraction(id: &str, patient: &str, percent: f64) -> Value {
    let quantity =
        json!({ "value": percent, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%" });
    observation(id, patient, ("http://loinc.org", "10230-1"), json!({ "valueQuantity": quantity }))
}

fn attestation(patient: &str, code: &str) -> Value {
    let value = json!({ "valueBoolean": true, "performer": [{ "reference": "Practitioner/doctor" }] });
    observation(&format!("{patient}-{code}"), patient, (LOCAL, code), value)
}

fn admission(id: &str, patient: &str) -> Value {
    json!({ "resourceType": "Encounter", "id": id, "status": "finished",
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP" },
        "subject": { "reference": format!("Patient/{patient}") },
        "period": { "start": "2025-12-01T10:00:00-08:00", "end": "2025-12-05T10:00:00-08:00" } })
}

/// Test vector V-RULE-1: heart failure, NYHA III, an ejection fraction of 25 %, an admission, all attestations.
fn vector(patient_id: &str) -> Vec<Value> {
    let of = |kind: &str| format!("{patient_id}-{kind}");
    let nyha = json!({ "valueCodeableConcept": { "coding": [{ "system": "http://loinc.org", "code": "LA28406-9" }] } });
    let mut facts = vec![
        json!({ "resourceType": "Practitioner", "id": "doctor" }),
        patient(patient_id),
        condition(&of("hf"), patient_id, "I50.22"),
        observation(&of("nyha"), patient_id, ("http://loinc.org", "88020-3"), nyha),
        ejection_fraction(&of("ef"), patient_id, 25.0),
        admission(&of("stay"), patient_id),
    ];
    facts.extend(GENERAL.map(|code| attestation(patient_id, code)));
    facts
}

fn store(client: &Client, facts: &[Value]) {
    facts.iter().for_each(|fact| {
        client.store(fact);
    });
}

fn parameters(given: Value) -> Value {
    match given.as_array().is_some_and(|given| given.is_empty()) {
        true => json!({ "resourceType": "Parameters" }),
        false => json!({ "resourceType": "Parameters", "parameter": given }),
    }
}

fn all<'a>(parts: &'a Value, name: &str) -> Vec<&'a Value> {
    parts.as_array().into_iter().flatten().filter(|part| part["name"] == name).collect()
}

fn one<'a>(parts: &'a Value, name: &str) -> &'a Value {
    let found = all(parts, name);
    assert_eq!(found.len(), 1, "{name} in {parts}");
    found[0]
}

/// The parts of the result of a rule set.
fn result(reply: &Reply, rule_set: &str) -> Value {
    let body = reply.json();
    let results = all(&body["parameter"], "result");
    let of = |result: &&&Value| {
        one(&result["part"], "ruleSet")["valueCanonical"].as_str().unwrap().starts_with(rule_set)
    };
    results.iter().find(of).unwrap_or_else(|| panic!("no result of {rule_set}: {body}"))["part"].clone()
}

fn outcome(reply: &Reply, rule_set: &str) -> String {
    one(&result(reply, rule_set), "outcome")["valueCode"].as_str().unwrap().to_owned()
}

fn criterion(result: &Value, id: &str) -> Option<Value> {
    let of = |part: &&&Value| one(&part["part"], "id")["valueCode"] == id;
    all(result, "criterion").iter().find(of).map(|part| part["part"].clone())
}

/// Our own code for the first issue.
fn finer_code(reply: &Reply) -> String {
    reply.json()["issue"][0]["details"]["coding"][0]["code"].as_str().unwrap().to_owned()
}

fn next_steps(reply: &Reply) -> Vec<String> {
    let body = reply.json();
    let steps = all(&body["parameter"], "nextStep");
    steps.iter().map(|step| step["valueCoding"]["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn v_rule_1_is_eligible_with_the_evidence_of_every_criterion() {
    let app = TestApp::new();
    let clinician = app.clinician();
    store(&clinician, &vector("p"));
    let reply = clinician.get("/Patient/p/$palliative-screen").expect(200);
    assert_eq!(outcome(&reply, ADULT), "eligible");
    assert_eq!(next_steps(&reply), ["refer"]);
    let result = result(&reply, ADULT);
    assert_eq!(one(&result, "ruleSet")["valueCanonical"], format!("{ADULT}|APL18-020-r2"));
    let ef = criterion(&result, "chf-ef30").unwrap();
    assert_eq!(one(&ef, "state")["valueCode"], "met");
    assert_eq!(one(&ef, "text")["valueString"], "The ejection fraction is below 30 %.");
    assert_eq!(one(&ef, "evidence")["valueReference"]["reference"], "Observation/p-ef");
    assert_eq!(one(&ef, "value")["valueQuantity"]["unit"], "%");
    assert_eq!(one(&ef, "date")["valueDate"], "2026-02-01");
    assert_eq!(one(&ef, "window")["valuePeriod"], json!({ "start": "2024-03-01", "end": "2026-03-01" }));
    assert!(all(&ef, "missing").is_empty() && all(&result, "missing").is_empty());
    let by_post = clinician.post("/Patient/p/$palliative-screen", &parameters(json!([]))).expect(200);
    assert_eq!(by_post.json(), reply.json());
    let by_type = clinician.get("/Patient/$palliative-screen?patient=Patient/p").expect(200);
    assert_eq!(by_type.json(), reply.json());
}

#[test]
fn what_is_missing_is_told_as_the_smallest_set_with_what_would_settle_it() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let facts = vector("p").into_iter().filter(|fact| fact["id"] != "p-surprise-question-12m");
    store(&clinician, &facts.collect::<Vec<_>>());
    let reply = clinician
        .get(&format!("/Patient/p/$palliative-screen?ruleSet={}", ADULT.replace(':', "%3A")))
        .expect(200);
    let result = result(&reply, ADULT);
    assert_eq!(outcome(&reply, ADULT), "indeterminate");
    assert_eq!(one(&result, "missing")["valueCode"], "g3-death-within-year");
    let g3 = criterion(&result, "g3-death-within-year").unwrap();
    assert_eq!(
        one(&g3, "missing")["valueString"],
        "clinician attestation surprise-question-12m (valid 90 d)"
    );
    assert_eq!(next_steps(&reply), ["attest"]);
    assert_eq!(all(&reply.json()["parameter"], "result").len(), 1, "only the rule set that was named");
}

#[test]
fn needs_are_signalled_beside_the_rule_sets() {
    let app = TestApp::new();
    let clinician = app.clinician();
    store(
        &clinician,
        &[patient("p"), observation("pain", "p", (LOCAL, "esas-pain"), json!({ "valueInteger": 6 }))],
    );
    let reply = clinician.get("/Patient/p/$palliative-screen").expect(200);
    let body = reply.json();
    let signal = &one(&body["parameter"], "signals")["valueCodeableConcept"];
    assert_eq!(signal["coding"][0]["code"], "esas-pain");
    assert!(signal["text"].as_str().unwrap().starts_with("Pain is rated 4 or more"));
}

#[test]
fn submitted_facts_count_with_those_that_are_stored_and_before_them() {
    let app = TestApp::new();
    let clinician = app.clinician();
    store(&clinician, &vector("p"));
    let screen = |entries: Value| {
        let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": entries });
        let given = parameters(json!([{ "name": "ruleSet", "valueCanonical": ADULT },
                                      { "name": "resource", "resource": bundle }]));
        clinician.post("/Patient/p/$palliative-screen", &given)
    };
    let better = screen(json!([{ "resource": ejection_fraction("p-ef", "p", 45.0) }])).expect(200);
    assert_eq!(outcome(&better, ADULT), "indeterminate", "a comorbidity could still do");
    let comorbid = screen(json!([{ "resource": ejection_fraction("p-ef", "p", 45.0) },
                                 { "resource": attestation("p", "significant-comorbidity") }]));
    assert_eq!(outcome(&comorbid.expect(200), ADULT), "eligible");
    let stored = clinician.get("/Observation/p-ef").expect(200).json();
    assert_eq!(stored["valueQuantity"]["value"].to_string(), "25.0", "nothing was written");
    clinician.get("/Observation/p-significant-comorbidity").expect(404);
}

#[test]
fn a_patient_who_is_not_stored_is_screened_by_what_is_submitted() {
    let app = TestApp::new();
    let partner = app.partner();
    let mut entries = Vec::new();
    for fact in vector("elsewhere") {
        let mut fact = fact;
        if fact["resourceType"] == "Patient" {
            fact.as_object_mut().unwrap().remove("id");
            entries.push(
                json!({ "fullUrl": "urn:uuid:9dc6bb2f-55db-4006-bb87-4a656c51aaa0", "resource": fact }),
            );
        } else {
            if fact.get("subject").is_some() {
                fact["subject"]["reference"] = json!("urn:uuid:9dc6bb2f-55db-4006-bb87-4a656c51aaa0");
            }
            entries.push(json!({ "resource": fact }));
        }
    }
    let given = |more: Value| {
        let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": entries });
        let mut given = json!([{ "name": "patient", "valueReference": { "reference": "Patient/elsewhere" } },
                               { "name": "resource", "resource": bundle }]);
        given.as_array_mut().unwrap().extend(more.as_array().unwrap().clone());
        parameters(given)
    };
    let reply = partner.post("/Patient/$palliative-screen", &given(json!([]))).expect(200);
    assert_eq!(outcome(&reply, ADULT), "eligible");
    let record = given(json!([{ "name": "record", "valueBoolean": true }]));
    app.clinician().post("/Patient/$palliative-screen", &record).expect_issue(400, "invalid");
}

#[test]
fn what_is_submitted_is_examined() {
    let app = TestApp::new();
    let clinician = app.clinician();
    store(&clinician, &[patient("p"), patient("q")]);
    let screen = |bundle: Value| {
        let given = parameters(json!([{ "name": "resource", "resource": bundle }]));
        clinician.post("/Patient/p/$palliative-screen", &given)
    };
    let collection = |resource: Value| json!({ "resourceType": "Bundle", "type": "collection", "entry": [{ "resource": resource }] });
    let other = screen(collection(condition("c", "q", "I50.9"))).expect(422);
    assert_eq!(other.expressions(), ["Parameters.parameter[0].resource.entry[0].resource"]);
    screen(collection(patient("q"))).expect(422);
    screen(json!({ "resourceType": "Bundle", "type": "searchset" })).expect(422);
    let mut wrong = condition("c", "p", "I50.9");
    wrong["clinicalStatus"] = json!("active");
    screen(collection(wrong)).expect_issue(400, "structure");
}

#[test]
fn what_was_only_submitted_is_not_kept_as_proof() {
    let app = TestApp::new();
    let clinician = app.clinician();
    store(&clinician, &[patient("p")]);
    let bundle = json!({ "resourceType": "Bundle", "type": "collection",
        "entry": [{ "resource": condition("c", "p", "I50.9") }] });
    let given = parameters(json!([{ "name": "resource", "resource": bundle },
                                  { "name": "record", "valueBoolean": true }]));
    let refused = clinician.post("/Patient/p/$palliative-screen", &given).expect_issue(400, "invalid");
    assert_eq!(refused.expressions(), ["Parameters.parameter[0]"]);
    assert_eq!(clinician.get("/GuidanceResponse?subject=Patient/p").expect(200).ids().len(), 0);
}

#[test]
fn a_recorded_screening_is_kept_as_a_guidance_response_for_each_rule_set() {
    let app = TestApp::new();
    let clinician = app.clinician();
    store(&clinician, &vector("p"));
    let given = parameters(json!([{ "name": "record", "valueBoolean": true },
                                  { "name": "asOf", "valueDate": "2026-02-20" }]));
    let reply = clinician.post("/Patient/p/$palliative-screen", &given).expect(200);
    let reference = one(&result(&reply, ADULT), "guidanceResponse")["valueReference"]["reference"].clone();
    let kept = clinician.get(&format!("/{}", reference.as_str().unwrap())).expect(200).json();
    assert_eq!(kept["moduleCanonical"], format!("{ADULT}|APL18-020-r2"));
    assert_eq!(kept["status"], "success");
    assert_eq!(kept["subject"]["reference"], "Patient/p");
    assert_eq!(kept["extension"][0]["valueCode"], "eligible");
    assert_eq!(kept["extension"][1]["valueDate"], "2026-02-20");
    assert!(!kept.to_string().contains("surprise"), "t36: the patient may read what is kept");
    assert!(!kept.to_string().contains("g3-death"));
    assert_eq!(clinician.get("/GuidanceResponse?subject=Patient/p").expect(200).ids().len(), 2);
    clinician.get("/Patient/p/$palliative-screen").expect(200);
    assert_eq!(clinician.get("/GuidanceResponse?subject=Patient/p").expect(200).ids().len(), 2);
}

#[test]
fn recording_takes_post_and_the_scope_to_create() {
    let app = TestApp::new();
    store(&app.clinician(), &[patient("p")]);
    let refused = app.clinician().get("/Patient/p/$palliative-screen?record=true").expect(405);
    assert_eq!(refused.header("allow"), Some("POST, OPTIONS"));
    let given = parameters(json!([{ "name": "record", "valueBoolean": true }]));
    app.partner().post("/Patient/p/$palliative-screen", &given).expect_issue(403, "forbidden");
    assert_eq!(app.clinician().get("/GuidanceResponse?subject=Patient/p").expect(200).ids().len(), 0);
}

#[test]
fn a_day_that_has_not_come_where_the_programme_works_is_refused() {
    let app = TestApp::new();
    let clinician = app.clinician();
    store(&clinician, &vector("p"));
    let on = |day: &str| clinician.get(&format!("/Patient/p/$palliative-screen?asOf={day}"));
    // 05:00 of 2 March in UTC is still 1 March in Los Angeles.
    app.clock().set(1_772_427_600_000_000);
    let refused = on("2026-03-02").expect_issue(422, "business-rule");
    assert_eq!(finer_code(&refused), "date-range");
    assert_eq!(outcome(&on("2026-03-01").expect(200), ADULT), "eligible");
    assert_eq!(outcome(&on("2026-01-31").expect(200), ADULT), "indeterminate", "before the attestations");
    assert_eq!(finer_code(&on("2026-03").expect_issue(400, "invalid")), "bad-parameter");
    on("yesterday").expect(400);
}

#[test]
fn what_is_not_there_is_not_found() {
    let app = TestApp::new();
    let clinician = app.clinician();
    store(&clinician, &[patient("p")]);
    clinician.get("/Patient/nobody/$palliative-screen").expect_issue(404, "not-found");
    clinician.get("/Patient/$palliative-screen?patient=Patient/nobody").expect_issue(404, "not-found");
    clinician
        .get("/Patient/p/$palliative-screen?program=HealthcareService/none")
        .expect_issue(404, "not-found");
    clinician
        .get("/Patient/p/$palliative-screen?ruleSet=https%3A//example.org/x")
        .expect_issue(404, "not-found");
    clinician
        .get(&format!("/Patient/p/$palliative-screen?ruleSet={}%7C7", KELLEY.replace(':', "%3A")))
        .expect_issue(404, "not-found");
}

#[test]
fn parameters_that_do_not_fit_are_refused() {
    let app = TestApp::new();
    let clinician = app.clinician();
    store(&clinician, &[patient("p")]);
    clinician.get("/Patient/$palliative-screen").expect_issue(400, "required");
    clinician.get("/Patient/$palliative-screen?patient=Group/1").expect(400);
    clinician.get("/Patient/p/$palliative-screen?patient=Patient/p").expect(400);
    clinician.get("/Patient/p/$palliative-screen?colour=blue").expect(400);
    clinician.get("/Condition/p/$palliative-screen").expect(404);
    let twice = parameters(
        json!([{ "name": "asOf", "valueDate": "2026-01-01" }, { "name": "asOf", "valueDate": "2026-01-02" }]),
    );
    clinician.post("/Patient/p/$palliative-screen", &twice).expect(400);
}

#[test]
fn only_those_who_may_read_all_of_it_screen() {
    let app = TestApp::new();
    store(&app.clinician(), &vector("p"));
    let path = "/Patient/p/$palliative-screen";
    app.anonymous().get(path).expect(401);
    app.stranger().get(path).expect(403);
    let some =
        "system/Patient.rs system/Condition.rs system/Observation.rs system/Flag.rs system/Coverage.rs";
    app.with_scope(some).get(path).expect_issue(403, "forbidden");
    let enough =
        format!("{some} system/Encounter.rs system/MedicationRequest.rs system/MedicationStatement.rs");
    assert_eq!(outcome(&app.with_scope(&enough).get(path).expect(200), ADULT), "eligible");
    app.patient("q").get(path).expect(404);
    app.patient("q").get("/Patient/$palliative-screen?patient=Patient/p").expect(404);
}

#[test]
fn t31_what_carries_a_security_label_counts_and_is_told_to_nobody() {
    let app = TestApp::new();
    let label = |system: &str, code: &str| {
        let system = format!("http://terminology.hl7.org/CodeSystem/{system}");
        json!({ "security": [{ "system": system, "code": code }] })
    };
    let mut facts = vector("p");
    let at = |facts: &[Value], id: &str| facts.iter().position(|one| one["id"] == id).unwrap();
    let (closed, usual) = (at(&facts, "p-ef"), at(&facts, "p-hf"));
    facts[closed]["meta"] = label("v3-ActCode", "42CFRPart2");
    facts[usual]["meta"] = label("v3-Confidentiality", "N");
    let mut restricted = condition("p-none", "p", "I50.1");
    restricted["meta"] = label("v3-Confidentiality", "R");
    facts.push(restricted);
    store(&app.clinician(), &facts);
    let path = format!("/Patient/p/$palliative-screen?ruleSet={ADULT}");
    let references = |one: &Value| -> Vec<String> {
        let parts = all(one, "evidence").into_iter().map(|part| &part["valueReference"]);
        parts.map(|to| to["reference"].as_str().or(to["display"].as_str()).unwrap().to_owned()).collect()
    };
    assert_eq!(outcome(&app.clinician().get(&path).expect(200), ADULT), "eligible");
    for caller in [app.clinician(), app.patient("p")] {
        let reply = caller.get(&path).expect(200);
        let told = criterion(&result(&reply, ADULT), "chf-ef30").unwrap();
        assert_eq!(one(&told, "state")["valueCode"], "met");
        assert_eq!(references(&told), ["restricted item"]);
        assert!(all(&told, "value").is_empty() && all(&told, "date").is_empty());
        let told = criterion(&result(&reply, ADULT), "dx-chf").unwrap();
        assert_eq!(references(&told), ["Condition/p-hf", "restricted item"]);
        assert!(!reply.text().contains("p-ef") && !reply.text().contains("p-none"));
    }
    // neither is it written down, or told by a stratification
    let record = parameters(json!([{ "name": "record", "valueBoolean": true },
        { "name": "ruleSet", "valueCanonical": ADULT }]));
    app.clinician().post("/Patient/p/$palliative-screen", &record).expect(200);
    let kept = app.clinician().get("/GuidanceResponse?patient=Patient/p").expect(200);
    let stratified = app.clinician().get("/Patient/p/$palliative-stratify").expect(200);
    for text in [kept.text(), stratified.text()] {
        assert!(!text.contains("p-ef") && !text.contains("p-none"), "{text}");
        assert!(text.contains("restricted item") && text.contains("p-hf"), "{text}");
    }
}

#[test]
fn t36_a_patient_does_not_read_what_a_clinician_thinks_of_the_time_that_is_left() {
    let app = TestApp::new();
    store(&app.clinician(), &vector("p"));
    let reply = app.patient("p").get("/Patient/p/$palliative-screen").expect(200);
    let result = result(&reply, ADULT);
    assert!(criterion(&result, "g3-death-within-year").is_none());
    assert!(criterion(&result, "g4-max-therapy").is_some());
    assert!(!reply.text().contains("surprise") && !reply.text().contains("died within"));
    let clinician = app.clinician().get("/Patient/p/$palliative-screen").expect(200);
    assert!(clinician.text().contains("surprise"));
    // neither can it be told from the outcome, which is the same answer whatever was said
    assert_eq!((outcome(&clinician, ADULT).as_str(), all(&result, "outcome").len()), ("eligible", 0));
    let mut said = attestation("p", "surprise-question-12m");
    said["valueBoolean"] = json!(false);
    app.clinician().store(&said);
    let other = app.clinician().get("/Patient/p/$palliative-screen").expect(200);
    assert_eq!(outcome(&other, ADULT), "not-eligible");
    assert_eq!(app.patient("p").get("/Patient/p/$palliative-screen").expect(200).text(), reply.text());
}

#[test]
fn t36_what_a_rule_set_of_a_programmes_own_reads_is_restricted_whether_or_not_it_says_so() {
    let app = TestApp::new();
    let clinician = app.clinician();
    store(&clinician, &vector("p"));
    clinician.store(&observation("zarit", "p", (LOCAL, "zbi-12"), json!({ "valueInteger": 30 })));
    let url = "https://example.org/PlanDefinition/own";
    let value = |name: &str, value: Value| {
        let mut one = json!({ "url": name });
        one.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        one
    };
    let criterion_of = |id: &str, parameters: Value| {
        json!({ "id": id, "title": id, "description": "A sentence.", "extension": [{ "extension": parameters,
            "url": "https://comfrey.health/fhir/StructureDefinition/criterion" }] })
    };
    let code = |code: &str| value("code", json!({ "valueCoding": { "system": LOCAL, "code": code } }));
    let is = |what: &str| value("kind", json!({ "valueCode": what }));
    let yes = || value("value", json!({ "valueBoolean": true }));
    let no_secret = || value("restricted", json!({ "valueBoolean": false }));
    let criteria = json!([
        criterion_of(
            "asked",
            json!([
                is("attestation"),
                yes(),
                no_secret(),
                value("code", json!({ "valueCode": "surprise-question-12m" }))
            ])
        ),
        criterion_of("read", json!([is("observation"), yes(), code("surprise-question-12m")])),
        criterion_of(
            "beside",
            json!([
                is("age"),
                value("min", json!({ "valueInteger": 18 })),
                value("orAttestation", json!({ "valueCode": "prognosis-6m" }))
            ])
        ),
        criterion_of(
            "burden",
            json!([
                is("observation"),
                code("zbi-12"),
                value("op", json!({ "valueCode": "ge" })),
                value("value", json!({ "valueDecimal": 13 })),
                value("aboutAnother", json!({ "valueBoolean": true })),
                value("unit", json!({ "valueCode": "{score}" })),
                value("unitOptional", json!({ "valueBoolean": true }))
            ])
        ),
        criterion_of(
            "open",
            json!([is("attestation"), yes(), value("code", json!({ "valueCode": "agrees-acp" }))])
        ),
    ]);
    clinician.store(&json!({ "resourceType": "PlanDefinition", "id": "own", "url": url, "version": "1", "title": "Own",
        "status": "active", "topic": [{ "coding": [{ "code": "screening",
            "system": "https://comfrey.health/fhir/CodeSystem/rule-set-kind" }] }],
        "action": [{ "id": "criteria", "action": criteria, "condition": [{ "kind": "applicability", "expression": {
            "language": "text/cql", "expression": "`asked` or `read` or `beside` or `burden` or `open`" } }] }] }));
    let told = |client: &Client| {
        let reply = client.get(&format!("/Patient/p/$palliative-screen?ruleSet={url}")).expect(200);
        let result = result(&reply, url);
        ["asked", "read", "beside", "burden", "open"].map(|id| criterion(&result, id).is_some())
    };
    assert_eq!(told(&clinician), [true; 5]);
    assert_eq!(told(&app.patient("p")), [false, false, false, false, true]);
    app.patient("q").get("/Patient/p/$palliative-screen").expect(404);
}

#[test]
fn one_whose_death_a_programme_or_another_record_has_is_not_eligible_as_one_whose_patient_says_so() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let screen =
        |id: &str, more: &str| clinician.get(&format!("/Patient/{id}/$palliative-screen{more}")).expect(200);
    let told = |reply: &Reply| {
        let result = result(reply, ADULT);
        // What is taken for granted is told only where it does not hold.
        let alive = criterion(&result, "alive");
        let evidence = alive.iter().flat_map(|alive| all(alive, "evidence").into_iter().cloned());
        let source: Vec<Value> = evidence.map(|one| one["valueReference"]["reference"].clone()).collect();
        (outcome(reply, ADULT), alive.is_none(), json!(source))
    };
    store(&clinician, &vector("p"));
    let dead = |sources: Value| ("not-eligible".to_owned(), false, sources);
    let living = || ("eligible".to_owned(), true, json!([]));
    assert_eq!(told(&screen("p", "")), living());
    let episode = refer(&clinician, "p");
    let death = json!([{ "name": "reason", "valueCoding": { "system": REASON, "code": "deceased" } },
        { "name": "effectiveDate", "valueDate": "2026-02-20" }]);
    act(&clinician, &episode, "death", death).expect(200);
    assert_eq!(told(&screen("p", "")), dead(json!([format!("EpisodeOfCare/{episode}")])));
    assert_eq!(told(&screen("p", "?asOf=2026-02-19")), living(), "who was alive then");
    let recorded = clinician.post(
        "/Patient/p/$palliative-screen",
        &parameters(json!([{ "name": "record", "valueBoolean": true }])),
    );
    assert_eq!(told(&recorded.expect(200)), dead(json!([format!("EpisodeOfCare/{episode}")])));
    let refused = clinician.get("/Patient/p/$palliative-stratify").expect(422);
    assert_eq!(refused.details(), ["deceased"]);
    // One who may not read the episodes is told the truth, and not by whom.
    let types =
        ["Patient", "Condition", "Coverage", "Encounter", "Flag", "MedicationRequest", "MedicationStatement"];
    let further =
        ["Observation", "Procedure", "DeviceRequest", "DeviceUseStatement", "Consent", "DocumentReference"];
    let scope: Vec<String> = types.iter().chain(&further).map(|ty| format!("user/{ty}.rs")).collect();
    let narrow = app.with_scope(&format!("{} user/ServiceRequest.rs", scope.join(" ")));
    narrow.get(&format!("/EpisodeOfCare/{episode}")).expect(403);
    assert_eq!(told(&narrow.get("/Patient/p/$palliative-screen").expect(200)), dead(json!([])));
    let other = json!({ "sub": "q", "patient": "q", "scope": "patient/*.rs" });
    app.with_claims(other).get("/Patient/p/$palliative-screen").expect(404);
    // Another record of the person says the same.
    store(&clinician, &vector("q"));
    let mut linked = patient("q");
    linked["link"] = json!([{ "type": "seealso", "other": { "reference": "Patient/p" } }]);
    clinician.store(&linked);
    assert_eq!(told(&screen("q", "")), dead(json!([])));
    let director = app.with_claims(json!({ "sub": "d", "fhirUser": "Practitioner/d",
        "scope": "user/*.cruds", "roles": ["program-director"] }));
    act(&director, &episode, "undo", because("recorded-in-error")).expect(200);
    assert_eq!((told(&screen("p", "")), told(&screen("q", ""))), (living(), living()));
    let mut died = patient("p");
    died["deceasedDateTime"] = json!("2026-02-20");
    clinician.store(&died);
    assert_eq!(told(&screen("p", "")), dead(json!(["Patient/p"])));
    assert_eq!(told(&screen("q", "")), dead(json!([])));
}
