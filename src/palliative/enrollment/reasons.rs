//! Why a state changes: the codes of ours, and the actions that each serves.
//! <https://hl7.org/fhir/R4/codesystem.html>

use std::sync::LazyLock;

use fhir_typed::types::CodeableConcept;
use serde_json::Value;

use crate::fhir::outcome::Failure;
use crate::fhir::parameters::Input as Given;
use crate::palliative::element::concept;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::request::refused;
use crate::palliative::enrollment::table::Action;
use crate::palliative::vocabulary::REASON_SYSTEM;

/// A reason of ours as a concept.
pub fn reason(code: &str) -> CodeableConcept {
    let display = REASONS.iter().find(|(own, ..)| own == code).map_or("", |(_, display, _)| display);
    *concept(REASON_SYSTEM, code, display)
}

/// The code system of reasons: code, display, and the kinds of action that each serves.
static REASONS: LazyLock<Vec<(String, String, Vec<String>)>> = LazyLock::new(|| {
    let system: Value =
        serde_json::from_str(include_str!("../../definitions/code-systems/palliative-reason.json"))
            .expect("the definition comes with the program and a test reads it");
    let text =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    list(system.get("concept"))
        .map(|concept| {
            let kinds = list(concept.get("property")).map(|property| text(property, "valueCode")).collect();
            (text(concept, "code"), text(concept, "display"), kinds)
        })
        .collect()
});

/// The kinds of reason that an action takes; empty where any will do.
pub fn reason_kinds(action: Action) -> &'static [&'static str] {
    match action {
        Action::Decline => &["decline"],
        Action::Lapse => &["lapse"],
        Action::Hold => &["hold"],
        Action::Transfer => &["transfer"],
        Action::Graduate => &["graduate"],
        Action::Discharge => &["end"],
        Action::HospiceElect => &["hospice"],
        Action::Death => &["death"],
        Action::Void => &["void"],
        Action::Undo => &["undo"],
        Action::Determine => &["ineligible"],
        Action::Refer
        | Action::Screen
        | Action::Offer
        | Action::Consent
        | Action::Waitlist
        | Action::Enroll
        | Action::Resume => &[],
    }
}

/// Whether a reason serves one of these kinds.
pub fn is_of_kind(code: &str, kinds: &[&str]) -> bool {
    REASONS
        .iter()
        .any(|(own, _, having)| own == code && having.iter().any(|kind| kinds.contains(&kind.as_str())))
}

/// The reasons of these kinds, for a refusal that says which would do.
pub fn fitting(kinds: &[&str]) -> String {
    let codes: Vec<&str> =
        REASONS.iter().map(|(code, ..)| code.as_str()).filter(|code| is_of_kind(code, kinds)).collect();
    codes.join(", ")
}

/// The reasons that were given, all of them codes of ours.
///
/// # Errors
/// 400 for one that is not.
pub fn reasons(given: &Given) -> Result<Vec<String>, Failure> {
    given
        .codings("reason")
        .map(|coding| {
            let known = REASONS.iter().any(|(code, ..)| code == coding.code);
            let ours = coding.system.is_none_or(|system| system == REASON_SYSTEM);
            if known && ours {
                Ok(coding.code.to_owned())
            } else {
                Err(refused("reason", format!("`{}` is not a code of {REASON_SYSTEM}.", coding.code)))
            }
        })
        .collect()
}
