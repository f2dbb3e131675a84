//! Who is to be evaluated anew: marked by a write, evaluated by older rules, or past the day on which findings change.
//! <https://hl7.org/fhir/R4/clinicalreasoning-module.html>
//!
//! Each of the three is a walk of an index from its beginning, so that to find that nobody is due costs three looks.

use diesel::result::Error;
use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::sql_types::Text;

use crate::fhir::ResourceType;
use crate::fhir::datetime::Micros;
use crate::search::sql::Sql;
use crate::store::connection::Conn;
use crate::store::index::texts;

/// Greater than every time of a write: a mark beyond it, by so much as is the time of the next try, is of one whose
/// evaluation failed, who is due and is left alone until then.
const PUT_OFF: i64 = 1 << 62;

/// Marks subjects as due, at the time of the write.
pub(crate) fn mark<'a>(
    conn: &mut Conn,
    subjects: impl Iterator<Item = &'a str>,
    at: Micros,
) -> QueryResult<()> {
    let subjects: Vec<&str> = subjects.collect();
    let query = match subjects.as_slice() {
        [] => return Ok(()),
        [one] => Sql::of(
            "INSERT INTO finding_due (subject, mark) VALUES (?, ?) ON CONFLICT (subject, mark) DO NOTHING",
            [(*one).into(), at.into()],
        ),
        _ if conn.is_sqlite() => Sql::of(
            "INSERT INTO finding_due (subject, mark) SELECT value, ? FROM json_each(?) WHERE 1 = 1 \
             ON CONFLICT (subject, mark) DO NOTHING",
            [at.into(), serde_json::Value::from(subjects).to_string().into()],
        ),
        _ => Sql::of(
            "INSERT INTO finding_due (subject, mark) SELECT s, CAST(? AS bigint) FROM unnest(CAST(? AS text[])) s \
             ON CONFLICT (subject, mark) DO NOTHING",
            [at.into(), texts(subjects.into_iter())],
        ),
    };
    conn.execute(query).map(|_| ())
}

/// Marks one whose evaluation failed, to be tried again at a time.
pub(crate) fn put_off(conn: &mut Conn, patient: &str, until: Micros) -> QueryResult<()> {
    mark(conn, std::iter::once(patient), PUT_OFF.saturating_add(until))
}

/// Marks those patients who were never evaluated.
pub(crate) fn mark_new(conn: &mut Conn, patient: i64, at: Micros) -> QueryResult<()> {
    conn.execute(Sql::of(
        "INSERT INTO finding_due (subject, mark) SELECT r.id, CAST(? AS BIGINT) FROM resource r WHERE r.type = ? \
         AND r.deleted = 0 AND NOT EXISTS (SELECT 1 FROM finding_state s WHERE s.patient = r.id) \
         ON CONFLICT (subject, mark) DO NOTHING",
        [at.into(), patient.into()],
    ))
    .map(|_| ())
}

/// Makes everybody due: what all findings rest on is another.
pub(crate) fn change_rules(conn: &mut Conn) -> QueryResult<()> {
    conn.execute(Sql::of("UPDATE finding_rules SET number = number + 1", [])).map(|_| ())
}

/// Waits until whoever is changing the rules has done so, and keeps others from it until the end of the transaction.
/// SQLite has one writer at a time anyway.
pub(crate) fn hold_rules(conn: &mut Conn) -> QueryResult<()> {
    if conn.is_sqlite() {
        return Ok(());
    }
    conn.load::<(BigInt,), (i64,)>(Sql::of("SELECT number FROM finding_rules FOR UPDATE", [])).map(|_| ())
}

/// Makes everybody due where the program's own definitions are not those of the last time.
pub(crate) fn begin(conn: &mut Conn, fingerprint: &str) -> QueryResult<()> {
    let sql = "UPDATE finding_rules SET number = number + 1, fingerprint = ? WHERE fingerprint <> ?";
    conn.execute(Sql::of(sql, [fingerprint.into(), fingerprint.into()])).map(|_| ())
}

/// Whether the program's own definitions that count are these: where they are not, another version of the program has
/// begun since, and what this one finds is no finding by the rules of now.
pub(crate) fn is_by(conn: &mut Conn, fingerprint: &str) -> QueryResult<bool> {
    let query = Sql::of("SELECT number FROM finding_rules WHERE fingerprint = ?", [fingerprint.into()]);
    Ok(!conn.load::<(BigInt,), (i64,)>(query)?.is_empty())
}

/// The number of the rules of now.
pub(crate) fn rules(conn: &mut Conn) -> QueryResult<i64> {
    let rows = conn.load::<(BigInt,), (i64,)>(Sql::of("SELECT number FROM finding_rules", []))?;
    rows.first().map(|row| row.0).ok_or(Error::NotFound)
}

/// The numbers of the search parameters by which patients lead to where their general practitioners work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ways {
    /// `Patient?general-practitioner`
    pub(crate) general_practitioner: i64,
    /// `PractitionerRole?organization`
    pub(crate) organization: i64,
    /// `PractitionerRole?practitioner`
    pub(crate) practitioner: i64,
}

/// The next patients, by their ids, whose general practitioners work at an organization: it is named itself, or one of
/// its roles is, or who holds one.
pub(crate) fn working_at(
    conn: &mut Conn,
    (id, after): (&str, &str),
    (ways, most): (&Ways, usize),
) -> QueryResult<Vec<String>> {
    let ty = |name: &str| ResourceType::parse(name).map_or(-1, ResourceType::number);
    let (site, role, who) = (ty("Organization"), ty("PractitionerRole"), ty("Practitioner"));
    let Ways { general_practitioner: gp, organization, practitioner } = *ways;
    let named = Sql::of(
        "SELECT c.patient FROM idx_reference f CROSS JOIN idx_compartment c WHERE f.param = ? \
         AND f.target_type = ? AND f.target_id = ? AND c.rid = f.rid AND c.patient > ?",
        [gp.into(), site.into(), id.into(), after.into()],
    );
    let by_role = Sql::of(
        "SELECT c.patient FROM idx_reference o CROSS JOIN resource r CROSS JOIN idx_reference f \
         CROSS JOIN idx_compartment c WHERE o.param = ? AND o.target_type = ? AND o.target_id = ? AND r.rid = o.rid \
         AND f.param = ? AND f.target_type = ? AND f.target_id = r.id AND c.rid = f.rid AND c.patient > ?",
        [organization.into(), site.into(), id.into(), gp.into(), role.into(), after.into()],
    );
    let by_holder = Sql::of(
        "SELECT c.patient FROM idx_reference o CROSS JOIN idx_reference p CROSS JOIN idx_reference f \
         CROSS JOIN idx_compartment c WHERE o.param = ? AND o.target_type = ? AND o.target_id = ? AND p.rid = o.rid \
         AND p.param = ? AND p.target_type = ? AND f.param = ? AND f.target_type = ? AND f.target_id = p.target_id \
         AND c.rid = f.rid AND c.patient > ?",
        [
            organization.into(),
            site.into(),
            id.into(),
            practitioner.into(),
            who.into(),
            gp.into(),
            who.into(),
            after.into(),
        ],
    );
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let query = Sql::of("SELECT d.patient FROM (", [])
        .append(Sql::join([named, by_role, by_holder], " UNION "))
        .push(") d ORDER BY d.patient LIMIT ?", [limit.into()]);
    Ok(conn.load::<(Text,), (String,)>(query)?.into_iter().map(|row| row.0).collect())
}

/// The marks of resources that stand for the patients to whom they lead, as `Type/id`, or `Type/id/patient` where those up to that patient are
/// marked already. An id has no slash, and a type begins with a capital.
const NAMED: &str = "FROM finding_due WHERE ((subject > 'Device/' AND subject < 'Device0') \
                     OR (subject > 'Medication/' AND subject < 'Medication0') \
                     OR (subject > 'Organization/' AND subject < 'Organization0') \
                     OR (subject > 'Patient/' AND subject < 'Patient0') \
                     OR (subject > 'Practitioner/' AND subject < 'Practitioner0') \
                     OR (subject > 'PractitionerRole/' AND subject < 'PractitionerRole0'))";

/// So many of those marked resources, with their marks. The index of subjects cannot tell them from
/// patients, so that all names are walked once.
pub(crate) fn named(conn: &mut Conn, most: usize) -> QueryResult<Vec<(String, i64)>> {
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let query = Sql::of("SELECT subject, mark ", []).push(NAMED, []).push(" LIMIT ?", [limit.into()]);
    conn.load::<(Text, BigInt), (String, i64)>(query)
}

/// The next patients, by their ids, of the resources that name this one. They are looked for only now, and not when it
/// was written: who came to name it meanwhile was marked by that, and is evaluated with what is there now.
pub(crate) fn naming(
    conn: &mut Conn,
    (ty, id, after): (i64, &str, &str),
    (params, most): (&[i64], usize),
) -> QueryResult<Vec<String>> {
    let find = "SELECT DISTINCT c.patient FROM idx_reference f CROSS JOIN idx_compartment c WHERE c.rid = f.rid \
                AND f.target_type = ? AND f.target_id = ? AND c.patient > ? AND f.param IN (";
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let query = Sql::of(find, [ty.into(), id.into(), after.into()])
        .append(Sql::list(params.iter().map(|param| (*param).into()).collect()))
        .push(") ORDER BY c.patient LIMIT ?", [limit.into()]);
    Ok(conn.load::<(Text,), (String,)>(query)?.into_iter().map(|row| row.0).collect())
}

/// Takes these marks of one subject away; how many of them were there.
pub(crate) fn unmark(conn: &mut Conn, subject: &str, marks: &[i64]) -> QueryResult<usize> {
    if marks.is_empty() {
        return Ok(0);
    }
    let query = Sql::of("DELETE FROM finding_due WHERE subject = ? AND mark IN (", [subject.into()])
        .append(Sql::list(marks.iter().map(|mark| (*mark).into()).collect()));
    conn.execute(query.push(")", []))
}

/// Lets one instance at a time evaluate who is due: whoever has the lease has it for longer, and after its end anybody
/// may take it. False where another has it.
pub(crate) fn lease(conn: &mut Conn, holder: &str, (now, until): (Micros, Micros)) -> QueryResult<bool> {
    let sql = "UPDATE finding_lease SET holder = ?, until = ? WHERE holder = ? OR until <= ?";
    let binds = [holder.into(), until.into(), holder.into(), now.into()];
    Ok(conn.execute(Sql::of(sql, binds))? == 1)
}

/// Of whom the due are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Among<'a> {
    /// Of everybody.
    Everybody,
    /// Of these.
    These(&'a [String]),
}

/// What makes somebody due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Since {
    /// The number of the rules of now.
    pub(crate) rules: i64,
    /// The time.
    pub(crate) now: Micros,
    /// Marks later than this wait a little, so that a burst of writes is evaluated once.
    pub(crate) settled: Micros,
}

/// So many of those who are due, by their ids.
pub(crate) fn next(
    conn: &mut Conn,
    among: Among<'_>,
    since: &Since,
    most: usize,
) -> QueryResult<Vec<String>> {
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let scope = |query: Sql, column: &'static str| match among {
        Among::Everybody => query,
        Among::These(ids) => {
            query.push(" AND ", []).push(column, []).append(Sql::one_of(ids.iter().cloned()))
        }
    };
    let marked = Sql::of("SELECT subject FROM finding_due WHERE subject NOT LIKE '%/%'", []);
    // Some have several marks: of as many rows again, enough are of different patients, or the next call sees them.
    let marked = scope(marked, "subject").push(
        " AND (mark <= ? OR (mark > ? AND mark <= ?)) ORDER BY subject LIMIT ?",
        [
            since.settled.min(PUT_OFF).into(),
            PUT_OFF.into(),
            PUT_OFF.saturating_add(since.now).into(),
            limit.saturating_mul(2).into(),
        ],
    );
    let past = Sql::of("SELECT patient FROM finding_state WHERE change_at <= ?", [since.now.into()]);
    let past = scope(past, "patient").push(" LIMIT ?", [limit.into()]);
    let older = Sql::of("SELECT patient FROM finding_state WHERE rules < ?", [since.rules.into()]);
    let older = scope(older, "patient").push(" LIMIT ?", [limit.into()]);
    let mut due = Vec::new();
    for query in [marked, past, older] {
        if due.len() < most {
            due.extend(conn.load::<(Text,), (String,)>(query)?.into_iter().map(|row| row.0));
        }
    }
    due.sort_unstable();
    due.dedup();
    due.truncate(most);
    Ok(due)
}

/// How many are due; a medicine or device whose patients are not all marked yet counts as one of them.
pub(crate) fn count(conn: &mut Conn, among: Among<'_>, since: &Since) -> QueryResult<i64> {
    let scope = |query: Sql, column: &'static str| match among {
        Among::Everybody => query,
        Among::These(ids) => {
            query.push(" AND ", []).push(column, []).append(Sql::one_of(ids.iter().cloned()))
        }
    };
    let state = |condition: &'static str, value: i64| {
        let patients = Sql::of("SELECT patient FROM finding_state WHERE ", []).in_time_by("0");
        patients.push(condition, [value.into()])
    };
    let marked = Sql::of("SELECT subject AS patient FROM finding_due WHERE ", []).in_time_by("0");
    let marked = marked.push("subject NOT LIKE '%/%'", []);
    let marked = scope(marked, "subject");
    let past = state("change_at <= ?", since.now);
    let older = state("rules < ?", since.rules);
    let all = [marked, scope(past, "patient"), scope(older, "patient")];
    let query = Sql::of("SELECT count(*) FROM (", []).append(Sql::join(all, " UNION ")).push(") d", []);
    let named = Sql::of("SELECT count(*) ", []).push(NAMED, []);
    Ok(number(conn, query)? + number(conn, named)?)
}

fn number(conn: &mut Conn, query: Sql) -> QueryResult<i64> {
    Ok(conn.load::<(BigInt,), (i64,)>(query)?.first().map_or(0, |row| row.0))
}
