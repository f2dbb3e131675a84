//! Emergency access: `X-Purpose-Of-Use: ETREAT`, and the record that it leaves.
//! <https://hl7.org/fhir/R4/auditevent.html>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;

/// Two people, each with an observation.
fn two(app: &TestApp) {
    let clinician = app.clinician();
    for id in ["p", "q"] {
        clinician.store(&json!({ "resourceType": "Patient", "id": id }));
        clinician.store(
            &json!({ "resourceType": "Observation", "id": format!("{id}-1"), "status": "final",
            "code": { "text": "pain" }, "subject": { "reference": format!("Patient/{id}") }, "valueInteger": 3 }),
        );
    }
}

/// Somebody launched with the patient p, by a user of this type and with these roles.
fn launched(app: &TestApp, user: &str, roles: &[&str]) -> Client {
    app.with_claims(json!({ "sub": "doctor", "scope": "launch patient/Patient.rs patient/Observation.cruds",
        "patient": "p", "fhirUser": user, "roles": roles }))
}

fn doctor(app: &TestApp) -> Client {
    launched(app, "Practitioner/d", &["emergency-access"])
}

fn send(client: &Client, path: &str) -> Reply {
    client.request("GET", path).header("x-purpose-of-use", "ETREAT").send()
}

/// The records of emergencies, the first first.
fn events(app: &TestApp) -> Vec<Value> {
    let path = "/AuditEvent?subtype=emergency-access&_sort=_lastUpdated&_count=100";
    app.clinician().get(path).expect(200).resources()
}

/// What was asked, and of whom.
fn asked(event: &Value) -> (String, String) {
    use base64::Engine;
    let entities = event["entity"].as_array().unwrap();
    let query = entities.iter().find_map(|one| one["query"].as_str()).unwrap();
    let query = base64::engine::general_purpose::STANDARD.decode(query).unwrap();
    let whose = entities.iter().find_map(|one| one["what"]["reference"].as_str()).unwrap_or("-");
    (String::from_utf8(query).unwrap(), whose.to_owned())
}

#[test]
fn a_clinician_reads_beyond_the_patient_of_the_launch_and_each_request_is_recorded() {
    let app = TestApp::new();
    two(&app);
    let doctor = doctor(&app);
    doctor.get("/Observation/q-1").expect(404);
    assert!(events(&app).is_empty(), "nothing was an emergency yet");
    send(&doctor, "/Observation/q-1").expect(200);
    assert_eq!(send(&doctor, "/Observation?patient=q").expect(200).ids(), ["q-1"]);
    assert_eq!(send(&doctor, "/Observation?status=final").expect(200).ids().len(), 2);
    assert_eq!(send(&doctor, "/Observation?patient=q&performer=Patient/p").expect(200).ids().len(), 0);
    send(&doctor, "/Patient/q/Observation").expect(200);
    send(&doctor, "/Observation/q-1/_history").expect(200);
    send(&doctor, "/Observation/none").expect(404);
    let form = doctor.request("POST", "/Patient/_search").header("x-purpose-of-use", "ETREAT");
    let form = form.body("application/x-www-form-urlencoded", "_id=q").send();
    assert_eq!(form.expect(200).ids(), ["q"]);
    let found = events(&app);
    let told: Vec<(String, String)> = found.iter().map(asked).collect();
    let expected = [
        ("Observation/q-1", "Patient/q"),
        ("Observation?patient=q", "Patient/q"),
        ("Observation?status=final", "-"),
        ("Observation?patient=q&performer=Patient/p", "-"),
        ("Patient/q/Observation", "Patient/q"),
        ("Observation/q-1/_history", "Patient/q"),
        ("Observation/none", "-"),
        ("Patient/_search?_id=q", "Patient/q"),
    ];
    assert_eq!(told, expected.map(|(query, whose)| (query.to_owned(), whose.to_owned())));
    let first = &found[0];
    let purpose = json!([{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
        "code": "ETREAT", "display": "Emergency Treatment" }] }]);
    assert_eq!((&first["purposeOfEvent"], &first["agent"][0]["purposeOfUse"]), (&purpose, &purpose));
    assert_eq!(first["agent"][0]["who"]["reference"], "Practitioner/d");
    assert_eq!((&first["subtype"][0]["code"], &first["action"]), (&json!("read"), &json!("R")));
    // the one whom it is about reads who it was, and nobody else does
    let own = app.patient("q").get("/AuditEvent").expect(200).resources();
    assert_eq!(own.iter().filter(|event| event["purposeOfEvent"] == purpose).count(), 5);
    assert!(app.patient("p").get("/AuditEvent").expect(200).resources().is_empty());
}

#[test]
fn it_lifts_neither_types_nor_writes_and_its_record_stays() {
    let app = TestApp::new();
    two(&app);
    let doctor = doctor(&app);
    send(&doctor, "/Condition?patient=q").expect_issue(403, "forbidden");
    let changed = json!({ "resourceType": "Observation", "id": "q-1", "status": "amended",
        "code": { "text": "pain" }, "subject": { "reference": "Patient/q" } });
    let put = |path: &str, method: &str| {
        doctor.request(method, path).header("x-purpose-of-use", "ETREAT").json(&changed).send()
    };
    for (method, path) in [
        ("PUT", "/Observation/q-1"),
        ("POST", "/Observation"),
        ("POST", "/"),
        ("POST", "/Patient/q/$palliative-screen"),
        ("DELETE", "/Observation/q-1"),
    ] {
        let refused = put(path, method).expect_issue(400, "invalid");
        assert_eq!(refused.expressions(), ["http.X-Purpose-Of-Use"], "{method} {path}");
    }
    doctor.put("/Observation/q-1", &changed).expect_issue(403, "forbidden");
    send(&doctor, "/Patient/q").expect(200);
    let event = events(&app).pop().unwrap();
    let path = format!("/AuditEvent/{}", event["id"].as_str().unwrap());
    app.clinician().delete(&path).expect_issue(422, "business-rule");
    let mut other = event.clone();
    other["agent"][0]["who"]["reference"] = json!("Practitioner/x");
    app.clinician().put(&path, &other).expect_issue(422, "business-rule");
    other.as_object_mut().unwrap().remove("id");
    app.clinician().post("/AuditEvent", &other).expect_issue(422, "business-rule");
}

#[test]
fn who_may_not_is_refused_and_learns_nothing() {
    let app = TestApp::new();
    two(&app);
    for (user, roles) in [
        ("Practitioner/d", &[][..]),
        ("Practitioner/d", &["program-director"]),
        ("Patient/p", &["emergency-access"]),
        ("RelatedPerson/r", &["emergency-access"]),
    ] {
        let refused = send(&launched(&app, user, roles), "/Observation/q-1").expect_issue(403, "forbidden");
        assert_eq!(refused.expressions(), ["http.X-Purpose-Of-Use"], "{user} {roles:?}");
    }
    send(&app.partner(), "/Observation/q-1").expect_issue(403, "forbidden");
    send(&app.patient("p"), "/Observation/p-1").expect_issue(403, "forbidden");
    send(&app.anonymous(), "/Observation/q-1").expect_issue(401, "login");
    assert!(events(&app).is_empty());
    let doctor = doctor(&app);
    for purpose in ["TREAT", "", "etreat", "ETREAT, TREAT"] {
        let sent = doctor.request("GET", "/Observation/p-1").header("x-purpose-of-use", purpose).send();
        assert_eq!(sent.expect_issue(400, "code-invalid").expressions(), ["http.X-Purpose-Of-Use"]);
    }
    let twice = doctor.request("GET", "/Observation/p-1").header("x-purpose-of-use", "ETREAT");
    twice.header("x-purpose-of-use", "ETREAT").send().expect(400);
    assert!(events(&app).is_empty());
}
