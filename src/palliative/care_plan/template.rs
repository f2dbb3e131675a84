//! The template of the care plan. <https://hl7.org/fhir/R4/plandefinition.html>

use std::sync::Arc;

use serde_json::Value;

use crate::definitions::Definitions;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::palliative::care_plan::fact::Fact;
use crate::palliative::program::Program;
use crate::palliative::risk::intensity::Intensity;
pub use crate::palliative::rule_part::Condition as Trigger;
use crate::palliative::screening::Codes;
use crate::palliative::screening::Problem;
use crate::palliative::screening::Reading;
use crate::palliative::screening::document::Terminology;
use crate::palliative::screening::problem::in_one_line;
use crate::palliative::screening::with_terminology;
use crate::palliative::vocabulary::TEMPLATE;

/// All templates, compiled.
#[derive(Debug)]
pub struct Templates {
    list: Vec<Arc<Template>>,
}

/// A template.
#[derive(Clone, Debug)]
pub struct Template {
    /// Its canonical, with the version.
    pub canonical: String,
    /// Its id, which is part of the names of what it makes.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What its conditions are made of.
    pub facts: Vec<Fact>,
    /// Its rows.
    pub rows: Vec<Row>,
    /// What those at home are told to do, and when.
    pub advice: Vec<(String, String)>,
}

/// One row: goals and the activities that serve them.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// What it is about.
    pub title: String,
    /// The domain, 1 to 8.
    pub domain: String,
    /// When it belongs to the plan; always, where there is none.
    pub trigger: Option<Trigger>,
    /// The goals; none where the row only says what is assessed.
    pub goals: Vec<GoalTemplate>,
    /// The activities.
    pub activities: Vec<Activity>,
}

/// A goal of the template.
#[derive(Clone, Debug)]
pub struct GoalTemplate {
    /// The id of its action.
    pub id: String,
    /// When it belongs to its row.
    pub trigger: Option<Trigger>,
    /// What is to be reached.
    pub text: String,
    /// The category, as a CodeableConcept.
    pub category: Option<Value>,
    /// What is measured, as a CodeableConcept.
    pub measure: Option<Value>,
    /// The element that says which value is aimed at, and the value.
    pub detail: Option<(String, Value)>,
    /// Days until it is due.
    pub due: Option<Days>,
    /// When it is due sooner; the first that holds counts.
    pub sooner: Vec<(Trigger, i64)>,
    /// The observations in which the person says it in their own words.
    pub own_words: Option<Codes>,
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
    /// Whether it becomes a Task: work for somebody, with a day.
    pub becomes: Becomes,
    /// Within which time it is due.
    pub due: Option<Due>,
    /// Days between two times.
    pub every: Option<Days>,
    /// When it belongs to the plan.
    pub trigger: Option<Trigger>,
    /// Whether it brings a concern and a request for help beside its Task: it is about a social need.
    pub is_of_need: bool,
}

/// What an activity is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Becomes {
    /// A planned activity in the plan.
    Detail,
    /// A Task of its own.
    Task,
}

/// Within which time something is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// On the last of so many days.
    Days(Days),
    /// So many hours after it was asked for.
    Hours(i64),
}

/// A number of days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Days {
    /// Whatever the tier.
    Fixed(i64),
    /// As the tier has it.
    Tier(Cadence),
}

/// Which of the tier's cadences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cadence {
    /// Between assessments of symptoms and function.
    Reassess,
    /// From the start to the first assessments.
    Assess,
    /// Between assessments of the caregiver.
    Caregiver,
    /// From the start to the conversation on wishes.
    Acp,
}

impl Days {
    /// How many they are.
    pub fn of(self, intensity: &Intensity) -> i64 {
        match self {
            Self::Fixed(days) => days,
            Self::Tier(Cadence::Reassess) => intensity.reassess_days,
            Self::Tier(Cadence::Assess) => intensity.assess_days,
            Self::Tier(Cadence::Caregiver) => intensity.caregiver_days,
            Self::Tier(Cadence::Acp) => intensity.acp_days,
        }
    }
}

impl Cadence {
    /// The cadence with this code.
    pub fn parse(code: &str) -> Option<Self> {
        match code {
            "reassess" => Some(Self::Reassess),
            "assess" => Some(Self::Assess),
            "caregiver" => Some(Self::Caregiver),
            "acp" => Some(Self::Acp),
            _ => None,
        }
    }
}

impl Template {
    /// Reads a template of a client's. What it makes is named by its URL, so that a later edition goes on with it.
    ///
    /// # Errors
    /// Everything that is wrong, each with its place from the PlanDefinition on.
    pub fn own(plan: &Value, definitions: &Definitions, reading: Reading) -> Result<Self, Vec<Problem>> {
        let template = with_terminology(plan, (definitions, reading), |known| Self::read(plan, known))?;
        let url = template.canonical.split_once('|').map_or("", |(url, _)| url).to_owned();
        Ok(Self { id: url, ..template })
    }
}

impl Templates {
    /// Compiles the PlanDefinitions that are templates: those that have goals. Rule sets have none.
    ///
    /// # Errors
    /// A sentence that names the definition that is wrong.
    pub fn compile(definitions: &Definitions) -> Result<Self, String> {
        let terminology = Terminology::new(&definitions.value_sets, &definitions.code_systems)?;
        let plans = definitions.plan_definitions.values().filter(|plan| plan.get("goal").is_some());
        let read = |plan: &Value| {
            let template = Template::read(plan, &terminology).map(Arc::new);
            template.map_err(|problems| format!("{}: {}", plan["url"], in_one_line(&problems)))
        };
        Ok(Self { list: plans.map(read).collect::<Result<_, _>>()? })
    }

    /// The template of a programme: the one that it names, with or without a version, or ours.
    ///
    /// # Errors
    /// `BusinessRule` where the programme names one that is not here, or that cannot be used.
    pub fn of(&self, program: &Program) -> Result<Arc<Template>, Failure> {
        let wanted = program.care_plan_template.as_deref().unwrap_or(TEMPLATE);
        let own = program.template.as_ref().or_else(|| self.find(wanted));
        own.cloned().ok_or_else(|| {
            let text = format!(
                "The programme {} names the care-plan template {wanted}, which is not here or cannot be used; correct its \
                 `carePlanTemplate`, or store the template.",
                program.name
            );
            Failure::new(Reason::BusinessRule, text)
        })
    }

    /// The template of ours that a canonical names, with or without its version.
    pub fn find(&self, canonical: &str) -> Option<&Arc<Template>> {
        self.list.iter().find(|one| {
            let url = one.canonical.split_once('|').map_or(one.canonical.as_str(), |(url, _)| url);
            canonical == one.canonical || canonical == url
        })
    }
}
