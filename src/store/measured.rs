//! What a measure reads of many patients beside their encounters and episodes. <https://hl7.org/fhir/R4/measure.html>

use diesel::result::QueryResult;

use crate::fhir::ResourceType;
use crate::search::parameter::numbers;
use crate::search::sql::Sql;
use crate::store::connection::Conn;
use crate::store::stored::COLUMNS;
use crate::store::stored::Stored;
use crate::store::stored::StoredRow;

/// The live Observations of this code in the compartment of any of these patients, each once.
///
/// The patients' own rows come first and the code is looked up by theirs: what is added to it keeps both databases from
/// going through everybody's answers to one question.
pub(crate) fn observations(conn: &mut Conn, patients: &[String], code: &str) -> QueryResult<Vec<Stored>> {
    if patients.is_empty() {
        return Ok(Vec::new());
    }
    let ty = ResourceType::parse("Observation").expect("Observation is a type of R4");
    let [param, ..] = numbers(ty, "code");
    let query = Sql::of("SELECT ", [])
        .push(COLUMNS, [])
        .push(
            " FROM resource r WHERE r.deleted = 0 AND r.rid IN (SELECT c.rid FROM idx_compartment c \
             CROSS JOIN idx_token t WHERE t.rid = c.rid AND t.param + 0 = ? AND t.code || '' = ? AND c.type = ? \
             AND c.patient",
            [param.into(), code.into(), ty.number().into()],
        )
        .append(Sql::one_of(patients.iter().cloned()))
        .push(") ORDER BY r.rid", []);
    Ok(conn.load_rows::<StoredRow>(query)?.into_iter().map(|row| row.0).collect())
}
