//! Import and the demo's samples: what is loaded is there, once, and what is refused is named.

use std::io::Write;
use std::path::Path;

use comfrey::app::App;
use comfrey::app::Clock;
use comfrey::config::Config;
use comfrey::import;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use serde_json::json;

use crate::app::START;
use crate::app::TestApp;
use crate::app::config;
use crate::crash::check;
use crate::crash::comfrey;
use crate::database::Database;
use crate::database::number;
use crate::database::tamper;

const PATIENT: &str = "34a17aef-dd20-4eda-bf6c-f121e454616d";

/// Generated data as it comes: POST, `urn:uuid:` references, an id in each resource.
fn generated() -> Value {
    let goal = "7c8e0f4a-52f6-4f0b-9a35-1d2f8f6a1c01";
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        { "fullUrl": format!("urn:uuid:{PATIENT}"), "request": { "method": "POST", "url": "Patient" },
          "resource": { "resourceType": "Patient", "id": PATIENT, "birthDate": "1950-04-01" } },
        { "fullUrl": format!("urn:uuid:{goal}"), "request": { "method": "POST", "url": "Goal" },
          "resource": { "resourceType": "Goal", "id": goal, "lifecycleStatus": "active",
            "description": { "text": "Walk" }, "subject": { "reference": format!("urn:uuid:{PATIENT}") } } } ] })
}

fn lines(resources: &[Value]) -> String {
    resources.iter().map(|one| format!("{one}\n")).collect()
}

fn write_gzip(file: &Path, text: &str) {
    let mut out = GzEncoder::new(std::fs::File::create(file).unwrap(), Compression::fast());
    out.write_all(text.as_bytes()).unwrap();
    out.finish().unwrap();
}

fn total(app: &TestApp, query: &str) -> Value {
    app.clinician().get(&format!("{query}_summary=count")).expect(200).json()["total"].clone()
}

#[test]
fn a_folder_is_loaded_once_however_often_it_is_imported() {
    let app = TestApp::new();
    let folder = tempfile::tempdir().unwrap();
    write_gzip(&folder.path().join("life.json.gz"), &generated().to_string());
    let goals: Vec<_> = (0..450)
        .map(|n| {
            json!({ "resourceType": "Goal", "id": format!("g{n}"), "lifecycleStatus": "active",
                "description": { "text": "Rest" }, "subject": { "reference": format!("Patient/{PATIENT}") } })
        })
        .collect();
    write_gzip(&folder.path().join("goals.ndjson.gz"), &lines(&goals));
    let one = json!({ "resourceType": "Organization", "name": "A", "identifier": [{ "system": "urn:o", "value": "1" }] });
    std::fs::write(folder.path().join("organization.json"), one.to_string()).unwrap();
    let paths = [folder.path().to_owned()];

    let first = import::run(app.app(), &paths).unwrap();
    assert_eq!((first.stored, first.unchanged, first.not_stored), (453, 0, 0), "{first}");
    let again = import::run(app.app(), &paths).unwrap();
    assert_eq!((again.unchanged, again.not_stored), (452, 0), "{again}");

    let goal = app.clinician().get("/Goal/7c8e0f4a-52f6-4f0b-9a35-1d2f8f6a1c01").expect(200).json();
    assert_eq!(goal["meta"]["versionId"], "1");
    assert_eq!(goal["subject"]["reference"], format!("Patient/{PATIENT}"));
    assert_eq!(total(&app, &format!("/Goal?patient={PATIENT}&")), 451);
    assert_eq!(total(&app, "/Organization?identifier=urn:o|1&"), 1);
}

#[test]
fn what_changed_in_the_source_becomes_a_new_version() {
    let app = TestApp::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("patients.ndjson");
    std::fs::write(&file, lines(&[json!({ "resourceType": "Patient", "id": "1", "active": true })])).unwrap();
    import::run(app.app(), std::slice::from_ref(&file)).unwrap();
    std::fs::write(&file, lines(&[json!({ "resourceType": "Patient", "id": "1", "active": false })]))
        .unwrap();
    import::run(app.app(), &[file]).unwrap();
    let patient = app.clinician().get("/Patient/1").expect(200).json();
    assert_eq!((&patient["active"], &patient["meta"]["versionId"]), (&json!(false), &json!("2")));
}

#[test]
fn each_refused_resource_is_named_and_the_others_are_loaded() {
    let app = TestApp::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mixed.ndjson");
    let good = json!({ "resourceType": "Patient", "id": "good" });
    let bad = json!({ "resourceType": "Patient", "id": "bad", "birthDate": "1950-02-30" });
    std::fs::write(&file, format!("{good}\n\n{bad}\nnot json\n")).unwrap();
    let report = import::run(app.app(), &[file]).unwrap();
    assert_eq!((report.stored, report.not_stored), (1, 2), "{report}");
    let places: Vec<_> = report.refused.iter().map(|one| one.place.clone().unwrap()).collect();
    assert_eq!(places, ["line 3", "line 4"]);
    assert!(report.refused[0].reason.contains("birthDate"), "{report}");
    app.clinician().get("/Patient/good").expect(200);
    app.clinician().get("/Patient/bad").expect(404);
}

#[test]
fn of_a_transaction_nothing_is_loaded_where_one_entry_is_refused() {
    let app = TestApp::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("life.json");
    let mut bundle = generated();
    bundle["entry"][1]["resource"]["lifecycleStatus"] = "fine".into();
    std::fs::write(&file, bundle.to_string()).unwrap();
    let report = import::run(app.app(), &[file]).unwrap();
    assert_eq!((report.stored, report.not_stored), (0, 2), "{report}");
    assert_eq!(report.refused[0].place.as_deref(), Some("entry 1 (Goal)"));
    assert!(report.refused[0].reason.starts_with("lifecycleStatus: "), "{report}");
    app.clinician().get(&format!("/Patient/{PATIENT}")).expect(404);
}

#[test]
fn a_path_without_anything_to_load_is_refused_before_anything_is_loaded() {
    let app = TestApp::new();
    let folder = tempfile::tempdir().unwrap();
    let refused = import::run(app.app(), &[folder.path().to_owned()]).unwrap_err();
    assert!(refused.contains("nothing to load"), "{refused}");
    assert!(import::run(app.app(), &[folder.path().join("none.json")]).unwrap_err().contains("none.json"));
}

#[test]
fn all_samples_are_loaded_and_loading_them_again_changes_nothing() {
    let app = TestApp::new();
    let first = import::samples::load(app.app()).unwrap();
    assert!(first.is_clean() && first.stored > 450, "{first}");
    let again = import::samples::load(app.app()).unwrap();
    assert_eq!((again.stored, again.not_stored), (0, 0), "{again}");
    assert_eq!(total(&app, "/Patient?"), 7);
}

#[test]
fn references_by_a_whole_url_are_warned_of_where_nothing_says_which_are_to_resources_here() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("goals.ndjson");
    let goal = |id: &str, subject: &str| {
        json!({ "resourceType": "Goal", "id": id, "lifecycleStatus": "active", "description": { "text": "Rest" },
            "subject": { "reference": subject } })
    };
    let goals = [
        goal("g1", "https://care.example/fhir/Patient/1"),
        goal("g2", "https://care.example/fhir/Patient/2"),
        goal("g3", "Patient/1"),
    ];
    std::fs::write(&file, lines(&goals)).unwrap();
    let imported = |base_url: Option<&str>| {
        let database = Database::fresh();
        let settings = Config { base_url: base_url.map(str::to_owned), ..config(database.url()) };
        let app = App::open(settings, Clock::set_to(START)).unwrap();
        let report = import::run(&app, std::slice::from_ref(&file)).unwrap();
        (report.stored, report.abroad.many, report.to_string())
    };
    let (stored, many, text) = imported(None);
    assert_eq!((stored, many), (3, 2));
    let warnings: Vec<&str> = text.lines().filter(|line| line.starts_with("warning")).collect();
    assert!(
        matches!(warnings[..], [one] if one.contains("2 references") && one.contains("COMFREY_BASE_URL"))
    );
    assert!(!text.contains("Patient/"), "{text}");
    let (stored, many, text) = imported(Some("https://care.example/fhir"));
    assert_eq!((stored, many, text.contains("warning")), (3, 0, false));
    std::fs::write(&file, lines(&goals[2..])).unwrap();
    assert!(!imported(None).2.contains("warning"));
}

#[test]
fn a_whole_url_that_is_an_entrys_own_is_resolved_and_not_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bundle.json");
    let house = "https://ehr.example/fhir/Organization/1";
    let bundle = |kind: &str, gender: &str| {
        json!({ "resourceType": "Bundle", "type": kind, "entry": [
            { "fullUrl": house, "resource": { "resourceType": "Organization", "name": "Harbour House",
                "identifier": [{ "system": "urn:npi", "value": "1" }] },
              "request": { "method": "POST", "url": "Organization", "ifNoneExist": "identifier=urn:npi|1" } },
            { "resource": { "resourceType": "Patient", "id": "p", "managingOrganization": { "reference": house } },
              "request": { "method": "PUT", "url": "Patient/p" } },
            { "resource": { "resourceType": "Patient", "id": "q", "gender": gender },
              "request": { "method": "PUT", "url": "Patient/q" } } ] })
    };
    for (kind, gender, stored, many) in [
        ("transaction", "female", 3, 0),
        ("batch", "female", 3, 0),
        // each is sent by itself then, where the URL names nothing
        ("batch", "none", 2, 1),
    ] {
        std::fs::write(&file, bundle(kind, gender).to_string()).unwrap();
        let database = Database::fresh();
        let app = App::open(config(database.url()), Clock::set_to(START)).unwrap();
        let report = import::run(&app, std::slice::from_ref(&file)).unwrap();
        assert_eq!((report.stored, report.abroad.many), (stored, many), "{kind} {gender}: {report}");
    }
}

/// One patient's file as an EHR gives it out: the house that all of them name, the patient, a stay, and a diagnosis.
fn life(name: &str, number: u8) -> Value {
    let uuid = |kind: u8| format!("00000000-0000-4000-8000-0000000000{number:x}{kind:x}");
    let url = |kind: u8| format!("urn:uuid:{}", uuid(kind));
    let to = |kind: u8| json!({ "reference": url(kind) });
    let post = |kind: u8, resource: Value| {
        let ty = resource["resourceType"].clone();
        json!({ "fullUrl": url(kind), "resource": resource, "request": { "method": "POST", "url": ty } })
    };
    let mut house = post(
        0,
        json!({ "resourceType": "Organization", "name": "Harbour House",
        "identifier": [{ "system": "urn:npi", "value": "1" }] }),
    );
    house["request"]["ifNoneExist"] = "identifier=urn:npi|1".into();
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        house,
        post(1, json!({ "resourceType": "Patient", "id": uuid(1), "name": [{ "family": name }],
            "managingOrganization": to(0) })),
        post(2, json!({ "resourceType": "Encounter", "id": uuid(2), "status": "finished", "subject": to(1),
            "class": { "code": "IMP" }, "serviceProvider": to(0) })),
        post(3, json!({ "resourceType": "Condition", "id": uuid(3), "subject": to(1), "encounter": to(2),
            "code": { "text": "Heart failure" } })) ] })
}

#[test]
fn a_folder_of_patients_is_imported_but_for_the_broken_file_which_is_mended_later() {
    let (database, folder) = (Database::fresh(), tempfile::tempdir().unwrap());
    let place = |name: &str| folder.path().join(name);
    std::fs::create_dir(place("ward")).unwrap();
    std::fs::write(place("ann.json"), life("Ann", 1).to_string()).unwrap();
    write_gzip(&place("bea.json.gz"), &life("Bea", 2).to_string());
    std::fs::write(place("ward/cal.json"), life("Cal", 3).to_string()).unwrap();
    std::fs::write(place("read-me.txt"), "not for loading").unwrap();
    let mut broken = life("Dot", 4);
    broken["entry"][2]["resource"]["status"] = "over".into();
    std::fs::write(place("dot.json"), broken.to_string()).unwrap();
    let whole = life("Eve", 5).to_string();
    std::fs::write(place("eve.json"), &whole[..whole.len() / 2]).unwrap();

    let import = || {
        let path = folder.path().to_str().unwrap();
        let output = comfrey(&["import", path, "--database-url", database.url()]).output().unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (output.status.code(), said)
    };
    let holds = |patients: u64| {
        let app = TestApp::on(&database);
        for (query, count) in [
            ("Patient", patients),
            ("Encounter", patients),
            ("Condition", patients),
            ("Organization?identifier=urn:npi%7C1", 1),
        ] {
            let found = app.clinician().get(&format!("/{query}")).expect(200);
            assert_eq!(found.references().len() as u64, count, "{}", found.text());
        }
        let query = "/Condition?patient.name=ann&patient.organization.identifier=urn:npi%7C1";
        let found = app.clinician().get(query).expect(200).resources();
        assert_eq!(found.len(), 1, "each is the patient's and the house's");
        assert_eq!(total(&app, "/Patient?name=dot,eve&"), patients - 3);
        let versions = app.clinician().get("/Patient/_history").expect(200).json();
        assert_eq!(versions["total"], patients, "nobody got a second version");
    };
    for _ in 0..2 {
        let (code, said) = import();
        assert_eq!(code, Some(1), "{said}");
        for told in ["dot.json: entry 2 (Encounter): status: ", "eve.json: "] {
            assert!(said.contains(told), "{told}: {said}");
        }
        for silent in ["ann.json", "bea.json", "cal.json", "read-me"] {
            assert!(!said.contains(silent), "{silent}: {said}");
        }
        holds(3);
    }
    std::fs::write(place("dot.json"), life("Dot", 4).to_string()).unwrap();
    std::fs::write(place("eve.json"), whole).unwrap();
    for _ in 0..2 {
        let (code, said) = import();
        assert_eq!(code, Some(0), "{said}");
        holds(5);
    }
    check(database.url());
}

fn by_number(ty: &str) -> Value {
    json!({ "reference": format!("{ty}?identifier=urn:n%7C1") })
}

fn numbered(mut resource: Value) -> Value {
    resource["identifier"] = json!([{ "system": "urn:n", "value": "1" }]);
    resource
}

/// A diagnosis of whom only the number is known, and two that come with it.
fn bundle_of(kind: &str, number: &str) -> Value {
    let post = |resource: Value| json!({ "request": { "method": "POST", "url": resource["resourceType"] }, "resource": resource });
    let subject = json!({ "reference": format!("Patient?identifier=urn:n%7C{number}") });
    json!({ "resourceType": "Bundle", "type": kind, "entry": [
        post(json!({ "resourceType": "Organization", "name": kind })),
        post(json!({ "resourceType": "Condition", "code": { "text": kind }, "subject": subject })),
        post(json!({ "resourceType": "Location", "name": kind })) ] })
}

#[test]
fn what_refers_by_a_search_to_a_later_file_is_loaded_in_the_same_run() {
    let app = TestApp::new();
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    // What is measured waits for the stay, and that for the patient, who comes last.
    let measured: Vec<_> = (0..450)
        .map(|n| {
            json!({ "resourceType": "Observation", "id": format!("o{n}"), "status": "final", "code": { "text": "pain" },
                "subject": if n % 3 == 0 { json!({ "reference": "Patient/p" }) } else { by_number("Patient") },
                "encounter": if n % 3 == 0 { Value::Null } else { by_number("Encounter") } })
        })
        .map(|mut one| {
            one.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            one
        })
        .collect();
    write_gzip(&place("a.ndjson.gz"), &lines(&measured));
    std::fs::write(place("b.json"), bundle_of("transaction", "1").to_string()).unwrap();
    std::fs::write(place("c.json"), bundle_of("batch", "1").to_string()).unwrap();
    let stay = json!({ "resourceType": "Encounter", "id": "e", "status": "finished", "class": { "code": "IMP" },
        "subject": by_number("Patient") });
    std::fs::write(place("d.ndjson"), lines(&[numbered(stay)])).unwrap();
    std::fs::write(place("e.ndjson"), lines(&[numbered(json!({ "resourceType": "Patient", "id": "p" }))]))
        .unwrap();

    let report = import::run(app.app(), &[folder.path().to_owned()]).unwrap();
    let counts = (report.stored, report.unchanged, report.not_stored);
    assert_eq!(counts, (450 + 3 + 3 + 1 + 1, 0, 0), "{report}");
    assert!(report.is_clean(), "{report}");
    for (query, count) in [
        ("/Observation?patient=p&", 450),
        ("/Observation?encounter=e&", 300),
        ("/Encounter?patient=p&", 1),
        ("/Condition?patient=p&", 2),
        ("/Organization?name=batch,transaction&", 2),
        ("/Location?", 2),
    ] {
        assert_eq!(total(&app, query), count, "{query}");
    }
    let again =
        import::run(app.app(), &[place("a.ndjson.gz"), place("d.ndjson"), place("e.ndjson")]).unwrap();
    assert_eq!((again.stored, again.unchanged, again.not_stored), (0, 452, 0), "{again}");
    assert_eq!(total(&app, "/Observation?"), 450);
}

#[test]
fn what_refers_by_a_search_to_nothing_that_comes_is_refused_once_in_the_end() {
    let app = TestApp::new();
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let goal = |id: &str, subject: Value| {
        json!({ "resourceType": "Goal", "id": id, "lifecycleStatus": "active", "description": { "text": "Rest" },
            "subject": subject })
    };
    let goals =
        [goal("waits", by_number("Patient")), goal("never", by_number("Group")), goal("at-once", json!({}))];
    std::fs::write(place("a.ndjson"), lines(&goals)).unwrap();
    std::fs::write(place("b.json"), bundle_of("transaction", "2").to_string()).unwrap();
    std::fs::write(place("c.json"), bundle_of("batch", "2").to_string()).unwrap();
    std::fs::write(place("d.ndjson"), lines(&[numbered(json!({ "resourceType": "Patient", "id": "p" }))]))
        .unwrap();
    let report = import::run(app.app(), &[folder.path().to_owned()]).unwrap();
    // The transaction is refused as a whole.
    assert_eq!((report.stored, report.unchanged, report.not_stored), (4, 0, 2 + 3 + 1), "{report}");
    let told: Vec<_> = report
        .refused
        .iter()
        .map(|one| {
            (one.file.file_name().unwrap().to_str().unwrap(), one.place.as_deref().unwrap(), &one.reason)
        })
        .collect();
    let places: Vec<_> = told.iter().map(|(file, place, _)| (*file, *place)).collect();
    let expected = [
        ("a.ndjson", "line 2"),
        ("a.ndjson", "line 3"),
        ("b.json", "entry 1 (Condition)"),
        ("c.json", "entry 1 (Condition)"),
    ];
    assert_eq!(places, expected, "{report}");
    assert!(told[0].2.contains("Group") && told[2].2.contains("meets no resource"), "{report}");
    assert_eq!(total(&app, "/Goal?patient=p&"), 1);
    assert_eq!(
        (total(&app, "/Organization?name=batch,transaction&"), total(&app, "/Location?")),
        (json!(1), json!(1))
    );
}

#[test]
fn what_waits_in_a_file_that_breaks_off_is_loaded_and_the_break_is_told_once() {
    let app = TestApp::new();
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let stay = |id: String, subject: Value| {
        json!({ "resourceType": "Encounter", "id": id, "status": "finished",
        "class": { "code": "IMP" }, "subject": subject })
    };
    let waits = (0..210).map(|n| stay(format!("w{n}"), by_number("Patient")));
    let never = (0..2).map(|n| stay(format!("n{n}"), by_number("Group")));
    write_gzip(&place("a.ndjson.gz"), &lines(&waits.chain(never).collect::<Vec<_>>()));
    let mut out = std::fs::OpenOptions::new().append(true).open(place("a.ndjson.gz")).unwrap();
    out.write_all(b"\x1f\x8bno more").unwrap();
    std::fs::write(place("b.ndjson"), lines(&[numbered(json!({ "resourceType": "Patient", "id": "p" }))]))
        .unwrap();
    let report = import::run(app.app(), &[folder.path().to_owned()]).unwrap();
    assert_eq!((report.stored, report.unchanged, report.not_stored), (211, 0, 3), "{report}");
    assert_eq!(report.refused.len(), 3, "{report}");
    let broken = |reason: &str| reason.contains("cannot be read to its end");
    assert_eq!(report.refused.iter().filter(|one| broken(&one.reason)).count(), 1, "{report}");
    assert_eq!(total(&app, "/Encounter?patient=p&"), 210);
}

#[test]
fn a_document_that_refers_by_a_search_is_passed_over_by_the_next_import() {
    let app = TestApp::new();
    let folder = tempfile::tempdir().unwrap();
    let kept = json!({ "resourceType": "Bundle", "id": "kept", "type": "collection", "entry": [
        { "resource": { "resourceType": "Goal", "lifecycleStatus": "active", "description": { "text": "Rest" },
            "subject": by_number("Patient") } } ] });
    let all = [numbered(json!({ "resourceType": "Patient", "id": "p" })), kept];
    std::fs::write(folder.path().join("a.ndjson"), lines(&all)).unwrap();
    for expected in [(2, 0, 0), (0, 2, 0)] {
        let report = import::run(app.app(), &[folder.path().to_owned()]).unwrap();
        assert_eq!((report.stored, report.unchanged, report.not_stored), expected, "{report}");
    }
}

#[cfg(unix)]
#[test]
fn what_waits_in_a_pipe_is_refused_and_nobody_waits_for_it() {
    let app = TestApp::new();
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("a.ndjson");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let goal = |id: &str, subject: Value| {
        json!({ "resourceType": "Goal", "id": id, "lifecycleStatus": "active", "description": { "text": "Rest" },
            "subject": subject })
    };
    let text = lines(&[
        goal("waits", by_number("Group")),
        goal("too", by_number("Group")),
        goal("known", json!({ "reference": "Patient/p" })),
    ]);
    let written = pipe.clone();
    let writer = std::thread::spawn(move || std::fs::write(written, text).unwrap());
    let later = lines(&[numbered(json!({ "resourceType": "Patient", "id": "p" }))]);
    std::fs::write(folder.path().join("b.ndjson"), later).unwrap();
    let report = import::run(app.app(), &[folder.path().to_owned()]).unwrap();
    writer.join().unwrap();
    assert_eq!((report.stored, report.not_stored, report.refused.len()), (2, 2, 1), "{report}");
    assert!(report.refused[0].reason.contains("pipe"), "{report}");
}

#[test]
fn a_server_plans_with_what_was_imported() {
    let database = Database::fresh();
    if !database.is_postgres() {
        return;
    }
    let url = database.url();
    let folder = tempfile::tempdir().unwrap();
    let goals: Vec<_> = (0..300)
        .map(
            |n| json!({ "resourceType": "Organization", "id": format!("g{n}"), "name": format!("Ward {n}") }),
        )
        .collect();
    std::fs::write(folder.path().join("wards.ndjson"), lines(&goals)).unwrap();
    let app = TestApp::on(&database);
    // The server's own worker comes when it likes.
    tamper(url, "ALTER TABLE resource SET (autovacuum_enabled = off)");
    // What belongs to another role is passed over.
    let other = format!("other_{}", std::process::id());
    tamper(
        url,
        &format!("CREATE ROLE {other}; CREATE TABLE theirs (n INT); ALTER TABLE theirs OWNER TO {other}"),
    );
    let counted = || number(url, "SELECT CAST(reltuples AS BIGINT) FROM pg_class WHERE relname = 'resource'");
    let before = counted();
    import::run(app.app(), &[folder.path().to_owned()]).unwrap();
    assert!(counted() >= before + 300, "{before} {}", counted());
    // Which pages all may see is noted with it.
    assert!(number(url, "SELECT pg_stat_get_vacuum_count(to_regclass('resource'))") > 0);
    // Nothing new, but an earlier run may have been broken off before it came so far.
    tamper(url, "UPDATE pg_class SET reltuples = -1 WHERE relname = 'resource'");
    import::run(app.app(), &[folder.path().to_owned()]).unwrap();
    assert!(counted() >= 300, "{}", counted());
    tamper(url, &format!("DROP OWNED BY {other}; DROP ROLE {other}"));
}
