//! Valid resources broken on purpose: validation must refuse every one.
//! <https://hl7.org/fhir/R4/validation.html>
//!
//! HL7's own examples are taken, and in each every kind of fault is made at one place, chosen by a fixed seed
//! (`COMFREY_TEST_MUTANTS=n` makes each at n places, in n times as many examples; `COMFREY_TEST_MUTANTS=all` at one
//! place in every example of the types at the core of the service, of whatever size). The table that says what R4
//! defines is read apart from the shapes that are under test.

mod faults;
mod table;

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::io::BufRead;
use std::io::BufReader;

use comfrey::definitions::Definitions;
use comfrey::fhir::json as body;
use comfrey::fhir::shape;
use flate2::read::GzDecoder;
use serde_json::Value;
use serde_json::json;

use crate::mutants::faults::FAULTS;
use crate::mutants::table::Table;
use crate::mutants::table::at;
use crate::mutants::table::look;

const EXAMPLES: &[u8] = include_bytes!("../../data/r4-examples.ndjson.gz");
/// Larger examples say nothing that smaller ones do not, and take long.
const LARGEST: usize = 10_000;
/// So many examples of the types at the core of the service, and of any other.
const OF_CORE: usize = 12;
const OF_OTHERS: usize = 4;
#[rustfmt::skip]
const CORE: [&str; 20] = [
    "AllergyIntolerance", "Bundle", "CarePlan", "CareTeam", "Condition", "Consent", "Coverage", "DocumentReference",
    "Encounter", "EpisodeOfCare", "Goal", "Medication", "MedicationRequest", "Observation", "Parameters", "Patient",
    "Practitioner", "QuestionnaireResponse", "ServiceRequest", "Task",
];

#[test]
fn validation_refuses_every_resource_that_was_broken_on_purpose() {
    let places = places();
    let definitions = Definitions::shared().unwrap();
    let table = Table::new();
    let mut killed: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut survivors = Vec::new();
    let mut seed = Seed(0x9E37_79B9_7F4A_7C15);
    for (name, resource) in examples() {
        if !shape::validate(&definitions.shapes, &resource).is_empty() {
            continue;
        }
        let mut sites = table.sites(&resource);
        seed.shuffle(&mut sites);
        for (kind, fault) in FAULTS {
            let mutants = sites.iter().filter_map(|site| {
                let broken = fault(look(&resource, &site.steps).as_object()?, site)?;
                let mut mutant = resource.clone();
                *at(&mut mutant, &site.steps) = Value::Object(broken);
                Some((site, mutant))
            });
            for (site, mutant) in mutants.take(places) {
                let count = killed.entry(kind).or_default();
                count.1 += 1;
                let issues = shape::validate(&definitions.shapes, &mutant);
                // An invariant is broken for itself, not by the way.
                if !issues.iter().any(|issue| *kind != "broken invariant" || issue.code == "invariant") {
                    survivors.push(format!("{kind}: {name} {}.{} {:?}", site.owner, site.name, site.steps));
                } else {
                    count.0 += 1;
                }
            }
        }
    }
    let (dead, all) = killed.values().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    println!("mutants killed: {dead} of {all}: {killed:?}");
    assert!(all > 5_000 && killed.len() == FAULTS.len(), "too few mutants: {killed:?}");
    assert!(
        survivors.is_empty(),
        "{} survive:\n{}",
        survivors.len(),
        survivors[..survivors.len().min(60)].join("\n")
    );
}

/// How thorough the test is: at how many places each fault is made.
fn places() -> usize {
    std::env::var("COMFREY_TEST_MUTANTS").ok().and_then(|n| n.parse().ok()).unwrap_or(1)
}

/// Whether all examples of the core types are taken.
fn takes_all() -> bool {
    std::env::var("COMFREY_TEST_MUTANTS").is_ok_and(|how| how == "all")
}

/// The examples by file name, some of each type.
fn examples() -> Vec<(String, Value)> {
    let mut of_type: HashMap<String, usize> = HashMap::new();
    let mut examples = vec![("Parameters".to_owned(), parameters())];
    for line in BufReader::new(GzDecoder::new(EXAMPLES)).lines() {
        let line = line.unwrap();
        let (name, text) = line.split_once('\t').unwrap();
        let resource = body::parse(text.as_bytes()).unwrap();
        let ty = resource["resourceType"].as_str().unwrap();
        let most = if CORE.contains(&ty) { OF_CORE } else { OF_OTHERS };
        let count = of_type.entry(ty.to_owned()).or_default();
        *count += 1;
        let is_taken = text.len() <= LARGEST && *count <= most * places().max(1);
        if is_taken || (takes_all() && CORE.contains(&ty)) {
            examples.push((name.to_owned(), resource));
        }
    }
    examples
}

/// HL7 has no example of Parameters by itself.
fn parameters() -> Value {
    json!({ "resourceType": "Parameters", "id": "a", "parameter": [
        { "name": "text", "valueString": "a" },
        { "name": "date", "valueDate": "2026-02-03" },
        { "name": "resource", "resource": { "resourceType": "Patient", "gender": "other", "name": [{ "family": "a" }] } },
        { "name": "parts", "part": [{ "name": "code", "valueCode": "a" }, { "name": "who", "valueReference": { "reference": "Patient/1" } }] },
    ] })
}

/// A stream of numbers that is the same in each run.
struct Seed(u64);

impl Seed {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(end + 1));
        }
    }
}
