//! The tables as the readers and writers of another form see them. <https://hl7.org/fhir/R4/xml.html>

use crate::fhir::ResourceType;
use crate::fhir::shape::primitive::Primitive;
use crate::fhir::shape::tables::Content;
use crate::fhir::shape::tables::Kind;
use crate::fhir::shape::tables::Shapes;
use crate::fhir::shape::tables::Type;

/// How a resource, a data type or an element with children of its own is laid out.
#[derive(Clone, Copy, Debug)]
pub struct Layout<'a> {
    shapes: &'a Shapes,
    ty: &'a Type,
}

/// One of its elements, under one of its names.
#[derive(Clone, Copy, Debug)]
pub struct Slot<'a> {
    /// The name, as JSON and XML have it: `valueQuantity`.
    pub name: &'a str,
    /// The name in JSON under which the id and extensions of a primitive stand: `_birthDate`.
    pub shadow: &'a str,
    /// Its place among the elements of the type, as R4 defines their order.
    pub order: usize,
    /// Whether it repeats, and so is a list in JSON.
    pub many: bool,
    /// Whether XML has it as an attribute.
    pub attribute: bool,
    /// What stands in it.
    pub form: Form<'a>,
}

/// What stands in an element.
#[derive(Clone, Copy, Debug)]
pub enum Form<'a> {
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// Any other primitive: text.
    Text,
    /// A narrative's `div`.
    Xhtml,
    /// Elements.
    Complex(Layout<'a>),
    /// A whole resource.
    Resource,
}

impl Shapes {
    /// How a resource type is laid out.
    pub fn layout(&self, ty: ResourceType) -> Layout<'_> {
        Layout { shapes: self, ty: self.resource(ty) }
    }

    /// What every element has: an id and extensions.
    pub fn element_layout(&self) -> Layout<'_> {
        Layout { shapes: self, ty: &self.types[self.element] }
    }
}

impl<'a> Layout<'a> {
    /// The name of the type: `Patient.contact`.
    pub fn name(&self) -> &'a str {
        &self.ty.name
    }

    /// Whether it is a resource.
    pub fn is_resource(&self) -> bool {
        self.ty.kind == Kind::Resource
    }

    /// The element with this name.
    pub fn slot(&self, name: &str) -> Option<Slot<'a>> {
        let property = self.ty.property(name)?;
        let form = match property.content {
            Content::Resource => Form::Resource,
            Content::Complex(ty) => Form::Complex(Layout { shapes: self.shapes, ty: &self.shapes.types[ty] }),
            Content::Primitive(primitive) => match primitive {
                Primitive::Boolean => Form::Boolean,
                Primitive::Decimal | Primitive::Integer | Primitive::PositiveInt | Primitive::UnsignedInt => {
                    Form::Number
                }
                Primitive::Xhtml => Form::Xhtml,
                _ => Form::Text,
            },
        };
        // R4 defines just these two as attributes: the id of whatever is no resource, and what an extension means.
        let attribute =
            (name == "id" && !self.is_resource()) || (name == "url" && self.ty.name == "Extension");
        Some(Slot {
            name: &property.name,
            shadow: &property.shadow,
            order: property.element,
            many: self.ty.elements[property.element].many,
            attribute,
            form,
        })
    }
}
