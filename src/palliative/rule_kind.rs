//! What a PlanDefinition of rules is for, by its topic. <https://hl7.org/fhir/R4/plandefinition-definitions.html#PlanDefinition.topic>
//!
//! A client's is read when it is stored, and refused with all that is wrong; what was taken once is used as it was taken.

use serde_json::Value;

use crate::definitions::Definitions;
use crate::palliative::care_plan::template::Template;
use crate::palliative::risk::Algorithm;
use crate::palliative::rule_part::told;
use crate::palliative::screening;
use crate::palliative::screening::Problem;
use crate::palliative::screening::Reading;

/// What the rules of a PlanDefinition are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// They tell whether a programme is for a patient.
    RuleSet,
    /// They tell how much care a patient is likely to need.
    Algorithm,
    /// They say what a care plan is made of.
    Template,
}

/// The topic of those that tell what a team should look at, of which only our own are read.
const SIGNALS: &str = "need-signals";

impl RuleKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::RuleSet, Self::Algorithm, Self::Template];

    /// The code of its topic.
    pub fn topic(self) -> &'static str {
        match self {
            Self::RuleSet => screening::SCREENING,
            Self::Algorithm => "stratification",
            Self::Template => "care-plan",
        }
    }

    /// What it is called.
    pub fn words(self) -> &'static str {
        match self {
            Self::RuleSet => "rule set",
            Self::Algorithm => "algorithm",
            Self::Template => "care-plan template",
        }
    }

    /// The kind of a PlanDefinition; none where it has no rules that are read here.
    pub fn of(plan: &Value) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| screening::is_of_kind(plan, kind.topic()))
    }

    /// What is wrong with the rules of a client's PlanDefinition that is to be stored, each with its place.
    pub fn problems(self, plan: &Value, definitions: &Definitions) -> Vec<Problem> {
        let others = Self::ALL.into_iter().filter(|kind| *kind != self).map(Self::topic).chain([SIGNALS]);
        if let Some(other) = others.into_iter().find(|topic| screening::is_of_kind(plan, topic)) {
            let text =
                format!("Rules are of one kind, and these are `{}` and `{other}`; keep one.", self.topic());
            return vec![Problem::new("PlanDefinition.topic", text)];
        }
        let reading = Reading::Written;
        match self {
            Self::RuleSet => screening::rule_set(plan, definitions, reading).err().unwrap_or_default(),
            Self::Algorithm => told(Algorithm::own(plan, definitions, reading).err().unwrap_or_default()),
            Self::Template => told(Template::own(plan, definitions, reading).err().unwrap_or_default()),
        }
    }
}

/// The kind of rules of which only our own are read, where a PlanDefinition is of that kind.
pub fn own_alone(plan: &Value) -> Option<&'static str> {
    screening::is_of_kind(plan, SIGNALS).then_some(SIGNALS)
}
