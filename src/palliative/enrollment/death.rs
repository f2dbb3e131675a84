//! What the record of a death asks of others: the Patient's own record, and the programmes in which the person is still
//! on the books. <https://hl7.org/fhir/R4/patient-definitions.html#Patient.deceased_x_>
//!
//! Nothing of it is changed by itself. The Patient may come from another system, which is to say when the person died;
//! and another programme ends its episode by its own rules. So the same write leaves a task for each, with the day.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;
use serde_json::json;

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

/// Takes over a death that an episode of the person has on record, in whichever programme, or that another record of the
/// person tells: of all that is told, the Patient's own word among it, the earliest day counts, so that nobody is alive by
/// one record who died by another. What says so is named as evidence as far as `is_told`.
pub fn hear(
    record: &mut PatientRecord,
    today: Date,
    (own, elsewhere): (&[Resource], &[Resource]),
    is_told: impl Fn(&Resource) -> bool,
) {
    let zone = &record.zone;
    let patients = |one: &Resource| (one.ty().name() == "Patient").then(|| deceased(one, zone));
    let episodes = |one: &Resource| (state_of(one) == Some(State::Deceased)).then(|| ended(one, zone));
    let own =
        own.iter().filter_map(|one| Some((episodes(one)?, Some(one).filter(|one| is_told(one)).map(name))));
    let others = elsewhere.iter().filter_map(|one| Some((patients(one).or_else(|| episodes(one))?, None)));
    let told = own.chain(others).map(|(said, by)| (said, Some(by.unwrap_or_default())));
    let all = std::iter::once((record.deceased.clone(), None)).chain(told);
    let heard =
        all.filter_map(|(said, by)| Some((order(&said, today)?, said, by))).min_by_key(|(order, ..)| *order);
    if let Some((_, said, by)) = heard {
        record.deceased = said;
        record.deceased_by_word_of = by;
    }
}

/// Which of several words of a death is heard, the first: the earliest day until today, then that it is so on an unknown day,
/// then a day to come. Of two that name one day it is the Patient's own.
fn order(said: &Deceased, today: Date) -> Option<(u8, Date, Date)> {
    match said {
        Deceased::No => None,
        Deceased::On(day) => Some((if day.first <= today { 0 } else { 2 }, day.first, day.last)),
        Deceased::Undated => Some((1, today, today)),
    }
}

/// What the end of an episode by death tells.
fn ended(episode: &Resource, zone: &TimeZone) -> Deceased {
    let day = extension_of(episode, END_DATE_EXTENSION)
        .and_then(|end| Moment::read(end.get("valueDate")?.as_str()?, zone));
    day.map_or(Deceased::Undated, Deceased::On)
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
    fn of_what_records_tell_of_a_death_the_earliest_day_is_heard_whichever_is_read_first() {
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
        let today = "2026-03-01".parse().unwrap();
        let heard = |own: &Resource, (episodes, elsewhere): (&[Resource], &[Resource])| {
            let mut record = PatientRecord::new("p", vec![own.clone()], &TimeZone::UTC);
            hear(&mut record, today, (episodes, elsewhere), |_| true);
            (record.deceased, record.deceased_by_word_of)
        };
        for (told, expected) in [
            (vec![patient("2026-05-01"), patient("2026-02-01")], on("2026-02-01")),
            (vec![undated(), patient("2026-02-01"), alive()], on("2026-02-01")),
            (vec![undated(), patient("2026-05-01")], Deceased::Undated),
            (vec![patient("2026-05-01"), patient("2026-04-01")], on("2026-04-01")),
            (vec![patient("2026-02-01"), episode("2026-02-03")], on("2026-02-01")),
            (vec![patient("2026-02-03"), episode("2026-02-01")], on("2026-02-01")),
            (vec![alive(), undated()], Deceased::Undated),
            (vec![alive()], Deceased::No),
        ] {
            let backwards: Vec<Resource> = told.iter().rev().cloned().collect();
            for elsewhere in [&told, &backwards] {
                let by = (expected != Deceased::No).then(String::new);
                assert_eq!(heard(&alive(), (&[], elsewhere)), (expected.clone(), by));
                // The person's own record is one of those that tell.
                let (own, others) = elsewhere.split_first().unwrap();
                if own.ty().name() == "Patient" {
                    assert_eq!(heard(own, (&[], others)).0, expected);
                }
            }
        }
        let ended = [episode("2026-02-03")];
        let own = |day: &str| heard(&patient(day), (&ended, &[])).1;
        assert_eq!(own("2026-02-03"), None, "the Patient is named before an episode");
        assert_eq!(own("2026-02-04"), Some("EpisodeOfCare/e".to_owned()));
        assert_eq!(own("2026-02-02"), None);
    }
}
