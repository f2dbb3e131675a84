//! What other records of a person say of a death and of hospice, and the payers that allow hospice beside a programme: screening,
//! case finding and enrolment give one answer. <https://hl7.org/fhir/R4/patient-definitions.html#Patient.link>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;
use crate::programme::PROGRAM;
use crate::programme::consented;
use crate::programme::coverage;
use crate::programme::parameters;
use crate::programme::part;
use crate::programme::parts;
use crate::programme::person;
use crate::programme::wish;

const KELLEY: &str = "https://comfrey.health/fhir/PlanDefinition/RS-KELLEY-B";

/// Another record of the person, which says this of them.
fn another_record(clinician: &Client, says: &Value) {
    let mut other = json!({ "resourceType": "Patient", "id": "other", "birthDate": "1950-05-01",
        "link": [{ "type": "seealso", "other": { "reference": "Patient/p" } }] });
    other.as_object_mut().unwrap().extend(says.as_object().unwrap().clone());
    clinician.store(&other);
}

fn election(patient: &str, (status, start, end): (&str, &str, Option<&str>)) -> Value {
    let mut period = json!({ "start": start });
    if let Some(end) = end {
        period["end"] = json!(end);
    }
    json!({ "resourceType": "Flag", "id": "elected-elsewhere", "status": status, "period": period,
        "subject": { "reference": format!("Patient/{patient}") },
        "code": { "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/palliative-flag",
            "code": "hospice-election" }] } })
}

fn screened(client: &Client, query: &str) -> Reply {
    client.get(&format!("/Patient/p/$palliative-screen?ruleSet={KELLEY}{query}")).expect(200)
}

fn outcome(reply: &Reply) -> String {
    let result = part(reply, "result");
    let parts = result["part"].as_array().unwrap();
    parts.iter().find(|one| one["name"] == "outcome").unwrap()["valueCode"].as_str().unwrap().to_owned()
}

/// Whether the person is listed as a candidate; and as of a day, for which nothing is kept.
fn is_listed(client: &Client, program: &str, as_of: Option<&str>) -> bool {
    let mut asked = json!([{ "name": "program", "valueReference": { "reference": program } }]);
    if let Some(day) = as_of {
        asked.as_array_mut().unwrap().push(json!({ "name": "asOf", "valueDate": day }));
    }
    let reply = client.post("/$palliative-identify", &parameters(asked)).expect(200);
    let list = part(&reply, "candidates");
    let entries = list["entry"].as_array().cloned().unwrap_or_default();
    entries.iter().any(|entry| entry["item"]["reference"] == "Patient/p")
}

/// What all of them say today, and of a day before.
fn said(client: &Client, query: &str) -> (String, bool) {
    let day = query.strip_prefix("&asOf=");
    (outcome(&screened(client, query)), is_listed(client, PROGRAM, day))
}

fn is(outcome: &str, listed: bool) -> (String, bool) {
    (outcome.to_owned(), listed)
}

#[test]
fn hospice_that_another_record_of_the_person_has_elected_excludes_in_every_reading() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = consented(&clinician, "p");
    another_record(&clinician, &json!({}));
    assert_eq!(outcome(&screened(&clinician, "")), "eligible");
    clinician.store(&election("other", ("active", "2026-02-10", None)));
    let reply = screened(&clinician, "");
    assert_eq!(outcome(&reply), "excluded");
    assert!(
        !reply.text().contains("elected-elsewhere") && !reply.text().contains("Patient/other"),
        "it is not named"
    );
    let refused =
        clinician.post(&format!("/EpisodeOfCare/{episode}/$palliative-enroll"), &wish("p")).expect(422);
    assert!(refused.text().contains("hospice-active"), "{}", refused.text());
    let status = |query: &str| {
        let reply = clinician.get(&format!("/Patient/p/$palliative-status{query}")).expect(200);
        parts_of(&part(&reply, "program"), "hospice")[0]["valueBoolean"].clone()
    };
    assert_eq!((status(""), status("?asOf=2026-02-15")), (json!(true), json!(true)));
    // the day before it nobody was in hospice
    assert_eq!(outcome(&screened(&clinician, "&asOf=2026-02-09")), "eligible");
    for path in ["/Patient/p/$palliative-screen", "/Patient/p/$palliative-status"] {
        app.anonymous().get(path).expect(401);
        app.stranger().get(path).expect(403);
        let other = app.patient("q").get(path);
        assert!(matches!(other.status, 403 | 404), "{path}: {}", other.status);
    }
}

#[test]
fn a_candidate_comes_and_goes_with_the_hospice_of_another_record() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    another_record(&clinician, &json!({}));
    assert_eq!(said(&clinician, ""), is("eligible", true));
    clinician.store(&election("other", ("active", "2026-02-10", None)));
    assert_eq!(said(&clinician, ""), is("excluded", false));
    assert_eq!(said(&clinician, "&asOf=2026-02-09"), is("eligible", true));
    assert_eq!(said(&clinician, "&asOf=2026-02-10"), is("excluded", false));
    // revoked: the day on which it ended is free again
    clinician.store(&election("other", ("inactive", "2026-02-10", Some("2026-02-20"))));
    assert_eq!(said(&clinician, ""), is("eligible", true));
    assert_eq!(said(&clinician, "&asOf=2026-02-19"), is("excluded", false));
    assert_eq!(said(&clinician, "&asOf=2026-02-20"), is("eligible", true));
    clinician.store(&election("other", ("entered-in-error", "2026-02-10", None)));
    assert_eq!(said(&clinician, ""), is("eligible", true));
    clinician.store(&election("other", ("active", "2026-02-10", None)));
    assert_eq!(said(&clinician, ""), is("excluded", false));
    // two people after all
    clinician.store(&json!({ "resourceType": "Patient", "id": "other", "birthDate": "1950-05-01" }));
    assert_eq!(said(&clinician, ""), is("eligible", true));
}

#[test]
fn of_two_records_that_tell_of_a_death_the_earlier_is_heard_though_it_is_the_other_one() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    // a slip of the pen: the day is to come
    let mut own = clinician.get("/Patient/p").expect(200).json();
    own["deceasedDateTime"] = json!("2026-12-20");
    clinician.put("/Patient/p", &own).expect(200);
    assert_eq!(said(&clinician, ""), is("eligible", true));
    another_record(&clinician, &json!({ "deceasedDateTime": "2026-02-20" }));
    assert_eq!(said(&clinician, ""), is("not-eligible", false));
    assert_eq!(said(&clinician, "&asOf=2026-02-20"), is("not-eligible", false));
    assert_eq!(said(&clinician, "&asOf=2026-02-19"), is("eligible", true));
    another_record(&clinician, &json!({ "deceasedBoolean": true }));
    assert_eq!(said(&clinician, ""), is("not-eligible", false));
    another_record(&clinician, &json!({}));
    assert_eq!(said(&clinician, ""), is("eligible", true));
}

/// A second programme with the same rules, which serves veterans beside hospice.
fn of_veterans(clinician: &Client) {
    let mut programme = clinician.get(&format!("/{PROGRAM}")).expect(200).json();
    programme["id"] = json!("veterans");
    let settings = programme["extension"][0]["extension"].as_array_mut().unwrap();
    settings.retain(|one| one["url"] != "hospicePolicy");
    settings.push(json!({ "url": "hospicePolicy", "valueCode": "concurrent" }));
    settings.push(json!({ "url": "concurrentLob", "valueCode": "va-dod-ihs" }));
    clinician.store(&programme);
}

#[test]
fn a_rule_set_does_not_exclude_for_hospice_where_the_programme_serves_the_person_beside_it() {
    const VETERANS: &str = "HealthcareService/veterans";
    let app = TestApp::new();
    let clinician = app.clinician();
    of_veterans(&clinician);
    person(&clinician, "p");
    clinician.store(&election("p", ("active", "2026-02-10", None)));
    let both = || {
        let of = |program: &str| {
            (
                outcome(&screened(&clinician, &format!("&program={program}"))),
                is_listed(&clinician, program, None),
            )
        };
        [of(PROGRAM), of(VETERANS)]
    };
    assert_eq!(both(), [is("excluded", false), is("excluded", false)], "Medicaid never allows both");
    let mut veteran = coverage("p");
    veteran["type"] = json!({ "coding": [{ "system": "https://nahdo.org/sopt", "code": "32" }] });
    veteran["period"] = json!({ "start": "2026-02-15" });
    clinician.store(&veteran);
    assert_eq!(both(), [is("excluded", false), is("eligible", true)]);
    let as_of = |day: &str| outcome(&screened(&clinician, &format!("&program={VETERANS}&asOf={day}")));
    assert_eq!((as_of("2026-02-14"), as_of("2026-02-15")), ("excluded".to_owned(), "eligible".to_owned()));
    // the criterion is told with the Flag that shows it, and as what it is here
    let reply = screened(&clinician, &format!("&program={VETERANS}"));
    let result = part(&reply, "result");
    let hospice =
        parts_of(&result, "criterion").into_iter().find(|one| one.to_string().contains("hospice-active"));
    let hospice = hospice.unwrap();
    let value = |name: &str| parts_of(&hospice, name)[0].clone();
    assert_eq!(value("state")["valueCode"], "not-met");
    assert_eq!(value("evidence")["valueReference"]["reference"], "Flag/elected-elsewhere");
    assert!(parts(&reply, "result").len() == 1);
}

fn parts_of(parent: &Value, name: &str) -> Vec<Value> {
    let all = parent["part"].as_array().cloned().unwrap_or_default();
    all.into_iter().filter(|one| one["name"] == name).collect()
}
