//! Which encounters are one stay, and what each of them tells of it.

use super::*;
use crate::palliative::measures::doubts::DoubtKind;

fn stay(start: &str, end: &str) -> Value {
    encounter("stay", "IMP", start, end)
}

#[test]
fn t_7_an_emergency_visit_that_nobody_closed_makes_no_later_stay_longer() {
    let open = |start: &str| {
        let mut visit = encounter("ed", "EMER", start, start);
        visit["status"] = json!("in-progress");
        visit["period"].as_object_mut().unwrap().remove("end");
        visit
    };
    let of = |visit: Value, discharged: &str| {
        let all = [visit, stay("2025-09-01T14:00:00-07:00", discharged)];
        course(&with(person("p", "2025-01-01"), all))
    };
    let discharged = "2025-09-05T10:00:00-07:00";
    // It led to the stay, and was over with it at the latest.
    let led = of(open("2025-08-31T20:00:00-07:00"), discharged);
    assert_eq!((led.away, led.acute, led.emergency, led.unplanned), (5, 5, 0, 1));
    // Half a year before, it is another visit.
    let other = of(open("2025-03-10T20:00:00-07:00"), discharged);
    assert_eq!((other.acute, other.emergency, other.admissions, other.unplanned), (4, 1, 1, 0));
    assert_eq!(other.doubts.iter().map(|doubt| doubt.kind).collect::<Vec<_>>(), [DoubtKind::StillOpen]);
}

#[test]
fn t_73_of_encounters_that_began_together_either_tells_how_the_person_came_in() {
    let ward = encounter("a-ward", "IMP", "2025-05-01T10:00:00-07:00", "2025-05-03T10:00:00-07:00");
    let mut whole = stay("2025-05-01T10:00:00-07:00", "2025-05-09T10:00:00-07:00");
    whole["hospitalization"] = json!({ "admitSource": { "coding": [{ "code": "emd" }] } });
    let course = course(&with(person("p", "2025-01-01"), [ward, whole]));
    assert_eq!((course.admissions, course.unplanned, course.planning_unknown), (1, 1, 0));
}
