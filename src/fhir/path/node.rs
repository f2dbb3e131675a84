//! An element of a resource as FHIRPath sees it: its value, what stands beside the value under `_name`, and its
//! type. <https://hl7.org/fhir/R4/fhirpath.html>
//!
//! No tree of nodes is built: a node borrows the JSON where it stands, and the shapes say what it is.

use std::borrow::Cow;

use serde_json::Map;
use serde_json::Value;

use crate::fhir::ResourceType;
use crate::fhir::path::number::Number;
use crate::fhir::path::tree::Named;
use crate::fhir::path::value::Moment;
use crate::fhir::path::value::System;
use crate::fhir::shape::Content;
use crate::fhir::shape::Kind;
use crate::fhir::shape::Primitive;
use crate::fhir::shape::Property;
use crate::fhir::shape::Shapes;
use crate::fhir::shape::Type;

/// An element where it stands in a resource.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    value: Option<&'a Value>,
    shadow: Option<&'a Value>,
    content: Content,
}

impl<'a> Node<'a> {
    /// A whole resource.
    #[must_use]
    pub fn resource(resource: &'a Value) -> Self {
        Self { value: Some(resource), shadow: None, content: Content::Resource }
    }

    /// An element with its value, its shadow (`_name`) or both.
    pub(in crate::fhir) fn element(
        content: Content,
        value: Option<&'a Value>,
        shadow: Option<&'a Value>,
    ) -> Self {
        Self { value, shadow, content }
    }

    /// The JSON; none where a primitive has extensions alone.
    #[must_use]
    pub fn value(&self) -> Option<&'a Value> {
        self.value
    }

    /// What stands under the name with `_` in front: the id and extensions of a primitive.
    #[must_use]
    pub fn shadow(&self) -> Option<&'a Value> {
        self.shadow
    }

    /// The name of its type, such as `HumanName`, `code`, `Patient` or `Patient.contact`.
    #[must_use]
    pub fn type_name<'s>(&self, shapes: &'s Shapes) -> &'s str {
        match self.content {
            Content::Primitive(primitive) => primitive.name(),
            Content::Complex(_) | Content::Resource => self.table(shapes).map_or("Resource", |ty| &ty.name),
        }
    }

    /// Whether it is a primitive.
    #[must_use]
    pub fn is_primitive(&self) -> bool {
        matches!(self.content, Content::Primitive(_))
    }

    /// The table of its children: those of its type, or a primitive's id and extensions.
    fn table<'s>(&self, shapes: &'s Shapes) -> Option<&'s Type> {
        match self.content {
            Content::Primitive(_) => Some(&shapes.types[shapes.element]),
            Content::Complex(ty) => Some(&shapes.types[ty]),
            Content::Resource => {
                let name = self.value?.get("resourceType")?.as_str()?;
                ResourceType::parse(name).map(|ty| shapes.resource(ty))
            }
        }
    }

    /// The JSON object in which its children stand.
    fn members(&self) -> Option<&'a Map<String, Value>> {
        match self.content {
            Content::Primitive(_) => self.shadow?.as_object(),
            Content::Complex(_) | Content::Resource => self.value?.as_object(),
        }
    }

    /// The child under this name in JSON that has this value and this shadow; none where R4 has no such element.
    #[must_use]
    pub fn child(
        &self,
        shapes: &Shapes,
        name: &str,
        (value, shadow): (Option<&'a Value>, Option<&'a Value>),
    ) -> Option<Self> {
        let content = self.table(shapes)?.property(name)?.content;
        Some(Node { value, shadow, content })
    }

    /// Gives `take` each child with this name; a choice goes by its name without the type.
    pub(super) fn each_child(&self, shapes: &Shapes, name: &str, take: &mut dyn FnMut(Node<'a>)) {
        let (Some(members), Some(ty)) = (self.members(), self.table(shapes)) else { return };
        if let Some(property) = ty.property(name) {
            let shadow = if property.has_shadow() { members.get(&property.shadow) } else { None };
            return spread(property, members.get(name), shadow, take);
        }
        let is_choice = |property: &&Property| {
            let element = &ty.elements[property.element];
            element.choice && element.name == name
        };
        for (key, value) in members {
            let shadowed = key.strip_prefix('_');
            let member = shadowed.unwrap_or(key);
            if !member.starts_with(name) {
                continue;
            }
            let Some(property) = ty.property(member).filter(is_choice) else { continue };
            match shadowed {
                None if property.has_shadow() => {
                    spread(property, Some(value), members.get(&property.shadow), take);
                }
                None => spread(property, Some(value), None, take),
                Some(_) if members.contains_key(member) => {}
                Some(_) => spread(property, None, Some(value), take),
            }
        }
    }

    /// Gives `take` every child, in the order of the JSON.
    pub(super) fn all_children(&self, shapes: &Shapes, take: &mut dyn FnMut(Node<'a>)) {
        let (Some(members), Some(ty)) = (self.members(), self.table(shapes)) else { return };
        for (key, value) in members {
            let shadowed = key.strip_prefix('_');
            let Some(property) = ty.property(shadowed.unwrap_or(key)) else { continue };
            match shadowed {
                None => spread(property, Some(value), members.get(&property.shadow), take),
                Some(name) if members.contains_key(name) => {}
                Some(_) => spread(property, None, Some(value), take),
            }
        }
    }

    /// Whether it is of a type or of one that specialises it.
    pub(super) fn is(&self, shapes: &Shapes, wanted: &Named) -> bool {
        let name = wanted.name.as_str();
        match self.content {
            Content::Primitive(primitive) => {
                let own = [primitive.name(), primitive.base(), "Element"];
                // FHIRPath's own types begin with a capital, and R4's expressions use either.
                own.iter().any(|own| *own == name || capital(own, name))
            }
            Content::Complex(_) | Content::Resource => {
                let Some(ty) = self.table(shapes) else { return false };
                let own = ty.name.as_str();
                own == name && !wanted.system || ty.bases().contains(&name)
            }
        }
    }

    /// The value to compute with; none for what is no primitive, or has no value.
    pub(super) fn system(&self) -> Option<System<'a>> {
        let text = |value: &'a Value| value.as_str().map(Cow::Borrowed);
        let value = self.value?;
        let Content::Primitive(primitive) = self.content else { return None };
        match primitive {
            Primitive::Boolean => value.as_bool().map(System::Boolean),
            Primitive::Decimal | Primitive::Integer | Primitive::PositiveInt | Primitive::UnsignedInt => {
                Number::parse(value.as_number()?.as_str()).map(System::Number)
            }
            Primitive::Date => Some(System::Moment(Moment::Date, text(value)?)),
            Primitive::DateTime | Primitive::Instant => Some(System::Moment(Moment::DateTime, text(value)?)),
            Primitive::Time => Some(System::Moment(Moment::Time, text(value)?)),
            Primitive::Base64Binary
            | Primitive::Canonical
            | Primitive::Code
            | Primitive::Id
            | Primitive::Markdown
            | Primitive::Oid
            | Primitive::String
            | Primitive::Uri
            | Primitive::Url
            | Primitive::Uuid
            | Primitive::Xhtml => text(value).map(System::Text),
        }
    }

    /// A Quantity as FHIRPath's: its value with its unit, the code rather than the text.
    pub(super) fn quantity(&self, shapes: &Shapes) -> Option<System<'a>> {
        if self.table(shapes)?.kind != Kind::Quantity {
            return None;
        }
        let value = self.value?;
        let number = Number::parse(value.get("value")?.as_number()?.as_str())?;
        let unit = value.get("code").or_else(|| value.get("unit")).and_then(Value::as_str);
        Some(System::Quantity(number, unit.unwrap_or("1").into()))
    }
}

/// The values under a name one by one, each with its shadow.
fn spread<'a>(
    property: &Property,
    value: Option<&'a Value>,
    shadow: Option<&'a Value>,
    take: &mut dyn FnMut(Node<'a>),
) {
    let present = |value: Option<&'a Value>| value.filter(|value| !value.is_null());
    let mut one = |value, shadow| {
        let (value, shadow) = (present(value), present(shadow));
        if value.is_some() || shadow.is_some() {
            take(Node { value, shadow, content: property.content });
        }
    };
    let list = |value: Option<&'a Value>| value.and_then(Value::as_array);
    match (list(value), list(shadow)) {
        (None, None) => one(value, shadow),
        (values, shadows) => {
            let length = values.map_or(0, Vec::len).max(shadows.map_or(0, Vec::len));
            for at in 0..length {
                one(values.and_then(|all| all.get(at)), shadows.and_then(|all| all.get(at)));
            }
        }
    }
}

/// Whether the second is the first with a capital.
fn capital(own: &str, name: &str) -> bool {
    let mut letters = own.chars();
    letters.next().is_some_and(|first| {
        name.strip_prefix(first.to_ascii_uppercase()).is_some_and(|rest| rest == letters.as_str())
    })
}
