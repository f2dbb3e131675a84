//! The row of an episode: whose it is and whether it is open. <https://hl7.org/fhir/R4/episodeofcare.html>

use super::*;
use crate::palliative::vocabulary::CONSENT_EXTENSION;

fn episode_in_state(state: &str) -> Resource {
    Resource::from_value(json!({
        "resourceType": "EpisodeOfCare", "status": "planned", "patient": { "reference": "Patient/1" },
        "extension": [
            { "url": STATE_EXTENSION, "valueCoding": { "system": STATE_SYSTEM, "code": state } },
            { "url": PROGRAM_EXTENSION, "valueReference": { "reference": "HealthcareService/p" } },
        ],
    }))
    .unwrap()
}

#[test]
fn an_episode_of_ours_has_a_row_that_says_whether_it_is_open() {
    let row = |state: &str, open| EpisodeRow {
        patient: "1".into(),
        program: "p".into(),
        state: state.into(),
        open,
        consent: String::new(),
    };
    assert_eq!(episode_row(&episode_in_state("enrolled")), Some(row("enrolled", true)));
    assert_eq!(episode_row(&episode_in_state("discharged")), Some(row("discharged", false)));
}

#[test]
fn an_episode_s_row_names_the_agreement_that_it_rests_on() {
    let consent = |reference: &str| {
        let mut episode = episode_in_state("enrolled").value().clone();
        let one = json!({ "url": CONSENT_EXTENSION, "valueReference": { "reference": reference } });
        episode["extension"].as_array_mut().unwrap().push(one);
        episode_row(&Resource::from_value(episode).unwrap()).unwrap().consent
    };
    assert_eq!(consent("Consent/c"), "c");
    assert_eq!(consent("Consent/c/_history/2"), "c");
    assert_eq!(consent("https://elsewhere.example/fhir/Consent/c"), "");
}

#[test]
fn an_episode_that_names_a_version_of_the_patient_is_that_patients() {
    let mut episode = episode_in_state("enrolled");
    for (reference, id) in [
        ("Patient/1/_history/3", Some("1")),
        ("Patient/1", Some("1")),
        ("Group/1", None),
        ("http://elsewhere.example/fhir/Patient/1", None),
    ] {
        episode.object_mut().insert("patient".into(), json!({ "reference": reference }));
        assert_eq!(episode_row(&episode).map(|row| row.patient).as_deref(), id, "{reference}");
    }
}

#[test]
fn an_episode_of_somebody_else_has_none() {
    let plain = json!({ "resourceType": "EpisodeOfCare", "status": "active", "patient": { "reference": "Patient/1" } });
    assert_eq!(episode_row(&Resource::from_value(plain).unwrap()), None);
    assert_eq!(episode_row(&episode_in_state("cured")), None);
}
