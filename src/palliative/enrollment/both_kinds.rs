//! Adults whose payer lets them be in hospice and in palliative care at once, as the care of veterans does. By memory: no
//! published list of such payers was checked, so that a programme names them. <https://hl7.org/fhir/R4/coverage.html>
//!
//! Medi-Cal and every other Medicaid never do, whoever pays beside them.

use jiff::civil::Date;

use crate::palliative::enrollment::facts::Chart;
use crate::palliative::program::HospicePolicy;
use crate::palliative::program::Program;
use crate::palliative::record::CoverageSpan;
use crate::palliative::time_line::Days;
use crate::palliative::time_line::Stretch;

/// The lines of business under which no adult is in both.
pub const NEVER: [&str; 5] = ["medicaid-mc", "medicaid-ffs", "medicaid-other", "dual-snp", "dual"];

/// The days on which a programme serves an adult beside hospice, by these coverages.
pub fn days<'a>(coverages: impl Iterator<Item = &'a CoverageSpan> + Clone, program: &Program) -> Days {
    if program.hospice_policy != HospicePolicy::Concurrent || program.concurrent_lines.is_empty() {
        return Days::default();
    }
    let of = |counts: &dyn Fn(&str) -> bool| {
        // One of which nobody knows when it was written counts as if it had been cancelled before its end.
        let own = coverages.clone().filter(|one| one.line.is_some_and(counts) && one.counts(Date::MIN));
        Days::of(own.filter_map(|one| {
            let first = one.start.as_ref().map_or(Date::MIN, |start| start.first);
            Stretch::new(first, one.end.as_ref().map_or(Date::MAX, |end| end.last))
        }))
    };
    let allowed = of(&|line| program.concurrent_lines.iter().any(|own| own == line));
    allowed.minus(&of(&|line| NEVER.contains(&line)))
}

/// The same by the Coverages of a chart.
pub fn days_of(chart: &Chart, program: &Program) -> Days {
    let coverages: Vec<_> = chart.of("Coverage").map(|one| CoverageSpan::read(one, &program.zone)).collect();
    days(coverages.iter(), program)
}
