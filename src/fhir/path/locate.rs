//! Where the selected elements stand, for who will change them. <https://hl7.org/fhir/R4/fhirpatch.html>

use std::collections::HashMap;

use serde_json::Value;

use crate::fhir::path::node::Node;

/// A step from an object or list to what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocationStep {
    /// The member of an object.
    Member(String),
    /// The entry of a list.
    Index(usize),
}

/// The way from a resource to one of its elements. A primitive that has extensions and no value is found at its
/// `_name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The steps, from the resource inwards; none for the resource itself.
    pub steps: Vec<LocationStep>,
}

/// Where each node stands in a resource, in the order of the nodes; what stands elsewhere is left out.
pub(super) fn locations(resource: &Value, nodes: &[Node<'_>]) -> Vec<Location> {
    // By their address, since equal values may stand in many places.
    let addresses: Vec<*const Value> =
        nodes.iter().filter_map(|node| node.value().or(node.shadow())).map(std::ptr::from_ref).collect();
    let mut found = addresses.iter().map(|address| (*address, None)).collect();
    search(resource, &mut found, &mut Vec::new());
    let steps = addresses.iter().filter_map(|address| found.get(address).cloned().flatten());
    steps.map(|steps| Location { steps }).collect()
}

type Found = HashMap<*const Value, Option<Vec<LocationStep>>>;

fn search(at: &Value, found: &mut Found, steps: &mut Vec<LocationStep>) {
    if let Some(place) = found.get_mut(&std::ptr::from_ref(at)) {
        *place = Some(steps.clone());
    }
    match at {
        Value::Object(members) => {
            for (name, value) in members {
                steps.push(LocationStep::Member(name.clone()));
                search(value, found, steps);
                steps.pop();
            }
        }
        Value::Array(entries) => {
            for (index, value) in entries.iter().enumerate() {
                steps.push(LocationStep::Index(index));
                search(value, found, steps);
                steps.pop();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
