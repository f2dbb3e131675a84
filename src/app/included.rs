//! What goes with a page: hop by hop, one statement for each include, whatever the page holds.
//! <https://hl7.org/fhir/R4/search.html#include>

use std::collections::HashSet;

use crate::fhir::ResourceType;
use crate::search::Hop;
use crate::search::Include;
use crate::search::Parameters;
use crate::search::Restriction;
use crate::search::include_plan;
use crate::search::query::Hops;
use crate::store::Fault;
use crate::store::Purpose;
use crate::store::Stored;
use crate::store::matches::Searcher;

/// How many resources go with a page at most; few in tests.
pub const MOST_INCLUDED: usize = if cfg!(test) { 8 } else { 5_000 };

/// How many hops `:iterate` goes at most; few in tests.
pub const MOST_HOPS: usize = if cfg!(test) { 4 } else { 32 };

/// What includes are followed against.
pub(super) struct Includes<'a> {
    /// All of them.
    pub(super) all: &'a [Include],
    /// The search parameters.
    pub(super) parameters: &'a Parameters,
    /// What the caller may see, at each hop.
    pub(super) restriction: &'a Restriction,
}

/// What goes with a page, each resource once and none of the matches.
pub(super) struct Included {
    /// The resources, in the order of the hops.
    pub(super) resources: Vec<Stored>,
    room: usize,
    /// Whether there is more than a page may have.
    pub(super) cut: bool,
}

/// A row from which an include may lead on.
type Row = (i64, ResourceType);

impl Includes<'_> {
    /// Follows all includes from the matches of a page.
    pub(super) fn follow(&self, on: &mut Searcher, matches: &[Stored]) -> Result<Included, Fault> {
        let mut found = Included { resources: Vec::new(), room: MOST_INCLUDED, cut: false };
        let mut from: Vec<Row> = matches.iter().map(row).collect();
        let mut seen: HashSet<i64> = from.iter().map(|(rid, _)| *rid).collect();
        for hop in 0..=MOST_HOPS {
            if hop == MOST_HOPS {
                // One more, to see whether it would bring anything.
                found.room = 0;
            }
            let begun = found.resources.len();
            for include in self.all.iter().filter(|include| hop == 0 || include.hops == Hops::All) {
                let from = self.starts(include, &from);
                if !from.is_empty() && !found.cut {
                    self.step(on, (include, &from), &mut seen, &mut found)?;
                }
            }
            from = found.resources[begun..].iter().map(row).collect();
            if from.is_empty() || found.cut {
                break;
            }
        }
        Ok(found)
    }

    fn starts(&self, include: &Include, from: &[Row]) -> Vec<i64> {
        let fit = from.iter().filter(|(_, ty)| include.begins_at(self.parameters, *ty));
        fit.map(|(rid, _)| *rid).collect()
    }

    fn step(
        &self,
        on: &mut Searcher,
        (include, from): (&Include, &[i64]),
        seen: &mut HashSet<i64>,
        found: &mut Included,
    ) -> Result<(), Fault> {
        // Those that are there already may come again; with one more than there is room for it shows that it is cut.
        let most = found.room + seen.len() + 1;
        let hop = Hop { include, from, most: i64::try_from(most).unwrap_or(i64::MAX) };
        let hits = on.hits(Purpose::Include, include_plan(self.parameters, &hop, self.restriction))?;
        for stored in hits.into_iter().map(|hit| hit.stored) {
            if !seen.insert(stored.rid) {
                continue;
            }
            let Some(room) = found.room.checked_sub(1) else {
                found.cut = true;
                break;
            };
            found.room = room;
            found.resources.push(stored);
        }
        Ok(())
    }
}

fn row(stored: &Stored) -> Row {
    (stored.rid, stored.ty)
}
