//! What goes with a page, as SQL: one statement for an include and a hop. <https://hl7.org/fhir/R4/search.html#include>
//!
//! What the rows point to is bounded by their own references: those are collected first, so that a target which
//! many of them share is looked at once. What points to the rows may be without end, so that it is narrowed to what
//! the caller may see row by row and the statement stops at its limit. Both begin at the rows: by their number in
//! the index of references the one way, by type and id the other.

use std::collections::BTreeSet;

use crate::fhir::ResourceType;
use crate::search::mistake;
use crate::search::parameter::Kind;
use crate::search::parameter::Parameters;
use crate::search::plan::scope::Scope;
use crate::search::plan::scope::Seen;
use crate::search::query::Include;
use crate::search::query::Way;
use crate::search::restriction::Restriction;
use crate::search::rows::ANY_ELEMENT;
use crate::search::rows::ELSEWHERE;
use crate::search::sql::Bind;
use crate::search::sql::Sql;

/// From how many rows a statement leads on at most that is kept prepared: making it takes longer than running it.
const KEPT: usize = 64;

/// One hop of an include.
#[derive(Clone, Copy, Debug)]
pub struct Hop<'a> {
    /// Which include.
    pub include: &'a Include,
    /// The rows from which it leads on; never none.
    pub from: &'a [i64],
    /// How many resources it brings at most.
    pub most: i64,
}

/// The resources to which a hop leads, in the columns of the page and without sort keys.
pub fn include_plan(parameters: &Parameters, hop: &Hop, restriction: &Restriction) -> Sql {
    let seen = Seen { parameters, restriction };
    let sql = match hop.include.way {
        Way::To => seen.pointed_to(hop),
        Way::From => seen.pointing(hop),
    }
    .push(" ORDER BY r0.rid", [])
    .limit(hop.most);
    // The row numbers of a page are padded to few lengths, so that statements repeat; of long lists few do.
    if hop.from.len() <= KEPT { sql } else { sql.volatile() }
}

impl Seen<'_> {
    fn pointed_to(&self, hop: &Hop) -> Sql {
        let include = hop.include;
        let targets = match (include.target, include.param) {
            (Some(target), _) => vec![target],
            (None, Some(param)) => self.targets(param),
            (None, None) => ResourceType::all().collect(),
        };
        let local = Sql::of("SELECT t.rid FROM idx_reference f CROSS JOIN resource t WHERE ", [])
            .append(self.rows_behind(hop))
            .push(" AND t.type = f.target_type AND t.id = f.target_id", []);
        let found = match self.canonical(&targets) {
            Some(canonical) => local
                .push(" UNION ALL SELECT u.rid FROM idx_reference f CROSS JOIN idx_uri u WHERE ", [])
                .append(self.rows_behind(hop))
                .push(" AND f.target_type = ? AND u.uri = f.target_id AND ", [ELSEWHERE.into()])
                .append(canonical),
            None => local,
        };
        let mut sql = Sql::of(
            "SELECT r0.rid, r0.type, r0.id, r0.version, r0.updated, r0.body FROM resource r0 WHERE r0.rid IN (",
            [],
        )
        .append(found)
        .push(") AND r0.deleted = 0", []);
        if let Some(target) = include.target {
            sql = sql.push(" AND r0.type = ?", [target.number().into()]);
        }
        let visible = self.visible_any(&targets, &Scope::row(0));
        let meant = targets.iter().any(|ty| mistake::are_left_out(*ty)).then(|| self.meant(&Scope::row(0)));
        visible.into_iter().chain(meant.flatten()).fold(sql, |sql, more| sql.push(" AND ", []).append(more))
    }

    fn pointing(&self, hop: &Hop) -> Sql {
        let include = hop.include;
        let references = include.references(self.parameters);
        let of_type = |param: Sql| Sql::of("f.param IN (", []).append(param).push(")", []);
        let numbers: BTreeSet<i64> =
            references.iter().flat_map(|one| self.parameters.kept(one.number)).collect();
        let params = of_type(Sql::list(numbers.into_iter().map(Bind::from).collect()));
        let mut targets: Vec<ResourceType> =
            references.iter().flat_map(|reference| self.targets(reference.number)).collect();
        targets.sort_unstable();
        targets.dedup();
        let local = Sql::of("SELECT f.rid FROM resource t CROSS JOIN idx_reference f WHERE t.rid IN (", [])
            .append(rids(hop))
            .push(") AND f.target_type = t.type AND f.target_id = t.id AND ", [])
            .append(params.clone());
        let found = match self.canonical(&targets) {
            Some(canonical) => local
                .push(
                    " UNION ALL SELECT f.rid FROM idx_uri u CROSS JOIN idx_reference f WHERE u.rid IN (",
                    [],
                )
                .append(rids(hop))
                .push(") AND f.target_type = ? AND f.target_id = u.uri AND ", [ELSEWHERE.into()])
                .append(params)
                .push(" AND ", [])
                .append(canonical),
            None => local,
        };
        let mut narrow = Sql::of("SELECT DISTINCT r1.rid AS rid FROM (", [])
            .append(found)
            .push(") p CROSS JOIN resource r1 WHERE ", [])
            .in_time("p")
            .push("r1.rid = p.rid AND r1.deleted = 0", []);
        let row = Scope::row(1);
        let sources = include.sources();
        let visible = match sources.as_slice() {
            [source] => self.visible(*source, &row),
            sources => self.visible_any(sources, &row),
        };
        let meant = sources.iter().any(|ty| mistake::are_left_out(*ty)).then(|| self.meant(&row));
        for more in visible.into_iter().chain(meant.flatten()) {
            narrow = narrow.push(" AND ", []).append(more);
        }
        Sql::of("SELECT r0.rid, r0.type, r0.id, r0.version, r0.updated, r0.body FROM (", [])
            .append(narrow)
            .limit(hop.most)
            .push(") q CROSS JOIN resource r0 WHERE r0.rid = q.rid", [])
    }

    /// The reference is one of the rows', and one that the include follows.
    fn rows_behind(&self, hop: &Hop) -> Sql {
        let sql = Sql::of("f.rid IN (", []).append(rids(hop)).push(")", []);
        if let Some(param) = hop.include.param {
            return sql.push(" AND f.param", []).append(Scope::row(0).numbered(self.parameters.kept(param)));
        }
        // What no search parameter covers is followed by no include, nor what not all that is stored has rows of.
        let sql = sql.push(" AND f.param <> ?", [ANY_ELEMENT.into()]);
        let all = ResourceType::all().flat_map(|ty| self.parameters.of(ty));
        let awaited = all.filter(|parameter| parameter.kind == Kind::Reference && !parameter.is_ready);
        awaited.fold(sql, |sql, parameter| sql.push(" AND f.param <> ?", [parameter.number.into()]))
    }
}

fn rids(hop: &Hop) -> Sql {
    Sql::list(hop.from.iter().map(|rid| (*rid).into()).collect())
}
