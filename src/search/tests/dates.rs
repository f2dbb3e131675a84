//! R4's own examples of date searches. <https://hl7.org/fhir/R4/search.html#prefix>

use serde_json::Value;
use serde_json::json;

use super::PARAMETERS;
use super::database::Database;
use super::database::query;
use crate::search::Course;
use crate::search::Restriction;
use crate::search::beginnings;
use crate::search::plan;

#[test]
fn dates_are_found_as_the_examples_of_r4_say() {
    let moment = |id: &str, date: &str| json!({ "resourceType": "Procedure", "id": id, "status": "completed", "performedDateTime": date });
    let period = |id: &str, period: Value| json!({ "resourceType": "Procedure", "id": id, "status": "completed", "performedPeriod": period });
    let mut database = Database::of(&[
        moment("day14", "2013-01-14"),
        moment("start14", "2013-01-14T00:00:00Z"),
        moment("ten14", "2013-01-14T10:00:00Z"),
        moment("start15", "2013-01-15T00:00:00Z"),
        period("from21jan", json!({ "start": "2013-01-21" })),
        period("from15mar", json!({ "start": "2013-03-15" })),
        period("to21jan", json!({ "end": "2013-01-21" })),
        moment("14mar", "2013-03-14"),
        moment("year", "2013"),
    ]);
    let among = ["day14", "start14", "ten14", "start15"];
    let spans = ["14mar", "from15mar", "from21jan", "to21jan"];
    let table: [(&str, &[&str], &[&str]); 12] = [
        ("eq2013-01-14", &among, &["day14", "start14", "ten14"]),
        ("ne2013-01-14", &among, &["start15"]),
        ("lt2013-01-14T10:00", &among, &["day14", "start14"]),
        ("gt2013-01-14T10:00", &among, &["day14", "start15"]),
        ("2013-01-14T10:00", &among, &["ten14"]),
        ("2013-01-14T10:00:00Z", &among, &["ten14"]),
        ("2013-01-14T05:00:00-05:00", &among, &["ten14"]),
        ("ge2013-03-14", &spans, &["14mar", "from15mar", "from21jan"]),
        ("le2013-03-14", &spans, &["14mar", "from21jan", "to21jan"]),
        ("sa2013-03-14", &spans, &["from15mar"]),
        ("eb2013-03-14", &spans, &["to21jan"]),
        ("2013", &["year", "14mar", "from21jan"], &["14mar", "year"]),
    ];
    for (asked, among, expected) in table {
        let mut found = database.find(&format!("Procedure?date={}", asked.replace('+', "%2B")));
        found.retain(|id| among.contains(&id.as_str()));
        found.sort();
        assert_eq!(found, expected, "{asked}");
    }
    // About 2013-03-14, asked in 2026: a tenth of the years between, before and after.
    let about = database.find("Procedure?date=ap2013-03-14");
    assert_eq!(about.len(), 9, "{about:?}");
    assert!(database.find("Procedure?date=ap2025-12-31").iter().all(|id| id.starts_with("from")));
}

/// The ids that each search finds, of these resources.
fn finds(resources: &[Value], table: &[(&str, &[&str])]) {
    let mut database = Database::of(resources);
    for (search, expected) in table {
        let mut found = database.find(search);
        found.sort();
        assert_eq!(found, *expected, "{search}");
    }
}

#[test]
fn spans_are_compared_at_their_very_ends() {
    let encounter = |id: &str, period: Value| json!({ "resourceType": "Encounter", "id": id, "status": "finished", "class": { "code": "AMB" }, "period": period });
    finds(
        &[
            encounter("day", json!({ "start": "2024-02-29", "end": "2024-02-29" })),
            encounter(
                "to-midnight",
                json!({ "start": "2024-02-28T12:00:00Z", "end": "2024-02-28T23:59:59.999Z" }),
            ),
            encounter(
                "at-midnight",
                json!({ "start": "2024-03-01T00:00:00Z", "end": "2024-03-01T00:00:00Z" }),
            ),
            encounter(
                "zoned",
                json!({ "start": "2024-02-29T23:30:00-05:00", "end": "2024-02-29T23:45:00-05:00" }),
            ),
            encounter("open", json!({ "start": "2024-02-29T12:00:00Z" })),
            encounter("ended", json!({ "end": "2024-02-29T12:00:00Z" })),
            encounter("backwards", json!({ "start": "2024-02-29", "end": "2024-02-01" })),
            encounter("none", json!({})),
        ],
        &[
            ("Encounter?date=2024-02-29", &["day"]),
            ("Encounter?date=2024-02", &["day", "to-midnight"]),
            ("Encounter?date=2024", &["at-midnight", "day", "to-midnight", "zoned"]),
            ("Encounter?date=ne2024-02-29", &["at-midnight", "ended", "open", "to-midnight", "zoned"]),
            ("Encounter?date=gt2024-02-29", &["at-midnight", "open", "zoned"]),
            ("Encounter?date=lt2024-02-29", &["ended", "to-midnight"]),
            ("Encounter?date=ge2024-02-29", &["at-midnight", "day", "open", "zoned"]),
            ("Encounter?date=le2024-02-29", &["day", "ended", "to-midnight"]),
            ("Encounter?date=sa2024-02-28", &["at-midnight", "day", "open", "zoned"]),
            ("Encounter?date=sa2024-02-29", &["at-midnight", "zoned"]),
            ("Encounter?date=eb2024-02-29", &["to-midnight"]),
            ("Encounter?date=eb2024-03-01", &["day", "ended", "to-midnight"]),
            ("Encounter?date=ge2024-03-01T04:30:00Z&date=lt2024-03-02", &["open", "zoned"]),
            ("Encounter?date=eb2024-02-28T23:59:59.999Z", &[]),
            ("Encounter?date=eb2024-02-29T00:00:00Z", &["to-midnight"]),
            ("Encounter?date=2024-03-01T00:00:00Z", &["at-midnight"]),
            ("Encounter?date=2024-03-01T00:00", &["at-midnight"]),
            ("Encounter?date=2024-02-29T19:00:00-05:00", &["at-midnight"]),
            ("Encounter?date:missing=true", &["backwards", "none"]),
        ],
    );
}

#[test]
fn a_timing_counts_from_its_first_time_to_its_last() {
    let request = |id: &str, timing: Value| {
        json!({ "resourceType": "ServiceRequest", "id": id, "status": "active", "intent": "order",
            "subject": { "reference": "Patient/1" }, "occurrenceTiming": timing })
    };
    finds(
        &[
            request("events", json!({ "event": ["2013-01-31", "2013-03-24"] })),
            request(
                "bounds",
                json!({ "repeat": { "boundsPeriod": { "start": "2013-01-31", "end": "2013-03-24" } } }),
            ),
            request(
                "both",
                json!({ "event": ["2013-06-01"], "repeat": { "boundsPeriod": { "start": "2013-01-31", "end": "2013-03-24" } } }),
            ),
            request("open", json!({ "repeat": { "boundsPeriod": { "start": "2013-03-01" } } })),
            request("neither", json!({ "repeat": { "frequency": 1, "period": 1, "periodUnit": "d" } })),
        ],
        &[
            ("ServiceRequest?occurrence=ap2013-02-01", &["both", "bounds", "events", "open"]),
            ("ServiceRequest?occurrence=gt2013-03-24", &["both", "open"]),
            ("ServiceRequest?occurrence=2013", &["both", "bounds", "events"]),
            ("ServiceRequest?occurrence=sa2013-02", &["open"]),
            ("ServiceRequest?occurrence=eb2013-04", &["bounds", "events"]),
            ("ServiceRequest?occurrence:missing=true", &["neither"]),
        ],
    );
}

#[test]
fn numbers_are_found_by_their_digits_or_exactly() {
    let risk = |id: &str, prediction: Value| {
        json!({ "resourceType": "RiskAssessment", "id": id, "status": "final",
            "subject": { "reference": "Patient/1" }, "prediction": [prediction] })
    };
    finds(
        &[
            risk("half", json!({ "probabilityDecimal": 0.5 })),
            risk("less", json!({ "probabilityDecimal": 0.45 })),
            risk("most", json!({ "probabilityDecimal": 0.55 })),
            risk(
                "range",
                json!({ "probabilityRange": { "low": { "value": 0.4 }, "high": { "value": 0.6 } } }),
            ),
            risk("from", json!({ "probabilityRange": { "low": { "value": 0.9 } } })),
            risk("words", json!({ "qualitativeRisk": { "text": "high" } })),
        ],
        &[
            ("RiskAssessment?probability=0.5", &["half", "less"]),
            ("RiskAssessment?probability=0.50", &["half"]),
            ("RiskAssessment?probability=5e-1", &["half", "less"]),
            ("RiskAssessment?probability=ne0.50", &["from", "less", "most", "range"]),
            ("RiskAssessment?probability=gt0.5", &["from", "most", "range"]),
            ("RiskAssessment?probability=lt0.5", &["less", "range"]),
            ("RiskAssessment?probability=ge0.5", &["from", "half", "most", "range"]),
            ("RiskAssessment?probability=le0.5", &["half", "less", "range"]),
            ("RiskAssessment?probability=sa0.5", &["from", "most"]),
            ("RiskAssessment?probability=eb0.5", &["less"]),
            ("RiskAssessment?probability=ap0.50", &["half", "less", "most", "range"]),
            ("RiskAssessment?probability=0.5,ge0.9", &["from", "half", "less"]),
            ("RiskAssessment?probability=gt0.4&probability=lt0.5", &["less", "range"]),
            ("RiskAssessment?probability:missing=true", &["words"]),
        ],
    );
}

#[test]
fn a_span_with_two_ends_is_one_condition_where_a_resource_has_one_date() {
    let done = |id: &str, start: &str, end: &str| json!({ "resourceType": "Procedure", "id": id, "status": "completed", "performedPeriod": { "start": start, "end": end } });
    let open = |id: &str, end: Value| json!({ "resourceType": "Procedure", "id": id, "status": "completed", "performedPeriod": end });
    let resources = [
        done("hour", "2024-03-10T10:00:00Z", "2024-03-10T11:00:00Z"),
        done("before", "2024-02-10", "2024-02-12"),
        done("over-begin", "2024-02-28", "2024-03-02"),
        done("over-end", "2024-03-30", "2024-04-02"),
        done("after", "2024-04-10", "2024-04-12"),
        done("years", "2020-01-01", "2025-01-01"),
        done("years-before", "2020-01-01", "2022-01-01"),
        open("since", json!({ "start": "2023-01-01" })),
        open("until", json!({ "end": "2024-03-20" })),
        open("until-before", json!({ "end": "2024-01-20" })),
    ];
    let inside: &[&str] = &["hour", "over-end", "since", "years"];
    finds(
        &resources,
        &[
            ("Procedure?date=ge2024-03&date=lt2024-04", inside),
            ("Procedure?date=lt2024-04&date=ge2024-03", inside),
            ("Procedure?date=gt2024-03-09&date=le2024-03-10", &["hour", "since", "until", "years"]),
            ("Procedure?date=sa2024-02-27&date=eb2024-04", &["hour", "over-begin"]),
            ("Procedure?date=ge2024-03&date=lt2024-04&date=gt2024-03-20", &["over-end", "since", "years"]),
            ("Procedure?date=2024-03", &["hour"]),
            ("Procedure?date=ge2024-04&date=lt2024-03", &["since", "years"]),
            ("Procedure?date=ge2024-03&_filter=not (date eq 2024-03)&date=lt2024-04", &inside[1..]),
        ],
    );
}

#[test]
fn of_several_dates_one_may_lie_after_a_span_begins_and_another_before_it_ends() {
    let activity = |date: &str| json!({ "detail": { "status": "scheduled", "scheduledPeriod": { "start": date, "end": date } } });
    let plan = |id: &str, dates: [&str; 2]| {
        json!({ "resourceType": "CarePlan", "id": id, "status": "active", "intent": "plan",
            "subject": { "reference": "Patient/1" }, "activity": dates.map(activity) })
    };
    let resources =
        [plan("around", ["2024-01-01", "2024-12-01"]), plan("before", ["2024-01-01", "2024-02-01"])];
    finds(&resources, &[("CarePlan?activity-date=ge2024-03&activity-date=lt2024-04", &["around"])]);
}

/// Encounters over ten years, every one with the common code and one of them with the rare one.
fn visits() -> Database {
    let visit = |at: u32| {
        let mut codes = vec![json!({ "coding": [{ "system": "urn:s", "code": "common" }] })];
        if at == 3 {
            codes.push(json!({ "coding": [{ "system": "urn:s", "code": "rare" }] }));
        }
        json!({ "resourceType": "Encounter", "id": format!("e{at:02}"), "status": "finished", "class": { "code": "HH" },
            "type": codes, "period": { "start": format!("20{:02}-05-01", 10 + at), "end": format!("20{:02}-05-02", 10 + at) } })
    };
    Database::of(&(0..10).map(visit).collect::<Vec<_>>())
}

#[test]
fn a_wide_span_beside_a_code_gives_way_to_the_code_and_not_to_a_walk() {
    let mut database = visits();
    let all = Restriction::none();
    let wide = "date=ge2010&date=lt2030";
    let narrow = "date=ge2012-01-01&date=lt2015-01-01";
    let table = [
        (format!("type=urn:s|rare&{wide}"), 1),
        (format!("type=urn:s|rare&{narrow}"), 1),
        (format!("type=rare&{wide}"), 1),
        (format!("type=urn:s|rare&{wide}&_sort=-date"), 1),
        (format!("type=urn:s|rare&{wide}&_sort=length"), 1),
        (format!("type=urn:s|common&{wide}"), 10),
        (format!("type=urn:s|common&{wide}&_sort=-date"), 10),
        (format!("type=urn:s|common&{narrow}"), 3),
        (format!("type=urn:s|none&{wide}"), 0),
    ];
    for (search, expected) in table {
        let asked = query(&format!("Encounter?{search}&_total=accurate")).unwrap();
        let begun = beginnings(&PARAMETERS, &asked, &all);
        assert_eq!((begun[0].course, begun[0].first.as_deref()), (Course::Beside, Some("date")), "{search}");
        let ids = database.ids(&asked, &all);
        assert_eq!(ids.len(), expected, "{search}: {ids:?}");
        assert_eq!(database.total(&asked, &all), Some(i64::try_from(expected).unwrap()), "{search}");
        if !search.contains("_sort=-date") && !search.contains("type=rare") {
            let statement = format!("{:?}", plan(&PARAMETERS, &asked, &all).unwrap().page);
            assert!(!statement.contains("FROM resource r0 WHERE r0.type"), "{search} walks: {statement}");
        }
    }
    let alone = query(&format!("Encounter?{wide}")).unwrap();
    assert_eq!(beginnings(&PARAMETERS, &alone, &all)[0].course, Course::Either);
    let mut pages = Vec::new();
    for count in 1..4 {
        pages.push(database.find(&format!("Encounter?type=urn:s|common&{wide}&_count={count}")).len());
    }
    assert_eq!(pages, [1, 2, 3]);
}
