//! The days of a month for which an episode is paid, counted one by one: the plain words of the definition, against
//! which the run of payable months is held. <https://hl7.org/fhir/R4/episodeofcare.html>

use std::collections::BTreeMap;

use jiff::civil::Date;
use proptest::prelude::*;

use crate::fhir::datetime::span;
use crate::fhir::resource::Resource;
use crate::palliative::element::day;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::facts::has_coding;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::name;
use crate::palliative::enrollment::facts::state_of;
use crate::palliative::enrollment::state::State;
use crate::palliative::enrollment::table::Action;
use crate::palliative::enrollment::tests::World;
use crate::palliative::enrollment::tests::on;
use crate::palliative::enrollment::tests::programme;
use crate::palliative::payment::Account;
use crate::palliative::payment::Asked;
use crate::palliative::payment::Intakes;
use crate::palliative::payment::policy::MonthRule;
use crate::palliative::time_line::Stretch;
use crate::palliative::vocabulary::END_DATE_EXTENSION;
use crate::palliative::vocabulary::ENROLLED_DAYS_EXTENSION;
use crate::palliative::vocabulary::FLAG_SYSTEM;
use crate::palliative::vocabulary::STATE_EXTENSION;

/// The eligible days and the units, in parts of ten thousand, of an episode in a month.
type Counted = BTreeMap<(String, String), (i64, i64)>;

/// The run of payable months finds for each episode and month what counting the days one by one does.
pub fn are_paid_by_the_day(world: &World) -> Result<(), TestCaseError> {
    let first: Date = "2026-01-01".parse().unwrap();
    let last: Date = "2026-12-31".parse().unwrap();
    let mut programs = BTreeMap::new();
    for mut program in [world.program.clone(), programme("other", "America/Phoenix")] {
        program.payment.requires_service = false;
        programs.insert(program.reference(), program);
    }
    let asked = Asked {
        period: Stretch::new(first, last).unwrap(),
        now: span(&world.today, &world.program.zone).unwrap().low + 43_200_000_000,
        programs: Vec::new(),
        payer: None,
        month_rule: Some(MonthRule::Prorated),
        tier_rule: None,
        intakes: Intakes::LeftOut,
    };
    let chart = world.chart();
    let lines = Account { chart: &chart, programs: &programs, asked: &asked }.lines();
    let key = |line: &crate::palliative::payment::line::Line| (line.episode.clone(), line.month.clone());
    let found: Counted = lines.iter().map(|line| (key(line), (line.eligible_days, line.unit))).collect();
    prop_assert_eq!(found, naive(world, (first, last)));
    Ok(())
}

fn naive(world: &World, (first, last): (Date, Date)) -> Counted {
    let episodes: Vec<&Resource> =
        world.resources.values().filter(|one| one.ty().name() == "EpisodeOfCare").collect();
    let began: BTreeMap<String, Date> = episodes
        .iter()
        .filter_map(|one| Some((name(one), from(one).filter(|from| serves_from(one, *from).is_some())?)))
        .collect();
    let today: Date = world.today.parse().unwrap();
    // Nobody is cared for after a death, in whichever programme it was recorded.
    let died = episodes.iter().filter(|one| state_of(one) == Some(State::Deceased));
    let died = died.map(|one| {
        day(extension_of(one, END_DATE_EXTENSION).unwrap()["valueDate"].as_str().unwrap()).unwrap()
    });
    let until = last.min(today).min(died.min().unwrap_or(Date::MAX));
    let mut counted = Counted::new();
    let mut date = first;
    while date <= until {
        let serving = episodes.iter().filter(|one| serves(one, date) && !in_hospice(world, date));
        // Of two that could count the day, it is that of the one that began later.
        if let Some(one) = serving.max_by_key(|one| (began.get(&name(one)), name(one))) {
            let month = format!("{:04}-{:02}", date.year(), date.month());
            let entry = counted.entry((name(one), month)).or_default();
            entry.0 += 1;
            entry.1 = nearest(entry.0 * 10_000, i64::from(date.days_in_month()));
        }
        date = date.tomorrow().unwrap();
    }
    counted
}

fn from(episode: &Resource) -> Option<Date> {
    day(episode.text("/period/start")?)
}

/// The first day from this one on that the service was active.
fn serves_from(episode: &Resource, date: Date) -> Option<Date> {
    date.series(jiff::ToSpan::days(1)).take(400).find(|date| serves(episode, *date))
}

/// Whether the service was active on some part of the day.
fn serves(episode: &Resource, date: Date) -> bool {
    let meant = state_of(episode).is_some_and(|state| state != State::EnteredInError);
    let any_day = extension_of(episode, ENROLLED_DAYS_EXTENSION).is_none();
    let end = episode.text("/period/end").and_then(day).unwrap_or(Date::MAX);
    let inside = from(episode).is_some_and(|start| start <= date) && date <= end;
    meant && any_day && inside && !is_held(episode, date)
}

/// Whether the episode was on hold from the morning of the day to its evening.
fn is_held(episode: &Resource, date: Date) -> bool {
    let mut states: Vec<(bool, Date)> = Vec::new();
    for entry in list(episode.get("statusHistory")) {
        let extension = list(entry.get("extension")).find(|one| one["url"] == STATE_EXTENSION).unwrap();
        let holds = match extension["valueCoding"]["code"].as_str().and_then(State::parse) {
            Some(State::OnHold) => true,
            Some(State::Enrolled) => false,
            _ => continue,
        };
        let since = day(entry["period"]["start"].as_str().unwrap()).unwrap();
        // The undoing of an ending leads back to what it was before, and begins nothing.
        if states.last().is_some_and(|(before, _)| *before == holds) {
            continue;
        }
        // What was dated ahead, and overtaken by what was done before that day, never came to be.
        states.retain(|(_, day)| *day <= since);
        if states.last().is_none_or(|(before, _)| *before != holds) {
            states.push((holds, since));
        }
    }
    let in_the_morning = states.iter().rfind(|(_, since)| *since < date);
    let resumed = states.iter().any(|(holds, since)| !holds && *since == date);
    in_the_morning.is_some_and(|(holds, _)| *holds) && !resumed
}

fn in_hospice(world: &World, date: Date) -> bool {
    let elections = world.resources.values().filter(|one| {
        one.ty().name() == "Flag"
            && has_coding(one.get("code"), FLAG_SYSTEM, "hospice-election")
            && one.text("/status") != Some("entered-in-error")
    });
    elections.into_iter().any(|flag| {
        let start = flag.text("/period/start").and_then(day).unwrap();
        let over = flag.text("/period/end").and_then(day).is_some_and(|end| end <= date);
        start <= date && !over
    })
}

/// The nearest whole number, and of two that are as near the even one.
fn nearest(numerator: i64, denominator: i64) -> i64 {
    let below = numerator / denominator;
    [below, below + 1]
        .into_iter()
        .min_by_key(|one| ((one * denominator - numerator).abs(), one % 2))
        .unwrap_or(below)
}

#[test]
fn a_day_on_hold_from_morning_to_evening_is_not_counted() {
    let mut world = World::new();
    world.enrolled();
    world.today = "2026-02-10".into();
    world.act(&on(Action::Hold, "2026-01-20", "hold-travel")).unwrap();
    world.act(&on(Action::Resume, "2026-01-31", "hold-travel")).unwrap();
    let first = "2026-01-01".parse().unwrap();
    let counted = naive(&world, (first, "2026-12-31".parse().unwrap()));
    // From the 15th to the 20th and the 31st; then the ten days of February.
    assert_eq!(counted.values().copied().collect::<Vec<_>>(), [(7, 2258), (10, 3571)]);
    are_paid_by_the_day(&world).unwrap();
}
