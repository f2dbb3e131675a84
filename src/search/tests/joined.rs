//! Parameters that join two others: their rows, and what is found.

use super::PARAMETERS;
use super::composites::stored;
use super::matches::check;
use super::ty;

#[test]
fn the_parameters_of_two_elements_have_the_rows_of_the_two() {
    let joined = |code: &str| {
        let parameter = PARAMETERS.find(ty("Observation"), code).unwrap();
        let both = parameter.joins.map(|both| both.map(|one| PARAMETERS.by_number(one).unwrap()));
        both.map(|both| {
            let mut codes = both.map(|one| one.code.as_str());
            codes.sort_unstable();
            codes
        })
    };
    assert_eq!(joined("combo-code"), Some(["code", "component-code"]));
    assert_eq!(joined("combo-value-quantity"), Some(["component-value-quantity", "value-quantity"]));
    assert_eq!(joined("combo-value-concept"), Some(["component-value-concept", "value-concept"]));
    let reason = "combo-data-absent-reason";
    assert_eq!(joined(reason), Some(["component-data-absent-reason", "data-absent-reason"]));
    for code in ["code", "component-code", "status", "combo-code-value-quantity"] {
        assert_eq!(joined(code), None, "{code}");
    }
    let all = ty_count();
    assert_eq!(all, 4, "whoever adds one sees that it is searched, sorted and filtered by");
}

fn ty_count() -> usize {
    let all = crate::fhir::ResourceType::all().flat_map(|ty| PARAMETERS.of(ty));
    all.filter(|parameter| parameter.joins.is_some()).count()
}

#[test]
fn a_joined_parameter_finds_what_either_of_the_two_finds() {
    let mut database = stored();
    let table: &[(&str, &[&str])] = &[
        ("Observation?combo-code=http://loinc.org|8480-6", &["high", "low"]),
        ("Observation?combo-code=http://loinc.org|85354-9", &["high", "low"]),
        ("Observation?combo-code=29463-7,8480-6", &["high", "low", "weight"]),
        ("Observation?combo-code=http://loinc.org|", &["high", "low", "weight"]),
        ("Observation?combo-code:not=8480-6", &["concept", "dated", "lasting", "stated", "weight"]),
        ("Observation?combo-code=8480-6&subject=Patient/ana", &["high"]),
        ("Observation?combo-code=8480-6&combo-code=sys", &["high", "low"]),
        ("Observation?combo-code:missing=true", &[]),
        ("Observation?combo-value-quantity=70.5", &["weight"]),
        ("Observation?combo-value-quantity=gt100", &["high", "low"]),
        ("Observation?combo-value-quantity=lt75||kg,150", &["high", "weight"]),
        ("Observation?combo-value-quantity:missing=false", &["high", "low", "weight"]),
        ("Observation?combo-value-quantity:missing=true", &["concept", "dated", "lasting", "stated"]),
        ("Observation?_filter=combo-value-quantity gt 120", &["high"]),
        // One looks at the rows of both, the other at its own alone, whichever stands first.
        ("Observation?_filter=component-code eq 8480-6 or combo-code eq 29463-7", &["high", "low", "weight"]),
        ("Observation?_filter=combo-code eq 29463-7 or component-code eq 85354-9", &["weight"]),
        ("Observation?_filter=component-code eq 85354-9 or combo-code eq 29463-7", &["weight"]),
        ("Observation?_filter=code eq 29463-7 or combo-code eq 8480-6", &["high", "low", "weight"]),
        ("Observation?_filter=combo-code eq 29463-7 or code eq 8480-6", &["weight"]),
        ("Observation?_filter=combo-code eq 29463-7 or combo-code eq 8480-6", &["high", "low", "weight"]),
        ("Observation?_filter=value-quantity gt 120 or combo-value-quantity eq 70.5", &["weight"]),
        (
            "Observation?_filter=combo-code ne \"http://loinc.org|8480-6\" and combo-code pr true",
            &["concept", "dated", "high", "lasting", "low", "stated", "weight"],
        ),
    ];
    check(&mut database, table);
    let sorted = |search: &str| stored().find(search);
    assert_eq!(
        sorted("Observation?combo-value-quantity:missing=false&_sort=combo-value-quantity"),
        ["high", "weight", "low"],
        "by the least of its values: 70 of a component, 70.5, 95"
    );
    assert_eq!(
        sorted("Observation?combo-value-quantity:missing=false&_sort=-combo-value-quantity"),
        ["high", "low", "weight"]
    );
    assert_eq!(sorted("Observation?subject=Patient/ana&_sort=combo-code")[..2], ["weight", "high"]);
}
