use jiff::ToSpan;
use jiff::civil::Date;
use jiff::civil::date;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;

use super::Days;
use super::Holds;
use super::Stretch;
use super::active_days;
use crate::fhir::resource::Resource;
use crate::palliative::program::Program;
use crate::palliative::vocabulary::ENROLLED_DAYS_EXTENSION;
use crate::palliative::vocabulary::STATE_EXTENSION;

fn day(offset: i64) -> Date {
    date(2024, 2, 1).checked_add(offset.days()).unwrap()
}

fn program() -> Program {
    Program::read(&Resource::from_value(json!({ "resourceType": "HealthcareService", "id": "p" })).unwrap())
        .unwrap()
}

/// An episode with these states, each from a day on, and this period.
fn episode(states: &[(&str, Date)], (start, end): (Date, Option<Date>)) -> Resource {
    let extension = |state: &str| json!([{ "url": STATE_EXTENSION, "valueCoding": { "code": state } }]);
    let history: Vec<Value> = states
        .iter()
        .map(|(state, since)| json!({ "extension": extension(state), "period": { "start": since.to_string() } }))
        .collect();
    let mut period = json!({ "start": start.to_string() });
    if let Some(end) = end {
        period["end"] = end.to_string().into();
    }
    let last = states.last().map_or("enrolled", |(state, _)| state);
    let value = json!({ "resourceType": "EpisodeOfCare", "id": "e", "extension": extension(last),
        "statusHistory": history, "period": period });
    Resource::from_value(value).unwrap()
}

fn count(states: &[(&str, i64)], end: Option<i64>, holds: Holds) -> i64 {
    let states: Vec<(&str, Date)> = states.iter().map(|(state, at)| (*state, day(*at))).collect();
    let start = states.iter().find(|(state, _)| *state == "enrolled").unwrap().1;
    let bounds = Stretch::new(day(0), day(99)).unwrap();
    active_days(&episode(&states, (start, end.map(day))), &program(), holds).within(bounds).count()
}

#[test]
fn a_day_counts_on_which_the_person_was_enrolled_at_any_time_of_it() {
    let states = [("consented", 0), ("enrolled", 10), ("on-hold", 20), ("enrolled", 30), ("discharged", 39)];
    assert_eq!(count(&states, Some(39), Holds::Counted), 30);
    assert_eq!(
        count(&states, Some(39), Holds::LeftOut),
        21,
        "days 21 to 29 are on hold from morning to evening"
    );
    let same_day = [("enrolled", 10), ("on-hold", 20), ("enrolled", 20), ("discharged", 39)];
    assert_eq!(count(&same_day, Some(39), Holds::LeftOut), 30);
    let still_on_hold = [("enrolled", 10), ("on-hold", 20)];
    assert_eq!(count(&still_on_hold, None, Holds::LeftOut), 11);
    let ended_on_hold = [("enrolled", 10), ("on-hold", 20), ("discharged", 40)];
    assert_eq!(count(&ended_on_hold, Some(40), Holds::LeftOut), 11);
}

#[test]
fn an_ending_that_was_undone_leaves_no_gap() {
    let enrolled = [("enrolled", 10), ("discharged", 20), ("enrolled", 25)];
    assert_eq!(count(&enrolled, None, Holds::LeftOut), 90);
    let on_hold = [("enrolled", 10), ("on-hold", 15), ("discharged", 20), ("on-hold", 25), ("enrolled", 30)];
    assert_eq!(count(&on_hold, None, Holds::LeftOut), 90 - 14);
}

#[test]
fn an_episode_without_an_enrolled_day_has_none() {
    let of = |episode: &Resource| active_days(episode, &program(), Holds::Counted).count();
    assert_eq!(
        of(&episode(&[("enrolled", day(3)), ("entered-in-error", day(9))], (day(3), Some(day(9))))),
        0
    );
    let mut elected = episode(&[("enrolled", day(3)), ("hospice-elected", day(3))], (day(3), Some(day(3))));
    assert_eq!(of(&elected), 1);
    let none = json!({ "url": ENROLLED_DAYS_EXTENSION, "valueInteger": 0 });
    elected.object_mut()["extension"].as_array_mut().unwrap().push(none);
    assert_eq!(of(&elected), 0);
    let foreign = json!({ "resourceType": "EpisodeOfCare", "period": { "start": "2024-02-01" } });
    assert_eq!(of(&Resource::from_value(foreign).unwrap()), 0, "it is no programme's episode");
}

#[test]
fn days_at_the_ends_of_the_calendar_are_days_like_others() {
    let all = Days::of(Stretch::new(Date::MIN, Date::MAX));
    let one = Days::of(Stretch::new(day(5), day(5)));
    let rest = all.minus(&one);
    assert_eq!(rest.stretches().count(), 2);
    assert_eq!(rest.or(&one), all);
    assert!(all.minus(&all).is_empty());
}

fn stretches() -> impl Strategy<Value = Vec<Stretch>> {
    prop::collection::vec((0_i64..60, 0_i64..10), 0..6).prop_map(|all| {
        all.into_iter().filter_map(|(at, long)| Stretch::new(day(at), day(at + long))).collect()
    })
}

proptest! {
    #[test]
    fn sets_of_days_are_what_a_count_of_single_days_says(one in stretches(), other in stretches()) {
        let (a, b) = (Days::of(one.clone()), Days::of(other.clone()));
        let has = |all: &[Stretch], day: Date| all.iter().any(|stretch| stretch.contains(day));
        let bounds = Stretch::new(day(20), day(40)).unwrap();
        let (both, either, left, bounded) = (a.and(&b), a.or(&b), a.minus(&b), a.within(bounds));
        for at in (0..75).map(day) {
            let (in_one, in_other) = (has(&one, at), has(&other, at));
            prop_assert_eq!(a.contains(at), in_one);
            prop_assert_eq!(both.contains(at), in_one && in_other);
            prop_assert_eq!(either.contains(at), in_one || in_other);
            prop_assert_eq!(left.contains(at), in_one && !in_other);
            prop_assert_eq!(bounded.contains(at), in_one && bounds.contains(at));
        }
        let counted = (0..75).map(day).filter(|at| has(&one, *at)).count();
        prop_assert_eq!(usize::try_from(a.count()).unwrap(), counted);
        for set in [a, both, either, left] {
            let all: Vec<Stretch> = set.stretches().collect();
            prop_assert!(all.windows(2).all(|pair| pair[0].last < pair[1].first));
        }
    }
}
