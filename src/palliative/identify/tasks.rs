//! The work that case finding asks for: somebody looks at each candidate. <https://hl7.org/fhir/R4/task.html>
//!
//! There is one open task for each person, programme and kind of finding, whoever asks for it and however often; where
//! the one before was done or cancelled, and the same is found, it is asked for again. Of one whom the programme cannot
//! take now there is none.

use serde_json::json;

use crate::fhir::Failure;
use crate::fhir::Resource;
use crate::fhir::datetime::Micros;
use crate::fhir::datetime::instant;
use crate::palliative::enrollment::drafts::Draft;
use crate::palliative::enrollment::drafts::Drafts;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::identify::Person;
use crate::palliative::identify::report::display;
use crate::palliative::program::Program;
use crate::palliative::screening::Outcome;
use crate::palliative::vocabulary::CANDIDATE_TASK_SYSTEM;
use crate::palliative::vocabulary::OUTCOME_SYSTEM;
use crate::palliative::vocabulary::TASK_SYSTEM;

/// The states of a Task in which it is still to be done. <https://hl7.org/fhir/R4/valueset-task-status.html>
const OPEN: &str = "draft,requested,received,accepted,ready,in-progress,on-hold";

/// The tasks to look at those of these people whom the programme could take.
///
/// # Errors
/// `Internal`, for a fault of ours.
pub fn tasks(
    program: &Program,
    rule_sets: &[String],
    people: &[Person],
    now: Micros,
) -> Result<Vec<Draft>, Failure> {
    let mut drafts = Drafts::default();
    for person in people.iter().filter(|person| person.suppressions.is_empty()) {
        let outcome = person.outcome;
        let value = format!("{}/{}/{}", program.id, person.id, outcome.code());
        let input = |code: &str, element: &str, value: serde_json::Value| {
            let mut input = json!({ "type": { "text": code } });
            input[element] = value;
            input
        };
        let mut inputs =
            vec![input("program", "valueReference", json!({ "reference": program.reference() }))];
        inputs.extend(rule_sets.iter().map(|set| input("ruleSet", "valueCanonical", set.as_str().into())));
        let mut task = json!({
            "resourceType": "Task",
            "identifier": [{ "system": CANDIDATE_TASK_SYSTEM, "value": value }],
            "status": "requested",
            "intent": "order",
            "priority": "routine",
            "code": { "coding": [{ "system": TASK_SYSTEM, "code": "review-candidate",
                "display": "Review of a candidate" }] },
            "description": sentence(outcome),
            "for": { "reference": format!("Patient/{}", person.id) },
            "authoredOn": instant(now),
            "reasonCode": { "coding": [{ "system": OUTCOME_SYSTEM, "code": outcome.code(),
                "display": display(outcome) }] },
            "input": inputs,
        });
        if let Some(organization) = &program.organization {
            task["owner"] = json!({ "reference": organization });
        }
        let name = drafts.name();
        let query =
            format!("identifier={CANDIDATE_TASK_SYSTEM}|{value}&status={OPEN}&patient=Patient/{}", person.id);
        drafts.push(Resource::from_value(task)?, Place::NewUnless(name, query));
    }
    Ok(drafts.into_list())
}

fn sentence(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Eligible => "The rule set is met: see whether to refer the person to the programme.",
        Outcome::ScreenPositive => "The person was found by a screen: assess what the person needs.",
        Outcome::Indeterminate => {
            "Facts are missing to tell whether the programme is for the person: collect them."
        }
        Outcome::Excluded => "An exclusion is met: see whether it still holds.",
        Outcome::NotEligible => "The rule set is not met: see whether that is so.",
    }
}
