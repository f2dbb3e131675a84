//! A reference into a hierarchy: the resources are found from the named ones on, each once, so that a ring has an end.
//! <https://hl7.org/fhir/R4/search.html#recursive>
//!
//! One resource leads to the next only where the caller may see the one that names the other as its whole: else a search
//! would tell how what is hidden belongs together. The list does not depend on the row that is looked at, and both
//! databases make it once for a search.

use crate::search::plan::scope::END;
use crate::search::plan::scope::Scope;
use crate::search::plan::scope::Seen;
use crate::search::plan::scope::texts;
use crate::search::query::Tree;
use crate::search::sql::Sql;

impl Seen<'_> {
    /// A reference of the row points into the hierarchy.
    pub(super) fn points_into(&self, tree: &Tree, scope: &Scope) -> Sql {
        let sql =
            Sql::of("EXISTS (SELECT 1 FROM idx_reference x WHERE x.rid = ", []).append(scope.column("rid"));
        sql.push(" AND x", [])
            .append(scope.by_row(self.parameters.kept(tree.param)))
            .append(self.end_in_tree("x", tree))
            .push(END, [])
    }

    /// The row of `idx_reference`, which is one of the resource's, points into the hierarchy.
    pub(super) fn in_tree(&self, alias: &'static str, tree: &Tree, scope: &Scope) -> Sql {
        let sql =
            Sql::of(alias, []).push(".param", []).append(scope.numbered(self.parameters.kept(tree.param)));
        sql.append(self.end_in_tree(alias, tree))
    }

    fn end_in_tree(&self, alias: &'static str, tree: &Tree) -> Sql {
        let column = |name: &'static str| Sql::of(alias, []).push(".", []).push(name, []);
        let sql = Sql::of(" AND ", []).append(column("target_type"));
        let sql = sql.push(" = ? AND (", [tree.ty.number().into()]);
        let sql =
            sql.append(column("target_id")).push(" IN (", []).append(texts(&tree.ids)).push(") OR ", []);
        let sql = sql.append(column("target_id")).push(" IN (WITH RECURSIVE tree(id) AS (", []);
        sql.append(self.grown(tree)).push(") SELECT tree.id FROM tree))", [])
    }

    /// The ids of the hierarchy.
    fn grown(&self, tree: &Tree) -> Sql {
        // High enough that no alias of the search around it is meant.
        let part = Scope::row(90);
        let ty = || tree.ty.number().into();
        let start =
            Sql::of("SELECT s.id FROM resource s WHERE s.type = ? AND s.deleted = 0 AND s.id IN (", [ty()]);
        let sql = start.append(texts(&tree.ids)).push(") UNION SELECT ", []);
        let sql = if tree.upwards {
            let links = "p.target_id FROM tree CROSS JOIN resource r90 CROSS JOIN idx_reference p \
                         WHERE r90.type = ? AND r90.id = tree.id AND p.rid = r90.rid AND p.param = ? \
                         AND p.target_type = ?";
            sql.push(links, [ty(), tree.part_of.into(), ty()])
        } else {
            let links = "r90.id FROM tree CROSS JOIN idx_reference p CROSS JOIN resource r90 \
                         WHERE p.param = ? AND p.target_type = ? AND p.target_id = tree.id AND r90.rid = p.rid";
            sql.push(links, [tree.part_of.into(), ty()])
        };
        let sql = sql.push(" AND ", []).in_time("r90").push("r90.deleted = 0", []);
        match self.visible(tree.ty, &part) {
            Some(visible) => sql.push(" AND ", []).append(visible),
            None => sql,
        }
    }
}
