//! FHIRPath: paths and conditions over a resource. <https://hl7.org/fhir/R4/fhirpath.html>
//!
//! There are two of it. [`Path`] is the small part in which R4 writes its search expressions, which is worked
//! through for every resource that is written. [`Expression`] is the whole language, as the invariants of R4 and of
//! profiles and FHIRPath Patch are written in it. Both walk the JSON as it is, and neither reads anything but the
//! resource.

mod budget;
mod evaluate;
mod functions;
mod item;
mod lexer;
mod locate;
mod node;
mod number;
mod operators;
mod parser;
mod reads;
mod search;
#[cfg(test)]
mod tests;
mod tree;
mod value;

use serde_json::Value;

use crate::fhir::path::evaluate::Evaluator;
use crate::fhir::path::evaluate::Frame;
use crate::fhir::path::item::Item;
use crate::fhir::path::tree::Tree;
use crate::fhir::shape::Content;
use crate::fhir::shape::Shapes;

pub use budget::Budget;
pub use locate::Location;
pub use locate::LocationStep;
pub use node::Node;
pub use search::Hit;
pub use search::Path;

/// A compiled expression of the whole language.
#[derive(Clone, Debug)]
pub struct Expression {
    tree: Tree,
    patterns: usize,
}

impl Expression {
    /// Compiles an expression.
    ///
    /// # Errors
    /// A sentence for whoever wrote it, where it is not FHIRPath or calls a function that is not known.
    pub fn compile(text: &str) -> Result<Self, String> {
        parser::parse(text).map(|(tree, patterns)| Self { tree, patterns })
    }

    /// How many patterns are compiled with it, each of which takes memory of its own.
    #[must_use]
    pub fn patterns(&self) -> usize {
        self.patterns
    }

    /// The names of the children of its context at which it looks; none where it looks at the context as a whole.
    pub(in crate::fhir) fn names(&self) -> Option<Vec<&str>> {
        reads::names(&self.tree)
    }

    /// Whether an element of a type that has no children at all keeps it, whatever stands around that.
    pub(in crate::fhir) fn holds_of_nothing(&self, shapes: &Shapes, content: Content) -> bool {
        reads::holds_of_nothing(&self.tree, shapes, content)
    }
}

/// What an expression is evaluated upon, and what its variables stand for.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// `%resource`: the resource in which the element stands, a contained one itself.
    pub resource: &'a Value,
    /// `%rootResource`: the same, or where that is contained, the resource that contains it.
    pub root_resource: &'a Value,
    /// The resource that all of this is part of, such as a Bundle; `resolve()` looks through its entries.
    pub outermost: &'a Value,
    /// `%context`, and what the expression begins with: the element at which it stands.
    pub context: Node<'a>,
}

impl<'a> Scope<'a> {
    /// A resource that stands for itself, from its beginning.
    #[must_use]
    pub fn of(resource: &'a Value) -> Self {
        Self { resource, root_resource: resource, outermost: resource, context: Node::resource(resource) }
    }
}

/// Whether an expression holds, as a constraint. None where it cannot be told: two dates of different precision,
/// quantities in other units, a text function of nothing. An expression that gives nothing for another reason (a
/// code that is compared and is not there) does not hold.
///
/// # Errors
/// A sentence where the expression cannot be evaluated here, or not with what is left of the budget: then it is neither kept nor broken.
pub fn holds<'a>(
    expression: &'a Expression,
    shapes: &'a Shapes,
    scope: Scope<'a>,
    budget: &mut Budget,
) -> Result<Option<bool>, String> {
    let mut evaluator = Evaluator::new(shapes, scope, *budget);
    let start = [Item::Node(scope.context)];
    let truth = evaluator.truth(&expression.tree, Frame { this: &start, index: 0, total: &[] });
    *budget = evaluator.budget;
    Ok(truth?.or_else(|| (!evaluator.uncertain).then_some(false)))
}

/// The elements that an expression selects, in its order; what it computes is left out.
///
/// # Errors
/// A sentence where the expression cannot be evaluated here, or not with what is left of the budget.
pub fn select<'a>(
    expression: &'a Expression,
    shapes: &'a Shapes,
    scope: Scope<'a>,
    budget: &mut Budget,
) -> Result<Vec<Node<'a>>, String> {
    let start = [Item::Node(scope.context)];
    let frame = Frame { this: &start, index: 0, total: &[] };
    let mut evaluator = Evaluator::new(shapes, scope, *budget);
    let items = evaluator.evaluate(&expression.tree, frame);
    *budget = evaluator.budget;
    Ok(items?
        .into_iter()
        .filter_map(|item| match item {
            Item::Node(node) => Some(node),
            Item::Value(_) => None,
        })
        .collect())
}

/// Where the elements stand that an expression selects in a resource, in its order.
///
/// # Errors
/// A sentence where the expression cannot be evaluated here, or not with what is left of the budget.
pub fn locate(
    expression: &Expression,
    shapes: &Shapes,
    resource: &Value,
    budget: &mut Budget,
) -> Result<Vec<Location>, String> {
    let nodes = select(expression, shapes, Scope::of(resource), budget)?;
    Ok(locate::locations(resource, &nodes))
}
