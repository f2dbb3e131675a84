//! Where value sets and code systems are looked up, and those that one question has looked up already.

use std::collections::HashMap;
use std::fmt::Debug;
use std::fmt::Formatter;
use std::rc::Rc;

use serde_json::Value;

use crate::fhir::outcome::Failure;
use crate::fhir::terminology::code_system::CodeSystem;

/// Where value sets and code systems are found by their canonical URLs.
pub trait Library {
    /// The ValueSet with this URL, and this version where one is named.
    ///
    /// # Errors
    /// Only what looking it up fails with.
    fn value_set(&self, url: &str, version: Option<&str>) -> Result<Option<Value>, Failure>;

    /// The ValueSet with this id.
    ///
    /// # Errors
    /// Only what looking it up fails with.
    fn value_set_with_id(&self, _id: &str) -> Result<Option<Value>, Failure> {
        Ok(None)
    }

    /// The CodeSystem with this URL, and this version where one is named.
    ///
    /// # Errors
    /// Only what looking it up fails with.
    fn code_system(&self, url: &str, version: Option<&str>) -> Result<Option<Value>, Failure>;
}

impl Debug for dyn Library + '_ {
    fn fmt(&self, to: &mut Formatter<'_>) -> std::fmt::Result {
        to.write_str("Library")
    }
}

/// What one question has taken out of the library.
pub struct Shelf<'a> {
    source: &'a dyn Library,
    value_sets: HashMap<String, Option<Rc<Value>>>,
    code_systems: HashMap<String, Option<Rc<CodeSystem>>>,
}

impl<'a> Shelf<'a> {
    /// Nothing yet.
    pub fn of(source: &'a dyn Library) -> Self {
        Self { source, value_sets: HashMap::new(), code_systems: HashMap::new() }
    }

    /// Puts in a code system that came with the question.
    pub fn put(&mut self, system: CodeSystem) -> Rc<CodeSystem> {
        let system = Rc::new(system);
        self.code_systems.insert(system.url.clone(), Some(Rc::clone(&system)));
        system
    }

    /// The value set of a canonical: `url` or `url|version`.
    ///
    /// # Errors
    /// Only what looking it up fails with.
    pub fn value_set(&mut self, canonical: &str) -> Result<Option<Rc<Value>>, Failure> {
        if let Some(known) = self.value_sets.get(canonical) {
            return Ok(known.clone());
        }
        let (url, version) = parts(canonical);
        let found = self.source.value_set(url, version)?.map(Rc::new);
        self.value_sets.insert(canonical.to_owned(), found.clone());
        Ok(found)
    }

    /// The value set with this id.
    ///
    /// # Errors
    /// Only what looking it up fails with.
    pub fn value_set_with_id(&self, id: &str) -> Result<Option<Rc<Value>>, Failure> {
        Ok(self.source.value_set_with_id(id)?.map(Rc::new))
    }

    /// The code system of a canonical.
    ///
    /// # Errors
    /// Only what looking it up fails with.
    pub fn code_system(&mut self, canonical: &str) -> Result<Option<Rc<CodeSystem>>, Failure> {
        if let Some(known) = self.code_systems.get(canonical) {
            return Ok(known.clone());
        }
        let (url, version) = parts(canonical);
        let found = self.source.code_system(url, version)?;
        let found = found.map(|resource| Rc::new(CodeSystem::compile(&resource)));
        self.code_systems.insert(canonical.to_owned(), found.clone());
        Ok(found)
    }
}

fn parts(canonical: &str) -> (&str, Option<&str>) {
    match canonical.split_once('|') {
        Some((url, version)) => (url, Some(version)),
        None => (canonical, None),
    }
}
