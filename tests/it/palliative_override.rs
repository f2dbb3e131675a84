//! A tier that a clinician sets with `$palliative-stratify`, over HTTP: how long it holds, what stands beside it, and
//! who may not.

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;

const LOCAL: &str = "https://comfrey.health/fhir/CodeSystem/palliative-observation";
const CANDIDATE_TIER: &str = "https://comfrey.health/fhir/StructureDefinition/candidate-tier";
pub const DAY: i64 = 86_400_000_000;
/// 2026-03-01T12:00:00Z, the day of the test's clock.
pub const START: i64 = 1_772_366_400_000_000;

/// Somebody whose function makes tier 4, whatever else is known, and who is in much pain.
pub fn patient(client: &Client) {
    client.store(&json!({ "resourceType": "Patient", "id": "p", "birthDate": "1953-06-01" }));
    for (id, value) in [("pps", 30), ("esas-pain", 8)] {
        client.store(&json!({ "resourceType": "Observation", "id": id, "status": "final",
            "subject": { "reference": "Patient/p" }, "effectiveDateTime": "2026-02-28", "valueInteger": value,
            "code": { "coding": [{ "system": LOCAL, "code": id }] } }));
    }
}

pub fn deciding(parts: Value) -> Value {
    json!([{ "name": "record", "valueBoolean": true }, { "name": "override", "part": parts }])
}

fn tier_two() -> Value {
    json!([{ "name": "tier", "valueCode": "tier-2" }, { "name": "reason", "valueString": "The team visits daily." }])
}

pub fn stratify(client: &Client, given: Value) -> Reply {
    let body = match given.as_array().is_some_and(Vec::is_empty) {
        true => json!({ "resourceType": "Parameters" }),
        false => json!({ "resourceType": "Parameters", "parameter": given }),
    };
    client.post("/Patient/p/$palliative-stratify", &body)
}

pub fn all(reply: &Reply, name: &str) -> Vec<Value> {
    let list = reply.json()["parameter"].as_array().cloned().unwrap_or_default();
    list.into_iter().filter(|one| one["name"] == name).collect()
}

/// The tier, the computed one, and what was applied last.
fn told(reply: &Reply) -> [String; 3] {
    let code = |name: &str| {
        all(reply, name).last().map(|one| one["valueCode"].as_str().unwrap().to_owned()).unwrap_or_default()
    };
    [code("tier"), code("computedTier"), code("applied")]
}

fn tier_as_candidate(client: &Client) -> Value {
    let path = "/$palliative-identify?includeAll=true&outcomes=eligible&outcomes=indeterminate&outcomes=not-eligible\
                &outcomes=screen-positive&outcomes=excluded";
    let reply = client.get(path).expect(200);
    let entry = all(&reply, "candidates")[0]["resource"]["entry"][0].clone();
    let extensions = entry["extension"].as_array().unwrap();
    extensions.iter().find(|one| one["url"] == CANDIDATE_TIER).unwrap()["valueCoding"]["code"].clone()
}

#[test]
fn a_tier_that_a_clinician_sets_holds_until_its_day_and_the_computed_one_stays_on_record() {
    let app = TestApp::new();
    let clinician = app.clinician();
    patient(&clinician);
    assert_eq!(told(&stratify(&clinician, json!([])).expect(200)), ["tier-4", "tier-4", "override-function"]);
    assert_eq!(tier_as_candidate(&clinician), "tier-4");
    let reply = stratify(&clinician, deciding(tier_two())).expect(200);
    assert_eq!(told(&reply), ["tier-2", "tier-4", "clinician-override"]);
    assert!(all(&reply, "action").iter().any(|one| one["part"][0]["valueCode"] == "urgent-symptom-contact"));
    let kept = all(&reply, "riskAssessment").remove(0)["resource"].clone();
    let path = format!("/RiskAssessment/{}", kept["id"].as_str().unwrap());
    assert_eq!(clinician.get(&path).expect(200).json(), kept);
    assert_eq!(kept["performer"]["reference"], "Practitioner/clinician-1");
    assert_eq!(kept["prediction"][0]["qualitativeRisk"]["coding"][0]["code"], "tier-2");
    let parts = all(&reply, "override").remove(0)["part"].clone();
    let expected = json!([
        { "name": "tier", "valueCode": "tier-2" },
        // tier 2: the plan is reviewed every 90 days
        { "name": "until", "valueDate": "2026-05-30" },
        { "name": "reason", "valueString": "The team visits daily." },
        { "name": "by", "valueReference": { "reference": "Practitioner/clinician-1" } },
        { "name": "since", "valueDate": "2026-03-01" }
    ]);
    assert_eq!(parts, expected);
    assert_eq!(tier_as_candidate(&clinician), "tier-2");
    // One that is recorded in between changes nothing, and what it keeps rests on the same word.
    app.clock().set(START + 20 * DAY);
    let later = stratify(&clinician, json!([{ "name": "record", "valueBoolean": true }])).expect(200);
    assert_eq!(told(&later), ["tier-2", "tier-4", "clinician-override"]);
    assert!(all(&later, "riskAssessment")[0]["resource"].get("performer").is_none());
    app.clock().set(START + 90 * DAY);
    assert_eq!(told(&stratify(&clinician, json!([])).expect(200))[0], "tier-2", "the last day");
    assert_eq!(tier_as_candidate(&clinician), "tier-2");
    app.clock().set(START + 91 * DAY);
    // What was observed is too old by now: hysteresis holds the tier that would have held all the time.
    assert_eq!(told(&stratify(&clinician, json!([])).expect(200)), ["tier-4", "tier-1", "hysteresis"]);
    assert_eq!(tier_as_candidate(&clinician), "tier-4", "what is kept changes on its day by itself");
    let before = json!([{ "name": "asOf", "valueDate": "2026-02-28" }]);
    assert_eq!(told(&stratify(&clinician, before).expect(200))[0], "tier-4", "not before it was said");
}

#[test]
fn an_override_ends_by_another_one_or_where_it_was_a_mistake() {
    let app = TestApp::new();
    let clinician = app.clinician();
    patient(&clinician);
    let end = || deciding(json!([{ "name": "reason", "valueString": "Two falls." }]));
    stratify(&clinician, end()).expect_issue(422, "business-rule");
    let first = stratify(&clinician, deciding(tier_two())).expect(200);
    let ended = stratify(&clinician, end()).expect(200);
    assert_eq!(told(&ended), ["tier-4", "tier-4", "override-function"]);
    assert!(all(&ended, "override").is_empty());
    assert_eq!(told(&stratify(&clinician, json!([])).expect(200))[0], "tier-4");
    // what people add to the one that was ended does not bring it back
    let mut noted = all(&first, "riskAssessment").remove(0)["resource"].clone();
    noted["note"] = json!([{ "text": "The daughter agrees." }]);
    clinician.put(&format!("/RiskAssessment/{}", noted["id"].as_str().unwrap()), &noted).expect(200);
    assert_eq!(told(&stratify(&clinician, json!([])).expect(200))[0], "tier-4");
    assert_eq!(tier_as_candidate(&clinician), "tier-4");
    stratify(&clinician, end()).expect_issue(422, "business-rule");
    app.clock().set(START + DAY);
    let again = stratify(&clinician, deciding(tier_two())).expect(200);
    assert_eq!(told(&stratify(&clinician, json!([])).expect(200))[0], "tier-2");
    for reply in [first, again] {
        let mut kept = all(&reply, "riskAssessment").remove(0)["resource"].clone();
        kept["status"] = "entered-in-error".into();
        clinician.put(&format!("/RiskAssessment/{}", kept["id"].as_str().unwrap()), &kept).expect(200);
    }
    assert_eq!(told(&stratify(&clinician, json!([])).expect(200))[0], "tier-4");
    assert_eq!(tier_as_candidate(&clinician), "tier-4");
}

#[test]
fn an_override_that_cannot_be_is_refused_and_nothing_is_kept() {
    let app = TestApp::new();
    let clinician = app.clinician();
    patient(&clinician);
    let reason = json!({ "name": "reason", "valueString": "Because." });
    let tier = json!({ "name": "tier", "valueCode": "tier-2" });
    let until = |day: &str| json!({ "name": "until", "valueDate": day });
    let by = |who: &str| json!({ "name": "by", "valueReference": { "reference": who } });
    for (parts, status) in [
        (json!([tier]), 400),
        (json!([tier, { "name": "reason", "valueString": "\u{a0}" }]), 400),
        (json!([{ "name": "tier", "valueCode": "tier-5" }, reason]), 400),
        (json!([until("2026-04-01"), reason]), 400),
        (json!([tier, until("2026-02-28"), reason]), 422),
        (json!([tier, until("2027-03-03"), reason]), 422),
        (json!([tier, until("2026-04"), reason]), 400),
        (json!([tier, by("Practitioner/another"), reason]), 400),
        (json!([tier, reason, { "name": "colour", "valueCode": "blue" }]), 400),
    ] {
        stratify(&clinician, deciding(parts.clone())).expect(status);
    }
    let alone = json!([{ "name": "override", "part": [tier, reason] }]);
    stratify(&clinician, alone).expect_issue(400, "invalid");
    let mut past = deciding(json!([tier, reason]));
    past.as_array_mut().unwrap().push(json!({ "name": "asOf", "valueDate": "2026-02-28" }));
    stratify(&clinician, past).expect_issue(422, "business-rule");
    let machine = app.with_scope("system/*.cruds");
    stratify(&machine, deciding(json!([tier, reason]))).expect_issue(400, "invalid");
    stratify(&machine, deciding(json!([tier, reason, by("Patient/p")]))).expect_issue(400, "invalid");
    stratify(&machine, deciding(json!([tier, reason, by("Practitioner/d")])))
        .expect_issue(422, "business-rule");
    assert_eq!(clinician.get("/RiskAssessment?subject=Patient/p").expect(200).ids().len(), 0);
    clinician.store(&json!({ "resourceType": "Practitioner", "id": "d" }));
    let told = stratify(&machine, deciding(json!([tier, reason, by("Practitioner/d")]))).expect(200);
    assert_eq!(all(&told, "riskAssessment")[0]["resource"]["performer"]["reference"], "Practitioner/d");
}

#[test]
fn only_a_clinician_who_may_write_it_sets_a_tier() {
    let app = TestApp::new();
    let clinician = app.clinician();
    patient(&clinician);
    let given = || deciding(tier_two());
    stratify(&app.anonymous(), given()).expect(401);
    stratify(&app.stranger(), given()).expect(403);
    stratify(&app.patient("q"), given()).expect(404);
    let writing = app.with_claims(json!({ "sub": "user-of-p", "scope": "launch/patient patient/*.cruds",
        "patient": "p", "fhirUser": "Patient/p" }));
    stratify(&writing, given()).expect_issue(403, "forbidden");
    let caregiver =
        app.with_claims(json!({ "sub": "c", "scope": "user/*.cruds", "fhirUser": "RelatedPerson/c" }));
    stratify(&caregiver, given()).expect_issue(403, "forbidden");
    let reading = app.with_claims(json!({ "sub": "d", "scope": "user/*.rs", "fhirUser": "Practitioner/d" }));
    stratify(&reading, given()).expect_issue(403, "forbidden");
    assert_eq!(clinician.get("/RiskAssessment?subject=Patient/p").expect(200).ids().len(), 0);
}

#[test]
fn no_client_writes_a_decision_of_its_own_onto_a_stratification() {
    let app = TestApp::new();
    let clinician = app.clinician();
    patient(&clinician);
    let reply = stratify(&clinician, deciding(tier_two())).expect(200);
    let kept = all(&reply, "riskAssessment").remove(0)["resource"].clone();
    let path = format!("/RiskAssessment/{}", kept["id"].as_str().unwrap());
    let mut longer = kept.clone();
    for extension in longer["extension"].as_array_mut().unwrap() {
        if extension["url"].as_str().unwrap().ends_with("/tier-override") {
            extension["extension"][1]["valueDate"] = "2030-01-01".into();
        }
    }
    assert_ne!(longer, kept);
    clinician.put(&path, &longer).expect_issue(422, "business-rule");
}

/// The tier by which gaps are found on a day.
fn tier_of_gaps(client: &Client, day: &str) -> Value {
    let reply = client.get(&format!("/Patient/p/$palliative-gaps?asOf={day}")).expect(200);
    all(&reply, "tier").remove(0)["valueCode"].clone()
}

/// The days of each tier in March, by the tiers of the payment months.
fn paid(client: &Client) -> Vec<(Value, Value)> {
    let asked = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "periodStart", "valueDate": "2026-03-01" }, { "name": "periodEnd", "valueDate": "2026-03-31" }] });
    let reply = client.post("/EpisodeOfCare/$palliative-payment-months", &asked).expect(200);
    let month = all(&reply, "month").remove(0);
    let parts = month["part"].as_array().unwrap().iter().filter(|one| one["name"] == "tierDays");
    let value = |of: &Value, at: usize, name: &str| of["part"][at][name].clone();
    parts.map(|one| (value(one, 0, "valueCode"), value(one, 1, "valueInteger"))).collect()
}

#[test]
fn what_is_due_and_paid_follows_a_tier_that_a_clinician_set_until_its_last_day() {
    let app = TestApp::new();
    let clinician = app.clinician();
    crate::programme::enrolled(&clinician, "p");
    patient(&clinician);
    let mut parts = tier_two();
    parts.as_array_mut().unwrap().push(json!({ "name": "until", "valueDate": "2026-03-15" }));
    let told_of = |reply: &Reply| told(reply)[0].clone();
    assert_eq!(told_of(&stratify(&clinician, deciding(parts)).expect(200)), "tier-2");
    app.clock().set(START + 40 * DAY);
    let days = |client: &Client| {
        ["2026-03-01", "2026-03-15", "2026-03-16", "2026-04-09"].map(|day| tier_of_gaps(client, day))
    };
    assert_eq!(days(&clinician), ["tier-2", "tier-2", "tier-4", "tier-4"]);
    let split = || vec![(json!("tier-2"), json!(15)), (json!("tier-4"), json!(16))];
    assert_eq!(paid(&clinician), split());
    // What is recorded afterwards leaves the days before it as they are.
    let kept = stratify(&clinician, json!([{ "name": "record", "valueBoolean": true }])).expect(200);
    assert_eq!(told_of(&kept), "tier-4");
    assert_eq!(days(&clinician), ["tier-2", "tier-2", "tier-4", "tier-4"]);
    assert_eq!(paid(&clinician), split());
}

#[test]
fn an_override_that_was_a_mistake_leaves_the_open_episode_in_the_same_write() {
    let app = TestApp::new();
    let clinician = app.clinician();
    patient(&clinician);
    let episode = crate::programme::refer(&clinician, "p");
    let tier = || {
        let stored = clinician.get(&format!("/EpisodeOfCare/{episode}")).expect(200).json();
        let version = stored["meta"]["versionId"].as_str().unwrap().to_owned();
        let extensions = stored["extension"].as_array().unwrap().clone();
        let newest = extensions.into_iter().rfind(|one| one["url"].as_str().unwrap().ends_with("/risk-tier"));
        (newest.map(|one| one["extension"][0]["valueCode"].as_str().unwrap().to_owned()), version)
    };
    let assessment = |reply: &Reply| all(reply, "riskAssessment").remove(0)["resource"].clone();
    stratify(&clinician, json!([{ "name": "record", "valueBoolean": true }])).expect(200);
    assert_eq!(tier().0.as_deref(), Some("tier-4"));
    app.clock().set(START + DAY);
    let kept = assessment(&stratify(&clinician, deciding(tier_two())).expect(200));
    assert_eq!(tier().0.as_deref(), Some("tier-2"));
    app.clock().set(START + 2 * DAY);
    // what people add to it changes nothing
    let path = format!("/RiskAssessment/{}", kept["id"].as_str().unwrap());
    let mut noted = kept.clone();
    noted["note"] = json!([{ "text": "The daughter agrees." }]);
    let before = tier();
    clinician.put(&path, &noted).expect(200);
    assert_eq!(tier(), before);
    // one who may not write it takes nothing back
    let mut mistake = noted.clone();
    mistake["status"] = "entered-in-error".into();
    app.partner().put(&path, &mistake).expect(403);
    let other = json!({ "sub": "q", "scope": "patient/*.cruds", "patient": "q", "fhirUser": "Patient/q" });
    let refused = app.with_claims(other).put(&path, &mistake);
    assert!(matches!(refused.status, 403 | 404), "{}", refused.text());
    assert_eq!(tier(), before);
    let reply = clinician.put(&path, &mistake).expect(200).json();
    assert_eq!(reply["resourceType"], "RiskAssessment", "the answer is what was asked for");
    assert_eq!(tier().0.as_deref(), Some("tier-4"));
    let stored = clinician.get(&format!("/EpisodeOfCare/{episode}")).expect(200).text();
    assert!(stored.contains("tier-2"), "the day on which it held keeps it");
    // where it was no mistake, the tier holds again
    clinician.put(&path, &noted).expect(200);
    assert_eq!(tier().0.as_deref(), Some("tier-2"));
    clinician.put(&path, &mistake).expect(200);
}

#[test]
fn an_override_that_was_all_that_spoke_for_a_tier_leaves_none() {
    let app = TestApp::new();
    let clinician = app.clinician();
    patient(&clinician);
    let episode = crate::programme::refer(&clinician, "p");
    let stored = || clinician.get(&format!("/EpisodeOfCare/{episode}")).expect(200);
    let mut kept =
        all(&stratify(&clinician, deciding(tier_two())).expect(200), "riskAssessment").remove(0)["resource"]
            .clone();
    assert!(stored().text().contains("tier-2"));
    kept["status"] = "entered-in-error".into();
    clinician.put(&format!("/RiskAssessment/{}", kept["id"].as_str().unwrap()), &kept).expect(200);
    assert!(!stored().text().contains("/risk-tier"), "{}", stored().text());
    assert_eq!(stored().json()["meta"]["versionId"], "3");
}
