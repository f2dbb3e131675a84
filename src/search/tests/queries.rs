//! How query strings are understood, and what is said about those that are not.

use super::database::context;
use super::database::query;
use super::ty;
use crate::search::Context;
use crate::search::Types;
use crate::search::conditional_key;
use crate::search::parse;
use crate::search::parse_system;

fn refused(search: &str) -> Vec<(String, String)> {
    let failure = query(search).expect_err(search);
    assert_eq!(failure.status(), 400, "{search}");
    failure.issues.into_iter().map(|issue| (issue.expression.unwrap_or_default(), issue.text)).collect()
}

#[test]
fn what_is_wrong_is_named_with_what_is_known() {
    let table = [
        (
            "Patient?familly=x",
            "http.familly",
            "`familly` is not a search parameter of Patient; known are family",
        ),
        ("Patient?name:fuzzy=x", "http.name:fuzzy", "`:fuzzy`"),
        ("Patient?birthdate:exact=2024", "http.birthdate:exact", "known are :missing"),
        ("Patient?birthdate=zz2024", "http.birthdate", "`zz` is not a prefix; known are eq, ne"),
        ("Patient?birthdate=31.12.1999", "http.birthdate", "is not a date"),
        ("Patient?name=,", "http.name", "empty value"),
        ("Patient?familly=", "http.familly", "`familly` is not a search parameter of Patient"),
        ("Patient?name:fuzzy=", "http.name:fuzzy", "`:fuzzy`"),
        ("Patient?birthdate:exact=", "http.birthdate:exact", "does not go with"),
        ("Patient?_sort:up=", "http._sort:up", "`:up`"),
        ("Patient?_has:Observation:patient:colour=", "http._has:Observation:patient:colour", "`colour`"),
        ("Observation?subject.colour=", "http.subject.colour", "`colour`"),
        ("Patient?name=a\\b", "http.name", "write `\\\\` for a backslash"),
        ("Patient?_id=a\\", "http._id", "write `\\\\` for a backslash"),
        ("Patient?family:not=x", "http.family:not", "known are :exact, :contains, :missing"),
        ("Patient?organization:not=1", "http.organization:not", "does not go with"),
        ("Patient?birthdate:not=2000", "http.birthdate:not", "does not go with"),
        ("Patient?_lastUpdated:not=2000", "http._lastUpdated:not", "does not go with"),
        ("RiskAssessment?probability:not=1", "http.probability:not", "does not go with"),
        ("Observation?value-quantity:not=1", "http.value-quantity:not", "does not go with"),
        ("ValueSet?url:not=urn:a", "http.url:not", "does not go with"),
        ("ValueSet?url:below=urn:oid:1.2", "http.url:below", "a URN has none"),
        ("ValueSet?url:above=URN:oid:1.2.3", "http.url:above", "a URN has none"),
        ("QuestionnaireResponse?questionnaire:identifier=a|b", "http.questionnaire:identifier", "by the URL"),
        (
            "QuestionnaireResponse?questionnaire:above=http://x/q",
            "http.questionnaire:above",
            "part of one another",
        ),
        ("QuestionnaireResponse?questionnaire:below=q1", "http.questionnaire:below", "is a canonical URL"),
        (
            "QuestionnaireResponse?questionnaire:below=http://x/q|",
            "http.questionnaire:below",
            "is a canonical URL",
        ),
        ("Patient?active=|true", "http.active", "has no system"),
        ("Patient?deceased=urn:s|true", "http.deceased", "has no system"),
        ("Patient?phone=home|555", "http.phone", "has no system"),
        ("Patient?_filter=active eq |true", "http._filter", "has no system"),
        ("Patient?_count=1&_count=2", "http._count", "different values"),
        ("Patient?_total=none&_totalMethod=accurate", "http._totalMethod", "different values"),
        ("Patient?_summary=true&_summary=data&_summary=true", "http._summary", "different values"),
        ("Patient?_contained=true&_contained=both", "http._contained", "different values"),
        (
            "Patient?_summary=text&_include=Patient:organization",
            "http._summary",
            "does not go with `_include`",
        ),
        ("Patient?_summary=text&_revinclude=Goal:patient", "http._summary", "does not go with `_include`"),
        ("Patient?name=a,,b", "http.name", "empty value"),
        ("Patient?active:missing=yes", "http.active:missing", "`true` or `false`"),
        ("Patient?identifier=a|b|c", "http.identifier", "system|code"),
        ("Patient?identifier=|", "http.identifier", "The code is empty"),
        ("Patient?_count=-1", "http._count", "whole number"),
        ("Patient?_count=many", "http._count", "whole number"),
        ("Patient?_total=all", "http._total", "known are"),
        ("Patient?_sort=colour", "http._sort", "`colour` is not a search parameter"),
        ("Patient?_sort=name&_sort=birthdate", "http._sort", "twice"),
        ("Patient?_elements=name.given", "http._elements", "top level"),
        ("Patient?_include=Patient", "http._include", "Type:parameter"),
        ("Patient?_include=Patient:link:other:x", "http._include", "Type:parameter"),
        ("Patient?_include=Nothing:*", "http._include", "`Nothing` is not a resource type"),
        ("Patient?_include=Patient:*:Nothing", "http._include", "`Nothing` is not a resource type"),
        ("Patient?_include=Observation:*", "http._include", "begins at Observation"),
        ("Patient?_revinclude=*", "http._revinclude", "as in `Observation:*`"),
        ("Patient?_revinclude=Medication:*", "http._revinclude", "never refers to Patient"),
        ("Patient?_revinclude=Observation:subject:Group", "http._revinclude", "never refers to Patient"),
        ("Patient?_include:all=Patient:link", "http._include:all", "known is :iterate"),
        ("Patient?_include:iterate=Patient:name", "http._include:iterate", "only a reference"),
        ("Patient?_include=Patient:name", "http._include", "only a reference"),
        ("Patient?_include=Observation:subject", "http._include", "begins at Observation"),
        ("Patient?_include=Patient:organization:Patient", "http._include", "never refers to `Patient`"),
        ("Patient?_revinclude:iterate=*", "http._revinclude:iterate", "not supported"),
        ("Patient?_revinclude=Encounter:location", "http._revinclude", "never refers to Patient"),
        ("Patient?_contained=maybe", "http._contained", "known are false, true, both"),
        ("Observation?patient=Group/1", "http.patient", "only to Patient"),
        ("Observation?patient=a b", "http.patient", "an id, `Type/id` or an absolute URL"),
        ("Observation?subject:Encounter=1", "http.subject:Encounter", "never refers to Encounter"),
        ("Observation?subject:Patient=Group/1", "http.subject:Patient", "not of the type"),
        ("Observation?subject.colour=1", "http.subject.colour", "`colour` is not a search parameter"),
        ("Observation?code.name=1", "http.code.name", "only a reference"),
        ("Observation?value-quantity=5|kg", "http.value-quantity", "number|system|code"),
        ("Observation?value-quantity=five", "http.value-quantity", "prefix"),
        ("Patient?_has:Observation:code=1", "http._has:Observation:code", "_has:Type:reference:parameter"),
        ("Patient?_has:Observation:performer:code=1&_id:text=x", "http._id:text", "no modifier"),
        ("Patient?_id:missing=x", "http._id:missing", "`true` or `false`"),
    ];
    each_is_refused(&table);
}

#[test]
fn what_asks_for_no_words_is_named() {
    each_is_refused(&[
        ("Patient?_text:exact=x", "http._text:exact", "no modifier"),
        ("Patient?_text:missing=true", "http._text:missing", "no modifier"),
        ("Patient?_text=%22x", "http._text", "quotation mark"),
        ("Patient?_content=--", "http._content", "neither a letter nor a digit"),
        ("Patient?_content=a,", "http._content", "empty value"),
        ("Patient?_sort=_text", "http._sort", "not supported"),
        ("Binary?_text=x", "http._text", "not a search parameter of Binary"),
        ("Patient?organization._text=x", "http.organization._text", "goes into no chain"),
        (
            "Patient?_has:Observation:patient:_content=x",
            "http._has:Observation:patient:_content",
            "goes into no chain",
        ),
        ("Patient?_filter=_text%20co%20x", "http._filter", "goes into no chain"),
    ]);
}

/// Each search with where it is wrong, and a part of what is said about it.
fn each_is_refused(table: &[(&str, &str, &str)]) {
    for (search, at, text) in table {
        let issues = refused(search);
        assert_eq!(issues.len(), 1, "{search}: {issues:?}");
        assert_eq!(issues[0].0, *at, "{search}");
        assert!(issues[0].1.contains(text), "{search}: {}", issues[0].1);
    }
}

#[test]
fn a_composite_that_lacks_a_part_and_a_place_that_is_none_are_named() {
    each_is_refused(&[
        ("Location?near=1", "http.near", "latitude|longitude|distance|unit"),
        ("Location?near=1|2|3|km|5", "http.near", "latitude|longitude|distance|unit"),
        ("Location?near=north|2", "http.near", "latitude|longitude|distance|unit"),
        ("Location?near=91|2", "http.near", "from -90 to 90"),
        ("Location?near=1|181", "http.near", "from -90 to 90"),
        ("Location?near=1|NaN", "http.near", "from -90 to 90"),
        ("Location?near=1|2|-3|km", "http.near", "latitude|longitude|distance|unit"),
        ("Location?near=1|2|3|kg", "http.near", "no length"),
        ("Location?near=1|2|3|miles", "http.near", "no length"),
        ("Location?_sort=near", "http._sort", "Sorting by `near`"),
        ("Observation?code-value-quantity=a$b", "http.code-value-quantity", "`value-quantity`: `b` is not"),
        ("Observation?code-value-quantity=a", "http.code-value-quantity", "2 parts, `code$value-quantity`"),
        ("Observation?code-value-quantity=a$", "http.code-value-quantity", "2 parts"),
        ("Observation?code-value-quantity=a$1$2", "http.code-value-quantity", "2 parts"),
        ("Observation?code-value-quantity=$1", "http.code-value-quantity", "2 parts"),
        ("Observation?code-value-quantity=a$zz1", "http.code-value-quantity", "`zz` is not a prefix"),
        (
            "Observation?code-value-quantity:missing=true",
            "http.code-value-quantity:missing",
            "does not go with `code-value-quantity`",
        ),
        ("Observation?code-value-quantity:not=a$1", "http.code-value-quantity:not", "does not go with"),
        ("Observation?_sort=code-value-quantity", "http._sort", "Sorting by `code-value-quantity`"),
    ]);
}

#[test]
fn every_problem_is_reported_and_chains_have_an_end() {
    assert_eq!(refused("Patient?a=1&b=2&_count=x&name=ok").len(), 3);
    assert_eq!(refused("Patient?%zz=1").len(), 1);
    let chain = |steps: usize| format!("Patient?{}name=x", "link:Patient.".repeat(steps));
    assert!(query(&chain(3)).is_ok());
    assert!(refused(&chain(4))[0].1.contains("too long; 3 steps"));
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
        "_revinclude:iterate=*",
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
    assert!(read.ignored.is_empty() && read.includes.is_empty());
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
