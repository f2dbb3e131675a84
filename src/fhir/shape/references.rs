//! What a Reference may point to. <https://hl7.org/fhir/R4/references.html>

use serde_json::Map;
use serde_json::Value;

use crate::fhir::Issue;
use crate::fhir::ResourceType;
use crate::fhir::reference::Reference;
use crate::fhir::shape::contained::Found;
use crate::fhir::shape::path::At;
use crate::fhir::shape::suggest;
use crate::fhir::shape::tables::Content;
use crate::fhir::shape::tables::Kind;
use crate::fhir::shape::tables::Property;
use crate::fhir::shape::tables::Shapes;
use crate::fhir::shape::tables::Type;
use crate::fhir::shape::walk::Walk;

/// Checks the form of a reference, that a contained resource is there, and that the type is one that the element
/// may point to, as far as the reference tells it.
pub(super) fn check<'a>(walk: &mut Walk<'a>, property: &Property, map: &'a Map<String, Value>, at: &At<'_>) {
    let named = declared_type(walk, map, at);
    let Some(text) = map.get("reference").and_then(Value::as_str).filter(|text| !text.is_empty()) else {
        if let Some(text) = named.and_then(|named| target_fault(property, named)) {
            walk.report("value", at.child("type"), text);
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
    if let Some((child, text)) = fault(property, pointed, named) {
        walk.report("value", at.child(child), text);
    }
}

/// What is wrong with references to resources here that did not say their type when the resource was judged, such as
/// those to another entry of a transaction, once they have been rewritten to `Type/id`.
pub fn misdirected(shapes: &Shapes, resource: &Value) -> Vec<Issue> {
    let mut issues = Vec::new();
    let name = resource.get("resourceType").and_then(Value::as_str);
    if let Some(ty) = name.and_then(ResourceType::parse) {
        search(shapes, (shapes.resource(ty), resource), &At::root(ty.name()), &mut issues);
    }
    issues
}

fn search(shapes: &Shapes, (ty, value): (&Type, &Value), at: &At<'_>, issues: &mut Vec<Issue>) {
    let Some(map) = value.as_object() else { return };
    for (key, value) in map {
        let shadowed = key.strip_prefix('_');
        let Some(property) = ty.property(shadowed.unwrap_or(key)) else { continue };
        let here = at.child(&property.name);
        let mut one = |value: &Value, at: &At<'_>| match property.content {
            Content::Primitive(_) if shadowed.is_some() => {
                search(shapes, (&shapes.types[shapes.element], value), at, issues);
            }
            Content::Primitive(_) => {}
            Content::Complex(inner) => {
                let inner = &shapes.types[inner];
                issues.extend(
                    of_local(property, inner, value)
                        .map(|(child, text)| Issue::error("value", text).at(at.child(child).to_string())),
                );
                search(shapes, (inner, value), at, issues);
            }
            Content::Resource => {
                let name = value.get("resourceType").and_then(Value::as_str);
                if let Some(ty) = name.and_then(ResourceType::parse) {
                    search(shapes, (shapes.resource(ty), value), at, issues);
                }
            }
        };
        match value {
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(place, item)| one(item, &here.index(place)));
            }
            single => one(single, &here),
        }
    }
}

/// What is wrong with an element where it is a reference to a resource here.
fn of_local(property: &Property, ty: &Type, value: &Value) -> Option<(&'static str, String)> {
    if ty.kind != Kind::Reference {
        return None;
    }
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let pointed = Reference::parse(text("reference")?).local()?.ty;
    fault(property, Some(pointed), text("type").and_then(|text| ResourceType::parse(type_name(text))))
}

/// What is wrong with where a reference points, by its text and by its `type`: which of the two, and why.
fn fault(
    property: &Property,
    pointed: Option<ResourceType>,
    named: Option<ResourceType>,
) -> Option<(&'static str, String)> {
    if let (Some(pointed), Some(named)) = (pointed, named)
        && pointed != named
    {
        let text = format!("The `type` says {named}, the reference points to a {pointed}; make them agree.");
        return Some(("type", text));
    }
    let text = target_fault(property, pointed.or(named)?)?;
    Some(("reference", text))
}

/// The type that `Reference.type` names; a URI of something else than a resource of R4 is not judged.
fn declared_type(walk: &mut Walk<'_>, map: &Map<String, Value>, at: &At<'_>) -> Option<ResourceType> {
    let text = map.get("type").and_then(Value::as_str)?;
    let name = type_name(text);
    let ty = ResourceType::parse(name);
    if ty.is_none() && !name.contains(':') {
        let text = format!("`{}` is not a resource type of FHIR R4.", suggest::shortened(name));
        walk.report("value", at.child("type"), text);
    }
    ty
}

/// The type of R4 that a `Reference.type` may mean.
fn type_name(text: &str) -> &str {
    text.strip_prefix("http://hl7.org/fhir/StructureDefinition/").unwrap_or(text)
}

fn target_fault(property: &Property, ty: ResourceType) -> Option<String> {
    if property.targets.is_empty() || property.targets.contains(&ty) {
        return None;
    }
    let allowed: Vec<&str> = property.targets.iter().map(|target| target.name()).collect();
    Some(format!("`{}` may not point to a {ty}; only to {}.", property.name, allowed.join(", ")))
}

/// The type in a RESTful URL such as `https://example.org/fhir/Patient/1/_history/2`.
fn type_in_url(url: &str) -> Option<ResourceType> {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let path = path.split_once("/_history/").map_or(path, |(path, _)| path);
    let (rest, _id) = path.rsplit_once('/')?;
    let (_, name) = rest.rsplit_once('/')?;
    ResourceType::parse(name)
}
