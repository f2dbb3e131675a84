//! The record of a request that was made in an emergency, written before anything is answered: who asked, for what, and
//! of whom. <https://hl7.org/fhir/R4/auditevent.html>
//!
//! It says nothing of what came of the request, which is not known yet. It names the patient, and so stands where the
//! patient reads it, only where the request is about that one person: its query would tell of others.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::json;

use crate::access::emergency::EMERGENCY;
use crate::access::emergency::PURPOSE_SYSTEM;
use crate::app::Change;
use crate::app::ChangeAction;
use crate::app::Session;
use crate::app::audit::AUDIT_SYSTEM;
use crate::app::audit::agent;
use crate::app::audit::coding;
use crate::fhir::Failure;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::datetime::instant;

/// What is asked in an emergency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emergency {
    /// The interaction, as R4 calls it: `search-type`.
    pub interaction: &'static str,
    /// What is asked for: path and query.
    pub asked: String,
    /// The resource that is asked for by its name, where one is.
    pub target: Option<(ResourceType, String)>,
    /// The ids of the patients whom the query names.
    pub patients: BTreeSet<String>,
}

impl Session {
    /// Records a request that was made in an emergency.
    ///
    /// # Errors
    /// What the database fails with; then nothing may be answered.
    pub fn record_emergency(&self, emergency: &Emergency) -> Result<(), Failure> {
        let event = Resource::from_value(self.of_emergency(emergency)?)?;
        self.as_service().write(vec![Change::programme(ChangeAction::create(event))]).map(|_| ())
    }

    fn of_emergency(&self, emergency: &Emergency) -> Result<Value, Failure> {
        let patient = self.person_of(emergency)?.map(|id| format!("Patient/{id}"));
        let purpose = json!([{ "coding": [coding(PURPOSE_SYSTEM, EMERGENCY, "Emergency Treatment")] }]);
        let mut agent =
            agent(&self.actor().who, &self.caller().subject, patient.as_deref().unwrap_or_default());
        agent["purposeOfUse"] = purpose.clone();
        let query = json!({
            "type": coding("http://terminology.hl7.org/CodeSystem/audit-entity-type", "2", "System Object"),
            "role": coding("http://terminology.hl7.org/CodeSystem/object-role", "24", "Query"),
            "query": STANDARD.encode(&emergency.asked),
        });
        let person = patient.map(|patient| {
            json!({
                "what": { "reference": patient },
                "type": coding("http://terminology.hl7.org/CodeSystem/audit-entity-type", "1", "Person"),
                "role": coding("http://terminology.hl7.org/CodeSystem/object-role", "1", "Patient"),
            })
        });
        Ok(json!({
            "resourceType": "AuditEvent",
            "type": coding("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest", "RESTful Operation"),
            "subtype": [
                coding("http://hl7.org/fhir/restful-interaction", emergency.interaction, emergency.interaction),
                coding(AUDIT_SYSTEM, "emergency-access", "Emergency access"),
            ],
            "action": if emergency.interaction == "operation" { "E" } else { "R" },
            "recorded": instant(self.now()),
            "purposeOfEvent": purpose,
            "agent": [agent],
            "source": { "observer": { "display": "Comfrey" } },
            "entity": person.into_iter().chain([query]).collect::<Vec<_>>(),
        }))
    }

    /// The one person whom the request is about, where it is one who is on file.
    fn person_of(&self, emergency: &Emergency) -> Result<Option<String>, Failure> {
        let (service, mut patients) = (self.as_service(), emergency.patients.clone());
        if let Some((ty, id)) = &emergency.target
            && let Ok(stored) = service.read(*ty, id)
        {
            patients.extend(self.patients_of(&Resource::from_value(stored.value()?)?));
        }
        let ty = ResourceType::parse("Patient").expect("Patient is a type of R4");
        let mut all = patients.into_iter();
        let one = all.next().filter(|id| all.next().is_none() && service.read(ty, id).is_ok());
        Ok(one)
    }
}
