//! Stratification by palliative need: six domains of 0 to 3, a score, a tier, and the care that is recommended.
//! <https://hl7.org/fhir/R4/riskassessment.html>
//!
//! It is a programme's own order of need, no instrument that foretells anything, and it never denies or enrols.
//! A domain without facts is open from 0 to 3; the tier is then that of the least score, and what to collect is
//! said. Floors and overrides hold whatever is still open, so a tier that no open domain can change is final. Above
//! all of them stands what a clinician decided, while it holds; the tier that the facts give is told beside it.

pub mod decision;
pub mod document;
pub mod domain;
pub mod intensity;
pub mod kept;
mod read;
pub(in crate::palliative) mod read_part;
pub mod report;
mod scale;
pub(in crate::palliative) mod series;
mod stratify;
pub mod tier;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::civil::Date;
use serde_json::Value;

use crate::definitions::Definitions;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::palliative::findings::SetFinding;
use crate::palliative::program::Program;
use crate::palliative::risk::decision::Decision;
use crate::palliative::risk::document::Document;
use crate::palliative::risk::document::Raising;
use crate::palliative::risk::domain::Component;
use crate::palliative::risk::domain::Told;
use crate::palliative::risk::intensity::Intensity;
use crate::palliative::risk::tier::Earlier;
use crate::palliative::risk::tier::Tier;
use crate::palliative::rule_kind::RuleKind;
use crate::palliative::screening::Problem;
use crate::palliative::screening::Reading;
use crate::palliative::screening::RuleSet;
use crate::palliative::screening::RuleSets;
use crate::palliative::screening::Situation;
use crate::palliative::screening::document::Terminology;
use crate::palliative::screening::problem::in_one_line;
use crate::palliative::screening::problem::noted;
use crate::palliative::screening::with_terminology;
use crate::palliative::vocabulary::RISK_ALGORITHM;

/// All algorithms, compiled.
#[derive(Debug)]
pub struct Algorithms {
    list: Vec<Algorithm>,
}

/// One algorithm. One version never changes once it was used.
#[derive(Clone, Debug)]
pub struct Algorithm {
    url: String,
    version: String,
    document: Document,
}

/// What a stratification is made from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The patient on a day.
    pub situation: &'a Situation<'a>,
    /// The programme for which it is made.
    pub program: &'a Program,
    /// The rule sets, for the floors that name one.
    pub rule_sets: &'a RuleSets,
    /// What the programme's own rule sets say, for the floor of a programme of specialist care; empty for any other.
    pub entry: &'a [SetFinding],
    /// The stratifications before, the earliest first.
    pub earlier: &'a [Earlier],
    /// What a clinician decides with this one.
    pub decided: Option<&'a Decision>,
}

/// Whether what is open can still change the tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It can.
    Preliminary,
    /// It cannot.
    Final,
}

/// A floor, an override or a tier that was kept, with its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The code.
    pub code: String,
    /// In words.
    pub told: Told,
}

/// Work that follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Its kind.
    pub code: String,
    /// In words.
    pub sentence: String,
    /// Within how many hours it is due.
    pub hours: Option<i64>,
    /// Whether it is asked for only by what is kept from the patient.
    pub restricted: bool,
    /// The resources that ask for it and may be named.
    pub evidence: Vec<Told>,
    /// All resources that ask for it, as `Type/id`: by them it is told from what was asked for before.
    pub sources: Vec<String>,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Stratification<'a> {
    /// By which algorithm.
    pub algorithm: &'a Algorithm,
    /// For which day.
    pub as_of: Date,
    /// The domains, in their order.
    pub components: Vec<Component>,
    /// The least score.
    pub score_min: u8,
    /// The greatest score.
    pub score_max: u8,
    /// The tier that today's facts give.
    pub computed: Tier,
    /// The tier that holds where no clinician decided otherwise.
    pub settled: Tier,
    /// The tier that holds.
    pub tier: Tier,
    /// What a clinician decided, where it holds.
    pub decision: Option<Decision>,
    /// What a clinician decides with this one.
    pub said: Option<Decision>,
    /// Whether what is open can still change it.
    pub status: Status,
    /// What made the tier another than that of the score, in the order in which it did.
    pub applied: Vec<Applied>,
    /// The domains to collect facts for, the widest open first.
    pub collect: Vec<&'a str>,
    /// The resources that were used, as `Type/id`.
    pub basis: Vec<Told>,
    /// Whether resources with a security label were used too, which are not named.
    pub withheld: bool,
    /// Whether anything that it rests on is kept from the patient, whatever that shows.
    pub restricted: bool,
    /// The work that follows.
    pub tasks: Vec<Due>,
    /// What could not be used, in sentences.
    pub warnings: Vec<String>,
    /// The next day on which score or tier can change although nothing new is written.
    pub next_change: Option<Date>,
}

impl Algorithms {
    /// Compiles the PlanDefinitions that are algorithms of stratification.
    ///
    /// # Errors
    /// A sentence that names the definition that is wrong.
    pub fn compile(definitions: &Definitions) -> Result<Self, String> {
        let terminology = Terminology::new(&definitions.value_sets, &definitions.code_systems)?;
        let of_kind = |plan: &&Value| RuleKind::of(plan) == Some(RuleKind::Algorithm);
        let plans = definitions.plan_definitions.values().filter(of_kind);
        let read = |plan: &Value| {
            let read = Algorithm::read(plan, &terminology);
            read.map_err(|problems| format!("{}: {}", plan["url"], in_one_line(&problems)))
        };
        Ok(Self { list: plans.map(read).collect::<Result<_, _>>()? })
    }

    /// The one of ours that a canonical names, with or without a version.
    pub fn find(&self, canonical: &str) -> Option<&Algorithm> {
        self.list.iter().find(|one| canonical == one.url || canonical == one.canonical())
    }

    /// The algorithm of a programme: the one that it names, with or without a version, or ours.
    ///
    /// # Errors
    /// `BusinessRule` where the programme names one that is not here, or that cannot be used.
    pub fn of<'a>(&'a self, program: &'a Program) -> Result<&'a Algorithm, Failure> {
        let wanted = program.risk_algorithm.as_deref().unwrap_or(RISK_ALGORITHM);
        let own = program.algorithm.as_deref().or_else(|| self.find(wanted));
        own.ok_or_else(|| {
            let text = format!(
                "The programme {} names the algorithm {wanted}, which is not here or cannot be used; correct its \
                 `riskAlgorithm`, or store the algorithm.",
                program.name
            );
            Failure::new(Reason::BusinessRule, text)
        })
    }
}

impl Algorithm {
    fn read(plan: &Value, terminology: &Terminology) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut text = |name: &str| {
            let missing = || Problem::new(name, format!("An algorithm needs a `{name}`; give it one."));
            noted(plan[name].as_str().map(str::to_owned).ok_or_else(missing), &mut problems)
        };
        let (url, version) = (text("url"), text("version"));
        match (url, version, Document::read(plan, terminology)) {
            (Some(url), Some(version), Ok(document)) => Ok(Self { url, version, document }),
            (_, _, document) => {
                problems.extend(document.err().unwrap_or_default());
                Err(problems)
            }
        }
    }

    /// Reads an algorithm of a client's.
    ///
    /// # Errors
    /// Everything that is wrong, each with its place from the PlanDefinition on.
    pub fn own(plan: &Value, definitions: &Definitions, reading: Reading) -> Result<Self, Vec<Problem>> {
        with_terminology(plan, (definitions, reading), |terminology| Self::read(plan, terminology))
    }

    /// The canonical with its version.
    pub fn canonical(&self) -> String {
        format!("{}|{}", self.url, self.version)
    }

    /// The rule sets by which floors are set, beside the programme's own.
    pub fn floor_rule_sets(&self, rule_sets: &RuleSets) -> Vec<Arc<RuleSet>> {
        let named = self.document.floors.iter().filter_map(|floor| match &floor.raising {
            Raising::RuleSet(canonical) => rule_sets.find(canonical),
            Raising::Entry => None,
        });
        named.map(Arc::clone).collect()
    }

    /// The care that is recommended for a tier.
    pub fn intensity(&self, tier: Tier) -> &Intensity {
        &self.document.tiers[tier as usize].1
    }
}

impl Status {
    /// The code.
    pub fn code(self) -> &'static str {
        match self {
            Status::Preliminary => "preliminary",
            Status::Final => "final",
        }
    }
}
