//! What R4's types look like, as tables that the walk reads.
//! <https://hl7.org/fhir/R4/elementdefinition.html>

use crate::fhir::ResourceType;
use crate::fhir::shape::binding::CodeList;
use crate::fhir::shape::primitive::Primitive;
use crate::fhir::shape::rules::Rule;

/// The most elements that a type may have, without choices counted apart; the walk keeps them on the stack.
pub(super) const MAX_ELEMENTS: usize = 96;

/// Compiled StructureDefinitions and the code lists of required bindings.
#[derive(Debug)]
pub struct Shapes {
    pub(super) types: Vec<Type>,
    pub(super) resources: Vec<usize>,
    pub(super) element: usize,
    pub(super) lists: Vec<CodeList>,
}

/// A resource, a data type, or an element with children of its own such as `Patient.contact`.
#[derive(Debug)]
pub(super) struct Type {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) elements: Vec<Element>,
    /// The names of these elements in JSON, sorted; a choice has one for each of its types.
    pub(super) properties: Vec<Property>,
    /// Which elements must be there.
    pub(super) required: Vec<usize>,
    /// What else must hold.
    pub(super) rules: Vec<&'static Rule>,
}

/// What a type is, where the walk treats it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Resource,
    Reference,
    Coding,
    CodeableConcept,
    Other,
}

/// An element of a type: `given`, or the choice `value[x]`.
#[derive(Debug)]
pub(super) struct Element {
    /// The name without `[x]`.
    pub(super) name: String,
    pub(super) choice: bool,
    pub(super) many: bool,
    pub(super) max: usize,
}

/// An element under one of its names in JSON.
#[derive(Debug)]
pub(super) struct Property {
    pub(super) name: String,
    /// The name with `_` in front, where a primitive keeps its id and extensions.
    pub(super) shadow: String,
    pub(super) element: usize,
    pub(super) content: Content,
    /// The list to which the element is bound, as required.
    pub(super) list: Option<usize>,
    /// The types that a reference may point to; empty where any.
    pub(super) targets: Vec<ResourceType>,
}

/// What stands under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Primitive(Primitive),
    Complex(usize),
    /// A whole resource of any type.
    Resource,
}

impl Shapes {
    /// The table of a resource type.
    pub(super) fn resource(&self, ty: ResourceType) -> &Type {
        let number = usize::try_from(ty.number()).expect("the number of a type is its place in a list");
        &self.types[self.resources[number]]
    }
}

impl Type {
    /// The place of the property with this name in JSON.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.properties.binary_search_by(|property| property.name.as_str().cmp(name)).ok()
    }

    /// The property with this name in JSON.
    pub(super) fn property(&self, name: &str) -> Option<&Property> {
        self.position(name).map(|at| &self.properties[at])
    }
}

impl Property {
    /// Whether `_name` may stand beside it: only a primitive has an id and extensions apart from its value.
    pub(super) fn has_shadow(&self) -> bool {
        matches!(self.content, Content::Primitive(primitive) if primitive != Primitive::Xhtml)
    }
}
