//! The part of the walk that judges one value: type, fixed value, pattern, codes, invariants.
//! <https://hl7.org/fhir/R4/elementdefinition-definitions.html>

use serde_json::Value;

use crate::fhir::ResourceType;
use crate::fhir::profile::compile::R4;
use crate::fhir::profile::compile::split_version;
use crate::fhir::profile::item::Item;
use crate::fhir::profile::pattern::is_fixed;
use crate::fhir::profile::pattern::matches;
use crate::fhir::profile::pattern::shown;
use crate::fhir::profile::tree::Node;
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
            if self.would_conform(other, item, at) {
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
            Reference::Contained(id) => self.subject.contained(id),
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
