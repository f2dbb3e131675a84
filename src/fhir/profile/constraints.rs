//! The part of the walk that judges invariants. <https://hl7.org/fhir/R4/conformance-rules.html#constraints>

use crate::fhir::path::Budget;
use crate::fhir::path::Scope;
use crate::fhir::path::holds;
use crate::fhir::profile::item::Item;
use crate::fhir::profile::subject::Subject;
use crate::fhir::profile::tree::Node;
use crate::fhir::profile::walk::Walk;
use crate::fhir::shape::At;

impl<'a> Walk<'a> {
    /// Judges the invariants that an element adds, upon one value.
    pub(super) fn constraints(&mut self, node: &'a Node, item: Item<'a>, at: &At<'_>) {
        // What R4 does not know at all is refused for that.
        let Some(context) = item.node else { return };
        let Subject { resource, root, outermost, .. } = self.subject;
        let scope = Scope { resource, root_resource: root, outermost, context };
        for constraint in &node.constraints {
            self.count_steps(10);
            if self.is_exhausted() {
                return;
            }
            let given = Budget::of(self.steps_left());
            let mut budget = given;
            let held = holds(&constraint.expression, self.known.shapes, scope, &mut budget);
            self.count_steps(given.left() - budget.left());
            match held {
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
