//! An algorithm of stratification, compiled: its facts, domains, tiers, floors, overrides and tasks.
//! <https://hl7.org/fhir/R4/plandefinition.html>

use crate::palliative::risk::domain::Domain;
use crate::palliative::risk::intensity::Intensity;
use crate::palliative::risk::series::Series;
use crate::palliative::risk::tier::Tier;
use crate::palliative::screening::Codes;
use crate::palliative::screening::Finding;
use crate::palliative::screening::Situation;
use crate::palliative::screening::criterion::Criterion;
use crate::palliative::screening::logic::Logic;

/// A fact that levels, overrides and tasks are made of.
#[derive(Clone, Debug)]
pub enum Item {
    /// As in a rule set.
    Criterion(Box<Criterion>),
    /// On several values.
    Series(String, Box<Series>),
}

/// Scores that come in steps: another value is a mistake.
#[derive(Clone, Debug)]
pub struct Step {
    /// The scores.
    pub codes: Codes,
    /// The step.
    pub step: f64,
}

/// Which rule sets set a floor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raising {
    /// This one, by its canonical.
    RuleSet(String),
    /// Any that admits to the programme, where the programme is a specialist one.
    Entry,
}

/// A least tier.
#[derive(Clone, Debug)]
pub struct Floor {
    /// Its code.
    pub code: String,
    /// Its sentence.
    pub sentence: String,
    /// The least tier.
    pub tier: Tier,
    /// Where it holds.
    pub raising: Raising,
}

/// A tier whatever the score.
#[derive(Clone, Debug)]
pub struct Override {
    /// Its code.
    pub code: String,
    /// Its sentence.
    pub sentence: String,
    /// The tier.
    pub tier: Tier,
    /// When it holds.
    pub logic: Logic,
    /// The items that it is made of.
    pub items: Vec<usize>,
}

/// Work that follows from the facts.
#[derive(Clone, Debug)]
pub struct TaskRule {
    /// Its kind.
    pub code: String,
    /// Its sentence.
    pub sentence: String,
    /// Within how many hours it is due.
    pub hours: Option<i64>,
    /// When it is asked for.
    pub logic: Logic,
    /// The items that it is made of.
    pub items: Vec<usize>,
}

/// All of a document.
#[derive(Clone, Debug)]
pub struct Document {
    /// The facts.
    pub items: Vec<Item>,
    /// The domains.
    pub domains: Vec<Domain>,
    /// The scores that come in steps.
    pub steps: Vec<Step>,
    /// For each tier, the score at which it begins and the care that is recommended.
    pub tiers: [(u8, Intensity); 4],
    /// The floors, in their order.
    pub floors: Vec<Floor>,
    /// The overrides, in their order.
    pub overrides: Vec<Override>,
    /// The tasks, in their order.
    pub tasks: Vec<TaskRule>,
    /// How far apart two lower stratifications must be before a tier is lowered.
    pub hysteresis_days: i64,
}

impl Item {
    /// Its id.
    pub fn id(&self) -> &str {
        match self {
            Item::Criterion(criterion) => &criterion.id,
            Item::Series(id, _) => id,
        }
    }

    /// What it shows.
    pub fn evaluate(&self, situation: &Situation) -> Finding {
        match self {
            Item::Criterion(criterion) => criterion.evaluate(situation),
            Item::Series(_, series) => series.evaluate(situation.record, situation.as_of),
        }
    }
}
