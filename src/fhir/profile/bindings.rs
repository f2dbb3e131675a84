//! The part of the walk that judges codes. <https://hl7.org/fhir/R4/terminologies.html#strength>

use serde_json::Value;

use crate::fhir::Severity;
use crate::fhir::profile::codes::Codes;
use crate::fhir::profile::item::Item;
use crate::fhir::profile::tree::Binding;
use crate::fhir::profile::tree::Node;
use crate::fhir::profile::tree::Strength;
use crate::fhir::profile::walk::Walk;
use crate::fhir::shape::At;

/// The system of the codes that a Quantity has.
const UCUM: &str = "http://unitsofmeasure.org";

impl<'a> Walk<'a> {
    /// Judges the codes of a value.
    pub(super) fn binding(&mut self, node: &Node, binding: &'a Binding, (item, at): (Item<'a>, &At<'_>)) {
        if item.value.is_none() {
            // What is left out for a reason, which an extension says, has no code.
            return;
        }
        let required = binding.strength == Strength::Required;
        let limit = binding.limit.as_deref().or_else(|| required.then_some(binding.value_set.as_str()));
        if let Some(limit) = limit {
            match self.known.codes(limit).map(|codes| (codes, within(codes, item))) {
                Some((codes, Some(false) | None)) if is_bound(node, codes, item) => {
                    let text = format!("`{}` needs {} (of {limit}).", node.name, codes.sample());
                    return self.report("code-invalid", at, text);
                }
                Some(_) => {}
                None => {
                    self.notes.insert(format!("the codes of {limit}"));
                }
            }
        }
        let severity = match binding.strength {
            Strength::Required => return,
            Strength::Extensible => Severity::Warning,
            Strength::Preferred => Severity::Information,
        };
        let url = &binding.value_set;
        if let Some(codes) = self.known.codes(url)
            && is_bound(node, codes, item)
            && within(codes, item) == Some(false)
        {
            let should = if severity == Severity::Warning { "should have" } else { "had better have" };
            let text = format!(
                "`{}` {should} {} (of {url}), unless none of them says what is meant.",
                node.name,
                codes.sample()
            );
            self.note(severity, "code-invalid", (at, text));
        }
    }

    /// Whether a value is within a required binding, where that tells a slice.
    pub(super) fn is_within(&self, binding: &Binding, item: Item<'_>) -> bool {
        self.known.codes(&binding.value_set).is_some_and(|codes| within(codes, item) == Some(true))
    }
}

/// Whether the binding is about a value of this type: that of a choice is about those types that have such codes.
fn is_bound(node: &Node, codes: &Codes, item: Item<'_>) -> bool {
    match item.ty {
        None | Some("CodeableConcept" | "Coding" | "code") => true,
        Some("Quantity") => node.types.len() == 1 || codes.has_system(UCUM),
        Some(_) => node.types.len() == 1,
    }
}

/// Whether the codes of a value are among these; none where it has no code that could be.
fn within(codes: &Codes, item: Item<'_>) -> Option<bool> {
    match item.value? {
        Value::String(code) => Some(codes.has_code(code)),
        Value::Object(map) => match map.get("coding") {
            Some(codings) => {
                let codings = codings.as_array()?.iter().filter_map(Value::as_object);
                let mut codings = codings.filter(|coding| coding.contains_key("code")).peekable();
                codings.peek()?;
                Some(codings.any(|coding| codes.has_coding(coding)))
            }
            None if map.contains_key("code") => Some(codes.has_coding(map)),
            None => None,
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}
