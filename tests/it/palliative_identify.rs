//! `$palliative-identify` over HTTP: who is counted, who is listed, in which order, and who is refused.

use comfrey::app::Change;
use comfrey::app::ChangeAction;
use comfrey::fhir::Resource;
use comfrey::import::population;
use comfrey::jobs::Stop;
use comfrey::jobs::requests;
use serde_json::Value;
use serde_json::json;

use crate::app::START;
use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;
use crate::programme::REASON;
use crate::programme::act;
use crate::programme::because;
use crate::programme::refer;

const PATH: &str = "/$palliative-identify";
const URL: &str = "https://example.org/PlanDefinition/lung";
pub(crate) const READ: [&str; 18] = [
    "Condition",
    "Consent",
    "Coverage",
    "Device",
    "DeviceRequest",
    "DeviceUseStatement",
    "DocumentReference",
    "Encounter",
    "EpisodeOfCare",
    "Flag",
    "Medication",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "Patient",
    "Procedure",
    "RiskAssessment",
    "ServiceRequest",
];

/// A programme with one rule: chronic obstructive pulmonary disease.
fn programme(clinician: &Client) {
    let of = |name: &str, code: &str| json!({ "url": name, "valueCode": code });
    let disease = json!([of("kind", "condition"), { "url": "valueSet",
        "valueCanonical": "https://comfrey.health/fhir/ValueSet/vs-copd" }]);
    let rules = json!({ "resourceType": "PlanDefinition", "id": "lung", "url": URL, "version": "1", "title": "Lung",
        "status": "active",
        "topic": [{ "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/rule-set-kind", "code": "screening" }] }],
        "action": [{ "id": "criteria",
            "condition": [{ "kind": "applicability", "expression": { "language": "text/cql", "expression": "`copd`" } }],
            "action": [{ "id": "copd", "title": "COPD", "description": "The patient has the disease.",
                "extension": [{ "url": "https://comfrey.health/fhir/StructureDefinition/criterion",
                    "extension": disease }] }] }] });
    clinician.store(&rules);
    clinician.store(&json!({ "resourceType": "HealthcareService", "id": "lung", "name": "Lung",
        "providedBy": { "reference": "Organization/default" },
        "extension": [{ "url": "https://comfrey.health/fhir/StructureDefinition/palliative-program-settings",
            "extension": [{ "url": "ruleSet", "valueCanonical": URL }] }] }));
}

fn diagnosis(clinician: &Client, patient: &str, icd: &str, verification: &str) {
    clinician.store(&json!({ "resourceType": "Condition", "id": format!("c-{patient}"),
        "subject": { "reference": format!("Patient/{patient}") },
        "clinicalStatus": { "coding": [{ "code": "active",
            "system": "http://terminology.hl7.org/CodeSystem/condition-clinical" }] },
        "verificationStatus": { "coding": [{ "code": verification,
            "system": "http://terminology.hl7.org/CodeSystem/condition-ver-status" }] },
        "code": { "coding": [{ "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": icd }] } }));
}

fn performance(clinician: &Client, patient: &str, value: i64) {
    clinician.store(&json!({ "resourceType": "Observation", "id": format!("o-{patient}"), "status": "final",
        "code": { "coding": [{ "system": "http://loinc.org", "code": "89243-0" }] },
        "subject": { "reference": format!("Patient/{patient}") }, "effectiveDateTime": "2026-02-20",
        "valueQuantity": { "value": value, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%" } }));
}

fn person(clinician: &Client, id: &str, further: &Value) {
    let mut patient = json!({ "resourceType": "Patient", "id": id, "birthDate": "1950-01-01" });
    patient.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
    clinician.store(&patient);
}

/// Four who are eligible and listed, one of whom facts are missing, one of whom nothing is known, one to whom the rule
/// does not apply; and five who are counted and not listed, for each of the reasons.
fn people(clinician: &Client) {
    programme(clinician);
    for id in ["a", "b", "c", "d", "episode", "hospice", "merged", "unused"] {
        person(clinician, id, &json!({}));
        diagnosis(clinician, id, "J44.9", "confirmed");
    }
    performance(clinician, "b", 30);
    performance(clinician, "c", 60);
    performance(clinician, "d", 60);
    person(clinician, "unsure", &json!({}));
    diagnosis(clinician, "unsure", "J44.9", "provisional");
    person(clinician, "unknown", &json!({}));
    person(clinician, "well", &json!({}));
    diagnosis(clinician, "well", "E11.9", "confirmed");
    person(clinician, "dead", &json!({ "deceasedDateTime": "2026-01-10" }));
    diagnosis(clinician, "dead", "J44.9", "confirmed");
    person(
        clinician,
        "merged",
        &json!({ "link": [{ "type": "replaced-by", "other": { "reference": "Patient/a" } }] }),
    );
    person(clinician, "unused", &json!({ "active": false }));
    clinician.store(&json!({ "resourceType": "Flag", "id": "f", "status": "active",
        "code": { "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/palliative-flag",
            "code": "hospice-election" }] },
        "subject": { "reference": "Patient/hospice" }, "period": { "start": "2026-02-01" } }));
    clinician.store(&json!({ "resourceType": "Practitioner", "id": "doctor" }));
    let referral = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "program", "valueReference": { "reference": "HealthcareService/lung" } },
        { "name": "requester", "valueReference": { "reference": "Practitioner/doctor" } },
        { "name": "source", "valueCode": "clinician" },
        { "name": "receivedDate", "valueDate": "2026-02-10" }] });
    clinician.post("/Patient/episode/$palliative-refer", &referral).expect(201);
}

fn one<'a>(body: &'a Value, name: &str) -> &'a Value {
    let all = body["parameter"].as_array().unwrap();
    all.iter().find(|one| one["name"] == name).unwrap_or(&Value::Null)
}

/// The count of this name.
fn count(body: &Value, name: &str) -> i64 {
    let parts = one(body, "summary")["part"].as_array().unwrap();
    parts.iter().find(|part| part["name"] == name).unwrap()["valueInteger"].as_i64().unwrap()
}

/// The counts: evaluated, eligible, indeterminate, not eligible, no data, suppressed.
fn counts(body: &Value) -> [i64; 6] {
    ["evaluated", "eligible", "indeterminate", "notEligible", "noData", "suppressed"]
        .map(|name| count(body, name))
}

/// The ids of the candidates.
fn listed(body: &Value) -> Vec<String> {
    let entries = one(body, "candidates")["resource"]["entry"].as_array().cloned().unwrap_or_default();
    let id = |entry: &Value| {
        entry["item"]["reference"].as_str().unwrap().trim_start_matches("Patient/").to_owned()
    };
    entries.iter().map(id).collect()
}

fn get(caller: &Client, query: &str) -> Reply {
    caller.get(&format!("{PATH}?program=HealthcareService/lung{query}"))
}

fn given(parameters: &[(&str, Value)]) -> Value {
    let parameter = |(name, value): &(&str, Value)| {
        let element = match value {
            Value::Bool(_) => "valueBoolean",
            Value::Number(_) => "valuePositiveInt",
            Value::Object(_) => "valueReference",
            _ => "valueCode",
        };
        json!({ "name": name, element: value })
    };
    let mut all =
        vec![json!({ "name": "program", "valueReference": { "reference": "HealthcareService/lung" } })];
    all.extend(parameters.iter().map(parameter));
    json!({ "resourceType": "Parameters", "parameter": all })
}

#[test]
fn everybody_is_counted_once_and_who_may_come_is_listed_by_tier_and_score() {
    let app = TestApp::new();
    let clinician = app.clinician();
    people(&clinician);
    let body = get(&clinician, "").expect(200).json();
    assert_eq!(counts(&body), [12, 8, 1, 2, 1, 5]);
    assert_eq!(count(&body, "pending"), 0);
    assert_eq!(listed(&body), ["b", "c", "d", "a", "unknown", "unsure"], "by the score, then the id");
    let list = &one(&body, "candidates")["resource"];
    assert_eq!((list["status"].as_str(), list["mode"].as_str()), (Some("current"), Some("snapshot")));
    let first = &list["entry"][0];
    assert_eq!(first["flag"]["coding"][0]["code"], "eligible");
    assert_eq!(first["extension"][0]["valueCoding"]["code"], "tier-1");
    assert_eq!(first["extension"][1]["valueRange"]["low"]["value"], 3);
    let status = clinician.post("/List/$validate", list).expect(200);
    assert!(!status.text().contains("\"error\""), "{}", status.text());
    let report = &one(&body, "report")["resource"];
    assert!(!clinician.post("/MeasureReport/$validate", report).expect(200).text().contains("\"error\""));
    let stages = report["group"][1]["population"].as_array().unwrap();
    let stages: Vec<_> = stages.iter().map(|stage| stage["count"].as_i64().unwrap()).collect();
    assert_eq!(stages, [8, 1, 0, 0, 0, 0, 0], "found, referred, screened, …");
    assert_eq!(get(&clinician, "").text(), get(&clinician, "").text(), "the same question, the same answer");
}

#[test]
fn other_outcomes_and_those_who_cannot_come_are_listed_where_that_is_asked() {
    let app = TestApp::new();
    let clinician = app.clinician();
    people(&clinician);
    let of = |query: &str| listed(&get(&clinician, query).expect(200).json());
    assert_eq!(of("&outcomes=indeterminate"), ["unknown", "unsure"]);
    assert_eq!(of("&outcomes=not-eligible"), ["well"]);
    assert_eq!(of("&outcomes=not-eligible&includeAll=true"), ["well", "dead"], "without a tier comes last");
    let all = get(&clinician, "&includeAll=true&outcomes=eligible").expect(200).json();
    assert_eq!(listed(&all), ["b", "c", "d", "a", "episode", "hospice", "merged", "unused"]);
    let why = |at: usize| {
        let entry = &one(&all, "candidates")["resource"]["entry"][at];
        entry["extension"][2]["valueCoding"]["code"].as_str().map(str::to_owned)
    };
    let expected = [None, Some("open-episode"), Some("hospice"), Some("replaced"), Some("inactive")];
    assert_eq!((3..8).map(why).collect::<Vec<_>>(), expected.map(|code| code.map(str::to_owned)));
    assert_eq!(counts(&all), [12, 8, 1, 2, 1, 5], "what is listed changes no count");
    let before = get(&clinician, "&asOf=2026-01-09&includeAll=true").expect(200).json();
    assert_eq!(
        (count(&before, "eligible"), count(&before, "suppressed")),
        (9, 2),
        "before the death and the referral"
    );
}

#[test]
fn what_is_kept_is_what_an_evaluation_finds() {
    let app = TestApp::new();
    let clinician = app.clinician();
    people(&clinician);
    let mut copy = clinician.get("/HealthcareService/lung").expect(200).json();
    (copy["id"], copy["active"]) = ("copy".into(), false.into());
    clinician.store(&copy);
    for query in ["", "&includeAll=true", "&includeAll=true&outcomes=not-eligible&outcomes=eligible&limit=3"]
    {
        let kept = get(&clinician, query).expect(200).json();
        let fresh =
            clinician.get(&format!("{PATH}?program=HealthcareService/copy{query}")).expect(200).json();
        let outcomes = |body: &Value| counts(body)[..5].to_vec();
        assert_eq!(outcomes(&kept), outcomes(&fresh), "{query}");
        let (kept, fresh) = (listed(&kept), listed(&fresh));
        let without = |ids: Vec<String>| ids.into_iter().filter(|id| id != "episode").collect::<Vec<_>>();
        assert_eq!(without(kept), without(fresh), "{query}: only the episode is of one programme alone");
    }
}

#[test]
fn one_whose_death_another_programme_has_recorded_is_no_candidate_though_the_patient_does_not_say_so_yet() {
    let app = TestApp::new();
    let clinician = app.clinician();
    people(&clinician);
    let has = |caller: &Client, query: &str| {
        listed(&get(caller, query).expect(200).json()).contains(&"b".to_owned())
    };
    assert!(has(&clinician, ""));
    let episode = refer(&clinician, "b");
    let died = |day: &str| {
        json!([{ "name": "reason", "valueCoding": { "system": REASON, "code": "deceased" } },
            { "name": "effectiveDate", "valueDate": day }])
    };
    act(&clinician, &episode, "death", died("2026-02-20")).expect(200);
    assert!(!has(&clinician, ""), "what is kept");
    assert!(!has(&clinician, "&asOf=2026-02-25"), "what is evaluated for another day");
    assert!(has(&clinician, "&asOf=2026-02-19"), "who was alive then");
    let everybody = get(&clinician, "&includeAll=true&outcomes=not-eligible").expect(200).json();
    let entries = one(&everybody, "candidates")["resource"]["entry"].as_array().unwrap();
    let dead = entries.iter().find(|entry| entry["item"]["reference"] == "Patient/b").unwrap().to_string();
    assert!(dead.contains("\"deceased\"") && !dead.contains("tier-"), "{dead}");
    let director = app.with_claims(json!({ "sub": "d", "fhirUser": "Practitioner/d",
        "scope": "user/*.cruds", "roles": ["program-director"] }));
    act(&director, &episode, "undo", because("recorded-in-error")).expect(200);
    let everybody = get(&clinician, "").expect(200).json();
    assert!(listed(&everybody).contains(&"b".to_owned()), "a death that was a mistake is none");
}

#[test]
fn who_changed_is_found_as_changed_by_the_next_who_asks() {
    let app = TestApp::new();
    let clinician = app.clinician();
    people(&clinician);
    assert_eq!(count(&get(&clinician, "").expect(200).json(), "eligible"), 8);
    diagnosis(&clinician, "well", "J44.9", "confirmed");
    let body = get(&clinician, "").expect(200).json();
    assert_eq!((count(&body, "eligible"), count(&body, "notEligible")), (9, 1));
    assert!(listed(&body).contains(&"well".to_owned()));
    clinician.delete("/Condition/c-a").expect(204);
    clinician.delete("/Patient/unknown").expect(204);
    let body = get(&clinician, "").expect(200).json();
    assert_eq!((count(&body, "evaluated"), count(&body, "eligible"), count(&body, "pending")), (11, 8, 0));
    assert!(!listed(&body).contains(&"unknown".to_owned()));
}

#[test]
fn the_counts_are_those_of_screening_everybody_one_by_one() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let today = "2026-03-01".parse().unwrap();
    let bundles = population::bundles(today).unwrap();
    for (_, bundle) in bundles.iter().take(1).chain(bundles.iter().skip(1).step_by(12)) {
        clinician.post("/", bundle).expect(200);
    }
    let patients = clinician.get("/Patient?_count=1000&_elements=id").expect(200).ids();
    assert!(patients.len() >= 20, "{}", patients.len());
    let order = ["eligible", "screen-positive", "indeterminate", "excluded", "not-eligible"];
    let best = |id: &String| {
        let body = clinician.get(&format!("/Patient/{id}/$palliative-screen")).expect(200).json();
        let results = body["parameter"].as_array().unwrap().iter().filter(|one| one["name"] == "result");
        let outcome = |result: &Value| {
            let part =
                result["part"].as_array().unwrap().iter().find(|part| part["name"] == "outcome").cloned();
            order.iter().position(|code| part.as_ref().unwrap()["valueCode"] == *code).unwrap()
        };
        results.map(outcome).min().unwrap()
    };
    let mut expected = [0; 5];
    patients.iter().for_each(|id| expected[best(id)] += 1);
    let body = clinician.get(PATH).expect(200).json();
    let names = ["eligible", "screenPositive", "indeterminate", "excluded", "notEligible"];
    let mut found = names.map(|name| count(&body, name));
    found[2] += count(&body, "noData");
    assert_eq!((found, count(&body, "pending")), (expected, 0));
    assert_eq!(count(&body, "evaluated"), i64::try_from(patients.len()).unwrap());
    assert!(expected[2] > 0 && expected[4] > 0, "{expected:?}");
}

#[test]
fn pages_neither_repeat_nor_skip_and_belong_to_their_list() {
    let app = TestApp::new();
    let clinician = app.clinician();
    people(&clinician);
    let whole = listed(&get(&clinician, "").expect(200).json());
    for limit in [1, 2, 4, 6] {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let body = get(&clinician, &format!("&limit={limit}{after}")).expect(200).json();
            assert_eq!(counts(&body), [12, 8, 1, 2, 1, 5]);
            seen.extend(listed(&body));
            let Some(next) = one(&body, "next")["valueString"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(seen, whole, "{limit} a page");
    }
    let body = get(&clinician, "&limit=2").expect(200).json();
    let next = one(&body, "next")["valueString"].as_str().unwrap();
    get(&clinician, &format!("&outcomes=eligible&after={next}")).expect_issue(400, "invalid");
    get(&clinician, &format!("&asOf=2026-02-01&after={next}")).expect_issue(400, "invalid");
    get(&app.partner(), &format!("&after={next}")).expect_issue(400, "invalid");
    get(&clinician, "&after=AAAA").expect_issue(400, "invalid");
}

#[test]
fn the_members_of_a_group_are_those_who_are_in_it_on_the_day() {
    let app = TestApp::new();
    let clinician = app.clinician();
    people(&clinician);
    let member = |id: &str| json!({ "entity": { "reference": format!("Patient/{id}") } });
    let mut left = member("b");
    left["period"] = json!({ "start": "2025-01-01", "end": "2026-02-10" });
    let mut inactive = member("d");
    inactive["inactive"] = true.into();
    clinician.store(&json!({ "resourceType": "Group", "id": "g", "type": "person", "actual": true,
        "member": [member("a"), member("unknown"), left, inactive, member("c")] }));
    let path = "/Group/g/$palliative-identify?program=HealthcareService/lung";
    let body = clinician.get(path).expect(200).json();
    assert_eq!((counts(&body), listed(&body).join(" ")), ([3, 2, 0, 0, 1, 0], "c a unknown".to_owned()));
    assert_eq!(one(&body, "candidates")["resource"]["subject"]["reference"], "Group/g");
    let by_name = get(&clinician, "&group=Group/g").expect(200);
    assert_eq!(by_name.text(), clinician.get(path).text());
    let before = clinician.get(&format!("{path}&asOf=2026-02-10")).expect(200).json();
    assert_eq!((count(&before, "evaluated"), listed(&before).len()), (4, 4), "b was still there");
    clinician.get("/Group/none/$palliative-identify").expect_issue(404, "not-found");
    get(&clinician, "&group=Group/none").expect_issue(404, "not-found");
    get(&clinician, "&group=Patient/a").expect_issue(400, "invalid");
    clinician.get(&format!("{path}&group=Group/g")).expect_issue(400, "invalid");
    clinician.store(&json!({ "resourceType": "Group", "id": "things", "type": "device", "actual": true }));
    let things = get(&clinician, "&group=Group/things").expect_issue(422, "invalid");
    assert_eq!(things.expressions(), ["Group.type"]);
}

#[test]
fn a_task_is_created_once_for_each_candidate_of_the_page() {
    let app = TestApp::new();
    let clinician = app.clinician();
    people(&clinician);
    let create = |limit: i64| {
        let given = given(&[("createTasks", true.into()), ("limit", limit.into())]);
        clinician.post(PATH, &given).expect(200).json()
    };
    let tasks = |body: &Value| -> Vec<String> {
        let all = body["parameter"].as_array().unwrap().iter().filter(|one| one["name"] == "task");
        all.map(|one| one["valueReference"]["reference"].as_str().unwrap().to_owned()).collect()
    };
    let first = tasks(&create(2));
    assert_eq!(first.len(), 2);
    let all = tasks(&create(6));
    assert_eq!((all.len(), &all[..2]), (6, first.as_slice()), "those that were there are told again");
    // one event a call, in the write that made the tasks: it names them, and stands in nobody's compartment
    let events =
        clinician.get("/AuditEvent?subtype=palliative-identify&_sort=_lastUpdated").expect(200).resources();
    let about = |event: &Value| -> Vec<String> {
        let entities = event["entity"].as_array().unwrap().iter();
        entities.map(|one| one["what"]["reference"].as_str().unwrap().to_owned()).collect()
    };
    let expected = |tasks: &[String]| [vec!["HealthcareService/lung".to_owned()], tasks.to_vec()].concat();
    assert_eq!(events.iter().map(about).collect::<Vec<_>>(), [expected(&first), expected(&all)]);
    let made = clinician.get(&format!("/{}", first[0])).expect(200).json();
    assert_eq!(made["meta"]["lastUpdated"], events[0]["meta"]["lastUpdated"]);
    assert_eq!(app.patient("b").get("/AuditEvent").expect(200).ids(), Vec::<String>::new());
    assert_eq!(clinician.get("/Task?code=review-candidate").expect(200).ids().len(), 6);
    let task = clinician.get(&format!("/{}", all[0])).expect(200).json();
    assert_eq!(task["for"]["reference"], "Patient/b");
    assert_eq!(task["owner"]["reference"], "Organization/default");
    assert_eq!(task["reasonCode"]["coding"][0]["code"], "eligible");
    assert!(task.get("focus").is_none());
    diagnosis(&clinician, "unsure", "J44.9", "confirmed");
    create(6);
    assert_eq!(
        clinician.get("/Task?code=review-candidate&patient=unsure").expect(200).ids().len(),
        2,
        "what is found now is another thing"
    );
    get(&clinician, "&createTasks=true").expect(405);
    let too_many = given(&[("createTasks", true.into()), ("limit", 201.into())]);
    clinician.post(PATH, &too_many).expect_issue(413, "too-costly");
}

#[test]
fn what_is_not_there_or_not_understood_is_refused() {
    let app = TestApp::new();
    let clinician = app.clinician();
    programme(&clinician);
    let body = get(&clinician, "").expect(200).json();
    assert_eq!((counts(&body), listed(&body).len()), ([0; 6], 0), "nobody is here");
    assert_eq!(get(&clinician, "&outcomes=sick").expect_issue(400, "invalid").expressions().len(), 1);
    get(&clinician, "&limit=0").expect(400);
    get(&clinician, "&limit=1001").expect_issue(413, "too-costly");
    get(&clinician, "&colour=red").expect(400);
    get(&clinician, "&ruleSet=https://example.org/none").expect_issue(404, "not-found");
    clinician.get(&format!("{PATH}?program=HealthcareService/none")).expect_issue(404, "not-found");
    get(&clinician, "&asOf=2026-03-02").expect_issue(422, "business-rule");
    get(&clinician, "&asOf=2026-02").expect(400);
    clinician.get("/Group/$palliative-identify").expect(404);
    clinician.get("/Patient/$palliative-identify").expect(404);
}

#[test]
fn only_those_who_may_read_it_of_all_patients_are_told() {
    let app = TestApp::new();
    let clinician = app.clinician();
    people(&clinician);
    clinician.store(&json!({ "resourceType": "Group", "id": "g", "type": "person", "actual": true,
        "member": [{ "entity": { "reference": "Patient/a" } }] }));
    get(&app.anonymous(), "").expect(401);
    get(&app.stranger(), "").expect(403);
    get(&app.patient("a"), "").expect_issue(403, "forbidden");
    app.patient("a").get("/Group/g/$palliative-identify").expect(403);
    let with = |types: &[&str], further: &str| {
        let scopes = types.iter().map(|ty| format!("system/{ty}.rs")).chain([further.to_owned()]);
        app.with_scope(&scopes.collect::<Vec<_>>().join(" "))
    };
    for left_out in READ {
        let others: Vec<&str> = READ.into_iter().filter(|ty| *ty != left_out).collect();
        get(&with(&others, ""), "").expect_issue(403, "forbidden");
    }
    assert_eq!(counts(&get(&with(&READ, ""), "").expect(200).json())[0], 12);
    get(&with(&READ, ""), "&group=Group/g").expect_issue(403, "forbidden");
    assert_eq!(counts(&get(&with(&READ, "system/Group.r"), "&group=Group/g").expect(200).json())[0], 1);
    let tasks = given(&[("createTasks", true.into()), ("limit", 6.into())]);
    with(&READ, "system/Task.rs").post(PATH, &tasks).expect_issue(403, "forbidden");
    assert!(clinician.get("/Task?code=review-candidate").expect(200).ids().is_empty());
    with(&READ, "system/Task.cs").post(PATH, &tasks).expect(200);
    assert_eq!(clinician.get("/Task?code=review-candidate").expect(200).ids().len(), 6);
}

#[test]
fn what_is_asked_for_later_is_the_answer_that_would_have_come_at_once() {
    let app = TestApp::new();
    let clinician = app.clinician();
    people(&clinician);
    let later = |query: &str| {
        let path = format!("{PATH}?program=HealthcareService/lung{query}");
        clinician.request("GET", &path).header("Prefer", "respond-async").send()
    };
    for query in ["", "&asOf=2026-02-15"] {
        let taken = later(query).expect(202);
        let place = taken.header("content-location").unwrap().to_owned();
        let path = &place[place.find("/async/").unwrap()..];
        requests::run_next(app.app(), &Stop::default()).expect("the database answers");
        assert_eq!(
            clinician.get(path).expect(200).text(),
            get(&clinician, query).expect(200).text(),
            "{query}"
        );
        app.partner().get(path).expect(404);
    }
}

fn later(caller: &Client, given: &Value) -> Reply {
    caller.request("POST", PATH).header("Prefer", "respond-async").json(given).send()
}

#[track_caller]
fn taken(reply: Reply) -> String {
    let place = reply.expect(202).header("content-location").unwrap().to_owned();
    place[place.find("/async/").unwrap()..].to_owned()
}

#[test]
fn what_can_be_refused_at_once_is_not_taken_on() {
    let app = TestApp::new();
    let clinician = app.clinician();
    people(&clinician);
    let with = |parameter: &str, value: Value| given(&[(parameter, value)]);
    later(&app.anonymous(), &given(&[])).expect(401);
    later(&app.stranger(), &given(&[])).expect_issue(403, "forbidden");
    later(&app.patient("a"), &given(&[])).expect_issue(403, "forbidden");
    later(&clinician, &with("limit", 1001.into())).expect_issue(413, "too-costly");
    later(&clinician, &with("outcomes", "sick".into())).expect_issue(400, "invalid");
    later(&clinician, &with("group", json!({ "reference": "Group/none" }))).expect_issue(404, "not-found");
    let unknown = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "program", "valueReference": { "reference": "HealthcareService/none" } }] });
    later(&clinician, &unknown).expect_issue(404, "not-found");
    later(&app.with_scope("user/*.rs"), &with("createTasks", true.into())).expect_issue(403, "forbidden");
    taken(later(&clinician, &with("createTasks", true.into())));
}

#[test]
fn what_is_carried_out_on_the_next_day_is_about_the_day_on_which_it_was_asked_for() {
    let app = TestApp::new();
    let clinician = app.clinician();
    people(&clinician);
    clinician.store(&json!({ "resourceType": "Flag", "id": "tomorrow", "status": "active",
        "code": { "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/palliative-flag",
            "code": "hospice-election" }] },
        "subject": { "reference": "Patient/a" }, "period": { "start": "2026-03-02" } }));
    let today = get(&clinician, "").expect(200).json();
    assert_eq!(count(&today, "suppressed"), 5);
    let path = taken(later(&clinician, &given(&[])));
    app.clock().set(START + 23 * 3_600_000_000);
    let clinician = app.clinician();
    assert_eq!(count(&get(&clinician, "").expect(200).json(), "suppressed"), 6, "a is in hospice now");
    requests::run_next(app.app(), &Stop::default()).expect("the database answers");
    let done = clinician.get(&path).expect(200).json();
    assert_eq!((counts(&done), listed(&done)), (counts(&today), listed(&today)));
}

#[test]
fn nobody_whom_the_programme_cannot_take_is_to_be_looked_at() {
    let app = TestApp::new();
    let clinician = app.clinician();
    people(&clinician);
    let body = given(&[
        ("createTasks", true.into()),
        ("includeAll", true.into()),
        ("outcomes", "eligible".into()),
        ("outcomes", "not-eligible".into()),
    ]);
    let body = clinician.post(PATH, &body).expect(200).json();
    assert_eq!(listed(&body).len(), 10);
    let tasks = clinician.get("/Task?code=review-candidate").expect(200).resources();
    let mut of: Vec<_> = tasks.iter().map(|task| task["for"]["reference"].as_str().unwrap()).collect();
    of.sort_unstable();
    assert_eq!(of, ["Patient/a", "Patient/b", "Patient/c", "Patient/d", "Patient/well"]);
}

#[test]
fn a_task_that_is_done_is_asked_for_again_and_nobody_stores_a_copy_of_one() {
    let app = TestApp::new();
    let clinician = app.clinician();
    people(&clinician);
    let create = || clinician.post(PATH, &given(&[("createTasks", true.into())])).expect(200).json();
    let tasks = |body: &Value| -> Vec<String> {
        let all = body["parameter"].as_array().unwrap().iter().filter(|one| one["name"] == "task");
        all.map(|one| one["valueReference"]["reference"].as_str().unwrap().to_owned()).collect()
    };
    let first = tasks(&create());
    assert_eq!(first.len(), 6, "200 are the most where nothing is said");
    let mut task = clinician.get(&format!("/{}", first[0])).expect(200).json();
    let mut copy = clinician.get(&format!("/{}", first[1])).expect(200).json();
    task["status"] = "completed".into();
    clinician.store(&task);
    copy["id"] = "copy".into();
    clinician.put("/Task/copy", &copy).expect_issue(422, "business-rule");
    let second = tasks(&create());
    assert_ne!(second[0], first[0], "somebody has looked, and the person is still eligible");
    assert_eq!(second[1..], first[1..]);
    for status in ["in-progress", "on-hold", "accepted"] {
        task = clinician.get(&format!("/{}", second[0])).expect(200).json();
        task["status"] = status.into();
        clinician.store(&task);
        assert_eq!(tasks(&create()), second, "{status}");
    }
}

#[test]
fn a_key_has_tasks_created_once_and_means_nothing_where_none_are_asked_for() {
    let app = TestApp::new();
    let clinician = app.clinician();
    people(&clinician);
    let send = |key: &str, body: &Value| {
        clinician.request("POST", PATH).header("Idempotency-Key", key).json(body).send()
    };
    let replayed = |reply: &Reply| reply.header("idempotency-replayed").map(str::to_owned);
    let body = given(&[("createTasks", true.into())]);
    let first = send("one", &body).expect(200);
    for id in clinician.get("/Task?code=review-candidate").expect(200).ids() {
        let mut task = clinician.get(&format!("/Task/{id}")).expect(200).json();
        task["status"] = "completed".into();
        clinician.store(&task);
    }
    let again = send("one", &body).expect(200);
    assert_eq!((replayed(&again), again.json()), (Some("true".into()), first.json()));
    assert_eq!(clinician.get("/Task?code=review-candidate").expect(200).ids().len(), 6);
    let other = given(&[("createTasks", true.into()), ("limit", 1.into())]);
    assert_eq!(send("one", &other).expect_issue(422, "business-rule").details(), ["idempotency-mismatch"]);
    send("one", &given(&[])).expect(200);
    let none = given(&[("createTasks", true.into()), ("outcomes", "excluded".into())]);
    let first = send("none", &none).expect(200);
    person(&clinician, "late", &json!({}));
    let again = send("none", &none).expect(200);
    assert_eq!(
        (replayed(&again), again.json()),
        (Some("true".into()), first.json()),
        "an empty answer is kept"
    );
    clinician.post(PATH, &body).expect(200);
    assert_eq!(clinician.get("/Task?code=review-candidate").expect(200).ids().len(), 6 + 7);
}

#[test]
fn a_transaction_creates_no_tasks() {
    let app = TestApp::new();
    let clinician = app.clinician();
    people(&clinician);
    let bundle = |ty: &str, given: &Value| {
        json!({ "resourceType": "Bundle", "type": ty, "entry": [
            { "resource": given, "request": { "method": "POST", "url": "$palliative-identify" } }] })
    };
    let creating = given(&[("createTasks", true.into())]);
    let reply = clinician.post("/", &bundle("transaction", &creating)).expect_issue(400, "not-supported");
    assert_eq!(reply.expressions(), ["Bundle.entry[0].request.url"]);
    assert!(clinician.get("/Task?code=review-candidate").expect(200).ids().is_empty());
    clinician.post("/", &bundle("transaction", &given(&[]))).expect(200);
    clinician.post("/", &bundle("batch", &creating)).expect(200);
    assert_eq!(clinician.get("/Task?code=review-candidate").expect(200).ids().len(), 6);
}

#[test]
fn a_request_that_was_cancelled_or_lost_its_holder_creates_no_tasks() {
    let app = TestApp::new();
    let clinician = app.clinician();
    people(&clinician);
    let tasks = || clinician.get("/Task?code=review-candidate").expect(200).ids().len();
    let task = || {
        let task = json!({ "resourceType": "Task", "status": "requested", "intent": "order",
            "code": { "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/palliative-task",
                "code": "review-candidate" }] } });
        let task = Resource::from_value(task).unwrap();
        vec![Change::client(ChangeAction::create(task))]
    };
    let path = taken(later(&clinician, &given(&[("createTasks", true.into())])));
    let job = app.app().take_job().unwrap().expect("it waits");
    job.session(app.app()).write(task()).expect("it is in these hands");
    assert_eq!(tasks(), 1);
    app.clock().set(START + 60_000_000);
    let second = app.app().take_job().unwrap().expect("its first holder is gone");
    job.session(app.app()).write(task()).expect_err("it is in other hands");
    second.session(app.app()).write(task()).expect("it is in these hands");
    assert_eq!(tasks(), 2);
    clinician.delete(&path).expect(202);
    second.session(app.app()).write(task()).expect_err("it was cancelled");
    assert_eq!(tasks(), 2);
}
