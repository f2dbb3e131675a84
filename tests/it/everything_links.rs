//! `$everything`: what a patient's record leads to, how far, and for whom.
//! <https://hl7.org/fhir/R4/patient-operation-everything.html>

use serde_json::Value;
use serde_json::json;

use crate::app::START;
use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;

/// Ann's record, with what is one, two and three steps away.
fn records(app: &TestApp) -> Client {
    let clinician = app.clinician();
    let to = |target: &str| json!({ "reference": target });
    for resource in [
        json!({ "resourceType": "Organization", "id": "trust", "name": "Three steps" }),
        json!({ "resourceType": "Organization", "id": "clinic", "name": "Clinic", "partOf": to("Organization/trust") }),
        json!({ "resourceType": "Organization", "id": "house", "name": "House", "partOf": to("Organization/trust") }),
        json!({ "resourceType": "Organization", "id": "other", "name": "Of nobody" }),
        json!({ "resourceType": "Organization", "id": "closed", "name": "Deleted" }),
        json!({ "resourceType": "Organization", "id": "maker", "name": "Of a device" }),
        json!({ "resourceType": "Practitioner", "id": "nurse", "name": [{ "family": "Elm" }] }),
        json!({ "resourceType": "Practitioner", "id": "other", "name": [{ "family": "Ash" }] }),
        json!({ "resourceType": "Location", "id": "site", "managingOrganization": to("Organization/trust") }),
        json!({ "resourceType": "Location", "id": "ward", "managingOrganization": to("Organization/house") }),
        json!({ "resourceType": "Medication", "id": "morphine", "code": { "text": "Morphine" } }),
        json!({ "resourceType": "Medication", "id": "mix", "ingredient": [{ "itemReference": to("Medication/morphine") }],
            "manufacturer": to("Organization/closed") }),
        json!({ "resourceType": "Device", "id": "pump", "owner": to("Organization/maker") }),
        json!({ "resourceType": "PractitionerRole", "id": "role", "practitioner": to("Practitioner/nurse"),
            "organization": to("Organization/clinic"), "location": [to("Location/site")] }),
        json!({ "resourceType": "PractitionerRole", "id": "other", "practitioner": to("Practitioner/other"),
            "organization": to("Organization/other") }),
        json!({ "resourceType": "Patient", "id": "otto", "name": [{ "family": "Otto" }] }),
        json!({ "resourceType": "Patient", "id": "former", "active": false }),
        json!({ "resourceType": "Patient", "id": "ann", "name": [{ "family": "Ann" }],
            "link": [{ "other": to("Patient/former"), "type": "replaces" }] }),
        json!({ "resourceType": "Patient", "id": "twin", "link": [{ "other": to("Patient/ann"), "type": "seealso" }] }),
        json!({ "resourceType": "Patient", "id": "gone", "link": [{ "other": to("Patient/ann"), "type": "seealso" }] }),
        json!({ "resourceType": "Observation", "id": "pain", "status": "final", "code": { "text": "Pain" },
            "subject": to("Patient/ann"), "performer": [to("PractitionerRole/role")], "device": to("Device/pump") }),
        json!({ "resourceType": "Encounter", "id": "visit", "status": "finished", "subject": to("Patient/ann"),
            "class": { "code": "AMB" }, "location": [{ "location": to("Location/ward") }] }),
        json!({ "resourceType": "MedicationRequest", "id": "order", "status": "active", "intent": "order",
            "medicationReference": to("Medication/mix"), "subject": to("Patient/ann") }),
        json!({ "resourceType": "Observation", "id": "of-twin", "status": "final", "code": { "text": "Pain" },
            "subject": to("Patient/twin"), "performer": [to("PractitionerRole/other")] }),
        roster("roster", &["Patient/ann", "Patient/otto"]),
        roster("others", &["Patient/otto"]),
        roster("former", &["Patient/ann"]),
    ] {
        clinician.store(&resource);
    }
    for gone in ["/Patient/gone", "/Group/former", "/Organization/closed"] {
        clinician.delete(gone).expect(204);
    }
    clinician
}

fn roster(id: &str, members: &[&str]) -> Value {
    let member: Vec<Value> = members.iter().map(|one| json!({ "entity": { "reference": one } })).collect();
    json!({ "resourceType": "Group", "id": id, "type": "person", "actual": true, "member": member })
}

/// What is Ann's own.
const OWN: [&str; 4] = ["Encounter/visit", "MedicationRequest/order", "Observation/pain", "Patient/ann"];

/// What that leads to, in one step and in two, and what stands beside it.
const LINKED: [&str; 13] = [
    "Device/pump",
    "Group/roster",
    "Location/site",
    "Location/ward",
    "Medication/mix",
    "Medication/morphine",
    "Organization/clinic",
    "Organization/house",
    "Organization/maker",
    "Patient/former",
    "Patient/twin",
    "Practitioner/nurse",
    "PractitionerRole/role",
];

fn of_mode(reply: &Reply, mode: &str) -> Vec<String> {
    let bundle = reply.json();
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let own = entries.iter().filter(|entry| entry["search"]["mode"] == mode);
    let named = own.map(|entry| {
        let (ty, id) = (&entry["resource"]["resourceType"], &entry["resource"]["id"]);
        format!("{}/{}", ty.as_str().unwrap(), id.as_str().unwrap_or_default())
    });
    sorted(named.collect())
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

const PATH: &str = "/Patient/ann/$everything";

#[test]
fn a_record_leads_two_steps_and_to_groups_and_linked_patients() {
    let app = TestApp::new();
    let clinician = records(&app);
    let reply = clinician.get(PATH).expect(200);
    assert_eq!(of_mode(&reply, "match"), OWN);
    assert_eq!(of_mode(&reply, "include"), LINKED);
    assert_eq!(reply.json()["total"], OWN.len());
    // an encounter's leads as far, and to no groups
    let reply = clinician.get("/Encounter/visit/$everything").expect(200);
    assert_eq!(of_mode(&reply, "include"), ["Location/ward", "Organization/house"]);
    // a patient on whom nothing depends but a roster
    let reply = clinician.get("/Patient/otto/$everything").expect(200);
    assert_eq!(of_mode(&reply, "include"), ["Group/others", "Group/roster"]);
    let reply = clinician.get("/Patient/former/$everything").expect(200);
    assert_eq!(of_mode(&reply, "include"), ["Patient/ann"], "a link is followed from both ends");
}

#[test]
fn pages_hold_what_is_two_steps_away_once() {
    let app = TestApp::new();
    let clinician = records(&app);
    for count in 1..=18 {
        let mut link = Some(format!("{PATH}?_count={count}"));
        let mut seen = Vec::new();
        while let Some(url) = link {
            let reply = clinician.get(&url).expect(200);
            assert!(reply.references().len() <= count, "{count}");
            seen.extend(reply.references());
            link = reply.link("next");
            // what is linked gets new versions meanwhile
            clinician.store(&json!({ "resourceType": "Practitioner", "id": "nurse", "active": true }));
            clinician.store(&roster("roster", &["Patient/ann"]));
        }
        let all = OWN.iter().chain(&LINKED).map(|name| (*name).to_owned());
        assert_eq!(sorted(seen), sorted(all.collect()), "{count}");
    }
}

#[test]
fn types_and_times_narrow_what_is_shown_and_not_the_way_to_it() {
    let app = TestApp::new();
    let clinician = records(&app);
    app.clock().set(START + 60_000_000);
    clinician.store(&json!({ "resourceType": "Practitioner", "id": "nurse", "active": true }));
    clinician.store(&roster("roster", &["Patient/ann"]));
    let cases: [(&str, &[&str]); 7] = [
        ("_type=Practitioner", &["Practitioner/nurse"]),
        ("_type=Organization", &["Organization/clinic", "Organization/house", "Organization/maker"]),
        ("_type=Group", &["Group/roster"]),
        ("_type=Patient", &["Patient/ann", "Patient/former", "Patient/twin"]),
        (
            "_type=Medication,Location",
            &["Location/site", "Location/ward", "Medication/mix", "Medication/morphine"],
        ),
        ("_type=Goal", &[]),
        ("_since=2026-03-01T12:01:00Z", &["Group/roster", "Practitioner/nurse"]),
    ];
    for (query, expected) in cases {
        let reply = clinician.get(&format!("{PATH}?{query}")).expect(200);
        assert_eq!(sorted(reply.references()), expected, "{query}");
    }
}

#[test]
fn a_patients_token_is_led_one_step_to_no_group_and_to_no_other_patient() {
    let app = TestApp::new();
    records(&app);
    let ann = app.patient("ann");
    let reply = ann.get(PATH).expect(200);
    assert_eq!(of_mode(&reply, "match"), OWN);
    // devices are closed to patients, and so is what they lead to
    let first = ["Location/ward", "Medication/mix", "PractitionerRole/role"];
    assert_eq!(of_mode(&reply, "include"), first);
    for hidden in LINKED.iter().filter(|name| !first.contains(name)) {
        assert!(!reply.text().contains(&format!("fhir/{hidden}\"")), "{hidden}");
    }
    for hidden in ["/Practitioner/nurse", "/Organization/house", "/Patient/twin", "/Patient/former"] {
        ann.get(hidden).expect_issue(404, "not-found");
    }
    for asked in ["_type=Group", "_type=Organization,Practitioner"] {
        let reply = ann.get(&format!("{PATH}?{asked}")).expect(200);
        assert_eq!(of_mode(&reply, "include"), [""; 0], "{asked}");
    }
    assert_eq!(of_mode(&ann.get(&format!("{PATH}?_type=Patient")).expect(200), "include"), [""; 0]);
    // what her token says of itself beside it opens the second step, and no more than that
    let open = app.with_claims(json!({ "sub": "ann", "patient": "ann", "fhirUser": "Practitioner/nurse",
        "scope": "patient/*.rs user/Organization.rs user/Practitioner.rs" }));
    let reply = open.get(&format!("{PATH}?_type=Organization,Practitioner")).expect(200);
    assert_eq!(
        of_mode(&reply, "include"),
        ["Organization/clinic", "Organization/house", "Practitioner/nurse"]
    );
    app.patient("otto").get(PATH).expect_issue(404, "not-found");
    app.stranger().get(PATH).expect_issue(403, "forbidden");
    app.anonymous().get(PATH).expect_issue(401, "login");
}

#[test]
fn what_the_scope_hides_leads_nowhere() {
    let app = TestApp::new();
    records(&app);
    let linked = |scope: &str| of_mode(&app.with_scope(scope).get(PATH).expect(200), "include");
    let own = "user/Patient.rs user/Observation.rs user/Encounter.rs";
    assert_eq!(
        linked(&format!("{own} user/Practitioner.rs user/Organization.rs")),
        ["Patient/former", "Patient/twin"],
        "the role, the ward and the pump do not show"
    );
    assert_eq!(
        linked(&format!("{own} user/PractitionerRole.rs user/Practitioner.rs")),
        ["Patient/former", "Patient/twin", "Practitioner/nurse", "PractitionerRole/role"]
    );
    assert_eq!(
        linked("user/Patient.rs user/Group.rs user/PractitionerRole.rs user/Practitioner.rs"),
        ["Group/roster", "Patient/former", "Patient/twin"],
        "the observation that names the role does not show"
    );
    let told = |scope: &str| {
        let reply = app.with_scope(scope).get(PATH).expect(200);
        reply.resources().pop().unwrap()["issue"][0]["details"]["text"].as_str().unwrap().contains(" Group,")
    };
    assert!(told(own), "rosters are left out");
    assert!(!told(&format!("{own} user/Group.rs")));
}
