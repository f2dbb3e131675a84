//! The CarePlan around its rows: made, or brought up to what is new; with the page, and the record of who wrote it.
//! <https://hl7.org/fhir/R4/careplan.html>

use std::collections::BTreeSet;

use fhir_typed::Resource as Typed;
use fhir_typed::resources::CarePlan;
use serde_json::Value;

use crate::fhir::datetime::instant;
use crate::fhir::outcome::Failure;
use crate::fhir::resource::Resource;
use crate::palliative::care_plan::items;
use crate::palliative::care_plan::items::Item;
use crate::palliative::care_plan::need;
use crate::palliative::care_plan::orders;
use crate::palliative::care_plan::plan::Making;
use crate::palliative::care_plan::plan::PLAN;
use crate::palliative::care_plan::plan::Plan;
use crate::palliative::care_plan::printed::Printed;
use crate::palliative::care_plan::reading::problems;
use crate::palliative::care_plan::renewal;
use crate::palliative::care_plan::wishes::Wishes;
use crate::palliative::element::concept;
use crate::palliative::element::extension;
use crate::palliative::element::period;
use crate::palliative::element::plain_code;
use crate::palliative::element::reference;
use crate::palliative::element::reference_value;
use crate::palliative::element::written;
use crate::palliative::enrollment::companions::Deed;
use crate::palliative::enrollment::companions::acting;
use crate::palliative::enrollment::companions::provenance;
use crate::palliative::enrollment::drafts::Draft;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::name as name_of;
use crate::palliative::enrollment::facts::version;
use crate::palliative::enrollment::state::State;
use crate::palliative::record::is_labelled;
use crate::palliative::screening::report::WITHHELD;
use crate::palliative::vocabulary::EPISODE_EXTENSION;
use crate::palliative::vocabulary::PLAN_CATEGORY_SYSTEM;
use crate::palliative::vocabulary::TEMPLATE_ACTION_EXTENSION;
use crate::palliative::vocabulary::US_CORE_PLAN_CATEGORY;

impl Making<'_> {
    /// The plan with all that is to be written.
    ///
    /// # Errors
    /// `Internal` where a required element is missing.
    pub(super) fn finish(mut self, stored: Option<&Resource>, state: State) -> Result<Plan, Failure> {
        let wishes = Wishes::of(self.planning);
        let added = self.made(state, &wishes)?;
        let name = stored.map_or_else(|| self.names.name(), name_of);
        let mut drafts: Vec<Draft> = Vec::new();
        for found in self.needs.iter().chain(&self.goals).chain(&self.tasks) {
            if let Item::Write(resource, place) = &found.item {
                drafts.push(Draft { resource: resource.clone(), place: place.clone() });
            }
        }
        drafts.extend(orders::drafts(self.planning, &wishes, &mut self.names)?);
        let (mut care_plan, place) = match stored {
            None => (added, Some(items::new_place(self.planning, &name, PLAN))),
            Some(stored) => {
                let mut plan = stored.clone();
                let adopted = renewal::adopt(&mut plan, &added);
                let extended = renewal::extend(&mut plan, &added, state);
                let moved = renewal::follow_tier(self.planning, &mut plan);
                let place = (adopted || extended || moved).then(|| Place::Existing(version(stored)));
                (plan, place)
            }
        };
        // What is printed also changes where nothing else of the plan does: an order, a name, the end of a goal.
        let printed = self.print(&mut care_plan, &wishes);
        let place = place.or_else(|| {
            let stored = stored.filter(|_| printed)?;
            Some(Place::Existing(version(stored)))
        });
        drafts.extend(place.map(|place| Draft { resource: care_plan.clone(), place }));
        if !drafts.is_empty() {
            drafts.push(self.deed(name)?);
        }
        let Self { goals, tasks, needs, skipped, closed, .. } = self;
        Ok(Plan { care_plan, goals, tasks, needs, skipped, closed, drafts, warnings: Vec::new() })
    }

    /// Writes the page anew, unless a person has written it; whether it is another than before.
    fn print(&self, plan: &mut Resource, wishes: &Wishes) -> bool {
        if plan.text("/text/status").is_some_and(|status| status != "generated") {
            return false;
        }
        let names = list(plan.get("goal")).filter_map(|goal| goal["reference"].as_str());
        let goals: Vec<&Resource> =
            names.filter_map(|name| items::referred(self.planning, &self.goals, name)).collect();
        // A task stays in the plan where its row no longer holds, and so on the page.
        let names =
            list(plan.get("activity")).filter_map(|one| one.pointer("/reference/reference")?.as_str());
        let tasks: Vec<(&str, &Resource)> = names
            .filter_map(|name| Some((name, items::referred(self.planning, &self.tasks, name)?)))
            .filter(|(_, task)| task.ty().name() == "Task")
            .collect();
        let printed = Printed { plan, goals: &goals, tasks: &tasks, wishes };
        let text = printed.text(self.planning);
        let differs = plan.get("text") != Some(&text);
        plan.object_mut().insert("text".to_owned(), text);
        differs
    }

    /// Who wrote the plan, and its goals.
    fn deed(&mut self, plan: String) -> Result<Draft, Failure> {
        let all = self.needs.iter().chain(&self.goals).chain(&self.tasks);
        let new = all.filter(|found| matches!(found.item, Item::Write(..)));
        let targets = std::iter::once(plan).chain(new.map(|found| found.name.clone())).collect();
        let deed = Deed { action: "care-plan", on: self.planning.as_of, reasons: Vec::new(), targets };
        let made = provenance(self.planning.case, deed);
        let name = self.names.name();
        Ok(Draft { resource: written(Typed::Provenance(Box::new(made)))?, place: Place::New(name) })
    }

    /// What is new as a plan of its own.
    fn made(&self, state: State, wishes: &Wishes) -> Result<Resource, Failure> {
        let (planning, case) = (self.planning, self.planning.case);
        let marks = self.marks.iter().map(|mark| extension(TEMPLATE_ACTION_EXTENSION, plain_code(mark)));
        let episode = extension(EPISODE_EXTENSION, reference_value(&case.episode_name()));
        let problems: Vec<String> = problems(planning).map(name_of).collect();
        let (needs, evidence): (Vec<&String>, Vec<&String>) =
            self.evidence.iter().partition(|one| one.starts_with("Condition/"));
        let concerns = self.needs.iter().filter(|one| one.resource.ty().name() == "Condition");
        let needs = needs
            .into_iter()
            .chain(concerns.filter(|one| !need::is_over(&one.resource)).map(|one| &one.name))
            .filter(|one| !problems.contains(one))
            .cloned()
            .collect::<BTreeSet<_>>();
        let mut wishes = wishes.sources();
        wishes.retain(|name| !case.chart.find(name).is_some_and(is_labelled));
        let supporting = evidence.into_iter().filter(|one| !wishes.contains(one)).chain(&wishes);
        let plan = CarePlan {
            meta: Some(items::claim("us-core-careplan")),
            identifier: vec![items::identifier(planning, PLAN)],
            extension: std::iter::once(episode).chain(marks).collect(),
            instantiates_canonical: vec![planning.template.canonical.as_str().into()],
            status: renewal::status_of(state).into(),
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
            supporting_info: supporting.map(|one| *reference(one)).collect(),
            goal: self.new_goals.iter().map(|goal| *reference(goal)).collect(),
            activity: self.activities.clone(),
            addresses: problems.iter().cloned().chain(needs).map(|one| *reference(&one)).collect(),
            ..CarePlan::default()
        };
        let mut made = written(Typed::CarePlan(Box::new(plan)))?;
        if let Some(Value::Array(extensions)) = made.object_mut().get_mut("extension") {
            extensions.extend(renewal::review(planning, planning.tier(), planning.as_of));
        }
        Ok(made)
    }
}

impl Plan {
    /// Tells a patient of what is left out that it is, and not of what is kept to the care team why.
    pub fn withhold(&mut self) {
        for (_, reason) in self.skipped.iter_mut().filter(|(action, _)| self.closed.contains(action)) {
            WITHHELD.clone_into(reason);
        }
    }
}
