//! US Core's profiles, held against US Core's own examples. <https://hl7.org/fhir/us/core/STU6.1/>

use std::collections::BTreeSet;
use std::io::BufRead;
use std::io::BufReader;

use comfrey::definitions::Definitions;
use comfrey::definitions::us_core;
use comfrey::fhir::Issue;
use comfrey::fhir::Severity;
use comfrey::fhir::profile::Known;
use comfrey::fhir::profile::claims;
use comfrey::fhir::profile::validate;
use flate2::read::GzDecoder;
use serde_json::Value;

/// The examples, one a line. See `tests/data/README.md`.
const EXAMPLES: &[u8] = include_bytes!("../data/us-core-examples.ndjson.gz");
const PROFILES: &str = include_str!("../../src/definitions/us-core/profiles.ndjson");

fn examples() -> Vec<Value> {
    let lines = BufReader::new(GzDecoder::new(EXAMPLES)).lines();
    lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
}

fn errors(known: &Known<'_>, resource: &Value) -> Vec<Issue> {
    let profiles = claims(resource).filter_map(|claim| known.find(claim));
    let issues = profiles.flat_map(|profile| validate(known, profile, resource));
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
        judged.extend(claims(&example).filter(|claim| known.find(claim).is_some()).map(str::to_owned));
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
        for claim in claims(&example) {
            let profile = definitions.iter().find(|own| own["url"] == claim).unwrap();
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
    assert!(mutants > 300, "{mutants}");
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
