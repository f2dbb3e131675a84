//! The frame of a document of rules: the actions that hold its parts.
//! <https://hl7.org/fhir/R4/plandefinition-definitions.html#PlanDefinition.action>
//!
//! What stands beside these actions, in a second one of the same name, or on one of them as if it were a part, would be
//! read by nobody: it is refused, as it is in the parts.

use serde_json::Value;

use crate::palliative::rule_part::Part;
use crate::palliative::rule_part::Shape;
use crate::palliative::rule_part::distinct;
use crate::palliative::screening::Problem;

/// What an action that holds parts has.
const FRAME: Shape =
    Shape { elements: &["id", "title", "description", "documentation", "action"], extensions: &[] };

/// Tells of actions that hold none of these parts or stand twice, of what they say that nothing reads, and of the
/// extensions of ours on the document beside those that are read.
pub fn check(plan: &Value, (parts, extensions): (&[&str], &[&str]), problems: &mut Vec<Problem>) {
    Part { value: plan, at: String::new() }.check_extensions(extensions, problems);
    let actions = match Part::all(plan, "action") {
        Ok(actions) => actions,
        Err(problem) => return problems.push(problem),
    };
    for action in &actions {
        if action.value["id"].as_str().is_some_and(|id| parts.contains(&id)) {
            action.check(&FRAME, problems);
        } else {
            let text = format!("Nothing reads this action; the `id` of one here is {}.", parts.join(", "));
            problems.push(action.wrong(text));
        }
    }
    distinct(actions.iter(), problems);
}
