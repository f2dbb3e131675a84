//! Whether a document is a payer's approval of this person. <https://hl7.org/fhir/R4/claimresponse.html>

use serde_json::Value;

use crate::fhir::reference::unversioned;
use crate::fhir::resource::Resource;
use crate::palliative::enrollment::coverage::is_active_on;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::codings;
use crate::palliative::enrollment::facts::covers;
use crate::palliative::enrollment::facts::list;

/// What may stand for an approval, where it says whose it is, and the statuses in which it counts.
const KINDS: [(&str, &str, &str); 3] = [
    ("ClaimResponse", "/patient/reference", "active"),
    ("CoverageEligibilityResponse", "/patient/reference", "active"),
    ("DocumentReference", "/subject/reference", "current"),
];

/// The answer of a payer's review, as requests for authorisation by X12 carry it.
const REVIEW: &str = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-reviewActionCode";
/// Certified in total, in part, and as modified.
const CERTIFIED: [&str; 3] = ["A1", "A2", "A6"];

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
    if found.text("/status") != Some(status) {
        return Some(format!("The status of {to} is not `{status}`."));
    }
    let own = if found.ty().name() == "DocumentReference" { letter(case, found) } else { answer(found) };
    own.map(|flaw| format!("{to} {flaw}")).or_else(|| {
        let lapsed = !covers(found.get("preAuthPeriod"), case.today(), case.program);
        lapsed.then(|| format!("The approval {to} does not hold today: see its `preAuthPeriod`."))
    })
}

/// An outcome of `complete` says that the request was processed, not that it was approved: that is told by the number
/// under which the service may be billed, and taken back by what a review or an insurance says.
fn answer(response: &Resource) -> Option<String> {
    let claim = response.ty().name() == "ClaimResponse";
    if claim && response.text("/use") != Some("preauthorization") {
        return Some("is about a claim, not about what is yet to be done: see its `use`.".to_owned());
    }
    if !matches!(response.text("/outcome"), Some("complete" | "partial")) {
        return Some("has not been answered: see its `outcome`.".to_owned());
    }
    if response.text("/preAuthRef").is_none() {
        return Some("has no `preAuthRef`, so that it is an answer and no approval.".to_owned());
    }
    let mut out_of_force = list(response.get("insurance")).map(|one| one.get("inforce"));
    if out_of_force.any(|inforce| inforce.and_then(Value::as_bool) == Some(false)) {
        return Some("says that the insurance is not in force.".to_owned());
    }
    let mut reviews = Vec::new();
    gather(response.value(), &mut reviews);
    let denied = !reviews.is_empty() && !reviews.iter().any(|code| CERTIFIED.contains(code));
    denied.then(|| format!("is no approval; the payer's review says {}.", reviews.join(", ")))
}

/// The codes of all reviews, wherever they stand.
fn gather<'a>(value: &'a Value, codes: &mut Vec<&'a str>) {
    match value {
        Value::Array(all) => all.iter().for_each(|one| gather(one, codes)),
        Value::Object(object) => {
            if object.get("url").and_then(Value::as_str) == Some(REVIEW) {
                codes.extend(codings(object.get("valueCodeableConcept")).map(|(_, code)| code));
            }
            object.values().for_each(|one| gather(one, codes));
        }
        _ => {}
    }
}

/// A letter approves where it comes from one who pays for the person's care today: an organization, for neither the
/// person nor their family approves, and what is contained in a resource is known by its name in there alone.
fn letter(case: &Case, document: &Resource) -> Option<String> {
    let pays = |coverage: &&Resource| {
        is_active_on(coverage, case.today(), case.program)
            && coverage.refers("/beneficiary/reference") == Some(case.patient())
    };
    let payors: Vec<&str> = case
        .chart
        .of("Coverage")
        .filter(pays)
        .flat_map(|coverage| list(coverage.get("payor")))
        .filter_map(|payor| payor.get("reference")?.as_str())
        .map(unversioned)
        .filter(|payor| payor.rsplit('/').nth(1) == Some("Organization"))
        .collect();
    let signed =
        list(document.get("author")).chain(document.get("authenticator")).chain(document.get("custodian"));
    let mut by = signed.filter_map(|one| one.get("reference")?.as_str()).map(unversioned);
    let found = by.any(|name| payors.contains(&name));
    (!found).then(|| {
        "is by no organization that pays by a coverage in force today: see its `author`, `authenticator` and `custodian`."
            .to_owned()
    })
}
