//! Whom a Group counts on a day. <https://hl7.org/fhir/R4/group.html>

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::reference::Reference;
use crate::palliative::enrollment::facts::coded;
use crate::palliative::enrollment::facts::covers;
use crate::palliative::enrollment::facts::first_day;
use crate::palliative::enrollment::facts::last_day;
use crate::palliative::enrollment::facts::list;
use crate::palliative::program::Program;
use crate::palliative::time_line::Stretch;

/// The ids of the Patients who belong to a Group on a day: those who are inactive, or whose time in it has not begun or
/// is over, do not.
///
/// # Errors
/// 422 for a Group that is no roster of patients: one that only describes its members, or has others in it.
pub fn members(
    group: &Resource,
    (program, as_of): (&Program, Date),
    base_url: &str,
) -> Result<Vec<String>, Failure> {
    roster(group, base_url, |member| {
        let inactive = member.get("inactive").and_then(Value::as_bool) == Some(true);
        !inactive && covers(member.get("period"), as_of, program)
    })
}

/// The ids of the Patients who belonged to a Group at any time of a period. Who left it, by a death for one, was a member
/// until then; of one who is inactive only the time in it tells of when.
///
/// # Errors
/// As [`members`].
pub fn members_within(
    group: &Resource,
    (program, days): (&Program, Stretch),
    base_url: &str,
) -> Result<Vec<String>, Failure> {
    roster(group, base_url, |member| {
        let bound = |name: &str| member.get("period").and_then(|period| period.get(name)?.as_str());
        let began = bound("start")
            .is_none_or(|text| first_day(text, program).is_some_and(|start| start <= days.last));
        let inactive = member.get("inactive").and_then(Value::as_bool) == Some(true);
        let stayed = match bound("end") {
            Some(text) => last_day(text, program).is_some_and(|end| days.first <= end),
            None => !inactive,
        };
        began && stayed
    })
}

/// The ids of the Patients in a Group of whom this holds.
fn roster(
    group: &Resource,
    base_url: &str,
    belongs: impl Fn(&Value) -> bool,
) -> Result<Vec<String>, Failure> {
    if group.text("/type") != Some("person") {
        return Err(wrong("type", "This Group is not one of persons; name a Group of type `person`."));
    }
    if group.get("actual").and_then(Value::as_bool) != Some(true) {
        let text = "This Group describes its members and does not name them; name one with `actual` true.";
        return Err(wrong("actual", text));
    }
    let mut ids = BTreeSet::new();
    for (at, member) in list(group.get("member")).enumerate() {
        let reference = member.pointer("/entity/reference").and_then(Value::as_str).unwrap_or_default();
        let local = Reference::parse_under(reference, base_url).local();
        let patient = local.filter(|local| local.ty.name() == "Patient").ok_or_else(|| {
            let text = "This member is no Patient of this service; use a Group whose members all are.";
            wrong(&format!("member[{at}].entity"), text)
        })?;
        if belongs(member) {
            ids.insert(patient.id.to_owned());
        }
    }
    Ok(ids.into_iter().collect())
}

fn wrong(at: &str, text: &str) -> Failure {
    coded(Reason::Unprocessable, "bad-parameter", text).at(format!("Group.{at}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn program() -> Program {
        let service = json!({ "resourceType": "HealthcareService", "id": "p" });
        Program::read(&Resource::from_value(service).unwrap()).unwrap()
    }

    fn of(group: Value) -> Result<Vec<String>, Option<String>> {
        let group = Resource::from_value(group).unwrap();
        let day = "2026-03-01".parse().unwrap();
        members(&group, (&program(), day), "https://example.org/fhir")
            .map_err(|failure| failure.issues[0].expression.clone())
    }

    fn group(members: Value) -> Value {
        json!({ "resourceType": "Group", "type": "person", "actual": true, "member": members })
    }

    #[test]
    fn those_who_are_active_on_the_day_are_members_once() {
        let found = of(group(json!([
            { "entity": { "reference": "Patient/b" } },
            { "entity": { "reference": "https://example.org/fhir/Patient/a" } },
            { "entity": { "reference": "Patient/b" }, "period": { "start": "2026-03-01" } },
            { "entity": { "reference": "Patient/c" }, "inactive": true },
            { "entity": { "reference": "Patient/d" }, "period": { "end": "2026-02-28" } },
            { "entity": { "reference": "Patient/e" }, "period": { "start": "2026-03-02" } },
            { "entity": { "reference": "Patient/f" }, "period": { "start": "2026", "end": "2026-03" } },
            { "entity": { "reference": "Patient/g" }, "inactive": false },
        ])));
        assert_eq!(found, Ok(["a", "b", "f", "g"].map(str::to_owned).to_vec()));
        assert_eq!(of(json!({ "resourceType": "Group", "type": "person", "actual": true })), Ok(Vec::new()));
    }

    #[test]
    fn a_group_that_is_no_roster_of_patients_is_refused_where_it_says_so() {
        let at = |place: &str| Err(Some(format!("Group.{place}")));
        assert_eq!(of(json!({ "resourceType": "Group", "type": "device", "actual": true })), at("type"));
        assert_eq!(of(json!({ "resourceType": "Group", "type": "person", "actual": false })), at("actual"));
        let other = |to: &str| of(group(json!([{ "entity": { "reference": to } }])));
        assert_eq!(other("Group/g"), at("member[0].entity"));
        assert_eq!(other("https://elsewhere.example/fhir/Patient/a"), at("member[0].entity"));
    }
}
