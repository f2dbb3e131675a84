//! A value where it stands in a resource, as the walk of a profile sees it. <https://hl7.org/fhir/R4/json.html#primitive>

use serde_json::Map;
use serde_json::Value;

use crate::fhir::path;
use crate::fhir::profile::choices::type_in;
use crate::fhir::profile::tree::Node;
use crate::fhir::shape::At;
use crate::fhir::shape::Shapes;

/// A value, what stands under its name with `_` in front, and where it is.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) value: Option<&'a Value>,
    pub(super) shadow: Option<&'a Value>,
    /// The type that the name of a choice element says.
    pub(super) ty: Option<&'static str>,
    /// What R4 says that it is; none where R4 has no such element.
    pub(super) node: Option<path::Node<'a>>,
    /// The name in JSON.
    key: &'a str,
    index: Option<usize>,
}

impl<'a> Item<'a> {
    /// The resource itself.
    pub(super) fn resource(resource: &'a Value) -> Self {
        let node = Some(path::Node::resource(resource));
        Self { value: Some(resource), shadow: None, ty: None, node, key: "", index: None }
    }

    /// An extension by itself.
    pub(super) fn extension(extension: &'a Value) -> Self {
        Self { node: None, ..Self::resource(extension) }
    }

    /// Does something at its place, below that of the element around it.
    pub(super) fn within(&self, at: &At<'_>, work: impl FnOnce(&At<'_>)) {
        let named = at.child(self.key);
        match self.index {
            Some(index) => work(&named.index(index)),
            None => work(&named),
        }
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
    pub(super) fn children(&self, shapes: &Shapes, node: &Node) -> Vec<Self> {
        let mut found = Vec::new();
        if node.name == "value" && self.value.is_some_and(|value| !value.is_object()) {
            // The value of a primitive is the primitive itself.
            found.push(Self { shadow: None, ..*self });
            return found;
        }
        let Some(map) = self.members() else { return found };
        if !node.choice {
            self.collect(shapes, (map, &node.name, None), &mut found);
            return found;
        }
        for key in map.keys() {
            let name = key.strip_prefix('_').unwrap_or(key);
            if let Some(ty) = type_in(name, &node.name)
                && found.iter().all(|known| known.key != name)
            {
                self.collect(shapes, (map, name, Some(ty)), &mut found);
            }
        }
        found
    }

    /// Adds what it has under a name, with or without `_`.
    fn collect(&self, shapes: &Shapes, (map, name, ty): Member<'a, '_>, found: &mut Vec<Self>) {
        let plain = map.get_key_value(name);
        let shadow = map.get_key_value(&format!("_{name}"));
        let key = match (plain, shadow) {
            (Some((key, _)), _) => key.as_str(),
            (None, Some((key, _))) => &key[1..],
            (None, None) => return,
        };
        let present = |value: Option<&'a Value>| value.filter(|value| !value.is_null());
        let mut add = |value: Option<&'a Value>, shadow: Option<&'a Value>, index| {
            let (value, shadow) = (present(value), present(shadow));
            if value.is_some() || shadow.is_some() {
                let node = self.node.and_then(|node| node.child(shapes, key, (value, shadow)));
                found.push(Self { value, shadow, ty, node, key, index });
            }
        };
        let (value, shadow) = (plain.map(|(_, value)| value), shadow.map(|(_, value)| value));
        let length = [value, shadow].into_iter().flatten().filter_map(Value::as_array).map(Vec::len).max();
        let entry = |list: Option<&'a Value>, index| list?.as_array()?.get(index);
        match length {
            None => add(value, shadow, None),
            Some(length) => {
                (0..length).for_each(|index| add(entry(value, index), entry(shadow, index), Some(index)))
            }
        }
    }
}

/// An object, a name in it, and the type that the name says.
type Member<'a, 'n> = (&'a Map<String, Value>, &'n str, Option<&'static str>);
