//! What a plan once had of a template, by the marks that it keeps of it. <https://hl7.org/fhir/R4/careplan.html>
//!
//! A mark names the template, whether it is a goal or another action, and the id: `palliative-careplan#goal#d4-money`. Two
//! templates may have an action of one name, and so may a goal and an activity of one template: what a plan has of the one
//! says nothing of the other. Marks of before have the id alone. They are of the template that made the plan, and of what
//! is there of that name; of another template they are where it has made what is there, and where nothing tells whose they
//! are. A goal that the person has set is named by itself, as no template has brought it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::fhir::resource::Resource;
use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::items::existing;
use crate::palliative::care_plan::items::existing_of;
use crate::palliative::care_plan::plan::PLAN;
use crate::palliative::enrollment::facts::list;
use crate::palliative::vocabulary::TEMPLATE_ACTION_EXTENSION;
use crate::palliative::vocabulary::TEMPLATE_ITEM_SYSTEM;

/// What is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    /// A goal.
    Goal,
    /// An activity, and what it brings beside its Task.
    Action,
}

/// What a plan once had of a template, whether or not a person has taken it out since.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Had {
    /// The ids of its goals.
    pub goals: BTreeSet<String>,
    /// The ids of its other actions, and of what these have brought.
    pub actions: BTreeSet<String>,
    /// The goals that the person has set, as `Goal/id`.
    pub own: BTreeSet<String>,
    /// Whether the plan is another template's, beside which this one adds to it.
    pub is_beside: bool,
}

impl Marked {
    /// What stands in a mark between the template and the id.
    fn word(self) -> &'static str {
        match self {
            Self::Goal => "#goal#",
            Self::Action => "#action#",
        }
    }
}

/// The mark of a goal or an action of the template.
pub fn mark(planning: &Planning, kind: Marked, id: &str) -> String {
    format!("{}{}{id}", planning.template.id, kind.word())
}

impl Had {
    /// What a plan once had of the template.
    pub fn of(planning: &Planning, plan: &Resource) -> Self {
        let marks: Vec<&str> = list(plan.get("extension"))
            .filter(|one| one["url"] == TEMPLATE_ACTION_EXTENSION)
            .filter_map(|one| one["valueCode"].as_str())
            .collect();
        let mut had = Self::default();
        if marks.is_empty() {
            had.add_what_is_there(planning, plan);
        }
        let other = template_of(plan).filter(|template| *template != planning.template.id);
        had.is_beside = other.is_some();
        for mark in marks {
            match read(mark) {
                Some((template, kind, id)) if template == planning.template.id => had.add(kind, id),
                Some(_) => {}
                None if mark.starts_with("Goal/") => {
                    had.own.insert(mark.to_owned());
                }
                None if other.is_some_and(|other| is_theirs(other, mark, (planning, plan))) => {}
                None => had.add_of_before(mark, (planning, plan)),
            }
        }
        had
    }

    /// The `id` of the plan's element for an action, which no other template's has.
    pub fn element_id(&self, planning: &Planning, id: &str) -> String {
        if self.is_beside { mark(planning, Marked::Action, id) } else { id.to_owned() }
    }

    fn add(&mut self, kind: Marked, id: &str) {
        let all = match kind {
            Marked::Goal => &mut self.goals,
            Marked::Action => &mut self.actions,
        };
        all.insert(id.to_owned());
    }

    /// Adds what a mark without its kind stands for. Where the template has both, what is there tells; where neither is
    /// there, a person has taken out what was, and none of them comes back.
    fn add_of_before(&mut self, id: &str, (planning, plan): (&Planning, &Resource)) {
        let first = id.split('/').next().unwrap_or_default();
        let mut rows = planning.template.rows.iter();
        let is_goal = rows.clone().flat_map(|row| &row.goals).any(|goal| goal.id == first);
        let is_action = rows.any(|row| row.activities.iter().any(|activity| activity.id == first));
        if !is_goal || !is_action {
            self.add(if is_goal { Marked::Goal } else { Marked::Action }, id);
            return;
        }
        let goal = existing(planning, "Goal", id).is_some();
        let planned = list(plan.get("activity")).any(|one| one["id"] == id);
        let action = planned || existing(planning, "Task", id).is_some();
        if goal || !action {
            self.add(Marked::Goal, id);
        }
        if action || !goal {
            self.add(Marked::Action, id);
        }
    }

    /// Adds what is there of the template, for a plan of before all marks.
    fn add_what_is_there(&mut self, planning: &Planning, plan: &Resource) {
        let described = |text: &str| {
            let mut all = list(plan.get("activity"));
            all.any(|one| one.pointer("/detail/description").is_some_and(|own| own == text))
        };
        for row in &planning.template.rows {
            for activity in &row.activities {
                if described(&activity.text) || existing(planning, "Task", &activity.id).is_some() {
                    self.add(Marked::Action, &activity.id);
                }
            }
            for goal in row.goals.iter().filter(|goal| existing(planning, "Goal", &goal.id).is_some()) {
                self.add(Marked::Goal, &goal.id);
            }
        }
    }
}

/// Whether a mark without its template is another's that made the plan, and not of this template as well.
fn is_theirs(other: &str, id: &str, (planning, plan): (&Planning, &Resource)) -> bool {
    let made = |template: &str| {
        let types = ["Goal", "Task", "Condition", "ServiceRequest"];
        types.into_iter().any(|ty| existing_of(planning, template, (ty, id)).is_some())
    };
    if made(&planning.template.id) {
        return false;
    }
    let own = |text: &str| {
        let rows = planning.template.rows.iter();
        rows.flat_map(|row| &row.activities).any(|activity| activity.id == id && activity.text == text)
    };
    let mut planned = list(plan.get("activity")).filter(|one| one["id"] == id);
    match planned.next() {
        Some(one) => one.pointer("/detail/description").and_then(Value::as_str).is_none_or(|text| !own(text)),
        None => made(other),
    }
}

/// The template, the kind and the id that a mark names; none where it names an id alone.
fn read(mark: &str) -> Option<(&str, Marked, &str)> {
    [Marked::Goal, Marked::Action].into_iter().find_map(|kind| {
        let (template, id) = mark.split_once(kind.word())?;
        Some((template, kind, id))
    })
}

/// The template that has made a plan, by the plan's identifier.
fn template_of(plan: &Resource) -> Option<&str> {
    let values = list(plan.get("identifier")).filter(|one| one["system"] == TEMPLATE_ITEM_SYSTEM);
    let mut values = values.filter_map(|one| one.get("value").and_then(Value::as_str));
    values.find_map(|value| Some(value.strip_suffix(PLAN)?.strip_suffix('/')?.split_once('/')?.1))
}
