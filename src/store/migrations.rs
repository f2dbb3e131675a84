//! The tables' migrations, embedded, and run at start by one instance at a time.

use diesel::connection::AnsiTransactionManager;
use diesel::connection::SimpleConnection;
use diesel::connection::TransactionManager;
use diesel::migration::Migration;
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::pg::PgConnection;
use diesel::sql_types::Text;
use diesel::sqlite::Sqlite;
use diesel::sqlite::SqliteConnection;
use diesel_migrations::EmbeddedMigrations;
use diesel_migrations::MigrationHarness;
use diesel_migrations::embed_migrations;

use crate::search::sql::Sql;
use crate::store::connection::Conn;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// The key of the advisory lock under which PostgreSQL is migrated.
const LOCK: &str = "7165092834417700001";

const NEWER: &str = "The database was made by a newer version of this service; run that version.";

/// Runs what is pending, and says what it was. Where that is nothing, nothing is written or locked: a role that may only
/// read and write rows serves tables that another made.
pub(crate) fn run(conn: &mut Conn) -> Result<Vec<String>, String> {
    if require_current(conn).is_ok() {
        return Ok(Vec::new());
    }
    conn.with_link(sqlite, postgres).map_err(|_| "The connection is in use elsewhere.".to_owned())?
}

/// Makes sure that the tables are those of this version, without changing anything.
pub(crate) fn require_current(conn: &mut Conn) -> Result<(), String> {
    let query = Sql::of("SELECT version FROM __diesel_schema_migrations ORDER BY version", []);
    let applied = conn.load::<(Text,), (String,)>(query).map_err(|_| {
        "The database has no tables of this service; run `comfrey migrate` or check the database URL."
            .to_owned()
    })?;
    let applied: Vec<String> = applied.into_iter().map(|row| row.0).collect();
    let known = if conn.is_sqlite() { versions::<Sqlite>(&SQLITE)? } else { versions::<Pg>(&POSTGRES)? };
    if applied.iter().any(|version| !known.contains(version)) {
        return Err(NEWER.into());
    }
    if known.iter().any(|version| !applied.contains(version)) {
        return Err(
            "The database was made by an older version of this service; run `comfrey migrate`.".into()
        );
    }
    Ok(())
}

/// The versions of the migrations that this program has, in their order.
fn versions<DB: diesel::backend::Backend>(source: &EmbeddedMigrations) -> Result<Vec<String>, String>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    let all = MigrationSource::<DB>::migrations(source)
        .map_err(|_| "The migrations of this program cannot be read.".to_owned())?;
    Ok(all.iter().map(|migration| migration.name().version().to_string()).collect())
}

/// Two processes that start on one file: the second waits for the first's transaction and finds nothing to do.
fn sqlite(link: &mut SqliteConnection) -> Result<Vec<String>, String> {
    let failed = |_| {
        "The database's tables cannot be made or updated; is the file writable and not locked?".to_owned()
    };
    AnsiTransactionManager::begin_transaction_sql(link, "BEGIN IMMEDIATE").map_err(failed)?;
    match pending(link, SQLITE) {
        Ok(done) => AnsiTransactionManager::commit_transaction(link).map(|()| done).map_err(failed),
        Err(text) => {
            AnsiTransactionManager::rollback_transaction(link).map_err(failed)?;
            Err(text)
        }
    }
}

/// Two instances that start on one server: the second waits for the lock and finds nothing to do.
fn postgres(link: &mut PgConnection) -> Result<Vec<String>, String> {
    let failed =
        |_| "The database's tables cannot be made or updated; may this user create tables?".to_owned();
    let lock = format!("SET statement_timeout=0; SELECT pg_advisory_lock({LOCK})");
    link.batch_execute(&lock).map_err(failed)?;
    let done = pending(link, POSTGRES);
    let unlock = format!("SELECT pg_advisory_unlock({LOCK}); SET statement_timeout='60s'");
    link.batch_execute(&unlock).map_err(failed)?;
    done
}

fn pending<DB, C>(link: &mut C, source: EmbeddedMigrations) -> Result<Vec<String>, String>
where
    DB: diesel::backend::Backend,
    C: MigrationHarness<DB>,
    EmbeddedMigrations: MigrationSource<DB>,
{
    let failed =
        |_| "The database's tables cannot be made or updated; may this user create tables?".to_owned();
    let known = versions::<DB>(&source)?;
    let newer = link
        .applied_migrations()
        .map_err(failed)?
        .iter()
        .any(|version| !known.contains(&version.to_string()));
    if newer {
        return Err(NEWER.into());
    }
    let done = link.run_pending_migrations(source).map_err(failed)?;
    Ok(done.iter().map(ToString::to_string).collect())
}
