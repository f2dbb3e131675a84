//! Words of narratives and of whole resources, run on a database.

use serde_json::Value;
use serde_json::json;

use super::database::Database;
use super::matches::check;

fn condition(id: &str, div: &str, rest: Value) -> Value {
    let mut condition = json!({ "resourceType": "Condition", "id": id,
        "subject": { "reference": "Patient/p", "display": "Pat Ash" } });
    if !div.is_empty() {
        condition["text"] = json!({ "status": "generated",
            "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{div}</div>") });
    }
    condition.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    condition
}

pub(super) fn stored() -> Vec<Value> {
    vec![
        condition("bone", "<p>Metastases in the <b>bone</b>s</p>", json!({})),
        condition(
            "liver",
            "<p>Metastases</p><p>liver</p>",
            json!({ "note": [{ "text": "short of breath" }] }),
        ),
        condition("lung", "Cancer of the left lung", json!({ "code": { "text": "C34.12" } })),
        condition(
            "none",
            "",
            json!({ "code": { "coding": [{ "system": "http://snomed.info/sct",
            "code": "93880001", "display": "Primary malignant neoplasm of lung" }] } }),
        ),
        condition("accents", "M&uuml;ller's caf&#233;", json!({ "note": [{ "text": "Ångström" }] })),
        json!({ "resourceType": "Observation", "id": "other", "status": "final", "code": { "text": "bone liver lung" } }),
    ]
}

#[test]
fn words_are_found_in_the_narrative_or_in_the_whole_resource() {
    let table: &[(&str, &[&str])] = &[
        ("Condition?_text=bones", &["bone"]),
        ("Condition?_text=BONES", &["bone"]),
        ("Condition?_text=bone", &[]),
        ("Condition?_text=bone*", &["bone"]),
        ("Condition?_text=metastases", &["bone", "liver"]),
        ("Condition?_text=metastases bones", &["bone"]),
        ("Condition?_text=bones and metastases", &["bone"]),
        ("Condition?_text=(bones OR liver) and metastases", &["bone", "liver"]),
        ("Condition?_text=bones,lung", &["bone", "lung"]),
        ("Condition?_text=metastases -liver", &["bone"]),
        ("Condition?_text=metastases&_text=liver", &["liver"]),
        ("Condition?_text=-metastases", &["accents", "lung", "none"]),
        ("Condition?_text=lung OR -metastases", &["accents", "lung", "none"]),
        ("Condition?_text=NOT (metastases OR lung)", &["accents", "none"]),
        ("Condition?_text=\"left lung\"", &["lung"]),
        ("Condition?_text=\"lung left\"", &[]),
        ("Condition?_text=\"the left lu\"", &[]),
        // A phrase ends where an element does.
        ("Condition?_text=\"metastases liver\"", &[]),
        ("Condition?_text=metastases liver", &["liver"]),
        ("Condition?_text=neoplasm", &[]),
        ("Condition?_text=breath", &[]),
        ("Condition?_text=muller cafe", &["accents"]),
        ("Condition?_text=MÜLLER", &["accents"]),
        ("Condition?_text=uuml", &[]),
        ("Condition?_content=neoplasm lung", &["none"]),
        ("Condition?_content=lung", &["lung", "none"]),
        ("Condition?_content=cancer ash", &["lung"]),
        ("Condition?_content=C34.12", &["lung"]),
        ("Condition?_content=C34.1*", &["lung"]),
        ("Condition?_content=c34*", &["lung"]),
        ("Condition?_content=\"12 c34\"", &[]),
        ("Condition?_content=93880001", &["none"]),
        ("Condition?_content=\"short of breath\"", &["liver"]),
        ("Condition?_content=angstrom", &["accents"]),
        ("Condition?_content=metastases -breath", &["bone"]),
        // Neither addresses nor identities are texts.
        ("Condition?_content=snomed", &[]),
        ("Condition?_content=accents", &[]),
        ("Condition?_content=condition", &[]),
        ("Observation?_content=lung", &["other"]),
        ("Observation?_text=lung", &[]),
        ("Observation?_content=-lung", &[]),
        ("Condition?_id=bone,lung&_text=metastases", &["bone"]),
        ("Condition?code:text=c34&_text=cancer", &["lung"]),
    ];
    check(&mut Database::of(&stored()), table);
}

#[test]
fn signs_of_a_database_mean_nothing() {
    let table: &[(&str, &[&str])] = &[
        ("Condition?_text=bones' OR 1", &["bone"]),
        ("Condition?_content=narrative:bones", &[]),
        ("Condition?_content=bones^2", &[]),
        ("Condition?_text=NEAR(bones metastases)", &[]),
        ("Condition?_text=bones:*", &["bone"]),
        ("Condition?_text=!bones", &["bone"]),
        ("Condition?_text=bones\u{E000}", &["bone"]),
    ];
    check(&mut Database::of(&stored()), table);
}
