//! What goes with the matches of a search, over one hop and many, and for whom.
//! <https://hl7.org/fhir/R4/search.html#include>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;

/// `a` and `b` have the same doctor, who works in a ward of a hospital of a trust; each has a stay, `ea` and `eb`, in
/// that ward, and a condition, `ca` and `cb`, both of which name the stay of `b`.
fn two_patients(app: &TestApp) -> Client {
    let clinician = app.clinician();
    let reference = |to: &str| json!({ "reference": to });
    let mut all = vec![
        json!({ "resourceType": "Organization", "id": "trust", "name": "Trust" }),
        json!({ "resourceType": "Organization", "id": "hospital", "name": "Hospital", "partOf": reference("Organization/trust") }),
        json!({ "resourceType": "Organization", "id": "ward", "name": "Ward", "partOf": reference("Organization/hospital") }),
        json!({ "resourceType": "Practitioner", "id": "doctor", "name": [{ "family": "House" }] }),
        json!({ "resourceType": "PractitionerRole", "id": "role", "practitioner": reference("Practitioner/doctor"),
            "organization": reference("Organization/ward") }),
    ];
    for id in ["a", "b"] {
        let subject = reference(&format!("Patient/{id}"));
        all.extend([
            json!({ "resourceType": "Patient", "id": id, "generalPractitioner": [reference("Practitioner/doctor")] }),
            json!({ "resourceType": "Encounter", "id": format!("e{id}"), "status": "finished", "class": { "code": "IMP" },
                "subject": subject, "serviceProvider": reference("Organization/ward") }),
            json!({ "resourceType": "Condition", "id": format!("c{id}"), "subject": subject,
                "encounter": reference("Encounter/eb") }),
        ]);
    }
    for resource in all {
        clinician.store(&resource);
    }
    clinician
}

/// `Type/id` of what came, after how many matches.
fn found(client: &Client, search: &str) -> (usize, Vec<String>) {
    let reply = client.get(search).expect(200);
    let bundle = reply.json();
    let none = Vec::new();
    let entries = bundle["entry"].as_array().unwrap_or(&none);
    let is = |entry: &&Value, mode: &str| entry["search"]["mode"] == mode;
    let matches = entries.iter().filter(|entry| is(entry, "match")).count();
    let included = entries.iter().filter(|entry| is(entry, "include")).count();
    assert_eq!(matches + included, entries.len(), "{search}: {bundle}");
    let mut references = reply.references().split_off(matches);
    references.sort();
    (matches, references)
}

#[test]
fn includes_are_followed_as_far_as_they_say_and_bring_each_resource_once() {
    let app = TestApp::new();
    let clinician = two_patients(&app);
    let wards = ["Organization/hospital", "Organization/trust", "Organization/ward"];
    let table: &[(&str, usize, &[&str])] = &[
        ("/Encounter?_id=ea&_include=Encounter:service-provider", 1, &wards[2..]),
        ("/Encounter?_include=Encounter:service-provider", 2, &wards[2..]),
        (
            "/Encounter?_id=ea&_include=Encounter:service-provider&_include=Organization:partof",
            0,
            &["refused"],
        ),
        ("/Encounter?_include=Encounter:service-provider&_include:iterate=Organization:partof", 2, &wards),
        ("/Encounter?_include:recurse=Organization:partof&_include=Encounter:service-provider", 2, &wards),
        ("/Encounter?_id=ea&_include:iterate=Organization:partof", 1, &[]),
        // The matches lead on too, and what is a match is not included again.
        ("/Organization?_id=ward,hospital&_include:iterate=Organization:partof", 2, &["Organization/trust"]),
        (
            "/Organization?_id=trust&_revinclude:iterate=Organization:partof",
            1,
            &["Organization/hospital", "Organization/ward"],
        ),
        ("/Organization?_id=trust&_revinclude=Organization:partof", 1, &["Organization/hospital"]),
        // A circle ends.
        (
            "/Patient?_id=a&_include:iterate=Patient:general-practitioner&_revinclude:iterate=Patient:general-practitioner",
            1,
            &["Patient/b", "Practitioner/doctor"],
        ),
        ("/Condition?_id=ca&_include=*", 1, &["Encounter/eb", "Patient/a"]),
        ("/Condition?_id=ca&_include=Condition:*:Patient", 1, &["Patient/a"]),
        (
            "/Condition?_id=ca&_include:iterate=*",
            1,
            &[
                "Encounter/eb",
                "Organization/hospital",
                "Organization/trust",
                "Organization/ward",
                "Patient/a",
                "Patient/b",
                "Practitioner/doctor",
            ],
        ),
        ("/Patient?_id=a&_revinclude=Encounter:*", 1, &["Encounter/ea"]),
        ("/Patient?_id=a&_revinclude=*", 1, &["Condition/ca", "Encounter/ea"]),
        (
            "/Organization?_id=trust&_revinclude:iterate=*",
            1,
            &[
                "Condition/ca",
                "Condition/cb",
                "Encounter/ea",
                "Encounter/eb",
                "Organization/hospital",
                "Organization/ward",
                "PractitionerRole/role",
            ],
        ),
        (
            "/Patient?_id=a&_include=Patient:general-practitioner&_revinclude:iterate=PractitionerRole:practitioner\
             &_include:iterate=PractitionerRole:organization",
            1,
            &["Organization/ward", "Practitioner/doctor", "PractitionerRole/role"],
        ),
    ];
    for (search, matches, included) in table {
        if *included == ["refused"] {
            clinician.get(search).expect_issue(400, "invalid");
            continue;
        }
        assert_eq!(
            found(&clinician, search),
            (*matches, included.iter().map(|&one| one.to_owned()).collect()),
            "{search}"
        );
    }
}

#[test]
fn no_hop_shows_another_patients_data_or_leads_through_it() {
    let app = TestApp::new();
    two_patients(&app);
    let own = app.patient("a");
    let ward = "Organization/ward";
    let table: &[(&str, &[&str])] = &[
        ("/Condition?_include=Condition:encounter", &[]),
        ("/Condition?_include=*", &["Patient/a"]),
        // Beyond the other's stay is their ward, which the caller's own stay leads to alone.
        ("/Condition?_include=Condition:encounter&_include:iterate=Encounter:service-provider", &[]),
        ("/Condition?_include:iterate=*", &["Patient/a", "Practitioner/doctor"]),
        ("/Encounter?_include:iterate=*", &[ward, "Patient/a", "Practitioner/doctor"]),
        ("/Practitioner?_revinclude=Patient:general-practitioner", &["Patient/a"]),
        ("/Practitioner?_revinclude=*", &["Patient/a"]),
        ("/Practitioner?_revinclude:iterate=*", &["Condition/ca", "Encounter/ea", "Patient/a"]),
        (
            "/Patient?_include=Patient:general-practitioner&_revinclude:iterate=Patient:general-practitioner\
             &_revinclude:iterate=Encounter:*&_revinclude:iterate=Condition:*",
            &["Condition/ca", "Encounter/ea", "Practitioner/doctor"],
        ),
        (
            "/Patient?_revinclude:iterate=Condition:subject&_include:iterate=Condition:encounter",
            &["Condition/ca"],
        ),
    ];
    for (search, included) in table {
        assert_eq!(
            found(&own, search),
            (1, included.iter().map(|&one| one.to_owned()).collect()),
            "{search}"
        );
    }
    // A type for which there is no scope is left out, at every hop.
    let some = app.with_scope("user/Encounter.rs user/Patient.rs");
    let search = "/Encounter?_id=ea&_include:iterate=*";
    assert_eq!(found(&some, search), (1, vec!["Patient/a".to_owned()]));
    app.stranger().get(search).expect_issue(403, "forbidden");
    app.anonymous().get(search).expect_issue(401, "login");
}
