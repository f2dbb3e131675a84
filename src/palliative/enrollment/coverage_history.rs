//! Who pays while an episode goes on: the coverage of the first day stays frozen, and each change is noted beside it with
//! its day, by the next step of the enrolment. <https://hl7.org/fhir/R4/coverage.html>
//!
//! Where no coverage is in force nothing is noted: that is a matter of the payable months, which read the Coverages.

use fhir_typed::types::Extension;
use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::datetime::date_in;
use crate::fhir::datetime::span;
use crate::fhir::reference::unversioned;
use crate::fhir::resource::Resource;
use crate::palliative::element::complex;
use crate::palliative::element::date_value;
use crate::palliative::element::day;
use crate::palliative::element::extension;
use crate::palliative::element::plain_code;
use crate::palliative::element::reference_value;
use crate::palliative::enrollment::coverage::is_active_on;
use crate::palliative::enrollment::coverage::line_of_business;
use crate::palliative::enrollment::episode::Episode;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::first_day;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::name;
use crate::palliative::vocabulary::COVERAGE_EXTENSION;
use crate::palliative::vocabulary::COVERAGE_HISTORY_EXTENSION;

/// What was noted last.
struct Noted<'a> {
    coverage: &'a str,
    /// Not known where it was frozen before there was a history; and a coverage may have none.
    line: Option<Option<&'a str>>,
    since: Option<Date>,
}

/// The first entry: the coverage with which the service starts.
pub fn first(case: &Case, coverage: &str, start: Date) -> Option<Extension> {
    let found = case.chart.find(coverage)?;
    Some(entry(found, start))
}

/// Notes that another coverage, or another line of business, is in force on a day than was noted last.
pub fn follow(case: &Case, stored: &mut Episode, on: Date) {
    let Some(last) = last(case) else { return };
    // A step that is told of late says nothing about who pays since the last entry.
    if last.since.is_some_and(|since| on < since) {
        return;
    }
    let active = || case.chart.of("Coverage").filter(|one| is_active_on(one, on, case.program));
    let same = active().find(|one| name(one) == unversioned(last.coverage));
    let order = |one: &&Resource| (one.get("order").and_then(Value::as_i64).unwrap_or(i64::MAX), name(one));
    let Some(now) = same.or_else(|| active().min_by_key(order)) else { return };
    let is_same = same.is_some() && last.line.is_none_or(|line| line == line_of_business(now));
    if is_same {
        return;
    }
    let first = |text: Option<&str>| text.and_then(|text| first_day(text, case.program));
    let begins = first(now.text("/period/start"));
    // It counts from when the one before it has ended, though it may have been in force beside that one.
    let before = case.chart.find(unversioned(last.coverage)).filter(|_| same.is_none());
    let ended = before.and_then(|one| span(one.text("/period/end")?, &case.program.zone));
    let freed = ended.and_then(|end| date_in(end.high, &case.program.zone).tomorrow().ok());
    let is_later = |day: &Date| match last.since {
        Some(since) => *day > since,
        None => stored.start().is_none_or(|start| *day >= start),
    };
    let since = begins.into_iter().chain(freed).max().filter(|day| is_later(day) && *day <= on);
    stored.add(entry(now, since.unwrap_or(on)));
}

fn last<'a>(case: &Case<'a>) -> Option<Noted<'a>> {
    let of = |url: &'static str| list(case.episode.get("extension")).filter(move |one| one["url"] == url);
    let frozen = of(COVERAGE_EXTENSION).next()?.pointer("/valueReference/reference")?.as_str()?;
    let Some(entry) = of(COVERAGE_HISTORY_EXTENSION).last() else {
        return Some(Noted { coverage: frozen, line: None, since: None });
    };
    let part = |name: &str| list(entry.get("extension")).find(|one| one["url"] == name);
    Some(Noted {
        coverage: part("coverage")?.pointer("/valueReference/reference")?.as_str()?,
        line: Some(part("lob").and_then(|one| one["valueCode"].as_str())),
        since: part("since").and_then(|one| day(one["valueDate"].as_str()?)),
    })
}

fn entry(coverage: &Resource, since: Date) -> Extension {
    let line = line_of_business(coverage).map(|line| extension("lob", plain_code(line)));
    let parts =
        [extension("coverage", reference_value(&name(coverage))), extension("since", date_value(since))];
    complex(COVERAGE_HISTORY_EXTENSION, parts.into_iter().chain(line).collect())
}
