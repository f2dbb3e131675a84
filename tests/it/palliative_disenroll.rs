//! `$palliative-disenroll` over HTTP. The rules themselves are tested where they stand.

use serde_json::Value;
use serde_json::json;

use crate::app::START;
use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;
use crate::programme::REASON;
use crate::programme::coverage;
use crate::programme::enrolled;
use crate::programme::is_refused_to_others;
use crate::programme::parameters;
use crate::programme::part;
use crate::programme::parts;
use crate::programme::person;
use crate::programme::refer;
use crate::programme::state;

const DAY: i64 = 86_400_000_000;

fn ending(day: &str, reason: &str) -> Value {
    parameters(json!([
        { "name": "endDate", "valueDate": day },
        { "name": "reason", "valueCoding": { "system": REASON, "code": reason } },
        { "name": "initiatedBy", "valueCode": "patient" },
        { "name": "destination", "valueReference": { "reference": "Organization/next" } },
    ]))
}

fn end(client: &Client, id: &str, body: &Value) -> Reply {
    client.post(&format!("/EpisodeOfCare/{id}/$palliative-disenroll"), body)
}

#[test]
fn an_ending_closes_the_episode_its_flag_and_its_tasks() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = enrolled(&clinician, "p");
    let reply = end(&clinician, &id, &ending("2026-03-01", "moved-out-of-area")).expect(200);
    let episode = part(&reply, "episode");
    assert_eq!(state(&episode), "discharged");
    assert_eq!((&episode["status"], &episode["period"]["end"]), (&json!("finished"), &json!("2026-03-01")));
    let flags = clinician.get("/Flag?patient=Patient/p").expect(200).resources();
    assert!(flags.iter().all(|flag| flag["status"] == "inactive"), "{flags:?}");
    assert!(parts(&reply, "related").iter().any(|one| one["resourceType"] == "Flag"));
    assert_eq!(parts(&reply, "allowedActions"), ["void", "undo"]);
    let again = end(&clinician, &id, &ending("2026-03-01", "moved-out-of-area")).expect(200);
    assert_eq!(part(&again, "episode")["meta"]["versionId"], episode["meta"]["versionId"]);
    let other = end(&clinician, &id, &ending("2026-03-01", "coverage-lost")).expect_issue(409, "conflict");
    assert_eq!(other.details(), ["invalid-transition"]);
}

#[test]
fn what_cannot_end_or_is_missing_is_refused_and_nothing_is_written() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let id = refer(&clinician, "p");
    let early = end(&clinician, &id, &ending("2026-03-01", "moved-out-of-area")).expect(409);
    assert_eq!(early.details(), ["invalid-transition"]);
    let missing = end(&clinician, &id, &json!({ "resourceType": "Parameters" })).expect(400);
    assert_eq!(missing.details(), ["missing-parameter"; 3]);
    let wrong = end(&clinician, &id, &ending("2026-03-01", "hold-travel")).expect(400);
    assert_eq!(wrong.details(), ["bad-parameter"]);
    let path = format!("/EpisodeOfCare/{id}");
    assert_eq!(clinician.get(&path).expect(200).json()["meta"]["versionId"], "1");
    let id = enrolled(&clinician, "q");
    let mut dry = ending("2026-03-01", "moved-out-of-area");
    dry["parameter"].as_array_mut().unwrap().push(json!({ "name": "dryRun", "valueBoolean": true }));
    assert_eq!(state(&part(&end(&clinician, &id, &dry).expect(200), "episode")), "discharged");
    let late = end(&clinician, &id, &ending("2026-12-31", "moved-out-of-area")).expect(422);
    assert_eq!(late.details(), ["date-range"]);
    let stored = clinician.get(&format!("/EpisodeOfCare/{id}")).expect(200).json();
    assert_eq!(state(&stored), "enrolled");
}

#[test]
fn nobody_ends_an_enrolment_without_the_right_to() {
    let app = TestApp::new();
    let id = enrolled(&app.clinician(), "p");
    let path = format!("/EpisodeOfCare/{id}/$palliative-disenroll");
    is_refused_to_others(&app, &path, &ending("2026-03-01", "moved-out-of-area"));
    let graduation = ending("2026-03-01", "graduated-improved");
    // Whether the aims are reached is for the team to say.
    let own = json!({ "sub": "p", "scope": "patient/*.cruds", "patient": "p" });
    assert_eq!(app.with_claims(own).post(&path, &graduation).expect(403).details(), ["scope"]);
}

/// A value among the parts of a parameter.
fn field(parameter: &Value, name: &str) -> Value {
    let found = parameter["part"].as_array().unwrap().iter().find(|one| one["name"] == name);
    let value =
        found.and_then(|one| one.as_object().unwrap().iter().find(|(key, _)| key.starts_with("value")));
    value.map(|(_, value)| value.clone()).unwrap_or_default()
}

/// The month, the eligible days, the units and the lack of each unpaid month.
fn unpaid(reply: &Reply) -> Vec<(String, i64, f64, Value)> {
    let of = |one: &Value| {
        let month = field(one, "month").as_str().unwrap().to_owned();
        let days = field(one, "eligibleDays").as_i64().unwrap();
        assert_eq!(field(one, "lob"), "medicaid-mc");
        (month, days, field(one, "unit").as_f64().unwrap(), field(one, "unmet"))
    };
    parts(reply, "unpaidMonth").iter().map(of).collect()
}

#[test]
fn the_months_that_no_kept_run_has_as_payable_are_told_to_those_who_may_ask_for_a_run() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = enrolled(&clinician, "p");
    let visit = |id: &str, day: &str| {
        json!({ "resourceType": "Encounter", "id": id, "status": "finished",
            "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH" },
            "subject": { "reference": "Patient/p" }, "period": { "start": day, "end": day },
            "participant": [{ "individual": { "reference": "Practitioner/nurse" } }] })
    };
    clinician.store(&visit("march", "2026-03-10"));
    clinician.store(&visit("may", "2026-05-02"));
    app.clock().set(START + 70 * DAY);
    let mut body = ending("2026-05-03", "moved-out-of-area");
    body["parameter"].as_array_mut().unwrap().push(json!({ "name": "dryRun", "valueBoolean": true }));
    let reply = end(&clinician, &id, &body).expect(200);
    let april = ("2026-04".to_owned(), 30, 0.0, json!("no-contact"));
    let may = ("2026-05".to_owned(), 3, 1.0, Value::Null);
    assert_eq!(
        unpaid(&reply),
        [("2026-03".to_owned(), 31, 1.0, Value::Null), april.clone(), may.clone()],
        "as the episode will be: it ends on 3 May"
    );
    let asked = parameters(json!([{ "name": "periodStart", "valueDate": "2026-03-01" },
        { "name": "periodEnd", "valueDate": "2026-04-30" }]));
    clinician.post("/EpisodeOfCare/$palliative-payment-months", &asked).expect(200);
    // one who may not ask for a run is told nothing of payment
    let own = json!({ "sub": "p", "scope": "patient/*.cruds", "patient": "p", "fhirUser": "Patient/p" });
    let held = end(&app.with_claims(own), &id, &body).expect(200);
    assert!(parts(&held, "unpaidMonth").is_empty() && parts(&held, "unpaidMonthCount").is_empty());
    body["parameter"].as_array_mut().unwrap().pop();
    let reply = end(&clinician, &id, &body).expect(200);
    assert_eq!(unpaid(&reply), [april.clone(), may.clone()]);
    assert_eq!(part(&reply, "unpaidMonthCount"), 2);
    let again = end(&clinician, &id, &body).expect(200);
    assert_eq!(unpaid(&again), [april, may], "told again, nothing has changed");
}

/// The coverage of a person by a plan of their own, in force from a day to a day.
fn by(plan: &str, id: &str, period: Value) -> Value {
    let mut own = coverage("p");
    own["id"] = json!(id);
    own["payor"] = json!([{ "reference": format!("Organization/{plan}") }]);
    own["period"] = period;
    own
}

#[test]
fn a_kept_run_of_one_payer_hides_nothing_that_another_has_yet_to_pay() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let path = "/HealthcareService/default";
    let mut programme = clinician.get(path).expect(200).json();
    let settings = programme["extension"][0]["extension"].as_array_mut().unwrap();
    settings.push(json!({ "url": "monthRule", "valueCode": "prorated" }));
    settings.push(json!({ "url": "requiresService", "valueBoolean": false }));
    clinician.put(path, &programme).expect(200);
    for plan in ["north", "south"] {
        clinician.store(&json!({ "resourceType": "Organization", "id": plan, "name": plan }));
    }
    let id = enrolled(&clinician, "p");
    let south = by("south", "p-coverage", json!({ "start": "2025-01-01", "end": "2026-03-10" }));
    clinician.store(&south);
    clinician.store(&by("north", "later", json!({ "start": "2026-03-11" })));
    app.clock().set(START + 70 * DAY);
    let mut asked = json!([{ "name": "periodStart", "valueDate": "2026-03-01" },
        { "name": "periodEnd", "valueDate": "2026-03-31" },
        { "name": "payer", "valueReference": { "reference": "Organization/south" } }]);
    let run = |asked: &Value| {
        clinician.post("/EpisodeOfCare/$palliative-payment-months", &parameters(asked.clone()))
    };
    let first = run(&asked).expect(200);
    assert_eq!(parts(&first, "month").len(), 1);
    let mut body = ending("2026-03-31", "moved-out-of-area");
    body["parameter"].as_array_mut().unwrap().push(json!({ "name": "dryRun", "valueBoolean": true }));
    let left = |days: &[i64]| {
        let reply = end(&clinician, &id, &body).expect(200);
        assert_eq!(unpaid(&reply).iter().map(|line| line.1).collect::<Vec<_>>(), days);
    };
    left(&[21]);
    // what another payer is told of is no difference for this one
    asked[2]["valueReference"]["reference"] = json!("Organization/north");
    assert_eq!(parts(&run(&asked).expect(200), "month").len(), 1);
    left(&[]);
    asked[2]["valueReference"]["reference"] = json!("Organization/south");
    asked
        .as_array_mut()
        .unwrap()
        .push(json!({ "name": "previousRun", "valueString": part(&first, "runId") }));
    assert_eq!(parts(&run(&asked).expect(200), "delta").len(), 0);
    // a day that turns out to be the other's: each is told by how much, and of the one line more nothing was paid
    clinician.store(&by("south", "p-coverage", json!({ "start": "2025-01-01", "end": "2026-03-09" })));
    clinician.store(&by("east", "between", json!({ "start": "2026-03-10", "end": "2026-03-10" })));
    let changed = run(&asked).expect(200);
    assert_eq!(parts(&changed, "delta").len(), 1, "{}", changed.text());
    left(&[1]);
}

#[test]
fn a_notice_that_cannot_have_been_given_is_refused_with_its_place() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = enrolled(&clinician, "p");
    let told = |day: &str| {
        let mut body = ending("2026-03-01", "no-longer-medically-necessary");
        body["parameter"].as_array_mut().unwrap().push(json!({ "name": "noticeDate", "valueDate": day }));
        body
    };
    for day in ["2026-02-28", "2026-03-02"] {
        let refused = end(&clinician, &id, &told(day)).expect_issue(422, "business-rule");
        assert_eq!(refused.details(), ["date-range"]);
        assert_eq!(refused.expressions(), ["Parameters.parameter.where(name='noticeDate')"]);
    }
    let episode = part(&end(&clinician, &id, &told("2026-03-01")).expect(200), "episode");
    let extensions = episode["extension"].as_array().unwrap();
    let notice = extensions.iter().find(|one| one["url"].as_str().unwrap().ends_with("/notice-date"));
    assert_eq!(notice.unwrap()["valueDate"], "2026-03-01");
}

#[test]
fn a_graduation_that_neither_a_clinician_nor_the_rule_set_speaks_for_is_refused_at_its_reason() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = enrolled(&clinician, "p");
    let path = "/HealthcareService/default";
    let mut programme = clinician.get(path).expect(200).json();
    programme["extension"][0]["extension"].as_array_mut().unwrap().push(json!({ "url": "exitRuleSet",
        "valueCanonical": "https://comfrey.health/fhir/PlanDefinition/RS-CA-ADULT|APL18-020-r1" }));
    clinician.put(path, &programme).expect(200);
    let device = app.with_claims(json!({ "sub": "rules", "scope": "system/*.cruds" }));
    let graduation = ending("2026-03-01", "graduated-improved");
    let refused = end(&device, &id, &graduation).expect_issue(422, "business-rule");
    assert_eq!(refused.details(), ["attestation-missing"]);
    assert_eq!(refused.expressions(), ["Parameters.parameter.where(name='reason')"]);
    assert!(refused.text().contains("RS-CA-ADULT|APL18-020-r1"), "{}", refused.text());
    assert_eq!(state(&part(&end(&clinician, &id, &graduation).expect(200), "episode")), "graduated");
}

#[test]
fn a_backend_graduates_with_the_word_of_a_clinician_who_is_on_file() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let backend = app.with_claims(json!({ "sub": "ehr", "scope": "system/*.cruds" }));
    clinician.store(&json!({ "resourceType": "Practitioner", "id": "doctor", "active": true }));
    let attested = |by: &str| {
        let mut body = ending("2026-03-01", "graduated-improved");
        let named = json!({ "name": "attestedBy", "valueReference": { "reference": by } });
        body["parameter"].as_array_mut().unwrap().push(named);
        body
    };
    let id = enrolled(&clinician, "p");
    let unsaid =
        end(&backend, &id, &ending("2026-03-01", "graduated-improved")).expect_issue(422, "business-rule");
    assert_eq!(unsaid.details(), ["attestation-missing"]);
    let refused = end(&backend, &id, &attested("Practitioner/nobody")).expect_issue(422, "business-rule");
    assert_eq!(refused.expressions(), ["Parameters.parameter.where(name='attestedBy')"]);
    // who may not read of clinicians learns of none, and a patient graduates nobody
    let scopes = ["Patient", "EpisodeOfCare", "Task", "Flag", "CareTeam", "CarePlan", "Provenance"];
    let scopes: Vec<String> = scopes.iter().map(|ty| format!("system/{ty}.cruds")).collect();
    end(&app.with_scope(&scopes.join(" ")), &id, &attested("Practitioner/doctor")).expect(422);
    let own = json!({ "sub": "p", "scope": "patient/*.cruds", "patient": "p", "fhirUser": "Patient/p" });
    end(&app.with_claims(own), &id, &attested("Practitioner/doctor")).expect(403);
    let reply = end(&backend, &id, &attested("Practitioner/doctor")).expect(200);
    assert_eq!(state(&part(&reply, "episode")), "graduated");
    let found = clinician.get(&format!("/Provenance?target=EpisodeOfCare/{id}&agent=Practitioner/doctor"));
    assert_eq!(found.expect(200).resources()[0]["agent"][1]["type"]["coding"][0]["code"], "attester");
    // and so by the transition itself
    let other = enrolled(&clinician, "q");
    let graduate = parameters(json!([{ "name": "action", "valueCode": "graduate" },
        { "name": "effectiveDate", "valueDate": "2026-03-01" }, { "name": "initiatedBy", "valueCode": "provider" },
        { "name": "reason", "valueCoding": { "system": REASON, "code": "graduated-improved" } },
        { "name": "attestedBy", "valueReference": { "reference": "Practitioner/doctor" } }]));
    let path = format!("/EpisodeOfCare/{other}/$palliative-transition");
    let reply = backend.post(&path, &graduate).expect(200);
    assert_eq!(state(&part(&reply, "episode")), "graduated");
}
