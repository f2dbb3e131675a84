//! The value that a FHIRPath patch gives: as `value[x]`, as parts for an element without a type of its own, or as a
//! resource. <https://hl7.org/fhir/R4/fhirpatch.html>

use serde_json::Map;
use serde_json::Value;

use crate::fhir::patch::depth;
use crate::fhir::shape::Form;
use crate::fhir::shape::Layout;
use crate::fhir::shape::Slot;

/// A value as it was given.
#[derive(Clone, Debug)]
pub(super) enum Given {
    /// A value of a named type.
    Typed(Typed),
    /// The elements of an object, each with its name.
    Parts(Vec<(String, Given)>),
    /// A resource.
    Resource(Value),
}

/// A value of a named type.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    /// The type as a choice element's name ends with it: `CodeableConcept`.
    ty: String,
    value: Value,
    shadow: Value,
}

/// A value for one element of a type.
pub(super) struct Element<'a> {
    /// Under which name it goes.
    pub(super) slot: Slot<'a>,
    /// The value, and what stands beside it under the name with `_`; null where there is nothing.
    pub(super) pair: (Value, Value),
}

impl Given {
    /// Reads the value of a parameter or part; none where it has none.
    pub(super) fn read(parameter: &Value) -> Option<Self> {
        let members = parameter.as_object()?;
        if let Some(resource) = members.get("resource") {
            return Some(Self::Resource(resource.clone()));
        }
        if let Some(parts) = members.get("part").and_then(Value::as_array) {
            let named = |part: &Value| Some((part.get("name")?.as_str()?.to_owned(), Self::read(part)?));
            return parts.iter().map(named).collect::<Option<_>>().map(Self::Parts);
        }
        let ty = members.keys().find_map(|key| key.trim_start_matches('_').strip_prefix("value"))?;
        let found = |name: String| members.get(&name).cloned().unwrap_or_default();
        let (value, shadow) = (found(format!("value{ty}")), found(format!("_value{ty}")));
        Some(Self::Typed(Typed { ty: ty.to_owned(), value, shadow }))
    }

    /// The type that it names, as a choice element's name ends with it.
    pub(super) fn ty(&self) -> Option<&str> {
        match self {
            Self::Typed(typed) => Some(&typed.ty),
            Self::Parts(_) | Self::Resource(_) => None,
        }
    }

    /// How deep it nests.
    pub(super) fn depth(&self) -> usize {
        match self {
            Self::Typed(typed) => depth(&typed.value).max(depth(&typed.shadow)),
            Self::Parts(parts) => 2 + parts.iter().map(|(_, part)| part.depth()).max().unwrap_or(0),
            Self::Resource(resource) => depth(resource),
        }
    }

    /// As an element with this name, where the type has one; a choice is named without its type or with it.
    ///
    /// # Errors
    /// What is wrong, as the rest of a sentence that begins with the patch.
    pub(super) fn element<'a>(&self, layout: Layout<'a>, name: &str) -> Result<Element<'a>, String> {
        let of_choice = || layout.slot(&format!("{name}{}", self.ty()?));
        let slot = layout.slot(name).or_else(of_choice).ok_or_else(|| {
            format!("names the element `{name}`, which {} does not have in this form", layout.name())
        })?;
        self.inside(slot)
    }

    /// As the value of this element.
    ///
    /// # Errors
    /// As for [`Given::element`].
    pub(super) fn inside<'a>(&self, slot: Slot<'a>) -> Result<Element<'a>, String> {
        let value = match (self, slot.form) {
            (Self::Typed(typed), _) => {
                return Ok(Element { slot, pair: (typed.value.clone(), typed.shadow.clone()) });
            }
            (Self::Resource(resource), Form::Resource) => resource.clone(),
            (Self::Parts(parts), Form::Complex(layout)) => object(parts, layout)?,
            (Self::Resource(_), _) => {
                return Err(format!("gives a resource for `{}`, which holds none", slot.name));
            }
            (Self::Parts(_), _) => {
                return Err(format!("gives parts for `{}`; give it as `value[x]`", slot.name));
            }
        };
        Ok(Element { slot, pair: (value, Value::Null) })
    }
}

fn object(parts: &[(String, Given)], layout: Layout<'_>) -> Result<Value, String> {
    let mut members = Map::new();
    for (name, given) in parts {
        let element = given.element(layout, name)?;
        if !element.slot.many
            && (members.contains_key(element.slot.name) || members.contains_key(element.slot.shadow))
        {
            return Err(format!("gives `{name}` twice"));
        }
        append(&mut members, element);
    }
    Ok(Value::Object(members))
}

/// Puts an element behind those of its name, or as the only one.
pub(super) fn append(members: &mut Map<String, Value>, element: Element<'_>) {
    if element.slot.many {
        let mut pairs = pairs(members, element.slot.name);
        pairs.push(element.pair);
        put(members, element.slot.name, pairs);
        return;
    }
    for (name, value) in [(element.slot.name, element.pair.0), (element.slot.shadow, element.pair.1)] {
        if value.is_null() {
            members.shift_remove(name);
        } else {
            members.insert(name.to_owned(), value);
        }
    }
}

/// The entries of a list, each with what stands beside it under the name with `_`.
pub(super) fn pairs(members: &Map<String, Value>, name: &str) -> Vec<(Value, Value)> {
    let list = |name: &str| members.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let (mut values, mut shadows) = (list(name), list(&format!("_{name}")));
    let length = values.len().max(shadows.len());
    values.resize(length, Value::Null);
    shadows.resize(length, Value::Null);
    values.into_iter().zip(shadows).collect()
}

/// Puts a list in the place of another; where nothing is in it, it is left out.
pub(super) fn put(members: &mut Map<String, Value>, name: &str, pairs: Vec<(Value, Value)>) {
    let (values, shadows): (Vec<Value>, Vec<Value>) = pairs.into_iter().unzip();
    for (name, list) in [(name.to_owned(), values), (format!("_{name}"), shadows)] {
        if list.iter().all(Value::is_null) {
            members.shift_remove(&name);
        } else {
            members.insert(name, Value::Array(list));
        }
    }
}
