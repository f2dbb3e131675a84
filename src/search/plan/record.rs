//! Everything that belongs to a patient, an encounter or an episode of care, as SQL.
//! <https://hl7.org/fhir/R4/patient-operation-everything.html>
//!
//! A record has two parts. Its own resources are those in the patient's compartment, with those of other types that
//! name the patient (a Task); of an encounter or episode, those that point to it and what these point to in the same
//! patient's compartment. Linked are the resources outside of every compartment to which its own point, such as
//! practitioners. A part is walked by row numbers, which never change, so that nothing is repeated or skipped while
//! others write; and as what is hidden from the caller is no part of it, nothing is linked by what is hidden.

use crate::fhir::ResourceType;
use crate::fhir::datetime::Micros;
use crate::fhir::datetime::Span;
use crate::search::parameter::Kind;
use crate::search::parameter::Parameters;
use crate::search::plan::scope::Scope;
use crate::search::plan::scope::Seen;
use crate::search::plan::scope::texts;
use crate::search::restriction::Restriction;
use crate::search::restriction::Visible;
use crate::search::rows::ANY_ELEMENT;
use crate::search::sql::Bind;
use crate::search::sql::Sql;

/// What a record is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Focus {
    /// Patients, by id.
    Patients(Vec<String>),
    /// A resource of a patient's, such as an encounter.
    Resource(ResourceType, String),
}

/// One page of a record.
#[derive(Clone, Debug)]
pub struct RecordQuery {
    /// What it is about.
    pub focus: Focus,
    /// Only resources of these types; all where empty.
    pub types: Vec<ResourceType>,
    /// Only resources written at this time or later.
    pub since: Option<Micros>,
    /// Only care of this time.
    pub care: Option<Care>,
    /// How many resources a page has at most.
    pub count: u32,
    /// Where the page begins.
    pub after: Place,
}

/// Which care is asked for: when, and by the numbers of which date parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Care {
    /// When.
    pub span: Span,
    /// Dates of what happens at or during them.
    pub at: Vec<i64>,
    /// Dates from which on something holds.
    pub from: Vec<i64>,
    /// Dates until which it holds.
    pub until: Vec<i64>,
}

/// A part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What belongs to it.
    Own,
    /// What that points to.
    Linked,
}

/// Where a page ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// In which part.
    pub part: Part,
    /// After which key: see [`RecordQuery::key`].
    pub key: i64,
}

impl Place {
    /// Before everything.
    pub const START: Place = Place { part: Part::Own, key: -1 };
}

impl RecordQuery {
    /// By what a resource's place in its part goes: its row number, but what the record is about comes first.
    pub fn key(&self, ty: ResourceType, id: &str, rid: i64) -> i64 {
        match self.first() {
            Some((first, own)) if first == ty && own == id => 0,
            Some(_) | None => rid,
        }
    }

    fn first(&self) -> Option<(ResourceType, &str)> {
        match &self.focus {
            Focus::Patients(patients) => match patients.as_slice() {
                [patient] => Some((patient_type(), patient)),
                _ => None,
            },
            Focus::Resource(ty, id) => Some((*ty, id)),
        }
    }
}

/// The resources of one part after a key, as many as are asked for: in the columns of a search's page.
pub fn record_plan(
    parameters: &Parameters,
    query: &RecordQuery,
    (after, limit): (Place, i64),
    restriction: &Restriction,
) -> Sql {
    let record = Record { seen: Seen { parameters, restriction }, query };
    let rows = match after.part {
        Part::Own => record.own_page(after.key, limit),
        Part::Linked => record.linked_page(after.key, limit),
    };
    record
        .with_own()
        .push(" SELECT r.rid, r.type, r.id, r.version, r.updated, r.body FROM (", [])
        .append(rows)
        .push(") q CROSS JOIN resource r WHERE r.rid = q.rid ORDER BY q.k", [])
}

struct Record<'a> {
    seen: Seen<'a>,
    query: &'a RecordQuery,
}

impl Record<'_> {
    /// `WITH own AS (…)`: the rows of the record's own resources, with their types and keys.
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
            Some((ty, patient.number))
        })
    }

    fn pointing_to(&self, ty: ResourceType, id: &str) -> Sql {
        let parameters = self.seen.parameters;
        let own = self.own_types();
        let all = own.iter().flat_map(|from| parameters.of(*from));
        let pointing = all.filter(|one| one.kind == Kind::Reference && one.path.is_some());
        let pointing = pointing.filter(|one| one.target.is_empty() || one.target.contains(&ty));
        let numbers = pointing.map(|one| one.number).chain([ANY_ELEMENT]).collect();
        let target = || [ty.number().into(), id.into()];
        Sql::of("SELECT r.rid FROM resource r WHERE r.type = ? AND r.id = ?", target())
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

    /// Of these rows those that the caller may see, and that are care of the time asked for.
    fn visible(&self, rows: Sql) -> Sql {
        let row = Scope::row(0);
        let sql = Sql::of("SELECT r0.rid AS rid, r0.type AS type, r0.updated AS updated, ", [])
            .append(self.key())
            .push(" AS k FROM (", [])
            .append(rows)
            .push(") c CROSS JOIN resource r0 WHERE r0.rid = c.rid AND r0.deleted = 0", []);
        let sql = and(sql, self.seen.visible_any(&self.own_types(), &row));
        and(sql, self.query.care.as_ref().map(in_care))
    }

    fn key(&self) -> Sql {
        match self.query.first() {
            Some((ty, id)) => Sql::of(
                "CASE WHEN r0.type = ? AND r0.id = ? THEN 0 ELSE r0.rid END",
                [ty.number().into(), id.into()],
            ),
            None => Sql::of("r0.rid", []),
        }
    }

    /// The types that a record's own resources may have.
    fn own_types(&self) -> Vec<ResourceType> {
        let parameters = self.seen.parameters;
        let inside = ResourceType::all().filter(|ty| parameters.compartment(*ty).is_some());
        inside.chain(self.naming_patients().map(|(ty, _)| ty)).collect()
    }

    fn own_page(&self, after: i64, limit: i64) -> Sql {
        let mut sql = Sql::of("SELECT o.rid, o.k FROM own o WHERE o.k > ?", [after.into()]);
        if !self.query.types.is_empty() {
            let types = self.query.types.iter().map(|ty| ty.number()).collect();
            sql = sql.push(" AND o.type IN (", []).append(integers(types)).push(")", []);
        }
        if let Some(since) = self.query.since {
            sql = sql.push(" AND o.updated >= ?", [since.into()]);
        }
        sql.push(" ORDER BY o.k LIMIT ?", [limit.into()])
    }

    fn linked_page(&self, after: i64, limit: i64) -> Sql {
        let types = self.linked_types();
        let numbers = types.iter().map(|ty| ty.number()).collect();
        let sql = Sql::of("SELECT r0.rid AS rid, r0.rid AS k FROM (SELECT DISTINCT f.target_type, ", [])
            .push("f.target_id FROM own o CROSS JOIN idx_reference f WHERE f.rid = o.rid ", [])
            .push("AND f.target_type IN (", [])
            .append(integers(numbers))
            .push(")) l CROSS JOIN resource r0 WHERE r0.type = l.target_type AND r0.id = l.target_id ", [])
            .push("AND r0.deleted = 0 AND r0.rid > ?", [after.into()])
            .push(" AND r0.rid NOT IN (SELECT o.rid FROM own o)", []);
        let sql = and(sql, self.seen.visible_any(&types, &Scope::row(0)));
        let sql = match self.query.since {
            Some(since) => sql.push(" AND r0.updated >= ?", [since.into()]),
            None => sql,
        };
        sql.push(" ORDER BY r0.rid LIMIT ?", [limit.into()])
    }

    /// The types outside of every compartment that are asked for and of which the caller sees anything.
    fn linked_types(&self) -> Vec<ResourceType> {
        let asked = |ty: &ResourceType| self.query.types.is_empty() || self.query.types.contains(ty);
        let outside = |ty: &ResourceType| self.seen.parameters.compartment(*ty).is_none();
        let seen = |ty: &ResourceType| *self.seen.restriction.of(*ty) != Visible::Nothing;
        ResourceType::all().filter(outside).filter(asked).filter(seen).collect()
    }
}

/// Care of the time asked for: at a date within it, or holding at some time of it; and what has no date of care.
fn in_care(care: &Care) -> Sql {
    let has = |numbers: &[i64], more: Sql| {
        Sql::of("EXISTS (SELECT 1 FROM idx_date d WHERE d.rid = r0.rid AND d.param IN (", [])
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

fn and(sql: Sql, condition: Option<Sql>) -> Sql {
    match condition {
        Some(condition) => sql.push(" AND ", []).append(condition),
        None => sql,
    }
}

/// A list of numbers; without any, one that nothing has.
fn integers(mut numbers: Vec<i64>) -> Sql {
    if numbers.is_empty() {
        numbers.push(i64::MIN);
    }
    Sql::list(numbers.into_iter().map(Bind::from).collect())
}

fn patient_type() -> ResourceType {
    ResourceType::parse("Patient").expect("Patient is a type of R4")
}
