//! A filter of a value set on the concepts of a code system.
//! <https://hl7.org/fhir/R4/valueset-filter-operator.html>

use regex::Regex;
use regex::RegexBuilder;
use serde_json::Value;

use crate::fhir::outcome::Failure;
use crate::fhir::outcome::Reason;
use crate::fhir::terminology::code_system::CodeSystem;
use crate::fhir::terminology::code_system::Concept;

/// The longest pattern, in bytes, and the most memory that one compiled may take.
const LONGEST_PATTERN: usize = 4_000;
const LARGEST_PATTERN: usize = 1 << 20;

/// One filter.
#[derive(Debug)]
pub struct Filter {
    property: String,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Equals(String),
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists(bool),
    Matches(Regex),
    IsA(String),
    BelowOnly(String),
    IsNotA(String),
    Above(String),
}

impl Filter {
    /// Reads a `compose.include.filter`.
    ///
    /// # Errors
    /// `Unprocessable` where it is none that can be applied.
    pub fn read(filter: &Value) -> Result<Self, Failure> {
        let text = |name: &str| filter.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (property, op, value) = (text("property"), text("op"), text("value"));
        let several = || value.split(',').map(|one| one.trim().to_owned()).collect();
        let test = match op.as_str() {
            "=" => Test::Equals(value),
            "in" => Test::In(several()),
            "not-in" => Test::NotIn(several()),
            "exists" => Test::Exists(value == "true"),
            "regex" => Test::Matches(pattern(&value)?),
            "is-a" => Test::IsA(value),
            "descendent-of" => Test::BelowOnly(value),
            "is-not-a" => Test::IsNotA(value),
            "generalizes" => Test::Above(value),
            _ => {
                let op: String = op.chars().take(32).collect();
                let text = format!("The filter `{op}` is not one that R4 has for value sets.");
                return Err(Failure::new(Reason::Unprocessable, text).code("not-supported"));
            }
        };
        Ok(Self { property, test })
    }

    /// Whether a concept passes it.
    pub fn passes(&self, system: &CodeSystem, concept: &Concept) -> bool {
        let mut values = self.values(system, concept).into_iter();
        match &self.test {
            Test::Equals(wanted) => values.any(|value| value == *wanted),
            Test::In(wanted) => values.any(|value| wanted.contains(&value)),
            Test::NotIn(unwanted) => !values.any(|value| unwanted.contains(&value)),
            Test::Exists(wanted) => values.next().is_some() == *wanted,
            Test::Matches(pattern) => values.any(|value| pattern.is_match(&value)),
            Test::IsA(ancestor) => system.is_a(&concept.code, ancestor),
            Test::BelowOnly(ancestor) => concept.code != *ancestor && system.is_a(&concept.code, ancestor),
            Test::IsNotA(ancestor) => !system.is_a(&concept.code, ancestor),
            Test::Above(descendant) => system.is_a(descendant, &concept.code),
        }
    }

    /// Whether a code passes it by its form, which needs no code system; none where that cannot be told.
    pub fn passes_by_form(&self, code: &str) -> Option<bool> {
        if !matches!(self.property.as_str(), "code" | "concept") {
            return None;
        }
        match &self.test {
            Test::Equals(wanted) => Some(code == wanted),
            Test::In(wanted) => Some(wanted.iter().any(|one| one == code)),
            Test::NotIn(unwanted) => Some(!unwanted.iter().any(|one| one == code)),
            Test::Matches(pattern) => Some(pattern.is_match(code)),
            Test::IsA(ancestor) if code == ancestor => Some(true),
            Test::Exists(_) | Test::IsA(_) | Test::BelowOnly(_) | Test::IsNotA(_) | Test::Above(_) => None,
        }
    }

    fn values(&self, system: &CodeSystem, concept: &Concept) -> Vec<String> {
        match self.property.as_str() {
            "code" | "concept" => vec![concept.code.clone()],
            "display" => concept.display.clone().into_iter().collect(),
            "definition" => concept.definition.clone().into_iter().collect(),
            "parent" => system.parents(concept).map(|one| one.code.clone()).collect(),
            "child" => system.children(concept).map(|one| one.code.clone()).collect(),
            property => concept.values(property).collect(),
        }
    }
}

/// A pattern for a whole value. This crate's patterns take time in proportion to the text, whatever they say.
fn pattern(value: &str) -> Result<Regex, Failure> {
    let bounded = (value.len() <= LONGEST_PATTERN).then(|| format!("^(?:{value})$"));
    let compiled = bounded.and_then(|text| RegexBuilder::new(&text).size_limit(LARGEST_PATTERN).build().ok());
    compiled.ok_or_else(|| {
        let text = "A filter's `regex` is not a regular expression that can be used here; make it simpler.";
        Failure::new(Reason::Unprocessable, text).code("not-supported")
    })
}
