//! What is contained in a resource, and what refers to it. <https://hl7.org/fhir/R4/references.html#contained>

use serde_json::Map;
use serde_json::Value;

use crate::fhir::ResourceType;

/// A resource that stands for itself, with the resources that it contains.
#[derive(Default)]
pub(super) struct Container<'a> {
    entries: Vec<Entry<'a>>,
    /// The contained resource that the walk is in.
    pub(super) inside: Option<usize>,
}

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
        Self { entries: contained.iter().map(entry).collect(), inside: None }
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
        match self.entries.iter_mut().find(|entry| entry.id == id) {
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
        let Some((earlier, entry)) =
            self.entries.split_at_checked(at).and_then(|(a, b)| Some((a, b.first()?)))
        else {
            return false;
        };
        !entry.id.is_empty() && earlier.iter().any(|other| other.id == entry.id)
    }
}
