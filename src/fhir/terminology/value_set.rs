//! What a value set holds: all of it, or whether one code is among it.
//! <https://hl7.org/fhir/R4/valueset.html#compositions>
//!
//! An include takes in codes by system (all, listed, or filtered) and by other value sets; where it names several of
//! these, only what is in all of them. What is taken in and not excluded is in the set. Value sets come from clients:
//! rings are found, and the work that one question may cost is bounded.

use std::collections::HashMap;
use std::collections::HashSet;
use std::rc::Rc;

use serde_json::Value;

use crate::fhir::outcome::Failure;
use crate::fhir::outcome::Reason;
use crate::fhir::terminology::code_system::CodeSystem;
use crate::fhir::terminology::code_system::Concept;
use crate::fhir::terminology::code_system::list;
use crate::fhir::terminology::code_system::size;
use crate::fhir::terminology::code_system::weight;
use crate::fhir::terminology::editions::Editions;
use crate::fhir::terminology::editions::listed;
use crate::fhir::terminology::filter::Filter;
use crate::fhir::terminology::library::Shelf;
use crate::fhir::terminology::member::Member;

/// The most codes that a value set is expanded to.
pub const LARGEST: usize = 20_000;

/// How many codes may be looked at for one question.
const WORK: usize = 2_000_000;

/// How many codes opening a value set counts for.
const OPENING: usize = 50;

/// Whether a code is in a value set.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It is.
    Yes(Box<Member>),
    /// It is not.
    No,
    /// Only this code system could tell, which is not at hand.
    Unknown(String),
}

/// One question about value sets.
pub struct Question<'a> {
    pub(super) shelf: Shelf<'a>,
    open: Vec<String>,
    filters: HashMap<String, Rc<Vec<Filter>>>,
    work: usize,
    pub(super) editions: Editions,
}

impl<'a> Question<'a> {
    /// A question that has cost nothing yet.
    pub fn of(shelf: Shelf<'a>) -> Self {
        Self::in_editions(shelf, Editions::default())
    }

    /// One that is asked of these versions of code systems.
    pub fn in_editions(shelf: Shelf<'a>, editions: Editions) -> Self {
        Self { shelf, open: Vec::new(), filters: HashMap::new(), work: WORK, editions }
    }

    /// Where it looks things up.
    pub fn shelf(&mut self) -> &mut Shelf<'a> {
        &mut self.shelf
    }

    /// All codes of a value set, in its order, each once.
    ///
    /// # Errors
    /// `Unprocessable` where it cannot be told what they are, or they are too many.
    pub fn expand(&mut self, set: &Value) -> Result<Vec<Member>, Failure> {
        self.within(set, |question| question.expand_open(set))
    }

    /// Whether a code is in a value set.
    ///
    /// # Errors
    /// `Unprocessable` where the value set is wrong in itself.
    pub fn find(&mut self, set: &Value, (system, code): (&str, &str)) -> Result<Answer, Failure> {
        self.within(set, |question| question.find_open(set, (system, code)))
    }

    /// Does this unless the value set is being looked at already: then it takes in itself.
    pub(super) fn within<T>(
        &mut self,
        set: &Value,
        work: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let url = set.get("url").and_then(Value::as_str).unwrap_or_default().to_owned();
        if !url.is_empty() && self.open.contains(&url) {
            let text = format!("The value set {url} takes in itself, by way of others.");
            return Err(Failure::new(Reason::Unprocessable, text));
        }
        self.spend(OPENING)?;
        self.open.push(url);
        let result = work(self);
        self.open.pop();
        result
    }

    pub(super) fn spend(&mut self, codes: usize) -> Result<(), Failure> {
        match self.work.checked_sub(codes.max(1)) {
            Some(left) => {
                self.work = left;
                Ok(())
            }
            None => {
                Err(too_costly("This takes more work than one request may cost; name smaller value sets."))
            }
        }
    }

    pub(super) fn expand_open(&mut self, set: &Value) -> Result<Vec<Member>, Failure> {
        let Some(compose) = set.get("compose") else { return self.expanded_before(set) };
        let mut members = Vec::new();
        let mut seen = HashSet::new();
        for include in list(compose, "include") {
            for member in self.included(include)? {
                if seen.insert((member.system.clone(), member.code.clone())) {
                    members.push(member);
                }
            }
            if members.len() > LARGEST {
                let text = format!("The value set has more than {LARGEST} codes; narrow what it takes in.");
                return Err(too_costly(text));
            }
        }
        for exclude in list(compose, "exclude") {
            let mut kept = Vec::with_capacity(members.len());
            for member in members {
                match self.find_in(exclude, (&member.system, &member.code))? {
                    Answer::Yes(_) => {}
                    Answer::No => kept.push(member),
                    Answer::Unknown(system) => return Err(not_held(&system)),
                }
            }
            members = kept;
        }
        if compose.get("inactive") == Some(&Value::Bool(false)) {
            members.retain(|member| !member.inactive);
        }
        Ok(members)
    }

    /// A value set without a definition may bring its expansion.
    pub(super) fn expanded_before(&mut self, set: &Value) -> Result<Vec<Member>, Failure> {
        fn flat(holder: &Value, members: &mut Vec<Member>) {
            for entry in list(holder, "contains") {
                let text = |name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
                let flag = |name: &str| entry.get(name) == Some(&Value::Bool(true));
                if let (Some(system), Some(code)) = (text("system"), text("code")) {
                    members.push(Member {
                        system,
                        code,
                        version: text("version"),
                        display: text("display"),
                        designation: list(entry, "designation").cloned().collect(),
                        inactive: flag("inactive"),
                        is_abstract: flag("abstract"),
                        by_form: false,
                    });
                }
                flat(entry, members);
            }
        }
        let Some(expansion) = set.get("expansion") else { return Ok(Vec::new()) };
        self.spend(weight(size(expansion)))?;
        let mut members = Vec::new();
        flat(expansion, &mut members);
        self.spend(members.len())?;
        Ok(members)
    }

    /// What an include takes in.
    fn included(&mut self, include: &Value) -> Result<Vec<Member>, Failure> {
        let imports: Vec<&str> = list(include, "valueSet").filter_map(Value::as_str).collect();
        let (members, others) = match (self.system_of(include)?, imports.as_slice()) {
            (Some(system), _) if self.editions.leaves_out(&system) => return Ok(Vec::new()),
            (Some(system), others) => (self.of_system(&system, include)?, others),
            (None, [first, others @ ..]) => {
                let set = self.imported(first)?;
                (self.expand(&set)?, others)
            }
            (None, []) => (Vec::new(), &[][..]),
        };
        self.spend(members.len())?;
        let mut kept = Vec::with_capacity(members.len());
        for member in members {
            let mut inside = true;
            for other in others {
                let set = self.imported(other)?;
                match self.find(&set, (&member.system, &member.code))? {
                    Answer::Yes(_) => {}
                    Answer::No => inside = false,
                    Answer::Unknown(system) => return Err(not_held(&system)),
                }
            }
            if inside {
                kept.push(member);
            }
        }
        Ok(kept)
    }

    /// The codes of one system that an include names.
    pub(super) fn of_system(&mut self, canonical: &str, include: &Value) -> Result<Vec<Member>, Failure> {
        let system = self.shelf.code_system(canonical)?;
        let concepts: Vec<&Value> = list(include, "concept").collect();
        if !concepts.is_empty() {
            // Each is told with its system.
            self.spend(concepts.iter().map(|one| weight(canonical.len() + size(one))).sum())?;
            let members =
                concepts.iter().filter_map(|one| listed((canonical, system.as_deref()), include, one));
            return Ok(members.collect());
        }
        let Some(system) = system.filter(|system| system.complete) else { return Err(not_held(canonical)) };
        let filters = self.filters(include)?;
        let mut members = Vec::new();
        for concept in system.concepts() {
            self.spend(concept.weight)?;
            if self.passes(&filters, &system, concept)? {
                members.push(Member::of(&system, concept));
            }
        }
        Ok(members)
    }

    /// Whether a concept passes these filters; what that costs is taken out before each.
    pub(super) fn passes(
        &mut self,
        filters: &[Filter],
        system: &CodeSystem,
        concept: &Concept,
    ) -> Result<bool, Failure> {
        for filter in filters {
            if !filter.passes(system, concept, &mut |cost| self.spend(cost))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The filters of an include, each read once however many codes are held against it.
    pub(super) fn filters(&mut self, include: &Value) -> Result<Rc<Vec<Filter>>, Failure> {
        let key = include.get("filter").map(Value::to_string).unwrap_or_default();
        self.spend(weight(key.len()))?;
        if let Some(known) = self.filters.get(&key) {
            return Ok(Rc::clone(known));
        }
        let mut read = Vec::new();
        for filter in list(include, "filter") {
            self.spend(OPENING)?;
            let filter = Filter::read(filter)?;
            self.spend(filter.cost())?;
            read.push(filter);
        }
        let read = Rc::new(read);
        self.filters.insert(key, Rc::clone(&read));
        Ok(read)
    }

    pub(super) fn imported(&mut self, canonical: &str) -> Result<Rc<Value>, Failure> {
        self.shelf.value_set(canonical)?.ok_or_else(|| {
            let text =
                format!("The value set takes in {canonical}, which is not known here; store it first.");
            Failure::new(Reason::Unprocessable, text).code("not-found")
        })
    }
}

/// Refuses what only a code system could tell that is not at hand.
pub fn not_held(system: &str) -> Failure {
    let text = format!(
        "The code system {system} is not held here, so that its codes cannot be told; store it as a CodeSystem \
         with all its concepts, or list the codes one by one."
    );
    Failure::new(Reason::Unprocessable, text).code("not-supported")
}

pub(super) fn too_costly(text: impl Into<String>) -> Failure {
    Failure::new(Reason::Unprocessable, text).code("too-costly")
}
