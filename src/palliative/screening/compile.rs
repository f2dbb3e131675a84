//! A PlanDefinition compiled to a rule set, or all that is wrong with it.
//! <https://hl7.org/fhir/R4/plandefinition.html>

use serde_json::Value;

use crate::palliative::screening::criterion::Ages;
use crate::palliative::screening::criterion::Criterion;
use crate::palliative::screening::criterion::Rule;
use crate::palliative::screening::document;
use crate::palliative::screening::document::Terminology;
use crate::palliative::screening::expression;
use crate::palliative::screening::logic::Logic;
use crate::palliative::screening::logic::MAX_CRITERIA;
use crate::palliative::screening::parameters::Parameters;
use crate::palliative::screening::parameters::list;
use crate::palliative::screening::problem::Problem;
use crate::palliative::screening::problem::noted;
use crate::palliative::screening::rule_set::RuleSet;
use crate::palliative::vocabulary::LOB_SYSTEM;

/// The extension that says for whom a rule set is made.
const APPLIES_TO: &str = "https://comfrey.health/fhir/StructureDefinition/applies-to";

/// The ids of the criteria that a rule set implies of the ages and the lines of business that it is made for.
pub const APPLIES_TO_AGE: &str = "applies-to-age";
pub const APPLIES_TO_LOB: &str = "applies-to-lob";

/// Compiles a PlanDefinition.
///
/// # Errors
/// Everything that is wrong with it, each with its place.
pub fn compile(plan: &Value, terminology: &Terminology) -> Result<RuleSet, Vec<Problem>> {
    let mut problems = Vec::new();
    let set = read(plan, terminology, &mut problems);
    match set {
        Some(set) if problems.is_empty() => Ok(set),
        Some(_) | None => Err(problems.into_iter().map(|problem| problem.under("PlanDefinition")).collect()),
    }
}

/// Reads it as far as it can be read, and says all that is wrong.
fn read(plan: &Value, terminology: &Terminology, problems: &mut Vec<Problem>) -> Option<RuleSet> {
    let Some(main) = action(plan, "criteria") else {
        let text = "A rule set has an action with the id `criteria`, whose actions are its criteria.";
        problems.push(Problem::new("action", text));
        return None;
    };
    let mut text = |name: &str| {
        let found = plan[name].as_str().map(str::to_owned);
        let missing = || Problem::new(name, format!("A rule set needs a `{name}`; give it one."));
        noted(found.ok_or_else(missing), problems)
    };
    let (url, version, title) = (text("url"), text("version"), text("title"));
    let mut criteria = read_criteria(main, terminology, problems);
    let logic_ends = criteria.len();
    if let Some(exclusions) = action(plan, "exclusions") {
        criteria.extend(read_criteria(exclusions, terminology, problems));
    }
    let exclusions: Vec<usize> = (logic_ends..criteria.len()).collect();
    let logic = noted(logic(main.1).map_err(|problem| problem.under(&place(main.0))), problems);
    let implied = criteria.len();
    criteria.extend(noted(implied_criteria(plan, terminology), problems)?);
    noted(check(&criteria), problems)?;
    let mut parts: Vec<_> = (implied..criteria.len()).map(Logic::Criterion).collect();
    parts.push(logic?);
    parts.push(Logic::none(Logic::any(exclusions.iter().copied().map(Logic::Criterion).collect())));
    Some(RuleSet {
        url: url?,
        version: version?,
        title: title?,
        active: plan["status"] == "active",
        leads_to: main.1["code"][0]["coding"][0].as_object().cloned().map(Value::Object),
        criteria,
        whole: Logic::all(parts),
        exclusions,
    })
}

/// An action of the plan by its id, with its place.
fn action<'a>(plan: &'a Value, id: &str) -> Option<(usize, &'a Value)> {
    list(plan, "action").enumerate().find(|(_, action)| action["id"] == id)
}

fn place(at: usize) -> String {
    format!("action[{at}]")
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
fn implied_criteria(plan: &Value, terminology: &Terminology) -> Result<Vec<Criterion>, Problem> {
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
    let ages = terminology.possible(parameters.ages()?, (&parameters, "ageMin"))?;
    let lines = document::own_codes(&parameters, terminology, ("lob", LOB_SYSTEM))?;
    parameters.finish()?;
    if !ages.is_unlimited() {
        let limit =
            |name: &str, age: Option<i32>| age.map(|age| format!(" {name} {age}")).unwrap_or_default();
        let sentence =
            format!("The patient's age is{}{}.", limit("at least", ages.min), limit("at most", ages.max));
        criteria.push(implied(APPLIES_TO_AGE, sentence, Rule::Age, ages));
    }
    if !lines.is_empty() {
        let lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
        let sentence = format!("The patient's coverage is of one of these lines: {}.", lines.join(", "));
        criteria.push(implied(APPLIES_TO_LOB, sentence, Rule::LineOfBusiness(lines), Ages::default()));
    }
    Ok(criteria)
}
