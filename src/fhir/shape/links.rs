//! Every text of a resource that refers to something else, to rewrite it when ids are assigned.
//! <https://hl7.org/fhir/R4/http.html#trules>

use serde_json::Value;

use crate::fhir::ResourceType;
use crate::fhir::shape::narrative;
use crate::fhir::shape::primitive::Primitive;
use crate::fhir::shape::tables::Content;
use crate::fhir::shape::tables::Kind;
use crate::fhir::shape::tables::Property;
use crate::fhir::shape::tables::Shapes;
use crate::fhir::shape::tables::Type;

/// What kind of text refers to something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// `Reference.reference`.
    Reference,
    /// A value of type uri or url. A canonical names something by a URL of its own and is not rewritten; nor is an oid
    /// or a uuid, though R4 lists them beside, since both have a form that the address of a resource does not have: what
    /// was rewritten would not be valid.
    Url,
    /// A `href` or `src` in a narrative.
    NarrativeUrl,
}

/// Shows `change` every text of a resource that refers to something else, at any depth, contained resources and
/// extensions included; it may rewrite it. What the shapes do not know is passed over, so the resource need not be
/// valid.
pub fn links_mut(shapes: &Shapes, resource: &mut Value, change: &mut dyn FnMut(Link, &mut String)) {
    let name = resource.get("resourceType").and_then(Value::as_str);
    if let Some(ty) = name.and_then(ResourceType::parse) {
        object(shapes, shapes.resource(ty), resource, change);
    }
}

fn object(shapes: &Shapes, ty: &Type, value: &mut Value, change: &mut dyn FnMut(Link, &mut String)) {
    let Some(map) = value.as_object_mut() else { return };
    for (key, value) in map.iter_mut() {
        let name = key.strip_prefix('_');
        let Some(found) = ty.property(name.unwrap_or(key)) else { continue };
        let items = match value {
            Value::Array(items) => items.as_mut_slice(),
            single => std::slice::from_mut(single),
        };
        for item in items {
            match name {
                Some(_) => object(shapes, &shapes.types[shapes.element], item, change),
                None => single(shapes, (ty, found), item, change),
            }
        }
    }
}

fn single(
    shapes: &Shapes,
    (ty, property): (&Type, &Property),
    value: &mut Value,
    change: &mut dyn FnMut(Link, &mut String),
) {
    match (property.content, value) {
        (Content::Complex(inner), value) => object(shapes, &shapes.types[inner], value, change),
        (Content::Resource, value) => links_mut(shapes, value, change),
        (Content::Primitive(Primitive::Xhtml), Value::String(text)) => {
            narrative::addresses_mut(text, &mut |address| change(Link::NarrativeUrl, address));
        }
        (Content::Primitive(primitive), Value::String(text)) => {
            if ty.kind == Kind::Reference && property.name == "reference" {
                change(Link::Reference, text);
            } else if matches!(primitive, Primitive::Uri | Primitive::Url) {
                change(Link::Url, text);
            }
        }
        (Content::Primitive(_), _) => {}
    }
}
