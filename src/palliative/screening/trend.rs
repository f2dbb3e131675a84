//! Criteria on how far a measurement fell or rose: the latest value against the greatest, or least, of the window.
//! <https://hl7.org/fhir/R4/observation.html>
//!
//! It takes values of two days. A value that cannot be used may hide a greater change, so that it leaves open what
//! is not met without it; and where it may be the latest, what is met without it, too.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde_json::Value;
use serde_json::json;

use crate::palliative::record::Interval;
use crate::palliative::record::Meaning;
use crate::palliative::record::Observation;
use crate::palliative::record::PatientRecord;
use crate::palliative::screening::finding::Finding;
use crate::palliative::screening::finding::Place;
use crate::palliative::screening::finding::Window;
use crate::palliative::screening::logic::State;
use crate::palliative::screening::units::Units;
use crate::palliative::screening::value_set::Codes;

/// Which way it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// It falls.
    Down,
    /// It rises.
    Up,
}

/// How far it must go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// So much, in the first unit.
    By(f64),
    /// So many hundredths of where it came from.
    Percent(f64),
    /// More than so many hundredths of where it came from.
    OverPercent(f64),
}

/// A criterion on how far a measurement fell or rose.
#[derive(Clone, Debug)]
pub struct TrendRule {
    /// What is measured.
    pub codes: Codes,
    /// What it is called where it is missing.
    pub item: String,
    /// The units that it may have.
    pub units: Units,
    /// Which way.
    pub direction: Direction,
    /// How far.
    pub step: Step,
    /// In how many days up to the screening.
    pub window_days: i64,
}

/// A value of the window, on the scale of the units.
struct Point<'a> {
    observation: &'a Observation,
    number: f64,
    first: Date,
    last: Date,
}

impl TrendRule {
    /// Evaluates it on a day.
    pub fn evaluate(&self, record: &PatientRecord, as_of: Date) -> Finding {
        let window = Window::back(Some(self.window_days), as_of);
        let mut changes = BTreeSet::new();
        let (mut points, mut unusable) = (Vec::new(), Vec::new());
        let concerned = |one: &&Observation| {
            one.is_final && !one.of_another && one.value.is_some() && self.codes.has_any(&one.code)
        };
        for observation in record.observations.iter().filter(concerned) {
            let Some(effective) = &observation.effective else {
                unusable.push(observation);
                continue;
            };
            changes.extend(window.changes(effective.first, effective.last));
            let point = |number| Point { observation, number, first: effective.first, last: effective.last };
            match (window.place(effective), self.number(observation)) {
                (Place::Inside, Some(number)) => points.push(point(number)),
                (Place::Inside, None) | (Place::Unsure, _) => unusable.push(observation),
                (Place::Before | Place::After, _) => {}
            }
        }
        self.judge(&points, &unusable).within(window).changing(changes)
    }

    fn number(&self, observation: &Observation) -> Option<f64> {
        let Meaning::Number(interval, unit) = &observation.value.as_ref()?.meaning else { return None };
        let Interval { low, high, .. } = self.units.measure(interval, unit)?;
        (low == high).then_some(low)
    }

    fn judge(&self, points: &[Point], unusable: &[&Observation]) -> Finding {
        let newest = points.iter().map(|point| point.first).max();
        let latest: Vec<_> = points.iter().filter(|point| Some(point.last) >= newest).collect();
        let states: BTreeSet<State> = latest.iter().map(|end| self.state(end, points)).collect();
        let two_days = points.iter().any(|one| points.iter().any(|other| one.last < other.first));
        let Some(end) = latest.first().filter(|_| two_days) else {
            return Finding::unknown(format!("{}: values of two days in {} d", self.item, self.window_days));
        };
        let told = |state| {
            let origin = self.origin(end, points);
            let sources = origin.iter().map(|one| &one.observation.source).chain([&end.observation.source]);
            Finding {
                evidence: sources.cloned().collect(),
                value: origin
                    .map(|origin| ("valueQuantity".to_owned(), self.change(origin.number, end.number))),
                date: Some(end.first),
                ..Finding::of(state)
            }
        };
        match (states.len(), states.first()) {
            (1, Some(State::Met)) if !unusable.iter().any(|one| may_follow(one, end.first)) => {
                told(State::Met)
            }
            (1, Some(_)) if unusable.is_empty() => told(State::NotMet),
            (1, _) => self.hidden(unusable),
            _ => Finding::unknown(format!("{}: which value of {} is the latest", self.item, end.first)),
        }
    }

    /// Unknown, for values that cannot be used: for their date, or else for their unit.
    fn hidden(&self, unusable: &[&Observation]) -> Finding {
        let sources: Vec<String> = unusable.iter().map(|one| one.source.clone()).collect();
        let reason = if unusable.iter().all(|one| self.number(one).is_some()) { "date" } else { "unit" };
        let missing = format!("{}: {} cannot be used (reason: {reason})", self.item, sources.join(", "));
        Finding { evidence: sources, ..Finding::unknown(missing) }
    }

    /// Where it came from: the greatest value before the end, or the least.
    fn origin<'a>(&self, end: &Point, points: &'a [Point<'a>]) -> Option<&'a Point<'a>> {
        let earlier = points.iter().filter(|point| point.last < end.first);
        match self.direction {
            Direction::Down => earlier.max_by(|a, b| a.number.total_cmp(&b.number)),
            Direction::Up => earlier.min_by(|a, b| a.number.total_cmp(&b.number)),
        }
    }

    fn state(&self, end: &Point, points: &[Point]) -> State {
        let Some(origin) = self.origin(end, points) else { return State::NotMet };
        let gone = match self.direction {
            Direction::Down => origin.number - end.number,
            Direction::Up => end.number - origin.number,
        };
        let enough = match self.step {
            Step::By(step) => self.units.limit(step),
            Step::Percent(percent) | Step::OverPercent(percent) => origin.number.abs() * percent / 100.0,
        };
        // A thousandth of a thousandth of leeway, or 57 kg of 60 kg would not be 5 % less in floating-point numbers.
        let leeway = origin.number.abs() * 1e-9;
        let reached = match self.step {
            Step::By(_) | Step::Percent(_) => gone >= enough - leeway,
            Step::OverPercent(_) => gone > enough + leeway,
        };
        State::of(gone > 0.0 && reached)
    }

    /// The change, in hundredths of where it came from.
    fn change(&self, origin: f64, end: f64) -> Value {
        let percent = if origin == 0.0 { 0.0 } else { (end - origin) / origin.abs() * 100.0 };
        let rounded = (percent * 10.0).round() / 10.0;
        json!({ "value": rounded, "unit": "%", "system": crate::fhir::quantity::UCUM, "code": "%" })
    }
}

/// Whether a value may be of that day or of a later one.
fn may_follow(observation: &Observation, day: Date) -> bool {
    observation.effective.as_ref().is_none_or(|effective| effective.last >= day)
}
