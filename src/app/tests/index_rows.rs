//! The index rows are those that the content gives, after any write.

use super::*;

/// Rows of an index table that belong to a resource.
fn rows_of(session: &Session, table: &'static str, rid: i64) -> i64 {
    let query = || {
        crate::search::sql::Sql::of("SELECT count(*) FROM ", [])
            .push(table, [])
            .push(" WHERE rid = ?", [rid.into()])
    };
    session.app().db.read(|conn| Ok(crate::store::matches::count(conn, query())?)).unwrap()
}

#[test]
fn index_rows_follow_the_resource() {
    on_each_app(|session| {
        let first = create(&session, patient("one")).unwrap();
        let names = rows_of(&session, "idx_string", first.rid);
        assert!(names > 0);
        assert_eq!(rows_of(&session, "idx_compartment", first.rid), 1);
        let two = resource(
            json!({ "resourceType": "Patient", "name": [{ "family": "one" }, { "family": "two" }] }),
        );
        update(&session, two, &first.id, None).unwrap();
        assert!(rows_of(&session, "idx_string", first.rid) > names);
        update(&session, patient("one"), &first.id, None).unwrap();
        assert_eq!(rows_of(&session, "idx_string", first.rid), names);
        delete(&session, ty("Patient"), &first.id, None).unwrap();
        assert_eq!(rows_of(&session, "idx_string", first.rid), 0);
        assert_eq!(rows_of(&session, "idx_compartment", first.rid), 0);
    });
}

#[test]
fn after_any_update_the_rows_are_those_of_the_content() {
    let variants = [
        json!({ "subject": { "reference": "Patient/1" }, "effectiveDateTime": "2026-01-01", "code": { "text": "Größe" },
            "valueQuantity": { "value": 1.10, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg" } }),
        json!({ "subject": { "reference": "Patient/2" }, "effectiveDateTime": "2026-01", "code": { "text": "Größe" },
            "valueQuantity": { "value": 1.1, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg" } }),
        json!({ "subject": { "reference": "http://elsewhere.org/fhir/Patient/1" }, "code": { "coding": [
            { "system": "http://loinc.org", "code": "{a\"b\\\\c}" }, { "code": "NULL" }] },
            "valueString": "it's, \"quoted\" \\ {and} braced" }),
        json!({ "code": { "text": "nothing else" }, "meta": { "profile": ["http://x/y|1"], "tag": [{ "code": "t" }] } }),
    ];
    on_each_app(|session| {
        let app = session.app();
        for at in [0, 1, 2, 3, 0, 2, 1, 1, 3, 2, 0] {
            let mut value = variants[at].clone();
            value["resourceType"] = json!("Observation");
            value["status"] = json!("final");
            let stored = update(&session, resource(value.clone()), "o", None).unwrap().stored;
            let rows = crate::search::rows(&app.parameters, &stored.value().unwrap(), session.zone());
            let expected = [
                ("idx_token", rows.tokens.len()),
                ("idx_string", rows.strings.len()),
                ("idx_reference", rows.references.len()),
                ("idx_date", rows.dates.len()),
                ("idx_number", rows.numbers.len()),
                ("idx_quantity", rows.quantities.len()),
                ("idx_uri", rows.uris.len()),
                ("idx_compartment", rows.patients.len()),
                ("idx_composite", rows.composites.len()),
            ];
            for (table, count) in expected {
                assert_eq!(rows_of(&session, table, stored.rid), count as i64, "{table} after variant {at}");
            }
        }
    });
}
