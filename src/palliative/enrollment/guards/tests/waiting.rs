//! Who starts long after the eligibility was decided. <https://hl7.org/fhir/R4/guidanceresponse.html>

use super::*;

#[test]
fn t42_one_who_has_waited_is_screened_anew_and_enrols_by_the_latest_screening_that_was_recorded() {
    let screened = |id: &str, rule_set: &str, (outcome, as_of): (&str, &str), patient: &str| {
        let url = |name: &str| format!("https://comfrey.health/fhir/StructureDefinition/{name}");
        json!({ "resourceType": "GuidanceResponse", "id": id, "status": "success", "moduleCanonical": rule_set,
            "subject": { "reference": patient }, "extension": [
                { "url": url("screen-outcome"), "valueCode": outcome },
                { "url": url("screen-as-of"), "valueDate": as_of }] })
    };
    let (own, other) = (crate::palliative::enrollment::tests::RULE_SET, "https://example.org/other|1");
    let (eligible, not) = (("eligible", "2026-03-01"), ("not-eligible", "2026-03-02"));
    for (recorded, expected) in [
        (vec![], None),
        (vec![screened("a", own, eligible, "Patient/p")], Some("GuidanceResponse/a")),
        (vec![screened("a", other, eligible, "Patient/p")], None),
        (vec![screened("a", own, eligible, "Patient/q")], None),
        (vec![screened("a", own, ("eligible", "2026-02-01"), "Patient/p")], None),
        (vec![screened("a", own, ("indeterminate", "2026-03-01"), "Patient/p")], None),
        (vec![screened("a", own, eligible, "Patient/p"), screened("b", own, not, "Patient/p")], None),
        (
            vec![screened("b", own, eligible, "Patient/p"), screened("a", own, eligible, "Patient/p")],
            Some("GuidanceResponse/b"),
        ),
    ] {
        let mut world = consented();
        world.act(&request(Action::Waitlist)).unwrap();
        world.today = "2026-03-05".into();
        recorded.iter().for_each(|one| world.put(one.clone()));
        let mut wish = wish();
        wish.start = "2026-03-05".parse().unwrap();
        let result = world.enroll(&wish).map(|_| ()).map_err(|failure| codes(&failure));
        let Some(expected) = expected else {
            assert_eq!(result, Err(vec!["not-eligible".to_owned()]), "{recorded:?}");
            continue;
        };
        assert_eq!(result, Ok(()), "{recorded:?}");
        let kept = extension_of(world.episode(), EVIDENCE_EXTENSION).unwrap().to_string();
        assert!(kept.contains(expected) && !kept.contains("GuidanceResponse/g\""), "{kept}");
    }
}
