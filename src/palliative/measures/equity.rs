//! How a measure differs between two groups of people, and which small groups are not told.
//! <https://hl7.org/fhir/R4/measurereport-definitions.html#MeasureReport.group.stratifier>
//!
//! Crude and standardised by age, and never adjusted for what the difference is asked about. Which group is the
//! reference changes the story, so whoever shows a comparison shows the reference.

/// Standard errors to either side of 95 per cent.
const Z: f64 = 1.96;
/// Ratios between these are no disparity.
const BAND: (f64, f64) = (0.8, 1.25);

/// A value with the bounds between which it lies in 95 of 100 samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

/// Events among people, or in a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// The numerator.
    pub events: f64,
    /// The denominator: people, or months of people.
    pub of: f64,
}

impl Level {
    fn rate(self) -> Option<f64> {
        (self.of > 0.0).then(|| self.events / self.of)
    }
}

impl Estimate {
    /// A difference with its standard error.
    pub fn of_difference(value: f64, standard_error: f64) -> Self {
        Self { value, low: value - Z * standard_error, high: value + Z * standard_error }
    }

    fn of_ratio(value: f64, standard_error: f64) -> Self {
        let factor = (Z * standard_error).exp();
        Self { value, low: value / factor, high: value * factor }
    }

    /// Whether a ratio is a disparity: far from one, and surely not one.
    pub fn is_disparity(self) -> bool {
        let far = self.value < BAND.0 || self.value > BAND.1;
        far && (self.low > 1.0 || self.high < 1.0)
    }
}

/// The ratio of the proportion of a group to that of the reference; none without an event in both.
pub fn ratio_of_proportions(level: Level, reference: Level) -> Option<Estimate> {
    let ratio = ratio(level, reference)?;
    let part = |one: Level| 1.0 / one.events - 1.0 / one.of;
    Some(Estimate::of_ratio(ratio, (part(level) + part(reference)).max(0.0).sqrt()))
}

/// The ratio of the rate by time of a group to that of the reference; none without an event in both.
pub fn ratio_of_rates(level: Level, reference: Level) -> Option<Estimate> {
    let ratio = ratio(level, reference)?;
    Some(Estimate::of_ratio(ratio, (1.0 / level.events + 1.0 / reference.events).sqrt()))
}

/// The difference of the proportion of a group to that of the reference; none of nobody.
pub fn difference_of_proportions(level: Level, reference: Level) -> Option<Estimate> {
    let part = |rate: f64, one: Level| rate * (1.0 - rate) / one.of;
    let (own, other) = (level.rate()?, reference.rate()?);
    let variance = part(own, level) + part(other, reference);
    Some(Estimate::of_difference(own - other, variance.max(0.0).sqrt()))
}

fn ratio(level: Level, reference: Level) -> Option<f64> {
    let (own, other) = (level.rate()?, reference.rate()?);
    (level.events > 0.0 && reference.events > 0.0).then(|| own / other)
}

/// The rate of a group as it would be if its ages were those of everybody: each age's own rate with the weight of that
/// age among all. None where an age that has weight has nobody in the group.
pub fn standardised(by_age: &[(Level, f64)]) -> Option<f64> {
    let weighed: Vec<(f64, f64)> = by_age
        .iter()
        .filter(|(_, weight)| *weight > 0.0)
        .map(|(level, weight)| Some((level.rate()? * weight, *weight)))
        .collect::<Option<_>>()?;
    let weights: f64 = weighed.iter().map(|(_, weight)| weight).sum();
    (weights > 0.0).then(|| weighed.iter().map(|(value, _)| value).sum::<f64>() / weights)
}

/// People and events of one level of a stratifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// How many people.
    pub people: i64,
    /// How many of what is counted.
    pub events: i64,
}

/// Which cells are not told: those of fewer people than `least` or with fewer events, but none; and, where that is one
/// alone, the next smallest too, since the total would give it away.
pub fn suppressed(cells: &[Cell], least: i64) -> Vec<bool> {
    let small = |cell: &Cell| cell.people < least || (1..least).contains(&cell.events);
    let mut hidden: Vec<bool> = cells.iter().map(small).collect();
    if hidden.iter().filter(|one| **one).count() == 1 {
        let others = cells.iter().enumerate().filter(|(at, _)| !hidden[*at]);
        if let Some((at, _)) = others.min_by_key(|(_, cell)| (cell.people, cell.events)) {
            hidden[at] = true;
        }
    }
    hidden
}
