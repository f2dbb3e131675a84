//! What tells the slices of an element apart. <https://hl7.org/fhir/R4/profiling.html#discriminator>

use serde_json::Value;

use crate::fhir::profile::compile::R4;
use crate::fhir::profile::compile::split_version;
use crate::fhir::profile::tree::Node;
use crate::fhir::profile::tree::Step;
use crate::fhir::profile::tree::Strength;
use crate::fhir::profile::tree::Test;
use crate::fhir::profile::tree::TestKind;

/// A discriminator as the definition has it.
pub(super) struct Discriminator {
    kind: String,
    path: Option<Vec<Step>>,
}

impl Discriminator {
    /// Reads one.
    pub(super) fn parse(discriminator: &Value) -> Option<Self> {
        let text = |name: &str| discriminator[name].as_str();
        Some(Self { kind: text("type")?.to_owned(), path: steps(text("path")?) })
    }
}

/// The steps of a path in the small language that discriminators are written in; none where it is beyond that.
fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(url) = rest.strip_prefix("extension('") {
            let (url, after) = url.split_once("')")?;
            steps.push(Step::Extension(url.to_owned()));
            rest = after;
        } else {
            let end = rest.find('.').unwrap_or(rest.len());
            match &rest[..end] {
                "$this" => {}
                "resolve()" => steps.push(Step::Resolve),
                cast if cast.starts_with("ofType(") => {}
                name if name.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                    steps.push(Step::Child(name.to_owned()));
                }
                _ => return None,
            }
            rest = &rest[end..];
        }
        rest = match rest.strip_prefix('.') {
            Some(after) => after,
            None if rest.is_empty() => rest,
            None => return None,
        };
    }
    Some(steps)
}

/// How to tell that a value belongs to the slice; none where the discriminators do not say so in a way known here.
pub(super) fn tests(nodes: &[Node], slice: usize, discriminators: &[Discriminator]) -> Option<Vec<Test>> {
    let node = &nodes[slice];
    if is_extension(node) {
        return Some(vec![Test { path: Vec::new(), kind: TestKind::Url(url(nodes, node)?) }]);
    }
    if discriminators.is_empty() {
        let kind = node.choice.then(|| type_test(node)).flatten()?;
        return Some(vec![Test { path: Vec::new(), kind }]);
    }
    discriminators.iter().map(|discriminator| test(nodes, slice, discriminator)).collect()
}

fn test(nodes: &[Node], slice: usize, discriminator: &Discriminator) -> Option<Test> {
    let path = discriminator.path.clone()?;
    if let (Some((Step::Resolve, before)), "type") = (path.split_last(), discriminator.kind.as_str()) {
        let kind = target_test(&nodes[find(nodes, slice, before)?])?;
        return Some(Test { path, kind });
    }
    let found = find(nodes, slice, &path);
    let kind = match discriminator.kind.as_str() {
        "value" | "pattern" => found.filter(|found| tells(nodes, *found)).map(TestKind::Fits),
        "type" => type_test(&nodes[found?]),
        "exists" => {
            let node = &nodes[found?];
            let exists = node.min > 0;
            (exists || node.max == Some(0)).then_some(TestKind::Exists(exists))
        }
        _ => None,
    }?;
    Some(Test { path, kind })
}

/// The node to which a path leads.
fn find(nodes: &[Node], from: usize, path: &[Step]) -> Option<usize> {
    path.iter().try_fold(from, |node, step| {
        let child =
            |name: &str| nodes[node].children.iter().copied().find(|child| nodes[*child].name == name);
        match step {
            Step::Child(name) => child(name),
            Step::Extension(wanted) => {
                let slices = &nodes[child("extension")?].slicing.as_ref()?.slices;
                let has_url = |slice: &usize| url(nodes, &nodes[*slice]).as_ref() == Some(wanted);
                slices.iter().map(|slice| slice.node).find(has_url)
            }
            Step::Resolve => None,
        }
    })
}

/// Whether the node or what is below it says which value it is.
pub(super) fn tells(nodes: &[Node], node: usize) -> bool {
    let own = &nodes[node];
    own.fixed.is_some()
        || own.pattern.is_some()
        || own.binding.as_ref().is_some_and(|binding| binding.strength == Strength::Required)
        || own.children.iter().any(|child| *child > node && tells(nodes, *child))
}

fn is_extension(node: &Node) -> bool {
    matches!(node.name.as_str(), "extension" | "modifierExtension")
}

/// The URL of the extensions that a slice is about: fixed, or that of the definition that it names.
fn url(nodes: &[Node], node: &Node) -> Option<String> {
    let mut children = node.children.iter().map(|child| &nodes[*child]);
    let fixed = children.find(|child| child.name == "url").and_then(|child| child.fixed.as_ref());
    let fixed = fixed.and_then(Value::as_str);
    let named = || node.types.iter().flat_map(|rule| &rule.profiles).next();
    fixed.map(str::to_owned).or_else(|| Some(split_version(named()?).0.to_owned()))
}

fn type_test(node: &Node) -> Option<TestKind> {
    let codes: Vec<String> = node.types.iter().map(|rule| rule.code.clone()).collect();
    (!codes.is_empty()).then_some(TestKind::Type(codes))
}

/// The types that a reference of this node may point to.
fn target_test(node: &Node) -> Option<TestKind> {
    let targets = node.types.iter().flat_map(|rule| &rule.targets);
    let codes: Option<Vec<String>> =
        targets.map(|url| split_version(url).0.strip_prefix(R4).map(str::to_owned)).collect();
    codes.filter(|codes| !codes.is_empty()).map(TestKind::Type)
}
