//! Who may be in hospice and in palliative care at once: the young, and adults whose payer lets them, as the care of
//! veterans does. By memory: no published list of such payers was checked, so that a programme names them.
//! <https://hl7.org/fhir/R4/coverage.html>
//!
//! Medi-Cal and every other Medicaid never do, whoever pays beside them.

use jiff::civil::Date;

use crate::palliative::enrollment::facts::Chart;
use crate::palliative::program::HospicePolicy;
use crate::palliative::program::Program;
use crate::palliative::record::CoverageSpan;
use crate::palliative::record::PatientRecord;
use crate::palliative::record::birthday;
use crate::palliative::time_line::Days;
use crate::palliative::time_line::Stretch;

/// The age from which hospice excludes all else.
const ADULT: i32 = 21;

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

/// The days on which a programme serves a person beside hospice, be it as one below 21 or by the coverage.
pub fn days_of_person(record: &PatientRecord, program: &Program) -> Days {
    let is_concurrent = program.hospice_policy == HospicePolicy::Concurrent;
    let birth = record.birth.as_ref().filter(|_| is_concurrent);
    let young =
        birth.and_then(|birth| Stretch::new(Date::MIN, birthday(birth.first, ADULT)?.yesterday().ok()?));
    Days::of(young.into_iter().chain(days(record.coverages.iter(), program).stretches()))
}

/// The same by the Coverages of a chart.
pub fn days_of(chart: &Chart, program: &Program) -> Days {
    let coverages: Vec<_> = chart.of("Coverage").map(|one| CoverageSpan::read(one, &program.zone)).collect();
    days(coverages.iter(), program)
}
