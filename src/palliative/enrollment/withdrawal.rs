//! The withdrawal of an enrolment agreement: what it is, and the work that it asks for.
//! <https://hl7.org/fhir/R4/consent.html>
//!
//! A withdrawal ends nothing: a person speaks with the patient, and ends the enrolment where that is meant. So that
//! nobody overlooks it, it leaves a task. There is one open task for each episode and agreement, however often and by
//! whomever it is written; where the one before was done, the agreement was given anew, and it is withdrawn again, there
//! is another.

use serde_json::Value;
use serde_json::json;

use crate::fhir::datetime::Micros;
use crate::fhir::datetime::instant;
use crate::fhir::form::encoded;
use crate::fhir::outcome::Failure;
use crate::fhir::resource::Resource;
use crate::palliative::enrollment::drafts::Draft;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::name;
use crate::palliative::enrollment::patient_name;
use crate::palliative::vocabulary::CONSENT_TASK_SYSTEM;
use crate::palliative::vocabulary::TASK_SYSTEM;

/// The states of a Task in which it is still to be done. <https://hl7.org/fhir/R4/valueset-task-status.html>
const OPEN: &str = "draft,requested,received,accepted,ready,in-progress,on-hold";

/// What is to be done about it, for the one who does it.
const TEXT: &str = "The agreement to take part is no longer valid. Speak with the person today: to leave the programme, end \
                    the enrolment with `discharge` and the reason patient-request; to stay, have a new agreement signed. \
                    Until then the enrolment stays as it is.";

/// Whether an agreement is not, or no more, one: by its status, or because it says no. Nothing at all is none.
pub fn is_withdrawn(consent: &Value) -> bool {
    let text = |place: &str| consent.pointer(place).and_then(Value::as_str);
    text("/status") != Some("active") || text("/provision/type") == Some("deny")
}

/// Whether it is the task about the withdrawal of an agreement on which an episode rests, in whatever state.
pub fn asks(task: &Resource, episode: &Resource, consent: &str) -> bool {
    let value = identifier(episode, consent);
    list(task.get("identifier")).any(|one| one["system"] == CONSENT_TASK_SYSTEM && one["value"] == value)
}

fn identifier(episode: &Resource, consent: &str) -> String {
    format!("{}/{consent}", episode.id().unwrap_or_default())
}

/// The task to speak with the person about the withdrawal, for the organisation that the episode belongs to.
///
/// # Errors
/// `Internal`, for a fault of ours.
pub fn task(episode: &Resource, consent: &str, now: Micros) -> Result<Draft, Failure> {
    let value = identifier(episode, consent);
    let mut task = json!({
        "resourceType": "Task",
        "identifier": [{ "system": CONSENT_TASK_SYSTEM, "value": value }],
        "status": "requested",
        "intent": "order",
        "priority": "urgent",
        "code": { "coding": [{ "system": TASK_SYSTEM, "code": "consent-withdrawn", "display": "Agreement withdrawn" }] },
        "description": TEXT,
        "focus": { "reference": name(episode) },
        "authoredOn": instant(now),
        "lastModified": instant(now),
        "reasonReference": { "reference": format!("Consent/{consent}") },
    });
    let mut query =
        format!("identifier={}&status={OPEN}", encoded(&format!("{CONSENT_TASK_SYSTEM}|{value}")));
    if let Some(patient) = patient_name(episode) {
        task["for"] = json!({ "reference": patient });
        query.push_str(&format!("&patient={patient}"));
    }
    if let Some(owner) = episode.get("managingOrganization") {
        task["owner"] = owner.clone();
    }
    let name = format!("urn:comfrey:consent-withdrawn:{value}");
    Ok(Draft { resource: Resource::from_value(task)?, place: Place::NewUnless(name, query) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::is_withdrawn;

    #[test]
    fn what_is_not_active_or_says_no_is_no_agreement() {
        for status in ["draft", "proposed", "rejected", "inactive", "entered-in-error"] {
            assert!(is_withdrawn(&json!({ "status": status })), "{status}");
        }
        assert!(is_withdrawn(&json!({})));
        assert!(is_withdrawn(&json!({ "status": "active", "provision": { "type": "deny" } })));
        assert!(!is_withdrawn(&json!({ "status": "active", "provision": { "type": "permit" } })));
        assert!(!is_withdrawn(&json!({ "status": "active" })));
    }
}
