//! What a Reference may point to. <https://hl7.org/fhir/R4/references.html>

use serde_json::Map;
use serde_json::Value;

use crate::fhir::ResourceType;
use crate::fhir::reference::Reference;
use crate::fhir::shape::contained::Found;
use crate::fhir::shape::path::At;
use crate::fhir::shape::suggest;
use crate::fhir::shape::tables::Property;
use crate::fhir::shape::walk::Walk;

/// Checks the form of a reference, that a contained resource is there, and that the type is one that the element
/// may point to, as far as the reference tells it.
pub(super) fn check<'a>(walk: &mut Walk<'a>, property: &Property, map: &'a Map<String, Value>, at: &At<'_>) {
    let named = declared_type(walk, map, at);
    let Some(text) = map.get("reference").and_then(Value::as_str).filter(|text| !text.is_empty()) else {
        if let Some(named) = named {
            check_target(walk, property, named, at.child("type"));
        }
        return;
    };
    let at_text = at.child("reference");
    let pointed = match Reference::parse(text) {
        Reference::Local(local) => Some(local.ty),
        Reference::Conditional { ty, .. } => Some(ty),
        Reference::Contained(id) => match walk.containers.last_mut().map(|container| container.follow(id)) {
            Some(Found::Contained(ty)) => ty,
            Some(Found::Container) | None => None,
            Some(Found::Missing) => {
                let text =
                    format!("No contained resource has the id `{}` (ref-1); add it.", suggest::shortened(id));
                return walk.report("invariant", at_text, text);
            }
        },
        Reference::Urn(_) => None,
        Reference::Elsewhere(url) => type_in_url(url),
        Reference::Unreadable => {
            let text = format!(
                "`{}` is not a reference; write it as `Type/id`, `#id`, `urn:uuid:…` or an absolute URL.",
                suggest::shortened(text)
            );
            return walk.report("value", at_text, text);
        }
    };
    match (pointed, named) {
        (Some(pointed), Some(named)) if pointed != named => {
            let text =
                format!("The `type` says {named}, the reference points to a {pointed}; make them agree.");
            walk.report("value", at.child("type"), text);
        }
        (Some(ty), _) | (None, Some(ty)) => check_target(walk, property, ty, at_text),
        (None, None) => {}
    }
}

/// The type that `Reference.type` names; a URI of something else than a resource of R4 is not judged.
fn declared_type(walk: &mut Walk<'_>, map: &Map<String, Value>, at: &At<'_>) -> Option<ResourceType> {
    let text = map.get("type").and_then(Value::as_str)?;
    let name = text.strip_prefix("http://hl7.org/fhir/StructureDefinition/").unwrap_or(text);
    let ty = ResourceType::parse(name);
    if ty.is_none() && !name.contains(':') {
        let text = format!("`{}` is not a resource type of FHIR R4.", suggest::shortened(name));
        walk.report("value", at.child("type"), text);
    }
    ty
}

fn check_target(walk: &mut Walk<'_>, property: &Property, ty: ResourceType, at: At<'_>) {
    if property.targets.is_empty() || property.targets.contains(&ty) {
        return;
    }
    let allowed: Vec<&str> = property.targets.iter().map(|target| target.name()).collect();
    let text = format!("`{}` may not point to a {ty}; only to {}.", property.name, allowed.join(", "));
    walk.report("value", at, text);
}

/// The type in a RESTful URL such as `https://example.org/fhir/Patient/1/_history/2`.
fn type_in_url(url: &str) -> Option<ResourceType> {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let path = path.split_once("/_history/").map_or(path, |(path, _)| path);
    let (rest, _id) = path.rsplit_once('/')?;
    let (_, name) = rest.rsplit_once('/')?;
    ResourceType::parse(name)
}
