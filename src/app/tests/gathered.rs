//! Small writes of several requests in one transaction.

use std::time::Duration;

use super::*;
use crate::store::fresh::on_postgres;

/// Has these write at once, all of them gathered.
fn at_once<T: Send>(session: &Session, count: usize, write: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let held_up = session.app.gathered.hold_up();
    std::thread::scope(|scope| {
        let write = &write;
        let all: Vec<_> = (0..count).map(|at| scope.spawn(move || write(at))).collect();
        until(|| session.app.gathered.counts().0 == count);
        drop(held_up);
        all.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

fn until(holds: impl Fn() -> bool) {
    let mut tries = 0;
    while !holds() {
        tries += 1;
        assert!(tries < 6_000, "it never comes to be");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_waits_is_written_together() {
    on_postgres(|url| {
        let session = Session::system(open(url));
        let stored = at_once(&session, 10, |at| create(&session, patient(&format!("p{at}"))).unwrap());
        let times: std::collections::BTreeSet<i64> = stored.iter().map(|one| one.updated).collect();
        assert_eq!(times.len(), 1, "one transaction has one time: {times:?}");
        for (at, one) in stored.iter().enumerate() {
            let there = session.read(ty("Patient"), &one.id).unwrap();
            assert_eq!(there.value().unwrap()["name"][0]["family"], format!("p{at}"), "each has its own");
            assert_eq!((there.version, there.updated), (1, one.updated));
        }
        until(|| session.app.gathered.counts() == (0, 0));
    });
}

#[test]
fn who_leads_and_has_nothing_to_write_leaves_the_lead() {
    on_postgres(|url| {
        let session = Session::system(open(url));
        let places = session.app.db.writes_at_once().unwrap();
        let (let_go, wait) = crossbeam_channel::bounded::<()>(0);
        let (hold, holds) = crossbeam_channel::bounded::<()>(places);
        std::thread::scope(|scope| {
            for _ in 0..places {
                let (db, wait, hold) = (session.app.db.clone(), wait.clone(), hold.clone());
                let busy = move |_: &mut crate::store::Conn| {
                    hold.try_send(()).ok();
                    wait.recv().ok();
                    Ok(())
                };
                scope.spawn(move || db.write(busy).unwrap());
            }
            (0..places).for_each(|_| holds.recv().unwrap());
            let held_up = session.app.gathered.hold_up();
            let session = &session;
            let both: Vec<_> = ["a", "b"]
                .map(|one| scope.spawn(move || create(session, patient(one))))
                .into_iter()
                .collect();
            until(|| session.app.gathered.counts().0 == 2);
            // Both are told to lead. One takes both writes, and waits for a place; the other has nothing to write.
            drop(held_up);
            let begun = std::time::Instant::now();
            until(|| session.app.gathered.counts() == (0, 1));
            assert!(begun.elapsed() < Duration::from_secs(3), "it led for nobody: {:?}", begun.elapsed());
            drop(let_go);
            both.into_iter().for_each(|one| assert_eq!(one.join().unwrap().unwrap().version, 1));
        });
        until(|| session.app.gathered.counts() == (0, 0));
    });
}

#[test]
fn one_that_is_refused_is_refused_alone() {
    on_postgres(|url| {
        let session = Session::system(open(url));
        let first = create(&session, patient("before")).unwrap();
        let write = |at: usize| match at {
            0 => update(&session, patient("late"), &first.id, Some(7)).map(|one| one.stored),
            1 => update(&session, patient("now"), &first.id, Some(1)).map(|one| one.stored),
            _ => create(&session, patient("new")),
        };
        let done = at_once(&session, 9, write);
        for (at, one) in done.iter().enumerate() {
            match at {
                0 => assert_eq!(one.as_ref().unwrap_err().status(), 412),
                1 => assert_eq!(one.as_ref().unwrap().version, 2),
                _ => assert_eq!(one.as_ref().unwrap().version, 1),
            }
        }
        assert_eq!(session.read(ty("Patient"), &first.id).unwrap().version, 2);
    });
}

#[test]
fn who_waits_for_a_resource_holds_up_nobody_else() {
    on_postgres(|url| {
        let session = Session::system(open(url));
        update(&session, patient("held"), "held", None).unwrap();
        let (go_on, wait) = crossbeam_channel::bounded::<()>(0);
        let (locked, is_locked) = crossbeam_channel::bounded::<()>(1);
        let db = session.app.db.clone();
        let hold = move |conn: &mut crate::store::Conn| {
            conn.batch("SELECT rid FROM resource WHERE id = 'held' FOR UPDATE")?;
            locked.try_send(()).ok();
            wait.recv().ok();
            Ok(())
        };
        std::thread::scope(|scope| {
            scope.spawn(move || db.write(hold).unwrap());
            is_locked.recv().unwrap();
            let (done, dones) = crossbeam_channel::unbounded();
            let session = &session;
            let held_up = session.app.gathered.hold_up();
            for at in 0..6 {
                let done = done.clone();
                scope.spawn(move || {
                    let version = match at {
                        0 => update(session, patient("waits"), "held", None).unwrap().stored.version,
                        _ => create(session, patient("goes on")).unwrap().version,
                    };
                    done.send(version).unwrap();
                });
            }
            until(|| session.app.gathered.counts().0 == 6);
            drop(held_up);
            let first: Vec<i64> = dones.iter().take(5).collect();
            assert_eq!(first, [1; 5], "all the others are written while it is held");
            drop(go_on);
            assert_eq!(dones.recv().unwrap(), 2);
        });
    });
}

#[test]
fn several_writes_of_one_resource_follow_one_another() {
    on_postgres(|url| {
        let session = Session::system(open(url));
        let done = at_once(&session, 8, |at| update(&session, patient(&format!("v{at}")), "one", None));
        let mut versions: Vec<i64> = done.into_iter().map(|one| one.unwrap().stored.version).collect();
        versions.sort_unstable();
        assert_eq!(versions, [1, 2, 3, 4, 5, 6, 7, 8]);
    });
}

#[test]
fn what_is_bound_to_other_resources_does_not_wait() {
    on_postgres(|url| {
        let session = Session::system(open(url));
        let plan = json!({ "resourceType": "CarePlan", "status": "active", "intent": "plan",
            "subject": { "reference": "Patient/p" } });
        update(&session, patient("p"), "p", None).unwrap();
        let plan =
            crate::app::prepare::prepare(&session, &[Change::client(ChangeAction::create(resource(plan)))]);
        assert!(!crate::app::gathered::is_plain(&plan.unwrap()));
        let two = [patient("a"), patient("b")].map(|one| Change::client(ChangeAction::create(one)));
        let two = crate::app::prepare::prepare(&session, &two).unwrap();
        assert!(!crate::app::gathered::is_plain(&two), "a transaction is one by itself");
        let conditional =
            ChangeAction::Create { resource: patient("c"), if_none_exist: Some("family=c".into()), id: None };
        let conditional = crate::app::prepare::prepare(&session, &[Change::client(conditional)]).unwrap();
        assert!(!crate::app::gathered::is_plain(&conditional));
        let plain =
            crate::app::prepare::prepare(&session, &[Change::client(ChangeAction::create(patient("d")))]);
        assert!(crate::app::gathered::is_plain(&plain.unwrap()));
    });
}
