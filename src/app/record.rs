//! Everything that belongs to a patient, an encounter or an episode of care, as far as the caller may see it, a page
//! at a time. <https://hl7.org/fhir/R4/patient-operation-everything.html>

use crate::access::Action;
use crate::app::Session;
use crate::app::find::Found;
use crate::fhir::Failure;
use crate::fhir::datetime::Span;
use crate::search::Parameters;
use crate::search::Position;
use crate::search::plan::record_query::Care;
use crate::search::plan::record_query::Part;
use crate::search::plan::record_query::Place;
use crate::search::plan::record_query::RecordQuery;
use crate::search::record_plan;
use crate::store::Hit;
use crate::store::Stored;
use crate::store::matches;

impl Session {
    /// A page of a record: what belongs to it as matches, and at its end what that points to as includes.
    ///
    /// # Errors
    /// Only what the database fails with: what the caller may not see is left out.
    pub fn record(&self, query: &RecordQuery) -> Result<Found, Failure> {
        let restriction = self.caller().restriction(Action::Search);
        let plan = record_plan(&self.app.parameters, query, &restriction);
        let hits = self.app.db.for_searches().read(|conn| Ok(matches::hits(conn, plan.clone())?))?;
        let (own, linked): (Vec<Hit>, Vec<Hit>) = hits.into_iter().partition(is_own);
        let sorted = |hits: Vec<Hit>| {
            let mut all: Vec<Stored> = hits.into_iter().map(|hit| hit.stored).collect();
            all.sort_unstable_by_key(|stored| query.key(stored.ty, &stored.id, stored.rid));
            all
        };
        let mut found = Found { matches: sorted(own), included: sorted(linked), ..Found::default() };
        let count = usize::try_from(query.count).unwrap_or(usize::MAX);
        if found.matches.len() > count {
            found.matches.truncate(count);
            found.next = found.matches.last().map(|last| after(query, Part::Own, last));
            return Ok(found);
        }
        if query.after == Place::START {
            found.total = i64::try_from(found.matches.len()).ok();
        }
        let left = count - found.matches.len();
        if found.included.len() > left {
            found.included.truncate(left);
            let last = found.included.last().map(|last| after(query, Part::Linked, last));
            found.next = last.or_else(|| Some(position(Place { part: Part::Linked, key: 0 })));
        }
        Ok(found)
    }

    /// Care of this time, by the dates that say when it was given.
    pub fn care_of(&self, span: Span) -> Care {
        let parameters: &Parameters = &self.app.parameters;
        let mut care = Care { span, at: Vec::new(), from: Vec::new(), until: Vec::new() };
        for (ty, dates) in &self.app.definitions.care_dates {
            let numbers = |codes: &[String]| {
                let found = codes.iter().filter_map(|code| parameters.find(*ty, code));
                found.map(|parameter| parameter.number).collect::<Vec<i64>>()
            };
            care.at.extend(numbers(&dates.at));
            care.from.extend(numbers(&dates.from));
            care.until.extend(numbers(&dates.until));
        }
        care
    }
}

fn is_own(hit: &Hit) -> bool {
    hit.sort_keys.first().and_then(Option::as_deref) == Some("0")
}

fn after(query: &RecordQuery, part: Part, last: &Stored) -> Position {
    position(Place { part, key: query.key(last.ty, &last.id, last.rid) })
}

/// A place as it stands in a cursor.
fn position(place: Place) -> Position {
    let part = match place.part {
        Part::Own => "own",
        Part::Linked => "linked",
    };
    Position { keys: vec![Some(part.to_owned())], rid: place.key }
}
