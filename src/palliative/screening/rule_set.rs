//! A rule set, and what it says of a patient. <https://hl7.org/fhir/R4/plandefinition.html>

use std::collections::BTreeSet;

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
use crate::palliative::screening::parameters::list;
use crate::palliative::screening::problem::Problem;

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
    /// Everything that is wrong with it, each with its place.
    pub fn compile(plan: &Value, terminology: &Terminology) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let set = Self::read(plan, terminology, &mut problems);
        match set {
            Some(set) if problems.is_empty() => Ok(set),
            Some(_) | None => {
                Err(problems.into_iter().map(|problem| problem.under("PlanDefinition")).collect())
            }
        }
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

    /// The types that it reads beside those of every screening.
    pub fn further_types(&self) -> BTreeSet<&'static str> {
        let kinds = self.criteria.iter().flat_map(|criterion| match &criterion.rule {
            Rule::Act(rule) => rule.kinds,
            _ => &[],
        });
        kinds.flat_map(|kind| kind.types().iter().copied()).collect()
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

    /// Reads it as far as it can be read, and says all that is wrong.
    fn read(plan: &Value, terminology: &Terminology, problems: &mut Vec<Problem>) -> Option<Self> {
        let Some(main) = action(plan, "criteria") else {
            let text = "A rule set has an action with the id `criteria`, whose actions are its criteria.";
            problems.push(Problem::new("action", text));
            return None;
        };
        let mut criteria = read_criteria(main, terminology, problems);
        let logic_ends = criteria.len();
        if let Some(exclusions) = action(plan, "exclusions") {
            criteria.extend(read_criteria(exclusions, terminology, problems));
        }
        let exclusions: Vec<usize> = (logic_ends..criteria.len()).collect();
        let logic = noted(logic(main.1).map_err(|problem| problem.under(&place(main.0))), problems);
        let implied = criteria.len();
        criteria.extend(noted(implied_criteria(plan), problems)?);
        noted(check(&criteria), problems)?;
        let mut parts: Vec<_> = (implied..criteria.len()).map(Logic::Criterion).collect();
        parts.push(logic?);
        parts.push(Logic::none(Logic::any(exclusions.iter().copied().map(Logic::Criterion).collect())));
        let mut text = |name: &str| {
            let found = plan[name].as_str().map(str::to_owned);
            let missing = || Problem::new(name, format!("A rule set needs a `{name}`; give it one."));
            noted(found.ok_or_else(missing), problems)
        };
        let (url, version, title) = (text("url"), text("version"), text("title"));
        Some(Self {
            url: url?,
            version: version?,
            title: title?,
            active: plan["status"] == "active",
            criteria,
            whole: Logic::all(parts),
            exclusions,
        })
    }
}

/// An action of the plan by its id, with its place.
fn action<'a>(plan: &'a Value, id: &str) -> Option<(usize, &'a Value)> {
    list(plan, "action").enumerate().find(|(_, action)| action["id"] == id)
}

fn place(at: usize) -> String {
    format!("action[{at}]")
}

/// What was read; a problem is put with the others.
fn noted<T>(read: Result<T, Problem>, problems: &mut Vec<Problem>) -> Option<T> {
    read.map_err(|problem| problems.push(problem)).ok()
}

fn read_criteria(
    (at, action): (usize, &Value),
    terminology: &Terminology,
    problems: &mut Vec<Problem>,
) -> Vec<Criterion> {
    let read = document::criteria(action, terminology).into_iter();
    read.filter_map(|one| noted(one.map_err(|problem| problem.under(&place(at))), problems)).collect()
}

/// The logic of an action, by the ids of its criteria, whether or not these could be read.
fn logic(action: &Value) -> Result<Logic, Problem> {
    let wrong = |text: String| Problem::new("condition[0].expression", text);
    let expression = &action["condition"][0]["expression"];
    if expression["language"] != "text/cql" {
        return Err(wrong("The condition is an expression in `text/cql`.".to_owned()));
    }
    let text = expression["expression"].as_str();
    let text = text.ok_or_else(|| wrong("The condition has no `expression`.".to_owned()))?;
    let place = |id: &str| list(action, "action").position(|criterion| criterion["id"] == id);
    expression::parse(text, &place).map_err(|problem| wrong(format!("In the expression, {problem}.")))
}

fn check(criteria: &[Criterion]) -> Result<(), Problem> {
    if criteria.len() > MAX_CRITERIA {
        return Err(Problem::new("action", format!("A rule set has at most {MAX_CRITERIA} criteria.")));
    }
    let mut ids: Vec<_> = criteria.iter().map(|criterion| &criterion.id).collect();
    ids.sort();
    match ids.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => {
            Err(Problem::new("action", format!("Two criteria are called `{}`; rename one.", pair[0])))
        }
        None => Ok(()),
    }
}

/// The criteria that every rule set has by being made for somebody: the patient is alive, and of the ages and
/// lines of business that it applies to.
fn implied_criteria(plan: &Value) -> Result<Vec<Criterion>, Problem> {
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
