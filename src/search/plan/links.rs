//! Conditions on what a resource points to, or on what points to it, as SQL about one row.
//! <https://hl7.org/fhir/R4/search.html#chaining>
//!
//! A chain is evaluated inside contained resources too, as R4 has it: a reference by fragment leads to what stands in
//! the same resource. Where a parameter finds canonicals, it leads to what is published under their URLs (see
//! `canonical`); one that finds nothing else, such as `questionnaire`, has no other way, so that what a chain of such
//! steps asks is written once for each.

use crate::fhir::ResourceType;
use crate::search::contained;
use crate::search::parameter::Parameter;
use crate::search::plan::scope::END;
use crate::search::plan::scope::Scope;
use crate::search::plan::scope::Seen;
use crate::search::query::Criterion;
use crate::search::query::Test;
use crate::search::sql::Sql;

impl Seen<'_> {
    /// What the reference points to, and what it says of itself, meets the criterion: a visible resource of the type, or
    /// one that stands in the same resource.
    pub(super) fn leads_to(&self, param: i64, end: (ResourceType, &Criterion), scope: &Scope) -> Sql {
        let by_reference = self.leads_by_reference(param);
        let own = by_reference.then(|| self.points_to(param, end, scope));
        let inside = by_reference.then(|| self.points_inside(param, end, scope)).flatten();
        either([own, inside, self.names(param, end, scope)])
    }

    /// Whether a parameter finds references by type and id, or by a fragment.
    pub(super) fn leads_by_reference(&self, param: i64) -> bool {
        self.parameters.by_number(param).is_none_or(Parameter::has_references)
    }

    fn points_to(&self, param: i64, (ty, inner): (ResourceType, &Criterion), scope: &Scope) -> Sql {
        let target = Scope::row(scope.depth + 1);
        let link = format!("c{}", target.depth);
        let sql = Sql::of("EXISTS (SELECT 1 FROM idx_reference ", []).name(link.clone());
        let sql = sql.push(" CROSS JOIN resource ", []).name(target.alias.clone()).push(" WHERE ", []);
        let sql = sql.name(link.clone()).push(".rid = ", []).append(scope.column("rid")).push(" AND ", []);
        let sql = sql.name(link.clone()).push(".param = ? AND ", [param.into()]);
        let sql = sql.name(link.clone()).push(".target_type = ? AND ", [ty.number().into()]);
        let sql = sql.append(target.column("type")).push(" = ? AND ", [ty.number().into()]);
        let sql = sql.append(target.column("id")).push(" = ", []).name(link).push(".target_id AND ", []);
        let sql =
            sql.append(target.column("deleted")).push(" = 0 AND ", []).append(self.holds(inner, &target));
        self.and_visible(sql, ty, &target).push(END, [])
    }

    /// A contained resource of the type, to which the reference points by its fragment, meets the criterion. Whoever sees
    /// the resource sees what stands in it. Where nothing of the type is contained anywhere, no row is looked at.
    fn points_inside(
        &self,
        param: i64,
        (ty, inner): (ResourceType, &Criterion),
        scope: &Scope,
    ) -> Option<Sql> {
        let inner = of_neighbour(inner)?;
        let target = Scope::inside(scope.depth + 1);
        let link = format!("c{}", target.depth);
        let column = |name: &'static str| Sql::default().name(link.clone()).push(name, []);
        let sql = Sql::of("(EXISTS (SELECT 1 FROM contained z WHERE z.type = ?", [ty.number().into()]);
        let sql = sql.push(END, []).push(" AND EXISTS (SELECT 1 FROM idx_reference ", []).name(link.clone());
        let sql = sql.push(" CROSS JOIN contained ", []).name(target.alias.clone()).push(" WHERE ", []);
        let sql = sql.append(column(".rid = ")).append(scope.column("rid")).push(" AND ", []);
        let sql = sql.append(column(".param = ")).push("? AND ", [param.into()]);
        let number = contained::target(ty.number());
        let sql = sql.append(column(".target_type = ")).push("? AND ", [number.into()]);
        let sql = sql.append(target.column("type")).push(" = ? AND ", [ty.number().into()]);
        let sql = sql.append(target.container()).push(" = ", []).append(scope.container()).push(" AND ", []);
        let sql =
            sql.append(target.column("id")).push(" = ", []).append(column(".target_id")).push(" AND ", []);
        Some(sql.append(self.holds(&inner, &target)).push(END, []).push(")", []))
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
        either([own, self.is_named(source, param, inner, scope), None])
    }

    fn is_pointed_to(&self, source: ResourceType, param: i64, inner: &Criterion, scope: &Scope) -> Sql {
        let from = Scope::row(scope.depth + 1);
        let link = format!("c{}", from.depth);
        let sql = Sql::of("EXISTS (SELECT 1 FROM idx_reference ", []).name(link.clone());
        let sql = sql.push(" CROSS JOIN resource ", []).name(from.alias.clone()).push(" WHERE ", []);
        let sql = sql.name(link.clone()).push(".param = ? AND ", [param.into()]);
        let sql =
            sql.name(link.clone()).push(".target_type = ", []).append(scope.column("type")).push(" AND ", []);
        let sql =
            sql.name(link.clone()).push(".target_id = ", []).append(scope.column("id")).push(" AND ", []);
        let sql = sql.append(from.column("rid")).push(" = ", []).name(link).push(".rid AND ", []);
        let sql = sql.append(from.column("deleted")).push(" = 0 AND ", []).append(self.holds(inner, &from));
        self.and_visible(sql, source, &from).push(END, [])
    }

    pub(super) fn and_visible(&self, sql: Sql, ty: ResourceType, scope: &Scope) -> Sql {
        match self.visible(ty, scope) {
            Some(visible) => sql.push(" AND ", []).append(visible),
            None => sql,
        }
    }
}

/// One of these holds; of none, nothing does.
fn either(ways: [Option<Sql>; 3]) -> Sql {
    let mut ways: Vec<Sql> = ways.into_iter().flatten().collect();
    match (ways.len(), ways.pop()) {
        (1, Some(only)) => only,
        (_, None) => Sql::of("1 = 0", []),
        (_, Some(last)) => {
            ways.push(last);
            Sql::of("(", []).append(Sql::join(ways, " OR ")).push(")", [])
        }
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
