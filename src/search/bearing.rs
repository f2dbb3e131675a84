//! What a search parameter means beyond what its definition says outright: which systems its codes are of, which types
//! it may refer to and in which way. <https://hl7.org/fhir/R4/searchparameter.html>

use std::collections::HashMap;

use crate::definitions::SearchParameterDefinition;
use crate::fhir::ResourceType;
use crate::fhir::path::Path;
use crate::fhir::shape::Shapes;
use crate::search::fold::system;
use crate::search::parameter::Parameter;

/// The types of values that name a resource by its canonical URL.
const CANONICALS: [&str; 3] = ["canonical", "uri", "url"];

/// The types of values that have no system, of which R4 says that a search names none.
const WITHOUT_SYSTEM: [&str; 3] = ["ContactPoint", "boolean", "uri"];

/// The types of the values that a parameter finds.
pub(super) fn finds(shapes: &Shapes, ty: ResourceType, path: &Path) -> Vec<String> {
    let mut types: Vec<String> =
        shapes.types_found(ty, path).concat().into_iter().map(str::to_owned).collect();
    types.sort_unstable();
    types.dedup();
    types
}

impl Parameter {
    /// Whether it finds identifiers, which have a type.
    pub(super) fn has_identifiers(&self) -> bool {
        self.finds.iter().any(|ty| ty == "Identifier")
    }

    /// Whether what a token of it names may have a system.
    pub(super) fn has_systems(&self) -> bool {
        !self.finds.iter().all(|ty| WITHOUT_SYSTEM.contains(&ty.as_str()))
    }

    /// Whether it finds canonicals, which name what is published under a URL.
    pub(super) fn has_canonicals(&self) -> bool {
        self.finds.iter().any(|ty| CANONICALS.contains(&ty.as_str()))
    }

    /// Whether it finds references to resources by their type and id.
    pub(super) fn has_references(&self) -> bool {
        !self.has_canonicals() || self.finds.iter().any(|ty| ty == "Reference")
    }
}

/// For each code that an element of type `code` may hold, the hashes of the systems that it implies.
pub(super) fn implied(shapes: &Shapes, ty: ResourceType, path: &Path) -> HashMap<String, Vec<i64>> {
    let hashed = |(code, systems): (&str, Vec<&str>)| {
        (code.to_owned(), systems.into_iter().map(|uri| system(Some(uri))).collect())
    };
    shapes.implied_systems(ty, path).into_iter().map(hashed).collect()
}

/// The types to which a reference may point. R4 defines `patient` for many types at once and names Group for all
/// of them, although the expression, or the element, leaves Patient alone.
pub(super) fn targets(definition: &SearchParameterDefinition, path: Option<&Path>) -> Vec<ResourceType> {
    let single = match path.and_then(Path::resolves_to) {
        None if definition.code == "patient" => Some("Patient"),
        resolved => resolved,
    };
    match single.and_then(ResourceType::parse) {
        Some(ty) if definition.target.is_empty() || definition.target.contains(&ty) => vec![ty],
        Some(_) | None => definition.target.clone(),
    }
}
