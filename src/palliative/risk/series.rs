//! Items on several values of one measurement: a fall over time, or a value that was high twice in a row.
//! <https://hl7.org/fhir/R4/observation.html>

use std::collections::BTreeSet;

use jiff::ToSpan;
use jiff::civil::Date;

use crate::fhir::datetime::Micros;
use crate::fhir::quantity::Unit as Ucum;
use crate::palliative::record::Coding;
use crate::palliative::record::Meaning;
use crate::palliative::record::Observation;
use crate::palliative::record::PatientRecord;
use crate::palliative::record::Unit;
use crate::palliative::screening::Codes;
use crate::palliative::screening::Finding;
use crate::palliative::screening::Problem;
use crate::palliative::screening::State;
use crate::palliative::screening::Window;
use crate::palliative::screening::criterion::Ages;
use crate::palliative::screening::document::Terminology;
use crate::palliative::screening::document::codings;
use crate::palliative::screening::finding::Place;
use crate::palliative::screening::parameters::Parameters;

/// The extension that holds such a rule.
pub const SERIES: &str = "https://comfrey.health/fhir/StructureDefinition/risk-series";

/// What the values must show.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// The latest is lower by so much than an earlier one of the window.
    Fall(f64),
    /// The latest is lower by so many per cent than an earlier one of the window.
    FallPercent(f64),
    /// The two latest are at least so high, and no more than the window apart.
    Repeated(f64),
}

/// A rule on several values of one measurement.
#[derive(Clone, Debug)]
pub struct Series {
    codes: Codes,
    /// The same on another scale, with its own value.
    also: Option<(Codes, f64)>,
    /// The ages for which it can be met.
    ages: Ages,
    kind: Kind,
    days: i64,
    name: String,
    /// Whether it is kept from the patient, as what it reads is.
    restricted: bool,
}

/// One value at one moment.
struct Point<'a> {
    at: Micros,
    on: Date,
    value: f64,
    unit: &'a Unit,
    observation: &'a Observation,
}

impl Series {
    /// Reads the rule of an action of this name.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn read(name: String, parameters: &Parameters, terminology: &Terminology) -> Result<Self, Problem> {
        let value = parameters.decimal("value")?.ok_or_else(|| parameters.missing("value"))?;
        let kind = match parameters.text("kind", "valueCode")? {
            Some("fall") => Kind::Fall(value),
            Some("fall-percent") => Kind::FallPercent(value),
            Some("repeated") => Kind::Repeated(value),
            Some(other) => {
                let text = format!("`{other}` is no kind of series; use fall, fall-percent or repeated.");
                return Err(parameters.wrong("kind", text));
            }
            None => return Err(parameters.missing("kind")),
        };
        let other = parameters.all("alsoCode", "valueCoding")?;
        let also = match (parameters.decimal("alsoValue")?, kind) {
            (None, _) if other.is_empty() => None,
            (Some(value), Kind::Repeated(_)) => Some((Codes::of(&codings(parameters, "alsoCode")?), value)),
            _ => {
                let text = "`alsoCode` and `alsoValue` come together, for values that are repeated.";
                return Err(parameters.wrong("alsoCode", text));
            }
        };
        let codes = Codes::of(&codings(parameters, "code")?);
        let closed = terminology.restricted();
        let restricted = codes.shares(closed) || also.as_ref().is_some_and(|(also, _)| also.shares(closed));
        Ok(Self {
            codes,
            restricted,
            also,
            ages: parameters.ages()?,
            kind,
            days: parameters.number("days")?.ok_or_else(|| parameters.missing("days"))?,
            name,
        })
    }

    /// Evaluates it on a day. With fewer than two values nothing can be told.
    pub fn evaluate(&self, record: &PatientRecord, as_of: Date) -> Finding {
        let window = Window::back(Some(self.days), as_of);
        let points = self.points(record, as_of);
        let found = match self.kind {
            Kind::Fall(_) | Kind::FallPercent(_) => self.fallen(&points, &window),
            Kind::Repeated(least) => self.repeated(&points, &window, least),
        };
        let missing = || Finding::unknown(format!("two values of {} within {} d", self.name, self.days));
        let found = found.unwrap_or_else(missing).within(window).changing(self.changes(record, &window));
        let reads =
            |one: &Coding| self.codes.has(one) || self.also.as_ref().is_some_and(|(also, _)| also.has(one));
        let restricted = self.restricted || record.restricted.iter().any(reads);
        Finding { restricted, ..self.ages.apply(found, record, as_of) }
    }

    /// The later days on which a value comes to count, or leaves the window.
    fn changes(&self, record: &PatientRecord, window: &Window) -> BTreeSet<Date> {
        let dates = record
            .observations
            .iter()
            .filter(|one| self.concerns(one))
            .filter_map(|one| one.effective.as_ref());
        dates.flat_map(|at| window.changes(at.first, at.last)).collect()
    }

    fn concerns(&self, observation: &Observation) -> bool {
        let asked = self.codes.has_any(&observation.code) || self.other(observation).is_some();
        observation.is_final && !observation.of_another && asked
    }

    /// The value that it must reach on the other scale, where it is on that one.
    fn other(&self, observation: &Observation) -> Option<f64> {
        self.also.as_ref().filter(|(codes, _)| codes.has_any(&observation.code)).map(|(_, value)| *value)
    }

    /// Whether a value is as high as it must be, on its scale.
    fn is_high(&self, point: &Point, least: f64) -> bool {
        point.value >= self.other(point.observation).unwrap_or(least)
    }

    /// The usable values up to the day, one a moment, the earliest first. Of one moment the greatest counts: pain may
    /// be in a panel and beside it.
    fn points<'a>(&self, record: &'a PatientRecord, as_of: Date) -> Vec<Point<'a>> {
        let all = Window::back(None, as_of);
        let mut points: Vec<Point> = record
            .observations
            .iter()
            .filter(|one| self.concerns(one))
            .filter_map(point)
            .filter(|one| one.observation.effective.as_ref().is_some_and(|at| all.place(at) == Place::Inside))
            .collect();
        points.sort_by(|a, b| (a.at, &a.observation.source).cmp(&(b.at, &b.observation.source)));
        points.dedup_by(|next, kept| {
            let same = next.at == kept.at;
            let least = match self.kind {
                Kind::Fall(least) | Kind::FallPercent(least) | Kind::Repeated(least) => least,
            };
            let rank = |point: &Point| (self.is_high(point, least), point.value);
            if same && rank(next) > rank(kept) {
                std::mem::swap(next, kept);
            }
            same
        });
        points
    }

    fn fallen(&self, points: &[Point], window: &Window) -> Option<Finding> {
        let inside: Vec<&Point> =
            points.iter().filter(|one| window.from.is_none_or(|from| one.on >= from)).collect();
        let (latest, before) = inside.split_last()?;
        let falls = before.iter().filter_map(|one| Some((*one, self.fall(one, latest)?)));
        let (from, fall) = falls.max_by(|a, b| a.1.total_cmp(&b.1))?;
        let (Kind::Fall(least) | Kind::FallPercent(least) | Kind::Repeated(least)) = self.kind;
        Some(told(State::of(fall >= least), &[latest, from]))
    }

    /// By how much the value fell, in its unit or in per cent; none where the two cannot be compared.
    fn fall(&self, from: &Point, to: &Point) -> Option<f64> {
        let (high, low) = if from.unit == to.unit {
            (from.value, to.value)
        } else {
            (in_base(from, to)?, in_base(to, from)?)
        };
        match self.kind {
            Kind::FallPercent(_) => (high > 0.0).then(|| (high - low) / high * 100.0),
            Kind::Fall(_) | Kind::Repeated(_) => Some(high - low),
        }
    }

    fn repeated(&self, points: &[Point], window: &Window, least: f64) -> Option<Finding> {
        let [.., earlier, latest] = points else { return None };
        let recent = window.from.is_none_or(|from| latest.on >= from);
        let near = earlier.on.saturating_add(self.days.days()) >= latest.on;
        if !recent || !near {
            return None;
        }
        let high = self.is_high(earlier, least) && self.is_high(latest, least);
        Some(told(State::of(high), &[latest, earlier]))
    }
}

fn point(observation: &Observation) -> Option<Point<'_>> {
    let effective = observation.effective.as_ref().filter(|effective| effective.is_one_day())?;
    let Meaning::Number(interval, unit) = &observation.value.as_ref()?.meaning else { return None };
    let exact = interval.low == interval.high;
    exact.then_some(Point { at: effective.low, on: effective.first, value: interval.low, unit, observation })
}

/// A value in the unit that all of its kind have in common; none where the other is of another kind.
fn in_base(one: &Point, other: &Point) -> Option<f64> {
    let unit = Ucum::of(&one.unit.code)?;
    let same = Ucum::of(&other.unit.code)?.base() == unit.base();
    same.then(|| unit.in_base(&one.value.to_string())).flatten()
}

fn told(state: State, points: &[&Point]) -> Finding {
    let latest = points[0];
    let value = latest.observation.value.as_ref();
    Finding {
        evidence: points.iter().map(|point| point.observation.source.clone()).collect(),
        value: value.map(|value| (value.element.clone(), value.json.clone())),
        date: Some(latest.on),
        ..Finding::of(state)
    }
}
