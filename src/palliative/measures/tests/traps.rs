//! What days at home trip over, by the numbers of the list of traps.

use super::*;
use crate::palliative::measures::conventions::Residents;
use crate::palliative::measures::conventions::Side;
use crate::palliative::measures::doubts::DoubtKind;
use crate::palliative::record::FEED_EXTENSION;

fn stay(start: &str, end: &str) -> Value {
    encounter("stay", "IMP", start, end)
}

/// Of one who was enrolled all year: days away.
fn away(encounters: impl IntoIterator<Item = Value>) -> i64 {
    course(&with(person("p", "2025-01-01"), encounters)).away
}

fn doubts(course: &Course) -> Vec<DoubtKind> {
    course.doubts.iter().map(|doubt| doubt.kind).collect()
}

#[test]
fn t_3_the_day_of_discharge_is_a_day_at_home_unless_it_is_asked_for_as_one_away() {
    let resources = with(person("p", "2025-01-01"), [stay("2025-05-01T10:00:00Z", "2025-05-09T20:00:00Z")]);
    let of = |discharge_day: Side| {
        let conventions = Conventions { discharge_day, ..Conventions::default() };
        let course = course_with(&resources, conventions);
        (course.away, course.acute)
    };
    assert_eq!((of(Side::Home), of(Side::Away)), ((8, 8), (9, 9)));
    let report = summary("days-at-home", vec![course(&resources)]);
    assert!(
        report
            .to_string()
            .contains(r#"{"url":"parameter","valueCode":"dischargeDay"},{"url":"value","valueCode":"home"}"#)
    );
}

#[test]
fn t_4_a_stay_of_one_day_is_one_day_away() {
    assert_eq!(away([stay("2025-05-01T10:00:00-07:00", "2025-05-01T20:00:00-07:00")]), 1);
    assert_eq!(away([stay("2025-05-01", "2025-05-01")]), 1);
}

#[test]
fn t_5_who_dies_in_a_stay_was_away_on_that_day_by_whatever_tells_of_it() {
    let mut expired = stay("2025-07-01T10:00:00-07:00", "2025-07-08T04:00:00-07:00");
    let unmarked = course(&with(person("p", "2025-01-01"), [expired.clone()]));
    assert_eq!((unmarked.at_risk, unmarked.away), (365, 7), "nothing tells of a death");
    for (system, code) in [
        ("http://terminology.hl7.org/CodeSystem/discharge-disposition", "exp"),
        ("https://www.nubc.org/CodeSystem/PatDischargeStatus", "20"),
    ] {
        expired["hospitalization"] =
            json!({ "dischargeDisposition": { "coding": [{ "system": system, "code": code }] } });
        let course = course(&with(person("p", "2025-01-01"), [expired.clone()]));
        assert_eq!((course.at_risk, course.away), (189, 8), "{code}");
        assert_eq!(doubts(&course), [DoubtKind::DeathNotOnRecord]);
    }
    let mut undated = with(person("p", "2025-01-01"), [expired.clone()]);
    undated[0]["deceasedBoolean"] = json!(true);
    let undated = course(&undated);
    assert_eq!(
        (undated.at_risk, undated.away),
        (189, 8),
        "the discharge tells the day that the record does not"
    );
    assert_eq!(doubts(&undated), [DoubtKind::DeathWithoutDay]);
    let known = course(&with(died("p", "2025-01-01", "2025-07-08"), [expired]));
    assert_eq!((known.at_risk, known.away, known.doubts.len()), (189, 8, 0));
}

#[test]
fn t_6_nested_and_overlapping_stays_count_each_day_once() {
    let mut part = encounter("icu", "IMP", "2025-05-03T10:00:00Z", "2025-05-05T10:00:00Z");
    part["partOf"] = json!({ "reference": "Encounter/stay" });
    let all = [
        stay("2025-05-01T10:00:00Z", "2025-05-09T20:00:00Z"),
        part,
        nursing("snf", "2025-05-08T20:00:00Z", "2025-05-11T20:00:00Z"),
    ];
    assert_eq!(away(all), 10);
}

#[test]
fn t_7_a_finished_stay_without_an_end_is_its_first_day_and_in_doubt() {
    let mut open = stay("2025-05-01T10:00:00-07:00", "2025-05-02T10:00:00-07:00");
    open["period"].as_object_mut().unwrap().remove("end");
    let finished = course(&with(person("p", "2025-01-01"), [open.clone()]));
    assert_eq!((finished.away, doubts(&finished)), (1, vec![DoubtKind::OpenEnded]));
    open["status"] = json!("in-progress");
    let going_on = course(&with(person("p", "2025-01-01"), [open]));
    assert_eq!(
        (going_on.away, doubts(&going_on)),
        (245, vec![DoubtKind::StillOpen]),
        "to the end of the period"
    );
}

#[test]
fn t_8_what_did_not_take_place_counts_nowhere() {
    let with_status = |status: &str| {
        let mut own = stay("2025-05-01T10:00:00Z", "2025-05-09T20:00:00Z");
        own["status"] = json!(status);
        course(&with(person("p", "2025-01-01"), [own]))
    };
    for status in ["planned", "cancelled", "entered-in-error"] {
        let course = with_status(status);
        assert_eq!((course.away, course.admissions, course.doubts.len()), (0, 0, 0), "{status}");
    }
    let unknown = with_status("unknown");
    assert_eq!((unknown.away, doubts(&unknown)), (0, vec![DoubtKind::UnknownStatus]));
    assert_eq!(with_status("onleave").away, 8);
}

#[test]
fn t_9_observation_is_a_crisis_that_takes_people_away() {
    let observed = encounter("obs", "OBSENC", "2025-05-01T20:00:00-07:00", "2025-05-03T10:00:00-07:00");
    let course = course(&with(person("p", "2025-01-01"), [observed]));
    assert_eq!((course.away, course.observation, course.acute, course.admissions), (2, 1, 0, 0));
    let report = summary("crisis-events", vec![course]);
    assert_eq!((counts(&report, 0)[3].1, counts(&report, 1)[3].1), (1, 1));
}

#[test]
fn t_10_hospital_care_at_home_is_home_and_a_day_of_acute_care() {
    let resources = |more: Vec<Value>| {
        let care = at(stay("2025-05-03T10:00:00-07:00", "2025-05-06T10:00:00-07:00"), "PTRES");
        with(with(person("p", "2025-01-01"), care), more)
    };
    let of = |hospital_at_home: Side, more: Vec<Value>| {
        let course =
            course_with(&resources(more), Conventions { hospital_at_home, ..Conventions::default() });
        (course.away, course.acute, course.admissions)
    };
    assert_eq!((of(Side::Home, vec![]), of(Side::Away, vec![])), ((0, 3, 1), (3, 3, 1)));
    // The emergency visit that led to it was away from home, and is no visit that led to nothing.
    let visit = encounter("ed", "EMER", "2025-05-02T10:00:00-07:00", "2025-05-02T20:00:00-07:00");
    assert_eq!(of(Side::Home, vec![visit]), (1, 4, 1));
    let hospital = encounter("imp", "IMP", "2025-05-01T10:00:00-07:00", "2025-05-03T10:00:00-07:00");
    assert_eq!(of(Side::Home, vec![hospital]), (2, 5, 1), "to go home with it is no other admission");
}

#[test]
fn t_11_hospice_in_a_facility_is_away_and_at_home_is_home() {
    let respite = of_type(stay("2025-05-01T10:00:00Z", "2025-05-06T10:00:00Z"), "183921001");
    let home = encounter("hospice", "HH", "2025-06-01T10:00:00Z", "2025-06-30T10:00:00Z");
    let resources = with(person("p", "2025-01-01"), [respite, home]);
    let of = |hospice_inpatient: Side| {
        let course = course_with(&resources, Conventions { hospice_inpatient, ..Conventions::default() });
        (course.away, course.acute, course.admissions)
    };
    assert_eq!((of(Side::Away), of(Side::Home)), ((5, 0, 0), (0, 0, 0)));
}

pub(super) fn housing(id: &str, day: &str, code: &str) -> Value {
    json!({ "resourceType": "Observation", "id": id, "status": "final",
        "code": { "coding": [{ "system": "http://loinc.org", "code": "71802-3" }] }, "effectiveDateTime": day,
        "valueCodeableConcept": { "coding": [{ "system": "http://snomed.info/sct", "code": code }] } })
}

#[test]
fn t_12_a_resident_of_a_nursing_home_has_not_no_days_at_home() {
    let lives = [
        housing("in", "2025-03-01", "160734000"),
        housing("out", "2025-04-01", "160724005"),
        stay("2025-03-10T10:00:00-07:00", "2025-03-15T10:00:00-07:00"),
    ];
    let resources = with(person("p", "2025-01-01"), lives);
    let of = |resources: &[Value], residents: Residents| {
        let course = course_with(resources, Conventions { residents, ..Conventions::default() });
        (course.resident, course.person_days(), course.away, course.acute)
    };
    assert_eq!(of(&resources, Residents::Excluded), (31, 334, 0, 5));
    assert_eq!(of(&resources, Residents::Home), (0, 365, 5, 5));
    assert_eq!(of(&resources, Residents::Away), (0, 365, 31, 5));
    let report = summary("days-at-home", vec![course(&resources)]);
    assert_eq!(counts(&report, 0).iter().map(|(_, count)| *count).collect::<Vec<_>>(), [365, 31, 334, 334]);
    // A long stay in a nursing facility: away for a hundred days, then a resident.
    let long = with(person("p", "2025-01-01"), [nursing("snf", "2025-03-01", "2025-09-01")]);
    assert_eq!(of(&long, Residents::Excluded), (84, 281, 100, 0));
    assert_eq!(of(&long, Residents::Home), (0, 365, 100, 0));
    assert_eq!(of(&long, Residents::Away), (0, 365, 184, 0));
    let place =
        with(person("p", "2025-01-01"), at(encounter("nh", "NONAC", "2025-03-01", "2025-03-11"), "NCCF"));
    assert_eq!(of(&place, Residents::Excluded), (10, 355, 0, 0));
    let visit =
        with(person("p", "2025-01-01"), at(encounter("call", "AMB", "2025-03-01", "2025-03-01"), "SNF"));
    assert_eq!(of(&visit, Residents::Excluded), (0, 365, 0, 0), "who is called on there need not stay there");
}

#[test]
fn t_13_days_of_which_nothing_is_known_yet_do_not_count_and_the_report_says_so() {
    let mut resources = person("p", "2025-01-01");
    let feed = |end: Option<&str>| {
        let mut period = json!({ "start": "2024-01-01" });
        if let Some(end) = end {
            period["end"] = end.into();
        }
        json!([{ "url": FEED_EXTENSION, "valuePeriod": period }])
    };
    let of = |resources: &[Value]| {
        let report = summary("days-at-home", vec![course(resources)]);
        let numbers: Vec<i64> = counts(&report, 0).into_iter().map(|(_, count)| count).collect();
        (
            numbers,
            extension(&report, "data-through"),
            extension(&report, "preliminary").unwrap(),
            report.to_string(),
        )
    };
    let (numbers, through, preliminary, text) = of(&resources);
    assert_eq!((numbers, through, preliminary), (vec![365, 0, 365, 365], None, json!(false)));
    assert!(text.contains("no-feed"));
    resources[0]["extension"] = feed(Some("2025-06-30"));
    let (numbers, through, preliminary, text) = of(&resources);
    assert_eq!((numbers, through), (vec![365, 184, 181, 181], Some(json!("2025-06-30"))));
    assert_eq!(preliminary, json!(true));
    assert!(text.contains("after-data-through") && !text.contains("no-feed"));
    resources[0]["extension"] = feed(None);
    let (numbers, through, preliminary, _) = of(&resources);
    assert_eq!((numbers, through, preliminary), (vec![365, 0, 365, 365], None, json!(false)));
    // A feed that ended with a death left nothing untold.
    resources[0]["extension"] = feed(Some("2025-03-10"));
    resources[0]["deceasedDateTime"] = json!("2025-03-10");
    let (numbers, through, preliminary, _) = of(&resources);
    assert_eq!((numbers, through, preliminary), (vec![69, 0, 69, 69], None, json!(false)));
}

#[test]
fn t_14_a_death_without_a_day_stops_the_count_at_the_last_contact() {
    let mut resources = with(person("p", "2025-01-01"), [encounter("hh", "HH", "2025-04-10", "2025-04-10")]);
    resources[0]["deceasedBoolean"] = json!(true);
    let undated = course(&resources);
    assert_eq!((undated.at_risk, doubts(&undated)), (100, vec![DoubtKind::DeathWithoutDay]));
    // a stay is a contact to its end; an end of which the day is not known makes none later
    for (end, days) in [("2025-04-15", 105), ("2025-04", 100), ("2025-04-02", 100)] {
        let stay = with(vec![resources[0].clone()], [encounter("hh", "IMP", "2025-04-10", end)]);
        let all = [stay, resources[1..resources.len() - 1].to_vec()].concat();
        assert_eq!(course(&all).at_risk, days, "{end}");
    }
    resources[0].as_object_mut().unwrap().remove("deceasedBoolean");
    resources[0]["deceasedDateTime"] = json!("2025-05");
    let month = course(&resources);
    assert_eq!((month.at_risk, doubts(&month)), (121, vec![DoubtKind::DeathWithoutDay]));
}

#[test]
fn t_15_what_begins_after_a_death_counts_nowhere_and_is_told() {
    let late = encounter("late", "EMER", "2025-08-01", "2025-08-01");
    let course = course(&with(died("p", "2025-01-01", "2025-07-08"), [late]));
    assert_eq!((course.at_risk, course.away, course.emergency), (189, 0, 0));
    assert_eq!(doubts(&course), [DoubtKind::AfterDeath]);
}

#[test]
fn t_16_a_whole_year_has_as_many_days_as_it_has_and_the_rate_is_by_a_mean_year() {
    let report = summary("days-at-home", vec![course(&person("p", "2025-01-01"))]);
    assert_eq!((counts(&report, 0)[2].1, score(&report, 0)), (365, Some(365.2)));
    assert_eq!(score(&report, 1), Some(100.0));
}

#[test]
fn t_17_a_day_in_two_episodes_is_one_day() {
    let mut resources = person("p", "2025-03-01");
    resources.push(episode("p", "2025-01-01", Some("2025-03-31")));
    assert_eq!(course(&resources).at_risk, 365);
    assert_eq!(course_in("UTC", &[resources[0].clone()], Conventions::default()), None, "never enrolled");
}

#[test]
fn t_73_an_admission_of_which_nothing_is_known_is_counted_as_such() {
    let course = course(&with(person("p", "2025-01-01"), [stay("2025-05-01", "2025-05-03")]));
    assert_eq!((course.admissions, course.unplanned, course.planning_unknown), (1, 0, 1));
    let told = r#"{"url":"code","valueCode":"planning-unknown"},{"url":"count","valueInteger":1},{"url":"of","valueInteger":1}"#;
    assert!(summary("unplanned-admissions", vec![course.clone()]).to_string().contains(told));
    assert!(!summary("days-at-home", vec![course]).to_string().contains("planning-unknown"));
}

#[test]
fn t_74_a_date_is_a_whole_day_and_a_month_is_no_day() {
    assert_eq!(away([stay("2025-05-01", "2025-05-03")]), 2);
    let vague = course(&with(person("p", "2025-01-01"), [stay("2025-05", "2025-06")]));
    assert_eq!((vague.away, vague.admissions, doubts(&vague)), (0, 0, vec![DoubtKind::ImpreciseDate]));
}
