//! What a plan reads of the patient: whether a condition of the template holds, the problems, the preferences.
//! <https://hl7.org/fhir/R4/plandefinition.html>

use serde_json::Value;

use crate::fhir::resource::Resource;
use crate::palliative::care_plan::Planning;
use crate::palliative::enrollment::facts::codings;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::name;
use crate::palliative::vocabulary::LOINC;

/// Whether a condition of the template holds; none where nothing here can tell.
pub fn holds(planning: &Planning, tier: Option<&str>, expression: &str) -> Option<bool> {
    let clauses: Vec<Option<bool>> =
        expression.split(" or ").map(|clause| clause_holds(planning, tier, clause)).collect();
    if clauses.contains(&Some(true)) {
        return Some(true);
    }
    clauses.into_iter().collect::<Option<Vec<bool>>>().map(|_| false)
}

fn clause_holds(planning: &Planning, tier: Option<&str>, clause: &str) -> Option<bool> {
    if let Some(least) = clause.strip_prefix("tier >= ") {
        let number: u8 = tier?.strip_prefix("tier-")?.parse().ok()?;
        return Some(number >= least.trim().parse().ok()?);
    }
    if let Some(language) = clause.strip_prefix("language != ") {
        let spoken = preferred_language(planning)?;
        return Some(spoken != language && !spoken.starts_with(&format!("{language}-")));
    }
    None
}

fn preferred_language(planning: &Planning) -> Option<String> {
    let patient = planning.case.chart.find(planning.case.patient())?;
    let spoken: Vec<&Value> = list(patient.get("communication")).collect();
    let preferred = |one: &&&Value| one.get("preferred").and_then(Value::as_bool) == Some(true);
    let one = spoken.iter().find(preferred).or(if spoken.len() == 1 { spoken.first() } else { None })?;
    codings(one.get("language")).next().map(|(_, code)| code.to_owned())
}

/// The active problems of the problem list; a diagnosis of one visit is none.
pub fn problems<'a>(planning: &'a Planning) -> impl Iterator<Item = String> + use<'a> {
    let of_list = |problem: &&Resource| {
        list(problem.get("category")).any(|category| {
            codings(Some(category)).any(|(_, code)| matches!(code, "problem-list-item" | "health-concern"))
        })
    };
    let active = |problem: &&Resource| {
        codings(problem.get("clinicalStatus"))
            .any(|(_, code)| matches!(code, "active" | "recurrence" | "relapse"))
            && !codings(problem.get("verificationStatus"))
                .any(|(_, code)| matches!(code, "refuted" | "entered-in-error"))
    };
    planning.case.chart.of("Condition").filter(of_list).filter(active).map(name)
}

/// The observations that record what the person prefers.
pub fn preferences<'a>(planning: &'a Planning) -> impl Iterator<Item = String> + use<'a> {
    let recorded = |one: &&Resource| {
        matches!(one.text("/status"), Some("final" | "amended" | "corrected"))
            && codings(one.get("code"))
                .any(|(system, code)| system == LOINC && matches!(code, "75773-2" | "95541-9"))
    };
    planning.case.chart.of("Observation").filter(recorded).map(name)
}
