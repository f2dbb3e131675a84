//! What an expression gives, item by item: equality, equivalence and order. <https://hl7.org/fhirpath/#equality>

use std::cmp::Ordering;

use serde_json::Value;

use crate::fhir::path::node::Node;
use crate::fhir::path::number::Number;
use crate::fhir::path::tree::Named;
use crate::fhir::path::value::Moment;
use crate::fhir::path::value::System;
use crate::fhir::path::value::moment_span;
use crate::fhir::shape::Shapes;

/// One second less the instant that a span of it ends before.
const SECOND: i64 = crate::fhir::datetime::SECOND - 1;

/// An element of the resource, or a value that was computed.
#[derive(Clone, Debug)]
pub(super) enum Item<'a> {
    Node(Node<'a>),
    Value(System<'a>),
}

impl<'a> Item<'a> {
    /// True or false.
    pub(super) fn truth(truth: bool) -> Self {
        Self::Value(System::Boolean(truth))
    }

    /// A whole number.
    pub(super) fn whole(number: usize) -> Self {
        Self::Value(System::Number(Number::whole(i64::try_from(number).unwrap_or(i64::MAX))))
    }

    /// The value to compute with; none for an element that is no primitive, or has no value.
    pub(super) fn system(&self) -> Option<System<'a>> {
        match self {
            Self::Node(node) => node.system(),
            Self::Value(value) => Some(value.clone()),
        }
    }

    /// Whether it is of a type.
    pub(super) fn is(&self, shapes: &Shapes, wanted: &Named) -> bool {
        match self {
            Self::Node(node) => node.is(shapes, wanted),
            Self::Value(value) => value.type_name().eq_ignore_ascii_case(&wanted.name),
        }
    }

    /// Whether both are the same; none where the precision of a date does not tell.
    pub(super) fn equals(&self, other: &Self, shapes: &Shapes) -> Option<bool> {
        if let (Self::Node(one), Self::Node(two)) = (self, other)
            && !(one.is_primitive() && two.is_primitive())
        {
            return Some(one.is_primitive() == two.is_primitive() && same_json(one.value(), two.value()));
        }
        match (self.comparable(shapes), other.comparable(shapes)) {
            (Some(one), Some(two)) => equal(&one, &two),
            // Without a value there is nothing to be equal, but for the very same extensions.
            (None, None) => match (self, other) {
                (Self::Node(one), Self::Node(two)) => Some(same_json(one.shadow(), two.shadow())),
                (Self::Node(_) | Self::Value(_), _) => None,
            },
            (Some(_), None) | (None, Some(_)) => Some(false),
        }
    }

    /// Whether both mean the same: texts without regard to case and white space, dates of one precision.
    pub(super) fn equivalent(&self, other: &Self, shapes: &Shapes) -> bool {
        match (self.comparable(shapes), other.comparable(shapes)) {
            (Some(System::Text(one)), Some(System::Text(two))) => folded(&one) == folded(&two),
            (Some(one), Some(two)) => equal(&one, &two).unwrap_or(false),
            (None, None) => self.equals(other, shapes).unwrap_or(false),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// Which comes first; none where it cannot be told (other units, a date that is less precise).
    ///
    /// # Errors
    /// Where the two are of types that have no order among them.
    pub(super) fn order(&self, other: &Self, shapes: &Shapes) -> Result<Option<Ordering>, String> {
        let (Some(one), Some(two)) = (self.comparable(shapes), other.comparable(shapes)) else {
            return Ok(None);
        };
        match (one, two) {
            (System::Number(one), System::Number(two)) => Ok(Some(one.order(two))),
            (System::Text(one), System::Text(two)) => Ok(Some(one.cmp(&two))),
            (System::Quantity(one, unit), System::Quantity(two, other)) => {
                Ok((unit == other).then(|| one.order(two)))
            }
            (System::Quantity(one, _), System::Number(two))
            | (System::Number(one), System::Quantity(two, _)) => Ok(Some(one.order(two))),
            (System::Moment(kind, one), System::Moment(other, two)) => Ok(order((kind, &one), (other, &two))),
            (one, two) => Err(format!("{} and {} have no order", one.type_name(), two.type_name())),
        }
    }

    /// The value to compare with, a Quantity of the resource included.
    fn comparable(&self, shapes: &Shapes) -> Option<System<'a>> {
        match self {
            Self::Node(node) => node.system().or_else(|| node.quantity(shapes)),
            Self::Value(value) => Some(value.clone()),
        }
    }

    /// A text that two items share if and only if they are equal, to sort out many without comparing each with
    /// each; none where there is no such text.
    pub(super) fn key(&self) -> Option<String> {
        match self.system()? {
            System::Text(text) => Some(format!("t{text}")),
            System::Boolean(truth) => Some(format!("b{truth}")),
            System::Number(_) | System::Moment(..) | System::Quantity(..) => None,
        }
    }
}

fn equal(one: &System, two: &System) -> Option<bool> {
    match (one, two) {
        (System::Boolean(one), System::Boolean(two)) => Some(one == two),
        (System::Text(one), System::Text(two)) => Some(one == two),
        (System::Number(one), System::Number(two)) => Some(one.order(*two).is_eq()),
        (System::Quantity(one, unit), System::Quantity(two, other)) => {
            (unit == other).then(|| one.order(*two).is_eq())
        }
        (System::Moment(kind, one), System::Moment(other, two)) => {
            if (kind, one) == (other, two) {
                return Some(true);
            }
            order((*kind, one), (*other, two)).map(Ordering::is_eq)
        }
        // A date in a resource may be compared with a text that shows it.
        (System::Moment(kind, moment), System::Text(text))
        | (System::Text(text), System::Moment(kind, moment)) => moment_span(*kind, text)
            .map_or(Some(false), |_| {
                equal(&System::Moment(*kind, moment.clone()), &System::Moment(*kind, text.clone()))
            }),
        (
            System::Boolean(_)
            | System::Text(_)
            | System::Number(_)
            | System::Moment(..)
            | System::Quantity(..),
            _,
        ) => Some(false),
    }
}

/// The order of two points in time as far as their precision tells it.
fn order((kind, one): (Moment, &str), (other, two): (Moment, &str)) -> Option<Ordering> {
    if (kind == Moment::Time) != (other == Moment::Time) {
        return None;
    }
    if one.len() == two.len() && zone(one) == zone(two) {
        // Written alike, they sort as texts do, which saves counting.
        return Some(one.cmp(two));
    }
    let (one, two) = (moment_span(kind, one)?, moment_span(other, two)?);
    if one.high < two.low {
        return Some(Ordering::Less);
    }
    if one.low > two.high {
        return Some(Ordering::Greater);
    }
    // Seconds and fractions of them are one precision.
    let exact = one.high - one.low <= SECOND && two.high - two.low <= SECOND;
    if exact { Some(one.low.cmp(&two.low)) } else { (one == two).then_some(Ordering::Equal) }
}

/// The offset from UTC at the end of a time.
fn zone(text: &str) -> Option<&str> {
    let clock = text.find('T')?;
    text[clock..].find(['Z', '+', '-']).map(|at| &text[clock + at..])
}

fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Whether two pieces of JSON say the same, whatever the order of members and the way a number is written.
fn same_json(one: Option<&Value>, two: Option<&Value>) -> bool {
    match (one, two) {
        (None, None) => true,
        (Some(Value::Object(one)), Some(Value::Object(two))) => {
            one.len() == two.len() && one.iter().all(|(key, value)| same_json(Some(value), two.get(key)))
        }
        (Some(Value::Array(one)), Some(Value::Array(two))) => {
            one.len() == two.len() && one.iter().zip(two).all(|(one, two)| same_json(Some(one), Some(two)))
        }
        (Some(Value::Number(one)), Some(Value::Number(two))) => {
            match (Number::parse(one.as_str()), Number::parse(two.as_str())) {
                (Some(one), Some(two)) => one.order(two).is_eq(),
                _ => one == two,
            }
        }
        (one, two) => one == two,
    }
}
