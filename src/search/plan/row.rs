//! The row that a condition is about, by whatever table it is found: of a resource, of one that stands in another, of
//! either, or of an index. <https://hl7.org/fhir/R4/search.html>

use crate::search::contained;
use crate::search::sql::Bind;
use crate::search::sql::Sql;

/// The row that a condition is about: an alias that has a `rid`, and how deep in a chain it stands.
pub(super) struct Scope {
    pub(super) alias: String,
    pub(super) depth: u8,
    table: Table,
}

/// Of what it is a row.
#[derive(Clone, Copy, PartialEq)]
enum Table {
    Resource,
    Contained,
    /// Of a resource of its own or of one that stands in another; with all that a condition on either may ask.
    Either,
    Index,
}

impl Scope {
    /// A row of `resource`, with all its columns.
    pub(super) fn row(depth: u8) -> Self {
        Self { alias: format!("r{depth}"), depth, table: Table::Resource }
    }

    /// A row of `contained`.
    pub(super) fn inside(depth: u8) -> Self {
        Self { alias: format!("r{depth}"), depth, table: Table::Contained }
    }

    /// A row that has the [columns](Self::columns) of either.
    pub(super) fn either(depth: u8) -> Self {
        Self { alias: format!("r{depth}"), depth, table: Table::Either }
    }

    /// A row of an index, of which only `rid` says something about the resource.
    pub(super) fn found(depth: u8) -> Self {
        Self { alias: format!("d{depth}"), depth, table: Table::Index }
    }

    /// Whether it has all columns of the resource.
    pub(super) fn is_row(&self) -> bool {
        self.table != Table::Index
    }

    /// Whether it stands in another resource.
    pub(super) fn is_inside(&self) -> bool {
        self.table == Table::Contained
    }

    /// Whether it is of a resource of its own or of one that stands in another.
    pub(super) fn is_either(&self) -> bool {
        self.table == Table::Either
    }

    /// A column of the row; what is contained was written when its container was.
    pub(super) fn column(&self, name: &'static str) -> Sql {
        let column = |name| Sql::default().name(self.alias.clone()).push(".", []).push(name, []);
        if self.table == Table::Contained && name == "updated" {
            let sql = Sql::of("(SELECT o.updated FROM resource o WHERE o.rid = ", []);
            return sql.append(column("container")).push(")", []);
        }
        column(name)
    }

    /// The number of the resource in which that stands to which a fragment points.
    pub(super) fn container(&self) -> Sql {
        self.column(if matches!(self.table, Table::Contained | Table::Either) { "container" } else { "rid" })
    }

    /// What a condition may ask of the row, whichever kind it is of.
    pub(super) fn columns(&self) -> Sql {
        let own = ["rid", "type", "id", "updated"];
        let named = |(column, name): (Sql, &'static str)| column.push(" AS ", []).push(name, []);
        let own = own.map(|name| named((self.column(name), name)));
        Sql::join(own.into_iter().chain([named((self.container(), "container"))]), ", ")
    }

    /// `.param = ?`, or `.param IN (…)`, of an index that is looked up by the number of the row.
    ///
    /// PostgreSQL plans without the values, and before it has counted a table, as after an import or an upgrade, it takes
    /// whatever is asked for to be rare: it would go through all rows of the parameter, once for each row that is tested
    /// (40,000 references each). The sum keeps it to the index by row.
    pub(super) fn by_row(&self, params: impl IntoIterator<Item = i64>) -> Sql {
        Sql::default().either(".param", ".param + 0").append(self.numbered(params))
    }

    /// ` = ?`, or ` IN (…)`, with the numbers under which the index has the row's values of these parameters.
    pub(super) fn numbered(&self, params: impl IntoIterator<Item = i64>) -> Sql {
        let of_each = |own: i64| {
            let inside = (self.table == Table::Either).then(|| contained::param(own));
            std::iter::once(own).chain(inside)
        };
        let mut all: Vec<Bind> = params.into_iter().flat_map(of_each).map(Bind::from).collect();
        match (all.len(), all.pop()) {
            (1, Some(only)) => Sql::of(" = ?", [only]),
            (_, last) => {
                all.extend(last);
                Sql::of(" IN (", []).append(Sql::list(all)).push(")", [])
            }
        }
    }
}
