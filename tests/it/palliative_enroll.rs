//! `$palliative-enroll` over HTTP. The guards themselves are tested where they stand.

use serde_json::json;

use crate::app::START;
use crate::app::TestApp;
use crate::programme::act;
use crate::programme::consented;
use crate::programme::is_refused_to_others;
use crate::programme::parameters;
use crate::programme::part;
use crate::programme::person;
use crate::programme::refer;
use crate::programme::state;
use crate::programme::wish;

const DAY: i64 = 86_400_000_000;

#[test]
fn an_enrolment_starts_the_service() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = consented(&clinician, "p");
    let path = format!("/EpisodeOfCare/{id}/$palliative-enroll");
    let mut dry = wish("p");
    dry["parameter"].as_array_mut().unwrap().push(json!({ "name": "dryRun", "valueBoolean": true }));
    clinician.post(&path, &dry).expect(200);
    assert_eq!(state(&clinician.get(&format!("/EpisodeOfCare/{id}")).expect(200).json()), "consented");
    let reply = clinician.post(&path, &wish("p")).expect(200);
    let episode = part(&reply, "episode");
    assert_eq!(
        (state(&episode), &episode["status"], &episode["period"]["start"]),
        ("enrolled".to_owned(), &json!("active"), &json!("2026-03-01"))
    );
    assert_eq!(episode["careManager"]["reference"], "Practitioner/nurse");
    assert_eq!(part(&reply, "flag")["code"]["coding"][0]["code"], "palliative-enrolled");
    assert_eq!(part(&reply, "task")["status"], "completed");
    let again = clinician.post(&path, &wish("p")).expect(200);
    assert_eq!(part(&again, "episode")["meta"]["versionId"], episode["meta"]["versionId"]);
    let mut other = wish("p");
    other["parameter"][0]["valueDate"] = json!("2026-03-02");
    assert_eq!(clinician.post(&path, &other).expect(409).details(), ["invalid-transition"]);
    // Where none is asked for, the last stratification gives the tier, also one from before the referral.
    person(&clinician, "r");
    let record = parameters(json!([{ "name": "record", "valueBoolean": true }]));
    let tier = part(&clinician.post("/Patient/r/$palliative-stratify", &record).expect(200), "tier");
    let id = consented(&clinician, "r");
    let mut wish = wish("r");
    wish["parameter"].as_array_mut().unwrap().retain(|one| one["name"] != "tier");
    let episode = part(
        &clinician.post(&format!("/EpisodeOfCare/{id}/$palliative-enroll"), &wish).expect(200),
        "episode",
    );
    let extensions = episode["extension"].as_array().unwrap();
    let held = extensions.iter().find(|one| one["url"].as_str().unwrap().ends_with("/risk-tier")).unwrap();
    assert_eq!(
        (&held["extension"][0]["valueCode"], &held["extension"][1]["valueDate"]),
        (&tier, &json!("2026-03-01"))
    );
}

#[test]
fn one_who_was_on_the_waiting_list_for_long_enrols_once_a_new_screening_is_recorded() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = consented(&clinician, "p");
    act(&clinician, &id, "waitlist", json!([])).expect(200);
    app.clock().set(START + 40 * DAY);
    let path = format!("/EpisodeOfCare/{id}/$palliative-enroll");
    let mut late = wish("p");
    late["parameter"][0]["valueDate"] = json!("2026-04-09");
    let refused = clinician.post(&path, &late).expect_issue(422, "business-rule");
    assert_eq!(refused.details(), ["not-eligible"]);
    assert!(refused.text().contains("$palliative-screen"), "{}", refused.text());
    let record = parameters(json!([{ "name": "record", "valueBoolean": true }]));
    clinician.post("/Patient/p/$palliative-screen", &record).expect(200);
    let episode = part(&clinician.post(&path, &late).expect(200), "episode");
    let url = "https://comfrey.health/fhir/StructureDefinition/eligibility-evidence";
    let evidence = episode["extension"].as_array().unwrap().iter().find(|one| one["url"] == url).unwrap();
    assert!(evidence.to_string().contains("\"asOf\",\"valueDate\":\"2026-04-10\""), "{evidence}");
}

#[test]
fn the_state_is_refused_alone_and_all_else_together() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let early = refer(&clinician, "p");
    let refused = clinician.post(&format!("/EpisodeOfCare/{early}/$palliative-enroll"), &wish("p"));
    assert_eq!(refused.expect_issue(409, "conflict").details(), ["invalid-transition"]);
    let id = consented(&clinician, "q");
    let mut consent = clinician.get("/Consent/q-consent").expect(200).json();
    consent["status"] = json!("inactive");
    clinician.put("/Consent/q-consent", &consent).expect(200);
    clinician.store(&json!({ "resourceType": "Flag", "id": "election", "status": "active", "subject": { "reference": "Patient/q" },
        "code": { "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/palliative-flag", "code": "hospice-election" }] },
        "period": { "start": "2026-01-10" } }));
    let mut body = wish("q");
    body["parameter"][1]["valueCode"] = json!("ed");
    body["parameter"][2]["valueReference"]["reference"] = json!("Coverage/p-coverage");
    let reply = clinician
        .post(&format!("/EpisodeOfCare/{id}/$palliative-enroll"), &body)
        .expect_issue(422, "business-rule");
    assert_eq!(reply.details(), ["consent-invalid", "hospice-active", "coverage-inactive", "setting"]);
    assert_eq!(reply.expressions()[0], "Parameters.parameter.where(name='consent')");
}

#[test]
fn a_team_and_an_agreement_can_be_sent_along() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = consented(&clinician, "p");
    let mut body = wish("p");
    let mut team = crate::programme::team("p");
    team.as_object_mut().unwrap().remove("id");
    let mut consent = crate::programme::agreement("p");
    consent.as_object_mut().unwrap().remove("id");
    body["parameter"][3] = json!({ "name": "careTeam", "resource": team });
    body["parameter"].as_array_mut().unwrap().push(json!({ "name": "consent", "resource": consent }));
    let reply = clinician.post(&format!("/EpisodeOfCare/{id}/$palliative-enroll"), &body).expect(200);
    let written = part(&reply, "careTeam");
    let reference = format!("CareTeam/{}", written["id"].as_str().unwrap());
    assert_eq!(part(&reply, "episode")["team"][0]["reference"], reference);
    assert_eq!(clinician.get("/Consent?patient=Patient/p").expect(200).resources().len(), 2);
}

#[test]
fn nobody_enrols_without_the_right_to() {
    let app = TestApp::new();
    let id = consented(&app.clinician(), "p");
    is_refused_to_others(&app, &format!("/EpisodeOfCare/{id}/$palliative-enroll"), &wish("p"));
    assert_eq!(state(&app.clinician().get(&format!("/EpisodeOfCare/{id}")).expect(200).json()), "consented");
}

#[test]
fn the_roles_of_the_tier_are_missed_together_with_all_else() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = consented(&clinician, "p");
    let service = "/HealthcareService/default";
    let mut programme = clinician.get(service).expect(200).json();
    let row = json!({ "url": "tierRole", "extension": [
        { "url": "tier", "valueCode": "tier-3" }, { "url": "role", "valueString": "chaplain" }] });
    programme["extension"][0]["extension"].as_array_mut().unwrap().push(row);
    clinician.put(service, &programme).expect(200);
    let path = format!("/EpisodeOfCare/{id}/$palliative-enroll");
    let mut body = wish("p");
    body["parameter"][1]["valueCode"] = json!("ed");
    let reply = clinician.post(&path, &body).expect_issue(422, "business-rule");
    assert_eq!(reply.details(), ["roles-missing", "setting"]);
    assert_eq!(reply.expressions()[0], "Parameters.parameter.where(name='careTeam')");
    let mut lower = wish("p");
    lower["parameter"][4]["valueCode"] = json!("tier-2");
    clinician.post(&path, &lower).expect(200);
}
