//! A search that is carried out to be explained: where it begins and why, and each statement with the database's plan
//! and its time. Only for whoever runs the service: counts and times tell of data that a caller may not see.
//! <https://hl7.org/fhir/R4/search.html>

use crate::app::find::Found;
use crate::app::find::Searching;
use crate::app::session::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::search::Beginning;
use crate::search::Query;
use crate::search::beginnings;
use crate::store::Purpose;
use crate::store::Statement;
use crate::store::matches::Searcher;

/// How a search was carried out.
#[derive(Clone, Debug)]
pub struct Explained {
    /// What it found.
    pub found: Found,
    /// Where the search on each type begins, and what its probe saw, where it has one: how many rows, counted up to
    /// one more than the probe's limit.
    pub beginnings: Vec<(Beginning, Option<i64>)>,
    /// The statements, in the order in which they were run.
    pub statements: Vec<Statement>,
    /// The kind of database.
    pub database: &'static str,
}

impl Session {
    /// Refuses an explanation to whom it tells more than they may know.
    ///
    /// # Errors
    /// `Forbidden` but for a system that may do everything.
    pub fn require_operator(&self) -> Result<(), Failure> {
        if self.caller().is_operator() {
            return Ok(());
        }
        let text = "How a search is carried out is shown to those who run the service alone; it takes the scope \
                    `system/*.cruds` (`system/*.*`).";
        Err(Failure::new(Reason::Forbidden, text))
    }

    /// A search as [`Session::search`] carries it out, with what it took.
    ///
    /// # Errors
    /// `Forbidden` but for a system that may do everything; as [`Session::search`].
    pub fn explain(&self, query: &Query) -> Result<Explained, Failure> {
        self.require_operator()?;
        let restriction = self.restriction_of(query)?;
        let search = Searching::of(self, query, &restriction)?;
        let beginnings = beginnings(self.parameters(), query, &restriction);
        let db = self.for_searches();
        let (found, statements, seen) = db.snapshot(|conn| {
            let mut on = Searcher::noting(conn);
            let found = search.all(&mut on)?;
            let mut seen = Vec::with_capacity(beginnings.len());
            for beginning in &beginnings {
                let count =
                    beginning.probe.as_ref().map(|probe| on.count(Purpose::Probe, probe.count.clone()));
                seen.push(count.transpose()?);
            }
            Ok((found, on.statements()?, seen))
        })?;
        let database = if db.is_embedded() { "SQLite" } else { "PostgreSQL" };
        Ok(Explained { found, beginnings: beginnings.into_iter().zip(seen).collect(), statements, database })
    }
}
