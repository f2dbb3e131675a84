//! Reads by id that are fetched together.

use crossbeam_channel::Receiver;
use crossbeam_channel::unbounded;

use super::*;
use crate::access::Action;
use crate::access::Caller;
use crate::access::Grant;
use crate::access::grants::Reach;
use crate::app::reads::Came;
use crate::app::reads::Fetched;
use crate::app::reads::Lead;
use crate::store::fresh::on_postgres;

/// Asks for each of these before anybody fetches; what comes, with the number of who asked.
fn ask(session: &Session, ids: &[&str]) -> (Vec<Lead>, Receiver<(usize, Came)>) {
    let (tells, came) = unbounded();
    let leads = ids.iter().enumerate().filter_map(|(at, id)| {
        let tells = tells.clone();
        session
            .fetch((ty("Patient"), (*id).to_owned()), Box::new(move |came| tells.send((at, came)).unwrap()))
    });
    (leads.collect(), came)
}

/// The answers in the order in which they were asked for.
fn answers(leads: Vec<Lead>, came: &Receiver<(usize, Came)>) -> Vec<Came> {
    leads.into_iter().for_each(Lead::run);
    let mut all: Vec<(usize, Came)> = came.iter().collect();
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, came)| came).collect()
}

#[test]
fn each_gets_its_own_of_what_is_fetched_together() {
    on_each_app(|session| {
        for id in ["a", "b", "gone"] {
            update(&session, patient(id), id, None).unwrap();
        }
        update(
            &session,
            resource(json!({ "resourceType": "Group", "type": "person", "actual": true })),
            "x",
            None,
        )
        .unwrap();
        delete(&session, ty("Patient"), "gone", None).unwrap();
        let ids: Vec<&str> = ["a", "x", "gone", "b", "a", "none", "a"].into_iter().cycle().take(70).collect();
        let (leads, came) = ask(&session, &ids);
        assert!(!leads.is_empty(), "the first leads");
        let answers = answers(leads, &came);
        assert_eq!(answers.len(), ids.len());
        for (id, came) in ids.into_iter().zip(answers) {
            let there = came.unwrap();
            match id {
                "x" | "none" => assert_eq!(there, None, "{id}"),
                "gone" => {
                    assert!(there.is_some_and(|one| one.deleted && one.id == "gone" && one.version == 2))
                }
                _ => assert_eq!(there.unwrap(), session.read(ty("Patient"), id).unwrap()),
            }
        }
        assert_eq!(session.app.reads.counts(), (0, 0));
    });
}

#[test]
fn who_comes_while_one_fetches_waits_for_it_but_not_for_long() {
    on_each_app(|session| {
        update(&session, patient("a"), "a", None).unwrap();
        let (leads, came) = ask(&session, &["a"]);
        std::thread::sleep(std::time::Duration::from_millis(20));
        let (others, too) = ask(&session, &["a"]);
        assert_eq!((leads.len(), others.len()), (1, 1), "the first has not come back");
        assert_eq!(answers(others, &too).len(), 1);
        assert_eq!(answers(leads, &came).len(), 1, "which was fetched by the other");
        assert_eq!(session.app.reads.counts(), (0, 0));
    });
}

#[test]
fn what_cannot_be_read_is_nobody_else_s_failure() {
    on_postgres(|url| {
        let session = Session::system(open(url));
        for id in ["a", "broken"] {
            update(&session, patient(id), id, None).unwrap();
        }
        let spoil = |conn: &mut crate::store::Conn| {
            Ok(conn.batch("UPDATE resource SET method = 9 WHERE id = 'broken'")?)
        };
        session.app.db.write(spoil).unwrap();
        let (leads, came) = ask(&session, &["a", "broken", "none"]);
        let answers = answers(leads, &came);
        assert!(answers[0].as_ref().is_ok_and(Option::is_some));
        assert_eq!(answers[1].as_ref().unwrap_err().status(), 500);
        assert_eq!(answers[2], Ok(None));
    });
}

#[test]
fn who_waits_learns_that_nobody_fetches_any_more() {
    on_each_app(|session| {
        let (leads, came) = ask(&session, &["a", "b"]);
        drop(leads);
        assert_eq!(came.iter().count(), 0);
        assert_eq!(session.app.reads.counts(), (0, 0));
    });
}

#[test]
fn what_is_at_hand_is_for_one_read_of_the_same_by_who_may_see_all() {
    on_postgres(|url| {
        let session = Session::system(open(url));
        for id in ["1", "2"] {
            update(&session, patient(id), id, None).unwrap();
        }
        let app = || Arc::clone(&session.app);
        let fetched = || Fetched { identity: (ty("Patient"), "1".into()), came: Ok(None) };
        let having = |caller: Caller| Session::new(app(), caller, String::new()).having(fetched());
        let all = having(Caller::everything("x"));
        assert!(all.reads_with_others(ty("Patient")));
        assert!(all.read(ty("Patient"), "2").is_ok(), "another");
        assert_eq!(all.read(ty("Patient"), "1").unwrap_err().status(), 404, "what is at hand");
        assert!(all.read(ty("Patient"), "1").is_ok(), "which was read");
        let grant = |reach: Reach| Grant { ty: None, actions: [Action::Read].into_iter().collect(), reach };
        let of = |grants: Vec<Grant>| Caller { grants, ..Caller::without_grants("app") };
        let own = having(of(vec![grant(Reach::Patient("1".into()))]));
        assert!(!own.reads_with_others(ty("Patient")));
        assert!(own.read(ty("Patient"), "1").is_ok(), "whose reads have a condition");
        let nobody = having(of(Vec::new()));
        assert!(!nobody.reads_with_others(ty("Patient")));
        assert_eq!(nobody.read(ty("Patient"), "1").unwrap_err().status(), 403);
        let groups = having(of(vec![Grant { ty: Some(ty("Group")), ..grant(Reach::System) }]));
        assert!(groups.reads_with_others(ty("Group")) && !groups.reads_with_others(ty("Patient")));
    });
}
