//! A PostgreSQL role that owns nothing serves tables that another made: it reads and writes rows, and no more.
//! <https://www.postgresql.org/docs/current/ddl-priv.html>

use comfrey::app::App;
use comfrey::app::Clock;
use comfrey::store::Db;
use serde_json::json;

use crate::app::START;
use crate::app::TestApp;
use crate::app::config;
use crate::app::migrate;
use crate::database::OwnServer;
use crate::database::tamper;
use crate::programme::enrolled;

const CLERK: &str = "CREATE ROLE clerk LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk; \
                     GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO clerk;";

#[test]
fn a_role_that_owns_nothing_serves_and_only_an_owner_migrates() {
    let Some(own) = OwnServer::start() else { return };
    migrate(&own.url());
    tamper(&own.url(), CLERK);
    let url = own.url().replace("comfrey@", "clerk@");
    assert_ne!(url, own.url());
    assert_eq!(Db::migrate(&url), Ok(Vec::new()));
    {
        let app = TestApp::at(&url);
        let clinician = app.clinician();
        enrolled(&clinician, "p");
        let observation = |value: i64| {
            json!({ "resourceType": "Observation", "id": "o", "status": "final", "code": { "text": "pain" },
                "subject": { "reference": "Patient/p" }, "valueInteger": value })
        };
        for value in [3, 4] {
            clinician.store(&observation(value));
        }
        assert_eq!(clinician.get("/Observation?patient=p").expect(200).ids(), ["o"]);
        assert_eq!(clinician.get("/Observation/_history").expect(200).resources().len(), 2);
        clinician.delete("/Observation/o").expect(204);
        clinician.get("/Patient/p/$everything").expect(200);
        while app.app().evaluate_some().unwrap() > 0 {}
        assert_eq!(app.app().judge_versions().unwrap(), 0);
        app.app().reindex(0, &mut |_| {}).expect("the index is made anew");
    }
    tamper(
        &own.url(),
        "DELETE FROM __diesel_schema_migrations WHERE version = (SELECT max(version) FROM __diesel_schema_migrations)",
    );
    let open = || App::open(config(&url), Clock::set_to(START)).err().expect("something is pending");
    assert!(open().contains("may this user create tables?"), "{}", open());
}
