//! Strings with case and accents, and URIs with what they contain.

use serde_json::json;

use super::database::Database;
use super::matches::check;

#[test]
fn strings_are_folded_unless_they_are_asked_for_exactly() {
    let named = |id: &str, family: &str| json!({ "resourceType": "Patient", "id": id, "name": [{ "family": family }] });
    let table: &[(&str, &[&str])] = &[
        ("Patient?family=muller", &["capital", "plain", "umlaut"]),
        ("Patient?family=MÜLLER", &["capital", "plain", "umlaut"]),
        ("Patient?family:exact=Müller", &["umlaut"]),
        ("Patient?family:exact=Muller", &["plain"]),
        ("Patient?family:exact=MÜLLER", &["capital"]),
        ("Patient?family:exact=Mull", &[]),
        ("Patient?family:exact=Müller,Muller", &["plain", "umlaut"]),
        ("Patient?family:contains=ULL", &["capital", "hyphen", "plain", "umlaut"]),
        ("Patient?family:contains=ÜLL", &["capital", "hyphen", "plain", "umlaut"]),
        ("Patient?family:contains=lee-mu", &["hyphen"]),
        ("Patient?family=mu", &["capital", "plain", "umlaut"]),
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
