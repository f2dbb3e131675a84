//! The definitions of our extensions, compiled to judge by. <https://hl7.org/fhir/R4/defining-extensions.html>
//!
//! They are compiled when first asked for. A client's resource is refused where it has one of our extensions in a form
//! that no rule of ours would read: it would be believed to say something, and say nothing.

use std::sync::OnceLock;

use serde_json::Value;

use crate::definitions::STRUCTURES;
use crate::definitions::VALUE_SETS;
use crate::definitions::parsed;
use crate::fhir::Issue;
use crate::fhir::profile;
use crate::fhir::profile::Budget;
use crate::fhir::profile::Known;
use crate::fhir::profile::Library;
use crate::fhir::shape::Shapes;

/// Where our extensions have their URLs.
pub const EXTENSIONS: &str = "https://comfrey.health/fhir/StructureDefinition/";

/// The definitions of our extensions, with the value sets that they bind codes to.
///
/// # Errors
/// A sentence that names the definition that is wrong.
pub fn extensions() -> Result<&'static Library, String> {
    static LIBRARY: OnceLock<Result<Library, String>> = OnceLock::new();
    LIBRARY.get_or_init(load).as_ref().map_err(Clone::clone)
}

/// Every problem of our extensions in a resource, each with its FHIRPath.
///
/// # Errors
/// As [`extensions`].
pub fn extension_issues(
    shapes: &Shapes,
    resource: &Value,
    budget: &mut Budget,
) -> Result<Vec<Issue>, String> {
    let known = Known::new(shapes, vec![extensions()?]);
    Ok(profile::extensions(&known, EXTENSIONS, resource, budget))
}

fn load() -> Result<Library, String> {
    let (structures, value_sets) = (parsed(STRUCTURES)?, parsed(VALUE_SETS)?);
    Library::compile(structures.iter(), value_sets.iter())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::definitions::Definitions;

    /// Issue code and place of all that is wrong with the extensions of a resource.
    fn wrong(resource: &Value) -> Vec<String> {
        let definitions = Definitions::shared().expect("they load");
        let issues = extension_issues(&definitions.shapes, resource, &mut Budget::default());
        let issues = issues.expect("they compile");
        let of =
            |issue: &Issue| format!("{} {}", issue.code, issue.expression.as_deref().unwrap_or_default());
        issues.iter().map(of).collect()
    }

    fn url(name: &str) -> String {
        format!("{EXTENSIONS}{name}")
    }

    #[test]
    fn the_extensions_of_our_own_definitions_are_right() {
        let definitions = Definitions::shared().expect("they load");
        for value in definitions.all_published().chain(&definitions.programs) {
            assert_eq!(wrong(value), Vec::<String>::new(), "{}", value["id"]);
        }
    }

    /// Every URL of an extension of ours that the program or its definitions have.
    #[test]
    fn every_extension_of_ours_is_defined() {
        let library = extensions().expect("they compile");
        let mut files = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
        let mut seen = std::collections::BTreeSet::new();
        while let Some(file) = files.pop() {
            if file.is_dir() {
                files.extend(
                    std::fs::read_dir(&file).expect("it is read").flatten().map(|entry| entry.path()),
                );
                continue;
            }
            let Ok(text) = std::fs::read_to_string(&file) else { continue };
            let of_vocabulary = file.ends_with("palliative/vocabulary.rs");
            let mark = if of_vocabulary { "\"StructureDefinition/" } else { EXTENSIONS };
            for (at, _) in text.match_indices(mark) {
                let name =
                    text[at + mark.len()..].split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).next();
                seen.extend(name.filter(|name| !name.is_empty()).map(str::to_owned));
            }
        }
        assert!(seen.len() > 50, "{seen:?}");
        for name in &seen {
            assert!(library.find(&url(name)).is_some(), "{name} has no StructureDefinition");
        }
    }

    #[test]
    fn a_value_set_of_a_whole_code_system_has_all_of_its_codes() {
        let definitions = Definitions::shared().expect("they load");
        let codes = |list: &Value| -> Vec<String> {
            list.as_array()
                .into_iter()
                .flatten()
                .map(|one| one["code"].as_str().unwrap_or_default().to_owned())
                .collect()
        };
        for name in [
            "enrollment-state",
            "risk-tier",
            "screen-outcome",
            "palliative-setting",
            "risk-adjustment",
            "ncp-domain",
        ] {
            let system =
                definitions.code_systems.values().find(|one| one["id"] == name).expect("it is there");
            let set = definitions
                .value_sets
                .values()
                .find(|one| one["id"] == format!("vs-{name}"))
                .expect("it is there");
            assert_eq!(codes(&set["compose"]["include"][0]["concept"]), codes(&system["concept"]), "{name}");
        }
    }

    /// The settings of a programme stand in README as they are defined.
    #[test]
    fn the_settings_of_a_programme_are_documented() {
        let definitions = Definitions::shared().expect("they load");
        let settings = &definitions.structures[&url("palliative-program-settings")];
        let readme = include_str!("../../README.md");
        let mut count = 0;
        for element in settings["snapshot"]["element"].as_array().expect("elements") {
            let path = element["path"].as_str().unwrap_or_default();
            if let Some(name) = element["sliceName"].as_str().filter(|_| path == "Extension.extension") {
                let words = element["definition"].as_str().unwrap_or_default();
                let row = readme.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
                assert!(row.is_some_and(|row| row.ends_with(&format!(" | {words} |"))), "{name}: {row:?}");
                count += 1;
            }
        }
        assert_eq!(count, 46);
    }

    #[test]
    fn an_extension_of_ours_is_held_to_its_definition() {
        let tier = |parts: Value| json!({ "url": url("risk-tier"), "extension": parts });
        let episode = |extensions: Value| json!({ "resourceType": "EpisodeOfCare", "extension": extensions });
        let good =
            json!([{ "url": "tier", "valueCode": "tier-2" }, { "url": "since", "valueDate": "2026-01-01" }]);
        let day = |value: &str| json!({ "url": url("end-date"), "valueDate": value });
        let table = [
            (
                episode(
                    json!([tier(good.clone()), tier(good.clone()), { "url": "urn:other", "valueString": "x" }]),
                ),
                vec![],
            ),
            (
                episode(json!([tier(json!([{ "url": "tier", "valueCode": "tier-9" }]))])),
                vec!["code-invalid EpisodeOfCare.extension[0].extension[0].valueCode"],
            ),
            (episode(json!([{ "url": url("end-date") }])), vec!["required EpisodeOfCare.extension[0].value"]),
            (
                episode(json!([{ "url": url("end-date"), "valueString": "soon" }])),
                vec!["value EpisodeOfCare.extension[0].valueString"],
            ),
            (
                episode(json!([day("2026-01-01"), day("2026-01-02")])),
                vec!["value EpisodeOfCare.extension[1]"],
            ),
            (
                episode(json!([{ "url": url("risk-teir"), "valueCode": "x" }])),
                vec!["extension EpisodeOfCare.extension[0].url"],
            ),
            (
                json!({ "resourceType": "Patient", "extension": [tier(good)] }),
                vec!["extension Patient.extension[0]"],
            ),
            (
                json!({ "resourceType": "Patient", "name": [{ "extension": [day("2026-01-01")] }] }),
                vec!["extension Patient.name[0].extension[0]"],
            ),
            (
                json!({ "resourceType": "Bundle", "entry": [{ "resource": episode(json!([day("2026-01-01")])) }] }),
                vec![],
            ),
            (
                json!({ "resourceType": "EpisodeOfCare", "statusHistory": [{ "extension": [
                { "url": url("enrollment-state"), "valueCoding": { "system": "https://comfrey.health/fhir/CodeSystem/enrollment-state", "code": "enrolled" } }] }] }),
                vec![],
            ),
        ];
        for (resource, expected) in table {
            assert_eq!(wrong(&resource), expected, "{resource}");
        }
    }
}
