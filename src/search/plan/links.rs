//! Conditions on what a resource points to, or on what points to it, as SQL about one row.
//! <https://hl7.org/fhir/R4/search.html#chaining>
//!
//! A chain is evaluated inside contained resources too, as R4 has it: a reference by fragment leads to what stands in
//! the same resource. Where a parameter finds canonicals, it leads to what is published under their URLs (see
//! `canonical`). So a step has up to three ways. What is asked at the end of a chain is asked on each of them, with the
//! numbers that the index has for it; but what leads further on is asked once, of the rows of all ways together, under
//! the numbers of either kind: else a statement would double with each step, and PostgreSQL plan it for minutes.

use std::borrow::Cow;

use crate::fhir::ResourceType;
use crate::search::contained;
use crate::search::parameter::Parameter;
use crate::search::plan::scope::END;
use crate::search::plan::scope::Scope;
use crate::search::plan::scope::Seen;
use crate::search::query::Criterion;
use crate::search::query::Test;
use crate::search::sql::Sql;

/// One way along a reference, from a row to others.
pub(super) struct Way<'a> {
    /// The tables, and the conditions by which they lead on.
    pub(super) from: Sql,
    /// The row to which they lead.
    pub(super) target: Scope,
    /// What must hold of it.
    pub(super) inner: Cow<'a, Criterion>,
    /// What the caller may see of it, where that is not all.
    pub(super) visible: Option<Sql>,
    /// What holds where there is anything on this way at all.
    pub(super) open: Option<Sql>,
}

impl Seen<'_> {
    /// What the reference points to, and what it says of itself, meets the criterion: a visible resource of the type, or
    /// one that stands in the same resource.
    pub(super) fn leads_to(&self, param: i64, end: (ResourceType, &Criterion), scope: &Scope) -> Sql {
        let by_reference = self.leads_by_reference(param);
        let own = by_reference.then(|| self.points_to(param, end, scope));
        let inside = by_reference.then(|| self.points_inside(param, end, scope)).flatten();
        self.ends([own, inside, self.names(param, end, scope)], end.1)
    }

    /// The numbers under which rows of this kind have a parameter's references to resources of the type.
    pub(super) fn kept_to(&self, param: i64, ty: ResourceType, scope: &Scope) -> Vec<i64> {
        match scope.is_either() {
            true => self.parameters.kept_inside(param, ty),
            false => self.parameters.kept_to(param, ty),
        }
    }

    /// Whether a parameter finds references by type and id, or by a fragment.
    pub(super) fn leads_by_reference(&self, param: i64) -> bool {
        self.parameters.by_number(param).is_none_or(Parameter::has_references)
    }

    fn points_to<'a>(
        &self,
        param: i64,
        (ty, inner): (ResourceType, &'a Criterion),
        scope: &Scope,
    ) -> Way<'a> {
        let target = Scope::row(scope.depth + 1);
        let link = format!("c{}", target.depth);
        let sql = Sql::of("idx_reference ", []).name(link.clone());
        let sql = sql.push(" CROSS JOIN resource ", []).name(target.alias.clone()).push(" WHERE ", []);
        let sql = sql.name(link.clone()).push(".rid = ", []).append(scope.column("rid")).push(" AND ", []);
        let sql =
            sql.name(link.clone()).append(scope.by_row(self.kept_to(param, ty, scope))).push(" AND ", []);
        let sql = sql.name(link.clone()).push(".target_type = ? AND ", [ty.number().into()]);
        let sql = sql.append(target.column("type")).push(" = ? AND ", [ty.number().into()]);
        let sql = sql.append(target.column("id")).push(" = ", []).name(link).push(".target_id", []);
        let sql = match has_rows(inner) {
            // PostgreSQL reads the row in any case, and without this begins elsewhere.
            true => sql.push(" AND ", []).name(target.alias.clone()).either(".rid <> 0", ".deleted = 0"),
            false => sql.push(" AND ", []).append(target.column("deleted")).push(" = 0", []),
        };
        let visible = self.visible(ty, &target);
        Way { from: sql, target, inner: Cow::Borrowed(inner), visible, open: None }
    }

    /// To a contained resource of the type, to which the reference points by its fragment. Whoever sees the resource sees
    /// what stands in it. Where nothing of the type is contained anywhere, no row is looked at.
    fn points_inside(
        &self,
        param: i64,
        (ty, inner): (ResourceType, &Criterion),
        scope: &Scope,
    ) -> Option<Way<'static>> {
        let inner = Cow::Owned(of_neighbour(inner)?);
        let target = Scope::inside(scope.depth + 1);
        let link = format!("c{}", target.depth);
        let column = |name: &'static str| Sql::default().name(link.clone()).push(name, []);
        let open = Sql::of("EXISTS (SELECT 1 FROM contained z WHERE z.type = ?", [ty.number().into()]);
        let open = Some(open.push(END, []));
        let sql = Sql::of("idx_reference ", []).name(link.clone());
        let sql = sql.push(" CROSS JOIN contained ", []).name(target.alias.clone()).push(" WHERE ", []);
        let sql = sql.append(column(".rid = ")).append(scope.column("rid")).push(" AND ", []);
        let params = self.parameters.kept_inside(param, ty);
        let sql = sql.name(link.clone()).append(scope.by_row(params)).push(" AND ", []);
        let number = contained::target(ty.number());
        let sql = sql.append(column(".target_type = ")).push("? AND ", [number.into()]);
        let sql = sql.append(target.column("type")).push(" = ? AND ", [ty.number().into()]);
        let sql = sql.append(target.container()).push(" = ", []).append(scope.container()).push(" AND ", []);
        let sql = sql.append(target.column("id")).push(" = ", []).append(column(".target_id"));
        Some(Way { from: sql, target, inner, visible: None, open })
    }

    /// A visible resource of the type, which points here, meets the criterion.
    pub(super) fn is_led_to(
        &self,
        source: ResourceType,
        param: i64,
        inner: &Criterion,
        scope: &Scope,
    ) -> Sql {
        let own = self.leads_by_reference(param).then(|| self.is_pointed_to(source, param, inner, scope));
        self.ends([own, self.is_named(source, param, inner, scope), None], inner)
    }

    fn is_pointed_to<'a>(
        &self,
        source: ResourceType,
        param: i64,
        inner: &'a Criterion,
        scope: &Scope,
    ) -> Way<'a> {
        let depth = scope.depth + 1;
        let needs_row = leads_on(inner) || self.needs_row_of(source, std::slice::from_ref(inner));
        let from = if needs_row { Scope::row(depth) } else { Scope::found(depth) };
        let link = if needs_row { format!("c{depth}") } else { from.alias.clone() };
        let sql = Sql::of("idx_reference ", []).name(link.clone());
        let sql = match needs_row {
            true => sql.push(" CROSS JOIN resource ", []).name(from.alias.clone()),
            false => sql,
        };
        let sql = sql.push(" WHERE ", []).in_time(link.clone());
        let params = from.numbered(self.parameters.kept(param));
        let sql = sql.name(link.clone()).push(".param", []).append(params).push(" AND ", []);
        let sql =
            sql.name(link.clone()).push(".target_type = ", []).append(scope.column("type")).push(" AND ", []);
        let sql = sql.name(link.clone()).push(".target_id = ", []).append(scope.column("id"));
        // What is deleted refers to nothing.
        let sql = match needs_row {
            true => {
                sql.push(" AND ", []).append(from.column("rid")).push(" = ", []).name(link).push(".rid", [])
            }
            false => sql,
        };
        let visible = self.visible(source, &from);
        Way { from: sql, target: from, inner: Cow::Borrowed(inner), visible, open: None }
    }

    /// One of the ways leads to what meets the criterion; of none, nothing does.
    fn ends(&self, ways: [Option<Way>; 3], inner: &Criterion) -> Sql {
        let ways: Vec<Way> = ways.into_iter().flatten().collect();
        if ways.len() > 1 && leads_on(inner) {
            return self.together(ways, inner);
        }
        let mut each: Vec<Sql> = ways.into_iter().map(|way| self.alone(way)).collect();
        match (each.len(), each.pop()) {
            (_, None) => Sql::of("1 = 0", []),
            (1, Some(only)) => only,
            (_, Some(last)) => {
                each.push(last);
                Sql::of("(", []).append(Sql::join(each, " OR ")).push(")", [])
            }
        }
    }

    fn alone(&self, way: Way) -> Sql {
        let holds = self.holds(&way.inner, &way.target);
        let sql = Sql::of("EXISTS (SELECT 1 FROM ", []).append(way.from).push(" AND ", []).append(holds);
        let sql = and(sql, way.visible).push(END, []);
        match way.open {
            Some(open) => Sql::of("(", []).append(open).push(" AND ", []).append(sql).push(")", []),
            None => sql,
        }
    }

    /// The ways as one source of rows, about which what follows is asked once. The offset keeps both databases from
    /// asking it of each way by itself.
    fn together(&self, ways: Vec<Way>, inner: &Criterion) -> Sql {
        let depth = ways.first().map_or(0, |way| way.target.depth);
        let is_mixed = ways.iter().any(|way| way.target.is_inside());
        let target = if is_mixed { Scope::either(depth) } else { Scope::row(depth) };
        let each = ways.into_iter().map(|way| {
            let sql = Sql::of("SELECT ", []).append(way.target.columns()).push(" FROM ", []).append(way.from);
            and(and(sql, way.visible), way.open)
        });
        let sql = Sql::of("EXISTS (SELECT 1 FROM (", []).append(Sql::join(each, " UNION ALL "));
        let sql = sql.either(" LIMIT -1 OFFSET 0) ", " OFFSET 0) ").name(target.alias.clone());
        sql.push(" WHERE ", []).append(self.holds(inner, &target)).push(END, [])
    }
}

fn and(sql: Sql, condition: Option<Sql>) -> Sql {
    match condition {
        Some(condition) => sql.push(" AND ", []).append(condition),
        None => sql,
    }
}

/// Whether only what has rows in an index meets a criterion, so that it is not deleted.
fn has_rows(criterion: &Criterion) -> bool {
    if criterion.negated {
        return false;
    }
    match &criterion.test {
        Test::Index(_) | Test::Chain(..) | Test::Tree(_) => true,
        Test::All(parts) => parts.iter().any(has_rows),
        Test::Any(parts) => !parts.is_empty() && parts.iter().all(has_rows),
        Test::Id(_) | Test::Updated(_) | Test::Has(..) | Test::Words(_) => false,
    }
}

/// Whether a criterion is about what stands further on.
pub(super) fn leads_on(criterion: &Criterion) -> bool {
    match &criterion.test {
        Test::Chain(..) | Test::Has(..) => true,
        Test::All(parts) | Test::Any(parts) => parts.iter().any(leads_on),
        Test::Id(_) | Test::Updated(_) | Test::Index(_) | Test::Tree(_) | Test::Words(_) => false,
    }
}

/// A condition on the end of a reference, as one on what stands in the same resource. An id there is a fragment's: who
/// asks for a resource's id does not mean it.
pub(super) fn of_neighbour(inner: &Criterion) -> Option<Criterion> {
    fn names_ids(criterion: &Criterion) -> bool {
        match &criterion.test {
            Test::Id(_) => true,
            Test::All(parts) | Test::Any(parts) => parts.iter().any(names_ids),
            Test::Index(_) | Test::Updated(_) | Test::Chain(..) | Test::Has(..) | Test::Tree(_) => false,
            Test::Words(_) => false,
        }
    }
    inner.of_contained().filter(|inner| !names_ids(inner))
}
