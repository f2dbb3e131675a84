//! How much work expressions may take together. <https://hl7.org/fhirpath/#operations>

use crate::fhir::path::item::Item;
use crate::fhir::path::value::System;

/// How many items may be looked at; a Bundle of 5,000 resources has some 500,000 elements.
const STEPS: usize = 4_000_000;
/// The longest text that an expression may build.
pub(super) const LONGEST: usize = 16 * 1024 * 1024;
/// How many bytes of a text count as one step.
pub(super) const BYTES: usize = 64;

/// What is left of the steps that one expression may take, or all expressions of one request together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    left: usize,
}

impl Budget {
    /// What all expressions of one request may take together: some seconds of one core at most.
    pub const OF_REQUEST: usize = 40_000_000;

    /// For many expressions: so many steps, or as many as a request may take where that is fewer.
    #[must_use]
    pub fn for_request(steps: usize) -> Self {
        Self { left: steps.min(Self::OF_REQUEST) }
    }

    /// Lets one expression take what it may of these steps.
    pub fn lend<T>(&mut self, work: impl FnOnce(&mut Budget) -> T) -> T {
        let mut part = Self::of(self.left);
        let given = part.left;
        let done = work(&mut part);
        self.left -= given - part.left;
        done
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: STEPS }
    }
}

impl Budget {
    /// So many steps, or as many as an expression may take at most where that is fewer.
    #[must_use]
    pub fn of(steps: usize) -> Self {
        Self { left: steps.min(STEPS) }
    }

    /// How many steps are left.
    #[must_use]
    pub fn left(self) -> usize {
        self.left
    }

    /// Takes steps away; none are left where they do not suffice.
    pub(in crate::fhir) fn take(&mut self, steps: usize) -> Result<(), String> {
        let left = self.left.checked_sub(steps);
        self.left = left.unwrap_or(0);
        left.map(|_| ()).ok_or_else(|| "it takes too many steps".to_owned())
    }
}

/// What a copy of items costs: one step each, and more for the text that a computed one holds.
pub(super) fn weight(items: &[Item<'_>]) -> usize {
    let text = |item: &Item<'_>| match item {
        Item::Value(System::Text(text)) => text.len() / BYTES,
        Item::Node(_)
        | Item::Value(System::Boolean(_) | System::Number(_) | System::Moment(..) | System::Quantity(..)) => {
            0
        }
    };
    items.iter().map(|item| 1 + text(item)).fold(0, usize::saturating_add)
}

/// Refuses to build a text of such a length.
pub(super) fn check_length(length: usize) -> Result<(), String> {
    if length > LONGEST { Err("it builds too long a text".to_owned()) } else { Ok(()) }
}
