//! The reader: one pass over the text, at most a fixed number of levels deep. <https://hl7.org/fhir/R4/xml.html>

use serde_json::Map;
use serde_json::Value;

use crate::fhir::ResourceType;
use crate::fhir::json;
use crate::fhir::shape::Form;
use crate::fhir::shape::Layout;
use crate::fhir::shape::Shapes;
use crate::fhir::shape::Slot;
use crate::fhir::xml::FHIR;
use crate::fhir::xml::XHTML;
use crate::fhir::xml::narrative;
use crate::fhir::xml::problem::Read;
use crate::fhir::xml::problem::shortened;
use crate::fhir::xml::source::Source;
use crate::fhir::xml::source::Space;
use crate::fhir::xml::tag::Given;
use crate::fhir::xml::tag::Tag;

/// Stands for an element that R4 does not know; validation names and refuses the element, whatever it holds.
const UNKNOWN: &str = "unknown";

/// A whole document.
pub(super) fn document(shapes: &Shapes, text: &str) -> Read<Value> {
    let mut reader = Reader { shapes, source: Source::new(text)?, levels: 0 };
    let root = reader.source.root()?;
    let value = reader.resource(&root).map_err(|problem| match ResourceType::parse(root.name) {
        Some(ty) => problem.within(ty.name()),
        None => problem,
    })?;
    reader.source.finish()?;
    Ok(value)
}

struct Reader<'a> {
    shapes: &'a Shapes,
    source: Source<'a>,
    /// How deep the JSON is that is being built.
    levels: usize,
}

impl<'a> Reader<'a> {
    fn resource(&mut self, tag: &Tag<'a>) -> Read<Value> {
        self.check_space(tag, Space::Fhir)?;
        let Some(ty) = ResourceType::parse(tag.name) else {
            let text = format!("`{}` is not a resource type of FHIR R4", shortened(tag.name));
            return Err(self.source.problem(text));
        };
        self.check_bare(tag)?;
        let mut map = Map::new();
        map.insert("resourceType".to_owned(), ty.name().into());
        self.members(self.shapes.layout(ty), &mut map)?;
        Ok(Value::Object(map))
    }

    fn members(&mut self, layout: Layout<'a>, map: &mut Map<String, Value>) -> Read<()> {
        if self.levels >= json::MAX_DEPTH {
            let text =
                format!("The resource is nested more than {} levels deep; flatten it", json::MAX_DEPTH);
            return Err(self.source.problem(text));
        }
        self.levels += 1;
        while let Some(tag) = self.source.element()? {
            match layout.slot(tag.name).filter(|slot| !slot.attribute) {
                Some(slot) => self.member(slot, &tag, map)?,
                None => self.unknown(layout, &tag, map)?,
            }
        }
        self.levels -= 1;
        drop_hollow_lists(map);
        Ok(())
    }

    fn member(&mut self, slot: Slot<'a>, tag: &Tag<'a>, map: &mut Map<String, Value>) -> Read<()> {
        if !slot.many {
            return self.filled(slot, tag, map).map_err(|problem| problem.within(slot.name));
        }
        let place = map.get(slot.name).and_then(Value::as_array).map_or(0, Vec::len);
        let filled = self.deeper().and_then(|()| self.filled(slot, tag, map));
        self.levels -= 1;
        filled.map_err(|problem| problem.within(format!("{}[{place}]", slot.name)))
    }

    /// Goes into an object or a list of the JSON, which is bounded as that of a JSON body is.
    fn deeper(&mut self) -> Read<()> {
        self.levels += 1;
        if self.levels <= json::MAX_DEPTH {
            return Ok(());
        }
        let text = format!("The resource is nested more than {} levels deep; flatten it", json::MAX_DEPTH);
        Err(self.source.problem(text))
    }

    fn filled(&mut self, slot: Slot<'a>, tag: &Tag<'a>, map: &mut Map<String, Value>) -> Read<()> {
        if !slot.many && (map.contains_key(slot.name) || map.contains_key(slot.shadow)) {
            let text = format!("`{}` is given twice and does not repeat; keep one", slot.name);
            return Err(self.source.problem(text));
        }
        if let Form::Xhtml = slot.form {
            self.check_space(tag, Space::Xhtml)?;
            let div = narrative::read(&mut self.source, *tag)?;
            map.insert(slot.name.to_owned(), div.into());
            return Ok(());
        }
        self.check_space(tag, Space::Fhir)?;
        let (value, shadow) = match slot.form {
            Form::Complex(layout) => (Some(self.object(layout, tag)?), None),
            Form::Resource => (Some(self.only_resource(tag)?), None),
            Form::Boolean | Form::Number | Form::Text | Form::Xhtml => self.primitive(slot, tag)?,
        };
        add(map, slot, (value, shadow));
        Ok(())
    }

    fn object(&mut self, layout: Layout<'a>, tag: &Tag<'a>) -> Read<Value> {
        let given = self.source.given(tag)?;
        if given.value.is_some() {
            let text = format!("`{}` is made of elements and has no attribute `value`", tag.name);
            return Err(self.source.problem(text));
        }
        let mut map = Map::new();
        for (name, value) in [("id", given.id), ("url", given.url)] {
            let Some(value) = value else { continue };
            if !layout.slot(name).is_some_and(|slot| slot.attribute) {
                let text = format!("`{}` has no attribute `{name}`; write it as an element", tag.name);
                return Err(self.source.problem(text));
            }
            map.insert(name.to_owned(), value.into());
        }
        self.members(layout, &mut map)?;
        Ok(Value::Object(map))
    }

    fn only_resource(&mut self, tag: &Tag<'a>) -> Read<Value> {
        self.check_bare(tag)?;
        let hollow = || format!("`{}` holds one resource", tag.name);
        let Some(inner) = self.source.element()? else { return Err(self.source.problem(hollow())) };
        let value = self.resource(&inner)?;
        match self.source.element()? {
            None => Ok(value),
            Some(_) => Err(self.source.problem(hollow())),
        }
    }

    fn primitive(&mut self, slot: Slot<'a>, tag: &Tag<'a>) -> Read<(Option<Value>, Option<Value>)> {
        let given = self.source.given(tag)?;
        if given.url.is_some() {
            let text = format!("`{}` has no attribute `url`; its value is the attribute `value`", tag.name);
            return Err(self.source.problem(text));
        }
        let value = given.value.map(|text| self.value(slot.form, text)).transpose()?;
        let mut shadow = Map::new();
        if let Some(id) = given.id {
            shadow.insert("id".to_owned(), id.into());
        }
        let start = self.source.span.clone();
        self.members(self.shapes.element_layout(), &mut shadow)?;
        if value.is_none() && shadow.is_empty() {
            self.source.span = start;
            let text = format!("`{}` is empty; give it a `value` or leave it out", tag.name);
            return Err(self.source.problem(text));
        }
        Ok((value, (!shadow.is_empty()).then_some(Value::Object(shadow))))
    }

    /// A value with the JSON type that it should have; one that is not of that type stays text, of which validation
    /// tells.
    fn value(&self, form: Form<'a>, text: String) -> Read<Value> {
        match (form, text.as_str()) {
            (Form::Boolean, "true") => Ok(Value::Bool(true)),
            (Form::Boolean, "false") => Ok(Value::Bool(false)),
            (Form::Number, number) => {
                // integers may have a plus in XML, which JSON does not know
                let number = number.strip_prefix('+').unwrap_or(number);
                if !number.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) {
                    return Ok(Value::String(text));
                }
                json::number(number).map(Value::Number).map_err(|fault| self.source.problem(fault))
            }
            (Form::Boolean | Form::Text | Form::Xhtml | Form::Complex(_) | Form::Resource, _) => {
                Ok(Value::String(text))
            }
        }
    }

    fn unknown(&mut self, layout: Layout<'a>, tag: &Tag<'a>, map: &mut Map<String, Value>) -> Read<()> {
        self.check_space(tag, Space::Fhir).map_err(|problem| problem.within(shortened(tag.name)))?;
        let name = shortened(tag.name);
        let fault = match layout.slot(tag.name) {
            Some(_) => Some(format!("`{name}` is an attribute here, not an element")),
            None if name == "resourceType" || name.starts_with('_') => {
                Some(format!("`{name}` belongs to FHIR's JSON; XML has no such element"))
            }
            None => None,
        };
        if let Some(text) = fault {
            return Err(self.source.problem(text).within(name));
        }
        map.entry(name).or_insert_with(|| UNKNOWN.into());
        self.source.skip()
    }

    fn check_space(&self, tag: &Tag<'_>, wanted: Space) -> Read<()> {
        if tag.space == wanted {
            return Ok(());
        }
        let uri = if wanted == Space::Fhir { FHIR } else { XHTML };
        let text =
            format!("`{}` is not in the namespace {uri}; declare it with `xmlns`", shortened(tag.name));
        Err(self.source.problem(text))
    }

    /// A resource and what holds one have no attributes.
    fn check_bare(&self, tag: &Tag<'_>) -> Read<()> {
        match self.source.given(tag)? {
            Given { id: None, url: None, value: None } => Ok(()),
            _ => {
                let text = format!("`{}` has no attributes; write its id as an element", shortened(tag.name));
                Err(self.source.problem(text))
            }
        }
    }
}

/// Adds what one element gives: a value, and the id and extensions of a primitive. In a list a null holds the place
/// of either where it is missing.
fn add(map: &mut Map<String, Value>, slot: Slot<'_>, (value, shadow): (Option<Value>, Option<Value>)) {
    if !slot.many {
        map.extend(value.map(|value| (slot.name.to_owned(), value)));
        map.extend(shadow.map(|shadow| (slot.shadow.to_owned(), shadow)));
        return;
    }
    let length = list(map, slot.name).map_or(0, |values| {
        values.push(value.unwrap_or(Value::Null));
        values.len()
    });
    if shadow.is_none() && !map.contains_key(slot.shadow) {
        return;
    }
    if let Some(shadows) = list(map, slot.shadow) {
        shadows.resize(length - 1, Value::Null);
        shadows.push(shadow.unwrap_or(Value::Null));
    }
}

fn list<'m>(map: &'m mut Map<String, Value>, name: &str) -> Option<&'m mut Vec<Value>> {
    if !map.contains_key(name) {
        map.insert(name.to_owned(), Value::Array(Vec::new()));
    }
    map.get_mut(name).and_then(Value::as_array_mut)
}

/// Leaves out lists in which nothing but places was held.
fn drop_hollow_lists(map: &mut Map<String, Value>) {
    if map.keys().any(|key| key.starts_with('_')) {
        map.retain(|_, value| !value.as_array().is_some_and(|items| items.iter().all(Value::is_null)));
    }
}
