//! Everything that belongs to a patient, an encounter or an episode of care, as SQL.
//! <https://hl7.org/fhir/R4/patient-operation-everything.html>
//!
//! A record has two parts. Its own resources are those in the patient's compartment, with those of other types that
//! name the patient (a Task); of an encounter or episode, those that point to it and what these point to in the same
//! patient's compartment. Linked is what these lead to (see `record_links`), such as practitioners. A part is walked
//! by row numbers, which never change, so that nothing is repeated or skipped while others write; and as what is hidden
//! from the caller is no part of it, nothing is linked by what is hidden.

use crate::fhir::ResourceType;
use crate::search::parameter::Kind;
use crate::search::parameter::Parameters;
use crate::search::plan::record_query::Care;
use crate::search::plan::record_query::Focus;
use crate::search::plan::record_query::Part;
use crate::search::plan::record_query::RecordQuery;
use crate::search::plan::record_query::patient_type;
use crate::search::plan::scope::Scope;
use crate::search::plan::scope::Seen;
use crate::search::plan::scope::texts;
use crate::search::restriction::Restriction;
use crate::search::rows::ANY_ELEMENT;
use crate::search::sql::Bind;
use crate::search::sql::Sql;

/// A page, in the columns of a search's page, and with the part as its sort key: 0 for what belongs to the record, 1
/// for what is linked, of which there is any only where the former leaves room. Each part has one row more than a
/// page, if there are so many; the rows come in no order, as sorting them would carry their bodies about.
pub fn record_plan(parameters: &Parameters, query: &RecordQuery, restriction: &Restriction) -> Sql {
    let record = Record { seen: Seen { parameters, restriction }, query };
    let (count, asked) = (i64::from(query.count), i64::from(query.count) + 1);
    let columns = "SELECT r.rid, r.type, r.id, r.version, r.updated, r.body, CAST(q.part AS TEXT) FROM (";
    let sql = record.with_own().append(record.with_links());
    let sql = match query.after.part {
        Part::Own => sql
            .push(", page AS MATERIALIZED (", [])
            .append(record.own_page(asked))
            .push(") ", [])
            .push(columns, [])
            .push("SELECT p.rid, p.k, 0 AS part FROM page p UNION ALL SELECT y.rid, y.k, 1 FROM (", [])
            .push("SELECT l.rid, l.k FROM (", [])
            .append(record.linked_page(0, asked))
            .push(
                ") l LIMIT (SELECT CASE WHEN count(*) <= ? THEN ? ELSE 0 END FROM page)",
                [count.into(), asked.into()],
            )
            .push(") y", []),
        Part::Linked => sql
            .push(" ", [])
            .push(columns, [])
            .push("SELECT l.rid, l.k, 1 AS part FROM (", [])
            .append(record.linked_page(query.after.key, asked))
            .push(") l", []),
    };
    sql.push(") q CROSS JOIN resource r WHERE r.rid = q.rid", [])
}

/// A record, and who asks for it.
pub(super) struct Record<'a> {
    pub(super) seen: Seen<'a>,
    pub(super) query: &'a RecordQuery,
}

impl Record<'_> {
    /// `WITH own AS (…)`: the rows of the record's own resources.
    fn with_own(&self) -> Sql {
        let with = match &self.query.focus {
            Focus::Patients(patients) => {
                Sql::of("WITH own AS MATERIALIZED (", []).append(self.visible(self.of_patients(patients)))
            }
            Focus::Resource(ty, id) => Sql::of("WITH core AS MATERIALIZED (", [])
                .append(self.visible(self.pointing_to(*ty, id)))
                .push("), own AS MATERIALIZED (", [])
                .append(self.visible(Self::with_neighbours(*ty, id))),
        };
        with.push(")", [])
    }

    fn of_patients(&self, patients: &[String]) -> Sql {
        let numbers = self.naming_patients().map(|(_, number)| number).collect();
        Sql::of("SELECT k.rid FROM idx_compartment k WHERE k.patient IN (", [])
            .append(texts(patients))
            .push(") UNION SELECT f.rid FROM idx_reference f WHERE f.param IN (", [])
            .append(integers(numbers))
            .push(") AND f.target_type = ? AND f.target_id IN (", [patient_type().number().into()])
            .append(texts(patients))
            .push(")", [])
    }

    /// Parameters by which resources outside of every compartment name a patient.
    fn naming_patients(&self) -> impl Iterator<Item = (ResourceType, i64)> {
        let parameters = self.seen.parameters;
        let outside = ResourceType::all().filter(|ty| parameters.compartment(*ty).is_none());
        outside.filter_map(|ty| {
            let patient = parameters.find(ty, "patient").filter(|own| own.kind == Kind::Reference)?;
            Some((ty, patient.kept_to(patient_type())))
        })
    }

    fn pointing_to(&self, ty: ResourceType, id: &str) -> Sql {
        let parameters = self.seen.parameters;
        let own = self.own_types();
        let all = own.iter().flat_map(|from| parameters.of(*from));
        let pointing = all.filter(|one| one.kind == Kind::Reference && one.path.is_some());
        let pointing = pointing.filter(|one| one.target.is_empty() || one.target.contains(&ty));
        let numbers = pointing.map(|one| one.kept_to(ty)).chain([ANY_ELEMENT]).collect();
        let target = || [ty.number().into(), id.into()];
        Sql::of("SELECT r.rid FROM resource r WHERE r.type = ? AND r.id = ? AND r.deleted = 0", target())
            .push(" UNION SELECT f.rid FROM idx_reference f WHERE f.param IN (", [])
            .append(integers(numbers))
            .push(") AND f.target_type = ? AND f.target_id = ?", target())
    }

    /// The core, and what it points to in the compartment of the patient whose resource the record is about.
    fn with_neighbours(ty: ResourceType, id: &str) -> Sql {
        Sql::of("SELECT c.rid FROM core c UNION SELECT t.rid FROM core c CROSS JOIN idx_reference f ", [])
            .push("CROSS JOIN resource t CROSS JOIN idx_compartment k WHERE f.rid = c.rid ", [])
            .push("AND t.type = f.target_type AND t.id = f.target_id AND k.rid = t.rid ", [])
            .push("AND k.patient IN (SELECT p.patient FROM resource r CROSS JOIN idx_compartment p ", [])
            .push("WHERE r.type = ? AND r.id = ? AND p.rid = r.rid)", [ty.number().into(), id.into()])
    }

    /// Of these rows those that the caller may see, and that are care of the time asked for. What is deleted has no
    /// rows in an index, so that the resources themselves are looked at only where the caller does not see all.
    fn visible(&self, rows: Sql) -> Sql {
        let sql = Sql::of("SELECT c.rid FROM (", []).append(rows).push(") c", []);
        let sql = match self.seen.visible_any(&self.own_types(), &Scope::row(0)) {
            Some(visible) => {
                sql.push(" CROSS JOIN resource r0 WHERE r0.rid = c.rid AND ", []).in_time("c").append(visible)
            }
            None => sql.push(" WHERE ", []).in_time("c").push("1 = 1", []),
        };
        and(sql, self.query.care.as_ref().map(in_care))
    }

    /// The types that a record's own resources may have.
    pub(super) fn own_types(&self) -> Vec<ResourceType> {
        let parameters = self.seen.parameters;
        let inside = ResourceType::all().filter(|ty| parameters.compartment(*ty).is_some());
        inside.chain(self.naming_patients().map(|(ty, _)| ty)).collect()
    }

    fn own_page(&self, limit: i64) -> Sql {
        let sql = Sql::of("SELECT x.rid, x.k FROM (SELECT o.rid, ", [])
            .append(self.key())
            .push(" AS k FROM own o) x", []);
        let types: Vec<i64> = self.query.types.iter().map(|ty| ty.number()).collect();
        let of_type = Sql::of("r0.type IN (", []).append(integers(types)).push(")", []);
        let conditions = (!self.query.types.is_empty()).then_some(of_type).into_iter().chain(self.since());
        let conditions: Vec<Sql> = conditions.collect();
        let sql = match conditions.is_empty() {
            true => sql.push(" WHERE ", []),
            false => sql
                .push(" CROSS JOIN resource r0 WHERE r0.rid = x.rid AND ", [])
                .append(Sql::join(conditions, " AND "))
                .push(" AND ", []),
        };
        sql.push("x.k > ? ORDER BY x.k", [self.query.after.key.into()]).limit(limit)
    }

    fn key(&self) -> Sql {
        match self.query.first() {
            Some((ty, id)) => Sql::of(
                "CASE WHEN o.rid = (SELECT z.rid FROM resource z WHERE z.type = ? AND z.id = ?) THEN 0 ELSE o.rid END",
                [ty.number().into(), id.into()],
            ),
            None => Sql::of("o.rid", []),
        }
    }

    pub(super) fn since(&self) -> Option<Sql> {
        self.query.since.map(|since| Sql::of("r0.updated >= ?", [since.into()]))
    }
}

/// Care of the time asked for: at a date within it, or holding at some time of it; and what has no date of care.
fn in_care(care: &Care) -> Sql {
    let has = |numbers: &[i64], more: Sql| {
        Sql::of("EXISTS (SELECT 1 FROM idx_date d WHERE d.rid = c.rid AND d.param IN (", [])
            .append(integers(numbers.to_vec()))
            .push(")", [])
            .append(more)
            .push(")", [])
    };
    let (low, high) = (care.span.low, care.span.high);
    let beginning: Vec<i64> = care.at.iter().chain(&care.from).copied().collect();
    Sql::of("(NOT ", [])
        .append(has(&beginning, Sql::default()))
        .push(" OR ", [])
        .append(has(&care.at, Sql::of(" AND d.low <= ? AND d.high >= ?", [high.into(), low.into()])))
        .push(" OR (", [])
        .append(has(&care.from, Sql::of(" AND d.low <= ?", [high.into()])))
        .push(" AND (NOT ", [])
        .append(has(&care.until, Sql::default()))
        .push(" OR ", [])
        .append(has(&care.until, Sql::of(" AND d.high >= ?", [low.into()])))
        .push(")))", [])
}

/// The statement with one condition more, where there is one.
pub(super) fn and(sql: Sql, condition: Option<Sql>) -> Sql {
    match condition {
        Some(condition) => sql.push(" AND ", []).append(condition),
        None => sql,
    }
}

/// A list of numbers; without any, one that nothing has.
pub(super) fn integers(mut numbers: Vec<i64>) -> Sql {
    if numbers.is_empty() {
        numbers.push(i64::MIN);
    }
    Sql::list(numbers.into_iter().map(Bind::from).collect())
}
