//! Each version of a resource is kept and read as it was stored.

use super::*;

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
