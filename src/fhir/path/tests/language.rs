//! Each part of the language, on one patient.

use super::*;

/// Each expression gives these items, as texts, on the patient.
fn give(table: &[(&str, &[&str])]) {
    let patient = patient();
    for (expression, expected) in table {
        let got = found(expression, &patient);
        assert_eq!(got, Ok(expected.iter().map(|text| (*text).to_owned()).collect()), "{expression}");
    }
}

#[test]
fn paths_lead_to_elements_choices_and_siblings_of_primitives() {
    give(&[
        ("Patient.name.given", &["Ada", "Augusta", "Ada"]),
        ("Observation.name", &[]),
        ("name[1].given[0]", &["Ada"]),
        ("name[9]", &[]),
        ("multipleBirth", &["2"]),
        ("Patient.multipleBirth is integer", &["true"]),
        ("(multipleBirth as integer) + 1", &["3"]),
        ("multipleBirth.ofType(boolean)", &[]),
        ("birthDate.extension('http://a.org/time').value", &["1950-03-02T04:05:06Z"]),
        ("birthDate.extension.value.is(dateTime)", &["true"]),
        ("extension('http://a.org/race').extension('code').value", &["x"]),
        ("name.given.id", &["g"]),
        ("`active`", &["true"]),
        ("contained.name", &["Home"]),
        ("managingOrganization.resolve().name", &["Home"]),
        ("generalPractitioner.resolve()", &[]),
        ("%resource.id & %context.id & %rootResource.id", &["ppp"]),
    ]);
}

#[test]
fn what_is_there_is_told_and_counted() {
    give(&[
        ("name.family.exists() and name.family.count() = 2", &["true"]),
        ("name.exists(use = 'nickname')", &["true"]),
        ("name.all(given.exists())", &["false"]),
        ("photo.empty() and photo.all(false)", &["true"]),
        ("name[2].family.hasValue()", &["false"]),
        ("name.where(use = 'official').given.count()", &["2"]),
        ("name.given.distinct()", &["Ada", "Augusta"]),
        ("name.given.isDistinct()", &["false"]),
        ("(1 | 1.0 | 2).count()", &["2"]),
        ("(true | false).anyTrue() and (true | false).allTrue().not()", &["true"]),
        ("(1 | 2).subsetOf(1 | 2 | 3) and (1 | 2).supersetOf(2)", &["true"]),
    ]);
}

#[test]
fn collections_are_filtered_and_combined() {
    give(&[
        ("name.select(given.first())", &["Ada", "Ada"]),
        ("name.given.tail()", &["Augusta", "Ada"]),
        ("name.given.last() & name.given.skip(1).take(1)", &["AdaAugusta"]),
        ("name.given.first() | name.given[1]", &["Ada", "Augusta"]),
        ("name.given.combine(name.given).count()", &["6"]),
        ("name[0].given.intersect(name[1].given)", &["Ada"]),
        ("name.given.exclude('Ada')", &["Augusta"]),
        ("telecom.select($index)", &["0", "1"]),
        ("telecom.rank.aggregate($this + $total, 0)", &["3"]),
        ("telecom.rank.aggregate(iif($total.empty(), $this, iif($this < $total, $this, $total)))", &["1"]),
        ("iif(active, 'yes', 'no') & iif(active.not(), 'yes')", &["yes"]),
        ("extension.repeat(extension).url", &["code"]),
        ("extension.descendants().where($this is uri).count()", &["2"]),
        ("children().count() > 10", &["true"]),
        ("name.trace('names').count()", &["3"]),
    ]);
}

#[test]
fn texts_are_searched_cut_and_joined() {
    give(&[
        ("'abc'.startsWith('ab') and 'abc'.endsWith('bc') and 'abc'.contains('b')", &["true"]),
        ("'abcdef'.substring(2) & 'abcdef'.substring(1, 2) & 'é'.length().toString()", &["cdefbc1"]),
        ("'abc'.substring(9)", &[]),
        ("'abc'.indexOf('c').toString() & 'abc'.indexOf('x').toString()", &["2-1"]),
        ("'abc'.replace('b', 'x').upper() & 'ABC'.lower()", &["AXCabc"]),
        ("'a1'.matches('[a-z][0-9]') and 'xa1'.matches('[a-z][0-9]').not()", &["true"]),
        ("'a.b.c'.replaceMatches('\\\\..*', '')", &["a"]),
        ("'a,b'.split(',').join('-') & ' x '.trim() & 'ab'.toChars().count().toString()", &["a-bx2"]),
        ("'it\\'s \\u0041'", &["it's A"]),
    ]);
}

#[test]
fn logic_knows_nothing_as_a_third_value() {
    give(&[
        ("({} and false) = false and ({} or true) and ({} implies true)", &["true"]),
        (
            "({} and true).empty() and ({} or false).empty() and ({} xor true).empty() and {}.not().empty()",
            &["true"],
        ),
        ("(true xor false) and (false implies {})", &["true"]),
    ]);
}

#[test]
fn values_are_equal_equivalent_or_in_order() {
    give(&[
        ("1 = 1.0 and 'a' != 'A' and 'a B' ~ 'A  b' and (1 | 2) !~ (1 | 3) and (1 | 2) ~ (2 | 1)", &["true"]),
        ("({} = 1).empty() and ({} ~ {})", &["true"]),
        ("birthDate = @1950-03-02 and birthDate < @1950-04 and (birthDate < @1950-03).empty()", &["true"]),
        (
            "@2026-01-01T10:00:00+01:00 > @2026-01-01T09:59:59+01:00 and @2026-01-01T10:00:00+02:00 < @2026-01-01T09:00:00+00:00",
            &["true"],
        ),
        ("@2026-01-01T10:00:00+01:00 = @2026-01-01T09:00:00.000Z and @T10:30 < @T10:31", &["true"]),
        ("4 'mg' < 5 'mg' and (4 'mg' < 5 'g').empty() and 1 day = 1 'd'", &["true"]),
        ("gender in ('male' | 'female') and ('a' | 'b') contains 'b' and ('z' in {}) = false", &["true"]),
        ("name[0] = name[0] and name[0] != name[1]", &["true"]),
    ]);
}

#[test]
fn arithmetic_has_its_precedence_and_conversions_tell_what_they_cannot() {
    give(&[
        ("1 + 2 * 3 - -4", &["11"]),
        ("7 div 2 + 7 mod 2 + 0.1", &["4.1"]),
        ("(7 / 2).toString() & (1 / 0).toString()", &["3.5"]),
        ("'12'.toInteger() + 1.5", &["13.5"]),
        ("'1.5'.convertsToInteger() or '1.5'.convertsToDecimal()", &["true"]),
        ("'x'.toInteger().empty() and 'y'.toBoolean() and '2026-01-01'.toDate() = @2026-01-01", &["true"]),
        (
            "'5 \\'mg\\''.toQuantity() = 5 'mg' and '10:00'.convertsToTime() and 'x'.convertsToDateTime().not()",
            &["true"],
        ),
    ]);
}

#[test]
fn types_are_those_of_fhir_and_of_the_language() {
    give(&[
        ("Patient is DomainResource and contained.first() is Organization and gender is string", &["true"]),
        (
            "name.first() is HumanName and name.first() is Element and (name.first() is FHIR.Period).not()",
            &["true"],
        ),
        (
            "(gender as code) & (1 is Integer).toString() & ('a' is System.String).toString()",
            &["femaletruetrue"],
        ),
        ("%ucum & %sct.length().toString() // a comment", &["http://unitsofmeasure.org22"]),
        ("gender.memberOf('http://hl7.org/fhir/ValueSet/administrative-gender')", &["true"]),
        ("conformsTo('http://hl7.org/fhir/StructureDefinition/Patient')", &["true"]),
    ]);
}

#[test]
fn quantities_of_a_resource_compare_in_their_units() {
    let range = |low: Value, high: Value| json!({ "resourceType": "Observation", "referenceRange": [{ "low": low, "high": high }] });
    let rule = "referenceRange.all(low.empty() or high.empty() or (low <= high))";
    let mg = |value: i32| json!({ "value": value, "code": "mg" });
    assert_eq!(constraint(rule, &range(mg(1), mg(2))), Ok(Some(true)));
    assert_eq!(constraint(rule, &range(mg(3), mg(2))), Ok(Some(false)));
    let other_unit = range(mg(3), json!({ "value": 2, "code": "g" }));
    assert_eq!(constraint("referenceRange.low <= referenceRange.high", &other_unit), Ok(None));
}
