//! The walk over an expression's tree. <https://hl7.org/fhirpath/#operations>
//!
//! Bounded: each step counts, and an expression that takes too many ends as an error rather than as a wait.

use std::borrow::Cow;

use crate::fhir::path::Scope;
use crate::fhir::path::budget::BYTES;
use crate::fhir::path::budget::Budget;
use crate::fhir::path::budget::check_length;
use crate::fhir::path::budget::weight;
use crate::fhir::path::item::Item;
use crate::fhir::path::node::Node;
use crate::fhir::path::tree::Function;
use crate::fhir::path::tree::Operator;
use crate::fhir::path::tree::Tree;
use crate::fhir::path::tree::Typing;
use crate::fhir::path::tree::Variable;
use crate::fhir::path::value::System;
use crate::fhir::shape::Shapes;

/// What an expression gives.
pub(super) type Items<'a> = Vec<Item<'a>>;
/// The same, or why it cannot be worked out.
pub(super) type Evaluated<T> = Result<T, String>;

/// What an expression or an argument is evaluated upon.
#[derive(Clone, Copy)]
pub(super) struct Frame<'f, 'a> {
    pub(super) this: &'f [Item<'a>],
    pub(super) index: usize,
    pub(super) total: &'f [Item<'a>],
}

/// The state of an evaluation.
pub(super) struct Evaluator<'a> {
    pub(super) shapes: &'a Shapes,
    pub(super) scope: Scope<'a>,
    /// What is left of the steps that it may take.
    pub(super) budget: Budget,
    /// Whether something could not be told where a value was there, as with two dates of different precision.
    pub(super) uncertain: bool,
    /// Whether a variable was asked for.
    pub(super) asked: bool,
}

impl<'a> Evaluator<'a> {
    /// At the beginning.
    pub(super) fn new(shapes: &'a Shapes, scope: Scope<'a>, budget: Budget) -> Self {
        Self { shapes, scope, budget, uncertain: false, asked: false }
    }

    /// Counts a step.
    pub(super) fn step(&mut self) -> Evaluated<()> {
        self.steps_by(1)
    }

    /// Counts several steps.
    pub(super) fn steps_by(&mut self, count: usize) -> Evaluated<()> {
        self.budget.take(count)
    }

    /// A copy of items, counted before it is made.
    pub(super) fn copy(&mut self, items: &[Item<'a>]) -> Evaluated<Items<'a>> {
        self.steps_by(weight(items))?;
        Ok(items.to_vec())
    }

    /// Evaluates a part of the expression. All that it gives is counted, so that nothing can grow without an end.
    pub(super) fn evaluate(&mut self, tree: &'a Tree, frame: Frame<'_, 'a>) -> Evaluated<Items<'a>> {
        self.step()?;
        let found = self.work_out(tree, frame)?;
        self.steps_by(weight(&found))?;
        Ok(found)
    }

    fn work_out(&mut self, tree: &'a Tree, frame: Frame<'_, 'a>) -> Evaluated<Items<'a>> {
        match tree {
            Tree::Nothing => Ok(Vec::new()),
            Tree::Literal(value) => Ok(vec![Item::Value(value.borrowed())]),
            Tree::This => self.copy(frame.this),
            Tree::Index => Ok(vec![Item::whole(frame.index)]),
            Tree::Total => self.copy(frame.total),
            Tree::Variable(variable) => Ok(vec![self.variable(*variable)]),
            Tree::OfType(named) => {
                let is = |item: &&Item| item.is(self.shapes, named);
                Ok(frame.this.iter().filter(is).cloned().collect())
            }
            Tree::Child(focus, name) => self.child(focus, name, frame),
            Tree::At(focus, index) => {
                let focus = self.evaluate(focus, frame)?;
                let index = self.evaluate(index, frame)?;
                let place = self.whole(&index)?.and_then(|place| usize::try_from(place).ok());
                Ok(place.and_then(|place| focus.into_iter().nth(place)).into_iter().collect())
            }
            Tree::Call(focus, function, arguments) => self.call(focus, (*function, arguments), frame),
            Tree::Typed(focus, typing, named) => {
                let focus = self.evaluate(focus, frame)?;
                match (typing, focus.as_slice()) {
                    (Typing::Filter, _) => {
                        Ok(focus.into_iter().filter(|item| item.is(self.shapes, named)).collect())
                    }
                    (Typing::Is, []) => Ok(Vec::new()),
                    (Typing::Is, [one]) => Ok(vec![Item::truth(one.is(self.shapes, named))]),
                    (Typing::Is, _) => Err("`is` is asked of more than one item".to_owned()),
                }
            }
            Tree::Pattern(focus, pattern, replaced) => {
                let focus = self.evaluate(focus, frame)?;
                let Some(text) = self.text(&focus)? else { return Ok(self.unknown()) };
                self.steps_by(text.len() / BYTES)?;
                let Some(replaced) = replaced else { return Ok(vec![Item::truth(pattern.is_match(&text))]) };
                let replaced = self.evaluate(replaced, frame)?;
                let Some(by) = self.text(&replaced)? else { return Ok(Vec::new()) };
                // Each `$` may stand for a whole match, and there may be a match at every character.
                let named = text.len().saturating_mul(1 + by.matches('$').count());
                check_length((text.len() + 1).saturating_mul(by.len()).saturating_add(named))?;
                let result = pattern.replace_all(&text, by.as_ref()).into_owned();
                Ok(vec![Item::Value(System::Text(result.into()))])
            }
            Tree::Negated(inner) => {
                let inner = self.evaluate(inner, frame)?;
                match self.one(&inner)? {
                    None => Ok(Vec::new()),
                    Some(System::Number(number)) => Ok(vec![Item::Value(System::Number(number.negated()))]),
                    Some(System::Quantity(number, unit)) => {
                        Ok(vec![Item::Value(System::Quantity(number.negated(), unit))])
                    }
                    Some(other) => Err(format!("`-` is asked of {}", other.type_name())),
                }
            }
            Tree::Binary(operator, left, right) => self.binary(*operator, (left, right), frame),
        }
    }

    /// Whether a part of the expression holds: none where it gives nothing.
    pub(super) fn truth(&mut self, tree: &'a Tree, frame: Frame<'_, 'a>) -> Evaluated<Option<bool>> {
        match tree {
            Tree::Binary(
                operator @ (Operator::And | Operator::Or | Operator::Xor | Operator::Implies),
                left,
                right,
            ) => self.logic(*operator, (left, right), frame),
            Tree::Call(focus, function @ (Function::Exists | Function::Empty), arguments)
                if arguments.is_empty() =>
            {
                Ok(Some(self.is_there(focus, frame)? == (*function == Function::Exists)))
            }
            tree => {
                let items = self.evaluate(tree, frame)?;
                truth_of(&items)
            }
        }
    }

    /// Whether a part of the expression gives anything; a child need not be collected for that.
    fn is_there(&mut self, tree: &'a Tree, frame: Frame<'_, 'a>) -> Evaluated<bool> {
        let Tree::Child(focus, name) = tree else { return Ok(!self.evaluate(tree, frame)?.is_empty()) };
        let Tree::This = **focus else { return Ok(!self.evaluate(tree, frame)?.is_empty()) };
        self.steps_by(frame.this.len())?;
        let mut found = false;
        for item in frame.this {
            if let Item::Node(node) = item {
                node.each_child(self.shapes, name, &mut |_| found = true);
            }
        }
        Ok(found)
    }

    fn variable(&mut self, variable: Variable) -> Item<'a> {
        self.asked = true;
        Item::Node(match variable {
            Variable::Resource => Node::resource(self.scope.resource),
            Variable::RootResource => Node::resource(self.scope.root_resource),
            Variable::Context => self.scope.context,
        })
    }

    fn child(&mut self, focus: &'a Tree, name: &str, frame: Frame<'_, 'a>) -> Evaluated<Items<'a>> {
        let mut found = Vec::new();
        let shapes = self.shapes;
        let mut take = |items: &[Item<'a>]| {
            for item in items {
                if let Item::Node(node) = item {
                    node.each_child(shapes, name, &mut |child| found.push(Item::Node(child)));
                }
            }
        };
        match focus {
            // What stands here already needs no copy.
            Tree::This => take(frame.this),
            focus => take(&self.evaluate(focus, frame)?),
        }
        self.steps_by(found.len())?;
        Ok(found)
    }

    fn binary(
        &mut self,
        operator: Operator,
        (left, right): (&'a Tree, &'a Tree),
        frame: Frame<'_, 'a>,
    ) -> Evaluated<Items<'a>> {
        if matches!(operator, Operator::And | Operator::Or | Operator::Xor | Operator::Implies) {
            let truth = self.logic(operator, (left, right), frame)?;
            return Ok(truth.map(Item::truth).into_iter().collect());
        }
        let left = self.evaluate(left, frame)?;
        let right = self.evaluate(right, frame)?;
        self.operate(operator, left, right)
    }

    /// Logic with three values; what the left side decides alone, the right is not asked.
    fn logic(
        &mut self,
        operator: Operator,
        (left, right): (&'a Tree, &'a Tree),
        frame: Frame<'_, 'a>,
    ) -> Evaluated<Option<bool>> {
        let left = self.truth(left, frame)?;
        match (operator, left) {
            (Operator::And, Some(false)) => return Ok(Some(false)),
            (Operator::Or, Some(true)) | (Operator::Implies, Some(false)) => return Ok(Some(true)),
            _ => {}
        }
        let right = self.truth(right, frame)?;
        Ok(match (operator, left, right) {
            (Operator::And, Some(true), right) => right,
            (Operator::And, _, Some(false)) => Some(false),
            (Operator::Or, Some(false), right) => right,
            (Operator::Or, _, Some(true)) => Some(true),
            (Operator::Xor, Some(left), Some(right)) => Some(left != right),
            (Operator::Implies, Some(true), right) => right,
            (Operator::Implies, None, Some(true)) => Some(true),
            (Operator::Implies, None, _) => {
                // What is not known to be the case is not known to demand anything.
                self.uncertain = true;
                None
            }
            _ => None,
        })
    }

    /// Nothing, since what is asked for is not there to tell.
    pub(super) fn unknown(&mut self) -> Items<'a> {
        self.uncertain = true;
        Vec::new()
    }

    /// The one value of a collection that may have one at most.
    pub(super) fn one(&mut self, items: &[Item<'a>]) -> Evaluated<Option<System<'a>>> {
        match items {
            [] => Ok(None),
            [item] => Ok(item.system()),
            _ => Err("one item is expected where there are several".to_owned()),
        }
    }

    /// The one text of a collection that may have one at most.
    pub(super) fn text(&mut self, items: &[Item<'a>]) -> Evaluated<Option<Cow<'a, str>>> {
        Ok(match self.one(items)? {
            None => None,
            Some(value @ (System::Text(_) | System::Moment(..))) => Some(value.to_text()),
            Some(other) => return Err(format!("a text is expected and {} found", other.type_name())),
        })
    }

    /// The one whole number of a collection that may have one at most.
    pub(super) fn whole(&mut self, items: &[Item<'a>]) -> Evaluated<Option<i64>> {
        Ok(match self.one(items)? {
            None => None,
            Some(System::Number(number)) => number.to_whole(),
            Some(other) => return Err(format!("a whole number is expected and {} found", other.type_name())),
        })
    }
}

/// The truth of a collection: a boolean's own, and true for the one item of any other type.
pub(super) fn truth_of(items: &[Item<'_>]) -> Evaluated<Option<bool>> {
    match items {
        [] => Ok(None),
        [item] => Ok(match item.system() {
            Some(System::Boolean(truth)) => Some(truth),
            Some(_) => Some(true),
            // An element with children is there; a primitive without a value says nothing.
            None => match item {
                Item::Node(node) => (!node.is_primitive()).then_some(true),
                Item::Value(_) => None,
            },
        }),
        _ => Err("true or false is expected where there are several items".to_owned()),
    }
}
