//! Case finding: whom a programme's rule sets find among many people, how many there are of each kind, and who comes first.
//! <https://hl7.org/fhir/R4/list.html>
//!
//! A person counts once: by the best that the rule sets say. Nothing here enrols anybody, and who is in the programme, has
//! died or is no record in use is counted but not listed.

mod candidates;
mod members;
mod report;
mod tasks;

use crate::palliative::enrollment::state::State;
use crate::palliative::findings::Suppression;
use crate::palliative::findings::rank;
use crate::palliative::risk::tier::Tier;
use crate::palliative::screening::Outcome;

pub use candidates::Place;
pub use candidates::Wanted;
pub use candidates::page;
pub use members::members;
pub use members::members_within;
pub use report::Report;
pub use tasks::tasks;

/// All outcomes, the best first.
pub const OUTCOMES: [Outcome; 5] = [
    Outcome::Eligible,
    Outcome::ScreenPositive,
    Outcome::Indeterminate,
    Outcome::Excluded,
    Outcome::NotEligible,
];

/// What was found of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The Patient's id.
    pub id: String,
    /// The best that the rule sets say.
    pub outcome: Outcome,
    /// The tier of need; none of one who has died.
    pub tier: Option<Tier>,
    /// The least and the greatest score.
    pub score: (i64, i64),
    /// Why the person is not listed, if so.
    pub suppressions: Vec<Suppression>,
}

/// A person with what only the counts tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluated {
    /// What was found.
    pub person: Person,
    /// Whether nothing of the person's health is on file.
    pub no_data: bool,
    /// The state of the episode that is open in the programme.
    pub state: Option<State>,
}

/// How many people there are of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Of each outcome, in the order of [`OUTCOMES`].
    pub of_outcome: [i64; OUTCOMES.len()],
    /// Of how many facts are missing because nothing of their health is on file; they are among the indeterminate.
    pub no_data: i64,
    /// How many of them are not listed.
    pub suppressed: i64,
    /// How many are still to be evaluated again: what is counted of them is what was found before, if anything was.
    pub pending: i64,
    /// How many have an episode that is open in the programme, by its state.
    pub open: Vec<(State, i64)>,
}

impl Counts {
    /// The counts of these people.
    pub fn of(people: &[Evaluated]) -> Self {
        let mut counts = Self::default();
        for one in people {
            let outcome = one.person.outcome;
            counts.of_outcome[place(outcome)] += 1;
            counts.no_data += i64::from(outcome == Outcome::Indeterminate && one.no_data);
            counts.suppressed += i64::from(!one.person.suppressions.is_empty());
            if let Some(state) = one.state {
                counts.add_open(state);
            }
        }
        counts
    }

    fn add_open(&mut self, state: State) {
        match self.open.iter_mut().find(|(own, _)| *own == state) {
            Some((_, count)) => *count += 1,
            None => self.open.push((state, 1)),
        }
    }

    /// How many there are of an outcome; of the indeterminate those of whom something is on file.
    pub fn of_outcome(&self, outcome: Outcome) -> i64 {
        let all = self.of_outcome[place(outcome)];
        if outcome == Outcome::Indeterminate { all - self.no_data } else { all }
    }

    /// How many there are.
    pub fn evaluated(&self) -> i64 {
        self.of_outcome.iter().sum()
    }
}

/// The place of an outcome in [`OUTCOMES`].
fn place(outcome: Outcome) -> usize {
    usize::try_from(rank(outcome)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcomes_stand_at_their_ranks() {
        assert!(OUTCOMES.into_iter().enumerate().all(|(at, outcome)| place(outcome) == at));
    }

    #[test]
    fn those_of_whom_nothing_is_on_file_are_counted_apart_from_the_indeterminate() {
        let one = |outcome, no_data| Evaluated {
            person: Person {
                id: "p".into(),
                outcome,
                tier: None,
                score: (0, 0),
                suppressions: vec![Suppression::Deceased],
            },
            no_data,
            state: None,
        };
        let counts = Counts::of(&[
            one(Outcome::Indeterminate, true),
            one(Outcome::Indeterminate, false),
            one(Outcome::NotEligible, true),
        ]);
        let of = OUTCOMES.map(|outcome| counts.of_outcome(outcome));
        assert_eq!((of, counts.no_data, counts.evaluated()), ([0, 0, 1, 0, 1], 1, 3));
        assert_eq!(counts.suppressed, 3);
    }
}
