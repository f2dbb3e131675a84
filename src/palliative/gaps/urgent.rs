//! What a person must do within hours and has not: a safety check, a contact for pain. A task alone may be seen by nobody,
//! so that it is told of here until it is done, and once its hours are over somebody else is asked.
//! <https://hl7.org/fhir/R4/task.html>
//!
//! Its time is the end of its restriction, or 24 hours after it was asked for: when it was written, its restriction begins
//! or it was last changed, whichever it says first. What says nothing of time is told of as overdue. What is about another
//! episode is told there.

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

/// Where a task says when it was asked for.
const ASKED: [&str; 3] = ["/authoredOn", "/restriction/period/start", "/meta/lastUpdated"];

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
    let read = |place: &str| task.text(place).and_then(|text| span(text, zone));
    let asked = ASKED.iter().find_map(|place| read(place)).map(|span| span.low);
    if asked.is_some_and(|asked| date_in(asked, zone) > planning.as_of) {
        return None;
    }
    let end = read("/restriction/period/end").map(|span| span.high);
    let due = end.or(asked.map(|asked| asked.saturating_add(DAY)));
    let day = due.map_or(planning.as_of, |due| date_in(due, zone));
    let is_late = due.is_none_or(|due| due < moment(following));
    let status = if is_late { Status::Open } else { Status::Prospective };
    let since = due.map_or_else(String::new, |_| format!(" since {day}"));
    let taken = matches!(task.text("/status"), Some("accepted" | "in-progress" | "on-hold"));
    let text = match (status, taken) {
        (Status::Open, true) => {
            format!("Overdue{since}: {words} was taken on and is not done; see to it today.")
        }
        (Status::Open, false) => {
            format!("Overdue{since}: nobody has taken on {words}; see to it today.")
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
