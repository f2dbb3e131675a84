//! Whether a document is a payer's approval of this person. <https://hl7.org/fhir/R4/claimresponse.html>

use crate::fhir::resource::Resource;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::covers;

/// What may stand for an approval, where it says whose it is, and the statuses in which it counts.
const KINDS: [(&str, &str, &str); 3] = [
    ("ClaimResponse", "/patient/reference", "active"),
    ("CoverageEligibilityResponse", "/patient/reference", "active"),
    ("DocumentReference", "/subject/reference", "current"),
];

/// Why the reference is no approval; none where it is one. It must be on file where the caller may read it.
pub fn flaw(case: &Case, to: &str) -> Option<String> {
    let found = case.chart.find(to).and_then(|found| {
        let kind = KINDS.iter().find(|(ty, ..)| *ty == found.ty().name())?;
        (found.refers(kind.1) == Some(case.patient())).then_some((found, kind.2))
    });
    let Some((found, status)) = found else {
        let kinds = KINDS.map(|(ty, ..)| ty).join(", ");
        return Some(format!("{to} is not on file as a payer's approval for this patient: one of {kinds}."));
    };
    let text = |place: &str| found.text(place);
    if text("/status") != Some(status) {
        return Some(format!("The status of {to} is not `{status}`."));
    }
    answered(found).then_some(()).map_or_else(
        || Some(format!("{to} has not been answered, or not with an approval before the service.")),
        |()| {
            let lapsed = !covers(found.get("preAuthPeriod"), case.today(), case.program);
            lapsed.then(|| format!("The approval {to} does not hold today: see its `preAuthPeriod`."))
        },
    )
}

/// Whether the payer has answered, and about what is yet to be done.
fn answered(response: &Resource) -> bool {
    let done = || matches!(response.text("/outcome"), Some("complete" | "partial"));
    match response.ty().name() {
        "ClaimResponse" => response.text("/use") == Some("preauthorization") && done(),
        "CoverageEligibilityResponse" => done(),
        _ => true,
    }
}
