//! How much work one request may cause, whatever it is made of: all its resources, patches and entries together.
//! <https://hl7.org/fhir/R4/validation.html>

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use serde_json::Value;

use crate::app::session::Session;
use crate::fhir::Failure;
use crate::fhir::Issue;
use crate::fhir::path::Budget;
use crate::fhir::shape;

/// The steps that a request has left. One request is carried out by one thread at a time; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Allowance(Arc<AtomicUsize>);

impl Default for Allowance {
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(Budget::OF_REQUEST)))
    }
}

impl Allowance {
    /// How many steps are left.
    pub(crate) fn left(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets how many are left: what is done again because others came between is not the request's own work.
    pub(crate) fn set(&self, steps: usize) {
        self.0.store(steps, Ordering::Relaxed);
    }

    /// Does work that takes steps away.
    pub(crate) fn spend<T>(&self, work: impl FnOnce(&mut Budget) -> T) -> T {
        let mut budget = Budget::for_request(self.left());
        let done = work(&mut budget);
        self.set(budget.left());
        done
    }
}

impl Session {
    /// Gives the next request that is carried out in this unit of work all the steps that a request may take.
    pub(crate) fn begin_request(&self) {
        self.allowance.set(Budget::OF_REQUEST);
    }

    /// What R4 finds wrong with a resource.
    pub(crate) fn validate(&self, resource: &Value) -> Vec<Issue> {
        let shapes = &self.app().definitions.shapes;
        self.allowance.spend(|budget| shape::validate_within(shapes, resource, budget))
    }

    /// Refuses a resource with which R4 finds something wrong.
    ///
    /// # Errors
    /// `Structure` or `Unprocessable`, with every issue.
    pub(crate) fn check_shape(&self, resource: &Value) -> Result<(), Failure> {
        shape::verdict(self.validate(resource))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_piece_of_work_takes_is_gone_for_all_that_share_the_request() {
        let one = Allowance::default();
        let other = one.clone();
        one.spend(|budget| *budget = Budget::for_request(7));
        assert_eq!(other.left(), 7);
        other.spend(|budget| assert_eq!(budget.left(), 7));
        other.set(Budget::OF_REQUEST);
        assert_eq!(one.left(), Budget::OF_REQUEST);
    }
}
