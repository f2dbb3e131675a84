//! With what a search begins whose narrowest condition stands behind several references: the rows at the end, then what
//! leads to them, step by step, each step a list that is made once. <https://hl7.org/fhir/R4/search.html#chaining>
//!
//! Without it such a search tests its type row by row until a page is full, which for a rare end is all there is of the
//! type. But the end may also be a hospital that all patients have: whether the lists are short is counted first, each up
//! to a bound, and where one is not, the search goes on as if the chain were no beginning: with the next condition, or by a
//! walk of the type.
//!
//! A list has what stands by itself and what is contained, as `links` has it: a contained resource leads on to the one in
//! which it stands and to its neighbours there.

use crate::fhir::ResourceType;
use crate::search::contained;
use crate::search::plan::beyond::within;
use crate::search::plan::driver::Driver;
use crate::search::plan::driver::Found;
use crate::search::plan::driver::Width;
use crate::search::plan::gate::FEW_LINKED;
use crate::search::plan::links::of_neighbour;
use crate::search::plan::scope::END;
use crate::search::plan::scope::Scope;
use crate::search::plan::scope::Seen;
use crate::search::query::Criterion;
use crate::search::query::Test;
use crate::search::sql::Sql;

/// How many steps there may be: SQLite makes a list once, but reads its statement anew for each place that names it, so
/// that what it reads grows as a power of the steps. A longer chain is one list (see [`closure`](super::closure)).
pub(super) const MOST_STEPS: usize = 3;

/// Begins with the resources of the type that meet a condition behind several references.
pub(super) fn behind(seen: &Seen, ty: ResourceType, criterion: &Criterion) -> Option<Driver> {
    let steps = Steps::of(seen, ty, criterion, &Scope::row(0))?;
    let all = |rows: Sql| (Sql::of("(", []).append(rows).push(") d0", []), Sql::of("1 = 1", []));
    let width = Width::Distant.max(steps.width);
    Some(Driver {
        probe: Some(all(steps.counted())),
        is_distant: true,
        ..Driver::of(all(steps.rows()), width, Found::Repeated)
    })
}

/// The lists, from the end of the chain on.
struct Steps {
    /// The statements that together give each list; each reads the list before by its name.
    each: Vec<Vec<Sql>>,
    /// About how many there are at the end.
    width: Width,
}

impl Steps {
    fn of(seen: &Seen, ty: ResourceType, criterion: &Criterion, scope: &Scope) -> Option<Self> {
        if criterion.negated {
            return None;
        }
        match &criterion.test {
            Test::Chain(param, types) => {
                let [(target, inner)] = types.as_slice() else { return None };
                let steps = Self::of(seen, *target, inner, &Scope::either(0))?;
                let arms = seen.leading(*param, *target, &steps.name(), scope);
                steps.then(arms)
            }
            Test::Has(source, param, inner) => {
                let steps = Self::of(seen, *source, inner, &Scope::either(0))?;
                let arms = seen.led((ty, *source), *param, &steps.name());
                steps.then(arms)
            }
            Test::Index(_) | Test::Id(_) => {
                let own = within(seen, ty, criterion)?;
                let width = own.width;
                let beside = of_neighbour(criterion).and_then(|inner| within(seen, ty, &inner));
                let rows = |driver: Driver| {
                    let sql = Sql::of("SELECT d0.rid AS rid FROM ", []).append(driver.from);
                    sql.push(" WHERE ", []).in_time("d0").append(driver.filter)
                };
                Some(Self {
                    each: vec![[Some(own), beside].into_iter().flatten().map(rows).collect()],
                    width,
                })
            }
            // The narrowest of them is where it begins, and what else must hold is asked of what it comes to.
            Test::All(parts) => {
                let each = parts.iter().filter_map(|part| Self::of(seen, ty, part, scope));
                each.min_by_key(|steps| steps.width)
            }
            Test::Updated(_) | Test::Tree(_) | Test::Words(_) | Test::Any(_) => None,
        }
    }

    /// The name of the last list.
    fn name(&self) -> String {
        format!("s{}", self.each.len() - 1)
    }

    fn then(mut self, arms: Vec<Arm>) -> Option<Self> {
        if arms.is_empty() || self.each.len() > MOST_STEPS {
            return None;
        }
        let list = self.name();
        self.each.push(arms.into_iter().map(|arm| arm.of_list(&list)).collect());
        Some(self)
    }

    /// The rows of the last list.
    fn rows(&self) -> Sql {
        let last = self.each.len() - 1;
        // Each row once, but for the last list, of which a search takes each once itself.
        let list = |arms: &Vec<Sql>| Sql::join(arms.iter().cloned(), " UNION ");
        let rows = with(self.each.iter().take(last).map(list));
        rows.append(Sql::join(self.each.iter().skip(last).flatten().cloned(), " UNION ALL "))
    }

    /// A row for each in any of the lists, of which none is made longer than it takes to know that it is long.
    fn counted(&self) -> Sql {
        let list = |arms: &Vec<Sql>| Sql::join(arms.iter().cloned(), " UNION ALL ").limit(FEW_LINKED + 1);
        let one = |at: usize| Sql::of("SELECT rid FROM ", []).name(format!("s{at}"));
        with(self.each.iter().map(list)).append(Sql::join((0..self.each.len()).map(one), " UNION ALL "))
    }
}

/// `WITH s0 AS (…), s1 AS (…) `.
fn with(lists: impl Iterator<Item = Sql>) -> Sql {
    let named = lists.enumerate().map(|(at, list)| {
        let sql = Sql::default().name(format!("s{at}")).push("(rid) AS MATERIALIZED (", []);
        sql.append(list).push(")", [])
    });
    Sql::of("WITH ", []).append(Sql::join(named, ", ")).push(" ", [])
}

/// What leads from the rows of a list to others, apart from the list itself.
pub(super) struct Arm {
    /// The column that has the other row.
    pub(super) found: &'static str,
    /// The tables beside the list.
    pub(super) tables: &'static str,
    /// What joins them with the list, and what they must satisfy.
    pub(super) holds: Sql,
}

impl Arm {
    /// The rows to which this list leads.
    fn of_list(self, list: &str) -> Sql {
        let sql = Sql::of("SELECT ", []).push(self.found, []).push(" AS rid FROM ", []).name(list.to_owned());
        sql.push(" CROSS JOIN ", []).push(self.tables, []).push(" WHERE ", []).append(self.holds)
    }
}

impl Seen<'_> {
    /// What leads by a reference to the rows of a list, which are of this type.
    pub(super) fn leading(&self, param: i64, ty: ResourceType, list: &str, scope: &Scope) -> Vec<Arm> {
        let mut arms = Vec::new();
        let visible = || self.visible(ty, &Scope::row(1)).map(|sql| Sql::of(" AND ", []).append(sql));
        let own = || {
            Sql::default()
                .in_time("f")
                .push("r1.rid = ", [])
                .name(list.to_owned())
                .push(".rid AND r1.deleted = 0 AND ", [])
        };
        if self.leads_by_reference(param) {
            let params = || self.parameters.kept_inside(param, ty);
            let kept = self.kept_to(param, ty, scope);
            let holds = own().push("f.param", []).append(scope.numbered(kept));
            let holds = holds.push(" AND f.target_type = ? AND f.target_id = r1.id", [ty.number().into()]);
            let holds = holds.append(visible().unwrap_or_default());
            arms.push(Arm { found: "f.rid", tables: "resource r1 CROSS JOIN idx_reference f", holds });
            // What is contained has the parameters' numbers below zero, and is led to where it stands beside.
            if param > 0 {
                arms.push(around(params(), ty, list));
            }
            let is_beside = scope.is_either() || param < 0;
            if let Some(parameter) = self.parameters.by_number(param).filter(|_| is_beside) {
                let params = self.parameters.kept_inside(param.abs(), ty);
                arms.push(beside((params, parameter.ty), ty, list));
            }
        }
        if let Some(canonical) =
            self.named_under(param, Sql::of(".param", []).append(scope.numbered([param])), &[ty])
        {
            let holds = own().push("u.rid = r1.rid AND ", []).append(canonical);
            let holds = holds.append(visible().unwrap_or_default());
            let tables = "resource r1 CROSS JOIN idx_uri u CROSS JOIN idx_reference f";
            arms.push(Arm { found: "f.rid", tables, holds });
        }
        arms
    }

    /// What the rows of a list lead to, which are of the second type, and are pointed to as resources of the first.
    pub(super) fn led(&self, (ty, source): (ResourceType, ResourceType), param: i64, list: &str) -> Vec<Arm> {
        let mut arms = Vec::new();
        let visible = self.visible(source, &Scope::row(1)).map(|visible| {
            let same = Sql::of(" AND r1.rid = ", []).name(list.to_owned());
            same.push(".rid AND ", []).append(visible)
        });
        let pointing =
            || Sql::default().in_time("f").push("f.rid = ", []).name(list.to_owned()).push(".rid AND ", []);
        let mut push = |found: &'static str, tables: [&'static str; 2], holds: Sql| {
            let [alone, with_source] = tables;
            let tables = if visible.is_some() { with_source } else { alone };
            arms.push(Arm { found, tables, holds: holds.append(visible.clone().unwrap_or_default()) });
        };
        if self.leads_by_reference(param) {
            let link = " AND f.target_type = ? AND d.type = ? AND d.id = f.target_id AND d.deleted = 0";
            let number = || ty.number().into();
            let tables = [
                "idx_reference f CROSS JOIN resource d",
                "idx_reference f CROSS JOIN resource d CROSS JOIN resource r1",
            ];
            let holds =
                pointing().push("f", []).append(Scope::row(0).by_row(self.parameters.kept_to(param, ty)));
            push("d.rid", tables, holds.push(link, [number(), number()]));
        }
        if let Some(canonical) = self.named_by(param, &[ty]) {
            let tables = [
                "idx_reference f CROSS JOIN idx_uri u",
                "idx_reference f CROSS JOIN idx_uri u CROSS JOIN resource r1",
            ];
            push("u.rid", tables, pointing().append(canonical));
        }
        arms
    }
}

/// The resource in which one of the list stands, where it refers to that. Whether it does is looked up row by row, for
/// joined, PostgreSQL would begin with all fragments there are.
fn around(params: Vec<i64>, ty: ResourceType, list: &str) -> Arm {
    let holds = Sql::of("z.rid = ", []).name(list.to_owned());
    let holds =
        holds.push(".rid AND EXISTS (SELECT 1 FROM idx_reference f WHERE f.rid = z.container AND ", []);
    let holds = holds.append(refers_to_neighbour(params, ty)).push(END, []);
    Arm { found: "z.container", tables: "contained z", holds }
}

/// What stands, as a resource of its type, beside one of the list, where it refers to that.
fn beside((params, source): (Vec<i64>, ResourceType), ty: ResourceType, list: &str) -> Arm {
    let holds = Sql::of("z.rid = ", []).name(list.to_owned());
    let holds =
        holds.push(".rid AND y.type = ? AND y.container = z.container AND ", [source.number().into()]);
    let holds = holds
        .push("EXISTS (SELECT 1 FROM idx_reference f WHERE f.rid = y.rid AND ", [])
        .append(refers_to_neighbour(params.into_iter().map(contained::param), ty))
        .push(END, []);
    Arm { found: "y.rid", tables: "contained z CROSS JOIN contained y", holds }
}

/// The reference `f` is one of the parameter's to `z`, which stands beside what refers.
fn refers_to_neighbour(params: impl IntoIterator<Item = i64>, ty: ResourceType) -> Sql {
    let sql = Sql::of("f.param", []).append(Scope::row(0).numbered(params));
    sql.push(" AND f.target_type = ? AND f.target_id = z.id", [contained::target(ty.number()).into()])
}
