//! The part of the walk that judges one value: type, fixed value, pattern, codes, invariants.
//! <https://hl7.org/fhir/R4/elementdefinition-definitions.html>

use serde_json::Value;

use crate::fhir::ResourceType;
use crate::fhir::Severity;
use crate::fhir::profile::codes::Codes;
use crate::fhir::profile::compile::R4;
use crate::fhir::profile::compile::split_version;
use crate::fhir::profile::item::Item;
use crate::fhir::profile::pattern::is_fixed;
use crate::fhir::profile::pattern::matches;
use crate::fhir::profile::pattern::shown;
use crate::fhir::profile::tree::Binding;
use crate::fhir::profile::tree::Node;
use crate::fhir::profile::tree::Strength;
use crate::fhir::profile::tree::TypeRule;
use crate::fhir::profile::walk::Walk;
use crate::fhir::reference::Reference;
use crate::fhir::shape::At;

impl<'a> Walk<'a> {
    /// Judges one value by what an element demands of it, without its children.
    pub(super) fn content(&mut self, node: &'a Node, item: Item<'a>, at: &At<'_>) {
        if let Some(fixed) = &node.fixed
            && !item.value.is_some_and(|value| is_fixed(fixed, value))
        {
            let text = format!("`{}` must be `{}`.", node.name, shown(fixed));
            self.report("value", at, text);
        }
        if let Some(pattern) = &node.pattern
            && !item.value.is_some_and(|value| matches(pattern, value))
        {
            let text = format!("`{}` must have `{}`.", node.name, shown(pattern));
            self.report("value", at, text);
        }
        if let (Some(most), Some(text)) = (node.max_length, item.value.and_then(Value::as_str))
            && text.chars().count() > most
        {
            let text = format!("`{}` may have {most} characters at most.", node.name);
            self.report("value", at, text);
        }
        if let Some(binding) = &node.binding {
            self.binding(node, binding, (item, at));
        }
        self.types(node, item, at);
    }

    fn binding(&mut self, node: &Node, binding: &'a Binding, (item, at): (Item<'a>, &At<'_>)) {
        let required = binding.strength == Strength::Required;
        let limit = binding.limit.as_deref().or_else(|| required.then_some(binding.value_set.as_str()));
        if let Some(limit) = limit {
            match self.known.codes(limit).map(|codes| (codes, within(codes, item))) {
                Some((codes, Some(false) | None)) if needs_code(item) => {
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

    /// Judges the type of a value and what its type is bound to.
    fn types(&mut self, node: &'a Node, item: Item<'a>, at: &At<'_>) {
        if node.types.is_empty() {
            return;
        }
        let resource = item.object().and_then(|map| map.get("resourceType")).and_then(Value::as_str);
        let ty = item.ty.or(resource);
        let fits = |rule: &&TypeRule| match ty {
            None => true,
            Some(ty) => rule.code == ty || (resource.is_some() && is_any_resource(&rule.code)),
        };
        let rules: Vec<&TypeRule> = node.types.iter().filter(fits).collect();
        if rules.is_empty() {
            let codes: Vec<&str> = node.types.iter().map(|rule| rule.code.as_str()).collect();
            let text = format!(
                "`{}` may not be a {} here, only {}.",
                node.name,
                ty.unwrap_or("value"),
                codes.join(", ")
            );
            return self.report("value", at, text);
        }
        let profiles: Vec<&str> = rules.iter().flat_map(|rule| &rule.profiles).map(String::as_str).collect();
        self.profiles(&profiles, item, at);
        let targets: Vec<&str> = rules.iter().flat_map(|rule| &rule.targets).map(String::as_str).collect();
        self.targets(&targets, (node, item), at);
    }

    /// The value must conform to one of these profiles, as far as they are known.
    fn profiles(&mut self, urls: &[&'a str], item: Item<'a>, at: &At<'_>) {
        let known: Vec<_> = urls.iter().filter_map(|url| self.known.find(url)).collect();
        if known.len() < urls.len() {
            let unknown = urls.iter().filter(|url| self.known.find(url).is_none() && !url.starts_with(R4));
            self.notes.extend(unknown.map(|url| format!("the profile {url}")));
            // The value may well conform to the one that is not known.
            if urls.len() > 1 {
                return;
            }
        }
        let Some((first, others)) = known.split_first() else { return };
        for other in others {
            let mut walk = Walk::new(self.known, other, self.subject);
            walk.conform(other, item, at);
            if walk.issues.iter().all(|issue| issue.severity != Severity::Error) {
                return;
            }
        }
        self.conform(first, item, at);
    }

    /// A reference may point to these profiles; only the type is checked, which the reference itself tells.
    fn targets(&mut self, urls: &[&'a str], (node, item): (&Node, Item<'a>), at: &At<'_>) {
        let pointed = item.object().and_then(|map| self.target_type(map.get("reference")?.as_str()?));
        let Some(pointed) = pointed.filter(|_| !urls.is_empty()) else { return };
        let mut names = Vec::with_capacity(urls.len());
        for url in urls {
            let (url, _) = split_version(url);
            let own = url.strip_prefix(R4).filter(|name| ResourceType::parse(name).is_some());
            if own == Some("Resource") || url == format!("{R4}Resource") {
                return;
            }
            match own.or_else(|| self.known.find(url).map(|profile| profile.ty.as_str())) {
                Some(name) => names.push(name),
                // A profile that is not known may be of any type.
                None => return,
            }
        }
        names.dedup();
        if !names.contains(&pointed.name()) {
            let text =
                format!("`{}` may not point to a {pointed} here, only to {}.", node.name, names.join(", "));
            return self.report("value", &at.child("reference"), text);
        }
        if urls.iter().any(|url| !url.starts_with(R4)) {
            self.notes.insert(format!("whether what `{}` refers to conforms to its profile", node.name));
        }
    }

    /// The type of what a reference points to, as far as the reference and the contained resources tell.
    pub(super) fn target_type(&self, text: &str) -> Option<ResourceType> {
        match Reference::parse(text) {
            Reference::Local(local) => Some(local.ty),
            Reference::Conditional { ty, .. } => Some(ty),
            Reference::Contained(id) => {
                let contained = self.subject.root["contained"].as_array()?;
                let found = contained.iter().find(|resource| resource["id"] == id)?;
                ResourceType::parse(found["resourceType"].as_str()?)
            }
            Reference::Elsewhere(url) => {
                let path = url.split(['?', '#']).next()?;
                let path = path.split_once("/_history/").map_or(path, |(path, _)| path);
                ResourceType::parse(path.rsplit('/').nth(1)?)
            }
            Reference::Urn(_) | Reference::Unreadable => None,
        }
    }
}

fn is_any_resource(code: &str) -> bool {
    matches!(code, "Resource" | "DomainResource")
}

/// Whether a value must have a code at all: one whose value is left out for a reason has none.
fn needs_code(item: Item<'_>) -> bool {
    item.value.is_some()
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

impl Walk<'_> {
    /// Whether a value is within a required binding, where that tells a slice.
    pub(super) fn is_within(&self, binding: &Binding, item: Item<'_>) -> bool {
        self.known.codes(&binding.value_set).is_some_and(|codes| within(codes, item) == Some(true))
    }
}
