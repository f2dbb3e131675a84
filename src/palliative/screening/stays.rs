//! Encounters as events that can be counted: each of one kind, an emergency visit that led to a stay taken into
//! it, neighbouring stays as one admission. <https://hl7.org/fhir/R4/encounter.html>

use std::cmp::Ordering;
use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::fhir::datetime::DAY;
use crate::fhir::datetime::Micros;
use crate::palliative::record::Condition;
use crate::palliative::record::Encounter;
use crate::palliative::record::EncounterStatus;
use crate::palliative::record::PatientRecord;
use crate::palliative::record::Verification;
use crate::palliative::screening::encounter_kind::EncounterCodes;
use crate::palliative::screening::encounter_kind::EncounterKind;
use crate::palliative::screening::logic::State;
use crate::palliative::screening::value_set::Codes;

/// For so long at most a visit that nobody closed is taken to have gone on before it led to a stay: two days.
const LONGEST_VISIT: Micros = 2 * DAY;

/// Something that happened once.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its kind.
    pub kind: EncounterKind,
    /// The encounters that it is made of, as `Encounter/<id>`.
    pub sources: Vec<String>,
    /// The first and last day that it can have taken up; none where it has no date.
    pub days: Option<(Date, Date)>,
    /// The first and last day that it surely took up.
    pub sure_days: Option<(Date, Date)>,
    /// Whether it surely took place.
    pub sure: bool,
    /// Whether nobody planned it.
    pub unplanned: State,
    /// Whether it has the reason that was asked for; met where none was.
    pub reason: State,
    /// Whether it was taken into a later one, and counts alone no more.
    pub absorbed: bool,
    /// The last day that it can have ended on, where it has an end, also beyond the day up to which it is looked at.
    pub left: Option<Date>,
    /// Whether the patient died in it.
    pub died: bool,
    id: String,
    part_of: Option<String>,
    start: Option<Micros>,
    end: Option<Micros>,
}

/// What is told of an encounter alone, before it is seen beside others.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// Its kind.
    pub kind: EncounterKind,
    /// Whether nobody planned it.
    pub unplanned: State,
    /// Whether it has the reason that is asked for.
    pub reason: State,
}

/// The events of a record up to a day, in the order of their start, for rule sets.
pub fn events(
    record: &PatientRecord,
    codes: &EncounterCodes,
    reasons: Option<&Codes>,
    as_of: Date,
) -> Vec<Event> {
    events_told(record, as_of, |encounter| {
        let reason = reasons.map_or(State::Met, |codes| reason(encounter, codes, record));
        Some(Told { kind: codes.kind(encounter)?, unplanned: codes.unplanned(encounter), reason })
    })
}

/// The events of a record up to a day, in the order of their start, of the kinds that are told; an encounter of which
/// nothing is told is left out.
pub fn events_told(
    record: &PatientRecord,
    as_of: Date,
    tell: impl Fn(&Encounter) -> Option<Told>,
) -> Vec<Event> {
    let mut seen = BTreeSet::new();
    let mut events: Vec<Event> = Vec::new();
    for encounter in &record.encounters {
        let begins_later = encounter.start.as_ref().is_some_and(|start| start.first > as_of);
        if encounter.status == EncounterStatus::Void || begins_later {
            continue;
        }
        let Some(Told { kind, unplanned, reason }) = tell(encounter) else { continue };
        let copy = encounter.likeness.iter().any(|likeness| seen.contains(likeness));
        seen.extend(encounter.likeness.iter().cloned());
        if !copy {
            events.push(Event { unplanned, reason, ..event(encounter, kind, as_of) });
        }
    }
    events.sort_by(|a, b| (a.days, &a.id).cmp(&(b.days, &b.id)));
    absorb(&mut events);
    merge_stays(events)
}

/// The first and the last day of a stay.
type Days = (Date, Date);

/// The first and last day that an encounter can have taken up, and those that it surely took up.
///
/// A stay without an end is no stay for ever: one that is finished ends on the day it began, one that is going
/// on reaches to the day of the screening.
pub fn days(encounter: &Encounter, as_of: Date) -> (Option<Days>, Option<Days>) {
    let going_on = goes_on(encounter);
    let end = encounter.end.as_ref().or(encounter.start.as_ref());
    let start = encounter.start.as_ref().or(encounter.end.as_ref());
    let days = start.zip(end).map(|(start, end)| {
        let last = if going_on { as_of } else { end.last.min(as_of) };
        (start.first, last.max(start.first))
    });
    let sure_days = start.zip(end).map(|(start, end)| {
        let last = if going_on { as_of } else { end.first.min(as_of) };
        (start.last, last.max(start.last))
    });
    (days, sure_days)
}

fn goes_on(encounter: &Encounter) -> bool {
    encounter.status == EncounterStatus::Current && encounter.end.is_none()
}

fn event(encounter: &Encounter, kind: EncounterKind, as_of: Date) -> Event {
    let (days, sure_days) = days(encounter, as_of);
    let end = encounter.end.as_ref().or(encounter.start.as_ref());
    let start = encounter.start.as_ref().or(encounter.end.as_ref());
    Event {
        kind,
        sources: vec![encounter.source.clone()],
        days,
        sure_days,
        sure: encounter.status != EncounterStatus::Unknown,
        unplanned: State::Unknown,
        reason: State::Met,
        absorbed: false,
        left: encounter.end.as_ref().map(|end| end.last),
        died: encounter.died,
        id: encounter.id.clone(),
        part_of: encounter.part_of.clone(),
        start: start.map(|start| start.low),
        end: if goes_on(encounter) { None } else { end.map(|end| end.high) },
    }
}

/// Whether an encounter was for the reason: its principal diagnoses (all, where none is ranked), or what is
/// stated as its reasons. Unknown where nothing is stated.
fn reason(encounter: &Encounter, codes: &Codes, record: &PatientRecord) -> State {
    let of_condition = |id: &String| {
        let source = format!("Condition/{id}");
        let found = record.conditions.iter().find(|condition| condition.source == source);
        found.map_or(State::Unknown, |condition| stated(condition, codes))
    };
    let ranked = encounter.diagnoses.iter().any(|diagnosis| diagnosis.rank.is_some());
    let principal = encounter.diagnoses.iter().filter(|diagnosis| !ranked || diagnosis.rank == Some(1));
    let diagnoses = principal.map(|diagnosis| of_condition(&diagnosis.condition));
    let stated = encounter.reason_conditions.iter().map(of_condition);
    let reasons = &encounter.reasons;
    let coded = match (codes.has_any(reasons), reasons.codings.is_empty()) {
        _ if reasons.is_empty() => None,
        (true, _) => Some(State::Met),
        (false, true) => Some(State::Unknown),
        (false, false) => Some(State::NotMet),
    };
    diagnoses.chain(stated).chain(coded).reduce(State::or).unwrap_or(State::Unknown)
}

/// What a diagnosis says of the reason: one that was ruled out, or written by mistake, does not tell what it was instead, and
/// one that is not confirmed leaves it open.
fn stated(condition: &Condition, codes: &Codes) -> State {
    match (codes.has_any(&condition.code), condition.verification) {
        (_, Verification::Void) | (true, Verification::Unconfirmed) => State::Unknown,
        (is, _) => State::of(is),
    }
}

/// An emergency visit or observation that overlaps a stay, ends at most 24 hours before it or is a part of it
/// belongs to that stay, which nobody planned if it came from an emergency visit, be it by way of an observation.
fn absorb(events: &mut [Event]) {
    for kind in [EncounterKind::Emergency, EncounterKind::Observation] {
        for at in 0..events.len() {
            if events[at].kind == kind {
                absorb_one(events, at);
            }
        }
    }
}

fn absorb_one(events: &mut [Event], at: usize) {
    let early = events[at].clone();
    let into = (0..events.len()).find(|other| *other != at && leads_to(&early, &events[*other]));
    let Some(into) = into else { return };
    events[at].absorbed = true;
    if let Some((_, stay_last)) = events[into].days.filter(|_| early.end.is_none()) {
        // Who has left the stay has left what led to it, though nobody closed that.
        let until = |days: Days| (days.0, days.1.min(stay_last.max(days.0)));
        events[at].days = early.days.map(until);
        events[at].sure_days = early.sure_days.map(until);
        events[at].left = events[into].left;
    }
    let stay = &mut events[into];
    if early.kind == EncounterKind::Emergency || early.unplanned == State::Met {
        stay.unplanned = State::Met;
    }
    stay.days = stay.days.zip(early.days).map(|(stay, early)| (stay.0.min(early.0), stay.1)).or(stay.days);
}

fn leads_to(early: &Event, stay: &Event) -> bool {
    let kinds = stay.kind.is_admission()
        || (early.kind == EncounterKind::Emergency && stay.kind == EncounterKind::Observation);
    let related = early.part_of.as_ref() == Some(&stay.id) || stay.part_of.as_ref() == Some(&early.id);
    let near = || {
        let (Some(early_start), Some(start)) = (early.start, stay.start) else { return false };
        let before_end = stay.end.is_none_or(|end| early_start <= end);
        // One that nobody closed is not taken to have gone on for ever, and into whatever came next.
        let end = early.end.unwrap_or_else(|| early_start.saturating_add(LONGEST_VISIT));
        before_end && end.saturating_add(DAY) >= start
    };
    kinds && (related || near())
}

/// Admissions of one kind that overlap or are at most a day apart are one.
fn merge_stays(events: Vec<Event>) -> Vec<Event> {
    let mut merged: Vec<Event> = Vec::new();
    for event in events {
        let previous = merged.iter_mut().rev().find(|other| other.kind == event.kind);
        match previous.filter(|previous| event.kind.is_admission() && adjoin(previous, &event)) {
            Some(previous) => join(previous, event),
            None => merged.push(event),
        }
    }
    merged
}

fn adjoin(previous: &Event, next: &Event) -> bool {
    let (Some((_, last)), Some((first, _))) = (previous.days, next.days) else { return false };
    last.tomorrow().is_ok_and(|day_after| first <= day_after)
}

fn join(previous: &mut Event, next: Event) {
    let latest = |a: Option<(Date, Date)>, b: Option<(Date, Date)>| match (a, b) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (a, b) => a.or(b),
    };
    // Who is still in the one that goes on longest has not left.
    let last = |event: &Event| event.days.map(|(_, last)| last);
    previous.left = match last(previous).cmp(&last(&next)) {
        Ordering::Less => next.left,
        Ordering::Equal => previous.left.zip(next.left).map(|(one, other)| one.max(other)),
        Ordering::Greater => previous.left,
    };
    previous.died |= next.died;
    // Of two that began together either may say how the person came in.
    let began = |event: &Event| event.days.map(|(first, _)| first);
    if began(previous) == began(&next)
        && (next.unplanned == State::Met || previous.unplanned == State::Unknown)
    {
        previous.unplanned = next.unplanned;
    }
    previous.days = latest(previous.days, next.days);
    previous.sure_days = latest(previous.sure_days, next.sure_days);
    previous.sources.extend(next.sources);
    previous.sure |= next.sure;
    previous.reason = previous.reason.or(next.reason);
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use serde_json::Value;
    use serde_json::json;

    use super::*;
    use crate::definitions::Definitions;
    use crate::fhir::Resource;
    use crate::palliative::screening::document::Terminology;

    fn events_of(encounters: &[Value], as_of: &str) -> Vec<Event> {
        let definitions = Definitions::shared().unwrap();
        let terminology = Terminology::new(&definitions.value_sets, &definitions.code_systems).unwrap();
        let resource = |encounter: &Value| Resource::from_value(encounter.clone()).unwrap();
        let zone = TimeZone::get("America/Phoenix").unwrap();
        let record = PatientRecord::new("p", encounters.iter().map(resource).collect(), &zone);
        events(&record, terminology.encounters(), None, as_of.parse().unwrap())
    }

    fn encounter(id: &str, class: &str, start: &str, end: &str) -> Value {
        json!({ "resourceType": "Encounter", "id": id, "status": "finished",
            "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": class },
            "period": { "start": start, "end": end } })
    }

    /// A stay in a skilled nursing facility, which many sources send as an inpatient.
    fn nursing(id: &str, start: &str, end: &str) -> Value {
        let mut stay = encounter(id, "IMP", start, end);
        stay["type"] =
            json!([{ "coding": [{ "system": "http://snomed.info/sct", "code": "449411000124106" }] }]);
        stay
    }

    fn of_kind(events: &[Event], kind: EncounterKind) -> Vec<&Event> {
        events.iter().filter(|event| event.kind == kind).collect()
    }

    #[test]
    fn v_chain_an_emergency_visit_observation_stay_and_transfer_are_one_admission() {
        let chain = [
            encounter("ed", "EMER", "2025-09-01T22:00:00-07:00", "2025-09-02T03:00:00-07:00"),
            encounter("obs", "OBSENC", "2025-09-02T03:00:00-07:00", "2025-09-03T09:00:00-07:00"),
            encounter("imp", "IMP", "2025-09-03T09:00:00-07:00", "2025-09-06T10:00:00-07:00"),
            encounter("transfer", "ACUTE", "2025-09-06T11:00:00-07:00", "2025-09-09T10:00:00-07:00"),
            nursing("snf", "2025-09-09T11:00:00-07:00", "2025-09-12T07:00:00-07:00"),
            encounter("again", "IMP", "2025-09-12T08:00:00-07:00", "2025-09-12T18:00:00-07:00"),
        ];
        let events = events_of(&chain, "2025-12-01");
        let stays = of_kind(&events, EncounterKind::Inpatient);
        assert_eq!(stays.len(), 2, "the second is a readmission, and the nursing facility joins nothing");
        assert_eq!(stays[1].sources, ["Encounter/again"]);
        assert_eq!(stays[0].sources, ["Encounter/imp", "Encounter/transfer"]);
        assert!(of_kind(&events, EncounterKind::Emergency).iter().all(|event| event.absorbed));
        assert!(of_kind(&events, EncounterKind::Observation).iter().all(|event| event.absorbed));
    }

    #[test]
    fn a_stay_in_a_skilled_nursing_facility_is_no_admission() {
        let stay = nursing("snf", "2025-05-01T10:00:00Z", "2025-05-20T10:00:00Z");
        assert!(events_of(&[stay], "2025-12-01").is_empty());
    }

    #[test]
    fn v_tz_a_stay_takes_up_the_days_of_the_programmes_zone() {
        let events =
            events_of(&[encounter("e", "IMP", "2025-03-11T05:30:00Z", "2025-03-12T08:00:00Z")], "2025-12-01");
        let days = ("2025-03-10".parse().unwrap(), "2025-03-12".parse().unwrap());
        assert_eq!(events[0].days, Some(days));
    }

    #[test]
    fn stays_a_day_apart_are_one_and_two_days_apart_are_two() {
        let two = |second: &str| {
            let stays = [
                encounter("a", "IMP", "2025-05-01", "2025-05-03"),
                encounter("b", "IMP", second, "2025-05-09"),
            ];
            of_kind(&events_of(&stays, "2025-12-01"), EncounterKind::Inpatient).len()
        };
        assert_eq!((two("2025-05-03"), two("2025-05-04"), two("2025-05-05")), (1, 1, 2));
    }

    #[test]
    fn t7_a_finished_stay_without_an_end_is_no_stay_for_ever() {
        let mut open = encounter("a", "IMP", "2025-05-01", "2025-05-03");
        open["period"].as_object_mut().unwrap().remove("end");
        assert_eq!(events_of(&[open.clone()], "2025-12-01")[0].days.unwrap().1.to_string(), "2025-05-01");
        open["status"] = json!("in-progress");
        assert_eq!(events_of(&[open], "2025-12-01")[0].days.unwrap().1.to_string(), "2025-12-01");
    }

    #[test]
    fn t6_copies_of_one_encounter_are_one() {
        let identified = |id: &str| {
            let mut encounter = encounter(id, "EMER", "2025-05-01T10:00:00Z", "2025-05-01T12:00:00Z");
            encounter["identifier"] = json!([{ "system": "https://hospital.example.org", "value": "1" }]);
            encounter
        };
        assert_eq!(events_of(&[identified("a"), identified("b")], "2025-12-01").len(), 1);
    }

    #[test]
    fn t73_whether_a_stay_was_planned_is_known_or_it_is_not() {
        let unplanned = |more: Value| {
            let mut stay = encounter("a", "IMP", "2025-05-02T10:00:00Z", "2025-05-05T12:00:00Z");
            stay.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            events_of(&[stay], "2025-12-01")[0].unplanned
        };
        let of_type = |code: &str| json!({ "type": [{ "coding": [{ "system": "http://snomed.info/sct", "code": code }] }] });
        let emergency = json!({ "hospitalization": { "admitSource": { "coding": [{ "code": "emd" }] } } });
        assert_eq!(unplanned(emergency), State::Met);
        assert_eq!(unplanned(of_type("183452005")), State::Met);
        assert_eq!(unplanned(of_type("8715000")), State::NotMet);
        assert_eq!(unplanned(json!({})), State::Unknown);
        let stay = encounter("a", "IMP", "2025-05-02T10:00:00Z", "2025-05-05T12:00:00Z");
        let after = |end: &str| {
            let visit = encounter("ed", "EMER", "2025-05-01T05:00:00Z", end);
            of_kind(&events_of(&[visit, stay.clone()], "2025-12-01"), EncounterKind::Inpatient)[0].unplanned
        };
        assert_eq!(after("2025-05-01T10:00:00Z"), State::Met, "24 hours before");
        assert_eq!(after("2025-05-01T09:59:00Z"), State::Unknown);
    }
}
