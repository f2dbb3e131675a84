use std::collections::BTreeMap;
use std::collections::BTreeSet;

use jiff::civil::Date;
use serde_json::Value;

use crate::app::screening::Subject;
use crate::definitions::Definitions;
use crate::fhir::Resource;
use crate::fhir::shape::validate;
use crate::import::population::archetypes;
use crate::import::population::bundles;
use crate::palliative::program::Program;
use crate::palliative::screening::Outcome;
use crate::palliative::screening::RuleSets;

const TODAY: Date = Date::constant(2026, 3, 1);

fn people() -> Vec<(String, Vec<Value>)> {
    let bundles = bundles(TODAY).expect("the archetypes are right").into_iter().skip(1);
    let resources = |bundle: Value| {
        let entries = bundle["entry"].as_array().unwrap().clone();
        entries.into_iter().map(|mut entry| entry["resource"].take()).collect()
    };
    bundles.map(|(name, bundle)| (name, resources(bundle))).collect()
}

#[test]
fn the_same_day_gives_the_same_bytes() {
    let text =
        || serde_json::to_string(&bundles(TODAY).unwrap().iter().map(|one| &one.1).collect::<Vec<_>>());
    assert_eq!(text().unwrap(), text().unwrap());
}

#[test]
fn there_are_two_hundred_people_and_more_each_once() {
    let people = people();
    assert!(people.len() >= 200, "{}", people.len());
    let told: u64 = super::counts().unwrap().iter().map(|one| one.1).sum();
    assert_eq!(told, people.len() as u64);
    let (mut addresses, mut all) = (BTreeSet::new(), 0);
    for resource in people.iter().flat_map(|person| &person.1) {
        addresses.insert((resource["resourceType"].to_string(), resource["id"].to_string()));
        all += 1;
    }
    assert_eq!(addresses.len(), all, "two resources have one address");
}

#[test]
fn every_resource_is_valid_r4_and_refers_to_what_is_there() {
    let definitions = Definitions::shared().unwrap();
    let bundles = bundles(TODAY).unwrap();
    let entries = || bundles.iter().flat_map(|one| one.1["entry"].as_array().unwrap());
    let there: BTreeSet<&str> = entries().filter_map(|entry| entry["request"]["url"].as_str()).collect();
    for entry in entries() {
        let resource = &entry["resource"];
        let issues = validate(&definitions.shapes, resource);
        assert!(issues.is_empty(), "{resource}: {issues:?}");
        let text = resource.to_string();
        for named in text.split("\"reference\":\"").skip(1) {
            let named = named.split('"').next().unwrap();
            // The organisation of the programme comes with a new database.
            assert!(there.contains(named) || named == "Organization/default", "{named} in {text}");
        }
    }
}

#[test]
fn nothing_lies_in_the_future_and_nobody_was_ill_before_birth() {
    let today = TODAY.to_string();
    for (name, resources) in people() {
        let born = resources[0]["birthDate"].as_str().unwrap().to_owned();
        for resource in &resources[1..] {
            for at in [
                "/onsetDateTime",
                "/effectiveDateTime",
                "/period/start",
                "/period/end",
                "/authoredOn",
                "/date",
            ] {
                let Some(moment) = resource.pointer(at).and_then(Value::as_str) else { continue };
                // A child's coverage may be older in the draw than the child: that is what this finds.
                assert!(
                    moment[..10] <= *today && moment[..10] >= *born,
                    "{name}: {at} {moment}, born {born}"
                );
            }
        }
    }
}

#[test]
fn there_are_several_payers_languages_races_and_both_sexes_late_in_illness() {
    let mut found: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let people = people();
    for resource in people.iter().filter(|person| !person.0.contains("well")).flat_map(|person| &person.1) {
        for (name, at) in [
            ("payer", "/type/coding/0/code"),
            ("language", "/communication/0/language/coding/0/code"),
            ("race", "/extension/0/extension/0/valueCoding/code"),
            ("gender", "/gender"),
            ("site", "/generalPractitioner/0/reference"),
        ] {
            let of = if name == "payer" { "Coverage" } else { "Patient" };
            if resource["resourceType"] == of {
                found.entry(name).or_default().insert(resource.pointer(at).unwrap().to_string());
            }
        }
    }
    let counts: Vec<_> = found.iter().map(|(name, values)| (*name, values.len())).collect();
    assert_eq!(counts, [("gender", 2), ("language", 4), ("payer", 4), ("race", 5), ("site", 4)]);
}

#[test]
fn those_who_are_late_in_an_illness_have_what_a_programme_asks_about() {
    let local = "https://comfrey.health/fhir/CodeSystem/palliative-observation";
    let loinc = "http://loinc.org";
    let people = people();
    let with = |of: &dyn Fn(&Value) -> bool| people.iter().filter(|(_, all)| all.iter().any(of)).count();
    let coded = |system: &str, code: &str| {
        with(&|one| {
            let of = |coding: &Value| coding["system"] == system && coding["code"] == code;
            one["resourceType"] == "Observation"
                && (of(&one["code"]["coding"][0])
                    || one["component"]
                        .as_array()
                        .is_some_and(|all| all.iter().any(|part| of(&part["code"]["coding"][0]))))
        })
    };
    let typed = |ty: &str| with(&|one| one["resourceType"] == ty);
    for (what, count) in [
        ("ESAS", coded(loinc, "112503-8")),
        ("ESAS pain", coded(local, "esas-pain")),
        ("PPS", coded(local, "pps")),
        ("PHQ-9", coded(loinc, "44261-6")),
        ("Zarit", coded(local, "zbi-12")),
        ("advance care plans", typed("DocumentReference")),
        ("caregivers", typed("RelatedPerson")),
    ] {
        assert!(count >= 50, "{what}: {count}");
    }
    let agreement = |one: &Value| one["category"][0]["coding"][0]["code"] == "palliative-enrollment";
    assert_eq!((with(&agreement), typed("CareTeam")), (16, 16), "those who are in the programme");
}

#[test]
fn of_every_illness_some_are_eligible_by_its_rule_set_and_some_are_not() {
    let definitions = Definitions::shared().unwrap();
    let sets = RuleSets::compile(&definitions).unwrap();
    let service = include_str!("../../definitions/programs/default.json");
    let service = Resource::from_value(serde_json::from_str(service).unwrap()).unwrap();
    let program = Program::read(&service).unwrap();
    let people = people();
    for illness in &archetypes::read().unwrap().illnesses {
        let canonical = format!("https://comfrey.health/fhir/PlanDefinition/{}", illness.rule_set);
        let set = sets.find(&canonical).unwrap();
        let prefix = format!("sample-{}-", illness.id);
        let mut eligible = 0;
        let mut others = 0;
        for (name, resources) in people.iter().filter(|person| person.0.starts_with(&prefix)) {
            let resources = resources.iter().map(|one| Resource::from_value(one.clone()).unwrap()).collect();
            let subject = Subject::new(name, resources, &program, TODAY);
            match set.screen(&subject.situation()).outcome {
                Outcome::Eligible => eligible += 1,
                _ => others += 1,
            }
        }
        assert!(others >= 3 && (eligible >= 3 || illness.well), "{}: {eligible}, {others}", illness.id);
        assert!(!illness.well || eligible == 0, "{} are well and eligible", eligible);
    }
}
