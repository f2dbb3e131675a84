//! What is contained in a resource, and what refers to it. <https://hl7.org/fhir/R4/references.html#contained>

use std::collections::HashMap;

use serde_json::Map;
use serde_json::Value;

use crate::fhir::ResourceType;

/// A resource that stands for itself, with the resources that it contains.
#[derive(Default)]
pub(super) struct Container<'a> {
    entries: Vec<Entry<'a>>,
    /// The first place of each id.
    places: HashMap<&'a str, usize>,
    /// The contained resource that the walk is in.
    pub(super) inside: Option<usize>,
}

/// How many resources another contains at most: each is checked and has index rows of its own.
pub(super) const MOST: usize = 1_000;

struct Entry<'a> {
    id: &'a str,
    ty: Option<ResourceType>,
    used: bool,
}

/// What a `#…` reference points to.
pub(super) enum Found {
    /// The container itself.
    Container,
    /// A contained resource, and its type where it has one.
    Contained(Option<ResourceType>),
    /// Nothing.
    Missing,
}

impl<'a> Container<'a> {
    /// Notes what a resource contains.
    pub(super) fn of(resource: &'a Map<String, Value>) -> Self {
        let contained = match resource.get("contained") {
            Some(Value::Array(contained)) => contained.as_slice(),
            // Wrong, and the walk says so; it goes on as if it were a list of one.
            Some(single) => std::slice::from_ref(single),
            None => &[],
        };
        let text = |value: &'a Value, name: &str| value.get(name).and_then(Value::as_str);
        let entry = |value: &'a Value| Entry {
            id: text(value, "id").unwrap_or_default(),
            ty: text(value, "resourceType").and_then(ResourceType::parse),
            used: false,
        };
        let entries: Vec<Entry> = contained.iter().map(entry).collect();
        let mut places = HashMap::with_capacity(entries.len());
        for (at, entry) in entries.iter().enumerate() {
            places.entry(entry.id).or_insert(at);
        }
        Self { entries, places, inside: None }
    }

    /// Whether it contains more than it may.
    pub(super) fn is_overfull(&self) -> bool {
        self.entries.len() > MOST
    }

    /// Follows a reference or URI that starts with `#` (given without it) and notes that it was there.
    pub(super) fn follow(&mut self, id: &str) -> Found {
        if id.is_empty() {
            // A contained resource that refers to its container belongs to it, though nothing refers to it.
            if let Some(entry) = self.inside.and_then(|inside| self.entries.get_mut(inside)) {
                entry.used = true;
            }
            return Found::Container;
        }
        match self.places.get(id).and_then(|at| self.entries.get_mut(*at)) {
            Some(entry) => {
                entry.used = true;
                Found::Contained(entry.ty)
            }
            None => Found::Missing,
        }
    }

    /// The places in `contained` whose resources have an id that nothing refers to.
    pub(super) fn unused(&self) -> impl Iterator<Item = usize> {
        let unused = |(_, entry): &(usize, &Entry<'_>)| !entry.used && !entry.id.is_empty();
        self.entries.iter().enumerate().filter(unused).map(|(at, _)| at)
    }

    /// Whether the id of the contained resource at a place stands at an earlier one.
    pub(super) fn repeats(&self, at: usize) -> bool {
        let entry = self.entries.get(at).filter(|entry| !entry.id.is_empty());
        entry.and_then(|entry| self.places.get(entry.id)).is_some_and(|first| *first < at)
    }
}
