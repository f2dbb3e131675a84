//! What is judged by a profile: a resource, where it stands, and what it stands in.
//! <https://hl7.org/fhir/R4/resource.html#Meta>

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::OnceLock;

use serde_json::Value;

use crate::fhir::ResourceType;

/// How deep resources are looked for within one another: a contained one in one of a Bundle's.
const MAX_DEPTH: usize = 3;

/// A resource where it stands.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// The resource.
    pub resource: &'a Value,
    /// Where it stands, as a FHIRPath: `Patient`, or `Bundle.entry[3].resource`.
    pub at: String,
    /// The resource itself, or where it is contained the one that contains it.
    pub(super) root: &'a Value,
    /// The resource that all of this is part of.
    pub(super) outermost: &'a Value,
    contained: Contained,
}

/// The types of what a resource contains, by their ids; read when first asked for, and once for all that it contains.
type Contained = Arc<OnceLock<HashMap<String, ResourceType>>>;

impl<'a> Subject<'a> {
    /// A resource that stands for itself.
    pub fn of(resource: &'a Value) -> Self {
        let at = resource["resourceType"].as_str().unwrap_or("Resource").to_owned();
        Self { resource, at, root: resource, outermost: resource, contained: Contained::default() }
    }

    /// The resource, and all those in it: contained, or in a Bundle's entries or in Parameters.
    pub fn all(resource: &'a Value) -> Vec<Self> {
        let mut all = vec![Self::of(resource)];
        all[0].clone().collect(&mut all, MAX_DEPTH);
        all
    }

    fn collect(&self, all: &mut Vec<Self>, depth: usize) {
        if depth == 0 {
            return;
        }
        let own = match std::ptr::eq(self.root, self.resource) {
            true => self.contained.clone(),
            false => Contained::default(),
        };
        for (list, member, root) in [
            ("contained", None, Some((self.resource, own))),
            ("entry", Some("resource"), None),
            ("parameter", Some("resource"), None),
        ] {
            for (index, entry) in self.resource[list].as_array().into_iter().flatten().enumerate() {
                let inner = member.map_or(Some(entry), |member| entry.get(member));
                let Some(resource) = inner.filter(|inner| inner.get("resourceType").is_some()) else {
                    continue;
                };
                let member = member.map_or(String::new(), |member| format!(".{member}"));
                let at = format!("{}.{list}[{index}]{member}", self.at);
                let (root, contained) = root.clone().unwrap_or_else(|| (resource, Contained::default()));
                let subject = Self { resource, at, root, outermost: self.outermost, contained };
                subject.collect(all, depth - 1);
                all.push(subject);
            }
        }
    }

    /// The type of the contained resource with this id; of several, that of the first.
    pub(super) fn contained(&self, id: &str) -> Option<ResourceType> {
        let read = || {
            let mut types = HashMap::new();
            for resource in self.root["contained"].as_array().into_iter().flatten() {
                let ty = resource["resourceType"].as_str().and_then(ResourceType::parse);
                if let (Some(id), Some(ty)) = (resource["id"].as_str(), ty) {
                    types.entry(id.to_owned()).or_insert(ty);
                }
            }
            types
        };
        self.contained.get_or_init(read).get(id).copied()
    }

    /// The canonical URLs of the profiles that it claims to conform to.
    pub fn claims(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.resource["meta"]["profile"].as_array().into_iter().flatten().filter_map(Value::as_str)
    }
}
