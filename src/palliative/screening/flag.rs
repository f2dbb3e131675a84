//! Criteria on a Flag: that it is in force, or that it is not. <https://hl7.org/fhir/R4/flag.html>

use jiff::ToSpan;
use jiff::civil::Date;

use crate::palliative::record::Coding;
use crate::palliative::record::Flag;
use crate::palliative::record::PatientRecord;
use crate::palliative::screening::finding::Finding;
use crate::palliative::screening::finding::Place;
use crate::palliative::screening::finding::Window;
use crate::palliative::screening::logic::State;
use crate::palliative::screening::value_set::Codes;
use crate::palliative::vocabulary::FLAG_SYSTEM;

/// A criterion on a Flag.
#[derive(Clone, Debug)]
pub struct FlagRule {
    /// The Flag.
    pub codes: Codes,
    /// Whether it must be in force, or must not.
    pub wanted: State,
    /// For how many days after its end it still counts.
    pub lookback_days: i64,
    /// Whether the day on which it ends is one of it.
    pub ends: Ends,
}

/// Whether the day on which something ends is one of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// It is not: what ended is over on that day.
    Before,
    /// It is.
    After,
}

impl FlagRule {
    /// Evaluates it on a day.
    pub fn evaluate(&self, record: &PatientRecord, as_of: Date) -> Finding {
        let found = self.found(record, as_of);
        match self.wanted {
            State::NotMet => Finding { state: found.state.negated(), ..found },
            State::Met | State::Unknown => found,
        }
    }

    /// Whether it asks for a hospice election that is in force on the day, and of none before.
    pub fn is_of_hospice_now(&self) -> bool {
        self.lookback_days == 0 && self.is_of_hospice()
    }

    /// Whether it asks for a hospice election, that is in force or was before.
    pub fn is_of_hospice(&self) -> bool {
        let election = Coding { system: FLAG_SYSTEM.to_owned(), code: "hospice-election".to_owned() };
        self.wanted == State::Met && self.codes.has(&election)
    }

    /// The first day on which it no longer counts, where it ends on a day.
    fn over_from(&self, end: Date) -> Date {
        let last = match (self.ends, self.lookback_days) {
            (Ends::Before, 0) => 0,
            (Ends::Before | Ends::After, days) => days + 1,
        };
        end.saturating_add(last.days())
    }

    /// A Flag is the programme's own statement, so that where there is none it is not met.
    fn found(&self, record: &PatientRecord, as_of: Date) -> Finding {
        let window = Window::back(None, as_of);
        let mut finding = Finding::of(State::NotMet).within(window);
        for flag in record.flags.iter().filter(|flag| self.codes.has_any(&flag.code)) {
            let begun = flag.start.as_ref().map_or(State::Met, |start| match window.place(start) {
                Place::Inside | Place::Before => State::Met,
                Place::After => State::NotMet,
                Place::Unsure => State::Unknown,
            });
            let over = flag.end.as_ref().map_or(State::NotMet, |end| {
                let ended = |day: Date| self.over_from(day) <= as_of;
                if ended(end.last) {
                    State::Met
                } else if ended(end.first) {
                    State::Unknown
                } else {
                    State::NotMet
                }
            });
            // One that was closed later was in force until then; one that was closed without a day says nothing.
            let stood = match flag.status.as_str() {
                "active" => State::Met,
                "inactive" => State::of(flag.end.is_some()),
                _ => State::NotMet,
            };
            let one = match begun.and(stood).and(over.negated()) {
                State::Met => Finding {
                    evidence: named(flag).into_iter().collect(),
                    date: flag.start.as_ref().map(|start| start.first),
                    ..Finding::of(State::Met)
                },
                State::NotMet => Finding::of(State::NotMet),
                State::Unknown => {
                    let what = named(flag).unwrap_or_else(|| "what another record says".to_owned());
                    Finding::unknown(format!("the days on which {what} begins and ends"))
                }
            };
            let ends = flag.end.iter().flat_map(|end| [self.over_from(end.first), self.over_from(end.last)]);
            let begins = flag.start.iter().flat_map(|start| [start.first, start.last]);
            let changes = begins.chain(ends).filter(|day| *day > as_of).collect();
            finding = finding.or(one.changing(changes));
        }
        finding.within(window)
    }
}

/// Its name, where it may be told.
fn named(flag: &Flag) -> Option<String> {
    Some(flag.source.clone()).filter(|source| !source.is_empty())
}
