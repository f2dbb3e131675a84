//! Those who pay themselves. <https://hl7.org/fhir/R4/coverage.html>

use super::*;

#[test]
fn who_has_no_payer_counts_only_where_the_programme_serves_those_who_pay_themselves() {
    let units = |settings: Value, code: &str| {
        let mut world = World::new(settings);
        world.resources.retain(|one| one["resourceType"] != "Coverage");
        world.put(coverage("own", code, (None, None)));
        world.put(episode("e", "p", ("2025-03-01", Some("2025-03-31"))));
        world.units()
    };
    let with = |more: Value| {
        let mut all = free();
        all.as_array_mut().unwrap().push(more);
        all
    };
    assert_eq!((units(free(), "81"), units(free(), "512")), (0, UNIT));
    assert_eq!(units(with(json!({ "url": "selfPay", "valueBoolean": true })), "81"), UNIT);
    let listed = json!({ "url": "lobAllowed", "valueCode": "self-pay-or-none" });
    assert_eq!(units(with(listed), "81"), UNIT);
}
