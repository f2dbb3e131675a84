//! What linked records tell of one another, in kept findings and in those that are made anew.

use super::findings::put;
use super::findings_random::compare;
use super::*;
use crate::palliative::findings::Suppression;

#[test]
fn what_linked_records_tell_of_a_death_is_kept_as_it_is_found_anew() {
    let patient = |id: &str, day: Option<&str>, links: &[&str]| {
        let mut patient = json!({ "resourceType": "Patient", "id": id, "birthDate": "1950-05-01" });
        if let Some(day) = day {
            patient["deceasedDateTime"] = day.into();
        }
        let link =
            |to: &&str| json!({ "other": { "reference": format!("Patient/{to}") }, "type": "seealso" });
        if !links.is_empty() {
            patient["link"] = links.iter().map(link).collect();
        }
        patient
    };
    on_each_app(|session| {
        let settings = json!([{ "url": "tz", "valueString": "UTC" }]);
        put(
            &session,
            json!({ "resourceType": "HealthcareService", "id": "default", "active": true,
            "extension": [{ "url": crate::palliative::vocabulary::SETTINGS_EXTENSION, "extension": settings }] }),
        );
        let (past, to_come) = (Some("2026-02-20"), Some("2026-03-20"));
        let steps: [(&str, Option<&str>, &[&str], usize); 9] = [
            // Of two that tell of a death the later id was stored first; then a chain, and a cycle.
            ("p1", past, &[], 1),
            ("p0", to_come, &[], 1),
            ("p2", None, &["p0", "p1"], 3),
            ("p2", None, &["p0"], 1),
            ("p3", None, &["p2"], 1),
            ("p0", None, &["p1"], 4),
            ("p1", past, &["p3"], 4),
            ("p1", None, &["p3"], 0),
            ("p3", past, &[], 4),
        ];
        for (at, (id, day, links, dead)) in steps.into_iter().enumerate() {
            put(&session, patient(id, day, links));
            let seen = compare(&session, &format!("step {at}"));
            let told = seen.iter().filter(|kept| kept.3.contains(&Suppression::Deceased));
            assert_eq!(told.count(), dead, "step {at}");
        }
    });
}
