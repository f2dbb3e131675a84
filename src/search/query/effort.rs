//! What it costs to understand one query, and what was looked up for it. <https://hl7.org/fhir/R4/search.html>
//!
//! A few words may ask for much: a chain by a reference that leads to any type is a condition on each of them, a
//! search on several types asks the same of each, and every one of these conditions may name a value set. So they are
//! counted while they are read, and what a value set holds is found out once for the whole query. Each step of a chain
//! counts for every type to which it may lead, and stands in the statement once.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Debug;
use std::fmt::Formatter;

use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::terminology::Library;
use crate::fhir::terminology::Question;
use crate::fhir::terminology::Shelf;
use crate::search::query::Condition;

/// How many conditions a query may have, each counted for every type of which it is asked: one on the end of a chain
/// to any type is 145. Each is a few look-ups in the statement, and looking up a value set counts as one more.
const MOST_STEPS: usize = 1_000;

/// A token's spelling and the conditions that it became.
type Meaning = (String, Vec<Condition>);

/// What the reading of one query has cost, and has learnt.
pub struct Effort<'a> {
    /// The steps that are left; none where it took more than there were.
    left: Cell<Option<usize>>,
    question: RefCell<Question<'a>>,
    known: RefCell<HashMap<(&'static str, String), Meaning>>,
}

impl Debug for Effort<'_> {
    fn fmt(&self, to: &mut Formatter<'_>) -> std::fmt::Result {
        to.write_str("Effort")
    }
}

impl<'a> Effort<'a> {
    /// None yet; value sets and code systems will be looked up here.
    pub fn of(library: &'a dyn Library) -> Self {
        Self {
            left: Cell::new(Some(MOST_STEPS)),
            question: RefCell::new(Question::of(Shelf::of(library))),
            known: RefCell::default(),
        }
    }

    /// Begins to count; what is known stays known.
    pub(super) fn begin(&self) {
        self.left.set(Some(MOST_STEPS));
    }

    /// Whether there were more steps than there may be.
    pub(super) fn is_over(&self) -> bool {
        self.left.get().is_none()
    }

    /// Counts a condition on one type, or what else costs as much.
    pub(in crate::search) fn step(&self) -> Result<(), Failure> {
        self.left.set(self.left.get().and_then(|left| left.checked_sub(1)));
        if self.is_over() {
            let text = "The search has too many conditions, counted for each type of which they are asked; name \
                        fewer, or the type that is meant, as in `subject:Patient.name`.";
            return Err(Failure::new(Reason::Invalid, text).code("too-costly"));
        }
        Ok(())
    }

    /// What a modifier makes of a value: the terminology is asked once.
    pub(in crate::search) fn once(
        &self,
        (modifier, value): (&'static str, &str),
        ask: impl FnOnce(&mut Question<'a>) -> Result<Meaning, Failure>,
    ) -> Result<Meaning, Failure> {
        let key = (modifier, value.to_owned());
        if let Some(known) = self.known.borrow().get(&key) {
            return Ok(known.clone());
        }
        self.step()?;
        let found = ask(&mut self.question.borrow_mut())?;
        self.known.borrow_mut().insert(key, found.clone());
        Ok(found)
    }
}
