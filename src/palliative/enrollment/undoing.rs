//! The undoing of an ending that was a mistake: whether it may be, and what goes back to how it was.
//! <https://hl7.org/fhir/R4/episodeofcare.html>

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::outcome::Failure;
use crate::fhir::outcome::Issue;
use crate::fhir::outcome::Reason;
use crate::fhir::reference::unversioned;
use crate::fhir::resource::Resource;
use crate::palliative::element::day;
use crate::palliative::enrollment::actions::FOLLOW_UP;
use crate::palliative::enrollment::checks::died;
use crate::palliative::enrollment::checks::enrolled_before;
use crate::palliative::enrollment::checks::in_hospice;
use crate::palliative::enrollment::closing;
use crate::palliative::enrollment::closing::with_status;
use crate::palliative::enrollment::companions::elections;
use crate::palliative::enrollment::companions::since;
use crate::palliative::enrollment::death;
use crate::palliative::enrollment::drafts::Draft;
use crate::palliative::enrollment::drafts::Drafts;
use crate::palliative::enrollment::ending::elections_recorded;
use crate::palliative::enrollment::ending::enrolled_flags;
use crate::palliative::enrollment::ending::period_of;
use crate::palliative::enrollment::episode::Episode;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::broken;
use crate::palliative::enrollment::facts::coded;
use crate::palliative::enrollment::facts::first_day;
use crate::palliative::enrollment::facts::has_coding;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::program_of;
use crate::palliative::enrollment::facts::state_of;
use crate::palliative::enrollment::state::State;
use crate::palliative::enrollment::table::Action;
use crate::palliative::enrollment::transition::Change;
use crate::palliative::enrollment::transition::amend;
use crate::palliative::enrollment::withdrawal;
use crate::palliative::vocabulary::ACTION_SYSTEM;
use crate::palliative::vocabulary::CONSENT_EXTENSION;
use crate::palliative::vocabulary::DEATH_PLACE_EXTENSION;
use crate::palliative::vocabulary::DESTINATION_EXTENSION;
use crate::palliative::vocabulary::END_DATE_EXTENSION;
use crate::palliative::vocabulary::END_REASON_EXTENSION;
use crate::palliative::vocabulary::ENROLLED_DAYS_EXTENSION;
use crate::palliative::vocabulary::NOTICE_EXTENSION;
use crate::palliative::vocabulary::SUMMARY_EXTENSION;
use crate::palliative::vocabulary::TASK_SYSTEM;
use crate::palliative::vocabulary::TRANSFERRED_FROM_EXTENSION;

/// How long an ending can be undone, from its own day or from the day on which it was recorded, whichever is later: a
/// mistake that was dated back is found no sooner.
const UNDO_DAYS: i64 = 30;
/// How far back it is looked for an election of hospice on the days that undoing gives back.
const LOOKED_BACK: i64 = 1_000;

/// What an ending left on the episode and its undoing takes away.
const UNDONE: [&str; 7] = [
    END_DATE_EXTENSION,
    END_REASON_EXTENSION,
    ENROLLED_DAYS_EXTENSION,
    DEATH_PLACE_EXTENSION,
    NOTICE_EXTENSION,
    DESTINATION_EXTENSION,
    SUMMARY_EXTENSION,
];

/// The episode with which another programme went on after a transfer, unless it was a mistake.
fn continuation<'a>(case: &'a Case) -> Option<&'a Resource> {
    let name = case.episode_name();
    case.chart.of("EpisodeOfCare").find(|other| {
        let from = extension_of(other, TRANSFERRED_FROM_EXTENSION);
        let from = from.and_then(|from| from.pointer("/valueReference/reference")?.as_str());
        from == Some(name.as_str()) && state_of(other) != Some(State::EnteredInError)
    })
}

/// Every rule of undoing that does not hold.
///
/// # Errors
/// 409 where another episode stands in the way.
pub fn check(case: &Case, stored: &Episode) -> Result<Vec<Issue>, Failure> {
    let program = program_of(case.episode);
    let created =
        |episode: &Resource| episode.text("/statusHistory/0/period/start").unwrap_or_default().to_owned();
    let later = case.chart.of("EpisodeOfCare").any(|other| {
        other.id() != case.episode.id()
            && program_of(other) == program
            && (state_of(other).is_some_and(State::is_open) || created(other) > created(case.episode))
    });
    let start = case.episode.text("/period/start");
    let enrolled_later = enrolled_before(case).any(|other| other.text("/period/start") > start);
    if later || (start.is_some() && enrolled_later) {
        let text = "A later episode in the same programme exists; the earlier ending stands.";
        return Err(coded(Reason::Conflict, "already-open", text));
    }
    let ended = stored.reached().unwrap_or(case.today());
    let known = recorded(case).map_or(ended, |recorded| recorded.max(ended));
    let last = known.checked_add(UNDO_DAYS.days()).unwrap_or(known);
    if let Some(next) = continuation(case) {
        let next = next.id().unwrap_or_default();
        let text =
            format!("EpisodeOfCare/{next} goes on with this one in another programme; void that first.");
        return Err(coded(Reason::Conflict, "already-open", text));
    }
    let origin = stored.text(TRANSFERRED_FROM_EXTENSION).and_then(|from| case.chart.find(from));
    if let Some(origin) = origin.filter(|origin| state_of(origin) != Some(State::TransferredOut)) {
        let origin = origin.id().unwrap_or_default();
        let text =
            format!("EpisodeOfCare/{origin}, which this one continued, goes on itself; transfer it anew.");
        return Err(coded(Reason::Conflict, "already-open", text));
    }
    let late = (case.today() > last).then(|| {
        let text = format!("The ending of {ended}, recorded on {known}, could be undone until {last}.");
        broken("date-range", text)
    });
    let unknown =
        stored.previous().is_none().then(|| broken("bad-parameter", "No earlier state is on record."));
    let hospice = hospice_between(case, stored, ended).map(in_hospice);
    Ok(late.into_iter().chain(unknown).chain(dead(case)).chain(hospice).collect())
}

/// The day on which the present ending was recorded, by the record of who did it; none where that is not at hand.
fn recorded(case: &Case) -> Option<Date> {
    let action = case.state().ok().and_then(ending)?.code();
    let episode = case.episode_name();
    let is_of = |deed: &&Resource| {
        let mut targets = list(deed.get("target"));
        has_coding(deed.get("activity"), ACTION_SYSTEM, action)
            && targets.any(|one| one["reference"].as_str().map(unversioned) == Some(episode.as_str()))
    };
    let deeds = case.chart.of("Provenance").filter(is_of);
    deeds.filter_map(|deed| first_day(deed.text("/recorded")?, case.program)).max()
}

/// The action that leads to a closed state.
fn ending(state: State) -> Option<Action> {
    Some(match state {
        State::NotEligible => Action::Determine,
        State::Declined => Action::Decline,
        State::TransferredOut => Action::Transfer,
        State::Graduated => Action::Graduate,
        State::Discharged => Action::Discharge,
        State::HospiceElected => Action::HospiceElect,
        State::Deceased => Action::Death,
        State::Lapsed => Action::Lapse,
        State::EnteredInError => Action::Void,
        State::Referred
        | State::Screening
        | State::Eligible
        | State::Offered
        | State::Consented
        | State::Waitlisted
        | State::Enrolled
        | State::OnHold => return None,
    })
}

/// Nobody goes on who died. A death that this very episode recorded is what a director takes back, also where other
/// programmes have followed it; the Patient, which its own system keeps, is to be corrected first.
fn dead(case: &Case) -> Option<Issue> {
    let mistaken = case.state().is_ok_and(|state| state == State::Deceased);
    if !mistaken {
        return died(case);
    }
    let text =
        "The Patient says that the person died; if that is wrong, correct `Patient.deceased[x]` first.";
    death::is_on_record(case).then(|| broken("deceased", text))
}

/// Since when an adult is or was in hospice on a day that undoing gives back to the episode: the days from the ending
/// to today. What the ending itself recorded does not count, for it falls with it.
fn hospice_between(case: &Case, stored: &Episode, ended: Date) -> Option<String> {
    stored.previous().filter(|to| to.is_open())?;
    let today = case.today();
    // One that was recorded late may go further back than it can be undone.
    let first = ended.min(today).max(today.saturating_sub(LOOKED_BACK.days()));
    let own: Vec<Option<&str>> = elections_of_ending(case, stored).map(Resource::id).collect();
    first.series(1.day()).take_while(|date| *date <= ended.max(today)).find_map(|date| {
        let mut others = elections(case, date).filter(|flag| !own.contains(&flag.id()));
        others.next().filter(|_| !case.may_have_both_on(date)).map(since)
    })
}

/// The elections that the present ending recorded.
fn elections_of_ending<'a>(case: &'a Case, stored: &Episode) -> impl Iterator<Item = &'a Resource> {
    let ended = stored.date(END_DATE_EXTENSION);
    let elected = case.state().is_ok_and(|state| state == State::HospiceElected);
    elections_recorded(case)
        .filter(move |flag| elected && ended.is_some() && flag.text("/period/start").and_then(day) == ended)
}

/// The episode goes back to where it was, and so does what its ending closed.
///
/// # Errors
/// `Internal`, for a fault of ours.
pub fn undo(
    case: &Case,
    stored: &mut Episode,
    drafts: &mut Drafts,
    change: &mut Change,
) -> Result<(), Failure> {
    change.to = stored.previous().unwrap_or(change.to);
    change.on = case.today();
    for flag in elections_of_ending(case, stored) {
        amend(drafts, with_status(flag, "entered-in-error"));
    }
    if change.to.is_open() {
        for url in UNDONE {
            stored.remove(url);
        }
        stored.reopen_period();
    }
    mark_enrolled(case, change.to, drafts);
    closing::reopen(case, drafts, |one| death::still_asks(case, one));
    match case.state() {
        Ok(State::Graduated) => call_off(case, drafts, &[FOLLOW_UP]),
        Ok(State::Deceased) => {
            call_off(case, drafts, &["bereavement-follow-up", "record-death", "death-review"])
        }
        Ok(_) | Err(_) => {}
    }
    if change.to.is_open() { ask_about_agreement(case, stored, drafts) } else { Ok(()) }
}

/// Where the agreement on which the episode rests again does not hold any more, somebody is to speak with the person: the
/// ending has settled that once, and stands no longer.
fn ask_about_agreement(case: &Case, stored: &Episode, drafts: &mut Drafts) -> Result<(), Failure> {
    let Some(consent) =
        stored.text(CONSENT_EXTENSION).and_then(|to| unversioned(to).strip_prefix("Consent/"))
    else {
        return Ok(());
    };
    let found = case.chart.find(&format!("Consent/{consent}"));
    if !withdrawal::is_withdrawn(found.map_or(&Value::Null, Resource::value)) {
        return Ok(());
    }
    let asks = |task: &Resource| withdrawal::asks(task, case.episode, consent) && closing::is_open(task);
    let reopened = drafts.all().any(|draft| asks(&draft.resource));
    if reopened || case.chart.of("Task").any(asks) {
        return Ok(());
    }
    let Draft { resource, place } = withdrawal::task(case.episode, consent, case.now)?;
    drafts.push(resource, place);
    Ok(())
}

/// Nobody need follow up on an ending that never was: the medical home on a graduation, the team and other programmes
/// on a death.
fn call_off(case: &Case, drafts: &mut Drafts, codes: &[&str]) {
    let episode = case.episode_name();
    let about = |task: &Resource| {
        ["/focus/reference", "/reasonReference/reference"]
            .iter()
            .any(|place| task.refers(place) == Some(episode.as_str()))
    };
    let asked = case.chart.of("Task").filter(|task| {
        about(task)
            && codes.iter().any(|code| has_coding(task.get("code"), TASK_SYSTEM, code))
            && closing::is_open(task)
    });
    for task in asked {
        amend(drafts, closing::touched(case, with_status(task, "cancelled")));
    }
}

/// Puts the flag that says that the person is enrolled to what goes with the state that undoing leads back to.
fn mark_enrolled(case: &Case, to: State, drafts: &mut Drafts) {
    let serves = matches!(to, State::Enrolled | State::OnHold);
    for flag in enrolled_flags(case) {
        let mut flag = with_status(flag, if serves { "active" } else { "inactive" });
        if let Some(period) = period_of(&mut flag).filter(|_| serves) {
            period.remove("end");
        }
        amend(drafts, flag);
    }
}
