//! The ServiceRequests by which a person is referred: what may stand for one, and which of them are the episode's to
//! revoke. <https://hl7.org/fhir/R4/servicerequest.html>

use fhir_typed::Resource as Typed;
use fhir_typed::resources::ServiceRequest;
use serde_json::Value;
use serde_json::json;

use crate::fhir::outcome::Failure;
use crate::fhir::outcome::Reason;
use crate::fhir::resource::Resource;
use crate::palliative::element::concept;
use crate::palliative::element::extension;
use crate::palliative::element::plain_code;
use crate::palliative::element::reference;
use crate::palliative::element::remark;
use crate::palliative::element::words;
use crate::palliative::enrollment::drafts::Drafts;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::broken;
use crate::palliative::enrollment::facts::has_coding;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::parameter;
use crate::palliative::enrollment::refer::Referral;
use crate::palliative::enrollment::refer::concept_of;
use crate::palliative::enrollment::request::Wanted;
use crate::palliative::enrollment::request::refused;
use crate::palliative::vocabulary::SNOMED;
use crate::palliative::vocabulary::SOURCE_EXTENSION;

/// Referral to palliative care service, referral to palliative care physician, consultation for palliative care.
const REFERRALS: [&str; 3] = ["306237005", "306288008", "713281006"];

/// The referral's ServiceRequest: the one that was named, the one that was sent, or a new one.
///
/// # Errors
/// `Invalid` where it is not this patient's, `BusinessRule` where it is no referral to palliative care.
pub fn request(case: &Case, referral: &Referral, drafts: &mut Drafts) -> Result<String, Failure> {
    match &referral.service_request {
        Some(Wanted::Reference(to)) => named(case, to),
        Some(Wanted::New(sent)) if !is_request(sent) => Err(unfit(format!(
            "A {} was sent; send a ServiceRequest, or leave it out, and one is written.",
            sent.ty()
        ))),
        Some(Wanted::New(sent)) if sent.refers("/subject/reference") == Some(case.patient()) => {
            let name = drafts.name();
            drafts.push(marked(sent.clone(), &referral.source), Place::Sent(name.clone()));
            Ok(name)
        }
        Some(Wanted::New(_)) => {
            Err(refused("serviceRequest", "The ServiceRequest's `subject` is not this patient.".to_owned()))
        }
        None => drafts.add(Typed::ServiceRequest(Box::new(written(case, referral)))),
    }
}

/// The active referrals of the episode, which go with it when it is declined: of all that the episode names, only what
/// is a referral to palliative care, or was made with one, and of this patient.
pub fn active<'a>(case: &'a Case) -> impl Iterator<Item = &'a Resource> {
    list(case.episode.get("referralRequest"))
        .filter_map(|one| case.chart.find(one.get("reference")?.as_str()?))
        .filter(|one| is_request(one) && one.refers("/subject/reference") == Some(case.patient()))
        .filter(|one| is_referral(one) || extension_of(one, SOURCE_EXTENSION).is_some())
        .filter(|one| one.text("/status") == Some("active"))
}

/// A stored request that is to be the referral. Declining revokes it, so it must be one.
fn named(case: &Case, to: &str) -> Result<String, Failure> {
    let found = case.chart.find(to).filter(|one| one.refers("/subject/reference") == Some(case.patient()));
    let Some(found) = found else {
        return Err(refused("serviceRequest", format!("{to} is not a ServiceRequest for this patient.")));
    };
    if !is_request(found) {
        return Err(unfit(format!(
            "{to} is no ServiceRequest; name one, or leave it out, and one is written."
        )));
    }
    if !is_referral(found) {
        let codes = REFERRALS.join(", ");
        return Err(unfit(format!(
            "{to} is no referral to palliative care: its `code` has none of {SNOMED} {codes}. Leave `serviceRequest` \
             out, and a referral is written."
        )));
    }
    Ok(to.to_owned())
}

fn unfit(text: String) -> Failure {
    let issue = broken("bad-parameter", text).at(parameter("serviceRequest"));
    Failure::of(Reason::BusinessRule, vec![issue])
}

fn is_request(resource: &Resource) -> bool {
    resource.ty().name() == "ServiceRequest"
}

fn is_referral(request: &Resource) -> bool {
    REFERRALS.iter().any(|code| has_coding(request.get("code"), SNOMED, code))
}

/// The request as a referral made it, which is known by the source that it came from.
fn marked(mut request: Resource, source: &str) -> Resource {
    if extension_of(&request, SOURCE_EXTENSION).is_none() {
        let mark = json!({ "url": SOURCE_EXTENSION, "valueCode": source });
        let extensions = request.object_mut().entry("extension").or_insert_with(|| Value::Array(Vec::new()));
        if let Some(extensions) = extensions.as_array_mut() {
            extensions.push(mark);
        }
    }
    request
}

fn written(case: &Case, referral: &Referral) -> ServiceRequest {
    ServiceRequest {
        status: "active".into(),
        intent: "order".into(),
        priority: referral.urgency.as_deref().map(Into::into),
        code: Some(concept(SNOMED, "306237005", "Referral to palliative care service")),
        subject: reference(case.patient()),
        requester: Some(reference(&referral.requester)),
        authored_on: Some(referral.received.to_string().into()),
        performer: vec![*reference(&case.program.reference())],
        reason_code: referral.reasons.iter().map(concept_of).collect(),
        note: referral.note.iter().map(|note| remark(note, case.now)).collect(),
        order_detail: referral.language.iter().map(|tag| *words(&format!("Language: {tag}"))).collect(),
        extension: vec![extension(SOURCE_EXTENSION, plain_code(&referral.source))],
        ..ServiceRequest::default()
    }
}
