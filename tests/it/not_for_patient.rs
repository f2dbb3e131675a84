//! What is kept from the patient whom it is about (T-36): by the label NOPAT, or as its codes say what a clinician thinks
//! of the time that is left. The team reads it; no token that is held to the patient does, by whatever way.
//! <https://hl7.org/fhir/R4/security-labels.html>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::database::Database;
use crate::database::number;
use crate::database::tamper;
use crate::programme::enrolled;
use crate::programme::parameters;

const LOCAL: &str = "https://comfrey.health/fhir/CodeSystem/palliative-observation";
const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

/// An observation of the patient p with these codes, of which a report tells.
fn observation(id: &str, codes: &[(&str, &str)]) -> Value {
    let codings: Vec<Value> =
        codes.iter().map(|(system, code)| json!({ "system": system, "code": code })).collect();
    json!({ "resourceType": "Observation", "id": id, "status": "final", "code": { "coding": codings },
        "subject": { "reference": "Patient/p" }, "valueBoolean": true })
}

fn labelled(mut resource: Value) -> Value {
    resource["meta"] = json!({ "security": [{ "system": ACT_CODE, "code": "NOPAT" }] });
    resource
}

fn report(id: &str, result: &str) -> Value {
    json!({ "resourceType": "DiagnosticReport", "id": id, "status": "final", "code": { "text": "x" },
        "subject": { "reference": "Patient/p" }, "result": [{ "reference": result }] })
}

/// One that is open, and beside it one of each that is kept.
fn store(app: &TestApp) -> Client {
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "Patient", "id": "p" }));
    clinician.store(&observation("open", &[("http://sender.example", "x")]));
    clinician.store(&observation("kept", &[(LOCAL, "surprise-question-12m")]));
    clinician.store(&observation("beside", &[("http://sender.example", "x"), (LOCAL, "zbi-12")]));
    let mut panel = observation("panel", &[("http://sender.example", "panel")]);
    panel["component"] = json!([{ "code": { "coding": [{ "system": LOCAL, "code": "prognosis-6m" }] },
        "valueBoolean": true }]);
    clinician.store(&panel);
    clinician.store(&labelled(observation("label", &[("http://sender.example", "x")])));
    clinician.store(&report("of-open", "Observation/open"));
    clinician.store(&report("of-kept", "Observation/kept"));
    clinician
}

const KEPT: [&str; 4] = ["kept", "beside", "panel", "label"];

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

#[test]
fn no_way_of_reading_shows_a_patient_what_is_kept_from_them() {
    let app = TestApp::new();
    let clinician = store(&app);
    let patient = app.patient("p");
    for id in KEPT {
        for path in [
            format!("Observation/{id}"),
            format!("Observation/{id}/_history/1"),
            format!("Observation/{id}/_history"),
            format!("Observation/{id}/$meta"),
        ] {
            patient.get(&format!("/{path}")).expect_issue(404, "not-found");
            clinician.get(&format!("/{path}")).expect(200);
        }
    }
    patient.get("/Observation/open").expect(200);
    for (path, mine, theirs) in [
        ("/Observation", 1, 5),
        ("/Observation?patient=p", 1, 5),
        ("/Observation?status=final&_sort=code", 1, 5),
        ("/Observation?code=http://sender.example%7Cx&_sort=date", 1, 3),
        ("/Observation?_id=kept,label", 0, 2),
        ("/Observation?_security=NOPAT", 0, 1),
        ("/Patient/p/Observation", 1, 5),
        ("/?_type=Observation", 1, 5),
        ("/Observation/_history", 1, 5),
        ("/DiagnosticReport?result:Observation.status=final", 1, 2),
        ("/DiagnosticReport?_id=of-kept&_include=DiagnosticReport:result", 1, 2),
        ("/DiagnosticReport?_id=of-open&_include=DiagnosticReport:result", 2, 2),
        ("/Patient?_id=p&_revinclude=Observation:patient", 2, 6),
        ("/Patient?_has:Observation:patient:code=surprise-question-12m", 0, 1),
        ("/Patient?_has:Observation:patient:status=final", 1, 1),
        ("/Patient/p/$everything", 4, 8),
    ] {
        let found = |client: &Client| client.get(path).expect(200).resources().len();
        assert_eq!((found(&patient), found(&clinician)), (mine, theirs), "{path}");
        let count = |client: &Client| {
            let path = format!("{path}{}_summary=count", if path.contains('?') { '&' } else { '?' });
            client.get(&path).expect(200).json()["total"].clone()
        };
        if path.starts_with("/Observation") && !path.contains("_history") {
            assert_eq!((count(&patient), count(&clinician)), (json!(mine), json!(theirs)), "{path}");
        }
    }
    assert_eq!(patient.get("/Observation/_history?_total=accurate").expect(200).json()["total"], 1);
    let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": [
        { "request": { "method": "GET", "url": "Observation/kept" } },
        { "request": { "method": "GET", "url": "Observation?patient=p" } } ] });
    let answers = patient.post("/", &batch).expect(200).json();
    assert_eq!(answers["entry"][0]["response"]["status"].as_str().map(|status| &status[..3]), Some("404"));
    assert_eq!(answers["entry"][1]["resource"]["total"], 1);
    let labels = patient.get("/$meta").expect(200).text();
    assert!(!labels.contains("NOPAT"), "{labels}");
}

#[test]
fn what_is_kept_is_not_changed_by_a_patient_and_stays_kept_once_it_is_deleted() {
    let app = TestApp::new();
    let clinician = store(&app);
    let patient = app.with_claims(json!({ "sub": "p", "scope": "patient/*.cruds", "patient": "p",
        "fhirUser": "Patient/p" }));
    for id in KEPT {
        let changed = observation(id, &[("http://sender.example", "y")]);
        patient.put(&format!("/Observation/{id}"), &changed).expect_issue(404, "not-found");
        patient.delete(&format!("/Observation/{id}")).expect_issue(404, "not-found");
        let patch = patient.request("PATCH", &format!("/Observation/{id}"));
        let patch = patch.body("application/json-patch+json", r#"[{"op":"remove","path":"/code"}]"#);
        patch.send().expect_issue(404, "not-found");
    }
    let existing = json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" },
        "subject": { "reference": "Patient/p" } });
    let made = patient.request("POST", "/Observation").header("if-none-exist", "code=surprise-question-12m");
    made.json(&existing).send().expect(201);
    clinician.delete("/Observation/kept").expect(204);
    clinician.delete("/Observation/open").expect(204);
    patient.get("/Observation/kept").expect_issue(404, "not-found");
    patient.get("/Observation/kept/_history").expect_issue(404, "not-found");
    patient.get("/Observation/open").expect(410);
    let history = patient.get("/Observation/_history?_count=100").expect(200).text();
    assert!(history.contains("Observation/open") && !history.contains("Observation/kept"), "{history}");
}

#[test]
fn a_label_that_is_given_or_taken_holds_from_then_on() {
    let app = TestApp::new();
    let clinician = store(&app);
    let patient = app.patient("p");
    let seen = || sorted(patient.get("/Observation").expect(200).ids());
    assert_eq!(seen(), ["open"]);
    clinician.store(&observation("label", &[("http://sender.example", "x")]));
    assert_eq!(seen(), ["label", "open"]);
    clinician.store(&labelled(observation("open", &[("http://sender.example", "x")])));
    assert_eq!(seen(), ["label"]);
    patient.get("/Observation/open/_history").expect_issue(404, "not-found");
    // a correction of what was never the answer to that question
    clinician.store(&observation("kept", &[("http://sender.example", "y")]));
    assert_eq!(seen(), ["kept", "label"]);
    // one that is deleted and comes again as another is seen again
    clinician.delete("/Observation/open").expect(204);
    clinician.store(&observation("open", &[("http://sender.example", "x")]));
    assert_eq!(seen(), ["kept", "label", "open"]);
    let meta = json!({ "resourceType": "Parameters", "parameter": [{ "name": "meta", "valueMeta": {
        "security": [{ "system": ACT_CODE, "code": "NOPAT" }] } }] });
    clinician.post("/Observation/open/$meta-add", &meta).expect(200);
    assert_eq!(seen(), ["kept", "label"]);
    clinician.post("/Observation/open/$meta-delete", &meta).expect(200);
    assert_eq!(seen(), ["kept", "label", "open"]);
}

#[test]
fn a_tier_and_a_score_are_kept_from_the_patient_wherever_they_are_kept() {
    let app = TestApp::new();
    let clinician = app.clinician();
    enrolled(&clinician, "p");
    let record = parameters(json!([{ "name": "record", "valueBoolean": true }]));
    let team = clinician.post("/Patient/p/$palliative-stratify", &record).expect(200).text();
    assert!(team.contains("riskAssessment") && team.contains("scoreMin"));
    let patient = app.patient("p");
    for path in [
        "/RiskAssessment".to_owned(),
        format!("/Observation?code={LOCAL}%7Cprogram-risk-score,{LOCAL}%7Cprogram-risk-tier"),
        "/RiskAssessment/_history".to_owned(),
    ] {
        assert!(!clinician.get(&path).expect(200).resources().is_empty(), "{path}");
        assert!(patient.get(&path).expect(200).resources().is_empty(), "{path}");
    }
    let everything = patient.get("/Patient/p/$everything?_count=1000").expect(200).text();
    assert!(!everything.contains("program-risk") && !everything.contains("RiskAssessment"));
    let events = patient.get("/AuditEvent?subtype=palliative-stratify").expect(200);
    assert_eq!(events.resources().len(), 1, "that it was done is told");
    assert!(!events.text().contains("tier-"), "{}", events.text());
    // one who treats the patient is told it, with a token that is held to them too
    let treating = launched(&app, Some("Practitioner/d"));
    let told = treating.get("/Patient/p/$palliative-stratify").expect(200).text();
    assert!(told.contains("\"tier\"") && told.contains("scoreMin"), "{told}");
    assert!(!treating.get("/RiskAssessment").expect(200).resources().is_empty());
    // nor is it told, whatever the patient says of themselves
    let extreme = json!([{ "name": "resource", "resource": { "resourceType": "Bundle", "type": "collection",
        "entry": [{ "resource": observation("sent", &[(LOCAL, "esas-pain")]) }] } }]);
    for told in [
        patient.get("/Patient/p/$palliative-stratify"),
        patient.post("/Patient/p/$palliative-stratify", &parameters(extreme)),
    ] {
        let told = told.expect(200);
        let names: Vec<Value> =
            told.json()["parameter"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
        for name in
            ["riskAssessment", "score", "scoreMin", "scoreMax", "tier", "computedTier", "status", "intensity"]
        {
            assert!(!names.contains(&json!(name)), "{name}: {names:?}");
        }
        assert!(names.contains(&json!("component")) && names.contains(&json!("note")), "{names:?}");
        let domains: Vec<String> = told.json()["parameter"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["name"] == "component")
            .map(|one| one["part"][0]["valueCode"].as_str().unwrap().to_owned())
            .collect();
        assert!(!domains.contains(&"F".to_owned()) && domains.contains(&"C".to_owned()), "{domains:?}");
    }
}

#[test]
fn nobody_but_the_programme_writes_who_did_what_to_an_episode() {
    let app = TestApp::new();
    let clinician = app.clinician();
    enrolled(&clinician, "p");
    let mut deed = clinician.get("/Provenance?_count=1").expect(200).resources().remove(0);
    let path = format!("/Provenance/{}", deed["id"].as_str().unwrap());
    deed["recorded"] = json!("2030-01-01T00:00:00Z");
    let refused = clinician.put(&path, &deed).expect_issue(422, "business-rule");
    assert_eq!(refused.expressions(), ["Provenance.activity"]);
    clinician.delete(&path).expect_issue(422, "business-rule");
    deed.as_object_mut().unwrap().remove("id");
    clinician.post("/Provenance", &deed).expect_issue(422, "business-rule");
    let mut patch = clinician.request("PATCH", &path);
    patch = patch.body(
        "application/json-patch+json",
        r#"[{"op":"replace","path":"/recorded","value":"2030-01-01T00:00:00Z"}]"#,
    );
    patch.send().expect_issue(422, "business-rule");
    // what is a client's own is the client's to write
    deed["activity"] = json!({ "text": "read aloud" });
    clinician.post("/Provenance", &deed).expect(201);
}

/// The versions of a history that a client is shown, of these ids, as `id/version`.
fn versions(client: &Client, path: &str) -> Vec<String> {
    let entries = client.get(path).expect(200).json()["entry"].as_array().cloned().unwrap_or_default();
    let name = |entry: &Value| entry["fullUrl"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let version =
        |entry: &Value| entry["response"]["etag"].as_str().unwrap().trim_matches(['W', '/', '"']).to_owned();
    sorted(entries.iter().map(|entry| format!("{}/{}", name(entry), version(entry))).collect())
}

/// One that was kept and is not any more, one that was deleted since, and one that came back.
fn opened(app: &TestApp) -> Client {
    let clinician = store(app);
    let open = |id: &str| observation(id, &[("http://sender.example", "y")]);
    clinician.store(&open("kept"));
    clinician.store(&open("label"));
    clinician.delete("/Observation/label").expect(204);
    clinician.delete("/Observation/beside").expect(204);
    clinician.store(&open("beside"));
    clinician
}

const TOLD: [&str; 5] = ["beside/3", "kept/2", "label/2", "label/3", "open/1"];

fn shows_what_is_told(patient: &Client) {
    assert_eq!(versions(patient, "/Observation/_history?_count=100"), TOLD);
    assert_eq!(patient.get("/Observation/_history?_count=0").expect(200).json()["total"], TOLD.len());
    let mut all = versions(patient, "/_history?_count=1000&_since=2020-01-01T00:00:00Z");
    all.retain(|one| TOLD.contains(&one.as_str()) || KEPT.iter().any(|id| one.starts_with(id)));
    assert_eq!(all, TOLD);
    for (id, told) in
        [("kept", &["kept/2"][..]), ("label", &["label/2", "label/3"]), ("beside", &["beside/3"])]
    {
        let path = format!("/Observation/{id}/_history");
        assert_eq!(versions(patient, &path), told);
        assert_eq!(patient.get(&path).expect(200).json()["total"], told.len());
    }
    for path in ["kept/_history/1", "label/_history/1", "beside/_history/1", "beside/_history/2"] {
        patient.get(&format!("/Observation/{path}")).expect_issue(404, "not-found");
    }
    patient.get("/Observation/kept/_history/2").expect(200);
    patient.get("/Observation/label/_history/3").expect(410);
}

#[test]
fn an_earlier_version_is_kept_by_what_it_said_itself() {
    let app = TestApp::new();
    let clinician = opened(&app);
    shows_what_is_told(&app.patient("p"));
    assert_eq!(versions(&clinician, "/Observation/_history?_count=100").len(), 10);
    clinician.get("/Observation/kept/_history/1").expect(200);
    // what it says by now bars it whole
    clinician.store(&labelled(observation("kept", &[("http://sender.example", "y")])));
    app.patient("p").get("/Observation/kept/_history/2").expect_issue(404, "not-found");
    clinician.store(&observation("kept", &[("http://sender.example", "y")]));
    assert_eq!(versions(&app.patient("p"), "/Observation/kept/_history"), ["kept/2", "kept/4"]);
}

#[test]
fn a_version_from_before_there_were_marks_is_kept_until_it_was_looked_at() {
    let database = Database::fresh();
    let app = TestApp::on(&database);
    opened(&app);
    let patient = app.patient("p");
    tamper(
        database.url(),
        "DELETE FROM history_not_for_patient; INSERT INTO history_not_for_patient (rid, version, judged) \
         SELECT rid, version, 0 FROM history",
    );
    assert_eq!(
        versions(&patient, "/Observation/_history?_count=100"),
        ["beside/3", "kept/2", "label/3", "open/1"]
    );
    patient.get("/Observation/label/_history/2").expect_issue(404, "not-found");
    while app.app().judge_versions().unwrap() > 0 {}
    shows_what_is_told(&patient);
    assert_eq!(number(database.url(), "SELECT count(*) FROM history_not_for_patient WHERE judged = 0"), 0);
}

#[test]
fn a_version_whose_mark_is_missing_is_kept_again_by_a_reindexing() {
    let database = Database::fresh();
    let app = TestApp::on(&database);
    opened(&app);
    let patient = app.patient("p");
    // as an instance of an older version of the service leaves it
    tamper(database.url(), "DELETE FROM history_not_for_patient");
    patient.get("/Observation/kept/_history/1").expect(200);
    app.app().reindex(0, &mut |_| {}).expect("it can be made anew");
    shows_what_is_told(&patient);
    app.app().reindex(0, &mut |_| {}).expect("it can be made anew");
    shows_what_is_told(&patient);
}

#[test]
fn what_is_labelled_is_kept_although_it_stands_in_nobodys_record() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "Patient", "id": "p" }));
    let place = |name: &str| json!({ "resourceType": "Location", "id": "l", "name": name });
    clinician.store(&labelled(place("Shelter")));
    clinician
        .store(&labelled(json!({ "resourceType": "Medication", "id": "m", "code": { "text": "placebo" } })));
    clinician.store(&json!({ "resourceType": "Encounter", "id": "e", "status": "finished",
        "class": { "code": "AMB" }, "subject": { "reference": "Patient/p" },
        "location": [{ "location": { "reference": "Location/l" } }] }));
    clinician.store(&json!({ "resourceType": "MedicationRequest", "id": "r", "status": "active",
        "intent": "order", "subject": { "reference": "Patient/p" },
        "medicationReference": { "reference": "Medication/m" } }));
    let treating = launched(&app, Some("Practitioner/d"));
    let patient = app.patient("p");
    let names = |one: &Value| ["Location", "Medication"].iter().any(|ty| one["resourceType"] == *ty);
    for path in [
        "/Location",
        "/Location?name=Shelter",
        "/Location/_history",
        "/?_type=Location,Medication",
        "/Encounter?_include=*",
        "/MedicationRequest?_include=MedicationRequest:medication",
        "/Patient?_revinclude=*&_include:iterate=*",
        "/Patient/p/$everything",
    ] {
        let told =
            |who: &Client| who.get(path).expect(200).resources().iter().filter(|one| names(one)).count();
        assert_eq!(told(&patient), 0, "{path}");
        assert!(told(&treating) > 0 && told(&clinician) > 0, "{path}");
    }
    for path in ["/Location/l", "/Location/l/_history", "/Location/l/_history/1", "/Medication/m"] {
        patient.get(path).expect_issue(404, "not-found");
        treating.get(path).expect(200);
    }
    for (path, found) in
        [("/Encounter?location.name=Shelter", 0), ("/Location?_summary=count", 0), ("/Encounter", 1)]
    {
        assert_eq!(patient.get(path).expect(200).json()["total"], found, "{path}");
    }
    // what it says by now is told, and what it said is not
    clinician.store(&place("Clinic"));
    assert_eq!(versions(&patient, "/Location/l/_history"), ["l/2"]);
    assert_eq!(versions(&patient, "/Location/_history"), ["l/2"]);
    patient.get("/Location/l/_history/1").expect_issue(404, "not-found");
    assert_eq!(versions(&treating, "/Location/_history").len(), 2);
}

/// Somebody who was launched with the patient p, by this user.
fn launched(app: &TestApp, user: Option<&str>) -> Client {
    let claims = json!({ "sub": "one", "scope": "launch patient/*.cruds", "patient": "p", "fhirUser": user });
    app.with_claims(claims)
}

#[test]
fn who_treats_the_patient_reads_what_is_kept_from_them_with_a_token_held_to_them() {
    let app = TestApp::new();
    let clinician = opened(&app);
    clinician.store(&json!({ "resourceType": "Patient", "id": "q" }));
    let mut other = observation("other", &[(LOCAL, "surprise-question-12m")]);
    other["subject"]["reference"] = json!("Patient/q");
    clinician.store(&other);
    clinician.store(&json!({ "resourceType": "Practitioner", "id": "d" }));
    let mut by = observation("panel", &[(LOCAL, "prognosis-6m")]);
    by["performer"] = json!([{ "reference": "Practitioner/d" }]);
    clinician.store(&by);
    for (user, reads) in [
        (Some("Practitioner/d"), true),
        (Some("https://ehr.example/fhir/PractitionerRole/d"), true),
        (Some("Patient/p"), false),
        (Some("RelatedPerson/r"), false),
        (Some("Practitioner"), false),
        (Some("Organization/o"), false),
        (None, false),
    ] {
        let one = launched(&app, user);
        let status = if reads { 200 } else { 404 };
        for path in [
            "/Observation/panel",
            "/Observation/panel/_history/1",
            "/Observation/panel/_history",
            "/Observation/kept/_history/1",
            "/Practitioner/d",
        ] {
            one.get(path).expect(status);
        }
        for (path, whole, told) in [
            ("/Observation", 4, 3),
            ("/Observation?code=prognosis-6m", 1, 0),
            ("/Patient?_has:Observation:patient:code=prognosis-6m", 1, 0),
            ("/Patient?_id=p&_revinclude=Observation:patient", 5, 4),
            ("/Practitioner", 1, 0),
            ("/Practitioner?_has:Observation:performer:status=final", 1, 0),
            ("/Observation?_security=NOPAT", 0, 0),
        ] {
            assert_eq!(
                one.get(path).expect(200).resources().len(),
                if reads { whole } else { told },
                "{user:?} {path}"
            );
        }
        // another patient's stays another patient's
        for path in ["/Observation/other", "/Patient/q", "/Observation/other/_history/1"] {
            one.get(path).expect_issue(404, "not-found");
        }
        let patch = one.request("PATCH", "/Observation/panel");
        let patch =
            patch.body("application/json-patch+json", r#"[{"op":"test","path":"/status","value":"final"}]"#);
        patch.send().expect(status);
    }
}
