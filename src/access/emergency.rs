//! Access in an emergency, "breaking the glass": a clinician reads beyond the patient to whom the token is held, says
//! why, and leaves a record. <https://terminology.hl7.org/CodeSystem-v3-ActReason.html>
//!
//! The issuer of tokens decides who may, by the role `emergency-access`; without a token that has it nothing is
//! changed by the header but for a refusal, so that it is off until somebody is given the role. It lifts the patient
//! from scopes to read and to search, and gives no type, no action and no write that the scopes do not give. A token of
//! a patient or of one who is related to a patient is never lifted, whatever roles it has.

use crate::access::Action;
use crate::access::Caller;
use crate::access::Grant;
use crate::access::Reach;
use crate::fhir::Failure;
use crate::fhir::Reason;

/// The header that says for what a request is made.
pub const HEADER: &str = "X-Purpose-Of-Use";
/// The one purpose that changes anything here: emergency treatment.
pub const EMERGENCY: &str = "ETREAT";
/// The code system of purposes.
pub const PURPOSE_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
/// The role of those who may.
const ROLE: &str = "emergency-access";

/// Reads the header: `ETREAT`, with or without its code system.
///
/// # Errors
/// 400 `code-invalid` for any other purpose: it would change nothing, and who sends it must not believe that it did.
pub fn purpose(text: &str) -> Result<(), Failure> {
    let code = text.trim();
    let code = code.strip_prefix(PURPOSE_SYSTEM).and_then(|rest| rest.strip_prefix('|')).unwrap_or(code);
    if code == EMERGENCY {
        return Ok(());
    }
    let text = format!(
        "`{HEADER}` takes {EMERGENCY}, emergency treatment, and nothing else; leave it out for any other purpose."
    );
    Err(Failure::new(Reason::Invalid, text).code("code-invalid").at(format!("http.{HEADER}")))
}

/// The caller as one who reads in an emergency.
///
/// # Errors
/// 403 for one without the role, and for one who is no clinician by `fhirUser`.
pub fn lifted(caller: Caller) -> Result<Caller, Failure> {
    if !(caller.is_clinician() && caller.has_role(ROLE)) {
        let text = format!(
            "Emergency access takes an access token of a clinician (`fhirUser` is a Practitioner or PractitionerRole) \
             with the role `{ROLE}`; without `{HEADER}` the request is answered within the token's own scopes."
        );
        return Err(Failure::new(Reason::Forbidden, text).at(format!("http.{HEADER}")));
    }
    let wider = |grant: &Grant| {
        let actions: Vec<Action> = grant.actions.iter().copied().filter(|one| one.is_reading()).collect();
        let is_held = !grant.reach.is_everywhere() && !actions.is_empty();
        is_held.then_some(Grant { ty: grant.ty, actions, reach: Reach::All })
    };
    let mut lifted = caller;
    let more: Vec<Grant> = lifted.grants.iter().filter_map(wider).collect();
    lifted.grants.extend(more);
    Ok(lifted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::ResourceType;
    use crate::search::Visible;

    fn launched(user: &str, roles: &[&str]) -> Caller {
        let grant = |ty: &str, actions: &[Action]| Grant {
            ty: ResourceType::parse(ty),
            actions: actions.to_vec(),
            reach: Reach::Patient("1".into()),
        };
        Caller {
            grants: vec![
                grant("Observation", &[Action::Read, Action::Update]),
                grant("Goal", &[Action::Create]),
            ],
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            fhir_user: Some(user.into()),
            ..Caller::without_grants("one")
        }
    }

    #[test]
    fn it_lifts_the_patient_from_reading_and_nothing_else() {
        let lifted = lifted(launched("https://ehr.example/Practitioner/7", &["emergency-access"])).unwrap();
        let own = Visible::Whole(vec!["1".into()]);
        for (ty, action, expected) in [
            ("Observation", Action::Read, Visible::All),
            ("Observation", Action::Search, Visible::Nothing),
            ("Observation", Action::Update, own.clone()),
            ("Goal", Action::Create, own),
            ("Goal", Action::Read, Visible::Nothing),
            ("Condition", Action::Read, Visible::Nothing),
        ] {
            let ty = ResourceType::parse(ty).unwrap();
            assert_eq!(lifted.visible(action, ty), expected, "{ty} {action:?}");
        }
    }

    #[test]
    fn only_clinicians_with_the_role_may() {
        for (user, roles, may) in [
            ("PractitionerRole/7", &["x", "emergency-access"][..], true),
            ("Practitioner/7", &["program-director"], false),
            ("Practitioner/7", &[], false),
            ("Patient/1", &["emergency-access"], false),
            ("RelatedPerson/1", &["emergency-access"], false),
            ("Practitioner", &["emergency-access"], false),
            ("Practitioner/", &["emergency-access"], false),
            ("Patient/1#/Practitioner/7", &["emergency-access"], false),
        ] {
            assert_eq!(lifted(launched(user, roles)).is_ok(), may, "{user} {roles:?}");
        }
        assert!(lifted(Caller { fhir_user: None, ..launched("", &["emergency-access"]) }).is_err());
    }

    #[test]
    fn one_purpose_is_known() {
        for (text, known) in [
            ("ETREAT", true),
            (" ETREAT ", true),
            ("http://terminology.hl7.org/CodeSystem/v3-ActReason|ETREAT", true),
            ("etreat", false),
            ("TREAT", false),
            ("", false),
            ("ETREAT,TREAT", false),
            ("http://example.org|ETREAT", false),
        ] {
            assert_eq!(purpose(text).is_ok(), known, "{text}");
        }
    }
}
