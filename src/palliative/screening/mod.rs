//! Screening: rule sets as data, and what they say of a patient on a day: eligible, not eligible, excluded, or
//! which few facts are missing to tell. <https://hl7.org/fhir/R4/clinicalreasoning-module.html>
//!
//! Three answers, not two: what is not known is never taken for not being so. The exceptions are stated where
//! they are made: diagnoses (`condition.rs`) and our own Flags (`criterion.rs`) are closed worlds, and counts of
//! encounters are where a feed is known to be complete (`encounters.rs`). Nothing here is a probability.

mod acts;
mod compile;
mod condition;
mod coverage;
pub(super) mod criterion;
mod dates;
pub(super) mod document;
pub(super) mod encounter_kind;
mod encounters;
pub(super) mod expression;
pub(super) mod finding;
pub(super) mod flag;
mod kinds;
pub(super) mod logic;
mod medical_home;
mod medication;
mod observation;
pub(super) mod parameters;
pub(super) mod problem;
pub mod recorded;
mod repeat;
pub mod report;
mod rule_set;
mod stay;
pub(super) mod stays;
mod terminology;
mod test;
mod trend;
mod units;
pub(super) mod value_set;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::Value;

use crate::definitions::Definitions;
use crate::palliative::record::PatientRecord;

pub use document::Reading;
pub use finding::Finding;
pub use finding::Window;
pub use logic::State;
pub use problem::Problem;
pub use rule_set::CriterionResult;
pub use rule_set::Outcome;
pub use rule_set::RuleSet;
pub use rule_set::Screening;
pub use rule_set::Whole;
pub use value_set::Codes;

/// Who is screened, and when.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The patient's facts.
    pub record: &'a PatientRecord,
    /// The day, in the programme's zone.
    pub as_of: Date,
    /// How long a clinician's attestation holds, where the rule set does not say.
    pub attestation_valid_days: i64,
    /// The lines of business of the patient's active coverage; where no coverage is on file at all, a rule set's own list
    /// of them is not checked.
    pub lines_of_business: &'a [String],
}

/// All rule sets, compiled.
#[derive(Debug)]
pub struct RuleSets {
    sets: Vec<Arc<RuleSet>>,
    signals: Vec<Arc<RuleSet>>,
    /// The canonicals that clients gave to theirs before there was one of ours.
    theirs: BTreeSet<String>,
}

/// A need that the record shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// What tells it from others.
    pub id: String,
    /// What it stands for, as a Coding.
    pub coding: Option<Value>,
    /// In words.
    pub text: String,
    /// Whether it is kept from the patient.
    pub restricted: bool,
}

/// The topic of PlanDefinitions that are read here.
pub const TOPIC_SYSTEM: &str = "https://comfrey.health/fhir/CodeSystem/rule-set-kind";
/// The topic of those that tell whether a programme is for a patient.
pub const SCREENING: &str = "screening";

/// Whether a PlanDefinition is a rule set that tells whether a programme is for a patient.
pub fn is_rule_set(plan: &Value) -> bool {
    is_of_kind(plan, SCREENING)
}

/// Compiles a PlanDefinition that is a rule set, with our value sets and those that it contains: what it means is
/// then settled by itself.
///
/// # Errors
/// Everything that is wrong with it, each with its place.
pub fn rule_set(plan: &Value, definitions: &Definitions, reading: Reading) -> Result<RuleSet, Vec<Problem>> {
    with_terminology(plan, (definitions, reading), |terminology| compile::compile(plan, terminology))
}

/// Reads a document with our value sets and those that it contains: what it means is then settled by itself.
///
/// # Errors
/// What reading it fails with; a value set without which nothing can be read.
pub(super) fn with_terminology<T>(
    plan: &Value,
    (definitions, reading): (&Definitions, Reading),
    read: impl FnOnce(&document::Terminology) -> Result<T, Vec<Problem>>,
) -> Result<T, Vec<Problem>> {
    let contained: Vec<&Value> =
        parameters::list(plan, "contained").filter(|inner| inner["resourceType"] == "ValueSet").collect();
    let mut value_sets = Cow::Borrowed(&definitions.value_sets);
    for set in contained {
        let by_url = set["url"].as_str().map(str::to_owned);
        let by_id = set["id"].as_str().map(|id| format!("#{id}"));
        for name in by_url.into_iter().chain(by_id) {
            if !definitions.value_sets.contains_key(&name) {
                value_sets.to_mut().insert(name, set.clone());
            }
        }
    }
    let terminology = document::Terminology::new(&value_sets, &definitions.code_systems)
        .map(|terminology| terminology.read_as(reading).naming(&definitions.plan_definitions))
        .map_err(|problem| vec![Problem::new("PlanDefinition.contained", problem)])?;
    read(&terminology)
}

/// The codes of which nothing is told to the patient, whatever reads them; none where our own definitions are wrong,
/// with which the service does not begin.
pub fn restricted(definitions: &Definitions) -> Option<Codes> {
    let terminology = document::Terminology::new(&definitions.value_sets, &definitions.code_systems).ok()?;
    Some(terminology.restricted().clone())
}

/// Whether a PlanDefinition is of a kind, by its topic.
pub fn is_of_kind(plan: &Value, kind: &str) -> bool {
    let topics = parameters::list(plan, "topic");
    let mut codings = topics.flat_map(|topic| parameters::list(topic, "coding"));
    codings.any(|coding| coding["system"] == TOPIC_SYSTEM && coding["code"] == kind)
}

impl RuleSets {
    /// Compiles the PlanDefinitions that are rule sets.
    ///
    /// # Errors
    /// A sentence that names the definition that is wrong.
    pub fn compile(definitions: &Definitions) -> Result<Self, String> {
        let terminology = document::Terminology::new(&definitions.value_sets, &definitions.code_systems)?;
        let of_kind = |kind: &str| {
            let plans = definitions.plan_definitions.values().filter(|plan| is_of_kind(plan, kind));
            let wrong = |plan: &Value, problems: Vec<Problem>| {
                format!("{}: {}", plan["url"], problem::in_one_line(&problems))
            };
            let compile =
                |plan| compile::compile(plan, &terminology).map_err(|problems| wrong(plan, problems));
            plans.map(compile).collect::<Result<Vec<_>, _>>()
        };
        let sets = of_kind(SCREENING)?.into_iter().map(Arc::new).collect();
        let signals = of_kind("need-signals")?.into_iter().filter(|set| set.active).map(Arc::new).collect();
        Ok(Self { sets, signals, theirs: BTreeSet::new() })
    }

    /// The same where clients have these names, as `url|version`, for rule sets of theirs.
    #[must_use]
    pub fn beside(self, theirs: BTreeSet<String>) -> Self {
        Self { theirs, ..self }
    }

    /// The rule set of ours that a programme or a caller means by a canonical; none where a client's has its name.
    pub fn meant(&self, canonical: &str) -> Option<&Arc<RuleSet>> {
        self.find(canonical).filter(|set| !self.theirs.contains(&set.canonical()))
    }

    /// The rule set that a canonical names, with or without its version.
    pub fn find(&self, canonical: &str) -> Option<&Arc<RuleSet>> {
        let (url, version) = canonical.split_once('|').map_or((canonical, None), |(url, v)| (url, Some(v)));
        self.sets.iter().find(|set| set.url == url && version.is_none_or(|version| set.version == version))
    }

    /// All rule sets, in use or not.
    pub fn all(&self) -> impl Iterator<Item = &RuleSet> {
        self.sets.iter().map(Arc::as_ref)
    }

    /// All rule sets that are in use.
    pub fn active(&self) -> impl Iterator<Item = &Arc<RuleSet>> {
        self.sets.iter().filter(|set| set.active && !self.theirs.contains(&set.canonical()))
    }

    /// Those that tell needs, whatever a programme admits: what a team should look at.
    pub fn of_needs(&self) -> impl Iterator<Item = &Arc<RuleSet>> {
        self.signals.iter()
    }
}

/// The later days on which windows like this one begin or cease to be covered by a feed.
fn feed_changes(record: &PatientRecord, window: &Window) -> Vec<Date> {
    let length = window.from.map(|from| from.until(window.to).map_or(0, |span| span.get_days()));
    let days = record.feeds.iter().flat_map(|feed| {
        let full = length.map(|length| feed.from.saturating_add(length.days()));
        let ended = feed.to.and_then(|to| to.tomorrow().ok());
        [full, ended].into_iter().flatten()
    });
    days.filter(|day| *day > window.to).collect()
}

#[cfg(test)]
mod tests;
