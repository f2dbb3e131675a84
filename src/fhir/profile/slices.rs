//! The part of the walk that tells to which slice a value belongs. <https://hl7.org/fhir/R4/profiling.html#slicing>

use serde_json::Value;

use crate::fhir::profile::discriminator::tells;
use crate::fhir::profile::item::Item;
use crate::fhir::profile::pattern::is_fixed;
use crate::fhir::profile::pattern::matches;
use crate::fhir::profile::tree::Node;
use crate::fhir::profile::tree::Step;
use crate::fhir::profile::tree::Strength;
use crate::fhir::profile::tree::Test;
use crate::fhir::profile::tree::TestKind;
use crate::fhir::profile::walk::Walk;

impl<'a> Walk<'a> {
    /// Whether a value passes one test of a slice.
    pub(super) fn passes(&self, test: &Test, item: Item<'a>) -> bool {
        let found = self.follow(&test.path, item);
        match &test.kind {
            TestKind::Exists(wanted) => found.is_empty() != *wanted,
            TestKind::Url(url) => found.iter().any(|item| member(*item, "url") == Some(url)),
            TestKind::Type(codes) => found.iter().any(|item| self.has_type(*item, codes)),
            TestKind::Fits(node) => found.iter().any(|item| self.fits(*node, *item)),
        }
    }

    /// What a discriminator's path finds; `resolve()` stays at the reference.
    fn follow(&self, path: &[Step], item: Item<'a>) -> Vec<Item<'a>> {
        let mut found = vec![item];
        for step in path {
            found = match step {
                Step::Child(name) => found.iter().flat_map(|item| self.named(*item, name)).collect(),
                Step::Extension(url) => {
                    let inner = found.iter().flat_map(|item| self.named(*item, "extension"));
                    inner.filter(|extension| member(*extension, "url") == Some(url)).collect()
                }
                Step::Resolve => found,
            };
        }
        found
    }

    /// What a value has under a name; a choice element is found by its name without a type.
    fn named(&self, item: Item<'a>, name: &str) -> Vec<Item<'a>> {
        let find = |choice| {
            let node = Node { name: name.to_owned(), choice, ..Node::default() };
            item.children(self.known.shapes, &node)
        };
        let plain = find(false);
        if plain.is_empty() { find(true) } else { plain }
    }

    fn has_type(&self, item: Item<'a>, codes: &[String]) -> bool {
        let referred = member(item, "reference").and_then(|text| self.target_type(text));
        let names = [item.ty, member(item, "resourceType"), referred.map(|ty| ty.name())];
        names.into_iter().flatten().any(|name| codes.iter().any(|code| code == name))
    }

    /// Whether a value has what the node and those below it fix.
    fn fits(&self, node: usize, item: Item<'a>) -> bool {
        let nodes = &self.profile.nodes;
        let own = &nodes[node];
        let fixed = own.fixed.as_ref();
        let pattern = own.pattern.as_ref();
        let binding = own.binding.as_ref().filter(|binding| binding.strength == Strength::Required);
        fixed.is_none_or(|fixed| item.value.is_some_and(|value| is_fixed(fixed, value)))
            && pattern.is_none_or(|pattern| item.value.is_some_and(|value| matches(pattern, value)))
            && binding.is_none_or(|binding| self.is_within(binding, item))
            && own.children.iter().filter(|child| **child > node && tells(nodes, **child)).all(|child| {
                item.children(self.known.shapes, &nodes[*child])
                    .into_iter()
                    .any(|inner| self.fits(*child, inner))
            })
    }
}

fn member<'a>(item: Item<'a>, name: &str) -> Option<&'a str> {
    item.object()?.get(name).and_then(Value::as_str)
}
