//! Three-valued logic over criteria, and the smallest set of unknown criteria that would settle it.
//! <https://cql.hl7.org/02-authorsguide.html#nullological-operators>
//!
//! "All", "any" and "at least n" are one thing here: a threshold over parts. Kleene's AND and OR fall out of
//! counting what is met and what may still be.

use std::cmp::Reverse;

/// The state of a criterion, or of a whole rule set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The evidence shows it.
    Met,
    /// The evidence shows the contrary.
    NotMet,
    /// The evidence does not tell.
    Unknown,
}

impl State {
    /// The code in results.
    pub fn code(self) -> &'static str {
        match self {
            State::Met => "met",
            State::NotMet => "not-met",
            State::Unknown => "unknown",
        }
    }

    /// True is met, false is not met.
    pub fn of(met: bool) -> Self {
        if met { State::Met } else { State::NotMet }
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (State::NotMet, _) | (_, State::NotMet) => State::NotMet,
            (State::Unknown, _) | (_, State::Unknown) => State::Unknown,
            (State::Met, State::Met) => State::Met,
        }
    }

    /// Either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.negated().and(other.negated()).negated()
    }

    /// The contrary.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            State::Met => State::NotMet,
            State::NotMet => State::Met,
            State::Unknown => State::Unknown,
        }
    }
}

/// How criteria combine. A criterion is named by its place in the list of criteria.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Logic {
    /// One criterion.
    Criterion(usize),
    /// At least so many of the parts.
    AtLeast(usize, Vec<Logic>),
    /// The contrary of a part.
    Not(Box<Logic>),
}

/// The number of criteria that one rule set may have: one bit each when sets of them are compared.
pub const MAX_CRITERIA: usize = 128;

impl Logic {
    /// All parts.
    pub fn all(parts: Vec<Logic>) -> Self {
        Self::AtLeast(parts.len(), parts)
    }

    /// Any part.
    pub fn any(parts: Vec<Logic>) -> Self {
        Self::AtLeast(1, parts)
    }

    /// The contrary of a part.
    pub fn none(part: Logic) -> Self {
        Self::Not(Box::new(part))
    }

    /// The state of the whole, given those of the criteria.
    pub fn judge(&self, states: &[State]) -> State {
        match self {
            Logic::Criterion(at) => states[*at],
            Logic::Not(part) => part.judge(states).negated(),
            Logic::AtLeast(least, parts) => {
                let judged: Vec<_> = parts.iter().map(|part| part.judge(states)).collect();
                let count = |state| judged.iter().filter(|one| **one == state).count();
                let met = count(State::Met);
                if met >= *least {
                    State::Met
                } else if met + count(State::Unknown) < *least {
                    State::NotMet
                } else {
                    State::Unknown
                }
            }
        }
    }

    /// The smallest set of unknown criteria whose settling the right way makes the whole met: the fewest first,
    /// then those with the fewest attestations (data is easier to come by than a judgement), then those that
    /// stand first. Empty where nothing that is unknown can do it.
    pub fn smallest_missing(&self, states: &[State], is_attestation: &[bool]) -> Vec<usize> {
        let (mut once, mut again) = (0, 0);
        self.mention(&mut once, &mut again);
        let attested = is_attestation.iter().enumerate().filter(|(_, is)| **is);
        let search = Search { states, again, attested: attested.fold(0, |bits, (at, _)| bits | 1 << at) };
        let needs = search.needs(self, State::Met);
        needs.into_iter().min_by_key(|need| search.cost(*need)).map(Need::members).unwrap_or_default()
    }

    /// Notes which criteria stand in it, and which of them more than once.
    fn mention(&self, once: &mut u128, again: &mut u128) {
        match self {
            Logic::Criterion(at) => {
                *again |= *once & 1 << at;
                *once |= 1 << at;
            }
            Logic::Not(part) => part.mention(once, again),
            Logic::AtLeast(_, parts) => parts.iter().for_each(|part| part.mention(once, again)),
        }
    }
}

/// What the search for the smallest set of unknown criteria goes by.
struct Search<'a> {
    states: &'a [State],
    /// The criteria that stand in the whole more than once.
    again: u128,
    /// Those that are attestations.
    attested: u128,
}

impl Search<'_> {
    /// Orders ways: the fewest criteria, then the fewest attestations, then those that stand first.
    fn cost(&self, need: Need) -> (u32, u32, Reverse<u128>) {
        let bits = need.bits();
        (bits.count_ones(), (bits & self.attested).count_ones(), Reverse(bits.reverse_bits()))
    }

    /// The minimal ways to bring a part to the wanted state, all of those that may be among the best.
    fn needs(&self, logic: &Logic, wanted: State) -> Vec<Need> {
        match logic {
            Logic::Criterion(at) if self.states[*at] == wanted => vec![Need::default()],
            Logic::Criterion(at) if self.states[*at] == State::Unknown => vec![Need::of(*at, wanted)],
            Logic::Criterion(_) => Vec::new(),
            Logic::Not(part) => self.needs(part, wanted.negated()),
            Logic::AtLeast(least, parts) => {
                let enough = match wanted {
                    State::NotMet => (parts.len() + 1).saturating_sub(*least),
                    State::Met | State::Unknown => *least,
                };
                let parts = parts.iter().map(|part| self.needs(part, wanted)).collect();
                enough_of(&self.of_use(parts, enough), enough)
            }
        }
    }

    /// The parts without those that cannot be of use. Where no criterion of a part stands anywhere else, its best way is
    /// as good as any whatever the others need; and of such parts the best are enough. Without this the ways to have
    /// three of twenty are more than a thousand.
    fn of_use(&self, parts: Vec<Vec<Need>>, enough: usize) -> Vec<Vec<Need>> {
        let apart = |ways: &Vec<Need>| ways.iter().all(|way| way.bits() & self.again == 0);
        let (own, mut rest): (Vec<_>, Vec<_>) = parts.into_iter().partition(apart);
        let mut best: Vec<Need> =
            own.iter().filter_map(|ways| ways.iter().copied().min_by_key(|way| self.cost(*way))).collect();
        best.sort_by_key(|way| self.cost(*way));
        rest.extend(best.into_iter().take(enough).map(|way| vec![way]));
        rest
    }
}

/// Criteria that must turn out met, and others that must turn out not met, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Need {
    met: u128,
    not_met: u128,
}

impl Need {
    fn of(at: usize, wanted: State) -> Self {
        let bit = 1 << at;
        match wanted {
            State::NotMet => Self { met: 0, not_met: bit },
            State::Met | State::Unknown => Self { met: bit, not_met: 0 },
        }
    }

    /// Both together; nothing where they contradict one another.
    fn with(self, other: Self) -> Option<Self> {
        let both = Self { met: self.met | other.met, not_met: self.not_met | other.not_met };
        (both.met & both.not_met == 0).then_some(both)
    }

    fn contains(self, other: Self) -> bool {
        self.met & other.met == other.met && self.not_met & other.not_met == other.not_met
    }

    fn bits(self) -> u128 {
        self.met | self.not_met
    }

    fn members(self) -> Vec<usize> {
        (0..MAX_CRITERIA).filter(|at| self.bits() >> at & 1 == 1).collect()
    }
}

/// The minimal ways to have `enough` of the parts, each part given by its own ways.
fn enough_of(parts: &[Vec<Need>], enough: usize) -> Vec<Need> {
    if enough > parts.len() {
        return Vec::new();
    }
    let mut ways: Vec<Vec<Need>> = vec![Vec::new(); enough + 1];
    ways[0].push(Need::default());
    for part in parts {
        for reached in (0..enough).rev() {
            let extended: Vec<_> =
                ways[reached].iter().flat_map(|way| part.iter().filter_map(|need| way.with(*need))).collect();
            extended.into_iter().for_each(|need| keep_minimal(&mut ways[reached + 1], need));
        }
    }
    ways.swap_remove(enough)
}

/// Adds a way unless it contains one that is there; drops those that contain it.
fn keep_minimal(ways: &mut Vec<Need>, need: Need) {
    if ways.iter().any(|way| need.contains(*way)) {
        return;
    }
    ways.retain(|way| !way.contains(need));
    ways.push(need);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STATES: [State; 3] = [State::Met, State::NotMet, State::Unknown];
    const CRITERIA: usize = 6;

    fn logic() -> impl Strategy<Value = Logic> {
        let leaf = (0..CRITERIA).prop_map(Logic::Criterion);
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                (prop::collection::vec(inner.clone(), 0..4), 0..4_usize)
                    .prop_map(|(p, n)| Logic::AtLeast(n, p)),
                inner.prop_map(Logic::none),
            ]
        })
    }

    fn states() -> impl Strategy<Value = Vec<State>> {
        prop::collection::vec(prop::sample::select(&STATES[..]), CRITERIA)
    }

    /// All ways to settle what is unknown, as lists without `Unknown`.
    fn settled(states: &[State]) -> Vec<Vec<State>> {
        states.iter().fold(vec![Vec::new()], |lists, state| {
            let choices: &[State] =
                if *state == State::Unknown { &STATES[..2] } else { std::slice::from_ref(state) };
            let extend = |list: &Vec<State>, choice: &State| [list.as_slice(), &[*choice]].concat();
            lists.iter().flat_map(|list| choices.iter().map(move |choice| extend(list, choice))).collect()
        })
    }

    #[test]
    fn and_or_and_not_are_kleenes() {
        for a in STATES {
            assert_eq!(a.negated().negated(), a);
            for b in STATES {
                let states = [a, b];
                let parts = || vec![Logic::Criterion(0), Logic::Criterion(1)];
                assert_eq!(Logic::all(parts()).judge(&states), a.and(b));
                assert_eq!(Logic::any(parts()).judge(&states), a.or(b));
                assert_eq!(a.and(b), b.and(a));
                assert_eq!(a.or(b).negated(), a.negated().and(b.negated()));
                for c in STATES {
                    assert_eq!(a.and(b.or(c)), a.and(b).or(a.and(c)));
                    assert_eq!(a.and(b).and(c), a.and(b.and(c)));
                }
            }
        }
    }

    #[test]
    fn nothing_asked_is_met_and_any_of_nothing_is_not() {
        assert_eq!(Logic::all(vec![]).judge(&[]), State::Met);
        assert_eq!(Logic::any(vec![]).judge(&[]), State::NotMet);
        assert_eq!(Logic::AtLeast(2, vec![Logic::Criterion(0)]).judge(&[State::Unknown]), State::NotMet);
    }

    #[test]
    fn data_is_preferred_to_attestations_and_fewer_to_more() {
        let one_of = Logic::any(vec![Logic::Criterion(0), Logic::Criterion(1)]);
        assert_eq!(one_of.smallest_missing(&[State::Unknown; 2], &[true, false]), [1]);
        assert_eq!(one_of.smallest_missing(&[State::Unknown; 2], &[false, false]), [0]);
        let pair = Logic::all(vec![Logic::Criterion(1), Logic::Criterion(2)]);
        let either = Logic::any(vec![Logic::Criterion(0), pair]);
        assert_eq!(either.smallest_missing(&[State::Unknown; 3], &[true, false, false]), [0]);
    }

    proptest! {
        #[test]
        fn more_evidence_never_overturns_what_was_settled(logic in logic(), states in states()) {
            let before = logic.judge(&states);
            for later in settled(&states) {
                let after = logic.judge(&later);
                prop_assert_ne!(after, State::Unknown);
                prop_assert!(before == State::Unknown || before == after);
            }
        }

        #[test]
        fn the_missing_set_is_as_small_as_brute_force_finds(
            logic in logic(), states in states(), attested in prop::collection::vec(any::<bool>(), CRITERIA)
        ) {
            let found = logic.smallest_missing(&states, &attested);
            let cost = |set: &[usize]| (set.len(), set.iter().filter(|at| attested[**at]).count());
            let unknown: Vec<usize> = (0..CRITERIA).filter(|at| states[*at] == State::Unknown).collect();
            let subsets = (0..1_usize << unknown.len()).map(|bits| {
                unknown.iter().enumerate().filter(|(n, _)| bits >> n & 1 == 1).map(|(_, at)| *at).collect::<Vec<_>>()
            });
            let suffices = |set: &Vec<usize>| {
                settled(&states).iter().any(|full| {
                    let partly: Vec<_> = (0..CRITERIA).map(|at| if set.contains(&at) { full[at] } else { states[at] }).collect();
                    logic.judge(&partly) == State::Met
                })
            };
            let sufficient: Vec<_> = subsets.filter(suffices).collect();
            match sufficient.iter().map(|set| cost(set)).min() {
                Some(least) => {
                    prop_assert_eq!(cost(&found), least);
                    prop_assert!(suffices(&found));
                }
                // Either nothing can settle it, or only what repeats a criterion against itself.
                None => prop_assert!(found.is_empty()),
            }
        }
    }
}
