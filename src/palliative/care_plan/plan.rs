//! The CarePlan: its rows decided, its goals and tasks made or found, the plan around them.
//! <https://hl7.org/fhir/R4/careplan.html>

use fhir_typed::Resource as Typed;
use fhir_typed::resources::CarePlan;
use fhir_typed::resources::CarePlanActivity;
use fhir_typed::resources::CarePlanActivityDetail;
use fhir_typed::resources::CarePlanActivityDetailScheduled;
use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::Value;
use serde_json::json;

use crate::fhir::datetime::instant;
use crate::fhir::outcome::Failure;
use crate::fhir::resource::Resource;
use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::items;
use crate::palliative::care_plan::items::Found;
use crate::palliative::care_plan::items::Item;
use crate::palliative::care_plan::template::Activity;
use crate::palliative::care_plan::template::Row;
use crate::palliative::care_plan::template::Trigger;
use crate::palliative::element::concept;
use crate::palliative::element::date_value;
use crate::palliative::element::extension;
use crate::palliative::element::narrative;
use crate::palliative::element::period;
use crate::palliative::element::reference;
use crate::palliative::element::reference_value;
use crate::palliative::element::written;
use crate::palliative::enrollment::companions::Deed;
use crate::palliative::enrollment::companions::acting;
use crate::palliative::enrollment::companions::provenance;
use crate::palliative::enrollment::drafts::Draft;
use crate::palliative::enrollment::drafts::Drafts;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::enroll::tier_of;
use crate::palliative::enrollment::episode;
use crate::palliative::enrollment::facts::coded;
use crate::palliative::enrollment::facts::codings;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::name;
use crate::palliative::enrollment::facts::version;
use crate::palliative::enrollment::state::State;
use crate::palliative::vocabulary::EPISODE_EXTENSION;
use crate::palliative::vocabulary::LOINC;
use crate::palliative::vocabulary::NEXT_REVIEW_EXTENSION;
use crate::palliative::vocabulary::PLAN_CATEGORY_SYSTEM;
use crate::palliative::vocabulary::US_CORE_PLAN_CATEGORY;

/// The action under which the plan itself is found again.
const PLAN: &str = "plan";

/// A plan that was made or found, with all that belongs to it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The CarePlan, as it is or would be.
    pub care_plan: Resource,
    /// Its goals from the template.
    pub goals: Vec<Found>,
    /// Its tasks from the template.
    pub tasks: Vec<Found>,
    /// The template's actions that were left out, with the reason.
    pub skipped: Vec<(String, String)>,
    /// What to write.
    pub drafts: Vec<Draft>,
}

impl Plan {
    /// What a person has edited, and what was left as it is.
    pub fn edited(&self) -> impl Iterator<Item = &str> {
        let all = self.goals.iter().chain(&self.tasks);
        all.filter(|found| found.item == Item::Edited).map(|found| found.name.as_str())
    }
}

/// Makes the plan of an episode, or brings the one that is there up to the template.
///
/// # Errors
/// 409 `invalid-transition` unless the person has agreed and the episode is open.
pub fn make(planning: &Planning) -> Result<Plan, Failure> {
    let state = planning.case.state()?;
    if !matches!(state, State::Consented | State::Waitlisted | State::Enrolled | State::OnHold) {
        let text = format!("A care plan is made from the agreement on; the episode is {}.", state.code());
        return Err(coded(crate::fhir::outcome::Reason::Conflict, "invalid-transition", text));
    }
    let stored = episode::typed(planning.case.episode)?;
    let tier = tier_of(&stored.extension).map(str::to_owned);
    let existing = find(planning);
    let began = existing.and_then(|plan| plan.text("/period/start")?.parse().ok());
    let start = began.or(episode::start(&stored)).unwrap_or(planning.as_of);
    let mut making = Making::new(planning, start, tier);
    for row in &planning.template.rows {
        making.row(row)?;
    }
    making.finish(existing, state)
}

/// The plan of the episode, where there is one.
pub fn find<'a>(planning: &Planning<'a>) -> Option<&'a Resource> {
    items::existing(planning, "CarePlan", PLAN)
}

struct Making<'a> {
    planning: &'a Planning<'a>,
    start: Date,
    tier: Option<String>,
    names: Drafts,
    goals: Vec<Found>,
    tasks: Vec<Found>,
    activities: Vec<CarePlanActivity>,
    lines: Vec<String>,
    skipped: Vec<(String, String)>,
}

impl<'a> Making<'a> {
    fn new(planning: &'a Planning<'a>, start: Date, tier: Option<String>) -> Self {
        Self {
            planning,
            start,
            tier,
            names: Drafts::default(),
            goals: Vec::new(),
            tasks: Vec::new(),
            activities: Vec::new(),
            lines: Vec::new(),
            skipped: Vec::new(),
        }
    }

    fn row(&mut self, row: &Row) -> Result<(), Failure> {
        if !self.belongs(&row.id, row.trigger.as_ref()) {
            return Ok(());
        }
        let name = self.names.name();
        let goal = items::goal(self.planning, row, (self.start, self.tier.as_deref()), name)?;
        let words = goal.resource.text("/description/text").unwrap_or(&row.goal.text).to_owned();
        self.lines.push(format!("Goal: {words}"));
        for activity in &row.activities {
            if self.belongs(&activity.id, activity.trigger.as_ref()) {
                self.activity(row, activity, &goal.name)?;
                self.lines.push(format!("– {}", activity.text));
            }
        }
        self.goals.push(goal);
        Ok(())
    }

    fn activity(&mut self, row: &Row, activity: &Activity, goal: &str) -> Result<(), Failure> {
        let name = self.names.name();
        let mut entry =
            CarePlanActivity { extension: vec![items::domain(&row.domain)], ..Default::default() };
        match items::work(self.planning, (row, activity), self.start, name)? {
            Some(task) => {
                entry.reference = Some(reference(&task.name));
                self.tasks.push(task);
            }
            None => entry.detail = Some(self.detail(activity, goal)),
        }
        self.activities.push(entry);
        Ok(())
    }

    fn detail(&self, activity: &Activity, goal: &str) -> CarePlanActivityDetail {
        let due = activity.due.and_then(|days| self.start.checked_add(days.days()).ok());
        CarePlanActivityDetail {
            code: items::activity_code(activity),
            status: "not-started".into(),
            description: Some(activity.text.as_str().into()),
            goal: vec![*reference(goal)],
            scheduled: due
                .map(|due| CarePlanActivityDetailScheduled::Period(period(Some(self.start), Some(due)))),
            ..CarePlanActivityDetail::default()
        }
    }

    /// Whether an action of the template belongs to the plan; where not, the reason is kept.
    fn belongs(&mut self, id: &str, trigger: Option<&Trigger>) -> bool {
        let Some(trigger) = trigger else { return true };
        let holds = holds(self.planning, self.tier.as_deref(), &trigger.expression);
        let reason = match holds {
            Some(true) => return true,
            Some(false) => format!("does not hold: {}", trigger.words),
            None => format!("is for a clinician to judge for now: {}", trigger.words),
        };
        self.skipped.push((id.to_owned(), reason));
        false
    }

    fn finish(mut self, existing: Option<&Resource>, state: State) -> Result<Plan, Failure> {
        let name = self.names.name();
        let (care_plan, place) = match existing {
            None => {
                let made = self.made(state)?;
                (made, Some(items::new_place(self.planning, &name, PLAN)))
            }
            Some(stored) => self.renewed(stored, state)?,
        };
        let name = existing.map_or(name, crate::palliative::enrollment::facts::name);
        let mut drafts: Vec<Draft> = Vec::new();
        for found in self.goals.iter().chain(&self.tasks) {
            if let Item::Write(resource, place) = &found.item {
                drafts.push(Draft { resource: resource.clone(), place: place.clone() });
            }
        }
        drafts.extend(place.map(|place| Draft { resource: care_plan.clone(), place }));
        if !drafts.is_empty() {
            drafts.push(self.deed(name)?);
        }
        Ok(Plan { care_plan, goals: self.goals, tasks: self.tasks, skipped: self.skipped, drafts })
    }

    /// Who wrote the plan, and its goals.
    fn deed(&mut self, plan: String) -> Result<Draft, Failure> {
        let written =
            self.goals.iter().chain(&self.tasks).filter(|found| matches!(found.item, Item::Write(..)));
        let targets = std::iter::once(plan).chain(written.map(|found| found.name.clone())).collect();
        let deed = Deed { action: "care-plan", on: self.planning.as_of, reasons: Vec::new(), targets };
        let made = provenance(self.planning.case, deed);
        let name = self.names.name();
        Ok(Draft {
            resource: crate::palliative::element::written(Typed::Provenance(Box::new(made)))?,
            place: Place::New(name),
        })
    }

    fn made(&self, state: State) -> Result<Resource, Failure> {
        let (planning, case) = (self.planning, self.planning.case);
        let review = planning.template.review_days(self.tier.as_deref());
        let review = planning.as_of.checked_add(review.days()).unwrap_or(planning.as_of);
        let plan = CarePlan {
            identifier: vec![items::identifier(planning, PLAN)],
            extension: vec![
                extension(EPISODE_EXTENSION, reference_value(&case.episode_name())),
                extension(NEXT_REVIEW_EXTENSION, date_value(review)),
            ],
            instantiates_canonical: vec![planning.template.canonical.as_str().into()],
            status: status(state).into(),
            intent: "plan".into(),
            category: vec![
                *concept(US_CORE_PLAN_CATEGORY, "assess-plan", "Assessment and Plan of Treatment"),
                *concept(PLAN_CATEGORY_SYSTEM, "palliative", "Palliative care plan"),
            ],
            title: Some(planning.template.title.as_str().into()),
            subject: reference(case.patient()),
            period: Some(period(Some(self.start), None)),
            created: Some(instant(case.now).into()),
            author: Some(acting(case)),
            contributor: case.program.organization.iter().map(|to| *reference(to)).collect(),
            care_team: list(case.episode.get("team"))
                .filter_map(|team| Some(*reference(team.get("reference")?.as_str()?)))
                .collect(),
            addresses: problems(planning).map(|problem| *reference(&problem)).collect(),
            supporting_info: preferences(planning).map(|one| *reference(&one)).collect(),
            goal: self.goals.iter().map(|goal| *reference(&goal.name)).collect(),
            activity: self.activities.clone(),
            text: Some(narrative(&self.paragraphs())),
            ..CarePlan::default()
        };
        written(Typed::CarePlan(Box::new(plan)))
    }

    fn paragraphs(&self) -> Vec<String> {
        let head = format!("{}, from {}.", self.planning.template.title, self.start);
        std::iter::once(head).chain(self.lines.iter().cloned()).collect()
    }

    /// The plan that is there, with what the template has added since. All else in it is a person's own.
    fn renewed(&self, stored: &Resource, state: State) -> Result<(Resource, Option<Place>), Failure> {
        let made = self.made(state)?;
        let mut plan = stored.clone();
        let known = |list_name: &str, pointer: &str, one: &Value| {
            list(stored.get(list_name)).any(|own| own.pointer(pointer) == one.pointer(pointer))
        };
        let is_new_activity = |one: &&Value| match one.get("reference") {
            Some(_) => !known("activity", "/reference/reference", one),
            None => !known("activity", "/detail/description", one),
        };
        let goals: Vec<Value> =
            list(made.get("goal")).filter(|one| !known("goal", "/reference", one)).cloned().collect();
        // Where no goal is new the template has nothing new, and an activity that is gone was taken out by a person.
        let activities: Vec<Value> = if goals.is_empty() {
            Vec::new()
        } else {
            list(made.get("activity")).filter(is_new_activity).cloned().collect()
        };
        let starts = stored.text("/status") == Some("draft") && status(state) == "active";
        if goals.is_empty() && !starts {
            return Ok((plan, None));
        }
        for (name, added) in [("goal", goals), ("activity", activities)] {
            let all: Vec<Value> = list(stored.get(name)).cloned().chain(added).collect();
            if !all.is_empty() {
                plan.object_mut().insert(name.to_owned(), Value::Array(all));
            }
        }
        if starts {
            plan.object_mut().insert("status".to_owned(), json!("active"));
        }
        plan.object_mut().insert("text".to_owned(), made.get("text").cloned().unwrap_or_default());
        Ok((plan, Some(Place::Existing(version(stored)))))
    }
}

fn status(state: State) -> &'static str {
    match state {
        State::Enrolled => "active",
        State::OnHold => "on-hold",
        _ => "draft",
    }
}

/// Whether a condition of the template holds; none where nothing here can tell.
fn holds(planning: &Planning, tier: Option<&str>, expression: &str) -> Option<bool> {
    let clauses: Vec<Option<bool>> =
        expression.split(" or ").map(|clause| clause_holds(planning, tier, clause)).collect();
    if clauses.contains(&Some(true)) {
        return Some(true);
    }
    clauses.into_iter().collect::<Option<Vec<bool>>>().map(|_| false)
}

fn clause_holds(planning: &Planning, tier: Option<&str>, clause: &str) -> Option<bool> {
    if let Some(least) = clause.strip_prefix("tier >= ") {
        let number: u8 = tier?.strip_prefix("tier-")?.parse().ok()?;
        return Some(number >= least.trim().parse().ok()?);
    }
    if let Some(language) = clause.strip_prefix("language != ") {
        let spoken = preferred_language(planning)?;
        return Some(spoken != language && !spoken.starts_with(&format!("{language}-")));
    }
    None
}

fn preferred_language(planning: &Planning) -> Option<String> {
    let patient = planning.case.chart.find(planning.case.patient())?;
    let spoken: Vec<&Value> = list(patient.get("communication")).collect();
    let preferred = |one: &&&Value| one.get("preferred").and_then(Value::as_bool) == Some(true);
    let one = spoken.iter().find(preferred).or(if spoken.len() == 1 { spoken.first() } else { None })?;
    codings(one.get("language")).next().map(|(_, code)| code.to_owned())
}

/// The active problems of the problem list; a diagnosis of one visit is none.
fn problems<'a>(planning: &'a Planning) -> impl Iterator<Item = String> + use<'a> {
    let of_list = |problem: &&Resource| {
        list(problem.get("category")).any(|category| {
            codings(Some(category)).any(|(_, code)| matches!(code, "problem-list-item" | "health-concern"))
        })
    };
    let active = |problem: &&Resource| {
        codings(problem.get("clinicalStatus"))
            .any(|(_, code)| matches!(code, "active" | "recurrence" | "relapse"))
            && !codings(problem.get("verificationStatus"))
                .any(|(_, code)| matches!(code, "refuted" | "entered-in-error"))
    };
    planning.case.chart.of("Condition").filter(of_list).filter(active).map(name)
}

/// The observations that record what the person prefers.
pub fn preferences<'a>(planning: &'a Planning) -> impl Iterator<Item = String> + use<'a> {
    let recorded = |one: &&Resource| {
        matches!(one.text("/status"), Some("final" | "amended" | "corrected"))
            && codings(one.get("code"))
                .any(|(system, code)| system == LOINC && matches!(code, "75773-2" | "95541-9"))
    };
    planning.case.chart.of("Observation").filter(recorded).map(name)
}
