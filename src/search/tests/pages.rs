//! The pages of a search, one after another and back again.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;

use super::PARAMETERS;
use super::database::Database;
use super::database::Keyed;
use super::database::query;
use crate::search::Edge;
use crate::search::Position;
use crate::search::Query;
use crate::search::Restriction;
use crate::search::Visible;
use crate::search::plan;

fn ids(rows: &[Keyed]) -> Vec<String> {
    rows.iter().map(|((_, _, id, ..), _)| id.clone()).collect()
}

fn position(((rid, ..), keys): &Keyed) -> Position {
    Position { keys: keys.clone(), rid: *rid }
}

impl Database {
    /// The ids of all pages, one after another.
    pub(super) fn all_pages(&mut self, search: &str) -> Vec<Vec<String>> {
        self.pages(search, &Restriction::none())
    }

    /// The same for one who may not see everything; and back again from the last page, which must give the same.
    pub(super) fn pages(&mut self, search: &str, restriction: &Restriction) -> Vec<Vec<String>> {
        let mut query = query(search).unwrap();
        let mut pages = Vec::new();
        loop {
            let (rows, more) = self.page(&query, restriction);
            pages.push(ids(&rows));
            if !more {
                let back = self.pages_before(&mut query, rows.first(), restriction);
                assert_eq!(back, pages[..pages.len() - 1], "{search} backwards");
                return pages;
            }
            query.edge = rows.last().map(|row| Edge::After(position(row)));
        }
    }

    /// All pages before a row, the first first.
    fn pages_before(
        &mut self,
        query: &mut Query,
        row: Option<&Keyed>,
        restriction: &Restriction,
    ) -> Vec<Vec<String>> {
        let mut pages = Vec::new();
        let Some(mut first) = row.map(position) else { return pages };
        loop {
            query.edge = Some(Edge::Before(first));
            let (rows, more) = self.page(query, restriction);
            let Some(row) = rows.first() else { break };
            first = position(row);
            pages.push(ids(&rows));
            if !more {
                break;
            }
        }
        pages.reverse();
        pages
    }

    /// The rows of a page, and whether there are more beyond it.
    fn page(&mut self, query: &Query, restriction: &Restriction) -> (Vec<Keyed>, bool) {
        let plan = plan(&PARAMETERS, query, restriction).unwrap();
        let mut rows = self.rows(&plan);
        let limit = plan.limit as usize;
        let more = rows.len() > limit;
        match query.edge {
            Some(Edge::Before(_)) => drop(rows.drain(..rows.len().saturating_sub(limit))),
            Some(Edge::After(_)) | None => rows.truncate(limit),
        }
        (rows, more)
    }
}

/// Observations of which most end with the same day.
fn of_one_day() -> Vec<Value> {
    let day = json!("2025-01-02");
    let span = |start: &str| json!({ "start": start, "end": day });
    let all = [
        ("o1", "effectiveDateTime", day.clone()),
        ("o2", "effectiveDateTime", day.clone()),
        ("o3", "effectivePeriod", span("2025-01-01")),
        ("o4", "effectivePeriod", span("2025-01-02T12:00:00Z")),
        ("o5", "note", json!([])),
        ("o6", "note", json!([])),
        ("o7", "effectiveDateTime", day.clone()),
        ("o8", "effectiveDateTime", json!("2025-01-01")),
    ];
    let one = |(id, name, value): &(&str, &str, Value)| {
        let code = if ["o1", "o3", "o7"].contains(id) { "few" } else { "other" };
        json!({ "resourceType": "Observation", "id": id, "status": "final", *name: value,
            "subject": { "reference": "Patient/ana" },
            "code": { "coding": [{ "system": "urn:s", "code": "all" }, { "system": "urn:s", "code": code }] } })
    };
    all.iter().map(one).collect()
}

#[test]
fn rows_with_the_same_key_stand_as_their_index_has_them_whichever_way_they_are_found() {
    let mut database = Database::of(&of_one_day());
    let down = ["o4", "o7", "o2", "o1", "o3", "o8", "o6", "o5"];
    let up = ["o8", "o3", "o1", "o2", "o7", "o4", "o5", "o6"];
    let table: [(&str, &[&str]); 9] = [
        ("_sort=-date", &down),
        ("_sort=date", &up),
        ("code=all&_sort=-date", &down),
        ("code=all&_sort=date", &up),
        ("code=few&_sort=-date", &["o7", "o1", "o3"]),
        ("code=few&_sort=date", &["o3", "o1", "o7"]),
        ("_sort=-status", &["o8", "o7", "o6", "o5", "o4", "o3", "o2", "o1"]),
        ("_sort=status", &["o1", "o2", "o3", "o4", "o5", "o6", "o7", "o8"]),
        // What is few is collected, and has no more than the keys that were asked for.
        ("patient=ana&_sort=-date", &["o7", "o4", "o3", "o2", "o1", "o8", "o6", "o5"]),
    ];
    for (search, expected) in table {
        for count in [1, 2, 3, 20] {
            let pages = database.all_pages(&format!("Observation?{search}&_count={count}"));
            assert_eq!(pages.concat(), expected, "{search} by {count}");
        }
    }
}

#[test]
fn of_several_rows_the_one_that_gives_the_key_tells_apart_too() {
    let plan = |id: &str, spans: &[(&str, &str)]| {
        let detail =
            |(start, end): &(&str, &str)| json!({ "scheduledPeriod": { "start": start, "end": end } });
        let activities: Vec<Value> = spans.iter().map(|span| json!({ "detail": detail(span) })).collect();
        json!({ "resourceType": "CarePlan", "id": id, "status": "active", "activity": activities })
    };
    let mut database = Database::of(&[
        plan("c1", &[("2025-01-01", "2025-03-01"), ("2025-02-01", "2025-03-01")]),
        plan("c2", &[("2025-01-15", "2025-03-01")]),
        plan("c3", &[("2025-02-15", "2025-03-01"), ("2025-01-01", "2025-01-02")]),
        plan("c4", &[]),
        plan("c5", &[("2025-01-01", "2025-03-01")]),
        plan("c6", &[("2025-01-01", "2025-01-02")]),
    ]);
    let table: [(&str, &[&str]); 2] = [
        ("_sort=-activity-date", &["c3", "c1", "c2", "c5", "c6", "c4"]),
        ("_sort=activity-date", &["c3", "c6", "c1", "c5", "c2", "c4"]),
    ];
    for (search, expected) in table {
        for also in ["", "&status=active", "&_id=c1,c2,c3,c4,c5,c6"] {
            for count in [1, 2, 4, 20] {
                let pages = database.all_pages(&format!("CarePlan?{search}{also}&_count={count}"));
                let found = pages.concat();
                // The named are few: those with the same key come by their numbers.
                let is_same = if also.contains("_id") { found.len() == 6 } else { found == expected };
                assert!(is_same, "{search}{also} by {count}: {found:?}");
            }
        }
    }
}

#[test]
fn a_position_of_another_order_is_refused_and_never_the_first_page_again() {
    let planned = |search: &str, keys: &[&str]| {
        let mut query = query(search).unwrap();
        let keys = keys.iter().map(|key| Some((*key).to_owned())).collect();
        query.edge = Some(Edge::After(Position { keys, rid: 3 }));
        plan(&PARAMETERS, &query, &Restriction::none())
    };
    assert!(planned("Observation?_sort=-date", &["5", "4"]).is_ok());
    assert!(planned("Observation?patient=ana&_sort=-date", &["5"]).is_ok());
    assert!(planned("Observation?code=w", &[]).is_ok());
    for (search, keys) in [
        ("Observation?_sort=-date", &["5"][..]),
        ("Observation?_sort=-date", &[]),
        ("Observation?patient=ana&_sort=-date", &["5", "4"]),
        ("Observation?code=w", &["5"]),
    ] {
        assert_eq!(planned(search, keys).unwrap_err().status(), 400, "{search} {keys:?}");
    }
}

/// Families that differ by case, by marks, by how their marks are written, beyond the first plane, or in nothing.
const FAMILIES: [&str; 12] = [
    "Ähre",
    "ähre",
    "Ahre",
    "a\u{308}hre",
    "ahre",
    "Zeta",
    "zeta",
    "\u{1f600}",
    "\u{ff5e}",
    "-",
    "Über All",
    "uber-all",
];

#[test]
fn pages_in_the_order_of_a_text_have_each_once_whatever_its_values_and_whichever_way_they_are_found() {
    let one = |at: usize| {
        let name = |n: usize| json!({ "family": FAMILIES[(at * 7 + n * 5) % FAMILIES.len()] });
        let system =
            |n: usize| json!({ "system": format!("urn:s{}", (at + n) % 3), "value": format!("v{}", at % 4) });
        json!({ "resourceType": "Patient", "id": format!("p{at:02}"), "gender": if at.is_multiple_of(2) { "male" } else { "female" },
            "active": true, "name": Vec::from_iter((0..at % 4).map(name)),
            "identifier": Vec::from_iter((0..at % 3).map(system)) })
    };
    let mut database = Database::of(&(0..40).map(one).collect::<Vec<_>>());
    for sort in ["family", "-family", "identifier", "-identifier", "gender", "-gender"] {
        let whole = database.all_pages(&format!("Patient?_sort={sort}&_count=100")).concat();
        let mut once = whole.clone();
        once.sort();
        once.dedup();
        assert_eq!((once.len(), whole.len()), (40, 40), "{sort}");
        let male = whole.iter().filter(|id| id[1..].parse::<usize>().unwrap().is_multiple_of(2)).cloned();
        let table = [("", whole.clone()), ("active=true&", whole.clone()), ("gender=male&", male.collect())];
        for (also, expected) in table {
            for count in [1, 3, 7] {
                let found =
                    database.all_pages(&format!("Patient?{also}_sort={sort}&_count={count}")).concat();
                assert_eq!(found, expected, "{also} {sort} by {count}");
            }
        }
    }
}

#[test]
fn a_page_link_holds_whether_the_caller_sees_one_patient_or_more() {
    let observed = |(at, patient): (usize, &&str)| {
        json!({ "resourceType": "Observation", "id": format!("o{at}"), "status": "final", "code": { "text": "x" },
            "subject": { "reference": format!("Patient/{patient}") }, "effectiveDateTime": format!("2025-01-0{}", at + 1) })
    };
    let mut database = Database::of(
        &["ana", "bob", "ana", "bob", "ana"].iter().enumerate().map(observed).collect::<Vec<_>>(),
    );
    let sees = |patients: &[&str]| Restriction {
        default: Visible::Patients(patients.iter().map(|patient| (*patient).to_owned()).collect()),
        by_type: BTreeMap::new(),
    };
    let (one, both) = (sees(&["ana"]), sees(&["ana", "bob"]));
    for search in ["Observation?_sort=date&_count=2", "Observation?_sort=date&code:missing=true&_count=2"] {
        let mut query = query(search).unwrap();
        let keys = [&one, &both, &Restriction::none()]
            .map(|restriction| plan(&PARAMETERS, &query, restriction).unwrap().sort_keys);
        assert_eq!(keys, [2; 3], "{search}");
        if search.contains("missing") {
            continue;
        }
        let (first, _) = database.page(&query, &one);
        assert_eq!(ids(&first), ["o0", "o2"]);
        query.edge = first.last().map(|row| Edge::After(position(row)));
        assert_eq!(ids(&database.page(&query, &both).0), ["o3", "o4"]);
        assert_eq!(ids(&database.page(&query, &one).0), ["o4"]);
    }
}
