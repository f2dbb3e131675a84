//! A search as it was understood. <https://hl7.org/fhir/R4/search.html>

mod contained;
mod criterion;
mod effort;
mod include;
mod key;
mod nearest;
mod parse;
mod result;
mod span;
mod system;

pub use contained::Among;
pub use contained::Shown;
pub(in crate::search) use criterion::DEEPEST;
pub(in crate::search) use criterion::is_missing;
pub(in crate::search) use criterion::parameter;
pub(in crate::search) use criterion::read as read_criterion;
pub(in crate::search) use criterion::spelling;
pub(in crate::search) use criterion::values;
pub use effort::Effort;
pub use include::Hops;
pub use include::Include;
pub use include::Way;
pub use key::conditional_key;
pub(in crate::search) use parse::Problem;
pub use parse::parse;
pub use system::Types;
pub use system::parse_system;

use jiff::tz::TimeZone;

use crate::fhir::ResourceType;
use crate::fhir::datetime::Micros;
use crate::fhir::datetime::Span;
use crate::search::Mistakes;
use crate::search::page::Edge;
use crate::search::parameter::Kind;
use crate::search::parameter::Parameters;
use crate::search::prefix::Prefix;
use crate::search::sql::Bind;
use crate::search::sql::Sql;
use crate::search::text::Words;

/// What a query is understood against.
#[derive(Debug)]
pub struct Context<'a> {
    /// The search parameters there are.
    pub parameters: &'a Parameters,
    /// In which zone a date without one is read.
    pub zone: &'a TimeZone,
    /// Now, for `ap`.
    pub now: Micros,
    /// What it costs, and where value sets and code systems are looked up.
    pub effort: Effort<'a>,
    /// The URL of this service, whose references are local ones; empty where there is none.
    pub base_url: &'a str,
    /// Whether what turned out to be a mistake is found by who does not ask for it.
    pub mistakes: Mistakes,
    /// Whether unknown parameters are ignored (`Prefer: handling=lenient`) and not refused.
    pub lenient: bool,
    /// How many matches a page has where the query does not say.
    pub default_count: u32,
    /// How many it has at most.
    pub max_count: u32,
}

/// A search on one type, or on several.
#[derive(Clone, Debug)]
pub struct Query {
    /// The type.
    pub ty: ResourceType,
    /// The same search on each further type; the matches of all of them have one order.
    pub also: Vec<Query>,
    /// Whether it is one for contained resources.
    pub is_inside: bool,
    /// Which resources were asked for.
    pub among: Among,
    /// What of a contained resource is shown.
    pub shown: Shown,
    /// Only what stands in this compartment.
    pub compartment: Option<Compartment>,
    /// All of them must hold.
    pub criteria: Vec<Criterion>,
    /// The sort keys, first the most important.
    pub sort: Vec<Sort>,
    /// How many matches a page has; 0 asks for the total alone.
    pub count: u32,
    /// Whether the total is asked for.
    pub total: Total,
    /// Which part of the resources is asked for.
    pub summary: Summary,
    /// The elements that are asked for; all where empty.
    pub elements: Vec<String>,
    /// What goes with the matches.
    pub includes: Vec<Include>,
    /// The parameters that were ignored, each as it came.
    pub ignored: Vec<String>,
    /// The query as it was understood, percent-encoded, for the `self` link.
    pub self_query: String,
    /// Where the page begins or ends; at the beginning of all where it is not said.
    pub edge: Option<Edge>,
}

impl Query {
    /// Whether it is for contained resources, or for them as well.
    pub fn is_about_contained(&self) -> bool {
        self.of_each_type().any(|query| query.is_inside)
    }

    /// Whether a match that stands in another resource is shown by itself.
    pub fn shows_contained(&self) -> bool {
        self.is_about_contained() && self.shown == Shown::Contained
    }

    /// The search on each of its types.
    pub fn of_each_type(&self) -> impl Iterator<Item = &Query> {
        std::iter::once(self).chain(&self.also)
    }

    /// The same search within a compartment, if there is one, and with its page at this edge.
    #[must_use]
    pub fn within(mut self, compartment: Option<&Compartment>, edge: Option<&Edge>) -> Self {
        self.also = self.also.into_iter().map(|other| other.within(compartment, edge)).collect();
        Self { compartment: compartment.cloned(), edge: edge.cloned(), ..self }
    }
}

/// What belongs to one resource. <https://hl7.org/fhir/R4/compartmentdefinition.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compartment {
    /// The type of that resource.
    pub ty: ResourceType,
    /// Its id.
    pub id: String,
}

/// A condition on the resources.
#[derive(Clone, Debug, PartialEq)]
pub struct Criterion {
    /// The condition in one spelling for all that mean the same.
    pub canonical: String,
    /// What must hold.
    pub test: Test,
    /// Whether it must not hold (`:not`).
    pub negated: bool,
}

/// What a criterion looks at.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// `_id` is one of these.
    Id(Vec<String>),
    /// `_lastUpdated` stands so to one of these.
    Updated(Vec<(Prefix, Span)>),
    /// The index has a row of the parameter that meets one of the conditions.
    Index(Rows),
    /// A reference points to a resource that meets a criterion; one pair for each type that it may point to.
    Chain(i64, Vec<(ResourceType, Criterion)>),
    /// A resource of the type, which meets the criterion, points here by the reference with this number.
    Has(ResourceType, i64, Box<Criterion>),
    /// A reference points into a hierarchy.
    Tree(Tree),
    /// The resource has these words.
    Words(Words),
    /// All of these hold.
    All(Vec<Criterion>),
    /// One of these holds.
    Any(Vec<Criterion>),
}

/// References to some resources, and to their parts or to what they are part of.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// The number of the reference.
    pub param: i64,
    /// The type of the resources.
    pub ty: ResourceType,
    /// Their ids.
    pub ids: Vec<String>,
    /// The number of the parameter by which one of them is part of another.
    pub part_of: i64,
    /// Whether what they are part of is meant, and not their parts.
    pub upwards: bool,
}

/// Rows of the index.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// The kind, which names the table.
    pub kind: Kind,
    /// The number of the parameter.
    pub param: i64,
    /// Another whose rows count as well: that of the second where a parameter joins two.
    pub also: Option<i64>,
    /// Any of them; where empty, any row of the parameter (`:missing`).
    pub any: Vec<Condition>,
}

/// A condition on the columns of one index table, but for `param`.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Over the columns by their bare names.
    pub sql: Sql,
    /// The values that the leading columns of the index must have, where the condition says so: with them,
    /// several conditions are a few look-ups and not a scan.
    pub leading: Vec<(&'static str, Vec<Bind>)>,
    /// How narrow it is.
    pub reach: Reach,
}

/// How narrow a condition is: what a plan begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// All columns but the row are given, so that the index has its rows in order.
    Exact,
    /// The leading column is given.
    Equal,
    /// A range of the leading column, or less.
    Range,
    /// A range of numbers of which none ends before this one, which is given in an order-keeping form (see
    /// `search::fold`).
    Upwards(i64),
    /// A span that overlaps with this one, in microseconds, both ends inside; the least or the greatest number where
    /// it has no end.
    Between {
        /// Where it begins.
        from: Micros,
        /// Where it ends.
        to: Micros,
        /// Whether it lies in this one whole.
        whole: bool,
    },
}

/// A sort key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub by: SortBy,
    /// Which way.
    pub order: Order,
    /// The numbers of the two parameters that this one joins.
    pub joins: Option<[i64; 2]>,
}

/// What is sorted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortBy {
    /// `_lastUpdated`.
    Updated,
    /// `_id`.
    Id,
    /// The rows of a parameter.
    Parameter(Kind, i64),
    /// What tells apart those with the same key by that parameter, as its index has it: no request names it.
    Second(Kind, i64),
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The smallest first.
    Ascending,
    /// The largest first.
    Descending,
}

/// What `_total` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// Not said: given where it costs little.
    Default,
    /// None.
    None,
    /// About how many.
    Estimate,
    /// Exactly how many.
    Accurate,
}

/// What `_summary` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Summary {
    /// Whole resources.
    False,
    /// The elements that R4 marks as the summary.
    True,
    /// The narrative and what is mandatory.
    Text,
    /// All but the narrative.
    Data,
    /// The total alone.
    Count,
}
