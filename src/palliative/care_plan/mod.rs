//! The care plan of an episode: the template made into a CarePlan, Goals and Tasks, and what a plan still lacks.
//! <https://hl7.org/fhir/R4/careplan.html>

pub mod completeness;
pub mod items;
pub mod plan;
pub mod reading;
pub mod renewal;
pub mod template;

#[cfg(test)]
mod tests;

use jiff::civil::Date;

use crate::palliative::care_plan::template::Template;
use crate::palliative::enrollment::facts::Case;

/// What a plan is made from.
#[derive(Clone, Debug)]
pub struct Planning<'a> {
    /// The episode with all that belongs to the patient.
    pub case: &'a Case<'a>,
    /// The template.
    pub template: &'a Template,
    /// The day for which the plan is made or judged.
    pub as_of: Date,
}
