//! Whatever is asked for in whatever order and on whatever dates, what holds of episodes goes on to hold.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;
use proptest::prelude::*;

use crate::fhir::resource::Resource;
use crate::palliative::element::day;
use crate::palliative::enrollment::enroll;
use crate::palliative::enrollment::enroll::Enrollment;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::facts::has_coding;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::program_of;
use crate::palliative::enrollment::facts::state_of;
use crate::palliative::enrollment::naive_days::are_paid_by_the_day;
use crate::palliative::enrollment::refer::Referral;
use crate::palliative::enrollment::request::Hospice;
use crate::palliative::enrollment::request::Outreach;
use crate::palliative::enrollment::request::Request;
use crate::palliative::enrollment::state::Ever;
use crate::palliative::enrollment::state::State;
use crate::palliative::enrollment::table::Action;
use crate::palliative::enrollment::table::allowed;
use crate::palliative::enrollment::tests::World;
use crate::palliative::enrollment::tests::agreed;
use crate::palliative::enrollment::tests::determined;
use crate::palliative::enrollment::tests::on;
use crate::palliative::enrollment::tests::programme;
use crate::palliative::enrollment::tests::referral;
use crate::palliative::enrollment::tests::wish;
use crate::palliative::enrollment::transition;
use crate::palliative::enrollment::transition::Beside;
use crate::palliative::screening::Outcome;
use crate::palliative::vocabulary::ENROLLED_DAYS_EXTENSION;
use crate::palliative::vocabulary::FLAG_SYSTEM;
use crate::palliative::vocabulary::TRANSFERRED_FROM_EXTENSION;

/// One step: what to do, to which episode, how many days from today, and how many days pass before.
type Step = (u8, u8, i64, u8);

const OUTCOMES: [Outcome; 4] =
    [Outcome::Eligible, Outcome::Eligible, Outcome::NotEligible, Outcome::Indeterminate];

fn reason(action: Action) -> &'static str {
    match action {
        Action::Decline => "declined-cost",
        Action::Lapse => "unable-to-contact",
        Action::Hold => "hold-travel",
        Action::Transfer => "transferred-program",
        Action::Graduate => "graduated-improved",
        Action::Discharge => "moved-out-of-area",
        Action::HospiceElect => "hospice-election",
        Action::Death => "deceased",
        Action::Void => "duplicate",
        Action::Undo => "recorded-in-error",
        Action::Determine => "not-eligible-criteria",
        Action::Refer
        | Action::Screen
        | Action::Offer
        | Action::Consent
        | Action::Waitlist
        | Action::Enroll
        | Action::Resume => "patient-request",
    }
}

fn asked(action: Action, date: Date, (what, today): (u8, Date)) -> Request {
    let attempt = Outreach {
        method: "phone".into(),
        by: "Practitioner/dr".into(),
        date,
        language: None,
        interpreter_used: None,
    };
    let hospice = Hospice { date, organization: None, document: None };
    let mut evidence = determined(OUTCOMES[usize::from(what) % OUTCOMES.len()]).evidence;
    if let Some(evidence) = &mut evidence {
        evidence.as_of = today;
    }
    Request {
        consent: (action == Action::Consent).then(|| agreed().consent).flatten(),
        outreach: if action == Action::Offer { vec![attempt] } else { Vec::new() },
        hospice: (action == Action::HospiceElect).then_some(hospice),
        target_program: (action == Action::Transfer).then(|| "HealthcareService/other".into()),
        evidence: (action == Action::Determine).then_some(evidence).flatten(),
        ..on(action, &date.to_string(), reason(action))
    }
}

/// Does one step; what is refused changes nothing.
fn step(world: &mut World, (what, which, days, pass): Step) -> Result<(), TestCaseError> {
    let today: Date = world.today.parse::<Date>().unwrap().checked_add(i64::from(pass % 4).days()).unwrap();
    world.today = today.to_string();
    let date = today.checked_add(days.days()).unwrap();
    let episodes: Vec<Resource> = episodes(world).cloned().collect();
    if episodes.is_empty() || what % 16 == 0 {
        let _ = world.refer(&Referral { received: date, ..referral() });
        return Ok(());
    }
    let episode = &episodes[usize::from(which) % episodes.len()];
    let state = state_of(episode).unwrap();
    let other = programme("other", "America/Phoenix");
    let own = program_of(episode) == Some("HealthcareService/prog");
    let kept = world.program.clone();
    if !own {
        world.program = other.clone();
    }
    // Mostly what the state allows, and now and then anything.
    let possible = if what % 8 == 1 { Action::all().collect() } else { allowed(state) };
    let action = possible[usize::from(what / 8) % possible.len().max(1)];
    let decision = match action {
        Action::Refer => {
            world.program = kept;
            return Ok(());
        }
        Action::Enroll => {
            let wish = Enrollment { start: date, ..wish() };
            world.with_case(episode, |case| enroll::decide(case, &wish))
        }
        _ => {
            let request = asked(action, date, (which, today));
            let beside = Beside { target: Some(&other), enrolled: None, paid_month: None };
            world.with_case(episode, |case| transition::decide(case, &request, beside))
        }
    };
    if let Ok(decision) = decision {
        let undone = action == Action::Undo;
        prop_assert!(
            !undone || decision.state != State::EnteredInError,
            "undoing makes no mistake of anything"
        );
        prop_assert!(!undone || decision.state != state, "undoing leads somewhere");
        world.write(&decision);
    }
    world.program = kept;
    Ok(())
}

fn episodes(world: &World) -> impl Iterator<Item = &Resource> {
    world.resources.values().filter(|one| one.ty().name() == "EpisodeOfCare")
}

fn date_at(resource: &Resource, place: &str) -> Option<Date> {
    resource.text(place).and_then(day)
}

/// The first and last enrolled day; none where there was none.
fn enrolled(episode: &Resource) -> Option<(Date, Date)> {
    let start = date_at(episode, "/period/start")?;
    let end = date_at(episode, "/period/end").unwrap_or(Date::MAX);
    extension_of(episode, ENROLLED_DAYS_EXTENSION).is_none().then_some((start, end))
}

/// What must hold of one episode by itself.
fn is_sound(world: &World, episode: &Resource) -> Result<(), TestCaseError> {
    let state = state_of(episode).unwrap();
    let start = date_at(episode, "/period/start");
    let end = date_at(episode, "/period/end");
    let ever = if start.is_some() { Ever::Enrolled } else { Ever::NotEnrolled };
    prop_assert_eq!(episode.text("/status"), Some(state.episode_status(ever)), "the status is derived");
    prop_assert!(end.is_none_or(|end| Some(end) >= start), "the end is not before the start");
    prop_assert_eq!(end.is_some(), start.is_some() && !state.is_open(), "an end is what a closed one has");
    let history: Vec<_> = list(episode.get("statusHistory")).collect();
    for (at, entry) in history.iter().enumerate() {
        let part = |name: &str| entry.pointer(name).and_then(|it| it.as_str()).and_then(day);
        let (from, to) = (part("/period/start"), part("/period/end"));
        prop_assert!(to.is_none_or(|to| Some(to) >= from), "no entry ends before it starts");
        prop_assert_eq!(to.is_none(), at + 1 == history.len(), "the last entry alone is open");
    }
    prop_assert_eq!(history.last().and_then(|it| it["status"].as_str()), episode.text("/status"));
    let serves = matches!(state, State::Enrolled | State::OnHold);
    let name = crate::palliative::enrollment::facts::name(episode);
    let flags = world.resources.values().filter(|one| {
        one.ty().name() == "Flag"
            && has_coding(one.get("code"), FLAG_SYSTEM, "palliative-enrolled")
            && one.text("/status") == Some("active")
            && one.value()["extension"][0]["valueReference"]["reference"] == name.as_str()
    });
    prop_assert_eq!(flags.count(), usize::from(serves), "a flag says who is enrolled");
    Ok(())
}

/// What must hold of all episodes together.
fn are_sound(world: &World) -> Result<(), TestCaseError> {
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    let mut days: BTreeMap<&str, Vec<(Date, Date)>> = BTreeMap::new();
    for episode in episodes(world) {
        is_sound(world, episode)?;
        let (state, program) = (state_of(episode).unwrap(), program_of(episode).unwrap());
        *open.entry(program).or_default() += usize::from(state.is_open());
        if state != State::EnteredInError {
            days.entry(program).or_default().extend(enrolled(episode));
        }
        if let Some(from) = extension_of(episode, TRANSFERRED_FROM_EXTENSION)
            && state != State::EnteredInError
        {
            let from = &world.resources[from["valueReference"]["reference"].as_str().unwrap()];
            let first = date_at(episode, "/statusHistory/0/period/start").unwrap();
            let last = enrolled(from).map_or(first.yesterday().unwrap(), |(_, last)| last);
            prop_assert_eq!(last, first.yesterday().unwrap(), "a transfer leaves no gap and no overlap");
        }
    }
    prop_assert!(open.values().all(|count| *count <= 1), "one open episode: {:?}", open);
    for periods in days.values_mut() {
        periods.sort_unstable();
        prop_assert!(periods.windows(2).all(|two| two[0].1 < two[1].0), "periods overlap: {:?}", periods);
    }
    Ok(())
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((any::<u8>(), any::<u8>(), -12_i64..12, any::<u8>()), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_actions_on_random_dates_keep_what_holds_of_episodes(steps in steps()) {
        let mut world = World::new();
        for one in steps {
            step(&mut world, one)?;
            are_sound(&world)?;
            are_paid_by_the_day(&world)?;
        }
    }

    /// From an enrolment on, so that what follows one is met often.
    #[test]
    fn so_they_do_after_an_enrolment(steps in steps()) {
        let mut world = World::new();
        world.enrolled();
        for one in steps {
            step(&mut world, one)?;
            are_sound(&world)?;
            are_paid_by_the_day(&world)?;
        }
    }
}

#[test]
fn a_pause_that_overtakes_what_was_dated_ahead_is_counted_as_it_was_decided() {
    let mut world = World::new();
    world.enrolled();
    // Resumed on a day to come, after which hospice was elected; that is undone before the day, and the pause goes on.
    let steps: [Step; 12] = [
        (58, 0, 0, 48),
        (40, 0, -3, 5),
        (179, 191, -8, 20),
        (111, 242, -5, 22),
        (5, 188, 2, 72),
        (114, 18, 9, 158),
        (88, 48, 7, 30),
        (117, 117, -10, 74),
        (114, 84, 0, 80),
        (252, 8, 7, 242),
        (58, 181, 2, 201),
        (175, 246, -4, 3),
    ];
    for one in steps {
        step(&mut world, one).unwrap();
        are_sound(&world).unwrap();
        are_paid_by_the_day(&world).unwrap();
    }
}
