//! `$palliative-payment-months` over HTTP. The rules themselves are tested where they stand.

use serde_json::Value;
use serde_json::json;

use crate::app::START;
use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;
use crate::programme::PROGRAM;
use crate::programme::REASON;
use crate::programme::act;
use crate::programme::coverage;
use crate::programme::enrolled;
use crate::programme::parameters;
use crate::programme::part;
use crate::programme::parts;
use crate::programme::referral;

const PATH: &str = "/EpisodeOfCare/$palliative-payment-months";
const DAY: i64 = 86_400_000_000;

/// A run of March and April 2026 with further parameters.
fn asked(more: Value) -> Value {
    let mut list = json!([{ "name": "periodStart", "valueDate": "2026-03-01" },
        { "name": "periodEnd", "valueDate": "2026-04-30" }]);
    list.as_array_mut().unwrap().extend(more.as_array().unwrap().clone());
    parameters(list)
}

fn run(client: &Client, more: Value) -> Reply {
    client.post(PATH, &asked(more)).expect(200)
}

fn since(previous: &Reply) -> Value {
    json!([{ "name": "previousRun", "valueString": part(previous, "runId") }])
}

/// A value among the parts of a parameter.
fn field(parameter: &Value, name: &str) -> Value {
    let all = parameter["part"].as_array().expect("it has parts");
    let found = all.iter().find(|one| one["name"] == name);
    let value =
        found.and_then(|one| one.as_object().unwrap().iter().find(|(key, _)| key.starts_with("value")));
    value.map(|(_, value)| value.clone()).unwrap_or_default()
}

/// The month, the eligible days and the units of each line.
fn months(reply: &Reply) -> Vec<(String, i64, f64)> {
    let short = |line: &Value| {
        let month = field(line, "month").as_str().unwrap().to_owned();
        (month, field(line, "eligibleDays").as_i64().unwrap(), field(line, "unit").as_f64().unwrap())
    };
    parts(reply, "month").iter().map(short).collect()
}

/// A home visit by the nurse of the team.
fn visit(id: &str, patient: &str, day: &str) -> Value {
    json!({ "resourceType": "Encounter", "id": id, "status": "finished",
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH" },
        "subject": { "reference": format!("Patient/{patient}") }, "period": { "start": day, "end": day },
        "participant": [{ "individual": { "reference": "Practitioner/nurse" } }] })
}

/// A person who has been enrolled since 2026-03-01, seventy days later, with a visit in March.
fn later(id: &str) -> (TestApp, Client) {
    let app = TestApp::new();
    let clinician = app.clinician();
    enrolled(&clinician, id);
    clinician.store(&visit(&format!("{id}-march"), id, "2026-03-10"));
    app.clock().set(START + 70 * DAY);
    (app, clinician)
}

#[test]
fn a_run_counts_months_and_says_what_it_was_made_from() {
    let (_app, clinician) = later("p");
    let reply = run(&clinician, json!([]));
    assert_eq!(months(&reply), [("2026-03".to_owned(), 31, 1.0), ("2026-04".to_owned(), 30, 0.0)]);
    let lines = parts(&reply, "month");
    assert_eq!(field(&lines[1], "unmet"), "no-contact");
    assert_eq!(field(&lines[0], "tier"), "tier-3");
    assert_eq!(field(&lines[0], "lob"), "medicaid-mc");
    assert_eq!(field(&lines[0], "patient")["reference"], "Patient/p");
    let from = part(&reply, "madeFrom");
    assert_eq!(field(&from, "periodEnd"), "2026-04-30");
    let policy = from["part"].as_array().unwrap().iter().find(|one| one["name"] == "policy").unwrap().clone();
    assert_eq!(
        (field(&policy, "program")["reference"].as_str(), field(&policy, "monthRule").as_str()),
        (Some(PROGRAM), Some("any-day"))
    );
    assert_eq!(field(&part(&reply, "totals"), "units").as_f64(), Some(1.0));

    let prorated = run(
        &clinician,
        json!([{ "name": "monthRule", "valueCode": "prorated" },
        { "name": "program", "valueReference": { "reference": PROGRAM } },
        { "name": "patient", "valueReference": { "reference": "Patient/p" } }]),
    );
    assert_eq!(field(&parts(&prorated, "month")[0], "rule"), "prorated");
}

#[test]
fn t_21_the_same_question_about_the_same_facts_is_the_same_run_and_what_changes_is_a_delta() {
    let (_app, clinician) = later("p");
    let first = run(&clinician, json!([]));
    let same = run(&clinician, since(&first));
    assert_eq!(part(&same, "runId"), part(&first, "runId"));
    assert_eq!(parts(&same, "delta").len(), 0);

    // The visit of April is recorded late, and the coverage turns out to have ended in March.
    clinician.store(&visit("april", "p", "2026-04-02"));
    let second = run(&clinician, since(&first));
    assert_ne!(part(&second, "runId"), part(&first, "runId"));
    let delta = parts(&second, "delta");
    assert_eq!(delta.len(), 1);
    assert_eq!(
        (field(&delta[0], "reason").as_str(), field(&delta[0], "retroactive").as_bool()),
        (Some("adjust"), Some(true))
    );
    assert_eq!(field(&delta[0], "unitChange").as_f64(), Some(1.0));
    let mut ended = coverage("p");
    ended["period"]["end"] = "2026-03-20".into();
    clinician.store(&ended);
    let third = run(&clinician, since(&second));
    let reasons: Vec<Value> = parts(&third, "delta").iter().map(|one| field(one, "reason")).collect();
    assert_eq!(reasons, ["adjust", "void"]);
    assert_eq!(months(&third), [("2026-03".to_owned(), 20, 1.0), ("2026-04".to_owned(), 0, 0.0)]);
    assert_eq!(field(&part(&third, "totals"), "unitChange").as_f64(), Some(-1.0));
    // What was kept stays as it was: the difference to the first run is still told.
    assert_eq!(parts(&run(&clinician, since(&first)), "delta").len(), 2);
}

#[test]
fn only_one_who_may_read_everybody_may_run_it() {
    let (app, _clinician) = later("p");
    let body = asked(json!([]));
    app.anonymous().post(PATH, &body).expect(401);
    app.stranger().post(PATH, &body).expect(403);
    app.with_scope("system/EpisodeOfCare.rs system/Patient.rs").post(PATH, &body).expect(403);
    for patient in ["p", "other"] {
        app.patient(patient).post(PATH, &body).expect(403);
        let claims = json!({ "sub": "x", "scope": "patient/*.cruds", "patient": patient, "fhirUser": format!("Patient/{patient}") });
        app.with_claims(claims).post(PATH, &body).expect(403);
    }
    let held = json!({ "sub": "x", "scope": "patient/Coverage.rs user/CareTeam.rs user/Encounter.rs user/EpisodeOfCare.rs user/Flag.rs user/Patient.rs user/RiskAssessment.rs", "patient": "p" });
    app.with_claims(held).post(PATH, &body).expect(403);
    // To keep a run takes more than reading.
    app.partner().post(PATH, &body).expect_issue(403, "forbidden");
    app.with_scope("system/*.rs patient/EpisodeOfCare.u").post(PATH, &body).expect(403);
    app.with_scope("system/*.rs system/EpisodeOfCare.u").post(PATH, &body).expect(200);
    app.clinician().get(&format!("{PATH}?periodStart=2026-03-01&periodEnd=2026-04-30")).expect(405);
}

#[test]
fn what_cannot_be_run_is_refused_with_what_to_do() {
    let (_app, clinician) = later("p");
    let period = |start: &str, end: &str| {
        let list =
            json!([{ "name": "periodStart", "valueDate": start }, { "name": "periodEnd", "valueDate": end }]);
        clinician.post(PATH, &parameters(list))
    };
    for (start, end) in [
        ("2026-03-02", "2026-03-31"),
        ("2026-03-01", "2026-03-30"),
        ("2026-04-01", "2026-03-31"),
        ("2026-05-01", "2026-06-30"),
        ("2020-01-01", "2026-03-31"),
    ] {
        let reply = period(start, end).expect_issue(422, "business-rule");
        assert_eq!(reply.details(), ["date-range"], "{start} {end}");
        assert!(reply.expressions()[0].starts_with("Parameters.parameter["), "{:?}", reply.expressions());
    }
    period("2026-03", "2026-03-31").expect(400);
    clinician.post(PATH, &json!({ "resourceType": "Parameters" })).expect_issue(400, "required");
    let refused = |more: Value, status: u16| clinician.post(PATH, &asked(json!([more]))).expect(status);
    refused(json!({ "name": "previousRun", "valueString": "run-2026-04-0" }), 409);
    refused(json!({ "name": "monthRule", "valueCode": "weekly" }), 400);
    refused(json!({ "name": "tierRule", "valueCode": "any" }), 400);
    refused(json!({ "name": "colour", "valueCode": "green" }), 400);
    let unknown = refused(
        json!({ "name": "program", "valueReference": { "reference": "HealthcareService/none" } }),
        404,
    );
    assert_eq!(unknown.details(), ["program-not-found"]);
    let unknown =
        refused(json!({ "name": "patient", "valueReference": { "reference": "Patient/none" } }), 404);
    assert_eq!(unknown.details(), ["patient-not-found"]);
    let about_all = part(&run(&clinician, json!([])), "runId");
    let other = json!([{ "name": "previousRun", "valueString": about_all },
        { "name": "patient", "valueReference": { "reference": "Patient/p" } }]);
    clinician.post(PATH, &asked(other)).expect_issue(422, "business-rule");
}

#[test]
fn a_run_about_too_many_is_refused_before_anything_is_read() {
    let (_app, clinician) = later("p");
    let patient =
        |id: i32| json!({ "name": "patient", "valueReference": { "reference": format!("Patient/{id}") } });
    let many = asked((0..5001).map(patient).collect());
    clinician.post(PATH, &many).expect_issue(422, "too-costly");
    let few = asked((0..5000).map(patient).collect());
    clinician.post(PATH, &few).expect(404);
}

#[test]
fn a_programme_that_is_gone_is_named_and_takes_nothing_from_the_others() {
    let (_app, clinician) = later("p");
    let mut service = clinician.get(&format!("/{PROGRAM}")).expect(200).json();
    service["id"] = "gone".into();
    clinician.store(&service);
    let mut other = referral();
    other["parameter"][0]["valueReference"]["reference"] = "HealthcareService/gone".into();
    clinician.post("/Patient/p/$palliative-refer", &other).expect(201);
    let without = |reply: &Reply| field(&part(reply, "madeFrom"), "withoutRules")["reference"].clone();
    assert_eq!(without(&run(&clinician, json!([]))), Value::Null);
    clinician.delete("/HealthcareService/gone").expect(204);
    let reply = run(&clinician, json!([]));
    assert_eq!(without(&reply), "HealthcareService/gone");
    assert_eq!(months(&reply)[0], ("2026-03".to_owned(), 31, 1.0));
}

#[test]
fn an_episode_with_a_paid_month_cannot_be_voided() {
    let (app, clinician) = later("p");
    let found = run(&clinician, json!([{ "name": "includeIntake", "valueBoolean": false }]));
    let episode = field(&parts(&found, "month")[0], "episode")["reference"].as_str().unwrap().to_owned();
    let id = episode.strip_prefix("EpisodeOfCare/").unwrap();
    let reason = json!([{ "name": "reason", "valueCoding": { "system": REASON, "code": "duplicate" } }]);
    let director = json!({ "sub": "d", "scope": "user/*.cruds", "roles": ["program-director"] });
    let reply = act(&app.with_claims(director), id, "void", reason).expect(409);
    assert_eq!(reply.details(), ["paid-month-exists"]);
    clinician.get(&format!("/{episode}")).expect(200);
}

#[test]
fn t_18_a_repeated_request_gets_the_first_answer_whatever_changed() {
    let (_app, clinician) = later("p");
    let send = || {
        clinician
            .request("POST", PATH)
            .header("idempotency-key", "k1")
            .json(&asked(json!([])))
            .send()
            .expect(200)
    };
    let first = send();
    clinician.store(&visit("april", "p", "2026-04-02"));
    let again = send();
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.json(), first.json());
    let other = asked(json!([{ "name": "includeIntake", "valueBoolean": false }]));
    clinician.request("POST", PATH).header("idempotency-key", "k1").json(&other).send().expect(422);
}

#[test]
fn a_key_gives_everybodys_months_to_nobody_whose_scopes_were_cut() {
    let (app, _clinician) = later("p");
    let send = |scope: &str| {
        let mut claims = json!({ "sub": "x", "client_id": "app", "scope": scope });
        if scope.contains("patient/") {
            claims["patient"] = json!("p");
        }
        let request = app.with_claims(claims).request("POST", PATH).header("idempotency-key", "k2");
        request.json(&asked(json!([]))).send()
    };
    let first = send("user/*.rs user/EpisodeOfCare.u").expect(200);
    for cut in ["patient/*.rs", "user/EpisodeOfCare.r", "user/EpisodeOfCare.r patient/*.rs"] {
        send(cut).expect_issue(403, "forbidden");
    }
    // A new token of the same scopes, in whatever order they stand, is the same caller.
    let again = send("user/EpisodeOfCare.u user/*.rs").expect(200);
    assert_eq!((again.header("idempotency-replayed"), again.json()), (Some("true"), first.json()));
}

#[test]
fn a_run_for_a_payer_who_is_not_here_and_whom_nobody_names_is_refused() {
    let (_app, clinician) = later("p");
    let payer = |name: &str| json!([{ "name": "payer", "valueReference": { "reference": name } }]);
    let refused = clinician.post(PATH, &asked(payer("Organization/slip"))).expect_issue(422, "business-rule");
    assert_eq!(refused.details(), ["bad-parameter"]);
    assert_eq!(refused.json()["issue"][0]["expression"][0], "Parameters.parameter[2]");
    // A plan that is no resource here, and that a Coverage names, pays.
    let mut named = coverage("p");
    named["payor"] = json!([{ "reference": "Organization/elsewhere" }]);
    clinician.store(&named);
    assert_eq!(months(&run(&clinician, payer("Organization/elsewhere")))[0], ("2026-03".to_owned(), 31, 1.0));
    clinician.store(&json!({ "resourceType": "Organization", "id": "slip", "name": "A plan" }));
    assert_eq!(months(&run(&clinician, payer("Organization/slip"))), [], "a plan with nobody to pay for");
}

#[test]
fn t_17_linked_records_are_one_person() {
    let (_app, clinician) = later("p");
    // The coverage stands on the older record of the same person.
    clinician.delete("/Coverage/p-coverage").expect(204);
    clinician.store(&json!({ "resourceType": "Patient", "id": "old" }));
    let mut other = coverage("old");
    other["subscriber"] = json!({ "reference": "Patient/p" });
    clinician.store(&other);
    assert_eq!(months(&run(&clinician, json!([]))), [], "to insure somebody is not to be insured");
    clinician.store(&json!({ "resourceType": "Patient", "id": "p", "birthDate": "1950-05-01",
        "link": [{ "type": "replaces", "other": { "reference": "Patient/old" } }] }));
    assert_eq!(months(&run(&clinician, json!([])))[0], ("2026-03".to_owned(), 31, 1.0));
    // The link may lead over a third record, and be of any type.
    let patient = |id: &str, link: Value| {
        clinician
            .store(&json!({ "resourceType": "Patient", "id": id, "birthDate": "1950-05-01", "link": link }));
    };
    clinician.store(&json!({ "resourceType": "Patient", "id": "p", "birthDate": "1950-05-01" }));
    assert_eq!(months(&run(&clinician, json!([]))), []);
    for (one, other) in [("refer", "seealso"), ("replaced-by", "replaces")] {
        patient("between", json!([{ "type": other, "other": { "reference": "Patient/old" } }]));
        patient("p", json!([{ "type": one, "other": { "reference": "Patient/between" } }]));
        assert_eq!(months(&run(&clinician, json!([])))[0], ("2026-03".to_owned(), 31, 1.0), "{one}");
    }
    // And it may stand on the other record alone.
    clinician.store(&json!({ "resourceType": "Patient", "id": "p", "birthDate": "1950-05-01" }));
    patient("between", json!([{ "type": "replaces", "other": { "reference": "Patient/p" } }]));
    patient("old", json!([{ "type": "seealso", "other": { "reference": "Patient/between" } }]));
    assert_eq!(months(&run(&clinician, json!([])))[0], ("2026-03".to_owned(), 31, 1.0));
}

#[test]
fn an_intake_is_part_of_the_run_unless_it_is_left_out() {
    let (_app, clinician) = later("p");
    let mut intake = visit("intake", "p", "2026-02-27");
    intake["type"] = json!([{ "coding": [{ "system": "http://snomed.info/sct", "code": "305284002" }] }]);
    clinician.store(&intake);
    let of = |more: Value| {
        let mut list = json!([{ "name": "periodStart", "valueDate": "2026-02-01" },
            { "name": "periodEnd", "valueDate": "2026-03-31" }]);
        list.as_array_mut().unwrap().extend(more.as_array().unwrap().clone());
        let reply = clinician.post(PATH, &parameters(list)).expect(200);
        parts(&reply, "month").iter().map(|line| field(line, "class")).collect::<Vec<_>>()
    };
    assert_eq!(of(json!([])), ["intake", "month"]);
    assert_eq!(of(json!([{ "name": "includeIntake", "valueBoolean": false }])), ["month"]);
}

#[test]
fn the_months_can_be_had_as_a_table() {
    let (app, clinician) = later("p");
    let table = |client: &Client, body: &Value| {
        client.request("POST", PATH).header("accept", "text/csv").json(body).send()
    };
    let first = run(&clinician, json!([]));
    clinician.delete("/Coverage/p-coverage").expect(204);
    let reply = table(&clinician, &asked(since(&first))).expect(200);
    assert_eq!(reply.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    let text = reply.text();
    let rows: Vec<&str> = text.split("\r\n").collect();
    assert!(rows[0].starts_with(
        "patient,episode,program,month,class,eligibleDays,daysInMonth,rule,unit,unmet,tier,lob,"
    ));
    assert!(
        rows[0].ends_with(",provisional,reason,unitChange,amountChange,amountChangeCurrency"),
        "{}",
        rows[0]
    );
    assert!(
        rows[1].starts_with("Patient/p,EpisodeOfCare/") && rows[1].ends_with(",void,-1,,"),
        "{}",
        rows[1]
    );
    assert_eq!((rows.len(), rows[3]), (4, ""));
    let asked_for =
        clinician.request("POST", &format!("{PATH}?_format=csv")).json(&asked(json!([]))).send().expect(200);
    assert_eq!(asked_for.text().lines().count(), 1, "nobody pays any more");
    table(&clinician, &json!({ "resourceType": "Parameters" })).expect_issue(400, "required");
    table(&app.patient("p"), &asked(json!([]))).expect_issue(403, "forbidden");
    clinician
        .request("GET", "/Patient/p")
        .header("accept", "text/csv")
        .send()
        .expect_issue(406, "not-supported");
}

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn day(&mut self) -> String {
        format!("2026-0{}-{:02}", 3 + self.below(2), 1 + self.below(30))
    }
}

/// Something that becomes known afterwards.
fn change(client: &Client, random: &mut Random) {
    let id = ["a", "b", "c"][usize::try_from(random.below(3)).unwrap()];
    match random.below(5) {
        0 => {
            let mut ended = coverage(id);
            ended["period"]["end"] = random.day().into();
            drop(client.store(&ended));
        }
        1 => drop(client.store(&coverage(id))),
        2 => drop(client.store(&visit(&format!("{id}-{}", random.below(4)), id, &random.day()))),
        3 => drop(client.delete(&format!("/Encounter/{id}-{}", random.below(4)))),
        _ => {
            let mut patient = json!({ "resourceType": "Patient", "id": id, "birthDate": "1950-05-01" });
            if random.below(2) == 0 {
                patient["deceasedDateTime"] = random.day().into();
            }
            drop(client.store(&patient));
        }
    }
}

#[test]
fn the_differences_of_any_number_of_runs_add_up_to_the_last() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for id in ["a", "b", "c"] {
        enrolled(&clinician, id);
    }
    app.clock().set(START + 70 * DAY);
    let mut random = Random(2026);
    let rule = json!({ "name": "monthRule", "valueCode": "prorated" });
    let parts_of_unit = |value: Value| (value.as_f64().unwrap() * 10_000.0).round();
    let units = |reply: &Reply| parts_of_unit(field(&part(reply, "totals"), "units"));
    let mut last = run(&clinician, json!([rule]));
    let mut sum = units(&last);
    let mut changed = 0;
    for step in 0..30 {
        change(&clinician, &mut random);
        let mut more = since(&last);
        more.as_array_mut().unwrap().push(rule.clone());
        let next = run(&clinician, more);
        let deltas = parts(&next, "delta");
        changed += deltas.len();
        sum += deltas.iter().map(|one| parts_of_unit(field(one, "unitChange"))).sum::<f64>();
        let fresh = run(&clinician, json!([rule]));
        assert_eq!(sum, units(&fresh), "after step {step}");
        assert_eq!(part(&fresh, "runId"), part(&next, "runId"));
        last = next;
    }
    assert!(changed > 10, "only {changed} lines changed: the test says little");
}
