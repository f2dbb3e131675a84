//! Of writers at the same time, each gets one right answer.

use std::sync::Barrier;

use super::*;

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
