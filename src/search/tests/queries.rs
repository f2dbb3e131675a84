//! How query strings are understood.

use super::database::context;
use super::database::query;
use super::refusals::refused;
use super::ty;
use crate::search::Context;
use crate::search::Types;
use crate::search::conditional_key;
use crate::search::parse;
use crate::search::parse_system;

#[test]
fn every_problem_is_reported_and_chains_have_an_end() {
    assert_eq!(refused("Patient?a=1&b=2&_count=x&name=ok").len(), 3);
    assert_eq!(refused("Patient?%zz=1").len(), 1);
    let chain: fn(usize) -> String = |steps| format!("Patient?{}name=x", "link:Patient.".repeat(steps));
    let has: fn(usize) -> String = |steps| format!("Patient?{}name=x", "_has:Patient:link:".repeat(steps));
    for nested in [chain, has] {
        assert!(query(&nested(16)).is_ok());
        assert!(refused(&nested(17))[0].1.contains("too long; 16 steps"));
    }
    let many = format!("Patient?{}", "name=a&".repeat(41));
    assert!(refused(&many)[0].1.contains("conditions"));
}

#[test]
fn a_lenient_search_ignores_the_unknown_but_not_the_wrong() {
    let lenient = Context { lenient: true, ..context() };
    let query = parse(&lenient, ty("Patient"), "colour=blue&name=x&name:fuzzy=y&_sort=size").unwrap();
    assert_eq!(query.ignored, ["colour=blue", "name:fuzzy=y", "_sort=size"]);
    assert_eq!(query.self_query, "name=x&_count=20");
    assert!(parse(&lenient, ty("Patient"), "birthdate=never").is_err());
    let includes = [
        "_include=Observation:subject",
        "_include=Patient:name",
        "_include=Patient:colour",
        "_include=Patient",
        "_revinclude=Encounter:location",
        "_include:all=Patient:link",
    ];
    let query =
        parse(&lenient, ty("Patient"), &format!("{}&_include=Patient:link", includes.join("&"))).unwrap();
    assert_eq!(query.ignored, includes);
    assert_eq!(query.self_query, "_count=20&_include=Patient:link");
}

#[test]
fn what_is_known_and_has_no_value_is_ignored() {
    let empty = "name=&birthdate:missing=&_has:Observation:patient:code=&general-practitioner.name=&_filter=&_list=\
                 &_text=&_content=&_id=&_lastUpdated=&address-city:exact=&_sort=&_count=&_include=&_revinclude:iterate=\
                 &_summary=&_elements=&_total=&_contained=";
    let read = query(&format!("Patient?{empty}&gender=male")).unwrap();
    assert_eq!((read.self_query.as_str(), read.criteria.len()), ("gender=male&_count=20", 1));
    assert!(read.includes.is_empty());
    assert_eq!(read.ignored.join("&"), empty, "who meant to give a value is told");
    // A reference to several types, of which one has the parameter.
    let read = query("Observation?subject.family=&_count=&_count=3&_sort=&_sort=date").unwrap();
    assert_eq!((read.self_query.as_str(), read.criteria.len()), ("_sort=date&_count=3", 0));
    let whole = parse_system(&context(), &[ty("Goal"), ty("Flag")], "_type=&_id=&_tag=a").unwrap();
    assert_eq!(whole.self_query, "_tag=a&_count=20");
    assert_eq!(refused("Patient?_filter=gender%20eq%20%22%22").len(), 1);
}

#[test]
fn what_is_there_twice_counts_once_or_together() {
    let read = |search: &str| query(search).unwrap().self_query;
    assert_eq!(read("Goal?_count=3&_count=3&_total=none&_totalMethod=none"), "_count=3&_total=none");
    assert_eq!(read("Goal?_elements=id,status&_elements=note,id"), "_count=20&_elements=id,status,note");
}

#[test]
fn the_self_query_says_what_was_understood_and_is_understood_again() {
    let table = [
        ("Patient", "_count=20"),
        ("Patient?name=M%C3%BCller%20x&_count=5000&_format=json", "name=M%C3%BCller%20x&_count=1000"),
        (
            "Patient?_sort=-birthdate,_id&identifier=a|b,c",
            "identifier=a%7Cb,c&_sort=-birthdate,_id&_count=20",
        ),
        ("Patient?_totalMethod=accurate&_summary=count&_count=0", "_count=0&_total=accurate&_summary=count"),
        ("Patient?_totalMethod=count&_count=0", "_count=0&_total=accurate"),
        (
            "CarePlan?_include=CarePlan:goal&_revinclude=Provenance:target&_elements=id,status",
            "_count=20&_elements=id,status&_include=CarePlan:goal&_revinclude=Provenance:target",
        ),
        (
            "CarePlan?_include=*&_include:recurse=Goal:*:Patient&_revinclude:iterate=Goal:*&_include=*",
            "_count=20&_include=*&_include:iterate=Goal:*:Patient&_revinclude:iterate=Goal:*",
        ),
    ];
    for (search, expected) in table {
        let read = query(search).unwrap();
        assert_eq!(read.self_query, expected);
        let again = parse(&context(), read.ty, &read.self_query).unwrap();
        assert_eq!((again.self_query, again.criteria), (read.self_query, read.criteria));
    }
}

#[test]
fn a_conditional_key_is_the_same_for_the_same_question_and_only_for_it() {
    let key = |search: &str| conditional_key(&query(search).unwrap());
    let same = [
        ("Patient?identifier=a|b&name=x", "Patient?name=X&identifier=a%7Cb&_count=3"),
        ("Patient?identifier=a|b,c|d", "Patient?identifier=c|d,a|b"),
        ("Observation?subject=Patient/1", "Observation?subject:Patient=1"),
        ("Observation?date=2024", "Observation?date=eq2024"),
        ("Patient?name=x&name=x", "Patient?name=x"),
    ];
    for (one, other) in same {
        assert_eq!(key(one), key(other));
    }
    let different = [
        ("Patient?identifier=a|b", "Patient?identifier=a|c"),
        ("Patient?name=x", "Practitioner?name=x"),
        ("Patient?name=a,b", "Patient?name=a\\,b"),
        ("Patient?name=x", "Patient?name:exact=x"),
        ("Patient?active=true", "Patient?active:not=true"),
        ("Patient?name=a&name=b", "Patient?name=a,b"),
        ("Observation?subject:Patient.name=x", "Observation?subject:Group.identifier=x"),
    ];
    for (one, other) in different {
        assert_ne!(key(one), key(other));
    }
    assert!(key(&format!("Patient?name=a&identifier={}", "9".repeat(5_000))).len() < 600);
}

#[test]
fn what_several_types_have_is_asked_of_each() {
    let types = |names: &[&str]| names.iter().map(|name| ty(name)).collect::<Vec<_>>();
    let read = |names: &[&str], query: &str| parse_system(&context(), &types(names), query);
    let both = read(&["Condition", "Goal"], "_type=Condition,Goal&patient=a&_sort=-subject").unwrap();
    let each: Vec<_> = both.of_each_type().map(|query| (query.ty.name(), query.criteria.len())).collect();
    assert_eq!(each, [("Condition", 1), ("Goal", 1)]);
    assert_ne!(both.criteria[0].test, both.also[0].criteria[0].test, "each type has parameters of its own");
    assert_eq!(both.self_query, "_type=Condition,Goal&patient=a&_sort=-subject&_count=20");
    let again = read(&["Condition", "Goal"], &both.self_query).unwrap();
    assert_eq!(again.self_query, both.self_query);
    let refused = |names: &[&str], query: &str| {
        let failure = read(names, query).expect_err(query);
        assert_eq!(failure.status(), 400);
        failure.issues.into_iter().map(|issue| issue.text).collect::<Vec<_>>().join(" ")
    };
    let wrong = refused(&["Goal", "Flag"], "_type=Goal,Flag&lifecycle-status=active&colour=1");
    assert_eq!(wrong.matches("is not a search parameter of").count(), 2, "{wrong}");
    let kinds = refused(&["Patient", "ValueSet"], "_type=Patient,ValueSet&_sort=identifier,version");
    assert!(kinds.contains("`version` is not a search parameter of Patient"), "{kinds}");
    assert!(refused(&["Goal"], "patient=a").contains("name the types by `_type`"));
    assert_eq!(Types::of("_type=Goal,Flag,Goal&x=1").unwrap(), Types::Named(types(&["Goal", "Flag"])));
    assert_eq!(Types::of("x=1").unwrap(), Types::All);
    assert_eq!(Types::of("_type=&_type=Goal").unwrap(), Types::Named(types(&["Goal"])));
    assert!(Types::of("_type=,").is_err() && Types::of("_type=Goal&_type=Flag").is_err());
    let narrated = read(&["Binary", "Goal", "Bundle", "Flag"], "_text=pain").unwrap();
    assert_eq!(narrated.of_each_type().map(|query| query.ty.name()).collect::<Vec<_>>(), ["Goal", "Flag"]);
    assert_eq!(read(&["Binary"], "_text=pain").unwrap().criteria[0].canonical, "_id:missing=true");
    assert!(
        refused(&["Binary", "Goal"], "_type=Binary,Goal&_text=pain").contains("not a search parameter of")
    );
}
