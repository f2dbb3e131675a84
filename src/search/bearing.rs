//! What a search parameter means beyond what its definition says outright: which systems its codes are of, and which types
//! it may refer to. <https://hl7.org/fhir/R4/searchparameter.html>

use std::collections::HashMap;

use crate::definitions::SearchParameterDefinition;
use crate::fhir::ResourceType;
use crate::fhir::path::Path;
use crate::fhir::shape::Shapes;
use crate::search::fold::system;

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
