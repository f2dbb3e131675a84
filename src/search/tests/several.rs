//! Searches that reach beyond one type: canonicals that lead to definitions, and all types at once.

use serde_json::json;

use super::database::Database;
use super::database::context;
use super::database::query;
use super::matches::records;
use crate::fhir::ResourceType;
use crate::search::Restriction;
use crate::search::parse_system;

#[test]
fn a_canonical_leads_to_what_is_published_under_its_url() {
    let published = |id: &str, url: &str, version: Option<&str>| {
        let mut plan = json!({ "resourceType": "PlanDefinition", "id": id, "status": "active", "url": url });
        if let Some(version) = version {
            plan["version"] = version.into();
        }
        plan
    };
    let follows = |id: &str, canonical: &str| {
        json!({ "resourceType": "CarePlan", "id": id, "status": "active", "intent": "plan",
            "subject": { "reference": "Patient/ana" }, "instantiatesCanonical": [canonical] })
    };
    let mut database = Database::of(&[
        published("one", "http://example.org/plan", Some("1")),
        published("two", "http://example.org/plan", Some("2")),
        published("longer", "http://example.org/plan2", None),
        published("other", "http://example.org/plan2/x", None),
        follows("first", "http://example.org/plan|1"),
        follows("any", "http://example.org/plan"),
        follows("third", "http://example.org/plan|3"),
        follows("longest", "http://example.org/plan2"),
    ]);
    let all = Restriction::none();
    let mut included = |search: &str| database.included(&query(search).unwrap(), &all);
    let to = "_include=CarePlan:instantiates-canonical";
    assert_eq!(included(&format!("CarePlan?_id=first&{to}")), ["PlanDefinition/one"]);
    assert_eq!(included(&format!("CarePlan?_id=any&{to}")), ["PlanDefinition/one", "PlanDefinition/two"]);
    assert_eq!(included(&format!("CarePlan?_id=any&{to}:Measure")), [] as [&str; 0]);
    assert_eq!(included(&format!("CarePlan?_id=third&{to}")), [] as [&str; 0]);
    assert_eq!(included(&format!("CarePlan?_id=longest&{to}")), ["PlanDefinition/longer"]);
    assert_eq!(included("CarePlan?_id=first&_include=*"), ["PlanDefinition/one"]);
    let from = "_revinclude=CarePlan:instantiates-canonical";
    assert_eq!(included(&format!("PlanDefinition?_id=one&{from}")), ["CarePlan/first", "CarePlan/any"]);
    assert_eq!(included(&format!("PlanDefinition?_id=two&{from}")), ["CarePlan/any"]);
    assert_eq!(included("PlanDefinition?_id=longer&_revinclude=CarePlan:*"), ["CarePlan/longest"]);
    assert_eq!(included(&format!("PlanDefinition?_id=other&{from}")), [] as [&str; 0]);
}

#[test]
fn a_search_on_all_types_is_one_statement_on_either_database() {
    let mut database = Database::of(&records());
    let all: Vec<_> = ResourceType::all().collect();
    for (search, expected) in [
        ("_count=100&_total=accurate", 10),
        ("_count=100&_sort=-_lastUpdated,_id", 10),
        ("_id=ana,g1,none", 2),
        ("_tag=demo", 1),
        ("_lastUpdated=2025-01&_total=accurate", 8),
        ("_profile:below=http://example.org&_sort=_tag", 2),
    ] {
        let query = parse_system(&context(), &all, search).unwrap();
        assert_eq!(database.ids(&query, &Restriction::none()).len(), expected, "{search}");
        if let Some(total) = database.total(&query, &Restriction::none()) {
            assert_eq!(usize::try_from(total), Ok(expected), "{search}");
        }
    }
}
