//! What an expression looks at, so that a constraint is worked out only where that is there.
//! <https://hl7.org/fhir/R4/elementdefinition.html#ElementDefinition.constraint>

use std::sync::LazyLock;

use serde_json::Map;
use serde_json::Value;

use crate::fhir::path::Budget;
use crate::fhir::path::Scope;
use crate::fhir::path::evaluate::Evaluator;
use crate::fhir::path::evaluate::Frame;
use crate::fhir::path::item::Item;
use crate::fhir::path::node::Node;
use crate::fhir::path::tree::Function;
use crate::fhir::path::tree::Tree;
use crate::fhir::shape::Content;
use crate::fhir::shape::Shapes;

static NOTHING: LazyLock<Value> = LazyLock::new(|| Value::Object(Map::new()));

/// The names of the children of its context at which an expression looks; none where it looks at the context as a
/// whole.
pub(super) fn names(tree: &Tree) -> Option<Vec<&str>> {
    let mut names = Vec::new();
    collect(tree, Of::Context, &mut names).then_some(names)
}

/// Whether an expression is not broken by an element of a type that has no children at all, whatever stands around
/// it: then it needs no look at one that has none of the children that it reads.
pub(super) fn holds_of_nothing(tree: &Tree, shapes: &Shapes, content: Content) -> bool {
    let context = Node::element(content, Some(&NOTHING), None);
    let scope = Scope { context, ..Scope::of(&NOTHING) };
    let mut evaluator = Evaluator::new(shapes, scope, Budget::default());
    let start = [Item::Node(context)];
    let truth = evaluator.truth(tree, Frame { this: &start, index: 0, total: &[] });
    !evaluator.asked && (truth == Ok(Some(true)) || truth == Ok(None) && evaluator.uncertain)
}

/// What `$this` is in a part of an expression.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Context,
    /// Something that was found before.
    Item,
}

/// Collects the names; false where the context is looked at as a whole.
fn collect<'t>(tree: &'t Tree, of: Of, names: &mut Vec<&'t str>) -> bool {
    match tree {
        Tree::Nothing | Tree::Literal(_) | Tree::Index | Tree::Total | Tree::Variable(_) => true,
        Tree::This | Tree::OfType(_) => of == Of::Item,
        Tree::Child(focus, name) => match **focus {
            Tree::This | Tree::OfType(_) => {
                if of == Of::Context {
                    names.push(name);
                }
                true
            }
            _ => collect(focus, of, names),
        },
        Tree::Negated(focus) | Tree::Typed(focus, ..) => collect(focus, of, names),
        Tree::Pattern(focus, _, replaced) => {
            collect(focus, of, names) && replaced.as_deref().is_none_or(|by| collect(by, of, names))
        }
        Tree::At(one, two) | Tree::Binary(_, one, two) => collect(one, of, names) && collect(two, of, names),
        Tree::Call(focus, function, arguments) => {
            let by_item = matches!(
                function,
                Function::Where
                    | Function::Select
                    | Function::All
                    | Function::Exists
                    | Function::Repeat
                    | Function::Aggregate
                    | Function::Iif
            );
            let inner = if by_item { Of::Item } else { of };
            // Upon the context itself, an argument looks at it too.
            collect(focus, of, names) && arguments.iter().all(|argument| collect(argument, inner, names))
        }
    }
}
