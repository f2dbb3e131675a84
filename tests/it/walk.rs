//! The whole way of one person: records in, referral, screening, agreement, enrolment, care plan, and a partner who
//! reads it.

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::programme::act;
use crate::programme::agreed;
use crate::programme::agreement;
use crate::programme::coverage;
use crate::programme::parameters;
use crate::programme::part;
use crate::programme::parts;
use crate::programme::refer;
use crate::programme::state;
use crate::programme::team;
use crate::programme::wish;

const ADULT: &str = "https://comfrey.health/fhir/PlanDefinition/RS-CA-ADULT";

fn attested(patient: &str, code: &str) -> Value {
    json!({ "resourceType": "Observation", "status": "final", "subject": { "reference": format!("Patient/{patient}") },
        "code": { "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/palliative-observation", "code": code }] },
        "effectiveDateTime": "2026-02-25", "performer": [{ "reference": "Practitioner/doctor" }], "valueBoolean": true })
}

fn oxygen(patient: &str) -> Value {
    json!({ "resourceType": "Observation", "status": "final", "subject": { "reference": format!("Patient/{patient}") },
        "code": { "coding": [{ "system": "http://loinc.org", "code": "3151-8" }] }, "effectiveDateTime": "2026-02-25",
        "valueQuantity": { "value": 3, "unit": "L/min", "system": "http://unitsofmeasure.org", "code": "L/min" } })
}

fn outcome(reply: &crate::client::Reply) -> Value {
    let result = part(reply, "result");
    result["part"].as_array().unwrap().iter().find(|one| one["name"] == "outcome").unwrap()["valueCode"]
        .clone()
}

#[test]
fn a_person_with_emphysema_is_referred_screened_enrolled_and_planned_for() {
    let app = TestApp::new();
    let clinician = app.clinician();
    // an EHR posts the person's record
    let bundle: Value = serde_json::from_str(include_str!("../data/luis.json")).unwrap();
    clinician.post("", &bundle).expect(200);
    let found = clinician.get("/Patient?name=Luis").expect(200).resources();
    let p = found[0]["id"].as_str().unwrap().to_owned();
    // somebody refers him; the screening knows the diagnosis and asks for the rest
    let episode = refer(&clinician, &p);
    act(&clinician, &episode, "screen", json!([])).expect(200);
    let only_adult = parameters(json!([{ "name": "ruleSet", "valueCanonical": ADULT }]));
    let screen = format!("/Patient/{p}/$palliative-screen");
    assert_eq!(outcome(&clinician.post(&screen, &only_adult).expect(200)), "indeterminate");
    let refused = act(&clinician, &episode, "determine", json!([])).expect(422);
    assert_eq!(refused.details(), ["indeterminate"]);
    // the clinician attests what records do not say
    for code in [
        "likely-hospital-use",
        "advanced-decline",
        "surprise-question-12m",
        "max-therapy-reached",
        "agrees-alternative-to-ed",
        "agrees-acp",
    ] {
        clinician.store(&attested(&p, code));
    }
    clinician.store(&oxygen(&p));
    assert_eq!(outcome(&clinician.post(&screen, &only_adult).expect(200)), "eligible");
    let determined = act(&clinician, &episode, "determine", json!([])).expect(200);
    assert_eq!(state(&part(&determined, "episode")), "eligible");
    // he is told, agrees, and is enrolled
    let outreach = json!([{ "name": "outreach", "part": [
        { "name": "method", "valueCode": "visit" },
        { "name": "by", "valueReference": { "reference": "Practitioner/nurse" } },
        { "name": "date", "valueDate": "2026-03-01" },
        { "name": "language", "valueCode": "es" },
        { "name": "interpreterUsed", "valueBoolean": true }] }]);
    act(&clinician, &episode, "offer", outreach).expect(200);
    for resource in [agreement(&p), coverage(&p), team(&p)] {
        clinician.store(&resource);
    }
    act(&clinician, &episode, "consent", agreed(&p)).expect(200);
    let enrolled =
        clinician.post(&format!("/EpisodeOfCare/{episode}/$palliative-enroll"), &wish(&p)).expect(200);
    assert_eq!(part(&enrolled, "episode")["status"], "active");
    // the care plan is written
    let apply = parameters(json!([{ "name": "mode", "valueCode": "apply" }]));
    let planned =
        clinician.post(&format!("/EpisodeOfCare/{episode}/$palliative-careplan"), &apply).expect(200);
    assert!(parts(&planned, "goals").len() >= 4);
    // a partner reads it, and so does he with his own app; nobody else's app does
    let query = format!("/CarePlan?patient=Patient/{p}&_include=CarePlan:goal");
    assert_eq!(app.partner().get(&query).expect(200).resources()[0]["resourceType"], "CarePlan");
    assert_eq!(app.patient(&p).get("/CarePlan?status=active").expect(200).resources().len(), 1);
    assert_eq!(app.patient("other").get(&query).expect(200).resources().len(), 0);
}

/// What the programme writes, and the US Core profile that it holds to. It writes no Condition and no Encounter: those come
/// from the record.
const PROFILES: &[(&str, &str)] = &[
    ("CarePlan", "us-core-careplan"),
    ("Goal", "us-core-goal"),
    ("CareTeam", "us-core-careteam"),
    ("Provenance", "us-core-provenance"),
    ("ServiceRequest", "us-core-servicerequest"),
];

#[test]
fn what_the_programme_writes_holds_to_us_core() {
    let app = TestApp::with(|config| config.validation = comfrey::config::Validation::UsCore);
    let clinician = app.clinician();
    let episode = crate::programme::consented(&clinician, "p");
    // the team comes with the enrolment, which stores it
    clinician.delete("/CareTeam/p-team").expect(204);
    let mut sent = team("p");
    sent.as_object_mut().unwrap().remove("id");
    let mut enrolment = wish("p");
    let list = enrolment["parameter"].as_array_mut().unwrap();
    list.retain(|one| one["name"] != "careTeam");
    list.push(json!({ "name": "careTeam", "resource": sent }));
    clinician.post(&format!("/EpisodeOfCare/{episode}/$palliative-enroll"), &enrolment).expect(200);
    let apply = parameters(json!([{ "name": "mode", "valueCode": "apply" }]));
    clinician.post(&format!("/EpisodeOfCare/{episode}/$palliative-careplan"), &apply).expect(200);
    let mut judged = Vec::new();
    for (ty, profile) in PROFILES {
        let url = format!("http://hl7.org/fhir/us/core/StructureDefinition/{profile}");
        for resource in clinician.get(&format!("/{ty}?patient=p")).expect(200).resources() {
            let id = resource["id"].as_str().unwrap();
            let reply = clinician.get(&format!("/{ty}/{id}/$validate?profile={url}")).expect(200);
            let issues = reply.json()["issue"].as_array().unwrap().clone();
            let wrong: Vec<_> = issues.into_iter().filter(|issue| issue["severity"] == "error").collect();
            assert!(wrong.is_empty(), "{ty}: {wrong:#?}\n{resource:#}");
            judged.push(*ty);
        }
    }
    for (ty, _) in PROFILES {
        assert!(judged.contains(ty), "{ty} of {judged:?}");
    }
    for ty in ["Condition", "Encounter"] {
        assert_eq!(
            clinician.get(&format!("/{ty}?patient=p")).expect(200).resources().len(),
            1,
            "{ty} of the record"
        );
    }
}
