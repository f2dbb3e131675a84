//! What is to be looked at anew because a young person comes of age: at 18 who speaks for the person, and before 21 what
//! goes on when care beside hospice ends. <https://hl7.org/fhir/R4/patient.html>
//!
//! Neither birthday ends or changes anything by itself. The day of a review is the birthday; it is told of 90 days
//! before. It is done by a task of its kind that was completed from then on, and at 18 also by the person's own agreement
//! to the programme. Whoever was of that age already when the service was asked for has nothing to be looked at anew.

use jiff::ToSpan;
use jiff::civil::Date;

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
use crate::palliative::vocabulary::TASK_SYSTEM;

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
    let received = extension_of(case.episode, RECEIVED_EXTENSION)
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

/// The tasks of this kind for the patient that were completed up to the day, and when.
pub(super) fn completed(following: &Following, code: &str) -> Vec<Done> {
    let planning = following.planning;
    let ours = |task: &&Resource| {
        task.text("/status") == Some("completed") && has_coding(task.get("code"), TASK_SYSTEM, code)
    };
    let when = |task: &Resource| {
        let told = ["/executionPeriod/end", "/lastModified", "/meta/lastUpdated"];
        let on = told.iter().find_map(|place| first_day(task.text(place)?, planning.case.program))?;
        (on <= planning.as_of).then(|| Done { on, source: name(task) })
    };
    planning.case.chart.of("Task").filter(ours).filter_map(when).collect()
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
