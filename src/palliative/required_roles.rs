//! Which roles a programme asks of a team: of every team, and beyond that of the team of a person of one tier.
//! <https://hl7.org/fhir/R4/careteam.html>

use serde_json::Value;

use crate::fhir::resource::Resource;
use crate::palliative::enrollment::facts::list;
use crate::palliative::program::Program;
use crate::palliative::risk::tier::Tier;

/// The telephone that a programme may require as it requires a role.
pub const PHONE: &str = "phone-24-7";

/// What a programme writes that asks for no role at all.
pub const NONE: &str = "none";

/// What is asked for where a programme says nothing of roles: all of these, each with its alternatives.
const USUAL: [&str; 3] = ["rn|prescriber", "social-worker", PHONE];

/// A role that the team of a person of a tier must have beside those of every team. `tierRole`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierRole {
    /// Of which tier.
    pub tier: Tier,
    /// Any of these.
    pub any_of: Vec<String>,
}

impl TierRole {
    /// Reads the parts of a `tierRole` setting; none where one is missing, unknown or has no usable value.
    pub fn read(parts: &Value) -> Option<Self> {
        let (mut tier, mut any_of) = (None, None);
        for part in parts.as_array()? {
            match part.get("url")?.as_str()? {
                "tier" => tier = Some(Tier::parse(part.get("valueCode")?.as_str()?)?),
                "role" => any_of = Some(alternatives(part.get("valueString")?.as_str()?)),
                _ => return None,
            }
        }
        Some(Self { tier: tier?, any_of: any_of? })
    }
}

/// The roles of which any is enough, as `rn|prescriber` says them.
pub fn alternatives(text: &str) -> Vec<String> {
    text.split('|').map(|role| role.trim().to_owned()).collect()
}

/// A role that is asked for, and whether only of a tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Any of these.
    pub any_of: Vec<String>,
    /// The tier that it is asked of; every tier where there is none.
    pub tier: Option<Tier>,
}

impl Program {
    /// What the team of a person of this tier must have. Of one whose tier is not known, what every team must have.
    pub fn roles_of(&self, tier: Option<Tier>) -> Vec<Asked> {
        let every: Vec<Vec<String>> = match self.required_roles.as_slice() {
            [] => USUAL.map(alternatives).into(),
            own => own.iter().filter(|any_of| !is_none(any_of)).cloned().collect(),
        };
        let every = every.into_iter().map(|any_of| Asked { any_of, tier: None });
        let own = self.tier_roles.iter().filter(|one| Some(one.tier) == tier);
        every.chain(own.map(|one| Asked { any_of: one.any_of.clone(), tier })).collect()
    }
}

/// Whether somebody answers a programme's telephone all day, every day.
pub(super) fn phone_all_day(service: &Resource) -> bool {
    let phone = phones(service).next().is_some();
    let days: usize = list(service.get("availableTime"))
        .filter(|time| time.get("allDay").and_then(Value::as_bool) == Some(true))
        .map(|time| list(time.get("daysOfWeek")).count())
        .sum();
    phone && days >= 7
}

/// The telephones of a programme.
pub(super) fn phones(service: &Resource) -> impl Iterator<Item = &Value> {
    list(service.get("telecom")).filter(|point| point.get("system").and_then(Value::as_str) == Some("phone"))
}

fn is_none(any_of: &[String]) -> bool {
    any_of == [NONE]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn roles(settings: serde_json::Value, tier: Option<Tier>) -> Vec<String> {
        let service = json!({ "resourceType": "HealthcareService", "id": "p", "extension": [{
            "url": crate::palliative::vocabulary::SETTINGS_EXTENSION, "extension": settings }] });
        let program = Program::read(&Resource::from_value(service).unwrap()).unwrap();
        program.roles_of(tier).into_iter().map(|asked| asked.any_of.join("|")).collect()
    }

    #[test]
    fn a_programme_that_says_nothing_asks_for_the_usual_roles_and_one_may_ask_for_none() {
        let usual = ["rn|prescriber", "social-worker", "phone-24-7"];
        assert_eq!(roles(json!([]), None), usual);
        assert_eq!(roles(json!([]), Some(Tier::Four)), usual);
        assert!(
            roles(json!([{ "url": "requiredRole", "valueString": "none" }]), Some(Tier::Four)).is_empty()
        );
    }

    #[test]
    fn what_a_tier_asks_for_stands_beside_what_all_do() {
        let row = |tier: &str, role: &str| {
            json!({ "url": "tierRole", "extension": [
                { "url": "tier", "valueCode": tier }, { "url": "role", "valueString": role }] })
        };
        let settings = json!([{ "url": "requiredRole", "valueString": "rn" },
            row("tier-3", "prescriber"), row("tier-4", "prescriber"), row("tier-4", "chaplain | social-worker")]);
        for (tier, expected) in [
            (None, &["rn"][..]),
            (Some(Tier::Two), &["rn"]),
            (Some(Tier::Three), &["rn", "prescriber"]),
            (Some(Tier::Four), &["rn", "prescriber", "chaplain|social-worker"]),
        ] {
            assert_eq!(roles(settings.clone(), tier), expected, "{tier:?}");
        }
        // beside the usual ones too
        let usual = ["rn|prescriber", "social-worker", "phone-24-7", "chaplain"];
        assert_eq!(roles(json!([row("tier-4", "chaplain")]), Some(Tier::Four)), usual);
    }
}
