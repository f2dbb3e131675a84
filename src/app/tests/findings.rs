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

const ALL: [Outcome; 5] = [
    Outcome::Eligible,
    Outcome::ScreenPositive,
    Outcome::Indeterminate,
    Outcome::Excluded,
    Outcome::NotEligible,
];

pub(super) fn asked(session: &Session, suppressed: Suppressed) -> Current {
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

pub(super) fn put(session: &Session, value: Value) {
    let id = value["id"].as_str().unwrap().to_owned();
    update(session, resource(value), &id, None).unwrap();
}

pub(super) fn heart_failure(patient: &str) -> Value {
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
