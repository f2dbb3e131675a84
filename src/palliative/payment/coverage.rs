//! Who pays on which day: the coverages in force, their line of business, and the one that is billed.
//! <https://hl7.org/fhir/R4/coverage.html>
//!
//! Of several coverages that a programme serves, `Coverage.order` decides, and then the id. Medicare and Medicaid on
//! the same day are called `dual`, unless one coverage is a plan for both; which of the two is billed is kept beside it.
//! A coverage may name several payers: each of them is told of its days, and a day that two episodes could count for any
//! of them is counted once.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::fhir::reference::Reference;
use crate::fhir::reference::unversioned;
use crate::fhir::resource::Resource;
use crate::palliative::enrollment::coverage::line_of_business;
use crate::palliative::enrollment::coverage::serves;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::enrollment::facts::first_day;
use crate::palliative::enrollment::facts::last_day;
use crate::palliative::enrollment::facts::list;
use crate::palliative::program::Program;
use crate::palliative::record::CoverageSpan;
use crate::palliative::time_line::Stretch;
use crate::palliative::time_line::day_after;
use crate::palliative::time_line::day_before;

/// Who pays.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cover {
    /// The line of business; `dual` where Medicare and Medicaid both are in force.
    pub line: String,
    /// The line of business of the coverage that is billed.
    pub billed: String,
    /// The payer, as a reference without a version; none where the coverage names it in words only, or by what means
    /// something within that Coverage alone.
    pub payer: Option<String>,
    /// The further payers that the coverage names, each once; none for those that it names in words only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Option<String>>,
}

impl Cover {
    /// Whether both may be a payer of the other's too: one that is no resource here may be anybody.
    pub fn may_be_of(&self, other: &Self) -> bool {
        let is_here = |payer: &Option<&str>| payer.is_some_and(|one| Reference::parse(one).local().is_some());
        let all_here = self.all().chain(other.all()).all(|payer| is_here(&payer));
        !all_here || self.all().any(|own| other.all().any(|theirs| own == theirs))
    }

    /// Whether this payer is one of them.
    pub fn is_of(&self, payer: &str) -> bool {
        self.all().any(|own| own == Some(payer))
    }

    /// All payers in one text, by which a month that they were billed for is known again: their references in their
    /// order, and the line of business for one who has none, as who that is nobody knows.
    pub fn payers(&self) -> String {
        let name = |payer: Option<&str>| payer.map_or_else(|| format!("line:{}", self.billed), str::to_owned);
        self.all().map(name).collect::<Vec<_>>().join(" ")
    }

    /// All payers, as references; none for one without.
    pub fn all(&self) -> impl Iterator<Item = Option<&str>> {
        std::iter::once(&self.payer).chain(&self.others).map(Option::as_deref)
    }
}

/// One coverage and its days.
struct Policy<'a> {
    days: Stretch,
    line: &'static str,
    order: (i64, &'a str),
    payers: Vec<Option<&'a str>>,
}

const MEDICARE: [&str; 4] = ["medicare-advantage", "medicare-ffs", "medicare-hospice", "medicare-other"];
const MEDICAID: [&str; 3] = ["medicaid-mc", "medicaid-ffs", "medicaid-other"];

/// The days on which somebody pays whom the programme serves, in their order.
pub fn covered(chart: &Chart, program: &Program) -> Vec<(Stretch, Cover)> {
    let mut policies: Vec<Policy> =
        chart.of("Coverage").filter_map(|coverage| policy(coverage, program)).collect();
    policies.sort_by_key(|policy| policy.order);
    let starts = policies.iter().map(|policy| policy.days.first);
    let ends = policies.iter().filter(|policy| policy.days.last < Date::MAX);
    let bounds: BTreeSet<Date> =
        starts.chain(ends.map(|policy| day_after(policy.days.last))).chain([Date::MAX]).collect();
    let bounds: Vec<Date> = bounds.into_iter().collect();
    let pieces = bounds.windows(2).filter_map(|pair| {
        let last = if pair[1] == Date::MAX { Date::MAX } else { day_before(pair[1]) };
        Stretch::new(pair[0], last)
    });
    pieces.filter_map(|days| Some((days, cover(&policies, program, days.first)?))).collect()
}

/// Who pays on a day, if anybody does whom the programme serves.
fn cover(policies: &[Policy], program: &Program, day: Date) -> Option<Cover> {
    let active = || policies.iter().filter(|policy| policy.days.contains(day));
    let billed = active().find(|policy| serves(program, policy.line))?;
    let any_of = |lines: &[&str]| active().any(|policy| lines.contains(&policy.line));
    let line = if any_of(&["dual-snp"]) {
        "dual-snp"
    } else if any_of(&MEDICARE) && any_of(&MEDICAID) {
        "dual"
    } else {
        billed.line
    };
    Some(Cover {
        line: line.to_owned(),
        billed: billed.line.to_owned(),
        payer: billed.payers.first().copied().flatten().map(str::to_owned),
        others: billed.payers.iter().skip(1).map(|payer| payer.map(str::to_owned)).collect(),
    })
}

fn policy<'a>(coverage: &'a Resource, program: &Program) -> Option<Policy<'a>> {
    // One of which nobody knows when it was written counts as if it had been cancelled before its end.
    if !CoverageSpan::read(coverage, &program.zone).counts(Date::MIN) {
        return None;
    }
    let first = match coverage.text("/period/start") {
        Some(start) => first_day(start, program)?,
        None => Date::MIN,
    };
    let last = match coverage.text("/period/end") {
        Some(end) => last_day(end, program)?,
        None => Date::MAX,
    };
    Some(Policy {
        days: Stretch::new(first, last)?,
        line: line_of_business(coverage).unwrap_or("unknown"),
        order: (
            coverage.get("order").and_then(Value::as_i64).unwrap_or(i64::MAX),
            coverage.id().unwrap_or_default(),
        ),
        payers: payers(coverage),
    })
}

/// All who pay by a coverage, each once: those with a name of their own first, and one for all others.
fn payers(coverage: &Resource) -> Vec<Option<&str>> {
    let all = || list(coverage.get("payor")).map(|one| one.get("reference")?.as_str().and_then(named));
    let mut payers: Vec<Option<&str>> = Vec::new();
    for payer in all().filter(Option::is_some) {
        if !payers.contains(&payer) {
            payers.push(payer);
        }
    }
    if payers.is_empty() || all().any(|payer| payer.is_none()) {
        payers.push(None);
    }
    payers
}

/// A payer by the one name that it has in every Coverage, if it has such a name.
fn named(payer: &str) -> Option<&str> {
    match Reference::parse(payer) {
        Reference::Local(_) | Reference::Elsewhere(_) | Reference::Urn(_) => Some(unversioned(payer)),
        Reference::Contained(_) | Reference::Conditional { .. } | Reference::Unreadable => None,
    }
}
