//! What one search may cost: to plan, to run, and to keep.

use super::PARAMETERS;
use super::database::Database;
use super::database::query;
use crate::fhir::Failure;
use crate::search::Plan;
use crate::search::Query;
use crate::search::Restriction;
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
    too_costly(&planned(&asked).err().expect("it is refused"));

    let mut asked = query("Patient?identifier=a").unwrap();
    let Test::Index(rows) = &mut asked.criteria[0].test else { panic!("a look-up") };
    rows.any[0].leading.clear();
    rows.any[0].sql = Sql::of("code", []).append(Sql::one_of((0..1_000_000).map(|at| at.to_string())));
    too_costly(&planned(&asked).err().expect("it is refused"));
}

#[test]
fn a_long_statement_is_not_kept_prepared() {
    let kept = |search: &str| {
        let plan = planned(&query(search).unwrap()).unwrap();
        [plan.page.prepared(true), plan.page.prepared(false)].map(|own| own.is_some())
    };
    assert_eq!(kept("Observation?patient=a&code=b"), [true; 2]);
    assert_eq!(kept("Observation?subject.name=a"), [true; 2]);
    let either: Vec<String> = (0..19).map(|at| format!("(code eq {at} and status eq final)")).collect();
    assert_eq!(kept(&format!("Observation?_filter={}", either.join(" or ").replace(' ', "%20"))), [false; 2]);
    assert_eq!(kept("ActivityDefinition?depends-on._id=a"), [false; 2]);
}
