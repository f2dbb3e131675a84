//! Scores that come in steps: a Palliative Performance Scale of 55 is no finding but a mistake.
//! <https://hl7.org/fhir/R4/observation.html>
//!
//! It is refused where it is written. One that is stored all the same (it came in before, or by way of a migration) is
//! passed over where scores are read, and the answer says so.

use serde_json::Value;

use crate::fhir::Issue;
use crate::palliative::record::Concept;
use crate::palliative::risk::Algorithms;
use crate::palliative::risk::document::Step;
use crate::palliative::screening::parameters::list;

/// The elements that may hold a score.
const VALUES: [(&str, &str); 2] =
    [("/valueQuantity/value", "valueQuantity.value"), ("/valueInteger", "valueInteger")];

impl Algorithms {
    /// What is wrong with the scores of a resource, each at its place. What was entered in error may stay as it is.
    pub fn between_steps(&self, resource: &Value) -> Vec<Issue> {
        if resource["resourceType"] != "Observation" || resource["status"] == "entered-in-error" {
            return Vec::new();
        }
        let parts = list(resource, "component").enumerate();
        let parts = parts.map(|(at, part)| (format!("Observation.component[{at}]"), part));
        let all = std::iter::once(("Observation".to_owned(), resource)).chain(parts);
        all.filter_map(|(place, one)| self.wrong(&place, one)).collect()
    }

    fn wrong(&self, place: &str, element: &Value) -> Option<Issue> {
        let (number, name) =
            VALUES.iter().find_map(|(pointer, name)| Some((element.pointer(pointer)?.as_f64()?, *name)))?;
        let code = Concept::read(element.get("code"));
        let is_of = |step: &&Step| step.codes.has_any(&code) && number.rem_euclid(step.step) != 0.0;
        let step = self.list.iter().flat_map(|one| &one.document.steps).find(is_of)?.step;
        let text = format!(
            "The score is {number}, and its scale goes in steps of {step}; give the step that fits best."
        );
        Some(Issue::error("value", text).at(format!("{place}.{name}")))
    }
}
