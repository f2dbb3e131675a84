//! A run of payable months and the voiding of one of its episodes, whichever comes first.

use super::*;
use crate::palliative::enrollment::STATE_EXTENSION;
use crate::palliative::vocabulary::PROGRAM_EXTENSION;

fn episode(status: &str, state: &str) -> Resource {
    resource(
        json!({ "resourceType": "EpisodeOfCare", "status": status, "patient": { "reference": "Patient/1" },
        "extension": [{ "url": STATE_EXTENSION, "valueCoding": { "code": state } },
            { "url": PROGRAM_EXTENSION, "valueReference": { "reference": "HealthcareService/x" } }] }),
    )
}

fn run_with(episode: &str) -> PaymentRun {
    PaymentRun {
        id: format!("run-{episode}"),
        at: START,
        made_from: b"{}".to_vec(),
        lines: b"[]".to_vec(),
        paid: ["2026-01", "2026-02"].map(|month| paid(episode, month)).into(),
    }
}

fn paid(episode: &str, month: &str) -> PaidMonth {
    PaidMonth { episode: episode.to_owned(), month: month.to_owned(), payers: "Organization/plan".into() }
}

fn enrolled(session: &Session) -> String {
    let create = Change::programme(ChangeAction::create(episode("active", "enrolled")));
    session.write(vec![create]).unwrap().remove(0).stored.id
}

fn void(session: &Session, id: &str) -> Result<Vec<Written>, Failure> {
    let mistake = episode("entered-in-error", "entered-in-error");
    session.write(vec![Change::programme(ChangeAction::update(mistake, id, None))])
}

#[test]
fn a_run_is_not_kept_with_an_episode_that_was_voided_since_it_was_read() {
    on_each_app(|session| {
        let id = enrolled(&session);
        void(&session, &id).unwrap();
        let refused = session.keep_run(run_with(&id), None, Answer::empty(200)).unwrap_err();
        assert_eq!(refused.reason, Reason::Precondition);
        assert_eq!(session.payment_run(&format!("run-{id}")).unwrap(), None, "nothing of it is kept");
        assert_eq!(session.paid_month(&id).unwrap(), None);
    });
}

#[test]
fn an_episode_is_not_voided_of_which_a_run_was_kept_since_the_decision() {
    on_each_app(|session| {
        let id = enrolled(&session);
        session.keep_run(run_with(&id), None, Answer::empty(200)).unwrap();
        let refused = void(&session, &id).unwrap_err();
        assert_eq!(
            (refused.status(), refused.issues[0].coding.as_ref().unwrap().1.as_str()),
            (409, "paid-month-exists")
        );
    });
}

#[test]
fn of_a_run_and_a_voiding_at_once_one_alone_comes_about() {
    on_each_app(|session| {
        for _ in 0..12 {
            let id = enrolled(&session);
            let (kept, voided) = std::thread::scope(|scope| {
                let run = scope.spawn(|| session.keep_run(run_with(&id), None, Answer::empty(200)).is_ok());
                let voiding = scope.spawn(|| void(&session, &id).is_ok());
                (run.join().unwrap(), voiding.join().unwrap())
            });
            assert_ne!(kept, voided, "{id}");
            assert_eq!(session.paid_month(&id).unwrap().is_some(), kept);
            if kept {
                let end = episode("finished", "discharged");
                session.write(vec![Change::programme(ChangeAction::update(end, &id, None))]).unwrap();
            }
        }
    });
}
