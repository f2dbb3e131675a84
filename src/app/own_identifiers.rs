//! The identifiers by which operations find again what they have made: no client gives them to a resource of its own, or
//! it could keep a task from ever being asked for. <https://hl7.org/fhir/R4/datatypes.html#Identifier>
//!
//! A resource that has one may be changed by clients and keep it, or lose it: then the operation makes another.

use serde_json::Value;

use crate::app::change::Origin;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::palliative::vocabulary::CANDIDATE_TASK_SYSTEM;
use crate::palliative::vocabulary::CONSENT_TASK_SYSTEM;
use crate::palliative::vocabulary::REVIEW_TASK_SYSTEM;
use crate::palliative::vocabulary::RISK_TASK_SYSTEM;
use crate::palliative::vocabulary::TEMPLATE_ITEM_SYSTEM;

/// The systems, with what makes resources under them.
const OWN: [(&str, &str); 5] = [
    (TEMPLATE_ITEM_SYSTEM, "$palliative-careplan, which makes the plan with its goals, activities and tasks"),
    (
        REVIEW_TASK_SYSTEM,
        "$palliative-gaps with `createTasks`, or $palliative-transition, which ask for a review",
    ),
    (RISK_TASK_SYSTEM, "$palliative-stratify with `record`, which asks for what is urgent"),
    (CANDIDATE_TASK_SYSTEM, "$palliative-identify with `createTasks`, which asks to look at a candidate"),
    (CONSENT_TASK_SYSTEM, "nothing: the task comes by itself where an agreement is withdrawn"),
];

/// The elements by which R4 has resources found by their `identifier`.
const ELEMENTS: [&str; 2] = ["identifier", "masterIdentifier"];

/// The identifiers of a resource that are the programme's own to give: the place among the systems, and the value.
pub(crate) fn of(resource: &Value) -> Vec<(usize, String)> {
    let each = |name: &str| match resource.get(name) {
        Some(Value::Array(all)) => all.iter().filter_map(own).collect::<Vec<_>>(),
        Some(one) => own(one).into_iter().collect(),
        None => Vec::new(),
    };
    ELEMENTS.into_iter().flat_map(each).collect()
}

fn own(identifier: &Value) -> Option<(usize, String)> {
    let system = identifier.get("system")?.as_str()?;
    let place = OWN.iter().position(|(own, _)| *own == system)?;
    Some((place, identifier.get("value").and_then(Value::as_str).unwrap_or_default().to_owned()))
}

/// Refuses a client that would give a resource such an identifier, which the version before does not have.
///
/// # Errors
/// 422 `business-rule` at the identifier, naming the operation that gives it.
pub(crate) fn may_have(
    (origin, ty): (Origin, ResourceType),
    before: Option<&Value>,
    after: &[(usize, String)],
) -> Result<(), Failure> {
    if origin != Origin::Client || after.is_empty() {
        return Ok(());
    }
    let before = before.map(of).unwrap_or_default();
    let Some((place, _)) = after.iter().find(|one| !before.contains(one)) else { return Ok(()) };
    let (system, maker) = OWN[*place];
    let text = format!(
        "Identifiers of the system {system} are the programme's own, by which it finds again what it has made; leave it \
         out, and call {maker}."
    );
    Err(Failure::new(Reason::BusinessRule, text).at(format!("{ty}.identifier.where(system='{system}')")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NAMES: &str = "NamingSystem/";

    #[test]
    fn every_naming_system_of_ours_is_the_programmes_own() {
        let vocabulary = include_str!("../palliative/vocabulary.rs");
        let ours = vocabulary.lines().filter_map(|line| line.split_once(NAMES)?.1.split('"').next());
        let known: Vec<&str> =
            OWN.iter().filter_map(|(system, _)| Some(system.split_once(NAMES)?.1)).collect();
        let ours: Vec<&str> = ours.collect();
        assert!(!ours.is_empty());
        assert_eq!(known.len(), ours.len(), "{ours:?}");
        assert!(ours.iter().all(|one| known.contains(one)), "{ours:?}");
    }

    #[test]
    fn a_client_keeps_and_drops_such_an_identifier_and_gives_none() {
        let ty = ResourceType::parse("Task").unwrap();
        let with = |values: &[&str]| {
            let one = |value: &&str| json!({ "system": RISK_TASK_SYSTEM, "value": value });
            let other = json!({ "system": "urn:theirs", "value": "1" });
            json!({ "identifier": values.iter().map(one).chain([other]).collect::<Vec<_>>() })
        };
        let check = |origin, before: Option<&[&str]>, after: &[&str]| {
            let before = before.map(with);
            may_have((origin, ty), before.as_ref(), &of(&with(after)))
        };
        for (before, after, allowed) in [
            (None, &[][..], true),
            (None, &["a"], false),
            (Some(&["a"][..]), &["a"], true),
            (Some(&["a", "b"]), &["b"], true),
            (Some(&["a"]), &["b"], false),
            (Some(&["a"]), &["a", "b"], false),
        ] {
            assert_eq!(check(Origin::Client, before, after).is_ok(), allowed, "{before:?} {after:?}");
            assert!(check(Origin::Programme, before, after).is_ok());
        }
        let single = json!({ "masterIdentifier": { "system": CONSENT_TASK_SYSTEM, "value": "a" } });
        let refused = may_have((Origin::Client, ty), None, &of(&single)).unwrap_err();
        assert_eq!((refused.status(), refused.issues[0].code), (422, "business-rule"));
    }
}
