//! A rule set, and what it says of a patient. <https://hl7.org/fhir/R4/plandefinition.html>

use jiff::civil::Date;
use serde_json::Value;

use crate::palliative::screening::Situation;
use crate::palliative::screening::criterion::Ages;
use crate::palliative::screening::criterion::Criterion;
use crate::palliative::screening::criterion::Rule;
use crate::palliative::screening::document;
use crate::palliative::screening::document::Terminology;
use crate::palliative::screening::expression;
use crate::palliative::screening::finding::Finding;
use crate::palliative::screening::logic::Logic;
use crate::palliative::screening::logic::MAX_CRITERIA;
use crate::palliative::screening::logic::State;
use crate::palliative::screening::parameters::Parameters;

/// The extension that says for whom a rule set is made.
const APPLIES_TO: &str = "https://comfrey.health/fhir/StructureDefinition/applies-to";

/// A rule set. One version never changes once it was used.
#[derive(Clone, Debug)]
pub struct RuleSet {
    /// Its canonical URL.
    pub url: String,
    /// Its version.
    pub version: String,
    /// Its name for people.
    pub title: String,
    /// Whether it is in use.
    pub active: bool,
    criteria: Vec<Criterion>,
    /// The whole: it applies, its logic is met, and nothing excludes.
    whole: Logic,
    exclusions: Vec<usize>,
}

/// What a rule set says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its logic is met and nothing excludes.
    Eligible,
    /// Its logic is not met.
    NotEligible,
    /// Facts are missing.
    Indeterminate,
    /// An exclusion is met.
    Excluded,
}

/// What a rule set says of a patient on a day.
#[derive(Clone, Debug)]
pub struct Screening<'a> {
    /// The rule set.
    pub rule_set: &'a RuleSet,
    /// What it says.
    pub outcome: Outcome,
    /// Each criterion, in the order of the rule set.
    pub results: Vec<CriterionResult<'a>>,
    /// Where it is indeterminate, the places in `results` of the smallest set of criteria whose settling the
    /// right way would make it eligible.
    pub missing: Vec<usize>,
    /// The next day on which any criterion can change although nothing new is written.
    pub next_change: Option<Date>,
}

/// A criterion and what was found.
#[derive(Clone, Debug)]
pub struct CriterionResult<'a> {
    /// The criterion.
    pub criterion: &'a Criterion,
    /// What was found.
    pub finding: Finding,
}

impl Outcome {
    /// The outcome with this code.
    pub fn parse(code: &str) -> Option<Self> {
        [Self::Eligible, Self::NotEligible, Self::Indeterminate, Self::Excluded]
            .into_iter()
            .find(|outcome| outcome.code() == code)
    }

    /// The code in results.
    pub fn code(self) -> &'static str {
        match self {
            Outcome::Eligible => "eligible",
            Outcome::NotEligible => "not-eligible",
            Outcome::Indeterminate => "indeterminate",
            Outcome::Excluded => "excluded",
        }
    }
}

impl RuleSet {
    /// Compiles a PlanDefinition.
    ///
    /// # Errors
    /// A sentence that names the definition and what is wrong.
    pub fn compile(plan: &Value, terminology: &Terminology) -> Result<Self, String> {
        let url = plan["url"].as_str().unwrap_or_default();
        Self::read(plan, terminology).map_err(|problem| format!("{url}: {problem}"))
    }

    /// The canonical with its version.
    pub fn canonical(&self) -> String {
        format!("{}|{}", self.url, self.version)
    }

    /// Whether this version is the one that a canonical names.
    pub fn is_named_by(&self, canonical: &str) -> bool {
        canonical == self.url || canonical == self.canonical()
    }

    /// The criteria.
    pub fn criteria(&self) -> &[Criterion] {
        &self.criteria
    }

    /// What it says of a patient on a day.
    pub fn screen(&self, situation: &Situation) -> Screening<'_> {
        let findings =
            self.criteria.iter().map(|criterion| criterion.evaluate(situation)).collect::<Vec<_>>();
        let silent = |at: usize| self.is_silent(at, &findings[at], situation);
        let states: Vec<_> = findings
            .iter()
            .enumerate()
            .map(|(at, finding)| if silent(at) { State::Met } else { finding.state })
            .collect();
        let outcome = self.outcome(&states);
        let next_change = findings.iter().filter_map(|finding| finding.changes.first().copied()).min();
        let told: Vec<usize> = (0..findings.len()).filter(|at| !silent(*at)).collect();
        let missing = match outcome {
            Outcome::Indeterminate => self.missing(&states),
            Outcome::Eligible | Outcome::NotEligible | Outcome::Excluded => Vec::new(),
        };
        let place = |at: &usize| told.iter().position(|one| one == at);
        let missing = missing.iter().filter_map(place).collect();
        let results = told
            .iter()
            .map(|at| CriterionResult { criterion: &self.criteria[*at], finding: findings[*at].clone() })
            .collect();
        Screening { rule_set: self, outcome, results, missing, next_change }
    }

    fn outcome(&self, states: &[State]) -> Outcome {
        if self.exclusions.iter().any(|at| states[*at] == State::Met) {
            return Outcome::Excluded;
        }
        match self.whole.judge(states) {
            State::Met => Outcome::Eligible,
            State::NotMet => Outcome::NotEligible,
            State::Unknown => Outcome::Indeterminate,
        }
    }

    /// The smallest set; all that is unknown where no set alone can do it.
    fn missing(&self, states: &[State]) -> Vec<usize> {
        let attestations: Vec<_> = self.criteria.iter().map(Criterion::is_attestation).collect();
        let smallest = self.whole.smallest_missing(states, &attestations);
        if !smallest.is_empty() {
            return smallest;
        }
        (0..states.len()).filter(|at| states[*at] == State::Unknown).collect()
    }

    /// What goes without saying is not told: that the patient is alive, or a line of business that nobody knows.
    fn is_silent(&self, at: usize, finding: &Finding, situation: &Situation) -> bool {
        match self.criteria[at].rule {
            Rule::Alive => finding.state == State::Met,
            Rule::LineOfBusiness(_) => situation.lines_of_business.is_empty(),
            _ => false,
        }
    }

    fn read(plan: &Value, terminology: &Terminology) -> Result<Self, String> {
        let text = |name: &str| plan[name].as_str().map(str::to_owned).ok_or_else(|| format!("no {name}"));
        let action =
            |id: &str| plan["action"].as_array().into_iter().flatten().find(|action| action["id"] == id);
        let main = action("criteria").ok_or("no action `criteria`")?;
        let mut criteria = document::criteria(main, terminology)?;
        let logic_ends = criteria.len();
        if let Some(exclusions) = action("exclusions") {
            criteria.extend(document::criteria(exclusions, terminology)?);
        }
        let exclusions: Vec<usize> = (logic_ends..criteria.len()).collect();
        let logic = logic(main, &criteria[..logic_ends])?;
        let implied = criteria.len();
        criteria.extend(implied_criteria(plan)?);
        check(&criteria)?;
        let mut parts: Vec<_> = (implied..criteria.len()).map(Logic::Criterion).collect();
        parts.push(logic);
        parts.push(Logic::none(Logic::any(exclusions.iter().copied().map(Logic::Criterion).collect())));
        Ok(Self {
            url: text("url")?,
            version: text("version")?,
            title: text("title")?,
            active: plan["status"] == "active",
            criteria,
            whole: Logic::all(parts),
            exclusions,
        })
    }
}

fn logic(action: &Value, criteria: &[Criterion]) -> Result<Logic, String> {
    let expression = &action["condition"][0]["expression"];
    if expression["language"] != "text/cql" {
        return Err("the condition is not in text/cql".to_owned());
    }
    let text = expression["expression"].as_str().ok_or("the condition has no expression")?;
    expression::parse(text, &|id| criteria.iter().position(|criterion| criterion.id == id))
}

fn check(criteria: &[Criterion]) -> Result<(), String> {
    if criteria.len() > MAX_CRITERIA {
        return Err(format!("more than {MAX_CRITERIA} criteria"));
    }
    let mut ids: Vec<_> = criteria.iter().map(|criterion| &criterion.id).collect();
    ids.sort();
    match ids.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("two criteria are called {}", pair[0])),
        None => Ok(()),
    }
}

/// The criteria that every rule set has by being made for somebody: the patient is alive, and of the ages and
/// lines of business that it applies to.
fn implied_criteria(plan: &Value) -> Result<Vec<Criterion>, String> {
    let implied = |id: &str, sentence: String, rule: Rule, ages: Ages| Criterion {
        id: id.to_owned(),
        sentence,
        source: String::new(),
        coding: None,
        restricted: false,
        rule,
        or_conditions: None,
        or_attestation: None,
        ages,
    };
    let alive = "The patient is alive on the day of the screening.".to_owned();
    let mut criteria = vec![implied("alive", alive, Rule::Alive, Ages::default())];
    let Some(parameters) = Parameters::of(plan, APPLIES_TO) else { return Ok(criteria) };
    let ages = parameters.ages()?;
    let lines = parameters.all("lob", "valueCode")?;
    parameters.finish()?;
    if !ages.is_unlimited() {
        let limit =
            |name: &str, age: Option<i32>| age.map(|age| format!(" {name} {age}")).unwrap_or_default();
        let sentence =
            format!("The patient's age is{}{}.", limit("at least", ages.min), limit("at most", ages.max));
        criteria.push(implied("applies-to-age", sentence, Rule::Age, ages));
    }
    if !lines.is_empty() {
        let lines: Vec<String> = lines.into_iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let sentence = format!("The patient's coverage is of one of these lines: {}.", lines.join(", "));
        criteria.push(implied("applies-to-lob", sentence, Rule::LineOfBusiness(lines), Ages::default()));
    }
    Ok(criteria)
}
