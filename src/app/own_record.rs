//! What one who is held to single patients may write: in their records alone, and not which records are theirs.
//! <https://hl7.org/fhir/R4/compartmentdefinition-patient.html>
//!
//! Many a resource stands in more than one patient's record: an observation in that of its subject and in that of whoever
//! performed it. Who is one of them reads it, and does not so write into the other's record. And by a link from one
//! Patient to another they would hear whether that one has died or is enrolled, and have rules take both for one person.

use serde_json::Value;

use crate::app::guard::stays_inside;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::search::Visible;

/// Refuses a resource that would stand outside of the patients to which the caller is held, or in another one's record too.
///
/// # Errors
/// 403 `forbidden`.
pub(crate) fn stays(visible: &Visible, ty: ResourceType, patients: &[String]) -> Result<(), Failure> {
    stays_inside(visible, patients)?;
    stays_apart(visible, ty, patients)
}

/// Refuses a resource that stands, or would stand, in the record of another patient too. Of a Patient that is so by its
/// links alone, which are kept by [`may_link`].
///
/// # Errors
/// 403 `forbidden`.
pub(crate) fn stays_apart(visible: &Visible, ty: ResourceType, patients: &[String]) -> Result<(), Failure> {
    let is_own = |own: &[String]| patients.iter().all(|patient| own.contains(patient));
    if ty.name() == "Patient" || visible.patients().is_none_or(is_own) {
        return Ok(());
    }
    let text = "The access token writes in its own patient's record alone, and this stands in the record of another patient \
                too; refer to no other patient, or let the care team change it.";
    Err(Failure::new(Reason::Forbidden, text))
}

/// The links of a Patient; none of another resource.
pub(crate) fn links(ty: ResourceType, resource: &Value) -> Option<Value> {
    resource.get("link").filter(|_| ty.name() == "Patient").cloned()
}

/// Refuses a change of a Patient's links to one who is held to single patients.
///
/// # Errors
/// 403 `forbidden` at `Patient.link`.
pub(crate) fn may_link(
    visible: &Visible,
    (before, after): (Option<&Value>, Option<&Value>),
) -> Result<(), Failure> {
    if visible.patients().is_none() || before == after {
        return Ok(());
    }
    let text = "Which records are about one person is said by those who may write all Patients, and the access token is held \
                to a patient's own data; send `Patient.link` as it stands.";
    Err(Failure::new(Reason::Forbidden, text).at("Patient.link"))
}
