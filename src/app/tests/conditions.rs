//! Conditions and references by a search, as they stand when it is written.

use std::sync::Barrier;

use super::*;

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
