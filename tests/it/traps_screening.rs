//! Traps of screening and of stays that are known by a number, over HTTP; and what our definitions may hold (T-69).
//! <https://hl7.org/fhir/R4/plandefinition.html>

use std::path::Path;

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;

const RULES: &str = "https://comfrey.health/fhir/PlanDefinition";
const LOCAL: &str = "https://comfrey.health/fhir/CodeSystem/palliative-observation";
const LOINC: &str = "http://loinc.org";
const SNOMED: &str = "http://snomed.info/sct";

fn patient(client: &Client) {
    client.store(&json!({ "resourceType": "Patient", "id": "p", "birthDate": "1950-01-01" }));
}

fn condition(id: &str, icd: &str) -> Value {
    json!({ "resourceType": "Condition", "id": id, "subject": { "reference": "Patient/p" },
        "clinicalStatus": { "coding": [{ "code": "active",
            "system": "http://terminology.hl7.org/CodeSystem/condition-clinical" }] },
        "code": { "coding": [{ "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": icd }] } })
}

fn encounter(id: &str, class: &str, period: (&str, &str)) -> Value {
    json!({ "resourceType": "Encounter", "id": id, "status": "finished", "subject": { "reference": "Patient/p" },
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": class },
        "period": { "start": period.0, "end": period.1 } })
}

fn observed(id: &str, (system, code): (&str, &str), at: &str, value: Value) -> Value {
    let mut one = json!({ "resourceType": "Observation", "id": id, "status": "final", "effectiveDateTime": at,
        "subject": { "reference": "Patient/p" }, "code": { "coding": [{ "system": system, "code": code }] } });
    one.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
    one
}

fn screened(client: &Client, set: &str) -> Reply {
    client.get(&format!("/Patient/p/$palliative-screen?ruleSet={RULES}/{set}")).expect(200)
}

fn parts<'a>(of: &'a Value, name: &str) -> Vec<&'a Value> {
    of.as_array().into_iter().flatten().filter(|one| one["name"] == name).collect()
}

fn outcome(reply: &Reply) -> String {
    let body = reply.json();
    let result = parts(&body["parameter"], "result")[0];
    parts(&result["part"], "outcome")[0]["valueCode"].as_str().unwrap().to_owned()
}

/// The parts of a criterion.
fn criterion(reply: &Reply, id: &str) -> Value {
    let body = reply.json();
    let result = parts(&body["parameter"], "result")[0];
    let all = parts(&result["part"], "criterion");
    let found = all.into_iter().find(|one| parts(&one["part"], "id")[0]["valueCode"] == id);
    found.unwrap_or_else(|| panic!("no {id}: {body}"))["part"].clone()
}

fn state(reply: &Reply, id: &str) -> String {
    parts(&criterion(reply, id), "state")[0]["valueCode"].as_str().unwrap().to_owned()
}

fn is_refused_to_others(app: &TestApp) {
    let path = "/Patient/p/$palliative-screen";
    app.anonymous().get(path).expect(401);
    app.patient("q").get(path).expect(404);
    app.with_scope("user/Patient.rs").get(path).expect_issue(403, "forbidden");
}

#[test]
fn t_9_a_stay_for_observation_is_hospital_use_although_it_looks_like_a_visit() {
    let app = TestApp::new();
    let clinician = app.clinician();
    patient(&clinician);
    let night = ("2026-01-10T20:00:00Z", "2026-01-11T16:00:00Z");
    clinician.store(&encounter("visit", "AMB", night));
    assert_eq!(state(&screened(&clinician, "RS-CA-ADULT"), "g1-hospital-use"), "unknown");
    // by its class, or where that is a visit's by its type
    let by_class = encounter("stay", "OBSENC", night);
    let mut by_type = encounter("stay", "AMB", night);
    by_type["type"] = json!([{ "coding": [{ "system": SNOMED, "code": "448951000124107" }] }]);
    for stay in [by_class, by_type] {
        clinician.store(&stay);
        let told = screened(&clinician, "RS-CA-ADULT");
        assert_eq!(state(&told, "g1-hospital-use"), "met", "{stay}");
        let evidence = criterion(&told, "g1-hospital-use");
        assert_eq!(parts(&evidence, "evidence")[0]["valueReference"]["reference"], "Encounter/stay");
        // and it is no admission
        assert_ne!(state(&screened(&clinician, "RS-KELLEY-B"), "adm12"), "met", "{stay}");
    }
    is_refused_to_others(&app);
}

#[test]
fn t_10_hospital_care_at_home_is_an_admission() {
    let app = TestApp::new();
    let clinician = app.clinician();
    patient(&clinician);
    let mut stay = encounter("stay", "IMP", ("2026-01-10T20:00:00Z", "2026-01-14T16:00:00Z"));
    stay["location"] = json!([{ "location": { "display": "At home" }, "physicalType": { "coding": [{
        "system": "http://terminology.hl7.org/CodeSystem/location-physical-type", "code": "ho" }] } }]);
    clinician.store(&stay);
    assert_eq!(state(&screened(&clinician, "RS-KELLEY-B"), "adm12"), "met");
    assert_eq!(state(&screened(&clinician, "RS-CA-ADULT"), "g1-hospital-use"), "met");
    // care at home that is none of a hospital's is not
    clinician.store(&encounter("stay", "HH", ("2026-01-10T20:00:00Z", "2026-01-14T16:00:00Z")));
    assert_ne!(state(&screened(&clinician, "RS-KELLEY-B"), "adm12"), "met");
    is_refused_to_others(&app);
}

#[test]
fn t_23_models_that_have_ended_are_templates_and_look_30_days_back_for_an_election() {
    let app = TestApp::new();
    let clinician = app.clinician();
    patient(&clinician);
    clinician.store(&json!({ "resourceType": "Practitioner", "id": "doctor" }));
    clinician.store(&condition("c", "J44.9"));
    let attested = json!({ "valueBoolean": true, "performer": [{ "reference": "Practitioner/doctor" }] });
    clinician.store(&observed("six", (LOCAL, "prognosis-6m"), "2026-02-20", attested));
    clinician.store(&json!({ "resourceType": "Coverage", "id": "medicare", "status": "active",
        "beneficiary": { "reference": "Patient/p" }, "payor": [{ "display": "Medicare" }],
        "period": { "start": "2020-01-01" }, "type": { "coding": [{ "system": "https://nahdo.org/sopt", "code": "12" }] } }));
    clinician.store(&encounter("ed", "EMER", ("2026-01-10T10:00:00Z", "2026-01-10T16:00:00Z")));
    for month in ["09", "10", "11"] {
        let day = format!("2025-{month}-03T15:00:00Z");
        clinician.store(&encounter(&format!("visit-{month}"), "AMB", (&day, &day)));
    }
    let said = || outcome(&screened(&clinician, "RS-MCCM"));
    assert_eq!(said(), "eligible");
    // today is 1 March
    let elected = |status: &str, end: Option<&str>| {
        let mut period = json!({ "start": "2025-12-31" });
        if let Some(end) = end {
            period["end"] = json!(end);
        }
        clinician.store(
            &json!({ "resourceType": "Flag", "id": "hospice", "status": status, "period": period,
            "subject": { "reference": "Patient/p" }, "code": { "coding": [{ "code": "hospice-election",
                "system": "https://comfrey.health/fhir/CodeSystem/palliative-flag" }] } }),
        );
    };
    for (status, end, expected) in [
        ("active", None, "excluded"),
        ("inactive", Some("2026-01-31"), "excluded"),
        ("inactive", Some("2026-01-29"), "eligible"),
    ] {
        elected(status, end);
        assert_eq!(said(), expected, "{status} {end:?}");
    }
    // nobody is screened by it who does not ask for it, and no programme of ours names it
    let all = clinician.get("/Patient/p/$palliative-screen").expect(200).text();
    assert!(!all.contains("RS-MCCM") && all.contains("RS-KELLEY-B"));
    assert_eq!(clinician.get("/PlanDefinition/RS-MCCM").expect(200).json()["status"], "retired");
    let services = clinician.get("/HealthcareService").expect(200).text();
    assert!(!services.contains("RS-MCCM"));
    is_refused_to_others(&app);
}

#[test]
fn t_32_psychotherapy_notes_and_what_states_protect_more_are_nowhere_named() {
    for code in ["PSYTHPN", "PSY", "HIV", "SUD"] {
        let app = TestApp::new();
        let clinician = app.clinician();
        let episode = crate::programme::enrolled(&clinician, "p");
        let mut closed = condition("told-in-confidence", "F03.90");
        closed["category"] = json!([{ "coding": [{ "code": "problem-list-item",
            "system": "http://terminology.hl7.org/CodeSystem/condition-category" }] }]);
        closed["meta"] = json!({ "security": [{ "code": code,
            "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode" }] });
        clinician.store(&closed);
        let mut need = observed(
            "said-in-confidence",
            (LOINC, "88122-7"),
            "2026-02-20",
            json!({ "valueCodeableConcept": { "coding": [{ "system": LOINC, "code": "LA28397-0" }] } }),
        );
        need["meta"] = closed["meta"].clone();
        clinician.store(&need);
        // it counts
        assert_eq!(state(&screened(&clinician, "RS-KELLEY-B"), "smc"), "met", "{code}");
        let record = json!({ "resourceType": "Parameters", "parameter": [{ "name": "record", "valueBoolean": true }] });
        clinician.post("/Patient/p/$palliative-screen", &record).expect(200);
        let plan =
            json!({ "resourceType": "Parameters", "parameter": [{ "name": "mode", "valueCode": "apply" }] });
        let all = [
            screened(&clinician, "RS-KELLEY-B"),
            clinician.get("/GuidanceResponse?patient=Patient/p").expect(200),
            clinician.get("/Patient/p/$palliative-stratify").expect(200),
            clinician.post(&format!("/EpisodeOfCare/{episode}/$palliative-careplan"), &plan).expect(200),
            clinician.get("/Patient/p/$palliative-gaps?status=open-gap&status=closed-gap").expect(200),
            clinician.get("/Patient/p/$palliative-status").expect(200),
            clinician.get("/$palliative-identify").expect(200),
            clinician.get("/AuditEvent?patient=Patient/p").expect(200),
            clinician.get("/Task?patient=Patient/p").expect(200),
        ];
        for (at, reply) in all.iter().enumerate() {
            let text = reply.text();
            assert!(!text.contains("in-confidence"), "{code} {at}: {text}");
        }
        assert!(all[0].text().contains("restricted item"), "that there is something is told");
        // no more is given than the caller may read
        let narrow = app.with_scope("user/Patient.rs user/EpisodeOfCare.rs user/CarePlan.rs");
        narrow.get("/Patient/p/$palliative-screen").expect_issue(403, "forbidden");
        narrow.get("/Patient/p/$palliative-gaps").expect_issue(403, "forbidden");
    }
}

#[test]
fn t_36_a_plan_tells_a_patient_nothing_of_what_it_asks_of_clinicians_and_caregivers() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = crate::programme::enrolled(&clinician, "p");
    let path = format!("/EpisodeOfCare/{episode}/$palliative-careplan");
    let draft =
        json!({ "resourceType": "Parameters", "parameter": [{ "name": "mode", "valueCode": "draft" }] });
    // A token for one patient's data that has a staff scope beside it: Tasks stand in no patient's compartment.
    let of = |user: &str, id: &str| {
        app.with_claims(json!({ "sub": format!("for-{id}"), "patient": id, "fhirUser": user,
            "scope": "launch/patient patient/*.rs user/Task.rs" }))
    };
    let held = |id: &str| of("Organization/portal", id);
    let skipped = |client: &Client, row: &str| {
        let body = client.post(&path, &draft).expect(200).json();
        let all = parts(&body["parameter"], "skipped");
        let own = all.into_iter().find(|one| parts(&one["part"], "action")[0]["valueCode"] == row);
        let own = own.unwrap_or_else(|| panic!("no {row}: {body}"));
        parts(&own["part"], "reason")[0]["valueString"].as_str().unwrap().to_owned()
    };
    for (row, told) in [("d7-dying", "prognosis"), ("d4-caregiver", "caregiver")] {
        let (team, own) = (skipped(&clinician, row), skipped(&held("p"), row));
        assert!(team.to_lowercase().contains(told), "{team}");
        assert!(own.contains("care team") && own != team, "{own}");
        assert_eq!(skipped(&of("Practitioner/nurse", "p"), row), team, "who treats the patient is told");
    }
    // what rests on nothing that is kept is told to both
    assert_eq!(skipped(&clinician, "d2-pain"), skipped(&held("p"), "d2-pain"));
    app.patient("p").post(&path, &draft).expect(403);
    held("q").post(&path, &draft).expect(404);
    app.anonymous().post(&path, &draft).expect(401);
}

#[test]
fn t_35_what_is_withheld_is_told_to_be_with_the_reason_and_kept_with_it() {
    let app = TestApp::new();
    let clinician = app.clinician();
    patient(&clinician);
    let reason = |reply: &Reply| {
        let body = reply.json();
        let result = parts(&body["parameter"], "result")[0].clone();
        parts(&result["part"], "withheld").first().map(|one| one["valueString"].as_str().unwrap().to_owned())
    };
    assert_eq!(reason(&screened(&clinician, "RS-GSF")), None, "the team is told everything");
    let told = screened(&app.patient("p"), "RS-GSF");
    assert!(reason(&told).is_some_and(|text| text.contains("care team")), "{}", told.text());
    assert!(!told.text().contains("surprise-question"));
    // nothing is said to be withheld where nothing is
    assert_eq!(reason(&screened(&app.patient("p"), "RS-KCC")), None);
    // what is kept says so too
    let record = json!({ "resourceType": "Parameters", "parameter": [{ "name": "record", "valueBoolean": true },
        { "name": "ruleSet", "valueCanonical": format!("{RULES}/RS-GSF") }] });
    clinician.post("/Patient/p/$palliative-screen", &record).expect(200);
    let kept = clinician.get("/GuidanceResponse?patient=Patient/p").expect(200).resources();
    let kept = kept[0]["contained"][0]["parameter"].clone();
    assert_eq!(parts(&kept, "withheld").len(), 1, "{kept}");
    // and so does a stratification, which says it whatever was found
    let note = |client: &Client| {
        let body = client.get("/Patient/p/$palliative-stratify").expect(200).json();
        parts(&body["parameter"], "note")[0]["valueString"].as_str().unwrap().to_owned()
    };
    assert!(note(&app.patient("p")).contains("care team") && !note(&clinician).contains("care team"));
    let keep =
        json!({ "resourceType": "Parameters", "parameter": [{ "name": "record", "valueBoolean": true }] });
    clinician.post("/Patient/p/$palliative-stratify", &keep).expect(200);
    let kept = clinician.get("/RiskAssessment?patient=Patient/p").expect(200).resources();
    assert!(kept[0]["note"][1]["text"].as_str().is_some_and(|text| text.contains("care team")), "{kept:?}");
    is_refused_to_others(&app);
}

#[test]
fn t_74_a_value_with_a_date_alone_is_of_the_whole_day() {
    let app = TestApp::new();
    let clinician = app.clinician();
    patient(&clinician);
    let fraction = |id: &str, at: &str, percent: f64| {
        observed(
            id,
            (LOINC, "10230-1"),
            at,
            json!({ "valueQuantity": { "value": percent, "unit": "%",
            "system": "http://unitsofmeasure.org", "code": "%" } }),
        )
    };
    let said = || state(&screened(&clinician, "RS-CA-ADULT"), "chf-ef30");
    clinician.store(&fraction("day", "2026-02-01", 25.0));
    assert_eq!(said(), "met");
    // neither is known to be the later of one day
    clinician.store(&fraction("hour", "2026-02-01T22:00:00-08:00", 35.0));
    assert_eq!(said(), "unknown");
    clinician.store(&fraction("hour", "2026-02-01T02:00:00-08:00", 35.0));
    assert_eq!(said(), "unknown");
    // what both say holds, and a later day decides
    clinician.store(&fraction("hour", "2026-02-01T22:00:00-08:00", 29.0));
    assert_eq!(said(), "met");
    clinician.store(&fraction("next", "2026-02-02T00:30:00-08:00", 35.0));
    assert_eq!(said(), "not-met");
    is_refused_to_others(&app);
}

/// Systems whose texts are licensed: of these only codes.
const LICENSED: [&str; 4] = [
    "http://www.ama-assn.org/go/cpt",
    "urn:oid:2.16.840.1.113883.6.12",
    "https://www.nubc.org/CodeSystem/RevenueCodes",
    "urn:oid:2.16.840.1.113883.6.301.3",
];
/// Names of instruments whose items are licensed: short names only.
const INSTRUMENTS: [&str; 10] =
    ["zarit", "zbi", "performance scale", "pps", "spict", "esas", "facit", "fica", "ipos", "gsf"];

/// What a definition holds that needs a licence.
fn licensed(at: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
            if LICENSED.contains(&text("system")) {
                let concepts = object.get("concept").and_then(Value::as_array).into_iter().flatten();
                let has_text = |one: &Value| {
                    ["display", "definition", "designation"].iter().any(|name| one.get(*name).is_some())
                };
                if has_text(value) || concepts.into_iter().any(has_text) {
                    found.push(format!("{at}: text of {}", text("system")));
                }
            }
            let display = text("display").to_lowercase();
            let is_item = INSTRUMENTS.iter().any(|name| display.contains(name))
                && (display.len() > 60 || display.contains('?') || text("definition").len() > 60);
            if is_item {
                found.push(format!("{at}: {display}"));
            }
            if text("resourceType") == "Questionnaire" {
                found.push(format!("{at}: a questionnaire has the texts of its items"));
            }
            object.iter().for_each(|(name, inner)| licensed(&format!("{at}/{name}"), inner, found));
        }
        Value::Array(all) => all.iter().for_each(|inner| licensed(at, inner, found)),
        _ => {}
    }
}

#[test]
fn t_69_definitions_hold_codes_and_short_names_and_no_licensed_text() {
    let mut found = Vec::new();
    let cpt = json!({ "system": LICENSED[0], "concept": [{ "code": "99497", "display": "Advance care planning" }] });
    let item = json!({ "code": "x", "display": "ZBI 1: Do you feel that you have no time for yourself?" });
    for wrong in [&cpt, &item] {
        licensed("sample", wrong, &mut found);
    }
    assert_eq!(found.len(), 2, "it sees what it looks for: {found:?}");
    found.clear();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/definitions")];
    let (mut files, mut codes) = (0, 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "json" || ending == "ndjson") {
                let text = std::fs::read_to_string(&path).unwrap();
                let lines: Vec<&str> = if path.extension().is_some_and(|one| one == "json") {
                    vec![&text]
                } else {
                    text.lines().collect()
                };
                for line in lines.into_iter().filter(|line| !line.trim().is_empty()) {
                    licensed(&path.display().to_string(), &serde_json::from_str(line).unwrap(), &mut found);
                }
                (files, codes) = (files + 1, codes + text.matches(LICENSED[0]).count());
            }
        }
    }
    assert!(files > 200 && codes > 2, "{files} files with {codes} sets of CPT codes");
    assert_eq!(found, Vec::<String>::new());
}
