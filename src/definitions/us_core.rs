//! US Core's profiles, trimmed to what they demand beyond R4. <https://hl7.org/fhir/us/core/STU6.1/>
//!
//! They are compiled when first asked for: a server that never judges by them does not start later for them.

use std::sync::OnceLock;

use crate::definitions::VALUE_SETS;
use crate::definitions::lines;
use crate::definitions::parsed;
use crate::definitions::r4_value_sets;
use crate::fhir::profile::Library;

const PROFILES: &str = include_str!("us-core/profiles.ndjson");
const VALUE_SETS_OF_PROFILES: &str = include_str!("us-core/value-sets.ndjson");

/// Where US Core's profiles have their URLs.
pub const US_CORE: &str = "http://hl7.org/fhir/us/core/StructureDefinition/";

/// US Core's profiles, of 6.1.0 before 3.1.1, with their value sets, R4's and ours.
///
/// # Errors
/// A sentence that names the definition that is wrong.
pub fn us_core() -> Result<&'static Library, String> {
    static LIBRARY: OnceLock<Result<Library, String>> = OnceLock::new();
    LIBRARY.get_or_init(load).as_ref().map_err(Clone::clone)
}

fn load() -> Result<Library, String> {
    let profiles = lines("us-core/profiles.ndjson", PROFILES)?;
    let mut value_sets = lines("us-core/value-sets.ndjson", VALUE_SETS_OF_PROFILES)?;
    value_sets.extend(r4_value_sets()?);
    value_sets.extend(parsed(VALUE_SETS)?);
    Library::compile(profiles.iter(), value_sets.iter())
}
