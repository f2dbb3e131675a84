//! The one walk over a resource that finds every problem. <https://hl7.org/fhir/R4/validation.html>

use serde_json::Map;
use serde_json::Value;

use crate::fhir::Issue;
use crate::fhir::ResourceType;
use crate::fhir::Severity;
use crate::fhir::path::Budget;
use crate::fhir::path::Node;
use crate::fhir::path::Scope;
use crate::fhir::shape::contained::Container;
use crate::fhir::shape::contained::MOST;
use crate::fhir::shape::path::At;
use crate::fhir::shape::rules::Place;
use crate::fhir::shape::rules::Rule;
use crate::fhir::shape::rules::Verdict;
use crate::fhir::shape::suggest;
use crate::fhir::shape::tables::Content;
use crate::fhir::shape::tables::Kind;
use crate::fhir::shape::tables::MAX_ELEMENTS;
use crate::fhir::shape::tables::Shapes;
use crate::fhir::shape::tables::Type;

/// The most issues that one answer lists; a body made to have millions must not cost as much to describe.
const MAX_ISSUES: usize = 1_000;

/// How strictly a resource is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rigour {
    /// What R4 demands.
    Errors,
    /// What it recommends as well.
    Warnings,
}

/// Every problem of a resource.
pub(super) fn walk(shapes: &Shapes, resource: &Value, (rigour, budget): (Rigour, &mut Budget)) -> Vec<Issue> {
    let (issues, containers) = (Vec::new(), Vec::new());
    let scope = Scope::of(resource);
    let mut walk = Walk { shapes, rigour, scope, issues, containers, dropped: 0, budget: *budget };
    let name = resource.get("resourceType").and_then(Value::as_str).and_then(ResourceType::parse);
    walk.resource(resource, &At::root(name.map_or("Resource", ResourceType::name)));
    *budget = walk.budget;
    if budget.left() == 0 {
        let text = "To check all of this takes too long; send smaller resources, or fewer of them at a time.";
        walk.issues.push(Issue::error("too-costly", text));
    }
    if walk.dropped > 0 {
        let text = format!("{} more problems are not listed; mend those above first.", walk.dropped);
        walk.issues.push(Issue::error("too-costly", text));
    }
    walk.issues
}

/// The state of a walk.
pub(super) struct Walk<'a> {
    pub(super) shapes: &'a Shapes,
    rigour: Rigour,
    /// The resource that the walk is in, for expressions.
    scope: Scope<'a>,
    issues: Vec<Issue>,
    /// The resources that the walk is in and that are not contained, innermost last.
    pub(super) containers: Vec<Container<'a>>,
    dropped: usize,
    /// What the invariants may still cost.
    budget: Budget,
}

impl<'a> Walk<'a> {
    /// A resource that stands for itself: the outermost, or one in a Bundle or Parameters.
    pub(super) fn resource(&mut self, value: &'a Value, at: &At<'_>) {
        let container = value.as_object().map(Container::of).unwrap_or_default();
        if container.is_overfull() {
            let text =
                format!("A resource contains at most {MOST} others; store some of them by themselves.");
            self.report("too-costly", at.child("contained"), text);
        }
        self.containers.push(container);
        let outer = self.scope;
        self.scope = Scope { outermost: outer.outermost, ..Scope::of(value) };
        self.typed_resource(value, at);
        self.scope = outer;
        let unused: Vec<usize> = self.containers.pop().iter().flat_map(Container::unused).collect();
        for entry in unused {
            let text =
                "Nothing refers to this contained resource (dom-3); refer to its id with `#`, or remove it.";
            self.report("invariant", at.child("contained").index(entry), text.to_owned());
        }
    }

    fn typed_resource(&mut self, value: &'a Value, at: &At<'_>) {
        let Some(map) = value.as_object() else {
            return self.report(
                "structure",
                *at,
                format!("A resource is an object, not {}.", json_type(value)),
            );
        };
        let Some(name) = map.get("resourceType") else {
            let text = "The resource has no `resourceType`; add it.";
            return self.report("structure", at.child("resourceType"), text.to_owned());
        };
        let Some(ty) = name.as_str().and_then(ResourceType::parse) else {
            let shown = suggest::shortened(name.as_str().unwrap_or_else(|| json_type(name)));
            let text = format!("`{shown}` is not a resource type of FHIR R4.");
            return self.report("structure", at.child("resourceType"), text);
        };
        self.object(self.shapes.resource(ty), (value, map), at);
    }

    /// A contained resource: no resource within, an id, no version of its own.
    pub(super) fn contained(&mut self, value: &'a Value, at: &At<'_>) {
        let place = at.place();
        let Some(container) = self.containers.last_mut() else { return };
        if container.inside.is_some() {
            let text = "A contained resource may not contain others (dom-2); put them all in the outer one.";
            return self.report("invariant", *at, text.to_owned());
        }
        container.inside = Some(place);
        if container.repeats(place) {
            let text = "Another contained resource has the same id; give each its own.";
            self.report("value", at.child("id"), text.to_owned());
        }
        if value.is_object() && value.get("id").is_none() {
            let text = "A contained resource needs an `id`, by which the rest refers to it.";
            self.report("required", at.child("id"), text.to_owned());
        }
        for (name, key) in [("versionId", "dom-4"), ("lastUpdated", "dom-4"), ("security", "dom-5")] {
            if value.get("meta").is_some_and(|meta| meta.get(name).is_some()) {
                let text = format!("A contained resource has no `meta.{name}` ({key}); remove it.");
                self.report("invariant", at.child("meta").child(name), text);
            }
        }
        let outer = self.scope;
        self.scope.resource = value;
        self.typed_resource(value, at);
        self.scope = outer;
        if let Some(container) = self.containers.last_mut() {
            container.inside = None;
        }
    }

    /// An object of a type, given as JSON and as its members.
    pub(super) fn object(
        &mut self,
        ty: &'a Type,
        (value, map): (&'a Value, &'a Map<String, Value>),
        at: &At<'_>,
    ) {
        if map.is_empty() {
            return self.report("structure", *at, "An empty object says nothing; leave it out.".to_owned());
        }
        let has_shadows = map.keys().any(|key| key.starts_with('_'));
        // Under which property, counted from one, each element was found first.
        let mut seen = [0_u16; MAX_ELEMENTS];
        for (key, value) in map {
            if key == "resourceType" && ty.kind == Kind::Resource {
                continue;
            }
            let shadowed = key.strip_prefix('_');
            let found = ty.position(shadowed.unwrap_or(key));
            let Some(place) = found.filter(|at| shadowed.is_none() || ty.properties[*at].has_shadow()) else {
                // what is not listed is not worth the search for what was meant either
                let text = if self.is_full() { String::new() } else { suggest::unknown(ty, key) };
                self.report("structure", at.child(&suggest::shortened(key)), text);
                continue;
            };
            let property = &ty.properties[place];
            let place = u16::try_from(place + 1).expect("a type has a few hundred properties at most");
            let element = &ty.elements[property.element];
            let here = at.child(&property.name);
            match seen[property.element] {
                0 => seen[property.element] = place,
                first if first == place => {}
                first => {
                    let other = &ty.properties[usize::from(first) - 1].name;
                    let text = format!("`{}` and `{other}` exclude each other; keep one.", property.name);
                    self.report("structure", here, text);
                }
            }
            match shadowed {
                None => {
                    let shadow = if has_shadows { map.get(&property.shadow) } else { None };
                    self.property((property, element), (Some(value), shadow), &here);
                }
                // With a value beside it, both are looked at together.
                Some(_) if map.contains_key(&property.name) => {}
                Some(_) => self.property((property, element), (None, Some(value)), &here),
            }
        }
        for element in ty.required.iter().filter(|element| seen[**element] == 0) {
            let element = &ty.elements[*element];
            let name = if element.choice { format!("{}[x]", element.name) } else { element.name.clone() };
            let text = format!("{} needs `{name}`; add it.", ty.name);
            self.report("required", at.child(&element.name), text);
        }
        if !ty.rules.is_empty() {
            let content = Content::Complex(ty.at);
            let place = Place { content, seen: &seen[..ty.elements.len()], required: &ty.required };
            self.rules(&ty.rules, Node::element(content, Some(value), None), (place, at));
        }
    }

    /// Judges an element by the invariants of its type or definition.
    pub(super) fn rules(&mut self, rules: &[Rule], node: Node<'a>, (place, at): (Place<'_>, &At<'_>)) {
        for rule in rules {
            let is_asked = rule.severity == Severity::Error || self.rigour == Rigour::Warnings;
            if !is_asked || self.budget.left() == 0 {
                continue;
            }
            let scope = Scope { context: node, ..self.scope };
            let issue = match rule.verdict(self.shapes, (scope, place), &mut self.budget) {
                Verdict::Kept => continue,
                Verdict::Broken => {
                    Issue { severity: rule.severity, ..Issue::error("invariant", rule.sentence()) }
                }
                // A write is not refused for what is not known of it; whoever asks is told.
                Verdict::Unknown(_) if self.rigour == Rigour::Errors => continue,
                Verdict::Unknown(why) => {
                    Issue { severity: Severity::Warning, ..Issue::error("not-supported", rule.doubt(&why)) }
                }
            };
            self.add(issue, *at);
        }
    }

    /// Notes a null.
    pub(super) fn report_null(&mut self, at: &At<'_>) {
        self.report("structure", *at, "A null says nothing; leave the element out.".to_owned());
    }

    fn is_full(&self) -> bool {
        self.issues.len() >= MAX_ISSUES
    }

    /// Notes a problem.
    pub(super) fn report(&mut self, code: &'static str, at: At<'_>, text: String) {
        self.add(Issue::error(code, text), at);
    }

    fn add(&mut self, issue: Issue, at: At<'_>) {
        if self.is_full() {
            self.dropped += 1;
            return;
        }
        self.issues.push(issue.at(at.to_string()));
    }
}

/// What a JSON value is, in words.
pub(super) fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
