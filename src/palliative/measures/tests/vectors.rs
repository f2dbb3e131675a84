//! The vectors of days at home, by name.

use super::*;
use crate::palliative::measures::healthy::healthy_days;
use crate::palliative::measures::score::Shares;
use crate::palliative::measures::score::YEAR;
use crate::palliative::record::PatientRecord;

/// Patient A of V-DAH: a year with an admission by way of an emergency visit, a nursing facility, a second emergency
/// visit, a stay for observation, and twelve visits of home health.
fn a() -> Vec<Value> {
    let visits = (1..=12).map(|month| {
        let day = format!("2025-{month:02}-28");
        encounter(
            &format!("hh-{month}"),
            "HH",
            &format!("{day}T09:00:00-07:00"),
            &format!("{day}T10:00:00-07:00"),
        )
    });
    let stays = [
        encounter("ed-1", "EMER", "2025-03-10T20:00:00-07:00", "2025-03-10T23:30:00-07:00"),
        encounter("imp", "IMP", "2025-03-10T23:30:00-07:00", "2025-03-15T10:00:00-07:00"),
        nursing("snf", "2025-03-15T11:00:00-07:00", "2025-03-25T10:00:00-07:00"),
        encounter("ed-2", "EMER", "2025-06-01T10:00:00-07:00", "2025-06-01T16:00:00-07:00"),
        encounter("obs", "OBSENC", "2025-09-01T20:00:00-07:00", "2025-09-03T10:00:00-07:00"),
    ];
    with(with(person("a", "2025-01-01"), stays), visits)
}

/// Patient B: an admission, and a death at home.
fn b() -> Vec<Value> {
    let stay = encounter("b-imp", "IMP", "2025-05-01T10:00:00-07:00", "2025-05-09T10:00:00-07:00");
    with(died("b", "2025-02-01", "2025-05-20"), [stay])
}

#[test]
fn v_dah_the_days_of_two_people_and_of_both_together() {
    let (a, b) = (course(&a()), course(&b()));
    assert_eq!((a.at_risk, a.away, a.home()), (365, 18, 347));
    assert_eq!((b.at_risk, b.away, b.home()), (109, 8, 101));
    let home = summary("days-at-home", vec![a.clone(), b.clone()]);
    let expected =
        [("initial-population", 474), ("denominator-exclusion", 0), ("denominator", 474), ("numerator", 448)];
    let expected: Vec<(String, i64)> = expected.map(|(code, count)| (code.to_owned(), count)).into();
    assert_eq!(counts(&home, 0), expected);
    assert_eq!((score(&home, 0), score(&home, 1)), (Some(345.2), Some(94.51)));
    assert_eq!(extension(&home["group"][0], "member-months").unwrap().as_f64(), Some(15.5729));
    let rate = |measure: &str| {
        let report = summary(measure, vec![a.clone(), b.clone()]);
        (counts(&report, 0)[3].1, score(&report, 0).unwrap())
    };
    assert_eq!(rate("ed-treat-and-release"), (1, 64.2));
    assert_eq!(rate("acute-days"), (13, 834.8));
    // The first admission came by way of an emergency visit; of the second nothing is known.
    assert_eq!(rate("unplanned-admissions"), (1, 64.2));
    assert_eq!((a.observation, a.crises(), b.crises()), (1, 3, 0));
}

#[test]
fn v_dah_the_healthy_days_of_the_older_form() {
    let programs = programs("America/Phoenix");
    let conventions = Conventions::default();
    let question =
        Question { programs: &programs, asked: &[], period: year(), conventions, kinds: kinds(), now: NOW };
    let healthy = |resources: &[Value], died: Option<&str>| {
        let died = died.map(|day| day.parse().unwrap());
        let all = resources.iter().map(|one| Resource::from_value(one.clone()).unwrap()).collect();
        let record = PatientRecord::new("x", all, &programs[PROGRAM].zone);
        let stays = question.stays(&record, "2026-06-01".parse().unwrap(), died);
        healthy_days(&stays, year(), died)
    };
    assert_eq!(healthy(&a(), None), 365 - 5 - 2 - 10 - 1 - 12);
    assert_eq!(healthy(&b(), Some("2025-05-20")), 365 - 225 - 8, "it goes on after the death");
    assert_eq!(healthy(&[], Some("2024-05-20")), 0);
}

#[test]
fn v_death_the_day_of_a_death_in_hospital_is_a_day_away() {
    let stay = encounter("imp", "IMP", "2025-07-01T10:00:00-07:00", "2025-07-08T04:00:00-07:00");
    let course = course(&with(died("p", "2025-01-01", "2025-07-08"), [stay]));
    assert_eq!((course.at_risk, course.away, course.home()), (189, 8, 181));
}

#[test]
fn v_chain_what_led_to_one_another_is_one_admission_and_each_day_counts_once() {
    let again = encounter("again", "IMP", "2025-09-12T08:00:00-07:00", "2025-09-12T18:00:00-07:00");
    let chain = [
        encounter("ed", "EMER", "2025-09-01T22:00:00-07:00", "2025-09-02T03:00:00-07:00"),
        encounter("obs", "OBSENC", "2025-09-02T03:00:00-07:00", "2025-09-03T09:00:00-07:00"),
        encounter("imp", "IMP", "2025-09-03T09:00:00-07:00", "2025-09-06T10:00:00-07:00"),
        encounter("transfer", "ACUTE", "2025-09-06T11:00:00-07:00", "2025-09-09T10:00:00-07:00"),
        nursing("snf", "2025-09-09T11:00:00-07:00", "2025-09-12T07:00:00-07:00"),
        of_type(again, "183452005"),
    ];
    let course = course(&with(person("p", "2025-01-01"), chain));
    assert_eq!((course.away, course.acute), (12, 9));
    assert_eq!((course.admissions, course.unplanned, course.planning_unknown), (2, 2, 0));
    assert_eq!((course.emergency, course.observation), (0, 0));
}

#[test]
fn v_tz_days_away_are_those_of_the_programmes_zone() {
    let stay = encounter("imp", "IMP", "2025-03-11T05:30:00Z", "2025-03-12T08:00:00Z");
    let resources = with(person("p", "2025-01-01"), [stay]);
    let away = |zone: &str| course_in(zone, &resources, Conventions::default()).unwrap().away;
    assert_eq!((away("America/Phoenix"), away("UTC")), (2, 1));
}

#[test]
fn v_dst_a_visit_over_the_change_of_the_clocks_lasts_as_long_as_it_does_and_is_one_day() {
    let visit = encounter("ed", "EMER", "2025-03-09T01:30:00-08:00", "2025-03-09T03:15:00-07:00");
    let zone = jiff::tz::TimeZone::get("America/Los_Angeles").unwrap();
    let resource = Resource::from_value(visit.clone()).unwrap();
    let record = PatientRecord::new("p", vec![resource], &zone);
    let of = |moment: &Option<crate::palliative::record::Moment>| moment.as_ref().unwrap().low;
    let minutes = (of(&record.encounters[0].end) - of(&record.encounters[0].start)) / 60_000_000;
    assert_eq!(minutes, 45);
    let resources = with(person("p", "2025-01-01"), [visit]);
    let course = course_in("America/Los_Angeles", &resources, Conventions::default()).unwrap();
    assert_eq!((course.at_risk, course.away, course.emergency), (365, 1, 1));
}

#[test]
fn v_ratio_the_variance_is_that_of_a_ratio_of_sums_over_people() {
    let shares = Shares::of([(350, 365), (180, 200), (92, 120), (300, 310)]);
    let share = shares.share().unwrap();
    assert!((share - 0.926_633).abs() < 5e-7, "{share}");
    assert!((YEAR * share - 338.45).abs() < 0.005);
    assert!((YEAR * shares.standard_error().unwrap() - 11.20).abs() < 0.005);
    assert_eq!(Shares::of([(350, 365)]).standard_error(), None, "one person does not vary");
    assert_eq!(Shares::of([(0, 0)]).share(), None);
}
