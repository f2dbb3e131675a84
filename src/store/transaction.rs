//! Where a transaction begins and ends. <https://www.sqlite.org/lang_transaction.html>
//!
//! SQLite keeps these words prepared like any other statement: they stand around each search and each write, and to
//! read them takes longer than to do what they say. To PostgreSQL they go as they are, in one journey.

use diesel::result::QueryResult;

use crate::search::sql::Sql;
use crate::store::connection::Conn;

impl Conn {
    /// Carries out words about the transaction, such as `BEGIN`.
    pub(crate) fn transaction(&mut self, words: &'static str) -> QueryResult<()> {
        match self.is_sqlite() {
            true => self.execute(Sql::of(words, [])).map(|_| ()),
            false => self.batch(words),
        }
    }
}
