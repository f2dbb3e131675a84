//! References by canonical URL, as SQL. <https://hl7.org/fhir/R4/references.html#canonical>
//!
//! A canonical points to whatever is published under its URL. The index has it with and without its version, and so it
//! has the URL: the ones without find one another, and those with it, where there are any, leave that version alone,
//! unless one without stands beside them, of which the index has a row of its own.
//! From either end that is a look-up in `idx_reference` and one in `idx_uri`, for each row.

use std::borrow::Cow;

use crate::fhir::ResourceType;
use crate::search::bearing::Nature;
use crate::search::canonical::ANY_VERSION;
use crate::search::parameter::Parameter;
use crate::search::plan::links::Way;
use crate::search::plan::scope::Scope;
use crate::search::plan::scope::Seen;
use crate::search::query::Criterion;
use crate::search::rows::ELSEWHERE;
use crate::search::sql::Bind;
use crate::search::sql::Sql;

impl Seen<'_> {
    /// To a visible resource of the type, which a canonical of the row names; none where the parameter finds no
    /// canonicals or nothing of the type is published under a URL.
    pub(super) fn names<'a>(
        &self,
        param: i64,
        (ty, inner): (ResourceType, &'a Criterion),
        scope: &Scope,
    ) -> Option<Way<'a>> {
        let canonical = self.named_under(param, scope.by_row([param]), &[ty])?;
        let target = Scope::row(scope.depth + 1);
        let sql = Sql::of("idx_reference f CROSS JOIN idx_uri u CROSS JOIN resource ", []);
        let sql = sql.name(target.alias.clone()).push(" WHERE f.rid = ", []).append(scope.column("rid"));
        let sql = sql.push(" AND ", []).append(canonical).push(" AND ", []);
        let sql = sql.append(target.column("rid")).push(" = u.rid AND ", []);
        let sql = sql.append(target.column("deleted")).push(" = 0", []);
        let visible = self.visible(ty, &target);
        Some(Way { from: sql, target, inner: Cow::Borrowed(inner), visible, open: None })
    }

    /// To a visible resource of the type, of which a canonical names the row.
    pub(super) fn is_named<'a>(
        &self,
        source: ResourceType,
        param: i64,
        inner: &'a Criterion,
        scope: &Scope,
    ) -> Option<Way<'a>> {
        let canonical = self.named_by(param, &self.targets(param))?;
        let from = Scope::row(scope.depth + 1);
        let sql = Sql::of("idx_uri u CROSS JOIN idx_reference f CROSS JOIN resource ", []);
        let sql = sql.name(from.alias.clone()).push(" WHERE ", []).in_time("f");
        let sql = sql.push("u.rid = ", []).append(scope.column("rid"));
        let sql = sql.push(" AND ", []).append(canonical).push(" AND ", []);
        let sql = sql.append(from.column("rid")).push(" = f.rid AND ", []);
        let sql = sql.append(from.column("deleted")).push(" = 0", []);
        let visible = self.visible(source, &from);
        Some(Way { from: sql, target: from, inner: Cow::Borrowed(inner), visible, open: None })
    }

    /// The canonical `f` of the parameter names `u`, the URL of a resource of these types.
    pub(super) fn named_by(&self, param: i64, types: &[ResourceType]) -> Option<Sql> {
        self.named_under(param, Sql::of(".param = ?", [param.into()]), types)
    }

    /// The same where the canonical stands under these numbers of the parameter, as `.param = ?`.
    pub(super) fn named_under(&self, param: i64, numbered: Sql, types: &[ResourceType]) -> Option<Sql> {
        self.parameters.by_number(param).filter(|parameter| parameter.has_canonicals())?;
        let sql = Sql::of("f", []).append(numbered);
        let sql = sql.push(" AND f.target_type = ? AND u.uri = f.target_id AND ", [ELSEWHERE.into()]);
        Some(sql.append(self.canonical(types)?))
    }

    /// The URL `u` is that of a resource of these types, in the version that the reference `f` names, if it names one;
    /// none where no canonical can point to them.
    pub(super) fn canonical(&self, types: &[ResourceType]) -> Option<Sql> {
        let numbers = |of: fn(&Parameter) -> i64| -> Vec<Bind> {
            let found = types.iter().filter_map(|ty| self.parameters.find(*ty, "url"));
            found.filter(|own| own.nature == Nature::Versioned).map(|own| of(own).into()).collect()
        };
        let (urls, versions) = (numbers(|own| own.number), numbers(|own| own.identifier_number));
        if urls.is_empty() {
            return None;
        }
        let named = "g.rid = f.rid AND g.param = f.param AND g.target_type = f.target_type AND g.target_id";
        let sql = Sql::of("u.param IN (", []).append(Sql::list(urls)).push(")", []);
        let sql = sql.push(" AND (NOT EXISTS (SELECT 1 FROM idx_reference g WHERE ", []).push(named, []);
        let sql = sql.push(" > f.target_id || '|' AND g.target_id < f.target_id || '}')", []);
        let sql = sql.push(" OR EXISTS (SELECT 1 FROM idx_uri v CROSS JOIN idx_reference g WHERE ", []);
        let sql = sql.push("v.rid = u.rid AND v.param IN (", []).append(Sql::list(versions));
        let sql = sql.push(") AND ", []).push(named, []).push(" = v.uri)", []);
        let beside = " OR EXISTS (SELECT 1 FROM idx_reference b WHERE b.rid = f.rid AND b.param = f.param \
                      AND b.target_type = ? AND b.target_id = f.target_id))";
        Some(sql.push(beside, [ANY_VERSION.into()]))
    }
}
