//! A scope: `patient/Observation.rs` (SMART 2), `user/*.read` (SMART 1).
//! <https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html#scopes-for-requesting-fhir-resources>
//!
//! What is not understood grants nothing: a scope with a query (`?category=…`) asks for less than its type, so
//! taking it without the query would widen it.

use crate::access::Action;
use crate::fhir::ResourceType;

/// Whose data a scope is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The patient in the launch context.
    Patient,
    /// What the user may see.
    User,
    /// What a system without a user may see.
    System,
}

/// One scope, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Whose data.
    pub level: Level,
    /// The resource type; none for `*`.
    pub ty: Option<ResourceType>,
    /// What may be done.
    pub actions: Vec<Action>,
}

/// The scope that this word is, where it is one that grants something here.
pub fn parse(word: &str) -> Option<Scope> {
    let (level, rest) = word.split_once('/')?;
    let level = match level {
        "patient" => Level::Patient,
        "user" => Level::User,
        "system" => Level::System,
        _ => return None,
    };
    let (name, permission) = rest.split_once('.')?;
    let ty = if name == "*" { None } else { Some(ResourceType::parse(name)?) };
    Some(Scope { level, ty, actions: actions(permission)? })
}

fn actions(permission: &str) -> Option<Vec<Action>> {
    match permission {
        "read" => return Some(vec![Action::Read, Action::Search]),
        "write" => return Some(vec![Action::Create, Action::Update, Action::Delete]),
        "*" => return Some(Action::ALL.to_vec()),
        _ => {}
    }
    let named: Vec<Action> =
        Action::ALL.into_iter().filter(|action| permission.contains(action.letter())).collect();
    let ordered: String = named.iter().map(|action| action.letter()).collect();
    (!named.is_empty() && ordered == permission).then_some(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(word: &str) -> Option<String> {
        parse(word).map(|scope| scope.actions.iter().map(|action| action.letter()).collect())
    }

    #[test]
    fn a_scope_grants_the_actions_that_it_names() {
        for (word, granted) in [
            ("patient/Observation.rs", "rs"),
            ("system/CarePlan.cruds", "cruds"),
            ("user/*.c", "c"),
            ("user/Patient.read", "rs"),
            ("user/Patient.write", "cud"),
            ("user/*.*", "cruds"),
            ("patient/*.*", "cruds"),
        ] {
            assert_eq!(letters(word).as_deref(), Some(granted), "{word}");
        }
    }

    #[test]
    fn what_is_not_understood_grants_nothing() {
        for word in [
            "",
            "openid",
            "launch/patient",
            "offline_access",
            "patient/Observation",
            "patient/Observation.",
            "patient/Observation.sr",
            "patient/Observation.rr",
            "patient/Observation.rsx",
            "patient/Observation.READ",
            "patient/observation.rs",
            "patient/Nonsense.rs",
            "Patient/Observation.rs",
            "group/Observation.rs",
            "patient/Observation.rs?category=laboratory",
            "patient/Observation.rs?",
            "patient/Observation.?category=x",
            "patient//Observation.rs",
            "patient/*.read.write",
        ] {
            assert_eq!(parse(word), None, "{word}");
        }
    }

    #[test]
    fn a_scope_says_whose_data_and_which_type() {
        let scope = parse("patient/Goal.r").unwrap();
        assert_eq!((scope.level, scope.ty), (Level::Patient, ResourceType::parse("Goal")));
        assert_eq!(parse("system/*.rs").unwrap().ty, None);
    }
}
