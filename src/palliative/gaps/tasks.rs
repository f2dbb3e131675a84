//! The tasks that ask for a review, or that somebody sees to what was to be done within hours: one for each, once for the
//! day on which it is due.
//! <https://hl7.org/fhir/R4/task.html>
//!
//! Its identifier names the episode, the kind and that day, or the task that is overdue, so that a review that was done, or called off, is not asked for
//! again the day after.

use serde_json::json;

use crate::fhir::Failure;
use crate::fhir::Resource;
use crate::fhir::datetime::Micros;
use crate::fhir::datetime::instant;
use crate::palliative::enrollment::drafts::Draft;
use crate::palliative::enrollment::drafts::Drafts;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::name;
use crate::palliative::enrollment::patient_name;
use crate::palliative::gaps::Gap;
use crate::palliative::gaps::Status;
use crate::palliative::gaps::urgent::URGENT;
use crate::palliative::program::Program;
use crate::palliative::vocabulary::REVIEW_TASK_SYSTEM;
use crate::palliative::vocabulary::TASK_SYSTEM;

/// The gaps that a task asks for, with its kind.
const ASKED_FOR: [(&str, &str); 3] = [
    ("proxy-review-overdue", "proxy-review"),
    ("adult-review-overdue", "concurrent-care-review"),
    (URGENT, "escalation"),
];

/// The tasks for those of an episode's gaps that are reviews and not done, or urgent and overdue: parts of the task that
/// is overdue, or of the enrolment's own.
///
/// # Errors
/// `Internal`, for a fault of ours.
pub fn tasks(
    of: (&Resource, Option<&Resource>),
    program: &Program,
    gaps: &[Gap],
    now: Micros,
) -> Result<Vec<Draft>, Failure> {
    let mut drafts = Drafts::default();
    ask(&mut drafts, of, (program, gaps), now)?;
    Ok(drafts.into_list())
}

/// Adds the tasks of one episode more to those of others, as [`tasks`] has them.
///
/// # Errors
/// As [`tasks`].
pub fn ask(
    drafts: &mut Drafts,
    (episode, enrollment): (&Resource, Option<&Resource>),
    (program, gaps): (&Program, &[Gap]),
    now: Micros,
) -> Result<(), Failure> {
    for gap in gaps.iter().filter(|gap| gap.status != Status::Closed) {
        let kind = ASKED_FOR.iter().find(|(code, _)| *code == gap.code).map(|(_, kind)| *kind);
        let (Some(kind), Some(due)) = (kind, gap.due) else { continue };
        let is_urgent = gap.code == URGENT;
        if is_urgent && gap.status != Status::Open {
            continue;
        }
        let overdue = gap.evidence.as_deref().filter(|_| is_urgent);
        let which = overdue.map_or_else(|| due.to_string(), str::to_owned);
        let value = format!("{}/{kind}/{which}", episode.id().unwrap_or_default());
        let mut task = json!({
            "resourceType": "Task",
            "identifier": [{ "system": REVIEW_TASK_SYSTEM, "value": value }],
            "status": "requested",
            "intent": "order",
            "priority": if is_urgent { "urgent" } else { "routine" },
            "code": { "coding": [{ "system": TASK_SYSTEM, "code": kind }] },
            "description": gap.text,
            "focus": { "reference": name(episode) },
            "for": { "reference": patient_name(episode).unwrap_or_default() },
            "authoredOn": instant(now),
            "restriction": { "period": { "end": due.to_string() } },
        });
        let whole = overdue.map(str::to_owned).or_else(|| enrollment.map(name));
        if let Some(whole) = whole {
            task["partOf"] = json!([{ "reference": whole }]);
        }
        if let Some(organization) = &program.organization {
            task["owner"] = json!({ "reference": organization });
        }
        let patient = patient_name(episode).unwrap_or_default();
        let query = format!("identifier={REVIEW_TASK_SYSTEM}|{value}&patient={patient}");
        let place = Place::NewUnless(drafts.name(), query);
        drafts.push(Resource::from_value(task)?, place);
    }
    Ok(())
}

/// By which a task that asks for a review, or to see to what is overdue, is found again.
pub fn identity(task: &Resource) -> Option<&str> {
    let mut own = list(task.get("identifier")).filter(|one| one["system"] == REVIEW_TASK_SYSTEM);
    own.next()?["value"].as_str()
}
