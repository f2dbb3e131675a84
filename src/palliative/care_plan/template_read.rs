//! A template as a PlanDefinition: its facts, its rows, and what is printed with each plan.
//! <https://hl7.org/fhir/R4/plandefinition.html>
//!
//! Its actions are `items` (facts: criteria as in a rule set, the tier, the language), `rows` and `when`. A row names
//! its goal by `goalId`, or has actions of its own that do, each with its condition; its other actions are activities.
//! Everything that is wrong is told at once, each with its place.

use serde_json::Value;

use crate::palliative::care_plan::fact::Fact;
use crate::palliative::care_plan::template::Activity;
use crate::palliative::care_plan::template::GoalTemplate;
use crate::palliative::care_plan::template::Row;
use crate::palliative::care_plan::template::Template;
use crate::palliative::care_plan::template_part as read;
use crate::palliative::risk::series::SERIES;
use crate::palliative::rule_frame;
use crate::palliative::rule_part::Part;
use crate::palliative::rule_part::Shape;
use crate::palliative::rule_part::distinct;
use crate::palliative::rule_part::ids;
use crate::palliative::screening::Problem;
use crate::palliative::screening::document::CRITERION;
use crate::palliative::screening::document::Terminology;
use crate::palliative::screening::parameters::list;
use crate::palliative::screening::problem::noted;
use crate::palliative::vocabulary::CADENCE_EXTENSION;
use crate::palliative::vocabulary::DOMAIN_EXTENSION;
use crate::palliative::vocabulary::DUE_WHEN_EXTENSION;
use crate::palliative::vocabulary::OWN_WORDS_EXTENSION;
use crate::palliative::vocabulary::PLAN_FACT_EXTENSION;

const ITEM: Shape = Shape {
    elements: &["id", "extension", "title", "description", "documentation", "code"],
    extensions: &[CRITERION, SERIES, PLAN_FACT_EXTENSION],
};
const ROW: Shape = Shape {
    elements: &["id", "extension", "title", "description", "documentation", "goalId", "condition", "action"],
    extensions: &[DOMAIN_EXTENSION],
};
const AIM: Shape = Shape {
    elements: &["id", "title", "description", "documentation", "goalId", "condition"],
    extensions: &[],
};
const ACTIVITY: Shape = Shape {
    elements: &[
        "id",
        "extension",
        "title",
        "description",
        "textEquivalent",
        "code",
        "documentation",
        "type",
        "condition",
        "timingDuration",
        "timingTiming",
        "output",
    ],
    extensions: &[CADENCE_EXTENSION],
};
const WHEN: Shape = Shape { elements: &["id", "title", "textEquivalent", "documentation"], extensions: &[] };
const GOAL: Shape = Shape {
    elements: &["id", "extension", "category", "description", "documentation", "target"],
    extensions: &[OWN_WORDS_EXTENSION],
};
const TARGET: Shape = Shape {
    elements: &["extension", "measure", "detailQuantity", "detailCodeableConcept", "due"],
    extensions: &[CADENCE_EXTENSION, DUE_WHEN_EXTENSION],
};

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// Everything that is wrong, each with its place from the PlanDefinition on.
    pub fn read(plan: &Value, terminology: &Terminology) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader { plan, terminology, facts: Vec::new(), problems: Vec::new() };
        match reader.template() {
            Some(template) if reader.problems.is_empty() => Ok(template),
            Some(_) | None => Err(reader.problems),
        }
    }
}

struct Reader<'a> {
    plan: &'a Value,
    terminology: &'a Terminology<'a>,
    /// The ids of the facts, whether or not these can be read.
    facts: Vec<&'a str>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// Reads it as far as it can be read.
    fn template(&mut self) -> Option<Template> {
        rule_frame::check(self.plan, (&["items", "rows", "when"], &[]), &mut self.problems);
        let whole = Part { value: self.plan, at: String::new() };
        let mut text = |name: &str| {
            let missing = || Problem::new(name, format!("A template needs a `{name}`; give it one."));
            let text = self.plan[name].as_str().map(str::to_owned);
            noted(text.ok_or_else(missing), &mut self.problems)
        };
        let (url, version, title) = (text("url"), text("version"), text("title"));
        let items = self.part("items")?;
        self.facts = ids(&items);
        let facts = items.iter().map(|part| {
            part.check(&ITEM, &mut self.problems);
            noted(Fact::read(part, self.terminology), &mut self.problems)
        });
        let facts: Option<Vec<Fact>> = facts.collect::<Vec<_>>().into_iter().collect();
        distinct(items.iter(), &mut self.problems);
        self.goals();
        let rows = self.rows()?;
        let when = if list(self.plan, "action").any(|one| one["id"] == "when") {
            self.part("when")?
        } else {
            Vec::new()
        };
        let advice = when.iter().map(|part| {
            part.check(&WHEN, &mut self.problems);
            let said = part.text("title").and_then(|title| Ok((title, part.text("textEquivalent")?)));
            noted(said, &mut self.problems)
        });
        let advice: Option<Vec<_>> = advice.collect::<Vec<_>>().into_iter().collect();
        Some(Template {
            canonical: format!("{}|{}", url?, version?),
            id: whole.text("id").unwrap_or_default(),
            title: title?,
            advice: advice?,
            facts: facts?,
            rows: rows?,
        })
    }

    fn note<T>(&mut self, read: Result<T, Problem>) -> Option<T> {
        noted(read, &mut self.problems)
    }

    /// The actions below the one of this name.
    fn part(&mut self, id: &str) -> Option<Vec<Part<'a>>> {
        self.note(Part::action(self.plan, id).and_then(|part| part.inner("action")))
    }

    /// Looks at the goals, each of which an action names.
    fn goals(&mut self) {
        let Some(goals) = self.note(Part::all(self.plan, "goal")) else { return };
        let rows = list(self.plan, "action").filter(|one| one["id"] == "rows");
        let rows: Vec<&Value> = rows.flat_map(|one| list(one, "action")).collect();
        let actions = rows.iter().flat_map(|row| list(row, "action")).chain(rows.iter().copied());
        let named: Vec<&str> =
            actions.flat_map(|one| list(one, "goalId")).filter_map(Value::as_str).collect();
        for goal in &goals {
            goal.check(&GOAL, &mut self.problems);
            let targets = self.note(goal.inner("target")).unwrap_or_default();
            targets.iter().for_each(|target| target.check(&TARGET, &mut self.problems));
            if goal.value["id"].as_str().is_none_or(|id| !named.contains(&id)) {
                self.problems.push(
                    goal.wrong(
                        "No action names this goal by its `id`; name it in `goalId`, or leave it out.",
                    ),
                );
            }
        }
        distinct(goals.iter(), &mut self.problems);
    }

    /// The rows; none in place of the whole where one cannot be read.
    fn rows(&mut self) -> Option<Option<Vec<Row>>> {
        let parts = self.part("rows")?;
        if parts.is_empty() {
            return self.note(Err(Problem::new("action", "A template has one row at least; give it one.")));
        }
        let mut below: Vec<(Part<'a>, Vec<Part<'a>>)> = Vec::with_capacity(parts.len());
        for part in parts {
            let inner = self.note(part.inner("action")).unwrap_or_default();
            below.push((part, inner));
        }
        let is_aim = |part: &&Part| part.value.get("goalId").is_some();
        let all = || below.iter().flat_map(|(row, inner)| std::iter::once(row).chain(inner));
        let activities = below.iter().flat_map(|(_, inner)| inner).filter(|part| !is_aim(part));
        distinct(below.iter().map(|(row, _)| row), &mut self.problems);
        distinct(all().filter(is_aim), &mut self.problems);
        distinct(activities, &mut self.problems);
        let rows: Vec<Option<Row>> = below.iter().map(|(row, inner)| self.row(row, inner)).collect();
        Some(rows.into_iter().collect())
    }

    fn row(&mut self, part: &Part<'a>, inner: &[Part<'a>]) -> Option<Row> {
        part.check(&ROW, &mut self.problems);
        let (id, title) = (self.note(part.id()), self.note(part.text("title")));
        let domain = self.note(read::domain(part, self.terminology));
        let trigger = self.note(part.condition(&self.facts));
        let is_aim = |part: &&Part| part.value.get("goalId").is_some();
        let mut goals: Vec<Option<GoalTemplate>> = Vec::new();
        if is_aim(&part) {
            // Its condition is that of the row.
            let goal = self.goal(part);
            goals.push(goal.map(|goal| GoalTemplate { trigger: None, ..goal }));
        }
        let mut activities: Vec<Option<Activity>> = Vec::new();
        for one in inner {
            if is_aim(&one) {
                one.check(&AIM, &mut self.problems);
                goals.push(self.goal(one));
            } else {
                one.check(&ACTIVITY, &mut self.problems);
                activities.push(self.note(read::activity(one, &self.facts)));
            }
        }
        let (goals, activities): (Option<Vec<_>>, Option<Vec<_>>) =
            (goals.into_iter().collect(), activities.into_iter().collect());
        Some(Row {
            id: id?,
            title: title?,
            domain: domain?,
            trigger: trigger?,
            goals: goals?,
            activities: activities?,
        })
    }

    fn goal(&mut self, part: &Part<'a>) -> Option<GoalTemplate> {
        let goal = read::goal(self.plan, part, &self.facts);
        self.note(goal)
    }
}
