//! What is to be looked at anew because a young person comes of age: at 18 who speaks for the person, and before 21 what
//! goes on when care beside hospice ends. <https://hl7.org/fhir/R4/patient.html>
//!
//! Neither birthday ends or changes anything by itself. The day of a review is the birthday; it is told of 90 days
//! before. It is done by a task of its kind that was completed from then on, and at 18 also by the person's own agreement
//! to the programme. Whoever was of that age already when the service was first asked for has nothing to be looked at anew;
//! a transfer from one programme to another asks for nothing anew.

use jiff::ToSpan;
use jiff::civil::Date;

use crate::definitions::CANONICAL;
use crate::fhir::Resource;
use crate::fhir::reference::unversioned;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::facts::first_day;
use crate::palliative::enrollment::facts::has_coding;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::name;
use crate::palliative::gaps::Done;
use crate::palliative::gaps::Duty;
use crate::palliative::gaps::Following;
use crate::palliative::gaps::Gap;
use crate::palliative::gaps::Rhythm;
use crate::palliative::vocabulary::CONSENT_CATEGORY_SYSTEM;
use crate::palliative::vocabulary::RECEIVED_EXTENSION;
use crate::palliative::vocabulary::REVIEW_TASK_SYSTEM;
use crate::palliative::vocabulary::TASK_SYSTEM;
use crate::palliative::vocabulary::TRANSFERRED_FROM_EXTENSION;

/// How many days before the birthday a review is told of.
const AHEAD: i64 = 90;
/// From when on a person decides alone.
const OF_AGE: i16 = 18;
/// From when on hospice excludes all else.
const ADULT: i16 = 21;

/// The reviews that are due at a birthday.
pub fn reviews(following: &Following) -> Vec<Gap> {
    let case = following.planning.case;
    let Some(born) = case.chart.find(case.patient()).and_then(born) else { return Vec::new() };
    let first = line(following).pop().unwrap_or(case.episode);
    let received = extension_of(first, RECEIVED_EXTENSION)
        .and_then(|one| one.get("valueDate")?.as_str()?.parse().ok())
        .unwrap_or(Date::MIN);
    let own = |age, code, words: &str| {
        let due = birthday(born, age);
        (received < due).then(|| review(following, (code, due), words)).flatten()
    };
    let speaks = "a review of who speaks for the person, who comes of age at 18: proxy access, and the person's own \
                  agreement";
    let adult = "a review before the person is 21, from when on hospice excludes palliative care beside it: the way \
                 into a programme for adults, and what goes on";
    own(OF_AGE, "proxy-review", speaks)
        .into_iter()
        .chain(own(ADULT, "concurrent-care-review", adult))
        .collect()
}

/// The episode, and those from which it was transferred, the latest first.
fn line<'a>(following: &Following<'a>) -> Vec<&'a Resource> {
    let case = following.planning.case;
    let mut line = vec![case.episode];
    let from = |one: &Resource| {
        let to =
            extension_of(one, TRANSFERRED_FROM_EXTENSION)?.pointer("/valueReference/reference")?.as_str()?;
        case.chart.find(unversioned(to))
    };
    while let Some(before) = line.last().and_then(|one| from(one)) {
        // What refers to itself in a circle has no first one.
        if line.iter().any(|one| one.id() == before.id()) {
            break;
        }
        line.push(before);
    }
    line
}

fn review(following: &Following, (task, due): (&'static str, Date), words: &str) -> Option<Gap> {
    let planning = following.planning;
    let from = due.saturating_sub(AHEAD.days());
    if planning.as_of < from {
        return None;
    }
    let by_task = completed(following, task);
    let by_agreement = (task == "proxy-review").then(|| agreed(following, due)).flatten();
    let done = by_task.into_iter().filter(|one| one.on >= from).chain(by_agreement).min_by_key(|one| one.on);
    let code = if task == "proxy-review" { "proxy-review-overdue" } else { "adult-review-overdue" };
    let domain = if task == "proxy-review" { "8" } else { "1" };
    let duty = Duty { code, domain, rhythm: Rhythm::Once, due, done, words: words.to_owned() };
    Some(duty.on(planning.as_of))
}

/// The tasks of this review that were completed up to the day, and when.
fn completed(following: &Following, code: &str) -> Vec<Done> {
    let planning = following.planning;
    let line = line(following);
    let ours = |task: &&Resource| {
        task.text("/status") == Some("completed")
            && has_coding(task.get("code"), TASK_SYSTEM, code)
            && is_of(&line, task, code)
    };
    let when = |task: &Resource| {
        let told = ["/executionPeriod/end", "/lastModified", "/meta/lastUpdated"];
        let on = told.iter().find_map(|place| first_day(task.text(place)?, planning.case.program))?;
        (on <= planning.as_of).then(|| Done { on, source: name(task) })
    };
    planning.case.chart.of("Task").filter(ours).filter_map(when).collect()
}

/// Whether a task is this review, as other rules ask for tasks of the same kind: what the service made says so by its
/// identifier; what a person made is about the episode. Of coming of age at 18 there is no other review.
fn is_of(line: &[&Resource], task: &Resource, code: &str) -> bool {
    let identifiers: Vec<(&str, &str)> = list(task.get("identifier"))
        .filter_map(|one| Some((one.get("system")?.as_str()?, one.get("value")?.as_str()?)))
        .collect();
    let asked = |one: &Resource| format!("{}/{code}/", one.id().unwrap_or_default());
    if identifiers.iter().any(|(system, _)| system.starts_with(CANONICAL)) {
        return identifiers.iter().any(|(system, value)| {
            *system == REVIEW_TASK_SYSTEM && line.iter().any(|one| value.starts_with(&asked(one)))
        });
    }
    match task.refers("/focus/reference") {
        Some(focus) => line.iter().any(|one| name(one) == focus),
        None => code == "proxy-review",
    }
}

/// The person's own agreement to the programme from a day on.
fn agreed(following: &Following, from: Date) -> Option<Done> {
    let planning = following.planning;
    let own = |consent: &&Resource| {
        let of_programme = list(consent.get("category"))
            .any(|category| has_coding(Some(category), CONSENT_CATEGORY_SYSTEM, "palliative-enrollment"));
        let by_patient = list(consent.get("performer")).any(|performer| {
            performer["reference"].as_str().map(unversioned) == Some(planning.case.patient())
        });
        consent.text("/status") == Some("active")
            && consent.text("/provision/type") != Some("deny")
            && of_programme
            && by_patient
    };
    let dated = planning.case.chart.of("Consent").filter(own).filter_map(|consent| {
        let on = first_day(consent.text("/dateTime")?, planning.case.program)?;
        (on >= from && on <= planning.as_of).then(|| Done { on, source: name(consent) })
    });
    dated.min_by_key(|one| one.on)
}

/// The birthday of an age; of one who was born on 29 February, 1 March where the year has no such day.
fn birthday(born: Date, age: i16) -> Date {
    let year = born.year().saturating_add(age);
    Date::new(year, born.month(), born.day()).or_else(|_| Date::new(year, 3, 1)).unwrap_or(Date::MAX)
}

/// The day of birth; of a month or a year that is told alone, the first, so that nothing is asked for too late.
fn born(patient: &Resource) -> Option<Date> {
    let text = patient.text("/birthDate")?;
    match text.len() {
        4 => format!("{text}-01-01").parse().ok(),
        7 => format!("{text}-01").parse().ok(),
        _ => text.parse().ok(),
    }
}
