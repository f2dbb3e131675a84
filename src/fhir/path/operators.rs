//! Comparison, arithmetic and membership. <https://hl7.org/fhirpath/#operations>

use std::cmp::Ordering;

use crate::fhir::path::budget::check_length;
use crate::fhir::path::evaluate::Evaluated;
use crate::fhir::path::evaluate::Evaluator;
use crate::fhir::path::evaluate::Items;
use crate::fhir::path::item::Item;
use crate::fhir::path::number::Number;
use crate::fhir::path::tree::Operator;
use crate::fhir::path::value::System;

impl<'a> Evaluator<'a> {
    /// What an operator makes of both sides.
    pub(super) fn operate(
        &mut self,
        operator: Operator,
        left: Items<'a>,
        right: Items<'a>,
    ) -> Evaluated<Items<'a>> {
        let truth = |truth: Option<bool>| Ok(truth.map(Item::truth).into_iter().collect());
        match operator {
            Operator::Equal => truth(self.equal(&left, &right)?),
            Operator::Unequal => truth(self.equal(&left, &right)?.map(|equal| !equal)),
            Operator::Equivalent => truth(Some(self.equivalent(&left, &right)?)),
            Operator::NotEquivalent => truth(Some(!self.equivalent(&left, &right)?)),
            Operator::Less => truth(self.order(&left, &right)?.map(Ordering::is_lt)),
            Operator::LessOrEqual => truth(self.order(&left, &right)?.map(Ordering::is_le)),
            Operator::Greater => truth(self.order(&left, &right)?.map(Ordering::is_gt)),
            Operator::GreaterOrEqual => truth(self.order(&left, &right)?.map(Ordering::is_ge)),
            Operator::In => truth(self.all_in(&left, &right)?),
            Operator::Contains => truth(self.all_in(&right, &left)?),
            Operator::Union => self.distinct(left.into_iter().chain(right).collect()),
            Operator::Join => {
                let (one, two) = (self.text(&left)?, self.text(&right)?);
                Ok(vec![Item::Value(joined(&one.unwrap_or_default(), &two.unwrap_or_default())?)])
            }
            Operator::Plus
            | Operator::Minus
            | Operator::Times
            | Operator::Over
            | Operator::Div
            | Operator::Mod => self.reckon(operator, &left, &right),
            Operator::And | Operator::Or | Operator::Xor | Operator::Implies => {
                Err("logic is worked out before both sides are known".to_owned())
            }
        }
    }

    /// Whether both have the same items in the same order; none where one is empty.
    pub(super) fn equal(&mut self, left: &[Item<'a>], right: &[Item<'a>]) -> Evaluated<Option<bool>> {
        if left.is_empty() || right.is_empty() {
            return Ok(None);
        }
        if left.len() != right.len() {
            return Ok(Some(false));
        }
        let mut all = Some(true);
        for (one, two) in left.iter().zip(right) {
            self.step()?;
            match one.equals(two, self.shapes) {
                Some(true) => {}
                Some(false) => return Ok(Some(false)),
                None => all = None,
            }
        }
        self.uncertain |= all.is_none();
        Ok(all)
    }

    /// Whether both have equivalent items in any order.
    fn equivalent(&mut self, left: &[Item<'a>], right: &[Item<'a>]) -> Evaluated<bool> {
        if left.len() != right.len() {
            return Ok(false);
        }
        let mut open: Vec<&Item<'a>> = right.iter().collect();
        for one in left {
            self.steps_by(open.len())?;
            let Some(at) = open.iter().position(|two| one.equivalent(two, self.shapes)) else {
                return Ok(false);
            };
            open.swap_remove(at);
        }
        Ok(true)
    }

    fn order(&mut self, left: &[Item<'a>], right: &[Item<'a>]) -> Evaluated<Option<Ordering>> {
        let order = match (left, right) {
            ([], _) | (_, []) => None,
            ([one], [two]) => one.order(two, self.shapes)?,
            _ => return Err("an order is asked for among several items".to_owned()),
        };
        self.uncertain |= order.is_none();
        Ok(order)
    }

    /// Whether all of some items are among others; none where there are no items.
    fn all_in(&mut self, items: &[Item<'a>], among: &[Item<'a>]) -> Evaluated<Option<bool>> {
        if items.is_empty() {
            return Ok(None);
        }
        for item in items {
            if !self.is_in(item, among)? {
                return Ok(Some(false));
            }
        }
        Ok(Some(true))
    }

    /// Whether an item is among others.
    pub(super) fn is_in(&mut self, item: &Item<'a>, among: &[Item<'a>]) -> Evaluated<bool> {
        self.steps_by(among.len())?;
        Ok(among.iter().any(|other| item.equals(other, self.shapes) == Some(true)))
    }

    /// Arithmetic, and the joining of two texts.
    fn reckon(&mut self, operator: Operator, left: &[Item<'a>], right: &[Item<'a>]) -> Evaluated<Items<'a>> {
        let (one, two) = (self.one(left)?, self.one(right)?);
        let (Some(one), Some(two)) = (one, two) else { return Ok(Vec::new()) };
        let result = match (one, two) {
            (System::Text(one), System::Text(two)) if operator == Operator::Plus => Some(joined(&one, &two)?),
            (System::Number(one), System::Number(two)) => calculate(operator, one, two).map(System::Number),
            (System::Quantity(one, unit), System::Quantity(two, other))
                if unit == other && matches!(operator, Operator::Plus | Operator::Minus) =>
            {
                calculate(operator, one, two).map(|sum| System::Quantity(sum, unit))
            }
            (one, two) => {
                return Err(format!("{} and {} cannot be reckoned with", one.type_name(), two.type_name()));
            }
        };
        Ok(result.map(Item::Value).into_iter().collect())
    }
}

/// Both texts as one.
fn joined(one: &str, two: &str) -> Evaluated<System<'static>> {
    check_length(one.len().saturating_add(two.len()))?;
    Ok(System::Text(format!("{one}{two}").into()))
}

fn calculate(operator: Operator, one: Number, two: Number) -> Option<Number> {
    match operator {
        Operator::Plus => one.plus(two),
        Operator::Minus => one.plus(two.negated()),
        Operator::Times => one.times(two),
        Operator::Over => one.over(two),
        Operator::Div => one.div(two),
        Operator::Mod => one.modulo(two),
        Operator::Join
        | Operator::Union
        | Operator::Less
        | Operator::LessOrEqual
        | Operator::Greater
        | Operator::GreaterOrEqual
        | Operator::Equal
        | Operator::Unequal
        | Operator::Equivalent
        | Operator::NotEquivalent
        | Operator::In
        | Operator::Contains
        | Operator::And
        | Operator::Or
        | Operator::Xor
        | Operator::Implies => None,
    }
}
