//! What the patient's own access may not reach by way of a decision: orders, elections, other people's resources, and
//! names that are not theirs. <https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;
use crate::lifecycle_actors::DECIDES;
use crate::lifecycle_actors::REFERS;
use crate::lifecycle_actors::because;
use crate::lifecycle_actors::eligible;
use crate::lifecycle_actors::own;
use crate::lifecycle_actors::own_referral;
use crate::lifecycle_actors::transfer;
use crate::programme::act;
use crate::programme::consented;
use crate::programme::part;
use crate::programme::person;
use crate::programme::referral;
use crate::programme::state;

const REFER: &str = "/Patient/p/$palliative-refer";

fn order(id: &str, patient: &str, code: &str) -> Value {
    json!({ "resourceType": "ServiceRequest", "id": id, "status": "active", "intent": "order",
        "code": { "coding": [{ "system": "http://snomed.info/sct", "code": code }] },
        "subject": { "reference": format!("Patient/{patient}") }, "performer": [{ "reference": "Patient/p" }] })
}

fn with(mut body: Value, name: &str, value: (&str, Value)) -> Value {
    body["parameter"].as_array_mut().unwrap().push(json!({ "name": name, value.0: value.1 }));
    body
}

fn naming(body: Value, to: &str) -> Value {
    with(body, "serviceRequest", ("valueReference", json!({ "reference": to })))
}

fn patch(client: &Client, path: &str, document: &Value) -> Reply {
    client.request("PATCH", path).body("application/json-patch+json", document.to_string()).send()
}

#[test]
fn no_order_becomes_revocable_by_naming_it_as_a_referral() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = eligible(&clinician, "p");
    clinician.store(&json!({ "resourceType": "Patient", "id": "q" }));
    for (id, patient) in [("blood", "p"), ("theirs", "q")] {
        clinician.store(&order(id, patient, "396550006"));
        let add = json!([{ "op": "add", "path": "/referralRequest/-",
            "value": { "reference": format!("ServiceRequest/{id}") } }]);
        for client in [&own(&app, "p", DECIDES), &clinician] {
            let path = format!("/EpisodeOfCare/{episode}");
            patch(client, &path, &add).expect_issue(422, "business-rule");
        }
    }
    let held = own(&app, "p", &format!("{REFERS} patient/ServiceRequest.u"));
    held.post(REFER, &naming(own_referral("p"), "ServiceRequest/blood")).expect_issue(422, "business-rule");
    held.post(REFER, &naming(own_referral("p"), "ServiceRequest/theirs")).expect(400);
    clinician.post(REFER, &naming(referral(), "ServiceRequest/blood")).expect_issue(422, "business-rule");
    act(&own(&app, "p", DECIDES), &episode, "decline", because("declined-not-ready")).expect(200);
    for id in ["blood", "theirs"] {
        let order = clinician.get(&format!("/ServiceRequest/{id}")).expect(200).json();
        assert_eq!(order["status"], "active", "{id}");
    }
}

#[test]
fn a_patient_names_a_stored_referral_only_with_the_right_to_change_it() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    clinician.store(&order("palliative", "p", "306237005"));
    let body = naming(own_referral("p"), "ServiceRequest/palliative");
    own(&app, "p", REFERS).post(REFER, &body).expect_issue(403, "forbidden");
    assert!(clinician.get("/EpisodeOfCare").expect(200).resources().is_empty());
    let more = format!("{REFERS} patient/ServiceRequest.u");
    let reply = own(&app, "p", &more).post(REFER, &body).expect(201);
    assert_eq!(part(&reply, "serviceRequest")["reference"], "ServiceRequest/palliative");
}

#[test]
fn no_decision_of_a_patient_changes_what_is_another_patients() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = eligible(&clinician, "p");
    clinician.store(&json!({ "resourceType": "Patient", "id": "q" }));
    // A plan of somebody else in which the patient does something, so that it stands in their compartment too.
    clinician.store(
        &json!({ "resourceType": "CarePlan", "id": "theirs", "status": "active", "intent": "plan",
        "subject": { "reference": "Patient/q" },
        "activity": [{ "detail": { "status": "in-progress", "performer": [{ "reference": "Patient/p" }] } }],
        "extension": [{ "url": "https://comfrey.health/fhir/StructureDefinition/palliative-episode",
            "valueReference": { "reference": format!("EpisodeOfCare/{episode}") } }] }),
    );
    act(&own(&app, "p", DECIDES), &episode, "decline", because("declined-not-ready")).expect(200);
    let plan = clinician.get("/CarePlan/theirs").expect(200).json();
    assert_eq!((&plan["status"], &plan["meta"]["versionId"]), (&json!("active"), &json!("1")));
    assert_eq!(state(&clinician.get(&format!("/EpisodeOfCare/{episode}")).expect(200).json()), "declined");
}

#[test]
fn a_patients_app_refers_in_the_name_of_the_patient_or_of_one_who_is_related_to_them() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    clinician.store(&json!({ "resourceType": "Patient", "id": "q" }));
    for (id, patient) in [("spouse", "p"), ("stranger", "q")] {
        let patient = json!({ "reference": format!("Patient/{patient}") });
        clinician.store(&json!({ "resourceType": "RelatedPerson", "id": id, "patient": patient }));
    }
    let by = |who: &str, source: &str| {
        let mut body = own_referral("p");
        body["parameter"][1]["valueReference"]["reference"] = json!(who);
        body["parameter"][2]["valueCode"] = json!(source);
        body
    };
    let held = own(&app, "p", REFERS);
    for client in [&held, &own(&app, "p", "patient/*.cruds")] {
        for (who, source) in [
            ("Patient/p", "clinician"),
            ("Patient/p", "payer"),
            ("Patient/p", "algorithm"),
            ("Practitioner/gp", "self"),
            ("Patient/q", "self"),
            ("RelatedPerson/stranger", "caregiver"),
            ("RelatedPerson/nobody", "caregiver"),
        ] {
            let refused = client.post(REFER, &by(who, source)).expect_issue(403, "forbidden");
            assert_eq!(refused.details(), ["scope"], "{who} {source}");
        }
    }
    assert!(clinician.get("/ServiceRequest").expect(200).resources().is_empty());
    held.post(REFER, &by("RelatedPerson/spouse", "caregiver")).expect(201);
    held.post(REFER, &by("Patient/p", "self")).expect(200);
    clinician.post(REFER, &referral()).expect(200);
}

#[test]
fn a_patients_app_ends_an_election_of_hospice_only_with_the_right_to_change_flags() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    clinician.store(&json!({ "resourceType": "Flag", "id": "hospice", "status": "active",
        "code": { "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/palliative-flag",
            "code": "hospice-election" }] },
        "subject": { "reference": "Patient/p" }, "period": { "start": "2026-01-10" } }));
    let ended = |body: Value, end: &str| with(body, "hospiceEnd", ("valueDate", json!(end)));
    let reply = clinician.post(REFER, &ended(referral(), "2026-01-09")).expect_issue(422, "business-rule");
    assert_eq!(reply.details(), ["date-range"]);
    let body = ended(own_referral("p"), "2026-02-01");
    for scope in [REFERS.to_owned(), format!("{REFERS} patient/Flag.rs")] {
        own(&app, "p", &scope).post(REFER, &body).expect_issue(403, "forbidden");
    }
    assert_eq!(clinician.get("/Flag/hospice").expect(200).json()["status"], "active");
    own(&app, "p", &format!("{REFERS} patient/Flag.u")).post(REFER, &body).expect(201);
    let flag = clinician.get("/Flag/hospice").expect(200).json();
    assert_eq!((&flag["status"], &flag["period"]["end"]), (&json!("inactive"), &json!("2026-02-01")));
}

#[test]
fn one_who_may_only_make_episodes_for_a_patient_transfers_nobody() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(
        &json!({ "resourceType": "HealthcareService", "id": "other", "active": true, "extension": [{
        "url": "https://comfrey.health/fhir/StructureDefinition/palliative-program-settings",
        "extension": [{ "url": "acceptsConsent", "valueBoolean": true }] }] }),
    );
    let episode = consented(&clinician, "p");
    let mixed = app.with_claims(json!({ "sub": "m", "patient": "p", "fhirUser": "Practitioner/m",
        "scope": "user/EpisodeOfCare.ru patient/EpisodeOfCare.c" }));
    let refused = act(&mixed, &episode, "transfer", transfer()).expect_issue(403, "forbidden");
    assert_eq!(refused.details(), ["scope"]);
    // Nor does such a token decide for one whom it is not held to.
    let other = eligible(&clinician, "q");
    act(&mixed, &other, "decline", because("declined-not-ready")).expect_issue(403, "forbidden");
    assert_eq!(state(&clinician.get(&format!("/EpisodeOfCare/{other}")).expect(200).json()), "eligible");
}
