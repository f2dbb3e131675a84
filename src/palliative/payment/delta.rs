//! What changed since an earlier run: what is new, what is otherwise than it was, and what is no more.
//! <https://hl7.org/fhir/R4/parameters.html>
//!
//! A run is never changed. What became known since then, such as a coverage that ended months ago, is a difference
//! between two runs, and the differences of any number of runs add up to the last one. Where days turn out to be another
//! payer's, the line of the one is less or no more, and there is a line of the other: each is told what concerns it.

use std::collections::BTreeMap;

use crate::palliative::payment::line::Key;
use crate::palliative::payment::line::Line;

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It was not there before.
    New,
    /// It is otherwise than before.
    Adjust,
    /// It is no more.
    Void,
}

impl Reason {
    /// The code.
    pub fn code(self) -> &'static str {
        match self {
            Reason::New => "new",
            Reason::Adjust => "adjust",
            Reason::Void => "void",
        }
    }
}

/// A line that is not as it was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference<'a> {
    /// What became of it.
    pub reason: Reason,
    /// As it was.
    pub before: Option<&'a Line>,
    /// As it is.
    pub after: Option<&'a Line>,
}

impl<'a> Difference<'a> {
    /// The line as it is, or was last.
    pub fn line(&self) -> Option<&'a Line> {
        self.after.or(self.before)
    }

    /// By how much the units changed, in parts of ten thousand.
    pub fn unit_change(&self) -> i64 {
        let unit = |line: Option<&Line>| line.map_or(0, |line| line.unit);
        unit(self.after) - unit(self.before)
    }

    /// By how much the amount changed, where either has one, in hundredths and with the currency.
    pub fn amount_change(&self) -> Option<(i64, &'a str)> {
        let amount = |line: Option<&'a Line>| line.and_then(|line| line.amount.as_ref());
        let (before, after) = (amount(self.before), amount(self.after));
        let currency = &after.or(before)?.currency;
        let cents = after.map_or(0, |money| money.cents) - before.map_or(0, |money| money.cents);
        Some((cents, currency))
    }

    /// What changed of it, by the names that the answer gives.
    pub fn changed(&self) -> Vec<&'static str> {
        let (Some(before), Some(after)) = (self.before, self.after) else { return Vec::new() };
        let compared = [
            ("patient", before.patient != after.patient),
            ("eligibleDays", before.eligible_days != after.eligible_days),
            ("rule", before.rule != after.rule),
            ("unit", before.unit != after.unit),
            ("unmet", before.unmet != after.unmet),
            ("tier", before.tier != after.tier || before.tier_days != after.tier_days),
            ("amount", before.amount != after.amount),
            ("serviceCode", before.service_codes != after.service_codes),
            ("source", before.sources != after.sources),
            ("provisional", before.provisional != after.provisional),
        ];
        compared.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}

/// The lines that are not as they were, in the order of their keys. What was before is given without the months that
/// the later run does not cover.
pub fn differences<'a>(before: &'a [Line], after: &'a [Line]) -> Vec<Difference<'a>> {
    let mut pairs: BTreeMap<Key, (Option<&Line>, Option<&Line>)> = BTreeMap::new();
    for line in before {
        pairs.entry(line.key()).or_default().0 = Some(line);
    }
    for line in after {
        pairs.entry(line.key()).or_default().1 = Some(line);
    }
    let difference = |(before, after): (Option<&'a Line>, Option<&'a Line>)| {
        let reason = match (before, after) {
            (None, Some(_)) => Reason::New,
            (Some(_), None) => Reason::Void,
            (Some(before), Some(after)) if before != after => Reason::Adjust,
            (Some(_), Some(_)) | (None, None) => return None,
        };
        Some(Difference { reason, before, after })
    };
    pairs.into_values().filter_map(difference).collect()
}
