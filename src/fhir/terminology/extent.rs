//! Which codes a value set holds, or stand above or below a code, as conditions on one code: so that an index can be
//! asked for them without listing them all. <https://hl7.org/fhir/R4/search.html#token>
//!
//! What a code system at hand says is listed; what only the form of a code tells is said by how it begins. So the
//! value sets that take ICD-10-CM by patterns can be searched by, although it is not at hand.

use std::collections::BTreeMap;
use std::collections::HashSet;

use serde_json::Value;

use crate::fhir::outcome::Failure;
use crate::fhir::outcome::Reason;
use crate::fhir::terminology::code_system::CodeSystem;
use crate::fhir::terminology::code_system::Concept;
use crate::fhir::terminology::code_system::list;
use crate::fhir::terminology::member::Member;
use crate::fhir::terminology::prefixes;
use crate::fhir::terminology::value_set::LARGEST;
use crate::fhir::terminology::value_set::Question;
use crate::fhir::terminology::value_set::not_held;
use crate::fhir::terminology::value_set::too_costly;

/// A condition on one code and its system.
#[derive(Clone, Debug, PartialEq)]
pub enum Extent {
    /// One of these codes of the system.
    Codes(String, Vec<String>),
    /// A code of the system that begins with one of these.
    Beginning(String, Vec<String>),
    /// Any code of the system.
    System(String),
    /// One of these holds.
    Any(Vec<Extent>),
    /// All of these hold.
    All(Vec<Extent>),
    /// The first holds and the second does not.
    But(Box<Extent>, Box<Extent>),
}

impl Extent {
    /// How many codes and beginnings it names.
    pub fn size(&self) -> usize {
        match self {
            Extent::Codes(_, codes) | Extent::Beginning(_, codes) => codes.len(),
            Extent::System(_) => 1,
            Extent::Any(parts) | Extent::All(parts) => parts.iter().map(Extent::size).sum(),
            Extent::But(one, other) => one.size() + other.size(),
        }
    }

    /// How many conditions it takes: all codes that stand together take one.
    pub fn terms(&self) -> usize {
        match self {
            Extent::Codes(..) | Extent::System(_) => 1,
            Extent::Beginning(_, texts) => texts.len(),
            Extent::Any(parts) | Extent::All(parts) => parts.iter().map(Extent::terms).sum(),
            Extent::But(one, other) => one.terms() + other.terms(),
        }
    }

    fn of(members: Vec<Member>) -> Self {
        let mut by_system: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for member in members {
            by_system.entry(member.system).or_default().push(member.code);
        }
        Extent::Any(by_system.into_iter().map(|(system, codes)| Extent::Codes(system, codes)).collect())
    }
}

impl Question<'_> {
    /// The codes of a value set.
    ///
    /// # Errors
    /// `Unprocessable` where it cannot be told what they are, or they are too many.
    pub fn extent(&mut self, set: &Value) -> Result<Extent, Failure> {
        let extent = self.within(set, |question| question.extent_open(set))?;
        bounded(extent)
    }

    /// A code and all that it means more than.
    ///
    /// # Errors
    /// `Unprocessable` where the code is none of its system, or only the system could tell, which is not at hand.
    pub fn below(&mut self, system: &str, code: &str) -> Result<Extent, Failure> {
        match self.place(system, code)? {
            Some(held) => self.closure(&held, code, |concept| held.children(concept).collect()),
            None => prefixes::below(system, code),
        }
    }

    /// A code and all that mean more than it.
    ///
    /// # Errors
    /// As [`Question::below`].
    pub fn above(&mut self, system: &str, code: &str) -> Result<Extent, Failure> {
        match self.place(system, code)? {
            Some(held) => self.closure(&held, code, |concept| held.parents(concept).collect()),
            None => prefixes::above(system, code),
        }
    }

    /// The code system, if all of it is at hand.
    fn place(&mut self, system: &str, code: &str) -> Result<Option<std::rc::Rc<CodeSystem>>, Failure> {
        let held = self.shelf.code_system(system)?.filter(|held| held.complete);
        match &held {
            Some(found) if found.find(code).is_none() => {
                let text = format!("The code system {system} has no code `{}`.", excerpt(code));
                Err(Failure::new(Reason::Unprocessable, text).code("code-invalid"))
            }
            Some(_) | None => Ok(held),
        }
    }

    /// A code with all that can be reached from it.
    fn closure<'c>(
        &mut self,
        held: &'c CodeSystem,
        code: &str,
        next: impl Fn(&'c Concept) -> Vec<&'c Concept>,
    ) -> Result<Extent, Failure> {
        let (mut open, mut seen) = (held.find(code).into_iter().collect::<Vec<_>>(), HashSet::new());
        let mut codes = Vec::new();
        while let Some(concept) = open.pop() {
            self.spend(concept.weight)?;
            if seen.insert(concept.code.as_str()) {
                codes.push(concept.code.clone());
                open.extend(next(concept));
            }
        }
        codes.sort_unstable();
        bounded(Extent::Codes(held.url.clone(), codes))
    }

    fn extent_open(&mut self, set: &Value) -> Result<Extent, Failure> {
        let Some(compose) = set.get("compose") else { return Ok(Extent::of(self.expanded_before(set)?)) };
        // Whether a code is still in use stands only where it is listed.
        if compose.get("inactive") == Some(&Value::Bool(false)) {
            return Ok(Extent::of(self.expand_open(set)?));
        }
        let mut parts = |name: &str| -> Result<Vec<Extent>, Failure> {
            list(compose, name).map(|include| self.extent_of(include)).collect()
        };
        let (includes, excludes) = (parts("include")?, parts("exclude")?);
        Ok(match excludes.is_empty() {
            true => Extent::Any(includes),
            false => Extent::But(Box::new(Extent::Any(includes)), Box::new(Extent::Any(excludes))),
        })
    }

    /// What one include, or exclude, takes in.
    fn extent_of(&mut self, include: &Value) -> Result<Extent, Failure> {
        self.spend(1)?;
        let mut all = Vec::new();
        if let Some(canonical) = self.system_of(include)? {
            all.push(self.extent_in_system(&canonical, include)?);
        }
        for url in list(include, "valueSet").filter_map(Value::as_str) {
            let set = self.imported(url)?;
            all.push(self.extent(&set)?);
        }
        Ok(if all.is_empty() { Extent::Any(Vec::new()) } else { Extent::All(all) })
    }

    fn extent_in_system(&mut self, canonical: &str, include: &Value) -> Result<Extent, Failure> {
        let system = canonical.split('|').next().unwrap_or_default();
        let listed = list(include, "concept").next().is_some();
        let held = self.shelf.code_system(canonical)?.filter(|held| held.complete);
        let filters = self.filters(include)?;
        // A system with more codes than can be listed stands for all of them.
        let is_small = held.as_ref().is_some_and(|held| held.concepts().nth(LARGEST).is_none());
        if listed || (held.is_some() && !filters.is_empty()) || is_small {
            return Ok(Extent::of(self.of_system(canonical, include)?));
        }
        let said = filters.iter().map(|filter| filter.extent(system).ok_or_else(|| not_held(system)));
        let mut all = said.collect::<Result<Vec<_>, _>>()?;
        Ok(match all.len() {
            0 => Extent::System(system.to_owned()),
            1 => all.remove(0),
            _ => Extent::All(all),
        })
    }
}

/// Refuses what names more codes than a search can ask for.
fn bounded(extent: Extent) -> Result<Extent, Failure> {
    match extent.size() <= LARGEST {
        true => Ok(extent),
        false => Err(too_costly(format!("These are more than {LARGEST} codes; ask for fewer."))),
    }
}

/// The beginning of a code that came from outside.
pub(super) fn excerpt(code: &str) -> String {
    code.chars().take(64).collect()
}
