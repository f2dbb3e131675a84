//! How many people have each outcome, as triggers keep it: whether that is so, and making it so.
//! <https://hl7.org/fhir/R4/measurereport.html>
//!
//! As in `store::live`, one statement sees one state of what is there and of what is kept, and what it finds between
//! them is added, whatever others write meanwhile. Counting 100,000 rows of an index took PostgreSQL 45 to 130 ms for
//! every summary.

use diesel::result::QueryResult;
use diesel::sql_types::BigInt;

use crate::search::sql::Sql;
use crate::store::connection::Conn;

/// What is kept and what is there.
const BOTH: &str = "(SELECT c.program, c.hidden, c.outcome, c.no_data, CAST(sum(c.there) - sum(c.kept) AS BIGINT) AS lacks \
                    FROM (SELECT program, hidden, outcome, no_data, 0 AS kept, count(*) AS there FROM finding_program \
                    GROUP BY program, hidden, outcome, no_data UNION ALL \
                    SELECT program, hidden, outcome, no_data, people, 0 FROM finding_count) c \
                    GROUP BY c.program, c.hidden, c.outcome, c.no_data) d WHERE d.lacks <> 0";

/// How many counts are not right.
pub(crate) fn differences(conn: &mut Conn) -> QueryResult<i64> {
    let query = Sql::of("SELECT count(*) FROM ", []).push(BOTH, []);
    Ok(conn.load::<(BigInt,), (i64,)>(query)?.first().map_or(0, |row| row.0))
}

/// Makes the counts right, in a slot that no other transaction counts in; how many it had to.
pub(crate) fn mend(conn: &mut Conn) -> QueryResult<usize> {
    if !conn.is_sqlite() {
        // Of two that find the same difference, one would add it again.
        conn.batch("SELECT pg_advisory_xact_lock(716509, -2)")?;
    }
    conn.execute(
        Sql::of("INSERT INTO finding_count (program, hidden, outcome, no_data, slot, people) ", [])
            .push("SELECT d.program, d.hidden, d.outcome, d.no_data, -1, d.lacks FROM ", [])
            .push(BOTH, [])
            .push(" ON CONFLICT (program, hidden, outcome, no_data, slot) DO UPDATE SET people = ", [])
            .push("finding_count.people + excluded.people", []),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Db;
    use crate::store::findings::due::Among;
    use crate::store::findings::page::Asked;
    use crate::store::findings::page::Count;
    use crate::store::findings::page::counts;
    use crate::store::fresh::on_each;
    use crate::store::target::Target;

    fn add(conn: &mut Conn, (program, patient): (&str, &str), (outcome, no_data, hidden): (i64, i64, i64)) {
        conn.batch(&format!(
            "INSERT INTO finding_program (program, patient, outcome, missing, tier, score_min, score_max, no_data, \
             suppressed, hidden, place) VALUES ('{program}', '{patient}', {outcome}, 0, 1, 0, 0, {no_data}, {hidden}, \
             {hidden}, 0)"
        ))
        .unwrap();
    }

    fn told(conn: &mut Conn, program: &str) -> Vec<(bool, i64, i64, i64)> {
        let asked = Asked { program, sets: &[], among: Among::Everybody };
        let tuple = |one: Count| (one.hidden, one.outcome, one.people, one.no_data);
        counts(conn, &asked).unwrap().into_iter().map(tuple).collect()
    }

    #[test]
    fn the_kept_counts_follow_every_row_and_are_mended_where_they_do_not() {
        on_each(|url| {
            Db::migrate(url).unwrap();
            let mut conn = Conn::open(&Target::parse(url).unwrap()).unwrap();
            add(&mut conn, ("a", "1"), (0, 0, 0));
            add(&mut conn, ("a", "2"), (2, 1, 0));
            add(&mut conn, ("a", "3"), (2, 0, 0));
            add(&mut conn, ("a", "4"), (0, 0, 1));
            add(&mut conn, ("b", "1"), (4, 1, 0));
            assert_eq!(told(&mut conn, "a"), [(false, 0, 1, 0), (false, 2, 2, 1), (true, 0, 1, 0)]);
            assert_eq!(told(&mut conn, "b"), [(false, 4, 1, 0)]);
            conn.batch("DELETE FROM finding_program WHERE patient IN ('1', '3')").unwrap();
            assert_eq!(told(&mut conn, "a"), [(false, 2, 1, 1), (true, 0, 1, 0)]);
            assert_eq!(told(&mut conn, "b"), []);
            assert_eq!(differences(&mut conn).unwrap(), 0);
            conn.batch("UPDATE finding_count SET people = 7 WHERE program = 'b'").unwrap();
            assert_eq!(differences(&mut conn).unwrap(), 1);
            assert_eq!(mend(&mut conn).unwrap(), 1);
            assert_eq!((differences(&mut conn).unwrap(), mend(&mut conn).unwrap()), (0, 0));
            assert_eq!(told(&mut conn, "b"), []);
        });
    }
}
