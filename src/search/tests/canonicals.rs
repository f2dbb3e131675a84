//! Canonicals that name a part of what is published. <https://hl7.org/fhir/R4/references.html#canonical>

use serde_json::json;

use super::database::Database;
use super::database::query;
use super::matches::check;
use crate::search::Restriction;

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
        // What contains the one that is asked for, or is it, whatever its version.
        ("Patient?_profile:above=http://x/sd/more", &["any", "part", "whole"]),
        ("Patient?_profile:above=http://x/sd", &["any", "part", "whole"]),
        ("Patient?_profile:above=http://x/sd|1.0", &["part", "whole"]),
        ("Patient?_profile:above=http://x/sdx", &[]),
    ];
    check(&mut Database::of(&all), table);
}

#[test]
fn a_canonical_without_a_version_leads_to_all_even_beside_one_with_a_version() {
    let library = |id: &str, version: &str| {
        json!({ "resourceType": "Library", "id": id, "status": "active", "url": "http://x/l", "version": version,
            "title": format!("Library {version}"), "type": { "text": "x" } })
    };
    let needs = |id: &str, libraries: &[&str]| {
        json!({ "resourceType": "PlanDefinition", "id": id, "status": "active", "url": "http://x/p",
        "library": libraries })
    };
    let all = [
        library("one", "1"),
        library("two", "2"),
        library("three", "3"),
        needs("bare", &["http://x/l"]),
        needs("named", &["http://x/l|1"]),
        needs("both", &["http://x/l|1", "http://x/l"]),
        needs("part", &["http://x/l#here", "http://x/l|1"]),
        needs("several", &["http://x/l|1", "http://x/l|2", "http://x/other"]),
        json!({ "resourceType": "Basic", "id": "outer", "code": { "text": "x" }, "contained": [needs("in", &["http://x/l|1", "http://x/l"])] }),
    ];
    let mut database = Database::of(&all);
    let table: &[(&str, &[&str])] = &[
        ("PlanDefinition?depends-on:Library.title=library 1", &["bare", "both", "named", "part", "several"]),
        ("PlanDefinition?depends-on:Library.title=library 2", &["bare", "both", "part", "several"]),
        ("PlanDefinition?depends-on:Library.title=library 3", &["bare", "both", "part"]),
        ("Library?_has:PlanDefinition:depends-on:_id=both", &["one", "three", "two"]),
        ("Library?_has:PlanDefinition:depends-on:_id=named", &["one"]),
        ("Library?_has:PlanDefinition:depends-on:_id=several", &["one", "two"]),
        ("Library?_has:PlanDefinition:depends-on:_id=bare,named", &["one", "three", "two"]),
        // Without a version every one is found that names the URL, and with one those that name it.
        ("PlanDefinition?depends-on=http://x/l", &["bare", "both", "named", "part", "several"]),
        ("PlanDefinition?depends-on=http://x/l|1", &["both", "named", "part", "several"]),
        ("PlanDefinition?depends-on=http://x/l|3", &[]),
        ("PlanDefinition?depends-on=http://x/l|", &[]),
        ("PlanDefinition?depends-on:missing=true", &[]),
        ("PlanDefinition?depends-on:Library.title=library 3&_contained=true", &["outer"]),
    ];
    check(&mut database, table);
    let mut included = |search: &str| {
        let mut ids = database.included(&query(search).unwrap(), &Restriction::none());
        ids.sort();
        ids
    };
    assert_eq!(
        included("PlanDefinition?_id=both&_include=PlanDefinition:depends-on"),
        ["Library/one", "Library/three", "Library/two"]
    );
    assert_eq!(included("PlanDefinition?_id=named&_include=PlanDefinition:depends-on"), ["Library/one"]);
    assert_eq!(
        included("Library?_id=three&_revinclude=PlanDefinition:depends-on"),
        ["PlanDefinition/bare", "PlanDefinition/both", "PlanDefinition/part"]
    );
}

#[test]
fn a_filter_for_another_profile_knows_a_profile_by_what_it_is_and_not_by_its_forms() {
    let claims = |id: &str, profiles: &[&str]| json!({ "resourceType": "Patient", "id": id, "meta": { "profile": profiles } });
    let all = [
        claims("part", &["http://x/sd|1.0#part"]),
        claims("any", &["http://x/sd#part"]),
        claims("whole", &["http://x/sd|1.0"]),
        claims("bare", &["http://x/sd"]),
        claims("two", &["http://x/sd|1.0#part", "http://x/sd|1.0"]),
        claims("mixed", &["http://x/sd|2#part", "http://x/other"]),
        json!({ "resourceType": "Patient", "id": "none" }),
    ];
    let table: &[(&str, &[&str])] = &[
        // What the search for the same finds by each of its profiles is not unlike it.
        ("Patient?_filter=_profile ne http://x/sd", &["mixed"]),
        ("Patient?_filter=_profile ne http://x/sd|1.0", &["any", "bare", "mixed"]),
        ("Patient?_filter=_profile ne \"http://x/sd%23part\"", &["bare", "mixed", "two", "whole"]),
        ("Patient?_filter=_profile ne \"http://x/sd|1.0%23part\"", &["any", "bare", "mixed", "two", "whole"]),
        (
            "Patient?_filter=_profile ne \"http://x/sd|2%23part\"",
            &["any", "bare", "mixed", "part", "two", "whole"],
        ),
        ("Patient?_filter=_profile ne http://x/none", &["any", "bare", "mixed", "part", "two", "whole"]),
        ("Patient?_filter=not (_profile ne http://x/sd)", &["any", "bare", "none", "part", "two", "whole"]),
        ("Patient?_filter=_profile ne http://x/sd and _profile eq http://x/other", &["mixed"]),
        ("Patient?_filter=_profile ne http://x/sd or _id eq bare", &["bare", "mixed"]),
        ("Patient?_filter=_profile pr true", &["any", "bare", "mixed", "part", "two", "whole"]),
        ("Patient?_profile:missing=true", &["none"]),
    ];
    check(&mut Database::of(&all), table);
}
