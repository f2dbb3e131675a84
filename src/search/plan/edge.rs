//! What lies beyond the row at which a page begins or ends, in the order of the page.
//! <https://hl7.org/fhir/R4/search.html#sort>
//!
//! Where all keys go the same way they compare as one row, which both databases look up in an index to its last column: so
//! a page deep among rows with the same key begins at its own row.

use crate::search::plan::key::Holds;
use crate::search::plan::key::bound;
use crate::search::plan::key::holds;
use crate::search::plan::order::Ordering;
use crate::search::query::Order;
use crate::search::sql::Sql;

impl Ordering<'_> {
    /// The numbers of rows that have no keys, beyond the edge.
    pub(super) fn beyond_row(&self, rows: Sql) -> Sql {
        let rows = Sql::of("SELECT m.rid FROM (", []).append(rows).push(") m", []);
        match self.edge {
            Some((_, rid)) => {
                rows.push(" WHERE m.rid", []).push(self.sign(self.last()), []).push("?", [rid.into()])
            }
            None => rows,
        }
    }

    /// ` AND x.rid < ?`: what lies beyond the edge, where it is told by the number alone.
    pub(super) fn beyond_rid(&self, alias: &'static str) -> Sql {
        match self.edge {
            Some((_, rid)) => {
                let sql = Sql::of(" AND ", []).push(alias, []).push(".rid", []);
                sql.push(self.sign(self.last()), []).push("?", [rid.into()])
            }
            None => Sql::default(),
        }
    }

    /// Whether these keys all go the same way, so that they compare as one row, by which an index finds its place.
    fn is_one_way(&self, from: usize) -> bool {
        let mut keys = self.sort.iter().skip(from);
        keys.all(|sort| sort.order == self.last() && holds(sort) != Holds::Real)
    }

    /// `(k0, k1, rid) > (v0, v1, r)`.
    fn beyond_at_once(&self, from: usize, keys: &[Option<String>], rid: i64) -> Sql {
        let names = (from..self.sort.len()).map(|at| Sql::of("m.", []).name(format!("k{at}")));
        let values = self.sort.iter().zip(keys).skip(from);
        let values = values.map(|(sort, key)| bound(holds(sort), key.as_deref().unwrap_or_default()));
        let row = |each: Vec<Sql>| Sql::of("(", []).append(Sql::join(each, ", ")).push(")", []);
        let sql = row(names.chain([Sql::of("m.rid", [])]).collect()).push(self.sign(self.last()), []);
        sql.append(row(values.chain([Sql::of("?", [rid.into()])]).collect()))
    }

    /// `k0 > v0 OR (k0 = v0 AND (k1 > v1 OR …))`.
    pub(super) fn beyond(&self, at: usize, keys: &[Option<String>], rid: i64) -> Sql {
        if at < self.sort.len() && self.is_one_way(at) {
            return self.beyond_at_once(at, keys, rid);
        }
        let (Some(sort), Some(value)) = (self.sort.get(at), keys.get(at)) else {
            return Sql::of("m.rid", []).push(self.sign(self.last()), []).push("?", [rid.into()]);
        };
        let column = Sql::of("m.", []).name(format!("k{at}"));
        let value = bound(holds(sort), value.as_deref().unwrap_or_default());
        // The first of the two says nothing new; it lets an index begin there.
        Sql::of("(", [])
            .append(column.clone())
            .push(self.from(sort.order), [])
            .append(value.clone())
            .push(" AND (", [])
            .append(column.clone())
            .push(self.sign(sort.order), [])
            .append(value.clone())
            .push(" OR (", [])
            .append(column)
            .push(" = ", [])
            .append(value)
            .push(" AND ", [])
            .append(self.beyond(at + 1, keys, rid))
            .push(")))", [])
    }

    fn sign(&self, order: Order) -> &'static str {
        match self.turned(order) {
            Order::Ascending => " > ",
            Order::Descending => " < ",
        }
    }

    fn from(&self, order: Order) -> &'static str {
        match self.turned(order) {
            Order::Ascending => " >= ",
            Order::Descending => " <= ",
        }
    }
}
