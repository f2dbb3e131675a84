//! Candidates a page at a time, and how many there are of each kind. <https://hl7.org/fhir/R4/list.html>
//!
//! The outcomes by a programme's own rule sets: the page is a walk of `finding_program_place` for each outcome, each
//! with its limit, put together; the counts are those that the database keeps with every row (`counted`). For rule sets
//! that are named the outcomes come from `finding_set`, in which those who are not eligible have no row.

use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::sql_types::Text;

use crate::search::sql::Bind;
use crate::search::sql::Sql;
use crate::store::connection::Conn;
use crate::store::findings::INDETERMINATE;
use crate::store::findings::NOT_ELIGIBLE;
use crate::store::findings::due::Among;

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    /// The programme's id.
    pub(crate) program: &'a str,
    /// The numbers of the rule sets that are named; empty for the programme's own.
    pub(crate) sets: &'a [i64],
    /// Of whom.
    pub(crate) among: Among<'a>,
}

/// Which of them, in which order.
#[derive(Clone, Debug)]
pub(crate) struct Window<'a> {
    /// The outcomes that are listed.
    pub(crate) outcomes: &'a [i64],
    /// Whether those are listed who are no candidates.
    pub(crate) hidden: &'a [i64],
    /// After which place and patient.
    pub(crate) after: Option<(i64, &'a str)>,
    /// How many.
    pub(crate) most: usize,
}

/// A patient on a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageRow {
    pub(crate) place: i64,
    pub(crate) patient: String,
    pub(crate) outcome: i64,
    pub(crate) missing: i64,
    pub(crate) tier: i64,
    pub(crate) score_min: i64,
    pub(crate) score_max: i64,
    pub(crate) suppressed: i64,
}

/// How many have this outcome, and of how many that is because nothing is on file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) hidden: bool,
    pub(crate) outcome: i64,
    pub(crate) people: i64,
    pub(crate) no_data: i64,
}

type Types = (BigInt, Text, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt);
type Values = (i64, String, i64, i64, i64, i64, i64, i64);

/// A page of candidates in their order.
pub(crate) fn page(conn: &mut Conn, asked: &Asked<'_>, window: &Window<'_>) -> QueryResult<Vec<PageRow>> {
    let most = i64::try_from(window.most).unwrap_or(i64::MAX);
    let query = if asked.sets.is_empty() && matches!(asked.among, Among::Everybody) {
        walks(asked, window, most)
    } else {
        let query = Sql::of("SELECT * FROM (", []).append(people(asked)).push(") q WHERE q.outcome IN (", []);
        let query = query.append(numbers(window.outcomes)).push(") AND q.hidden IN (", []);
        let query = query.append(numbers(window.hidden)).push(")", []);
        let query = Sql::of(
            "SELECT q.place, q.patient, q.outcome, q.missing, q.tier, q.score_min, q.score_max, ",
            [],
        )
        .push("q.suppressed FROM (", [])
        .append(query)
        .push(") q WHERE 1 = 1", []);
        after(query, window, ["q.place", "q.patient"])
            .push(" ORDER BY q.place, q.patient LIMIT ?", [most.into()])
    };
    let rows = conn.load::<Types, Values>(query)?.into_iter();
    Ok(rows
        .map(|(place, patient, outcome, missing, tier, score_min, score_max, suppressed)| PageRow {
            place,
            patient,
            outcome,
            missing,
            tier,
            score_min,
            score_max,
            suppressed,
        })
        .collect())
}

/// A walk of the index for each outcome, put together.
fn walks(asked: &Asked<'_>, window: &Window<'_>, most: i64) -> Sql {
    let walk = |(outcome, hidden): (i64, i64)| {
        let own = Sql::of(
            "SELECT * FROM (SELECT p.program, p.patient, p.place FROM finding_program p WHERE p.program = ? \
             AND p.hidden = ? AND p.outcome = ?",
            [asked.program.into(), hidden.into(), outcome.into()],
        );
        after(own, window, ["p.place", "p.patient"])
            .push(" ORDER BY p.place, p.patient LIMIT ?) w", [most.into()])
    };
    let pairs =
        window.outcomes.iter().flat_map(|outcome| window.hidden.iter().map(|hidden| (*outcome, *hidden)));
    let found = Sql::join(pairs.map(walk), " UNION ALL ");
    Sql::of("SELECT p.place, p.patient, p.outcome, p.missing, p.tier, p.score_min, p.score_max, p.suppressed FROM ", [])
        .push("(SELECT * FROM (", [])
        .append(found)
        .push(") u ORDER BY u.place, u.patient LIMIT ?) k CROSS JOIN finding_program p ", [most.into()])
        .push("WHERE p.program = k.program AND p.patient = k.patient ORDER BY p.place, p.patient", [])
}

fn after(query: Sql, window: &Window<'_>, [place, patient]: [&'static str; 2]) -> Sql {
    let Some((at, id)) = window.after else { return query };
    query
        .push(" AND (", [])
        .push(place, [])
        .push(", ", [])
        .push(patient, [])
        .push(") > (?, ?)", [at.into(), id.into()])
}

fn numbers(values: &[i64]) -> Sql {
    Sql::list(values.iter().map(|value| Bind::from(*value)).collect())
}

/// Everybody who is asked about, with the outcome over the rule sets that are asked for.
fn people(asked: &Asked<'_>) -> Sql {
    let columns = "p.place, p.patient, p.tier, p.score_min, p.score_max, p.suppressed, p.hidden, p.no_data, ";
    let query = Sql::of("SELECT ", []).push(columns, []);
    let query = if asked.sets.is_empty() {
        query
            .push("p.outcome, p.missing FROM finding_program p WHERE ", [])
            .in_time_by("0")
            .push("p.program = ?", [asked.program.into()])
    } else {
        // Outcome and missing as one number, so that the best outcome comes with how little it lacks.
        query
            .push("coalesce(s.best / 1000, ?) AS outcome, coalesce(s.best % 1000, 0) AS missing ", [NOT_ELIGIBLE
                .into()])
            .push("FROM finding_program p LEFT JOIN (SELECT f.patient, min(f.outcome * 1000 + f.missing) AS best ", [])
            .push("FROM finding_set f WHERE ", [])
            .in_time_by("0")
            .push("f.program = ? AND f.rule_set IN (", [asked.program.into()])
            .append(numbers(asked.sets))
            .push(") GROUP BY f.patient) s ON s.patient = p.patient WHERE p.program = ?", [asked.program.into()])
    };
    match asked.among {
        Among::Everybody => query,
        Among::These(ids) => query.push(" AND p.patient", []).append(Sql::one_of(ids.iter().cloned())),
    }
}

/// How many of them there are, by outcome.
pub(crate) fn counts(conn: &mut Conn, asked: &Asked<'_>) -> QueryResult<Vec<Count>> {
    let count = "SELECT q.hidden, q.outcome, CAST(sum(q.people) AS BIGINT), \
                 CAST(sum(CASE q.outcome WHEN ? THEN q.no_data * q.people ELSE 0 END) AS BIGINT) FROM (";
    let query = Sql::of(count, [INDETERMINATE.into()])
        .append(counted(asked))
        .push(") q GROUP BY q.hidden, q.outcome HAVING sum(q.people) <> 0 ORDER BY q.hidden, q.outcome", []);
    let rows = conn.load::<(BigInt, BigInt, BigInt, BigInt), (i64, i64, i64, i64)>(query)?.into_iter();
    Ok(rows
        .map(|(hidden, outcome, people, no_data)| Count { hidden: hidden != 0, outcome, people, no_data })
        .collect())
}

/// What is counted: the counts that are kept where they are of those who are asked about, else the people.
fn counted(asked: &Asked<'_>) -> Sql {
    if asked.sets.is_empty() && matches!(asked.among, Among::Everybody) {
        let sql = "SELECT c.hidden, c.outcome, c.no_data, c.people FROM finding_count c WHERE c.program = ?";
        return Sql::of(sql, [asked.program.into()]);
    }
    Sql::of("SELECT p.hidden, p.outcome, p.no_data, 1 AS people FROM (", [])
        .append(people(asked))
        .push(") p", [])
}
