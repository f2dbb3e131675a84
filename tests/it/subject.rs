//! Whom a resource is about: `subject` and `patient` share the rows of the index, and whoever asks by either finds what
//! is so now, before an index of older rules is made anew and after. <https://hl7.org/fhir/R4/search.html#reference>

use comfrey::app::upkeep;
use comfrey::fhir::ResourceType;
use comfrey::search::parameter::numbers;
use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::database::Database;
use crate::database::tamper;

fn encounter(id: &str, subject: Value) -> Value {
    json!({ "resourceType": "Encounter", "id": id, "status": "finished", "class": { "code": "AMB" },
        "subject": subject })
}

fn refers(to: &str) -> Value {
    json!({ "reference": to })
}

fn known(value: &str) -> Value {
    json!({ "type": "Patient", "identifier": { "system": "urn:mrn", "value": value } })
}

fn people(clinician: &Client) {
    for id in ["ana", "bob"] {
        clinician.store(&json!({ "resourceType": "Patient", "id": id, "name": [{ "family": id }] }));
    }
    clinician.store(&json!({ "resourceType": "Group", "id": "ana", "type": "person", "actual": true }));
}

/// All that is found, page by page, and as many as are counted.
#[track_caller]
fn found(client: &Client, search: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut link = Some(format!("{search}&_count=2"));
    while let Some(next) = link {
        let page = client.get(&next).expect(200);
        all.extend(page.references());
        link = page.link("next");
    }
    let counted = client.get(&format!("{search}&_summary=count")).expect(200).json();
    assert_eq!(counted["total"], all.len(), "{search}");
    all.sort();
    all
}

#[test]
fn what_is_about_somebody_else_now_is_found_and_seen_there_alone() {
    let app = TestApp::new();
    let (clinician, ana, bob) = (app.clinician(), app.patient("ana"), app.patient("bob"));
    people(&clinician);
    // Each state with whom it is about: ana, bob, the group, one known by the identifier.
    let states = [
        (refers("Patient/ana"), 0),
        (refers("Group/ana"), 2),
        (refers("Patient/ana/_history/1"), 0),
        (refers("Patient/bob"), 1),
        (known("7"), 3),
        (refers("Group/ana"), 2),
        (refers("Patient/ana"), 0),
    ];
    for (at, (subject, about)) in states.into_iter().enumerate() {
        clinician.store(&encounter("e", subject.clone()));
        let asked: &[(&str, &[usize])] = &[
            ("/Encounter?subject=Patient/ana", &[0]),
            ("/Encounter?subject:Patient=ana", &[0]),
            ("/Encounter?subject=ana", &[0, 2]),
            ("/Encounter?patient=ana", &[0]),
            ("/Encounter?patient=ana,bob", &[0, 1]),
            ("/Encounter?subject=Group/ana", &[2]),
            ("/Encounter?subject=Group/ana,Patient/bob", &[1, 2]),
            ("/Encounter?_id=e&subject=Patient/ana", &[0]),
            ("/Encounter?_id=e&subject:missing=true", &[3]),
            ("/Encounter?_id=e&patient:missing=true", &[2, 3]),
            ("/Encounter?subject:identifier=urn:mrn|7", &[3]),
            ("/Encounter?patient:identifier=7", &[3]),
            ("/Encounter?subject:Patient.family=ana", &[0]),
            ("/Encounter?patient.family=bob", &[1]),
            ("/Encounter?subject:Group.actual=true", &[2]),
            ("/Encounter?_filter=subject re Patient/ana or subject re Group/ana", &[0, 2]),
            ("/Patient/bob/Encounter?status=finished", &[1]),
        ];
        for (search, those) in asked {
            let expected = if those.contains(&about) { &["Encounter/e"][..] } else { &[] };
            assert_eq!(found(&clinician, search), expected, "{search} in state {at}");
        }
        for (client, own) in [(&ana, 0), (&bob, 1)] {
            let expected = if about == own { &["Encounter/e"][..] } else { &[] };
            for search in ["/Encounter?status=finished", "/Encounter?subject:missing=false&_sort=subject"] {
                assert_eq!(found(client, search), expected, "{search} by {own} in state {at}");
            }
        }
        for code in ["subject", "patient"] {
            let has =
                |client: &Client| found(client, &format!("/Patient?_has:Encounter:{code}:status=finished"));
            let named = ["Patient/ana", "Patient/bob"];
            let expected = named.get(about).map_or(&[][..], std::slice::from_ref);
            assert_eq!(has(&clinician), expected, "{code} in state {at}");
            assert_eq!(has(&ana), if about == 0 { expected } else { &[] }, "{code} in state {at}");
            assert_eq!(has(&bob), if about == 1 { expected } else { &[] }, "{code} in state {at}");
        }
    }
    clinician.delete("/Encounter/e").expect(204);
    assert!(found(&clinician, "/Patient?_has:Encounter:subject:status=finished").is_empty());
    assert!(found(&clinician, "/Encounter?subject=Patient/ana").is_empty());
}

/// Gives every second Encounter the rows that older rules made: what is the patient's stood under the subject as well.
fn age(database: &Database) {
    let ty = ResourceType::parse("Encounter").unwrap();
    let (narrow, wide) = (numbers(ty, "patient"), numbers(ty, "subject"));
    for (table, columns, at) in
        [("idx_reference", "target_type, target_id", 0), ("idx_token", "code, system", 1)]
    {
        let (narrow, wide) = (narrow[at], wide[at]);
        tamper(
            database.url(),
            &format!(
                "INSERT INTO {table} (param, {columns}, rid) SELECT {wide}, {columns}, rid FROM {table} \
                 WHERE param = {narrow} AND rid % 2 = 0"
            ),
        );
    }
}

#[test]
fn an_index_that_is_half_by_older_rules_answers_as_the_whole_one_does() {
    let database = Database::fresh();
    let app = TestApp::on(&database);
    let (clinician, ana) = (app.clinician(), app.patient("ana"));
    people(&clinician);
    let subjects = [
        refers("Patient/ana"),
        refers("Patient/bob"),
        refers("Group/ana"),
        known("7"),
        refers("https://elsewhere.test/fhir/Patient/ana"),
    ];
    for (at, subject) in (0..20).zip(subjects.iter().cycle()) {
        clinician.store(&encounter(&format!("e{at}"), subject.clone()));
    }
    let asked = [
        "/Encounter?subject=Patient/ana",
        "/Encounter?subject=ana",
        "/Encounter?subject=https://elsewhere.test/fhir/Patient/ana",
        "/Encounter?subject:missing=false",
        "/Encounter?subject:identifier=7",
        "/Encounter?subject:Patient.family=ana",
        "/Encounter?status=finished&_sort=subject",
        "/Patient?_has:Encounter:subject:status=finished",
        "/Encounter?patient:missing=true",
    ];
    let answers = || {
        let of = |client: &Client| asked.map(|search| found(client, search));
        [of(&clinician), of(&ana)]
    };
    let checked = || upkeep::check(&app.app().config, &mut |_| {}).unwrap().differences;
    let before = answers();
    assert_eq!([before[0][0].len(), before[1][0].len(), before[1][1].len()], [4, 4, 4]);
    assert_eq!([before[0][1].len(), before[0][2].len(), before[0][4].len()], [8, 4, 4]);
    age(&database);
    assert!(checked() > 0);
    assert_eq!(answers(), before);
    app.app().reindex(0, &mut |_| {}).unwrap();
    assert_eq!(checked(), 0);
    assert_eq!(answers(), before);
}
