//! The care plan of an episode: the template made into a CarePlan, Goals and Tasks, and what a plan still lacks.
//! <https://hl7.org/fhir/R4/careplan.html>

mod activity;
pub mod completeness;
mod document;
pub mod fact;
mod filed;
mod goal;
mod had;
pub mod items;
mod need;
mod orders;
mod page;
pub mod plan;
mod printed;
pub mod reading;
pub mod renewal;
pub mod team;
pub mod template;
mod template_part;
mod template_read;
pub mod wishes;

#[cfg(test)]
pub mod tests;

use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::reference::Reference;
use crate::fhir::resource::Resource;
use crate::palliative::care_plan::template::Template;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::has_coding;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::tiers;
use crate::palliative::gaps::assessments::Assessments;
use crate::palliative::risk::Algorithm;
use crate::palliative::risk::intensity::Intensity;
use crate::palliative::risk::tier::Tier;
use crate::palliative::vocabulary::EPISODE_EXTENSION;
use crate::palliative::vocabulary::PLAN_CATEGORY_SYSTEM;

/// The id of the episode for which a plan holds. A plan that was ended holds for none, nor does what is only suggested;
/// what the template made is the episode's plan whatever else a person makes of it.
pub fn episode_of(plan: &Resource) -> Option<&str> {
    if plan.ty().name() != "CarePlan" || renewal::is_ended(plan) {
        return None;
    }
    let made = items::made_for(plan, plan::PLAN);
    made.or_else(|| {
        let palliative = |category: &Value| has_coding(Some(category), PLAN_CATEGORY_SYSTEM, "palliative");
        let is_plan = matches!(plan.text("/intent"), Some("plan" | "order"));
        (is_plan && list(plan.get("category")).any(palliative)).then(|| marked(plan)).flatten()
    })
}

/// The id of the episode that a resource is marked with.
fn marked(resource: &Resource) -> Option<&str> {
    let reference =
        extension_of(resource, EPISODE_EXTENSION)?.pointer("/valueReference/reference")?.as_str()?;
    let local = Reference::parse(reference).local()?;
    (local.ty.name() == "EpisodeOfCare").then_some(local.id)
}

/// What a plan is made from, and what it is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Planning<'a> {
    /// The episode with all that belongs to the patient.
    pub case: &'a Case<'a>,
    /// The template.
    pub template: &'a Template,
    /// Says how often things are done in a tier.
    pub algorithm: &'a Algorithm,
    /// Which observations are which assessment.
    pub assessments: &'a Assessments,
    /// The day for which the plan is made or judged.
    pub as_of: Date,
}

/// The tier whose cadences hold where the episode carries none.
const USUAL: Tier = Tier::Three;

impl<'a> Planning<'a> {
    /// The tier of the episode on the day.
    pub fn tier(&self) -> Option<Tier> {
        tiers::on(self.case.episode, self.as_of).and_then(Tier::parse)
    }

    /// The care that is recommended for the tier.
    pub fn intensity(&self) -> &'a Intensity {
        self.intensity_of(self.tier())
    }

    /// The care that is recommended for a tier, or where there is none.
    pub fn intensity_of(&self, tier: Option<Tier>) -> &'a Intensity {
        self.algorithm.intensity(tier.unwrap_or(USUAL))
    }
}
