//! Value sets and code systems: what they hold, and what they must not be guessed to hold.

mod bounds;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;

use crate::definitions::r4_value_sets;
use crate::definitions::terminology::r4_code_system;
use crate::definitions::terminology::r4_value_set;
use crate::fhir::Failure;
use crate::fhir::terminology::Answer;
use crate::fhir::terminology::CodeSystem;
use crate::fhir::terminology::Extent;
use crate::fhir::terminology::Library;
use crate::fhir::terminology::Question;
use crate::fhir::terminology::Shelf;

/// R4's definitions, and those of a test before them.
#[derive(Default)]
struct Books(BTreeMap<String, Value>);

impl Library for Books {
    fn value_set(&self, url: &str, _: Option<&str>) -> Result<Option<Value>, Failure> {
        Ok(self.0.get(url).cloned().or_else(|| r4_value_set(url)))
    }

    fn code_system(&self, url: &str, _: Option<&str>) -> Result<Option<Value>, Failure> {
        Ok(self.0.get(url).cloned().or_else(|| r4_code_system(url)))
    }
}

/// Animals: a mammal is a cat or a dog, a dog is also a pet.
fn animals() -> Value {
    let code = |code: &str, value: &str| json!({ "code": code, "valueCode": value });
    json!({ "resourceType": "CodeSystem", "url": "urn:animals", "version": "1", "content": "complete",
        "concept": [
            { "code": "pet", "property": [{ "code": "notSelectable", "valueBoolean": true }] },
            { "code": "mammal", "display": "Mammal", "concept": [
                { "code": "cat", "display": "House cat", "property": [{ "code": "legs", "valueInteger": 4 }],
                  "concept": [{ "code": "kitten", "display": "Young cat" }] },
                { "code": "dog", "display": "Dog", "property": [code("subsumedBy", "pet"), code("sound", "woof")] } ] },
            { "code": "dodo", "display": "Dodo", "property": [code("status", "retired")] } ] })
}

fn books(value_sets: Vec<Value>) -> Books {
    let all = value_sets.into_iter().chain([animals()]);
    Books(all.map(|one| (one["url"].as_str().unwrap_or_default().to_owned(), one)).collect())
}

fn set(url: &str, compose: Value) -> Value {
    json!({ "resourceType": "ValueSet", "url": url, "status": "active", "compose": compose })
}

fn codes(books: &Books, set: &Value) -> Result<Vec<String>, Failure> {
    let members = Question::of(Shelf::of(books)).expand(set)?;
    Ok(members.into_iter().map(|member| member.code).collect())
}

fn find(books: &Books, set: &Value, system: &str, code: &str) -> Answer {
    Question::of(Shelf::of(books)).find(set, (system, code)).expect("it can be told, or not")
}

fn of_animals(filter: Value) -> Value {
    set("urn:vs", json!({ "include": [{ "system": "urn:animals", "filter": [filter] }] }))
}

#[test]
fn each_filter_takes_what_it_says() {
    let books = books(Vec::new());
    let cases: [(&str, &str, &str, &[&str]); 19] = [
        ("concept", "is-a", "mammal", &["mammal", "cat", "kitten", "dog"]),
        ("concept", "is-a", "pet", &["pet", "dog"]),
        ("concept", "descendent-of", "mammal", &["cat", "kitten", "dog"]),
        ("concept", "is-not-a", "mammal", &["pet", "dodo"]),
        ("concept", "generalizes", "kitten", &["mammal", "cat", "kitten"]),
        ("concept", "=", "dog", &["dog"]),
        ("code", "in", "cat, dog", &["cat", "dog"]),
        ("code", "not-in", "cat,dog,pet,kitten", &["mammal", "dodo"]),
        ("code", "regex", "d.*", &["dog", "dodo"]),
        ("code", "regex", "d|do", &[]),
        ("display", "regex", ".*cat", &["cat", "kitten"]),
        ("legs", "=", "4", &["cat"]),
        ("legs", "exists", "true", &["cat"]),
        ("sound", "exists", "false", &["pet", "mammal", "cat", "kitten", "dodo"]),
        ("sound", "=", "woof", &["dog"]),
        ("parent", "=", "mammal", &["cat", "dog"]),
        ("child", "=", "kitten", &["cat"]),
        ("status", "=", "retired", &["dodo"]),
        ("concept", "is-a", "unicorn", &[]),
    ];
    for (property, op, value, expected) in cases {
        let set = of_animals(json!({ "property": property, "op": op, "value": value }));
        assert_eq!(codes(&books, &set).expect("told"), expected, "{property} {op} {value}");
        for code in ["pet", "mammal", "cat", "kitten", "dog", "dodo", "unicorn"] {
            let found = matches!(find(&books, &set, "urn:animals", code), Answer::Yes(_));
            assert_eq!(found, expected.contains(&code), "{property} {op} {value}: {code}");
        }
    }
}

#[test]
fn includes_add_up_imports_intersect_and_excludes_take_away() {
    let dogs =
        set("urn:dogs", json!({ "include": [{ "system": "urn:animals", "concept": [{ "code": "dog" }] }] }));
    let mammals = of_animals(json!({ "property": "concept", "op": "is-a", "value": "mammal" }));
    let books = books(vec![dogs, mammals.clone()]);
    let all = json!({ "system": "urn:animals" });
    for (compose, expected) in [
        (json!({ "include": [all] }), &["pet", "mammal", "cat", "kitten", "dog", "dodo"][..]),
        (json!({ "include": [all], "exclude": [{ "valueSet": ["urn:vs"] }] }), &["pet", "dodo"]),
        (json!({ "include": [all], "inactive": false, "exclude": [{ "valueSet": ["urn:vs"] }] }), &["pet"]),
        (
            json!({ "include": [{ "valueSet": ["urn:dogs"] }, { "system": "urn:animals", "concept": [{ "code": "cat" },
            { "code": "dog" }] }] }),
            &["dog", "cat"],
        ),
        (json!({ "include": [{ "system": "urn:animals", "valueSet": ["urn:vs", "urn:dogs"] }] }), &["dog"]),
        (json!({ "include": [{ "valueSet": ["urn:vs", "urn:dogs"] }] }), &["dog"]),
        (
            json!({ "include": [all], "exclude": [{ "system": "urn:animals", "valueSet": ["urn:dogs"] }] }),
            &["pet", "mammal", "cat", "kitten", "dodo"],
        ),
        (json!({ "include": [] }), &[]),
    ] {
        let own = set("urn:own", compose);
        assert_eq!(codes(&books, &own).expect("told"), expected, "{own}");
        for code in ["pet", "mammal", "cat", "kitten", "dog", "dodo"] {
            let found = matches!(find(&books, &own, "urn:animals", code), Answer::Yes(_));
            assert_eq!(found, expected.contains(&code), "{code} {own}");
        }
    }
    let expanded = json!({ "resourceType": "ValueSet", "expansion": { "contains": [
        { "system": "urn:x", "code": "a", "contains": [{ "system": "urn:x", "code": "b" }] }] } });
    assert_eq!(codes(&books, &expanded).expect("told"), ["a", "b"]);
}

#[test]
fn words_are_found_by_their_beginnings_and_in_other_languages() {
    let book = books(vec![set(
        "urn:w",
        json!({ "include": [{ "system": "urn:animals", "concept": [
        { "code": "cat", "designation": [{ "language": "nl-BE", "value": "Huiskat" }] }] }] }),
    )]);
    let own = book.0["urn:w"].clone();
    let member = Question::of(Shelf::of(&book)).expand(&own).expect("told").remove(0);
    assert_eq!(member.display_in(None), Some("House cat"));
    assert_eq!(member.display_in(Some("nl")), Some("Huiskat"));
    assert_eq!(member.display_in(Some("n")), Some("House cat"));
    for (text, found) in [("ho ca", true), ("CAT", true), ("hous", true), ("at", false), ("cat dog", false)] {
        assert_eq!(member.matches(text, None), found, "{text}");
    }
    assert!(member.is_called("house  CAT") && member.is_called("huiskat") && !member.is_called("cat"));
}

#[test]
fn r4s_required_value_sets_expand_to_the_codes_that_validation_allows() {
    let books = Books::default();
    let mut compared = 0;
    for listed in r4_value_sets().expect("they load") {
        let mut wanted = BTreeSet::new();
        for include in listed["compose"]["include"].as_array().into_iter().flatten() {
            for concept in include["concept"].as_array().into_iter().flatten() {
                wanted.insert((include["system"].to_string(), concept["code"].to_string()));
            }
        }
        let url = listed["url"].as_str().expect("a URL");
        // ISO 4217 is held as a list of codes, for validation alone.
        let is_compared = !wanted.is_empty() && !url.ends_with("/currencies");
        let Some(set) = r4_value_set(url).filter(|_| is_compared) else { continue };
        let members = Question::of(Shelf::of(&books))
            .expand(&set)
            .unwrap_or_else(|problem| panic!("{url} {problem:?}"));
        let found: BTreeSet<_> = members
            .into_iter()
            .map(|one| (Value::from(one.system).to_string(), Value::from(one.code).to_string()))
            .collect();
        assert_eq!(found, wanted, "{url}");
        compared += 1;
    }
    assert!(compared > 200, "{compared}");
}
