//! Chains that come back to the same people: made as lists, for row by row they would never end.

use serde_json::Value;
use serde_json::json;

use super::PARAMETERS;
use super::chains::check;
use super::database::Database;
use super::database::query;
use super::visibility::only;
use crate::search::Course;
use crate::search::Restriction;
use crate::search::beginnings;
use crate::search::plan;

const PEOPLE: usize = 12;

/// People who are all linked to one another, each with an observation and all with one practitioner; one of them has the
/// practitioner's role within, and one stands alone with nothing but an observation.
fn circle() -> Vec<Value> {
    let linked = |at: usize| {
        let others = (0..PEOPLE).filter(|other| *other != at);
        let links = others
            .map(|other| json!({ "type": "seealso", "other": { "reference": format!("Patient/p{other}") } }));
        json!({ "resourceType": "Patient", "id": format!("p{at}"), "name": [{ "family": format!("Name{at}") }],
            "link": Vec::from_iter(links), "generalPractitioner": [{ "reference": "Practitioner/d" }] })
    };
    let observed = |id: &str, code: &str| {
        json!({ "resourceType": "Observation", "id": format!("o-{id}"), "status": "final",
            "code": { "coding": [{ "code": code }] }, "subject": { "reference": format!("Patient/{id}") } })
    };
    let mut all: Vec<Value> = (0..PEOPLE).map(linked).collect();
    all[3]["contained"] = json!([{ "resourceType": "PractitionerRole", "id": "in", "practitioner": { "reference": "Practitioner/d" } }]);
    all[3]["generalPractitioner"] = json!([{ "reference": "#in" }]);
    all.push(json!({ "resourceType": "Patient", "id": "alone", "name": [{ "family": "Alone" }] }));
    all.push(json!({ "resourceType": "Practitioner", "id": "d", "name": [{ "family": "Doctor" }] }));
    all.extend((0..PEOPLE).map(|at| observed(&format!("p{at}"), if at == 7 { "rare" } else { "often" })));
    all.push(observed("alone", "often"));
    all
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

#[test]
fn a_chain_among_people_who_all_lead_to_one_another_ends_and_finds_what_it_should() {
    let mut database = Database::of(&circle());
    let ids = |of: &str| sorted((0..PEOPLE).map(|at| format!("{of}{at}")).collect());
    let (people, observations) = (ids("p"), ids("o-p"));
    let (people, observations): (Vec<&str>, Vec<&str>) =
        (people.iter().map(String::as_str).collect(), observations.iter().map(String::as_str).collect());
    let links = |steps: usize| "link:Patient.".repeat(steps);
    let back = "_has:Patient:link:".repeat(9);
    let through = "_has:Patient:general-practitioner:general-practitioner:Practitioner.".repeat(7);
    let table: [(String, &[&str]); 12] = [
        (format!("Patient?{}family=name7", links(14)), &people),
        (format!("Patient?{}family=alone", links(14)), &[]),
        (format!("Patient?{}family:missing=true", links(14)), &[]),
        (format!("Patient?{}gender:not=male", links(14)), &people),
        (format!("Patient?{}family=name7&family=name3", links(14)), &["p3"]),
        (
            format!("Observation?subject:Patient.{}_has:Observation:subject:code=rare", links(12)),
            &observations,
        ),
        (format!("Observation?subject:Patient.{}_has:Observation:subject:code=none", links(12)), &[]),
        // By a reference to several types too.
        ("Observation?subject.link.link.link.link.family=name1".to_owned(), &observations),
        (format!("Patient?{back}family=name2"), &people),
        (format!("Patient?{back}family=alone"), &[]),
        (format!("Practitioner?{through}family=doctor"), &["d"]),
        (format!("Practitioner?{through}family=nobody"), &[]),
    ];
    let table: Vec<(&str, &[&str])> = table.iter().map(|(search, ids)| (search.as_str(), *ids)).collect();
    check(&mut database, &table, &Restriction::none());
    // As one of several conditions, and where it must not hold.
    let chain = format!("{}family eq name7", links(12));
    let none = format!("{}family eq alone", links(12));
    let table = [
        (format!("Patient?_filter=not ({chain})"), vec!["alone"]),
        (format!("Patient?_filter={none} or family eq alone"), vec!["alone"]),
        (format!("Patient?_filter={chain} and family sw name1"), vec!["p1", "p10", "p11"]),
        (format!("Patient?_filter={none} and family sw name1"), vec![]),
        // With another such chain half way.
        (
            format!("Patient?_filter=link:Patient[{chain}].link:Patient.family eq name1"),
            vec!["p0", "p1", "p10", "p11", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"],
        ),
        (format!("Patient?_filter=link:Patient[{none}].link:Patient.family eq name1"), vec![]),
        (
            format!("Patient?_filter=link:Patient[{none} or family eq name1].family sw name1"),
            vec!["p0", "p10", "p11", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"],
        ),
    ];
    let table: Vec<(&str, &[&str])> = table.iter().map(|(search, ids)| (search.as_str(), &**ids)).collect();
    check(&mut database, &table, &Restriction::none());
}

#[test]
fn what_stands_at_the_end_of_a_list_meets_all_that_is_asked_of_it() {
    let mut database = Database::of(&circle());
    let links = "link:Patient.".repeat(5);
    let people: Vec<String> = sorted((0..PEOPLE).map(|at| format!("p{at}")).collect());
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    let table: [(String, &[&str]); 5] = [
        (format!("Patient?_filter={links}link:Patient[family eq name1].family sw name"), &people),
        (format!("Patient?_filter={links}link:Patient[family eq name1].family eq name3"), &[]),
        (format!("Patient?_filter={links}link:Patient[family eq name1].gender pr true"), &[]),
        (format!("Patient?_filter={links}link:Patient[family eq name1]._id eq p3"), &[]),
        (
            format!(
                "Patient?_filter={links}general-practitioner:PractitionerRole[practitioner re Practitioner/d].specialty pr true"
            ),
            &[],
        ),
    ];
    let table: Vec<(&str, &[&str])> = table.iter().map(|(search, ids)| (search.as_str(), *ids)).collect();
    check(&mut database, &table, &Restriction::none());
}

#[test]
fn a_long_chain_that_comes_back_goes_through_what_is_contained() {
    let mut database = Database::of(&circle());
    let role = "general-practitioner:PractitionerRole.practitioner:Practitioner";
    // Only one has the role, within; all others come to it by those who are linked.
    let to_role = format!("link:Patient.link:Patient.{role}.family=doctor");
    let all_but = |one: &str| sorted((0..PEOPLE).map(|at| format!("p{at}")).filter(|id| id != one).collect());
    for (search, expected) in [
        (format!("Patient?{to_role}"), all_but("")),
        (format!("Patient?link:Patient.{role}.family=doctor"), all_but("p3")),
        (format!("Patient?{role}._has:PractitionerRole:practitioner:_id=in"), vec![]),
        (format!("Patient?link:Patient.link:Patient.{role}.family=nobody"), vec![]),
    ] {
        let query = query(&format!("{search}&_count=50")).unwrap();
        assert_eq!(sorted(database.ids(&query, &Restriction::none())), expected, "{search}");
    }
}

#[test]
fn a_list_holds_nothing_that_is_hidden() {
    let mut database = Database::of(&circle());
    let table: [(&str, &[&str]); 5] = [
        ("Observation?subject:Patient.link:Patient.link:Patient.link:Patient.family=name0", &[]),
        ("Patient?link:Patient.link:Patient.link:Patient.link:Patient.family:missing=false", &[]),
        ("Patient?_has:Patient:link:_has:Patient:link:_has:Patient:link:_has:Patient:link:family=name1", &[]),
        // By way of the practitioner they come to themselves alone.
        (
            "Observation?subject:Patient.general-practitioner:Practitioner._has:Patient:general-practitioner:_has:Observation:subject:code=often",
            &["o-p0"],
        ),
        (
            "Observation?subject:Patient.general-practitioner:Practitioner._has:Patient:general-practitioner:_has:Observation:subject:code=rare",
            &[],
        ),
    ];
    check(&mut database, &table, &only("p0"));
}

#[test]
fn a_long_chain_begins_with_its_end_where_that_is_short_or_where_it_comes_back() {
    let begins = |search: &str| {
        let found = beginnings(&PARAMETERS, &query(search).unwrap(), &Restriction::none());
        (found[0].first.is_some(), found[0].course)
    };
    let role = "subject:Patient.general-practitioner:PractitionerRole";
    let table = [
        // It comes back once, and twice.
        (format!("Observation?{role}.organization.partof.name=ward"), (true, Course::Either)),
        (format!("Observation?{role}.organization.partof.partof.name=ward"), (true, Course::Collect)),
        // Where no index finds the end, one is told row by row and the other from all that have it.
        (format!("Observation?{role}.organization.partof.name:missing=true"), (false, Course::Walk)),
        (format!("Observation?{role}.organization.partof.partof.name:missing=true"), (true, Course::Collect)),
        // Up to three steps are what they were.
        (
            "Patient?link:Patient.link:Patient.link:Patient.family:missing=true".to_owned(),
            (false, Course::Walk),
        ),
        ("Patient?link:Patient.link:Patient.link:Patient.family=x".to_owned(), (true, Course::Either)),
        // One patient's record is gone through before any list is made.
        (
            format!("Observation?{role}.organization.partof.partof.name=ward&subject=Patient/p"),
            (true, Course::Collect),
        ),
    ];
    for (search, expected) in table {
        assert_eq!(begins(&search), expected, "{search}");
    }
}

#[test]
fn the_list_of_a_chain_is_counted_before_it_is_made_and_no_further_than_it_may_be_long() {
    let mut database = Database::of(&circle());
    let mut counted = |search: &str, restriction: &Restriction| -> Vec<i64> {
        let lists = plan(&PARAMETERS, &query(search).unwrap(), restriction).unwrap().lists;
        lists.into_iter().map(|list| database.number(list)).collect()
    };
    let mut counts = |search: &str| counted(search, &Restriction::none());
    let links = |steps: usize| "link:Patient.".repeat(steps);
    // All twelve stand at each place but the last, where one does.
    let people = i64::try_from(PEOPLE).unwrap();
    assert_eq!(counts(&format!("Patient?{}family=name7", links(14))), [people * 14]);
    assert_eq!(counts(&format!("Patient?{}family=alone", links(14))), [1]);
    // Each list by itself: of two conditions, and of one half way.
    let twice = format!("Patient?{}family=name7&{}family=alone", links(9), links(9));
    assert_eq!(counts(&twice), [people * 9, 1]);
    let inner = format!("link:Patient[{}family eq alone and family sw name].link:Patient", links(9));
    assert_eq!(counts(&format!("Patient?_filter={}{inner}.family eq name1", links(5))).len(), 2);
    // What makes no list.
    for search in ["Patient?link:Patient.family=name7", "Patient?family=name7", "Patient"] {
        assert_eq!(counts(search), [0; 0], "{search}");
    }
    // What the caller may not see is not counted, neither where the chain ends nor on the way: nobody leads to them whom they
    // may see.
    let mut theirs = |end: &str| counted(&format!("Patient?{}{end}", links(9)), &only("p3"));
    assert_eq!([theirs("family=name"), theirs("active:missing=true")], [[1], [1]]);
    assert_eq!(theirs("family=alone"), [0]);
    let contained = theirs("general-practitioner:PractitionerRole.practitioner=d");
    assert_eq!(contained, [2], "what stands in their own resource is theirs");
}
