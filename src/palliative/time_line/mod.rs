//! A patient's days as stretches of the calendar: unions, differences, and the days on which an episode was active.
//! <https://hl7.org/fhir/R4/episodeofcare.html>
//!
//! Days are dates of the programme's zone and never lengths of time: a day may have 23 or 25 hours.

mod enrolled;

use jiff::civil::Date;

pub use enrolled::Holds;
pub use enrolled::active_days;
pub use enrolled::day_after;
pub use enrolled::day_before;

/// Days that follow one another, both ends inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stretch {
    /// The first day.
    pub first: Date,
    /// The last day.
    pub last: Date,
}

impl Stretch {
    /// From one day to another; none where the last lies before the first.
    pub fn new(first: Date, last: Date) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// The month in which a day lies.
    pub fn month_of(day: Date) -> Self {
        Self { first: day.first_of_month(), last: day.last_of_month() }
    }

    /// What two stretches share.
    pub fn and(self, other: Self) -> Option<Self> {
        Self::new(self.first.max(other.first), self.last.min(other.last))
    }

    /// How many days it has.
    pub fn count(self) -> i64 {
        i64::from(self.first.until(self.last).map_or(0, |span| span.get_days())) + 1
    }

    /// Whether the day lies in it.
    pub fn contains(self, day: Date) -> bool {
        self.first <= day && day <= self.last
    }
}

/// A set of days, as stretches in their order that neither meet nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Days(Vec<Stretch>);

impl Days {
    /// All days of these stretches, each once.
    pub fn of(stretches: impl IntoIterator<Item = Stretch>) -> Self {
        let mut all: Vec<Stretch> = stretches.into_iter().collect();
        all.sort_unstable();
        let mut days: Vec<Stretch> = Vec::with_capacity(all.len());
        for one in all {
            match days.last_mut() {
                Some(last) if one.first <= day_after(last.last) => last.last = last.last.max(one.last),
                Some(_) | None => days.push(one),
            }
        }
        Self(days)
    }

    /// The stretches, in their order.
    pub fn stretches(&self) -> impl Iterator<Item = Stretch> {
        self.0.iter().copied()
    }

    /// How many days there are.
    pub fn count(&self) -> i64 {
        self.stretches().map(Stretch::count).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first day.
    pub fn first(&self) -> Option<Date> {
        self.0.first().map(|stretch| stretch.first)
    }

    /// The last day.
    pub fn last(&self) -> Option<Date> {
        self.0.last().map(|stretch| stretch.last)
    }

    /// Whether the day is one of them.
    pub fn contains(&self, day: Date) -> bool {
        self.stretches().any(|stretch| stretch.contains(day))
    }

    /// Those that lie in the stretch.
    #[must_use]
    pub fn within(&self, bounds: Stretch) -> Self {
        Self(self.stretches().filter_map(|stretch| stretch.and(bounds)).collect())
    }

    /// Those of either.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self::of(self.stretches().chain(other.stretches()))
    }

    /// Those of both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self(other.stretches().flat_map(|bounds| self.within(bounds).0).collect())
    }

    /// Those that are not among the others.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        for stretch in self.stretches() {
            let mut rest = Some(stretch);
            for cut in other.stretches() {
                let Some(open) = rest else { break };
                let Some(shared) = open.and(cut) else { continue };
                if open.first < shared.first {
                    left.extend(Stretch::new(open.first, day_before(shared.first)));
                }
                rest = (shared.last < open.last).then(|| Stretch { first: day_after(shared.last), ..open });
            }
            left.extend(rest);
        }
        Self(left)
    }
}

#[cfg(test)]
mod tests;
