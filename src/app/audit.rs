//! The record of who asked for a change of an enrolment, a plan, a screening or tier that is kept, or for tasks: one
//! AuditEvent, in the same transaction, so that there is none without the other.
//! <https://hl7.org/fhir/R4/auditevent.html>
//!
//! Where tasks are asked for of many people, one event names the tasks, each of which says whose it is, and nobody: what
//! named them all would stand in the compartment of each, who would read of the others. Runs of payable months leave no
//! event: a run is kept as it was asked for.
//!
//! No client makes, changes or deletes one: what may be rewritten is no record.
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
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::datetime::instant;
use crate::fhir::reference::Reference;
use crate::palliative::enrollment::drafts::Decision;
use crate::palliative::enrollment::drafts::Draft;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::facts::Who;
use crate::palliative::enrollment::facts::program_of;
use crate::palliative::enrollment::patient_name;
use crate::palliative::vocabulary::ACTION_SYSTEM;

/// The kinds of events of this service that no operation of the programme leaves.
pub(crate) const AUDIT_SYSTEM: &str = "https://comfrey.health/fhir/CodeSystem/palliative-audit";

/// By which the event's references to what is only being made are resolved.
const NAME: &str = "urn:comfrey:AuditEvent";

/// Who may be named by a reference, beside the patient (R4: `AuditEvent.agent.who`).
const AGENTS: [&str; 5] = ["Device", "Organization", "Practitioner", "PractitionerRole", "RelatedPerson"];

/// What an operation did.
#[derive(Clone, Debug, Default)]
pub struct Deed {
    /// The operation's code.
    pub operation: &'static str,
    /// Whom it is about: `Patient/1`; empty where it is about many, none of whom may read who else it was.
    pub patient: String,
    /// The Group of those whom it is about: `Group/1`.
    pub group: Option<String>,
    /// The programme: `HealthcareService/1`.
    pub program: Option<String>,
    /// The episodes, by their names or those that they have until they are written.
    pub episodes: Vec<String>,
    /// The tasks that were asked for, by the names that they have until they are written.
    pub tasks: Vec<String>,
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
            ..Self::default()
        }
    }

    /// That tasks were asked for.
    pub fn asking(operation: &'static str, drafts: &[Draft]) -> Self {
        Self {
            operation,
            tasks: drafts.iter().map(name).collect(),
            decision: vec![("action", "createTasks".to_owned())],
            ..Self::default()
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
            ..Self::default()
        }
    }
}

fn name(draft: &Draft) -> String {
    match &draft.place {
        Place::New(name) | Place::NewUnless(name, _) | Place::Sent(name) => name.clone(),
        Place::Existing(_) => format!("{}/{}", draft.resource.ty(), draft.resource.id().unwrap_or_default()),
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
        let agent = agent(&self.actor().who, &self.caller().subject, &deed.patient);
        json!({
            "resourceType": "AuditEvent",
            "type": coding("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest", "RESTful Operation"),
            "subtype": [
                coding("http://hl7.org/fhir/restful-interaction", "operation", "operation"),
                { "system": operations(), "code": deed.operation },
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

/// By which the events of this service are told from those of clients.
fn operations() -> String {
    format!("{CANONICAL}/OperationDefinition")
}

/// Whether resources of a type may be records of who did what.
pub(crate) fn is_record(ty: ResourceType) -> bool {
    matches!(ty.name(), "AuditEvent" | "Provenance")
}

/// All of a record that the service has written, which no client may change; none of another one. When a step of an
/// enrolment was recorded decides whether it can be undone.
pub(crate) fn recorded(ty: ResourceType, value: &Value) -> Option<Value> {
    let (place, operations) = match ty.name() {
        "Provenance" => ("/activity/coding", String::new()),
        _ => ("/subtype", operations()),
    };
    let is_own = |one: &Value| {
        let system = one.get("system").and_then(Value::as_str).unwrap_or_default();
        match ty.name() {
            "Provenance" => system == ACTION_SYSTEM,
            _ => system == operations || system == AUDIT_SYSTEM,
        }
    };
    if !value.pointer(place)?.as_array()?.iter().any(is_own) {
        return None;
    }
    let mut own = value.clone();
    let members = own.as_object_mut()?;
    // What says the server, and labels.
    for name in ["id", "meta"] {
        members.remove(name);
    }
    Some(own)
}

/// Why a client may not write such a record.
pub(crate) fn is_recorded(ty: ResourceType) -> Failure {
    let (what, place) = match ty.name() {
        "Provenance" => ("the steps of an enrolment, on which later ones rest", "Provenance.activity"),
        _ => ("who asked for an operation of the programme", "AuditEvent.subtype"),
    };
    let text = format!(
        "This is the record of {what}, which is made with what the operation writes, and no client makes, changes or \
         deletes such; record what is your own with another `{}`.",
        place.rsplit('.').next().unwrap_or_default()
    );
    Failure::new(Reason::BusinessRule, text).at(place)
}

/// Who asked: by a reference, or else by name and login, which the patient may read.
pub(super) fn agent(who: &Who, login: &str, patient: &str) -> Value {
    let may_stand = |who: &str| {
        let ty = Reference::parse(who).local().map(|local| local.ty);
        who == patient || ty.is_some_and(|ty| AGENTS.contains(&ty.name()))
    };
    let named = match who {
        Who::Reference(who) if may_stand(who) => {
            return json!({ "who": { "reference": who }, "requestor": true });
        }
        Who::Reference(_) => login,
        Who::Name(name) => name,
    };
    let display = words(named).unwrap_or_else(|| "(no name)".to_owned());
    let mut agent = json!({ "who": { "display": display }, "requestor": true });
    if let Some(login) = words(login) {
        agent["altId"] = login.into();
    }
    agent
}

/// A text of a token as R4 takes a string; none where it has no words.
fn words(text: &str) -> Option<String> {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// The patient, the Group, the programme, the episodes and the tasks; what was decided stands with the last of them.
fn entities(deed: &Deed) -> Vec<Value> {
    let entity = |what: &str, (kind, kind_words): (&str, &str), (role, role_words): (&str, &str)| {
        json!({
            "what": { "reference": what },
            "type": coding("http://terminology.hl7.org/CodeSystem/audit-entity-type", kind, kind_words),
            "role": coding("http://terminology.hl7.org/CodeSystem/object-role", role, role_words),
        })
    };
    let other = |what: &String| entity(what, ("2", "System Object"), ("4", "Domain Resource"));
    let patient = Some(&deed.patient).filter(|patient| !patient.is_empty());
    let patient = patient.map(|patient| entity(patient, ("1", "Person"), ("1", "Patient")));
    let others = deed.group.iter().chain(&deed.program).chain(&deed.episodes).chain(&deed.tasks).map(other);
    let mut all: Vec<Value> = patient.into_iter().chain(others).collect();
    let details = deed.decision.iter().map(|(kind, code)| json!({ "type": kind, "valueString": code }));
    let details: Vec<Value> = details.collect();
    if let (Some(last), false) = (all.last_mut(), details.is_empty()) {
        last["detail"] = Value::Array(details);
    }
    all
}

/// A Coding.
pub(super) fn coding(system: &str, code: &str, display: &str) -> Value {
    json!({ "system": system, "code": code, "display": display })
}
