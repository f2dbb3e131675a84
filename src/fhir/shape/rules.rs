//! R4's invariants, as the definitions give them: a key, a sentence and a FHIRPath.
//! <https://hl7.org/fhir/R4/conformance-rules.html#constraints>
//!
//! Those about nesting, references, empty elements and narratives ([`WALKED`]) are part of the walk itself, which
//! meets their subjects anyway. The others are compiled when first needed, and are worked out only for an element
//! that has something of what they look at.

use std::sync::OnceLock;

use serde_json::Value;

use crate::fhir::Severity;
use crate::fhir::path::Budget;
use crate::fhir::path::Expression;
use crate::fhir::path::Scope;
use crate::fhir::path::holds;
use crate::fhir::shape::tables::Content;
use crate::fhir::shape::tables::Shapes;

/// Invariants that the walk holds itself.
const WALKED: [&str; 8] = ["dom-2", "dom-3", "dom-4", "dom-5", "ele-1", "ref-1", "txt-1", "txt-2"];

/// An invariant.
#[derive(Debug)]
pub(in crate::fhir) struct Rule {
    pub(in crate::fhir) key: String,
    pub(in crate::fhir) human: String,
    pub(in crate::fhir) severity: Severity,
    text: String,
    compiled: OnceLock<Result<Compiled, String>>,
}

#[derive(Debug)]
struct Compiled {
    expression: Expression,
    /// The elements at which it looks; none where it looks at the whole.
    reads: Option<Vec<usize>>,
    /// Whether it holds where none of them is there.
    idle: bool,
}

/// Where a rule is judged: the type or element that has it, and how it tells which of its elements are there.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    pub(super) content: Content,
    /// Which elements of the type were seen; empty where the rule is of an element without elements of its own.
    pub(super) seen: &'p [u16],
    /// The elements that the type needs.
    pub(super) required: &'p [usize],
}

/// The rules of an element's definition, but for those that the walk holds.
pub(super) fn rules(definition: &Value) -> Result<Vec<Rule>, String> {
    let constraints = definition["constraint"].as_array();
    constraints.into_iter().flatten().filter_map(|constraint| rule(constraint).transpose()).collect()
}

fn rule(constraint: &Value) -> Result<Option<Rule>, String> {
    let text = |name: &str| {
        let text = constraint[name].as_str().map(str::to_owned);
        text.ok_or_else(|| format!("a constraint without `{name}`: {constraint}"))
    };
    let key = text("key")?;
    if WALKED.contains(&key.as_str()) {
        return Ok(None);
    }
    let severity = if constraint["severity"] == "warning" { Severity::Warning } else { Severity::Error };
    let (human, text) = (text("human")?, text("expression")?);
    Ok(Some(Rule { key, human, severity, text, compiled: OnceLock::new() }))
}

/// What comes of judging by a rule.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// It holds, or there is nothing to judge, or R4 leaves open what holds.
    Kept,
    /// It does not hold.
    Broken,
    /// It cannot be worked out here: why, as a part of a sentence.
    Unknown(String),
}

impl Rule {
    /// Judges a place by it.
    pub(super) fn verdict(
        &self,
        shapes: &Shapes,
        (scope, place): (Scope<'_>, Place<'_>),
        budget: &mut Budget,
    ) -> Verdict {
        let compiled = match self.compiled.get_or_init(|| Compiled::of(&self.text, shapes, place.content)) {
            Ok(compiled) if compiled.is_called_for(place) => compiled,
            Ok(_) => return Verdict::Kept,
            Err(why) => return Verdict::Unknown(why.clone()),
        };
        match budget.lend(|budget| holds(&compiled.expression, shapes, scope, budget)) {
            Ok(Some(false)) => Verdict::Broken,
            Ok(Some(true) | None) => Verdict::Kept,
            Err(why) => Verdict::Unknown(why),
        }
    }

    /// What is wrong where it is broken.
    pub(super) fn sentence(&self) -> String {
        format!("{} ({}).", self.human.trim_end_matches('.'), self.key)
    }

    /// What is said where it cannot be worked out.
    pub(super) fn doubt(&self, why: &str) -> String {
        let rule = self.sentence();
        format!("It could not be worked out whether this holds: {} Why: {}.", rule, why.trim_end_matches('.'))
    }
}

impl Compiled {
    fn of(text: &str, shapes: &Shapes, content: Content) -> Result<Self, String> {
        let expression = Expression::compile(text)?;
        let reads = match content {
            Content::Complex(ty) => expression.names().map(|names| {
                let elements = shapes.types[ty].elements.iter().enumerate();
                elements
                    .filter(|(_, element)| names.contains(&element.name.as_str()))
                    .map(|(at, _)| at)
                    .collect()
            }),
            Content::Primitive(_) | Content::Resource => None,
        };
        let idle = reads.is_some() && expression.holds_of_nothing(shapes, content);
        Ok(Self { expression, reads, idle })
    }

    /// Whether there is something to judge, and nothing missing that is reported as missing.
    fn is_called_for(&self, place: Place<'_>) -> bool {
        let Some(reads) = self.reads.as_ref().filter(|_| !place.seen.is_empty()) else { return true };
        let there = |element: &usize| place.seen.get(*element).is_some_and(|seen| *seen > 0);
        let missing = |element: &usize| place.required.contains(element) && !there(element);
        !reads.iter().any(missing) && (!self.idle || reads.iter().any(there))
    }
}
