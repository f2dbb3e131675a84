//! Of which versions of code systems an expansion is made, where the one who asks says so, and which systems it leaves
//! out. <https://hl7.org/fhir/R4/valueset-operation-expand.html>
//!
//! A version that is asked for must be at hand: codes are never shown as those of a version that nobody here has seen.

use serde_json::Value;

use crate::fhir::outcome::Failure;
use crate::fhir::outcome::Reason;
use crate::fhir::parameters::Given;
use crate::fhir::parameters::Input;
use crate::fhir::terminology::member::Member;
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
    excluded: Vec<(String, Option<String>)>,
    chosen: Vec<(String, String)>,
    checked: Vec<(String, String)>,
    forced: Vec<(String, String)>,
}

impl Editions {
    /// What `exclude-system`, `system-version`, `check-system-version` and `force-system-version` ask for.
    ///
    /// # Errors
    /// `Invalid` for what is no `system|version`, and where one parameter names two versions of a system.
    pub fn of(input: &Input) -> Result<Self, Failure> {
        let versions = |name: &'static str| -> Result<Vec<(String, String)>, Failure> {
            let mut all: Vec<(String, String)> = Vec::new();
            for given in input.all(name) {
                let (system, version) = canonical(given)?;
                let version = version.ok_or_else(|| {
                    let text = format!("`{name}` is a code system with its version: system|version.");
                    Failure::new(Reason::Invalid, text).at(given.at.clone())
                })?;
                if all.iter().any(|(other, own)| *other == system && *own != version) {
                    let text = format!("`{name}` names two versions of one code system; keep one of them.");
                    return Err(Failure::new(Reason::Invalid, text).at(given.at.clone()));
                }
                all.push((system, version));
            }
            Ok(all)
        };
        Ok(Self {
            excluded: input.all(EXCLUDED).map(canonical).collect::<Result<_, _>>()?,
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
        let asked = |all: &[(String, String)]| {
            all.iter().find(|(other, _)| other == system).map(|(_, version)| version.clone())
        };
        if let Some(forced) = asked(&self.forced) {
            return Ok(Some(forced));
        }
        match (asked(&self.checked), own) {
            (Some(checked), Some(own)) if checked != own => {
                let text = format!(
                    "The value set takes its codes from version {own} of {system}, and `{CHECKED}` asks for {checked}."
                );
                Err(Failure::new(Reason::BusinessRule, text).at(at(CHECKED)))
            }
            (checked, own) => Ok(own.map(str::to_owned).or(checked).or_else(|| asked(&self.chosen))),
        }
    }

    /// Whether all of a system, or all of this version of it, is left out.
    pub(super) fn leaves_out(&self, canonical: &str) -> bool {
        let (system, version) = parts(canonical);
        self.excluded
            .iter()
            .any(|(other, only)| other == system && only.as_deref().is_none_or(|only| version == Some(only)))
    }

    /// Takes out what is left out, and holds what a value set has brought ready made against the versions.
    ///
    /// # Errors
    /// `BusinessRule` where a code is of another version than it may be.
    pub fn apply(&self, members: &mut Vec<Member>) -> Result<(), Failure> {
        members.retain(|member| {
            let version = member.version.as_deref().map(|version| format!("|{version}")).unwrap_or_default();
            !self.leaves_out(&format!("{}{version}", member.system))
        });
        for member in members {
            let (system, own) = (member.system.as_str(), member.version.as_deref());
            let asked = self.version(system, own)?;
            if self.forced.iter().any(|(other, _)| other == system) && asked.as_deref() != own {
                let text = format!(
                    "The value set brings codes of {system} in a version of its own, which `{FORCED}` cannot change."
                );
                return Err(Failure::new(Reason::BusinessRule, text).at(at(FORCED)));
            }
        }
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
        let with = |version: Option<&str>| {
            version.map_or_else(|| system.to_owned(), |version| format!("{system}|{version}"))
        };
        let own = with(text("version"));
        // Whatever its version, nothing of it is taken in.
        if self.editions.leaves_out(&own) {
            return Ok(Some(own));
        }
        let canonical = with(self.editions.version(system, text("version"))?.as_deref());
        if canonical != own && self.shelf.code_system(&canonical)?.is_none() {
            return Err(not_held(&canonical));
        }
        Ok(Some(canonical))
    }
}

fn canonical(given: &Given) -> Result<(String, Option<String>), Failure> {
    let (system, version) = parts(given.text().unwrap_or_default());
    if system.is_empty() || version == Some("") {
        let text = format!("`{}` is a code system, with or without a version: system|version.", given.name);
        return Err(Failure::new(Reason::Invalid, text).at(given.at.clone()));
    }
    Ok((system.to_owned(), version.map(str::to_owned)))
}

fn parts(canonical: &str) -> (&str, Option<&str>) {
    canonical.split_once('|').map_or((canonical, None), |(system, version)| (system, Some(version)))
}

fn at(name: &str) -> String {
    format!("Parameters.parameter.where(name='{name}')")
}
