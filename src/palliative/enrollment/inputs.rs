//! Which inputs each action takes, and that the dates among them agree with one another and with the calendar.
//! <https://hl7.org/fhir/R4/operations.html#request>
//!
//! What an action does not take is refused and not passed over: nothing that stands on the episode changes because it
//! came along with something else.

use jiff::ToSpan;
use jiff::civil::Date;

use crate::fhir::outcome::Issue;
use crate::palliative::enrollment::episode::Episode;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::broken;
use crate::palliative::enrollment::facts::parameter;
use crate::palliative::enrollment::request::Request;
use crate::palliative::enrollment::table::Action;
use crate::palliative::vocabulary::RECEIVED_EXTENSION;

use Action as A;

/// An input: its name, whether it is there, and the actions that take it.
type Input = (&'static str, fn(&Request) -> bool, &'static [Action]);

/// Every input but the reason and the remark, which any action may have.
#[rustfmt::skip]
const INPUTS: [Input; 14] = [
    ("effectiveDate",  |asked| asked.date.is_some(), &[
        A::Screen, A::Determine, A::Offer, A::Decline, A::Consent, A::Lapse, A::Waitlist, A::Hold, A::Resume,
        A::Transfer, A::Graduate, A::Discharge, A::HospiceElect, A::Death, A::Void]),
    ("consent",        |asked| asked.consent.is_some(),        &[A::Consent]),
    ("decidedBy",      |asked| asked.decided_by.is_some(),     &[A::Consent, A::Decline]),
    ("initiatedBy",    |asked| asked.initiated_by.is_some(),
        &[A::Transfer, A::Graduate, A::Discharge, A::HospiceElect, A::Death]),
    ("expectedDate",   |asked| asked.expected.is_some(),       &[A::Waitlist, A::Hold]),
    ("outreach",       |asked| !asked.outreach.is_empty(),     &[A::Offer, A::Lapse, A::Hold, A::Discharge]),
    ("hospice",        |asked| asked.hospice.is_some(),        &[A::HospiceElect]),
    ("targetProgram",  |asked| asked.target_program.is_some(), &[A::Transfer]),
    ("screenResult",   |asked| asked.screen_result.is_some(),  &[A::Determine, A::Graduate]),
    ("attestedBy",     |asked| asked.attested_by.is_some(),    &[A::Graduate]),
    ("authorization",  |asked| asked.authorization.is_some(),  &[A::Determine]),
    ("asOf",           |asked| asked.as_of.is_some(),          &[A::Screen]),
    ("ruleSet",        |asked| !asked.rule_sets.is_empty(),    &[A::Screen]),
    ("place",          |asked| asked.place.is_some(),          &[A::Death]),
];

/// Every input that the action does not take.
pub fn untaken(request: &Request) -> Vec<Issue> {
    let action = request.action;
    let strange =
        INPUTS.iter().filter(|(_, is_there, takers)| is_there(request) && !takers.contains(&action));
    let issues = strange.map(|(name, ..)| {
        let own: Vec<&str> =
            INPUTS.iter().filter(|(.., takers)| takers.contains(&action)).map(|(name, ..)| *name).collect();
        let text = format!(
            "`{}` takes no `{name}`; leave it out. It takes {}.",
            action.code(),
            [&own[..], &["reason", "note"]].concat().join(", ")
        );
        broken("bad-parameter", text).at(parameter(name))
    });
    issues.collect()
}

/// No date may lie before what it follows, nor further ahead than plans are made, and none may contradict another.
pub fn dates(case: &Case, stored: &Episode, request: &Request) -> Vec<Issue> {
    let rules = [effective, election, outreach, expected, as_of];
    rules.iter().flat_map(|rule| rule(case, stored, request)).collect()
}

fn effective(case: &Case, stored: &Episode, request: &Request) -> Vec<Issue> {
    let Some(date) = request.date else { return Vec::new() };
    let today = case.today();
    let latest = match request.action {
        Action::Screen
        | Action::Determine
        | Action::Offer
        | Action::Decline
        | Action::Consent
        | Action::Lapse
        | Action::Death
        | Action::Void
        | Action::Undo => today,
        Action::Refer
        | Action::Waitlist
        | Action::Enroll
        | Action::Hold
        | Action::Resume
        | Action::Transfer
        | Action::Graduate
        | Action::Discharge
        | Action::HospiceElect => today.checked_add(30.days()).unwrap_or(today),
    };
    let received = stored.date(RECEIVED_EXTENSION);
    let earliest = match request.action {
        // An election may lie before the start: the episode then has no enrolled day.
        Action::HospiceElect | Action::Undo | Action::Void => None,
        Action::Hold | Action::Resume => stored.since(),
        Action::Refer
        | Action::Screen
        | Action::Determine
        | Action::Offer
        | Action::Decline
        | Action::Consent
        | Action::Lapse
        | Action::Waitlist
        | Action::Enroll
        | Action::Transfer
        | Action::Graduate => stored.start().or(received),
        // One may die or leave before a start that lies ahead: the episode then has no enrolled day.
        Action::Discharge | Action::Death => stored.start().filter(|start| *start <= today).or(received),
    };
    let at = match (&request.hospice, request.action == Action::Offer) {
        (Some(_), _) => "hospice",
        (None, true) => "outreach",
        (None, false) => "effectiveDate",
    };
    let late = (date > latest).then(|| {
        out_of_range(at, format!("{date} lies after {latest}, the last day that is possible here."))
    });
    let early = earliest.filter(|earliest| date < *earliest).map(|earliest| {
        out_of_range(at, format!("{date} lies before {earliest}, the first day that is possible here."))
    });
    late.into_iter().chain(early).collect()
}

/// The election takes effect on its own day.
fn election(_: &Case, _: &Episode, request: &Request) -> Vec<Issue> {
    let begins = request.hospice.as_ref().map(|election| election.date);
    let (Some(date), Some(begins)) = (request.date, begins) else { return Vec::new() };
    if date == begins {
        return Vec::new();
    }
    let text = format!(
        "`effectiveDate` is {date}, and the hospice election begins on {begins}; give the same day, or leave \
         `effectiveDate` out."
    );
    vec![out_of_range("effectiveDate", text)]
}

/// An attempt lies between the referral and the day that the action is of; an offer is of the day of its last attempt.
/// One who cannot be reached any more is tried after the last day of care, which is what ends or holds it.
fn outreach(case: &Case, stored: &Episode, request: &Request) -> Vec<Issue> {
    let today = case.today();
    let of = request.date.unwrap_or(today);
    let made: Vec<Date> = request.outreach.iter().map(|one| one.date).collect();
    let latest = made.iter().copied().max();
    if let Some(latest) = latest.filter(|latest| request.action == Action::Offer && *latest != of) {
        let text = format!(
            "`effectiveDate` is {of}, and the last attempt was on {latest}; give the same day, or leave \
             `effectiveDate` out."
        );
        return vec![out_of_range("effectiveDate", text)];
    }
    let first = stored.date(RECEIVED_EXTENSION).unwrap_or(Date::MIN);
    let after = matches!(request.action, Action::Discharge | Action::Hold);
    let last = if after { today } else { of.min(today) };
    // The day of an offer is looked at as such.
    let others = made.into_iter().filter(|date| request.action != Action::Offer || *date != of);
    let wrong = others.filter(|date| *date < first || *date > last).map(|date| {
        let text = format!("An attempt on {date} does not lie between {first} and {last}.");
        out_of_range("outreach", text)
    });
    wrong.collect()
}

/// What is expected lies ahead of what it is expected after.
fn expected(case: &Case, _: &Episode, request: &Request) -> Vec<Issue> {
    let on = request.date.unwrap_or(case.today());
    let past = request.expected.filter(|expected| *expected < on);
    past.map(|expected| out_of_range("expectedDate", format!("{expected} lies before {on}.")))
        .into_iter()
        .collect()
}

fn as_of(case: &Case, _: &Episode, request: &Request) -> Vec<Issue> {
    let today = case.today();
    let ahead = request.as_of.filter(|as_of| *as_of > today);
    ahead
        .map(|as_of| out_of_range("asOf", format!("{as_of} lies after today, {today}.")))
        .into_iter()
        .collect()
}

fn out_of_range(at: &str, text: String) -> Issue {
    broken("date-range", text).at(parameter(at))
}
