//! The size of an embedded database, and making it smaller; and what a server notes of its tables.
//! <https://www.sqlite.org/lang_vacuum.html>

use diesel::result::Error;
use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::sql_types::Nullable;
use diesel::sql_types::Text;

use crate::search::sql::Sql;
use crate::store::Conn;
use crate::store::Db;
use crate::store::Fault;
use crate::store::target::Target;

/// How many bytes an embedded database takes; none of a server.
pub(crate) fn bytes(conn: &mut Conn) -> QueryResult<Option<i64>> {
    if !conn.is_sqlite() {
        return Ok(None);
    }
    let query = "SELECT p.page_count * s.page_size FROM pragma_page_count p, pragma_page_size s";
    let rows = conn.load::<(BigInt,), (i64,)>(Sql::of(query, []))?;
    Ok(rows.first().map(|(bytes,)| *bytes))
}

impl Db {
    /// Writes an embedded database anew, by a connection of its own: it is nothing that a transaction can hold. What it
    /// needs beside lies in a file and not in memory, where it would be as large as the database.
    ///
    /// # Errors
    /// What the database fails with; it is then as it was.
    pub(crate) fn pack(&self) -> Result<(), Fault> {
        let is_file = matches!(&self.target, Target::Sqlite(path) if !path.starts_with("file:"));
        if !is_file {
            return Ok(());
        }
        let failed = |_| Fault::Database(Error::BrokenTransactionManager);
        let mut conn = Conn::open(&self.target).map_err(failed)?;
        Ok(conn.batch("PRAGMA temp_store=FILE; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")?)
    }

    /// Has a server count what the tables of this role hold, and note which pages all may see, by a connection of its own
    /// and however long that takes: no transaction can hold it. It keeps nobody from reading or writing; a table that
    /// another holds is left out, and none is made shorter, for which all would have to wait.
    ///
    /// # Errors
    /// What the database fails with.
    pub(crate) fn vacuum(&self) -> Result<(), Fault> {
        if self.target.is_embedded() {
            return Ok(());
        }
        let failed = |_| Fault::Database(Error::BrokenTransactionManager);
        let mut conn = Conn::open(&self.target).map_err(failed)?;
        conn.batch("SET statement_timeout = 0")?;
        let own = "SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables \
                   WHERE schemaname = current_schema() AND pg_has_role(tableowner, 'USAGE')";
        let tables = conn.load::<(Nullable<Text>,), (Option<String>,)>(Sql::of(own, []))?;
        let Some((Some(tables),)) = tables.into_iter().next() else { return Ok(()) };
        Ok(conn.batch(&format!("VACUUM (ANALYZE, SKIP_LOCKED, TRUNCATE false) {tables}"))?)
    }
}
