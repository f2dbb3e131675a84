//! What turned out to be a mistake, as SQL: left out of what goes with a page, and of the total of a whole type, which the
//! database keeps for all of it. <https://hl7.org/fhir/R4/search.html#count>

use crate::search::mistake;
use crate::search::plan::driver::of_rows;
use crate::search::plan::rows::Search;
use crate::search::plan::scope::Scope;
use crate::search::plan::scope::Seen;
use crate::search::plan::scope::has_row;
use crate::search::query::Test;
use crate::search::restriction::Visible;
use crate::search::sql::Sql;

impl Seen<'_> {
    /// The row is no mistake of a type of which these are left out.
    pub(super) fn meant(&self, scope: &Scope) -> Option<Sql> {
        let mistake = has_row(&mistake::rows(self.parameters)?, scope);
        Some(Sql::of("NOT ", []).append(mistake))
    }
}

impl Search<'_> {
    /// How many of a type there are but the mistakes, where nothing else is asked: the mistakes, which are few, are
    /// counted, and not the type.
    pub(super) fn total_but_mistakes(&self) -> Option<Sql> {
        let [only] = self.query.criteria.as_slice() else { return None };
        let is_whole = self.query.compartment.is_none()
            && *self.seen.restriction.of(self.query.ty) == Visible::All
            && mistake::are_left_out(self.query.ty);
        let rows = mistake::rows(self.seen.parameters).filter(|_| is_whole && only.negated)?;
        let found = of_rows(&self.seen, &rows)?;
        if only.test != Test::Index(rows) {
            return None;
        }
        let sql = Sql::of(
            "SELECT CAST(coalesce(sum(l.resources), 0) - (SELECT count(*) FROM (SELECT DISTINCT d0.rid FROM ",
            [],
        );
        let sql = sql.append(found.from).push(" WHERE ", []).append(found.filter);
        let rest = ") m) AS BIGINT) AS n FROM live l WHERE l.type = ?";
        Some(sql.push(rest, [self.query.ty.number().into()]))
    }
}
