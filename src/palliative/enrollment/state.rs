//! The fine states of an enrolment, and the FHIR statuses that follow from them.
//! <https://hl7.org/fhir/R4/valueset-episode-of-care-status.html>

/// Where one person stands with one programme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// A referral or a finding was accepted for work.
    Referred,
    /// The data that eligibility needs are being gathered.
    Screening,
    /// The rule set is met.
    Eligible,
    /// The rule set is not met, or an exclusion is.
    NotEligible,
    /// The patient or a surrogate was told and invited.
    Offered,
    /// The patient or a surrogate said no.
    Declined,
    /// A valid agreement is on file; nothing has started.
    Consented,
    /// Agreed, and there is no capacity yet.
    Waitlisted,
    /// The service is active.
    Enrolled,
    /// The service pauses.
    OnHold,
    /// Handed to another programme.
    TransferredOut,
    /// Better or stable: the exit criteria are met.
    Graduated,
    /// Any other ending.
    Discharged,
    /// Ended because hospice was elected.
    HospiceElected,
    /// Died while the episode was open.
    Deceased,
    /// Could not be reached, or the offer expired.
    Lapsed,
    /// The wrong patient, or a duplicate.
    EnteredInError,
}

struct Row {
    state: State,
    code: &'static str,
    display: &'static str,
    /// `EpisodeOfCare.status` of a person who was enrolled at some time.
    episode: &'static str,
    /// `EpisodeOfCare.status` of a person who never was.
    episode_never_enrolled: &'static str,
    task: &'static str,
    task_never_enrolled: &'static str,
    open: bool,
}

#[rustfmt::skip]
const ROWS: [Row; 17] = [
    row(State::Referred,       "referred",         "Referred",          "planned",          "requested",        true),
    row(State::Screening,      "screening",        "Screening",         "planned",          "in-progress",      true),
    row(State::Eligible,       "eligible",         "Eligible",          "planned",          "in-progress",      true),
    row(State::NotEligible,    "not-eligible",     "Not eligible",      "cancelled",        "rejected",         false),
    row(State::Offered,        "offered",          "Offered",           "planned",          "in-progress",      true),
    row(State::Declined,       "declined",         "Declined",          "cancelled",        "cancelled",        false),
    row(State::Consented,      "consented",        "Consented",         "planned",          "in-progress",      true),
    row(State::Waitlisted,     "waitlisted",       "Waitlisted",        "waitlist",         "on-hold",          true),
    row(State::Enrolled,       "enrolled",         "Enrolled",          "active",           "completed",        true),
    row(State::OnHold,         "on-hold",          "On hold",           "onhold",           "on-hold",          true),
    row(State::TransferredOut, "transferred-out",  "Transferred out",   "finished",         "completed",        false),
    row(State::Graduated,      "graduated",        "Graduated",         "finished",         "completed",        false),
    row(State::Discharged,     "discharged",       "Discharged",        "finished",         "completed",        false),
    or_never(row(State::HospiceElected, "hospice-elected", "Hospice elected", "finished",   "completed",        false), "cancelled", "completed"),
    or_never(row(State::Deceased, "deceased",      "Deceased",          "finished",         "completed",        false), "cancelled", "cancelled"),
    row(State::Lapsed,         "lapsed",           "Lapsed",            "cancelled",        "failed",           false),
    row(State::EnteredInError, "entered-in-error", "Entered in error",  "entered-in-error", "entered-in-error", false),
];

const fn row(
    state: State,
    code: &'static str,
    display: &'static str,
    episode: &'static str,
    task: &'static str,
    open: bool,
) -> Row {
    Row {
        state,
        code,
        display,
        episode,
        episode_never_enrolled: episode,
        task,
        task_never_enrolled: task,
        open,
    }
}

const fn or_never(row: Row, episode: &'static str, task: &'static str) -> Row {
    Row { episode_never_enrolled: episode, task_never_enrolled: task, ..row }
}

impl State {
    /// All states, in the order of the lifecycle.
    pub fn all() -> impl Iterator<Item = State> {
        ROWS.iter().map(|row| row.state)
    }

    /// The state with this code.
    pub fn parse(code: &str) -> Option<State> {
        ROWS.iter().find(|row| row.code == code).map(|row| row.state)
    }

    fn row(self) -> &'static Row {
        ROWS.iter().find(|row| row.state == self).expect("every state has a row, which a test checks")
    }

    /// The code in the code system of states.
    pub fn code(self) -> &'static str {
        self.row().code
    }

    /// The name for people.
    pub fn display(self) -> &'static str {
        self.row().display
    }

    /// `EpisodeOfCare.status`, which depends on whether the person was ever enrolled.
    pub fn episode_status(self, ever: Ever) -> &'static str {
        match ever {
            Ever::Enrolled => self.row().episode,
            Ever::NotEnrolled => self.row().episode_never_enrolled,
        }
    }

    /// `Task.status` of the enrolment's task.
    pub fn task_status(self, ever: Ever) -> &'static str {
        match ever {
            Ever::Enrolled => self.row().task,
            Ever::NotEnrolled => self.row().task_never_enrolled,
        }
    }

    /// Whether the episode still takes up its place: a person has one open episode per programme.
    pub fn is_open(self) -> bool {
        self.row().open
    }
}

/// Whether the service ever started for this person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ever {
    /// It did: the period has a start.
    Enrolled,
    /// It did not.
    NotEnrolled,
}

#[cfg(test)]
mod tests {
    use super::Ever;
    use super::ROWS;
    use super::State;

    #[test]
    fn every_state_has_its_row_and_its_code_leads_back_to_it() {
        for row in &ROWS {
            assert_eq!(State::parse(row.code), Some(row.state));
            assert_eq!(row.state.code(), row.code);
        }
        assert_eq!(State::all().count(), 17);
        assert_eq!(State::parse("cured"), None);
    }

    #[test]
    fn a_death_finishes_what_had_started_and_cancels_what_had_not() {
        assert_eq!(State::Deceased.episode_status(Ever::Enrolled), "finished");
        assert_eq!(State::Deceased.episode_status(Ever::NotEnrolled), "cancelled");
        assert_eq!(State::Deceased.task_status(Ever::NotEnrolled), "cancelled");
        assert_eq!(State::HospiceElected.episode_status(Ever::NotEnrolled), "cancelled");
    }

    #[test]
    fn eight_states_are_open() {
        let open: Vec<_> = State::all().filter(|state| state.is_open()).map(State::code).collect();
        let expected = [
            "referred",
            "screening",
            "eligible",
            "offered",
            "consented",
            "waitlisted",
            "enrolled",
            "on-hold",
        ];
        assert_eq!(open, expected);
    }
}
