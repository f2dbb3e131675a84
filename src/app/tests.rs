//! Writing and reading through a session, on each database.

use std::sync::Arc;
use std::sync::Barrier;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use super::*;
use crate::access::Caller;
use crate::access::Grant;
use crate::access::grants::Reach;
use crate::config::Auth;
use crate::fhir::ResourceType;
use crate::search;
use crate::store::fresh::on_each;

const START: i64 = 1_772_366_400_000_000;

fn open(url: &str) -> Arc<App> {
    let config = Config { database_url: url.into(), auth: Auth::Off, pool: Some(16), ..Config::default() };
    App::open(config, Clock::set_to(START)).expect("the service opens its database")
}

fn on_each_app(test: impl Fn(Session)) {
    on_each(|url| test(Session::system(open(url))));
}

fn ty(name: &str) -> ResourceType {
    ResourceType::parse(name).unwrap()
}

fn resource(value: Value) -> Resource {
    Resource::from_value(value).unwrap()
}

fn patient(family: &str) -> Resource {
    resource(json!({ "resourceType": "Patient", "name": [{ "family": family }] }))
}

fn create(session: &Session, resource: Resource) -> Result<Stored, Failure> {
    let mut written = session.write(vec![Change::client(ChangeAction::create(resource))])?;
    Ok(written.remove(0).stored)
}

fn update(
    session: &Session,
    resource: Resource,
    id: &str,
    if_match: Option<i64>,
) -> Result<Written, Failure> {
    let action = ChangeAction::update(resource, id, if_match);
    Ok(session.write(vec![Change::client(action)])?.remove(0))
}

fn delete(session: &Session, ty: ResourceType, id: &str, if_match: Option<i64>) -> Result<Written, Failure> {
    let action =
        ChangeAction::Delete { ty, target: Target::Id(id.into()), demand: Demand::version(if_match) };
    Ok(session.write(vec![Change::client(action)])?.remove(0))
}

fn scoped(actions: &str, patient: &str) -> Caller {
    let actions =
        crate::access::Action::ALL.into_iter().filter(|action| actions.contains(action.letter())).collect();
    let grant = Grant { ty: None, actions, reach: Reach::Patient(patient.into()) };
    Caller { grants: vec![grant], patient: Some(patient.into()), ..Caller::without_grants("app") }
}

/// Rows of an index table that belong to a resource.
fn rows_of(session: &Session, table: &'static str, rid: i64) -> i64 {
    let query = || {
        crate::search::sql::Sql::of("SELECT count(*) FROM ", [])
            .push(table, [])
            .push(" WHERE rid = ?", [rid.into()])
    };
    session.app().db.read(|conn| Ok(crate::store::matches::count(conn, query())?)).unwrap()
}

#[test]
fn what_was_created_is_read_as_it_was_stored() {
    on_each_app(|session| {
        let sent = json!({ "resourceType": "Patient", "id": "mine", "meta": { "versionId": "9", "tag": [{ "code": "x" }] },
            "name": [{ "family": "Żółć \"quoted\" \\ 日本" }], "multipleBirthInteger": 2 });
        let stored = create(&session, resource(sent)).unwrap();
        assert_ne!(stored.id, "mine");
        let read = session.read(ty("Patient"), &stored.id).unwrap();
        assert_eq!(read, stored);
        let expected = json!({ "resourceType": "Patient", "id": stored.id,
            "meta": { "versionId": "1", "lastUpdated": "2026-03-01T12:00:00.000Z", "tag": [{ "code": "x" }] },
            "name": [{ "family": "Żółć \"quoted\" \\ 日本" }], "multipleBirthInteger": 2 });
        assert_eq!(String::from_utf8(read.body).unwrap(), expected.to_string());
    });
}

#[test]
fn decimals_keep_their_digits() {
    on_each_app(|session| {
        let text = r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.10}}"#;
        let stored = create(&session, resource(serde_json::from_str(text).unwrap())).unwrap();
        assert!(
            String::from_utf8(session.read(ty("Observation"), &stored.id).unwrap().body)
                .unwrap()
                .contains("1.10")
        );
    });
}

#[test]
fn every_version_stays_readable_and_the_history_is_complete() {
    on_each_app(|session| {
        let id = create(&session, patient("one")).unwrap().id;
        let second = update(&session, patient("two"), &id, Some(1)).unwrap();
        assert_eq!((second.outcome, second.stored.version), (WriteOutcome::Updated, 2));
        assert!(second.stored.updated > START);
        assert_eq!(delete(&session, ty("Patient"), &id, None).unwrap().outcome, WriteOutcome::Deleted);
        assert_eq!(delete(&session, ty("Patient"), &id, None).unwrap().outcome, WriteOutcome::AlreadyDeleted);
        let gone = session.read(ty("Patient"), &id).unwrap_err();
        assert_eq!((gone.status(), gone.version), (410, Some(3)));
        let family = |version| {
            let value = session.vread(ty("Patient"), &id, version).unwrap().value().unwrap();
            value.pointer("/name/0/family").unwrap().as_str().unwrap().to_owned()
        };
        assert_eq!((family(1), family(2)), ("one".into(), "two".into()));
        assert_eq!(session.vread(ty("Patient"), &id, 3).unwrap_err().status(), 410);
        assert_eq!(session.vread(ty("Patient"), &id, 4).unwrap_err().status(), 404);
        let back = update(&session, patient("three"), &id, None).unwrap();
        assert_eq!((back.outcome, back.stored.version), (WriteOutcome::Updated, 4));
        let first = HistoryPage::newest(ty("Patient"), &id, 2);
        let found = session.history(&first).unwrap();
        let numbers: Vec<_> = found.versions.iter().map(|v| v.version).collect();
        assert_eq!((numbers, found.total, found.more), (vec![4, 3], Some(4), true));
        assert!(found.versions[1].deleted && found.versions[1].body.is_empty());
        let from = HistoryFrom { at: 3, rid: found.versions[1].rid, way: HistoryWay::On };
        let versions = session.history(&HistoryPage { from: Some(from), ..first }).unwrap().versions;
        let methods: Vec<_> = versions.iter().map(|v| (v.version, v.method)).collect();
        assert_eq!(methods, [(2, Method::Put), (1, Method::Post)]);
        assert!(versions.windows(2).all(|pair| pair[0].updated > pair[1].updated));
    });
}

#[test]
fn index_rows_follow_the_resource() {
    on_each_app(|session| {
        let first = create(&session, patient("one")).unwrap();
        let names = rows_of(&session, "idx_string", first.rid);
        assert!(names > 0);
        assert_eq!(rows_of(&session, "idx_compartment", first.rid), 1);
        let two = resource(
            json!({ "resourceType": "Patient", "name": [{ "family": "one" }, { "family": "two" }] }),
        );
        update(&session, two, &first.id, None).unwrap();
        assert!(rows_of(&session, "idx_string", first.rid) > names);
        update(&session, patient("one"), &first.id, None).unwrap();
        assert_eq!(rows_of(&session, "idx_string", first.rid), names);
        delete(&session, ty("Patient"), &first.id, None).unwrap();
        assert_eq!(rows_of(&session, "idx_string", first.rid), 0);
        assert_eq!(rows_of(&session, "idx_compartment", first.rid), 0);
    });
}

#[test]
fn after_any_update_the_rows_are_those_of_the_content() {
    let variants = [
        json!({ "subject": { "reference": "Patient/1" }, "effectiveDateTime": "2026-01-01", "code": { "text": "Größe" },
            "valueQuantity": { "value": 1.10, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg" } }),
        json!({ "subject": { "reference": "Patient/2" }, "effectiveDateTime": "2026-01", "code": { "text": "Größe" },
            "valueQuantity": { "value": 1.1, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg" } }),
        json!({ "subject": { "reference": "http://elsewhere.org/fhir/Patient/1" }, "code": { "coding": [
            { "system": "http://loinc.org", "code": "{a\"b\\\\c}" }, { "code": "NULL" }] },
            "valueString": "it's, \"quoted\" \\ {and} braced" }),
        json!({ "code": { "text": "nothing else" }, "meta": { "profile": ["http://x/y|1"], "tag": [{ "code": "t" }] } }),
    ];
    on_each_app(|session| {
        let app = session.app();
        for at in [0, 1, 2, 3, 0, 2, 1, 1, 3, 2, 0] {
            let mut value = variants[at].clone();
            value["resourceType"] = json!("Observation");
            value["status"] = json!("final");
            let stored = update(&session, resource(value.clone()), "o", None).unwrap().stored;
            let rows = crate::search::rows(&app.parameters, &stored.value().unwrap(), session.zone());
            let expected = [
                ("idx_token", rows.tokens.len()),
                ("idx_string", rows.strings.len()),
                ("idx_reference", rows.references.len()),
                ("idx_date", rows.dates.len()),
                ("idx_number", rows.numbers.len()),
                ("idx_quantity", rows.quantities.len()),
                ("idx_uri", rows.uris.len()),
                ("idx_compartment", rows.patients.len()),
                ("idx_composite", rows.composites.len()),
            ];
            for (table, count) in expected {
                assert_eq!(rows_of(&session, table, stored.rid), count as i64, "{table} after variant {at}");
            }
        }
    });
}

#[test]
fn a_wrong_version_in_if_match_is_refused() {
    on_each_app(|session| {
        let id = create(&session, patient("one")).unwrap().id;
        update(&session, patient("two"), &id, None).unwrap();
        for if_match in [1, 3] {
            assert_eq!(update(&session, patient("x"), &id, Some(if_match)).unwrap_err().status(), 412);
            assert_eq!(delete(&session, ty("Patient"), &id, Some(if_match)).unwrap_err().status(), 412);
        }
        assert_eq!(update(&session, patient("x"), "new", Some(1)).unwrap_err().status(), 412);
        assert_eq!(session.read(ty("Patient"), &id).unwrap().version, 2);
    });
}

#[test]
fn an_update_creates_under_the_id_of_the_client() {
    on_each_app(|session| {
        let made = update(&session, patient("one"), "P.1-x", None).unwrap();
        assert_eq!((made.outcome, made.stored.version), (WriteOutcome::Created, 1));
        assert_eq!(session.read(ty("Patient"), "P.1-x").unwrap().id, "P.1-x");
        for id in ["", "a/b", "ä", &"x".repeat(65)] {
            assert_eq!(update(&session, patient("one"), id, None).unwrap_err().status(), 400, "{id}");
        }
    });
}

#[test]
fn a_write_is_all_or_nothing_and_entries_refer_to_one_another() {
    on_each_app(|session| {
        let one = "urn:uuid:6d1c5d0a-6a3d-4d2c-a4f3-6a0a55c1f001";
        let goal = |subject: &str| {
            resource(
                json!({ "resourceType": "Goal", "lifecycleStatus": "active", "description": { "text": "walk" },
                "subject": { "reference": subject } }),
            )
        };
        let change = |resource, at: usize| {
            Change::client(ChangeAction::create(resource)).at(format!("Bundle.entry[{at}].resource"))
        };
        let failure = session
            .write(vec![change(patient("one"), 0).known_as(one), change(goal("urn:uuid:0"), 1)])
            .unwrap_err();
        assert_eq!(failure.status(), 422);
        assert_eq!(
            failure.issues[0].expression.as_deref(),
            Some("Bundle.entry[1].resource.subject.reference")
        );
        let written =
            session.write(vec![change(goal(one), 0), change(patient("one"), 1).known_as(one)]).unwrap();
        let reference = written[0].stored.value().unwrap()["subject"]["reference"].clone();
        assert_eq!(reference, json!(format!("Patient/{}", written[1].stored.id)));
        let found = session.compartment(&written[1].stored.id, &[ty("Patient"), ty("Goal")]).unwrap();
        assert_eq!(found.len(), 2);
        let twice = || Change::client(ChangeAction::update(patient("x"), "t", None));
        assert_eq!(session.write(vec![twice(), twice()]).unwrap_err().status(), 400);
        assert_eq!(session.read(ty("Patient"), "t").unwrap_err().status(), 404);
    });
}

#[test]
fn forty_concurrent_updates_of_one_resource_all_succeed() {
    on_each_app(|session| {
        let id = create(&session, patient("start")).unwrap().id;
        let start = Barrier::new(40);
        let mut versions: Vec<i64> = std::thread::scope(|scope| {
            let (start, session, id) = (&start, &session, &id);
            let one = move |at: usize| {
                start.wait();
                update(session, patient(&format!("p{at}")), id, None).unwrap().stored.version
            };
            let threads: Vec<_> = (0..40).map(|at| scope.spawn(move || one(at))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        versions.sort_unstable();
        assert_eq!(versions, (2..=41).collect::<Vec<_>>());
        let page = HistoryPage::newest(ty("Patient"), &id, 100);
        assert_eq!(session.history(&page).unwrap().total, Some(41));
    });
}

#[test]
fn of_concurrent_updates_with_one_if_match_one_succeeds() {
    on_each_app(|session| {
        let id = create(&session, patient("start")).unwrap().id;
        let start = Barrier::new(16);
        let won = std::thread::scope(|scope| {
            let (start, session, id) = (&start, &session, &id);
            let one = move || {
                start.wait();
                update(session, patient("x"), id, Some(1)).map_err(|failure| failure.status())
            };
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(one)).collect();
            let results = threads.into_iter().map(|thread| thread.join().unwrap());
            results
                .filter(|result| result.as_ref().map_err(|status| assert_eq!(*status, 412)).is_ok())
                .count()
        });
        assert_eq!(won, 1);
    });
}

#[test]
fn concurrent_updates_create_one_resource() {
    on_each_app(|session| {
        let start = Barrier::new(16);
        let created = std::thread::scope(|scope| {
            let (start, session) = (&start, &session);
            let one = move || {
                start.wait();
                update(session, patient("x"), "same", None).unwrap().outcome
            };
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(one)).collect();
            let results = threads.into_iter().map(|thread| thread.join().unwrap());
            results.filter(|outcome| *outcome == WriteOutcome::Created).count()
        });
        assert_eq!(created, 1);
        assert_eq!(session.read(ty("Patient"), "same").unwrap().version, 16);
    });
}

#[test]
fn an_idempotency_key_carries_a_request_out_once() {
    on_each_app(|session| {
        let once = |digest: &str| Once { key: "k".into(), digest: digest.into() };
        let count = |session: &Session| {
            let query = crate::search::sql::Sql::of(
                "SELECT count(*) FROM resource WHERE type = ?",
                [ty("Patient").number().into()],
            );
            session.app().db.read(|conn| Ok(crate::store::matches::count(conn, query.clone())?)).unwrap()
        };
        assert_eq!(session.replay(&once("a")).unwrap(), None);
        let start = Barrier::new(8);
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let (start, session, once) = (&start, &session, &once);
            let one = move || {
                start.wait();
                let change = Change::client(ChangeAction::create(patient("x")));
                let answer = |written: &[Written]| Ok(Answer::value(json!({ "id": written[0].stored.id })));
                session.write_once(Some(&once("a")), vec![change], answer).unwrap()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
        assert!(answers.iter().all(|answer| answer.body == answers[0].body));
        assert_eq!(count(&session), 1);
        assert_eq!(session.replay(&once("b")).unwrap_err().status(), 422);
        session.app().clock.set(START + 25 * 3_600_000_000);
        let later = Session::system(Arc::clone(&session.app));
        assert_eq!(later.replay(&once("a")).unwrap(), None);
    });
}

#[test]
fn a_patient_s_app_reads_and_writes_inside_its_compartment_only() {
    on_each_app(|session| {
        for id in ["1", "2"] {
            update(&session, patient(id), id, None).unwrap();
        }
        let goal = |subject: &str| {
            resource(
                json!({ "resourceType": "Goal", "lifecycleStatus": "active", "description": { "text": "walk" },
                "subject": { "reference": subject } }),
            )
        };
        let caller = scoped("cruds", "1");
        let own = Session::new(Arc::clone(&session.app), caller, "http://x/fhir".into());
        assert!(own.read(ty("Patient"), "1").is_ok());
        assert_eq!(own.read(ty("Patient"), "2").unwrap_err().status(), 404);
        let mine = create(&own, goal("Patient/1")).unwrap();
        assert_eq!(create(&own, goal("Patient/2")).unwrap_err().status(), 403);
        let theirs = create(&session, goal("Patient/2")).unwrap();
        assert_eq!(update(&own, goal("Patient/1"), &theirs.id, None).unwrap_err().status(), 404);
        assert_eq!(delete(&own, ty("Goal"), &theirs.id, None).unwrap_err().status(), 404);
        assert_eq!(update(&own, goal("Patient/2"), &mine.id, None).unwrap_err().status(), 403);
        assert!(update(&own, goal("Patient/1"), &mine.id, None).is_ok());
        assert!(own.compartment("2", &[ty("Goal")]).unwrap().is_empty());
        // What was theirs before it became mine stays hidden in the history.
        let moved = update(&session, goal("Patient/1"), &theirs.id, None).unwrap().stored;
        assert_eq!(own.vread(ty("Goal"), &moved.id, 1).unwrap_err().status(), 404);
        assert!(own.vread(ty("Goal"), &moved.id, 2).is_ok());
        let reader = Session::new(Arc::clone(&session.app), scoped("rs", "1"), String::new());
        assert_eq!(create(&reader, goal("Patient/1")).unwrap_err().status(), 403);
        let nobody = Session::new(Arc::clone(&session.app), Caller::anonymous(), String::new());
        assert_eq!(nobody.read(ty("Patient"), "1").unwrap_err().status(), 403);
    });
}

#[test]
fn a_client_may_not_change_what_the_programme_derives() {
    on_each_app(|session| {
        let episode = |status: &str, state: Option<&str>, note: &str| {
            let mut value = json!({ "resourceType": "EpisodeOfCare", "status": status, "patient": { "reference": "Patient/1" },
                "careManager": { "display": note } });
            if let Some(state) = state {
                value["extension"] = json!([
                    { "url": crate::palliative::enrollment::STATE_EXTENSION, "valueCoding": { "code": state } },
                    { "url": crate::palliative::vocabulary::PROGRAM_EXTENSION,
                      "valueReference": { "reference": "HealthcareService/x" } },
                ]);
            }
            resource(value)
        };
        update(&session, patient("one"), "1", None).unwrap();
        let plain = create(&session, episode("active", None, "a")).unwrap();
        assert_eq!(create(&session, episode("planned", Some("referred"), "a")).unwrap_err().status(), 422);
        assert_eq!(
            update(&session, episode("planned", Some("referred"), "a"), &plain.id, None)
                .unwrap_err()
                .status(),
            422
        );
        let open = |state| Change::programme(ChangeAction::create(episode("planned", Some(state), "a")));
        let ours = session.write(vec![open("referred")]).unwrap().remove(0).stored;
        let second = session.write(vec![open("screening")]).unwrap_err();
        assert_eq!(second.status(), 409);
        assert_eq!(second.issues[0].coding.as_ref().unwrap().1, "already-open");
        assert!(update(&session, episode("planned", Some("referred"), "b"), &ours.id, None).is_ok());
        for changed in [
            episode("active", Some("referred"), "b"),
            episode("planned", Some("enrolled"), "b"),
            episode("planned", None, "b"),
        ] {
            assert_eq!(update(&session, changed, &ours.id, None).unwrap_err().status(), 422);
        }
        assert_eq!(delete(&session, ty("EpisodeOfCare"), &ours.id, None).unwrap_err().status(), 422);
        // One ends and another begins in the same write.
        let end = ChangeAction::update(episode("cancelled", Some("declined"), "b"), &ours.id, None);
        session.write(vec![open("referred"), Change::programme(end)]).unwrap();
        assert_eq!(session.write(vec![open("referred")]).unwrap_err().status(), 409);
    });
}

#[test]
fn two_instances_share_a_database_and_its_secrets() {
    on_each(|url| {
        let start = Barrier::new(2);
        let apps: Vec<Arc<App>> = std::thread::scope(|scope| {
            let start = &start;
            let one = move || {
                start.wait();
                open(url)
            };
            let threads = [scope.spawn(one), scope.spawn(one)];
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(apps[0].cursor_key, apps[1].cursor_key);
        for app in &apps {
            let session = Session::system(app.clone());
            for programme in &app.definitions.programs {
                let resource = resource(programme.clone());
                let id = resource.id().unwrap();
                assert_eq!(session.read(resource.ty(), id).unwrap().version, 1);
            }
        }
        let id = create(&Session::system(apps[0].clone()), patient("x")).unwrap().id;
        assert!(Session::system(apps[1].clone()).read(ty("Patient"), &id).is_ok());
    });
}

#[test]
fn a_thousand_entries_are_one_write() {
    on_each_app(|session| {
        let change = |at: usize| {
            let resource = resource(json!({ "resourceType": "Observation", "status": "final",
                "code": { "coding": [{ "system": "http://loinc.org", "code": format!("{at}-0") }] },
                "subject": { "reference": "Patient/1" }, "effectiveDateTime": "2026-01-01",
                "valueQuantity": { "value": 1.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg" } }));
            ChangeAction::update(resource, format!("o{at}"), None)
        };
        for round in [WriteOutcome::Created, WriteOutcome::Updated] {
            let began = Instant::now();
            let written = session.write((0..1_000).map(|at| Change::client(change(at))).collect()).unwrap();
            assert!(written.iter().all(|one| one.outcome == round));
            assert!(written.iter().enumerate().all(|(at, one)| one.stored.id == format!("o{at}")));
            println!("1000 entries, sqlite {}: {:?}", session.app().is_embedded(), began.elapsed());
        }
        let found = session.compartment("1", &[ty("Observation")]).unwrap();
        assert_eq!(found.len(), 1_000);
    });
}

fn identified(value: &str) -> Resource {
    resource(json!({ "resourceType": "Patient", "identifier": [{ "system": "urn:x", "value": value }] }))
}

fn create_if_none(session: &Session, resource: Resource, query: &str) -> Result<Written, Failure> {
    let action = ChangeAction::Create { resource, if_none_exist: Some(query.into()), id: None };
    Ok(session.write(vec![Change::client(action)])?.remove(0))
}

fn patients(session: &Session, query: &str) -> usize {
    session.find(ty("Patient"), query).unwrap().len()
}

#[test]
fn a_condition_that_finds_one_creates_nothing_and_several_are_refused() {
    on_each_app(|session| {
        let first = create_if_none(&session, identified("1"), "identifier=urn:x|1").unwrap();
        assert_eq!(first.outcome, WriteOutcome::Created);
        let again = create_if_none(&session, identified("1"), "identifier=urn:x|1").unwrap();
        assert_eq!((again.outcome, again.stored.id), (WriteOutcome::Unchanged, first.stored.id));
        create(&session, identified("1")).unwrap();
        let several = create_if_none(&session, identified("1"), "identifier=urn:x|1").unwrap_err();
        assert_eq!(several.status(), 412);
        for query in ["", "unknown=1", "_count=1", "identifier=urn:x|1&nonsense=2"] {
            let refused = create_if_none(&session, identified("1"), query).unwrap_err();
            assert_eq!(refused.status(), 400, "{query}");
        }
        assert_eq!(patients(&session, "identifier=urn:x|1"), 2);
    });
}

#[test]
fn a_condition_does_not_find_what_was_deleted() {
    on_each_app(|session| {
        let first = create_if_none(&session, identified("1"), "identifier=urn:x|1").unwrap().stored;
        delete(&session, ty("Patient"), &first.id, None).unwrap();
        let second = create_if_none(&session, identified("1"), "identifier=urn:x|1").unwrap();
        assert_eq!(second.outcome, WriteOutcome::Created);
    });
}

#[test]
fn of_concurrent_creates_under_one_condition_one_creates() {
    on_each(|url| {
        // Two instances on one PostgreSQL; on SQLite a second process, as `comfrey import` beside the server.
        let sessions = [Session::system(open(url)), Session::system(open(url))];
        let start = Barrier::new(32);
        let outcomes: Vec<Written> = std::thread::scope(|scope| {
            let (start, sessions) = (&start, &sessions);
            let one = move |at: usize| {
                let query = if at.is_multiple_of(2) {
                    "identifier=urn:x|1&active:missing=true"
                } else {
                    "active:missing=true&identifier=urn:x|1"
                };
                start.wait();
                create_if_none(&sessions[at / 16], identified("1"), query).unwrap()
            };
            let threads: Vec<_> = (0..32).map(|at| scope.spawn(move || one(at))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(outcomes.iter().filter(|one| one.outcome == WriteOutcome::Created).count(), 1);
        assert!(outcomes.iter().all(|one| one.stored.id == outcomes[0].stored.id));
        assert_eq!(patients(&sessions[0], "identifier=urn:x|1"), 1);
    });
}

#[test]
fn references_by_search_become_plain_ones_or_fail_the_whole_write() {
    on_each_app(|session| {
        let known = create(&session, identified("1")).unwrap();
        let goal = |subject: &str| {
            let goal = resource(
                json!({ "resourceType": "Goal", "lifecycleStatus": "active", "description": { "text": "walk" },
                "subject": { "reference": subject } }),
            );
            Change::client(ChangeAction::create(goal)).at("Bundle.entry[0].resource")
        };
        let written = session.write(vec![goal("Patient?identifier=urn:x|1")]).unwrap();
        let reference = written[0].stored.value().unwrap()["subject"]["reference"].clone();
        assert_eq!(reference, json!(format!("Patient/{}", known.id)));
        let none = session.write(vec![goal("Patient?identifier=urn:x|2")]).unwrap_err();
        assert_eq!(
            (none.status(), none.issues[0].expression.as_deref()),
            (412, Some("Bundle.entry[0].resource.subject.reference"))
        );
        create(&session, identified("1")).unwrap();
        assert_eq!(session.write(vec![goal("Patient?identifier=urn:x|1")]).unwrap_err().status(), 412);
    });
}

#[test]
fn entries_refer_to_what_a_condition_found() {
    on_each_app(|session| {
        let url = "urn:uuid:6d1c5d0a-6a3d-4d2c-a4f3-6a0a55c1f002";
        let bundle = || {
            let goal = resource(
                json!({ "resourceType": "Goal", "lifecycleStatus": "active", "description": { "text": "walk" },
                "subject": { "reference": url } }),
            );
            let patient = ChangeAction::Create {
                resource: identified("1"),
                if_none_exist: Some("identifier=urn:x|1".into()),
                id: None,
            };
            vec![
                Change::client(patient).known_as(url).at("Bundle.entry[0].resource"),
                Change::client(ChangeAction::create(goal)).at("Bundle.entry[1].resource"),
            ]
        };
        let start = Barrier::new(12);
        std::thread::scope(|scope| {
            for _ in 0..12 {
                scope.spawn(|| {
                    start.wait();
                    session.write(bundle()).unwrap();
                });
            }
        });
        let found = session.find(ty("Patient"), "identifier=urn:x|1").unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(session.compartment(&found[0].id, &[ty("Goal")]).unwrap().len(), 12);
    });
}

#[test]
fn what_goes_with_a_page_is_bounded_in_number_and_in_hops_and_says_so() {
    on_each_app(|session| {
        let link = |from: usize, to: usize| {
            resource(json!({ "resourceType": "Organization", "id": format!("o{from}"), "name": "o",
                "partOf": { "reference": format!("Organization/o{to}") } }))
        };
        let put = |resource: Resource, id: String| {
            update(&session, resource, &id, None).expect("it is written");
        };
        (0..9).for_each(|at| put(link(at, at + 1), format!("o{at}")));
        put(resource(json!({ "resourceType": "Organization", "id": "o9", "name": "o" })), "o9".into());
        put(patient("one"), "one".into());
        let goal = |at: usize| {
            resource(json!({ "resourceType": "Goal", "id": format!("g{at}"), "lifecycleStatus": "active",
                "description": { "text": "walk" }, "subject": { "reference": "Patient/one" } }))
        };
        (0..MOST_INCLUDED).for_each(|at| put(goal(at), format!("g{at}")));
        let found = |name: &str, query: &str| {
            let query = search::parse(&session.context(), ty(name), query).unwrap();
            let found = session.search(&query).unwrap();
            (found.included.len(), found.cut)
        };
        let (up, back) = ("_include:iterate=Organization:partof", "_revinclude=Goal:patient");
        assert_eq!(found("Organization", &format!("_id=o0&{up}")), (MOST_HOPS, true));
        assert_eq!(found("Organization", &format!("_id=o5&{up}")), (4, false));
        assert_eq!(found("Organization", &format!("_id=o0,o5&{up}")), (8, false));
        assert_eq!(found("Patient", &format!("_id=one&{back}")), (MOST_INCLUDED, false));
        put(goal(MOST_INCLUDED), format!("g{MOST_INCLUDED}"));
        assert_eq!(found("Patient", &format!("_id=one&{back}")), (MOST_INCLUDED, true));
        assert_eq!(found("Patient", &format!("_id=one&{back}&{back}:Patient")), (MOST_INCLUDED, true));
        // What is there already takes no place.
        let both = format!("_include=Goal:patient&_include=Goal:subject&_count={MOST_INCLUDED}");
        assert_eq!(found("Goal", &both), (1, false));
    });
}

#[test]
fn pages_follow_one_another_without_gaps_or_doubles() {
    on_each_app(|session| {
        session
            .write(
                (0..25).map(|at| Change::client(ChangeAction::create(identified(&at.to_string())))).collect(),
            )
            .unwrap();
        let mut query =
            crate::search::parse(&session.context(), ty("Patient"), "_count=10&_total=accurate").unwrap();
        let (mut seen, mut pages) = (std::collections::HashSet::new(), 0);
        loop {
            let found = session.search(&query).unwrap();
            assert_eq!(found.total, Some(25));
            seen.extend(found.matches.iter().map(|stored| stored.rid));
            pages += 1;
            query.edge = found.next.map(search::Edge::After);
            if query.edge.is_none() {
                break;
            }
        }
        assert_eq!((seen.len(), pages), (25, 3));
    });
}
