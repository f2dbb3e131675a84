//! The order and the pages of searches for what stands in other resources.

use serde_json::json;

use super::contained::medicine;
use super::contained::order;
use super::contained::records;
use super::database::Database;
use super::database::query;
use crate::search::Edge;
use crate::search::Position;
use crate::search::Restriction;
use crate::search::plan;

#[test]
fn a_container_is_sorted_by_the_best_of_its_matches() {
    let mut database = Database::of(&records());
    assert_eq!(database.find("Medication?_contained=both&_sort=code"), ["r1", "r2", "own"]);
    assert_eq!(database.find("Medication?_contained=both&_sort=-code"), ["r2", "own", "r1"]);
    assert_eq!(database.find("Medication?_contained=true&_sort=-_lastUpdated,code"), ["r2", "r1"]);
}

#[test]
fn pages_of_both_go_through_all_of_them_once_in_either_direction() {
    let mut all = records();
    all.extend((0..7).map(|at| {
        let inside = (0..=at % 3).map(|n| medicine(&format!("m{n}"), ["a", "b"][n % 2], "active"));
        order(&format!("s{at}"), "ana", inside.collect())
    }));
    all.extend((0..5).map(|at| medicine(&format!("t{at}"), ["b", "a"][at % 2], "inactive")));
    // Those in which one of their own type stands, before it or after it in an order.
    all.extend([("c", "a"), ("a", "c"), ("b", "b")].map(|(own, inside)| {
        let mut outer = medicine(&format!("u{own}{inside}"), own, "active");
        outer["contained"] = json!([medicine("m", inside, "inactive")]);
        outer
    }));
    let mut database = Database::of(&all);
    let sorts =
        ["", "&_sort=code", "&_sort=-code", "&_sort=-status,code", "&_sort=-_lastUpdated", "&_sort=_id"];
    let narrowed =
        ["&_sort=code&code=a", "&_sort=-code,_id&status=inactive&code=b,c", "&_sort=code&_id:missing=false"];
    for sort in sorts.into_iter().chain(narrowed) {
        for shown in ["container", "contained"] {
            let search = format!("Medication?_contained=both&_containedType={shown}{sort}");
            let counted = query(&format!("{search}&_total=accurate")).unwrap();
            let total = database.total(&counted, &Restriction::none());
            let mut page = |count: u32, edge: Option<Edge>| {
                let query = query(&format!("{search}&_count={count}")).unwrap().within(None, edge.as_ref());
                let rows = database.rows(&plan(&super::PARAMETERS, &query, &Restriction::none()).unwrap());
                let position = |((rid, ..), keys): super::database::Keyed| Position { keys, rid };
                rows.into_iter().map(position).collect::<Vec<_>>()
            };
            let whole = page(100, None);
            assert!(whole.len() > 3, "{search}: {whole:?}");
            assert_eq!(total, i64::try_from(whole.len()).ok(), "{search}");
            let (mut found, mut edge) = (Vec::new(), None);
            loop {
                let mut next = page(3, edge.map(Edge::After));
                next.truncate(3);
                let Some(last) = next.last().cloned() else { break };
                found.extend(next);
                edge = Some(last);
            }
            assert_eq!(found, whole, "{search}");
            let (mut back, mut edge) = (Vec::new(), whole.last().cloned().unwrap());
            loop {
                let before = page(3, Some(Edge::Before(edge)));
                let before = before[before.len().saturating_sub(3)..].to_vec();
                let Some(first) = before.first().cloned() else { break };
                back = [before, back].concat();
                edge = first;
            }
            assert_eq!(back, whole[..whole.len() - 1], "{search}");
        }
    }
}

#[test]
fn a_sorted_page_of_both_walks_the_order_of_what_contains_nothing() {
    let plan =
        |search: &str| plan(&super::PARAMETERS, &query(search).unwrap(), &Restriction::none()).unwrap();
    // By this a walk of an index takes of each resource the row that counts.
    let walks = |search: &str| plan(search).page.mentions(" y WHERE y.rid = d0.rid");
    for shown in ["", "&_containedType=contained"] {
        assert!(walks(&format!("Observation?_contained=both&_sort=-date{shown}")), "{shown}");
        assert!(!walks(&format!("Observation?_contained=true&_sort=-date{shown}")), "{shown}");
    }
}
