//! Composite parameters: values count together only where they stand in one element.
//! <https://hl7.org/fhir/R4/search.html#combining>

use serde_json::Value;
use serde_json::json;

use super::PARAMETERS;
use super::database::Database;
use super::database::query;
use super::ty;
use crate::fhir::ResourceType;
use crate::search::Restriction;
use crate::search::Visible;
use crate::search::parameter::Kind;

#[test]
fn every_composite_parameter_of_r4_has_its_parts_and_its_places() {
    let mut count = 0;
    for parameter in ResourceType::all().flat_map(|ty| PARAMETERS.of(ty)) {
        let is_composite = parameter.kind == Kind::Composite;
        assert_eq!(parameter.composite.is_some(), is_composite, "{}.{}", parameter.ty, parameter.code);
        let Some(composite) = &parameter.composite else { continue };
        count += 1;
        assert!(!composite.elements.is_empty(), "{}.{}", parameter.ty, parameter.code);
        let placed = composite.parts.iter().all(|part| part.text.is_some() || part.span.is_some());
        assert!(placed && composite.parts.len() > 1, "{}.{}", parameter.ty, parameter.code);
    }
    assert_eq!(count, 72);
}

#[test]
fn elements_that_several_parameters_look_at_are_kept_once() {
    let kept = |code: &str| {
        let parameter = PARAMETERS.find(ty("Observation"), code).unwrap();
        let composite = parameter.composite.as_ref().unwrap();
        (PARAMETERS.by_number(composite.kept_under).unwrap().code.as_str(), composite.place)
    };
    assert_eq!(kept("combo-code-value-quantity"), ("combo-code-value-quantity", None));
    assert_eq!(kept("code-value-quantity"), ("combo-code-value-quantity", Some(0)));
    assert_eq!(kept("component-code-value-quantity"), ("combo-code-value-quantity", Some(1)));
    assert_eq!(kept("code-value-concept"), ("combo-code-value-concept", Some(0)));
    assert_eq!(kept("code-value-string"), ("code-value-string", None));
}

fn coded(codes: &[(&str, &str)]) -> Value {
    let codings: Vec<Value> =
        codes.iter().map(|(system, code)| json!({ "system": system, "code": code })).collect();
    json!({ "coding": codings })
}

fn observation(id: &str, patient: &str, rest: Value) -> Value {
    let mut observation = json!({ "resourceType": "Observation", "id": id, "status": "final",
        "subject": { "reference": format!("Patient/{patient}") } });
    let members = rest.as_object().unwrap().clone();
    observation.as_object_mut().unwrap().extend(members);
    observation
}

fn mmhg(value: i64) -> Value {
    json!({ "value": value, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]" })
}

fn pressure(id: &str, patient: &str, [systolic, diastolic]: [i64; 2]) -> Value {
    observation(
        id,
        patient,
        json!({ "code": coded(&[("http://loinc.org", "85354-9")]), "component": [
            { "code": coded(&[("http://loinc.org", "8480-6"), ("urn:local", "sys")]), "valueQuantity": mmhg(systolic) },
            { "code": coded(&[("http://loinc.org", "8462-4")]), "valueQuantity": mmhg(diastolic) }] }),
    )
}

pub(super) fn stored() -> Database {
    let context = |ty: &str, value: (&str, Value)| {
        let mut context = json!({ "code": { "system": "urn:usage", "code": ty } });
        context[value.0] = value.1;
        context
    };
    let years = |value: i64| json!({ "value": value, "unit": "years" });
    Database::of(&[
        pressure("high", "ana", [150, 70]),
        pressure("low", "bob", [110, 95]),
        observation(
            "weight",
            "ana",
            json!({ "code": coded(&[("http://loinc.org", "29463-7")]),
            "valueQuantity": { "value": 70.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg" } }),
        ),
        observation(
            "concept",
            "ana",
            json!({ "code": coded(&[("urn:c", "smoking")]),
            "valueCodeableConcept": coded(&[("urn:v", "never"), ("urn:w", "0")]) }),
        ),
        observation(
            "stated",
            "ana",
            json!({ "code": coded(&[("urn:c", "cost$a")]), "valueString": "5 $, Größe" }),
        ),
        observation(
            "dated",
            "bob",
            json!({ "code": coded(&[("urn:c", "due")]), "valueDateTime": "2026-03" }),
        ),
        observation(
            "lasting",
            "bob",
            json!({ "code": coded(&[("urn:c", "due")]),
            "valuePeriod": { "start": "2026-05-01" } }),
        ),
        json!({ "resourceType": "Library", "id": "l1", "status": "active", "useContext": [
            context("age", ("valueQuantity", years(65))),
            context("focus", ("valueCodeableConcept", coded(&[("urn:f", "hospice")])))] }),
        json!({ "resourceType": "Library", "id": "l2", "status": "active", "useContext": [
            context("focus", ("valueQuantity", years(65))),
            context("age", ("valueRange", json!({ "low": years(18), "high": years(30) })))] }),
        json!({ "resourceType": "Group", "id": "g1", "characteristic": [
            { "code": coded(&[("urn:g", "sex")]), "valueCodeableConcept": coded(&[("urn:s", "f")]), "exclude": false },
            { "code": coded(&[("urn:g", "alive")]), "valueBoolean": true, "exclude": false },
            { "code": coded(&[("urn:g", "age")]), "valueQuantity": { "value": 3, "code": "f" }, "exclude": false }] }),
        json!({ "resourceType": "DocumentReference", "id": "d1", "relatesTo": [
            { "code": "replaces", "target": { "reference": "DocumentReference/old" } },
            { "code": "signs", "target": { "reference": "DocumentReference/new" } }] }),
        json!({ "resourceType": "MolecularSequence", "id": "m1",
            "referenceSeq": { "chromosome": coded(&[("urn:ch", "5")]), "windowStart": 100, "windowEnd": 200 },
            "variant": [{ "start": 10, "end": 20 }, { "start": 30, "end": 40 }] }),
    ])
}

/// Searches, and what they find of what is [`stored`].
const TOGETHER: &[(&str, &[&str])] = &[
    ("Observation?component-code-value-quantity=http://loinc.org|8480-6$gt140", &["high"]),
    ("Observation?component-code-value-quantity=http://loinc.org|8462-4$gt140", &[]),
    ("Observation?component-code-value-quantity=8480-6$110", &["low"]),
    ("Observation?component-code-value-quantity=8480-6$95", &[]),
    ("Observation?component-code-value-quantity=urn:local|sys$150", &["high"]),
    ("Observation?component-code-value-quantity=sys$lt200", &["high", "low"]),
    ("Observation?component-code-value-quantity=8480-6$ne150", &["low"]),
    ("Observation?component-code-value-quantity=8480-6$150||mmHg", &["high"]),
    ("Observation?component-code-value-quantity=8480-6$150||mm[Hg]", &["high"]),
    ("Observation?component-code-value-quantity=8480-6$150||kg", &[]),
    ("Observation?component-code-value-quantity=8480-6$150|http://unitsofmeasure.org|mm[Hg]", &["high"]),
    ("Observation?component-code-value-quantity=8480-6$gt140,8462-4$gt90", &["high", "low"]),
    (
        "Observation?component-code-value-quantity=8480-6$gt140&component-code-value-quantity=8462-4$lt80",
        &["high"],
    ),
    ("Observation?component-code-value-quantity=8480-6$gt140&component-code-value-quantity=8462-4$gt80", &[]),
    ("Observation?code-value-quantity=29463-7$70.5", &["weight"]),
    ("Observation?code-value-quantity=29463-7$gt70.5", &[]),
    ("Observation?code-value-quantity=29463-7$ge70.5||kg", &["weight"]),
    ("Observation?code-value-quantity=8480-6$150", &[]),
    ("Observation?component-code-value-quantity=29463-7$70.5", &[]),
    ("Observation?combo-code-value-quantity=29463-7$70.5", &["weight"]),
    ("Observation?combo-code-value-quantity=29463-7$70.5,8480-6$110", &["low", "weight"]),
    ("Observation?combo-code-value-quantity=85354-9$150", &[]),
    ("Observation?code-value-concept=urn:c|smoking$urn:v|never", &["concept"]),
    ("Observation?code-value-concept=smoking$0", &["concept"]),
    ("Observation?code-value-concept=smoking$urn:v|0", &[]),
    ("Observation?code-value-concept=|smoking$never", &[]),
    ("Observation?combo-code-value-concept=smoking$never", &["concept"]),
    ("Observation?component-code-value-concept=smoking$never", &[]),
    ("Observation?code-value-string=cost\\$a$5 \\$\\, gro", &["stated"]),
    ("Observation?code-value-string=urn:c|cost\\$a$6", &[]),
    ("Observation?code-value-date=due$2026", &["dated"]),
    ("Observation?code-value-date=due$ge2026-03-15", &["dated", "lasting"]),
    ("Observation?code-value-date=due$sa2026-04", &["lasting"]),
    ("Library?context-type-quantity=age$65", &["l1"]),
    ("Library?context-type-quantity=urn:usage|focus$65||years", &["l2"]),
    ("Library?context-type-quantity=age$ge20", &["l1", "l2"]),
    ("Library?context-type-value=focus$urn:f|hospice", &["l1"]),
    ("Library?context-type-value=age$hospice", &[]),
    ("Group?characteristic-value=urn:g|sex$f", &["g1"]),
    ("Group?characteristic-value=alive$true", &["g1"]),
    ("Group?characteristic-value=age$f", &[]),
    ("DocumentReference?relationship=DocumentReference/old$replaces", &["d1"]),
    ("DocumentReference?relationship=old$signs", &[]),
    ("MolecularSequence?chromosome-variant-coordinate=urn:ch|5$30$lt50", &["m1"]),
    ("MolecularSequence?chromosome-variant-coordinate=5$10$40", &[]),
    ("MolecularSequence?chromosome-window-coordinate=5$ge100$le200", &["m1"]),
];

#[test]
fn values_count_together_where_they_stand_in_one_element() {
    let mut database = stored();
    for (search, expected) in TOGETHER {
        let mut found = database.find(&search.replace('#', "%23"));
        found.sort();
        assert_eq!(found, *expected, "{search}");
        assert_eq!(
            database.total(&query(&format!("{search}&_total=accurate")).unwrap(), &Restriction::none()),
            Some(i64::try_from(expected.len()).unwrap()),
            "the total of {search}"
        );
    }
    let chained = "Patient?_has:Observation:patient:combo-code-value-quantity=8480-6$gt140";
    database.store(&json!({ "resourceType": "Patient", "id": "ana" }));
    database.store(&json!({ "resourceType": "Patient", "id": "bob" }));
    assert_eq!(database.find(chained), ["ana"]);
}

#[test]
fn a_composite_tells_nothing_of_what_the_caller_may_not_see() {
    let mut database = stored();
    database.store(&json!({ "resourceType": "Patient", "id": "bob" }));
    let only = |patient: &str| Restriction {
        default: Visible::Patients(vec![patient.into()]),
        by_type: std::collections::BTreeMap::new(),
    };
    let search = "Observation?combo-code-value-quantity=8480-6$gt100&_total=accurate";
    for (patient, expected) in [("ana", vec!["high"]), ("bob", vec!["low"]), ("cy", vec![])] {
        let restriction = only(patient);
        assert_eq!(database.ids(&query(search).unwrap(), &restriction), expected, "{patient}");
        let total = database.total(&query(search).unwrap(), &restriction);
        assert_eq!(total, Some(i64::try_from(expected.len()).unwrap()), "{patient}");
    }
    let has = "Patient?_has:Observation:patient:combo-code-value-quantity=8480-6$lt120";
    assert_eq!(database.ids(&query(has).unwrap(), &only("bob")), ["bob"]);
    assert!(database.ids(&query(has).unwrap(), &only("ana")).is_empty());
}

#[test]
fn many_codes_in_one_element_make_no_more_rows_than_there_is_room_for() {
    let codes: Vec<Value> = (0..300).map(|n| json!({ "code": format!("c{n}") })).collect();
    let many = json!({ "resourceType": "Observation", "id": "many", "status": "final",
        "code": { "coding": codes }, "valueCodeableConcept": { "coding": codes } });
    let rows = crate::search::rows(&PARAMETERS, &many, &jiff::tz::TimeZone::UTC);
    assert_eq!(rows.composites.len(), 10_000);
}

#[test]
fn a_number_in_a_composite_is_compared_as_one_by_itself_whichever_way_its_row_is_kept() {
    let of = |id: &str, value: Value| {
        observation(id, "ana", json!({ "code": coded(&[("urn:c", "x")]), "valueQuantity": value }))
    };
    let mut database = Database::of(&[
        of("below", json!({ "value": -5 })),
        of("nothing", json!({ "value": 0 })),
        of("above", json!({ "value": 5 })),
        of("less", json!({ "value": 0, "comparator": "<" })),
        of("more", json!({ "value": 0, "comparator": ">" })),
        of("most", json!({ "value": 5, "comparator": "<=" })),
    ]);
    let mut found = 0;
    // An index of the tenth rules has both ends of each.
    for rows in ["1 = 0", "low > high"] {
        database.run_all(&format!("UPDATE idx_composite SET high = low WHERE {rows}"));
        for prefix in ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"] {
            for number in ["-6", "-5", "-3", "0", "3", "5", "6"] {
                let [composite, alone] = ["code-value-quantity=x$", "value-quantity="].map(|name| {
                    let mut ids = database.find(&format!("Observation?{name}{prefix}{number}"));
                    ids.sort();
                    ids
                });
                found += composite.len();
                assert_eq!(composite, alone, "{prefix}{number} {rows}");
            }
        }
    }
    assert!(found > 300, "{found}");
    let rows = |value: i64| {
        let one = of("one", json!({ "value": value }));
        let rows = crate::search::rows(&PARAMETERS, &one, &jiff::tz::TimeZone::UTC);
        rows.composites.iter().map(|row| (row.low > 0, row.high == 0)).collect::<Vec<_>>()
    };
    assert_eq!((rows(5), rows(-5)), (vec![(true, true)], vec![(false, false)]));
}
