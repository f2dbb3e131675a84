//! What R4's tables say of the elements that a search looks at: the code system that an element of type `code`
//! implies, which is that of the value set to which it is bound, and whether there are identifiers.
//! <https://hl7.org/fhir/R4/search.html#token>

use std::collections::HashMap;

use crate::fhir::ResourceType;
use crate::fhir::path::Path;
use crate::fhir::shape::primitive::Primitive;
use crate::fhir::shape::tables::Content;
use crate::fhir::shape::tables::Property;
use crate::fhir::shape::tables::Shapes;
use crate::fhir::shape::tables::Type;

impl Shapes {
    /// The systems that define each code of the elements that a search expression finds in a type. Empty where none
    /// of them is a `code` with a required value set that lists its codes.
    pub fn implied_systems(&self, ty: ResourceType, path: &Path) -> HashMap<&str, Vec<&str>> {
        let mut systems: HashMap<&str, Vec<&str>> = HashMap::new();
        for list in path.elements().iter().filter_map(|names| self.list_of(ty, names)) {
            for (code, own) in self.lists[list].codes() {
                let known = systems.entry(code).or_default();
                for system in own {
                    if !known.contains(&system.as_str()) {
                        known.push(system);
                    }
                }
            }
        }
        systems
    }

    /// Whether a search expression finds identifiers in a type.
    pub fn has_identifiers(&self, ty: ResourceType, path: &Path) -> bool {
        let is_identifier = |property: &Property| match property.content {
            Content::Complex(at) => self.types[at].name == "Identifier",
            Content::Primitive(_) | Content::Resource => false,
        };
        path.elements().iter().filter_map(|names| self.element_of(ty, names)).any(is_identifier)
    }

    /// Whether a search expression finds one value in a resource of a type at most: it is one path, and none of the
    /// elements on it repeats.
    pub fn is_single(&self, ty: ResourceType, path: &Path) -> bool {
        match (path.branches().len(), path.elements().as_slice()) {
            (1, [names]) => self.is_single_path(ty, names),
            _ => false,
        }
    }

    fn is_single_path(&self, ty: ResourceType, names: &[&str]) -> bool {
        let Some((last, parents)) = names.split_last() else { return false };
        let mut at = self.resource(ty);
        for name in parents {
            let Some(property) = at.property(name) else { return false };
            match property.content {
                Content::Complex(inner) if !at.elements[property.element].many => at = &self.types[inner],
                Content::Complex(_) | Content::Primitive(_) | Content::Resource => return false,
            }
        }
        let choice = at.elements.iter().find(|element| element.name == *last);
        let named = || at.property(last).map(|property| &at.elements[property.element]);
        choice.or_else(named).is_some_and(|element| !element.many)
    }

    /// Whether a search expression finds elements of type `code` in a type.
    #[cfg(test)]
    pub(crate) fn finds_codes(&self, ty: ResourceType, path: &Path) -> bool {
        let is_code = |property: &Property| property.content == Content::Primitive(Primitive::Code);
        path.elements().iter().filter_map(|names| self.element_of(ty, names)).any(is_code)
    }

    /// The types of what each branch of a search expression finds in a type: no types for a branch that leads to no
    /// element. A branch that says whether something is so is left out.
    pub fn types_found(&self, ty: ResourceType, path: &Path) -> Vec<Vec<&str>> {
        let name = |property: &&Property| match property.content {
            Content::Complex(at) => self.types[at].name.as_str(),
            Content::Primitive(primitive) => primitive.name(),
            Content::Resource => "Resource",
        };
        let each = path.elements();
        each.iter().map(|names| self.elements_of(ty, names).iter().map(name).collect()).collect()
    }

    /// The types of the elements in which stands what a search expression finds in a type: `HumanName` for
    /// `Patient.name.family`.
    pub fn types_around(&self, ty: ResourceType, path: &Path) -> Vec<&str> {
        let around = |names: &Vec<&str>| {
            let (_, names) = names.split_last()?;
            Some(self.elements_of(ty, names).into_iter().filter_map(|property| match property.content {
                Content::Complex(at) => Some(self.types[at].name.as_str()),
                Content::Primitive(_) | Content::Resource => None,
            }))
        };
        path.elements().iter().filter_map(around).flatten().collect()
    }

    /// Whether resources of a type have an element with this name.
    pub fn has_element(&self, ty: ResourceType, name: &str) -> bool {
        self.resource(ty).property(name).is_some()
    }

    /// The elements at the end of these names, of which a choice element may be several.
    fn elements_of(&self, ty: ResourceType, names: &[&str]) -> Vec<&Property> {
        let (mut types, mut found): (Vec<&Type>, Vec<&Property>) = (vec![self.resource(ty)], Vec::new());
        for name in names {
            found = types.iter().flat_map(|at| at.named(name)).collect();
            let inner = found.iter().filter_map(|property| match property.content {
                Content::Complex(inner) => Some(&self.types[inner]),
                Content::Primitive(_) | Content::Resource => None,
            });
            types = inner.collect();
        }
        found
    }

    /// The list to which the `code` at the end of these names is bound.
    fn list_of(&self, ty: ResourceType, names: &[&str]) -> Option<usize> {
        let property = self.element_of(ty, names)?;
        property.list.filter(|_| property.content == Content::Primitive(Primitive::Code))
    }

    /// The element at the end of these names.
    fn element_of(&self, ty: ResourceType, names: &[&str]) -> Option<&Property> {
        let (last, parents) = names.split_last()?;
        let mut at = self.resource(ty);
        for name in parents {
            match at.property(name)?.content {
                Content::Complex(inner) => at = &self.types[inner],
                Content::Primitive(_) | Content::Resource => return None,
            }
        }
        at.property(last)
    }
}
