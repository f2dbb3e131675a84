//! The figures as a table to read, and as JSON to keep and to compare with.

use std::path::Path;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::measure::Seen;

/// What was measured.
#[derive(Default)]
pub struct Report {
    rows: Vec<(String, Seen)>,
    figures: Vec<(String, f64, &'static str)>,
    earlier: Option<Value>,
}

/// The row that the others are compared with.
pub const REFERENCE: &str = "reference";

impl Report {
    /// A report that also compares with an earlier one.
    pub fn against(file: Option<&Path>) -> Result<Self, String> {
        let read = |file: &Path| {
            let text = std::fs::read(file).map_err(|cause| format!("{}: {cause}", file.display()))?;
            serde_json::from_slice(&text).map_err(|cause| format!("{}: {cause}", file.display()))
        };
        Ok(Self { earlier: file.map(read).transpose()?, ..Self::default() })
    }

    /// Adds the row of a kind of work, and shows it at once.
    pub fn row(&mut self, name: &str, seen: Seen) {
        if self.rows.is_empty() {
            println!(
                "| work | req/s | of the reference | p50 ms | p99 ms | CPU µs | KB | failed | wrong |{}",
                if self.earlier.is_some() { " p50 to earlier |" } else { "" }
            );
            println!(
                "|---|--:|--:|--:|--:|--:|--:|--:|--:|{}",
                if self.earlier.is_some() { "--:|" } else { "" }
            );
        }
        self.rows.push((name.to_owned(), seen));
        let Some((name, seen)) = self.rows.last() else { return };
        let percent = |rate: f64| format!("{:.0} %", 100.0 * seen.rate() / rate);
        let share = self.rate(REFERENCE).map_or_else(String::new, percent);
        let processor = seen.processor_each().map_or_else(String::new, |micros| format!("{micros:.0}"));
        let size = seen.bytes as f64 / 1024.0 / (seen.micros.len().max(1) as f64);
        let (p50, p99) = (seen.within(0.5), seen.within(0.99));
        let earlier = self.earlier.as_ref().map(|report| earlier_p50(report, name));
        let growth =
            earlier.map(|before| before.map_or(" |".into(), |before| format!(" {:.2} |", p50 / before)));
        println!(
            "| {name} | {:.0} | {share} | {p50:.2} | {p99:.2} | {processor} | {size:.1} | {} | {} |{}",
            seen.rate(),
            seen.failed,
            seen.wrong,
            growth.unwrap_or_default()
        );
    }

    /// Adds a figure that is no row.
    pub fn figure(&mut self, name: &str, value: f64, unit: &'static str) {
        self.figures.push((name.to_owned(), value, unit));
    }

    /// Requests a second of a row.
    pub fn rate(&self, name: &str) -> Option<f64> {
        self.seen(name).map(Seen::rate)
    }

    /// What a row saw.
    pub fn seen(&self, name: &str) -> Option<&Seen> {
        self.rows.iter().find(|row| row.0 == name).map(|row| &row.1)
    }

    /// Shows the figures, and says whether every answer was right.
    pub fn end(&self) -> bool {
        println!();
        for (name, value, unit) in &self.figures {
            let digits = if value.abs() < 100.0 { 2 } else { 0 };
            println!("- {name}: {value:.digits$} {unit}");
        }
        self.rows.iter().all(|(_, seen)| seen.failed == 0 && seen.wrong == 0)
    }

    /// The same as JSON.
    pub fn json(&self, about: Value) -> Value {
        let row = |(name, seen): &(String, Seen)| {
            json!({ "work": name, "requests": seen.micros.len(), "per_second": seen.rate(),
                "p50_ms": seen.within(0.5), "p99_ms": seen.within(0.99),
                "processor_micros": seen.processor_each(), "bytes": seen.bytes,
                "failed": seen.failed, "wrong": seen.wrong })
        };
        let figures: Map<String, Value> = self
            .figures
            .iter()
            .map(|(name, value, unit)| (name.clone(), json!({ "value": value, "unit": unit })))
            .collect();
        json!({ "about": about, "rows": self.rows.iter().map(row).collect::<Vec<_>>(), "figures": figures })
    }
}

fn earlier_p50(report: &Value, name: &str) -> Option<f64> {
    let row = report["rows"].as_array()?.iter().find(|row| row["work"] == name)?;
    row["p50_ms"].as_f64().filter(|before| *before > 0.0)
}
