//! What a search parameter means beyond what its definition says outright: which systems its codes are of, which types
//! it may refer to, and in what kind of elements its values are. <https://hl7.org/fhir/R4/searchparameter.html>

use std::collections::HashMap;

use crate::definitions::SearchParameterDefinition;
use crate::fhir::ResourceType;
use crate::fhir::path::Path;
use crate::fhir::shape::Shapes;
use crate::search::fold::system;
use crate::search::parameter::Kind;
use crate::search::parameter::Parameter;

/// In what elements a parameter finds its values, where it changes how they are searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// In any others.
    Plain,
    /// For a text: names of people, addresses, or their parts.
    Names,
    /// For a token: strings.
    Spelt,
    /// For a token: types of content, such as `text/xml; charset=UTF-8`.
    Mime,
    /// For a URI: canonicals, which may name a version.
    Canonical,
    /// For a URI: the URL of a definition that has a version beside it.
    Versioned,
    /// For a reference: a whole resource, which stands in the one that is searched.
    Whole,
}

/// The elements that hold a type of content, whose codes R4 does not list.
const CONTENT_TYPES: [&str; 4] = ["contentType", "format", "patchFormat", "payload"];

/// In what elements of a type a parameter of a kind finds its values.
pub(super) fn nature(shapes: &Shapes, (ty, kind): (ResourceType, Kind), path: Option<&Path>) -> Nature {
    let Some(path) = path else { return Nature::Plain };
    let (found, elements) = (shapes.types_found(ty, path).concat(), path.elements());
    let are_all = |name: &str| !found.is_empty() && found.iter().all(|ty| *ty == name);
    let is_in =
        |list: &[&str]| elements.iter().all(|names| names.last().is_some_and(|name| list.contains(name)));
    let of_people = |ty: &&str| matches!(*ty, "HumanName" | "Address");
    match kind {
        Kind::String if found.iter().any(of_people) => Nature::Names,
        Kind::String if shapes.types_around(ty, path).iter().any(of_people) => Nature::Names,
        Kind::Token if are_all("string") => Nature::Spelt,
        Kind::Token if are_all("code") && is_in(&CONTENT_TYPES) => Nature::Mime,
        Kind::Uri if are_all("canonical") => Nature::Canonical,
        Kind::Uri if elements == [["url"]] && shapes.has_element(ty, "version") => Nature::Versioned,
        Kind::Reference if are_all("Resource") => Nature::Whole,
        Kind::String
        | Kind::Token
        | Kind::Uri
        | Kind::Reference
        | Kind::Date
        | Kind::Number
        | Kind::Quantity
        | Kind::Composite
        | Kind::Special => Nature::Plain,
    }
}

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

    /// Whether it leads from a resource to others that are stored here.
    pub fn leads_on(&self) -> bool {
        self.kind == Kind::Reference && self.nature != Nature::Whole
    }
}

/// What a parameter means, for people. No sounds are compared here.
pub(super) fn documentation(definition: &SearchParameterDefinition) -> String {
    let text = definition.description.as_str();
    match definition.code.as_str() {
        "phonetic" => format!("{text}. Here it finds what begins so, as `name` does: no sounds are compared"),
        _ => text.to_owned(),
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
