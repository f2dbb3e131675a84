//! Which plans PostgreSQL uses on a connection. <https://www.postgresql.org/docs/15/sql-prepare.html>
//!
//! A statement that is kept prepared has one plan for all values: its order is that of its text, so that values would
//! change little, and to plan it takes longer than to carry it out (`Patient?family=&birthdate=`: 1.0 of 1.1 ms, a chain
//! 1.2 of 2.4). Left to itself, the server plans such a statement each time, since it expects of a plan for all values
//! that each choice in it is as likely as the other. What is not kept is planned once anyhow, and then for its values.

use crate::store::connection::Conn;

/// What the session is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plans {
    /// One for all values.
    Kept,
    /// One for these values.
    Own,
}

/// What is known of the session.
#[derive(Debug)]
pub(super) struct Session {
    /// None where a transaction may have taken it back.
    plans: Option<Plans>,
    /// Whether it was set in the transaction in hand.
    is_fresh: bool,
}

impl Session {
    /// As [`POSTGRES_SETTINGS`](super::connection) leave it.
    pub(super) fn new() -> Self {
        Self { plans: Some(Plans::Kept), is_fresh: false }
    }

    /// Words about a transaction: what was set in one that is given up is as it was before.
    pub(super) fn heard(&mut self, words: &str) {
        if words.contains("ROLLBACK") && self.is_fresh {
            self.plans = None;
        }
        let is_within = words.contains("SAVEPOINT") || words.contains("ROLLBACK TO");
        self.is_fresh &=
            is_within || !["BEGIN", "COMMIT", "ROLLBACK"].iter().any(|word| words.contains(word));
    }

    /// Words failed, so that nobody knows what became of a transaction.
    pub(super) fn failed(&mut self) {
        self.plans = None;
    }
}

impl Conn {
    /// Sets the session to these plans, where it is not already. Where that fails, so does what follows.
    pub(super) fn plan(&mut self, plans: Plans) {
        if self.is_sqlite() || self.session.plans == Some(plans) {
            return;
        }
        let set = match plans {
            Plans::Kept => "SET plan_cache_mode='force_generic_plan'",
            Plans::Own => "SET plan_cache_mode='force_custom_plan'",
        };
        self.session.plans = self.batch(set).is_ok().then_some(plans);
        self.session.is_fresh = true;
    }
}

#[cfg(test)]
mod tests {
    use diesel::sql_types::Text;

    use super::*;
    use crate::search::sql::Sql;
    use crate::store::fresh::on_postgres;
    use crate::store::target::Target;

    fn mode(conn: &mut Conn, is_kept: bool) -> String {
        let sql = Sql::of("SELECT current_setting('plan_cache_mode')", []);
        let sql = if is_kept { sql } else { sql.planned() };
        conn.load::<(Text,), (String,)>(sql).unwrap().pop().unwrap().0
    }

    #[test]
    fn what_is_kept_has_one_plan_and_what_is_not_has_its_own_whatever_is_given_up_in_between() {
        on_postgres(|url| {
            let mut conn = Conn::open(&Target::parse(url).unwrap()).unwrap();
            let mut each = |words: &str| {
                if !words.is_empty() {
                    conn.batch(words).unwrap();
                }
                assert_eq!(mode(&mut conn, true), "force_generic_plan", "{words}");
                assert_eq!(mode(&mut conn, false), "force_custom_plan", "{words}");
            };
            for words in
                ["", "BEGIN", "SAVEPOINT a", "ROLLBACK TO a", "RELEASE a", "ROLLBACK", "BEGIN", "COMMIT"]
            {
                each(words);
            }
            for words in ["BEGIN", "ROLLBACK"] {
                conn.batch(words).unwrap();
                assert_eq!(
                    mode(&mut conn, words == "BEGIN"),
                    if words == "BEGIN" { "force_generic_plan" } else { "force_custom_plan" }
                );
            }
        });
    }
}
