//! The record of who asked for an operation of the programme that wrote something: one AuditEvent, in the same
//! transaction, so that there is none without the other. <https://hl7.org/fhir/R4/auditevent.html>
//!
//! It is written with the programme's rights: no scope of the caller's keeps it away. It stands in the compartment of
//! the patient whom it is about and in no other: an acting person who is a patient too is named without a reference.

use serde_json::Value;
use serde_json::json;

use crate::app::Change;
use crate::app::ChangeAction;
use crate::app::Session;
use crate::definitions::CANONICAL;
use crate::fhir::Failure;
use crate::fhir::Resource;
use crate::fhir::datetime::instant;
use crate::palliative::enrollment::drafts::Decision;
use crate::palliative::enrollment::drafts::Draft;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::facts::Who;
use crate::palliative::enrollment::facts::program_of;
use crate::palliative::enrollment::patient_name;

/// By which the event's references to what is only being made are resolved.
const NAME: &str = "urn:comfrey:AuditEvent";

/// What an operation did.
#[derive(Clone, Debug, Default)]
pub struct Deed {
    /// The operation's code.
    pub operation: &'static str,
    /// Whom it is about: `Patient/1`.
    pub patient: String,
    /// The programme: `HealthcareService/1`.
    pub program: Option<String>,
    /// The episodes, by their names or those that they have until they are written.
    pub episodes: Vec<String>,
    /// What was decided: of what kind that is, and the code.
    pub decision: Vec<(&'static str, String)>,
}

impl Deed {
    /// What was decided within an episode that stays as it is.
    pub fn within(operation: &'static str, episode: &Resource, decision: &str) -> Self {
        Self {
            operation,
            patient: patient_name(episode).unwrap_or_default().to_owned(),
            program: program_of(episode).map(str::to_owned),
            episodes: episode.id().map(|id| format!("EpisodeOfCare/{id}")).into_iter().collect(),
            decision: vec![("decision", decision.to_owned())],
        }
    }

    /// A decision about an episode: those that it writes, or else the one that is there.
    pub fn of(operation: &'static str, decision: &Decision, episode: Option<&Resource>) -> Self {
        let written = || decision.drafts.iter().filter(|draft| draft.resource.ty().name() == "EpisodeOfCare");
        let first = written().map(|draft| &draft.resource).next().or(episode);
        let stored = episode.and_then(|episode| Some(format!("EpisodeOfCare/{}", episode.id()?)));
        let mut episodes: Vec<String> = written().map(name).collect();
        if episodes.is_empty() {
            episodes.extend(stored);
        }
        let action = decision.first("Provenance").and_then(|deed| deed.text("/activity/coding/0/code"));
        let action = action.map(|code| ("action", code.to_owned()));
        let state = ("decision", decision.state.code().to_owned());
        Self {
            operation,
            patient: first.and_then(patient_name).unwrap_or_default().to_owned(),
            program: first.and_then(program_of).map(str::to_owned),
            episodes,
            decision: action.into_iter().chain([state]).collect(),
        }
    }
}

fn name(draft: &Draft) -> String {
    match &draft.place {
        Place::New(name) | Place::NewUnless(name, _) | Place::Sent(name) => name.clone(),
        Place::Existing(_) => format!("EpisodeOfCare/{}", draft.resource.id().unwrap_or_default()),
    }
}

impl Session {
    /// The changes of an operation, and behind them the record of it; where there are none, there is nothing to record.
    ///
    /// # Errors
    /// Only `Internal`.
    pub fn audited(&self, mut changes: Vec<Change>, deed: &Deed) -> Result<Vec<Change>, Failure> {
        if !changes.is_empty() {
            let event = Resource::from_value(self.event(deed))?;
            changes.push(Change::programme(ChangeAction::create(event)).as_effect().known_as(NAME));
        }
        Ok(changes)
    }

    fn event(&self, deed: &Deed) -> Value {
        let who = match self.actor().who {
            Who::Reference(who) if who == deed.patient || !who.starts_with("Patient/") => {
                json!({ "reference": who })
            }
            Who::Reference(_) => json!({ "display": self.caller().subject }),
            Who::Name(name) => json!({ "display": name }),
        };
        let mut agent = json!({ "who": who, "requestor": true });
        if !self.caller().subject.is_empty() {
            agent["altId"] = self.caller().subject.as_str().into();
        }
        json!({
            "resourceType": "AuditEvent",
            "type": coding("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest", "RESTful Operation"),
            "subtype": [
                coding("http://hl7.org/fhir/restful-interaction", "operation", "operation"),
                { "system": format!("{CANONICAL}/OperationDefinition"), "code": deed.operation },
            ],
            "action": "E",
            "recorded": instant(self.now()),
            "outcome": "0",
            "agent": [agent],
            "source": { "observer": { "display": "Comfrey" } },
            "entity": entities(deed),
        })
    }
}

/// The patient, the programme and the episodes; what was decided stands with the last of them.
fn entities(deed: &Deed) -> Vec<Value> {
    let entity = |what: &str, (kind, kind_words): (&str, &str), (role, role_words): (&str, &str)| {
        json!({
            "what": { "reference": what },
            "type": coding("http://terminology.hl7.org/CodeSystem/audit-entity-type", kind, kind_words),
            "role": coding("http://terminology.hl7.org/CodeSystem/object-role", role, role_words),
        })
    };
    let other = |what: &String| entity(what, ("2", "System Object"), ("4", "Domain Resource"));
    let patient = entity(&deed.patient, ("1", "Person"), ("1", "Patient"));
    let others = deed.program.iter().chain(&deed.episodes).map(other);
    let mut all: Vec<Value> = [patient].into_iter().chain(others).collect();
    let details = deed.decision.iter().map(|(kind, code)| json!({ "type": kind, "valueString": code }));
    let details: Vec<Value> = details.collect();
    if let (Some(last), false) = (all.last_mut(), details.is_empty()) {
        last["detail"] = Value::Array(details);
    }
    all
}

fn coding(system: &str, code: &str, display: &str) -> Value {
    json!({ "system": system, "code": code, "display": display })
}
