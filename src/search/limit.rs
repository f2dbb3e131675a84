//! How many rows a statement gives at most. <https://www.sqlite.org/lang_select.html#limitoffset>
//!
//! SQLite looks at a limit that is bound alone while it plans, and so plans the statement again each time that one is
//! bound. That was half of the time of a short search. The term of a sum it leaves for later.

use crate::search::sql::Sql;

impl Sql {
    /// No more rows than these.
    #[must_use]
    pub fn limit(self, most: i64) -> Self {
        self.push(" LIMIT 0 + ?", [most.into()])
    }
}
