//! Who cares for the person: the team with its roles and telephones, and the roles that the tier asks for and nobody
//! has. <https://hl7.org/fhir/R4/careteam.html>

use std::collections::BTreeSet;

use serde_json::Value;

use crate::fhir::resource::Resource;
use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::reading::is_open_to_all;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::guards;
use crate::palliative::enrollment::guards::present;
use crate::palliative::enrollment::guards::roles_of;

/// Somebody who cares for the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// What for.
    pub role: String,
    /// The name, or the reference where it is not known here.
    pub name: String,
    /// The telephone.
    pub phone: Option<String>,
}

/// The references of all who are named by the episode, its teams and the patient, beyond the patient's own record.
pub fn named<'a>(case: &'a Case) -> BTreeSet<&'a str> {
    let members = teams(case).flat_map(|team| list(team.get("participant")));
    let members = members.filter_map(|one| one.pointer("/member/reference")?.as_str());
    let patient = case.chart.find(case.patient());
    let practitioners = list(patient.and_then(|patient| patient.get("generalPractitioner")));
    let practitioners = practitioners.filter_map(|one| one.get("reference")?.as_str());
    members.chain(practitioners).chain(case.episode.text("/careManager/reference")).collect()
}

/// The teams of the episode, but for those that are over or were written by mistake.
pub fn teams<'a>(case: &'a Case) -> impl Iterator<Item = &'a Resource> {
    let teams =
        list(case.episode.get("team")).filter_map(|team| case.chart.find(team["reference"].as_str()?));
    teams.filter(|team| guards::is_in_use(team))
}

/// The team of the day, in its order, and the primary care provider; nothing of what carries a security label.
pub fn members(planning: &Planning) -> Vec<Member> {
    let open = teams(planning.case).filter(|team| is_open_to_all(team));
    let day = (planning.as_of, planning.case.program);
    let participants = open.flat_map(|team| present(team, day));
    let mut members: Vec<Member> =
        participants.filter_map(|one| Some(member(planning, &role_words(one), one.get("member")?))).collect();
    let patient = planning.case.chart.find(planning.case.patient());
    let practitioners = list(patient.and_then(|patient| patient.get("generalPractitioner")));
    for one in practitioners.map(|one| member(planning, "Primary care", one)) {
        if !members.iter().any(|known| known.name == one.name) {
            members.push(one);
        }
    }
    members
}

/// The roles that the tier asks for and nobody in the team has; `a|b` is either. The patient's own primary care
/// provider is one whether or not the team lists them.
pub fn missing_roles(planning: &Planning) -> Vec<String> {
    let day = (planning.as_of, planning.case.program);
    let mut filled: Vec<&str> = teams(planning.case).flat_map(|team| roles_of(team, day)).collect();
    let patient = planning.case.chart.find(planning.case.patient());
    if patient.is_some_and(|patient| list(patient.get("generalPractitioner")).next().is_some()) {
        filled.push("pcp");
    }
    let wanted = planning.intensity().roles.iter();
    let missing = wanted.filter(|role| !role.split('|').any(|one| filled.contains(&one)));
    missing.map(|role| role.replace('|', " or ").replace('-', " ")).collect()
}

fn member(planning: &Planning, role: &str, reference: &Value) -> Member {
    let to = reference["reference"].as_str();
    let resource = to.and_then(|to| planning.case.chart.find(to)).filter(|one| is_open_to_all(one));
    let name = reference["display"].as_str().map(str::to_owned).or_else(|| resource.and_then(name_of));
    Member {
        role: role.to_owned(),
        name: name.or_else(|| to.map(str::to_owned)).unwrap_or_else(|| "not named".to_owned()),
        phone: resource.and_then(phone_of),
    }
}

fn role_words(participant: &Value) -> String {
    let words = list(participant.get("role")).find_map(|role| {
        let own = role["text"].as_str().or_else(|| role["coding"][0]["display"].as_str());
        own.or_else(|| role["coding"][0]["code"].as_str())
    });
    let of_ours = crate::palliative::enrollment::guards::role_of(participant);
    of_ours.map(str::to_owned).or_else(|| words.map(str::to_owned)).unwrap_or_else(|| "Member".to_owned())
}

/// The name of a person or an organisation.
pub fn name_of(resource: &Resource) -> Option<String> {
    if let Some(name) = resource.text("/name").or_else(|| resource.text("/practitioner/display")) {
        return Some(name.to_owned());
    }
    let names: Vec<&Value> = list(resource.get("name")).collect();
    let usual = names.iter().find(|name| name["use"] == "official").or(names.first())?;
    if let Some(text) = usual["text"].as_str() {
        return Some(text.to_owned());
    }
    let parts = list(usual.get("prefix")).chain(list(usual.get("given"))).chain(usual.get("family"));
    let name = parts.filter_map(Value::as_str).collect::<Vec<_>>().join(" ");
    (!name.is_empty()).then_some(name)
}

/// The telephone of a person or an organisation.
pub fn phone_of(resource: &Resource) -> Option<String> {
    let phone = list(resource.get("telecom")).find(|point| point["system"] == "phone")?;
    phone["value"].as_str().map(str::to_owned)
}
