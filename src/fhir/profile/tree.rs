//! A profile as tables that the walk reads: a tree of elements, each with what it demands.
//! <https://hl7.org/fhir/R4/elementdefinition.html>

use serde_json::Value;

use crate::fhir::Severity;
use crate::fhir::path::Expression;
use crate::fhir::profile::compile::R4;

/// A compiled StructureDefinition of the derivation `constraint`.
#[derive(Debug)]
pub struct Profile {
    /// The canonical URL, without a version.
    pub url: String,
    /// The version, where it has one.
    pub version: Option<String>,
    /// What people call it.
    pub title: String,
    /// The type that it narrows, such as `Patient` or `Extension`.
    pub ty: String,
    /// The elements to which an extension belongs; none where it does not say.
    pub(super) contexts: Vec<String>,
    /// How often an extension may stand in one place; none for any number.
    pub(super) most: Option<usize>,
    /// The elements; the first is the root.
    pub(super) nodes: Vec<Node>,
    /// What it demands and nothing here checks, as sentences.
    pub(super) unchecked: Vec<String>,
}

impl Profile {
    /// The profiles that it names for values of its elements.
    pub fn profiles(&self) -> impl Iterator<Item = &str> {
        let rules = self.nodes.iter().flat_map(|node| &node.types);
        let urls = rules.flat_map(|rule| &rule.profiles);
        urls.map(String::as_str).filter(|url| !url.starts_with(R4))
    }

    /// The value sets to which it binds elements.
    pub fn value_sets(&self) -> impl Iterator<Item = &str> {
        let bindings = self.nodes.iter().filter_map(|node| node.binding.as_ref());
        bindings.flat_map(|binding| [Some(binding.value_set.as_str()), binding.limit.as_deref()]).flatten()
    }

    /// What it demands and nothing here checks.
    pub fn unchecked(&self) -> &[String] {
        &self.unchecked
    }
}

/// An element or a slice of one, with what is demanded of it.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// The name without `[x]`.
    pub(super) name: String,
    pub(super) choice: bool,
    pub(super) min: usize,
    /// The most that there may be; none where any number.
    pub(super) max: Option<usize>,
    /// The types that are allowed; empty where R4's are.
    pub(super) types: Vec<TypeRule>,
    pub(super) fixed: Option<Value>,
    pub(super) pattern: Option<Value>,
    pub(super) max_length: Option<usize>,
    pub(super) binding: Option<Binding>,
    pub(super) constraints: Vec<Constraint>,
    pub(super) children: Vec<usize>,
    pub(super) slicing: Option<Slicing>,
}

/// A type that is allowed.
#[derive(Debug)]
pub(super) struct TypeRule {
    pub(super) code: String,
    /// The profiles of which the value must conform to one.
    pub(super) profiles: Vec<String>,
    /// The profiles to which a reference may point.
    pub(super) targets: Vec<String>,
}

/// The codes that are allowed or hoped for.
#[derive(Debug)]
pub(super) struct Binding {
    pub(super) strength: Strength,
    pub(super) value_set: String,
    /// The value set that holds without exception, where the binding is not required.
    pub(super) limit: Option<String>,
}

/// How binding a binding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strength {
    Required,
    Extensible,
    Preferred,
}

/// An invariant that the profile adds.
#[derive(Debug)]
pub(super) struct Constraint {
    pub(super) key: String,
    pub(super) severity: Severity,
    pub(super) says: String,
    pub(super) expression: Expression,
}

/// How a repeating or choice element is divided.
#[derive(Debug)]
pub(super) struct Slicing {
    pub(super) closed: bool,
    pub(super) slices: Vec<Slice>,
}

/// One part of a sliced element.
#[derive(Debug)]
pub(super) struct Slice {
    pub(super) name: String,
    pub(super) node: usize,
    /// What tells that a value belongs to it, all of it; none where that cannot be told here.
    pub(super) tests: Option<Vec<Test>>,
}

/// One discriminator, for one slice. <https://hl7.org/fhir/R4/profiling.html#discriminator>
#[derive(Debug)]
pub(super) struct Test {
    pub(super) path: Vec<Step>,
    pub(super) kind: TestKind,
}

/// What must be so where the path leads.
#[derive(Debug, PartialEq)]
pub(super) enum TestKind {
    /// A value that has what this node fixes.
    Fits(usize),
    /// An extension of this URL.
    Url(String),
    /// A value of one of these types.
    Type(Vec<String>),
    /// Something, or nothing.
    Exists(bool),
}

/// One step of a discriminator's path.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Child(String),
    Extension(String),
    Resolve,
}
