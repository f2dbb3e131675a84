//! What the caller and the programme allow.

use super::*;
use crate::access::Caller;
use crate::access::Grant;
use crate::access::grants::Reach;

fn scoped(actions: &str, patient: &str) -> Caller {
    let actions =
        crate::access::Action::ALL.into_iter().filter(|action| actions.contains(action.letter())).collect();
    let grant = Grant { ty: None, actions, reach: Reach::Patient(patient.into()) };
    Caller { grants: vec![grant], patient: Some(patient.into()), ..Caller::without_grants("app") }
}

#[test]
fn a_patient_s_app_reads_and_writes_inside_its_compartment_only() {
    on_each_app(|session| {
        for id in ["1", "2"] {
            update(&session, patient(id), id, None).unwrap();
        }
        let goal = |subject: &str| {
            resource(
                json!({ "resourceType": "Goal", "lifecycleStatus": "active", "description": { "text": "walk" },
                "subject": { "reference": subject } }),
            )
        };
        let caller = scoped("cruds", "1");
        let own = Session::new(Arc::clone(&session.app), caller, "http://x/fhir".into());
        assert!(own.read(ty("Patient"), "1").is_ok());
        assert_eq!(own.read(ty("Patient"), "2").unwrap_err().status(), 404);
        let mine = create(&own, goal("Patient/1")).unwrap();
        assert_eq!(create(&own, goal("Patient/2")).unwrap_err().status(), 403);
        let theirs = create(&session, goal("Patient/2")).unwrap();
        assert_eq!(update(&own, goal("Patient/1"), &theirs.id, None).unwrap_err().status(), 404);
        assert_eq!(delete(&own, ty("Goal"), &theirs.id, None).unwrap_err().status(), 404);
        assert_eq!(update(&own, goal("Patient/2"), &mine.id, None).unwrap_err().status(), 403);
        assert!(update(&own, goal("Patient/1"), &mine.id, None).is_ok());
        assert!(own.compartment("2", &[ty("Goal")]).unwrap().is_empty());
        // What was theirs before it became mine stays hidden in the history.
        let moved = update(&session, goal("Patient/1"), &theirs.id, None).unwrap().stored;
        assert_eq!(own.vread(ty("Goal"), &moved.id, 1).unwrap_err().status(), 404);
        assert!(own.vread(ty("Goal"), &moved.id, 2).is_ok());
        let reader = Session::new(Arc::clone(&session.app), scoped("rs", "1"), String::new());
        assert_eq!(create(&reader, goal("Patient/1")).unwrap_err().status(), 403);
        let nobody = Session::new(Arc::clone(&session.app), Caller::anonymous(), String::new());
        assert_eq!(nobody.read(ty("Patient"), "1").unwrap_err().status(), 403);
    });
}

#[test]
fn a_client_may_not_change_what_the_programme_derives() {
    on_each_app(|session| {
        let episode = |status: &str, state: Option<&str>, note: &str| {
            let mut value = json!({ "resourceType": "EpisodeOfCare", "status": status, "patient": { "reference": "Patient/1" },
                "careManager": { "display": note } });
            if let Some(state) = state {
                value["extension"] = json!([
                    { "url": crate::palliative::enrollment::STATE_EXTENSION, "valueCoding": {
                        "system": crate::palliative::vocabulary::STATE_SYSTEM, "code": state } },
                    { "url": crate::palliative::vocabulary::PROGRAM_EXTENSION,
                      "valueReference": { "reference": "HealthcareService/x" } },
                ]);
            }
            resource(value)
        };
        update(&session, patient("one"), "1", None).unwrap();
        let plain = create(&session, episode("active", None, "a")).unwrap();
        assert_eq!(create(&session, episode("planned", Some("referred"), "a")).unwrap_err().status(), 422);
        assert_eq!(
            update(&session, episode("planned", Some("referred"), "a"), &plain.id, None)
                .unwrap_err()
                .status(),
            422
        );
        let open = |state| Change::programme(ChangeAction::create(episode("planned", Some(state), "a")));
        let ours = session.write(vec![open("referred")]).unwrap().remove(0).stored;
        let second = session.write(vec![open("screening")]).unwrap_err();
        assert_eq!(second.status(), 409);
        assert_eq!(second.issues[0].coding.as_ref().unwrap().1, "already-open");
        assert!(update(&session, episode("planned", Some("referred"), "b"), &ours.id, None).is_ok());
        for changed in [
            episode("active", Some("referred"), "b"),
            episode("planned", Some("enrolled"), "b"),
            episode("planned", None, "b"),
        ] {
            assert_eq!(update(&session, changed, &ours.id, None).unwrap_err().status(), 422);
        }
        assert_eq!(delete(&session, ty("EpisodeOfCare"), &ours.id, None).unwrap_err().status(), 422);
        // One ends and another begins in the same write.
        let end = ChangeAction::update(episode("cancelled", Some("declined"), "b"), &ours.id, None);
        session.write(vec![open("referred"), Change::programme(end)]).unwrap();
        assert_eq!(session.write(vec![open("referred")]).unwrap_err().status(), 409);
    });
}
