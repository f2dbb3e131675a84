//! A caller as JSON, for a request that is carried out later with the rights of then.
//! <https://hl7.org/fhir/R4/async.html>

use serde_json::Value;
use serde_json::json;

use crate::access::Action;
use crate::access::Caller;
use crate::access::Grant;
use crate::access::Reach;
use crate::fhir::ResourceType;

impl Caller {
    /// All that decides what this caller may do and see.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "subject": self.subject,
            "client": self.client,
            "patient": self.patient,
            "grants": self.grants.iter().map(grant).collect::<Vec<_>>(),
            "roles": self.roles,
            "fhirUser": self.fhir_user,
        })
    }

    /// The caller again; none where it is not whole, so that nothing is guessed.
    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let optional = |name: &str| match value.get(name)? {
            Value::Null => Some(None),
            Value::String(text) => Some(Some(text.clone())),
            _ => None,
        };
        Some(Self {
            subject: value.get("subject")?.as_str()?.to_owned(),
            client: optional("client")?,
            patient: optional("patient")?,
            grants: value.get("grants")?.as_array()?.iter().map(read_grant).collect::<Option<_>>()?,
            roles: value.get("roles")?.as_array()?.iter().map(text).collect::<Option<_>>()?,
            fhir_user: optional("fhirUser")?,
        })
    }
}

fn grant(grant: &Grant) -> Value {
    let reach = match &grant.reach {
        Reach::System => json!("system"),
        Reach::All => json!("all"),
        Reach::Patient(id) => json!({ "patient": id }),
    };
    let actions: String = grant.actions.iter().map(|action| action.letter()).collect();
    json!({ "type": grant.ty.map(ResourceType::name), "actions": actions, "reach": reach })
}

fn read_grant(value: &Value) -> Option<Grant> {
    let ty = match value.get("type")? {
        Value::Null => None,
        name => Some(ResourceType::parse(name.as_str()?)?),
    };
    let letter = |letter: char| Action::ALL.into_iter().find(|action| action.letter() == letter);
    let reach = match value.get("reach")? {
        Value::String(reach) if reach == "system" => Reach::System,
        Value::String(reach) if reach == "all" => Reach::All,
        reach => Reach::Patient(text(reach.get("patient")?)?),
    };
    Some(Grant {
        ty,
        actions: value.get("actions")?.as_str()?.chars().map(letter).collect::<Option<_>>()?,
        reach,
    })
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_comes_back_as_it_was() {
        let grant = |ty: Option<&str>, reach: Reach| Grant {
            ty: ty.map(|name| ResourceType::parse(name).expect("a type of R4")),
            actions: vec![Action::Read, Action::Search],
            reach,
        };
        let caller = Caller {
            subject: "one\n\"two\"".into(),
            client: Some("app".into()),
            patient: Some("p".into()),
            grants: vec![
                grant(None, Reach::System),
                grant(Some("Goal"), Reach::All),
                grant(Some("Patient"), Reach::Patient("p".into())),
            ],
            roles: vec!["program-director".into()],
            fhir_user: Some("Practitioner/7".into()),
        };
        assert_eq!(Caller::from_json(&caller.to_json()), Some(caller));
        let nobody = Caller::anonymous();
        assert_eq!(Caller::from_json(&nobody.to_json()), Some(nobody));
    }

    #[test]
    fn one_that_is_not_whole_is_none() {
        let whole = Caller::everything("one").to_json();
        for name in ["subject", "client", "patient", "grants", "roles", "fhirUser"] {
            let mut part = whole.clone();
            part.as_object_mut().expect("an object").remove(name);
            assert_eq!(Caller::from_json(&part), None, "{name}");
        }
        for (name, wrong) in [("type", json!("Nothing")), ("actions", json!("rx")), ("reach", json!("half"))]
        {
            let mut other = whole.clone();
            other["grants"][0][name] = wrong;
            assert_eq!(Caller::from_json(&other), None, "{name}");
        }
    }
}
