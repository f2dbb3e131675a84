//! What R4's types look like, as tables that the walk reads.
//! <https://hl7.org/fhir/R4/elementdefinition.html>

use serde_json::Value;

use crate::fhir::ResourceType;
use crate::fhir::shape::binding::CodeList;
use crate::fhir::shape::primitive::Primitive;
use crate::fhir::shape::rules::Rule;

/// The most elements that a type may have, without choices counted apart; the walk keeps them on the stack.
pub(in crate::fhir) const MAX_ELEMENTS: usize = 96;

/// Compiled StructureDefinitions and the code lists of required bindings.
#[derive(Debug)]
pub struct Shapes {
    pub(in crate::fhir) types: Vec<Type>,
    pub(in crate::fhir) resources: Vec<usize>,
    pub(in crate::fhir) element: usize,
    pub(in crate::fhir) lists: Vec<CodeList>,
}

/// A resource, a data type, or an element with children of its own such as `Patient.contact`.
#[derive(Debug)]
pub(in crate::fhir) struct Type {
    pub(in crate::fhir) name: String,
    /// Its place among the types.
    pub(in crate::fhir) at: usize,
    pub(in crate::fhir) kind: Kind,
    pub(in crate::fhir) elements: Vec<Element>,
    /// The names of these elements in JSON, sorted; a choice has one for each of its types.
    pub(in crate::fhir) properties: Vec<Property>,
    /// Which elements must be there.
    pub(in crate::fhir) required: Vec<usize>,
    /// What else must hold.
    pub(in crate::fhir) rules: Vec<Rule>,
}

/// What a type is, where the walk treats it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::fhir) enum Kind {
    Resource,
    Reference,
    Coding,
    CodeableConcept,
    /// Quantity and what specialises it.
    Quantity,
    Other,
}

/// An element of a type: `given`, or the choice `value[x]`.
#[derive(Debug)]
pub(in crate::fhir) struct Element {
    /// The name without `[x]`.
    pub(in crate::fhir) name: String,
    pub(in crate::fhir) choice: bool,
    pub(in crate::fhir) many: bool,
    pub(in crate::fhir) max: usize,
    /// What must hold of each value, where the element has no elements of its own.
    pub(in crate::fhir) rules: Vec<Rule>,
}

/// An element under one of its names in JSON.
#[derive(Debug)]
pub(in crate::fhir) struct Property {
    pub(in crate::fhir) name: String,
    /// The name with `_` in front, where a primitive keeps its id and extensions.
    pub(in crate::fhir) shadow: String,
    pub(in crate::fhir) element: usize,
    pub(in crate::fhir) content: Content,
    /// The list to which the element is bound, as required.
    pub(in crate::fhir) list: Option<usize>,
    /// The types that a reference may point to; empty where any.
    pub(in crate::fhir) targets: Vec<ResourceType>,
}

/// What stands under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::fhir) enum Content {
    Primitive(Primitive),
    Complex(usize),
    /// A whole resource of any type.
    Resource,
}

impl Shapes {
    /// The table of a resource type.
    pub(in crate::fhir) fn resource(&self, ty: ResourceType) -> &Type {
        let number = usize::try_from(ty.number()).expect("the number of a type is its place in a list");
        &self.types[self.resources[number]]
    }

    /// Whether there is a type or resource with this name.
    pub(in crate::fhir) fn has_type(&self, name: &str) -> bool {
        self.types.iter().any(|ty| ty.name == name)
    }

    /// Whether a code, Coding or CodeableConcept is in a value set; none where its codes are not held.
    pub(in crate::fhir) fn is_member(&self, url: &str, value: &Value) -> Option<bool> {
        let url = url.split('|').next().unwrap_or(url);
        let list = self.lists.iter().find(|list| list.url == url)?;
        let coding = |value: &Value| value.as_object().is_some_and(|coding| list.has_coding(coding));
        Some(match (value.as_str(), value.get("coding").and_then(Value::as_array)) {
            (Some(code), _) => list.has_code(code),
            (None, Some(codings)) => codings.iter().any(coding),
            (None, None) => coding(value),
        })
    }
}

impl Type {
    /// The types that it specialises, besides itself.
    pub(in crate::fhir) fn bases(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Resource if matches!(self.name.as_str(), "Bundle" | "Binary" | "Parameters") => {
                &["Resource"]
            }
            Kind::Resource => &["Resource", "DomainResource"],
            Kind::Quantity => &["Quantity", "Element"],
            Kind::Other if self.name.contains('.') => &["BackboneElement", "Element"],
            Kind::Reference | Kind::Coding | Kind::CodeableConcept | Kind::Other => &["Element"],
        }
    }

    /// The place of the property with this name in JSON.
    pub(in crate::fhir) fn position(&self, name: &str) -> Option<usize> {
        self.properties.binary_search_by(|property| property.name.as_str().cmp(name)).ok()
    }

    /// The property with this name in JSON.
    pub(in crate::fhir) fn property(&self, name: &str) -> Option<&Property> {
        self.position(name).map(|at| &self.properties[at])
    }

    /// The property with this name in JSON, or those of the choice element with this name.
    pub(in crate::fhir) fn named<'a>(&'a self, name: &str) -> Vec<&'a Property> {
        if let Some(property) = self.property(name) {
            return vec![property];
        }
        let is_choice = |property: &&Property| {
            let element = &self.elements[property.element];
            element.choice && element.name == name
        };
        self.properties.iter().filter(is_choice).collect()
    }
}

impl Property {
    /// Whether `_name` may stand beside it: only a primitive has an id and extensions apart from its value.
    pub(in crate::fhir) fn has_shadow(&self) -> bool {
        matches!(self.content, Content::Primitive(primitive) if primitive != Primitive::Xhtml)
    }
}
