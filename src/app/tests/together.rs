//! Several changes are one write, and a repeated request is one.

use std::sync::Barrier;
use std::time::Instant;

use super::*;

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
