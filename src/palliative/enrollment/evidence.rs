//! What an eligibility was judged by, frozen on the episode. <https://hl7.org/fhir/R4/guidanceresponse.html>

use fhir_typed::types::Extension;
use fhir_typed::types::ExtensionValue;
use jiff::civil::Date;
use serde_json::Value;

use crate::palliative::element::complex;
use crate::palliative::element::date_value;
use crate::palliative::element::day;
use crate::palliative::element::extension;
use crate::palliative::element::plain_code;
use crate::palliative::element::reference_value;
use crate::palliative::enrollment::facts::list;
use crate::palliative::screening::Outcome;
use crate::palliative::screening::recorded::Outside;
use crate::palliative::screening::recorded::Recorded;
use crate::palliative::vocabulary::EVIDENCE_EXTENSION;

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
    /// The diagnoses that it rests on, as `Condition/id`; the episode has them beside it.
    pub conditions: Vec<String>,
    /// Why the rule set is not for the person at all, where it is not.
    pub outside: Option<Outside>,
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

    /// The evidence of a screening that was recorded before.
    pub fn recorded(recorded: Recorded, reference: &str) -> Self {
        Self {
            outcome: recorded.outcome,
            rule_set: recorded.rule_set,
            as_of: recorded.as_of,
            result: reference.to_owned(),
            missing: recorded.missing,
            conditions: recorded.conditions,
            outside: recorded.outside,
        }
    }

    /// The evidence in the extension of an episode.
    pub fn thaw(extension: &Value) -> Option<Self> {
        let part = |name: &str, place: &str| {
            let mut parts = list(extension.get("extension"));
            parts.find(|part| part.get("url").and_then(Value::as_str) == Some(name))?.pointer(place)?.as_str()
        };
        Some(Self {
            outcome: Outcome::parse(part("outcome", "/valueCode")?)?,
            rule_set: part("ruleSet", "/valueCanonical")?.to_owned(),
            as_of: day(part("asOf", "/valueDate")?)?,
            result: part("result", "/valueReference/reference").unwrap_or_default().to_owned(),
            missing: Vec::new(),
            conditions: Vec::new(),
            outside: None,
        })
    }
}

/// How much an outcome decides among those of a programme's rule sets: one that is met is enough; then one that
/// data may still settle; then an exclusion.
pub fn rank(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Eligible => 0,
        Outcome::Indeterminate => 1,
        Outcome::Excluded => 2,
        Outcome::NotEligible => 3,
        Outcome::ScreenPositive => 4,
    }
}
