//! Definitions of our own that are read under their ids though nobody has stored them.
//! <https://hl7.org/fhir/R4/operationdefinition.html>

use serde_json::Value;

use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;

/// The definition with this id.
pub fn find<'a>(session: &'a Session, ty: ResourceType, id: &str) -> Option<&'a Value> {
    session.app().definitions.published(ty, id)
}

/// Refuses to write under the id of a definition: the read after it would not give what was written.
///
/// # Errors
/// `Conflict`.
pub fn check_free(session: &Session, ty: ResourceType, id: &str) -> Result<(), Failure> {
    match find(session, ty, id) {
        None => Ok(()),
        Some(_) => {
            let text = format!("{ty}/{id} is a definition of this server; write under another id.");
            Err(Failure::new(Reason::Conflict, text))
        }
    }
}
