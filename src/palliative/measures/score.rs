//! How the counts of many people become a score. <https://hl7.org/fhir/R4/measurereport-definitions.html#MeasureReport.group.measureScore>
//!
//! The days of one person go together, so that the variance of a share of days is that of a ratio of sums over people.

use serde_json::Number;
use serde_json::Value;

/// The days of a year, leap years among them.
pub const YEAR: f64 = 365.25;
/// The days of a month.
pub const MONTH: f64 = YEAR / 12.0;

/// Days at home of days at risk, of each person.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shares(Vec<(f64, f64)>);

impl Shares {
    /// Of these people: the days at home and at risk of each.
    pub fn of(people: impl IntoIterator<Item = (i64, i64)>) -> Self {
        Self(people.into_iter().filter(|(_, of)| *of > 0).map(|(part, of)| (real(part), real(of))).collect())
    }

    /// The share of all days together; none without a day.
    pub fn share(&self) -> Option<f64> {
        let (parts, all) =
            self.0.iter().fold((0.0, 0.0), |(parts, all), (part, of)| (parts + part, all + of));
        (all > 0.0).then(|| parts / all)
    }

    /// The standard error of that share; none of fewer than two people.
    pub fn standard_error(&self) -> Option<f64> {
        let share = self.share()?;
        let people = real(i64::try_from(self.0.len()).ok()?);
        let all: f64 = self.0.iter().map(|(_, of)| of).sum();
        let squares: f64 = self.0.iter().map(|(part, of)| (part - share * of).powi(2)).sum();
        (people > 1.0).then(|| (people / (people - 1.0) * squares).sqrt() / all)
    }

    /// The shares of those with so many days at least, in their order: their mean and their median.
    pub fn mean_and_median(&self, least: i64) -> Option<(usize, f64, f64)> {
        let enough = self.0.iter().filter(|(_, of)| *of >= real(least));
        let mut own: Vec<f64> = enough.map(|(part, of)| part / of).collect();
        own.sort_by(f64::total_cmp);
        let middle = own.len() / 2;
        let median = match own.len() {
            0 => return None,
            odd if odd % 2 == 1 => own[middle],
            _ => f64::midpoint(own[middle - 1], own[middle]),
        };
        let mean = own.iter().sum::<f64>() / real(i64::try_from(own.len()).ok()?);
        Some((own.len(), mean, median))
    }
}

/// Days of people as months of people.
pub fn member_months(days: i64) -> f64 {
    real(days) / MONTH
}

/// Events in a thousand months of people; none without a day.
pub fn per_thousand_months(events: i64, days: i64) -> Option<f64> {
    (days > 0).then(|| 1000.0 * real(events) / member_months(days))
}

/// A count as a number with a fraction; counts of days are far below what it holds exactly.
pub fn real(count: i64) -> f64 {
    i32::try_from(count)
        .map_or_else(|_| if count < 0 { f64::from(i32::MIN) } else { f64::from(i32::MAX) }, f64::from)
}

/// A number with so many digits after the point.
pub fn rounded(value: f64, digits: usize) -> Value {
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    let text = if text == "-0" { "0" } else { text };
    text.parse::<Number>().map_or(Value::Null, Value::Number)
}
