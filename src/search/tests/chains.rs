//! Chains of many steps, forth and back, through what is contained and along canonicals.

use serde_json::Value;
use serde_json::json;

use super::PARAMETERS;
use super::database::Database;
use super::database::query;
use super::visibility::only;
use crate::search::Course;
use crate::search::Restriction;
use crate::search::beginnings;
use crate::search::plan;

/// Houses that are part of one another, the last of them `place0`, so that `place5` is five steps away from it.
fn places(many: usize) -> Vec<Value> {
    let place = |at: usize| {
        let mut own =
            json!({ "resourceType": "Location", "id": format!("place{at}"), "name": format!("Place {at}") });
        if at > 0 {
            own["partOf"] = json!({ "reference": format!("Location/place{}", at - 1) });
        }
        own
    };
    (0..many).map(place).collect()
}

/// A trust with a hospital and a ward; a role at the ward stands in one patient, and by itself for another.
fn wards() -> Vec<Value> {
    let house = |id: &str, whole: Option<&str>| {
        let mut own = json!({ "resourceType": "Organization", "id": id, "name": id });
        if let Some(whole) = whole {
            own["partOf"] = json!({ "reference": format!("Organization/{whole}") });
        }
        own
    };
    let role = |id: &str, at: &str| json!({ "resourceType": "PractitionerRole", "id": id, "organization": { "reference": at } });
    let about = |ty: &str, id: &str, patient: &str| {
        json!({ "resourceType": ty, "id": id, "status": "final", "code": { "coding": [{ "code": "pain" }] },
            "subject": { "reference": format!("Patient/{patient}") } })
    };
    let cared = |id: &str, by: &str, inside: Vec<Value>| json!({ "resourceType": "Patient", "id": id, "contained": inside, "generalPractitioner": [{ "reference": by }] });
    // Here the ward stands in the patient too, and only the hospital by itself.
    let mut ward = house("ward", Some("hospital"));
    ward["name"] = json!("inner ward");
    vec![
        house("trust", None),
        house("hospital", Some("trust")),
        house("ward", Some("hospital")),
        role("role", "Organization/ward"),
        cared("a", "#role", vec![role("role", "Organization/ward")]),
        cared("b", "PractitionerRole/role", Vec::new()),
        cared("c", "#role", vec![role("role", "#ward"), ward]),
        about("Observation", "oa", "a"),
        about("Observation", "ob", "b"),
        about("Observation", "oc", "c"),
        json!({ "resourceType": "DiagnosticReport", "id": "dc", "status": "final", "code": { "text": "x" },
            "result": [{ "reference": "Observation/oc" }] }),
    ]
}

pub(super) fn check(database: &mut Database, table: &[(&str, &[&str])], restriction: &Restriction) {
    for (search, expected) in table {
        let query = query(&format!("{search}&_sort=_id&_total=accurate")).unwrap();
        assert_eq!(database.ids(&query, restriction), *expected, "{search}");
        let total = database.total(&query, restriction);
        assert_eq!(total, i64::try_from(expected.len()).ok(), "the total of {search}");
    }
}

#[test]
fn a_chain_of_sixteen_steps_finds_what_stands_at_its_end_and_nothing_else() {
    let mut database = Database::of(&places(20));
    for steps in [1, 4, 5, 8, 16] {
        let up = "partof:Location.".repeat(steps);
        let back = "_has:Location:partof:".repeat(steps);
        let (low, high) = (format!("place{steps}"), "place0");
        let found = |database: &mut Database, search: &str| {
            let query = query(search).unwrap();
            database.ids(&query, &Restriction::none())
        };
        assert_eq!(found(&mut database, &format!("Location?{up}name:exact=Place 0")), [low.as_str()]);
        assert_eq!(found(&mut database, &format!("Location?{up}name:exact=Place 19")), [""; 0]);
        assert_eq!(found(&mut database, &format!("Location?{up}_id=place0")), [low.as_str()]);
        assert_eq!(found(&mut database, &format!("Location?{back}name:exact=Place {steps}")), [high]);
        assert_eq!(found(&mut database, &format!("Location?{back}name:exact=none")), [""; 0]);
        let forth_and_back =
            format!("Location?{}{back}name:exact=Place {steps}", "partof:Location.".repeat(16 - steps));
        if steps < 16 {
            assert_eq!(found(&mut database, &forth_and_back), [format!("place{}", 16 - steps)]);
        }
    }
}

#[test]
fn a_long_chain_leads_through_what_is_contained_at_any_step() {
    let mut database = Database::of(&wards());
    let role = "subject:Patient.general-practitioner:PractitionerRole";
    let table: [(String, &[&str]); 12] = [
        (format!("Observation?{role}.organization.name=ward"), &["oa", "ob"]),
        (format!("Observation?{role}.organization.name=inner"), &["oc"]),
        (format!("Observation?{role}.organization.partof.name=hospital"), &["oa", "ob", "oc"]),
        (format!("Observation?{role}.organization.partof.partof.name=trust"), &["oa", "ob", "oc"]),
        (format!("Observation?{role}.organization.partof.partof.name=hospital"), &[]),
        (format!("Observation?{role}.organization.partof.partof._id=trust"), &["oa", "ob", "oc"]),
        // What is contained has no id that is asked for, and nothing points to it from outside.
        (format!("Observation?{role}._id=role"), &["ob"]),
        (format!("Observation?{role}.organization._id=ward"), &["oa", "ob"]),
        (
            format!("DiagnosticReport?result.{role}.organization:Organization.partof.partof.name=trust"),
            &["dc"],
        ),
        (format!("DiagnosticReport?result.{role}.organization.partof.partof.name=ward"), &[]),
        (
            format!(
                "Observation?_filter={role}[organization.partof.name eq hospital].organization.name sw inner"
            ),
            &["oc"],
        ),
        (format!("Observation?_filter=not ({role}.organization.name sw inner)"), &["oa", "ob"]),
    ];
    let table: Vec<(&str, &[&str])> = table.iter().map(|(search, ids)| (search.as_str(), *ids)).collect();
    check(&mut database, &table, &Restriction::none());
}

#[test]
fn has_leads_back_over_four_steps_and_more() {
    let mut database = Database::of(&wards());
    let back =
        "_has:PractitionerRole:organization:_has:Patient:general-practitioner:_has:Observation:subject";
    let table = [
        (format!("Organization?{back}:code=pain"), vec!["ward"]),
        (format!("Organization?{back}:code=none"), vec![]),
        (format!("Organization?_has:Organization:partof:{back}:code=pain"), vec!["hospital"]),
        (
            format!("Organization?_has:Organization:partof:_has:Organization:partof:{back}:code=pain"),
            vec!["trust"],
        ),
        (
            format!(
                "Organization?_has:Organization:partof:_has:Organization:partof:{back}:_has:DiagnosticReport:result:status=final"
            ),
            vec![],
        ),
        ("Patient?_has:Observation:subject:_has:DiagnosticReport:result:status=final".to_owned(), vec!["c"]),
    ];
    let table: Vec<(&str, &[&str])> = table.iter().map(|(search, ids)| (search.as_str(), &**ids)).collect();
    check(&mut database, &table, &Restriction::none());
}

#[test]
fn at_no_step_of_a_long_chain_does_anything_show_that_is_hidden() {
    let mut database = Database::of(&wards());
    let role = "subject:Patient.general-practitioner:PractitionerRole";
    let searches = |patient: &'static str| {
        move |database: &mut Database, search: &str| {
            let query = query(&format!("{search}&_total=accurate")).unwrap();
            let ids = database.ids(&query, &only(patient));
            assert_eq!(database.total(&query, &only(patient)), i64::try_from(ids.len()).ok(), "{search}");
            ids
        }
    };
    // Of the houses a patient sees the one to which their own record points, and none of which it is a part.
    let (a, b) = (searches("a"), searches("b"));
    assert_eq!(b(&mut database, &format!("Observation?{role}.organization.name=ward")), [""; 0]);
    assert_eq!(b(&mut database, "Observation?subject:Patient.general-practitioner:missing=false"), ["ob"]);
    assert_eq!(a(&mut database, &format!("Observation?{role}.organization.partof.name=hospital")), [""; 0]);
    assert_eq!(
        a(&mut database, &format!("Observation?{role}.organization.partof.partof.name=trust")),
        [""; 0]
    );
    let back =
        "_has:PractitionerRole:organization:_has:Patient:general-practitioner:_has:Observation:subject";
    assert_eq!(a(&mut database, &format!("Organization?{back}:code=pain")), [""; 0]);
    // What stands in their own record they see, and at its end what is hidden is not there.
    let c = searches("c");
    assert_eq!(c(&mut database, &format!("Observation?{role}.organization.name=inner")), ["oc"]);
    assert_eq!(c(&mut database, &format!("Observation?{role}.organization.partof.name=hospital")), [""; 0]);
    assert_eq!(a(&mut database, &format!("Observation?{role}.organization.name=inner")), [""; 0]);
}

#[test]
fn a_chain_goes_along_several_canonicals() {
    let library = |at: usize| {
        json!({ "resourceType": "Library", "id": format!("l{at}"), "url": format!("http://example.org/l{at}"), "version": "1",
            "title": format!("Library {at}"),
            "relatedArtifact": [{ "type": "depends-on", "resource": format!("http://example.org/l{}{}", at + 1,
                if at.is_multiple_of(2) { "|1" } else { "" }) }] })
    };
    let mut all: Vec<Value> = (0..8).map(library).collect();
    // Of the last a version is asked for that is not there.
    all[6]["relatedArtifact"][0]["resource"] = json!("http://example.org/l7|2");
    all.push(json!({ "resourceType": "PlanDefinition", "id": "p", "url": "http://example.org/p",
        "library": ["http://example.org/l0"], "relatedArtifact": [{ "type": "depends-on", "resource": "http://example.org/l0" }] }));
    all.push(
        json!({ "resourceType": "CarePlan", "id": "plan", "instantiatesCanonical": ["http://example.org/p"],
        "subject": { "reference": "Patient/a" } }),
    );
    let mut database = Database::of(&all);
    let along = |steps: usize| {
        format!("CarePlan?instantiates-canonical:PlanDefinition.{}", "depends-on:Library.".repeat(steps))
    };
    let back = |steps: usize| format!("Library?{}", "_has:Library:depends-on:".repeat(steps));
    let table: [(String, &[&str]); 7] = [
        (format!("{}title=Library 0", along(1)), &["plan"]),
        (format!("{}title=Library 5", along(6)), &["plan"]),
        (format!("{}title=Library 6", along(7)), &["plan"]),
        (format!("{}title=Library 7", along(8)), &[]),
        (format!("{}title=Library 4", along(6)), &[]),
        (format!("{}title=Library 1", back(5)), &["l6"]),
        (format!("{}title=Library 1", back(6)), &[]),
    ];
    let table: Vec<(&str, &[&str])> = table.iter().map(|(search, ids)| (search.as_str(), *ids)).collect();
    check(&mut database, &table, &Restriction::none());
}

#[test]
fn a_statement_grows_by_the_same_with_each_step() {
    let bytes = |search: String| {
        let plan = plan(&PARAMETERS, &query(&search).unwrap(), &only("a")).unwrap();
        i64::try_from(plan.page.bytes()).unwrap()
    };
    let forth = |steps: usize| bytes(format!("Location?{}name=x", "partof:Location.".repeat(steps)));
    let back = |steps: usize| bytes(format!("Location?{}name=x", "_has:Location:partof:".repeat(steps)));
    let both = |steps: usize| bytes(format!("Library?{}title=x", "composed-of:Library.".repeat(steps)));
    let ways: [&dyn Fn(usize) -> i64; 3] = [&forth, &back, &both];
    for way in ways {
        let (early, late) = (way(5) - way(4), way(16) - way(15));
        assert!(early > 0 && late <= early + 64, "{early} and then {late}");
    }
}

#[test]
fn a_search_begins_at_the_end_of_a_chain_or_walks_where_much_stands_there() {
    // More than are collected in tests, so that it goes both ways.
    let mut all = wards();
    all.extend((0..6).map(|at| {
        json!({ "resourceType": "Observation", "id": format!("many{at}"), "status": "final", "code": { "text": "x" },
            "subject": { "reference": "Patient/b" } })
    }));
    let mut database = Database::of(&all);
    let role = "subject:Patient.general-practitioner:PractitionerRole";
    let many = ["many0", "many1", "many2", "many3", "many4", "many5", "oa", "ob"];
    let all_of_them = ["many0", "many1", "many2", "many3", "many4", "many5", "oa", "ob", "oc"];
    let back = "_has:PractitionerRole:organization:_has:Patient:general-practitioner";
    let table: [(String, &[&str]); 10] = [
        (format!("Observation?{role}.organization.name=ward"), &many),
        (format!("Observation?{role}.organization.name=ward&status=final"), &many),
        (format!("Observation?{role}.organization.name=ward&status=none"), &[]),
        (format!("Observation?{role}.organization.name=inner&status=final"), &["oc"]),
        (format!("Observation?_filter={role}.organization.name eq ward or code eq pain"), &all_of_them),
        (format!("Observation?{role}.organization.name=inner"), &["oc"]),
        (format!("Observation?{role}.organization:Organization.name=none"), &[]),
        (format!("Observation?{role}.organization.name=inner&code=pain"), &["oc"]),
        (format!("Observation?{role}.organization.name=ward&code=pain"), &["oa", "ob"]),
        (format!("Organization?{back}:_id=b"), &["ward"]),
    ];
    let table: Vec<(&str, &[&str])> = table.iter().map(|(search, ids)| (search.as_str(), *ids)).collect();
    check(&mut database, &table, &Restriction::none());
    let begins = |search: &str| {
        let found = beginnings(&PARAMETERS, &query(search).unwrap(), &Restriction::none());
        (found[0].first.is_some(), found[0].course)
    };
    assert_eq!(begins(&format!("Observation?{role}.organization.name=ward")), (true, Course::Either));
    // Where much stands there it goes as it would without: with another condition, or in the order of the page.
    let ward = format!("Observation?{role}.organization.name=ward");
    assert_eq!(begins(&format!("{ward}&code=pain")), (true, Course::Beside));
    // An end that is one reference is taken before a span of time.
    let at_ward = format!("Observation?{role}.organization=Organization/ward");
    assert_eq!(begins(&format!("{at_ward}&date=ge2020&date=le2021")), (true, Course::Beside));
    for sort in ["_lastUpdated", "-_lastUpdated", "_id", "date"] {
        assert_eq!(begins(&format!("{ward}&_sort={sort}")), (true, Course::Either), "{sort}");
    }
    // Of a span of time, which is no end of a chain either, the code beside it is not one.
    let back = "subject:Patient._has:Observation:subject:code=pain";
    assert_eq!(begins(&format!("Observation?{back}&date=ge2020&date=le2021")), (true, Course::Either));
    // Among others, joined with `or`, it is no beginning at all.
    let filter = format!("Observation?_filter={role}.organization.name eq ward or code eq pain");
    assert_eq!(begins(&filter), (false, Course::Walk));
    // However many references there are.
    assert_eq!(begins(&format!("Observation?{role}.organization.partof.name=ward")), (true, Course::Either));
}
