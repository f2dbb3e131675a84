//! What one search may cost: to understand, to plan, to run, and to keep.

use std::cell::Cell;

use serde_json::Value;
use serde_json::json;

use super::PARAMETERS;
use super::database::Database;
use super::database::context;
use super::database::query;
use super::ty;
use crate::fhir::Failure;
use crate::fhir::ResourceType;
use crate::fhir::terminology::Library;
use crate::search::Context;
use crate::search::Effort;
use crate::search::Plan;
use crate::search::Query;
use crate::search::Restriction;
use crate::search::parse;
use crate::search::parse_system;
use crate::search::plan;
use crate::search::query::Test;
use crate::search::sql::Sql;

fn planned(query: &Query) -> Result<Plan, Failure> {
    plan(&PARAMETERS, query, &Restriction::none())
}

#[track_caller]
fn too_costly(failure: &Failure) {
    assert_eq!(failure.status(), 400, "{failure:?}");
    assert_eq!(failure.issues.len(), 1, "{failure:?}");
    assert_eq!(failure.issues[0].code, "too-costly");
}

#[test]
fn a_statement_that_no_database_takes_is_refused_before_it_is_run() {
    let mut asked = query("Patient?_id:not=a").unwrap();
    let one = asked.criteria[0].clone();
    asked.criteria = vec![one.clone(); 200];
    assert!(Database::new().ids(&asked, &Restriction::none()).is_empty());
    asked.criteria = vec![one; 40_000];
    too_costly(&planned(&asked).expect_err("it is refused"));

    let mut asked = query("Patient?identifier=a").unwrap();
    let Test::Index(rows) = &mut asked.criteria[0].test else { panic!("a look-up") };
    rows.any[0].leading.clear();
    rows.any[0].sql = Sql::of("code", []).append(Sql::one_of((0..1_000_000).map(|at| at.to_string())));
    too_costly(&planned(&asked).expect_err("it is refused"));
}

#[test]
fn a_long_statement_is_not_kept_prepared() {
    let kept = |search: &str| {
        let plan = planned(&query(search).unwrap()).unwrap();
        [plan.page.prepared(true), plan.page.prepared(false)].map(|own| own.is_some())
    };
    assert_eq!(kept("Observation?patient=a&code=b"), [true; 2]);
    assert_eq!(kept("Observation?subject.name=a"), [true; 2]);
    assert_eq!(kept("Encounter?date=ge2023-03-01&date=lt2023-04-01&class=AMB&_count=50"), [true; 2]);
    assert_eq!(kept("Condition?subject:Patient.birthdate=le1940&code=a"), [true; 2]);
    let either: Vec<String> = (0..19).map(|at| format!("(code eq {at} and status eq final)")).collect();
    assert_eq!(kept(&format!("Observation?_filter={}", either.join(" or ").replace(' ', "%20"))), [false; 2]);
    assert_eq!(kept("ActivityDefinition?depends-on._id=a&composed-of._id=a"), [false; 2]);
}

/// A search on every type there is.
fn of_all(search: &str) -> Result<Query, Failure> {
    parse_system(&context(), &ResourceType::all().collect::<Vec<_>>(), search)
}

#[test]
fn conditions_are_counted_for_every_type_of_which_they_are_asked() {
    let mut database = Database::new();
    for search in ["depends-on._id=a", "depends-on._id=a&depends-on._tag:missing=true&derived-from._tag=b"] {
        assert!(database.find(&format!("ActivityDefinition?{search}")).is_empty(), "{search}");
    }
    for search in [
        "depends-on.depends-on._id=a",
        "depends-on.depends-on.depends-on._tag:missing=true",
        "_filter=depends-on.depends-on._tag%20pr%20true",
    ] {
        too_costly(&query(&format!("ActivityDefinition?{search}")).unwrap_err());
    }
    let tags = |many: usize| vec!["_tag:missing=false"; many].join("&");
    let few = of_all(&format!("_lastUpdated=ge2000&{}&_sort=_source,_profile", tags(5))).unwrap();
    assert!(database.ids(&few, &Restriction::none()).is_empty());
    too_costly(&of_all(&tags(7)).unwrap_err());
    let either = ["_tag pr true"; 7].join(" or ").replace(' ', "%20");
    let types = || ResourceType::all().collect::<Vec<_>>();
    let names: Vec<&str> = ResourceType::all().map(ResourceType::name).collect();
    let filter = format!("_type={}&_filter={either}", names.join(","));
    too_costly(&parse_system(&context(), &types(), &filter).unwrap_err());
}

/// A library that counts how often it is asked.
struct Counted(Cell<usize>);

impl Library for Counted {
    fn value_set(&self, url: &str, _version: Option<&str>) -> Result<Option<Value>, Failure> {
        self.0.set(self.0.get() + 1);
        let listed: Vec<Value> = (0..2_000).map(|at| json!({ "code": format!("c{at}") })).collect();
        let include = json!([{ "system": "urn:s", "concept": listed }]);
        Ok(Some(json!({ "resourceType": "ValueSet", "url": url, "compose": { "include": include } })))
    }

    fn code_system(&self, _url: &str, _version: Option<&str>) -> Result<Option<Value>, Failure> {
        Ok(None)
    }
}

#[test]
fn a_value_set_is_looked_up_once_and_asked_for_once_for_a_query() {
    let library = Counted(Cell::new(0));
    let read = |name: &str, search: &str| {
        let context = Context { effort: Effort::of(&library), ..context() };
        parse(&context, ty(name), search)
    };
    read("ActivityDefinition", "depends-on._tag:in=urn:a&derived-from._tag:in=urn:a").unwrap();
    assert_eq!(library.0.take(), 1);
    let again = vec!["urn:a"; 400].join(",");
    let asked =
        read("Observation", &format!("code:in={again}&status:in={again}&category:in={again}")).unwrap();
    assert_eq!(library.0.take(), 1);
    assert!(planned(&asked).unwrap().page.bytes() < 1_000_000);
    let each: Vec<String> = (0..30)
        .map(|of| {
            let values: Vec<String> = (0..500).map(|at| format!("urn:{of}-{at}")).collect();
            format!("code:in={}", values.join(","))
        })
        .collect();
    too_costly(&read("Observation", &each.join("&")).unwrap_err());
    assert!(library.0.take() <= 1_000);
}
