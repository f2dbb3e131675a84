//! A run as the Parameters that the operation answers. <https://hl7.org/fhir/R4/parameters.html>
//!
//! A run may have tens of thousands of lines, so each is written to bytes as soon as it is made.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Number;
use serde_json::Value;
use serde_json::json;

use crate::fhir::outcome::Failure;
use crate::fhir::parameters::Output;
use crate::palliative::payment::coverage::Cover;
use crate::palliative::payment::delta::Difference;
use crate::palliative::payment::delta::Reason;
use crate::palliative::payment::line::Key;
use crate::palliative::payment::line::Line;
use crate::palliative::payment::line::Source;
use crate::palliative::payment::line::UNIT;
use crate::palliative::payment::policy::Class;
use crate::palliative::payment::run::Run;
use crate::palliative::time_line::Stretch;

/// What an answer is made of.
pub struct Report<'a> {
    /// The run.
    pub run: &'a Run,
    /// The patients of whom it is not known when they died.
    pub unresolved: &'a [String],
    /// What changed since an earlier run, and what that run covered; none where no earlier run is named.
    pub since: Option<(&'a str, Option<Stretch>, Vec<Difference<'a>>)>,
}

impl Report<'_> {
    /// The Parameters, as JSON.
    ///
    /// # Errors
    /// `Internal` where they cannot be written: a fault of ours.
    pub fn into_bytes(self) -> Result<Vec<u8>, Failure> {
        let mut body = Body(br#"{"resourceType":"Parameters","parameter":["#.to_vec());
        body.add(Output::new().value("runId", "string", self.run.id.as_str()))?;
        body.add(Output::new().part("madeFrom", self.made_from()))?;
        let differences: &[Difference] = self.since.as_ref().map_or(&[], |(_, _, found)| found);
        let by_key: BTreeMap<Key, &Difference> =
            differences.iter().filter_map(|one| Some((one.line()?.key(), one))).collect();
        for line in &self.run.lines {
            let part = with_change(month(line), by_key.get(&line.key()).copied());
            body.add(Output::new().part("month", part))?;
        }
        for gone in differences.iter().filter(|one| one.reason == Reason::Void) {
            let Some(line) = gone.line() else { continue };
            let void = Line {
                eligible_days: 0,
                unit: 0,
                unmet: None,
                amount: None,
                sources: Vec::new(),
                ..line.clone()
            };
            body.add(Output::new().part("month", with_change(month(&void), Some(gone))))?;
        }
        for difference in differences {
            body.add(Output::new().part("delta", self.delta(difference)))?;
        }
        for patient in self.unresolved {
            let text = "The person died, and it is not known on which day: no day counts that may lie after the death.";
            let part = Output::new().reference("patient", patient.as_str()).value("text", "string", text);
            body.add(Output::new().part("unresolved", part))?;
        }
        body.add(Output::new().part("totals", self.totals()))?;
        body.0.extend_from_slice(b"]}");
        Ok(body.0)
    }

    fn made_from(&self) -> Output {
        let from = &self.run.made_from;
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let about = from.get("about").unwrap_or(&Value::Null);
        let list = |name: &str| about.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let mut out = Output::new();
        for name in ["periodStart", "periodEnd"] {
            out = out.value(name, "date", text(from, name).unwrap_or_default());
        }
        for patient in list("patients").iter().filter_map(Value::as_str) {
            out = out.reference("patient", patient);
        }
        if let Some(payer) = text(about, "payer") {
            out = out.reference("payer", payer);
        }
        out = out.value("includeIntake", "boolean", about.get("includeIntake").cloned().unwrap_or_default());
        if let Some((previous, ..)) = &self.since {
            out = out.value("previousRun", "string", *previous);
        }
        for policy in from.get("policies").and_then(Value::as_array).into_iter().flatten() {
            let text = |name: &str| text(policy, name).unwrap_or_default();
            let flag = |name: &str| policy.get(name).cloned().unwrap_or_default();
            let part = Output::new()
                .reference("program", text("program"))
                .value("monthRule", "code", text("monthRule"))
                .value("tierRule", "code", text("tierRule"))
                .value("requiresService", "boolean", flag("requiresService"))
                .value("holdCountsForPayment", "boolean", flag("holdCountsForPayment"))
                .value("through", "date", text("through"));
            out = out.part("policy", part);
        }
        for program in from.get("withoutRules").and_then(Value::as_array).into_iter().flatten() {
            out = out.reference("withoutRules", program.as_str().unwrap_or_default());
        }
        out
    }

    fn delta(&self, difference: &Difference) -> Output {
        let Some(line) = difference.line() else { return Output::new() };
        let unit = |line: Option<&Line>| decimal(line.map_or(0, |line| line.unit), UNIT);
        let period = self.since.as_ref().and_then(|(_, period, _)| *period);
        let month: Option<jiff::civil::Date> = format!("{}-01", line.month).parse().ok();
        let known = period.zip(month).is_some_and(|(period, month)| period.contains(month));
        let mut out = with_payer(named(line), &line.cover)
            .value("reason", "code", difference.reason.code())
            .value("retroactive", "boolean", known)
            .value("unitBefore", "decimal", unit(difference.before))
            .value("unit", "decimal", unit(difference.after))
            .value("unitChange", "decimal", decimal(difference.unit_change(), UNIT));
        if let Some((cents, currency)) = difference.amount_change() {
            out = out.value("amountChange", "Money", money(cents, currency));
        }
        for name in difference.changed() {
            out = out.value("changed", "code", name);
        }
        out
    }

    fn totals(&self) -> Output {
        let lines = &self.run.lines;
        let units =
            |class: Class| lines.iter().filter(|line| line.class == class).map(|line| line.unit).sum();
        let distinct = |of: fn(&Line) -> &str| lines.iter().map(of).collect::<BTreeSet<_>>().len();
        let mut out = Output::new()
            .value("units", "decimal", decimal(units(Class::Month), UNIT))
            .value("intakes", "decimal", decimal(units(Class::Intake), UNIT))
            .value("patients", "integer", distinct(|line| &line.patient))
            .value("episodes", "integer", distinct(|line| &line.episode));
        let amounts = lines.iter().filter_map(|line| line.amount.as_ref());
        for (currency, cents) in sums(amounts.map(|one| (one.currency.as_str(), one.cents))) {
            out = out.value("amount", "Money", money(cents, currency));
        }
        if let Some((_, _, differences)) = &self.since {
            let changed = differences.iter().map(Difference::unit_change).sum();
            out = out.value("unitChange", "decimal", decimal(changed, UNIT));
            let amounts = differences.iter().filter_map(Difference::amount_change);
            for (currency, cents) in sums(amounts.map(|(cents, currency)| (currency, cents))) {
                out = out.value("amountChange", "Money", money(cents, currency));
            }
        }
        out
    }
}

/// A Parameters in the making.
struct Body(Vec<u8>);

impl Body {
    /// Adds the parameters of an output.
    fn add(&mut self, output: Output) -> Result<(), Failure> {
        let value = output.into_value();
        for parameter in value.get("parameter").and_then(Value::as_array).into_iter().flatten() {
            if self.0.last() != Some(&b'[') {
                self.0.push(b',');
            }
            serde_json::to_writer(&mut self.0, parameter).map_err(Failure::internal)?;
        }
        Ok(())
    }
}

/// What identifies a line, for people and programs alike.
fn named(line: &Line) -> Output {
    Output::new()
        .reference("patient", line.patient.as_str())
        .reference("episode", line.episode.as_str())
        .reference("program", line.program.as_str())
        .value("month", "string", line.month.as_str())
        .value("class", "code", line.class.code())
}

/// A line of a month that nobody was billed for.
pub fn unpaid(line: &Line) -> Output {
    let mut out = Output::new()
        .value("month", "string", line.month.as_str())
        .value("eligibleDays", "integer", line.eligible_days)
        .value("unit", "decimal", decimal(line.unit, UNIT));
    if let Some(unmet) = line.unmet {
        out = out.value("unmet", "code", unmet.code());
    }
    with_payer(out, &line.cover).value("provisional", "boolean", line.provisional)
}

fn month(line: &Line) -> Output {
    let mut out = named(line)
        .value("eligibleDays", "integer", line.eligible_days)
        .value("daysInMonth", "integer", line.days_in_month)
        .value("rule", "code", line.rule.as_str())
        .value("unit", "decimal", decimal(line.unit, UNIT));
    if let Some(unmet) = line.unmet {
        out = out.value("unmet", "code", unmet.code());
    }
    if let Some(tier) = &line.tier {
        out = out.value("tier", "code", tier.as_str());
    }
    out = with_payer(out, &line.cover);
    if let Some(amount) = &line.amount {
        out = out.value("amount", "Money", money(amount.cents, &amount.currency));
    }
    for code in &line.service_codes {
        out = out.value("serviceCode", "Coding", code.clone());
    }
    for source in &line.sources {
        out = out.part("source", days(source));
    }
    // A month of one tier says so already.
    for (tier, count) in line.tier_days.iter().filter(|_| line.tier_days.len() > 1) {
        let part = Output::new().value("tier", "code", tier.as_deref().unwrap_or("unknown"));
        out = out.part("tierDays", part.value("days", "integer", *count));
    }
    out.value("provisional", "boolean", line.provisional)
}

/// The line of business, the one that is billed where it is another, and the payer.
fn with_payer(out: Output, cover: &Cover) -> Output {
    let mut out = out.value("lob", "code", cover.line.as_str());
    if cover.billed != cover.line {
        out = out.value("billedLob", "code", cover.billed.as_str());
    }
    cover.all().flatten().fold(out, |out, payer| out.reference("payer", payer))
}

fn days(source: &Source) -> Output {
    let days = Output::new().value("start", "date", source.first.as_str()).value(
        "end",
        "date",
        source.last.as_str(),
    );
    with_payer(days, &source.cover)
}

fn with_change(out: Output, difference: Option<&Difference>) -> Output {
    let Some(difference) = difference else { return out };
    let out = out.value("reason", "code", difference.reason.code()).value(
        "unitChange",
        "decimal",
        decimal(difference.unit_change(), UNIT),
    );
    match difference.amount_change() {
        Some((cents, currency)) => out.value("amountChange", "Money", money(cents, currency)),
        None => out,
    }
}

/// The sums of what has the same name, by name.
fn sums<'a>(all: impl Iterator<Item = (&'a str, i64)>) -> BTreeMap<&'a str, i64> {
    all.fold(BTreeMap::new(), |mut sums, (name, count)| {
        *sums.entry(name).or_default() += count;
        sums
    })
}

fn money(cents: i64, currency: &str) -> Value {
    json!({ "value": decimal(cents, 100), "currency": currency })
}

/// A count of parts of ten, a hundred and so on, as a decimal without zeros at its end.
fn decimal(parts: i64, of: i64) -> Value {
    let sign = if parts < 0 { "-" } else { "" };
    let (whole, rest) = (parts.abs() / of, parts.abs() % of);
    let digits = of.to_string().len() - 1;
    let text = format!("{sign}{whole}.{rest:0digits$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.parse::<Number>().map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn decimals_are_exact() {
        let table =
            [(3_214, 10_000, "0.3214"), (10_000, 10_000, "1"), (0, 10_000, "0"), (-500, 10_000, "-0.05")];
        for (parts, of, expected) in table {
            assert_eq!(decimal(parts, of).to_string(), expected);
        }
        assert_eq!(decimal(45_050, 100).to_string(), "450.5");
        assert_eq!(decimal(100, 100).to_string(), "1");
        assert_eq!(decimal(100_000, 100).to_string(), "1000");
    }
}
