//! Kept findings: whoever asks is told what an evaluation at that moment would say.

use serde_json::Value;
use serde_json::json;

use super::*;
use crate::access::Action;
use crate::access::Caller;
use crate::access::Grant;
use crate::access::grants::Reach;
use crate::app::findings::After;
use crate::app::findings::Among;
use crate::app::findings::Budget;
use crate::app::findings::Current;
use crate::app::findings::Question;
use crate::app::findings::Suppressed;
use crate::palliative::screening::Outcome;
use crate::store::Conn;
use crate::store::findings::ProgramRow;
use crate::store::findings::due;
use crate::store::findings::kept;
use crate::store::findings::kept::Evaluated;
use crate::store::findings::read;

const ALL: [Outcome; 5] = [
    Outcome::Eligible,
    Outcome::ScreenPositive,
    Outcome::Indeterminate,
    Outcome::Excluded,
    Outcome::NotEligible,
];

fn asked(session: &Session, suppressed: Suppressed) -> Current {
    let question = Question {
        program: "default",
        rule_sets: &[],
        among: Among::Everybody,
        outcomes: &ALL,
        suppressed,
        after: None,
        count: 1_000,
    };
    let now = Session::system(session.app.clone());
    now.current_findings(&question, Budget::ALL).unwrap().expect("the programme is kept for")
}

fn put(session: &Session, value: Value) {
    let id = value["id"].as_str().unwrap().to_owned();
    update(session, resource(value), &id, None).unwrap();
}

fn heart_failure(patient: &str) -> Value {
    json!({ "resourceType": "Condition", "id": format!("{patient}-hf"),
        "subject": { "reference": format!("Patient/{patient}") },
        "clinicalStatus": { "coding": [{ "code": "active",
            "system": "http://terminology.hl7.org/CodeSystem/condition-clinical" }] },
        "code": { "coding": [{ "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I50.22" }] } })
}

fn stay(patient: &str) -> Value {
    json!({ "resourceType": "Encounter", "id": format!("{patient}-stay"), "status": "finished",
        "subject": { "reference": format!("Patient/{patient}") },
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP" },
        "period": { "start": "2025-12-01T10:00:00-08:00", "end": "2025-12-05T10:00:00-08:00" } })
}

#[test]
fn a_reader_right_after_a_write_sees_it() {
    on_each_app(|session| {
        assert_eq!(asked(&session, Suppressed::LeftOut), Current::default());
        put(&session, json!({ "resourceType": "Patient", "id": "a", "birthDate": "1950-05-01" }));
        let outcome = |session: &Session| {
            let current = asked(session, Suppressed::Listed);
            assert_eq!((current.candidates.len(), current.pending), (1, 0));
            (current.candidates[0].outcome, current.counts.no_data)
        };
        assert_eq!(outcome(&session), (Outcome::Indeterminate, 1));
        put(&session, heart_failure("a"));
        assert_eq!(outcome(&session), (Outcome::Indeterminate, 0));
        put(&session, stay("a"));
        assert_eq!(outcome(&session), (Outcome::Eligible, 0));
        delete(&session, ty("Condition"), "a-hf", None).unwrap();
        assert_eq!(outcome(&session), (Outcome::Indeterminate, 0));
        delete(&session, ty("Patient"), "a", None).unwrap();
        assert_eq!(asked(&session, Suppressed::Listed), Current::default());
    });
}

#[test]
fn only_who_may_read_all_of_everybody_is_told() {
    on_each_app(|session| {
        let told = |caller: Caller| {
            let question = Question {
                program: "default",
                rule_sets: &[],
                among: Among::Everybody,
                outcomes: &ALL,
                suppressed: Suppressed::Listed,
                after: None,
                count: 10,
            };
            let session = Session::new(Arc::clone(&session.app), caller, String::new());
            let answer = session.current_findings(&question, Budget::ALL);
            answer.map(drop).map_err(|failure| failure.status())
        };
        let with = |ty: Option<ResourceType>, reach: Reach| {
            let grant = Grant { ty, actions: vec![Action::Read], reach };
            Caller { grants: vec![grant], ..Caller::without_grants("somebody") }
        };
        assert_eq!(told(with(None, Reach::System)), Ok(()));
        assert_eq!(told(with(None, Reach::Patient("a".into()))), Err(403));
        assert_eq!(told(with(Some(ty("Observation")), Reach::System)), Err(403));
        assert_eq!(told(Caller::anonymous()), Err(403));
        // All but one type, whichever it is.
        for missing in [
            "Patient",
            "RiskAssessment",
            "EpisodeOfCare",
            "Consent",
            "Coverage",
            "Condition",
            "Medication",
            "Device",
        ] {
            let all = ResourceType::all().filter(|one| one.name() != missing);
            let grants = all
                .map(|ty| Grant { ty: Some(ty), actions: vec![Action::Read], reach: Reach::System })
                .collect();
            let caller = Caller { grants, ..Caller::without_grants("somebody") };
            assert_eq!(told(caller), Err(403), "{missing}");
        }
    });
}

#[test]
fn pages_neither_repeat_nor_skip_and_count_all() {
    on_each_app(|session| {
        for at in 0..7 {
            let id = format!("p{at}");
            put(&session, json!({ "resourceType": "Patient", "id": id, "birthDate": "1950-05-01" }));
            if at % 2 == 0 {
                put(&session, heart_failure(&id));
            }
            if at % 3 == 0 {
                put(&session, stay(&id));
            }
        }
        let whole = asked(&session, Suppressed::LeftOut);
        assert_eq!((whole.candidates.len(), whole.counts.all(), &whole.next), (7, 7, &None));
        assert!(whole.counts.eligible > 0 && whole.counts.indeterminate > 0);
        let order = |one: &crate::app::findings::Candidate| {
            (std::cmp::Reverse((one.tier, one.score.0)), one.patient.clone())
        };
        assert!(whole.candidates.is_sorted_by_key(order), "a higher tier, then a higher score, first");
        let own: Vec<String> = (0..7).step_by(2).map(|at| format!("p{at}")).collect();
        let sets = ["https://comfrey.health/fhir/PlanDefinition/RS-KELLEY-B|1".to_owned()];
        for (among, rule_sets) in
            [(Among::Everybody, &[][..]), (Among::These(&own), &[]), (Among::Everybody, &sets)]
        {
            let now = Session::system(Arc::clone(&session.app));
            let page = |after: Option<&After>, count: usize| {
                let question = Question {
                    program: "default",
                    rule_sets,
                    among,
                    outcomes: &ALL,
                    suppressed: Suppressed::LeftOut,
                    after,
                    count,
                };
                now.current_findings(&question, Budget::ALL).unwrap().unwrap()
            };
            let all = page(None, 100);
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let part = page(after.as_ref(), 2);
                assert_eq!(part.counts, all.counts, "the counts are of all, whatever the page");
                found.extend(part.candidates);
                let Some(next) = part.next else { break };
                after = Some(next);
            }
            assert_eq!(found, all.candidates);
            assert_eq!(found.len(), if matches!(among, Among::These(_)) { 4 } else { 7 });
        }
    });
}

#[test]
fn what_a_patient_observed_of_another_counts_for_that_other_alone() {
    on_each_app(|session| {
        for id in ["mother", "child"] {
            put(&session, json!({ "resourceType": "Patient", "id": id, "birthDate": "1950-05-01" }));
        }
        put(
            &session,
            json!({ "resourceType": "Observation", "id": "o", "status": "final",
                "subject": { "reference": "Patient/child" }, "performer": [{ "reference": "Patient/mother" }],
                "code": { "text": "Hunger" }, "effectiveDateTime": "2026-02-20", "valueBoolean": true }),
        );
        assert_eq!(asked(&session, Suppressed::LeftOut).counts.no_data, 1);
        assert!(session.compartment("mother", &[ty("Observation")]).unwrap().len() == 1);
        let of = |id: &str| {
            session.screened(id).unwrap().iter().filter(|one| one.ty().name() == "Observation").count()
        };
        assert_eq!((of("mother"), of("child")), (0, 1));
    });
}

#[test]
fn whoever_is_gone_with_their_marks_is_found_again_by_a_reindex() {
    on_each_app(|session| {
        put(&session, json!({ "resourceType": "Patient", "id": "a", "birthDate": "1950-05-01" }));
        let count = |session: &Session| asked(session, Suppressed::LeftOut).counts.all();
        assert_eq!(count(&session), 1);
        let forget = "DELETE FROM finding_state; DELETE FROM finding_program; DELETE FROM finding_set;";
        session.app.db.write(move |conn| Ok(conn.batch(forget)?)).unwrap();
        assert_eq!(count(&session), 0);
        session.app.reindex(0, &mut |_| {}).unwrap();
        assert_eq!(count(&session), 1);
    });
}

#[test]
fn the_worker_waits_until_a_burst_of_writes_is_over() {
    on_each_app(|session| {
        let app = &session.app;
        put(&session, json!({ "resourceType": "Patient", "id": "a", "birthDate": "1950-05-01" }));
        assert_eq!(app.evaluate_some().unwrap(), 0);
        app.clock.set(START + 3_000_000);
        assert_eq!(app.evaluate_some().unwrap(), 1);
        assert_eq!((app.evaluate_some().unwrap(), app.count_due(app.clock.now()).unwrap()), (0, 0));
        app.clock.set(START + 400 * crate::fhir::datetime::DAY);
        put(&session, stay("a"));
        app.clock.set(START + 401 * crate::fhir::datetime::DAY);
        assert_eq!(app.evaluate_some().unwrap(), 1);
        assert_eq!(asked(&session, Suppressed::LeftOut).pending, 0);
    });
}

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
