//! The small tables beside the resources: open episodes, locks of conditions, secrets, answers kept for repeats.

use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::sql_types::Binary;
use diesel::sql_types::Text;

use crate::fhir::ResourceType;
use crate::fhir::datetime::Micros;
use crate::search::sql::Sql;
use crate::store::connection::Conn;

/// The typed row of a programme's EpisodeOfCare: what the one-open-episode rule and rosters look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpisodeRow {
    /// The patient's id.
    pub patient: String,
    /// The programme.
    pub program: String,
    /// The state of enrolment.
    pub state: String,
    /// Whether the episode is still open.
    pub open: bool,
    /// The id of the agreement (a Consent) that it rests on; empty where it names none.
    pub consent: String,
}

/// Puts the row of an episode, or takes it away where the resource is no episode of a programme any more.
/// The database refuses a second open one of a patient in a programme.
pub(crate) fn put_episode(conn: &mut Conn, rid: i64, row: Option<&EpisodeRow>) -> QueryResult<()> {
    let Some(row) = row else {
        return conn.execute(Sql::of("DELETE FROM episode WHERE rid = ?", [rid.into()])).map(|_| ());
    };
    conn.execute(Sql::of(
        "INSERT INTO episode (rid, patient, program, state, open, consent) VALUES (?, ?, ?, ?, ?, ?) \
         ON CONFLICT (rid) DO UPDATE SET patient = excluded.patient, program = excluded.program, \
         state = excluded.state, open = excluded.open, consent = excluded.consent",
        [
            rid.into(),
            row.patient.as_str().into(),
            row.program.as_str().into(),
            row.state.as_str().into(),
            i64::from(row.open).into(),
            row.consent.as_str().into(),
        ],
    ))
    .map(|_| ())
}

/// Puts the episode for which a care plan holds, or takes it away where the plan holds for none any more. The database
/// refuses a second plan of an episode.
pub(crate) fn put_plan(conn: &mut Conn, rid: i64, episode: Option<&str>) -> QueryResult<()> {
    let Some(episode) = episode else {
        return conn.execute(Sql::of("DELETE FROM care_plan WHERE rid = ?", [rid.into()])).map(|_| ());
    };
    conn.execute(Sql::of(
        "INSERT INTO care_plan (rid, episode) VALUES (?, ?) ON CONFLICT (rid) DO UPDATE SET episode = excluded.episode",
        [rid.into(), episode.into()],
    ))
    .map(|_| ())
}

/// Notes which resources are kept from the patient from now on, and which no more.
pub(crate) fn keep_from_patient(conn: &mut Conn, rows: &[(i64, bool)]) -> QueryResult<()> {
    for (rid, is_kept) in rows {
        let statement = match is_kept {
            true => "INSERT INTO not_for_patient (rid) VALUES (?) ON CONFLICT (rid) DO NOTHING",
            false => "DELETE FROM not_for_patient WHERE rid = ?",
        };
        conn.execute(Sql::of(statement, [(*rid).into()]))?;
    }
    Ok(())
}

/// The patients of these episodes, where they are episodes of a programme: the episode's id, and the patient's.
pub(crate) fn patients_of(conn: &mut Conn, episodes: &[String]) -> QueryResult<Vec<(String, String)>> {
    let ty = ResourceType::parse("EpisodeOfCare").expect("EpisodeOfCare is a type of R4");
    let query = Sql::of(
        "SELECT r.id, e.patient FROM resource r CROSS JOIN episode e WHERE e.rid = r.rid AND r.type = ? AND r.id",
        [ty.number().into()],
    )
    .append(Sql::one_of(episodes.iter().cloned()));
    conn.load::<(Text, Text), (String, String)>(query)
}

/// The open episodes that rest on an agreement, in the order of their numbers.
pub(crate) fn resting_on(conn: &mut Conn, consent: &str) -> QueryResult<Vec<(i64, String)>> {
    let query = Sql::of(
        "SELECT r.rid, r.id FROM episode e JOIN resource r ON r.rid = e.rid \
         WHERE e.consent = ? AND e.open = 1 AND e.consent <> '' ORDER BY r.rid",
        [consent.into()],
    );
    conn.load::<(BigInt, Text), (i64, String)>(query)
}

/// How many episodes a programme has in this state, counted in their index.
pub(crate) fn count_episodes(conn: &mut Conn, program: &str, state: &str) -> QueryResult<i64> {
    let query = Sql::of(
        "SELECT COUNT(*) FROM episode WHERE program = ? AND state = ?",
        [program.into(), state.into()],
    );
    Ok(conn.load::<(BigInt,), (i64,)>(query)?.pop().map_or(0, |row| row.0))
}

/// Makes all that write under the same condition wait for one another. SQLite has one writer at a time anyway.
pub(crate) fn lock_condition(conn: &mut Conn, key: &str, now: Micros) -> QueryResult<()> {
    if conn.is_sqlite() {
        return Ok(());
    }
    conn.execute(Sql::of(
        "INSERT INTO conditional (key, touched) VALUES (?, ?) \
         ON CONFLICT (key) DO UPDATE SET touched = excluded.touched",
        [key.into(), now.into()],
    ))
    .map(|_| ())
}

/// Forgets conditions that nobody has used since then.
pub(crate) fn forget_conditions(conn: &mut Conn, before: Micros) -> QueryResult<usize> {
    conn.execute(Sql::of("DELETE FROM conditional WHERE touched < ?", [before.into()]))
}

/// The secret of this name; the first to ask sets it.
pub(crate) fn secret(conn: &mut Conn, name: &str, fresh: Vec<u8>) -> QueryResult<Vec<u8>> {
    conn.execute(Sql::of(
        "INSERT INTO secret (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
        [name.into(), fresh.into()],
    ))?;
    let query = Sql::of("SELECT value FROM secret WHERE name = ?", [name.into()]);
    conn.load::<(Binary,), (Vec<u8>,)>(query)?.pop().map(|row| row.0).ok_or(diesel::result::Error::NotFound)
}

/// Makes these the rules of an index that is empty.
pub(crate) fn begin_index(conn: &mut Conn, rules: i64) -> QueryResult<()> {
    conn.execute(Sql::of(
        "UPDATE index_rules SET number = ? WHERE NOT EXISTS (SELECT 1 FROM resource)",
        [rules.into()],
    ))
    .map(|_| ())
}

/// Keeps by which rules the whole index was made.
pub(crate) fn put_index_rules(conn: &mut Conn, rules: i64) -> QueryResult<()> {
    conn.execute(Sql::of("UPDATE index_rules SET number = ?", [rules.into()])).map(|_| ())
}

/// Whether the whole index was made by these rules.
pub(crate) fn is_index_of(conn: &mut Conn, rules: i64) -> QueryResult<bool> {
    let query = Sql::of("SELECT number FROM index_rules", []);
    Ok(conn.load::<(BigInt,), (i64,)>(query)? == [(rules,)])
}

/// Keeps by which rules the index was made anew as far as it could be.
pub(crate) fn put_index_tried(conn: &mut Conn, rules: i64) -> QueryResult<()> {
    conn.execute(Sql::of("UPDATE index_rules SET tried = ?", [rules.into()])).map(|_| ())
}

/// Whether the index was made by these rules, at least as far as it could be.
pub(crate) fn is_index_tried(conn: &mut Conn, rules: i64) -> QueryResult<bool> {
    let query = Sql::of("SELECT number, tried FROM index_rules", []);
    let kept = conn.load::<(BigInt, BigInt), (i64, i64)>(query)?;
    Ok(kept.iter().any(|(number, tried)| *number == rules || *tried == rules))
}

/// An answer that was kept under an Idempotency-Key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) digest: String,
    pub(crate) status: i64,
    pub(crate) body: Vec<u8>,
}

/// The answer that is kept under this key, if it is not older than that.
pub(crate) fn kept(conn: &mut Conn, key: &str, since: Micros) -> QueryResult<Option<Kept>> {
    let query = Sql::of(
        "SELECT digest, status, body FROM idempotency WHERE key = ? AND at >= ?",
        [key.into(), since.into()],
    );
    let row = conn.load::<(Text, BigInt, Binary), (String, i64, Vec<u8>)>(query)?.pop();
    Ok(row.map(|(digest, status, body)| Kept { digest, status, body }))
}

/// Takes the key for the running transaction; false where another has taken it, which is then finished.
pub(crate) fn claim(
    conn: &mut Conn,
    key: &str,
    digest: &str,
    (now, since): (Micros, Micros),
) -> QueryResult<bool> {
    conn.execute(Sql::of("DELETE FROM idempotency WHERE at < ?", [since.into()]))?;
    let made = conn.execute(Sql::of(
        "INSERT INTO idempotency (key, digest, status, body, at) VALUES (?, ?, 0, ?, ?) ON CONFLICT (key) DO NOTHING",
        [key.into(), digest.into(), Vec::new().into(), now.into()],
    ))?;
    Ok(made == 1)
}

/// Keeps the answer under a key that this transaction took.
pub(crate) fn keep(conn: &mut Conn, key: &str, status: i64, body: Vec<u8>) -> QueryResult<()> {
    conn.execute(Sql::of(
        "UPDATE idempotency SET status = ?, body = ? WHERE key = ?",
        [status.into(), body.into(), key.into()],
    ))
    .map(|_| ())
}
