//! Profiles and value sets by their canonical URLs. <https://hl7.org/fhir/R4/references.html#canonical>

use std::collections::HashMap;

use serde_json::Value;

use crate::fhir::profile::codes::Codes;
use crate::fhir::profile::compile::split_version;
use crate::fhir::profile::tree::Profile;
use crate::fhir::shape::Shapes;

/// Profiles that belong together, with the value sets that they bind elements to.
#[derive(Debug, Default)]
pub struct Library {
    /// Of each URL all versions, in the order in which they were added.
    profiles: HashMap<String, Vec<Profile>>,
    codes: HashMap<String, Codes>,
}

impl Library {
    /// Compiles profiles, of those with one URL the newest first, and value sets; a value set that cannot be listed
    /// is left out.
    ///
    /// # Errors
    /// A sentence that names the definition that is wrong.
    pub fn compile<'a>(
        structures: impl Iterator<Item = &'a Value>,
        value_sets: impl Iterator<Item = &'a Value>,
    ) -> Result<Self, String> {
        let mut library = Self::default();
        for structure in structures {
            library.add(Profile::compile(structure)?);
        }
        for value_set in value_sets {
            library.add_codes(value_set);
        }
        Ok(library)
    }

    /// Adds a profile; it is the newest of its URL only if it is the first.
    pub fn add(&mut self, profile: Profile) {
        self.profiles.entry(profile.url.clone()).or_default().push(profile);
    }

    /// Adds the codes of a value set, if they can be listed.
    pub fn add_codes(&mut self, value_set: &Value) {
        if let (Some(url), Some(codes)) = (value_set["url"].as_str(), Codes::compile(value_set)) {
            self.codes.entry(url.to_owned()).or_insert(codes);
        }
    }

    /// The profile of a canonical URL: of the version that it names, else the newest.
    pub fn find(&self, canonical: &str) -> Option<&Profile> {
        let (url, version) = split_version(canonical);
        let mut profiles = self.profiles.get(url)?.iter();
        match version {
            None => profiles.next(),
            Some(version) => profiles.find(|profile| {
                let own = profile.version.as_deref().unwrap_or_default();
                own == version || own.strip_prefix(version).is_some_and(|rest| rest.starts_with('.'))
            }),
        }
    }

    /// All profiles.
    pub fn profiles(&self) -> impl Iterator<Item = &Profile> {
        self.profiles.values().flatten()
    }
}

/// All that is known while a resource is judged: one library after another.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    pub(super) shapes: &'a Shapes,
    libraries: Vec<&'a Library>,
}

impl<'a> Known<'a> {
    /// Knows R4 and what these libraries hold; the first that has a profile is the one that counts.
    pub fn new(shapes: &'a Shapes, libraries: Vec<&'a Library>) -> Self {
        Self { shapes, libraries }
    }

    /// The profile of a canonical URL.
    pub fn find(&self, canonical: &str) -> Option<&'a Profile> {
        self.libraries.iter().find_map(|library| library.find(canonical))
    }

    /// Whether the codes of a value set are known.
    pub fn has_codes(&self, url: &str) -> bool {
        self.codes(url).is_some()
    }

    /// The codes of a value set.
    pub(super) fn codes(&self, url: &str) -> Option<&'a Codes> {
        self.libraries.iter().find_map(|library| library.codes.get(url))
    }
}
