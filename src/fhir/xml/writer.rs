//! The writer: one pass over the tree, elements in R4's order. <https://hl7.org/fhir/R4/xml.html>

use serde_json::Map;
use serde_json::Value;

use crate::fhir::ResourceType;
use crate::fhir::shape::Form;
use crate::fhir::shape::Layout;
use crate::fhir::shape::Shapes;
use crate::fhir::shape::Slot;
use crate::fhir::xml::FHIR;
use crate::fhir::xml::Style;
use crate::fhir::xml::is_character;
use crate::fhir::xml::narrative;

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";

/// A whole document.
pub(super) fn document(shapes: &Shapes, resource: &Value, style: Style) -> Result<Vec<u8>, String> {
    let mut writer = Writer { shapes, style, out: DECLARATION.as_bytes().to_vec(), level: 0 };
    writer.resource(resource)?;
    if style == Style::Pretty {
        writer.out.push(b'\n');
    }
    Ok(writer.out)
}

struct Writer<'a> {
    shapes: &'a Shapes,
    style: Style,
    out: Vec<u8>,
    level: usize,
}

/// An element that is there: its value, and what stands under its name with `_` in front.
struct Field<'a, 'v> {
    slot: Slot<'a>,
    value: Option<&'v Value>,
    shadow: Option<&'v Value>,
}

impl<'a> Writer<'a> {
    fn resource(&mut self, value: &Value) -> Result<(), String> {
        let name = value.get("resourceType").and_then(Value::as_str).unwrap_or_default();
        let ty = ResourceType::parse(name).ok_or_else(|| "a resource without its type".to_owned())?;
        let map = value.as_object().ok_or_else(|| "a resource that is no object".to_owned())?;
        self.element(ty.name(), self.shapes.layout(ty), map)
    }

    fn element(&mut self, name: &str, layout: Layout<'a>, map: &Map<String, Value>) -> Result<(), String> {
        self.begin(name);
        for name in ["id", "url"] {
            if layout.slot(name).is_some_and(|slot| slot.attribute)
                && let Some(value) = map.get(name)
            {
                self.attribute(name, value)?;
            }
        }
        let fields = fields(layout, map)?;
        self.content(name, fields)
    }

    /// The fields of an element whose start tag is written so far, and its end.
    fn content(&mut self, name: &str, fields: Vec<Field<'a, '_>>) -> Result<(), String> {
        if fields.is_empty() {
            self.out.extend_from_slice(b"/>");
            return Ok(());
        }
        self.out.push(b'>');
        self.level += 1;
        for field in fields {
            self.field(&field)?;
        }
        self.level -= 1;
        self.end(name);
        Ok(())
    }

    fn field(&mut self, field: &Field<'a, '_>) -> Result<(), String> {
        let name = field.slot.name;
        let fault = || format!("`{name}` of another type than R4 defines");
        match field.slot.form {
            Form::Complex(layout) => {
                for item in items(field.value) {
                    self.element(name, layout, item.as_object().ok_or_else(fault)?)?;
                }
            }
            Form::Resource => {
                for item in items(field.value) {
                    self.begin(name);
                    self.out.push(b'>');
                    self.level += 1;
                    self.resource(item)?;
                    self.level -= 1;
                    self.end(name);
                }
            }
            Form::Xhtml => {
                self.indent();
                narrative::write(field.value.and_then(Value::as_str).ok_or_else(fault)?, &mut self.out);
            }
            Form::Boolean | Form::Number | Form::Text => self.primitives(field)?,
        }
        Ok(())
    }

    fn primitives(&mut self, field: &Field<'a, '_>) -> Result<(), String> {
        let (values, shadows) = (items(field.value), items(field.shadow));
        for place in 0..values.len().max(shadows.len()) {
            self.begin(field.slot.name);
            let shadow = shadows.get(place).and_then(Value::as_object);
            if let Some(id) = shadow.and_then(|shadow| shadow.get("id")) {
                self.attribute("id", id)?;
            }
            if let Some(value) = values.get(place).filter(|value| !value.is_null()) {
                self.attribute("value", value)?;
            }
            let inner = match shadow {
                Some(shadow) => fields(self.shapes.element_layout(), shadow)?,
                None => Vec::new(),
            };
            self.content(field.slot.name, inner)?;
        }
        Ok(())
    }

    fn begin(&mut self, name: &str) {
        self.indent();
        self.out.push(b'<');
        self.out.extend_from_slice(name.as_bytes());
        if self.level == 0 {
            self.out.extend_from_slice(format!(" xmlns=\"{FHIR}\"").as_bytes());
        }
    }

    fn end(&mut self, name: &str) {
        self.indent();
        self.out.extend_from_slice(b"</");
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b'>');
    }

    fn indent(&mut self) {
        if self.style == Style::Pretty {
            self.out.push(b'\n');
            self.out.resize(self.out.len() + 2 * self.level, b' ');
        }
    }

    fn attribute(&mut self, name: &str, value: &Value) -> Result<(), String> {
        self.out.push(b' ');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"=\"");
        match value {
            Value::String(text) => escape(text, &mut self.out),
            Value::Bool(_) | Value::Number(_) => self.out.extend_from_slice(value.to_string().as_bytes()),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                return Err(format!("`{name}` that is no primitive value"));
            }
        }
        self.out.push(b'"');
        Ok(())
    }
}

/// What a map has as elements, in R4's order.
fn fields<'a, 'v>(layout: Layout<'a>, map: &'v Map<String, Value>) -> Result<Vec<Field<'a, 'v>>, String> {
    let has_shadows = map.keys().any(|key| key.starts_with('_'));
    let mut fields = Vec::with_capacity(map.len());
    for (key, value) in map {
        if key == "resourceType" && layout.is_resource() {
            continue;
        }
        let shadowed = key.strip_prefix('_');
        let name = shadowed.unwrap_or(key);
        let slot = layout.slot(name).ok_or_else(|| format!("{} has no `{key}`", layout.name()))?;
        if slot.attribute {
            continue;
        }
        match shadowed {
            None => {
                let shadow = if has_shadows { map.get(slot.shadow) } else { None };
                fields.push(Field { slot, value: Some(value), shadow });
            }
            // with a value beside it, both are written together
            Some(name) if map.contains_key(name) => {}
            Some(_) => fields.push(Field { slot, value: None, shadow: Some(value) }),
        }
    }
    fields.sort_by_key(|field| field.slot.order);
    Ok(fields)
}

fn items(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::Array(items)) => items,
        Some(single) => std::slice::from_ref(single),
        None => &[],
    }
}

/// Writes text so that a reader gets back just it: line ends and tabs too, which would else become spaces.
fn escape(text: &str, out: &mut Vec<u8>) {
    let plain = |byte: u8| !matches!(byte, b'&' | b'<' | b'>' | b'"' | 0..=0x1F | 0xEF);
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| !plain(byte)) {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let character = rest[at..].chars().next().unwrap_or_default();
        rest = &rest[at + character.len_utf8()..];
        match character {
            '&' => out.extend_from_slice(b"&amp;"),
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            '"' => out.extend_from_slice(b"&quot;"),
            '\t' => out.extend_from_slice(b"&#9;"),
            '\n' => out.extend_from_slice(b"&#10;"),
            '\r' => out.extend_from_slice(b"&#13;"),
            _ => {
                let kept = if is_character(character) { character } else { '\u{FFFD}' };
                out.extend_from_slice(kept.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
    }
    out.extend_from_slice(rest.as_bytes());
}
