//! Which action leads from which state to which: the whole enrolment lifecycle as one table.
//! <https://hl7.org/fhir/R4/episodeofcare.html>
//!
//! What is not in the table is refused. Requests, refusals, `allowedActions` and the tests read it.

use crate::palliative::enrollment::state::State;

/// What moves an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// A referral comes in (`$palliative-refer`).
    Refer,
    /// The gathering of eligibility data starts.
    Screen,
    /// The eligibility is decided.
    Determine,
    /// The patient is told and invited.
    Offer,
    /// The patient says no.
    Decline,
    /// The patient agrees.
    Consent,
    /// The patient could not be reached, or did not answer in time.
    Lapse,
    /// There is no capacity yet.
    Waitlist,
    /// The service starts (`$palliative-enroll`).
    Enroll,
    /// The service pauses.
    Hold,
    /// The service goes on.
    Resume,
    /// Another programme takes over.
    Transfer,
    /// The aims are reached.
    Graduate,
    /// Any other ending.
    Discharge,
    /// Hospice was elected.
    HospiceElect,
    /// The person died.
    Death,
    /// The episode was a mistake.
    Void,
    /// The ending was a mistake.
    Undo,
}

/// Who may do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The care team.
    Clinician,
    /// The patient or a surrogate.
    Patient,
    /// A payer.
    Plan,
    /// The service itself.
    System,
    /// One who holds the role `program-director`.
    Director,
}

/// An input that an action cannot do without, named as the operation names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// `effectiveDate`.
    Date,
    /// `reason`.
    Reason,
    /// `decidedBy`.
    DecidedBy,
    /// `initiatedBy`.
    InitiatedBy,
    /// `outreach` with `method`, `by` and `date`.
    Outreach,
    /// `hospice` with `effectiveDate`.
    Hospice,
    /// `targetProgram`.
    TargetProgram,
    /// `consent`.
    Consent,
}

impl Input {
    /// The parameter's name.
    pub fn name(self) -> &'static str {
        match self {
            Input::Date => "effectiveDate",
            Input::Reason => "reason",
            Input::DecidedBy => "decidedBy",
            Input::InitiatedBy => "initiatedBy",
            Input::Outreach => "outreach",
            Input::Hospice => "hospice",
            Input::TargetProgram => "targetProgram",
            Input::Consent => "consent",
        }
    }
}

/// The states that a row starts from.
#[derive(Clone, Copy, Debug)]
pub enum From {
    /// No episode yet.
    Nothing,
    /// One of these.
    States(&'static [State]),
    /// Every open state.
    Open,
    /// Every closed state.
    Closed,
    /// Every state but `entered-in-error`.
    Any,
}

/// The states that a row may lead to.
#[derive(Clone, Copy, Debug)]
pub enum To {
    /// Always this one.
    State(State),
    /// The first or the second, by what the facts say.
    Either(State, State),
    /// This one, or no change.
    StateOrSame(State),
    /// The state before the last.
    Previous,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Transition {
    /// The row's number in the specification.
    pub number: &'static str,
    /// The states that it starts from.
    pub from: From,
    /// What is done.
    pub action: Action,
    /// The states that it leads to.
    pub to: To,
    /// Who may do it; empty for anyone.
    pub actors: &'static [Actor],
    /// What must be given.
    pub inputs: &'static [Input],
}

use Action as A;
use Actor::{Clinician as C, Director, Patient as P, Plan as L, System as S};
use Input as I;
use State as St;

#[rustfmt::skip]
/// The table. The team may record what a patient decided; `decidedBy` then says whose decision it was.
pub const TRANSITIONS: [Transition; 20] = [
    t("T1",  From::Nothing,                                              A::Refer,        To::State(St::Referred),        &[],           &[]),
    t("T2",  From::States(&[St::Referred]),                              A::Screen,       To::State(St::Screening),       &[C, S],       &[]),
    t("T3",  From::States(&[St::Referred, St::Screening]),               A::Determine,    To::Either(St::Eligible, St::NotEligible), &[C, S, L], &[]),
    t("T4",  From::States(&[St::Eligible]),                              A::Offer,        To::State(St::Offered),         &[C],          &[I::Outreach]),
    t("T5",  From::States(&[St::Offered]),                               A::Offer,        To::State(St::Offered),         &[C],          &[I::Outreach]),
    t("T6",  From::States(&[St::Offered, St::Eligible]),                 A::Decline,      To::State(St::Declined),        &[P, C],       &[I::Reason, I::DecidedBy, I::Date]),
    t("T7",  From::States(&[St::Offered, St::Eligible]),                 A::Consent,      To::State(St::Consented),       &[P, C],       &[I::Consent, I::DecidedBy]),
    t("T8",  From::States(&[St::Offered, St::Screening, St::Eligible, St::Referred]), A::Lapse, To::State(St::Lapsed),    &[S, C],       &[I::Reason]),
    t("T9",  From::States(&[St::Consented]),                             A::Waitlist,     To::State(St::Waitlisted),      &[C],          &[]),
    t("T10", From::States(&[St::Consented, St::Waitlisted]),             A::Enroll,       To::State(St::Enrolled),        &[C],          &[]),
    t("T11", From::States(&[St::Enrolled]),                              A::Hold,         To::State(St::OnHold),          &[C],          &[I::Reason, I::Date]),
    t("T12", From::States(&[St::OnHold]),                                A::Resume,       To::State(St::Enrolled),        &[C],          &[I::Date]),
    t("T13", From::States(&[St::Enrolled, St::OnHold, St::Consented, St::Waitlisted]), A::Transfer, To::State(St::TransferredOut), &[C, L], &[I::TargetProgram, I::Date, I::Reason]),
    t("T14", From::States(&[St::Enrolled, St::OnHold]),                  A::Graduate,     To::State(St::Graduated),       &[C],          &[I::Date, I::Reason]),
    t("T15", From::States(&[St::Consented, St::Waitlisted, St::Enrolled, St::OnHold]), A::Discharge, To::State(St::Discharged), &[C, P, L], &[I::Reason, I::Date, I::InitiatedBy]),
    t("T16", From::Open,                                                 A::HospiceElect, To::StateOrSame(St::HospiceElected), &[C, P, S], &[I::Hospice]),
    t("T17", From::Open,                                                 A::Death,        To::State(St::Deceased),        &[S, C],       &[I::Date]),
    t("T18", From::States(&[St::HospiceElected]),                        A::Refer,        To::State(St::Referred),        &[],           &[]),
    t("T19", From::Any,                                                  A::Void,         To::State(St::EnteredInError),  &[Director],   &[I::Reason]),
    t("T20", From::Closed,                                               A::Undo,         To::Previous,                   &[Director],   &[I::Reason]),
];

const fn t(
    number: &'static str,
    from: From,
    action: Action,
    to: To,
    actors: &'static [Actor],
    inputs: &'static [Input],
) -> Transition {
    Transition { number, from, action, to, actors, inputs }
}

impl Transition {
    /// Whether the row starts from this state.
    pub fn starts_from(&self, state: State) -> bool {
        match self.from {
            From::Nothing => false,
            From::States(states) => states.contains(&state),
            From::Open => state.is_open(),
            From::Closed => !state.is_open(),
            From::Any => state != State::EnteredInError,
        }
    }
}

/// The row for an action in a state, if there is one.
pub fn transition(state: State, action: Action) -> Option<&'static Transition> {
    TRANSITIONS.iter().find(|row| row.action == action && row.starts_from(state))
}

/// What may be done in a state, in the order of the table.
pub fn allowed(state: State) -> Vec<Action> {
    let mut actions: Vec<Action> = Vec::new();
    for row in TRANSITIONS.iter().filter(|row| row.starts_from(state)) {
        if !actions.contains(&row.action) {
            actions.push(row.action);
        }
    }
    actions
}

impl Action {
    #[rustfmt::skip]
    const CODES: [(Action, &'static str); 18] = [
        (A::Refer, "refer"), (A::Screen, "screen"), (A::Determine, "determine"), (A::Offer, "offer"),
        (A::Decline, "decline"), (A::Consent, "consent"), (A::Lapse, "lapse"), (A::Waitlist, "waitlist"),
        (A::Enroll, "enroll"), (A::Hold, "hold"), (A::Resume, "resume"), (A::Transfer, "transfer"),
        (A::Graduate, "graduate"), (A::Discharge, "discharge"), (A::HospiceElect, "hospice-elect"),
        (A::Death, "death"), (A::Void, "void"), (A::Undo, "undo"),
    ];

    /// All actions.
    pub fn all() -> impl Iterator<Item = Action> {
        Self::CODES.iter().map(|(action, _)| *action)
    }

    /// The action with this code.
    pub fn parse(code: &str) -> Option<Action> {
        Self::CODES.iter().find(|(_, text)| *text == code).map(|(action, _)| *action)
    }

    /// The code.
    pub fn code(self) -> &'static str {
        Self::CODES.iter().find(|(action, _)| *action == self).map_or("", |(_, code)| code)
    }
}

#[cfg(test)]
mod tests {
    use super::Action;
    use super::State;
    use super::TRANSITIONS;
    use super::allowed;
    use super::transition;

    /// Every state, and every action that leads out of it: written out by hand, so that a slip in the table
    /// shows.
    #[rustfmt::skip]
    const EXPECTED: [(&str, &str); 17] = [
        ("referred", "screen determine lapse hospice-elect death void"),
        ("screening", "determine lapse hospice-elect death void"),
        ("eligible", "offer decline consent lapse hospice-elect death void"),
        ("not-eligible", "void undo"),
        ("offered", "offer decline consent lapse hospice-elect death void"),
        ("declined", "void undo"),
        ("consented", "waitlist enroll transfer discharge hospice-elect death void"),
        ("waitlisted", "enroll transfer discharge hospice-elect death void"),
        ("enrolled", "hold transfer graduate discharge hospice-elect death void"),
        ("on-hold", "resume transfer graduate discharge hospice-elect death void"),
        ("transferred-out", "void undo"),
        ("graduated", "void undo"),
        ("discharged", "void undo"),
        ("hospice-elected", "refer void undo"),
        ("deceased", "void undo"),
        ("lapsed", "void undo"),
        ("entered-in-error", "undo"),
    ];

    #[test]
    fn every_state_allows_exactly_the_actions_of_the_specification() {
        for (state, actions) in EXPECTED {
            let state = State::parse(state).unwrap();
            let mut found: Vec<_> = allowed(state).into_iter().map(Action::code).collect();
            let mut expected: Vec<_> = actions.split(' ').collect();
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "{}", state.code());
            for action in Action::all() {
                assert_eq!(transition(state, action).is_some(), expected.contains(&action.code()));
            }
        }
    }

    #[test]
    fn no_two_rows_answer_for_the_same_state_and_action() {
        for state in State::all() {
            for action in Action::all() {
                let rows =
                    TRANSITIONS.iter().filter(|row| row.action == action && row.starts_from(state)).count();
                assert!(rows <= 1, "{} {}: {rows} rows", state.code(), action.code());
            }
        }
    }

    #[test]
    fn every_action_has_a_code_that_leads_back_to_it() {
        for action in Action::all() {
            assert_eq!(Action::parse(action.code()), Some(action));
        }
        assert_eq!(Action::all().count(), 18);
        assert_eq!(Action::parse("cure"), None);
    }
}
