//! Stored search parameters that one version of the program understands and another does not.

use super::*;
use crate::search::sql::Sql;
use crate::store::parameter_set;

/// What no version of the program understands yet.
const STRANGE: &str = "Patient.name.first().family";

fn since(session: &Session) -> (i64, i64) {
    let found = session.app().db.read(|conn| {
        let mark = parameter_set::mark(conn)?;
        Ok((parameter_set::active(conn)?.first().map_or(0, |one| one.since), mark.indexed))
    });
    found.unwrap()
}

#[test]
fn one_who_writes_without_the_rows_of_a_parameter_makes_it_wait_for_the_next_index() {
    on_each_app(|session| {
        let draft = json!({ "resourceType": "SearchParameter", "id": "strange", "url": "http://example.org/strange",
            "name": "Strange", "status": "draft", "description": "Of a later version", "code": "strange",
            "base": ["Patient"], "type": "string", "expression": STRANGE });
        let stored = update(&session, resource(draft), "strange", None).unwrap().stored;
        // Another version has it in use, and has made the index.
        let names = [(stored.rid, parameter_set::Defines::Now(vec![(ty("Patient"), "strange".into())]))];
        let indexed = session.app().db.write(move |conn| {
            parameter_set::put(conn, &names, 1)?;
            parameter_set::begin_index(conn, 1)?;
            Ok(parameter_set::end_index(conn, 1)?)
        });
        indexed.unwrap();
        assert_eq!(since(&session), (1, 1));
        create(&session, patient("one")).unwrap();
        assert_eq!(session.app().parameter_set().left_out, [stored.rid]);
        let (first, whole) = since(&session);
        assert!(first > whole, "{first} {whole}: others do not search by it any more");
        // Another version begins the index anew, and this one writes meanwhile: it is not whole when it ends.
        let number = session.app().db.write(|conn| {
            parameter_set::include_waiting(conn)?;
            let number = parameter_set::mark(conn)?.number;
            parameter_set::begin_index(conn, number)?;
            Ok(number)
        });
        let number = number.unwrap();
        create(&session, patient("two")).unwrap();
        let now = session.app().db.read(|conn| Ok(parameter_set::mark(conn)?.number)).unwrap();
        assert_eq!(now, number, "the index goes on");
        session.app().db.write(move |conn| Ok(parameter_set::end_index(conn, number)?)).unwrap();
        let (first, whole) = since(&session);
        assert!(first > whole && whole == number, "{first} {whole}");
        // Nor is one whole that this version makes.
        session.app().reindex(0, &mut |_| {}).unwrap();
        let (first, whole) = since(&session);
        assert!(first > whole, "{first} {whole}");
        let rows = session.app().db.read(|conn| {
            let query = Sql::of("SELECT count(*) FROM stored_parameter", []);
            Ok(crate::store::matches::count(conn, query)?)
        });
        assert_eq!(rows.unwrap(), 1);
    });
}
