//! What ends, and what is not guessed. <https://hl7.org/fhir/R4/valueset-operation-expand.html>

use super::*;

#[test]
fn what_only_a_system_could_tell_that_is_not_at_hand_is_not_guessed() {
    let books = books(Vec::new());
    let snomed = "http://snomed.info/sct";
    let whole = set("urn:s", json!({ "include": [{ "system": snomed }] }));
    let failure = codes(&books, &whole).expect_err("SNOMED CT is not here");
    assert_eq!((failure.status(), failure.issues[0].code), (422, "not-supported"));
    assert_eq!(find(&books, &whole, snomed, "22298006"), Answer::Unknown(snomed.into()));
    assert_eq!(find(&books, &whole, "http://loinc.org", "22298006"), Answer::No);
    let listed = json!({ "system": snomed, "concept": [{ "code": "1", "display": "One" }] });
    let listed_set = set("urn:l", json!({ "include": [listed] }));
    assert_eq!(codes(&books, &listed_set).expect("listed"), ["1"]);
    assert_eq!(find(&books, &listed_set, snomed, "2"), Answer::No);
    let but = set(
        "urn:b",
        json!({ "include": [listed], "exclude": [{ "system": snomed, "filter": [
        { "property": "concept", "op": "is-a", "value": "2" }] }] }),
    );
    assert_eq!(codes(&books, &but).expect_err("not told").status(), 422);
    assert_eq!(find(&books, &but, snomed, "1"), Answer::Unknown(snomed.into()));
    let icd = "http://hl7.org/fhir/sid/icd-10-cm";
    let form = set(
        "urn:i",
        json!({ "include": [{ "system": icd, "filter": [
        { "property": "code", "op": "regex", "value": "I50.*" }] }] }),
    );
    assert!(matches!(find(&books, &form, icd, "I50.9"), Answer::Yes(member) if member.by_form));
    assert_eq!(find(&books, &form, icd, "J44"), Answer::No);
    assert_eq!(codes(&books, &form).expect_err("not listed").status(), 422);
}

#[test]
fn rings_and_costly_questions_end() {
    let import = |url: &str, other: &str| set(url, json!({ "include": [{ "valueSet": [other] }] }));
    let ring = books(vec![import("urn:a", "urn:b"), import("urn:b", "urn:a")]);
    let failure = codes(&ring, &import("urn:a", "urn:b")).expect_err("a ring");
    assert_eq!(failure.status(), 422);
    let unknown = codes(&ring, &import("urn:c", "urn:none")).expect_err("unknown");
    assert_eq!((unknown.status(), unknown.issues[0].code), (422, "not-found"));
    // each takes in the next twice: two to the fortieth paths
    let twice = |at: usize| {
        let next = json!({ "valueSet": [format!("urn:{}", at + 1)] });
        set(&format!("urn:{at}"), json!({ "include": [next.clone(), next] }))
    };
    let mut ladder: Vec<Value> = (0..40).map(twice).collect();
    ladder.push(set("urn:40", json!({ "include": [{ "system": "urn:animals" }] })));
    let first = ladder[0].clone();
    let failure = codes(&books(ladder), &first).expect_err("too much");
    assert_eq!(failure.issues[0].code, "too-costly");
    let evil = of_animals(json!({ "property": "code", "op": "regex", "value": "(a{1000}){1000}" }));
    assert_eq!(codes(&books(Vec::new()), &evil).expect_err("too large").status(), 422);
    let evil = of_animals(json!({ "property": "code", "op": "regex", "value": "(x+x+)+y" }));
    assert_eq!(codes(&books(Vec::new()), &evil).expect("linear"), Vec::<String>::new());
    // many codes against one pattern
    let many: Vec<Value> = (0..5_000).map(|at| json!({ "code": format!("c{at}") })).collect();
    let pattern = json!({ "property": "code", "op": "regex", "value": "c1.*" });
    let but = set(
        "urn:many",
        json!({ "include": [{ "system": "urn:m", "concept": many }],
            "exclude": [{ "system": "urn:m", "filter": [pattern] }] }),
    );
    assert_eq!(codes(&books(Vec::new()), &but).expect("told by form").len(), 5_000 - 1_111);
    let odd = of_animals(json!({ "property": "code", "op": "like", "value": "x" }));
    assert_eq!(codes(&books(Vec::new()), &odd).expect_err("no filter of R4").issues[0].code, "not-supported");
}

/// Many codes against many large patterns, patterns over all of a system, and a chain of concepts walked from each.
#[test]
fn work_on_filters_is_charged_before_it_is_done() {
    let many: Vec<Value> = (0..20_000).map(|at| json!({ "code": format!("code-{at}") })).collect();
    let large = |at: usize| {
        let value = format!("(code-[0-9]{{1,40}}){{1,10}}x{at}");
        json!({ "system": "urn:m", "filter": [{ "property": "code", "op": "regex", "value": value }] })
    };
    let include = json!([{ "system": "urn:m", "concept": many.clone() }]);
    let excludes: Vec<Value> = (0..100).map(large).collect();
    let by_form = set("urn:many", json!({ "include": include, "exclude": excludes }));
    let link = |at: usize| json!([{ "code": "parent", "valueCode": format!("c{}", at + 1) }]);
    let chain: Vec<Value> =
        (0..20_000).map(|at| json!({ "code": format!("c{at}"), "property": link(at) })).collect();
    let mut library = books(Vec::new());
    for (url, concept) in [("urn:m", &many), ("urn:chain", &chain)] {
        let system = json!({ "resourceType": "CodeSystem", "url": url, "concept": concept });
        library.0.insert(url.to_owned(), system);
    }
    let filters: Vec<Value> =
        (0..200).map(|_| json!({ "property": "code", "op": "exists", "value": "true" })).collect();
    let scan = set("urn:scan", json!({ "include": [{ "system": "urn:m", "filter": filters }] }));
    let below = json!({ "property": "concept", "op": "is-a", "value": "c19999" });
    let walk = set("urn:walk", json!({ "include": [{ "system": "urn:chain", "filter": [below] }] }));
    for (books, asked) in [(&books(Vec::new()), &by_form), (&library, &scan), (&library, &walk)] {
        let failure = codes(books, asked).expect_err("too much");
        assert_eq!(failure.issues[0].code, "too-costly", "{}", asked["url"]);
    }
}

#[test]
fn a_ring_of_concepts_is_walked_once() {
    let code = |value: &str| json!([{ "code": "parent", "valueCode": value }]);
    let system = CodeSystem::compile(&json!({ "url": "urn:ring", "concept": [
        { "code": "a", "property": code("b") }, { "code": "b", "property": code("a") }, { "code": "c" }] }));
    let is_a = |code, ancestor| system.is_a(code, ancestor, &mut |_| Ok(())).expect("free");
    assert!(is_a("a", "b") && is_a("b", "a") && !is_a("a", "c"));
    let loose = CodeSystem::compile(&json!({ "caseSensitive": false, "concept": [{ "code": "Ab" }] }));
    assert!(loose.find("aB").is_some());
}

#[test]
fn an_extent_says_by_form_what_cannot_be_listed() {
    let icd = "http://hl7.org/fhir/sid/icd-10-cm";
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let begin = |all: &[&str]| Extent::Beginning(icd.into(), texts(all));
    let codes = |all: &[&str]| Extent::Codes(icd.into(), texts(all));
    let but = |one: Extent, other: Extent| Extent::But(Box::new(one), Box::new(other));
    let filtered = |property: &str, op: &str, value: &str| {
        let filter = json!({ "property": property, "op": op, "value": value });
        let set = set("urn:set", json!({ "include": [{ "system": icd, "filter": [filter] }] }));
        Question::of(Shelf::of(&books(Vec::new()))).extent(&set)
    };
    let table = [
        (("code", "regex", r"(J41|Z99\.2).*"), begin(&["J41", "Z99.2"])),
        (("code", "regex", "J.*"), begin(&["J"])),
        (("code", "regex", r"(J41\.0|J42)"), codes(&["J41.0", "J42"])),
        (("concept", "=", "J42"), codes(&["J42"])),
        (("concept", "is-a", "C50.9"), begin(&["C50.9", "C509"])),
        (("concept", "descendent-of", "C50"), but(begin(&["C50"]), codes(&["C50"]))),
        (("code", "exists", "true"), Extent::System(icd.into())),
    ];
    for ((property, op, value), expected) in table {
        assert_eq!(
            filtered(property, op, value),
            Ok(Extent::Any(vec![Extent::All(vec![expected])])),
            "{value}"
        );
    }
    for (property, op, value) in [
        ("code", "regex", "J[0-9]+"),
        ("code", "regex", "J4|K.*"),
        ("code", "regex", "(J4(1|2)).*"),
        ("display", "=", "Asthma"),
        ("concept", "generalizes", "C50.9"),
        ("code", "exists", "false"),
    ] {
        let failure = filtered(property, op, value).expect_err(value);
        assert_eq!((failure.status(), failure.issues[0].code), (422, "not-supported"), "{value}");
    }
    let ring = [
        set("urn:one", json!({ "include": [{ "valueSet": ["urn:two"] }] })),
        set("urn:two", json!({ "include": [{ "valueSet": ["urn:one"] }] })),
    ];
    let books = books(ring.to_vec());
    assert_eq!(Question::of(Shelf::of(&books)).extent(&ring[0]).unwrap_err().status(), 422);
}
