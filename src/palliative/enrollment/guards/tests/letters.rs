//! Whose letter is a payer's approval. <https://hl7.org/fhir/R4/documentreference.html>

use super::*;
use crate::palliative::enrollment::authorization::flaw;

#[test]
fn a_letter_is_an_approval_where_an_organization_signed_it_that_pays_today() {
    for (payor, author, ok) in [
        ("Organization/plan", "Organization/plan", true),
        (
            "https://payer.example/fhir/Organization/plan/_history/2",
            "https://payer.example/fhir/Organization/plan",
            true,
        ),
        ("Organization/plan", "Organization/other", false),
        ("#1", "#1", false),
        ("Patient/p", "Patient/p", false),
        ("RelatedPerson/child", "RelatedPerson/child", false),
    ] {
        let mut world = World::new();
        world.refer(&referral()).unwrap();
        let letter = json!({ "resourceType": "DocumentReference", "id": "letter", "status": "current",
            "subject": { "reference": "Patient/p" }, "content": [{ "attachment": { "title": "Approval" } }] });
        world.put(letter);
        let contained = json!([{ "resourceType": "Organization", "id": "1", "name": "Whoever" }]);
        world.set("DocumentReference/letter", "contained", contained.clone());
        world.set("DocumentReference/letter", "author", json!([{ "reference": author }]));
        world.set("Coverage/cov", "contained", contained);
        world.set("Coverage/cov", "payor", json!([{ "reference": payor }]));
        let flaw =
            |world: &World| world.with_case(world.episode(), |case| flaw(case, "DocumentReference/letter"));
        assert_eq!(flaw(&world).is_none(), ok, "{payor} {author}: {:?}", flaw(&world));
        for (element, value) in [
            ("period", json!({ "start": "2020-01-01", "end": "2022-12-31" })),
            ("beneficiary", json!({ "reference": "Patient/other" })),
            ("status", json!("cancelled")),
        ] {
            let before = world.resources["Coverage/cov"].get(element).unwrap().clone();
            world.set("Coverage/cov", element, value);
            assert!(flaw(&world).is_some(), "{element}");
            world.set("Coverage/cov", element, before);
        }
    }
}
