//! A database that an earlier version of the service made comes up to date with all that it holds, and is then like one
//! that was made just now.

use std::path::Path;
use std::process::Output;

use comfrey::store::Db;
use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::crash::Running;
use crate::crash::check;
use crate::crash::comfrey;
use crate::crash::http;
use crate::crash::send;
use crate::database::Database;
use crate::database::number;
use crate::database::tamper;
use crate::database::texts;
use crate::programme::person;
use crate::programme::refer;

/// One step from a version of the tables to the next, and back.
struct Migration {
    version: String,
    up: String,
    down: String,
}

/// All of them for this kind of database, in their order.
fn migrations(database: &Database) -> Vec<Migration> {
    let kind = if database.is_postgres() { "postgres" } else { "sqlite" };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(kind);
    let mut folders: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let read = |folder: &Path, file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
    let migration = |folder: &std::path::PathBuf| Migration {
        version: folder.file_name().unwrap().to_str().unwrap().split('_').next().unwrap().replace('-', ""),
        up: read(folder, "up.sql"),
        down: read(folder, "down.sql"),
    };
    folders.iter().map(migration).collect()
}

/// Makes the tables as they were after so many migrations.
fn make(database: &Database, migrations: &[Migration]) {
    let mut statements =
        "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, \
                          run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);"
            .to_owned();
    for Migration { version, up, .. } in migrations {
        statements +=
            &format!("{up}\nINSERT INTO __diesel_schema_migrations (version) VALUES ('{version}');");
    }
    tamper(database.url(), &format!("BEGIN;{statements}COMMIT;"));
}

/// Goes back to the tables as they were before these migrations.
fn unmake(database: &Database, migrations: &[Migration]) {
    let step = |Migration { version, down, .. }: &Migration| {
        format!("{down}\nDELETE FROM __diesel_schema_migrations WHERE version = '{version}';")
    };
    let statements: String = migrations.iter().rev().map(step).collect();
    tamper(database.url(), &format!("BEGIN;{statements}COMMIT;"));
}

/// What stands in a column as an SQL literal.
fn literal(database: &Database, column: &str) -> String {
    match (column, database.is_postgres()) {
        ("id", _) => "'''' || id || ''''".into(),
        ("body", true) => "coalesce('decode(''' || encode(body, 'hex') || ''', ''hex'')', 'NULL')".into(),
        ("body", false) => "coalesce('X''' || hex(body) || '''', 'NULL')".into(),
        (column, _) => format!("CAST({column} AS VARCHAR(30))"),
    }
}

const RESOURCE: &[&str] = &["rid", "type", "id", "version", "updated", "deleted", "method", "body"];
const HISTORY: &[&str] = &["rid", "version", "updated", "method", "deleted", "body"];
/// The ids of what clients have stored, beside our own definitions.
const CLIENTS: &str = "id IN ('p', 'gone', 'weight', 'home')";

/// What clients have stored, one row a line: the current versions, and those before them.
fn stored(database: &Database) -> [Vec<String>; 2] {
    let rows = |table: &str, columns: &[&str], which: String| {
        let columns: Vec<String> = columns.iter().map(|column| literal(database, column)).collect();
        let row = columns.join(" || ', ' || ");
        texts(database.url(), &format!("SELECT {row} AS text FROM {table} WHERE {which} ORDER BY 1"))
    };
    let of_clients = format!("rid IN (SELECT rid FROM resource WHERE {CLIENTS})");
    [rows("resource", RESOURCE, CLIENTS.into()), rows("history", HISTORY, of_clients)]
}

/// A server's own words for its tables, indexes, functions and triggers.
fn schema(database: &Database) -> Vec<String> {
    let parts: &[&str] = match database.is_postgres() {
        false => &["SELECT coalesce(sql, name) AS text FROM sqlite_master WHERE name NOT LIKE '%diesel%' \
                   ORDER BY type, name"],
        true => &[
            "SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || \
             coalesce(column_default, '') || coalesce(collation_name, '') AS text \
             FROM information_schema.columns WHERE table_schema = 'public' \
             AND table_name NOT LIKE '%diesel%' ORDER BY 1",
            "SELECT indexdef AS text FROM pg_indexes WHERE schemaname = 'public' AND tablename NOT LIKE '%diesel%' \
             ORDER BY 1",
            "SELECT p.proname || p.prosrc AS text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace \
             WHERE n.nspname = 'public' ORDER BY 1",
            "SELECT pg_get_triggerdef(oid) AS text FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
        ],
    };
    parts.iter().flat_map(|query| texts(database.url(), query)).collect()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Two processes at once bring it up to date: one does it, the other finds nothing to do.
fn migrate_twice_at_once(database: &Database) {
    let start = || {
        let mut migrate = comfrey(&["migrate", "--database-url", database.url()]);
        migrate.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    let both = [start(), start()].map(|process| said(&process.wait_with_output().unwrap()));
    assert_eq!(both.iter().filter(|said| said.starts_with("ran ")).count(), 1, "{both:?}");
    assert_eq!(both.iter().filter(|said| said.starts_with("nothing to run")).count(), 1, "{both:?}");
}

/// Makes the index anew by the rules of now, after which nothing is wrong any more.
fn reindexed(database: &Database) {
    said(&comfrey(&["reindex", "--database-url", database.url()]).output().unwrap());
    check(database.url());
}

/// A patient with three versions, one deleted, and two resources about the first.
fn some_resources(app: &TestApp) {
    let clinician = app.clinician();
    for family in ["Ash", "Elm", "Oak"] {
        clinician.store(&json!({ "resourceType": "Patient", "id": "p", "name": [{ "family": family }],
            "identifier": [{ "system": "urn:mrn", "value": "it's 1" }] }));
    }
    clinician.store(&json!({ "resourceType": "Patient", "id": "gone" }));
    clinician.delete("/Patient/gone").expect(204);
    clinician.store(&json!({ "resourceType": "Observation", "id": "weight", "status": "final",
        "code": { "coding": [{ "system": "http://loinc.org", "code": "29463-7" }] },
        "subject": { "reference": "Patient/p" }, "effectiveDateTime": "2026-01",
        "valueQuantity": { "value": 60.50, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg" } }));
    clinician.store(&json!({ "resourceType": "Goal", "id": "home", "lifecycleStatus": "active",
        "description": { "text": "to be home" }, "subject": { "reference": "Patient/p" } }));
}

/// Puts rows into tables as an earlier version would have left them.
fn fill(database: &Database, [resources, versions]: &[Vec<String>; 2], last: &str) {
    let mut statements = String::new();
    for row in resources {
        statements += &format!("INSERT INTO resource ({}) VALUES ({row});", RESOURCE.join(", "));
    }
    for row in versions {
        statements += &format!("INSERT INTO history ({}) VALUES ({row});", HISTORY.join(", "));
    }
    let has = |level: &str| last >= level;
    if has("20261122000020") {
        statements += "UPDATE history SET type = (SELECT r.type FROM resource r WHERE r.rid = history.rid);";
    }
    let newest = "(SELECT max(updated) FROM resource)";
    match (has("20261122000044"), database.is_postgres()) {
        (false, _) => {}
        (true, false) => statements += &format!("UPDATE moment SET at = {newest};"),
        (true, true) => statements += &format!("SELECT setval('moment', {newest});"),
    }
    if has("20261122000053") {
        statements += "INSERT INTO finding_due VALUES ('p', 0);";
    }
    if !has("20261122000056") {
        // A row of a parameter that has none of its own any more, and a system by a number that is too long now.
        let rid = "(SELECT rid FROM resource WHERE id = 'weight')";
        statements += &format!("INSERT INTO idx_token VALUES (1168087447, 'old', 1, {rid});");
        statements += &format!("INSERT INTO idx_token VALUES (7, 'old', 140737488355330, {rid});");
    }
    if database.is_postgres() {
        statements +=
            "SELECT setval(pg_get_serial_sequence('resource', 'rid'), (SELECT max(rid) FROM resource));";
    }
    tamper(database.url(), &format!("BEGIN;{statements}COMMIT;"));
}

/// What a server says of what was stored before there were so many tables.
fn serves(database: &Database) {
    let app = TestApp::on(database);
    let clinician = app.clinician();
    let versions = clinician.get("/Patient/p/_history").expect(200).resources();
    let families: Vec<_> = versions.iter().map(|one| one["name"][0]["family"].as_str().unwrap()).collect();
    assert_eq!(families, ["Oak", "Elm", "Ash"]);
    clinician.get("/Patient/gone").expect(410);
    for search in [
        "/Patient?family=oak&_id=p",
        "/Observation?code-value-quantity=29463-7$gt60&patient=p",
        "/Observation?combo-code=http://loinc.org|29463-7",
        "/Observation?date=2026-01&value-quantity=60.50",
        "/Goal?_content=home",
        "/Goal?patient=p&lifecycle-status=active",
    ] {
        assert_eq!(clinician.get(search).expect(200).ids().len(), 1, "{search}");
    }
    assert_eq!(clinician.get("/Patient?family=ash").expect(200).ids().len(), 0);
    clinician.store(&json!({ "resourceType": "Patient", "id": "p", "name": [{ "family": "Yew" }] }));
    assert_eq!(clinician.get("/Patient/p").expect(200).header("etag"), Some("W/\"4\""));
    assert_eq!(clinician.get("/Patient?_id=p,gone&_summary=count").expect(200).json()["total"], 1);
}

#[test]
fn a_database_of_each_earlier_version_comes_up_to_date_with_what_it_holds() {
    let (source, new) = (Database::fresh(), Database::fresh());
    some_resources(&TestApp::on(&source));
    let (rows, tables) = (stored(&source), schema(&new));
    assert_eq!(rows.each_ref().map(Vec::len), [4, 3]);
    let migrations = migrations(&new);
    for level in 1..migrations.len() {
        let (database, last) = (Database::empty(), &migrations[level - 1].version);
        make(&database, &migrations[..level]);
        fill(&database, &rows, last);
        assert_eq!(stored(&database), rows, "{last}");
        migrate_twice_at_once(&database);
        assert_eq!(stored(&database), rows, "{last}");
        assert_eq!(schema(&database), tables, "{last}");
        let count = |of: &str| number(database.url(), &format!("SELECT count(*) FROM {of}"));
        let other_type = "history h JOIN resource r ON r.rid = h.rid WHERE r.type <> h.type";
        assert_eq!(count(other_type), 0, "{last}");
        assert_eq!(number(database.url(), "SELECT sum(resources) FROM live"), 3, "{last}");
        assert_eq!(count("finding_due WHERE subject = 'p'"), 1, "{last}");
        assert_eq!(count("idx_token WHERE param = 1168087447 OR system > 140737488355327"), 0, "{last}");
        assert_eq!(Db::migrate(database.url()), Ok(Vec::new()), "{last}");
        // The tables are the same whatever they came from; a few are enough to see that all is well on them.
        if level % 5 == 1 {
            reindexed(&database);
            serves(&database);
            check(database.url());
        }
    }
}

#[test]
fn tables_that_were_taken_back_come_again_and_lose_no_resource() {
    let database = Database::fresh();
    {
        let app = TestApp::on(&database);
        some_resources(&app);
        person(&app.clinician(), "ill");
        refer(&app.clinician(), "ill");
    }
    let all = |database: &Database| {
        let count = |table: &str| number(database.url(), &format!("SELECT count(*) FROM {table}"));
        (stored(database), count("resource"), count("history"), count("episode"))
    };
    let (rows, tables, migrations) = (all(&database), schema(&database), migrations(&database));
    for count in (1..migrations.len()).rev() {
        let last = &migrations[count - 1].version;
        unmake(&database, &migrations[count..]);
        migrate_twice_at_once(&database);
        assert_eq!(schema(&database), tables, "{last}");
        assert_eq!(all(&database), rows, "{last}");
    }
    reindexed(&database);
    serves(&database);
}

/// Puts a run into tables that do not tell with a month who pays for it: of one month there is no run any more.
fn keep_run_of_before(database: &Database) {
    let line = |episode: &str, month: &str, unit: i64, payer: Option<&str>, others: Value| {
        let mut cover = json!({ "line": "dual", "billed": "medicaid-mc", "payer": payer });
        if others != json!([]) {
            cover["others"] = others;
        }
        json!({ "episode": format!("EpisodeOfCare/{episode}"), "month": month, "unit": unit, "cover": cover,
            "provisional": month == "2026-03" })
    };
    let lines = json!([
        line("a", "2026-01", 5000, Some("Organization/one"), json!([])),
        line("a", "2026-01", 5000, Some("Organization/two"), json!([null, "Organization/three"])),
        line("a", "2026-02", 0, Some("Organization/one"), json!([])),
        line("a", "2026-03", 10000, Some("Organization/one"), json!([])),
        line("b", "2026-02", 10000, None, json!([])),
        // nothing says who pays
        json!({ "episode": "EpisodeOfCare/d", "month": "2026-02", "unit": 10000, "provisional": false }),
    ]);
    let bytes = |text: &str| match database.is_postgres() {
        true => format!("convert_to('{text}', 'UTF8')"),
        false => format!("CAST('{text}' AS BLOB)"),
    };
    let statements = format!(
        "INSERT INTO payment_run VALUES ('run', 1, {}, {}); \
         INSERT INTO payment_month VALUES ('a', '2026-01'), ('b', '2026-02'), ('c', '2026-02');",
        bytes("{}"),
        bytes(&lines.to_string())
    );
    tamper(database.url(), &statements);
}

#[test]
fn who_pays_for_a_month_of_before_is_read_from_the_runs_that_are_kept() {
    let database = Database::empty();
    let migrations = migrations(&database);
    let before = migrations.iter().position(|one| one.version.ends_with("000063")).unwrap();
    make(&database, &migrations[..before]);
    keep_run_of_before(&database);
    migrate_twice_at_once(&database);
    let kept = "SELECT episode || ' ' || month || ' ' || payers AS text FROM payment_month ORDER BY 1";
    assert_eq!(
        texts(database.url(), kept),
        [
            "a 2026-01 Organization/one",
            "a 2026-01 Organization/two line:medicaid-mc Organization/three",
            "b 2026-02 line:medicaid-mc",
            "c 2026-02 *",
            "d 2026-02 *",
        ]
    );
    unmake(&database, &migrations[before..]);
    let back = "SELECT episode || ' ' || month AS text FROM payment_month ORDER BY 1";
    assert_eq!(texts(database.url(), back), ["a 2026-01", "b 2026-02", "c 2026-02", "d 2026-02"]);
}

#[test]
fn an_index_by_other_rules_is_made_anew_by_whoever_serves() {
    let database = Database::fresh();
    let serve = || Running::start(database.url());
    let (http, found) = (http(), "Patient?family=elm");
    let patient = json!({ "resourceType": "Patient", "id": "p", "name": [{ "family": "Elm" }] });
    {
        let server = serve();
        let url = format!("{}/Patient/p", server.base);
        assert!(send(&http, "PUT", &url, Some(&patient)).unwrap().status().is_success());
    }
    tamper(database.url(), "UPDATE index_rules SET number = 1; DELETE FROM idx_string;");
    let server = serve();
    let total = || -> i64 {
        let reply = send(&http, "GET", &format!("{}/{found}&_summary=count", server.base), None).unwrap();
        reply.json::<serde_json::Value>().unwrap()["total"].as_i64().unwrap()
    };
    // Nobody asks for it, and no time is promised: the test itself ends by the time that all tests have.
    for _ in 0..600 {
        if total() == 1 && number(database.url(), "SELECT count(*) FROM index_rules WHERE number <> 1") == 1 {
            drop(server);
            return check(database.url());
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("the index was not made anew");
}
