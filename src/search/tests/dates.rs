//! R4's own examples of date searches. <https://hl7.org/fhir/R4/search.html#prefix>

use serde_json::Value;
use serde_json::json;

use super::database::Database;

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
