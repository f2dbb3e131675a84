//! Tiers, rows of the pay table, assessments, and what became known later. <https://hl7.org/fhir/R4/episodeofcare.html>

use super::*;
use crate::palliative::payment::delta::Difference;

fn with_tiers(tiers: &[(&str, &str)]) -> Value {
    let mut episode = episode("e", "p", ("2025-03-01", Some("2025-03-31")));
    for (tier, since) in tiers {
        let parts = json!([{ "url": "tier", "valueCode": tier }, { "url": "since", "valueDate": since }]);
        episode["extension"]
            .as_array_mut()
            .unwrap()
            .push(json!({ "url": TIER_EXTENSION, "extension": parts }));
    }
    episode
}

fn row(tier: &str, amount: &str) -> Value {
    let money: Value = serde_json::from_str(&format!("{{\"value\":{amount},\"currency\":\"USD\"}}")).unwrap();
    json!({ "url": "payTable", "extension": [{ "url": "tier", "valueCode": tier }, { "url": "amount", "valueMoney": money },
        { "url": "serviceCode", "valueCoding": { "code": "S0311" } }] })
}

#[test]
fn the_tier_rule_chooses_the_row_of_the_table() {
    let mut settings = free();
    settings.as_array_mut().unwrap().extend([row("tier-2", "300"), row("tier-3", "450.50")]);
    let mut world = World::new(settings);
    world.put(with_tiers(&[("tier-3", "2025-03-01"), ("tier-2", "2025-03-11")]));
    let paid = |rule: TierRule| {
        let mut world = world.clone();
        world.asked.tier_rule = Some(rule);
        let line = world.lines().remove(0);
        (line.tier.unwrap(), line.amount.unwrap().cents)
    };
    assert_eq!(paid(TierRule::AtMonthStart), ("tier-3".to_owned(), 45_050));
    assert_eq!(paid(TierRule::Highest), ("tier-3".to_owned(), 45_050));
    // (10 × 450.50 + 21 × 300) / 31
    assert_eq!(paid(TierRule::DayWeighted), ("tier-2".to_owned(), 34_855));
    assert_eq!(world.lines()[0].service_codes, [json!({ "code": "S0311" })]);
    world.put(with_tiers(&[]));
    assert_eq!((world.lines()[0].tier.clone(), world.lines()[0].amount.clone()), (None, None));
}

#[test]
fn a_dual_month_is_paid_by_the_row_of_dual_or_else_of_the_line_that_is_billed() {
    let of = |line: &str, amount: &str| {
        let mut row = row("tier-2", amount);
        row["extension"].as_array_mut().unwrap().push(json!({ "url": "lob", "valueCode": line }));
        row
    };
    let mut settings = free();
    settings.as_array_mut().unwrap().extend([of("medicare-hospice", "7"), of("medicaid-mc", "300")]);
    let mut world = World::new(settings.clone());
    world.put(with_tiers(&[("tier-2", "2025-03-01")]));
    let mut billed = coverage("a", "211", (None, None));
    billed["order"] = 1.into();
    world.put(billed);
    world.put(coverage("z", "12", (None, None)));
    let line = world.lines().remove(0);
    assert_eq!((&line.cover.line[..], &line.cover.billed[..]), ("dual", "medicaid-mc"));
    assert_eq!(line.amount.map(|amount| amount.cents), Some(30_000));
    assert_eq!(line.service_codes, [json!({ "code": "S0311" })]);
    settings.as_array_mut().unwrap().push(of("dual", "250"));
    world.program(program("p", settings));
    assert_eq!(world.lines().remove(0).amount.map(|amount| amount.cents), Some(25_000));
}

#[test]
fn each_line_of_business_of_a_month_is_paid_by_its_own_row() {
    let of = |line: &str, tier: &str, amount: &str| {
        let mut row = row(tier, amount);
        row["extension"].as_array_mut().unwrap().push(json!({ "url": "lob", "valueCode": line }));
        row
    };
    let mut settings = free();
    settings.as_array_mut().unwrap().extend([
        of("medicaid-mc", "tier-2", "310"),
        of("medicaid-mc", "tier-3", "620"),
        of("commercial", "tier-2", "465"),
        of("commercial", "tier-3", "930"),
    ]);
    let mut world = World::new(settings);
    world.put(with_tiers(&[("tier-3", "2025-03-01"), ("tier-2", "2025-03-21")]));
    world.put(coverage("c", "211", (None, Some("2025-03-10"))));
    world.put(coverage("m", "511", (Some("2025-03-11"), None)));
    let paid = |rule: MonthRule, tier: TierRule| {
        let mut world = world.clone();
        (world.asked.month_rule, world.asked.tier_rule) = (Some(rule), Some(tier));
        let lines = world.lines();
        lines.iter().map(|line| line.amount.as_ref().unwrap().cents).collect::<Vec<_>>()
    };
    // 930 × 0.6774 for the commercial plan's 21 days, 620 × 0.3226 for the ten of Medi-Cal
    assert_eq!(paid(MonthRule::Prorated, TierRule::AtMonthStart), [62_998, 20_001]);
    // (10 × 930 + 11 × 465) / 21 × 0.6774, and ten days of tier 3
    assert_eq!(paid(MonthRule::Prorated, TierRule::DayWeighted), [46_499, 20_001]);
    assert_eq!(paid(MonthRule::AnyDay, TierRule::AtMonthStart), [0, 62_000]);
    // one unit for the whole month: (20 × 620 + 11 × 310) / 31
    assert_eq!(paid(MonthRule::AnyDay, TierRule::DayWeighted), [0, 51_000]);
}

#[test]
fn an_assessment_gives_the_tier_of_days_before_the_episodes_own() {
    let assessment = |id: &str, status: &str, on: &str, tier: &str| {
        json!({ "resourceType": "RiskAssessment", "id": id, "status": status, "occurrenceDateTime": on,
            "prediction": [{ "qualitativeRisk": { "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/risk-tier", "code": tier }] } }] })
    };
    let mut world = World::new(free());
    world.put(with_tiers(&[("tier-4", "2025-03-21")]));
    world.put(assessment("x", "final", "2025-02-01", "tier-2"));
    world.put(assessment("y", "preliminary", "2025-02-10", "tier-3"));
    world.put(assessment("z", "final", "2025-03-25", "tier-1"));
    let line = world.lines().remove(0);
    assert_eq!(line.tier_days, [(Some("tier-2".to_owned()), 20), (Some("tier-4".to_owned()), 11)]);
}

#[test]
fn a_table_that_cannot_be_read_is_refused() {
    for amount in ["-1", "1.005", "1e3"] {
        let service = json!({ "resourceType": "HealthcareService", "id": "p",
            "extension": [{ "url": SETTINGS_EXTENSION, "extension": [row("tier-1", amount)] }] });
        assert_eq!(
            Program::read(&Resource::from_value(service).unwrap()).unwrap_err().status(),
            422,
            "{amount}"
        );
    }
}

fn intake(id: &str, start: &str) -> Value {
    let mut visit = visit(id, start, "HH", "Practitioner/x");
    visit["type"] = json!([{ "coding": [{ "system": "http://snomed.info/sct", "code": "305284002" }] }]);
    visit
}

/// An episode that ended in this state without a day of the service.
fn ended(id: &str, code: &str, (received, ended): (&str, &str)) -> Value {
    json!({ "resourceType": "EpisodeOfCare", "id": id, "patient": { "reference": "Patient/a" },
        "extension": [state(code), { "url": PROGRAM_EXTENSION, "valueReference": { "reference": "HealthcareService/p" } },
            { "url": RECEIVED_EXTENSION, "valueDate": received }, { "url": END_DATE_EXTENSION, "valueDate": ended }],
        "statusHistory": [{ "extension": [state(code)], "period": { "start": ended } }] })
}

#[test]
fn an_intake_is_paid_whether_or_not_the_person_enrols_and_once_for_each_episode() {
    let settings = json!([{ "url": "payTable", "extension": [{ "url": "class", "valueCode": "intake" },
        { "url": "amount", "valueMoney": { "value": 150 } }] }]);
    let mut world = World::new(settings);
    world.asked.intakes = Intakes::Included;
    world.put(ended("d", "declined", ("2025-01-05", "2025-01-20")));
    world.put(intake("i1", "2025-01-10T10:00:00-07:00"));
    world.put(intake("i2", "2025-01-12T10:00:00-07:00"));
    let lines = world.lines();
    assert_eq!(lines.len(), 1);
    assert_eq!((&lines[0].month[..], lines[0].class, lines[0].unit), ("2025-01", Class::Intake, UNIT));
    assert_eq!(lines[0].amount.as_ref().unwrap().cents, 15_000);
    assert_eq!(lines[0].sources[0].first, "2025-01-10", "the first of two");
    for (code, count) in [("not-eligible", 1), ("lapsed", 1), ("offered", 0), ("entered-in-error", 0)] {
        world.put(ended("d", code, ("2025-01-05", "2025-01-20")));
        assert_eq!(world.lines().len(), count, "{code}");
    }
    world.asked.intakes = Intakes::LeftOut;
    world.put(ended("d", "declined", ("2025-01-05", "2025-01-20")));
    assert_eq!(world.lines().len(), 0);
}

#[test]
fn an_intake_on_the_first_day_counts_and_one_of_an_earlier_referral_does_not() {
    let mut world = World::new(free());
    world.asked.intakes = Intakes::Included;
    let mut enrolled = episode("e", "p", ("2025-06-10", Some("2025-06-20")));
    let received = json!({ "url": RECEIVED_EXTENSION, "valueDate": "2025-06-01" });
    enrolled["extension"].as_array_mut().unwrap().push(received);
    world.put(enrolled);
    world.put(intake("old", "2025-02-10T10:00:00-07:00"));
    let intakes = |world: &World| world.lines().iter().filter(|line| line.class == Class::Intake).count();
    assert_eq!(intakes(&world), 0);
    world.put(intake("new", "2025-06-10T10:00:00-07:00"));
    assert_eq!(intakes(&world), 1);
    let mut linked = intake("old", "2025-02-10T10:00:00-07:00");
    linked["episodeOfCare"] = json!([{ "reference": "EpisodeOfCare/e" }]);
    world.put(linked);
    let lines = world.lines();
    let intake = lines.iter().find(|line| line.class == Class::Intake).unwrap();
    assert_eq!(intake.month, "2025-02", "one that names the episode belongs to it");
}

#[test]
fn t_21_what_became_known_later_is_a_difference_and_differences_add_up() {
    let mut world = vector(MonthRule::Prorated);
    let first = world.lines();
    world.put(coverage("c", "211", (None, Some("2025-03-10"))));
    let second = world.lines();
    let found = differences(&first, &second);
    let reasons: Vec<_> = found.iter().map(|one| (one.line().unwrap().month.clone(), one.reason)).collect();
    assert_eq!(reasons, [("2025-03".to_owned(), Reason::Adjust), ("2025-04".to_owned(), Reason::Void)]);
    assert_eq!(found[0].changed(), ["eligibleDays", "unit", "tier", "source"]);
    let sum = |lines: &[Line]| lines.iter().map(|line| line.unit).sum::<i64>();
    let changes: i64 = found.iter().map(Difference::unit_change).sum();
    assert_eq!(sum(&first) + changes, sum(&second));
    assert!(differences(&second, &second).is_empty());
    assert!(differences(&[], &second).iter().all(|one| one.reason == Reason::New));
}
