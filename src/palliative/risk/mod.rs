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
pub(in crate::palliative) mod read;
pub mod report;
mod scale;
mod series;
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
use crate::palliative::screening::RuleSet;
use crate::palliative::screening::RuleSets;
use crate::palliative::screening::Situation;
use crate::palliative::screening::document::Terminology;
use crate::palliative::vocabulary::RISK_ALGORITHM;

/// The topic of PlanDefinitions that are read here.
const TOPIC: (&str, &str) = ("https://comfrey.health/fhir/CodeSystem/rule-set-kind", "stratification");

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
        let of_kind = |plan: &&Value| {
            let topics = plan["topic"].as_array().into_iter().flatten();
            let mut codings = topics.flat_map(|topic| topic["coding"].as_array().into_iter().flatten());
            codings.any(|coding| coding["system"] == TOPIC.0 && coding["code"] == TOPIC.1)
        };
        let plans = definitions.plan_definitions.values().filter(of_kind);
        Ok(Self { list: plans.map(|plan| Algorithm::read(plan, &terminology)).collect::<Result<_, _>>()? })
    }

    /// Whether a canonical, with or without a version, names one of them.
    pub fn has(&self, canonical: &str) -> bool {
        self.named(canonical).is_some()
    }

    fn named(&self, canonical: &str) -> Option<&Algorithm> {
        self.list.iter().find(|one| canonical == one.url || canonical == one.canonical())
    }

    /// The algorithm of a programme: the one that it names, with or without a version, or ours.
    ///
    /// # Errors
    /// `BusinessRule` where the programme names one that is not here.
    pub fn of(&self, program: &Program) -> Result<&Algorithm, Failure> {
        let wanted = program.risk_algorithm.as_deref().unwrap_or(RISK_ALGORITHM);
        self.named(wanted).ok_or_else(|| {
            let text =
                format!("The programme {} names the algorithm {wanted}, which is not here.", program.name);
            Failure::new(Reason::BusinessRule, text)
        })
    }
}

impl Algorithm {
    fn read(plan: &Value, terminology: &Terminology) -> Result<Self, String> {
        let url = plan["url"].as_str().unwrap_or_default();
        let document = Document::read(plan, terminology).map_err(|problem| format!("{url}: {problem}"))?;
        let version = plan["version"].as_str().ok_or_else(|| format!("{url}: no version"))?;
        Ok(Self { url: url.to_owned(), version: version.to_owned(), document })
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
