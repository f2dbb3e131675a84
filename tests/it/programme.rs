//! A person who meets RS-KELLEY-B of the default programme, and the steps of an enrolment, for the tests of the
//! palliative operations.

use serde_json::Value;
use serde_json::json;

use crate::client::Client;
use crate::client::Reply;

pub const PROGRAM: &str = "HealthcareService/default";
pub const REASON: &str = "https://comfrey.health/fhir/CodeSystem/palliative-reason";

/// Stores a person with heart failure and an admission, an agreement, a coverage and a team.
pub fn person(client: &Client, id: &str) {
    let subject = json!({ "reference": format!("Patient/{id}") });
    client.store(&json!({ "resourceType": "Patient", "id": id, "birthDate": "1950-05-01" }));
    client.store(&json!({ "resourceType": "Condition", "id": format!("{id}-hf"), "subject": subject,
        "clinicalStatus": { "coding": [{ "code": "active", "system": "http://terminology.hl7.org/CodeSystem/condition-clinical" }] },
        "code": { "coding": [{ "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I50.22" }] },
        "recordedDate": "2026-01-15" }));
    client.store(&json!({ "resourceType": "Encounter", "id": format!("{id}-stay"), "status": "finished", "subject": subject,
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP" },
        "period": { "start": "2025-12-01T10:00:00-08:00", "end": "2025-12-05T10:00:00-08:00" } }));
    for resource in [agreement(id), coverage(id), team(id)] {
        client.store(&resource);
    }
}

/// The person's agreement to take part.
pub fn agreement(id: &str) -> Value {
    json!({ "resourceType": "Consent", "id": format!("{id}-consent"), "status": "active",
        "scope": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "treatment" }] },
        "category": [{ "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/palliative-consent-category",
            "code": "palliative-enrollment" }] }],
        "patient": { "reference": format!("Patient/{id}") }, "dateTime": "2026-02-20",
        "performer": [{ "reference": format!("Patient/{id}") }], "policy": [{ "uri": "https://example.org/agreement" }],
        "sourceAttachment": { "contentType": "text/plain", "data": "eWVz" } })
}

/// A coverage by Medicaid managed care.
pub fn coverage(id: &str) -> Value {
    json!({ "resourceType": "Coverage", "id": format!("{id}-coverage"), "status": "active",
        "type": { "coding": [{ "system": "https://nahdo.org/sopt", "code": "211" }] },
        "beneficiary": { "reference": format!("Patient/{id}") }, "payor": [{ "display": "The plan" }],
        "period": { "start": "2025-01-01" } })
}

/// A nurse and a social worker.
pub fn team(id: &str) -> Value {
    let member = |code: &str, who: &str| {
        json!({ "role": [{ "coding": [{ "system": "http://snomed.info/sct", "code": code }] }],
            "member": { "reference": format!("Practitioner/{who}") } })
    };
    json!({ "resourceType": "CareTeam", "id": format!("{id}-team"), "status": "active",
        "subject": { "reference": format!("Patient/{id}") },
        "participant": [member("224535009", "nurse"), member("106328005", "social")] })
}

/// The parameters of a referral.
pub fn referral() -> Value {
    parameters(json!([
        { "name": "program", "valueReference": { "reference": PROGRAM } },
        { "name": "requester", "valueReference": { "reference": "Practitioner/gp" } },
        { "name": "source", "valueCode": "clinician" },
        { "name": "receivedDate", "valueDate": "2026-02-15" },
        { "name": "reason", "valueCodeableConcept": { "text": "Breathless at home, two hospital stays" } },
    ]))
}

pub fn parameters(parameter: Value) -> Value {
    json!({ "resourceType": "Parameters", "parameter": parameter })
}

/// Refers the person; the id of the episode.
pub fn refer(client: &Client, id: &str) -> String {
    let reply = client.post(&format!("/Patient/{id}/$palliative-refer"), &referral()).expect(201);
    part(&reply, "episode")["id"].as_str().unwrap().to_owned()
}

/// Does one action.
pub fn act(client: &Client, episode: &str, action: &str, mut more: Value) -> Reply {
    let list = more.as_array_mut().unwrap();
    list.insert(0, json!({ "name": "action", "valueCode": action }));
    client.post(&format!("/EpisodeOfCare/{episode}/$palliative-transition"), &parameters(more))
}

/// What most actions take: the reason, the day unless something is undone, and whose decision it was where that is asked.
pub fn because(reason: &str) -> Value {
    let mut inputs = vec![json!({ "name": "reason", "valueCoding": { "system": REASON, "code": reason } })];
    if reason != "recorded-in-error" {
        inputs.push(json!({ "name": "effectiveDate", "valueDate": "2026-03-01" }));
    }
    let who = match reason {
        "unable-to-contact" | "duplicate" | "wrong-patient" | "recorded-in-error" => None,
        hold if hold.starts_with("hold") => None,
        decline if decline.starts_with("declined") => Some("decidedBy"),
        _ => Some("initiatedBy"),
    };
    inputs.extend(who.map(|who| json!({ "name": who, "valueCode": "patient" })));
    Value::Array(inputs)
}

/// The parameters of the agreement.
pub fn agreed(id: &str) -> Value {
    json!([{ "name": "consent", "valueReference": { "reference": format!("Consent/{id}-consent") } },
        { "name": "decidedBy", "valueCode": "patient" }])
}

/// The parameters of the enrolment.
pub fn wish(id: &str) -> Value {
    parameters(json!([
        { "name": "startDate", "valueDate": "2026-03-01" },
        { "name": "setting", "valueCode": "home" },
        { "name": "coverage", "valueReference": { "reference": format!("Coverage/{id}-coverage") } },
        { "name": "careTeam", "valueReference": { "reference": format!("CareTeam/{id}-team") } },
        { "name": "tier", "valueCode": "tier-3" },
    ]))
}

/// A person who has agreed; the id of the episode.
pub fn consented(client: &Client, id: &str) -> String {
    person(client, id);
    let episode = refer(client, id);
    act(client, &episode, "screen", json!([])).expect(200);
    act(client, &episode, "determine", json!([])).expect(200);
    act(client, &episode, "consent", agreed(id)).expect(200);
    episode
}

/// A person who is enrolled; the id of the episode.
pub fn enrolled(client: &Client, id: &str) -> String {
    let episode = consented(client, id);
    client.post(&format!("/EpisodeOfCare/{episode}/$palliative-enroll"), &wish(id)).expect(200);
    episode
}

/// The resource or value of a parameter of the answer.
pub fn part(reply: &Reply, name: &str) -> Value {
    parts(reply, name).into_iter().next().unwrap_or_default()
}

/// All of that name.
pub fn parts(reply: &Reply, name: &str) -> Vec<Value> {
    let json = reply.json();
    let list = json["parameter"].as_array().cloned().unwrap_or_default();
    let of_name = list.into_iter().filter(|one| one["name"] == name);
    of_name
        .map(|one| {
            let value = one.as_object().unwrap().iter().find(|(key, _)| key.starts_with("value"));
            match (one.get("resource"), value) {
                (Some(resource), _) => resource.clone(),
                (None, Some((_, value))) => value.clone(),
                (None, None) => one,
            }
        })
        .collect()
}

/// The fine state of an episode.
pub fn state(episode: &Value) -> String {
    let url = "https://comfrey.health/fhir/StructureDefinition/enrollment-state";
    let extensions = episode["extension"].as_array().unwrap();
    let one = extensions.iter().find(|one| one["url"] == url).unwrap();
    one["valueCoding"]["code"].as_str().unwrap().to_owned()
}

/// Tries an operation without a token, with a token that may only read, and with another patient's.
pub fn is_refused_to_others(app: &crate::app::TestApp, path: &str, body: &Value) {
    app.anonymous().post(path, body).expect(401);
    app.stranger().post(path, body).expect(403);
    app.partner().post(path, body).expect(403);
    let other = serde_json::json!({ "sub": "other", "scope": "patient/*.cruds", "patient": "other",
        "fhirUser": "Patient/other" });
    let reply = app.with_claims(other).post(path, body);
    assert!(matches!(reply.status, 403 | 404), "{} {}", reply.status, reply.text());
}
