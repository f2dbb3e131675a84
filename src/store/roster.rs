//! Who there is to be found, and how many of them have come how far. <https://hl7.org/fhir/R4/episodeofcare.html>
//!
//! The plans of both databases: `resource_live` gives all Patients, `resource_identity` those who are named;
//! `episode_state` the open episodes of a programme, and `episode_open` those of named patients; what is on file of each is
//! counted in `idx_compartment` alone, or in the index of `idx_reference` by what is named.

use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::sql_types::Text;

use crate::fhir::ResourceType;
use crate::search::parameter::numbers;
use crate::search::sql::Sql;
use crate::store::connection::Conn;

/// The ids of the live Patients, or of those among them with these ids; no more than so many.
pub(crate) fn patients(conn: &mut Conn, ids: Option<&[String]>, most: usize) -> QueryResult<Vec<String>> {
    let ty = ResourceType::parse("Patient").expect("Patient is a type of R4");
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let query =
        Sql::of("SELECT r.id FROM resource r WHERE r.type = ? AND r.deleted = 0", [ty.number().into()]);
    let query = among(query, "r.id", ids).push(" ORDER BY r.rid LIMIT ?", [most.into()]);
    let rows = conn.load::<(Text,), (String,)>(query)?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// How many patients, or of those with these ids, have an open episode of a programme in each state.
pub(crate) fn open_episodes(
    conn: &mut Conn,
    program: &str,
    ids: Option<&[String]>,
) -> QueryResult<Vec<(String, i64)>> {
    let query = Sql::of(
        "SELECT e.state, count(*) FROM episode e WHERE e.program = ? AND e.open = 1",
        [program.into()],
    );
    let query = among(query, "e.patient", ids).push(" GROUP BY e.state ORDER BY e.state", []);
    conn.load::<(Text, BigInt), (String, i64)>(query)
}

/// How many live resources of these types are in the compartment of each of these patients, where there are any.
pub(crate) fn resources(
    conn: &mut Conn,
    patients: &[String],
    types: &[ResourceType],
) -> QueryResult<Vec<(String, i64)>> {
    let query = Sql::of("SELECT c.patient, count(*) FROM idx_compartment c WHERE c.patient", [])
        .append(Sql::one_of(patients.iter().cloned()))
        .push(" AND c.type IN (", [])
        .append(Sql::list(types.iter().map(|ty| ty.number().into()).collect()))
        .push(") GROUP BY c.patient", []);
    conn.load::<(Text, BigInt), (String, i64)>(query)
}

/// How many resources of this type are about each of these patients, by its parameter `patient`, where there are any.
pub(crate) fn about(
    conn: &mut Conn,
    patients: &[String],
    ty: ResourceType,
) -> QueryResult<Vec<(String, i64)>> {
    let patient = ResourceType::parse("Patient").expect("Patient is a type of R4");
    let [param, ..] = numbers(ty, "patient");
    let query = Sql::of(
        "SELECT f.target_id, count(*) FROM idx_reference f WHERE f.param = ? AND f.target_type = ? AND f.target_id",
        [param.into(), patient.number().into()],
    )
    .append(Sql::one_of(patients.iter().cloned()))
    .push(" GROUP BY f.target_id", []);
    conn.load::<(Text, BigInt), (String, i64)>(query)
}

fn among(query: Sql, column: &'static str, ids: Option<&[String]>) -> Sql {
    match ids {
        Some(ids) => query.push(" AND ", []).push(column, []).append(Sql::one_of(ids.iter().cloned())),
        None => query,
    }
}
