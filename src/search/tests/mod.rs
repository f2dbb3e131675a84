//! Tests of searching as a whole: the index rows of resources, queries, and plans run on a database.

mod bounds;
mod canonicals;
mod chains;
mod closures;
mod composites;
mod contained;
mod contained_pages;
mod database;
mod dates;
mod days;
mod drawn;
mod filter;
mod joined;
mod leading;
mod matches;
mod mistakes;
mod pages;
mod places;
mod properties;
mod quantities;
mod queries;
mod references;
mod refusals;
mod rows;
mod several;
mod texts;
mod tokens;
mod visibility;
mod words;

use std::sync::Arc;
use std::sync::LazyLock;

use crate::definitions::Definitions;
use crate::fhir::ResourceType;
use crate::search::parameter::Parameters;

static DEFINITIONS: LazyLock<Arc<Definitions>> =
    LazyLock::new(|| Definitions::shared().expect("the definitions load"));

static PARAMETERS: LazyLock<Parameters> =
    LazyLock::new(|| Parameters::compile(&DEFINITIONS).expect("every parameter compiles"));

fn ty(name: &str) -> ResourceType {
    ResourceType::parse(name).expect("a type of R4")
}

#[test]
fn all_parameters_of_all_types_compile_and_are_found_by_code_and_number() {
    let mut count = 0;
    for ty in ResourceType::all() {
        for parameter in PARAMETERS.of(ty) {
            count += 1;
            let found = PARAMETERS.find(ty, &parameter.code).expect("it is found by its code");
            assert_eq!(found.number, parameter.number);
            let found = PARAMETERS.by_number(parameter.number).expect("it is found by its number");
            assert_eq!((found.ty, &found.code), (ty, &parameter.code));
        }
        assert!(PARAMETERS.find(ty, "_lastUpdated").is_some(), "{ty}");
    }
    assert!(count > 2_000, "{count}");
}

#[test]
fn numbers_are_the_same_at_every_start_because_the_index_holds_them() {
    let number = |name: &str, code: &str| PARAMETERS.find(ty(name), code).map(|parameter| parameter.number);
    let table = [("Patient", "name", 206766705), ("Observation", "code", 747256434)];
    for (name, code, expected) in table {
        assert_eq!(number(name, code), Some(expected), "{name}.{code}");
    }
}

#[test]
fn every_parameter_of_every_type_can_be_searched_by_but_these() {
    let without: std::collections::BTreeSet<&str> = ResourceType::all()
        .flat_map(|ty| PARAMETERS.of(ty))
        .filter(|parameter| !parameter.is_searchable())
        .map(|parameter| parameter.code.as_str())
        .collect();
    // `_query` names a question that a server was given beforehand.
    assert_eq!(Vec::from_iter(without), ["_query"]);
}
