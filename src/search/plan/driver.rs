//! With which condition a search begins: the one that, by its kind, few resources meet.

use crate::fhir::ResourceType;
use crate::search::joined;
use crate::search::kinds;
use crate::search::parameter::Kind;
use crate::search::plan::beyond::chained;
use crate::search::plan::beyond::pointed_to;
use crate::search::plan::closure;
use crate::search::plan::compartment::in_record;
use crate::search::plan::either::either;
use crate::search::plan::links::leads_on;
use crate::search::plan::newest::Referring;
use crate::search::plan::scope::Scope;
use crate::search::plan::scope::Seen;
use crate::search::plan::scope::any;
use crate::search::plan::scope::of_parameter;
use crate::search::plan::scope::texts;
use crate::search::plan::span;
use crate::search::plan::steps::behind;
use crate::search::plan::tried;
use crate::search::query::Criterion;
use crate::search::query::Query;
use crate::search::query::Reach;
use crate::search::query::Rows;
use crate::search::query::Test;
use crate::search::restriction::Visible;
use crate::search::special;
use crate::search::sql::Sql;

/// The condition with which a search begins.
#[derive(Clone, Debug)]
pub(super) struct Driver {
    /// The tables; `d0` is the one whose `rid` is meant.
    pub(super) from: Sql,
    /// What their rows must satisfy.
    pub(super) filter: Sql,
    /// The place of the criterion that this makes good, where it does.
    pub(super) criterion: Option<usize>,
    /// What tells cheaply that many may meet it: rows of one index, and what they must satisfy.
    pub(super) probe: Option<(Sql, Sql)>,
    /// About how many meet it.
    pub(super) width: Width,
    /// Whether it stands behind several references: where its lists are long, the search goes as if it were no beginning.
    pub(super) is_distant: bool,
    /// Whether none of its rows is of a deleted resource. What is pointed to may be deleted, which its own row tells.
    pub(super) is_live: bool,
    /// What refers to them, where each row of the probe leads to one of them, as most that refers to a patient does.
    pub(super) referring: Option<Box<Referring>>,
    /// How they come.
    pub(super) rows: Found,
    /// Whether they have one code, of whatever system: those of one system come in the order of their numbers.
    pub(super) is_code: bool,
}

/// About how many resources meet a condition of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Width {
    /// As many as were named.
    Named,
    /// Those with one identifier or URI.
    Identified,
    /// Those that belong to one other resource, such as a patient.
    Owned,
    /// Those with one text.
    Spelt,
    /// Those whose owner meets another condition.
    Chained,
    /// Those to which several references lead from what meets another condition.
    Distant,
    /// Those in a span of time with two ends.
    Between,
    /// Those with one code.
    Coded,
    /// Those in a range.
    Ranged,
    /// Nearly all.
    All,
}

/// How the rows of the condition come out of their index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Each resource once, in the order of their numbers.
    Ordered,
    /// Each once, in another order.
    Once,
    /// Some perhaps twice.
    Repeated,
}

impl Driver {
    /// These rows, of which so many are expected and which come out so.
    pub(super) fn of((from, filter): (Sql, Sql), width: Width, rows: Found) -> Self {
        Self {
            from,
            filter,
            criterion: None,
            probe: None,
            width,
            is_distant: false,
            is_live: true,
            referring: None,
            rows,
            is_code: false,
        }
    }

    /// The rows to which a reference leads on from those of another condition, which tells how many they may be.
    pub(super) fn beyond(inner: Self, found: (Sql, Sql)) -> Self {
        let width = Width::Chained.max(inner.width);
        Self { probe: Some((inner.from, inner.filter)), ..Self::of(found, width, Found::Repeated) }
    }

    /// Whether so few meet it that they can be counted by the way.
    pub(super) fn is_narrow(&self) -> bool {
        self.width <= Width::Spelt
    }

    /// Whether many may meet it.
    pub(super) fn may_be_many(&self) -> bool {
        self.width > Width::Chained
    }

    /// The rows of the condition as `d1`, from which a reference leads on.
    pub(super) fn rows(&self) -> Sql {
        let rows = Sql::of("(SELECT d0.rid FROM ", []).append(self.from.clone()).push(" WHERE ", []);
        rows.in_time("d0").append(self.filter.clone()).push(") d1", [])
    }

    /// Whether its rows come in the order of their numbers.
    pub(super) fn is_ordered(&self) -> bool {
        self.rows == Found::Ordered
    }

    /// Whether a resource comes once at most.
    pub(super) fn is_unique(&self) -> bool {
        self.rows != Found::Repeated
    }
}

/// What a search can begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// The criterion with this place.
    Criterion(usize),
    /// The compartment that is searched.
    Compartment,
    /// The compartment of the one patient whom the caller may see.
    Visible,
}

/// The narrowest condition of a query, if one can be looked up at all.
pub(super) fn narrowest(seen: &Seen, query: &Query) -> Option<Driver> {
    candidates(seen, query).map(|(_, driver)| driver).min_by_key(|driver| driver.width)
}

/// The narrowest of those that do not stand behind several references.
pub(super) fn narrowest_near(seen: &Seen, query: &Query) -> Option<Driver> {
    let near = candidates(seen, query).map(|(_, driver)| driver).filter(|driver| !driver.is_distant);
    near.min_by_key(|driver| driver.width)
}

/// Every condition that can be looked up.
pub(super) fn candidates(seen: &Seen, query: &Query) -> impl Iterator<Item = (Start, Driver)> {
    let criteria = query.criteria.iter().enumerate().filter_map(|(at, criterion)| {
        let driver = of_criterion(seen, query, criterion)?;
        Some((Start::Criterion(at), Driver { criterion: is_single(criterion).then_some(at), ..driver }))
    });
    let about = query.compartment.as_ref().map(|compartment| {
        let members = seen.members(compartment, query.ty);
        let rows = if members.is_record() { Found::Ordered } else { Found::Once };
        (Start::Compartment, Driver::of(members.as_found(), Width::Owned, rows))
    });
    let theirs = match seen.restriction.of(query.ty) {
        Visible::Patients(patients) | Visible::Whole(patients) if patients.len() == 1 => patients.first(),
        Visible::Patients(_) | Visible::Whole(_) | Visible::Nothing | Visible::All => None,
    };
    // What is contained stands in no compartment itself.
    let in_one = !query.is_inside && seen.parameters.compartment(query.ty).is_some();
    let theirs = theirs.filter(|_| in_one).map(|patient| {
        (Start::Visible, Driver::of(in_record(patient, query.ty), Width::Owned, Found::Ordered))
    });
    criteria.chain(about).chain(theirs)
}

/// Whether a criterion is one condition, also where a chain ends: of several it may be one alone that is made good.
pub(super) fn is_single(criterion: &Criterion) -> bool {
    match &criterion.test {
        Test::All(_) | Test::Any(_) => false,
        Test::Chain(_, types) => types.iter().all(|(_, inner)| is_single(inner)),
        Test::Has(_, _, inner) => is_single(inner),
        Test::Id(_) | Test::Updated(_) | Test::Index(_) | Test::Tree(_) | Test::Words(_) => true,
    }
}

/// The condition of a criterion, where it can be looked up.
pub(super) fn of_criterion(seen: &Seen, query: &Query, criterion: &Criterion) -> Option<Driver> {
    if criterion.negated {
        return None;
    }
    if let Some(long) = closure::beginning(seen, query.ty, criterion) {
        return Some(long);
    }
    match &criterion.test {
        // These are found by the columns of resources, or beside the row itself.
        Test::Id(_) | Test::Updated(_) if query.is_inside => None,
        Test::Id(ids) => Some(named(query.ty, ids)),
        Test::Index(rows) => of_rows(seen, rows),
        Test::Chain(param, types) => match types.as_slice() {
            [(_, inner)] if leads_on(inner) => behind(seen, query.ty, criterion),
            [(ty, inner)] => chained(seen, *param, *ty, inner),
            _ => None,
        },
        Test::Updated(spans) => {
            let column = Sql::of("d0.updated", []);
            let each =
                spans.iter().map(|(prefix, span)| special::updated(&column, *prefix, (span.low, span.high)));
            let filter = Sql::of("d0.type = ? AND d0.deleted = 0 AND (", [query.ty.number().into()]);
            let filter = filter.append(Sql::join(each, " OR ")).push(")", []);
            Some(Driver::of((Sql::of("resource d0", []), filter), Width::Ranged, Found::Once))
        }
        Test::Tree(tree) => {
            let found = (Sql::of("idx_reference d0", []), seen.in_tree("d0", tree, &Scope::found(0)));
            Some(Driver::of(found, Width::Chained, Found::Repeated))
        }
        Test::Words(words) => {
            let rows = Sql::of("(", []).append(words.rows()).push(") d0", []);
            Some(Driver::of((rows, Sql::of("1 = 1", [])), Width::Coded, Found::Ordered))
        }
        Test::All(_) | Test::Any(_) => either(seen, query, criterion),
        Test::Has(_, _, inner) if leads_on(inner) => behind(seen, query.ty, criterion),
        Test::Has(source, param, inner) => pointed_to(seen, (query.ty, *source), *param, inner),
    }
}

/// Begins with the resources that are named.
pub(super) fn named(ty: ResourceType, ids: &[String]) -> Driver {
    let filter = Sql::of("d0.type = ? AND d0.deleted = 0 AND d0.id IN (", [ty.number().into()]);
    let filter = filter.append(texts(ids)).push(")", []);
    Driver::of((Sql::of("resource d0", []), filter), Width::Named, Found::Once)
}

/// Begins with rows of an index.
pub(super) fn of_rows(seen: &Seen, rows: &Rows) -> Option<Driver> {
    let rows = &joined::narrowed(seen.parameters, rows);
    let reach = rows.any.iter().map(|condition| condition.reach).max()?;
    if let Some(from) = span::overlapping(rows) {
        return Some(Driver::of((from, Sql::of("1 = 1", [])), Width::Between, Found::Repeated));
    }
    if let Some(from) = span::upwards(rows) {
        return Some(Driver::of((from, Sql::of("1 = 1", [])), Width::Ranged, Found::Repeated));
    }
    let (table, ..) = kinds::table(rows.kind);
    let parameter = seen.parameters.by_number(rows.param)?;
    let width = match (rows.kind, reach) {
        (Kind::Token, Reach::Exact | Reach::Equal) if parameter.code == "identifier" => Width::Identified,
        (Kind::Token, Reach::Exact | Reach::Equal) if parameter.identifier_number == rows.param.abs() => {
            Width::Identified
        }
        (Kind::Uri, Reach::Exact) => Width::Identified,
        (Kind::Reference, Reach::Exact | Reach::Equal) => Width::Owned,
        (Kind::String, Reach::Exact | Reach::Equal) => Width::Spelt,
        (Kind::Token | Kind::Composite, Reach::Exact | Reach::Equal) => Width::Coded,
        // Every version of a canonical, such as a profile that all of a type claim.
        (Kind::Uri, Reach::Equal) => Width::Coded,
        (Kind::String, Reach::Range) if !is_anywhere(rows) => Width::Coded,
        (Kind::Date | Kind::Number | Kind::Quantity | Kind::Composite | Kind::Special, _) => Width::Ranged,
        _ => Width::All,
    };
    let single = rows.any.len() == 1;
    let each_alone = !single && reach <= Reach::Equal && rows.any.iter().all(|one| one.leading.is_empty());
    let (from, filter) = if each_alone {
        (union(table, rows), Sql::of("1 = 1", []))
    } else {
        let filter = of_parameter(Sql::of("d0", []), rows).push(" AND ", []).append(any(&rows.any));
        (Sql::default().push(table, []).push(" d0", []), filter)
    };
    let found =
        if single && reach == Reach::Exact && rows.also.is_none() { Found::Ordered } else { Found::Repeated };
    let is_code = tried::is_one_code(rows);
    Some(Driver { is_code, ..Driver::of((from, filter), width, found) })
}

/// The rows of conditions that have no column in common, each by itself: with OR, SQLite would read all of the parameter's.
fn union(table: &'static str, rows: &Rows) -> Sql {
    let each = rows.any.iter().map(|one| {
        let arm = Sql::of("SELECT u0.rid FROM ", [])
            .push(table, [])
            .push(" u0 WHERE ", [])
            .append(of_parameter(Sql::of("u0", []), rows));
        arm.push(" AND (", []).append(one.sql.clone()).push(")", [])
    });
    Sql::of("(", []).append(Sql::join(each, " UNION ALL ")).push(") d0", []).volatile()
}

/// What stands anywhere in a text, or anywhere but in one place of the index, which no index helps to find.
fn is_anywhere(rows: &Rows) -> bool {
    rows.any.iter().any(|condition| condition.sql.mentions(" LIKE ") || condition.sql.mentions(" <> "))
}
