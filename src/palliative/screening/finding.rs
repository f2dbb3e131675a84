//! What the evaluation of one criterion found: its state, and all that a person needs to check it.

use std::collections::BTreeSet;

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::Value;

use crate::palliative::record::Moment;
use crate::palliative::screening::logic::State;

/// What is told in the place of a resource with a security label.
pub const RESTRICTED_ITEM: &str = "restricted item";

/// What the evaluation of one criterion found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The state.
    pub state: State,
    /// The resources that show it, as `Type/id`.
    pub evidence: Vec<String>,
    /// The resources with a security label that show it too: they tell one fact from another, and are nowhere named.
    pub hidden: Vec<String>,
    /// The value that was used: the name of its element, such as `valueQuantity`, and its JSON.
    pub value: Option<(String, Value)>,
    /// The local date of that value or event.
    pub date: Option<Date>,
    /// The days that were looked at.
    pub window: Option<Window>,
    /// Where the state is unknown, what would settle it; any one of them may.
    pub missing: Vec<String>,
    /// The days after the screening on which the state can change although nothing new is written.
    pub changes: BTreeSet<Date>,
    /// Whether it is kept from the patient, as what it rests on is.
    pub restricted: bool,
}

impl Finding {
    /// A finding of this state, with nothing more to say.
    pub fn of(state: State) -> Self {
        Self {
            state,
            evidence: Vec::new(),
            hidden: Vec::new(),
            value: None,
            date: None,
            window: None,
            missing: Vec::new(),
            changes: BTreeSet::new(),
            restricted: false,
        }
    }

    /// Unknown, and what would settle it.
    pub fn unknown(missing: impl Into<String>) -> Self {
        Self { missing: vec![missing.into()], ..Self::of(State::Unknown) }
    }

    /// The days on which it can change.
    #[must_use]
    pub fn changing(mut self, days: BTreeSet<Date>) -> Self {
        self.changes.extend(days);
        self
    }

    /// In this window.
    #[must_use]
    pub fn within(mut self, window: Window) -> Self {
        self.window = Some(window);
        self
    }

    /// The same, with nothing of these resources but that there is something: neither their names nor the value and date
    /// that may be theirs.
    #[must_use]
    pub fn without(mut self, labelled: &BTreeSet<String>) -> Self {
        if labelled.is_empty() {
            return self;
        }
        let (hidden, named) = self.evidence.into_iter().partition(|source| labelled.contains(source));
        self.evidence = named;
        self.hidden.extend::<Vec<String>>(hidden);
        if self.is_withheld() {
            (self.value, self.date) = (None, None);
        }
        let word = |word: &str| {
            let bare = word.trim_end_matches([',', ';', ':', '.']);
            let end = &word[bare.len()..];
            if labelled.contains(bare) { format!("a {RESTRICTED_ITEM}{end}") } else { word.to_owned() }
        };
        for missing in &mut self.missing {
            *missing = missing.split(' ').map(word).collect::<Vec<_>>().join(" ");
        }
        self
    }

    /// Whether it rests on something that was written down.
    pub fn has_evidence(&self) -> bool {
        self.is_withheld() || !self.evidence.is_empty()
    }

    /// Whether resources with a security label show it too.
    pub fn is_withheld(&self) -> bool {
        !self.hidden.is_empty()
    }

    /// This or the other: what made it met is told; where neither did, both are.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let state = self.state.or(other.state);
        let changes: BTreeSet<_> = self.changes.union(&other.changes).copied().collect();
        let mut told = if other.state == State::Met && self.state != State::Met {
            other
        } else {
            let mut told = self;
            if state == State::Unknown {
                told.missing.extend(other.missing);
            }
            told
        };
        if state != State::Unknown {
            told.missing.clear();
        }
        Self { state, changes, ..told }
    }
}

/// The days that a criterion looks at, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first day; none where it has no limit.
    pub from: Option<Date>,
    /// The last day: that of the screening.
    pub to: Date,
    days: Option<i64>,
}

/// Where a moment lies in respect of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In it, whatever a partial date stands for.
    Inside,
    /// Before it.
    Before,
    /// After the day of the screening.
    After,
    /// A partial date does not tell.
    Unsure,
}

impl Window {
    /// From so many days before a day to the day itself; without a number, all days up to it.
    pub fn back(days: Option<i64>, as_of: Date) -> Self {
        let from = days.map(|days| as_of.saturating_sub(days.days()));
        Self { from, to: as_of, days }
    }

    /// Where a moment lies.
    pub fn place(&self, moment: &Moment) -> Place {
        if moment.first > self.to {
            Place::After
        } else if self.from.is_some_and(|from| moment.last < from) {
            Place::Before
        } else if moment.last <= self.to && self.from.is_none_or(|from| moment.first >= from) {
            Place::Inside
        } else {
            Place::Unsure
        }
    }

    /// The later days on which windows like this one begin or cease to hold something that was from `first` to
    /// `last`.
    pub fn changes(&self, first: Date, last: Date) -> impl Iterator<Item = Date> {
        let gone = |date: Date| self.days.map(|days| date.saturating_add((days + 1).days()));
        let days = [Some(first), Some(last), gone(first), gone(last)];
        let today = self.to;
        days.into_iter().flatten().filter(move |day| *day > today)
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn t42_a_window_holds_both_of_its_ends_and_nothing_older() {
        let window = Window::back(Some(90), "2025-06-01".parse().unwrap());
        assert_eq!(window.from, Some("2025-03-03".parse().unwrap()));
        let place = |text: &str| window.place(&Moment::read(text, &TimeZone::UTC).unwrap());
        for (text, expected) in [
            ("2025-03-02", Place::Before),
            ("2025-03-03", Place::Inside),
            ("2025-06-01T23:59:59Z", Place::Inside),
            ("2025-06-02", Place::After),
            ("2025-03", Place::Unsure),
            ("2025-04", Place::Inside),
            ("2024", Place::Before),
            ("2025", Place::Unsure),
            ("2025-06", Place::Unsure),
        ] {
            assert_eq!(place(text), expected, "{text}");
        }
        assert_eq!(
            Window::back(None, window.to).place(&Moment::read("1950", &TimeZone::UTC).unwrap()),
            Place::Inside
        );
    }

    #[test]
    fn a_measurement_leaves_its_window_the_day_after_the_last() {
        let date = |text: &str| text.parse::<Date>().unwrap();
        let window = Window::back(Some(90), date("2025-06-01"));
        let day = date("2025-05-01");
        assert_eq!(window.changes(day, day).min(), Some(date("2025-07-31")));
        assert_eq!(Window::back(None, date("2025-06-01")).changes(day, day).min(), None);
    }
}
