//! What a person must do within hours and has not: a safety check, a contact for pain. A task alone may be seen by nobody,
//! so that it is told of here until it is done, and once its hours are over somebody else is asked.
//! <https://hl7.org/fhir/R4/task.html>
//!
//! Its time is the end of its restriction, or 24 hours after it was asked for. What is about another episode is told there.

use jiff::civil::Date;

use crate::fhir::Resource;
use crate::fhir::datetime::DAY;
use crate::fhir::datetime::Micros;
use crate::fhir::datetime::date_in;
use crate::fhir::datetime::end_of_day;
use crate::fhir::datetime::span;
use crate::palliative::enrollment::facts::codings;
use crate::palliative::enrollment::facts::name;
use crate::palliative::gaps::Following;
use crate::palliative::gaps::Gap;
use crate::palliative::gaps::Status;
use crate::palliative::vocabulary::TASK_SYSTEM;

/// The gap.
pub const URGENT: &str = "urgent-task-overdue";
/// The kinds of task, each with its domain and what it is.
const KINDS: [(&str, &str, &str); 3] = [
    ("safety-check", "3", "the safety check"),
    ("urgent-contact", "2", "the urgent contact"),
    ("urgent-symptom-contact", "2", "the urgent contact for a symptom"),
];

/// The urgent tasks that are not done.
pub fn urgent(following: &Following) -> Vec<Gap> {
    following.planning.case.chart.of("Task").filter_map(|task| gap(following, task)).collect()
}

fn gap(following: &Following, task: &Resource) -> Option<Gap> {
    let planning = following.planning;
    let zone = &planning.case.program.zone;
    let (_, domain, words) = *KINDS.iter().find(|(kind, ..)| is_of(task, kind))?;
    if is_settled(task) || is_of_another(following, task) {
        return None;
    }
    let asked = span(task.text("/authoredOn")?, zone)?.low;
    let due = task.text("/restriction/period/end").and_then(|end| Some(span(end, zone)?.high));
    let due = due.unwrap_or(asked.saturating_add(DAY));
    let day = date_in(due, zone);
    if date_in(asked, zone) > planning.as_of {
        return None;
    }
    let status = if due < moment(following) { Status::Open } else { Status::Prospective };
    let taken = matches!(task.text("/status"), Some("accepted" | "in-progress" | "on-hold"));
    let text = match (status, taken) {
        (Status::Open, true) => {
            format!("Overdue since {day}: {words} was taken on and is not done; see to it today.")
        }
        (Status::Open, false) => {
            format!("Overdue since {day}: nobody has taken on {words}; see to it today.")
        }
        (Status::Prospective | Status::Closed, _) => format!("Due by {day}: {words}."),
    };
    let evidence = Some(name(task));
    Some(Gap { code: URGENT, domain: domain.to_owned(), due: Some(day), text, status, evidence, last: None })
}

fn is_of(task: &Resource, kind: &str) -> bool {
    codings(task.get("code")).any(|coding| coding == (TASK_SYSTEM, kind))
}

/// Whether nothing is to be done any more.
fn is_settled(task: &Resource) -> bool {
    matches!(task.text("/status"), Some("completed" | "cancelled" | "rejected" | "entered-in-error"))
}

/// Whether the task says that it is about another episode.
fn is_of_another(following: &Following, task: &Resource) -> bool {
    let focus = task.refers("/focus/reference").filter(|focus| focus.starts_with("EpisodeOfCare/"));
    focus.is_some_and(|focus| focus != following.planning.case.episode_name())
}

/// Now, or the end of another day that is asked about.
fn moment(following: &Following) -> Micros {
    let (case, as_of): (_, Date) = (following.planning.case, following.planning.as_of);
    if as_of == case.today() { case.now } else { end_of_day(as_of, &case.program.zone) }
}

/// Whether a gap tells of a task, and so is told only to those who may read it.
pub fn tells_of_task(gap: &Gap) -> bool {
    gap.code == URGENT
}
