//! What a programme names by a code or a canonical: lines of business, settings of care, roles, rule sets, its algorithm,
//! other programmes. <https://hl7.org/fhir/R4/healthcareservice.html>
//!
//! It is looked at when the programme is stored. A programme that is stored already goes on as it is: a name that was
//! taken once would else stop everything that is done in it.

use serde_json::Value;

use crate::definitions::Definitions;
use crate::fhir::outcome::Issue;
use crate::fhir::reference::Reference;
use crate::palliative::enrollment::both_kinds::NEVER;
use crate::palliative::enrollment::facts::list;
use crate::palliative::program::is_programme;
use crate::palliative::program_settings::at;
use crate::palliative::program_settings::settings;
use crate::palliative::program_settings::wrong;
use crate::palliative::record::says_nothing;
use crate::palliative::required_roles::NONE;
use crate::palliative::required_roles::PHONE;
use crate::palliative::required_roles::alternatives;
use crate::palliative::vocabulary::LOB_SYSTEM;
use crate::palliative::vocabulary::ROLE_SYSTEM;
use crate::palliative::vocabulary::SETTING_SYSTEM;

/// What is wrong with the names in the settings of a HealthcareService that is to be stored; nothing where it has none.
/// Whether its rules are here is only known when all is stored that comes with it.
pub fn issues(service: &Value, definitions: &Definitions, base_url: &str) -> Vec<Issue> {
    if service["resourceType"] != "HealthcareService" || !is_programme(service) {
        return Vec::new();
    }
    let known = |system: &str, code: &str| {
        let concepts = definitions.code_systems.get(system).and_then(|system| system["concept"].as_array());
        concepts.into_iter().flatten().any(|concept| concept["code"] == code)
    };
    let code_of = |system: &str, code: &str| {
        (!known(system, code)).then(|| format!("`{code}` is no code of {system}; give one that it defines."))
    };
    let unknown_role = |text: &str| {
        let roles = alternatives(text);
        roles.iter().filter(|role| *role != PHONE).find_map(|role| code_of(ROLE_SYSTEM, role))
    };
    let problem = |name: &str, setting: &Value| {
        let text = |element: &str| setting.get(element).and_then(Value::as_str);
        match name {
            "lobAllowed" => code_of(LOB_SYSTEM, text("valueCode")?),
            "concurrentLob" => {
                let line = text("valueCode")?;
                code_of(LOB_SYSTEM, line).or_else(|| never_both(line)).or_else(|| without_policy(service))
            }
            "setting" => code_of(SETTING_SYSTEM, text("valueCode")?),
            "requiredRole" if text("valueString")? == NONE => {
                let others = settings(service).filter(|(_, name, _)| *name == "requiredRole").count() > 1;
                others.then(|| format!("`{NONE}` stands alone; leave it out, or the other roles."))
            }
            "requiredRole" => unknown_role(text("valueString")?),
            "tierRole" => {
                let mut parts = list(setting.get("extension"));
                let role = parts.find(|part| part["url"] == "role")?;
                unknown_role(role.get("valueString")?.as_str()?)
            }
            "attributionGroup" => {
                let reference = setting.pointer("/valueReference/reference")?.as_str()?;
                // What a request still has to put in its place is whatever comes with it, or is found.
                let later = reference.starts_with("urn:") || is_search(reference, base_url);
                if later { None } else { no_group(reference, base_url) }
            }
            "exclusiveWith" => {
                let reference = setting.pointer("/valueReference/reference")?.as_str()?;
                another(reference, service)
            }
            _ => None,
        }
    };
    let found = settings(service).filter_map(|(place, name, setting)| Some((place, problem(name, setting)?)));
    found.map(|(place, text)| wrong(place, text)).collect()
}

/// Why adults under a line of business cannot be in hospice and in a programme at once.
fn never_both(line: &str) -> Option<String> {
    let says_nothing = says_nothing(line) || line == "self-pay-or-none";
    (NEVER.contains(&line) || says_nothing).then(|| {
        format!("No adult under `{line}` is in hospice and in palliative care at once; name the payer that allows it.")
    })
}

/// Why a payer that allows both changes nothing.
fn without_policy(service: &Value) -> Option<String> {
    let is_set = |(_, name, setting): (_, &str, &Value)| {
        name == "hospicePolicy" && setting["valueCode"] == "concurrent"
    };
    (!settings(service).any(is_set))
        .then(|| "It goes with `hospicePolicy` `concurrent`; set that too, or leave this out.".to_owned())
}

/// What a programme names by a canonical in settings such as `ruleSet`, each with its place.
pub fn canonicals<'a>(service: &'a Value, of: &[&str]) -> impl Iterator<Item = (String, &'a str)> {
    let named = settings(service).filter(move |(_, name, _)| of.contains(name));
    named.filter_map(|(place, _, setting)| Some((at(place), setting.get("valueCanonical")?.as_str()?)))
}

/// What is wrong with the Group that a programme names once nothing is left to put in the place of its reference.
pub fn stray_groups(service: &Value, base_url: &str) -> Vec<Issue> {
    let named = settings(service).filter(|(_, name, _)| *name == "attributionGroup");
    let stray = named.filter_map(|(place, _, setting)| {
        let reference = setting.pointer("/valueReference/reference")?.as_str()?;
        let unresolved = reference.starts_with("urn:").then(|| {
            format!(
                "`{reference}` is nothing that comes with this request; give the reference of a Group of this server, \
                 such as `Group/atr`."
            )
        });
        Some(wrong(place, unresolved.or_else(|| no_group(reference, base_url))?))
    });
    stray.collect()
}

/// Whether a reference is a search for a Group, such as `Group?identifier=|atr`.
fn is_search(reference: &str, base_url: &str) -> bool {
    let own = reference.strip_prefix(base_url).map(|path| path.trim_start_matches('/'));
    own.unwrap_or(reference).starts_with("Group?")
}

/// Why a reference names no Group of this server.
fn no_group(reference: &str, base_url: &str) -> Option<String> {
    let local = Reference::parse_under(reference, base_url).local();
    let is_group = local.is_some_and(|local| local.ty.name() == "Group");
    (!is_group).then(|| {
        format!("`{reference}` is no Group of this server; give the reference of one, such as `Group/atr`.")
    })
}

/// Why a reference names no other programme. Whether it is here is not asked: of two that exclude one another one is
/// stored first. What a request still has to put in its place names whatever comes with it.
fn another(reference: &str, service: &Value) -> Option<String> {
    let later = reference.starts_with("urn:") || reference.contains('?');
    let mut parts = reference.rsplit('/');
    let (id, ty) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if !later && (ty != "HealthcareService" || id.is_empty()) {
        return Some(format!(
            "`{reference}` names no programme; give the reference of one, such as `HealthcareService/second`."
        ));
    }
    let is_own = !later && service["id"] == id;
    is_own.then(|| {
        "A programme does not exclude itself: one episode at a time is open in any; leave it out.".to_owned()
    })
}
