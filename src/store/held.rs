//! What the search index holds of some resources, as rows to compare. <https://hl7.org/fhir/R4/search.html>

use std::collections::BTreeMap;
use std::collections::HashMap;

use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::sql_types::Double;
use diesel::sql_types::Text;

use crate::search::IndexRows;
use crate::search::contained;
use crate::search::contained::Inside;
use crate::search::rows::CompositeRow;
use crate::search::rows::DateRow;
use crate::search::rows::NumberRow;
use crate::search::rows::QuantityRow;
use crate::search::rows::ReferenceRow;
use crate::search::rows::StringRow;
use crate::search::rows::TokenRow;
use crate::search::rows::UriRow;
use crate::search::text::TextRow;
use crate::store::connection::Conn;
use crate::store::survey::Span;
use crate::store::survey::of;
use crate::store::words;

/// What the index holds of one resource.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// The rows, sorted and without doubles.
    pub(crate) rows: IndexRows,
    /// The types under which it stands in compartments.
    pub(crate) types: Vec<i64>,
    /// How many rows there are, doubles counted.
    pub(crate) count: usize,
}

/// The rows of each resource of which the index knows any.
pub(super) fn held(conn: &mut Conn, span: &Span) -> QueryResult<HashMap<i64, Held>> {
    let mut held = Rows::default();
    values(conn, &span.of_own(), &mut held)?;
    let inside = span.of_contained();
    values(conn, &inside, &mut held)?;
    let query = of(conn, "container, type, id FROM contained", &inside);
    for (rid, container, ty, id) in
        conn.load::<(BigInt, BigInt, BigInt, Text), (i64, i64, i64, String)>(query)?
    {
        held.entry(rid).count += 1;
        let is_right = contained::at(rid).is_some_and(|(own, _)| own == container);
        // What is said to stand elsewhere is counted, and has no name.
        if let (Some(inside), true) = (held.inside(rid), is_right) {
            (inside.ty, inside.id) = (Some(ty), id);
        }
    }
    Ok(held.sorted())
}

/// The rows in the tables that all resources share.
fn values(conn: &mut Conn, span: &Span, held: &mut Rows) -> QueryResult<()> {
    let query = of(conn, "param, code, system FROM idx_token", span);
    for (rid, param, code, system) in
        conn.load::<(BigInt, BigInt, Text, BigInt), (i64, i64, String, i64)>(query)?
    {
        held.of(rid).tokens.push(TokenRow { param, code, system });
    }
    let query = of(conn, "param, folded, exact FROM idx_string", span);
    for (rid, param, folded, exact) in
        conn.load::<(BigInt, BigInt, Text, Text), (i64, i64, String, String)>(query)?
    {
        held.of(rid).strings.push(StringRow { param, folded, exact });
    }
    let query = of(conn, "param, target_type, target_id FROM idx_reference", span);
    for (rid, param, target_type, target_id) in
        conn.load::<(BigInt, BigInt, BigInt, Text), (i64, i64, i64, String)>(query)?
    {
        held.of(rid).references.push(ReferenceRow { param, target_type, target_id });
    }
    let query = of(conn, "param, low, high FROM idx_date", span);
    for (rid, param, low, high) in
        conn.load::<(BigInt, BigInt, BigInt, BigInt), (i64, i64, i64, i64)>(query)?
    {
        held.of(rid).dates.push(DateRow { param, low, high });
    }
    let query = of(conn, "param, low, high FROM idx_number", span);
    for (rid, param, low, high) in
        conn.load::<(BigInt, BigInt, Double, Double), (i64, i64, f64, f64)>(query)?
    {
        held.of(rid).numbers.push(NumberRow { param, low, high });
    }
    let query = of(conn, "param, low, high, system, code FROM idx_quantity", span);
    type Quantity = (i64, i64, f64, f64, i64, String);
    for (rid, param, low, high, system, code) in
        conn.load::<(BigInt, BigInt, Double, Double, BigInt, Text), Quantity>(query)?
    {
        held.of(rid).quantities.push(QuantityRow { param, low, high, system, code });
    }
    let query = of(conn, "param, uri FROM idx_uri", span);
    for (rid, param, uri) in conn.load::<(BigInt, BigInt, Text), (i64, i64, String)>(query)? {
        held.of(rid).uris.push(UriRow { param, uri });
    }
    composites(conn, span, held)?;
    for (rid, digest) in words::held(conn, |conn, column| span.holds(conn, column))? {
        match digest {
            Some(digest) => held.of(rid).texts.push(TextRow { digest, ..TextRow::default() }),
            // Words that nothing vouches for.
            None => held.entry(rid).count += 1,
        }
    }
    let query = of(conn, "patient, type FROM idx_compartment", span);
    for (rid, patient, ty) in conn.load::<(BigInt, Text, BigInt), (i64, String, i64)>(query)? {
        held.of(rid).patients.push(patient);
        held.entry(rid).types.push(ty);
    }
    Ok(())
}

fn composites(conn: &mut Conn, span: &Span, held: &mut Rows) -> QueryResult<()> {
    let columns = "param, code, system, code2, system2, low, high, low2, high2, place FROM idx_composite";
    type Columns = (BigInt, BigInt, Text, BigInt, Text, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt);
    type Row = (i64, i64, String, i64, String, i64, i64, i64, i64, i64, i64);
    for (rid, param, code, system, code2, system2, low, high, low2, high2, place) in
        conn.load::<Columns, Row>(of(conn, columns, span))?
    {
        let row = CompositeRow { param, code, system, code2, system2, low, high, low2, high2, place };
        held.of(rid).composites.push(row);
    }
    Ok(())
}

#[derive(Default)]
struct Rows {
    of: HashMap<i64, Held>,
    /// What is contained, by where it stands.
    inside: BTreeMap<(i64, i64), Inside>,
}

impl Rows {
    /// The rows of a resource, to add one.
    fn of(&mut self, rid: i64) -> &mut IndexRows {
        self.entry(rid).count += 1;
        if contained::at(rid).is_some() {
            return &mut self.inside(rid).expect("its number tells where it stands").rows;
        }
        &mut self.entry(rid).rows
    }

    /// What is known of a resource, or of that in which it stands.
    fn entry(&mut self, rid: i64) -> &mut Held {
        self.of.entry(contained::at(rid).map_or(rid, |(container, _)| container)).or_default()
    }

    /// What is known of one that stands in another.
    fn inside(&mut self, rid: i64) -> Option<&mut Inside> {
        let at = contained::at(rid)?;
        Some(self.inside.entry(at).or_insert_with(|| Inside { place: at.1, ..Inside::default() }))
    }

    fn sorted(mut self) -> HashMap<i64, Held> {
        for ((container, _), mut inside) in self.inside {
            inside.rows.renumber(contained::param);
            inside.rows.sort();
            self.of.entry(container).or_default().rows.contained.push(inside);
        }
        self.of.values_mut().for_each(|held| held.rows.sort());
        self.of
    }
}
