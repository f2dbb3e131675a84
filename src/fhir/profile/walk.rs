//! The walk over a resource along the tree of a profile. <https://hl7.org/fhir/R4/profiling.html>

use std::collections::BTreeSet;

use serde_json::Map;
use serde_json::Value;

use crate::fhir::Issue;
use crate::fhir::Severity;
use crate::fhir::profile::choices::type_in;
use crate::fhir::profile::library::Known;
use crate::fhir::profile::tree::Node;
use crate::fhir::profile::tree::Profile;
use crate::fhir::shape::At;

/// The most issues that one answer lists.
const MAX_ISSUES: usize = 1_000;
/// How deep profiles may demand one another; a profile may demand itself of the same value.
const MAX_DEPTH: usize = 32;

/// A value, what stands under its name with `_` in front, and where it is.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) value: Option<&'a Value>,
    pub(super) shadow: Option<&'a Value>,
    /// The type that the name of a choice element says.
    pub(super) ty: Option<&'static str>,
    /// The name in JSON.
    key: &'a str,
    index: Option<usize>,
}

/// The state of a walk.
pub(super) struct Walk<'a> {
    pub(super) known: &'a Known<'a>,
    /// The whole resource.
    pub(super) resource: &'a Value,
    /// The profile that is judged by.
    pub(super) profile: &'a Profile,
    pub(super) issues: Vec<Issue>,
    /// What was not looked at, as sentences.
    pub(super) notes: BTreeSet<String>,
    depth: usize,
}

impl<'a> Item<'a> {
    /// The resource itself.
    pub(super) fn root(resource: &'a Value) -> Self {
        Self { value: Some(resource), shadow: None, ty: None, key: "", index: None }
    }

    /// The members of a complex value, or those that a primitive keeps apart.
    pub(super) fn members(&self) -> Option<&'a Map<String, Value>> {
        self.value.and_then(Value::as_object).or_else(|| self.shadow.and_then(Value::as_object))
    }

    /// The members of a complex value.
    pub(super) fn object(&self) -> Option<&'a Map<String, Value>> {
        self.value.and_then(Value::as_object)
    }

    /// What it has under an element's name.
    pub(super) fn children(&self, node: &Node) -> Vec<Self> {
        let mut found = Vec::new();
        if node.name == "value" && self.value.is_some_and(|value| !value.is_object()) {
            // The value of a primitive is the primitive itself.
            found.push(Self { shadow: None, ..*self });
            return found;
        }
        let Some(map) = self.members() else { return found };
        if !node.choice {
            collect(&mut found, map, (&node.name, None));
            return found;
        }
        let mut seen = "";
        for key in map.keys() {
            let name = key.strip_prefix('_').unwrap_or(key);
            if let Some(ty) = type_in(name, &node.name).filter(|_| name != seen) {
                seen = name;
                collect(&mut found, map, (name, Some(ty)));
            }
        }
        found
    }
}

/// Adds what an object has under a name, with or without `_`.
fn collect<'a>(
    found: &mut Vec<Item<'a>>,
    map: &'a Map<String, Value>,
    (name, ty): (&str, Option<&'static str>),
) {
    let plain = map.get_key_value(name);
    let shadow = map.get_key_value(&format!("_{name}"));
    let key = match (plain, shadow) {
        (Some((key, _)), _) => key.as_str(),
        (None, Some((key, _))) => &key[1..],
        (None, None) => return,
    };
    let (value, shadow) = (plain.map(|(_, value)| value), shadow.map(|(_, value)| value));
    let length = [value, shadow].into_iter().flatten().filter_map(Value::as_array).map(Vec::len).max();
    let present = |value: Option<&'a Value>| value.filter(|value| !value.is_null());
    let Some(length) = length else {
        found.push(Item { value: present(value), shadow: present(shadow), ty, key, index: None });
        return;
    };
    for index in 0..length {
        let entry = |list: Option<&'a Value>| present(list?.as_array()?.get(index));
        let (value, shadow) = (entry(value), entry(shadow));
        if value.is_some() || shadow.is_some() {
            found.push(Item { value, shadow, ty, key, index: Some(index) });
        }
    }
}

impl<'a> Walk<'a> {
    /// A walk that has not begun.
    pub(super) fn new(known: &'a Known<'a>, profile: &'a Profile, resource: &'a Value) -> Self {
        Self { known, resource, profile, issues: Vec::new(), notes: BTreeSet::new(), depth: 0 }
    }

    /// Judges a value by a whole profile.
    pub(super) fn conform(&mut self, profile: &'a Profile, item: Item<'a>, at: &At<'_>) {
        if self.depth == MAX_DEPTH {
            return;
        }
        self.depth += 1;
        let outer = std::mem::replace(&mut self.profile, profile);
        self.notes.extend(profile.unchecked.iter().cloned());
        self.element(0, item, at);
        self.profile = outer;
        self.depth -= 1;
    }

    /// Judges one value by an element of the profile.
    pub(super) fn element(&mut self, node: usize, item: Item<'a>, at: &At<'_>) {
        let profile = self.profile;
        let own = &profile.nodes[node];
        self.content(own, item, at);
        for child in &own.children {
            self.child(*child, item, at);
        }
    }

    /// Judges all that an element has under one name.
    fn child(&mut self, number: usize, parent: Item<'a>, at: &At<'_>) {
        let profile = self.profile;
        let node = &profile.nodes[number];
        let items = parent.children(node);
        self.count(node, (None, items.len()), at);
        for item in &items {
            within(at, item, |here| self.element(number, *item, here));
        }
        let Some(slicing) = &node.slicing else { return };
        let mut in_no_slice = vec![true; items.len()];
        for slice in &slicing.slices {
            let Some(tests) = &slice.tests else { continue };
            let mut count = 0;
            for (item, in_no_slice) in items.iter().zip(&mut in_no_slice) {
                if !tests.iter().all(|test| self.passes(test, *item)) {
                    continue;
                }
                count += 1;
                *in_no_slice = false;
                within(at, item, |here| self.element(slice.node, *item, here));
            }
            self.count(&profile.nodes[slice.node], (Some(&slice.name), count), at);
        }
        if slicing.closed && slicing.slices.iter().all(|slice| slice.tests.is_some()) {
            for (item, _) in items.iter().zip(in_no_slice).filter(|(_, in_no_slice)| *in_no_slice) {
                let text = format!("`{}` may only be one of its slices here; none of them fits.", node.name);
                within(at, item, |here| self.report("value", here, text.clone()));
            }
        }
    }

    /// Judges how many there are of an element or of one slice of it.
    fn count(&mut self, node: &Node, (slice, count): (Option<&str>, usize), at: &At<'_>) {
        let name = if node.choice { format!("{}[x]", node.name) } else { node.name.clone() };
        let what =
            slice.map_or_else(|| format!("`{name}`"), |slice| format!("`{name}` of the slice `{slice}`"));
        let here = at.child(&node.name);
        if count < node.min {
            let text = match (node.min, count) {
                (1, _) => format!("{what} is needed; add it."),
                (min, count) => format!("{what} is needed {min} times at least, and is there {count} times."),
            };
            self.report("required", &here, text);
        }
        match node.max {
            Some(0) if count > 0 => self.report("value", &here, format!("{what} is not allowed; remove it.")),
            Some(max) if count > max => {
                let text = format!("{what} may be there {max} times at most, and is there {count} times.");
                self.report("value", &here, text);
            }
            Some(_) | None => {}
        }
    }

    /// Notes an error.
    pub(super) fn report(&mut self, code: &'static str, at: &At<'_>, text: String) {
        self.note(Severity::Error, code, (at, text));
    }

    /// Notes a problem of this severity.
    pub(super) fn note(&mut self, severity: Severity, code: &'static str, (at, text): (&At<'_>, String)) {
        if self.issues.len() >= MAX_ISSUES {
            return;
        }
        let text = format!("{text} ({})", self.profile.title);
        let issue = Issue { severity, ..Issue::error(code, text) }.at(at.to_string());
        // What an element demands of all values, its slices demand again.
        if !self.issues.contains(&issue) {
            self.issues.push(issue);
        }
    }
}

/// Does something at the place of an item.
fn within(at: &At<'_>, item: &Item<'_>, work: impl FnOnce(&At<'_>)) {
    let named = at.child(item.key);
    match item.index {
        Some(index) => work(&named.index(index)),
        None => work(&named),
    }
}
