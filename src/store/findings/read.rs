//! What an evaluation reads of many patients at once. <https://hl7.org/fhir/R4/compartmentdefinition-patient.html>

use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::sql_types::Text;

use crate::fhir::ResourceType;
use crate::search::parameter::numbers;
use crate::search::sql::Sql;
use crate::store::connection::Conn;
use crate::store::stored::Belonging;
use crate::store::stored::COLUMNS;
use crate::store::stored::Stored;
use crate::store::stored::StoredRow;

fn of(text: &'static str, patients: &[String]) -> Sql {
    Sql::of(text, []).append(Sql::one_of(patients.iter().cloned()))
}

/// The marks of these.
pub(crate) fn marks(conn: &mut Conn, patients: &[String]) -> QueryResult<Vec<(String, i64)>> {
    let query = of("SELECT subject, mark FROM finding_due WHERE subject", patients);
    conn.load::<(Text, BigInt), (String, i64)>(query)
}

/// The stamps of these, where they were evaluated before.
pub(crate) fn stamps(conn: &mut Conn, patients: &[String]) -> QueryResult<Vec<(String, i64)>> {
    let query = of("SELECT patient, stamp FROM finding_state WHERE patient", patients);
    conn.load::<(Text, BigInt), (String, i64)>(query)
}

/// The programmes in which these have an open episode.
pub(crate) fn open_episodes(conn: &mut Conn, patients: &[String]) -> QueryResult<Vec<(String, String)>> {
    let query = of("SELECT patient, program FROM episode WHERE open = 1 AND patient", patients);
    conn.load::<(Text, Text), (String, String)>(query)
}

/// Those whose death an episode has on record, in whichever programme.
pub(crate) fn died(conn: &mut Conn, patients: &[String]) -> QueryResult<Vec<String>> {
    let query = of("SELECT patient FROM episode WHERE state = 'deceased' AND patient", patients);
    conn.load::<Text, String>(query)
}

/// All live resources of these types in the compartment of each of these patients.
pub(crate) fn compartments(
    conn: &mut Conn,
    patients: &[String],
    types: &[ResourceType],
) -> QueryResult<Vec<Belonging>> {
    let query = Sql::of("SELECT ", [])
        .push(COLUMNS, [])
        .push(
            ", c.patient FROM idx_compartment c CROSS JOIN resource r WHERE r.rid = c.rid AND r.deleted = 0 ",
            [],
        )
        .push("AND c.patient", [])
        .append(Sql::one_of(patients.iter().cloned()))
        .push(" AND c.type IN (", [])
        .append(Sql::list(types.iter().map(|ty| ty.number().into()).collect()));
    conn.load_rows::<Belonging>(query.push(")", []))
}

/// The live resources of a type that lead to any of these, of another type, by one of its parameters.
pub(crate) fn leading(
    conn: &mut Conn,
    (ty, code, to): (ResourceType, &str, ResourceType),
    ids: &[String],
) -> QueryResult<Vec<Stored>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let [param, ..] = numbers(ty, code);
    let query = Sql::of("SELECT ", [])
        .push(COLUMNS, [])
        .push(
            " FROM resource r WHERE r.deleted = 0 AND r.rid IN (SELECT f.rid FROM idx_reference f \
             WHERE f.param = ? AND f.target_type = ? AND f.target_id",
            [param.into(), to.number().into()],
        )
        .append(Sql::one_of(ids.iter().cloned()))
        .push(") ORDER BY r.rid", []);
    Ok(conn.load_rows::<StoredRow>(query)?.into_iter().map(|row| row.0).collect())
}

/// All live resources of this type that are about each of these patients, by its parameter `patient`.
pub(crate) fn about(conn: &mut Conn, patients: &[String], ty: ResourceType) -> QueryResult<Vec<Belonging>> {
    let patient = ResourceType::parse("Patient").expect("Patient is a type of R4");
    let [param, ..] = numbers(ty, "patient");
    let query = Sql::of("SELECT ", [])
        .push(COLUMNS, [])
        .push(
            ", f.target_id FROM idx_reference f CROSS JOIN resource r WHERE r.rid = f.rid AND r.deleted = 0 \
             AND f.param = ? AND f.target_type = ? AND f.target_id",
            [param.into(), patient.number().into()],
        )
        .append(Sql::one_of(patients.iter().cloned()))
        .push(" ORDER BY r.rid", []);
    conn.load_rows::<Belonging>(query)
}

/// What these patients' resources of these types name by these parameters: the patient, and the number of the type and
/// the id of what is named.
pub(crate) fn named(
    conn: &mut Conn,
    patients: &[String],
    (types, params): (&[i64], &[i64]),
) -> QueryResult<Vec<(String, i64, String)>> {
    let list = |values: &[i64]| Sql::list(values.iter().map(|value| (*value).into()).collect());
    let query = Sql::of(
        "SELECT c.patient, f.target_type, f.target_id FROM idx_compartment c CROSS JOIN idx_reference f \
         WHERE f.rid = c.rid AND c.patient",
        [],
    )
    .append(Sql::one_of(patients.iter().cloned()))
    .push(" AND c.type IN (", [])
    .append(list(types))
    .push(") AND f.param IN (", [])
    .append(list(params))
    .push(")", []);
    conn.load::<(Text, BigInt, Text), (String, i64, String)>(query)
}
