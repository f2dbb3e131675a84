//! US Core's profiles, held against US Core's own examples. <https://hl7.org/fhir/us/core/STU6.1/>

use std::collections::BTreeSet;
use std::io::BufRead;
use std::io::BufReader;

use comfrey::definitions::Definitions;
use comfrey::definitions::us_core;
use comfrey::fhir::Issue;
use comfrey::fhir::Severity;
use comfrey::fhir::profile::Budget;
use comfrey::fhir::profile::Known;
use comfrey::fhir::profile::Subject;
use comfrey::fhir::profile::validate;
use flate2::read::GzDecoder;
use serde_json::Value;
use serde_json::json;

/// The examples, one a line. See `tests/data/README.md`.
const EXAMPLES: &[u8] = include_bytes!("../data/us-core-examples.ndjson.gz");
const PROFILES: &str = include_str!("../../src/definitions/us-core/profiles.ndjson");

fn examples() -> Vec<Value> {
    let lines = BufReader::new(GzDecoder::new(EXAMPLES)).lines();
    lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
}

fn errors(known: &Known<'_>, resource: &Value) -> Vec<Issue> {
    let subject = Subject::of(resource);
    let profiles = subject.claims().filter_map(|claim| known.find(claim));
    let issues = profiles.flat_map(|profile| validate(known, profile, &subject, &mut Budget::default()));
    issues.filter(|issue| issue.severity == Severity::Error).collect()
}

#[test]
fn every_example_conforms_to_the_profiles_that_it_claims() {
    let r4 = Definitions::shared().unwrap();
    let known = Known::new(&r4.shapes, vec![us_core().unwrap()]);
    let mut wrong = Vec::new();
    let mut judged = BTreeSet::new();
    for example in examples() {
        let name = format!("{}/{}", example["resourceType"], example["id"]).replace('"', "");
        judged.extend(
            Subject::of(&example).claims().filter(|claim| known.find(claim).is_some()).map(str::to_owned),
        );
        let errors = errors(&known, &example);
        wrong
            .extend(errors.into_iter().map(|issue| format!("{name} {:?}: {}", issue.expression, issue.text)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(judged.len() > 40, "{judged:?}");
}

/// Removes each element that a profile needs at the top of a resource, from each example that has it.
#[test]
fn an_example_without_an_element_that_its_profile_needs_is_found_wanting() {
    let r4 = Definitions::shared().unwrap();
    let known = Known::new(&r4.shapes, vec![us_core().unwrap()]);
    let definitions: Vec<Value> = PROFILES.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut mutants = 0;
    for example in examples() {
        for claim in Subject::of(&example).claims() {
            let (url, version) = claim.split_once('|').unwrap_or((claim, "6.1.0"));
            let is_claimed = |own: &&Value| own["url"] == url && own["version"] == version;
            let profile = definitions.iter().find(is_claimed).unwrap();
            for element in profile["snapshot"]["element"].as_array().unwrap() {
                let name = element["path"].as_str().unwrap().split_once('.').map_or("", |(_, name)| name);
                let needed = element["min"].as_u64().is_some_and(|min| min > 0);
                if !needed || name.is_empty() || name.contains('.') || element.get("sliceName").is_some() {
                    continue;
                }
                let mut mutant = example.clone();
                let start = name.trim_end_matches("[x]");
                mutant
                    .as_object_mut()
                    .unwrap()
                    .retain(|key, _| !key.trim_start_matches('_').starts_with(start));
                mutants += 1;
                let at = format!("{}.{start}", example["resourceType"].as_str().unwrap());
                let found = errors(&known, &mutant);
                let killed = found.iter().any(|issue| issue.expression.as_deref() == Some(at.as_str()));
                assert!(killed, "{claim} {name} of {}: {found:#?}", example["id"]);
            }
        }
    }
    assert!(mutants > 400, "{mutants}");
}

#[test]
fn every_slice_and_invariant_can_be_told() {
    let library = us_core().unwrap();
    let mut untold = BTreeSet::new();
    for profile in library.profiles() {
        untold.extend(profile.unchecked().iter().cloned());
    }
    assert_eq!(untold, BTreeSet::new());
}

#[test]
fn the_older_profiles_are_known_by_their_version_and_where_the_newer_guide_has_none() {
    let library = us_core().unwrap();
    let version = |name: &str| {
        let url = format!("http://hl7.org/fhir/us/core/StructureDefinition/{name}");
        library.find(&url).map(|profile| profile.version.clone().unwrap())
    };
    assert_eq!(version("us-core-patient").as_deref(), Some("6.1.0"));
    assert_eq!(version("us-core-patient|3.1.1").as_deref(), Some("3.1.1"));
    assert_eq!(version("us-core-condition").as_deref(), Some("3.1.1"));
    assert_eq!(version("us-core-patient|4.0.0"), None);
}

/// Breaks each fixed value, pattern and required code of an example, wherever it stands.
#[test]
fn an_example_with_another_code_than_its_profile_fixes_is_found_wanting() {
    let r4 = Definitions::shared().unwrap();
    let known = Known::new(&r4.shapes, vec![us_core().unwrap()]);
    let cases = [
        (
            "us-core-blood-pressure",
            "/component/0/valueQuantity/code",
            "Observation.component[0].valueQuantity.code",
        ),
        ("us-core-blood-pressure", "/component/1/code/coding/0/code", "Observation.component"),
        ("us-core-blood-pressure", "/category/0/coding/0/code", "Observation.category"),
        ("us-core-body-weight", "/valueQuantity/code", "Observation.valueQuantity.code"),
        ("us-core-body-weight", "/code/coding/0/code", "Observation.code"),
        ("us-core-pulse-oximetry", "/code/coding/1/code", "Observation.code.coding"),
        ("us-core-smokingstatus", "/status", "Observation.status"),
        ("us-core-careplan", "/category/0/coding/0/code", "CarePlan.category"),
        ("us-core-careplan", "/text/status", "CarePlan.text.status"),
        (
            "us-core-patient",
            "/extension/0/extension/0/valueCoding/code",
            "Patient.extension[0].extension[0].valueCoding",
        ),
        ("us-core-practitioner", "/identifier/0/value", "Practitioner.identifier[0]"),
        ("us-core-diagnosticreport-lab", "/category/0/coding/0/code", "DiagnosticReport.category"),
        ("us-core-documentreference", "/type/coding/0/system", "DocumentReference.type"),
        ("us-core-condition-problems-health-concerns", "/category/0/coding/0/code", "Condition.category"),
        ("us-core-encounter", "/subject/reference", "Encounter.subject.reference"),
    ];
    for (profile, pointer, at) in cases {
        let url = format!("http://hl7.org/fhir/us/core/StructureDefinition/{profile}");
        let claims = |example: &Value| Subject::of(example).claims().any(|claim| claim == url);
        let found = examples().into_iter().find(|one| claims(one) && one.pointer(pointer).is_some());
        let mut mutant = found.unwrap_or_else(|| panic!("{profile} {pointer}"));
        *mutant.pointer_mut(pointer).unwrap() = "Location/broken".into();
        let found = errors(&known, &mutant);
        let places: Vec<_> = found.iter().filter_map(|issue| issue.expression.as_deref()).collect();
        assert!(places.contains(&at), "{profile} {pointer}: {places:?}");
    }
}

/// Whatever stands in a resource, judging it ends with issues rather than with a panic.
#[test]
fn any_json_is_judged_without_a_panic() {
    let r4 = Definitions::shared().unwrap();
    let known = Known::new(&r4.shapes, vec![us_core().unwrap()]);
    let mut seen = BTreeSet::new();
    for example in examples() {
        let claims: Vec<String> = Subject::of(&example).claims().map(str::to_owned).collect();
        if !seen.insert(claims) {
            continue;
        }
        let mut pointers = vec![String::new()];
        while let Some(pointer) = pointers.pop() {
            let at = example.pointer(&pointer).unwrap();
            let members = at.as_object().into_iter().flatten().map(|(name, _)| name.clone());
            let entries = (0..at.as_array().map_or(0, Vec::len)).map(|index| index.to_string());
            pointers.extend(members.chain(entries).map(|name| format!("{pointer}/{name}")));
            if pointer.is_empty() || pointer.starts_with("/meta") || pointer == "/resourceType" {
                continue;
            }
            for other in
                [json!(null), json!(1), json!("é"), json!([null, {}]), json!({ "coding": {}, "url": 1 })]
            {
                let mut mutant = example.clone();
                *mutant.pointer_mut(&pointer).unwrap() = other;
                errors(&known, &mutant);
            }
        }
    }
    assert!(seen.len() > 40);
}
