//! An element where it stands, to be changed there. <https://hl7.org/fhir/R4/json.html#primitive>

use serde_json::Map;
use serde_json::Value;

use crate::fhir::ResourceType;
use crate::fhir::patch::given::Element;
use crate::fhir::patch::given::Given;
use crate::fhir::patch::given::append;
use crate::fhir::patch::given::pairs;
use crate::fhir::patch::given::put;
use crate::fhir::path::Location;
use crate::fhir::path::LocationStep;
use crate::fhir::shape::Form;
use crate::fhir::shape::Layout;
use crate::fhir::shape::Shapes;

/// An element: the object in which it stands, its name there without `_`, and its place where it is one of a list.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spot {
    parent: Vec<LocationStep>,
    name: String,
    index: Option<usize>,
}

impl Spot {
    /// The element at a location; none for the resource itself.
    pub(super) fn at(location: &Location) -> Option<Self> {
        let (last, before) = location.steps.split_last()?;
        let (name, parent, index) = match last {
            LocationStep::Member(name) => (name, before, None),
            LocationStep::Index(index) => match before.split_last()? {
                (LocationStep::Member(name), parent) => (name, parent, Some(*index)),
                (LocationStep::Index(_), _) => return None,
            },
        };
        let name = name.strip_prefix('_').unwrap_or(name).to_owned();
        Some(Self { parent: parent.to_vec(), name, index })
    }

    /// How deep it lies.
    pub(super) fn depth(&self) -> usize {
        self.parent.len() + 2
    }

    /// Whether it stands in the same list.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        self.index.is_some() && self.parent == other.parent && self.name == other.name
    }

    /// How long its list is.
    pub(super) fn length(&self, resource: &Value) -> usize {
        let Some(members) = object(resource, &self.parent) else { return 0 };
        let length = |name: &str| members.get(name).and_then(Value::as_array).map_or(0, Vec::len);
        length(&self.name).max(length(&format!("_{}", self.name)))
    }

    /// Changes its list.
    pub(super) fn with_list(&self, resource: &mut Value, change: impl FnOnce(&mut Vec<(Value, Value)>)) {
        let Some(members) = object_mut(resource, &self.parent) else { return };
        let mut list = pairs(members, &self.name);
        change(&mut list);
        put(members, &self.name, list);
    }

    /// Takes it away, and whatever has nothing in it then.
    pub(super) fn remove(&self, resource: &mut Value) {
        self.put(resource, None);
        prune(resource, &self.parent);
    }

    /// Puts a value with what stands beside it, or nothing, in its place.
    fn put(&self, resource: &mut Value, pair: Option<(Value, Value)>) {
        if let Some(index) = self.index {
            return self.with_list(resource, |list| {
                if index < list.len() {
                    list.splice(index..=index, pair);
                }
            });
        }
        let Some(members) = object_mut(resource, &self.parent) else { return };
        let (value, shadow) = pair.unwrap_or_default();
        for (name, value) in [(self.name.clone(), value), (format!("_{}", self.name), shadow)] {
            if value.is_null() {
                members.shift_remove(&name);
            } else {
                members.insert(name, value);
            }
        }
    }

    /// The value, without what stands beside it.
    fn value(&self, resource: &Value) -> Value {
        let value = object(resource, &self.parent).and_then(|members| members.get(&self.name));
        let value = value.and_then(|value| self.index.map_or(Some(value), |index| value.get(index)));
        value.cloned().unwrap_or_default()
    }

    /// Puts another value in its place; that of a choice may be of another type.
    ///
    /// # Errors
    /// What is wrong, as the rest of a sentence.
    pub(super) fn replace(&self, shapes: &Shapes, resource: &mut Value, given: &Given) -> Result<(), String> {
        let layout = layout(shapes, resource, &self.parent).ok_or("names an element that is not of R4")?;
        let element = self.element(layout, given)?;
        let same = Self { name: element.slot.name.to_owned(), ..self.clone() };
        if same != *self {
            self.put(resource, None);
        }
        same.put(resource, Some(element.pair));
        Ok(())
    }

    /// The value as an element of its name, or of the same choice.
    pub(super) fn element<'a>(&self, layout: Layout<'a>, given: &Given) -> Result<Element<'a>, String> {
        let own = layout.slot(&self.name).ok_or("names an element that is not of R4")?;
        let of_choice = given.ty().and_then(|ty| {
            // `value` of `valueQuantity`: wherever a capital begins, the name of the choice may end.
            let ends = self.name.char_indices().filter(|(_, letter)| letter.is_ascii_uppercase());
            let mut names = ends.map(|(end, _)| format!("{}{ty}", &self.name[..end]));
            names.find_map(|name| layout.slot(&name).filter(|slot| slot.order == own.order))
        });
        given.inside(of_choice.unwrap_or(own))
    }

    /// The table of the object in which it stands.
    pub(super) fn layout<'a>(&self, shapes: &'a Shapes, resource: &Value) -> Option<Layout<'a>> {
        layout(shapes, resource, &self.parent)
    }
}

/// Takes away an object in which nothing is left, and so on outwards: an element, or what a primitive has beside its
/// value.
fn prune(resource: &mut Value, steps: &[LocationStep]) {
    let Some(spot) = Spot::at(&Location { steps: steps.to_vec() }) else { return };
    if !object(resource, steps).is_some_and(Map::is_empty) {
        return;
    }
    let beside = steps.iter().rev().find_map(|step| match step {
        LocationStep::Member(name) => Some(name.starts_with('_')),
        LocationStep::Index(_) => None,
    });
    let left = (beside == Some(true)).then(|| (spot.value(resource), Value::Null));
    spot.put(resource, left.filter(|(value, _)| !value.is_null()));
    prune(resource, &spot.parent);
}

/// Adds an element to what stands at a location: to a list behind its others, else where there is none yet.
///
/// # Errors
/// What is wrong, as the rest of a sentence.
pub(super) fn add(
    shapes: &Shapes,
    resource: &mut Value,
    location: &Location,
    (name, given): (&str, &Given),
) -> Result<(), String> {
    let steps = container(resource, location);
    let layout = layout(shapes, resource, &steps).ok_or("names an element that is not of R4")?;
    let element = given.element(layout, name)?;
    let is_same = |key: &String| {
        let slot = layout.slot(key.strip_prefix('_').unwrap_or(key));
        slot.is_some_and(|slot| slot.order == element.slot.order)
    };
    let taken =
        !element.slot.many && object(resource, &steps).is_some_and(|members| members.keys().any(is_same));
    if taken {
        return Err(format!("adds `{name}`, which is there already; replace it"));
    }
    let members = made(resource, &steps).ok_or("names a place that holds no elements")?;
    append(members, element);
    Ok(())
}

/// Where the elements of what stands at a location stand: beside a primitive, under its name with `_`.
fn container(resource: &Value, location: &Location) -> Vec<LocationStep> {
    let mut steps = location.steps.clone();
    let is_primitive = value(resource, &steps).is_some_and(|value| !value.is_object());
    let member = steps.iter_mut().rev().find_map(|step| match step {
        LocationStep::Member(name) => Some(name),
        LocationStep::Index(_) => None,
    });
    if let Some(name) = member.filter(|name| is_primitive && !name.starts_with('_')) {
        name.insert(0, '_');
    }
    steps
}

fn value<'a>(resource: &'a Value, steps: &[LocationStep]) -> Option<&'a Value> {
    steps.iter().try_fold(resource, |at, step| match step {
        LocationStep::Member(name) => at.get(name),
        LocationStep::Index(index) => at.get(*index),
    })
}

fn object<'a>(resource: &'a Value, steps: &[LocationStep]) -> Option<&'a Map<String, Value>> {
    value(resource, steps)?.as_object()
}

fn object_mut<'a>(resource: &'a mut Value, steps: &[LocationStep]) -> Option<&'a mut Map<String, Value>> {
    let found = steps.iter().try_fold(resource, |at, step| match step {
        LocationStep::Member(name) => at.get_mut(name),
        LocationStep::Index(index) => at.get_mut(*index),
    });
    found?.as_object_mut()
}

/// The object at these steps, which is made where what stands beside a primitive is not there yet.
fn made<'a>(resource: &'a mut Value, steps: &[LocationStep]) -> Option<&'a mut Map<String, Value>> {
    let mut at = resource;
    for (number, step) in steps.iter().enumerate() {
        at = match step {
            LocationStep::Member(name) => {
                let is_list = matches!(steps.get(number + 1), Some(LocationStep::Index(_)));
                let empty = if is_list { Value::Array(Vec::new()) } else { Value::Object(Map::new()) };
                at.as_object_mut()?.entry(name.clone()).or_insert(empty)
            }
            LocationStep::Index(index) => {
                let list = at.as_array_mut()?;
                if list.len() <= *index {
                    list.resize(index + 1, Value::Null);
                }
                list.get_mut(*index)?
            }
        };
        if at.is_null() {
            *at = Value::Object(Map::new());
        }
    }
    at.as_object_mut()
}

/// The table of what stands at these steps.
fn layout<'a>(shapes: &'a Shapes, resource: &Value, steps: &[LocationStep]) -> Option<Layout<'a>> {
    let of_resource = |value: Option<&Value>| {
        let name = value?.get("resourceType")?.as_str()?;
        ResourceType::parse(name).map(|ty| shapes.layout(ty))
    };
    let mut found = of_resource(Some(resource))?;
    for (number, step) in steps.iter().enumerate() {
        let LocationStep::Member(name) = step else { continue };
        found = if name.starts_with('_') {
            shapes.element_layout()
        } else {
            match found.slot(name)?.form {
                Form::Complex(layout) => layout,
                Form::Resource => {
                    let index = matches!(steps.get(number + 1), Some(LocationStep::Index(_)));
                    of_resource(value(resource, &steps[..=number + usize::from(index)]))?
                }
                Form::Boolean | Form::Number | Form::Text | Form::Xhtml => shapes.element_layout(),
            }
        };
    }
    Some(found)
}
