//! Canonicals that name a part of what is published. <https://hl7.org/fhir/R4/references.html#canonical>

use serde_json::json;

use super::database::Database;
use super::matches::check;

#[test]
fn a_canonical_with_a_fragment_is_found_with_it_and_without() {
    let answered = |id: &str, form: &str| json!({ "resourceType": "QuestionnaireResponse", "id": id, "status": "completed", "questionnaire": form });
    let claims = |id: &str, profile: &str| json!({ "resourceType": "Patient", "id": id, "meta": { "profile": [profile] } });
    let all = [
        json!({ "resourceType": "Questionnaire", "id": "one", "status": "active", "url": "http://x/q", "version": "1.0",
            "title": "One" }),
        json!({ "resourceType": "Questionnaire", "id": "two", "status": "active", "url": "http://x/q", "version": "2",
            "title": "Two" }),
        answered("any", "http://x/q#part"),
        answered("part", "http://x/q|1.0#part"),
        answered("other", "http://x/q|1.0#other"),
        answered("whole", "http://x/q|1.0"),
        answered("own", "https://comfrey.test/fhir/Questionnaire/q#part"),
        claims("part", "http://x/sd|1.0#part"),
        claims("any", "http://x/sd#part"),
        claims("whole", "http://x/sd|1.0"),
    ];
    let table: &[(&str, &[&str])] = &[
        ("QuestionnaireResponse?questionnaire=http://x/q", &["any", "other", "part", "whole"]),
        ("QuestionnaireResponse?questionnaire=http://x/q|1.0", &["other", "part", "whole"]),
        ("QuestionnaireResponse?questionnaire=http://x/q|2", &[]),
        ("QuestionnaireResponse?questionnaire=http://x/q|1.0%23part", &["part"]),
        ("QuestionnaireResponse?questionnaire=http://x/q%23part", &["any", "part"]),
        ("QuestionnaireResponse?questionnaire=http://x/q%23none", &[]),
        ("QuestionnaireResponse?questionnaire:below=http://x/q|1", &["other", "part", "whole"]),
        ("QuestionnaireResponse?questionnaire=https://comfrey.test/fhir/Questionnaire/q%23part", &["own"]),
        // A chain leads to that of which a part is named, in its version.
        ("QuestionnaireResponse?questionnaire.title=one", &["any", "other", "part", "whole"]),
        ("QuestionnaireResponse?questionnaire.title=two", &["any"]),
        ("Questionnaire?_has:QuestionnaireResponse:questionnaire:_id=part", &["one"]),
        ("Patient?_profile=http://x/sd", &["any", "part", "whole"]),
        ("Patient?_profile=http://x/sd|1.0", &["part", "whole"]),
        ("Patient?_profile=http://x/sd|1.0%23part", &["part"]),
        ("Patient?_profile=http://x/sd%23part", &["any", "part"]),
        ("Patient?_profile=http://x/sd|2", &[]),
    ];
    check(&mut Database::of(&all), table);
}
