//! What the record of a death asks of others: the Patient's own record, and the programmes in which the person is still
//! on the books. <https://hl7.org/fhir/R4/patient-definitions.html#Patient.deceased_x_>
//!
//! Nothing of it is changed by itself. The Patient may come from another system, which is to say when the person died;
//! and another programme ends its episode by its own rules. So the same write leaves a task for each, with the day.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;
use serde_json::json;

use crate::fhir::datetime::Micros;
use crate::fhir::datetime::instant;
use crate::fhir::outcome::Failure;
use crate::fhir::resource::Resource;
use crate::palliative::element::day;
use crate::palliative::enrollment::closing::closed;
use crate::palliative::enrollment::closing::is_open;
use crate::palliative::enrollment::drafts::Drafts;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::codings;
use crate::palliative::enrollment::facts::has_coding;
use crate::palliative::enrollment::facts::name;
use crate::palliative::enrollment::facts::state_of;
use crate::palliative::enrollment::state::State;
use crate::palliative::enrollment::transition::amend;
use crate::palliative::record::Deceased;
use crate::palliative::record::Moment;
use crate::palliative::record::PatientRecord;
use crate::palliative::record::deceased;
use crate::palliative::vocabulary::END_DATE_EXTENSION;
use crate::palliative::vocabulary::TASK_SYSTEM;

/// Whether a record of the person, or an episode in any programme, says that the person died.
pub fn is_known(case: &Case) -> bool {
    let mut episodes = case.chart.of("EpisodeOfCare").chain(case.chart.elsewhere("EpisodeOfCare"));
    is_on_record(case)
        || case.chart.elsewhere("Patient").any(says_so)
        || episodes.any(|episode| state_of(episode) == Some(State::Deceased))
}

/// Takes over a death of which the Patient does not say anything: one that an episode has on record, in whichever
/// programme, or that another record of the person has. What says so is named as evidence as far as `is_told`.
pub fn hear(
    record: &mut PatientRecord,
    (own, elsewhere): (&[Resource], &[Resource]),
    is_told: impl Fn(&Resource) -> bool,
) {
    if record.deceased != Deceased::No {
        return;
    }
    let died = |one: &&Resource| state_of(one) == Some(State::Deceased);
    let zone = &record.zone;
    let by = own.iter().find(died);
    let said = by.map(|one| ended(one, zone)).or_else(|| earliest(elsewhere, zone));
    if let Some(said) = said {
        record.deceased = said;
        record.deceased_by_word_of = Some(by.filter(|one| is_told(one)).map(name).unwrap_or_default());
    }
}

/// What the end of an episode by death tells.
fn ended(episode: &Resource, zone: &TimeZone) -> Deceased {
    let day = extension_of(episode, END_DATE_EXTENSION)
        .and_then(|end| Moment::read(end.get("valueDate")?.as_str()?, zone));
    day.map_or(Deceased::Undated, Deceased::On)
}

/// What other records tell: the earliest day, or only that it is so where none has a day. Records may differ, and whichever
/// of them is read first, it is the same.
fn earliest(elsewhere: &[Resource], zone: &TimeZone) -> Option<Deceased> {
    let told = elsewhere.iter().filter_map(|one| match one.ty().name() {
        "Patient" => Some(deceased(one, zone)),
        _ => (state_of(one) == Some(State::Deceased)).then(|| ended(one, zone)),
    });
    told.filter(|one| *one != Deceased::No).min_by_key(|one| match one {
        Deceased::On(day) => (day.low, day.high),
        Deceased::Undated | Deceased::No => (Micros::MAX, Micros::MAX),
    })
}

/// The days of death that episodes of the person carry, in whichever programme.
pub fn days_on<'a>(episodes: impl Iterator<Item = &'a Resource>) -> impl Iterator<Item = Date> {
    let ended = episodes.filter(|episode| state_of(episode) == Some(State::Deceased));
    ended.filter_map(|episode| day(extension_of(episode, END_DATE_EXTENSION)?.get("valueDate")?.as_str()?))
}

/// Whether the patient's record says that the person died.
pub fn is_on_record(case: &Case) -> bool {
    case.chart.find(case.patient()).is_some_and(says_so)
}

fn says_so(patient: &Resource) -> bool {
    patient.get("deceasedDateTime").is_some()
        || patient.get("deceasedBoolean").and_then(Value::as_bool) == Some(true)
}

/// Leaves the tasks: to record the day on the Patient, unless a death is on it, and to look at every other open episode.
///
/// # Errors
/// `Internal`, for a fault of ours.
pub fn tell(case: &Case, drafts: &mut Drafts, on: Date) -> Result<(), Failure> {
    if !is_on_record(case) {
        let words = format!("The person died on {on}. Record it on the Patient as `deceasedDateTime`.");
        let mut task = task(case, ("record-death", "Record the death", &words));
        task["focus"] = json!({ "reference": case.patient() });
        task["input"] =
            json!([{ "type": { "text": "Patient.deceasedDateTime" }, "valueDateTime": on.to_string() }]);
        if let Some(owner) = case.program.organization.as_deref() {
            task["owner"] = json!({ "reference": owner });
        }
        push(task, drafts)?;
    }
    for (other, _) in case.others_open() {
        let words =
            format!("The person died on {on}, as another programme recorded. End this episode by `death`.");
        let mut task = task(case, ("death-review", "Review after a death", &words));
        task["focus"] = json!({ "reference": name(other) });
        if let Some(owner) = other.get("managingOrganization") {
            task["owner"] = owner.clone();
        }
        push(task, drafts)?;
    }
    Ok(())
}

fn task(case: &Case, (code, display, words): (&str, &str, &str)) -> Value {
    json!({
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "priority": "urgent",
        "code": { "coding": [{ "system": TASK_SYSTEM, "code": code, "display": display }] },
        "description": words,
        "for": { "reference": case.patient() },
        "authoredOn": instant(case.now),
        "lastModified": instant(case.now),
        "reasonReference": { "reference": case.episode_name() },
    })
}

fn push(task: Value, drafts: &mut Drafts) -> Result<(), Failure> {
    let name = drafts.name();
    drafts.push(Resource::from_value(task)?, Place::New(name));
    Ok(())
}

/// Whether what a task asks for is asked for still: a look at an episode after a death only as long as the episode that
/// recorded the death stands by it.
pub fn still_asks(case: &Case, task: &Resource) -> bool {
    let by = task.refers("/reasonReference/reference").and_then(|by| case.chart.find(by));
    !has_coding(task.get("code"), TASK_SYSTEM, "death-review")
        || by.is_none_or(|by| state_of(by) == Some(State::Deceased))
}

/// Calls off what a death asked for that was recorded by mistake.
pub fn call_off(case: &Case, drafts: &mut Drafts) {
    let episode = case.episode_name();
    let asked = case.chart.of("Task").filter(|task| {
        task.refers("/reasonReference/reference") == Some(episode.as_str())
            && codings(task.get("code")).any(|(system, code)| {
                system == TASK_SYSTEM && matches!(code, "record-death" | "death-review")
            })
    });
    for task in asked.filter(|task| is_open(task)) {
        amend(drafts, closed(case, task, (State::EnteredInError, "cancelled")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::palliative::enrollment::STATE_EXTENSION;

    #[test]
    fn of_what_other_records_tell_the_earliest_day_is_heard_whichever_is_read_first() {
        let of = |value: Value| Resource::from_value(value).unwrap();
        let patient =
            |day: &str| of(json!({ "resourceType": "Patient", "id": "p", "deceasedDateTime": day }));
        let undated = || of(json!({ "resourceType": "Patient", "id": "q", "deceasedBoolean": true }));
        let alive = || of(json!({ "resourceType": "Patient", "id": "r", "deceasedBoolean": false }));
        let episode = |day: &str| {
            of(json!({ "resourceType": "EpisodeOfCare", "id": "e", "status": "finished", "extension": [
                { "url": STATE_EXTENSION, "valueCoding": { "code": "deceased" } },
                { "url": END_DATE_EXTENSION, "valueDate": day }] }))
        };
        let on = |day: &str| Deceased::On(Moment::read(day, &TimeZone::UTC).unwrap());
        for (told, expected) in [
            (vec![patient("2026-05-01"), patient("2026-02-01")], on("2026-02-01")),
            (vec![undated(), patient("2026-02-01"), alive()], on("2026-02-01")),
            (vec![patient("2026-02-01"), episode("2026-02-03")], on("2026-02-01")),
            (vec![patient("2026-02-03"), episode("2026-02-01")], on("2026-02-01")),
            (vec![alive(), undated()], Deceased::Undated),
            (vec![alive()], Deceased::No),
        ] {
            let backwards = told.iter().rev().cloned().collect();
            for elsewhere in [told, backwards] {
                assert_eq!(earliest(&elsewhere, &TimeZone::UTC).unwrap_or(Deceased::No), expected);
            }
        }
    }
}
