//! `$evaluate-measure` over HTTP. The rules themselves are tested where they stand.

use comfrey::jobs::Left;
use comfrey::jobs::Stop;
use comfrey::jobs::requests;
use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;
use crate::programme::act;
use crate::programme::agreed;
use crate::programme::agreement;
use crate::programme::coverage;
use crate::programme::parameters;
use crate::programme::part;
use crate::programme::referral;
use crate::programme::team;
use crate::programme::wish;

const PROGRAM: &str = "HealthcareService/phoenix";
const SETTINGS: &str = "https://comfrey.health/fhir/StructureDefinition/palliative-program-settings";
const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const YEAR: &str = "periodStart=2025-01-01&periodEnd=2025-12-31";

/// A programme in Arizona that takes people on for past days.
fn phoenix() -> Value {
    let settings = json!([{ "url": "tz", "valueString": "America/Phoenix" },
        { "url": "ruleSet", "valueCanonical": "https://comfrey.health/fhir/PlanDefinition/RS-KELLEY-B" },
        { "url": "retroLimitDays", "valueInteger": 2000 }]);
    json!({ "resourceType": "HealthcareService", "id": "phoenix", "name": "Phoenix", "active": true,
        "providedBy": { "reference": "Organization/default" },
        "telecom": [{ "system": "phone", "value": "+1-555-0100" }],
        "availableTime": [{ "daysOfWeek": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "allDay": true }],
        "extension": [{ "url": SETTINGS, "extension": settings }] })
}

fn encounter(id: &str, patient: &str, class: &str, (start, end): (&str, &str)) -> Value {
    json!({ "resourceType": "Encounter", "id": id, "status": "finished",
        "class": { "system": ACT_CODE, "code": class }, "subject": { "reference": format!("Patient/{patient}") },
        "period": { "start": start, "end": end } })
}

fn parameter<'a>(parameters: &'a mut Value, name: &str) -> &'a mut Value {
    let all = parameters["parameter"].as_array_mut().unwrap();
    all.iter_mut().find(|one| one["name"] == name).unwrap()
}

/// Enrols somebody with heart failure since a day, who was in hospital within the year.
fn enrol(client: &Client, id: &str, since: &str) {
    client.store(&json!({ "resourceType": "Condition", "id": format!("{id}-hf"),
        "subject": { "reference": format!("Patient/{id}") }, "recordedDate": "2024-01-15",
        "clinicalStatus": { "coding": [{ "code": "active", "system": "http://terminology.hl7.org/CodeSystem/condition-clinical" }] },
        "code": { "coding": [{ "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I50.22" }] } }));
    let mut consent = agreement(id);
    consent["dateTime"] = json!("2024-12-20");
    for resource in [consent, coverage(id), team(id)] {
        client.store(&resource);
    }
    let mut refer = referral();
    parameter(&mut refer, "program")["valueReference"] = json!({ "reference": PROGRAM });
    parameter(&mut refer, "receivedDate")["valueDate"] = json!("2024-12-15");
    let reply = client.post(&format!("/Patient/{id}/$palliative-refer"), &refer).expect(201);
    let episode = part(&reply, "episode")["id"].as_str().unwrap().to_owned();
    act(client, &episode, "screen", json!([])).expect(200);
    act(client, &episode, "determine", json!([])).expect(200);
    act(client, &episode, "consent", agreed(id)).expect(200);
    let mut wish = wish(id);
    parameter(&mut wish, "startDate")["valueDate"] = json!(since);
    client.post(&format!("/EpisodeOfCare/{episode}/$palliative-enroll"), &wish).expect(200);
}

/// The two people of V-DAH.
fn two_people() -> (TestApp, Client) {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&phoenix());
    for id in ["a", "b"] {
        clinician.store(&json!({ "resourceType": "Patient", "id": id, "birthDate": "1950-05-01" }));
    }
    let mut snf = encounter("a-snf", "a", "IMP", ("2025-03-15T11:00:00-07:00", "2025-03-25T10:00:00-07:00"));
    snf["type"] = json!([{ "coding": [{ "system": "http://snomed.info/sct", "code": "449411000124106" }] }]);
    let stays = [
        encounter("a-ed-1", "a", "EMER", ("2025-03-10T20:00:00-07:00", "2025-03-10T23:30:00-07:00")),
        encounter("a-imp", "a", "IMP", ("2025-03-10T23:30:00-07:00", "2025-03-15T10:00:00-07:00")),
        snf,
        encounter("a-ed-2", "a", "EMER", ("2025-06-01T17:00:00Z", "2025-06-01T23:00:00Z")),
        encounter("a-obs", "a", "OBSENC", ("2025-09-01T20:00:00-07:00", "2025-09-03T10:00:00-07:00")),
        encounter("b-imp", "b", "IMP", ("2025-05-01T10:00:00-07:00", "2025-05-09T10:00:00-07:00")),
    ];
    for stay in stays {
        clinician.store(&stay);
    }
    for month in 1..=12 {
        let (start, end) = (format!("2025-{month:02}-28T16:00:00Z"), format!("2025-{month:02}-28T17:00:00Z"));
        clinician.store(&encounter(&format!("a-hh-{month}"), "a", "HH", (&start, &end)));
    }
    enrol(&clinician, "a", "2025-01-01");
    enrol(&clinician, "b", "2025-02-01");
    clinician.store(&json!({ "resourceType": "Patient", "id": "b", "birthDate": "1950-05-01",
        "deceasedDateTime": "2025-05-20" }));
    (app, clinician)
}

fn evaluate(client: &Client, measure: &str, more: &str) -> Reply {
    client.get(&format!("/Measure/{measure}/$evaluate-measure?{YEAR}{more}"))
}

/// The counts of the populations of a group: of days at home the initial population, what is left out, the denominator
/// and the numerator.
fn counts(report: &Value, group: usize) -> Vec<i64> {
    let populations = report["group"][group]["population"].as_array().unwrap();
    populations.iter().map(|one| one["count"].as_i64().unwrap()).collect()
}

fn score(report: &Value, group: usize) -> Option<f64> {
    report["group"][group]["measureScore"]["value"].as_f64()
}

fn extension(element: &Value, name: &str) -> Value {
    let url = format!("https://comfrey.health/fhir/StructureDefinition/{name}");
    let all = element["extension"].as_array().unwrap();
    let found = all.iter().find(|one| one["url"] == url.as_str());
    let value =
        found.and_then(|one| one.as_object().unwrap().iter().find(|(key, _)| key.starts_with("value")));
    value.map(|(_, value)| value.clone()).unwrap_or_default()
}

#[test]
fn v_dah_over_http_all_figures_of_each_and_of_both() {
    let (_app, clinician) = two_people();
    let of = |more: &str| evaluate(&clinician, "days-at-home", more).expect(200).json();
    let a = of("&subject=Patient/a");
    assert_eq!((counts(&a, 0), score(&a, 0)), (vec![365, 0, 365, 347], Some(347.2)));
    assert_eq!((&a["type"], &a["subject"]["reference"]), (&json!("individual"), &json!("Patient/a")));
    let sources: Vec<&str> = a["evaluatedResource"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["reference"].as_str())
        .collect();
    assert!(sources.contains(&"Encounter/a-obs") && !sources.contains(&"Encounter/b-imp"), "{sources:?}");
    let b = of("&subject=Patient/b");
    assert_eq!(counts(&b, 0), [109, 0, 109, 101]);
    let both = of("");
    assert_eq!((counts(&both, 0), counts(&both, 2)), (vec![474, 0, 474, 448], vec![2, 2]));
    assert_eq!((score(&both, 0), score(&both, 1)), (Some(345.2), Some(94.51)));
    assert_eq!(both["group"][0]["measureScore"]["code"], "d/a");
    assert_eq!(extension(&both["group"][0], "member-months").as_f64(), Some(15.5729));
    assert_eq!(extension(&both["group"][0], "measured-people"), 2);
    assert_eq!(both["measure"], "https://comfrey.health/fhir/Measure/days-at-home|1.0.0");
    assert_eq!(
        (&both["type"], &both["improvementNotation"]["coding"][0]["code"]),
        (&json!("summary"), &json!("increase"))
    );
    assert!(both.get("evaluatedResource").is_none());
    let rate = |measure: &str, group: usize| {
        let report = evaluate(&clinician, measure, "").expect(200).json();
        (counts(&report, group)[3], score(&report, group).unwrap())
    };
    assert_eq!(rate("ed-treat-and-release", 0), (1, 64.2));
    assert_eq!(rate("acute-days", 0), (13, 834.8));
    assert_eq!(rate("unplanned-admissions", 0), (1, 64.2));
    assert_eq!((rate("crisis-events", 0).0, rate("crisis-events", 1).0), (1, 3));
    // A day of discharge that counts: one more for each stay that ended on a day which no other took up.
    assert_eq!(counts(&of("&dischargeDay=away"), 0)[3], 448 - 3);
    assert_eq!(of(&format!("&program={PROGRAM}"))["reporter"]["reference"], "Organization/default");
}

#[test]
fn the_programmes_that_are_named_say_by_which_conventions_where_the_request_does_not() {
    let (_app, clinician) = two_people();
    let setting = |client: &Client, id: &str, setting: Value| {
        let mut programme = phoenix();
        programme["id"] = json!(id);
        programme["extension"][0]["extension"].as_array_mut().unwrap().push(setting);
        client.put(&format!("/HealthcareService/{id}"), &programme).expect(if id == "phoenix" {
            200
        } else {
            201
        });
    };
    setting(&clinician, "phoenix", json!({ "url": "dischargeDay", "valueCode": "away" }));
    setting(&clinician, "other", json!({ "url": "runoutDays", "valueInteger": 10000 }));
    let home = |more: &str| counts(&evaluate(&clinician, "days-at-home", more).expect(200).json(), 0)[3];
    assert_eq!(home(""), 448, "no programme is named, so what is usual holds");
    assert_eq!(home(&format!("&program={PROGRAM}")), 448 - 3);
    assert_eq!(home(&format!("&program={PROGRAM}&dischargeDay=home")), 448, "the request decides");
    let both = format!("&program={PROGRAM}&program=HealthcareService/other");
    let refused = evaluate(&clinician, "days-at-home", &both).expect_issue(422, "business-rule");
    assert!(refused.text().contains("`dischargeDay`") && !refused.text().contains("`nfResident`"));
    assert_eq!(home(&format!("{both}&dischargeDay=away")), 448 - 3);
    let report = |more: &str| evaluate(&clinician, "days-at-home", more).expect(200).json();
    let early = |more: &str| extension(&report(more), "preliminary") == json!(true);
    assert!(early("&program=HealthcareService/other") && early(&format!("{both}&dischargeDay=away")));
    let told = report(&format!("&program={PROGRAM}&holdCounts=false")).to_string();
    assert!(
        told.contains(r#""valueCode":"holdCounts""#) && told.contains(r#""valueCode":"false""#),
        "{told}"
    );
    let get = |more: &str| evaluate(&clinician, "days-at-home", more);
    get("&holdCounts=perhaps").expect_issue(400, "invalid");
}

#[test]
fn a_group_is_its_members_and_a_list_says_who_is_in_it() {
    let (_app, clinician) = two_people();
    let member = |id: &str, period: Value| json!({ "entity": { "reference": format!("Patient/{id}") }, "period": period });
    clinician.store(&json!({ "resourceType": "Group", "id": "g", "type": "person", "actual": true,
        "member": [member("b", json!({ "start": "2025-01-01", "end": "2025-05-20" })),
            member("a", json!({ "start": "2026-01-01" }))] }));
    let report = evaluate(&clinician, "days-at-home", "&subject=Group/g").expect(200).json();
    assert_eq!(
        (counts(&report, 0), &report["subject"]["reference"]),
        (vec![109, 0, 109, 101], &json!("Group/g"))
    );
    let listed = evaluate(&clinician, "ed-treat-and-release", "&reportType=subject-list").expect(200).json();
    assert_eq!(listed["type"], "subject-list");
    let who = |at: usize| -> Vec<&str> {
        let entries = listed["contained"][at]["entry"].as_array().unwrap();
        entries.iter().map(|one| one["item"]["reference"].as_str().unwrap()).collect()
    };
    assert_eq!((who(2), who(3)), (vec!["Patient/a", "Patient/b"], vec!["Patient/a"]));
    // What is answered is a resource like any other.
    clinician.post("/MeasureReport", &listed).expect(201);
}

#[test]
fn places_and_answers_on_housing_are_read_and_linked_records_are_one_person() {
    let (app, clinician) = two_people();
    let days = |more: &str| counts(&evaluate(&clinician, "days-at-home", more).expect(200).json(), 0);
    clinician.store(&json!({ "resourceType": "Location", "id": "home", "type": [{ "coding": [{
        "system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "PTRES" }] }] }));
    let mut care =
        encounter("a-home", "a", "IMP", ("2025-11-03T10:00:00-07:00", "2025-11-06T10:00:00-07:00"));
    care["location"] = json!([{ "location": { "reference": "Location/home" } }]);
    clinician.store(&care);
    assert_eq!((days("")[3], days("&hospitalAtHome=away")[3]), (448, 445));
    clinician.store(&json!({ "resourceType": "Observation", "id": "housing", "status": "final",
        "subject": { "reference": "Patient/b" }, "effectiveDateTime": "2025-05-11",
        "code": { "coding": [{ "system": "http://loinc.org", "code": "71802-3" }] },
        "valueCodeableConcept": { "coding": [{ "system": "http://snomed.info/sct", "code": "160734000" }] } }));
    assert_eq!((days(""), days("&nfResident=home")), (vec![474, 10, 464, 438], vec![474, 0, 474, 448]));
    // The second record of the same person knows of another stay.
    clinician.store(&json!({ "resourceType": "Patient", "id": "old" }));
    clinician.store(&encounter(
        "old-imp",
        "old",
        "IMP",
        ("2025-12-01T10:00:00-07:00", "2025-12-03T10:00:00-07:00"),
    ));
    assert_eq!(days("&subject=Patient/a")[3], 347);
    clinician.store(&json!({ "resourceType": "Patient", "id": "a", "birthDate": "1950-05-01",
        "link": [{ "type": "replaces", "other": { "reference": "Patient/old" } }] }));
    assert_eq!((days("&subject=Patient/a")[3], days("&nfResident=home")[3]), (345, 446));
    // Whose scope for encounters is of one record learns nothing of those of the other.
    let claims = json!({ "sub": "x", "patient": "a", "scope": "system/Patient.rs system/Measure.rs patient/Encounter.rs \
        system/EpisodeOfCare.rs system/Coverage.rs system/Observation.rs" });
    let held = evaluate(&app.with_claims(claims), "days-at-home", "&subject=Patient/a").expect(200);
    assert_eq!(counts(&held.json(), 0)[3], 347);
    assert!(!held.text().contains("Encounter/old-imp"));
}

#[test]
fn only_one_who_may_read_all_that_counts_gets_a_report() {
    let (app, _clinician) = two_people();
    let path = format!("/Measure/days-at-home/$evaluate-measure?{YEAR}");
    let of_a = format!("{path}&subject=Patient/a");
    for path in [&path, &of_a] {
        app.anonymous().get(path).expect(401);
        app.stranger().get(path).expect_issue(403, "forbidden");
        app.with_scope("system/Measure.rs system/Encounter.rs system/Patient.rs").get(path).expect(403);
        app.with_scope("system/Encounter.rs system/Patient.rs system/EpisodeOfCare.rs system/Coverage.rs system/Observation.rs")
            .get(path)
            .expect(403);
        app.partner().get(path).expect(200);
    }
    // A person's own app learns of that person alone.
    let own = app.patient("a").get(&of_a).expect(200).json();
    assert_eq!(counts(&own, 0), [365, 0, 365, 347]);
    app.patient("b").get(&of_a).expect_issue(404, "not-found");
    app.patient("a").get(&path).expect_issue(403, "forbidden");
    app.patient("a").get(&format!("{path}&subject=Group/g")).expect(403);
    // Scopes of two reaches: the one who is not in the launch is not there, and of all not all can be read.
    let claims = json!({ "sub": "x", "patient": "b",
        "scope": "user/Patient.rs user/Measure.rs patient/Encounter.rs user/EpisodeOfCare.rs user/Coverage.rs user/Observation.rs" });
    app.with_claims(claims.clone()).get(&of_a).expect_issue(404, "not-found");
    app.with_claims(claims).get(&path).expect_issue(403, "forbidden");
}

#[test]
fn what_cannot_be_evaluated_is_refused_with_what_to_do() {
    let (_app, clinician) = two_people();
    let get = |path: &str, query: &str| clinician.get(&format!("/Measure{path}/$evaluate-measure?{query}"));
    for (query, at) in [
        ("periodStart=2025-02-01&periodEnd=2025-01-31", "periodEnd"),
        ("periodStart=2026-03-03&periodEnd=2026-03-31", "periodStart"),
        ("periodStart=2020-01-01&periodEnd=2025-12-31", "periodEnd"),
    ] {
        let reply = get("/days-at-home", query).expect_issue(422, "business-rule");
        assert_eq!(reply.details(), ["date-range"], "{query}");
        assert!(!reply.expressions().is_empty() && reply.text().contains(at), "{}", reply.text());
    }
    get("/days-at-home", "periodStart=2025-01-01").expect_issue(400, "required");
    get("/days-at-home", "periodStart=2025&periodEnd=2025-12-31").expect(400);
    get("", YEAR).expect_issue(400, "required");
    get("/none", YEAR).expect_issue(404, "not-found");
    for measure in ["none", "days-at-home|0.9", "https://example.org/Measure/days-at-home"] {
        let measure = measure.replace('|', "%7C");
        get("", &format!("{YEAR}&measure={measure}")).expect_issue(404, "not-found");
    }
    for measure in
        ["days-at-home", "Measure/days-at-home", "https://comfrey.health/fhir/Measure/days-at-home%7C1.0.0"]
    {
        get("", &format!("{YEAR}&measure={measure}")).expect(200);
    }
    get("/days-at-home", &format!("{YEAR}&measure=days-at-home")).expect_issue(400, "invalid");
    for more in [
        "colour=green",
        "practitioner=Practitioner/1",
        "reportType=patient-list",
        "reportType=subject",
        "reportType=population&subject=Patient/a",
        "reportType=subject&subject=Group/g",
        "subject=Practitioner/1",
        "subject=x",
        "dischargeDay=both",
        "hospitalAtHome=exclude",
        "gipHospice=no",
        "nfResident=no",
    ] {
        get("/days-at-home", &format!("{YEAR}&{more}")).expect_issue(400, "invalid");
    }
    for more in ["subject=Patient/none", "subject=Group/none", "program=HealthcareService/none"] {
        get("/days-at-home", &format!("{YEAR}&{more}")).expect_issue(404, "not-found");
    }
    clinician.store(&json!({ "resourceType": "Group", "id": "d", "type": "person", "actual": false }));
    get("/days-at-home", &format!("{YEAR}&subject=Group/d")).expect(422);
    // A client's own Measure says nothing that could be carried out.
    clinician.store(&json!({ "resourceType": "Measure", "id": "own", "status": "draft" }));
    get("/own", YEAR).expect_issue(404, "not-found");
}

#[test]
fn a_report_may_be_asked_for_and_fetched_later() {
    let (app, clinician) = two_people();
    let list = json!([{ "name": "periodStart", "valueDate": "2025-01-01" },
        { "name": "periodEnd", "valueDate": "2025-12-31" }, { "name": "measure", "valueString": "days-at-home" }]);
    let path = "/Measure/$evaluate-measure";
    let at_once = clinician.post(path, &parameters(list.clone())).expect(200).json();
    let later = |body: Value| {
        clinician.request("POST", path).header("Prefer", "respond-async").json(&parameters(body)).send()
    };
    let reply = later(list).expect(202);
    let place =
        reply.header("content-location").and_then(|url| url.split_once("/fhir")).unwrap().1.to_owned();
    while requests::run_next(app.app(), &Stop::default()).expect("the database answers") == Left::More {}
    let report = clinician.get(&place).expect(200).json();
    assert_eq!((&report["group"], counts(&report, 0)), (&at_once["group"], vec![474, 0, 474, 448]));
    // What is refused, is refused at once.
    let without = json!([{ "name": "periodStart", "valueDate": "2025-01-01" }]);
    later(without).expect_issue(400, "required");
}

#[test]
fn measures_are_read_and_searched_like_other_definitions() {
    let app = TestApp::new();
    let found =
        app.clinician().get("/Measure?url=https%3A//comfrey.health/fhir/Measure/days-at-home").expect(200);
    assert_eq!(found.ids(), ["days-at-home"]);
    let own = app.clinician().get("/Measure/acute-days").expect(200).json();
    app.clinician().put("/Measure/acute-days", &own).expect_issue(409, "conflict");
}
