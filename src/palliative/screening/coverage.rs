//! Criteria on a person's coverage: of which line of business, for how long, and whether it pays first.
//! <https://hl7.org/fhir/R4/coverage.html>

use std::collections::BTreeSet;

use jiff::ToSpan;
use jiff::civil::Date;

use crate::palliative::record::CoverageSpan;
use crate::palliative::record::PatientRecord;
use crate::palliative::record::covers;
use crate::palliative::screening::finding::Finding;
use crate::palliative::screening::finding::Window;
use crate::palliative::screening::logic::State;

/// Which place among the coverages it must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    /// Any.
    Any,
    /// It pays first.
    Primary,
}

/// A criterion on coverage.
#[derive(Clone, Debug)]
pub struct CoverageRule {
    /// Of one of these lines of business; empty for any.
    pub lines: Vec<String>,
    /// For how many days up to the screening, without a gap; none for the day alone.
    pub continuous_days: Option<i64>,
    /// Which place it must have.
    pub rank: Rank,
}

impl CoverageRule {
    /// Evaluates it on a day.
    pub fn evaluate(&self, record: &PatientRecord, as_of: Date) -> Finding {
        let before = self.continuous_days.unwrap_or(1).max(1) - 1;
        let window = Window::back(Some(before), as_of);
        let from = window.from.unwrap_or(as_of);
        let standing: Vec<_> = record.coverages.iter().filter(|one| one.stands).collect();
        let alone = standing.len() == 1;
        let (mut sure, mut possible, mut evidence) = (Vec::new(), Vec::new(), Vec::new());
        let mut changes = BTreeSet::new();
        for one in &standing {
            let holds = self.is_of_line(one).and(self.has_rank(one, alone));
            if holds == State::NotMet {
                continue;
            }
            let (may_be, surely) = spans(one, as_of);
            sure.extend(surely.filter(|_| holds == State::Met));
            possible.push(may_be);
            evidence.extend((may_be.0 <= as_of && may_be.1 >= from).then(|| one.source.clone()));
            changes.extend(boundaries(one, before).into_iter().filter(|day| *day > as_of));
        }
        let finding = if covers(&sure, from, as_of) {
            Finding::of(State::Met)
        } else if covers(&possible, from, as_of) {
            Finding::unknown(format!("the line of business, order or period of {}", evidence.join(", ")))
        } else if record.coverages.is_empty() {
            Finding::unknown("a Coverage")
        } else {
            Finding::of(State::NotMet)
        };
        Finding { evidence, ..finding }.within(window).changing(changes)
    }

    fn is_of_line(&self, coverage: &CoverageSpan) -> State {
        match coverage.line {
            _ if self.lines.is_empty() => State::Met,
            Some(line) => State::of(self.lines.iter().any(|known| known == line)),
            None => State::Unknown,
        }
    }

    /// A person's only coverage pays first, whether or not it says so.
    fn has_rank(&self, coverage: &CoverageSpan, alone: bool) -> State {
        match (self.rank, coverage.order) {
            (Rank::Any, _) => State::Met,
            (Rank::Primary, Some(order)) => State::of(order == 1),
            (Rank::Primary, None) => {
                if alone {
                    State::Met
                } else {
                    State::Unknown
                }
            }
        }
    }
}

/// The days on which it may be in force, and those on which it surely is. One that stands without a start is in
/// force now, and nobody knows since when. One that was cancelled before its end was in force until nobody knows when,
/// and no longer on the day on which that was written down.
fn spans(coverage: &CoverageSpan, as_of: Date) -> ((Date, Date), Option<(Date, Date)>) {
    let (start, end) = (coverage.start.as_ref(), coverage.end.as_ref());
    let may_be = (start.map_or(Date::MIN, |start| start.first), end.map_or(Date::MAX, |end| end.last));
    let surely = (start.map_or(as_of, |start| start.last), end.map_or(Date::MAX, |end| end.first));
    if coverage.is_cut_short(as_of) {
        let known = coverage.written.unwrap_or(as_of);
        return ((may_be.0, known.yesterday().unwrap_or(known)), None);
    }
    (may_be, Some(surely).filter(|(first, last)| first <= last))
}

/// Whether it may be in force on a day.
pub fn may_hold(coverage: &CoverageSpan, as_of: Date) -> bool {
    let ((first, last), _) = spans(coverage, as_of);
    first <= as_of && last >= as_of
}

fn boundaries(coverage: &CoverageSpan, before: i64) -> Vec<Date> {
    let starts = coverage.start.iter().flat_map(|start| [start.first, start.last]);
    let reached = starts.flat_map(|start| [start, start.saturating_add(before.days())]);
    let ends = coverage.end.iter().flat_map(|end| [end.first, end.last]);
    reached.chain(ends.filter_map(|end| end.tomorrow().ok())).collect()
}
