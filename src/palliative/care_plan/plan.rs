//! The CarePlan: its rows decided, its goals and tasks made or found, the plan around them.
//! <https://hl7.org/fhir/R4/careplan.html>

use fhir_typed::Resource as Typed;
use fhir_typed::resources::CarePlan;
use fhir_typed::resources::CarePlanActivity;
use fhir_typed::resources::CarePlanActivityDetail;
use fhir_typed::resources::CarePlanActivityDetailScheduled;
use jiff::ToSpan;
use jiff::civil::Date;

use crate::fhir::datetime::instant;
use crate::fhir::outcome::Failure;
use crate::fhir::resource::Resource;
use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::items;
use crate::palliative::care_plan::items::Found;
use crate::palliative::care_plan::items::Item;
use crate::palliative::care_plan::reading::holds;
use crate::palliative::care_plan::reading::preferences;
use crate::palliative::care_plan::reading::problems;
use crate::palliative::care_plan::renewal::renewed;
use crate::palliative::care_plan::renewal::status_of;
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
use crate::palliative::enrollment::episode::Episode;
use crate::palliative::enrollment::facts::coded;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::state::State;
use crate::palliative::enrollment::tiers;
use crate::palliative::vocabulary::EPISODE_EXTENSION;
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
    let stored = Episode::of(planning.case.episode);
    let tier = tiers::on(planning.case.episode, planning.as_of).map(str::to_owned);
    let existing = find(planning);
    let began = existing.and_then(|plan| plan.text("/period/start")?.parse().ok());
    let start = began.or(stored.start()).unwrap_or(planning.as_of);
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
            Some(stored) => renewed(stored, &self.made(state)?, state),
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
            status: status_of(state).into(),
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
}
