//! The diagnoses for which a person was found eligible, on the episode for partners to read.
//! <https://hl7.org/fhir/R4/episodeofcare-definitions.html#EpisodeOfCare.diagnosis>

use serde_json::Value;
use serde_json::json;

use crate::palliative::enrollment::episode::Episode;
use crate::palliative::enrollment::facts::has_coding;
use crate::palliative::enrollment::facts::list;
use crate::palliative::vocabulary::DIAGNOSIS_ROLE_SYSTEM;

/// Puts these conditions, as `Condition/id`, in the place of those for which the person was found eligible before. What
/// others have noted as diagnoses of the episode stays.
pub fn qualify(episode: &mut Episode, conditions: &[String]) {
    let role = json!({ "coding": [{ "system": DIAGNOSIS_ROLE_SYSTEM, "code": "qualifying",
        "display": "Qualifying diagnosis" }] });
    let kept = list(episode.stored.get("diagnosis")).filter(|one| !is_qualifying(one)).cloned();
    let new = conditions.iter().map(|to| json!({ "condition": { "reference": to }, "role": role }));
    let all: Vec<Value> = kept.chain(new).collect();
    let object = episode.stored.object_mut();
    if all.is_empty() {
        object.remove("diagnosis");
    } else {
        object.insert("diagnosis".to_owned(), Value::Array(all));
    }
}

/// The conditions for which the person was found eligible, as they stand on an episode.
pub fn qualifying(episode: &Value) -> Vec<String> {
    let ours = list(episode.get("diagnosis")).filter(|one| is_qualifying(one));
    ours.filter_map(|one| one.pointer("/condition/reference")?.as_str().map(str::to_owned)).collect()
}

fn is_qualifying(diagnosis: &Value) -> bool {
    has_coding(diagnosis.get("role"), DIAGNOSIS_ROLE_SYSTEM, "qualifying")
}
