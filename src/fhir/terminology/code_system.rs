//! A code system with its concepts, compiled for looking them up. <https://hl7.org/fhir/R4/codesystem.html>

use std::collections::HashMap;
use std::collections::HashSet;

use serde_json::Value;

use crate::fhir::outcome::Failure;
use crate::fhir::terminology::filter::Spend;

/// How many bytes of text count as much as one code.
const TEXT: usize = 256;
/// Properties by which a concept names those above it.
const PARENTS: [&str; 2] = ["subsumedBy", "parent"];

/// A code system.
#[derive(Debug, Default)]
pub struct CodeSystem {
    /// Its canonical URL.
    pub url: String,
    /// Its version.
    pub version: Option<String>,
    /// Its name, for people.
    pub name: String,
    /// Whether all of its concepts are here.
    pub complete: bool,
    concepts: Vec<Concept>,
    by_code: HashMap<String, usize>,
    case_sensitive: bool,
}

/// One concept.
#[derive(Debug)]
pub struct Concept {
    /// Its code.
    pub code: String,
    /// Its display.
    pub display: Option<String>,
    /// What it means.
    pub definition: Option<String>,
    /// Further words for it.
    pub designation: Vec<Value>,
    /// Its properties, as the resource has them.
    pub property: Vec<Value>,
    /// What looking at it costs: the more there is of it, the more.
    pub(super) weight: usize,
    parents: Vec<usize>,
    children: Vec<usize>,
}

impl CodeSystem {
    /// Compiles a CodeSystem.
    pub fn compile(resource: &Value) -> Self {
        let text = |name: &str| resource.get(name).and_then(Value::as_str).map(str::to_owned);
        let mut system = Self {
            url: text("url").unwrap_or_default(),
            version: text("version"),
            name: text("title").or_else(|| text("name")).or_else(|| text("url")).unwrap_or_default(),
            complete: matches!(resource.get("content").and_then(Value::as_str), None | Some("complete")),
            case_sensitive: resource.get("caseSensitive") != Some(&Value::Bool(false)),
            ..Self::default()
        };
        system.add(resource, None);
        system.link();
        system
    }

    /// The concepts, in their order.
    pub fn concepts(&self) -> impl Iterator<Item = &Concept> {
        self.concepts.iter()
    }

    /// The concept with this code.
    pub fn find(&self, code: &str) -> Option<&Concept> {
        self.place(code).map(|at| &self.concepts[at])
    }

    /// Whether the first is the second or stands anywhere below it.
    ///
    /// # Errors
    /// Only what spending fails with.
    pub fn is_a(&self, code: &str, ancestor: &str, spend: Spend<'_>) -> Result<bool, Failure> {
        let (Some(from), Some(to)) = (self.place(code), self.place(ancestor)) else { return Ok(false) };
        let (mut open, mut seen) = (vec![from], HashSet::new());
        while let Some(at) = open.pop() {
            if at == to {
                return Ok(true);
            }
            if seen.insert(at) {
                let parents = &self.concepts[at].parents;
                spend(parents.len())?;
                open.extend(parents);
            }
        }
        Ok(false)
    }

    /// The concepts directly above.
    pub fn parents<'a>(&'a self, concept: &'a Concept) -> impl Iterator<Item = &'a Concept> {
        concept.parents.iter().map(|at| &self.concepts[*at])
    }

    /// The concepts directly below.
    pub fn children<'a>(&'a self, concept: &'a Concept) -> impl Iterator<Item = &'a Concept> {
        concept.children.iter().map(|at| &self.concepts[*at])
    }

    fn place(&self, code: &str) -> Option<usize> {
        self.by_code.get(&self.key(code)).copied()
    }

    fn key(&self, code: &str) -> String {
        if self.case_sensitive { code.to_owned() } else { code.to_lowercase() }
    }

    fn add(&mut self, holder: &Value, parent: Option<usize>) {
        for concept in list(holder, "concept") {
            let Some(code) = concept.get("code").and_then(Value::as_str) else { continue };
            let text = |name: &str| concept.get(name).and_then(Value::as_str).map(str::to_owned);
            let at = self.concepts.len();
            self.by_code.entry(self.key(code)).or_insert(at);
            let words: usize = ["display", "definition", "designation", "property"]
                .iter()
                .filter_map(|name| Some(size(concept.get(name)?)))
                .sum();
            self.concepts.push(Concept {
                weight: weight(words),
                code: code.to_owned(),
                display: text("display"),
                definition: text("definition"),
                designation: list(concept, "designation").cloned().collect(),
                property: list(concept, "property").cloned().collect(),
                parents: parent.into_iter().collect(),
                children: Vec::new(),
            });
            self.add(concept, Some(at));
        }
    }

    /// Makes parents of what properties name as such, and children of all parents.
    fn link(&mut self) {
        for at in 0..self.concepts.len() {
            let concept = &self.concepts[at];
            let named = concept.property.iter().filter(|one| {
                one.get("code").and_then(Value::as_str).is_some_and(|code| PARENTS.contains(&code))
            });
            let above: Vec<usize> = named.filter_map(|one| self.place(&property_text(one)?)).collect();
            let below = concept.property.iter().filter(|one| one["code"] == "child");
            let below: Vec<usize> = below.filter_map(|one| self.place(&property_text(one)?)).collect();
            self.concepts[at].parents.extend(above);
            for child in below {
                self.concepts[child].parents.push(at);
            }
        }
        for at in 0..self.concepts.len() {
            let mut parents = std::mem::take(&mut self.concepts[at].parents);
            parents.sort_unstable();
            parents.dedup();
            for parent in &parents {
                self.concepts[*parent].children.push(at);
                self.concepts[*parent].weight += 1;
            }
            self.concepts[at].parents = parents;
        }
    }
}

impl Concept {
    /// The texts of the values that a property of it has.
    pub fn values<'a>(&'a self, property: &'a str) -> impl Iterator<Item = String> + 'a {
        let own = self.property.iter().filter(move |one| one["code"] == property);
        own.filter_map(property_text)
    }

    /// Whether it is no longer to be used.
    pub fn is_inactive(&self) -> bool {
        self.values("inactive").any(|value| value == "true")
            || self.values("status").any(|value| matches!(value.as_str(), "inactive" | "retired"))
    }

    /// Whether it groups others, and is not meant to be used itself.
    pub fn is_abstract(&self) -> bool {
        ["notSelectable", "abstract"].iter().any(|name| self.values(name).any(|value| value == "true"))
    }
}

/// The value of a property as text.
pub(super) fn property_text(property: &Value) -> Option<String> {
    let members = property.as_object()?;
    let (_, value) = members.iter().find(|(name, _)| name.starts_with("value"))?;
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Object(coding) => coding.get("code").and_then(Value::as_str).map(str::to_owned),
        Value::Null | Value::Array(_) => None,
    }
}

/// The items of a list.
pub(super) fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// What so many bytes of text cost.
pub(super) fn weight(bytes: usize) -> usize {
    1 + bytes / TEXT
}

/// About how many bytes a value has.
pub(super) fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => 8 + text.len(),
        Value::Array(items) => 8 + items.iter().map(size).sum::<usize>(),
        Value::Object(members) => {
            8 + members.iter().map(|(name, value)| 8 + name.len() + size(value)).sum::<usize>()
        }
    }
}
