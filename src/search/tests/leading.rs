//! Resources to which many refer, found from those or by going through them: both ways give the same pages.

use serde_json::Value;
use serde_json::json;

use super::database::Database;
use super::database::query;
use super::visibility::only;
use crate::search::Restriction;

/// So many patients, of whom the first so many have the condition `x`, twice, and all have another.
fn people(all: usize, with: usize) -> Vec<Value> {
    let condition = |at: usize, place: usize, code: &str| {
        json!({ "resourceType": "Condition", "id": format!("c{at}-{place}"), "code": { "coding": [{ "code": code }] },
            "subject": { "reference": format!("Patient/p{at:02}") } })
    };
    let one = |at: usize| {
        let has: &[&str] = if at < with { &["x", "y", "x"] } else { &["y"] };
        let patient = json!({ "resourceType": "Patient", "id": format!("p{at:02}"),
            "gender": if at.is_multiple_of(2) { "male" } else { "female" } });
        let conditions = has.iter().enumerate().map(|(place, code)| condition(at, place, code));
        std::iter::once(patient).chain(conditions.collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    (0..all).flat_map(one).collect()
}

/// As the service does: nothing of it is left in any index.
pub(super) fn delete(database: &mut Database, id: &str) {
    for table in ["idx_token", "idx_reference", "idx_date", "idx_string", "idx_compartment"] {
        database.run_all(&format!(
            "DELETE FROM {table} WHERE rid = (SELECT rid FROM resource WHERE id = '{id}')"
        ));
    }
    database.run_all(&format!("UPDATE resource SET deleted = 1, body = NULL WHERE id = '{id}'"));
}

fn newest_first(ids: impl Iterator<Item = usize>) -> Vec<String> {
    let mut ids: Vec<String> = ids.map(|at| format!("p{at:02}")).collect();
    ids.reverse();
    ids
}

#[test]
fn all_to_whom_something_leads_are_found_however_many_they_are_among_however_many() {
    for (all, with) in [(1, 1), (2, 2), (3, 1), (6, 2), (12, 1), (12, 2), (12, 7), (30, 2), (30, 29)] {
        let mut database = Database::of(&people(all, with));
        for count in [1, 2, 5, 20] {
            let mut pages = |search: &str, restriction: &Restriction| {
                database.pages(&format!("{search}&_count={count}"), restriction).concat()
            };
            let (search, none) = ("Patient?_has:Condition:patient:code=x", Restriction::none());
            let told = format!("{with} of {all} by {count}");
            assert_eq!(pages(search, &none), newest_first(0..with), "{told}");
            let male = newest_first((0..with).filter(|at| at.is_multiple_of(2)));
            assert_eq!(pages(&format!("{search}&gender=male"), &none), male, "{told}");
            assert_eq!(pages(search, &only("p00")), ["p00"], "{told}");
            assert_eq!(
                pages("Patient?_has:Condition:patient:code:not=y", &none),
                newest_first(0..with),
                "{told}"
            );
        }
    }
}

#[test]
fn what_is_deleted_leads_nowhere_and_nothing_leads_to_it() {
    let mut database = Database::of(&people(12, 6));
    for id in ["p03", "c1-0", "c1-2"] {
        delete(&mut database, id);
    }
    for count in [1, 20] {
        let has = format!("Patient?_has:Condition:patient:code=x&_count={count}");
        assert_eq!(database.all_pages(&has).concat(), ["p05", "p04", "p02", "p00"]);
        let male = format!("Condition?code=x&subject:Patient.gender=male,female&_count={count}");
        let found = database.all_pages(&male).concat();
        assert!(!found.iter().any(|id| id.starts_with("c3-") || id.starts_with("c1-")), "{found:?}");
        assert_eq!(found.len(), 8);
        let any = query("Condition?code=x&subject:Patient.gender:not=other").unwrap();
        assert_eq!(database.ids(&any, &Restriction::none()).len(), 8);
    }
}

/// The same in other orders: as a transaction stores what refers before that to which it refers, all of a kind after all
/// of another, and in none.
fn in_orders(resources: &[Value]) -> Vec<Vec<Value>> {
    let is_patient = |resource: &Value| resource["resourceType"] == "Patient";
    let (patients, conditions): (Vec<Value>, Vec<Value>) = resources.iter().cloned().partition(is_patient);
    let all = resources.len();
    let mixed = |step: usize| (0..all).map(|at| resources[at * step % all].clone()).collect();
    vec![
        resources.to_vec(),
        resources.iter().rev().cloned().collect(),
        [patients.clone(), conditions.clone()].concat(),
        [conditions.clone(), patients.clone()].concat(),
        [conditions, patients.into_iter().rev().collect()].concat(),
        mixed(13),
        mixed(all - 13),
    ]
}

#[test]
fn a_page_of_those_to_whom_the_newest_leads_is_that_of_all_in_whatever_order_they_were_stored() {
    // 13 divides none of the numbers of resources, so that each comes once.
    for (all, with) in [(30, 20), (30, 3), (60, 59)] {
        let resources = people(all, with);
        assert_ne!(resources.len() % 13, 0);
        for (order, stored) in in_orders(&resources).iter().enumerate() {
            let mut database = Database::of(stored);
            let has = |resource: &&Value| {
                let id = resource["id"].as_str().unwrap().trim_start_matches('p').parse::<usize>();
                id.is_ok_and(|at| at < with)
            };
            let named = |resource: &Value| resource["id"].as_str().unwrap().to_owned();
            let newest: Vec<String> = stored.iter().rev().filter(has).map(named).collect();
            for count in [1, 2, 5, 20] {
                let page = |search: &str| format!("Patient?{search}&_count={count}");
                let told = format!("{with} of {all} by {count} in order {order}");
                let has = "_has:Condition:patient:code=x";
                assert_eq!(database.all_pages(&page(has)).concat(), newest, "{told}");
                let female: Vec<&String> =
                    newest.iter().filter(|id| id.ends_with(['1', '3', '5', '7', '9'])).collect();
                let both = page(&format!("{has}&gender=female"));
                assert_eq!(database.all_pages(&both).concat().iter().collect::<Vec<_>>(), female, "{told}");
            }
        }
    }
}

#[test]
fn an_old_condition_that_comes_to_be_about_a_new_patient_is_not_passed_over() {
    for count in [1, 2, 5] {
        let mut resources = people(30, 20);
        // Nobody newer than the twentieth has the code but the last, by the oldest condition of all.
        resources[1]["subject"] = json!({ "reference": "Patient/p29" });
        let mut database = Database::of(&resources);
        let pages = database.all_pages(&format!("Patient?_has:Condition:patient:code=x&_count={count}"));
        let mut expected = newest_first(0..20);
        expected.insert(0, "p29".to_owned());
        assert_eq!(pages.concat(), expected, "{count}");
    }
}
