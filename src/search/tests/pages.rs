//! The pages of a search, one after another and back again.

use super::PARAMETERS;
use super::database::Database;
use super::database::Keyed;
use super::database::query;
use crate::search::Edge;
use crate::search::Position;
use crate::search::Query;
use crate::search::Restriction;
use crate::search::plan;

fn ids(rows: &[Keyed]) -> Vec<String> {
    rows.iter().map(|((_, _, id, ..), _)| id.clone()).collect()
}

fn position(((rid, ..), keys): &Keyed) -> Position {
    Position { keys: keys.clone(), rid: *rid }
}

impl Database {
    /// The ids of all pages, one after another.
    pub(super) fn all_pages(&mut self, search: &str) -> Vec<Vec<String>> {
        self.pages(search, &Restriction::none())
    }

    /// The same for one who may not see everything; and back again from the last page, which must give the same.
    pub(super) fn pages(&mut self, search: &str, restriction: &Restriction) -> Vec<Vec<String>> {
        let mut query = query(search).unwrap();
        let mut pages = Vec::new();
        loop {
            let (rows, more) = self.page(&query, restriction);
            pages.push(ids(&rows));
            if !more {
                let back = self.pages_before(&mut query, rows.first(), restriction);
                assert_eq!(back, pages[..pages.len() - 1], "{search} backwards");
                return pages;
            }
            query.edge = rows.last().map(|row| Edge::After(position(row)));
        }
    }

    /// All pages before a row, the first first.
    fn pages_before(
        &mut self,
        query: &mut Query,
        row: Option<&Keyed>,
        restriction: &Restriction,
    ) -> Vec<Vec<String>> {
        let mut pages = Vec::new();
        let Some(mut first) = row.map(position) else { return pages };
        loop {
            query.edge = Some(Edge::Before(first));
            let (rows, more) = self.page(query, restriction);
            let Some(row) = rows.first() else { break };
            first = position(row);
            pages.push(ids(&rows));
            if !more {
                break;
            }
        }
        pages.reverse();
        pages
    }

    /// The rows of a page, and whether there are more beyond it.
    fn page(&mut self, query: &Query, restriction: &Restriction) -> (Vec<Keyed>, bool) {
        let plan = plan(&PARAMETERS, query, restriction).unwrap();
        let mut rows = self.rows(&plan);
        let limit = plan.limit as usize;
        let more = rows.len() > limit;
        match query.edge {
            Some(Edge::Before(_)) => drop(rows.drain(..rows.len().saturating_sub(limit))),
            Some(Edge::After(_)) | None => rows.truncate(limit),
        }
        (rows, more)
    }
}
