//! The database counts what its tables hold, after much was written at once: on that PostgreSQL bases its plans, and its
//! own worker may come late, or never. <https://www.postgresql.org/docs/current/sql-analyze.html>
//!
//! Not so SQLite: with samples of its indexes it plans a statement anew for every value that is bound, which took half of
//! the time of a search (300 µs of processor time against 140). Its statements say themselves in which order they go.

use crate::app::App;
use crate::app::upkeep::sentence;

/// Counts the tables of the schema that this role owns, however long that takes; of others it may count none.
const OWN_TABLES: &str = "\
    SET LOCAL statement_timeout = 0; \
    DO 'DECLARE own text; BEGIN \
        SELECT string_agg(format(''%I.%I'', schemaname, tablename), '', '') INTO own FROM pg_tables \
        WHERE schemaname = current_schema() AND pg_has_role(tableowner, ''USAGE''); \
        IF own IS NOT NULL THEN EXECUTE ''ANALYZE '' || own; END IF; END'";

impl App {
    /// Has the database count what its tables hold. Should that fail, it is logged alone: plans are worse until the server
    /// counts by itself, and what was stored is stored.
    pub fn analyze(&self) {
        let analyzed =
            self.db.write(|conn| if conn.is_sqlite() { Ok(()) } else { Ok(conn.batch(OWN_TABLES)?) });
        if let Err(fault) = analyzed {
            log::warn!("the database could not count what it holds: {}", sentence(&fault.into_failure()));
        }
    }
}
