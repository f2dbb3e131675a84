//! Tests of the whole language on small resources, with R4's own shapes.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::definitions::Definitions;

fn definitions() -> Arc<Definitions> {
    Definitions::shared().expect("the definitions load")
}

/// What an expression gives, each item as JSON or text.
fn found(expression: &str, resource: &Value) -> Result<Vec<String>, String> {
    let definitions = definitions();
    let compiled = Expression::compile(expression)?;
    let scope = Scope::of(resource);
    let start = [Item::Node(scope.context)];
    let frame = Frame { this: &start, index: 0, total: &[] };
    let items =
        Evaluator::new(&definitions.shapes, scope, Budget::default()).evaluate(&compiled.tree, frame)?;
    Ok(items
        .iter()
        .map(|item| match (item, item.system()) {
            (_, Some(value)) => value.to_text().into_owned(),
            (Item::Node(node), None) => node.value().map_or("no value".to_owned(), Value::to_string),
            (Item::Value(_), None) => unreachable!("a value is a value"),
        })
        .collect())
}

fn constraint(expression: &str, resource: &Value) -> Result<Option<bool>, String> {
    let definitions = definitions();
    holds(&Expression::compile(expression)?, &definitions.shapes, Scope::of(resource), &mut Budget::default())
}

fn places(expression: &str, resource: &Value) -> Vec<String> {
    let compiled = Expression::compile(expression).expect("an expression");
    let found =
        locate(&compiled, &definitions().shapes, resource, &mut Budget::default()).expect("it is evaluated");
    let step = |step: &LocationStep| match step {
        LocationStep::Member(name) => format!(".{name}"),
        LocationStep::Index(index) => format!("[{index}]"),
    };
    found.iter().map(|location| location.steps.iter().map(step).collect()).collect()
}

fn patient() -> Value {
    json!({
        "resourceType": "Patient", "id": "p", "active": true, "gender": "female",
        "birthDate": "1950-03-02", "_birthDate": { "extension": [{ "url": "http://a.org/time", "valueDateTime": "1950-03-02T04:05:06Z" }] },
        "contained": [{ "resourceType": "Organization", "id": "o", "name": "Home" }],
        "extension": [{ "url": "http://a.org/race", "extension": [{ "url": "code", "valueCode": "x" }] }],
        "name": [
            { "use": "official", "family": "Lovelace", "given": ["Ada", "Augusta"], "_given": [null, { "id": "g" }] },
            { "use": "nickname", "given": ["Ada"] },
            { "_family": { "extension": [{ "url": "http://a.org/unknown", "valueBoolean": true }] } },
        ],
        "telecom": [{ "system": "phone", "value": "1", "rank": 2 }, { "system": "email", "value": "a@b", "rank": 1 }],
        "multipleBirthInteger": 2,
        "managingOrganization": { "reference": "#o" },
        "generalPractitioner": [{ "reference": "Practitioner/9" }],
    })
}

fn observation(value: (&str, Value)) -> Value {
    let mut observation = json!({ "resourceType": "Observation", "status": "final",
        "code": { "coding": [{ "system": "http://loinc.org", "code": "1" }] },
        "component": [{ "code": { "coding": [{ "system": "http://loinc.org", "code": "2" }] }, "valueQuantity": { "value": 5.0 } }] });
    observation[value.0] = value.1;
    observation
}

#[test]
fn each_part_of_the_language_gives_what_it_should() {
    let patient = patient();
    let table: &[(&str, &[&str])] = &[
        // Paths, with choices, siblings of primitives, indexers.
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
        // Existence.
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
        // Filtering and combining.
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
        // Texts.
        ("'abc'.startsWith('ab') and 'abc'.endsWith('bc') and 'abc'.contains('b')", &["true"]),
        ("'abcdef'.substring(2) & 'abcdef'.substring(1, 2) & 'é'.length().toString()", &["cdefbc1"]),
        ("'abc'.substring(9)", &[]),
        ("'abc'.indexOf('c').toString() & 'abc'.indexOf('x').toString()", &["2-1"]),
        ("'abc'.replace('b', 'x').upper() & 'ABC'.lower()", &["AXCabc"]),
        ("'a1'.matches('[a-z][0-9]') and 'xa1'.matches('[a-z][0-9]').not()", &["true"]),
        ("'a.b.c'.replaceMatches('\\\\..*', '')", &["a"]),
        ("'a,b'.split(',').join('-') & ' x '.trim() & 'ab'.toChars().count().toString()", &["a-bx2"]),
        ("'it\\'s \\u0041'", &["it's A"]),
        // Logic with nothing.
        ("({} and false) = false and ({} or true) and ({} implies true)", &["true"]),
        (
            "({} and true).empty() and ({} or false).empty() and ({} xor true).empty() and {}.not().empty()",
            &["true"],
        ),
        ("(true xor false) and (false implies {})", &["true"]),
        // Equality, equivalence and order.
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
        // Arithmetic and its precedence.
        ("1 + 2 * 3 - -4", &["11"]),
        ("7 div 2 + 7 mod 2 + 0.1", &["4.1"]),
        ("(7 / 2).toString() & (1 / 0).toString()", &["3.5"]),
        // Conversion.
        ("'12'.toInteger() + 1.5", &["13.5"]),
        ("'1.5'.convertsToInteger() or '1.5'.convertsToDecimal()", &["true"]),
        ("'x'.toInteger().empty() and 'y'.toBoolean() and '2026-01-01'.toDate() = @2026-01-01", &["true"]),
        (
            "'5 \\'mg\\''.toQuantity() = 5 'mg' and '10:00'.convertsToTime() and 'x'.convertsToDateTime().not()",
            &["true"],
        ),
        // Types.
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
    ];
    for (expression, expected) in table {
        let got = found(expression, &patient);
        assert_eq!(got, Ok(expected.iter().map(|text| (*text).to_owned()).collect()), "{expression}");
    }
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

#[test]
fn a_constraint_is_kept_broken_or_cannot_be_told() {
    let period = |start: &str, end: &str| json!({ "resourceType": "Encounter", "period": { "start": start, "end": end } });
    let order =
        "period.start.hasValue().not() or period.end.hasValue().not() or (period.start <= period.end)";
    assert_eq!(constraint(order, &period("2026-01-01", "2026-02")), Ok(Some(true)));
    assert_eq!(constraint(order, &period("2026-03-01", "2026-02")), Ok(Some(false)));
    assert_eq!(constraint(order, &period("2026-02-05", "2026-02")), Ok(None));
    // Nothing to look into tells nothing; a code that is asked for and is not there is missing.
    assert_eq!(constraint("id.contains('/').not()", &json!({ "resourceType": "Patient" })), Ok(None));
    assert_eq!(constraint("gender = 'male'", &json!({ "resourceType": "Patient" })), Ok(Some(false)));
    assert_eq!(
        constraint(
            "multipleBirth is integer implies multipleBirth > 0",
            &json!({ "resourceType": "Patient" })
        ),
        Ok(None)
    );
    let component =
        "value.empty() or component.code.where(coding.intersect(%resource.code.coding).exists()).empty()";
    let mut repeats = observation(("valueString", json!("a")));
    assert_eq!(constraint(component, &repeats), Ok(Some(true)));
    repeats["component"][0]["code"] = repeats["code"].clone();
    assert_eq!(constraint(component, &repeats), Ok(Some(false)));
}

#[test]
fn references_are_followed_within_a_bundle() {
    let bundle = json!({ "resourceType": "Bundle", "type": "document", "entry": [
        { "fullUrl": "https://a.org/fhir/Composition/1", "resource": { "resourceType": "Composition", "subject": { "reference": "Patient/2" },
            "author": [{ "reference": "urn:uuid:3" }] } },
        { "fullUrl": "https://a.org/fhir/Patient/2", "resource": { "resourceType": "Patient", "gender": "other" } },
        { "fullUrl": "urn:uuid:3", "resource": { "resourceType": "Practitioner", "gender": "male" } },
    ] });
    assert_eq!(constraint("entry.first().resource.is(Composition)", &bundle), Ok(Some(true)));
    assert_eq!(found("entry.resource.subject.resolve().gender", &bundle), Ok(vec!["other".to_owned()]));
    assert_eq!(
        found("entry.resource.author.resolve().ofType(Practitioner).gender", &bundle),
        Ok(vec!["male".to_owned()])
    );
    assert_eq!(found("entry.resource.author.resolve().ofType(Patient)", &bundle), Ok(vec![]));
}

#[test]
fn places_are_found_for_elements_and_for_primitives() {
    let patient = patient();
    assert_eq!(places("Patient", &patient), [""]);
    assert_eq!(places("Patient.name", &patient), [".name[0]", ".name[1]", ".name[2]"]);
    assert_eq!(places("Patient.name.where(use = 'nickname').given", &patient), [".name[1].given[0]"]);
    assert_eq!(places("Patient.multipleBirth", &patient), [".multipleBirthInteger"]);
    assert_eq!(places("Patient.birthDate", &patient), [".birthDate"]);
    assert_eq!(places("Patient.birthDate.extension", &patient), ["._birthDate.extension[0]"]);
    assert_eq!(places("Patient.name[2].family", &patient), [".name[2]._family"]);
    // Equal values are told apart by where they stand; what is computed stands nowhere.
    assert_eq!(
        places("Patient.name.given.where($this = 'Ada')", &patient),
        [".name[0].given[0]", ".name[1].given[0]"]
    );
    assert_eq!(places("Patient.name.given.first() & 'x'", &patient), Vec::<String>::new());
    assert_eq!(places("Patient.photo", &patient), Vec::<String>::new());
}

#[test]
fn what_is_no_expression_is_refused_with_the_reason() {
    for (text, problem) in [
        ("name.", "too early"),
        ("name.given(", "not known"),
        ("name.frobnicate()", "`frobnicate()` is not known"),
        ("name.first(1)", "arguments"),
        ("now()", "not known"),
        ("%nothing", "`%nothing` is not known"),
        ("'open", "does not end"),
        ("name)", "`)`"),
        ("a = ", "too early"),
        ("'a'.matches('(')", "pattern"),
        ("'a'.matches(name)", "not a literal"),
        ("@2026-13", "does not exist"),
        ("", "too early"),
        ("é", "`é`"),
        ("$that", "`$that`"),
    ] {
        let error = Expression::compile(text).expect_err(text);
        assert!(error.contains(problem), "{text}: {error}");
    }
    for deep in ["(", "-", "a.where(", "1 + (", "{", "a.", "1+", "1 is "] {
        assert!(Expression::compile(&deep.repeat(2_000)).is_err(), "nesting must not overflow the stack");
    }
    for (again, last) in
        [(".a", "a"), ("+1", "1"), ("[0]", "a"), (" is X", "1"), (" | 'a'", "'a'"), (".a()", "a")]
    {
        let error =
            |times| Expression::compile(&format!("{last}{}", again.repeat(times))).err().unwrap_or_default();
        assert!(error(2_500).contains(if again == ".a()" { "not known" } else { "too deep" }), "{again}");
        assert!(!error(190).contains("too deep"), "{again}");
    }
    // The height is that of the whole, not of each chain.
    let chains = (0..20).fold("a".to_owned(), |inner, _| format!("a.where({inner}){}", ".a".repeat(20)));
    assert!(Expression::compile(&chains).expect_err("400 levels").contains("too deep"));
    let patterns = |count| Expression::compile(&format!("'a'{}", ".replaceMatches('a', 'a')".repeat(count)));
    assert_eq!(patterns(8).expect("few").patterns(), 8);
    assert!(patterns(9).expect_err("many").contains("patterns"));
}

#[test]
fn what_cannot_be_evaluated_is_an_error_and_ends() {
    let patient = patient();
    for (text, problem) in [
        ("name.given + 'x'", "several"),
        ("name.given > 1", "several"),
        ("telecom.single()", "several"),
        ("gender > 1", "no order"),
        ("gender + 1", "reckoned"),
        ("name.is(HumanName)", "more than one"),
        ("name.given and true", "several"),
        ("gender.memberOf('http://a.org/vs')", "not held"),
        ("conformsTo('http://a.org/profile')", "not held"),
        ("1.repeat($this + 1)", "too many steps"),
    ] {
        let error = found(text, &patient).expect_err(text);
        assert!(error.contains(problem), "{text}: {error}");
    }
    let grows = format!("'a'{}", ".replace('a', 'aaaaaaaaaaaaaaaa')".repeat(9));
    assert!(found(&grows, &patient).expect_err("it grows").contains("too long"));
}

#[test]
fn what_grows_is_counted_before_it_fills_the_memory() {
    let patient = patient();
    let forty = "'1234567890123456789012345678901234567890'.toChars()";
    let text = format!("({forty}.select('aaaaaaaaaa').join(''))");
    for (path, problem) in [
        (format!("{forty}.aggregate($total.combine($total), 1)"), "too many steps"),
        (format!("1{}", ".iif(true, $this.combine($this))".repeat(40)), "too many steps"),
        (format!("{forty}.aggregate($total & $total, 'a')"), "too long"),
        (format!("{forty}.aggregate($total + $total, 'a')"), "too long"),
        (format!("{forty}.take(23).aggregate($total & $total, 'a').toChars()"), "too many steps"),
        (format!("{forty}.take(23).aggregate($total & $total, 'a').split('')"), "too many steps"),
        // Copies of one long text are more than their number.
        (
            format!("{forty}.take(23).aggregate($total & $total, 'a').iif(true, {}.count())", doubled(14)),
            "too many steps",
        ),
        (format!("{text}.select({forty}).aggregate($total.combine($total), 'a').count()"), "too many steps"),
        (format!("{forty}.take(18).aggregate($total.combine($total), 1).join({text} & {text})"), "too long"),
        (format!("{text}.replaceMatches('.*', '{}')", "$0".repeat(7_000)), ""),
        (
            format!(
                "{forty}.take(15).aggregate($total & $total, 'a').replaceMatches('.*', '{}')",
                "$0".repeat(5_000)
            ),
            "too long",
        ),
    ] {
        match found(&path, &patient) {
            Ok(_) => assert_eq!(problem, "", "{path}"),
            Err(error) => assert!(!problem.is_empty() && error.contains(problem), "{path}: {error}"),
        }
    }
    // Numbers that have no end of digits are none.
    let small = json!({ "resourceType": "Observation", "valueQuantity": { "value": 1e-900 } });
    let power = format!("{forty}.aggregate($total * $total, %resource.value.value).toString()");
    assert_eq!(found(&power, &small), Ok(vec![]));
}

/// `$this` twice as often with each call.
fn doubled(times: usize) -> String {
    format!("$this{}", ".iif(true, $this.combine($this))".repeat(times))
}

#[test]
fn expressions_may_share_one_budget() {
    let (patient, definitions) = (patient(), definitions());
    let costly = Expression::compile("Patient.descendants().select(%resource.descendants()).count() > 0");
    let costly = costly.expect("an expression");
    let mut budget = Budget::default();
    let mut hold = || holds(&costly, &definitions.shapes, Scope::of(&patient), &mut budget);
    assert_eq!(hold(), Ok(Some(true)));
    let all = (0..10_000).find_map(|_| hold().err());
    assert!(all.expect("the budget ends").contains("too many steps"));
    assert_eq!(budget.left(), 0);
}

#[test]
fn every_expression_of_r4_compiles() {
    let mut count = 0;
    for structure in crate::definitions::r4_structures().expect("the definitions are JSON") {
        for element in structure["snapshot"]["element"].as_array().into_iter().flatten() {
            for rule in element["constraint"].as_array().into_iter().flatten() {
                let text = rule["expression"].as_str().expect("a constraint has an expression");
                Expression::compile(text).unwrap_or_else(|problem| panic!("{}: {problem}", rule["key"]));
                count += 1;
            }
        }
    }
    assert!(count > 230, "{count}");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(
        text in "([a-z]{1,4}|Patient|name|given|\\.|\\(|\\)|\\[|\\]|'a'|1|@2026|\\$this|%resource|where|select|repeat|descendants|is|as|and|or|=|<|\\+|-|\\||\\{\\}| ){0,24}"
    ) {
        if let Ok(expression) = Expression::compile(&text) {
            let patient = patient();
            let _ = holds(&expression, &definitions().shapes, Scope::of(&patient), &mut Budget::default());
            let _ = locate(&expression, &definitions().shapes, &patient, &mut Budget::default());
        }
    }
}
