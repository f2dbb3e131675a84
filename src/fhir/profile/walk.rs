//! The walk over a resource along the tree of a profile. <https://hl7.org/fhir/R4/profiling.html>

use std::collections::BTreeSet;

use crate::fhir::Issue;
use crate::fhir::Severity;
use crate::fhir::profile::item::Item;
use crate::fhir::profile::library::Known;
use crate::fhir::profile::subject::Subject;
use crate::fhir::profile::tree::Node;
use crate::fhir::profile::tree::Profile;
use crate::fhir::shape::At;

/// The most issues that one answer lists.
const MAX_ISSUES: usize = 1_000;
/// How deep profiles may demand one another; a profile may demand itself of the same value.
const MAX_DEPTH: usize = 32;

/// How many elements may be looked at and issues listed, in all walks for one request.
#[derive(Clone, Debug)]
pub struct Budget {
    steps: usize,
    issues: usize,
}

impl Budget {
    /// A Patient with a million telecoms takes ten million steps.
    const MAX_STEPS: usize = 20_000_000;

    /// So many steps, or as many as there may be at most where that is fewer.
    pub fn of(steps: usize) -> Self {
        Self { steps: steps.min(Self::MAX_STEPS), ..Self::default() }
    }

    /// How many steps are left.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Whether nothing more is to be looked at.
    pub fn is_used_up(&self) -> bool {
        self.steps == 0 || self.issues == 0
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self { steps: Self::MAX_STEPS, issues: MAX_ISSUES }
    }
}

/// The state of a walk.
pub(super) struct Walk<'a> {
    pub(super) known: &'a Known<'a>,
    /// The whole resource.
    pub(super) subject: &'a Subject<'a>,
    /// The profile that is judged by.
    pub(super) profile: &'a Profile,
    pub(super) issues: Vec<Issue>,
    /// What was not looked at, as sentences.
    pub(super) notes: BTreeSet<String>,
    depth: usize,
    steps: usize,
    budget: Budget,
}

impl<'a> Walk<'a> {
    /// A walk that has not begun.
    pub(super) fn new(known: &'a Known<'a>, profile: &'a Profile, subject: &'a Subject<'a>) -> Self {
        let (issues, notes, budget) = (Vec::new(), BTreeSet::new(), Budget::default());
        Self { known, subject, profile, issues, notes, depth: 0, steps: 0, budget }
    }

    /// A walk that may cost no more than this.
    pub(super) fn within(self, budget: &Budget) -> Self {
        Self { budget: budget.clone(), ..self }
    }

    /// A walk from here by another profile, whose issues are its own but not what it costs or how deep it is.
    pub(super) fn aside(&self, profile: &'a Profile) -> Self {
        let steps = self.budget.steps.saturating_sub(self.steps);
        let budget = Budget { steps, ..self.budget };
        Self { depth: self.depth, budget, ..Self::new(self.known, profile, self.subject) }
    }

    /// Takes what was done out of what may be done.
    pub(super) fn charge(&self, budget: &mut Budget) {
        budget.steps = self.budget.steps.saturating_sub(self.steps);
        budget.issues = self.budget.issues.saturating_sub(self.issues.len());
    }

    /// Judges a value by another profile, apart from what was found so far; whether it conforms.
    pub(super) fn would_conform(&mut self, profile: &'a Profile, item: Item<'a>, at: &At<'_>) -> bool {
        let mut walk = self.aside(profile);
        walk.conform(profile, item, at);
        self.count_steps(walk.steps);
        walk.issues.iter().all(|issue| issue.severity != Severity::Error)
    }

    /// Judges a value by a whole profile.
    pub(super) fn conform(&mut self, profile: &'a Profile, item: Item<'a>, at: &At<'_>) {
        if self.depth == MAX_DEPTH {
            return;
        }
        self.depth += 1;
        let outer = std::mem::replace(&mut self.profile, profile);
        self.notes.extend(profile.unchecked.iter().cloned());
        self.element(0, item, at);
        self.profile = outer;
        self.depth -= 1;
    }

    /// Judges one value by an element of the profile.
    pub(super) fn element(&mut self, node: usize, item: Item<'a>, at: &At<'_>) {
        let profile = self.profile;
        let own = &profile.nodes[node];
        self.count_steps(1 + own.children.len());
        if self.is_exhausted() {
            return;
        }
        self.content(own, item, at);
        self.constraints(own, item, at);
        for child in &own.children {
            self.child(*child, item, at);
        }
    }

    /// Judges all that an element has under one name.
    fn child(&mut self, number: usize, parent: Item<'a>, at: &At<'_>) {
        let profile = self.profile;
        let node = &profile.nodes[number];
        let items = parent.children(self.known.shapes, node);
        self.count(node, (None, items.len()), at);
        for item in &items {
            item.within(at, |here| self.element(number, *item, here));
        }
        let Some(slicing) = &node.slicing else { return };
        let mut in_no_slice = vec![true; items.len()];
        for slice in &slicing.slices {
            let Some(tests) = &slice.tests else { continue };
            let mut count = 0;
            self.count_steps(items.len());
            if self.is_exhausted() {
                return;
            }
            for (item, in_no_slice) in items.iter().zip(&mut in_no_slice) {
                if !tests.iter().all(|test| self.passes(test, *item)) {
                    continue;
                }
                count += 1;
                *in_no_slice = false;
                item.within(at, |here| self.element(slice.node, *item, here));
            }
            self.count(&profile.nodes[slice.node], (Some(&slice.name), count), at);
        }
        if slicing.closed && slicing.slices.iter().all(|slice| slice.tests.is_some()) {
            for (item, _) in items.iter().zip(in_no_slice).filter(|(_, in_no_slice)| *in_no_slice) {
                let text = format!("`{}` may only be one of its slices here; none of them fits.", node.name);
                item.within(at, |here| self.report("value", here, text.clone()));
            }
        }
    }

    /// Judges how many there are of an element or of one slice of it.
    fn count(&mut self, node: &Node, (slice, count): (Option<&str>, usize), at: &At<'_>) {
        let name = if node.choice { format!("{}[x]", node.name) } else { node.name.clone() };
        let what =
            slice.map_or_else(|| format!("`{name}`"), |slice| format!("`{name}` of the slice `{slice}`"));
        let here = at.child(&node.name);
        if count < node.min {
            let text = match (node.min, count) {
                (1, _) => format!("{what} is needed; add it."),
                (min, count) => format!("{what} is needed {min} times at least, and is there {count} times."),
            };
            self.report("required", &here, text);
        }
        match node.max {
            Some(0) if count > 0 => self.report("value", &here, format!("{what} is not allowed; remove it.")),
            Some(max) if count > max => {
                let text = format!("{what} may be there {max} times at most, and is there {count} times.");
                self.report("value", &here, text);
            }
            Some(_) | None => {}
        }
    }

    /// Counts work, of which a resource and a profile that are made for it could cause any amount.
    pub(super) fn count_steps(&mut self, steps: usize) {
        self.steps = self.steps.saturating_add(steps);
    }

    /// How much of it may follow.
    pub(super) fn steps_left(&self) -> usize {
        self.budget.steps.saturating_sub(self.steps)
    }

    /// Whether there was too much of it.
    pub(super) fn is_exhausted(&self) -> bool {
        self.steps > self.budget.steps
    }

    /// Notes an error.
    pub(super) fn report(&mut self, code: &'static str, at: &At<'_>, text: String) {
        self.note(Severity::Error, code, (at, text));
    }

    /// Notes a problem of this severity.
    pub(super) fn note(&mut self, severity: Severity, code: &'static str, (at, text): (&At<'_>, String)) {
        if self.issues.len() >= self.budget.issues {
            return;
        }
        let text = format!("{text} ({})", self.profile.title);
        let issue = Issue { severity, ..Issue::error(code, text) }.at(at.to_string());
        // What an element demands of all values, its slices demand again.
        if !self.issues.contains(&issue) {
            self.issues.push(issue);
        }
    }
}
