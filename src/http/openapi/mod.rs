//! The OpenAPI 3.1 document: made from the table of routes, the search parameters, the operations' definitions
//! and R4's structures, so that it cannot say what the server does not do. <https://spec.openapis.org/oas/v3.1.0>
//!
//! The types in [`CORE`] stand by name with their search parameters; every other type of R4 works the same and
//! stands as `{type}`. Writing all 146 by name would make a document of 20 MB that no page can show.

mod answers;
mod bodies;
mod examples;
mod operation_schemas;
mod operations;
mod parameters;
mod paths;
mod responses;
mod schemas;
mod security;
mod serve;

pub use serve::configure;

use utoipa::openapi::Components;
use utoipa::openapi::Info;
use utoipa::openapi::License;
use utoipa::openapi::OpenApi;
use utoipa::openapi::Paths;
use utoipa::openapi::Server;
use utoipa::openapi::tag::Tag;
use utoipa::openapi::tag::TagBuilder;

use crate::definitions::Definitions;
use crate::definitions::r4_structures;
use crate::definitions::r4_value_sets;
use crate::interactions::route;

/// The types that the programme works with: the documented core.
pub const CORE: [&str; 13] = [
    "CarePlan",
    "Goal",
    "Condition",
    "Encounter",
    "Patient",
    "EpisodeOfCare",
    "Observation",
    "ServiceRequest",
    "Consent",
    "CareTeam",
    "Coverage",
    "Task",
    "Flag",
];

const ABOUT: &str = "Find who may benefit from palliative care, explain why, enrol them, plan their care and \
share it: HL7 FHIR R4 (4.0.1) with operations of its own.\n\nEvery R4 resource type is stored and searched; the \
types that the programme works with stand here by name, all others under *Any type*. Primitive elements may have \
a sibling with an underscore (`_birthDate`) for their extensions, as FHIR says. Everything is read and written \
as JSON or as XML. `HEAD` is answered where `GET` is, and `OPTIONS` names the methods of a path. Every failure is an \
OperationOutcome that says what is wrong, where, and what to do.";

/// The document.
///
/// # Errors
/// A sentence that names the definition that is wrong.
pub fn document(definitions: &Definitions) -> Result<OpenApi, String> {
    let mut paths = Paths::new();
    for row in route::table() {
        paths::add(&mut paths, definitions, row);
    }
    for operation in &definitions.operations {
        operations::add(&mut paths, operation);
    }
    let mut info = Info::new("Comfrey", env!("CARGO_PKG_VERSION"));
    info.description = Some(ABOUT.to_owned());
    info.license = Some(License::builder().name("Apache-2.0").identifier(Some("Apache-2.0")).build());
    let mut document = OpenApi::new(info, paths);
    document.components = Some(components(definitions)?);
    document.tags = Some(tags());
    document.servers = Some(vec![Server::builder().url("/").description(Some("This server")).build()]);
    document.security = Some(vec![security::any()]);
    Ok(document)
}

/// The document as text, the same for the same version: what is served and what is published.
///
/// # Errors
/// As [`document`].
pub fn text(definitions: &Definitions) -> Result<String, String> {
    document(definitions)?.to_pretty_json().map_err(|cause| cause.to_string())
}

fn components(definitions: &Definitions) -> Result<Components, String> {
    let mut types: Vec<String> = CORE.iter().map(|ty| (*ty).to_owned()).collect();
    types.extend(["Bundle", "OperationOutcome", "Parameters", "Resource"].map(str::to_owned));
    types.extend(definitions.operations.iter().flat_map(operation_schemas::value_types));
    let types: Vec<&str> = types.iter().map(String::as_str).collect();
    let mut components = Components::new();
    components.schemas = schemas::schemas(&r4_structures()?, &r4_value_sets()?, &types);
    for operation in &definitions.operations {
        operation_schemas::add(&mut components.schemas, operation);
    }
    components.schemas.insert("Xml".to_owned(), schemas::xml());
    components.responses = responses::components();
    components.parameters = parameters::components();
    components.security_schemes = security::schemes();
    Ok(components)
}

fn tags() -> Vec<Tag> {
    let tag = |name: &str, words: String| TagBuilder::new().name(name).description(Some(words)).build();
    let core = CORE
        .iter()
        .map(|ty| tag(ty, format!("[R4's definition](https://hl7.org/fhir/R4/{}.html)", ty.to_lowercase())));
    let programme = tag(operations::OPERATIONS, "Screen, refer, enrol and plan".into());
    let terminology =
        tag(operations::TERMINOLOGY, "Code systems and value sets: R4's and this server's own".into());
    let any = tag(paths::ANY_TYPE, "The same for every other type of R4".into());
    let system = tag(paths::SYSTEM, "What this server offers; batch and transaction".into());
    [programme].into_iter().chain(core).chain([terminology, any, system]).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn made() -> (String, Value) {
        let definitions = Definitions::shared().expect("the embedded definitions load");
        let text = text(&definitions).expect("the document is made");
        let value = serde_json::from_str(&text).expect("the document is JSON");
        (text, value)
    }

    fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
        let paths = document["paths"].as_object().expect("there are paths");
        let operations = paths.iter().flat_map(|(path, item)| {
            let item = item.as_object().expect("a path has operations");
            item.iter().map(|(method, operation)| (path.as_str(), method.as_str(), operation))
        });
        operations.collect()
    }

    #[test]
    fn the_published_file_is_current() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/comfrey.json");
        let published = std::fs::read_to_string(file).unwrap_or_default();
        let current = published.trim_end() == made().0;
        assert!(current, "write it anew: cargo run -- openapi > openapi/comfrey.json");
    }

    #[test]
    fn a_page_can_show_it() {
        // with all its spaces, which are half of it
        assert!(made().0.len() < 2_200_000);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let (text, document) = made();
        for part in text.split("\"$ref\": \"#").skip(1) {
            let pointer = part.split('"').next().expect("a reference ends");
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }

    /// All resources that stand as an example, each with its place.
    fn resources<'a>(value: &'a Value, at: &str, found: &mut Vec<(String, &'a Value)>) {
        match value {
            Value::Object(members) => {
                let example = members.get("example").filter(|one| one["resourceType"].is_string());
                found.extend(example.map(|one| (at.to_owned(), one)));
                members.iter().for_each(|(name, value)| resources(value, &format!("{at}/{name}"), found));
            }
            Value::Array(list) => list.iter().for_each(|value| resources(value, at, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn every_example_is_valid() {
        let definitions = Definitions::shared().expect("they load");
        let (_, document) = made();
        let mut found = Vec::new();
        resources(&document, "", &mut found);
        assert!(found.len() > 100, "{}", found.len());
        let texts: BTreeSet<String> = found.iter().map(|(_, example)| example.to_string()).collect();
        for text in texts {
            let example: Value = serde_json::from_str(&text).expect("it is JSON");
            let problems = crate::fhir::shape::validate(&definitions.shapes, &example);
            let at = found.iter().find(|(_, one)| **one == example).map(|(at, _)| at);
            assert_eq!(problems, Vec::new(), "{at:?}: {text}");
        }
    }

    #[test]
    fn every_operation_has_an_id_of_its_own_and_says_how_it_can_fail() {
        let (_, document) = made();
        let mut ids = BTreeSet::new();
        for (path, method, operation) in operations(&document) {
            let id = operation["operationId"].as_str().expect("an operation has an id");
            assert!(ids.insert(id), "{id} stands twice");
            let responses = operation["responses"].as_object().expect("an operation has responses");
            let statuses: Vec<_> = responses.keys().map(String::as_str).collect();
            assert!(statuses.iter().any(|status| status.starts_with('2')), "{method} {path}");
            assert!(path == "/fhir/metadata" || statuses.contains(&"401"), "{method} {path}: {statuses:?}");
        }
        assert!(ids.len() > 100);
    }

    #[test]
    fn every_variable_of_a_path_is_a_parameter() {
        let (_, document) = made();
        for (path, method, operation) in operations(&document) {
            let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
            let named =
                parameters.iter().filter(|one| one["in"] == "path").filter_map(|one| one["name"].as_str());
            let mut named: Vec<_> = named.collect();
            let mut variables: Vec<_> =
                path.split(['{', '}']).skip(1).step_by(2).filter(|name| !name.is_empty()).collect();
            named.sort_unstable();
            variables.sort_unstable();
            assert_eq!(named, variables, "{method} {path}");
        }
    }

    #[test]
    fn every_route_and_every_operation_stands_in_it() {
        let (_, document) = made();
        let all = operations(&document);
        for row in route::table().filter(|row| row.kind != route::Kind::Operation) {
            let path = format!("/fhir/{}", row.path);
            let path = path.trim_end_matches('/');
            let method = row.method.name().to_lowercase();
            assert!(all.iter().any(|one| one.0 == path && one.1 == method), "{method} {path}");
        }
        for definition in &Definitions::shared().expect("they load").operations {
            let call = format!("${}", definition["code"].as_str().expect("an operation has a code"));
            assert!(all.iter().any(|one| one.0.ends_with(&call)), "{call}");
        }
    }
}
