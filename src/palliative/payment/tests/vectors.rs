//! The vectors of the month rules. <https://hl7.org/fhir/R4/episodeofcare.html>

use super::*;

#[test]
fn v_pm_prorated_counts_the_share_of_days_with_four_decimals() {
    let short = vector(MonthRule::Prorated).short();
    let months: Vec<(&str, i64, i64)> =
        short.iter().map(|(month, days, unit)| (&month[..], *days, *unit)).collect();
    assert_eq!(months, [("2025-02", 9, 3_214), ("2025-03", 31, 10_000), ("2025-04", 9, 3_000)]);
}

#[test]
fn v_pm_any_day_is_three_units() {
    assert_eq!(vector(MonthRule::AnyDay).units(), 3 * UNIT);
}

#[test]
fn v_pm_first_of_month_pays_march_and_april() {
    let world = vector(MonthRule::FirstOfMonth);
    let paid: Vec<String> =
        world.lines().into_iter().filter(|line| line.unit == UNIT).map(|line| line.month).collect();
    assert_eq!(paid, ["2025-03", "2025-04"]);
    assert_eq!(world.lines()[0].unmet, Some(Unmet::NotOnTheFirst));
}

#[test]
fn v_pm_fifteen_day_pays_march_alone() {
    let lines = vector(MonthRule::FifteenDay).lines();
    let of: Vec<_> = lines.iter().map(|line| (line.unit, line.unmet)).collect();
    assert_eq!(of, [(0, Some(Unmet::TooFewDays)), (UNIT, None), (0, Some(Unmet::TooFewDays))]);
}

#[test]
fn v_pm_mccm_is_a_thousand_dollars() {
    let amounts = |world: &World| -> Vec<i64> {
        world.lines().iter().map(|line| line.amount.as_ref().unwrap().cents).collect()
    };
    let mut world = vector(MonthRule::Mccm);
    assert_eq!(amounts(&world), [20_000, 40_000, 40_000]);
    world.resources.retain(|one| one["id"] != "v2");
    assert_eq!(amounts(&world), [20_000, 40_000, 0], "a later month is paid for its service");
    world.put(episode("e", "p", ("2025-02-10", Some("2025-04-09"))));
    assert_eq!(amounts(&world), [40_000, 40_000, 0], "nineteen days of the first month");
    world.asked.period = Stretch::new(day("2025-04-01"), day("2025-04-30")).unwrap();
    world.put(visit("v2", "2025-04-02T10:00:00-07:00", "VR", "Practitioner/n"));
    assert_eq!(amounts(&world), [40_000], "April is a later month whatever the run asks for");
}

#[test]
fn v_dah_patient_b_is_paid_up_to_the_day_of_death() {
    let mut world = World::new(free());
    world.put(json!({ "resourceType": "Patient", "id": "a", "birthDate": "1950-05-01", "deceasedDateTime": "2025-05-20" }));
    world.put(episode("e", "p", ("2025-02-01", None)));
    for (rule, unit) in
        [(MonthRule::AnyDay, UNIT), (MonthRule::FifteenDay, UNIT), (MonthRule::Prorated, 6_452)]
    {
        world.asked.month_rule = Some(rule);
        assert_eq!(world.short().last().unwrap(), &("2025-05".to_owned(), 20, unit));
    }
}

#[test]
fn halves_are_rounded_to_the_even_number() {
    let table = [(5, 2, 2), (7, 2, 4), (9, 2, 4), (10, 4, 2), (11, 4, 3), (1, 3, 0), (2, 3, 1), (0, 5, 0)];
    for (numerator, denominator, expected) in table {
        assert_eq!(half_even(numerator, denominator), expected, "{numerator}/{denominator}");
    }
}
