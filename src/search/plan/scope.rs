//! The conditions of a search, as SQL about one row.

use crate::fhir::ResourceType;
use crate::search::kinds;
use crate::search::parameter::Parameters;
pub(super) use crate::search::plan::row::Scope;
use crate::search::query::Condition;
use crate::search::query::Criterion;
use crate::search::query::Query;
use crate::search::query::Reach;
use crate::search::query::Rows;
use crate::search::query::Test;
use crate::search::restriction::Restriction;
use crate::search::restriction::Visible;
use crate::search::special;
use crate::search::sql::Bind;
use crate::search::sql::Sql;

/// Ends an `EXISTS`. The offset keeps PostgreSQL from making a join of it, whose order it would then choose, without
/// knowing the values that a prepared statement is run with: `Observation?patient=&code=` took 145 ms so and not 0.4.
/// With it the order is that of the statement, so that one plan serves all values, and none is made for each search,
/// which took 0.5 to 15 ms. To SQLite it means nothing.
pub(super) const END: &str = " LIMIT 1 OFFSET 0)";

/// What stands in the compartment is not kept from the patient.
const NOT_KEPT: &str = " AND NOT EXISTS (SELECT 1 FROM not_for_patient f WHERE f.rid = k.rid)";

/// How many values of one shape still make a statement that is worth keeping.
const FEW_VALUES: usize = 8;

/// What conditions are read against: the parameters, and what the caller may see.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    /// The search parameters.
    pub(super) parameters: &'a Parameters,
    /// What the caller may see.
    pub(super) restriction: &'a Restriction,
}

impl Seen<'_> {
    /// Whether a query asks for columns of the resource itself.
    pub(super) fn needs_row(&self, query: &Query) -> bool {
        self.needs_row_of(query.ty, &query.criteria)
    }

    /// Whether these conditions on a type, or what the caller may see of it, ask for columns of the resource itself.
    pub(super) fn needs_row_of(&self, ty: ResourceType, criteria: &[Criterion]) -> bool {
        let by_reference =
            self.restriction.of(ty).patients().is_some() && self.parameters.compartment(ty).is_none();
        by_reference || criteria.iter().any(of_row)
    }

    /// A criterion as a condition on the row.
    pub(super) fn holds(&self, criterion: &Criterion, scope: &Scope) -> Sql {
        let test = match &criterion.test {
            Test::Id(ids) => scope
                .column("id")
                .push(" IN (", [])
                .append(Sql::list(ids.iter().map(|id| id.as_str().into()).collect()))
                .push(")", []),
            Test::Updated(spans) => {
                let column = scope.column("updated");
                let each = spans
                    .iter()
                    .map(|(prefix, span)| special::updated(&column, *prefix, (span.low, span.high)));
                Sql::of("(", []).append(Sql::join(each, " OR ")).push(")", [])
            }
            Test::Index(rows) => has_row(rows, scope),
            Test::Chain(param, types) => {
                let each = types.iter().map(|(ty, inner)| self.leads_to(*param, (*ty, inner), scope));
                Sql::of("(", []).append(Sql::join(each, " OR ")).push(")", [])
            }
            Test::Has(source, param, inner) => self.is_led_to(*source, *param, inner, scope),
            Test::Tree(tree) => self.points_into(tree, scope),
            Test::Words(words) => words.hold(scope.column("rid")).push(END, []),
            Test::All(parts) if parts.is_empty() => Sql::of("(1 = 1)", []),
            Test::All(parts) => joined(parts.iter().map(|part| self.holds(part, scope)), " AND "),
            Test::Any(parts) => joined(parts.iter().map(|part| self.holds(part, scope)), " OR "),
        };
        if criterion.negated { Sql::of("NOT ", []).append(test) } else { test }
    }

    /// What the caller may see of a type, as a condition on a row of it; none where that is everything. A type
    /// that stands in no patient's compartment is seen where something in the patient's compartment points to it.
    pub(super) fn visible(&self, ty: ResourceType, scope: &Scope) -> Option<Sql> {
        match self.restriction.of(ty) {
            Visible::All => None,
            Visible::Nothing => Some(Sql::of("1 = 0", [])),
            Visible::Patients(patients) | Visible::Whole(patients) if patients.is_empty() => {
                Some(Sql::of("1 = 0", []))
            }
            visible @ (Visible::Patients(_) | Visible::Whole(_)) => {
                let inside = self.parameters.compartment(ty).is_some();
                Some(seen((visible, inside), Sql::of("?", [ty.number().into()]), scope))
            }
        }
    }

    /// The caller may see the resource in which the row of `contained` stands.
    pub(super) fn visible_container(&self, scope: &Scope) -> Option<Sql> {
        // High enough that no alias of the search around it is meant.
        let container = Scope::row(80);
        let all: Vec<ResourceType> = ResourceType::all().collect();
        let visible = self.visible_any(&all, &container)?;
        let sql = Sql::of("EXISTS (SELECT 1 FROM resource ", []).name(container.alias.clone());
        let sql = sql.push(" WHERE ", []).append(container.column("rid")).push(" = ", []);
        Some(sql.append(scope.container()).push(" AND ", []).append(visible).push(END, []))
    }

    /// The same for a row of any of the types, with one condition for all that are seen in the same way.
    pub(super) fn visible_any(&self, types: &[ResourceType], scope: &Scope) -> Option<Sql> {
        // An element may name other types than its parameter does: what the parameter's types allow says nothing of them.
        if ResourceType::all().all(|ty| *self.restriction.of(ty) == Visible::All) {
            return None;
        }
        let mut groups: Vec<((&Visible, bool), Vec<Bind>)> = Vec::new();
        for ty in types {
            let way = (self.restriction.of(*ty), self.parameters.compartment(*ty).is_some());
            match groups.iter_mut().find(|(other, _)| *other == way) {
                Some((_, group)) => group.push(ty.number().into()),
                None => groups.push((way, vec![ty.number().into()])),
            }
        }
        let each = groups.into_iter().filter_map(|((visible, inside), group)| {
            let of_type =
                Sql::of("(", []).append(scope.column("type")).push(" IN (", []).append(Sql::list(group));
            let of_type = of_type.push(")", []);
            match visible {
                Visible::All => Some(of_type.push(")", [])),
                Visible::Patients(patients) | Visible::Whole(patients) if !patients.is_empty() => {
                    let seen = seen((visible, inside), scope.column("type"), scope);
                    Some(of_type.push(" AND ", []).append(seen).push(")", []))
                }
                Visible::Nothing | Visible::Patients(_) | Visible::Whole(_) => None,
            }
        });
        let each: Vec<Sql> = each.collect();
        let any = if each.is_empty() { Sql::of("1 = 0", []) } else { Sql::join(each, " OR ") };
        Some(Sql::of("(", []).append(any).push(")", []))
    }

    /// The types to which a reference may point.
    pub(super) fn targets(&self, param: i64) -> Vec<ResourceType> {
        let named =
            self.parameters.by_number(param).map(|parameter| parameter.target.clone()).unwrap_or_default();
        if named.is_empty() { ResourceType::all().collect() } else { named }
    }
}

/// Conditions with a word between them.
pub(super) fn joined(each: impl Iterator<Item = Sql>, word: &'static str) -> Sql {
    Sql::of("(", []).append(Sql::join(each, word)).push(")", [])
}

/// Whether a criterion asks for columns of the resource itself.
fn of_row(criterion: &Criterion) -> bool {
    match &criterion.test {
        Test::Id(_) | Test::Updated(_) | Test::Has(..) => true,
        Test::Index(_) | Test::Chain(..) | Test::Tree(_) | Test::Words(_) => false,
        Test::All(parts) | Test::Any(parts) => parts.iter().any(of_row),
    }
}

/// The row, of this type, stands in the compartment of one of the patients.
pub(super) fn in_compartment(patients: &[String], ty: Sql, scope: &Scope) -> Sql {
    stands_in(patients, ty, scope).push(END, [])
}

/// The row, of this type, is seen: where the type stands in compartments, in that of one of the patients, else by what
/// stands there and points to it. What is kept from the patients is neither seen nor points to what is.
fn seen((visible, is_inside): (&Visible, bool), ty: Sql, scope: &Scope) -> Sql {
    let patients = visible.patients().unwrap_or_default();
    let kept = match visible {
        Visible::Patients(_) => NOT_KEPT,
        Visible::Nothing | Visible::Whole(_) | Visible::All => "",
    };
    match (is_inside, kept) {
        (true, _) => stands_in(patients, ty, scope).push(kept, []).push(END, []),
        (false, "") => referred_to((patients, kept), ty, scope),
        (false, _) => {
            let own = Sql::of(" AND NOT EXISTS (SELECT 1 FROM not_for_patient g WHERE g.rid = ", []);
            let own = own.append(scope.column("rid")).push("))", []);
            Sql::of("(", []).append(referred_to((patients, kept), ty, scope)).append(own)
        }
    }
}

fn stands_in(patients: &[String], ty: Sql, scope: &Scope) -> Sql {
    Sql::of("EXISTS (SELECT 1 FROM idx_compartment k WHERE k.patient IN (", [])
        .append(texts(patients))
        .push(") AND k.type = ", [])
        .append(ty)
        .push(" AND k.rid = ", [])
        .append(scope.column("rid"))
}

/// Something in the compartment of one of the patients, by a condition on `k`, points to the row, which is of this type.
fn referred_to((patients, kept): (&[String], &'static str), ty: Sql, scope: &Scope) -> Sql {
    let pairs = " IN (SELECT f.target_id FROM idx_compartment k CROSS JOIN idx_reference f \
                 WHERE f.rid = k.rid AND f.param <> 0 AND k.patient IN (";
    let sql = scope.column("id").push(pairs, []).append(texts(patients));
    sql.push(") AND f.target_type = ", []).append(ty).push(kept, []).push(")", [])
}

/// The index has a row that meets one of the conditions.
///
/// PostgreSQL plans without the values, and takes a code to be rare: where the index by value has another column
/// between the code and the row, it would go through all that have the code, once for each row that is tested (40 pages
/// each for a class of 10,000 encounters). The sum keeps it to the index by row.
pub(super) fn has_row(rows: &Rows, scope: &Scope) -> Sql {
    let (table, ..) = kinds::table(rows.kind);
    let is_one_look_up = !rows.any.is_empty() && rows.any.iter().all(|one| one.reach == Reach::Exact);
    let params = std::iter::once(rows.param).chain(rows.also);
    let sql = Sql::of("EXISTS (SELECT 1 FROM ", []).push(table, []).push(" x WHERE x.rid = ", []);
    let sql = sql.append(scope.column("rid"));
    let sql = match is_one_look_up {
        true => sql.push(" AND x.param", []).append(scope.numbered(params)),
        false => sql.push(" AND x", []).append(scope.by_row(params)),
    };
    let sql = if rows.any.is_empty() { sql } else { sql.push(" AND ", []).append(any(&rows.any)) };
    sql.push(END, [])
}

/// The row is one of the parameter's, or of either of two.
pub(super) fn of_parameter(alias: Sql, rows: &Rows) -> Sql {
    match rows.also {
        None => alias.push(".param = ?", [rows.param.into()]),
        Some(also) => alias.push(".param IN (?, ?)", [rows.param.into(), also.into()]),
    }
}

/// One of the conditions; several make a statement that is like few others.
pub(super) fn any(conditions: &[Condition]) -> Sql {
    match conditions {
        [] => Sql::of("1 = 1", []),
        [single] => Sql::of("(", []).append(single.sql.clone()).push(")", []),
        several => {
            // The last stands in as often as it takes to make a number of them that other searches have too.
            let padded = several.len().next_power_of_two();
            let one = |at: usize| &several[at.min(several.len() - 1)].sql;
            let each = (0..padded).map(|at| Sql::of("(", []).append(one(at).clone()).push(")", []));
            let any = Sql::of("(", []).append(Sql::chain(each.collect(), " OR ")).push(")", []);
            let sql = leading(several).append(any);
            let alike = several.iter().all(|other| other.sql.is_like(one(0)));
            if alike && padded <= FEW_VALUES { sql } else { sql.volatile() }
        }
    }
}

/// `code IN (…) AND `: what the conditions have in common, so that an index is looked up.
fn leading(conditions: &[Condition]) -> Sql {
    let Some(first) = conditions.first() else { return Sql::default() };
    let mut common = Sql::default();
    for (at, (column, _)) in first.leading.iter().enumerate() {
        let values = conditions.iter().map(|one| one.leading.get(at).filter(|(other, _)| other == column));
        let Some(values) = values.collect::<Option<Vec<_>>>() else { break };
        let mut all: Vec<Bind> = Vec::new();
        for value in values.into_iter().flat_map(|(_, values)| values) {
            if !all.contains(value) {
                all.push(value.clone());
            }
        }
        common = common.push(column, []).push(" IN (", []).append(Sql::list(all)).push(") AND ", []);
    }
    common
}

/// A list of texts.
pub(super) fn texts(texts: &[String]) -> Sql {
    Sql::list(texts.iter().map(|text| Bind::from(text.as_str())).collect())
}
