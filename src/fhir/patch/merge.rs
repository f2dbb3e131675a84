//! Merge patch: the elements to set, and null for those to take away. <https://www.rfc-editor.org/rfc/rfc7396>

use serde_json::Value;

use crate::fhir::patch::is_empty;

/// Merges the changes into a resource.
pub(super) fn apply(changes: &Value, resource: &mut Value) {
    json_patch::merge(resource, changes);
    prune(changes, resource);
}

/// Leaves out the objects of which the patch took the last element: FHIR has no empty ones. What the patch itself
/// gives as empty stays, and is refused as any client's is.
fn prune(changes: &Value, resource: &mut Value) {
    let (Some(changes), Some(members)) = (changes.as_object(), resource.as_object_mut()) else { return };
    for (name, change) in changes.iter().filter(|(_, change)| change.is_object() && !is_empty(change)) {
        let Some(value) = members.get_mut(name) else { continue };
        prune(change, value);
        if is_empty(value) {
            members.shift_remove(name);
        }
    }
}
