//! The template of the care plan, read from its PlanDefinition. <https://hl7.org/fhir/R4/plandefinition.html>

use serde_json::Value;

use crate::palliative::enrollment::facts::list;
use crate::palliative::vocabulary::DOMAIN_EXTENSION;
use crate::palliative::vocabulary::DUE_BY_TIER_EXTENSION;
use crate::palliative::vocabulary::REVIEW_BY_TIER_EXTENSION;
use crate::palliative::vocabulary::TASK_SYSTEM;

/// How long a plan stands without review where no tier is known.
const USUAL_REVIEW_DAYS: i64 = 90;

/// A template.
#[derive(Clone, Debug)]
pub struct Template {
    /// Its canonical, with the version.
    pub canonical: String,
    /// Its id, which is part of the names of what it makes.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its rows.
    pub rows: Vec<Row>,
    review: Vec<(String, i64)>,
}

/// One row: a goal and the activities that serve it.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// The domain, 1 to 8.
    pub domain: String,
    /// When it belongs to the plan; always, where there is none.
    pub trigger: Option<Trigger>,
    /// The goal.
    pub goal: GoalTemplate,
    /// The activities.
    pub activities: Vec<Activity>,
}

/// A condition of the template.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// In words.
    pub words: String,
    /// As the template writes it.
    pub expression: String,
}

/// A goal of the template.
#[derive(Clone, Debug)]
pub struct GoalTemplate {
    /// What is to be reached.
    pub text: String,
    /// The category, as a CodeableConcept.
    pub category: Option<Value>,
    /// What is measured, as a CodeableConcept.
    pub measure: Option<Value>,
    /// The element that says which value is aimed at, and the value.
    pub detail: Option<(String, Value)>,
    due: Option<i64>,
    due_by_tier: Vec<(String, i64)>,
}

/// An activity of the template.
#[derive(Clone, Debug)]
pub struct Activity {
    /// Its id.
    pub id: String,
    /// What to do.
    pub text: String,
    /// The code, as a CodeableConcept.
    pub code: Option<Value>,
    /// The code of the Task that it becomes; a planned activity, where there is none.
    pub task: Option<String>,
    /// Days until it is due.
    pub due: Option<i64>,
    /// When it belongs to the plan.
    pub trigger: Option<Trigger>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// A sentence that names what the definition lacks.
    pub fn read(plan: &Value) -> Result<Self, String> {
        let url = text(plan, "url");
        let rows =
            list(plan.get("action")).map(|action| Row::read(action, plan)).collect::<Result<_, _>>()?;
        Ok(Self {
            canonical: format!("{url}|{}", text(plan, "version")),
            id: text(plan, "id"),
            title: text(plan, "title"),
            rows,
            review: by_tier(plan, REVIEW_BY_TIER_EXTENSION),
        })
    }

    /// After how many days a plan of this tier is reviewed.
    pub fn review_days(&self, tier: Option<&str>) -> i64 {
        days_of(&self.review, tier).unwrap_or(USUAL_REVIEW_DAYS)
    }
}

impl Row {
    fn read(action: &Value, plan: &Value) -> Result<Self, String> {
        let id = text(action, "id");
        let goal = action.pointer("/goalId/0").and_then(Value::as_str).unwrap_or_default();
        let goal = list(plan.get("goal")).find(|one| one.get("id").and_then(Value::as_str) == Some(goal));
        let domain =
            extension(action, DOMAIN_EXTENSION).and_then(|one| one.pointer("/valueCoding/code")?.as_str());
        Ok(Self {
            domain: domain.ok_or_else(|| format!("the action {id} has no domain"))?.to_owned(),
            goal: GoalTemplate::read(goal.ok_or_else(|| format!("the action {id} has no goal"))?),
            trigger: trigger(action),
            activities: list(action.get("action")).map(Activity::read).collect(),
            id,
        })
    }
}

impl GoalTemplate {
    fn read(goal: &Value) -> Self {
        let target = goal.pointer("/target/0").unwrap_or(&Value::Null);
        let detail = ["detailQuantity", "detailRange", "detailCodeableConcept"]
            .iter()
            .find_map(|name| Some(((*name).to_owned(), target.get(name)?.clone())));
        Self {
            text: goal.pointer("/description/text").and_then(Value::as_str).unwrap_or_default().to_owned(),
            category: goal.get("category").cloned(),
            measure: target.get("measure").cloned(),
            detail,
            due: target.pointer("/due/value").and_then(Value::as_i64),
            due_by_tier: by_tier(target, DUE_BY_TIER_EXTENSION),
        }
    }

    /// Days until the goal is due.
    pub fn due_days(&self, tier: Option<&str>) -> Option<i64> {
        days_of(&self.due_by_tier, tier).or(self.due)
    }
}

impl Activity {
    fn read(action: &Value) -> Self {
        let code = action.pointer("/code/0").cloned();
        let task = code.as_ref().and_then(|code| {
            let coding = code.pointer("/coding/0")?;
            (coding.get("system")?.as_str()? == TASK_SYSTEM).then(|| text(coding, "code"))
        });
        Self {
            id: text(action, "id"),
            text: text(action, "textEquivalent"),
            code,
            task,
            due: action.pointer("/timingDuration/value").and_then(Value::as_i64),
            trigger: trigger(action),
        }
    }
}

fn trigger(action: &Value) -> Option<Trigger> {
    let expression = action.pointer("/condition/0/expression")?;
    Some(Trigger { words: text(expression, "description"), expression: text(expression, "expression") })
}

fn by_tier(value: &Value, url: &str) -> Vec<(String, i64)> {
    let parts = extension(value, url).and_then(|one| one.get("extension"));
    list(parts).filter_map(|part| Some((text(part, "url"), part.get("valueInteger")?.as_i64()?))).collect()
}

fn days_of(table: &[(String, i64)], tier: Option<&str>) -> Option<i64> {
    let tier = tier?;
    table.iter().find(|(own, _)| own == tier).map(|(_, days)| *days)
}

fn extension<'a>(value: &'a Value, url: &str) -> Option<&'a Value> {
    list(value.get("extension")).find(|one| one.get("url").and_then(Value::as_str) == Some(url))
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}
