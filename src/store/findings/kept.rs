//! What an evaluation keeps, and what it takes away. <https://hl7.org/fhir/R4/clinicalreasoning-module.html>

use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::sql_types::Text;

use crate::fhir::datetime::Micros;
use crate::search::sql::Sql;
use crate::store::connection::Conn;
use crate::store::findings::NEVER;
use crate::store::findings::ProgramRow;
use crate::store::findings::due;

/// What was evaluated of a patient, and from what.
#[derive(Clone, Debug)]
pub(crate) struct Evaluated {
    /// The patient's id.
    pub(crate) patient: String,
    /// The marks that were there when the record was read.
    pub(crate) marks: Vec<i64>,
    /// The stamp of the evaluation before; none where there was none.
    pub(crate) stamp: Option<i64>,
    /// What was found for each programme; none where there is no such patient any more.
    pub(crate) found: Option<Vec<ProgramRow>>,
    /// When it can change by itself.
    pub(crate) change_at: Micros,
}

/// How many rows one statement inserts.
const ROWS: usize = 32;

/// Keeps what was found, unless somebody else has evaluated the patient since; false then.
pub(crate) fn put(conn: &mut Conn, one: &Evaluated, (rules, stamp): (i64, i64)) -> QueryResult<bool> {
    if !take(conn, one, (rules, stamp))? {
        return Ok(false);
    }
    let patient = one.patient.as_str();
    if one.stamp.is_some() {
        for table in ["finding_program", "finding_set"] {
            let query =
                Sql::of("DELETE FROM ", []).push(table, []).push(" WHERE patient = ?", [patient.into()]);
            conn.execute(query)?;
        }
    }
    let rows = one.found.as_deref().unwrap_or_default();
    insert_programs(conn, patient, rows)?;
    insert_sets(conn, patient, rows)?;
    Ok(true)
}

/// Leaves what was found before of one whose evaluation failed, who is due still and is tried again at a time. False
/// where somebody else has evaluated the patient since.
pub(crate) fn put_off(
    conn: &mut Conn,
    one: &Evaluated,
    (rules, stamp): (i64, i64),
    until: Micros,
) -> QueryResult<bool> {
    // The state is that of a patient who is there, so that other rules make a try at once.
    let there = Evaluated { found: Some(Vec::new()), change_at: NEVER, ..one.clone() };
    if !take(conn, &there, (rules, stamp))? {
        return Ok(false);
    }
    due::put_off(conn, &one.patient, until)?;
    Ok(true)
}

/// Takes the patient's state for this evaluation, and the marks that it saw away, unless somebody else has evaluated the
/// patient since; false then, and nothing is taken.
fn take(conn: &mut Conn, one: &Evaluated, (rules, stamp): (i64, i64)) -> QueryResult<bool> {
    let patient = one.patient.as_str();
    let state = [stamp.into(), rules.into(), one.change_at.into(), patient.into()];
    // Where no state was seen, only the marks tell whether somebody else was faster: one who found the patient deleted
    // leaves no state behind either.
    if one.stamp.is_none() && !take_marks(conn, one)? {
        return Ok(false);
    }
    let taken = match (one.stamp, &one.found) {
        (None, None) => 1,
        (Some(before), None) => conn.execute(Sql::of(
            "DELETE FROM finding_state WHERE patient = ? AND stamp = ?",
            [patient.into(), before.into()],
        ))?,
        (None, Some(_)) => conn.execute(Sql::of(
            "INSERT INTO finding_state (stamp, rules, change_at, patient) VALUES (?, ?, ?, ?) \
             ON CONFLICT (patient) DO NOTHING",
            state,
        ))?,
        (Some(before), Some(_)) => conn.execute(
            Sql::of("UPDATE finding_state SET stamp = ?, rules = ?, change_at = ? WHERE patient = ?", state)
                .push(" AND stamp = ?", [before.into()]),
        )?,
    };
    if one.stamp.is_some() {
        if taken > 0 {
            due::unmark(conn, patient, &one.marks)?;
        }
    } else if taken == 0 {
        mark_again(conn, one)?;
    }
    Ok(taken > 0)
}

/// Takes all the marks that were seen away; none of them, and false, where some are gone already.
fn take_marks(conn: &mut Conn, one: &Evaluated) -> QueryResult<bool> {
    let there = due::unmark(conn, &one.patient, &one.marks)?;
    if there == one.marks.len() && there > 0 {
        return Ok(true);
    }
    if there > 0 {
        mark_again(conn, one)?;
    }
    Ok(false)
}

/// One mark too many costs no more than an evaluation.
fn mark_again(conn: &mut Conn, one: &Evaluated) -> QueryResult<()> {
    one.marks.iter().try_for_each(|mark| due::mark(conn, std::iter::once(one.patient.as_str()), *mark))
}

fn insert_programs(conn: &mut Conn, patient: &str, rows: &[ProgramRow]) -> QueryResult<()> {
    let values = |row: &ProgramRow| {
        Sql::of(
            "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                row.program.as_str().into(),
                patient.into(),
                row.outcome.into(),
                row.missing.into(),
                row.tier.into(),
                row.score.0.into(),
                row.score.1.into(),
                i64::from(row.no_data).into(),
                row.suppressed.into(),
                i64::from(row.suppressed != 0).into(),
                row.place().into(),
            ],
        )
    };
    for chunk in rows.chunks(ROWS) {
        let insert = "INSERT INTO finding_program (program, patient, outcome, missing, tier, score_min, score_max, \
                      no_data, suppressed, hidden, place) VALUES ";
        conn.execute(Sql::of(insert, []).append(Sql::join(chunk.iter().map(values), ", ")))?;
    }
    Ok(())
}

fn insert_sets(conn: &mut Conn, patient: &str, rows: &[ProgramRow]) -> QueryResult<()> {
    let all: Vec<Sql> = rows
        .iter()
        .flat_map(|row| {
            row.sets.iter().map(|(set, outcome, missing)| {
                Sql::of(
                    "(?, ?, ?, ?, ?, ?, ?)",
                    [
                        row.program.as_str().into(),
                        (*set).into(),
                        patient.into(),
                        (*outcome).into(),
                        (*missing).into(),
                        i64::from(row.suppressed != 0).into(),
                        row.place().into(),
                    ],
                )
            })
        })
        .collect();
    for chunk in all.chunks(ROWS) {
        let insert =
            "INSERT INTO finding_set (program, rule_set, patient, outcome, missing, hidden, place) VALUES ";
        conn.execute(Sql::of(insert, []).append(Sql::join(chunk.iter().cloned(), ", ")))?;
    }
    Ok(())
}

/// The numbers of rule sets, by their canonicals; those that have none yet get one.
pub(crate) fn numbers(conn: &mut Conn, rule_sets: &[String]) -> QueryResult<Vec<(String, i64)>> {
    for rule_set in rule_sets {
        let sql = "INSERT INTO finding_name (rule_set) VALUES (?) ON CONFLICT (rule_set) DO NOTHING";
        conn.execute(Sql::of(sql, [rule_set.as_str().into()]))?;
    }
    conn.load::<(Text, BigInt), (String, i64)>(Sql::of("SELECT rule_set, number FROM finding_name", []))
}
