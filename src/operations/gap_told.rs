//! A gap as `$palliative-gaps` tells it, and who is told what closed it.
//! <https://hl7.org/fhir/us/davinci-deqm/gaps-in-care-reporting.html>

use crate::access::Action;
use crate::app::Session;
use crate::fhir::parameters::Output;
use crate::fhir::reference::Reference;
use crate::palliative::gaps::Gap;
use crate::palliative::gaps::measures::Measures;
use crate::palliative::screening::report::Reader;
use crate::search::Visible;

/// The gap whose evidence is about the caregiver and not the patient.
const ABOUT_CAREGIVER: &str = "caregiver-not-assessed";

/// Whether the caller may read what tells of a patient: a review may be done by a Task or by an agreement, which need not
/// be open to all who may read what else is told.
pub(super) fn may_see(session: &Session, evidence: &str, patient: &str) -> bool {
    let Some(local) = Reference::parse(evidence).local() else { return false };
    match session.caller().visible(Action::Read, local.ty) {
        Visible::All => true,
        Visible::Patients(own) | Visible::Whole(own) => {
            own.iter().any(|id| patient.strip_prefix("Patient/") == Some(id))
        }
        Visible::Nothing => false,
    }
}

/// A gap as it is told. A caregiver's answers are about another person, and no patient is pointed to them.
pub(super) fn part(gap: &Gap, measures: &Measures, reader: Reader) -> Output {
    let mut output = Output::new()
        .value("code", "code", gap.code)
        .value("domain", "code", gap.domain.as_str())
        .value("status", "code", gap.status.code());
    if let Some(due) = gap.due {
        output = output.value("dueDate", "date", due.to_string());
    }
    output = output.value("text", "string", gap.told());
    for measure in measures.of_gap(gap.code) {
        output = output.value("measure", "canonical", measure.as_str());
    }
    match &gap.evidence {
        Some(evidence) if reader == Reader::Team || gap.code != ABOUT_CAREGIVER => {
            output.reference("evidence", evidence)
        }
        _ => output,
    }
}
