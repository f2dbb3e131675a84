//! What a run of payable months reads of many patients at once, and the runs that are kept: for ever, as what was paid
//! is looked up in them for years, and nothing but a database's owner removes them.
//! <https://hl7.org/fhir/R4/episodeofcare.html>
//!
//! Each statement is about hundreds of patients, who are one bind. The plans of both databases: `idx_compartment` gives
//! what belongs to them, and the keys of `resource` the rest. Who belongs to a programme is read from `episode`, by its
//! index or from end to end, as the programme has few or many of the people: it has one short row for each episode.

use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::sql_types::Binary;
use diesel::sql_types::Text;

use crate::fhir::ResourceType;
use crate::fhir::datetime::Micros;
use crate::search::parameter::numbers;
use crate::search::sql::Sql;
use crate::store::connection::Conn;
use crate::store::stored::COLUMNS;
use crate::store::stored::Stored;
use crate::store::stored::StoredRow;

/// The patients with an episode in one of these programmes (all programmes where none is named) and in one of these
/// states, by their ids; no more than so many.
pub(crate) fn members(
    conn: &mut Conn,
    programs: &[String],
    states: &[&str],
    most: usize,
) -> QueryResult<Vec<String>> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let query = Sql::of("SELECT DISTINCT e.patient FROM episode e WHERE e.state", []);
    let mut query = query.append(Sql::one_of(states.iter().map(|state| (*state).to_owned())));
    if !programs.is_empty() {
        query = query.push(" AND e.program", []).append(Sql::one_of(programs.iter().cloned()));
    }
    let rows = conn.load::<(Text,), (String,)>(query.push(" ORDER BY e.patient LIMIT ?", [most.into()]))?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// The programmes that have episodes, by their ids.
pub(crate) fn programs(conn: &mut Conn) -> QueryResult<Vec<String>> {
    let query = Sql::of("SELECT DISTINCT e.program FROM episode e ORDER BY e.program", []);
    Ok(conn.load::<(Text,), (String,)>(query)?.into_iter().map(|row| row.0).collect())
}

/// All live resources of these types in the compartment of any of these patients, each once.
pub(crate) fn compartments(
    conn: &mut Conn,
    patients: &[String],
    types: &[ResourceType],
) -> QueryResult<Vec<Stored>> {
    if patients.is_empty() || types.is_empty() {
        return Ok(Vec::new());
    }
    let query = select()
        .push(
            " FROM resource r WHERE r.deleted = 0 AND r.rid IN (SELECT c.rid FROM idx_compartment c \
             WHERE c.patient",
            [],
        )
        .append(Sql::one_of(patients.iter().cloned()))
        .push(" AND c.type IN (", [])
        .append(Sql::list(types.iter().map(|ty| ty.number().into()).collect()))
        .push(")) ORDER BY r.rid", []);
    Ok(conn.load_rows::<StoredRow>(query)?.into_iter().map(|row| row.0).collect())
}

/// The live resources of a type with these ids.
pub(crate) fn named(conn: &mut Conn, ty: ResourceType, ids: &[String]) -> QueryResult<Vec<Stored>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let query = select()
        .push(" FROM resource r WHERE r.deleted = 0 AND r.type = ? AND r.id", [ty.number().into()])
        .append(Sql::one_of(ids.iter().cloned()));
    Ok(conn.load_rows::<StoredRow>(query)?.into_iter().map(|row| row.0).collect())
}

/// The live Patients that link to any of these, by the index of `Patient.link`.
pub(crate) fn linking(conn: &mut Conn, patients: &[String]) -> QueryResult<Vec<Stored>> {
    let ty = ResourceType::parse("Patient").expect("Patient is a type of R4");
    let [link, ..] = numbers(ty, "link");
    let query = select()
        .push(
            " FROM resource r WHERE r.deleted = 0 AND r.rid IN (SELECT f.rid FROM idx_reference f \
             WHERE f.param = ? AND f.target_type = ? AND f.target_id",
            [link.into(), ty.number().into()],
        )
        .append(Sql::one_of(patients.iter().cloned()))
        .push(")", []);
    Ok(conn.load_rows::<StoredRow>(query)?.into_iter().map(|row| row.0).collect())
}

fn select() -> Sql {
    Sql::of("SELECT ", []).push(COLUMNS, [])
}

/// A run that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentRun {
    /// Its id, which tells its content.
    pub id: String,
    /// When it was first made.
    pub at: Micros,
    /// What it was made from, as JSON.
    pub made_from: Vec<u8>,
    /// Its lines, as JSON.
    pub lines: Vec<u8>,
    /// The months for which something is payable; empty where the run is read again.
    pub paid: Vec<PaidMonth>,
}

/// A month of an episode for which a run has something payable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PaidMonth {
    /// The id of the episode.
    pub episode: String,
    /// The month: `2025-05`.
    pub month: String,
    /// All who pay for it together, in one text; [`ANYBODY`] where that is not known.
    pub payers: String,
}

/// Whoever pays: of a month that was kept before it was kept who does, and whose run is no more.
pub const ANYBODY: &str = "*";

/// How many months are written by one statement.
const MONTHS: usize = 256;

/// Keeps a run; one that is there already is the same, and stays.
pub(crate) fn keep(conn: &mut Conn, run: &PaymentRun) -> QueryResult<()> {
    let made = conn.execute(Sql::of(
        "INSERT INTO payment_run (id, at, made_from, lines) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        [run.id.as_str().into(), run.at.into(), run.made_from.clone().into(), run.lines.clone().into()],
    ))?;
    let months = if made == 0 { &[] } else { run.paid.as_slice() };
    for chunk in months.chunks(MONTHS) {
        let row = |paid: &PaidMonth| {
            let binds =
                [paid.episode.as_str().into(), paid.month.as_str().into(), paid.payers.as_str().into()];
            Sql::of("(?, ?, ?)", binds)
        };
        let rows = Sql::join(chunk.iter().map(row), ", ");
        let insert = Sql::of("INSERT INTO payment_month (episode, month, payers) VALUES ", []).append(rows);
        conn.execute(insert.push(" ON CONFLICT (episode, month, payers) DO NOTHING", []).volatile())?;
    }
    Ok(())
}

/// The first month of an episode for which a kept run has something payable.
pub(crate) fn paid_month(conn: &mut Conn, episode: &str) -> QueryResult<Option<String>> {
    let query =
        Sql::of("SELECT month FROM payment_month WHERE episode = ? ORDER BY month LIMIT 1", [episode.into()]);
    Ok(conn.load::<(Text,), (String,)>(query)?.pop().map(|row| row.0))
}

/// All months of an episode for which a kept run has something payable, each with those who pay for it.
pub(crate) fn paid_months(conn: &mut Conn, episode: &str) -> QueryResult<Vec<PaidMonth>> {
    let query = Sql::of("SELECT month, payers FROM payment_month WHERE episode = ?", [episode.into()]);
    let rows = conn.load::<(Text, Text), (String, String)>(query.push(" ORDER BY month, payers", []))?;
    let paid = |(month, payers)| PaidMonth { episode: episode.to_owned(), month, payers };
    Ok(rows.into_iter().map(paid).collect())
}

/// An episode of which a run has something payable and which is in this state now. On PostgreSQL the rows of all of
/// them stay as they are until the transaction ends.
pub(crate) fn in_state(conn: &mut Conn, run: &PaymentRun, state: &str) -> QueryResult<Option<String>> {
    let ty = ResourceType::parse("EpisodeOfCare").expect("EpisodeOfCare is a type of R4");
    let mut ids: Vec<&String> = run.paid.iter().map(|paid| &paid.episode).collect();
    ids.dedup();
    for chunk in ids.chunks(MONTHS) {
        let query = Sql::of(
            "SELECT r.id, e.state FROM episode e JOIN resource r ON r.rid = e.rid WHERE r.type = ? AND r.id",
            [ty.number().into()],
        )
        .append(Sql::one_of(chunk.iter().map(|id| (*id).clone())));
        let lock = if conn.is_sqlite() { "" } else { " ORDER BY e.rid FOR SHARE OF e" };
        let rows = conn.load::<(Text, Text), (String, String)>(query.push(lock, []))?;
        if let Some((id, _)) = rows.into_iter().find(|(_, own)| own == state) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// The run with this id.
pub(crate) fn find(conn: &mut Conn, id: &str) -> QueryResult<Option<PaymentRun>> {
    let query = Sql::of("SELECT id, at, made_from, lines FROM payment_run WHERE id = ?", [id.into()]);
    let row = conn.load::<(Text, BigInt, Binary, Binary), (String, i64, Vec<u8>, Vec<u8>)>(query)?.pop();
    Ok(row.map(|(id, at, made_from, lines)| PaymentRun { id, at, made_from, lines, paid: Vec::new() }))
}
