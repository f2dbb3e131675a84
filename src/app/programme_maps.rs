//! The ConceptMaps that a programme names, read with it. <https://hl7.org/fhir/R4/conceptmap.html>
//!
//! One that has gone since the programme was stored, or is no longer active, is left out and told of: what it would have
//! said is then unknown, which is never taken for not being so.

use std::sync::Arc;

use serde_json::Value;

use crate::app::Session;
use crate::app::Stored;
use crate::app::rule_document::value_of;
use crate::app::rule_sets::each_once;
use crate::app::rule_sets::named;
use crate::fhir::Failure;
use crate::fhir::ResourceType;
use crate::palliative::code_maps::CodeMaps;
use crate::palliative::code_maps::is_usable;
use crate::palliative::program::Program;

/// The type of what is named.
pub(crate) fn concept_map() -> ResourceType {
    ResourceType::parse("ConceptMap").expect("ConceptMap is a type of R4")
}

/// A programme with its maps, from those that are stored with these URLs or with any.
pub(crate) fn with_maps(program: Program, stored: &[Value]) -> Program {
    let usable: Vec<Value> = stored.iter().filter(|map| is_usable(map)).cloned().collect();
    let mut maps = CodeMaps::default();
    for canonical in each_once(program.concept_maps.iter().map(String::as_str)) {
        if !named(&usable, canonical).is_some_and(|map| maps.add(map)) {
            log::warn!(
                "the programme HealthcareService/{} names the ConceptMap {canonical}, which is not here or not active: \
                 store it, or correct `conceptMap`",
                program.id
            );
            maps.missing.push(canonical.to_owned());
        }
    }
    Program { maps: Arc::new(maps), ..program }
}

impl Session {
    /// A programme with the maps that it names, whoever asks: they are configuration and no patient's data.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub(super) fn mapped(&self, program: Program) -> Result<Program, Failure> {
        if program.concept_maps.is_empty() {
            return Ok(program);
        }
        let mut stored = Vec::new();
        for canonical in each_once(program.concept_maps.iter().map(String::as_str)) {
            let url = canonical.split_once('|').map_or(canonical, |(url, _)| url);
            let found = self.as_service().find(concept_map(), &format!("url={}", value_of(url)))?;
            stored.extend(found.iter().map(Stored::value).collect::<Result<Vec<_>, _>>()?);
        }
        Ok(with_maps(program, &stored))
    }
}
