//! Pages of a search, and what goes with them.

use super::*;
use crate::search;

#[test]
fn what_goes_with_a_page_is_bounded_in_number_and_in_hops_and_says_so() {
    on_each_app(|session| {
        let link = |from: usize, to: usize| {
            resource(json!({ "resourceType": "Organization", "id": format!("o{from}"), "name": "o",
                "partOf": { "reference": format!("Organization/o{to}") } }))
        };
        let put = |resource: Resource, id: String| {
            update(&session, resource, &id, None).expect("it is written");
        };
        (0..9).for_each(|at| put(link(at, at + 1), format!("o{at}")));
        put(resource(json!({ "resourceType": "Organization", "id": "o9", "name": "o" })), "o9".into());
        put(patient("one"), "one".into());
        let goal = |at: usize| {
            resource(json!({ "resourceType": "Goal", "id": format!("g{at}"), "lifecycleStatus": "active",
                "description": { "text": "walk" }, "subject": { "reference": "Patient/one" } }))
        };
        (0..MOST_INCLUDED).for_each(|at| put(goal(at), format!("g{at}")));
        let found = |name: &str, query: &str| {
            let query = search::parse(&session.context(), ty(name), query).unwrap();
            let found = session.search(&query).unwrap();
            (found.included.len(), found.cut)
        };
        let (up, back) = ("_include:iterate=Organization:partof", "_revinclude=Goal:patient");
        assert_eq!(found("Organization", &format!("_id=o0&{up}")), (MOST_HOPS, true));
        assert_eq!(found("Organization", &format!("_id=o5&{up}")), (4, false));
        assert_eq!(found("Organization", &format!("_id=o0,o5&{up}")), (8, false));
        assert_eq!(found("Patient", &format!("_id=one&{back}")), (MOST_INCLUDED, false));
        put(goal(MOST_INCLUDED), format!("g{MOST_INCLUDED}"));
        assert_eq!(found("Patient", &format!("_id=one&{back}")), (MOST_INCLUDED, true));
        assert_eq!(found("Patient", &format!("_id=one&{back}&{back}:Patient")), (MOST_INCLUDED, true));
        // What is there already takes no place.
        let both = format!("_include=Goal:patient&_include=Goal:subject&_count={MOST_INCLUDED}");
        assert_eq!(found("Goal", &both), (1, false));
    });
}

#[test]
fn pages_follow_one_another_without_gaps_or_doubles() {
    on_each_app(|session| {
        session
            .write(
                (0..25).map(|at| Change::client(ChangeAction::create(identified(&at.to_string())))).collect(),
            )
            .unwrap();
        let mut query =
            crate::search::parse(&session.context(), ty("Patient"), "_count=10&_total=accurate").unwrap();
        let (mut seen, mut pages) = (std::collections::HashSet::new(), 0);
        loop {
            let found = session.search(&query).unwrap();
            assert_eq!(found.total, Some(25));
            seen.extend(found.matches.iter().map(|stored| stored.rid));
            pages += 1;
            query.edge = found.next.map(search::Edge::After);
            if query.edge.is_none() {
                break;
            }
        }
        assert_eq!((seen.len(), pages), (25, 3));
    });
}
