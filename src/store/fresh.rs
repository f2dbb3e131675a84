//! Databases for tests: a new SQLite file, and a new PostgreSQL database where a server is named.

use std::path::Path;

use diesel::Connection;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;

/// Runs a test on an SQLite file in a folder of its own, and on a PostgreSQL database of its own where
/// `COMFREY_TEST_DATABASE_URL` names a server.
pub(crate) fn on_each(test: impl Fn(&str)) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file: &Path = &folder.path().join("test.db");
    test(&format!("sqlite:{}", file.display()));
    on_postgres(test);
}

/// Runs a test on PostgreSQL alone.
pub(crate) fn on_postgres(test: impl Fn(&str)) {
    let Ok(server) = std::env::var("COMFREY_TEST_DATABASE_URL") else { return };
    let name = format!("comfrey_{}", uuid::Uuid::new_v4().simple());
    let mut link = PgConnection::establish(&server).expect("the test server can be reached");
    link.batch_execute(&format!("CREATE DATABASE {name}")).expect("a database is created");
    let (base, _) = server.rsplit_once('/').expect("a URL ends with a database's name");
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(&format!("{base}/{name}"))));
    link.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).expect("the database is dropped");
    if let Err(cause) = result {
        std::panic::resume_unwind(cause);
    }
}
