//! An algorithm of stratification as a PlanDefinition. <https://hl7.org/fhir/R4/plandefinition.html>
//!
//! Its actions are `items` (criteria, as a rule set has them, and series of values), `domains` with their levels,
//! `tiers` with the score at which each begins and the care that is recommended, `floors`, `overrides` and `tasks`.
//! A condition is an expression over items, as in a rule set. A parameter that is not read is refused.

use serde_json::Value;

use crate::palliative::record::Coding;
use crate::palliative::risk::document::Document;
use crate::palliative::risk::document::Floor;
use crate::palliative::risk::document::Item;
use crate::palliative::risk::document::Override;
use crate::palliative::risk::document::Raising;
use crate::palliative::risk::document::Step;
use crate::palliative::risk::document::TaskRule;
use crate::palliative::risk::domain::Domain;
use crate::palliative::risk::domain::Level;
use crate::palliative::risk::domain::MOST;
use crate::palliative::risk::domain::Missing;
use crate::palliative::risk::domain::Worth;
use crate::palliative::risk::intensity::Intensity;
use crate::palliative::risk::series::SERIES;
use crate::palliative::risk::series::Series;
use crate::palliative::risk::tier::Tier;
use crate::palliative::screening::Codes;
use crate::palliative::screening::document::Terminology;
use crate::palliative::screening::document::criterion;
use crate::palliative::screening::expression;
use crate::palliative::screening::logic::Logic;
use crate::palliative::screening::parameters::Parameters;
use crate::palliative::screening::parameters::list;

macro_rules! own {
    ($($name:ident = $id:literal;)*) => {
        $(const $name: &str = concat!("https://comfrey.health/fhir/StructureDefinition/", $id);)*
    };
}

own! {
    DOMAIN = "risk-domain";
    LEVEL = "risk-level";
    STEP = "risk-step";
    FLOOR = "risk-floor";
    OVERRIDE = "risk-override";
    TASK = "risk-task";
    TIER_ROW = "risk-tier-row";
    HYSTERESIS = "risk-hysteresis";
}

impl Document {
    /// Reads a PlanDefinition.
    ///
    /// # Errors
    /// A sentence that says what is wrong, and where.
    pub fn read(plan: &Value, terminology: &Terminology) -> Result<Self, String> {
        let items: Vec<Item> =
            actions(plan, "items")?.map(|action| item(action, terminology)).collect::<Result<_, _>>()?;
        let domains: Vec<Domain> =
            actions(plan, "domains")?.map(|action| domain(action, &items)).collect::<Result<_, _>>()?;
        let steps = actions(plan, "domains")?.filter_map(|action| step(action).transpose());
        let hysteresis = Parameters::of(plan, HYSTERESIS).ok_or("it has no hysteresis")?;
        let days = hysteresis.whole("days")?.ok_or("the hysteresis has no days")?;
        hysteresis.finish()?;
        Ok(Self {
            steps: steps.collect::<Result<_, _>>()?,
            tiers: tiers(plan)?,
            floors: actions(plan, "floors")?.map(floor).collect::<Result<_, _>>()?,
            overrides: actions(plan, "overrides")?
                .map(|action| overriding(action, &items))
                .collect::<Result<_, _>>()?,
            tasks: actions(plan, "tasks")?.map(|action| task(action, &items)).collect::<Result<_, _>>()?,
            hysteresis_days: days,
            domains,
            items,
        })
    }
}

fn actions<'a>(plan: &'a Value, id: &str) -> Result<impl Iterator<Item = &'a Value> + use<'a>, String> {
    let found = list(plan, "action").find(|action| action["id"] == id);
    Ok(list(found.ok_or_else(|| format!("no action `{id}`"))?, "action"))
}

fn text(action: &Value, name: &str) -> Result<String, String> {
    action[name].as_str().map(str::to_owned).ok_or_else(|| format!("an action has no {name}"))
}

/// Reads the parameters of an action, all of them.
fn with<T>(
    action: &Value,
    url: &str,
    read: impl FnOnce(&Parameters) -> Result<T, String>,
) -> Result<T, String> {
    let wrong = |problem: String| format!("{}: {problem}", action["id"].as_str().unwrap_or("an action"));
    let parameters = Parameters::of(action, url).ok_or_else(|| wrong(format!("no extension {url}")))?;
    let done = read(&parameters).map_err(wrong)?;
    parameters.finish().map_err(|problem| wrong(problem.into()))?;
    Ok(done)
}

/// The fact that an action is: a criterion, or a series of values.
///
/// # Errors
/// A sentence for the author of the document.
pub(in crate::palliative) fn item(action: &Value, terminology: &Terminology) -> Result<Item, String> {
    if Parameters::of(action, SERIES).is_none() {
        return Ok(Item::Criterion(Box::new(criterion(action, terminology)?)));
    }
    let id = text(action, "id")?;
    with(action, SERIES, |parameters| Ok(Item::Series(id, Box::new(Series::read(action, parameters)?))))
}

fn logic(action: &Value, items: &[Item]) -> Result<(Logic, Vec<usize>), String> {
    let expression = &action["condition"][0]["expression"];
    if expression["language"] != "text/cql" {
        return Err("the condition is not in text/cql".to_owned());
    }
    let text = expression["expression"].as_str().ok_or("the condition has no expression")?;
    let logic = expression::parse(text, &|id| items.iter().position(|item| item.id() == id))?;
    let mut named = Vec::new();
    names(&logic, &mut named);
    Ok((logic, named))
}

/// The facts that a condition names, each once.
pub(in crate::palliative) fn names(logic: &Logic, named: &mut Vec<usize>) {
    match logic {
        Logic::Criterion(at) if named.contains(at) => {}
        Logic::Criterion(at) => named.push(*at),
        Logic::AtLeast(_, parts) => parts.iter().for_each(|part| names(part, named)),
        Logic::Not(part) => names(part, named),
    }
}

fn domain(action: &Value, items: &[Item]) -> Result<Domain, String> {
    let levels = list(action, "action").map(|action| level(action, items)).collect::<Result<_, _>>()?;
    let (code, title) = (text(action, "id")?, text(action, "title")?);
    with(action, DOMAIN, |parameters| {
        let words = |name: &str| {
            parameters.text(name, "valueString")?.map(str::to_owned).ok_or_else(|| format!("no {name}"))
        };
        let missing = match parameters.text("missing", "valueCode")? {
            Some("zero") => Missing::Zero,
            Some("evidence") => Missing::Evidence,
            Some("bounds") => Missing::Bounds,
            other => return Err(format!("{other:?} says not what is made of missing facts")),
        };
        let (missing_text, none_text) = (words("missingText")?, words("noneText")?);
        Ok(Domain { code, title, missing, missing_text, none_text, levels })
    })
}

fn level(action: &Value, items: &[Item]) -> Result<Level, String> {
    let sentence = text(action, "description")?;
    let (logic, named) = logic(action, items).map_err(|problem| format!("{}: {problem}", action["id"]))?;
    with(action, LEVEL, |parameters| {
        let worth = |name: &str| {
            let given = parameters.whole(name)?.map(u8::try_from).transpose();
            let within = given.ok().flatten().filter(|worth| (1..=MOST).contains(worth));
            Ok::<_, String>(within)
        };
        let worth = match (worth("level")?, worth("points")?) {
            (Some(level), None) => Worth::Level(level),
            (None, Some(points)) => Worth::Points(points),
            _ => return Err(format!("it has one of `level` and `points`, from 1 to {MOST}")),
        };
        Ok(Level { sentence, worth, logic, items: named })
    })
}

fn step(action: &Value) -> Result<Option<Step>, String> {
    if Parameters::of(action, STEP).is_none() {
        return Ok(None);
    }
    with(action, STEP, |parameters| {
        let codes: Vec<Coding> =
            parameters.all("code", "valueCoding")?.into_iter().filter_map(Coding::read).collect();
        let step = parameters.one("step", "valueDecimal")?.and_then(Value::as_f64);
        let step = step.filter(|step| *step > 0.0).ok_or("it has no step")?;
        Ok(Some(Step { codes: Codes::of(&codes), step }))
    })
}

fn tier(parameters: &Parameters) -> Result<Tier, String> {
    let code = parameters.text("tier", "valueCode")?.unwrap_or_default();
    Tier::parse(code).ok_or_else(|| format!("`{code}` is no tier"))
}

fn floor(action: &Value) -> Result<Floor, String> {
    let (code, sentence) = (text(action, "id")?, text(action, "description")?);
    with(action, FLOOR, |parameters| {
        let raising = match (parameters.text("ruleSet", "valueCanonical")?, parameters.flag("entry")?) {
            (Some(url), None) => Raising::RuleSet(url.to_owned()),
            (None, Some(true)) => Raising::Entry,
            _ => return Err("it has one of `ruleSet` and `entry`".to_owned()),
        };
        Ok(Floor { code, sentence, tier: tier(parameters)?, raising })
    })
}

fn overriding(action: &Value, items: &[Item]) -> Result<Override, String> {
    let (code, sentence) = (text(action, "id")?, text(action, "description")?);
    let (logic, items) = logic(action, items)?;
    with(action, OVERRIDE, |parameters| {
        Ok(Override { code, sentence, tier: tier(parameters)?, logic, items })
    })
}

fn task(action: &Value, items: &[Item]) -> Result<TaskRule, String> {
    let sentence = text(action, "description")?;
    let (logic, items) = logic(action, items)?;
    with(action, TASK, |parameters| {
        let code = parameters.text("code", "valueCode")?.ok_or("it has no code")?.to_owned();
        Ok(TaskRule { code, sentence, hours: parameters.whole("hours")?, logic, items })
    })
}

/// The rows of the tiers, which stand in their order and begin at ever higher scores.
fn tiers(plan: &Value) -> Result<[(u8, Intensity); 4], String> {
    let rows: Vec<(u8, Intensity)> = actions(plan, "tiers")?
        .zip(Tier::ALL)
        .map(|(action, tier)| {
            if action["id"] != tier.code() {
                return Err(format!("{} stands in the place of {}", action["id"], tier.code()));
            }
            with(action, TIER_ROW, |parameters| {
                let from = parameters.whole("from")?.and_then(|from| u8::try_from(from).ok());
                Ok((from.ok_or("it has no `from`")?, Intensity::read(action, parameters)?))
            })
        })
        .collect::<Result<_, _>>()?;
    let rising =
        rows.first().is_some_and(|(from, _)| *from == 0) && rows.windows(2).all(|pair| pair[0].0 < pair[1].0);
    if !rising {
        return Err("the tiers begin at 0 and at ever higher scores".to_owned());
    }
    rows.try_into().map_err(|_| "there are four tiers".to_owned())
}
