//! A template as a PlanDefinition: its facts, its rows, and what is printed with each plan.
//! <https://hl7.org/fhir/R4/plandefinition.html>
//!
//! Its actions are `items` (facts: criteria as in a rule set, the tier, the language), `rows` and `when`. A row names
//! its goal by `goalId`, or has actions of its own that do, each with its condition; its other actions are activities.

use serde_json::Value;

use crate::palliative::care_plan::fact::Fact;
use crate::palliative::care_plan::template::Activity;
use crate::palliative::care_plan::template::Becomes;
use crate::palliative::care_plan::template::Cadence;
use crate::palliative::care_plan::template::Days;
use crate::palliative::care_plan::template::Due;
use crate::palliative::care_plan::template::GoalTemplate;
use crate::palliative::care_plan::template::Row;
use crate::palliative::care_plan::template::Template;
use crate::palliative::care_plan::template::Trigger;
use crate::palliative::enrollment::facts::has_coding;
use crate::palliative::record::Coding;
use crate::palliative::risk::read::names;
use crate::palliative::screening::Codes;
use crate::palliative::screening::document::Terminology;
use crate::palliative::screening::expression;
use crate::palliative::screening::parameters::list;
use crate::palliative::vocabulary::CADENCE_EXTENSION;
use crate::palliative::vocabulary::DOMAIN_EXTENSION;
use crate::palliative::vocabulary::DUE_WHEN_EXTENSION;
use crate::palliative::vocabulary::OWN_WORDS_EXTENSION;
use crate::palliative::vocabulary::SDOH_SYSTEM;

/// The type of an action that becomes a Task.
const ACTION_TYPE: &str = "http://terminology.hl7.org/CodeSystem/action-type";

/// How many hours something that is due in hours may take at most.
const HOURS: i64 = 240;

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// A sentence that names what is missing or wrong.
    pub fn read(plan: &Value, terminology: &Terminology) -> Result<Self, String> {
        let facts: Vec<Fact> =
            part(plan, "items").map(|action| Fact::read(action, terminology)).collect::<Result<_, _>>()?;
        let reader = Reader { plan, facts: &facts };
        let rows: Vec<Row> = part(plan, "rows").map(|action| reader.row(action)).collect::<Result<_, _>>()?;
        if rows.is_empty() {
            return Err("it has no rows".to_owned());
        }
        let advice = part(plan, "when").map(|one| (text(one, "title"), text(one, "textEquivalent")));
        Ok(Self {
            canonical: format!("{}|{}", text(plan, "url"), text(plan, "version")),
            id: text(plan, "id"),
            title: text(plan, "title"),
            advice: advice.collect(),
            facts,
            rows,
        })
    }
}

struct Reader<'a> {
    plan: &'a Value,
    facts: &'a [Fact],
}

impl Reader<'_> {
    fn row(&self, action: &Value) -> Result<Row, String> {
        let id = text(action, "id");
        let domain =
            extension(action, DOMAIN_EXTENSION).and_then(|one| one.pointer("/valueCoding/code")?.as_str());
        let mut goals = Vec::new();
        if action.get("goalId").is_some() {
            goals.push(GoalTemplate { trigger: None, ..self.goal(action)? });
        }
        let (inner, activities): (Vec<_>, Vec<_>) =
            list(action, "action").partition(|one| one.get("goalId").is_some());
        goals.extend(inner.into_iter().map(|one| self.goal(one)).collect::<Result<Vec<_>, _>>()?);
        Ok(Row {
            title: text(action, "title"),
            domain: domain.ok_or_else(|| format!("the action {id} has no domain"))?.to_owned(),
            trigger: self.trigger(action)?,
            activities: activities.into_iter().map(|one| self.activity(one)).collect::<Result<_, _>>()?,
            goals,
            id,
        })
    }

    fn goal(&self, action: &Value) -> Result<GoalTemplate, String> {
        let id = text(action, "id");
        let named = action.pointer("/goalId/0");
        let goal = list(self.plan, "goal").find(|one| one.get("id") == named && named.is_some());
        let goal = goal.ok_or_else(|| format!("the goal of the action {id} is not there"))?;
        let target = goal.pointer("/target/0").unwrap_or(&Value::Null);
        let detail = ["detailQuantity", "detailCodeableConcept"]
            .iter()
            .find_map(|name| Some(((*name).to_owned(), target.get(name)?.clone())));
        Ok(GoalTemplate {
            trigger: self.trigger(action)?,
            text: goal.pointer("/description/text").and_then(Value::as_str).unwrap_or_default().to_owned(),
            category: goal.get("category").cloned(),
            measure: target.get("measure").cloned(),
            due: days(target, target.get("due"))?,
            sooner: extensions(target, DUE_WHEN_EXTENSION)
                .map(|one| self.sooner(one))
                .collect::<Result<_, _>>()?,
            own_words: own_words(goal),
            detail,
            id,
        })
    }

    fn sooner(&self, extension: &Value) -> Result<(Trigger, i64), String> {
        let part = |name: &str| list(extension, "extension").find(|one| one["url"] == name);
        let when = part("when").and_then(|one| one["valueString"].as_str());
        let days = part("days").and_then(|one| one["valueInteger"].as_i64());
        match (when, days) {
            (Some(when), Some(days)) => Ok((self.condition(String::new(), when)?, days)),
            _ => Err("a target that is due sooner says not when, or not in how many days".to_owned()),
        }
    }

    fn activity(&self, action: &Value) -> Result<Activity, String> {
        let repeats = action.pointer("/timingTiming/repeat");
        let own = if repeats.is_some() { None } else { due(action)? };
        let period = repeats.and_then(|repeat| repeat.get("period")?.as_i64()).map(Days::Fixed);
        let every = match (repeats, cadence(action)?) {
            (Some(_), Some(cadence)) => Some(Days::Tier(cadence)),
            (Some(_), None) => {
                Some(period.ok_or_else(|| format!("{} repeats without a period", action["id"]))?)
            }
            (None, _) => None,
        };
        let task = has_coding(action.get("type"), ACTION_TYPE, "create");
        let brings: Vec<&str> = list(action, "output").filter_map(|one| one["type"].as_str()).collect();
        let is_of_need = of_need(&brings, action)?;
        Ok(Activity {
            id: text(action, "id"),
            text: text(action, "textEquivalent"),
            code: action.pointer("/code/0").cloned(),
            becomes: if task { Becomes::Task } else { Becomes::Detail },
            due: own,
            every,
            trigger: self.trigger(action)?,
            is_of_need,
        })
    }

    fn trigger(&self, action: &Value) -> Result<Option<Trigger>, String> {
        let Some(expression) = action.pointer("/condition/0/expression") else { return Ok(None) };
        if expression["language"] != "text/cql" {
            return Err(format!("the condition of {} is not in text/cql", action["id"]));
        }
        self.condition(text(expression, "description"), &text(expression, "expression")).map(Some)
    }

    fn condition(&self, words: String, condition: &str) -> Result<Trigger, String> {
        let logic = expression::parse(condition, &|id| self.facts.iter().position(|fact| fact.id == id))?;
        let mut facts = Vec::new();
        names(&logic, &mut facts);
        Ok(Trigger { words, logic, facts })
    }
}

/// Whether an action brings a concern and a request for help: both, with the category of a social need, or neither.
fn of_need(brings: &[&str], action: &Value) -> Result<bool, String> {
    if brings.is_empty() {
        return Ok(false);
    }
    let categories = list(action.pointer("/code/0").unwrap_or(&Value::Null), "coding");
    let has_category = categories.filter(|one| one["system"] == SDOH_SYSTEM).count() == 1;
    match (brings == ["Condition", "ServiceRequest"], has_category) {
        (true, true) => Ok(true),
        _ => Err(format!(
            "{} brings a Condition and a ServiceRequest, in this order and with one category of a social need, or nothing",
            action["id"]
        )),
    }
}

/// Within which time an action is due.
fn due(action: &Value) -> Result<Option<Due>, String> {
    let duration = action.get("timingDuration");
    let Some(hours) = duration.filter(|duration| duration["code"] == "h") else {
        return Ok(days(action, duration)?.map(Due::Days));
    };
    let whole = hours["value"].as_i64().filter(|hours| (1..=HOURS).contains(hours));
    Ok(Some(Due::Hours(whole.ok_or_else(|| format!("a duration is not in 1 to {HOURS} whole hours"))?)))
}

/// The days of a duration, or those of the cadence that stands in its place.
fn days(element: &Value, duration: Option<&Value>) -> Result<Option<Days>, String> {
    if let Some(cadence) = cadence(element)? {
        return Ok(Some(Days::Tier(cadence)));
    }
    let Some(duration) = duration else { return Ok(None) };
    let whole = duration.get("value").and_then(Value::as_i64).filter(|_| duration["code"] == "d");
    Ok(Some(Days::Fixed(whole.ok_or("a duration is not in whole days")?)))
}

fn cadence(element: &Value) -> Result<Option<Cadence>, String> {
    let Some(extension) = extension(element, CADENCE_EXTENSION) else { return Ok(None) };
    let code = extension["valueCode"].as_str().unwrap_or_default();
    Cadence::parse(code).map(Some).ok_or_else(|| format!("`{code}` is no cadence of a tier"))
}

fn own_words(goal: &Value) -> Option<Codes> {
    let codings: Vec<Coding> =
        extensions(goal, OWN_WORDS_EXTENSION).filter_map(|one| Coding::read(&one["valueCoding"])).collect();
    (!codings.is_empty()).then(|| Codes::of(&codings))
}

/// The actions below the one of this name.
fn part<'a>(plan: &'a Value, id: &'a str) -> impl Iterator<Item = &'a Value> {
    list(plan, "action").filter(move |action| action["id"] == id).flat_map(|action| list(action, "action"))
}

fn extensions<'a>(value: &'a Value, url: &'a str) -> impl Iterator<Item = &'a Value> {
    list(value, "extension").filter(move |one| one["url"] == url)
}

fn extension<'a>(value: &'a Value, url: &'a str) -> Option<&'a Value> {
    extensions(value, url).next()
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}
