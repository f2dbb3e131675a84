//! What a record leads to, as SQL. <https://hl7.org/fhir/R4/patient-operation-everything.html>
//!
//! Linked are the resources outside of every compartment to which the record's own point; in one step more, where such
//! a one only says who or where (a role, a location), the people and places to which it points; and the groups that
//! list the patient and the patients that are linked with them, which are no part of their record.
//!
//! One who is held to patients sees of a type what their records point to, which is the first step: the second leads
//! such a caller to the types alone of which they see everything.

use crate::fhir::ResourceType;
use crate::search::plan::record::Record;
use crate::search::plan::record::and;
use crate::search::plan::record::integers;
use crate::search::plan::record_query::Focus;
use crate::search::plan::record_query::patient_type;
use crate::search::plan::scope::Scope;
use crate::search::plan::scope::texts;
use crate::search::restriction::Visible;
use crate::search::sql::Sql;

/// From what a second step is taken.
const FROM: [&str; 6] =
    ["Device", "Location", "Medication", "Organization", "Practitioner", "PractitionerRole"];
/// To what it leads.
const TO: [&str; 5] = ["Location", "Medication", "Organization", "Practitioner", "PractitionerRole"];

impl Record<'_> {
    /// `, link AS (…)`: the types and ids to which the own resources point; and `, near AS (…)`: the rows of those from
    /// which a second step is taken.
    pub(super) fn with_links(&self) -> Sql {
        let types = self.stepped_on();
        let sql =
            Sql::of(", link AS MATERIALIZED (SELECT DISTINCT f.target_type, f.target_id FROM own o ", [])
                .push("CROSS JOIN idx_reference f WHERE ", [])
                .in_time("o")
                .push("f.rid = o.rid", [])
                .append(self.link_visible(&types))
                .push(" AND f.target_type IN (", [])
                .append(numbers(&types))
                .push("))", []);
        if self.second_types().is_empty() {
            return sql;
        }
        sql.push(", near AS MATERIALIZED (SELECT v.rid FROM (SELECT (", [])
            .append(self.found())
            .push(") AS rid FROM link t WHERE t.target_type IN (", [])
            .append(numbers(&self.seen_of(&FROM)))
            .push(")", [])
            .limit(i64::MAX)
            .push(") v WHERE v.rid IS NOT NULL)", [])
    }

    /// A page of what is linked. Each target is looked up by itself, whatever a planner thinks of their number; the
    /// limit without limit keeps that from being done again wherever its result is named.
    pub(super) fn linked_page(&self, after: i64, limit: i64) -> Sql {
        let targets = Sql::of("SELECT (", [])
            .append(and(self.found(), self.since()))
            .push(") AS rid FROM (", [])
            .append(self.targets())
            .push(") t", [])
            .limit(i64::MAX);
        let rows = match self.beside() {
            Some(beside) => {
                Sql::of("SELECT w.rid FROM (", []).append(targets).push(") w UNION ", []).append(beside)
            }
            None => targets,
        };
        Sql::of("SELECT v.rid, v.rid AS k FROM (", [])
            .append(rows)
            .push(") v WHERE v.rid > ?", [after.into()])
            .push(" AND v.rid NOT IN (SELECT o.rid FROM own o) ORDER BY v.rid", [])
            .limit(limit)
    }

    /// To what the own resources point, and what is a step further, each once.
    fn targets(&self) -> Sql {
        let sql = Sql::of("SELECT l.target_type, l.target_id FROM link l WHERE l.target_type IN (", [])
            .append(numbers(&self.linked_types()))
            .push(")", []);
        let second = self.second_types();
        if second.is_empty() {
            return sql;
        }
        sql.push(" UNION SELECT f.target_type, f.target_id FROM near n CROSS JOIN idx_reference f ", [])
            .push("WHERE f.rid = n.rid AND f.target_type IN (", [])
            .append(numbers(&second))
            .push(")", [])
    }

    /// The row of a target `t` that the caller may see.
    fn found(&self) -> Sql {
        let one = Sql::of("SELECT r0.rid FROM resource r0 WHERE r0.type = t.target_type ", [])
            .push("AND r0.id = t.target_id AND r0.deleted = 0", []);
        and(one, self.linked_visible(&self.stepped_on()))
    }

    /// The groups that list the patients, and the patients who are linked with them, whichever of the two says so.
    fn beside(&self) -> Option<Sql> {
        let Focus::Patients(patients) = &self.query.focus else { return None };
        let [group, patient] = ["Group", "Patient"].map(|name| self.seen_of(&[name]).pop());
        let types: Vec<ResourceType> =
            [group, patient].into_iter().flatten().filter(|ty| self.asks_for(*ty)).collect();
        let pointing = types.iter().filter_map(|ty| {
            let code = if *ty == patient_type() { "link" } else { "member" };
            self.seen.parameters.find(*ty, code).map(|parameter| parameter.kept_to(patient_type()))
        });
        let pointing: Vec<i64> = pointing.collect();
        let own = || [patient_type().number().into()];
        let sql = Sql::of("SELECT r0.rid FROM (SELECT f.rid FROM idx_reference f WHERE f.param IN (", [])
            .append(integers(pointing.clone()))
            .push(") AND f.target_type = ? AND f.target_id IN (", own())
            .append(texts(patients))
            .push(
                ") UNION SELECT r.rid FROM resource p CROSS JOIN idx_reference f CROSS JOIN resource r ",
                [],
            )
            .push("WHERE p.type = ? AND p.id IN (", own())
            .append(texts(patients))
            .push(") AND f.rid = p.rid AND f.target_type = ? AND f.param IN (", own())
            .append(integers(pointing))
            .push(") AND r.type = f.target_type AND r.id = f.target_id", [])
            .push(") e CROSS JOIN resource r0 WHERE ", [])
            .in_time("e")
            .push("r0.rid = e.rid AND r0.deleted = 0", []);
        let sql = and(and(sql, self.seen.visible_any(&types, &Scope::row(0))), self.since());
        (!types.is_empty()).then_some(sql)
    }

    /// What the caller sees of linked resources.
    fn linked_visible(&self, types: &[ResourceType]) -> Option<Sql> {
        if !self.is_reach(types) {
            return self.seen.visible_any(types, &Scope::row(0));
        }
        // What is pointed to may be kept from the patients itself.
        let is_told = |ty: &ResourceType| matches!(self.seen.restriction.of(*ty), Visible::Patients(_));
        let kept = "NOT EXISTS (SELECT 1 FROM not_for_patient g WHERE g.rid = r0.rid)";
        types.iter().any(is_told).then(|| Sql::of(kept, []))
    }

    /// The condition on a reference by which one who is held to patients sees what it points to.
    fn link_visible(&self, types: &[ResourceType]) -> Sql {
        let open: Vec<ResourceType> = types.iter().copied().filter(|ty| self.is_open(*ty)).collect();
        if !self.is_reach(types) || open.len() == types.len() {
            return Sql::default();
        }
        Sql::of(" AND (f.param <> 0 OR f.target_type IN (", []).append(numbers(&open)).push("))", [])
    }

    /// Whether the caller sees of each of these types everything, or what the record's own resources point to by a
    /// parameter: one who is held to patients sees that of these patients' resources, and all that is the record's
    /// own is theirs.
    fn is_reach(&self, types: &[ResourceType]) -> bool {
        let of = |ty: &ResourceType| self.seen.restriction.of(*ty);
        let own = self.own_types();
        let mut reach = own.iter().map(of).filter(|visible| **visible != Visible::Nothing);
        let held = reach.next().filter(|first| **first != Visible::All && reach.all(|other| other == *first));
        types.iter().map(of).all(|visible| *visible == Visible::All || Some(visible) == held)
    }

    /// The types outside of every compartment that are asked for and of which the caller sees anything.
    fn linked_types(&self) -> Vec<ResourceType> {
        let outside = |ty: &ResourceType| self.seen.parameters.compartment(*ty).is_none();
        let seen = |ty: &ResourceType| *self.seen.restriction.of(*ty) != Visible::Nothing;
        ResourceType::all().filter(outside).filter(|ty| self.asks_for(*ty)).filter(seen).collect()
    }

    /// The types to which the second step leads.
    fn second_types(&self) -> Vec<ResourceType> {
        let asked = self.seen_of(&TO).into_iter().filter(|ty| self.asks_for(*ty));
        asked.filter(|ty| self.is_open(*ty)).collect()
    }

    /// The types to which the first step leads, for themselves or for the second.
    fn stepped_on(&self) -> Vec<ResourceType> {
        let mut types = self.linked_types();
        if !self.second_types().is_empty() {
            let more = self.seen_of(&FROM).into_iter().filter(|ty| !types.contains(ty));
            types.extend(more.collect::<Vec<_>>());
        }
        types
    }

    /// Those of these types of which the caller sees anything.
    fn seen_of(&self, names: &[&str]) -> Vec<ResourceType> {
        let types = names.iter().filter_map(|name| ResourceType::parse(name));
        types.filter(|ty| *self.seen.restriction.of(*ty) != Visible::Nothing).collect()
    }

    fn asks_for(&self, ty: ResourceType) -> bool {
        self.query.types.is_empty() || self.query.types.contains(&ty)
    }

    fn is_open(&self, ty: ResourceType) -> bool {
        *self.seen.restriction.of(ty) == Visible::All
    }
}

fn numbers(types: &[ResourceType]) -> Sql {
    integers(types.iter().map(|ty| ty.number()).collect())
}
