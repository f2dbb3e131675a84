//! Extensions judged by their own definitions, wherever in a resource they stand, whether or not a profile names them.
//! <https://hl7.org/fhir/R4/defining-extensions.html>

use serde_json::Map;
use serde_json::Value;

use crate::fhir::Issue;
use crate::fhir::profile::Budget;
use crate::fhir::profile::Known;
use crate::fhir::profile::Profile;
use crate::fhir::profile::Subject;
use crate::fhir::profile::item::Item;
use crate::fhir::profile::walk::Walk;
use crate::fhir::shape::At;

/// Every problem of the extensions in a resource whose URLs begin with `root`, each with its FHIRPath: an extension
/// that is not known, that stands where it does not belong or more often than it may, or has what it must not have.
pub fn extensions(known: &Known<'_>, root: &str, resource: &Value, budget: &mut Budget) -> Vec<Issue> {
    let mut search = Search { root, path: Vec::new(), start: 0, found: Vec::new() };
    search.look(resource, &At::root(""));
    let subject = Subject::of(resource);
    let mut issues = Vec::new();
    for one in &search.found {
        match known.find(one.url) {
            Some(profile) => {
                issues.extend(misplaced(profile, one));
                let at = At::root(&one.at);
                let mut walk = Walk::new(known, profile, &subject).within(budget);
                walk.conform(profile, Item::extension(one.extension), &at);
                walk.charge(budget);
                issues.extend(walk.issues);
            }
            None => {
                let text = format!("{} is no extension of this server; see how it is spelt.", one.url);
                issues.push(Issue::error("extension", text).at(format!("{}.url", one.at)));
            }
        }
        if budget.is_used_up() {
            let text = "The resource has too many extensions to judge; send a smaller one.";
            issues.push(Issue::error("too-costly", text).at(one.at.as_str()));
            break;
        }
    }
    issues
}

/// What is wrong with the place of an extension.
fn misplaced(profile: &Profile, one: &Found<'_>) -> Vec<Issue> {
    let mut issues = Vec::new();
    if !profile.contexts.is_empty() && !profile.contexts.contains(&one.path) {
        let text =
            format!("{} belongs to {}, not to {}.", profile.title, profile.contexts.join(", "), one.path);
        issues.push(Issue::error("extension", text).at(one.at.as_str()));
    }
    if profile.most.is_some_and(|most| one.nth >= most) {
        let text = format!("{} may be there once here; keep one of them.", profile.title);
        issues.push(Issue::error("value", text).at(one.at.as_str()));
    }
    issues
}

/// An extension where it stands.
struct Found<'a> {
    extension: &'a Value,
    url: &'a str,
    /// As a FHIRPath.
    at: String,
    /// The element that has it, as the contexts of definitions name elements.
    path: String,
    /// How many with the same URL stand before it.
    nth: usize,
}

struct Search<'a, 's> {
    root: &'s str,
    /// The names down to here.
    path: Vec<&'a str>,
    /// Where among them the innermost resource begins.
    start: usize,
    found: Vec<Found<'a>>,
}

impl<'a> Search<'a, '_> {
    fn look(&mut self, value: &'a Value, at: &At<'_>) {
        match value {
            Value::Object(map) => self.look_in(map, at),
            Value::Array(entries) => {
                for (index, entry) in entries.iter().enumerate() {
                    self.look(entry, &at.index(index));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn look_in(&mut self, map: &'a Map<String, Value>, at: &At<'_>) {
        let outer = (self.start, self.path.len());
        let ty = map.get("resourceType").and_then(Value::as_str);
        if let Some(ty) = ty {
            self.start = self.path.len();
            self.path.push(ty);
        }
        // The outermost resource is named by its type.
        let outermost = ty.filter(|_| outer.1 == 0).map(At::root);
        let at = outermost.as_ref().unwrap_or(at);
        for (name, value) in map {
            let name = name.trim_start_matches('_');
            if !(value.is_object() || value.is_array()) {
                continue;
            }
            let here = at.child(name);
            if matches!(name, "extension" | "modifierExtension") {
                self.take(value, &here);
                continue;
            }
            self.path.push(name);
            self.look(value, &here);
            self.path.pop();
        }
        self.start = outer.0;
        self.path.truncate(outer.1);
    }

    fn take(&mut self, extensions: &'a Value, at: &At<'_>) {
        let first = self.found.len();
        for (index, extension) in extensions.as_array().into_iter().flatten().enumerate() {
            let url = extension.get("url").and_then(Value::as_str);
            let Some(url) = url.filter(|url| url.starts_with(self.root)) else { continue };
            let nth = self.found[first..].iter().filter(|other| other.url == url).count();
            let mut names = self.path[self.start..].to_vec();
            // An element that has elements of its own kind is one context.
            names.dedup();
            let (at, path) = (at.index(index).to_string(), names.join("."));
            self.found.push(Found { extension, url, at, path, nth });
        }
    }
}
