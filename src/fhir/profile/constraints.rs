//! The part of the walk that judges invariants. <https://hl7.org/fhir/R4/conformance-rules.html#constraints>

use serde_json::Value;

use crate::fhir::path::Scope;
use crate::fhir::path::holds;
use crate::fhir::profile::item::Item;
use crate::fhir::profile::tree::Node;
use crate::fhir::profile::walk::Walk;
use crate::fhir::shape::At;

impl<'a> Walk<'a> {
    /// Judges the invariants that an element adds, upon one value.
    pub(super) fn constraints(&mut self, node: &'a Node, item: Item<'a>, at: &At<'_>) {
        // What R4 does not know at all is refused for that.
        let Some(context) = item.node else { return };
        let resource: &'a Value = self.resource;
        let scope = Scope { resource, root_resource: resource, outermost: resource, context };
        for constraint in &node.constraints {
            match holds(&constraint.expression, self.known.shapes, scope) {
                Ok(Some(true) | None) => {}
                Ok(Some(false)) => {
                    let text = format!("{} ({}).", constraint.says, constraint.key);
                    self.note(constraint.severity, "invariant", (at, text));
                }
                Err(_) => {
                    self.notes.insert(format!("the invariant {}", constraint.key));
                }
            }
        }
    }
}
