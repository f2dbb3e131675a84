//! Strings with case and accents, and URIs with what they contain.

use serde_json::json;

use super::database::Database;
use super::database::query;
use super::matches::check;

#[test]
fn strings_are_folded_unless_they_are_asked_for_exactly() {
    let named = |id: &str, family: &str| json!({ "resourceType": "Patient", "id": id, "name": [{ "family": family }] });
    let table: &[(&str, &[&str])] = &[
        ("Patient?family=muller", &["capital", "hyphen", "plain", "umlaut"]),
        ("Patient?family=MÜLLER", &["capital", "hyphen", "plain", "umlaut"]),
        ("Patient?family:exact=Müller", &["umlaut"]),
        ("Patient?family:exact=Muller", &["plain"]),
        ("Patient?family:exact=MÜLLER", &["capital"]),
        ("Patient?family:exact=Mull", &[]),
        ("Patient?family:exact=Müller,Muller", &["plain", "umlaut"]),
        ("Patient?family:contains=ULL", &["capital", "hyphen", "plain", "umlaut"]),
        ("Patient?family:contains=ÜLL", &["capital", "hyphen", "plain", "umlaut"]),
        ("Patient?family:contains=lee-mu", &["hyphen"]),
        ("Patient?family=mu", &["capital", "hyphen", "plain", "umlaut"]),
        ("Patient?family=lee muller", &["hyphen"]),
        ("Patient?family=muller-lee", &[]),
        ("Patient?family=ångström", &["ring"]),
        ("Patient?family:contains=GSTROM", &["ring"]),
        ("Patient?name:exact=Müller", &["umlaut"]),
    ];
    let people = [
        named("umlaut", "Müller"),
        named("plain", "Muller"),
        named("capital", "MÜLLER"),
        named("hyphen", "Lee-Müller"),
        named("ring", "A\u{30a}ngström"),
    ];
    check(&mut Database::of(&people), table);
}

#[test]
fn punctuation_says_nothing_and_each_word_of_a_name_begins_a_match() {
    let table: &[(&str, &[&str])] = &[
        ("Patient?family=obrien", &["curly", "straight"]),
        ("Patient?family=O'Brien", &["curly", "straight"]),
        ("Patient?name=o\u{b4}brien", &["curly", "straight"]),
        ("Patient?given=jose maria", &["two"]),
        ("Patient?given=José-María", &["two"]),
        ("Patient?given=maria", &["two"]),
        ("Patient?given:exact=José María", &[]),
        ("Patient?given:exact=José-María", &["two"]),
        ("Patient?family=Quinones", &["two"]),
        ("Patient?name=quinones  LOPEZ", &["two"]),
        ("Patient?phonetic=lopez", &["two"]),
        ("Patient?family=arreno", &[]),
        ("Patient?family:exact=Quiñones López", &[]),
        ("Patient?address=main", &["two"]),
        ("Patient?address-city=louis", &["two"]),
        ("Patient?address=st louis", &["two"]),
        ("Patient?_filter=family eq quinones", &[]),
        ("Patient?_filter=family eq \"carreno quinones-lopez\"", &["two"]),
        ("Patient?_filter=family sw quinones", &["two"]),
        // A name that belongs to no person is one text.
        ("Organization?name=hospice", &["named"]),
        ("Organization?name=of the valley", &[]),
        ("Organization?name:contains=of the valley", &["named"]),
    ];
    let all = [
        json!({ "resourceType": "Patient", "id": "curly", "name": [{ "family": "O\u{2019}Brien" }] }),
        json!({ "resourceType": "Patient", "id": "straight", "name": [{ "family": "O'Brien II" }] }),
        json!({ "resourceType": "Patient", "id": "two",
            "name": [{ "family": "Carreno Quiñones López", "given": ["José-María"] }],
            "address": [{ "line": ["12, Main St."], "city": "St. Louis" }] }),
        json!({ "resourceType": "Organization", "id": "named", "name": "Hospice \"of the\" Valley" }),
    ];
    let mut database = Database::of(&all);
    check(&mut database, table);
    // The order is that of the whole name.
    assert_eq!(database.find("Patient?_sort=family"), ["two", "curly", "straight"]);
    assert_eq!(database.find("Patient?_sort=-family"), ["straight", "curly", "two"]);
}

#[test]
fn a_long_text_is_found_by_what_stands_anywhere_in_it() {
    let words = |at: usize| format!("w{at:04} ").repeat(4);
    let text: String = (0..120).map(words).collect();
    let long = |id: &str, end: &str| json!({ "resourceType": "PlanDefinition", "id": id, "status": "active", "description": format!("{text}{end}") });
    let mut database = Database::of(&[long("one", "the Énd"), long("other", "the end of it")]);
    let (all, found): (&[&str], &[&str]) = (&["one", "other"], &["one"]);
    let (whole, beginning) = (format!("{text}the Énd"), &text[..400]);
    let table = [
        ("description:contains=the end".to_owned(), all),
        ("description:contains=end of".into(), &["other"]),
        ("description:contains=endof".into(), &[]),
        (format!("description={beginning}"), all),
        (format!("description:exact={whole}"), found),
        (format!("description:exact={text}"), &[]),
        (format!("_filter=description eq \"{whole}\""), found),
        ("_filter=description ew end".into(), found),
        ("_filter=description ew \"of it\"".into(), &["other"]),
        ("_filter=description co \"the end\"".into(), all),
        ("description=w0000 w0000".into(), all),
        ("description=w0001".into(), &[]),
        ("description:missing=false".into(), all),
    ];
    let table: Vec<(String, &[&str])> =
        table.into_iter().map(|(search, ids)| (format!("PlanDefinition?{search}"), ids)).collect();
    check(&mut database, &table.iter().map(|(search, ids)| (search.as_str(), *ids)).collect::<Vec<_>>());
    // Wherever it stands, and as long as it may be.
    for at in (0..text.len() - 240).step_by(41) {
        let part = text[at..at + 239].trim();
        assert_eq!(database.find(&format!("PlanDefinition?description:contains={part}")).len(), 2, "{at}");
        let part = &text[at..].split_once(' ').unwrap().1[..20];
        let ended = database.find(&format!("PlanDefinition?_filter=description ew \"{part}\""));
        assert!(ended.is_empty(), "nothing ends with {part}");
    }
    for wrong in [format!("description:contains={}", &text[..300]), format!("description={}", &text[..500])] {
        assert_eq!(query(&format!("PlanDefinition?{wrong}")).unwrap_err().status(), 400);
    }
}

#[test]
fn a_canonical_is_found_with_and_without_its_version_and_a_definition_by_both() {
    let table: &[(&str, &[&str])] = &[
        ("Patient?_profile=http://p.test/us-core", &["bare", "six"]),
        ("Patient?_profile=http://p.test/us-core|6.1.0", &["six"]),
        ("Patient?_profile=http://p.test/us-core|5", &[]),
        ("Patient?_profile=http://p.test/us", &[]),
        ("Patient?_profile:below=http://p.test", &["bare", "longer", "six"]),
        ("Patient?_profile:below=http://p.test/us-core", &["bare", "six"]),
        ("Patient?_profile=http://p.test/us-core,http://p.test/us-core2", &["bare", "longer", "six"]),
        ("Patient?_filter=_profile ne http://p.test/us-core", &["longer"]),
        ("ValueSet?url=http://v.test/a", &["first", "second", "unversioned"]),
        ("ValueSet?url=http://v.test/a|1.0-RC1", &["first"]),
        ("ValueSet?url=http://v.test/a|1.0-RC1,http://v.test/b", &["first", "other"]),
        ("ValueSet?url=http://v.test/a|3", &[]),
        ("ValueSet?_filter=url eq http://v.test/a|2", &["second"]),
        ("ValueSet?_filter=url ne http://v.test/a|2", &["first", "other", "unversioned"]),
        ("ValueSet?version=1.0-rc1", &["first"]),
        ("ValueSet?version=1.0-RC1", &["first"]),
    ];
    let patient = |id: &str, profile: &str| json!({ "resourceType": "Patient", "id": id, "meta": { "profile": [profile] } });
    let set = |id: &str, url: &str, version: Option<&str>| json!({ "resourceType": "ValueSet", "id": id, "status": "active", "url": url, "version": version });
    let all = [
        patient("bare", "http://p.test/us-core"),
        patient("six", "http://p.test/us-core|6.1.0"),
        patient("longer", "http://p.test/us-core2"),
        set("first", "http://v.test/a", Some("1.0-RC1")),
        set("second", "http://v.test/a", Some("2")),
        set("unversioned", "http://v.test/a", None),
        set("other", "http://v.test/b", Some("2")),
    ];
    let mut database = Database::of(&all);
    check(&mut database, table);
    assert_eq!(database.find("Patient?_profile=http://p.test/us-core&_sort=_profile"), ["bare", "six"]);
    assert_eq!(database.find("ValueSet?_sort=-url"), ["other", "unversioned", "second", "first"]);
}

#[test]
fn a_uri_is_found_whole_or_by_the_path_that_it_is_in() {
    let set =
        |id: &str, url: &str| json!({ "resourceType": "ValueSet", "id": id, "status": "active", "url": url });
    let table: &[(&str, &[&str])] = &[
        ("ValueSet?url=http://acme.org/fhir/ValueSet/123", &["deep"]),
        ("ValueSet?url=http://acme.org/fhir", &["root"]),
        ("ValueSet?url=HTTP://acme.org/fhir", &[]),
        ("ValueSet?url:below=http://acme.org/fhir", &["deep", "root"]),
        ("ValueSet?url:below=http://acme.org/fhir/", &["deep"]),
        ("ValueSet?url:below=http://acme.org", &["deep", "other", "root"]),
        ("ValueSet?url:below=http://acme.org/fhi", &[]),
        ("ValueSet?url:above=http://acme.org/fhir/ValueSet/123/_history/5", &["deep", "root"]),
        ("ValueSet?url:above=http://acme.org/fhir", &["root"]),
        ("ValueSet?url:above=http://acme.org/fhir2", &[]),
        ("ValueSet?url=urn:oid:1.2.3", &["oid"]),
    ];
    let sets = [
        set("root", "http://acme.org/fhir"),
        set("deep", "http://acme.org/fhir/ValueSet/123"),
        set("other", "http://acme.org/fhir1"),
        set("oid", "urn:oid:1.2.3"),
    ];
    check(&mut Database::of(&sets), table);
}
