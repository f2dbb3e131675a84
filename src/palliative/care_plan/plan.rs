//! The rows of a plan: which belong to it, their goals and activities made or found.
//! <https://hl7.org/fhir/R4/careplan.html>

use std::collections::BTreeSet;

use fhir_typed::resources::CarePlanActivity;
use jiff::civil::Date;

use crate::fhir::outcome::Failure;
use crate::fhir::outcome::Reason;
use crate::fhir::reference::unversioned;
use crate::fhir::resource::Resource;
use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::activity;
use crate::palliative::care_plan::episode_of;
use crate::palliative::care_plan::fact::Because;
use crate::palliative::care_plan::fact::Facts;
use crate::palliative::care_plan::goal;
use crate::palliative::care_plan::goal::Aim;
use crate::palliative::care_plan::had;
use crate::palliative::care_plan::had::Marked;
use crate::palliative::care_plan::items;
use crate::palliative::care_plan::items::Found;
use crate::palliative::care_plan::items::Item;
use crate::palliative::care_plan::items::Work;
use crate::palliative::care_plan::reading::is_in_own_words;
use crate::palliative::care_plan::reading::is_open;
use crate::palliative::care_plan::renewal;
use crate::palliative::care_plan::template::Becomes;
use crate::palliative::care_plan::template::Row;
use crate::palliative::care_plan::template::Trigger;
use crate::palliative::enrollment::drafts::Draft;
use crate::palliative::enrollment::drafts::Drafts;
use crate::palliative::enrollment::episode::Episode;
use crate::palliative::enrollment::facts::coded;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::name as name_of;
use crate::palliative::enrollment::state::State;
use crate::palliative::screening::Situation;
use crate::palliative::vocabulary::TEMPLATE_ITEM_SYSTEM;

/// The action under which the plan itself is found again.
pub(super) const PLAN: &str = "plan";

/// A plan that was made or found, with all that belongs to it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The CarePlan, as it is or would be.
    pub care_plan: Resource,
    /// Its goals from the template.
    pub goals: Vec<Found>,
    /// Its tasks from the template.
    pub tasks: Vec<Found>,
    /// The concerns and requests of social needs.
    pub needs: Vec<Found>,
    /// The template's actions that were left out, with the reason.
    pub skipped: Vec<(String, String)>,
    /// The ids of those of them whose condition rests on what is kept from the patient.
    pub closed: BTreeSet<String>,
    /// What to write.
    pub drafts: Vec<Draft>,
    /// What could not be used, in sentences.
    pub warnings: Vec<String>,
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
pub fn make(planning: &Planning, situation: &Situation) -> Result<Plan, Failure> {
    let state = planning.case.state()?;
    if !matches!(state, State::Consented | State::Waitlisted | State::Enrolled | State::OnHold) {
        let text = format!("A care plan is made from the agreement on; the episode is {}.", state.code());
        return Err(coded(Reason::Conflict, "invalid-transition", text));
    }
    let stored = find(planning);
    if let Some(ended) = stored.filter(|plan| renewal::is_ended(plan)) {
        return Ok(as_it_ended(ended));
    }
    let facts = Facts::of(planning, situation);
    let mut making = Making::new(planning, &facts, stored);
    for row in &planning.template.rows {
        making.row(row)?;
    }
    making.own_goals(stored);
    making.finish(stored, state)
}

/// The plan of the episode, where there is one: the one that holds, whoever has made it, else the one that the template
/// made and that was ended.
pub fn find<'a>(planning: &Planning<'a>) -> Option<&'a Resource> {
    let made = items::existing(planning, "CarePlan", PLAN);
    let episode = planning.case.episode.id();
    let holds = |plan: &&Resource| episode.is_some() && episode_of(plan) == episode;
    made.filter(holds).or_else(|| planning.case.chart.of("CarePlan").find(holds)).or(made)
}

/// A plan that a person has ended stays ended.
fn as_it_ended(plan: &Resource) -> Plan {
    let status = plan.text("/status").unwrap_or_default();
    let reason = format!("The plan is {status}. To go on with it, set its status to active.");
    Plan {
        care_plan: plan.clone(),
        goals: Vec::new(),
        tasks: Vec::new(),
        needs: Vec::new(),
        skipped: vec![(PLAN.to_owned(), reason)],
        closed: BTreeSet::new(),
        drafts: Vec::new(),
        warnings: Vec::new(),
    }
}

/// A plan in the making.
pub(super) struct Making<'a> {
    pub(super) planning: &'a Planning<'a>,
    facts: &'a Facts<'a>,
    pub(super) start: Date,
    /// From when on rows count that always belong to the plan.
    always: Date,
    /// What the plan once had of the template.
    pub(super) had: had::Had,
    pub(super) names: Drafts,
    pub(super) goals: Vec<Found>,
    pub(super) tasks: Vec<Found>,
    pub(super) needs: Vec<Found>,
    pub(super) skipped: Vec<(String, String)>,
    pub(super) closed: BTreeSet<String>,
    /// What is new in the plan: goals, activities, the marks of both, and the evidence for them.
    pub(super) new_goals: Vec<String>,
    pub(super) activities: Vec<CarePlanActivity>,
    pub(super) marks: Vec<String>,
    pub(super) evidence: Vec<String>,
}

impl<'a> Making<'a> {
    fn new(planning: &'a Planning<'a>, facts: &'a Facts<'a>, stored: Option<&Resource>) -> Self {
        let began = stored.and_then(|plan| plan.text("/period/start")?.parse().ok());
        let start = began.or(Episode::of(planning.case.episode).start()).unwrap_or(planning.as_of);
        Self {
            planning,
            facts,
            start,
            always: if stored.is_some() { planning.as_of } else { start },
            had: stored.map(|plan| had::Had::of(planning, plan)).unwrap_or_default(),
            names: Drafts::default(),
            goals: Vec::new(),
            tasks: Vec::new(),
            needs: Vec::new(),
            skipped: Vec::new(),
            closed: BTreeSet::new(),
            new_goals: Vec::new(),
            activities: Vec::new(),
            marks: Vec::new(),
            evidence: Vec::new(),
        }
    }

    fn row(&mut self, row: &Row) -> Result<(), Failure> {
        let Some(because) = self.belongs(&row.id, row.trigger.as_ref()) else { return Ok(()) };
        let of_need = row.activities.iter().find(|activity| activity.is_of_need);
        let need = of_need.map(|activity| self.need(activity, &because)).transpose()?.flatten();
        let mut names = Vec::new();
        for goal in &row.goals {
            // Where the goals of a row have conditions of their own, these say why better than that of the row.
            let Some(own) = self.belongs(&goal.id, goal.trigger.as_ref()) else { continue };
            let goal = if of_need.is_some() { &self.goal_again(goal, need.as_ref()) } else { goal };
            let because = if goal.trigger.is_some() { &own } else { &because };
            let since = if row.trigger.is_some() { self.planning.as_of } else { self.always };
            let aim = Aim {
                row,
                goal,
                since,
                because,
                need: need.as_ref().map(|need| need.name.as_str()),
                facts: self.facts,
            };
            names.extend(self.goal(aim)?);
        }
        let request = of_need.zip(need.as_ref());
        let request = request.map(|(one, need)| self.request((one, &because), need, &names));
        let request = request.transpose()?.flatten();
        for activity in &row.activities {
            let based_on = request.as_ref().filter(|_| activity.is_of_need);
            let anew = based_on.and_then(|asked| asked.anew.as_deref());
            let based_on = based_on.map(|asked| asked.name.as_str());
            if let Some(own) = self.belongs(&activity.id, activity.trigger.as_ref()) {
                let triggered = row.trigger.is_some() || activity.trigger.is_some();
                let because = if activity.trigger.is_some() { &own } else { &because };
                let since = if triggered { self.planning.as_of } else { self.always };
                self.activity(Work { row, activity, since, because, based_on, anew }, &names)?;
            }
        }
        Ok(())
    }

    /// Why an action belongs to the plan; none where it does not, and then the reason is kept.
    fn belongs(&mut self, id: &str, trigger: Option<&Trigger>) -> Option<Because> {
        match self.facts.holds(trigger) {
            Ok(because) => Some(because),
            Err(reason) => {
                self.skipped.push((id.to_owned(), reason));
                self.closed.extend(self.facts.is_restricted(trigger).then(|| id.to_owned()));
                None
            }
        }
    }

    /// The name of the goal; none where a person has taken it out.
    fn goal(&mut self, aim: Aim) -> Result<Option<String>, Failure> {
        let id = &aim.goal.id;
        let had = self.had.goals.contains(id);
        if had && items::existing(self.planning, "Goal", id).is_none() {
            self.taken_out(id);
            return Ok(None);
        }
        let name = self.names.name();
        let found = goal::goal(self.planning, aim, name)?;
        let name = found.name.clone();
        if !had {
            self.new_goals.push(name.clone());
            self.added((Marked::Goal, id), aim.because);
        }
        self.goals.push(found);
        Ok(Some(name))
    }

    fn activity(&mut self, work: Work, goals: &[String]) -> Result<(), Failure> {
        let id = &items::asked(work);
        let had = self.had.actions.contains(id);
        if let Some(before) = items::asked_before(work, &self.had.actions).filter(|_| !had).map(str::to_owned)
        {
            match items::existing(self.planning, "Task", &before) {
                Some(stored) => self.tasks.push(items::as_it_is(stored)),
                None => self.taken_out(&before),
            }
            return Ok(());
        }
        match work.activity.becomes {
            Becomes::Detail if had => {}
            Becomes::Detail => self.put(activity::planned(self.planning, work, goals)),
            Becomes::Task if had && items::existing(self.planning, "Task", id).is_none() => {
                self.taken_out(id)
            }
            Becomes::Task => {
                let name = self.names.name();
                let task = items::work(self.planning, work, name)?;
                if !had {
                    self.put(activity::referring(work, &task));
                }
                self.tasks.push(task);
            }
        }
        if !had {
            self.added((Marked::Action, id), work.because);
        }
        Ok(())
    }

    fn put(&mut self, made: CarePlanActivity) {
        let id = made.id.as_ref().map(|id| self.had.element_id(self.planning, id));
        self.activities.push(CarePlanActivity { id, ..made });
    }

    fn added(&mut self, (kind, id): (Marked, &str), because: &Because) {
        self.marks.push(had::mark(self.planning, kind, id));
        let new: Vec<String> =
            because.evidence.iter().filter(|one| !self.evidence.contains(one)).cloned().collect();
        self.evidence.extend(new);
    }

    pub(super) fn taken_out(&mut self, id: &str) {
        self.skipped.push((id.to_owned(), "A person has taken it out of the plan.".to_owned()));
    }

    /// The goals that the person, or somebody close, has set: the plan takes them in as they are.
    fn own_goals(&mut self, stored: Option<&Resource>) {
        let ours =
            |goal: &Resource| list(goal.get("identifier")).any(|one| one["system"] == TEMPLATE_ITEM_SYSTEM);
        let goals = self.planning.case.chart.of("Goal");
        let own = goals.filter(|goal| is_in_own_words(goal) && is_open(goal) && !ours(goal)).map(name_of);
        let known = |name: &String| {
            let goals = list(stored.and_then(|plan| plan.get("goal")));
            goals.into_iter().any(|one| one["reference"].as_str().map(unversioned) == Some(name.as_str()))
        };
        let new: Vec<String> = own.filter(|name| !self.had.own.contains(name) && !known(name)).collect();
        self.marks.extend(new.iter().cloned());
        self.new_goals.extend(new);
    }
}
