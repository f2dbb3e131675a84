//! All resources in the order of their numbers, a page at a time, each with what the other tables hold about it: what
//! `comfrey check` compares and `comfrey reindex` mends. <https://hl7.org/fhir/R4/search.html>

use std::collections::HashMap;
use std::collections::HashSet;

use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::sql_types::Text;

use crate::search::contained;
use crate::search::sql::Sql;
use crate::store::connection::Conn;
use crate::store::held::held;
use crate::store::index::integers;
use crate::store::stored::COLUMNS;
use crate::store::stored::Stored;
use crate::store::stored::StoredRow;
use crate::store::tables::EpisodeRow;

pub(crate) use crate::store::held::Held;

/// An earlier version, in the order of [`COLUMNS`].
const EARLIER: &str = "h.rid, r.type, r.id, h.version, h.updated, h.deleted, h.method, h.body";

/// How many resources a page has at most, and how many bytes of them, so that memory stays small.
const MOST: i64 = 500;
const MOST_BYTES: i64 = 8 * 1024 * 1024;

/// Some resources and what the tables hold about them, or about resources that are not there.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// The current versions, in the order of their numbers.
    pub(crate) resources: Vec<Stored>,
    /// What the index holds of each number that it knows.
    pub(crate) held: HashMap<i64, Held>,
    /// The typed rows of episodes.
    pub(crate) episodes: HashMap<i64, EpisodeRow>,
    /// The episodes for which care plans hold.
    pub(crate) plans: HashMap<i64, String>,
    /// Which are kept from the patient.
    pub(crate) not_for_patient: HashSet<i64>,
    /// What the history holds of each number that it knows.
    pub(crate) histories: HashMap<i64, Versions>,
    /// Numbers with compartments of versions that there are not, or with versions under another type.
    pub(crate) strays: Vec<i64>,
}

/// The earlier versions of one resource, in sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Versions {
    pub(crate) count: i64,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) updated: i64,
}

/// Which resources are looked at.
#[derive(Clone, Debug)]
pub(crate) enum Span {
    /// Those with a larger number than the first, up to the second.
    Between(i64, i64),
    /// These.
    These(Vec<i64>),
    /// Those from the first number of a pair on and before the second.
    Ranges(Vec<(i64, i64)>),
}

impl Span {
    /// The same without what is contained.
    pub(super) fn of_own(&self) -> Self {
        match self {
            Self::Between(after, last) => Self::Between((*after).max(-1), (*last).max(-1)),
            Self::These(_) | Self::Ranges(_) => self.clone(),
        }
    }

    /// What is contained in these; with all numbers, also what is contained in none.
    pub(super) fn of_contained(&self) -> Self {
        let after = |last: i64| contained::first(last.saturating_add(1));
        match self {
            Self::Between(before, last) => Self::Ranges(vec![(after(*before), after(*last))]),
            Self::These(rids) => {
                Self::Ranges(rids.iter().map(|rid| (contained::first(*rid), after(*rid))).collect())
            }
            Self::Ranges(_) => self.clone(),
        }
    }

    /// As a condition on a column.
    pub(super) fn holds(&self, conn: &Conn, column: &'static str) -> Sql {
        let sql = Sql::of(column, []);
        match self {
            Self::Between(after, last) => {
                sql.push(" > ? AND ", [(*after).into()]).push(column, []).push(" <= ?", [(*last).into()])
            }
            Self::Ranges(ranges) if !ranges.is_empty() => {
                let each = ranges.iter().map(|(first, end)| {
                    let sql = Sql::of("(", []).push(column, []).push(" >= ? AND ", [(*first).into()]);
                    sql.push(column, []).push(" < ?)", [(*end).into()])
                });
                Sql::of("(", []).append(Sql::join(each, " OR ")).push(")", [])
            }
            Self::Ranges(_) => Sql::of("1 = 0", []),
            Self::These(rids) if rids.is_empty() => Sql::of("1 = 0", []),
            Self::These(rids) if conn.is_sqlite() => sql
                .push(" IN (", [])
                .append(Sql::list(rids.iter().map(|rid| (*rid).into()).collect()))
                .push(")", []),
            Self::These(rids) => sql.push(" = ANY(CAST(? AS bigint[]))", [integers(rids.iter().copied())]),
        }
    }
}

/// How many resources there are, deleted ones included, and the largest number of any.
pub(crate) fn extent(conn: &mut Conn) -> QueryResult<(i64, i64)> {
    let query = Sql::of("SELECT count(*), coalesce(max(rid), 0) FROM resource", []);
    Ok(conn.load::<(BigInt, BigInt), (i64, i64)>(query)?.pop().unwrap_or((0, 0)))
}

/// The number with which the page after `after` ends; none where there are no more resources.
pub(crate) fn next(conn: &mut Conn, after: i64) -> QueryResult<Option<i64>> {
    let lengths =
        "SELECT rid, CAST(coalesce(length(body), 0) AS BIGINT) FROM resource WHERE rid > ? ORDER BY rid";
    let query = Sql::of(lengths, [after.into()]).limit(MOST);
    let (mut last, mut bytes) = (None, 0);
    for (rid, length) in conn.load::<(BigInt, BigInt), (i64, i64)>(query)? {
        bytes += length;
        if bytes > MOST_BYTES && last.is_some() {
            break;
        }
        last = Some(rid);
    }
    Ok(last)
}

/// The place of an earlier version: the resource's number, and the version.
type At = (i64, i64);

/// All that the tables hold of these resources.
pub(crate) fn page(conn: &mut Conn, span: &Span) -> QueryResult<Page> {
    let query = Sql::of("SELECT ", [])
        .push(COLUMNS, [])
        .push(" FROM resource r WHERE ", [])
        .append(span.holds(conn, "r.rid"))
        .push(" ORDER BY r.rid", []);
    let resources = conn.load_rows::<StoredRow>(query)?.into_iter().map(|row| row.0).collect();
    Ok(Page {
        resources,
        held: held(conn, span)?,
        episodes: episodes(conn, span)?,
        plans: plans(conn, span)?,
        not_for_patient: not_for_patient(conn, span)?,
        histories: histories(conn, span)?,
        strays: strays(conn, span)?,
    })
}

/// Earlier versions after this one (number and version) in their order, and the last one looked at; none where there
/// are no more.
pub(crate) fn earlier(conn: &mut Conn, after: (i64, i64)) -> QueryResult<(Vec<Stored>, Option<At>)> {
    let query = Sql::of(
        "SELECT rid, version, CAST(coalesce(length(body), 0) AS BIGINT) FROM history WHERE (rid, version) > (?, ?) \
         ORDER BY rid, version",
        [after.0.into(), after.1.into()],
    )
    .limit(MOST);
    let (mut last, mut bytes) = (None, 0);
    for (rid, version, length) in conn.load::<(BigInt, BigInt, BigInt), (i64, i64, i64)>(query)? {
        bytes += length;
        if bytes > MOST_BYTES && last.is_some() {
            break;
        }
        last = Some((rid, version));
    }
    let Some(last) = last else { return Ok((Vec::new(), None)) };
    let query = Sql::of("SELECT ", [])
        .push(EARLIER, [])
        .push(
            " FROM history h JOIN resource r ON r.rid = h.rid WHERE (h.rid, h.version) > (?, ?)",
            [after.0.into(), after.1.into()],
        )
        .push(" AND (h.rid, h.version) <= (?, ?) ORDER BY h.rid, h.version", [last.0.into(), last.1.into()]);
    Ok((conn.load_rows::<StoredRow>(query)?.into_iter().map(|row| row.0).collect(), Some(last)))
}

/// A query of some columns of a table, the number first.
pub(super) fn of(conn: &Conn, columns: &'static str, span: &Span) -> Sql {
    Sql::of("SELECT rid, ", []).push(columns, []).push(" WHERE ", []).append(span.holds(conn, "rid"))
}

fn episodes(conn: &mut Conn, span: &Span) -> QueryResult<HashMap<i64, EpisodeRow>> {
    type Row = (i64, String, String, String, i64, String);
    let query = of(conn, "patient, program, state, open, consent FROM episode", span);
    let rows = conn.load::<(BigInt, Text, Text, Text, BigInt, Text), Row>(query)?.into_iter();
    let row = |(rid, patient, program, state, open, consent)| {
        (rid, EpisodeRow { patient, program, state, open: open != 0, consent })
    };
    Ok(rows.map(row).collect())
}

fn plans(conn: &mut Conn, span: &Span) -> QueryResult<HashMap<i64, String>> {
    let query = of(conn, "episode FROM care_plan", span);
    Ok(conn.load::<(BigInt, Text), (i64, String)>(query)?.into_iter().collect())
}

fn not_for_patient(conn: &mut Conn, span: &Span) -> QueryResult<HashSet<i64>> {
    let query = Sql::of("SELECT rid FROM not_for_patient WHERE ", []).append(span.holds(conn, "rid"));
    Ok(conn.load::<(BigInt,), (i64,)>(query)?.into_iter().map(|row| row.0).collect())
}

/// The id of the plan that has the place of an episode.
pub(crate) fn plan_of(conn: &mut Conn, episode: &str) -> QueryResult<Option<String>> {
    let query = Sql::of(
        "SELECT r.id FROM care_plan p JOIN resource r ON r.rid = p.rid WHERE p.episode = ?",
        [episode.into()],
    );
    Ok(conn.load::<(Text,), (String,)>(query)?.pop().map(|row| row.0))
}

fn strays(conn: &mut Conn, span: &Span) -> QueryResult<Vec<i64>> {
    let query = Sql::of("SELECT DISTINCT c.rid FROM history_compartment c WHERE ", [])
        .append(span.holds(conn, "c.rid"))
        .push(" AND NOT EXISTS (SELECT 1 FROM history h WHERE h.rid = c.rid AND h.version = c.version)", [])
        .push(" AND NOT EXISTS (SELECT 1 FROM resource r WHERE r.rid = c.rid AND r.version = c.version", [])
        .push(" AND r.deleted = 1) UNION SELECT h.rid FROM history h JOIN resource r ON r.rid = h.rid", [])
        .push(" WHERE h.type <> r.type AND ", [])
        .append(span.holds(conn, "h.rid"));
    Ok(conn.load::<(BigInt,), (i64,)>(query)?.into_iter().map(|row| row.0).collect())
}

/// The patients in whose compartments the versions after one place and up to another stood.
pub(crate) fn stood(
    conn: &mut Conn,
    (after, last): ((i64, i64), (i64, i64)),
) -> QueryResult<HashMap<(i64, i64), Vec<String>>> {
    let query = Sql::of(
        "SELECT rid, version, patient FROM history_compartment \
         WHERE (rid, version) > (?, ?) AND (rid, version) <= (?, ?)",
        [after.0.into(), after.1.into(), last.0.into(), last.1.into()],
    );
    let mut stood: HashMap<(i64, i64), Vec<String>> = HashMap::new();
    for (rid, version, patient) in conn.load::<(BigInt, BigInt, Text), (i64, i64, String)>(query)? {
        stood.entry((rid, version)).or_default().push(patient);
    }
    Ok(stood)
}

/// The versions after one place and up to another that are kept from the patient.
pub(crate) fn kept(conn: &mut Conn, (after, last): (At, At)) -> QueryResult<HashSet<At>> {
    let query = Sql::of(
        "SELECT rid, version FROM history_not_for_patient WHERE (rid, version) > (?, ?) AND (rid, version) <= (?, ?)",
        [after.0.into(), after.1.into(), last.0.into(), last.1.into()],
    );
    Ok(conn.load::<(BigInt, BigInt), At>(query)?.into_iter().collect())
}

fn histories(conn: &mut Conn, span: &Span) -> QueryResult<HashMap<i64, Versions>> {
    let query = of(conn, "count(*), min(version), max(version), max(updated) FROM history", span)
        .push(" GROUP BY rid", []);
    type Row = (i64, i64, i64, i64, i64);
    let rows = conn.load::<(BigInt, BigInt, BigInt, BigInt, BigInt), Row>(query)?.into_iter();
    let row = |(rid, count, first, last, updated)| (rid, Versions { count, first, last, updated });
    Ok(rows.map(row).collect())
}
