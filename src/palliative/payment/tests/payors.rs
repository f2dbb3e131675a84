//! A coverage that several pay by, and one that pays beside hospice. <https://hl7.org/fhir/R4/coverage-definitions.html#Coverage.payor>

use super::*;

fn by(id: &str, payors: &[Value]) -> Value {
    let mut coverage = coverage(id, "12", (None, None));
    coverage["payor"] = payors.to_vec().into();
    coverage
}

fn plan(name: &str) -> Value {
    json!({ "reference": format!("Organization/{name}") })
}

fn serving(line: &str) -> Value {
    let mut settings = free();
    settings.as_array_mut().unwrap().push(json!({ "url": "lobAllowed", "valueCode": line }));
    settings
}

fn days(world: &World) -> Vec<i64> {
    world.lines().iter().map(|line| line.eligible_days).collect()
}

#[test]
fn a_day_that_any_of_several_payers_has_paid_is_not_billed_twice() {
    let mut world = World::new(free());
    world.asked.month_rule = Some(MonthRule::Prorated);
    world.asked.period = Stretch::month_of(day("2025-03-01"));
    world.program(program("p", serving("medicaid-mc")));
    world.program(program("q", serving("medicare-ffs")));
    world.put(episode("e", "p", ("2025-03-01", None)));
    world.put(episode("f", "q", ("2025-03-11", None)));
    for (payors, expected) in [
        (vec![plan("plan-m"), plan("plan-x")], [31, 21]),
        (vec![plan("plan-m"), plan("plan-c")], [10, 21]),
        (vec![plan("plan-c"), plan("plan-m")], [10, 21]),
        (vec![plan("plan-m"), json!({ "display": "Another plan" })], [10, 21]),
        (vec![json!({ "display": "Another plan" }), plan("plan-m")], [10, 21]),
        (vec![plan("plan-m"), plan("plan-m")], [31, 21]),
    ] {
        world.put(by("m", &payors));
        assert_eq!(days(&world), expected, "{payors:?}");
    }
}

#[test]
fn each_of_several_payers_is_told_of_its_days() {
    let mut world = World::new(free());
    world.put(episode("e", "p", ("2025-03-01", Some("2025-03-31"))));
    world.put(by("c", &[plan("plan-c"), plan("plan-d"), json!({ "display": "The family" })]));
    let cover = world.lines().remove(0).cover;
    let told: Vec<Option<&str>> = cover.all().collect();
    assert_eq!(told, [Some("Organization/plan-c"), Some("Organization/plan-d"), None]);
    for (payer, lines) in [("plan-c", 1), ("plan-d", 1), ("plan-e", 0)] {
        world.asked.payer = Some(format!("Organization/{payer}"));
        assert_eq!(world.lines().len(), lines, "{payer}");
    }
    // What was kept of one payer reads as before.
    let kept = json!({ "line": "medicaid-mc", "billed": "medicaid-mc", "payer": "Organization/plan-c" });
    let one: crate::palliative::payment::coverage::Cover = serde_json::from_value(kept.clone()).unwrap();
    assert_eq!(serde_json::to_value(&one).unwrap(), kept);
}

#[test]
fn t_67_an_open_end_goes_on_and_a_coverage_that_was_cancelled_counts_to_an_end_that_had_come() {
    let mut world = World::new(free());
    world.put(episode("e", "p", ("2025-03-01", Some("2025-03-31"))));
    assert_eq!(world.units(), UNIT);
    let mut cancelled = coverage("c", "211", (None, Some("2030-01-01")));
    cancelled["status"] = "cancelled".into();
    world.put(cancelled.clone());
    assert_eq!(world.units(), 0);
    for (end, written, units) in [
        ("2025-03-20", "2025-03-20", UNIT),
        ("2025-03-20", "2025-04-02", UNIT),
        ("2025-03-20", "2025-03-19", 0),
        ("2025-02-28", "2025-04-02", 0),
    ] {
        cancelled["period"] = json!({ "end": end });
        cancelled["meta"] = json!({ "lastUpdated": format!("{written}T12:00:00Z") });
        world.put(cancelled.clone());
        assert_eq!(world.units(), units, "{end} {written}");
        cancelled["status"] = "entered-in-error".into();
        world.put(cancelled.clone());
        assert_eq!(world.units(), 0, "a mistake never counts");
        cancelled["status"] = "cancelled".into();
    }
    cancelled["period"] = json!({});
    world.put(cancelled);
    assert_eq!(world.units(), 0, "without an end it was withdrawn");
}

#[test]
fn days_in_hospice_are_payable_where_the_payer_of_the_day_lets_an_adult_have_both() {
    let mut settings = free();
    let more = [
        json!({ "url": "hospicePolicy", "valueCode": "concurrent" }),
        json!({ "url": "concurrentLob", "valueCode": "va-dod-ihs" }),
    ];
    settings.as_array_mut().unwrap().extend(more);
    let mut world = World::new(settings);
    world.put(episode("e", "p", ("2025-02-20", Some("2025-04-09"))));
    world.put(
        json!({ "resourceType": "Flag", "id": "f", "status": "active", "period": { "start": "2025-03-05" },
        "code": { "coding": [{ "system": FLAG_SYSTEM, "code": "hospice-election" }] } }),
    );
    world.put(coverage("c", "32", (None, Some("2025-03-20"))));
    world.put(coverage("m", "511", (Some("2025-03-21"), None)));
    assert_eq!(world.short()[1].1, 20, "the veteran's days, and none of the payer that follows");
    world.put(coverage("n", "211", (Some("2025-03-11"), None)));
    assert_eq!(world.short()[1].1, 10, "no Medicaid has both");
}
