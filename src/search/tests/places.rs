//! Locations near a place. <https://hl7.org/fhir/R4/location.html#search>

use serde_json::json;

use super::database::Database;
use super::database::query;
use crate::search::Restriction;

#[test]
fn places_are_found_within_a_distance_over_poles_and_the_date_line() {
    let location = |id: &str, latitude: f64, longitude: f64| {
        json!({ "resourceType": "Location", "id": id, "status": "active",
            "position": { "latitude": latitude, "longitude": longitude } })
    };
    let mut database = Database::of(&[
        location("la", 34.0522, -118.2437),
        location("sf", 37.7749, -122.4194),
        location("nyc", 40.7128, -74.006),
        location("east", 0.0, 179.9),
        location("west", 0.0, -179.9),
        location("pole", 89.9, 0.0),
        location("over", 89.9, 180.0),
        json!({ "resourceType": "Location", "id": "nowhere", "status": "active" }),
    ]);
    let table: [(&str, &[&str]); 20] = [
        ("34.0522|-118.2437", &["la"]),
        ("34.0522|-118.2437|0", &["la"]),
        ("34.4|-118.2437", &["la"]),
        ("34.6|-118.2437", &[]),
        ("34.6|-118.2437|61", &["la"]),
        ("34.0522|-118.2437|558|km", &["la"]),
        ("34.0522|-118.2437|560|km", &["la", "sf"]),
        ("34.0522|-118.2437|560000|m", &["la", "sf"]),
        ("34.0522|-118.2437|347|[mi_i]", &["la"]),
        ("34.0522|-118.2437|348|[mi_i]", &["la", "sf"]),
        ("34.0522|-118.2437||km", &["la"]),
        ("34.0522|-118.2437|560|", &["la", "sf"]),
        ("0|180|12", &["east", "west"]),
        ("0|-180|11", &[]),
        ("0|179.9|22.3", &["east", "west"]),
        ("90|77|12", &["over", "pole"]),
        ("89.9|0|22.3", &["over", "pole"]),
        ("-90|0|1e3", &[]),
        ("0|0|30000", &["east", "la", "nyc", "over", "pole", "sf", "west"]),
        ("34.0522|-118.2437|1,40.7|-74.0|10|km", &["la", "nyc"]),
    ];
    for (near, expected) in table {
        let search = format!("Location?near={near}");
        let mut found = database.find(&search);
        found.sort();
        assert_eq!(found, expected, "{near}");
        let total =
            database.total(&query(&format!("{search}&_total=accurate")).unwrap(), &Restriction::none());
        assert_eq!(total, Some(i64::try_from(expected.len()).unwrap()), "the total of {near}");
    }
    assert_eq!(database.find("Location?near:missing=true"), ["nowhere"]);
    let nothing =
        Restriction { default: crate::search::Visible::Nothing, by_type: std::collections::BTreeMap::new() };
    assert!(database.ids(&query("Location?near=34.0522|-118.2437").unwrap(), &nothing).is_empty());
}
