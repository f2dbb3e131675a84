//! What a search does not find that turned out to be a mistake, unless it asks for it.

use serde_json::Value;
use serde_json::json;

use super::database::Database;
use super::database::context;
use super::ty;
use super::visibility::only;
use crate::search::Context;
use crate::search::Mistakes;
use crate::search::Query;
use crate::search::Restriction;
use crate::search::parse;
use crate::search::parse_system;

fn episode(id: &str, status: &str, patient: &str) -> Value {
    json!({ "resourceType": "EpisodeOfCare", "id": id, "status": status,
        "identifier": [{ "system": "urn:of", "value": patient }],
        "patient": { "reference": format!("Patient/{patient}") },
        "managingOrganization": { "reference": "Organization/house" } })
}

/// Of one person an episode that is meant, and two of another that are not, beside one that never was anybody's.
fn people() -> Vec<Value> {
    let patient = |id: &str| {
        json!({ "resourceType": "Patient", "id": id,
            "link": [{ "type": "seealso", "other": { "reference": format!("Patient/{id}") } }] })
    };
    let visit = |id: &str, episode: &str| {
        json!({ "resourceType": "Encounter", "id": id, "status": "finished",
            "class": { "code": "HH" }, "episodeOfCare": [{ "reference": format!("EpisodeOfCare/{episode}") }] })
    };
    vec![
        json!({ "resourceType": "Organization", "id": "house", "name": "House" }),
        patient("a"),
        patient("b"),
        episode("meant", "active", "a"),
        episode("wrong", "entered-in-error", "b"),
        episode("twice", "entered-in-error", "a"),
        visit("va", "meant"),
        visit("vb", "wrong"),
        // What stands in another resource can be a mistake too.
        json!({ "resourceType": "Basic", "id": "both", "code": { "text": "x" },
            "contained": [episode("in", "entered-in-error", "a"), episode("out", "planned", "a")] }),
        json!({ "resourceType": "Basic", "id": "one", "code": { "text": "x" },
            "contained": [episode("in", "entered-in-error", "a")] }),
    ]
}

fn asked(search: &str) -> Query {
    let context = Context { mistakes: Mistakes::LeftOut, ..context() };
    let (name, query) = search.split_once('?').unwrap_or((search, ""));
    let query = format!("{query}&_sort=_id&_total=accurate");
    parse(&context, ty(name), query.trim_start_matches('&')).unwrap()
}

fn check(table: &[(&str, &[&str])], restriction: &Restriction) {
    let mut database = Database::of(&people());
    for (search, expected) in table {
        let query = asked(search);
        assert_eq!(database.ids(&query, restriction), *expected, "{search}");
        let total = database.total(&query, restriction);
        assert_eq!(total, i64::try_from(expected.len()).ok(), "the total of {search}");
    }
}

#[test]
fn a_mistake_is_found_by_who_asks_for_it_and_by_nobody_else() {
    check(
        &[
            ("EpisodeOfCare", &["meant"]),
            ("EpisodeOfCare?_id=wrong", &[]),
            ("EpisodeOfCare?patient=a", &["meant"]),
            ("EpisodeOfCare?organization=house", &["meant"]),
            ("EpisodeOfCare?status=active", &["meant"]),
            ("EpisodeOfCare?status:not=finished", &["meant"]),
            ("EpisodeOfCare?status:not=entered-in-error", &["meant"]),
            ("EpisodeOfCare?status:missing=false", &["meant"]),
            ("EpisodeOfCare?patient=b,a", &["meant"]),
            ("EpisodeOfCare?_filter=organization re Organization/house or status eq active", &["meant"]),
            ("EpisodeOfCare?_filter=not (status eq entered-in-error)", &["meant"]),
            // what is no name of a mistake
            ("EpisodeOfCare?_filter=status ne finished", &["meant"]),
            ("EpisodeOfCare?_filter=status ne finished and patient re Patient/b", &[]),
            ("EpisodeOfCare?status=http://hl7.org/fhir/episode-of-care-status|", &["meant"]),
            ("EpisodeOfCare?status=active,http://hl7.org/fhir/episode-of-care-status|", &["meant"]),
            ("EpisodeOfCare?status:not=urn:theirs|entered-in-error", &["meant"]),
            ("EpisodeOfCare?status:not=entered-in-errors", &["meant"]),
            ("EpisodeOfCare?_contained=both", &["meant", "both"]),
            ("EpisodeOfCare?_contained=true", &["both"]),
            // who asks for it
            ("EpisodeOfCare?status=entered-in-error", &["twice", "wrong"]),
            ("EpisodeOfCare?status=active,entered-in-error&patient=a", &["meant", "twice"]),
            (
                "EpisodeOfCare?status=http://hl7.org/fhir/episode-of-care-status|entered-in-error",
                &["twice", "wrong"],
            ),
            ("EpisodeOfCare?_filter=status eq entered-in-error and patient re Patient/b", &["wrong"]),
            ("EpisodeOfCare?_filter=patient re Patient/b or status eq entered-in-error", &["twice", "wrong"]),
            ("EpisodeOfCare?_contained=true&status=entered-in-error", &["both", "one"]),
        ],
        &Restriction::none(),
    );
    check(
        &[
            ("EpisodeOfCare", &["meant"]),
            ("EpisodeOfCare?status=entered-in-error", &["twice"]),
            ("EpisodeOfCare?patient=b&status=entered-in-error", &[]),
        ],
        &only("a"),
    );
}

#[test]
fn no_chain_goes_by_a_mistake_that_it_does_not_name() {
    check(
        &[
            ("Encounter?episode-of-care:EpisodeOfCare.organization=house", &["va"]),
            ("Encounter?episode-of-care.organization.name=house", &["va"]),
            ("Encounter?episode-of-care.status=entered-in-error", &["vb"]),
            ("Encounter?episode-of-care._id=wrong", &[]),
            ("Encounter?episode-of-care.status:not=entered-in-errors", &["va"]),
            ("Encounter?episode-of-care=EpisodeOfCare/wrong", &["vb"]),
            ("Patient?_has:EpisodeOfCare:patient:organization=house", &["a"]),
            ("Patient?_has:EpisodeOfCare:patient:organization.name=house", &["a"]),
            ("Patient?_has:EpisodeOfCare:patient:status=entered-in-error", &["a", "b"]),
            ("Patient?_has:EpisodeOfCare:patient:_has:Encounter:episode-of-care:status=finished", &["a"]),
            ("Organization?_has:EpisodeOfCare:organization:patient=b", &[]),
            // A long one that comes back to the same people, which is a list.
            ("Patient?link.link.link.link._has:EpisodeOfCare:patient:organization=house", &["a"]),
            ("Patient?link.link.link.link._has:EpisodeOfCare:patient:organization.name=house", &["a"]),
            ("Patient?link.link.link.link._has:EpisodeOfCare:patient:status=entered-in-error", &["a", "b"]),
        ],
        &Restriction::none(),
    );
}

#[test]
fn nothing_that_goes_with_a_match_is_a_mistake() {
    let mut database = Database::of(&people());
    for (search, expected) in [
        ("Encounter?_include=Encounter:episode-of-care", &["EpisodeOfCare/meant"][..]),
        ("Encounter?_include=*", &["EpisodeOfCare/meant"]),
        ("Patient?_revinclude=EpisodeOfCare:patient", &["EpisodeOfCare/meant"]),
        ("Organization?_revinclude=EpisodeOfCare:*", &["EpisodeOfCare/meant"]),
        (
            "Patient?_has:EpisodeOfCare:patient:status=entered-in-error&_revinclude=EpisodeOfCare:patient",
            &["EpisodeOfCare/meant"],
        ),
    ] {
        assert_eq!(database.included(&asked(search), &Restriction::none()), expected, "{search}");
    }
}

#[test]
fn a_search_says_what_it_leaves_out_and_means_the_same_when_it_is_asked_so() {
    let own = asked("EpisodeOfCare?patient=a");
    assert!(own.self_query.contains("&status:not=entered-in-error&"), "{}", own.self_query);
    let again = asked(&format!("EpisodeOfCare?{}", own.self_query.split("&_sort").next().unwrap()));
    assert_eq!((&again.self_query, &again.criteria), (&own.self_query, &own.criteria));
    // of as many conditions as there may be the links are followed too
    let most = vec!["organization=house"; 40].join("&");
    let links = asked(&format!("EpisodeOfCare?{most}")).self_query;
    let links = links.split("&_sort").next().unwrap();
    assert!(links.ends_with("&status:not=entered-in-error"), "{links}");
    assert_eq!(asked(&format!("EpisodeOfCare?{links}")).criteria.len(), 41);
    let context = Context { mistakes: Mistakes::LeftOut, ..context() };
    assert!(parse(&context, ty("EpisodeOfCare"), &format!("{most}&{most}")).is_err());
    for asked_for in ["EpisodeOfCare?status=finished", "Encounter?status=finished"] {
        assert!(!asked(asked_for).self_query.contains(":not"), "{asked_for}");
    }
    // Of several types not each has the parameter that says it.
    let several =
        parse_system(&context, &[ty("EpisodeOfCare"), ty("Encounter")], "_type=EpisodeOfCare,Encounter");
    let several = several.unwrap();
    assert!(!several.self_query.contains("status"), "{}", several.self_query);
    let found = Database::of(&people()).ids(&several, &Restriction::none());
    assert_eq!(found.iter().filter(|id| ["wrong", "twice"].contains(&id.as_str())).count(), 0);
    assert_eq!(found.len(), 3);
}
