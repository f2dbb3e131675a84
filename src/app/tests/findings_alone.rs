//! Evaluations that fail, that meet one another, or that others must not do.

use serde_json::json;

use super::findings::asked;
use super::findings::heart_failure;
use super::findings::put;
use super::*;
use crate::app::findings::Among;
use crate::app::findings::Current;
use crate::app::findings::Suppressed;
use crate::search::sql::Sql;
use crate::store::Conn;
use crate::store::findings::ProgramRow;
use crate::store::findings::due;
use crate::store::findings::kept;
use crate::store::findings::kept::Evaluated;
use crate::store::findings::read;
use crate::store::matches;

#[test]
fn one_whose_evaluation_fails_is_pending_and_keeps_nobody_waiting() {
    on_each_app(|session| {
        for at in 0..150 {
            let id = format!("p{at:03}");
            put(&session, json!({ "resourceType": "Patient", "id": id, "birthDate": "1950-05-01" }));
        }
        // More than are evaluated together, and the first of all.
        let spoil = |spoilt: &'static str| {
            let all = format!("UPDATE resource SET body = {spoilt} WHERE type = 102 AND id < 'p120'");
            session.app.db.write(move |conn| Ok(conn.batch(&all)?)).unwrap();
        };
        spoil(if session.app.is_embedded() { "X'00'" } else { "'\\x00'" });
        let current = asked(&session, Suppressed::LeftOut);
        assert_eq!((current.counts.all(), current.pending), (30, 120));
        session.app.clock.set(START + 60_000_000);
        assert_eq!(session.app.evaluate_some().unwrap(), 0, "they are left alone for a while");
        let sound = "CAST('{\"resourceType\":\"Patient\",\"id\":\"' || id || '\"}' AS ";
        let all = if session.app.is_embedded() {
            format!("UPDATE resource SET body = {sound} BLOB) WHERE type = 102 AND id < 'p120'")
        } else {
            "UPDATE resource SET body = convert_to('{\"resourceType\":\"Patient\",\"id\":\"' || id || '\"}', 'UTF8') \
             WHERE type = 102 AND id < 'p120'"
                .to_owned()
        };
        session.app.db.write(move |conn| Ok(conn.batch(&all)?)).unwrap();
        session.app.clock.set(START + 1_000_000_000);
        while session.app.evaluate_some().unwrap() > 0 {}
        let current = asked(&session, Suppressed::LeftOut);
        assert_eq!((current.counts.all(), current.pending), (150, 0));
    });
}

#[test]
fn one_whose_evaluation_failed_is_tried_at_once_where_the_rules_change() {
    on_each_app(|session| {
        put(&session, json!({ "resourceType": "Patient", "id": "a", "birthDate": "1950-05-01" }));
        let now = session.app.clock.now();
        session
            .app
            .db
            .write(move |conn| {
                let marks = read::marks(conn, &["a".to_owned()])?.into_iter().map(|(_, mark)| mark).collect();
                let seen = Evaluated { patient: "a".into(), marks, stamp: None, found: None, change_at: 0 };
                let number = due::rules(conn)?;
                assert!(kept::put_off(conn, &seen, (number, 1), now + 1_000_000)?);
                Ok(())
            })
            .unwrap();
        assert_eq!(asked(&session, Suppressed::LeftOut).pending, 1);
        session.app.db.write(|conn| Ok(due::change_rules(conn)?)).unwrap();
        let current = asked(&session, Suppressed::LeftOut);
        assert_eq!((current.counts.all(), current.pending), (1, 0));
    });
}

#[test]
fn of_two_evaluations_of_a_deleted_patient_neither_keeps_anything() {
    on_each_app(|session| {
        put(&session, json!({ "resourceType": "Patient", "id": "a", "birthDate": "1950-05-01" }));
        let ids = ["a".to_owned()];
        let read = |session: &Session| session.app.db.read(|conn| Ok(read::marks(conn, &ids)?)).unwrap();
        let seen = |session: &Session, found: Option<Vec<ProgramRow>>| {
            let marks = read(session).into_iter().map(|(_, mark)| mark).collect();
            Evaluated { patient: "a".into(), marks, stamp: None, found, change_at: i64::MAX }
        };
        let keep = |one: &Evaluated| {
            let one = one.clone();
            session.app.db.write(move |conn| Ok(kept::put(conn, &one, (1, 7))?)).unwrap()
        };
        let alive = seen(&session, Some(Vec::new()));
        delete(&session, ty("Patient"), "a", None).unwrap();
        let gone = seen(&session, None);
        assert_eq!((alive.marks.len(), gone.marks.len()), (1, 2));
        assert!(keep(&gone) && read(&session).is_empty());
        assert!(!keep(&alive), "the other has seen to it");
        let state = session.app.db.read(|conn| Ok(read::stamps(conn, &ids)?)).unwrap();
        assert!(state.is_empty(), "{state:?}");
        // And the other way round: the later one is told by its marks that it saw less, and leaves its own.
        let mark = |session: &Session| {
            let marks = gone.marks.clone();
            let put = move |conn: &mut Conn| {
                Ok(marks.iter().try_for_each(|mark| due::mark(conn, std::iter::once("a"), *mark))?)
            };
            session.app.db.write(put).unwrap();
        };
        mark(&session);
        assert!(keep(&alive) && !keep(&gone));
        assert_eq!(read(&session).len(), 2);
        assert_eq!(asked(&session, Suppressed::Listed), Current::default());
        let state = session.app.db.read(|conn| Ok(read::stamps(conn, &ids)?)).unwrap();
        assert!(state.is_empty(), "{state:?}");
    });
}

#[test]
fn another_version_of_the_program_evaluates_nobody_by_rules_that_are_not_its_own() {
    on_each_app(|session| {
        put(&session, json!({ "resourceType": "Patient", "id": "a", "birthDate": "1950-05-01" }));
        assert_eq!(asked(&session, Suppressed::LeftOut).pending, 0);
        session.app.db.write(|conn| Ok(due::begin(conn, "another")?)).unwrap();
        let current = asked(&session, Suppressed::LeftOut);
        assert_eq!((current.counts.all(), current.pending), (1, 1));
        put(&session, heart_failure("a"));
        assert_eq!(asked(&session, Suppressed::LeftOut).pending, 1);
        let own = crate::app::findings::rules::fingerprint(&session.app.definitions);
        session.app.db.write(move |conn| Ok(due::begin(conn, own)?)).unwrap();
        assert_eq!(asked(&session, Suppressed::LeftOut).pending, 0);
    });
}

#[test]
fn a_medicine_that_many_take_concerns_all_of_them_a_part_at_a_time() {
    on_each_app(|session| {
        put(&session, json!({ "resourceType": "Medication", "id": "m", "code": { "text": "old" } }));
        let one = |at: usize| {
            let (id, taken) = (format!("p{at:03}"), format!("p{at:03}-m"));
            let patient = json!({ "resourceType": "Patient", "id": id, "birthDate": "1950-05-01" });
            let request = json!({ "resourceType": "MedicationRequest", "id": taken, "status": "active",
                "intent": "order", "subject": { "reference": format!("Patient/{id}") },
                "medicationReference": { "reference": "Medication/m" } });
            [(patient, id), (request, taken)]
        };
        let change =
            |(value, id): (Value, String)| Change::client(ChangeAction::update(resource(value), &id, None));
        session.write((0..410).flat_map(one).map(change).collect()).unwrap();
        assert_eq!(asked(&session, Suppressed::LeftOut).pending, 0);
        put(&session, json!({ "resourceType": "Medication", "id": "m", "code": { "text": "new" } }));
        let due = |session: &Session| session.app.due(Among::Everybody, (START, i64::MAX), 1_000).unwrap();
        let count = |session: &Session| session.app.count_due(START).unwrap();
        assert_eq!(count(&session), 1);
        for (expected, counted) in [(200, 201), (400, 401), (410, 410)] {
            let (patients, more) = due(&session);
            assert_eq!((patients.len(), more, count(&session)), (expected, true, counted));
        }
        assert!(!due(&session).1);
        assert_eq!(asked(&session, Suppressed::LeftOut).pending, 0);
    });
}

#[test]
fn a_server_counts_what_it_holds_after_many_were_evaluated() {
    on_each_app(|session| {
        if session.app.is_embedded() {
            return;
        }
        let app = &session.app;
        let own = "ALTER TABLE finding_state SET (autovacuum_enabled = off)";
        app.db.write(|conn| Ok(conn.batch(own)?)).unwrap();
        let counted = || {
            let sql =
                "SELECT CAST(reltuples AS BIGINT) FROM pg_class WHERE oid = to_regclass('finding_state')";
            app.db.read(|conn| Ok(matches::count(conn, Sql::of(sql, []))?)).unwrap()
        };
        for at in 0..3 {
            put(
                &session,
                json!({ "resourceType": "Patient", "id": format!("p{at}"), "birthDate": "1950-05-01" }),
            );
        }
        app.clock.set(START + 60_000_000);
        assert_eq!((app.evaluate_some().unwrap(), counted()), (3, -1));
        assert_eq!((app.evaluate_some().unwrap(), counted()), (0, 3));
    });
}
