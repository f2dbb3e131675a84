//! What an eligibility was judged by, frozen on the episode. <https://hl7.org/fhir/R4/guidanceresponse.html>

use fhir_typed::types::Extension;
use fhir_typed::types::ExtensionValue;
use jiff::civil::Date;

use crate::palliative::element::complex;
use crate::palliative::element::date_value;
use crate::palliative::element::extension;
use crate::palliative::element::find;
use crate::palliative::element::find_date;
use crate::palliative::element::find_text;
use crate::palliative::element::plain_code;
use crate::palliative::element::reference_value;
use crate::palliative::vocabulary::EVIDENCE_EXTENSION;

/// What a screening found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The rule set is met.
    Eligible,
    /// It is not.
    NotEligible,
    /// An exclusion is met.
    Excluded,
    /// Data are missing.
    Indeterminate,
}

const CODES: [(Outcome, &str); 4] = [
    (Outcome::Eligible, "eligible"),
    (Outcome::NotEligible, "not-eligible"),
    (Outcome::Excluded, "excluded"),
    (Outcome::Indeterminate, "indeterminate"),
];

impl Outcome {
    /// The outcome with this code.
    pub fn parse(code: &str) -> Option<Self> {
        CODES.iter().find(|(_, own)| *own == code).map(|(outcome, _)| *outcome)
    }

    /// The code.
    pub fn code(self) -> &'static str {
        CODES.iter().find(|(own, _)| *own == self).map_or("", |(_, code)| code)
    }
}

/// The result of a screening that a decision rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// What it found.
    pub outcome: Outcome,
    /// By which rule set, as `url|version`.
    pub rule_set: String,
    /// For which day.
    pub as_of: Date,
    /// The GuidanceResponse, or the name of the one that is written with the decision.
    pub result: String,
    /// What is missing, in words.
    pub missing: Vec<String>,
}

impl Evidence {
    /// The evidence as an extension of the episode.
    pub fn freeze(&self) -> Extension {
        complex(
            EVIDENCE_EXTENSION,
            vec![
                extension("outcome", plain_code(self.outcome.code())),
                extension("ruleSet", ExtensionValue::Canonical(self.rule_set.as_str().into())),
                extension("asOf", date_value(self.as_of)),
                extension("result", reference_value(&self.result)),
            ],
        )
    }

    /// The evidence that an episode carries.
    pub fn thaw(extensions: &[Extension]) -> Option<Self> {
        let parts = &find(extensions, EVIDENCE_EXTENSION)?.extension;
        Some(Self {
            outcome: Outcome::parse(find_text(parts, "outcome")?)?,
            rule_set: find_text(parts, "ruleSet")?.to_owned(),
            as_of: find_date(parts, "asOf")?,
            result: find_text(parts, "result").unwrap_or_default().to_owned(),
            missing: Vec::new(),
        })
    }
}

/// The result that decides among those of a programme's rule sets: one that is met is enough; then one that data
/// may still settle; then an exclusion.
pub fn deciding(results: Vec<Evidence>) -> Option<Evidence> {
    let rank = |evidence: &Evidence| match evidence.outcome {
        Outcome::Eligible => 0,
        Outcome::Indeterminate => 1,
        Outcome::Excluded => 2,
        Outcome::NotEligible => 3,
    };
    results.into_iter().min_by_key(rank)
}
