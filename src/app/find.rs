//! Searching within what the caller may see. <https://hl7.org/fhir/R4/search.html>

use std::collections::BTreeMap;

use crate::access::Action;
use crate::app::included::Includes;
use crate::app::listed;
use crate::app::session::LARGEST_PAGE;
use crate::app::session::Session;
use crate::fhir::Failure;
use crate::fhir::ResourceType;
use crate::search::Edge;
use crate::search::Parameters;
use crate::search::Plan;
use crate::search::Position;
use crate::search::Query;
use crate::search::Restriction;
use crate::search::contained;
use crate::search::parse;
use crate::search::plan;
use crate::search::query::Total;
use crate::store::Db;
use crate::store::Fault;
use crate::store::Hit;
use crate::store::Purpose;
use crate::store::Stored;
use crate::store::matches;
use crate::store::matches::Searcher;

/// What a search found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The matches of this page, in order; one that stands in another is what it is there, by the container's type and
    /// `id#fragment`.
    pub matches: Vec<Stored>,
    /// What goes with them, without doubles and without the matches themselves.
    pub included: Vec<Stored>,
    /// Whether more would go with them than a page may have.
    pub cut: bool,
    /// How many matches there are in all, where that was asked for.
    pub total: Option<i64>,
    /// The row before which the previous page lies, if there is one.
    pub previous: Option<Position>,
    /// The row after which the next page lies, if there is one.
    pub next: Option<Position>,
}

impl Session {
    /// A search: page, includes and total of one state of the database, all of it within what the caller may see.
    ///
    /// # Errors
    /// `Forbidden` without the scope.
    pub fn search(&self, query: &Query) -> Result<Found, Failure> {
        self.search_in(self.for_searches(), query)
    }

    fn search_in(&self, db: &Db, query: &Query) -> Result<Found, Failure> {
        let restriction = self.restriction_of(query)?;
        let search = Searching::of(self, query, &restriction)?;
        if !query.includes.is_empty() || query.shows_contained() {
            return db.snapshot(|conn| search.all(&mut Searcher::of(conn)));
        }
        if search.plan.total.is_none() || search.plan.limit == 0 {
            return db.read(|conn| search.all(&mut Searcher::of(conn)));
        }
        // One statement needs no transaction, whose beginning and end are two more journeys to a server; most first
        // pages have everything.
        if !db.is_embedded() {
            let found = db.read(|conn| search.first(&mut Searcher::of(conn)))?;
            if found.total.is_some() {
                return Ok(found);
            }
        }
        db.snapshot(|conn| search.all(&mut Searcher::of(conn)))
    }

    /// What of the types of a query the caller may find.
    pub(super) fn restriction_of(&self, query: &Query) -> Result<Restriction, Failure> {
        for each in query.of_each_type() {
            self.require(Action::Search, each.ty)?;
        }
        Ok(self.caller().restriction(Action::Search))
    }

    /// Those of these types of which anything is stored and that the caller may search; the first of those that they
    /// may search where nothing is.
    ///
    /// # Errors
    /// `Forbidden` where the caller may search none of them.
    pub fn types_to_search(&self, types: &[ResourceType]) -> Result<Vec<ResourceType>, Failure> {
        let may = |ty: &&ResourceType| self.caller().may(Action::Search, **ty);
        let Some(first) = types.iter().find(may) else {
            return types.iter().try_for_each(|ty| self.require(Action::Search, *ty)).map(|()| Vec::new());
        };
        let stored = self.for_searches().read(|conn| Ok(matches::types(conn)?))?;
        let found: Vec<ResourceType> =
            types.iter().filter(may).filter(|ty| stored.contains(ty)).copied().collect();
        Ok(if found.is_empty() { vec![*first] } else { found })
    }

    /// All matches of a query string, however many; for operations, which depend on the newest writes.
    ///
    /// # Errors
    /// As [`Session::search`]; `Invalid` for a query that cannot be understood.
    pub fn find(&self, ty: ResourceType, criteria: &str) -> Result<Vec<Stored>, Failure> {
        let mut query = parse(&self.context(), ty, criteria)?;
        query.count = LARGEST_PAGE;
        query.total = Total::None;
        let mut all = Vec::new();
        loop {
            let found = self.search_in(&self.app.db, &query)?;
            all.extend(found.matches);
            query.edge = found.next.map(Edge::After);
            if query.edge.is_none() {
                return Ok(all);
            }
        }
    }
}

/// A search with its plan.
pub(super) struct Searching<'a> {
    query: &'a Query,
    parameters: &'a Parameters,
    restriction: &'a Restriction,
    plan: Plan,
}

impl<'a> Searching<'a> {
    /// Plans a search within what the caller may see.
    pub(super) fn of(
        session: &'a Session,
        query: &'a Query,
        restriction: &'a Restriction,
    ) -> Result<Self, Failure> {
        let parameters = session.parameters();
        Ok(Self { query, parameters, restriction, plan: plan(parameters, query, restriction)? })
    }

    /// The page.
    fn first(&self, on: &mut Searcher) -> Result<Found, Fault> {
        listed::check(on, &self.plan)?;
        let mut found = Found::default();
        if self.plan.limit > 0 {
            page(on, &self.plan, self.query, &mut found)?;
        }
        // A first page that has everything has counted it too.
        let is_whole = self.plan.limit > 0 && self.query.edge.is_none() && found.next.is_none();
        if is_whole && self.query.total != Total::None {
            found.total = i64::try_from(found.matches.len()).ok();
        }
        Ok(found)
    }

    /// The page with all that goes with it.
    pub(super) fn all(&self, on: &mut Searcher) -> Result<Found, Fault> {
        let mut found = self.first(on)?;
        if !self.query.includes.is_empty() {
            let includes = Includes {
                all: &self.query.includes,
                parameters: self.parameters,
                restriction: self.restriction,
            };
            let included = includes.follow(on, &found.matches)?;
            (found.included, found.cut) = (included.resources, included.cut);
        }
        if let (None, Some(total)) = (found.total, self.plan.total.clone()) {
            found.total = Some(on.count(Purpose::Total, total)?);
        }
        Ok(found)
    }
}

/// The rows of the page, and where those before and after it lie. A page that was come to from another has that one
/// beside it; on its other side it is the row too many that tells.
fn page(on: &mut Searcher, plan: &Plan, query: &Query, found: &mut Found) -> Result<(), Fault> {
    let mut hits = on.hits(Purpose::Page, plan.page.clone())?;
    let limit = usize::try_from(plan.limit).unwrap_or(usize::MAX);
    let too_many = hits.len() > limit;
    let (before, after) = match query.edge {
        None => (false, too_many),
        Some(Edge::After(_)) => (true, too_many),
        Some(Edge::Before(_)) => (too_many, true),
    };
    match query.edge {
        Some(Edge::Before(_)) => drop(hits.drain(..hits.len().saturating_sub(limit))),
        Some(Edge::After(_)) | None => hits.truncate(limit),
    }
    let position = |hit: &Hit| Position { keys: hit.sort_keys.clone(), rid: hit.stored.rid };
    found.previous = hits.first().filter(|_| before).map(position);
    found.next = hits.last().filter(|_| after).map(position);
    found.matches = hits.into_iter().map(|hit| hit.stored).collect();
    if query.shows_contained() { cut_out(on, &mut found.matches) } else { Ok(()) }
}

/// Gives the matches that stand in others what they are there. Each container is read once, however many match in it,
/// and of all of them only a few stand in memory at once.
fn cut_out(on: &mut Searcher, matches: &mut [Stored]) -> Result<(), Fault> {
    let mut places: BTreeMap<i64, Vec<(usize, i64)>> = BTreeMap::new();
    for (at, stored) in matches.iter().enumerate() {
        if let Some((container, place)) = contained::at(stored.rid) {
            places.entry(container).or_default().push((at, place));
        }
    }
    let containers: Vec<i64> = places.keys().copied().collect();
    for part in on.in_parts(&containers)? {
        for (container, body) in on.bodies(&part)? {
            let inside = places.remove(&container).unwrap_or_default();
            let (at, places): (Vec<usize>, Vec<i64>) = inside.into_iter().unzip();
            for (at, own) in at.into_iter().zip(contained::cut(&body, &places)?) {
                let stored = &mut matches[at];
                (stored.id, stored.body) = (format!("{}#{}", stored.id, own.id), own.body);
            }
        }
    }
    match places.is_empty() {
        true => Ok(()),
        false => Err(Failure::internal("what a contained resource stands in is not there").into()),
    }
}
