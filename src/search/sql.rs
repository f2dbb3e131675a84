//! SQL as a tree of text pieces and typed binds, rendered by diesel for either database.
//!
//! diesel's typed queries become walls of trait bounds where code is generic over databases, and `sql_query` is
//! never cached and numbers placeholders by hand; a fragment of our own has neither fault.

use std::any::TypeId;
use std::borrow::Cow;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;
use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Binary, Double, HasSqlType, Nullable, Text};

pub use crate::search::bind::Bind;

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(Cow<'static, str>),
    /// Text for SQLite and for PostgreSQL.
    Either(&'static str, &'static str),
    /// That there is still time, asked at some of the rows, by this number of theirs.
    InTime(Cow<'static, str>),
    Bind(Bind),
}

/// What follows the number in [`Sql::in_time`]. That it is always true is said to SQLite, so that no plan changes for it.
const IN_TIME: &str = " * 40503 & 4032) <> 0 OR in_time(), 1.0) AND ";

/// A piece of SQL with its binds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sql {
    pieces: Vec<Piece>,
    volatile: bool,
    planned: bool,
}

impl Sql {
    /// Text with a `?` for each bind.
    pub fn of<const N: usize>(text: &'static str, binds: [Bind; N]) -> Self {
        Self::default().push(text, binds)
    }

    /// Adds text with a `?` for each bind.
    #[must_use]
    pub fn push<const N: usize>(mut self, text: &'static str, binds: [Bind; N]) -> Self {
        let mut rest = text;
        for bind in binds {
            let (before, after) = rest.split_once('?').expect("the text has a ? for every bind");
            self.pieces.push(Piece::Text(Cow::Borrowed(before)));
            self.pieces.push(Piece::Bind(bind));
            rest = after;
        }
        debug_assert!(!rest.contains('?'), "a ? without its bind in {text}");
        if !rest.is_empty() {
            self.pieces.push(Piece::Text(Cow::Borrowed(rest)));
        }
        self
    }

    /// Adds an alias or another name that this program made up, such as `r3`; never anything that came from outside.
    #[must_use]
    pub fn name(mut self, name: String) -> Self {
        debug_assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
        self.pieces.push(Piece::Text(Cow::Owned(name)));
        self
    }

    /// Adds another fragment.
    #[must_use]
    pub fn append(mut self, other: Sql) -> Self {
        self.volatile |= other.volatile;
        self.planned |= other.planned;
        self.pieces.extend(other.pieces);
        self
    }

    /// Fragments with a separator between them.
    pub fn join(parts: impl IntoIterator<Item = Sql>, separator: &'static str) -> Self {
        let mut joined = Sql::default();
        for (at, part) in parts.into_iter().enumerate() {
            if at > 0 {
                joined = joined.push(separator, []);
            }
            joined = joined.append(part);
        }
        joined
    }

    /// Conditions with `OR` or `AND` between them, many of them in a tree with parentheses: SQLite takes no expression
    /// that is deeper than 1,000, and a chain is as deep as it is long.
    pub fn chain(mut parts: Vec<Sql>, separator: &'static str) -> Self {
        if parts.len() <= 16 {
            return Self::join(parts, separator);
        }
        let rest = parts.split_off(parts.len() / 2);
        let halves =
            [parts, rest].map(|half| Sql::of("(", []).append(Self::chain(half, separator)).push(")", []));
        Self::join(halves, separator)
    }

    /// `?, ?, ?` with the values, the last repeated up to a power of two, so that the number of different
    /// statements stays small. `values` must not be empty.
    pub fn list(values: Vec<Bind>) -> Self {
        let padded = values.len().next_power_of_two();
        Self::join((0..padded).map(|at| Self::of("?", [values[at.min(values.len() - 1)].clone()])), ", ")
    }

    /// ` IN (…)` with any number of texts as one bind, so that the statement is the same for few and many.
    pub fn one_of(texts: impl Iterator<Item = String>) -> Self {
        Self::default()
            .either(" IN (SELECT value FROM json_each(", " = ANY(ARRAY(SELECT json_array_elements_text(CAST(")
            .push("?", [serde_json::Value::from_iter(texts).to_string().into()])
            .either("))", " AS json))))")
    }

    pub(super) fn either(mut self, sqlite: &'static str, postgres: &'static str) -> Self {
        self.pieces.push(Piece::Either(sqlite, postgres));
        self
    }

    /// `… AND `, which is true, or breaks the statement off where it has gone on for too long. SQLite has no such limit
    /// of its own (see `store::deadline`), and PostgreSQL has, so that nothing is added there. It is asked at about
    /// every 64th row with this alias, wherever rows may be many; the product spreads rows whose numbers are regular.
    #[must_use]
    pub fn in_time(self, alias: impl Into<String>) -> Self {
        self.in_time_by(alias.into() + ".rid")
    }

    /// The same by another number of the rows, such as `(h.rid + h.version)`; with `0` it is asked at each.
    #[must_use]
    pub fn in_time_by(mut self, number: impl Into<Cow<'static, str>>) -> Self {
        self.pieces.push(Piece::InTime(number.into()));
        self
    }

    /// The same of other columns, which hold the values in another form: texts and binds are asked for what stands
    /// in their place.
    #[must_use]
    pub fn of_others(mut self, text: impl Fn(&str) -> String, bind: impl Fn(Bind) -> Bind) -> Self {
        for piece in &mut self.pieces {
            match piece {
                Piece::Bind(value) => *value = bind(std::mem::replace(value, Bind::NullInt)),
                Piece::Text(own) => *own = Cow::Owned(text(own)),
                Piece::Either(..) | Piece::InTime(_) => {}
            }
        }
        self
    }

    /// Keeps the statement out of the connection's statement cache: for shapes of unbounded variety.
    #[must_use]
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// Keeps the statement out of PostgreSQL's cache alone, where a plan made for these very values is worth more
    /// than a cached one. SQLite has one plan for all values, and making it takes ten times as long as using it.
    #[must_use]
    pub fn planned(mut self) -> Self {
        self.planned = true;
        self
    }

    /// Whether the other is the same statement but for what is bound.
    pub fn is_like(&self, other: &Self) -> bool {
        let same = |pair: (&Piece, &Piece)| match pair {
            (Piece::Text(one), Piece::Text(other)) => one == other,
            (Piece::Either(one, _), Piece::Either(other, _)) => one == other,
            (Piece::InTime(one), Piece::InTime(other)) => one == other,
            (Piece::Bind(_), Piece::Bind(_)) => true,
            (Piece::Text(_) | Piece::Either(..) | Piece::InTime(_) | Piece::Bind(_), _) => false,
        };
        self.pieces.len() == other.pieces.len() && self.pieces.iter().zip(&other.pieces).all(same)
    }

    /// What names the statement among those that a connection keeps prepared, whatever is bound; none where it is
    /// not kept.
    pub fn prepared(&self, on_sqlite: bool) -> Option<u64> {
        self.is_kept(on_sqlite).then(|| {
            let mut hasher = DefaultHasher::new();
            for piece in &self.pieces {
                match piece {
                    Piece::Text(text) => text.hash(&mut hasher),
                    Piece::Either(text, _) => text.hash(&mut hasher),
                    Piece::InTime(alias) => alias.hash(&mut hasher),
                    Piece::Bind(bind) => std::mem::discriminant(bind).hash(&mut hasher),
                }
            }
            hasher.finish()
        })
    }

    fn is_kept(&self, on_sqlite: bool) -> bool {
        !self.volatile && (on_sqlite || !self.planned)
    }

    /// How many values are bound.
    pub fn binds(&self) -> usize {
        self.pieces.iter().filter(|piece| matches!(piece, Piece::Bind(_))).count()
    }

    /// About how long it is, with all that is bound.
    pub fn bytes(&self) -> usize {
        let of_piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.len(),
            Piece::Bind(Bind::Text(text)) => text.len(),
            Piece::Bind(Bind::Bytes(bytes)) => bytes.len(),
            Piece::InTime(alias) => IN_TIME.len() + alias.len(),
            Piece::Either(..)
            | Piece::Bind(Bind::Int(_) | Bind::Real(_) | Bind::NullText | Bind::NullInt) => 8,
        };
        self.pieces.iter().map(of_piece).sum()
    }

    /// Whether its text has this part.
    pub fn mentions(&self, part: &str) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Text(text) if text.contains(part)))
    }

    /// The fragment as a query whose rows have this SQL type.
    pub fn rows<ST>(self) -> Rows<ST> {
        Rows(self, PhantomData)
    }
}

impl<DB> QueryFragment<DB> for Sql
where
    DB: Backend + 'static + HasSqlType<Text> + HasSqlType<BigInt> + HasSqlType<Double> + HasSqlType<Binary>,
    str: ToSql<Text, DB>,
    i64: ToSql<BigInt, DB>,
    f64: ToSql<Double, DB>,
    [u8]: ToSql<Binary, DB>,
    Option<String>: ToSql<Nullable<Text>, DB>,
    Option<i64>: ToSql<Nullable<BigInt>, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let on_sqlite = TypeId::of::<DB>() == TypeId::of::<diesel::sqlite::Sqlite>();
        if !self.is_kept(on_sqlite) {
            out.unsafe_to_cache_prepared();
        }
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_sql(text),
                Piece::Either(text, _) if on_sqlite => out.push_sql(text),
                Piece::Either(_, text) => out.push_sql(text),
                Piece::InTime(number) if on_sqlite => {
                    out.push_sql("likelihood((");
                    out.push_sql(number);
                    out.push_sql(IN_TIME);
                }
                Piece::InTime(_) => {}
                Piece::Bind(Bind::Text(value)) => out.push_bind_param::<Text, str>(value)?,
                Piece::Bind(Bind::Int(value)) => out.push_bind_param::<BigInt, i64>(value)?,
                Piece::Bind(Bind::Real(value)) => out.push_bind_param::<Double, f64>(value)?,
                Piece::Bind(Bind::Bytes(value)) => out.push_bind_param::<Binary, [u8]>(value)?,
                Piece::Bind(Bind::NullText) => {
                    out.push_bind_param::<Nullable<Text>, Option<String>>(&None)?
                }
                Piece::Bind(Bind::NullInt) => out.push_bind_param::<Nullable<BigInt>, Option<i64>>(&None)?,
            }
        }
        Ok(())
    }
}

impl QueryId for Sql {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Conn> RunQueryDsl<Conn> for Sql {}

/// A query whose row type is known; columns are read by position.
pub struct Rows<ST>(Sql, PhantomData<ST>);

impl<ST> Query for Rows<ST> {
    type SqlType = ST;
}

impl<ST> QueryId for Rows<ST> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<ST, DB: Backend> QueryFragment<DB> for Rows<ST>
where
    Sql: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }
}

impl<ST, Conn> RunQueryDsl<Conn> for Rows<ST> {}
