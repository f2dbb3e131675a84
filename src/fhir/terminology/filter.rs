//! A filter of a value set on the concepts of a code system.
//! <https://hl7.org/fhir/R4/valueset-filter-operator.html>

use std::collections::HashSet;

use regex::Regex;
use regex::RegexBuilder;
use serde_json::Value;

use crate::fhir::outcome::Failure;
use crate::fhir::outcome::Reason;
use crate::fhir::terminology::code_system::CodeSystem;
use crate::fhir::terminology::code_system::Concept;
use crate::fhir::terminology::extent::Extent;
use crate::fhir::terminology::prefixes;

/// The longest pattern, in bytes.
const LONGEST_PATTERN: usize = 4_000;
/// The memory that a pattern may take compiled: the least of these that suffices says what it costs.
const PATTERN_SIZES: [usize; 4] = [1 << 12, 1 << 14, 1 << 16, 1 << 18];
/// How many bytes of a pattern are held against one byte of a text for the cost of looking at one code.
const PATTERN_STEP: usize = 1 << 14;

/// Takes what a piece of work costs out of what a question may cost, before the work is done.
pub type Spend<'s> = &'s mut dyn FnMut(usize) -> Result<(), Failure>;

/// One filter.
#[derive(Debug)]
pub struct Filter {
    property: String,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Equals(String),
    In(HashSet<String>),
    NotIn(HashSet<String>),
    Exists(bool),
    Matches(Pattern),
    IsA(String),
    BelowOnly(String),
    IsNotA(String),
    Above(String),
}

/// A pattern, and the memory that it may take.
#[derive(Debug)]
struct Pattern {
    regex: Regex,
    size: usize,
}

impl Pattern {
    /// What holding it against a text costs at worst.
    fn cost(&self, text: &str) -> usize {
        text.len().saturating_mul(self.size) / PATTERN_STEP
    }
}

impl Pattern {
    /// What it asks for where it is a list of texts or of beginnings: `A1` or `(A|B\.1).*`.
    fn extent(&self, system: &str) -> Option<Extent> {
        let text = self.regex.as_str().strip_prefix("^(?:")?.strip_suffix(")$")?;
        let (texts, is_open) = text.strip_suffix(".*").map_or((text, false), |texts| (texts, true));
        let texts = match texts.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
            Some(inner) => inner.split('|').map(literal).collect::<Option<Vec<_>>>()?,
            None => vec![literal(texts)?],
        };
        let system = system.to_owned();
        Some(if is_open { Extent::Beginning(system, texts) } else { Extent::Codes(system, texts) })
    }
}

/// The text that a pattern without choices stands for.
fn literal(pattern: &str) -> Option<String> {
    let mut text = String::with_capacity(pattern.len());
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => text.push(letters.next().filter(|next| matches!(next, '.' | '-' | '/'))?),
            letter if letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '/') => {
                text.push(letter)
            }
            _ => return None,
        }
    }
    (!text.is_empty()).then_some(text)
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

    /// What reading it has cost.
    pub fn cost(&self) -> usize {
        match &self.test {
            Test::Matches(pattern) => pattern.size / 64,
            Test::In(values) | Test::NotIn(values) => values.len(),
            Test::Equals(_)
            | Test::Exists(_)
            | Test::IsA(_)
            | Test::BelowOnly(_)
            | Test::IsNotA(_)
            | Test::Above(_) => 0,
        }
    }

    /// Whether a concept passes it.
    ///
    /// # Errors
    /// Only what spending fails with.
    pub fn passes(&self, system: &CodeSystem, concept: &Concept, spend: Spend<'_>) -> Result<bool, Failure> {
        spend(concept.weight)?;
        let code = &concept.code;
        match &self.test {
            Test::IsA(ancestor) => return system.is_a(code, ancestor, spend),
            Test::IsNotA(ancestor) => return Ok(!system.is_a(code, ancestor, spend)?),
            Test::Above(descendant) => return system.is_a(descendant, code, spend),
            Test::BelowOnly(ancestor) => return Ok(code != ancestor && system.is_a(code, ancestor, spend)?),
            Test::Equals(_) | Test::In(_) | Test::NotIn(_) | Test::Exists(_) | Test::Matches(_) => {}
        }
        let values = self.values(system, concept);
        if let Test::Matches(pattern) = &self.test {
            for value in &values {
                spend(pattern.cost(value))?;
            }
        }
        Ok(self.takes(&values))
    }

    /// Whether values of its property pass it; of what a concept stands below they say nothing.
    fn takes(&self, values: &[String]) -> bool {
        match &self.test {
            Test::Equals(wanted) => values.contains(wanted),
            Test::In(wanted) => values.iter().any(|value| wanted.contains(value)),
            Test::NotIn(unwanted) => !values.iter().any(|value| unwanted.contains(value)),
            Test::Exists(wanted) => values.is_empty() != *wanted,
            Test::Matches(pattern) => values.iter().any(|value| pattern.regex.is_match(value)),
            Test::IsA(_) | Test::BelowOnly(_) | Test::IsNotA(_) | Test::Above(_) => false,
        }
    }

    /// Whether a code passes it by its form, which needs no code system; none where that cannot be told.
    ///
    /// # Errors
    /// Only what spending fails with.
    pub fn passes_by_form(&self, code: &str, spend: Spend<'_>) -> Result<Option<bool>, Failure> {
        if !matches!(self.property.as_str(), "code" | "concept") {
            return Ok(None);
        }
        if let Test::Matches(pattern) = &self.test {
            spend(pattern.cost(code))?;
        }
        Ok(match &self.test {
            Test::Equals(_) | Test::In(_) | Test::NotIn(_) | Test::Matches(_) => {
                Some(self.takes(&[code.to_owned()]))
            }
            Test::IsA(ancestor) if code == ancestor => Some(true),
            Test::Exists(_) | Test::IsA(_) | Test::BelowOnly(_) | Test::IsNotA(_) | Test::Above(_) => None,
        })
    }

    /// Which codes of a system pass it by their form; none where that cannot be told.
    pub(super) fn extent(&self, system: &str) -> Option<Extent> {
        if !matches!(self.property.as_str(), "code" | "concept") {
            return None;
        }
        let codes = |codes: Vec<String>| Extent::Codes(system.to_owned(), codes);
        let but = |other: Extent| Extent::But(Box::new(Extent::System(system.to_owned())), Box::new(other));
        let below = |ancestor: &str| {
            let known = prefixes::is_known(system).then(|| prefixes::below(system, ancestor).ok());
            known.unwrap_or_default()
        };
        match &self.test {
            Test::Equals(value) => Some(codes(vec![value.clone()])),
            Test::In(values) => Some(codes(values.iter().cloned().collect())),
            Test::NotIn(values) => Some(but(codes(values.iter().cloned().collect()))),
            Test::Exists(true) => Some(Extent::System(system.to_owned())),
            Test::Matches(pattern) => pattern.extent(system),
            Test::IsA(ancestor) => below(ancestor),
            Test::IsNotA(ancestor) => below(ancestor).map(but),
            Test::BelowOnly(ancestor) => {
                let own = codes(vec![ancestor.clone()]);
                below(ancestor).map(|all| Extent::But(Box::new(all), Box::new(own)))
            }
            Test::Exists(false) | Test::Above(_) => None,
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

/// A pattern for a whole value. This crate's patterns take time in proportion to the text, whatever they say, and to
/// their own size.
fn pattern(value: &str) -> Result<Pattern, Failure> {
    let bounded = (value.len() <= LONGEST_PATTERN).then(|| format!("^(?:{value})$"));
    let compiled = bounded.and_then(|text| {
        let of_size = |size| Some((RegexBuilder::new(&text).size_limit(size).build().ok()?, size));
        PATTERN_SIZES.into_iter().find_map(of_size)
    });
    let compiled = compiled.map(|(regex, size)| Pattern { regex, size });
    compiled.ok_or_else(|| {
        let text = "A filter's `regex` is not a regular expression that can be used here; make it simpler.";
        Failure::new(Reason::Unprocessable, text).code("not-supported")
    })
}
