//! Of which versions of code systems an expansion is made, where the one who asks says so, and which systems it leaves
//! out. <https://hl7.org/fhir/R4/valueset-operation-expand.html>
//!
//! A version that is asked for must be at hand: codes are never shown as those of a version that nobody here has seen,
//! and a code that a value set lists is not one of a version that does not have it.
//!
//! However many are named, each is looked up at once: an expansion asks for each of its codes.

use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::hash_map::Entry;

use serde_json::Value;

use crate::fhir::outcome::Failure;
use crate::fhir::outcome::Reason;
use crate::fhir::parameters::Given;
use crate::fhir::parameters::Input;
use crate::fhir::terminology::code_system::CodeSystem;
use crate::fhir::terminology::member::Member;
use crate::fhir::terminology::member::listed_member;
use crate::fhir::terminology::value_set::Question;
use crate::fhir::terminology::value_set::not_held;

/// The parameter that leaves systems out.
const EXCLUDED: &str = "exclude-system";
/// The parameter with versions for where a value set names none.
const CHOSEN: &str = "system-version";
/// The parameter with versions that a value set must not contradict.
const CHECKED: &str = "check-system-version";
/// The parameter with versions that hold whatever a value set says.
const FORCED: &str = "force-system-version";

/// Versions of code systems, and systems to leave out, as one expansion is asked for with them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Editions {
    /// Systems, and systems with a version: `system|version`.
    excluded: HashSet<String>,
    /// Versions by their systems, as all of these.
    chosen: HashMap<String, String>,
    checked: HashMap<String, String>,
    forced: HashMap<String, String>,
}

impl Editions {
    /// What `exclude-system`, `system-version`, `check-system-version` and `force-system-version` ask for.
    ///
    /// # Errors
    /// `Invalid` for what is no `system|version`, and where one parameter names two versions of a system.
    pub fn of(input: &Input) -> Result<Self, Failure> {
        let versions = |name: &'static str| -> Result<HashMap<String, String>, Failure> {
            let mut all = HashMap::new();
            for given in input.all(name) {
                let (system, version) = canonical(given)?;
                let version = version.ok_or_else(|| {
                    let text = format!("`{name}` is a code system with its version: system|version.");
                    Failure::new(Reason::Invalid, text).at(given.at.clone())
                })?;
                match all.entry(system.to_owned()) {
                    Entry::Vacant(place) => {
                        place.insert(version.to_owned());
                    }
                    Entry::Occupied(own) if own.get() == version => {}
                    Entry::Occupied(_) => {
                        let text =
                            format!("`{name}` names two versions of one code system; keep one of them.");
                        return Err(Failure::new(Reason::Invalid, text).at(given.at.clone()));
                    }
                }
            }
            Ok(all)
        };
        let excluded = |given| canonical(given).map(|(system, version)| joined(system, version));
        Ok(Self {
            excluded: input.all(EXCLUDED).map(excluded).collect::<Result<_, _>>()?,
            chosen: versions(CHOSEN)?,
            checked: versions(CHECKED)?,
            forced: versions(FORCED)?,
        })
    }

    /// The version of a system that is to be used, where a value set names this one or none.
    ///
    /// # Errors
    /// `BusinessRule` where the value set names another than it may.
    fn version(&self, system: &str, own: Option<&str>) -> Result<Option<String>, Failure> {
        if let Some(forced) = self.forced.get(system) {
            return Ok(Some(forced.clone()));
        }
        match (self.checked.get(system), own) {
            // Of what is left out nothing is taken in another version than the one that is asked for.
            (Some(checked), Some(own)) if checked != own && !self.leaves_out(&joined(system, Some(own))) => {
                let text = format!(
                    "The value set takes its codes from version {own} of {system}, and `{CHECKED}` asks for {checked}."
                );
                Err(Failure::new(Reason::BusinessRule, text).at(at(CHECKED)))
            }
            (checked, own) => Ok(own
                .map(str::to_owned)
                .or_else(|| checked.cloned())
                .or_else(|| self.chosen.get(system).cloned())),
        }
    }

    /// Whether all of a system, or all of this version of it, is left out.
    pub(super) fn leaves_out(&self, canonical: &str) -> bool {
        self.excluded.contains(canonical) || self.excluded.contains(parts(canonical).0)
    }

    /// Takes out what is left out, and holds what a value set has brought ready made against the versions.
    ///
    /// # Errors
    /// `BusinessRule` where a code is of another version than it may be.
    pub fn apply(&self, members: &mut Vec<Member>) -> Result<(), Failure> {
        members.retain(|member| !self.leaves_out(&member.system));
        for member in members.iter() {
            let (system, own) = (member.system.as_str(), member.version.as_deref());
            let asked = self.version(system, own)?;
            if self.forced.contains_key(system) && asked.as_deref() != own {
                let text = format!(
                    "The value set brings codes of {system} in a version of its own, which `{FORCED}` cannot change."
                );
                return Err(Failure::new(Reason::BusinessRule, text).at(at(FORCED)));
            }
        }
        members.retain(|member| !self.leaves_out(&joined(&member.system, member.version.as_deref())));
        Ok(())
    }
}

impl Question<'_> {
    /// The system that an include names, in the version that the include or whoever asks names.
    ///
    /// # Errors
    /// `BusinessRule` where these differ and must not; `Unprocessable` where the version that is asked for is not at hand.
    pub(super) fn system_of(&mut self, include: &Value) -> Result<Option<String>, Failure> {
        let text = |name: &str| include.get(name).and_then(Value::as_str);
        let Some(system) = text("system") else { return Ok(None) };
        let own = joined(system, text("version"));
        // Whatever its version, nothing of it is taken in.
        if self.editions.leaves_out(system) {
            return Ok(Some(own));
        }
        let canonical = joined(system, self.editions.version(system, text("version"))?.as_deref());
        // Nobody needs to hold what is left out.
        let is_used = canonical != own && !self.editions.leaves_out(&canonical);
        if is_used && self.shelf.code_system(&canonical)?.is_none() {
            return Err(not_held(&canonical));
        }
        Ok(Some(canonical))
    }
}

/// A code that an include lists; none where the version that is asked for in place of the include's own does not have
/// it.
pub(super) fn listed(
    (canonical, system): (&str, Option<&CodeSystem>),
    include: &Value,
    one: &Value,
) -> Option<Member> {
    let is_own = parts(canonical).1 == include.get("version").and_then(Value::as_str);
    let code = one.get("code").and_then(Value::as_str).unwrap_or_default();
    let lacks = |system: &CodeSystem| system.complete && system.find(code).is_none();
    let is_left_out = !is_own && system.is_some_and(lacks);
    (!is_left_out).then(|| listed_member(canonical, system, one))
}

fn canonical(given: &Given) -> Result<(&str, Option<&str>), Failure> {
    let (system, version) = parts(given.text().unwrap_or_default());
    if system.is_empty() || version == Some("") {
        let text = format!("`{}` is a code system, with or without a version: system|version.", given.name);
        return Err(Failure::new(Reason::Invalid, text).at(given.at.clone()));
    }
    Ok((system, version))
}

fn joined(system: &str, version: Option<&str>) -> String {
    version.map_or_else(|| system.to_owned(), |version| format!("{system}|{version}"))
}

fn parts(canonical: &str) -> (&str, Option<&str>) {
    canonical.split_once('|').map_or((canonical, None), |(system, version)| (system, Some(version)))
}

fn at(name: &str) -> String {
    format!("Parameters.parameter.where(name='{name}')")
}
