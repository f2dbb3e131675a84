//! The part of the walk that judges the values under one name of an object.
//! <https://hl7.org/fhir/R4/json.html#primitive>

use serde_json::Map;
use serde_json::Value;

use crate::fhir::path::Node;
use crate::fhir::shape::path::At;
use crate::fhir::shape::primitive::Fault;
use crate::fhir::shape::primitive::Primitive;
use crate::fhir::shape::references;
use crate::fhir::shape::rules::Place;
use crate::fhir::shape::suggest;
use crate::fhir::shape::tables::Content;
use crate::fhir::shape::tables::Element;
use crate::fhir::shape::tables::Kind;
use crate::fhir::shape::tables::Property;
use crate::fhir::shape::tables::Type;
use crate::fhir::shape::walk::Walk;
use crate::fhir::shape::walk::json_type;

/// A property of a type: its name in JSON and its element.
type Found<'a> = (&'a Property, &'a Element);
/// A value, and what stands under its name with `_` in front.
type Pair<'a> = (Option<&'a Value>, Option<&'a Value>);
/// The same for lists.
type ListPair<'a> = (Option<&'a Vec<Value>>, Option<&'a Vec<Value>>);

impl<'a> Walk<'a> {
    /// A property with its value, its shadow (`_name`), or both.
    pub(super) fn property(&mut self, found: Found<'a>, (value, shadow): Pair<'a>, at: &At<'_>) {
        let (property, element) = found;
        if !element.many {
            if [value, shadow].into_iter().flatten().any(Value::is_null) {
                return self.report_null(at);
            }
            if [value, shadow].into_iter().flatten().any(Value::is_array) {
                let text = format!("`{}` does not repeat; send its value, not a list.", property.name);
                return self.report("structure", *at, text);
            }
            return self.item(found, (value, shadow), at);
        }
        let values = match value.map(|value| value.as_array().ok_or(value)) {
            Some(Ok(values)) => Some(values),
            Some(Err(Value::Null)) => return self.report_null(at),
            Some(Err(single)) => {
                let text = format!("`{}` repeats; send a list, even of one.", property.name);
                self.report("structure", *at, text);
                return self.item(found, (Some(single), None), at);
            }
            None => None,
        };
        let shadows = match shadow.map(Value::as_array) {
            Some(None) => {
                let text = format!("`{}` repeats, so `{}` is a list too.", property.name, property.shadow);
                return self.report("structure", *at, text);
            }
            Some(shadows) => shadows,
            None => None,
        };
        self.list(found, (values, shadows), at);
    }

    fn list(&mut self, (property, element): Found<'a>, (values, shadows): ListPair<'a>, at: &At<'_>) {
        let length = values.or(shadows).map_or(0, Vec::len);
        if length == 0 || shadows.is_some_and(Vec::is_empty) {
            return self.report("structure", *at, "An empty list says nothing; leave it out.".to_owned());
        }
        if shadows.is_some_and(|shadows| shadows.len() != length) {
            let text = format!(
                "`{}` and `{}` have different lengths; fill both with null so that they match.",
                property.name, property.shadow
            );
            self.report("structure", *at, text);
        }
        if length > element.max {
            let text = format!(
                "`{}` may occur {} times at most, and occurs {length} times.",
                property.name, element.max
            );
            self.report("value", *at, text);
        }
        for place in 0..length {
            let value = values.and_then(|values| values.get(place));
            let shadow = shadows.and_then(|shadows| shadows.get(place));
            self.item((property, element), (value, shadow), &at.index(place));
        }
    }

    /// One value, not a list. A null holds the place of a value or shadow that the other list has.
    fn item(&mut self, (property, element): Found<'a>, (value, shadow): Pair<'a>, at: &At<'_>) {
        let value = value.filter(|value| !value.is_null());
        let shadow = shadow.filter(|shadow| !shadow.is_null());
        if value.is_none() && shadow.is_none() {
            return self.report_null(at);
        }
        if let Some(shadow) = shadow {
            self.shadow(property, shadow, at);
        }
        self.value((property, element), value, at);
        // An empty object is reported as such.
        let says_something = |value: &Value| {
            value.as_object().is_none_or(|map| map.is_empty() || map.keys().any(|key| key != "id"))
        };
        if !matches!(property.content, Content::Resource)
            && ![value, shadow].into_iter().flatten().any(says_something)
        {
            let text = format!(
                "`{}` has an id and nothing else (ele-1); give it a value or children.",
                property.name
            );
            self.report("invariant", *at, text);
        }
        if !element.rules.is_empty() {
            let node = Node::element(property.content, value, shadow);
            let place = Place { content: property.content, seen: &[], required: &[] };
            self.rules(&element.rules, node, (place, at));
        }
    }

    fn value(&mut self, (property, _): Found<'a>, value: Option<&'a Value>, at: &At<'_>) {
        let Some(value) = value else { return };
        match (property.content, value) {
            (Content::Primitive(primitive), value) => self.primitive(property, (primitive, value), at),
            (Content::Resource, value) if property.name == "contained" => self.contained(value, at),
            (Content::Resource, value) => self.resource(value, at),
            (Content::Complex(ty), Value::Object(map)) => {
                let ty = &self.shapes.types[ty];
                self.object(ty, (value, map), at);
                self.check_meaning((property, ty), map, at);
            }
            (Content::Complex(ty), value) => {
                let name = &self.shapes.types[ty].name;
                let text = format!("`{}` is an object ({name}), not {}.", property.name, json_type(value));
                self.report("structure", *at, text);
            }
        }
    }

    /// What `_name` holds: the id and extensions of a primitive.
    fn shadow(&mut self, property: &Property, shadow: &'a Value, at: &At<'_>) {
        match shadow.as_object() {
            Some(map) => self.object(&self.shapes.types[self.shapes.element], (shadow, map), at),
            None => {
                let text = format!("`{}` is an object with `id` or `extension`.", property.shadow);
                self.report("structure", *at, text);
            }
        }
    }

    fn primitive(&mut self, property: &Property, (primitive, value): (Primitive, &'a Value), at: &At<'_>) {
        match primitive.check(value) {
            Err(Fault::Type(wanted)) => {
                let text = format!("`{}` is {wanted}, not {}.", property.name, json_type(value));
                return self.report("structure", *at, text);
            }
            Err(Fault::Format(text)) => return self.report("value", *at, text),
            Ok(()) => {}
        }
        let Some(text) = value.as_str() else { return };
        if primitive.is_address()
            && let (Some(id), Some(container)) = (text.strip_prefix('#'), self.containers.last_mut())
        {
            container.follow(id);
        }
        if let Some(list) = property.list.map(|list| &self.shapes.lists[list])
            && !list.has_code(text)
        {
            let text = format!("`{}` is not allowed here; {}.", suggest::shortened(text), list.advice());
            self.report("code-invalid", *at, text);
        }
    }

    /// What an object says as a whole, beyond its elements: codes in a required binding, and references.
    fn check_meaning(
        &mut self,
        (property, ty): (&Property, &Type),
        map: &'a Map<String, Value>,
        at: &At<'_>,
    ) {
        let list = property.list.map(|list| &self.shapes.lists[list]);
        match (ty.kind, list) {
            (Kind::Reference, _) => references::check(self, property, map, at),
            (Kind::Coding, Some(list)) if !list.has_coding(map) => {
                self.report(
                    "code-invalid",
                    *at,
                    format!("This code is not allowed here; {}.", list.advice()),
                );
            }
            (Kind::CodeableConcept, Some(list)) => {
                let codings = map.get("coding").and_then(Value::as_array);
                let fits =
                    codings.into_iter().flatten().filter_map(Value::as_object).any(|c| list.has_coding(c));
                if !fits {
                    let text = format!("None of these codes is allowed here; {}.", list.advice());
                    self.report("code-invalid", *at, text);
                }
            }
            (Kind::Resource | Kind::Coding | Kind::CodeableConcept | Kind::Quantity | Kind::Other, _) => {}
        }
    }
}
