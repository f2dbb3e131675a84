//! A StructureDefinition's snapshot to a tree of demands. <https://hl7.org/fhir/R4/structuredefinition.html>

use std::collections::HashMap;

use serde_json::Value;

use crate::fhir::ResourceType;
use crate::fhir::Severity;
use crate::fhir::path::Expression;
use crate::fhir::profile::choices::is_data_type;
use crate::fhir::profile::discriminator::Discriminator;
use crate::fhir::profile::discriminator::tests;
use crate::fhir::profile::tree::Binding;
use crate::fhir::profile::tree::Constraint;
use crate::fhir::profile::tree::Node;
use crate::fhir::profile::tree::Profile;
use crate::fhir::profile::tree::Slice;
use crate::fhir::profile::tree::Slicing;
use crate::fhir::profile::tree::Strength;
use crate::fhir::profile::tree::TypeRule;

/// Where R4's own definitions have their URLs.
pub const R4: &str = "http://hl7.org/fhir/StructureDefinition/";
/// The extension of a binding by which it has a value set that holds without exception.
const LIMIT: &str = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet";
/// The most elements that a profile may have; the largest of R4's own definitions has some 300.
const MAX_ELEMENTS: usize = 5_000;
/// How many patterns its invariants may have together, each of which takes memory of its own.
const MAX_PATTERNS: usize = 32;
/// The invariants that everything has.
const EVERYWHERE: [&str; 3] = ["ele-", "ext-", "dom-"];

impl Profile {
    /// Compiles a profile.
    ///
    /// # Errors
    /// A sentence about the definition, such as that it has no snapshot.
    pub fn compile(structure: &Value) -> Result<Self, String> {
        let url = text(structure, "url").ok_or("The profile has no `url`.")?;
        let (url, _) = split_version(url);
        if structure["derivation"] != "constraint" {
            return Err(format!("{url} is no profile: its `derivation` is not `constraint`."));
        }
        let ty = text(structure, "type").ok_or_else(|| format!("{url} does not say its `type`."))?;
        let elements = structure["snapshot"]["element"].as_array().filter(|elements| !elements.is_empty());
        let elements = elements.ok_or_else(|| {
            format!("{url} has no snapshot; store it with one, as the publishing tools make it.")
        })?;
        if elements.len() > MAX_ELEMENTS {
            return Err(format!(
                "{url} has more than {MAX_ELEMENTS} elements, which are too many to judge by."
            ));
        }
        let mut compiler = Compiler::default();
        for element in elements {
            compiler.add(element).map_err(|problem| format!("{url}: {problem}"))?;
        }
        compiler.finish();
        Ok(Self {
            url: url.to_owned(),
            version: text(structure, "version").map(str::to_owned),
            title: text(structure, "title").or_else(|| text(structure, "name")).unwrap_or(url).to_owned(),
            ty: ty.to_owned(),
            contexts: contexts(structure),
            most: elements[0]["max"].as_str().and_then(|max| max.parse().ok()),
            nodes: compiler.nodes,
            unchecked: compiler.unchecked,
        })
    }
}

/// The elements to which an extension belongs, where it names elements alone.
fn contexts(structure: &Value) -> Vec<String> {
    let contexts = structure["context"].as_array().map_or(&[][..], Vec::as_slice);
    if contexts.iter().any(|context| context["type"] != "element") {
        return Vec::new();
    }
    contexts.iter().filter_map(|context| text(context, "expression").map(str::to_owned)).collect()
}

#[derive(Default)]
struct Compiler {
    nodes: Vec<Node>,
    /// The elements around the last one, outermost first: path and node.
    around: Vec<(String, usize)>,
    by_path: HashMap<String, usize>,
    /// The nodes that take the children of the element at a path.
    references: Vec<(usize, String)>,
    discriminators: HashMap<usize, Vec<Discriminator>>,
    unchecked: Vec<String>,
    patterns: usize,
}

impl Compiler {
    fn add(&mut self, element: &Value) -> Result<(), String> {
        let path = text(element, "path").ok_or("an element has no `path`.")?;
        while self.around.last().is_some_and(|(parent, _)| !is_below(path, parent)) {
            self.around.pop();
        }
        let number = self.nodes.len();
        let slice = text(element, "sliceName");
        let node = self.node(element, path)?;
        self.nodes.push(node);
        if let Some(parent) = self.around.last().map(|(_, parent)| *parent) {
            match slice {
                Some(slice) => self.add_slice(parent, number, slice),
                None => self.nodes[parent].children.push(number),
            }
        } else if number > 0 {
            return Err(format!("the element {path} stands before the one around it."));
        }
        if let Some(slicing) = element.get("slicing") {
            self.add_slicing(number, path, slicing);
        }
        if let Some((_, target)) = text(element, "contentReference").and_then(|target| target.split_once('#'))
        {
            self.references.push((number, target.to_owned()));
        }
        self.by_path.entry(path.to_owned()).or_insert(number);
        self.around.push((path.to_owned(), number));
        Ok(())
    }

    fn node(&mut self, element: &Value, path: &str) -> Result<Node, String> {
        let name = path.rsplit('.').next().unwrap_or(path);
        let base = name.trim_end_matches("[x]");
        let mut node = Node { name: base.to_owned(), choice: base != name, ..Node::default() };
        let is_slice = element.get("sliceName").is_some();
        let own =
            |name: &str| element.get(name).filter(|own| is_slice || element["base"].get(name) != Some(own));
        if path.contains('.') {
            node.min =
                own("min").and_then(Value::as_u64).and_then(|min| usize::try_from(min).ok()).unwrap_or(0);
            let max = own("max").and_then(Value::as_str).filter(|max| *max != "*");
            node.max = max.map(str::parse).transpose().map_err(|_| format!("{path}: `max` is no number."))?;
        }
        for (name, value) in element.as_object().into_iter().flatten() {
            let kind = name.trim_start_matches('_');
            if begins(kind, "fixed") {
                node.fixed = Some(value.clone());
            } else if begins(kind, "pattern") {
                node.pattern = Some(value.clone());
            } else if begins(kind, "minValue") || begins(kind, "maxValue") {
                self.unchecked.push(format!("the range of {path}"));
            }
        }
        node.max_length = element["maxLength"].as_u64().and_then(|length| usize::try_from(length).ok());
        node.types = types(element, node.choice);
        node.binding = binding(element);
        for constraint in element["constraint"].as_array().into_iter().flatten() {
            node.constraints.extend(self.constraint(constraint));
        }
        Ok(node)
    }

    /// An invariant, unless it is one of R4's own, which are checked anyway.
    fn constraint(&mut self, constraint: &Value) -> Option<Constraint> {
        let key = text(constraint, "key")?;
        let source = text(constraint, "source").and_then(|source| source.strip_prefix(R4));
        let of_r4 = source.is_some_and(|name| ResourceType::parse(name).is_some() || is_data_type(name));
        if of_r4 || EVERYWHERE.iter().any(|start| key.starts_with(start)) {
            return None;
        }
        let Some(Ok(expression)) = text(constraint, "expression").map(Expression::compile) else {
            self.unchecked.push(format!("the invariant {key}"));
            return None;
        };
        self.patterns += expression.patterns();
        if self.patterns > MAX_PATTERNS {
            self.unchecked.push(format!("the invariant {key}"));
            return None;
        }
        let is_warning = constraint["severity"] == "warning";
        Some(Constraint {
            key: key.to_owned(),
            severity: if is_warning { Severity::Warning } else { Severity::Error },
            says: text(constraint, "human").unwrap_or(key).trim_end_matches('.').to_owned(),
            expression,
        })
    }

    fn add_slicing(&mut self, node: usize, path: &str, slicing: &Value) {
        if slicing["ordered"] == true {
            self.unchecked.push(format!("the order of the slices of {path}"));
        }
        let discriminators = slicing["discriminator"].as_array().into_iter().flatten();
        self.discriminators.insert(node, discriminators.filter_map(Discriminator::parse).collect());
        self.nodes[node].slicing = Some(Slicing { closed: slicing["rules"] == "closed", slices: Vec::new() });
    }

    /// A slice of the element of the same name; `a/b` is a slice of the slice `a`.
    fn add_slice(&mut self, parent: usize, number: usize, name: &str) {
        let own = &self.nodes[number].name;
        let siblings = self.nodes[parent].children.iter().copied();
        let Some(mut sliced) = siblings.rev().find(|sibling| self.nodes[*sibling].name == *own) else {
            return self.nodes[parent].children.push(number);
        };
        if let Some((outer, _)) = name.rsplit_once('/') {
            let slices = self.nodes[sliced].slicing.iter().flat_map(|slicing| &slicing.slices);
            sliced =
                slices.filter(|slice| slice.name == outer).map(|slice| slice.node).next().unwrap_or(sliced);
        }
        // What holds for every value need not be judged again for those of a slice.
        let known: Vec<String> = self.nodes[sliced].constraints.iter().map(|one| one.key.clone()).collect();
        self.nodes[number].constraints.retain(|constraint| !known.contains(&constraint.key));
        let slicing = self.nodes[sliced].slicing.get_or_insert(Slicing { closed: false, slices: Vec::new() });
        slicing.slices.push(Slice { name: name.to_owned(), node: number, tests: None });
    }

    fn finish(&mut self) {
        for (node, target) in &self.references {
            if let Some(target) = self.by_path.get(target) {
                self.nodes[*node].children = self.nodes[*target].children.clone();
            }
        }
        for sliced in 0..self.nodes.len() {
            let Some(mut slicing) = self.nodes[sliced].slicing.take() else { continue };
            let discriminators = self.discriminators.get(&sliced).map_or(&[][..], Vec::as_slice);
            for slice in &mut slicing.slices {
                slice.tests = tests(&self.nodes, slice.node, discriminators);
                if slice.tests.is_none() {
                    self.unchecked
                        .push(format!("the slice `{}` of `{}`", slice.name, self.nodes[sliced].name));
                }
            }
            self.nodes[sliced].slicing = Some(slicing);
        }
    }
}

/// The types of an element where they say more than R4's own definition does.
fn types(element: &Value, is_choice: bool) -> Vec<TypeRule> {
    let mut rules = Vec::new();
    for ty in element["type"].as_array().into_iter().flatten() {
        let code = text(ty, "code").unwrap_or_default();
        // The id of an element and the value of a primitive are given as types of FHIRPath.
        if code.starts_with("http://") {
            return Vec::new();
        }
        let urls = |name: &str| -> Vec<String> {
            let list = ty[name].as_array().into_iter().flatten();
            list.filter_map(Value::as_str).map(|url| url.to_owned()).collect()
        };
        rules.push(TypeRule {
            code: code.to_owned(),
            profiles: urls("profile"),
            targets: urls("targetProfile"),
        });
    }
    let narrows = |rule: &TypeRule| {
        !rule.profiles.is_empty() || !rule.targets.is_empty() || ResourceType::parse(&rule.code).is_some()
    };
    if is_choice || rules.iter().any(narrows) { rules } else { Vec::new() }
}

fn binding(element: &Value) -> Option<Binding> {
    let binding = element.get("binding")?;
    let strength = match text(binding, "strength")? {
        "required" => Strength::Required,
        "extensible" => Strength::Extensible,
        "preferred" => Strength::Preferred,
        _ => return None,
    };
    let mut extensions = binding["extension"].as_array().into_iter().flatten();
    let limit = extensions.find(|extension| extension["url"] == LIMIT);
    let limit = limit.and_then(|extension| text(extension, "valueCanonical"));
    Some(Binding {
        strength,
        value_set: split_version(text(binding, "valueSet")?).0.to_owned(),
        limit: limit.map(|url| split_version(url).0.to_owned()),
    })
}

/// A canonical without its version, and the version. <https://hl7.org/fhir/R4/references.html#canonical>
pub(super) fn split_version(canonical: &str) -> (&str, Option<&str>) {
    let canonical = canonical.split('#').next().unwrap_or(canonical);
    canonical.split_once('|').map_or((canonical, None), |(url, version)| (url, Some(version)))
}

fn is_below(path: &str, parent: &str) -> bool {
    path.strip_prefix(parent).is_some_and(|rest| rest.starts_with('.'))
}

/// Whether the name is this word with a type after it: `fixedUri`, but not `fixed`.
fn begins(name: &str, word: &str) -> bool {
    name.strip_prefix(word).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}
