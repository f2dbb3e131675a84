//! The days on which an episode was active: its period, without what it was on hold for.
//! <https://hl7.org/fhir/R4/episodeofcare-definitions.html#EpisodeOfCare.statusHistory>
//!
//! A day counts where the person was enrolled at any time of it, so the day on which a hold begins counts and the day
//! on which it ends. An ending that was undone was a mistake: the days until then count as if it had not been.

use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::resource::Resource;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::facts::first_day;
use crate::palliative::enrollment::facts::last_day;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::state_of;
use crate::palliative::enrollment::state::State;
use crate::palliative::program::Program;
use crate::palliative::time_line::Days;
use crate::palliative::time_line::Stretch;
use crate::palliative::vocabulary::ENROLLED_DAYS_EXTENSION;
use crate::palliative::vocabulary::STATE_EXTENSION;

/// Whether the days count for which the service paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// They count like any other.
    Counted,
    /// They do not count.
    LeftOut,
}

/// The days on which the service was active; none where it never began or the episode was a mistake. Where it is not
/// over, they go on for ever.
pub fn active_days(episode: &Resource, program: &Program, holds: Holds) -> Days {
    let Some(period) = period(episode, program) else { return Days::default() };
    let days = Days::of([period]);
    match holds {
        Holds::Counted => days,
        Holds::LeftOut => days.minus(&on_hold(episode, program)),
    }
}

/// From the first enrolled day to the last.
fn period(episode: &Resource, program: &Program) -> Option<Stretch> {
    let none = extension_of(episode, ENROLLED_DAYS_EXTENSION)
        .is_some_and(|one| one.get("valueInteger").and_then(Value::as_i64) == Some(0));
    if none || state_of(episode).is_none_or(|state| state == State::EnteredInError) {
        return None;
    }
    // Where a day is not known exactly, no day counts that may not have been one.
    let first = last_day(episode.text("/period/start")?, program)?;
    let last = match episode.text("/period/end") {
        Some(end) => first_day(end, program)?,
        None => Date::MAX,
    };
    Stretch::new(first, last)
}

/// The days on which the episode was on hold from morning to evening.
fn on_hold(episode: &Resource, program: &Program) -> Days {
    let mut held = Vec::new();
    let mut since: Option<Date> = None;
    for entry in list(episode.get("statusHistory")) {
        let start = entry.pointer("/period/start").and_then(Value::as_str);
        let Some((state, start)) = state(entry).zip(start.and_then(|start| first_day(start, program))) else {
            continue;
        };
        // Other states come before the service, or were undone where any follows them.
        if state == State::OnHold {
            since = since.or(Some(start));
        } else if state == State::Enrolled
            && let Some(hold) = since.take()
        {
            held.extend(Stretch::new(day_after(hold), day_before(start)));
        }
    }
    held.extend(since.and_then(|hold| Stretch::new(day_after(hold), Date::MAX)));
    Days::of(held)
}

fn state(entry: &Value) -> Option<State> {
    let mut own = list(entry.get("extension"))
        .filter(|one| one.get("url").and_then(Value::as_str) == Some(STATE_EXTENSION));
    State::parse(own.next()?.pointer("/valueCoding/code")?.as_str()?)
}

/// The next day; the last day of the calendar has none, and is its own.
pub fn day_after(day: Date) -> Date {
    day.tomorrow().unwrap_or(day)
}

/// The day before; the first day of the calendar has none, and is its own.
pub fn day_before(day: Date) -> Date {
    day.yesterday().unwrap_or(day)
}
